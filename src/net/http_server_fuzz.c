/* A whole server and one client of a real socket, in one thread: the input's first two bytes say
 * how the bytes behind them are sent (in pieces of what sizes, read or not meanwhile, how it ends).
 * None of it may crash or leak, and a client that reads to the end gets as many answers as the
 * reader alone makes of the same bytes (http_trace.h), up to the one that closes.
 *
 * No time plays a part: the loop is turned by hand, and the server's timer, by which its deadlines
 * are looked at, is never started.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "net/http_connection.h"

#include <copse/sys/os.h>

#include "support/fuzz.h"
#include "support/http_letters.h"
#include "support/http_trace.h"
#include "support/test_env.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FUZZ_TURNS_MAX = 400, FUZZ_BYTES_MAX = 16 << 10, FUZZ_PEAK_BYTES_MAX = 512 << 10 };

enum fuzz_mode {
    FUZZ_READS = 1,  /* while it sends */
    FUZZ_RESETS = 2, /* at the end, instead of reading */
    FUZZ_LEAVES = 4  /* closes at the end, likewise */
};

typedef struct fuzz_client {
    http_letters letters;
    int fd;
    copse_buf got;
    bool ended;
} fuzz_client;

static void fuzz_turn(fuzz_client *self)
{
    (void)uv_run(&self->letters.server->loop, UV_RUN_NOWAIT);
}

static void fuzz_connect(fuzz_client *self)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    to.sin_port = htons(copse_http_server_port(self->letters.server));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->fd = socket(AF_INET, SOCK_STREAM, 0);
    fuzz_must(self->fd >= 0);
    /* libFuzzer's alarm interrupts a connect; the next one goes on with it. */
    int code = connect(self->fd, (struct sockaddr *)&to, sizeof to);
    while (code != 0 && errno == EINTR) {
        code = connect(self->fd, (struct sockaddr *)&to, sizeof to);
    }
    fuzz_must(code == 0 || errno == EISCONN);
    fuzz_turn(self);
}

static void fuzz_read(fuzz_client *self)
{
    uint8_t bytes[8192];
    ssize_t got = recv(self->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    while (got > 0) {
        fuzz_must(copse_buf_append(&self->got, (copse_bytes){bytes, (size_t)got}) == COPSE_OK);
        got = recv(self->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    }
    self->ended = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* True: all was sent. */
static bool fuzz_send(fuzz_client *self, copse_bytes bytes, uint64_t *random, bool reads)
{
    for (size_t turns = 0; bytes.len > 0 && !self->ended && turns < FUZZ_TURNS_MAX; turns++) {
        size_t max = (size_t)1 << test_random_below(random, 12);
        ssize_t sent = send(self->fd, bytes.ptr, max < bytes.len ? max : bytes.len,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            bytes = (copse_bytes){bytes.ptr + sent, bytes.len - (size_t)sent};
        }
        fuzz_turn(self);
        if (reads) {
            fuzz_read(self);
        }
    }
    return bytes.len == 0;
}

/* Reads to the end. True: there was one. */
static bool fuzz_finish(fuzz_client *self)
{
    (void)shutdown(self->fd, SHUT_WR);
    for (size_t turns = 0; !self->ended && turns < FUZZ_TURNS_MAX; turns++) {
        fuzz_turn(self);
        fuzz_read(self);
    }
    return self->ended;
}

static size_t fuzz_count(const copse_buf *buf, const char *text)
{
    size_t count = 0;
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= buf->len; i++) {
        count += memcmp(buf->ptr + i, text, len) == 0 ? 1 : 0;
    }
    return count;
}

/* The answers that are due: to each whole request and refusal, up to the first one that closes. */
static size_t fuzz_answers(const copse_env *env, copse_bytes bytes)
{
    copse_buf trace;
    size_t count = 0;
    bool closes = false;
    copse_buf_init(&trace, env, SIZE_MAX / 2);
    fuzz_must(http_trace(env, bytes, NULL, NULL, &trace) == COPSE_OK);
    copse_bytes rest = copse_buf_view(&trace);
    while (rest.len > 0 && !closes) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        copse_bytes line = {rest.ptr, end != NULL ? (size_t)(end - rest.ptr) + 1 : rest.len};
        copse_buf view = {.ptr = (uint8_t *)line.ptr, .len = line.len};
        bool refuses = copse_bytes_has_prefix(line, copse_bytes_of_text("REFUSE "));
        bool is_head = copse_bytes_has_prefix(line, copse_bytes_of_text("HEAD "));
        bool is_end = copse_bytes_has_prefix(line, copse_bytes_of_text("END "));
        count += refuses || is_end ? 1 : 0;
        closes = refuses || (is_head && fuzz_count(&view, " close ") > 0);
        if (closes && is_head) {
            /* It is answered if it is whole. */
            copse_buf behind = {.ptr = (uint8_t *)line.ptr + line.len, .len = rest.len - line.len};
            count += fuzz_count(&behind, "END ") + fuzz_count(&behind, "REFUSE ") > 0 ? 1 : 0;
        }
        rest = (copse_bytes){rest.ptr + line.len, rest.len - line.len};
    }
    copse_buf_release(&trace);
    return count;
}

static void fuzz_limits(copse_limits *limits)
{
    limits->http_url_bytes_max = 256;
    limits->http_head_bytes_max = 512;
    limits->http_headers_max = 6;
    limits->http_body_bytes_max = 64;
}

/* Compares what came with what is due; bodies that are cut, or that trickle, end it before. */
static void fuzz_compare(const fuzz_client *self, const copse_env *env, copse_bytes bytes, bool all)
{
    const copse_buf input = {.ptr = (uint8_t *)bytes.ptr, .len = bytes.len};
    size_t answers = fuzz_count(&self->got, "HTTP/1.1 ") - fuzz_count(&self->got, "HTTP/1.1 100 ");
    size_t due = fuzz_answers(env, bytes);
    fuzz_must(answers <= due);
    if (all && self->letters.cuts == 0 && fuzz_count(&input, "/trickle/") == 0) {
        fuzz_must(answers == due);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_client self = {.fd = -1};
    copse_env own;
    if (size < 2 || size > FUZZ_BYTES_MAX) {
        return 0;
    }
    unsigned mode = data[0];
    uint64_t random = data[1];
    copse_bytes bytes = {data + 2, size - 2};
    (void)signal(SIGPIPE, SIG_IGN); /* as a program that serves does */
    copse_env_init(&own);
    fuzz_limits(&own.limits);
    copse_buf_init(&self.got, &own, SIZE_MAX / 2);
    http_letters_init(&self.letters);
    fuzz_limits(&self.letters.env.env.limits);
    http_letters_make(&self.letters);
    fuzz_connect(&self);
    bool all = fuzz_send(&self, bytes, &random, (mode & FUZZ_READS) != 0);
    if ((mode & FUZZ_RESETS) != 0) {
        const struct linger reset = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(self.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    } else if ((mode & FUZZ_LEAVES) == 0 && fuzz_finish(&self)) {
        fuzz_compare(&self, &own, bytes, all);
    }
    (void)close(self.fd);
    fuzz_turn(&self);
    fuzz_must(self.letters.env.peak_bytes < FUZZ_PEAK_BYTES_MAX);
    copse_buf_release(&self.got);
    http_letters_end(&self.letters);
    return 0;
}
