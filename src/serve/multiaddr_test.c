/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/multiaddr.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_texts(void **state)
{
    static const struct {
        const char *text;
        const char *address; /* NULL: refused */
    } cases[] = {
        {"http://127.0.0.1:4180", "/ip4/127.0.0.1/tcp/4180/http"},
        {"http://[::1]:4180/", "/ip6/::1/tcp/4180/http"},
        {"https://example.org", "/dns/example.org/tcp/443/tls/http"},
        {"http://example.org", "/dns/example.org/tcp/80/http"},
        {"http://[::ffff:192.0.2.1]", "/ip6/::ffff:192.0.2.1/tcp/80/http"},
        {"http://1.2.3", "/dns/1.2.3/tcp/80/http"},
        {"http://1.2.3.4.", "/dns/1.2.3.4./tcp/80/http"},
        {"http://1.2.3.4.5", "/dns/1.2.3.4.5/tcp/80/http"},
        {"/dns4/example.org/tcp/443/wss", "/dns4/example.org/tcp/443/wss"},
        {"http://", NULL},
        {"http:///", NULL},
        {"http://a//", NULL},
        {"http://a:", NULL},
        {"http://a:0", NULL},
        {"http://a:65536", NULL},
        {"http://a:1x", NULL},
        {"http://[::1", NULL},
        {"http://[]", NULL},
        {"http://[::1]x", NULL},
        {"http://a\"b", NULL},
        {"ftp://a", NULL},
        {"example.org", NULL},
        {"/", NULL},
        {"", NULL},
        {"/a b", NULL},
        {"/a\nb", NULL},
    };
    test_env env;
    (void)state;
    test_env_init(&env);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        copse_buf buf;
        copse_buf_init(&buf, &env.env, 4096);
        copse_status status = copse_multiaddr_of_text(copse_bytes_of_text(cases[i].text), &buf);
        assert_int_equal(status, cases[i].address != NULL ? COPSE_OK : COPSE_CORRUPT);
        assert_true(copse_bytes_equal(
            copse_buf_view(&buf),
            copse_bytes_of_text(cases[i].address != NULL ? cases[i].address : "")));
        copse_buf_release(&buf);
    }
    test_env_assert_empty(&env);
}

static void test_has(void **state)
{
    copse_bytes tls = copse_bytes_of_text("/dns/a.example/tcp/443/tls/http");
    copse_bytes plain = copse_bytes_of_text("/ip4/127.0.0.1/tcp/80/http");
    (void)state;
    assert_true(copse_multiaddr_has(tls, copse_bytes_of_text("TLS")));
    assert_true(copse_multiaddr_has(tls, copse_bytes_of_text("https")));
    assert_true(copse_multiaddr_has(tls, copse_bytes_of_text("http")));
    assert_false(copse_multiaddr_has(plain, copse_bytes_of_text("https")));
    assert_false(copse_multiaddr_has(plain, copse_bytes_of_text("tc")));
    assert_false(copse_multiaddr_has(plain, copse_bytes_of_text("ip4/127.0.0.1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
