/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/answer_support.h"

#include <copse/commit.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_model.h"
#include "support/value_random.h"

static void answer_must(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err->message);
    }
}

/* ---- Worlds ---------------------------------------------------------------------------------- */

/* Commits what was collected, opens the database, and puts a commit of it. */
static void answer_world_open(answer_world *world)
{
    const copse_env *env = database_world_env(&world->db);
    copse_err err = {0};
    copse_commit commit;
    copse_block *block = NULL;
    database_world_commit(&world->db);
    answer_must(copse_database_open(world->db.tree, &world->database, &err), &err);
    answer_must(copse_commit_next(env, world->db.world.source, copse_tree_root(world->db.tree),
                                  NULL, 0, &commit, &err),
                &err);
    answer_must(copse_commit_encode(env, &commit, &block, &err), &err);
    answer_must(copse_store_put(world->db.world.store, &block, 1, &err), &err);
    world->commit = *copse_block_cid(block);
    copse_block_unref(block);
}

void answer_world_init_random(answer_world *world, uint64_t seed, size_t documents)
{
    static const struct {
        const char *name;
        const char *fields;
        const char *options;
    } indexes[] = {{"a", "a", NULL},
                   {"b_c", "b,-c", NULL},
                   {"d", "-d", "link"},
                   {"a_b", "a,b", "include=c"},
                   {"part", "b", "filter={\"a\":{\"$gt\":0}}"}};
    database_world_init(&world->db, NULL);
    database_world_create(&world->db, "posts", "_id",
                          seed % 2 == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        bool skip_link =
            seed % 2 == 0 && indexes[i].options != NULL && strcmp(indexes[i].options, "link") == 0;
        if (test_random_below(&seed, 3) > 0 && !skip_link) {
            database_world_index(&world->db, "posts", indexes[i].name, indexes[i].fields,
                                 indexes[i].options);
        }
    }
    for (size_t i = 0; i < documents; i++) {
        char *json = database_model_random_document(&seed, (int)i, 0);
        database_world_insert(&world->db, "posts", json);
        free(json);
    }
    answer_world_open(world);
}

static void answer_world_fill(answer_world *world, size_t documents, bool linked)
{
    copse_tree_config config;
    copse_tree_config_init(&config);
    database_world_init(&world->db, &config);
    database_world_create(&world->db, "posts", "_id",
                          linked ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE);
    database_world_index(&world->db, "posts", "tags_created", "tags[],-createdAt",
                         linked ? "link" : NULL);
    database_world_index(&world->db, "posts", "created", "createdAt", "include=title");
    for (size_t i = 0; i < documents; i++) {
        char json[256];
        snprintf(json, sizeof json,
                 "{\"_id\":%zu,\"createdAt\":%zu,\"tags\":[\"t%zu\",\"u%zu\"],\"title\":\"%0*zu\"}",
                 i, 1000 + i * 7 % documents, i % 10, i % 3, 100, i);
        database_world_insert(&world->db, "posts", json);
    }
    answer_world_open(world);
}

void answer_world_init_posts(answer_world *world, size_t documents)
{
    answer_world_fill(world, documents, false);
}

void answer_world_init_linked_posts(answer_world *world, size_t documents)
{
    answer_world_fill(world, documents, true);
}

void answer_world_release(answer_world *world)
{
    copse_database_close(world->database);
    database_world_release(&world->db);
}

/* ---- Queries --------------------------------------------------------------------------------- */

static void answer_query_finish(answer_query *query, const char *sort, const char *projection)
{
    copse_err err = {0};
    copse_env_init(&query->env);
    query->options.collection = copse_bytes_of_text("posts");
    query->options.filter = query->filter;
    if (projection != NULL) {
        query->projection = database_world_value(projection);
        query->options.projection = query->projection;
    }
    if (sort != NULL) {
        answer_must(copse_sort_spec_parse(&query->env, copse_bytes_of_text(sort), false,
                                          &query->sort, &err),
                    &err);
        query->options.sort = &query->sort;
    }
}

void answer_query_init(answer_query *query, const char *filter, const char *sort,
                       const char *projection, uint64_t skip, uint64_t limit)
{
    *query = (answer_query){.options = {.skip = skip, .limit = limit}};
    if (filter != NULL) {
        query->filter = database_world_value(filter);
    }
    answer_query_finish(query, sort, projection);
}

/* A copy in malloc's memory. */
static copse_bytes answer_keep(const copse_buf *buf)
{
    uint8_t *bytes = malloc(buf->len + 1);
    assert_non_null(bytes);
    memcpy(bytes, buf->ptr, buf->len);
    return (copse_bytes){bytes, buf->len};
}

