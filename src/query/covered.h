/* Documents made from entries of an index, for queries that need no more of them.
 *
 * What is made has, of the fields that the query looks at, exactly what the document has there:
 * whole values of top-level fields and the primary key, and what is included. Filter, order and
 * projection then work on it as on the document (access.h, A6).
 *
 *   V1  Which pairs there may be, and in which order, follows from the plan: so they are written in
 *       place, and nothing of an entry is decoded that is not written. Only where the key has a
 *       trailer all its parts are decoded, as what it says goes from part to part.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_COVERED_H
#define COPSE_QUERY_COVERED_H

#include "query/planner.h"

/** A pair of what is made: the key, and the part of the entry that is its value. */
typedef struct copse_covered_field {
    copse_bytes name; /**< The end of `key`. */
    copse_bytes key;  /**< Encoded. */
    size_t part;
    bool descending;
} copse_covered_field;

/** Lives as long as the plan, whatever that is bound to. */
typedef struct copse_covered {
    copse_covered_field fields[COPSE_ORDER_PARTS_MAX]; /* in the order of the map */
    size_t fields_count;
    const copse_bytes *kept; /* included fields that are taken over; NULL: all */
    size_t kept_count;
    size_t pairs_max;
    bool is_answer;          /* what is made is what the projection makes of it */
    copse_index_entry entry; /* the one at hand */
    copse_order_decoded parts[COPSE_ORDER_PARTS_MAX]; /* of one with a trailer, in `values` */
    copse_buf values;
} copse_covered;

/** Readies it for the plan, which must be covered. NOMEM. On failure nothing is to be released. */
COPSE_MUST_USE copse_status copse_covered_init(copse_covered *covered, copse_planned *planned,
                                               copse_err *err);

/** A zeroed one may be released. */
void copse_covered_release(copse_covered *covered);

/** Appends the document of an entry of the plan's index to `buf`. CORRUPT: it is none. LIMIT,
 * NOMEM. */
COPSE_MUST_USE copse_status copse_covered_make(copse_covered *covered,
                                               const copse_index_deriver *deriver, copse_bytes key,
                                               copse_bytes value, copse_buf *buf, copse_err *err);

#endif
