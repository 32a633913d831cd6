/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/key_file.h>

#include "crypto/password.h"
#include "crypto/seal.h"
#include "support/hex.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KEY_FILE_VECTOR COPSE_TEST_DIR "/vectors/key_file.tsv"

/* Where the parts of a file stand that costs less than 24 passes over less than 24 KiB. */
enum {
    KEY_FILE_HEAD_AT = 1,
    KEY_FILE_SALT_AT = 8,
    KEY_FILE_NONCE_AT = 32,
    KEY_FILE_PUBLIC_AT = 98,
    KEY_FILE_SEALED_AT = 141,
    KEY_FILE_SEALED_SIZE = 48,
};

static const copse_key_file_cost key_file_cheap = {.passes = 1, .memory_kib = 8};

/* 00, 01, 02… */
static copse_status key_file_random(void *ctx, void *ret_bytes, size_t size)
{
    (void)ctx;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)ret_bytes)[i] = (uint8_t)i;
    }
    return COPSE_OK;
}

static copse_status key_file_random_broken(void *ctx, void *ret_bytes, size_t size)
{
    (void)ctx;
    (void)ret_bytes;
    (void)size;
    return COPSE_IO;
}

/* The key of zeros, sealed cheaply. */
typedef struct key_file_world {
    test_env test;
    copse_key *key;
    copse_buf file;
    copse_bytes passphrase;
} key_file_world;

static void key_file_world_init(key_file_world *world)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {0};
    test_env_init(&world->test);
    world->test.env.random = key_file_random;
    world->passphrase = copse_bytes_of_text("correct horse");
    assert_int_equal(copse_key_from_seed(&world->test.env, seed, &world->key, NULL), COPSE_OK);
    copse_buf_init(&world->file, &world->test.env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    assert_int_equal(copse_key_file_seal(&world->test.env, world->key, world->passphrase,
                                         &key_file_cheap, &world->file, NULL),
                     COPSE_OK);
}

static void key_file_world_release(key_file_world *world)
{
    copse_buf_release(&world->file);
    copse_key_free(world->key);
    test_env_assert_empty(&world->test);
}

/* Opens `file` and gives the key back. */
static copse_status key_file_world_open(key_file_world *world, copse_bytes file,
                                        copse_bytes passphrase)
{
    copse_key *key = NULL;
    copse_status status = copse_key_file_open(&world->test.env, file, passphrase, &key, NULL);
    assert_int_equal(key != NULL, status == COPSE_OK);
    if (status == COPSE_OK) {
        assert_true(copse_public_key_equal(copse_key_public(key), copse_key_public(world->key)));
    }
    copse_key_free(key);
    return status;
}

/* ---- Sealing and opening ---- */

static void test_a_file_opens_by_its_passphrase_alone(void **state)
{
    (void)state;
    key_file_world world;
    copse_public_key public_key;
    key_file_world_init(&world);
    copse_bytes file = copse_buf_view(&world.file);
    assert_int_equal(key_file_world_open(&world, file, world.passphrase), COPSE_OK);
    assert_int_equal(key_file_world_open(&world, file, copse_bytes_of_text("correct horsf")),
                     COPSE_DENIED);
    assert_int_equal(key_file_world_open(&world, file, copse_bytes_of_text("correct hors")),
                     COPSE_DENIED);
    assert_int_equal(key_file_world_open(&world, file, (copse_bytes){NULL, 0}), COPSE_DENIED);
    assert_int_equal(copse_key_file_public(&world.test.env, file, &public_key, NULL), COPSE_OK);
    assert_true(copse_public_key_equal(&public_key, copse_key_public(world.key)));
    /* Without a passphrase, as `copse key new --no-passphrase` does. */
    copse_buf_truncate(&world.file, 0);
    assert_int_equal(copse_key_file_seal(&world.test.env, world.key, (copse_bytes){NULL, 0},
                                         &key_file_cheap, &world.file, NULL),
                     COPSE_OK);
    assert_int_equal(
        key_file_world_open(&world, copse_buf_view(&world.file), (copse_bytes){NULL, 0}), COPSE_OK);
    key_file_world_release(&world);
}

