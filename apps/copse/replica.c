/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "replica.h"

#include "failure.h"
#include "history_copy.h"
#include "text.h"

#include <copse/database_conflicts.h>
#include <copse/history_range.h>
#include <copse/merge_base.h>
#include <copse/query.h>

#include <stdio.h>
#include <string.h>

/* A query that reads what was fetched may be planned in another way than before, and need more.
 * After so many times it is left at that. */
enum { REPLICA_QUERY_RUNS_MAX = 8 };

/* Where two commits are at most so many generations apart, all between them are fetched at once,
 * some MiB at most, rather than one after the other those that skip links lead over. */
enum { REPLICA_NEAR = 16384 };

/* The latest commits that come with a whole clone at once: some 300 kB. */
enum { REPLICA_LATEST = 1024 };

/* ---- Fetching ---- */

bool copse_replica_open(copse_replica *replica, copse_local *local, const copse_origin *origin,
                        const char *const *firsts, size_t firsts_count)
{
    *replica = (copse_replica){.call = local->call, .local = local, .origin = origin};
    return copse_peers_open_all(&replica->peers, local->call, firsts, firsts_count, local->store);
}

void copse_replica_close(copse_replica *replica)
{
    if (replica->call != NULL) {
        copse_peers_close(&replica->peers);
    }
    *replica = (copse_replica){.call = NULL};
}

static void replica_show_progress(copse_replica *replica)
{
    copse_remote_stats stats = copse_remote_get_stats(replica->peers.remote);
    char size[COPSE_TEXT_NUMBER_SIZE];
    (void)snprintf(replica->label, sizeof replica->label, "fetched %s",
                   copse_text_of_size(stats.block_bytes, size));
    replica->progress.label = replica->label;
    replica->progress.total = replica->stats.entries_total;
    replica->progress.calls |= 255; /* called seldom: look at the clock each time */
    copse_progress_update(&replica->progress, replica->stats.entries, stats.blocks);
}

/* As replica_fetched; `history` NULL: not of commits. */
static bool replica_fetched_of(copse_replica *replica, copse_status *status,
                               copse_remote_history *history)
{
    copse_local *local = replica->local;
    copse_remote *remote = replica->peers.remote;
    copse_err *err = &replica->call->err;
    if (*status != COPSE_WANT) {
        return false;
    }
    replica->failed = history != NULL
                          ? copse_remote_fetch_history(remote, local->source, history, err)
                          : copse_remote_fetch(remote, local->source, err);
    copse_status flushed =
        copse_store_flush(local->store, replica->failed == COPSE_OK ? err : NULL);
    if (replica->failed == COPSE_OK && flushed != COPSE_OK) {
        *status = flushed;
    }
    replica_show_progress(replica);
    return replica->failed == COPSE_OK && flushed == COPSE_OK;
}

bool copse_replica_fetched(copse_replica *replica, copse_status *status)
{
    return replica_fetched_of(replica, status, NULL);
}

/* Fetches the commits that `head` comes from and `ours` (of size 0: nothing) does not, as far as
 * they can be had: who needs others will want them. */
static void replica_fetch_history(copse_replica *replica, const copse_cid *ours,
                                  const copse_cid *head)
{
    copse_call *call = replica->call;
    copse_remote_history history = {.ours = *ours};
    copse_history_range *range = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status = copse_history_range_new(&call->env, replica->local->source, head, 1, ours,
                                                  ours->size > 0, &range, &call->err);
    while (status == COPSE_OK) {
        do {
            status = copse_history_range_next(range, &cid, &commit, &call->err);
        } while (replica_fetched_of(replica, &status, &history));
    }
    copse_history_range_free(range);
}

/* Fetches the latest commits that `head` comes from, without what `base` (of size 0: nothing) comes
 * from, as far as they can be had. */
static void replica_fetch_latest(copse_replica *replica, const copse_cid *base,
                                 const copse_cid *head)
{
    copse_remote_history history = {.ours = *base, .limit = REPLICA_LATEST};
    copse_commit commit;
    copse_block *block = NULL;
    copse_block *parent = NULL;
    copse_status status = copse_local_commit(replica->local, head, &commit, &block);
    if (status == COPSE_OK && block != NULL && commit.parents_count > 0) {
        const copse_cid cid = commit.parents[0];
        status = copse_local_commit(replica->local, &cid, &commit, &parent);
        (void)replica_fetched_of(replica, &status, &history);
    }
    copse_block_unref(block);
    copse_block_unref(parent);
}

