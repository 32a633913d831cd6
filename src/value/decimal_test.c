/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/decimal.h"

#include "support/decimal_exact.h"
#include "support/order_random.h"
#include "support/test_env.h"
#include "value/value_number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void canonical_of(const char *text, char ret_text[COPSE_DECIMAL_TEXT_SIZE_MAX + 1])
{
    copse_decimal decimal;
    if (!copse_decimal_parse(copse_bytes_of_text(text), &decimal)) {
        (void)snprintf(ret_text, COPSE_DECIMAL_TEXT_SIZE_MAX + 1, "none");
        return;
    }
    size_t size = copse_decimal_write(&decimal, (uint8_t *)ret_text);
    assert_true(size <= COPSE_DECIMAL_TEXT_SIZE_MAX);
    ret_text[size] = '\0';
}

static void test_canonical_text(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"0", "0"},
        {"-0", "-0"},
        {"+0.00", "0.00"},
        {"0E3", "0E+3"},
        {"0e-7", "0E-7"},
        {"0.0000001", "1E-7"},
        {"0.000001", "0.000001"},
        {"0.00000100", "0.00000100"},
        {"0.000000100", "1.00E-7"},
        {"1", "1"},
        {"1.", "1"},
        {".5", "0.5"},
        {"1.00", "1.00"},
        {"001", "1"},
        {"1e3", "1E+3"},
        {"1.20E-7", "1.20E-7"},
        {"123.456", "123.456"},
        {"-12E+0", "-12"},
        {"12E-1", "1.2"},
        {"1234567890123456789012345678901234", "1234567890123456789012345678901234"},
        {"12345678901234567890123456789012340", "1.234567890123456789012345678901234E+34"},
        {"0.00000000000000000000000000000000000001", "1E-38"},
        {"9.999999999999999999999999999999999E+6144", "9.999999999999999999999999999999999E+6144"},
        {"1E+6144", "1.000000000000000000000000000000000E+6144"},
        {"1E+6112", "1.0E+6112"},
        {"1E+6111", "1E+6111"},
        {"1E-6176", "1E-6176"},
        {"10E-6177", "1E-6176"},
        {"100.000E-6178", "1E-6176"},
        {"0E+7000", "0E+6111"},
        {"-0E-99999999999999999999999", "-0E-6176"},
        {"nan", "NaN"},
        {"-NaN", "NaN"},
        {"inf", "Infinity"},
        {"-INFINITY", "-Infinity"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[COPSE_DECIMAL_TEXT_SIZE_MAX + 1];
        copse_decimal decimal;
        canonical_of(cases[i][0], text);
        assert_string_equal(text, cases[i][1]);
        assert_true(copse_decimal_parse_canonical(copse_bytes_of_text(text), &decimal));
        assert_int_equal(copse_decimal_parse_canonical(copse_bytes_of_text(cases[i][0]), &decimal),
                         strcmp(cases[i][0], cases[i][1]) == 0);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "-",
        ".",
        "e1",
        "1e",
        "1e+",
        "1.2.3",
        " 1",
        "1 ",
        "0x1",
        "1,5",
        "--1",
        "infinit",
        "nan1",
        "snan",
        "12345678901234567890123456789012345",
        "1.2345678901234567890123456789012345",
        "10000000000000000000000000000000001E-6200",
        "1E+6145",
        "12E+6144",
        "1E-6177",
        "15E-6177",
        "1E+99999999999999999999999",
        "1E-99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[COPSE_DECIMAL_TEXT_SIZE_MAX + 1];
        canonical_of(cases[i], text);
        assert_string_equal(text, "none");
    }
}

/* Every decimal is found again from its value and exponent, and by no other exponent but those of
 * the same value with more or fewer zeros. */
