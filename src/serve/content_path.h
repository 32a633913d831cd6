/* Following a content path, /ipfs/{cid}/a/b: from block to block.
 *
 *   B1  In a DAG-CBOR block a segment is the key of a map, or the index of an array in decimal
 *       digits. In a DAG-PB block it is the name of a link. Where it comes to a link, the path goes
 *       on in the block that is linked.
 *   B2  A path may end where a block begins, and is then that block. What is inside of a block has
 *       no form of its own here, nor have folders that are spread over shards, nor blocks of other
 *       codecs: that is said, not answered.
 *   B3  At most COPSE_CONTENT_SEGMENTS_MAX segments; each costs a look through the block that it is
 *       in. Empty ones don't count.
 *
 * Source: https://specs.ipfs.tech/http-gateways/path-gateway/, "Traversing remaining path"
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_CONTENT_PATH_H
#define COPSE_SERVE_CONTENT_PATH_H

#include <copse/buf.h>
#include <copse/sys/store.h>

enum { COPSE_CONTENT_SEGMENTS_MAX = 128 };

/** Where a path ends. */
typedef enum copse_content_end {
    COPSE_CONTENT_BLOCK,  /**< With a block. */
    COPSE_CONTENT_INSIDE, /**< Inside of one, at what is no link. */
    COPSE_CONTENT_OPAQUE  /**< Before its end, in a block that can't be looked into. */
} copse_content_end;

/** A path that was followed. */
typedef struct copse_content_path {
    copse_content_end end;
    copse_block *block; /**< The last one that it led to. */
    copse_buf cids;     /**< copse_cid after copse_cid: all blocks, the root first. */
} copse_content_path;

/** Follows `text`, segments with '/' between them, percent-encoded, from the block `root`. OK: what
 * `ret_path` says; release it. NOT_FOUND: there is no such segment, or a block is not here. MISUSE:
 * no path, or B3. CORRUPT, LIMIT: a block on the way can't be read. NOMEM, or the store's. */
COPSE_MUST_USE copse_status copse_content_path_follow(const copse_env *env, copse_store *store,
                                                      copse_block *root, copse_bytes text,
                                                      copse_content_path *ret_path, copse_err *err);

/** Frees what it holds; a zeroed one is allowed. */
void copse_content_path_release(copse_content_path *path);

/** The number of blocks on the way. */
size_t copse_content_path_count(const copse_content_path *path);

/** Number `index` of them. */
copse_cid copse_content_path_cid(const copse_content_path *path, size_t index);

#endif
