/* Requests for history: their bytes, what comes back of them, and what is none.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "sync/commits_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

/* What the file of tests/corpus/commits_request/ holds, which other software has written. */
static copse_bytes corpus(const char *name)
{
    char path[128];
    uint8_t *content = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "tests/corpus/commits_request/%s", name);
    assert_true(test_read_file(path, &content, &size));
    return (copse_bytes){content, size};
}

static void corpus_free(copse_bytes bytes)
{
    free((void *)(uintptr_t)bytes.ptr);
}

static void name_cid(const char *text, copse_cid *ret_cid)
{
    memset(ret_cid, 0, sizeof *ret_cid);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text(text), ret_cid);
}

/* What "full" says: have a and b, want c, limit 1,000. */
static copse_status encode_full(copse_buf *buf)
{
    copse_cid have[2];
    copse_cid want;
    name_cid("a", &have[0]);
    name_cid("b", &have[1]);
    name_cid("c", &want);
    return copse_commits_request_encode(&want, 1, have, 2, 1000, buf, NULL);
}

static void test_bytes(void **state)
{
    (void)state;
    test_env env;
    copse_buf buf;
    copse_bytes least = corpus("least");
    copse_bytes full = corpus("full");
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, SIZE_MAX);
    assert_int_equal(copse_commits_request_encode(NULL, 0, NULL, 0, 0, &buf, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), least));
    copse_buf_truncate(&buf, 0);
    assert_int_equal(encode_full(&buf), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), full));
    copse_buf_release(&buf);
    corpus_free(least);
    corpus_free(full);
}

/* Reads "full", and writes it again. */
static copse_status read_and_write(const copse_env *env, void *ctx)
{
    const copse_bytes *bytes = ctx;
    copse_commits_request request = {.limit = 0};
    copse_buf again;
    copse_buf_init(&again, env, SIZE_MAX);
    copse_status status = copse_commits_request_decode(env, *bytes, &request, NULL);
    if (status == COPSE_OK) {
        const copse_cid *have = (const copse_cid *)(const void *)request.have.ptr;
        const copse_cid *want = (const copse_cid *)(const void *)request.want.ptr;
        assert_int_equal(request.have.len, 2 * sizeof *have);
        assert_int_equal(request.want.len, sizeof *want);
        assert_int_equal(request.limit, 1000);
        status = copse_commits_request_encode(want, 1, have, 2, request.limit, &again, NULL);
    }
    assert_true(status != COPSE_OK || copse_bytes_equal(copse_buf_view(&again), *bytes));
    copse_buf_release(&again);
    copse_commits_request_release(&request);
    return status;
}

static void test_reading(void **state)
{
    (void)state;
    copse_bytes full = corpus("full");
    assert_true(test_env_sweep(read_and_write, &full, 100) > 2);
    corpus_free(full);
}

static void assert_refused(copse_bytes bytes, copse_status expected)
{
    test_env env;
    copse_err err = {.message = ""};
    copse_commits_request request = {.limit = 0};
    test_env_init(&env);
    assert_int_equal(copse_commits_request_decode(&env.env, bytes, &request, &err), expected);
    assert_true(strlen(err.message) > 10);
    copse_commits_request_release(&request);
    test_env_assert_empty(&env);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const files[] = {
        "have_map",    "have_text",  "want_number", "want_null",   "limit_negative",
        "limit_float", "limit_null", "more",        "less",        "order",
        "behind",      "list",       "empty",       "long_number",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        copse_bytes bytes = corpus(files[i]);
        assert_refused(bytes, COPSE_CORRUPT);
        corpus_free(bytes);
    }
    copse_bytes full = corpus("full");
    for (size_t i = 0; i < full.len; i++) {
        assert_refused((copse_bytes){full.ptr, i}, COPSE_CORRUPT);
    }
    corpus_free(full);
}

/* Puts a link more into the list at `at`, whose head becomes another: LIMIT. */
static void assert_refused_with_more(const copse_buf *request, size_t at, copse_bytes head,
                                     copse_bytes head_more)
{
    test_env env;
    copse_buf more;
    size_t first = at + head.len;
    test_env_init(&env);
    copse_buf_init(&more, &env.env, SIZE_MAX);
    assert_memory_equal(request->ptr + at, head.ptr, head.len);
    assert_int_equal(copse_buf_append(&more, (copse_bytes){request->ptr, at}), COPSE_OK);
    assert_int_equal(copse_buf_append(&more, head_more), COPSE_OK);
    assert_int_equal(copse_buf_append(&more, (copse_bytes){request->ptr + first, 41}), COPSE_OK);
    assert_int_equal(
        copse_buf_append(&more, (copse_bytes){request->ptr + first, request->len - first}),
        COPSE_OK);
    assert_refused(copse_buf_view(&more), COPSE_LIMIT);
    copse_buf_release(&more);
    test_env_assert_empty(&env);
}

/* As many as may be are taken; one more is not: neither written nor read. */
static void test_most(void **state)
{
    (void)state;
    static copse_cid cids[COPSE_COMMITS_HAVE_MAX + 1];
    test_env env;
    copse_buf buf;
    copse_commits_request request = {.limit = 0};
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, SIZE_MAX);
    for (size_t i = 0; i <= COPSE_COMMITS_HAVE_MAX; i++) {
        copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){(const uint8_t *)&i, sizeof i}, &cids[i]);
    }
    assert_int_equal(
        copse_commits_request_encode(cids, COPSE_COMMITS_WANT_MAX + 1, NULL, 0, 0, &buf, NULL),
        COPSE_LIMIT);
    assert_int_equal(
        copse_commits_request_encode(NULL, 0, cids, COPSE_COMMITS_HAVE_MAX + 1, 0, &buf, NULL),
        COPSE_LIMIT);
    assert_int_equal(buf.len, 0);
    assert_int_equal(copse_commits_request_encode(cids, COPSE_COMMITS_WANT_MAX, cids,
                                                  COPSE_COMMITS_HAVE_MAX, UINT64_MAX, &buf, NULL),
                     COPSE_OK);
    assert_int_equal(copse_commits_request_decode(&env.env, copse_buf_view(&buf), &request, NULL),
                     COPSE_OK);
    assert_memory_equal(request.have.ptr, cids, COPSE_COMMITS_HAVE_MAX * sizeof *cids);
    assert_int_equal(request.want.len, COPSE_COMMITS_WANT_MAX * sizeof *cids);
    assert_true(request.limit == UINT64_MAX);
    copse_commits_request_release(&request);

    /* A list that says that it has one item more, and has it. */
    static const size_t have_at = 6; /* behind the map's head and "have" */
    size_t want_at = have_at + 3 + COPSE_COMMITS_HAVE_MAX * 41 + 5;
    const copse_bytes have_head = {(const uint8_t *)"\x99\x01\x00", 3};
    assert_refused_with_more(&buf, have_at, have_head, copse_bytes_of_text("\x99\x01\x01"));
    const copse_bytes want_more = {(const uint8_t *)"\x99\x01\x00", 3};
    assert_refused_with_more(&buf, want_at, copse_bytes_of_text("\x98\xff"), want_more);
    copse_buf_release(&buf);
    test_env_assert_empty(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
