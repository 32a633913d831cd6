/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_past.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <copse/dag_walk.h>

/* Clocks differ by less than half of it, also after they were set back. */
enum { PAST_WAIT_MS = 1000 };

/* ---- Forgetting ------------------------------------------------------------------------------ */

/* The time before which all have written what they have written until now. */
static uint64_t past_wait(merge_world *world)
{
    uint64_t least_ms = UINT64_MAX;
    for (size_t i = 0; i < world->peers_count; i++) {
        merge_peer *peer = &world->peers[i];
        peer->now_ms += PAST_WAIT_MS;
        least_ms = peer->now_ms < least_ms ? peer->now_ms : least_ms;
    }
    return least_ms - PAST_WAIT_MS / 2;
}

static uint64_t past_commit_time(merge_world *world, size_t number)
{
    copse_block *block = NULL;
    copse_commit commit;
    assert_int_equal(
        copse_store_get(world->archive, &world->log->commits[number].cid, &block, NULL), COPSE_OK);
    assert_int_equal(copse_commit_decode(&world->archive_env, block, &commit, NULL), COPSE_OK);
    copse_block_unref(block);
    return commit.time_ms;
}

/* Whether a clock was so wrong that the commit of a write from before that time is from after it:
 * then the times of commits don't tell who knows of it (head_pair.c, F1). */
static bool past_is_misdated(merge_world *world, uint64_t before_ms)
{
    bool is_misdated = false;
    for (size_t i = 0; i < world->log->writes_count && !is_misdated; i++) {
        const merge_write *write = &world->log->writes[i];
        is_misdated = (write->collection == MERGE_LWW || write->collection == MERGE_FIELD_WISE) &&
                      write->version.time_ms < before_ms &&
                      past_commit_time(world, write->commit) >= before_ms;
    }
    return is_misdated;
}

merge_peer_ending merge_past_forget(merge_world *world, merge_peer *peer)
{
    merge_view view;
    copse_err err = {0};
    uint64_t before_ms = past_wait(world);
    if (past_is_misdated(world, before_ms)) {
        return MERGE_PEER_NOTHING;
    }
    copse_write_clear(peer->write);
    copse_status status = merge_peer_open(world, peer, &peer->head, &view, &err);
    if (status != COPSE_OK) {
        return merge_peer_end(world, peer, status, "opening a database", &err);
    }
    for (merge_collection at = MERGE_LWW; at <= MERGE_FIELD_WISE; at++) {
        copse_bytes name = copse_bytes_of_text(merge_collection_name(at));
        merge_world_must(world, copse_write_forget_deleted(peer->write, name, before_ms, &err),
                         "forgetting", &err);
    }
    merge_world_say(world, "  forgets what was deleted before %llu",
                    (unsigned long long)(before_ms % 100000));
    merge_peer_ending ending = merge_peer_commit(world, peer, &view, NULL, 0);
    for (merge_collection at = MERGE_LWW; at <= MERGE_FIELD_WISE; at++) {
        if (ending == MERGE_PEER_DONE) {
            merge_log_forget(world->log, merge_log_find(world->log, &peer->head), at, before_ms);
        }
    }
    return ending;
}

/* ---- Dropping -------------------------------------------------------------------------------- */

/* What of a store goes. */
typedef struct past_dropping {
    merge_world *world;
    copse_dag_walk kept; /* over all trees that are kept */
    copse_buf dropped;   /* CIDs */
} past_dropping;

static void past_keep(past_dropping *dropping, const copse_cid *head)
{
    const merge_log *log = dropping->world->log;
    const copse_cid *tree = &log->commits[merge_log_find(log, head)].tree;
    assert_int_equal(copse_dag_walk_run(&dropping->kept, tree, NULL), COPSE_OK);
}

static copse_status past_drop_block(void *ctx, copse_block *block, copse_err *err)
{
    past_dropping *dropping = ctx;
    const copse_cid *cid = copse_block_cid(block);
    size_t commit;
    (void)err;
    return copse_cid_set_has(&dropping->kept.seen, cid) ||
                   merge_log_has(dropping->world->log, cid, &commit)
               ? COPSE_OK
               : copse_buf_append(&dropping->dropped,
                                  (copse_bytes){(const uint8_t *)cid, sizeof *cid});
}

static void past_drop_of(past_dropping *dropping, merge_peer *peer)
{
    copse_buf_truncate(&dropping->dropped, 0);
    assert_int_equal(copse_store_iterate(peer->store, past_drop_block, dropping, NULL), COPSE_OK);
    size_t count = dropping->dropped.len / sizeof(copse_cid);
    merge_peer_stop(peer); /* which has some in memory */
    if (count > 0) {
        assert_int_equal(copse_store_remove(peer->store,
                                            (const copse_cid *)(const void *)dropping->dropped.ptr,
                                            count, NULL),
                         COPSE_OK);
    }
    merge_peer_start(peer);
    dropping->world->counts[MERGE_COUNT_DROPPED] += count;
}

void merge_past_drop(merge_world *world)
{
    past_dropping dropping = {.world = world};
    merge_world_say(world, "%llu: all drop the past", (unsigned long long)world->step);
    copse_buf_init(&dropping.dropped, &world->archive_env, SIZE_MAX);
    copse_dag_walk_init(&dropping.kept, &world->archive_env, world->archive, NULL);
    for (size_t i = 0; i < world->peers_count; i++) {
        past_keep(&dropping, &world->peers[i].head);
    }
    for (size_t i = 0; i < world->messages_count; i++) {
        past_keep(&dropping, &world->messages[i].head);
    }
    for (size_t i = 0; i < world->peers_count; i++) {
        past_drop_of(&dropping, &world->peers[i]);
    }
    copse_dag_walk_release(&dropping.kept);
    copse_buf_release(&dropping.dropped);
}

/* ---- Cloning anew ---------------------------------------------------------------------------- */

static uint64_t past_forgotten_ms(const merge_world *world, const copse_cid *head)
{
    const merge_commit *commit = &world->log->commits[merge_log_find(world->log, head)];
    return commit->forgotten_ms[MERGE_LWW]; /* both are forgotten at once */
}

merge_peer_ending merge_past_clone_anew(merge_world *world, merge_peer *peer,
                                        const copse_cid *theirs)
{
    uint64_t ours_ms = past_forgotten_ms(world, &peer->head);
    uint64_t theirs_ms = past_forgotten_ms(world, theirs);
    if (theirs_ms < ours_ms ||
        (theirs_ms == ours_ms && copse_cid_compare(theirs, &peer->head) < 0)) {
        return MERGE_PEER_NOTHING;
    }
    merge_world_say(world, "  clones commit %zu anew", merge_log_find(world->log, theirs));
    peer->head = *theirs;
    world->counts[MERGE_COUNT_CLONED]++;
    return MERGE_PEER_DONE;
}
