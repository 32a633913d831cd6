/* A round of following: heads that were heard, judged, brought here, and folded with main.
 *
 *   R1  A head is compared with the one that was taken last from its address (follow_list.h, L1),
 *       before anything but commits is fetched of it.
 *   R2  All that it has and main has not is in the store before main moves.
 *   R3  Heads are folded in the order of their CIDs (head_fold.h), each merge by itself: whoever
 *       folds the same heads comes to the same head. In a database with a creator no head is
 *       taken for what it has but by a review (head_merge.h); one of the future waits.
 *   R4  main moves first, then what was taken is noted: broken off between, the next round finds
 *       nothing to do but that.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_FOLLOW_ROUND_H
#define COPSE_APPS_FOLLOW_ROUND_H

#include "following.h"

#include <copse/database_merge.h>

typedef enum copse_follow_outcome {
    COPSE_FOLLOW_TAKEN,   /**< What it has is in main. */
    COPSE_FOLLOW_REFUSED, /**< It is rolled back or forked, now or before; reported. */
    COPSE_FOLLOW_LATER,   /**< It could not be had or merged now; reported. */
    COPSE_FOLLOW_REMOVED  /**< It is followed no more. */
} copse_follow_outcome;

/** A head that was heard. */
typedef struct copse_follow_news {
    const char *address;
    copse_cid head;
    uint64_t sequence; /**< As copse_follow_source.sequence. */
    copse_follow_outcome outcome;
} copse_follow_news;

/** Does it, for the database that is the first argument of the command; prints what was taken, and
 * where main is now. False: reported, and no outcome is set. */
bool copse_follow_round_run(copse_call *call, copse_follow_news *news, size_t count,
                            copse_merge_conflicts conflicts);

/** "is rolled back", "is forked": of an address that is refused. */
const char *copse_follow_state_text(copse_follow_state state);

#endif
