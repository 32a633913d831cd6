/* Running queries: what they read exactly, blocks that are not there, memory that is not there, and
 * plans that are not the query's.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <copse/ext_json.h>

#include "query/result.h"
#include "support/database_world.h"
#include "support/want_supply.h"

enum { POSTS = 300, ROUNDS_MAX = 100 };

static void posts_init(database_world *db, copse_documents_form form)
{
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id", form);
    database_world_index(db, "posts", "tags", "tags[],-at", NULL);
    database_world_index(db, "posts", "n", "n,at", "include=text");
    for (int i = 0; i < POSTS; i++) {
        char json[160];
        (void)snprintf(
            json, sizeof json,
            "{\"_id\":%d,\"tags\":[\"t%d\",\"u%d\"],\"at\":%d,\"n\":%d,\"text\":\"x%d\"}", i, i % 7,
            i % 5, (i * 37) % POSTS, i % 4, i);
        database_world_insert(db, "posts", json);
    }
    database_world_commit(db);
}

/* A query as text. */
typedef struct result_case {
    const char *filter;
    const char *sort;
    const char *projection;
    uint64_t skip;
    uint64_t limit;
    const char *hint; /* NULL: none */
} result_case;

static copse_status case_prepare(const copse_env *env, const result_case *test,
                                 copse_query **ret_query)
{
    copse_sort_spec sort = {.count = 0};
    copse_bytes hint = copse_bytes_of_text(test->hint != NULL ? test->hint : "");
    copse_bytes filter = database_world_value(test->filter);
    copse_bytes projection =
        test->projection != NULL ? database_world_value(test->projection) : (copse_bytes){NULL, 0};
    copse_status status =
        copse_sort_spec_parse(env, copse_bytes_of_text(test->sort), false, &sort, NULL);
    if (status == COPSE_OK) {
        const copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                             .filter = filter,
                                             .sort = &sort,
                                             .projection = projection,
                                             .skip = test->skip,
                                             .limit = test->limit,
                                             .hint = hint};
        status = copse_query_new(env, &options, ret_query, NULL);
    }
    copse_sort_spec_release(&sort);
    database_world_free(filter);
    database_world_free(projection);
    return status;
}

/* ---- What is read ---------------------------------------------------------------------------- */

static copse_result_stats case_stats(database_world *db, const result_case *test)
{
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_database *database = NULL;
    copse_bytes document;
    assert_int_equal(case_prepare(database_world_env(db), test, &query), COPSE_OK);
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    assert_int_equal(copse_result_open(query, database, &result, NULL), COPSE_OK);
    copse_status status = COPSE_OK;
    while (status == COPSE_OK) {
        status = copse_result_next(result, &document, NULL);
    }
    assert_int_equal(status, COPSE_END);
    copse_result_stats stats = copse_result_get_stats(result);
    copse_result_close(result);
    copse_database_close(database);
    copse_query_free(query);
    return stats;
}

static void test_reads_exactly(void **state)
{
    (void)state;
    static const struct {
        result_case test;
        copse_result_stats stats;
    } cases[] = {
        {{"{\"tags\":\"t3\"}", "-at", NULL, 0, 5, NULL}, {5, 5, 5, 0}},
        {{"{\"tags\":\"t3\"}", "-at", NULL, 30, 5, NULL}, {5, 5, 5, 0}},
        {{"{\"n\":2}", "at", "{\"text\":1,\"at\":1}", 0, 7, NULL}, {7, 0, 7, 0}},
        {{"{\"n\":{\"$in\":[1,2,3]}}", "-at", "{\"text\":1,\"_id\":0}", 0, 9, NULL}, {9, 0, 9, 0}},
        {{"{\"_id\":{\"$in\":[7,900]}}", "", NULL, 0, 0, NULL}, {2, 1, 1, 0}},
        {{"{\"_id\":{\"$gte\":10,\"$lt\":20}}", "-_id", NULL, 3, 4, NULL}, {4, 4, 4, 0}},
        {{"{\"text\":\"x5\"}", "", NULL, 0, 0, NULL}, {POSTS, POSTS, 1, 0}},
        {{"{\"n\":2}", "text", NULL, 0, 3, NULL}, {POSTS / 4, POSTS / 4, 3, 3}},
        {{"{\"n\":{\"$in\":[]}}", "", NULL, 0, 0, NULL}, {0, 0, 0, 0}},
    };
    database_world db;
    posts_init(&db, COPSE_DOCUMENTS_INLINE);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copse_result_stats stats = case_stats(&db, &cases[i].test);
        if (memcmp(&stats, &cases[i].stats, sizeof stats) != 0) {
            fail_msg("%s: keys %d, documents %d, returned %d, sorted %d", cases[i].test.filter,
                     (int)stats.keys_examined, (int)stats.documents_examined, (int)stats.returned,
                     (int)stats.sorted);
        }
    }
    database_world_release(&db);
}

