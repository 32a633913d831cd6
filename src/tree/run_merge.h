/* Merging runs: the next record of several, the newest of those with equal keys.
 *
 *   G1  The heap is ordered by key, then by age, newest first. So of equal keys the newest is on
 *       top; the others are passed over before it is given out, while its bytes are still there:
 *       they stand directly below the top.
 *   G2  The reader on top moves on only with the next call, since what was given out borrows from
 *       its memory.
 *
 * Cost: two comparisons a level of the heap, mostly of eight bytes of the key kept in it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_RUN_MERGE_H
#define COPSE_TREE_RUN_MERGE_H

#include "tree/run.h"

enum { COPSE_RUN_MERGE_MAX = 64 };

typedef struct copse_run_merge_item {
    uint64_t prefix;
    size_t reader; /* higher: newer */
} copse_run_merge_item;

typedef struct copse_run_merge {
    bool given; /* the top was given out (G2) */
    size_t count;
    copse_run_merge_item heap[COPSE_RUN_MERGE_MAX];
    copse_run_reader readers[COPSE_RUN_MERGE_MAX];
} copse_run_merge;

/** How many of the first of `runs`, at most `count`, can be merged in `size` bytes. */
size_t copse_run_merge_fit(const copse_run *runs, size_t count, size_t size);

/** Opens `count` runs (1 .. COPSE_RUN_MERGE_MAX, as many as fit), oldest first. They stay the
 * caller's, and `memory` too, and must stay where they are. CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_run_merge_init(copse_run_merge *merge,
                                                 const copse_run_store *store,
                                                 const copse_run *runs, size_t count,
                                                 uint8_t *memory, size_t size, copse_err *err);

/** The next record, valid until the next call. END, CORRUPT, IO, NOMEM; then it can't go on. */
COPSE_MUST_USE copse_status copse_run_merge_next(copse_run_merge *merge, copse_bytes *ret_record,
                                                 copse_err *err);

#endif
