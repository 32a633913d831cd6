/* Sets of intervals over the bytes of one ascending part of an order key.
 *
 * An interval is [from, to) of byte strings. No part is a prefix of another (order.h), so a set of
 * them says for each value, whatever follows its part in a key, whether it is in it.
 *
 *   V1  The intervals of a set are in order, are not empty and don't touch but at points.
 *   V2  A point is the interval of all keys that begin with one whole part.
 *
 * All memory is the arena's.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_INTERVAL_H
#define COPSE_QUERY_INTERVAL_H

#include "base/arena.h"

typedef struct copse_interval {
    copse_bytes from;
    copse_bytes to; /**< ptr NULL: no end. */
    bool is_point;
} copse_interval;

typedef struct copse_interval_set {
    copse_interval *items;
    size_t count;
} copse_interval_set;

/** Whether every key is in it. */
bool copse_interval_set_is_full(const copse_interval_set *set);

/** Whether it is made of points only, and at least one. */
bool copse_interval_set_is_points(const copse_interval_set *set);

/** The set of all keys. NOMEM. */
COPSE_MUST_USE copse_status copse_interval_set_fill(copse_arena *arena, copse_interval_set *ret_set,
                                                    copse_err *err);

/** Makes `items`, in any order, a set (V1), in their place. */
void copse_interval_set_normalize(copse_interval_set *set);

/** All keys that are in any of `count` sets. NOMEM. */
COPSE_MUST_USE copse_status copse_interval_set_unite(copse_arena *arena,
                                                     const copse_interval_set *sets, size_t count,
                                                     copse_interval_set *ret_set, copse_err *err);

/** All keys that are in both. NOMEM. */
COPSE_MUST_USE copse_status copse_interval_set_intersect(copse_arena *arena,
                                                         const copse_interval_set *a,
                                                         const copse_interval_set *b,
                                                         copse_interval_set *ret_set,
                                                         copse_err *err);

/** All keys that are not in it. NOMEM. */
COPSE_MUST_USE copse_status copse_interval_set_complement(copse_arena *arena,
                                                          const copse_interval_set *set,
                                                          copse_interval_set *ret_set,
                                                          copse_err *err);

#endif
