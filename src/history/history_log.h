/* The order of a walk through history.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HISTORY_HISTORY_LOG_H
#define COPSE_HISTORY_HISTORY_LOG_H

#include <copse/history_log.h>

typedef enum copse_history_order {
    COPSE_HISTORY_BY_TIME, /**< As copse_history_log_new. */
    /** By generation, the highest first: no commit comes before any that was made on it, whatever
     * clocks say, and whichever of the heads it is reached from. */
    COPSE_HISTORY_BY_GENERATION
} copse_history_order;

/** As copse_history_log_new, in another order. */
COPSE_MUST_USE copse_status copse_history_log_new_by(const copse_env *env, copse_source *source,
                                                     const copse_cid *heads, size_t count,
                                                     copse_history_order order,
                                                     copse_history_log **ret_log, copse_err *err);

/** The bytes of the blocks that wait at the front. */
size_t copse_history_log_front_size_bytes(const copse_history_log *log);

#endif
