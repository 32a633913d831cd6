/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/head_fold.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/commit_world.h"
#include "support/want_supply.h"

enum { FOLD_FOLLOWERS = 5 };

static copse_cid fold_write(commit_world *world, const copse_cid *parent, const char *message)
{
    copse_commit commit = commit_world_next(world, parent, parent != NULL && parent->size > 0);
    commit.message = copse_bytes_of_text(message);
    return commit_world_put(world, &commit);
}

static copse_cid fold_merge(commit_world *world, const copse_cid *a, const copse_cid *b)
{
    const copse_cid heads[2] = {*a, *b};
    copse_commit commit;
    assert_int_equal(copse_commit_merge(&world->test.env, world->source, commit_world_tree(), heads,
                                        2, &commit, NULL),
                     COPSE_OK);
    return commit_world_put(world, &commit);
}

/* Folds over `source`, whose wants come from the world's store; counts merges. */
static copse_cid fold_over(commit_world *world, copse_source *source, const copse_cid *heads,
                           size_t count, size_t *merges)
{
    copse_head_fold *fold = NULL;
    const copse_cid *ours;
    const copse_cid *theirs;
    copse_status status = copse_head_fold_new(&world->test.env, source, heads, count, &fold, NULL);
    while (status == COPSE_OK || status == COPSE_WANT) {
        status = copse_head_fold_next(fold, &ours, &theirs, NULL);
        if (status == COPSE_OK) {
            copse_cid commit = fold_merge(world, ours, theirs);
            copse_head_fold_merged(fold, &commit);
            ++*merges;
        } else if (status == COPSE_WANT) {
            (void)want_supply_some(source, world->store, SIZE_MAX);
        }
    }
    assert_int_equal(status, COPSE_END);
    copse_cid head = *copse_head_fold_head(fold);
    assert_null(copse_head_fold_free(fold));
    return head;
}

static copse_cid fold_heads(commit_world *world, const copse_cid *heads, size_t count,
                            size_t *merges)
{
    return fold_over(world, world->source, heads, count, merges);
}

/* F1: any order, heads that stand there twice, blocks that have to be fetched. */
static void test_the_set_alone_decides(void **state)
{
    (void)state;
    commit_world world;
    copse_cid heads[6];
    copse_cid expected = {.size = 0};
    size_t merges = 0;
    commit_world_init(&world);
    copse_cid root = fold_write(&world, NULL, "root");
    for (size_t i = 0; i < 4; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "%zu", i);
        heads[i] = fold_write(&world, &root, name);
    }
    for (size_t turn = 0; turn < 24; turn++) {
        copse_source *sparse = NULL;
        copse_cid order[6];
        merges = 0;
        for (size_t i = 0; i < 4; i++) {
            order[i] = heads[(turn + i * (turn % 2 == 0 ? 1 : 3)) % 4];
        }
        order[4] = order[turn % 4];
        order[5] = root;
        assert_int_equal(copse_source_new(&world.test.env, NULL, &sparse, NULL), COPSE_OK);
        copse_cid head = fold_over(&world, sparse, order, 6, &merges);
        copse_source_free(sparse);
        assert_int_equal(merges, 3);
        expected = turn == 0 ? head : expected;
        assert_true(copse_cid_equal(&head, &expected));
    }
    for (size_t i = 0; i < 4; i++) { /* F3 */
        assert_true(commit_world_reaches(&world, &expected, &heads[i]));
    }
    commit_world_release(&world);
}

