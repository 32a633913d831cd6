/* Watching: the documents whose rows differ (watch_rows.h), in batches, matched against the filter
 * as they were and as they are.
 *
 *   W1  A document is told if, and only if, it matches in one state and not in the other, or in
 *       both and its encoding differs. What the ranges are can only add documents that are then
 *       found not to be told (watch_plan.h, K1–K4).
 *   W2  The documents of a batch are asked for together: so a WANT takes two rounds for all rows
 *       that are looked up, and one for all blocks that they lead to, of both states.
 *   W3  On WANT the batch and the place in it stay.
 *   W4  What an index leads to is believed no more than that it may match: it is matched itself,
 *       and must have the primary key that the entry says.
 *   W5  Where an entry that differs has no link, others of the same document may be there that
 *       don't differ: the document is looked up on both sides.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/watch.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/document.h"
#include "query/watch_rows.h"
#include "tree/get_many.h"

#include <copse/order.h>

enum { WATCH_BATCH_MAX = 64 };

/* A place in watch->bytes. */
typedef struct watch_span {
    size_t offset;
    size_t len;
} watch_span;

/* A document on its way. */
typedef struct watch_item {
    watch_span key; /* of its row */
    bool in[COPSE_WATCH_SIDES];
    bool looks_up[COPSE_WATCH_SIDES];
    watch_span row[COPSE_WATCH_SIDES];    /* of its value, if that is known */
    copse_bytes value[COPSE_WATCH_SIDES]; /* ptr NULL: there is none */
} watch_item;

struct copse_watch {
    const copse_env *env;
    copse_query *query;
    copse_database *databases[COPSE_WATCH_SIDES]; /* before: NULL: nothing */
    bool membership_only;
    bool planned;
    copse_watch_plan plan;
    copse_watch_rows rows;
    size_t prefix_size;
    watch_item items[WATCH_BATCH_MAX];
    size_t items_count;
    size_t item;                       /* the next */
    bool looked_up[COPSE_WATCH_SIDES]; /* `value` is filled in */
    bool hinted;                       /* and what it links to is present */
    copse_buf bytes;
    copse_get_many gets[COPSE_WATCH_SIDES];
    copse_document documents[COPSE_WATCH_SIDES];
    copse_buf id;
    copse_watch_counts counts;
    copse_watch_stats stats;
};

/* ---- Life ------------------------------------------------------------------------------------ */

static copse_status watch_check(copse_database *before, copse_database *after, copse_err *err)
{
    copse_tree *tree = copse_database_tree(after);
    if (copse_database_version(after) == 1 ||
        (before != NULL && copse_database_version(before) == 1)) {
        return COPSE_ERR(err, COPSE_MISUSE, "a database of version 1 can't be watched");
    }
    if (before != NULL && copse_tree_cache(copse_database_tree(before)) != copse_tree_cache(tree)) {
        return COPSE_ERR(err, COPSE_MISUSE, "a watch of databases with two node caches");
    }
    return COPSE_OK;
}

