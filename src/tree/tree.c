/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/tree.h"

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/err.h"

#include <copse/builder.h>
#include <copse/dag_cbor.h>

#include <string.h>

/* ---- opening ---- */

static copse_status tree_touch(copse_node_cache *cache, copse_block *block, copse_err *err)
{
    return cache->touch != NULL ? cache->touch(cache->touch_ctx, block, err) : COPSE_OK;
}

static copse_status tree_load_block(copse_node_cache *cache, const copse_cid *cid,
                                    copse_block **ret_block, copse_err *err)
{
    copse_block *block;
    copse_status status = copse_source_get(cache->source, cid, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = tree_touch(cache, block, err);
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status;
    }
    *ret_block = block;
    return COPSE_OK;
}

static copse_status tree_decode_root(copse_bytes data, const copse_limits *limits,
                                     copse_cid *ret_config, copse_cid *ret_top, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item tuple;
    copse_cbor_item links[2] = {{0}};
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, data, limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &tuple, err);
    }
    if (status == COPSE_OK && (tuple.kind != COPSE_CBOR_ARRAY || tuple.arg != 2)) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "not the root of a tree: no tuple [config, node]");
    }
    for (size_t i = 0; status == COPSE_OK && i < 2; i++) {
        status = copse_cbor_next(&reader, &links[i], err);
        if (status == COPSE_OK && links[i].kind != COPSE_CBOR_LINK) {
            status =
                COPSE_ERR(err, COPSE_CORRUPT, "not the root of a tree: element %zu no link", i);
        }
    }
    if (status == COPSE_OK) {
        status = copse_cid_from_bytes(links[0].bytes, ret_config, err);
    }
    if (status == COPSE_OK) {
        status = copse_cid_from_bytes(links[1].bytes, ret_top, err);
    }
    return status;
}

/* The default config is known; any other is loaded. */
static copse_status tree_load_config(copse_tree *tree, copse_err *err)
{
    copse_cid known;
    copse_block *block;
    copse_tree_config_init(&tree->config);
    copse_status status = copse_tree_config_cid(tree->env, &tree->config, &known, err);
    if (status != COPSE_OK || copse_cid_equal(&known, &tree->config_cid)) {
        return status;
    }
    status = tree_load_block(tree->cache, &tree->config_cid, &block, err);
    if (status == COPSE_OK) {
        status = copse_tree_config_decode(copse_block_data(block), &tree->env->limits, &tree->kind,
                                          &tree->config, err);
        copse_block_unref(block);
    }
    return status;
}

/* Trees of ours have one root: no other codec or hash may stand for the same blocks. */
static copse_status tree_check_links(const copse_tree *tree, copse_err *err)
{
    static const uint8_t prefix[] = {1, COPSE_CODEC_DAG_CBOR, COPSE_HASH_SHA2_256, 32};
    const copse_cid *cids[] = {&tree->root, &tree->config_cid, &tree->top};
    static const char *const names[] = {"root", "link to the config", "link to the top node"};
    for (size_t i = 0; tree->kind == COPSE_TREE_OURS && i < 3; i++) {
        if (cids[i]->size != COPSE_CID_SHA2_256_SIZE_BYTES ||
            memcmp(cids[i]->bytes, prefix, sizeof prefix) != 0) {
            return COPSE_ERR(err, COPSE_CORRUPT,
                             "the tree's %s is not a CIDv1 of dag-cbor and sha2-256", names[i]);
        }
    }
    return COPSE_OK;
}

