/* $limit, $skip and $count.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "query/pipeline.h"
#include "query/stage_kinds.h"

static copse_status cut_parse(copse_stage_parser *parser, copse_bytes argument, copse_stage *stage,
                              int64_t least)
{
    int64_t *number = copse_stage_alloc(parser, sizeof *number);
    stage->body = number;
    return number != NULL ? copse_stage_whole(parser, "its argument", argument, least, number)
                          : COPSE_NOMEM;
}

static bool cut_number(const copse_stage *stage, const copse_stage_kind *kind, uint64_t *ret_number)
{
    if (stage->kind != kind) {
        return false;
    }
    *ret_number = (uint64_t) * (const int64_t *)stage->body;
    return true;
}

/* ---- $limit ---------------------------------------------------------------------------------- */

static copse_status limit_parse(copse_stage_parser *parser, copse_bytes argument,
                                copse_stage *stage)
{
    return cut_parse(parser, argument, stage, 1);
}

static copse_status limit_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    uint64_t limit = (uint64_t) * (const int64_t *)run->stage->body;
    return run->given < limit ? copse_stage_pull(run, ret_document, err) : COPSE_END;
}

bool copse_stage_limit_number(const copse_stage *stage, uint64_t *ret_number)
{
    return cut_number(stage, &copse_stage_kind_limit, ret_number);
}

const copse_stage_kind copse_stage_kind_limit = {
    .name = "$limit",
    .parse = limit_parse,
    .next = limit_next,
};

/* ---- $skip ----------------------------------------------------------------------------------- */

static copse_status skip_parse(copse_stage_parser *parser, copse_bytes argument, copse_stage *stage)
{
    return cut_parse(parser, argument, stage, 0);
}

static copse_status skip_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    uint64_t *skipped = run->state;
    uint64_t skip = (uint64_t) * (const int64_t *)run->stage->body;
    copse_status status = copse_stage_pull(run, ret_document, err);
    while (status == COPSE_OK && *skipped < skip) {
        *skipped += 1;
        status = copse_stage_pull(run, ret_document, err);
    }
    return status;
}

bool copse_stage_skip_number(const copse_stage *stage, uint64_t *ret_number)
{
    return cut_number(stage, &copse_stage_kind_skip, ret_number);
}

const copse_stage_kind copse_stage_kind_skip = {
    .name = "$skip",
    .parse = skip_parse,
    .state_size = sizeof(uint64_t),
    .next = skip_next,
};

/* ---- $count ---------------------------------------------------------------------------------- */

typedef struct stage_count {
    copse_bytes name;
} stage_count;

typedef struct stage_count_state {
    uint64_t count;
    bool is_given;
    copse_buf made;
} stage_count_state;

static copse_status stage_count_parse(copse_stage_parser *parser, copse_bytes argument,
                                      copse_stage *stage)
{
    stage_count *count = copse_stage_alloc(parser, sizeof *count);
    stage->body = count;
    copse_status status = count != NULL
                              ? copse_stage_text(parser, "its argument", argument, &count->name)
                              : COPSE_NOMEM;
    return status == COPSE_OK ? copse_stage_field_name(parser, count->name) : status;
}

copse_status copse_count_write(const copse_stage *stage, uint64_t number, copse_buf *buf)
{
    const stage_count *count = stage->body;
    copse_status status = copse_cbor_write_map(buf, 1);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, count->name);
    }
    return status == COPSE_OK ? copse_cbor_write_uint(buf, number) : status;
}

bool copse_stage_is_count(const copse_stage *stage)
{
    return stage->kind == &copse_stage_kind_count;
}

static copse_status stage_count_open(copse_stage_run *run, copse_err *err)
{
    stage_count_state *state = run->state;
    (void)err;
    copse_buf_init(&state->made, copse_stage_env(run), SIZE_MAX);
    return COPSE_OK;
}

static void stage_count_close(copse_stage_run *run)
{
    copse_buf_release(&((stage_count_state *)run->state)->made);
}

static copse_status stage_count_next(copse_stage_run *run, copse_bytes *ret_document,
                                     copse_err *err)
{
    stage_count_state *state = run->state;
    copse_bytes unused;
    copse_status status = COPSE_OK;
    if (state->is_given) {
        return COPSE_END;
    }
    while ((status = copse_stage_pull(run, &unused, err)) == COPSE_OK) {
        state->count++;
    }
    if (status != COPSE_END) {
        return status;
    }
    state->is_given = true;
    if (state->count == 0) {
        return COPSE_END;
    }
    status = copse_count_write(run->stage, state->count, &state->made);
    if (status != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    *ret_document = copse_buf_view(&state->made);
    return COPSE_OK;
}

static copse_status stage_count_needs(const copse_stage *stage, copse_stage_needs *needs,
                                      bool *ret_ends)
{
    (void)stage;
    (void)needs;
    *ret_ends = true;
    return COPSE_OK;
}

const copse_stage_kind copse_stage_kind_count = {
    .name = "$count",
    .parse = stage_count_parse,
    .state_size = sizeof(stage_count_state),
    .open = stage_count_open,
    .next = stage_count_next,
    .close = stage_count_close,
    .needs = stage_count_needs,
};
