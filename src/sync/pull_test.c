/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/pull.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/cursor.h>
#include <copse/database_check.h>

#include "doc/document_conflict.h"
#include "doc/write.h"
#include "support/database_world.h"
#include "support/fault_store.h"
#include "support/pull_world.h"
#include "tree/tree.h"

/* ---- Pairs of versions ---- */

/* Two models and their trees at a peer. */
typedef struct versions {
    pull_peer p;
    tree_model before;
    tree_model after;
    copse_tree *a;
    copse_tree *b;
} versions;

static const tree_keys key_kinds[] = {TREE_KEYS_RANDOM, TREE_KEYS_SEQUENTIAL, TREE_KEYS_SHORT};

static void versions_init(versions *v, uint64_t number, uint64_t *seed)
{
    static const size_t sizes[] = {0, 1, 3, 40, 300, 900};
    copse_tree_config config = tree_model_small_config();
    tree_keys keys = key_kinds[number % 3];
    v->before = v->after = (tree_model){0};
    pull_peer_init(&v->p);
    tree_model_fill(&v->before, keys, TREE_VALUES_SMALL, &config, 0, sizes[number % 6],
                    1 + number % 5, seed);
    pull_peer_link_some(&v->p, &v->before, 3, seed);
    tree_model_copy(&v->before, &v->after);
    tree_variant(&v->after, number % TREE_VARIANTS, keys, &config, seed);
    if (number % 2 == 1) {
        pull_peer_link_some(&v->p, &v->after, 20, seed);
    }
    v->a = tree_model_open(&v->before, &v->p.world, &config);
    v->b = tree_model_open(&v->after, &v->p.world, &config);
}

static void versions_release(versions *v)
{
    copse_tree_close(v->a);
    copse_tree_close(v->b);
    tree_model_release(&v->before);
    tree_model_release(&v->after);
    pull_peer_release(&v->p);
}

static uint64_t count_same(const versions *v)
{
    uint64_t same = 0;
    for (size_t i = 0; i < v->after.count; i++) {
        size_t at;
        same += tree_model_find(&v->before, v->after.entries[i].key, &at) &&
                copse_bytes_equal(v->before.entries[at].value, v->after.entries[i].value);
    }
    return same;
}

/* I1, I2, I5 */
static void test_versions(void **state)
{
    static const size_t wants[] = {1024, 7, 1};
    uint64_t seed = 1;
    size_t fetched = 0;
    size_t shared = 0;
    (void)state;
    for (uint64_t number = 0; number < 132; number++) {
        versions v;
        pull_replica r;
        cid_set needed = {0};
        copse_pull_stats stats;
        versions_init(&v, number, &seed);
        pull_replica_init(&r, wants[number % 3]);
        pull_reach(&v.p, &needed, &v.before, v.a, &pull_everything);
        assert_true(pull_replica_pull(&r, &v.p, NULL, copse_tree_root(v.a), NULL, &stats));
        pull_assert_fetched(&r, &needed);
        assert_int_equal(stats.entries, v.before.count);
        assert_int_equal(stats.entries_total, v.before.count);
        assert_int_equal(stats.entries_same, 0);
        size_t height;
        assert_int_equal(copse_tree_height(v.a, &height, NULL), COPSE_OK);
        assert_in_range(r.rounds, 1, height + 1 + needed.count / wants[number % 3]);
        pull_replica_reset(&r);
        cid_set_release(&needed);
        pull_reach(&v.p, &needed, &v.after, v.b, &pull_everything);
        assert_true(
            pull_replica_pull(&r, &v.p, copse_tree_root(v.a), copse_tree_root(v.b), NULL, &stats));
        pull_assert_fetched(&r, &needed);
        assert_int_equal(stats.entries, v.after.count);
        assert_int_equal(stats.entries_total, v.after.count);
        assert_int_equal(stats.entries_same, count_same(&v));
        fetched += r.fetched.count;
        shared += needed.count - r.fetched.count;
        cid_set_release(&needed);
        pull_replica_release(&r);
        versions_release(&v);
    }
    print_message("fetched %zu, here already %zu\n", fetched, shared);
    assert_true(fetched > 2000 && shared > 2000);
}