/* F2 */
static void test_nothing_is_merged_without_need(void **state)
{
    (void)state;
    commit_world world;
    size_t merges = 0;
    commit_world_init(&world);
    copse_cid root = fold_write(&world, NULL, "root");
    copse_cid a = fold_write(&world, &root, "a");
    copse_cid b = fold_write(&world, &root, "b");
    copse_cid c = fold_write(&world, &root, "c");
    copse_cid a2 = fold_write(&world, &a, "a2");
    const copse_cid line[] = {a, root, a2};
    copse_cid head = fold_heads(&world, line, 3, &merges);
    assert_true(copse_cid_equal(&head, &a2));
    copse_cid ab = fold_merge(&world, &a, &b);
    copse_cid bc = fold_merge(&world, &b, &c);
    const copse_cid merged[] = {b, ab, root};
    head = fold_heads(&world, merged, 3, &merges);
    assert_true(copse_cid_equal(&head, &ab));
    assert_int_equal(merges, 0);
    /* What the first two became stands for the third. */
    copse_cid ac = fold_merge(&world, &a, &c);
    const copse_cid three[] = {ab, bc, ac};
    head = fold_heads(&world, three, 3, &merges);
    assert_int_equal(merges, 1);
    assert_true(commit_world_reaches(&world, &head, &c));
    commit_world_release(&world);
}

/* ---- Followers ---- */

typedef struct fold_followers {
    commit_world *world;
    copse_cid heads[FOLD_FOLLOWERS];
    bool follows[FOLD_FOLLOWERS][FOLD_FOLLOWERS];
    copse_cid heard[FOLD_FOLLOWERS][FOLD_FOLLOWERS]; /* size 0: nothing yet */
    size_t count;
    size_t merges;
    uint64_t random;
} fold_followers;

/* One of them folds what he has heard. Whether his head moved. */
static bool fold_follow(fold_followers *all, size_t who)
{
    copse_cid heads[FOLD_FOLLOWERS + 1] = {all->heads[who]};
    size_t count = 1;
    for (size_t i = 0; i < all->count; i++) {
        if (all->follows[who][i] && all->heard[who][i].size > 0) {
            heads[count++] = all->heard[who][i];
        }
    }
    copse_cid head = fold_heads(all->world, heads, count, &all->merges);
    bool moved = !copse_cid_equal(&head, &all->heads[who]);
    all->heads[who] = head;
    return moved;
}

static void fold_hear(fold_followers *all, size_t who)
{
    for (size_t i = 0; i < all->count; i++) {
        all->heard[who][i] = all->heads[i];
    }
}

/* All hear, then all fold, without a word between: the worst order there is. Or one after the
 * other. Until nothing moves. */
static size_t fold_rest(fold_followers *all, bool in_step)
{
    size_t rounds = 0;
    bool moved = true;
    for (; moved; rounds++) {
        moved = false;
        for (size_t i = 0; i < all->count && in_step; i++) {
            fold_hear(all, i);
        }
        for (size_t i = 0; i < all->count; i++) {
            if (!in_step) {
                fold_hear(all, i);
            }
            moved |= fold_follow(all, i);
        }
        assert_true(rounds < 60);
    }
    return rounds;
}

/* Everybody follows the next, and perhaps others. */
static void fold_begin(fold_followers *all, commit_world *world, size_t count, uint64_t seed,
                       bool is_ring)
{
    *all = (fold_followers){.world = world, .count = count, .random = seed};
    copse_cid root = fold_write(world, NULL, "root");
    for (size_t i = 0; i < count; i++) {
        all->heads[i] = root;
        for (size_t k = 0; k < count; k++) {
            all->follows[i][k] = k != i && (k == (i + 1) % count ||
                                            (!is_ring && test_random_below(&all->random, 2) == 0));
        }
    }
}

static void fold_write_one(fold_followers *all, size_t who)
{
    char message[48];
    (void)snprintf(message, sizeof message, "%zu %llu", who,
                   (unsigned long long)test_random(&all->random));
    all->world->now += test_random_below(&all->random, 3);
    all->heads[who] = fold_write(all->world, &all->heads[who], message);
}

static void fold_expect_one_head(fold_followers *all)
{
    for (size_t i = 1; i < all->count; i++) {
        assert_true(copse_cid_equal(&all->heads[0], &all->heads[i]));
    }
}

static void test_two_followers_rest_at_one_merge(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        commit_world world;
        fold_followers all;
        commit_world_init(&world);
        fold_begin(&all, &world, 2, seed, true);
        fold_write_one(&all, 0);
        fold_write_one(&all, 1);
        (void)fold_rest(&all, seed % 2 == 0);
        fold_expect_one_head(&all);
        assert_true(all.merges == 1 || (seed % 2 == 0 && all.merges == 2)); /* of one commit */
        commit_world_release(&world);
    }
}

