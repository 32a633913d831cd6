/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/head_merge.h>

#include <copse/merge_base.h>

#include "base/alloc.h"
#include "base/err.h"
#include "history/commit.h"

enum { HEAD_MERGE_DEPTH_MAX = 16 };

/* The three databases of a merge. Zeroed: none are open. */
typedef struct head_merge_sides {
    copse_tree *trees[3]; /* base, ours, theirs */
    copse_database *databases[3];
} head_merge_sides;

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
    head_merge_sides sides;
    copse_write *write;
    copse_database_merge *documents;
    copse_cid tree; /* of the merge */
    copse_head_merge_result result;
    copse_err failure; /* what it failed with, and does again */
};

/* ---- Sides ----------------------------------------------------------------------------------- */

static void head_merge_close(head_merge_sides *sides)
{
    for (size_t i = 0; i < 3; i++) {
        sides->databases[i] = copse_database_close(sides->databases[i]);
        sides->trees[i] = copse_tree_close(sides->trees[i]);
    }
}

/* Opens the databases of three roots; base of size 0: none. What is open stays open after a WANT.
 */
static copse_status head_merge_open(const copse_head_merge_options *options,
                                    const copse_cid roots[3], head_merge_sides *sides,
                                    copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        if (roots[i].size > 0 && sides->trees[i] == NULL) {
            status = copse_tree_open(options->cache, &roots[i], &sides->trees[i], err);
        }
        if (status == COPSE_OK && sides->trees[i] != NULL && sides->databases[i] == NULL) {
            status = copse_database_open(sides->trees[i], &sides->databases[i], err);
        }
    }
    return status;
}

static copse_status head_merge_tree_of(const copse_head_merge *merge, const copse_cid *commit,
                                       copse_cid *ret_tree, copse_err *err)
{
    return copse_commit_find_tree(merge->env, copse_node_cache_source(merge->options.cache), commit,
                                  ret_tree, err);
}

/* ---- Bases ----------------------------------------------------------------------------------- */

static copse_status head_merge_base_tree(copse_head_merge *merge, const copse_cid *bases,
                                         size_t count, size_t depth, copse_cid *ret_tree,
                                         copse_err *err);

static const copse_write_options head_merge_write = {.is_unique_in_the_end = true};

/* Merges the trees of three roots, whatever conflicts there are; where that breaks a unique index,
 * ours is what comes of it. Begins anew after a WANT. */
static copse_status head_merge_roots(const copse_head_merge *merge, const copse_cid roots[3],
                                     copse_cid *ret_tree, copse_err *err)
{
    const copse_head_merge_options *options = &merge->options;
    head_merge_sides sides = {.trees = {NULL}};
    copse_database_merge *documents = NULL;
    copse_database_conflict conflict;
    copse_write *write = NULL;
    copse_tree *tree = NULL;
    copse_status status = head_merge_open(options, roots, &sides, err);
    const copse_database_merge_options of = {
        sides.databases[0], sides.databases[1], sides.databases[2],
        sides.databases[0] != NULL ? options->policy : COPSE_MERGE_UNION};
    if (status == COPSE_OK) {
        status = copse_write_new(merge->env, &write, err);
    }
    if (status == COPSE_OK) {
        status = copse_database_merge_new(&of, write, &documents, err);
    }
    while (status == COPSE_OK) {
        status = copse_database_merge_next(documents, &conflict, err);
    }
    if (status == COPSE_END) {
        status = copse_write_apply(write, sides.trees[1], options->store, &head_merge_write, &tree,
                                   NULL, NULL, err);
    }
    if (status == COPSE_OK || status == COPSE_CONFLICT) {
        *ret_tree = *copse_tree_root(tree != NULL ? tree : sides.trees[1]);
        status = COPSE_OK;
    }
    copse_tree_close(tree);
    copse_database_merge_free(documents);
    copse_write_free(write);
    head_merge_close(&sides);
    return status;
}

