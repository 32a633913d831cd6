/* Processes that serve together: `copse serve --processes N`.
 *
 *   W1  The parent opens no database and answers nothing. It keeps the port, makes the workers, and
 *       makes one anew that ends unasked: after 0.1 s, and twice as long each time that it ends
 *       within 10 s again, up to 10 s. Each such end is told of on stderr.
 *   W2  The first worker is alone until it is ready. If it ends before, nothing is served: the
 *       parent ends with its exit code.
 *   W3  SIGTERM and SIGINT go on to all workers; the parent ends when all have.
 *   W4  A worker whose parent is gone stops as if it got SIGTERM: it reads a pipe to it, whose end
 *       nobody else holds.
 *   W5  All listen by themselves (SO_REUSEPORT). That the port is nobody else's is found out
 *       before, by listening without.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SERVE_WORKERS_H
#define COPSE_APPS_SERVE_WORKERS_H

#include "command.h"

enum { COPSE_SERVE_WORKERS_MAX = 64 };

/** What a worker is told. */
typedef struct copse_serve_worker {
    size_t number; /**< From 0. */
    uint16_t port; /**< Where it listens, sharing it. */
    bool is_new;   /**< It replaces none. */
    size_t count;  /**< Of workers. */
    void *shared;  /**< Memory that all of them share, zeroed at first. */
    int ready_fd;
    int parent_fd;
} copse_serve_worker;

/** Runs `work` in `count` processes of their own that share the port (0: a free one) of an IP
 * address, and `shared_size` bytes of memory. Returns the exit code when all have ended. `work`
 * returns that of a worker. */
int copse_serve_workers_run(copse_call *call, size_t count, size_t shared_size, const char *address,
                            uint16_t port, int (*work)(void *ctx, const copse_serve_worker *worker),
                            void *ctx);

/** In a worker: tells the parent that it serves, and calls stop(ctx), on another thread, when the
 * parent is gone. False: that can't be had. */
bool copse_serve_worker_ready(const copse_serve_worker *worker, void (*stop)(void *ctx), void *ctx);

/** The number of processors. */
size_t copse_serve_workers_auto(void);

#endif
