/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/dag_json.h>

#include <copse/car.h>

#include "support/cbor_random.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { JSON_TEST_SIZE_MAX = 1 << 22 };

/* ---- Helpers ---- */

static copse_status to_cbor(const copse_env *env, copse_bytes text, copse_buf *cbor, copse_err *err)
{
    copse_buf_init(cbor, env, JSON_TEST_SIZE_MAX);
    return copse_dag_json_to_cbor(env, text, cbor, err);
}

static copse_status from_cbor(const copse_env *env, copse_bytes cbor, copse_buf *text,
                              copse_err *err)
{
    copse_buf_init(text, env, JSON_TEST_SIZE_MAX);
    return copse_dag_json_from_cbor(env, cbor, COPSE_CBOR_STRICT, text, err);
}

/* Checks that `text` is read as strict DAG-CBOR whose canonical text is `canonical`, which is read
 * as the same. */
static void assert_canonical(copse_bytes text, copse_bytes canonical)
{
    test_env test;
    copse_buf cbor;
    copse_buf back;
    copse_buf again;
    copse_err err = {0};
    test_env_init(&test);
    if (to_cbor(&test.env, text, &cbor, &err) != COPSE_OK) {
        fail_msg("%.*s: %s", (int)text.len, (const char *)text.ptr, err.message);
    }
    if (from_cbor(&test.env, copse_buf_view(&cbor), &back, &err) != COPSE_OK) {
        fail_msg("%.*s, back: %s", (int)text.len, (const char *)text.ptr, err.message);
    }
    if (!copse_bytes_equal(copse_buf_view(&back), canonical)) {
        fail_msg("%.*s became %.*s", (int)text.len, (const char *)text.ptr, (int)back.len,
                 (const char *)back.ptr);
    }
    assert_int_equal(to_cbor(&test.env, copse_buf_view(&back), &again, &err), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&cbor), copse_buf_view(&again)));
    copse_buf_release(&cbor);
    copse_buf_release(&back);
    copse_buf_release(&again);
    test_env_assert_empty(&test);
}

static void assert_refused(copse_bytes text, copse_status expected, const char *message)
{
    test_env test;
    copse_buf cbor;
    copse_err err = {0};
    test_env_init(&test);
    copse_buf_init(&cbor, &test.env, JSON_TEST_SIZE_MAX);
    assert_int_equal(copse_buf_append_byte(&cbor, 0xf6), COPSE_OK);
    copse_status status = copse_dag_json_to_cbor(&test.env, text, &cbor, &err);
    if (status != expected || strstr(err.message, message) == NULL) {
        fail_msg("%.*s: %s, %s", (int)text.len, (const char *)text.ptr, copse_status_name(status),
                 err.message);
    }
    assert_int_equal(cbor.len, 1);
    copse_buf_release(&cbor);
    test_env_assert_empty(&test);
}

/* ---- Tables ---- */

typedef struct accepted_row {
    const char *text;
    const char *canonical;
} accepted_row;