/* The tree that two commits have in common; of size 0: none. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as HEAD_MERGE_DEPTH_MAX */
static copse_status head_merge_common(copse_head_merge *merge, const copse_cid *a,
                                      const copse_cid *b, size_t depth, copse_cid *ret_tree,
                                      copse_err *err)
{
    copse_merge_base *search = NULL;
    const copse_cid *bases = NULL;
    size_t count = 0;
    if (depth == HEAD_MERGE_DEPTH_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "the histories were merged crosswise too often");
    }
    copse_status status = copse_merge_base_new(
        merge->env, copse_node_cache_source(merge->options.cache), a, b, &search, err);
    if (status == COPSE_OK) {
        status = copse_merge_base_find(search, &bases, &count, err);
    }
    if (status == COPSE_OK) {
        status = head_merge_base_tree(merge, bases, count, depth + 1, ret_tree, err);
    }
    copse_merge_base_free(search);
    return status;
}

/* The tree of the bases, merged if they are several; of size 0: there is none. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as HEAD_MERGE_DEPTH_MAX */
static copse_status head_merge_base_tree(copse_head_merge *merge, const copse_cid *bases,
                                         size_t count, size_t depth, copse_cid *ret_tree,
                                         copse_err *err)
{
    copse_cid merged = {.size = 0};
    copse_status status = count > 0 ? head_merge_tree_of(merge, &bases[0], &merged, err) : COPSE_OK;
    for (size_t i = 1; i < count && status == COPSE_OK; i++) {
        copse_cid roots[3] = {{.size = 0}, merged, {.size = 0}};
        status = head_merge_common(merge, &bases[0], &bases[i], depth, &roots[0], err);
        if (status == COPSE_OK) {
            status = head_merge_tree_of(merge, &bases[i], &roots[2], err);
        }
        if (status == COPSE_OK) {
            status = head_merge_roots(merge, roots, &merged, err);
        }
    }
    if (status == COPSE_OK) {
        *ret_tree = merged;
    }
    return status;
}

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
    if (status == COPSE_OK) {
        status = copse_write_new(env, &merge->write, err);
    }
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
        copse_write_free(merge->write);
        head_merge_close(&merge->sides);
        copse_merge_base_free(merge->search);
        copse_free(merge->env, merge, sizeof *merge);
    }
    return NULL;
}

const copse_head_merge_result *copse_head_merge_get_result(const copse_head_merge *merge)
{
    return &merge->result;
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

static copse_status head_merge_begin_documents(copse_head_merge *merge, copse_err *err)
{
    const copse_head_merge_options *options = &merge->options;
    copse_cid roots[3] = {{.size = 0}};
    const copse_cid *bases = NULL;
    size_t count = 0;
    copse_status status = copse_merge_base_find(merge->search, &bases, &count, err);
    if (status == COPSE_OK) {
        status = head_merge_base_tree(merge, bases, count, 0, &roots[0], err);
    }
    if (status == COPSE_OK) {
        status = head_merge_tree_of(merge, &options->ours, &roots[1], err);
    }
    if (status == COPSE_OK) {
        status = head_merge_tree_of(merge, &options->theirs, &roots[2], err);
    }
    if (status == COPSE_OK) {
        status = head_merge_open(options, roots, &merge->sides, err);
    }
    if (status == COPSE_OK) {
        const copse_database_merge_options of = {merge->sides.databases[0],
                                                 merge->sides.databases[1],
                                                 merge->sides.databases[2], options->policy};
        status = copse_database_merge_new(&of, merge->write, &merge->documents, err);
    }
    merge->stage = status == COPSE_OK ? HEAD_MERGE_DOCUMENTS : merge->stage;
    return status;
}

static copse_status head_merge_apply(copse_head_merge *merge, copse_err *err)
{
    copse_tree *tree = NULL;
    merge->result.stats = copse_database_merge_get_stats(merge->documents);
    copse_status status =
        copse_write_apply(merge->write, merge->sides.trees[1], merge->options.store,
                          &head_merge_write, &tree, &merge->result.written, NULL, err);
    if (status == COPSE_OK) {
        merge->tree = *copse_tree_root(tree);
        merge->stage = HEAD_MERGE_COMMIT;
    }
    copse_tree_close(tree);
    return status;
}

static copse_status head_merge_commit(copse_head_merge *merge, copse_err *err)
{
    const copse_cid heads[2] = {merge->options.ours, merge->options.theirs};
    copse_status status =
        copse_commit_merge(merge->env, copse_node_cache_source(merge->options.cache), &merge->tree,
                           heads, 2, &merge->result.commit, err);
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
        return head_merge_commit(merge, err);
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