copse_status copse_watch_new(copse_query *query, copse_database *before, copse_database *after,
                             bool membership_only, copse_watch **ret_watch, copse_err *err)
{
    copse_status status = watch_check(before, after, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_watch *watch = copse_alloc_zeroed(query->env, sizeof *watch);
    if (watch == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    watch->env = query->env;
    watch->query = query;
    watch->databases[COPSE_WATCH_BEFORE] = before;
    watch->databases[COPSE_WATCH_AFTER] = after;
    watch->membership_only = membership_only;
    copse_buf_init(&watch->bytes, query->env, SIZE_MAX);
    copse_buf_init(&watch->id, query->env, SIZE_MAX);
    *ret_watch = watch;
    return COPSE_OK;
}

copse_watch *copse_watch_free(copse_watch *watch)
{
    if (watch != NULL) {
        for (size_t i = 0; i < COPSE_WATCH_SIDES; i++) {
            copse_document_release(&watch->documents[i]);
            copse_get_many_release(&watch->gets[i]);
        }
        copse_watch_rows_release(&watch->rows);
        copse_watch_plan_release(&watch->plan);
        copse_buf_release(&watch->bytes);
        copse_buf_release(&watch->id);
        copse_free(watch->env, watch, sizeof *watch);
    }
    return NULL;
}

copse_bytes copse_watch_index(const copse_watch *watch)
{
    const copse_access *access = NULL;
    const copse_access *other;
    const copse_key_range *ranges;
    size_t count;
    if (!watch->planned || !copse_watch_plan_scan(&watch->plan, 0, &access, &ranges, &count) ||
        copse_watch_plan_scan(&watch->plan, 1, &other, &ranges, &count) || access == NULL) {
        return (copse_bytes){NULL, 0};
    }
    return access->definition->name;
}

copse_watch_stats copse_watch_get_stats(const copse_watch *watch)
{
    copse_watch_stats stats = watch->stats;
    stats.rows = watch->rows.count;
    return stats;
}

/* ---- Planning -------------------------------------------------------------------------------- */

static copse_status watch_prepare(copse_watch *watch, copse_err *err)
{
    copse_status status = copse_watch_plan_make(watch->query, watch->databases[COPSE_WATCH_BEFORE],
                                                watch->databases[COPSE_WATCH_AFTER],
                                                watch->membership_only, &watch->plan, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_watch_rows_init(&watch->rows, &watch->plan, err);
    if (status != COPSE_OK) {
        copse_watch_plan_release(&watch->plan);
        return status;
    }
    for (size_t i = 0; i < COPSE_WATCH_SIDES; i++) {
        if (watch->plan.trees[i] != NULL) {
            copse_get_many_init(&watch->gets[i], watch->plan.trees[i]);
        }
    }
    watch->planned = true;
    return COPSE_OK;
}

/* Whether both states are the same, so that not even a plan is needed. */
static bool watch_is_idle(const copse_watch *watch)
{
    const copse_database *before = watch->databases[COPSE_WATCH_BEFORE];
    return before != NULL && copse_cid_equal(copse_tree_root(copse_database_tree(before)),
                                             copse_tree_root(copse_database_tree(
                                                 watch->databases[COPSE_WATCH_AFTER])));
}

/* ---- Filling a batch ------------------------------------------------------------------------- */

static copse_bytes watch_at(const copse_watch *watch, watch_span span)
{
    return (copse_bytes){watch->bytes.ptr + span.offset, span.len};
}

static copse_status watch_append(copse_watch *watch, copse_bytes bytes, watch_span *ret_span,
                                 copse_err *err)
{
    *ret_span = (watch_span){watch->bytes.len, bytes.len};
    return copse_buf_append(&watch->bytes, bytes) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

/* Whether the row alone says that nothing is to be told. */
static bool watch_is_passed_over(const copse_watch *watch, const copse_watch_row *row)
{
    return watch->membership_only && watch->plan.is_exact && row->in[COPSE_WATCH_BEFORE] &&
           row->in[COPSE_WATCH_AFTER];
}

/* W5: whether the document may be on a side on which no row differs. */
static bool watch_may_hide(const copse_watch *watch, const copse_watch_row *row)
{
    return !watch->plan.is_whole || (row->in[0] && row->value[0].ptr == NULL) ||
           (row->in[1] && row->value[1].ptr == NULL);
}

static copse_status watch_add_row(copse_watch *watch, const copse_watch_row *row, copse_err *err)
{
    bool may_hide = watch_may_hide(watch, row);
    watch_item item = {.key = {watch->bytes.len, 0}};
    copse_status status = copse_key_write_documents(&watch->bytes, watch->query->collection);
    watch->prefix_size = watch->bytes.len - item.key.offset;
    if (status == COPSE_OK) {
        watch_span primary;
        status = watch_append(watch, row->primary, &primary, err);
        item.key.len = watch->prefix_size + primary.len;
    }
    for (size_t i = 0; i < COPSE_WATCH_SIDES && status == COPSE_OK; i++) {
        bool may_be_in = row->in[i] || (may_hide && watch->plan.trees[i] != NULL);
        item.in[i] = row->in[i];
        item.looks_up[i] = may_be_in && row->value[i].ptr == NULL;
        if (row->value[i].ptr != NULL) {
            status = watch_append(watch, row->value[i], &item.row[i], err);
        }
    }
    if (status == COPSE_OK) {
        watch->items[watch->items_count++] = item;
    }
    return status == COPSE_LIMIT ? COPSE_ERR_NOMEM(err) : status;
}

/* Fills the next batch. END: there is nothing more. */
static copse_status watch_fill(copse_watch *watch, copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_buf_truncate(&watch->bytes, 0);
    watch->items_count = 0;
    watch->item = 0;
    watch->hinted = false;
    watch->looked_up[COPSE_WATCH_BEFORE] = watch->looked_up[COPSE_WATCH_AFTER] = false;
    while (status == COPSE_OK && watch->items_count < WATCH_BATCH_MAX) {
        copse_watch_row row;
        status = copse_watch_rows_next(&watch->rows, &row, err);
        if (status == COPSE_OK && !watch_is_passed_over(watch, &row)) {
            status = watch_add_row(watch, &row, err);
        }
    }
    bool pauses = status == COPSE_END || status == COPSE_WANT;
    return pauses && watch->items_count > 0 ? COPSE_OK : status;
}

/* ---- Looking documents up (W2) --------------------------------------------------------------- */

static copse_status watch_look_up(copse_watch *watch, size_t side, copse_err *err)
{
    copse_bytes keys[WATCH_BATCH_MAX];
    copse_bytes found[WATCH_BATCH_MAX];
    size_t count = 0;
    for (size_t i = 0; i < watch->items_count; i++) {
        if (watch->items[i].looks_up[side]) {
            keys[count++] = watch_at(watch, watch->items[i].key);
        }
    }
    copse_status status =
        count > 0 ? copse_get_many_run(&watch->gets[side], keys, count, found, err) : COPSE_OK;
    if (status != COPSE_OK) {
        return status;
    }
    count = 0;
    for (size_t i = 0; i < watch->items_count; i++) {
        watch_item *item = &watch->items[i];
        item->value[side] = item->looks_up[side]      ? found[count++]
                            : item->row[side].len > 0 ? watch_at(watch, item->row[side])
                                                      : (copse_bytes){NULL, 0};
    }
    watch->looked_up[side] = true;
    return COPSE_OK;
}

static copse_status watch_hint_value(copse_source *source, copse_bytes value, copse_err *err)
{
    copse_bytes link = value.ptr != NULL ? copse_document_row_link(value) : (copse_bytes){NULL, 0};
    copse_cid cid;
    if (link.len == 0) {
        return COPSE_OK;
    }
    copse_status status = copse_cid_from_bytes(link, &cid, err);
    return status == COPSE_OK ? copse_source_hint(source, &cid, err) : status;
}

/* Asks for the blocks of all linked documents together. */
static copse_status watch_hint(copse_watch *watch, copse_err *err)
{
    copse_tree *tree = copse_database_tree(watch->databases[COPSE_WATCH_AFTER]);
    copse_source *source = copse_node_cache_source(copse_tree_cache(tree));
    copse_status status = COPSE_OK;
    size_t wants = 0;
    copse_source_begin(source);
    for (size_t i = watch->item; i < watch->items_count && status == COPSE_OK; i++) {
        for (size_t side = 0; side < COPSE_WATCH_SIDES && status == COPSE_OK; side++) {
            status = watch_hint_value(source, watch->items[i].value[side], err);
        }
    }
    if (status != COPSE_OK) {
        return status;
    }
    (void)copse_source_wants(source, &wants);
    watch->hinted = wants == 0;
    return wants > 0 ? COPSE_WANT : COPSE_OK;
}

/* ---- Telling --------------------------------------------------------------------------------- */

/* W4: whether the document is the one that is stored under this key. */
static copse_status watch_check_id(copse_watch *watch, const watch_item *item, size_t side,
                                   copse_err *err)
{
    const copse_collection *collection =
        copse_database_collection(watch->databases[side], watch->query->collection);
    copse_bytes key = watch_at(watch, item->key);
    copse_bytes id;
    copse_status status =
        copse_document_primary(watch->documents[side].encoded, collection->primary_key, &id, err);
    copse_buf_truncate(&watch->id, 0);
    if (status == COPSE_OK) {
        status = copse_order_write_primary(&watch->id, id, err);
    }
    if (status == COPSE_NOMEM) {
        return status;
    }
    copse_bytes primary = {key.ptr + watch->prefix_size, key.len - watch->prefix_size};
    return status == COPSE_OK && copse_bytes_equal(copse_buf_view(&watch->id), primary)
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_CORRUPT,
                           "an index entry leads to a document with another primary key");
}

/* Loads what the item is on one side; *ret_match: it is there and matches. */
static copse_status watch_load(copse_watch *watch, const watch_item *item, size_t side,
                               bool *ret_match, copse_err *err)
{
    copse_document *document = &watch->documents[side];
    *ret_match = false;
    if (item->value[side].ptr == NULL) {
        return !item->in[side] ? COPSE_OK
                               : COPSE_ERR(err, COPSE_CORRUPT,
                                           "an index entry leads to a document that is missing");
    }
    copse_status status =
        copse_document_load(watch->databases[side], item->value[side], document, err);
    if (status == COPSE_OK) {
        watch->stats.documents++;
        status = watch_check_id(watch, item, side, err);
    }
    return status == COPSE_OK
               ? copse_filter_match(watch->query->filter, document->encoded, ret_match, err)
               : status;
}

static copse_status watch_read_id(copse_watch *watch, const watch_item *item, copse_err *err)
{
    const bool descending = false;
    copse_order_decoded part;
    copse_bytes key = watch_at(watch, item->key);
    copse_buf_truncate(&watch->id, 0);
    return copse_order_decode(
        (copse_bytes){key.ptr + watch->prefix_size, key.len - watch->prefix_size}, &descending, 1,
        &watch->id, &part, err);
}

/* W1; NOT_FOUND: nothing is to be told of this document. */
static copse_status watch_tell(copse_watch *watch, const watch_item *item,
                               copse_watch_change *ret_change, copse_err *err)
{
    bool matches[COPSE_WATCH_SIDES] = {false, false};
    copse_bytes encoded[COPSE_WATCH_SIDES] = {{NULL, 0}, {NULL, 0}};
    copse_status status = COPSE_OK;
    for (size_t side = 0; side < COPSE_WATCH_SIDES && status == COPSE_OK; side++) {
        status = watch_load(watch, item, side, &matches[side], err);
        if (matches[side]) {
            encoded[side] = watch->documents[side].encoded;
        }
    }
    if (status != COPSE_OK) {
        return status;
    }
    bool both = matches[COPSE_WATCH_BEFORE] && matches[COPSE_WATCH_AFTER];
    bool neither = !matches[COPSE_WATCH_BEFORE] && !matches[COPSE_WATCH_AFTER];
    if (neither ||
        (both && (watch->membership_only || copse_bytes_equal(encoded[0], encoded[1])))) {
        return COPSE_NOT_FOUND;
    }
    status = watch_read_id(watch, item, err);
    if (status == COPSE_OK) {
        *ret_change = (copse_watch_change){
            .kind = both                          ? COPSE_CHANGED
                    : matches[COPSE_WATCH_BEFORE] ? COPSE_REMOVED
                                                  : COPSE_ADDED,
            .id = copse_buf_view(&watch->id),
            .before = encoded[COPSE_WATCH_BEFORE],
            .after = encoded[COPSE_WATCH_AFTER],
        };
    }
    return status;
}

/* Readies the present batch, or the next. END: there is none. */
static copse_status watch_ready(copse_watch *watch, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (!watch->planned) {
        status = watch_prepare(watch, err);
    }
    if (status == COPSE_OK && watch->item == watch->items_count) {
        status = watch_fill(watch, err);
    }
    for (size_t side = 0; side < COPSE_WATCH_SIDES && status == COPSE_OK; side++) {
        status = watch->looked_up[side] ? COPSE_OK : watch_look_up(watch, side, err);
    }
    return status == COPSE_OK && !watch->hinted ? watch_hint(watch, err) : status;
}

copse_status copse_watch_next(copse_watch *watch, copse_watch_change *ret_change, copse_err *err)
{
    copse_status status = watch_is_idle(watch) ? COPSE_END : COPSE_NOT_FOUND;
    while (status == COPSE_NOT_FOUND) {
        status = watch_ready(watch, err);
        if (status != COPSE_OK) {
            return status;
        }
        status = watch_tell(watch, &watch->items[watch->item], ret_change, err);
        watch->item += status == COPSE_OK || status == COPSE_NOT_FOUND;
    }
    return status;
}

/* ---- Counting -------------------------------------------------------------------------------- */

/* Whether all that is there on one side differs, so that it is enough to count it. */
static bool watch_is_one_sided(const copse_watch *watch)
{
    copse_tree *const *trees = watch->plan.trees;
    bool is_begun = watch->rows.count > 0;
    return (trees[COPSE_WATCH_BEFORE] == NULL) != (trees[COPSE_WATCH_AFTER] == NULL) && !is_begun &&
           watch->query->skip == 0 && watch->query->limit == 0;
}

/* K4 */
static copse_status watch_count_side(copse_watch *watch, copse_err *err)
{
    bool is_before = watch->plan.trees[COPSE_WATCH_BEFORE] != NULL;
    copse_database *database = watch->databases[is_before ? COPSE_WATCH_BEFORE : COPSE_WATCH_AFTER];
    uint64_t *count = is_before ? &watch->counts.removed : &watch->counts.added;
    copse_status status = copse_query_count(watch->query, database, count, NULL, NULL, err);
    return status == COPSE_OK ? COPSE_END : status;
}

/* K5: the next row is what its document does. */
static copse_status watch_count_row(copse_watch *watch, copse_err *err)
{
    copse_watch_row row;
    copse_status status = copse_watch_rows_next(&watch->rows, &row, err);
    if (status == COPSE_OK) {
        watch->counts.added += !row.in[COPSE_WATCH_BEFORE];
        watch->counts.removed += !row.in[COPSE_WATCH_AFTER];
    }
    return status;
}

static copse_status watch_count_change(copse_watch *watch, copse_err *err)
{
    copse_watch_change change;
    copse_status status = copse_watch_next(watch, &change, err);
    if (status == COPSE_OK) {
        watch->counts.added += change.kind == COPSE_ADDED;
        watch->counts.changed += change.kind == COPSE_CHANGED;
        watch->counts.removed += change.kind == COPSE_REMOVED;
    }
    return status;
}

/* END: all are counted. */
static copse_status watch_count_rest(copse_watch *watch, copse_err *err)
{
    copse_status status = watch->planned ? COPSE_OK : watch_prepare(watch, err);
    if (status == COPSE_OK && watch_is_one_sided(watch)) {
        return watch_count_side(watch, err);
    }
    while (status == COPSE_OK) {
        bool by_rows =
            watch->membership_only && watch->plan.is_single && watch->item == watch->items_count;
        status = by_rows ? watch_count_row(watch, err) : watch_count_change(watch, err);
    }
    return status;
}

copse_status copse_watch_count(copse_watch *watch, copse_watch_counts *ret_counts, copse_err *err)
{
    copse_status status = watch_is_idle(watch) ? COPSE_END : watch_count_rest(watch, err);
    if (status != COPSE_END) {
        return status;
    }
    *ret_counts = watch->counts;
    return COPSE_OK;
}