/* ---- Blocks that are not there --------------------------------------------------------------- */

/* A reader that has nothing but what it was given. */
typedef struct result_reader {
    database_world *full;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_database *database;
    copse_result *result;
    copse_result_stats stats; /* of a count */
    want_supply supply;
} result_reader;

/* The next step: opening what is not open, then documents. */
static copse_status reader_step(result_reader *reader, copse_query *query,
                                copse_bytes *ret_document)
{
    copse_status status = COPSE_OK;
    if (reader->tree == NULL) {
        status = copse_tree_open(reader->cache, copse_tree_root(reader->full->tree), &reader->tree,
                                 NULL);
    }
    if (status == COPSE_OK && reader->database == NULL) {
        status = copse_database_open(reader->tree, &reader->database, NULL);
    }
    if (status == COPSE_OK && reader->result == NULL) {
        status = copse_result_open(query, reader->database, &reader->result, NULL);
    }
    return status == COPSE_OK ? copse_result_next(reader->result, ret_document, NULL) : status;
}

/* Runs a query from nothing, appending what it gives. END, or WANT if a block stays missing. */
static copse_status reader_run(database_world *full, copse_query *query, const copse_cid *missing,
                               result_reader *reader, copse_buf *answer)
{
    const copse_env *env = database_world_env(full);
    copse_bytes document;
    *reader = (result_reader){.full = full};
    if (missing != NULL) {
        reader->supply.missing = *missing;
    }
    assert_int_equal(copse_source_new(env, NULL, &reader->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, reader->source, &reader->cache, NULL), COPSE_OK);
    copse_status status = COPSE_OK;
    while (status == COPSE_OK ||
           (status == COPSE_WANT &&
            want_supply_round(&reader->supply, reader->source, reader->full->world.store))) {
        assert_true(reader->supply.rounds < ROUNDS_MAX);
        status = reader_step(reader, query, &document);
        if (status == COPSE_OK) {
            assert_int_equal(copse_buf_append(answer, document), COPSE_OK);
        }
    }
    copse_result_close(reader->result);
    copse_database_close(reader->database);
    copse_tree_close(reader->tree);
    copse_node_cache_free(reader->cache);
    copse_source_free(reader->source);
    return status;
}

static const result_case want_cases[] = {
    {"{\"tags\":\"t3\"}", "-at", NULL, 0, 12, NULL},
    {"{\"tags\":\"t3\"}", "-at", NULL, 20, 4, NULL},
    {"{\"n\":{\"$in\":[1,2,3]}}", "-at", "{\"text\":1,\"_id\":0}", 0, 9, NULL},
    {"{\"n\":{\"$in\":[1,3]},\"text\":{\"$ne\":\"x3\"}}", "text", NULL, 0, 6, NULL},
    {"{\"_id\":{\"$in\":[7,99,250]}}", "-_id", NULL, 0, 0, NULL},
    {"{\"$or\":[{\"tags\":\"u1\",\"at\":{\"$lt\":20}},{\"n\":1,\"at\":{\"$lt\":9}}]}", "", NULL, 0,
     0, NULL},
};

/* The blocks that each case wants and the rounds that it takes, inline and linked. */
static const size_t want_counts[][2][2] = {
    {{34, 14}, {50, 20}},  {{26, 16}, {30, 18}}, {{25, 13}, {25, 13}},
    {{78, 12}, {384, 17}}, {{13, 10}, {16, 11}}, {{33, 16}, {38, 18}},
};

