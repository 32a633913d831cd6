/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_transfer.h"

#include "base/alloc.h"
#include "base/err.h"
#include "proto/http_range.h"
#include "proto/http_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HTTP_TRANSFER_CONNECT_MS_MAX = 5000,
    HTTP_TRANSFER_HEAD_BYTES_MAX = 64 << 10,
    HTTP_TRANSFER_HEAD_LINES_MAX = 256,
    HTTP_TRANSFER_HEADER_BYTES_MAX = 256 /* of those that are sent */
};

_Static_assert(CURL_MAX_WRITE_SIZE <= COPSE_TRANSPORT_PIECE_MAX, "what libcurl writes fits (X1)");

/* ---- Reasons, in people's words ---- */

static const char *http_transfer_connect_reason(long code)
{
    switch (code) {
    case ECONNREFUSED:
        return "connection refused";
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "no route to the host";
    case ETIMEDOUT:
        return "no connection in time";
    default:
        return "no connection";
    }
}

static const char *http_transfer_reason(CURL *easy, CURLcode code)
{
    long os_errno = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return "no such host";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "no such proxy";
    case CURLE_COULDNT_CONNECT:
        return http_transfer_connect_reason(os_errno);
    case CURLE_OPERATION_TIMEDOUT:
        return "no connection in time";
    case CURLE_GOT_NOTHING:
        return "the connection was closed without an answer";
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return "the connection was cut";
    case CURLE_RECV_ERROR: /* chunks that are none, too */
        return os_errno != 0 ? "the connection was cut" : "the answer is broken";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return "what came is no HTTP";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "the certificate is not trusted";
    case CURLE_SSL_CONNECT_ERROR:
        return "no TLS connection";
    case CURLE_OUT_OF_MEMORY: /* a line of over 100 KiB, too */
        return "out of memory, or its head is too long";
    default:
        return curl_easy_strerror(code);
    }
}

static void http_transfer_fail(copse_http_transfer *transfer, const char *failure)
{
    transfer->ended = true;
    transfer->failure = failure;
    transfer->input_at = transfer->input_len;
    transfer->decoder_holds = false;
}

void copse_http_transfer_end(copse_http_transfer *transfer, CURLcode code)
{
    transfer->ended = true;
    transfer->paused = false;
    if (code != CURLE_OK && transfer->failure == NULL) {
        transfer->failure = http_transfer_reason(transfer->easy, code);
    }
}

/* ---- What libcurl calls ---- */

/* NOLINTBEGIN(readability-non-const-parameter): the types are libcurl's */

/* Heads that come in are counted in on_header: this isn't shown the last line of interim ones. */
static int http_transfer_on_wire(CURL *easy, curl_infotype type, char *bytes, size_t size,
                                 void *ctx)
{
    copse_http_transfer *transfer = ctx;
    (void)easy;
    (void)bytes;
    if (type == CURLINFO_DATA_IN) {
        transfer->stats->received_bytes += size;
    } else if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT) {
        transfer->stats->sent_bytes += size;
    }
    return 0;
}

/* A connection stands, a new one or one that was kept. */
static int http_transfer_on_connection(void *ctx, char *peer_address, char *own_address,
                                       int peer_port, int own_port)
{
    copse_http_transfer *transfer = ctx;
    long connections = 0;
    (void)peer_address;
    (void)own_address;
    (void)peer_port;
    (void)own_port;
    if (curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connections) == CURLE_OK) {
        transfer->stats->connections += (uint64_t)(connections - transfer->connections);
        transfer->connections = connections;
    }
    return CURL_PREREQFUNC_OK;
}

/* Whether the head has no header of this name, or one, which is then given. */
static bool http_transfer_one_header(const copse_http_transfer *transfer, const char *name,
                                     copse_bytes *ret_value)
{
    struct curl_header *header = NULL;
    CURLHcode code = curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header);
    if (code == CURLHE_OK) {
        *ret_value = copse_bytes_of_text(header->value);
    }
    return code == CURLHE_OK ? header->amount == 1 : code == CURLHE_MISSING;
}

/* The head is whole. Of transfer codings only chunks may be: libcurl would undo any, whatever came
 * of it (X1). */
static bool http_transfer_take_head(copse_http_transfer *transfer)
{
    copse_bytes transfer_coding = copse_bytes_of_text("chunked");
    copse_bytes content_coding = copse_bytes_of_text("identity");
    if (!http_transfer_one_header(transfer, "Transfer-Encoding", &transfer_coding) ||
        !copse_http_name_equal(transfer_coding, copse_bytes_of_text("chunked"))) {
        transfer->failure = "its transfer coding is unknown";
    } else if (!http_transfer_one_header(transfer, "Content-Encoding", &content_coding) ||
               !copse_content_coding_find(content_coding, &transfer->coding)) {
        transfer->failure = "its compression is unknown";
    } else if (transfer->is_range && transfer->coding != COPSE_CONTENT_IDENTITY) {
        transfer->failure = "what it gives of the file is compressed"; /* T5 */
    }
    transfer->head_came = transfer->failure == NULL;
    return transfer->head_came;
}

