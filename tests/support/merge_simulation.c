/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/siphash.h"
#include "support/merge_actor.h"
#include "support/merge_audit.h"
#include "support/merge_contents.h"
#include "support/merge_past.h"
#include "support/volatile_store.h"

enum {
    SIMULATION_STEPS = 240, /* until all is quiet */
    SIMULATION_SWEEPS_MAX = 12,
    SIMULATION_CALLS = 120 /* of a store, before it stops */
};

static size_t simulation_head(const merge_world *world, const merge_peer *peer)
{
    return merge_log_find(world->log, &peer->head);
}

static const char *simulation_ending(merge_peer_ending ending)
{
    static const char *const names[] = {"done",    "nothing", "refused",
                                        "too old", "alone",   "crashed"};
    return names[ending];
}

/* ---- Merging --------------------------------------------------------------------------------- */

/* Looks at what a merge has made. */
static void simulation_audit(merge_world *world, const merge_request *request, size_t merged,
                             const merge_outcome *outcome)
{
    const size_t sides[2] = {merge_log_find(world->log, &request->ours),
                             merge_log_find(world->log, &request->theirs)};
    merge_audit_count(world, sides, merged, outcome);
    merge_audit_model(world, sides, merged);
    if (outcome->stats.settled == 0) {
        merge_audit_swapped(world, request, outcome);
    }
    if (merge_world_chance(world, 40)) {
        merge_audit_check(world, merged, NULL);
    }
    if (merge_world_chance(world, 40)) {
        merge_audit_three_way(world, merged);
    }
    merge_audit_loser(world, merged);
}

static void simulation_count_refusals(merge_world *world, const merge_outcome *outcome)
{
    for (size_t i = 0; i < outcome->refusals_count; i++) {
        static const merge_count counts[] = {MERGE_COUNT_OPTIONS_CONFLICT,
                                             MERGE_COUNT_INDEX_CONFLICT, MERGE_COUNT_REFUSED};
        static const char *const names[] = {"the options", "an index", "a document"};
        const merge_refusal *refusal = &outcome->refusals[i];
        world->counts[counts[refusal->what]]++;
        merge_world_say(world, "  for %s of %s", names[refusal->what],
                        merge_collection_name(refusal->collection));
    }
}

static merge_peer_ending simulation_merge(merge_world *world, merge_peer *peer,
                                          const copse_cid *theirs, copse_merge_conflicts conflicts)
{
    merge_outcome outcome;
    merge_request request = {.ours = peer->head, .theirs = *theirs, .conflicts = conflicts};
    merge_peer_ending ending = merge_peer_merge(world, peer, theirs, conflicts, &outcome);
    merge_world_say(world, "%llu: peer %zu merges commit %zu, way %d: %s",
                    (unsigned long long)world->step, peer->number,
                    merge_log_find(world->log, theirs), (int)conflicts, simulation_ending(ending));
    if (ending == MERGE_PEER_DONE) {
        bool is_made = outcome.kind == COPSE_HEAD_MERGE_MADE;
        world->counts[MERGE_COUNT_BASE_LOST] += outcome.is_base_lost;
        world->counts[is_made ? MERGE_COUNT_MADE : MERGE_COUNT_FORWARD]++;
        merge_world_say(world, "  commit %zu, %zu bases", simulation_head(world, peer),
                        outcome.bases);
        merge_contents_say(world, merge_log_find(world->log, &request.ours), "ours");
        merge_contents_say(world, merge_log_find(world->log, theirs), "theirs");
        merge_contents_say(world, simulation_head(world, peer), "head");
        if (is_made) {
            simulation_audit(world, &request, simulation_head(world, peer), &outcome);
        }
    } else if (ending == MERGE_PEER_REFUSED) {
        simulation_count_refusals(world, &outcome);
        if (merge_actor_yield(world, peer, theirs, &outcome) == MERGE_PEER_DONE) {
            merge_world_say(world, "  gives in: commit %zu", simulation_head(world, peer));
        }
    }
    if (ending == MERGE_PEER_TOO_OLD) {
        request.is_base_lost = outcome.is_base_lost;
        world->counts[outcome.is_base_lost ? MERGE_COUNT_BASE_REFUSED : MERGE_COUNT_TOO_OLD]++;
        merge_audit_refused(world, &request);
        ending = merge_past_clone_anew(world, peer, theirs);
    }
    world->counts[MERGE_COUNT_NOTHING] += ending == MERGE_PEER_NOTHING;
    world->counts[MERGE_COUNT_CRASH_MERGE] += ending == MERGE_PEER_CRASHED;
    return ending;
}

/* Merges; where something refuses it, gives in and merges again. Options that are refused may hide
 * indexes, and a unique index may refuse what is given in. */