static void test_wants(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        database_world db;
        posts_init(&db, form == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED);
        for (size_t i = 0; i < sizeof want_cases / sizeof *want_cases; i++) {
            copse_query *query = NULL;
            result_reader whole;
            copse_buf answer;
            copse_buf again;
            copse_buf_init(&answer, database_world_env(&db), SIZE_MAX);
            copse_buf_init(&again, database_world_env(&db), SIZE_MAX);
            assert_int_equal(case_prepare(database_world_env(&db), &want_cases[i], &query),
                             COPSE_OK);
            assert_int_equal(reader_run(&db, query, NULL, &whole, &answer), COPSE_END);
            assert_true(answer.len > 0);
            assert_int_equal(whole.supply.got_count, want_counts[i][form][0]);
            assert_int_equal(whole.supply.rounds, want_counts[i][form][1]);
            for (size_t b = 0; b < whole.supply.got_count; b++) {
                result_reader reader;
                copse_buf_truncate(&again, 0);
                copse_status status = reader_run(&db, query, &whole.supply.got[b], &reader, &again);
                /* what was asked for in advance may not be needed */
                assert_true(status == COPSE_WANT ||
                            (status == COPSE_END &&
                             copse_bytes_equal(copse_buf_view(&answer), copse_buf_view(&again))));
            }
            copse_buf_release(&answer);
            copse_buf_release(&again);
            copse_query_free(query);
        }
        database_world_release(&db);
    }
}

/* ---- Counting across WANTs ------------------------------------------------------------------- */

typedef struct tally_case {
    const char *filter;
    const char *path; /* NULL: it counts */
    size_t blocks;    /* inline and linked */
    size_t rounds;
    size_t linked_blocks;
    size_t linked_rounds;
} tally_case;

/* A step of a count or a distinct, with a database that is opened for it alone: what goes on
 * across a WANT holds nothing of one. */
static copse_status tally_step(result_reader *reader, copse_query *query, const tally_case *test,
                               uint64_t *ret_count, copse_buf *values)
{
    copse_status status =
        copse_tree_open(reader->cache, copse_tree_root(reader->full->tree), &reader->tree, NULL);
    if (status == COPSE_OK) {
        status = copse_database_open(reader->tree, &reader->database, NULL);
    }
    if (status == COPSE_OK) {
        status =
            test->path == NULL
                ? copse_query_count(query, reader->database, ret_count, &reader->stats, NULL, NULL)
                : copse_query_distinct(query, reader->database, copse_bytes_of_text(test->path),
                                       values, NULL);
    }
    reader->database = copse_database_close(reader->database);
    reader->tree = copse_tree_close(reader->tree);
    return status;
}

/* From nothing; `rounds_max`: gives up after so many. */
static copse_status tally_run(database_world *full, copse_query *query, const tally_case *test,
                              size_t rounds_max, result_reader *reader, uint64_t *ret_count,
                              copse_buf *values)
{
    const copse_env *env = database_world_env(full);
    *reader = (result_reader){.full = full};
    assert_int_equal(copse_source_new(env, NULL, &reader->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, reader->source, &reader->cache, NULL), COPSE_OK);
    copse_status status = COPSE_WANT;
    do {
        status = tally_step(reader, query, test, ret_count, values);
    } while (status == COPSE_WANT && reader->supply.rounds < rounds_max &&
             want_supply_round(&reader->supply, reader->source, reader->full->world.store));
    copse_node_cache_free(reader->cache);
    copse_source_free(reader->source);
    return status;
}

static void tally_assert_wanted_once(const result_reader *reader)
{
    for (size_t i = 0; i < reader->supply.got_count; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(copse_cid_equal(&reader->supply.got[i], &reader->supply.got[j]));
        }
    }
}

