/* The shape of filters: fields, values, maps of operators, $and, $or and $nor.
 *
 * The encoding was checked before, so that its depth bounds the recursion here; operators are in
 * filter_operator.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_private.h"
#include "expr/path.h"

#include <string.h>

/* How much of a name of a user stands in a message. */
enum { FILTER_NAME_SHOWN_MAX = 80 };

bool copse_filter_open(copse_bytes encoded, copse_cbor_kind kind, copse_cbor_reader *ret_reader,
                       uint64_t *ret_count)
{
    copse_cbor_item head;
    copse_cbor_reader_init(ret_reader, encoded);
    if (copse_cbor_next(ret_reader, &head, NULL) != COPSE_OK || head.kind != kind) {
        return false;
    }
    *ret_count = head.arg;
    return true;
}

/* The next pair of a map. */
static copse_status filter_next_pair(copse_cbor_reader *reader, copse_bytes *ret_key,
                                     copse_bytes *ret_value, copse_err *err)
{
    copse_cbor_item key;
    copse_status status = copse_cbor_next(reader, &key, err);
    if (status == COPSE_OK) {
        status = copse_cbor_take(reader, ret_value, err);
    }
    if (status == COPSE_OK) {
        *ret_key = key.bytes;
    }
    return status;
}

static bool filter_is_name(copse_bytes key)
{
    return key.len > 0 && key.ptr[0] == '$';
}

bool copse_filter_is_operators(copse_bytes encoded)
{
    copse_cbor_reader reader;
    copse_cbor_item key;
    copse_value value;
    uint64_t count = 0;
    if (!copse_filter_open(encoded, COPSE_CBOR_MAP, &reader, &count) || count == 0 ||
        copse_cbor_next(&reader, &key, NULL) != COPSE_OK || !filter_is_name(key.bytes)) {
        return false;
    }
    return copse_value_read(encoded, &value, NULL) != COPSE_OK;
}

/* ---- Values and operators of a field ----------------------------------------------------------
 */

copse_status copse_filter_parse_value(copse_filter *filter, copse_bytes path, copse_bytes encoded,
                                      const copse_filter_node **ret_node, copse_err *err)
{
    copse_value value;
    copse_status status = copse_value_read(encoded, &value, err);
    if (status == COPSE_OK && value.type == COPSE_VALUE_REGEX) {
        return copse_filter_node_regex(filter, path, value.bytes, value.options, ret_node, err);
    }
    return status == COPSE_OK
               ? copse_filter_node_compare(filter, COPSE_FILTER_EQ, path, encoded, ret_node, err)
               : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter, which limits.cbor_depth_max bounds */
copse_status copse_filter_parse_operators(copse_filter *filter, copse_bytes path, copse_bytes map,
                                          const copse_filter_node **ret_node, copse_err *err)
{
    copse_cbor_reader reader;
    copse_filter_list list = {0};
    uint64_t count = 0;
    if (!copse_filter_open(map, COPSE_CBOR_MAP, &reader, &count) || count == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "expected a map of operators, such as {\"$gt\": 1}");
    }
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes name;
        copse_bytes argument;
        const copse_filter_node *node = NULL;
        status = filter_next_pair(&reader, &name, &argument, err);
        if (status == COPSE_OK) {
            status = copse_filter_operator(filter, path, name, argument, map, &node, err);
        }
        if (status == COPSE_OK && node != NULL) {
            status = copse_filter_list_add(filter, &list, node, true, err);
        }
    }
    return status == COPSE_OK
               ? copse_filter_node_over(filter, COPSE_FILTER_AND, path, &list, ret_node, err)
               : status;
}

/* Whether a key of the map begins with "$" and its first does not: then it is no value to compare
 * with. If the first does, the map is a DBRef. */
