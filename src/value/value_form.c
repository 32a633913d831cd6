/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/value_form.h"

#include "value/dag_cbor_inline.h"
#include "value/decimal.h"

#include <math.h>
#include <string.h>

typedef struct value_form {
    const char *key; /* encoded: a head of one byte, then the text */
    copse_value_type type;
    bool (*read)(copse_cbor_reader *reader, copse_value *value);
} value_form;

/* The next item, if it is a text or a byte string, as `major` says. */
static bool value_form_take_string(copse_cbor_reader *reader, uint8_t major,
                                   copse_bytes *ret_string)
{
    copse_cbor_head head;
    if (!copse_cbor_head_read(reader->at, reader->end, &head) || head.major != major ||
        head.arg > (size_t)(reader->end - reader->at) - head.size) {
        return false;
    }
    *ret_string = (copse_bytes){reader->at + head.size, (size_t)head.arg};
    reader->at += head.size + head.arg;
    return true;
}

static bool value_form_take_text(copse_cbor_reader *reader, copse_bytes *ret_text)
{
    return value_form_take_string(reader, COPSE_CBOR_MAJOR_TEXT, ret_text);
}

static bool value_form_take_key(copse_cbor_reader *reader, const char *key)
{
    copse_bytes text;
    return value_form_take_text(reader, &text) && copse_bytes_equal(text, copse_bytes_of_text(key));
}

/* The next item, if it is an integer of at most `max`, or of -1 - max at least. */
static bool value_form_take_int(copse_cbor_reader *reader, uint64_t max, bool *ret_negative,
                                uint64_t *ret_arg)
{
    copse_cbor_head head;
    if (!copse_cbor_head_read(reader->at, reader->end, &head) ||
        head.major > COPSE_CBOR_MAJOR_NEGATIVE || head.arg > max) {
        return false;
    }
    *ret_negative = head.major == COPSE_CBOR_MAJOR_NEGATIVE;
    *ret_arg = head.arg;
    reader->at += head.size;
    return true;
}

/* The head of a map of two pairs. */
static bool value_form_take_pair(copse_cbor_reader *reader)
{
    copse_cbor_head head;
    if (!copse_cbor_head_read(reader->at, reader->end, &head) ||
        head.major != COPSE_CBOR_MAJOR_MAP || head.arg != 2) {
        return false;
    }
    reader->at += head.size;
    return true;
}

/* Whether each of 8 bytes is one of 0123456789abcdef: 80 in each byte where it is. Below 80, adding
 * 80 - c to a byte sets its highest bit exactly if the byte is c or more. */
static bool value_form_is_hex_8(uint64_t bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t digit = (bytes + (0x80 - '0') * ones) & ~(bytes + (0x80 - '9' - 1) * ones);
    uint64_t letter = (bytes + (0x80 - 'a') * ones) & ~(bytes + (0x80 - 'f' - 1) * ones);
    return ((bytes | ~(digit | letter)) & 0x80 * ones) == 0;
}

/* A digit of 0123456789abcdef, or -1. */
static int value_form_nibble(uint8_t digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

static bool value_form_read_date(copse_cbor_reader *reader, copse_value *value)
{
    bool negative = false;
    uint64_t arg = 0;
    if (!value_form_take_int(reader, INT64_MAX, &negative, &arg)) {
        return false;
    }
    value->date_ms = negative ? -1 - (int64_t)arg : (int64_t)arg;
    return true;
}

static bool value_form_read_object_id(copse_cbor_reader *reader, copse_value *value)
{
    copse_bytes digits;
    if (!value_form_take_text(reader, &digits) || digits.len != 24 ||
        !value_form_is_hex_8(copse_load_u64le(digits.ptr)) ||
        !value_form_is_hex_8(copse_load_u64le(digits.ptr + 8)) ||
        !value_form_is_hex_8(copse_load_u64le(digits.ptr + 16))) {
        return false;
    }
    value->bytes = digits;
    return true;
}

static bool value_form_read_decimal(copse_cbor_reader *reader, copse_value *value)
{
    copse_decimal decimal;
    return value_form_take_text(reader, &value->bytes) &&
           copse_decimal_parse_canonical(value->bytes, &decimal);
}

static bool value_form_read_float(copse_cbor_reader *reader, copse_value *value)
{
    static const struct {
        const char *text;
        double real;
    } reals[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}, {"-0.0", -0.0}};
    copse_bytes text;
    if (!value_form_take_text(reader, &text)) {
        return false;
    }
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        if (copse_bytes_equal(text, copse_bytes_of_text(reals[i].text))) {
            value->real = reals[i].real;
            return true;
        }
    }
    return false;
}

