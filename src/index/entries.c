/* The rows that a document has in an index.
 *
 * The values of each field are written once, as parts of order keys, into one buf; of a field that
 * is an array all its elements. An entry is then the prefix, one part a field, the primary key and
 * the trailer. At most one field is an array, so the entries of a document differ in one part:
 *
 *     prefix | parts before the array | element | parts behind it | primary key | trailer
 *
 *   E1  Elements are sorted and told apart by the bytes of their parts. No part is a prefix of
 *       another, so entries come out in key order, each key once; of equal elements the first in
 *       the document gives the trailer.
 *   E2  Marks stand before all entries, in the order of their kinds, then of the parts of their
 *       fields.
 *   E3  A field is marked 'a' if an array was met at it and it is not the definition's array field;
 *       'l' if any of its values is cut.
 *
 * Cost: a visit of each path, and for the common document without arrays one key, nothing sorted
 * and no memory but the scratch of the deriver.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "expr/path.h"
#include "index/deriver.h"

#include <copse/dag_cbor.h>
#include <copse/ext_json.h>
#include <copse/tree.h>

/* ---- the values of a document ---- */

/* What a visit fills. */
typedef struct deriver_visit {
    copse_index_deriver *deriver;
    size_t field;
} deriver_visit;

static copse_status deriver_add_value(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                      copse_err *err)
{
    deriver_visit *visit = ctx;
    copse_index_deriver *deriver = visit->deriver;
    copse_order_part part = {
        .kind = kind, .descending = deriver->descending[visit->field], .encoded = encoded};
    void *values = deriver->values;
    bool grown = copse_array_grow(deriver->env, &values, &deriver->values_capacity,
                                  deriver->values_count + 1, sizeof *deriver->values);
    deriver->values = values;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_deriver_value value = {.kind = kind, .encoded = encoded, .offset = deriver->parts.len};
    copse_status status = copse_order_write_cut(&deriver->parts, &part, &value.cut, err);
    if (status == COPSE_OK) {
        value.size = deriver->parts.len - value.offset;
        deriver->values[deriver->values_count++] = value;
        deriver->fields[visit->field].is_cut |= value.cut;
    }
    return status;
}

/* *ret_array: the field that is an array, or the number of fields if none is. */
static copse_status deriver_read_fields(copse_index_deriver *deriver, copse_bytes document,
                                        size_t *ret_array, copse_err *err)
{
    const copse_index_definition *definition = &deriver->definition;
    size_t array = definition->fields_count;
    deriver->values_count = 0;
    copse_buf_truncate(&deriver->parts, 0);
    for (size_t i = 0; i < definition->fields_count; i++) {
        copse_deriver_field *field = &deriver->fields[i];
        deriver_visit visit = {deriver, i};
        copse_bytes path = definition->fields[i].path;
        field->first = deriver->values_count;
        field->is_array = false;
        field->is_cut = false;
        copse_status status =
            copse_path_visit(document, path, deriver_add_value, &visit, &field->is_array, err);
        if (status != COPSE_OK) {
            return status;
        }
        field->count = deriver->values_count - field->first;
        if (field->is_array && array < definition->fields_count) {
            copse_bytes other = definition->fields[array].path;
            return COPSE_ERR(err, COPSE_CORRUPT, "cannot index parallel arrays %.*s and %.*s",
                             (int)other.len, (const char *)other.ptr, (int)path.len,
                             (const char *)path.ptr);
        }
        array = field->is_array ? i : array;
    }
    *ret_array = array;
    return COPSE_OK;
}

static copse_bytes deriver_part(const copse_index_deriver *deriver, size_t value)
{
    const copse_deriver_value *at = &deriver->values[value];
    return (copse_bytes){deriver->parts.ptr + at->offset, at->size};
}

static copse_bytes deriver_sort_key(const void *ctx, uint64_t ref)
{
    return deriver_part(ctx, (size_t)ref);
}

/* Sorts the elements of the array field and keeps one of each (E1). */
static copse_status deriver_sort_elements(copse_index_deriver *deriver,
                                          const copse_deriver_field *array, size_t *ret_count,
                                          copse_err *err)
{
    void *items = deriver->sorted;
    bool grown = copse_array_grow(deriver->env, &items, &deriver->sorted_capacity, array->count,
                                  sizeof *deriver->sorted);
    deriver->sorted = items;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_prefix_item *sorted = deriver->sorted;
    for (size_t i = 0; i < array->count; i++) {
        sorted[i] = (copse_prefix_item){0, array->first + i};
    }
    copse_prefix_sort(sorted, array->count, deriver_sort_key, deriver);
    size_t count = 0;
    for (size_t i = 0; i < array->count; i++) {
        if (count == 0 || !copse_bytes_equal(deriver_part(deriver, (size_t)sorted[count - 1].ref),
                                             deriver_part(deriver, (size_t)sorted[i].ref))) {
            sorted[count++] = sorted[i];
        }
    }
    if (count > deriver->env->limits.index_entries_max) {
        return COPSE_ERR(
            err, COPSE_LIMIT, "a document has %zu entries in the index %.*s, more than %zu", count,
            (int)deriver->definition.name.len, (const char *)deriver->definition.name.ptr,
            deriver->env->limits.index_entries_max);
    }
    *ret_count = count;
    return COPSE_OK;
}

