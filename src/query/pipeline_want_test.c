/* Pipelines over blocks that are not there, and with memory that is not there: what is wanted is
 * supplied, and the answer is the same; each block and each allocation is taken away in turn.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/memory_runs.h"
#include "support/pipeline_world.h"
#include "support/want_supply.h"

enum { POSTS = 120, ROUNDS_MAX = 200 };

static void posts_init(database_world *db, copse_documents_form form)
{
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id", form);
    database_world_create(db, "people", "_id", form);
    database_world_index(db, "posts", "n", "n", NULL);
    database_world_index(db, "people", "likes", "likes[]", NULL);
    for (int i = 0; i < POSTS; i++) {
        char json[160];
        (void)snprintf(json, sizeof json,
                       "{\"_id\":%d,\"author\":\"p%d\",\"n\":%d,\"tags\":[\"t%d\",\"u%d\"]}", i,
                       i % 7, (i * 37) % 10, i % 4, i % 3);
        database_world_insert(db, "posts", json);
    }
    for (int i = 0; i < 7; i++) {
        char json[96];
        (void)snprintf(json, sizeof json, "{\"_id\":\"p%d\",\"likes\":[%d,%d],\"age\":%d}", i, i,
                       i + 1, 20 + i);
        database_world_insert(db, "people", json);
    }
    database_world_commit(db);
}

/* Each stage of its own memory, before and behind others. */
static const char *const want_stages[] = {
    "[{'$group':{'_id':null,'lo':{'$min':'$n'},'hi':{'$max':'$n'}}}]",
    "[{'$match':{'n':{'$lt':4}}},{'$count':'c'}]",
    "[{'$sort':{'n':1}},{'$limit':7},{'$project':{'author':1,'z':{'$concat':['$author','x']}}}]",
    "[{'$skip':3},{'$sort':{'tags':-1,'_id':1}},{'$skip':2},{'$limit':40},"
    "{'$match':{'$expr':{'$gt':['$n',2]}}}]",
    "[{'$unwind':{'path':'$tags','includeArrayIndex':'i'}},{'$sortByCount':'$tags'}]",
    "[{'$group':{'_id':'$author','all':{'$push':'$_id'},'set':{'$addToSet':'$n'},"
    "'top':{'$top':{'sortBy':{'n':-1},'output':'$n'}},'m':{'$mergeObjects':{'a':'$n','b':'$n'}},"
    "'avg':{'$avg':'$n'}}},{'$replaceWith':{'k':'$_id','s':{'$size':'$set'}}}]",
    "[{'$match':{'n':3}},{'$lookup':{'from':'people','localField':'n','foreignField':'likes',"
    "'as':'fans'}},{'$unset':'tags'},{'$limit':5}]",
    "[{'$limit':4},{'$lookup':{'from':'people','let':{'n':'$n'},'pipeline':"
    "[{'$match':{'$expr':{'$gt':['$age','$$n']}}},{'$sort':{'age':-1}},{'$limit':2}],'as':'x'}}]",
    "[{'$match':{'n':1}},{'$unionWith':{'coll':'people','pipeline':[{'$set':{'p':true}}]}},"
    "{'$skip':2}]",
    "[{'$match':{'n':{'$gte':8}}},{'$facet':{'a':[{'$count':'n'}],'b':[{'$lookup':{'from':"
    "'people','localField':'author','foreignField':'_id','as':'w'}},{'$limit':3}],"
    "'c':[{'$sort':{'_id':-1}},{'$limit':1}]}}]",
};

/* A reader that has nothing but what it was given. */
typedef struct want_reader {
    database_world *full;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_database *database;
    copse_pipeline_run *run;
    want_supply supply;
} want_reader;

/* The next step: opening what is not open, then documents. */
static copse_status reader_step(want_reader *reader, copse_pipeline *pipeline,
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
    if (status == COPSE_OK && reader->run == NULL) {
        status = copse_pipeline_open(pipeline, reader->database, &reader->run, NULL);
    }
    return status == COPSE_OK ? copse_pipeline_next(reader->run, ret_document, NULL) : status;
}

