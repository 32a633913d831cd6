/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/order.h>

#include "support/order_random.h"
#include "support/test_env.h"
#include "support/value_model.h"
#include "value/order_show.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE_MAX_BYTES = 1 << 20 };

static int sign_of(int order)
{
    return (order > 0) - (order < 0);
}

static copse_order_part part_of(copse_bytes encoded)
{
    return (copse_order_part){.kind = COPSE_ORDER_VALUE, .encoded = encoded};
}

/* ---- Sets of random values ------------------------------------------------------------------ */

enum { SET_VALUES = 80 };

typedef struct value_set {
    test_env test;
    copse_buf encodings;
    copse_buf keys;
    copse_bytes values[SET_VALUES];
    copse_bytes parts[SET_VALUES]; /* ascending */
} value_set;

static void value_set_init(value_set *set, uint64_t seed, bool numbers_only)
{
    size_t value_at[SET_VALUES + 1] = {0};
    size_t key_at[SET_VALUES + 1] = {0};
    test_env_init(&set->test);
    copse_buf_init(&set->encodings, &set->test.env, SIZE_MAX_BYTES);
    copse_buf_init(&set->keys, &set->test.env, SIZE_MAX_BYTES);
    for (size_t i = 0; i < SET_VALUES; i++) {
        assert_int_equal(numbers_only ? order_random_number(&seed, &set->encodings)
                                      : order_random_value(&seed, 3, &set->encodings),
                         COPSE_OK);
        value_at[i + 1] = set->encodings.len;
        copse_order_part part =
            part_of((copse_bytes){set->encodings.ptr + value_at[i], value_at[i + 1] - value_at[i]});
        assert_int_equal(copse_value_check(part.encoded, &set->test.env.limits, NULL), COPSE_OK);
        assert_int_equal(copse_order_write(&set->keys, &part, NULL), COPSE_OK);
        key_at[i + 1] = set->keys.len;
    }
    for (size_t i = 0; i < SET_VALUES; i++) {
        set->values[i] =
            (copse_bytes){set->encodings.ptr + value_at[i], value_at[i + 1] - value_at[i]};
        set->parts[i] = (copse_bytes){set->keys.ptr + key_at[i], key_at[i + 1] - key_at[i]};
    }
}

static void value_set_release(value_set *set)
{
    copse_buf_release(&set->encodings);
    copse_buf_release(&set->keys);
    test_env_assert_empty(&set->test);
}

static void fail_pair(uint64_t seed, copse_bytes a, copse_bytes b, const char *what)
{
    char text[2][256] = {"", ""};
    for (size_t i = 0; i < 100; i++) {
        if (i < a.len) {
            (void)snprintf(text[0] + 2 * i, 3, "%02x", a.ptr[i]);
        }
        if (i < b.len) {
            (void)snprintf(text[1] + 2 * i, 3, "%02x", b.ptr[i]);
        }
    }
    fail_msg("seed %llu: %s: %s and %s", (unsigned long long)seed, what, text[0], text[1]);
}

/* (O1, O2, O6) Both orders are the model's, and no part is a prefix of one that is not equal. */
static void check_set(uint64_t seed, bool numbers_only, unsigned *equal, unsigned *nested)
{
    value_set set;
    value_set_init(&set, seed, numbers_only);
    for (size_t i = 0; i < SET_VALUES; i++) {
        *nested += (set.values[i].ptr[0] >> 5 == 4 || set.values[i].ptr[0] >> 5 == 5);
        for (size_t k = 0; k < i; k++) {
            copse_bytes a = set.values[i];
            copse_bytes b = set.values[k];
            int model = sign_of(value_model_compare(a, b));
            int order = 2;
            assert_int_equal(copse_value_compare(a, b, &order, NULL), COPSE_OK);
            if (sign_of(order) != model) {
                fail_pair(seed, a, b, "compare");
            }
            if (sign_of(copse_bytes_compare(set.parts[i], set.parts[k])) != model) {
                fail_pair(seed, a, b, "order");
            }
            if (model != 0 && (copse_bytes_has_prefix(set.parts[i], set.parts[k]) ||
                               copse_bytes_has_prefix(set.parts[k], set.parts[i]))) {
                fail_pair(seed, a, b, "prefix");
            }
            *equal += model == 0;
        }
    }
    value_set_release(&set);
}

