/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/commit.h>

#include "support/hex.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SIGNATURE_VECTORS COPSE_TEST_DIR "/vectors/commit_signature.tsv"

enum { SIGNATURE_SEED = 2 };

static copse_key *signature_key(const copse_env *env, uint8_t byte)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    copse_key *key = NULL;
    memset(seed, byte, sizeof seed);
    return copse_key_from_seed(env, seed, &key, NULL) == COPSE_OK ? key : NULL;
}

static copse_commit signature_commit(void)
{
    copse_commit commit = {.time_ms = 1, .message = copse_bytes_of_text("hello")};
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("tree"), &commit.tree);
    return commit;
}

/* The commit signed again is the same block. */
static void signature_check_made(const copse_env *env, const copse_commit *commit,
                                 const copse_block *block)
{
    copse_commit again = *commit;
    copse_commit_signature signature;
    copse_block *made = NULL;
    copse_key *key = signature_key(env, SIGNATURE_SEED);
    again.author = again.signature = (copse_bytes){NULL, 0};
    assert_int_equal(copse_commit_sign(env, &again, key, &signature, NULL), COPSE_OK);
    assert_int_equal(copse_commit_encode(env, &again, &made, NULL), COPSE_OK);
    assert_true(copse_cid_equal(copse_block_cid(made), copse_block_cid(block)));
    copse_block_unref(made);
    copse_key_free(key);
}

static void signature_check_vector(const copse_env *env, char *line)
{
    uint8_t bytes[1024];
    char *columns[3];
    copse_commit commit;
    copse_err err = {0};
    copse_block *block = NULL;
    hex_split_columns(line, columns, 3);
    assert_int_equal(copse_block_of_data(env, COPSE_CODEC_DAG_CBOR,
                                         hex_parse(columns[0], bytes, sizeof bytes), &block, NULL),
                     COPSE_OK);
    assert_int_equal(copse_commit_decode(env, block, &commit, NULL), COPSE_OK);
    copse_status status = copse_commit_verify(env, &commit, &err);
    if (strcmp(copse_status_name(status), columns[1]) != 0) {
        fail_msg("%s: %s %s", columns[2], copse_status_name(status), err.message);
    }
    if (status == COPSE_OK) {
        signature_check_made(env, &commit, block);
    }
    copse_block_unref(block);
}

static void test_vectors(void **state)
{
    (void)state;
    assert_int_equal(test_env_each_line(SIGNATURE_VECTORS, signature_check_vector), 19);
}

/* Whatever bit of a block is flipped, it is no commit any more, or not the author's. */
static void test_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_key *key = signature_key(&test.env, SIGNATURE_SEED);
    copse_commit commit = signature_commit();
    copse_commit_signature signature;
    copse_block *block = NULL;
    uint8_t bytes[1024];
    assert_int_equal(copse_commit_sign(&test.env, &commit, key, &signature, NULL), COPSE_OK);
    assert_int_equal(copse_commit_encode(&test.env, &commit, &block, NULL), COPSE_OK);
    copse_bytes data = copse_block_data(block);
    assert_in_range(data.len, 100, sizeof bytes);
    memcpy(bytes, data.ptr, data.len);
    for (size_t bit = 0; bit < 8 * data.len; bit++) {
        copse_block *flipped = NULL;
        copse_commit read;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(copse_block_of_data(&test.env, COPSE_CODEC_DAG_CBOR,
                                             (copse_bytes){bytes, data.len}, &flipped, NULL),
                         COPSE_OK);
        copse_status status = copse_commit_decode(&test.env, flipped, &read, NULL);
        if (status == COPSE_OK) {
            status = copse_commit_verify(&test.env, &read, NULL);
        }
        if (status != COPSE_CORRUPT) {
            fail_msg("bit %zu: %s", bit, copse_status_name(status));
        }
        copse_block_unref(flipped);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    copse_block_unref(block);
    copse_key_free(key);
    test_env_assert_empty(&test);
}

static void test_author_and_key_agree(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_key *key = signature_key(&test.env, SIGNATURE_SEED);
    copse_key *other = signature_key(&test.env, 3);
    copse_commit commit = signature_commit();
    copse_commit_signature signature;
    copse_commit_signature unused = {.author = ""};
    copse_err err = {0};
    assert_int_equal(copse_commit_sign(&test.env, &commit, key, &signature, NULL), COPSE_OK);
    assert_int_equal(commit.signature.len, COPSE_SIGNATURE_SIZE_BYTES);
    const copse_commit before = commit;
    assert_int_equal(copse_commit_sign(&test.env, &commit, other, &unused, &err), COPSE_MISUSE);
    assert_non_null(strstr(err.message, "is not the key did:key:z6Mk"));
    assert_true(commit.author.ptr == before.author.ptr);
    assert_int_equal(unused.author[0], '\0');
    assert_int_equal(copse_commit_sign(&test.env, &commit, key, &unused, NULL), COPSE_OK);
    assert_memory_equal(unused.bytes, signature.bytes, sizeof unused.bytes);
    commit = signature_commit();
    commit.generation = 1;
    assert_int_equal(copse_commit_sign(&test.env, &commit, key, &unused, NULL), COPSE_MISUSE);
    assert_int_equal(commit.author.len, 0);
    copse_key_free(key);
    copse_key_free(other);
    test_env_assert_empty(&test);
}

static copse_status signature_run(const copse_env *env, void *ctx)
{
    copse_commit commit = signature_commit();
    copse_commit_signature signature;
    copse_key *key = signature_key(env, SIGNATURE_SEED);
    (void)ctx;
    copse_status status =
        key != NULL ? copse_commit_sign(env, &commit, key, &signature, NULL) : COPSE_NOMEM;
    if (status == COPSE_OK) {
        status = copse_commit_verify(env, &commit, NULL);
    } else {
        assert_int_equal(commit.author.len, 0);
    }
    copse_key_free(key);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_in_range(test_env_sweep(signature_run, NULL, 30), 5, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_author_and_key_agree),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
