/* Answers: what is made verifies, in any pieces, to the documents that the query gives; exact
 * counts; what can't be asked for, and roots that are not sound.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/answer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/answer_support.h"
#include "support/database_plant.h"
#include "support/test_env.h"

static answer_verdict verify_in(const answer_world *world, const copse_cid *root,
                                const answer_query *query, const copse_buf *car, size_t piece,
                                const answer_expected *expected)
{
    return answer_support_verify(database_world_env(&world->db), root, &query->options, NULL,
                                 copse_buf_view(car), piece, expected);
}

static void assert_sound(const answer_verdict *verdict)
{
    if (verdict->status != COPSE_END) {
        fail_msg("%s, %s: %s", copse_status_name(verdict->status),
                 copse_answer_fault_name(verdict->fault), verdict->err.message);
    }
}

/* ---- Random databases and queries ------------------------------------------------------------ */

typedef struct random_tally {
    size_t answers;
    size_t some; /* neither nothing nor all */
    size_t claims;
    size_t sorted;
} random_tally;

static void check_random_query(answer_world *world, uint64_t *seed, size_t documents,
                               random_tally *tally)
{
    answer_query query;
    answer_expected expected;
    copse_buf car;
    copse_answer_stats stats;
    copse_err err = {0};
    answer_query_init_random(&query, seed);
    answer_expected_init(&expected, world, &query.options);
    const copse_cid *tree = copse_tree_root(world->db.tree);
    const copse_cid *root = test_random_below(seed, 2) == 0 ? tree : &world->commit;
    copse_status status =
        answer_support_make(world, root, &query.options, NULL, &car, &stats, &err);
    if (status != COPSE_END) {
        fail_msg("no answer: %s, %s", copse_status_name(status), err.message);
    }
    assert_int_equal(stats.size_bytes, car.len);
    assert_int_equal(stats.documents, expected.count);
    size_t piece = test_random_below(seed, 2) == 0 ? SIZE_MAX / 2 : 1 + test_random_below(seed, 99);
    answer_verdict verdict = verify_in(world, root, &query, &car, piece, &expected);
    assert_sound(&verdict);
    answer_support_assert_stats(&verdict.stats, &stats);
    tally->answers++;
    tally->some += expected.count > 0 && expected.count < documents;
    tally->claims += stats.claims;
    tally->sorted += query.options.sort != NULL;
    copse_buf_release(&car);
    answer_expected_release(&expected);
    answer_query_release(&query);
}

static void test_random_answers(void **state)
{
    (void)state;
    random_tally tally = {0};
    uint64_t seed = 6;
    for (uint64_t i = 0; i < 12; i++) {
        answer_world world;
        size_t documents = i * i;
        answer_world_init_random(&world, i, documents);
        for (size_t j = 0; j < 40; j++) {
            check_random_query(&world, &seed, documents, &tally);
        }
        answer_world_release(&world);
    }
    print_message("%zu answers, %zu of them neither nothing nor all, %zu by indexes, %zu sorted\n",
                  tally.answers, tally.some, tally.claims, tally.sorted);
    assert_true(tally.some * 10 >= tally.answers * 3);
    assert_true(tally.claims * 10 >= tally.answers);
}

/* ---- Exact counts ---------------------------------------------------------------------------- */

typedef struct count_case {
    const char *filter;
    const char *sort;
    const char *projection;
    uint64_t skip;
    uint64_t limit;
    copse_answer_stats stats;
} count_case;

static void check_counts(answer_world *world, const count_case *expected_counts)
{
    answer_query query;
    answer_expected expected;
    copse_buf car;
    copse_answer_stats stats = {0};
    answer_query_init(&query, expected_counts->filter, expected_counts->sort,
                      expected_counts->projection, expected_counts->skip, expected_counts->limit);
    answer_expected_init(&expected, world, &query.options);
    assert_int_equal(
        answer_support_make(world, &world->commit, &query.options, NULL, &car, &stats, NULL),
        COPSE_END);
    answer_verdict verdict = verify_in(world, &world->commit, &query, &car, 1000, &expected);
    assert_sound(&verdict);
    answer_support_assert_stats(&stats, &expected_counts->stats);
    copse_buf_release(&car);
    answer_expected_release(&expected);
    answer_query_release(&query);
}

