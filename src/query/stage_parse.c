/* What the parsers of stages share.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "query/pipeline.h"

#include "base/err.h"
#include "expr/filter_node.h"
#include "expr/number.h"
#include "expr/path.h"
#include "expr/sort_spec.h"

#include <string.h>

/* ---- Memory ---------------------------------------------------------------------------------- */

void *copse_stage_alloc(copse_stage_parser *parser, size_t size)
{
    void *memory = copse_arena_alloc(parser->arena, size);
    if (memory == NULL) {
        (void)COPSE_ERR_NOMEM(parser->err);
        return NULL;
    }
    return memset(memory, 0, size);
}

copse_status copse_stage_grow(copse_stage_parser *parser, void **array, size_t *capacity,
                              size_t count, size_t size)
{
    if (count < *capacity) {
        return COPSE_OK;
    }
    size_t grown_capacity = *capacity == 0 ? 4 : *capacity * 2;
    void *grown = copse_stage_alloc(parser, grown_capacity * size);
    if (grown == NULL) {
        return COPSE_NOMEM;
    }
    if (count > 0) {
        memcpy(grown, *array, count * size);
    }
    *array = grown;
    *capacity = grown_capacity;
    return COPSE_OK;
}

/* ---- What the pipeline frees ----------------------------------------------------------------- */

copse_status copse_stage_own(copse_stage_parser *parser, copse_pipeline_owned owned)
{
    copse_pipeline_owned *kept = copse_stage_alloc(parser, sizeof *kept);
    if (kept == NULL) {
        copse_pipeline_owned_free(&owned);
        return COPSE_NOMEM;
    }
    *kept = owned;
    kept->next = parser->pipeline->owned;
    parser->pipeline->owned = kept;
    return COPSE_OK;
}

copse_status copse_stage_expression(copse_stage_parser *parser, copse_bytes encoded,
                                    copse_expression **ret_expression)
{
    copse_expression *expression = NULL;
    copse_status status = copse_expression_new(parser->env, encoded, parser->variables,
                                               parser->variables_count, &expression, parser->err);
    if (status == COPSE_OK) {
        status = copse_stage_own(parser, (copse_pipeline_owned){.expression = expression});
    }
    if (status == COPSE_OK) {
        *ret_expression = expression;
    }
    return status;
}

copse_status copse_stage_filter(copse_stage_parser *parser, copse_bytes encoded,
                                copse_filter **ret_filter)
{
    copse_filter *filter = NULL;
    copse_status status = copse_filter_new(parser->env, encoded, &filter, parser->err);
    if (status == COPSE_OK) {
        status = copse_stage_own(parser, (copse_pipeline_owned){.filter = filter});
    }
    if (status == COPSE_OK) {
        *ret_filter = filter;
    }
    return status;
}

/* ---- Sort orders ----------------------------------------------------------------------------- */

copse_status copse_stage_sort(copse_stage_parser *parser, copse_bytes encoded,
                              const copse_sort_spec **ret_sort)
{
    copse_sort_spec *sort = copse_stage_alloc(parser, sizeof *sort);
    copse_status status =
        sort != NULL ? copse_sort_spec_read(parser->env, encoded, sort, parser->err) : COPSE_NOMEM;
    if (status == COPSE_OK) {
        status = copse_stage_own(parser, (copse_pipeline_owned){.sort = sort});
    }
    if (status == COPSE_OK && sort->count == 0) {
        status = COPSE_ERR(parser->err, COPSE_CORRUPT, "there is no field to sort by");
    }
    if (status == COPSE_OK) {
        *ret_sort = sort;
    }
    return status;
}

/* ---- Values ---------------------------------------------------------------------------------- */

copse_status copse_stage_whole(copse_stage_parser *parser, const char *what, copse_bytes encoded,
                               int64_t least, int64_t *ret_number)
{
    copse_value value;
    int64_t number = 0;
    bool whole = false;
    if (copse_value_read(encoded, &value, NULL) != COPSE_OK ||
        !copse_number_truncate(&value, &number, &whole) || !whole || number < least) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s must be a whole number%s", what,
                         least == 1   ? " above 0"
                         : least == 0 ? ", 0 or more"
                                      : "");
    }
    *ret_number = number;
    return COPSE_OK;
}

