/* copse serve: hands databases out over HTTP.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "failure.h"
#include "local.h"
#include "text.h"

#include <copse/server.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERVE_DATABASES_MAX = 256,
    SERVE_ADDRESS_SIZE = 64,
    SERVE_PORT_DEFAULT = 4180,
    SERVE_URL_SIZE = 512
};

static const copse_option serve_options[] = {
    {"--listen", "ADDRESS:PORT", COPSE_OPTION_TEXT,
     "where to listen (127.0.0.1:4180); port 0: a free one", 0},
    {"--ref", "NAME", COPSE_OPTION_TEXT, "the ref that is the head, instead of main", 0},
    {"--verbose", NULL, COPSE_OPTION_FLAG, "tell of each request on stderr", 'v'},
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct serve {
    copse_call *call;
    char address[SERVE_ADDRESS_SIZE];
    uint16_t port;
    copse_server *server;
    copse_local *locals;
    size_t locals_count;
} serve;

/* What the signals stop: a handler gets nothing else. Set while the server runs. */
static copse_server *volatile serve_running;

static void serve_on_signal(int number)
{
    (void)number;
    copse_server_stop(serve_running);
}

static bool serve_catch_signals(void)
{
    struct sigaction stop = {.sa_handler = serve_on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    return sigaction(SIGINT, &stop, NULL) == 0 && sigaction(SIGTERM, &stop, NULL) == 0 &&
           sigaction(SIGPIPE, &ignore, NULL) == 0;
}

/* Reads "ADDRESS:PORT", "[ADDRESS]:PORT", ":PORT", "PORT" or "ADDRESS". */
static bool serve_parse_listen(serve *self, const char *text)
{
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[' && strchr(text, ']') != NULL;
    bool port_only = colon == NULL && strspn(text, "0123456789") == strlen(text);
    const char *start = bracketed ? text + 1 : text;
    const char *end = bracketed   ? strchr(text, ']')
                      : port_only ? text
                      : colon     ? colon
                                  : text + strlen(text);
    const char *port = port_only ? text : colon != NULL && colon >= end ? colon + 1 : "";
    uint64_t number = SERVE_PORT_DEFAULT;
    size_t len = (size_t)(end - start);
    if ((port[0] != '\0' && !copse_text_to_count(port, &number)) || number > UINT16_MAX ||
        len >= sizeof self->address) {
        return false;
    }
    (void)snprintf(self->address, sizeof self->address, "%.*s", (int)len,
                   len > 0 ? start : "127.0.0.1");
    if (len == 0) {
        (void)snprintf(self->address, sizeof self->address, "127.0.0.1");
    }
    self->port = (uint16_t)number;
    return true;
}

static copse_status serve_refresh(void *ctx, copse_err *err)
{
    copse_local *local = ctx;
    return copse_pack_db_refresh(local->db, err);
}

static void serve_log(void *ctx, const char *line)
{
    (void)ctx;
    (void)fprintf(stderr, "%s\n", line);
}

/* The name of a database: the last part of its path, without ".copse". */
static bool serve_name(const char *path, char ret_name[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1])
{
    const char *suffix = ".copse";
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    size_t len = end - start;
    if (len > strlen(suffix) && strncmp(path + end - strlen(suffix), suffix, strlen(suffix)) == 0) {
        len -= strlen(suffix);
    }
    if (len > COPSE_SERVED_NAME_SIZE_BYTES_MAX) {
        return false;
    }
    memcpy(ret_name, path + start, len);
    ret_name[len] = '\0';
    return true;
}

/* Opens a store and adds it to the server. */
static bool serve_add(serve *self, const char *path)
{
    copse_call *call = self->call;
    char name[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1];
    copse_local *local = &self->locals[self->locals_count];
    if (!serve_name(path, name)) {
        (void)copse_failure_usage(call, "the name of '%s' is too long", path);
        return false;
    }
    if (!copse_local_open(local, call, path, COPSE_LOCAL_READ)) {
        return false;
    }
    self->locals_count++;
    copse_served served = {
        .name = name,
        .store = local->store,
        .refs = local->refs,
        .ref = copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT),
        .refresh = serve_refresh,
        .ctx = local,
    };
    copse_status status = copse_server_add(self->server, &served, &call->err);
    if (status == COPSE_CONFLICT) {
        (void)copse_failure(call, status, "databases are served by the names of their folders",
                            "'%s': %s", path, call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s'", path);
    }
    return status == COPSE_OK;
}

static void serve_url(const serve *self, char ret_url[SERVE_URL_SIZE])
{
    bool v6 = strchr(self->address, ':') != NULL;
    (void)snprintf(ret_url, SERVE_URL_SIZE, "http://%s%s%s:%u", v6 ? "[" : "", self->address,
                   v6 ? "]" : "", (unsigned)copse_server_port(self->server));
}

/* Tells where it is, before the first request. */
static void serve_announce(serve *self)
{
    copse_output *out = &self->call->output;
    char url[SERVE_URL_SIZE];
    char name[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1];
    serve_url(self, url);
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "url", url);
        copse_output_begin_array(out, "databases");
    }
    for (size_t i = 0; i < self->locals_count; i++) {
        (void)serve_name(self->locals[i].path, name);
        if (out->json) {
            copse_output_begin_member(out, NULL);
            copse_output_text(out, "name", name);
            copse_output_text(out, "path", self->locals[i].path);
            copse_output_end_member(out);
        } else {
            copse_output_format(out, "%s/copse/v1/%s\n", url, name);
        }
    }
    if (out->json) {
        copse_output_end_array(out);
        copse_output_end(out);
    } else {
        (void)serve_name(self->locals[0].path, name);
        copse_note(self->call, "Try: curl %s/copse/v1/%s   Ctrl-C stops.", url, name);
    }
    (void)copse_output_flush(out);
}

