/* Filters: the cases of tests/vectors/filter_cases.json, the laws between operators, bounds.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/filter_node.h"

#include "expr/path.h"
#include "support/test_env.h"
#include "support/value_random.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_env filter_env;

static copse_bytes filter_json(const char *text, copse_buf *buf)
{
    copse_err err = {0};
    copse_buf_init(buf, &filter_env, 1 << 20);
    if (copse_ext_json_to_cbor(&filter_env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY, buf,
                               &err) != COPSE_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return copse_buf_view(buf);
}

static copse_filter *filter_of(copse_bytes encoded)
{
    copse_err err = {0};
    copse_filter *filter = NULL;
    if (copse_filter_new(&filter_env, encoded, &filter, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    return filter;
}

static copse_filter *filter_of_json(const char *text)
{
    copse_buf buf;
    copse_filter *filter = filter_of(filter_json(text, &buf));
    copse_buf_release(&buf);
    return filter;
}

static bool filter_matches(copse_filter *filter, copse_bytes document)
{
    copse_err err = {0};
    bool match = false;
    if (copse_filter_match(filter, document, &match, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    return match;
}

static bool filter_matches_json(copse_filter *filter, const char *document)
{
    copse_buf buf;
    bool match = filter_matches(filter, filter_json(document, &buf));
    copse_buf_release(&buf);
    return match;
}

/* ---- The cases --------------------------------------------------------------------------------
 */

static copse_bytes filter_member(copse_bytes map, const char *key)
{
    copse_bytes value = {NULL, 0};
    copse_status status = copse_path_find_key(map, copse_bytes_of_text(key), &value, NULL);
    assert_true(status == COPSE_OK || status == COPSE_NOT_FOUND);
    return value;
}

static void filter_check_error(copse_bytes encoded, copse_bytes expected, const char *line)
{
    char wanted[128] = "";
    copse_value text;
    copse_err err = {0};
    copse_filter *filter = NULL;
    assert_int_equal(copse_value_read(expected, &text, NULL), COPSE_OK);
    (void)snprintf(wanted, sizeof wanted, "%.*s", (int)text.bytes.len,
                   (const char *)text.bytes.ptr);
    copse_status status = copse_filter_new(&filter_env, encoded, &filter, &err);
    if (status != COPSE_CORRUPT || strstr(err.message, wanted) == NULL || err.message[0] == '\0') {
        fail_msg("%s: %s %s", line, copse_status_name(status), err.message);
    }
    assert_null(filter);
}

static void filter_check_case(const char *line)
{
    copse_buf buf;
    copse_bytes row = filter_json(line, &buf);
    copse_bytes encoded = filter_member(row, "filter");
    copse_bytes document = filter_member(row, "document");
    if (document.len == 0) {
        filter_check_error(encoded, filter_member(row, "error"), line);
    } else {
        copse_filter *filter = filter_of(encoded);
        bool expected = filter_member(row, "match").ptr[0] == 0xf5;
        assert_int_equal(copse_document_check(document, &filter_env.limits, NULL), COPSE_OK);
        if (filter_matches(filter, document) != expected) {
            fail_msg("%s", line);
        }
        copse_filter_free(filter);
    }
    copse_buf_release(&buf);
}

static void test_cases(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    unsigned count = 0;
    assert_true(test_read_file("tests/vectors/filter_cases.json", &bytes, &size));
    for (char *line = (char *)bytes; line < (char *)bytes + size; count++) {
        char *end = memchr(line, '\n', size - (size_t)(line - (char *)bytes));
        assert_non_null(end);
        *end = '\0';
        filter_check_case(line);
        line = end + 1;
    }
    print_message("%u cases\n", count);
    assert_true(count >= 900);
    free(bytes);
}

/* ---- Laws -------------------------------------------------------------------------------------
 */

/* Appends {"$nor": [filter]}. */
static copse_bytes filter_negated(copse_bytes filter, copse_buf *buf)
{
    copse_buf_init(buf, &filter_env, 1 << 16);
    assert_int_equal(copse_cbor_write_map(buf, 1), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(buf, copse_bytes_of_text("$nor")), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(buf, 1), COPSE_OK);
    assert_int_equal(copse_buf_append(buf, filter), COPSE_OK);
    return copse_buf_view(buf);
}

