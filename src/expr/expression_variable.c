/* $let $map $filter $reduce, which bind variables, and $literal.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/path.h"

/* ---- Compiling --------------------------------------------------------------------------------
 */

/* Compiles `body` where `name` is the variable in `slot` too. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_bound(copse_expression_parser *parser, copse_bytes body,
                                           copse_bytes name, size_t slot,
                                           const copse_expression_node **ret_node)
{
    copse_expression_scope scope = {.outer = parser->scope, .name = name, .slot = slot};
    parser->scope = &scope;
    copse_status status = copse_expression_parse(parser, body, ret_node);
    parser->scope = scope.outer;
    return status;
}

/* A literal name of a variable; `otherwise` where there is none. */
static copse_status expression_parse_as(copse_expression_parser *parser, copse_bytes argument,
                                        const copse_expression_node *node, const char *otherwise,
                                        copse_bytes *ret_name)
{
    copse_bytes encoded = {NULL, 0};
    copse_value value;
    copse_status status = copse_expression_parse_member(parser, argument, node, "as", &encoded);
    *ret_name = copse_bytes_of_text(otherwise);
    if (status != COPSE_OK || encoded.len == 0) {
        return status;
    }
    if (copse_value_read(encoded, &value, NULL) != COPSE_OK || value.type != COPSE_VALUE_TEXT) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s: \"as\" is the name of a variable",
                         node->op->name);
    }
    *ret_name = value.bytes;
    return copse_expression_parse_name(parser, node, value.bytes);
}

/* The body of $let, with the variables from `reader` on, `count` of them, bound. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_in(copse_expression_parser *parser, copse_bytes body,
                                        copse_cbor_reader reader, uint64_t count,
                                        copse_expression_node *node)
{
    copse_expression_scope *scopes = NULL;
    const copse_expression_scope *outer = parser->scope;
    copse_status status = COPSE_OK;
    if (count > 0) {
        scopes = copse_arena_alloc(&parser->expression->arena, (size_t)count * sizeof *scopes);
        status = scopes != NULL ? COPSE_OK : COPSE_ERR_NOMEM(parser->err);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_cbor_item key;
        status = copse_cbor_next(&reader, &key, parser->err);
        if (status == COPSE_OK) {
            status = copse_expression_parse_name(parser, node, key.bytes);
        }
        if (status == COPSE_OK) {
            scopes[i] = (copse_expression_scope){parser->scope, key.bytes, node->slot + i};
            parser->scope = &scopes[i];
            status = copse_cbor_skip(&reader, parser->err);
        }
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse(parser, body, &node->children[count]);
    }
    parser->scope = outer;
    return status;
}

/* {vars: {name: expression, …}, in: expression}. Children: the variables' values, then the body. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_let(copse_expression_parser *parser, copse_bytes argument,
                                         copse_expression_node *node)
{
    copse_bytes variables;
    copse_bytes body;
    copse_cbor_reader reader;
    copse_cbor_item head = {.arg = 0};
    copse_status status = copse_expression_parse_needed(parser, argument, node, "vars", &variables);
    if (status == COPSE_OK) {
        status = copse_expression_parse_needed(parser, argument, node, "in", &body);
    }
    if (status == COPSE_OK) {
        copse_cbor_reader_init(&reader, variables);
        status = copse_cbor_next(&reader, &head, parser->err);
    }
    if (status == COPSE_OK && head.kind != COPSE_CBOR_MAP) {
        status = COPSE_ERR(parser->err, COPSE_CORRUPT, "%s: \"vars\" is an object", node->op->name);
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse_room(parser, node, (size_t)head.arg + 1);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_cbor_reader values = reader;
    node->varies = true;
    node->slot = copse_expression_parse_slots(parser, (size_t)head.arg);
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes value;
        status = copse_cbor_skip(&values, parser->err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&values, &value, parser->err);
        }
        if (status == COPSE_OK) {
            status = copse_expression_parse(parser, value, &node->children[i]);
        }
    }
    return status == COPSE_OK ? expression_parse_in(parser, body, reader, head.arg, node) : status;
}

/* $map and $filter. Children: the array, the body, and of $filter the limit or NULL. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_each(copse_expression_parser *parser, copse_bytes argument,
                                          copse_expression_node *node)
{
    copse_bytes input;
    copse_bytes body;
    copse_bytes name;
    copse_bytes limit = {NULL, 0};
    bool filters = node->op->detail == 'f';
    copse_status status = copse_expression_parse_needed(parser, argument, node, "input", &input);
    if (status == COPSE_OK) {
        status =
            copse_expression_parse_needed(parser, argument, node, filters ? "cond" : "in", &body);
    }
    if (status == COPSE_OK) {
        status = expression_parse_as(parser, argument, node, "this", &name);
    }
    if (status == COPSE_OK && filters) {
        status = copse_expression_parse_member(parser, argument, node, "limit", &limit);
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse_room(parser, node, 3);
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse(parser, input, &node->children[0]);
    }
    if (status == COPSE_OK && limit.len != 0) {
        status = copse_expression_parse(parser, limit, &node->children[2]);
    }
    if (status == COPSE_OK) {
        node->varies = true;
        node->slot = copse_expression_parse_slots(parser, 1);
        status = expression_parse_bound(parser, body, name, node->slot, &node->children[1]);
    }
    return status;
}

/* {input, initialValue, in}: "this" and "value" are bound. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_reduce(copse_expression_parser *parser, copse_bytes argument,
                                            copse_expression_node *node)
{
    static const char *const names[] = {"input", "initialValue"};
    copse_bytes body;
    copse_status status = copse_expression_parse_room(parser, node, 3);
    for (size_t i = 0; status == COPSE_OK && i < 2; i++) {
        copse_bytes value;
        status = copse_expression_parse_needed(parser, argument, node, names[i], &value);
        if (status == COPSE_OK) {
            status = copse_expression_parse(parser, value, &node->children[i]);
        }
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse_needed(parser, argument, node, "in", &body);
    }
    if (status != COPSE_OK) {
        return status;
    }
    node->varies = true;
    node->slot = copse_expression_parse_slots(parser, 2);
    copse_expression_scope scope = {
        .outer = parser->scope, .name = copse_bytes_of_text("value"), .slot = node->slot + 1};
    parser->scope = &scope;
    status = expression_parse_bound(parser, body, copse_bytes_of_text("this"), node->slot,
                                    &node->children[2]);
    parser->scope = scope.outer;
    return status;
}

/* The node becomes the constant. */
static copse_status expression_parse_literal(copse_expression_parser *parser, copse_bytes argument,
                                             copse_expression_node *node)
{
    node->kind = COPSE_EXPRESSION_CONSTANT;
    node->value = argument;
    return copse_value_check(argument, &parser->expression->env->limits, parser->err);
}

