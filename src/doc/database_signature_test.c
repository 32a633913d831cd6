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
#include "doc/write.h"
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
    bool is_foreign;       /* signed for another database */
    bool is_flipped;       /* in one bit */
    bool is_named_falsely; /* its author is said to be somebody else */
    const char *message;   /* NULL: it is right */
    bool is_asked;         /* the collection is one of signed documents */
    bool is_bare;          /* without a signature */
    bool is_rowless;       /* without a row of versions */
} signed_case;

#define SIGNED_AS_IT_IS                                                                            \
    .document = SIGNED_DOCUMENT, .signed_document = SIGNED_DOCUMENT, .signed_collection = "posts", \
    .signed_id = "7", .policy = COPSE_MERGE_LWW
#define SIGNED_DELETION .signed_collection = "posts", .signed_id = "7", .policy = COPSE_MERGE_LWW
#define SIGNED_NOT_ITS .message = "not signed by its author"
#define SIGNED_MISSING .message = "not signed, in a collection of signed ones", .is_asked = true

static const signed_case signed_cases[] = {
    {.note = "a document", SIGNED_AS_IT_IS},
    {.note = "a deletion", SIGNED_DELETION},
    {.note = "altered",
     .document = SIGNED_DOCUMENT,
     .signed_document = "{\"_id\":7,\"e\":2}",
     .signed_collection = "posts",
     .signed_id = "7",
     .policy = COPSE_MERGE_LWW,
     SIGNED_NOT_ITS},
    {.note = "moved from another collection",
     .document = SIGNED_DOCUMENT,
     .signed_document = SIGNED_DOCUMENT,
     .signed_collection = "drafts",
     .signed_id = "7",
     .policy = COPSE_MERGE_LWW,
     SIGNED_NOT_ITS},
    {.note = "moved from another key",
     .document = SIGNED_DOCUMENT,
     .signed_document = SIGNED_DOCUMENT,
     .signed_collection = "posts",
     .signed_id = "8",
     .policy = COPSE_MERGE_LWW,
     SIGNED_NOT_ITS},
    {.note = "a deletion of another key",
     .signed_collection = "posts",
     .signed_id = "8",
     .policy = COPSE_MERGE_LWW,
     SIGNED_NOT_ITS},
    {.note = "replayed from another database", SIGNED_AS_IT_IS, .is_foreign = true, SIGNED_NOT_ITS},
    {.note = "a flipped bit", SIGNED_AS_IT_IS, .is_flipped = true, SIGNED_NOT_ITS},
    {.note = "another's name", SIGNED_AS_IT_IS, .is_named_falsely = true, SIGNED_NOT_ITS},
    {.note = "no creator",
     SIGNED_AS_IT_IS,
     .is_without_creator = true,
     .message = "without a creator"},
    {.note = "field-wise",
     .document = SIGNED_DOCUMENT,
     .signed_document = SIGNED_DOCUMENT,
     .signed_collection = "posts",
     .signed_id = "7",
     .policy = COPSE_MERGE_FIELD_WISE,
     .message = "not merged lww"},
    {.note = "without a signature", SIGNED_AS_IT_IS, .is_bare = true},
    {.note = "signed where all is", SIGNED_AS_IT_IS, .is_asked = true},
    {.note = "not signed where all is", SIGNED_AS_IT_IS, .is_bare = true, SIGNED_MISSING},
    {.note = "a deletion not signed where all is",
     SIGNED_DELETION,
     .is_bare = true,
     SIGNED_MISSING},
    {.note = "without a version where all is signed",
     SIGNED_AS_IT_IS,
     .is_rowless = true,
     SIGNED_MISSING},
};

static void signed_write_key(copse_buf *key, copse_status status, const char *id)
{
    copse_bytes item = database_world_value(id);
    assert_int_equal(status, COPSE_OK);
    assert_int_equal(copse_order_write_primary(key, item, NULL), COPSE_OK);
    database_world_free(item);
}

