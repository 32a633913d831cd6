/* Making a deriver: what its rows begin with, its filter and what it includes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "index/deriver.h"

#include "base/alloc.h"
#include "base/err.h"
#include "index/definition.h"

#include <copse/dag_cbor.h>
#include <copse/tree.h>

typedef copse_status (*deriver_write_fn)(const copse_index_deriver *deriver, size_t field,
                                         copse_bytes collection, copse_buf *buf);

static copse_status deriver_write_prefix(const copse_index_deriver *deriver, size_t field,
                                         copse_bytes collection, copse_buf *buf)
{
    (void)field;
    return copse_key_write_entries(buf, collection, deriver->definition.name);
}

static copse_status deriver_write_mark_array(const copse_index_deriver *deriver, size_t field,
                                             copse_bytes collection, copse_buf *buf)
{
    return copse_key_write_marks(buf, collection, deriver->definition.name, COPSE_INDEX_MARK_ARRAY,
                                 deriver->definition.fields[field].path);
}

static copse_status deriver_write_mark_long(const copse_index_deriver *deriver, size_t field,
                                            copse_bytes collection, copse_buf *buf)
{
    return copse_key_write_marks(buf, collection, deriver->definition.name, COPSE_INDEX_MARK_LONG,
                                 deriver->definition.fields[field].path);
}

/* Keeps in the arena what `write` writes. */
static copse_status deriver_keep(copse_index_deriver *deriver, deriver_write_fn write, size_t field,
                                 copse_bytes collection, copse_bytes *ret_kept, copse_err *err)
{
    copse_buf_truncate(&deriver->key, 0);
    copse_status status = write(deriver, field, collection, &deriver->key);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "the keys of the index %.*s can't be written",
                         (int)deriver->definition.name.len,
                         (const char *)deriver->definition.name.ptr);
    }
    copse_bytes kept = copse_arena_dup(&deriver->arena, copse_buf_view(&deriver->key));
    if (kept.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_kept = kept;
    return COPSE_OK;
}

/* Inserts `field` into the order of E2. */
static void deriver_order_mark(copse_index_deriver *deriver, size_t field)
{
    size_t at = field;
    while (at > 0 && copse_bytes_compare(deriver->fields[deriver->mark_order[at - 1]].mark_array,
                                         deriver->fields[field].mark_array) > 0) {
        deriver->mark_order[at] = deriver->mark_order[at - 1];
        at--;
    }
    deriver->mark_order[at] = field;
}

static copse_status deriver_init_keys(copse_index_deriver *deriver, copse_bytes collection,
                                      copse_err *err)
{
    const copse_index_definition *definition = &deriver->definition;
    copse_status status =
        deriver_keep(deriver, deriver_write_prefix, 0, collection, &deriver->prefix, err);
    for (size_t i = 0; i < definition->fields_count && status == COPSE_OK; i++) {
        copse_deriver_field *field = &deriver->fields[i];
        deriver->descending[i] = definition->fields[i].descending;
        status =
            deriver_keep(deriver, deriver_write_mark_array, i, collection, &field->mark_array, err);
        if (status == COPSE_OK) {
            status = deriver_keep(deriver, deriver_write_mark_long, i, collection,
                                  &field->mark_long, err);
        }
        if (status == COPSE_OK) {
            deriver_order_mark(deriver, i);
        }
    }
    deriver->descending[copse_deriver_last(deriver)] =
        deriver->descending[copse_deriver_last(deriver) - 1];
    return status;
}

