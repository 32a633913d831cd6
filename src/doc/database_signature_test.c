/* Signed documents in databases: what is checked and merged of them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>
#include <copse/database_merge.h>

#include <copse/batch.h>
#include <copse/order.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/document_signature.h"
#include "index/key_space.h"
#include "support/merge_pair.h"

#define SIGNED_DOCUMENT "{\"_id\":7,\"e\":1}"

/* A document of theirs under the key of 7 in posts, and what was signed of it instead. */
typedef struct signed_case {
    const char *note;
    const char *document; /* NULL: it was deleted */
    const char *signed_document;
    const char *signed_collection;
    const char *signed_id;
    copse_merge_policy policy;
    bool is_without_creator;
    bool is_foreign;     /* signed for another database */
    bool is_flipped;     /* in one bit */
    const char *message; /* NULL: it is right */
} signed_case;

static const signed_case signed_cases[] = {
    {"a document", SIGNED_DOCUMENT, SIGNED_DOCUMENT, "posts", "7", COPSE_MERGE_LWW, false, false,
     false, NULL},
    {"a deletion", NULL, NULL, "posts", "7", COPSE_MERGE_LWW, false, false, false, NULL},
    {"altered", SIGNED_DOCUMENT, "{\"_id\":7,\"e\":2}", "posts", "7", COPSE_MERGE_LWW, false, false,
     false, "not signed by its author"},
    {"moved from another collection", SIGNED_DOCUMENT, SIGNED_DOCUMENT, "drafts", "7",
     COPSE_MERGE_LWW, false, false, false, "not signed by its author"},
    {"moved from another key", SIGNED_DOCUMENT, SIGNED_DOCUMENT, "posts", "8", COPSE_MERGE_LWW,
     false, false, false, "not signed by its author"},
    {"a deletion of another key", NULL, NULL, "posts", "8", COPSE_MERGE_LWW, false, false, false,
     "not signed by its author"},
    {"replayed from another database", SIGNED_DOCUMENT, SIGNED_DOCUMENT, "posts", "7",
     COPSE_MERGE_LWW, false, true, false, "not signed by its author"},
    {"a flipped bit", SIGNED_DOCUMENT, SIGNED_DOCUMENT, "posts", "7", COPSE_MERGE_LWW, false, false,
     true, "not signed by its author"},
    {"no creator", SIGNED_DOCUMENT, SIGNED_DOCUMENT, "posts", "7", COPSE_MERGE_LWW, true, false,
     false, "without a creator"},
    {"field-wise", SIGNED_DOCUMENT, SIGNED_DOCUMENT, "posts", "7", COPSE_MERGE_FIELD_WISE, false,
     false, false, "not merged lww"},
};

static void signed_write_key(copse_buf *key, copse_status status, const char *id)
{
    copse_bytes item = database_world_value(id);
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(copse_order_write_primary(key, item, NULL), COPSE_OK);
    database_world_free(item);
}

/* Appends the row of versions of the case. */
static void signed_write_row(database_world *db, const copse_key *key, const copse_cid *identity,
                             const signed_case *one, copse_buf *row)
{
    const copse_env *env = database_world_env(db);
    const copse_version_state before = {.row = {NULL, 0}};
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    copse_cid other;
    copse_buf bare;
    copse_buf primary;
    copse_bytes document = {NULL, 0};
    copse_buf_init(&bare, env, SIZE_MAX);
    copse_buf_init(&primary, env, SIZE_MAX);
    if (one->signed_document != NULL) {
        document = database_world_value(one->signed_document);
    }
    signed_write_key(&primary, COPSE_OK, one->signed_id);
    (void)copse_public_key_to_did(copse_key_public(key), did);
    const copse_version version = {.time_ms = 5, .author = copse_bytes_of_text(did)};
    assert_int_equal(copse_version_write(env, COPSE_MERGE_LWW, copse_bytes_of_text("_id"), &before,
                                         document, true, &version, &bare, NULL),
                     COPSE_OK);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("other"), &other);
    const copse_document_place place = {one->is_foreign ? &other : identity,
                                        copse_bytes_of_text(one->signed_collection),
                                        copse_buf_view(&primary)};
    const copse_version_state state = {document, copse_buf_view(&bare)};
    assert_int_equal(copse_document_sign(env, key, &place, &state, row, NULL), COPSE_OK);
    row->ptr[row->len - 10] ^= one->is_flipped;
    copse_buf_release(&bare);
    copse_buf_release(&primary);
    if (one->signed_document != NULL) {
        database_world_free(document);
    }
}

