/* Expressions: the cases of tests/vectors/expression_cases.json, what is asked of a compiled one,
 * bounds, failing allocations.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression.h"

#include "expr/expression_private.h"
#include "expr/path.h"
#include "support/test_env.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_env expression_env;

static copse_bytes expression_json(const char *text, copse_buf *buf)
{
    copse_err err = {0};
    copse_buf_init(buf, &expression_env, 1 << 20);
    if (copse_ext_json_to_cbor(&expression_env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY,
                               buf, &err) != COPSE_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return copse_buf_view(buf);
}

static copse_expression *expression_of(copse_bytes encoded,
                                       const copse_expression_variable *variables, size_t count)
{
    copse_err err = {0};
    copse_expression *expression = NULL;
    if (copse_expression_new(&expression_env, encoded, variables, count, &expression, &err) !=
        COPSE_OK) {
        fail_msg("%s", err.message);
    }
    return expression;
}

static copse_expression *expression_of_json(const char *text)
{
    copse_buf buf;
    copse_expression *expression = expression_of(expression_json(text, &buf), NULL, 0);
    copse_buf_release(&buf);
    return expression;
}

/* What an expression says of {}, which nothing has to do with. */
static copse_status expression_status(const copse_env *env, const char *text, copse_err *err)
{
    static const uint8_t empty_map[] = {0xa0};
    copse_buf buf;
    copse_buf value;
    copse_expression *expression = NULL;
    bool missing = false;
    copse_buf_init(&value, env, SIZE_MAX);
    copse_status status =
        copse_expression_new(env, expression_json(text, &buf), NULL, 0, &expression, err);
    if (status == COPSE_OK) {
        status = copse_expression_evaluate(expression, (copse_bytes){empty_map, sizeof empty_map},
                                           NULL, &value, &missing, err);
        assert_true(status == COPSE_OK || value.len == 0);
    }
    copse_expression_free(expression);
    copse_buf_release(&value);
    copse_buf_release(&buf);
    return status;
}

/* ---- The cases --------------------------------------------------------------------------------
 */

static copse_bytes expression_member(copse_bytes map, const char *key)
{
    copse_bytes value = {NULL, 0};
    copse_status status = copse_path_find_key(map, copse_bytes_of_text(key), &value, NULL);
    assert_true(status == COPSE_OK || status == COPSE_NOT_FOUND);
    return value;
}

static void expression_check_message(copse_status status, const copse_err *err, copse_bytes error,
                                     const char *line)
{
    char wanted[128] = "";
    copse_value text;
    assert_int_equal(copse_value_read(error, &text, NULL), COPSE_OK);
    (void)snprintf(wanted, sizeof wanted, "%.*s", (int)text.bytes.len,
                   (const char *)text.bytes.ptr);
    if (status != COPSE_CORRUPT || strstr(err->message, wanted) == NULL || wanted[0] == '\0') {
        fail_msg("%s: %s %s", line, copse_status_name(status), err->message);
    }
}

/* A value comes out to the byte, again and again, and behind what the buf had; nothing comes out of
 * what fails. */
static void expression_check_value(copse_expression *expression, copse_bytes row, const char *line)
{
    copse_bytes error = expression_member(row, "error");
    copse_bytes value = expression_member(row, "value");
    copse_buf buf;
    copse_buf_init(&buf, &expression_env, 1 << 20);
    assert_int_equal(copse_buf_append_byte(&buf, 0x00), COPSE_OK);
    for (size_t i = 0; i < 2; i++) {
        copse_err err = {0};
        bool missing = value.len != 0;
        copse_status status = copse_expression_evaluate(
            expression, expression_member(row, "document"), NULL, &buf, &missing, &err);
        if (error.len != 0) {
            expression_check_message(status, &err, error, line);
            assert_int_equal(buf.len, 1);
            continue;
        }
        copse_bytes got = {buf.ptr + 1, buf.len - 1};
        if (status != COPSE_OK || missing != (value.len == 0) || !copse_bytes_equal(got, value)) {
            fail_msg("%s: %s %s", line, copse_status_name(status), err.message);
        }
        copse_buf_truncate(&buf, 1);
    }
    copse_buf_release(&buf);
}

static void expression_check_case(const char *line)
{
    copse_buf buf;
    copse_err err = {0};
    copse_expression *expression = NULL;
    copse_bytes row = expression_json(line, &buf);
    copse_bytes document = expression_member(row, "document");
    copse_status status = copse_expression_new(
        &expression_env, expression_member(row, "expression"), NULL, 0, &expression, &err);
    if (document.len == 0) {
        expression_check_message(status, &err, expression_member(row, "error"), line);
        assert_null(expression);
    } else if (status != COPSE_OK) {
        fail_msg("%s: %s", line, err.message);
    } else {
        expression_check_value(expression, row, line);
    }
    copse_expression_free(expression);
    copse_buf_release(&buf);
}