copse_status copse_tree_open(copse_node_cache *cache, const copse_cid *root, copse_tree **ret_tree,
                             copse_err *err)
{
    copse_block *block;
    copse_source_begin(cache->source);
    copse_status status = tree_load_block(cache, root, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_tree *tree = copse_alloc(cache->env, sizeof *tree);
    if (tree == NULL) {
        copse_block_unref(block);
        return COPSE_ERR_NOMEM(err);
    }
    *tree = (copse_tree){.env = cache->env, .cache = cache, .root = *root};
    status = tree_decode_root(copse_block_data(block), &cache->env->limits, &tree->config_cid,
                              &tree->top, err);
    copse_block_unref(block);
    if (status == COPSE_OK) {
        status = tree_load_config(tree, err);
    }
    if (status == COPSE_OK) {
        status = tree_check_links(tree, err);
    }
    if (status != COPSE_OK) {
        copse_tree_close(tree);
        return status;
    }
    *ret_tree = tree;
    return COPSE_OK;
}

copse_status copse_tree_open_known(copse_node_cache *cache, const copse_tree_config *config,
                                   const copse_cid *config_cid, const copse_cid *root,
                                   const copse_cid *top, copse_tree **ret_tree, copse_err *err)
{
    copse_tree *tree = copse_alloc(cache->env, sizeof *tree);
    if (tree == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *tree = (copse_tree){.env = cache->env,
                         .cache = cache,
                         .config = *config,
                         .config_cid = *config_cid,
                         .root = *root,
                         .top = *top};
    *ret_tree = tree;
    return COPSE_OK;
}

copse_tree *copse_tree_close(copse_tree *tree)
{
    if (tree != NULL) {
        copse_free(tree->env, tree, sizeof *tree);
    }
    return NULL;
}

copse_status copse_tree_root_block(const copse_env *env, const copse_cid *config_cid,
                                   const copse_cid *top, copse_block **ret_block, copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, env, env->limits.block_size_bytes_max);
    copse_status status = copse_cbor_write_array(&buf, 2);
    if (status == COPSE_OK) {
        status = copse_cbor_write_link(&buf, (copse_bytes){config_cid->bytes, config_cid->size});
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_link(&buf, (copse_bytes){top->bytes, top->size});
    }
    if (status == COPSE_OK) {
        status =
            copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), ret_block, err);
    } else {
        status = COPSE_ERR(err, status, "no memory for the root of a tree");
    }
    copse_buf_release(&buf);
    return status;
}

copse_status copse_tree_config_block(const copse_env *env, const copse_tree_config *config,
                                     copse_block **ret_block, copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, env, env->limits.block_size_bytes_max);
    copse_status status = copse_tree_config_encode(config, &buf, err);
    if (status == COPSE_OK) {
        status =
            copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), ret_block, err);
    }
    copse_buf_release(&buf);
    return status;
}

copse_status copse_tree_config_stored(const copse_env *env, const copse_tree_config *config,
                                      copse_block **ret_block, copse_err *err)
{
    copse_tree_config known;
    copse_tree_config_init(&known);
    if (memcmp(&known, config, sizeof known) == 0) {
        *ret_block = NULL;
        return COPSE_OK;
    }
    return copse_tree_config_block(env, config, ret_block, err);
}

const copse_cid *copse_tree_root(const copse_tree *tree)
{
    return &tree->root;
}

const copse_cid *copse_tree_top(const copse_tree *tree)
{
    return &tree->top;
}

copse_node_cache *copse_tree_cache(const copse_tree *tree)
{
    return tree->cache;
}

copse_status copse_tree_require_ours(const copse_tree *tree, const char *what, copse_err *err)
{
    if (tree->kind != COPSE_TREE_OURS) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "%s needs a tree that Copse wrote; this one is foreign: scan it and build "
                         "a new tree",
                         what);
    }
    return COPSE_OK;
}

copse_status copse_tree_get_config(const copse_tree *tree, copse_tree_config *ret_config,
                                   copse_err *err)
{
    copse_status status = copse_tree_require_ours(tree, "the config", err);
    if (status == COPSE_OK) {
        *ret_config = tree->config;
    }
    return status;
}

/* ---- going down ---- */

static copse_status tree_corrupt(const copse_node *node, const char *what, copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_cid_to_text(copse_block_cid(node->block), COPSE_BASE32, text);
    return COPSE_ERR(err, COPSE_CORRUPT, "node %s: %s", text, what);
}

