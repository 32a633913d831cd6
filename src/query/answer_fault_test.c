/* Answers under limits, of other environments, without blocks that the asker has, from a store that
 * lacks blocks, and with failing allocations.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/answer.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/answer_support.h"

static void assert_sound(const answer_verdict *verdict)
{
    if (verdict->status != COPSE_END) {
        fail_msg("%s, %s: %s", copse_status_name(verdict->status),
                 copse_answer_fault_name(verdict->fault), verdict->err.message);
    }
}

static answer_verdict verify_one(const answer_one *one, const copse_env *env,
                                 const copse_answer_verifier_options *options, const copse_buf *car)
{
    return answer_support_verify(env, &one->world.commit, &one->query.options, options,
                                 copse_buf_view(car), 700, &one->expected);
}

/* ---- Limits ---------------------------------------------------------------------------------- */

/* A limit on blocks or bytes ends the answer between two blocks; what came is verified. */
static void check_limit(answer_one *one, const copse_answer_maker_options *options, size_t blocks)
{
    copse_buf car;
    copse_answer_stats stats;
    copse_err err = {0};
    assert_int_equal(answer_support_make(&one->world, &one->world.commit, &one->query.options,
                                         options, &car, &stats, &err),
                     COPSE_LIMIT);
    assert_non_null(strstr(err.message, "the answer takes more than"));
    assert_int_equal(stats.blocks, blocks);
    assert_int_equal(car.len, one->sections[blocks].offset);
    assert_memory_equal(car.ptr, one->car.ptr, car.len);
    answer_verdict verdict = verify_one(one, database_world_env(&one->world.db), NULL, &car);
    assert_int_equal(verdict.fault, COPSE_ANSWER_CUT_SHORT);
    assert_non_null(strstr(verdict.err.message, "cut short after"));
    copse_buf_release(&car);
}

static void test_limits(void **state)
{
    (void)state;
    answer_one *one = answer_one_new();
    assert_int_equal(one->stats.blocks, one->count);
    for (size_t i = 1; i < one->count; i++) {
        const copse_answer_maker_options blocks = {.blocks_max = i};
        const copse_answer_maker_options bytes = {.size_bytes_max = one->sections[i].offset +
                                                                    one->sections[i].size - 1};
        check_limit(one, &blocks, i);
        check_limit(one, &bytes, i);
    }
    const copse_answer_maker_options enough = {.blocks_max = one->count,
                                               .size_bytes_max = one->car.len};
    copse_buf car;
    assert_int_equal(answer_support_make(&one->world, &one->world.commit, &one->query.options,
                                         &enough, &car, NULL, NULL),
                     COPSE_END);
    copse_buf_release(&car);
    answer_one_free(one);
}

/* N1: the order does not depend on what an environment allows. */
static void test_other_environments(void **state)
{
    (void)state;
    static const size_t wants[] = {0, 1, 2, 5000};
    answer_one *one = answer_one_new();
    for (size_t i = 0; i < 4; i++) {
        for (size_t nodes = 0; nodes < 2; nodes++) {
            copse_env env = *database_world_env(&one->world.db);
            env.limits.wants_max = wants[i];
            env.limits.node_cache_bytes_max = nodes * 20000;
            answer_verdict verdict = verify_one(one, &env, NULL, &one->car);
            assert_sound(&verdict);
        }
    }
    copse_env small = *database_world_env(&one->world.db);
    small.limits.pinned_size_bytes_max = one->car.len / 2;
    assert_int_equal(verify_one(one, &small, NULL, &one->car).status, COPSE_LIMIT);
    small = *database_world_env(&one->world.db);
    small.limits.foreign_size_bytes_max = 500;
    assert_int_equal(verify_one(one, &small, NULL, &one->car).status, COPSE_LIMIT);
    answer_one_free(one);
}

/* ---- Blocks that the asker has --------------------------------------------------------------- */

static copse_status keep_block(void *ctx, copse_block *block, copse_err *err)
{
    return copse_store_put(ctx, &block, 1, err);
}

