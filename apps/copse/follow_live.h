/* Listening to all addresses that a database follows, and a round (follow_round.h) whenever one of
 * them has a new head: once, or for as long as it takes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_FOLLOW_LIVE_H
#define COPSE_APPS_FOLLOW_LIVE_H

#include "follow_round.h"

/** Belongs to one thread. */
typedef struct copse_follow_live copse_follow_live;

/** Begins to follow what the database lists that is the first argument of the command. NULL:
 * reported. */
copse_follow_live *copse_follow_live_new(copse_call *call, copse_merge_conflicts conflicts);

/** NULL is allowed. */
void copse_follow_live_free(copse_follow_live *live);

/** Asks everybody once. Returns an exit code: OK if all were heard, and all was taken. */
int copse_follow_live_once(copse_follow_live *live);

/** Listens to all for about so long, and does what comes of it. What can't be had is told, and
 * tried again after a pause that grows. False: reported, and for good. */
bool copse_follow_live_tick(copse_follow_live *live, unsigned ms);

#endif