/* $nor is the negation; compiling the encoding again gives the same filter. */
static void test_laws(void **state)
{
    (void)state;
    enum { FILTERS = 800, DOCUMENTS = 80 };
    uint64_t seed = 7;
    unsigned some = 0;
    copse_buf text;
    copse_buf document;
    copse_buf_init(&text, &filter_env, 1 << 16);
    copse_buf_init(&document, &filter_env, 1 << 16);
    for (unsigned i = 0; i < FILTERS; i++) {
        copse_buf nor;
        unsigned matches = 0;
        copse_buf_truncate(&text, 0);
        assert_int_equal(value_random_filter(&seed, 2, &text), COPSE_OK);
        copse_filter *filter = filter_of(copse_buf_view(&text));
        copse_filter *again = filter_of(copse_filter_encoded(filter));
        copse_filter *negated = filter_of(filter_negated(copse_buf_view(&text), &nor));
        assert_true(copse_filter_implies(filter, again));
        for (unsigned k = 0; k < DOCUMENTS; k++) {
            copse_buf_truncate(&document, 0);
            assert_int_equal(value_random_document(&seed, 3, NULL, &document), COPSE_OK);
            bool match = filter_matches(filter, copse_buf_view(&document));
            assert_int_equal(filter_matches(again, copse_buf_view(&document)), match);
            assert_int_equal(filter_matches(negated, copse_buf_view(&document)), !match);
            matches += match;
        }
        some += matches != 0 && matches != DOCUMENTS;
        copse_filter_free(filter);
        copse_filter_free(again);
        copse_filter_free(negated);
        copse_buf_release(&nor);
    }
    print_message("%u%% of the filters match some documents and not all\n", some * 100 / FILTERS);
    assert_true(some * 100 / FILTERS >= 30);
    copse_buf_release(&text);
    copse_buf_release(&document);
}

/* Appends the operator with an array of the values. */
static void filter_append_list(copse_buf *buf, const char *path, const char *name,
                               const copse_bytes *values, size_t count)
{
    bool in = strcmp(name, "$in") == 0;
    assert_int_equal(copse_cbor_write_map(buf, 1), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(buf, copse_bytes_of_text(in ? path : name)), COPSE_OK);
    if (in) {
        assert_int_equal(copse_cbor_write_map(buf, 1), COPSE_OK);
        assert_int_equal(copse_cbor_write_text(buf, copse_bytes_of_text(name)), COPSE_OK);
    }
    assert_int_equal(copse_cbor_write_array(buf, count), COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        if (!in) {
            assert_int_equal(copse_cbor_write_map(buf, 1), COPSE_OK);
            assert_int_equal(copse_cbor_write_text(buf, copse_bytes_of_text(path)), COPSE_OK);
        }
        assert_int_equal(copse_buf_append(buf, values[i]), COPSE_OK);
    }
}

/* A long $in, which is searched, is the $or of its values. */
static void test_long_in(void **state)
{
    (void)state;
    enum { LISTS = 300, VALUES = 24, DOCUMENTS = 40 };
    uint64_t seed = 99;
    unsigned some = 0;
    copse_buf buf;
    copse_buf_init(&buf, &filter_env, 1 << 16);
    for (unsigned i = 0; i < LISTS; i++) {
        copse_bytes values[VALUES];
        size_t ends[VALUES + 1] = {0};
        copse_buf items;
        char path[16];
        unsigned matches = 0;
        size_t count = 8 + (size_t)test_random_below(&seed, VALUES - 8);
        (void)value_random_path(&seed, path);
        copse_buf_init(&items, &filter_env, 1 << 16);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(k % 4 == 0 ? value_random_item(&seed, 2, &items)
                                        : value_random_scalar(&seed, &items),
                             COPSE_OK);
            ends[k + 1] = items.len;
        }
        for (size_t k = 0; k < count; k++) {
            values[k] = (copse_bytes){items.ptr + ends[k], ends[k + 1] - ends[k]};
        }
        copse_buf_truncate(&buf, 0);
        filter_append_list(&buf, path, "$in", values, count);
        copse_filter *in = filter_of(copse_buf_view(&buf));
        copse_buf_truncate(&buf, 0);
        filter_append_list(&buf, path, "$or", values, count);
        copse_filter *alternatives = filter_of(copse_buf_view(&buf));
        for (unsigned k = 0; k < DOCUMENTS; k++) {
            copse_buf_truncate(&buf, 0);
            assert_int_equal(value_random_document(&seed, 3, NULL, &buf), COPSE_OK);
            bool match = filter_matches(in, copse_buf_view(&buf));
            assert_int_equal(match, filter_matches(alternatives, copse_buf_view(&buf)));
            matches += match;
        }
        some += matches != 0 && matches != DOCUMENTS;
        copse_filter_free(in);
        copse_filter_free(alternatives);
        copse_buf_release(&items);
    }
    print_message("%u%% of the lists match some documents and not all\n", some * 100 / LISTS);
    assert_true(some * 100 / LISTS >= 30);
    copse_buf_release(&buf);
}

