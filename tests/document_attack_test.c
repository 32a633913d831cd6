/* Databases of an author who means harm, or of a store that does not verify: whatever stands in
 * their rows and blocks, each call ends in a status, in bounded memory.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/cursor.h>
#include <copse/database_check.h>
#include <copse/memory_store.h>
#include <copse/query.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cbor_random.h"
#include "support/database_world.h"
#include "support/query_random.h"
#include "support/value_random.h"

enum {
    ATTACK_WORLDS = 12,
    ATTACK_ROUNDS = 20, /* attacks on each */
    ATTACK_DOCUMENTS = 30,
    ATTACK_QUERIES = 4,
    ATTACK_MEMORY_MAX = 32 << 20
};

/* What became of the calls. */
typedef struct attack_totals {
    uint64_t refused; /* CORRUPT */
    uint64_t answered;
} attack_totals;

/* ---- The use of a database ------------------------------------------------------------------- */

static bool attack_note(attack_totals *totals, copse_status status, const copse_err *err)
{
    switch (status) {
    case COPSE_OK:
    case COPSE_END:
        totals->answered++;
        break;
    case COPSE_CORRUPT:
        totals->refused++;
        assert_true(strlen(err->message) > 0);
        break;
    case COPSE_WANT: /* a changed link leads to nothing */
    case COPSE_NOT_FOUND:
    case COPSE_CONFLICT:
    case COPSE_LIMIT:
    case COPSE_MISUSE: /* a changed root is one of a foreign tree, which is not written */
        break;
    default:
        fail_msg("%s: %s", copse_status_name(status), err->message);
    }
    return status == COPSE_OK;
}

static void attack_run_query(copse_query *query, copse_database *database, attack_totals *totals)
{
    copse_result *result = NULL;
    copse_bytes document;
    copse_err err = {0};
    uint64_t count;
    if (!attack_note(totals, copse_result_open(query, database, &result, &err), &err)) {
        return;
    }
    while (attack_note(totals, copse_result_next(result, &document, &err), &err)) {
        assert_true(document.len > 0);
    }
    copse_result_close(result);
    (void)attack_note(totals, copse_query_count(query, database, &count, NULL, NULL, &err), &err);
}

static void attack_query(const copse_env *env, uint64_t *state, copse_database *database,
                         attack_totals *totals)
{
    copse_query_options options = {.collection = copse_bytes_of_text("posts")};
    copse_buf filter;
    copse_buf projection;
    copse_buf out;
    copse_sort_spec sort = {.count = 0};
    copse_query *query = NULL;
    copse_err err = {0};
    char text[64];
    copse_buf_init(&filter, env, SIZE_MAX);
    copse_buf_init(&projection, env, SIZE_MAX);
    copse_buf_init(&out, env, SIZE_MAX);
    if (test_random_below(state, 3) > 0) {
        query_random_filter(state, &filter);
    }
    const char *fields = query_random_sort(state, text);
    if (fields != NULL) {
        assert_int_equal(
            copse_sort_spec_parse(env, copse_bytes_of_text(fields), false, &sort, &err), COPSE_OK);
    }
    (void)query_random_projection(state, &projection);
    options.filter = copse_buf_view(&filter);
    options.projection = copse_buf_view(&projection);
    options.sort = &sort;
    options.limit = test_random_below(state, 10);
    options.skip = test_random_below(state, 4);
    if (copse_query_new(env, &options, &query, NULL) == COPSE_OK) {
        attack_run_query(query, database, totals);
        (void)attack_note(
            totals, copse_query_distinct(query, database, copse_bytes_of_text("a"), &out, &err),
            &err);
        copse_buf_truncate(&out, 0);
        (void)attack_note(totals, copse_query_plan(query, database, &out, &err), &err);
        copse_query_free(query);
    }
    copse_sort_spec_release(&sort);
    copse_buf_release(&filter);
    copse_buf_release(&projection);
    copse_buf_release(&out);
}

static void attack_write(const copse_env *env, uint64_t *state, copse_tree *tree,
                         copse_store *store, attack_totals *totals)
{
    const copse_bytes posts = copse_bytes_of_text("posts");
    const query_random_shape shape = {.depth_max = 2};
    const copse_sort_field field = {.path = copse_bytes_of_text(value_random_field(state))};
    const copse_index_definition index = {
        .name = copse_bytes_of_text("new"), .fields = &field, .fields_count = 1, .unique = true};
    copse_write *write = NULL;
    copse_tree *next = NULL;
    copse_buf document;
    copse_err err = {0};
    copse_buf_init(&document, env, SIZE_MAX);
    assert_int_equal(copse_write_new(env, &write, NULL), COPSE_OK);
    for (uint64_t id = 0; id < ATTACK_DOCUMENTS; id += 1 + test_random_below(state, 8)) {
        copse_buf_truncate(&document, 0);
        query_random_document(state, &shape, id, &document);
        assert_int_equal(copse_write_replace(write, posts, copse_buf_view(&document), true, &err),
                         COPSE_OK);
    }
    if (test_random_below(state, 2) == 0) {
        assert_int_equal(copse_write_create_index(write, posts, &index, &err), COPSE_OK);
    }
    (void)attack_note(totals, copse_write_apply(write, tree, store, NULL, &next, NULL, NULL, &err),
                      &err);
    copse_tree_close(next);
    copse_write_free(write);
    copse_buf_release(&document);
}

