/* $facet: several pipelines over the same documents.
 *
 *   F1  Each document is given to each branch before the next is read: nothing is kept but what the
 *       branches keep. A branch that asks for a document when there is none says WANT, and is left
 *       there (stage.h, T2); whether blocks or a document are wanted tells `is_hungry`.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "query/pipeline.h"
#include "query/stage_kinds.h"

typedef struct facet_branch {
    copse_bytes name;
    copse_stage_list *list;
} facet_branch;

typedef struct stage_facet {
    facet_branch *branches; /* in DAG-CBOR's order of names */
    size_t count;
} stage_facet;

/* A branch that runs. */
typedef struct facet_arm {
    copse_stage_chain *chain;
    copse_bytes document; /* to be given; len 0: none */
    bool is_last;         /* there will be no more */
    bool is_hungry;
    bool is_over;
    copse_buf found;
    uint64_t found_count;
} facet_arm;

typedef struct facet_state {
    facet_arm *arms;
    size_t at; /* the branch that goes on with the document at hand; their number: a new one */
    bool is_last;
    bool is_given;
    copse_buf answer;
} facet_state;

/* ---- Compiling ------------------------------------------------------------------------------- */

static copse_status facet_parse(copse_stage_parser *parser, copse_bytes argument,
                                copse_stage *stage)
{
    copse_stage_items items;
    stage_facet *facet = copse_stage_alloc(parser, sizeof *facet);
    copse_status status = facet != NULL ? copse_stage_want_object(parser, argument) : COPSE_NOMEM;
    stage->body = facet;
    copse_stage_items_init(&items, argument);
    if (status == COPSE_OK && parser->in_facet) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "it can't stand in another $facet");
    }
    if (status == COPSE_OK && items.count == 0) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "there is no pipeline");
    }
    if (status == COPSE_OK) {
        facet->branches = copse_stage_alloc(parser, (size_t)items.count * sizeof *facet->branches);
        status = facet->branches != NULL ? COPSE_OK : COPSE_NOMEM;
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        facet_branch *branch = &facet->branches[facet->count++];
        copse_stage_parser inner = *parser;
        inner.in_facet = true;
        branch->name = items.key;
        status = copse_stage_field_name(parser, items.key);
        if (status == COPSE_OK) {
            status = copse_stage_list_parse(&inner, items.value, (copse_bytes){NULL, 0}, true,
                                            &branch->list);
        }
    }
    return status;
}

/* ---- Running --------------------------------------------------------------------------------- */

static copse_status facet_feed(void *ctx, copse_bytes *ret_document, copse_err *err)
{
    facet_arm *arm = ctx;
    (void)err;
    if (arm->document.len > 0) {
        *ret_document = arm->document;
        arm->document = (copse_bytes){NULL, 0};
        return COPSE_OK;
    }
    arm->is_hungry = !arm->is_last;
    return arm->is_last ? COPSE_END : COPSE_WANT;
}

static copse_status facet_open(copse_stage_run *run, copse_err *err)
{
    const stage_facet *facet = run->stage->body;
    facet_state *state = run->state;
    const copse_env *env = copse_stage_env(run);
    copse_status status = COPSE_OK;
    copse_buf_init(&state->answer, env, env->limits.document_size_bytes_max);
    state->arms = copse_alloc_zeroed(env, facet->count * sizeof *state->arms);
    state->at = facet->count;
    if (state->arms == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; status == COPSE_OK && i < facet->count; i++) {
        facet_arm *arm = &state->arms[i];
        const copse_stage_chain_options options = {.variables = run->chain->options.variables,
                                                   .feed = facet_feed,
                                                   .feed_ctx = arm,
                                                   .reading = copse_stage_reading_of(run)};
        copse_buf_init(&arm->found, env, env->limits.document_size_bytes_max);
        status = copse_stage_chain_open(run->chain->world, facet->branches[i].list, &options,
                                        &arm->chain, err);
    }
    return status;
}

