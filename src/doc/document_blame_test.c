/* Blame against its definition, on random histories with merges; over sparse stores; what it reads.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/document_blame.h>

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/blame_world.h"
#include "support/fault_store.h"
#include "support/head_world.h"
#include "support/sparse_cache.h"
#include "support/want_supply.h"

/* ---- comparing ---- */

typedef struct blame_counts {
    unsigned lines;
    unsigned older; /* of a commit that is not the head */
    unsigned merges;
    unsigned deletions;
    unsigned never;
    unsigned so_far; /* lines of another commit than where they begin, and where they end */
} blame_counts;

static copse_document_blame *blame_begin(copse_node_cache *cache, const copse_cid *head, size_t id)
{
    copse_document_blame *blame = NULL;
    const uint8_t item = (uint8_t)id;
    assert_int_equal(copse_document_blame_new(cache, head, copse_bytes_of_text("posts"),
                                              (copse_bytes){&item, 1}, &blame, NULL),
                     COPSE_OK);
    return blame;
}

static void assert_value(const database_world *db, const copse_blame_line *line, int value)
{
    copse_buf json;
    char expected[BLAME_PAD + 8];
    copse_buf_init(&json, database_world_env(db), SIZE_MAX);
    assert_int_equal(
        copse_ext_json_from_cbor(database_world_env(db), line->value, false, &json, NULL),
        COPSE_OK);
    assert_int_equal(copse_buf_append_byte(&json, 0), COPSE_OK);
    bool is_long = copse_bytes_equal(line->path, copse_bytes_of_text("long"));
    (void)snprintf(expected, sizeof expected,
                   value < 0 ? "{}"
                   : is_long ? "\"%0*d\""
                             : "%*d",
                   is_long ? BLAME_PAD : 1, value);
    assert_string_equal((const char *)json.ptr, expected);
    copse_buf_release(&json);
}

static void assert_lines(const blame_world *world, const copse_document_blame *blame, size_t at,
                         size_t id, blame_counts *counts)
{
    blame_world_leaf leaves[BLAME_LEAVES];
    size_t count;
    const copse_blame_line *lines = copse_document_blame_lines(blame, &count);
    assert_int_equal(count, blame_world_leaves(&world->commits[at].documents[id], id, leaves));
    for (size_t i = 0; i < count; i++) {
        size_t expected = blame_world_blame(world, at, id, &leaves[i]);
        char message[32];
        assert_true(copse_bytes_equal(lines[i].path, copse_bytes_of_text(leaves[i].path)));
        assert_value(&world->db, &lines[i], leaves[i].value);
        assert_true(copse_cid_equal(&lines[i].commit, &world->commits[expected].cid));
        assert_false(lines[i].is_older);
        (void)snprintf(message, sizeof message, "of %zu", world->commits[expected].parents_count);
        assert_true(copse_bytes_equal(lines[i].message, copse_bytes_of_text(message)));
        counts->lines++;
        counts->older += expected != at;
        counts->merges += world->commits[expected].parents_count > 1;
    }
}

/* The lines of a run that ended with `status` are those of the definition. */
static void assert_blame(const blame_world *world, const copse_document_blame *blame,
                         copse_status status, size_t at, size_t id, blame_counts *counts)
{
    size_t count;
    const copse_blame_line *lines = copse_document_blame_lines(blame, &count);
    if (world->commits[at].documents[id].is_there) {
        assert_int_equal(status, COPSE_OK);
        assert_lines(world, blame, at, id, counts);
        return;
    }
    size_t expected = blame_world_deletion(world, at, id);
    if (expected == SIZE_MAX) {
        assert_int_equal(status, COPSE_NOT_FOUND);
        counts->never++;
        return;
    }
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(lines[0].path.len + lines[0].value.len, 0);
    assert_true(copse_cid_equal(&lines[0].commit, &world->commits[expected].cid));
    counts->deletions++;
}

