/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/order_random.h"

#include "support/test_env.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ORDER_RANDOM_COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Numbers -------------------------------------------------------------------------------- */

static const uint64_t order_random_args[] = {
    0,
    1,
    2,
    99,
    127,
    128,
    255,
    256,
    UINT64_C(9007199254740991),
    UINT64_C(9007199254740992),
    UINT64_C(9007199254740993),
    INT64_MAX - 1,
    INT64_MAX,
    (uint64_t)INT64_MAX + 1,
    UINT64_MAX - 1,
    UINT64_MAX,
};

static const double order_random_reals[] = {
    0.0,   1.0,    0.1,    0.5,    1.5,       3.0,       100.0,   0x1p53, 0x1p63,   0x1p64,
    1e300, 1e-300, 0x1p-8, 0x1p-9, 0x1p-1074, 0x1p-1022, DBL_MAX, 1e23,   INFINITY, NAN,
};

/* Beside some of the above, and at the ends of their own range. */
static const char *const order_random_decimals[] = {
    "0",
    "0E+3",
    "0.00",
    "0E-6176",
    "1",
    "1.0",
    "1.00",
    "0.1",
    "0.10",
    "0.5",
    "3",
    "1E+2",
    "100",
    "0.1000000000000000055511151231257827",
    "0.1000000000000000055511151231257828",
    "0.00390625",
    "0.003906249999999999999999999999999999",
    "9007199254740992.5",
    "9007199254740993",
    "9223372036854775807.5",
    "18446744073709551615",
    "18446744073709551615.99999999999999",
    "18446744073709551616",
    "1E+23",
    "99999999999999991611392",
    "4.940656458412465441765687928682214E-324",
    "4.940656458412465441765687928682213E-324",
    "2.225073858507201383090232717332404E-308",
    "1.797693134862315708145274237317043E+308",
    "1.797693134862315708145274237317044E+308",
    "1E+309",
    "1E-6176",
    "1E+6144",
    "9.999999999999999999999999999999999E+6144",
    "NaN",
    "Infinity",
};

static copse_status order_random_int(uint64_t *state, copse_buf *buf)
{
    uint64_t arg =
        order_random_args[test_random_below(state, ORDER_RANDOM_COUNT(order_random_args))];
    if (test_random_below(state, 3) == 0) {
        arg = test_random(state) >> test_random_below(state, 64);
    }
    return test_random_below(state, 2) == 0 ? copse_cbor_write_uint(buf, arg)
                                            : copse_cbor_write_negative(buf, arg);
}

static copse_status order_random_float(uint64_t *state, copse_buf *buf)
{
    double real =
        order_random_reals[test_random_below(state, ORDER_RANDOM_COUNT(order_random_reals))];
    uint64_t choice = test_random_below(state, 4);
    if (choice == 0) {
        uint64_t bits = test_random(state);
        memcpy(&real, &bits, sizeof real);
    } else if (choice == 1) {
        real = nextafter(real, test_random_below(state, 2) == 0 ? -INFINITY : INFINITY);
    }
    return copse_value_write_float(buf, test_random_below(state, 2) == 0 ? real : -real);
}

static copse_status order_random_decimal(uint64_t *state, copse_buf *buf)
{
    char text[64];
    size_t size = 0;
    const char *sign = test_random_below(state, 3) == 0 ? "-" : "";
    if (test_random_below(state, 3) == 0) {
        size_t at = (size_t)test_random_below(state, ORDER_RANDOM_COUNT(order_random_decimals));
        size = (size_t)snprintf(text, sizeof text, "%s%s", sign, order_random_decimals[at]);
        return copse_value_write_decimal(buf, (copse_bytes){(const uint8_t *)text, size});
    }
    size = (size_t)snprintf(text, sizeof text, "%s", sign);
    for (uint64_t digits = 1 + test_random_below(state, 33); digits > 0; digits--) {
        uint64_t digit = test_random_below(state, 3) == 0 ? 9 : test_random_below(state, 10);
        text[size++] = (char)('0' + digit);
    }
    int range = test_random_below(state, 12) == 0 ? 12200 : 40;
    int exponent = (int)test_random_below(state, (uint64_t)range) - range / 2;
    size += (size_t)snprintf(text + size, sizeof text - size, "E%d", exponent);
    return copse_value_write_decimal(buf, (copse_bytes){(const uint8_t *)text, size});
}

copse_status order_random_number(uint64_t *state, copse_buf *buf)
{
    switch (test_random_below(state, 3)) {
    case 0:
        return order_random_int(state, buf);
    case 1:
        return order_random_float(state, buf);
    default:
        return order_random_decimal(state, buf);
    }
}

/* ---- Other scalars -------------------------------------------------------------------------- */

