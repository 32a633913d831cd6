/* Unions against one sorted list of all documents, with random databases, indexes and queries; over
 * blocks that come when they are wanted, or never; with sources that fail; without memory.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/union.h>

#include "support/query_world.h"
#include "support/want_supply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SOURCES_MAX = 5, ROUNDS_MAX = 200, DOCUMENTS_OF_EACH = 100 };

_Static_assert(SOURCES_MAX *DOCUMENTS_OF_EACH <= QUERY_BRUTE_DOCUMENTS_MAX, "all of them fit");

/* ---- Random databases ------------------------------------------------------------------------ */

typedef struct union_worlds {
    query_world worlds[SOURCES_MAX];
    copse_database *databases[SOURCES_MAX];
    size_t count;
    query_brute_documents all; /* in the order of the sources */
} union_worlds;

static void worlds_init(union_worlds *worlds, uint64_t seed)
{
    *worlds = (union_worlds){.count = 1 + seed % SOURCES_MAX};
    for (size_t i = 0; i < worlds->count; i++) {
        query_world *world = &worlds->worlds[i];
        query_world_init(world, seed * SOURCES_MAX + i);
        query_world_change(world);
        assert_int_equal(copse_database_open(world->db.tree, &worlds->databases[i], NULL),
                         COPSE_OK);
        for (uint64_t id = 0; id < DOCUMENTS_OF_EACH; id++) {
            if (world->documents.encoded[id].len > 0) {
                query_brute_put(&worlds->all, i * DOCUMENTS_OF_EACH + id,
                                world->documents.encoded[id]);
            }
        }
    }
}

static void worlds_release(union_worlds *worlds)
{
    query_brute_release(&worlds->all);
    for (size_t i = 0; i < worlds->count; i++) {
        copse_database_close(worlds->databases[i]);
        query_world_release(&worlds->worlds[i]);
    }
}

static copse_union *worlds_union(union_worlds *worlds, const copse_query_options *options)
{
    copse_union *all = NULL;
    assert_int_equal(
        copse_union_new(database_world_env(&worlds->worlds[0].db), options, &all, NULL), COPSE_OK);
    for (size_t i = 0; i < worlds->count; i++) {
        assert_int_equal(copse_union_add_database(all, worlds->databases[i], NULL), COPSE_OK);
    }
    return all;
}

static void worlds_check_count(union_worlds *worlds, const copse_query_options *options,
                               const query_brute_check *check)
{
    uint64_t count = 0;
    copse_union *all = worlds_union(worlds, options);
    assert_int_equal(copse_union_count(all, &count, NULL), COPSE_OK);
    assert_int_equal(count, check->expected);
    copse_union_free(all);
}

/* True: the query found some documents, and not all. */
static bool worlds_check(union_worlds *worlds, const copse_query_options *options,
                         const query_brute_answer *answer)
{
    query_brute_check check;
    copse_bytes document;
    size_t source;
    copse_status status;
    copse_err err = {0};
    copse_union *all = worlds_union(worlds, options);
    query_brute_check_init(&check, answer, options);
    while ((status = copse_union_next(all, &document, &source, &err)) == COPSE_OK) {
        assert_in_range(source, 0, worlds->count - 1);
        assert_true(query_brute_check_take(&check, document));
    }
    if (status != COPSE_END) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
    assert_int_equal(check.count, check.expected);
    assert_int_equal(copse_union_next(all, &document, &source, &err), COPSE_END);
    copse_union_free(all);
    worlds_check_count(worlds, options, &check);
    return answer->count > 0 && answer->count < worlds->all.count;
}

/* A union is the sorted list of all, whatever the sort, skip, limit, and indexes of each (U1). */
static void test_model(void **state)
{
    enum { SEEDS = 24, QUERIES = 40 };
    uint64_t run = 0;
    uint64_t some = 0;
    (void)state;
    query_brute_answer *answer = calloc(1, sizeof *answer);
    union_worlds *worlds = malloc(sizeof *worlds);
    assert_true(answer != NULL && worlds != NULL);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        worlds_init(worlds, seed);
        for (size_t i = 0; i < QUERIES; i++) {
            query_world_query query;
            query_world_query_init(&worlds->worlds[0], &query);
            if (query_brute_run(database_world_env(&worlds->worlds[0].db), &worlds->all,
                                &query.options, answer) == COPSE_OK) {
                run++;
                some += worlds_check(worlds, &query.options, answer);
                query_brute_answer_release(answer);
            }
            query_world_query_release(&query);
        }
        worlds_release(worlds);
    }
    free(worlds);
    free(answer);
    print_message("union: %llu queries, %llu of them with some of the documents\n",
                  (unsigned long long)run, (unsigned long long)some);
    assert_true(run > SEEDS * QUERIES / 2 && some * 10 > run * 3);
}