static const accepted_row accepted_rows[] = {
    {"null", "null"},
    {" [ true , false ] ", "[true,false]"},
    {"{}", "{}"},
    {"[]", "[]"},
    {"[[],{},[[]]]", "[[],{},[[]]]"},
    /* bytewise, not by length; DAG-CBOR has them by length */
    {"{\"bb\":1,\"a\":2,\"aaa\":3}", "{\"a\":2,\"aaa\":3,\"bb\":1}"},
    {"{\"b\":{\"z\":1,\"yy\":2,\"\":3},\"aa\":[{\"c\":1,\"bb\":2}]}",
     "{\"aa\":[{\"bb\":2,\"c\":1}],\"b\":{\"\":3,\"yy\":2,\"z\":1}}"},
    /* numbers */
    {"0", "0"},
    {"-0", "0"},
    {"-0.0", "-0.0"},
    {"0e0", "0.0"},
    {"18446744073709551615", "18446744073709551615"},
    {"-18446744073709551616", "-18446744073709551616"},
    {"-18446744073709551615", "-18446744073709551615"},
    {"9223372036854775808", "9223372036854775808"},
    {"1.0", "1.0"},
    {"1E2", "100.0"},
    {"1e+2", "100.0"},
    {"100000000000000000000.0", "100000000000000000000.0"},
    {"1e20", "100000000000000000000.0"},
    {"1e21", "1e+21"},
    {"123456789012345678901234567890.0", "1.2345678901234568e+29"},
    {"0.000001", "0.000001"},
    {"0.0000001", "1e-7"},
    {"1.5e-7", "1.5e-7"},
    {"0.1", "0.1"},
    {"0.30000000000000004", "0.30000000000000004"},
    {"5e-324", "5e-324"},
    {"4.94065645841246544e-324", "5e-324"},
    {"2.2250738585072014e-308", "2.2250738585072014e-308"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"1e-400", "0.0"},
    {"0.00000000000000000000000000000000000000000000000000001e53", "1.0"},
    /* half way between two floats, and just above: digits far out decide */
    {"9007199254740993.0", "9007199254740992.0"},
    {"9007199254740993.00000000000000000000000000000000000000000000000000001",
     "9007199254740994.0"},
    /* texts */
    {"\"\\u00e9\\ud83d\\ude00\\u0000\\/\\b\\f\\n\\r\\t\\\"\\\\\\u001F\\u007f\"",
     "\"\xc3\xa9\xf0\x9f\x98\x80\\u0000/\\b\\f\\n\\r\\t\\\"\\\\\\u001f\x7f\""},
    {"\"\\\\ud800\"", "\"\\\\ud800\""},
    /* links and bytes */
    {"{\"/\":\"bafkqaaa\"}", "{\"/\":\"bafkqaaa\"}"},
    {" { \"/\" : { \"bytes\" : \"\" } } ", "{\"/\":{\"bytes\":\"\"}}"},
    {"{\"/\":{\"bytes\":\"AQI\"}}", "{\"/\":{\"bytes\":\"AQI\"}}"},
    {"[{\"/\":\"QmNX6Tffavsya4xgBi2VJQnSuqy9GsxongxZZ9uZBqp16d\"}]",
     "[{\"/\":\"QmNX6Tffavsya4xgBi2VJQnSuqy9GsxongxZZ9uZBqp16d\"}]"},
    /* (J3) */
    {"{\"/\":1}", "{\"/\":1}"},
    {"{\"/\":null,\"a\":\"x\"}", "{\"/\":null,\"a\":\"x\"}"},
    {"{\"/\":{\"/\":\"bafkqaaa\"}}", "{\"/\":{\"/\":\"bafkqaaa\"}}"},
    {"{\"/\":{\"/\":{\"bytes\":\"AQI\"}},\"b\":1}", "{\"/\":{\"/\":{\"bytes\":\"AQI\"}},\"b\":1}"},
    {"{\"/\":{\"bytes\":1}}", "{\"/\":{\"bytes\":1}}"},
    {"{\"/\":{\"bytes\":{\"/\":\"bafkqaaa\"}}}", "{\"/\":{\"bytes\":{\"/\":\"bafkqaaa\"}}}"},
    {"{\"/\":{\"a\":1,\"bytes\":\"AQI\"}}", "{\"/\":{\"a\":1,\"bytes\":\"AQI\"}}"},
    {"{\"/\":[\"x\"]}", "{\"/\":[\"x\"]}"},
    {"{\"!\":1,\"/\":\"x\"}", "{\"!\":1,\"/\":\"x\"}"},
    {"{\"\":1,\"/\":{\"bytes\":\"x\"}}", "{\"\":1,\"/\":{\"bytes\":\"x\"}}"},
    {"{\"bytes\":\"x\"}", "{\"bytes\":\"x\"}"},
    {"{\"a\":{\"bytes\":\"x\"}}", "{\"a\":{\"bytes\":\"x\"}}"},
};

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted_rows / sizeof *accepted_rows; i++) {
        assert_canonical(copse_bytes_of_text(accepted_rows[i].text),
                         copse_bytes_of_text(accepted_rows[i].canonical));
    }
}

typedef struct refused_row {
    copse_status status;
    const char *message;
    const char *text;
} refused_row;

