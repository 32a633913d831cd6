/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/address.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        copse_address_kind kind;
        const char *peer;
        const char *name;
    } rows[] = {
        {"blog.copse", COPSE_ADDRESS_PATH, NULL, NULL},
        {"", COPSE_ADDRESS_PATH, NULL, NULL},
        {"a/b://c", COPSE_ADDRESS_PATH, NULL, NULL},
        {"://x", COPSE_ADDRESS_PATH, NULL, NULL},
        {"bafyno", COPSE_ADDRESS_PATH, NULL, NULL},
        {"bafkqaaa", COPSE_ADDRESS_CID, NULL, NULL},
        {"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", COPSE_ADDRESS_CID, NULL, NULL},
        {"http://127.0.0.1:4180/blog", COPSE_ADDRESS_URL, "http://127.0.0.1:4180", "blog"},
        {"HTTPS://Peer.Example/Blog", COPSE_ADDRESS_URL, "https://peer.example", "Blog"},
        {"http://h/Deep/er/b", COPSE_ADDRESS_URL, "http://h/Deep/er", "b"},
        {"http://h//b", COPSE_ADDRESS_URL, "http://h", "b"},
        {"http://[::1]:1/b", COPSE_ADDRESS_URL, "http://[::1]:1", "b"},
        {"http://h/a%20b%2Fc%C3%A4", COPSE_ADDRESS_URL, "http://h", "a b/c\xc3\xa4"},
        {"http://h/...", COPSE_ADDRESS_URL, "http://h", "..."},
        {"HTTP://H/deep/blog.car", COPSE_ADDRESS_URL, "http://h/deep/blog.car", "blog.car"},
        {"http://h/a%20b%2Ecar", COPSE_ADDRESS_URL, "http://h/a%20b.car", "a b.car"},
        {"http://h/.car", COPSE_ADDRESS_URL, "http://h", ".car"},
        {"http://h.car/blog", COPSE_ADDRESS_URL, "http://h.car", "blog"},
        {"http://h/blog.car/posts", COPSE_ADDRESS_URL, "http://h/blog.car", "posts"},
        {"http://h:1/copse/v1/b", COPSE_ADDRESS_URL, "http://h:1", "b"}, /* A3 */
        {"http://h/deep//copse/v1/copse/v1//b", COPSE_ADDRESS_URL, "http://h/deep", "b"},
        {"http://h/xcopse/v1/b", COPSE_ADDRESS_URL, "http://h/xcopse/v1", "b"},
        {"http://copse/v1/b", COPSE_ADDRESS_URL, "http://copse/v1", "b"},
        {"http://h/copse/v1", COPSE_ADDRESS_URL, "http://h/copse", "v1"},
        {"http://h/copse/v1/b.car", COPSE_ADDRESS_URL, "http://h/copse/v1/b.car", "b.car"},
    };
    copse_env env;
    copse_env_init(&env);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        copse_address address;
        assert_int_equal(copse_address_parse(&env, rows[i].text, &address, NULL), COPSE_OK);
        assert_int_equal(address.kind, rows[i].kind);
        assert_int_equal(address.peer != NULL, rows[i].peer != NULL);
        if (rows[i].peer != NULL) {
            assert_string_equal(address.peer, rows[i].peer);
            assert_string_equal(address.name, rows[i].name);
        }
        assert_int_equal(address.cid.size > 0, rows[i].kind == COPSE_ADDRESS_CID);
        copse_address_release(&address);
        copse_address_release(&address);
    }
}

