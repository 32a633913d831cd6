/* $cmp $eq $ne $gt $gte $lt $lte; $and $or $not; $cond $ifNull $switch.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/path.h"

/* ---- Comparisons ---- */

typedef enum expression_relation {
    EXPRESSION_CMP,
    EXPRESSION_EQ,
    EXPRESSION_NE,
    EXPRESSION_GT,
    EXPRESSION_GTE,
    EXPRESSION_LT,
    EXPRESSION_LTE
} expression_relation;

/* By the order of all types: missing is before null, and other than it. */
static copse_status expression_compare(copse_expression *run, const copse_expression_node *node,
                                       const copse_bytes *arguments, copse_bytes *ret_value)
{
    int order = 0;
    copse_status status = copse_expression_order(run, arguments[0], arguments[1], &order);
    if (status != COPSE_OK) {
        return status;
    }
    bool holds = false;
    switch ((expression_relation)node->op->detail) {
    case EXPRESSION_CMP:
        return copse_expression_make_int(run, (order > 0) - (order < 0), ret_value);
    case EXPRESSION_EQ:
        holds = order == 0;
        break;
    case EXPRESSION_NE:
        holds = order != 0;
        break;
    case EXPRESSION_GT:
        holds = order > 0;
        break;
    case EXPRESSION_GTE:
        holds = order >= 0;
        break;
    case EXPRESSION_LT:
        holds = order < 0;
        break;
    default:
        holds = order <= 0;
        break;
    }
    *ret_value = copse_expression_bool(holds);
    return COPSE_OK;
}

/* ---- Logic ---- */

/* $and, $or: up to the first that decides. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_logic(copse_expression *run, const copse_expression_node *node,
                                     copse_bytes *ret_value)
{
    bool decides = node->op->detail == '|';
    for (size_t i = 0; i < node->count; i++) {
        bool holds = false;
        copse_status status = copse_expression_test(run, node->children[i], &holds);
        if (status != COPSE_OK) {
            return status;
        }
        if (holds == decides) {
            *ret_value = copse_expression_bool(decides);
            return COPSE_OK;
        }
    }
    *ret_value = copse_expression_bool(!decides);
    return COPSE_OK;
}

static copse_status expression_not(copse_expression *run, const copse_expression_node *node,
                                   const copse_bytes *arguments, copse_bytes *ret_value)
{
    (void)run;
    (void)node;
    bool holds = copse_expression_is_true(arguments[0], arguments[0].len == 0);
    *ret_value = copse_expression_bool(!holds);
    return COPSE_OK;
}

/* ---- Conditions ---- */

