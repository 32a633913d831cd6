/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/value.h>

#include "support/order_random.h"
#include "support/test_env.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- The table ------------------------------------------------------------------------------ */

static size_t hex_decode(const char *hex, uint8_t *ret_bytes)
{
    size_t size = strlen(hex);
    for (size_t i = 0; i + 1 < size; i += 2) {
        char pair[3] = {hex[i], hex[i + 1], '\0'};
        ret_bytes[i / 2] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size / 2;
}

/* Fields: item, type or "corrupt", part of the message, note. */
static void check_row(char *fields[4])
{
    test_env test;
    uint8_t bytes[256];
    copse_value value;
    copse_err err = {0};
    test_env_init(&test);
    copse_bytes item = {bytes, hex_decode(fields[0], bytes)};
    copse_status status = copse_value_check(item, &test.env.limits, &err);
    if (strcmp(fields[1], "corrupt") == 0) {
        if (status != COPSE_CORRUPT || strstr(err.message, fields[2]) == NULL) {
            fail_msg("%s (%s): %s: %s", fields[0], fields[3], copse_status_name(status),
                     err.message);
        }
        return;
    }
    if (status != COPSE_OK || copse_value_read(item, &value, &err) != COPSE_OK ||
        strcmp(copse_value_type_name(value.type), fields[1]) != 0) {
        fail_msg("%s (%s): %s: %s", fields[0], fields[3], copse_status_name(status), err.message);
    }
    assert_true(copse_bytes_equal(value.encoded, item));
    status = copse_document_check(item, &test.env.limits, NULL);
    assert_int_equal(status, value.type == COPSE_VALUE_OBJECT ? COPSE_OK : COPSE_CORRUPT);
}

static void test_table(void **state)
{
    (void)state;
    uint8_t *text = NULL;
    size_t size = 0;
    unsigned rows = 0;
    assert_true(test_read_file(COPSE_TEST_DIR "/vectors/values.tsv", &text, &size));
    for (size_t at = 0; at < size; rows++) {
        char line[1024];
        char *fields[4];
        char *rest = line;
        size_t len = 0;
        while (at < size && text[at] != '\n') {
            assert_true(len < sizeof line - 1);
            line[len++] = (char)text[at++];
        }
        at++;
        line[len] = '\0';
        for (size_t i = 0; i < 4; i++) {
            fields[i] = rest;
            rest += strcspn(rest, "\t");
            if (*rest != '\0') {
                *rest++ = '\0';
            }
        }
        if (line[0] != '#') {
            check_row(fields);
        }
    }
    free(text);
    assert_true(rows > 40);
}

/* ---- Forms ---------------------------------------------------------------------------------- */

typedef struct written {
    test_env test;
    copse_buf buf;
    copse_value value;
} written;

static void written_init(written *w)
{
    test_env_init(&w->test);
    copse_buf_init(&w->buf, &w->test.env, 4096);
}

/* Reads what was written, which is a value. */
static void written_read(written *w)
{
    assert_int_equal(copse_value_check(copse_buf_view(&w->buf), &w->test.env.limits, NULL),
                     COPSE_OK);
    assert_int_equal(copse_value_read(copse_buf_view(&w->buf), &w->value, NULL), COPSE_OK);
    copse_buf_truncate(&w->buf, 0);
}

static void written_release(written *w)
{
    copse_buf_release(&w->buf);
    test_env_assert_empty(&w->test);
}

static void test_dates_and_timestamps(void **state)
{
    (void)state;
    static const int64_t dates[] = {INT64_MIN, -1, 0, 1714564800000, INT64_MAX};
    written w;
    written_init(&w);
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        assert_int_equal(copse_value_write_date(&w.buf, dates[i]), COPSE_OK);
        written_read(&w);
        assert_int_equal(w.value.type, COPSE_VALUE_DATE);
        assert_true(w.value.date_ms == dates[i]);
    }
    assert_int_equal(copse_value_write_timestamp(&w.buf, UINT32_MAX, 7), COPSE_OK);
    written_read(&w);
    assert_int_equal(w.value.type, COPSE_VALUE_TIMESTAMP);
    assert_int_equal(w.value.seconds, UINT32_MAX);
    assert_int_equal(w.value.increment, 7);
    written_release(&w);
}

static void test_floats(void **state)
{
    (void)state;
    static const double reals[] = {0.0, -0.0, 1.5, INFINITY, -INFINITY, NAN};
    written w;
    written_init(&w);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        assert_int_equal(copse_value_write_float(&w.buf, reals[i]), COPSE_OK);
        written_read(&w);
        assert_int_equal(w.value.type, COPSE_VALUE_FLOAT);
        assert_int_equal(isnan(w.value.real) != 0, isnan(reals[i]) != 0);
        assert_true(isnan(reals[i]) || w.value.real == reals[i]);
        assert_int_equal(signbit(w.value.real) != 0, signbit(reals[i]) != 0);
    }
    written_release(&w);
}

