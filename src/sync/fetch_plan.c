/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/fetch_plan.h"

#include <string.h>

enum {
    FETCH_PLAN_PIECE_MIN = 16,          /* blocks that are not worth another request */
    FETCH_PLAN_UNKNOWN_PIECE_MAX = 64,  /* of a peer whose speed is not known */
    FETCH_PLAN_BLOCK_SIZE_BYTES = 4096, /* as long as no block came */
    FETCH_PLAN_STUCK_TIMES = 4,         /* of the usual patience */
    FETCH_PLAN_ABANDONS_MAX = 2
};

/* ---- The peers ---- */

static uint64_t fetch_plan_bit(size_t peer)
{
    return UINT64_C(1) << peer;
}

bool copse_fetch_plan_is_late(const copse_fetch_plan *plan, const copse_fetch_request *request,
                              unsigned times)
{
    uint64_t patience_ms = copse_fetch_peer_patience_ms(&plan->fetch->peers[request->peer]);
    return plan->now_ms >= request->heard_ms + times * patience_ms;
}

void copse_fetch_plan_init(copse_fetch_plan *plan, const copse_fetch *fetch, uint64_t now_ms)
{
    uint64_t avoided = 0;
    *plan = (copse_fetch_plan){.fetch = fetch, .now_ms = now_ms};
    for (size_t i = 0; i < fetch->options.peers_count; i++) {
        const copse_fetch_peer *peer = &fetch->peers[i];
        if (copse_fetch_peer_is_hopeful(peer, fetch->env->limits.fetch_silence_ms_max, now_ms)) {
            plan->hopeful |= fetch_plan_bit(i);
            plan->ready |= peer->paused_until_ms <= now_ms ? fetch_plan_bit(i) : 0;
        }
        avoided |= peer->avoided_until_ms > now_ms ? fetch_plan_bit(i) : 0;
    }
    for (const copse_fetch_request *request = fetch->requests; request != NULL;
         request = request->next) {
        if (copse_fetch_plan_is_late(plan, request, 1)) {
            plan->late |= fetch_plan_bit(request->peer);
        }
    }
    plan->prompt = plan->ready & ~avoided & ~plan->late;
}

/* ---- Who may be asked for a block ---- */

uint64_t copse_fetch_plan_candidates(const copse_fetch_plan *plan, const copse_fetch_block *block)
{
    uint64_t peers = plan->hopeful & ~block->lacking;
    if (block->failures >= COPSE_FETCH_TRIES_MAX) {
        peers &= ~block->failed;
    }
    for (size_t i = 0; i < COPSE_FETCH_WAYS_MAX && block->ways[i] != NULL; i++) {
        peers &= ~fetch_plan_bit(block->ways[i]->peer);
    }
    return peers;
}

/* Whether this ready peer may be asked for a block now. One that is not prompt, or failed with this
 * very block: only if nobody better is there. */
static bool fetch_plan_may_ask(const copse_fetch_plan *plan, const copse_fetch_block *block,
                               size_t peer)
{
    uint64_t bit = fetch_plan_bit(peer);
    uint64_t candidates = copse_fetch_plan_candidates(plan, block);
    uint64_t best = candidates & plan->prompt & ~block->failed;
    return (candidates & bit) != 0 && ((best & bit) != 0 || best == 0);
}

bool copse_fetch_plan_is_stuck(const copse_fetch_plan *plan, const copse_fetch_request *request)
{
    if (!copse_fetch_plan_is_late(plan, request, FETCH_PLAN_STUCK_TIMES)) {
        return false;
    }
    for (size_t i = request->at; i < request->count; i++) {
        const copse_fetch_block *block = request->blocks[i];
        if (copse_fetch_block_ways_count(block) == COPSE_FETCH_WAYS_MAX &&
            block->abandons < FETCH_PLAN_ABANDONS_MAX &&
            copse_fetch_plan_is_late(plan, block->ways[0], 1) &&
            copse_fetch_plan_is_late(plan, block->ways[1], 1) &&
            (copse_fetch_plan_candidates(plan, block) & plan->prompt & ~block->failed) != 0) {
            return true;
        }
    }
    return false;
}

/* ---- Speed ---- */

/* Bytes to expect of so many blocks. */
static uint64_t fetch_plan_size(const copse_fetch_plan *plan, size_t blocks_count)
{
    uint64_t each = plan->fetch->blocks_count > 0
                        ? plan->fetch->blocks_bytes / plan->fetch->blocks_count + 1
                        : FETCH_PLAN_BLOCK_SIZE_BYTES;
    return each * blocks_count;
}

