/* The operators of a field: their names, arguments and nodes. Meaning: docs/queries.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_private.h"
#include "expr/number.h"
#include "expr/path.h"

#include <string.h>

typedef struct filter_operator filter_operator;

/* One use of an operator. */
typedef struct filter_use {
    copse_filter *filter;
    const filter_operator *op;
    copse_bytes path;
    copse_bytes argument;
    copse_bytes operators; /* the map that it stands in */
    copse_err *err;
} filter_use;

struct filter_operator {
    const char *name;
    copse_status (*parse)(const filter_use *use, const copse_filter_node **ret_node);
    int detail; /* a copse_filter_kind or copse_filter_bits */
};

static copse_status filter_use_fail(const filter_use *use, const char *expected)
{
    return COPSE_ERR(use->err, COPSE_CORRUPT, "%s takes %s", use->op->name, expected);
}

/* A number argument as an integer. Its fraction is cut if `cut`, else it has none. */
static bool filter_integer(copse_bytes encoded, bool cut, int64_t *ret_number)
{
    copse_value value;
    bool whole = false;
    return copse_value_read(encoded, &value, NULL) == COPSE_OK &&
           copse_number_truncate(&value, ret_number, &whole) && (whole || cut);
}

/* ---- Comparisons ------------------------------------------------------------------------------
 */

static copse_status filter_use_compare(const filter_use *use, const copse_filter_node **ret_node)
{
    return copse_filter_node_compare(use->filter, (copse_filter_kind)use->op->detail, use->path,
                                     use->argument, ret_node, use->err);
}

static copse_status filter_use_ne(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_value value;
    const copse_filter_node *equal = NULL;
    if (copse_value_read(use->argument, &value, NULL) == COPSE_OK &&
        value.type == COPSE_VALUE_REGEX) {
        return filter_use_fail(use, "no regex; use {\"$not\": regex}");
    }
    copse_status status = copse_filter_node_compare(use->filter, COPSE_FILTER_EQ, use->path,
                                                    use->argument, &equal, use->err);
    return status == COPSE_OK ? copse_filter_node_not(use->filter, equal, ret_node, use->err)
                              : status;
}

static copse_status filter_use_in(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_cbor_reader reader;
    copse_filter_list list = {0};
    uint64_t count = 0;
    if (!copse_filter_open(use->argument, COPSE_CBOR_ARRAY, &reader, &count)) {
        return filter_use_fail(use, "a list of values");
    }
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes element;
        const copse_filter_node *node = NULL;
        status = copse_cbor_take(&reader, &element, use->err);
        if (status == COPSE_OK) {
            status = copse_filter_parse_value(use->filter, use->path, element, &node, use->err);
        }
        if (status == COPSE_OK) {
            status = copse_filter_list_add(use->filter, &list, node, false, use->err);
        }
    }
    return status == COPSE_OK ? copse_filter_node_over(use->filter, COPSE_FILTER_IN, use->path,
                                                       &list, ret_node, use->err)
                              : status;
}

static copse_status filter_use_nin(const filter_use *use, const copse_filter_node **ret_node)
{
    const copse_filter_node *in = NULL;
    copse_status status = filter_use_in(use, &in);
    return status == COPSE_OK ? copse_filter_node_not(use->filter, in, ret_node, use->err) : status;
}

/* ---- Operators over operators ------------------------------------------------------------------
 */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_use_not(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_value value;
    const copse_filter_node *child = NULL;
    copse_status status;
    if (copse_filter_is_operators(use->argument)) {
        status =
            copse_filter_parse_operators(use->filter, use->path, use->argument, &child, use->err);
    } else if (copse_value_read(use->argument, &value, NULL) == COPSE_OK &&
               value.type == COPSE_VALUE_REGEX) {
        status = copse_filter_parse_value(use->filter, use->path, use->argument, &child, use->err);
    } else {
        return filter_use_fail(use, "a map of operators or a regex; for a value use $ne");
    }
    return status == COPSE_OK ? copse_filter_node_not(use->filter, child, ret_node, use->err)
                              : status;
}

