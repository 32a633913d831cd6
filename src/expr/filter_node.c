/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/filter_node.h"

#include "base/alloc.h"
#include "base/err.h"
#include "expr/filter_in.h"
#include "expr/filter_private.h"
#include "expr/number.h"

#include <string.h>

/* ---- Nodes over others ----------------------------------------------------------------------- */

copse_status copse_filter_node_new(copse_filter *filter, copse_filter_kind kind, copse_bytes path,
                                   copse_filter_node **ret_node, copse_err *err)
{
    if (filter->nodes_count >= filter->env->limits.filter_nodes_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a filter has more than %zu tests",
                         filter->env->limits.filter_nodes_max);
    }
    copse_filter_node *node = copse_arena_alloc(&filter->arena, sizeof *node);
    if (node == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *node = (copse_filter_node){
        .kind = kind,
        .path = path,
        .key = path.len != 0 && memchr(path.ptr, '.', path.len) == NULL,
    };
    filter->nodes_count++;
    *ret_node = node;
    return COPSE_OK;
}

static copse_status filter_list_append(copse_filter *filter, copse_filter_list *list,
                                       const copse_filter_node *node, copse_err *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 4 : list->capacity * 2;
        const copse_filter_node **grown =
            copse_arena_alloc(&filter->arena, capacity * sizeof *grown);
        if (grown == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        if (list->count != 0) {
            memcpy(grown, list->nodes, list->count * sizeof *grown);
        }
        list->nodes = grown;
        list->capacity = capacity;
    }
    list->nodes[list->count++] = node;
    return COPSE_OK;
}

copse_status copse_filter_list_add(copse_filter *filter, copse_filter_list *list,
                                   const copse_filter_node *node, bool flatten, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (!flatten || (node->kind != COPSE_FILTER_AND && node->kind != COPSE_FILTER_TRUE)) {
        return filter_list_append(filter, list, node, err);
    }
    for (size_t i = 0; status == COPSE_OK && i < node->children_count; i++) {
        status = filter_list_append(filter, list, node->children[i], err);
    }
    return status;
}

copse_status copse_filter_node_over(copse_filter *filter, copse_filter_kind kind, copse_bytes path,
                                    const copse_filter_list *list,
                                    const copse_filter_node **ret_node, copse_err *err)
{
    if (list->count == 1 && (kind == COPSE_FILTER_AND || kind == COPSE_FILTER_OR)) {
        *ret_node = list->nodes[0];
        return COPSE_OK;
    }
    if (list->count == 0) {
        kind = kind == COPSE_FILTER_AND ? COPSE_FILTER_TRUE : COPSE_FILTER_FALSE;
    }
    copse_filter_node *node = NULL;
    copse_status status = copse_filter_node_new(filter, kind, path, &node, err);
    if (status == COPSE_OK) {
        node->children = list->nodes;
        node->children_count = list->count;
        status = kind == COPSE_FILTER_IN ? copse_filter_in_prepare(filter, node, err) : COPSE_OK;
    }
    if (status == COPSE_OK) {
        *ret_node = node;
    }
    return status;
}

copse_status copse_filter_node_not(copse_filter *filter, const copse_filter_node *child,
                                   const copse_filter_node **ret_node, copse_err *err)
{
    copse_filter_list list = {0};
    copse_status status = copse_filter_list_add(filter, &list, child, false, err);
    return status == COPSE_OK
               ? copse_filter_node_over(filter, COPSE_FILTER_NOT, child->path, &list, ret_node, err)
               : status;
}

/* ---- Comparisons ----------------------------------------------------------------------------- */

/* Whether values that are equal to one of this type have one encoding. */
static bool filter_type_is_exact(copse_value_type type)
{
    switch (type) {
    case COPSE_VALUE_INT:
    case COPSE_VALUE_FLOAT:
    case COPSE_VALUE_DECIMAL:
    case COPSE_VALUE_OBJECT:
    case COPSE_VALUE_ARRAY:
        return false;
    default:
        return true;
    }
}

copse_status copse_filter_node_compare(copse_filter *filter, copse_filter_kind kind,
                                       copse_bytes path, copse_bytes value,
                                       const copse_filter_node **ret_node, copse_err *err)
{
    copse_value operand;
    copse_filter_node *node = NULL;
    copse_status status = copse_value_check(value, &filter->env->limits, err);
    if (status == COPSE_OK) {
        status = copse_value_read(value, &operand, err);
    }
    if (status == COPSE_OK && operand.type == COPSE_VALUE_REGEX && kind != COPSE_FILTER_EQ) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a regex has no order to compare by");
    }
    if (status == COPSE_OK) {
        status = copse_filter_node_new(filter, kind, path, &node, err);
    }
    if (status == COPSE_OK) {
        node->value = value;
        node->operand = operand;
        node->exact = filter_type_is_exact(operand.type);
        node->nan = copse_number_is_nan(&operand);
        *ret_node = node;
    }
    return status;
}

/* ---- Regexes --------------------------------------------------------------------------------- */

static copse_status filter_compile_regex(copse_filter *filter, copse_filter_node *node,
                                         copse_err *err)
{
    void *regexes = filter->regexes;
    if (!copse_array_grow(filter->env, &regexes, &filter->regexes_capacity,
                          filter->regexes_count + 1, sizeof *filter->regexes)) {
        return COPSE_ERR_NOMEM(err);
    }
    filter->regexes = regexes;
    copse_status status = copse_regex_new(filter->env, node->text, node->operand.options,
                                          &filter->regex_budget, &node->regex, err);
    if (status == COPSE_OK) {
        filter->regexes[filter->regexes_count++] = node->regex;
    }
    return status;
}

/* Writes the regex as the value that a document would hold, and reads it. */
static copse_status filter_write_regex(copse_filter *filter, copse_filter_node *node,
                                       copse_bytes options, copse_err *err)
{
    enum { FORM_SIZE = 128 };
    copse_buf buf;
    copse_buf_init(&buf, filter->env, node->text.len + options.len + FORM_SIZE);
    copse_status status = copse_value_write_regex(&buf, node->text, options);
    if (status == COPSE_MISUSE) {
        status = COPSE_ERR(err, COPSE_CORRUPT,
                           "regex: the options are letters of \"imsux\", the pattern has no NUL");
    } else if (status == COPSE_OK) {
        node->value = copse_arena_dup(&filter->arena, copse_buf_view(&buf));
        status = node->value.ptr != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
    }
    if (status == COPSE_OK) {
        status = copse_value_read(node->value, &node->operand, err);
    }
    copse_buf_release(&buf);
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : status;
}

copse_status copse_filter_node_regex(copse_filter *filter, copse_bytes path, copse_bytes pattern,
                                     copse_bytes options, const copse_filter_node **ret_node,
                                     copse_err *err)
{
    copse_filter_node *node = NULL;
    copse_status status = copse_filter_node_new(filter, COPSE_FILTER_REGEX, path, &node, err);
    if (status != COPSE_OK) {
        return status;
    }
    node->text = pattern;
    status = filter_write_regex(filter, node, options, err);
    if (status == COPSE_OK) {
        status = filter_compile_regex(filter, node, err);
    }
    if (status == COPSE_OK) {
        uint8_t *prefix = copse_arena_alloc(&filter->arena, pattern.len);
        if (prefix == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        size_t len = copse_regex_prefix(pattern, options, prefix, &node->prefix_exact);
        node->prefix = (copse_bytes){prefix, len};
        *ret_node = node;
    }
    return status;
}
