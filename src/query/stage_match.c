/* $match: a filter, and $expr, which stands beside the fields or inside of an $and.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/path.h"
#include "query/pipeline.h"
#include "query/stage_kinds.h"

typedef struct stage_match {
    copse_filter *filter;            /* NULL: all pass */
    copse_stage_operand *conditions; /* of $expr */
    size_t conditions_count;
    size_t conditions_capacity;
} stage_match;

copse_status copse_stage_write_and(copse_buf *buf, size_t count)
{
    copse_status status = copse_cbor_write_map(buf, 1);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("$and"));
    }
    return status == COPSE_OK ? copse_cbor_write_array(buf, count) : status;
}

/* Adds an $expr. */
static copse_status stage_match_add_condition(copse_stage_parser *parser, copse_bytes expression,
                                              stage_match *match)
{
    void *conditions = match->conditions;
    copse_status status = copse_stage_grow(parser, &conditions, &match->conditions_capacity,
                                           match->conditions_count, sizeof *match->conditions);
    if (status == COPSE_OK) {
        match->conditions = conditions;
        status = copse_stage_operand_parse(parser, expression,
                                           &match->conditions[match->conditions_count]);
    }
    match->conditions_count += status == COPSE_OK;
    return status;
}

static copse_status stage_match_split(copse_stage_parser *parser, copse_bytes filter,
                                      stage_match *match, copse_buf *buf);

/* Appends the $and of what is left of the filters in `list`. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status stage_match_split_and(copse_stage_parser *parser, copse_bytes list,
                                          stage_match *match, copse_buf *buf)
{
    copse_stage_items items;
    size_t offset = buf->len;
    copse_status status = COPSE_OK;
    copse_stage_items_init(&items, list);
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        status = stage_match_split(parser, items.value, match, buf);
    }
    return status == COPSE_OK ? copse_cbor_finish_array(buf, offset, items.count) : status;
}

/* Appends `filter` without the $expr that must hold for it to hold, and adds these. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the filter */
static copse_status stage_match_split(copse_stage_parser *parser, copse_bytes filter,
                                      stage_match *match, copse_buf *buf)
{
    copse_stage_items items;
    size_t offset = buf->len;
    uint64_t count = 0;
    copse_status status = COPSE_OK;
    copse_stage_items_init(&items, filter);
    if (items.kind != COPSE_CBOR_MAP) {
        return copse_buf_append(buf, filter);
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        if (copse_stage_items_is(&items, "$expr")) {
            status = stage_match_add_condition(parser, items.value, match);
            continue;
        }
        count++;
        status = copse_cbor_write_text(buf, items.key);
        if (status == COPSE_OK) {
            status = copse_stage_items_is(&items, "$and") && copse_path_is_array(items.value)
                         ? stage_match_split_and(parser, items.value, match, buf)
                         : copse_buf_append(buf, items.value);
        }
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, offset, count) : status;
}

static copse_status stage_match_parse(copse_stage_parser *parser, copse_bytes argument,
                                      copse_stage *stage)
{
    copse_buf plain;
    stage_match *match = copse_stage_alloc(parser, sizeof *match);
    copse_status status = match != NULL ? copse_stage_want_object(parser, argument) : COPSE_NOMEM;
    if (status != COPSE_OK) {
        return status;
    }
    stage->body = match;
    copse_buf_init(&plain, parser->env, SIZE_MAX);
    status = stage_match_split(parser, argument, match, &plain);
    if (status == COPSE_OK && match->conditions_count > 0) {
        argument = copse_arena_dup(parser->arena, copse_buf_view(&plain));
        status = argument.ptr != NULL ? COPSE_OK : COPSE_NOMEM;
    }
    if (status == COPSE_NOMEM) {
        status = COPSE_ERR_NOMEM(parser->err);
    }
    copse_buf_release(&plain);
    stage->filter = argument;
    return status == COPSE_OK ? copse_stage_filter(parser, argument, &match->filter) : status;
}

/* Whether a document passes. */
static copse_status stage_match_test(const copse_stage_run *run, copse_bytes document,
                                     copse_buf *buf, bool *ret_match, copse_err *err)
{
    const stage_match *match = run->stage->body;
    copse_status status = copse_filter_match(match->filter, document, ret_match, err);
    for (size_t i = 0; status == COPSE_OK && *ret_match && i < match->conditions_count; i++) {
        copse_bytes value;
        copse_buf_truncate(buf, 0);
        status = copse_stage_operand_value(run->chain, &match->conditions[i], document, buf, &value,
                                           err);
        *ret_match = status == COPSE_OK && copse_expression_is_true(value, value.len == 0);
    }
    return status;
}

static copse_status stage_match_open(copse_stage_run *run, copse_err *err)
{
    (void)err;
    copse_buf_init(run->state, copse_stage_env(run), SIZE_MAX);
    return COPSE_OK;
}

static void stage_match_close(copse_stage_run *run)
{
    copse_buf_release(run->state);
}

static copse_status stage_match_next(copse_stage_run *run, copse_bytes *ret_document,
                                     copse_err *err)
{
    copse_bytes document;
    bool match = false;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && !match) {
        status = copse_stage_pull(run, &document, err);
        if (status == COPSE_OK) {
            status = stage_match_test(run, document, run->state, &match, err);
        }
    }
    if (status == COPSE_OK) {
        *ret_document = document;
    }
    return status;
}

static copse_status
stage_match_needs(const copse_stage *stage, copse_stage_needs *needs,
                  /* NOLINTNEXTLINE(readability-non-const-parameter): one of copse_stage_kind */
                  bool *ret_ends)
{
    const stage_match *match = stage->body;
    copse_status status = copse_stage_needs_filter(needs, match->filter);
    (void)ret_ends;
    for (size_t i = 0; status == COPSE_OK && i < match->conditions_count; i++) {
        status = copse_stage_needs_expression(needs, match->conditions[i].encoded);
    }
    return status;
}

static bool stage_match_passes(const copse_stage *stage, copse_bytes path)
{
    (void)path;
    return ((const stage_match *)stage->body)->conditions_count > 0;
}

const copse_filter *copse_stage_match_filter(const copse_stage *stage)
{
    const stage_match *match = stage->body;
    return stage->kind == &copse_stage_kind_match && match->conditions_count == 0 ? match->filter
                                                                                  : NULL;
}

const copse_stage_kind copse_stage_kind_match = {
    .name = "$match",
    .parse = stage_match_parse,
    .state_size = sizeof(copse_buf),
    .open = stage_match_open,
    .next = stage_match_next,
    .close = stage_match_close,
    .needs = stage_match_needs,
    .passes = stage_match_passes,
};