/* Takes every block that is named out of the answer: it verifies with the store, not without. */
static void check_have(answer_one *one, copse_store *store, const copse_cid *have, size_t count)
{
    const copse_env *env = database_world_env(&one->world.db);
    const copse_answer_maker_options make = {.have = have, .have_count = count};
    copse_answer_verifier_options options = {.have = have, .have_count = count, .store = store};
    copse_buf car;
    copse_answer_stats stats;
    copse_store *empty;
    assert_int_equal(answer_support_make(&one->world, &one->world.commit, &one->query.options,
                                         &make, &car, &stats, NULL),
                     COPSE_END);
    assert_int_equal(stats.blocks + stats.had, one->stats.blocks);
    answer_verdict verdict = verify_one(one, env, &options, &car);
    assert_sound(&verdict);
    answer_support_assert_stats(&verdict.stats, &stats);
    assert_int_equal(copse_memory_store_new(env, &empty, NULL), COPSE_OK);
    options.store = empty;
    assert_int_equal(verify_one(one, env, &options, &car).status,
                     stats.had > 0 ? COPSE_NOT_FOUND : COPSE_END);
    copse_store_close(empty);
    if (stats.had > 0) {
        copse_answer_fault fault = verify_one(one, env, NULL, &car).fault;
        assert_true(fault == COPSE_ANSWER_OTHER_BLOCK || fault == COPSE_ANSWER_CUT_SHORT);
    }
    copse_buf_release(&car);
}

static void test_have(void **state)
{
    (void)state;
    static copse_cid have[COPSE_ANSWER_HAVE_MAX + 1];
    uint64_t seed = 9;
    copse_store *cache;
    answer_one *one = answer_one_new();
    const copse_env *env = database_world_env(&one->world.db);
    assert_int_equal(copse_memory_store_new(env, &cache, NULL), COPSE_OK);
    const copse_answer_verifier_options options = {.block = keep_block, .block_ctx = cache};
    answer_verdict verdict = verify_one(one, env, &options, &one->car);
    assert_sound(&verdict);
    for (size_t i = 0; i < 30; i++) {
        size_t count = 0;
        for (size_t j = 1; j < one->count; j++) {
            if (test_random_below(&seed, i + 1) == 0) {
                have[count++] = one->sections[j].cid;
                have[count++] = one->sections[j].cid;
            }
        }
        copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){NULL, 0}, &have[count++]);
        check_have(one, cache, have, count);
    }
    copse_store_close(cache);
    answer_one_free(one);
}

static void test_have_refused(void **state)
{
    (void)state;
    static copse_cid have[COPSE_ANSWER_HAVE_MAX + 1];
    answer_one *one = answer_one_new();
    const copse_env *env = database_world_env(&one->world.db);
    copse_answer_maker_options options = {.have = have, .have_count = COPSE_ANSWER_HAVE_MAX + 1};
    copse_buf car;
    for (size_t i = 0; i <= COPSE_ANSWER_HAVE_MAX; i++) {
        have[i] = one->sections[1].cid;
    }
    assert_int_equal(
        answer_support_make(&one->world, NULL, &one->query.options, &options, &car, NULL, NULL),
        COPSE_LIMIT);
    copse_buf_release(&car);
    options.have_count--;
    assert_int_equal(
        answer_support_make(&one->world, NULL, &one->query.options, &options, &car, NULL, NULL),
        COPSE_END);
    copse_buf_release(&car);
    have[7] = (copse_cid){0};
    assert_int_equal(
        answer_support_make(&one->world, NULL, &one->query.options, &options, &car, NULL, NULL),
        COPSE_MISUSE);
    copse_buf_release(&car);
    const copse_answer_verifier_options no_store = {.have = have, .have_count = 1};
    assert_int_equal(verify_one(one, env, &no_store, &one->car).status, COPSE_MISUSE);
    answer_one_free(one);
}

static copse_status answer_end(void *ctx, copse_block *block, copse_err *err)
{
    (void)block;
    (void)err;
    return *(const copse_status *)ctx;
}

