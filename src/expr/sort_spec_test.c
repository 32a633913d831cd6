/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/sort_spec.h>

#include "support/test_env.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_env sort_env;

static copse_bytes sort_json(const char *text, copse_buf *buf)
{
    copse_err err = {0};
    copse_buf_init(buf, &sort_env, 1 << 16);
    if (copse_ext_json_to_cbor(&sort_env, copse_bytes_of_text(text), COPSE_EXT_JSON_VALUE, buf,
                               &err) != COPSE_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return copse_buf_view(buf);
}

/* As "a,-b,c[]". */
static void sort_print(const copse_sort_spec *spec, char text[256])
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < spec->count; i++) {
        len += (size_t)snprintf(
            text + len, 256 - len, "%s%s%.*s%s", i != 0 ? "," : "",
            spec->fields[i].descending ? "-" : "", (int)spec->fields[i].path.len,
            (const char *)spec->fields[i].path.ptr, spec->fields[i].array ? "[]" : "");
    }
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *spec;
    } rows[] = {
        {"", ""},
        {"{}", ""},
        {"a", "a"},
        {"a,-b.c", "a,-b.c"},
        {" a , -b ", "a,-b"},
        {"tags[],-t", "tags[],-t"},
        {"{\"b\":1,\"a\":-1}", "b,-a"},
        {" { \"b\" : 1.0 , \"a\" : -1.0e0 } ", "b,-a"},
        {"{\"a\\u0062\":1,\"\\u00e9.x\":-1}", "ab,-é.x"},
        {"{\"z\":1,\"tags[]\":1,\"aa\":1}", "z,tags[],aa"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        copse_err err = {0};
        copse_sort_spec spec;
        if (copse_sort_spec_parse(&sort_env, copse_bytes_of_text(rows[i].text), true, &spec,
                                  &err) != COPSE_OK) {
            fail_msg("%s: %s", rows[i].text, err.message);
        }
        sort_print(&spec, text);
        assert_string_equal(text, rows[i].spec);
        copse_sort_spec_release(&spec);
        assert_int_equal(spec.count, 0);
    }
}

static void test_errors(void **state)
{
    (void)state;
    static const char *const rows[] = {"a,",
                                       ",a",
                                       "a,,b",
                                       "-",
                                       "a,a",
                                       "a,-a",
                                       "$a",
                                       "a..b",
                                       "{\"a\":2}",
                                       "{\"a\":0}",
                                       "{\"a\":\"1\"}",
                                       "{\"a\":1",
                                       "{\"a\":1}x",
                                       "{\"a\" 1}",
                                       "{\"a\":1,}",
                                       "{a:1}",
                                       "{\"a\":1,\"a\":-1}",
                                       "{\"\":1}",
                                       "{\"a",
                                       "{\"\\ud800\":1}",
                                       "{",
                                       "{\"a\":}",
                                       "a:1",
                                       "b,a:-1",
                                       ":1"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_err err = {0};
        copse_sort_spec spec = {.count = 77};
        copse_status status =
            copse_sort_spec_parse(&sort_env, copse_bytes_of_text(rows[i]), false, &spec, &err);
        if (status != COPSE_CORRUPT || err.message[0] == '\0' || spec.count != 77) {
            fail_msg("%s: %s", rows[i], copse_status_name(status));
        }
    }
    /* Without `arrays`, brackets are part of a name. */
    copse_sort_spec spec;
    assert_int_equal(
        copse_sort_spec_parse(&sort_env, copse_bytes_of_text("t[]"), false, &spec, NULL), COPSE_OK);
    assert_false(spec.fields[0].array);
    assert_int_equal(spec.fields[0].path.len, 3);
    copse_sort_spec_release(&spec);
    char many[256] = "";
    for (int i = 0; i <= COPSE_SORT_FIELDS_MAX; i++) {
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), "%sf%d", i != 0 ? "," : "",
                       i);
    }
    assert_int_equal(
        copse_sort_spec_parse(&sort_env, copse_bytes_of_text(many), false, &spec, NULL),
        COPSE_LIMIT);
}

static void test_encoded(void **state)
{
    (void)state;
    copse_sort_spec spec;
    copse_sort_spec again;
    copse_buf buf;
    copse_buf json;
    char text[256];
    copse_buf_init(&buf, &sort_env, 1 << 16);
    assert_int_equal(copse_sort_spec_parse(&sort_env, copse_bytes_of_text("tags,-createdAt"), false,
                                           &spec, NULL),
                     COPSE_OK);
    assert_int_equal(copse_sort_spec_encode(&spec, &buf), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf),
                                  sort_json("[[\"tags\",1],[\"createdAt\",-1]]", &json)));
    assert_int_equal(copse_sort_spec_decode(&sort_env, copse_buf_view(&buf), &again, NULL),
                     COPSE_OK);
    sort_print(&again, text);
    assert_string_equal(text, "tags,-createdAt");
    copse_sort_spec_release(&spec);
    copse_sort_spec_release(&again);
    copse_buf_release(&json);
    copse_buf_release(&buf);
    static const char *const bad[] = {"{}",
                                      "[1]",
                                      "[[\"a\"]]",
                                      "[[\"a\",2]]",
                                      "[[\"a\",1.0]]",
                                      "[[1,1]]",
                                      "[[\"a\",1],[\"a\",1]]",
                                      "[[\"\",1]]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(copse_sort_spec_decode(&sort_env, sort_json(bad[i], &json), &again, NULL),
                         COPSE_CORRUPT);
        copse_buf_release(&json);
    }
}