/* ---- Blocks that are elsewhere --------------------------------------------------------------- */

/* A database of which nothing is here. */
typedef struct far_source {
    database_world db;
    copse_source *source;
    copse_node_cache *nodes;
    copse_tree *tree;
    copse_database *database;
    want_supply supply;
    copse_status fails; /* opening it fails with this */
} far_source;

typedef struct far_world {
    far_source sources[SOURCES_MAX];
    size_t count;
} far_world;

/* Source number `number` has the documents of `count` that it has by the remainder. Only those of
 * an even number have an index. */
static void far_source_init(far_source *far, size_t number, size_t count)
{
    char json[96];
    *far = (far_source){.fails = COPSE_OK};
    database_world *db = &far->db;
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id",
                          number % 2 == 0 ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE);
    if (number % 2 == 0) {
        database_world_index(db, "posts", "at", "at", NULL);
    }
    for (size_t i = number; i < 300 * count; i += count) {
        (void)snprintf(json, sizeof json, "{\"_id\":%zu,\"at\":%zu,\"by\":%zu}", i, i * 7 % 1000,
                       number);
        database_world_insert(db, "posts", json);
    }
    database_world_commit(db);
}

static void far_world_init(far_world *world, size_t count)
{
    *world = (far_world){.count = count};
    for (size_t i = 0; i < count; i++) {
        far_source_init(&world->sources[i], i, count);
    }
}

static void far_source_forget(far_source *far)
{
    far->database = copse_database_close(far->database);
    far->tree = copse_tree_close(far->tree);
    copse_node_cache_free(far->nodes);
    copse_source_free(far->source);
    far->source = NULL;
    far->nodes = NULL;
    far->supply = (want_supply){.got_count = 0};
}

static void far_world_release(far_world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        far_source_forget(&world->sources[i]);
        database_world_release(&world->sources[i].db);
    }
}

/* copse_union_source.open */
static copse_status far_open(void *ctx, copse_database **ret_database, copse_err *err)
{
    far_source *far = ctx;
    const copse_env *env = database_world_env(&far->db);
    if (far->fails != COPSE_OK) {
        return far->fails;
    }
    if (far->source == NULL) {
        assert_int_equal(copse_source_new(env, NULL, &far->source, NULL), COPSE_OK);
        assert_int_equal(copse_node_cache_new(env, far->source, &far->nodes, NULL), COPSE_OK);
    }
    copse_status status =
        far->tree == NULL
            ? copse_tree_open(far->nodes, copse_tree_root(far->db.tree), &far->tree, err)
            : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_database_open(far->tree, &far->database, err);
    }
    if (status == COPSE_OK) {
        *ret_database = far->database;
    }
    return status;
}

static copse_union *far_union(far_world *world, const copse_query_options *options)
{
    copse_union *all = NULL;
    assert_int_equal(
        copse_union_new(database_world_env(&world->sources[0].db), options, &all, NULL), COPSE_OK);
    for (size_t i = 0; i < world->count; i++) {
        const copse_union_source source = {
            .open = far_open, .ctx = &world->sources[i], .is_foreign = i % 2 == 0};
        assert_int_equal(copse_union_add(all, &source, NULL), COPSE_OK);
    }
    return all;
}

/* What an answer is made of. */
typedef struct far_answer {
    size_t count;
    size_t of[SOURCES_MAX]; /* documents of each source */
    size_t rounds;
    size_t failures;
} far_answer;

/* Asks until the end: what is wanted is supplied to all that wait, who can't be is left out. The
 * documents must ascend by `at`, then by _id. */
static far_answer far_ask(far_world *world, copse_union *all)
{
    far_answer answer = {.count = 0};
    copse_bytes document;
    size_t source;
    copse_status status;
    copse_buf before;
    copse_sort_spec sort = {.count = 0};
    const copse_env *env = database_world_env(&world->sources[0].db);
    copse_buf_init(&before, env, SIZE_MAX);
    assert_int_equal(copse_sort_spec_parse(env, copse_bytes_of_text("at,_id"), false, &sort, NULL),
                     COPSE_OK);
    while ((status = copse_union_next(all, &document, &source, NULL)) != COPSE_END) {
        assert_true(answer.rounds < ROUNDS_MAX);
        if (status == COPSE_OK) {
            static const uint8_t nothing[] = {0xf6};
            copse_buf key;
            copse_buf_init(&key, env, SIZE_MAX);
            assert_int_equal(
                copse_sort_spec_key(&sort, document, (copse_bytes){nothing, 1}, &key, NULL),
                COPSE_OK);
            assert_true(copse_bytes_compare(copse_buf_view(&before), copse_buf_view(&key)) < 0);
            copse_buf_release(&before);
            before = key;
            answer.count++;
            answer.of[source]++;
            continue;
        }
        if (status != COPSE_WANT) {
            assert_in_range(copse_union_failed(all), 0, world->count - 1);
            answer.failures++;
            continue;
        }
        answer.rounds++;
        for (size_t i = 0; i < world->count; i++) {
            far_source *far = &world->sources[i];
            if (copse_union_is_waiting(all, i) &&
                !want_supply_round(&far->supply, far->source, far->db.world.store)) {
                copse_union_leave_out(all, i);
            }
        }
    }
    copse_sort_spec_release(&sort);
    copse_buf_release(&before);
    return answer;
}

