/* Pipelines compiled: a list of stages.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/path.h"
#include "query/pipeline.h"

#include <string.h>

enum { STAGE_LIST_STAGES_MAX = 1000, STAGE_LIST_DEPTH_MAX = 20 };

copse_status copse_stage_blame(const copse_stage *stage, copse_status status, copse_err *err)
{
    if (err != NULL) {
        char why[sizeof err->message];
        if (err->status != status) { /* nobody has said more */
            (void)COPSE_ERR(err, status, "%s",
                            status == COPSE_NOMEM ? "out of memory" : "a value is too large");
        }
        memcpy(why, err->message, sizeof why);
        (void)COPSE_ERR(err, status, "stage %zu, %s: %s", stage->number, stage->kind->name, why);
    }
    return status;
}

static copse_status stage_list_add(copse_stage_parser *parser, copse_stage_list *list,
                                   copse_stage *stage)
{
    void *stages = list->stages;
    copse_status status =
        copse_stage_grow(parser, &stages, &list->capacity, list->count, sizeof *list->stages);
    if (status == COPSE_OK) {
        list->stages = stages;
        list->stages[list->count++] = stage;
    }
    return status;
}

static copse_status stage_parse(copse_stage_parser *parser, copse_bytes encoded, size_t number,
                                copse_stage_list *list);

/* Compiles what the stage stands for. */
/* NOLINTNEXTLINE(misc-no-recursion): what it stands for stands for itself */
static copse_status stage_expand(copse_stage_parser *parser, copse_bytes argument,
                                 const copse_stage *stage, copse_stage_list *list)
{
    copse_buf buf;
    copse_stage_items items;
    copse_bytes stages = {NULL, 0};
    copse_buf_init(&buf, parser->env, SIZE_MAX);
    copse_status status = stage->kind->expand(parser, argument, &buf);
    if (status == COPSE_OK) {
        stages = copse_arena_dup(parser->arena, copse_buf_view(&buf));
        status = stages.ptr != NULL ? COPSE_OK : COPSE_ERR_NOMEM(parser->err);
    } else {
        (void)copse_stage_blame(stage, status, parser->err);
    }
    copse_buf_release(&buf);
    if (status == COPSE_OK) {
        copse_stage_items_init(&items, stages);
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        status = stage_parse(parser, items.value, stage->number, list);
    }
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): see stage_expand */
static copse_status stage_parse(copse_stage_parser *parser, copse_bytes encoded, size_t number,
                                copse_stage_list *list)
{
    copse_stage_items items;
    copse_stage_items_init(&items, encoded);
    if (items.kind != COPSE_CBOR_MAP || items.count != 1 || !copse_stage_items_next(&items)) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "stage %zu: a stage is an object of one pair, as {\"$match\": {…}}",
                         number);
    }
    copse_stage *stage = copse_stage_alloc(parser, sizeof *stage);
    if (stage == NULL) {
        return COPSE_NOMEM;
    }
    stage->kind = copse_stage_kind_find(items.key);
    if (stage->kind == NULL) {
        return copse_stage_kind_refuse(items.key, parser->err);
    }
    stage->number = number;
    if (stage->kind->expand != NULL) {
        return stage_expand(parser, items.value, stage, list);
    }
    parser->pipeline->holders += stage->kind->holds;
    copse_status status = stage->kind->parse(parser, items.value, stage);
    return status == COPSE_OK ? stage_list_add(parser, list, stage)
                              : copse_stage_blame(stage, status, parser->err);
}

static copse_status stage_list_fill(copse_stage_parser *parser, copse_bytes stages,
                                    copse_stage_list *list)
{
    copse_stage_items items;
    size_t number = 0;
    copse_status status = COPSE_OK;
    copse_stage_items_init(&items, stages);
    if (items.kind != COPSE_CBOR_ARRAY) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "a pipeline is an array of stages");
    }
    if (items.count > STAGE_LIST_STAGES_MAX) {
        return COPSE_ERR(parser->err, COPSE_LIMIT, "a pipeline has more than %d stages",
                         STAGE_LIST_STAGES_MAX);
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        status = stage_parse(parser, items.value, ++number, list);
    }
    return status;
}

copse_status copse_stage_list_parse(copse_stage_parser *parser, copse_bytes stages,
                                    copse_bytes collection, bool fed, copse_stage_list **ret_list)
{
    if (parser->depth >= STAGE_LIST_DEPTH_MAX) {
        return COPSE_ERR(parser->err, COPSE_LIMIT, "pipelines stand in each other over %d deep",
                         STAGE_LIST_DEPTH_MAX);
    }
    copse_stage_list *list = copse_stage_alloc(parser, sizeof *list);
    copse_status status = list != NULL ? COPSE_OK : COPSE_NOMEM;
    if (status == COPSE_OK) {
        *list = (copse_stage_list){.collection = collection,
                                   .variables = parser->variables,
                                   .variables_count = parser->variables_count,
                                   .source = {.fed = fed}};
        status = copse_stage_own(parser, (copse_pipeline_owned){.list = list});
    }
    parser->depth++;
    if (status == COPSE_OK) {
        status = stage_list_fill(parser, stages, list);
    }
    parser->depth--;
    if (status == COPSE_OK) {
        status = copse_stage_list_arrange(parser, list);
    }
    if (status == COPSE_OK) {
        *ret_list = list;
    }
    return status;
}