/* Calls `check` with each line of the cases. */
static unsigned expression_each_case(void (*check)(const char *line))
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    unsigned count = 0;
    assert_true(test_read_file("tests/vectors/expression_cases.json", &bytes, &size));
    for (char *line = (char *)bytes; line < (char *)bytes + size; count++) {
        char *end = memchr(line, '\n', size - (size_t)(line - (char *)bytes));
        assert_non_null(end);
        *end = '\0';
        check(line);
        line = end + 1;
    }
    free(bytes);
    return count;
}

static void test_cases(void **state)
{
    (void)state;
    unsigned count = expression_each_case(expression_check_case);
    print_message("%u cases\n", count);
    assert_true(count >= 790);
}

/* E2: the same as in the cases, where constants are no constants: the expression reads them from
 * the document. Only a few shapes: [op, [constants]]. */
static void test_constants(void **state)
{
    (void)state;
    static const struct {
        const char *constant;
        const char *varying;
        const char *document;
    } pairs[] = {
        {"{\"$add\":[1,2.5]}", "{\"$add\":[\"$a\",\"$b\"]}", "{\"a\":1,\"b\":2.5}"},
        {"{\"$concat\":[\"x\",\"y\"]}", "{\"$concat\":[\"$a\",\"$b\"]}",
         "{\"a\":\"x\",\"b\":\"y\"}"},
        {"{\"$setUnion\":[[2,1],[1]]}", "{\"$setUnion\":[\"$a\",\"$b\"]}",
         "{\"a\":[2,1],\"b\":[1]}"},
        {"[{\"a\":{\"$size\":[[1]]}}]", "[{\"a\":{\"$size\":\"$a\"}}]", "{\"a\":[1]}"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        copse_buf document;
        copse_bytes value = {NULL, 0};
        copse_bytes read = expression_json(pairs[i].document, &document);
        copse_expression *constant = expression_of_json(pairs[i].constant);
        copse_expression *varying = expression_of_json(pairs[i].varying);
        assert_int_equal(copse_expression_lend(varying, read, NULL, &value, NULL), COPSE_OK);
        assert_true(copse_bytes_equal(copse_expression_constant(constant), value));
        assert_int_equal(copse_expression_constant(varying).len, 0);
        copse_expression_free(constant);
        copse_expression_free(varying);
        copse_buf_release(&document);
    }
    /* What depends on the document or fails is no constant. */
    static const char *const varying[] = {"{\"$getField\":\"a\"}", "{\"$divide\":[1,0]}", "$$ROOT",
                                          "{\"$let\":{\"vars\":{\"x\":1},\"in\":\"$$x\"}}"};
    for (size_t i = 0; i < sizeof varying / sizeof *varying; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, varying[i][0] == '$' ? "\"%s\"" : "%s", varying[i]);
        copse_expression *expression = expression_of_json(text);
        assert_int_equal(copse_expression_constant(expression).len, 0);
        copse_expression_free(expression);
    }
}

static void test_path(void **state)
{
    (void)state;
    static const char *const paths[][2] = {
        {"\"$a.b\"", "a.b"},  {"\"$$ROOT.a\"", "a"},  {"\"$$CURRENT.a.b\"", "a.b"},
        {"\"$$ROOT\"", ""},   {"\"a\"", ""},          {"[\"$a\"]", ""},
        {"\"$$REMOVE\"", ""}, {"{\"x\":\"$a\"}", ""},
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        copse_expression *expression = expression_of_json(paths[i][0]);
        assert_true(
            copse_bytes_equal(copse_expression_path(expression), copse_bytes_of_text(paths[i][1])));
        copse_expression_free(expression);
    }
}

static void test_truth(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool expected;
    } values[] = {
        {"0", false},     {"-0.0", false},
        {"0.0", false},   {"null", false},
        {"false", false}, {"{\"$numberDecimal\":\"-0.00\"}", false},
        {"1", true},      {"-1", true},
        {"\"\"", true},   {"[]", true},
        {"{}", true},     {"{\"$numberDouble\":\"NaN\"}", true},
        {"true", true},   {"{\"$date\":{\"$numberLong\":\"0\"}}", true},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        copse_buf buf;
        copse_bytes value = expression_json(values[i].json, &buf);
        assert_int_equal(copse_expression_is_true(value, false), values[i].expected);
        assert_false(copse_expression_is_true(value, true));
        copse_buf_release(&buf);
    }
}

/* ---- Variables of the caller (E3) -------------------------------------------------------------
 */