/* A peer's bytes a second. Not known: the mean of those that are; none is: 0. */
static uint64_t fetch_plan_rate(const copse_fetch_plan *plan, size_t peer)
{
    uint64_t rate = copse_fetch_peer_rate(&plan->fetch->peers[peer], plan->now_ms);
    uint64_t sum = 0;
    uint64_t count = 0;
    for (size_t i = 0; rate == 0 && i < plan->fetch->options.peers_count; i++) {
        uint64_t other = copse_fetch_peer_rate(&plan->fetch->peers[i], plan->now_ms);
        sum += other;
        count += other > 0;
    }
    return count > 0 ? sum / count : rate;
}

static size_t fetch_plan_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t fetch_plan_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t copse_fetch_plan_fastest(const copse_fetch_plan *plan, uint64_t peers, size_t blocks_count)
{
    uint64_t size_bytes = fetch_plan_size(plan, blocks_count);
    uint64_t best_ms = UINT64_MAX;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < plan->fetch->options.peers_count; i++) {
        if ((peers & fetch_plan_bit(i)) != 0) {
            uint64_t ms =
                copse_fetch_peer_expect_ms(&plan->fetch->peers[i], size_bytes, plan->now_ms);
            best = ms < best_ms ? i : best;
            best_ms = ms < best_ms ? ms : best_ms;
        }
    }
    return best;
}

/* What a peer should still be asked for if so many blocks are to be asked for: its part, by speed,
 * of these and of what is on its way from prompt peers, less what is on its way from it. */
static size_t fetch_plan_share(const copse_fetch_plan *plan, size_t peer, size_t blocks_count)
{
    uint64_t own_rate = fetch_plan_rate(plan, peer);
    uint64_t peers = plan->prompt | fetch_plan_bit(peer);
    uint64_t sum_rate = 0;
    uint64_t own_count = 0;
    uint64_t sum_count = blocks_count;
    for (size_t i = 0; i < plan->fetch->options.peers_count; i++) {
        if ((peers & fetch_plan_bit(i)) != 0) {
            sum_rate += own_rate > 0 ? fetch_plan_rate(plan, i) : 1;
        }
    }
    for (const copse_fetch_request *request = plan->fetch->requests; request != NULL;
         request = request->next) {
        if ((peers & fetch_plan_bit(request->peer)) != 0) {
            sum_count += request->left_count;
        }
        own_count += request->peer == peer ? request->left_count : 0;
    }
    uint64_t part = sum_count * (own_rate > 0 ? own_rate : 1) / sum_rate;
    return part > own_count ? (size_t)(part - own_count) : 0;
}

/* How many blocks to ask of a peer at once if so many are to be asked for (F2). */
static size_t fetch_plan_piece(const copse_fetch_plan *plan, size_t index, size_t blocks_count)
{
    const copse_fetch_peer *peer = &plan->fetch->peers[index];
    size_t max = fetch_plan_min(COPSE_FETCH_PIECE_MAX, plan->fetch->env->limits.wants_max);
    if (peer->is_gateway) {
        return 1;
    }
    if (copse_fetch_peer_is_on_probation(peer)) {
        return fetch_plan_min(max, FETCH_PLAN_PIECE_MIN);
    }
    if ((plan->prompt & ~fetch_plan_bit(index)) == 0) {
        return max;
    }
    uint64_t rate = copse_fetch_peer_rate(peer, plan->now_ms);
    if (rate == 0) {
        max = fetch_plan_min(max, FETCH_PLAN_UNKNOWN_PIECE_MAX);
    }
    size_t share = fetch_plan_share(plan, index, blocks_count);
    /* What it sends in two round trips is not worth another request. */
    uint64_t flight = 2 * peer->stats.latency_ms * rate / 1000 / fetch_plan_size(plan, 1);
    size_t piece = flight < share ? fetch_plan_max(share / 2, (size_t)flight) : share;
    return fetch_plan_min(fetch_plan_max(piece, FETCH_PLAN_PIECE_MIN), max);
}

/* ---- Which blocks ---- */

/* What a request to a peer will be made of. */
typedef struct fetch_picking {
    const copse_fetch_plan *plan;
    copse_fetch_block **blocks; /* of COPSE_FETCH_PIECE_MAX */
    size_t peer;
    size_t count;
    size_t max;
} fetch_picking;