static const refused_row refused_rows[] = {
    {COPSE_CORRUPT, "line 1", ""},
    {COPSE_CORRUPT, "line 1", " "},
    {COPSE_CORRUPT, "line 1", "nul"},
    {COPSE_CORRUPT, "line 2, column 3", "[1,\n2 3]"},
    {COPSE_CORRUPT, "line 1", "1 2"},
    {COPSE_CORRUPT, "line 1", "{} {}"},
    {COPSE_CORRUPT, "line 1", "[1,]"},
    {COPSE_CORRUPT, "line 1", "{\"a\":1,}"},
    {COPSE_CORRUPT, "line 1", "{a:1}"},
    {COPSE_CORRUPT, "line 1", "{1:1}"},
    {COPSE_CORRUPT, "line 1", "'a'"},
    {COPSE_CORRUPT, "line 1", "/* */ 1"},
    {COPSE_CORRUPT, "line 1", "[1"},
    {COPSE_CORRUPT, "line 1", "\"abc"},
    {COPSE_CORRUPT, "line 1", "\"a\nb\""},
    {COPSE_CORRUPT, "line 1", "\"\\x\""},
    {COPSE_CORRUPT, "line 1", "\"\\u12\""},
    {COPSE_CORRUPT, "line 1", "\xef\xbb\xbf{}"},
    {COPSE_CORRUPT, "line 1", "NaN"},
    {COPSE_CORRUPT, "line 1", "-Infinity"},
    {COPSE_CORRUPT, "line 1", "01"},
    {COPSE_CORRUPT, "line 1", "[01]"},
    {COPSE_CORRUPT, "line 1", "[-01.5]"},
    {COPSE_CORRUPT, "line 1", "+1"},
    {COPSE_CORRUPT, "line 1", "-"},
    {COPSE_CORRUPT, "line 1", ".5"},
    {COPSE_CORRUPT, "line 1", "1."},
    {COPSE_CORRUPT, "line 1", "1e"},
    {COPSE_CORRUPT, "line 1", "1e+"},
    {COPSE_CORRUPT, "line 1", "0x10"},
    /* UTF-8 */
    {COPSE_CORRUPT, "line 1, column 3: not UTF-8", "[\"\xc0\x80\"]"},
    {COPSE_CORRUPT, "not UTF-8", "\"\xed\xa0\x80\""},
    {COPSE_CORRUPT, "not UTF-8", "\"\xf4\x90\x80\x80\""},
    {COPSE_CORRUPT, "not UTF-8", "\"\xff\""},
    {COPSE_CORRUPT, "not UTF-8", "\"\xe2\x82\""},
    {COPSE_CORRUPT, "surrogate", "\"\\ud800\""},
    {COPSE_CORRUPT, "surrogate", "\"\\udc00\""},
    {COPSE_CORRUPT, "surrogate", "\"\\ud800x\""},
    {COPSE_CORRUPT, "surrogate", "\"\\ud800\\u0041\""},
    {COPSE_CORRUPT, "surrogate", "\"\\ude00\\ud83d\""},
    {COPSE_CORRUPT, "surrogate", "\"\\\\\\uD800\""},
    /* keys */
    {COPSE_CORRUPT, "same key twice", "{\"a\":1,\"a\":1}"},
    {COPSE_CORRUPT, "line 1, column 24: the map", "{\"b\":1,\"a\":1,\"\\u0062\":1}"},
    {COPSE_CORRUPT, "same key twice", "[{\"x\":{\"aa\":1,\"b\":1,\"aa\":2}}]"},
    /* numbers */
    {COPSE_LIMIT, "18446744073709551616 is out of range", "[18446744073709551616]"},
    {COPSE_LIMIT, "-18446744073709551617 is out of range", "-18446744073709551617"},
    {COPSE_LIMIT, "1000000000000000000000000000000000000000... is out",
     "10000000000000000000000000000000000000000000"},
    {COPSE_LIMIT, "1e400 is out of range", "{\"a\":1e400}"},
    {COPSE_LIMIT, "out of range", "-1.8e308"},
    {COPSE_LIMIT, "out of range", "1e99999999999999999999999"},
    /* (J1) */
    {COPSE_CORRUPT, "link", "{\"/\":\"\"}"},
    {COPSE_CORRUPT, "link", "{\"/\":\"nonsense\"}"},
    {COPSE_CORRUPT, "other keys", "{\"/\":\"bafkqaaa\",\"a\":1}"},
    {COPSE_CORRUPT, "other keys", "{\"a\":1,\"/\":\"bafkqaaa\"}"},
    {COPSE_CORRUPT, "other keys", "{\"/\":\"bafkqaaa\",\"!\":1}"},
    {COPSE_CORRUPT, "same key twice", "{\"/\":\"bafkqaaa\",\"/\":\"bafkqaaa\"}"},
    /* (J2) */
    {COPSE_CORRUPT, "base64", "{\"/\":{\"bytes\":\"AQI=\"}}"},
    {COPSE_CORRUPT, "base64", "{\"/\":{\"bytes\":\"A\"}}"},
    {COPSE_CORRUPT, "base64", "{\"/\":{\"bytes\":\"A*\"}}"},
    {COPSE_CORRUPT, "base64", "{\"/\":{\"bytes\":\"AQJ\"}}"},
    {COPSE_CORRUPT, "other keys", "{\"/\":{\"bytes\":\"AQI\",\"a\":1}}"},
    {COPSE_CORRUPT, "other keys", "{\"/\":{\"c\":1,\"bytes\":\"AQI\"}}"},
    {COPSE_CORRUPT, "other keys", "{\"/\":{\"bytes\":\"AQI\",\"a\":1},\"z\":1}"},
    {COPSE_CORRUPT, "other keys", "{\"/\":{\"bytes\":\"AQI\"},\"a\":1}"},
    {COPSE_CORRUPT, "other keys", "{\"a\":1,\"/\":{\"bytes\":\"AQI\"}}"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_rows / sizeof *refused_rows; i++) {
        assert_refused(copse_bytes_of_text(refused_rows[i].text), refused_rows[i].status,
                       refused_rows[i].message);
    }
    assert_refused((copse_bytes){(const uint8_t *)"[\0]", 3}, COPSE_CORRUPT, "line 1");
}