/* ---- Implication ------------------------------------------------------------------------------
 */

static void test_implies(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        const char *condition;
        bool implied;
    } rows[] = {
        {"{\"a\":1}", "{}", true},
        {"{}", "{\"a\":1}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":1}", true},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"{\"a\":1}", "{\"a\":{\"$exists\":true}}", true},
        {"{\"a\":null}", "{\"a\":{\"$exists\":true}}", false},
        {"{\"a\":{\"$gte\":null}}", "{\"a\":{\"$exists\":true}}", false},
        {"{\"a\":{\"$gt\":{\"$minKey\":1}}}", "{\"a\":{\"$exists\":true}}", false},
        {"{\"a\":{\"$gt\":5}}", "{\"a\":{\"$exists\":true}}", true},
        {"{\"a\":{\"$gt\":5}}", "{\"a\":{\"$gt\":3}}", true},
        {"{\"a\":{\"$gt\":5}}", "{\"a\":{\"$gte\":5}}", true},
        {"{\"a\":{\"$gte\":5}}", "{\"a\":{\"$gt\":5}}", false},
        {"{\"a\":{\"$gt\":3}}", "{\"a\":{\"$gt\":5}}", false},
        {"{\"a\":{\"$gt\":5}}", "{\"a\":{\"$lt\":9}}", false},
        {"{\"a\":{\"$lt\":5}}", "{\"a\":{\"$lte\":5}}", true},
        {"{\"a\":{\"$lt\":5}}", "{\"a\":{\"$lt\":\"x\"}}", false},
        {"{\"a\":7}", "{\"a\":{\"$gt\":5}}", true},
        {"{\"a\":7}", "{\"a\":{\"$gt\":7}}", false},
        {"{\"a\":7}", "{\"a\":{\"$type\":\"number\"}}", true},
        {"{\"a\":7}", "{\"a\":{\"$type\":\"int\"}}", false},
        {"{\"a\":\"x\"}", "{\"a\":{\"$type\":\"string\"}}", true},
        {"{\"a\":\"xy\"}", "{\"a\":{\"$regex\":\"^x\"}}", true},
        {"{\"a\":{\"$in\":[6,7]}}", "{\"a\":{\"$gt\":5}}", true},
        {"{\"a\":{\"$in\":[4,7]}}", "{\"a\":{\"$gt\":5}}", false},
        {"{\"a\":{\"$in\":[1,2]}}", "{\"a\":{\"$in\":[2,1.0,3]}}", true},
        {"{\"a\":{\"$in\":[1,4]}}", "{\"a\":{\"$in\":[1,2,3]}}", false},
        {"{\"a\":1}", "{\"$or\":[{\"a\":1},{\"b\":1}]}", true},
        {"{\"$or\":[{\"a\":1},{\"a\":2}]}", "{\"a\":{\"$gt\":0}}", true},
        {"{\"$or\":[{\"a\":1},{\"b\":2}]}", "{\"a\":{\"$gt\":0}}", false},
        {"{\"a\":{\"$elemMatch\":{\"x\":1}}}", "{\"a\":{\"$exists\":true}}", true},
        {"{\"a\":{\"$elemMatch\":{\"x\":1}}}", "{\"a\":{\"$elemMatch\":{\"x\":1}}}", true},
        {"{\"a\":[{\"$maxKey\":1}]}", "{\"a\":{\"$lt\":{\"$maxKey\":1}}}", false},
        {"{\"a\":{\"$in\":[]}}", "{\"b\":1}", true},
        {"{\"a\":null}", "{\"a\":{\"$gte\":null}}", true},
        {"{\"a\":{\"$ne\":1}}", "{\"a\":{\"$ne\":1}}", true},
        {"{\"a\":{\"$ne\":1}}", "{\"a\":{\"$ne\":2}}", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_filter *filter = filter_of_json(rows[i].filter);
        copse_filter *condition = filter_of_json(rows[i].condition);
        if (copse_filter_implies(filter, condition) != rows[i].implied) {
            fail_msg("%s implies %s", rows[i].filter, rows[i].condition);
        }
        copse_filter_free(filter);
        copse_filter_free(condition);
    }
}