/* One key in each of its texts. */
static void test_names(void **state)
{
    (void)state;
    static const char name[] = "k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh";
    static const char *const texts[] = {
        "k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh",
        "bafzaajaiaejcao3ke66m5nvefvrkhkgqfjxq243fgikxohpciotdvqciugfvtwrj",
        "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
        "ipns://k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh",
        "IPNS://k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh/",
        "ipns://12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
    };
    static const char *const wrong[] = {
        "ipns://",
        "ipns:///",
        "ipns://example.org",
        "ipns://bafkqaaa",
        "ipns://k51qzi5uqu5dhnwe629wdlncpql6frppdpwnz4wtlcw816aysd5wwlk63g4wmh/a",
        "ipns://QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
    };
    copse_env env;
    copse_address address;
    copse_env_init(&env);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[COPSE_KEY_TEXT_SIZE_MAX];
        assert_int_equal(copse_address_parse(&env, texts[i], &address, NULL), COPSE_OK);
        assert_int_equal(address.kind, COPSE_ADDRESS_NAME);
        (void)copse_public_key_to_name(&address.key, text);
        assert_string_equal(text, name);
        copse_address_release(&address);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        copse_err err = {.message = ""};
        assert_int_equal(copse_address_parse(&env, wrong[i], &address, &err), COPSE_CORRUPT);
        assert_non_null(strstr(err.message, "no IPNS name"));
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"ftp://h/b", "ftp:"},
        {"copse+http://h/b", "copse+http:"},
        {"http://", "without a host"},
        {"http:///b", "without a host"},
        {"http://h", "without the name"},
        {"http://h/", "without the name"},
        {"http://h/b/", "without the name"},
        {"http://me@h/b", "user"},
        {"http://me:pw@h/b", "user"},
        {"http://h:/b", "port"},
        {"http://h:0/b", "port"},
        {"http://h:65536/b", "port"},
        {"http://h:99999999999/b", "port"},
        {"http://h:8o/b", "port"},
        {"http://[::1/b", "host"},
        {"http://[]/b", "host"},
        {"http://[::1]x/b", "port"},
        {"http://h\xc3\xa4/b", "host"},
        {"http://h /b", "host"},
        {"http://h/b?c=1", "query"},
        {"http://h/b#c", "fragment"},
        {"http://h?c/b", "query"},
        {"http://h/a?c/b", "query"},
        {"http://h/a b", "%XX"},
        {"http://h/a\\b", "%XX"},
        {"http://h/a\x01", "%XX"},
        {"http://h/\xc3\xa4", "%XX"},
        {"http://h/a%2", "hex"},
        {"http://h/a%zz", "hex"},
        {"http://h/a%00", "%00"},
        {"http://h/..", "\"..\""},
        {"http://h/%2e%2E", "\"..\""},
        {"http://h/a/../b", "\"..\""},
        {"http://h/./b", "\"..\""},
    };
    copse_env env;
    copse_env_init(&env);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        copse_address address = {.kind = COPSE_ADDRESS_CID};
        copse_err err = {0};
        assert_int_equal(copse_address_parse(&env, rows[i][0], &address, &err), COPSE_CORRUPT);
        if (strstr(err.message, rows[i][1]) == NULL) {
            fail_msg("%s: %s", rows[i][0], err.message);
        }
        assert_int_equal(address.kind, COPSE_ADDRESS_CID);
    }
}

static void test_peers(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"http://127.0.0.1:4180", "http://127.0.0.1:4180"},
        {"Http://A.b:80//", "http://a.b:80"},
        {"https://h/In/Front/", "https://h/In/Front"},
        {"h:80", NULL},
        {"http://h/?", NULL},
        {"/blog.copse", NULL},
    };
    copse_env env;
    copse_buf buf;
    copse_env_init(&env);
    copse_buf_init(&buf, &env, 100);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        copse_buf_truncate(&buf, 0);
        assert_int_equal(copse_address_peer(rows[i][0], &buf, NULL),
                         rows[i][1] != NULL ? COPSE_OK : COPSE_CORRUPT);
        assert_true(copse_bytes_equal(copse_buf_view(&buf),
                                      copse_bytes_of_text(rows[i][1] != NULL ? rows[i][1] : "")));
    }
    copse_buf_release(&buf);
    copse_buf_init(&buf, &env, 5);
    assert_int_equal(copse_address_peer("http://h", &buf, NULL), COPSE_LIMIT);
    assert_int_equal(buf.len, 0);
    copse_buf_release(&buf);
}

static void test_pages(void **state)
{
    (void)state;
    copse_env env;
    copse_buf buf;
    copse_env_init(&env);
    copse_buf_init(&buf, &env, 60);
    assert_int_equal(
        copse_address_page("http://h/p", "/copse/v1/", "a b/\xc3\xa4?", "/query", &buf), COPSE_OK);
    assert_string_equal((const char *)buf.ptr, "http://h/p/copse/v1/a%20b%2F%C3%A4%3F/query");
    size_t len = buf.len;
    assert_int_equal(copse_address_page("http://h/p", "/copse/v1/", "abcdefg", "/query", &buf),
                     COPSE_LIMIT);
    assert_int_equal(buf.len, len);
    copse_buf_release(&buf);
}

static copse_status parse_once(const copse_env *env, void *ctx)
{
    copse_address address = {.kind = COPSE_ADDRESS_PATH};
    copse_status status = copse_address_parse(env, ctx, &address, NULL);
    copse_address_release(&address);
    return status;
}

static void test_allocations(void **state)
{
    (void)state;
    char text[] = "http://127.0.0.1:4180/a/long%20path/to/the/database%20of%20a%20blog";
    assert_true(test_env_sweep(parse_once, text, 50) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_peers),
        cmocka_unit_test(test_pages),   cmocka_unit_test(test_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