/* I3: however often it is broken off, each block is fetched once. */
static void test_broken_off(void **state)
{
    uint64_t seed = 2;
    size_t breaks = 0;
    (void)state;
    for (uint64_t number = 0; number < 66; number++) {
        versions v;
        pull_replica r;
        cid_set needed = {0};
        copse_pull_stats stats;
        bool from_older = number % 2 == 1;
        versions_init(&v, number, &seed);
        pull_replica_init(&r, number % 4 < 2 ? 1024 : 5);
        if (from_older) {
            assert_true(pull_replica_pull(&r, &v.p, NULL, copse_tree_root(v.a), NULL, &stats));
            pull_replica_reset(&r);
        }
        do {
            pull_replica_close(&r);
            pull_replica_open(&r);
            r.budget = 1 + test_random_below(&seed, 60);
            breaks++;
        } while (!pull_replica_pull(&r, &v.p, from_older ? copse_tree_root(v.a) : NULL,
                                    copse_tree_root(v.b), NULL, &stats));
        pull_reach(&v.p, &needed, &v.after, v.b, &pull_everything);
        pull_assert_fetched(&r, &needed);
        assert_int_equal(stats.entries, v.after.count);
        cid_set_release(&needed);
        pull_replica_release(&r);
        versions_release(&v);
    }
    print_message("pulls %zu\n", breaks);
    assert_true(breaks > 150);
}

/* ---- Ranges ---- */

static void assert_scans(pull_replica *r, const pull_peer *p, const tree_model *model,
                         const copse_cid *root, const copse_pull_range *range)
{
    copse_tree *tree = pull_replica_tree(r, p, root);
    copse_cursor *cursor = NULL;
    assert_int_equal(copse_cursor_new(tree, &cursor, NULL), COPSE_OK);
    assert_int_equal(copse_cursor_set_range(cursor, range->from, range->to, NULL), COPSE_OK);
    for (size_t i = 0; i < model->count; i++) {
        if (pull_is_within(model->entries[i].key, range)) {
            assert_int_equal(copse_cursor_next(cursor, NULL), COPSE_OK);
            assert_true(copse_bytes_equal(copse_cursor_value(cursor), model->entries[i].value));
        }
    }
    /* Before all keys, a cursor looks into the first leaf, which has none of the range. */
    if (range->to == NULL || tree_model_lower(model, *range->to) > 0) {
        assert_int_equal(copse_cursor_next(cursor, NULL), COPSE_END);
    }
    copse_cursor_free(cursor);
    copse_tree_close(tree);
}

static void test_ranges(void **state)
{
    uint64_t seed = 3;
    size_t left = 0;
    (void)state;
    for (uint64_t number = 0; number < 132; number++) {
        versions v;
        pull_replica r;
        cid_set needed = {0};
        cid_set all = {0};
        copse_pull_stats stats;
        copse_tree_config config = tree_model_small_config();
        tree_key keys[4];
        copse_bytes bounds[4];
        size_t inside = 0;
        versions_init(&v, number, &seed);
        pull_replica_init(&r, number % 3 == 0 ? 4 : 1024);
        for (size_t i = 0; i < 4; i++) {
            tree_key_make(key_kinds[number % 3], &config, test_random_below(&seed, 2000), &keys[i]);
            bounds[i] = tree_key_view(&keys[i]);
            for (size_t k = i; k > 0 && copse_bytes_compare(bounds[k], bounds[k - 1]) < 0; k--) {
                copse_bytes lower = bounds[k];
                bounds[k] = bounds[k - 1];
                bounds[k - 1] = lower;
            }
        }
        copse_pull_range ranges[] = {{bounds[0], &bounds[1]},
                                     {bounds[2], number % 2 == 0 ? &bounds[3] : NULL}};
        copse_pull_options options = {.ranges = ranges, .ranges_count = 2};
        assert_true(pull_replica_pull(&r, &v.p, NULL, copse_tree_root(v.a), &options, &stats));
        pull_replica_reset(&r);
        assert_true(pull_replica_pull(&r, &v.p, copse_tree_root(v.a), copse_tree_root(v.b),
                                      &options, &stats));
        for (size_t i = 0; i < 2; i++) {
            pull_reach(&v.p, &needed, &v.after, v.b, &ranges[i]);
            assert_scans(&r, &v.p, &v.after, copse_tree_root(v.b), &ranges[i]);
            for (size_t k = 0; k < v.after.count; k++) {
                inside += pull_is_within(v.after.entries[k].key, &ranges[i]);
            }
        }
        assert_int_equal(stats.entries, inside);
        assert_int_equal(stats.entries_total, inside);
        pull_assert_fetched(&r, &needed);
        pull_reach(&v.p, &all, &v.after, v.b, &pull_everything);
        left += all.count - needed.count;
        cid_set_release(&needed);
        cid_set_release(&all);
        pull_replica_release(&r);
        versions_release(&v);
    }
    print_message("outside of the ranges, not fetched: %zu\n", left);
    assert_true(left > 2000);
}

