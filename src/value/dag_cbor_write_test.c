/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/dag_cbor.h>

#include "base/compiler.h"
#include "support/cbor_random.h"
#include "support/test_env.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) ((copse_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

typedef struct fixture {
    test_env test;
    copse_buf buf;
} fixture;

static int set_up(void **state)
{
    static fixture fix;
    test_env_init(&fix.test);
    copse_buf_init(&fix.buf, &fix.test.env, 1 << 20);
    *state = &fix;
    return 0;
}

static int tear_down(void **state)
{
    fixture *fix = *state;
    copse_buf_release(&fix->buf);
    test_env_assert_empty(&fix->test);
    return 0;
}

static void assert_holds(copse_buf *buf, copse_bytes expected)
{
    assert_true(copse_bytes_equal(copse_buf_view(buf), expected));
    copse_buf_truncate(buf, 0);
}

static void test_scalars(void **state)
{
    copse_buf *buf = &((fixture *)*state)->buf;
    assert_int_equal(copse_cbor_write_null(buf), COPSE_OK);
    assert_int_equal(copse_cbor_write_bool(buf, false), COPSE_OK);
    assert_int_equal(copse_cbor_write_bool(buf, true), COPSE_OK);
    assert_holds(buf, BYTES("\xf6\xf4\xf5"));
    assert_int_equal(copse_cbor_write_int(buf, INT64_MIN), COPSE_OK);
    assert_holds(buf, BYTES("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"));
    assert_int_equal(copse_cbor_write_int(buf, -1), COPSE_OK);
    assert_int_equal(copse_cbor_write_int(buf, 24), COPSE_OK);
    assert_int_equal(copse_cbor_write_uint(buf, 65536), COPSE_OK);
    assert_int_equal(copse_cbor_write_negative(buf, UINT64_MAX), COPSE_OK);
    assert_holds(buf,
                 BYTES("\x20\x18\x18\x1a\x00\x01\x00\x00\x3b\xff\xff\xff\xff\xff\xff\xff\xff"));
    assert_int_equal(copse_cbor_write_float(buf, 1.0), COPSE_OK);
    assert_int_equal(copse_cbor_write_float(buf, -0.0), COPSE_OK);
    assert_holds(buf, BYTES("\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00\xfb\x80\x00\x00\x00\x00\x00\x00"
                            "\x00"));
    assert_int_equal(copse_cbor_write_bytes(buf, (copse_bytes){NULL, 0}), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(buf, BYTES("\xc3\xa9")), COPSE_OK);
    assert_int_equal(copse_cbor_write_link(buf, BYTES("\x01\x55\x00\x00")), COPSE_OK);
    assert_holds(buf, BYTES("\x40\x62\xc3\xa9\xd8\x2a\x45\x00\x01\x55\x00\x00"));
}

static void test_misuse(void **state)
{
    copse_buf *buf = &((fixture *)*state)->buf;
    const copse_cbor_item unknown = {.kind = (copse_cbor_kind)99};
    assert_int_equal(copse_cbor_write_float(buf, (double)NAN), COPSE_MISUSE);
    assert_int_equal(copse_cbor_write_float(buf, (double)INFINITY), COPSE_MISUSE);
    assert_int_equal(copse_cbor_write_float(buf, (double)-INFINITY), COPSE_MISUSE);
    assert_int_equal(copse_cbor_write_text(buf, BYTES("\xc3")), COPSE_MISUSE);
    assert_int_equal(copse_cbor_write_link(buf, BYTES("")), COPSE_MISUSE);
    assert_int_equal(copse_cbor_write_link(buf, BYTES("\x01\x55\x00\x00\x00")), COPSE_MISUSE);
    assert_int_equal(copse_cbor_write_item(buf, &unknown), COPSE_MISUSE);
    assert_int_equal(copse_cbor_finish_array(buf, 1, 0), COPSE_MISUSE);
    assert_int_equal(copse_cbor_finish_array(buf, 0, 1), COPSE_MISUSE);
    assert_int_equal(copse_cbor_finish_map(buf, 0, 1), COPSE_MISUSE);
    assert_holds(buf, BYTES(""));
    assert_int_equal(copse_buf_append(buf, BYTES("\x61z\x01\x02\x03")), COPSE_OK);
    assert_int_equal(copse_cbor_finish_map(buf, 0, 0), COPSE_MISUSE); /* too much */
    assert_int_equal(copse_cbor_finish_map(buf, 0, 1), COPSE_MISUSE);
    assert_int_equal(copse_cbor_finish_map(buf, 0, 2), COPSE_MISUSE); /* a key that is no text */
    assert_holds(buf, BYTES("\x61z\x01\x02\x03"));
}

static void test_full_buf(void **state)
{
    fixture *fix = *state;
    copse_buf small;
    copse_buf_init(&small, &fix->test.env, 8);
    assert_int_equal(copse_cbor_write_float(&small, 1.0), COPSE_LIMIT);
    assert_int_equal(copse_cbor_write_text(&small, BYTES("eight ch")), COPSE_LIMIT);
    assert_int_equal(copse_cbor_write_link(&small, BYTES("\x01\x55\x00\x01x")), COPSE_LIMIT);
    assert_int_equal(copse_cbor_write_text(&small, BYTES("b")), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(&small, BYTES("cdefg")), COPSE_OK);
    assert_int_equal(copse_cbor_finish_array(&small, 0, 2), COPSE_LIMIT);
    assert_int_equal(copse_cbor_finish_map(&small, 0, 1), COPSE_LIMIT);
    assert_holds(&small, BYTES("\x61"
                               "b\x65"
                               "cdefg"));
    assert_int_equal(copse_cbor_write_text(&small, BYTES("seven c")), COPSE_OK);
    copse_buf_release(&small);
}

