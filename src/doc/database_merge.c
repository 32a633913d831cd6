/* One collection after the other, by name: first what it is, then its indexes, then its documents.
 * src/doc/database_merge.h has the rules that all parts keep.
 *
 *   M5  The operations of all collections are settled by one apply: nothing but indexes of
 *       collections that are new, and still empty, is built on the way. So one apply reports all
 *       values that clash, and the second, with the operations that end them, has none: between
 *       the two documents only leave the collections.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/alloc.h"
#include "base/err.h"
#include "tree/tree.h"

/* ---- Life ------------------------------------------------------------------------------------ */

static bool database_merge_is_usable(const copse_database *database, const copse_database *ours)
{
    copse_tree *tree = database != NULL ? copse_database_tree(database) : NULL;
    return tree == NULL || (tree->kind == COPSE_TREE_OURS &&
                            copse_tree_cache(tree) == copse_tree_cache(copse_database_tree(ours)));
}

/* Whether both are copies of one database: nobody's grants of one hold in another. */
static bool database_merge_is_same(const copse_database *a, const copse_database *b)
{
    const copse_identity *left = copse_database_identity(a);
    const copse_identity *right = copse_database_identity(b);
    return left == NULL || right == NULL ? left == right : copse_cid_equal(&left->cid, &right->cid);
}

copse_status copse_database_merge_new(const copse_database_merge_options *options,
                                      copse_database_merge **ret_merge, copse_err *err)
{
    if (!database_merge_is_usable(options->base, options->ours) ||
        !database_merge_is_usable(options->ours, options->ours) ||
        !database_merge_is_usable(options->theirs, options->ours)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "only databases of version 2 with one node cache can be merged");
    }
    if (options->policy != COPSE_MERGE_THREE_WAY && options->policy != COPSE_MERGE_UNION) {
        return COPSE_ERR(err, COPSE_MISUSE, "a merge is three-way or a union");
    }
    if (!database_merge_is_same(options->ours, options->theirs)) {
        return COPSE_ERR(err, COPSE_CONFLICT, "they are databases of different identities");
    }
    const copse_env *env = copse_database_tree(options->ours)->env;
    copse_database_merge *merge = copse_alloc_zeroed(env, sizeof *merge);
    if (merge == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    merge->env = env;
    merge->options = *options;
    merge->databases[COPSE_MERGE_BASE] = options->base;
    merge->databases[COPSE_MERGE_OURS] = options->ours;
    merge->databases[COPSE_MERGE_THEIRS] = options->theirs;
    merge->blocks.env = env;
    copse_arena_init(&merge->arena, env);
    copse_arena_init(&merge->clashes.arena, env);
    copse_buf_init(&merge->id, env, SIZE_MAX);
    copse_buf_init(&merge->key, env, SIZE_MAX);
    copse_buf_init(&merge->merged, env, SIZE_MAX);
    copse_buf_init(&merge->row, env, SIZE_MAX);
    copse_status status = copse_write_new(env, &merge->write, err);
    if (status != COPSE_OK) {
        copse_database_merge_free(merge);
        return status;
    }
    copse_write_on_clash(merge->write, copse_merge_note_clash, merge);
    *ret_merge = merge;
    return COPSE_OK;
}

copse_database_merge *copse_database_merge_free(copse_database_merge *merge)
{
    if (merge != NULL) {
        copse_merge_walk_release(&merge->walk);
        copse_merge_begin_document(merge);
        copse_merge_clashes_release(&merge->clashes);
        copse_arena_release(&merge->arena);
        copse_block_list_release(&merge->blocks);
        copse_buf_release(&merge->id);
        copse_buf_release(&merge->key);
        copse_buf_release(&merge->merged);
        copse_buf_release(&merge->row);
        copse_write_free(merge->write);
        copse_free(merge->env, merge, sizeof *merge);
    }
    return NULL;
}

copse_database_merge_stats copse_database_merge_get_stats(const copse_database_merge *merge)
{
    return merge->stats;
}

/* ---- The present collection ------------------------------------------------------------------ */

/* The first collection whose name is above `last`; NULL: none. */
static const copse_collection *database_merge_collection_after(const copse_database *database,
                                                               copse_bytes last)
{
    size_t count = 0;
    const copse_collection *collections =
        database != NULL ? copse_database_collections(database, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        if (last.ptr == NULL || copse_bytes_compare(collections[i].name, last) > 0) {
            return &collections[i];
        }
    }
    return NULL;
}

