/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/ext_json.h>

#include "support/cbor_random.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EXT_TEST_SIZE_MAX = 1 << 22, EXT_TEST_RUNS = 3000 };

/* ---- Helpers ---- */

static copse_bytes ext_text(const char *text)
{
    return copse_bytes_of_text(text);
}

/* Reads `text` into a new buf, which begins with a byte that must stay. */
static copse_status ext_read(const copse_env *env, copse_bytes text, copse_ext_json_mode mode,
                             copse_buf *ret_cbor, copse_err *err)
{
    copse_buf_init(ret_cbor, env, EXT_TEST_SIZE_MAX);
    return copse_ext_json_to_cbor(env, text, mode, ret_cbor, err);
}

/* Checks that `cbor` is written as `expected` (NULL: as anything), and that this reads back. */
static void assert_written(const test_env *test, copse_bytes cbor, bool canonical,
                           const char *expected, copse_ext_json_mode mode)
{
    copse_buf text;
    copse_buf back;
    copse_err err = {0};
    copse_buf_init(&text, &test->env, EXT_TEST_SIZE_MAX);
    copse_status status = copse_ext_json_from_cbor(&test->env, cbor, canonical, &text, &err);
    if (status != COPSE_OK) {
        fail_msg("writing: %s", err.message);
    }
    if (expected != NULL && !copse_bytes_equal(copse_buf_view(&text), ext_text(expected))) {
        fail_msg("%.*s instead of %s", (int)text.len, (const char *)text.ptr, expected);
    }
    if (ext_read(&test->env, copse_buf_view(&text), mode, &back, &err) != COPSE_OK) {
        fail_msg("%.*s, back: %s", (int)text.len, (const char *)text.ptr, err.message);
    }
    if (!copse_bytes_equal(copse_buf_view(&back), cbor)) {
        fail_msg("%.*s reads back as something else", (int)text.len, (const char *)text.ptr);
    }
    copse_buf_release(&text);
    copse_buf_release(&back);
}

/* ---- Tables ---- */

typedef struct accepted_row {
    const char *text;
    const char *relaxed;
    const char *canonical;
} accepted_row;

