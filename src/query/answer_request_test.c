/* Requests for answers: their bytes, what comes back of them, and what is none.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "query/answer_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/answer_support.h"
#include "support/test_env.h"

enum { SIZE_MAX_BYTES = 512 };

/* Encoded by other software. */
static const char least_hex[] =
    "a46468617665806468696e74f664726f6f74f6657175657279a664736b69700064736f7274f6656c696d6974"
    "006666696c746572a06770726f6a656374f66a636f6c6c656374696f6e65706f737473";
static const char full_hex[] =
    "a4646861766583d82a58250001711220ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785"
    "afee48bbd82a582500017112203e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c00"
    "9dd82a4500015500006468696e746c746167735f6372656174656464726f6f74d82a58250001711220454349"
    "e422f05297191ead13e21d3db520e5abef52055e4964b82fb213f593a1657175657279a664736b6970036473"
    "6f72748282647461677301826963726561746564417420656c696d697418206666696c746572a16474616773"
    "6274316770726f6a656374a1657469746c65016a636f6c6c656374696f6e65706f737473";

static copse_bytes from_hex(const char *hex, uint8_t ret_bytes[SIZE_MAX_BYTES])
{
    size_t size = strlen(hex) / 2;
    assert_true(size <= SIZE_MAX_BYTES);
    for (size_t i = 0; i < size; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret_bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return (copse_bytes){ret_bytes, size};
}

/* What full_hex says. */
typedef struct full_request {
    answer_query query;
    copse_cid root;
    copse_cid have[3];
} full_request;

static void full_request_init(full_request *full)
{
    answer_query_init(&full->query, "{\"tags\":\"t1\"}", "tags,-createdAt", "{\"title\":1}", 3, 32);
    full->query.options.hint = copse_bytes_of_text("tags_created");
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("r"), &full->root);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("a"), &full->have[0]);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("b"), &full->have[1]);
    full->have[2] = (copse_cid){.size = 4, .bytes = {0x01, COPSE_CODEC_RAW, 0, 0}};
}

static void test_bytes(void **state)
{
    (void)state;
    uint8_t expected[SIZE_MAX_BYTES];
    full_request full;
    answer_query least;
    copse_buf buf;
    full_request_init(&full);
    answer_query_init(&least, NULL, NULL, NULL, 0, 0);
    copse_buf_init(&buf, &least.env, SIZE_MAX);
    assert_int_equal(copse_answer_request_encode(&least.options, NULL, NULL, 0, &buf, NULL),
                     COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), from_hex(least_hex, expected)));
    copse_buf_truncate(&buf, 0);
    assert_int_equal(
        copse_answer_request_encode(&full.query.options, &full.root, full.have, 3, &buf, NULL),
        COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), from_hex(full_hex, expected)));
    copse_buf_release(&buf);
    answer_query_release(&least);
    answer_query_release(&full.query);
}

static void assert_same(const copse_answer_request *request, const full_request *full)
{
    const copse_query_options *query = &request->query;
    const copse_query_options *right = &full->query.options;
    assert_int_equal(query->skip, 3);
    assert_int_equal(query->limit, 32);
    assert_true(copse_bytes_equal(query->collection, right->collection));
    assert_true(copse_bytes_equal(query->filter, right->filter));
    assert_true(copse_bytes_equal(query->projection, right->projection));
    assert_true(copse_bytes_equal(query->hint, right->hint));
    assert_ptr_equal(query->sort, &request->sort);
    assert_int_equal(query->sort->count, 2);
    assert_true(query->sort->fields[1].descending);
    assert_true(copse_cid_equal(&request->root, &full->root));
    assert_int_equal(request->have.len, sizeof full->have);
    assert_memory_equal(request->have.ptr, full->have, sizeof full->have);
}

static void test_reading(void **state)
{
    (void)state;
    uint8_t bytes[SIZE_MAX_BYTES];
    test_env env;
    full_request full;
    copse_answer_request request = {.root = {.size = 0}};
    test_env_init(&env);
    full_request_init(&full);
    assert_int_equal(
        copse_answer_request_decode(&env.env, from_hex(full_hex, bytes), &request, NULL), COPSE_OK);
    assert_same(&request, &full);
    copse_answer_request_release(&request);
    assert_int_equal(
        copse_answer_request_decode(&env.env, from_hex(least_hex, bytes), &request, NULL),
        COPSE_OK);
    assert_int_equal(request.root.size, 0);
    assert_int_equal(request.have.len, 0);
    assert_int_equal(request.query.hint.len, 0);
    assert_null(request.query.sort);
    copse_answer_request_release(&request);
    answer_query_release(&full.query);
    test_env_assert_empty(&env);
}

