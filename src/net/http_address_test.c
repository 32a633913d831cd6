/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_clients.h"

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static copse_http_address address_of(const char *text)
{
    copse_http_address address;
    assert_true(copse_http_address_parse(copse_bytes_of_text(text), &address));
    return address;
}

static void test_parses(void **state)
{
    static const char *const rows[][2] = {
        {"1.2.3.4", "1.2.3.4"},
        {"1.2.3.4:80", "1.2.3.4"},
        {"::ffff:1.2.3.4", "1.2.3.4"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"::", "::"},
    };
    static const char *const refused[] = {"",        "unknown", "1.2.3",    "1.2.3.4.5",
                                          "_hidden", "[::1",    "[]",       "1.2.3.4 ",
                                          ":80",     "1:2",     "256.1.1.1"};
    char name[COPSE_HTTP_ADDRESS_NAME_SIZE];
    copse_http_address address;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        address = address_of(rows[i][0]);
        assert_string_equal(copse_http_address_name(&address, name), rows[i][1]);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(copse_http_address_parse(copse_bytes_of_text(refused[i]), &address));
    }
}

static void test_groups(void **state)
{
    static const struct group_row {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {
        {"1.2.3.4", "1.2.3.4", true},
        {"1.2.3.4", "::ffff:1.2.3.4", true},
        {"1.2.3.4", "1.2.3.5", false},
        {"2001:db8::1", "2001:db8::ffff:0:0:2", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        copse_http_address a = address_of(rows[i].a);
        copse_http_address b = address_of(rows[i].b);
        a = copse_http_address_group(&a);
        b = copse_http_address_group(&b);
        assert_int_equal(copse_http_address_equal(&a, &b), rows[i].same);
    }
}

/* Whom a request that came from `peer` is of, where 10.0.0.1 and 10.0.0.2 are trusted. */
static void check_client(const char *peer, const char *name, const char *value, const char *more,
                         const char *expected)
{
    const copse_http_address proxies[] = {address_of("10.0.0.1"), address_of("10.0.0.2")};
    const copse_http_header headers[] = {
        {copse_bytes_of_text("Host"), copse_bytes_of_text("h")},
        {copse_bytes_of_text(name), copse_bytes_of_text(value)},
        {copse_bytes_of_text(name), copse_bytes_of_text(more != NULL ? more : "")},
    };
    const copse_http_request request = {.headers = headers, .headers_count = more != NULL ? 3 : 2};
    copse_http_address from = address_of(peer);
    char text[COPSE_HTTP_ADDRESS_NAME_SIZE];
    copse_http_address client = copse_http_address_of_client(&request, &from, proxies, 2);
    assert_string_equal(copse_http_address_name(&client, text), expected);
}

static void test_behind_proxies(void **state)
{
    const char *name = "x-forwarded-for";
    (void)state;
    check_client("9.9.9.9", name, "1.1.1.1", NULL, "9.9.9.9"); /* not trusted */
    check_client("10.0.0.1", name, "1.1.1.1", NULL, "1.1.1.1");
    check_client("10.0.0.1", name, "7.7.7.7, 1.1.1.1", NULL, "1.1.1.1");
    check_client("10.0.0.1", name, "7.7.7.7,1.1.1.1 ,\t10.0.0.2", NULL, "1.1.1.1");
    check_client("10.0.0.1", name, "7.7.7.7", "1.1.1.1", "1.1.1.1");
    check_client("10.0.0.1", name, "10.0.0.2", NULL, "10.0.0.1");
    check_client("10.0.0.1", name, "", NULL, "10.0.0.1");
    check_client("10.0.0.1", name, "1.1.1.1, unknown", NULL, "10.0.0.1");
    check_client("10.0.0.1", name, "\"1.1.1.1, 2.2.2.2", NULL, "2.2.2.2");
    check_client("10.0.0.1", "X-Real-IP", "1.1.1.1", NULL, "10.0.0.1");
    name = "Forwarded";
    check_client("10.0.0.2", name, "for=1.1.1.1;proto=https", NULL, "1.1.1.1");
    check_client("10.0.0.2", name, "proto=https; For=\"[2001:db8::1]:4711\"", NULL, "2001:db8::1");
    check_client("10.0.0.2", name, "for=7.7.7.7, for=1.1.1.1, for=10.0.0.1", NULL, "1.1.1.1");
    check_client("10.0.0.2", name, "for=1.1.1.1, proto=http", NULL, "10.0.0.2");
    check_client("10.0.0.2", name, "for=_secret", NULL, "10.0.0.2");
}

static copse_status hold_three(const copse_env *env, void *ctx)
{
    copse_http_clients clients = {.env = env};
    copse_http_client *held[3] = {NULL, NULL, NULL};
    static const char *const texts[] = {"1.1.1.1", "2001:db8::1", "2001:db8::2"};
    copse_status status = COPSE_OK;
    (void)ctx;
    for (size_t i = 0; i < 3; i++) {
        copse_http_address address = address_of(texts[i]);
        held[i] = copse_http_clients_hold(&clients, &address);
        status = held[i] == NULL ? COPSE_NOMEM : status;
    }
    if (status == COPSE_OK) {
        assert_ptr_equal(held[1], held[2]);
        assert_ptr_not_equal(held[0], held[1]);
    }
    for (size_t i = 0; i < 3; i++) {
        held[i] = copse_http_clients_let_go(&clients, held[i]);
        assert_null(held[i]);
    }
    return status;
}

static void test_holds(void **state)
{
    (void)state;
    assert_int_equal(test_env_sweep(hold_three, NULL, 10), 2);
}

/* More clients than buckets, let go in another order. */
static void test_many(void **state)
{
    enum { COUNT = 3000 };
    static copse_http_clients clients;
    static copse_http_client *held[COUNT];
    test_env env;
    (void)state;
    test_env_init(&env);
    clients.env = &env.env;
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            copse_http_address address = address_of("10.0.0.0");
            address.bytes[13] = (uint8_t)(i >> 8);
            address.bytes[14] = (uint8_t)i;
            held[i] = copse_http_clients_hold(&clients, &address);
            assert_int_equal(held[i]->connections, round);
            held[i]->connections++;
        }
    }
    for (size_t i = 0; i < 2 * COUNT; i++) {
        (void)copse_http_clients_let_go(&clients, held[i * 7 % COUNT]);
    }
    test_env_assert_empty(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses),         cmocka_unit_test(test_groups),
        cmocka_unit_test(test_behind_proxies), cmocka_unit_test(test_holds),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