static const accepted_row value_rows[] = {
    {"null", "null", "null"},
    {" [ true , false, \"\" ] ", "[true,false,\"\"]", "[true,false,\"\"]"},
    /* numbers */
    {"[0,-0,7,-7]", "[0,0,7,-7]",
     "[{\"$numberInt\":\"0\"},{\"$numberInt\":\"0\"},{\"$numberInt\":\"7\"},"
     "{\"$numberInt\":\"-7\"}]"},
    {"[2147483647,-2147483648,2147483648,-2147483649]",
     "[2147483647,-2147483648,2147483648,-2147483649]",
     "[{\"$numberInt\":\"2147483647\"},{\"$numberInt\":\"-2147483648\"},"
     "{\"$numberLong\":\"2147483648\"},{\"$numberLong\":\"-2147483649\"}]"},
    {"[9223372036854775807,-9223372036854775808]", "[9223372036854775807,-9223372036854775808]",
     "[{\"$numberLong\":\"9223372036854775807\"},{\"$numberLong\":\"-9223372036854775808\"}]"},
    {"[9223372036854775808,-9223372036854775809,18446744073709551615,-18446744073709551616]",
     "[9223372036854775808,-9223372036854775809,18446744073709551615,-18446744073709551616]",
     "[9223372036854775808,-9223372036854775809,18446744073709551615,-18446744073709551616]"},
    {"18446744073709551616", "18446744073709552000.0",
     "{\"$numberDouble\":\"18446744073709552000.0\"}"},
    {"-18446744073709551617", "-18446744073709552000.0",
     "{\"$numberDouble\":\"-18446744073709552000.0\"}"},
    {"100000000000000000000000000000000", "1e+32", "{\"$numberDouble\":\"1e+32\"}"},
    {"[1.0,1e0,-0.0,0.1]", "[1.0,1.0,-0.0,0.1]",
     "[{\"$numberDouble\":\"1.0\"},{\"$numberDouble\":\"1.0\"},{\"$numberDouble\":\"-0.0\"},"
     "{\"$numberDouble\":\"0.1\"}]"},
    {"[{\"$numberInt\":\"1\"},{\"$numberLong\":\"-5\"},{\"$numberDouble\":\"1\"}]", "[1,-5,1.0]",
     NULL},
    {"[{\"$numberDouble\":\"-0\"},{\"$numberDouble\":\"1E5\"}]", "[-0.0,100000.0]", NULL},
    {"[{\"$numberDouble\":\"NaN\"},{\"$numberDouble\":\"Infinity\"},{\"$numberDouble\":"
     "\"-Infinity\"}]",
     "[{\"$numberDouble\":\"NaN\"},{\"$numberDouble\":\"Infinity\"},{\"$numberDouble\":"
     "\"-Infinity\"}]",
     "[{\"$numberDouble\":\"NaN\"},{\"$numberDouble\":\"Infinity\"},{\"$numberDouble\":"
     "\"-Infinity\"}]"},
    {"{\"$numberDecimal\":\"1.50\"}", "{\"$numberDecimal\":\"1.50\"}",
     "{\"$numberDecimal\":\"1.50\"}"},
    /* _id first, then DAG-CBOR's order */
    {"{\"bb\":1,\"_id\":{\"$oid\":\"57E193D7A9CC81B4027498B5\"},\"c\":{\"x\":1,\"_id\":2}}",
     "{\"_id\":{\"$oid\":\"57e193d7a9cc81b4027498b5\"},\"c\":{\"_id\":2,\"x\":1},\"bb\":1}", NULL},
    {"{\"_id\":{\"_id\":1,\"a\":2}}", "{\"_id\":{\"_id\":1,\"a\":2}}", NULL},
    {"{\"a\":{},\"_id\":[]}", "{\"_id\":[],\"a\":{}}", NULL},
    /* dates */
    {"{\"$date\":\"2012-12-24T12:15:30.501Z\"}", "{\"$date\":\"2012-12-24T12:15:30.501Z\"}",
     "{\"$date\":{\"$numberLong\":\"1356351330501\"}}"},
    {"{\"$date\":\"2012-12-24T12:15:30Z\"}", "{\"$date\":\"2012-12-24T12:15:30Z\"}",
     "{\"$date\":{\"$numberLong\":\"1356351330000\"}}"},
    {"{\"$date\":0}", "{\"$date\":\"1970-01-01T00:00:00Z\"}",
     "{\"$date\":{\"$numberLong\":\"0\"}}"},
    {"{\"$date\":{\"$numberLong\":\"-284643869501\"}}",
     "{\"$date\":{\"$numberLong\":\"-284643869501\"}}",
     "{\"$date\":{\"$numberLong\":\"-284643869501\"}}"},
    {"{\"$date\":\"9999-12-31T23:59:59.9999Z\"}", "{\"$date\":\"9999-12-31T23:59:59.999Z\"}",
     "{\"$date\":{\"$numberLong\":\"253402300799999\"}}"},
    {"{\"$date\":253402300800000}", "{\"$date\":{\"$numberLong\":\"253402300800000\"}}", NULL},
    /* binary */
    {"{\"$binary\":{\"base64\":\"//8=\",\"subType\":\"00\"}}",
     "{\"$binary\":{\"base64\":\"//8=\",\"subType\":\"00\"}}", NULL},
    {"{\"$binary\":{\"subType\":\"0\",\"base64\":\"\"}}",
     "{\"$binary\":{\"base64\":\"\",\"subType\":\"00\"}}", NULL},
    {"{\"$binary\":{\"base64\":\"AQIDBA==\",\"subType\":\"8a\"}}",
     "{\"$binary\":{\"base64\":\"AQIDBA==\",\"subType\":\"8a\"}}", NULL},
    {"{\"$binary\":\"AQID\",\"$type\":\"05\"}",
     "{\"$binary\":{\"base64\":\"AQID\",\"subType\":\"05\"}}", NULL},
    {"{\"$type\":\"5\",\"$binary\":\"AQID\"}",
     "{\"$binary\":{\"base64\":\"AQID\",\"subType\":\"05\"}}", NULL},
    {"{\"$uuid\":\"73ffd264-44b3-4C69-90e8-e7d1dfc035d4\"}",
     "{\"$binary\":{\"base64\":\"c//SZESzTGmQ6OfR38A11A==\",\"subType\":\"04\"}}", NULL},
    {"{\"/\":{\"bytes\":\"AQI\"}}", "{\"$binary\":{\"base64\":\"AQI=\",\"subType\":\"00\"}}", NULL},
    {"{\"/\":\"bafkqaaa\"}", "{\"/\":\"bafkqaaa\"}", "{\"/\":\"bafkqaaa\"}"},
    /* the others */
    {"{\"$regularExpression\":{\"pattern\":\"a/\\\"b\",\"options\":\"xi\"}}",
     "{\"$regularExpression\":{\"pattern\":\"a/\\\"b\",\"options\":\"ix\"}}", NULL},
    {"{\"$timestamp\":{\"i\":4294967295,\"t\":42}}", "{\"$timestamp\":{\"t\":42,\"i\":4294967295}}",
     "{\"$timestamp\":{\"t\":42,\"i\":4294967295}}"},
    {"[{\"$minKey\":1},{\"$maxKey\":1}]", "[{\"$minKey\":1},{\"$maxKey\":1}]",
     "[{\"$minKey\":1},{\"$maxKey\":1}]"},
    {"[{\"$undefined\":true},{\"$symbol\":\"s\"}]", "[null,\"s\"]", "[null,\"s\"]"},
    {"{\"$id\":{\"$oid\":\"57e193d7a9cc81b4027498b5\"},\"$ref\":\"c\"}",
     "{\"$id\":{\"$oid\":\"57e193d7a9cc81b4027498b5\"},\"$ref\":\"c\"}", NULL},
    {"{\"$ref\":\"c\",\"$id\":1,\"$db\":\"d\"}", "{\"$db\":\"d\",\"$id\":1,\"$ref\":\"c\"}", NULL},
    /* a key with "$" that doesn't lead (W1, W2), and one with "/" */
    {"{\"a\":1,\"$oid\":2}", "{\"a\":1,\"$oid\":2}", NULL},
    {"{\"_id\":1,\"$set\":2}", "{\"_id\":1,\"$set\":2}", NULL},
    {"{\"/\":1,\"\":2}", "{\"\":2,\"/\":1}", NULL},
};

