/* $sort and $group in little memory: the same answers, to the bit, as with much; and what becomes
 * of them where there is nowhere to spill to, or what was spilled comes back wrong.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "query/spill.h"
#include "support/memory_runs.h"
#include "support/pipeline_world.h"

enum { SPILL_POSTS = 3000, SPILL_AUTHORS = 900, SPILL_MEMORY = 1 << 17 };

static void spill_world_init(database_world *db)
{
    uint64_t random = 7;
    char filler[401];
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    memset(filler, 'x', sizeof filler - 1);
    for (int i = 0; i < SPILL_POSTS; i++) {
        char json[1024];
        int author = (int)test_random_below(&random, SPILL_AUTHORS);
        int size = (int)test_random_below(&random, 400);
        (void)snprintf(json, sizeof json,
                       "{\"_id\":%d,\"author\":\"%.*sauthor %d\",\"score\":%d.%d,\"even\":%d,"
                       "\"text\":\"%.*s\"}",
                       i, author % 3 == 0 ? 300 : 0, filler, author,
                       (int)test_random_below(&random, 100), (int)test_random_below(&random, 10),
                       author % 2, size, filler);
        database_world_insert(db, "posts", json);
    }
    database_world_commit(db);
}

static const char *const spill_pipelines[] = {
    "[{'$sort':{'score':1}}]",
    "[{'$sort':{'author':-1,'text':1}}]",
    "[{'$sort':{'author':-1,'text':1}},{'$skip':100},{'$limit':1500}]",
    "[{'$group':{'_id':'$author','n':{'$sum':1},'avg':{'$avg':'$score'},"
    "'dev':{'$stdDevPop':'$score'}}}]",
    "[{'$group':{'_id':'$text','all':{'$push':'$_id'},'set':{'$addToSet':'$even'},"
    "'first':{'$first':'$author'},'last':{'$last':'$author'}}}]",
    "[{'$group':{'_id':'$even','n':{'$firstN':{'input':'$author','n':3}},"
    "'l':{'$lastN':{'input':'$_id','n':3}},'lo':{'$minN':{'input':'$score','n':3}},"
    "'top':{'$topN':{'n':2,'sortBy':{'score':-1,'_id':1},'output':'$_id'}},"
    "'bottom':{'$bottom':{'sortBy':{'score':1,'_id':1},'output':'$_id'}}}}]",
    "[{'$group':{'_id':'$_id','m':{'$mergeObjects':{'a':'$author'}},'t':{'$max':'$text'}}}]",
    "[{'$group':{'_id':{'a':'$author','e':'$even'},'s':{'$sum':'$score'},"
    "'set':{'$addToSet':'$score'}}},{'$sort':{'s':-1}}]",
    "[{'$sortByCount':'$text'}]",
    "[{'$group':{'_id':'$_id','even':{'$addToSet':'$even'},'one':{'$addToSet':'a'}}}]",
};

/* Runs it; what it spilled is in `runs`. */
static copse_status spill_run(database_world *db, const char *stages, size_t memory,
                              const copse_run_store *store, copse_buf *answer, copse_err *err)
{
    const pipeline_world_options options = {
        .collection = "posts", .stages = stages, .memory_bytes_max = memory, .runs = store};
    copse_buf_truncate(answer, 0);
    return pipeline_world_run(db, &options, answer, NULL, err);
}

/* S1, C3, O1, O2: the bound changes nothing. */
static void test_same_for_any_memory(void **state)
{
    (void)state;
    static const size_t memories[] = {SPILL_MEMORY, 150000, 200000, 300000, 400000, 1000000};
    database_world db;
    copse_buf whole;
    copse_buf answer;
    size_t spilled = 0;
    spill_world_init(&db);
    copse_buf_init(&whole, database_world_env(&db), SIZE_MAX);
    copse_buf_init(&answer, database_world_env(&db), SIZE_MAX);
    for (size_t i = 0; i < sizeof spill_pipelines / sizeof *spill_pipelines; i++) {
        assert_int_equal(spill_run(&db, spill_pipelines[i], 0, NULL, &whole, NULL), COPSE_END);
        for (size_t m = 0; m < sizeof memories / sizeof *memories; m++) {
            memory_runs runs;
            copse_err err = {.message = ""};
            copse_run_store store = memory_runs_init(&runs);
            /* two stages hold documents in some: each has its share */
            size_t memory =
                strstr(spill_pipelines[i], "sort") != NULL ? 2 * memories[m] : memories[m];
            copse_status status = spill_run(&db, spill_pipelines[i], memory, &store, &answer, &err);
            if (status != COPSE_END) {
                fail_msg("%s in %zu: %s", spill_pipelines[i], memory, err.message);
            }
            if (!copse_bytes_equal(copse_buf_view(&answer), copse_buf_view(&whole))) {
                fail_msg("%s in %zu bytes differs", spill_pipelines[i], memory);
            }
            assert_int_equal(runs.live, 0);
            spilled += runs.live_max > 0;
        }
    }
    assert_in_range(spilled, 12, 54);
    copse_buf_release(&whole);
    copse_buf_release(&answer);
    database_world_release(&db);
}