/* db->tree with the case's rows, past all that writes make sure of. */
static copse_cid signed_plant(database_world *db, const copse_key *key, const copse_cid *identity,
                              const signed_case *one)
{
    const copse_env *env = database_world_env(db);
    const copse_bytes name = copse_bytes_of_text("posts");
    copse_batch *batch = NULL;
    copse_tree *tree = NULL;
    copse_buf at;
    copse_buf row;
    copse_buf_init(&at, env, SIZE_MAX);
    copse_buf_init(&row, env, SIZE_MAX);
    assert_int_equal(copse_batch_new(env, &batch, NULL), COPSE_OK);
    if (one->document != NULL) {
        copse_bytes document = database_world_value(one->document);
        signed_write_key(&at, copse_key_write_documents(&at, name), "7");
        assert_int_equal(copse_batch_put(batch, copse_buf_view(&at), document, NULL), COPSE_OK);
        database_world_free(document);
        copse_buf_truncate(&at, 0);
    }
    signed_write_row(db, key, identity, one, &row);
    signed_write_key(&at, copse_key_write_versions(&at, name), "7");
    assert_int_equal(copse_batch_put(batch, copse_buf_view(&at), copse_buf_view(&row), NULL),
                     COPSE_OK);
    assert_int_equal(copse_tree_apply(db->tree, batch, db->world.store, &tree, NULL, NULL),
                     COPSE_OK);
    copse_cid root = *copse_tree_root(tree);
    copse_tree_close(tree);
    copse_batch_free(batch);
    copse_buf_release(&at);
    copse_buf_release(&row);
    return root;
}

static copse_status signed_found(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    const signed_case *one = ctx;
    (void)err;
    if (defect->kind != COPSE_DATABASE_DEFECT_VERSION || one->message == NULL ||
        strstr(defect->message, one->message) == NULL) {
        fail_msg("%s: %s", one->note, defect->message);
    }
    return COPSE_OK;
}

static void signed_check(database_world *db, const copse_cid *root, const signed_case *one)
{
    copse_database_check_stats stats;
    const copse_database_check_options options = {.found = signed_found, .found_ctx = (void *)one};
    assert_int_equal(
        copse_database_check(database_world_env(db), db->world.store, root, &options, &stats, NULL),
        COPSE_OK);
    assert_int_equal(stats.defects, one->message != NULL);
}

/* Theirs has the case; ours another document, and then 7 too, written later. */
static void signed_run(const signed_case *one)
{
    const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {1};
    database_world db;
    merge_pair_outcome outcome;
    copse_identity identity;
    copse_key *key = NULL;
    copse_err err = {.message = ""};
    database_world_init(&db, NULL);
    assert_int_equal(copse_key_from_seed(database_world_env(&db), seed, &key, NULL), COPSE_OK);
    assert_int_equal(copse_identity_new(database_world_env(&db), key, &identity, NULL), COPSE_OK);
    db.options.key = key;
    if (!one->is_without_creator) {
        assert_int_equal(copse_write_create_database(db.write, &identity, NULL), COPSE_OK);
    }
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    assert_int_equal(
        copse_write_set_merge(db.write, copse_bytes_of_text("posts"), one->policy, 0, NULL),
        COPSE_OK);
    copse_cid base = merge_pair_commit(&db);
    copse_cid theirs = signed_plant(&db, key, &identity.cid, one);
    signed_check(&db, &theirs, one);
    for (size_t i = 0; i < 2; i++) {
        database_world_insert(&db, "posts", i == 0 ? "{\"_id\":2}" : "{\"_id\":7,\"later\":true}");
        copse_cid ours = merge_pair_commit(&db);
        const merge_pair_case merge = {.base = &base, .ours = &ours, .theirs = &theirs};
        copse_status status =
            merge_pair_over(db.world.cache, db.world.store, &merge, &outcome, &err);
        if (one->message == NULL) {
            assert_int_equal(status, COPSE_OK);
            merge_pair_run(&db, &merge, &outcome);
        } else if (status != COPSE_CORRUPT || strstr(err.message, one->message) == NULL ||
                   strstr(err.message, "posts: the document with the primary key 78c0: ") == NULL ||
                   strstr(err.message, "did:key:z6Mk") == NULL) {
            fail_msg("%s: %s: %s", one->note, copse_status_name(status), err.message);
        }
    }
    copse_key_free(key);
    database_world_release(&db);
}

static void test_signatures_are_verified(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof signed_cases / sizeof signed_cases[0]; i++) {
        signed_run(&signed_cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures_are_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