static const accepted_row query_rows[] = {
    {"{\"a\":{\"$gt\":5,\"$lt\":{\"$date\":0}}}",
     "{\"a\":{\"$gt\":5,\"$lt\":{\"$date\":\"1970-01-01T00:00:00Z\"}}}", NULL},
    {"{\"$or\":[{\"a\":{\"$regex\":\"x\",\"$options\":\"i\"}},{\"b\":{\"$type\":\"string\"}}]}",
     "{\"$or\":[{\"a\":{\"$regex\":\"x\",\"$options\":\"i\"}},{\"b\":{\"$type\":\"string\"}}]}",
     NULL},
    {"{\"$eq\":{\"$oid\":\"57e193d7a9cc81b4027498b5\"}}",
     "{\"$eq\":{\"$oid\":\"57e193d7a9cc81b4027498b5\"}}", NULL},
    {"{\"$in\":[{\"$minKey\":1},{\"$binary\":\"AQID\",\"$type\":\"00\"}]}",
     "{\"$in\":[{\"$minKey\":1},{\"$binary\":{\"base64\":\"AQID\",\"subType\":\"00\"}}]}", NULL},
};

static void assert_accepted(const accepted_row *row, copse_ext_json_mode mode)
{
    test_env test;
    copse_buf cbor;
    copse_err err = {0};
    test_env_init(&test);
    if (ext_read(&test.env, ext_text(row->text), mode, &cbor, &err) != COPSE_OK) {
        fail_msg("%s: %s", row->text, err.message);
    }
    if (mode == COPSE_EXT_JSON_VALUE) {
        assert_int_equal(copse_value_check(copse_buf_view(&cbor), &test.env.limits, &err),
                         COPSE_OK);
    }
    assert_written(&test, copse_buf_view(&cbor), false, row->relaxed, mode);
    assert_written(&test, copse_buf_view(&cbor), true, row->canonical, mode);
    copse_buf_release(&cbor);
    test_env_assert_empty(&test);
}

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof value_rows / sizeof *value_rows; i++) {
        assert_accepted(&value_rows[i], COPSE_EXT_JSON_VALUE);
        assert_accepted(&value_rows[i], COPSE_EXT_JSON_QUERY);
    }
    for (size_t i = 0; i < sizeof query_rows / sizeof *query_rows; i++) {
        assert_accepted(&query_rows[i], COPSE_EXT_JSON_QUERY);
    }
}