/* Whatever is said to be implied is, on random documents. */
static void test_implies_random(void **state)
{
    (void)state;
    enum { PAIRS = 60000, DOCUMENTS = 30 };
    uint64_t seed = 11;
    unsigned implied = 0;
    copse_buf text;
    copse_buf_init(&text, &filter_env, 1 << 16);
    for (unsigned i = 0; i < PAIRS; i++) {
        copse_filter *filters[2];
        for (size_t k = 0; k < 2; k++) {
            copse_buf_truncate(&text, 0);
            assert_int_equal(value_random_test(&seed, &text), COPSE_OK);
            filters[k] = filter_of(copse_buf_view(&text));
        }
        if (copse_filter_implies(filters[0], filters[1])) {
            implied++;
            for (unsigned k = 0; k < DOCUMENTS; k++) {
                copse_buf_truncate(&text, 0);
                assert_int_equal(value_random_document(&seed, 3, NULL, &text), COPSE_OK);
                assert_true(!filter_matches(filters[0], copse_buf_view(&text)) ||
                            filter_matches(filters[1], copse_buf_view(&text)));
            }
        }
        copse_filter_free(filters[0]);
        copse_filter_free(filters[1]);
    }
    print_message("%u of %u pairs are implied\n", implied, (unsigned)PAIRS);
    assert_true(implied > 100);
    copse_buf_release(&text);
}

/* ---- The compiled form ------------------------------------------------------------------------
 */

static void test_normal_form(void **state)
{
    (void)state;
    copse_filter *filter = filter_of_json(
        "{\"$and\":[{\"a\":1},{\"$and\":[{\"b\":{\"$gt\":1,\"$lt\":3}}]}],\"c\":{\"$ne\":1}}");
    const copse_filter_node *root = copse_filter_root(filter);
    assert_int_equal(root->kind, COPSE_FILTER_AND);
    assert_int_equal(root->children_count, 4);
    copse_filter_free(filter);
    filter = filter_of_json("{\"$or\":[{\"a\":1}]}");
    assert_int_equal(copse_filter_root(filter)->kind, COPSE_FILTER_EQ);
    copse_filter_free(filter);
    filter = filter_of((copse_bytes){NULL, 0});
    assert_int_equal(copse_filter_root(filter)->kind, COPSE_FILTER_TRUE);
    assert_int_equal(copse_filter_encoded(filter).len, 1);
    copse_filter_free(filter);
}

static void test_position(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        const char *document;
        int index; /* -1: none */
    } rows[] = {
        {"{\"a\":5}", "{\"a\":[4,5]}", 1},
        {"{\"a\":5}", "{\"a\":5}", -1},
        {"{\"a\":[5]}", "{\"a\":[5]}", -1},
        {"{\"a.b\":5}", "{\"a\":[{\"b\":1},{\"b\":2},{\"b\":[1,5]}]}", 2},
        {"{\"a\":{\"$elemMatch\":{\"b\":1}}}", "{\"a\":[{},{\"b\":[0,0,1]}]}", 1},
        {"{\"a\":{\"$gt\":3}}", "{\"a\":[1,2,3,4]}", 3},
        {"{\"a\":{\"$ne\":3}}", "{\"a\":[1,2]}", -1},
        {"{\"$or\":[{\"b\":1},{\"a\":2}]}", "{\"a\":[1,2]}", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t index = 99;
        copse_filter *filter = filter_of_json(rows[i].filter);
        assert_true(filter_matches_json(filter, rows[i].document));
        copse_status status = copse_filter_position(filter, &index);
        assert_int_equal(status, rows[i].index < 0 ? COPSE_NOT_FOUND : COPSE_OK);
        assert_int_equal(index, rows[i].index < 0 ? 99 : rows[i].index);
        copse_filter_free(filter);
    }
}

/* ---- Bounds -----------------------------------------------------------------------------------
 */

