/* Rows sorted by key, in bounded memory: over the tree's sorter (sorter.h), which takes short keys
 * and entries of a block's size, rows of any size by keys of any length.
 *
 *   S1  Rows come out in the bytewise order of their keys, equal keys in the order in which they
 *       were added. No key may be the beginning of another: order keys are not (order.h).
 *   S2  A row's entries have its key, cut at SPILL_KEY_CUT bytes, its ordinal and the number of the
 *       part: so those of one row stand together, and rows with different short keys in order.
 *   S3  Rows whose cut keys are equal are put in order when they come out, in memory; a bound that
 *       is passed by these alone is LIMIT.
 *
 * An entry's value is bytes; those of part 0 begin with the number of parts and the size of the
 * whole key, if it was cut, both u32be, and the whole key.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_SPILL_H
#define COPSE_QUERY_SPILL_H

#include "query/ranking.h"

#include <copse/buf.h>
#include <copse/sorter.h>

/** The least memory that one works in. */
#define COPSE_SPILL_MEMORY_BYTES_MIN 65536

/** A zeroed one may be released. */
typedef struct copse_spill {
    const copse_env *env;
    bool has_runs;
    size_t memory_bytes_max;
    copse_sorter *sorter;
    uint64_t rows;
    copse_buf key;   /* of an entry */
    copse_buf entry; /* its value */
    copse_buf row;   /* of several parts, or the header and the row */
    copse_buf cut;   /* the cut key of `ties` */
    copse_ranking ties;
    bool gives_ties;
    bool has_next; /* a row that was read behind the ties: */
    copse_buf next_key;
    copse_buf next_row;
    size_t next_key_size; /* of its whole key, if it is cut; else 0 */
} copse_spill;

/** Readies one. `runs` NULL: what passes the memory is LIMIT. NOMEM; MISUSE: less memory than
 * COPSE_SPILL_MEMORY_BYTES_MIN. On failure nothing is to be released. */
COPSE_MUST_USE copse_status copse_spill_init(copse_spill *spill, const copse_env *env,
                                             const copse_run_store *runs, size_t memory_bytes_max,
                                             copse_err *err);

void copse_spill_release(copse_spill *spill);

/** Adds a row; both are copied. LIMIT, NOMEM, IO, CORRUPT; then it can only be released. */
COPSE_MUST_USE copse_status copse_spill_add(copse_spill *spill, copse_bytes key, copse_bytes row,
                                            copse_err *err);

/** The next row; the first call ends the adding. Valid until the next call. `ret_key` is cut at
 * SPILL_KEY_CUT, or whole. END, and the statuses of copse_spill_add. */
COPSE_MUST_USE copse_status copse_spill_next(copse_spill *spill, copse_bytes *ret_key,
                                             copse_bytes *ret_row, copse_err *err);

/** Bytes that were written to runs. */
uint64_t copse_spill_bytes(const copse_spill *spill);

#endif