/* Whether the body of an $elemMatch is operators on the element itself, not a filter on its
 * fields. */
static bool filter_elem_is_value(copse_bytes body)
{
    static const char *const filters[] = {"$and", "$or", "$nor", "$comment"};
    copse_cbor_reader reader;
    copse_cbor_item key;
    uint64_t count = 0;
    if (!copse_filter_open(body, COPSE_CBOR_MAP, &reader, &count) || count == 0 ||
        copse_cbor_next(&reader, &key, NULL) != COPSE_OK || key.bytes.len == 0 ||
        key.bytes.ptr[0] != '$') {
        return false;
    }
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (copse_bytes_equal(key.bytes, copse_bytes_of_text(filters[i]))) {
            return false;
        }
    }
    return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_use_elem_match(const filter_use *use, const copse_filter_node **ret_node)
{
    bool on_value = filter_elem_is_value(use->argument);
    copse_filter_list list = {0};
    const copse_filter_node *child = NULL;
    copse_status status = on_value
                              ? copse_filter_parse_operators(use->filter, (copse_bytes){NULL, 0},
                                                             use->argument, &child, use->err)
                              : copse_filter_parse(use->filter, use->argument, &child, use->err);
    if (status == COPSE_OK) {
        status = copse_filter_list_add(use->filter, &list, child, false, use->err);
    }
    return status == COPSE_OK
               ? copse_filter_node_over(
                     use->filter, on_value ? COPSE_FILTER_ELEM_VALUE : COPSE_FILTER_ELEM_OBJECT,
                     use->path, &list, ret_node, use->err)
               : status;
}

/* The argument of {"$elemMatch": argument} and nothing else. */
static bool filter_is_elem_match(copse_bytes element, copse_bytes *ret_argument)
{
    copse_cbor_reader reader;
    copse_cbor_item key;
    uint64_t count = 0;
    return copse_filter_open(element, COPSE_CBOR_MAP, &reader, &count) && count == 1 &&
           copse_cbor_next(&reader, &key, NULL) == COPSE_OK &&
           copse_bytes_equal(key.bytes, copse_bytes_of_text("$elemMatch")) &&
           copse_cbor_take(&reader, ret_argument, NULL) == COPSE_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status filter_use_all(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_cbor_reader reader;
    copse_filter_list list = {0};
    uint64_t count = 0;
    if (!copse_filter_open(use->argument, COPSE_CBOR_ARRAY, &reader, &count)) {
        return filter_use_fail(use, "a list of values");
    }
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes element;
        const copse_filter_node *node = NULL;
        filter_use inner = *use;
        status = copse_cbor_take(&reader, &element, use->err);
        if (status == COPSE_OK) {
            status =
                filter_is_elem_match(element, &inner.argument)
                    ? filter_use_elem_match(&inner, &node)
                    : copse_filter_parse_value(use->filter, use->path, element, &node, use->err);
        }
        if (status == COPSE_OK) {
            status = copse_filter_list_add(use->filter, &list, node, true, use->err);
        }
    }
    return status == COPSE_OK
               ? copse_filter_node_over(use->filter,
                                        count == 0 ? COPSE_FILTER_OR : COPSE_FILTER_AND, use->path,
                                        &list, ret_node, use->err)
               : status;
}

/* ---- Tests of kind and size --------------------------------------------------------------------
 */