static void facet_close(copse_stage_run *run)
{
    const stage_facet *facet = run->stage->body;
    facet_state *state = run->state;
    for (size_t i = 0; state->arms != NULL && i < facet->count; i++) {
        (void)copse_stage_chain_close(state->arms[i].chain);
        copse_buf_release(&state->arms[i].found);
    }
    copse_free_array(copse_stage_env(run), state->arms, facet->count, sizeof *state->arms);
    copse_buf_release(&state->answer);
}

/* Lets a branch do what it can. OK: it is hungry or over. WANT: of blocks. */
static copse_status facet_work(facet_arm *arm, size_t size_bytes_max, copse_err *err)
{
    copse_bytes found;
    copse_status status = COPSE_OK;
    arm->is_hungry = false;
    while (!arm->is_over &&
           (status = copse_stage_chain_next(arm->chain, &found, err)) == COPSE_OK) {
        if (found.len > size_bytes_max - arm->found.len) {
            return COPSE_ERR(err, COPSE_LIMIT,
                             "a pipeline gives more than %zu bytes, its share of the memory "
                             "(copse_pipeline_options.memory_bytes_max; --memory)",
                             size_bytes_max);
        }
        status = copse_buf_append(&arm->found, found);
        if (status != COPSE_OK) {
            return COPSE_ERR(err, status, "no room for what a pipeline gives");
        }
        arm->found_count++;
    }
    arm->is_over |= status == COPSE_END;
    return status == COPSE_END || (status == COPSE_WANT && arm->is_hungry) ? COPSE_OK : status;
}

/* Lets all branches work on the document at hand. */
static copse_status facet_work_all(copse_stage_run *run, copse_err *err)
{
    const stage_facet *facet = run->stage->body;
    facet_state *state = run->state;
    size_t share = run->chain->world->share_bytes / facet->count;
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && state->at < facet->count) {
        status = facet_work(&state->arms[state->at], share, err);
        state->at += status == COPSE_OK;
    }
    return status;
}

/* Hands `document` to all branches, or says that there are no more. */
static void facet_hand_out(copse_stage_run *run, copse_bytes document)
{
    const stage_facet *facet = run->stage->body;
    facet_state *state = run->state;
    for (size_t i = 0; i < facet->count; i++) {
        state->arms[i].document = document;
        state->arms[i].is_last = state->is_last;
    }
    state->at = 0;
}

static copse_status facet_write(const stage_facet *facet, facet_state *state)
{
    copse_status status = copse_cbor_write_map(&state->answer, facet->count);
    for (size_t i = 0; status == COPSE_OK && i < facet->count; i++) {
        facet_arm *arm = &state->arms[i];
        status = copse_cbor_write_text(&state->answer, facet->branches[i].name);
        if (status == COPSE_OK) {
            status = copse_cbor_write_array(&state->answer, arm->found_count);
        }
        if (status == COPSE_OK) {
            status = copse_buf_append(&state->answer, copse_buf_view(&arm->found));
        }
    }
    return status;
}

static copse_status facet_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    facet_state *state = run->state;
    copse_status status = COPSE_OK;
    if (state->is_given) {
        return COPSE_END;
    }
    for (;;) {
        copse_bytes document = {NULL, 0};
        status = facet_work_all(run, err);
        if (status != COPSE_OK || state->is_last) {
            break;
        }
        status = copse_stage_pull(run, &document, err);
        if (status != COPSE_OK && status != COPSE_END) {
            break;
        }
        state->is_last = status == COPSE_END;
        facet_hand_out(run, document);
    }
    if (status != COPSE_OK) {
        return status;
    }
    state->is_given = true;
    status = facet_write(run->stage->body, state);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for what the pipelines give");
    }
    *ret_document = copse_buf_view(&state->answer);
    return COPSE_OK;
}

static copse_status facet_needs(const copse_stage *stage, copse_stage_needs *needs, bool *ret_ends)
{
    const stage_facet *facet = stage->body;
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < facet->count; i++) {
        status = copse_stage_list_needs(facet->branches[i].list, 0, needs);
    }
    *ret_ends = true;
    return status;
}

const copse_stage_kind copse_stage_kind_facet = {
    .name = "$facet",
    .parse = facet_parse,
    .state_size = sizeof(facet_state),
    .open = facet_open,
    .next = facet_next,
    .close = facet_close,
    .needs = facet_needs,
    .holds = true,
};
