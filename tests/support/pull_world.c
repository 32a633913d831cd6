/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/pull_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/dag_cbor.h>
#include <copse/memory_store.h>

#include "tree/tree.h"

/* ---- Values that lead to blocks ---- */

static copse_cid pull_peer_put(pull_peer *p, uint64_t codec, uint64_t number)
{
    uint8_t bytes[9] = {0x1b, 0, 0, 0, 1, 0, 0, (uint8_t)(number >> 8), (uint8_t)number};
    copse_block *block = NULL;
    assert_int_equal(copse_block_of_data(&p->world.test.env, codec,
                                         (copse_bytes){bytes, sizeof bytes}, &block, NULL),
                     COPSE_OK);
    copse_cid cid = *copse_block_cid(block);
    assert_int_equal(copse_store_put(p->world.store, &block, 1, NULL), COPSE_OK);
    copse_block_unref(block);
    return cid;
}

static void pull_peer_write_link(copse_buf *buf, const copse_cid *cid)
{
    assert_int_equal(copse_cbor_write_link(buf, (copse_bytes){cid->bytes, cid->size}), COPSE_OK);
}

/* I4: every fifth is a link, a list, or one of three that only look like it. */
static void pull_peer_make_value(pull_peer *p, size_t index)
{
    pull_linked_value *value = &p->values[index];
    copse_buf buf;
    copse_cid cid = pull_peer_put(p, COPSE_CODEC_DAG_CBOR, 100 * index);
    copse_buf_init(&buf, &p->world.test.env, sizeof value->bytes);
    if (index % 5 == 0) {
        pull_peer_write_link(&buf, &cid);
        value->cids[value->count++] = cid;
    } else if (index % 5 == 1) {
        value->count = 1 + index % PULL_LINKS_MAX;
        assert_int_equal(copse_cbor_write_array(&buf, value->count), COPSE_OK);
        for (size_t i = 0; i < value->count; i++) {
            value->cids[i] = pull_peer_put(p, COPSE_CODEC_RAW, 100 * index + i);
            pull_peer_write_link(&buf, &value->cids[i]);
        }
    } else if (index % 5 == 2) {
        copse_cid raw = pull_peer_put(p, COPSE_CODEC_RAW, 100 * index + 1);
        assert_int_equal(copse_cbor_write_array(&buf, 2), COPSE_OK);
        pull_peer_write_link(&buf, &raw);
        pull_peer_write_link(&buf, &cid);
    } else if (index % 5 == 3) {
        assert_int_equal(copse_cbor_write_map(&buf, 1), COPSE_OK);
        assert_int_equal(copse_cbor_write_text(&buf, copse_bytes_of_text("a")), COPSE_OK);
        pull_peer_write_link(&buf, &cid);
    } else {
        assert_int_equal(copse_cbor_write_array(&buf, index % 2), COPSE_OK);
        if (index % 2 == 1) {
            assert_int_equal(copse_cbor_write_uint(&buf, index), COPSE_OK);
        }
    }
    value->size = buf.len;
    memcpy(value->bytes, buf.ptr, buf.len);
    copse_buf_release(&buf);
}

void pull_peer_init(pull_peer *p)
{
    memset(p, 0, sizeof *p);
    tree_world_init(&p->world);
    for (size_t i = 0; i < PULL_LINKED_VALUES; i++) {
        pull_peer_make_value(p, i);
    }
}

void pull_peer_release(pull_peer *p)
{
    tree_world_release(&p->world);
}

void pull_peer_link_some(pull_peer *p, tree_model *model, uint64_t share, uint64_t *seed)
{
    for (size_t i = 0; i < model->count; i++) {
        if (test_random_below(seed, share) == 0) {
            const pull_linked_value *value =
                &p->values[test_random_below(seed, PULL_LINKED_VALUES)];
            tree_key key = {.len = model->entries[i].key.len};
            memcpy(key.bytes, model->entries[i].key.ptr, key.len);
            tree_model_put(model, tree_key_view(&key), (copse_bytes){value->bytes, value->size});
        }
    }
}

