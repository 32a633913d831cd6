/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/value_random.h"

#include "support/test_env.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static copse_status value_random_text(copse_buf *buf, const char *text)
{
    return copse_cbor_write_text(buf, copse_bytes_of_text(text));
}

/* ---- Scalars ----------------------------------------------------------------------------------
 */

static copse_status value_random_number(uint64_t *state, copse_buf *buf)
{
    static const double reals[] = {0.0, -0.0, 1.0, 1.5, 2.0, -1.0, 5.0, 1e300, 9007199254740993.0};
    static const char *const decimals[] = {"0",    "1",   "1.0",      "1.50",     "2E+0",
                                           "-1.0", "NaN", "Infinity", "-Infinity"};
    switch (test_random_below(state, 8)) {
    case 0:
    case 1:
        return copse_value_write_float(
            buf, reals[test_random_below(state, sizeof reals / sizeof *reals)]);
    case 2:
        return copse_value_write_decimal(
            buf, copse_bytes_of_text(
                     decimals[test_random_below(state, sizeof decimals / sizeof *decimals)]));
    case 3:
        switch (test_random_below(state, 4)) {
        case 0:
            return copse_value_write_float(buf, (double)NAN);
        case 1:
            return copse_value_write_float(buf, (double)INFINITY);
        case 2:
            return copse_cbor_write_uint(buf, UINT64_MAX);
        default:
            return copse_cbor_write_negative(buf, UINT64_MAX);
        }
    default:
        return copse_cbor_write_int(buf, (int64_t)test_random_below(state, 8) - 2);
    }
}

static copse_status value_random_word(uint64_t *state, copse_buf *buf)
{
    static const char *const words[] = {"", "a", "ab", "abc", "b", "B", "ba", "é", "a\nb"};
    return value_random_text(buf, words[test_random_below(state, sizeof words / sizeof *words)]);
}

static copse_status value_random_rare(uint64_t *state, copse_buf *buf)
{
    uint8_t id[12] = {0};
    uint8_t cid[36] = {0x01, 0x71, 0x12, 0x20};
    uint64_t small = test_random_below(state, 3);
    id[11] = (uint8_t)small;
    cid[35] = (uint8_t)small;
    switch (test_random_below(state, 8)) {
    case 0:
        return copse_value_write_object_id(buf, id);
    case 1:
        return copse_value_write_timestamp(buf, (uint32_t)small, 1);
    case 2:
        return copse_value_write_regex(buf, copse_bytes_of_text(small == 0 ? "^a" : "b"),
                                       copse_bytes_of_text(small == 1 ? "i" : ""));
    case 3:
        return copse_cbor_write_link(buf, (copse_bytes){cid, sizeof cid});
    case 4:
        return copse_value_write_min_key(buf);
    case 5:
        return copse_value_write_max_key(buf);
    case 6:
        return copse_value_write_binary(buf, (copse_bytes){id + 10, 2}, 5);
    default:
        return copse_cbor_write_bytes(buf, (copse_bytes){id + 12 - small, (size_t)small});
    }
}

copse_status value_random_scalar(uint64_t *state, copse_buf *buf)
{
    switch (test_random_below(state, 12)) {
    case 0:
    case 1:
        return copse_cbor_write_null(buf);
    case 2:
        return copse_cbor_write_bool(buf, test_random_below(state, 2) == 1);
    case 3:
        return copse_value_write_date(buf, (int64_t)test_random_below(state, 4) - 1);
    case 4:
        return value_random_rare(state, buf);
    case 5:
    case 6:
    case 7:
        return value_random_word(state, buf);
    default:
        return value_random_number(state, buf);
    }
}

/* ---- Arrays, objects, documents ----------------------------------------------------------------
 */

const char *value_random_field(uint64_t *state)
{
    static const char *const fields[] = {"a", "a", "a", "b", "b", "c", "d", "0", "1"};
    return fields[test_random_below(state, sizeof fields / sizeof *fields)];
}

