/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "proto/http_reader.h"
#include "support/http_trace.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

enum { TRACE_BYTES_MAX = 1 << 22 };

static size_t random_size(void *ctx)
{
    return (size_t)test_random_below(ctx, 9);
}

static size_t size_one(void *ctx)
{
    (void)ctx;
    return 1;
}

/* The trace of `bytes`, which must be the same in one piece, byte by byte, and in pieces of random
 * sizes (H1). */
static void check_bytes(const copse_env *env, copse_bytes bytes, const char *expected)
{
    copse_buf one;
    copse_buf other;
    uint64_t seed = bytes.len;
    copse_buf_init(&one, env, TRACE_BYTES_MAX);
    copse_buf_init(&other, env, TRACE_BYTES_MAX);
    assert_int_equal(http_trace(env, bytes, NULL, NULL, &one), COPSE_OK);
    for (int round = 0; round < 12; round++) {
        copse_buf_truncate(&other, 0);
        assert_int_equal(http_trace(env, bytes, round == 0 ? size_one : random_size, &seed, &other),
                         COPSE_OK);
        assert_true(copse_bytes_equal(copse_buf_view(&one), copse_buf_view(&other)));
    }
    assert_int_equal(copse_buf_append_byte(&one, 0), COPSE_OK);
    if (expected != NULL) {
        assert_string_equal((const char *)one.ptr, expected);
    }
    copse_buf_release(&one);
    copse_buf_release(&other);
}

static void check(const char *text, const char *expected)
{
    test_env env;
    test_env_init(&env);
    check_bytes(&env.env, copse_bytes_of_text(text), expected);
    test_env_assert_empty(&env);
}

#define HOST "Host: h\r\n"

static void test_requests(void **state)
{
    (void)state;
    check("GET / HTTP/1.1\r\n" HOST "\r\n", "HEAD GET /? 1.1 keep Host=h;\nEND \n");
    check("GET /a%20b?c=d&e HTTP/1.1\r\nhOST:  h \t\r\nX:\r\n\r\n",
          "HEAD GET /a%20b?c=d&e 1.1 keep hOST=h;X=;\nEND \n");
    check("\r\nHEAD / HTTP/1.0\r\n\r\n", "HEAD HEAD /? 1.0 close \nEND \n");
    check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "HEAD GET /? 1.0 keep Connection=keep-alive;\nEND \n");
    check("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
          "HEAD GET /? 1.1 close Host=h;Connection=close;\nEND \n");
    check("GET http://h:1/p?q HTTP/1.1\r\n" HOST "\r\n", "HEAD GET /p?q 1.1 keep Host=h;\nEND \n");
    check("GET http://h HTTP/1.1\r\n" HOST "\r\n", "HEAD GET /? 1.1 keep Host=h;\nEND \n");
    check("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "HEAD OPTIONS *? 1.1 keep Host=h;\nEND \n");
    check("", "");
}

static void test_bodies(void **state)
{
    (void)state;
    check("POST /b HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
          "HEAD POST /b? 1.1 keep Host=h;Content-Length=5;\nEND hello\n");
    check("POST /b HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
          "HEAD POST /b? 1.1 keep continue Host=h;Expect=100-Continue;Content-Length=1;\nEND x\n");
    check("POST /b HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
          "5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nTrailer: x\r\n\r\n",
          "HEAD POST /b? 1.1 keep Host=h;Transfer-Encoding=chunked;\nEND hello world\n");
    check("GET /b HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
          "HEAD GET /b? 1.1 keep Host=h;Content-Length=0;\nEND \n");
}

static void test_pipelining(void **state)
{
    (void)state;
    check("GET /1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST
          "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n\r\nGET /3 HTTP/1.1\r\n" HOST
          "Upgrade: h2c\r\nConnection: upgrade\r\n\r\nGET /4 HTTP/1.1\r\n" HOST "\r\nGET /5",
          "HEAD GET /1? 1.1 keep Host=h;\nEND \n"
          "HEAD POST /2? 1.1 keep Host=h;Transfer-Encoding=chunked;\nEND x\n"
          "HEAD GET /3? 1.1 keep Host=h;Upgrade=h2c;Connection=upgrade;\nEND \n"
          "HEAD GET /4? 1.1 keep Host=h;\nEND \n");
}

