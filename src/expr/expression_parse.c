/* Compiling. The encoding was checked before, so that its depth bounds the recursion here.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression.h"
#include "expr/expression_private.h"
#include "expr/path.h"

#include <string.h>

/* What is evaluated while it is compiled. */
enum { EXPRESSION_FOLD_STEPS_MAX = 1000, EXPRESSION_FOLD_SIZE_BYTES_MAX = 65536 };

static bool expression_is_name(copse_bytes text)
{
    return text.len > 0 && text.ptr[0] == '$';
}

/* ---- Nodes ------------------------------------------------------------------------------------
 */

copse_status copse_expression_parse_node(copse_expression_parser *parser,
                                         copse_expression_kind kind,
                                         copse_expression_node **ret_node)
{
    copse_expression *expression = parser->expression;
    if (parser->nodes_count == expression->env->limits.filter_nodes_max) {
        return COPSE_ERR(parser->err, COPSE_LIMIT, "an expression has more than %zu parts",
                         expression->env->limits.filter_nodes_max);
    }
    copse_expression_node *node = copse_arena_alloc(&expression->arena, sizeof *node);
    if (node == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    parser->nodes_count++;
    *node = (copse_expression_node){.kind = kind};
    *ret_node = node;
    return COPSE_OK;
}

copse_status copse_expression_parse_room(copse_expression_parser *parser,
                                         copse_expression_node *node, size_t count)
{
    node->count = count;
    if (count == 0) {
        return COPSE_OK;
    }
    node->children =
        copse_arena_alloc(&parser->expression->arena, count * sizeof(copse_expression_node *));
    if (node->children == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    memset(node->children, 0, count * sizeof(copse_expression_node *));
    return COPSE_OK;
}

/* A list of `count` names; NULL: no memory. */
static copse_bytes *expression_names(copse_expression_parser *parser, copse_expression_node *node,
                                     size_t count)
{
    copse_bytes *names = copse_arena_alloc(&parser->expression->arena, count * sizeof(copse_bytes));
    node->names = names;
    return names;
}

copse_status copse_expression_parse_constant(copse_expression_parser *parser, copse_bytes value,
                                             const copse_expression_node **ret_node)
{
    copse_expression_node *node = NULL;
    copse_status status = copse_value_check(value, &parser->expression->env->limits, parser->err);
    if (status == COPSE_OK) {
        status = copse_expression_parse_node(parser, COPSE_EXPRESSION_CONSTANT, &node);
    }
    if (status == COPSE_OK) {
        node->value = value;
        *ret_node = node;
    }
    return status;
}

copse_status copse_expression_parse_fold(copse_expression_parser *parser,
                                         copse_expression_node *node)
{
    static const uint8_t empty_map[] = {0xa0};
    copse_expression *expression = parser->expression;
    copse_bytes value = {NULL, 0};
    bool constant = !node->varies && node->kind != COPSE_EXPRESSION_CONSTANT;
    for (size_t i = 0; i < node->count; i++) {
        const copse_expression_node *child = node->children[i];
        constant = constant && (child == NULL || child->kind == COPSE_EXPRESSION_CONSTANT);
    }
    if (!constant) {
        return COPSE_OK;
    }
    expression->document = (copse_bytes){empty_map, sizeof empty_map};
    expression->err = NULL;
    expression->steps_left = EXPRESSION_FOLD_STEPS_MAX;
    copse_regex_budget_renew(&expression->regex_budget, expression->env);
    copse_status status = copse_expression_run(expression, node, &value);
    if (status == COPSE_OK && value.len <= EXPRESSION_FOLD_SIZE_BYTES_MAX) {
        copse_bytes copy = copse_arena_dup(&expression->arena, value);
        status = copy.ptr != NULL ? COPSE_OK : COPSE_NOMEM;
        *node = (copse_expression_node){.kind = COPSE_EXPRESSION_CONSTANT, .value = copy};
    }
    copse_scratch_rewind(&expression->scratch, (copse_scratch_mark){0});
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(parser->err) : COPSE_OK;
}

/* ---- Paths and variables ----------------------------------------------------------------------
 */

/* The parts of node->value, a checked path. */
static copse_status expression_parse_parts(copse_expression_parser *parser,
                                           copse_expression_node *node)
{
    copse_bytes rest = node->value;
    copse_bytes parts[COPSE_PATH_PARTS_MAX];
    while (rest.len > 0) {
        parts[node->count++] = copse_path_first(rest, &rest);
    }
    copse_bytes *names = expression_names(parser, node, node->count);
    if (names == NULL) {
        return COPSE_ERR_NOMEM(parser->err);
    }
    memcpy(names, parts, node->count * sizeof *parts);
    return COPSE_OK;
}

/* Sets the path behind a variable's name or a field's "$". */
static copse_status expression_parse_path(copse_expression_parser *parser, copse_bytes path,
                                          copse_expression_node *node)
{
    copse_status status = copse_path_check(path, parser->err);
    if (status == COPSE_OK) {
        node->value = path;
        status = expression_parse_parts(parser, node);
    }
    return status;
}

/* "$$name" or "$$name.path", without the "$$". */
static copse_status expression_parse_variable(copse_expression_parser *parser, copse_bytes text,
                                              const copse_expression_node **ret_node)
{
    copse_bytes path;
    copse_bytes name = copse_path_first(text, &path);
    bool dotted = name.len < text.len;
    copse_expression_node *node = NULL;
    copse_expression_kind kind = COPSE_EXPRESSION_FIELD;
    const copse_expression_scope *scope = parser->scope;
    while (scope != NULL && !copse_bytes_equal(scope->name, name)) {
        scope = scope->outer;
    }
    if (scope != NULL) {
        kind = COPSE_EXPRESSION_VARIABLE;
    } else if (copse_bytes_equal(name, copse_bytes_of_text("REMOVE"))) {
        kind = COPSE_EXPRESSION_CONSTANT;
    } else if (!copse_bytes_equal(name, copse_bytes_of_text("ROOT")) &&
               !copse_bytes_equal(name, copse_bytes_of_text("CURRENT"))) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "there is no variable $$%.*s",
                         copse_expression_shown(name), (const char *)name.ptr);
    }
    copse_status status = copse_expression_parse_node(parser, kind, &node);
    if (status == COPSE_OK && dotted && kind != COPSE_EXPRESSION_CONSTANT) {
        status = expression_parse_path(parser, path, node);
    }
    if (status == COPSE_OK) {
        node->slot = scope != NULL ? scope->slot : 0;
        *ret_node = node;
    }
    return status;
}

