/* Whether one filter implies another: for partial indexes.
 *
 * Only what holds for every document is used, arrays included. A test at a path says that some
 * value there passes it; so a test implies another at the same path if every value that passes the
 * one passes the other. What is missing passes a test with null as if it were null, and no test
 * that asks whether something is there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/filter_private.h"

#define FILTER_NUMBER_TYPES                                                                        \
    ((uint32_t)1 << COPSE_VALUE_INT | (uint32_t)1 << COPSE_VALUE_FLOAT |                           \
     (uint32_t)1 << COPSE_VALUE_DECIMAL)

static bool filter_is_range(const copse_filter_node *node)
{
    return node->kind >= COPSE_FILTER_GT && node->kind <= COPSE_FILTER_LTE;
}

static bool filter_is_compare(const copse_filter_node *node)
{
    return node->kind == COPSE_FILTER_EQ || filter_is_range(node);
}

/* Whether the operand is compared with all types. */
static bool filter_crosses_types(const copse_filter_node *node)
{
    return node->operand.type == COPSE_VALUE_MIN_KEY || node->operand.type == COPSE_VALUE_MAX_KEY;
}

/* ---- The same test ----------------------------------------------------------------------------
 */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filters */
static bool filter_same(const copse_filter_node *a, const copse_filter_node *b)
{
    if (a->kind != b->kind || a->flag != b->flag || a->types != b->types || a->a != b->a ||
        a->b != b->b || a->children_count != b->children_count ||
        !copse_bytes_equal(a->path, b->path) || !copse_bytes_equal(a->value, b->value)) {
        return false;
    }
    for (size_t i = 0; i < a->children_count; i++) {
        if (!filter_same(a->children[i], b->children[i])) {
            return false;
        }
    }
    return true;
}

/* ---- One value passes the other test too ------------------------------------------------------
 */

/* The types of the values that pass a test, 0: any, or what is missing passes too. */
static uint32_t filter_types_of(const copse_filter_node *node)
{
    uint32_t bit = (uint32_t)1 << node->operand.type;
    switch (node->kind) {
    case COPSE_FILTER_EQ:
    case COPSE_FILTER_GT:
    case COPSE_FILTER_GTE:
    case COPSE_FILTER_LT:
    case COPSE_FILTER_LTE:
        if (node->operand.type == COPSE_VALUE_NULL ||
            (filter_crosses_types(node) && node->kind != COPSE_FILTER_EQ)) {
            return 0;
        }
        return (bit & FILTER_NUMBER_TYPES) != 0 ? FILTER_NUMBER_TYPES : bit;
    case COPSE_FILTER_REGEX:
        return (uint32_t)1 << COPSE_VALUE_TEXT | (uint32_t)1 << COPSE_VALUE_REGEX;
    case COPSE_FILTER_MOD:
        return FILTER_NUMBER_TYPES;
    case COPSE_FILTER_BITS:
        return FILTER_NUMBER_TYPES | (uint32_t)1 << COPSE_VALUE_BINARY;
    case COPSE_FILTER_TYPE:
        return node->types;
    case COPSE_FILTER_SIZE:
    case COPSE_FILTER_ELEM_OBJECT:
    case COPSE_FILTER_ELEM_VALUE:
        return (uint32_t)1 << COPSE_VALUE_ARRAY;
    default:
        return 0;
    }
}

/* Whether the bounds of `range` lie within those of `wider`, both to the same side. */
static bool filter_range_within(const copse_filter_node *range, const copse_filter_node *wider)
{
    bool up = range->kind == COPSE_FILTER_GT || range->kind == COPSE_FILTER_GTE;
    bool wider_up = wider->kind == COPSE_FILTER_GT || wider->kind == COPSE_FILTER_GTE;
    bool wider_open = wider->kind == COPSE_FILTER_GT || wider->kind == COPSE_FILTER_LT;
    bool open = range->kind == COPSE_FILTER_GT || range->kind == COPSE_FILTER_LT;
    int order = 0;
    uint32_t types = filter_types_of(range);
    if (up != wider_up || range->nan || wider->nan || types == 0 ||
        types != filter_types_of(wider) ||
        copse_value_compare(range->value, wider->value, &order, NULL) != COPSE_OK) {
        return false;
    }
    order = up ? order : -order;
    return order > 0 || (order == 0 && (open || !wider_open));
}

