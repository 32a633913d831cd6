/* Fetching in the background what a sparse database that follows others has not: what a query needs
 * (--backfill), or the commits of the past (--backfill-history), within --quota.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_FOLLOW_BACKFILL_H
#define COPSE_APPS_FOLLOW_BACKFILL_H

#include "follow_round.h"

/** Begin it with the call alone, or with somebody to call between fetches, too. */
typedef struct copse_follow_backfill {
    copse_call *call;
    bool (*between)(void *ctx); /**< NULL: nobody. False: it is enough. */
    void *ctx;
    bool is_over;             /**< There is nothing to do any more: nothing was asked for, or the
                                   quota is used up. */
    copse_cid done;           /**< The head of which all is here. */
    copse_follow_pause pause; /**< After a failure. */
    uint64_t unsaved;         /**< Bytes that are not in the list yet. */
} copse_follow_backfill;

/** Whether the options make sense; else reported, as usage. */
bool copse_follow_backfill_check(copse_call *call);

/** Fetches what main, as it is now, has and the store has not; nothing if that was done, or if it
 * failed and its pause is not over. False: it failed, which was reported. */
bool copse_follow_backfill_run(copse_follow_backfill *backfill);

#endif