/* ---- What must be here ---- */

bool pull_is_within(copse_bytes key, const copse_pull_range *range)
{
    return copse_bytes_compare(key, range->from) >= 0 &&
           (range->to == NULL || copse_bytes_compare(key, *range->to) < 0);
}

/* The nodes that hold keys of the range, or would. */
static void pull_reach_nodes(cid_set *set, copse_tree *tree, copse_node *node, size_t depth,
                             const copse_pull_range *range, const copse_bytes *bound)
{
    (void)cid_set_add(set, copse_block_cid(node->block));
    for (uint32_t i = 0; !node->leaf && i < node->count; i++) {
        copse_bytes next = i + 1 < node->count ? copse_node_key(node, i + 1) : (copse_bytes){0};
        const copse_bytes *end = i + 1 < node->count ? &next : bound;
        bool is_before = end != NULL && copse_bytes_compare(*end, range->from) <= 0;
        bool is_behind =
            range->to != NULL && copse_bytes_compare(copse_node_key(node, i), *range->to) >= 0;
        copse_node *child;
        if (is_before || is_behind) {
            continue;
        }
        assert_int_equal(copse_tree_load_child(tree, node, depth, i, NULL, &child, NULL), COPSE_OK);
        pull_reach_nodes(set, tree, child, depth + 1, range, end);
        copse_node_unref(tree->env, child);
    }
}

void pull_reach(const pull_peer *p, cid_set *set, const tree_model *model, copse_tree *tree,
                const copse_pull_range *range)
{
    copse_node *top;
    assert_int_equal(copse_tree_load_top(tree, &top, NULL), COPSE_OK);
    pull_reach_nodes(set, tree, top, 0, range, NULL);
    copse_node_unref(tree->env, top);
    for (size_t i = 0; i < model->count; i++) {
        for (size_t k = 0; k < PULL_LINKED_VALUES && pull_is_within(model->entries[i].key, range);
             k++) {
            const pull_linked_value *value = &p->values[k];
            bool same = copse_bytes_equal(model->entries[i].value,
                                          (copse_bytes){value->bytes, value->size});
            for (size_t j = 0; same && j < value->count; j++) {
                (void)cid_set_add(set, &value->cids[j]);
            }
        }
    }
}

size_t pull_count_missing(const cid_set *set, const cid_set *from)
{
    size_t missing = 0;
    for (size_t i = 0; i < set->capacity; i++) {
        missing += set->slots[i].size != 0 && !cid_set_has(from, &set->slots[i]);
    }
    return missing;
}

/* ---- The replica ---- */

