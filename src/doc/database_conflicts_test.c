/* Reading what merges left open, and resolving it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_conflicts.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/document_conflict.h"
#include "support/merge_pair.h"
#include "support/sparse_cache.h"
#include "support/want_supply.h"

enum { CONFLICTS_LARGE = 3000, CONFLICTS_JSON_SIZE = CONFLICTS_LARGE + 64 };

static uint64_t conflicts_clock(void *ctx)
{
    return ++*(uint64_t *)ctx;
}

/* A document whose fields but the last are those of `fields`, with so long a text. */
static void conflicts_put(database_world *db, const char *collection, const char *fields, char fill,
                          size_t len)
{
    static char json[CONFLICTS_JSON_SIZE];
    int at = snprintf(json, sizeof json, "{%s,\"text\":\"", fields);
    memset(json + at, fill, len);
    (void)snprintf(json + at + len, sizeof json - (size_t)at - len, "\"}");
    database_world_replace(db, collection, json, true);
}

/* A merged database: in "a" 1 is in conflict, with large documents, and 5 waits for 4; in "b" 1 was
 * deleted on one side. */
static copse_cid conflicts_make(database_world *db, copse_merge_policy policy, uint64_t *clock)
{
    merge_pair_outcome outcome;
    database_world_init(db, NULL);
    db->world.test.env.clock = conflicts_clock;
    db->world.test.env.clock_ctx = clock;
    database_world_create(db, "a", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(db, "b", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(db, "a", "e", "e", "unique");
    assert_int_equal(copse_write_set_merge(db->write, copse_bytes_of_text("a"), policy, 0, NULL),
                     COPSE_OK);
    conflicts_put(db, "a", "\"_id\":1", 'x', CONFLICTS_LARGE);
    database_world_insert(db, "b", "{\"_id\":1}");
    copse_cid base = merge_pair_commit(db);
    conflicts_put(db, "a", "\"_id\":1", 'y', CONFLICTS_LARGE);
    conflicts_put(db, "a", "\"_id\":4,\"e\":1", 'v', 10);
    database_world_replace(db, "b", "{\"_id\":1,\"x\":1}", false);
    copse_cid ours = merge_pair_commit(db);
    database_world_reopen(db, &base);
    conflicts_put(db, "a", "\"_id\":1", 'z', CONFLICTS_LARGE);
    conflicts_put(db, "a", "\"_id\":5,\"e\":1", 'w', CONFLICTS_LARGE);
    database_world_delete(db, "b", "1");
    copse_cid theirs = merge_pair_commit(db);
    merge_pair_case merge = {
        .base = &base, .ours = &ours, .theirs = &theirs, .conflicts = COPSE_MERGE_CONFLICTS_RECORD};
    merge.ours_head = (copse_merge_head){.commit = ours, .time_ms = 10};
    merge.theirs_head = (copse_merge_head){
        .commit = theirs, .time_ms = 20, .author = copse_bytes_of_text("did:key:zB")};
    merge_pair_run(db, &merge, &outcome);
    (void)merge_pair_fetch(db, &merge, &outcome);
    database_world_reopen(db, &outcome.root);
    return outcome.root;
}

/* Whether a document has the text of `len` times `fill`. */
static bool conflicts_is(copse_bytes document, char fill, size_t len)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, document);
    bool is = document.len > 0 &&
              copse_cbor_find_key(&reader, copse_bytes_of_text("text"), NULL) == COPSE_OK &&
              copse_cbor_next(&reader, &item, NULL) == COPSE_OK && item.bytes.len == len;
    for (size_t i = 0; is && i < len; i++) {
        is = item.bytes.ptr[i] == (uint8_t)fill;
    }
    return is;
}