static merge_peer_ending simulation_merge_at_last(merge_world *world, merge_peer *peer,
                                                  const copse_cid *theirs,
                                                  copse_merge_conflicts conflicts)
{
    merge_peer_ending ending = simulation_merge(world, peer, theirs, conflicts);
    for (size_t tries = 0; tries < 3 && ending == MERGE_PEER_REFUSED; tries++) {
        ending = simulation_merge(world, peer, theirs, COPSE_MERGE_CONFLICTS_RECORD);
    }
    return ending;
}

/* ---- Messages -------------------------------------------------------------------------------- */

static void simulation_send(merge_world *world, const merge_peer *from, const merge_peer *to)
{
    if (merge_world_chance(world, 12)) {
        world->counts[MERGE_COUNT_LOST]++;
        return;
    }
    if (((from->reaches >> to->number) & 1) == 0) {
        world->counts[MERGE_COUNT_CUT]++;
        return;
    }
    uint64_t copies = merge_world_chance(world, 10) ? 2 : 1;
    world->counts[MERGE_COUNT_DOUBLED] += copies - 1;
    world->messages_sent++;
    for (; copies > 0 && world->messages_count < MERGE_MESSAGES_MAX; copies--) {
        world->messages[world->messages_count++] =
            (merge_message){from->number, to->number, from->head, world->messages_sent,
                            world->step + merge_world_below(world, 15)};
    }
}

static void simulation_announce(merge_world *world, const merge_peer *from)
{
    for (size_t i = 0; i < world->peers_count; i++) {
        if (i != from->number && merge_world_chance(world, 60)) {
            simulation_send(world, from, &world->peers[i]);
        }
    }
}

static copse_merge_conflicts simulation_way(merge_world *world)
{
    uint64_t choice = merge_world_below(world, 100);
    return choice < 46   ? COPSE_MERGE_CONFLICTS_RECORD
           : choice < 66 ? COPSE_MERGE_CONFLICTS_REFUSE
           : choice < 83 ? COPSE_MERGE_CONFLICTS_OURS
                         : COPSE_MERGE_CONFLICTS_THEIRS;
}

static void simulation_stop_soon(merge_world *world, merge_peer *peer)
{
    if (merge_world_chance(world, 12)) {
        volatile_store_stop_in(peer->store, 1 + merge_world_below(world, SIMULATION_CALLS));
    }
}

/* Delivers some message that is due. */
static void simulation_deliver(merge_world *world)
{
    size_t first = merge_world_below(world, MERGE_MESSAGES_MAX);
    for (size_t i = 0; i < world->messages_count; i++) {
        size_t at = (first + i) % world->messages_count;
        const merge_message message = world->messages[at];
        if (message.due > world->step) {
            continue;
        }
        world->messages[at] = world->messages[--world->messages_count];
        merge_peer *peer = &world->peers[message.to];
        uint64_t *last = &world->last_heard[message.from][message.to];
        if (((peer->reaches >> message.from) & 1) == 0) {
            world->counts[MERGE_COUNT_CUT]++;
            return;
        }
        world->counts[MERGE_COUNT_REORDERED] += message.number < *last;
        *last = message.number > *last ? message.number : *last;
        simulation_stop_soon(world, peer);
        (void)simulation_merge_at_last(world, peer, &message.head, simulation_way(world));
        return;
    }
}

