/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/scratch.h"

#include "base/alloc.h"
#include "base/compiler.h"

enum { SCRATCH_ALIGN = 16, SCRATCH_CHUNK_MIN = 4096, SCRATCH_CHUNK_MAX = 1 << 20 };

struct copse_scratch_chunk {
    copse_scratch_chunk *next;
    size_t size;    /* of the whole allocation */
    size_t counted; /* what was asked for: a spare one may be larger */
};

/* Padded so that the first piece is aligned. */
static size_t scratch_head_size(void)
{
    return (sizeof(copse_scratch_chunk) + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN * SCRATCH_ALIGN;
}

void copse_scratch_init(copse_scratch *scratch, const copse_env *env, size_t held_bytes_max)
{
    *scratch = (copse_scratch){.env = env, .held_bytes_max = held_bytes_max};
}

static void scratch_free_spare(copse_scratch *scratch)
{
    if (scratch->spare != NULL) {
        copse_free(scratch->env, scratch->spare, scratch->spare->size);
        scratch->spare = NULL;
    }
}

void copse_scratch_release(copse_scratch *scratch)
{
    copse_scratch_rewind(scratch, (copse_scratch_mark){0});
    scratch_free_spare(scratch);
}

/* Puts a chunk with room for `room` bytes in front. */
static copse_status scratch_push(copse_scratch *scratch, size_t room)
{
    size_t size = scratch_head_size() + room;
    copse_scratch_chunk *chunk = scratch->spare;
    bool fits = chunk != NULL && (COPSE_ARENA_FORWARDS ? chunk->size == size : chunk->size >= size);
    if (size > scratch->held_bytes_max - scratch->held_bytes) {
        return COPSE_LIMIT;
    }
    if (fits) {
        scratch->spare = NULL;
    } else {
        chunk = copse_alloc(scratch->env, size);
        if (chunk == NULL) {
            return COPSE_NOMEM;
        }
        chunk->size = size;
    }
    chunk->counted = size;
    chunk->next = scratch->chunks;
    scratch->chunks = chunk;
    scratch->held_bytes += size;
    scratch->used = scratch_head_size();
    return COPSE_OK;
}

copse_status copse_scratch_take(copse_scratch *scratch, size_t size, void **ret)
{
    if (size > scratch->held_bytes_max) {
        return COPSE_LIMIT;
    }
    const copse_scratch_chunk *chunk = scratch->chunks;
    size_t rounded = (size + SCRATCH_ALIGN - 1) / SCRATCH_ALIGN * SCRATCH_ALIGN;
    copse_status status = COPSE_OK;
    if (COPSE_ARENA_FORWARDS) {
        rounded = size;
        status = scratch_push(scratch, size);
    } else if (COPSE_UNLIKELY(chunk == NULL || rounded > chunk->size - scratch->used)) {
        size_t room = chunk == NULL ? SCRATCH_CHUNK_MIN : chunk->size * 2;
        room = room > SCRATCH_CHUNK_MAX ? SCRATCH_CHUNK_MAX : room;
        if (rounded > room ||
            scratch_head_size() + room > scratch->held_bytes_max - scratch->held_bytes) {
            room = rounded; /* no more than is needed, or than there may be */
        }
        status = scratch_push(scratch, room);
    }
    if (COPSE_UNLIKELY(status != COPSE_OK)) {
        return status;
    }
    *ret = (uint8_t *)scratch->chunks + scratch->used;
    scratch->used += rounded;
    return COPSE_OK;
}

copse_scratch_mark copse_scratch_tell(const copse_scratch *scratch)
{
    return (copse_scratch_mark){scratch->chunks, scratch->used};
}

void copse_scratch_rewind(copse_scratch *scratch, copse_scratch_mark mark)
{
    while (scratch->chunks != mark.chunk) {
        copse_scratch_chunk *chunk = scratch->chunks;
        scratch->chunks = chunk->next;
        scratch->held_bytes -= chunk->counted;
        if (scratch->spare == NULL || scratch->spare->size < chunk->size) {
            scratch_free_spare(scratch);
            scratch->spare = chunk;
        } else {
            copse_free(scratch->env, chunk, chunk->size);
        }
    }
    scratch->used = mark.used;
}