static void conflicts_expect(size_t number, const copse_document_conflict *conflict)
{
    static const char *const collections[3] = {"a", "a", "b"};
    static const uint8_t ids[3] = {1, 5, 1};
    assert_true(number < 3);
    assert_true(copse_bytes_equal(conflict->collection, copse_bytes_of_text(collections[number])));
    assert_true(conflict->id.len == 1 && conflict->id.ptr[0] == ids[number]);
    if (number == 1) {
        assert_int_equal(conflict->sides_count, 0);
        assert_int_equal(conflict->base.len, 0);
        assert_true(copse_bytes_equal(conflict->waiting.index, copse_bytes_of_text("e")));
        assert_int_equal(conflict->waiting.time_ms, 20);
        assert_true(copse_bytes_equal(conflict->waiting.author, copse_bytes_of_text("did:key:zB")));
        assert_true(conflicts_is(conflict->waiting.document, 'w', CONFLICTS_LARGE));
        return;
    }
    assert_int_equal(conflict->sides_count, 2);
    assert_int_equal(conflict->waiting.document.len, 0);
    assert_true(copse_cid_compare(&conflict->sides[0].commit, &conflict->sides[1].commit) < 0);
    for (size_t i = 0; i < 2; i++) {
        const copse_conflict_side *side = &conflict->sides[i];
        bool is_ours = side->time_ms == 10;
        assert_int_equal(side->author.len > 0, !is_ours);
        if (number == 0) {
            assert_true(conflicts_is(side->document, is_ours ? 'y' : 'z', CONFLICTS_LARGE));
        } else {
            assert_int_equal(side->document.len > 0, is_ours);
        }
    }
    assert_true(number == 2 || conflicts_is(conflict->base, 'x', CONFLICTS_LARGE));
    assert_true(conflict->base.len > 0);
}

/* All conflicts of the tree `root` over a cache, those of `name` if its len is not 0. `from` not
 * NULL: has what is wanted. */
static copse_status conflicts_read(copse_node_cache *cache, const copse_cid *root, copse_bytes name,
                                   copse_store *from, size_t *ret_count)
{
    copse_source *source = copse_node_cache_source(cache);
    copse_tree *tree = NULL;
    copse_database *database = NULL;
    copse_database_conflicts *conflicts = NULL;
    const copse_document_conflict *conflict = NULL;
    copse_status status = COPSE_WANT;
    *ret_count = 0;
    while (status == COPSE_WANT) {
        status = tree == NULL ? copse_tree_open(cache, root, &tree, NULL) : COPSE_OK;
        if (status == COPSE_OK) {
            status = copse_database_open(tree, &database, NULL);
        }
        if (status == COPSE_WANT) {
            (void)want_supply_some(source, from, SIZE_MAX);
        }
    }
    if (status == COPSE_OK) {
        status = copse_database_conflicts_new(database, name, &conflicts, NULL);
    }
    while (status == COPSE_OK || status == COPSE_WANT) {
        status = copse_database_conflicts_next(conflicts, &conflict, NULL);
        if (status == COPSE_OK) {
            conflicts_expect((*ret_count)++, conflict);
        } else if (status == COPSE_WANT) {
            (void)want_supply_some(source, from, 1);
        }
    }
    copse_database_conflicts_free(conflicts);
    copse_database_close(database);
    copse_tree_close(tree);
    return status == COPSE_END ? COPSE_OK : status;
}

