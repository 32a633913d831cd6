/* The catalogues are compared first: both are in memory, in the order of their names. Then the
 * ranges of the documents of each collection, one after the other, by the diff of the two trees.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/document_diff.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/document.h"
#include "index/definition.h"
#include "index/key_space.h"
#include "tree/tree.h"

#include <copse/order.h>

/* What stands on one side at a place of two lists in order. */
typedef struct document_diff_pair {
    const copse_collection *before; /* NULL: not there */
    const copse_collection *after;
} document_diff_pair;

struct copse_document_diff {
    const copse_env *env;
    copse_database *before; /* borrowed; NULL: nothing */
    copse_database *after;
    bool ids_only;
    document_diff_pair *pairs; /* all collections that are looked at, by name */
    size_t pairs_count;
    size_t pairs_capacity;
    bool documents;      /* the catalogues are done */
    size_t pair;         /* the present one */
    bool pair_begun;     /* its collection was compared */
    size_t index_before; /* its next index on each side */
    size_t index_after;
    copse_diff *rows;   /* of its documents */
    size_t prefix_size; /* of their keys */
    bool pending;       /* `row` is still to be given out */
    copse_change row;
    copse_buf id;
    copse_document document_before;
    copse_document document_after;
};

/* ---- Life ---- */

static copse_status document_diff_add_pair(copse_document_diff *diff,
                                           const copse_collection *before,
                                           const copse_collection *after, copse_err *err)
{
    void *pairs = diff->pairs;
    if (!copse_array_grow(diff->env, &pairs, &diff->pairs_capacity, diff->pairs_count + 1,
                          sizeof *diff->pairs)) {
        return COPSE_ERR_NOMEM(err);
    }
    diff->pairs = pairs;
    diff->pairs[diff->pairs_count++] = (document_diff_pair){before, after};
    return COPSE_OK;
}

/* Pairs the collections of both sides; `only` of len 0: all. */
static copse_status document_diff_pair_up(copse_document_diff *diff, copse_bytes only,
                                          copse_err *err)
{
    size_t counts[2];
    const copse_collection *before = NULL;
    counts[0] = 0;
    if (diff->before != NULL) {
        before = copse_database_collections(diff->before, &counts[0]);
    }
    const copse_collection *after = copse_database_collections(diff->after, &counts[1]);
    copse_status status = COPSE_OK;
    for (size_t i = 0, j = 0; (i < counts[0] || j < counts[1]) && status == COPSE_OK;) {
        int order = i == counts[0]   ? 1
                    : j == counts[1] ? -1
                                     : copse_bytes_compare(before[i].name, after[j].name);
        const copse_collection *left = order <= 0 ? &before[i++] : NULL;
        const copse_collection *right = order >= 0 ? &after[j++] : NULL;
        copse_bytes name = left != NULL ? left->name : right->name;
        if (only.len == 0 || copse_bytes_equal(name, only)) {
            status = document_diff_add_pair(diff, left, right, err);
        }
    }
    return status;
}

copse_status copse_document_diff_new(copse_database *before, copse_database *after,
                                     const copse_document_diff_options *options,
                                     copse_document_diff **ret_diff, copse_err *err)
{
    copse_tree *tree = copse_database_tree(after);
    copse_tree *tree_before = before != NULL ? copse_database_tree(before) : tree;
    if (tree->kind != COPSE_TREE_OURS || tree_before->kind != COPSE_TREE_OURS ||
        copse_tree_cache(tree) != copse_tree_cache(tree_before)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "only databases of version 2 with one node cache can be compared");
    }
    copse_document_diff *diff = copse_alloc_zeroed(tree->env, sizeof *diff);
    if (diff == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    diff->env = tree->env;
    diff->before = before;
    diff->after = after;
    diff->ids_only = options != NULL && options->ids_only;
    copse_buf_init(&diff->id, tree->env, SIZE_MAX);
    copse_status status = document_diff_pair_up(
        diff, options != NULL ? options->collection : (copse_bytes){NULL, 0}, err);
    if (status != COPSE_OK) {
        copse_document_diff_free(diff);
        return status;
    }
    *ret_diff = diff;
    return COPSE_OK;
}

