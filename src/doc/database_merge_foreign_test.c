/* Databases of somebody else, whose rows were made up (database_merge_rows.c, M6), or are from
 * under another policy.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_merge.h>

#include <copse/batch.h>
#include <copse/order.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/document_conflict.h"
#include "index/key_space.h"
#include "support/merge_pair.h"

/* A row of theirs: documents in Extended JSON; NULL: none. */
typedef struct foreign_row {
    const char *document; /* with no other one: the row is a document's, else a conflict's */
    const char *base;
    const char *sides[2];
    const char *waiting;
} foreign_row;

/* The conflict of `row`; its documents are malloc'ed. */
static copse_document_conflict foreign_conflict(const foreign_row *row)
{
    copse_document_conflict conflict = {.waiting.index = copse_bytes_of_text("e")};
    for (uint8_t i = 0; i < 2 && row->sides[0] != NULL; i++) {
        copse_document_conflict one = {.sides_count = 1};
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){&i, 1}, &one.sides[0].commit);
        one.sides[0].document = database_world_value(row->sides[i]);
        copse_conflict_unite(&conflict, &one);
    }
    if (row->base != NULL) {
        conflict.base = database_world_value(row->base);
    }
    if (row->waiting != NULL) {
        conflict.waiting.document = database_world_value(row->waiting);
    }
    return conflict;
}

static void foreign_conflict_free(copse_document_conflict *conflict)
{
    database_world_free(conflict->base);
    database_world_free(conflict->sides[0].document);
    database_world_free(conflict->sides[1].document);
    database_world_free(conflict->waiting.document);
}

/* db->tree with that row under the key of `id`, past all that writes make sure of. */
static copse_cid foreign_plant(database_world *db, const char *id, const foreign_row *row)
{
    const copse_env *env = database_world_env(db);
    const copse_bytes name = copse_bytes_of_text("posts");
    copse_bytes item = database_world_value(id);
    copse_batch *batch = NULL;
    copse_tree *tree = NULL;
    copse_buf key;
    copse_buf value;
    copse_buf_init(&key, env, SIZE_MAX);
    copse_buf_init(&value, env, SIZE_MAX);
    assert_int_equal(copse_batch_new(env, &batch, NULL), COPSE_OK);
    if (row->document != NULL) {
        copse_bytes document = database_world_value(row->document);
        assert_int_equal(copse_key_write_documents(&key, name), COPSE_OK);
        assert_int_equal(copse_buf_append(&value, document), COPSE_OK);
        database_world_free(document);
    } else {
        copse_document_conflict conflict = foreign_conflict(row);
        assert_int_equal(copse_key_write_conflicts(&key, name), COPSE_OK);
        assert_int_equal(copse_conflict_encode(&conflict, &value, NULL), COPSE_OK);
        foreign_conflict_free(&conflict);
    }
    assert_int_equal(copse_order_write_primary(&key, item, NULL), COPSE_OK);
    assert_int_equal(copse_batch_put(batch, copse_buf_view(&key), copse_buf_view(&value), NULL),
                     COPSE_OK);
    assert_int_equal(copse_tree_apply(db->tree, batch, db->world.store, &tree, NULL, NULL),
                     COPSE_OK);
    copse_cid root = *copse_tree_root(tree);
    copse_tree_close(tree);
    copse_batch_free(batch);
    copse_buf_release(&key);
    copse_buf_release(&value);
    database_world_free(item);
    return root;
}

/* Merges ours, which has document 1, with theirs, which has that and the row under the key of 7. */
static copse_status foreign_merge(database_world *db, copse_merge_policy policy,
                                  const foreign_row *row, merge_pair_outcome *ret_outcome,
                                  copse_err *err)
{
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(db, "posts", "e", "e", "unique");
    assert_int_equal(
        copse_write_set_merge(db->write, copse_bytes_of_text("posts"), policy, 0, NULL), COPSE_OK);
    database_world_insert(db, "posts", "{\"_id\":1,\"e\":1}");
    copse_cid base = merge_pair_commit(db);
    copse_cid theirs = foreign_plant(db, "7", row);
    database_world_insert(db, "posts", "{\"_id\":2}");
    copse_cid ours = merge_pair_commit(db);
    const copse_merge_head late = {.time_ms = INT64_MAX};
    const merge_pair_case merge = {
        .base = &base, .ours = &ours, .theirs = &theirs, .ours_head = late, .theirs_head = late};
    const merge_pair_case swapped = merge_pair_swap(&merge);
    copse_status status =
        merge_pair_over(db->world.cache, db->world.store, &merge, ret_outcome, err);
    if (status == COPSE_OK) {
        merge_pair_run(db, &merge, ret_outcome);
    } else { /* theirs or ours, as far as it is looked at */
        copse_status back =
            merge_pair_over(db->world.cache, db->world.store, &swapped, ret_outcome, NULL);
        assert_true(back == status || back == COPSE_OK);
    }
    return status;
}