/* ---- Keys -------------------------------------------------------------------------------------
 */

static void sort_key(const char *text, const char *document, uint64_t id, copse_buf *key)
{
    copse_sort_spec spec;
    copse_buf json;
    copse_buf item;
    copse_buf_init(key, &sort_env, 1 << 16);
    copse_buf_init(&item, &sort_env, 16);
    assert_int_equal(copse_cbor_write_uint(&item, id), COPSE_OK);
    assert_int_equal(
        copse_sort_spec_parse(&sort_env, copse_bytes_of_text(text), false, &spec, NULL), COPSE_OK);
    assert_int_equal(
        copse_sort_spec_key(&spec, sort_json(document, &json), copse_buf_view(&item), key, NULL),
        COPSE_OK);
    copse_sort_spec_release(&spec);
    copse_buf_release(&json);
    copse_buf_release(&item);
}

/* Each list stands in the order of its sort. */
static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *sort;
        const char *documents[8];
    } rows[] = {
        {"a",
         {"{\"a\":{\"$minKey\":1}}", "{\"a\":[]}", "{}", "{\"a\":1}", "{\"a\":[9,2]}", "{\"a\":3}",
          "{\"a\":\"x\"}"}},
        {"-a",
         {"{\"a\":\"x\"}", "{\"a\":[9,2]}", "{\"a\":3}", "{\"a\":[1]}", "{\"a\":null}",
          "{\"a\":[]}"}},
        {"a,-b", {"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":1}", "{\"a\":1}", "{\"a\":2,\"b\":9}"}},
        {"a.b",
         {"{\"a\":[{\"b\":[]}]}", "{\"a\":[{\"b\":1},{}]}", "{\"a\":[{\"b\":1},{\"b\":5}]}",
          "{\"a\":{\"b\":2}}"}},
        {"a", {"{\"a\":[\"z\",1]}", "{\"a\":\"a\"}", "{\"a\":[[1]]}"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf before;
        sort_key(rows[i].sort, rows[i].documents[0], 5, &before);
        for (size_t k = 1; k < 8 && rows[i].documents[k] != NULL; k++) {
            copse_buf key;
            sort_key(rows[i].sort, rows[i].documents[k], 5, &key);
            if (copse_bytes_compare(copse_buf_view(&before), copse_buf_view(&key)) >= 0) {
                fail_msg("%s: %s is not before %s", rows[i].sort, rows[i].documents[k - 1],
                         rows[i].documents[k]);
            }
            copse_buf_release(&before);
            before = key;
        }
        copse_buf_release(&before);
    }
}

/* Null and missing are one; then the primary key decides, in the direction of the last field. */
static void test_ties(void **state)
{
    (void)state;
    static const struct {
        const char *sort;
        bool up;
    } rows[] = {{"a", true}, {"-a", false}, {"-a,b", true}, {"a,-b", false}, {"", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf first;
        copse_buf second;
        copse_buf same;
        sort_key(rows[i].sort, "{\"a\":null}", 1, &first);
        sort_key(rows[i].sort, "{}", 2, &second);
        sort_key(rows[i].sort, "{}", 1, &same);
        assert_int_equal(copse_bytes_compare(copse_buf_view(&first), copse_buf_view(&second)) < 0,
                         rows[i].up);
        assert_true(copse_bytes_equal(copse_buf_view(&first), copse_buf_view(&same)));
        copse_buf_release(&first);
        copse_buf_release(&second);
        copse_buf_release(&same);
    }
}

static copse_status sort_sweep_run(const copse_env *env, void *ctx)
{
    const copse_bytes *document = ctx;
    static const uint8_t id[] = {1};
    copse_sort_spec spec;
    copse_buf key;
    copse_status status =
        copse_sort_spec_parse(env, copse_bytes_of_text("a,-l,n.x"), false, &spec, NULL);
    if (status != COPSE_OK) {
        return status;
    }
    copse_buf_init(&key, env, 1 << 16);
    status = copse_sort_spec_key(&spec, *document, (copse_bytes){id, 1}, &key, NULL);
    assert_true(status == COPSE_OK || key.len == 0);
    copse_buf_release(&key);
    copse_sort_spec_release(&spec);
    return status;
}

static void test_sweep(void **state)
{
    (void)state;
    copse_buf json;
    copse_bytes document = sort_json("{\"a\":[3,\"abcdefgh\"],\"n\":[{\"x\":1.5},{}]}", &json);
    assert_true(test_env_sweep(sort_sweep_run, &document, 100) >= 2);
    copse_buf_release(&json);
}

int main(void)
{
    copse_env_init(&sort_env);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse), cmocka_unit_test(test_errors), cmocka_unit_test(test_encoded),
        cmocka_unit_test(test_keys),  cmocka_unit_test(test_ties),   cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
