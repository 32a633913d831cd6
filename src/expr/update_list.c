/* Operators of arrays but $push: $addToSet $pop $pull $pullAll.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/filter_private.h"
#include "expr/number.h"
#include "expr/path.h"
#include "expr/update_private.h"
#include "value/dag_cbor_inline.h"

/* Opens the array that an action changes. */
static copse_status update_list_open(copse_update_run *run, const copse_update_action *action,
                                     copse_bytes value, copse_bytes *ret_content,
                                     uint64_t *ret_count)
{
    return copse_update_array_open(value, ret_content, ret_count)
               ? COPSE_OK
               : copse_update_fail_type(action, "the field must be an array", value, run->err);
}

static copse_status update_list_finish(copse_update_run *run, size_t offset, uint64_t count,
                                       bool *ret_there)
{
    *ret_there = true;
    return copse_update_finish(run->out, offset, COPSE_CBOR_MAJOR_ARRAY, count);
}

/* ---- $addToSet ------------------------------------------------------------------------------ */

/* A value, or {"$each": [values]}. */
static copse_status update_parse_add_to_set(copse_update_parser *parser,
                                            copse_update_action *action)
{
    copse_cbor_reader reader;
    copse_bytes each = action->argument;
    copse_bytes list = each;
    uint64_t pairs = 0;
    uint64_t count = 1;
    bool several = copse_filter_is_operators(each) &&
                   copse_path_find_key(action->argument, copse_bytes_of_text("$each"), &each,
                                       NULL) == COPSE_OK;
    if (several && (!copse_filter_open(action->argument, COPSE_CBOR_MAP, &reader, &pairs) ||
                    pairs != 1 || !copse_update_array_open(each, &list, &count))) {
        return copse_update_fail(action, "takes a value or {\"$each\": [values]}", parser->err);
    }
    copse_status status = copse_update_check_value(parser, action, each, several ? 0 : 1);
    return status == COPSE_OK
               ? copse_update_values_new(parser->update, list, count, &action->values, parser->err)
               : status;
}

/* Marks the values of the list that are to be added: each once, and none that the array has. */
static copse_status update_mark_absent(copse_update_run *run, const copse_update_values *values,
                                       copse_bytes content, uint64_t count)
{
    copse_cbor_reader reader;
    copse_status status = COPSE_OK;
    memset(values->marks, false, (size_t)values->list_count);
    for (size_t i = 0; i < values->count; i++) {
        values->marks[values->entries[i].order] = true;
    }
    copse_cbor_reader_init(&reader, content);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes element = {NULL, 0};
        size_t order = 0;
        status = copse_cbor_take(&reader, &element, run->err);
        if (status == COPSE_OK) {
            status =
                copse_update_values_find(values, &run->update->scratch, element, &order, run->err);
        }
        if (status == COPSE_OK) {
            values->marks[order] = false;
        }
        status = status == COPSE_NOT_FOUND ? COPSE_OK : status;
    }
    return status;
}

static copse_status update_apply_add_to_set(copse_update_run *run,
                                            const copse_update_action *action, copse_bytes value,
                                            bool *ret_there)
{
    const copse_update_values *values = action->values;
    copse_cbor_reader reader;
    copse_bytes content = {NULL, 0};
    uint64_t count = 0;
    size_t offset = run->out->len;
    copse_status status =
        value.len != 0 ? update_list_open(run, action, value, &content, &count) : COPSE_OK;
    if (status == COPSE_OK) {
        status = update_mark_absent(run, values, content, count);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(run->out, content);
    }
    copse_cbor_reader_init(&reader, values->list);
    for (size_t i = 0; status == COPSE_OK && i < values->list_count; i++) {
        copse_bytes added = {NULL, 0};
        status = copse_cbor_take(&reader, &added, run->err);
        if (status == COPSE_OK && values->marks[i]) {
            status = copse_buf_append(run->out, added);
            count++;
        }
    }
    return status == COPSE_OK ? update_list_finish(run, offset, count, ret_there) : status;
}

/* ---- $pop ----------------------------------------------------------------------------------- */

static copse_status update_parse_pop(copse_update_parser *parser, copse_update_action *action)
{
    bool whole = false;
    copse_value value;
    return copse_value_read(action->argument, &value, NULL) == COPSE_OK &&
                   copse_number_truncate(&value, &action->number, &whole) && whole &&
                   (action->number == 1 || action->number == -1)
               ? COPSE_OK
               : copse_update_fail(action, "takes 1 (the last) or -1 (the first)", parser->err);
}