/* I5: what several ranges lack comes in the same rounds. */
static void test_rounds_of_ranges(void **state)
{
    uint64_t seed = 4;
    versions v;
    size_t height;
    (void)state;
    versions_init(&v, 4 + 6 * 11, &seed); /* 300 random keys */
    assert_int_equal(copse_tree_height(v.a, &height, NULL), COPSE_OK);
    assert_true(height >= 3);
    for (size_t count = 1; count <= 8; count++) {
        copse_pull_range ranges[8];
        uint8_t firsts[9];
        copse_bytes bounds[9];
        pull_replica r;
        copse_pull_stats stats;
        for (size_t i = 0; i <= count; i++) {
            firsts[i] = (uint8_t)(25 * i);
            bounds[i] = (copse_bytes){&firsts[i], 1};
        }
        for (size_t i = 0; i < count; i++) {
            ranges[i] = (copse_pull_range){bounds[i], &bounds[i + 1]};
        }
        pull_replica_init(&r, 1024);
        assert_true(pull_replica_pull(
            &r, &v.p, NULL, copse_tree_root(v.a),
            &(copse_pull_options){.ranges = ranges, .ranges_count = count}, &stats));
        /* The nodes' levels, then the links. */
        assert_in_range(r.rounds, height, height + count);
        pull_replica_release(&r);
    }
    versions_release(&v);
}

/* ---- Histories ---- */

/* A replica follows a peer: pulls now and then, now and then broken off, over versions that come
 * and go. What it has in the end is what it must have, and a scan agrees with the model. */
static void test_history(void **state)
{
    uint64_t seed = 5;
    size_t fetched = 0;
    (void)state;
    for (uint64_t run = 0; run < 12; run++) {
        copse_tree_config config = tree_model_small_config();
        tree_keys keys = key_kinds[run % 3];
        pull_peer p;
        pull_replica r;
        tree_model model = {0};
        copse_cid head = {0};
        pull_peer_init(&p);
        pull_replica_init(&r, run % 2 == 0 ? 1024 : 6);
        tree_model_fill(&model, keys, TREE_VALUES_SMALL, &config, 0, 200, 2, &seed);
        for (size_t step = 0; step < 24; step++) {
            cid_set needed = {0};
            copse_pull_stats stats;
            tree_variant(&model, 1 + test_random_below(&seed, 6), keys, &config, &seed);
            pull_peer_link_some(&p, &model, 15, &seed);
            copse_tree *tree = tree_model_open(&model, &p.world, &config);
            if (step % 3 == 0) {
                r.budget = test_random_below(&seed, 30);
            }
            if (r.budget > 0 && pull_replica_pull(&r, &p, head.size > 0 ? &head : NULL,
                                                  copse_tree_root(tree), NULL, &stats)) {
                head = *copse_tree_root(tree);
                assert_scans(&r, &p, &model, &head, &pull_everything);
                pull_reach(&p, &needed, &model, tree, &pull_everything);
                for (size_t i = 0; i < needed.capacity; i++) {
                    assert_true(needed.slots[i].size == 0 ||
                                cid_set_has(&r.had, &needed.slots[i]) ||
                                cid_set_has(&r.fetched, &needed.slots[i]));
                }
            }
            fetched += r.fetched.count;
            pull_replica_reset(&r);
            cid_set_release(&needed);
            copse_tree_close(tree);
        }
        pull_replica_release(&r);
        tree_model_release(&model);
        pull_peer_release(&p);
    }
    print_message("fetched %zu\n", fetched);
    assert_true(fetched > 3000);
}