/* ---- rows ---- */

/* A derive on its way. */
typedef struct deriver_rows {
    copse_index_deriver *deriver;
    copse_bytes id;
    size_t array;       /* the field that is one, or their number */
    copse_bytes value;  /* of all entries */
    size_t unique_size; /* of the parts behind the array's */
    size_t size;        /* of the rows so far */
    copse_index_row_fn visit;
    void *ctx;
} deriver_rows;

/* LIMIT: names the document of which `what` ("the key is") is too large. */
static copse_status deriver_fail_size(const deriver_rows *rows, const char *what,
                                      size_t size_bytes_max, copse_err *err)
{
    const copse_index_deriver *deriver = rows->deriver;
    copse_buf id;
    copse_buf_init(&id, deriver->env, SIZE_MAX);
    bool named = copse_ext_json_from_cbor(deriver->env, rows->id, false, &id, NULL) == COPSE_OK;
    COPSE_ERR(err, COPSE_LIMIT,
              "index %.*s: the %s of the document with _id %.*s would take over %zu bytes",
              (int)deriver->definition.name.len, (const char *)deriver->definition.name.ptr, what,
              named ? (int)(id.len < 100 ? id.len : 100) : 1, named ? (const char *)id.ptr : "?",
              size_bytes_max);
    copse_buf_release(&id);
    return COPSE_LIMIT;
}

static copse_status deriver_key_status(const deriver_rows *rows, copse_status status,
                                       copse_err *err)
{
    return status == COPSE_LIMIT ? deriver_fail_size(rows, "key", COPSE_KEY_SIZE_BYTES_MAX, err)
                                 : COPSE_ERR_NOMEM(err);
}

static copse_status deriver_visit_row(deriver_rows *rows, const copse_index_row *row,
                                      copse_err *err)
{
    size_t size_max = COPSE_INDEX_ROWS_BLOCKS_MAX * rows->deriver->env->limits.block_size_bytes_max;
    rows->size += row->key.len + row->value.len;
    return rows->size <= size_max ? rows->visit(rows->ctx, row, err)
                                  : deriver_fail_size(rows, "rows", size_max, err);
}

static copse_status deriver_visit_mark(deriver_rows *rows, copse_bytes prefix, copse_bytes primary,
                                       copse_err *err)
{
    static const uint8_t null = 0xf6;
    copse_buf *key = &rows->deriver->key;
    copse_buf_truncate(key, 0);
    copse_status status = copse_buf_append(key, prefix);
    if (status == COPSE_OK) {
        status = copse_buf_append(key, primary);
    }
    if (status != COPSE_OK) {
        return deriver_key_status(rows, status, err);
    }
    copse_index_row row = {.key = copse_buf_view(key), .value = {&null, 1}, .is_mark = true};
    return deriver_visit_row(rows, &row, err);
}

static bool deriver_is_marked(const copse_index_deriver *deriver, size_t field,
                              copse_index_mark why)
{
    return why == COPSE_INDEX_MARK_LONG
               ? deriver->fields[field].is_cut
               : deriver->fields[field].is_array && !deriver->definition.fields[field].array;
}

/* E2, E3 */
static copse_status deriver_visit_marks(deriver_rows *rows, copse_err *err)
{
    static const copse_index_mark marks[] = {COPSE_INDEX_MARK_ARRAY, COPSE_INDEX_MARK_LONG};
    copse_index_deriver *deriver = rows->deriver;
    copse_buf *primary = &deriver->tail;
    copse_status status = COPSE_OK;
    copse_buf_truncate(primary, 0);
    for (size_t i = 0; i < 2 * copse_deriver_last(deriver) && status == COPSE_OK; i++) {
        copse_index_mark why = marks[i / copse_deriver_last(deriver)];
        size_t field = deriver->mark_order[i % copse_deriver_last(deriver)];
        if (!deriver_is_marked(deriver, field, why)) {
            continue;
        }
        if (primary->len == 0) {
            status = copse_order_write_primary(primary, rows->id, err);
        }
        if (status == COPSE_OK) {
            status = deriver_visit_mark(rows, copse_index_deriver_marks(deriver, field, why),
                                        copse_buf_view(primary), err);
        }
    }
    return status;
}

static copse_order_part deriver_primary_part(const deriver_rows *rows)
{
    return (copse_order_part){.kind = COPSE_ORDER_VALUE,
                              .descending =
                                  rows->deriver->descending[copse_deriver_last(rows->deriver)],
                              .encoded = rows->id};
}

/* The parts of an entry: of the array field the value number `element`. */
static void deriver_collect_parts(const deriver_rows *rows, size_t element,
                                  copse_order_part ret_parts[COPSE_ORDER_PARTS_MAX],
                                  bool *ret_exempt)
{
    const copse_index_deriver *deriver = rows->deriver;
    *ret_exempt = false;
    for (size_t i = 0; i < copse_deriver_last(deriver); i++) {
        const copse_deriver_value *value =
            &deriver->values[i == rows->array ? element : deriver->fields[i].first];
        ret_parts[i] = (copse_order_part){.kind = value->kind,
                                          .descending = deriver->descending[i],
                                          .cut = value->cut,
                                          .encoded = value->encoded};
        *ret_exempt |= value->kind == COPSE_ORDER_MISSING;
    }
    ret_parts[copse_deriver_last(deriver)] = deriver_primary_part(rows);
}

