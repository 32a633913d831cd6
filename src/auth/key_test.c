/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "auth/key.h"

#include "support/hex.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_VECTORS COPSE_TEST_DIR "/vectors/key.tsv"

typedef copse_status (*key_read_fn)(copse_bytes text, copse_public_key *ret_key, copse_err *err);

static copse_key *key_of_seed(const copse_env *env, uint8_t last)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {0};
    copse_key *key = NULL;
    seed[sizeof seed - 1] = last;
    assert_int_equal(copse_key_from_seed(env, seed, &key, NULL), COPSE_OK);
    return key;
}

/* ---- Texts ---- */

static void key_check_text(key_read_fn read, const char *text, const copse_public_key *key)
{
    copse_public_key back;
    assert_int_equal(read(copse_bytes_of_text(text), &back, NULL), COPSE_OK);
    assert_true(copse_public_key_equal(&back, key));
}

static void key_check_vector(const copse_env *env, char *line)
{
    char *columns[6];
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    uint8_t public_key[COPSE_PUBLIC_KEY_SIZE_BYTES];
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_key *key = NULL;
    copse_cid cid;
    hex_split_columns(line, columns, 6);
    (void)hex_parse(columns[0], seed, sizeof seed);
    (void)hex_parse(columns[1], public_key, sizeof public_key);
    assert_int_equal(copse_key_from_seed(env, seed, &key, NULL), COPSE_OK);
    const copse_public_key *public_view = copse_key_public(key);
    assert_memory_equal(public_view->bytes, public_key, sizeof public_key);
    assert_true(copse_bytes_equal(copse_key_seed(key), (copse_bytes){seed, sizeof seed}));
    assert_int_equal(copse_public_key_to_did(public_view, text), strlen(columns[2]));
    assert_string_equal(text, columns[2]);
    assert_int_equal(copse_public_key_to_name(public_view, text), strlen(columns[3]));
    assert_string_equal(text, columns[3]);
    copse_public_key_to_cid(public_view, &cid);
    (void)copse_cid_to_text(&cid, COPSE_BASE32, text);
    assert_string_equal(text, columns[4]);
    assert_int_equal(copse_public_key_to_peer_id(public_view, text), strlen(columns[5]));
    assert_string_equal(text, columns[5]);
    key_check_text(copse_public_key_from_did, columns[2], public_view);
    for (size_t i = 3; i < 6; i++) {
        key_check_text(copse_public_key_from_name, columns[i], public_view);
    }
    copse_key_free(key);
}

static void test_vectors(void **state)
{
    (void)state;
    assert_int_equal(test_env_each_line(KEY_VECTORS, key_check_vector), 4);
}

/* K1 */
static void test_other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const no_did[] = {
        "",
        "did:key:",
        "did:key:z",
        "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "DID:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#1",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooW",
        "did:key:z16MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
        "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme", /* secp256k1 */
        "did:web:copse.example",
    };
    static const char *const no_name[] = {
        "",
        "k51",
        "/ipns/k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh",
        "k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wm",
        "k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh ",
        "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXT",
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", /* the hash of an RSA key */
        "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
        "bafkqaaa",
        "copse.example",
        "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
    };
    copse_public_key untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    copse_public_key key = untouched;
    for (size_t i = 0; i < sizeof no_did / sizeof *no_did; i++) {
        if (copse_public_key_from_did(copse_bytes_of_text(no_did[i]), &key, NULL) !=
            COPSE_CORRUPT) {
            fail_msg("read: '%s'", no_did[i]);
        }
    }
    for (size_t i = 0; i < sizeof no_name / sizeof *no_name; i++) {
        if (copse_public_key_from_name(copse_bytes_of_text(no_name[i]), &key, NULL) !=
            COPSE_CORRUPT) {
            fail_msg("read: '%s'", no_name[i]);
        }
    }
    assert_true(copse_public_key_equal(&key, &untouched));
}

/* ---- Making and signing ---- */

static copse_status key_random_of_test(void *ctx, void *ret_bytes, size_t size)
{
    uint64_t *random = ctx;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)ret_bytes)[i] = (uint8_t)test_random(random);
    }
    return COPSE_OK;
}

