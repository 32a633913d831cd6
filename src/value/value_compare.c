/* Values, comparing: two readers side by side, until they differ.
 *
 * While all was equal, both stand at the same place of the same nesting; so nothing is skipped, and
 * the cost is that of reading up to the first difference. Arrays and objects recurse.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/value.h>

#include "base/err.h"
#include "value/value_form.h"
#include "value/value_number.h"

static copse_status value_compare_next(copse_cbor_reader *a, copse_cbor_reader *b,
                                       size_t depth_left, int *ret_order, copse_err *err);

static int value_compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Two finite decimals of one sign, not zero, without writing them in binary: by the exponent of the
 * first digit, then by the coefficients, filled up to one length. */
static int value_compare_magnitudes(const copse_decimal *a, const copse_decimal *b)
{
    const copse_decimal *both[2] = {a, b};
    copse_u128 digits[2];
    int32_t first[2];
    for (size_t i = 0; i < 2; i++) {
        digits[i] = both[i]->coefficient;
        first[i] = both[i]->exponent;
        while (digits[i] * 10 < copse_decimal_coefficient_end()) {
            digits[i] *= 10;
            first[i]--;
        }
    }
    if (first[0] != first[1]) {
        return first[0] < first[1] ? -1 : 1;
    }
    return (digits[0] > digits[1]) - (digits[0] < digits[1]);
}

/* False: one of them is zero or not finite, or their signs differ. */
static bool value_compare_decimals(const copse_value *a, const copse_value *b, int *ret_order)
{
    copse_decimal a_decimal;
    copse_decimal b_decimal;
    if (!copse_decimal_parse(a->bytes, &a_decimal) || !copse_decimal_parse(b->bytes, &b_decimal) ||
        a_decimal.coefficient == 0 || b_decimal.coefficient == 0 ||
        a_decimal.negative != b_decimal.negative) {
        return false;
    }
    int order = value_compare_magnitudes(&a_decimal, &b_decimal);
    *ret_order = a_decimal.negative ? -order : order;
    return true;
}

static int value_compare_numbers(const copse_value *a, const copse_value *b)
{
    if (a->type == COPSE_VALUE_INT && b->type == COPSE_VALUE_INT) {
        if (a->negative != b->negative) {
            return a->negative ? -1 : 1;
        }
        int above = value_compare_u64(a->arg, b->arg);
        return a->negative ? -above : above;
    }
    if (a->type == COPSE_VALUE_FLOAT && b->type == COPSE_VALUE_FLOAT && a->real == a->real &&
        b->real == b->real) {
        return (a->real > b->real) - (a->real < b->real);
    }
    int order = 0;
    if (a->type == COPSE_VALUE_DECIMAL && b->type == COPSE_VALUE_DECIMAL &&
        value_compare_decimals(a, b, &order)) {
        return order;
    }
    copse_number a_number = copse_number_of_value(a);
    copse_number b_number = copse_number_of_value(b);
    return copse_number_compare(&a_number, &b_number);
}

static int value_compare_sized(copse_bytes a, copse_bytes b)
{
    return a.len != b.len ? value_compare_u64(a.len, b.len) : copse_bytes_compare(a, b);
}

static int value_compare_binary(const copse_value *a, const copse_value *b)
{
    if (a->bytes.len == b->bytes.len && a->subtype != b->subtype) {
        return a->subtype < b->subtype ? -1 : 1;
    }
    return value_compare_sized(a->bytes, b->bytes);
}

static int value_compare_regexes(const copse_value *a, const copse_value *b)
{
    int order = copse_bytes_compare(a->bytes, b->bytes);
    return order != 0 ? order : copse_bytes_compare(a->options, b->options);
}

/* Two values of one type that hold no others. */
static int value_compare_scalars(const copse_value *a, const copse_value *b)
{
    switch (a->type) {
    case COPSE_VALUE_INT:
    case COPSE_VALUE_FLOAT:
    case COPSE_VALUE_DECIMAL:
        return value_compare_numbers(a, b);
    case COPSE_VALUE_TEXT:
    case COPSE_VALUE_OBJECT_ID:
        return copse_bytes_compare(a->bytes, b->bytes);
    case COPSE_VALUE_BINARY:
        return value_compare_binary(a, b);
    case COPSE_VALUE_BOOL:
        return (int)a->boolean - (int)b->boolean;
    case COPSE_VALUE_DATE:
        return (a->date_ms > b->date_ms) - (a->date_ms < b->date_ms);
    case COPSE_VALUE_TIMESTAMP:
        return value_compare_u64((uint64_t)a->seconds << 32 | a->increment,
                                 (uint64_t)b->seconds << 32 | b->increment);
    case COPSE_VALUE_REGEX:
        return value_compare_regexes(a, b);
    case COPSE_VALUE_LINK:
        return value_compare_sized(a->bytes, b->bytes);
    default:
        return 0;
    }
}

/* All three kinds of number have one rank. */
static copse_value_type value_compare_rank(copse_value_type type)
{
    return type == COPSE_VALUE_FLOAT || type == COPSE_VALUE_DECIMAL ? COPSE_VALUE_INT : type;
}

/* The elements, or the keys and values, behind two heads. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_left */
static copse_status value_compare_items(copse_cbor_reader *a, uint64_t a_count,
                                        copse_cbor_reader *b, uint64_t b_count, size_t depth_left,
                                        int *ret_order, copse_err *err)
{
    if (depth_left == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "value: nested deeper than %d", COPSE_CBOR_DEPTH_MAX);
    }
    int order = 0;
    for (uint64_t i = 0; order == 0 && i < a_count && i < b_count; i++) {
        copse_status status = value_compare_next(a, b, depth_left - 1, &order, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    *ret_order = order != 0 ? order : value_compare_u64(a_count, b_count);
    return COPSE_OK;
}

static copse_status value_compare_enter(copse_cbor_reader *reader, copse_value *ret_value,
                                        copse_err *err)
{
    copse_status status = copse_value_enter(reader, ret_value, err);
    return status == COPSE_END ? COPSE_ERR(err, COPSE_CORRUPT, "value: ends inside a value")
                               : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as depth_left */
static copse_status value_compare_next(copse_cbor_reader *a, copse_cbor_reader *b,
                                       size_t depth_left, int *ret_order, copse_err *err)
{
    copse_value a_value;
    copse_value b_value;
    copse_status status = value_compare_enter(a, &a_value, err);
    if (status == COPSE_OK) {
        status = value_compare_enter(b, &b_value, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_value_type a_rank = value_compare_rank(a_value.type);
    copse_value_type b_rank = value_compare_rank(b_value.type);
    if (a_rank != b_rank) {
        *ret_order = a_rank < b_rank ? -1 : 1;
        return COPSE_OK;
    }
    if (a_rank == COPSE_VALUE_ARRAY || a_rank == COPSE_VALUE_OBJECT) {
        uint64_t items = a_rank == COPSE_VALUE_OBJECT ? 2 : 1;
        return value_compare_items(a, a_value.arg * items, b, b_value.arg * items, depth_left,
                                   ret_order, err);
    }
    *ret_order = value_compare_scalars(&a_value, &b_value);
    return COPSE_OK;
}

copse_status copse_value_compare(copse_bytes a, copse_bytes b, int *ret_order, copse_err *err)
{
    copse_cbor_reader a_reader;
    copse_cbor_reader b_reader;
    copse_cbor_reader_init(&a_reader, a);
    copse_cbor_reader_init(&b_reader, b);
    return value_compare_next(&a_reader, &b_reader, COPSE_CBOR_DEPTH_MAX, ret_order, err);
}