static void test_order_is_the_models(void **state)
{
    (void)state;
    unsigned equal = 0;
    unsigned nested = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        check_set(seed, false, &equal, &nested);
    }
    print_message("values: %u pairs equal, %u objects, arrays and forms\n", equal, nested);
    assert_true(equal > 300 && nested > 100);
}

static void test_order_of_numbers_is_the_models(void **state)
{
    (void)state;
    unsigned equal = 0;
    unsigned nested = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        check_set(seed, true, &equal, &nested);
    }
    print_message("numbers: %u pairs equal\n", equal);
    assert_true(equal > 60);
}

/* ---- Keys of several parts ------------------------------------------------------------------ */

enum { KEY_PARTS = 3 };

typedef struct random_key {
    copse_order_part parts[KEY_PARTS];
    copse_buf encodings;
    copse_buf bytes;
    size_t part_ends[KEY_PARTS];
} random_key;

static void random_key_encode(random_key *key, bool may_cut)
{
    for (size_t i = 0; i < KEY_PARTS; i++) {
        copse_order_part *part = &key->parts[i];
        copse_status status = may_cut ? copse_order_write_cut(&key->bytes, part, &part->cut, NULL)
                                      : copse_order_write(&key->bytes, part, NULL);
        assert_int_equal(status, COPSE_OK);
        key->part_ends[i] = key->bytes.len;
    }
    assert_int_equal(copse_order_write_trailer(&key->bytes, key->parts, KEY_PARTS, NULL), COPSE_OK);
}

/* `directions`: bit i: part i is descending. */
static void random_key_init(random_key *key, const copse_env *env, uint64_t *state,
                            uint64_t directions, bool may_cut)
{
    size_t ends[KEY_PARTS];
    memset(key, 0, sizeof *key);
    copse_buf_init(&key->encodings, env, SIZE_MAX_BYTES);
    copse_buf_init(&key->bytes, env, SIZE_MAX_BYTES);
    assert_int_equal(copse_buf_reserve(&key->encodings, 1), COPSE_OK);
    for (size_t i = 0; i < KEY_PARTS; i++) {
        uint64_t kind = test_random_below(state, 8);
        key->parts[i] = (copse_order_part){.descending = (directions >> i & 1) != 0};
        if (kind == 0) {
            key->parts[i].kind = COPSE_ORDER_MISSING;
        } else if (kind == 1) {
            key->parts[i].kind = COPSE_ORDER_EMPTY_ARRAY;
        } else {
            assert_int_equal(order_random_value(state, 3, &key->encodings), COPSE_OK);
        }
        ends[i] = key->encodings.len;
    }
    for (size_t i = 0; i < KEY_PARTS; i++) {
        size_t start = i == 0 ? 0 : ends[i - 1];
        key->parts[i].encoded = (copse_bytes){key->encodings.ptr + start, ends[i] - start};
    }
    random_key_encode(key, may_cut);
}

static void random_key_release(random_key *key)
{
    copse_buf_release(&key->encodings);
    copse_buf_release(&key->bytes);
}

/* The order of two parts of one direction; an empty array is between MinKey and null. */
static int compare_parts(const copse_order_part *a, const copse_order_part *b)
{
    static const uint8_t null[] = {0xf6};
    static const uint8_t min_key[] = {0xa1, 0x67, '$', 'm', 'i', 'n', 'K', 'e', 'y', 0x01};
    copse_bytes values[2] = {a->encoded, b->encoded};
    int empty[2] = {a->kind == COPSE_ORDER_EMPTY_ARRAY, b->kind == COPSE_ORDER_EMPTY_ARRAY};
    for (int i = 0; i < 2; i++) {
        if ((i == 0 ? a : b)->kind != COPSE_ORDER_VALUE) {
            values[i] = empty[i] ? (copse_bytes){min_key, sizeof min_key}
                                 : (copse_bytes){null, sizeof null};
        }
    }
    int order = sign_of(value_model_compare(values[0], values[1]));
    order = order != 0 ? order : empty[0] - empty[1];
    return a->descending ? -order : order;
}