/* Everything that reads a database. */
static void attack_use(tree_world *world, const copse_cid *root, uint64_t *state,
                       attack_totals *totals)
{
    const copse_env *env = &world->test.env;
    copse_tree *tree = NULL;
    copse_database *database = NULL;
    copse_err err = {0};
    world->test.peak_bytes = world->test.size_bytes;
    size_t before = world->test.size_bytes;
    if (attack_note(totals, copse_tree_open(world->cache, root, &tree, &err), &err)) {
        if (attack_note(totals, copse_database_open(tree, &database, &err), &err)) {
            for (size_t i = 0; i < ATTACK_QUERIES; i++) {
                attack_query(env, state, database, totals);
            }
            copse_database_close(database);
        }
        attack_write(env, state, tree, world->store, totals);
        copse_tree_close(tree);
    }
    (void)attack_note(totals, copse_database_check(env, world->store, root, NULL, NULL, &err),
                      &err);
    assert_true(world->test.peak_bytes - before < ATTACK_MEMORY_MAX);
}

/* ---- Sound databases ------------------------------------------------------------------------- */

static void attack_world_init(database_world *db, uint64_t seed, uint64_t *state)
{
    static const char *const ids[] = {"{\"$numberDecimal\":\"0.1\"}", "\"x\"", "{\"a\":[1]}",
                                      "{\"$date\":{\"$numberLong\":\"-1\"}}", "null"};
    const query_random_shape shape = {.depth_max = (unsigned)(seed % 3), .has_long = seed % 4 == 0};
    copse_buf document;
    *state = seed;
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id",
                          seed % 2 ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE);
    for (size_t i = 0; i < 3; i++) {
        char name[8];
        char fields[64];
        char options[96];
        (void)snprintf(name, sizeof name, "i%zu", i);
        query_random_index(state, seed % 2 == 1, fields, options);
        database_world_index(db, "posts", name, fields, options);
    }
    database_world_commit(db);
    copse_buf_init(&document, database_world_env(db), SIZE_MAX);
    for (uint64_t id = 0; id < ATTACK_DOCUMENTS; id++) {
        copse_buf_truncate(&document, 0);
        query_random_document(state, &shape, id, &document);
        assert_int_equal(copse_write_insert(db->write, copse_bytes_of_text("posts"),
                                            copse_buf_view(&document), NULL, NULL),
                         COPSE_OK);
        (void)database_world_apply(db); /* or parallel arrays */
    }
    copse_buf_release(&document);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"_id\":%s,\"a\":%zu}", ids[i], i);
        database_world_insert(db, "posts", text);
    }
    database_world_commit(db);
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void attack_must(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

/* Appends a map that begins as a form of value.h and mostly is none. */
static void attack_form(uint64_t *state, copse_buf *buf)
{
    static const char *const names[] = {
        "$date",   "$oid",       "$numberDecimal",     "$numberDouble",
        "$binary", "$timestamp", "$regularExpression", "$minKey",
        "$maxKey", "$foo"};
    static const char *const texts[] = {"", "NaN", "1E99999", "-", "0123456789abcdef01234567"};
    attack_must(copse_cbor_write_map(buf, 1));
    attack_must(copse_cbor_write_text(
        buf, copse_bytes_of_text(names[test_random_below(state, sizeof names / sizeof *names)])));
    if (test_random_below(state, 2) == 0) {
        attack_must(cbor_random_item(state, 2, buf));
    } else {
        attack_must(copse_cbor_write_text(
            buf,
            copse_bytes_of_text(texts[test_random_below(state, sizeof texts / sizeof *texts)])));
    }
}

/* Appends any item, or a document that holds what no document may. */
static void attack_value(uint64_t *state, copse_buf *buf)
{
    static const char *const fields[] = {"a", "b", "c", "d", "_id"};
    size_t offset = buf->len;
    uint64_t count = 0;
    if (test_random_below(state, 3) == 0) {
        attack_must(cbor_random_item(state, 3, buf));
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        uint64_t kind = test_random_below(state, 4);
        if (kind > 0) {
            attack_must(copse_cbor_write_text(buf, copse_bytes_of_text(fields[i])));
            count++;
        }
        if (kind == 1) {
            attack_form(state, buf);
        } else if (kind == 2) {
            attack_must(copse_cbor_write_array(buf, 2));
            attack_form(state, buf);
            attack_form(state, buf);
        } else if (kind == 3) {
            attack_must(value_random_item(state, 2, buf));
        }
    }
    attack_must(copse_cbor_finish_map(buf, offset, count));
}

/* Changes one row: its value, or some bytes of its key. */
static void attack_row(database_world *db, copse_cursor *cursor, copse_batch *batch,
                       uint64_t *state)
{
    uint64_t rows;
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX];
    copse_buf value;
    copse_buf_init(&value, database_world_env(db), SIZE_MAX);
    attack_must(copse_tree_count(db->tree, &rows, NULL));
    attack_must(copse_cursor_seek_nth(cursor, test_random_below(state, rows), NULL));
    copse_bytes present = copse_cursor_key(cursor);
    memcpy(key, present.ptr, present.len);
    if (test_random_below(state, 2) == 0 && present.len > 2) {
        attack_must(copse_batch_delete(batch, present, NULL));
        attack_must(copse_buf_append(&value, copse_cursor_value(cursor)));
        for (uint64_t i = 0; i <= test_random_below(state, 3); i++) {
            key[2 + test_random_below(state, present.len - 2)] = (uint8_t)test_random(state);
        }
    } else {
        attack_value(state, &value);
    }
    attack_must(
        copse_batch_put(batch, (copse_bytes){key, present.len}, copse_buf_view(&value), NULL));
    copse_buf_release(&value);
}