static void test_binary_and_object_ids(void **state)
{
    (void)state;
    static const uint8_t content[12] = {0, 1, 2, 0xab, 0xff};
    written w;
    written_init(&w);
    for (unsigned subtype = 0; subtype <= 255; subtype++) {
        copse_bytes bytes = {content, sizeof content};
        assert_int_equal(copse_value_write_binary(&w.buf, bytes, (uint8_t)subtype), COPSE_OK);
        written_read(&w);
        assert_int_equal(w.value.type, COPSE_VALUE_BINARY);
        assert_int_equal(w.value.subtype, subtype);
        assert_memory_equal(w.value.bytes.ptr, content, sizeof content);
    }
    assert_int_equal(copse_value_write_object_id(&w.buf, content), COPSE_OK);
    written_read(&w);
    assert_int_equal(w.value.type, COPSE_VALUE_OBJECT_ID);
    assert_memory_equal(w.value.bytes.ptr, "000102abff00000000000000", 24);
    written_release(&w);
}

static void test_regexes(void **state)
{
    (void)state;
    static const char *const refused[] = {"ii", "y", "I"};
    written w;
    written_init(&w);
    copse_bytes pattern = copse_bytes_of_text("^a");
    assert_int_equal(copse_value_write_regex(&w.buf, pattern, copse_bytes_of_text("xsi")),
                     COPSE_OK);
    written_read(&w);
    assert_int_equal(w.value.type, COPSE_VALUE_REGEX);
    assert_true(copse_bytes_equal(w.value.bytes, pattern));
    assert_true(copse_bytes_equal(w.value.options, copse_bytes_of_text("isx")));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(copse_value_write_regex(&w.buf, pattern, copse_bytes_of_text(refused[i])),
                         COPSE_MISUSE);
    }
    pattern = (copse_bytes){(const uint8_t *)"a\0", 2};
    assert_int_equal(copse_value_write_regex(&w.buf, pattern, copse_bytes_of_text("")),
                     COPSE_MISUSE);
    pattern = (copse_bytes){(const uint8_t *)"\xff", 1};
    assert_int_equal(copse_value_write_regex(&w.buf, pattern, copse_bytes_of_text("")),
                     COPSE_MISUSE);
    assert_int_equal(w.buf.len, 0);
    written_release(&w);
}

static void test_decimals(void **state)
{
    (void)state;
    written w;
    written_init(&w);
    assert_int_equal(copse_value_write_decimal(&w.buf, copse_bytes_of_text("1e3")), COPSE_OK);
    written_read(&w);
    assert_int_equal(w.value.type, COPSE_VALUE_DECIMAL);
    assert_true(copse_bytes_equal(w.value.bytes, copse_bytes_of_text("1E+3")));
    assert_int_equal(copse_value_write_decimal(&w.buf, copse_bytes_of_text("1x")), COPSE_MISUSE);
    assert_int_equal(w.buf.len, 0);
    written_release(&w);
}

/* ---- Reading -------------------------------------------------------------------------------- */

/* Next lends each value whole; the reader stays before one that is none. */
static void test_next(void **state)
{
    (void)state;
    static const uint8_t items[] = {0x01, 0x82, 0x01, 0x81, 0x02, 0xa1, 0x61,
                                    'a',  0x80, 0xa1, 0x62, '$',  'b',  0x01};
    static const copse_value_type types[] = {COPSE_VALUE_INT, COPSE_VALUE_ARRAY,
                                             COPSE_VALUE_OBJECT};
    static const size_t sizes[] = {1, 4, 4};
    copse_cbor_reader reader;
    copse_value value;
    copse_cbor_reader_init(&reader, (copse_bytes){items, sizeof items});
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(copse_value_next(&reader, &value, NULL), COPSE_OK);
        assert_int_equal(value.type, types[i]);
        assert_int_equal(value.encoded.len, sizes[i]);
    }
    assert_int_equal(copse_value_next(&reader, &value, NULL), COPSE_CORRUPT);
    assert_ptr_equal(reader.at, items + 9);
    assert_int_equal(value.type, COPSE_VALUE_OBJECT);
    copse_cbor_reader_init(&reader, (copse_bytes){items, 0});
    assert_int_equal(copse_value_next(&reader, &value, NULL), COPSE_END);
}

