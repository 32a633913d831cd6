/* A wrapper has been written to the buf as the map that it looks like, its pairs in DAG-CBOR's
 * order and the wrappers in it replaced: {"$date": {"$numberLong": "0"}} comes as {"$date": 0}. It
 * is copied aside, read there, and its value is written in its place.
 *
 * (W1) A map is led by a key if that is the first in the text, or in DAG-CBOR's order. A map led by
 *      the name of a wrapper is that wrapper or refused, in both modes: the order of keys never
 *      decides, and a slip of the pen never makes a map of what was meant as a value.
 * (W2) In VALUE mode a map led by any other key with "$" is refused, but for a DBRef: an ordinary
 *      map of "$ref", "$id" and perhaps "$db".
 * (W3) In QUERY mode such maps are kept: $gt, $in, $regex with $options, $type...
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/ext_json_wrap.h"

#include "value/ext_json_date.h"
#include "value/json_number.h"
#include "value/json_token.h"
#include "value/multibase.h"
#include "value/value_form.h"

#include <math.h>
#include <string.h>

enum { EXT_JSON_UUID_SIZE = 36, EXT_JSON_SUBTYPE_UUID = 4 };

/* A wrapper of one key. */
typedef struct ext_json_wrap {
    copse_json_builder *builder;
    copse_buf *buf;          /* to write the value to */
    copse_cbor_item value;   /* of the one key; of an array or map the head */
    copse_cbor_reader inner; /* behind it */
} ext_json_wrap;

/* Reads the value of a wrapper and writes what it stands for. MISUSE: it is malformed. */
typedef copse_status (*ext_json_unwrap_fn)(ext_json_wrap *wrap);

/* ---- Parts ---- */

