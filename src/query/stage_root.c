/* $replaceRoot and $replaceWith.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/path.h"
#include "query/stage_kinds.h"

static copse_status replace_with_parse(copse_stage_parser *parser, copse_bytes argument,
                                       copse_stage *stage)
{
    stage->body = copse_stage_alloc(parser, sizeof(copse_stage_operand));
    return stage->body != NULL ? copse_stage_operand_parse(parser, argument, stage->body)
                               : COPSE_NOMEM;
}

static copse_status replace_root_parse(copse_stage_parser *parser, copse_bytes argument,
                                       copse_stage *stage)
{
    copse_stage_items items;
    copse_stage_items_init(&items, argument);
    if (items.kind != COPSE_CBOR_MAP || items.count != 1 || !copse_stage_items_next(&items) ||
        !copse_stage_items_is(&items, "newRoot")) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT, "it takes {\"newRoot\": …}");
    }
    return replace_with_parse(parser, items.value, stage);
}

static copse_status replace_open(copse_stage_run *run, copse_err *err)
{
    (void)err;
    copse_buf_init(run->state, copse_stage_env(run), SIZE_MAX);
    return COPSE_OK;
}

static void replace_close(copse_stage_run *run)
{
    copse_buf_release(run->state);
}

static copse_status replace_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    copse_bytes document;
    copse_bytes root = {NULL, 0};
    copse_value value;
    copse_status status = copse_stage_pull(run, &document, err);
    if (status == COPSE_OK) {
        copse_buf_truncate(run->state, 0);
        status = copse_stage_operand_value(run->chain, run->stage->body, document, run->state,
                                           &root, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (root.len > 0 && copse_path_is_object(root)) {
        *ret_document = root;
        return COPSE_OK;
    }
    if (root.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document has no value to become of it");
    }
    status = copse_value_read(root, &value, err);
    return status == COPSE_OK ? COPSE_ERR(err, COPSE_CORRUPT, "a document can't become %s",
                                          copse_value_type_name(value.type))
                              : status;
}

static copse_status replace_needs(const copse_stage *stage, copse_stage_needs *needs,
                                  bool *ret_ends)
{
    *ret_ends = true;
    return copse_stage_needs_expression(needs, ((const copse_stage_operand *)stage->body)->encoded);
}

#define STAGE_REPLACE_KIND(kind_name, kind_parse)                                                  \
    {                                                                                              \
        .name = (kind_name), .parse = (kind_parse), .state_size = sizeof(copse_buf),               \
        .open = replace_open, .next = replace_next, .close = replace_close, .needs = replace_needs \
    }

const copse_stage_kind copse_stage_kind_replace_root =
    STAGE_REPLACE_KIND("$replaceRoot", replace_root_parse);
const copse_stage_kind copse_stage_kind_replace_with =
    STAGE_REPLACE_KIND("$replaceWith", replace_with_parse);