copse_status copse_stage_text(copse_stage_parser *parser, const char *what, copse_bytes encoded,
                              copse_bytes *ret_text)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, encoded);
    if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_TEXT) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s must be a text", what);
    }
    *ret_text = item.bytes;
    return COPSE_OK;
}

enum { STAGE_SHOWN_MAX = 80 };

static int stage_shown(copse_bytes text)
{
    return text.len < STAGE_SHOWN_MAX ? (int)text.len : STAGE_SHOWN_MAX;
}

copse_status copse_stage_field_name(copse_stage_parser *parser, copse_bytes name)
{
    if (name.len == 0 || name.ptr[0] == '$' || memchr(name.ptr, '.', name.len) != NULL ||
        memchr(name.ptr, 0, name.len) != NULL) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "\"%.*s\" is no name of a field: it can't be empty, begin with $, "
                         "or hold a dot",
                         stage_shown(name), name.len > 0 ? (const char *)name.ptr : "");
    }
    return COPSE_OK;
}

copse_status copse_stage_field_path(copse_stage_parser *parser, const char *what,
                                    copse_bytes encoded, copse_bytes *ret_path)
{
    copse_bytes text;
    copse_status status = copse_stage_text(parser, what, encoded, &text);
    if (status != COPSE_OK) {
        return status;
    }
    if (text.len < 2 || text.ptr[0] != '$' || text.ptr[1] == '$') {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s must be a path, as \"$a.b\"", what);
    }
    *ret_path = (copse_bytes){text.ptr + 1, text.len - 1};
    return copse_path_check(*ret_path, parser->err);
}

/* ---- Maps and arrays ------------------------------------------------------------------------- */

void copse_stage_items_init(copse_stage_items *items, copse_bytes encoded)
{
    copse_cbor_item head;
    *items = (copse_stage_items){.kind = COPSE_CBOR_NULL};
    copse_cbor_reader_init(&items->reader, encoded);
    if (copse_cbor_next(&items->reader, &head, NULL) == COPSE_OK) {
        items->kind = head.kind;
        if (head.kind == COPSE_CBOR_MAP || head.kind == COPSE_CBOR_ARRAY) {
            items->count = head.arg;
            items->left = head.arg;
        }
    }
}

bool copse_stage_items_next(copse_stage_items *items)
{
    copse_cbor_item key = {.kind = COPSE_CBOR_NULL};
    if (items->left == 0 ||
        (items->kind == COPSE_CBOR_MAP &&
         copse_cbor_next(&items->reader, &key, NULL) != COPSE_OK) ||
        copse_cbor_take(&items->reader, &items->value, NULL) != COPSE_OK) {
        return false;
    }
    items->key = key.bytes;
    items->left--;
    return true;
}

bool copse_stage_items_is(const copse_stage_items *items, const char *key)
{
    return copse_bytes_equal(items->key, copse_bytes_of_text(key));
}

copse_status copse_stage_want_object(copse_stage_parser *parser, copse_bytes encoded)
{
    copse_stage_items items;
    copse_stage_items_init(&items, encoded);
    return items.kind == COPSE_CBOR_MAP
               ? COPSE_OK
               : COPSE_ERR(parser->err, COPSE_CORRUPT, "it takes an object");
}

copse_status copse_stage_unknown(copse_stage_parser *parser, copse_bytes name)
{
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "there is no option \"%.*s\"", stage_shown(name),
                     name.len > 0 ? (const char *)name.ptr : "");
}

/* ---- Expressions ----------------------------------------------------------------------------- */

copse_status copse_stage_operand_parse(copse_stage_parser *parser, copse_bytes encoded,
                                       copse_stage_operand *ret_operand)
{
    copse_stage_operand operand = {.encoded = encoded};
    copse_status status = copse_stage_expression(parser, encoded, &operand.expression);
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes path = copse_expression_path(operand.expression);
    if (path.len > 0 && memchr(path.ptr, '.', path.len) == NULL) {
        operand.field = path;
    }
    operand.constant = copse_expression_constant(operand.expression);
    *ret_operand = operand;
    return COPSE_OK;
}

