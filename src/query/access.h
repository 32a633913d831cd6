/* Access paths: how one index, or the documents themselves, can serve a query.
 *
 * Of an index whose fields are f1 … fn, the conditions on f1 give points or ranges; behind points
 * the conditions on the next field count, and so on; the first field that is not points ends it.
 *
 *   A1  Every match stands in the ranges (bounds.h, B1). A field that may hold arrays takes the
 *       bounds of one conjunct only.
 *   A2  `exact`: every document that stands in the ranges matches: each conjunct has exact
 *       bounds on a field that is used, and all of them are taken.
 *   A3  `ordered`: read in one direction, entries come in the order of the query: behind fields
 *       that are points follow the fields of the sort order, then the primary key. A field that
 *       is one point may stand anywhere between, and a sort field that is one point and no
 *       array is dropped; but for the direction of the primary key the last one counts. Several
 *       points before the sort fields make as many streams to merge, at most
 *       COPSE_ACCESS_STREAMS_MAX. Of a sort field with arrays the order counts the lowest
 *       element (downwards the highest): the first entry of a document that an unbounded scan
 *       meets.
 *   A4  `unique`: a document may be met twice: by an array whose field is not one point.
 *   A5  Keys of a database of version 1 say nothing: all its documents are read.
 *   A6  `covered`: all that the answer, the filter that is still to be checked and the order
 *       take of a document stands in an entry: whole values of fields that are no arrays and
 *       not cut, or included paths.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_ACCESS_H
#define COPSE_QUERY_ACCESS_H

#include "index/entries.h"
#include "query/plan.h"
#include "query/query.h"

/** The streams of one merge are at most so many. */
#define COPSE_ACCESS_STREAMS_MAX 64
/** The ranges that points of several fields multiply to are at most so many. */
#define COPSE_ACCESS_PRODUCT_MAX 4096
/** The number of the documents where that of an index is asked for. */
#define COPSE_ACCESS_DOCUMENTS SIZE_MAX

/** What an index may not be used for, field by field. */
typedef struct copse_access_marks {
    bool multikey[COPSE_SORT_FIELDS_MAX]; /**< Documents have arrays there. */
    bool cut[COPSE_SORT_FIELDS_MAX];      /**< Documents have values there that are cut. */
} copse_access_marks;

/** What all access paths of a planning share. */
typedef struct copse_access_context {
    const copse_query *query;
    copse_database *database;
    const copse_collection *collection;
    copse_query_need need;
    copse_arena *arena;
    copse_buf *scratch;
    size_t sort_count;       /**< The sort fields before the primary key, */
    bool primary_descending; /**< and its direction. */
    bool sorted;             /**< An order is asked for. */
} copse_access_context;

/** An access path. */
typedef struct copse_access {
    size_t position;                          /**< Of the index; COPSE_ACCESS_DOCUMENTS. */
    const copse_index_definition *definition; /**< NULL: documents. */
    copse_index_deriver *deriver;             /**< Likewise. */
    copse_plan_scan scan;
    size_t *heads;       /**< Of each range, the bytes that its stream has in common. */
    size_t streams;      /**< To be merged; 1: none. */
    size_t fields_used;  /**< Fields with bounds. */
    size_t fields_equal; /**< Of these, points. */
    bool points;         /**< Documents: each range is one key. */
    bool exact;
    bool ordered;
    bool gaps; /**< Ordered, with points between the sort fields. */
    bool unique;
    bool covered;
} copse_access;

/** Begins a planning. */
void copse_access_context_init(copse_access_context *context, const copse_query *query,
                               copse_database *database, const copse_collection *collection,
                               copse_query_need need, copse_arena *arena, copse_buf *scratch);

/** Makes the access path by index number `position` (`deriver`, `marks`), or by the documents
 * (both NULL), for `count` conjuncts. NOMEM, LIMIT, CORRUPT. */
COPSE_MUST_USE copse_status copse_access_make(const copse_access_context *context, size_t position,
                                              copse_index_deriver *deriver,
                                              const copse_access_marks *marks,
                                              const copse_filter_node *const *conjuncts,
                                              size_t count, copse_access *ret_access,
                                              copse_err *err);

/** Whether `path` is, or lies below, `parent`. */
bool copse_access_path_below(copse_bytes path, copse_bytes parent);

#endif
