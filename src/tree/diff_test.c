/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/diff.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tree_pair.h"
#include "tree/tree.h"

/* ---- the model's diff ---- */

typedef struct expected_change {
    copse_bytes key;
    copse_bytes before;
    copse_bytes after;
} expected_change;

typedef struct expected_diff {
    expected_change *changes;
    size_t count;
} expected_diff;

static bool is_within(copse_bytes key, copse_bytes from, const copse_bytes *to)
{
    return copse_bytes_compare(key, from) >= 0 && (to == NULL || copse_bytes_compare(key, *to) < 0);
}

static expected_diff expect_diff(const tree_model *a, const tree_model *b, copse_bytes from,
                                 const copse_bytes *to)
{
    expected_diff diff = {calloc(a->count + b->count + 1, sizeof *diff.changes), 0};
    size_t i = 0;
    size_t j = 0;
    assert_non_null(diff.changes);
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : copse_bytes_compare(a->entries[i].key, b->entries[j].key);
        expected_change change = {.key = order <= 0 ? a->entries[i].key : b->entries[j].key};
        if (order <= 0) {
            change.before = a->entries[i++].value;
        }
        if (order >= 0) {
            change.after = b->entries[j++].value;
        }
        if (is_within(change.key, from, to) &&
            (order != 0 || !copse_bytes_equal(change.before, change.after))) {
            diff.changes[diff.count++] = change;
        }
    }
    return diff;
}

static void assert_bytes(copse_bytes got, copse_bytes want)
{
    assert_int_equal(got.ptr == NULL, want.ptr == NULL);
    assert_true(copse_bytes_equal(got, want));
}

static void assert_change(const copse_change *got, const expected_change *want)
{
    assert_false(got->is_range);
    assert_bytes(got->key, want->key);
    assert_bytes(got->before, want->before);
    assert_bytes(got->after, want->after);
    assert_int_equal(got->kind, want->before.ptr == NULL  ? COPSE_ADDED
                                : want->after.ptr == NULL ? COPSE_REMOVED
                                                          : COPSE_CHANGED);
}

/* ---- pairs ---- */

typedef struct pair {
    tree_world world;
    tree_model before;
    tree_model after;
    copse_tree *a;
    copse_tree *b;
} pair;

static size_t random_size(uint64_t *seed)
{
    static const size_t sizes[] = {0, 1, 3, 40, 300, 900};
    return sizes[test_random_below(seed, sizeof sizes / sizeof *sizes)];
}

/* Keys of all kinds but the longest, which make trees of few entries. */
static void pair_init(pair *p, uint64_t number, uint64_t *seed)
{
    static const tree_keys kinds[] = {TREE_KEYS_RANDOM, TREE_KEYS_SEQUENTIAL, TREE_KEYS_SHORT};
    copse_tree_config config = tree_model_small_config();
    tree_keys keys = kinds[number % 3];
    *p = (pair){0};
    tree_world_init(&p->world);
    tree_model_fill(&p->before, keys, number % 7 == 6 ? TREE_VALUES_EDGE : TREE_VALUES_SMALL,
                    &config, 0, random_size(seed), 1 + number % 5, seed);
    tree_model_copy(&p->before, &p->after);
    tree_variant(&p->after, number % TREE_VARIANTS, keys, &config, seed);
    if (number % 4 == 3) {
        tree_variant(&p->after, 2, keys, &config, seed);
    }
    p->a = tree_model_open(&p->before, &p->world, &config);
    p->b = tree_model_open(&p->after, &p->world, &config);
    if (number % 2 == 1) {
        tree_model model = p->before;
        copse_tree *tree = p->a;
        p->before = p->after;
        p->after = model;
        p->a = p->b;
        p->b = tree;
    }
}

static void pair_release(pair *p)
{
    copse_tree_close(p->a);
    copse_tree_close(p->b);
    tree_world_release(&p->world);
    tree_model_release(&p->before);
    tree_model_release(&p->after);
}

static copse_diff *diff_of(copse_tree *a, copse_tree *b, const copse_diff_options *options)
{
    copse_diff *diff = NULL;
    assert_int_equal(copse_diff_new(a, b, options, &diff, NULL), COPSE_OK);
    return diff;
}