/* DAG-CBOR that has no DAG-JSON. */
static void test_unrepresentable(void **state)
{
    static const uint8_t slash_text[] = {0xa1, 0x61, '/', 0x61, 'x'};
    static const uint8_t slash_more[] = {0xa2, 0x61, '/', 0x61, 'x', 0x61, 'a', 0x01};
    static const uint8_t bytes_text[] = {0x81, 0xa1, 0x61, '/', 0xa1, 0x65, 'b',
                                         'y',  't',  'e',  's', 0x61, 'x'};
    static const uint8_t bytes_more[] = {0xa1, 0x61, '/', 0xa2, 0x61, 'c', 0x01,
                                         0x65, 'b',  'y', 't',  'e',  's', 0x60};
    static const copse_bytes rows[] = {{slash_text, sizeof slash_text},
                                       {slash_more, sizeof slash_more},
                                       {bytes_text, sizeof bytes_text},
                                       {bytes_more, sizeof bytes_more}};
    static const uint8_t not_utf8[] = {0x61, 0xff};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        test_env test;
        copse_buf text;
        copse_err err = {0};
        test_env_init(&test);
        assert_int_equal(from_cbor(&test.env, rows[i], &text, &err), COPSE_LIMIT);
        assert_non_null(strstr(err.message, "reserves"));
        assert_int_equal(text.len, 0);
        copse_buf_release(&text);
        copse_buf_init(&text, &test.env, 100);
        assert_int_equal(copse_dag_json_from_cbor(&test.env,
                                                  (copse_bytes){not_utf8, sizeof not_utf8},
                                                  COPSE_CBOR_LAX, &text, &err),
                         COPSE_CORRUPT);
        copse_buf_release(&text);
        test_env_assert_empty(&test);
    }
}

/* Blocks of others: keys in any order, short floats, undefined. */
static void test_lax(void **state)
{
    static const uint8_t cbor[] = {0xa3, 0x62, 'b', 'b',  0xf7, 0x61, 'a',  0xf9, 0x3c,
                                   0x00, 0x61, 'c', 0x81, 0xfa, 0x3f, 0x80, 0x00, 0x00};
    test_env test;
    copse_buf text;
    (void)state;
    test_env_init(&test);
    copse_buf_init(&text, &test.env, 100);
    assert_int_equal(copse_dag_json_from_cbor(&test.env, (copse_bytes){cbor, sizeof cbor},
                                              COPSE_CBOR_LAX, &text, NULL),
                     COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&text),
                                  copse_bytes_of_text("{\"a\":1.0,\"bb\":null,\"c\":[1.0]}")));
    copse_buf_release(&text);
    test_env_assert_empty(&test);
}

