/* Heads that lie, what comes in part, and failures: head_review.h, database_merge_review.c (V).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <copse/batch.h>
#include <copse/cursor.h>
#include <copse/database_check.h>
#include <copse/order.h>

#include "index/key_space.h"
#include "support/review_world.h"
#include "support/sparse_cache.h"
#include "support/want_supply.h"

/* ---- Trees that lie ---- */

/* Makes db->tree what a batch makes of it. */
static void attack_apply(review_world *world, copse_batch *batch)
{
    copse_tree *tree = NULL;
    assert_int_equal(
        copse_tree_apply(world->db.tree, batch, world->db.world.store, &tree, NULL, NULL),
        COPSE_OK);
    copse_batch_free(batch);
    copse_tree_close(world->db.tree);
    world->db.tree = tree;
}

static copse_batch *attack_begin(review_world *world)
{
    copse_batch *batch = NULL;
    assert_int_equal(copse_batch_new(database_world_env(&world->db), &batch, NULL), COPSE_OK);
    return batch;
}

/* The key of a row of posts or notes. */
static copse_buf attack_key(review_world *world, const char *collection, bool is_version,
                            const char *id)
{
    copse_buf key;
    copse_bytes name = copse_bytes_of_text(collection);
    copse_bytes value = database_world_value(id);
    copse_buf_init(&key, database_world_env(&world->db), SIZE_MAX);
    assert_int_equal(is_version ? copse_key_write_versions(&key, name)
                                : copse_key_write_documents(&key, name),
                     COPSE_OK);
    assert_int_equal(copse_order_write_primary(&key, value, NULL), COPSE_OK);
    database_world_free(value);
    return key;
}

/* Drops the entries of an index of posts. */
static void attack_empty_index(review_world *world)
{
    copse_buf key;
    copse_batch *batch = attack_begin(world);
    copse_buf_init(&key, database_world_env(&world->db), SIZE_MAX);
    assert_int_equal(
        copse_key_write_entries(&key, copse_bytes_of_text("posts"), copse_bytes_of_text("n")),
        COPSE_OK);
    size_t size = key.len;
    assert_int_equal(copse_key_write_range_end(&key, 0), COPSE_OK);
    const copse_bytes end = {key.ptr + size, key.len - size};
    assert_int_equal(copse_batch_delete_range(batch, (copse_bytes){key.ptr, size}, &end, NULL),
                     COPSE_OK);
    copse_buf_release(&key);
    attack_apply(world, batch);
}

/* A row that is none of the key space. */
static void attack_add_row(review_world *world)
{
    static const uint8_t key[] = {0, 'z', 'z'};
    static const uint8_t value[] = {0xf6};
    copse_batch *batch = attack_begin(world);
    assert_int_equal(copse_batch_put(batch, (copse_bytes){key, sizeof key},
                                     (copse_bytes){value, sizeof value}, NULL),
                     COPSE_OK);
    attack_apply(world, batch);
}

/* The same rows in nodes of other sizes. */
static void attack_cut_otherwise(review_world *world)
{
    const copse_tree_config config = {16, 4 * COPSE_KEY_SIZE_BYTES_MAX, 128};
    copse_tree *other = NULL;
    copse_cursor *cursor = NULL;
    copse_batch *batch = attack_begin(world);
    assert_int_equal(copse_cursor_new(world->db.tree, &cursor, NULL), COPSE_OK);
    while (copse_cursor_next(cursor, NULL) == COPSE_OK) {
        assert_int_equal(
            copse_batch_put(batch, copse_cursor_key(cursor), copse_cursor_value(cursor), NULL),
            COPSE_OK);
    }
    copse_cursor_free(cursor);
    assert_int_equal(
        copse_tree_new(world->db.world.cache, world->db.world.store, &config, &other, NULL),
        COPSE_OK);
    copse_tree_close(world->db.tree);
    world->db.tree = other;
    attack_apply(world, batch);
}

