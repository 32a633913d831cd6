/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/document_leaves.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_world.h"
#include "support/test_env.h"

enum { LEAVES_TEXT = 400 };

typedef struct leaves_text {
    const copse_env *env;
    char text[LEAVES_TEXT];
    size_t left; /* leaves until it wants no more */
} leaves_text;

static void leaves_print(leaves_text *out, copse_bytes value)
{
    copse_buf json;
    size_t used = strlen(out->text);
    copse_buf_init(&json, out->env, SIZE_MAX);
    if (value.len > 0) {
        assert_int_equal(copse_ext_json_from_cbor(out->env, value, false, &json, NULL), COPSE_OK);
    }
    (void)snprintf(out->text + used, sizeof out->text - used, "%.*s",
                   value.len > 0 ? (int)json.len : 1, value.len > 0 ? (char *)json.ptr : "-");
    copse_buf_release(&json);
}

/* "path=value|other " */
static copse_status leaves_visit(void *ctx, const copse_document_leaf *leaf, copse_err *err)
{
    leaves_text *out = ctx;
    size_t used = strlen(out->text);
    (void)err;
    if (out->left-- == 0) {
        return COPSE_END;
    }
    (void)snprintf(out->text + used, sizeof out->text - used, "%.*s=", (int)leaf->path.len,
                   (const char *)leaf->path.ptr);
    leaves_print(out, leaf->value);
    strcat(out->text, "|");
    leaves_print(out, leaf->other);
    strcat(out->text, " ");
    return COPSE_OK;
}

static void assert_leaves(const char *document, const char *other, const char *expected)
{
    test_env test;
    copse_bytes encoded[2] = {database_world_value(document), database_world_value(other)};
    test_env_init(&test);
    leaves_text out = {.env = &test.env, .left = SIZE_MAX};
    assert_int_equal(
        copse_document_leaves(&test.env, encoded[0], encoded[1], leaves_visit, &out, NULL),
        COPSE_OK);
    assert_string_equal(out.text, expected);
    database_world_free(encoded[0]);
    database_world_free(encoded[1]);
    test_env_assert_empty(&test);
}

static void test_objects_are_gone_into(void **state)
{
    (void)state;
    assert_leaves("{\"_id\":1,\"a\":{\"b\":{\"c\":2},\"d\":[{\"e\":3}]}}",
                  "{\"_id\":1,\"a\":{\"b\":{\"c\":4},\"d\":[]},\"x\":5}",
                  "a.b.c=2|4 a.d=[{\"e\":3}]|[] _id=1|1 ");
    assert_leaves("{\"a\":{},\"b\":{\"\":{\"c\":1}},\"\":{\"d\":2}}", "{\"a\":{\"b\":1}}",
                  ".d=2|- a={}|{\"b\":1} b..c=1|- ");
    assert_leaves("{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":7}", "a.b=1|- a.c=2|- ");
    assert_leaves("{\"a\":{\"b\":1}}", "{\"0\":0,\"a\":{\"a\":1,\"b\":{\"c\":1}}}",
                  "a.b=1|{\"c\":1} ");
}

/* What stands for a value of its own is none to be gone into. */
static void test_typed_values_are_leaves(void **state)
{
    (void)state;
    assert_leaves("{\"a\":{\"$date\":\"2026-01-01T00:00:00Z\"}}", "{\"a\":{\"b\":1}}",
                  "a={\"$date\":\"2026-01-01T00:00:00Z\"}|{\"b\":1} ");
    assert_leaves("{\"a\":{\"b\":1}}", "{\"a\":{\"$date\":\"2026-01-01T00:00:00Z\"}}", "a.b=1|- ");
}

static void test_ends_where_it_is_told(void **state)
{
    (void)state;
    test_env test;
    copse_bytes document = database_world_value("{\"a\":{\"b\":1,\"c\":2},\"d\":3}");
    test_env_init(&test);
    leaves_text out = {.env = &test.env, .left = 1};
    assert_int_equal(copse_document_leaves(&test.env, document, (copse_bytes){NULL, 0},
                                           leaves_visit, &out, NULL),
                     COPSE_END);
    assert_string_equal(out.text, "a.b=1|- ");
    database_world_free(document);
    test_env_assert_empty(&test);
}

static copse_status leaves_count(void *ctx, const copse_document_leaf *leaf, copse_err *err)
{
    size_t *count = ctx;
    (void)leaf;
    (void)err;
    (*count)++;
    return COPSE_OK;
}

static copse_status sweep_run(const copse_env *env, void *ctx)
{
    const copse_bytes *document = ctx;
    size_t count = 0;
    copse_status status =
        copse_document_leaves(env, *document, *document, leaves_count, &count, NULL);
    assert_true(status != COPSE_OK || count == 2);
    return status;
}

static void test_survives_failing_allocations(void **state)
{
    (void)state;
    copse_bytes document =
        database_world_value("{\"a\":{\"bbbbbbbbbbbbbbbbbbbbbbbbbbbb\":1,\"c\":2}}");
    assert_true(test_env_sweep(sweep_run, &document, 100) > 0);
    database_world_free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_gone_into),
        cmocka_unit_test(test_typed_values_are_leaves),
        cmocka_unit_test(test_ends_where_it_is_told),
        cmocka_unit_test(test_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