typedef struct refused_row {
    const char *text;
    const char *message; /* a part of it */
} refused_row;

/* Refused in both modes (W1). */
static const refused_row refused_rows[] = {
    {"{\"$oid\":\"57e193d7a9cc81b4027498b\"}", "line 1, column 34: the map that ends here: $oid"},
    {"{\"$oid\":\"57e193d7a9cc81b4027498bg\"}", "24 hexadecimal"},
    {"{\"$oid\":5}", "24 hexadecimal"},
    {"[1,\n {\"$oid\":\"57e193d7a9cc81b4027498b5\",\"a\":1}]", "line 2, column 42"},
    {"{\"a\":1,\n\"bb\":{\"$oid\":\"57e193d7a9cc81b4027498b5\",\"zzzzz\":1}}", "other keys"},
    {"{\"$numberInt\":1}", "$numberInt needs a text"},
    {"{\"$numberInt\":\"2147483648\"}", "32 bits"},
    {"{\"$numberInt\":\"1.0\"}", "32 bits"},
    {"{\"$numberInt\":\"01\"}", "32 bits"},
    {"{\"$numberInt\":\" 1\"}", "32 bits"},
    {"{\"$numberLong\":\"9223372036854775808\"}", "64 bits"},
    {"{\"$numberLong\":\"-9223372036854775809\"}", "64 bits"},
    {"{\"$numberDouble\":\"nan\"}", "NaN"},
    {"{\"$numberDouble\":\"\"}", "NaN"},
    {"{\"$numberDouble\":1.0}", "NaN"},
    {"{\"$numberDecimal\":\"x\"}", "34 digits"},
    {"{\"$numberDecimal\":1}", "34 digits"},
    {"{\"$date\":\"2012-12-24\"}", "existing date"},
    {"{\"$date\":1.5}", "existing date"},
    {"{\"$date\":9223372036854775808}", "existing date"},
    {"{\"$date\":null}", "existing date"},
    {"{\"$binary\":\"AQID\"}", "base64"},
    {"{\"$binary\":{\"base64\":\"AQI\",\"subType\":\"00\"}}", "base64"},
    {"{\"$binary\":{\"base64\":\"AQI=\"}}", "base64"},
    {"{\"$binary\":{\"base64\":\"A===\",\"subType\":\"00\"}}", "base64"},
    {"{\"$binary\":{\"base64\":\"AR==\",\"subType\":\"00\"}}", "base64"},
    {"{\"$binary\":{\"base64\":\"AQI=\",\"subType\":\"000\"}}", "base64"},
    {"{\"$binary\":{\"base64\":\"AQI=\",\"subType\":\"\"}}", "base64"},
    {"{\"$binary\":{\"base64\":\"AQI=\",\"subType\":\"xy\"}}", "base64"},
    {"{\"$binary\":{\"base64\":\"AQI=\",\"subType\":\"00\",\"z\":1}}", "base64"},
    {"{\"$binary\":\"AQI=\",\"$type\":0}", "$binary with $type"},
    {"{\"$uuid\":\"73ffd26444b34c6990e8e7d1dfc035d4\"}", "$uuid"},
    {"{\"$uuid\":\"73ffd264-44b3-4c69-90e8-e7d1dfc035dx\"}", "$uuid"},
    {"{\"$uuid\":\"73ffd264-44b3-4c69-90e8+e7d1dfc035d4\"}", "$uuid"},
    {"{\"$regularExpression\":{\"pattern\":\"a\"}}", "pattern"},
    {"{\"$regularExpression\":{\"pattern\":\"a\",\"options\":\"ii\"}}", "pattern"},
    {"{\"$regularExpression\":{\"pattern\":\"a\",\"options\":\"q\"}}", "pattern"},
    {"{\"$regularExpression\":{\"pattern\":\"\\u0000\",\"options\":\"\"}}", "pattern"},
    {"{\"$timestamp\":{\"t\":1}}", "seconds"},
    {"{\"$timestamp\":{\"t\":-1,\"i\":1}}", "seconds"},
    {"{\"$timestamp\":{\"t\":4294967296,\"i\":1}}", "seconds"},
    {"{\"$timestamp\":{\"t\":1.0,\"i\":1}}", "seconds"},
    {"{\"$minKey\":2}", "$minKey needs 1"},
    {"{\"$maxKey\":true}", "$maxKey needs 1"},
    {"{\"$undefined\":false}", "$undefined needs true"},
    {"{\"$symbol\":1}", "$symbol needs a text"},
    {"{\"$code\":\"f()\"}", "JavaScript"},
    {"{\"$code\":\"f()\",\"$scope\":{}}", "JavaScript"},
    {"{\"$dbPointer\":{\"$ref\":\"c\",\"$id\":1}}", "$ref"},
    {"{\"/\":\"bafkqaaa\",\"a\":1}", "other keys"},
    {"{\"/\":\"x\"}", "the link"},
    {"{\"/\":{\"bytes\":\"AQI=\"}}", "base64"},
    {"{\"a\":1,\"a\":2}", "same key twice"},
    {"{\"$date\":1,\"$date\":1}", "same key twice"},
    {"[1,2", "the text ends where ',' or ']' was expected"},
    {"{\"a\" 1}", "line 1, column 6: '1' where ':'"},
    {"", "line 1, column 1"},
};

