/* Merging two heads, stage after stage.
 *
 *   F1  A deletion that was forgotten shows nowhere that there was something to delete. A side may
 *       have forgotten those from before its forgotten_ms, and what it merges from then on. A
 *       commit is no earlier than what it wrote, unless a clock was wrong. So two are merged only
 *       if each comes from all commits of the other from before that time: then both knew what was
 *       deleted, and whoever merges either later finds the same. Where they parted says less: an
 *       old branch may have been merged into one side since.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/head_merge.h"

#include <copse/merge_base.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/catalogue.h"

typedef enum head_merge_stage {
    HEAD_MERGE_BASES, /* are looked for */
    HEAD_MERGE_OPEN,
    HEAD_MERGE_DOCUMENTS,
    HEAD_MERGE_APPLY,
    HEAD_MERGE_COMMIT,
    HEAD_MERGE_DONE
} head_merge_stage;

struct copse_head_merge {
    const copse_env *env;
    copse_head_merge_options options;
    head_merge_stage stage;
    copse_merge_base *search;
    copse_head_merge_commit ours;
    copse_head_merge_commit theirs;
    copse_head_merge_sides sides;
    copse_database_merge *documents;
    copse_cid tree; /* of the merge */
    copse_head_merge_result result;
    copse_err failure; /* what it failed with, and does again */
};

/* ---- Life ------------------------------------------------------------------------------------ */

