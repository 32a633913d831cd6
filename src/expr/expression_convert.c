/* $type $isNumber $convert $toBool $toDate $toDecimal $toDouble $toInt $toLong $toObjectId
 * $toString.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/arithmetic.h"
#include "expr/expression_date.h"
#include "expr/expression_private.h"
#include "expr/number.h"
#include "value/json_number.h"
#include "value/value_number.h"

#include <math.h>
#include <string.h>

/* ---- To text ---- */

static copse_status expression_float_text(copse_expression *run, double real, copse_bytes *ret_text)
{
    char text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX];
    const char *special = isnan(real) ? "NaN" : real > 0 ? "Infinity" : "-Infinity";
    if (!isfinite(real)) {
        *ret_text = copse_bytes_of_text(special);
        return COPSE_OK;
    }
    size_t size = copse_json_float_write(real, text);
    size -= size > 2 && memcmp(text + size - 2, ".0", 2) == 0 ? 2 : 0; /* as ECMAScript has it */
    return copse_expression_keep(run, (copse_bytes){(const uint8_t *)text, size}, ret_text);
}

/* The text of a value. NOT_FOUND: its type has none; END: this value has none. */
static copse_status expression_text_of(copse_expression *run, const copse_value *value,
                                       copse_bytes *ret_text)
{
    char text[COPSE_JSON_NUMBER_TEXT_SIZE_MAX];
    switch (value->type) {
    case COPSE_VALUE_TEXT:
    case COPSE_VALUE_OBJECT_ID:
    case COPSE_VALUE_DECIMAL:
        *ret_text = value->bytes;
        return COPSE_OK;
    case COPSE_VALUE_BOOL:
        *ret_text = copse_bytes_of_text(value->boolean ? "true" : "false");
        return COPSE_OK;
    case COPSE_VALUE_INT: {
        size_t size = copse_json_int_write(value->negative, value->arg, text);
        return copse_expression_keep(run, (copse_bytes){(const uint8_t *)text, size}, ret_text);
    }
    case COPSE_VALUE_FLOAT:
        return expression_float_text(run, value->real, ret_text);
    case COPSE_VALUE_DATE:
        return copse_expression_date_text(run, value->date_ms, ret_text);
    default:
        return COPSE_NOT_FOUND;
    }
}

copse_status copse_expression_coerce_text(copse_expression *run, const copse_expression_node *node,
                                          copse_bytes encoded, copse_bytes *ret_text)
{
    copse_value value;
    copse_status status = copse_expression_read(run, encoded, &value);
    if (status != COPSE_OK) {
        return status;
    }
    if (value.type == COPSE_VALUE_NULL) {
        *ret_text = (copse_bytes){(const uint8_t *)"", 0};
        return COPSE_OK;
    }
    status = value.type == COPSE_VALUE_BOOL || value.type == COPSE_VALUE_OBJECT_ID
                 ? COPSE_NOT_FOUND
                 : expression_text_of(run, &value, ret_text);
    return status == COPSE_NOT_FOUND || status == COPSE_END
               ? copse_expression_fail_type(run, node, "strings, numbers and dates", encoded)
               : status;
}

/* ---- Conversions. NOT_FOUND: the type can't be converted; END: this value can't. ---- */

typedef copse_status (*expression_convert_fn)(copse_expression *run, const copse_value *value,
                                              copse_bytes *ret_value);

static copse_status expression_to_string(copse_expression *run, const copse_value *value,
                                         copse_bytes *ret_value)
{
    copse_bytes text;
    copse_status status = expression_text_of(run, value, &text);
    return status == COPSE_OK ? copse_expression_make_text(run, text, ret_value) : status;
}

static copse_status expression_to_bool(copse_expression *run, const copse_value *value,
                                       copse_bytes *ret_value)
{
    (void)run;
    *ret_value = copse_expression_bool(copse_expression_is_true(value->encoded, false));
    return COPSE_OK;
}