/* Picks a block, if it may be. What has failed goes in company that is the smaller the more often
 * it failed (F4). */
static void fetch_picking_offer(fetch_picking *picking, copse_fetch_block *block)
{
    size_t max = COPSE_FETCH_PIECE_MAX;
    for (unsigned i = 0; i < block->failures && max > 1; i++) {
        max /= 4;
    }
    max = fetch_plan_min(max, picking->max);
    if (picking->count < max && fetch_plan_may_ask(picking->plan, block, picking->peer)) {
        picking->blocks[picking->count++] = block;
        picking->max = max;
    }
}

static void fetch_plan_pick_queue(fetch_picking *picking)
{
    const copse_fetch *fetch = picking->plan->fetch;
    picking->max = fetch_plan_piece(picking->plan, picking->peer, fetch->queue_count);
    for (copse_fetch_block *block = fetch->first; block != NULL && picking->count < picking->max;
         block = block->next) {
        fetch_picking_offer(picking, block);
    }
}

/* Blocks of the first late request that has such for this peer. Returns the late peer. */
static size_t fetch_plan_pick_late(fetch_picking *picking)
{
    const copse_fetch_plan *plan = picking->plan;
    for (const copse_fetch_request *request = plan->fetch->requests; request != NULL;
         request = request->next) {
        if (request->left_count == 0 || !copse_fetch_plan_is_late(plan, request, 1)) {
            continue;
        }
        picking->max = fetch_plan_piece(plan, picking->peer, request->left_count);
        for (size_t i = request->at; i < request->count && picking->count < picking->max; i++) {
            if (copse_fetch_block_ways_count(request->blocks[i]) == 1) {
                fetch_picking_offer(picking, request->blocks[i]);
            }
        }
        if (picking->count > 0) {
            return request->peer;
        }
    }
    return SIZE_MAX;
}

/* The last `max` blocks of a request that only it brings and that the peer may be asked for. */
static void fetch_plan_pick_end(fetch_picking *picking, const copse_fetch_request *request,
                                size_t max)
{
    picking->count = 0;
    picking->max = fetch_plan_min(max, COPSE_FETCH_PIECE_MAX);
    for (size_t i = request->count; i > request->at && picking->count < picking->max; i--) {
        if (copse_fetch_block_ways_count(request->blocks[i - 1]) == 1) {
            fetch_picking_offer(picking, request->blocks[i - 1]);
        }
    }
    for (size_t low = 0, high = picking->count; low + 1 < high; low++, high--) {
        copse_fetch_block *swapped = picking->blocks[low];
        picking->blocks[low] = picking->blocks[high - 1];
        picking->blocks[high - 1] = swapped;
    }
}

/* The blocks of a request that an idle peer may take over, and whether it would be done with them
 * within `ends_ms`, when the request ends. */
static bool fetch_plan_try_end(fetch_picking *picking, const copse_fetch_request *request,
                               uint64_t rate, uint64_t ends_ms)
{
    const copse_fetch_plan *plan = picking->plan;
    const copse_fetch_peer *peer = &plan->fetch->peers[picking->peer];
    uint64_t own_rate = fetch_plan_rate(plan, picking->peer);
    size_t share = (size_t)(request->left_count * own_rate / (own_rate + rate)) + 1;
    fetch_plan_pick_end(picking, request, peer->is_gateway ? 1 : share);
    uint64_t size_bytes = fetch_plan_size(plan, picking->count);
    return picking->count > 0 &&
           copse_fetch_peer_expect_ms(peer, size_bytes, plan->now_ms) < ends_ms;
}

/* Takes over the end of the request that will end last of those where that helps. Returns whom it
 * relieves, or SIZE_MAX. */
static size_t fetch_plan_take_over(fetch_picking *picking)
{
    const copse_fetch_plan *plan = picking->plan;
    copse_fetch_block *trial_blocks[COPSE_FETCH_PIECE_MAX];
    size_t left_counts[COPSE_FETCH_PEERS_MAX] = {0};
    uint64_t last_ms = 0;
    size_t last = SIZE_MAX;
    for (const copse_fetch_request *request = plan->fetch->requests; request != NULL;
         request = request->next) {
        uint64_t rate = copse_fetch_peer_rate(&plan->fetch->peers[request->peer], plan->now_ms);
        size_t left_count = left_counts[request->peer] += request->left_count;
        uint64_t ends_ms = rate > 0 ? fetch_plan_size(plan, left_count) * 1000 / rate : 0;
        fetch_picking trial = {plan, trial_blocks, picking->peer, 0, 0};
        if (ends_ms > last_ms && fetch_plan_try_end(&trial, request, rate, ends_ms)) {
            picking->count = trial.count;
            memcpy(picking->blocks, trial_blocks, trial.count * sizeof trial_blocks[0]);
            last_ms = ends_ms;
            last = request->peer;
        }
    }
    return last;
}