static bool filter_has_name(copse_bytes map)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    if (!copse_filter_open(map, COPSE_CBOR_MAP, &reader, &count)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        copse_bytes key;
        copse_bytes value;
        if (filter_next_pair(&reader, &key, &value, NULL) != COPSE_OK) {
            return true;
        }
        if (filter_is_name(key)) {
            return i > 0;
        }
    }
    return false;
}

/* "path": value, or "path": {operators}. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_parse_field(copse_filter *filter, copse_bytes path, copse_bytes value,
                                       const copse_filter_node **ret_node, copse_err *err)
{
    copse_status status = copse_path_check(path, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_filter_is_operators(value)) {
        return copse_filter_parse_operators(filter, path, value, ret_node, err);
    }
    if (copse_path_is_object(value) && filter_has_name(value)) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "\"%.*s\": operators and fields are mixed in one map (use $eq for a "
                         "literal object)",
                         FILTER_NAME_SHOWN_MAX < path.len ? FILTER_NAME_SHOWN_MAX : (int)path.len,
                         (const char *)path.ptr);
    }
    return copse_filter_parse_value(filter, path, value, ret_node, err);
}

/* ---- $and, $or, $nor --------------------------------------------------------------------------
 */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_parse_list(copse_filter *filter, copse_filter_kind kind,
                                      copse_bytes name, copse_bytes array,
                                      const copse_filter_node **ret_node, copse_err *err)
{
    copse_cbor_reader reader;
    copse_filter_list list = {0};
    uint64_t count = 0;
    if (!copse_filter_open(array, COPSE_CBOR_ARRAY, &reader, &count) || count == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%.*s takes a list of filters that is not empty",
                         (int)name.len, (const char *)name.ptr);
    }
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes element;
        const copse_filter_node *node = NULL;
        status = copse_cbor_take(&reader, &element, err);
        if (status == COPSE_OK) {
            status = copse_filter_parse(filter, element, &node, err);
        }
        if (status == COPSE_OK) {
            status = copse_filter_list_add(filter, &list, node, kind == COPSE_FILTER_AND, err);
        }
    }
    return status == COPSE_OK
               ? copse_filter_node_over(filter, kind, (copse_bytes){NULL, 0}, &list, ret_node, err)
               : status;
}

/* A key of a filter with "$". *ret_node NULL: nothing to test. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_parse_top(copse_filter *filter, copse_bytes name, copse_bytes argument,
                                     const copse_filter_node **ret_node, copse_err *err)
{
    static const struct {
        const char *name;
        copse_filter_kind kind;
    } lists[] = {{"$and", COPSE_FILTER_AND}, {"$or", COPSE_FILTER_OR}, {"$nor", COPSE_FILTER_NOR}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(lists[i].name))) {
            return filter_parse_list(filter, lists[i].kind, name, argument, ret_node, err);
        }
    }
    if (copse_bytes_equal(name, copse_bytes_of_text("$comment"))) {
        *ret_node = NULL;
        return COPSE_OK;
    }
    return copse_filter_fail_name(name, true, err);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
copse_status copse_filter_parse(copse_filter *filter, copse_bytes map,
                                const copse_filter_node **ret_node, copse_err *err)
{
    copse_cbor_reader reader;
    copse_filter_list list = {0};
    uint64_t count = 0;
    if (!copse_filter_open(map, COPSE_CBOR_MAP, &reader, &count)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a filter is a map, such as {\"name\": \"x\"}");
    }
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes key;
        copse_bytes value;
        const copse_filter_node *node = NULL;
        status = filter_next_pair(&reader, &key, &value, err);
        if (status == COPSE_OK) {
            status = filter_is_name(key) ? filter_parse_top(filter, key, value, &node, err)
                                         : filter_parse_field(filter, key, value, &node, err);
        }
        if (status == COPSE_OK && node != NULL) {
            status = copse_filter_list_add(filter, &list, node, true, err);
        }
    }
    return status == COPSE_OK ? copse_filter_node_over(filter, COPSE_FILTER_AND,
                                                       (copse_bytes){NULL, 0}, &list, ret_node, err)
                              : status;
}