void answer_query_init_random(answer_query *query, uint64_t *seed)
{
    static const char *const filters[] = {
        "{}",
        "{\"a\":{\"$gt\":0}}",
        "{\"b\":\"x\"}",
        "{\"a\":1,\"b\":{\"$gte\":0}}",
        "{\"_id\":{\"$in\":[3,9,11,1000]}}",
        "{\"$or\":[{\"a\":2},{\"d\":{\"$lt\":3}}]}",
        "{\"c\":{\"$type\":\"string\"}}",
        "{\"d\":{\"$gte\":1}}",
    };
    static const char *const sorts[] = {NULL, NULL, "a", "-d", "b,-c", "a,b", "-c,a", "_id"};
    static const char *const projections[] = {NULL, NULL, "{\"a\":1,\"b\":1}",
                                              "{\"a\":1,\"b\":1,\"_id\":0}", "{\"pad\":0}"};
    *query = (answer_query){.options = {.limit = test_random_below(seed, 3) * 4}};
    if (test_random_below(seed, 3) == 0) {
        copse_env env;
        copse_buf filter;
        copse_env_init(&env);
        copse_buf_init(&filter, &env, SIZE_MAX);
        assert_int_equal(value_random_filter(seed, 2, &filter), COPSE_OK);
        query->filter = answer_keep(&filter);
        copse_buf_release(&filter);
    } else {
        query->filter = database_world_value(filters[test_random_below(seed, 8)]);
    }
    query->options.skip = test_random_below(seed, 3) == 0 ? test_random_below(seed, 6) : 0;
    if (test_random_below(seed, 4) == 0) {
        query->options.hint = copse_bytes_of_text("$natural");
    }
    const char *sort = sorts[test_random_below(seed, 8)];
    answer_query_finish(query, sort, projections[test_random_below(seed, 5)]);
}

void answer_query_release(answer_query *query)
{
    database_world_free(query->filter);
    database_world_free(query->projection);
    copse_sort_spec_release(&query->sort);
}

/* ---- What is right --------------------------------------------------------------------------- */

void answer_expected_init(answer_expected *expected, answer_world *world,
                          const copse_query_options *options)
{
    copse_err err = {0};
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    copse_status status;
    *expected = (answer_expected){.count = 0};
    copse_env_init(&expected->env);
    copse_buf_init(&expected->documents, &expected->env, SIZE_MAX);
    answer_must(copse_query_new(&expected->env, options, &query, &err), &err);
    answer_must(copse_result_open(query, world->database, &result, &err), &err);
    while ((status = copse_result_next(result, &document, &err)) == COPSE_OK) {
        copse_bytes size = {(const uint8_t *)&document.len, sizeof document.len};
        answer_must(copse_buf_append(&expected->documents, size), &err);
        answer_must(copse_buf_append(&expected->documents, document), &err);
        expected->count++;
    }
    answer_must(status == COPSE_END ? COPSE_OK : status, &err);
    copse_result_close(result);
    copse_query_free(query);
}

void answer_expected_release(answer_expected *expected)
{
    copse_buf_release(&expected->documents);
}

/* Takes the next expected document from *rest and compares. */
static void answer_check_document(copse_bytes *rest, copse_bytes document)
{
    size_t size;
    assert_true(rest->len >= sizeof size);
    memcpy(&size, rest->ptr, sizeof size);
    copse_bytes right = {rest->ptr + sizeof size, size};
    assert_true(copse_bytes_equal(document, right));
    *rest = (copse_bytes){right.ptr + size, rest->len - sizeof size - size};
}

/* ---- Making and verifying -------------------------------------------------------------------- */

copse_status answer_support_make(answer_world *world, const copse_cid *root,
                                 const copse_query_options *query,
                                 const copse_answer_maker_options *options, copse_buf *buf,
                                 copse_answer_stats *ret_stats, copse_err *err)
{
    copse_answer_maker *maker = NULL;
    copse_buf_init(buf, database_world_env(&world->db), SIZE_MAX);
    copse_status status = copse_answer_maker_new(world->database, root, query, options,
                                                 proof_support_sink(buf), &maker, err);
    while (status == COPSE_OK) {
        status = copse_answer_maker_next(maker, err);
    }
    if (maker != NULL && ret_stats != NULL) {
        *ret_stats = copse_answer_maker_stats(maker);
    }
    copse_answer_maker_free(maker);
    return status;
}

void answer_support_assert_stats(const copse_answer_stats *stats, const copse_answer_stats *right)
{
    assert_int_equal(stats->documents, right->documents);
    assert_int_equal(stats->blocks, right->blocks);
    assert_int_equal(stats->had, right->had);
    assert_int_equal(stats->size_bytes, right->size_bytes);
    assert_int_equal(stats->claims, right->claims);
}

