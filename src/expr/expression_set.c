/* Arrays as sets: $setUnion $setIntersection $setDifference $setEquals $setIsSubset
 * $anyElementTrue $allElementsTrue.
 *
 * Values that compare equal are one member, of which the first is kept. What comes out is in the
 * order of values, of $setDifference in that of the first array.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_keyed.h"

#include <copse/order.h>

/* ---- Lists by keys ---- */

copse_status copse_expression_keyed(copse_expression *run, const copse_expression_node *node,
                                    copse_bytes array, const char *what, copse_keyed **ret_list,
                                    size_t *ret_count)
{
    copse_bytes *items = NULL;
    void *memory = NULL;
    size_t count = 0;
    copse_status status = copse_expression_items(run, node, array, what, &items, &count);
    if (status == COPSE_OK) {
        status = copse_expression_take_array(run, count, 2 * sizeof(copse_keyed), &memory);
    }
    copse_keyed *list = memory;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = items[i]};
        list[i].value = items[i];
        list[i].order = i;
        status = copse_expression_make_form(run, copse_order_write(&run->form, &part, run->err),
                                            &list[i].key);
    }
    if (status == COPSE_OK) {
        *ret_list = list;
        *ret_count = count;
    }
    return status;
}

copse_status copse_expression_make_keyed(copse_expression *run, const copse_keyed *list,
                                         size_t count, copse_bytes *ret_value)
{
    copse_bytes *items = NULL;
    copse_status status = copse_expression_take_items(run, count, &items);
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        items[i] = list[i].value;
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, count, ret_value) : status;
}

/* The members of an array, in order. */
static copse_status expression_set_of(copse_expression *run, const copse_expression_node *node,
                                      copse_bytes array, copse_keyed **ret_list, size_t *ret_count)
{
    copse_keyed *list = NULL;
    size_t count = 0;
    copse_status status = copse_expression_keyed(run, node, array, "arrays", &list, &count);
    if (status == COPSE_OK) {
        copse_keyed_sort(list, list + count, count);
        *ret_list = list;
        *ret_count = copse_keyed_unique(list, count);
    }
    return status;
}

/* ---- Operators ---- */

/* The members that one of two sets has; `to` has room for both. */
static size_t expression_set_unite(const copse_keyed *a, size_t a_count, const copse_keyed *b,
                                   size_t b_count, copse_keyed *to)
{
    size_t i = 0;
    size_t k = 0;
    size_t count = 0;
    while (i < a_count || k < b_count) {
        int order = i == a_count ? 1 : k == b_count ? -1 : copse_bytes_compare(a[i].key, b[k].key);
        to[count++] = order <= 0 ? a[i] : b[k];
        i += order <= 0;
        k += order >= 0;
    }
    return count;
}

/* Keeps the members of `a` that `b` has too, or has not. */
static size_t expression_set_keep(copse_keyed *a, size_t a_count, const copse_keyed *b,
                                  size_t b_count, bool has)
{
    size_t kept = 0;
    for (size_t i = 0; i < a_count; i++) {
        if ((copse_keyed_find(b, b_count, a[i].key) != NULL) == has) {
            a[kept++] = a[i];
        }
    }
    return kept;
}

static copse_status expression_set_union(copse_expression *run, const copse_expression_node *node,
                                         const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_keyed *all = NULL;
    size_t all_count = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        copse_keyed *list = NULL;
        void *memory = NULL;
        size_t count = 0;
        status = expression_set_of(run, node, arguments[i], &list, &count);
        if (status == COPSE_OK) {
            status = copse_expression_step(run, all_count + count);
        }
        if (status == COPSE_OK) {
            status =
                copse_expression_take_array(run, all_count + count, sizeof(copse_keyed), &memory);
        }
        if (status == COPSE_OK) {
            all_count = expression_set_unite(all, all_count, list, count, memory);
            all = memory;
        }
    }
    return status == COPSE_OK ? copse_expression_make_keyed(run, all, all_count, ret_value)
                              : status;
}

