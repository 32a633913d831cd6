/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/key_sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum { ROOM = 1400 };

/* How the keys of a test look. */
typedef enum key_shape {
    KEYS_RANDOM,
    KEYS_ZEROES, /* only zero bytes: tells padding from bytes (X1) */
    KEYS_FEW,    /* many equal ones */
    KEYS_EQUAL,
    KEYS_PREFIXED, /* 300 bytes in common (X2) */
    KEYS_LADDER,   /* prefixes of one string: ties at every depth (X4) */
    KEYS_TOO_LONG, /* ties beyond the stack of X4 */
    KEYS_ASCENDING,
    KEYS_DESCENDING,
    KEYS_SHAPES
} key_shape;

static size_t make_key(key_shape shape, size_t i, uint64_t *random, uint8_t *key)
{
    size_t len = test_random_below(random, 24);
    switch (shape) {
    case KEYS_ZEROES:
        memset(key, 0, len);
        return len;
    case KEYS_FEW:
        key[0] = (uint8_t)test_random_below(random, 5);
        return 1;
    case KEYS_EQUAL:
        memcpy(key, "the same key", 12);
        return 12;
    case KEYS_PREFIXED:
        memset(key, 'p', 300);
        for (size_t j = 0; j < len; j++) {
            key[300 + j] = (uint8_t)test_random_below(random, 3);
        }
        return 300 + len;
    case KEYS_LADDER:
        memset(key, 'x', 1000);
        return test_random_below(random, 1000);
    case KEYS_TOO_LONG:
        memset(key, 'x', ROOM);
        key[7 * test_random_below(random, ROOM / 7)] = (uint8_t)test_random_below(random, 2);
        return ROOM - test_random_below(random, 10);
    case KEYS_ASCENDING:
    case KEYS_DESCENDING:
        i = shape == KEYS_ASCENDING ? i : 0xffffff - i;
        key[0] = (uint8_t)(i >> 16);
        key[1] = (uint8_t)(i >> 8);
        key[2] = (uint8_t)i;
        return 3;
    default:
        for (size_t j = 0; j < len; j++) {
            key[j] = (uint8_t)test_random(random);
        }
        return len;
    }
}

static int compare_items(const void *a, const void *b)
{
    const copse_sort_item *left = a;
    const copse_sort_item *right = b;
    int order = copse_bytes_compare(left->key, right->key);
    if (order != 0) {
        return order;
    }
    return left->tag < right->tag ? -1 : left->tag > right->tag;
}

static void check_sort(key_shape shape, size_t count, uint64_t seed)
{
    test_env env;
    uint64_t random = seed;
    test_env_init(&env);
    uint8_t *keys = malloc((count + 1) * ROOM);
    copse_sort_item *items = calloc(count + 1, sizeof *items);
    copse_sort_item *model = calloc(count + 1, sizeof *model);
    assert_true(keys != NULL && items != NULL && model != NULL);
    for (size_t i = 0; i < count; i++) {
        size_t len = make_key(shape, i, &random, keys + i * ROOM);
        items[i] = (copse_sort_item){.key = {keys + i * ROOM, len}, .tag = i};
    }
    memcpy(model, items, count * sizeof *items);
    qsort(model, count, sizeof *model, compare_items);
    assert_int_equal(copse_key_sort(&env.env, items, count, NULL), COPSE_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].tag, model[i].tag);
        assert_ptr_equal(items[i].key.ptr, model[i].key.ptr);
        assert_true(i == 0 || items[i].prefix >= items[i - 1].prefix);
    }
    assert_true(env.peak_bytes <= count * sizeof *items * 3 / 2);
    test_env_assert_empty(&env);
    free(keys);
    free(items);
    free(model);
}

static void test_model(void **state)
{
    (void)state;
    for (int shape = 0; shape < KEYS_SHAPES; shape++) {
        for (size_t count = 0; count < 70; count++) {
            check_sort((key_shape)shape, count, count);
        }
        check_sort((key_shape)shape, 3000, 1);
    }
    check_sort(KEYS_RANDOM, 20000, 3);
}

/* Without memory the items are as before. */
static void test_no_memory(void **state)
{
    test_env env;
    copse_sort_item items[2] = {{.key = {(const uint8_t *)"b", 1}, .tag = 0},
                                {.key = {(const uint8_t *)"a", 1}, .tag = 1}};
    copse_err err;
    (void)state;
    test_env_init(&env);
    for (uint64_t n = 0; n < 2; n++) {
        env.fail_at = env.calls + n;
        assert_int_equal(copse_key_sort(&env.env, items, 2, &err), COPSE_NOMEM);
        assert_int_equal(err.status, COPSE_NOMEM);
        assert_int_equal(items[0].tag, 0);
        test_env_assert_empty(&env);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests_name("key sort", tests, NULL, NULL);
}
