/* Telling, or counting, what differs between what a reader has seen and a head.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_WATCH_TELL_H
#define COPSE_APPS_WATCH_TELL_H

#include "past.h"
#include "reader.h"
#include "watch_print.h"

/** What telling came to. */
typedef enum copse_watch_outcome {
    COPSE_WATCH_TOLD,   /**< All of it. */
    COPSE_WATCH_ENOUGH, /**< As many as told_max says. */
    COPSE_WATCH_LATER,  /**< Blocks can't be had now; reported. */
    COPSE_WATCH_FAILED  /**< Reported, and for good. */
} copse_watch_outcome;

/** All but `told` and `is_missed` is the caller's, who frees what there is to free. */
typedef struct copse_watch_tell {
    copse_call *call;
    copse_place *place;
    copse_query *query;
    copse_reader *reader; /**< Its state moves, and is kept unless changes are only counted. */
    copse_watch_print print;
    bool membership_only;
    bool is_missed; /**< That there is no such collection was told. */
    uint64_t told;  /**< Changes, until now. */
    uint64_t told_max;
} copse_watch_tell;

/** Tells what differs by now: first on the way that was begun, then to `head`, if it has a size. */
copse_watch_outcome copse_watch_tell_all(copse_watch_tell *tell, const copse_cid *head);

/** No head is half told any more. */
void copse_watch_tell_leave_way(copse_watch_tell *tell);

#endif
