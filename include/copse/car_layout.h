/* Laying a database out as a CAR that is read by ranges, on any web server.
 *
 * The file is an ordinary CARv2 with an index of all sections. What is special is the order, and
 * hints that others pass over (docs/formats/car.md):
 *
 *   - In front, within what a reader asks for first (32 KiB), stand the roots, then depth first the
 *     way to the first leaf, where a database has its catalogue, then the upper branches.
 *   - What follows is depth first, links in their order, so that what a query reads after each
 *     other lies beside each other.
 *   - Behind each block with links stands a block that says where the linked ones are.
 *
 *     copse_car_layout_new(&env, store, &commit, NULL, &layout, &err);
 *     copse_car_layout_add(layout, &commit, true, &err);   the commit alone
 *     copse_car_layout_add(layout, &tree, false, &err);    the tree, and all that it leads to
 *     copse_car_layout_write(layout, sink, &err);
 *
 * The blocks are read twice: to plan, and to write. Memory: some 200 bytes for each block, and what
 * the index of a CAR takes (car.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CAR_LAYOUT_H
#define COPSE_CAR_LAYOUT_H

#include <copse/car.h>
#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** A plan. Belongs to one thread. */
typedef struct copse_car_layout copse_car_layout;

typedef struct copse_car_layout_stats {
    uint64_t blocks;        /**< Planned, without the hints. */
    uint64_t block_bytes;   /**< Of these. */
    uint64_t payload_bytes; /**< Of the CAR, with hints. */
    uint64_t written_bytes; /**< Of the payload. */
} copse_car_layout_stats;

/** Told of each block that is planned or written. Any status but OK ends the call, which returns
 * it. */
typedef struct copse_car_layout_observer {
    copse_status (*step)(void *ctx, const copse_car_layout_stats *stats, copse_err *err);
    void *ctx;
} copse_car_layout_observer;

/** An empty plan over `store`, which with `env` must outlive it, of a CAR whose root is `root`.
 * `observer` NULL: nobody. NOMEM, the random source's failure. */
COPSE_API COPSE_MUST_USE copse_status copse_car_layout_new(
    const copse_env *env, copse_store *store, const copse_cid *root,
    const copse_car_layout_observer *observer, copse_car_layout **ret_layout, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_car_layout *copse_car_layout_free(copse_car_layout *layout);

/** Adds a block, `alone` or with all that it leads to. What was added before stays where it is; one
 * that was added alone may be added again with the rest.
 * NOT_FOUND: a block is not in the store; the message names it. CORRUPT: a block whose links can't
 * be read. MISUSE: it was written. NOMEM, LIMIT, the store's or the observer's failures. After a
 * failure it can only be freed. */
COPSE_API COPSE_MUST_USE copse_status copse_car_layout_add(copse_car_layout *layout,
                                                           const copse_cid *cid, bool alone,
                                                           copse_err *err);

COPSE_API copse_car_layout_stats copse_car_layout_get_stats(const copse_car_layout *layout);

/** Visits the blocks of the plan in their order, without the hints: for other forms than a CAR. As
 * copse_car_layout_add; or what `visit` returned. */
COPSE_API COPSE_MUST_USE copse_status copse_car_layout_visit(
    copse_car_layout *layout, copse_status (*visit)(void *ctx, copse_block *block, copse_err *err),
    void *ctx, copse_err *err);

/** Writes the CAR, from its first byte to its last. LIMIT also: the index is above
 * limits.sort_memory_bytes_max. CORRUPT: the store gives other blocks than it gave. MISUSE: it was
 * written. NOMEM; the store's, the sink's or the observer's failures. */
COPSE_API COPSE_MUST_USE copse_status copse_car_layout_write(copse_car_layout *layout,
                                                             copse_car_sink sink, copse_err *err);

COPSE_EXTERN_C_END

#endif
