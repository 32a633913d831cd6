/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/multibase.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { BASE32, BASE36, BASE58BTC, BASE64, BASES };

static size_t encode(int base, copse_bytes bytes, char *ret_text)
{
    switch (base) {
    case BASE32:
        return copse_base32_encode(bytes, ret_text);
    case BASE36:
        return copse_base36_encode(bytes, ret_text);
    case BASE58BTC:
        return copse_base58btc_encode(bytes, ret_text);
    default:
        return copse_base64_encode(bytes, ret_text);
    }
}

static copse_status decode(int base, copse_bytes text, uint8_t *ret_bytes, size_t *ret_size)
{
    switch (base) {
    case BASE32:
        *ret_size = copse_base32_bytes_size(text.len);
        return copse_base32_decode(text, false, ret_bytes);
    case BASE36:
        return copse_base36_decode(text, false, ret_bytes, ret_size);
    case BASE58BTC:
        return copse_base58btc_decode(text, ret_bytes, ret_size);
    default:
        *ret_size = copse_base64_bytes_size(text.len);
        return copse_base64_decode(text, ret_bytes);
    }
}

/* The multibase specification's test vectors, without the prefixes. */
static void test_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *texts[BASES];
    } rows[] = {
        {"yes mani !",
         10,
         {"pfsxgidnmfxgsibb", "2lcpzo5yikidynfl", "7paNL19xttacUY", "eWVzIG1hbmkgIQ"}},
        {"\0yes mani !",
         11,
         {"ab4wk4zanvqw42jaee", "02lcpzo5yikidynfl", "17paNL19xttacUY", "AHllcyBtYW5pICE"}},
        {"\0\0yes mani !",
         12,
         {"aaahszltebwwc3tjeaqq", "002lcpzo5yikidynfl", "117paNL19xttacUY", "AAB5ZXMgbWFuaSAh"}},
        {"", 0, {"", "", "", ""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int base = 0; base < BASES; base++) {
            char text[COPSE_RADIX_TEXT_SIZE_MAX];
            copse_bytes bytes = {(const uint8_t *)rows[i].bytes, rows[i].size};
            size_t len = encode(base, bytes, text);
            assert_int_equal(len, strlen(rows[i].texts[base]));
            assert_memory_equal(text, rows[i].texts[base], len);
        }
    }
}

/* A changed character either is refused or decodes to other bytes: one text per bytes. */
static void test_one_text(void **state)
{
    (void)state;
    uint64_t random = 1;
    unsigned refused = 0;
    for (unsigned round = 0; round < 800; round++) {
        int base = (int)(round % BASES);
        uint8_t bytes[COPSE_RADIX_BYTES_MAX];
        uint8_t back[COPSE_RADIX_BYTES_MAX];
        char text[COPSE_RADIX_TEXT_SIZE_MAX];
        size_t size = (size_t)test_random_below(&random, sizeof bytes + 1);
        size_t back_size = 0;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)(i < round % 3 ? 0 : test_random(&random));
        }
        size_t len = encode(base, (copse_bytes){bytes, size}, text);
        copse_bytes view = {(const uint8_t *)text, len};
        assert_int_equal(decode(base, view, back, &back_size), COPSE_OK);
        assert_int_equal(back_size, size);
        assert_memory_equal(back, bytes, size);
        for (size_t i = 0; i < len; i++) {
            char kept = text[i];
            text[i] = (char)test_random(&random);
            if (text[i] != kept) {
                copse_status status = decode(base, view, back, &back_size);
                assert_true(status != COPSE_OK || back_size != size ||
                            memcmp(back, bytes, size) != 0);
                refused += status != COPSE_OK;
            }
            text[i] = kept;
        }
    }
    assert_true(refused > 1000);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        int base;
        const char *text;
    } rows[] = {
        {BASE32, "a"},      {BASE32, "aaa"},   {BASE32, "aaaaaa"}, {BASE32, "ab"},
        {BASE32, "aaa="},   {BASE32, "AA"},    {BASE32, "a1"},     {BASE32, "aaaab"},
        {BASE36, "A"},      {BASE36, "a-"},    {BASE58BTC, "0"},   {BASE58BTC, "O"},
        {BASE58BTC, "I"},   {BASE58BTC, "l"},  {BASE58BTC, "1 "},  {BASE64, "A"},
        {BASE64, "AB"},     {BASE64, "AAB"},   {BASE64, "AA=="},   {BASE64, "AA-_"},
        {BASE64, "AAAA\n"}, {BASE64, "AAAAA"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[COPSE_RADIX_BYTES_MAX];
        size_t size = 0;
        assert_int_equal(decode(rows[i].base, copse_bytes_of_text(rows[i].text), bytes, &size),
                         COPSE_CORRUPT);
    }
}

static void test_upper_case(void **state)
{
    (void)state;
    uint8_t bytes[COPSE_RADIX_BYTES_MAX];
    size_t size = 0;
    copse_bytes upper = copse_bytes_of_text("PFSXGIDNMFXGSIBB");
    assert_int_equal(copse_base32_decode(upper, true, bytes), COPSE_OK);
    assert_memory_equal(bytes, "yes mani !", 10);
    assert_int_equal(copse_base32_decode(upper, false, bytes), COPSE_CORRUPT);
    upper = copse_bytes_of_text("2LCPZO5YIKIDYNFL");
    assert_int_equal(copse_base36_decode(upper, true, bytes, &size), COPSE_OK);
    assert_memory_equal(bytes, "yes mani !", 10);
    assert_int_equal(copse_base36_decode(upper, false, bytes, &size), COPSE_CORRUPT);
}

static void test_limits(void **state)
{
    (void)state;
    char text[COPSE_RADIX_TEXT_SIZE_MAX + 1];
    uint8_t bytes[COPSE_RADIX_BYTES_MAX];
    size_t size = 0;
    memset(text, '1', sizeof text);
    copse_bytes view = {(const uint8_t *)text, sizeof text};
    assert_int_equal(copse_base58btc_decode(view, bytes, &size), COPSE_LIMIT);
    view.len = COPSE_RADIX_BYTES_MAX + 1; /* as many zero bytes */
    assert_int_equal(copse_base58btc_decode(view, bytes, &size), COPSE_LIMIT);
    view.len = COPSE_RADIX_BYTES_MAX;
    assert_int_equal(copse_base58btc_decode(view, bytes, &size), COPSE_OK);
    assert_int_equal(size, COPSE_RADIX_BYTES_MAX);
    memset(text, 'z', sizeof text);
    view.len = COPSE_RADIX_TEXT_SIZE_MAX;
    assert_int_equal(copse_base58btc_decode(view, bytes, &size), COPSE_LIMIT);
    assert_int_equal(copse_base36_decode(view, false, bytes, &size), COPSE_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_one_text),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_upper_case),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