/* (O5) Keys without a trailer are in the order of their lists, each part in its direction. */
static void test_lists_in_both_directions(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    uint64_t seed = 7;
    unsigned later = 0; /* pairs that the first part does not decide */
    for (int round = 0; round < 3000; round++) {
        random_key a;
        random_key b;
        uint64_t directions = test_random_below(&seed, 8);
        random_key_init(&a, &test.env, &seed, directions, false);
        random_key_init(&b, &test.env, &seed, directions, false);
        int model = 0;
        for (size_t i = 0; i < KEY_PARTS && model == 0; i++) {
            model = compare_parts(&a.parts[i], &b.parts[i]);
            later += i > 0;
        }
        copse_bytes a_bytes = {a.bytes.ptr, a.part_ends[KEY_PARTS - 1]};
        copse_bytes b_bytes = {b.bytes.ptr, b.part_ends[KEY_PARTS - 1]};
        assert_int_equal(sign_of(copse_bytes_compare(a_bytes, b_bytes)), model);
        random_key_release(&a);
        random_key_release(&b);
    }
    assert_true(later > 100);
    test_env_assert_empty(&test);
}

static void check_decoded(const random_key *key, const copse_buf *items,
                          const copse_order_decoded *decoded)
{
    for (size_t i = 0; i < KEY_PARTS; i++) {
        copse_bytes item = copse_buf_view(items);
        item.ptr = item.len > 0 ? item.ptr + decoded[i].offset : NULL;
        item.len = decoded[i].size;
        assert_int_equal(decoded[i].cut, key->parts[i].cut);
        assert_int_equal(decoded[i].kind, key->parts[i].kind);
        if (key->parts[i].kind != COPSE_ORDER_VALUE || key->parts[i].cut) {
            assert_int_equal(decoded[i].size, 0);
        } else {
            assert_true(copse_bytes_equal(item, key->parts[i].encoded));
        }
    }
}

/* (O1, O4, O6) Skipping finds the parts' ends; decoding gives back the encodings. */
static void check_round_trip(const random_key *key, const copse_env *env)
{
    copse_order_decoded decoded[KEY_PARTS];
    bool descending[KEY_PARTS];
    copse_buf items;
    copse_bytes rest = copse_buf_view(&key->bytes);
    copse_buf_init(&items, env, SIZE_MAX_BYTES);
    for (size_t i = 0; i < KEY_PARTS; i++) {
        descending[i] = key->parts[i].descending;
        assert_int_equal(copse_order_skip(&rest, descending[i], NULL), COPSE_OK);
        assert_int_equal(key->bytes.len - rest.len, key->part_ends[i]);
    }
    assert_int_equal(copse_order_decode(copse_buf_view(&key->bytes), descending, KEY_PARTS, &items,
                                        decoded, NULL),
                     COPSE_OK);
    check_decoded(key, &items, decoded);
    copse_buf_release(&items);
}

static void test_round_trip(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    uint64_t seed = 11;
    unsigned cut = 0;
    unsigned marked = 0;
    unsigned trailers = 0;
    for (int round = 0; round < 6000; round++) {
        random_key key;
        bool may_cut = test_random_below(&seed, 2) == 0;
        random_key_init(&key, &test.env, &seed, test_random_below(&seed, 8), may_cut);
        for (size_t i = 0; i < KEY_PARTS; i++) {
            size_t size = key.part_ends[i] - (i == 0 ? 0 : key.part_ends[i - 1]);
            assert_true(!may_cut || size <= COPSE_ORDER_PART_SIZE_BYTES_MAX);
            cut += key.parts[i].cut;
            marked += !key.parts[i].cut && size > COPSE_ORDER_PART_CUT_SIZE_BYTES;
        }
        trailers += key.bytes.len > key.part_ends[KEY_PARTS - 1];
        check_round_trip(&key, &test.env);
        random_key_release(&key);
    }
    print_message("%u parts cut, %u with a marker, %u keys with a trailer\n", cut, marked,
                  trailers);
    assert_true(cut > 20 && marked > 40 && trailers > 1000);
    test_env_assert_empty(&test);
}

/* ---- Cutting -------------------------------------------------------------------------------- */

/* An array whose part is nested, then `fill` letters, then some of everything. */
static void write_long_value(copse_buf *buf, size_t fill)
{
    uint8_t letters[300];
    uint64_t seed = 3;
    memset(letters, 'x', sizeof letters);
    assert_int_equal(copse_cbor_write_array(buf, 2 + 80), COPSE_OK);
    assert_int_equal(copse_cbor_write_array(buf, 0), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(buf, (copse_bytes){letters, fill}), COPSE_OK);
    for (int i = 0; i < 80; i++) {
        assert_int_equal(order_random_value(&seed, 1, buf), COPSE_OK);
    }
}