static void test_rows(void **unused)
{
    (void)unused;
    attack_totals totals = {0};
    for (uint64_t seed = 0; seed < ATTACK_WORLDS; seed++) {
        database_world db;
        uint64_t state;
        copse_batch *batch;
        copse_cursor *cursor;
        attack_world_init(&db, seed, &state);
        attack_must(copse_batch_new(database_world_env(&db), &batch, NULL));
        attack_must(copse_cursor_new(db.tree, &cursor, NULL));
        for (size_t round = 0; round < ATTACK_ROUNDS; round++) {
            copse_tree *hostile;
            copse_batch_clear(batch);
            for (size_t i = 0; i < 1 + round % 3; i++) {
                attack_row(&db, cursor, batch, &state);
            }
            attack_must(copse_tree_apply(db.tree, batch, db.world.store, &hostile, NULL, NULL));
            const copse_cid root = *copse_tree_root(hostile);
            copse_tree_close(hostile);
            attack_use(&db.world, &root, &state, &totals);
        }
        copse_cursor_free(cursor);
        copse_batch_free(batch);
        database_world_release(&db);
    }
    print_message("%llu calls refused, %llu answered\n", (unsigned long long)totals.refused,
                  (unsigned long long)totals.answered);
    assert_true(totals.refused > 100 && totals.answered > 100);
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

/* A copy of all blocks, one of them changed under its old CID. */
typedef struct attack_copy {
    tree_world *to;
    uint64_t *state;
    uint64_t left; /* blocks before the one to change */
} attack_copy;

static copse_status attack_copy_block(void *ctx, copse_block *block, copse_err *err)
{
    attack_copy *copy = ctx;
    copse_bytes data = copse_block_data(block);
    uint8_t *bytes = malloc(data.len + 1);
    copse_block *made;
    assert_non_null(bytes);
    memcpy(bytes, data.ptr, data.len);
    if (copy->left-- == 0) {
        for (uint64_t i = 0; i <= test_random_below(copy->state, 3); i++) {
            bytes[test_random_below(copy->state, data.len)] ^=
                (uint8_t)(1U << test_random_below(copy->state, 8));
        }
        data.len -= test_random_below(copy->state, 8) == 0;
    }
    copse_status status = copse_block_new(&copy->to->test.env, copse_block_cid(block),
                                          (copse_bytes){bytes, data.len}, &made, err);
    free(bytes);
    attack_must(status);
    status = copse_store_put(copy->to->store, &made, 1, err);
    copse_block_unref(made);
    return status;
}

static void test_blocks(void **unused)
{
    (void)unused;
    attack_totals totals = {0};
    for (uint64_t seed = 0; seed < ATTACK_WORLDS; seed++) {
        database_world db;
        uint64_t state;
        attack_world_init(&db, seed, &state);
        const size_t blocks = copse_memory_store_block_count(db.world.store);
        for (size_t round = 0; round < ATTACK_ROUNDS; round++) {
            tree_world garbled;
            tree_world_init(&garbled);
            database_world_give_random(&garbled.test.env, &db.random);
            attack_copy copy = {&garbled, &state, test_random_below(&state, blocks)};
            attack_must(copse_store_iterate(db.world.store, attack_copy_block, &copy, NULL));
            attack_use(&garbled, copse_tree_root(db.tree), &state, &totals);
            tree_world_release(&garbled);
        }
        database_world_release(&db);
    }
    print_message("%llu calls refused, %llu answered\n", (unsigned long long)totals.refused,
                  (unsigned long long)totals.answered);
    assert_true(totals.refused > 100 && totals.answered > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