/* The most memory that a run takes beyond what there was. */
static size_t spill_peak(database_world *db, const char *stages)
{
    memory_runs runs;
    copse_run_store store = memory_runs_init(&runs);
    const pipeline_world_options options = {.collection = "posts",
                                            .stages = stages,
                                            .memory_bytes_max = 2 * SPILL_MEMORY,
                                            .runs = &store};
    test_env *test = &db->world.test;
    copse_pipeline *pipeline = NULL;
    copse_pipeline_run *run = NULL;
    copse_database *database = NULL;
    copse_bytes document;
    copse_status status = COPSE_OK;
    assert_int_equal(pipeline_world_prepare(&test->env, &options, &pipeline, NULL), COPSE_OK);
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    assert_int_equal(copse_pipeline_open(pipeline, database, &run, NULL), COPSE_OK);
    size_t before = test->size_bytes;
    test->peak_bytes = before;
    while (status == COPSE_OK) {
        status = copse_pipeline_next(run, &document, NULL);
    }
    assert_int_equal(status, COPSE_END);
    size_t peak = test->peak_bytes - before;
    copse_pipeline_close(run);
    copse_database_close(database);
    copse_pipeline_free(pipeline);
    return peak;
}

/* What is allowed, and besides that what the query takes for a batch of documents. */
static void test_memory_is_bounded(void **state)
{
    (void)state;
    enum { BESIDES = 1 << 19 };
    database_world db;
    spill_world_init(&db);
    (void)spill_peak(&db, spill_pipelines[0]); /* the nodes that are kept */
    for (size_t i = 0; i < sizeof spill_pipelines / sizeof *spill_pipelines; i++) {
        assert_in_range(spill_peak(&db, spill_pipelines[i]), 1, 2 * SPILL_MEMORY + BESIDES);
    }
    database_world_release(&db);
}

static void test_nowhere_to_spill(void **state)
{
    (void)state;
    static const char *const stages[] = {
        "[{'$sort':{'score':1}}]",
        "[{'$group':{'_id':'$_id','n':{'$sum':1}}}]",
        "[{'$group':{'_id':1,'n':{'$push':'$text'}}}]",
        "[{'$facet':{'a':[]}}]",
    };
    database_world db;
    copse_buf answer;
    spill_world_init(&db);
    copse_buf_init(&answer, database_world_env(&db), SIZE_MAX);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        copse_err err = {.message = ""};
        assert_int_equal(spill_run(&db, stages[i], SPILL_MEMORY, NULL, &answer, &err), COPSE_LIMIT);
        assert_non_null(strstr(err.message, "--memory"));
    }
    copse_buf_release(&answer);
    database_world_release(&db);
}

static void test_too_little_memory(void **state)
{
    (void)state;
    copse_env env;
    copse_pipeline *pipeline = NULL;
    copse_err err = {.message = ""};
    const pipeline_world_options options = {
        .collection = "posts", .stages = "[{'$sort':{'a':1}}]", .memory_bytes_max = 1000};
    copse_env_init(&env);
    assert_int_equal(pipeline_world_prepare(&env, &options, &pipeline, &err), COPSE_LIMIT);
    assert_non_null(strstr(err.message, "take at least 131072 bytes"));
}

