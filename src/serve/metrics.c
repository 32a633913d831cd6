/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/metrics.h"

#include <stdio.h>

/* The statuses that are counted by themselves; another counts as the last. */
static const unsigned metrics_statuses[] = {200, 204, 206, 304, 400, 404, 405, 406, 408, 412, 413,
                                            414, 416, 417, 429, 431, 500, 501, 503, 505, 0};

enum { METRICS_STATUSES_COUNT = sizeof metrics_statuses / sizeof metrics_statuses[0] };

_Static_assert((int)METRICS_STATUSES_COUNT <= (int)COPSE_METRICS_STATUSES_MAX,
               "a row is too short");

void copse_metrics_add(copse_metrics *metrics, size_t route, const copse_http_exchange *exchange)
{
    size_t at = 0;
    while (at + 1 < METRICS_STATUSES_COUNT && metrics_statuses[at] != exchange->status) {
        at++;
    }
    metrics->requests[route][at]++;
    metrics->cut += exchange->cut ? 1 : 0;
    metrics->duration_ms += exchange->duration_ms;
}

void copse_counts_add(copse_counts *counts, const copse_counts *other)
{
    copse_metrics *metrics = &counts->metrics;
    copse_http_server_stats *http = &counts->http;
    for (size_t route = 0; route < COPSE_METRICS_ROUTES_MAX; route++) {
        for (size_t at = 0; at < COPSE_METRICS_STATUSES_MAX; at++) {
            metrics->requests[route][at] += other->metrics.requests[route][at];
        }
    }
    metrics->cut += other->metrics.cut;
    metrics->blocks_sent += other->metrics.blocks_sent;
    metrics->answers_short += other->metrics.answers_short;
    metrics->duration_ms += other->metrics.duration_ms;
    http->accepted += other->http.accepted;
    http->refused += other->http.refused;
    http->dropped += other->http.dropped;
    http->connections += other->http.connections;
    http->received_bytes += other->http.received_bytes;
    http->sent_bytes += other->http.sent_bytes;
    counts->memory_bytes += other->memory_bytes;
}

void copse_counts_end(copse_counts *counts)
{
    counts->http.connections = 0;
    counts->memory_bytes = 0;
}

static copse_status metrics_text(copse_buf *buf, const char *text)
{
    return copse_buf_append(buf, copse_bytes_of_text(text));
}

static copse_status metrics_one(copse_buf *buf, const char *name, const char *kind,
                                const char *help, uint64_t value)
{
    char text[512];
    (void)snprintf(text, sizeof text, "# HELP copse_%s %s\n# TYPE copse_%s %s\ncopse_%s %llu\n",
                   name, help, name, kind, name, (unsigned long long)value);
    return metrics_text(buf, text);
}

static copse_status metrics_requests(const copse_metrics *metrics, const char *const *names,
                                     copse_buf *buf)
{
    copse_status status = metrics_text(
        buf, "# HELP copse_http_requests_total Requests answered, by route and status.\n"
             "# TYPE copse_http_requests_total counter\n");
    for (size_t route = 0; status == COPSE_OK && route < COPSE_METRICS_ROUTES_MAX; route++) {
        for (size_t at = 0; status == COPSE_OK && at < METRICS_STATUSES_COUNT; at++) {
            char text[160];
            if (metrics->requests[route][at] > 0) {
                (void)snprintf(text, sizeof text,
                               "copse_http_requests_total{route=\"%s\",status=\"%u\"} %llu\n",
                               names[route], metrics_statuses[at],
                               (unsigned long long)metrics->requests[route][at]);
                status = metrics_text(buf, text);
            }
        }
    }
    return status;
}

copse_status copse_metrics_write(const copse_counts *counts,
                                 const char *const names[COPSE_METRICS_ROUTES_MAX], copse_buf *buf)
{
    const copse_metrics *metrics = &counts->metrics;
    const copse_http_server_stats *stats = &counts->http;
    const struct metrics_row {
        const char *name;
        const char *kind;
        const char *help;
        uint64_t value;
    } rows[] = {
        {"http_answers_cut_total", "counter", "Answers that were not sent to their end.",
         metrics->cut},
        {"http_answer_milliseconds_total", "counter", "Time from requests to answers' ends.",
         metrics->duration_ms},
        {"http_received_bytes_total", "counter", "Bytes received.", stats->received_bytes},
        {"http_sent_bytes_total", "counter", "Bytes of answers that ended, with heads.",
         stats->sent_bytes},
        {"blocks_sent_total", "counter", "Blocks sent, raw or in CARs.", metrics->blocks_sent},
        {"answers_short_total", "counter", "Answers to queries that ended early.",
         metrics->answers_short},
        {"http_connections", "gauge", "Connections that are open.", stats->connections},
        {"http_connections_total", "counter", "Connections accepted.", stats->accepted},
        {"http_connections_refused_total", "counter", "Connections closed: too many were open.",
         stats->refused},
        {"http_connections_dropped_total", "counter",
         "Connections closed: the client was too slow.", stats->dropped},
        {"answer_memory_bytes", "gauge", "Memory that connections and answers hold.",
         counts->memory_bytes},
    };
    copse_status status = metrics_requests(metrics, names, buf);
    for (size_t i = 0; status == COPSE_OK && i < sizeof rows / sizeof rows[0]; i++) {
        status = metrics_one(buf, rows[i].name, rows[i].kind, rows[i].help, rows[i].value);
    }
    return status;
}
