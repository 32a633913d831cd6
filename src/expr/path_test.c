/* Paths: what a walk meets, and (P1): what an index has for a document decides as a filter does.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/path.h"

#include "expr/filter_node.h"
#include "support/test_env.h"
#include "support/value_random.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_bytes path_json(const copse_env *env, const char *text, copse_buf *buf)
{
    copse_err err = {0};
    copse_buf_init(buf, env, 1 << 16);
    if (copse_ext_json_to_cbor(env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY, buf, &err) !=
        COPSE_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return copse_buf_view(buf);
}

/* ---- Checks -----------------------------------------------------------------------------------
 */

static void test_check(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "a.b", "a.0", "_id", "é", "a b", "a.b$"};
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "$a", "a.$", "a.$b", "\xff"};
    char path[COPSE_PATH_SIZE_BYTES_MAX + 2];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(copse_path_check(copse_bytes_of_text(good[i]), NULL), COPSE_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        copse_err err = {0};
        assert_int_equal(copse_path_check(copse_bytes_of_text(bad[i]), &err), COPSE_CORRUPT);
        assert_true(strlen(err.message) > 0);
    }
    assert_int_equal(copse_path_check((copse_bytes){(const uint8_t *)"a\0b", 3}, NULL),
                     COPSE_CORRUPT);
    memset(path, 'a', sizeof path);
    copse_bytes longest = {(const uint8_t *)path, COPSE_PATH_SIZE_BYTES_MAX};
    assert_int_equal(copse_path_check(longest, NULL), COPSE_OK);
    longest.len++;
    assert_int_equal(copse_path_check(longest, NULL), COPSE_CORRUPT);
    for (size_t i = 1; i < sizeof path; i += 2) {
        path[i] = '.';
    }
    copse_bytes deepest = {(const uint8_t *)path, 2 * COPSE_PATH_PARTS_MAX - 1};
    assert_int_equal(copse_path_check(deepest, NULL), COPSE_OK);
    deepest.len += 2;
    assert_int_equal(copse_path_check(deepest, NULL), COPSE_CORRUPT);
}

static void test_index(void **state)
{
    (void)state;
    uint64_t index = 7;
    assert_true(copse_path_part_index(copse_bytes_of_text("0"), &index) && index == 0);
    assert_true(copse_path_part_index(copse_bytes_of_text("120"), &index) && index == 120);
    static const char *const none[] = {"", "01", "-1", "1a", "a", "1234567890123456789", " 1"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(copse_path_part_index(copse_bytes_of_text(none[i]), &index));
    }
}

/* ---- Visits -----------------------------------------------------------------------------------
 */

typedef struct path_log {
    const copse_env *env;
    char text[512];
} path_log;

static copse_status path_log_visit(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                   copse_err *err)
{
    path_log *log = ctx;
    copse_buf json;
    copse_status status = COPSE_OK;
    size_t len = strlen(log->text);
    copse_buf_init(&json, log->env, sizeof log->text);
    if (kind == COPSE_ORDER_VALUE) {
        status = copse_ext_json_from_cbor(log->env, encoded, false, &json, err);
    }
    (void)snprintf(log->text + len, sizeof log->text - len, "%s%.*s", len != 0 ? " " : "",
                   kind == COPSE_ORDER_VALUE     ? (int)json.len
                   : kind == COPSE_ORDER_MISSING ? 7
                                                 : 5,
                   kind == COPSE_ORDER_VALUE     ? (const char *)json.ptr
                   : kind == COPSE_ORDER_MISSING ? "missing"
                                                 : "empty");
    copse_buf_release(&json);
    return status;
}

