/* $unwind.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/err.h"
#include "expr/path.h"
#include "query/document_set.h"
#include "query/stage_kinds.h"

typedef struct stage_unwind {
    copse_bytes path;
    copse_bytes index; /* the path for the place of the element; len 0: none */
    bool preserves;    /* documents without an element */
} stage_unwind;

typedef struct unwind_state {
    copse_bytes document; /* whose elements are given; len 0: none */
    copse_stage_items elements;
    uint64_t place;
    copse_buf changed;
    copse_buf answer;
} unwind_state;

/* ---- Compiling ------------------------------------------------------------------------------- */

static copse_status unwind_parse_index(copse_stage_parser *parser, copse_bytes encoded,
                                       stage_unwind *unwind)
{
    copse_status status = copse_stage_text(parser, "includeArrayIndex", encoded, &unwind->index);
    return status == COPSE_OK ? copse_path_check(unwind->index, parser->err) : status;
}

static copse_status unwind_parse_preserves(copse_stage_parser *parser, copse_bytes encoded,
                                           stage_unwind *unwind)
{
    copse_value value;
    if (copse_value_read(encoded, &value, NULL) != COPSE_OK || value.type != COPSE_VALUE_BOOL) {
        return COPSE_ERR(parser->err, COPSE_CORRUPT,
                         "preserveNullAndEmptyArrays must be true or false");
    }
    unwind->preserves = value.boolean;
    return COPSE_OK;
}

static copse_status unwind_parse(copse_stage_parser *parser, copse_bytes argument,
                                 copse_stage *stage)
{
    copse_stage_items items;
    stage_unwind *unwind = copse_stage_alloc(parser, sizeof *unwind);
    copse_status status = unwind != NULL ? COPSE_OK : COPSE_NOMEM;
    stage->body = unwind;
    copse_stage_items_init(&items, argument);
    if (status == COPSE_OK && items.kind != COPSE_CBOR_MAP) {
        return copse_stage_field_path(parser, "its argument", argument, &unwind->path);
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        if (copse_stage_items_is(&items, "path")) {
            status = copse_stage_field_path(parser, "path", items.value, &unwind->path);
        } else if (copse_stage_items_is(&items, "includeArrayIndex")) {
            status = unwind_parse_index(parser, items.value, unwind);
        } else if (copse_stage_items_is(&items, "preserveNullAndEmptyArrays")) {
            status = unwind_parse_preserves(parser, items.value, unwind);
        } else {
            status = copse_stage_unknown(parser, items.key);
        }
    }
    return status == COPSE_OK && unwind->path.len == 0
               ? COPSE_ERR(parser->err, COPSE_CORRUPT, "there is no path")
               : status;
}

/* ---- Running --------------------------------------------------------------------------------- */

static copse_status unwind_open(copse_stage_run *run, copse_err *err)
{
    unwind_state *state = run->state;
    const copse_env *env = copse_stage_env(run);
    (void)err;
    copse_buf_init(&state->changed, env, env->limits.document_size_bytes_max);
    copse_buf_init(&state->answer, env, env->limits.document_size_bytes_max);
    return COPSE_OK;
}

static void unwind_close(copse_stage_run *run)
{
    unwind_state *state = run->state;
    copse_buf_release(&state->changed);
    copse_buf_release(&state->answer);
}

/* Gives `document`, with the place of its element (UINT64_MAX: null) if that is asked for. */
static copse_status unwind_give(copse_stage_run *run, copse_bytes document, uint64_t place,
                                copse_bytes *ret_document, copse_err *err)
{
    const stage_unwind *unwind = run->stage->body;
    unwind_state *state = run->state;
    if (unwind->index.len == 0) {
        *ret_document = document;
        return COPSE_OK;
    }
    copse_buf number;
    copse_buf_init(&number, copse_stage_env(run), SIZE_MAX);
    copse_buf_truncate(&state->answer, 0);
    copse_status status = place == UINT64_MAX ? copse_cbor_write_null(&number)
                                              : copse_cbor_write_uint(&number, place);
    if (status == COPSE_OK) {
        status = copse_document_set(document, unwind->index, copse_buf_view(&number),
                                    &state->answer, err);
    }
    copse_buf_release(&number);
    if (status != COPSE_OK) {
        return status;
    }
    *ret_document = copse_buf_view(&state->answer);
    return COPSE_OK;
}

/* Gives the document at hand with `value` (len 0: nothing) in place of the array. */
static copse_status unwind_give_element(copse_stage_run *run, copse_bytes value, uint64_t place,
                                        copse_bytes *ret_document, copse_err *err)
{
    const stage_unwind *unwind = run->stage->body;
    unwind_state *state = run->state;
    copse_buf_truncate(&state->changed, 0);
    copse_status status =
        copse_document_set(state->document, unwind->path, value, &state->changed, err);
    return status == COPSE_OK
               ? unwind_give(run, copse_buf_view(&state->changed), place, ret_document, err)
               : status;
}

/* Takes a new document: one without elements is given or passed over (NOT_FOUND). */
static copse_status unwind_take(copse_stage_run *run, copse_bytes document,
                                copse_bytes *ret_document, copse_err *err)
{
    const stage_unwind *unwind = run->stage->body;
    unwind_state *state = run->state;
    copse_bytes value = copse_document_at(document, unwind->path);
    bool is_null = value.len == 0 || value.ptr[0] == 0xf6;
    state->document = document;
    state->place = 0;
    state->elements.left = 0;
    if (is_null || !copse_path_is_array(value)) {
        return is_null && !unwind->preserves
                   ? COPSE_NOT_FOUND
                   : unwind_give(run, document, UINT64_MAX, ret_document, err);
    }
    copse_stage_items_init(&state->elements, value);
    return state->elements.count == 0 && unwind->preserves
               ? unwind_give_element(run, (copse_bytes){NULL, 0}, UINT64_MAX, ret_document, err)
               : COPSE_NOT_FOUND;
}

static copse_status unwind_next(copse_stage_run *run, copse_bytes *ret_document, copse_err *err)
{
    unwind_state *state = run->state;
    copse_status status = COPSE_NOT_FOUND;
    while (status == COPSE_NOT_FOUND) {
        copse_bytes document;
        if (copse_stage_items_next(&state->elements)) {
            return unwind_give_element(run, state->elements.value, state->place++, ret_document,
                                       err);
        }
        status = copse_stage_pull(run, &document, err);
        if (status == COPSE_OK) {
            status = unwind_take(run, document, ret_document, err);
        }
    }
    return status;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): one of copse_stage_kind */
static copse_status unwind_needs(const copse_stage *stage, copse_stage_needs *needs, bool *ret_ends)
{
    (void)ret_ends;
    return copse_stage_needs_path(needs, ((const stage_unwind *)stage->body)->path);
}

static bool unwind_passes(const copse_stage *stage, copse_bytes path)
{
    const stage_unwind *unwind = stage->body;
    return !copse_stage_same_field(path, unwind->path) &&
           (unwind->index.len == 0 || !copse_stage_same_field(path, unwind->index));
}

const copse_stage_kind copse_stage_kind_unwind = {
    .name = "$unwind",
    .parse = unwind_parse,
    .state_size = sizeof(unwind_state),
    .open = unwind_open,
    .next = unwind_next,
    .close = unwind_close,
    .needs = unwind_needs,
    .passes = unwind_passes,
};
