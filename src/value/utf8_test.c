/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/utf8.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The definition, decoded the plain way: a code point, in the one size that it has. */
static bool model_valid(const uint8_t *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint8_t first = text[at];
        size_t size = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (size == 0 || first >= 0xf8 || size > len - at) {
            return false;
        }
        uint32_t code = size == 1 ? first : first & (0xffu >> (size + 1));
        for (size_t i = 1; i < size; i++) {
            if ((text[at + i] & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | (text[at + i] & 0x3fu);
        }
        if (code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
            return false;
        }
        at += size;
    }
    return true;
}

static void assert_as_model(const uint8_t *text, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0) {
        memcpy(copy, text, len);
    }
    bool expected = model_valid(text, len);
    assert_int_equal(copse_utf8_valid((copse_bytes){copy, len}), expected);
    assert_int_equal(copse_utf8_valid_within(copy, len, copy + len), expected);
    free(copy);
}

/* Every pair of bytes, and every first byte with tails at the edges of their ranges. */
static void test_all_sequences(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                    0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xff};
    const size_t count = sizeof edges;
    for (unsigned pair = 0; pair < 65536; pair++) {
        uint8_t text[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        assert_as_model(text, 1);
        assert_as_model(text, 2);
    }
    for (size_t i = 0; i < 256 * count * count * count; i++) {
        uint8_t text[4] = {(uint8_t)(i & 0xff), edges[i / 256 % count],
                           edges[i / 256 / count % count], edges[i / 256 / count / count]};
        assert_as_model(text, 3);
        assert_as_model(text, 4);
    }
}

/* A character at every place of texts that cross blocks. */
static void test_places(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "é", "水", "𐅑", "\xc3", "\xe6\xb0", "\xf0\x90\x85", "\xed\xa0\x80", "\x80"};
    for (size_t piece = 0; piece < sizeof pieces / sizeof *pieces; piece++) {
        size_t piece_len = strlen(pieces[piece]);
        for (size_t len = piece_len; len < 50; len++) {
            for (size_t at = 0; at + piece_len <= len; at++) {
                uint8_t text[50];
                memset(text, 'x', sizeof text);
                memcpy(text + at, pieces[piece], piece_len);
                assert_as_model(text, len);
                /* What follows the text is not looked at. */
                uint8_t followed[80];
                memset(followed, 0xff, sizeof followed);
                memcpy(followed, text, len);
                assert_int_equal(copse_utf8_valid_within(followed, len, followed + 80),
                                 model_valid(text, len));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sequences),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
