/* A node cache of one's own, over a store that may lack blocks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SPARSE_CACHE_H
#define COPSE_TESTS_SPARSE_CACHE_H

#include <copse/tree.h>

/** What was made is released with it, whatever the status of a beginning was. */
typedef struct sparse_cache {
    copse_store *store; /* NULL: the source is over another's, or over none */
    copse_source *source;
    copse_node_cache *cache;
} sparse_cache;

/** Begins over a store that outlives it; NULL: over none. NOMEM. */
copse_status sparse_cache_init(sparse_cache *sparse, const copse_env *env, copse_store *store);

/** Begins over a store of its own, which has the blocks of `from` (NULL: none). NOMEM. */
copse_status sparse_cache_init_own(sparse_cache *sparse, const copse_env *env, copse_store *from);

void sparse_cache_release(sparse_cache *sparse);

/** Puts the blocks of a store into another one, but those of the CIDs. NOMEM. */
copse_status sparse_cache_copy(copse_store *from, copse_store *to, const copse_cid *without,
                               size_t count);

#endif
