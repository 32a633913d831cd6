/* Filters against documents.
 *
 * A test looks at the values that the walk along its path meets (path.h). A value that is an array
 * stands for its elements and for itself:
 *   (M1) $size and $elemMatch look at the array, all other tests first at each element, then at
 *        the array. Elements that are arrays are not gone into.
 *   (M2) MISSING is null to comparisons, and fails all tests but {"$exists": false}.
 *   (M3) $exists: false and all of $ne, $nin, $not, $nor are negations of a whole test.
 *   (M4) Comparisons are between values of one type, all numbers being one. MinKey and MaxKey are
 *        compared with any value, but an array that has elements stands there only for them: so
 *        what an index holds of it decides alike.
 *   (M5) NaN equals NaN and is neither above nor below anything.
 * Nothing is allocated, but for the first texts that a regex sees.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_in.h"
#include "expr/filter_private.h"
#include "expr/number.h"
#include "expr/path.h"
#include "value/dag_cbor_inline.h"

/* ---- Comparisons ------------------------------------------------------------------------------
 */

static bool filter_order_holds(copse_filter_kind kind, int order)
{
    switch (kind) {
    case COPSE_FILTER_GT:
        return order > 0;
    case COPSE_FILTER_GTE:
        return order >= 0;
    case COPSE_FILTER_LT:
        return order < 0;
    case COPSE_FILTER_LTE:
        return order <= 0;
    default:
        return order == 0;
    }
}

/* Types as comparisons are bracketed by: all numbers are one. */
static copse_value_type filter_bracket(copse_value_type type)
{
    return type == COPSE_VALUE_FLOAT || type == COPSE_VALUE_DECIMAL ? COPSE_VALUE_INT : type;
}

/* The bracket of a value, from its first byte where that is enough. */
static copse_status filter_bracket_of(copse_bytes encoded, copse_value *ret_value, copse_err *err)
{
    static const copse_value_type types[] = {
        [COPSE_CBOR_MAJOR_UINT] = COPSE_VALUE_INT,
        [COPSE_CBOR_MAJOR_NEGATIVE] = COPSE_VALUE_INT,
        [COPSE_CBOR_MAJOR_BYTES] = COPSE_VALUE_BINARY,
        [COPSE_CBOR_MAJOR_TEXT] = COPSE_VALUE_TEXT,
        [COPSE_CBOR_MAJOR_ARRAY] = COPSE_VALUE_ARRAY,
        [COPSE_CBOR_MAJOR_TAG] = COPSE_VALUE_LINK,
    };
    uint8_t major = encoded.ptr[0] >> 5;
    if (major != COPSE_CBOR_MAJOR_MAP && major != COPSE_CBOR_MAJOR_SIMPLE) {
        ret_value->type = types[major];
        return COPSE_OK;
    }
    return copse_value_read(encoded, ret_value, err);
}

/* The order of an integer or text against the operand, where both are of that kind. */
static bool filter_compare_plain(const copse_value *operand, copse_bytes value, int *ret_order)
{
    const uint8_t *end = value.ptr + value.len;
    copse_cbor_head head;
    if (operand->type == COPSE_VALUE_INT && value.ptr[0] >> 5 <= COPSE_CBOR_MAJOR_NEGATIVE) {
        if (!copse_cbor_head_read(value.ptr, end, &head)) {
            return false;
        }
        bool negative = head.major == COPSE_CBOR_MAJOR_NEGATIVE;
        int order = (head.arg > operand->arg) - (head.arg < operand->arg);
        if (negative != operand->negative) {
            order = negative ? -1 : 1;
        } else if (negative) {
            order = -order;
        }
        *ret_order = order;
        return true;
    }
    if (operand->type == COPSE_VALUE_TEXT && value.ptr[0] >> 5 == COPSE_CBOR_MAJOR_TEXT) {
        if (!copse_cbor_head_read(value.ptr, end, &head) || head.arg != value.len - head.size) {
            return false;
        }
        copse_bytes text = {value.ptr + head.size, (size_t)head.arg};
        *ret_order = copse_bytes_compare(text, operand->bytes);
        return true;
    }
    return false;
}