/* Each kind of item where another belongs, keys that are missing, bytes that are. */
static void test_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"have",       "have_map", "hint",   "hint_number",
                                        "root",       "query",    "skip",   "sort_empty",
                                        "sort_twice", "limit",    "filter", "project",
                                        "collection", "more",     "behind", "cut"};
    test_env env;
    uint8_t bytes[SIZE_MAX_BYTES];
    test_env_init(&env);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        copse_err err = {.message = ""};
        uint8_t *content;
        size_t size;
        copse_answer_request request = {.root = {.size = 0}};
        (void)snprintf(path, sizeof path, "tests/corpus/answer_request/%s", files[i]);
        assert_true(test_read_file(path, &content, &size));
        copse_bytes input = {content, size};
        assert_int_equal(copse_answer_request_decode(&env.env, input, &request, &err),
                         COPSE_CORRUPT);
        assert_true(strlen(err.message) > 10);
        copse_answer_request_release(&request);
        free(content);
    }
    copse_bytes full = from_hex(full_hex, bytes);
    for (size_t i = 0; i < full.len; i++) {
        copse_answer_request request = {.root = {.size = 0}};
        assert_int_equal(
            copse_answer_request_decode(&env.env, (copse_bytes){full.ptr, i}, &request, NULL),
            COPSE_CORRUPT);
        copse_answer_request_release(&request);
    }
    test_env_assert_empty(&env);
}

/* COPSE_ANSWER_HAVE_MAX links are taken, one more is not: neither written nor read. */
static void test_have_limit(void **state)
{
    (void)state;
    static copse_cid have[COPSE_ANSWER_HAVE_MAX + 1];
    test_env env;
    answer_query query;
    copse_buf buf;
    copse_answer_request request = {.root = {.size = 0}};
    test_env_init(&env);
    answer_query_init(&query, NULL, NULL, NULL, 0, 0);
    for (size_t i = 0; i <= COPSE_ANSWER_HAVE_MAX; i++) {
        copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){(const uint8_t *)&i, sizeof i}, &have[i]);
    }
    copse_buf_init(&buf, &env.env, SIZE_MAX);
    assert_int_equal(copse_answer_request_encode(&query.options, NULL, have,
                                                 COPSE_ANSWER_HAVE_MAX + 1, &buf, NULL),
                     COPSE_LIMIT);
    assert_int_equal(buf.len, 0);
    assert_int_equal(
        copse_answer_request_encode(&query.options, NULL, have, COPSE_ANSWER_HAVE_MAX, &buf, NULL),
        COPSE_OK);
    assert_int_equal(copse_answer_request_decode(&env.env, copse_buf_view(&buf), &request, NULL),
                     COPSE_OK);
    assert_memory_equal(request.have.ptr, have, COPSE_ANSWER_HAVE_MAX * sizeof *have);
    copse_answer_request_release(&request);

    static const uint8_t more[] = {0x99, 0x10, 0x01}; /* an array of 4097 for one of 4096 */
    static const size_t head_at = 6;                  /* behind the map's head and "have" */
    assert_memory_equal(buf.ptr + head_at, "\x99\x10\x00", 3);
    memcpy(buf.ptr + head_at, more, sizeof more);
    size_t links_end = head_at + sizeof more + COPSE_ANSWER_HAVE_MAX * 41;
    copse_buf longer;
    copse_buf_init(&longer, &env.env, SIZE_MAX);
    assert_int_equal(copse_buf_append(&longer, (copse_bytes){buf.ptr, links_end}), COPSE_OK);
    assert_int_equal(copse_buf_append(&longer, (copse_bytes){buf.ptr + links_end - 41, 41}),
                     COPSE_OK);
    assert_int_equal(
        copse_buf_append(&longer, (copse_bytes){buf.ptr + links_end, buf.len - links_end}),
        COPSE_OK);
    assert_int_equal(copse_answer_request_decode(&env.env, copse_buf_view(&longer), &request, NULL),
                     COPSE_LIMIT);
    copse_answer_request_release(&request);
    copse_buf_release(&longer);
    copse_buf_release(&buf);
    answer_query_release(&query);
    test_env_assert_empty(&env);
}

static copse_status read_and_write(const copse_env *env, void *ctx)
{
    copse_bytes *bytes = ctx;
    copse_answer_request request = {.root = {.size = 0}};
    copse_buf again;
    copse_buf_init(&again, env, SIZE_MAX);
    copse_status status = copse_answer_request_decode(env, *bytes, &request, NULL);
    if (status == COPSE_OK) {
        status = copse_answer_request_encode(&request.query, &request.root,
                                             (const copse_cid *)(const void *)request.have.ptr, 3,
                                             &again, NULL);
    }
    copse_buf_release(&again);
    copse_answer_request_release(&request);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    uint8_t bytes[SIZE_MAX_BYTES];
    copse_bytes full = from_hex(full_hex, bytes);
    assert_true(test_env_sweep(read_and_write, &full, 100) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),     cmocka_unit_test(test_reading),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_have_limit),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