/* Begins with the next collection by name. False: there is none. */
static bool database_merge_collection_begin(copse_database_merge *merge)
{
    const copse_collection *least = NULL;
    for (size_t side = 0; side < COPSE_MERGE_SIDES; side++) {
        const copse_collection *next =
            database_merge_collection_after(merge->databases[side], merge->last);
        if (next != NULL && (least == NULL || copse_bytes_compare(next->name, least->name) < 0)) {
            least = next;
        }
    }
    if (least != NULL) {
        copse_merge_enter_collection(merge, least->name);
        merge->stage = COPSE_MERGE_STAGE_OPTIONS;
        merge->index_last = (copse_bytes){NULL, 0};
    }
    return least != NULL;
}

static void database_merge_collection_end(copse_database_merge *merge)
{
    copse_merge_walk_release(&merge->walk);
    merge->last = merge->name;
    merge->name = (copse_bytes){NULL, 0};
}

static copse_status database_merge_give(copse_database_merge *merge,
                                        copse_database_conflict *ret_conflict)
{
    *ret_conflict =
        (copse_database_conflict){.what = COPSE_CONFLICT_COLLECTION,
                                  .collection = merge->name,
                                  .our_collection = merge->collections[COPSE_MERGE_OURS],
                                  .their_collection = merge->collections[COPSE_MERGE_THEIRS]};
    merge->stats.conflicts++;
    return COPSE_OK;
}

/* ---- What a collection is: END, it is settled; OK, it is a conflict or *ret_goes_on, and then its
 * indexes and documents are next ----------------------------------------------------------------
 */

/* Whether `side` has the collection as base does. */
static copse_status database_merge_is_kept(copse_database_merge *merge, copse_merge_side side,
                                           bool *ret_kept, copse_err *err)
{
    const copse_collection *base = merge->collections[COPSE_MERGE_BASE];
    const copse_collection *other = merge->collections[side];
    bool is_same = copse_merge_has_same_options(base, other);
    copse_status status = COPSE_OK;
    if (is_same) {
        status = copse_merge_has_same_indexes(merge->env, base, other, &is_same, err);
    }
    if (status == COPSE_OK && is_same) {
        status = copse_merge_is_same(merge, COPSE_MERGE_BASE, side, &is_same, err);
    }
    *ret_kept = is_same;
    return status;
}

/* One side has dropped the collection. */
static copse_status database_merge_dropped(copse_database_merge *merge,
                                           copse_database_conflict *ret_conflict, copse_err *err)
{
    bool is_theirs = merge->collections[COPSE_MERGE_THEIRS] == NULL;
    bool is_kept = false;
    copse_status status = database_merge_is_kept(
        merge, is_theirs ? COPSE_MERGE_OURS : COPSE_MERGE_THEIRS, &is_kept, err);
    if (status == COPSE_OK && !is_kept && !is_theirs && merge->review != NULL) {
        status = copse_merge_review_survival(merge, err);
        if (status == COPSE_DENIED) {
            return COPSE_END;
        }
    }
    if (status == COPSE_OK && !is_kept) {
        return database_merge_give(merge, ret_conflict);
    }
    if (status == COPSE_OK && is_theirs) {
        status = copse_write_drop_collection(merge->write, merge->name, err);
    }
    return status == COPSE_OK ? COPSE_END : status;
}

/* Where the base can't be had: whether what becomes of the collection does not depend on it, so
 * that the merge is the one that others make with it. CONFLICT: it does. */
static copse_status database_merge_without_base(copse_database_merge *merge, copse_err *err)
{
    const copse_collection *ours = merge->collections[COPSE_MERGE_OURS];
    const copse_collection *theirs = merge->collections[COPSE_MERGE_THEIRS];
    const char *what = NULL;
    bool is_same = true;
    copse_status status = COPSE_OK;
    if (ours == NULL || theirs == NULL) {
        what = merge->options.policy != COPSE_MERGE_UNION ? "one side has it" : NULL;
    } else if (!copse_merge_has_same_options(ours, theirs)) {
        what = "its options differ";
    } else {
        status = copse_merge_has_same_indexes(merge->env, ours, theirs, &is_same, err);
        what = status == COPSE_OK && !is_same ? "its indexes differ" : NULL;
        if (status == COPSE_OK && is_same) {
            status = copse_merge_is_same_kind(merge, COPSE_MERGE_CONFLICT_ROW, COPSE_MERGE_OURS,
                                              COPSE_MERGE_THEIRS, &is_same, err);
            what = status == COPSE_OK && !is_same ? "its conflicts differ" : NULL;
        }
        if (status == COPSE_OK && is_same && merge->policy == COPSE_MERGE_THREE_WAY) {
            status =
                copse_merge_is_same(merge, COPSE_MERGE_OURS, COPSE_MERGE_THEIRS, &is_same, err);
            what = status == COPSE_OK && !is_same ? "its documents differ" : NULL;
        }
    }
    return what == NULL
               ? status
               : COPSE_ERR(err, COPSE_CONFLICT,
                           "%.*s: %s, and the state where both sides parted is not to be had",
                           (int)merge->name.len, (const char *)merge->name.ptr, what);
}

