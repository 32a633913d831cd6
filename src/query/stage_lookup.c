/* $lookup: by a field, by a pipeline with variables, or by both.
 *
 *   Q1  The values of localField are those that an index on it would hold: of an array its
 *       elements. A missing field is null, so it finds documents whose foreignField is null or
 *       missing; an empty array finds nothing.
 *   Q2  What is asked of the other collection for a document is a query, that uses its indexes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "expr/expression.h"
#include "expr/path.h"
#include "query/accumulator_kinds.h"
#include "query/document_set.h"
#include "query/pipeline.h"
#include "query/stage_kinds.h"

#include <string.h>

typedef struct stage_lookup {
    copse_bytes from;
    copse_bytes local; /* len 0: not by a field */
    copse_bytes foreign;
    copse_bytes as;
    copse_bytes let;             /* encoded map; len 0: none */
    copse_bytes pipeline;        /* encoded; len 0: none */
    copse_stage_operand *values; /* of the variables, behind those of the outer pipeline */
    size_t values_count;
    size_t outer_count;
    copse_stage_list *list;
} stage_lookup;

typedef struct lookup_state {
    bool has_document;
    copse_bytes document;
    copse_stage_chain *chain;
    copse_expression_variable *variables;
    copse_buf values; /* of them */
    copse_buf filter;
    copse_buf found; /* the array */
    uint64_t found_count;
    copse_buf answer;
} lookup_state;

/* ---- Compiling ------------------------------------------------------------------------------- */

/* Compiles the values of the variables, and makes the list of all names. */
static copse_status lookup_parse_let(copse_stage_parser *parser, stage_lookup *lookup,
                                     copse_expression_variable **ret_variables)
{
    copse_stage_items items = {.left = 0};
    if (lookup->let.len > 0) {
        copse_stage_items_init(&items, lookup->let);
    }
    size_t count = (size_t)items.count;
    copse_expression_variable *names =
        copse_stage_alloc(parser, (parser->variables_count + count) * sizeof *names);
    lookup->values = copse_stage_alloc(parser, count * sizeof *lookup->values);
    if (names == NULL || lookup->values == NULL) {
        return COPSE_NOMEM;
    }
    lookup->outer_count = parser->variables_count;
    if (parser->variables_count > 0) {
        memcpy(names, parser->variables, parser->variables_count * sizeof *names);
    }
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        if (!copse_expression_is_variable_name(items.key)) {
            status = COPSE_ERR(parser->err, COPSE_CORRUPT,
                               "a variable's name begins with a small letter, and has letters, "
                               "digits and _");
        }
        if (status == COPSE_OK) {
            status = copse_stage_operand_parse(parser, items.value,
                                               &lookup->values[lookup->values_count]);
        }
        names[lookup->outer_count + lookup->values_count].name = items.key;
        lookup->values_count += status == COPSE_OK;
    }
    *ret_variables = names;
    return status;
}

static copse_status lookup_parse_list(copse_stage_parser *parser, stage_lookup *lookup)
{
    static const uint8_t no_stages[] = {0x80};
    copse_expression_variable *names = NULL;
    copse_stage_parser inner = *parser;
    copse_status status = lookup_parse_let(parser, lookup, &names);
    if (status != COPSE_OK) {
        return status;
    }
    inner.variables = names;
    inner.variables_count = lookup->outer_count + lookup->values_count;
    inner.in_facet = false;
    return copse_stage_list_parse(
        &inner,
        lookup->pipeline.len > 0 ? lookup->pipeline : (copse_bytes){no_stages, sizeof no_stages},
        lookup->from, false, &lookup->list);
}

static copse_status lookup_parse_path(copse_stage_parser *parser, const char *what,
                                      copse_bytes encoded, copse_bytes *ret_path)
{
    copse_status status = copse_stage_text(parser, what, encoded, ret_path);
    return status == COPSE_OK ? copse_path_check(*ret_path, parser->err) : status;
}

static copse_status lookup_parse_option(copse_stage_parser *parser, const copse_stage_items *item,
                                        stage_lookup *lookup)
{
    if (copse_stage_items_is(item, "from")) {
        return copse_stage_text(parser, "from", item->value, &lookup->from);
    }
    if (copse_stage_items_is(item, "localField")) {
        return lookup_parse_path(parser, "localField", item->value, &lookup->local);
    }
    if (copse_stage_items_is(item, "foreignField")) {
        return lookup_parse_path(parser, "foreignField", item->value, &lookup->foreign);
    }
    if (copse_stage_items_is(item, "as")) {
        return lookup_parse_path(parser, "as", item->value, &lookup->as);
    }
    if (copse_stage_items_is(item, "let")) {
        lookup->let = item->value;
        return copse_stage_want_object(parser, item->value);
    }
    if (copse_stage_items_is(item, "pipeline")) {
        lookup->pipeline = item->value;
        return COPSE_OK;
    }
    return copse_stage_unknown(parser, item->key);
}