/* V4: what the documents make is merged, and that is told; where ours went on, nobody looks. */
static void test_a_tree_that_lies_is_made_anew(void **state)
{
    (void)state;
    static void (*const lies[])(review_world *) = {attack_empty_index, attack_add_row,
                                                   attack_cut_otherwise};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        review_world world;
        const copse_head_merge_result *result;
        review_world_init(&world);
        copse_cid honest =
            review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":3,\"n\":3}");
        copse_cid right = review_world_tree(&world, &honest);
        lies[i](&world);
        world.parent = world.first;
        copse_cid theirs =
            review_world_commit_tree(&world, copse_tree_root(world.db.tree), REVIEW_ANN);
        copse_cid head = review_world_take(&world, &world.first, &theirs, &result);
        assert_int_equal(result->kind, COPSE_HEAD_MERGE_MADE);
        assert_true(result->is_form_wrong);
        assert_int_equal(result->refused, 0);
        copse_cid made = review_world_tree(&world, &head);
        assert_true(copse_cid_equal(&made, &right));
        copse_cid more =
            review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":4,\"n\":4}");
        head = review_world_take(&world, &more, &theirs, &result);
        assert_false(result->is_form_wrong);
        review_world_at(&world, &head);
        assert_int_equal(database_world_index_count(&world.db, "posts", "n"), 4);
        review_world_release(&world);
    }
}

/* Rows that are none, under good rights: V1 leaves them out. */
static void test_rows_that_are_not_valid_are_refused(void **state)
{
    (void)state;
    review_world world;
    review_world_init(&world);
    const struct {
        const char *collection;
        bool is_version;
        const char *id;
        const char *value;
        const char *reason;
    } rows[] = {
        {"posts", false, "5", "{\"_id\":6}", "a row has a document of another primary key"},
        {"posts", false, "5", "7", "it is not valid"},
        {"notes", true, "1", "{\"version\":3}", "it is not valid"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        review_world_at(&world, &world.first);
        copse_batch *batch = attack_begin(&world);
        copse_buf key = attack_key(&world, rows[i].collection, rows[i].is_version, rows[i].id);
        copse_bytes value = database_world_value(rows[i].value);
        assert_int_equal(copse_batch_put(batch, copse_buf_view(&key), value, NULL), COPSE_OK);
        database_world_free(value);
        copse_buf_release(&key);
        attack_apply(&world, batch);
        copse_cid theirs =
            review_world_commit_tree(&world, copse_tree_root(world.db.tree), REVIEW_ANN);
        const copse_head_merge_result *result = review_world_merge(&world, &world.first, &theirs);
        assert_int_equal(result->kind, COPSE_HEAD_MERGE_REFUSED);
        review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, rows[i].collection, rows[i].id,
                                    rows[i].reason);
    }
    review_world_release(&world);
}

/* A commit that adds document 3 to posts, and makes no document of 1. */
static copse_cid attack_commit_invalid(review_world *world)
{
    static const uint8_t seven[] = {7};
    review_world_at(world, &world->first);
    database_world_insert(&world->db, "posts", "{\"_id\":3}");
    world->db.options = (copse_write_options){.is_merge = true};
    database_world_commit(&world->db);
    copse_batch *batch = attack_begin(world);
    copse_buf key = attack_key(world, "posts", false, "1");
    assert_int_equal(copse_batch_put(batch, copse_buf_view(&key), (copse_bytes){seven, 1}, NULL),
                     COPSE_OK);
    copse_buf_release(&key);
    attack_apply(world, batch);
    return review_world_commit_tree(world, copse_tree_root(world->db.tree), REVIEW_ANN);
}

/* M6: a row that was refused as none is in the base of those who took the rest of its head; they
 * can still merge what they write over it. */
static void test_a_base_that_is_not_valid_is_none(void **state)
{
    (void)state;
    review_world world;
    const copse_head_merge_result *result;
    review_world_init(&world);
    copse_cid a = review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":10}");
    copse_cid b = review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":11}");
    copse_cid evil = attack_commit_invalid(&world);
    a = review_world_take(&world, &a, &evil, &result);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "1", "it is not valid");
    b = review_world_take(&world, &b, &evil, &result);
    b = review_world_put(&world, &b, REVIEW_ANN, "posts", "{\"_id\":1,\"n\":1,\"x\":1}");
    copse_cid head = review_world_take(&world, &a, &b, &result);
    review_world_expect(&world, &head, "posts", "1", "{\"_id\":1,\"n\":1,\"x\":1}");
    review_world_release(&world);
}

