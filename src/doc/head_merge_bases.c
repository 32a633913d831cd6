/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/head_merge.h"

#include <copse/merge_base.h>

#include "base/err.h"
#include "tree/difference_hint.h"

enum { HEAD_MERGE_DEPTH_MAX = 16, HEAD_MERGE_BASES_MAX = 256 };

/* What bases are merged with. */
typedef struct head_merge_bases {
    const copse_env *env;
    const copse_head_merge_options *options;
    size_t *merges_left; /* B3 */
} head_merge_bases;

/* ---- Sides ----------------------------------------------------------------------------------- */

void copse_head_merge_close(copse_head_merge_sides *sides)
{
    for (size_t i = 0; i < 3; i++) {
        sides->databases[i] = copse_database_close(sides->databases[i]);
        sides->trees[i] = copse_tree_close(sides->trees[i]);
    }
}

/* Opens one of the databases; what is open stays open after a WANT. */
static copse_status head_merge_open_side(const copse_head_merge_options *options,
                                         const copse_cid *root, copse_tree **tree,
                                         copse_database **database, copse_err *err)
{
    copse_status status =
        *tree == NULL ? copse_tree_open(options->cache, root, tree, err) : COPSE_OK;
    return status == COPSE_OK && *database == NULL ? copse_database_open(*tree, database, err)
                                                   : status;
}

/* Whether the tops of all trees are here, so that the next call goes a level further down. */
static bool head_merge_has_tops(const copse_head_merge_options *options, const copse_cid roots[3],
                                const copse_head_merge_sides *sides)
{
    for (size_t i = 0; i < 3; i++) {
        const copse_tree *tree = sides->trees[i];
        bool is_there =
            tree != NULL &&
            copse_node_cache_has(options->cache, (copse_bytes){tree->top.bytes, tree->top.size});
        if (roots[i].size > 0 && !is_there) {
            return false;
        }
    }
    return true;
}

/* Asks for the branches in which the sides differ, while their catalogues are on their way: a level
 * behind these, which end at a leaf. */
static copse_status head_merge_hint(copse_head_merge_sides *sides, copse_err *err)
{
    copse_tree *const *trees = sides->trees;
    size_t from = trees[0] != NULL ? 0 : 1;
    copse_status status = COPSE_OK;
    for (size_t i = from + 1; i < 3 && status == COPSE_OK; i++) {
        status = trees[i] != NULL
                     ? copse_tree_hint_difference(trees[from], trees[i], sides->levels, err)
                     : COPSE_OK;
    }
    sides->levels++;
    return status;
}

copse_status copse_head_merge_open(const copse_head_merge_options *options,
                                   const copse_cid roots[3], copse_head_merge_sides *sides,
                                   copse_err *err)
{
    copse_source *source = copse_node_cache_source(options->cache);
    copse_status status = COPSE_OK;
    copse_status missing = COPSE_OK;
    copse_source_begin_several(source);
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        status = roots[i].size > 0 ? head_merge_open_side(options, &roots[i], &sides->trees[i],
                                                          &sides->databases[i], err)
                                   : COPSE_OK;
        missing = status == COPSE_WANT ? status : missing;
        status = status == COPSE_WANT ? COPSE_OK : status;
    }
    if (status == COPSE_OK && missing == COPSE_WANT && head_merge_has_tops(options, roots, sides)) {
        status = head_merge_hint(sides, err);
    }
    copse_source_end_several(source);
    return status == COPSE_OK ? missing : status;
}

void copse_head_merge_forget(copse_head_merge_commit *commit)
{
    copse_block_unref(commit->block);
    *commit = (copse_head_merge_commit){.block = NULL};
}

copse_status copse_head_merge_read(const copse_env *env, const copse_head_merge_options *options,
                                   const copse_cid *cid, copse_head_merge_commit *commit,
                                   copse_err *err)
{
    copse_source *source = copse_node_cache_source(options->cache);
    copse_commit decoded;
    if (commit->block != NULL) {
        return COPSE_OK;
    }
    copse_source_begin(source);
    copse_status status = copse_source_get(source, cid, &commit->block, err);
    if (status == COPSE_OK) {
        status = copse_commit_decode(env, commit->block, &decoded, err);
    }
    if (status != COPSE_OK) {
        copse_head_merge_forget(commit);
        return status;
    }
    commit->tree = decoded.tree;
    commit->head = (copse_merge_head){*cid, decoded.time_ms, decoded.time_counter, decoded.author};
    return COPSE_OK;
}

/* ---- Bases ----------------------------------------------------------------------------------- */

static copse_status head_merge_base_tree(const head_merge_bases *merge, const copse_cid *bases,
                                         size_t count, size_t depth, copse_cid *ret_tree,
                                         copse_err *err);

/* Merges the trees of two commits from that of their base (of size 0: they have none). Conflicts
 * are recorded: so the base is what an automatic merge made of the same two, and a conflict that
 * was resolved since is not taken for one that never was. Begins anew after a WANT. */
