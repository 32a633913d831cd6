/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/tree_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tree/tree.h"

/* ---- sets ---- */

static copse_cid *cid_set_slot(const cid_set *set, const copse_cid *cid)
{
    uint64_t hash;
    memcpy(&hash, cid->bytes + cid->size - 8, sizeof hash);
    size_t slot = (size_t)hash & (set->capacity - 1);
    while (set->slots[slot].size != 0 && !copse_cid_equal(&set->slots[slot], cid)) {
        slot = (slot + 1) & (set->capacity - 1);
    }
    return &set->slots[slot];
}

bool cid_set_has(const cid_set *set, const copse_cid *cid)
{
    return set->capacity != 0 && cid_set_slot(set, cid)->size != 0;
}

bool cid_set_add(cid_set *set, const copse_cid *cid)
{
    if (2 * set->count >= set->capacity) {
        cid_set old = *set;
        set->capacity = old.capacity == 0 ? 64 : old.capacity * 2;
        set->slots = calloc(set->capacity, sizeof *set->slots);
        assert_non_null(set->slots);
        for (size_t i = 0; i < old.capacity; i++) {
            if (old.slots[i].size != 0) {
                *cid_set_slot(set, &old.slots[i]) = old.slots[i];
            }
        }
        free(old.slots);
    }
    copse_cid *slot = cid_set_slot(set, cid);
    bool is_new = slot->size == 0;
    *slot = *cid;
    set->count += is_new;
    return is_new;
}

void cid_set_release(cid_set *set)
{
    free(set->slots);
    *set = (cid_set){0};
}

static void pair_add_below(cid_set *set, copse_tree *tree, copse_node *node, size_t depth)
{
    (void)cid_set_add(set, copse_block_cid(node->block));
    for (uint32_t i = 0; !node->leaf && i < node->count; i++) {
        copse_node *child;
        assert_int_equal(copse_tree_load_child(tree, node, depth, i, NULL, &child, NULL), COPSE_OK);
        pair_add_below(set, tree, child, depth + 1);
        copse_node_unref(tree->env, child);
    }
}

void cid_set_add_nodes(cid_set *set, copse_tree *tree)
{
    copse_node *top;
    assert_int_equal(copse_tree_load_top(tree, &top, NULL), COPSE_OK);
    pair_add_below(set, tree, top, 0);
    copse_node_unref(tree->env, top);
}

/* Adds to `set` what is in `of` and not in `other`. */
static void pair_add_others(cid_set *set, const cid_set *of, const cid_set *other)
{
    for (size_t i = 0; i < of->capacity; i++) {
        if (of->slots[i].size != 0 && !cid_set_has(other, &of->slots[i])) {
            (void)cid_set_add(set, &of->slots[i]);
        }
    }
}

void tree_pair_differing(copse_tree *a, copse_tree *b, cid_set *set)
{
    cid_set of_a = {0};
    cid_set of_b = {0};
    cid_set_add_nodes(&of_a, a);
    cid_set_add_nodes(&of_b, b);
    pair_add_others(set, &of_a, &of_b);
    pair_add_others(set, &of_b, &of_a);
    cid_set_release(&of_a);
    cid_set_release(&of_b);
}

/* ---- variants ---- */

static void variant_put(tree_model *model, copse_bytes key, size_t size, uint64_t *seed)
{
    size_t len;
    uint8_t *value = tree_value_bytes(size, (uint8_t)test_random(seed), &len);
    tree_model_put(model, key, (copse_bytes){value, len});
    free(value);
}

/* Changes, adds or deletes `count` entries; some of them next to each other. */
static void variant_edit(tree_model *model, size_t count, tree_keys keys,
                         const copse_tree_config *config, uint64_t *seed)
{
    for (size_t i = 0; i < count; i++) {
        tree_key key;
        uint64_t what = test_random_below(seed, 4);
        if (model->count == 0 || what == 0) {
            tree_key_make(keys, config, test_random_below(seed, 50000), &key);
            variant_put(model, tree_key_view(&key), test_random_below(seed, 60), seed);
            continue;
        }
        copse_bytes at = model->entries[test_random_below(seed, model->count)].key;
        key.len = at.len;
        memcpy(key.bytes, at.ptr, at.len);
        if (what == 1) {
            tree_model_delete(model, tree_key_view(&key));
        } else {
            variant_put(model, tree_key_view(&key), test_random_below(seed, 60), seed);
        }
    }
}

