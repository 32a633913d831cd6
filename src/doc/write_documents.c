/* Settling changes of documents: write.h, W1 to W3.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "doc/write_rows.h"
#include "doc/write_version.h"
#include "tree/key_sort.h"
#include "tree/tree.h"

#include <copse/ext_json.h>

/* The changes of one document, in their order: items[first .. first + count). */
typedef struct settle_group {
    size_t first;
    size_t count;
    copse_document base;    /* what is in the tree */
    copse_bytes link;       /* to it */
    copse_document version; /* its row of versions */
    copse_bytes conflict;   /* the row of its conflict, if it may be deleted; len 0: none */
    bool has_base;
    bool is_whole;    /* an operation made all of what comes of it */
    bool is_resolved; /* one that waited in a conflict was dropped */
} settle_group;

typedef struct settle {
    copse_write_run *run;
    copse_sort_item *items; /* changes by key; the tag is the change's number */
    settle_group *groups;
    size_t groups_count;
    copse_unique_events unique;
    copse_write_rows before;
    copse_write_rows after;
    copse_buf value;
    copse_status failure; /* of operation run->failed */
    copse_err failure_err;
} settle;

static const copse_write_change *settle_change(const settle *state, size_t item)
{
    return &state->run->write->changes[state->items[item].tag];
}

/* ---- what the tree holds ---- */

static copse_status settle_make_groups(settle *state, copse_err *err)
{
    copse_write_run *run = state->run;
    for (size_t i = 0; i < run->changes_count; i++) {
        state->items[i] = (copse_sort_item){.key = run->write->changes[i].key, .tag = i};
    }
    copse_status status = copse_key_sort(run->env, state->items, run->changes_count, err);
    for (size_t i = 0; i < run->changes_count && status == COPSE_OK; i++) {
        if (i == 0 || !copse_bytes_equal(state->items[i - 1].key, state->items[i].key)) {
            state->groups[state->groups_count++] = (settle_group){.first = i};
        }
        state->groups[state->groups_count - 1].count++;
    }
    return status;
}