static copse_status filter_compare(const copse_filter_node *node, copse_bytes value,
                                   bool *ret_match, copse_err *err)
{
    const copse_value *operand = &node->operand;
    int order = 0;
    if (node->exact && node->kind == COPSE_FILTER_EQ) {
        *ret_match = copse_bytes_equal(value, node->value);
        return COPSE_OK;
    }
    if (filter_compare_plain(operand, value, &order)) {
        *ret_match = filter_order_holds(node->kind, order);
        return COPSE_OK;
    }
    copse_value read = {.type = COPSE_VALUE_NULL};
    copse_status status = filter_bracket_of(value, &read, err);
    if (status != COPSE_OK) {
        return status;
    }
    bool any = operand->type == COPSE_VALUE_MIN_KEY || operand->type == COPSE_VALUE_MAX_KEY;
    if (!any && filter_bracket(read.type) != filter_bracket(operand->type)) {
        *ret_match = false;
        return COPSE_OK;
    }
    if (!any && (node->nan || copse_number_is_nan(&read))) { /* M5 */
        *ret_match = node->nan && copse_number_is_nan(&read) && node->kind != COPSE_FILTER_GT &&
                     node->kind != COPSE_FILTER_LT;
        return COPSE_OK;
    }
    status = copse_value_compare(value, node->value, &order, err);
    if (status == COPSE_OK) {
        *ret_match = filter_order_holds(node->kind, order);
    }
    return status;
}

/* ---- Tests of one value -----------------------------------------------------------------------
 */

static bool filter_test_mod(const copse_filter_node *node, const copse_value *value)
{
    int64_t number = 0;
    bool whole = false;
    if (!copse_number_truncate(value, &number, &whole)) {
        return false;
    }
    int64_t remainder = node->a == -1 ? 0 : number % node->a; /* INT64_MIN % -1 would trap */
    return remainder == node->b;
}

static copse_status filter_test_regex(const copse_filter_node *node, const copse_value *value,
                                      copse_bytes encoded, bool *ret_match, copse_err *err)
{
    if (value->type == COPSE_VALUE_TEXT && node->prefix.len != 0) {
        bool has = copse_bytes_has_prefix(value->bytes, node->prefix);
        if (!has || node->prefix_exact) {
            *ret_match = has;
            return COPSE_OK;
        }
    }
    if (value->type == COPSE_VALUE_TEXT) {
        return copse_regex_match(node->regex, value->bytes, ret_match, err);
    }
    *ret_match = value->type == COPSE_VALUE_REGEX && copse_bytes_equal(encoded, node->value);
    return COPSE_OK;
}

/* The tests that need the value read, and no more. */
static copse_status filter_test_read(const copse_filter_node *node, copse_bytes encoded,
                                     bool *ret_match, copse_err *err)
{
    copse_value value;
    copse_status status = copse_value_read(encoded, &value, err);
    if (status != COPSE_OK) {
        return status;
    }
    switch (node->kind) {
    case COPSE_FILTER_TYPE:
        *ret_match = (node->types >> value.type & 1) != 0;
        return COPSE_OK;
    case COPSE_FILTER_SIZE:
        *ret_match = value.type == COPSE_VALUE_ARRAY && value.arg == (uint64_t)node->a;
        return COPSE_OK;
    case COPSE_FILTER_MOD:
        *ret_match = filter_test_mod(node, &value);
        return COPSE_OK;
    case COPSE_FILTER_BITS:
        *ret_match = copse_filter_test_bits(node, &value);
        return COPSE_OK;
    default:
        return filter_test_regex(node, &value, encoded, ret_match, err);
    }
}