static void test_visits(void **state)
{
    (void)state;
    static const struct {
        const char *document;
        const char *path;
        const char *visits;
        bool array;
    } rows[] = {
        {"{\"a\":1}", "a", "1", false},
        {"{\"a\":1}", "b", "missing", false},
        {"{\"a\":1}", "a.b", "missing", false},
        {"{\"a\":null}", "a", "null", false},
        {"{\"a\":null}", "a.b", "missing", false},
        {"{\"a\":{\"b\":{\"c\":2}}}", "a.b.c", "2", false},
        {"{\"a\":{\"b\":2}}", "a", "{\"b\":2}", false},
        {"{\"a\":{\"$date\":{\"$numberLong\":\"0\"}}}", "a.b", "missing", false},
        {"{\"a\":[1,2,1]}", "a", "1 2 1", true},
        {"{\"a\":[]}", "a", "empty", true},
        {"{\"a\":[[],[1]]}", "a", "[] [1]", true},
        {"{\"a\":[]}", "a.b", "missing", true},
        {"{\"a\":[1,2]}", "a.b", "missing", true},
        {"{\"a\":[1,{\"b\":5}]}", "a.b", "5", true},
        {"{\"a\":[{\"b\":1},{},{\"b\":[2,3]}]}", "a.b", "1 missing 2 3", true},
        {"{\"a\":[[{\"b\":1}]]}", "a.b", "missing", true},
        {"{\"a\":[[{\"b\":1}]]}", "a.0.b", "1", true},
        {"{\"a\":[1,2]}", "a.1", "2", true},
        {"{\"a\":[1,2]}", "a.2", "missing", true},
        {"{\"a\":[{\"b\":1}]}", "a.0", "{\"b\":1}", true},
        {"{\"a\":[{\"b\":1}]}", "a.1", "missing", true},
        {"{\"a\":[{\"b\":1}]}", "a.0.b", "1", true},
        {"{\"a\":[{\"0\":7}]}", "a.0", "7 {\"0\":7}", true},
        {"{\"a\":[[5,6]]}", "a.0", "5 6", true},
        {"{\"a\":[[5,6]]}", "a.0.1", "6", true},
        {"{\"a\":{\"0\":3}}", "a.0", "3", false},
        {"{\"a\":[{\"b\":[{\"c\":1},{\"c\":2}]},{\"b\":{\"c\":3}}]}", "a.b.c", "1 2 3", true},
    };
    copse_env env;
    copse_env_init(&env);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf buf;
        path_log log = {.env = &env};
        bool array = !rows[i].array;
        copse_bytes document = path_json(&env, rows[i].document, &buf);
        assert_int_equal(copse_path_visit(document, copse_bytes_of_text(rows[i].path),
                                          path_log_visit, &log, &array, NULL),
                         COPSE_OK);
        if (strcmp(log.text, rows[i].visits) != 0 || array != rows[i].array) {
            fail_msg("%s at %s: %s%s", rows[i].document, rows[i].path, log.text,
                     array ? " (array)" : "");
        }
        copse_buf_release(&buf);
    }
}

/* ---- (P1) -------------------------------------------------------------------------------------
 */

typedef struct path_bounds {
    const copse_filter_node *test;
    bool within; /* a visit lies in the bounds of the test */
} path_bounds;

static int path_bracket(copse_value_type type)
{
    return type == COPSE_VALUE_FLOAT || type == COPSE_VALUE_DECIMAL ? COPSE_VALUE_INT : (int)type;
}

/* What a planner would take as the bounds of a comparison: values of its type on one side of it;
 * missing and null at one place; [] between MinKey and null. */
static bool path_compare_within(const copse_filter_node *test, copse_order_kind kind,
                                copse_bytes value)
{
    copse_value read;
    int order = 0;
    bool any =
        test->operand.type == COPSE_VALUE_MIN_KEY || test->operand.type == COPSE_VALUE_MAX_KEY;
    bool up = test->kind == COPSE_FILTER_GT || test->kind == COPSE_FILTER_GTE;
    if (kind == COPSE_ORDER_EMPTY_ARRAY) {
        return any && up == (test->operand.type == COPSE_VALUE_MIN_KEY) &&
               test->kind != COPSE_FILTER_EQ;
    }
    copse_bytes item =
        kind == COPSE_ORDER_MISSING ? (copse_bytes){(const uint8_t *)"\xf6", 1} : value;
    assert_int_equal(copse_value_read(item, &read, NULL), COPSE_OK);
    assert_int_equal(copse_value_compare(item, test->value, &order, NULL), COPSE_OK);
    if (!any && path_bracket(read.type) != path_bracket(test->operand.type)) {
        return false;
    }
    return test->kind == COPSE_FILTER_EQ    ? order == 0
           : test->kind == COPSE_FILTER_GT  ? order > 0
           : test->kind == COPSE_FILTER_GTE ? order >= 0
           : test->kind == COPSE_FILTER_LT  ? order < 0
                                            : order <= 0;
}

