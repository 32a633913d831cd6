/* Objects: $mergeObjects $objectToArray $arrayToObject $getField $setField $unsetField.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/keyed.h"
#include "expr/path.h"

#include <string.h>

/* ---- $mergeObjects ---- */

/* The pairs of both, in order of keys; of those with one key that of `b`. */
static size_t expression_object_unite(const copse_expression_pair *a, size_t a_count,
                                      const copse_expression_pair *b, size_t b_count,
                                      copse_expression_pair *to)
{
    size_t i = 0;
    size_t k = 0;
    size_t count = 0;
    while (i < a_count || k < b_count) {
        /* Encoded keys of the shortest heads are in the order of keys. */
        int order = i == a_count ? 1 : k == b_count ? -1 : copse_bytes_compare(a[i].key, b[k].key);
        to[count++] = order < 0 ? a[i] : b[k];
        i += order <= 0;
        k += order >= 0;
    }
    return count;
}

static copse_status expression_merge_objects(copse_expression *run,
                                             const copse_expression_node *node,
                                             const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_expression_pair *all = NULL;
    size_t all_count = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        copse_expression_pair *pairs = NULL;
        void *memory = NULL;
        size_t count = 0;
        if (copse_expression_is_null(arguments[i])) {
            continue;
        }
        status = copse_expression_pairs(run, node, arguments[i], "objects", &pairs, &count);
        if (status == COPSE_OK) {
            status = copse_expression_step(run, all_count + count);
        }
        if (status == COPSE_OK) {
            status = copse_expression_take_array(run, all_count + count,
                                                 sizeof(copse_expression_pair), &memory);
        }
        if (status == COPSE_OK) {
            all_count = expression_object_unite(all, all_count, pairs, count, memory);
            all = memory;
        }
    }
    return status == COPSE_OK ? copse_expression_make_object(run, all, all_count, ret_value)
                              : status;
}

/* ---- Objects and arrays of pairs ---- */

static const uint8_t expression_key_k[] = {0x61, 'k'};
static const uint8_t expression_key_v[] = {0x61, 'v'};

static copse_status expression_object_to_array(copse_expression *run,
                                               const copse_expression_node *node,
                                               const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_expression_pair *pairs = NULL;
    copse_bytes *items = NULL;
    size_t count = 0;
    copse_status status =
        copse_expression_pairs(run, node, arguments[0], "an object", &pairs, &count);
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, count, &items);
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_expression_pair row[] = {
            {{expression_key_k, sizeof expression_key_k}, pairs[i].key},
            {{expression_key_v, sizeof expression_key_v}, pairs[i].value},
        };
        status = copse_expression_make_object(run, row, 2, &items[i]);
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, count, ret_value) : status;
}

/* An element of $arrayToObject: [k, v] or {k, v}. False: it is neither. */
static bool expression_pair_of(copse_bytes element, copse_bytes *ret_key, copse_bytes *ret_value)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, element);
    if (copse_cbor_next(&reader, &head, NULL) != COPSE_OK || head.arg != 2) {
        return false;
    }
    if (head.kind == COPSE_CBOR_ARRAY) {
        return copse_cbor_take(&reader, ret_key, NULL) == COPSE_OK &&
               copse_cbor_take(&reader, ret_value, NULL) == COPSE_OK;
    }
    return copse_path_is_object(element) &&
           copse_path_find_key(element, copse_bytes_of_text("k"), ret_key, NULL) == COPSE_OK &&
           copse_path_find_key(element, copse_bytes_of_text("v"), ret_value, NULL) == COPSE_OK;
}

/* The key and value of each element, in order of keys; of those with one key the last. */
static copse_status expression_array_pairs(copse_expression *run, const copse_expression_node *node,
                                           const copse_bytes *items, size_t count,
                                           copse_expression_pair **ret_pairs, size_t *ret_count)
{
    void *memory = NULL;
    void *room = NULL;
    copse_status status = copse_expression_take_array(run, count, 2 * sizeof(copse_keyed), &memory);
    if (status == COPSE_OK) {
        status = copse_expression_take_array(run, count, sizeof(copse_expression_pair), &room);
    }
    copse_keyed *list = memory;
    copse_expression_pair *pairs = room;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes text;
        if (!expression_pair_of(items[i], &list[i].key, &list[i].value)) {
            return COPSE_EXPRESSION_FAIL(run, node, "takes pairs: [key, value] or {k, v}");
        }
        status = copse_expression_read_text(run, node, list[i].key, "strings as keys", &text);
    }
    if (status != COPSE_OK) {
        return status;
    }
    size_t kept = 0;
    copse_keyed_sort(list, list + count, count);
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count || !copse_bytes_equal(list[i].key, list[i + 1].key);
        pairs[kept] = (copse_expression_pair){list[i].key, list[i].value};
        kept += last;
    }
    *ret_pairs = pairs;
    *ret_count = kept;
    return COPSE_OK;
}