/* The file of docs/formats/key.md; tests/foreign/ipns_check.mjs opens such files by other code. */
static void test_vector(void **state)
{
    (void)state;
    key_file_world world;
    uint8_t *text = NULL;
    size_t size = 0;
    uint8_t bytes[COPSE_KEY_FILE_SIZE_BYTES_MAX];
    copse_key_file_cost cost;
    key_file_world_init(&world);
    copse_key_file_cost_init(&cost);
    assert_true(test_read_file(KEY_FILE_VECTOR, &text, &size));
    assert_int_equal(text[size - 1], '\n');
    text[size - 1] = '\0';
    char *line = strrchr((char *)text, '\n');
    assert_non_null(line);
    copse_bytes expected = hex_parse(line + 1, bytes, sizeof bytes);
    copse_buf_truncate(&world.file, 0);
    assert_int_equal(
        copse_key_file_seal(&world.test.env, world.key, world.passphrase, &cost, &world.file, NULL),
        COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&world.file), expected));
    assert_int_equal(key_file_world_open(&world, expected, world.passphrase), COPSE_OK);
    free(text);
    key_file_world_release(&world);
}

/* ---- Damage ---- */

/* F1 */
static void test_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    key_file_world world;
    size_t denied = 0;
    key_file_world_init(&world);
    copse_bytes file = copse_buf_view(&world.file);
    assert_int_equal(file.len, KEY_FILE_SEALED_AT + KEY_FILE_SEALED_SIZE);
    for (size_t bit = 0; bit < 8 * file.len; bit++) {
        world.file.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        copse_status status = key_file_world_open(&world, file, world.passphrase);
        if (status != COPSE_CORRUPT && status != COPSE_DENIED && status != COPSE_LIMIT) {
            fail_msg("bit %zu: %s", bit, copse_status_name(status));
        }
        denied += status == COPSE_DENIED;
        world.file.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* Salt, nonce, public key, sealed seed, and some bits of the cost. */
    assert_in_range(denied, 8 * (16 + 24 + 32 + KEY_FILE_SEALED_SIZE),
                    8 * (16 + 24 + 32 + KEY_FILE_SEALED_SIZE) + 16);
    for (size_t len = 0; len < file.len; len++) {
        copse_bytes cut = {file.ptr, len};
        assert_int_equal(key_file_world_open(&world, cut, world.passphrase), COPSE_CORRUPT);
    }
    assert_int_equal(copse_buf_append_byte(&world.file, 0), COPSE_OK);
    assert_int_equal(key_file_world_open(&world, copse_buf_view(&world.file), world.passphrase),
                     COPSE_CORRUPT);
    key_file_world_release(&world);
}

/* F3: somebody who knows the passphrase writes another public key into the file. */
static void test_another_public_key_is_refused(void **state)
{
    (void)state;
    key_file_world world;
    uint8_t seal_key[COPSE_SEAL_KEY_SIZE_BYTES];
    static const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {0};
    key_file_world_init(&world);
    uint8_t *file = world.file.ptr;
    assert_int_equal(copse_password_key(world.passphrase, file + KEY_FILE_SALT_AT,
                                        key_file_cheap.passes, key_file_cheap.memory_kib, seal_key),
                     COPSE_OK);
    copse_bytes head = {file + KEY_FILE_HEAD_AT, KEY_FILE_SEALED_AT - 2 - KEY_FILE_HEAD_AT};
    uint8_t sealed[KEY_FILE_SEALED_SIZE];
    copse_seal(seal_key, file + KEY_FILE_NONCE_AT, head, (copse_bytes){seed, sizeof seed}, sealed);
    assert_memory_equal(sealed, file + KEY_FILE_SEALED_AT, sizeof sealed);
    file[KEY_FILE_PUBLIC_AT] ^= 1;
    copse_seal(seal_key, file + KEY_FILE_NONCE_AT, head, (copse_bytes){seed, sizeof seed},
               file + KEY_FILE_SEALED_AT);
    assert_int_equal(key_file_world_open(&world, copse_buf_view(&world.file), world.passphrase),
                     COPSE_CORRUPT);
    key_file_world_release(&world);
}

/* ---- Limits ---- */