static copse_status filter_use_exists(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_value value;
    copse_filter_node *node = NULL;
    int64_t number = 1;
    bool whole = false;
    copse_status status = copse_value_read(use->argument, &value, use->err);
    if (status == COPSE_OK) {
        status =
            copse_filter_node_new(use->filter, COPSE_FILTER_EXISTS, use->path, &node, use->err);
    }
    if (status == COPSE_OK) {
        /* As MongoDB: false, null and zero are no, all else is yes. */
        bool zero = copse_number_truncate(&value, &number, &whole) && whole && number == 0;
        node->flag = !(zero || value.type == COPSE_VALUE_NULL ||
                       (value.type == COPSE_VALUE_BOOL && !value.boolean));
        *ret_node = node;
    }
    return status;
}

#define FILTER_TYPE_BIT(type) ((uint32_t)1 << (type))

/* The names and BSON numbers of types. Integers have no width here, so that int and long are one;
 * types that no document can hold match nothing. */
static const struct filter_type {
    const char *name;
    int64_t number;
    uint32_t types;
} filter_types[] = {
    {"double", 1, FILTER_TYPE_BIT(COPSE_VALUE_FLOAT)},
    {"string", 2, FILTER_TYPE_BIT(COPSE_VALUE_TEXT)},
    {"object", 3, FILTER_TYPE_BIT(COPSE_VALUE_OBJECT)},
    {"array", 4, FILTER_TYPE_BIT(COPSE_VALUE_ARRAY)},
    {"binData", 5, FILTER_TYPE_BIT(COPSE_VALUE_BINARY)},
    {"undefined", 6, 0},
    {"objectId", 7, FILTER_TYPE_BIT(COPSE_VALUE_OBJECT_ID)},
    {"bool", 8, FILTER_TYPE_BIT(COPSE_VALUE_BOOL)},
    {"date", 9, FILTER_TYPE_BIT(COPSE_VALUE_DATE)},
    {"null", 10, FILTER_TYPE_BIT(COPSE_VALUE_NULL)},
    {"regex", 11, FILTER_TYPE_BIT(COPSE_VALUE_REGEX)},
    {"dbPointer", 12, 0},
    {"javascript", 13, 0},
    {"symbol", 14, 0},
    {"javascriptWithScope", 15, 0},
    {"int", 16, FILTER_TYPE_BIT(COPSE_VALUE_INT)},
    {"timestamp", 17, FILTER_TYPE_BIT(COPSE_VALUE_TIMESTAMP)},
    {"long", 18, FILTER_TYPE_BIT(COPSE_VALUE_INT)},
    {"decimal", 19, FILTER_TYPE_BIT(COPSE_VALUE_DECIMAL)},
    {"minKey", -1, FILTER_TYPE_BIT(COPSE_VALUE_MIN_KEY)},
    {"maxKey", 127, FILTER_TYPE_BIT(COPSE_VALUE_MAX_KEY)},
    {"link", 256, FILTER_TYPE_BIT(COPSE_VALUE_LINK)}, /* not of BSON */
    {"number", INT64_MIN,
     FILTER_TYPE_BIT(COPSE_VALUE_INT) | FILTER_TYPE_BIT(COPSE_VALUE_FLOAT) |
         FILTER_TYPE_BIT(COPSE_VALUE_DECIMAL)},
};

static bool filter_type_bits(copse_bytes encoded, uint32_t *ret_types)
{
    copse_value value;
    int64_t number = INT64_MAX;
    if (copse_value_read(encoded, &value, NULL) != COPSE_OK) {
        return false;
    }
    if (value.type != COPSE_VALUE_TEXT &&
        (!filter_integer(encoded, false, &number) || number == INT64_MIN)) {
        return false;
    }
    for (size_t i = 0; i < sizeof filter_types / sizeof *filter_types; i++) {
        if (value.type == COPSE_VALUE_TEXT
                ? copse_bytes_equal(value.bytes, copse_bytes_of_text(filter_types[i].name))
                : filter_types[i].number == number) {
            *ret_types |= filter_types[i].types;
            return true;
        }
    }
    return false;
}