static void simulation_part(merge_world *world)
{
    uint32_t group = (uint32_t)merge_world_below(world, UINT64_C(1) << world->peers_count);
    bool heals = merge_world_chance(world, 50);
    for (size_t i = 0; i < world->peers_count; i++) {
        world->peers[i].reaches = heals ? UINT32_MAX : ((group >> i) & 1) != 0 ? group : ~group;
    }
    merge_world_say(world, "%llu: reach %x", (unsigned long long)world->step,
                    heals ? UINT32_MAX : group);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void simulation_write(merge_world *world, merge_peer *peer,
                             merge_peer_ending (*act)(merge_world *world, merge_peer *peer))
{
    merge_world_say(world, "%llu: peer %zu writes, clock %llu", (unsigned long long)world->step,
                    peer->number, (unsigned long long)(peer->now_ms % 100000));
    simulation_stop_soon(world, peer);
    merge_peer_ending ending = act(world, peer);
    world->counts[MERGE_COUNT_WRITES] += ending == MERGE_PEER_DONE;
    world->counts[MERGE_COUNT_REFUSED_UNIQUE] += ending == MERGE_PEER_REFUSED;
    world->counts[MERGE_COUNT_CRASH_WRITE] += ending == MERGE_PEER_CRASHED;
    merge_world_say(world, "  %s: commit %zu", simulation_ending(ending),
                    simulation_head(world, peer));
    merge_contents_say(world, simulation_head(world, peer), "head");
    if (ending == MERGE_PEER_DONE && merge_world_chance(world, 20)) {
        merge_audit_check(world, simulation_head(world, peer), NULL);
    }
}

static void simulation_tick(merge_world *world)
{
    uint64_t ticks = merge_world_chance(world, 5);
    for (size_t i = 0; i < world->peers_count; i++) {
        merge_peer *peer = &world->peers[i];
        if (world->is_coarse) {
            peer->now_ms += ticks;
            continue;
        }
        peer->now_ms += merge_world_chance(world, 30) ? merge_world_below(world, 8) : 0;
        if (merge_world_chance(world, 1)) {
            peer->now_ms -= merge_world_below(world, 40);
            world->counts[MERGE_COUNT_CLOCK_BACK]++;
        }
    }
}

static void simulation_orders(merge_world *world)
{
    size_t commits[3];
    for (size_t i = 0; i < 3; i++) {
        const merge_peer *peer = &world->peers[(world->step + i) % world->peers_count];
        commits[i] = simulation_head(world, peer);
    }
    if (merge_world_chance(world, 30)) {
        commits[0] = merge_world_below(world, world->log->commits_count);
    }
    merge_audit_orders(world, commits);
}

static void simulation_step(merge_world *world)
{
    merge_peer *peer = &world->peers[merge_world_below(world, world->peers_count)];
    uint64_t choice = merge_world_below(world, 100);
    simulation_tick(world);
    if (merge_world_below(world, 1000) < 5) {
        simulation_write(world, peer, merge_past_forget);
    } else if (merge_world_below(world, 1000) < (world->joins_only ? 20 : 1)) {
        merge_past_drop(world);
    } else if (choice < 40) {
        simulation_write(world, peer, merge_actor_write);
    } else if (choice < 46) {
        simulation_write(world, peer, merge_actor_resolve);
    } else if (choice < 54 && !world->joins_only) {
        simulation_write(world, peer, merge_actor_catalogue);
    } else if (choice < 70) {
        simulation_announce(world, peer);
    } else if (choice < 95) {
        simulation_deliver(world);
    } else if (choice < 98) {
        simulation_part(world);
    } else {
        simulation_orders(world);
    }
    world->step++;
}

/* ---- Quiet ----------------------------------------------------------------------------------- */

/* The numbers below `count` in a random order. */
static void simulation_shuffle(merge_world *world, size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = merge_world_below(world, i);
        size_t taken = order[i - 1];
        order[i - 1] = order[other];
        order[other] = taken;
    }
}

enum { SIMULATION_PAIRS_MAX = MERGE_PEERS_MAX * MERGE_PEERS_MAX };

static void simulation_hear(merge_world *world, size_t to, const copse_cid *theirs)
{
    merge_peer_ending ending =
        simulation_merge_at_last(world, &world->peers[to], theirs, COPSE_MERGE_CONFLICTS_RECORD);
    if (ending != MERGE_PEER_DONE && ending != MERGE_PEER_NOTHING) {
        merge_world_fail(world, "in quiet times a merge is %s", simulation_ending(ending));
    }
}

/* Everybody hears of everybody's head, in any order: of that in `heads`, or of the present one. */
static void simulation_sweep(merge_world *world, const copse_cid *heads)
{
    size_t order[SIMULATION_PAIRS_MAX];
    size_t count = world->peers_count * world->peers_count;
    simulation_shuffle(world, order, count);
    for (size_t i = 0; i < count; i++) {
        size_t to = order[i] / world->peers_count;
        size_t from = order[i] % world->peers_count;
        const copse_cid theirs = heads != NULL ? heads[from] : world->peers[from].head;
        if (from != to) {
            simulation_hear(world, to, &theirs);
        }
    }
}

/* One hears of all, and all of him. */
static void simulation_gather(merge_world *world)
{
    size_t order[MERGE_PEERS_MAX];
    simulation_shuffle(world, order, world->peers_count);
    for (size_t i = 1; i < world->peers_count; i++) {
        const copse_cid theirs = world->peers[order[i]].head;
        simulation_hear(world, order[0], &theirs);
    }
    for (size_t i = 1; i < world->peers_count; i++) {
        const copse_cid theirs = world->peers[order[0]].head;
        simulation_hear(world, order[i], &theirs);
    }
}

static bool simulation_has_converged(const merge_world *world)
{
    bool has = true;
    for (size_t i = 1; i < world->peers_count; i++) {
        has = has && copse_cid_equal(&world->peers[0].head, &world->peers[i].head);
    }
    return has;
}

/* How often two could not be merged at all. */
static uint64_t simulation_refusals(const merge_world *world)
{
    return world->counts[MERGE_COUNT_TOO_OLD] + world->counts[MERGE_COUNT_BASE_REFUSED];
}