/* Reads `size` bytes from twice as many digits. */
static bool ext_json_read_hex(const uint8_t *digits, size_t size, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < size; i++) {
        int high = copse_json_hex_digit(digits[2 * i]);
        int low = copse_json_hex_digit(digits[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        ret_bytes[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* A subtype: one or two hexadecimal digits. */
static bool ext_json_read_subtype(copse_bytes text, uint8_t *ret_subtype)
{
    uint8_t digits[2] = {'0', '0'};
    if (text.len < 1 || text.len > 2) {
        return false;
    }
    memcpy(digits + 2 - text.len, text.ptr, text.len);
    return ext_json_read_hex(digits, 1, ret_subtype);
}

/* Moves `reader` over the key `name` and the head of its value. False: another key, or another
 * kind of value. */
static bool ext_json_next_pair(copse_cbor_reader *reader, const char *name, copse_cbor_kind kind,
                               copse_cbor_item *ret_value)
{
    copse_cbor_item key;
    return copse_cbor_next(reader, &key, NULL) == COPSE_OK &&
           copse_bytes_equal(key.bytes, copse_bytes_of_text(name)) &&
           copse_cbor_next(reader, ret_value, NULL) == COPSE_OK && ret_value->kind == kind;
}

/* Whether the value is a map of two pairs. */
static bool ext_json_is_map_of_two(const ext_json_wrap *wrap)
{
    return wrap->value.kind == COPSE_CBOR_MAP && wrap->value.arg == 2;
}

/* Writes bytes that are given as base64 with padding. They are decoded behind the copy of the
 * wrapper, for which there is room. */
static copse_status ext_json_write_binary(copse_json_builder *builder, copse_buf *buf,
                                          copse_bytes base64, copse_bytes subtype)
{
    uint8_t type = 0;
    size_t size = base64.len;
    uint8_t *decoded = builder->scratch.ptr + builder->scratch.len;
    if (size % 4 != 0 || !ext_json_read_subtype(subtype, &type)) {
        return COPSE_MISUSE;
    }
    for (int i = 0; i < 2 && size > 0 && base64.ptr[size - 1] == '='; i++) {
        size--;
    }
    if (copse_base64_decode((copse_bytes){base64.ptr, size}, decoded) != COPSE_OK) {
        return COPSE_MISUSE;
    }
    return copse_value_write_binary(buf, (copse_bytes){decoded, copse_base64_bytes_size(size)},
                                    type);
}

/* ---- Wrappers ---- */

static copse_status ext_json_unwrap_oid(ext_json_wrap *wrap)
{
    uint8_t id[12];
    if (wrap->value.kind != COPSE_CBOR_TEXT || wrap->value.bytes.len != 2 * sizeof id ||
        !ext_json_read_hex(wrap->value.bytes.ptr, sizeof id, id)) {
        return COPSE_MISUSE;
    }
    return copse_value_write_object_id(wrap->buf, id);
}

static copse_status ext_json_unwrap_date(ext_json_wrap *wrap)
{
    int64_t date_ms = 0;
    copse_status status = wrap->value.kind == COPSE_CBOR_TEXT
                              ? copse_ext_json_date_parse(wrap->value.bytes, &date_ms)
                              : copse_cbor_item_int64(&wrap->value, &date_ms);
    return status == COPSE_OK ? copse_value_write_date(wrap->buf, date_ms) : COPSE_MISUSE;
}

/* Writes the integer in a text, if it is none above `max` or below -1 - max. */
static copse_status ext_json_unwrap_integer(ext_json_wrap *wrap, uint64_t max)
{
    copse_json_number number;
    if (wrap->value.kind != COPSE_CBOR_TEXT ||
        copse_json_number_parse(wrap->value.bytes, &number) != COPSE_OK || number.is_float ||
        number.arg > max) {
        return COPSE_MISUSE;
    }
    return number.negative ? copse_cbor_write_negative(wrap->buf, number.arg)
                           : copse_cbor_write_uint(wrap->buf, number.arg);
}

static copse_status ext_json_unwrap_int(ext_json_wrap *wrap)
{
    return ext_json_unwrap_integer(wrap, INT32_MAX);
}

static copse_status ext_json_unwrap_long(ext_json_wrap *wrap)
{
    return ext_json_unwrap_integer(wrap, INT64_MAX);
}

static copse_status ext_json_unwrap_double(ext_json_wrap *wrap)
{
    static const struct {
        const char *name;
        float value;
    } names[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    double value = 0;
    if (wrap->value.kind != COPSE_CBOR_TEXT) {
        return COPSE_MISUSE;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (copse_bytes_equal(wrap->value.bytes, copse_bytes_of_text(names[i].name))) {
            return copse_value_write_float(wrap->buf, (double)names[i].value);
        }
    }
    copse_status status = copse_json_double_parse(wrap->value.bytes, &value);
    if (status != COPSE_OK) {
        return status == COPSE_LIMIT ? COPSE_LIMIT : COPSE_MISUSE;
    }
    return copse_value_write_float(wrap->buf, value);
}

static copse_status ext_json_unwrap_decimal(ext_json_wrap *wrap)
{
    return wrap->value.kind == COPSE_CBOR_TEXT
               ? copse_value_write_decimal(wrap->buf, wrap->value.bytes)
               : COPSE_MISUSE;
}

static copse_status ext_json_unwrap_binary(ext_json_wrap *wrap)
{
    copse_cbor_item base64;
    copse_cbor_item subtype;
    if (!ext_json_is_map_of_two(wrap) ||
        !ext_json_next_pair(&wrap->inner, "base64", COPSE_CBOR_TEXT, &base64) ||
        !ext_json_next_pair(&wrap->inner, "subType", COPSE_CBOR_TEXT, &subtype)) {
        return COPSE_MISUSE;
    }
    return ext_json_write_binary(wrap->builder, wrap->buf, base64.bytes, subtype.bytes);
}

static copse_status ext_json_unwrap_uuid(ext_json_wrap *wrap)
{
    uint8_t digits[32];
    uint8_t bytes[16];
    size_t count = 0;
    copse_bytes text = wrap->value.bytes;
    if (wrap->value.kind != COPSE_CBOR_TEXT || text.len != EXT_JSON_UUID_SIZE) {
        return COPSE_MISUSE;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.ptr[i] != '-') {
                return COPSE_MISUSE;
            }
        } else {
            digits[count++] = text.ptr[i];
        }
    }
    if (!ext_json_read_hex(digits, sizeof bytes, bytes)) {
        return COPSE_MISUSE;
    }
    return copse_value_write_binary(wrap->buf, (copse_bytes){bytes, sizeof bytes},
                                    EXT_JSON_SUBTYPE_UUID);
}

static copse_status ext_json_unwrap_regex(ext_json_wrap *wrap)
{
    copse_cbor_item options;
    copse_cbor_item pattern;
    if (!ext_json_is_map_of_two(wrap) ||
        !ext_json_next_pair(&wrap->inner, "options", COPSE_CBOR_TEXT, &options) ||
        !ext_json_next_pair(&wrap->inner, "pattern", COPSE_CBOR_TEXT, &pattern)) {
        return COPSE_MISUSE;
    }
    return copse_value_write_regex(wrap->buf, pattern.bytes, options.bytes);
}

static copse_status ext_json_unwrap_timestamp(ext_json_wrap *wrap)
{
    copse_cbor_item increment;
    copse_cbor_item seconds;
    if (!ext_json_is_map_of_two(wrap) ||
        !ext_json_next_pair(&wrap->inner, "i", COPSE_CBOR_INT, &increment) ||
        !ext_json_next_pair(&wrap->inner, "t", COPSE_CBOR_INT, &seconds) || increment.negative ||
        seconds.negative || increment.arg > UINT32_MAX || seconds.arg > UINT32_MAX) {
        return COPSE_MISUSE;
    }
    return copse_value_write_timestamp(wrap->buf, (uint32_t)seconds.arg, (uint32_t)increment.arg);
}

static bool ext_json_is_one(const copse_cbor_item *item)
{
    return item->kind == COPSE_CBOR_INT && !item->negative && item->arg == 1;
}

static copse_status ext_json_unwrap_min_key(ext_json_wrap *wrap)
{
    return ext_json_is_one(&wrap->value) ? copse_value_write_min_key(wrap->buf) : COPSE_MISUSE;
}

static copse_status ext_json_unwrap_max_key(ext_json_wrap *wrap)
{
    return ext_json_is_one(&wrap->value) ? copse_value_write_max_key(wrap->buf) : COPSE_MISUSE;
}

static copse_status ext_json_unwrap_undefined(ext_json_wrap *wrap)
{
    return wrap->value.kind == COPSE_CBOR_BOOL && wrap->value.boolean
               ? copse_cbor_write_null(wrap->buf)
               : COPSE_MISUSE;
}

static copse_status ext_json_unwrap_symbol(ext_json_wrap *wrap)
{
    return wrap->value.kind == COPSE_CBOR_TEXT ? copse_cbor_write_text(wrap->buf, wrap->value.bytes)
                                               : COPSE_MISUSE;
}

/* ---- The table ---- */

typedef struct ext_json_wrapper {
    const char *name;
    ext_json_unwrap_fn unwrap; /* NULL: not supported */
    const char *needs;         /* what its value has to be, or what to do instead */
    bool also_operator;        /* in QUERY mode it is kept */
} ext_json_wrapper;

static const ext_json_wrapper ext_json_wrappers[] = {
    {"$oid", ext_json_unwrap_oid, "needs a text of 24 hexadecimal digits", false},
    {"$date", ext_json_unwrap_date,
     "needs an existing date as \"YYYY-MM-DDTHH:MM:SS.mmmZ\" or {\"$numberLong\": milliseconds}",
     false},
    {"$numberInt", ext_json_unwrap_int, "needs a text with an integer of 32 bits", false},
    {"$numberLong", ext_json_unwrap_long, "needs a text with an integer of 64 bits", false},
    {"$numberDouble", ext_json_unwrap_double,
     "needs a text with a number, NaN, Infinity or -Infinity", false},
    {"$numberDecimal", ext_json_unwrap_decimal,
     "needs a text with a decimal number of at most 34 digits", false},
    {"$binary", ext_json_unwrap_binary,
     "needs {\"base64\": text with padding, \"subType\": one or two hexadecimal digits}", false},
    {"$uuid", ext_json_unwrap_uuid, "needs a text such as 00112233-4455-6677-8899-aabbccddeeff",
     false},
    {"$regularExpression", ext_json_unwrap_regex,
     "needs {\"pattern\": text, \"options\": some of \"ilmsux\", each once}", false},
    {"$timestamp", ext_json_unwrap_timestamp,
     "needs {\"t\": seconds, \"i\": increment}, both integers of 32 bits without a sign", false},
    {"$minKey", ext_json_unwrap_min_key, "needs 1", false},
    {"$maxKey", ext_json_unwrap_max_key, "needs 1", false},
    {"$undefined", ext_json_unwrap_undefined, "needs true", false},
    {"$symbol", ext_json_unwrap_symbol, "needs a text", false},
    {"$code", NULL, "is JavaScript, which is not supported: keep it as a text", false},
    {"$scope", NULL, "belongs to JavaScript, which is not supported", false},
    {"$dbPointer", NULL, "is not supported: use {\"$ref\": text, \"$id\": value}", false},
    {"$regex", NULL,
     "is an operator: write {\"$regularExpression\": {\"pattern\": , \"options\": }}", true},
    {"$options", NULL,
     "is an operator: write {\"$regularExpression\": {\"pattern\": , "
     "\"options\": }}",
     true},
};

static const ext_json_wrapper *ext_json_wrapper_find(copse_bytes key, copse_ext_json_mode mode)
{
    for (size_t i = 0; i < sizeof ext_json_wrappers / sizeof *ext_json_wrappers; i++) {
        const ext_json_wrapper *wrapper = &ext_json_wrappers[i];
        if (copse_bytes_equal(key, copse_bytes_of_text(wrapper->name)) &&
            (mode == COPSE_EXT_JSON_VALUE || !wrapper->also_operator)) {
            return wrapper;
        }
    }
    return NULL;
}

static bool ext_json_has_dollar(copse_bytes key)
{
    return key.len > 0 && key.ptr[0] == '$';
}

/* ---- The call ---- */

/* Moves the map from the buf to the scratch, with as much room behind it. */
static copse_status ext_json_set_aside(copse_json_builder *builder, size_t offset,
                                       copse_cbor_reader *ret_reader)
{
    copse_bytes map = {builder->buf->ptr + offset, builder->buf->len - offset};
    copse_buf_truncate(&builder->scratch, 0);
    copse_status status = copse_buf_reserve(&builder->scratch, 2 * map.len);
    if (status == COPSE_OK) {
        status = copse_buf_append(&builder->scratch, map);
    }
    if (status == COPSE_OK) {
        copse_buf_truncate(builder->buf, offset);
        copse_cbor_reader_init(ret_reader, copse_buf_view(&builder->scratch));
    }
    return status;
}

static copse_status ext_json_refuse(copse_json_builder *builder, copse_status status,
                                    const char *name, const char *needs)
{
    if (status == COPSE_MISUSE) {
        return copse_json_build_fail(builder, COPSE_CORRUPT, "the map that ends here: %s %s", name,
                                     needs);
    }
    return copse_json_build_wrote(builder, status);
}

static copse_status ext_json_unwrap(copse_json_builder *builder, size_t offset,
                                    const ext_json_wrapper *wrapper)
{
    ext_json_wrap wrap = {.builder = builder, .buf = builder->buf};
    if (wrapper->unwrap == NULL) {
        return ext_json_refuse(builder, COPSE_MISUSE, wrapper->name, wrapper->needs);
    }
    copse_status status = ext_json_set_aside(builder, offset, &wrap.inner);
    for (int i = 0; status == COPSE_OK && i < 3; i++) { /* the head, the key, the value */
        status = copse_cbor_next(&wrap.inner, &wrap.value, NULL);
    }
    if (status == COPSE_OK) {
        status = wrapper->unwrap(&wrap);
    }
    return ext_json_refuse(builder, status, wrapper->name, wrapper->needs);
}

/* {"$binary": base64, "$type": subtype}, as versions before 2 wrote it. */
static copse_status ext_json_unwrap_legacy(copse_json_builder *builder, size_t offset)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_item base64;
    copse_cbor_item subtype;
    copse_status status = ext_json_set_aside(builder, offset, &reader);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &item, NULL) == COPSE_OK &&
                         ext_json_next_pair(&reader, "$type", COPSE_CBOR_TEXT, &subtype) &&
                         ext_json_next_pair(&reader, "$binary", COPSE_CBOR_TEXT, &base64)
                     ? ext_json_write_binary(builder, builder->buf, base64.bytes, subtype.bytes)
                     : COPSE_MISUSE;
    }
    return ext_json_refuse(builder, status, "$binary", "with $type needs two texts");
}

