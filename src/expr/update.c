/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/update.h>

#include "base/alloc.h"
#include "base/err.h"
#include "expr/path.h"
#include "expr/update_private.h"
#include "value/dag_cbor_inline.h"

/* An index that no array has. */
#define UPDATE_POSITION_NONE UINT64_MAX

/* ---- One of them ---------------------------------------------------------------------------- */

static copse_status update_compile(copse_update *update, copse_bytes encoded,
                                   copse_bytes array_filters, copse_err *err)
{
    copse_status status =
        copse_dag_cbor_check(encoded, &update->env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    update->encoded = copse_arena_dup(&update->arena, encoded);
    if (update->encoded.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    status = copse_update_parse(update, array_filters, err);
    update->position = UPDATE_POSITION_NONE; /* finds the conflicts that do not depend on it */
    return status == COPSE_OK ? copse_update_tree_make(update, &update->arena, update->position,
                                                       &update->root, err)
                              : status;
}

copse_update *copse_update_alloc(const copse_env *env)
{
    copse_update *update = copse_alloc_zeroed(env, sizeof *update);
    if (update != NULL) {
        update->env = env;
        copse_arena_init(&update->arena, env);
        copse_arena_init(&update->position_arena, env);
        copse_arena_init(&update->merge_arena, env);
        copse_buf_init(&update->out, env, env->limits.document_size_bytes_max);
        copse_buf_init(&update->scratch, env, env->limits.query_memory_bytes_max);
    }
    return update;
}

copse_status copse_update_new(const copse_env *env, copse_bytes encoded, copse_bytes array_filters,
                              copse_update **ret_update, copse_err *err)
{
    copse_update *update = copse_update_alloc(env);
    if (update == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = update_compile(update, encoded, array_filters, err);
    if (status != COPSE_OK) {
        (void)copse_update_free(update);
        return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : status;
    }
    *ret_update = update;
    return COPSE_OK;
}

copse_update *copse_update_free(copse_update *update)
{
    if (update != NULL) {
        for (copse_update_filter *filter = update->filters; filter != NULL; filter = filter->next) {
            (void)copse_filter_free(filter->filter);
        }
        for (copse_update_push *push = update->pushes; push != NULL; push = push->next) {
            copse_sort_spec_release(&push->fields);
        }
        copse_free_array(update->env, update->actions, update->actions_capacity,
                         sizeof *update->actions);
        copse_arena_release(&update->arena);
        copse_arena_release(&update->position_arena);
        copse_arena_release(&update->merge_arena);
        copse_buf_release(&update->out);
        copse_buf_release(&update->scratch);
        copse_free(update->env, update, sizeof *update);
    }
    return NULL;
}

bool copse_update_is_replacement(const copse_update *update)
{
    return update->replacement;
}

/* ---- The primary key ------------------------------------------------------------------------ */

/* The value of the primary key, len 0: there is none. */
static copse_status update_find_primary(const copse_update_run *run, copse_bytes document,
                                        copse_bytes *ret_value)
{
    copse_status status = COPSE_NOT_FOUND;
    *ret_value = (copse_bytes){NULL, 0};
    if (run->context->primary_key.len != 0) {
        status = copse_path_find_key(document, run->context->primary_key, ret_value, run->err);
    }
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

/* U5: it is what it was, or of a new document may be what was not there. */
static copse_status update_check_primary(const copse_update_run *run)
{
    copse_bytes old;
    copse_bytes new;
    int order = 0;
    copse_status status = update_find_primary(run, run->document, &old);
    if (status == COPSE_OK) {
        status = update_find_primary(run, copse_buf_view(run->out), &new);
    }
    if (status != COPSE_OK || copse_bytes_equal(old, new) ||
        (old.len == 0 && run->context->insert)) {
        return status;
    }
    if (old.len != 0 && new.len != 0) {
        status = copse_value_compare(old, new, &order, run->err);
        if (status != COPSE_OK || order == 0) {
            return status;
        }
    }
    copse_bytes name = run->context->primary_key;
    return COPSE_ERR(run->err, COPSE_MISUSE,
                     "performing an update on the path '%.*s' would modify the immutable field "
                     "'%.*s'",
                     (int)name.len, (const char *)name.ptr, (int)name.len, (const char *)name.ptr);
}

/* ---- Applying ------------------------------------------------------------------------------- */

/* Writes the replacement, with the document's primary key if it has none of its own: as if that
 * were set in it. */
static copse_status update_replace(copse_update_run *run)
{
    copse_update *update = run->update;
    copse_bytes primary;
    copse_bytes own;
    bool there = false;
    copse_status status = update_find_primary(run, run->document, &primary);
    if (status == COPSE_OK) {
        status = update_find_primary(run, update->encoded, &own);
    }
    if (status != COPSE_OK || primary.len == 0 || own.len != 0) {
        return status == COPSE_OK ? copse_buf_append(run->out, update->encoded) : status;
    }
    copse_buf_truncate(&update->scratch, 0);
    status = copse_cbor_write_text(&update->scratch, run->context->primary_key);
    if (status != COPSE_OK) {
        return status;
    }
    copse_update_action action = {.op = copse_update_field_operators, /* $set */
                                  .argument = primary};
    const copse_update_node set = {.key = copse_buf_view(&update->scratch), .action = &action};
    const copse_update_node *children[] = {&set};
    const copse_update_node root = {.children = children, .count = 1};
    return copse_update_walk(run, &root, update->encoded, &there);
}

/* U3 */
static copse_status update_renew_tree(copse_update_run *run)
{
    copse_update *update = run->update;
    uint64_t position = 0;
    if (run->context->filter == NULL ||
        copse_filter_position(run->context->filter, &position) != COPSE_OK) {
        return COPSE_ERR(run->err, COPSE_CORRUPT,
                         "the positional operator did not find the match needed from the filter");
    }
    if (position == update->position) {
        return COPSE_OK;
    }
    const copse_update_node *root = NULL;
    copse_arena_reset(&update->position_arena);
    update->root = NULL;
    update->position = UPDATE_POSITION_NONE;
    copse_status status =
        copse_update_tree_make(update, &update->position_arena, position, &root, run->err);
    if (status == COPSE_OK) {
        update->root = root;
        update->position = position;
    }
    return status;
}

static copse_status update_change(copse_update_run *run)
{
    copse_update *update = run->update;
    bool there = false;
    copse_status status = update->positional ? update_renew_tree(run) : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_update_moves_find(run);
    }
    if (status == COPSE_OK) {
        status = update->root != NULL ? copse_update_walk(run, update->root, run->document, &there)
                                      : copse_buf_append(run->out, run->document);
    }
    if (status == COPSE_OK && update->deepens) {
        status = copse_dag_cbor_check(copse_buf_view(run->out), &update->env->limits,
                                      COPSE_CBOR_STRICT, run->err);
    }
    return status;
}

/* The failure `status` with what is known of it: buffers say nothing. */
static copse_status update_tell(const copse_update_run *run, copse_status status, copse_err *err)
{
    if (run->err->status == status) {
        if (err != NULL) {
            *err = *run->err;
        }
        return status;
    }
    return status == COPSE_NOMEM
               ? COPSE_ERR_NOMEM(err)
               : COPSE_ERR(err, status, "an update makes a document of more than %zu bytes",
                           run->out->max);
}

copse_status copse_update_apply(copse_update *update, copse_bytes document,
                                const copse_update_context *context, copse_buf *buf,
                                bool *ret_changed, copse_err *err)
{
    copse_err detail;
    copse_update_run run = {.update = update,
                            .context = context,
                            .document = document,
                            .out = &update->out,
                            .err = &detail};
    detail.status = COPSE_OK;
    if (document.len == 0 || !copse_path_is_object(document)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document is an object");
    }
    copse_buf_truncate(&update->out, 0);
    copse_status status = update->replacement ? update_replace(&run) : update_change(&run);
    if (status == COPSE_OK) {
        status = update_check_primary(&run);
    }
    copse_arena_reset(&update->merge_arena);
    if (status != COPSE_OK) {
        return update_tell(&run, status, err);
    }
    status = copse_buf_append(buf, copse_buf_view(&update->out));
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for the changed document");
    }
    *ret_changed = !copse_bytes_equal(document, copse_buf_view(&update->out));
    return COPSE_OK;
}