/* The projection that makes what entries include: the paths, and `_id` only if it is one. */
static copse_status deriver_init_include(copse_index_deriver *deriver, copse_err *err)
{
    const copse_index_definition *definition = &deriver->definition;
    const copse_bytes id = copse_bytes_of_text("_id");
    size_t pairs = definition->include_count;
    bool has_id = false;
    copse_status status = COPSE_OK;
    copse_buf *buf = &deriver->value;
    for (size_t i = 0; i < definition->include_count && status == COPSE_OK; i++) {
        has_id = has_id || copse_bytes_equal(definition->include[i], id);
        status = copse_cbor_write_text(buf, definition->include[i]);
        if (status == COPSE_OK) {
            status = copse_cbor_write_int(buf, 1);
        }
    }
    if (status == COPSE_OK && !has_id) {
        pairs++;
        status = copse_cbor_write_text(buf, id);
        if (status == COPSE_OK) {
            status = copse_cbor_write_int(buf, 0);
        }
    }
    if (status == COPSE_OK) {
        status = copse_cbor_finish_map(buf, 0, pairs);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "the included fields of an index: %s",
                         status == COPSE_CORRUPT ? "one stands twice" : "no memory");
    }
    return copse_projection_new(deriver->env, copse_buf_view(buf), &deriver->include, err);
}

static copse_status deriver_init(copse_index_deriver *deriver, copse_bytes collection,
                                 const copse_index_definition *definition, copse_err *err)
{
    copse_status status = copse_index_definition_check(definition, err);
    if (status == COPSE_OK) {
        status = copse_name_check(definition->name, "an index", err);
    }
    if (status == COPSE_OK) {
        status = copse_index_definition_dup(&deriver->arena, definition, &deriver->definition, err);
    }
    if (status == COPSE_OK) {
        status = deriver_init_keys(deriver, collection, err);
    }
    if (status == COPSE_OK && definition->filter.len > 0) {
        status = copse_filter_new(deriver->env, definition->filter, &deriver->filter, err);
    }
    if (status == COPSE_OK && definition->include_count > 0) {
        status = deriver_init_include(deriver, err);
    }
    return status;
}

copse_status copse_index_deriver_new(const copse_env *env, copse_bytes collection,
                                     const copse_index_definition *definition,
                                     copse_index_deriver **ret_deriver, copse_err *err)
{
    copse_index_deriver *deriver = copse_alloc_zeroed(env, sizeof *deriver);
    if (deriver == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    deriver->env = env;
    copse_arena_init(&deriver->arena, env);
    copse_buf_init(&deriver->parts, env, SIZE_MAX);
    copse_buf_init(&deriver->key, env, COPSE_KEY_SIZE_BYTES_MAX);
    copse_buf_init(&deriver->tail, env, SIZE_MAX);
    copse_buf_init(&deriver->value, env, SIZE_MAX);
    copse_status status = deriver_init(deriver, collection, definition, err);
    if (status != COPSE_OK) {
        copse_index_deriver_free(deriver);
        return status;
    }
    *ret_deriver = deriver;
    return COPSE_OK;
}

copse_index_deriver *copse_index_deriver_free(copse_index_deriver *deriver)
{
    if (deriver == NULL) {
        return NULL;
    }
    copse_filter_free(deriver->filter);
    copse_projection_free(deriver->include);
    copse_free_array(deriver->env, deriver->values, deriver->values_capacity,
                     sizeof *deriver->values);
    copse_free_array(deriver->env, deriver->sorted, deriver->sorted_capacity,
                     sizeof *deriver->sorted);
    copse_buf_release(&deriver->parts);
    copse_buf_release(&deriver->key);
    copse_buf_release(&deriver->tail);
    copse_buf_release(&deriver->value);
    copse_arena_release(&deriver->arena);
    copse_free(deriver->env, deriver, sizeof *deriver);
    return NULL;
}

const copse_index_definition *copse_index_deriver_definition(const copse_index_deriver *deriver)
{
    return &deriver->definition;
}

copse_bytes copse_index_deriver_prefix(const copse_index_deriver *deriver)
{
    return deriver->prefix;
}

copse_filter *copse_index_deriver_filter(const copse_index_deriver *deriver)
{
    return deriver->filter;
}

copse_bytes copse_index_deriver_marks(const copse_index_deriver *deriver, size_t field,
                                      copse_index_mark why)
{
    return why == COPSE_INDEX_MARK_ARRAY ? deriver->fields[field].mark_array
                                         : deriver->fields[field].mark_long;
}