/* The same where it is one of several bases, whichever is the first of them. */
static void test_one_of_several_bases_that_is_not_valid_is_none(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        review_world world;
        char json[64];
        const copse_head_merge_result *result;
        review_world_init(&world);
        (void)snprintf(json, sizeof json, "{\"_id\":10,\"i\":%d}", i);
        copse_cid a = review_world_put(&world, &world.first, REVIEW_ANN, "posts", json);
        copse_cid b = review_world_put(&world, &world.first, REVIEW_ANN, "posts", "{\"_id\":11}");
        copse_cid evil = attack_commit_invalid(&world);
        copse_cid first = review_world_take(&world, &a, &evil, &result);
        first = review_world_take(&world, &first, &b, &result);
        copse_cid second = review_world_take(&world, &b, &evil, &result);
        second = review_world_take(&world, &second, &a, &result);
        first = review_world_put(&world, &first, REVIEW_ANN, "posts", "{\"_id\":20}");
        second = review_world_put(&world, &second, REVIEW_ANN, "posts", "{\"_id\":1,\"n\":21}");
        copse_cid head = review_world_take(&world, &first, &second, &result);
        assert_int_equal(result->bases, 3);
        review_world_expect(&world, &head, "posts", "1", "{\"_id\":1,\"n\":21}");
        review_world_expect(&world, &head, "posts", "20", "{\"_id\":20}");
        review_world_release(&world);
    }
}

/* ---- What partly comes ---- */

/* V4: an index of theirs is not built where something was refused, so that it does not name what
 * did not come. */
static void test_an_index_stays_unbuilt_where_something_is_refused(void **state)
{
    (void)state;
    review_world world;
    const copse_head_merge_result *result;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_ADMIN, "posts", 0, NULL);
    review_world_at(&world, &ours);
    database_world_index(&world.db, "posts", "m", "m", NULL);
    database_world_insert(&world.db, "posts", "{\"_id\":3,\"n\":3,\"m\":1}");
    copse_cid honest = review_world_commit(&world, REVIEW_BEN, REVIEW_BEN);
    assert_int_equal(review_world_merge(&world, &ours, &honest)->kind, COPSE_HEAD_MERGE_FORWARD);
    database_world_insert(&world.db, "notes", "{\"_id\":9}");
    copse_cid theirs = review_world_commit(&world, REVIEW_ANN, REVIEW_BEN);
    copse_cid head = review_world_take(&world, &ours, &theirs, &result);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_MADE);
    assert_false(result->is_form_wrong);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "notes", "9", " has no grant");
    review_world_at(&world, &head);
    assert_int_equal(database_world_index_count(&world.db, "posts", "m"), 0);
    assert_int_equal(database_world_index_count(&world.db, "posts", "n"), 3);
    review_world_release(&world);
}

/* Without what was refused, two have one value of a unique index: the later one waits. */
static void test_what_clashes_for_a_refusal_waits(void **state)
{
    (void)state;
    review_world world;
    const copse_head_merge_result *result;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_INSERT, "posts", 0, NULL);
    review_world_at(&world, &ours);
    database_world_replace(&world.db, "posts", "{\"_id\":1,\"n\":99}", false);
    database_world_insert(&world.db, "posts", "{\"_id\":3,\"n\":1}");
    copse_cid theirs = review_world_commit(&world, REVIEW_ANN, REVIEW_BEN);
    copse_cid head = review_world_take(&world, &ours, &theirs, &result);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_MADE);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "1", " has no grant for");
    assert_int_equal(result->stats.waiting, 1);
    review_world_expect(&world, &head, "posts", "1", "{\"_id\":1,\"n\":1}");
    review_world_expect(&world, &head, "posts", "3", NULL);
    assert_int_equal(database_world_conflicts(&world.db, "posts", NULL, NULL), 1);
    review_world_release(&world);
}

/* V1: what was refused of a head that was taken in part does not come in by the next one, whose
 * base it is. */
