/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/arena.h"

#include "base/alloc.h"
#include "base/compiler.h"

#include <string.h>

enum { ARENA_ALIGN = 16, ARENA_CHUNK_MIN = 4096, ARENA_CHUNK_MAX = 1 << 20 };

struct copse_arena_chunk {
    copse_arena_chunk *next;
    size_t size; /* of the whole allocation */
};

/* The header is padded so that the first object is aligned. */
static size_t arena_header_size(void)
{
    return (sizeof(copse_arena_chunk) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

void copse_arena_init(copse_arena *arena, const copse_env *env)
{
    *arena = (copse_arena){.env = env};
}

void copse_arena_reset(copse_arena *arena)
{
    copse_arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        copse_arena_chunk *next = chunk->next;
        copse_free(arena->env, chunk, chunk->size);
        chunk = next;
    }
    copse_arena_init(arena, arena->env);
}

void copse_arena_release(copse_arena *arena)
{
    if (arena == NULL || arena->env == NULL) {
        return;
    }
    copse_arena_reset(arena);
    *arena = (copse_arena){0};
}

static copse_arena_chunk *arena_add_chunk(copse_arena *arena, size_t room)
{
    size_t size = arena_header_size() + room;
    copse_arena_chunk *chunk = copse_alloc(arena->env, size);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->used = arena_header_size();
    return chunk;
}

void *copse_arena_alloc(copse_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    copse_arena_chunk *chunk = arena->chunks;
    size_t rounded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (COPSE_ARENA_FORWARDS) {
        rounded = size;
        chunk = arena_add_chunk(arena, size);
    } else if (chunk == NULL || rounded > chunk->size - arena->used) {
        size_t room = chunk == NULL ? ARENA_CHUNK_MIN : chunk->size * 2;
        room = room > ARENA_CHUNK_MAX ? ARENA_CHUNK_MAX : room;
        chunk = arena_add_chunk(arena, rounded > room ? rounded : room);
    }
    if (chunk == NULL) {
        return NULL;
    }
    void *object = (uint8_t *)chunk + arena->used;
    arena->used += rounded;
    arena->size_bytes += size;
    return object;
}

copse_bytes copse_arena_dup(copse_arena *arena, copse_bytes bytes)
{
    uint8_t *copy = copse_arena_alloc(arena, bytes.len);
    if (copy == NULL) {
        return (copse_bytes){NULL, 0};
    }
    if (bytes.len != 0) {
        memcpy(copy, bytes.ptr, bytes.len);
    }
    return (copse_bytes){copy, bytes.len};
}
