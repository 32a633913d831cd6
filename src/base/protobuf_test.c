/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/protobuf.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) ((copse_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static void test_fields_come_back_as_they_were_written(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, INT64_MAX, UINT64_MAX};
    test_env test;
    copse_buf buf;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, 1000);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        copse_protobuf_field field;
        copse_buf_truncate(&buf, 0);
        assert_int_equal(copse_protobuf_write_varint(&buf, 1, values[i]), COPSE_OK);
        assert_int_equal(copse_protobuf_write_bytes(&buf, 16, BYTES("abc")), COPSE_OK);
        copse_bytes rest = copse_buf_view(&buf);
        assert_int_equal(copse_protobuf_next(&rest, &field), COPSE_OK);
        assert_int_equal(field.number, 1);
        assert_false(field.is_bytes);
        assert_true(field.varint == values[i]);
        assert_int_equal(copse_protobuf_next(&rest, &field), COPSE_OK);
        assert_int_equal(field.number, 16);
        assert_true(field.is_bytes && copse_bytes_equal(field.bytes, BYTES("abc")));
        assert_int_equal(copse_protobuf_next(&rest, &field), COPSE_END);
    }
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

/* The example of the format's own documentation: field 1 is 150, field 2 "testing". */
static void test_the_encoding_is_the_known_one(void **state)
{
    (void)state;
    test_env test;
    copse_buf buf;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, 12);
    assert_int_equal(copse_protobuf_write_varint(&buf, 1, 150), COPSE_OK);
    assert_int_equal(copse_protobuf_write_bytes(&buf, 2, BYTES("testing")), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), BYTES("\x08\x96\x01\x12\x07"
                                                              "testing")));
    assert_int_equal(copse_protobuf_write_bytes(&buf, 2, BYTES("x")), COPSE_LIMIT);
    assert_int_equal(buf.len, 12);
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

static void test_what_is_no_field_is_refused(void **state)
{
    (void)state;
    const copse_bytes bad[] = {
        BYTES("\x08"),                                             /* no value */
        BYTES("\x00\x00"),                                         /* field 0 */
        BYTES("\x08\x80\x00"),                                     /* a varint that is too long */
        BYTES("\x88\x00\x01"),                                     /* likewise the tag's */
        BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),     /* 2^65 */
        BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"), /* 11 bytes */
        BYTES("\x12\x02x"),                                        /* past the end */
        BYTES("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"),    /* far past it */
        BYTES("\x09\x01\x01\x01\x01\x01\x01\x01\x01"),             /* 64 bits, fixed */
        BYTES("\x0b\x01"),                                         /* a group */
        BYTES("\x0d\x01\x01\x01\x01"),                             /* 32 bits, fixed */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        copse_bytes rest = bad[i];
        copse_protobuf_field field = {.number = 77};
        if (copse_protobuf_next(&rest, &field) != COPSE_CORRUPT) {
            fail_msg("case %zu was read", i);
        }
        assert_int_equal(field.number, 77);
        assert_ptr_equal(rest.ptr, bad[i].ptr);
        assert_int_equal(rest.len, bad[i].len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_come_back_as_they_were_written),
        cmocka_unit_test(test_the_encoding_is_the_known_one),
        cmocka_unit_test(test_what_is_no_field_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