static copse_status lookup_parse(copse_stage_parser *parser, copse_bytes argument,
                                 copse_stage *stage)
{
    copse_stage_items items;
    stage_lookup *lookup = copse_stage_alloc(parser, sizeof *lookup);
    copse_status status = lookup != NULL ? copse_stage_want_object(parser, argument) : COPSE_NOMEM;
    stage->body = lookup;
    copse_stage_items_init(&items, argument);
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        status = lookup_parse_option(parser, &items, lookup);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (lookup->from.len == 0 || lookup->as.len == 0) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "it needs \"from\" and \"as\"");
    }
    if ((lookup->local.len == 0) != (lookup->foreign.len == 0) ||
        (lookup->local.len == 0 && lookup->pipeline.len == 0)) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "it needs \"localField\" and \"foreignField\", or a \"pipeline\"");
    }
    return lookup_parse_list(parser, lookup);
}

/* ---- The filter (Q1) ------------------------------------------------------------------------- */

typedef struct lookup_values {
    copse_buf *buf;
    uint64_t count;
} lookup_values;

/* Appends {"$eq": value}: a regex is compared, not matched. */
static copse_status lookup_visit(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                 copse_err *err)
{
    lookup_values *values = ctx;
    if (kind == COPSE_ORDER_EMPTY_ARRAY) {
        return COPSE_OK;
    }
    values->count++;
    copse_bytes value = kind == COPSE_ORDER_VALUE ? encoded : copse_accumulator_null();
    return copse_buf_append(values->buf, value) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

/* Whether one of the values of an array is a regex, which $in would match with. */
static bool lookup_has_regex(copse_bytes array)
{
    copse_stage_items items;
    copse_value value;
    copse_stage_items_init(&items, array);
    while (copse_stage_items_next(&items)) {
        if (copse_value_read(items.value, &value, NULL) == COPSE_OK &&
            value.type == COPSE_VALUE_REGEX) {
            return true;
        }
    }
    return false;
}

/* Appends {path: {operator: value}}. */
static copse_status lookup_write_test(copse_buf *buf, copse_bytes path, const char *operator_name,
                                      copse_bytes value)
{
    copse_status status = copse_cbor_write_map(buf, 1);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, path);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_map(buf, 1);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text(operator_name));
    }
    return status == COPSE_OK ? copse_buf_append(buf, value) : status;
}

/* Appends {"$or": [{path: {"$eq": value}}, …]}. */
static copse_status lookup_write_or(copse_buf *buf, copse_bytes path, copse_bytes array)
{
    copse_stage_items items;
    copse_stage_items_init(&items, array);
    copse_status status = copse_cbor_write_map(buf, 1);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("$or"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, items.count);
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        status = lookup_write_test(buf, path, "$eq", items.value);
    }
    return status;
}

static copse_status lookup_write_filter(copse_stage_run *run, copse_err *err)
{
    const stage_lookup *lookup = run->stage->body;
    lookup_state *state = run->state;
    copse_buf array;
    bool met_array = false;
    copse_buf_init(&array, copse_stage_env(run), SIZE_MAX);
    copse_buf_truncate(&state->filter, 0);
    lookup_values values = {&array, 0};
    copse_status status =
        copse_path_visit(state->document, lookup->local, lookup_visit, &values, &met_array, err);
    if (status == COPSE_OK) {
        copse_status wrote = copse_cbor_finish_array(&array, 0, values.count);
        copse_bytes found = copse_buf_view(&array);
        if (wrote == COPSE_OK) {
            wrote = lookup_has_regex(found)
                        ? lookup_write_or(&state->filter, lookup->foreign, found)
                        : lookup_write_test(&state->filter, lookup->foreign, "$in", found);
        }
        status = wrote == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
    }
    copse_buf_release(&array);
    return status;
}

/* ---- Running --------------------------------------------------------------------------------- */

