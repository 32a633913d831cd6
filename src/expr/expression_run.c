/* Evaluating: nodes, paths, memory.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "expr/expression_private.h"
#include "expr/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    EXPRESSION_ARGUMENTS_FEW = 4, /* so many need no scratch memory */
    EXPRESSION_STEP_BYTES = 64    /* of arguments, that count as a step */
};

/* ---- Failures ---------------------------------------------------------------------------------
 */

copse_status copse_expression_fail(const copse_expression *run, const copse_expression_node *node,
                                   const char *file, int line, const char *format, ...)
{
    char text[sizeof((copse_err *)NULL)->message];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return copse_err_set(run->err, COPSE_CORRUPT, file, line, "%s %s", node->op->name, text);
}

copse_status copse_expression_fail_type(const copse_expression *run,
                                        const copse_expression_node *node, const char *expected,
                                        copse_bytes encoded)
{
    copse_value value;
    const char *given = "missing";
    if (encoded.len != 0) {
        given = copse_value_read(encoded, &value, NULL) == COPSE_OK
                    ? copse_value_type_name(value.type)
                    : "no value";
    }
    return COPSE_EXPRESSION_FAIL(run, node, "takes %s, not %s", expected, given);
}

/* ---- Time and memory --------------------------------------------------------------------------
 */

copse_status copse_expression_step(copse_expression *run, uint64_t count)
{
    if (COPSE_UNLIKELY(count > run->steps_left)) {
        run->steps_left = 0;
        return COPSE_ERR(run->err, COPSE_LIMIT,
                         "an expression takes more than %llu steps on a document",
                         (unsigned long long)run->env->limits.expression_steps_max);
    }
    run->steps_left -= count;
    return COPSE_OK;
}

static COPSE_NOINLINE copse_status expression_take_fail(const copse_expression *run,
                                                        copse_status status)
{
    return status == COPSE_NOMEM
               ? COPSE_ERR_NOMEM(run->err)
               : COPSE_ERR(run->err, COPSE_LIMIT, "the values of an expression are too large");
}

copse_status copse_expression_take(copse_expression *run, size_t size, void **ret)
{
    copse_status status = size <= run->env->limits.document_size_bytes_max
                              ? copse_scratch_take(&run->scratch, size, ret)
                              : COPSE_LIMIT;
    return COPSE_LIKELY(status == COPSE_OK) ? COPSE_OK : expression_take_fail(run, status);
}

copse_status copse_expression_take_array(copse_expression *run, uint64_t count, size_t size,
                                         void **ret)
{
    copse_status status = count <= run->scratch.held_bytes_max / size
                              ? copse_scratch_take(&run->scratch, (size_t)count * size, ret)
                              : COPSE_LIMIT;
    return COPSE_LIKELY(status == COPSE_OK) ? COPSE_OK : expression_take_fail(run, status);
}

copse_status copse_expression_take_items(copse_expression *run, uint64_t count,
                                         copse_bytes **ret_items)
{
    void *items = NULL;
    copse_status status = copse_expression_take_array(run, count, sizeof(copse_bytes), &items);
    if (status == COPSE_OK) {
        *ret_items = items;
    }
    return status;
}

copse_status copse_expression_keep(copse_expression *run, copse_bytes bytes, copse_bytes *ret_copy)
{
    void *copy = NULL;
    copse_status status = copse_expression_take(run, bytes.len, &copy);
    if (status == COPSE_OK) {
        memcpy(copy, bytes.len != 0 ? bytes.ptr : (const uint8_t *)"", bytes.len);
        *ret_copy = (copse_bytes){copy, bytes.len};
    }
    return status;
}

copse_status copse_expression_settle(copse_expression *run, copse_scratch_mark mark,
                                     copse_bytes *value)
{
    if (run->scratch.chunks == mark.chunk) {
        return COPSE_OK;
    }
    copse_status status = copse_buf_append(&run->form, *value);
    copse_scratch_rewind(&run->scratch, mark);
    return copse_expression_make_form(run, status, value);
}

/* ---- Paths ------------------------------------------------------------------------------------
 */

static copse_status expression_path(copse_expression *run, copse_bytes value,
                                    const copse_bytes *parts, size_t count, copse_bytes *ret_value);

