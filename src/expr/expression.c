/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "expr/expression.h"

#include "base/alloc.h"
#include "expr/expression_private.h"
#include "expr/path.h"
#include "value/dag_cbor_inline.h"
#include "value/decimal.h"

/* ---- One of them ------------------------------------------------------------------------------
 */

/* Scopes of the caller's variables, the first one outermost. */
static copse_status expression_scopes(copse_expression *expression,
                                      const copse_expression_variable *variables, size_t count,
                                      const copse_expression_scope **ret_scope, copse_err *err)
{
    const copse_expression_scope *outer = NULL;
    for (size_t i = 0; i < count; i++) {
        copse_expression_scope *scope = copse_arena_alloc(&expression->arena, sizeof *scope);
        copse_bytes name = copse_arena_dup(&expression->arena, variables[i].name);
        if (scope == NULL || name.ptr == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        *scope = (copse_expression_scope){.outer = outer, .name = name, .slot = i};
        outer = scope;
    }
    *ret_scope = outer;
    return COPSE_OK;
}

static copse_status expression_compile(copse_expression *expression, copse_bytes encoded,
                                       const copse_expression_variable *variables, size_t count,
                                       copse_err *err)
{
    copse_expression_parser parser = {.expression = expression, .err = err};
    copse_status status =
        copse_dag_cbor_check(encoded, &expression->env->limits, COPSE_CBOR_STRICT, err);
    if (status == COPSE_OK) {
        status = expression_scopes(expression, variables, count, &parser.scope, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes copy = copse_arena_dup(&expression->arena, encoded);
    if (copy.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    expression->slots_count = count;
    expression->variables_count = count;
    return copse_expression_parse(&parser, copy, &expression->root);
}

copse_status copse_expression_new(const copse_env *env, copse_bytes encoded,
                                  const copse_expression_variable *variables,
                                  size_t variables_count, copse_expression **ret_expression,
                                  copse_err *err)
{
    copse_expression *expression = copse_alloc_zeroed(env, sizeof *expression);
    if (expression == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    expression->env = env;
    copse_arena_init(&expression->arena, env);
    copse_scratch_init(&expression->scratch, env, env->limits.query_memory_bytes_max);
    copse_buf_init(&expression->form, env, env->limits.document_size_bytes_max);
    copse_status status = expression_compile(expression, encoded, variables, variables_count, err);
    if (status == COPSE_OK && expression->slots_count > 0) {
        expression->slots =
            copse_arena_alloc(&expression->arena, expression->slots_count * sizeof(copse_bytes));
        status = expression->slots != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
    }
    if (status != COPSE_OK) {
        (void)copse_expression_free(expression);
        return status;
    }
    *ret_expression = expression;
    return COPSE_OK;
}

copse_expression *copse_expression_free(copse_expression *expression)
{
    if (expression != NULL) {
        for (size_t i = 0; i < expression->regexes_count; i++) {
            (void)copse_regex_free(expression->regexes[i].regex);
            copse_buf_release(&expression->regexes[i].source);
        }
        copse_free_array(expression->env, expression->regexes, expression->regexes_capacity,
                         sizeof *expression->regexes);
        copse_buf_release(&expression->form);
        copse_scratch_release(&expression->scratch);
        copse_arena_release(&expression->arena);
        copse_free(expression->env, expression, sizeof *expression);
    }
    return NULL;
}

copse_bytes copse_expression_path(const copse_expression *expression)
{
    const copse_expression_node *root = expression->root;
    return root->kind == COPSE_EXPRESSION_FIELD ? root->value : (copse_bytes){NULL, 0};
}

copse_bytes copse_expression_constant(const copse_expression *expression)
{
    const copse_expression_node *root = expression->root;
    return root->kind == COPSE_EXPRESSION_CONSTANT ? root->value : (copse_bytes){NULL, 0};
}

/* ---- Evaluating -------------------------------------------------------------------------------
 */

bool copse_expression_is_true(copse_bytes encoded, bool missing)
{
    copse_value value;
    copse_decimal decimal;
    if (missing || copse_value_read(encoded, &value, NULL) != COPSE_OK) {
        return false;
    }
    switch (value.type) {
    case COPSE_VALUE_NULL:
        return false;
    case COPSE_VALUE_BOOL:
        return value.boolean;
    case COPSE_VALUE_INT:
        return value.negative || value.arg != 0;
    case COPSE_VALUE_FLOAT:
        return value.real != 0; /* NaN is true */
    case COPSE_VALUE_DECIMAL:
        return !copse_decimal_parse(value.bytes, &decimal) ||
               decimal.kind != COPSE_DECIMAL_FINITE || decimal.coefficient != 0;
    default:
        return true;
    }
}

/* Whether what came out was made, so that it may be nested deeper than its parts. */
static copse_status expression_check_depth(const copse_expression *expression, copse_bytes value,
                                           copse_err *err)
{
    copse_expression_kind kind = expression->root->kind;
    size_t size = 0;
    bool made = kind != COPSE_EXPRESSION_FIELD && kind != COPSE_EXPRESSION_CONSTANT;
    bool open =
        copse_path_is_array(value) || (value.len != 0 && value.ptr[0] >> 5 == COPSE_CBOR_MAJOR_MAP);
    return made && open ? copse_dag_cbor_item_size(value, &expression->env->limits,
                                                   COPSE_CBOR_STRICT, &size, err)
                        : COPSE_OK;
}

copse_status copse_expression_lend(copse_expression *expression, copse_bytes document,
                                   const copse_expression_variable *variables,
                                   copse_bytes *ret_value, copse_err *err)
{
    copse_bytes value = {NULL, 0};
    if (document.len == 0 || document.ptr[0] >> 5 != COPSE_CBOR_MAJOR_MAP) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document is an object");
    }
    for (size_t i = 0; i < expression->variables_count; i++) {
        expression->slots[i] = variables[i].value;
    }
    expression->document = document;
    expression->err = err;
    expression->steps_left = expression->env->limits.expression_steps_max;
    copse_regex_budget_renew(&expression->regex_budget, expression->env);
    copse_scratch_rewind(&expression->scratch, (copse_scratch_mark){0});
    copse_status status = copse_expression_run(expression, expression->root, &value);
    if (status == COPSE_OK) {
        status = expression_check_depth(expression, value, err);
    }
    if (status == COPSE_OK) {
        *ret_value = value;
    }
    return status;
}

copse_status copse_expression_evaluate(copse_expression *expression, copse_bytes document,
                                       const copse_expression_variable *variables, copse_buf *buf,
                                       bool *ret_missing, copse_err *err)
{
    copse_bytes value;
    copse_status status = copse_expression_lend(expression, document, variables, &value, err);
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, value);
        if (status != COPSE_OK) {
            return COPSE_ERR(err, status, "no room for the value of an expression");
        }
        *ret_missing = value.len == 0;
    }
    return status;
}
