/* $sort.
 *
 *   O1  Documents come out in the order of the sort fields, then of `_id` in the direction of the
 *       last of them, as those of a query do; documents equal in all of these in the order in which
 *       they came.
 *   O2  Where a $limit follows, only the first documents are kept, as long as they fit into the
 *       memory; they are moved over to where all are kept when they don't.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "base/loadstore.h"
#include "expr/path.h"
#include "query/pipeline.h"
#include "query/spill.h"
#include "query/stage_kinds.h"

typedef struct sort_state {
    bool ranks; /* O2 */
    bool is_read;
    uint64_t count;
    copse_ranking ranking;
    copse_spill spill;
    copse_buf key;
} sort_state;

static copse_status sort_parse(copse_stage_parser *parser, copse_bytes argument, copse_stage *stage)
{
    const copse_sort_spec *sort = NULL;
    copse_status status = copse_stage_sort(parser, argument, &sort);
    stage->body = (void *)sort;
    return status;
}

const copse_sort_spec *copse_stage_sort_order(const copse_stage *stage)
{
    return stage->kind == &copse_stage_kind_sort ? stage->body : NULL;
}

/* How many documents the $skip and $limit behind let through at most; 0: all. */
static uint64_t sort_wanted(const copse_stage_run *run)
{
    const copse_stage_chain *chain = run->chain;
    size_t at = chain->first + (size_t)(run - chain->runs) + 1;
    uint64_t skip = 0;
    uint64_t limit = 0;
    for (; at < chain->list->count; at++) {
        uint64_t number = 0;
        if (copse_stage_limit_number(chain->list->stages[at], &number)) {
            limit = limit == 0 || skip + number < limit ? skip + number : limit;
        } else if (copse_stage_skip_number(chain->list->stages[at], &number) &&
                   number <= (uint64_t)INT64_MAX - skip) {
            skip += number;
        } else {
            break;
        }
    }
    return limit;
}

static copse_status sort_open(copse_stage_run *run, copse_err *err)
{
    sort_state *state = run->state;
    const copse_stage_world *world = run->chain->world;
    uint64_t wanted = sort_wanted(run);
    copse_buf_init(&state->key, world->env, SIZE_MAX);
    if (wanted > 0) {
        state->ranks = true;
        copse_ranking_init(&state->ranking, world->env, wanted, world->share_bytes / 2);
        return COPSE_OK;
    }
    return copse_spill_init(&state->spill, world->env, world->runs, world->share_bytes, err);
}

static void sort_close(copse_stage_run *run)
{
    sort_state *state = run->state;
    copse_ranking_release(&state->ranking);
    copse_spill_release(&state->spill);
    copse_buf_release(&state->key);
}

/* The key of a document (O1): of one without `_id`, as if that were null. */
static copse_status sort_key(copse_stage_run *run, copse_bytes document, copse_err *err)
{
    static const uint8_t null[] = {0xf6};
    sort_state *state = run->state;
    uint8_t ordinal[8];
    copse_bytes id;
    copse_status status = copse_path_find_key(document, copse_bytes_of_text("_id"), &id, err);
    if (status == COPSE_NOT_FOUND) {
        id = (copse_bytes){null, sizeof null};
        status = COPSE_OK;
    }
    copse_buf_truncate(&state->key, 0);
    if (status == COPSE_OK) {
        status = copse_sort_spec_key(run->stage->body, document, id, &state->key, err);
    }
    copse_store_u64be(ordinal, state->count);
    if (status == COPSE_OK &&
        copse_buf_append(&state->key, (copse_bytes){ordinal, sizeof ordinal}) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    return status;
}

/* Moves what is ranked over to the spill (O2). */
static copse_status sort_turn(copse_stage_run *run, copse_err *err)
{
    sort_state *state = run->state;
    const copse_stage_world *world = run->chain->world;
    copse_bytes document;
    copse_status status = /* both are there at once */
        copse_spill_init(&state->spill, world->env, world->runs, world->share_bytes / 2, err);
    if (status == COPSE_OK) {
        status = copse_ranking_finish(&state->ranking, err);
    }
    while (status == COPSE_OK && copse_ranking_next(&state->ranking, &document) == COPSE_OK) {
        status = copse_spill_add(&state->spill, copse_ranking_key(&state->ranking), document, err);
    }
    copse_ranking_release(&state->ranking);
    state->ranks = false;
    return status;
}

static copse_status sort_add(copse_stage_run *run, copse_bytes document, copse_err *err)
{
    sort_state *state = run->state;
    copse_status status = sort_key(run, document, err);
    copse_bytes key = copse_buf_view(&state->key);
    state->count++;
    if (status == COPSE_OK && state->ranks) {
        if (!copse_ranking_keeps(&state->ranking, key)) {
            return COPSE_OK;
        }
        status = copse_ranking_add(&state->ranking, key, document, err);
        if (status != COPSE_LIMIT) {
            return status;
        }
        status = sort_turn(run, err);
    }
    return status == COPSE_OK ? copse_spill_add(&state->spill, key, document, err) : status;
}

static copse_status sort_read(copse_stage_run *run, copse_err *err)
{
    sort_state *state = run->state;
    copse_bytes document;
    copse_status status = copse_stage_pull(run, &document, err);
    while (status == COPSE_OK) {
        status = sort_add(run, document, err);
        if (status == COPSE_OK) {
            status = copse_stage_pull(run, &document, err);
        }
    }
    if (status == COPSE_END) {
        status = state->ranks ? copse_ranking_finish(&state->ranking, err) : COPSE_OK;
        state->is_read = status == COPSE_OK;
    }
    return status;
}

static copse_status sort_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    sort_state *state = run->state;
    copse_bytes key;
    copse_status status = state->is_read ? COPSE_OK : sort_read(run, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = state->ranks ? copse_ranking_next(&state->ranking, ret_document)
                          : copse_spill_next(&state->spill, &key, ret_document, err);
    run->spilled_bytes = copse_spill_bytes(&state->spill);
    return status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): one of copse_stage_kind */
static copse_status sort_needs(const copse_stage *stage, copse_stage_needs *needs, bool *ret_ends)
{
    const copse_sort_spec *sort = stage->body;
    copse_status status = copse_stage_needs_path(needs, copse_bytes_of_text("_id"));
    (void)ret_ends;
    for (size_t i = 0; status == COPSE_OK && i < sort->count; i++) {
        status = copse_stage_needs_path(needs, sort->fields[i].path);
    }
    return status;
}

static bool sort_passes(const copse_stage *stage, copse_bytes path)
{
    (void)stage;
    (void)path;
    return true;
}

const copse_stage_kind copse_stage_kind_sort = {
    .name = "$sort",
    .parse = sort_parse,
    .state_size = sizeof(sort_state),
    .open = sort_open,
    .next = sort_next,
    .close = sort_close,
    .needs = sort_needs,
    .passes = sort_passes,
    .holds = true,
};
