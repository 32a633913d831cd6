/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/metrics.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS = sizeof(copse_counts) / sizeof(uint64_t) };

_Static_assert(sizeof(size_t) != sizeof(uint64_t) || sizeof(copse_counts) % sizeof(uint64_t) == 0,
               "every count is one word");

/* No count is forgotten: each is a word of its own. */
static void test_adds_all(void **state)
{
    uint64_t words[WORDS];
    copse_counts counts;
    (void)state;
    if (sizeof(size_t) != sizeof(uint64_t)) {
        skip();
    }
    for (size_t i = 0; i < WORDS; i++) {
        words[i] = i + 1;
    }
    memcpy(&counts, words, sizeof counts);
    copse_counts other = counts;
    copse_counts_add(&counts, &other);
    memcpy(words, &counts, sizeof counts);
    for (size_t i = 0; i < WORDS; i++) {
        assert_int_equal(words[i], 2 * (i + 1));
    }
    copse_counts_end(&counts);
    assert_int_equal(counts.http.connections, 0);
    assert_int_equal(counts.memory_bytes, 0);
    assert_int_equal(counts.http.accepted, 2 * other.http.accepted);
}

static void test_counts_requests(void **state)
{
    const char *names[COPSE_METRICS_ROUTES_MAX] = {"/a", "/b"};
    const copse_http_exchange rows[] = {
        {.status = 200, .duration_ms = 5}, {.status = 200}, {.status = 429}, {.status = 299}};
    copse_counts counts = {.memory_bytes = 77};
    test_env env;
    copse_buf buf;
    (void)state;
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, 1 << 16);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        copse_metrics_add(&counts.metrics, 1, &rows[i]);
    }
    assert_int_equal(copse_metrics_write(&counts, names, &buf), COPSE_OK);
    assert_int_equal(copse_buf_append_byte(&buf, 0), COPSE_OK);
    const char *text = (const char *)buf.ptr;
    assert_non_null(strstr(text, "\ncopse_http_requests_total{route=\"/b\",status=\"200\"} 2\n"));
    assert_non_null(strstr(text, "\ncopse_http_requests_total{route=\"/b\",status=\"429\"} 1\n"));
    assert_non_null(strstr(text, "\ncopse_http_answer_milliseconds_total 5\n"));
    assert_non_null(strstr(text, "\ncopse_answer_memory_bytes 77\n"));
    assert_null(strstr(text, "route=\"/a\""));
    copse_buf_release(&buf);
    test_env_assert_empty(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adds_all),
        cmocka_unit_test(test_counts_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