copse_status copse_tree_check_node(const copse_tree *tree, const copse_node *node, copse_err *err)
{
    if (tree->kind != COPSE_TREE_OURS) {
        return COPSE_OK;
    }
    if (COPSE_UNLIKELY(node->key_size_max > copse_tree_config_key_size_max(&tree->config))) {
        return tree_corrupt(node, "a key is longer than its config allows", err);
    }
    if (COPSE_UNLIKELY(node->ahead_max > tree->config.size_bytes_max / 2 + 1)) {
        return tree_corrupt(node, "an ahead is larger than a forced cut can look", err);
    }
    return COPSE_OK;
}

/* P4 and P5 */
static copse_status tree_check_depth(copse_tree *tree, const copse_node *node, size_t depth,
                                     copse_err *err)
{
    if (depth >= COPSE_TREE_LEVELS_MAX || depth >= tree->env->limits.tree_levels_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a tree of more than %zu levels", depth);
    }
    if (node->leaf && tree->height == 0) {
        tree->height = depth + 1;
        tree->empty = node->count == 0;
    }
    if (tree->height != 0 && node->leaf != (depth + 1 == tree->height)) {
        return tree_corrupt(node, "leaves stand at different depths", err);
    }
    if (depth > 0 && tree->kind == COPSE_TREE_OURS && node->count < (node->leaf ? 1u : 2u)) {
        return tree_corrupt(node, "a node below the top is too small", err);
    }
    return copse_tree_check_node(tree, node, err);
}

