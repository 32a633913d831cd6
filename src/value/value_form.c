/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/value_form.h"

#include "value/decimal.h"

#include <math.h>
#include <string.h>

typedef struct value_form {
    const char *key;
    copse_value_type type;
    bool (*read)(copse_cbor_reader *reader, copse_value *value);
} value_form;

static bool value_form_take(copse_cbor_reader *reader, copse_cbor_kind kind, copse_cbor_item *item)
{
    return copse_cbor_next(reader, item, NULL) == COPSE_OK && item->kind == kind;
}

static bool value_form_take_key(copse_cbor_reader *reader, const char *key)
{
    copse_cbor_item item;
    return value_form_take(reader, COPSE_CBOR_TEXT, &item) &&
           copse_bytes_equal(item.bytes, copse_bytes_of_text(key));
}

static bool value_form_take_pair(copse_cbor_reader *reader)
{
    copse_cbor_item item;
    return value_form_take(reader, COPSE_CBOR_MAP, &item) && item.arg == 2;
}

/* Whether `text` is digits of 0123456789abcdef. */
static bool value_form_is_hex(copse_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return false;
        }
    }
    return true;
}

static uint8_t value_form_nibble(uint8_t digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static bool value_form_read_date(copse_cbor_reader *reader, copse_value *value)
{
    copse_cbor_item item;
    return value_form_take(reader, COPSE_CBOR_INT, &item) &&
           copse_cbor_item_int64(&item, &value->date_ms) == COPSE_OK;
}

static bool value_form_read_object_id(copse_cbor_reader *reader, copse_value *value)
{
    copse_cbor_item item;
    if (!value_form_take(reader, COPSE_CBOR_TEXT, &item) || item.bytes.len != 24 ||
        !value_form_is_hex(item.bytes)) {
        return false;
    }
    value->bytes = item.bytes;
    return true;
}

static bool value_form_read_decimal(copse_cbor_reader *reader, copse_value *value)
{
    copse_cbor_item item;
    copse_decimal decimal;
    if (!value_form_take(reader, COPSE_CBOR_TEXT, &item) ||
        !copse_decimal_parse_canonical(item.bytes, &decimal)) {
        return false;
    }
    value->bytes = item.bytes;
    return true;
}

static bool value_form_read_float(copse_cbor_reader *reader, copse_value *value)
{
    static const struct {
        const char *text;
        double real;
    } reals[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}, {"-0.0", -0.0}};
    copse_cbor_item item;
    if (!value_form_take(reader, COPSE_CBOR_TEXT, &item)) {
        return false;
    }
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        if (copse_bytes_equal(item.bytes, copse_bytes_of_text(reals[i].text))) {
            value->real = reals[i].real;
            return true;
        }
    }
    return false;
}

static bool value_form_read_binary(copse_cbor_reader *reader, copse_value *value)
{
    copse_cbor_item content;
    copse_cbor_item subtype;
    if (!value_form_take_pair(reader) || !value_form_take_key(reader, "base64") ||
        !value_form_take(reader, COPSE_CBOR_BYTES, &content) ||
        !value_form_take_key(reader, "subType") ||
        !value_form_take(reader, COPSE_CBOR_TEXT, &subtype) || subtype.bytes.len != 2 ||
        !value_form_is_hex(subtype.bytes)) {
        return false;
    }
    value->bytes = content.bytes;
    value->subtype = (uint8_t)(value_form_nibble(subtype.bytes.ptr[0]) << 4 |
                               value_form_nibble(subtype.bytes.ptr[1]));
    return value->subtype != 0; /* those are plain bytes */
}

static bool value_form_take_u32(copse_cbor_reader *reader, uint32_t *ret_value)
{
    copse_cbor_item item;
    if (!value_form_take(reader, COPSE_CBOR_INT, &item) || item.negative || item.arg > UINT32_MAX) {
        return false;
    }
    *ret_value = (uint32_t)item.arg;
    return true;
}

static bool value_form_read_timestamp(copse_cbor_reader *reader, copse_value *value)
{
    return value_form_take_pair(reader) && value_form_take_key(reader, "i") &&
           value_form_take_u32(reader, &value->increment) && value_form_take_key(reader, "t") &&
           value_form_take_u32(reader, &value->seconds);
}

static bool value_form_options_valid(copse_bytes options)
{
    uint8_t last = 0;
    for (size_t i = 0; i < options.len; i++) {
        uint8_t letter = options.ptr[i];
        if (letter <= last || memchr("ilmsux", letter, 6) == NULL) {
            return false;
        }
        last = letter;
    }
    return true;
}

static bool value_form_read_regex(copse_cbor_reader *reader, copse_value *value)
{
    copse_cbor_item options;
    copse_cbor_item pattern;
    if (!value_form_take_pair(reader) || !value_form_take_key(reader, "options") ||
        !value_form_take(reader, COPSE_CBOR_TEXT, &options) ||
        !value_form_options_valid(options.bytes) || !value_form_take_key(reader, "pattern") ||
        !value_form_take(reader, COPSE_CBOR_TEXT, &pattern) ||
        (pattern.bytes.len > 0 && memchr(pattern.bytes.ptr, 0, pattern.bytes.len) != NULL)) {
        return false;
    }
    value->options = options.bytes;
    value->bytes = pattern.bytes;
    return true;
}

static bool value_form_read_one(copse_cbor_reader *reader, copse_value *value)
{
    (void)value;
    copse_cbor_item item;
    return value_form_take(reader, COPSE_CBOR_INT, &item) && !item.negative && item.arg == 1;
}

/* The commonest first. */
static const value_form value_forms[] = {
    {"$date", COPSE_VALUE_DATE, value_form_read_date},
    {"$oid", COPSE_VALUE_OBJECT_ID, value_form_read_object_id},
    {"$numberDecimal", COPSE_VALUE_DECIMAL, value_form_read_decimal},
    {"$numberDouble", COPSE_VALUE_FLOAT, value_form_read_float},
    {"$binary", COPSE_VALUE_BINARY, value_form_read_binary},
    {"$timestamp", COPSE_VALUE_TIMESTAMP, value_form_read_timestamp},
    {"$regularExpression", COPSE_VALUE_REGEX, value_form_read_regex},
    {"$minKey", COPSE_VALUE_MIN_KEY, value_form_read_one},
    {"$maxKey", COPSE_VALUE_MAX_KEY, value_form_read_one},
};

bool copse_value_is_reference(copse_cbor_reader reader, uint64_t pairs)
{
    return (pairs == 2 || (pairs == 3 && value_form_take_key(&reader, "$db") &&
                           copse_cbor_skip(&reader, NULL) == COPSE_OK)) &&
           value_form_take_key(&reader, "$id") && copse_cbor_skip(&reader, NULL) == COPSE_OK &&
           value_form_take_key(&reader, "$ref");
}

bool copse_value_form_read(copse_cbor_reader *reader, uint64_t pairs, copse_value *value)
{
    copse_cbor_item key;
    if (pairs != 1 || !value_form_take(reader, COPSE_CBOR_TEXT, &key)) {
        return false;
    }
    for (size_t i = 0; i < sizeof value_forms / sizeof *value_forms; i++) {
        if (copse_bytes_equal(key.bytes, copse_bytes_of_text(value_forms[i].key))) {
            value->type = value_forms[i].type;
            return value_forms[i].read(reader, value);
        }
    }
    return false;
}