/* ---- Documents ---- */

/* A link, and a list of links to raw blocks, as the chunks of a large document would be. */
#define USERS_LINKS                                                                                \
    "\"to\":{\"/\":\"bafyreifsj2t42ypgusdq22yk3v7wun57aebhq2w2fbdils72nhisbtk63a\"},"              \
    "\"all\":[{\"/\":\"bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e\"}]"

/* A conflict of posts: a large document waits, a link inside of the row; and the one side and the
 * waiting one have links of their user's, to blocks that nobody has. */
static void insert_conflict(database_world *db)
{
    char json[2048];
    copse_document_conflict conflict = {
        .sides = {{.time_ms = 1}, {.time_ms = 2}},
        .sides_count = 2,
        .waiting = {.index = copse_bytes_of_text("n")},
    };
    copse_block_list blocks = {.env = database_world_env(db)};
    copse_bytes id = database_world_value("2000");
    copse_buf value;
    copse_buf row;
    copse_buf_init(&value, blocks.env, SIZE_MAX);
    copse_buf_init(&row, blocks.env, SIZE_MAX);
    (void)snprintf(json, sizeof json, "{\"_id\":2000,%s,\"text\":\"%01500d\"}", USERS_LINKS, 5);
    copse_bytes large = database_world_value(json);
    (void)snprintf(json, sizeof json, "{\"_id\":2000,%s}", USERS_LINKS);
    copse_bytes small = database_world_value(json);
    assert_int_equal(copse_document_store(COPSE_DOCUMENTS_INLINE, large, &value, &blocks, NULL),
                     COPSE_OK);
    conflict.waiting.document = copse_buf_view(&value);
    conflict.base = small;
    conflict.sides[0].document = small;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("b"), &conflict.sides[0].commit);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("a"), &conflict.sides[1].commit);
    assert_int_equal(copse_conflict_encode(&conflict, &row, NULL), COPSE_OK);
    assert_int_equal(copse_write_put_row(db->write, COPSE_WRITE_CONFLICT_ROW,
                                         copse_bytes_of_text("posts"), id, copse_buf_view(&row),
                                         &blocks, NULL),
                     COPSE_OK);
    copse_buf_release(&value);
    copse_buf_release(&row);
    copse_block_list_release(&blocks);
    database_world_free(large);
    database_world_free(small);
    database_world_free(id);
}

/* Inline and linked documents, one in chunks, and one in a conflict: the replica checks as whole.
 */