/* Refused as values, kept in queries (W2, W3). */
static const refused_row value_only_rows[] = {
    {"{\"$set\":1}", "begins with \"$set\", which is no type"},
    {"{\"$set\":1,\"a\":1}", "$set"},
    {"{\"$a\":1,\"_id\":1}", "$a"},
    {"{\"$ref\":\"c\",\"$id\":1,\"x\":1}", "$ref"},
    {"{\"$regex\":\"a\",\"$options\":\"\"}", "$regularExpression"},
    {"{\"$options\":\"\",\"$regex\":\"a\"}", "$regularExpression"},
    {"{\"$regex\":\"a\"}", "$regularExpression"},
    {"{\"$type\":\"a\"}", "$type"},
    {"{\"$\":\"a\"}", "\"$\""},
};

static void assert_refused(const refused_row *row, copse_ext_json_mode mode)
{
    test_env test;
    copse_buf cbor;
    copse_err err = {0};
    test_env_init(&test);
    copse_status status = ext_read(&test.env, ext_text(row->text), mode, &cbor, &err);
    if (status != COPSE_CORRUPT || strstr(err.message, row->message) == NULL ||
        strncmp(err.message, "line ", 5) != 0) {
        fail_msg("%s: %s, %s", row->text, copse_status_name(status), err.message);
    }
    assert_int_equal(cbor.len, 0);
    copse_buf_release(&cbor);
    test_env_assert_empty(&test);
}

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused_rows / sizeof *refused_rows; i++) {
        assert_refused(&refused_rows[i], COPSE_EXT_JSON_VALUE);
        assert_refused(&refused_rows[i], COPSE_EXT_JSON_QUERY);
    }
    for (size_t i = 0; i < sizeof value_only_rows / sizeof *value_only_rows; i++) {
        const accepted_row kept = {.text = value_only_rows[i].text};
        assert_refused(&value_only_rows[i], COPSE_EXT_JSON_VALUE);
        assert_accepted(&kept, COPSE_EXT_JSON_QUERY);
    }
}

/* Long keys take another way through the reader: sizes of DAG-CBOR heads and of ranks are passed.
 */
static void test_long_dollar_keys(void **state)
{
    (void)state;
    for (int size = 240; size <= 300; size++) {
        char text[400];
        const accepted_row kept = {.text = text};
        const refused_row refused = {text, "is no type"};
        (void)snprintf(text, sizeof text, "{\"a\":{\"$%0*d\":1}}", size, 0);
        assert_refused(&refused, COPSE_EXT_JSON_VALUE);
        assert_accepted(&kept, COPSE_EXT_JSON_QUERY);
    }
}

/* ---- Round trips of random values (X1) ---- */