/* Writes and folds by chance, of heads that are out of date; then nobody writes any more. */
static void test_followers_come_to_rest(void **state)
{
    (void)state;
    size_t rounds_max = 0;
    size_t merges = 0;
    size_t moves = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        commit_world world;
        fold_followers all;
        commit_world_init(&world);
        fold_begin(&all, &world, 2 + seed % (FOLD_FOLLOWERS - 1), seed, seed % 3 == 0);
        for (size_t step = 0; step < 40; step++) {
            size_t who = test_random_below(&all.random, all.count);
            size_t whom = test_random_below(&all.random, all.count);
            switch (test_random_below(&all.random, 4)) {
            case 0:
                fold_write_one(&all, who);
                break;
            case 1:
                moves += fold_follow(&all, who);
                break;
            default:
                all.heard[who][whom] = all.heads[whom];
            }
        }
        size_t rounds = fold_rest(&all, seed % 2 == 0);
        rounds_max = rounds > rounds_max ? rounds : rounds_max;
        merges += all.merges;
        fold_expect_one_head(&all);
        commit_world_release(&world);
    }
    print_message("at most %zu rounds, %zu merges, %zu moves before\n", rounds_max, merges, moves);
    assert_true(moves > 80 && merges > 150);
    assert_true(rounds_max <= 2 * FOLD_FOLLOWERS + 1);
}

/* ---- Failures ---- */

static void test_what_is_refused(void **state)
{
    (void)state;
    commit_world world;
    copse_head_fold *fold = NULL;
    const copse_cid *ours = NULL;
    const copse_cid *theirs = NULL;
    copse_cid heads[COPSE_HEAD_FOLD_MAX + 1] = {{.size = 0}};
    commit_world_init(&world);
    const copse_env *env = &world.test.env;
    assert_int_equal(copse_head_fold_new(env, world.source, heads, 0, &fold, NULL), COPSE_MISUSE);
    assert_int_equal(copse_head_fold_new(env, world.source, heads, 1, &fold, NULL), COPSE_MISUSE);
    for (size_t i = 0; i <= COPSE_HEAD_FOLD_MAX; i++) {
        heads[i] = *commit_world_tree();
    }
    assert_int_equal(
        copse_head_fold_new(env, world.source, heads, COPSE_HEAD_FOLD_MAX + 1, &fold, NULL),
        COPSE_MISUSE);
    assert_null(fold);
    /* A block that is no commit. */
    copse_block *block = NULL;
    assert_int_equal(
        copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("\xf6"), &block, NULL),
        COPSE_OK);
    assert_int_equal(copse_store_put(world.store, &block, 1, NULL), COPSE_OK);
    heads[0] = *copse_block_cid(block);
    heads[1] = fold_write(&world, NULL, "root");
    copse_block_unref(block);
    assert_int_equal(copse_head_fold_new(env, world.source, heads, 2, &fold, NULL), COPSE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(copse_head_fold_next(fold, &ours, &theirs, NULL), COPSE_CORRUPT);
        assert_null(ours);
    }
    copse_head_fold_free(fold);
    commit_world_release(&world);
}

static copse_status fold_sweep(const copse_env *env, void *ctx)
{
    commit_world *world = ctx;
    copse_source *source = NULL;
    copse_head_fold *fold = NULL;
    const copse_cid *ours;
    const copse_cid *theirs;
    copse_status status = copse_source_new(env, world->store, &source, NULL);
    if (status == COPSE_OK) {
        status = copse_head_fold_new(env, source, world->cids, 12, &fold, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_head_fold_next(fold, &ours, &theirs, NULL);
    }
    copse_head_fold_free(fold);
    copse_source_free(source);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    commit_world world;
    commit_world_init_random(&world, 12, 5);
    assert_true(test_env_sweep(fold_sweep, &world, 5000) > 8);
    commit_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_set_alone_decides),
        cmocka_unit_test(test_nothing_is_merged_without_need),
        cmocka_unit_test(test_two_followers_rest_at_one_merge),
        cmocka_unit_test(test_followers_come_to_rest),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
