/* Several remotes, each of which asks its own peers, waited for together: over one transport, whose
 * events go to all of them.
 *
 *   G1  A task goes on when it heard something, and when its time has come. So the group has ended
 *       when the slowest of them has.
 *   G2  What one fails with is its own; the others go on. Only the transport's failure ends all.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_GROUP_H
#define COPSE_REMOTE_REMOTE_GROUP_H

#include "remote/remote.h"

typedef struct copse_remote_task_ops {
    /** Goes on as far as it can without an event. WANT: it waits for one, until *ret_until_ms. END:
     * it is done. Failures end it. */
    copse_status (*go)(void *ctx, uint64_t *ret_until_ms, copse_err *err);
    /** Takes an event, which may be one of others. *ret_heard: it can go on. Failures end it. */
    copse_status (*hear)(void *ctx, const copse_transport_event *event, bool *ret_heard,
                         copse_err *err);
    /** Ends whatever is under way: it has failed. */
    void (*stop)(void *ctx);
} copse_remote_task_ops;

/** What one remote is asked. */
typedef struct copse_remote_task {
    const copse_remote_task_ops *ops; /**< NULL: nothing. */
    void *ctx;
    copse_err *err;      /**< Of a failure; NULL is allowed. */
    copse_status status; /**< OK once it is done; else what it failed with. */
    bool is_running;     /**< The rest is the group's. */
    bool is_due;
    uint64_t until_ms;
} copse_remote_task;

/** A task for each, without ops; freed by copse_remote_group_free with the same. NULL: no memory.
 */
copse_remote_task *copse_remote_group_new(const copse_remote_one *ones, size_t count);
void copse_remote_group_free(copse_remote_task *tasks, const copse_remote_one *ones, size_t count);

/** Runs all of them to their end over `transport`. OK: each has its status. IO, NOMEM: the
 * transport's; those that had not ended have that status too. */
COPSE_MUST_USE copse_status copse_remote_group_run(copse_remote_task *tasks, size_t count,
                                                   copse_transport *transport, copse_err *err);

#endif
