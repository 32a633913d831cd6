/* The groups of a $group that are in memory: found by key, each with its _id and the states of its
 * accumulators.
 *
 *   B1  The key of a text is its encoding; of any other value its order key (order.h), by which
 *       numbers of all kinds that are equal are one. A byte that no encoding begins with tells the
 *       two apart. The key of a long value has its hash in place of its end.
 *   B2  A group's _id is the value that was met first.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_GROUP_TABLE_H
#define COPSE_QUERY_GROUP_TABLE_H

#include "base/arena.h"

#include <copse/buf.h>

/** A group. Its states follow it in memory. */
typedef struct copse_group {
    copse_bytes key;
    copse_bytes id; /* encoded */
} copse_group;

/** A zeroed one may be released. */
typedef struct copse_group_table {
    const copse_env *env;
    uint64_t seed[2];
    size_t states_size; /* of one group, a multiple of 16 */
    copse_arena arena;
    copse_group **groups; /* in the order of their coming */
    size_t count;
    size_t capacity;
    uint64_t *slots; /* 0: free; else the upper half of the hash, and the group's number + 1 */
    size_t slots_count;
    copse_buf key; /* of the value that is looked up */
} copse_group_table;

void copse_group_table_init(copse_group_table *table, const copse_env *env, size_t states_size);

/** The states must have been released. */
void copse_group_table_release(copse_group_table *table);

/** Forgets all groups. */
void copse_group_table_clear(copse_group_table *table);

/** What it takes of memory. */
size_t copse_group_table_size(const copse_group_table *table);

/** What one more group, of this `id`, takes at most. */
size_t copse_group_table_growth(const copse_group_table *table, copse_bytes id);

/** The number of the group of `id`. NOT_FOUND: there is none. CORRUPT: no value. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_group_table_find(copse_group_table *table, copse_bytes id,
                                                   size_t *ret_number, copse_err *err);

/** Adds the group that was just looked up in vain; its states are zeroed. NOMEM; LIMIT: 4 billion
 * groups. */
COPSE_MUST_USE copse_status copse_group_table_add(copse_group_table *table, copse_bytes id,
                                                  size_t *ret_number, copse_err *err);

/** The states of a group. */
static inline uint8_t *copse_group_states(copse_group *group)
{
    return (uint8_t *)(group + 1);
}

#endif