/* ---- Foreign fixtures ---- */

typedef struct fixture_set {
    copse_cid cids[512];
    copse_bytes data[512];
    size_t count;
} fixture_set;

/* Sorts the blocks of codec-fixtures.car by codec. */
static void load_fixtures(const test_env *test, copse_bytes file, fixture_set *cbor,
                          fixture_set *json)
{
    copse_car_reader *reader = NULL;
    copse_car_item item;
    copse_cid_parts parts;
    copse_err err = {0};
    assert_int_equal(copse_car_reader_new(&test->env, NULL, &reader, &err), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, file, &err), COPSE_OK);
    copse_car_reader_feed_end(reader);
    copse_status status;
    while ((status = copse_car_reader_next(reader, &item, &err)) == COPSE_OK) {
        if (item.kind != COPSE_CAR_SECTION) {
            continue;
        }
        copse_cid_split(&item.cid, &parts);
        fixture_set *set = parts.codec == COPSE_CODEC_DAG_CBOR   ? cbor
                           : parts.codec == COPSE_CODEC_DAG_JSON ? json
                                                                 : NULL;
        if (set != NULL) {
            assert_in_range(set->count, 0, 511);
            set->cids[set->count] = item.cid;
            set->data[set->count++] = item.data;
        }
    }
    assert_int_equal(status, COPSE_END);
    (void)copse_car_reader_free(reader);
}

static bool fixture_set_has(const fixture_set *set, uint64_t codec, copse_bytes data)
{
    copse_cid cid;
    copse_cid_of_data(codec, data, &cid);
    for (size_t i = 0; i < set->count; i++) {
        if (copse_cid_equal(&set->cids[i], &cid)) {
            return true;
        }
    }
    return false;
}

/* Each dag-json block is the text of a dag-cbor block, and the other way round: which belongs to
 * which follows from the content. */
static void test_codec_fixtures(void **state)
{
    static fixture_set cbor;
    static fixture_set json;
    test_env test;
    copse_bytes file = {0};
    uint8_t *bytes = NULL;
    copse_buf buf;
    copse_err err = {0};
    (void)state;
    if (!test_read_file(test_vector_path("dag-cbor/codec-fixtures.car"), &bytes, &file.len)) {
        print_message("no foreign vectors here\n");
        skip();
    }
    file.ptr = bytes;
    test_env_init(&test);
    load_fixtures(&test, file, &cbor, &json);
    for (size_t i = 0; i < json.count; i++) {
        assert_int_equal(to_cbor(&test.env, json.data[i], &buf, &err), COPSE_OK);
        if (!fixture_set_has(&cbor, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf))) {
            fail_msg("no dag-cbor block for %.*s", (int)json.data[i].len,
                     (const char *)json.data[i].ptr);
        }
        copse_buf_release(&buf);
    }
    for (size_t i = 0; i < cbor.count; i++) {
        assert_int_equal(from_cbor(&test.env, cbor.data[i], &buf, &err), COPSE_OK);
        if (!fixture_set_has(&json, COPSE_CODEC_DAG_JSON, copse_buf_view(&buf))) {
            fail_msg("no dag-json block %.*s", (int)buf.len, (const char *)buf.ptr);
        }
        copse_buf_release(&buf);
    }
    print_message("%zu dag-json and %zu dag-cbor blocks agree\n", json.count, cbor.count);
    assert_in_range(json.count, 100, 512);
    test_env_assert_empty(&test);
    free(bytes);
}

/* ---- Properties ---- */

/* Random values survive the way to text and back, and every truncation of the text fails. */
static void test_random_values(void **state)
{
    uint64_t random = 2;
    size_t unrepresentable = 0;
    (void)state;
    for (size_t i = 0; i < 5000; i++) {
        test_env test;
        copse_buf cbor;
        copse_buf text;
        copse_buf back;
        copse_err err = {0};
        test_env_init(&test);
        copse_buf_init(&cbor, &test.env, JSON_TEST_SIZE_MAX);
        assert_int_equal(cbor_random_item(&random, 5, &cbor), COPSE_OK);
        copse_status status = from_cbor(&test.env, copse_buf_view(&cbor), &text, &err);
        if (status == COPSE_LIMIT) {
            unrepresentable++;
        } else if (status != COPSE_OK) {
            fail_msg("run %zu: %s", i, err.message);
        } else {
            assert_int_equal(to_cbor(&test.env, copse_buf_view(&text), &back, &err), COPSE_OK);
            assert_true(copse_bytes_equal(copse_buf_view(&cbor), copse_buf_view(&back)));
            copse_buf_release(&back);
        }
        copse_buf_release(&cbor);
        copse_buf_release(&text);
        test_env_assert_empty(&test);
    }
    print_message("%zu of 5000 have no DAG-JSON\n", unrepresentable);
    assert_in_range(unrepresentable, 0, 250);
}