/* Verifies what was fed as far as it goes. */
static copse_status answer_verify_on(copse_answer_verifier *verifier, copse_bytes *rest,
                                     copse_err *err)
{
    copse_bytes document;
    copse_status status;
    while ((status = copse_answer_verifier_next(verifier, &document, err)) == COPSE_OK) {
        answer_check_document(rest, document);
    }
    return status;
}

answer_verdict answer_support_verify(const copse_env *env, const copse_cid *root,
                                     const copse_query_options *query,
                                     const copse_answer_verifier_options *options, copse_bytes car,
                                     size_t piece, const answer_expected *expected)
{
    answer_verdict verdict = {.status = COPSE_WANT};
    copse_answer_verifier *verifier = NULL;
    copse_bytes rest = copse_buf_view(&expected->documents);
    copse_status made =
        copse_answer_verifier_new(env, root, query, options, &verifier, &verdict.err);
    if (made != COPSE_OK) {
        verdict.status = made;
        return verdict;
    }
    for (size_t at = 0; verdict.status == COPSE_WANT && at < car.len; at += piece) {
        size_t size = car.len - at < piece ? car.len - at : piece;
        answer_must(
            copse_answer_verifier_feed(verifier, (copse_bytes){car.ptr + at, size}, &verdict.err),
            &verdict.err);
        verdict.status = answer_verify_on(verifier, &rest, &verdict.err);
    }
    if (verdict.status == COPSE_WANT) {
        copse_answer_verifier_feed_end(verifier);
        verdict.status = answer_verify_on(verifier, &rest, &verdict.err);
        assert_true(verdict.status != COPSE_WANT);
    }
    assert_true(verdict.status != COPSE_END || rest.len == 0);
    assert_int_equal(answer_verify_on(verifier, &rest, NULL), verdict.status);
    verdict.fault = copse_answer_verifier_fault(verifier);
    assert_int_equal(verdict.fault != COPSE_ANSWER_SOUND, verdict.status == COPSE_CORRUPT);
    verdict.stats = copse_answer_verifier_stats(verifier);
    copse_answer_verifier_free(verifier);
    return verdict;
}

/* ---- One answer ------------------------------------------------------------------------------ */

answer_one *answer_one_new(void)
{
    answer_one *one = calloc(1, sizeof *one);
    assert_non_null(one);
    answer_world_init_posts(&one->world, 300);
    answer_query_init(&one->query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 12);
    one->query.options.hint = copse_bytes_of_text("tags_created");
    answer_expected_init(&one->expected, &one->world, &one->query.options);
    assert_int_equal(answer_support_make(&one->world, &one->world.commit, &one->query.options, NULL,
                                         &one->car, &one->stats, NULL),
                     COPSE_END);
    one->count =
        proof_support_sections(database_world_env(&one->world.db), copse_buf_view(&one->car),
                               one->sections, ANSWER_ONE_SECTIONS_MAX);
    return one;
}

void answer_one_free(answer_one *one)
{
    copse_buf_release(&one->car);
    answer_expected_release(&one->expected);
    answer_query_release(&one->query);
    answer_world_release(&one->world);
    free(one);
}

/* ---- A store of its own ---------------------------------------------------------------------- */

copse_status answer_sparse_init(answer_sparse *sparse, const copse_env *env, copse_store *store)
{
    *sparse = (answer_sparse){.source = NULL};
    copse_status status = copse_source_new(env, store, &sparse->source, NULL);
    return status == COPSE_OK ? copse_node_cache_new(env, sparse->source, &sparse->cache, NULL)
                              : status;
}

void answer_sparse_release(answer_sparse *sparse)
{
    copse_answer_maker_free(sparse->maker);
    copse_database_close(sparse->database);
    copse_tree_close(sparse->tree);
    copse_node_cache_free(sparse->cache);
    copse_source_free(sparse->source);
}

copse_status answer_sparse_run(answer_sparse *sparse, const copse_cid *tree, const copse_cid *root,
                               const copse_query_options *query, copse_car_sink sink,
                               copse_err *err)
{
    copse_status status = COPSE_OK;
    if (sparse->tree == NULL) {
        status = copse_tree_open(sparse->cache, tree, &sparse->tree, err);
    }
    if (status == COPSE_OK && sparse->database == NULL) {
        status = copse_database_open(sparse->tree, &sparse->database, err);
    }
    if (status == COPSE_OK && sparse->maker == NULL) {
        status =
            copse_answer_maker_new(sparse->database, root, query, NULL, sink, &sparse->maker, err);
    }
    while (status == COPSE_OK) {
        status = copse_answer_maker_next(sparse->maker, err);
    }
    return status;
}