static copse_status expression_parse_text(copse_expression_parser *parser, copse_bytes text,
                                          copse_bytes encoded,
                                          const copse_expression_node **ret_node)
{
    copse_expression_node *node = NULL;
    if (!expression_is_name(text)) {
        return copse_expression_parse_constant(parser, encoded, ret_node);
    }
    if (text.len > 1 && text.ptr[1] == '$') {
        return expression_parse_variable(parser, (copse_bytes){text.ptr + 2, text.len - 2},
                                         ret_node);
    }
    copse_status status = copse_expression_parse_node(parser, COPSE_EXPRESSION_FIELD, &node);
    if (status == COPSE_OK) {
        status = expression_parse_path(parser, (copse_bytes){text.ptr + 1, text.len - 1}, node);
    }
    if (status == COPSE_OK) {
        *ret_node = node;
    }
    return status;
}

size_t copse_expression_parse_slots(copse_expression_parser *parser, size_t count)
{
    size_t slot = parser->expression->slots_count;
    parser->expression->slots_count += count; /* E3 */
    return slot;
}

bool copse_expression_is_variable_name(copse_bytes name)
{
    bool valid =
        name.len > 0 && ((name.ptr[0] >= 'a' && name.ptr[0] <= 'z') || name.ptr[0] >= 0x80);
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.ptr[i];
        valid = valid && ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                          (byte >= '0' && byte <= '9') || byte == '_' || byte >= 0x80);
    }
    return valid;
}

copse_status copse_expression_parse_name(copse_expression_parser *parser,
                                         const copse_expression_node *node, copse_bytes name)
{
    return copse_expression_is_variable_name(name)
               ? COPSE_OK
               : COPSE_ERR(parser->err, COPSE_CORRUPT,
                           "%s: \"%.*s\" can't be a variable: a small letter, then letters, "
                           "digits and _",
                           node->op->name, copse_expression_shown(name), (const char *)name.ptr);
}

/* ---- Lists and maps ---------------------------------------------------------------------------
 */

/* The children of `node` are the elements of `array`. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression, which limits.cbor_depth_max bounds
 */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
