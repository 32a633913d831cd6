/* What `copse serve` tells of each request on stderr: a line of text, or of JSON.
 *
 *     127.0.0.1 "GET /ipfs/bafy…?format=raw" 200 1234 B 3 ms
 *     {"time":"2026-11-23T10:15:00.123Z","peer":"127.0.0.1","method":"GET","path":"/ipfs/bafy…",
 *      "status":200,"bytes":1234,"ms":3,"cut":false}                               (one line)
 *
 * A request is the client's text: nothing in it can end a line or begin another member. Longer
 * texts than the numbers below are cut.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SERVE_LOG_H
#define COPSE_APPS_SERVE_LOG_H

#include <copse/env.h>
#include <copse/server.h>

enum {
    COPSE_SERVE_LOG_METHOD_MAX = 64,
    COPSE_SERVE_LOG_TARGET_MAX = 2048,
    COPSE_SERVE_LOG_LINE_SIZE = 16 << 10
};

typedef struct copse_serve_log {
    const copse_env *env; /**< For the time. */
    bool json;
} copse_serve_log;

/** A copse_server_options.log: `ctx` is a copse_serve_log. */
void copse_serve_log_request(void *ctx, const copse_server_request *request);

/** Writes the line, with its end and a NUL; returns its length. */
size_t copse_serve_log_write(const copse_serve_log *log, const copse_server_request *request,
                             char ret_line[COPSE_SERVE_LOG_LINE_SIZE]);

#endif