/* Random floats, from all exponents, survive exactly. */
static void test_random_floats(void **state)
{
    uint64_t random = 3;
    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        test_env test;
        copse_buf cbor;
        copse_buf text;
        copse_buf back;
        uint64_t bits = test_random(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if ((bits >> 52 & 0x7ff) == 0x7ff) {
            continue;
        }
        test_env_init(&test);
        copse_buf_init(&cbor, &test.env, 16);
        assert_int_equal(copse_cbor_write_float(&cbor, value), COPSE_OK);
        assert_int_equal(from_cbor(&test.env, copse_buf_view(&cbor), &text, NULL), COPSE_OK);
        assert_int_equal(to_cbor(&test.env, copse_buf_view(&text), &back, NULL), COPSE_OK);
        assert_memory_equal(cbor.ptr, back.ptr, 9);
        copse_buf_release(&cbor);
        copse_buf_release(&text);
        copse_buf_release(&back);
    }
}

static void test_truncations(void **state)
{
    static const char text[] =
        "{\"/\":[1.5e3,-12,\"a\\u00e9\\ud83d\\ude00\",null,true],\"b\":{\"/\":{\"bytes\":\"AQI\"}},"
        "\"cc\":{\"/\":\"bafkqaaa\"}}";
    (void)state;
    assert_canonical((copse_bytes){(const uint8_t *)text, sizeof text - 1},
                     copse_bytes_of_text("{\"/\":[1500.0,-12,\"a\xc3\xa9\xf0\x9f\x98\x80\",null,"
                                         "true],\"b\":{\"/\":{\"bytes\":\"AQI\"}},"
                                         "\"cc\":{\"/\":\"bafkqaaa\"}}"));
    for (size_t len = 0; len + 1 < sizeof text; len++) {
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, text, len);
        assert_refused((copse_bytes){copy, len}, COPSE_CORRUPT, "line 1");
        free(copy);
    }
}

/* ---- Limits and memory ---- */

static copse_bytes repeated(char *text, const char *part, size_t count)
{
    size_t size = strlen(part);
    for (size_t i = 0; i < count * size; i++) {
        text[i] = part[i % size];
    }
    return (copse_bytes){(const uint8_t *)text, size * count};
}

static void test_depth(void **state)
{
    char text[4096];
    char whole[4096];
    (void)state;
    for (size_t depth = 127; depth <= 129; depth++) {
        copse_bytes open = repeated(text, "[", depth);
        size_t size = (size_t)snprintf(whole, sizeof whole, "%.*s", (int)open.len, text);
        copse_bytes close = repeated(text, "]", depth);
        size += (size_t)snprintf(whole + size, sizeof whole - size, "%.*s", (int)close.len, text);
        copse_bytes nested = {(const uint8_t *)whole, size};
        if (depth <= 128) {
            assert_canonical(nested, nested);
        } else {
            assert_refused(nested, COPSE_LIMIT, "nested too deep");
        }
    }
    assert_refused(repeated(text, "{\"a\":", 800), COPSE_LIMIT, "nested too deep");
    /* Bytes and links nest as text only. */
    for (size_t depth = 127; depth <= 129; depth++) {
        copse_bytes open = repeated(text, "[", depth);
        size_t size = (size_t)snprintf(whole, sizeof whole, "%.*s", (int)open.len, text);
        copse_bytes close = repeated(text, "]", depth);
        size += (size_t)snprintf(whole + size, sizeof whole - size,
                                 "{\"/\":{\"bytes\":\"AA\"}}%.*s", (int)close.len, text);
        copse_bytes nested = {(const uint8_t *)whole, size};
        if (depth <= 128) {
            assert_canonical(nested, nested);
        } else {
            assert_refused(nested, COPSE_LIMIT, "nested too deep");
        }
    }
}