/* What a whole store says, and the keys that it takes. */
static void tally_compare(database_world *db, copse_query *query, const tally_case *test,
                          const result_reader *reader, uint64_t count, const copse_buf *values)
{
    copse_database *database = NULL;
    uint64_t expected = 0;
    copse_buf all;
    copse_buf_init(&all, database_world_env(db), SIZE_MAX);
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    if (test->path == NULL) {
        assert_int_equal(copse_query_count(query, database, &expected, NULL, NULL, NULL), COPSE_OK);
        assert_true(expected > 0);
        assert_int_equal(count, expected);
        assert_true(reader->stats.documents_examined <= POSTS);
    } else {
        assert_int_equal(
            copse_query_distinct(query, database, copse_bytes_of_text(test->path), &all, NULL),
            COPSE_OK);
        assert_true(copse_bytes_equal(copse_buf_view(values), copse_buf_view(&all)));
    }
    copse_database_close(database);
    copse_buf_release(&all);
}

static const tally_case tally_cases[] = {
    {"{\"text\":{\"$ne\":\"x7\"}}", NULL, 54, 13, 54, 13},
    {"{\"tags\":{\"$in\":[\"t1\",\"u2\"]},\"text\":{\"$ne\":\"x7\"}}", NULL, 95, 22, 195, 25},
    {"{\"$or\":[{\"tags\":\"u1\",\"at\":{\"$lt\":90}},{\"n\":1,\"at\":{\"$lt\":99}}]}", NULL, 70,
     15, 109, 18},
    {"{\"tags\":{\"$in\":[\"t1\",\"u2\"]}}", "text", 95, 22, 195, 25},
    {"{\"n\":{\"$in\":[1,3]}}", "at", 38, 15, 38, 16},
};

/* Each block is wanted once, each document looked at once, however many rounds it takes. */
static void test_tally_goes_on(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        database_world db;
        posts_init(&db, form == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED);
        for (size_t i = 0; i < sizeof tally_cases / sizeof *tally_cases; i++) {
            const tally_case *test = &tally_cases[i];
            const result_case asked = {test->filter, "", NULL, 0, 0, NULL};
            copse_query *query = NULL;
            result_reader reader;
            uint64_t count = 0;
            copse_buf values;
            copse_buf_init(&values, database_world_env(&db), SIZE_MAX);
            assert_int_equal(case_prepare(database_world_env(&db), &asked, &query), COPSE_OK);
            /* given up and begun anew on another store of the same root */
            assert_int_equal(tally_run(&db, query, test, 6, &reader, &count, &values), COPSE_WANT);
            query = copse_query_free(query);
            assert_int_equal(case_prepare(database_world_env(&db), &asked, &query), COPSE_OK);
            assert_int_equal(tally_run(&db, query, test, SIZE_MAX, &reader, &count, &values),
                             COPSE_OK);
            tally_assert_wanted_once(&reader);
            assert_int_equal(reader.supply.got_count,
                             form == 0 ? test->blocks : test->linked_blocks);
            assert_int_equal(reader.supply.rounds, form == 0 ? test->rounds : test->linked_rounds);
            tally_compare(&db, query, test, &reader, count, &values);
            copse_buf_release(&values);
            copse_query_free(query);
        }
        database_world_release(&db);
    }
}

typedef struct tally_sweep {
    database_world *full;
    const tally_case *test;
} tally_sweep;

/* The query's memory fails; what it reads through has its own. */
static copse_status tally_sweep_run(const copse_env *env, void *ctx)
{
    const tally_sweep *sweep = ctx;
    const result_case asked = {sweep->test->filter, "", NULL, 0, 0, NULL};
    copse_query *query = NULL;
    result_reader reader;
    uint64_t count = 0;
    copse_buf values;
    copse_buf_init(&values, env, SIZE_MAX);
    copse_status status = case_prepare(env, &asked, &query);
    if (status == COPSE_OK) {
        status = tally_run(sweep->full, query, sweep->test, SIZE_MAX, &reader, &count, &values);
    }
    copse_query_free(query);
    copse_buf_release(&values);
    return status;
}

static void test_tally_sweep(void **state)
{
    (void)state;
    database_world db;
    posts_init(&db, COPSE_DOCUMENTS_INLINE);
    for (size_t i = 0; i < sizeof tally_cases / sizeof *tally_cases; i++) {
        tally_sweep sweep = {&db, &tally_cases[i]};
        assert_true(test_env_sweep(tally_sweep_run, &sweep, 5000) > 5); /* an arena takes few */
    }
    database_world_release(&db);
}

/* ---- A query that is run again --------------------------------------------------------------- */

