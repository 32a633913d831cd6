/* What to ask next, and of whom: the choices of a fetch (F2, F3), which change nothing.
 *
 * A peer's share is its part, by speed, of all that is not there yet, less what is on its way from
 * it already. A piece, the blocks of one request, is half of the share, as long as that is much: so
 * pieces get smaller towards the end, and all peers come to theirs together, however wrong their
 * speeds were guessed. What remains uneven is evened out by taking over: an idle peer asks for the
 * end of the request that would be the last to end, for so much of it that both finish at once.
 *
 *     slow peer    | b1 b2 b3 b4 b5 b6 b7 b8 |
 *                   -- sends -->   ^
 *     idle peer                    | b5 b6 b7 b8 |
 *
 *     if it is expected to be done with them before the slow one is done with all
 *
 * Hedging is the same for a request whose peer is silent, but for all of it, and by any peer with
 * room.
 *
 * Cost of a choice: peers² + the queue + the blocks on their way, a handful of microseconds beside
 * requests that take milliseconds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_FETCH_PLAN_H
#define COPSE_SYNC_FETCH_PLAN_H

#include "sync/fetch_state.h"

/** How the peers stand at one moment. Sets of peers are bits. */
typedef struct copse_fetch_plan {
    const copse_fetch *fetch;
    uint64_t now_ms;
    uint64_t hopeful; /* may be asked, now or after a pause */
    uint64_t ready;   /* hopeful, and not paused */
    uint64_t late;    /* silent for longer than usual while something is asked of them */
    uint64_t prompt;  /* ready, not avoided, not late */
} copse_fetch_plan;

/** Looks at the peers. Valid until something changes. */
void copse_fetch_plan_init(copse_fetch_plan *plan, const copse_fetch *fetch, uint64_t now_ms);

/** The peers that may still be asked for a block, now or later. */
uint64_t copse_fetch_plan_candidates(const copse_fetch_plan *plan, const copse_fetch_block *block);

/** Whether a request is late: its peer's silence is longer than usual. `times`: so many times. */
bool copse_fetch_plan_is_late(const copse_fetch_plan *plan, const copse_fetch_request *request,
                              unsigned times);

/** Whether a request is to be left for a third peer: it is very late, and a block of it is asked of
 * another late peer as well, and might be asked of a prompt one. At most twice a block: after that
 * the usual deadline counts. */
bool copse_fetch_plan_is_stuck(const copse_fetch_plan *plan, const copse_fetch_request *request);

/** A request to make: its blocks, its peer, and whom it relieves (SIZE_MAX: nobody). Returns the
 * number of blocks; 0: there is none. */
size_t copse_fetch_plan_pick(const copse_fetch_plan *plan,
                             copse_fetch_block *ret_blocks[COPSE_FETCH_PIECE_MAX], size_t *ret_peer,
                             size_t *ret_slow);

/** When to look again if nothing happens. UINT64_MAX: never. */
uint64_t copse_fetch_plan_until(const copse_fetch_plan *plan);

/** The peer of this set that is expected to send so many blocks first; SIZE_MAX: it is empty. */
size_t copse_fetch_plan_fastest(const copse_fetch_plan *plan, uint64_t peers, size_t blocks_count);

#endif
