/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/node_cache.h"

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/siphash.h"
#include "block/block.h"

#include <string.h>

copse_status copse_node_cache_new(const copse_env *env, copse_source *source,
                                  copse_node_cache **ret_cache, copse_err *err)
{
    copse_node_cache *cache = copse_alloc(env, sizeof *cache);
    if (cache == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *cache = (copse_node_cache){.env = env, .source = source};
    if (env->random == NULL ||
        env->random(env->random_ctx, cache->seed, sizeof cache->seed) != COPSE_OK) {
        cache->seed[0] = (uint64_t)(uintptr_t)cache; /* better than a constant */
    }
    *ret_cache = cache;
    return COPSE_OK;
}

copse_node_cache *copse_node_cache_free(copse_node_cache *cache)
{
    if (cache == NULL) {
        return NULL;
    }
    copse_node_unref(cache->env, cache->lent);
    for (size_t i = 0; cache->slots != NULL && i <= cache->slots_mask; i++) {
        copse_node_unref(cache->env, cache->slots[i]);
    }
    if (cache->slots != NULL) {
        copse_free_array(cache->env, cache->slots, cache->slots_mask + 1, sizeof *cache->slots);
    }
    copse_free(cache->env, cache, sizeof *cache);
    return NULL;
}

copse_source *copse_node_cache_source(const copse_node_cache *cache)
{
    return cache->source;
}

void copse_node_cache_on_touch(copse_node_cache *cache, copse_touch_fn touch, void *ctx)
{
    cache->touch = touch;
    cache->touch_ctx = ctx;
}

void copse_node_cache_lend(copse_node_cache *cache, copse_node *node)
{
    copse_node_unref(cache->env, cache->lent);
    cache->lent = node;
}

/* CIDs of foreign trees may be made up (identity hashes), so the hash is keyed. */
COPSE_INLINE size_t node_cache_slot(const copse_node_cache *cache, copse_bytes cid)
{
    return (size_t)copse_siphash(cache->seed, cid) & cache->slots_mask;
}

COPSE_INLINE copse_bytes node_cid(const copse_node *node)
{
    return (copse_bytes){node->cid.bytes, node->cid.size};
}

static copse_node *node_cache_find(const copse_node_cache *cache, copse_bytes cid,
                                   copse_tree_kind kind)
{
    if (cache->slots == NULL) {
        return NULL;
    }
    for (size_t i = node_cache_slot(cache, cid);; i = (i + 1) & cache->slots_mask) {
        copse_node *node = cache->slots[i];
        if (node == NULL) {
            return NULL;
        }
        if (node->kind == kind && copse_bytes_equal(node_cid(node), cid)) {
            return node;
        }
    }
}

static void node_cache_place(copse_node_cache *cache, copse_node *node)
{
    size_t i = node_cache_slot(cache, node_cid(node));
    while (cache->slots[i] != NULL) {
        i = (i + 1) & cache->slots_mask;
    }
    cache->slots[i] = node;
}

static copse_status node_cache_grow(copse_node_cache *cache, copse_err *err)
{
    size_t slots = cache->slots == NULL ? 64 : (cache->slots_mask + 1) * 2;
    copse_node **old = cache->slots;
    size_t old_slots = old == NULL ? 0 : cache->slots_mask + 1;
    copse_node **grown = copse_alloc_array(cache->env, slots, sizeof *grown);
    if (grown == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memset(grown, 0, slots * sizeof *grown);
    cache->slots = grown;
    cache->slots_mask = slots - 1;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i] != NULL) {
            node_cache_place(cache, old[i]);
        }
    }
    copse_free_array(cache->env, old, old_slots, sizeof *old);
    return COPSE_OK;
}

static size_t node_weight(const copse_node *node)
{
    return node->alloc_size + copse_block_data_inline(node->block).len;
}