/* The allocations of a run that is not the first. */
static uint64_t again_allocations(database_world *db, copse_query *query, uint64_t *ret_rows)
{
    copse_database *database = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    uint64_t calls = 0;
    for (int run = 0; run < 2; run++) {
        assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
        calls = db->world.test.calls;
        *ret_rows = 0;
        assert_int_equal(copse_result_open(query, database, &result, NULL), COPSE_OK);
        while (copse_result_next(result, &document, NULL) == COPSE_OK) {
            *ret_rows += 1;
        }
        result = copse_result_close(result);
        calls = db->world.test.calls - calls;
        database = copse_database_close(database);
    }
    return calls;
}

/* However many documents a run gives, memory is taken for the run alone. */
static void test_allocates_nothing_for_a_document(void **state)
{
    (void)state;
    enum { DOCUMENTS = 1000, RUN_CALLS_MAX = 12 };
    static const result_case cases[] = {
        {"{\"text\":{\"$ne\":\"y\"}}", "", NULL, 0, 0, NULL},
        {"{\"at\":{\"$gte\":0}}", "at", NULL, 0, 0, "at"},
        {"{\"at\":{\"$gte\":0}}", "at", "{\"at\":1}", 0, 0, NULL},
    };
    database_world db;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&db, "posts", "at", "at", NULL);
    for (int i = 0; i < DOCUMENTS; i++) {
        char json[64];
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"at\":%d,\"text\":\"x\"}", i,
                       i * 37 % DOCUMENTS);
        database_world_insert(&db, "posts", json);
    }
    database_world_commit(&db);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copse_query *query = NULL;
        uint64_t rows = 0;
        assert_int_equal(case_prepare(database_world_env(&db), &cases[i], &query), COPSE_OK);
        uint64_t calls = again_allocations(&db, query, &rows);
        assert_int_equal(rows, DOCUMENTS);
        assert_true(calls < RUN_CALLS_MAX);
        copse_query_free(query);
    }
    database_world_release(&db);
}

/* Appends what a run on the database of `tree` gives, and how it is explained. */
static void again_run(copse_tree *tree, copse_query *query, copse_buf *answer)
{
    copse_database *database = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    assert_int_equal(copse_database_open(tree, &database, NULL), COPSE_OK);
    assert_int_equal(copse_result_open(query, database, &result, NULL), COPSE_OK);
    while (copse_result_next(result, &document, NULL) == COPSE_OK) {
        assert_int_equal(copse_buf_append(answer, document), COPSE_OK);
    }
    assert_int_equal(copse_result_explain(result, answer, NULL), COPSE_OK);
    copse_result_close(result);
    copse_database_close(database);
}

/* L4: a plan that is taken again on another database of the same root, and one that is not on
 * another root, give and explain what those of new queries do. */
static void test_plan_is_kept(void **state)
{
    (void)state;
    database_world db;
    posts_init(&db, COPSE_DOCUMENTS_INLINE);
    for (size_t i = 0; i < sizeof want_cases / sizeof *want_cases; i++) {
        copse_query *query = NULL;
        copse_buf kept;
        copse_buf fresh;
        copse_buf_init(&kept, database_world_env(&db), SIZE_MAX);
        copse_buf_init(&fresh, database_world_env(&db), SIZE_MAX);
        assert_int_equal(case_prepare(database_world_env(&db), &want_cases[i], &query), COPSE_OK);
        for (int step = 0; step < 3; step++) {
            copse_query *other = NULL;
            if (step == 2) { /* another root, without the index that the plan used */
                const char *index = i % 2 == 0 ? "tags" : "n";
                assert_int_equal(copse_write_drop_index(db.write, copse_bytes_of_text("posts"),
                                                        copse_bytes_of_text(index), NULL),
                                 COPSE_OK);
                database_world_commit(&db);
            }
            copse_buf_truncate(&kept, 0);
            copse_buf_truncate(&fresh, 0);
            assert_int_equal(case_prepare(database_world_env(&db), &want_cases[i], &other),
                             COPSE_OK);
            again_run(db.tree, query, &kept);
            again_run(db.tree, other, &fresh);
            assert_true(copse_bytes_equal(copse_buf_view(&kept), copse_buf_view(&fresh)));
            assert_non_null(query->idle);
            assert_int_equal(query->idle->planned.complete, true);
            copse_query_free(other);
        }
        copse_buf_release(&kept);
        copse_buf_release(&fresh);
        copse_query_free(query);
        database_world_release(&db);
        posts_init(&db, COPSE_DOCUMENTS_INLINE);
    }
    database_world_release(&db);
}