/* An array on the way: an array of what its objects and arrays have, those that have nothing left
 * out. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status expression_path_array(copse_expression *run, copse_bytes array,
                                          const copse_bytes *parts, size_t count,
                                          copse_bytes *ret_value)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_bytes *items = NULL;
    size_t found = 0;
    copse_cbor_reader_init(&reader, array);
    copse_status status = copse_cbor_next(&reader, &head, run->err);
    if (status == COPSE_OK) {
        status = copse_expression_step(run, 1 + array.len / EXPRESSION_STEP_BYTES);
    }
    if (status == COPSE_OK) {
        status = copse_expression_take_items(run, head.arg, &items);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < head.arg; i++) {
        copse_bytes element;
        copse_bytes value = {NULL, 0};
        status = copse_cbor_take(&reader, &element, run->err);
        if (status != COPSE_OK) {
            break;
        }
        if (copse_path_is_array(element)) {
            status = expression_path_array(run, element, parts, count, &value);
        } else {
            status = expression_path(run, element, parts, count, &value);
        }
        if (value.len != 0) {
            items[found++] = value;
        }
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, found, ret_value) : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status expression_path(copse_expression *run, copse_bytes value,
                                    const copse_bytes *parts, size_t count, copse_bytes *ret_value)
{
    for (size_t i = 0; i < count; i++) {
        if (copse_path_is_array(value)) {
            return expression_path_array(run, value, parts + i, count - i, ret_value);
        }
        copse_status status = copse_path_is_object(value)
                                  ? copse_path_find_key(value, parts[i], &value, run->err)
                                  : COPSE_NOT_FOUND;
        if (status == COPSE_NOT_FOUND) {
            *ret_value = (copse_bytes){NULL, 0};
            return COPSE_OK;
        }
        if (status != COPSE_OK) {
            return status;
        }
    }
    *ret_value = value;
    return COPSE_OK;
}

/* ---- Nodes ------------------------------------------------------------------------------------
 */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_run_object(copse_expression *run, const copse_expression_node *node,
                                          copse_bytes *ret_value)
{
    void *memory = NULL;
    copse_status status =
        copse_expression_take_array(run, node->count, sizeof(copse_expression_pair), &memory);
    copse_expression_pair *pairs = memory;
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        pairs[i].key = node->names[i];
        status = copse_expression_run(run, node->children[i], &pairs[i].value);
    }
    return status == COPSE_OK ? copse_expression_make_object(run, pairs, node->count, ret_value)
                              : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_run_array(copse_expression *run, const copse_expression_node *node,
                                         copse_bytes *ret_value)
{
    copse_bytes *items = NULL;
    copse_status status = copse_expression_take_items(run, node->count, &items);
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        status = copse_expression_run(run, node->children[i], &items[i]);
    }
    return status == COPSE_OK ? copse_expression_make_array(run, items, node->count, ret_value)
                              : status;
}

/* Evaluates the arguments, then the operator. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
static copse_status expression_run_operator(copse_expression *run,
                                            const copse_expression_node *node,
                                            copse_bytes *ret_value)
{
    copse_bytes few[EXPRESSION_ARGUMENTS_FEW];
    copse_bytes *arguments = few;
    uint64_t size = 0;
    copse_status status = node->count <= EXPRESSION_ARGUMENTS_FEW
                              ? COPSE_OK
                              : copse_expression_take_items(run, node->count, &arguments);
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        status = copse_expression_argument(run, node, i, &arguments[i]);
        if (status == COPSE_OK && node->op->nulls && copse_expression_is_null(arguments[i]) &&
            node->children[i] != NULL) {
            *ret_value = copse_expression_null();
            return COPSE_OK;
        }
        size += status == COPSE_OK ? arguments[i].len : 0;
    }
    if (status == COPSE_OK) {
        status = copse_expression_step(run, 1 + size / EXPRESSION_STEP_BYTES);
    }
    return status == COPSE_OK ? node->op->apply(run, node, arguments, ret_value) : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
copse_status copse_expression_run(copse_expression *run, const copse_expression_node *node,
                                  copse_bytes *ret_value)
{
    switch (node->kind) {
    case COPSE_EXPRESSION_CONSTANT:
        *ret_value = node->value;
        return COPSE_OK;
    case COPSE_EXPRESSION_FIELD:
        return expression_path(run, run->document, node->names, node->count, ret_value);
    case COPSE_EXPRESSION_VARIABLE:
        return expression_path(run, run->slots[node->slot], node->names, node->count, ret_value);
    case COPSE_EXPRESSION_OBJECT:
        return expression_run_object(run, node, ret_value);
    case COPSE_EXPRESSION_ARRAY:
        return expression_run_array(run, node, ret_value);
    default:
        return node->op->evaluate != NULL ? node->op->evaluate(run, node, ret_value)
                                          : expression_run_operator(run, node, ret_value);
    }
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
copse_status copse_expression_argument(copse_expression *run, const copse_expression_node *node,
                                       size_t index, copse_bytes *ret_value)
{
    if (index >= node->count || node->children[index] == NULL) {
        *ret_value = (copse_bytes){NULL, 0};
        return COPSE_OK;
    }
    return copse_expression_run(run, node->children[index], ret_value);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression */
copse_status copse_expression_test(copse_expression *run, const copse_expression_node *node,
                                   bool *ret)
{
    copse_bytes value;
    copse_status status = copse_expression_run(run, node, &value);
    if (status == COPSE_OK) {
        status = copse_expression_step(run, 1);
    }
    if (status == COPSE_OK) {
        *ret = copse_expression_is_true(value, value.len == 0);
    }
    return status;
}