static void test_documents_under_other_keys(void **state)
{
    (void)state;
    static const foreign_row wrong[] = {
        {.document = "{\"_id\":8}"},
        {.document = "{\"x\":7}"},
        {.document = "{\"_id\":1,\"e\":2}"},
        {.waiting = "{\"_id\":8,\"e\":2}"},
        {.waiting = "{\"_id\":8,\"e\":1}"},
        {.sides = {"{\"_id\":8}", "{\"_id\":7}"}},
        {.sides = {"{\"_id\":7,\"x\":1}", "{\"_id\":8}"}},
        {.base = "{\"_id\":8}", .sides = {"{\"_id\":7,\"x\":1}", "{\"_id\":7}"}},
    };
    for (copse_merge_policy policy = 0; policy <= COPSE_MERGE_FIELD_WISE; policy++) {
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            database_world db;
            merge_pair_outcome outcome;
            copse_err err = {.message = ""};
            database_world_init(&db, NULL);
            copse_status status = foreign_merge(&db, policy, &wrong[i], &outcome, &err);
            if (status != COPSE_CORRUPT || strstr(err.message, "primary key") == NULL) {
                fail_msg("row %d: %s: %s", (int)i, copse_status_name(status), err.message);
            }
            database_world_release(&db);
        }
    }
}

/* Also under a policy that makes none: it was another one once. A document that waits without a
 * version is older then than the one with it, and takes its place. */
static void test_rows_of_conflicts_merge(void **state)
{
    (void)state;
    static const foreign_row sound[] = {
        {.waiting = "{\"_id\":7,\"e\":1}"},
        {.sides = {"{\"_id\":7,\"x\":1}", "{\"_id\":7}"}},
        {.base = "{\"_id\":7}",
         .sides = {"{\"_id\":7,\"x\":1}", "{\"_id\":7,\"x\":2}"},
         .waiting = "{\"_id\":7,\"e\":1}"},
    };
    for (copse_merge_policy policy = 0; policy <= COPSE_MERGE_FIELD_WISE; policy++) {
        for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
            database_world db;
            merge_pair_outcome outcome;
            copse_err err = {.message = ""};
            database_world_init(&db, NULL);
            assert_int_equal(foreign_merge(&db, policy, &sound[i], &outcome, &err), COPSE_OK);
            bool is_older = policy >= COPSE_MERGE_LWW && sound[i].waiting != NULL;
            assert_int_equal(outcome.stats.inserted, is_older);
            assert_int_equal(outcome.stats.waiting, sound[i].waiting != NULL);
            database_world_release(&db);
        }
    }
}

/* A document in conflict is written after the policy was set: its row of versions is looked at
 * where only the conflict's was asked for. */
static void test_a_conflict_from_before_the_policy(void **state)
{
    (void)state;
    for (copse_merge_policy policy = COPSE_MERGE_LWW; policy <= COPSE_MERGE_FIELD_WISE; policy++) {
        static const char *const changes[2] = {"{\"_id\":7,\"x\":1}", "{\"_id\":7,\"x\":2}"};
        static const char *const others[2] = {"{\"_id\":1}", "{\"_id\":2}"};
        database_world db;
        merge_pair_outcome outcome;
        copse_cid sides[2];
        database_world_init(&db, NULL);
        database_world_insert(&db, "posts", "{\"_id\":7}");
        copse_cid base = merge_pair_commit(&db);
        merge_pair_case merge = {.base = &base,
                                 .ours = &sides[0],
                                 .theirs = &sides[1],
                                 .conflicts = COPSE_MERGE_CONFLICTS_RECORD};
        for (size_t i = 0; i < 2; i++) {
            copse_merge_head *head = i == 0 ? &merge.ours_head : &merge.theirs_head;
            database_world_reopen(&db, &base);
            database_world_replace(&db, "posts", changes[i], false);
            sides[i] = merge_pair_commit(&db);
            head->commit = sides[i];
        }
        merge_pair_run(&db, &merge, &outcome);
        assert_int_equal(outcome.stats.recorded, 1);
        database_world_reopen(&db, &outcome.root);
        assert_int_equal(
            copse_write_set_merge(db.write, copse_bytes_of_text("posts"), policy, 0, NULL),
            COPSE_OK);
        database_world_replace(&db, "posts", "{\"_id\":7,\"x\":3}", false);
        base = merge_pair_commit(&db);
        for (size_t i = 0; i < 2; i++) {
            database_world_reopen(&db, &base);
            database_world_insert(&db, "posts", others[i]);
            sides[i] = merge_pair_commit(&db);
        }
        merge_pair_run(&db, &merge, &outcome);
        assert_int_equal(outcome.stats.inserted, 1);
        database_world_reopen(&db, &outcome.root);
        char *found = database_world_get(&db, "posts", "7");
        assert_string_equal(found, "{\"_id\":7,\"x\":3}");
        free(found);
        database_world_release(&db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents_under_other_keys),
        cmocka_unit_test(test_rows_of_conflicts_merge),
        cmocka_unit_test(test_a_conflict_from_before_the_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
