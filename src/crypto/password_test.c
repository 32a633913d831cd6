/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/password.h"

#include "support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* By npm @noble/hashes 2.4.0, Argon2id, version 0x13, one lane; the salt is 00 01 … 0f. */
static const struct {
    const char *passphrase;
    uint32_t passes;
    uint32_t memory_kib;
    const char *key;
} password_vectors[] = {
    {"correct horse", 3, 1024, "2cdfc6b7d9c2f719e4f1ec7697c38e6ad4b023e6d446602ac3d0dcb2571ca5fa"},
    {"", 1, 8, "31ed41e2d73f27fdfe4eb4bec651341e58ba43477051c6fe4adad735d82ee08a"},
};

static void test_vectors(void **state)
{
    (void)state;
    uint8_t salt[COPSE_PASSWORD_SALT_SIZE_BYTES];
    for (size_t i = 0; i < sizeof salt; i++) {
        salt[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof password_vectors / sizeof *password_vectors; i++) {
        uint8_t key[COPSE_PASSWORD_KEY_SIZE_BYTES];
        uint8_t expected[COPSE_PASSWORD_KEY_SIZE_BYTES];
        (void)hex_parse(password_vectors[i].key, expected, sizeof expected);
        assert_int_equal(copse_password_key(copse_bytes_of_text(password_vectors[i].passphrase),
                                            salt, password_vectors[i].passes,
                                            password_vectors[i].memory_kib, key),
                         COPSE_OK);
        assert_memory_equal(key, expected, sizeof key);
    }
    uint8_t key[COPSE_PASSWORD_KEY_SIZE_BYTES];
    uint8_t expected[COPSE_PASSWORD_KEY_SIZE_BYTES];
    (void)hex_parse(password_vectors[1].key, expected, sizeof expected);
    assert_int_equal(copse_password_key((copse_bytes){NULL, 0}, salt, 1, 8, key), COPSE_OK);
    assert_memory_equal(key, expected, sizeof key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