static copse_status filter_use_type(const filter_use *use, const copse_filter_node **ret_node)
{
    static const char expected[] = "the name or number of a type, or a list of them";
    copse_filter_node *node = NULL;
    copse_cbor_reader reader;
    uint64_t count = 1;
    if (!copse_filter_open(use->argument, COPSE_CBOR_ARRAY, &reader, &count)) {
        copse_cbor_reader_init(&reader, use->argument);
    }
    if (count == 0) {
        return filter_use_fail(use, expected);
    }
    copse_status status =
        copse_filter_node_new(use->filter, COPSE_FILTER_TYPE, use->path, &node, use->err);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes element;
        status = copse_cbor_take(&reader, &element, use->err);
        if (status == COPSE_OK && !filter_type_bits(element, &node->types)) {
            status = filter_use_fail(use, expected);
        }
    }
    if (status == COPSE_OK) {
        *ret_node = node;
    }
    return status;
}

static copse_status filter_use_size(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_filter_node *node = NULL;
    int64_t size = 0;
    if (!filter_integer(use->argument, false, &size) || size < 0) {
        return filter_use_fail(use, "a whole number that is not negative");
    }
    copse_status status =
        copse_filter_node_new(use->filter, COPSE_FILTER_SIZE, use->path, &node, use->err);
    if (status == COPSE_OK) {
        node->a = size;
        *ret_node = node;
    }
    return status;
}

static copse_status filter_use_mod(const filter_use *use, const copse_filter_node **ret_node)
{
    static const char expected[] = "[divisor, remainder], two numbers, the divisor not 0";
    copse_filter_node *node = NULL;
    copse_cbor_reader reader;
    uint64_t count = 0;
    int64_t numbers[2] = {0, 0};
    if (!copse_filter_open(use->argument, COPSE_CBOR_ARRAY, &reader, &count) || count != 2) {
        return filter_use_fail(use, expected);
    }
    for (size_t i = 0; i < 2; i++) {
        copse_bytes element;
        if (copse_cbor_take(&reader, &element, use->err) != COPSE_OK ||
            !filter_integer(element, true, &numbers[i])) {
            return filter_use_fail(use, expected);
        }
    }
    if (numbers[0] == 0) {
        return filter_use_fail(use, expected);
    }
    copse_status status =
        copse_filter_node_new(use->filter, COPSE_FILTER_MOD, use->path, &node, use->err);
    if (status == COPSE_OK) {
        node->a = numbers[0];
        node->b = numbers[1];
        *ret_node = node;
    }
    return status;
}

/* ---- Bits and texts ----------------------------------------------------------------------------
 */

/* Whether all are positions of bits. */
static bool filter_bits_positions(copse_bytes array)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    if (!copse_filter_open(array, COPSE_CBOR_ARRAY, &reader, &count)) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        copse_bytes element;
        int64_t position = 0;
        if (copse_cbor_take(&reader, &element, NULL) != COPSE_OK ||
            !filter_integer(element, false, &position) || position < 0) {
            return false;
        }
    }
    return true;
}

static copse_status filter_use_bits(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_filter_node *node = NULL;
    copse_value value;
    int64_t mask = -1;
    copse_status status = copse_value_read(use->argument, &value, use->err);
    if (status != COPSE_OK) {
        return status;
    }
    bool number = filter_integer(use->argument, false, &mask) && mask >= 0;
    if (!number && value.type != COPSE_VALUE_BINARY && !filter_bits_positions(use->argument)) {
        return filter_use_fail(use, "a mask (a number that is not negative, or bytes) or a list of "
                                    "positions of bits");
    }
    status = copse_filter_node_new(use->filter, COPSE_FILTER_BITS, use->path, &node, use->err);
    if (status == COPSE_OK) {
        node->a = use->op->detail;
        node->b = mask;
        node->value = use->argument;
        node->operand = value;
        *ret_node = node;
    }
    return status;
}