static void test_histories(void **state)
{
    (void)state;
    blame_counts counts = {0};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        blame_world world;
        blame_world_init(&world, seed);
        for (size_t at = 0; at < BLAME_COMMITS; at++) {
            for (size_t id = 0; id < BLAME_DOCUMENTS; id++) {
                copse_document_blame *blame =
                    blame_begin(world.db.world.cache, &world.commits[at].cid, id);
                copse_status status = copse_document_blame_run(blame, NULL);
                assert_blame(&world, blame, status, at, id, &counts);
                copse_document_blame_free(blame);
            }
        }
        database_world_release(&world.db);
    }
    print_message("%u lines, %u of older commits, %u of merges; %u deleted, %u never there\n",
                  counts.lines, counts.older, counts.merges, counts.deletions, counts.never);
    assert_true(counts.lines > 1000 && counts.older > counts.lines / 3 && counts.merges > 100);
    assert_true(counts.deletions > 100 && counts.never > 30);
}

/* ---- missing blocks ---- */

/* The lines of a run that can't go on: what is known is right, and the rest comes from before. */
static void assert_so_far(const blame_world *world, const copse_document_blame *blame, size_t at,
                          size_t id, blame_counts *counts)
{
    blame_world_leaf leaves[BLAME_LEAVES];
    size_t count;
    const copse_blame_line *lines = copse_document_blame_lines(blame, &count);
    size_t leaves_count = blame_world_leaves(&world->commits[at].documents[id], id, leaves);
    assert_true(count == 0 || count == leaves_count);
    for (size_t i = 0; i < count; i++) {
        size_t stop = 0;
        while (!copse_cid_equal(&world->commits[stop].cid, &lines[i].commit)) {
            stop++;
        }
        size_t expected = blame_world_blame(world, at, id, &leaves[i]);
        assert_int_equal(blame_world_blame(world, stop, id, &leaves[i]), expected);
        assert_true(lines[i].is_older || stop == expected);
        assert_true(lines[i].message.len > 0);
        counts->so_far += lines[i].is_older && stop != expected && stop != at;
    }
}

/* Runs it with what is wanted supplied out of the world. A block that is never supplied leaves it
 * wanting, and then it is nothing else. */
static void blame_sparsely(const blame_world *world, size_t at, size_t id, want_supply *supply,
                           blame_counts *counts)
{
    sparse_cache sparse;
    assert_int_equal(sparse_cache_init(&sparse, database_world_env(&world->db), NULL), COPSE_OK);
    copse_document_blame *blame = blame_begin(sparse.cache, &world->commits[at].cid, id);
    copse_status status = copse_document_blame_run(blame, NULL);
    while (status == COPSE_WANT &&
           want_supply_round(supply, sparse.source, world->db.world.store)) {
        status = copse_document_blame_run(blame, NULL);
    }
    if (status == COPSE_WANT) {
        assert_true(supply->missing.size > 0);
        assert_so_far(world, blame, at, id, counts);
    } else {
        assert_blame(world, blame, status, at, id, counts);
    }
    copse_document_blame_free(blame);
    sparse_cache_release(&sparse);
}

static void test_missing_blocks_are_wanted(void **state)
{
    (void)state;
    blame_world world;
    blame_counts counts = {0};
    size_t rounds = 0;
    blame_world_init(&world, 4);
    for (size_t id = 0; id < BLAME_DOCUMENTS; id++) {
        want_supply supply = {.got_count = 0};
        blame_sparsely(&world, BLAME_COMMITS - 1, id, &supply, &counts);
        rounds += supply.rounds;
        for (size_t i = 0; i < supply.got_count; i++) {
            want_supply without = {.missing = supply.got[i]};
            for (size_t j = 0; j < i; j++) {
                assert_false(copse_cid_equal(&supply.got[i], &supply.got[j]));
            }
            blame_sparsely(&world, BLAME_COMMITS - 1, id, &without, &counts);
        }
    }
    print_message("%zu rounds\n", rounds);
    assert_true(rounds > 10 && rounds < 70 && counts.so_far > 10);
    database_world_release(&world.db);
}

/* ---- what it reads ---- */

/* A long history that changes other documents: of each commit its block, its root, and the nodes of
 * one path that are others; nothing twice, so the document, which is linked, once. */