copse_status copse_tree_load_top(copse_tree *tree, copse_node **ret_node, copse_err *err)
{
    copse_node *node;
    copse_status status = copse_node_cache_load(
        tree->cache, (copse_bytes){tree->top.bytes, tree->top.size}, tree->kind, &node, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = tree_check_depth(tree, node, 0, err);
    if (status == COPSE_OK && !node->leaf && node->count < 2 && tree->kind == COPSE_TREE_OURS) {
        status = tree_corrupt(node, "a top branch of one child", err);
    }
    if (status != COPSE_OK) {
        copse_node_unref(tree->env, node);
        return status;
    }
    *ret_node = node;
    return COPSE_OK;
}

/* P1 and P2. Branches of the Go implementation hold their children's last keys. */
static copse_status tree_check_keys(const copse_node *parent, uint32_t index,
                                    const copse_bytes *bound, const copse_node *child,
                                    copse_err *err)
{
    copse_bytes named = copse_node_key(parent, index);
    if (child->count == 0) {
        return tree_corrupt(child, "an empty node below the top", err);
    }
    copse_bytes first = copse_node_key(child, 0);
    copse_bytes last = copse_node_key(child, child->count - 1);
    if (parent->kind == COPSE_TREE_GO) {
        if (!copse_bytes_equal(last, named)) {
            return tree_corrupt(child, "its last key is not its parent's key for it", err);
        }
        if (index > 0 && copse_bytes_compare(copse_node_key(parent, index - 1), first) >= 0) {
            return tree_corrupt(child, "its first key is not above its left neighbour", err);
        }
        return COPSE_OK;
    }
    if (!copse_bytes_equal(first, named)) {
        return tree_corrupt(child, "its first key is not its parent's key for it", err);
    }
    if (bound != NULL && copse_bytes_compare(last, *bound) >= 0) {
        return tree_corrupt(child, "its last key is not below its right neighbour", err);
    }
    return COPSE_OK;
}

static copse_status tree_check_child(const copse_node *parent, uint32_t index,
                                     const copse_bytes *bound, const copse_node *child,
                                     copse_err *err)
{
    bool last = index + 1 == parent->count;
    uint8_t bit = (uint8_t)(1u << (index % 8));
    if ((parent->checked[index / 8] & bit) != 0 && !(last && bound != NULL)) {
        return COPSE_OK;
    }
    copse_bytes next;
    if (!last) {
        next = copse_node_key(parent, index + 1);
        bound = &next;
    }
    copse_status status = tree_check_keys(parent, index, bound, child, err);
    if (status == COPSE_OK && parent->sums != NULL &&
        copse_node_total(child) != copse_node_child_count(parent, index)) {
        status = tree_corrupt(child, "its entries are not as many as its parent counts", err);
    }
    if (status == COPSE_OK) {
        parent->checked[index / 8] |= bit;
    }
    return status;
}

copse_status copse_tree_load_child(copse_tree *tree, copse_node *parent, size_t depth,
                                   uint32_t index, const copse_bytes *bound, copse_node **ret_node,
                                   copse_err *err)
{
    copse_node *child;
    copse_status status = copse_node_cache_load_child(tree->cache, parent, index, &child, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = tree_check_depth(tree, child, depth + 1, err);
    if (status == COPSE_OK) {
        status = tree_check_child(parent, index, bound, child, err);
    }
    if (status != COPSE_OK) {
        copse_node_unref(tree->env, child);
        return status;
    }
    *ret_node = child;
    return COPSE_OK;
}

uint32_t copse_tree_route(const copse_tree *tree, const copse_node *parent, copse_bytes key)
{
    if (tree->kind == COPSE_TREE_GO) {
        uint32_t index = copse_node_lower(parent, key);
        return index < parent->count ? index : parent->count - 1;
    }
    uint32_t index = copse_node_upper(parent, key);
    return index > 0 ? index - 1 : 0;
}

uint32_t copse_tree_route_below(const copse_tree *tree, const copse_node *parent, copse_bytes key)
{
    uint32_t index = copse_node_lower(parent, key);
    if (tree->kind == COPSE_TREE_GO) {
        return index < parent->count ? index : parent->count - 1;
    }
    return index > 0 ? index - 1 : 0;
}

/* Where a descent stands: the node, and what bounds its keys from above. The node that the bound is
 * borrowed from is kept too. */
typedef struct tree_descent {
    copse_node *node;
    copse_node *bound_node;
    copse_bytes bound;
    size_t depth;
} tree_descent;

static void tree_descent_release(copse_tree *tree, tree_descent *descent)
{
    copse_node_unref(tree->env, descent->node);
    copse_node_unref(tree->env, descent->bound_node);
}

static copse_status tree_descend(copse_tree *tree, tree_descent *descent, uint32_t index,
                                 copse_err *err)
{
    copse_node *parent = descent->node;
    copse_node *child;
    copse_status status =
        copse_tree_load_child(tree, parent, descent->depth, index,
                              descent->bound_node != NULL ? &descent->bound : NULL, &child, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (index + 1 < parent->count) {
        copse_node_unref(tree->env, descent->bound_node);
        descent->bound_node = copse_node_ref(parent);
        descent->bound = copse_node_key(parent, index + 1);
    }
    copse_node_unref(tree->env, parent);
    descent->node = child;
    descent->depth++;
    return COPSE_OK;
}

static copse_status tree_descend_to_leaf(copse_tree *tree, copse_bytes key, tree_descent *descent,
                                         copse_err *err)
{
    copse_status status = copse_tree_load_top(tree, &descent->node, err);
    while (status == COPSE_OK && !descent->node->leaf) {
        status = tree_descend(tree, descent, copse_tree_route(tree, descent->node, key), err);
    }
    return status;
}

copse_status copse_tree_find(copse_tree *tree, copse_bytes key, copse_node **ret_leaf,
                             uint32_t *ret_index, bool *ret_found, copse_err *err)
{
    tree_descent descent = {0};
    copse_status status = tree_descend_to_leaf(tree, key, &descent, err);
    if (status == COPSE_OK) {
        copse_node *leaf = descent.node;
        uint32_t index = copse_node_lower(leaf, key);
        *ret_found = index < leaf->count && copse_bytes_equal(copse_node_key(leaf, index), key);
        *ret_index = index;
        *ret_leaf = copse_node_ref(leaf);
    }
    tree_descent_release(tree, &descent);
    return status;
}

copse_status copse_tree_find_value(copse_tree *tree, copse_bytes key, copse_arena *arena,
                                   copse_bytes *ret_value, copse_err *err)
{
    copse_node *leaf;
    uint32_t index;
    bool found;
    copse_bytes value = {NULL, 0};
    copse_status status = copse_tree_find(tree, key, &leaf, &index, &found, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (found) {
        value = copse_arena_dup(arena, copse_node_value(leaf, index));
        status = value.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    copse_node_unref(tree->env, leaf);
    if (status == COPSE_OK) {
        *ret_value = value;
    }
    return status;
}

/* Gives out entry `index` of `leaf` and keeps the leaf alive; takes over the reference. */
static void tree_lend(copse_tree *tree, copse_node *leaf, uint32_t index, copse_bytes *ret_key,
                      copse_bytes *ret_value)
{
    if (ret_key != NULL) {
        *ret_key = copse_node_key(leaf, index);
    }
    *ret_value = copse_node_value(leaf, index);
    copse_node_cache_lend(tree->cache, leaf);
}

copse_status copse_tree_get(copse_tree *tree, copse_bytes key, copse_bytes *ret_value,
                            copse_err *err)
{
    copse_node *leaf;
    uint32_t index;
    bool found;
    copse_source_begin(tree->cache->source);
    copse_status status = copse_tree_find(tree, key, &leaf, &index, &found, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!found) {
        copse_node_unref(tree->env, leaf);
        return COPSE_ERR(err, COPSE_NOT_FOUND, "no such key in the tree");
    }
    tree_lend(tree, leaf, index, NULL, ret_value);
    return COPSE_OK;
}

copse_status copse_tree_load_leaf(copse_tree *tree, copse_bytes key, copse_node **ret_leaf,
                                  copse_err *err)
{
    tree_descent descent = {0};
    copse_status status = tree_descend_to_leaf(tree, key, &descent, err);
    if (status == COPSE_OK) {
        *ret_leaf = copse_node_ref(descent.node);
    }
    tree_descent_release(tree, &descent);
    return status;
}

copse_status copse_tree_find_height(copse_tree *tree, copse_bytes key, copse_err *err)
{
    if (tree->height != 0) {
        return COPSE_OK;
    }
    tree_descent descent = {0};
    copse_status status = tree_descend_to_leaf(tree, key, &descent, err);
    tree_descent_release(tree, &descent);
    return status;
}

copse_status copse_tree_height(copse_tree *tree, size_t *ret_levels, copse_err *err)
{
    copse_source_begin(tree->cache->source);
    copse_status status = copse_tree_find_height(tree, (copse_bytes){NULL, 0}, err);
    if (status == COPSE_OK) {
        *ret_levels = tree->height;
    }
    return status;
}

/* ---- counting ---- */

static copse_status tree_require_total(const copse_node *node, copse_err *err)
{
    if (!copse_node_has_total(node)) {
        return COPSE_ERR(err, COPSE_MISUSE, "the nodes of this foreign tree have no counts");
    }
    return COPSE_OK;
}

copse_status copse_tree_count(copse_tree *tree, uint64_t *ret_count, copse_err *err)
{
    copse_node *top;
    copse_source_begin(tree->cache->source);
    copse_status status = copse_tree_load_top(tree, &top, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = tree_require_total(top, err);
    if (status == COPSE_OK) {
        *ret_count = copse_node_total(top);
    }
    copse_node_unref(tree->env, top);
    return status;
}

/* Stops early where `key` is the first key of a subtree: what is left of it is counted already. */
static copse_status tree_rank(copse_tree *tree, copse_bytes key, uint64_t *ret_rank, copse_err *err)
{
    tree_descent descent = {0};
    uint64_t rank = 0;
    copse_status status = copse_tree_load_top(tree, &descent.node, err);
    while (status == COPSE_OK) {
        copse_node *node = descent.node;
        status = tree_require_total(node, err);
        if (status != COPSE_OK) {
            break;
        }
        uint32_t below = copse_node_lower(node, key);
        if (node->leaf) {
            rank += below;
            break;
        }
        if (below == 0) {
            break;
        }
        if (below < node->count && copse_bytes_equal(copse_node_key(node, below), key)) {
            rank += node->sums[below];
            break;
        }
        rank += node->sums[below - 1];
        status = tree_descend(tree, &descent, below - 1, err);
    }
    tree_descent_release(tree, &descent);
    if (status == COPSE_OK) {
        *ret_rank = rank;
    }
    return status;
}

copse_status copse_tree_rank(copse_tree *tree, copse_bytes key, uint64_t *ret_rank, copse_err *err)
{
    copse_source_begin(tree->cache->source);
    return tree_rank(tree, key, ret_rank, err);
}

copse_status copse_tree_range_count(copse_tree *tree, copse_bytes from, const copse_bytes *to,
                                    uint64_t *ret_count, copse_err *err)
{
    uint64_t below_from = 0;
    uint64_t below_to = 0;
    copse_node *top = NULL;
    if (to != NULL && copse_bytes_compare(from, *to) >= 0) {
        *ret_count = 0;
        return COPSE_OK;
    }
    copse_source_begin(tree->cache->source);
    copse_status status = tree_rank(tree, from, &below_from, err);
    /* Asks for both paths at once. */
    if (status == COPSE_OK || status == COPSE_WANT) {
        copse_status other = COPSE_OK;
        if (to != NULL) {
            other = tree_rank(tree, *to, &below_to, err);
        } else {
            other = copse_tree_load_top(tree, &top, err);
            if (other == COPSE_OK) {
                below_to = copse_node_has_total(top) ? copse_node_total(top) : 0;
                copse_node_unref(tree->env, top);
            }
        }
        status = status == COPSE_OK || other < 0 ? other : status;
    }
    if (status == COPSE_OK) {
        *ret_count = below_to - below_from;
    }
    return status;
}

/* The child that holds entry `index` of those below `node`. */
static uint32_t tree_child_of_index(const copse_node *node, uint64_t index)
{
    uint32_t low = 0;
    uint32_t high = node->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (node->sums[middle] <= index) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

copse_status copse_tree_nth(copse_tree *tree, uint64_t index, copse_bytes *ret_key,
                            copse_bytes *ret_value, copse_err *err)
{
    tree_descent descent = {0};
    uint64_t left = index;
    copse_source_begin(tree->cache->source);
    copse_status status = copse_tree_load_top(tree, &descent.node, err);
    if (status == COPSE_OK) {
        status = tree_require_total(descent.node, err);
    }
    if (status == COPSE_OK && index >= copse_node_total(descent.node)) {
        status = COPSE_ERR(err, COPSE_NOT_FOUND, "entry %llu of %llu", (unsigned long long)index,
                           (unsigned long long)copse_node_total(descent.node));
    }
    while (status == COPSE_OK && !descent.node->leaf) {
        uint32_t child = tree_child_of_index(descent.node, left);
        left -= descent.node->sums[child];
        status = tree_descend(tree, &descent, child, err);
    }
    if (status == COPSE_OK) {
        tree_lend(tree, copse_node_ref(descent.node), (uint32_t)left, ret_key, ret_value);
    }
    tree_descent_release(tree, &descent);
    return status;
}

copse_status copse_tree_new(copse_node_cache *cache, copse_store *store,
                            const copse_tree_config *config, copse_tree **ret_tree, copse_err *err)
{
    copse_builder *builder;
    copse_cid root;
    copse_status status = copse_builder_new(cache->env, store, config, &builder, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_builder_finish(builder, &root, err);
    copse_builder_free(builder);
    return status == COPSE_OK ? copse_tree_open(cache, &root, ret_tree, err) : status;
}