/* The number that a value is, or that its text is. Texts: digits as in JSON, a sign, no blanks. */
static copse_status expression_number_of(const copse_value *value, bool decimal,
                                         copse_figure *ret_figure)
{
    copse_json_number number;
    switch (value->type) {
    case COPSE_VALUE_BOOL:
        *ret_figure = copse_figure_of_whole(value->boolean);
        return COPSE_OK;
    case COPSE_VALUE_DATE:
        *ret_figure = copse_figure_of_whole(value->date_ms);
        return COPSE_OK;
    case COPSE_VALUE_TEXT:
        if (decimal) {
            ret_figure->type = COPSE_VALUE_DECIMAL;
            return copse_decimal_parse(value->bytes, &ret_figure->decimal) ? COPSE_OK : COPSE_END;
        }
        if (copse_json_number_parse(value->bytes, &number) != COPSE_OK) {
            return COPSE_END;
        }
        *ret_figure = number.is_float
                          ? copse_figure_of_float(number.real)
                          : copse_figure_of_whole(number.negative ? -1 - (copse_i128)number.arg
                                                                  : (copse_i128)number.arg);
        return COPSE_OK;
    default:
        return copse_figure_of_value(value, ret_figure) ? COPSE_OK : COPSE_NOT_FOUND;
    }
}

static copse_status expression_to_decimal(copse_expression *run, const copse_value *value,
                                          copse_bytes *ret_value)
{
    copse_figure figure;
    copse_status status = expression_number_of(value, true, &figure);
    if (status != COPSE_OK) {
        return status;
    }
    copse_decimal decimal = copse_figure_to_decimal(&figure);
    figure = copse_figure_of_decimal(&decimal);
    return copse_expression_make_form(run, copse_figure_write(&figure, &run->form), ret_value);
}

static copse_status expression_to_double(copse_expression *run, const copse_value *value,
                                         copse_bytes *ret_value)
{
    copse_figure figure;
    copse_status status = expression_number_of(value, false, &figure);
    if (status != COPSE_OK) {
        return status;
    }
    double real = copse_figure_to_float(&figure);
    if (figure.type == COPSE_VALUE_DECIMAL && figure.decimal.kind == COPSE_DECIMAL_FINITE &&
        isinf(real)) {
        return COPSE_END; /* too large */
    }
    return copse_expression_make_float(run, real, ret_value);
}

/* Integers of 32 or 64 bits; fractions are cut off, of numbers, not of texts. */
static copse_status expression_to_integer(copse_expression *run, const copse_value *value,
                                          int64_t max, copse_bytes *ret_value)
{
    copse_figure figure;
    copse_status status = expression_number_of(value, false, &figure);
    if (status != COPSE_OK) {
        return status;
    }
    copse_i128 whole = figure.whole;
    if (figure.type != COPSE_VALUE_INT) {
        int64_t number = 0;
        bool exact = false;
        if (value->type == COPSE_VALUE_TEXT || !copse_number_truncate(value, &number, &exact)) {
            return COPSE_END;
        }
        whole = number;
    }
    if (whole > max || whole < -1 - (copse_i128)max) {
        return COPSE_END;
    }
    return copse_expression_make_wide(run, whole, ret_value);
}

static copse_status expression_to_int(copse_expression *run, const copse_value *value,
                                      copse_bytes *ret_value)
{
    return value->type == COPSE_VALUE_DATE
               ? COPSE_NOT_FOUND
               : expression_to_integer(run, value, INT32_MAX, ret_value);
}

static copse_status expression_to_long(copse_expression *run, const copse_value *value,
                                       copse_bytes *ret_value)
{
    return expression_to_integer(run, value, INT64_MAX, ret_value);
}

