/* The inside of a block, for the hot paths of the library.
 *
 * A block made by copse_block_new is one allocation:
 *
 *     +------+------+-----+------+-----+----------- - - -
 *     | refs | size | env | data | cid | the bytes (data points here)
 *     +------+------+-----+------+-----+----------- - - -
 *
 * and one made by copse_block_new_view has a copse_block_view_tail in place of the bytes.
 *
 * Invariants:
 *   B1  Nothing but refs changes after the block was made.
 *   B2  data never points at the end of the header in a view, and always in a copy: that tells the
 *       two apart.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BLOCK_BLOCK_H
#define COPSE_BLOCK_BLOCK_H

#include <copse/block.h>

#include "base/compiler.h"

#include <stdatomic.h>
#include <string.h>

struct copse_block {
    atomic_uint_least32_t refs;
    uint32_t size; /* of the bytes: the limit on a block's size is cut to 32 bits */
    const copse_env *env;
    const uint8_t *data;
    copse_cid cid;
};

/** What stands behind the header of a view. */
typedef struct copse_block_view_tail {
    void (*release)(void *ctx);
    void *ctx;
} copse_block_view_tail;

/** As copse_block_cid. */
COPSE_INLINE const copse_cid *copse_block_cid_inline(const copse_block *block)
{
    return &block->cid;
}

/** As copse_block_data. */
COPSE_INLINE copse_bytes copse_block_data_inline(const copse_block *block)
{
    return (copse_bytes){block->data, block->size};
}

/** As copse_block_ref. */
COPSE_INLINE copse_block *copse_block_ref_inline(copse_block *block)
{
    /* A reference is always taken from one that is held, so nothing needs to be ordered. */
    (void)atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
    return block;
}

/** As copse_cid_equal. */
COPSE_INLINE bool copse_cid_equal_inline(const copse_cid *a, const copse_cid *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/** Begins a block of `size` bytes that the caller writes in place at *ret_bytes and then seals.
 * Nobody else may see it before. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_block_begin(const copse_env *env, size_t size,
                                              copse_block **ret_block, uint8_t **ret_bytes,
                                              copse_err *err);

/** Gives a begun block the CID of its bytes: CIDv1, `codec`, sha2-256. */
void copse_block_seal(copse_block *block, uint64_t codec);

/** The memory that a block stands for in a bound: its bytes and its header. */
COPSE_INLINE size_t copse_block_charge_bytes(const copse_block *block)
{
    return sizeof(copse_block) + block->size;
}

/** The text of a CID for a message, in `text`; returns `text`. */
const char *copse_block_cid_text(const copse_cid *cid, char text[COPSE_CID_TEXT_SIZE_MAX]);

/** Whether a caller's `cid` can name a block: not NULL and not a zeroed one. */
COPSE_INLINE bool copse_block_cid_is_valid(const copse_cid *cid)
{
    return cid != NULL && cid->size > 0 && cid->size <= COPSE_CID_SIZE_BYTES_MAX;
}

#endif
