/* A set of CIDs, for marking what was seen: an open hash table of 32 bytes an entry, filled to two
 * thirds. The entry of a CID with a full sha2-256 digest is that digest with the codec mixed in;
 * of any other CID, the sha2-256 of its bytes: nobody can choose one of either.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CID_SET_H
#define COPSE_CID_SET_H

#include <copse/cid.h>
#include <copse/env.h>
#include <copse/status.h>

#include <stdbool.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. A zeroed one is no set: copse_cid_set_init makes one. */
typedef struct copse_cid_set {
    const copse_env *env;
    uint8_t (*slots)[32]; /**< All zero: free. */
    size_t slots_count;   /**< A power of two, or 0. */
    size_t count;
} copse_cid_set;

/** An empty set; allocates nothing yet. */
COPSE_API void copse_cid_set_init(copse_cid_set *set, const copse_env *env);

/** Frees what it holds; it is then empty and may be used again. */
COPSE_API void copse_cid_set_release(copse_cid_set *set);

/** Adds a CID; *ret_added is false if it was there. NOMEM: the set is as
 * it was. */
COPSE_API COPSE_MUST_USE copse_status copse_cid_set_add(copse_cid_set *set, const copse_cid *cid,
                                                        bool *ret_added);

/** Whether the CID was added. */
COPSE_API bool copse_cid_set_has(const copse_cid_set *set, const copse_cid *cid);

COPSE_EXTERN_C_END

#endif
