/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/dag_walk.h>

#include "support/volatile_store.h"

/* ---- Life ------------------------------------------------------------------------------------ */

static uint64_t peer_clock(void *ctx)
{
    return ((const merge_peer *)ctx)->now_ms;
}

void merge_peer_give_clock(merge_peer *peer)
{
    peer->env.clock = peer_clock;
    peer->env.clock_ctx = peer;
}

void merge_peer_start(merge_peer *peer)
{
    assert_int_equal(copse_source_new(&peer->env, peer->store, &peer->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(&peer->env, peer->source, &peer->cache, NULL), COPSE_OK);
    assert_int_equal(copse_write_new(&peer->env, &peer->write, NULL), COPSE_OK);
}

void merge_peer_stop(merge_peer *peer)
{
    peer->write = copse_write_free(peer->write);
    peer->cache = copse_node_cache_free(peer->cache);
    peer->source = copse_source_free(peer->source);
}

merge_peer_ending merge_peer_end(merge_world *world, merge_peer *peer, copse_status status,
                                 const char *what, const copse_err *err)
{
    if (volatile_store_has_stopped(peer->store)) {
        merge_world_say(world, "  peer %zu stops", peer->number);
        merge_peer_stop(peer);
        volatile_store_restart(peer->store, merge_world_below(world, UINT64_MAX));
        merge_peer_start(peer);
        return MERGE_PEER_CRASHED;
    }
    volatile_store_stop_in(peer->store, 0);
    if (status == COPSE_WANT) {
        merge_world_say(world, "  peer %zu: a block is out of reach", peer->number);
        world->counts[MERGE_COUNT_UNREACHABLE]++;
        return MERGE_PEER_ALONE;
    }
    merge_world_must(world, status, what, err);
    return MERGE_PEER_DONE;
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* A block of a peer that this one reaches; NULL: nobody has it. */
static copse_block *peer_ask(merge_world *world, const merge_peer *peer, const copse_cid *cid)
{
    copse_block *block = NULL;
    size_t first = merge_world_below(world, world->peers_count);
    for (size_t i = 0; i < world->peers_count && block == NULL; i++) {
        const merge_peer *other = &world->peers[(first + i) % world->peers_count];
        if (other != peer && ((peer->reaches >> other->number) & 1) != 0) {
            copse_status status =
                copse_store_get(volatile_store_durable(other->store), cid, &block, NULL);
            assert_true(status == COPSE_OK || status == COPSE_NOT_FOUND);
        }
    }
    return block;
}

/* Fetches one block. False: nobody has it, or the machine has stopped. */
static bool peer_fetch_one(merge_world *world, merge_peer *peer, const copse_cid *cid)
{
    copse_block *block = peer_ask(world, peer, cid);
    bool is_put = block != NULL && copse_store_put(peer->store, &block, 1, NULL) == COPSE_OK;
    copse_block_unref(block);
    return is_put;
}

bool merge_peer_fetch(merge_world *world, merge_peer *peer)
{
    size_t count = 0;
    size_t fetched = 0;
    const copse_cid *wants = copse_source_wants(peer->source, &count);
    if (count == 0) {
        merge_world_fail(world, "peer %zu wants nothing", peer->number);
    }
    for (size_t i = 0; i < count && !volatile_store_has_stopped(peer->store); i++) {
        fetched += peer_fetch_one(world, peer, &wants[i]);
    }
    return fetched > 0 && !volatile_store_has_stopped(peer->store);
}

/* Fetches what is missing of what the store has of the peer's head; the number of blocks. */
static size_t peer_complete_once(merge_world *world, merge_peer *peer)
{
    copse_dag_walk walk;
    size_t fetched = 0;
    copse_dag_walk_init(&walk, &peer->env, peer->store, NULL);
    copse_status status = copse_dag_walk_begin(&walk, &peer->head, NULL);
    while (status == COPSE_OK || status == COPSE_NOT_FOUND) {
        copse_block *block = NULL;
        copse_cid missing;
        status = copse_dag_walk_next(&walk, &block, &missing, NULL);
        copse_block_unref(block);
        fetched += status == COPSE_NOT_FOUND && peer_fetch_one(world, peer, &missing);
    }
    copse_dag_walk_release(&walk);
    return fetched;
}

void merge_peer_complete(merge_world *world, merge_peer *peer)
{
    while (peer_complete_once(world, peer) > 0) {
    }
    assert_int_equal(copse_store_flush(peer->store, NULL), COPSE_OK);
}

copse_status merge_peer_open(merge_world *world, merge_peer *peer, const copse_cid *commit,
                             merge_view *view, copse_err *err)
{
    const copse_cid *tree = &world->log->commits[merge_log_find(world->log, commit)].tree;
    copse_status status;
    *view = (merge_view){.tree = NULL};
    do {
        status = copse_tree_open(peer->cache, tree, &view->tree, err);
    } while (status == COPSE_WANT && merge_peer_fetch(world, peer));
    if (status != COPSE_OK) {
        return status;
    }
    do {
        status = copse_database_open(view->tree, &view->database, err);
    } while (status == COPSE_WANT && merge_peer_fetch(world, peer));
    if (status != COPSE_OK) {
        merge_view_close(view);
    }
    return status;
}

/* ---- Commits --------------------------------------------------------------------------------- */

/* Makes the head durable: from here on it is acknowledged. */
static copse_status peer_acknowledge(merge_world *world, merge_peer *peer, const copse_cid *head,
                                     copse_err *err)
{
    copse_status status = copse_store_flush(peer->store, err);
    if (status == COPSE_OK) {
        peer->head = *head;
        volatile_store_stop_in(peer->store, 0);
        if (peer->is_full && merge_world_chance(world, 5)) {
            merge_peer_complete(world, peer);
        }
    }
    return status;
}

/* The version that a write must get (document_version.h, from the outside). */
static merge_version peer_version(merge_world *world, const merge_peer *peer,
                                  const merge_write *write)
{
    size_t head = merge_log_find(world->log, &peer->head);
    uint64_t forgotten_ms = world->log->commits[head].forgotten_ms[write->collection];
    merge_version version = {peer->now_ms > forgotten_ms ? peer->now_ms : forgotten_ms, 0,
                             peer->author};
    merge_state state = merge_log_state(world->log, head, write->collection, write->id);
    if (merge_version_compare(&version, &state.latest) <= 0) {
        version.time_ms = state.latest.time_ms;
        version.counter = state.latest.counter + 1;
    }
    return version;
}

static bool peer_has_versions(const merge_write *write)
{
    return write->kind != MERGE_WRITE_SETTLE &&
           (write->collection == MERGE_LWW || write->collection == MERGE_FIELD_WISE);
}

/* Finds the versions of writes, before they are in the log. */
static void peer_stamp(merge_world *world, const merge_peer *peer, merge_write *writes,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (peer_has_versions(&writes[i])) {
            const merge_log *log = world->log;
            writes[i].version = peer_version(world, peer, &writes[i]);
            for (size_t other = 0; other < log->writes_count; other++) {
                world->counts[MERGE_COUNT_SAME_TIME] +=
                    peer_has_versions(&log->writes[other]) &&
                    log->writes[other].collection == writes[i].collection &&
                    log->writes[other].id == writes[i].id &&
                    merge_version_compare(&log->writes[other].version, &writes[i].version) == 0;
            }
        }
    }
}

static copse_status peer_put_commit(merge_world *world, merge_peer *peer, const copse_cid *tree,
                                    copse_cid *ret_commit, copse_err *err)
{
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status;
    do {
        status = copse_commit_next(&peer->env, peer->source, tree, &peer->head, peer->head.size > 0,
                                   &commit, err);
    } while (status == COPSE_WANT && merge_peer_fetch(world, peer));
    if (status != COPSE_OK) {
        return status;
    }
    commit.author =
        peer->author != NULL ? copse_bytes_of_text(peer->author) : (copse_bytes){NULL, 0};
    status = copse_commit_encode(&peer->env, &commit, &block, err);
    if (status == COPSE_OK) {
        status = copse_store_put(peer->store, &block, 1, err);
        *ret_commit = *copse_block_cid(block);
    }
    copse_block_unref(block);
    return status;
}

/* Commits a tree that differs from the head's, and logs what it brought. */
static copse_status peer_commit_tree(merge_world *world, merge_peer *peer, const copse_cid *tree,
                                     merge_write *writes, size_t count, copse_err *err)
{
    copse_cid commit;
    size_t parent = peer->head.size > 0 ? merge_log_find(world->log, &peer->head) : 0;
    bool has_parent = peer->head.size > 0;
    copse_status status = peer_put_commit(world, peer, tree, &commit, err);
    if (status != COPSE_OK) {
        return status;
    }
    peer_stamp(world, peer, writes, count);
    status = peer_acknowledge(world, peer, &commit, err);
    size_t known;
    if (status == COPSE_OK && !merge_log_has(world->log, &commit, &known)) {
        (void)merge_log_commit(world->log, &commit, tree, &parent, has_parent);
        for (size_t i = 0; i < count; i++) {
            merge_log_write(world->log, &writes[i]);
        }
    }
    return status;
}

/* Applies the operations; what comes of it is in *ret_tree. */
static copse_status peer_apply(merge_world *world, merge_peer *peer, copse_tree *tree,
                               copse_cid *ret_tree, copse_err *err)
{
    const copse_write_options options = {.author = peer->author != NULL
                                                       ? copse_bytes_of_text(peer->author)
                                                       : (copse_bytes){NULL, 0}};
    copse_tree *next = NULL;
    copse_write_stats stats;
    copse_status status;
    do {
        status =
            copse_write_apply(peer->write, tree, peer->store, &options, &next, &stats, NULL, err);
    } while (status == COPSE_WANT && merge_peer_fetch(world, peer));
    if (status == COPSE_OK) {
        world->counts[MERGE_COUNT_FORGOTTEN] += stats.forgotten;
        *ret_tree = *copse_tree_root(next);
    }
    copse_tree_close(next);
    copse_write_clear(peer->write);
    return status;
}

merge_peer_ending merge_peer_commit(merge_world *world, merge_peer *peer, merge_view *view,
                                    merge_write *writes, size_t writes_count)
{
    copse_cid before = *copse_tree_root(view->tree);
    copse_cid after;
    copse_err err = {0};
    copse_status status = peer_apply(world, peer, view->tree, &after, &err);
    merge_view_close(view);
    if (status == COPSE_CONFLICT) {
        merge_world_say(world, "  refused: %s", err.message);
        volatile_store_stop_in(peer->store, 0);
        return MERGE_PEER_REFUSED;
    }
    bool is_same = status == COPSE_OK && peer->head.size > 0 && copse_cid_equal(&before, &after);
    if (status == COPSE_OK && !is_same) {
        status = peer_commit_tree(world, peer, &after, writes, writes_count, &err);
    }
    merge_peer_ending ending = merge_peer_end(world, peer, status, "a write", &err);
    return ending == MERGE_PEER_DONE && is_same ? MERGE_PEER_NOTHING : ending;
}

/* ---- Merges ---------------------------------------------------------------------------------- */

static merge_collection peer_collection_of(copse_bytes name)
{
    merge_collection at = 0;
    while (at < MERGE_COLLECTIONS &&
           !copse_bytes_equal(name, copse_bytes_of_text(merge_collection_name(at)))) {
        at++;
    }
    assert_true(at < MERGE_COLLECTIONS);
    return at;
}

static void peer_note_refusal(merge_outcome *outcome, const copse_database_conflict *conflict)
{
    assert_true(outcome->refusals_count < MERGE_CONFLICTS_MAX);
    merge_refusal *refusal = &outcome->refusals[outcome->refusals_count++];
    *refusal = (merge_refusal){.what = conflict->what,
                               .collection = peer_collection_of(conflict->collection)};
    if (conflict->what == COPSE_CONFLICT_DOCUMENT) {
        assert_true(conflict->id.len == 1 && conflict->id.ptr[0] < MERGE_KEYS_ALL);
        refusal->id = conflict->id.ptr[0]; /* a small integer is its own encoding */
        refusal->theirs = merge_document_decode(conflict->theirs);
    } else if (conflict->what == COPSE_CONFLICT_INDEX) {
        assert_true(conflict->index.len < sizeof refusal->index);
        memcpy(refusal->index, conflict->index.ptr, conflict->index.len);
    }
}

/* Who merges: a peer, or the archive. */
typedef struct peer_merger {
    merge_world *world;
    merge_peer *peer;
    const copse_env *env;
    copse_store *store;
    copse_node_cache *cache;
} peer_merger;

static copse_status peer_run_merge(const peer_merger *who, copse_head_merge *merge,
                                   merge_outcome *outcome, copse_err *err)
{
    copse_database_conflict conflict;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK ||
           (status == COPSE_WANT && who->peer != NULL && merge_peer_fetch(who->world, who->peer))) {
        status = copse_head_merge_next(merge, &conflict, err);
        if (status == COPSE_OK) {
            peer_note_refusal(outcome, &conflict);
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

/* Puts the commit of a merge that nothing refused. */
static copse_status peer_put_merge(const peer_merger *who, const copse_head_merge_result *result,
                                   merge_outcome *outcome, copse_err *err)
{
    copse_block *block = NULL;
    outcome->kind = result->kind;
    outcome->bases = result->bases;
    outcome->stats = result->stats;
    if (result->kind != COPSE_HEAD_MERGE_MADE || outcome->refusals_count > 0) {
        return COPSE_OK;
    }
    copse_status status = copse_commit_encode(who->env, &result->commit, &block, err);
    if (status == COPSE_OK) {
        outcome->commit = *copse_block_cid(block);
        outcome->tree = result->commit.tree;
        status = copse_store_put(who->store, &block, 1, err);
    }
    copse_block_unref(block);
    return status;
}

static copse_status peer_merge_by(const peer_merger *who, const merge_request *request,
                                  merge_outcome *ret_outcome, copse_err *err)
{
    const copse_head_merge_options options = {.cache = who->cache,
                                              .store = who->store,
                                              .ours = request->ours,
                                              .theirs = request->theirs,
                                              .policy = COPSE_MERGE_THREE_WAY,
                                              .conflicts = request->conflicts,
                                              .is_base_lost = request->is_base_lost,
                                              .author = copse_bytes_of_text("did:key:zWho")};
    copse_head_merge *merge = NULL;
    *ret_outcome = (merge_outcome){.is_base_lost = request->is_base_lost};
    copse_status status = copse_head_merge_new(who->env, &options, &merge, err);
    if (status == COPSE_OK) {
        status = peer_run_merge(who, merge, ret_outcome, err);
    }
    if (status == COPSE_OK) {
        status = peer_put_merge(who, copse_head_merge_get_result(merge), ret_outcome, err);
    }
    bool is_base_lost = status == COPSE_WANT && copse_head_merge_wants_base(merge) &&
                        !volatile_store_has_stopped(who->store);
    copse_head_merge_free(merge);
    if (is_base_lost) {
        merge_request without_base = *request;
        without_base.is_base_lost = true;
        return peer_merge_by(who, &without_base, ret_outcome, err);
    }
    return status;
}

copse_status merge_world_merge(merge_world *world, merge_peer *who, const merge_request *request,
                               merge_outcome *ret_outcome, copse_err *err)
{
    const peer_merger merger =
        who != NULL
            ? (peer_merger){world, who, &who->env, who->store, who->cache}
            : (peer_merger){world, NULL, &world->archive_env, world->archive, world->archive_cache};
    return peer_merge_by(&merger, request, ret_outcome, err);
}

/* Whether one side has written a document that the other has not seen. */
static bool peer_has_news(const merge_log *log, size_t commit, size_t other, int id)
{
    bool has = false;
    for (size_t i = 0; i < log->writes_count && !has; i++) {
        has = log->writes[i].collection == MERGE_THREE_WAY && log->writes[i].id == id &&
              merge_log_has_seen(log, commit, i) && !merge_log_has_seen(log, other, i);
    }
    return has;
}

/* Logs that a merge was for one of its sides: of all documents that may have been in conflict, and
 * where bases were in conflict that may be any which one side has written. */
static void peer_log_settled(merge_log *log, const size_t sides[2])
{
    for (int id = 0; id < MERGE_KEYS_ALL; id++) {
        if (peer_has_news(log, sides[0], sides[1], id) ||
            peer_has_news(log, sides[1], sides[0], id)) {
            const merge_write settled = {
                .kind = MERGE_WRITE_SETTLE, .collection = MERGE_THREE_WAY, .id = id};
            merge_log_write(log, &settled);
        }
    }
}

/* Logs the commit of a merge, if nobody has made it before. */
static void peer_log_merge(merge_world *world, const merge_request *request,
                           const merge_outcome *outcome)
{
    size_t known;
    if (merge_log_has(world->log, &outcome->commit, &known)) {
        return;
    }
    const size_t parents[2] = {merge_log_find(world->log, &request->ours),
                               merge_log_find(world->log, &request->theirs)};
    (void)merge_log_commit(world->log, &outcome->commit, &outcome->tree, parents, 2);
    if (outcome->stats.settled > 0) {
        peer_log_settled(world->log, parents);
    }
}

merge_peer_ending merge_peer_merge(merge_world *world, merge_peer *peer, const copse_cid *theirs,
                                   copse_merge_conflicts conflicts, merge_outcome *ret_outcome)
{
    const merge_request request = {.ours = peer->head, .theirs = *theirs, .conflicts = conflicts};
    copse_err err = {0};
    copse_status status = merge_world_merge(world, peer, &request, ret_outcome, &err);
    bool is_made = ret_outcome->kind == COPSE_HEAD_MERGE_MADE;
    if (status == COPSE_OK && ret_outcome->refusals_count > 0) {
        volatile_store_stop_in(peer->store, 0);
        return MERGE_PEER_REFUSED;
    }
    if (status == COPSE_CONFLICT) {
        merge_world_say(world, "  refused: %s", err.message);
        volatile_store_stop_in(peer->store, 0);
        return MERGE_PEER_TOO_OLD;
    }
    bool is_new = status == COPSE_OK && ret_outcome->kind != COPSE_HEAD_MERGE_NOTHING;
    if (is_new) {
        status = peer_acknowledge(world, peer, is_made ? &ret_outcome->commit : theirs, &err);
    }
    if (is_new && is_made && status == COPSE_OK) {
        peer_log_merge(world, &request, ret_outcome);
    }
    merge_peer_ending ending = merge_peer_end(world, peer, status, "a merge", &err);
    return ending == MERGE_PEER_DONE && !is_new ? MERGE_PEER_NOTHING : ending;
}