/* (O4) Wherever in a value the cut falls, the part is skipped, and its bytes are those of the whole
 * up to there. */
static void test_cut_at_every_place(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (size_t fill = 0; fill < 240; fill++) {
        copse_buf value;
        copse_buf whole;
        copse_buf key;
        bool cut = false;
        copse_buf_init(&value, &test.env, SIZE_MAX_BYTES);
        copse_buf_init(&whole, &test.env, SIZE_MAX_BYTES);
        copse_buf_init(&key, &test.env, COPSE_ORDER_PART_SIZE_BYTES_MAX + 1);
        write_long_value(&value, fill);
        copse_order_part part = part_of(copse_buf_view(&value));
        part.descending = fill % 2 != 0;
        assert_int_equal(copse_order_write(&whole, &part, NULL), COPSE_OK);
        assert_int_equal(copse_order_write_cut(&key, &part, &cut, NULL), COPSE_OK);
        assert_true(cut);
        assert_int_equal(key.len, COPSE_ORDER_PART_SIZE_BYTES_MAX);
        assert_memory_equal(key.ptr, whole.ptr, COPSE_ORDER_PART_CUT_SIZE_BYTES);
        copse_bytes rest = copse_buf_view(&whole);
        assert_int_equal(copse_order_skip(&rest, part.descending, NULL), COPSE_OK);
        assert_int_equal(rest.len, 0);
        assert_int_equal(copse_buf_append_byte(&key, 0x18), COPSE_OK);
        rest = copse_buf_view(&key);
        assert_int_equal(copse_order_skip(&rest, part.descending, NULL), COPSE_OK);
        assert_int_equal(rest.len, 1);
        copse_buf_release(&value);
        copse_buf_release(&whole);
        copse_buf_release(&key);
    }
    test_env_assert_empty(&test);
}

static copse_status write_letters(copse_buf *key, size_t size, bool *ret_cut)
{
    test_env test;
    copse_buf value;
    uint8_t letters[400];
    test_env_init(&test);
    memset(letters, 'x', sizeof letters);
    copse_buf_init(&value, &test.env, SIZE_MAX_BYTES);
    assert_int_equal(copse_cbor_write_text(&value, (copse_bytes){letters, size}), COPSE_OK);
    copse_order_part part = part_of(copse_buf_view(&value));
    copse_status status = copse_order_write_cut(key, &part, ret_cut, NULL);
    copse_buf_release(&value);
    return status;
}

/* A text takes two bytes more than its letters: 256 bytes are kept whole, 257 are cut. */
static void test_cut_begins_above_256_bytes(void **state)
{
    (void)state;
    static const struct {
        size_t letters;
        size_t size;
        bool cut;
    } cases[] = {{238, 240, false},
                 {239, 242, false},
                 {254, 257, false},
                 {255, 257, true},
                 {400, 257, true}};
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copse_buf key;
        bool cut = false;
        copse_buf_init(&key, &test.env, SIZE_MAX_BYTES);
        assert_int_equal(write_letters(&key, cases[i].letters, &cut), COPSE_OK);
        assert_int_equal(key.len, cases[i].size);
        assert_int_equal(cut, cases[i].cut);
        copse_buf_release(&key);
    }
    test_env_assert_empty(&test);
}

/* ---- Bounds --------------------------------------------------------------------------------- */

static void test_type_bounds_hold_their_types(void **state)
{
    (void)state;
    static const int ranks[] = {
        [COPSE_VALUE_FLOAT] = 2, [COPSE_VALUE_DECIMAL] = 2, [COPSE_VALUE_INT] = 2};
    value_set set;
    value_set_init(&set, 21, false);
    for (int type = COPSE_VALUE_MIN_KEY; type <= COPSE_VALUE_MAX_KEY; type++) {
        for (int descending = 0; descending < 2; descending++) {
            copse_buf bounds;
            copse_buf_init(&bounds, &set.test.env, 2);
            assert_int_equal(copse_order_write_type_bound(&bounds, (copse_value_type)type,
                                                          descending != 0, false),
                             COPSE_OK);
            assert_int_equal(copse_order_write_type_bound(&bounds, (copse_value_type)type,
                                                          descending != 0, true),
                             COPSE_OK);
            for (size_t i = 0; i < SET_VALUES; i++) {
                copse_value value;
                uint8_t first = (uint8_t)(set.parts[i].ptr[0] ^ (descending != 0 ? 0xff : 0));
                assert_int_equal(copse_value_read(set.values[i], &value, NULL), COPSE_OK);
                bool same = (int)value.type == type ||
                            (type <= COPSE_VALUE_DECIMAL && value.type <= COPSE_VALUE_DECIMAL &&
                             ranks[type] == 2 && ranks[value.type] == 2);
                assert_int_equal(first >= bounds.ptr[0] && first < bounds.ptr[1], same);
            }
            copse_buf_release(&bounds);
        }
    }
    value_set_release(&set);
}