/* Refuses a map that `key` leads, which is named if it is short and plain ASCII. */
static copse_status ext_json_refuse_key(copse_json_builder *builder, copse_bytes key)
{
    bool plain = key.len < COPSE_JSON_LEAD_SIZE_MAX;
    for (size_t i = 0; plain && i < key.len; i++) {
        plain = key.ptr[i] > ' ' && key.ptr[i] < 0x7f;
    }
    return copse_json_build_fail(
        builder, COPSE_CORRUPT,
        "the map that ends here begins with \"%.*s\", which is no type: rename the key",
        plain ? (int)key.len : 1, (const char *)key.ptr);
}

/* Whether the two keys from `reader` on are those of the binary before version 2. */
static bool ext_json_is_legacy(copse_cbor_reader reader)
{
    copse_cbor_item key;
    return copse_cbor_next(&reader, &key, NULL) == COPSE_OK &&
           copse_bytes_equal(key.bytes, copse_bytes_of_text("$type")) &&
           copse_cbor_skip(&reader, NULL) == COPSE_OK &&
           copse_cbor_next(&reader, &key, NULL) == COPSE_OK &&
           copse_bytes_equal(key.bytes, copse_bytes_of_text("$binary"));
}

copse_status copse_ext_json_wrap(copse_json_builder *builder, const copse_json_map *map,
                                 copse_ext_json_mode mode)
{
    copse_bytes encoded = {builder->buf->ptr + map->offset, builder->buf->len - map->offset};
    copse_cbor_reader pairs;
    copse_cbor_item first;
    copse_cbor_reader_init(&pairs, encoded);
    copse_status status = copse_cbor_next(&pairs, &first, NULL); /* the head */
    copse_cbor_reader keys = pairs;
    if (status != COPSE_OK || copse_cbor_next(&keys, &first, NULL) != COPSE_OK) {
        return copse_json_build_fail(builder, COPSE_CORRUPT, "the map that ends here is empty");
    }
    if (map->count == 2 && ext_json_is_legacy(pairs)) {
        return ext_json_unwrap_legacy(builder, map->offset);
    }
    const ext_json_wrapper *wrapper = ext_json_wrapper_find(first.bytes, mode);
    if (wrapper == NULL) {
        wrapper = ext_json_wrapper_find(map->lead, mode);
    }
    if (wrapper != NULL && wrapper->unwrap != NULL && map->count != 1) {
        return copse_json_build_fail(builder, COPSE_CORRUPT,
                                     "the map that ends here: %s stands with other keys",
                                     wrapper->name);
    }
    if (wrapper != NULL) {
        return ext_json_unwrap(builder, map->offset, wrapper);
    }
    bool lead = ext_json_has_dollar(map->lead);
    if (mode == COPSE_EXT_JSON_QUERY || (!lead && !ext_json_has_dollar(first.bytes)) ||
        copse_value_is_reference(pairs, map->count)) {
        return COPSE_OK;
    }
    return ext_json_refuse_key(builder, lead ? map->lead : first.bytes);
}