static far_answer far_run(far_world *world, const copse_query_options *options)
{
    copse_union *all = far_union(world, options);
    far_answer answer = far_ask(world, all);
    copse_union_free(all);
    for (size_t i = 0; i < world->count; i++) {
        far_source_forget(&world->sources[i]);
    }
    return answer;
}

static void far_options(copse_query_options *options, copse_sort_spec *sort, const copse_env *env)
{
    *options = (copse_query_options){.collection = copse_bytes_of_text("posts"), .sort = sort};
    assert_int_equal(copse_sort_spec_parse(env, copse_bytes_of_text("at"), false, sort, NULL),
                     COPSE_OK);
}

/* U2: sources wait together, so that many take hardly more rounds than one of each kind. */
static void test_waits_together(void **state)
{
    far_world two;
    far_world many;
    copse_query_options options;
    copse_sort_spec sort;
    (void)state;
    far_world_init(&two, 2);
    far_world_init(&many, SOURCES_MAX);
    far_options(&options, &sort, database_world_env(&two.sources[0].db));
    options.limit = 20;
    far_answer few = far_run(&two, &options);
    far_answer together = far_run(&many, &options);
    assert_int_equal(few.count, 20);
    assert_int_equal(together.count, 20);
    print_message("union: %zu rounds for two sources, %zu for %d\n", few.rounds, together.rounds,
                  SOURCES_MAX);
    assert_true(together.rounds <= few.rounds + 2);
    copse_sort_spec_release(&sort);
    far_world_release(&many);
    far_world_release(&two);
}

/* U3: with a limit little is read of each. */
static void test_reads_little(void **state)
{
    far_world world;
    copse_query_options options;
    copse_sort_spec sort;
    (void)state;
    far_world_init(&world, SOURCES_MAX);
    far_options(&options, &sort, database_world_env(&world.sources[0].db));
    options.limit = 20;
    copse_union *all = far_union(&world, &options);
    far_answer answer = far_ask(&world, all);
    assert_int_equal(answer.count, 20);
    for (size_t i = 0; i < world.count; i += 2) { /* those with an index */
        copse_result_stats stats = copse_union_get_stats(all, i);
        assert_in_range(stats.documents_examined, answer.of[i], answer.of[i] + 1);
        assert_in_range(stats.keys_examined, 1, 2 * answer.of[i] + 10);
    }
    copse_union_free(all);
    copse_sort_spec_release(&sort);
    far_world_release(&world);
}

/* Each block that was wanted is taken away in turn: its source is left out or, where it was not
 * needed any more, not; the others give all of theirs. */
static void test_missing(void **state)
{
    far_world world;
    copse_query_options options;
    copse_sort_spec sort;
    size_t left_out = 0;
    (void)state;
    far_world_init(&world, 2);
    far_options(&options, &sort, database_world_env(&world.sources[0].db));
    copse_union *all = far_union(&world, &options);
    assert_int_equal(far_ask(&world, all).count, 600);
    copse_union_free(all);
    for (size_t i = 0; i < world.count; i++) {
        want_supply had = world.sources[i].supply;
        assert_true(had.got_count > 10);
        for (size_t j = 0; j < had.got_count; j += 3) {
            far_source_forget(&world.sources[0]);
            far_source_forget(&world.sources[1]);
            world.sources[i].supply.missing = had.got[j];
            all = far_union(&world, &options);
            far_answer answer = far_ask(&world, all);
            copse_union_free(all);
            assert_int_equal(answer.of[1 - i], 300);
            assert_true(answer.of[i] < 300);
            assert_int_equal(answer.failures, 0);
            left_out++;
        }
    }
    assert_true(left_out > 10);
    copse_sort_spec_release(&sort);
    far_world_release(&world);
}

/* ---- Failures -------------------------------------------------------------------------------- */

