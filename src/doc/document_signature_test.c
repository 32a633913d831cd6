/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/document_signature.h"

#include "doc/document_version_walk.h"
#include "support/hex.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE_VECTORS COPSE_TEST_DIR "/vectors/document_signature.tsv"

enum { SIGNATURE_SEED = 2, SIGNATURE_OTHER = 3 };

static const uint8_t signature_key_bytes[] = {0x2e, 0x81};
static const copse_bytes signature_primary = {(const uint8_t *)"_id", 3};

/* {"a": "database"}, {"_id": 1} */
static const uint8_t signature_database[] = "\xa1\x61\x61\x68\x64\x61\x74\x61\x62\x61\x73\x65";
static const uint8_t signature_document[] = "\xa1\x63\x5f\x69\x64\x01";

typedef struct signature_world {
    copse_cid database;
    copse_document_place place;
} signature_world;

static void signature_world_init(signature_world *world)
{
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR,
                      (copse_bytes){signature_database, sizeof signature_database - 1},
                      &world->database);
    world->place = (copse_document_place){&world->database,
                                          copse_bytes_of_text("posts"),
                                          {signature_key_bytes, sizeof signature_key_bytes}};
}

static copse_key *signature_key(const copse_env *env, uint8_t byte)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    copse_key *key = NULL;
    memset(seed, byte, sizeof seed);
    return copse_key_from_seed(env, seed, &key, NULL) == COPSE_OK ? key : NULL;
}

/* The row of a write of `document` by the key over nothing, not signed. */
static copse_status signature_write(const copse_env *env, const copse_key *key,
                                    copse_bytes document, uint64_t time_ms, copse_buf *row)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    const copse_version_state before = {.document = {NULL, 0}};
    (void)copse_public_key_to_did(copse_key_public(key), did);
    const copse_version version = {.time_ms = time_ms, .author = copse_bytes_of_text(did)};
    return copse_version_write(env, COPSE_MERGE_LWW, signature_primary, &before, document, true,
                               &version, row, NULL);
}

/* The same, signed. */
static void signature_make(const copse_env *env, uint8_t seed, copse_bytes document,
                           uint64_t time_ms, copse_buf *row)
{
    signature_world world;
    copse_buf bare;
    copse_key *key = signature_key(env, seed);
    signature_world_init(&world);
    copse_buf_init(&bare, env, SIZE_MAX);
    copse_buf_init(row, env, SIZE_MAX);
    assert_int_equal(signature_write(env, key, document, time_ms, &bare), COPSE_OK);
    const copse_version_state state = {document, copse_buf_view(&bare)};
    assert_int_equal(copse_document_sign(env, key, &world.place, &state, row, NULL), COPSE_OK);
    copse_buf_release(&bare);
    copse_key_free(key);
}

/* ---- vectors ---- */

/* Signed again, the state has the same row. */
static void signature_check_made(const copse_env *env, const copse_version_state *state)
{
    signature_world world;
    copse_version_row row = {.is_deleted = false};
    copse_public_key author;
    copse_buf made;
    signature_world_init(&world);
    copse_buf_init(&made, env, SIZE_MAX);
    assert_int_equal(copse_version_row_read(state->row, &row, NULL), COPSE_OK);
    assert_int_equal(copse_public_key_from_did(row.version.author, &author, NULL), COPSE_OK);
    copse_key *key = signature_key(env, SIGNATURE_SEED);
    if (!copse_public_key_equal(copse_key_public(key), &author)) {
        copse_key_free(key);
        key = signature_key(env, SIGNATURE_OTHER);
    }
    assert_int_equal(copse_document_sign(env, key, &world.place, state, &made, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&made), state->row));
    copse_buf_release(&made);
    copse_key_free(key);
}

