/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/follow_list.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum { LIST_BYTES_MAX = 1 << 16 };

static copse_cid list_cid(const char *text)
{
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text(text), &cid);
    return cid;
}

static copse_follow_list *list_new(test_env *test)
{
    copse_follow_list *list = NULL;
    test_env_init(test);
    assert_int_equal(copse_follow_list_new(&test->env, &list, NULL), COPSE_OK);
    return list;
}

static void list_free(test_env *test, copse_follow_list *list)
{
    assert_null(copse_follow_list_free(list));
    test_env_assert_empty(test);
}

/* Encodes and decodes; what comes back has to encode to the same bytes. */
static copse_follow_list *list_again(test_env *test, copse_follow_list *list)
{
    copse_follow_list *back = NULL;
    copse_buf bytes[2];
    copse_err err = {0};
    for (size_t i = 0; i < 2; i++) {
        copse_buf_init(&bytes[i], &test->env, LIST_BYTES_MAX);
        assert_int_equal(copse_follow_list_encode(i == 0 ? list : back, &bytes[i], &err), COPSE_OK);
        if (i == 0 && copse_follow_list_decode(&test->env, copse_buf_view(&bytes[0]), &back,
                                               &err) != COPSE_OK) {
            fail_msg("%s", err.message);
        }
    }
    assert_true(copse_bytes_equal(copse_buf_view(&bytes[0]), copse_buf_view(&bytes[1])));
    copse_buf_release(&bytes[0]);
    copse_buf_release(&bytes[1]);
    copse_follow_list_free(list);
    return back;
}

static void test_addresses(void **state)
{
    (void)state;
    test_env test;
    copse_follow_list *list = list_new(&test);
    char text[COPSE_FOLLOW_ADDRESS_SIZE_BYTES_MAX + 2];
    assert_int_equal(copse_follow_list_add(list, "http://a/blog", NULL), COPSE_OK);
    assert_int_equal(copse_follow_list_add(list, "../b.copse", NULL), COPSE_OK);
    assert_int_equal(copse_follow_list_add(list, "http://a/blog", NULL), COPSE_CONFLICT);
    assert_int_equal(copse_follow_list_add(list, "", NULL), COPSE_MISUSE);
    assert_int_equal(copse_follow_list_add(list, "a\nb", NULL), COPSE_MISUSE);
    assert_int_equal(copse_follow_list_add(list, "a\xff", NULL), COPSE_MISUSE);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(copse_follow_list_add(list, text, NULL), COPSE_MISUSE);
    text[sizeof text - 2] = '\0';
    assert_int_equal(copse_follow_list_add(list, text, NULL), COPSE_OK);
    list = list_again(&test, list);
    assert_int_equal(copse_follow_list_count(list), 3);
    assert_int_equal(copse_follow_list_find(list, "../b.copse"), 1);
    assert_int_equal(copse_follow_list_find(list, "../c.copse"), SIZE_MAX);
    copse_follow_list_remove(list, 0);
    assert_string_equal(copse_follow_list_at(list, 0)->address, "../b.copse");
    assert_string_equal(copse_follow_list_at(list, 1)->address, text);
    assert_null(copse_follow_list_at(list, 2));
    for (int i = 2; i < COPSE_FOLLOW_MAX; i++) {
        (void)snprintf(text, sizeof text, "http://%d/", i);
        assert_int_equal(copse_follow_list_add(list, text, NULL), COPSE_OK);
    }
    assert_int_equal(copse_follow_list_add(list, "more", NULL), COPSE_LIMIT);
    list = list_again(&test, list);
    assert_int_equal(copse_follow_list_count(list), COPSE_FOLLOW_MAX);
    list_free(&test, list);
}