/* Called for each line of a head, of interim ones before it, and of trailers. */
static size_t http_transfer_on_header(char *line, size_t one, size_t len, void *ctx)
{
    copse_http_transfer *transfer = ctx;
    long status = 0;
    (void)one;
    transfer->head_bytes += len;
    transfer->head_lines++;
    if (transfer->head_bytes > HTTP_TRANSFER_HEAD_BYTES_MAX ||
        transfer->head_lines > HTTP_TRANSFER_HEAD_LINES_MAX) {
        transfer->failure = "its head is too long"; /* X4 */
        return 0;
    }
    if (transfer->head_came) {
        return len; /* a trailer, counted as part of the body */
    }
    transfer->stats->received_bytes += len;
    if (line[0] != '\r' && line[0] != '\n') {
        return len;
    }
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status < 200 || http_transfer_take_head(transfer) ? len : 0;
}

static size_t http_transfer_on_body(char *bytes, size_t one, size_t len, void *ctx)
{
    copse_http_transfer *transfer = ctx;
    (void)one;
    if (!transfer->head_came) {
        transfer->failure = "what came is no HTTP"; /* such as a 101 that nobody asked for */
        return 0;
    }
    if (len > COPSE_TRANSPORT_PIECE_MAX - transfer->input_len) {
        transfer->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    memcpy(transfer->memory + transfer->input_len, bytes, len);
    transfer->input_len += len;
    return len;
}

/* NOLINTEND(readability-non-const-parameter) */

/* ---- Making a request ---- */

static bool http_transfer_is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0 ||
           copse_http_name_equal(copse_bytes_of_text(host), copse_bytes_of_text("localhost"));
}

/* Checks the URL, and sets what depends on it: no proxy to this machine, and connections that many
 * requests may share are waited for only where there may be some (HTTP/2 comes with TLS). */
static copse_status http_transfer_set_url(copse_http_transfer *transfer, const char *text,
                                          copse_err *err)
{
    char *scheme = NULL;
    char *host = NULL;
    CURLU *url = curl_url();
    if (url == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    code = code == CURLUE_OK ? curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) : code;
    code = code == CURLUE_OK ? curl_url_get(url, CURLUPART_HOST, &host, 0) : code;
    copse_status status = COPSE_OK;
    if (code == CURLUE_OUT_OF_MEMORY) {
        status = COPSE_ERR_NOMEM(err);
    } else if (code != CURLUE_OK || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        status = COPSE_ERR(err, COPSE_MISUSE, "'%s' is no http: or https: URL", text);
    } else if (curl_easy_setopt(transfer->easy, CURLOPT_URL, text) != CURLE_OK ||
               (http_transfer_is_loopback(host) &&
                curl_easy_setopt(transfer->easy, CURLOPT_PROXY, "") != CURLE_OK) ||
               curl_easy_setopt(transfer->easy, CURLOPT_PIPEWAIT,
                                strcmp(scheme, "https") == 0 ? 1L : 0L) != CURLE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(url);
    return status;
}

static copse_status http_transfer_add_header(copse_http_transfer *transfer, const char *name,
                                             const char *value, copse_err *err)
{
    char line[HTTP_TRANSFER_HEADER_BYTES_MAX];
    int len = snprintf(line, sizeof line, "%s: %s", name, value);
    if (len < 0 || (size_t)len >= sizeof line || strpbrk(value, "\r\n") != NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "the header %s is too long, or more than a line", name);
    }
    struct curl_slist *headers = curl_slist_append(transfer->headers, line);
    if (headers == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    transfer->headers = headers;
    return COPSE_OK;
}

static copse_status http_transfer_set_headers(copse_http_transfer *transfer,
                                              const copse_transport_request *request,
                                              copse_err *err)
{
    char range[64];
    transfer->is_range = request->range_size > 0;
    copse_status status = http_transfer_add_header(
        transfer, "Accept-Encoding", transfer->is_range ? "identity" : COPSE_CONTENT_CODINGS, err);
    if (status == COPSE_OK && transfer->is_range) {
        (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, request->range_from,
                       request->range_from + request->range_size - 1);
        status = http_transfer_add_header(transfer, "Range", range, err);
    }
    if (status == COPSE_OK && request->accept != NULL) {
        status = http_transfer_add_header(transfer, "Accept", request->accept, err);
    }
    if (status == COPSE_OK && request->last_event_id != NULL) {
        status = http_transfer_add_header(transfer, "Last-Event-ID", request->last_event_id, err);
    }
    if (status == COPSE_OK && request->content_type != NULL) {
        status = http_transfer_add_header(transfer, "Content-Type", request->content_type, err);
    }
    if (status == COPSE_OK) {
        /* Without a value libcurl leaves the header out: "Expect: 100-continue" costs a round
         * trip. */
        struct curl_slist *headers = curl_slist_append(transfer->headers, "Expect:");
        transfer->headers = headers != NULL ? headers : transfer->headers;
        if (headers == NULL || curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, headers) != 0) {
            status = COPSE_ERR_NOMEM(err);
        }
    }
    return status;
}

