/* The documents that a query has met, by their primary keys: so that none is given twice.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_ID_SET_H
#define COPSE_QUERY_ID_SET_H

#include <copse/buf.h>

/** A zeroed one may be released. */
typedef struct copse_id_set {
    const copse_env *env;
    size_t size_bytes_max;
    uint64_t seed[2];
    copse_buf bytes; /* of each id: its size, 2 bytes, and the id */
    uint64_t *slots; /* 0: free; else the upper half of the hash, and the offset in `bytes` + 1 */
    size_t slots_count;
    size_t count;
} copse_id_set;

/** An empty set that takes at most `size_bytes_max` bytes, and never over 4 GiB. */
void copse_id_set_init(copse_id_set *set, const copse_env *env, size_t size_bytes_max);

void copse_id_set_release(copse_id_set *set);

/** Adds `id`, of less than 64 KiB; *ret_new: it was not there. LIMIT: its maximum. NOMEM. */
COPSE_MUST_USE copse_status copse_id_set_add(copse_id_set *set, copse_bytes id, bool *ret_new,
                                             copse_err *err);

#endif
