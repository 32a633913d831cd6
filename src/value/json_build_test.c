/* The JSON reader beside yajl, on texts that are nearly JSON. Reads them as DAG-JSON, which adds
 * least to JSON.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_json.h>

#include "support/test_env.h"
#include "support/yajl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BUILD_TEST_RUNS = 60000, BUILD_TEST_SIZE_MAX = 256 };

/* What we refuse and yajl takes. */
static const char *const build_stricter[] = {
    "same key twice",          "surrogate",         "not UTF-8", "the link that ends here",
    "the bytes that end here", "but has other keys"};

static const char *const build_seeds[] = {
    "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\"],\"b\":{\"c\":null,\"d\":true}}",
    "[[],{},\"\",0,-0.1,1E5,false]",
    " { \"key\" : \"a longer text with \\\"quotes\\\" in it\" , \"k\" : [ 12 , 345 ] } ",
    "\"\\ud83d\\ude00 \\u0041\\/ \xc3\xa9\xe6\xb0\xb4\"",
    "{\"bb\":1,\"a\":2,\"ccc\":{\"z\":[],\"y\":{}}}",
    "[123456789012345678,1234567890123456789,0.000001,1e-7,-9]",
};

/* A seed with some of its bytes changed, taken out or doubled. */
static size_t build_mutate(uint64_t *random, char text[BUILD_TEST_SIZE_MAX])
{
    static const char bytes[] = "{}[]\",:\\0123456789eE+-.tfnu \n\t\x01\x7f\xc3\xed\xa0\x80";
    const char *seed =
        build_seeds[test_random_below(random, sizeof build_seeds / sizeof *build_seeds)];
    size_t size = strlen(seed);
    memcpy(text, seed, size);
    for (uint64_t edits = test_random_below(random, 4); edits > 0 && size > 1; edits--) {
        size_t at = (size_t)test_random_below(random, size);
        char byte = bytes[test_random_below(random, sizeof bytes - 1)];
        switch (test_random_below(random, 4)) {
        case 0:
            memmove(text + at, text + at + 1, size - at - 1);
            size--;
            break;
        case 1:
            memmove(text + at + 1, text + at, size - at);
            size++;
            break;
        default:
            text[at] = byte;
            break;
        }
    }
    return size;
}

static bool build_is_stricter(const copse_err *err)
{
    for (size_t i = 0; i < sizeof build_stricter / sizeof *build_stricter; i++) {
        if (strstr(err->message, build_stricter[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Whether yajl takes `text`; also in brackets, for it overlooks a string that begins behind the
 * value and does not end. */
static bool build_yajl_takes(copse_bytes text)
{
    char bracketed[BUILD_TEST_SIZE_MAX + 2];
    bracketed[0] = '[';
    memcpy(bracketed + 1, text.ptr, text.len);
    bracketed[text.len + 1] = ']';
    return test_yajl_takes(text, false) &&
           test_yajl_takes((copse_bytes){(uint8_t *)bracketed, text.len + 2}, false);
}

/* (B1), (B2), (B3) */
static void test_beside_yajl(void **state)
{
    uint64_t random = 5;
    size_t taken = 0;
    (void)state;
    for (size_t i = 0; i < BUILD_TEST_RUNS; i++) {
        char edited[BUILD_TEST_SIZE_MAX];
        size_t size = build_mutate(&random, edited);
        uint8_t *exact = malloc(size);
        test_env test;
        copse_buf cbor;
        copse_err err = {0};
        assert_non_null(exact);
        memcpy(exact, edited, size);
        copse_bytes text = {exact, size};
        test_env_init(&test);
        copse_buf_init(&cbor, &test.env, 4096);
        copse_status status = copse_dag_json_to_cbor(&test.env, text, &cbor, &err);
        bool theirs = build_yajl_takes(text);
        if (status == COPSE_OK) {
            taken++;
            assert_int_equal(copse_dag_cbor_check(copse_buf_view(&cbor), &test.env.limits,
                                                  COPSE_CBOR_STRICT, NULL),
                             COPSE_OK);
        } else {
            assert_int_equal(cbor.len, 0);
        }
        if ((status == COPSE_OK && !theirs) ||
            (status == COPSE_CORRUPT && theirs && !build_is_stricter(&err))) {
            fail_msg("%.*s: here %s %s, yajl %s it", (int)size, (const char *)exact,
                     copse_status_name(status), err.message, theirs ? "takes" : "refuses");
        }
        copse_buf_release(&cbor);
        test_env_assert_empty(&test);
        free(exact);
    }
    print_message("%zu of %d were JSON\n", taken, BUILD_TEST_RUNS);
    assert_in_range(taken, BUILD_TEST_RUNS / 5, BUILD_TEST_RUNS * 4 / 5);
}

/* Keys of all sizes around those where their rank or their head changes, in random order. */
static void test_key_order(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 6, 7, 8, 9, 23, 24, 254, 255, 256, 257, 300};
    enum { SIZES = sizeof sizes / sizeof *sizes, KEYS = 2 * SIZES - 1 };
    static char text[KEYS * 400];
    uint64_t random = 6;
    (void)state;
    for (size_t run = 0; run < 300; run++) {
        size_t order[KEYS];
        size_t size = 0;
        for (size_t i = 0; i < KEYS; i++) {
            size_t at = (size_t)test_random_below(&random, i + 1);
            order[i] = order[at];
            order[at] = i;
        }
        for (size_t i = 0; i < KEYS; i++) {
            /* Two keys of each size but 0, which differ in their last byte. */
            size_t key_size = sizes[(order[i] + 1) / 2];
            text[size++] = i == 0 ? '{' : ',';
            text[size++] = '"';
            memset(text + size, 'k', key_size);
            size += key_size;
            if (key_size > 0) {
                text[size - 1] = order[i] % 2 == 0 ? 'a' : 'b';
            }
            size += (size_t)snprintf(text + size, sizeof text - size, "\":%zu", order[i]);
        }
        text[size++] = '}';
        test_env test;
        copse_buf cbor;
        copse_err err = {0};
        test_env_init(&test);
        copse_buf_init(&cbor, &test.env, sizeof text);
        if (copse_dag_json_to_cbor(&test.env, (copse_bytes){(uint8_t *)text, size}, &cbor, &err) !=
            COPSE_OK) {
            fail_msg("%.*s: %s", (int)size, text, err.message);
        }
        assert_int_equal(
            copse_dag_cbor_check(copse_buf_view(&cbor), &test.env.limits, COPSE_CBOR_STRICT, NULL),
            COPSE_OK);
        copse_buf_release(&cbor);
        test_env_assert_empty(&test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beside_yajl),
        cmocka_unit_test(test_key_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
