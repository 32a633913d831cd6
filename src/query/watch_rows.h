/* The documents whose rows or entries differ in the ranges of a watch's plan.
 *
 *   J1  Each document once, in the order of primary keys. Rows of the documents' range come so from
 *       the diff. Entries of indexes are sorted first, which also puts together what one document
 *       has, of both states: its place may have moved, and an array has several.
 *   J2  On WANT everything stays where it is.
 *
 * Memory: of indexes, what differs, up to limits.query_memory_bytes_max; else nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_WATCH_ROWS_H
#define COPSE_QUERY_WATCH_ROWS_H

#include "query/watch_plan.h"

#include <copse/diff.h>
#include <copse/sorter.h>

/** A document that differs. Views are valid until the next call. */
typedef struct copse_watch_row {
    copse_bytes primary;                  /**< order(pk): what its key ends with. */
    bool in[COPSE_WATCH_SIDES];           /**< It was met on this side. */
    copse_bytes value[COPSE_WATCH_SIDES]; /**< What its row says; ptr NULL: not known. */
} copse_watch_row;

/** A zeroed one may be released. */
typedef struct copse_watch_rows {
    const copse_env *env;
    const copse_watch_plan *plan;
    size_t prefix_size; /* of documents' keys */
    size_t scan;        /* the present one */
    size_t range;       /* of it: the next */
    copse_diff *diff;   /* of the one before */
    copse_change change;
    copse_sorter *sorter; /* NULL: rows of documents, in their order */
    bool sorted;          /* all are in */
    bool has_ahead;
    copse_bytes ahead_key; /* of the sorter */
    copse_bytes ahead_value;
    copse_buf bytes;
    uint64_t count; /* of what differs */
} copse_watch_rows;

/** Readies it; the plan must outlive it. NOMEM; LIMIT, CORRUPT: the name of the collection. On
 * failure nothing is to be released. */
COPSE_MUST_USE copse_status copse_watch_rows_init(copse_watch_rows *rows,
                                                  const copse_watch_plan *plan, copse_err *err);

void copse_watch_rows_release(copse_watch_rows *rows);

/** The next one. END: there is none. WANT, LIMIT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_watch_rows_next(copse_watch_rows *rows, copse_watch_row *ret_row,
                                                  copse_err *err);

#endif
