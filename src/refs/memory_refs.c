/* Refs in memory: an array in the bytewise order of names. A database has few refs; a swap moves
 * the array's tail.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_refs.h>

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

enum { MEMORY_REFS_SHOWN_BYTES_MAX = 128 }; /* of a name in a message */

typedef struct memory_ref {
    copse_bytes name; /* owned */
    copse_cid cid;
} memory_ref;

typedef struct memory_refs {
    copse_refs refs;
    const copse_env *env;
    memory_ref *items;
    size_t count;
    size_t capacity;
} memory_refs;

/* Where the ref is, or would stand. */
static size_t memory_refs_find(const memory_refs *memory, copse_bytes name, bool *ret_found)
{
    size_t low = 0;
    size_t high = memory->count;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = copse_bytes_compare(memory->items[middle].name, name);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* As much of a name as a message shows, in whole characters. */
static int memory_refs_shown(copse_bytes name)
{
    size_t len = name.len;
    if (len > MEMORY_REFS_SHOWN_BYTES_MAX) {
        len = MEMORY_REFS_SHOWN_BYTES_MAX;
        while (len > 0 && (name.ptr[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    return (int)len;
}

static copse_status memory_refs_get(copse_refs *refs, copse_bytes name, copse_cid *ret_cid,
                                    copse_err *err)
{
    memory_refs *memory = (memory_refs *)refs;
    bool found;
    size_t at = memory_refs_find(memory, name, &found);
    if (!found) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "there is no ref '%.*s'", memory_refs_shown(name),
                         (const char *)name.ptr);
    }
    *ret_cid = memory->items[at].cid;
    return COPSE_OK;
}

static copse_status memory_refs_insert(memory_refs *memory, size_t at, copse_bytes name,
                                       const copse_cid *cid, copse_err *err)
{
    if (!copse_array_grow(memory->env, (void **)&memory->items, &memory->capacity,
                          memory->count + 1, sizeof *memory->items)) {
        return COPSE_ERR_NOMEM(err);
    }
    uint8_t *copy = copse_alloc(memory->env, name.len);
    if (copy == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memcpy(copy, name.ptr, name.len);
    memmove(&memory->items[at + 1], &memory->items[at],
            (memory->count - at) * sizeof *memory->items);
    memory->items[at] = (memory_ref){.name = {copy, name.len}, .cid = *cid};
    memory->count++;
    return COPSE_OK;
}

static void memory_refs_free_name(const memory_refs *memory, copse_bytes name)
{
    copse_free(memory->env, (void *)name.ptr, name.len);
}

static void memory_refs_remove_at(memory_refs *memory, size_t at)
{
    memory_refs_free_name(memory, memory->items[at].name);
    memory->count--;
    memmove(&memory->items[at], &memory->items[at + 1],
            (memory->count - at) * sizeof *memory->items);
}

static copse_status memory_refs_swap(copse_refs *refs, copse_bytes name, const copse_cid *expected,
                                     const copse_cid *cid, copse_err *err)
{
    memory_refs *memory = (memory_refs *)refs;
    bool found;
    size_t at = memory_refs_find(memory, name, &found);
    if (found != (expected != NULL) ||
        (found && !copse_cid_equal(&memory->items[at].cid, expected))) {
        return COPSE_ERR(err, COPSE_CONFLICT, "ref '%.*s' was moved meanwhile",
                         memory_refs_shown(name), (const char *)name.ptr);
    }
    if (!found) {
        return memory_refs_insert(memory, at, name, cid, err);
    }
    if (cid == NULL) {
        memory_refs_remove_at(memory, at);
    } else {
        memory->items[at].cid = *cid;
    }
    return COPSE_OK;
}

static copse_status memory_refs_iterate(copse_refs *refs, copse_refs_visit_fn visit, void *ctx,
                                        copse_err *err)
{
    const memory_refs *memory = (memory_refs *)refs;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < memory->count && status == COPSE_OK; i++) {
        status = visit(ctx, memory->items[i].name, &memory->items[i].cid, err);
    }
    return status;
}

static void memory_refs_close(copse_refs *refs)
{
    memory_refs *memory = (memory_refs *)refs;
    for (size_t i = 0; i < memory->count; i++) {
        memory_refs_free_name(memory, memory->items[i].name);
    }
    copse_free_array(memory->env, memory->items, memory->capacity, sizeof *memory->items);
    copse_free(memory->env, memory, sizeof *memory);
}

static const copse_refs_ops memory_refs_ops = {
    .get = memory_refs_get,
    .swap = memory_refs_swap,
    .iterate = memory_refs_iterate,
    .close = memory_refs_close,
};

copse_status copse_memory_refs_new(const copse_env *env, copse_refs **ret_refs, copse_err *err)
{
    if (env == NULL || ret_refs == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "refs need an environment");
    }
    memory_refs *memory = copse_alloc_zeroed(env, sizeof *memory);
    if (memory == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memory->refs.ops = &memory_refs_ops;
    memory->env = env;
    *ret_refs = &memory->refs;
    return COPSE_OK;
}