static void test_all_conflicts_are_given(void **state)
{
    (void)state;
    database_world db;
    uint64_t clock = 0;
    size_t count = 0;
    sparse_cache sparse;
    copse_cid root = conflicts_make(&db, COPSE_MERGE_THREE_WAY, &clock);
    assert_int_equal(conflicts_read(db.world.cache, &root, (copse_bytes){NULL, 0}, NULL, &count),
                     COPSE_OK);
    assert_int_equal(count, 3);
    assert_int_equal(conflicts_read(db.world.cache, &root, copse_bytes_of_text("a"), NULL, &count),
                     COPSE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(conflicts_read(db.world.cache, &root, copse_bytes_of_text("c"), NULL, &count),
                     COPSE_NOT_FOUND);
    /* From an empty store, block by block. */
    const copse_env *env = database_world_env(&db);
    assert_int_equal(sparse_cache_init_own(&sparse, env, NULL), COPSE_OK);
    assert_int_equal(
        conflicts_read(sparse.cache, &root, (copse_bytes){NULL, 0}, db.world.store, &count),
        COPSE_OK);
    assert_int_equal(count, 3);
    sparse_cache_release(&sparse);
    database_world_release(&db);
}

static void test_reading_begins_where_it_is_told(void **state)
{
    (void)state;
    static const uint8_t two = 2;
    static const uint8_t list = 0x80;
    database_world db;
    uint64_t clock = 0;
    copse_database *database = NULL;
    copse_database_conflicts *conflicts = NULL;
    const copse_document_conflict *conflict = NULL;
    (void)conflicts_make(&db, COPSE_MERGE_THREE_WAY, &clock);
    assert_int_equal(copse_database_open(db.tree, &database, NULL), COPSE_OK);
    assert_int_equal(
        copse_database_conflicts_new(database, (copse_bytes){NULL, 0}, &conflicts, NULL), COPSE_OK);
    assert_int_equal(copse_database_conflicts_seek(conflicts, (copse_bytes){&list, 1}, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_database_conflicts_seek(conflicts, (copse_bytes){&two, 1}, NULL),
                     COPSE_OK);
    assert_int_equal(copse_database_conflicts_next(conflicts, &conflict, NULL), COPSE_OK);
    conflicts_expect(1, conflict);
    assert_int_equal(copse_database_conflicts_seek(conflicts, (copse_bytes){&two, 1}, NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_database_conflicts_next(conflicts, &conflict, NULL), COPSE_END);
    copse_database_conflicts_free(conflicts);
    copse_database_close(database);
    database_world_release(&db);
}

/* Blocks that the rows of conflicts lead to. */
typedef struct conflicts_blocks {
    copse_store *store; /* that has them all */
    size_t count;
} conflicts_blocks;

static void conflicts_expect_block(conflicts_blocks *blocks, copse_bytes document)
{
    copse_cid cid;
    bool found = false;
    if (document.len > COPSE_DOCUMENT_INLINE_SIZE_BYTES_MAX) {
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, document, &cid);
        assert_int_equal(copse_store_has(blocks->store, &cid, &found, NULL), COPSE_OK);
        assert_true(found);
        blocks->count++;
    }
}

static void conflicts_expect_blocks(void *ctx, const copse_document_conflict *conflict)
{
    conflicts_expect_block(ctx, conflict->base);
    conflicts_expect_block(ctx, conflict->waiting.document);
    for (size_t i = 0; i < conflict->sides_count; i++) {
        conflicts_expect_block(ctx, conflict->sides[i].document);
    }
}

/* Who merges with a database that has conflicts gets the blocks of their documents too. */
static void test_conflicts_come_with_their_blocks(void **state)
{
    (void)state;
    database_world db;
    uint64_t clock = 0;
    merge_pair_outcome outcome;
    sparse_cache sparse;
    copse_status status;
    copse_cid theirs = conflicts_make(&db, COPSE_MERGE_THREE_WAY, &clock);
    database_world_reopen(&db, NULL);
    copse_cid ours = *copse_tree_root(db.tree);
    const merge_pair_case merge = {.ours = &ours, .theirs = &theirs};
    const copse_env *env = database_world_env(&db);
    assert_int_equal(sparse_cache_init_own(&sparse, env, NULL), COPSE_OK);
    while ((status = merge_pair_over(sparse.cache, sparse.store, &merge, &outcome, NULL)) ==
           COPSE_WANT) {
        (void)want_supply_some(sparse.source, db.world.store, SIZE_MAX); /* kept nowhere */
    }
    assert_int_equal(status, COPSE_OK);
    assert_true(copse_cid_equal(&outcome.root, &theirs));
    database_world_reopen(&db, &theirs);
    conflicts_blocks blocks = {.store = sparse.store};
    assert_int_equal(database_world_conflicts(&db, NULL, conflicts_expect_blocks, &blocks), 3);
    assert_int_equal(blocks.count, 4); /* of 1, base and both sides; of 5, which waits */
    sparse_cache_release(&sparse);
    database_world_release(&db);
}

typedef struct conflicts_sweep {
    copse_store *store;
    copse_cid root;
} conflicts_sweep;

static copse_status conflicts_sweep_run(const copse_env *env, void *ctx)
{
    const conflicts_sweep *sweep = ctx;
    sparse_cache sparse;
    size_t count = 0;
    copse_status status = sparse_cache_init(&sparse, env, sweep->store);
    if (status == COPSE_OK) {
        status = conflicts_read(sparse.cache, &sweep->root, (copse_bytes){NULL, 0}, NULL, &count);
    }
    sparse_cache_release(&sparse);
    return status;
}

static void test_reading_survives_failing_allocations(void **state)
{
    (void)state;
    database_world db;
    uint64_t clock = 0;
    conflicts_sweep sweep = {.root = conflicts_make(&db, COPSE_MERGE_THREE_WAY, &clock)};
    sweep.store = db.world.store;
    assert_true(test_env_sweep(conflicts_sweep_run, &sweep, 1000) > 10);
    database_world_release(&db);
}

/* ---- Resolving --------------------------------------------------------------------------------
 */

static copse_status conflicts_resolve(database_world *db, const char *collection, const char *id)
{
    copse_bytes item = database_world_value(id);
    assert_int_equal(copse_write_resolve(db->write, copse_bytes_of_text(collection), item, NULL),
                     COPSE_OK);
    database_world_free(item);
    return database_world_apply(db);
}

static void test_a_conflict_is_resolved_once(void **state)
{
    (void)state;
    database_world db;
    uint64_t clock = 0;
    size_t count = 0;
    (void)conflicts_make(&db, COPSE_MERGE_THREE_WAY, &clock);
    assert_int_equal(conflicts_resolve(&db, "c", "1"), COPSE_NOT_FOUND);
    assert_non_null(strstr(db.err.message, "no collection c"));
    copse_write_clear(db.write);
    assert_int_equal(conflicts_resolve(&db, "a", "4"), COPSE_NOT_FOUND);
    assert_non_null(strstr(db.err.message, "no conflict"));
    copse_write_clear(db.write);
    assert_int_equal(conflicts_resolve(&db, "b", "1"), COPSE_OK);
    assert_int_equal(conflicts_resolve(&db, "b", "1"), COPSE_NOT_FOUND);
    copse_write_clear(db.write);
    merge_pair_check(&db, copse_tree_root(db.tree));
    assert_int_equal(conflicts_read(db.world.cache, copse_tree_root(db.tree),
                                    (copse_bytes){NULL, 0}, NULL, &count),
                     COPSE_OK);
    assert_int_equal(count, 2);
    database_world_release(&db);
}

/* Where documents have versions, one that waited and is dropped is deleted: it does not come back
 * from who has not heard of it. With another operation beside it, it is what that makes of it. */
static void test_what_waited_is_deleted_by_its_version(void **state)
{
    (void)state;
    static const copse_merge_policy policies[] = {COPSE_MERGE_LWW, COPSE_MERGE_FIELD_WISE};
    for (size_t i = 0; i < 4; i++) {
        database_world db;
        merge_pair_outcome outcome;
        uint64_t clock = 0;
        bool is_replaced = i % 2 == 1;
        copse_cid waiting = conflicts_make(&db, policies[i / 2], &clock);
        database_world_delete(&db, "a", "4");
        if (is_replaced) {
            database_world_replace(&db, "a", "{\"_id\":5,\"e\":7}", true);
        }
        assert_int_equal(conflicts_resolve(&db, "a", "5"), COPSE_OK);
        copse_cid resolved = *copse_tree_root(db.tree);
        merge_pair_check(&db, &resolved);
        const merge_pair_case merge = {.ours = &resolved, .theirs = &waiting};
        merge_pair_run(&db, &merge, &outcome);
        database_world_reopen(&db, &outcome.root);
        char *json = database_world_get(&db, "a", "5");
        assert_true(is_replaced == (json != NULL));
        assert_true(!is_replaced || strcmp(json, "{\"_id\":5,\"e\":7}") == 0);
        free(json);
        database_world_release(&db);
    }
}

typedef struct slots_seen {
    copse_bytes slots[4];
    size_t count;
    copse_status status; /* what the last one returns */
    size_t last;
} slots_seen;

static copse_status slots_see(void *ctx, copse_bytes slot, copse_err *err)
{
    slots_seen *seen = ctx;
    (void)err;
    assert_true(seen->count < 4);
    seen->slots[seen->count] = slot;
    return ++seen->count == seen->last ? seen->status : COPSE_OK;
}

/* Of a conflict its documents, a link or not; of what is none, or malformed, all that is there. */
static void test_slots_are_where_documents_stand(void **state)
{
    (void)state;
    static const uint8_t conflict_key[] = {0, 'a', 0, 'c', 0, 1};
    static const uint8_t other_key[] = {'a', 0, 1};
    const copse_bytes keys[] = {{conflict_key, sizeof conflict_key}, {other_key, sizeof other_key}};
    const copse_bytes documents[] = {copse_bytes_of_text("\xa1\x61x\x01"),
                                     copse_bytes_of_text("\xa1\x61x\x02"),
                                     copse_bytes_of_text("\xa1\x61x\x03")};
    copse_document_conflict conflict = {
        .base = documents[0],
        .sides = {{.document = documents[1]}, {.time_ms = 1}},
        .sides_count = 2,
        .waiting = {.index = copse_bytes_of_text("n"), .document = documents[2]}};
    copse_env env;
    copse_buf row;
    copse_env_init(&env);
    copse_buf_init(&row, &env, SIZE_MAX);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("b"), &conflict.sides[0].commit);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("a"), &conflict.sides[1].commit);
    assert_int_equal(copse_conflict_encode(&conflict, &row, NULL), COPSE_OK);
    for (size_t last = 1; last <= 4; last++) {
        slots_seen seen = {.last = last, .status = COPSE_WANT};
        assert_int_equal(
            copse_database_row_slots(keys[0], copse_buf_view(&row), slots_see, &seen, NULL),
            last < 4 ? COPSE_WANT : COPSE_OK);
        assert_int_equal(seen.count, last < 4 ? last : 3);
        for (size_t i = 0; i < seen.count; i++) {
            assert_true(copse_bytes_equal(seen.slots[i], documents[i]));
        }
    }
    for (size_t i = 0; i < 2; i++) {
        copse_bytes value = i == 0 ? documents[0] : copse_buf_view(&row);
        slots_seen seen = {.last = 1, .status = COPSE_NOMEM};
        assert_int_equal(copse_database_row_slots(keys[i], value, slots_see, &seen, NULL),
                         COPSE_NOMEM);
        assert_int_equal(seen.count, 1);
        assert_true(copse_bytes_equal(seen.slots[0], value));
    }
    copse_buf_release(&row);
}