static void test_prefix_end(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[3];
        uint8_t end[3];
        size_t end_size;
    } cases[] = {{{1, 2, 3}, {1, 2, 4}, 3}, {{1, 2, 0xff}, {1, 3}, 2}, {{1, 0xff, 0xff}, {2}, 1}};
    test_env test;
    copse_buf buf;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copse_buf_truncate(&buf, 0);
        assert_int_equal(copse_buf_append(&buf, (copse_bytes){cases[i].bytes, 3}), COPSE_OK);
        assert_int_equal(copse_order_prefix_end(&buf, 0), COPSE_OK);
        assert_int_equal(buf.len, cases[i].end_size);
        assert_memory_equal(buf.ptr, cases[i].end, buf.len);
    }
    copse_buf_truncate(&buf, 0);
    assert_int_equal(copse_buf_append(&buf, (copse_bytes){(const uint8_t *)"\x01\xff\xff", 3}),
                     COPSE_OK);
    assert_int_equal(copse_order_prefix_end(&buf, 1), COPSE_NOT_FOUND);
    assert_int_equal(buf.len, 3);
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

/* ---- Primary keys and failures -------------------------------------------------------------- */

static void test_primary_keys(void **state)
{
    (void)state;
    test_env test;
    copse_buf value;
    copse_buf key;
    test_env_init(&test);
    copse_buf_init(&value, &test.env, SIZE_MAX_BYTES);
    copse_buf_init(&key, &test.env, SIZE_MAX_BYTES);
    assert_int_equal(copse_cbor_write_array(&value, 0), COPSE_OK);
    assert_int_equal(copse_order_write_primary(&key, copse_buf_view(&value), NULL), COPSE_CORRUPT);
    copse_buf_truncate(&value, 0);
    assert_int_equal(
        copse_value_write_regex(&value, copse_bytes_of_text("a"), copse_bytes_of_text("")),
        COPSE_OK);
    assert_int_equal(copse_order_write_primary(&key, copse_buf_view(&value), NULL), COPSE_CORRUPT);
    for (size_t letters = 509; letters <= 510; letters++) { /* and first byte, end and marker */
        uint8_t text[510];
        memset(text, 'x', sizeof text);
        copse_buf_truncate(&value, 0);
        assert_int_equal(copse_cbor_write_text(&value, (copse_bytes){text, letters}), COPSE_OK);
        assert_int_equal(copse_order_write_primary(&key, copse_buf_view(&value), NULL),
                         letters == 509 ? COPSE_OK : COPSE_LIMIT);
        assert_int_equal(key.len, COPSE_ORDER_PRIMARY_SIZE_BYTES_MAX);
    }
    copse_buf_release(&value);
    copse_buf_release(&key);
    test_env_assert_empty(&test);
}

