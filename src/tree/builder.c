/* Building from sorted entries.
 *
 * One chunker a level; the chunks of a level are the entries of the level above. Each level holds
 * back its last chunk: if what follows it at the end is a single child, the two are joined (C5).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "tree/builder.h"

#include "base/alloc.h"
#include "base/err.h"
#include "tree/chunker.h"
#include "tree/tree.h"

#include <copse/dag_cbor.h>

#include <string.h>

enum { BUILDER_PUT_BATCH = 64 };

/* A chunk that was cut and not yet given to the level above. */
typedef struct builder_held {
    copse_block *block; /* NULL: none */
    copse_buf first_key;
    uint64_t count;
    uint32_t ahead;
} builder_held;

typedef struct builder_level {
    copse_builder *builder;
    copse_chunker chunker;
    builder_held held;
    bool has_parent; /* a chunk was given to the level above */
} builder_level;

struct copse_builder {
    const copse_env *env;
    copse_store *store;
    copse_tree_config config;
    builder_level *levels[COPSE_TREE_LEVELS_MAX];
    size_t levels_count;
    uint8_t last_key[COPSE_KEY_SIZE_BYTES_MAX];
    size_t last_key_len;
    bool any; /* an entry was added */
    copse_status poisoned;
    copse_block *put[BUILDER_PUT_BATCH];
    size_t put_count;
    copse_builder_written written;
};

static copse_status builder_put_flush(copse_builder *builder, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (builder->put_count > 0) {
        status = copse_store_put(builder->store, builder->put, builder->put_count, err);
    }
    while (builder->put_count > 0) {
        copse_block_unref(builder->put[--builder->put_count]);
    }
    return status;
}

/* Takes over the reference. */
static copse_status builder_put(copse_builder *builder, copse_block *block, copse_err *err)
{
    builder->put[builder->put_count++] = block;
    builder->written.blocks++;
    builder->written.size_bytes += copse_block_data(block).len;
    return builder->put_count == BUILDER_PUT_BATCH ? builder_put_flush(builder, err) : COPSE_OK;
}

copse_builder_written copse_builder_get_written(const copse_builder *builder)
{
    return builder->written;
}

static copse_status builder_on_chunk(void *ctx, const copse_chunk *chunk, copse_err *err);