static void test_reads_a_path_a_commit(void **state)
{
    (void)state;
    enum { COMMITS = 60, OTHERS = 200 };
    database_world db;
    char json[BLAME_PAD + 40];
    copse_cid head;
    size_t levels;
    size_t gets;
    database_world_init(&db, NULL);
    for (int i = 0; i < OTHERS; i++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"text\":\"%0100d\"}", i, i);
        database_world_insert(&db, "posts", json);
    }
    (void)snprintf(json, sizeof json, "{\"_id\":0,\"text\":\"%0*d\"}", BLAME_PAD, 1);
    database_world_replace(&db, "posts", json, false);
    database_world_commit(&db);
    head = head_world_commit_tree(&db, NULL, 0, "a commit");
    const copse_cid first = head;
    for (int i = 0; i < COMMITS; i++) {
        (void)snprintf(json, sizeof json, "{\"_id\":%d,\"text\":%d}", OTHERS - 1 - i % 50, i);
        database_world_replace(&db, "posts", json, false);
        database_world_commit(&db);
        head = head_world_commit_tree(&db, &head, 1, "a commit");
    }
    assert_int_equal(copse_tree_height(db.tree, &levels, NULL), COPSE_OK);
    assert_true(levels >= 3);
    copse_tree_config config;
    copse_block *config_block; /* each tree asks for it, as it is not the default one */
    assert_int_equal(copse_tree_get_config(db.tree, &config, NULL), COPSE_OK);
    assert_int_equal(copse_tree_config_block(database_world_env(&db), &config, &config_block, NULL),
                     COPSE_OK);
    sparse_cache sparse;
    copse_store *store = fault_store_new(database_world_env(&db), db.world.store);
    assert_int_equal(sparse_cache_init(&sparse, database_world_env(&db), store), COPSE_OK);
    copse_document_blame *blame = blame_begin(sparse.cache, &head, 0);
    assert_int_equal(copse_document_blame_run(blame, NULL), COPSE_OK);
    const copse_cid *got = fault_store_gets(store, &gets);
    size_t count;
    const copse_blame_line *lines = copse_document_blame_lines(blame, &count);
    assert_int_equal(count, 2);
    assert_true(copse_cid_equal(&lines[1].commit, &first));
    print_message("%zu blocks of %d commits, %zu levels\n", gets, COMMITS + 1, levels);
    /* What is below the branches that change on this path is one for all. */
    assert_true(gets <= (size_t)(COMMITS + 1) * (levels + 1));
    for (size_t i = 0; i < gets; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_false(copse_cid_equal(&got[i], &got[j]) &&
                         !copse_cid_equal(&got[i], copse_block_cid(config_block)));
        }
    }
    copse_block_unref(config_block);
    copse_document_blame_free(blame);
    sparse_cache_release(&sparse);
    copse_tree_close(db.tree);
    db.tree = NULL;
    copse_write_free(db.write);
    db.write = NULL;
    copse_node_cache_free(db.world.cache);
    copse_source_free(db.world.source);
    copse_store_close(store);
    test_env_assert_empty(&db.world.test);
}

/* ---- what is wrong ---- */

static void test_refuses(void **state)
{
    (void)state;
    static const uint8_t array[] = {0x80};
    static const uint8_t one[] = {1};
    database_world db;
    copse_document_blame *blame = NULL;
    copse_err err = {0};
    database_world_init(&db, NULL);
    database_world_insert(&db, "posts", "{\"_id\":1}");
    database_world_commit(&db);
    copse_cid head = head_world_commit_tree(&db, NULL, 0, "a commit");
    assert_int_equal(copse_document_blame_new(db.world.cache, &head, copse_bytes_of_text(""),
                                              (copse_bytes){one, 1}, &blame, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_document_blame_new(db.world.cache, &head, copse_bytes_of_text("posts"),
                                              (copse_bytes){array, 1}, &blame, NULL),
                     COPSE_CORRUPT);
    assert_null(blame);
    blame = blame_begin(db.world.cache, copse_tree_root(db.tree), 1); /* no commit */
    assert_int_equal(copse_document_blame_run(blame, &err), COPSE_CORRUPT);
    copse_document_blame_free(blame);
    /* A commit of a generation that its parent has. */
    copse_commit commit;
    copse_block *block = NULL;
    assert_int_equal(copse_commit_next(database_world_env(&db), db.world.source,
                                       copse_tree_root(db.tree), &head, 1, &commit, NULL),
                     COPSE_OK);
    database_world_commit(&db);
    copse_cid made = head_world_commit_tree(&db, &head, 1, "a commit");
    commit.parents[0] = made;
    assert_int_equal(copse_commit_encode(database_world_env(&db), &commit, &block, NULL), COPSE_OK);
    assert_int_equal(copse_store_put(db.world.store, &block, 1, NULL), COPSE_OK);
    blame = blame_begin(db.world.cache, copse_block_cid(block), 1);
    assert_int_equal(copse_document_blame_run(blame, &err), COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "generation"));
    copse_document_blame_free(blame);
    copse_block_unref(block);
    assert_null(copse_document_blame_free(NULL));
    database_world_release(&db);
}