/* F2 */
static void test_costs(void **state)
{
    (void)state;
    static const struct {
        copse_key_file_cost cost;
        copse_status status;
    } cases[] = {
        {{0, 8}, COPSE_MISUSE},     {{1, 7}, COPSE_MISUSE},         {{17, 8}, COPSE_LIMIT},
        {{1, 262145}, COPSE_LIMIT}, {{1, UINT32_MAX}, COPSE_LIMIT}, {{UINT32_MAX, 8}, COPSE_LIMIT},
        {{16, 8}, COPSE_OK},
    };
    key_file_world world;
    copse_public_key public_key;
    key_file_world_init(&world);
    copse_buf file;
    copse_buf_init(&file, &world.test.env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(copse_key_file_seal(&world.test.env, world.key, world.passphrase,
                                             &cases[i].cost, &file, NULL),
                         cases[i].status);
        assert_int_equal(file.len > 0, cases[i].status == COPSE_OK);
    }
    world.test.env.limits.key_passes_max = 15;
    assert_int_equal(key_file_world_open(&world, copse_buf_view(&file), world.passphrase),
                     COPSE_LIMIT);
    assert_int_equal(
        copse_key_file_public(&world.test.env, copse_buf_view(&file), &public_key, NULL),
        COPSE_LIMIT);
    world.test.env.limits.key_passes_max = 16;
    world.test.env.limits.key_memory_bytes_max = 8 * 1024 - 1;
    assert_int_equal(key_file_world_open(&world, copse_buf_view(&file), world.passphrase),
                     COPSE_LIMIT);
    world.test.env.limits.key_memory_bytes_max++;
    assert_int_equal(key_file_world_open(&world, copse_buf_view(&file), world.passphrase),
                     COPSE_OK);
    copse_buf_release(&file);
    key_file_world_release(&world);
}

static void test_sizes_and_randomness(void **state)
{
    (void)state;
    static uint8_t large[COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX + 1];
    key_file_world world;
    copse_buf small;
    key_file_world_init(&world);
    copse_bytes file = copse_buf_view(&world.file);
    copse_bytes long_passphrase = {large, sizeof large};
    assert_int_equal(key_file_world_open(&world, file, long_passphrase), COPSE_LIMIT);
    assert_int_equal(key_file_world_open(&world,
                                         (copse_bytes){large, COPSE_KEY_FILE_SIZE_BYTES_MAX + 1},
                                         world.passphrase),
                     COPSE_LIMIT);
    copse_buf_init(&small, &world.test.env, file.len - 1);
    assert_int_equal(copse_key_file_seal(&world.test.env, world.key, long_passphrase,
                                         &key_file_cheap, &small, NULL),
                     COPSE_LIMIT);
    assert_int_equal(copse_key_file_seal(&world.test.env, world.key, world.passphrase,
                                         &key_file_cheap, &small, NULL),
                     COPSE_LIMIT);
    world.test.env.random = key_file_random_broken;
    assert_int_equal(copse_key_file_seal(&world.test.env, world.key, world.passphrase,
                                         &key_file_cheap, &small, NULL),
                     COPSE_IO);
    world.test.env.random = NULL;
    assert_int_equal(copse_key_file_seal(&world.test.env, world.key, world.passphrase,
                                         &key_file_cheap, &small, NULL),
                     COPSE_MISUSE);
    assert_int_equal(small.len, 0);
    copse_buf_release(&small);
    key_file_world_release(&world);
}

static copse_status key_file_run(const copse_env *env, void *ctx)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {0};
    copse_env with_random = *env;
    copse_key *key = NULL;
    copse_key *opened = NULL;
    copse_buf file;
    copse_bytes none = {NULL, 0};
    (void)ctx;
    with_random.random = key_file_random;
    copse_buf_init(&file, env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    copse_status status = copse_key_from_seed(env, seed, &key, NULL);
    if (status == COPSE_OK) {
        status = copse_key_file_seal(&with_random, key, none, &key_file_cheap, &file, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_key_file_open(env, copse_buf_view(&file), none, &opened, NULL);
    } else {
        assert_int_equal(file.len, 0);
    }
    copse_key_free(key);
    copse_key_free(opened);
    copse_buf_release(&file);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_in_range(test_env_sweep(key_file_run, NULL, 20), 3, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_opens_by_its_passphrase_alone),
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_another_public_key_is_refused),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_sizes_and_randomness),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