static copse_status value_random_array(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    uint64_t count = test_random_below(state, 4);
    copse_status status = copse_cbor_write_array(buf, count);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = value_random_item(state, depth_max - 1, buf);
    }
    return status;
}

/* Names that come twice are left out. */
static copse_status value_random_object(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    size_t offset = buf->len;
    uint64_t count = 0;
    uint64_t tries = test_random_below(state, 4);
    bool seen[128] = {false};
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; status == COPSE_OK && i < tries; i++) {
        const char *field = value_random_field(state);
        if (seen[(unsigned char)field[0]]) {
            continue;
        }
        seen[(unsigned char)field[0]] = true;
        count++;
        status = value_random_text(buf, field);
        if (status == COPSE_OK) {
            status = value_random_item(state, depth_max - 1, buf);
        }
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, offset, count) : status;
}

copse_status value_random_item(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    switch (depth_max == 0 ? 9 : test_random_below(state, 10)) {
    case 0:
    case 1:
    case 2:
        return value_random_array(state, depth_max, buf);
    case 3:
    case 4:
    case 5:
        return value_random_object(state, depth_max, buf);
    default:
        return value_random_scalar(state, buf);
    }
}

copse_status value_random_document(uint64_t *state, unsigned depth_max, const uint64_t *id,
                                   copse_buf *buf)
{
    size_t offset = buf->len;
    uint64_t count = 0;
    copse_status status = COPSE_OK;
    if (id != NULL) {
        count++;
        status = value_random_text(buf, "_id");
        if (status == COPSE_OK) {
            status = copse_cbor_write_uint(buf, *id);
        }
    }
    for (const char *field = "abcd"; status == COPSE_OK && *field != '\0'; field++) {
        if (test_random_below(state, 3) == 0) {
            continue;
        }
        count++;
        status = copse_cbor_write_text(buf, (copse_bytes){(const uint8_t *)field, 1});
        if (status == COPSE_OK) {
            status = value_random_item(state, depth_max, buf);
        }
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, offset, count) : status;
}

/* ---- Filters ----------------------------------------------------------------------------------
 */

size_t value_random_path(uint64_t *state, char ret_path[16])
{
    uint64_t parts = 1 + test_random_below(state, 3);
    size_t len = 0;
    ret_path[len++] = "aaabcd"[test_random_below(state, 6)];
    for (uint64_t i = 1; i < parts; i++) {
        ret_path[len++] = '.';
        ret_path[len++] = value_random_field(state)[0];
    }
    ret_path[len] = '\0';
    return len;
}

static copse_status value_random_scalars(uint64_t *state, copse_buf *buf)
{
    uint64_t count = test_random_below(state, 4);
    copse_status status = copse_cbor_write_array(buf, count);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = value_random_scalar(state, buf);
    }
    return status;
}

/* A scalar that has an order: no regex. */
static copse_status value_random_ordered(uint64_t *state, copse_buf *buf)
{
    size_t offset = buf->len;
    copse_value value = {.type = COPSE_VALUE_REGEX};
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && value.type == COPSE_VALUE_REGEX) {
        copse_buf_truncate(buf, offset);
        status = value_random_scalar(state, buf);
        if (status == COPSE_OK) {
            status =
                copse_value_read((copse_bytes){buf->ptr + offset, buf->len - offset}, &value, NULL);
        }
    }
    return status;
}

