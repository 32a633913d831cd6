/* Compiling operators: their arguments, as a list or by names.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/path.h"

#include <stdio.h>
#include <string.h>

static copse_status expression_check_count(copse_expression_parser *parser,
                                           const copse_expression_node *node)
{
    const copse_expression_operator *op = node->op;
    if (node->count >= op->least &&
        (op->most == COPSE_EXPRESSION_MANY || node->count <= op->most)) {
        return COPSE_OK;
    }
    char range[32];
    if (op->most == COPSE_EXPRESSION_MANY) {
        (void)snprintf(range, sizeof range, "at least %d", op->least);
    } else if (op->least == op->most) {
        (void)snprintf(range, sizeof range, "%d", op->least);
    } else {
        (void)snprintf(range, sizeof range, "%d to %d", op->least, op->most);
    }
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s takes %s value%s, %zu %s given", op->name,
                     range, op->most == 1 ? "" : "s", node->count, node->count == 1 ? "is" : "are");
}

/* An operator's list of arguments; one that is no list stands for itself. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
copse_status copse_expression_parse_list(copse_expression_parser *parser, copse_bytes argument,
                                         copse_expression_node *node)
{
    copse_status status;
    if (copse_path_is_array(argument)) {
        status = copse_expression_parse_elements(parser, argument, node);
    } else {
        status = copse_expression_parse_room(parser, node, 1);
        if (status == COPSE_OK) {
            status = copse_expression_parse(parser, argument, &node->children[0]);
        }
    }
    return status == COPSE_OK ? expression_check_count(parser, node) : status;
}

/* Which of the operator's names `name` is; CORRUPT: none. */
static copse_status expression_name_index(copse_expression_parser *parser,
                                          const copse_expression_node *node, copse_bytes name,
                                          size_t *ret_index)
{
    for (size_t i = 0; node->op->names[i] != NULL; i++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(node->op->names[i]))) {
            *ret_index = i;
            return COPSE_OK;
        }
    }
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s has no argument \"%.*s\"", node->op->name,
                     copse_expression_shown(name), (const char *)name.ptr);
}

/* Lends the values of a map of names, in the order of op->names; empty: not there. */
static copse_status expression_members(copse_expression_parser *parser, copse_bytes argument,
                                       const copse_expression_node *node,
                                       copse_bytes ret_members[COPSE_EXPRESSION_NAMES_MAX])
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, argument);
    copse_status status = copse_cbor_next(&reader, &head, parser->err);
    if (status == COPSE_OK && head.kind != COPSE_CBOR_MAP) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s takes an object with \"%s\"",
                         node->op->name, node->op->names[0]);
    }
    memset(ret_members, 0, COPSE_EXPRESSION_NAMES_MAX * sizeof *ret_members);
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_cbor_item key;
        size_t index = 0;
        status = copse_cbor_next(&reader, &key, parser->err);
        if (status == COPSE_OK) {
            status = expression_name_index(parser, node, key.bytes, &index);
        }
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &ret_members[index], parser->err);
        }
    }
    return status;
}

copse_status copse_expression_parse_member(copse_expression_parser *parser, copse_bytes argument,
                                           const copse_expression_node *node, const char *name,
                                           copse_bytes *ret_value)
{
    copse_bytes members[COPSE_EXPRESSION_NAMES_MAX];
    copse_status status = expression_members(parser, argument, node, members);
    for (size_t i = 0; status == COPSE_OK && node->op->names[i] != NULL; i++) {
        if (strcmp(node->op->names[i], name) == 0) {
            *ret_value = members[i];
        }
    }
    return status;
}

copse_status copse_expression_parse_needed(copse_expression_parser *parser, copse_bytes argument,
                                           const copse_expression_node *node, const char *name,
                                           copse_bytes *ret_value)
{
    copse_bytes value = {NULL, 0};
    copse_status status = copse_expression_parse_member(parser, argument, node, name, &value);
    if (status == COPSE_OK && value.len == 0) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s lacks \"%s\"", node->op->name, name);
    }
    if (status == COPSE_OK) {
        *ret_value = value;
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
copse_status copse_expression_parse_named(copse_expression_parser *parser, copse_bytes argument,
                                          copse_expression_node *node)
{
    copse_bytes members[COPSE_EXPRESSION_NAMES_MAX];
    size_t count = 0;
    copse_status status = expression_members(parser, argument, node, members);
    while (node->op->names[count] != NULL) {
        count++;
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse_room(parser, node, count);
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        if (members[i].len != 0) {
            status = copse_expression_parse(parser, members[i], &node->children[i]);
        } else if (i < node->op->least) {
            status = COPSE_ERR(parser->err, COPSE_CORRUPT, "%s lacks \"%s\"", node->op->name,
                               node->op->names[i]);
        }
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
copse_status copse_expression_parse_operator(copse_expression_parser *parser, copse_bytes name,
                                             copse_bytes argument,
                                             const copse_expression_node **ret_node)
{
    copse_expression_node *node = NULL;
    const copse_expression_operator *op = copse_expression_operator_find(name);
    if (op == NULL) {
        return copse_expression_operator_fail(name, parser->err);
    }
    copse_status status = copse_expression_parse_node(parser, COPSE_EXPRESSION_OPERATOR, &node);
    if (status != COPSE_OK) {
        return status;
    }
    node->op = op;
    if (op->parse != NULL) {
        status = op->parse(parser, argument, node);
    } else if (op->names != NULL) {
        status = copse_expression_parse_named(parser, argument, node);
    } else {
        status = copse_expression_parse_list(parser, argument, node);
    }
    if (status == COPSE_OK) {
        *ret_node = node;
        status = copse_expression_parse_fold(parser, node);
    }
    return status;
}