static copse_bytes random_bytes(uint64_t *random, uint8_t bytes[40])
{
    size_t size = (size_t)test_random_below(random, 41);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)test_random(random);
    }
    return (copse_bytes){bytes, size};
}

static double random_double(uint64_t *random)
{
    uint64_t bits = test_random(random);
    if (test_random_below(random, 4) == 0) {
        bits &= UINT64_C(0xfff) << 52; /* powers of two, zeros, infinities */
    }
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* One of the forms. */
static copse_status random_form(uint64_t *random, copse_buf *buf)
{
    static const char *const options[] = {"", "i", "ix", "ilmsux"};
    static const char *const decimals[] = {"0", "-1", "1.50", "Infinity", "1E+6144"};
    uint8_t bytes[40];
    uint64_t any = test_random(random);
    switch (test_random_below(random, 10)) {
    case 0:
        return copse_value_write_date(buf, (int64_t)(any >> test_random_below(random, 63)));
    case 1:
        return copse_value_write_date(buf, -1 - (int64_t)(any >> 1));
    case 2:
    case 3:
        return copse_value_write_float(buf, random_double(random));
    case 4:
        (void)random_bytes(random, bytes);
        memcpy(bytes, &any, sizeof any);
        memset(bytes + 8, (int)(any & 0xff), 4);
        return copse_value_write_object_id(buf, bytes);
    case 5:
        return copse_value_write_binary(buf, random_bytes(random, bytes), (uint8_t)any);
    case 6:
        return copse_value_write_timestamp(buf, (uint32_t)any, (uint32_t)(any >> 32));
    case 7:
        return copse_value_write_regex(buf, ext_text("^\"a\\.é"), ext_text(options[any % 4]));
    case 8:
        return copse_value_write_decimal(buf, ext_text(decimals[any % 5]));
    default:
        return any % 2 == 0 ? copse_value_write_min_key(buf) : copse_value_write_max_key(buf);
    }
}

static copse_status random_value(uint64_t *random, unsigned depth_max, copse_buf *buf)
{
    static const char *const keys[] = {"_id", "a", "b", "aa", "_i", "zz", "$b", "/", "abcd", ""};
    uint64_t choice = test_random_below(random, 10);
    if (choice < 3) {
        return random_form(random, buf);
    }
    if (choice < 5 || depth_max == 0) {
        return cbor_random_item(random, depth_max == 0 ? 0 : 2, buf);
    }
    size_t offset = buf->len;
    uint64_t count = test_random_below(random, 6);
    size_t start = (size_t)test_random_below(random, 10);
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        if (choice < 8) {
            status = copse_cbor_write_text(buf, ext_text(keys[(start + 3 * i) % 10]));
        }
        if (status == COPSE_OK) {
            status = random_value(random, depth_max - 1, buf);
        }
    }
    if (status != COPSE_OK) {
        return status;
    }
    return choice < 8 ? copse_cbor_finish_map(buf, offset, count)
                      : copse_cbor_finish_array(buf, offset, count);
}

static bool has_reserved_text(const test_env *test, copse_bytes cbor)
{
    copse_buf text;
    copse_err err = {0};
    copse_buf_init(&text, &test->env, EXT_TEST_SIZE_MAX);
    bool reserved = copse_ext_json_from_cbor(&test->env, cbor, false, &text, &err) == COPSE_LIMIT &&
                    strstr(err.message, "reserves") != NULL;
    copse_buf_release(&text);
    return reserved;
}

static void test_random_values(void **state)
{
    uint64_t random = 4;
    size_t values = 0;
    (void)state;
    for (size_t i = 0; i < EXT_TEST_RUNS; i++) {
        test_env test;
        copse_buf cbor;
        test_env_init(&test);
        copse_buf_init(&cbor, &test.env, EXT_TEST_SIZE_MAX);
        assert_int_equal(random_value(&random, 4, &cbor), COPSE_OK);
        copse_bytes view = copse_buf_view(&cbor);
        if (copse_value_check(view, &test.env.limits, NULL) == COPSE_OK &&
            !has_reserved_text(&test, view)) {
            values++;
            for (int canonical = 0; canonical <= 1; canonical++) {
                assert_written(&test, view, canonical, NULL, COPSE_EXT_JSON_VALUE);
                assert_written(&test, view, canonical, NULL, COPSE_EXT_JSON_QUERY);
            }
        }
        copse_buf_release(&cbor);
        test_env_assert_empty(&test);
    }
    print_message("%zu of %d were values\n", values, EXT_TEST_RUNS);
    assert_in_range(values, EXT_TEST_RUNS / 2, EXT_TEST_RUNS);
}