static void test_finish(void **state)
{
    copse_buf *buf = &((fixture *)*state)->buf;
    assert_int_equal(copse_cbor_write_null(buf), COPSE_OK);
    assert_int_equal(copse_cbor_finish_map(buf, 1, 0), COPSE_OK);
    assert_int_equal(copse_cbor_finish_array(buf, 0, 2), COPSE_OK);
    assert_holds(buf, BYTES("\x82\xf6\xa0"));
    assert_int_equal(copse_buf_append(buf, BYTES("\x62"
                                                 "aa\x80\x61"
                                                 "b\x01\x61"
                                                 "a\x81\x02")),
                     COPSE_OK);
    assert_int_equal(copse_cbor_finish_map(buf, 0, 3), COPSE_OK);
    assert_holds(buf, BYTES("\xa3\x61"
                            "a\x81\x02\x61"
                            "b\x01\x62"
                            "aa\x80"));
    copse_bytes twice = BYTES("\x61"
                              "b\x01\x61"
                              "a\x02\x61"
                              "b\x03");
    assert_int_equal(copse_buf_append(buf, twice), COPSE_OK);
    assert_int_equal(copse_cbor_finish_map(buf, 0, 3), COPSE_CORRUPT);
    assert_holds(buf, twice);
    for (unsigned i = 0; i < 300; i++) {
        assert_int_equal(copse_cbor_write_uint(buf, i), COPSE_OK);
    }
    assert_int_equal(copse_cbor_finish_array(buf, 0, 300), COPSE_OK);
    assert_memory_equal(buf->ptr, "\x99\x01\x2c\x00\x01", 5);
}

/* Any order of the same pairs makes the same map. */
static void test_finish_map_any_order(void **state)
{
    fixture *fix = *state;
    copse_buf expected;
    uint64_t random = 1;
    copse_buf_init(&expected, &fix->test.env, 1 << 20);
    for (unsigned round = 0; round < 200; round++) {
        unsigned order[40];
        unsigned count = 1 + (unsigned)test_random_below(&random, 40);
        for (unsigned i = 0; i < count; i++) {
            unsigned at = (unsigned)test_random_below(&random, i + 1);
            order[i] = order[at];
            order[at] = i;
        }
        copse_buf_truncate(&fix->buf, 0);
        copse_buf_truncate(&expected, 0);
        assert_int_equal(copse_cbor_write_map(&expected, count), COPSE_OK);
        for (unsigned i = 0; i < count; i++) {
            char key[16];
            (void)snprintf(key, sizeof key, "%u", order[i]);
            assert_int_equal(copse_cbor_write_text(&fix->buf, copse_bytes_of_text(key)), COPSE_OK);
            assert_int_equal(copse_cbor_write_uint(&fix->buf, order[i]), COPSE_OK);
            (void)snprintf(key, sizeof key, "%u", i); /* ascending: shorter first, then bytewise */
            assert_int_equal(copse_cbor_write_text(&expected, copse_bytes_of_text(key)), COPSE_OK);
            assert_int_equal(copse_cbor_write_uint(&expected, i), COPSE_OK);
        }
        assert_int_equal(copse_cbor_finish_map(&fix->buf, 0, count), COPSE_OK);
        assert_true(copse_bytes_equal(copse_buf_view(&fix->buf), copse_buf_view(&expected)));
    }
    copse_buf_release(&expected);
}

/* What a caller promised and did not keep is seen in debug builds. */
static void test_self_check(void **state)
{
    copse_buf *buf = &((fixture *)*state)->buf;
    if (!COPSE_ARENA_FORWARDS) {
        skip();
    }
    assert_int_equal(copse_cbor_write_encoded(buf, BYTES("\x18\x01")), COPSE_MISUSE);
    assert_int_equal(copse_cbor_write_encoded(buf, BYTES("\x01\x01")), COPSE_MISUSE);
    assert_holds(buf, BYTES(""));
    assert_int_equal(copse_cbor_write_array(buf, 2), COPSE_OK);
    assert_int_equal(copse_cbor_write_null(buf), COPSE_OK);
    assert_int_equal(copse_cbor_finish_array(buf, 0, 1), COPSE_MISUSE);
    assert_holds(buf, BYTES("\x82\xf6"));
}

static copse_status write_random(const copse_env *env, void *ctx)
{
    uint64_t random = *(uint64_t *)ctx;
    copse_buf buf;
    copse_buf_init(&buf, env, 1 << 20);
    copse_status status = cbor_random_item(&random, 5, &buf);
    copse_buf_release(&buf);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    uint64_t allocations = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        allocations += test_env_sweep(write_random, &seed, 1000);
    }
    assert_true(allocations > 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_scalars, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_misuse, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_buf, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finish, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finish_map_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_self_check, set_up, tear_down),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