/* What the receiver of blocks answers is passed on; END and WANT are no answers. */
static void test_block_refused(void **state)
{
    (void)state;
    static const copse_status answers[][2] = {
        {COPSE_IO, COPSE_IO}, {COPSE_END, COPSE_MISUSE}, {COPSE_WANT, COPSE_MISUSE}};
    answer_one *one = answer_one_new();
    for (size_t i = 0; i < 3; i++) {
        copse_status answer = answers[i][0];
        const copse_answer_verifier_options options = {.block = answer_end, .block_ctx = &answer};
        answer_verdict verdict =
            verify_one(one, database_world_env(&one->world.db), &options, &one->car);
        assert_int_equal(verdict.status, answers[i][1]);
    }
    answer_one_free(one);
}

/* ---- Blocks that the maker lacks ------------------------------------------------------------- */

static copse_status run_sparse(answer_sparse *run, const answer_one *one, copse_car_sink sink)
{
    return answer_sparse_run(run, copse_tree_root(one->world.db.tree), &one->world.commit,
                             &one->query.options, sink, NULL);
}

/* From an empty store, block by block: the same answer. */
static void test_sparse_maker(void **state)
{
    (void)state;
    answer_one *one = answer_one_new();
    const copse_env *env = database_world_env(&one->world.db);
    copse_store *empty;
    answer_sparse run;
    copse_buf car;
    size_t rounds = 0;
    copse_status status;
    copse_buf_init(&car, env, SIZE_MAX);
    assert_int_equal(copse_memory_store_new(env, &empty, NULL), COPSE_OK);
    assert_int_equal(answer_sparse_init(&run, env, empty), COPSE_OK);
    while ((status = run_sparse(&run, one, proof_support_sink(&car))) == COPSE_WANT) {
        size_t count = 0;
        const copse_cid *wants = copse_source_wants(run.source, &count);
        assert_true(count > 0);
        copse_block *block;
        assert_int_equal(copse_store_get(one->world.db.world.store, &wants[0], &block, NULL),
                         COPSE_OK);
        assert_int_equal(copse_store_put(empty, &block, 1, NULL), COPSE_OK);
        copse_block_unref(block);
        rounds++;
    }
    assert_int_equal(status, COPSE_END);
    assert_int_equal(rounds, one->count - 1); /* all but the one that the maker makes */
    assert_true(copse_bytes_equal(copse_buf_view(&car), copse_buf_view(&one->car)));
    answer_sparse_release(&run);
    copse_store_close(empty);
    copse_buf_release(&car);
    answer_one_free(one);
}

/* ---- Failing allocations --------------------------------------------------------------------- */

static copse_status sweep_discard(void *ctx, copse_bytes bytes, copse_err *err)
{
    (void)err;
    *(size_t *)ctx += bytes.len;
    return COPSE_OK;
}

static copse_status sweep_make(const copse_env *env, void *ctx)
{
    answer_one *one = ctx;
    answer_sparse run;
    size_t size = 0;
    copse_status status = answer_sparse_init(&run, env, one->world.db.world.store);
    if (status == COPSE_OK) {
        status = run_sparse(&run, one, (copse_car_sink){.write = sweep_discard, .ctx = &size});
    }
    answer_sparse_release(&run);
    assert_true(status != COPSE_END || size == one->car.len);
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status sweep_verify(const copse_env *env, void *ctx)
{
    answer_one *one = ctx;
    const copse_answer_verifier_options options = {
        .have = &one->sections[2].cid, .have_count = 1, .store = one->world.db.world.store};
    const copse_answer_maker_options make = {.have = options.have, .have_count = 1};
    copse_buf car;
    assert_int_equal(answer_support_make(&one->world, &one->world.commit, &one->query.options,
                                         &make, &car, NULL, NULL),
                     COPSE_END);
    answer_verdict verdict = verify_one(one, env, &options, &car);
    copse_buf_release(&car);
    return verdict.status == COPSE_END ? COPSE_OK : verdict.status;
}

static void test_allocations(void **state)
{
    (void)state;
    answer_one *one = answer_one_new();
    uint64_t made = test_env_sweep(sweep_make, one, 100000);
    uint64_t verified = test_env_sweep(sweep_verify, one, 100000);
    print_message("%d allocations to make, %d to verify\n", (int)made, (int)verified);
    assert_true(made > 100 && verified > 100);
    answer_one_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_other_environments),
        cmocka_unit_test(test_have),          cmocka_unit_test(test_have_refused),
        cmocka_unit_test(test_block_refused), cmocka_unit_test(test_sparse_maker),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