static void check_entries(const pair *p, copse_bytes from, const copse_bytes *to, bool reverse)
{
    expected_diff want = expect_diff(&p->before, &p->after, from, to);
    copse_diff *diff =
        diff_of(p->a, p->b, &(copse_diff_options){.from = from, .to = to, .reverse = reverse});
    copse_change change;
    for (size_t i = 0; i < want.count; i++) {
        assert_int_equal(copse_diff_next(diff, &change, NULL), COPSE_OK);
        assert_change(&change, &want.changes[reverse ? want.count - 1 - i : i]);
    }
    assert_int_equal(copse_diff_next(diff, &change, NULL), COPSE_END);
    assert_int_equal(copse_diff_next(diff, &change, NULL), COPSE_END);
    copse_diff_free(diff);
    free(want.changes);
}

static void test_entries(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (uint64_t number = 0; number < 330; number++) {
        pair p;
        tree_key bounds[2];
        pair_init(&p, number, &seed);
        check_entries(&p, (copse_bytes){NULL, 0}, NULL, false);
        check_entries(&p, (copse_bytes){NULL, 0}, NULL, true);
        for (size_t i = 0; i < 4; i++) {
            copse_tree_config config = tree_model_small_config();
            static const tree_keys kinds[] = {TREE_KEYS_RANDOM, TREE_KEYS_SEQUENTIAL,
                                              TREE_KEYS_SHORT};
            tree_key_make(kinds[number % 3], &config, test_random_below(&seed, 2000), &bounds[0]);
            tree_key_make(kinds[number % 3], &config, test_random_below(&seed, 2000), &bounds[1]);
            copse_bytes from = tree_key_view(&bounds[0]);
            copse_bytes to = tree_key_view(&bounds[1]);
            check_entries(&p, from, &to, i % 2 == 0);
            check_entries(&p, from, NULL, i % 2 == 1);
        }
        pair_release(&p);
    }
}

/* ---- ranges ---- */

static size_t count_between(const tree_model *model, const copse_change *change)
{
    size_t end = change->has_end ? tree_model_lower(model, change->end) : model->count;
    return end - tree_model_lower(model, change->key);
}

static void check_range(const pair *p, const copse_change *change)
{
    assert_int_equal(change->subtree_before.count, count_between(&p->before, change));
    assert_int_equal(change->subtree_after.count, count_between(&p->after, change));
    assert_int_equal(change->subtree_before.cid.ptr == NULL, change->subtree_before.count == 0);
    assert_int_equal(change->subtree_after.cid.ptr == NULL, change->subtree_after.count == 0);
    assert_int_equal(change->kind, change->subtree_before.count == 0  ? COPSE_ADDED
                                   : change->subtree_after.count == 0 ? COPSE_REMOVED
                                                                      : COPSE_CHANGED);
}

/* Takes or descends at random; `batch` gets what makes the one tree of the other. */
static size_t walk_ranges(const pair *p, const copse_diff_options *options, copse_batch *batch,
                          uint64_t *seed)
{
    copse_bytes from = options->from;
    expected_diff want = expect_diff(&p->before, &p->after, from, options->to);
    copse_diff *diff = diff_of(p->a, p->b, options);
    copse_change change;
    size_t at = 0;
    size_t taken = 0;
    while (copse_diff_next(diff, &change, NULL) == COPSE_OK) {
        const expected_change *next = &want.changes[options->reverse ? want.count - 1 - at : at];
        assert_true(at < want.count);
        if (!change.is_range) {
            assert_change(&change, next);
            at++;
            assert_int_equal(change.after.ptr != NULL
                                 ? copse_batch_put(batch, change.key, change.after, NULL)
                                 : copse_batch_delete(batch, change.key, NULL),
                             COPSE_OK);
            continue;
        }
        check_range(p, &change);
        const copse_bytes *end = change.has_end ? &change.end : NULL;
        /* A range that differs may hold equal entries that were cut in another way, or ahead. */
        assert_true(change.kind == COPSE_CHANGED || is_within(next->key, change.key, end));
        if (test_random_below(seed, 2) == 0) {
            assert_int_equal(copse_diff_descend(diff, NULL), COPSE_OK);
            assert_int_equal(copse_diff_descend(diff, NULL), COPSE_MISUSE);
            continue;
        }
        taken++;
        assert_int_equal(copse_batch_splice(batch, p->b, change.key, end, NULL), COPSE_OK);
        while (at < want.count &&
               is_within(want.changes[options->reverse ? want.count - 1 - at : at].key, change.key,
                         end)) {
            at++;
        }
    }
    assert_int_equal(at, want.count);
    copse_diff_free(diff);
    free(want.changes);
    return taken;
}