static copse_status lookup_open(copse_stage_run *run, copse_err *err)
{
    const stage_lookup *lookup = run->stage->body;
    lookup_state *state = run->state;
    const copse_env *env = copse_stage_env(run);
    copse_buf_init(&state->values, env, SIZE_MAX);
    copse_buf_init(&state->filter, env, SIZE_MAX);
    copse_buf_init(&state->found, env, env->limits.document_size_bytes_max);
    copse_buf_init(&state->answer, env, env->limits.document_size_bytes_max);
    state->variables =
        copse_alloc_zeroed(env, lookup->list->variables_count * sizeof *state->variables);
    return state->variables != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

static void lookup_close(copse_stage_run *run)
{
    const stage_lookup *lookup = run->stage->body;
    lookup_state *state = run->state;
    (void)copse_stage_chain_close(state->chain);
    copse_free_array(copse_stage_env(run), state->variables, lookup->list->variables_count,
                     sizeof *state->variables);
    copse_buf_release(&state->values);
    copse_buf_release(&state->filter);
    copse_buf_release(&state->found);
    copse_buf_release(&state->answer);
}

/* Gives the variables their values for the document at hand. */
static copse_status lookup_bind(copse_stage_run *run, copse_err *err)
{
    const stage_lookup *lookup = run->stage->body;
    lookup_state *state = run->state;
    copse_expression_variable *own = state->variables + lookup->outer_count;
    copse_buf one;
    copse_status status = COPSE_OK;
    if (lookup->list->variables_count > 0) {
        memcpy(state->variables, lookup->list->variables,
               lookup->list->variables_count * sizeof *state->variables);
    }
    for (size_t i = 0; i < lookup->outer_count; i++) {
        state->variables[i].value = run->chain->options.variables[i].value;
    }
    copse_buf_init(&one, copse_stage_env(run), SIZE_MAX);
    copse_buf_truncate(&state->values, 0);
    for (size_t i = 0; status == COPSE_OK && i < lookup->values_count; i++) {
        copse_bytes value;
        copse_buf_truncate(&one, 0);
        status = copse_stage_operand_value(run->chain, &lookup->values[i], state->document, &one,
                                           &value, err);
        if (status == COPSE_OK && copse_buf_append(&state->values, value) != COPSE_OK) {
            status = COPSE_ERR_NOMEM(err);
        }
        own[i].value.len = status == COPSE_OK ? value.len : 0;
    }
    copse_buf_release(&one);
    size_t at = 0;
    for (size_t i = 0; status == COPSE_OK && i < lookup->values_count; i++) {
        if (own[i].value.len > 0) {
            own[i].value.ptr = state->values.ptr + at;
            at += own[i].value.len;
        }
    }
    return status;
}

/* Begins with the document at hand. */
static copse_status lookup_begin(copse_stage_run *run, copse_err *err)
{
    const stage_lookup *lookup = run->stage->body;
    lookup_state *state = run->state;
    copse_stage_chain_options options = {.variables = state->variables,
                                         .reading = copse_stage_reading_of(run)};
    copse_status status = lookup_bind(run, err);
    if (status == COPSE_OK && lookup->local.len > 0) {
        status = lookup_write_filter(run, err);
        options.filter = copse_buf_view(&state->filter);
    }
    copse_buf_truncate(&state->found, 0);
    state->found_count = 0;
    return status == COPSE_OK ? copse_stage_chain_open(run->chain->world, lookup->list, &options,
                                                       &state->chain, err)
                              : status;
}

/* Reads all that is found. */
static copse_status lookup_read(lookup_state *state, copse_err *err)
{
    copse_bytes found;
    copse_status status = copse_stage_chain_next(state->chain, &found, err);
    while (status == COPSE_OK) {
        status = copse_buf_append(&state->found, found);
        if (status != COPSE_OK) {
            return COPSE_ERR(err, status, "no room for what is found for one document");
        }
        state->found_count++;
        status = copse_stage_chain_next(state->chain, &found, err);
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status lookup_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    const stage_lookup *lookup = run->stage->body;
    lookup_state *state = run->state;
    copse_status status = COPSE_OK;
    if (!state->has_document) {
        status = copse_stage_pull(run, &state->document, err);
        state->has_document = status == COPSE_OK;
    }
    if (status == COPSE_OK && state->chain == NULL) {
        status = lookup_begin(run, err);
    }
    if (status == COPSE_OK) {
        status = lookup_read(state, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    state->chain = copse_stage_chain_close(state->chain);
    state->has_document = false;
    copse_buf_truncate(&state->answer, 0);
    status = copse_cbor_finish_array(&state->found, 0, state->found_count);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for a document");
    }
    status = copse_document_set(state->document, lookup->as, copse_buf_view(&state->found),
                                &state->answer, err);
    if (status == COPSE_OK) {
        *ret_document = copse_buf_view(&state->answer);
    }
    return status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): one of copse_stage_kind */
static copse_status lookup_needs(const copse_stage *stage, copse_stage_needs *needs, bool *ret_ends)
{
    const stage_lookup *lookup = stage->body;
    copse_status status =
        lookup->local.len > 0 ? copse_stage_needs_path(needs, lookup->local) : COPSE_OK;
    (void)ret_ends;
    for (size_t i = 0; status == COPSE_OK && i < lookup->values_count; i++) {
        status = copse_stage_needs_expression(needs, lookup->values[i].encoded);
    }
    return status;
}

static bool lookup_passes(const copse_stage *stage, copse_bytes path)
{
    return !copse_stage_same_field(path, ((const stage_lookup *)stage->body)->as);
}

const copse_stage_kind copse_stage_kind_lookup = {
    .name = "$lookup",
    .parse = lookup_parse,
    .state_size = sizeof(lookup_state),
    .open = lookup_open,
    .next = lookup_next,
    .close = lookup_close,
    .needs = lookup_needs,
    .passes = lookup_passes,
};