static void test_exact_counts(void **state)
{
    (void)state;
    static const count_case cases[] = {
        {"{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 32, {32, 41, 0, 76340, true}},
        {"{\"createdAt\":{\"$gte\":1500}}",
         "createdAt",
         "{\"title\":1}",
         0,
         32,
         {32, 14, 0, 21659, true}},
        {"{\"_id\":777}", NULL, NULL, 0, 0, {1, 8, 0, 9415, false}},
        {"{\"_id\":77777}", NULL, NULL, 0, 0, {0, 8, 0, 11220, false}},
        {"{\"tags\":\"none\"}", NULL, NULL, 0, 0, {0, 8, 0, 11185, true}},
        {NULL, "title", NULL, 3, 5, {5, 164, 0, 327183, false}},
    };
    answer_world world;
    answer_world_init_posts(&world, 2000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_counts(&world, &cases[i]);
    }
    answer_world_release(&world);
}

/* R5: behind the entries come their documents at once; the path to each document's row is needed
 * only where the index does not link. */
static void test_exact_counts_of_links(void **state)
{
    (void)state;
    static const count_case cases[] = {
        {"{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 32, {32, 44, 0, 23698, true}},
        {"{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 1, {1, 11, 0, 14343, true}},
        {"{\"createdAt\":{\"$gte\":1500}}", "createdAt", NULL, 0, 32, {32, 53, 0, 39799, true}},
    };
    answer_world world;
    answer_world_init_linked_posts(&world, 2000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_counts(&world, &cases[i]);
    }
    answer_world_release(&world);
}

/* ---- The verified plan ----------------------------------------------------------------------- */

/* Compares what the verifier says of the run with what a local run by the same plan says. */
static void check_same_run(const answer_one *one, const copse_answer_verifier *verifier)
{
    const copse_env *env = &one->query.env;
    copse_query *query;
    copse_result *result;
    copse_bytes document;
    copse_buf texts[2];
    copse_bytes plan = copse_answer_verifier_plan(verifier);
    copse_buf_init(&texts[0], env, SIZE_MAX);
    copse_buf_init(&texts[1], env, SIZE_MAX);
    assert_int_equal(copse_query_new(env, &one->query.options, &query, NULL), COPSE_OK);
    assert_int_equal(copse_query_plan(query, one->world.database, &texts[0], NULL), COPSE_OK);
    assert_true(copse_bytes_equal(plan, copse_buf_view(&texts[0])));
    assert_int_equal(copse_result_open_plan(query, one->world.database, plan, &result, NULL),
                     COPSE_OK);
    while (copse_result_next(result, &document, NULL) == COPSE_OK) {
    }
    copse_result_stats stats = copse_answer_verifier_result_stats(verifier);
    copse_result_stats right = copse_result_get_stats(result);
    assert_memory_equal(&stats, &right, sizeof stats);
    assert_int_equal(stats.returned, 12);
    copse_buf_truncate(&texts[0], 0);
    assert_int_equal(copse_result_explain(result, &texts[0], NULL), COPSE_OK);
    assert_int_equal(copse_answer_verifier_explain(verifier, &texts[1], NULL), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&texts[0]), copse_buf_view(&texts[1])));
    copse_result_close(result);
    copse_query_free(query);
    copse_buf_release(&texts[0]);
    copse_buf_release(&texts[1]);
}

/* F3: the plan is known from when the catalogue is, that is behind plan, commit, root and a path,
 * and not before. */
static void test_verified_plan(void **state)
{
    (void)state;
    answer_one *one = answer_one_new();
    copse_answer_verifier *verifier;
    copse_bytes document;
    copse_buf text;
    copse_status status = COPSE_WANT;
    size_t unknown = 0;
    copse_buf_init(&text, &one->query.env, SIZE_MAX);
    assert_int_equal(copse_answer_verifier_new(&one->query.env, &one->world.commit,
                                               &one->query.options, NULL, &verifier, NULL),
                     COPSE_OK);
    for (size_t i = 0; i < one->car.len && status == COPSE_WANT; i++) {
        copse_result_stats stats = copse_answer_verifier_result_stats(verifier);
        if (copse_answer_verifier_plan(verifier).len == 0) {
            unknown = i;
            assert_int_equal(copse_answer_verifier_explain(verifier, &text, NULL), COPSE_MISUSE);
            assert_int_equal(stats.keys_examined + stats.returned, 0);
            assert_int_equal(text.len, 0);
        }
        assert_int_equal(
            copse_answer_verifier_feed(verifier, (copse_bytes){one->car.ptr + i, 1}, NULL),
            COPSE_OK);
        do {
            status = copse_answer_verifier_next(verifier, &document, NULL);
        } while (status == COPSE_OK);
    }
    copse_answer_verifier_feed_end(verifier);
    assert_int_equal(copse_answer_verifier_next(verifier, &document, NULL), COPSE_END);
    size_t catalogue = one->sections[4].offset;
    assert_in_range(unknown, catalogue, one->car.len / 2);
    check_same_run(one, verifier);
    copse_answer_verifier_free(verifier);
    copse_buf_release(&text);
    answer_one_free(one);
}

/* ---- Roots that are not sound, and what is not there ----------------------------------------- */

/* The absence of a collection is an answer too. */
static void test_no_collection(void **state)
{
    (void)state;
    answer_world world;
    answer_query query;
    answer_expected expected;
    copse_buf car;
    answer_world_init_posts(&world, 50);
    answer_query_init(&query, "{\"a\":1}", NULL, NULL, 0, 0);
    query.options.collection = copse_bytes_of_text("users");
    answer_expected_init(&expected, &world, &query.options);
    assert_int_equal(answer_support_make(&world, NULL, &query.options, NULL, &car, NULL, NULL),
                     COPSE_END);
    answer_verdict verdict =
        verify_in(&world, copse_tree_root(world.db.tree), &query, &car, 10, &expected);
    assert_sound(&verdict);
    assert_int_equal(verdict.stats.documents, 0);
    assert_false(verdict.stats.claims);
    copse_buf_release(&car);
    answer_expected_release(&expected);
    answer_query_release(&query);
    answer_world_release(&world);
}

/* What the maker can't be asked for: a root that is none, and an index that isn't there. */
static void test_misuse(void **state)
{
    (void)state;
    answer_one *one = answer_one_new();
    copse_buf car;
    const copse_cid *node = &one->sections[3].cid; /* behind plan, commit and root */
    copse_query_options ghost = one->query.options;
    ghost.hint = copse_bytes_of_text("ghost");
    assert_int_equal(
        answer_support_make(&one->world, node, &one->query.options, NULL, &car, NULL, NULL),
        COPSE_CORRUPT);
    copse_buf_release(&car);
    assert_int_equal(answer_support_make(&one->world, NULL, &ghost, NULL, &car, NULL, NULL),
                     COPSE_NOT_FOUND);
    copse_buf_release(&car);
    answer_one_free(one);
}

/* A commit of another tree. */
static void test_commit_of_another_tree(void **state)
{
    (void)state;
    answer_world world;
    answer_query query;
    copse_buf car;
    answer_world_init_posts(&world, 20);
    copse_cid commit = world.commit;
    copse_database_close(world.database);
    database_world_insert(&world.db, "posts", "{\"_id\":1000}");
    database_world_commit(&world.db);
    assert_int_equal(copse_database_open(world.db.tree, &world.database, NULL), COPSE_OK);
    answer_query_init(&query, NULL, NULL, NULL, 0, 0);
    assert_int_equal(answer_support_make(&world, &commit, &query.options, NULL, &car, NULL, NULL),
                     COPSE_MISUSE);
    copse_buf_release(&car);
    answer_query_release(&query);
    answer_world_release(&world);
}

/* N3: a root whose index leads to a document that does not have the entry is found out, by the
 * maker and, with the blocks that came before, by the verifier. */
static void test_false_entry(void **state)
{
    (void)state;
    plant_world plant;
    answer_sparse run;
    answer_query query;
    copse_buf car;
    copse_err err = {0};
    copse_status status = COPSE_OK;
    database_plant_init(&plant);
    const copse_env *env = database_world_env(&plant.db);
    database_plant_put(&plant, database_plant_document_key(&plant, "posts", "5"),
                       database_plant_value("{\"_id\":5,\"n\":123456}"));
    copse_cid root = database_plant_apply(&plant);
    copse_buf_init(&car, env, SIZE_MAX);
    answer_query_init(&query, NULL, "n", NULL, 0, 0);
    query.options.hint = copse_bytes_of_text("n");
    assert_int_equal(answer_sparse_init(&run, env, plant.damaged), COPSE_OK);
    status = answer_sparse_run(&run, &root, NULL, &query.options, proof_support_sink(&car), &err);
    assert_int_equal(status, COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "does not have the entry that led to it"));

    copse_answer_verifier *verifier;
    copse_bytes document;
    assert_int_equal(copse_answer_verifier_new(env, &root, &query.options, NULL, &verifier, &err),
                     COPSE_OK);
    assert_int_equal(copse_answer_verifier_feed(verifier, copse_buf_view(&car), &err), COPSE_OK);
    do {
        status = copse_answer_verifier_next(verifier, &document, &err);
    } while (status == COPSE_OK);
    assert_int_equal(status, COPSE_CORRUPT);
    assert_int_equal(copse_answer_verifier_fault(verifier), COPSE_ANSWER_BROKEN_ROOT);
    copse_answer_verifier_free(verifier);
    answer_sparse_release(&run);
    copse_buf_release(&car);
    answer_query_release(&query);
    copse_store_close(plant.damaged);
    database_plant_release(&plant);
}