static void test_variables(void **state)
{
    (void)state;
    static const uint8_t empty_map[] = {0xa0};
    copse_bytes document = {empty_map, sizeof empty_map};
    copse_buf text;
    copse_buf now;
    copse_buf wanted;
    copse_bytes value;
    copse_expression_variable variables[] = {{copse_bytes_of_text("NOW"), {NULL, 0}},
                                             {copse_bytes_of_text("x"), {NULL, 0}}};
    copse_expression *expression = expression_of(
        expression_json("[\"$$NOW.a\",\"$$x\",{\"$let\":{\"vars\":{\"x\":3},\"in\":\"$$x\"}}]",
                        &text),
        variables, 2);
    variables[0].value = expression_json("{\"a\":5}", &now);
    assert_int_equal(copse_expression_lend(expression, document, variables, &value, NULL),
                     COPSE_OK);
    assert_true(copse_bytes_equal(value, expression_json("[5,null,3]", &wanted)));
    copse_buf_release(&wanted);
    variables[1].value = variables[0].value;
    assert_int_equal(copse_expression_lend(expression, document, variables, &value, NULL),
                     COPSE_OK);
    assert_true(copse_bytes_equal(value, expression_json("[5,{\"a\":5},3]", &wanted)));
    copse_expression_free(expression);
    copse_buf_release(&wanted);
    copse_buf_release(&now);
    copse_buf_release(&text);
}

/* ---- Bounds (E5) ------------------------------------------------------------------------------
 */

static void test_bounds(void **state)
{
    (void)state;
    copse_err err;
    copse_env small = expression_env;
    small.limits.document_size_bytes_max = 10000;
    small.limits.query_memory_bytes_max = 100000;
    assert_int_equal(expression_status(&small, "{\"$size\":{\"$range\":[0,1000]}}", &err),
                     COPSE_OK);
    assert_int_equal(expression_status(&small, "{\"$range\":[0,10000]}", &err), COPSE_LIMIT);
    assert_int_equal(expression_status(&small,
                                       "{\"$reduce\":{\"input\":{\"$range\":[0,20]},"
                                       "\"initialValue\":\"x\","
                                       "\"in\":{\"$concat\":[\"$$value\",\"$$value\"]}}}",
                                       &err),
                     COPSE_LIMIT);
    assert_int_equal(expression_status(&small,
                                       "{\"$replaceAll\":{\"input\":{\"$reduce\":{\"input\":{"
                                       "\"$range\":[0,10]},\"initialValue\":\"x\",\"in\":{"
                                       "\"$concat\":[\"$$value\",\"$$value\"]}}},\"find\":\"x\","
                                       "\"replacement\":\"0123456789\"}}",
                                       &err),
                     COPSE_LIMIT);
    /* Each of 2,000 elements with 2,000 others. */
    small = expression_env;
    small.limits.expression_steps_max = 100000;
    assert_int_equal(
        expression_status(&small,
                          "{\"$map\":{\"input\":{\"$range\":[0,2000]},\"in\":{\"$map\":{\"input\":{"
                          "\"$range\":[0,2000]},\"in\":{\"$sum\":{\"$range\":[0,2000]}}}}}}",
                          &err),
        COPSE_LIMIT);
    assert_non_null(strstr(err.message, "steps"));
    /* Nesting that only $reduce makes. */
    assert_int_equal(expression_status(&expression_env,
                                       "{\"$reduce\":{\"input\":{\"$range\":[0,1000]},"
                                       "\"initialValue\":[],\"in\":[\"$$value\"]}}",
                                       &err),
                     COPSE_LIMIT);
    small = expression_env;
    small.limits.filter_nodes_max = 3;
    assert_int_equal(expression_status(&small, "[1,2]", &err), COPSE_OK);
    assert_int_equal(expression_status(&small, "[1,\"$a\",3]", &err), COPSE_LIMIT);
    small = expression_env;
    small.limits.regex_steps_max = 1000;
    assert_int_equal(
        expression_status(&small,
                          "{\"$regexMatch\":{\"input\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\","
                          "\"regex\":\"(a+)+(a+)+$\"}}",
                          &err),
        COPSE_LIMIT);
}

/* A result that nests deeper than its parts is bounded too. */
static void test_depth(void **state)
{
    (void)state;
    char text[1024] = "";
    copse_env shallow = expression_env;
    copse_buf buf;
    copse_buf document;
    copse_bytes value;
    copse_expression *expression = NULL;
    copse_err err = {0};
    shallow.limits.cbor_depth_max = 4;
    (void)snprintf(text, sizeof text, "[[\"$a\"]]");
    assert_int_equal(
        copse_expression_new(&shallow, expression_json(text, &buf), NULL, 0, &expression, &err),
        COPSE_OK);
    copse_bytes given = expression_json("{\"a\":[[]]}", &document);
    assert_int_equal(copse_expression_lend(expression, given, NULL, &value, &err), COPSE_OK);
    copse_buf_release(&document);
    given = expression_json("{\"a\":[[[]]]}", &document);
    assert_int_equal(copse_expression_lend(expression, given, NULL, &value, &err), COPSE_LIMIT);
    copse_buf_release(&document);
    copse_buf_release(&buf);
    copse_expression_free(expression);
}