/* Whether the value of `equal` passes `test`. */
static bool filter_value_passes(const copse_filter_node *equal, const copse_filter_node *test)
{
    bool match = false;
    bool null = equal->operand.type == COPSE_VALUE_NULL;
    bool asks_value = test->kind == COPSE_FILTER_REGEX || test->kind == COPSE_FILTER_MOD ||
                      test->kind == COPSE_FILTER_BITS;
    if (!(filter_is_compare(test) && !filter_crosses_types(test)) && (null || !asks_value)) {
        return false;
    }
    return copse_filter_test_single(test, equal->value, &match) && match;
}

static bool filter_one_implies(const copse_filter_node *node, const copse_filter_node *condition);

/* Whether the test `node` implies the test `condition`, both at one path. */
/* NOLINTNEXTLINE(misc-no-recursion): IN has children without children */
static bool filter_test_implies(const copse_filter_node *node, const copse_filter_node *condition)
{
    uint32_t types = filter_types_of(node);
    if (node->kind == COPSE_FILTER_IN || condition->kind == COPSE_FILTER_IN) {
        const copse_filter_node *list = node->kind == COPSE_FILTER_IN ? node : condition;
        bool all = list == node;
        for (size_t i = 0; i < list->children_count; i++) {
            const copse_filter_node *child = list->children[i];
            bool implied =
                all ? filter_one_implies(child, condition) : filter_one_implies(node, child);
            if (implied != all) {
                return implied;
            }
        }
        return all;
    }
    if (condition->kind == COPSE_FILTER_EXISTS) {
        return condition->flag && types != 0;
    }
    if (condition->kind == COPSE_FILTER_TYPE) {
        return types != 0 && (types & ~condition->types) == 0;
    }
    if (node->kind == COPSE_FILTER_EQ) {
        return filter_value_passes(node, condition);
    }
    return filter_is_range(node) && filter_is_range(condition) &&
           filter_range_within(node, condition);
}

/* ---- Nodes over others ------------------------------------------------------------------------
 */

/* Whether documents that match `node` match `condition`. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filters */
static bool filter_one_implies(const copse_filter_node *node, const copse_filter_node *condition)
{
    bool implied = false;
    if (condition->kind == COPSE_FILTER_TRUE || node->kind == COPSE_FILTER_FALSE ||
        filter_same(node, condition)) {
        return true;
    }
    if (condition->kind == COPSE_FILTER_AND) {
        implied = true;
        for (size_t i = 0; implied && i < condition->children_count; i++) {
            implied = filter_one_implies(node, condition->children[i]);
        }
        return implied;
    }
    if (node->kind == COPSE_FILTER_OR) {
        implied = true;
        for (size_t i = 0; implied && i < node->children_count; i++) {
            implied = filter_one_implies(node->children[i], condition);
        }
        return implied;
    }
    if (node->kind == COPSE_FILTER_AND) {
        for (size_t i = 0; !implied && i < node->children_count; i++) {
            implied = filter_one_implies(node->children[i], condition);
        }
    }
    if (condition->kind == COPSE_FILTER_OR) {
        for (size_t i = 0; !implied && i < condition->children_count; i++) {
            implied = filter_one_implies(node, condition->children[i]);
        }
    }
    bool tests = node->kind >= COPSE_FILTER_EQ && condition->kind >= COPSE_FILTER_EQ;
    return implied || (tests && copse_bytes_equal(node->path, condition->path) &&
                       filter_test_implies(node, condition));
}

bool copse_filter_implies(const copse_filter *filter, const copse_filter *condition)
{
    return filter_one_implies(filter->root, condition->root);
}