/* Fetches the commits that those later than `head` take skip links from, as far as they can be had:
 * where n commits are behind it, those with i * 2^k of them behind that are next to n for each k.
 * The longest skip link of each leads to the next. So most are among the latest. */
static void replica_fetch_line(copse_replica *replica, const copse_cid *base, const copse_cid *head)
{
    copse_cid cid = *head;
    copse_status status = COPSE_OK;
    replica_fetch_latest(replica, base, head);
    for (size_t i = 0; i <= COPSE_COMMIT_SKIPS_MAX && cid.size > 0 && status == COPSE_OK; i++) {
        copse_commit commit;
        copse_block *block = NULL;
        do {
            status = copse_local_commit(replica->local, &cid, &commit, &block);
        } while (copse_replica_fetched(replica, &status));
        if (status != COPSE_OK || block == NULL || commit.parents_count == 0) {
            cid.size = 0;
        } else {
            cid = commit.skips_count > 0 ? commit.skips[commit.skips_count - 1] : commit.parents[0];
        }
        copse_block_unref(block);
    }
}

/* Reports what ended the fetching of `what`. */
static bool replica_fail(copse_replica *replica, copse_status status, const char *what)
{
    (void)copse_progress_end(&replica->progress);
    if (status == COPSE_WANT) {
        (void)copse_peers_failure(&replica->peers, replica->failed, what);
    } else {
        (void)copse_failure_of(replica->call, status, "%s", what);
    }
    return false;
}

bool copse_replica_commit(copse_replica *replica, const copse_cid *cid, const char *what,
                          copse_commit *ret_commit, copse_block **ret_block)
{
    copse_status status;
    do {
        status = copse_local_commit(replica->local, cid, ret_commit, ret_block);
    } while (copse_replica_fetched(replica, &status));
    return status == COPSE_OK || replica_fail(replica, status, what);
}

static bool replica_open_tree(copse_replica *replica, const copse_cid *cid, const char *what,
                              copse_tree **ret_tree)
{
    copse_status status;
    do {
        status = copse_tree_open(replica->local->cache, cid, ret_tree, &replica->call->err);
    } while (copse_replica_fetched(replica, &status));
    return status == COPSE_OK || replica_fail(replica, status, what);
}

/* ---- By difference ---- */

/* Pulls these ranges; `count` 0: everything. */
static bool replica_pull(copse_replica *replica, copse_tree *before, copse_tree *after,
                         const copse_pull_range *ranges, size_t count, const char *what)
{
    const copse_pull_options options = {ranges, count, copse_database_row_slots};
    copse_pull *pull = NULL;
    copse_err *err = &replica->call->err;
    copse_status status = copse_pull_new(before, after, &options, &pull, err);
    while (status == COPSE_OK) {
        do {
            status = copse_pull_next(pull, err);
            replica->stats = copse_pull_get_stats(pull);
        } while (copse_replica_fetched(replica, &status));
        if (status == COPSE_OK) {
            replica_show_progress(replica);
        }
    }
    copse_pull_free(pull);
    return status == COPSE_END || replica_fail(replica, status, what);
}

/* Opens the database, which brings the catalogue, and looks for the collection. */
static bool replica_open_database(copse_replica *replica, copse_tree *tree, const char *what,
                                  copse_database **ret_database)
{
    const char *name = replica->origin->collection;
    copse_status status;
    do {
        status = copse_database_open(tree, ret_database, &replica->call->err);
    } while (copse_replica_fetched(replica, &status));
    if (status != COPSE_OK) {
        return replica_fail(replica, status, what);
    }
    if (copse_database_collection(*ret_database, copse_bytes_of_text(name)) == NULL ||
        copse_database_version(*ret_database) != 2) {
        replica->is_unknown = true;
        (void)copse_failure(replica->call, COPSE_NOT_FOUND,
                            "`copse collections` lists what there is, of a URL too",
                            "there is no collection '%s' in %s", name, what);
        *ret_database = copse_database_close(*ret_database);
    }
    return *ret_database != NULL;
}

/* The catalogue, and all rows of a collection: those that begin with 00 name 00
 * (docs/formats/database.md). */
