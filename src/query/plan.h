/* A plan: what a query reads, in which order, and what is then done.
 *
 * Format: docs/formats/plan.md. A plan is its choices (documents or which indexes, one scan or one
 * for each branch of an $or) and all that follows from them for this query on this database: the
 * exact ranges, the direction, what is checked, told apart and sorted. Whoever has the query and
 * the catalogue makes the same bytes from the same choices; that is how a plan of others is checked
 * (planner.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_PLAN_H
#define COPSE_QUERY_PLAN_H

#include "base/arena.h"
#include "tree/estimate.h"

#include <copse/buf.h>

/** The scans of a union, and the ranges of a scan, are at most so many. */
#define COPSE_PLAN_SCANS_MAX 64
#define COPSE_PLAN_RANGES_MAX 65536

typedef enum copse_plan_order {
    COPSE_ORDERED_NOT,    /**< No order was asked for. */
    COPSE_ORDERED_KEYS,   /**< The scans give it: one after the other, or merged. */
    COPSE_ORDERED_MEMORY, /**< The documents are sorted. */
    COPSE_ORDERED_COUNT
} copse_plan_order;

/** Ranges of an index, or of the documents. */
typedef struct copse_plan_scan {
    copse_bytes index;       /**< Its name; ptr NULL: the documents. */
    copse_key_range *ranges; /**< In the order of keys, apart from each other. */
    size_t ranges_count;
    bool reverse; /**< Read from the last range's end to the first one's begin. */
} copse_plan_scan;

typedef struct copse_plan {
    copse_plan_scan *scans;
    size_t scans_count; /**< 0: the collection is not there. */
    bool is_union;      /**< A scan for each branch of an $or. */
    uint64_t branch;    /**< Union: the number of the $or among the filter's conjuncts. */
    copse_plan_order order;
    bool filter;  /**< What is found is matched against the filter. */
    bool unique;  /**< A document may be found twice. */
    bool covered; /**< Answers are made from the index alone. */
} copse_plan;

/** Appends the encoded plan. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_plan_encode(const copse_plan *plan, copse_buf *buf,
                                              copse_err *err);

/** Reads a plan from bytes of anyone into the arena: what is accepted has one encoding. CORRUPT
 * says what is wrong; LIMIT; NOMEM. */
COPSE_MUST_USE copse_status copse_plan_decode(copse_arena *arena, copse_bytes encoded,
                                              const copse_limits *limits, copse_plan *ret_plan,
                                              copse_err *err);

#endif
