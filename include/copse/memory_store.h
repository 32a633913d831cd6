/* A store in memory: a hash table of blocks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_MEMORY_STORE_H
#define COPSE_MEMORY_STORE_H

#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** Makes an empty store that keeps references to the blocks put into it. It belongs to one thread;
 * the blocks may be shared. Nothing bounds it but the allocator. Its table is seeded from
 * env->random, if there is one, so that a peer who chooses CIDs can't make it slow. NOMEM, MISUSE,
 * or the random source's failure; *ret_store is then untouched. Close it with copse_store_close. */
COPSE_API COPSE_MUST_USE copse_status copse_memory_store_new(const copse_env *env,
                                                             copse_store **ret_store,
                                                             copse_err *err);

/** The number of blocks in it; 0 if `store` is not a memory store. */
COPSE_API size_t copse_memory_store_block_count(const copse_store *store);

/** The bytes of the blocks in it, without their headers and the table; 0 if `store` is not a memory
 * store. */
COPSE_API uint64_t copse_memory_store_size_bytes(const copse_store *store);

COPSE_EXTERN_C_END

#endif
