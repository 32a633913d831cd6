/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "review_print.h"

#include "documents.h"
#include "failure.h"
#include "past.h"

#include <copse/ext_json.h>

#include <inttypes.h>

enum { REVIEW_PRINT_EXAMPLES = 3, REVIEW_PRINT_TEXT_MAX = 600 };

/* ---- For people ---- */

/* Appends "posts 17", "posts.by_day" or "posts"; what is too long is left out. */
static copse_status review_print_name(const copse_call *call, const copse_head_refusal *refusal,
                                      copse_buf *text)
{
    size_t offset = text->len;
    copse_status status = copse_buf_append(text, refusal->collection);
    if (status == COPSE_OK && refusal->what == COPSE_CONFLICT_INDEX) {
        status = copse_buf_append_byte(text, '.');
        status = status == COPSE_OK ? copse_buf_append(text, refusal->index) : status;
    } else if (status == COPSE_OK && refusal->what == COPSE_CONFLICT_DOCUMENT) {
        status = copse_buf_append_byte(text, ' ');
        status = status == COPSE_OK
                     ? copse_ext_json_from_cbor(&call->env, refusal->id, false, text, NULL)
                     : status;
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(text, offset);
    }
    return status;
}

/* All that was refused for the reason of refusal `first`, which is the first of them. */
static void review_warn_reason(copse_call *call, const char *from,
                               const copse_head_merge_result *result, size_t first)
{
    const char *reason = result->refusals[first].reason;
    size_t count = 0;
    copse_buf names;
    char plural[64];
    copse_buf_init(&names, &call->env, REVIEW_PRINT_TEXT_MAX);
    for (size_t i = first; i < result->refusals_count; i++) {
        if (result->refusals[i].reason != reason) {
            continue;
        }
        if (count < REVIEW_PRINT_EXAMPLES) {
            const copse_bytes between = copse_bytes_of_text(count > 0 ? ", " : "");
            if (copse_buf_append(&names, between) == COPSE_OK &&
                review_print_name(call, &result->refusals[i], &names) != COPSE_OK) {
                copse_buf_truncate(&names, names.len - between.len);
            }
        }
        count++;
    }
    copse_warn(call, "%s of %s not taken: %s: %.*s%s",
               copse_documents_plural(count, "change", plural, sizeof plural), from, reason,
               (int)names.len, (const char *)names.ptr,
               count > REVIEW_PRINT_EXAMPLES ? " and more" : "");
    copse_buf_release(&names);
}

void copse_review_warn(copse_call *call, const char *from, const copse_head_merge_result *result)
{
    char time[COPSE_PAST_TIME_SIZE];
    for (size_t i = 0; i < result->refusals_count; i++) {
        bool is_first = true;
        for (size_t k = 0; k < i && is_first; k++) {
            is_first = result->refusals[k].reason != result->refusals[i].reason;
        }
        if (is_first) {
            review_warn_reason(call, from, result, i);
        }
    }
    if (result->refused > result->refusals_count) {
        copse_warn(call, "%" PRIu64 " more changes of %s not taken, in all %" PRIu64,
                   result->refused - result->refusals_count, from, result->refused);
    }
    if (result->held_until_ms > 0) {
        copse_warn(call, "%s is of a time that is yet to come: it can be merged from %s on", from,
                   copse_past_time(result->held_until_ms, time));
    }
    if (result->is_form_wrong) {
        copse_warn(call,
                   "%s: indexes, counts or the form of the tree are not what its documents make: "
                   "what these make was taken",
                   from);
    }
}

/* ---- For programs ---- */

copse_status copse_review_print(copse_call *call, const copse_head_merge_result *result)
{
    static const char *const kinds[] = {"collection", "index", "document"};
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    if (result->refused > 0) {
        copse_output_number(out, "refused_count", result->refused);
        copse_output_begin_array(out, "refused");
        for (size_t i = 0; i < result->refusals_count && status == COPSE_OK; i++) {
            const copse_head_refusal *refusal = &result->refusals[i];
            copse_output_begin_member(out, NULL);
            copse_output_text(out, "what", kinds[refusal->what]);
            copse_output_text_bytes(out, "collection", refusal->collection);
            if (refusal->what == COPSE_CONFLICT_INDEX) {
                copse_output_text_bytes(out, "index", refusal->index);
            } else if (refusal->what == COPSE_CONFLICT_DOCUMENT) {
                status = copse_output_ext_json(out, "key", refusal->id, &call->err);
            }
            copse_output_text(out, "reason", refusal->reason);
            copse_output_end_member(out);
        }
        copse_output_end_array(out);
    }
    if (result->held_until_ms > 0) {
        copse_output_number(out, "held_until", result->held_until_ms);
    }
    if (result->is_form_wrong) {
        copse_output_bool(out, "form_wrong", true);
    }
    return status;
}