copse_status copse_head_merge_new(const copse_env *env, const copse_head_merge_options *options,
                                  copse_head_merge **ret_merge, copse_err *err)
{
    copse_head_merge *merge = copse_alloc_zeroed(env, sizeof *merge);
    if (merge == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    merge->env = env;
    merge->options = *options;
    copse_status status =
        copse_merge_base_new(env, copse_node_cache_source(options->cache), &options->ours,
                             &options->theirs, &merge->search, err);
    if (status != COPSE_OK) {
        copse_head_merge_free(merge);
        return status;
    }
    *ret_merge = merge;
    return COPSE_OK;
}

copse_head_merge *copse_head_merge_free(copse_head_merge *merge)
{
    if (merge != NULL) {
        copse_database_merge_free(merge->documents);
        copse_head_merge_close(&merge->sides);
        copse_head_merge_forget(&merge->ours);
        copse_head_merge_forget(&merge->theirs);
        copse_merge_base_free(merge->search);
        copse_free(merge->env, merge, sizeof *merge);
    }
    return NULL;
}

const copse_head_merge_result *copse_head_merge_get_result(const copse_head_merge *merge)
{
    return &merge->result;
}

bool copse_head_merge_wants_base(const copse_head_merge *merge)
{
    return merge->stage == HEAD_MERGE_OPEN && !merge->options.is_base_lost &&
           merge->result.bases > 0 && merge->sides.databases[0] == NULL;
}

/* ---- Stages: each moves to the next one when it is OK ---------------------------------------- */

static copse_status head_merge_find_bases(copse_head_merge *merge, copse_err *err)
{
    const copse_head_merge_options *options = &merge->options;
    const copse_cid *bases = NULL;
    copse_status status = copse_merge_base_find(merge->search, &bases, &merge->result.bases, err);
    if (status != COPSE_OK) {
        return status;
    }
    merge->stage = HEAD_MERGE_OPEN;
    if (merge->result.bases == 1 && copse_cid_equal(&bases[0], &options->theirs)) {
        merge->result.kind = COPSE_HEAD_MERGE_NOTHING;
        merge->stage = HEAD_MERGE_DONE;
    } else if (merge->result.bases == 1 && copse_cid_equal(&bases[0], &options->ours)) {
        merge->result.kind = COPSE_HEAD_MERGE_FORWARD;
        merge->stage = HEAD_MERGE_DONE;
    } else {
        merge->result.kind = COPSE_HEAD_MERGE_MADE;
    }
    return COPSE_OK;
}

/* F1 */
static copse_status head_merge_check_forgotten(const copse_head_merge *merge, copse_err *err)
{
    uint64_t earliest_ms = copse_merge_base_earliest_ms(merge->search);
    for (size_t side = 1; side < 3 && merge->result.bases > 0; side++) {
        size_t count = 0;
        const copse_collection *collections =
            copse_database_collections(merge->sides.databases[side], &count);
        for (size_t i = 0; i < count; i++) {
            const copse_collection *collection = &collections[i];
            if (copse_merge_has_versions(collection->merge) &&
                earliest_ms < collection->forgotten_ms) {
                return COPSE_ERR(err, COPSE_CONFLICT,
                                 "%.*s: deletions were forgotten that were made before all was "
                                 "merged: the side that has not forgotten them, or is the older "
                                 "one, has to be cloned anew",
                                 (int)collection->name.len, (const char *)collection->name.ptr);
            }
        }
    }
    return COPSE_OK;
}

static copse_status head_merge_open_sides(copse_head_merge *merge, copse_err *err)
{
    const copse_head_merge_options *options = &merge->options;
    copse_cid roots[3] = {{.size = 0}};
    const copse_cid *bases = NULL;
    size_t count = 0;
    copse_status status = copse_merge_base_find(merge->search, &bases, &count, err);
    if (status == COPSE_OK && !options->is_base_lost) {
        status = copse_head_merge_base_tree(merge->env, options, bases, count, &roots[0], err);
    }
    if (status == COPSE_OK) {
        status =
            copse_head_merge_read(merge->env, &merge->options, &options->ours, &merge->ours, err);
    }
    if (status == COPSE_OK) {
        status = copse_head_merge_read(merge->env, &merge->options, &options->theirs,
                                       &merge->theirs, err);
    }
    if (status == COPSE_OK) {
        roots[1] = merge->ours.tree;
        roots[2] = merge->theirs.tree;
        status = copse_head_merge_open(options, roots, &merge->sides, err);
    }
    return status == COPSE_OK ? head_merge_check_forgotten(merge, err) : status;
}

static copse_status head_merge_begin_documents(copse_head_merge *merge, copse_err *err)
{
    copse_status status = head_merge_open_sides(merge, err);
    if (status == COPSE_OK) {
        const copse_database_merge_options of = {
            .base = merge->sides.databases[0],
            .ours = merge->sides.databases[1],
            .theirs = merge->sides.databases[2],
            .is_base_lost = merge->options.is_base_lost && merge->result.bases > 0,
            .ours_head = merge->ours.head,
            .theirs_head = merge->theirs.head,
            .policy = merge->options.policy,
            .conflicts = merge->options.conflicts,
        };
        status = copse_database_merge_new(&of, &merge->documents, err);
    }
    merge->stage = status == COPSE_OK ? HEAD_MERGE_DOCUMENTS : merge->stage;
    return status;
}

static copse_status head_merge_apply(copse_head_merge *merge, copse_err *err)
{
    copse_tree *tree = NULL;
    copse_status status = copse_database_merge_apply(merge->documents, merge->options.store, &tree,
                                                     &merge->result.written, err);
    if (status == COPSE_OK) {
        merge->tree = *copse_tree_root(tree);
        merge->stage = HEAD_MERGE_COMMIT;
    }
    copse_tree_close(tree);
    return status;
}

static copse_status head_merge_finish(copse_head_merge *merge, copse_err *err)
{
    const copse_cid heads[2] = {merge->options.ours, merge->options.theirs};
    copse_source *source = copse_node_cache_source(merge->options.cache);
    copse_commit *commit = &merge->result.commit;
    merge->result.stats = copse_database_merge_get_stats(merge->documents);
    bool is_decided = merge->result.stats.settled > 0;
    copse_status status =
        is_decided ? copse_commit_next(merge->env, source, &merge->tree, heads, 2, commit, err)
                   : copse_commit_merge(merge->env, source, &merge->tree, heads, 2, commit, err);
    if (status == COPSE_OK && is_decided) {
        commit->author = merge->options.author;
        commit->message = merge->options.message;
    }
    merge->stage = status == COPSE_OK ? HEAD_MERGE_DONE : merge->stage;
    return status;
}

/* OK with *ret_is_conflict: a conflict; without: a stage is done. */
static copse_status head_merge_step(copse_head_merge *merge, bool *ret_is_conflict,
                                    copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_status status = COPSE_END;
    *ret_is_conflict = false;
    switch (merge->stage) {
    case HEAD_MERGE_BASES:
        return head_merge_find_bases(merge, err);
    case HEAD_MERGE_OPEN:
        return head_merge_begin_documents(merge, err);
    case HEAD_MERGE_DOCUMENTS:
        status = copse_database_merge_next(merge->documents, ret_conflict, err);
        *ret_is_conflict = status == COPSE_OK;
        merge->stage = status == COPSE_END ? HEAD_MERGE_APPLY : merge->stage;
        return status == COPSE_END ? COPSE_OK : status;
    case HEAD_MERGE_APPLY:
        return head_merge_apply(merge, err);
    case HEAD_MERGE_COMMIT:
        return head_merge_finish(merge, err);
    case HEAD_MERGE_DONE:
        break;
    }
    return status;
}

copse_status copse_head_merge_next(copse_head_merge *merge, copse_database_conflict *ret_conflict,
                                   copse_err *err)
{
    copse_database_conflict conflict;
    bool is_conflict = false;
    copse_status status = merge->failure.status;
    while (status == COPSE_OK && !is_conflict) {
        status = head_merge_step(merge, &is_conflict, &conflict, &merge->failure);
    }
    status = copse_err_keep(&merge->failure, status, err);
    if (status == COPSE_OK) {
        *ret_conflict = conflict;
    }
    return status;
}
