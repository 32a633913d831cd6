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

static COPSE_NOINLINE copse_status value_fail(const copse_cbor_reader *reader, const char *why,
                                              copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "value: byte %zu: %s",
                     (size_t)(reader->at - reader->start), why);
}

/* Whether the key at `at`, the first of a map, begins with "$". */
static bool value_key_is_reserved(const uint8_t *at, const uint8_t *end)
{
    copse_cbor_head head;
    return copse_cbor_head_read(at, end, &head) && head.major == COPSE_CBOR_MAJOR_TEXT &&
           head.arg > 0 && (size_t)(end - at) > head.size && at[head.size] == '$';
}

/* A map of `pairs` pairs whose first begins at `at`: an object, or a form. */
static copse_status value_enter_map(copse_cbor_reader *reader, const uint8_t *at, uint64_t pairs,
                                    copse_value *value, copse_err *err)
{
    const uint8_t *start = reader->at;
    reader->at = at;
    if (pairs == 0 || !value_key_is_reserved(at, reader->end) ||
        (pairs > 1 && copse_value_is_reference(*reader, pairs))) {
        value->type = COPSE_VALUE_OBJECT;
        value->arg = pairs;
        return COPSE_OK;
    }
    if (pairs == 1 && copse_value_form_read(reader, value)) {
        return COPSE_OK;
    }
    reader->at = start;
    return value_fail(reader, "a map begins with \"$\" and is no stored form", err);
}

/* Null, booleans, links, short floats, the end, and what is no item. */
static COPSE_NOINLINE copse_status value_enter_other(copse_cbor_reader *reader, copse_value *value,
                                                     copse_err *err)
{
    copse_cbor_reader after = *reader;
    copse_cbor_item item;
    copse_status status = copse_cbor_next(&after, &item, err);
    if (status != COPSE_OK) {
        return status;
    }
    switch (item.kind) {
    case COPSE_CBOR_NULL:
        value->type = COPSE_VALUE_NULL;
        break;
    case COPSE_CBOR_BOOL:
        value->type = COPSE_VALUE_BOOL;
        value->boolean = item.boolean;
        break;
    case COPSE_CBOR_FLOAT:
        if (item.real == 0 && signbit(item.real)) {
            return value_fail(reader, "-0.0 is stored as {\"$numberDouble\": \"-0.0\"}", err);
        }
        value->type = COPSE_VALUE_FLOAT;
        value->real = item.real;
        break;
    case COPSE_CBOR_LINK:
        value->type = COPSE_VALUE_LINK;
        value->bytes = item.bytes;
        break;
    default:
        return value_fail(reader, "not an item", err);
    }
    reader->at = after.at;
    return COPSE_OK;
}

copse_status copse_value_enter(copse_cbor_reader *reader, copse_value *value, copse_err *err)
{
    copse_cbor_head head;
    if (COPSE_UNLIKELY(!copse_cbor_head_read(reader->at, reader->end, &head))) {
        return value_enter_other(reader, value, err);
    }
    const uint8_t *content = reader->at + head.size;
    size_t left = (size_t)(reader->end - content);
    switch (head.major) {
    case COPSE_CBOR_MAJOR_UINT:
    case COPSE_CBOR_MAJOR_NEGATIVE:
        value->type = COPSE_VALUE_INT;
        value->negative = head.major == COPSE_CBOR_MAJOR_NEGATIVE;
        value->arg = head.arg;
        break;
    case COPSE_CBOR_MAJOR_BYTES:
    case COPSE_CBOR_MAJOR_TEXT:
        if (head.arg > left) {
            return value_enter_other(reader, value, err);
        }
        value->type = head.major == COPSE_CBOR_MAJOR_TEXT ? COPSE_VALUE_TEXT : COPSE_VALUE_BINARY;
        value->subtype = 0;
        value->bytes = (copse_bytes){content, (size_t)head.arg};
        content += head.arg;
        break;
    case COPSE_CBOR_MAJOR_ARRAY:
        if (head.arg > left) {
            return value_enter_other(reader, value, err);
        }
        value->type = COPSE_VALUE_ARRAY;
        value->arg = head.arg;
        break;
    case COPSE_CBOR_MAJOR_SIMPLE:
        if (*reader->at != COPSE_CBOR_F64 || head.arg == UINT64_C(1) << 63) {
            return value_enter_other(reader, value, err);
        }
        value->type = COPSE_VALUE_FLOAT;
        memcpy(&value->real, &head.arg, sizeof value->real);
        break;
    case COPSE_CBOR_MAJOR_MAP:
        return head.arg <= left / 2 ? value_enter_map(reader, content, head.arg, value, err)
                                    : value_enter_other(reader, value, err);
    default:
        return value_enter_other(reader, value, err);
    }
    reader->at = content;
    return COPSE_OK;
}

/* Whether it was only entered: what it holds comes next. */
static bool value_is_open(const copse_value *value)
{
    return value->type == COPSE_VALUE_OBJECT || value->type == COPSE_VALUE_ARRAY;
}

copse_status copse_value_next(copse_cbor_reader *reader, copse_value *ret_value, copse_err *err)
{
    copse_cbor_reader after = *reader;
    copse_value value = {.arg = 0};
    copse_status status = copse_value_enter(&after, &value, err);
    if (status != COPSE_OK) {
        return status;
    }
    const uint8_t *end =
        value_is_open(&value) ? copse_cbor_item_skip(reader->at, reader->end) : after.at;
    if (end == NULL) {
        return value_fail(reader, "not an item", err);
    }
    value.encoded = (copse_bytes){reader->at, (size_t)(end - reader->at)};
    *ret_value = value;
    reader->at = end;
    return COPSE_OK;
}

copse_status copse_value_read(copse_bytes encoded, copse_value *ret_value, copse_err *err)
{
    copse_cbor_reader reader;
    copse_value value = {.encoded = encoded};
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = copse_value_enter(&reader, &value, err);
    if (status == COPSE_END ||
        (status == COPSE_OK && !value_is_open(&value) && reader.at != reader.end)) {
        return value_fail(&reader, "not one item", err);
    }
    if (status == COPSE_OK) {
        *ret_value = value;
    }
    return status;
}
