/* Copse as a row of the peers' benchmark, workload W1: included by its harness's bench.h, as the
 * other native peers are. bench/w1/run builds and runs it beside them.
 *
 * Variants: copse-c+nosync (durability off), copse-c+normal, copse-c+sync (full).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <bench.h>

#include <copse/batch.h>
#include <copse/builder.h>
#include <copse/cursor.h>
#include <copse/pack_store.h>
#include <copse/sorter.h>

#define CHECK(call) check((call), #call)

static copse_env env;
static copse_err err;
static copse_os *os;
static copse_pack_db *db;
static copse_source *source;
static copse_node_cache *cache;
static copse_tree *tree; /* NULL: the store is empty */
static copse_cid head;

static void check(copse_status status, const char *call)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "%s: %s: %s\n", call, copse_status_name(status), err.message);
        exit(1);
    }
}

static copse_bytes ref_main(void)
{
    return copse_bytes_of_text("main");
}

static void db_open(const char *dir)
{
    copse_pack_options options = {.create = true, .durability = COPSE_DURABILITY_FULL};
    if (strcmp(VARIANT, "nosync") == 0) {
        options.durability = COPSE_DURABILITY_OFF;
    } else if (strcmp(VARIANT, "normal") == 0) {
        options.durability = COPSE_DURABILITY_NORMAL;
    }
    copse_env_init(&env);
    copse_env_init_posix(&env);
    CHECK(copse_os_posix_new(&env, &os, &err));
    CHECK(copse_pack_db_open(&env, os, dir, &options, &db, &err));
    CHECK(copse_source_new(&env, copse_pack_db_store(db), &source, &err));
    CHECK(copse_node_cache_new(&env, source, &cache, &err));
    copse_status status = copse_refs_get(copse_pack_db_refs(db), ref_main(), &head, &err);
    tree = NULL;
    if (status != COPSE_NOT_FOUND) {
        CHECK(status);
        CHECK(copse_tree_open(cache, &head, &tree, &err));
    }
}

static void db_close(void)
{
    tree = copse_tree_close(tree);
    cache = copse_node_cache_free(cache);
    source = copse_source_free(source);
    db = copse_pack_db_close(db);
    os = copse_os_free(os);
}

/* The record's value as DAG-CBOR. */
static copse_bytes value_of(const unsigned char *record, uint8_t buffer[VL + 2])
{
    buffer[0] = 0x58;
    buffer[1] = VL;
    memcpy(buffer + 2, record + KL, VL);
    return (copse_bytes){buffer, VL + 2};
}

static void db_load(const unsigned char *kv, long n)
{
    copse_sorter *sorter;
    copse_builder *builder;
    uint8_t value[VL + 2];
    size_t memory = (size_t)n * (RL + 64) + (1 << 20); /* all of it: the others have no bound */
    CHECK(copse_sorter_new(&env, memory, NULL, &sorter, &err));
    CHECK(copse_pack_db_begin_bulk(db, &err));
    CHECK(copse_builder_new(&env, copse_pack_db_store(db), NULL, &builder, &err));
    for (long i = 0; i < n; i++) {
        const unsigned char *record = kv + i * RL;
        CHECK(copse_sorter_add(sorter, (copse_bytes){record, KL}, value_of(record, value), &err));
    }
    CHECK(copse_sorter_build(sorter, builder, &err));
    CHECK(copse_builder_finish(builder, &head, &err));
    CHECK(copse_refs_swap(copse_pack_db_refs(db), ref_main(), NULL, &head, &err));
    copse_builder_free(builder);
    copse_sorter_free(sorter);
    CHECK(copse_tree_open(cache, &head, &tree, &err));
}

static long db_gets(const unsigned char *keys, int n)
{
    long count = 0;
    for (int i = 0; i < n; i++) {
        copse_bytes value;
        if (copse_tree_get(tree, (copse_bytes){keys + i * KL, KL}, &value, NULL) == COPSE_OK) {
            count += value.len == VL + 2;
        }
    }
    return count;
}

static long db_scans(const unsigned char *keys, int n, int rows)
{
    long count = 0;
    volatile unsigned sum = 0;
    copse_cursor *cursor;
    CHECK(copse_cursor_new(tree, &cursor, &err));
    for (int i = 0; i < n; i++) {
        copse_status status = copse_cursor_seek(cursor, (copse_bytes){keys + i * KL, KL}, &err);
        for (int j = 0; status == COPSE_OK && j < rows; j++) {
            sum += copse_cursor_value(cursor).ptr[2];
            count++;
            status = copse_cursor_next(cursor, &err);
        }
    }
    copse_cursor_free(cursor);
    return count;
}

static void db_commits(const unsigned char *kv, int n)
{
    copse_batch *batch;
    CHECK(copse_batch_new(&env, &batch, &err));
    for (int i = 0; i < n; i++) {
        const unsigned char *record = kv + i * RL;
        uint8_t value[VL + 2];
        copse_tree *next;
        copse_batch_clear(batch);
        CHECK(copse_batch_put(batch, (copse_bytes){record, KL}, value_of(record, value), &err));
        CHECK(copse_tree_apply(tree, batch, copse_pack_db_store(db), &next, NULL, &err));
        CHECK(copse_refs_swap(copse_pack_db_refs(db), ref_main(), &head, copse_tree_root(next),
                              &err));
        copse_tree_close(tree);
        tree = next;
        head = *copse_tree_root(tree);
    }
    copse_batch_free(batch);
}
