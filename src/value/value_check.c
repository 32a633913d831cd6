/* Values, checking: first the DAG-CBOR, then one pass over the items for forms and floats. The path
 * of a failure is found afterwards, from its offset.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/value.h>

#include "base/err.h"
#include "value/dag_cbor_inline.h"
#include "value/value_form.h"

#include <stdio.h>

enum { VALUE_PATH_SIZE_MAX = 160 };

/* A path in a message, cut where it is too long. */
typedef struct value_path {
    char text[VALUE_PATH_SIZE_MAX];
    size_t size;
} value_path;

static void value_path_add(value_path *path, const char *text, size_t size)
{
    size_t left = sizeof path->text - 1 - path->size;
    size = size < left ? size : left;
    memcpy(path->text + path->size, text, size);
    path->size += size;
    path->text[path->size] = '\0';
}

static void value_path_add_index(value_path *path, uint64_t index)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)index);
    value_path_add(path, digits, (size_t)size);
}

/* Stands before a container that holds `target` deeper inside: adds the step towards it and moves
 * there. False: `target` is the container, or nowhere in it. */
static bool value_path_step(copse_cbor_reader *reader, const uint8_t *target, value_path *path)
{
    copse_cbor_item item;
    if (reader->at == target || copse_cbor_next(reader, &item, NULL) != COPSE_OK ||
        (item.kind != COPSE_CBOR_MAP && item.kind != COPSE_CBOR_ARRAY)) {
        return false;
    }
    for (uint64_t i = 0; i < item.arg; i++) {
        copse_cbor_item key;
        if (item.kind == COPSE_CBOR_MAP && copse_cbor_next(reader, &key, NULL) != COPSE_OK) {
            return false;
        }
        const uint8_t *child_end = copse_cbor_item_skip(reader->at, reader->end);
        if (child_end == NULL) {
            return false;
        }
        if (target < child_end) {
            value_path_add(path, ".", path->size > 0);
            if (item.kind == COPSE_CBOR_MAP) {
                value_path_add(path, (const char *)key.bytes.ptr, key.bytes.len);
            } else {
                value_path_add_index(path, i);
            }
            return true;
        }
        reader->at = child_end;
    }
    return false;
}

/* Says where in `encoded` the bad value at `target` stands. */
static copse_status value_check_fail(copse_bytes encoded, const uint8_t *target,
                                     const copse_err *why, copse_err *err)
{
    value_path path = {.size = 0};
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, encoded);
    while (value_path_step(&reader, target, &path)) {
    }
    return path.size == 0 ? COPSE_ERR(err, COPSE_CORRUPT, "%.200s", why->message)
                          : COPSE_ERR(err, COPSE_CORRUPT, "at %s: %.90s", path.text, why->message);
}

copse_status copse_value_check(copse_bytes encoded, const copse_limits *limits, copse_err *err)
{
    copse_status status = copse_dag_cbor_check(encoded, limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_cbor_reader reader;
    copse_value value;
    copse_err why;
    copse_cbor_reader_init(&reader, encoded);
    /* Keys are read as values too: they are text. */
    do {
        status = copse_value_enter(&reader, &value, &why);
    } while (status == COPSE_OK);
    return status == COPSE_END ? COPSE_OK : value_check_fail(encoded, reader.at, &why, err);
}

copse_status copse_document_check(copse_bytes encoded, const copse_limits *limits, copse_err *err)
{
    copse_value value;
    copse_status status = copse_value_check(encoded, limits, err);
    if (status == COPSE_OK) {
        status = copse_value_read(encoded, &value, err);
    }
    if (status == COPSE_OK && value.type != COPSE_VALUE_OBJECT) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document is an object, not of type %s",
                         copse_value_type_name(value.type));
    }
    return status;
}