static bool path_text_within(const copse_filter_node *test, const copse_value *value)
{
    return value->type == COPSE_VALUE_REGEX ||
           (value->type == COPSE_VALUE_TEXT && copse_bytes_has_prefix(value->bytes, test->prefix));
}

static bool path_test_within(const copse_filter_node *test, copse_order_kind kind,
                             copse_bytes encoded)
{
    copse_value value = {.type = COPSE_VALUE_NULL};
    bool within = false;
    if (kind == COPSE_ORDER_VALUE) {
        assert_int_equal(copse_value_read(encoded, &value, NULL), COPSE_OK);
    }
    switch (test->kind) {
    case COPSE_FILTER_IN:
        for (size_t i = 0; i < test->children_count; i++) {
            within = within || path_test_within(test->children[i], kind, encoded);
        }
        return within;
    case COPSE_FILTER_EXISTS:
        return test->flag ? kind != COPSE_ORDER_MISSING : kind == COPSE_ORDER_MISSING;
    case COPSE_FILTER_TYPE:
        return (test->types >> COPSE_VALUE_ARRAY & 1) != 0 ||
               (kind == COPSE_ORDER_VALUE && (test->types >> value.type & 1) != 0);
    case COPSE_FILTER_REGEX:
        return kind == COPSE_ORDER_VALUE && path_text_within(test, &value);
    case COPSE_FILTER_MOD:
        return kind == COPSE_ORDER_VALUE && path_bracket(value.type) == COPSE_VALUE_INT;
    case COPSE_FILTER_BITS:
        return kind == COPSE_ORDER_VALUE &&
               (path_bracket(value.type) == COPSE_VALUE_INT || value.type == COPSE_VALUE_BINARY);
    case COPSE_FILTER_SIZE:
        return true;
    default:
        return path_compare_within(test, kind, encoded);
    }
}

static copse_status path_bounds_visit(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                      copse_err *err)
{
    path_bounds *bounds = ctx;
    (void)err;
    bounds->within = bounds->within || path_test_within(bounds->test, kind, encoded);
    return COPSE_OK;
}