/* Each call of the run store fails in turn; each read comes back with a wrong bit. */
static void test_runs_fail(void **state)
{
    (void)state;
    static const char *const stages[] = {
        "[{'$sort':{'score':1}}]",
        "[{'$group':{'_id':'$text','all':{'$push':'$_id'}}}]",
    };
    database_world db;
    copse_buf answer;
    copse_buf whole;
    spill_world_init(&db);
    copse_buf_init(&answer, database_world_env(&db), SIZE_MAX);
    copse_buf_init(&whole, database_world_env(&db), SIZE_MAX);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        memory_runs runs;
        uint64_t failed = 0;
        uint64_t garbled = 0;
        assert_int_equal(spill_run(&db, stages[i], 0, NULL, &whole, NULL), COPSE_END);
        for (uint64_t at = 0;; at += 1 + at / 3) {
            copse_run_store store = memory_runs_init(&runs);
            runs.fail_at = at;
            copse_status status = spill_run(&db, stages[i], SPILL_MEMORY, &store, &answer, NULL);
            assert_int_equal(runs.live, 0);
            if (!runs.failed) {
                assert_int_equal(status, COPSE_END);
                break;
            }
            /* what fails when it is removed fails nothing */
            assert_true(status == COPSE_IO || status == COPSE_END);
            failed += status == COPSE_IO;
        }
        for (uint64_t at = 0;; at += 1 + at / 3) {
            copse_run_store store = memory_runs_init(&runs);
            runs.garble_read = at;
            copse_status status = spill_run(&db, stages[i], SPILL_MEMORY, &store, &answer, NULL);
            if (!runs.garbled) {
                break;
            }
            assert_int_equal(status, COPSE_CORRUPT);
            garbled++;
        }
        assert_true(failed > 3 && garbled > 3);
    }
    copse_buf_release(&answer);
    copse_buf_release(&whole);
    database_world_release(&db);
}

/* ---- Rows ---------------------------------------------------------------------------------------
 */

enum { ROWS = 200, ROW_KEY = 3000, ROW_SIZE = 40000 };

/* Row `number`: eight in a row have keys that differ at the end only, or are equal, in pairs; the
 * keys of every other eight are too long for the sorter, and the rows of the others for an entry.
 */
static void spill_add_row(copse_spill *spill, unsigned number)
{
    static uint8_t key[ROW_KEY];
    static uint8_t row[ROW_SIZE];
    bool is_long = number / 8 % 2 == 0;
    size_t key_size = is_long ? ROW_KEY : 100;
    memset(key, 'k', sizeof key);
    key[0] = (uint8_t)(number / 8);
    key[key_size - 1] = (uint8_t)(number / 2);
    memset(row, (int)number, sizeof row);
    assert_int_equal(
        copse_spill_add(spill, (copse_bytes){key, key_size},
                        (copse_bytes){row, is_long ? 1 + number : 1 + number * ROW_SIZE / ROWS},
                        NULL),
        COPSE_OK);
}

/* S1 to S3: keys longer than the sorter takes, rows larger than an entry, equal keys. */
static void test_spill_rows(void **state)
{
    (void)state;
    memory_runs runs;
    test_env test;
    copse_spill spill;
    copse_run_store store = memory_runs_init(&runs);
    copse_bytes key;
    copse_bytes row;
    test_env_init(&test);
    assert_int_equal(
        copse_spill_init(&spill, &test.env, &store, COPSE_SPILL_MEMORY_BYTES_MIN, NULL), COPSE_OK);
    for (unsigned i = 0; i < ROWS; i += 2) { /* pairs in their order, others mixed */
        unsigned number = (i * 37) % ROWS;
        spill_add_row(&spill, number);
        spill_add_row(&spill, number + 1);
    }
    for (unsigned i = 0; i < ROWS; i++) {
        bool is_long = i / 8 % 2 == 0;
        assert_int_equal(copse_spill_next(&spill, &key, &row, NULL), COPSE_OK);
        assert_int_equal(key.ptr[0], i / 8);
        assert_int_equal(row.len, is_long ? 1 + i : 1 + i * ROW_SIZE / ROWS);
        assert_int_equal(row.ptr[0], i);
        assert_int_equal(row.ptr[row.len - 1], i);
    }
    assert_int_equal(copse_spill_next(&spill, &key, &row, NULL), COPSE_END);
    assert_true(copse_spill_bytes(&spill) > 0);
    copse_spill_release(&spill);
    test_env_assert_empty(&test);
    assert_int_equal(runs.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_for_any_memory), cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_nowhere_to_spill),    cmocka_unit_test(test_too_little_memory),
        cmocka_unit_test(test_runs_fail),           cmocka_unit_test(test_spill_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