static bool http_transfer_set_body(copse_http_transfer *transfer,
                                   const copse_transport_request *request)
{
    uint8_t *body = transfer->memory + COPSE_TRANSPORT_PIECE_MAX;
    if (request->content_type == NULL) {
        return true;
    }
    if (request->body.len > 0) {
        memcpy(body, request->body.ptr, request->body.len);
    }
    return curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L) == CURLE_OK &&
           (!request->is_put ||
            curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, "PUT") == CURLE_OK) &&
           curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t)request->body.len) == CURLE_OK &&
           curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, body) == CURLE_OK;
}

/* Certificates that are trusted instead of the system's: as programs that use OpenSSL have it. */
static bool http_transfer_set_ca(CURL *easy)
{
    const char *path = getenv("SSL_CERT_FILE");
    return path == NULL || path[0] == '\0' ||
           curl_easy_setopt(easy, CURLOPT_CAINFO, path) == CURLE_OK;
}

/* What all requests have in common. Redirects are off by default. */
static bool http_transfer_set_options(copse_http_transfer *transfer)
{
    CURL *easy = transfer->easy;
    return http_transfer_set_ca(easy) &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "copse/" COPSE_VERSION) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_TRANSFER_CONNECT_MS_MAX) ==
               CURLE_OK &&
           /* A cancel doesn't wait for a thread that looks up a name. */
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) == CURLE_OK && /* for the one below */
           curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, http_transfer_on_wire) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_DEBUGDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, http_transfer_on_connection) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_transfer_on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_transfer_on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
}

