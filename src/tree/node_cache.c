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
        copse_node_unref(cache->env, cache->slots[i].node);
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
COPSE_INLINE uint64_t node_cache_hash(const copse_node_cache *cache, copse_bytes cid)
{
    return copse_siphash(cache->seed, cid);
}

COPSE_INLINE copse_bytes node_cid(const copse_node *node)
{
    return (copse_bytes){node->cid.bytes, node->cid.size};
}

static copse_node *node_cache_find(const copse_node_cache *cache, copse_bytes cid, uint64_t hash,
                                   copse_tree_kind kind)
{
    if (cache->slots == NULL) {
        return NULL;
    }
    for (size_t i = (size_t)hash & cache->slots_mask;; i = (i + 1) & cache->slots_mask) {
        const copse_node_slot *slot = &cache->slots[i];
        if (slot->node == NULL) {
            return NULL;
        }
        if (slot->hash == hash && slot->node->kind == kind &&
            copse_bytes_equal(node_cid(slot->node), cid)) {
            return slot->node;
        }
    }
}

static void node_cache_place(copse_node_cache *cache, copse_node_slot slot)
{
    size_t i = (size_t)slot.hash & cache->slots_mask;
    while (cache->slots[i].node != NULL) {
        i = (i + 1) & cache->slots_mask;
    }
    cache->slots[i] = slot;
}

/* Makes room for one more. */
static copse_status node_cache_reserve(copse_node_cache *cache, copse_err *err)
{
    size_t old_slots = cache->slots == NULL ? 0 : cache->slots_mask + 1;
    if (cache->count < old_slots / 2) {
        return COPSE_OK;
    }
    size_t slots = old_slots == 0 ? 64 : old_slots * 2;
    copse_node_slot *old = cache->slots;
    copse_node_slot *grown = copse_alloc_array(cache->env, slots, sizeof *grown);
    if (grown == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memset(grown, 0, slots * sizeof *grown);
    cache->slots = grown;
    cache->slots_mask = slots - 1;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i].node != NULL) {
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
    copse_node *node = cache->slots[hole].node;
    cache->count--;
    cache->size_bytes -= node_weight(node);
    copse_node_unref(cache->env, node);
    cache->slots[hole].node = NULL;
    for (size_t i = (hole + 1) & cache->slots_mask; cache->slots[i].node != NULL;
         i = (i + 1) & cache->slots_mask) {
        size_t home = (size_t)cache->slots[i].hash & cache->slots_mask;
        if (((i - home) & cache->slots_mask) >= ((i - hole) & cache->slots_mask)) {
            cache->slots[hole] = cache->slots[i];
            cache->slots[i].node = NULL;
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
        copse_node *node = cache->slots[cache->hand].node;
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
    status = node_cache_reserve(cache, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_source_get(cache->source, &cid, &block, err);
    if (status == COPSE_OK) {
        status = copse_node_parse(cache->env, block, kind, &node, err);
    }
    copse_block_unref(block);
    if (status == COPSE_OK) {
        cache->read_bytes += node_weight(node);
        *ret_node = node;
    }
    return status;
}

/* Takes the node into the cache with the caller's reference, unless N2 forbids it. */
static void node_cache_keep(copse_node_cache *cache, copse_node *node, uint64_t hash)
{
    size_t limit = cache->env->limits.node_cache_bytes_max;
    size_t size_bytes = cache->size_bytes + node_weight(node);
    if (cache->is_passing && size_bytes > limit) {
        return;
    }
    node_cache_place(cache, (copse_node_slot){copse_node_ref(node), hash});
    cache->count++;
    cache->size_bytes = size_bytes;
    if (size_bytes > limit) {
        node_cache_evict(cache); /* not this one: it has two references */
    }
}

bool copse_node_cache_has_kind(const copse_node_cache *cache, copse_bytes cid, copse_tree_kind kind)
{
    return node_cache_find(cache, cid, node_cache_hash(cache, cid), kind) != NULL;
}

bool copse_node_cache_has(const copse_node_cache *cache, copse_bytes cid)
{
    return copse_node_cache_has_kind(cache, cid, COPSE_TREE_OURS);
}

/* Marks the node as used, and tells who wants to know. */
COPSE_INLINE copse_status node_cache_touch(copse_node_cache *cache, copse_node *node,
                                           copse_err *err)
{
    node->used = true;
    return COPSE_LIKELY(cache->touch == NULL) ? COPSE_OK
                                              : cache->touch(cache->touch_ctx, node->block, err);
}

copse_status copse_node_cache_load(copse_node_cache *cache, copse_bytes cid, copse_tree_kind kind,
                                   copse_node **ret_node, copse_err *err)
{
    uint64_t hash = node_cache_hash(cache, cid);
    copse_node *node = node_cache_find(cache, cid, hash, kind);
    copse_status status = COPSE_OK;
    if (node != NULL) {
        (void)copse_node_ref(node);
    } else {
        status = node_cache_decode(cache, cid, kind, &node, err);
        if (status != COPSE_OK) {
            return status;
        }
        node_cache_keep(cache, node, hash);
    }
    status = node_cache_touch(cache, node, err);
    if (status != COPSE_OK) {
        copse_node_unref(cache->env, node);
        return status;
    }
    *ret_node = node;
    return COPSE_OK;
}

copse_status copse_node_cache_load_child(copse_node_cache *cache, copse_node *parent,
                                         uint32_t index, copse_node **ret_node, copse_err *err)
{
    copse_node *child = parent->children[index];
    copse_status status;
    if (COPSE_UNLIKELY(child == NULL)) {
        status =
            copse_node_cache_load(cache, copse_node_link(parent, index), parent->kind, &child, err);
        if (status == COPSE_OK) {
            copse_node_remember_child(parent, index, child);
            *ret_node = child;
        }
        return status;
    }
    status = node_cache_touch(cache, child, err);
    if (status == COPSE_OK) {
        *ret_node = copse_node_ref(child);
    }
    return status;
}
