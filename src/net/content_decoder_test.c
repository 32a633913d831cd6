/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/content_decoder.h"

#include "support/squeeze.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_SIZE = 50000, CODED_SIZE_MAX = 2 * TEXT_SIZE + 1000, PIECE_SIZE_MAX = 5000 };

/* Some text in two members (or frames) of a coding. */
typedef struct sample {
    copse_content_coding coding;
    uint8_t text[TEXT_SIZE];
    uint8_t coded[CODED_SIZE_MAX];
    size_t coded_len;
} sample;

static void sample_make(sample *self, copse_content_coding coding, uint64_t *seed)
{
    size_t cut = (size_t)test_random_below(seed, TEXT_SIZE + 1);
    self->coding = coding;
    for (size_t i = 0; i < TEXT_SIZE; i++) {
        self->text[i] = (uint8_t)(i < TEXT_SIZE / 2 ? 'x' : test_random_below(seed, 8));
    }
    size_t (*squeeze)(const uint8_t *, size_t, uint8_t *, size_t) =
        coding == COPSE_CONTENT_GZIP ? squeeze_gzip : squeeze_zstd;
    self->coded_len = squeeze(self->text, cut, self->coded, CODED_SIZE_MAX);
    self->coded_len += squeeze(self->text + cut, TEXT_SIZE - cut, self->coded + self->coded_len,
                               CODED_SIZE_MAX - self->coded_len);
}

/* Decodes in pieces of random sizes, both ways, and counts what comes; it must be the text. */
static copse_status sample_decode(const sample *self, const copse_env *env, uint64_t *seed,
                                  size_t *ret_len, bool *ret_whole)
{
    uint8_t piece[PIECE_SIZE_MAX];
    copse_content_decoder *decoder = NULL;
    size_t at = 0;
    size_t len = 0;
    bool holds = false;
    copse_status status = copse_content_decoder_new(env, self->coding, &decoder, NULL);
    while (status == COPSE_OK && (at < self->coded_len || holds)) {
        size_t input_size = 1 + (size_t)test_random_below(seed, 1000);
        size_t size = 1 + (size_t)test_random_below(seed, PIECE_SIZE_MAX);
        size_t left = self->coded_len - at;
        copse_bytes input = {self->coded + at, input_size < left ? input_size : left};
        const uint8_t *begin = input.ptr;
        size_t piece_len = SIZE_MAX;
        status = copse_content_decoder_step(decoder, &input, piece, size, &piece_len, NULL);
        if (status != COPSE_OK) {
            assert_int_equal(piece_len, SIZE_MAX);
            assert_ptr_equal(input.ptr, begin);
            break;
        }
        assert_true(piece_len <= size && len + piece_len <= TEXT_SIZE);
        assert_memory_equal(piece, self->text + len, piece_len);
        holds = piece_len == size;
        assert_true(holds || input.len == 0);
        len += piece_len;
        at = (size_t)(input.ptr - self->coded);
    }
    *ret_len = len;
    *ret_whole = decoder != NULL && copse_content_decoder_is_whole(decoder);
    (void)copse_content_decoder_free(decoder);
    return status;
}

static void test_codings(void **state)
{
    static const char *const names[] = {"identity", "gzip", "x-gzip", "GZip", "zstd"};
    static const char *const others[] = {"", "br", "deflate", "gzip, zstd", "gzipp", "zst"};
    copse_content_coding coding = COPSE_CONTENT_IDENTITY;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_true(copse_content_coding_find(copse_bytes_of_text(names[i]), &coding));
        assert_int_equal(coding, i == 0   ? COPSE_CONTENT_IDENTITY
                                 : i == 4 ? COPSE_CONTENT_ZSTD
                                          : COPSE_CONTENT_GZIP);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(copse_content_coding_find(copse_bytes_of_text(others[i]), &coding));
    }
}

static void test_decodes_in_pieces(void **state)
{
    static sample text;
    uint64_t seed = 1;
    size_t len = 0;
    bool whole = false;
    (void)state;
    for (int i = 0; i < 40; i++) {
        test_env env;
        test_env_init(&env);
        sample_make(&text, i % 2 == 0 ? COPSE_CONTENT_GZIP : COPSE_CONTENT_ZSTD, &seed);
        assert_int_equal(sample_decode(&text, &env.env, &seed, &len, &whole), COPSE_OK);
        assert_true(whole);
        assert_int_equal(len, TEXT_SIZE);
        /* Cut anywhere, it is not whole; that it is cut between its members is possible. */
        size_t coded_len = text.coded_len;
        text.coded_len = coded_len - 1 - (size_t)test_random_below(&seed, 8);
        assert_int_equal(sample_decode(&text, &env.env, &seed, &len, &whole), COPSE_OK);
        assert_false(whole);
        test_env_assert_empty(&env);
    }
}

/* Bytes behind the end that begin no further member. */
static void test_refuses_garbage(void **state)
{
    static sample text;
    uint64_t seed = 2;
    size_t len = 0;
    bool whole = false;
    test_env env;
    (void)state;
    test_env_init(&env);
    for (int i = 0; i < 2; i++) {
        sample_make(&text, i == 0 ? COPSE_CONTENT_GZIP : COPSE_CONTENT_ZSTD, &seed);
        memcpy(text.coded + text.coded_len, "garbage!", 8);
        text.coded_len += 8;
        assert_int_equal(sample_decode(&text, &env.env, &seed, &len, &whole), COPSE_CORRUPT);
        assert_int_equal(len > TEXT_SIZE - PIECE_SIZE_MAX, true);
    }
    /* The format of zstd 0.5. */
    memcpy(text.coded, "\x25\xb5\x2f\xfd\x00\x00\x00\x00\x00", 9);
    text.coded_len = 9;
    assert_int_equal(sample_decode(&text, &env.env, &seed, &len, &whole), COPSE_CORRUPT);
    /* A window of 2^24, a byte too much. */
    static const uint8_t wide[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3, 0x01, 0x00, 0x00};
    memcpy(text.coded, wide, sizeof wide);
    text.coded_len = sizeof wide;
    assert_int_equal(sample_decode(&text, &env.env, &seed, &len, &whole), COPSE_LIMIT);
    text.coded[5] = 13 << 3;
    assert_int_equal(sample_decode(&text, &env.env, &seed, &len, &whole), COPSE_OK);
    assert_true(whole);
    test_env_assert_empty(&env);
}

static copse_status sweep_decode(const copse_env *env, void *ctx)
{
    uint64_t seed = 3;
    size_t len = 0;
    bool whole = false;
    return sample_decode(ctx, env, &seed, &len, &whole);
}

static void test_out_of_memory(void **state)
{
    static sample text;
    uint64_t seed = 3;
    (void)state;
    sample_make(&text, COPSE_CONTENT_GZIP, &seed);
    assert_true(test_env_sweep(sweep_decode, &text, 100) >= 3);
    sample_make(&text, COPSE_CONTENT_ZSTD, &seed);
    assert_true(test_env_sweep(sweep_decode, &text, 100) >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codings),
        cmocka_unit_test(test_decodes_in_pieces),
        cmocka_unit_test(test_refuses_garbage),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