copse_status copse_http_transfer_new(const copse_env *env, copse_transport_stats *stats,
                                     uint64_t id, const copse_transport_request *request,
                                     copse_http_transfer **ret_transfer, copse_err *err)
{
    copse_http_transfer *transfer = copse_alloc_zeroed(env, sizeof *transfer);
    if (transfer == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = COPSE_OK;
    transfer->env = env;
    transfer->stats = stats;
    transfer->id = id;
    transfer->memory_size = COPSE_TRANSPORT_PIECE_MAX + request->body.len;
    transfer->memory = copse_alloc(env, transfer->memory_size);
    transfer->easy = curl_easy_init();
    if (transfer->memory == NULL || transfer->easy == NULL ||
        !http_transfer_set_options(transfer) || !http_transfer_set_body(transfer, request)) {
        status = COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK) {
        status = http_transfer_set_url(transfer, request->url, err);
    }
    if (status == COPSE_OK) {
        status = http_transfer_set_headers(transfer, request, err);
    }
    if (status != COPSE_OK) {
        (void)copse_http_transfer_free(transfer);
        return status;
    }
    *ret_transfer = transfer;
    return COPSE_OK;
}

copse_http_transfer *copse_http_transfer_free(copse_http_transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    (void)copse_content_decoder_free(transfer->decoder);
    copse_free(transfer->env, transfer->memory, transfer->memory_size);
    copse_free(transfer->env, transfer, sizeof *transfer);
    return NULL;
}

/* ---- Handing out ---- */

bool copse_http_transfer_is_ready(const copse_http_transfer *transfer)
{
    return transfer->ended || transfer->input_at < transfer->input_len || transfer->decoder_holds ||
           (transfer->head_came && !transfer->head_given);
}

/* The first header of this name in the answer's head, or NULL. */
static const char *http_transfer_header(const copse_http_transfer *transfer, const char *name)
{
    struct curl_header *header = NULL;
    return curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : NULL;
}

static uint32_t http_transfer_retry_after_ms(const char *text)
{
    uint64_t ms = 0;
    if (text == NULL || *text == '\0') {
        return 0;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        ms = ms * 10 + 1000 * (uint64_t)(*text - '0');
        ms = ms < UINT32_MAX ? ms : UINT32_MAX;
    }
    return *text == '\0' ? (uint32_t)ms : 0;
}

/* What the head says of the whole, and of the part of it that comes. */
static void http_transfer_give_range(const copse_http_transfer *transfer,
                                     copse_transport_event *ret_event)
{
    copse_http_content_range range;
    const char *part = http_transfer_header(transfer, "Content-Range");
    const char *length = http_transfer_header(transfer, "Content-Length");
    if (ret_event->status == 206 && part != NULL &&
        copse_http_content_range_parse(copse_bytes_of_text(part), &range)) {
        ret_event->range_from = range.from;
        ret_event->range_size = range.size;
        ret_event->total_size = range.total;
    } else if (ret_event->status == 200 && length != NULL) {
        (void)copse_http_number_parse(copse_bytes_of_text(length), &ret_event->total_size);
    }
}

static void http_transfer_give_head(copse_http_transfer *transfer, copse_transport_event *ret_event)
{
    long status = 0;
    const char *type = http_transfer_header(transfer, "Content-Type");
    const char *root = http_transfer_header(transfer, "Copse-Root");
    const char *etag = http_transfer_header(transfer, "ETag");
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->head_given = true;
    ret_event->kind = COPSE_TRANSPORT_HEAD;
    ret_event->status = (unsigned)status;
    ret_event->retry_after_ms =
        http_transfer_retry_after_ms(http_transfer_header(transfer, "Retry-After"));
    if (type != NULL) {
        ret_event->content_type = (copse_bytes){(const uint8_t *)type, strcspn(type, "; \t")};
    }
    if (root != NULL) {
        ret_event->copse_root = copse_bytes_of_text(root);
    }
    if (etag != NULL) {
        ret_event->etag = copse_bytes_of_text(etag);
    }
    http_transfer_give_range(transfer, ret_event);
}

/* Decodes on. END: what there was is not enough for a byte. */
static copse_status http_transfer_decode(copse_http_transfer *transfer, uint8_t *piece,
                                         copse_bytes *ret_body, copse_err *err)
{
    copse_bytes input = {transfer->memory + transfer->input_at,
                         transfer->input_len - transfer->input_at};
    size_t len = 0;
    copse_status status = COPSE_OK;
    if (transfer->decoder == NULL) {
        status =
            copse_content_decoder_new(transfer->env, transfer->coding, &transfer->decoder, err);
    }
    if (status == COPSE_OK) {
        status = copse_content_decoder_step(transfer->decoder, &input, piece,
                                            COPSE_TRANSPORT_PIECE_MAX, &len, err);
    }
    if (status != COPSE_OK) {
        http_transfer_fail(transfer, status == COPSE_NOMEM   ? "out of memory"
                                     : status == COPSE_LIMIT ? "its compression window is too long"
                                                             : "its compression is broken");
        return status == COPSE_NOMEM ? COPSE_NOMEM : COPSE_END;
    }
    transfer->input_at = transfer->input_len - input.len;
    transfer->decoder_holds = len == COPSE_TRANSPORT_PIECE_MAX;
    *ret_body = (copse_bytes){piece, len};
    return len > 0 ? COPSE_OK : COPSE_END;
}

/* All that came was handed out. */
static void http_transfer_give_end(copse_http_transfer *transfer, copse_transport_event *ret_event)
{
    if (transfer->failure == NULL && !transfer->head_came) {
        transfer->failure = "the connection was cut"; /* within the head: no failure to libcurl */
    } else if (transfer->failure == NULL && transfer->decoder != NULL &&
               !copse_content_decoder_is_whole(transfer->decoder)) {
        transfer->failure = "its compressed body ends too soon";
    }
    ret_event->kind = transfer->failure == NULL ? COPSE_TRANSPORT_END : COPSE_TRANSPORT_FAILED;
    ret_event->reason = transfer->failure;
}

copse_status copse_http_transfer_next(copse_http_transfer *transfer,
                                      uint8_t piece[COPSE_TRANSPORT_PIECE_MAX],
                                      copse_transport_event *ret_event, copse_err *err)
{
    copse_transport_event event = {.request = transfer->id};
    if (transfer->head_came && !transfer->head_given) {
        http_transfer_give_head(transfer, &event);
    } else if (transfer->input_at < transfer->input_len || transfer->decoder_holds) {
        event.kind = COPSE_TRANSPORT_BODY;
        if (transfer->coding == COPSE_CONTENT_IDENTITY) {
            event.body = (copse_bytes){transfer->memory + transfer->input_at,
                                       transfer->input_len - transfer->input_at};
            transfer->input_at = transfer->input_len;
        } else {
            copse_status status = http_transfer_decode(transfer, piece, &event.body, err);
            if (status != COPSE_OK) {
                return status;
            }
        }
    } else {
        http_transfer_give_end(transfer, &event);
    }
    *ret_event = event;
    return COPSE_OK;
}

void copse_http_transfer_resume(copse_http_transfer *transfer)
{
    if (transfer->input_at == transfer->input_len) {
        transfer->input_at = 0;
        transfer->input_len = 0;
        if (transfer->paused) {
            transfer->paused = false;
            CURLcode code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
            if (code != CURLE_OK) {
                copse_http_transfer_end(transfer, code);
            }
        }
    }
}