static copse_status builder_get_level(copse_builder *builder, size_t index,
                                      builder_level **ret_level, copse_err *err)
{
    if (index >= COPSE_TREE_LEVELS_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a tree of more than %d levels", COPSE_TREE_LEVELS_MAX);
    }
    if (index == builder->levels_count) {
        builder_level *level = copse_alloc_zeroed(builder->env, sizeof *level);
        if (level == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        level->builder = builder;
        copse_chunker_init(&level->chunker, builder->env, &builder->config, (uint32_t)index,
                           builder_on_chunk, level);
        copse_buf_init(&level->held.first_key, builder->env, COPSE_KEY_SIZE_BYTES_MAX);
        builder->levels[builder->levels_count++] = level;
    }
    *ret_level = builder->levels[index];
    return COPSE_OK;
}

/* Gives the chunk that is held to the level above. */
static copse_status builder_pass_up(builder_level *level, copse_err *err)
{
    builder_held *held = &level->held;
    builder_level *parent = NULL;
    copse_status status = builder_get_level(level->builder, level->chunker.level + 1, &parent, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_cid *cid = copse_block_cid(held->block);
    level->has_parent = true;
    status = copse_chunker_add_child(&parent->chunker, copse_buf_view(&held->first_key),
                                     (copse_bytes){cid->bytes, cid->size}, held->count, held->ahead,
                                     err);
    if (status == COPSE_OK) {
        copse_block *block = held->block;
        held->block = NULL;
        status = builder_put(level->builder, block, err);
    }
    return status;
}

static copse_status builder_on_chunk(void *ctx, const copse_chunk *chunk, copse_err *err)
{
    builder_level *level = ctx;
    builder_held *held = &level->held;
    if (held->block != NULL) {
        copse_status status = builder_pass_up(level, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    copse_buf_truncate(&held->first_key, 0);
    if (copse_buf_append(&held->first_key, chunk->first_key) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    held->block = copse_block_ref(chunk->block);
    held->count = chunk->count;
    held->ahead = chunk->ahead;
    return COPSE_OK;
}

copse_status copse_builder_new(const copse_env *env, copse_store *store,
                               const copse_tree_config *config, copse_builder **ret_builder,
                               copse_err *err)
{
    copse_tree_config known;
    copse_tree_config_init(&known);
    if (config == NULL) {
        config = &known;
    }
    copse_status status = copse_tree_config_check(config, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_builder *builder = copse_alloc_zeroed(env, sizeof *builder);
    if (builder == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    builder->env = env;
    builder->store = store;
    builder->config = *config;
    builder_level *leaves;
    status = builder_get_level(builder, 0, &leaves, err);
    if (status != COPSE_OK) {
        copse_builder_free(builder);
        return status;
    }
    *ret_builder = builder;
    return COPSE_OK;
}

copse_builder *copse_builder_free(copse_builder *builder)
{
    if (builder == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < builder->levels_count; i++) {
        builder_level *level = builder->levels[i];
        copse_chunker_release(&level->chunker);
        copse_block_unref(level->held.block);
        copse_buf_release(&level->held.first_key);
        copse_free(builder->env, level, sizeof *level);
    }
    while (builder->put_count > 0) {
        copse_block_unref(builder->put[--builder->put_count]);
    }
    copse_free(builder->env, builder, sizeof *builder);
    return NULL;
}

static copse_status builder_poison(copse_builder *builder, copse_status status)
{
    builder->poisoned = status;
    return status;
}

static copse_status builder_check_poison(const copse_builder *builder, copse_err *err)
{
    if (builder->poisoned != COPSE_OK) {
        return COPSE_ERR(err, builder->poisoned, "the builder failed before");
    }
    return COPSE_OK;
}

/* Whether the entry may come next. Leaves the builder as it was if not. */
static copse_status builder_check_entry(const copse_builder *builder, copse_bytes key,
                                        size_t value_len, copse_err *err)
{
    copse_status status = builder_check_poison(builder, err);
    if (status == COPSE_OK) {
        status = copse_tree_check_entry(builder->env, &builder->config, key, value_len, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (builder->any &&
        !copse_key_below(builder->last_key, builder->last_key_len, key.ptr, key.len)) {
        return COPSE_ERR(err, COPSE_MISUSE, "the key is not above the one before it");
    }
    return COPSE_OK;
}

/* Notes that an entry with this key went in, or that the builder can't go on. */
static copse_status builder_added(copse_builder *builder, copse_bytes key, copse_status status)
{
    if (status != COPSE_OK) {
        return builder_poison(builder, status);
    }
    builder->any = true;
    builder->last_key_len = key.len;
    if (key.len > 0) {
        memcpy(builder->last_key, key.ptr, key.len);
    }
    return COPSE_OK;
}

copse_status copse_builder_add_checked(copse_builder *builder, copse_bytes key, copse_bytes value,
                                       copse_err *err)
{
    copse_status status = builder_check_entry(builder, key, value.len, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_chunker_add(&builder->levels[0]->chunker, key, value, err);
    return builder_added(builder, key, status);
}

copse_status copse_builder_add(copse_builder *builder, copse_bytes key, copse_bytes value,
                               copse_err *err)
{
    copse_status status = builder_check_entry(builder, key, value.len, err);
    if (status == COPSE_OK) {
        status = copse_dag_cbor_check(value, &builder->env->limits, COPSE_CBOR_STRICT, err);
    }
    return status == COPSE_OK ? copse_builder_add_checked(builder, key, value, err) : status;
}

copse_status copse_builder_add_bytes(copse_builder *builder, copse_bytes key, copse_bytes bytes,
                                     copse_err *err)
{
    size_t head = bytes.len < 24 ? 1 : bytes.len < 256 ? 2 : bytes.len < 65536 ? 3 : 5;
    copse_status status = builder_check_entry(builder, key, head + bytes.len, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_chunker_add_bytes(&builder->levels[0]->chunker, key, bytes, err);
    return builder_added(builder, key, status);
}

/* C5: a last chunk of one child joins the chunk before it, which is held. */
static copse_status builder_join_tail(builder_level *level, copse_err *err)
{
    builder_held *held = &level->held;
    copse_node *node;
    copse_status status =
        copse_node_parse(level->builder->env, held->block, COPSE_TREE_OURS, &node, err);
    if (status == COPSE_OK) {
        status = copse_chunker_join(&level->chunker, node, held->ahead, err);
        copse_node_unref(level->builder->env, node);
    }
    held->block = copse_block_unref(held->block);
    return status;
}

/* Ends the levels from the leaves up; the last one has one node, the top. */
static copse_status builder_finish_levels(copse_builder *builder, copse_block **ret_top,
                                          copse_err *err)
{
    for (size_t i = 0;; i++) {
        builder_level *level = NULL;
        copse_status status = builder_get_level(builder, i, &level, err);
        if (status == COPSE_OK && i > 0 && level->chunker.count == 1 && level->held.block != NULL) {
            status = builder_join_tail(level, err);
        }
        if (status == COPSE_OK) {
            status = copse_chunker_flush(&level->chunker, i == 0 && !builder->any, err);
        }
        if (status != COPSE_OK) {
            return status;
        }
        if (!level->has_parent) {
            *ret_top = level->held.block;
            level->held.block = NULL;
            return COPSE_OK;
        }
        status = builder_pass_up(level, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
}

static copse_status builder_put_root(copse_builder *builder, const copse_cid *top,
                                     copse_cid *ret_root, copse_err *err)
{
    copse_cid config_cid;
    copse_block *config = NULL;
    copse_block *root = NULL;
    copse_status status = copse_tree_config_cid(builder->env, &builder->config, &config_cid, err);
    if (status == COPSE_OK) {
        status = copse_tree_config_stored(builder->env, &builder->config, &config, err);
    }
    if (status == COPSE_OK) {
        status = copse_tree_root_block(builder->env, &config_cid, top, &root, err);
    }
    if (status == COPSE_OK && config != NULL) {
        status = builder_put(builder, copse_block_ref(config), err);
    }
    if (status == COPSE_OK) {
        status = builder_put(builder, copse_block_ref(root), err);
    }
    if (status == COPSE_OK) {
        status = builder_put_flush(builder, err);
    }
    if (status == COPSE_OK) {
        *ret_root = *copse_block_cid(root);
    }
    copse_block_unref(config);
    copse_block_unref(root);
    return status;
}

copse_status copse_builder_finish(copse_builder *builder, copse_cid *ret_root, copse_err *err)
{
    copse_block *top = NULL;
    copse_status status = builder_check_poison(builder, err);
    if (status != COPSE_OK) {
        return status;
    }
    builder->poisoned = COPSE_MISUSE;
    status = builder_finish_levels(builder, &top, err);
    if (status != COPSE_OK) {
        return builder_poison(builder, status);
    }
    const copse_cid top_cid = *copse_block_cid(top);
    status = builder_put(builder, top, err);
    if (status == COPSE_OK) {
        status = builder_put_root(builder, &top_cid, ret_root, err);
    }
    return status == COPSE_OK ? status : builder_poison(builder, status);
}