static copse_status key_random_broken(void *ctx, void *ret_bytes, size_t size)
{
    (void)ctx;
    (void)ret_bytes;
    (void)size;
    return COPSE_IO;
}

static copse_status key_run(const copse_env *env, void *ctx)
{
    uint64_t random = 1;
    uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];
    copse_bytes prefix = copse_bytes_of_text("test:");
    copse_bytes message = copse_bytes_of_text("hello");
    copse_env with_random = *env;
    copse_key *key = NULL;
    (void)ctx;
    with_random.random = key_random_of_test;
    with_random.random_ctx = &random;
    copse_status status = copse_key_new(&with_random, &key, NULL);
    if (status == COPSE_OK) {
        status = copse_key_sign(key, prefix, message, signature, NULL);
    }
    if (status == COPSE_OK) {
        status =
            copse_public_key_verify(env, copse_key_public(key), prefix, message, signature, NULL);
    }
    copse_key_free(key);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_int_equal(test_env_sweep(key_run, NULL, 10), 3);
}

static void test_a_key_needs_randomness(void **state)
{
    (void)state;
    test_env test;
    copse_key *key = NULL;
    test_env_init(&test);
    test.env.random = NULL;
    assert_int_equal(copse_key_new(&test.env, &key, NULL), COPSE_MISUSE);
    test.env.random = key_random_broken;
    assert_int_equal(copse_key_new(&test.env, &key, NULL), COPSE_IO);
    assert_null(key);
    assert_null(copse_key_free(NULL));
    test_env_assert_empty(&test);
}

/* A prefix and a message are signed one behind the other; whoever verifies must have the same of
 * both, at whatever place they meet, or none of it. */
static void test_prefixes_part_signatures(void **state)
{
    (void)state;
    test_env test;
    uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];
    uint8_t again[COPSE_SIGNATURE_SIZE_BYTES];
    copse_bytes a = copse_bytes_of_text("a:");
    copse_bytes b = copse_bytes_of_text("b:");
    copse_bytes message = copse_bytes_of_text("x");
    test_env_init(&test);
    copse_key *key = key_of_seed(&test.env, 1);
    copse_key *other = key_of_seed(&test.env, 2);
    assert_int_equal(copse_key_sign(key, a, message, signature, NULL), COPSE_OK);
    assert_int_equal(copse_key_sign(key, a, message, again, NULL), COPSE_OK);
    assert_memory_equal(signature, again, sizeof signature);
    const copse_public_key *name = copse_key_public(key);
    const copse_bytes none = {NULL, 0};
    assert_int_equal(copse_public_key_verify(&test.env, name, a, message, signature, NULL),
                     COPSE_OK);
    assert_int_equal(copse_public_key_verify(&test.env, name, b, message, signature, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_public_key_verify(&test.env, name, none, message, signature, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(
        copse_public_key_verify(&test.env, copse_key_public(other), a, message, signature, NULL),
        COPSE_CORRUPT);
    assert_int_equal(copse_key_sign(key, none, none, signature, NULL), COPSE_OK);
    assert_int_equal(copse_public_key_verify(&test.env, name, none, none, signature, NULL),
                     COPSE_OK);
    copse_key_free(key);
    copse_key_free(other);
    test_env_assert_empty(&test);
}

/* What an allocator gets back holds nothing of the secret. */
static void *key_alloc_watched(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    if (size_new > 0) {
        return realloc(ptr, size_new);
    }
    for (size_t i = 0; i < size_old; i++) {
        *(uint8_t *)ctx |= ((const uint8_t *)ptr)[i];
    }
    free(ptr);
    return NULL;
}

static void test_a_freed_key_is_wiped(void **state)
{
    (void)state;
    uint8_t seen = 0;
    copse_env env;
    copse_env_init(&env);
    env.alloc = key_alloc_watched;
    env.alloc_ctx = &seen;
    copse_key_free(key_of_seed(&env, 9));
    assert_int_equal(seen, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_other_texts_are_refused),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_a_key_needs_randomness),
        cmocka_unit_test(test_prefixes_part_signatures),
        cmocka_unit_test(test_a_freed_key_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