/* Loads the document of a row; *document is as before if there is none. */
static copse_status settle_load_row(settle *state, copse_bytes key, copse_document *document,
                                    bool *ret_found, copse_err *err)
{
    copse_write_run *run = state->run;
    copse_node *leaf;
    uint32_t index;
    copse_status status = copse_tree_find(run->tree, key, &leaf, &index, ret_found, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (*ret_found) {
        status = copse_document_load_within(copse_node_cache_source(copse_tree_cache(run->tree)),
                                            run->env, copse_node_value(leaf, index), document, err);
    }
    if (*ret_found && status == COPSE_OK && document->block == NULL && document->buf.ptr == NULL) {
        document->encoded = copse_arena_dup(&run->arena, document->encoded); /* the leaf's */
        status = document->encoded.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    copse_node_unref(run->env, leaf);
    return status;
}

static copse_status settle_load_version(settle *state, settle_group *group, copse_err *err)
{
    copse_write_run *run = state->run;
    const copse_write_change *change = settle_change(state, group->first);
    copse_bytes order;
    bool found;
    if (!copse_write_makes_versions(run, &change->collection->collection)) {
        return COPSE_OK;
    }
    copse_status status = copse_write_version_key(run, change, &order, err);
    return status == COPSE_OK
               ? settle_load_row(state, copse_buf_view(&run->scratch), &group->version, &found, err)
               : status;
}

/* W7 */
static copse_status settle_load_conflict(settle *state, settle_group *group, copse_err *err)
{
    copse_write_run *run = state->run;
    const copse_write_change *last = settle_change(state, group->first + group->count - 1);
    const copse_collection *collection = &last->collection->collection;
    bool is_needed = last->document.len == 0 && !run->options.is_merge;
    return is_needed ? copse_write_find_conflict(run, collection, last->id, &group->conflict, err)
                     : COPSE_OK;
}

static copse_status settle_load_base(settle *state, settle_group *group, copse_err *err)
{
    copse_status version = settle_load_version(state, group, err);
    if (version == COPSE_OK) {
        version = settle_load_conflict(state, group, err);
    }
    if (version != COPSE_OK && version != COPSE_WANT) {
        return version;
    }
    copse_status status = settle_load_row(state, settle_change(state, group->first)->key,
                                          &group->base, &group->has_base, err);
    if (status == COPSE_OK && group->base.block != NULL) {
        const copse_cid *cid = copse_block_cid(group->base.block);
        group->link = (copse_bytes){cid->bytes, cid->size};
    }
    return status == COPSE_OK ? version : status;
}

/* W2 */
static copse_status settle_load_bases(settle *state, copse_err *err)
{
    copse_status missing = COPSE_OK;
    copse_source_begin(copse_node_cache_source(copse_tree_cache(state->run->tree)));
    for (size_t i = 0; i < state->groups_count; i++) {
        settle_group *group = &state->groups[i];
        if (settle_change(state, group->first)->collection->is_new) {
            continue;
        }
        copse_status status = settle_load_base(state, group, err);
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    return missing;
}

/* ---- operations ---- */

/* Says of which document an operation failed: "posts: there is a document with _id 1". */
static copse_status settle_refuse(settle *state, const copse_write_change *change,
                                  copse_status refusal, const char *what, copse_err *err)
{
    const copse_collection *collection = &change->collection->collection;
    copse_buf text;
    copse_buf_init(&text, state->run->env, SIZE_MAX);
    copse_status status = copse_ext_json_from_cbor(state->run->env, change->id, false, &text, err);
    if (status == COPSE_OK) {
        status = COPSE_ERR(
            err, refusal, "%.*s: there is %s document with %.*s %.*s", (int)collection->name.len,
            (const char *)collection->name.ptr, what, (int)collection->primary_key.len,
            (const char *)collection->primary_key.ptr, (int)text.len, (const char *)text.ptr);
    }
    copse_buf_release(&text);
    return status;
}

/* Whether the operation may follow on the version `present` (len 0: none). */
static copse_status settle_allow(settle *state, const copse_write_change *change,
                                 copse_bytes present, copse_err *err)
{
    copse_write_kind kind = state->run->write->ops[change->op].kind;
    if (kind == COPSE_WRITE_INSERT && present.len > 0) {
        return settle_refuse(state, change, COPSE_CONFLICT, "a", err);
    }
    if (kind == COPSE_WRITE_REPLACE && present.len == 0) {
        return settle_refuse(state, change, COPSE_NOT_FOUND, "no", err);
    }
    if (kind == COPSE_WRITE_UPSERT && present.len > 0) { /* W8: it is no insert */
        return copse_write_check_right(state->run, COPSE_RIGHT_WRITE,
                                       change->collection->collection.name, err);
    }
    return COPSE_OK;
}

static copse_status settle_put_version(settle *state, const copse_write_change *change,
                                       const settle_group *group, copse_bytes last, copse_err *err)
{
    const copse_version_state before = {
        group->has_base ? group->base.encoded : (copse_bytes){NULL, 0}, group->version.encoded};
    return copse_write_makes_versions(state->run, &change->collection->collection)
               ? copse_write_put_version(state->run, change, &before, last, group->is_whole, err)
               : COPSE_OK;
}

/* A document that waited is deleted by its version alone, unless it is that already. */
static copse_status settle_delete_waiting(settle *state, const copse_write_change *change,
                                          settle_group *group, copse_err *err)
{
    bool is_deleted = false;
    copse_status status = copse_version_is_deleted(group->version.encoded, &is_deleted, err);
    group->is_whole = true;
    return status == COPSE_OK && !is_deleted
               ? settle_put_version(state, change, group, (copse_bytes){NULL, 0}, err)
               : status;
}

/* Puts the last version of a group into the batch: its document, and what its rows change. */
static copse_status settle_put(settle *state, copse_write_derive *derive, settle_group *group,
                               copse_bytes last, copse_err *err)
{
    copse_write_run *run = state->run;
    copse_bytes link = {NULL, 0};
    copse_status status;
    if (last.len == 0) {
        run->stats.deleted++;
        status = copse_batch_delete(run->write->batch, derive->change->key, err);
        if (status == COPSE_OK && group->conflict.len > 0 && !group->is_resolved) {
            status = copse_write_end_waiting(run, &derive->change->collection->collection,
                                             derive->change->id, group->conflict, err);
        }
    } else {
        run->stats.replaced += group->has_base;
        run->stats.inserted += !group->has_base;
        copse_buf_truncate(&state->value, 0);
        status = copse_document_store(derive->change->collection->collection.documents, last,
                                      &state->value, &run->blocks, err);
        if (status == COPSE_OK) {
            link = copse_document_row_link(copse_buf_view(&state->value));
            status = copse_batch_put(run->write->batch, derive->change->key,
                                     copse_buf_view(&state->value), err);
        }
    }
    if (status == COPSE_OK) {
        derive->rows = &state->after;
        status = copse_write_rows_derive(derive, last, link, err);
    }
    if (status == COPSE_OK) {
        status = copse_write_rows_diff(run, &state->before, &state->after, err);
    }
    return status == COPSE_OK ? settle_put_version(state, derive->change, group, last, err)
                              : status;
}

/* Derives the version `present`, which one change made and the next one ends, for the values it
 * claims in between and for the failures that it has in store. */
static copse_status settle_pass_version(settle *state, copse_write_derive *derive,
                                        settle_group *group, copse_bytes present, copse_err *err)
{
    bool is_base = derive->claim_op == SIZE_MAX;
    derive->rows = is_base ? &state->before : &state->after;
    return copse_write_rows_derive(derive, present, is_base ? group->link : (copse_bytes){NULL, 0},
                                   err);
}

/* A merge that asks for clashes is told of a document that an index can't hold, too. */
static copse_status settle_tell_unfit(const copse_write_derive *derive, copse_status status,
                                      copse_err *err)
{
    const copse_collection *collection = &derive->change->collection->collection;
    return copse_write_tells(derive->run)
               ? copse_write_tell(derive->run, collection, collection->indexes[derive->index].name,
                                  derive->change->key, true, err)
               : status;
}

/* Takes the document of a group through its changes (W1, W3). *ret_op: the operation that a failure
 * is about. */
static copse_status settle_group_changes(settle *state, settle_group *group, size_t *ret_op,
                                         copse_err *err)
{
    const copse_bytes base = group->has_base ? group->base.encoded : (copse_bytes){NULL, 0};
    copse_bytes present = base;
    copse_write_derive derive = {.run = state->run, .unique = &state->unique, .claim_op = SIZE_MAX};
    derive.change = settle_change(state, group->first);
    copse_status status = COPSE_OK;
    size_t i = state->run->options.is_merge ? group->count - 1 : 0; /* W6 */
    for (; i < group->count && status == COPSE_OK; i++) {
        const copse_write_change *next = settle_change(state, group->first + i);
        if (state->run->write->ops[next->op].kind == COPSE_WRITE_RESOLVE) {
            group->is_resolved = true;
            continue;
        }
        copse_status allowed = settle_allow(state, next, present, err);
        if (allowed == COPSE_OK && copse_bytes_equal(present, next->document)) {
            continue;
        }
        *ret_op = derive.claim_op == SIZE_MAX ? next->op : derive.claim_op;
        derive.release_op = allowed == COPSE_OK ? next->op : SIZE_MAX;
        status = settle_pass_version(state, &derive, group, present, err);
        if (status == COPSE_OK) {
            *ret_op = next->op;
            status = allowed;
        }
        present = next->document;
        derive.claim_op = next->op;
        group->is_whole |= !state->run->write->ops[next->op].is_by_fields;
    }
    if (status == COPSE_OK && group->is_resolved && base.len == 0 && present.len == 0) {
        status = settle_delete_waiting(state, derive.change, group, err);
    }
    if (status != COPSE_OK || derive.claim_op == SIZE_MAX) {
        return status;
    }
    derive.release_op = SIZE_MAX;
    status = copse_bytes_equal(base, present)
                 ? settle_pass_version(state, &derive, group, present, err)
                 : settle_put(state, &derive, group, present, err);
    return derive.is_unfit ? settle_tell_unfit(&derive, status, err) : status;
}

/* ---- all of it ---- */

static copse_status settle_all_groups(settle *state, copse_err *err)
{
    copse_write_run *run = state->run;
    for (size_t i = 0; i < state->groups_count; i++) {
        copse_err failure;
        size_t op = SIZE_MAX;
        copse_status status = settle_group_changes(state, &state->groups[i], &op, &failure);
        if (status != COPSE_OK && !copse_write_is_refusal(status)) {
            if (err != NULL) {
                *err = failure;
            }
            return status;
        }
        if (status != COPSE_OK && op < run->failed) {
            run->failed = op;
            state->failure = status;
            state->failure_err = failure;
        }
    }
    return COPSE_OK;
}

static copse_status settle_run(settle *state, copse_err *err)
{
    copse_status status = settle_make_groups(state, err);
    if (status == COPSE_OK) {
        status = settle_load_bases(state, err);
    }
    if (status == COPSE_OK) {
        status = settle_all_groups(state, err);
    }
    if (status == COPSE_OK) {
        status = copse_unique_events_check(&state->unique, state->run, err);
    }
    if (status == COPSE_OK && state->run->clashes > 0) {
        status = COPSE_ERR(err, COPSE_CONFLICT, "%zu values in indexes that can't be had",
                           state->run->clashes);
    }
    if (status == COPSE_OK && state->failure != COPSE_OK) {
        status = state->failure;
        if (err != NULL) {
            *err = state->failure_err;
        }
    }
    return status;
}

static void settle_release(settle *state)
{
    const copse_env *env = state->run->env;
    for (size_t i = 0; i < state->groups_count; i++) {
        copse_document_release(&state->groups[i].base);
        copse_document_release(&state->groups[i].version);
    }
    copse_unique_events_release(&state->unique, env);
    copse_free_array(env, state->items, state->run->changes_count, sizeof *state->items);
    copse_free_array(env, state->groups, state->run->changes_count, sizeof *state->groups);
    copse_write_rows_release(&state->before, env);
    copse_write_rows_release(&state->after, env);
    copse_buf_release(&state->value);
}

copse_status copse_write_settle(copse_write_run *run, copse_err *err)
{
    if (run->changes_count == 0) {
        return COPSE_OK;
    }
    settle state = {
        .run = run,
        .items = copse_alloc_array(run->env, run->changes_count, sizeof *state.items),
        .groups = copse_alloc_array(run->env, run->changes_count, sizeof *state.groups),
    };
    copse_write_rows_init(&state.before, run->env);
    copse_write_rows_init(&state.after, run->env);
    copse_buf_init(&state.value, run->env, SIZE_MAX);
    copse_status status = state.items == NULL || state.groups == NULL ? COPSE_ERR_NOMEM(err)
                                                                      : settle_run(&state, err);
    settle_release(&state);
    if (status == COPSE_OK) {
        run->changes_count = 0;
    }
    return status;
}