/* ---- One reader, limits, memory ---- */

/* A reader keeps nothing of a text that failed. */
static void test_reader(void **state)
{
    static const char *const texts[] = {"{\"b\":1,\"a\":{\"x\":[",
                                        "{\"$oid\":1}",
                                        "[1,2]",
                                        "{\"b\":{\"d\":1,\"c\":\"\\n\"},\"a\":2}",
                                        "\"",
                                        "{}"};
    static const bool good[] = {false, false, true, true, false, true};
    test_env test;
    copse_ext_json_reader *reader = NULL;
    (void)state;
    test_env_init(&test);
    assert_int_equal(copse_ext_json_reader_new(&test.env, &reader, NULL), COPSE_OK);
    for (size_t round = 0; round < 36; round++) {
        size_t i = round % 2 == 0 ? round / 2 % 6 : round / 6;
        copse_buf fresh;
        copse_buf cbor;
        copse_buf_init(&cbor, &test.env, EXT_TEST_SIZE_MAX);
        assert_int_equal(copse_buf_append_byte(&cbor, 0xf6), COPSE_OK);
        copse_status status =
            copse_ext_json_read(reader, ext_text(texts[i]), COPSE_EXT_JSON_VALUE, &cbor, NULL);
        assert_int_equal(status, good[i] ? COPSE_OK : COPSE_CORRUPT);
        assert_int_equal(
            ext_read(&test.env, ext_text(texts[i]), COPSE_EXT_JSON_VALUE, &fresh, NULL), status);
        assert_int_equal(cbor.len, fresh.len + 1);
        assert_memory_equal(cbor.ptr + 1, fresh.ptr, fresh.len);
        copse_buf_release(&cbor);
        copse_buf_release(&fresh);
    }
    assert_null(copse_ext_json_reader_free(reader));
    assert_null(copse_ext_json_reader_free(NULL));
    test_env_assert_empty(&test);
}

/* `depth` brackets around `inner`. */
static copse_bytes nested(char text[1024], size_t depth, const char *inner)
{
    memset(text, '[', depth);
    size_t size = strlen(inner);
    memcpy(text + depth, inner, size);
    memset(text + depth + size, ']', depth);
    return (copse_bytes){(const uint8_t *)text, 2 * depth + size};
}

/* Wrappers nest deeper as text than as values; what counts is the value. */
static void test_depth(void **state)
{
    static const struct {
        const char *inner;
        size_t own; /* levels of the value */
    } rows[] = {{"1", 0},
                {"{\"$numberInt\":\"1\"}", 0},
                {"{\"$date\":{\"$numberLong\":\"1\"}}", 1},
                {"{\"$binary\":{\"base64\":\"\",\"subType\":\"00\"}}", 0},
                {"{\"$binary\":{\"base64\":\"\",\"subType\":\"01\"}}", 2},
                {"{\"a\":{\"b\":1}}", 2}};
    char text[1024];
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t depth = 125; depth <= 129; depth++) {
            copse_buf cbor;
            copse_status status = ext_read(&test.env, nested(text, depth, rows[i].inner),
                                           COPSE_EXT_JSON_VALUE, &cbor, NULL);
            assert_int_equal(status, depth + rows[i].own <= 128 ? COPSE_OK : COPSE_LIMIT);
            copse_buf_release(&cbor);
        }
    }
    test_env_assert_empty(&test);
}

static void assert_limit(const test_env *test, const char *text)
{
    copse_buf buf;
    assert_int_equal(ext_read(&test->env, ext_text(text), COPSE_EXT_JSON_VALUE, &buf, NULL),
                     COPSE_LIMIT);
    copse_buf_release(&buf);
}

