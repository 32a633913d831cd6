/* $unionWith.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "query/pipeline.h"
#include "query/stage_kinds.h"

typedef struct union_state {
    bool is_over; /* the input */
    copse_stage_chain *chain;
} union_state;

static copse_status union_parse(copse_stage_parser *parser, copse_bytes argument,
                                copse_stage *stage)
{
    static const uint8_t no_stages[] = {0x80};
    copse_bytes stages = {no_stages, sizeof no_stages};
    copse_bytes collection = {NULL, 0};
    copse_stage_list *list = NULL;
    copse_stage_items items;
    copse_status status = COPSE_OK;
    copse_stage_items_init(&items, argument);
    if (items.kind != COPSE_CBOR_MAP) {
        status = copse_stage_text(parser, "its argument", argument, &collection);
    }
    while (status == COPSE_OK && items.kind == COPSE_CBOR_MAP && copse_stage_items_next(&items)) {
        if (copse_stage_items_is(&items, "coll")) {
            status = copse_stage_text(parser, "coll", items.value, &collection);
        } else if (copse_stage_items_is(&items, "pipeline")) {
            stages = items.value;
        } else {
            status = copse_stage_unknown(parser, items.key);
        }
    }
    if (status == COPSE_OK && collection.len == 0) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "it needs \"coll\", a collection");
    }
    if (status == COPSE_OK) {
        copse_stage_parser inner = *parser;
        inner.in_facet = false;
        status = copse_stage_list_parse(&inner, stages, collection, false, &list);
        stage->body = list;
    }
    return status;
}

static void union_close(copse_stage_run *run)
{
    (void)copse_stage_chain_close(((union_state *)run->state)->chain);
}

static copse_status union_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    union_state *state = run->state;
    const copse_stage_chain_options options = {.variables = run->chain->options.variables,
                                               .reading = copse_stage_reading_of(run)};
    if (!state->is_over) {
        copse_status status = copse_stage_pull(run, ret_document, err);
        if (status != COPSE_END) {
            return status;
        }
        state->is_over = true;
    }
    if (state->chain == NULL) {
        copse_status status = copse_stage_chain_open(run->chain->world, run->stage->body, &options,
                                                     &state->chain, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    return copse_stage_chain_next(state->chain, ret_document, err);
}

const copse_stage_kind copse_stage_kind_union_with = {
    .name = "$unionWith",
    .parse = union_parse,
    .state_size = sizeof(union_state),
    .next = union_next,
    .close = union_close,
};