static void test_number_gives_the_decimal_back(void **state)
{
    (void)state;
    test_env test;
    copse_buf buf;
    uint64_t seed = 17;
    unsigned finite = 0;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, 256);
    for (int round = 0; round < 3000; round++) {
        copse_value value;
        copse_decimal decimal;
        copse_decimal again;
        copse_buf_truncate(&buf, 0);
        assert_int_equal(order_random_number(&seed, &buf), COPSE_OK);
        assert_int_equal(copse_value_read(copse_buf_view(&buf), &value, NULL), COPSE_OK);
        if (value.type != COPSE_VALUE_DECIMAL || !copse_decimal_parse(value.bytes, &decimal) ||
            decimal.coefficient == 0) {
            continue;
        }
        finite++;
        copse_number number = copse_number_of_decimal(&decimal);
        assert_true(copse_number_to_decimal(&number, decimal.exponent, &again));
        assert_true(again.coefficient == decimal.coefficient);
        assert_int_equal(again.negative, decimal.negative);
        for (int32_t step = -1; step <= 1; step += 2) {
            bool tenth = decimal.coefficient / 10 * 10 == decimal.coefficient;
            bool fits =
                step > 0 ? tenth : decimal.coefficient < copse_decimal_coefficient_end() / 10;
            int32_t exponent = decimal.exponent + step;
            fits = fits && exponent >= COPSE_DECIMAL_EXPONENT_MIN &&
                   exponent <= COPSE_DECIMAL_EXPONENT_MAX;
            assert_int_equal(copse_number_to_decimal(&number, exponent, &again), fits);
        }
    }
    assert_true(finite > 500);
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

/* The coefficients of a decimal's tests: few digits and many, powers of 2 and of 5, random ones. */
static copse_u128 random_coefficient(uint64_t *seed)
{
    copse_u128 any = (copse_u128)test_random(seed) << 64 | test_random(seed);
    copse_u128 coefficient = any >> (15 + test_random_below(seed, 113));
    switch (test_random_below(seed, 4)) {
    case 0:
        coefficient = (copse_u128)1 << test_random_below(seed, 113);
        break;
    case 1:
        coefficient = 1;
        for (uint64_t fives = test_random_below(seed, 49); fives > 0; fives--) {
            coefficient *= 5;
        }
        break;
    case 2:
        coefficient = copse_decimal_coefficient_end() - 1 - test_random_below(seed, 3);
        break;
    default:
        break;
    }
    coefficient %= copse_decimal_coefficient_end();
    return coefficient == 0 ? 1 : coefficient;
}

static void check_number(const copse_decimal *decimal)
{
    copse_number number = copse_number_of_decimal(decimal);
    copse_number exact = decimal_exact_number(decimal);
    copse_decimal again;
    if (copse_number_compare(&number, &exact) != 0) {
        char text[COPSE_DECIMAL_TEXT_SIZE_MAX + 1];
        text[copse_decimal_write(decimal, (uint8_t *)text)] = '\0';
        fail_msg("%s: exponent %d, not %d, or another fraction", text, (int)number.exponent,
                 (int)exact.exponent);
    }
    assert_true(copse_number_to_decimal(&number, decimal->exponent, &again));
    assert_true(again.coefficient == decimal->coefficient);
}

/* (D1, D2, D3) Numbers are those of exact arithmetic, and lead back to their decimals: at the
 * exponents where values begin to have more bits than are kept, at the ends, and anywhere. */
static void test_number_is_exact(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int32_t exponent = -60; exponent <= 170; exponent++) {
        for (int i = 0; i < 8; i++) {
            check_number(
                &(copse_decimal){.exponent = exponent, .coefficient = random_coefficient(&seed)});
        }
    }
    for (int i = 0; i < 20; i++) {
        int32_t any = (int32_t)test_random_below(&seed, COPSE_DECIMAL_EXPONENT_MAX -
                                                            COPSE_DECIMAL_EXPONENT_MIN + 1);
        const int32_t exponents[] = {COPSE_DECIMAL_EXPONENT_MIN, COPSE_DECIMAL_EXPONENT_MAX,
                                     COPSE_DECIMAL_EXPONENT_MIN + any};
        check_number(&(copse_decimal){.exponent = exponents[i % 3],
                                      .negative = i % 2 != 0,
                                      .coefficient = random_coefficient(&seed)});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_number_gives_the_decimal_back),
        cmocka_unit_test(test_number_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