static copse_status expression_parse_cond(copse_expression_parser *parser, copse_bytes argument,
                                          copse_expression_node *node)
{
    return copse_path_is_array(argument) ? copse_expression_parse_list(parser, argument, node)
                                         : copse_expression_parse_named(parser, argument, node);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_cond(copse_expression *run, const copse_expression_node *node,
                                    copse_bytes *ret_value)
{
    bool holds = false;
    copse_status status = copse_expression_test(run, node->children[0], &holds);
    return status == COPSE_OK ? copse_expression_run(run, node->children[holds ? 1 : 2], ret_value)
                              : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_if_null(copse_expression *run, const copse_expression_node *node,
                                       copse_bytes *ret_value)
{
    for (size_t i = 0; i < node->count; i++) {
        copse_bytes value;
        copse_status status = copse_expression_run(run, node->children[i], &value);
        if (status != COPSE_OK || !copse_expression_is_null(value) || i == node->count - 1) {
            *ret_value = status == COPSE_OK ? value : *ret_value;
            return status;
        }
    }
    return COPSE_OK;
}

/* One branch of $switch: {case, then}. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_branch(copse_expression_parser *parser, copse_bytes branch,
                                            const copse_expression_node *node,
                                            const copse_expression_node **ret_pair)
{
    static const char *const names[] = {"case", "then"};
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, branch);
    copse_status status = copse_cbor_next(&reader, &head, parser->err);
    if (status == COPSE_OK && (head.kind != COPSE_CBOR_MAP || head.arg != 2)) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s takes branches of \"case\" and \"then\"",
                         node->op->name);
    }
    for (size_t i = 0; status == COPSE_OK && i < 2; i++) {
        copse_bytes value;
        status = copse_path_find_key(branch, copse_bytes_of_text(names[i]), &value, parser->err);
        if (status == COPSE_NOT_FOUND) {
            status = COPSE_ERR(parser->err, COPSE_CORRUPT, "a branch of %s lacks \"%s\"",
                               node->op->name, names[i]);
        }
        if (status == COPSE_OK) {
            status = copse_expression_parse(parser, value, &ret_pair[i]);
        }
    }
    return status;
}

/* Children: case and then of each branch, then the default or NULL. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_switch(copse_expression_parser *parser, copse_bytes argument,
                                            copse_expression_node *node)
{
    copse_bytes branches = {NULL, 0};
    copse_bytes otherwise = {NULL, 0};
    copse_cbor_reader reader;
    copse_cbor_item head = {.arg = 0};
    copse_status status =
        copse_expression_parse_member(parser, argument, node, "branches", &branches);
    if (status == COPSE_OK) {
        status = copse_expression_parse_member(parser, argument, node, "default", &otherwise);
    }
    if (status == COPSE_OK && copse_path_is_array(branches)) {
        copse_cbor_reader_init(&reader, branches);
        status = copse_cbor_next(&reader, &head, parser->err);
    }
    if (status == COPSE_OK && head.arg == 0) {
        status =
            COPSE_ERR(parser->err, COPSE_CORRUPT, "%s takes a list of branches", node->op->name);
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse_room(parser, node, 2 * (size_t)head.arg + 1);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes branch;
        status = copse_cbor_take(&reader, &branch, parser->err);
        if (status == COPSE_OK) {
            status = expression_parse_branch(parser, branch, node, &node->children[2 * i]);
        }
    }
    return status == COPSE_OK && otherwise.len != 0
               ? copse_expression_parse(parser, otherwise, &node->children[2 * head.arg])
               : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_switch(copse_expression *run, const copse_expression_node *node,
                                      copse_bytes *ret_value)
{
    for (size_t i = 0; i + 1 < node->count; i += 2) {
        bool holds = false;
        copse_status status = copse_expression_test(run, node->children[i], &holds);
        if (status != COPSE_OK) {
            return status;
        }
        if (holds) {
            return copse_expression_run(run, node->children[i + 1], ret_value);
        }
    }
    const copse_expression_node *otherwise = node->children[node->count - 1];
    return otherwise != NULL
               ? copse_expression_run(run, otherwise, ret_value)
               : COPSE_EXPRESSION_FAIL(run, node, "has no branch that holds, and no default");
}

static const char *const expression_cond_names[] = {"if", "then", "else", NULL};
static const char *const expression_switch_names[] = {"branches", "default", NULL};

#define EXPRESSION_COMPARE_ROW(text, relation)                                                     \
    {                                                                                              \
        .name = (text), .least = 2, .most = 2, .apply = expression_compare, .detail = (relation)   \
    }

const copse_expression_operator copse_expression_compare[] = {
    EXPRESSION_COMPARE_ROW("$cmp", EXPRESSION_CMP),
    EXPRESSION_COMPARE_ROW("$eq", EXPRESSION_EQ),
    EXPRESSION_COMPARE_ROW("$ne", EXPRESSION_NE),
    EXPRESSION_COMPARE_ROW("$gt", EXPRESSION_GT),
    EXPRESSION_COMPARE_ROW("$gte", EXPRESSION_GTE),
    EXPRESSION_COMPARE_ROW("$lt", EXPRESSION_LT),
    EXPRESSION_COMPARE_ROW("$lte", EXPRESSION_LTE),
    {.name = "$and", .most = COPSE_EXPRESSION_MANY, .evaluate = expression_logic, .detail = '&'},
    {.name = "$or", .most = COPSE_EXPRESSION_MANY, .evaluate = expression_logic, .detail = '|'},
    {.name = "$not", .least = 1, .most = 1, .apply = expression_not},
    {.name = "$cond",
     .least = 3,
     .most = 3,
     .evaluate = expression_cond,
     .parse = expression_parse_cond,
     .names = expression_cond_names},
    {.name = "$ifNull", .least = 2, .most = COPSE_EXPRESSION_MANY, .evaluate = expression_if_null},
    {.name = "$switch",
     .evaluate = expression_switch,
     .parse = expression_parse_switch,
     .names = expression_switch_names},
    {.name = NULL},
};