/* What one parser may take for one request and another for two (H2, H3, H4). */
static void test_smuggling(void **state)
{
    static const char *const refused[] = {
        "POST / HTTP/1.1\r\n" HOST
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\rC: d\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\nC: d\r\n\r\n",
        "GET / HTTP/1.1\n" HOST "\n",
        "GET / HTTP/1.1\r\n" HOST "A: b\x01\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "A b: c\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "novalue\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST HOST "\r\n",
        "GET / HTTP/1.0\r\n" HOST HOST "\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n" HOST "\r\n",
        "GET / HTTP/1.1 \r\n" HOST "\r\n",
        " GET / HTTP/1.1\r\n" HOST "\r\n",
        "\rGET / HTTP/1.1\r\n" HOST "\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "FETCH / HTTP/1.1\r\n" HOST "\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "Content-Length\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\tx\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
        "chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET / HTTP/1.1\r\n" HOST "\x7f: b\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        test_env env;
        copse_buf trace;
        test_env_init(&env);
        copse_buf_init(&trace, &env.env, TRACE_BYTES_MAX);
        check_bytes(&env.env, copse_bytes_of_text(refused[i]), NULL);
        assert_int_equal(http_trace(&env.env, copse_bytes_of_text(refused[i]), NULL, NULL, &trace),
                         COPSE_OK);
        bool is_400 =
            copse_bytes_equal(copse_buf_view(&trace), copse_bytes_of_text("REFUSE 400\n"));
        if (!is_400) {
            print_message("%s\n%.*s\n", refused[i], (int)trace.len, (const char *)trace.ptr);
        }
        assert_true(is_400);
        copse_buf_release(&trace);
        test_env_assert_empty(&env);
    }
}

static void test_broken_chunks(void **state)
{
    static const char *const refused[] = {
        "x\r\n",
        "\r\n",
        "1\nx\r\n",
        "1\r\nxy\r\n",
        "1\r\nx\n0\r\n\r\n",
        "-1\r\n",
        "0x1\r\nx\r\n",
        "fffffffffffffffff\r\n",
        "1 \r\nx\r\n0\r\n\r\n",
        "0\r\nA: b\nC: d\r\n\r\n",
    };
    char text[256];
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        (void)snprintf(text, sizeof text,
                       "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s",
                       refused[i]);
        check(text, "HEAD POST /? 1.1 keep Host=h;Transfer-Encoding=chunked;\nREFUSE 400\n");
    }
}

static void test_other_refusals(void **state)
{
    (void)state;
    check("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", "REFUSE 501\n");
    check("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", "REFUSE 501\n");
    check("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", "REFUSE 501\n");
    check("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n",
          "REFUSE 400\n");
    check("GET /\r\n" HOST "\r\n", "REFUSE 505\n"); /* HTTP/0.9 */
    check("CONNECT h:1 HTTP/1.1\r\n" HOST "\r\n", "REFUSE 501\n");
    check("GET / HTTP/1.1\r\n" HOST "Expect: miracles\r\n\r\n", "REFUSE 417\n");
    check("GET / HTTP/1.1\r\n" HOST "\r\nGARBAGE\r\n\r\n",
          "HEAD GET /? 1.1 keep Host=h;\nEND \nREFUSE 400\n");
}

/* Fills `text` with a request whose part of `size` bytes is as long as that. */
static void check_limit(const copse_limits *limits, const char *before, size_t size,
                        const char *after, const char *expected)
{
    char text[4096];
    test_env env;
    size_t len = strlen(before);
    test_env_init(&env);
    env.env.limits = *limits;
    memcpy(text, before, len);
    memset(text + len, 'a', size);
    (void)snprintf(text + len + size, sizeof text - len - size, "%s", after);
    check_bytes(&env.env, copse_bytes_of_text(text), expected);
    test_env_assert_empty(&env);
}

static void test_limits(void **state)
{
    copse_limits limits;
    (void)state;
    copse_limits_init(&limits);
    limits.http_url_bytes_max = 64;
    limits.http_head_bytes_max = 128;
    limits.http_headers_max = 3;
    limits.http_body_bytes_max = 10;
    /* The request line: "GET /", " HTTP/1.1\r\n": 16 bytes. */
    check_limit(&limits, "GET /", 49, " HTTP/1.1\r\n" HOST "\r\n", "REFUSE 414\n");
    check_limit(&limits, "GET /", 300, "", "REFUSE 414\n");
    check_limit(&limits, "GET / HTTP/1.1\r\n" HOST "X: ", 100, "\r\n\r\n", "REFUSE 431\n");
    check_limit(&limits, "GET / HTTP/1.1\r\n" HOST "X: ", 1000, "", "REFUSE 431\n");
    check_limit(&limits, "GET / HTTP/1.1\r\n" HOST "A:1\r\nB:2\r\nC:3", 0, "\r\n\r\n",
                "REFUSE 431\n");
    check_limit(&limits, "GET / HTTP/1.1\r\n" HOST "A:1\r\nB:2", 0, "\r\n\r\n",
                "HEAD GET /? 1.1 keep Host=h;A=1;B=2;\nEND \n");
    check_limit(&limits, "POST / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n", 10, "",
                "HEAD POST /? 1.1 keep Host=h;Content-Length=10;\nEND aaaaaaaaaa\n");
    check_limit(&limits, "POST / HTTP/1.1\r\n" HOST "Content-Length: 11\r\n\r\n", 11, "",
                "REFUSE 413\n");
    check_limit(&limits, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nb\r\n", 11,
                "\r\n0\r\n\r\n",
                "HEAD POST /? 1.1 keep Host=h;Transfer-Encoding=chunked;\nREFUSE 413\n");
    /* Framing without content is bounded too (H5). */
    check_limit(&limits, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", 200,
                "\r\nx\r\n0\r\n\r\n",
                "HEAD POST /? 1.1 keep Host=h;Transfer-Encoding=chunked;\nREFUSE 413\n");
}