static void test_failing_source(void **state)
{
    far_world world;
    copse_query_options options;
    copse_sort_spec sort;
    uint64_t count = 0;
    (void)state;
    far_world_init(&world, 3);
    far_options(&options, &sort, database_world_env(&world.sources[0].db));
    world.sources[1].fails = COPSE_IO;
    far_answer answer = far_run(&world, &options);
    assert_int_equal(answer.failures, 1);
    assert_int_equal(answer.of[0], 300);
    assert_int_equal(answer.of[1], 0);
    assert_int_equal(answer.of[2], 300);

    copse_union *all = far_union(&world, &options);
    copse_status status;
    while ((status = copse_union_count(all, &count, NULL)) == COPSE_WANT || status == COPSE_IO) {
        assert_int_equal(copse_union_failed(all), status == COPSE_IO ? 1 : SIZE_MAX);
        for (size_t i = 0; i < world.count && status == COPSE_WANT; i++) {
            far_source *far = &world.sources[i];
            if (copse_union_is_waiting(all, i)) {
                assert_true(want_supply_round(&far->supply, far->source, far->db.world.store));
            }
        }
    }
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(count, 600);
    copse_union_free(all);
    copse_sort_spec_release(&sort);
    far_world_release(&world);
}

static void test_misuse(void **state)
{
    far_world world;
    copse_bytes document;
    size_t source;
    copse_union *all = NULL;
    (void)state;
    far_world_init(&world, 1);
    const copse_env *env = database_world_env(&world.sources[0].db);
    copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                   .hint = copse_bytes_of_text("at")};
    assert_int_equal(copse_union_new(env, &options, &all, NULL), COPSE_MISUSE);
    options.hint = (copse_bytes){NULL, 0};
    assert_int_equal(copse_union_new(env, &options, &all, NULL), COPSE_OK);
    for (size_t i = 0; i < COPSE_UNION_SOURCES_MAX; i++) {
        const copse_union_source far = {.open = far_open, .ctx = &world.sources[0]};
        assert_int_equal(copse_union_add(all, &far, NULL), COPSE_OK);
    }
    assert_int_equal(copse_union_add_database(all, NULL, NULL), COPSE_LIMIT);
    copse_union_free(all);
    assert_int_equal(copse_union_new(env, &options, &all, NULL), COPSE_OK);
    assert_int_equal(copse_union_next(all, &document, &source, NULL), COPSE_END); /* of none */
    copse_union_free(all);
    world.sources[0].fails = COPSE_IO;
    all = far_union(&world, &options);
    assert_int_equal(copse_union_next(all, &document, &source, NULL), COPSE_IO);
    assert_int_equal(copse_union_add_database(all, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_union_next(all, &document, &source, NULL), COPSE_END);
    copse_union_free(all);
    far_world_release(&world);
}

/* ---- Memory ---------------------------------------------------------------------------------- */

typedef struct sweep_world {
    database_world dbs[2];
} sweep_world;

static copse_status sweep_ask(copse_union *all)
{
    copse_bytes document;
    size_t source;
    size_t count = 0;
    copse_status status;
    while ((status = copse_union_next(all, &document, &source, NULL)) == COPSE_OK) {
        count++;
    }
    if (status == COPSE_END) {
        assert_int_equal(count, 12);
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    sweep_world *world = ctx;
    copse_database *databases[2] = {NULL, NULL};
    copse_sort_spec sort = {.count = 0};
    copse_union *all = NULL;
    copse_query_options options = {
        .collection = copse_bytes_of_text("posts"), .sort = &sort, .skip = 2, .limit = 12};
    copse_bytes projection = database_world_value("{\"by\":0}");
    options.projection = projection;
    copse_status status =
        copse_sort_spec_parse(env, copse_bytes_of_text("-at"), false, &sort, NULL);
    if (status == COPSE_OK) {
        status = copse_union_new(env, &options, &all, NULL);
    }
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        assert_int_equal(copse_database_open(world->dbs[i].tree, &databases[i], NULL), COPSE_OK);
        status = copse_union_add_database(all, databases[i], NULL);
    }
    status = status == COPSE_OK ? sweep_ask(all) : status;
    copse_union_free(all);
    copse_sort_spec_release(&sort);
    database_world_free(projection);
    copse_database_close(databases[0]);
    copse_database_close(databases[1]);
    return status;
}

static void test_allocations(void **state)
{
    sweep_world world;
    char json[96];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        database_world *db = &world.dbs[i];
        database_world_init(db, NULL);
        database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
        if (i == 0) {
            database_world_index(db, "posts", "at", "-at", NULL);
        }
        for (size_t j = 0; j < 20; j++) {
            (void)snprintf(json, sizeof json, "{\"_id\":%zu,\"at\":%zu,\"by\":%zu}", j, j * 3, i);
            database_world_insert(db, "posts", json);
        }
        database_world_commit(db);
    }
    assert_true(test_env_sweep(sweep_run, &world, 2000) > 20);
    database_world_release(&world.dbs[0]);
    database_world_release(&world.dbs[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),          cmocka_unit_test(test_waits_together),
        cmocka_unit_test(test_reads_little),   cmocka_unit_test(test_missing),
        cmocka_unit_test(test_failing_source), cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
