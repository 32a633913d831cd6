/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/write_unique.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "tree/key_sort.h"
#include "tree/tree.h"

#include <copse/cursor.h>
#include <copse/dag_cbor.h>
#include <copse/ext_json.h>

#include <string.h>

/* What a sort key has behind the unique part: the operation, and releases before claims. */
enum { UNIQUE_TIME_SIZE_BYTES = 9 };

void copse_unique_events_release(copse_unique_events *events, const copse_env *env)
{
    copse_free_array(env, events->events, events->capacity, sizeof *events->events);
    *events = (copse_unique_events){.events = NULL};
}

copse_status copse_unique_events_add(copse_unique_events *events, copse_write_run *run,
                                     const copse_unique_event *event, copse_err *err)
{
    void *array = events->events;
    bool grown = copse_array_grow(run->env, &array, &events->capacity, events->count + 1,
                                  sizeof *events->events);
    events->events = array;
    copse_bytes entry = grown ? copse_arena_dup(&run->arena, event->entry) : (copse_bytes){NULL, 0};
    if (entry.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    events->events[events->count] = *event;
    events->events[events->count].entry = entry;
    events->count++;
    return COPSE_OK;
}

/* ---- entries ---- */

static copse_bytes unique_part(const copse_unique_event *event)
{
    return (copse_bytes){event->entry.ptr, event->unique_size};
}

copse_status copse_unique_is_exempt(const copse_env *env, const copse_index_deriver *deriver,
                                    copse_bytes entry, bool *ret_exempt, copse_err *err)
{
    copse_buf items;
    copse_order_decoded parts[COPSE_ORDER_PARTS_MAX];
    copse_buf_init(&items, env, SIZE_MAX);
    copse_status status = copse_index_entry_decode_key(deriver, entry, &items, parts, err);
    copse_buf_release(&items);
    if (status == COPSE_OK) {
        bool exempt = false;
        for (size_t i = 0; i < copse_index_deriver_definition(deriver)->fields_count; i++) {
            exempt = exempt || parts[i].kind == COPSE_ORDER_MISSING;
        }
        *ret_exempt = exempt;
    }
    return status;
}

/* Appends part number `part` of an entry as text for people. */
static copse_status unique_write_part(const copse_env *env, const copse_buf *items,
                                      const copse_order_decoded *part, copse_buf *text,
                                      copse_err *err)
{
    copse_bytes item = {items->ptr + part->offset, part->size};
    copse_status status;
    if (part->cut) {
        status = copse_buf_append(text, copse_bytes_of_text("(a long value)"));
    } else if (part->kind == COPSE_ORDER_EMPTY_ARRAY) {
        status = copse_buf_append(text, copse_bytes_of_text("[]"));
    } else {
        return copse_ext_json_from_cbor(env, item, false, text, err);
    }
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR(err, status, "no memory for a message");
}

/* Appends "1 and 2 have equal values "a", "b"": the parts of `entry` with the other's primary key.
 */
static copse_status unique_write_message(const copse_env *env, const copse_index_deriver *deriver,
                                         copse_bytes entry, copse_bytes other, copse_buf *text,
                                         copse_err *err)
{
    copse_buf items;
    copse_order_decoded parts[COPSE_ORDER_PARTS_MAX];
    copse_order_decoded others[COPSE_ORDER_PARTS_MAX];
    size_t last = copse_index_deriver_definition(deriver)->fields_count;
    copse_buf_init(&items, env, SIZE_MAX);
    copse_status status = copse_index_entry_decode_key(deriver, entry, &items, parts, err);
    if (status == COPSE_OK) {
        status = copse_index_entry_decode_key(deriver, other, &items, others, err);
    }
    if (status == COPSE_OK) {
        status = unique_write_part(env, &items, &others[last], text, err);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(text, copse_bytes_of_text(" and "));
    }
    if (status == COPSE_OK) {
        status = unique_write_part(env, &items, &parts[last], text, err);
    }
    for (size_t i = 0; i < last && status == COPSE_OK; i++) {
        status = copse_buf_append(text, copse_bytes_of_text(i == 0 ? " have equal values " : ", "));
        if (status == COPSE_OK) {
            status = unique_write_part(env, &items, &parts[i], text, err);
        }
    }
    copse_buf_release(&items);
    return status;
}

copse_status copse_unique_conflict(const copse_env *env, copse_bytes collection,
                                   const copse_index_deriver *deriver, copse_bytes entry,
                                   copse_bytes other, copse_err *err)
{
    copse_buf text;
    copse_bytes index = copse_index_deriver_definition(deriver)->name;
    copse_buf_init(&text, env, SIZE_MAX);
    copse_status status = unique_write_message(env, deriver, entry, other, &text, err);
    if (status == COPSE_OK) {
        status = COPSE_ERR(err, COPSE_CONFLICT, "%.*s: unique index %.*s: the documents %.*s",
                           (int)collection.len, (const char *)collection.ptr, (int)index.len,
                           (const char *)index.ptr, (int)text.len, (const char *)text.ptr);
    }
    copse_buf_release(&text);
    return status;
}

/* ---- what is in the tree ---- */

/* Sorts the events by value and time; the events in their new order are named by the tags. */
static copse_status unique_sort(const copse_unique_events *events, copse_write_run *run,
                                copse_sort_item *items, copse_err *err)
{
    for (size_t i = 0; i < events->count; i++) {
        const copse_unique_event *event = &events->events[i];
        copse_bytes part = unique_part(event);
        uint8_t *key = copse_arena_alloc(&run->arena, part.len + UNIQUE_TIME_SIZE_BYTES);
        if (key == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        uint8_t *time = key + part.len;
        memcpy(key, part.ptr, part.len);
        if (run->options.is_merge || run->options.is_unique_in_the_end) { /* U4 */
            time[0] = event->is_claim;
            copse_store_u64be(time + 1, event->op);
        } else {
            copse_store_u64be(time, event->op);
            time[8] = event->is_claim;
        }
        items[i] = (copse_sort_item){.key = {key, part.len + UNIQUE_TIME_SIZE_BYTES}, .tag = i};
    }
    return copse_key_sort(run->env, items, events->count, err);
}

/* Asks for all leaves in which the values are or would be. */
static copse_status unique_prefetch(const copse_unique_events *events, copse_write_run *run,
                                    copse_err *err)
{
    copse_status missing = COPSE_OK;
    copse_source_begin(copse_node_cache_source(copse_tree_cache(run->tree)));
    for (size_t i = 0; i < events->count; i++) {
        copse_node *leaf;
        uint32_t index;
        bool found;
        if (!events->events[i].is_claim || events->events[i].collection->is_new) {
            continue;
        }
        copse_status status =
            copse_tree_find(run->tree, unique_part(&events->events[i]), &leaf, &index, &found, err);
        if (status == COPSE_OK) {
            copse_node_unref(run->env, leaf);
        } else if (status == COPSE_WANT) {
            missing = status;
        } else {
            return status;
        }
    }
    return missing;
}

/* Who has a value. */
typedef struct unique_owner {
    copse_bytes document; /* len 0: nobody */
    copse_bytes entry;
} unique_owner;

/* The key of the row of an entry's document, and a copy of the entry's key, in the arena. */
static copse_status unique_keep_owner(copse_write_run *run,
                                      const copse_catalogue_collection *collection,
                                      const copse_index_deriver *deriver, copse_bytes entry,
                                      unique_owner *ret_owner, copse_err *err)
{
    copse_buf_truncate(&run->scratch, 0);
    copse_status status = copse_key_write_documents(&run->scratch, collection->collection.name);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for a key");
    }
    status = copse_index_entry_primary(deriver, entry, &run->scratch, err);
    if (status == COPSE_OK) {
        ret_owner->document = copse_arena_dup(&run->arena, copse_buf_view(&run->scratch));
        ret_owner->entry = copse_arena_dup(&run->arena, entry);
        if (ret_owner->document.ptr == NULL || ret_owner->entry.ptr == NULL) {
            status = COPSE_ERR_NOMEM(err);
        }
    }
    return status;
}

/* The first entry of the tree with the value of `event` whose document is not exempt. */
static copse_status unique_find_owner(copse_write_run *run, copse_cursor *cursor,
                                      const copse_unique_event *event, unique_owner *ret_owner,
                                      copse_err *err)
{
    const copse_index_deriver *deriver = event->collection->derivers[event->index];
    unique_owner owner = {{NULL, 0}, {NULL, 0}};
    bool exempt = true;
    copse_bytes part = unique_part(event);
    copse_buf_truncate(&run->scratch, 0);
    copse_status status = copse_buf_append(&run->scratch, part);
    if (status == COPSE_OK) {
        status = copse_key_write_range_end(&run->scratch, 0);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no memory for the bounds of a search");
    }
    copse_bytes to = {run->scratch.ptr + part.len, run->scratch.len - part.len};
    status = copse_cursor_set_range(cursor, part, &to, err);
    if (status == COPSE_OK) {
        status = copse_cursor_seek_first(cursor, err);
    }
    while (status == COPSE_OK && exempt) {
        status = copse_unique_is_exempt(run->env, deriver, copse_cursor_key(cursor), &exempt, err);
        if (status == COPSE_OK && exempt) {
            status = copse_cursor_next(cursor, err);
        }
    }
    if (status == COPSE_OK) {
        status = unique_keep_owner(run, event->collection, deriver, copse_cursor_key(cursor),
                                   &owner, err);
    }
    if (status == COPSE_OK || status == COPSE_END) {
        *ret_owner = owner;
        status = COPSE_OK;
    }
    return status;
}

/* ---- going through the events ---- */

copse_status copse_write_tell(copse_write_run *run, const copse_collection *collection,
                              copse_bytes index, copse_bytes document, bool is_unfit,
                              copse_err *err)
{
    copse_buf_truncate(&run->scratch, 0);
    if (copse_key_write_documents(&run->scratch, collection->name) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    size_t prefix = run->scratch.len;
    const copse_write_clash clash = {.collection = collection->name,
                                     .index = index,
                                     .key = {document.ptr + prefix, document.len - prefix},
                                     .value = run->clashes,
                                     .is_unfit = is_unfit};
    run->clashes += is_unfit;
    return run->write->clash(run->write->clash_ctx, &clash, err);
}

/* Tells that a document has the value of an event together with others (U4). */
static copse_status unique_tell(copse_write_run *run, const copse_unique_event *event,
                                copse_bytes document, copse_err *err)
{
    const copse_collection *collection = &event->collection->collection;
    return copse_write_tell(run, collection, collection->indexes[event->index].name, document,
                            false, err);
}

/* The claims of one value when all of them are told: those in the end are of documents that have
 * it. */
static copse_status unique_tell_all(copse_write_run *run, const copse_unique_events *events,
                                    const copse_sort_item *items, size_t count, unique_owner owner,
                                    copse_err *err)
{
    bool is_told = false;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        const copse_unique_event *event = &events->events[items[i].tag];
        bool is_owner = copse_bytes_equal(owner.document, event->document);
        if (!event->is_claim) {
            owner = is_owner ? (unique_owner){{NULL, 0}, {NULL, 0}} : owner;
        } else if (owner.document.len == 0) {
            owner = (unique_owner){event->document, event->entry};
        } else if (!is_owner) {
            status = is_told ? COPSE_OK : unique_tell(run, event, owner.document, err);
            is_told = true;
            if (status == COPSE_OK) {
                status = unique_tell(run, event, event->document, err);
            }
        }
    }
    run->clashes += is_told;
    return status;
}

/* The events of one value, in their order (U1). */
static copse_status unique_replay(copse_write_run *run, const copse_unique_events *events,
                                  const copse_sort_item *items, size_t count, unique_owner owner,
                                  copse_err *err)
{
    for (size_t i = 0; i < count; i++) {
        const copse_unique_event *event = &events->events[items[i].tag];
        bool is_owner = copse_bytes_equal(owner.document, event->document);
        if (!event->is_claim) {
            owner = is_owner ? (unique_owner){{NULL, 0}, {NULL, 0}} : owner;
        } else if (owner.document.len == 0 || is_owner) {
            owner = (unique_owner){event->document, event->entry};
        } else {
            if (event->op >= run->failed) {
                return COPSE_OK;
            }
            copse_status status = copse_unique_conflict(
                run->env, event->collection->collection.name,
                event->collection->derivers[event->index], event->entry, owner.entry, err);
            run->failed = status == COPSE_CONFLICT ? event->op : run->failed;
            return status;
        }
    }
    return COPSE_OK;
}

static bool unique_same_value(const copse_unique_events *events, const copse_sort_item *a,
                              const copse_sort_item *b)
{
    return copse_bytes_equal(unique_part(&events->events[a->tag]),
                             unique_part(&events->events[b->tag]));
}

static copse_status unique_check_values(copse_write_run *run, const copse_unique_events *events,
                                        const copse_sort_item *items, copse_err *err)
{
    copse_cursor *cursor;
    bool is_telling = copse_write_tells(run);
    copse_status conflict = COPSE_OK;
    copse_status status = copse_cursor_new(run->tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    size_t count;
    for (size_t i = 0; i < events->count && status == COPSE_OK; i += count) {
        const copse_unique_event *event = &events->events[items[i].tag];
        unique_owner owner = {{NULL, 0}, {NULL, 0}};
        count = 1;
        while (i + count < events->count &&
               unique_same_value(events, &items[i], &items[i + count])) {
            count++;
        }
        if (!event->collection->is_new) {
            status = unique_find_owner(run, cursor, event, &owner, err);
        }
        if (status == COPSE_OK) {
            status = is_telling ? unique_tell_all(run, events, &items[i], count, owner, err)
                                : unique_replay(run, events, &items[i], count, owner, err);
        }
        if (status == COPSE_CONFLICT) {
            conflict = status;
            status = COPSE_OK;
        }
    }
    copse_cursor_free(cursor);
    return status == COPSE_OK ? conflict : status;
}

copse_status copse_unique_events_check(copse_unique_events *events, copse_write_run *run,
                                       copse_err *err)
{
    if (events->count == 0) {
        return COPSE_OK;
    }
    copse_sort_item *items = copse_alloc_array(run->env, events->count, sizeof *items);
    if (items == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status = unique_prefetch(events, run, err);
    if (status == COPSE_OK) {
        status = unique_sort(events, run, items, err);
    }
    if (status == COPSE_OK) {
        status = unique_check_values(run, events, items, err);
    }
    copse_free_array(run->env, items, events->count, sizeof *items);
    return status;
}
