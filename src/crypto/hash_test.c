/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/hash.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_hex(const uint8_t *bytes, size_t size, const char *hex)
{
    char text[2 * COPSE_SHA2_512_SIZE_BYTES + 1];
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    }
    assert_string_equal(text, hex);
}

/* FIPS 180-4's examples. */
static void test_vectors(void **state)
{
    (void)state;
    uint8_t digest[COPSE_SHA2_512_SIZE_BYTES];
    copse_sha2_256((copse_bytes){NULL, 0}, digest);
    assert_hex(digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    copse_sha2_256(copse_bytes_of_text("abc"), digest);
    assert_hex(digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    copse_sha2_512(copse_bytes_of_text("abc"), digest);
    assert_hex(digest, 64,
               "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

/* However a text is cut into updates, the digest is that of the whole. */
static void test_streams(void **state)
{
    (void)state;
    uint8_t data[1000];
    uint8_t whole[COPSE_SHA2_512_SIZE_BYTES];
    uint8_t parts[COPSE_SHA2_512_SIZE_BYTES];
    uint64_t random = 1;
    copse_sha2_256_stream stream256;
    copse_sha2_512_stream stream512;
    copse_sha2_256_init(&stream256);
    copse_sha2_512_init(&stream512);
    for (size_t len = 0; len < sizeof data; len++) {
        data[len] = (uint8_t)test_random(&random);
        for (size_t at = 0; at < len;) {
            size_t size = 1 + (size_t)test_random_below(&random, len - at);
            copse_sha2_256_update(&stream256, (copse_bytes){data + at, size});
            copse_sha2_512_update(&stream512, (copse_bytes){data + at, size});
            at += size;
        }
        copse_sha2_256((copse_bytes){data, len}, whole);
        copse_sha2_256_digest(&stream256, parts);
        assert_memory_equal(whole, parts, COPSE_SHA2_256_SIZE_BYTES);
        copse_sha2_512((copse_bytes){data, len}, whole);
        copse_sha2_512_digest(&stream512, parts);
        assert_memory_equal(whole, parts, COPSE_SHA2_512_SIZE_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