/* A random test on random documents: returns how many match. */
static unsigned path_check_bounds(const copse_env *env, uint64_t *seed, unsigned documents)
{
    copse_buf buf;
    copse_err err = {0};
    copse_filter *filter = NULL;
    unsigned matches = 0;
    copse_buf_init(&buf, env, 1 << 16);
    assert_int_equal(value_random_test(seed, &buf), COPSE_OK);
    if (copse_filter_new(env, copse_buf_view(&buf), &filter, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    const copse_filter_node *test = copse_filter_root(filter);
    for (unsigned i = 0; i < documents; i++) {
        bool match = false;
        bool array = false;
        path_bounds bounds = {.test = test};
        uint64_t before = *seed;
        copse_buf_truncate(&buf, 0);
        assert_int_equal(value_random_document(seed, 3, NULL, &buf), COPSE_OK);
        copse_bytes document = copse_buf_view(&buf);
        assert_int_equal(copse_filter_match(filter, document, &match, &err), COPSE_OK);
        matches += match;
        if (test->kind == COPSE_FILTER_NOT || test->kind == COPSE_FILTER_FALSE) {
            continue;
        }
        assert_int_equal(
            copse_path_visit(document, test->path, path_bounds_visit, &bounds, &array, NULL),
            COPSE_OK);
        if (match && !bounds.within) {
            copse_buf json;
            copse_buf_init(&json, env, 1 << 16);
            assert_int_equal(
                copse_ext_json_from_cbor(env, copse_filter_encoded(filter), false, &json, NULL),
                COPSE_OK);
            assert_int_equal(copse_buf_append_byte(&json, ' '), COPSE_OK);
            assert_int_equal(copse_ext_json_from_cbor(env, document, false, &json, NULL), COPSE_OK);
            fail_msg("P1, state %llu: %.*s", (unsigned long long)before, (int)json.len,
                     (const char *)json.ptr);
        }
    }
    copse_filter_free(filter);
    copse_buf_release(&buf);
    return matches;
}

static void test_bounds(void **state)
{
    (void)state;
    enum { FILTERS = 1500, DOCUMENTS = 40 };
    copse_env env;
    uint64_t seed = 20260101;
    unsigned some = 0;
    copse_env_init(&env);
    for (unsigned i = 0; i < FILTERS; i++) {
        unsigned matches = path_check_bounds(&env, &seed, DOCUMENTS);
        some += matches != 0 && matches != DOCUMENTS;
    }
    print_message("%u%% of the filters match some documents and not all\n", some * 100 / FILTERS);
    assert_true(some * 100 / FILTERS >= 30);
}

/* ---- Forks ------------------------------------------------------------------------------------
 */

static copse_status path_count(void *ctx, copse_order_kind kind, copse_bytes encoded,
                               copse_err *err)
{
    (void)kind;
    (void)encoded;
    (void)err;
    *(size_t *)ctx += 1;
    return COPSE_OK;
}

/* What is at a.0.0.0… (`zeros` times) of {"a": [{"0": [{"0": … 1}]}]} (`levels` arrays). */
static copse_status path_visit_forks(size_t levels, size_t zeros, size_t *ret_count, copse_err *err)
{
    copse_env env;
    copse_buf json;
    copse_buf document;
    char path[COPSE_PATH_SIZE_BYTES_MAX] = "a";
    bool array;
    copse_env_init(&env);
    copse_buf_init(&json, &env, SIZE_MAX);
    assert_int_equal(copse_buf_append(&json, copse_bytes_of_text("{\"a\":")), COPSE_OK);
    for (size_t i = 0; i < 2 * levels + 1; i++) {
        const char *piece = i < levels ? "[{\"0\":" : i == levels ? "1" : "}]";
        assert_int_equal(copse_buf_append(&json, copse_bytes_of_text(piece)), COPSE_OK);
    }
    assert_int_equal(copse_buf_append(&json, (copse_bytes){(const uint8_t *)"}", 2}), COPSE_OK);
    for (size_t i = 0; i < zeros; i++) {
        memcpy(path + 1 + 2 * i, ".0", 3);
    }
    copse_bytes encoded = path_json(&env, (const char *)json.ptr, &document);
    *ret_count = 0;
    copse_status status =
        copse_path_visit(encoded, copse_bytes_of_text(path), path_count, ret_count, &array, err);
    copse_buf_release(&json);
    copse_buf_release(&document);
    return status;
}

/* W5 */
static void test_forks(void **state)
{
    (void)state;
    enum { DEEPEST = 60 };
    size_t count;
    copse_err err = {0};
    assert_int_equal(path_visit_forks(1, 1, &count, NULL), COPSE_OK);
    assert_int_equal(count, 2); /* 1 by the key, {"0": 1} by the index */
    assert_int_equal(path_visit_forks(3, 4, &count, NULL), COPSE_OK);
    assert_int_equal(count, 7);
    assert_int_equal(path_visit_forks(DEEPEST, 90, &count, &err), COPSE_LIMIT);
    assert_non_null(strstr(err.message, "forks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),  cmocka_unit_test(test_index), cmocka_unit_test(test_visits),
        cmocka_unit_test(test_bounds), cmocka_unit_test(test_forks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