/* ---- Evaluating -------------------------------------------------------------------------------
 */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_let(copse_expression *run, const copse_expression_node *node,
                                   copse_bytes *ret_value)
{
    copse_status status = COPSE_OK;
    size_t last = node->count - 1;
    for (size_t i = 0; status == COPSE_OK && i < last; i++) {
        status = copse_expression_run(run, node->children[i], &run->slots[node->slot + i]);
    }
    return status == COPSE_OK ? copse_expression_run(run, node->children[last], ret_value) : status;
}

/* The array that an operator goes through. *ret_null: null or missing. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_input(copse_expression *run, const copse_expression_node *node,
                                     copse_cbor_reader *ret_reader, uint64_t *ret_count,
                                     bool *ret_null)
{
    copse_bytes input;
    copse_status status = copse_expression_run(run, node->children[0], &input);
    *ret_null = status == COPSE_OK && copse_expression_is_null(input);
    return status == COPSE_OK && !*ret_null
               ? copse_expression_open_array(run, node, input, "an array", ret_reader, ret_count)
               : status;
}

/* How many elements $filter gives at most. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_filter_limit(copse_expression *run,
                                            const copse_expression_node *node, uint64_t *ret_limit)
{
    copse_bytes value;
    int64_t limit = 0;
    copse_status status = copse_expression_argument(run, node, 2, &value);
    if (status != COPSE_OK || copse_expression_is_null(value)) {
        return status;
    }
    status = copse_expression_read_whole(run, node, value, "a whole number as limit", &limit);
    if (status == COPSE_OK && limit < 1) {
        return COPSE_EXPRESSION_FAIL(run, node, "takes a limit from 1 on");
    }
    *ret_limit = (uint64_t)limit;
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_filter(copse_expression *run, const copse_expression_node *node,
                                      copse_bytes *ret_value)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    uint64_t limit = UINT64_MAX;
    bool null = false;
    size_t kept = 0;
    copse_bytes *items = NULL;
    copse_status status = expression_input(run, node, &reader, &count, &null);
    if (status != COPSE_OK || null) {
        *ret_value = null ? copse_expression_null() : *ret_value;
        return status;
    }
    status = expression_filter_limit(run, node, &limit);
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, count, &items);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count && kept < limit; i++) {
        bool holds = false;
        copse_scratch_mark mark = copse_scratch_tell(&run->scratch);
        status = copse_cbor_take(&reader, &items[kept], run->err);
        if (status == COPSE_OK) {
            run->slots[node->slot] = items[kept];
            status = copse_expression_test(run, node->children[1], &holds);
            copse_scratch_rewind(&run->scratch, mark);
        }
        kept += holds;
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, kept, ret_value) : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_map(copse_expression *run, const copse_expression_node *node,
                                   copse_bytes *ret_value)
{
    copse_cbor_reader reader;
    uint64_t count = 0;
    bool null = false;
    copse_bytes *items = NULL;
    copse_status status = expression_input(run, node, &reader, &count, &null);
    if (status != COPSE_OK || null) {
        *ret_value = null ? copse_expression_null() : *ret_value;
        return status;
    }
    status = copse_expression_take_items(run, count, &items);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_scratch_mark mark = copse_scratch_tell(&run->scratch);
        status = copse_cbor_take(&reader, &run->slots[node->slot], run->err);
        if (status == COPSE_OK) {
            status = copse_expression_step(run, 1);
        }
        if (status == COPSE_OK) {
            status = copse_expression_run(run, node->children[1], &items[i]);
        }
        if (status == COPSE_OK) {
            status = copse_expression_settle(run, mark, &items[i]);
        }
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, (size_t)count, ret_value)
                              : status;
}

/* A value so far may not be nested deeper than a document: the next step would nest it deeper
 * still.
 */