/* Each cut of an encoding, and each changed byte, is refused or read, and never read beyond. */
static void test_damaged_items_stay_inside(void **state)
{
    (void)state;
    test_env test;
    copse_buf buf;
    uint64_t seed = 23;
    unsigned refused = 0;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, 1 << 16);
    for (int round = 0; round < 300; round++) {
        copse_buf_truncate(&buf, 0);
        assert_int_equal(order_random_value(&seed, 2, &buf), COPSE_OK);
        size_t size = (size_t)test_random_below(&seed, buf.len) + 1;
        uint8_t *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, buf.ptr, size);
        copy[test_random_below(&seed, size)] ^= (uint8_t)(1u << test_random_below(&seed, 8));
        copse_bytes damaged = {copy, size};
        copse_value value;
        int order = 0;
        refused += copse_value_check(damaged, &test.env.limits, NULL) != COPSE_OK;
        (void)!copse_value_read(damaged, &value, NULL);
        (void)!copse_value_compare(damaged, copse_buf_view(&buf), &order, NULL);
        (void)!copse_value_compare(damaged, damaged, &order, NULL);
        free(copy);
    }
    assert_true(refused > 100);
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

static void test_deep_nesting(void **state)
{
    (void)state;
    uint8_t deep[COPSE_CBOR_DEPTH_MAX + 2];
    memset(deep, 0x81, sizeof deep);
    copse_bytes deepest = {deep + 1, sizeof deep - 1};
    copse_bytes deeper = {deep, sizeof deep};
    deep[sizeof deep - 1] = 0x01; /* in COPSE_CBOR_DEPTH_MAX + 1 arrays */
    int order = 1;
    assert_int_equal(copse_value_compare(deepest, deepest, &order, NULL), COPSE_OK);
    assert_int_equal(order, 0);
    assert_int_equal(copse_value_compare(deeper, deeper, &order, NULL), COPSE_CORRUPT);
}

/* ---- ObjectIds ------------------------------------------------------------------------------ */

static uint64_t test_clock(void *ctx)
{
    (void)ctx;
    return UINT64_C(1714564800999);
}

static copse_status test_random_bytes(void *ctx, void *ret_bytes, size_t size)
{
    memset(ret_bytes, 0xab, size);
    return ctx == NULL ? COPSE_OK : COPSE_IO;
}

static void test_new_object_id(void **state)
{
    (void)state;
    uint8_t id[12] = {0};
    int broken = 0;
    copse_env env;
    copse_env_init(&env);
    assert_int_equal(copse_object_id_new(&env, id, NULL), COPSE_MISUSE);
    env.clock = test_clock;
    assert_int_equal(copse_object_id_new(&env, id, NULL), COPSE_MISUSE);
    env.random = test_random_bytes;
    env.random_ctx = &broken;
    assert_int_equal(copse_object_id_new(&env, id, NULL), COPSE_IO);
    assert_int_equal(id[4], 0);
    env.random_ctx = NULL;
    assert_int_equal(copse_object_id_new(&env, id, NULL), COPSE_OK);
    assert_memory_equal(id, "\x66\x32\x2e\xc0\xab\xab\xab\xab\xab\xab\xab\xab", 12);
}

static copse_status write_forms(const copse_env *env, void *ctx)
{
    static const uint8_t id[12] = {1};
    (void)ctx;
    copse_buf buf;
    copse_buf_init(&buf, env, 4096);
    copse_status status = COPSE_OK;
    for (int form = 0; status == COPSE_OK && form < 8; form++) {
        size_t before = buf.len;
        copse_bytes text = copse_bytes_of_text("1E+3");
        copse_bytes none = copse_bytes_of_text("");
        status = form == 0   ? copse_value_write_date(&buf, INT64_MAX)
                 : form == 1 ? copse_value_write_float(&buf, NAN)
                 : form == 2 ? copse_value_write_object_id(&buf, id)
                 : form == 3 ? copse_value_write_binary(&buf, (copse_bytes){id, 12}, 5)
                 : form == 4 ? copse_value_write_timestamp(&buf, 1, 2)
                 : form == 5 ? copse_value_write_regex(&buf, text, none)
                 : form == 6 ? copse_value_write_decimal(&buf, text)
                             : copse_value_write_min_key(&buf);
        assert_true(status == COPSE_OK || buf.len == before);
    }
    copse_buf_release(&buf);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    assert_true(test_env_sweep(write_forms, NULL, 20) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_dates_and_timestamps),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_binary_and_object_ids),
        cmocka_unit_test(test_regexes),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_damaged_items_stay_inside),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_new_object_id),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