static int serve_listen(serve *self)
{
    copse_call *call = self->call;
    copse_server_options options = {
        .address = self->address,
        .port = self->port,
        .log = copse_options_has(&call->options, "--verbose") ? serve_log : NULL,
    };
    copse_status status = copse_server_new(&call->env, &options, &self->server, &call->err);
    if (status == COPSE_OK) {
        return COPSE_EXIT_OK;
    }
    return copse_failure(call, status,
                         "another program may have it, or it is none of this machine: --listen "
                         "ADDRESS:PORT names another",
                         "%s:%u: %s", self->address, (unsigned)self->port, call->err.message);
}

static int serve_all(serve *self)
{
    copse_call *call = self->call;
    int code = serve_listen(self);
    for (size_t i = 0; code == COPSE_EXIT_OK && i < call->options.arguments_count; i++) {
        code = serve_add(self, call->options.arguments[i]) ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
    }
    if (code != COPSE_EXIT_OK) {
        return code;
    }
    serve_running = self->server;
    if (!serve_catch_signals()) {
        return copse_failure(call, COPSE_IO, NULL, "signals can't be caught");
    }
    serve_announce(self);
    copse_status status = copse_server_run(self->server, &call->err);
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_failure_of(call, status, "the server");
}

static int serve_run(copse_call *call)
{
    serve self = {.call = call};
    const char *listen = copse_options_text(&call->options, "--listen", "127.0.0.1:4180");
    if (!serve_parse_listen(&self, listen)) {
        return copse_failure_usage(call, "'%s' is no ADDRESS:PORT", listen);
    }
    if (call->options.arguments_count > SERVE_DATABASES_MAX) {
        return copse_failure_usage(call, "at most %d databases at once", SERVE_DATABASES_MAX);
    }
    self.locals = calloc(call->options.arguments_count, sizeof *self.locals);
    if (self.locals == NULL) {
        return copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
    }
    int code = serve_all(&self);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    self.server = copse_server_free(self.server);
    for (size_t i = 0; i < self.locals_count; i++) {
        copse_local_close(&self.locals[i]);
    }
    free(self.locals);
    return code;
}

const copse_command copse_command_serve = {
    .name = "serve",
    .arguments = "DB...",
    .summary = "Hand databases out over HTTP, read-only",
    .details =
        "Each is served under the name of its folder, without .copse: its head at\n"
        "/copse/v1/NAME, and every block of it at /ipfs/CID, as an IPFS trustless gateway does.\n"
        "What others commit meanwhile is seen. Anyone who can reach the address can read all of\n"
        "it. Stops at SIGINT or SIGTERM, when the answers that run are sent.\n",
    .options = serve_options,
    .examples = "copse serve blog.copse\n"
                "copse serve blog.copse archive.copse --listen 0.0.0.0:8080 --verbose",
    .run = serve_run,
};