copse_status copse_expression_parse_elements(copse_expression_parser *parser, copse_bytes array,
                                             copse_expression_node *node)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, array);
    copse_status status = copse_cbor_next(&reader, &head, parser->err);
    if (status == COPSE_OK) {
        status = copse_expression_parse_room(parser, node, (size_t)head.arg);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes element;
        status = copse_cbor_take(&reader, &element, parser->err);
        if (status == COPSE_OK) {
            status = copse_expression_parse(parser, element, &node->children[i]);
        }
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_array(copse_expression_parser *parser, copse_bytes encoded,
                                           const copse_expression_node **ret_node)
{
    copse_expression_node *node = NULL;
    copse_status status = copse_expression_parse_node(parser, COPSE_EXPRESSION_ARRAY, &node);
    if (status == COPSE_OK) {
        status = copse_expression_parse_elements(parser, encoded, node);
    }
    if (status == COPSE_OK) {
        *ret_node = node;
        status = copse_expression_parse_fold(parser, node);
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_field(copse_expression_parser *parser, copse_bytes key,
                                           copse_bytes value,
                                           const copse_expression_node **ret_node)
{
    copse_cbor_reader reader;
    copse_cbor_item name;
    copse_cbor_reader_init(&reader, key);
    copse_status status = copse_cbor_next(&reader, &name, parser->err);
    if (status != COPSE_OK) {
        return status;
    }
    if (expression_is_name(name.bytes)) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "%.*s stands beside other fields: an operator is an object of its own",
                         copse_expression_shown(name.bytes), (const char *)name.bytes.ptr);
    }
    if (name.bytes.len != 0 && memchr(name.bytes.ptr, '.', name.bytes.len) != NULL) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "the field name \"%.*s\" has a dot",
                         copse_expression_shown(name.bytes), (const char *)name.bytes.ptr);
    }
    return copse_expression_parse(parser, value, ret_node);
}

/* A map of fields. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_object(copse_expression_parser *parser, copse_bytes encoded,
                                            const copse_expression_node **ret_node)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_expression_node *node = NULL;
    copse_bytes *names = NULL;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = copse_cbor_next(&reader, &head, parser->err);
    if (status == COPSE_OK) {
        status = copse_expression_parse_node(parser, COPSE_EXPRESSION_OBJECT, &node);
    }
    if (status == COPSE_OK) {
        status = copse_expression_parse_room(parser, node, (size_t)head.arg);
    }
    if (status == COPSE_OK) {
        names = expression_names(parser, node, node->count);
        status = names != NULL ? COPSE_OK : COPSE_ERR_NOMEM(parser->err);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes value;
        status = copse_cbor_take(&reader, &names[i], parser->err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &value, parser->err);
        }
        if (status == COPSE_OK) {
            status = expression_parse_field(parser, names[i], value, &node->children[i]);
        }
    }
    if (status == COPSE_OK) {
        *ret_node = node;
        status = copse_expression_parse_fold(parser, node);
    }
    return status;
}

/* A map: a value of another type, an operator, or fields. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_parse_map(copse_expression_parser *parser, copse_bytes encoded,
                                         const copse_expression_node **ret_node)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_item key = {.bytes = {NULL, 0}};
    copse_bytes argument;
    copse_value value;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = copse_cbor_next(&reader, &head, parser->err);
    if (status == COPSE_OK && head.arg > 0) {
        status = copse_cbor_next(&reader, &key, parser->err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (!expression_is_name(key.bytes) || head.arg > 1) {
        return expression_parse_object(parser, encoded, ret_node);
    }
    if (copse_value_read(encoded, &value, NULL) == COPSE_OK) {
        return copse_expression_parse_constant(parser, encoded, ret_node);
    }
    status = copse_cbor_take(&reader, &argument, parser->err);
    return status == COPSE_OK
               ? copse_expression_parse_operator(parser, key.bytes, argument, ret_node)
               : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
copse_status copse_expression_parse(copse_expression_parser *parser, copse_bytes encoded,
                                    const copse_expression_node **ret_node)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = copse_cbor_next(&reader, &item, parser->err);
    if (status != COPSE_OK) {
        return status;
    }
    switch (item.kind) {
    case COPSE_CBOR_TEXT:
        return expression_parse_text(parser, item.bytes, encoded, ret_node);
    case COPSE_CBOR_ARRAY:
        return expression_parse_array(parser, encoded, ret_node);
    case COPSE_CBOR_MAP:
        return expression_parse_map(parser, encoded, ret_node);
    default:
        return copse_expression_parse_constant(parser, encoded, ret_node);
    }
}
