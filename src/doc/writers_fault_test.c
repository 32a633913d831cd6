/* Allocations that fail while statements are written, kept to and read.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>
#include <copse/write.h>
#include <copse/writers.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What was signed before. */
typedef struct writers_said {
    copse_key *creator;
    copse_key *writer;
    copse_identity identity;
    copse_buf statement; /* writer is admin */
} writers_said;

/* What a run of the sweep holds. */
typedef struct writers_run {
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_write *write;
    copse_tree *tree;
    copse_tree *next;
    copse_database *database;
    copse_authority *authority;
} writers_run;

static copse_status writers_run_begin(const copse_env *env, writers_run *run)
{
    copse_tree_config config;
    copse_tree_config_init(&config);
    copse_status status = copse_memory_store_new(env, &run->store, NULL);
    if (status == COPSE_OK) {
        status = copse_source_new(env, run->store, &run->source, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_node_cache_new(env, run->source, &run->cache, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_tree_new(run->cache, run->store, &config, &run->tree, NULL);
    }
    return status == COPSE_OK ? copse_write_new(env, &run->write, NULL) : status;
}

static void writers_run_end(writers_run *run)
{
    copse_authority_free(run->authority);
    copse_database_close(run->database);
    copse_tree_close(run->next);
    copse_tree_close(run->tree);
    copse_write_free(run->write);
    copse_node_cache_free(run->cache);
    copse_source_free(run->source);
    copse_store_close(run->store);
}

/* Makes a database with a grant, in which BEN then writes, and reads its authority. */
static copse_status writers_sweep(const copse_env *env, void *ctx)
{
    static const uint8_t document[] = {0xa1, 0x63, '_', 'i', 'd', 1};
    const writers_said *said = ctx;
    const copse_write_options options = {.key = said->writer};
    writers_run run = {.store = NULL};
    copse_status status = writers_run_begin(env, &run);
    if (status == COPSE_OK) {
        status = copse_write_create_database(run.write, &said->identity, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_write_add_statement(run.write, copse_buf_view(&said->statement), NULL);
    }
    if (status == COPSE_OK) {
        status = copse_write_insert(run.write, copse_bytes_of_text("posts"),
                                    (copse_bytes){document, sizeof document}, NULL, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_write_apply(run.write, run.tree, run.store, &options, &run.next, NULL, NULL,
                                   NULL);
    }
    if (status == COPSE_OK) {
        status = copse_database_open(run.next, &run.database, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_writers_authority(run.database, &run.authority, NULL);
    }
    writers_run_end(&run);
    return status;
}

static copse_status writers_random(void *ctx, void *ret_bytes, size_t size)
{
    (void)ctx;
    memset(ret_bytes, 7, size);
    return COPSE_OK;
}

static void test_memory_that_is_not_there(void **state)
{
    (void)state;
    const uint8_t seeds[2][COPSE_KEY_SEED_SIZE_BYTES] = {{1}, {2}};
    test_env test;
    writers_said said;
    test_env_init(&test);
    test.env.random = writers_random;
    assert_int_equal(copse_key_from_seed(&test.env, seeds[0], &said.creator, NULL), COPSE_OK);
    assert_int_equal(copse_key_from_seed(&test.env, seeds[1], &said.writer, NULL), COPSE_OK);
    assert_int_equal(copse_identity_new(&test.env, said.creator, &said.identity, NULL), COPSE_OK);
    const copse_statement grant = {.kind = COPSE_STATEMENT_GRANT,
                                   .to = *copse_key_public(said.writer),
                                   .database = said.identity.cid,
                                   .time_ms = 1000,
                                   .items_count = 1,
                                   .can = {{COPSE_RIGHT_ADMIN, copse_bytes_of_text("posts")}}};
    copse_buf_init(&said.statement, &test.env, SIZE_MAX);
    assert_int_equal(copse_statement_make(said.creator, &grant, &said.statement, NULL), COPSE_OK);
    assert_true(test_env_sweep(writers_sweep, &said, 5000) > 50);
    copse_buf_release(&said.statement);
    copse_key_free(said.creator);
    copse_key_free(said.writer);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