static copse_status run_all(const copse_env *env, void *ctx)
{
    const random_key *key = ctx;
    copse_order_decoded decoded[KEY_PARTS];
    bool descending[KEY_PARTS];
    copse_status status = COPSE_OK;
    copse_buf bytes;
    copse_buf items;
    copse_buf_init(&bytes, env, SIZE_MAX_BYTES);
    copse_buf_init(&items, env, SIZE_MAX_BYTES);
    memset(decoded, 0x5a, sizeof decoded);
    for (size_t i = 0; status == COPSE_OK && i < KEY_PARTS; i++) {
        size_t before = bytes.len;
        descending[i] = key->parts[i].descending;
        status = copse_order_write_cut(&bytes, &key->parts[i], NULL, NULL);
        assert_true(status == COPSE_OK || bytes.len == before);
    }
    if (status == COPSE_OK) {
        status = copse_order_write_trailer(&bytes, key->parts, KEY_PARTS, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_order_decode(copse_buf_view(&bytes), descending, KEY_PARTS, &items, decoded,
                                    NULL);
        assert_true(status == COPSE_OK || items.len == 0);
    }
    assert_int_equal(((const uint8_t *)decoded)[0] != 0x5a, status == COPSE_OK);
    copse_buf_release(&bytes);
    copse_buf_release(&items);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    uint64_t seed = 5;
    for (int round = 0; round < 60; round++) {
        random_key key;
        random_key_init(&key, &test.env, &seed, test_random_below(&seed, 8), true);
        assert_true(test_env_sweep(run_all, &key, 40) > 0);
        random_key_release(&key);
    }
    test_env_assert_empty(&test);
}

/* A buf that is full fails with LIMIT and keeps what it had. */
static void test_limits_leave_the_buf(void **state)
{
    (void)state;
    test_env test;
    random_key key;
    test_env_init(&test);
    uint64_t seed = 9;
    random_key_init(&key, &test.env, &seed, 5, false);
    for (size_t room = 0; room < key.part_ends[0]; room++) {
        copse_buf buf;
        copse_buf_init(&buf, &test.env, 1 + room);
        assert_int_equal(copse_buf_append_byte(&buf, 0x77), COPSE_OK);
        assert_int_equal(copse_order_write(&buf, &key.parts[0], NULL), COPSE_LIMIT);
        assert_int_equal(buf.len, 1);
        copse_buf_release(&buf);
    }
    random_key_release(&key);
    test_env_assert_empty(&test);
}

/* ---- The table ------------------------------------------------------------------------------ */

static size_t hex_decode(const char *hex, uint8_t *ret_bytes)
{
    size_t size = strlen(hex);
    for (size_t i = 0; i + 1 < size; i += 2) {
        char pair[3] = {hex[i], hex[i + 1], '\0'};
        ret_bytes[i / 2] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size / 2;
}

static void check_corrupt_row(const char *why, const char *key_hex)
{
    test_env test;
    uint8_t bytes[1024];
    copse_buf items;
    bool descending = false;
    copse_order_decoded decoded;
    copse_err err = {0};
    test_env_init(&test);
    copse_buf_init(&items, &test.env, SIZE_MAX_BYTES);
    copse_bytes key = {bytes, hex_decode(key_hex, bytes)};
    copse_status status = copse_order_decode(key, &descending, 1, &items, &decoded, &err);
    if (status != COPSE_CORRUPT || strstr(err.message, why) == NULL) {
        fail_msg("%s: %s, %s; not: %s", key_hex, copse_status_name(status), err.message, why);
    }
    assert_int_equal(items.len, 0);
    copse_buf_release(&items);
    test_env_assert_empty(&test);
}

/* A part without its trailer still shows a value that is equal. */
static void check_shown(const test_env *test, const copse_order_part *part, copse_bytes key)
{
    copse_buf items;
    copse_order_decoded shown;
    int order = 1;
    copse_buf_init(&items, &test->env, SIZE_MAX_BYTES);
    assert_int_equal(copse_order_show(key, false, &items, &shown, NULL), COPSE_OK);
    assert_int_equal(shown.cut, part->cut);
    if (part->kind == COPSE_ORDER_VALUE && !part->cut) {
        copse_bytes item = {items.ptr + shown.offset, shown.size};
        assert_int_equal(copse_value_compare(item, part->encoded, &order, NULL), COPSE_OK);
        assert_int_equal(order, 0);
    }
    copse_buf_release(&items);
}

/* One row: the item (or "missing", "empty"), its part, its trailer. */
static void check_row(const char *value, const char *part_hex, const char *trailer_hex)
{
    test_env test;
    uint8_t bytes[3][1024];
    copse_buf key;
    test_env_init(&test);
    copse_buf_init(&key, &test.env, SIZE_MAX_BYTES);
    copse_order_part part = part_of((copse_bytes){bytes[0], 0});
    if (strcmp(value, "missing") == 0 || strcmp(value, "empty") == 0) {
        part.kind = *value == 'm' ? COPSE_ORDER_MISSING : COPSE_ORDER_EMPTY_ARRAY;
    } else {
        part.encoded.len = hex_decode(value, bytes[0]);
    }
    size_t part_size = hex_decode(part_hex, bytes[1]);
    size_t trailer_size = hex_decode(trailer_hex, bytes[2]);
    if (copse_order_write_cut(&key, &part, &part.cut, NULL) != COPSE_OK) {
        fail_msg("not a value: %s", value);
    }
    assert_int_equal(key.len, part_size);
    assert_memory_equal(key.ptr, bytes[1], part_size);
    check_shown(&test, &part, copse_buf_view(&key));
    assert_int_equal(copse_order_write_trailer(&key, &part, 1, NULL), COPSE_OK);
    assert_int_equal(key.len, part_size + trailer_size);
    assert_memory_equal(key.ptr + part_size, bytes[2], trailer_size);
    copse_buf_release(&key);
    test_env_assert_empty(&test);
}

/* tests/vectors/order.tsv was computed by another program, in exact fractions. */
static void test_table(void **state)
{
    (void)state;
    uint8_t *text = NULL;
    size_t size = 0;
    char last[2048] = "";
    unsigned rows = 0;
    unsigned corrupt = 0;
    assert_true(test_read_file(COPSE_TEST_DIR "/vectors/order.tsv", &text, &size));
    for (size_t at = 0; at < size; rows++) {
        char line[4096];
        char *fields[4];
        size_t len = 0;
        while (at < size && text[at] != '\n') {
            assert_true(len < sizeof line - 1);
            line[len++] = (char)text[at++];
        }
        at++;
        line[len] = '\0';
        if (line[0] == '#') {
            continue;
        }
        char *rest = line;
        for (size_t i = 0; i < 4; i++) {
            fields[i] = rest;
            rest += strcspn(rest, "\t");
            if (*rest != '\0') {
                *rest++ = '\0';
            }
        }
        if (strcmp(fields[0], "-") == 0) {
            corrupt++;
            check_corrupt_row(fields[1], fields[2]);
        } else {
            check_row(fields[0], fields[1], fields[2]);
            assert_true(strcmp(last, fields[1]) <= 0); /* ascending in hex, too */
            (void)snprintf(last, sizeof last, "%s", fields[1]);
        }
    }
    free(text);
    assert_true(rows > 100 && corrupt > 40);
}

/* Of the decimals that compare equal, the one of the fewest digits; what floats have is theirs. */
static void test_shown_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *written;
        const char *shown; /* NULL: no decimal */
    } rows[] = {
        {"0.1", "0.1"},
        {"0.1000", "0.1"},
        {"-12.30", "-12.3"},
        {"1E-6176", "1E-6176"},
        {"1.000000000000000000000000000000000E+6144", "1.000000000000000000000000000000000E+6144"},
        {"9.999999999999999999999999999999999E+6144", "9.999999999999999999999999999999999E+6144"},
        {"-9.999999999999999999999999999999999E-6143",
         "-9.999999999999999999999999999999999E-6143"},
        {"0.50", NULL},
        {"7.00", NULL},
    };
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_buf buf;
        copse_order_decoded shown;
        copse_value value;
        copse_buf_init(&buf, &test.env, SIZE_MAX_BYTES);
        assert_int_equal(copse_value_write_decimal(&buf, copse_bytes_of_text(rows[i].written)),
                         COPSE_OK);
        size_t encoded_size = buf.len;
        copse_order_part part = part_of(copse_buf_view(&buf));
        part.descending = i % 2 != 0;
        assert_int_equal(copse_order_write(&buf, &part, NULL), COPSE_OK);
        copse_bytes key = {buf.ptr + encoded_size, buf.len - encoded_size};
        copse_buf items;
        copse_buf_init(&items, &test.env, SIZE_MAX_BYTES);
        assert_int_equal(copse_order_show(key, part.descending, &items, &shown, NULL), COPSE_OK);
        assert_int_equal(copse_value_read(copse_buf_view(&items), &value, NULL), COPSE_OK);
        assert_int_equal(value.type == COPSE_VALUE_DECIMAL, rows[i].shown != NULL);
        assert_true(rows[i].shown == NULL ||
                    copse_bytes_equal(value.bytes, copse_bytes_of_text(rows[i].shown)));
        copse_buf_release(&items);
        copse_buf_release(&buf);
    }
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_is_the_models),
        cmocka_unit_test(test_order_of_numbers_is_the_models),
        cmocka_unit_test(test_lists_in_both_directions),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut_at_every_place),
        cmocka_unit_test(test_cut_begins_above_256_bytes),
        cmocka_unit_test(test_type_bounds_hold_their_types),
        cmocka_unit_test(test_prefix_end),
        cmocka_unit_test(test_primary_keys),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_limits_leave_the_buf),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_shown_decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