static void test_bad_bytes(void **state)
{
    (void)state;
    copse_filter *filter = NULL;
    bool match = false;
    static const uint8_t bad[][3] = {
        {0x01}, {0x80}, {0xa1, 0x61, 0x61}, {0xa1, 0x01, 0x01}, {0xff}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t len = i < 2 || i == 4 ? 1 : 3;
        assert_int_equal(copse_filter_new(&filter_env, (copse_bytes){bad[i], len}, &filter, NULL),
                         COPSE_CORRUPT);
    }
    filter = filter_of_json("{\"a.b\":1}");
    assert_int_equal(copse_filter_match(filter, (copse_bytes){bad[0], 1}, &match, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(copse_filter_match(filter, (copse_bytes){bad[2], 3}, &match, NULL),
                     COPSE_CORRUPT);
    copse_filter_free(filter);
}

static void test_limits(void **state)
{
    (void)state;
    copse_env env = filter_env;
    copse_filter *filter = NULL;
    copse_buf buf;
    env.limits.filter_nodes_max = 3;
    copse_bytes three = filter_json("{\"$or\":[{\"a\":1},{\"b\":1}]}", &buf);
    assert_int_equal(copse_filter_new(&env, three, &filter, NULL), COPSE_OK);
    copse_filter_free(filter);
    copse_buf_release(&buf);
    copse_bytes four = filter_json("{\"$or\":[{\"a\":1},{\"b\":1},{\"c\":1}]}", &buf);
    assert_int_equal(copse_filter_new(&env, four, &filter, NULL), COPSE_LIMIT);
    copse_buf_release(&buf);
    copse_buf_init(&buf, &filter_env, 1 << 16);
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(copse_cbor_write_map(&buf, 1), COPSE_OK);
        assert_int_equal(copse_cbor_write_text(&buf, copse_bytes_of_text("$nor")), COPSE_OK);
        assert_int_equal(copse_cbor_write_array(&buf, 1), COPSE_OK);
    }
    assert_int_equal(copse_cbor_write_map(&buf, 0), COPSE_OK);
    assert_int_equal(copse_filter_new(&filter_env, copse_buf_view(&buf), &filter, NULL),
                     COPSE_LIMIT);
    copse_buf_release(&buf);
}

/* ---- Memory -----------------------------------------------------------------------------------
 */

typedef struct filter_sweep {
    copse_bytes filter;
    copse_bytes document;
} filter_sweep;

static copse_status filter_sweep_run(const copse_env *env, void *ctx)
{
    const filter_sweep *sweep = ctx;
    copse_filter *filter = NULL;
    bool match = false;
    copse_err err = {0};
    copse_status status = copse_filter_new(env, sweep->filter, &filter, &err);
    if (status == COPSE_OK) {
        status = copse_filter_match(filter, sweep->document, &match, &err);
        assert_true(status != COPSE_OK || match);
    } else {
        assert_null(filter);
    }
    copse_filter_free(filter);
    return status;
}

static void test_sweep(void **state)
{
    (void)state;
    copse_buf filter;
    copse_buf document;
    filter_sweep sweep = {
        .filter =
            filter_json("{\"a\":{\"$in\":[1,{\"$regularExpression\":{\"pattern\":\"^(x|y)+z\","
                        "\"options\":\"i\"}}]},\"$or\":[{\"b\":1},{\"c.d\":{\"$elemMatch\":"
                        "{\"$gt\":1,\"$lt\":9}}},{\"e\":1},{\"f\":1},{\"g\":1}],"
                        "\"h\":{\"$not\":{\"$all\":[1,2]}}}",
                        &filter),
        .document = filter_json("{\"a\":[\"q\",\"XYZ\"],\"c\":{\"d\":[5]}}", &document),
    };
    assert_true(test_env_sweep(filter_sweep_run, &sweep, 1000) > 10);
    copse_buf_release(&filter);
    copse_buf_release(&document);
}

/* Matching without regexes takes no memory. */
static void test_no_memory(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_filter *filter = NULL;
    copse_buf buf;
    copse_buf document;
    bool match = false;
    copse_bytes text =
        filter_json("{\"a.b\":{\"$gt\":1,\"$in\":[2,3]},\"c\":{\"$elemMatch\":{\"d\":1}}}", &buf);
    assert_int_equal(copse_filter_new(&test.env, text, &filter, NULL), COPSE_OK);
    uint64_t calls = test.calls;
    copse_bytes bytes = filter_json("{\"a\":[{\"b\":[1,2]}],\"c\":[{\"d\":1}]}", &document);
    assert_int_equal(copse_filter_match(filter, bytes, &match, NULL), COPSE_OK);
    assert_true(match);
    assert_int_equal(test.calls, calls);
    copse_filter_free(filter);
    test_env_assert_empty(&test);
    copse_buf_release(&buf);
    copse_buf_release(&document);
}

int main(void)
{
    copse_env_init(&filter_env);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),          cmocka_unit_test(test_laws),
        cmocka_unit_test(test_long_in),        cmocka_unit_test(test_implies),
        cmocka_unit_test(test_implies_random), cmocka_unit_test(test_normal_form),
        cmocka_unit_test(test_position),       cmocka_unit_test(test_bad_bytes),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