static copse_status head_merge_roots(const head_merge_bases *merge, const copse_cid *base,
                                     const copse_head_merge_commit *ours,
                                     const copse_head_merge_commit *theirs, copse_cid *ret_tree,
                                     copse_err *err)
{
    const copse_head_merge_options *options = merge->options;
    const copse_cid roots[3] = {*base, ours->tree, theirs->tree};
    copse_head_merge_sides sides = {.trees = {NULL}};
    copse_database_merge *documents = NULL;
    copse_database_conflict conflict;
    copse_tree *tree = NULL;
    if (*merge->merges_left == 0) {
        return COPSE_ERR(err, COPSE_LIMIT, "the histories were merged crosswise too often");
    }
    *merge->merges_left -= 1;
    copse_status status = copse_head_merge_open(options, roots, &sides, err);
    if (status == COPSE_OK) {
        const copse_database_merge_options of = {
            .base = sides.databases[0],
            .ours = sides.databases[1],
            .theirs = sides.databases[2],
            .ours_head = ours->head,
            .theirs_head = theirs->head,
            .policy = sides.databases[0] != NULL ? options->policy : COPSE_MERGE_UNION,
            .conflicts = COPSE_MERGE_CONFLICTS_RECORD,
        };
        status = copse_database_merge_new(&of, &documents, err);
    }
    while (status == COPSE_OK) {
        status = copse_database_merge_next(documents, &conflict, err);
    }
    if (status == COPSE_END) {
        status = copse_database_merge_apply(documents, options->store, &tree, NULL, err);
    }
    if (status == COPSE_OK) {
        *ret_tree = *copse_tree_root(tree);
    }
    copse_tree_close(tree);
    copse_database_merge_free(documents);
    copse_head_merge_close(&sides);
    return status;
}

/* The tree that two commits have in common; of size 0: none. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as HEAD_MERGE_DEPTH_MAX */
static copse_status head_merge_common(const head_merge_bases *merge, const copse_cid *a,
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
        merge->env, copse_node_cache_source(merge->options->cache), a, b, &search, err);
    if (status == COPSE_OK) {
        status = copse_merge_base_find(search, &bases, &count, err);
    }
    if (status == COPSE_OK) {
        status = head_merge_base_tree(merge, bases, count, depth + 1, ret_tree, err);
    }
    copse_merge_base_free(search);
    return status;
}

/* Puts the automatic merge of two commits, and makes it `*first`. */
static copse_status head_merge_put_commit(const head_merge_bases *merge, const copse_cid *tree,
                                          copse_head_merge_commit *first, const copse_cid *second,
                                          copse_err *err)
{
    const copse_cid heads[2] = {first->head.commit, *second};
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status = copse_commit_merge(
        merge->env, copse_node_cache_source(merge->options->cache), tree, heads, 2, &commit, err);
    if (status == COPSE_OK) {
        status = copse_commit_encode(merge->env, &commit, &block, err);
    }
    if (status == COPSE_OK) {
        status = copse_store_put(merge->options->store, &block, 1, err);
    }
    if (status == COPSE_OK) {
        copse_head_merge_forget(first);
        status =
            copse_head_merge_read(merge->env, merge->options, copse_block_cid(block), first, err);
    }
    copse_block_unref(block);
    return status;
}

/* Merges a base into `*merged`, what the ones before it were merged to. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as HEAD_MERGE_DEPTH_MAX */
static copse_status head_merge_next_base(const head_merge_bases *merge,
                                         copse_head_merge_commit *merged, const copse_cid *base,
                                         bool is_last, size_t depth, copse_err *err)
{
    copse_head_merge_commit next = {.block = NULL};
    copse_cid common = {.size = 0};
    copse_cid tree;
    copse_status status = head_merge_common(merge, &merged->head.commit, base, depth, &common, err);
    if (status == COPSE_OK) {
        status = copse_head_merge_read(merge->env, merge->options, base, &next, err);
    }
    if (status == COPSE_OK) {
        status = head_merge_roots(merge, &common, merged, &next, &tree, err);
    }
    if (status == COPSE_OK && !is_last) {
        status = head_merge_put_commit(merge, &tree, merged, base, err);
    }
    if (status == COPSE_OK) {
        merged->tree = tree;
    }
    copse_head_merge_forget(&next);
    return status;
}

/* The tree of the bases, merged if they are several; of size 0: there is none. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as HEAD_MERGE_DEPTH_MAX */
static copse_status head_merge_base_tree(const head_merge_bases *merge, const copse_cid *bases,
                                         size_t count, size_t depth, copse_cid *ret_tree,
                                         copse_err *err)
{
    copse_head_merge_commit merged = {.block = NULL};
    copse_status status =
        count > 0 ? copse_head_merge_read(merge->env, merge->options, &bases[0], &merged, err)
                  : COPSE_OK;
    for (size_t i = 1; i < count && status == COPSE_OK; i++) {
        status = head_merge_next_base(merge, &merged, &bases[i], i + 1 == count, depth, err);
    }
    if (status == COPSE_OK) {
        *ret_tree = merged.tree;
    }
    copse_head_merge_forget(&merged);
    return status;
}

copse_status copse_head_merge_base_tree(const copse_env *env,
                                        const copse_head_merge_options *options,
                                        const copse_cid *bases, size_t count, copse_cid *ret_tree,
                                        copse_err *err)
{
    size_t merges_left = HEAD_MERGE_BASES_MAX;
    const head_merge_bases merge = {env, options, &merges_left};
    return head_merge_base_tree(&merge, bases, count, 0, ret_tree, err);
}