static void test_what_was_refused_stays_refused(void **state)
{
    (void)state;
    review_world world;
    const copse_head_merge_result *result;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "posts", 0, NULL);
    review_world_at(&world, &ours);
    database_world_replace(&world.db, "notes", "{\"_id\":1,\"n\":\"evil\"}", false);
    database_world_insert(&world.db, "posts", "{\"_id\":3,\"n\":3}");
    copse_cid theirs = review_world_commit(&world, REVIEW_ANN, REVIEW_BEN);
    copse_cid head = review_world_take(&world, &ours, &theirs, &result);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "notes", "1", " has no grant for");
    theirs = review_world_put(&world, &theirs, REVIEW_BEN, "posts", "{\"_id\":4,\"n\":4}");
    head = review_world_take(&world, &head, &theirs, &result);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_MADE);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "notes", "1", " has no grant for");
    review_world_expect(&world, &head, "notes", "1", "{\"_id\":1,\"n\":1}");
    review_world_expect(&world, &head, "posts", "4", "{\"_id\":4,\"n\":4}");
    review_world_release(&world);
}

/* V5: a document counts by its own signer, whoever brings it. */
static void test_a_signed_document_is_its_signers(void **state)
{
    (void)state;
    review_world world;
    const copse_head_merge_result *result;
    review_world_init(&world);
    copse_bytes letters = copse_bytes_of_text("letters");
    review_world_at(&world, &world.first);
    database_world_create(&world.db, "letters", "_id", COPSE_DOCUMENTS_INLINE);
    assert_int_equal(copse_write_set_merge(world.db.write, letters, COPSE_MERGE_LWW, 0, NULL),
                     COPSE_OK);
    assert_int_equal(copse_write_set_signed(world.db.write, letters, NULL), COPSE_OK);
    copse_cid ours = review_world_commit(&world, REVIEW_ANN, REVIEW_ANN);
    ours = review_world_grant(&world, &ours, REVIEW_CAT, COPSE_RIGHT_WRITE, "letters", 0, NULL);
    review_world_at(&world, &ours);
    database_world_insert(&world.db, "letters", "{\"_id\":1,\"n\":\"by Cat\"}");
    copse_cid theirs = review_world_commit(&world, REVIEW_CAT, REVIEW_NOBODY);
    assert_int_equal(review_world_merge(&world, &ours, &theirs)->kind, COPSE_HEAD_MERGE_FORWARD);
    database_world_insert(&world.db, "posts", "{\"_id\":3}");
    theirs = review_world_commit(&world, REVIEW_ANN, REVIEW_BEN);
    copse_cid more = review_world_put(&world, &ours, REVIEW_ANN, "notes", "{\"_id\":5}");
    copse_cid head = review_world_take(&world, &more, &theirs, &result);
    review_world_expect_refusal(result, COPSE_CONFLICT_DOCUMENT, "posts", "3", " has no grant");
    review_world_expect(&world, &head, "letters", "1", "{\"_id\":1,\"n\":\"by Cat\"}");
    /* One that nobody signed comes by nobody. */
    review_world_at(&world, &ours);
    database_world_insert(&world.db, "letters", "{\"_id\":2}");
    theirs = review_world_commit(&world, REVIEW_NOBODY, REVIEW_ANN);
    review_world_expect_refusal(review_world_merge(&world, &ours, &theirs), COPSE_CONFLICT_DOCUMENT,
                                "letters", "2", "not signed");
    review_world_release(&world);
}

/* ---- Failures ---- */

typedef struct attack_sweep {
    review_world *world;
    copse_store *store; /* that has all; NULL: an empty one, which gets what is wanted */
    copse_cid ours;
    copse_cid theirs;
    copse_head_merge_kind kind;
    uint64_t refused;
} attack_sweep;

static copse_status attack_merge_sparse(const copse_env *given, void *ctx)
{
    attack_sweep *sweep = ctx;
    copse_env clocked = *given;
    const copse_env *env = &clocked;
    clocked.clock = sweep->world->db.world.test.env.clock;
    clocked.clock_ctx = sweep->world->db.world.test.env.clock_ctx;
    sparse_cache sparse;
    copse_database_conflict conflict;
    copse_head_merge *merge = NULL;
    copse_status status = sweep->store != NULL ? sparse_cache_init(&sparse, env, sweep->store)
                                               : sparse_cache_init_own(&sparse, env, NULL);
    copse_head_merge_options options = sweep->world->options;
    options.cache = sparse.cache;
    options.store = sweep->store != NULL ? sweep->store : sparse.store;
    options.ours = sweep->ours;
    options.theirs = sweep->theirs;
    if (status == COPSE_OK) {
        status = copse_head_merge_new(env, &options, &merge, NULL);
    }
    while (status == COPSE_OK || status == COPSE_WANT) {
        status = copse_head_merge_next(merge, &conflict, NULL);
        if (status == COPSE_WANT) {
            (void)want_supply_some(sparse.source, sweep->world->db.world.store, SIZE_MAX);
        }
    }
    if (status == COPSE_END) {
        const copse_head_merge_result *result = copse_head_merge_get_result(merge);
        sweep->kind = result->kind;
        sweep->refused = result->refused;
        status = COPSE_OK;
    }
    copse_head_merge_free(merge);
    sparse_cache_release(&sparse);
    return status;
}