static void test_limits(void **state)
{
    test_env test;
    copse_buf buf;
    copse_err err = {0};
    (void)state;
    test_env_init(&test);
    test.env.limits.json_size_bytes_max = 4;
    assert_int_equal(to_cbor(&test.env, copse_bytes_of_text("[1,2]"), &buf, &err), COPSE_LIMIT);
    test.env.limits.json_size_bytes_max = 5;
    copse_buf_init(&buf, &test.env, 2);
    assert_int_equal(copse_dag_json_to_cbor(&test.env, copse_bytes_of_text("[1,2]"), &buf, &err),
                     COPSE_LIMIT);
    assert_int_equal(buf.len, 0);
    copse_buf_release(&buf);
    static const uint8_t cbor[] = {0x82, 0x01, 0x02};
    for (size_t max = 0; max <= 5; max++) {
        copse_buf_init(&buf, &test.env, max);
        copse_status status = copse_dag_json_from_cbor(&test.env, (copse_bytes){cbor, sizeof cbor},
                                                       COPSE_CBOR_STRICT, &buf, &err);
        assert_int_equal(status, max < 5 ? COPSE_LIMIT : COPSE_OK);
        assert_int_equal(buf.len, max < 5 ? 0 : 5);
        copse_buf_release(&buf);
    }
    test_env_assert_empty(&test);
}

/* Memory stays within what the header promises. */
static void test_memory(void **state)
{
    static char text[100002];
    test_env test;
    copse_buf cbor;
    (void)state;
    memset(text, 'a', sizeof text);
    text[0] = '"';
    text[sizeof text - 1] = '"';
    for (int escaped = 0; escaped <= 1; escaped++) {
        if (escaped) {
            text[1] = '\\';
            text[2] = 'n';
        }
        test_env_init(&test);
        copse_buf_init(&cbor, &test.env, sizeof text + 16);
        assert_int_equal(copse_buf_reserve(&cbor, sizeof text + 16), COPSE_OK);
        size_t before = test.size_bytes;
        assert_int_equal(copse_dag_json_to_cbor(
                             &test.env, (copse_bytes){(uint8_t *)text, sizeof text}, &cbor, NULL),
                         COPSE_OK);
        assert_int_equal(test.peak_bytes, before);
        copse_buf_release(&cbor);
        test_env_assert_empty(&test);
    }
}

static copse_status sweep_round_trip(const copse_env *env, void *ctx)
{
    copse_bytes *text = ctx;
    copse_buf cbor;
    copse_buf back = {0};
    copse_status status = to_cbor(env, *text, &cbor, NULL);
    if (status == COPSE_OK) {
        status = from_cbor(env, copse_buf_view(&cbor), &back, NULL);
    } else {
        assert_int_equal(cbor.len, 0);
    }
    assert_true(status == COPSE_OK || back.len == 0);
    copse_buf_release(&cbor);
    copse_buf_release(&back);
    return status;
}

static void test_fault_sweep(void **state)
{
    static char text[20000];
    size_t size = 0;
    (void)state;
    size += (size_t)snprintf(text + size, sizeof text - size, "%s",
                             "{\"/\":{\"/\":{\"bytes\":\"AQIDBA\"}},\"bb\":1,\"a\":[{\"/\":"
                             "\"bafkqaaa\"}],\"long\":\"\\n");
    memset(text + size, 'x', 9000);
    size += 9000;
    size += (size_t)snprintf(text + size, sizeof text - size, "\",\"deep\":");
    size += repeated(text + size, "[", 100).len;
    size += repeated(text + size, "]", 100).len;
    text[size++] = '}';
    copse_bytes bytes = {(const uint8_t *)text, size};
    uint64_t calls = test_env_sweep(sweep_round_trip, &bytes, 1000);
    print_message("%llu allocations\n", (unsigned long long)calls);
    assert_in_range(calls, 10, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_unrepresentable), cmocka_unit_test(test_lax),
        cmocka_unit_test(test_codec_fixtures),  cmocka_unit_test(test_random_values),
        cmocka_unit_test(test_random_floats),   cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_depth),           cmocka_unit_test(test_limits),
        cmocka_unit_test(test_memory),          cmocka_unit_test(test_fault_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