static copse_status expression_reduce_check(const copse_expression *run, copse_bytes value)
{
    size_t size = 0;
    bool open = copse_path_is_array(value) || copse_path_is_object(value);
    return open ? copse_dag_cbor_item_size(value, &run->env->limits, COPSE_CBOR_STRICT, &size,
                                           run->err)
                : COPSE_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_reduce(copse_expression *run, const copse_expression_node *node,
                                      copse_bytes *ret_value)
{
    copse_cbor_reader reader;
    copse_bytes value;
    uint64_t count = 0;
    bool null = false;
    copse_status status = expression_input(run, node, &reader, &count, &null);
    if (status != COPSE_OK || null) {
        *ret_value = null ? copse_expression_null() : *ret_value;
        return status;
    }
    copse_scratch_mark mark = copse_scratch_tell(&run->scratch);
    status = copse_expression_run(run, node->children[1], &value);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        run->slots[node->slot + 1] = value;
        status = copse_cbor_take(&reader, &run->slots[node->slot], run->err);
        if (status == COPSE_OK) {
            status = copse_expression_step(run, 1);
        }
        if (status == COPSE_OK) {
            status = copse_expression_run(run, node->children[2], &value);
        }
        if (status == COPSE_OK) {
            status = expression_reduce_check(run, value);
        }
        if (status == COPSE_OK) {
            status = copse_expression_settle(run, mark, &value);
        }
    }
    if (status == COPSE_OK) {
        *ret_value = value;
    }
    return status;
}

static const char *const expression_let_names[] = {"vars", "in", NULL};
static const char *const expression_map_names[] = {"input", "as", "in", NULL};
static const char *const expression_filter_names[] = {"input", "cond", "as", "limit", NULL};
static const char *const expression_reduce_names[] = {"input", "initialValue", "in", NULL};

const copse_expression_operator copse_expression_variable_binding[] = {
    {.name = "$literal", .parse = expression_parse_literal},
    {.name = "$let",
     .evaluate = expression_let,
     .parse = expression_parse_let,
     .names = expression_let_names},
    {.name = "$map",
     .evaluate = expression_map,
     .parse = expression_parse_each,
     .names = expression_map_names,
     .detail = 'm'},
    {.name = "$filter",
     .evaluate = expression_filter,
     .parse = expression_parse_each,
     .names = expression_filter_names,
     .detail = 'f'},
    {.name = "$reduce",
     .evaluate = expression_reduce,
     .parse = expression_parse_reduce,
     .names = expression_reduce_names},
    {.name = NULL},
};
