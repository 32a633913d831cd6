/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/projection.h>

#include "expr/projection_node.h"
#include "support/test_env.h"
#include "support/value_random.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_env projection_env;

static copse_bytes projection_json(const char *text, copse_buf *buf)
{
    copse_err err = {0};
    copse_buf_init(buf, &projection_env, 1 << 20);
    if (copse_ext_json_to_cbor(&projection_env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY,
                               buf, &err) != COPSE_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return copse_buf_view(buf);
}

#define DOCUMENT                                                                                   \
    "{\"_id\":1,\"a\":{\"b\":1,\"c\":2},\"l\":[{\"x\":1,\"y\":2},7,[{\"x\":3,\"z\":4},8]],\"n\":"  \
    "[1,2,3,4,5],\"s\":\"t\"}"

static const struct {
    const char *projection;
    const char *answer;
} projection_rows[] = {
    {"{}", DOCUMENT},
    {"{\"s\":1}", "{\"_id\":1,\"s\":\"t\"}"},
    {"{\"s\":true,\"_id\":0}", "{\"s\":\"t\"}"},
    {"{\"s\":2.5,\"_id\":false}", "{\"s\":\"t\"}"},
    {"{\"_id\":1}", "{\"_id\":1}"},
    {"{\"q\":1}", "{\"_id\":1}"},
    {"{\"_id\":0,\"q\":1}", "{}"},
    {"{\"a\":0,\"l\":0,\"n\":0}", "{\"_id\":1,\"s\":\"t\"}"},
    {"{\"_id\":0,\"a\":0,\"l\":0,\"n\":0}", "{\"s\":\"t\"}"},
    {"{\"_id\":1,\"a\":0,\"l\":0,\"n\":0}", "{\"_id\":1,\"s\":\"t\"}"},
    {"{\"a.b\":1}", "{\"_id\":1,\"a\":{\"b\":1}}"},
    {"{\"a\":{\"b\":1}}", "{\"_id\":1,\"a\":{\"b\":1}}"},
    {"{\"a.q\":1}", "{\"_id\":1,\"a\":{}}"},
    {"{\"s.q\":1}", "{\"_id\":1}"},
    {"{\"l.x\":1}", "{\"_id\":1,\"l\":[{\"x\":1},[{\"x\":3}]]}"},
    {"{\"_id\":0,\"a\":0,\"n\":0,\"s\":0,\"l.x\":0}", "{\"l\":[{\"y\":2},7,[{\"z\":4},8]]}"},
    {"{\"l.0\":1}", "{\"_id\":1,\"l\":[{},[{}]]}"},
    {"{\"a\":0,\"l\":0,\"s\":0,\"n\":{\"$slice\":2}}", "{\"_id\":1,\"n\":[1,2]}"},
    {"{\"s\":1,\"n\":{\"$slice\":2}}", "{\"_id\":1,\"n\":[1,2],\"s\":\"t\"}"},
    {"{\"q\":1,\"n\":{\"$slice\":-2}}", "{\"_id\":1,\"n\":[4,5]}"},
    {"{\"q\":1,\"n\":{\"$slice\":0}}", "{\"_id\":1,\"n\":[]}"},
    {"{\"q\":1,\"n\":{\"$slice\":9}}", "{\"_id\":1,\"n\":[1,2,3,4,5]}"},
    {"{\"q\":1,\"n\":{\"$slice\":-9}}", "{\"_id\":1,\"n\":[1,2,3,4,5]}"},
    {"{\"q\":1,\"n\":{\"$slice\":[1,2]}}", "{\"_id\":1,\"n\":[2,3]}"},
    {"{\"q\":1,\"n\":{\"$slice\":[-3,2]}}", "{\"_id\":1,\"n\":[3,4]}"},
    {"{\"q\":1,\"n\":{\"$slice\":[-9,2]}}", "{\"_id\":1,\"n\":[1,2]}"},
    {"{\"q\":1,\"n\":{\"$slice\":[9,2]}}", "{\"_id\":1,\"n\":[]}"},
    {"{\"q\":1,\"s\":{\"$slice\":1}}", "{\"_id\":1,\"s\":\"t\"}"},
    {"{\"n\":{\"$elemMatch\":{\"$gt\":2}}}", "{\"_id\":1,\"n\":[3]}"},
    {"{\"n\":{\"$elemMatch\":{\"$gt\":9}}}", "{\"_id\":1}"},
    {"{\"s\":{\"$elemMatch\":{\"$gt\":9}}}", "{\"_id\":1}"},
    {"{\"l\":{\"$elemMatch\":{\"y\":2}}}", "{\"_id\":1,\"l\":[{\"x\":1,\"y\":2}]}"},
    {"{\"n.$\":1}", "{\"_id\":1,\"n\":[4]}"},
};

static void test_cases(void **state)
{
    (void)state;
    copse_buf filter_text;
    copse_buf document_text;
    copse_filter *filter = NULL;
    bool match = false;
    copse_bytes document = projection_json(DOCUMENT, &document_text);
    assert_int_equal(copse_filter_new(&projection_env,
                                      projection_json("{\"n\":{\"$gt\":3}}", &filter_text), &filter,
                                      NULL),
                     COPSE_OK);
    assert_int_equal(copse_filter_match(filter, document, &match, NULL), COPSE_OK);
    for (size_t i = 0; i < sizeof projection_rows / sizeof *projection_rows; i++) {
        copse_buf text;
        copse_buf answer;
        copse_buf expected;
        copse_err err = {0};
        copse_projection *projection = NULL;
        copse_buf_init(&answer, &projection_env, 1 << 16);
        if (copse_projection_new(&projection_env,
                                 projection_json(projection_rows[i].projection, &text), &projection,
                                 &err) != COPSE_OK ||
            copse_projection_apply(projection, document, filter, &answer, &err) != COPSE_OK) {
            fail_msg("%s: %s", projection_rows[i].projection, err.message);
        }
        if (!copse_bytes_equal(copse_buf_view(&answer),
                               projection_json(projection_rows[i].answer, &expected))) {
            fail_msg("%s", projection_rows[i].projection);
        }
        copse_projection_free(projection);
        copse_buf_release(&text);
        copse_buf_release(&answer);
        copse_buf_release(&expected);
    }
    copse_filter_free(filter);
    copse_buf_release(&filter_text);
    copse_buf_release(&document_text);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *projection;
        const char *message;
    } rows[] = {
        {"[]", "is a map"},
        {"{\"a\":1,\"b\":0}", "not both"},
        {"{\"a\":1,\"a.b\":1}", "collides"},
        {"{\"a.b\":1,\"a\":{\"b\":1}}", "collides"},
        {"{\"a\":\"$b\"}", "computed"},
        {"{\"a\":{\"$add\":[1,2]}}", "computed"},
        {"{\"a\":{\"$slcie\":1}}", "did you mean $slice"},
        {"{\"a\":{}}", "empty object"},
        {"{\"a\":null}", "computed"},
        {"{\"a\":{\"$slice\":\"x\"}}", "$slice takes"},
        {"{\"a\":{\"$slice\":[1,0]}}", "$slice takes"},
        {"{\"a\":{\"$slice\":[1]}}", "$slice takes"},
        {"{\"a.b\":{\"$elemMatch\":{\"x\":1}}}", "$elemMatch is for"},
        {"{\"a\":{\"$elemMatch\":{\"$foo\":1}}}", "unknown operator"},
        {"{\"a.$\":1,\"b.$\":1}", "one path"},
        {"{\"a.$\":0}", "one path"},
        {"{\"a..b\":1}", "empty part"},
        {"{\"$a\":1}", "begins with $"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf text;
        copse_err err = {0};
        copse_projection *projection = NULL;
        copse_status status = copse_projection_new(
            &projection_env, projection_json(rows[i].projection, &text), &projection, &err);
        if (status != COPSE_CORRUPT || strstr(err.message, rows[i].message) == NULL) {
            fail_msg("%s: %s %s", rows[i].projection, copse_status_name(status), err.message);
        }
        copse_buf_release(&text);
    }
}

/* A positional projection without an array in the match is the caller's mistake. */
static void test_position_misuse(void **state)
{
    (void)state;
    copse_buf text;
    copse_buf document_text;
    copse_buf answer;
    copse_projection *projection = NULL;
    copse_bytes document = projection_json("{\"n\":[1,2]}", &document_text);
    copse_buf_init(&answer, &projection_env, 1 << 16);
    assert_int_equal(copse_buf_append_byte(&answer, 7), COPSE_OK);
    assert_int_equal(copse_projection_new(&projection_env, projection_json("{\"n.$\":1}", &text),
                                          &projection, NULL),
                     COPSE_OK);
    assert_int_equal(copse_projection_apply(projection, document, NULL, &answer, NULL),
                     COPSE_MISUSE);
    assert_int_equal(answer.len, 1);
    copse_projection_free(projection);
    copse_buf_release(&text);
    copse_buf_release(&document_text);
    copse_buf_release(&answer);
}

/* What is left out may not make another type, or none, of the rest. */
static void test_leaves_objects(void **state)
{
    static const struct {
        const char *document;
        const char *projection;
        copse_status status;
    } rows[] = {
        {"{\"_id\":1,\"o\":{\"a\":1,\"$x\":1}}", "{\"o.a\":0}", COPSE_MISUSE},
        {"{\"_id\":1,\"o\":{\"a\":1,\"$x\":1}}", "{\"o.b\":0}", COPSE_OK},
        {"{\"_id\":1,\"l\":[{\"a\":1,\"$x\":1}]}", "{\"l.a\":0}", COPSE_MISUSE},
        {"{\"_id\":1,\"$abc\":1}", "{\"_id\":0}", COPSE_MISUSE},
        {"{\"_id\":1,\"$abc\":1}", "{\"b\":0}", COPSE_OK},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf text;
        copse_buf document_text;
        copse_buf answer;
        copse_projection *projection = NULL;
        copse_bytes document = projection_json(rows[i].document, &document_text);
        copse_buf_init(&answer, &projection_env, 1 << 16);
        assert_int_equal(copse_projection_new(&projection_env,
                                              projection_json(rows[i].projection, &text),
                                              &projection, NULL),
                         COPSE_OK);
        assert_int_equal(copse_projection_apply(projection, document, NULL, &answer, NULL),
                         rows[i].status);
        assert_int_equal(answer.len, rows[i].status == COPSE_OK ? document.len : 0);
        copse_projection_free(projection);
        copse_buf_release(&text);
        copse_buf_release(&document_text);
        copse_buf_release(&answer);
    }
}

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *projection;
        int count; /* -1: no plain inclusion */
    } rows[] = {
        {"{\"a\":1}", 2},
        {"{\"a\":1,\"_id\":0}", 1},
        {"{\"a.b\":1,\"a.c\":1}", 3},
        {"{\"a\":{\"b\":1}}", 2},
        {"{\"a\":0}", -1},
        {"{}", -1},
        {"{\"a\":{\"$slice\":1},\"b\":1}", -1},
        {"{\"a.$\":1}", -1},
        {"{\"_id\":1}", 1},
        {"{\"_id\":0}", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf text;
        copse_projection *projection = NULL;
        const copse_bytes *paths = NULL;
        size_t count = 0;
        assert_int_equal(copse_projection_new(&projection_env,
                                              projection_json(rows[i].projection, &text),
                                              &projection, NULL),
                         COPSE_OK);
        bool plain = copse_projection_paths(projection, &paths, &count);
        assert_int_equal(plain ? (int)count : -1, rows[i].count);
        copse_projection_free(projection);
        copse_buf_release(&text);
    }
}

