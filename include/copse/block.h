/* A block: immutable bytes under their CID, shared by reference counting.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BLOCK_H
#define COPSE_BLOCK_H

#include <copse/bytes.h>
#include <copse/cid.h>
#include <copse/env.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

/** Immutable; the count of references is atomic, so threads may share one. */
typedef struct copse_block copse_block;

/** Makes a block that holds a copy of `data`, with one reference. Does not hash: the caller says
 * that `data` belongs to `cid` (see copse_block_verify). NOMEM; LIMIT if data is larger than
 * env->limits.foreign_size_bytes_max or 4 GiB; MISUSE if an argument is NULL or the CID empty. */
COPSE_API COPSE_MUST_USE copse_status copse_block_new(const copse_env *env, const copse_cid *cid,
                                                      copse_bytes data, copse_block **ret_block,
                                                      copse_err *err);

/** Makes a block of `data` under the CID that it hashes to: CIDv1, `codec`, sha2-256. Statuses as
 * copse_block_new. */
COPSE_API COPSE_MUST_USE copse_status copse_block_of_data(const copse_env *env, uint64_t codec,
                                                          copse_bytes data, copse_block **ret_block,
                                                          copse_err *err);

/** Makes a block over bytes that the caller keeps (a mapped file): `release(ctx)` is called when
 * the last reference goes, on the thread that gave it back. On failure the caller still owns
 * `ctx`. Statuses as copse_block_new. */
COPSE_API COPSE_MUST_USE copse_status copse_block_new_view(const copse_env *env,
                                                           const copse_cid *cid, copse_bytes data,
                                                           void (*release)(void *ctx), void *ctx,
                                                           copse_block **ret_block, copse_err *err);

/** Takes another reference; returns `block`. */
COPSE_API copse_block *copse_block_ref(copse_block *block);

/** Gives a reference back; frees the block with the last. NULL is allowed. Returns NULL. */
COPSE_API copse_block *copse_block_unref(copse_block *block);

/** The block's CID, valid as long as the caller's reference. */
COPSE_API const copse_cid *copse_block_cid(const copse_block *block);

/** The block's bytes, valid as long as the caller's reference. */
COPSE_API copse_bytes copse_block_data(const copse_block *block);

/** Hashes the bytes and compares them with the CID. Statuses as copse_cid_verify. */
COPSE_API COPSE_MUST_USE copse_status copse_block_verify(const copse_block *block, copse_err *err);

COPSE_EXTERN_C_END

#endif