/* H1: what everybody has seen is the same, whoever saw it first. */
static void simulation_meet(merge_world *world)
{
    copse_cid heads[MERGE_PEERS_MAX];
    uint64_t refusals = simulation_refusals(world);
    for (size_t i = 0; i < world->peers_count; i++) {
        heads[i] = world->peers[i].head;
    }
    simulation_sweep(world, heads);
    if (simulation_refusals(world) > refusals) {
        return; /* somebody has not seen all */
    }
    for (size_t i = 1; i < world->peers_count; i++) {
        const merge_commit *commits = world->log->commits;
        merge_audit_same(world, &commits[simulation_head(world, &world->peers[0])].tree,
                         &commits[simulation_head(world, &world->peers[i])].tree,
                         "peers that saw the same heads");
    }
    world->counts[MERGE_COUNT_MET]++;
}

static void simulation_quiet(merge_world *world)
{
    bool is_gathered = merge_world_chance(world, 85);
    merge_world_say(world, "%llu: quiet", (unsigned long long)world->step);
    world->messages_count = 0;
    for (size_t i = 0; i < world->peers_count; i++) {
        world->peers[i].reaches = UINT32_MAX;
        volatile_store_stop_in(world->peers[i].store, 0);
        simulation_write(world, &world->peers[i], merge_actor_touch);
    }
    if (merge_world_chance(world, 90)) { /* it takes longest */
        simulation_meet(world);
    }
    for (size_t sweep = 0; !simulation_has_converged(world); sweep++) { /* H2 */
        if (sweep == SIMULATION_SWEEPS_MAX) {
            merge_world_fail(world, "they merge for ever");
        }
        if (is_gathered) {
            simulation_gather(world);
        } else {
            simulation_sweep(world, NULL);
        }
    }
    size_t head = simulation_head(world, &world->peers[0]);
    merge_audit_three_way(world, head);               /* H3 */
    for (size_t i = 0; i < world->peers_count; i++) { /* H4 */
        if (world->peers[i].is_full) {
            merge_peer_complete(world, &world->peers[i]);
            merge_audit_check(world, head, world->peers[i].store);
        }
    }
    merge_audit_check(world, head, NULL);
    world->counts[MERGE_COUNT_CONVERGED]++;
}

/* ---- Many seeds ------------------------------------------------------------------------------ */

static void simulation_run_one(uint64_t seed, const merge_watch *watch,
                               merge_simulation_totals *totals)
{
    static const uint64_t key[2] = {0, 0};
    merge_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    merge_world_init(world, seed);
    world->watch = *watch;
    for (size_t i = 0; i < SIMULATION_STEPS; i++) {
        simulation_step(world);
    }
    simulation_quiet(world);
    totals->seeds++;
    for (size_t i = 0; i < MERGE_COUNTS; i++) {
        totals->counts[i] += world->counts[i];
    }
    totals->trace = 31 * totals->trace + copse_siphash(key, copse_buf_view(&world->trace));
    merge_world_release(world);
    free(world);
}

void merge_simulation_run(uint64_t first, uint64_t count, merge_simulation_totals *totals)
{
    const merge_watch nothing = {.is_on = false};
    for (uint64_t seed = first; seed < first + count; seed++) {
        simulation_run_one(seed, &nothing, totals);
    }
}

void merge_simulation_print(const merge_simulation_totals *totals)
{
    printf("%8llu seeds\n", (unsigned long long)totals->seeds);
    merge_counts_print(totals->counts);
}

void merge_simulation_run_until(uint64_t first, uint64_t count, uint64_t least)
{
    merge_simulation_totals totals = {.seeds = 0};
    merge_simulation_run(first, count, &totals);
    while (!merge_counts_reach(totals.counts, least) && totals.seeds < 3 * count) {
        merge_simulation_run(first + totals.seeds, 1, &totals);
    }
    merge_simulation_print(&totals);
    merge_counts_assert(totals.counts, least);
}

bool merge_simulation_replay(int argc, char **argv)
{
    merge_simulation_totals totals = {.seeds = 0};
    merge_watch watch = {.is_on = argc > 3};
    if (argc < 2) {
        return false;
    }
    while (watch.is_on && strcmp(merge_collection_name(watch.collection), argv[2]) != 0) {
        watch.collection++;
        assert_true(watch.collection < MERGE_COLLECTIONS);
    }
    watch.id = watch.is_on ? (int)strtoull(argv[3], NULL, 10) % MERGE_KEYS_ALL : 0;
    simulation_run_one(strtoull(argv[1], NULL, 10), &watch, &totals);
    merge_simulation_print(&totals);
    return true;
}