static bool replica_pull_collection(copse_replica *replica, copse_tree *before, copse_tree *after,
                                    const char *what)
{
    static const uint8_t catalogue_end[] = {0, 2};
    uint8_t from[2 + 128] = {0};
    uint8_t to[2 + 128] = {0};
    const char *name = replica->origin->collection;
    copse_database *database = NULL;
    if (!replica_open_database(replica, after, what, &database)) {
        return false;
    }
    copse_database_close(database);
    size_t size = strlen(name) + 2; /* names are at most 128 bytes */
    memcpy(from + 1, name, size - 2);
    memcpy(to, from, size);
    to[size - 1] = 1;
    const copse_bytes ends[] = {{catalogue_end, sizeof catalogue_end}, {to, size}};
    const copse_pull_range ranges[] = {{{NULL, 0}, &ends[0]}, {{from, size}, &ends[1]}};
    return replica_pull(replica, before, after, ranges, 2, what);
}

/* ---- By a query ---- */

static copse_query_options replica_question(const copse_replica *replica)
{
    return (copse_query_options){
        .collection = copse_bytes_of_text(replica->origin->collection),
        .filter = replica->origin->filter,
    };
}

/* Has a peer answer the query, which brings most of the blocks in one round trip. Whatever does not
 * come by this is fetched, or reported, when the query is run here. */
static bool replica_ask(copse_replica *replica, const copse_cid *head, const char *what)
{
    copse_err *err = &replica->call->err;
    const copse_query_options question = replica_question(replica);
    const copse_remote_find_options options = {.root = head, .query = &question};
    copse_remote_find *find = NULL;
    copse_bytes document;
    copse_status status = copse_remote_find_new(replica->peers.remote, &options, &find, err);
    while (status == COPSE_OK) {
        status = copse_remote_find_next(find, &document, err);
        replica_show_progress(replica);
    }
    copse_remote_find_free(find);
    status = copse_store_flush(replica->local->store, err);
    return status == COPSE_OK || replica_fail(replica, status, what);
}

/* Runs the query once over the store. */
static copse_status replica_query(copse_replica *replica, copse_database *database)
{
    copse_err *err = &replica->call->err;
    const copse_query_options options = replica_question(replica);
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    copse_status status = copse_query_new(&replica->call->env, &options, &query, err);
    if (status == COPSE_OK) {
        do {
            status = copse_result_open(query, database, &result, err);
        } while (copse_replica_fetched(replica, &status));
    }
    replica->documents = 0;
    while (status == COPSE_OK) {
        do {
            status = copse_result_next(result, &document, err);
        } while (copse_replica_fetched(replica, &status));
        replica->documents += status == COPSE_OK ? 1 : 0;
    }
    copse_result_close(result);
    copse_query_free(query);
    return status == COPSE_END ? COPSE_OK : status;
}

/* Until a run needs nothing that isn't here: then it can be run again without a peer. */
static bool replica_pull_query(copse_replica *replica, copse_tree *tree, const char *what)
{
    copse_database *database = NULL;
    uint64_t before = UINT64_MAX;
    uint64_t blocks = 0;
    copse_status status = COPSE_OK;
    if (!replica_open_database(replica, tree, what, &database)) {
        return false;
    }
    for (size_t i = 0; status == COPSE_OK && before != blocks && i < REPLICA_QUERY_RUNS_MAX; i++) {
        before = copse_remote_get_stats(replica->peers.remote).blocks;
        status = replica_query(replica, database);
        blocks = copse_remote_get_stats(replica->peers.remote).blocks;
    }
    copse_database_close(database);
    return status == COPSE_OK || replica_fail(replica, status, what);
}

/* ---- Of a fork ---- */

static bool replica_fetched_history(void *ctx, copse_status *status)
{
    return copse_replica_fetched(ctx, status);
}

static bool replica_lacks(void *ctx, const copse_cid *cid)
{
    const copse_replica *replica = ctx;
    return replica->failed == COPSE_NOT_FOUND && copse_peers_lack(&replica->peers, cid);
}

static bool replica_pull_history(copse_replica *replica, const copse_cid *head,
                                 const copse_cid *base, const char *what)
{
    copse_history_copy copy = {
        .call = replica->call,
        .local = replica->local,
        .nodes = replica->local->cache,
        .fetched = replica_fetched_history,
        .lacks = replica_lacks,
        .lot = COPSE_HISTORY_COPY_LOT_FAR,
        .ctx = replica,
    };
    replica->call->env.limits.wants_max = COPSE_HISTORY_COPY_WANTS;
    replica_fetch_history(replica, base, head);
    copse_status status = copse_history_copy_run(&copy, head, base);
    replica->commits = copy.commits;
    return status == COPSE_OK || replica_fail(replica, status, what);
}

/* ---- Together ---- */

