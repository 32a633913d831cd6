/* The index rows of one version of a document, and what makes them those of another one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_WRITE_ROWS_H
#define COPSE_DOC_WRITE_ROWS_H

#include "doc/write_unique.h"

/** Offsets into the rows' bytes. */
typedef struct copse_write_index_row {
    size_t key_offset;
    size_t key_size;
    size_t value_offset;
    size_t value_size;
} copse_write_index_row;

/** In key order over all indexes. */
typedef struct copse_write_rows {
    copse_write_index_row *rows;
    size_t count;
    size_t capacity;
    copse_buf bytes;
} copse_write_rows;

void copse_write_rows_init(copse_write_rows *rows, const copse_env *env);
void copse_write_rows_release(copse_write_rows *rows, const copse_env *env);

/** How a version is derived. */
typedef struct copse_write_derive {
    copse_write_run *run;
    copse_unique_events *unique; /**< Take its claims and their ends. */
    copse_write_rows *rows;      /**< Take its rows. */
    const copse_write_change *change;
    size_t claim_op;   /**< The operation that made it; SIZE_MAX: it was there before. */
    size_t release_op; /**< The operation that ends it; SIZE_MAX: it stays. */
    size_t index;      /**< The position of the index that was derived last. */
    bool is_unfit;     /**< That index can't hold what an operation made. */
} copse_write_derive;

/** Makes derive->rows those of `document`, a version of the change's document, in all indexes that
 * its collection has; none if its len is 0. `link`: to it (len 0: none). The failure of an index
 * that can't hold it, CORRUPT or LIMIT; NOMEM. */
COPSE_MUST_USE copse_status copse_write_rows_derive(copse_write_derive *derive,
                                                    copse_bytes document, copse_bytes link,
                                                    copse_err *err);

/** Puts into the batch what makes `after` of `before`, and counts it. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_write_rows_diff(copse_write_run *run,
                                                  const copse_write_rows *before,
                                                  const copse_write_rows *after, copse_err *err);

#endif