/* What is included and what is excluded by the same paths make the document again: on documents
 * whose values at the paths are not below arrays, each field is in one of the two. */
static void test_halves(void **state)
{
    (void)state;
    enum { RUNS = 2000 };
    uint64_t seed = 3;
    copse_buf texts[2];
    copse_projection *halves[2];
    static const char *const projections[2] = {"{\"_id\":0,\"a\":1,\"c\":1}", "{\"a\":0,\"c\":0}"};
    copse_buf document;
    copse_buf answer;
    copse_buf_init(&document, &projection_env, 1 << 16);
    copse_buf_init(&answer, &projection_env, 1 << 16);
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(copse_projection_new(&projection_env,
                                              projection_json(projections[k], &texts[k]),
                                              &halves[k], NULL),
                         COPSE_OK);
    }
    for (unsigned i = 0; i < RUNS; i++) {
        copse_buf_truncate(&document, 0);
        copse_buf_truncate(&answer, 0);
        assert_int_equal(value_random_document(&seed, 3, NULL, &document), COPSE_OK);
        uint64_t pairs = 0;
        copse_cbor_reader reader;
        copse_cbor_item head;
        for (size_t k = 0; k < 2; k++) {
            size_t at = answer.len;
            assert_int_equal(
                copse_projection_apply(halves[k], copse_buf_view(&document), NULL, &answer, NULL),
                COPSE_OK);
            copse_bytes half = {answer.ptr + at, answer.len - at};
            assert_int_equal(copse_document_check(half, &projection_env.limits, NULL), COPSE_OK);
            copse_cbor_reader_init(&reader, half);
            assert_int_equal(copse_cbor_next(&reader, &head, NULL), COPSE_OK);
            pairs += head.arg;
        }
        copse_cbor_reader_init(&reader, copse_buf_view(&document));
        assert_int_equal(copse_cbor_next(&reader, &head, NULL), COPSE_OK);
        assert_int_equal(pairs, head.arg);
        assert_int_equal(answer.len, document.len + 1); /* one head more */
    }
    for (size_t k = 0; k < 2; k++) {
        copse_projection_free(halves[k]);
        copse_buf_release(&texts[k]);
    }
    copse_buf_release(&document);
    copse_buf_release(&answer);
}