/* Empties slot `hole` and moves back whoever was probed past it. */
static void node_cache_drop(copse_node_cache *cache, size_t hole)
{
    copse_node *node = cache->slots[hole];
    cache->count--;
    cache->size_bytes -= node_weight(node);
    copse_node_unref(cache->env, node);
    cache->slots[hole] = NULL;
    for (size_t i = (hole + 1) & cache->slots_mask; cache->slots[i] != NULL;
         i = (i + 1) & cache->slots_mask) {
        size_t home = node_cache_slot(cache, node_cid(cache->slots[i]));
        if (((i - home) & cache->slots_mask) >= ((i - hole) & cache->slots_mask)) {
            cache->slots[hole] = cache->slots[i];
            cache->slots[i] = NULL;
            hole = i;
        }
    }
}

/* The clock: nodes in use or used since the last turn stay. Two turns at most. */
static void node_cache_evict(copse_node_cache *cache)
{
    size_t limit = cache->env->limits.node_cache_bytes_max;
    for (size_t steps = 2 * (cache->slots_mask + 1); cache->size_bytes > limit && steps > 0;
         steps--) {
        copse_node *node = cache->slots[cache->hand];
        if (node != NULL && node->refs == 1 && !node->used) {
            node_cache_drop(cache, cache->hand);
            continue; /* another may have moved into this slot */
        }
        if (node != NULL) {
            node->used = false;
        }
        cache->hand = (cache->hand + 1) & cache->slots_mask;
    }
}

static copse_status node_cache_decode(copse_node_cache *cache, copse_bytes cid_bytes,
                                      copse_tree_kind kind, copse_node **ret_node, copse_err *err)
{
    copse_cid cid;
    copse_block *block = NULL;
    copse_node *node = NULL;
    copse_status status = copse_cid_from_bytes(cid_bytes, &cid, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (cache->slots == NULL || cache->count >= (cache->slots_mask + 1) / 2) {
        status = node_cache_grow(cache, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    status = copse_source_get(cache->source, &cid, &block, err);
    if (status == COPSE_OK) {
        status = copse_node_parse(cache->env, block, kind, &node, err);
    }
    copse_block_unref(block);
    if (status != COPSE_OK) {
        return status;
    }
    node_cache_place(cache, node);
    cache->count++;
    cache->size_bytes += node_weight(node);
    if (cache->size_bytes > cache->env->limits.node_cache_bytes_max) {
        (void)copse_node_ref(node); /* not this one */
        node_cache_evict(cache);
        node->refs--;
    }
    *ret_node = node;
    return COPSE_OK;
}

bool copse_node_cache_has_kind(const copse_node_cache *cache, copse_bytes cid, copse_tree_kind kind)
{
    return node_cache_find(cache, cid, kind) != NULL;
}

bool copse_node_cache_has(const copse_node_cache *cache, copse_bytes cid)
{
    return copse_node_cache_has_kind(cache, cid, COPSE_TREE_OURS);
}

/* Marks the node as used, tells who wants to know, and takes a reference for the caller. */
COPSE_INLINE copse_status node_cache_hand_out(copse_node_cache *cache, copse_node *node,
                                              copse_err *err)
{
    node->used = true;
    if (COPSE_UNLIKELY(cache->touch != NULL)) {
        copse_status status = cache->touch(cache->touch_ctx, node->block, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    (void)copse_node_ref(node);
    return COPSE_OK;
}

copse_status copse_node_cache_load(copse_node_cache *cache, copse_bytes cid, copse_tree_kind kind,
                                   copse_node **ret_node, copse_err *err)
{
    copse_node *node = node_cache_find(cache, cid, kind);
    if (node == NULL) {
        copse_status status = node_cache_decode(cache, cid, kind, &node, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    copse_status status = node_cache_hand_out(cache, node, err);
    if (status == COPSE_OK) {
        *ret_node = node;
    }
    return status;
}

copse_status copse_node_cache_load_child(copse_node_cache *cache, copse_node *parent,
                                         uint32_t index, copse_node **ret_node, copse_err *err)
{
    copse_node *child = parent->children[index];
    if (COPSE_UNLIKELY(child == NULL)) {
        copse_status status =
            copse_node_cache_load(cache, copse_node_link(parent, index), parent->kind, &child, err);
        if (status == COPSE_OK) {
            copse_node_remember_child(parent, index, child);
            *ret_node = child;
        }
        return status;
    }
    copse_status status = node_cache_hand_out(cache, child, err);
    if (status == COPSE_OK) {
        *ret_node = child;
    }
    return status;
}
