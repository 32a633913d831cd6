/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/access.h"

#include "base/err.h"
#include "doc/version1.h"
#include "expr/projection_node.h"
#include "query/bounds.h"

#include <string.h>

/* What is known of a field. */
typedef struct access_field {
    copse_bytes path;
    bool descending;
    bool multikey;
    bool cut;
    copse_bounds bounds;
    bool used;   /* its bounds are taken */
    bool *exact; /* of each conjunct: its exact bounds are among the field's */
} access_field;

/* An access path in the making. */
typedef struct access_maker {
    const copse_access_context *context;
    const copse_filter_node *const *conjuncts;
    size_t conjuncts_count;
    access_field *fields;
    size_t fields_count;
    bool primary_descending; /* of the entries */
    copse_bytes prefix;
    copse_access access;
    size_t head_fields; /* the fields that a stream has in common */
} access_maker;

/* ---- The order that is asked for ------------------------------------------------------------- */

void copse_access_context_init(copse_access_context *context, const copse_query *query,
                               copse_database *database, const copse_collection *collection,
                               copse_query_need need, copse_arena *arena, copse_buf *scratch)
{
    const copse_sort_spec *sort = &query->sort;
    *context = (copse_access_context){
        .query = query,
        .database = database,
        .collection = collection,
        .need = need,
        .arena = arena,
        .scratch = scratch,
        .sorted = need == COPSE_NEED_DOCUMENTS && sort->count > 0,
    };
    size_t count = context->sorted ? sort->count : 0;
    for (size_t i = 0; i < count; i++) {
        context->primary_descending = sort->fields[i].descending;
        if (copse_bytes_equal(sort->fields[i].path, collection->primary_key)) {
            break; /* nothing ties behind it */
        }
        context->sort_count++;
    }
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

/* A1: the bounds of all conjuncts together. */
static copse_status access_field_bounds(const access_maker *maker, access_field *field,
                                        copse_err *err)
{
    const copse_bounds_context context = {
        .arena = maker->context->arena,
        .scratch = maker->context->scratch,
        .multikey = field->multikey,
        .primary = maker->access.definition == NULL,
    };
    size_t best = SIZE_MAX; /* the one whose bounds alone are taken */
    field->exact = copse_arena_alloc(context.arena, maker->conjuncts_count);
    if (field->exact == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = copse_interval_set_fill(context.arena, &field->bounds.set, err);
    for (size_t i = 0; status == COPSE_OK && i < maker->conjuncts_count; i++) {
        copse_bounds bounds;
        field->exact[i] = false;
        status = copse_bounds_of_node(&context, maker->conjuncts[i], field->path, &bounds, err);
        if (status != COPSE_OK || copse_interval_set_is_full(&bounds.set)) {
            continue;
        }
        if (!field->multikey && copse_bounds_may_intersect(&bounds, &field->bounds)) {
            field->exact[i] = bounds.exact;
            field->bounds.cut = field->bounds.cut || bounds.cut;
            status = copse_interval_set_intersect(context.arena, &field->bounds.set, &bounds.set,
                                                  &field->bounds.set, err);
        } else if (copse_bounds_better(&bounds, &field->bounds)) {
            memset(field->exact, 0, maker->conjuncts_count);
            field->bounds = bounds;
            best = i;
        }
    }
    if (best != SIZE_MAX) {
        field->exact[best] = field->bounds.exact;
    }
    return status;
}

static bool access_field_is_point(const access_field *field)
{
    return field->bounds.set.count == 1 && field->bounds.set.items[0].is_point;
}

/* Whether all documents that match have values there that sort alike. */
static bool access_field_is_constant(const access_field *field)
{
    return access_field_is_point(field) && !field->bounds.cut && !field->multikey;
}

/* Whether all entries that count have parts there that sort alike. */
static bool access_field_is_fixed(const access_field *field)
{
    return access_field_is_point(field) && !field->bounds.cut && (field->used || !field->multikey);
}

/* Takes the bounds of the leading fields. */
static void access_use_fields(access_maker *maker)
{
    size_t product = 1;
    for (size_t i = 0; i < maker->fields_count; i++) {
        access_field *field = &maker->fields[i];
        const copse_interval_set *set = &field->bounds.set;
        bool too_many = i > 0 && set->count > COPSE_ACCESS_PRODUCT_MAX / product;
        if (copse_interval_set_is_full(set) || too_many || set->count > COPSE_PLAN_RANGES_MAX) {
            return;
        }
        field->used = true;
        maker->access.fields_used++;
        if (!copse_interval_set_is_points(set)) {
            return;
        }
        maker->access.fields_equal++;
        product *= set->count < COPSE_ACCESS_PRODUCT_MAX ? set->count : COPSE_ACCESS_PRODUCT_MAX;
    }
}

/* A2, A4 */
static void access_judge(access_maker *maker)
{
    copse_access *access = &maker->access;
    access->exact = true;
    for (size_t i = 0; i < maker->conjuncts_count && access->exact; i++) {
        bool exact = false;
        for (size_t f = 0; f < access->fields_used && !exact; f++) {
            exact = maker->fields[f].exact[i];
        }
        access->exact = exact;
    }
    for (size_t f = 0; f < maker->fields_count; f++) {
        const access_field *field = &maker->fields[f];
        access->unique =
            access->unique || (field->multikey && !(field->used && access_field_is_fixed(field)));
    }
}

/* ---- Order (A3) ------------------------------------------------------------------------------ */

/* The sort fields that are left when those that are one point are dropped. */
static size_t access_order_fields(const access_maker *maker,
                                  const copse_sort_field *ret_fields[COPSE_SORT_FIELDS_MAX])
{
    const copse_sort_spec *sort = &maker->context->query->sort;
    size_t count = 0;
    for (size_t i = 0; i < maker->context->sort_count; i++) {
        bool dropped = false;
        for (size_t f = 0; f < maker->fields_count && !dropped; f++) {
            dropped = copse_bytes_equal(sort->fields[i].path, maker->fields[f].path) &&
                      access_field_is_constant(&maker->fields[f]);
        }
        if (!dropped) {
            ret_fields[count++] = &sort->fields[i];
        }
    }
    return count;
}

/* Whether entries in the order of `field` are in that of a sort field. */
static bool access_field_sorts(const access_field *field)
{
    return !field->cut && (!field->multikey || copse_interval_set_is_full(&field->bounds.set));
}

/* Sets `ordered`, the direction, and how many fields stand before those of the order. */
static void access_find_order(access_maker *maker)
{
    const copse_sort_field *order[COPSE_SORT_FIELDS_MAX];
    copse_access *access = &maker->access;
    size_t left = access_order_fields(maker, order);
    size_t taken = 0;
    bool reverse = false;
    bool constant_between = false;
    bool primary_descending = maker->primary_descending;
    maker->head_fields = left == 0 ? access->fields_used : 0;
    for (size_t f = 0; f < maker->fields_count; f++) {
        const access_field *field = &maker->fields[f];
        bool next = taken < left && copse_bytes_equal(order[taken]->path, field->path);
        bool points = field->used && copse_interval_set_is_points(&field->bounds.set);
        if (copse_bytes_equal(field->path, maker->context->collection->primary_key)) {
            primary_descending = field->descending;
            maker->head_fields = left == 0 && f < maker->head_fields ? f : maker->head_fields;
            break; /* nothing ties behind it */
        }
        if (next && access_field_sorts(field)) {
            bool against = order[taken]->descending != field->descending;
            if (taken == 0) {
                reverse = against;
                maker->head_fields = f;
            } else if (against != reverse) {
                return;
            }
            access->gaps = access->gaps || constant_between;
            taken++;
        } else if (taken == 0 && points) {
            continue;
        } else if (access_field_is_fixed(field)) {
            constant_between = taken > 0;
        } else {
            return;
        }
    }
    access->gaps = access->gaps || constant_between;
    bool primary_against = maker->context->primary_descending != primary_descending;
    if (taken < left || (taken > 0 && primary_against != reverse)) {
        return;
    }
    access->scan.reverse = taken > 0 ? reverse : primary_against;
    access->ordered = true;
}

/* ---- Ranges ---------------------------------------------------------------------------------- */

/* The keys that begin with the points of some fields. */
typedef struct access_prefix {
    copse_bytes bytes;
    size_t head; /* the bytes of the fields that a stream has in common */
} access_prefix;

static copse_status access_join(copse_arena *arena, copse_bytes a, copse_bytes b,
                                copse_bytes *ret_joined, copse_err *err)
{
    uint8_t *joined = copse_arena_alloc(arena, a.len + b.len);
    if (joined == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    if (a.len > 0) {
        memcpy(joined, a.ptr, a.len);
    }
    if (b.len > 0) {
        memcpy(joined + a.len, b.ptr, b.len);
    }
    *ret_joined = (copse_bytes){joined, a.len + b.len};
    return COPSE_OK;
}

/* The lowest key above all that begin with `prefix`, which is not all 0xff. */
static copse_status access_after(const access_maker *maker, copse_bytes prefix,
                                 copse_bytes *ret_after, copse_err *err)
{
    copse_buf *buf = maker->context->scratch;
    copse_buf_truncate(buf, 0);
    copse_status status = copse_buf_append(buf, prefix);
    if (status == COPSE_OK) {
        status = copse_order_prefix_end(buf, 0);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a range");
    }
    copse_bytes after = copse_arena_dup(maker->context->arena, copse_buf_view(buf));
    if (after.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_after = after;
    return COPSE_OK;
}

/* The intervals of a field in the direction of its parts. */
static copse_status access_field_keys(const access_maker *maker, const access_field *field,
                                      copse_interval_set *ret_set, copse_err *err)
{
    const copse_bounds_context context = {.arena = maker->context->arena,
                                          .scratch = maker->context->scratch};
    if (field->descending) {
        return copse_bounds_descend(&context, &field->bounds.set, ret_set, err);
    }
    *ret_set = field->bounds.set;
    return COPSE_OK;
}

/* Multiplies the prefixes by the points of field number `f`. */
static copse_status access_multiply(const access_maker *maker, size_t f, access_prefix **prefixes,
                                    size_t *count, copse_err *err)
{
    copse_interval_set set;
    copse_status status = access_field_keys(maker, &maker->fields[f], &set, err);
    if (status != COPSE_OK) {
        return status;
    }
    access_prefix *longer =
        copse_arena_alloc(maker->context->arena, *count * set.count * sizeof *longer);
    if (longer == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    size_t at = 0;
    for (size_t i = 0; i < *count; i++) {
        for (size_t j = 0; j < set.count && status == COPSE_OK; j++, at++) {
            status = access_join(maker->context->arena, (*prefixes)[i].bytes, set.items[j].from,
                                 &longer[at].bytes, err);
            longer[at].head = f < maker->head_fields ? longer[at].bytes.len : (*prefixes)[i].head;
        }
    }
    *prefixes = longer;
    *count = at;
    return status;
}

/* The range of `interval` behind `prefix`. */
static copse_status access_range(const access_maker *maker, copse_bytes prefix,
                                 const copse_interval *interval, copse_key_range *ret_range,
                                 copse_err *err)
{
    copse_status status =
        access_join(maker->context->arena, prefix, interval->from, &ret_range->from, err);
    if (status != COPSE_OK) {
        return status;
    }
    return interval->to.ptr == NULL
               ? access_after(maker, prefix, &ret_range->to, err)
               : access_join(maker->context->arena, prefix, interval->to, &ret_range->to, err);
}

/* Writes the ranges: each prefix with each interval of the last field. */
static copse_status access_write_ranges(access_maker *maker, const access_prefix *prefixes,
                                        size_t count, const copse_interval_set *last,
                                        copse_err *err)
{
    copse_access *access = &maker->access;
    copse_arena *arena = maker->context->arena;
    size_t total = count * last->count;
    access->scan.ranges = copse_arena_alloc(arena, total * sizeof *access->scan.ranges);
    access->heads = copse_arena_alloc(arena, total * sizeof *access->heads);
    if (access->scan.ranges == NULL || access->heads == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < last->count && status == COPSE_OK; j++) {
            size_t at = access->scan.ranges_count++;
            status = access_range(maker, prefixes[i].bytes, &last->items[j],
                                  &access->scan.ranges[at], err);
            access->heads[at] = prefixes[i].head;
        }
    }
    return status;
}

static copse_status access_make_ranges(access_maker *maker, copse_err *err)
{
    const copse_access *access = &maker->access;
    copse_interval_set last;
    access_prefix first = {maker->prefix, maker->prefix.len};
    access_prefix *prefixes = &first;
    size_t count = 1;
    copse_status status = copse_interval_set_fill(maker->context->arena, &last, err);
    for (size_t f = 0; f < access->fields_used && status == COPSE_OK; f++) {
        if (f < access->fields_equal) {
            status = access_multiply(maker, f, &prefixes, &count, err);
        } else {
            status = access_field_keys(maker, &maker->fields[f], &last, err);
        }
    }
    return status == COPSE_OK ? access_write_ranges(maker, prefixes, count, &last, err) : status;
}

/* Whether two ranges belong to one stream. */
static bool access_same_head(const copse_access *access, size_t a, size_t b)
{
    const copse_key_range *ranges = access->scan.ranges;
    return access->heads[a] == access->heads[b] &&
           memcmp(ranges[a].from.ptr, ranges[b].from.ptr, access->heads[a]) == 0;
}

/* A3: the streams of an ordered scan. */
static void access_count_streams(copse_access *access)
{
    access->streams = 1;
    for (size_t i = 1; access->ordered && i < access->scan.ranges_count; i++) {
        access->streams += !access_same_head(access, i - 1, i);
    }
    if (access->streams > COPSE_ACCESS_STREAMS_MAX) {
        access->ordered = false;
        access->scan.reverse = false;
        access->streams = 1;
    }
}

/* ---- Covering (A6) --------------------------------------------------------------------------- */

bool copse_access_path_below(copse_bytes path, copse_bytes parent)
{
    return copse_bytes_has_prefix(path, parent) &&
           (path.len == parent.len || path.ptr[parent.len] == '.');
}

static bool access_is_top_level(copse_bytes path)
{
    return memchr(path.ptr, '.', path.len) == NULL;
}

/* Whether entries show what a document has at `path`. `whole`: with all that a filter or an order
 * could tell from it; a projection of a projection by more paths is the same. */
static bool access_covers_path(const access_maker *maker, copse_bytes path, bool whole)
{
    const copse_index_definition *definition = maker->access.definition;
    if (copse_access_path_below(path, maker->context->collection->primary_key)) {
        return true;
    }
    for (size_t i = 0; i < definition->fields_count; i++) {
        const access_field *field = &maker->fields[i];
        if (!field->multikey && !field->cut && access_is_top_level(field->path) &&
            copse_access_path_below(path, field->path)) {
            return true;
        }
    }
    for (size_t i = 0; i < definition->include_count; i++) {
        if (copse_access_path_below(path, definition->include[i]) &&
            (!whole || access_is_top_level(definition->include[i]))) {
            return true;
        }
    }
    return false;
}

static bool access_covers_paths(const access_maker *maker, const copse_bytes *paths, size_t count,
                                bool whole)
{
    for (size_t i = 0; i < count; i++) {
        if (!access_covers_path(maker, paths[i], whole)) {
            return false;
        }
    }
    return true;
}

static bool access_covers_answer(const access_maker *maker)
{
    const copse_query *query = maker->context->query;
    const copse_bytes *paths = NULL;
    size_t count = 0;
    if (maker->context->need == COPSE_NEED_COUNT) {
        return true;
    }
    return query->projection != NULL && copse_projection_paths(query->projection, &paths, &count) &&
           access_covers_paths(maker, paths, count, false);
}

static bool access_covers_sort(const access_maker *maker)
{
    const copse_sort_spec *sort = &maker->context->query->sort;
    for (size_t i = 0; i < maker->context->sort_count; i++) {
        if (!access_covers_path(maker, sort->fields[i].path, true)) {
            return false;
        }
    }
    return true;
}

static bool access_is_covered(const access_maker *maker)
{
    const copse_access *access = &maker->access;
    const copse_query *query = maker->context->query;
    return access->definition != NULL && access_covers_answer(maker) &&
           (access->exact ||
            access_covers_paths(maker, query->filter_paths, query->filter_paths_count, true)) &&
           (access->ordered || !maker->context->sorted || access_covers_sort(maker));
}

/* ---- Making one ------------------------------------------------------------------------------ */

static copse_status access_begin(access_maker *maker, copse_index_deriver *deriver,
                                 const copse_access_marks *marks, copse_err *err)
{
    const copse_access_context *context = maker->context;
    const copse_index_definition *definition = maker->access.definition;
    maker->fields_count = definition != NULL ? definition->fields_count : 1;
    maker->fields = copse_arena_alloc(context->arena, maker->fields_count * sizeof *maker->fields);
    if (maker->fields == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memset(maker->fields, 0, maker->fields_count * sizeof *maker->fields);
    if (definition == NULL) {
        maker->fields[0].path = context->collection->primary_key;
        copse_buf_truncate(context->scratch, 0);
        copse_status status =
            copse_database_version(context->database) == 1
                ? copse_version1_write_documents(context->scratch, context->collection->name)
                : copse_key_write_documents(context->scratch, context->collection->name);
        if (status != COPSE_OK) {
            return COPSE_ERR(err, status, "no memory for a key");
        }
        maker->prefix = copse_arena_dup(context->arena, copse_buf_view(context->scratch));
        return maker->prefix.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    for (size_t i = 0; i < maker->fields_count; i++) {
        access_field *field = &maker->fields[i];
        field->path = definition->fields[i].path;
        field->descending = definition->fields[i].descending;
        field->multikey = definition->fields[i].array || marks->multikey[i];
        field->cut = marks->cut[i];
    }
    maker->primary_descending = definition->fields[maker->fields_count - 1].descending;
    maker->prefix = copse_index_deriver_prefix(deriver);
    maker->access.scan.index = definition->name;
    return COPSE_OK;
}

copse_status copse_access_make(const copse_access_context *context, size_t position,
                               copse_index_deriver *deriver, const copse_access_marks *marks,
                               const copse_filter_node *const *conjuncts, size_t count,
                               copse_access *ret_access, copse_err *err)
{
    access_maker maker = {.context = context, .conjuncts = conjuncts, .conjuncts_count = count};
    maker.access.position = position;
    maker.access.deriver = deriver;
    maker.access.definition = deriver != NULL ? copse_index_deriver_definition(deriver) : NULL;
    copse_status status = access_begin(&maker, deriver, marks, err);
    for (size_t i = 0; i < maker.fields_count && status == COPSE_OK; i++) {
        status = access_field_bounds(&maker, &maker.fields[i], err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    bool keys_tell = copse_database_version(context->database) != 1; /* A5 */
    if (keys_tell) {
        access_use_fields(&maker);
    }
    access_judge(&maker);
    if (context->sorted && keys_tell) {
        access_find_order(&maker);
    }
    status = access_make_ranges(&maker, err);
    if (status == COPSE_OK) {
        access_count_streams(&maker.access);
        maker.access.points = deriver == NULL && maker.access.fields_equal > 0;
        maker.access.covered = access_is_covered(&maker);
        *ret_access = maker.access;
    }
    return status;
}