/* A countdown of documents, and how often it was asked. */
static bool stop_at(void *ctx)
{
    uint64_t *left = ctx;
    return (*left)-- == 0;
}

/* Whoever makes an answer can end it before any document, between two blocks too. */
static void test_stop(void **state)
{
    (void)state;
    answer_one *one = answer_one_new();
    for (uint64_t documents = 0; documents < one->stats.documents; documents++) {
        uint64_t left = documents;
        copse_buf car;
        copse_answer_stats stats;
        const copse_answer_maker_options options = {.stop = stop_at, .stop_ctx = &left};
        assert_int_equal(answer_support_make(&one->world, &one->world.commit, &one->query.options,
                                             &options, &car, &stats, NULL),
                         COPSE_LIMIT);
        assert_int_equal(stats.documents, documents);
        assert_true(car.len <= one->car.len && memcmp(car.ptr, one->car.ptr, car.len) == 0);
        copse_buf_release(&car);
    }
    answer_one_free(one);
}

/* The maker's memory is that of the env that it is given, the blocks that it holds too. */
static void test_memory(void **state)
{
    (void)state;
    answer_one *one = answer_one_new();
    test_env env;
    copse_buf car;
    test_env_init(&env);
    const copse_answer_maker_options options = {.env = &env.env};
    assert_int_equal(answer_support_make(&one->world, &one->world.commit, &one->query.options,
                                         &options, &car, NULL, NULL),
                     COPSE_END);
    assert_true(copse_bytes_equal(copse_buf_view(&car), copse_buf_view(&one->car)));
    assert_true(env.peak_bytes > car.len);
    test_env_assert_empty(&env);
    copse_buf_release(&car);
    answer_one_free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_answers),
        cmocka_unit_test(test_exact_counts),
        cmocka_unit_test(test_exact_counts_of_links),
        cmocka_unit_test(test_verified_plan),
        cmocka_unit_test(test_no_collection),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_commit_of_another_tree),
        cmocka_unit_test(test_false_entry),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