/* $elemMatch: whether an element of `array` matches the child. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_test_elements(copse_filter *filter, const copse_filter_node *node,
                                         copse_bytes array, bool *ret_match, copse_err *err)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    bool match = false;
    copse_status status = COPSE_OK;
    if (!copse_filter_open(array, COPSE_CBOR_ARRAY, &reader, &count)) {
        count = 0;
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count && !match; i++) {
        copse_bytes element;
        status = copse_cbor_take(&reader, &element, err);
        if (status == COPSE_OK && (node->kind == COPSE_FILTER_ELEM_VALUE ||
                                   copse_path_is_object(element) || copse_path_is_array(element))) {
            status = copse_filter_match_node(filter, node->children[0], element, &match, err);
        }
        if (match) {
            filter->in_array = true;
            filter->index = i;
        }
    }
    if (status == COPSE_OK) {
        *ret_match = match;
    }
    return status;
}

static copse_status filter_test_value(copse_filter *filter, const copse_filter_node *node,
                                      copse_bytes value, bool *ret_match, copse_err *err);

/* NOLINTNEXTLINE(misc-no-recursion): the children of an IN have none */
static copse_status filter_test_in(copse_filter *filter, const copse_filter_node *node,
                                   copse_bytes value, bool *ret_match, copse_err *err)
{
    const copse_filter_node *const *rest = node->children;
    size_t count = node->children_count;
    bool match = false;
    copse_status status = COPSE_OK;
    if (node->in != NULL) {
        status = copse_filter_in_find(node, value, &match, &rest, &count, err);
    }
    for (size_t i = 0; status == COPSE_OK && i < count && !match; i++) {
        status = filter_test_value(filter, rest[i], value, &match, err);
    }
    if (status == COPSE_OK) {
        *ret_match = match;
    }
    return status;
}

/* One value, which is not MISSING, without a look into it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_test_value(copse_filter *filter, const copse_filter_node *node,
                                      copse_bytes value, bool *ret_match, copse_err *err)
{
    switch (node->kind) {
    case COPSE_FILTER_EQ:
    case COPSE_FILTER_GT:
    case COPSE_FILTER_GTE:
    case COPSE_FILTER_LT:
    case COPSE_FILTER_LTE:
        return filter_compare(node, value, ret_match, err);
    case COPSE_FILTER_EXISTS:
        *ret_match = true;
        return COPSE_OK;
    case COPSE_FILTER_IN:
        return filter_test_in(filter, node, value, ret_match, err);
    case COPSE_FILTER_ELEM_OBJECT:
    case COPSE_FILTER_ELEM_VALUE:
        return filter_test_elements(filter, node, value, ret_match, err);
    default:
        return filter_test_read(node, value, ret_match, err);
    }
}

bool copse_filter_test_single(const copse_filter_node *node, copse_bytes value, bool *ret_match)
{
    if (node->regex != NULL) {
        copse_regex_renew_budget(node->regex);
    }
    return filter_test_value(NULL, node, value, ret_match, NULL) == COPSE_OK;
}

/* ---- Tests at a path --------------------------------------------------------------------------
 */

/* M2. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_test_missing(copse_filter *filter, const copse_filter_node *node,
                                        bool *ret_match, copse_err *err)
{
    static const uint8_t null_item[] = {COPSE_CBOR_NIL};
    if ((node->kind >= COPSE_FILTER_EQ && node->kind <= COPSE_FILTER_LTE) ||
        node->kind == COPSE_FILTER_IN) {
        return filter_test_value(filter, node, (copse_bytes){null_item, sizeof null_item},
                                 ret_match, err);
    }
    *ret_match = false;
    return COPSE_OK;
}

static bool filter_is_min_or_max(const copse_filter_node *node)
{
    return node->kind >= COPSE_FILTER_EQ && node->kind <= COPSE_FILTER_LTE &&
           (node->operand.type == COPSE_VALUE_MIN_KEY || node->operand.type == COPSE_VALUE_MAX_KEY);
}

/* M1: an array at the end of a path. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_test_array(copse_filter *filter, const copse_filter_node *node,
                                      copse_bytes array, bool *ret_match, copse_err *err)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    bool match = false;
    copse_status status = COPSE_OK;
    if (node->kind == COPSE_FILTER_SIZE || node->kind == COPSE_FILTER_ELEM_OBJECT ||
        node->kind == COPSE_FILTER_ELEM_VALUE ||
        !copse_filter_open(array, COPSE_CBOR_ARRAY, &reader, &count)) {
        return filter_test_value(filter, node, array, ret_match, err);
    }
    for (uint64_t i = 0; i < count; i++) {
        copse_bytes element;
        status = copse_cbor_take(&reader, &element, err);
        if (status == COPSE_OK) {
            status = filter_test_value(filter, node, element, &match, err);
        }
        if (status != COPSE_OK || match) {
            filter->in_array = true;
            filter->index = i;
            *ret_match = match;
            return status;
        }
    }
    if (count != 0 && filter_is_min_or_max(node)) { /* M4 */
        *ret_match = false;
        return COPSE_OK;
    }
    return filter_test_value(filter, node, array, ret_match, err);
}

