/* The store interface: where blocks are kept. For extenders: a backend or a decorator fills in
 * copse_store_ops; everybody else calls the copse_store_* functions below, which check arguments.
 *
 * Rules for every implementation:
 *   S1  A block that was put is found by get, get_many, has and iterate until it is removed. S2
 *       get answers NOT_FOUND only if the block is known not to be there, CORRUPT if what is
 *       there can't be the block, IO if the store could not look; these never stand for one
 *       another. S3 put of a block that is already there does nothing and is OK. A put of
 *       several blocks may have stored some of them when it fails; no block is ever half
 *       stored.
 *   S4  Blocks that put has accepted are durable when flush has returned OK.
 *   S5  Returned blocks stay valid as long as their reference, also after close.
 *   S6  A store belongs to one thread unless its maker says otherwise. Blocks may be shared.
 *   S7  A decorator (a store made over another) owns the inner one from the moment that its
 *       maker returns OK: closing the outermost closes all of them. If the maker fails, the
 *       inner store is still the caller's. The caller may keep a pointer to an inner store for
 *       as long as the decorator is open, to look at its counts, but changes it only through
 *       the decorator.
 *
 * The key of a block is its whole CID: the same bytes under another codec or version are another
 * block. docs/stores.md says how to write a store and to test it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYS_STORE_H
#define COPSE_SYS_STORE_H

#include <copse/block.h>

COPSE_EXTERN_C_BEGIN

typedef struct copse_store copse_store;

/** Called for each block of an iteration. Any status but OK stops it and is returned by iterate.
 * The block is borrowed; take a reference to keep it. The store must not be changed meanwhile. */
typedef copse_status (*copse_store_visit_fn)(void *ctx, copse_block *block, copse_err *err);

/** The slots of a store. They are called by the functions below only, which have checked the
 * arguments: the store, the outputs and the blocks are not NULL, no CID is empty, no count is 0,
 * and ret_blocks holds NULLs. All are required but get_many, has and flush, which have the
 * fallbacks named there. */
typedef struct copse_store_ops {
    /** OK: *ret_block with a reference for the caller. NOT_FOUND, CORRUPT, IO, NOMEM: untouched. */
    copse_status (*get)(copse_store *store, const copse_cid *cid, copse_block **ret_block,
                        copse_err *err);
    /** Fills ret_blocks[0..count): a reference each, NULL where the block is not there (that is no
     * failure). On a failure copse_store_get_many gives back what is set by then, so a slot simply
     * returns. Fallback: get in a loop. */
    copse_status (*get_many)(copse_store *store, const copse_cid *cids, size_t count,
                             copse_block **ret_blocks, copse_err *err);
    /** Stores the blocks (borrowed; the store takes its own references or copies). */
    copse_status (*put)(copse_store *store, copse_block *const *blocks, size_t count,
                        copse_err *err);
    /** Sets *ret_present. Fallback: get. */
    copse_status (*has)(copse_store *store, const copse_cid *cid, bool *ret_present,
                        copse_err *err);
    /** Makes all that was put durable. Fallback: OK. */
    copse_status (*flush)(copse_store *store, copse_err *err);
    /** Visits every block once, in any order. */
    copse_status (*iterate)(copse_store *store, copse_store_visit_fn visit, void *ctx,
                            copse_err *err);
    /** Removes the blocks; those that are not there are passed over. */
    copse_status (*remove)(copse_store *store, const copse_cid *cids, size_t count, copse_err *err);
    /** Frees the store. Does not flush. */
    void (*close)(copse_store *store);
} copse_store_ops;

/** The head of every store; an implementation's own struct begins with it. */
struct copse_store {
    const copse_store_ops *ops;
};

/** Gets one block: OK with a reference for the caller. NOT_FOUND, CORRUPT, IO, NOMEM, and MISUSE
 * (an argument is NULL, or the CID empty) leave *ret_block untouched. */
COPSE_API COPSE_MUST_USE copse_status copse_store_get(copse_store *store, const copse_cid *cid,
                                                      copse_block **ret_block, copse_err *err);

/** Gets `count` blocks at once: ret_blocks[i] gets a reference for the caller, or NULL where the
 * block is not there. On CORRUPT, IO, NOMEM or MISUSE every entry is NULL. A CID may occur more
 * than once. */
COPSE_API COPSE_MUST_USE copse_status copse_store_get_many(copse_store *store,
                                                           const copse_cid *cids, size_t count,
                                                           copse_block **ret_blocks,
                                                           copse_err *err);

/** Stores `count` blocks; the caller keeps its references. After a failure some of them may be
 * stored (S3). */
COPSE_API COPSE_MUST_USE copse_status copse_store_put(copse_store *store,
                                                      copse_block *const *blocks, size_t count,
                                                      copse_err *err);

/** Sets *ret_present to whether the block is there. A failure leaves it untouched. */
COPSE_API COPSE_MUST_USE copse_status copse_store_has(copse_store *store, const copse_cid *cid,
                                                      bool *ret_present, copse_err *err);

/** Makes all that was put durable (S4). After a failure it is not known what is. */
COPSE_API COPSE_MUST_USE copse_status copse_store_flush(copse_store *store, copse_err *err);

/** Calls `visit` for every block, once each, in any order. Returns OK, the first status but OK that
 * `visit` returned, or the store's failure. */
COPSE_API COPSE_MUST_USE copse_status copse_store_iterate(copse_store *store,
                                                          copse_store_visit_fn visit, void *ctx,
                                                          copse_err *err);

/** Removes the blocks; those that are not there are passed over. After a failure some of them may
 * be gone. References that callers hold stay good (S5). */
COPSE_API COPSE_MUST_USE copse_status copse_store_remove(copse_store *store, const copse_cid *cids,
                                                         size_t count, copse_err *err);

/** Closes the store and those that it owns (S7), without flushing; NULL is allowed. Returns NULL.
 */
COPSE_API copse_store *copse_store_close(copse_store *store);

COPSE_EXTERN_C_END

#endif