/* Runs it from nothing, appending what it gives (NULL: nowhere). END, or WANT if a block stays
 * missing. */
static copse_status reader_run(database_world *full, copse_pipeline *pipeline,
                               const copse_cid *missing, want_reader *reader, copse_buf *answer)
{
    const copse_env *env = database_world_env(full);
    copse_bytes document;
    *reader = (want_reader){.full = full};
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
        status = reader_step(reader, pipeline, &document);
        if (status == COPSE_OK && answer != NULL) {
            assert_int_equal(copse_buf_append(answer, document), COPSE_OK);
        }
    }
    copse_pipeline_close(reader->run);
    copse_database_close(reader->database);
    copse_tree_close(reader->tree);
    copse_node_cache_free(reader->cache);
    copse_source_free(reader->source);
    return status;
}

/* T2: from nothing the answer is that of who has all; without a block it is WANT to the end. */
static void test_wants(void **state)
{
    (void)state;
    for (int form = 0; form < 2; form++) {
        database_world db;
        copse_buf whole;
        copse_buf again;
        posts_init(&db, form == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED);
        copse_buf_init(&whole, database_world_env(&db), SIZE_MAX);
        copse_buf_init(&again, database_world_env(&db), SIZE_MAX);
        for (size_t i = 0; i < sizeof want_stages / sizeof *want_stages; i++) {
            const pipeline_world_options options = {.collection = "posts",
                                                    .stages = want_stages[i]};
            copse_pipeline *pipeline = NULL;
            want_reader all;
            copse_buf_truncate(&whole, 0);
            copse_buf_truncate(&again, 0);
            assert_int_equal(pipeline_world_run(&db, &options, &whole, NULL, NULL), COPSE_END);
            assert_int_equal(
                pipeline_world_prepare(database_world_env(&db), &options, &pipeline, NULL),
                COPSE_OK);
            assert_int_equal(reader_run(&db, pipeline, NULL, &all, &again), COPSE_END);
            assert_true(whole.len > 0);
            assert_true(copse_bytes_equal(copse_buf_view(&whole), copse_buf_view(&again)));
            assert_true(all.supply.got_count > 3);
            for (size_t b = 0; b < all.supply.got_count; b += 1 + all.supply.got_count / 20) {
                want_reader reader;
                copse_buf_truncate(&again, 0);
                copse_status status =
                    reader_run(&db, pipeline, &all.supply.got[b], &reader, &again);
                /* what was asked for in advance may not be needed */
                assert_true(status == COPSE_WANT ||
                            (status == COPSE_END &&
                             copse_bytes_equal(copse_buf_view(&whole), copse_buf_view(&again))));
            }
            copse_pipeline_free(pipeline);
        }
        copse_buf_release(&whole);
        copse_buf_release(&again);
        database_world_release(&db);
    }
}

typedef struct want_sweep {
    database_world *full;
    const char *stages;
} want_sweep;

/* The pipeline's memory fails; what it reads through has its own. */
static copse_status want_sweep_run(const copse_env *env, void *ctx)
{
    const want_sweep *sweep = ctx;
    memory_runs runs;
    copse_run_store store = memory_runs_init(&runs);
    const pipeline_world_options options = {
        .collection = "posts", .stages = sweep->stages, .runs = &store};
    copse_pipeline *pipeline = NULL;
    want_reader reader;
    copse_status status = pipeline_world_prepare(env, &options, &pipeline, NULL);
    if (status == COPSE_OK) {
        status = reader_run(sweep->full, pipeline, NULL, &reader, NULL);
    }
    copse_pipeline_free(pipeline);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_sweep(void **state)
{
    (void)state;
    database_world db;
    posts_init(&db, COPSE_DOCUMENTS_INLINE);
    for (size_t i = 0; i < sizeof want_stages / sizeof *want_stages; i++) {
        want_sweep sweep = {&db, want_stages[i]};
        assert_true(test_env_sweep(want_sweep_run, &sweep, 20000) > 20);
    }
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wants),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