/* The tree that `cid`, a commit or a bare tree, leads to. */
static bool replica_open_tree_of(copse_replica *replica, const copse_cid *cid, const char *what,
                                 copse_tree **ret_tree)
{
    copse_commit commit;
    copse_block *block = NULL;
    if (!copse_replica_commit(replica, cid, what, &commit, &block)) {
        return false;
    }
    bool opened = replica_open_tree(replica, &commit.tree, what, ret_tree);
    copse_block_unref(block);
    return opened;
}

bool copse_replica_fetch(copse_replica *replica, const copse_cid *head, const copse_cid *base)
{
    const copse_origin *origin = replica->origin;
    char what[512];
    copse_tree *before = NULL;
    copse_tree *after = NULL;
    (void)copse_origin_show(origin, what, sizeof what);
    copse_progress_init(&replica->progress, replica->call, "", 0, "blocks");
    /* An answer brings again what is here of an earlier head. */
    bool ask = origin->filter.ptr != NULL && base->size == 0;
    bool done = (!ask || replica_ask(replica, head, what)) &&
                replica_open_tree_of(replica, head, what, &after) &&
                (base->size == 0 || origin->filter.ptr != NULL || origin->is_fork ||
                 replica_open_tree_of(replica, base, what, &before));
    if (done && origin->is_fork) {
        done = origin->is_partial || replica_pull_history(replica, head, base, what);
    } else if (done && origin->filter.ptr != NULL) {
        done = replica_pull_query(replica, after, what);
    } else if (done && origin->collection != NULL) {
        done = replica_pull_collection(replica, before, after, what);
    } else if (done && replica_pull(replica, before, after, NULL, 0, what)) {
        replica_fetch_line(replica, base, head);
    } else {
        done = false;
    }
    (void)copse_progress_end(&replica->progress);
    copse_tree_close(before);
    copse_tree_close(after);
    return done;
}

/* ---- History ---- */

static copse_status replica_generation(copse_replica *replica, const copse_cid *cid,
                                       uint64_t *ret_generation)
{
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status;
    do {
        status = copse_local_commit(replica->local, cid, &commit, &block);
    } while (copse_replica_fetched(replica, &status));
    if (status == COPSE_OK && block == NULL) {
        status = COPSE_NOT_FOUND;
    } else if (status == COPSE_OK) {
        *ret_generation = commit.generation;
        copse_block_unref(block);
    }
    return status;
}

/* Whether `commit` is the first-parent ancestor of `head` that is so many generations back: on a
 * line without merges skip links lead there in a few steps. */
static bool replica_is_on_line(copse_replica *replica, const copse_cid *commit,
                               const copse_cid *head, uint64_t at, uint64_t top)
{
    copse_local *local = replica->local;
    copse_cid ancestor;
    copse_status status;
    do {
        status = copse_commit_ancestor(&replica->call->env, local->source, head, top - at,
                                       &ancestor, &replica->call->err);
    } while (copse_replica_fetched(replica, &status));
    return status == COPSE_OK && copse_cid_equal(&ancestor, commit);
}

/* Whether `head` comes from `commit`, over merges too. */
static bool replica_is_ancestor(copse_replica *replica, const copse_cid *commit,
                                const copse_cid *head)
{
    copse_call *call = replica->call;
    copse_merge_base *search = NULL;
    copse_remote_history history = {.ours = *commit};
    const copse_cid *bases = NULL;
    size_t count = 0;
    copse_status status =
        copse_merge_base_new(&call->env, replica->local->source, commit, head, &search, &call->err);
    if (status == COPSE_OK) {
        do {
            status = copse_merge_base_find(search, &bases, &count, &call->err);
        } while (replica_fetched_of(replica, &status, &history));
    }
    bool is_ancestor = status == COPSE_OK && count == 1 && copse_cid_equal(&bases[0], commit);
    copse_merge_base_free(search);
    return is_ancestor;
}

bool copse_replica_leads_to(copse_replica *replica, const copse_cid *commit, const copse_cid *head)
{
    uint64_t at = 0;
    uint64_t top = 0;
    if (copse_cid_equal(commit, head)) {
        return true;
    }
    if (replica_generation(replica, commit, &at) != COPSE_OK ||
        replica_generation(replica, head, &top) != COPSE_OK || at >= top) {
        return false;
    }
    if (top - at <= REPLICA_NEAR) {
        replica_fetch_history(replica, commit, head);
    }
    return replica_is_on_line(replica, commit, head, at, top) ||
           replica_is_ancestor(replica, commit, head);
}