static void test_ranges(void **state)
{
    uint64_t seed = 2;
    size_t taken = 0;
    (void)state;
    for (uint64_t number = 0; number < 330; number++) {
        pair p;
        pair_init(&p, number, &seed);
        for (size_t i = 0; i < 4; i++) {
            copse_batch *batch;
            copse_tree *applied;
            tree_key bounds[2];
            copse_tree_config config = tree_model_small_config();
            tree_key_make(TREE_KEYS_SEQUENTIAL, &config, test_random_below(&seed, 1000), bounds);
            tree_key_make(TREE_KEYS_RANDOM, &config, test_random_below(&seed, 1000), bounds + 1);
            copse_bytes to = tree_key_view(&bounds[1]);
            copse_diff_options options = {.reverse = i % 2 == 1, .ranges = true};
            if (i > 1) {
                options.from = tree_key_view(&bounds[0]);
                options.to = &to;
            }
            assert_int_equal(copse_batch_new(&p.world.test.env, &batch, NULL), COPSE_OK);
            taken += walk_ranges(&p, &options, batch, &seed);
            if (i <= 1) {
                assert_int_equal(copse_tree_apply(p.a, batch, p.world.store, &applied, NULL, NULL),
                                 COPSE_OK);
                assert_true(copse_cid_equal(copse_tree_root(applied), copse_tree_root(p.b)));
                copse_tree_close(applied);
            }
            copse_batch_free(batch);
        }
        pair_release(&p);
    }
    assert_in_range(taken, 2000, 1000000);
}

/* ---- I1: what is read ---- */

static size_t run_through(copse_diff *diff, tree_reader *reader, copse_store *full)
{
    copse_change change;
    copse_status status;
    size_t changes = 0;
    while ((status = copse_diff_next(diff, &change, NULL)) != COPSE_END) {
        if (status == COPSE_WANT) {
            tree_reader_supply(reader, full);
            continue;
        }
        assert_int_equal(status, COPSE_OK);
        changes++;
    }
    return changes;
}

static void test_reads_what_differs(void **state)
{
    uint64_t seed = 3;
    size_t read[2] = {0, 0};
    size_t spare[2] = {0, 0}; /* read, though both trees have them; the tops aside */
    size_t differing = 0;
    (void)state;
    for (uint64_t number = 0; number < 220; number++) {
        pair p;
        pair_init(&p, number, &seed);
        cid_set differ = {0};
        tree_pair_differing(p.a, p.b, &differ);
        differing += differ.count;
        for (size_t reverse = 0; reverse < 2; reverse++) {
            tree_reader reader;
            tree_reader_init(&reader, &p.world.test.env, p.world.store);
            copse_tree *a = tree_reader_open(&reader, p.world.store, copse_tree_root(p.a));
            copse_tree *b = tree_reader_open(&reader, p.world.store, copse_tree_root(p.b));
            copse_diff *diff = diff_of(a, b, &(copse_diff_options){.reverse = reverse == 1});
            (void)run_through(diff, &reader, p.world.store);
            for (size_t i = 0; i < reader.read.capacity; i++) {
                const copse_cid *cid = &reader.read.slots[i];
                if (cid->size != 0 && !cid_set_has(&differ, cid) &&
                    !copse_cid_equal(cid, copse_tree_top(a)) &&
                    !copse_cid_equal(cid, copse_tree_top(b))) {
                    spare[reverse]++;
                }
            }
            read[reverse] += reader.read.count;
            copse_diff_free(diff);
            copse_tree_close(a);
            copse_tree_close(b);
            tree_reader_release(&reader);
        }
        cid_set_release(&differ);
        pair_release(&p);
    }
    print_message("nodes that differ %zu; read upwards %zu (others %zu), downwards %zu (others "
                  "%zu)\n",
                  differing, read[0], spare[0], read[1], spare[1]);
    assert_int_equal(spare[0], 0);
    assert_in_range(spare[1], 0, read[1] / 64);
}

/* ---- I2: what is wanted ---- */

