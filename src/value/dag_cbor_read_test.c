/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/dag_cbor.h>

#include "support/cbor_random.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) ((copse_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

static copse_cbor_item read_one(copse_bytes input)
{
    copse_cbor_reader reader;
    copse_cbor_item item = {0};
    copse_cbor_reader_init(&reader, input);
    assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
    return item;
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(read_one(BYTES("\xf6")).kind, COPSE_CBOR_NULL);
    assert_int_equal(read_one(BYTES("\xf7")).kind, COPSE_CBOR_NULL);
    assert_true(read_one(BYTES("\xf5")).boolean);
    assert_false(read_one(BYTES("\xf4")).boolean);
    assert_int_equal(read_one(BYTES("\xf4")).kind, COPSE_CBOR_BOOL);
    copse_cbor_item item = read_one(BYTES("\x3b\xff\xff\xff\xff\xff\xff\xff\xff"));
    assert_true(item.kind == COPSE_CBOR_INT && item.negative && item.arg == UINT64_MAX);
    item = read_one(BYTES("\x43"
                          "abc"));
    assert_true(item.kind == COPSE_CBOR_BYTES && copse_bytes_equal(item.bytes, BYTES("abc")));
    item = read_one(BYTES("\x63"
                          "abc"));
    assert_true(item.kind == COPSE_CBOR_TEXT && copse_bytes_equal(item.bytes, BYTES("abc")));
    item = read_one(BYTES("\xd8\x2a\x45\x00\x01\x55\x00\x00"));
    assert_true(item.kind == COPSE_CBOR_LINK &&
                copse_bytes_equal(item.bytes, BYTES("\x01\x55\x00\x00")));
    item = read_one(BYTES("\x82\x01\x02"));
    assert_true(item.kind == COPSE_CBOR_ARRAY && item.arg == 2);
    item = read_one(BYTES("\xa1\x60\x02"));
    assert_true(item.kind == COPSE_CBOR_MAP && item.arg == 1);
}

static void test_floats(void **state)
{
    (void)state;
    static const struct {
        copse_bytes input;
        double real;
    } rows[] = {
        {{(const uint8_t *)"\xf9\x3e\x00", 3}, 1.5},
        {{(const uint8_t *)"\xf9\xc4\x00", 3}, -4.0},
        {{(const uint8_t *)"\xf9\x7b\xff", 3}, 65504.0},
        {{(const uint8_t *)"\xf9\x00\x01", 3}, 5.960464477539063e-8},
        {{(const uint8_t *)"\xf9\x83\xff", 3}, -6.097555160522461e-5},
        {{(const uint8_t *)"\xfa\x47\xc3\x50\x00", 5}, 100000.0},
        {{(const uint8_t *)"\xfa\x00\x00\x00\x01", 5}, 1.401298464324817e-45},
        {{(const uint8_t *)"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a", 9}, 1.1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_cbor_item item = read_one(rows[i].input);
        assert_int_equal(item.kind, COPSE_CBOR_FLOAT);
        assert_memory_equal(&item.real, &rows[i].real, sizeof item.real);
    }
    copse_cbor_item zero = read_one(BYTES("\xf9\x80\x00"));
    const double negative = -0.0;
    assert_memory_equal(&zero.real, &negative, sizeof negative);
}

static void test_int64(void **state)
{
    (void)state;
    int64_t value = 7;
    copse_cbor_item item = read_one(BYTES("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"));
    assert_int_equal(copse_cbor_item_int64(&item, &value), COPSE_OK);
    assert_true(value == INT64_MIN);
    item = read_one(BYTES("\x1b\x7f\xff\xff\xff\xff\xff\xff\xff"));
    assert_int_equal(copse_cbor_item_int64(&item, &value), COPSE_OK);
    assert_true(value == INT64_MAX);
    item = read_one(BYTES("\x3b\x80\x00\x00\x00\x00\x00\x00\x00"));
    assert_int_equal(copse_cbor_item_int64(&item, &value), COPSE_LIMIT);
    item = read_one(BYTES("\xf6"));
    assert_int_equal(copse_cbor_item_int64(&item, &value), COPSE_MISUSE);
    assert_true(value == INT64_MAX);
}

/* {"a": [10, {"x": "y"}, 30], "bb": 2, "cc": 3} */
static const char document[] = "\xa3\x61"
                               "a\x83\x0a\xa1\x61x\x61y\x18\x1e\x62"
                               "bb\x02\x62"
                               "cc\x03";

static void test_order_of_items(void **state)
{
    (void)state;
    static const copse_cbor_kind kinds[] = {COPSE_CBOR_MAP,  COPSE_CBOR_TEXT, COPSE_CBOR_ARRAY,
                                            COPSE_CBOR_INT,  COPSE_CBOR_MAP,  COPSE_CBOR_TEXT,
                                            COPSE_CBOR_TEXT, COPSE_CBOR_INT,  COPSE_CBOR_TEXT,
                                            COPSE_CBOR_INT,  COPSE_CBOR_TEXT, COPSE_CBOR_INT};
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, BYTES(document));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
        assert_int_equal(item.kind, kinds[i]);
    }
    copse_cbor_item before = item;
    assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_END);
    assert_int_equal(copse_cbor_skip(&reader, NULL), COPSE_END);
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("a"), NULL), COPSE_END);
    assert_memory_equal(&before, &item, sizeof item);
}

