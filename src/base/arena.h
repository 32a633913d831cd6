/* Memory for one operation, all freed at once.
 *
 * In release builds objects are cut from chunks of growing size. In debug builds each object is an
 * allocation of its own, so that AddressSanitizer sees its edges.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BASE_ARENA_H
#define COPSE_BASE_ARENA_H

#include <copse/bytes.h>
#include <copse/env.h>

typedef struct copse_arena_chunk copse_arena_chunk;

/** Belongs to one thread. A zeroed arena may be released. */
typedef struct copse_arena {
    const copse_env *env;
    copse_arena_chunk *chunks; /* newest first */
    size_t used;               /* of the newest chunk */
    size_t size_bytes;         /* asked for by the callers since init or reset */
} copse_arena;

void copse_arena_init(copse_arena *arena, const copse_env *env);

/** Frees everything; the arena may be used again. */
void copse_arena_reset(copse_arena *arena);

/** Frees everything and zeroes the arena. NULL and a zeroed arena are allowed. */
void copse_arena_release(copse_arena *arena);

/** `size` bytes aligned to 16, not cleared, valid until reset or release. NULL: no memory. */
void *copse_arena_alloc(copse_arena *arena, size_t size);

/** A copy of `bytes` in the arena; its ptr is NULL if there is no memory (also never NULL for empty
 * bytes otherwise). */
copse_bytes copse_arena_dup(copse_arena *arena, copse_bytes bytes);

#endif