static void test_limits(void **state)
{
    test_env test;
    copse_buf buf;
    (void)state;
    test_env_init(&test);
    test.env.limits.json_size_bytes_max = 4;
    assert_limit(&test, "[1,2]");
    test.env.limits.json_size_bytes_max = 100;
    assert_limit(&test, "1e400");
    assert_limit(&test, "{\"$numberDouble\":\"1e400\"}");
    for (size_t max = 0; max <= 3; max++) {
        copse_buf_init(&buf, &test.env, max);
        copse_status status =
            copse_ext_json_to_cbor(&test.env, ext_text("[1,2]"), COPSE_EXT_JSON_VALUE, &buf, NULL);
        assert_int_equal(status, max < 3 ? COPSE_LIMIT : COPSE_OK);
        assert_int_equal(buf.len, max < 3 ? 0 : 3);
        copse_buf_release(&buf);
    }
    static const uint8_t cbor[] = {0x82, 0x01, 0x02};
    for (size_t max = 0; max <= 5; max++) {
        copse_buf_init(&buf, &test.env, max);
        copse_status status = copse_ext_json_from_cbor(&test.env, (copse_bytes){cbor, sizeof cbor},
                                                       false, &buf, NULL);
        assert_int_equal(status, max < 5 ? COPSE_LIMIT : COPSE_OK);
        assert_int_equal(buf.len, max < 5 ? 0 : 5);
        copse_buf_release(&buf);
    }
    test_env_assert_empty(&test);
}

/* DAG-CBOR that is not strict, and (X2). */
static void test_unwritable(void **state)
{
    static const uint8_t slash[] = {0xa1, 0x61, '/', 0x61, 'x'};
    static const uint8_t slash_id[] = {0xa2, 0x61, '/', 0x61, 'x', 0x63, '_', 'i', 'd', 0x01};
    static const uint8_t unsorted[] = {0xa2, 0x61, 'b', 0x01, 0x61, 'a', 0x01};
    static const struct {
        copse_bytes cbor;
        copse_status status;
    } rows[] = {{{slash, sizeof slash}, COPSE_LIMIT},
                {{slash_id, sizeof slash_id}, COPSE_LIMIT},
                {{unsorted, sizeof unsorted}, COPSE_CORRUPT},
                {{slash, 0}, COPSE_CORRUPT}};
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf text;
        copse_buf_init(&text, &test.env, 100);
        assert_int_equal(copse_ext_json_from_cbor(&test.env, rows[i].cbor, false, &text, NULL),
                         rows[i].status);
        assert_int_equal(text.len, 0);
        copse_buf_release(&text);
    }
    test_env_assert_empty(&test);
}

static copse_status sweep_round_trip(const copse_env *env, void *ctx)
{
    const copse_bytes *text = ctx;
    copse_ext_json_reader *reader = NULL;
    copse_buf cbor;
    copse_buf back;
    copse_buf_init(&cbor, env, EXT_TEST_SIZE_MAX);
    copse_buf_init(&back, env, EXT_TEST_SIZE_MAX);
    copse_status status = copse_ext_json_reader_new(env, &reader, NULL);
    if (status == COPSE_OK) {
        status = copse_ext_json_read(reader, *text, COPSE_EXT_JSON_VALUE, &cbor, NULL);
        assert_true(status == COPSE_OK || cbor.len == 0);
    }
    if (status == COPSE_OK) {
        status = copse_ext_json_from_cbor(env, copse_buf_view(&cbor), true, &back, NULL);
        assert_true(status == COPSE_OK || back.len == 0);
    }
    (void)copse_ext_json_reader_free(reader);
    copse_buf_release(&cbor);
    copse_buf_release(&back);
    return status;
}

static void test_fault_sweep(void **state)
{
    static char text[8192];
    (void)state;
    size_t size = 0;
    text[size++] = '[';
    for (size_t i = 0; i < sizeof value_rows / sizeof *value_rows; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s", i > 0 ? "," : "",
                                 value_rows[i].text);
    }
    text[size++] = ']';
    copse_bytes bytes = {(const uint8_t *)text, size};
    uint64_t calls = test_env_sweep(sweep_round_trip, &bytes, 1000);
    print_message("%llu allocations\n", (unsigned long long)calls);
    assert_in_range(calls, 10, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),         cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long_dollar_keys), cmocka_unit_test(test_random_values),
        cmocka_unit_test(test_reader),           cmocka_unit_test(test_depth),
        cmocka_unit_test(test_limits),           cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_fault_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