copse_document_diff *copse_document_diff_free(copse_document_diff *diff)
{
    if (diff != NULL) {
        copse_diff_free(diff->rows);
        copse_document_release(&diff->document_before);
        copse_document_release(&diff->document_after);
        copse_buf_release(&diff->id);
        copse_free_array(diff->env, diff->pairs, diff->pairs_capacity, sizeof *diff->pairs);
        copse_free(diff->env, diff, sizeof *diff);
    }
    return NULL;
}

/* ---- The catalogues ---- */

static copse_change_kind document_diff_kind(const void *before, const void *after)
{
    return before == NULL ? COPSE_ADDED : after == NULL ? COPSE_REMOVED : COPSE_CHANGED;
}

/* The next index of the present pair that differs. END: there are no more. */
static copse_status document_diff_next_index(copse_document_diff *diff,
                                             copse_document_change *change, copse_err *err)
{
    const copse_collection none = {.indexes = NULL};
    const document_diff_pair *pair = &diff->pairs[diff->pair];
    const copse_collection *left = pair->before != NULL ? pair->before : &none;
    const copse_collection *right = pair->after != NULL ? pair->after : &none;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK &&
           (diff->index_before < left->indexes_count || diff->index_after < right->indexes_count)) {
        const copse_index_definition *before =
            diff->index_before < left->indexes_count ? &left->indexes[diff->index_before] : NULL;
        const copse_index_definition *after =
            diff->index_after < right->indexes_count ? &right->indexes[diff->index_after] : NULL;
        int order = before == NULL  ? 1
                    : after == NULL ? -1
                                    : copse_bytes_compare(before->name, after->name);
        bool equal = false;
        before = order <= 0 ? before : NULL;
        after = order >= 0 ? after : NULL;
        if (order == 0) {
            status = copse_index_definition_equal(diff->env, before, after, &equal, err);
        }
        if (status == COPSE_OK) {
            diff->index_before += order <= 0;
            diff->index_after += order >= 0;
        }
        if (status == COPSE_OK && !equal) {
            change->what = COPSE_CHANGE_INDEX;
            change->kind = document_diff_kind(before, after);
            change->index = before != NULL ? before->name : after->name;
            return COPSE_OK;
        }
    }
    return status == COPSE_OK ? COPSE_END : status;
}

static bool document_diff_same_options(const copse_collection *a, const copse_collection *b)
{
    return a->documents == b->documents && a->merge == b->merge &&
           a->tombstone_days == b->tombstone_days && a->is_signed == b->is_signed &&
           copse_bytes_equal(a->primary_key, b->primary_key);
}

/* The next difference of the catalogues. END: there are no more. */
static copse_status document_diff_next_definition(copse_document_diff *diff,
                                                  copse_document_change *change, copse_err *err)
{
    for (; diff->pair < diff->pairs_count; diff->pair++) {
        const document_diff_pair *pair = &diff->pairs[diff->pair];
        const copse_collection *before = pair->before;
        const copse_collection *after = pair->after;
        change->collection = before != NULL ? before->name : after->name;
        if (!diff->pair_begun) {
            diff->pair_begun = true;
            diff->index_before = diff->index_after = 0;
            if (before == NULL || after == NULL || !document_diff_same_options(before, after)) {
                change->what = COPSE_CHANGE_COLLECTION;
                change->kind = document_diff_kind(before, after);
                return COPSE_OK;
            }
        }
        copse_status status = document_diff_next_index(diff, change, err);
        if (status != COPSE_END) {
            return status;
        }
        diff->pair_begun = false;
    }
    return COPSE_END;
}

/* ---- Documents ---- */