void pull_replica_open(pull_replica *r)
{
    assert_int_equal(copse_source_new(&r->test.env, r->store, &r->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(&r->test.env, r->source, &r->cache, NULL), COPSE_OK);
}

void pull_replica_close(pull_replica *r)
{
    r->cache = copse_node_cache_free(r->cache);
    r->source = copse_source_free(r->source);
}

void pull_replica_init(pull_replica *r, size_t wants_max)
{
    *r = (pull_replica){.budget = SIZE_MAX};
    test_env_init(&r->test);
    test_env_init(&r->blocks);
    r->test.env.limits.wants_max = wants_max;
    assert_int_equal(copse_memory_store_new(&r->blocks.env, &r->store, NULL), COPSE_OK);
    pull_replica_open(r);
}

void pull_replica_reset(pull_replica *r)
{
    for (size_t i = 0; i < r->fetched.capacity; i++) {
        if (r->fetched.slots[i].size != 0) {
            (void)cid_set_add(&r->had, &r->fetched.slots[i]);
        }
    }
    cid_set_release(&r->fetched);
    r->rounds = 0;
    r->budget = SIZE_MAX;
}

void pull_replica_release(pull_replica *r)
{
    pull_replica_close(r);
    r->store = copse_store_close(r->store);
    cid_set_release(&r->had);
    cid_set_release(&r->fetched);
    test_env_assert_empty(&r->test);
    test_env_assert_empty(&r->blocks);
}

void pull_replica_fetch(pull_replica *r, copse_store *from)
{
    size_t count;
    const copse_cid *wants = copse_source_wants(r->source, &count);
    assert_in_range(count, 1, r->test.env.limits.wants_max);
    r->rounds++;
    for (size_t i = 0; i < count && r->budget > 0; i++, r->budget--) {
        copse_block *block;
        assert_false(cid_set_has(&r->had, &wants[i]));
        assert_true(cid_set_add(&r->fetched, &wants[i]));
        assert_int_equal(copse_store_get(from, &wants[i], &block, NULL), COPSE_OK);
        assert_int_equal(copse_store_put(r->store, &block, 1, NULL), COPSE_OK);
        copse_block_unref(block);
    }
}

copse_tree *pull_replica_tree(pull_replica *r, const pull_peer *p, const copse_cid *root)
{
    pull_replica counts = *r;
    copse_tree *tree = NULL;
    copse_status status;
    r->had = r->fetched = (cid_set){0};
    r->budget = SIZE_MAX;
    while ((status = copse_tree_open(r->cache, root, &tree, NULL)) == COPSE_WANT) {
        pull_replica_fetch(r, p->world.store);
    }
    assert_int_equal(status, COPSE_OK);
    cid_set_release(&r->fetched);
    r->had = counts.had;
    r->fetched = counts.fetched;
    r->rounds = counts.rounds;
    r->budget = counts.budget;
    return tree;
}

/* I7: a WANT that nothing was supplied for comes again. */
static void pull_assert_wants_again(pull_replica *r, copse_pull *pull)
{
    size_t count;
    size_t again;
    const copse_cid *wants = copse_source_wants(r->source, &count);
    copse_cid *copy = malloc(count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, wants, count * sizeof *copy);
    assert_int_equal(copse_pull_next(pull, NULL), COPSE_WANT);
    wants = copse_source_wants(r->source, &again);
    assert_int_equal(count, again);
    assert_memory_equal(copy, wants, count * sizeof *copy);
    free(copy);
}

bool pull_replica_run(pull_replica *r, const pull_peer *p, copse_pull *pull)
{
    copse_status status;
    copse_pull_stats last = {0};
    while ((status = copse_pull_next(pull, NULL)) != COPSE_END) {
        copse_pull_stats stats = copse_pull_get_stats(pull);
        assert_true(stats.entries <= stats.entries_total);
        assert_true(stats.entries_same <= stats.entries);
        assert_true(stats.linked >= last.linked);
        last = stats;
        if (status == COPSE_WANT) {
            pull_assert_wants_again(r, pull);
            pull_replica_fetch(r, p->world.store);
        } else {
            assert_int_equal(status, COPSE_OK);
        }
        if (r->budget == 0) {
            return false;
        }
    }
    return true;
}

bool pull_replica_pull(pull_replica *r, const pull_peer *p, const copse_cid *before,
                       const copse_cid *after, const copse_pull_options *options,
                       copse_pull_stats *ret_stats)
{
    copse_pull *pull = NULL;
    copse_tree *old = before != NULL ? pull_replica_tree(r, p, before) : NULL;
    copse_tree *new = pull_replica_tree(r, p, after);
    assert_int_equal(copse_pull_new(old, new, options, &pull, NULL), COPSE_OK);
    bool ended = pull_replica_run(r, p, pull);
    *ret_stats = copse_pull_get_stats(pull);
    copse_pull_free(pull);
    copse_tree_close(old);
    copse_tree_close(new);
    return ended;
}

void pull_assert_fetched(const pull_replica *r, const cid_set *needed)
{
    for (size_t i = 0; i < r->fetched.capacity; i++) {
        assert_true(r->fetched.slots[i].size == 0 || cid_set_has(needed, &r->fetched.slots[i]));
    }
    assert_int_equal(r->fetched.count, pull_count_missing(needed, &r->had));
}
