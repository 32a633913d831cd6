/* Order keys: values as bytes whose order is that of the values, as the keys of indexes have them.
 * Parts may be descending; what is long is cut and marked; ranges come from prefixes and types.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/order.h>

#include <stdio.h>
#include <string.h>

static const bool descending[] = {false, true};

/* The key of (name, -year), and the trailer, which tells 1.0 from 1. */
static copse_buf make_key(const copse_env *env, const char *name, const char *year)
{
    copse_err err = {0};
    copse_buf key;
    copse_buf values[] = {example_json(env, name), example_json(env, year)};
    copse_order_part parts[] = {{.encoded = copse_buf_view(&values[0])},
                                {.encoded = copse_buf_view(&values[1]), .descending = true}};
    copse_buf_init(&key, env, COPSE_KEY_SIZE_BYTES_MAX);
    example_must(copse_order_write_cut(&key, &parts[0], &parts[0].cut, &err), &err);
    example_must(copse_order_write(&key, &parts[1], &err), &err);
    example_must(copse_order_write_trailer(&key, parts, 2, &err), &err);
    copse_buf_release(&values[0]);
    copse_buf_release(&values[1]);
    return key;
}

/* Back from bytes to values. */
static void print_key(const copse_env *env, copse_bytes key)
{
    copse_err err = {0};
    copse_order_decoded parts[2];
    copse_buf values;
    copse_buf_init(&values, env, SIZE_MAX);
    example_must(copse_order_decode(key, descending, 2, &values, parts, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        copse_bytes value = {values.ptr + parts[i].offset, parts[i].size};
        if (parts[i].cut) {
            (void)printf("  a value that was cut\n");
        } else {
            example_print(env, "  ", value);
        }
    }
    copse_buf_release(&values);
}

static void print_keys(const copse_env *env)
{
    static const char *const rows[][2] = {
        {"\"ada\"", "1843"}, {"\"ada\"", "1815.0"}, {"\"bob\"", "null"}};
    copse_buf before = make_key(env, "\"\"", "0");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf key = make_key(env, rows[i][0], rows[i][1]);
        (void)printf("%s the key before:\n",
                     copse_bytes_compare(copse_buf_view(&before), copse_buf_view(&key)) < 0
                         ? "above"
                         : "???");
        print_key(env, copse_buf_view(&key));
        copse_buf_release(&before);
        before = key;
    }
    copse_buf_release(&before);
}

/* The part behind the first, without decoding: what a prefix scan compares. */
static void skip_first(const copse_env *env)
{
    copse_err err = {0};
    copse_buf key = make_key(env, "\"ada\"", "1815");
    copse_bytes rest = copse_buf_view(&key);
    example_must(copse_order_skip(&rest, descending[0], &err), &err);
    (void)printf("%zu bytes, %zu behind the first part\n", key.len, rest.len);
    copse_buf_release(&key);
}

/* Whether the key of `json` stands in the range of all texts, and in that of the prefix "ad". */
static void print_ranges(const copse_env *env, const char *json)
{
    copse_err err = {0};
    copse_buf value = example_json(env, json);
    copse_buf key;
    copse_buf from;
    copse_buf to;
    copse_buf_init(&key, env, SIZE_MAX);
    copse_buf_init(&from, env, SIZE_MAX);
    copse_buf_init(&to, env, SIZE_MAX);
    example_must(copse_order_write_primary(&key, copse_buf_view(&value), &err), &err);
    example_must(copse_order_write_type_bound(&from, COPSE_VALUE_TEXT, false, false), &err);
    example_must(copse_order_write_type_bound(&to, COPSE_VALUE_TEXT, false, true), &err);
    bool is_text = copse_bytes_compare(copse_buf_view(&from), copse_buf_view(&key)) <= 0 &&
                   copse_bytes_compare(copse_buf_view(&key), copse_buf_view(&to)) < 0;
    /* A text begins with the byte of its type, so "ad" behind that byte is what it begins with. */
    example_must(copse_buf_append(&from, copse_bytes_of_text("ad")), &err);
    copse_buf_truncate(&to, 0);
    example_must(copse_buf_append(&to, copse_buf_view(&from)), &err);
    example_must(copse_order_prefix_end(&to, 0), &err);
    bool has_prefix = copse_bytes_compare(copse_buf_view(&from), copse_buf_view(&key)) <= 0 &&
                      copse_bytes_compare(copse_buf_view(&key), copse_buf_view(&to)) < 0;
    (void)printf("%s: %s, %s\n", json, is_text ? "text" : "no text",
                 has_prefix ? "begins with ad" : "does not begin with ad");
    copse_buf_release(&value);
    copse_buf_release(&key);
    copse_buf_release(&from);
    copse_buf_release(&to);
}

int main(void)
{
    char longest[1000];
    copse_env env;
    copse_env_init(&env);
    print_keys(&env);
    skip_first(&env);
    print_ranges(&env, "\"ada\"");
    print_ranges(&env, "\"bob\"");
    print_ranges(&env, "12");
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = longest[sizeof longest - 2] = '"';
    longest[sizeof longest - 1] = 0;
    copse_buf key = make_key(&env, longest, "1");
    (void)printf("of %zu bytes, %zu are kept:\n", sizeof longest, key.len);
    print_key(&env, copse_buf_view(&key));
    copse_buf_release(&key);
    return 0;
}