static void test_documents(void **state)
{
    static char large[3 << 20];
    database_world db;
    pull_replica r;
    pull_peer p = {0};
    copse_pull *pull = NULL;
    const copse_pull_options options = {.slots = copse_database_row_slots};
    (void)state;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(&db, "files", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_index(&db, "files", "n", "n", "link");
    for (unsigned i = 0; i < 60; i++) {
        char json[2048];
        (void)snprintf(json, sizeof json, "{\"_id\":%u,\"n\":%u,\"text\":\"%0*u\"}", i, i % 7,
                       i % 10 == 0 ? 1500 : 10, i);
        database_world_insert(&db, i % 2 == 0 ? "posts" : "files", json);
    }
    (void)snprintf(large, sizeof large, "{\"_id\":1000,\"text\":\"%0*u\"}", (int)sizeof large - 40,
                   7u);
    database_world_insert(&db, "posts", large);
    insert_conflict(&db);
    database_world_commit(&db);
    pull_replica_init(&r, 16);
    p.world = db.world;
    copse_tree *tree = pull_replica_tree(&r, &p, copse_tree_root(db.tree));
    assert_int_equal(copse_pull_new(NULL, tree, &options, &pull, NULL), COPSE_OK);
    assert_true(pull_replica_run(&r, &p, pull));
    /* Files, their entries in the index, posts that are long, chunks, the one that waits: what is
     * in their documents is their user's (I4). */
    assert_int_equal(copse_pull_get_stats(pull).linked, 30 + 30 + 6 + 3 + 1);
    copse_database_check_stats checked;
    assert_int_equal(
        copse_database_check(&r.test.env, r.store, copse_tree_root(tree), NULL, &checked, NULL),
        COPSE_OK);
    assert_int_equal(checked.documents, 61);
    assert_int_equal(checked.defects, 0);
    copse_pull_free(pull);
    copse_tree_close(tree);
    pull_replica_release(&r);
    database_world_release(&db);
}

/* ---- Memory, failures, misuse ---- */

/* I6 */
static void test_memory(void **state)
{
    size_t peaks[2];
    uint64_t seed = 6;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        copse_tree_config config = tree_model_config(1);
        pull_peer p;
        pull_replica r;
        tree_model model = {0};
        copse_pull_stats stats;
        pull_peer_init(&p);
        tree_model_fill(&model, TREE_KEYS_SEQUENTIAL, TREE_VALUES_SMALL, &config, 0,
                        i == 0 ? 4000 : 40000, 1, &seed);
        copse_cid root = tree_model_build(&model, &p.world.test.env, p.world.store, &config);
        pull_replica_init(&r, 64);
        r.test.env.limits.node_cache_bytes_max = 64 << 10;
        pull_replica_close(&r);
        pull_replica_open(&r);
        assert_true(pull_replica_pull(&r, &p, NULL, &root, NULL, &stats));
        peaks[i] = r.test.peak_bytes;
        pull_replica_release(&r);
        tree_model_release(&model);
        pull_peer_release(&p);
    }
    print_message("peak of 4,000 entries %zu, of 40,000 %zu bytes\n", peaks[0], peaks[1]);
    assert_true(peaks[1] < peaks[0] + peaks[0] / 4);
}

