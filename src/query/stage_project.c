/* $project, $addFields, $set and $unset.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "query/project_tree.h"
#include "query/stage_kinds.h"

/* ---- Compiling ------------------------------------------------------------------------------- */

static copse_status project_parse_mode(copse_stage_parser *parser, copse_bytes argument,
                                       copse_stage *stage, copse_project_mode mode)
{
    stage->body = copse_stage_alloc(parser, sizeof(copse_project_tree));
    return stage->body != NULL ? copse_project_tree_parse(parser, argument, mode, stage->body)
                               : COPSE_NOMEM;
}

static copse_status project_parse(copse_stage_parser *parser, copse_bytes argument,
                                  copse_stage *stage)
{
    return project_parse_mode(parser, argument, stage, COPSE_PROJECT_SWITCHES);
}

static copse_status add_fields_parse(copse_stage_parser *parser, copse_bytes argument,
                                     copse_stage *stage)
{
    return project_parse_mode(parser, argument, stage, COPSE_PROJECT_VALUES);
}

static copse_status unset_add(copse_stage_parser *parser, copse_bytes encoded,
                              copse_project_tree *tree)
{
    copse_bytes path;
    copse_status status = copse_stage_text(parser, "a field to leave out", encoded, &path);
    return status == COPSE_OK ? copse_project_tree_drop(parser, tree, path) : status;
}

static copse_status unset_parse(copse_stage_parser *parser, copse_bytes argument,
                                copse_stage *stage)
{
    copse_stage_items items;
    copse_project_tree *tree = copse_stage_alloc(parser, sizeof *tree);
    copse_status status = tree != NULL ? COPSE_OK : COPSE_NOMEM;
    stage->body = tree;
    copse_stage_items_init(&items, argument);
    if (status == COPSE_OK && items.kind != COPSE_CBOR_ARRAY) {
        return unset_add(parser, argument, tree);
    }
    if (status == COPSE_OK && items.count == 0) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "there is no field");
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        status = unset_add(parser, items.value, tree);
    }
    return status;
}

/* ---- Running --------------------------------------------------------------------------------- */

typedef struct project_state {
    copse_buf scratch;
    copse_buf answer;
} project_state;

static copse_status project_open(copse_stage_run *run, copse_err *err)
{
    project_state *state = run->state;
    const copse_env *env = copse_stage_env(run);
    (void)err;
    copse_buf_init(&state->scratch, env, SIZE_MAX);
    copse_buf_init(&state->answer, env, env->limits.document_size_bytes_max);
    return COPSE_OK;
}

static void project_close(copse_stage_run *run)
{
    project_state *state = run->state;
    copse_buf_release(&state->scratch);
    copse_buf_release(&state->answer);
}

static copse_status project_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    project_state *state = run->state;
    copse_bytes document;
    copse_status status = copse_stage_pull(run, &document, err);
    if (status == COPSE_OK) {
        copse_buf_truncate(&state->answer, 0);
        status = copse_project_tree_apply(run->stage->body, run->chain, document, &state->scratch,
                                          &state->answer, err);
    }
    if (status == COPSE_OK) {
        *ret_document = copse_buf_view(&state->answer);
    }
    return status;
}

static copse_status project_needs(const copse_stage *stage, copse_stage_needs *needs,
                                  bool *ret_ends)
{
    return copse_project_tree_needs(stage->body, needs, ret_ends);
}

static bool project_passes(const copse_stage *stage, copse_bytes path)
{
    return copse_project_tree_passes(stage->body, path);
}

/* All of them run alike. */
#define STAGE_PROJECT_KIND(kind_name, kind_parse)                                                  \
    {                                                                                              \
        .name = (kind_name), .parse = (kind_parse), .state_size = sizeof(project_state),           \
        .open = project_open, .next = project_next, .close = project_close,                        \
        .needs = project_needs, .passes = project_passes                                           \
    }

const copse_stage_kind copse_stage_kind_project = STAGE_PROJECT_KIND("$project", project_parse);
const copse_stage_kind copse_stage_kind_add_fields =
    STAGE_PROJECT_KIND("$addFields", add_fields_parse);
const copse_stage_kind copse_stage_kind_set = STAGE_PROJECT_KIND("$set", add_fields_parse);
const copse_stage_kind copse_stage_kind_unset = STAGE_PROJECT_KIND("$unset", unset_parse);