/* The argument of operators that take other than a value. */
static copse_status value_random_argument(uint64_t *state, const char *name, copse_buf *buf)
{
    static const char *const patterns[] = {"^a", "b", "^ab", "", "^A", "a.b"};
    static const char *const types[] = {"null",   "string", "array", "object",
                                        "number", "int",    "bool"};
    if (strcmp(name, "$in") == 0) {
        return value_random_scalars(state, buf);
    }
    if (strcmp(name, "$exists") == 0) {
        return copse_cbor_write_bool(buf, test_random_below(state, 2) == 1);
    }
    if (strcmp(name, "$regex") == 0) {
        return value_random_text(
            buf, patterns[test_random_below(state, sizeof patterns / sizeof *patterns)]);
    }
    if (strcmp(name, "$type") == 0) {
        return value_random_text(buf,
                                 types[test_random_below(state, sizeof types / sizeof *types)]);
    }
    if (strcmp(name, "$mod") == 0) {
        copse_status status = copse_cbor_write_array(buf, 2);
        status = status == COPSE_OK ? copse_cbor_write_uint(buf, 2) : status;
        return status == COPSE_OK ? copse_cbor_write_uint(buf, test_random_below(state, 2))
                                  : status;
    }
    if (strcmp(name, "$size") == 0 || strcmp(name, "$bitsAnySet") == 0) {
        return copse_cbor_write_uint(buf, test_random_below(state, 4));
    }
    return value_random_ordered(state, buf);
}

/* {op: argument}. */
static copse_status value_random_operators(uint64_t *state, copse_buf *buf)
{
    static const char *const names[] = {"$eq",   "$gt",  "$gte",    "$lt",
                                        "$lte",  "$in",  "$exists", "$regex",
                                        "$type", "$mod", "$size",   "$bitsAnySet"};
    const char *name = names[test_random_below(state, sizeof names / sizeof *names)];
    copse_status status = copse_cbor_write_map(buf, 1);
    if (status == COPSE_OK) {
        status = value_random_text(buf, name);
    }
    return status == COPSE_OK ? value_random_argument(state, name, buf) : status;
}

/* {name: …}, the head of it. */
static copse_status value_random_under(copse_buf *buf, const char *name)
{
    copse_status status = copse_cbor_write_map(buf, 1);
    return status == COPSE_OK ? value_random_text(buf, name) : status;
}

copse_status value_random_test(uint64_t *state, copse_buf *buf)
{
    char path[16];
    (void)value_random_path(state, path);
    copse_status status = value_random_under(buf, path);
    if (status != COPSE_OK) {
        return status;
    }
    switch (test_random_below(state, 8)) {
    case 0:
    case 1:
        return value_random_scalar(state, buf);
    case 2:
        status = value_random_under(buf, "$not");
        break;
    default:
        break;
    }
    return status == COPSE_OK ? value_random_operators(state, buf) : status;
}

/* {path: {"$elemMatch": …}}, {path: {"$all": […]}}, or {path: array or object}. */
static copse_status value_random_nested_test(uint64_t *state, copse_buf *buf)
{
    char path[16];
    (void)value_random_path(state, path);
    copse_status status = value_random_under(buf, path);
    switch (status == COPSE_OK ? test_random_below(state, 4) : 4) {
    case 0:
        status = value_random_under(buf, "$elemMatch");
        return status == COPSE_OK ? value_random_test(state, buf) : status;
    case 1:
        status = value_random_under(buf, "$elemMatch");
        return status == COPSE_OK ? value_random_operators(state, buf) : status;
    case 2:
        status = value_random_under(buf, "$all");
        return status == COPSE_OK ? value_random_scalars(state, buf) : status;
    case 3:
        return value_random_item(state, 2, buf);
    default:
        return status;
    }
}

copse_status value_random_filter(uint64_t *state, unsigned depth_max, copse_buf *buf)
{
    static const char *const names[] = {"$and", "$or", "$nor"};
    uint64_t kind = test_random_below(state, 6);
    if (depth_max == 0 || kind >= 3) {
        return kind % 3 == 0 ? value_random_nested_test(state, buf) : value_random_test(state, buf);
    }
    uint64_t count = 1 + test_random_below(state, 3);
    copse_status status = value_random_under(buf, names[kind]);
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, count);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        status = value_random_filter(state, depth_max - 1, buf);
    }
    return status;
}