/* Adds the operations that give the collection these options. */
static copse_status database_merge_set_options(copse_database_merge *merge,
                                               const copse_collection *options, copse_err *err)
{
    copse_status status =
        copse_write_set_options(merge->write, merge->name, options->merge, options->tombstone_days,
                                merge->forgotten_ms, err);
    return status == COPSE_OK && options->is_signed
               ? copse_write_set_signed(merge->write, merge->name, err)
               : status;
}

/* Only theirs has it. */
static copse_status database_merge_take(copse_database_merge *merge, bool *ret_goes_on,
                                        copse_err *err)
{
    const copse_collection *theirs = merge->collections[COPSE_MERGE_THEIRS];
    copse_status status = COPSE_OK;
    if (copse_database_collection(merge->databases[COPSE_MERGE_OURS], merge->name) != NULL) {
        status = copse_write_drop_collection(merge->write, merge->name, err); /* it is renewed */
    }
    if (status == COPSE_OK) {
        status = copse_write_create_collection(merge->write, merge->name, theirs->primary_key,
                                               theirs->documents, err);
    }
    if (status == COPSE_OK && (theirs->merge != COPSE_MERGE_THREE_WAY ||
                               theirs->tombstone_days > 0 || theirs->forgotten_ms > 0)) {
        status = database_merge_set_options(merge, theirs, err);
    }
    *ret_goes_on = status == COPSE_OK;
    return status;
}

/* Both have it. */
static copse_status database_merge_both(copse_database_merge *merge, bool *ret_goes_on,
                                        copse_database_conflict *ret_conflict, copse_err *err)
{
    const copse_collection *agreed = merge->agreed;
    const copse_collection *ours = merge->collections[COPSE_MERGE_OURS];
    bool is_same = true;
    copse_status status = COPSE_OK;
    if (merge->is_disputed) {
        *ret_goes_on = agreed != NULL;
        return database_merge_give(merge, ret_conflict);
    }
    if (merge->policy == COPSE_MERGE_THREE_WAY && merge->options.base == NULL) {
        status = copse_merge_is_same(merge, COPSE_MERGE_OURS, COPSE_MERGE_THEIRS, &is_same, err);
    }
    if (status == COPSE_OK && !is_same) {
        status = COPSE_ERR(err, COPSE_CONFLICT,
                           "%.*s: they have no common past: only a union of both can be made",
                           (int)merge->name.len, (const char *)merge->name.ptr);
    }
    if (status == COPSE_OK &&
        (!copse_merge_has_same_options(agreed, ours) || merge->forgotten_ms > ours->forgotten_ms)) {
        status = database_merge_set_options(merge, agreed, err);
    }
    *ret_goes_on = status == COPSE_OK;
    return status;
}