/* Puts another's did in the place of the key's. */
static void signed_rename(const copse_env *env, const copse_key *key, copse_buf *row)
{
    const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {2};
    char dids[2][COPSE_KEY_TEXT_SIZE_MAX];
    copse_key *other = NULL;
    size_t at = 0;
    assert_int_equal(copse_key_from_seed(env, seed, &other, NULL), COPSE_OK);
    size_t len = copse_public_key_to_did(copse_key_public(key), dids[0]);
    assert_int_equal(copse_public_key_to_did(copse_key_public(other), dids[1]), len);
    while (memcmp(row->ptr + at, dids[0], len) != 0) {
        at++;
        assert_true(at + len <= row->len);
    }
    memcpy(row->ptr + at, dids[1], len);
    copse_key_free(other);
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
    if (one->is_bare) {
        assert_int_equal(copse_buf_append(row, copse_buf_view(&bare)), COPSE_OK);
    } else {
        assert_int_equal(copse_document_sign(env, key, &place, &state, row, NULL), COPSE_OK);
    }
    if (one->is_named_falsely) {
        signed_rename(env, key, row);
    }
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
    if (!one->is_rowless) {
        signed_write_row(db, key, identity, one, &row);
        signed_write_key(&at, copse_key_write_versions(&at, name), "7");
        assert_int_equal(copse_batch_put(batch, copse_buf_view(&at), copse_buf_view(&row), NULL),
                         COPSE_OK);
    }
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

static void signed_create(database_world *db, const signed_case *one)
{
    const copse_bytes name = copse_bytes_of_text("posts");
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    assert_int_equal(copse_write_set_merge(db->write, name, one->policy, 0, NULL), COPSE_OK);
    if (one->is_asked) {
        assert_int_equal(copse_write_set_signed(db->write, name, NULL), COPSE_OK);
    }
}

/* What a merge says of a document without an author. */
static bool signed_names_author(const signed_case *one, const char *message)
{
    return one->is_rowless || strstr(message, "did:key:z6Mk") != NULL;
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
    signed_create(&db, one);
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
                   !signed_names_author(one, err.message)) {
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

/* ---- The option in merges -------------------------------------------------------------------- */

/* A database of one creator, for merges of its trees. */
typedef struct signed_pair {
    database_world db;
    copse_key *key;
    copse_cid base;
} signed_pair;

static const signed_case signed_asks = {.policy = COPSE_MERGE_LWW, .is_asked = true};
static const signed_case signed_asks_not = {.policy = COPSE_MERGE_LWW};

static void signed_pair_init(signed_pair *pair)
{
    const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {1};
    const copse_env *env = database_world_env(&pair->db);
    copse_identity identity;
    database_world_init(&pair->db, NULL);
    assert_int_equal(copse_key_from_seed(env, seed, &pair->key, NULL), COPSE_OK);
    assert_int_equal(copse_identity_new(env, pair->key, &identity, NULL), COPSE_OK);
    pair->db.options.key = pair->key;
    assert_int_equal(copse_write_create_database(pair->db.write, &identity, NULL), COPSE_OK);
}

static void signed_pair_release(signed_pair *pair)
{
    copse_key_free(pair->key);
    database_world_release(&pair->db);
}

/* Merges two trees since the base, both ways round, over what is not there yet, and where memory
 * ends; db->tree becomes the merged one. */
static void signed_pair_merge(signed_pair *pair, const copse_cid *ours, const copse_cid *theirs)
{
    merge_pair_outcome outcome;
    const copse_merge_head late = {.time_ms = INT64_MAX}; /* what is made for a head would win */
    const merge_pair_case merge = {&pair->base, ours, theirs, .ours_head = late,
                                   .theirs_head = late};
    merge_pair_run(&pair->db, &merge, &outcome);
    assert_string_equal(outcome.conflicts, "");
    (void)merge_pair_fetch(&pair->db, &merge, &outcome);
    (void)merge_pair_sweep(&pair->db, &merge, true);
    database_world_reopen(&pair->db, &outcome.root);
}

static bool signed_pair_asks(signed_pair *pair)
{
    copse_database *database;
    assert_int_equal(copse_database_open(pair->db.tree, &database, NULL), COPSE_OK);
    bool is_signed = copse_database_collection(database, copse_bytes_of_text("posts"))->is_signed;
    copse_database_close(database);
    return is_signed;
}

static void test_a_collection_comes_signed(void **state)
{
    (void)state;
    signed_pair pair;
    for (size_t i = 0; i < 2; i++) { /* as a whole, or as an option */
        signed_pair_init(&pair);
        if (i == 1) {
            signed_create(&pair.db, &signed_asks_not);
        }
        pair.base = merge_pair_commit(&pair.db);
        if (i == 0) {
            signed_create(&pair.db, &signed_asks);
        } else {
            assert_int_equal(
                copse_write_set_signed(pair.db.write, copse_bytes_of_text("posts"), NULL),
                COPSE_OK);
        }
        database_world_insert(&pair.db, "posts", SIGNED_DOCUMENT);
        copse_cid theirs = merge_pair_commit(&pair.db);
        database_world_reopen(&pair.db, &pair.base);
        database_world_insert(&pair.db, "others", SIGNED_DOCUMENT);
        copse_cid ours = merge_pair_commit(&pair.db);
        signed_pair_merge(&pair, &ours, &theirs);
        assert_true(signed_pair_asks(&pair));
        assert_int_equal(database_world_count(&pair.db, "posts"), 1);
        signed_pair_release(&pair);
    }
}

/* One side has dropped the collection and made it anew, to be signed: the other's documents, which
 * are not, and which it did not change, don't count (J5). */
static void test_made_anew_to_be_signed(void **state)
{
    (void)state;
    signed_pair pair;
    for (size_t i = 0; i < 2; i++) {
        const signed_case before = {.policy = i == 0 ? COPSE_MERGE_THREE_WAY : COPSE_MERGE_LWW};
        signed_pair_init(&pair);
        signed_create(&pair.db, &before);
        database_world_insert(&pair.db, "posts", "{\"_id\":1}");
        database_world_insert(&pair.db, "posts", "{\"_id\":2}");
        pair.base = merge_pair_commit(&pair.db);
        assert_int_equal(
            copse_write_drop_collection(pair.db.write, copse_bytes_of_text("posts"), NULL),
            COPSE_OK);
        signed_create(&pair.db, &signed_asks);
        database_world_insert(&pair.db, "posts", "{\"_id\":2,\"anew\":true}");
        copse_cid theirs = merge_pair_commit(&pair.db);
        database_world_reopen(&pair.db, &pair.base);
        database_world_insert(&pair.db, "others", SIGNED_DOCUMENT);
        copse_cid ours = merge_pair_commit(&pair.db);
        signed_pair_merge(&pair, &ours, &theirs);
        assert_true(signed_pair_asks(&pair));
        assert_int_equal(database_world_count(&pair.db, "posts"), 1);
        char *document = database_world_get(&pair.db, "posts", "2");
        assert_string_equal(document, "{\"_id\":2,\"anew\":true}");
        free(document);
        signed_pair_release(&pair);
    }
}

/* What one side wrote unsigned, while the other had documents signed, is refused by its name. */
static void test_written_while_it_became_signed(void **state)
{
    (void)state;
    signed_pair pair;
    merge_pair_outcome outcome;
    copse_err err = {.message = ""};
    signed_pair_init(&pair);
    signed_create(&pair.db, &signed_asks_not);
    pair.base = merge_pair_commit(&pair.db);
    assert_int_equal(copse_write_set_signed(pair.db.write, copse_bytes_of_text("posts"), NULL),
                     COPSE_OK);
    copse_cid ours = merge_pair_commit(&pair.db);
    database_world_reopen(&pair.db, &pair.base);
    database_world_insert(&pair.db, "posts", SIGNED_DOCUMENT);
    copse_cid theirs = merge_pair_commit(&pair.db);
    for (size_t i = 0; i < 2; i++) {
        merge_pair_case merge = {.base = &pair.base, .ours = &ours, .theirs = &theirs};
        merge = i == 0 ? merge : merge_pair_swap(&merge);
        assert_int_equal(
            merge_pair_over(pair.db.world.cache, pair.db.world.store, &merge, &outcome, &err),
            COPSE_CORRUPT);
        assert_non_null(strstr(err.message, "posts: the document with the primary key 78c0: "));
        assert_non_null(strstr(err.message, "not signed, in a collection of signed ones"));
    }
    signed_pair_release(&pair);
}

/* An older version, signed as it is, does not win over a newer one, nor does taking that away. */
static void test_older_versions_lose(void **state)
{
    (void)state;
    signed_pair pair;
    signed_pair_init(&pair);
    signed_create(&pair.db, &signed_asks);
    copse_cid empty = merge_pair_commit(&pair.db);
    database_world_insert(&pair.db, "posts", SIGNED_DOCUMENT);
    copse_cid older = merge_pair_commit(&pair.db);
    database_world_replace(&pair.db, "posts", "{\"_id\":7,\"e\":2}", false);
    pair.base = merge_pair_commit(&pair.db);
    for (size_t i = 0; i < 2; i++) {
        signed_pair_merge(&pair, &pair.base, i == 0 ? &older : &empty);
        assert_true(copse_cid_equal(copse_tree_root(pair.db.tree), &pair.base));
    }
    signed_pair_release(&pair);
}

/* A document that waits, and is not signed. */
static void test_what_waits_is_signed(void **state)
{
    (void)state;
    const signed_case expected = {.note = "waits", .message = "not signed"};
    signed_pair pair;
    signed_pair_init(&pair);
    signed_create(&pair.db, &signed_asks);
    database_world_commit(&pair.db);
    copse_bytes id = database_world_value("1");
    copse_bytes row = database_world_value(
        "{\"waiting\":{\"clock\":[5,0],\"index\":\"n\",\"document\":{\"_id\":1}}}");
    pair.db.options = (copse_write_options){.is_merge = true};
    assert_int_equal(copse_write_put_row(pair.db.write, COPSE_WRITE_CONFLICT_ROW,
                                         copse_bytes_of_text("posts"), id, row, NULL, NULL),
                     COPSE_OK);
    copse_cid root = merge_pair_commit(&pair.db);
    signed_check(&pair.db, &root, &expected);
    database_world_free(id);
    database_world_free(row);
    signed_pair_release(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures_are_verified),
        cmocka_unit_test(test_a_collection_comes_signed),
        cmocka_unit_test(test_made_anew_to_be_signed),
        cmocka_unit_test(test_written_while_it_became_signed),
        cmocka_unit_test(test_older_versions_lose),
        cmocka_unit_test(test_what_waits_is_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