/* L1, kept from one time to the next. */
static void test_what_is_heard(void **state)
{
    (void)state;
    const struct {
        copse_head_relation relation;
        copse_follow_state expected;
    } cases[] = {
        {COPSE_HEADS_SAME, COPSE_FOLLOW_GOING},
        {COPSE_HEADS_BEHIND, COPSE_FOLLOW_GOING},
        {COPSE_HEADS_AHEAD, COPSE_FOLLOW_ROLLED_BACK},
        {COPSE_HEADS_APART, COPSE_FOLLOW_FORKED},
    };
    test_env test;
    copse_follow_list *list = list_new(&test);
    const copse_cid head = list_cid("head");
    const copse_cid next = list_cid("next");
    for (size_t i = 0; i < 4; i++) {
        char address[8];
        (void)snprintf(address, sizeof address, "%zu", i);
        assert_int_equal(copse_follow_list_add(list, address, NULL), COPSE_OK);
        assert_int_equal(copse_follow_list_at(list, i)->time_ms, 0);
        assert_int_equal(copse_follow_list_hear(list, i, &head, cases[i].relation, 7, 1000 + i),
                         cases[i].expected);
    }
    list = list_again(&test, list);
    for (size_t i = 0; i < 4; i++) {
        bool is_good = cases[i].expected == COPSE_FOLLOW_GOING;
        const copse_follow_source *source = copse_follow_list_at(list, i);
        assert_int_equal(source->state, cases[i].expected);
        assert_int_equal(source->time_ms, 1000 + i);
        assert_int_equal(source->sequence, is_good ? 7 : 0);
        assert_int_equal(source->refused.size > 0, !is_good);
        /* Once refused it stays so, and what it was refused for. */
        assert_int_equal(copse_follow_list_hear(list, i, &next, COPSE_HEADS_BEHIND, 8, 2000),
                         cases[i].expected);
        assert_true(is_good || copse_cid_equal(&copse_follow_list_at(list, i)->refused, &head));
        copse_follow_list_accept(list, i);
        assert_int_equal(copse_follow_list_at(list, i)->state, COPSE_FOLLOW_GOING);
        assert_int_equal(copse_follow_list_hear(list, i, &next, COPSE_HEADS_SAME, 9, 3000),
                         COPSE_FOLLOW_GOING);
    }
    list_free(&test, list_again(&test, list));
}

/* L2 */
static void test_pauses_grow(void **state)
{
    (void)state;
    const uint64_t expected[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
    const uint64_t now = 5000;
    copse_follow_pause pause = {.until_ms = 0};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        copse_follow_pause_grow(&pause, now + i);
        assert_int_equal(pause.until_ms, now + i + 1000 * expected[i]);
    }
}

/* The bytes of docs/formats/follow.md, and what is not quite that. */
static void test_encoding(void **state)
{
    (void)state;
    static const char example[] = "a4"
                                  "66"
                                  "466f726d6174"
                                  "69"
                                  "666f6c6c6f77696e67"
                                  "67"
                                  "56657273696f6e"
                                  "01"
                                  "67"
                                  "736f7572636573"
                                  "81"
                                  "a3"
                                  "64"
                                  "74696d65"
                                  "1903e8"
                                  "67"
                                  "61646472657373"
                                  "65"
                                  "612f626c6f"
                                  "68"
                                  "73657175656e6365"
                                  "07"
                                  "6a"
                                  "6261636b66696c6c6564"
                                  "186f";
    test_env test;
    copse_follow_list *list = list_new(&test);
    const copse_cid head = list_cid("head");
    copse_buf bytes;
    assert_int_equal(copse_follow_list_add(list, "a/blo", NULL), COPSE_OK);
    (void)copse_follow_list_hear(list, 0, &head, COPSE_HEADS_SAME, 7, 1000);
    copse_follow_list_set_backfilled(list, 111);
    copse_buf_init(&bytes, &test.env, LIST_BYTES_MAX);
    assert_int_equal(copse_follow_list_encode(list, &bytes, NULL), COPSE_OK);
    list = copse_follow_list_free(list);
    uint8_t expected[sizeof example / 2];
    for (size_t i = 0; i < sizeof expected; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(example + 2 * i, "%2x", &byte), 1);
        expected[i] = (uint8_t)byte;
    }
    assert_int_equal(bytes.len, sizeof expected);
    assert_memory_equal(bytes.ptr, expected, sizeof expected);
    /* One byte less, or another one: never taken for the same list. */
    for (size_t i = 0; i < sizeof expected; i++) {
        copse_bytes cut = {expected, i};
        assert_int_equal(copse_follow_list_decode(&test.env, cut, &list, NULL), COPSE_CORRUPT);
    }
    expected[17] = 'x'; /* another format */
    assert_int_equal(
        copse_follow_list_decode(&test.env, (copse_bytes){expected, sizeof expected}, &list, NULL),
        COPSE_CORRUPT);
    assert_null(list);
    copse_buf_release(&bytes);
    test_env_assert_empty(&test);
}

static copse_status list_sweep(const copse_env *env, void *ctx)
{
    const copse_buf *bytes = ctx;
    copse_follow_list *list = NULL;
    copse_status status = copse_follow_list_decode(env, copse_buf_view(bytes), &list, NULL);
    copse_follow_list_free(list);
    return status;
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    test_env test;
    copse_follow_list *list = list_new(&test);
    copse_buf bytes;
    assert_int_equal(copse_follow_list_add(list, "a", NULL), COPSE_OK);
    copse_buf_init(&bytes, &test.env, LIST_BYTES_MAX);
    assert_int_equal(copse_follow_list_encode(list, &bytes, NULL), COPSE_OK);
    assert_true(test_env_sweep(list_sweep, &bytes, 100) >= 2);
    copse_buf_release(&bytes);
    list_free(&test, list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),       cmocka_unit_test(test_what_is_heard),
        cmocka_unit_test(test_pauses_grow),     cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
