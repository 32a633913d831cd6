/* Counts of a server, as Prometheus reads them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_METRICS_H
#define COPSE_SERVE_METRICS_H

#include "net/http_server.h"

enum {
    COPSE_METRICS_ROUTES_MAX = 16, /**< The last one counts what no route answers. */
    COPSE_METRICS_STATUSES_MAX = 24
};

/** Zeroed at first. */
typedef struct copse_metrics {
    uint64_t requests[COPSE_METRICS_ROUTES_MAX][COPSE_METRICS_STATUSES_MAX];
    uint64_t cut;
    uint64_t blocks_sent;
    uint64_t answers_short; /**< To queries: ended by a limit, or for a block that is not here. */
    uint64_t duration_ms;
} copse_metrics;

/** Counts a request that route number `route` answered. */
void copse_metrics_add(copse_metrics *metrics, size_t route, const copse_http_exchange *exchange);

/** All that one server counts. */
typedef struct copse_counts {
    copse_metrics metrics;
    copse_http_server_stats http;
    uint64_t memory_bytes; /**< That connections and answers hold. */
} copse_counts;

/** Adds what another server has counted. */
void copse_counts_add(copse_counts *counts, const copse_counts *other);

/** Takes away what was only then: connections and memory. What is left is what was done. */
void copse_counts_end(copse_counts *counts);

/** Appends all counts in the text format; `names[i]` is that of route i. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_metrics_write(const copse_counts *counts,
                                                const char *const names[COPSE_METRICS_ROUTES_MAX],
                                                copse_buf *buf);

#endif
