/* yajl in a process that may not abort.
 *
 * yajl looks at no result of its allocator: a failed allocation would be written through. So its
 * memory comes from here, and a failure leaves yajl altogether, by longjmp to copse_json_parse.
 * yajl holds nothing but memory, and all of it is on a list here, so nothing leaks. This is the
 * only longjmp in Copse; it passes over frames of yajl only, never over a callback, since a
 * callback does not call yajl.
 *
 * The first blocks come from a small area on the stack, enough for a document without long escaped
 * texts: such a parse allocates nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/json_parse.h"

#include "base/alloc.h"
#include "base/err.h"
#include "value/json_text.h"

#include <setjmp.h>
#include <stdalign.h>
#include <string.h>

enum { JSON_AREA_SIZE_BYTES = 4096 };

/* Before each block that yajl gets. */
typedef struct json_block {
    alignas(max_align_t) struct json_block *next; /* of those from the env */
    struct json_block *previous;
    size_t size;  /* of the block, without this */
    bool in_area; /* not on the list */
} json_block;

typedef struct json_memory {
    const copse_env *env;
    json_block *blocks;
    size_t area_used;
    jmp_buf no_memory;
    alignas(max_align_t) uint8_t area[JSON_AREA_SIZE_BYTES];
} json_memory;

static json_block *json_block_in_area(json_memory *memory, size_t size)
{
    size_t left = sizeof memory->area - memory->area_used;
    size_t whole = sizeof(json_block) +
                   (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    if (size > left || whole > left) {
        return NULL;
    }
    json_block *block = (json_block *)(void *)(memory->area + memory->area_used);
    *block = (json_block){.size = size, .in_area = true};
    memory->area_used += whole;
    return block;
}

static json_block *json_block_on_list(json_memory *memory, size_t size)
{
    json_block *block =
        size <= SIZE_MAX - sizeof *block ? copse_alloc(memory->env, sizeof *block + size) : NULL;
    if (block == NULL) {
        longjmp(memory->no_memory, 1);
    }
    *block = (json_block){.next = memory->blocks, .size = size};
    if (memory->blocks != NULL) {
        memory->blocks->previous = block;
    }
    memory->blocks = block;
    return block;
}

static void *json_memory_alloc(void *ctx, size_t size)
{
    json_block *block = json_block_in_area(ctx, size);
    if (block == NULL) {
        block = json_block_on_list(ctx, size);
    }
    return block + 1;
}

static void json_memory_free(void *ctx, void *ptr)
{
    json_memory *memory = ctx;
    if (ptr == NULL || ((json_block *)ptr - 1)->in_area) {
        return;
    }
    json_block *block = (json_block *)ptr - 1;
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        memory->blocks = block->next;
    }
    copse_free(memory->env, block, sizeof *block + block->size);
}

static void *json_memory_realloc(void *ctx, void *ptr, size_t size)
{
    uint8_t *grown = json_memory_alloc(ctx, size);
    if (ptr != NULL) {
        size_t size_old = ((json_block *)ptr - 1)->size;
        memcpy(grown, ptr, size_old < size ? size_old : size);
        json_memory_free(ctx, ptr);
    }
    return grown;
}

/* Says what yajl found wrong, in one line. */
static copse_status json_parse_fail(yajl_handle handle, copse_bytes text, size_t offset,
                                    copse_err *err)
{
    char why[128];
    unsigned char *message = yajl_get_error(handle, 0, text.ptr, text.len);
    size_t size = 0;
    for (; size < sizeof why - 1 && message[size] != '\n' && message[size] != '\0'; size++) {
        why[size] = (char)message[size];
    }
    why[size] = '\0';
    yajl_free_error(handle, message);
    return copse_json_text_fail(text, offset, COPSE_CORRUPT, why, err);
}

static copse_status json_parse_run(yajl_handle handle, copse_bytes text, size_t *ret_offset,
                                   copse_err *err)
{
    yajl_status answer = yajl_parse(handle, text.ptr, text.len);
    size_t offset = yajl_get_bytes_consumed(handle);
    if (answer == yajl_status_ok) {
        offset = text.len;
        answer = yajl_complete_parse(handle);
    }
    if (answer == yajl_status_client_canceled) {
        *ret_offset = offset;
        return COPSE_END;
    }
    if (answer != yajl_status_ok) {
        return json_parse_fail(handle, text, offset, err);
    }
    return COPSE_OK;
}

static copse_status json_parse_in(json_memory *memory, copse_bytes text,
                                  const yajl_callbacks *callbacks, void *ctx, size_t *ret_offset,
                                  copse_err *err)
{
    yajl_alloc_funcs functions = {json_memory_alloc, json_memory_realloc, json_memory_free, memory};
    yajl_handle handle = yajl_alloc(callbacks, &functions, ctx);
    /* copse_json_text_check has looked at the UTF-8, more closely than yajl does. */
    (void)yajl_config(handle, yajl_dont_validate_strings, 1);
    copse_status status = json_parse_run(handle, text, ret_offset, err);
    yajl_free(handle);
    return status;
}

/* The frame that a failed allocation returns to. It has no variable that changes. */
static copse_status json_parse_guarded(json_memory *memory, copse_bytes text,
                                       const yajl_callbacks *callbacks, void *ctx,
                                       size_t *ret_offset, copse_err *err)
{
    if (setjmp(memory->no_memory) != 0) {
        return COPSE_ERR_NOMEM(err);
    }
    return json_parse_in(memory, text, callbacks, ctx, ret_offset, err);
}

copse_status copse_json_parse(const copse_env *env, copse_bytes text,
                              const yajl_callbacks *callbacks, void *ctx, size_t *ret_offset,
                              copse_err *err)
{
    json_memory memory;
    memory.env = env;
    memory.blocks = NULL;
    memory.area_used = 0;
    copse_status status = json_parse_guarded(&memory, text, callbacks, ctx, ret_offset, err);
    while (memory.blocks != NULL) {
        json_memory_free(&memory, memory.blocks + 1);
    }
    return status;
}