static void test_find(void **state)
{
    (void)state;
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_bytes lent;
    copse_cbor_reader_init(&reader, BYTES(document));
    copse_cbor_reader start = reader;
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("b"), NULL), COPSE_NOT_FOUND);
    assert_int_equal(copse_cbor_find_key(&reader, BYTES(""), NULL), COPSE_NOT_FOUND);
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("ccc"), NULL), COPSE_NOT_FOUND);
    assert_int_equal(copse_cbor_find_index(&reader, 0, NULL), COPSE_NOT_FOUND);
    assert_memory_equal(&reader, &start, sizeof reader);
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("cc"), NULL), COPSE_OK);
    assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
    assert_true(item.kind == COPSE_CBOR_INT && item.arg == 3);

    reader = start;
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("a"), NULL), COPSE_OK);
    assert_int_equal(copse_cbor_find_index(&reader, 3, NULL), COPSE_NOT_FOUND);
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("a"), NULL), COPSE_NOT_FOUND);
    assert_int_equal(copse_cbor_find_index(&reader, 1, NULL), COPSE_OK);
    assert_int_equal(copse_cbor_take(&reader, &lent, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(lent, BYTES("\xa1\x61x\x61y")));
    assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
    assert_true(item.kind == COPSE_CBOR_INT && item.arg == 30);
}

/* In a strict map the search stops at the first greater key; in a lax one it may not. */
static void test_find_in_unsorted(void **state)
{
    (void)state;
    test_env test;
    copse_cbor_reader reader;
    copse_bytes input = BYTES("\xa2\x61"
                              "b\x01\x61"
                              "a\x02");
    test_env_init(&test);
    copse_limits *limits = &test.env.limits;
    assert_int_equal(
        copse_cbor_reader_init_untrusted(&reader, input, limits, COPSE_CBOR_STRICT, NULL),
        COPSE_CORRUPT);
    assert_int_equal(copse_cbor_reader_init_untrusted(&reader, input, limits, COPSE_CBOR_LAX, NULL),
                     COPSE_OK);
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("a"), NULL), COPSE_OK);
    copse_cbor_reader_init_lax(&reader, input);
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("a"), NULL), COPSE_OK);
    copse_cbor_reader_init(&reader, input);
    assert_int_equal(copse_cbor_find_key(&reader, BYTES("a"), NULL), COPSE_NOT_FOUND);
}

/* Skipping an item and reading all that is in it end at the same byte. */
static uint64_t read_through(copse_cbor_reader *reader)
{
    uint64_t owed = 1;
    uint64_t items = 0;
    for (; owed > 0; items++) {
        copse_cbor_item item;
        assert_int_equal(copse_cbor_next(reader, &item, NULL), COPSE_OK);
        owed--;
        owed += item.kind == COPSE_CBOR_ARRAY ? item.arg : 0;
        owed += item.kind == COPSE_CBOR_MAP ? 2 * item.arg : 0;
    }
    return items;
}

static void test_skip_random(void **state)
{
    (void)state;
    uint64_t items = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        test_env test;
        copse_buf buf;
        copse_cbor_reader reader;
        uint64_t random = seed;
        size_t size = 0;
        test_env_init(&test);
        copse_buf_init(&buf, &test.env, 1 << 20);
        assert_int_equal(cbor_random_item(&random, 6, &buf), COPSE_OK);
        size_t first = buf.len;
        assert_int_equal(cbor_random_item(&random, 6, &buf), COPSE_OK);
        copse_cbor_reader_init(&reader, copse_buf_view(&buf));
        copse_cbor_reader walk = reader;
        assert_int_equal(copse_cbor_skip(&reader, NULL), COPSE_OK);
        assert_int_equal(reader.at - reader.start, first);
        items += read_through(&walk);
        assert_ptr_equal(walk.at, reader.at);
        assert_int_equal(copse_dag_cbor_item_size(copse_buf_view(&buf), &test.env.limits,
                                                  COPSE_CBOR_STRICT, &size, NULL),
                         COPSE_OK);
        assert_int_equal(size, first);
        copse_buf_release(&buf);
        test_env_assert_empty(&test);
    }
    assert_true(items > 3000);
}

/* A reader over bytes that nobody checked stays inside them and says CORRUPT. */
static void test_garbage(void **state)
{
    (void)state;
    unsigned corrupt = 0;
    unsigned ended = 0;
    unsigned found = 0;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        uint64_t random = seed;
        size_t size = (size_t)test_random_below(&random, 24);
        uint8_t *bytes = malloc(size + 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)test_random(&random);
        }
        uint8_t *exact = realloc(bytes, size > 0 ? size : 1);
        assert_non_null(exact);
        copse_cbor_reader reader;
        copse_cbor_item item;
        copse_status status = COPSE_OK;
        copse_cbor_reader_init(&reader, (copse_bytes){exact, size});
        for (size_t i = 0; status == COPSE_OK; i++) {
            copse_cbor_reader other = reader;
            found += copse_cbor_skip(&other, NULL) == COPSE_OK;
            other = reader;
            found += copse_cbor_find_key(&other, BYTES("a"), NULL) == COPSE_OK;
            other = reader;
            found += copse_cbor_find_index(&other, 1, NULL) == COPSE_OK;
            status = copse_cbor_next(&reader, &item, NULL);
            assert_true(i <= size);
        }
        corrupt += status == COPSE_CORRUPT;
        ended += status == COPSE_END;
        free(exact);
    }
    assert_true(corrupt > 2000 && ended > 500 && found > 500 && corrupt + ended == 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),       cmocka_unit_test(test_floats),
        cmocka_unit_test(test_int64),       cmocka_unit_test(test_order_of_items),
        cmocka_unit_test(test_find),        cmocka_unit_test(test_find_in_unsorted),
        cmocka_unit_test(test_skip_random), cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