/* ---- The next request ---- */

/* What to ask of a peer that is ready and has room. Returns whom it relieves, or SIZE_MAX. */
static size_t fetch_plan_pick_for(fetch_picking *picking)
{
    const copse_fetch_plan *plan = picking->plan;
    uint64_t bit = fetch_plan_bit(picking->peer);
    size_t slow = (plan->late & bit) == 0 ? fetch_plan_pick_late(picking) : SIZE_MAX;
    if (picking->count == 0) {
        fetch_plan_pick_queue(picking);
    }
    if (picking->count == 0 && (plan->prompt & bit) != 0 &&
        plan->fetch->peers[picking->peer].running_count == 0) {
        slow = fetch_plan_take_over(picking);
    }
    return slow;
}

/* The peer of a set to think of first: prompt before others, idle before busy, fast before slow. */
static size_t fetch_plan_first(const copse_fetch_plan *plan, uint64_t peers)
{
    if ((peers & plan->prompt) != 0) {
        peers &= plan->prompt;
    }
    size_t least = SIZE_MAX;
    uint64_t least_busy = 0;
    for (size_t i = 0; i < plan->fetch->options.peers_count; i++) {
        size_t running_count = plan->fetch->peers[i].running_count;
        if ((peers & fetch_plan_bit(i)) != 0 && running_count <= least) {
            least_busy = running_count < least ? 0 : least_busy;
            least_busy |= fetch_plan_bit(i);
            least = running_count;
        }
    }
    size_t blocks_count = fetch_plan_min(plan->fetch->queue_count, FETCH_PLAN_PIECE_MIN);
    return copse_fetch_plan_fastest(plan, least_busy, fetch_plan_max(blocks_count, 1));
}

size_t copse_fetch_plan_pick(const copse_fetch_plan *plan,
                             copse_fetch_block *ret_blocks[COPSE_FETCH_PIECE_MAX], size_t *ret_peer,
                             size_t *ret_slow)
{
    uint64_t peers = plan->fetch->wanted.count > 0 ? plan->ready : 0;
    for (size_t i = 0; i < plan->fetch->options.peers_count; i++) {
        if (!copse_fetch_peer_has_room(&plan->fetch->peers[i])) {
            peers &= ~fetch_plan_bit(i);
        }
    }
    while (peers != 0) {
        fetch_picking picking = {plan, ret_blocks, fetch_plan_first(plan, peers), 0, 0};
        size_t slow = fetch_plan_pick_for(&picking);
        if (picking.count > 0) {
            *ret_peer = picking.peer;
            *ret_slow = slow;
            return picking.count;
        }
        peers &= ~fetch_plan_bit(picking.peer);
    }
    return 0;
}

/* ---- Waiting ---- */

static void fetch_plan_look_at(const copse_fetch_plan *plan, uint64_t time_ms, uint64_t *until_ms)
{
    if (time_ms > plan->now_ms && time_ms < *until_ms) {
        *until_ms = time_ms;
    }
}

uint64_t copse_fetch_plan_until(const copse_fetch_plan *plan)
{
    const copse_fetch *fetch = plan->fetch;
    uint64_t until_ms = UINT64_MAX;
    for (const copse_fetch_request *request = fetch->requests; request != NULL;
         request = request->next) {
        uint64_t patience_ms = copse_fetch_peer_patience_ms(&fetch->peers[request->peer]);
        fetch_plan_look_at(plan, request->deadline_ms, &until_ms);
        fetch_plan_look_at(plan, request->heard_ms + patience_ms, &until_ms);
        fetch_plan_look_at(plan, request->heard_ms + FETCH_PLAN_STUCK_TIMES * patience_ms,
                           &until_ms);
    }
    for (size_t i = 0; fetch->wanted.count > 0 && i < fetch->options.peers_count; i++) {
        fetch_plan_look_at(plan, fetch->peers[i].paused_until_ms, &until_ms);
        fetch_plan_look_at(plan, fetch->peers[i].avoided_until_ms, &until_ms);
    }
    return until_ms;
}
