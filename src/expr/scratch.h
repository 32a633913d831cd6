/* Memory that an evaluation takes piece by piece and gives back all at once, to take it again:
 * after the first few evaluations no allocator is asked.
 *
 * Pieces stand in chunks and never move. Giving back is by a mark: all that was taken since. One
 * chunk that was given back is kept for the next. In debug builds each piece has a chunk of its
 * own, so that AddressSanitizer sees its edges.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXPR_SCRATCH_H
#define COPSE_EXPR_SCRATCH_H

#include <copse/env.h>
#include <copse/status.h>

typedef struct copse_scratch_chunk copse_scratch_chunk;

/** Belongs to one thread. */
typedef struct copse_scratch {
    const copse_env *env;
    copse_scratch_chunk *chunks; /* newest first */
    copse_scratch_chunk *spare;  /* one that was given back; NULL: none */
    size_t used;                 /* of the newest chunk */
    size_t held_bytes;           /* of all chunks but the spare one */
    size_t held_bytes_max;
} copse_scratch;

/** What was taken up to now. */
typedef struct copse_scratch_mark {
    const copse_scratch_chunk *chunk;
    size_t used;
} copse_scratch_mark;

/** Holds at most `held_bytes_max`. Allocates nothing yet. */
void copse_scratch_init(copse_scratch *scratch, const copse_env *env, size_t held_bytes_max);

/** Frees everything. A zeroed one is allowed. */
void copse_scratch_release(copse_scratch *scratch);

/** `size` bytes, aligned to 16, not cleared, until given back. LIMIT: more than it may hold.
 * NOMEM. */
COPSE_MUST_USE copse_status copse_scratch_take(copse_scratch *scratch, size_t size, void **ret);

copse_scratch_mark copse_scratch_tell(const copse_scratch *scratch);

/** Gives back all that was taken since `mark`, a zeroed mark: everything. */
void copse_scratch_rewind(copse_scratch *scratch, copse_scratch_mark mark);

#endif