/* `head_size`: of the key up to the element's part, which is there. */
static copse_status deriver_visit_entry(deriver_rows *rows, size_t head_size, size_t element,
                                        copse_err *err)
{
    copse_index_deriver *deriver = rows->deriver;
    copse_order_part parts[COPSE_ORDER_PARTS_MAX];
    bool exempt;
    copse_buf *key = &deriver->key;
    copse_status status = COPSE_OK;
    deriver_collect_parts(rows, element, parts, &exempt);
    copse_buf_truncate(key, head_size);
    if (rows->array < copse_deriver_last(deriver)) {
        status = copse_buf_append(key, deriver_part(deriver, element));
    }
    size_t unique_size = key->len + rows->unique_size;
    if (status == COPSE_OK) {
        status = copse_buf_append(key, copse_buf_view(&deriver->tail));
    }
    if (status == COPSE_OK) {
        status = copse_order_write_trailer(key, parts, copse_deriver_last(deriver) + 1, err);
    }
    if (status != COPSE_OK) {
        return status == COPSE_CORRUPT ? status : deriver_key_status(rows, status, err);
    }
    copse_index_row row = {.key = copse_buf_view(key),
                           .value = rows->value,
                           .unique_size = deriver->definition.unique && !exempt ? unique_size : 0};
    return deriver_visit_row(rows, &row, err);
}

/* Writes what all entries share: the head into `key`, the tail into `tail`. */
static copse_status deriver_write_shared(deriver_rows *rows, copse_err *err)
{
    copse_index_deriver *deriver = rows->deriver;
    copse_buf *at = &deriver->key;
    copse_buf_truncate(&deriver->tail, 0);
    copse_buf_truncate(at, 0);
    copse_status status = copse_buf_append(at, deriver->prefix);
    for (size_t i = 0; i < copse_deriver_last(deriver) && status == COPSE_OK; i++) {
        if (i == rows->array) {
            at = &deriver->tail;
        } else {
            status = copse_buf_append(at, deriver_part(deriver, deriver->fields[i].first));
        }
    }
    if (status != COPSE_OK) {
        return deriver_key_status(rows, status, err);
    }
    rows->unique_size = deriver->tail.len;
    copse_order_part primary = deriver_primary_part(rows);
    return copse_order_write(&deriver->tail, &primary, err);
}

static copse_status deriver_write_value(deriver_rows *rows, copse_bytes document, copse_bytes link,
                                        copse_err *err)
{
    copse_index_deriver *deriver = rows->deriver;
    copse_buf *value = &deriver->value;
    copse_status status;
    copse_buf_truncate(value, 0);
    if (deriver->include != NULL) {
        status = copse_projection_apply(deriver->include, document, NULL, value, err);
    } else {
        status = deriver->definition.link && link.len > 0 ? copse_cbor_write_link(value, link)
                                                          : copse_cbor_write_null(value);
        if (status != COPSE_OK) {
            status = COPSE_ERR(err, status, "the value of an index entry can't be written");
        }
    }
    rows->value = copse_buf_view(value);
    return status;
}

static copse_status deriver_visit_entries(deriver_rows *rows, copse_err *err)
{
    copse_index_deriver *deriver = rows->deriver;
    size_t count = 1;
    copse_status status = COPSE_OK;
    if (rows->array < copse_deriver_last(deriver)) {
        status = deriver_sort_elements(deriver, &deriver->fields[rows->array], &count, err);
    }
    if (status == COPSE_OK) {
        status = deriver_write_shared(rows, err);
    }
    size_t head_size = deriver->key.len;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        size_t element =
            rows->array < copse_deriver_last(deriver) ? (size_t)deriver->sorted[i].ref : 0;
        status = deriver_visit_entry(rows, head_size, element, err);
    }
    return status;
}

copse_status copse_index_derive(copse_index_deriver *deriver, copse_bytes document, copse_bytes id,
                                copse_bytes link, copse_index_row_fn visit, void *ctx,
                                copse_err *err)
{
    deriver_rows rows = {.deriver = deriver, .id = id, .visit = visit, .ctx = ctx};
    bool match = !deriver->definition.is_unbuilt;
    copse_status status = COPSE_OK;
    if (match && deriver->filter != NULL) {
        status = copse_filter_match(deriver->filter, document, &match, err);
    }
    if (status != COPSE_OK || !match) {
        return status;
    }
    status = deriver_read_fields(deriver, document, &rows.array, err);
    if (status == COPSE_OK) {
        status = deriver_write_value(&rows, document, link, err);
    }
    if (status == COPSE_OK) {
        status = deriver_visit_marks(&rows, err);
    }
    if (status == COPSE_OK) {
        status = deriver_visit_entries(&rows, err);
    }
    return status;
}