static copse_status expression_set_intersection(copse_expression *run,
                                                const copse_expression_node *node,
                                                const copse_bytes *arguments,
                                                copse_bytes *ret_value)
{
    copse_keyed *all = NULL;
    size_t all_count = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        copse_keyed *list = NULL;
        size_t count = 0;
        status = expression_set_of(run, node, arguments[i], &list, &count);
        if (status == COPSE_OK && i > 0) {
            all_count = expression_set_keep(all, all_count, list, count, true);
        } else if (status == COPSE_OK) {
            all = list;
            all_count = count;
        }
    }
    return status == COPSE_OK ? copse_expression_make_keyed(run, all, all_count, ret_value)
                              : status;
}

/* By the order in the first array: members are sorted by where they stood. */
static copse_status expression_set_difference(copse_expression *run,
                                              const copse_expression_node *node,
                                              const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_keyed *a = NULL;
    copse_keyed *b = NULL;
    copse_bytes *items = NULL;
    size_t a_count = 0;
    size_t b_count = 0;
    copse_status status = expression_set_of(run, node, arguments[0], &a, &a_count);
    if (status == COPSE_OK) {
        status = expression_set_of(run, node, arguments[1], &b, &b_count);
    }
    if (status != COPSE_OK) {
        return status;
    }
    size_t kept = expression_set_keep(a, a_count, b, b_count, false);
    size_t end = 0; /* of the places in the array */
    for (size_t i = 0; i < kept; i++) {
        end = a[i].order >= end ? a[i].order + 1 : end;
    }
    status = copse_expression_take_items(run, end, &items);
    if (status != COPSE_OK) {
        return status;
    }
    for (size_t i = 0; i < end; i++) {
        items[i] = (copse_bytes){NULL, 0};
    }
    for (size_t i = 0; i < kept; i++) {
        items[a[i].order] = a[i].value;
    }
    size_t count = 0;
    for (size_t i = 0; i < end; i++) {
        if (items[i].len != 0) {
            items[count++] = items[i];
        }
    }
    return copse_expression_make_array(run, items, count, ret_value);
}

/* $setEquals of two or more, $setIsSubset of two. */
static copse_status expression_set_relation(copse_expression *run,
                                            const copse_expression_node *node,
                                            const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_keyed *first = NULL;
    size_t first_count = 0;
    bool holds = true;
    bool equal = node->op->detail == '=';
    copse_status status = expression_set_of(run, node, arguments[0], &first, &first_count);
    for (size_t i = 1; status == COPSE_OK && i < node->count; i++) {
        copse_keyed *list = NULL;
        size_t count = 0;
        status = expression_set_of(run, node, arguments[i], &list, &count);
        for (size_t k = 0; status == COPSE_OK && holds && k < first_count; k++) {
            holds = copse_keyed_find(list, count, first[k].key) != NULL;
        }
        holds = holds && (!equal || count == first_count);
    }
    *ret_value = copse_expression_bool(holds);
    return status;
}

/* $anyElementTrue, $allElementsTrue. */
static copse_status expression_set_truth(copse_expression *run, const copse_expression_node *node,
                                         const copse_bytes *arguments, copse_bytes *ret_value)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    bool decides = node->op->detail == '|';
    copse_status status =
        copse_expression_open_array(run, node, arguments[0], "an array", &reader, &count);
    *ret_value = copse_expression_bool(!decides);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes element;
        status = copse_cbor_take(&reader, &element, run->err);
        if (status == COPSE_OK && copse_expression_is_true(element, false) == decides) {
            *ret_value = copse_expression_bool(decides);
            break;
        }
    }
    return status;
}

const copse_expression_operator copse_expression_set[] = {
    {.name = "$setUnion",
     .most = COPSE_EXPRESSION_MANY,
     .nulls = true,
     .apply = expression_set_union},
    {.name = "$setIntersection",
     .most = COPSE_EXPRESSION_MANY,
     .nulls = true,
     .apply = expression_set_intersection},
    {.name = "$setDifference",
     .least = 2,
     .most = 2,
     .nulls = true,
     .apply = expression_set_difference},
    {.name = "$setEquals",
     .least = 2,
     .most = COPSE_EXPRESSION_MANY,
     .apply = expression_set_relation,
     .detail = '='},
    {.name = "$setIsSubset", .least = 2, .most = 2, .apply = expression_set_relation},
    {.name = "$anyElementTrue",
     .least = 1,
     .most = 1,
     .apply = expression_set_truth,
     .detail = '|'},
    {.name = "$allElementsTrue",
     .least = 1,
     .most = 1,
     .apply = expression_set_truth,
     .detail = '&'},
    {.name = NULL},
};