/* Each allocation fails once; all blocks come as they are wanted, into an empty store. */
static void test_memory_fails_and_blocks_are_wanted(void **state)
{
    (void)state;
    review_world world;
    copse_cid grant;
    const copse_head_merge_result *result;
    review_world_init(&world);
    copse_cid ours =
        review_world_grant(&world, &world.first, REVIEW_BEN, COPSE_RIGHT_WRITE, "posts", 0, &grant);
    copse_cid theirs = review_world_put(&world, &ours, REVIEW_BEN, "posts", "{\"_id\":3,\"n\":3}");
    theirs = review_world_put(&world, &theirs, REVIEW_BEN, "notes", "{\"_id\":1,\"n\":66}");
    theirs = review_world_put(&world, &theirs, REVIEW_ANN, "notes", "{\"_id\":2}");
    theirs = review_world_put(&world, &theirs, REVIEW_BEN, "posts", "{\"_id\":4}");
    ours = review_world_revoke(&world, &ours, REVIEW_BEN, &grant, &theirs);
    ours = review_world_put(&world, &ours, REVIEW_ANN, "posts", "{\"_id\":5,\"n\":5}");
    attack_sweep sweep = {.world = &world, .ours = ours, .theirs = theirs};
    result = review_world_merge(&world, &ours, &theirs);
    assert_int_equal(result->kind, COPSE_HEAD_MERGE_MADE);
    assert_true(result->refused > 0);
    uint64_t refused = result->refused;
    assert_int_equal(attack_merge_sparse(database_world_env(&world.db), &sweep), COPSE_OK);
    assert_int_equal(sweep.kind, COPSE_HEAD_MERGE_MADE);
    assert_int_equal(sweep.refused, refused);
    /* A smaller one, of a frontier too: each run verifies signatures. */
    theirs = review_world_put(&world, &world.first, REVIEW_BEN, "notes", "{\"_id\":1,\"n\":66}");
    theirs = review_world_put(&world, &theirs, REVIEW_NOBODY, "notes", "{\"_id\":2}");
    sweep = (attack_sweep){
        .world = &world, .store = world.db.world.store, .ours = world.first, .theirs = theirs};
    assert_true(test_env_sweep(attack_merge_sparse, &sweep, 100000) > 100);
    review_world_release(&world);
}

/* A database of another creator is none to merge with, also where its head comes from ours. */
static void test_another_database_is_not_taken(void **state)
{
    (void)state;
    review_world world;
    copse_database_conflict conflict;
    review_world_init(&world);
    database_world_reopen(&world.db, NULL);
    database_world_create(&world.db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    world.parent = world.first;
    copse_cid theirs = review_world_commit(&world, REVIEW_ANN, REVIEW_ANN);
    world.options.ours = world.first;
    world.options.theirs = theirs;
    assert_int_equal(
        copse_head_merge_new(database_world_env(&world.db), &world.options, &world.merge, NULL),
        COPSE_OK);
    assert_int_equal(copse_head_merge_next(world.merge, &conflict, NULL), COPSE_CONFLICT);
    review_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_tree_that_lies_is_made_anew),
        cmocka_unit_test(test_rows_that_are_not_valid_are_refused),
        cmocka_unit_test(test_a_base_that_is_not_valid_is_none),
        cmocka_unit_test(test_one_of_several_bases_that_is_not_valid_is_none),
        cmocka_unit_test(test_an_index_stays_unbuilt_where_something_is_refused),
        cmocka_unit_test(test_what_clashes_for_a_refusal_waits),
        cmocka_unit_test(test_what_was_refused_stays_refused),
        cmocka_unit_test(test_a_signed_document_is_its_signers),
        cmocka_unit_test(test_memory_fails_and_blocks_are_wanted),
        cmocka_unit_test(test_another_database_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
