/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/seal.h"

#include "support/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* draft-irtf-cfrg-xchacha, A.3.1. */
static const char seal_key[] = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
static const char seal_nonce[] = "404142434445464748494a4b4c4d4e4f5051525354555657";
static const char seal_clear[] = "50515253c0c1c2c3c4c5c6c7";
static const char seal_text[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only "
    "one tip for the future, sunscreen would be it.";
static const char seal_sealed[] =
    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e"
    "39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3"
    "fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";

enum { SEAL_TEXT_SIZE = sizeof seal_text - 1 };

static void test_vector(void **state)
{
    (void)state;
    uint8_t parts[4][160];
    uint8_t out[160];
    copse_bytes key = hex_parse(seal_key, parts[0], sizeof parts[0]);
    copse_bytes nonce = hex_parse(seal_nonce, parts[1], sizeof parts[1]);
    copse_bytes clear = hex_parse(seal_clear, parts[2], sizeof parts[2]);
    copse_bytes sealed = hex_parse(seal_sealed, parts[3], sizeof parts[3]);
    assert_int_equal(sealed.len, SEAL_TEXT_SIZE + COPSE_SEAL_EXTRA_SIZE_BYTES);
    copse_seal(key.ptr, nonce.ptr, clear, copse_bytes_of_text(seal_text), out);
    assert_memory_equal(out, sealed.ptr, sealed.len);
    assert_true(copse_seal_open(key.ptr, nonce.ptr, clear, sealed, out));
    assert_memory_equal(out, seal_text, SEAL_TEXT_SIZE);
}

static void test_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    uint8_t parts[4][160];
    uint8_t out[160];
    copse_bytes views[] = {
        hex_parse(seal_key, parts[0], sizeof parts[0]),
        hex_parse(seal_nonce, parts[1], sizeof parts[1]),
        hex_parse(seal_clear, parts[2], sizeof parts[2]),
        hex_parse(seal_sealed, parts[3], sizeof parts[3]),
    };
    for (size_t part = 0; part < 4; part++) {
        for (size_t bit = 0; bit < 8 * views[part].len; bit++) {
            parts[part][bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_false(copse_seal_open(views[0].ptr, views[1].ptr, views[2], views[3], out));
            assert_true(memcmp(out, seal_text, SEAL_TEXT_SIZE) != 0);
            parts[part][bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
    for (size_t len = 0; len < views[3].len; len++) {
        copse_bytes cut = {views[3].ptr, len};
        assert_false(copse_seal_open(views[0].ptr, views[1].ptr, views[2], cut, out));
    }
}

static void test_wipe(void **state)
{
    (void)state;
    uint8_t secret[40];
    memset(secret, 7, sizeof secret);
    copse_secret_wipe(secret + 4, 32);
    for (size_t i = 0; i < sizeof secret; i++) {
        assert_int_equal(secret[i], i < 4 || i >= 36 ? 7 : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_wipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
