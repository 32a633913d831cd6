/* Arithmetic on decimals: the vectors of tests/vectors/decimal_math.tsv, which another
 * implementation made (A1, A2, A3); laws; floats.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/decimal_math.h"

#include "support/test_env.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_decimal decimal_of(const char *text)
{
    copse_decimal decimal;
    if (!copse_decimal_parse(copse_bytes_of_text(text), &decimal)) {
        fail_msg("%s is no decimal", text);
    }
    return decimal;
}

static void decimal_check(const copse_decimal *decimal, const char *wanted, const char *what)
{
    char text[COPSE_DECIMAL_TEXT_SIZE_MAX + 1];
    char canonical[COPSE_DECIMAL_TEXT_SIZE_MAX + 1];
    copse_decimal same = decimal_of(wanted);
    text[copse_decimal_write(decimal, (uint8_t *)text)] = '\0';
    canonical[copse_decimal_write(&same, (uint8_t *)canonical)] = '\0';
    if (strcmp(text, canonical) != 0) {
        fail_msg("%s: %s instead of %s", what, text, canonical);
    }
}

/* a op b; for roundings b is an exponent. */
static copse_decimal decimal_apply(const char *name, const char *a_text, const char *b_text)
{
    static const struct {
        const char *name;
        copse_decimal (*function)(const copse_decimal *, const copse_decimal *);
    } functions[] = {{"+", copse_decimal_add},
                     {"*", copse_decimal_multiply},
                     {"/", copse_decimal_divide},
                     {"%", copse_decimal_remainder}};
    static const struct {
        const char *name;
        copse_decimal_rounding rounding;
    } roundings[] = {{"half-even", COPSE_DECIMAL_HALF_EVEN},
                     {"down", COPSE_DECIMAL_DOWN},
                     {"floor", COPSE_DECIMAL_FLOOR},
                     {"ceiling", COPSE_DECIMAL_CEILING}};
    copse_decimal a = decimal_of(a_text);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(name, functions[i].name) == 0) {
            copse_decimal b = decimal_of(b_text);
            return functions[i].function(&a, &b);
        }
    }
    for (size_t i = 0; i < sizeof roundings / sizeof *roundings; i++) {
        if (strcmp(name, roundings[i].name) == 0) {
            return copse_decimal_round(&a, (int32_t)strtol(b_text, NULL, 10),
                                       roundings[i].rounding);
        }
    }
    fail_msg("no operation %s", name);
    return a;
}

static void test_vectors(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    unsigned count = 0;
    assert_true(test_read_file("tests/vectors/decimal_math.tsv", &bytes, &size));
    char *text = (char *)bytes;
    while (text < (char *)bytes + size) {
        char what[160];
        char *columns[4] = {NULL};
        char *end = memchr(text, '\n', size - (size_t)(text - (char *)bytes));
        assert_non_null(end);
        *end = '\0';
        (void)snprintf(what, sizeof what, "%s", text);
        for (size_t i = 0; i < 4; i++) {
            columns[i] = text;
            char *tab = strchr(text, '\t');
            assert_true(i == 3 || tab != NULL);
            if (tab != NULL) {
                *tab = '\0';
                text = tab + 1;
            }
        }
        copse_decimal result = decimal_apply(columns[0], columns[1], columns[2]);
        decimal_check(&result, columns[3], what);
        text = end + 1;
        count++;
    }
    print_message("%u vectors\n", count);
    assert_true(count > 5000);
    free(bytes);
}

/* a + b is b + a; a - a is 0; a * 1 is a. */
static void test_laws(void **state)
{
    (void)state;
    static const char *const texts[] = {"0",       "1",
                                        "-1.50",   "9.999999999999999999999999E+6144",
                                        "1E-6176", "12345678901234567890.123456",
                                        "-7E+20",  "Infinity",
                                        "NaN"};
    copse_decimal one = decimal_of("1");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        copse_decimal a = decimal_of(texts[i]);
        copse_decimal same = copse_decimal_multiply(&a, &one);
        decimal_check(&same, texts[i], texts[i]);
        copse_decimal negated = copse_decimal_negate(&a);
        negated = copse_decimal_negate(&negated);
        decimal_check(&negated, texts[i], texts[i]);
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            char text[COPSE_DECIMAL_TEXT_SIZE_MAX + 1];
            copse_decimal b = decimal_of(texts[k]);
            copse_decimal sum = copse_decimal_add(&a, &b);
            copse_decimal other = copse_decimal_add(&b, &a);
            text[copse_decimal_write(&sum, (uint8_t *)text)] = '\0';
            decimal_check(&other, text, texts[i]);
        }
    }
}

static void test_floats(void **state)
{
    (void)state;
    static const struct {
        double real;
        const char *shortest;
        const char *digits_15;
    } floats[] = {
        {0.1, "0.1", "0.100000000000000"},
        {2.5, "2.5", "2.50000000000000"},
        {-1e300, "-1E+300", "-1.00000000000000E+300"},
        {5e-324, "5E-324", "5.00000000000000E-324"},
        {1.7976931348623157e308, "1.7976931348623157E+308", "1.79769313486232E+308"},
        {123456789012345680.0, "1.2345678901234568E+17", "1.23456789012346E+17"},
        {0.0, "0", "0"},
        {-0.0, "-0", "-0"},
        {INFINITY, "Infinity", "Infinity"},
        {-INFINITY, "-Infinity", "-Infinity"},
        {9.9999999999999995, "1E+1", "10.0000000000000"},
    };
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        copse_decimal shortest = copse_decimal_of_float(floats[i].real);
        copse_decimal digits = copse_decimal_of_float_15(floats[i].real);
        decimal_check(&shortest, floats[i].shortest, floats[i].shortest);
        decimal_check(&digits, floats[i].digits_15, floats[i].digits_15);
        double back = copse_decimal_to_float(&shortest);
        assert_true(memcmp(&back, &floats[i].real, sizeof back) == 0);
    }
    copse_decimal nan = copse_decimal_of_float(NAN);
    decimal_check(&nan, "NaN", "NaN");
    assert_true(isnan(copse_decimal_to_float(&nan)));
    copse_decimal huge = decimal_of("-1E+400");
    assert_true(copse_decimal_to_float(&huge) == -INFINITY);
    copse_decimal tiny = decimal_of("1E-400");
    assert_true(copse_decimal_to_float(&tiny) == 0);
}

static void test_integers(void **state)
{
    (void)state;
    copse_decimal most = copse_decimal_of_int(false, UINT64_MAX);
    copse_decimal least = copse_decimal_of_int(true, UINT64_MAX);
    copse_decimal zero = copse_decimal_of_int(false, 0);
    decimal_check(&most, "18446744073709551615", "2^64 - 1");
    decimal_check(&least, "-18446744073709551616", "-2^64");
    decimal_check(&zero, "0", "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_laws),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