copse_status copse_stage_operand_value(const copse_stage_chain *chain,
                                       const copse_stage_operand *operand, copse_bytes document,
                                       copse_buf *buf, copse_bytes *ret_value, copse_err *err)
{
    if (operand->constant.len > 0) {
        *ret_value = operand->constant;
        return COPSE_OK;
    }
    if (operand->field.len > 0) {
        copse_status status = copse_path_find_key(document, operand->field, ret_value, err);
        if (status == COPSE_NOT_FOUND) {
            *ret_value = (copse_bytes){NULL, 0};
        }
        return status == COPSE_NOT_FOUND ? COPSE_OK : status;
    }
    size_t offset = buf->len;
    bool missing = false;
    copse_status status = copse_expression_evaluate(operand->expression, document,
                                                    chain->options.variables, buf, &missing, err);
    if (status == COPSE_OK) {
        *ret_value =
            missing ? (copse_bytes){NULL, 0} : (copse_bytes){buf->ptr + offset, buf->len - offset};
    }
    return status;
}

bool copse_stage_same_field(copse_bytes path_a, copse_bytes path_b)
{
    copse_bytes rest;
    return copse_bytes_equal(copse_path_first(path_a, &rest), copse_path_first(path_b, &rest));
}

/* ---- Needs ----------------------------------------------------------------------------------- */

copse_status copse_stage_needs_path(copse_stage_needs *needs, copse_bytes path)
{
    copse_bytes rest;
    copse_bytes field = copse_path_first(path, &rest);
    void *fields = needs->fields;
    for (size_t i = 0; i < needs->count; i++) {
        if (copse_bytes_equal(needs->fields[i], field)) {
            return COPSE_OK;
        }
    }
    copse_status status = copse_stage_grow(needs->parser, &fields, &needs->capacity, needs->count,
                                           sizeof *needs->fields);
    if (status == COPSE_OK) {
        needs->fields = fields;
        needs->fields[needs->count++] = field;
    }
    return status;
}

/* One item of an expression: a text may be a path; $getField reads the document unasked. */
static copse_status stage_needs_item(copse_stage_needs *needs, const copse_cbor_item *item)
{
    copse_bytes text = item->bytes;
    if (item->kind != COPSE_CBOR_TEXT || text.len < 2 || text.ptr[0] != '$') {
        return COPSE_OK;
    }
    if (text.ptr[1] == '$' || copse_bytes_equal(text, copse_bytes_of_text("$getField"))) {
        needs->all |= text.ptr[1] != '$' ||
                      copse_bytes_has_prefix(text, copse_bytes_of_text("$$ROOT")) ||
                      copse_bytes_has_prefix(text, copse_bytes_of_text("$$CURRENT"));
        return COPSE_OK;
    }
    return copse_stage_needs_path(needs, (copse_bytes){text.ptr + 1, text.len - 1});
}

copse_status copse_stage_needs_expression(copse_stage_needs *needs, copse_bytes expression)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_status status = COPSE_OK;
    copse_cbor_reader_init(&reader, expression);
    while (status == COPSE_OK && copse_cbor_next(&reader, &item, NULL) == COPSE_OK) {
        status = stage_needs_item(needs, &item);
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status stage_needs_node(copse_stage_needs *needs, const copse_filter_node *node)
{
    copse_status status = COPSE_OK;
    switch (node->kind) {
    case COPSE_FILTER_TRUE:
    case COPSE_FILTER_FALSE:
        return COPSE_OK;
    case COPSE_FILTER_AND:
    case COPSE_FILTER_OR:
    case COPSE_FILTER_NOR:
    case COPSE_FILTER_NOT:
        for (size_t i = 0; status == COPSE_OK && i < node->children_count; i++) {
            status = stage_needs_node(needs, node->children[i]);
        }
        return status;
    default: /* what is inside an $elemMatch lies below its path */
        return copse_stage_needs_path(needs, node->path);
    }
}

copse_status copse_stage_needs_filter(copse_stage_needs *needs, const copse_filter *filter)
{
    return stage_needs_node(needs, copse_filter_root(filter));
}