static copse_status filter_use_regex(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_value pattern;
    copse_value options = {.type = COPSE_VALUE_TEXT};
    copse_bytes encoded;
    copse_status status = copse_value_read(use->argument, &pattern, use->err);
    if (status != COPSE_OK) {
        return status;
    }
    if (pattern.type != COPSE_VALUE_TEXT && pattern.type != COPSE_VALUE_REGEX) {
        return filter_use_fail(use, "a text or a regex");
    }
    options.bytes = pattern.options;
    if (copse_path_find_key(use->operators, copse_bytes_of_text("$options"), &encoded, NULL) ==
        COPSE_OK) {
        if (pattern.options.len != 0) {
            return filter_use_fail(use, "options in one place only");
        }
        status = copse_value_read(encoded, &options, use->err);
    }
    if (status == COPSE_OK && options.type != COPSE_VALUE_TEXT) {
        return COPSE_ERR(use->err, COPSE_CORRUPT, "$options takes a text");
    }
    return status == COPSE_OK ? copse_filter_node_regex(use->filter, use->path, pattern.bytes,
                                                        options.bytes, ret_node, use->err)
                              : status;
}

static copse_status filter_use_options(const filter_use *use, const copse_filter_node **ret_node)
{
    copse_bytes pattern;
    if (copse_path_find_key(use->operators, copse_bytes_of_text("$regex"), &pattern, NULL) !=
        COPSE_OK) {
        return COPSE_ERR(use->err, COPSE_CORRUPT, "$options needs a $regex beside it");
    }
    *ret_node = NULL;
    return COPSE_OK;
}

static copse_status filter_use_comment(const filter_use *use, const copse_filter_node **ret_node)
{
    (void)use;
    *ret_node = NULL;
    return COPSE_OK;
}

/* ---- The table ---------------------------------------------------------------------------------
 */

static const filter_operator filter_operators[] = {
    {"$eq", filter_use_compare, COPSE_FILTER_EQ},
    {"$ne", filter_use_ne, 0},
    {"$gt", filter_use_compare, COPSE_FILTER_GT},
    {"$gte", filter_use_compare, COPSE_FILTER_GTE},
    {"$lt", filter_use_compare, COPSE_FILTER_LT},
    {"$lte", filter_use_compare, COPSE_FILTER_LTE},
    {"$in", filter_use_in, 0},
    {"$nin", filter_use_nin, 0},
    {"$not", filter_use_not, 0},
    {"$exists", filter_use_exists, 0},
    {"$type", filter_use_type, 0},
    {"$mod", filter_use_mod, 0},
    {"$regex", filter_use_regex, 0},
    {"$options", filter_use_options, 0},
    {"$all", filter_use_all, 0},
    {"$elemMatch", filter_use_elem_match, 0},
    {"$size", filter_use_size, 0},
    {"$bitsAllSet", filter_use_bits, COPSE_FILTER_BITS_ALL_SET},
    {"$bitsAllClear", filter_use_bits, COPSE_FILTER_BITS_ALL_CLEAR},
    {"$bitsAnySet", filter_use_bits, COPSE_FILTER_BITS_ANY_SET},
    {"$bitsAnyClear", filter_use_bits, COPSE_FILTER_BITS_ANY_CLEAR},
    {"$comment", filter_use_comment, 0},
};

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
copse_status copse_filter_operator(copse_filter *filter, copse_bytes path, copse_bytes name,
                                   copse_bytes argument, copse_bytes operators,
                                   const copse_filter_node **ret_node, copse_err *err)
{
    for (size_t i = 0; i < sizeof filter_operators / sizeof *filter_operators; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(filter_operators[i].name))) {
            filter_use use = {.filter = filter,
                              .op = &filter_operators[i],
                              .path = path,
                              .argument = argument,
                              .operators = operators,
                              .err = err};
            return filter_operators[i].parse(&use, ret_node);
        }
    }
    return copse_filter_fail_name(name, false, err);
}