static void conflicts_expect_past(void *ctx, const copse_document_conflict *conflict)
{
    size_t *count = ctx;
    if (conflict->sides_count > 0) {
        assert_true(conflicts_is(conflict->base, 'x', CONFLICTS_LARGE));
        (*count)++;
    }
}

/* Each settles a conflict in its own way, or one leaves it open and the other one's row has it:
 * what comes of that still knows what was there before the first. */
static void test_a_conflict_over_another_keeps_its_base(void **state)
{
    (void)state;
    for (int is_open = 0; is_open < 2; is_open++) {
        database_world db;
        uint64_t clock = 0;
        size_t count = 0;
        merge_pair_outcome outcome;
        copse_cid sides[2];
        copse_cid base = conflicts_make(&db, COPSE_MERGE_THREE_WAY, &clock);
        for (size_t i = 0; i < 2; i++) {
            database_world_reopen(&db, &base);
            conflicts_put(&db, "a", "\"_id\":1", i == 0 ? 'p' : 'q', CONFLICTS_LARGE);
            database_world_commit(&db);
            if (is_open == 0) {
                assert_int_equal(conflicts_resolve(&db, "a", "1"), COPSE_OK);
            }
            sides[i] = *copse_tree_root(db.tree);
        }
        merge_pair_case merge = {.base = &base,
                                 .ours = &sides[0],
                                 .theirs = &sides[1],
                                 .conflicts = COPSE_MERGE_CONFLICTS_RECORD};
        merge.ours_head = (copse_merge_head){.commit = sides[0], .time_ms = 30};
        merge.theirs_head = (copse_merge_head){.commit = sides[1], .time_ms = 40};
        merge_pair_run(&db, &merge, &outcome);
        (void)merge_pair_fetch(&db, &merge, &outcome);
        assert_int_equal(outcome.stats.recorded, 1);
        database_world_reopen(&db, &outcome.root);
        (void)database_world_conflicts(&db, "a", conflicts_expect_past, &count);
        assert_int_equal(count, 1);
        database_world_release(&db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_conflicts_are_given),
        cmocka_unit_test(test_reading_begins_where_it_is_told),
        cmocka_unit_test(test_conflicts_come_with_their_blocks),
        cmocka_unit_test(test_reading_survives_failing_allocations),
        cmocka_unit_test(test_a_conflict_is_resolved_once),
        cmocka_unit_test(test_a_conflict_over_another_keeps_its_base),
        cmocka_unit_test(test_what_waited_is_deleted_by_its_version),
        cmocka_unit_test(test_slots_are_where_documents_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