/* Deletes entries [first, end). */
static void variant_cut(tree_model *model, size_t first, size_t end)
{
    tree_model rest = {0};
    for (size_t i = 0; i < model->count; i++) {
        if (i < first || i >= end) {
            tree_model_put(&rest, model->entries[i].key, model->entries[i].value);
        }
    }
    tree_model_release(model);
    *model = rest;
}

void tree_variant(tree_model *model, size_t variant, tree_keys keys,
                  const copse_tree_config *config, uint64_t *seed)
{
    size_t first = model->count > 0 ? test_random_below(seed, model->count) : 0;
    switch (variant) {
    case 1:
        if (model->count > 0) {
            copse_bytes key = model->entries[first].key;
            tree_key copy = {.len = key.len};
            memcpy(copy.bytes, key.ptr, key.len);
            variant_put(model, tree_key_view(&copy), 7, seed);
        }
        break;
    case 2:
        variant_edit(model, 5, keys, config, seed);
        break;
    case 3:
        variant_edit(model, 20 + model->count / 3, keys, config, seed);
        break;
    case 4:
        variant_cut(model, first, first + test_random_below(seed, model->count + 1));
        break;
    case 5:
        for (size_t i = 0; i < model->count; i++) {
            variant_cut(model, i, i + 1);
        }
        break;
    case 6:
        tree_model_fill(model, keys, TREE_VALUES_SMALL, config, 52000, 100, 3, seed);
        break;
    case 7:
        variant_cut(model, model->count / 10, model->count);
        break;
    case 8:
        variant_cut(model, 0, model->count);
        break;
    case 9: {
        size_t count = model->count;
        variant_cut(model, 0, count);
        tree_model_fill(model, keys, TREE_VALUES_SMALL, config, 53000, count, 1, seed);
        break;
    }
    case 10:
        for (size_t i = 0; i < 4; i++) {
            tree_key key;
            tree_key_make(keys, config, test_random_below(seed, 50000), &key);
            variant_put(model, tree_key_view(&key), 100 + test_random_below(seed, 1500), seed);
        }
        break;
    default:
        break;
    }
}

/* ---- readers ---- */

static copse_status reader_touch(void *ctx, copse_block *block, copse_err *err)
{
    tree_reader *reader = ctx;
    (void)err;
    (void)cid_set_add(&reader->read, copse_block_cid(block));
    return COPSE_OK;
}

void tree_reader_init(tree_reader *reader, const copse_env *env, copse_store *store)
{
    *reader = (tree_reader){0};
    assert_int_equal(copse_source_new(env, store, &reader->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, reader->source, &reader->cache, NULL), COPSE_OK);
    copse_node_cache_on_touch(reader->cache, reader_touch, reader);
}

void tree_reader_reset(tree_reader *reader)
{
    cid_set_release(&reader->read);
    cid_set_release(&reader->fetched);
    reader->rounds = 0;
    reader->wants_most = 0;
}

void tree_reader_release(tree_reader *reader)
{
    tree_reader_reset(reader);
    copse_node_cache_free(reader->cache);
    copse_source_free(reader->source);
}

void tree_reader_supply(tree_reader *reader, copse_store *full)
{
    size_t count;
    const copse_cid *wants = copse_source_wants(reader->source, &count);
    assert_int_not_equal(count, 0);
    for (size_t i = 0; i < count; i++) {
        copse_block *block;
        assert_true(cid_set_add(&reader->fetched, &wants[i]));
        assert_int_equal(copse_store_get(full, &wants[i], &block, NULL), COPSE_OK);
        assert_int_equal(copse_source_supply_block(reader->source, block, NULL), COPSE_OK);
        copse_block_unref(block);
    }
    reader->rounds++;
    reader->wants_most = count > reader->wants_most ? count : reader->wants_most;
}

copse_tree *tree_reader_open(tree_reader *reader, copse_store *full, const copse_cid *root)
{
    copse_tree *tree = NULL;
    copse_status status;
    while ((status = copse_tree_open(reader->cache, root, &tree, NULL)) == COPSE_WANT) {
        tree_reader_supply(reader, full);
    }
    assert_int_equal(status, COPSE_OK);
    tree_reader_reset(reader);
    return tree;
}