/* B4 */
static void test_paths_are_bounded(void **state)
{
    (void)state;
    static const struct {
        size_t levels;
        copse_status status;
    } rows[] = {{20, COPSE_OK}, {60, COPSE_LIMIT}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char json[2048];
        size_t size = (size_t)sprintf(json, "{\"_id\":1");
        database_world db;
        copse_err err = {0};
        database_world_init(&db, NULL);
        db.world.test.env.limits.document_size_bytes_max = 1000;
        for (size_t level = 0; level < rows[i].levels; level++) {
            size += (size_t)sprintf(json + size, ",\"a\":1,\"b\":{\"c\":1");
        }
        memset(json + size, '}', rows[i].levels + 1);
        json[size + rows[i].levels + 1] = '\0';
        database_world_insert(&db, "posts", json);
        database_world_commit(&db);
        copse_cid head = head_world_commit_tree(&db, NULL, 0, "a commit");
        copse_document_blame *blame = blame_begin(db.world.cache, &head, 1);
        assert_int_equal(copse_document_blame_run(blame, &err), rows[i].status);
        copse_document_blame_free(blame);
        database_world_release(&db);
    }
}

/* ---- failing allocations ---- */

typedef struct blame_sweep {
    const blame_world *world;
    size_t at;
    size_t id;
} blame_sweep;

/* Hands over copies of what is wanted. */
static copse_status sweep_supply(copse_source *source, copse_store *from)
{
    size_t count;
    copse_status status = COPSE_OK;
    const copse_cid *wants = copse_source_wants(source, &count);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_block *block = NULL;
        assert_int_equal(copse_store_get(from, &wants[i], &block, NULL), COPSE_OK);
        status = copse_source_supply(source, &wants[i], copse_block_data(block), NULL);
        copse_block_unref(block);
    }
    return status;
}

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    const blame_sweep *sweep = ctx;
    const uint8_t item = (uint8_t)sweep->id;
    sparse_cache sparse;
    copse_document_blame *blame = NULL;
    copse_status status = sparse_cache_init(&sparse, env, NULL);
    if (status == COPSE_OK) {
        status = copse_document_blame_new(sparse.cache, &sweep->world->commits[sweep->at].cid,
                                          copse_bytes_of_text("posts"), (copse_bytes){&item, 1},
                                          &blame, NULL);
    }
    if (status == COPSE_OK) {
        status = COPSE_WANT;
    }
    while (status == COPSE_WANT) {
        status = copse_document_blame_run(blame, NULL);
        if (status == COPSE_WANT) {
            status = sweep_supply(sparse.source, sweep->world->db.world.store);
            status = status == COPSE_OK ? COPSE_WANT : status;
        }
    }
    copse_document_blame_free(blame);
    sparse_cache_release(&sparse);
    return status;
}

static void test_survives_failing_allocations(void **state)
{
    (void)state;
    blame_world world;
    blame_world_init(&world, 4);
    bool swept[2] = {false, false}; /* of a document that was deleted, of one that is there */
    for (size_t i = 0; i < BLAME_COMMITS * BLAME_DOCUMENTS; i++) {
        blame_sweep sweep = {&world, BLAME_COMMITS - 1 - i / BLAME_DOCUMENTS, i % BLAME_DOCUMENTS};
        bool is_there = world.commits[sweep.at].documents[sweep.id].is_there;
        bool was_there = is_there || blame_world_deletion(&world, sweep.at, sweep.id) != SIZE_MAX;
        if (was_there && !swept[is_there]) {
            assert_true(test_env_sweep(sweep_run, &sweep, 20000) > 50);
            swept[is_there] = true;
        }
    }
    assert_true(swept[0] && swept[1]);
    database_world_release(&world.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
        cmocka_unit_test(test_missing_blocks_are_wanted),
        cmocka_unit_test(test_reads_a_path_a_commit),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_paths_are_bounded),
        cmocka_unit_test(test_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