/* ---- Memory that is not there ---------------------------------------------------------------- */

typedef struct result_sweep {
    copse_store *store;
    const copse_cid *root;
    const result_case *test;
} result_sweep;

static copse_status sweep_read(copse_query *query, copse_tree *tree)
{
    copse_database *database = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    copse_status status = copse_database_open(tree, &database, NULL);
    if (status == COPSE_OK) {
        status = copse_result_open(query, database, &result, NULL);
    }
    while (status == COPSE_OK) {
        status = copse_result_next(result, &document, NULL);
    }
    copse_result_close(result);
    copse_database_close(database);
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    const result_sweep *sweep = ctx;
    copse_source *source = NULL;
    copse_node_cache *cache = NULL;
    copse_tree *tree = NULL;
    copse_query *query = NULL;
    copse_status status = case_prepare(env, sweep->test, &query);
    if (status == COPSE_OK) {
        status = copse_source_new(env, sweep->store, &source, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, source, &cache, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_tree_open(cache, sweep->root, &tree, NULL);
    }
    if (status == COPSE_OK) {
        status = sweep_read(query, tree);
    }
    copse_query_free(query);
    copse_tree_close(tree);
    copse_node_cache_free(cache);
    copse_source_free(source);
    return status;
}

static void test_sweep(void **state)
{
    (void)state;
    database_world db;
    posts_init(&db, COPSE_DOCUMENTS_INLINE);
    for (size_t i = 0; i < sizeof want_cases / sizeof *want_cases; i++) {
        result_sweep sweep = {db.world.store, copse_tree_root(db.tree), &want_cases[i]};
        assert_true(test_env_sweep(sweep_run, &sweep, 5000) > 20);
    }
    database_world_release(&db);
}

/* ---- Plans of others ------------------------------------------------------------------------- */

static void test_denies_other_plans(void **state)
{
    (void)state;
    static const result_case own = {"{\"tags\":\"t3\",\"n\":1}", "-at", NULL, 0, 5, NULL};
    static const result_case others[] = {
        {"{\"tags\":\"t4\",\"n\":1}", "-at", NULL, 0, 5, NULL},
        {"{\"tags\":\"t3\",\"n\":1}", "at", NULL, 0, 5, NULL},
        {"{\"tags\":\"t3\"}", "-at", NULL, 0, 5, NULL},
        {"{}", "", NULL, 0, 0, NULL},
    };
    database_world db;
    copse_database *database = NULL;
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_buf plan;
    copse_err err;
    posts_init(&db, COPSE_DOCUMENTS_INLINE);
    copse_buf_init(&plan, database_world_env(&db), SIZE_MAX);
    assert_int_equal(copse_database_open(db.tree, &database, NULL), COPSE_OK);
    assert_int_equal(case_prepare(database_world_env(&db), &own, &query), COPSE_OK);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        copse_query *other = NULL;
        copse_buf_truncate(&plan, 0);
        assert_int_equal(case_prepare(database_world_env(&db), &others[i], &other), COPSE_OK);
        assert_int_equal(copse_query_plan(other, database, &plan, NULL), COPSE_OK);
        assert_int_equal(
            copse_result_open_plan(query, database, copse_buf_view(&plan), &result, &err),
            COPSE_DENIED);
        copse_query_free(other);
    }
    copse_buf_truncate(&plan, plan.len - 1);
    assert_int_equal(copse_result_open_plan(query, database, copse_buf_view(&plan), &result, &err),
                     COPSE_CORRUPT);
    assert_null(result);
    copse_query_free(query);
    copse_database_close(database);
    copse_buf_release(&plan);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_exactly),
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_tally_goes_on),
        cmocka_unit_test(test_tally_sweep),
        cmocka_unit_test(test_allocates_nothing_for_a_document),
        cmocka_unit_test(test_plan_is_kept),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_denies_other_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