static copse_status projection_sweep_run(const copse_env *env, void *ctx)
{
    const copse_bytes *inputs = ctx;
    copse_projection *projection = NULL;
    copse_buf answer;
    copse_err err = {0};
    copse_buf_init(&answer, env, 1 << 16);
    copse_status status = copse_projection_new(env, inputs[0], &projection, &err);
    if (status == COPSE_OK) {
        status = copse_projection_apply(projection, inputs[1], NULL, &answer, &err);
        assert_true(status == COPSE_OK || answer.len == 0);
    }
    copse_projection_free(projection);
    copse_buf_release(&answer);
    return status;
}

static void test_sweep(void **state)
{
    (void)state;
    copse_buf texts[2];
    copse_bytes inputs[2] = {
        projection_json("{\"a\":{\"b\":1},\"l.x\":1,\"n\":{\"$elemMatch\":{\"$gt\":2}},\"s\":{"
                        "\"$slice\":1},\"p\":1,\"q\":1}",
                        &texts[0]),
        projection_json(DOCUMENT, &texts[1]),
    };
    /* An arena takes fewer in a release build. */
    assert_true(test_env_sweep(projection_sweep_run, inputs, 1000) > 2);
    copse_buf_release(&texts[0]);
    copse_buf_release(&texts[1]);
}

int main(void)
{
    copse_env_init(&projection_env);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),           cmocka_unit_test(test_errors),
        cmocka_unit_test(test_position_misuse), cmocka_unit_test(test_leaves_objects),
        cmocka_unit_test(test_paths),           cmocka_unit_test(test_halves),
        cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