static void signature_check_vector(const copse_env *env, char *line)
{
    uint8_t row[512];
    uint8_t document[512];
    char *columns[4];
    signature_world world;
    copse_err err = {0};
    copse_version_state state = {.document = {NULL, 0}};
    signature_world_init(&world);
    hex_split_columns(line, columns, 4);
    state.row = hex_parse(columns[0], row, sizeof row);
    if (strcmp(columns[1], "-") != 0) {
        state.document = hex_parse(columns[1], document, sizeof document);
    }
    copse_status status = copse_document_verify(env, &world.place, &state, NULL, &err);
    if (strcmp(copse_status_name(status), columns[2]) != 0) {
        fail_msg("%s: %s %s", columns[3], copse_status_name(status), err.message);
    }
    if (status == COPSE_OK) {
        assert_int_equal(copse_version_check(env, signature_primary, &state, NULL), COPSE_OK);
        signature_check_made(env, &state);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    assert_int_equal(test_env_each_line(SIGNATURE_VECTORS, signature_check_vector), 23);
}

/* ---- refusals ---- */

/* Whatever bit of a row is flipped, it is no row any more, or not the author's. */
static void test_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    test_env test;
    signature_world world;
    copse_buf row;
    const copse_bytes document = {signature_document, sizeof signature_document - 1};
    test_env_init(&test);
    signature_world_init(&world);
    signature_make(&test.env, SIGNATURE_SEED, document, 5, &row);
    for (size_t bit = 0; bit < 8 * row.len; bit++) {
        row.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const copse_version_state flipped = {document, copse_buf_view(&row)};
        copse_status status = copse_version_check(&test.env, signature_primary, &flipped, NULL);
        if (status == COPSE_OK) {
            status = copse_document_verify(&test.env, &world.place, &flipped, NULL, NULL);
        }
        if (status != COPSE_CORRUPT) {
            fail_msg("bit %zu: %s", bit, copse_status_name(status));
        }
        row.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    copse_buf_release(&row);
    test_env_assert_empty(&test);
}

static void test_only_the_author_signs(void **state)
{
    (void)state;
    test_env test;
    signature_world world;
    copse_buf row;
    copse_buf made;
    copse_err err = {0};
    const copse_bytes document = {signature_document, sizeof signature_document - 1};
    test_env_init(&test);
    signature_world_init(&world);
    signature_make(&test.env, SIGNATURE_SEED, document, 5, &row);
    copse_buf_init(&made, &test.env, SIZE_MAX);
    copse_key *key = signature_key(&test.env, SIGNATURE_SEED);
    copse_key *other = signature_key(&test.env, SIGNATURE_OTHER);
    const copse_version_state signed_state = {document, copse_buf_view(&row)};
    assert_int_equal(
        copse_document_sign(&test.env, other, &world.place, &signed_state, &made, &err),
        COPSE_MISUSE);
    assert_non_null(strstr(err.message, "is not the key did:key:z6Mk"));
    const copse_version_state without_row = {.document = document};
    assert_int_equal(copse_document_sign(&test.env, key, &world.place, &without_row, &made, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_document_verify(&test.env, &world.place, &without_row, NULL, NULL),
                     COPSE_NOT_FOUND);
    const copse_version_state deleted = {.row = copse_buf_view(&row)};
    assert_int_equal(copse_document_sign(&test.env, key, &world.place, &deleted, &made, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(made.len, 0);
    copse_key_free(key);
    copse_key_free(other);
    copse_buf_release(&row);
    test_env_assert_empty(&test);
}

/* ---- joins ---- */

static copse_status signature_join(const copse_env *env, copse_merge_policy policy,
                                   const copse_version_state *a, const copse_version_state *b,
                                   copse_buf *document, copse_buf *row)
{
    copse_buf_truncate(document, 0);
    copse_buf_truncate(row, 0);
    return copse_version_join(env, policy, signature_primary, a, b, document, row, NULL);
}

/* Of documents and their deletion: the later one with its signature, whatever the order; a write
 * over it has none of its own yet. */
static void test_joins_carry_the_signature(void **state)
{
    (void)state;
    test_env test;
    signature_world world;
    copse_buf rows[2];
    copse_buf document;
    copse_buf row;
    const copse_bytes text = {signature_document, sizeof signature_document - 1};
    test_env_init(&test);
    signature_world_init(&world);
    signature_make(&test.env, SIGNATURE_SEED, text, 5, &rows[0]);
    signature_make(&test.env, SIGNATURE_OTHER, (copse_bytes){NULL, 0}, 6, &rows[1]);
    copse_buf_init(&document, &test.env, SIZE_MAX);
    copse_buf_init(&row, &test.env, SIZE_MAX);
    const copse_version_state there = {text, copse_buf_view(&rows[0])};
    const copse_version_state deleted = {.row = copse_buf_view(&rows[1])};
    const copse_version_state *const states[2] = {&there, &deleted};
    for (size_t i = 0; i < 4; i++) {
        const copse_version_state *later = i == 0 ? &there : &deleted;
        assert_int_equal(signature_join(&test.env, COPSE_MERGE_LWW, states[i / 2], states[i % 2],
                                        &document, &row),
                         COPSE_OK);
        assert_true(copse_bytes_equal(copse_buf_view(&row), later->row));
        const copse_version_state joined = {copse_buf_view(&document), copse_buf_view(&row)};
        assert_int_equal(copse_document_verify(&test.env, &world.place, &joined, NULL, NULL),
                         COPSE_OK);
        assert_int_equal(signature_join(&test.env, COPSE_MERGE_FIELD_WISE, states[i / 2],
                                        states[i % 2], &document, &row),
                         COPSE_CORRUPT);
    }
    const copse_version after = {.time_ms = 7};
    copse_buf_truncate(&row, 0);
    assert_int_equal(copse_version_write(&test.env, COPSE_MERGE_LWW, signature_primary, &there,
                                         text, true, &after, &row, NULL),
                     COPSE_OK);
    const copse_version_state written = {text, copse_buf_view(&row)};
    assert_int_equal(copse_document_verify(&test.env, &world.place, &written, NULL, NULL),
                     COPSE_NOT_FOUND);
    copse_buf_release(&rows[0]);
    copse_buf_release(&rows[1]);
    copse_buf_release(&document);
    copse_buf_release(&row);
    test_env_assert_empty(&test);
}

/* ---- memory ---- */

static copse_status signature_run(const copse_env *env, void *ctx)
{
    signature_world world;
    copse_buf bare;
    copse_buf row;
    const copse_bytes document = {signature_document, sizeof signature_document - 1};
    copse_key *key = signature_key(env, SIGNATURE_SEED);
    (void)ctx;
    signature_world_init(&world);
    copse_buf_init(&bare, env, SIZE_MAX);
    copse_buf_init(&row, env, SIZE_MAX);
    copse_status status = key != NULL ? signature_write(env, key, document, 5, &bare) : COPSE_NOMEM;
    if (status == COPSE_OK) {
        const copse_version_state state = {document, copse_buf_view(&bare)};
        status = copse_document_sign(env, key, &world.place, &state, &row, NULL);
        assert_true(status == COPSE_OK || row.len == 0);
    }
    if (status == COPSE_OK) {
        const copse_version_state state = {document, copse_buf_view(&row)};
        status = copse_document_verify(env, &world.place, &state, NULL, NULL);
    }
    copse_buf_release(&bare);
    copse_buf_release(&row);
    copse_key_free(key);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_in_range(test_env_sweep(signature_run, NULL, 40), 6, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_only_the_author_signs),
        cmocka_unit_test(test_joins_carry_the_signature),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