/* Diffs two trees of which only the roots are here. */
static void check_remote(const pair *p, bool reverse, size_t wants_max, size_t *ret_spare)
{
    test_env test;
    tree_reader reader;
    size_t height = p->a->height > p->b->height ? p->a->height : p->b->height;
    expected_diff want = expect_diff(&p->before, &p->after, (copse_bytes){NULL, 0}, NULL);
    test_env_init(&test);
    test.env.limits.wants_max = wants_max;
    tree_reader_init(&reader, &test.env, NULL);
    copse_tree *a = tree_reader_open(&reader, p->world.store, copse_tree_root(p->a));
    copse_tree *b = tree_reader_open(&reader, p->world.store, copse_tree_root(p->b));
    copse_diff *diff = diff_of(a, b, &(copse_diff_options){.reverse = reverse});
    assert_int_equal(run_through(diff, &reader, p->world.store), want.count);
    cid_set differ = {0};
    tree_pair_differing(p->a, p->b, &differ);
    assert_true(reader.wants_most <= wants_max);
    assert_true(reader.read.count <= reader.fetched.count);
    if (wants_max >= 1000) {
        /* In a tree of few children a branch, the levels of two trees seldom begin at the same
         * keys. */
        assert_in_range(reader.rounds, 0, 3 * height);
    }
    for (size_t i = 0; i < reader.fetched.capacity; i++) {
        *ret_spare +=
            reader.fetched.slots[i].size != 0 && !cid_set_has(&differ, &reader.fetched.slots[i]);
    }
    cid_set_release(&differ);
    copse_diff_free(diff);
    copse_tree_close(a);
    copse_tree_close(b);
    tree_reader_release(&reader);
    test_env_assert_empty(&test);
    free(want.changes);
}

static void test_remote(void **state)
{
    uint64_t seed = 4;
    size_t spare = 0;
    (void)state;
    for (uint64_t number = 0; number < 132; number++) {
        pair p;
        size_t height;
        pair_init(&p, number, &seed);
        assert_int_equal(copse_tree_height(p.a, &height, NULL), COPSE_OK);
        assert_int_equal(copse_tree_height(p.b, &height, NULL), COPSE_OK);
        check_remote(&p, number % 4 >= 2, 1024, &spare);
        check_remote(&p, number % 4 < 2, 3, &spare);
        pair_release(&p);
    }
    print_message("blocks fetched that did not differ: %zu\n", spare);
    assert_in_range(spare, 0, 400);
}

/* ---- the same, exactly ---- */

/* Makes p->after of p->before by changing 40 values, no sizes: the trees have the same shape. */
static void change_in_place(pair *p, const copse_tree_config *config, uint64_t *seed)
{
    tree_model_copy(&p->before, &p->after);
    for (size_t i = 0; i < 40; i++) {
        tree_variant(&p->after, 1, TREE_KEYS_SEQUENTIAL, config, seed);
    }
    for (size_t i = 0; i < p->after.count; i++) {
        copse_bytes was = p->before.entries[i].value;
        if (!copse_bytes_equal(was, p->after.entries[i].value)) {
            uint8_t value[128];
            memcpy(value, was.ptr, was.len);
            value[was.len - 1] ^= was.len > 1; /* not the head of an empty string */
            tree_model_put(&p->after, p->after.entries[i].key, (copse_bytes){value, was.len});
        }
    }
    p->a = tree_model_open(&p->before, &p->world, config);
    p->b = tree_model_open(&p->after, &p->world, config);
}

/* The want lists are then the levels of the nodes that differ, no more and no less. */
static void check_remote_exact(const pair *p, bool reverse)
{
    cid_set differ = {0};
    tree_reader reader;
    size_t height;
    assert_int_equal(copse_tree_height(p->a, &height, NULL), COPSE_OK);
    tree_pair_differing(p->a, p->b, &differ);
    tree_reader_init(&reader, &p->world.test.env, NULL);
    copse_tree *a = tree_reader_open(&reader, p->world.store, copse_tree_root(p->a));
    copse_tree *b = tree_reader_open(&reader, p->world.store, copse_tree_root(p->b));
    copse_diff *diff = diff_of(a, b, &(copse_diff_options){.reverse = reverse});
    (void)run_through(diff, &reader, p->world.store);
    assert_int_equal(copse_diff_nodes_read(diff), differ.count);
    assert_int_equal(reader.fetched.count, differ.count);
    for (size_t i = 0; i < reader.fetched.capacity; i++) {
        const copse_cid *cid = &reader.fetched.slots[i];
        assert_true(cid->size == 0 || cid_set_has(&differ, cid));
    }
    assert_int_equal(reader.rounds, height);
    copse_diff_free(diff);
    copse_tree_close(a);
    copse_tree_close(b);
    tree_reader_release(&reader);
    cid_set_release(&differ);
}

static void test_remote_exact(void **state)
{
    uint64_t seed = 5;
    copse_tree_config config = tree_model_small_config();
    pair p = {0};
    (void)state;
    tree_world_init(&p.world);
    tree_model_fill(&p.before, TREE_KEYS_SEQUENTIAL, TREE_VALUES_SMALL, &config, 0, 3000, 1, &seed);
    change_in_place(&p, &config, &seed);
    check_remote_exact(&p, false);
    check_remote_exact(&p, true);
    pair_release(&p);
}

