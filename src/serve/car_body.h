/* The body of an answer that is a CARv1: made from the store while it is sent.
 *
 *   Y1  Sections stand in the order of their CIDs in the list, or of a DAG: first the blocks that
 *       the path to it leads through, then depth first, links in the order in which they stand; or
 *       in which somebody else gives the blocks.
 *   Y2  A block of the path or the DAG that is missing, or whose links can't be followed here
 *       (DAG-JSON), ends the body with a failure, so that the answer is cut: a CAR that ends is
 *       whole. Of a list, what is missing is left out.
 *   Y3  Identity CIDs have no sections.
 *   Y4  Memory: one block, the CIDs of the path, the links on the way to the present block, and 32
 *       to 96 bytes a distinct block that was sent; all from the server's budget. Where that ends,
 *       the answer is cut.
 *   Y5  A DAG may have exponentially more paths than blocks, as commits do: with duplicates, an
 *       answer is cut when it has 16,384 sections more than 16 times its distinct blocks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_CAR_BODY_H
#define COPSE_SERVE_CAR_BODY_H

#include "net/http_server.h"

#include <copse/sys/store.h>

/** What is sent. */
typedef enum copse_car_scope {
    COPSE_CAR_SCOPE_BLOCK, /**< The block at the end of the path alone. */
    COPSE_CAR_SCOPE_ALL    /**< All that it leads to. */
} copse_car_scope;

/** Makes the body of a CAR of the DAG that a path leads to. `cids` (copse_cid after copse_cid) are
 * the blocks on the path, the last one begins the DAG, and is the CAR's root; it is taken over and
 * zeroed on OK. `blocks_sent` counts on. The answer's length becomes unknown. NOMEM: the answer has
 * no body. */
COPSE_MUST_USE copse_status copse_car_body_of_dag(const copse_env *env, copse_store *store,
                                                  copse_buf *cids, copse_car_scope scope,
                                                  bool duplicates, uint64_t *blocks_sent,
                                                  copse_http_answer *answer, copse_err *err);

/** Makes the body of a CAR of the blocks of a list (copse_cid after copse_cid), which it takes over
 * and zeroes on OK; its root is the marker for none. Each CID is sent once. Statuses as above. */
COPSE_MUST_USE copse_status copse_car_body_of_list(const copse_env *env, copse_store *store,
                                                   copse_buf *cids, uint64_t *blocks_sent,
                                                   copse_http_answer *answer, copse_err *err);

/** Blocks of the maker's choice, one after the other. */
typedef struct copse_car_blocks {
    /** OK: *ret_block with a reference. END: the CAR is whole. A failure cuts it. */
    copse_status (*next)(void *ctx, copse_block **ret_block, copse_err *err);
    void (*free)(void *ctx);
    void *ctx;
} copse_car_blocks;

/** Makes the body of a CAR with the root `root` of the blocks that `blocks` gives, which it takes
 * over on OK. Statuses as above. */
COPSE_MUST_USE copse_status copse_car_body_of_blocks(const copse_env *env, const copse_cid *root,
                                                     const copse_car_blocks *blocks,
                                                     uint64_t *blocks_sent,
                                                     copse_http_answer *answer, copse_err *err);

#endif