static void test_no_document(void **state)
{
    (void)state;
    static const uint8_t array[] = {0x80};
    copse_expression *expression = expression_of_json("5");
    copse_buf buf;
    bool missing = false;
    copse_buf_init(&buf, &expression_env, 100);
    assert_int_equal(
        copse_expression_evaluate(expression, (copse_bytes){array, 1}, NULL, &buf, &missing, NULL),
        COPSE_CORRUPT);
    assert_int_equal(
        copse_expression_evaluate(expression, (copse_bytes){NULL, 0}, NULL, &buf, &missing, NULL),
        COPSE_CORRUPT);
    copse_buf_release(&buf);
    copse_expression_free(expression);
}

/* ---- Allocations ------------------------------------------------------------------------------
 */

static copse_status expression_sweep_run(const copse_env *env, void *ctx)
{
    copse_err err;
    return expression_status(env, ctx, &err);
}

/* The n-th allocation fails, for each n, on one case of each kind. */
static void test_nomem(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"x\":[\"$$ROOT\",{\"$concat\":[\"a\",{\"$toString\":5.5}]}],\"y\":{\"$add\":[1,2.5]}}",
        "{\"$map\":{\"input\":{\"$range\":[0,20]},\"in\":{\"a\":\"$$this\"}}}",
        "{\"$reduce\":{\"input\":[\"a\",\"b\"],\"initialValue\":\"\",\"in\":{\"$concat\":"
        "[\"$$value\",\"$$this\"]}}}",
        "{\"$regexFindAll\":{\"input\":\"abcabc\",\"regex\":\"(a)(b)\"}}",
        "{\"$sortArray\":{\"input\":[{\"a\":2},{\"a\":1}],\"sortBy\":{\"a\":1}}}",
        "{\"$setUnion\":[[1,2],[3],[\"x\"]]}",
        "{\"$dateToString\":{\"date\":{\"$dateFromString\":{\"dateString\":\"2024-02-29\"}}}}",
        "{\"$arrayToObject\":{\"$objectToArray\":{\"a\":1,\"b\":2}}}",
        "{\"$let\":{\"vars\":{\"x\":{\"$split\":[\"a,b\",\",\"]}},\"in\":{\"$zip\":{\"inputs\":"
        "[\"$$x\",[1]]}}}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "%s", texts[i]);
        assert_true(test_env_sweep(expression_sweep_run, text, 1000) > 3);
    }
}

/* Once the memory is there, fields, comparisons and conditions take none. */
static void test_no_allocation(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "\"$author.name\"",
        "{\"$gte\":[\"$n\",5]}",
        "{\"$cond\":[{\"$and\":[{\"$eq\":[\"$author.name\",\"ann\"]},\"$n\"]},\"$n\",null]}",
        "{\"$add\":[\"$n\",2]}",
        "{\"day\":\"$author\",\"n\":[\"$n\",\"$x\"]}",
    };
    test_env test;
    copse_buf document;
    copse_bytes given = expression_json("{\"author\":{\"name\":\"ann\"},\"n\":7}", &document);
    test_env_init(&test);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        copse_buf buf;
        copse_bytes value;
        copse_expression *expression = NULL;
        assert_int_equal(copse_expression_new(&test.env, expression_json(texts[i], &buf), NULL, 0,
                                              &expression, NULL),
                         COPSE_OK);
        size_t free_of = i < 3 ? 0 : 1; /* in debug builds each piece is an allocation */
        for (int round = 0; round < 3; round++) {
            uint64_t calls = test.calls;
            assert_int_equal(copse_expression_lend(expression, given, NULL, &value, NULL),
                             COPSE_OK);
            if (round > 0 && (free_of == 0 || !COPSE_ARENA_FORWARDS)) {
                assert_int_equal(test.calls, calls);
            }
        }
        copse_expression_free(expression);
        copse_buf_release(&buf);
    }
    copse_buf_release(&document);
    test_env_assert_empty(&test);
}

int main(void)
{
    copse_env_init(&expression_env);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),     cmocka_unit_test(test_constants),
        cmocka_unit_test(test_path),      cmocka_unit_test(test_truth),
        cmocka_unit_test(test_variables), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_no_document),
        cmocka_unit_test(test_nomem),     cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