/* A value at the end of a path; len 0: MISSING. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_test_end(copse_filter *filter, const copse_filter_node *node,
                                    copse_bytes value, bool *ret_match, copse_err *err)
{
    if (value.len == 0) {
        return filter_test_missing(filter, node, ret_match, err);
    }
    if (copse_path_is_array(value)) {
        return filter_test_array(filter, node, value, ret_match, err);
    }
    return filter_test_value(filter, node, value, ret_match, err);
}

typedef struct filter_walk {
    copse_filter *filter;
    const copse_filter_node *node;
} filter_walk;

/* END: matched. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_walk_leaf(copse_path_walk *walk, copse_bytes value, copse_err *err)
{
    filter_walk *ctx = walk->ctx;
    bool match = false;
    copse_status status = filter_test_end(ctx->filter, ctx->node, value, &match, err);
    if (status == COPSE_OK && match) {
        if (walk->in_array) {
            ctx->filter->in_array = true;
            ctx->filter->index = walk->index;
        }
        return COPSE_END;
    }
    return status;
}

/* Whether any value at the node's path passes its test. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_test_path(copse_filter *filter, const copse_filter_node *node,
                                     copse_bytes root, bool *ret_match, copse_err *err)
{
    if (node->path.len == 0) {
        return filter_test_value(filter, node, root, ret_match, err);
    }
    if (node->key && !copse_path_is_array(root)) {
        copse_bytes value = {NULL, 0};
        copse_status status = copse_path_find_key(root, node->path, &value, err);
        return status == COPSE_OK || status == COPSE_NOT_FOUND
                   ? filter_test_end(filter, node, value, ret_match, err)
                   : status;
    }
    filter_walk ctx = {filter, node};
    copse_path_walk walk = {.leaf = filter_walk_leaf, .ctx = &ctx};
    copse_status status = copse_path_walk_run(&walk, root, node->path, err);
    if (status == COPSE_OK || status == COPSE_END) {
        *ret_match = status == COPSE_END;
        status = COPSE_OK;
    }
    return status;
}

/* ---- Nodes over others ------------------------------------------------------------------------
 */

/* A negation: what its parts matched by is not told. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_match_none(copse_filter *filter, const copse_filter_node *node,
                                      copse_bytes root, bool *ret_match, copse_err *err)
{
    bool in_array = filter->in_array;
    uint64_t index = filter->index;
    bool match = false;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < node->children_count && !match; i++) {
        status = copse_filter_match_node(filter, node->children[i], root, &match, err);
    }
    filter->in_array = in_array;
    filter->index = index;
    if (status == COPSE_OK) {
        *ret_match = !match;
    }
    return status;
}

/* AND: stops at the first child that does not match; OR: at the first that does. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_match_list(copse_filter *filter, const copse_filter_node *node,
                                      copse_bytes root, bool *ret_match, copse_err *err)
{
    bool all = node->kind == COPSE_FILTER_AND;
    bool match = all;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < node->children_count && match == all; i++) {
        status = copse_filter_match_node(filter, node->children[i], root, &match, err);
    }
    if (status == COPSE_OK) {
        *ret_match = match;
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
copse_status copse_filter_match_node(copse_filter *filter, const copse_filter_node *node,
                                     copse_bytes root, bool *ret_match, copse_err *err)
{
    copse_status status;
    switch (node->kind) {
    case COPSE_FILTER_TRUE:
    case COPSE_FILTER_FALSE:
        *ret_match = node->kind == COPSE_FILTER_TRUE;
        return COPSE_OK;
    case COPSE_FILTER_AND:
    case COPSE_FILTER_OR:
        return filter_match_list(filter, node, root, ret_match, err);
    case COPSE_FILTER_NOR:
    case COPSE_FILTER_NOT:
        return filter_match_none(filter, node, root, ret_match, err);
    default:
        status = filter_test_path(filter, node, root, ret_match, err);
        if (status == COPSE_OK && node->kind == COPSE_FILTER_EXISTS && !node->flag) {
            *ret_match = !*ret_match;
        }
        return status;
    }
}
