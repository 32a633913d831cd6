/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/regex.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_status regex_new(const copse_env *env, copse_bytes pattern, copse_bytes options,
                              copse_regex_budget *budget, copse_regex **ret_regex)
{
    copse_regex_budget_renew(budget, env);
    return copse_regex_new(env, pattern, options, budget, ret_regex, NULL);
}

static copse_status regex_run(const copse_env *env, const char *pattern, const char *options,
                              copse_bytes text, bool *ret_match)
{
    copse_regex *regex = NULL;
    copse_regex_budget budget;
    copse_status status =
        regex_new(env, copse_bytes_of_text(pattern), copse_bytes_of_text(options), &budget, &regex);
    if (status == COPSE_OK) {
        status = copse_regex_match(regex, text, ret_match, NULL);
    }
    copse_regex_free(regex);
    return status;
}

static void test_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *options;
        copse_status status;
    } rows[] = {
        {"a", "", COPSE_OK},         {"a", "imsux", COPSE_OK},
        {"a", "ii", COPSE_CORRUPT},  {"a", "g", COPSE_CORRUPT},
        {"(", "", COPSE_CORRUPT},    {"\\C", "", COPSE_CORRUPT},
        {"\xff", "", COPSE_CORRUPT}, {"[", "", COPSE_CORRUPT},
        {"", "", COPSE_OK},          {"(((a{1,999}){1,999}){1,999}){1,999}", "", COPSE_LIMIT},
    };
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool match = false;
        assert_int_equal(regex_run(&test.env, rows[i].pattern, rows[i].options,
                                   copse_bytes_of_text("a"), &match),
                         rows[i].status);
    }
    char deep[2048];
    memset(deep, '(', 600);
    memset(deep + 600, ')', 600);
    deep[1200] = '\0';
    bool match = false;
    assert_int_equal(regex_run(&test.env, deep, "", copse_bytes_of_text("a"), &match), COPSE_LIMIT);
    assert_int_equal(regex_run(&test.env, "a", "", copse_bytes_of_text("\xff"), &match),
                     COPSE_CORRUPT);
    test_env_assert_empty(&test);
}

/* ---- Bounds -----------------------------------------------------------------------------------
 */

static void test_steps(void **state)
{
    (void)state;
    enum { SIZE = 200000 };
    test_env test;
    bool match = true;
    char *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, 'a', SIZE);
    test_env_init(&test);
    copse_bytes all = {(uint8_t *)text, SIZE};
    /* Exponential, cubic: never an answer, never long. */
    assert_int_equal(regex_run(&test.env, "(a+)+[xy]", "", all, &match), COPSE_LIMIT);
    assert_int_equal(regex_run(&test.env, "(a|aa)+[xy]", "", all, &match), COPSE_LIMIT);
    assert_int_equal(regex_run(&test.env, "(*COMMIT)(a+)+[xy]", "", all, &match), COPSE_LIMIT);
    /* One place of the text that needs much, among many that need little. */
    memset(text, ' ', SIZE);
    memcpy(text + SIZE / 2, "aaaaaaaaaaaaaa", 14);
    assert_int_equal(regex_run(&test.env, "(a+)+b", "", all, &match), COPSE_OK);
    assert_false(match);
    memcpy(text + SIZE / 2 + 100, "xaaaaaaaaaaaaaab", 16);
    assert_int_equal(regex_run(&test.env, "x(a|a)+b", "", all, &match), COPSE_OK);
    assert_true(match);
    test_env_assert_empty(&test);
    free(text);
}

/* Texts that are hard, but each within its bounds, have an end; easy ones have none. A document
 * later all is as before. */
static void test_steps_of_a_document(void **state)
{
    (void)state;
    enum { STEPS = 20000, TEXTS = 3000 };
    static const char *const patterns[] = {"^(a|aa)+$", "(a|aa)+$", "(*UCP)^(a|aa)+$"};
    test_env test;
    test_env_init(&test);
    test.env.limits.regex_steps_max = STEPS;
    copse_bytes hard = copse_bytes_of_text("aaaaaaaaaab");
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        copse_regex_budget budget;
        copse_regex *regex = NULL;
        copse_bytes pattern = copse_bytes_of_text(patterns[i]);
        assert_int_equal(regex_new(&test.env, pattern, (copse_bytes){NULL, 0}, &budget, &regex),
                         COPSE_OK);
        for (int document = 0; document < 2; document++) {
            bool match = true;
            copse_err err = {0};
            unsigned decided = 0;
            copse_regex_budget_renew(&budget, &test.env);
            while (decided < TEXTS && copse_regex_match(regex, hard, &match, &err) == COPSE_OK) {
                assert_false(match);
                decided++;
            }
            assert_in_range(decided, COPSE_REGEX_TEXTS_HARD, TEXTS / 10);
            if (strstr(err.message, "20000 steps on a document") == NULL) {
                fail_msg("%s: %s", patterns[i], err.message);
            }
            for (int easy = 0; easy < TEXTS; easy++) {
                assert_int_equal(copse_regex_match(regex, copse_bytes_of_text("aaa"), &match, NULL),
                                 COPSE_OK);
                assert_true(match);
            }
        }
        copse_regex_free(regex);
    }
    test_env_assert_empty(&test);
}

