/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "block/block.h"

#include "base/alloc.h"
#include "base/err.h"

/* Checks what every maker of a block takes. */
static copse_status block_check(const copse_env *env, const copse_cid *cid, copse_bytes data,
                                copse_block **ret_block, copse_err *err)
{
    if (env == NULL || ret_block == NULL || !copse_block_cid_is_valid(cid) ||
        (data.ptr == NULL && data.len > 0)) {
        return COPSE_ERR(err, COPSE_MISUSE, "a block needs an environment, a CID and bytes");
    }
    if (data.len > env->limits.foreign_size_bytes_max || data.len > UINT32_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a block of %zu bytes is larger than the limit of %zu",
                         data.len, env->limits.foreign_size_bytes_max);
    }
    return COPSE_OK;
}

/* The header, with room for `tail_size` bytes behind it; NULL: no memory. */
static copse_block *block_alloc(const copse_env *env, const copse_cid *cid, copse_bytes data,
                                size_t tail_size)
{
    copse_block *block = copse_alloc(env, sizeof *block + tail_size);
    if (block != NULL) {
        atomic_init(&block->refs, 1);
        block->size = (uint32_t)data.len;
        block->env = env;
        block->data = data.ptr;
        block->cid = *cid;
    }
    return block;
}

copse_status copse_block_new(const copse_env *env, const copse_cid *cid, copse_bytes data,
                             copse_block **ret_block, copse_err *err)
{
    copse_status status = block_check(env, cid, data, ret_block, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_block *block = block_alloc(env, cid, data, data.len);
    if (block == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    uint8_t *bytes = (uint8_t *)(block + 1);
    if (data.len > 0) {
        memcpy(bytes, data.ptr, data.len);
    }
    block->data = bytes;
    *ret_block = block;
    return COPSE_OK;
}

copse_status copse_block_of_data(const copse_env *env, uint64_t codec, copse_bytes data,
                                 copse_block **ret_block, copse_err *err)
{
    /* Looked at before the hashing, not after. */
    if (data.ptr == NULL && data.len > 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a block needs bytes");
    }
    copse_cid cid;
    copse_cid_of_data(codec, data, &cid);
    return copse_block_new(env, &cid, data, ret_block, err);
}

copse_status copse_block_begin(const copse_env *env, size_t size, copse_block **ret_block,
                               uint8_t **ret_bytes, copse_err *err)
{
    static const copse_cid none = {0};
    if (size > env->limits.foreign_size_bytes_max || size > UINT32_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a block of %zu bytes is larger than the limit of %zu",
                         size, env->limits.foreign_size_bytes_max);
    }
    copse_block *block = block_alloc(env, &none, (copse_bytes){NULL, size}, size);
    if (block == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_bytes = (uint8_t *)(block + 1);
    block->data = *ret_bytes;
    *ret_block = block;
    return COPSE_OK;
}

void copse_block_seal(copse_block *block, uint64_t codec)
{
    copse_cid_of_data(codec, copse_block_data_inline(block), &block->cid);
}

copse_status copse_block_new_view(const copse_env *env, const copse_cid *cid, copse_bytes data,
                                  void (*release)(void *ctx), void *ctx, copse_block **ret_block,
                                  copse_err *err)
{
    copse_status status = block_check(env, cid, data, ret_block, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (release == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a view needs a function that releases its bytes");
    }
    copse_block *block = block_alloc(env, cid, data, sizeof(copse_block_view_tail));
    if (block == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *(copse_block_view_tail *)(void *)(block + 1) = (copse_block_view_tail){release, ctx};
    *ret_block = block;
    return COPSE_OK;
}

copse_block *copse_block_ref(copse_block *block)
{
    return copse_block_ref_inline(block);
}

copse_block *copse_block_unref(copse_block *block)
{
    if (block == NULL || atomic_fetch_sub_explicit(&block->refs, 1, memory_order_acq_rel) != 1) {
        return NULL;
    }
    if (block->data == (const uint8_t *)(block + 1)) {
        copse_free(block->env, block, sizeof *block + block->size);
        return NULL;
    }
    copse_block_view_tail tail = *(copse_block_view_tail *)(void *)(block + 1);
    copse_free(block->env, block, sizeof *block + sizeof tail);
    tail.release(tail.ctx);
    return NULL;
}

const copse_cid *copse_block_cid(const copse_block *block)
{
    return copse_block_cid_inline(block);
}

copse_bytes copse_block_data(const copse_block *block)
{
    return copse_block_data_inline(block);
}

copse_status copse_block_verify(const copse_block *block, copse_err *err)
{
    return copse_cid_verify(&block->cid, copse_block_data_inline(block), err);
}

const char *copse_block_cid_text(const copse_cid *cid, char text[COPSE_CID_TEXT_SIZE_MAX])
{
    (void)copse_cid_to_text(cid, COPSE_BASE32, text);
    return text;
}