/* ---- each block away in turn ---- */

/* Supplies what is wanted but `missing`, and that only if it is all that is wanted, for the second
 * time. */
static void supply_without(tree_reader *reader, copse_store *full, const copse_cid *missing,
                           bool *was_alone)
{
    size_t count;
    const copse_cid *wants = copse_source_wants(reader->source, &count);
    bool alone = count == 1 && copse_cid_equal(&wants[0], missing);
    assert_int_not_equal(count, 0);
    for (size_t i = 0; i < count; i++) {
        copse_block *block;
        if (copse_cid_equal(&wants[i], missing) && !(alone && *was_alone)) {
            continue;
        }
        assert_int_equal(copse_store_get(full, &wants[i], &block, NULL), COPSE_OK);
        assert_int_equal(copse_source_supply_block(reader->source, block, NULL), COPSE_OK);
        copse_block_unref(block);
    }
    *was_alone = alone;
}

/* All changes come, in order, whichever block is the last to arrive. */
static void check_without(const pair *p, const copse_cid *missing, bool reverse)
{
    expected_diff want = expect_diff(&p->before, &p->after, (copse_bytes){NULL, 0}, NULL);
    tree_reader reader;
    copse_change change;
    copse_status status;
    bool was_alone = false;
    size_t at = 0;
    tree_reader_init(&reader, &p->world.test.env, NULL);
    copse_tree *a = tree_reader_open(&reader, p->world.store, copse_tree_root(p->a));
    copse_tree *b = tree_reader_open(&reader, p->world.store, copse_tree_root(p->b));
    copse_diff *diff = diff_of(a, b, &(copse_diff_options){.reverse = reverse});
    while ((status = copse_diff_next(diff, &change, NULL)) != COPSE_END) {
        if (status == COPSE_WANT) {
            supply_without(&reader, p->world.store, missing, &was_alone);
            continue;
        }
        assert_int_equal(status, COPSE_OK);
        assert_true(at < want.count);
        assert_change(&change, &want.changes[reverse ? want.count - 1 - at : at]);
        at++;
    }
    assert_int_equal(at, want.count);
    copse_diff_free(diff);
    copse_tree_close(a);
    copse_tree_close(b);
    tree_reader_release(&reader);
    free(want.changes);
}

static void test_each_block_away(void **state)
{
    uint64_t seed = 6;
    copse_tree_config config = tree_model_small_config();
    (void)state;
    for (size_t variant = 2; variant < 6; variant++) {
        pair p = {0};
        cid_set differ = {0};
        tree_world_init(&p.world);
        tree_model_fill(&p.before, TREE_KEYS_RANDOM, TREE_VALUES_SMALL, &config, 0, 120, 1, &seed);
        tree_model_copy(&p.before, &p.after);
        tree_variant(&p.after, variant, TREE_KEYS_RANDOM, &config, &seed);
        p.a = tree_model_open(&p.before, &p.world, &config);
        p.b = tree_model_open(&p.after, &p.world, &config);
        tree_pair_differing(p.a, p.b, &differ);
        for (size_t i = 0; i < differ.capacity; i++) {
            if (differ.slots[i].size != 0) {
                check_without(&p, &differ.slots[i], i % 2 == 1);
            }
        }
        cid_set_release(&differ);
        pair_release(&p);
    }
}

/* ---- misuse ---- */

static void test_misuse(void **state)
{
    uint64_t seed = 8;
    pair p;
    pair q;
    copse_diff *diff = NULL;
    copse_change change;
    (void)state;
    pair_init(&p, 2, &seed);
    pair_init(&q, 2, &seed);
    assert_int_equal(copse_diff_new(p.a, q.a, NULL, &diff, NULL), COPSE_MISUSE);
    assert_null(diff);
    assert_null(copse_diff_free(NULL));
    diff = diff_of(p.a, p.a, NULL);
    assert_int_equal(copse_diff_descend(diff, NULL), COPSE_MISUSE);
    assert_int_equal(copse_diff_next(diff, &change, NULL), COPSE_END);
    assert_int_equal(copse_diff_nodes_read(diff), 0);
    copse_diff_free(diff);
    pair_release(&p);
    pair_release(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_reads_what_differs),
        cmocka_unit_test(test_remote),
        cmocka_unit_test(test_remote_exact),
        cmocka_unit_test(test_each_block_away),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