static copse_status update_apply_pop(copse_update_run *run, const copse_update_action *action,
                                     copse_bytes value, bool *ret_there)
{
    copse_bytes content;
    uint64_t count = 0;
    size_t offset = run->out->len;
    if (value.len == 0) {
        return copse_update_keep(run, value, ret_there);
    }
    copse_status status = update_list_open(run, action, value, &content, &count);
    if (status != COPSE_OK || count == 0) {
        return status == COPSE_OK ? copse_update_keep(run, value, ret_there) : status;
    }
    const uint8_t *at = content.ptr;
    const uint8_t *end = at + content.len;
    for (uint64_t i = action->number < 0 ? 1 : count - 1; at != NULL && i > 0; i--) {
        at = copse_cbor_item_skip(at, end);
    }
    if (at == NULL) {
        return COPSE_ERR(run->err, COPSE_CORRUPT, "a document breaks DAG-CBOR");
    }
    const uint8_t *from = action->number < 0 ? at : content.ptr;
    const uint8_t *to = action->number < 0 ? end : at;
    status = copse_buf_append(run->out, (copse_bytes){from, (size_t)(to - from)});
    return status == COPSE_OK ? update_list_finish(run, offset, count - 1, ret_there) : status;
}

/* ---- $pull, $pullAll ------------------------------------------------------------------------ */

/* A filter for elements that are objects, operators for elements themselves, or a value. */
static copse_status update_parse_pull(copse_update_parser *parser, copse_update_action *action)
{
    static const uint8_t element_name[] = {'_'}; /* no identifier of an array filter */
    copse_update *update = parser->update;
    copse_bytes name = {element_name, sizeof element_name};
    copse_bytes condition = action->argument;
    copse_value value;
    if (copse_filter_is_operators(condition)) {
        copse_cbor_reader reader;
        copse_cbor_item first = {0};
        uint64_t pairs = 0;
        bool open = copse_filter_open(condition, COPSE_CBOR_MAP, &reader, &pairs) &&
                    copse_cbor_next(&reader, &first, NULL) == COPSE_OK;
        bool logic = open && (copse_bytes_equal(first.bytes, copse_bytes_of_text("$and")) ||
                              copse_bytes_equal(first.bytes, copse_bytes_of_text("$or")) ||
                              copse_bytes_equal(first.bytes, copse_bytes_of_text("$nor")));
        name.len = logic ? 0 : name.len;
        return copse_update_filter_add(update, name, condition, &action->filter, parser->err);
    }
    copse_status status = copse_value_read(condition, &value, parser->err);
    if (status == COPSE_OK && value.type == COPSE_VALUE_OBJECT) {
        name.len = 0;
        return copse_update_filter_add(update, name, condition, &action->filter, parser->err);
    }
    if (status == COPSE_OK && value.type == COPSE_VALUE_REGEX) {
        return copse_update_filter_add(update, name, condition, &action->filter, parser->err);
    }
    if (status == COPSE_OK) {
        status = copse_update_check_value(parser, action, condition, 0);
    }
    return status == COPSE_OK
               ? copse_update_values_new(update, condition, 1, &action->values, parser->err)
               : status;
}

static copse_status update_parse_pull_all(copse_update_parser *parser, copse_update_action *action)
{
    copse_bytes list;
    uint64_t count = 0;
    if (!copse_update_array_open(action->argument, &list, &count)) {
        return copse_update_fail(action, "takes a list of values", parser->err);
    }
    copse_status status = copse_update_check_value(parser, action, action->argument, 0);
    return status == COPSE_OK
               ? copse_update_values_new(parser->update, list, count, &action->values, parser->err)
               : status;
}

static copse_status update_is_pulled(copse_update_run *run, const copse_update_action *action,
                                     copse_bytes element, bool *ret_pulled)
{
    size_t order = 0;
    if (action->filter != NULL) {
        return copse_update_filter_test(run, action->filter, element, ret_pulled);
    }
    copse_status status =
        copse_update_values_find(action->values, &run->update->scratch, element, &order, run->err);
    *ret_pulled = status == COPSE_OK;
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

static copse_status update_apply_pull(copse_update_run *run, const copse_update_action *action,
                                      copse_bytes value, bool *ret_there)
{
    copse_cbor_reader reader;
    copse_bytes content;
    uint64_t count = 0;
    uint64_t kept = 0;
    size_t offset = run->out->len;
    if (value.len == 0) {
        return copse_update_keep(run, value, ret_there);
    }
    copse_status status = update_list_open(run, action, value, &content, &count);
    if (status != COPSE_OK) {
        return status;
    }
    copse_cbor_reader_init(&reader, content);
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes element = {NULL, 0};
        bool pulled = false;
        status = copse_cbor_take(&reader, &element, run->err);
        if (status == COPSE_OK) {
            status = update_is_pulled(run, action, element, &pulled);
        }
        if (status == COPSE_OK && !pulled) {
            status = copse_buf_append(run->out, element);
            kept++;
        }
    }
    return status == COPSE_OK ? update_list_finish(run, offset, kept, ret_there) : status;
}

const copse_update_operator copse_update_list_operators[] = {
    {"$addToSet", false, update_parse_add_to_set, update_apply_add_to_set},
    {"$pop", false, update_parse_pop, update_apply_pop},
    {"$pull", false, update_parse_pull, update_apply_pull},
    {"$pullAll", false, update_parse_pull_all, update_apply_pull},
    {NULL, false, NULL, NULL},
};