static copse_status expression_array_to_object(copse_expression *run,
                                               const copse_expression_node *node,
                                               const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes *items = NULL;
    copse_expression_pair *pairs = NULL;
    size_t count = 0;
    copse_status status =
        copse_expression_items(run, node, arguments[0], "an array", &items, &count);
    if (status == COPSE_OK) {
        status = expression_array_pairs(run, node, items, count, &pairs, &count);
    }
    return status == COPSE_OK ? copse_expression_make_object(run, pairs, count, ret_value) : status;
}

/* ---- One field ---- */

/* "name", or {field, input}. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_get_field(copse_expression_parser *parser,
                                               copse_bytes argument, copse_expression_node *node)
{
    copse_bytes field;
    if (copse_path_is_object(argument) &&
        copse_path_find_key(argument, copse_bytes_of_text("field"), &field, NULL) == COPSE_OK) {
        copse_status named = copse_expression_parse_named(parser, argument, node);
        node->varies = named == COPSE_OK && node->children[1] == NULL;
        return named;
    }
    copse_status status = copse_expression_parse_room(parser, node, 2);
    node->varies = true;
    return status == COPSE_OK ? copse_expression_parse(parser, argument, &node->children[0])
                              : status;
}

static copse_status expression_get_field(copse_expression *run, const copse_expression_node *node,
                                         const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes name;
    copse_bytes input = node->children[1] != NULL ? arguments[1] : run->document;
    copse_status status =
        copse_expression_read_text(run, node, arguments[0], "a string as field", &name);
    if (status != COPSE_OK) {
        return status;
    }
    *ret_value = (copse_bytes){NULL, 0};
    if (input.len != 0 && copse_expression_is_null(input)) {
        *ret_value = input;
        return COPSE_OK;
    }
    status = copse_path_is_object(input) ? copse_path_find_key(input, name, ret_value, run->err)
                                         : COPSE_NOT_FOUND;
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

/* $setField, $unsetField: {field, input, value}. */
static copse_status expression_set_field(copse_expression *run, const copse_expression_node *node,
                                         const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_bytes name;
    copse_expression_pair *pairs = NULL;
    copse_expression_pair set = {.value = {NULL, 0}};
    void *memory = NULL;
    size_t count = 0;
    copse_status status =
        copse_expression_read_text(run, node, arguments[0], "a string as field", &name);
    if (status == COPSE_OK && copse_expression_is_null(arguments[1])) {
        *ret_value = copse_expression_null();
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status =
            copse_expression_pairs(run, node, arguments[1], "an object as input", &pairs, &count);
    }
    if (status == COPSE_OK) {
        status = copse_expression_take_array(run, count + 1, sizeof *pairs, &memory);
    }
    if (status == COPSE_OK) {
        set.key = arguments[0];
        set.value = node->op->detail == 's' ? arguments[2] : set.value;
        count = expression_object_unite(pairs, count, &set, 1, memory);
        status = copse_expression_make_object(run, memory, count, ret_value);
    }
    return status;
}

static const char *const expression_field_names[] = {"field", "input", NULL};
static const char *const expression_set_field_names[] = {"field", "input", "value", NULL};

const copse_expression_operator copse_expression_object[] = {
    {.name = "$mergeObjects", .most = COPSE_EXPRESSION_MANY, .apply = expression_merge_objects},
    {.name = "$objectToArray",
     .least = 1,
     .most = 1,
     .nulls = true,
     .apply = expression_object_to_array},
    {.name = "$arrayToObject",
     .least = 1,
     .most = 1,
     .nulls = true,
     .apply = expression_array_to_object},
    {.name = "$getField",
     .least = 1,
     .apply = expression_get_field,
     .parse = expression_parse_get_field,
     .names = expression_field_names},
    {.name = "$setField",
     .least = 3,
     .apply = expression_set_field,
     .names = expression_set_field_names,
     .detail = 's'},
    {.name = "$unsetField",
     .least = 2,
     .apply = expression_set_field,
     .names = expression_field_names,
     .detail = 'u'},
    {.name = NULL},
};