/* Begins with the rows of a collection. */
static copse_status document_diff_begin_rows(copse_document_diff *diff, copse_bytes collection,
                                             copse_err *err)
{
    copse_buf keys; /* the range's begin, then its end */
    copse_buf_init(&keys, diff->env, SIZE_MAX);
    copse_status status = copse_key_write_documents(&keys, collection);
    size_t size = keys.len;
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(&keys, 0);
    }
    if (status == COPSE_OK) {
        const copse_bytes end = {keys.ptr + size, keys.len - size};
        const copse_diff_options options = {.from = {keys.ptr, size}, .to = &end};
        diff->prefix_size = size;
        status = copse_diff_new(diff->before != NULL ? copse_database_tree(diff->before) : NULL,
                                copse_database_tree(diff->after), &options, &diff->rows, err);
    } else {
        status = COPSE_ERR(err, status, "the key of a collection");
    }
    copse_buf_release(&keys);
    return status;
}

/* The primary key that a row's key ends with. */
static copse_status document_diff_read_id(copse_document_diff *diff, copse_err *err)
{
    const bool descending = false;
    copse_order_decoded part;
    copse_bytes key = diff->row.key;
    copse_buf_truncate(&diff->id, 0);
    if (key.len < diff->prefix_size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document's key is too short");
    }
    key.ptr += diff->prefix_size;
    key.len -= diff->prefix_size;
    return copse_order_decode(key, &descending, 1, &diff->id, &part, err);
}

static copse_status document_diff_load(copse_database *database, copse_bytes value,
                                       copse_document *document, copse_bytes *ret_encoded,
                                       copse_err *err)
{
    *ret_encoded = (copse_bytes){NULL, 0};
    if (value.ptr == NULL) {
        return COPSE_OK;
    }
    copse_status status = copse_document_load(database, value, document, err);
    if (status == COPSE_OK) {
        *ret_encoded = document->encoded;
    }
    return status;
}

/* Gives out the pending row. What is not OK leaves it pending. */
static copse_status document_diff_give(copse_document_diff *diff, copse_document_change *change,
                                       copse_err *err)
{
    change->what = COPSE_CHANGE_DOCUMENT;
    change->kind = diff->row.kind;
    copse_status status = document_diff_read_id(diff, err);
    change->id = copse_buf_view(&diff->id);
    if (status == COPSE_OK && !diff->ids_only) {
        status = document_diff_load(diff->before, diff->row.before, &diff->document_before,
                                    &change->before, err);
        if (status == COPSE_OK) {
            status = document_diff_load(diff->after, diff->row.after, &diff->document_after,
                                        &change->after, err);
        }
    }
    diff->pending = status != COPSE_OK;
    return status;
}

/* The next document that differs. END: there are no more. */
static copse_status document_diff_next_document(copse_document_diff *diff,
                                                copse_document_change *change, copse_err *err)
{
    while (diff->pair < diff->pairs_count) {
        const document_diff_pair *pair = &diff->pairs[diff->pair];
        copse_status status = COPSE_OK;
        change->collection = pair->before != NULL ? pair->before->name : pair->after->name;
        if (diff->rows == NULL) {
            status = document_diff_begin_rows(diff, change->collection, err);
        }
        if (status == COPSE_OK && !diff->pending) {
            status = copse_diff_next(diff->rows, &diff->row, err);
        }
        if (status == COPSE_OK) {
            return document_diff_give(diff, change, err);
        }
        if (status != COPSE_END) {
            return status;
        }
        diff->rows = copse_diff_free(diff->rows);
        diff->pair++;
    }
    return COPSE_END;
}

copse_status copse_document_diff_next(copse_document_diff *diff, copse_document_change *ret_change,
                                      copse_err *err)
{
    copse_document_change change = {.index = {NULL, 0}};
    copse_status status = COPSE_END;
    if (!diff->documents) {
        status = document_diff_next_definition(diff, &change, err);
        if (status == COPSE_END) {
            diff->documents = true;
            diff->pair = 0;
        }
    }
    if (status == COPSE_END) {
        status = document_diff_next_document(diff, &change, err);
    }
    if (status == COPSE_OK) {
        *ret_change = change;
    }
    return status;
}