/* I7: each call on the store fails once; the pull goes on, and fetches nothing twice. */
static void test_store_failures(void **state)
{
    uint64_t seed = 7;
    versions v;
    cid_set needed = {0};
    (void)state;
    versions_init(&v, 3, &seed);
    pull_reach(&v.p, &needed, &v.before, v.a, &pull_everything);
    for (uint64_t at = 0;; at++) {
        pull_replica r;
        copse_pull *pull = NULL;
        copse_status status;
        size_t failures = 0;
        pull_replica_init(&r, 8);
        copse_tree *tree = pull_replica_tree(&r, &v.p, copse_tree_root(v.a));
        copse_store *inner = r.store;
        copse_tree_close(tree);
        pull_replica_close(&r);
        copse_store *faulty = fault_store_new(&r.blocks.env, inner);
        r.store = faulty;
        pull_replica_open(&r);
        tree = pull_replica_tree(&r, &v.p, copse_tree_root(v.a));
        fault_store_fail_at(faulty, at, COPSE_IO);
        assert_int_equal(copse_pull_new(NULL, tree, NULL, &pull, NULL), COPSE_OK);
        while ((status = copse_pull_next(pull, NULL)) != COPSE_END) {
            failures += status == COPSE_IO;
            if (status == COPSE_WANT) {
                r.store = inner;
                pull_replica_fetch(&r, v.p.world.store);
                r.store = faulty;
            }
        }
        pull_assert_fetched(&r, &needed);
        bool came = fault_store_has_failed(faulty);
        assert_int_equal(failures, came ? 1 : 0);
        copse_pull_free(pull);
        copse_tree_close(tree);
        pull_replica_release(&r);
        if (!came) {
            print_message("%llu calls\n", (unsigned long long)at);
            assert_true(at > 20);
            break;
        }
    }
    cid_set_release(&needed);
    versions_release(&v);
}

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    versions *v = ctx;
    copse_env limited = *env;
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    copse_tree *a = NULL;
    copse_tree *b = NULL;
    copse_pull *pull = NULL;
    copse_bytes to = {(const uint8_t *)"\x80", 1};
    copse_pull_range ranges[] = {{{NULL, 0}, &to}, {to, NULL}};
    limited.limits.wants_max = 16;
    copse_status status = copse_source_new(&limited, NULL, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_node_cache_new(&limited, source, &cache, NULL);
    }
    while (status == COPSE_OK || status == COPSE_WANT) {
        size_t count = 0;
        const copse_cid *wants = copse_source_wants(source, &count);
        for (size_t i = 0; status == COPSE_WANT && i < count; i++) {
            copse_block *block = NULL;
            assert_int_equal(copse_store_get(v->p.world.store, &wants[i], &block, NULL), COPSE_OK);
            copse_status supplied = copse_source_supply_block(source, block, NULL);
            copse_block_unref(block);
            status = supplied != COPSE_OK ? supplied : status;
        }
        if (status != COPSE_OK && status != COPSE_WANT) {
            break;
        }
        if (a == NULL) {
            status = copse_tree_open(cache, copse_tree_root(v->a), &a, NULL);
        } else if (b == NULL) {
            status = copse_tree_open(cache, copse_tree_root(v->b), &b, NULL);
        } else if (pull == NULL) {
            status = copse_pull_new(
                a, b, &(copse_pull_options){.ranges = ranges, .ranges_count = 2}, &pull, NULL);
        } else {
            status = copse_pull_next(pull, NULL);
        }
    }
    copse_pull_free(pull);
    copse_tree_close(a);
    copse_tree_close(b);
    copse_node_cache_free(cache);
    copse_source_free(source);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_allocations(void **state)
{
    uint64_t seed = 8;
    versions v;
    (void)state;
    versions_init(&v, 3 + 12, &seed);
    uint64_t calls = test_env_sweep(sweep_run, &v, 5000);
    print_message("%llu allocations\n", (unsigned long long)calls);
    assert_true(calls > 20);
    versions_release(&v);
}

static void test_misuse(void **state)
{
    uint64_t seed = 9;
    versions v;
    pull_replica r;
    copse_pull *pull = NULL;
    copse_bytes bounds[] = {{(const uint8_t *)"b", 1}, {(const uint8_t *)"a", 1}};
    const copse_pull_range orders[][2] = {{{{NULL, 0}, NULL}, {bounds[0], NULL}},
                                          {{bounds[1], &bounds[0]}, {bounds[1], NULL}}};
    (void)state;
    versions_init(&v, 3, &seed);
    pull_replica_init(&r, 8);
    copse_tree *tree = pull_replica_tree(&r, &v.p, copse_tree_root(v.a));
    assert_int_equal(copse_pull_new(v.a, tree, NULL, &pull, NULL), COPSE_MISUSE);
    for (size_t i = 0; i < 2; i++) {
        copse_pull_options options = {.ranges = orders[i], .ranges_count = 2};
        assert_int_equal(copse_pull_new(NULL, tree, &options, &pull, NULL), COPSE_MISUSE);
    }
    r.test.env.limits.wants_max = 0;
    assert_int_equal(copse_pull_new(NULL, tree, NULL, &pull, NULL), COPSE_MISUSE);
    assert_null(pull);
    assert_null(copse_pull_free(NULL));
    copse_tree_close(tree);
    pull_replica_release(&r);
    versions_release(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),    cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_ranges),      cmocka_unit_test(test_rounds_of_ranges),
        cmocka_unit_test(test_history),     cmocka_unit_test(test_documents),
        cmocka_unit_test(test_memory),      cmocka_unit_test(test_store_failures),
        cmocka_unit_test(test_allocations), cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
