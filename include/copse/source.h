/* A source: the blocks that an operation may use now, and the list of those that it lacks.
 *
 * The core never waits. An operation reads through a source: first among the blocks that were
 * supplied to it, then in a store. What is in neither goes on the want list, and the operation
 * returns COPSE_WANT. The driver fetches the wanted blocks from wherever it likes, supplies them
 * (or puts them into the store), and calls the operation again:
 *
 *     while ((status = copse_tree_get(tree, key, &value, &err)) == COPSE_WANT) {
 *         wants = copse_source_wants(source, &count);
 *         for each: fetch bytes from a peer; copse_source_supply(source, &wants[i], bytes, &err);
 *     }
 *
 * Supplied blocks are verified against their CID and stay pinned until copse_source_unpin, so that
 * a bounded cache as the store can't make an operation fetch for ever. The want list is cleared
 * when an operation that reads through the source begins.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SOURCE_H
#define COPSE_SOURCE_H

#include <copse/block.h>
#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_source copse_source;

/** Makes a source over `store`, which must outlive it; NULL: only supplied blocks. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_source_new(const copse_env *env, copse_store *store,
                                                       copse_source **ret_source, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_source *copse_source_free(copse_source *source);

/** The CIDs that the last operation wanted, distinct, most urgent first: those that it could not go
 * on without in the order in which it met them, then its hints. Supplying a block leaves the list
 * as it is; it is valid until the next operation that reads through the source, or until the source
 * is freed. NULL if the count is 0. */
COPSE_API const copse_cid *copse_source_wants(const copse_source *source, size_t *ret_count);

/** Hands over a fetched block: verified, copied, pinned. OK also if it is pinned already. CORRUPT:
 * the bytes don't hash to the CID (ask another peer); the block stays wanted. LIMIT: the block is
 * larger than limits.foreign_size_bytes_max, or limits.pinned_size_bytes_max (blocks with their
 * headers) would be passed. MISUSE: no source or CID, or a hash that Copse doesn't compute. NOMEM.
 * `cid` may point into the want list. */
COPSE_API COPSE_MUST_USE copse_status copse_source_supply(copse_source *source,
                                                          const copse_cid *cid, copse_bytes data,
                                                          copse_err *err);

/** As copse_source_supply, but takes a reference to a block that is known to be right. */
COPSE_API COPSE_MUST_USE copse_status copse_source_supply_block(copse_source *source,
                                                                copse_block *block, copse_err *err);

/** Lets go of all supplied blocks and of the memory for them: call it when the operation they were
 * for has ended. */
COPSE_API void copse_source_unpin(copse_source *source);

/* For operations that read through a source (extenders). */

/** Begins an operation: clears the want list. Not inside of one that is made of several. */
COPSE_API void copse_source_begin(copse_source *source);

/** Begins an operation that is made of several, which may be made of several too: until
 * copse_source_end_several, what all of them want stands on one list, so that a driver fetches it
 * at once. */
COPSE_API void copse_source_begin_several(copse_source *source);
COPSE_API void copse_source_end_several(copse_source *source);

/** Gets a block: OK with a reference for the caller, WANT (its CID is now on the want list, before
 * all hints; if the list is full, in place of the last hint, and if it is full of such CIDs, not),
 * or the store's CORRUPT, IO, NOMEM. *ret_block is set on OK only. A limits.wants_max of 0 counts
 * as 1. */
COPSE_API COPSE_MUST_USE copse_status copse_source_get(copse_source *source, const copse_cid *cid,
                                                       copse_block **ret_block, copse_err *err);

/** Asks for a block that will soon be needed: puts it on the want list if it is not present and
 * the list is not full (limits.wants_max). OK, NOMEM, or the store's failure. */
COPSE_API COPSE_MUST_USE copse_status copse_source_hint(copse_source *source, const copse_cid *cid,
                                                        copse_err *err);

COPSE_EXTERN_C_END

#endif