/* A few characters, now and then many; NUL and U+0001 among them. */
static copse_status order_random_text(uint64_t *state, copse_buf *buf)
{
    static const char *const characters[] = {"\1", "\2", "a", "b", "\xc3\xa4", "\xf0\x9f\x98\x80"};
    uint8_t text[480];
    size_t size = 0;
    uint64_t count = test_random_below(state, test_random_below(state, 8) == 0 ? 120 : 4);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t choice = test_random_below(state, ORDER_RANDOM_COUNT(characters) + 1);
        if (choice == ORDER_RANDOM_COUNT(characters)) {
            text[size++] = 0;
            continue;
        }
        size_t character_size = strlen(characters[choice]);
        memcpy(text + size, characters[choice], character_size);
        size += character_size;
    }
    return copse_cbor_write_text(buf, (copse_bytes){text, size});
}

static copse_status order_random_binary(uint64_t *state, copse_buf *buf)
{
    uint8_t bytes[320];
    size_t size = (size_t)test_random_below(state, test_random_below(state, 8) == 0 ? 320 : 4);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(0 - test_random_below(state, 3));
    }
    return copse_value_write_binary(buf, (copse_bytes){bytes, size},
                                    (uint8_t)(test_random_below(state, 3) * 5));
}

static copse_status order_random_link(uint64_t *state, copse_buf *buf)
{
    uint8_t cid[36] = {0x01, 0x71, 0x12, 0x20};
    cid[4 + test_random_below(state, 32)] = (uint8_t)test_random_below(state, 3);
    return copse_cbor_write_link(buf, (copse_bytes){cid, sizeof cid});
}

static copse_status order_random_regex(uint64_t *state, copse_buf *buf)
{
    static const char *const options[] = {"", "i", "xi"};
    static const char *const patterns[] = {"", "a", "a\1"};
    return copse_value_write_regex(buf, copse_bytes_of_text(patterns[test_random_below(state, 3)]),
                                   copse_bytes_of_text(options[test_random_below(state, 3)]));
}

static copse_status order_random_date(uint64_t *state, copse_buf *buf)
{
    int64_t date = (int64_t)(test_random(state) >> test_random_below(state, 64));
    return copse_value_write_date(buf, test_random_below(state, 2) == 0 ? date : ~date);
}

static copse_status order_random_object_id(uint64_t *state, copse_buf *buf)
{
    uint8_t id[12] = {0};
    id[test_random_below(state, 12)] = (uint8_t)test_random(state);
    return copse_value_write_object_id(buf, id);
}

static copse_status order_random_scalar(uint64_t *state, copse_buf *buf)
{
    switch (test_random_below(state, 13)) {
    case 0:
        return copse_cbor_write_null(buf);
    case 1:
        return copse_cbor_write_bool(buf, test_random_below(state, 2) == 0);
    case 2:
        return order_random_date(state, buf);
    case 3:
        return order_random_object_id(state, buf);
    case 4:
        return order_random_binary(state, buf);
    case 5:
        return copse_value_write_timestamp(buf, (uint32_t)test_random_below(state, 3),
                                           (uint32_t)test_random(state));
    case 6:
        return order_random_regex(state, buf);
    case 7:
        return order_random_link(state, buf);
    case 8:
        return test_random_below(state, 2) == 0 ? copse_value_write_min_key(buf)
                                                : copse_value_write_max_key(buf);
    case 9:
    case 10:
        return order_random_text(state, buf);
    default:
        return order_random_number(state, buf);
    }
}

/* ---- Objects and arrays --------------------------------------------------------------------- */

static copse_status order_random_object(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    static const char *const keys[] = {"", "a", "b", "\1", "aa", "a$"};
    size_t offset = buf->len;
    uint64_t count = 0;
    for (size_t i = 0; i < ORDER_RANDOM_COUNT(keys); i++) {
        if (test_random_below(state, 3) != 0) {
            continue;
        }
        copse_status status = copse_cbor_write_text(buf, copse_bytes_of_text(keys[i]));
        if (status == COPSE_OK) {
            status = order_random_value(state, depth_max - 1, buf);
        }
        if (status != COPSE_OK) {
            return status;
        }
        count++;
    }
    return copse_cbor_finish_map(buf, offset, count);
}

/* A DBRef: an object although its first key begins with "$". */
static copse_status order_random_reference(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    static const char *const keys[] = {"$db", "$id", "$ref"};
    size_t first = (size_t)test_random_below(state, 2);
    copse_status status = copse_cbor_write_map(buf, ORDER_RANDOM_COUNT(keys) - first);
    for (size_t i = first; status == COPSE_OK && i < ORDER_RANDOM_COUNT(keys); i++) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text(keys[i]));
        if (status == COPSE_OK) {
            status = order_random_value(state, depth_max - 1, buf);
        }
    }
    return status;
}

copse_status order_random_value(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    uint64_t choice = test_random_below(state, 6);
    if (depth_max == 0 || choice > 1) {
        return order_random_scalar(state, buf);
    }
    if (choice == 0) {
        return test_random_below(state, 4) == 0 ? order_random_reference(state, depth_max, buf)
                                                : order_random_object(state, depth_max, buf);
    }
    uint64_t count = test_random_below(state, 4);
    copse_status status = copse_cbor_write_array(buf, count);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = order_random_value(state, depth_max - 1, buf);
    }
    return status;
}
