/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve_log.h"

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A line being written; what does not fit is left out. */
typedef struct serve_line {
    char *text;
    size_t len;
} serve_line;

static void serve_line_format(serve_line *line, const char *format, ...) COPSE_PRINTF(2, 3);

static void serve_line_format(serve_line *line, const char *format, ...)
{
    size_t room = COPSE_SERVE_LOG_LINE_SIZE - line->len;
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line->text + line->len, room, format, arguments);
    va_end(arguments);
    line->len += len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1;
}

static copse_bytes serve_log_cut(copse_bytes text, size_t len_max)
{
    text.len = text.len < len_max ? text.len : len_max;
    return text;
}

/* What a terminal shows as it is; '?' for all else. */
static void serve_line_plain(serve_line *line, copse_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        serve_line_format(line, "%c", c >= 0x20 && c < 0x7f ? c : '?');
    }
}

/* A string of JSON; a byte that is no UTF-8 as the character of its number. */
static void serve_line_string(serve_line *line, copse_bytes text)
{
    serve_line_format(line, "\"");
    while (text.len > 0) {
        uint32_t code = 0;
        size_t len = copse_text_utf8_char(text, &code);
        if (len == 0) {
            serve_line_format(line, "\\u%04x", (unsigned)text.ptr[0]);
        } else if (code == '"' || code == '\\') {
            serve_line_format(line, "\\%c", (int)code);
        } else if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 ||
                   code == 0x2029) {
            serve_line_format(line, "\\u%04x", (unsigned)code);
        } else {
            serve_line_format(line, "%.*s", (int)len, (const char *)text.ptr);
        }
        len = len > 0 ? len : 1;
        text = (copse_bytes){text.ptr + len, text.len - len};
    }
    serve_line_format(line, "\"");
}

static void serve_line_time(serve_line *line, uint64_t ms)
{
    struct tm parts;
    time_t seconds = (time_t)(ms / 1000);
    char text[32] = "";
    if (gmtime_r(&seconds, &parts) != NULL) {
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    }
    serve_line_format(line, "\"%s.%03uZ\"", text, (unsigned)(ms % 1000));
}

static void serve_log_json(const copse_serve_log *log, const copse_server_request *request,
                           serve_line *line)
{
    serve_line_format(line, "{\"time\":");
    serve_line_time(line, log->env->clock(log->env->clock_ctx));
    serve_line_format(line, ",\"peer\":");
    serve_line_string(line, copse_bytes_of_text(request->peer));
    serve_line_format(line, ",\"method\":");
    serve_line_string(line, serve_log_cut(request->method, COPSE_SERVE_LOG_METHOD_MAX));
    serve_line_format(line, ",\"path\":");
    serve_line_string(line, serve_log_cut(request->target, COPSE_SERVE_LOG_TARGET_MAX));
    serve_line_format(line, ",\"status\":%u,\"bytes\":%llu,\"ms\":%llu,\"cut\":%s}\n",
                      request->status, (unsigned long long)request->sent_bytes,
                      (unsigned long long)request->duration_ms, request->cut ? "true" : "false");
}

static void serve_log_text(const copse_server_request *request, serve_line *line)
{
    serve_line_format(line, "%s \"", request->peer);
    serve_line_plain(line, serve_log_cut(request->method, COPSE_SERVE_LOG_METHOD_MAX));
    serve_line_format(line, " ");
    serve_line_plain(line, request->target.len > 0
                               ? serve_log_cut(request->target, COPSE_SERVE_LOG_TARGET_MAX)
                               : copse_bytes_of_text("-"));
    serve_line_format(line, "\" %u %llu B %llu ms%s\n", request->status,
                      (unsigned long long)request->sent_bytes,
                      (unsigned long long)request->duration_ms, request->cut ? " cut" : "");
}

size_t copse_serve_log_write(const copse_serve_log *log, const copse_server_request *request,
                             char ret_line[COPSE_SERVE_LOG_LINE_SIZE])
{
    /* Each byte of a text becomes six at most, so that what follows it always fits. */
    _Static_assert((COPSE_SERVE_LOG_METHOD_MAX + COPSE_SERVE_LOG_TARGET_MAX) * 6 + 512 <
                       COPSE_SERVE_LOG_LINE_SIZE,
                   "no room for a line");
    serve_line line = {.len = 0};
    line.text = ret_line;
    if (log->json) {
        serve_log_json(log, request, &line);
    } else {
        serve_log_text(request, &line);
    }
    return line.len;
}

void copse_serve_log_request(void *ctx, const copse_server_request *request)
{
    char line[COPSE_SERVE_LOG_LINE_SIZE];
    size_t len = copse_serve_log_write(ctx, request, line);
    (void)fwrite(line, 1, len, stderr); /* one write: lines of several processes don't mix */
}