/* ---- Prefixes ---------------------------------------------------------------------------------
 */

static void test_prefix(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *options;
        const char *prefix;
        bool exact;
    } rows[] = {
        {"^abc", "", "abc", true},      {"\\Aabc", "", "abc", true},
        {"abc", "", "", false},         {"^abc.*", "", "abc", true},
        {"^abc.*", "s", "abc", true},   {"^abc.*d", "", "abc", false},
        {"^abc$", "", "abc", false},    {"^ab*", "", "a", false},
        {"^ab?", "", "a", false},       {"^ab{0}", "", "a", false},
        {"^ab+", "", "ab", false},      {"^ab|c", "", "", false},
        {"^a(b|c)", "", "", false},     {"^abc", "i", "", false},
        {"^abc", "m", "", false},       {"^a c", "x", "", false},
        {"^a\\.b", "", "a.b", true},    {"^a\\d", "", "", false},
        {"^ab\\d", "", "a", false},     {"^aé?", "", "a", false},
        {"^é", "", "é", true},          {"^ab[cd]", "", "ab", false},
        {"^", "", "", false},           {"", "", "", false},
        {"^ab\\Q\\E*", "", "a", false}, {"^ab(?#x)*", "", "a", false},
        {"^*a", "", "", false},         {"^ab.", "", "ab", false},
        {"^a\\+?", "", "a", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t prefix[64];
        bool exact = !rows[i].exact;
        size_t len = copse_regex_prefix(copse_bytes_of_text(rows[i].pattern),
                                        copse_bytes_of_text(rows[i].options), prefix, &exact);
        if (len != strlen(rows[i].prefix) || memcmp(prefix, rows[i].prefix, len) != 0 ||
            exact != rows[i].exact) {
            fail_msg("%s: \"%.*s\" %d", rows[i].pattern, (int)len, (const char *)prefix, exact);
        }
    }
}

/* Random patterns of few letters on random texts: what matches has the prefix, and if it is exact,
 * what has the prefix matches. */
static void test_prefix_random(void **state)
{
    (void)state;
    enum { PATTERNS = 6000, TEXTS = 20 };
    static const char letters[] = "abab.*+?()|$\\[]{}01Q";
    test_env test;
    uint64_t seed = 5;
    unsigned known = 0;
    test_env_init(&test);
    for (unsigned i = 0; i < PATTERNS; i++) {
        char pattern[12] = "^";
        uint8_t prefix[sizeof pattern];
        bool exact = false;
        copse_regex *regex = NULL;
        copse_regex_budget budget;
        size_t size = 1 + (size_t)test_random_below(&seed, sizeof pattern - 2);
        for (size_t k = 1; k < size; k++) {
            pattern[k] = letters[test_random_below(&seed, sizeof letters - 1)];
        }
        copse_bytes bytes = {(const uint8_t *)pattern, size};
        if (regex_new(&test.env, bytes, (copse_bytes){NULL, 0}, &budget, &regex) != COPSE_OK) {
            continue;
        }
        size_t len = copse_regex_prefix(bytes, (copse_bytes){NULL, 0}, prefix, &exact);
        known += len != 0;
        for (unsigned k = 0; k < TEXTS; k++) {
            char text[6];
            bool match = false;
            size_t text_size = (size_t)test_random_below(&seed, sizeof text + 1);
            for (size_t at = 0; at < text_size; at++) {
                text[at] = "ab.0"[test_random_below(&seed, 4)];
            }
            copse_bytes subject = {(const uint8_t *)text, text_size};
            assert_int_equal(copse_regex_match(regex, subject, &match, NULL), COPSE_OK);
            bool has = copse_bytes_has_prefix(subject, (copse_bytes){prefix, len});
            if ((match && !has) || (exact && has && !match)) {
                fail_msg("%.*s on %.*s", (int)size, pattern, (int)text_size, text);
            }
        }
        copse_regex_free(regex);
    }
    assert_true(known > PATTERNS / 20);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_steps_of_a_document),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_prefix_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