static bool value_form_read_binary(copse_cbor_reader *reader, copse_value *value)
{
    copse_bytes subtype;
    if (!value_form_take_pair(reader) || !value_form_take_key(reader, "base64") ||
        !value_form_take_string(reader, COPSE_CBOR_MAJOR_BYTES, &value->bytes) ||
        !value_form_take_key(reader, "subType") || !value_form_take_text(reader, &subtype) ||
        subtype.len != 2) {
        return false;
    }
    int high = value_form_nibble(subtype.ptr[0]);
    int low = value_form_nibble(subtype.ptr[1]);
    value->subtype = (uint8_t)(high * 16 + low);
    return high >= 0 && low >= 0 && value->subtype != 0; /* those of 00 are plain bytes */
}

static bool value_form_take_u32(copse_cbor_reader *reader, uint32_t *ret_value)
{
    bool negative = false;
    uint64_t arg = 0;
    if (!value_form_take_int(reader, UINT32_MAX, &negative, &arg) || negative) {
        return false;
    }
    *ret_value = (uint32_t)arg;
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
    static const char letters[6] = {'i', 'l', 'm', 's', 'u', 'x'};
    uint8_t last = 0;
    for (size_t i = 0; i < options.len; i++) {
        uint8_t letter = options.ptr[i];
        if (letter <= last || memchr(letters, letter, sizeof letters) == NULL) {
            return false;
        }
        last = letter;
    }
    return true;
}

static bool value_form_read_regex(copse_cbor_reader *reader, copse_value *value)
{
    return value_form_take_pair(reader) && value_form_take_key(reader, "options") &&
           value_form_take_text(reader, &value->options) &&
           value_form_options_valid(value->options) && value_form_take_key(reader, "pattern") &&
           value_form_take_text(reader, &value->bytes) &&
           (value->bytes.len == 0 || memchr(value->bytes.ptr, 0, value->bytes.len) == NULL);
}

static bool value_form_read_one(copse_cbor_reader *reader, copse_value *value)
{
    (void)value;
    uint32_t one = 0;
    return value_form_take_u32(reader, &one) && one == 1;
}

/* The commonest first. */
static const value_form value_forms[] = {
    {"\x65$date", COPSE_VALUE_DATE, value_form_read_date},
    {"\x64$oid", COPSE_VALUE_OBJECT_ID, value_form_read_object_id},
    {"\x6e$numberDecimal", COPSE_VALUE_DECIMAL, value_form_read_decimal},
    {"\x6d$numberDouble", COPSE_VALUE_FLOAT, value_form_read_float},
    {"\x67$binary", COPSE_VALUE_BINARY, value_form_read_binary},
    {"\x6a$timestamp", COPSE_VALUE_TIMESTAMP, value_form_read_timestamp},
    {"\x72$regularExpression", COPSE_VALUE_REGEX, value_form_read_regex},
    {"\x67$minKey", COPSE_VALUE_MIN_KEY, value_form_read_one},
    {"\x67$maxKey", COPSE_VALUE_MAX_KEY, value_form_read_one},
};

bool copse_value_is_reference(copse_cbor_reader reader, uint64_t pairs)
{
    return (pairs == 2 || (pairs == 3 && value_form_take_key(&reader, "$db") &&
                           copse_cbor_skip(&reader, NULL) == COPSE_OK)) &&
           value_form_take_key(&reader, "$id") && copse_cbor_skip(&reader, NULL) == COPSE_OK &&
           value_form_take_key(&reader, "$ref");
}

bool copse_value_form_read(copse_cbor_reader *reader, copse_value *value)
{
    for (size_t i = 0; i < sizeof value_forms / sizeof *value_forms; i++) {
        const value_form *form = &value_forms[i];
        size_t size = 1 + ((uint8_t)form->key[0] & 0x1f);
        if ((size_t)(reader->end - reader->at) > size && reader->at[0] == (uint8_t)form->key[0] &&
            memcmp(reader->at, form->key, size) == 0) {
            reader->at += size;
            value->type = form->type;
            return form->read(reader, value);
        }
    }
    return false;
}