static void test_refusal_is_final(void **state)
{
    test_env env;
    copse_http_reader *reader = NULL;
    copse_http_event event = COPSE_HTTP_EVENT_END;
    copse_err err;
    size_t taken = 77;
    (void)state;
    test_env_init(&env);
    assert_int_equal(copse_http_reader_new(&env.env, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_http_reader_refusal(reader), 0);
    assert_false(copse_http_reader_is_inside(reader));
    assert_int_equal(
        copse_http_reader_next(reader, copse_bytes_of_text("x\n"), &taken, &event, &err),
        COPSE_CORRUPT);
    assert_int_equal(taken, 77);
    assert_int_equal(err.status, COPSE_CORRUPT);
    assert_int_equal(copse_http_reader_next(reader, copse_bytes_of_text("GET / HTTP/1.0\r\n\r\n"),
                                            &taken, &event, &err),
                     COPSE_CORRUPT);
    reader = copse_http_reader_free(reader);
    assert_null(copse_http_reader_free(NULL));
    test_env_assert_empty(&env);
}

static copse_status sweep(const copse_env *env, void *ctx)
{
    copse_buf trace;
    copse_buf_init(&trace, env, TRACE_BYTES_MAX);
    copse_status status = http_trace(env, copse_bytes_of_text(ctx), NULL, NULL, &trace);
    copse_buf_release(&trace);
    return status;
}

static void test_no_memory(void **state)
{
    char text[] =
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n" HOST "\r\n";
    (void)state;
    assert_true(test_env_sweep(sweep, text, 1000) >= 4);
}

/* A NUL ends no name and no value, wherever it stands. */
static void test_nul(void **state)
{
    static const char request[] = "GET /a HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    (void)state;
    for (size_t at = 0; at + 1 < sizeof request; at++) {
        char text[sizeof request];
        test_env env;
        memcpy(text, request, sizeof request);
        text[at] = '\0';
        test_env_init(&env);
        check_bytes(&env.env, (copse_bytes){(const uint8_t *)text, sizeof request - 1},
                    at + 3 < sizeof request ? "REFUSE 400\n" : NULL);
        test_env_assert_empty(&env);
    }
}

/* A reader that was reset is a new one, whatever it had read. */
static void test_reset(void **state)
{
    static const char *const before[] = {"", "\r", "GET / HT",
                                         "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nabc",
                                         "nonsense\r\n\r\n"};
    const copse_bytes request = copse_bytes_of_text("GET /a HTTP/1.1\r\n" HOST "\r\n");
    copse_http_reader *reader = NULL;
    copse_http_event event;
    test_env env;
    size_t taken = 0;
    (void)state;
    test_env_init(&env);
    assert_int_equal(copse_http_reader_new(&env.env, &reader, NULL), COPSE_OK);
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        copse_bytes bytes = copse_bytes_of_text(before[i]);
        copse_status status = COPSE_OK;
        while (status == COPSE_OK) {
            status = copse_http_reader_next(reader, bytes, &taken, &event, NULL);
            bytes = (copse_bytes){bytes.ptr + taken, bytes.len - taken};
        }
        copse_http_reader_reset(reader);
        assert_false(copse_http_reader_is_inside(reader));
        assert_int_equal(copse_http_reader_refusal(reader), 0);
        assert_int_equal(copse_http_reader_next(reader, request, &taken, &event, NULL), COPSE_OK);
        assert_int_equal(event, COPSE_HTTP_EVENT_HEAD);
        assert_int_equal(taken, request.len);
        assert_true(
            copse_bytes_equal(copse_http_reader_request(reader)->path, copse_bytes_of_text("/a")));
        assert_true(copse_http_reader_is_inside(reader));
        assert_int_equal(
            copse_http_reader_next(reader, (copse_bytes){NULL, 0}, &taken, &event, NULL), COPSE_OK);
        assert_false(copse_http_reader_is_inside(reader));
        copse_http_reader_reset(reader);
    }
    reader = copse_http_reader_free(reader);
    test_env_assert_empty(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_smuggling),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_broken_chunks),
        cmocka_unit_test(test_other_refusals),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_refusal_is_final),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