static int expression_hex_digit(uint8_t digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

static copse_status expression_to_object_id(copse_expression *run, const copse_value *value,
                                            copse_bytes *ret_value)
{
    enum { DIGITS = 24 };
    uint8_t id[DIGITS / 2] = {0};
    if (value->type == COPSE_VALUE_OBJECT_ID) {
        *ret_value = value->encoded;
        return COPSE_OK;
    }
    if (value->type != COPSE_VALUE_TEXT) {
        return COPSE_NOT_FOUND;
    }
    for (size_t i = 0; i < DIGITS; i++) {
        int digit = value->bytes.len == DIGITS ? expression_hex_digit(value->bytes.ptr[i]) : -1;
        if (digit < 0) {
            return COPSE_END;
        }
        id[i / 2] = (uint8_t)(id[i / 2] << 4 | digit);
    }
    return copse_expression_make_form(run, copse_value_write_object_id(&run->form, id), ret_value);
}

static copse_status expression_to_date(copse_expression *run, const copse_value *value,
                                       copse_bytes *ret_value)
{
    int64_t date_ms = 0;
    bool exact = false;
    bool zoned = false;
    switch (value->type) {
    case COPSE_VALUE_INT:
    case COPSE_VALUE_FLOAT:
    case COPSE_VALUE_DECIMAL:
        if (!copse_number_truncate(value, &date_ms, &exact)) {
            return COPSE_END;
        }
        break;
    case COPSE_VALUE_TEXT:
        if (!copse_expression_date_parse(value->bytes, &date_ms, &zoned)) {
            return COPSE_END;
        }
        break;
    default:
        if (!copse_expression_date_of(value, &date_ms)) {
            return COPSE_NOT_FOUND;
        }
        break;
    }
    return copse_expression_make_date(run, date_ms, ret_value);
}

/* ---- Operators ---- */

/* What $convert converts to, by name and by BSON's number. */
static const struct expression_target {
    const char *name;
    int64_t number;
    expression_convert_fn convert;
} expression_targets[] = {
    {"double", 1, expression_to_double},      {"string", 2, expression_to_string},
    {"objectId", 7, expression_to_object_id}, {"bool", 8, expression_to_bool},
    {"date", 9, expression_to_date},          {"int", 16, expression_to_int},
    {"long", 18, expression_to_long},         {"decimal", 19, expression_to_decimal},
};

enum { EXPRESSION_TARGETS = sizeof expression_targets / sizeof *expression_targets };

static copse_status expression_target_find(const copse_expression *run,
                                           const copse_expression_node *node, copse_bytes to,
                                           size_t *ret_index)
{
    copse_value value;
    int64_t number = 0;
    bool whole = false;
    copse_status status = copse_expression_read(run, to, &value);
    bool numbered = status == COPSE_OK && copse_number_truncate(&value, &number, &whole) && whole;
    for (size_t i = 0; status == COPSE_OK && i < EXPRESSION_TARGETS; i++) {
        const struct expression_target *target = &expression_targets[i];
        if (numbered ? number == target->number
                     : value.type == COPSE_VALUE_TEXT &&
                           copse_bytes_equal(value.bytes, copse_bytes_of_text(target->name))) {
            *ret_index = i;
            return COPSE_OK;
        }
    }
    return status == COPSE_OK ? COPSE_EXPRESSION_FAIL(run, node, "can't convert to that type")
                              : status;
}

/* Converts; the failures are put into words. NOT_FOUND and END as above. */
static copse_status expression_convert_to(copse_expression *run, const copse_expression_node *node,
                                          size_t target, copse_bytes encoded,
                                          copse_bytes *ret_value)
{
    enum { SHOWN_MAX = 40 };
    copse_value value;
    copse_status status = copse_expression_read(run, encoded, &value);
    if (status == COPSE_OK) {
        status = expression_targets[target].convert(run, &value, ret_value);
    }
    if (status == COPSE_NOT_FOUND) {
        (void)COPSE_EXPRESSION_FAIL(run, node, "can't convert %s to %s",
                                    copse_value_type_name(value.type),
                                    expression_targets[target].name);
    } else if (status == COPSE_END && value.type == COPSE_VALUE_TEXT) {
        (void)COPSE_EXPRESSION_FAIL(run, node, "can't read \"%.*s\" as %s",
                                    value.bytes.len < SHOWN_MAX ? (int)value.bytes.len : SHOWN_MAX,
                                    (const char *)value.bytes.ptr, expression_targets[target].name);
    } else if (status == COPSE_END) {
        (void)COPSE_EXPRESSION_FAIL(run, node, "has no %s for this %s",
                                    expression_targets[target].name,
                                    copse_value_type_name(value.type));
    }
    return status;
}

/* $toBool and so on: the row says what to. */
static copse_status expression_convert_fixed(copse_expression *run,
                                             const copse_expression_node *node,
                                             const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_status status =
        expression_convert_to(run, node, (size_t)node->op->detail, arguments[0], ret_value);
    return status == COPSE_NOT_FOUND || status == COPSE_END ? COPSE_CORRUPT : status;
}

enum { EXPRESSION_INPUT, EXPRESSION_TO, EXPRESSION_ON_ERROR, EXPRESSION_ON_NULL };

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_convert_any(copse_expression *run, const copse_expression_node *node,
                                           copse_bytes *ret_value)
{
    copse_bytes input;
    copse_bytes to;
    size_t target = 0;
    copse_status status = copse_expression_argument(run, node, EXPRESSION_INPUT, &input);
    if (status == COPSE_OK) {
        status = copse_expression_argument(run, node, EXPRESSION_TO, &to);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_expression_is_null(input)) {
        *ret_value = copse_expression_null();
        return node->children[EXPRESSION_ON_NULL] != NULL
                   ? copse_expression_argument(run, node, EXPRESSION_ON_NULL, ret_value)
                   : COPSE_OK;
    }
    if (copse_expression_is_null(to)) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    status = expression_target_find(run, node, to, &target);
    if (status == COPSE_OK) {
        status = expression_convert_to(run, node, target, input, ret_value);
    }
    if (status != COPSE_NOT_FOUND && status != COPSE_END) {
        return status;
    }
    return node->children[EXPRESSION_ON_ERROR] != NULL
               ? copse_expression_argument(run, node, EXPRESSION_ON_ERROR, ret_value)
               : COPSE_CORRUPT;
}

static copse_status expression_type(copse_expression *run, const copse_expression_node *node,
                                    const copse_bytes *arguments, copse_bytes *ret_value)
{
    (void)node;
    copse_value value;
    copse_status status = copse_expression_read(run, arguments[0], &value);
    if (status != COPSE_OK) {
        return status;
    }
    const char *name = arguments[0].len != 0 ? copse_value_type_name(value.type) : "missing";
    return copse_expression_make_text(run, copse_bytes_of_text(name), ret_value);
}

static copse_status expression_is_number(copse_expression *run, const copse_expression_node *node,
                                         const copse_bytes *arguments, copse_bytes *ret_value)
{
    (void)node;
    copse_value value;
    copse_status status = copse_expression_read(run, arguments[0], &value);
    if (status == COPSE_OK) {
        *ret_value = copse_expression_bool(copse_expression_is_number(&value));
    }
    return status;
}

static const char *const expression_convert_names[] = {"input", "to", "onError", "onNull", NULL};

#define EXPRESSION_CONVERT_ROW(text, target)                                                       \
    {                                                                                              \
        .name = (text), .least = 1, .most = 1, .nulls = true, .apply = expression_convert_fixed,   \
        .detail = (target)                                                                         \
    }

const copse_expression_operator copse_expression_convert[] = {
    {.name = "$type", .least = 1, .most = 1, .apply = expression_type},
    {.name = "$isNumber", .least = 1, .most = 1, .apply = expression_is_number},
    {.name = "$convert",
     .least = 2,
     .evaluate = expression_convert_any,
     .names = expression_convert_names},
    EXPRESSION_CONVERT_ROW("$toDouble", 0),
    EXPRESSION_CONVERT_ROW("$toString", 1),
    EXPRESSION_CONVERT_ROW("$toObjectId", 2),
    EXPRESSION_CONVERT_ROW("$toBool", 3),
    EXPRESSION_CONVERT_ROW("$toDate", 4),
    EXPRESSION_CONVERT_ROW("$toInt", 5),
    EXPRESSION_CONVERT_ROW("$toLong", 6),
    EXPRESSION_CONVERT_ROW("$toDecimal", 7),
    {.name = NULL},
};