static copse_status database_merge_options(copse_database_merge *merge, bool *ret_goes_on,
                                           copse_database_conflict *ret_conflict, copse_err *err)
{
    *ret_goes_on = false;
    if (merge->review != NULL) {
        copse_status status = copse_merge_review_collection(merge, err);
        if (status == COPSE_DENIED) {
            return COPSE_END;
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    bool has_base = merge->collections[COPSE_MERGE_BASE] != NULL;
    bool has_ours = merge->collections[COPSE_MERGE_OURS] != NULL;
    bool has_theirs = merge->collections[COPSE_MERGE_THEIRS] != NULL;
    if (merge->options.is_base_lost) {
        copse_status status = database_merge_without_base(merge, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    if (has_ours && has_theirs) {
        return database_merge_both(merge, ret_goes_on, ret_conflict, err);
    }
    if (!has_ours && !has_theirs) {
        return COPSE_END;
    }
    if (has_base && merge->options.policy != COPSE_MERGE_UNION) {
        return database_merge_dropped(merge, ret_conflict, err);
    }
    return has_ours ? COPSE_END : database_merge_take(merge, ret_goes_on, err);
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* The next conflict of the present collection. END: it is done. */
static copse_status database_merge_collection_next(copse_database_merge *merge,
                                                   copse_database_conflict *ret_conflict,
                                                   copse_err *err)
{
    copse_status status = COPSE_END;
    if (merge->stage == COPSE_MERGE_STAGE_OPTIONS) {
        bool goes_on = false;
        status = database_merge_options(merge, &goes_on, ret_conflict, err);
        merge->stage = goes_on ? COPSE_MERGE_STAGE_INDEXES : merge->stage;
        if (!goes_on || merge->is_disputed) {
            return status;
        }
    }
    if (merge->stage == COPSE_MERGE_STAGE_INDEXES) {
        status = copse_merge_indexes(merge, ret_conflict, err);
        if (status != COPSE_END) {
            return status;
        }
        merge->stage = COPSE_MERGE_STAGE_DOCUMENTS;
    }
    return copse_merge_documents(merge, ret_conflict, err);
}

/* END: all collections are done. */
static copse_status database_merge_next(copse_database_merge *merge,
                                        copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_status status = COPSE_END;
    if (!merge->has_statements && copse_database_identity(merge->options.ours) != NULL) {
        copse_status united = copse_merge_statements(merge, err);
        if (united != COPSE_OK) {
            return united;
        }
        merge->has_statements = true;
    }
    while (status == COPSE_END && !merge->has_ended &&
           (merge->name.ptr != NULL || database_merge_collection_begin(merge))) {
        status = database_merge_collection_next(merge, ret_conflict, err);
        bool is_whole = status == COPSE_OK && merge->stage == COPSE_MERGE_STAGE_OPTIONS;
        if (status == COPSE_END || is_whole) {
            database_merge_collection_end(merge);
        }
    }
    merge->has_ended = merge->has_ended || status == COPSE_END;
    return status;
}

copse_status copse_database_merge_next(copse_database_merge *merge,
                                       copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_database_conflict conflict;
    copse_status status = merge->failure.status;
    if (status == COPSE_OK) {
        status = database_merge_next(merge, &conflict, &merge->failure);
    }
    status = copse_err_keep(&merge->failure, status, err);
    if (status == COPSE_OK) {
        *ret_conflict = conflict;
    }
    return status;
}

/* Applies the operations; values that clash are noted. */
static copse_status database_merge_apply(copse_database_merge *merge, copse_store *store,
                                         copse_tree **ret_tree, copse_write_stats *ret_stats,
                                         copse_err *err)
{
    const copse_write_options options = {.is_merge = true};
    copse_merge_clashes_clear(&merge->clashes);
    return copse_write_apply(merge->write, copse_database_tree(merge->options.ours), store,
                             &options, ret_tree, ret_stats, NULL, err);
}

copse_status copse_database_merge_apply(copse_database_merge *merge, copse_store *store,
                                        copse_tree **ret_tree, copse_write_stats *ret_stats,
                                        copse_err *err)
{
    copse_merge_clashes *clashes = &merge->clashes;
    copse_err failure = {.status = COPSE_OK};
    copse_status status = COPSE_OK;
    if (!merge->has_ended) {
        return COPSE_ERR(err, COPSE_MISUSE, "a merge is applied when it has ended");
    }
    if (!clashes->are_noted) {
        status = database_merge_apply(merge, store, ret_tree, ret_stats, &failure);
        if (status == COPSE_CONFLICT && copse_database_merge_leave_indexes(merge)) {
            status = database_merge_apply(merge, store, ret_tree, ret_stats, &failure);
        }
        clashes->are_noted = status == COPSE_CONFLICT && clashes->count > 0;
        if (!clashes->are_noted) {
            return copse_err_keep(&failure, status, err);
        }
    }
    status = clashes->are_settled ? COPSE_OK : copse_merge_settle_clashes(merge, &failure);
    if (status == COPSE_OK) { /* M5 */
        clashes->are_settled = true;
        status = database_merge_apply(merge, store, ret_tree, ret_stats, &failure);
    }
    return copse_err_keep(&failure, status, err);
}
