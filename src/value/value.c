/* Values, reading: an item's kind, and what the map of a form stands for.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/value.h>

#include "base/err.h"
#include "value/dag_cbor_inline.h"
#include "value/value_form.h"

#include <math.h>

static const char *const value_type_names[] = {
    [COPSE_VALUE_MIN_KEY] = "minKey",
    [COPSE_VALUE_NULL] = "null",
    [COPSE_VALUE_INT] = "int",
    [COPSE_VALUE_FLOAT] = "double",
    [COPSE_VALUE_DECIMAL] = "decimal",
    [COPSE_VALUE_TEXT] = "string",
    [COPSE_VALUE_OBJECT] = "object",
    [COPSE_VALUE_ARRAY] = "array",
    [COPSE_VALUE_BINARY] = "binData",
    [COPSE_VALUE_OBJECT_ID] = "objectId",
    [COPSE_VALUE_BOOL] = "bool",
    [COPSE_VALUE_DATE] = "date",
    [COPSE_VALUE_TIMESTAMP] = "timestamp",
    [COPSE_VALUE_REGEX] = "regex",
    [COPSE_VALUE_LINK] = "link",
    [COPSE_VALUE_MAX_KEY] = "maxKey",
};

const char *copse_value_type_name(copse_value_type type)
{
    return value_type_names[type];
}

/* Whether the key at `at`, the first of a map, begins with "$". */
static bool value_key_is_reserved(const copse_cbor_reader *reader)
{
    copse_cbor_head head;
    return copse_cbor_head_read(reader->at, reader->end, &head) &&
           head.major == COPSE_CBOR_MAJOR_TEXT && head.arg > 0 &&
           (size_t)(reader->end - reader->at) > head.size && reader->at[head.size] == '$';
}

static copse_status value_fail(const copse_cbor_reader *reader, const char *why, copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "value: byte %zu: %s",
                     (size_t)(reader->at - reader->start), why);
}

/* A map whose head `after` has passed: an object, or a form. */
static bool value_enter_map(copse_cbor_reader *after, uint64_t pairs, copse_value *value)
{
    if (pairs > 0 && value_key_is_reserved(after) && !copse_value_is_reference(*after, pairs)) {
        return copse_value_form_read(after, pairs, value);
    }
    value->type = COPSE_VALUE_OBJECT;
    value->arg = pairs;
    return true;
}

copse_status copse_value_enter(copse_cbor_reader *reader, copse_value *ret_value, copse_err *err)
{
    static const copse_value_type types[] = {
        [COPSE_CBOR_NULL] = COPSE_VALUE_NULL,    [COPSE_CBOR_BOOL] = COPSE_VALUE_BOOL,
        [COPSE_CBOR_INT] = COPSE_VALUE_INT,      [COPSE_CBOR_FLOAT] = COPSE_VALUE_FLOAT,
        [COPSE_CBOR_BYTES] = COPSE_VALUE_BINARY, [COPSE_CBOR_TEXT] = COPSE_VALUE_TEXT,
        [COPSE_CBOR_LINK] = COPSE_VALUE_LINK,    [COPSE_CBOR_ARRAY] = COPSE_VALUE_ARRAY,
        [COPSE_CBOR_MAP] = COPSE_VALUE_OBJECT,
    };
    copse_cbor_reader after = *reader;
    copse_cbor_item item;
    copse_status status = copse_cbor_next(&after, &item, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_value value = {
        .type = types[item.kind],
        .boolean = item.boolean,
        .negative = item.negative,
        .arg = item.arg,
        .real = item.real,
        .bytes = item.bytes,
    };
    if (item.kind == COPSE_CBOR_FLOAT && item.real == 0 && signbit(item.real)) {
        return value_fail(reader, "-0.0 is stored as {\"$numberDouble\": \"-0.0\"}", err);
    }
    if (item.kind == COPSE_CBOR_MAP && !value_enter_map(&after, item.arg, &value)) {
        return value_fail(reader, "a map begins with \"$\" and is no stored form", err);
    }
    if (value.type != COPSE_VALUE_OBJECT && value.type != COPSE_VALUE_ARRAY) {
        value.encoded = (copse_bytes){reader->at, (size_t)(after.at - reader->at)};
    }
    *ret_value = value;
    reader->at = after.at;
    return COPSE_OK;
}

copse_status copse_value_next(copse_cbor_reader *reader, copse_value *ret_value, copse_err *err)
{
    copse_cbor_reader after = *reader;
    copse_value value;
    copse_status status = copse_value_enter(&after, &value, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (value.encoded.len == 0) {
        const uint8_t *end = copse_cbor_item_skip(reader->at, reader->end);
        if (end == NULL) {
            return value_fail(reader, "not an item", err);
        }
        value.encoded = (copse_bytes){reader->at, (size_t)(end - reader->at)};
    }
    *ret_value = value;
    reader->at = value.encoded.ptr + value.encoded.len;
    return COPSE_OK;
}

copse_status copse_value_read(copse_bytes encoded, copse_value *ret_value, copse_err *err)
{
    copse_cbor_reader reader;
    copse_value value;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = copse_value_enter(&reader, &value, err);
    if (status == COPSE_END ||
        (status == COPSE_OK && value.encoded.len > 0 && reader.at != reader.end)) {
        return value_fail(&reader, "not one item", err);
    }
    if (status == COPSE_OK) {
        value.encoded = encoded;
        *ret_value = value;
    }
    return status;
}
