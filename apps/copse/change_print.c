/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "change_print.h"

#include <copse/document_diff.h>

char copse_change_sign(copse_change_kind kind)
{
    return kind == COPSE_ADDED ? '+' : kind == COPSE_REMOVED ? '-' : '~';
}

static copse_status change_print_field(void *ctx, const copse_field_change *field, copse_err *err)
{
    copse_output *out = ctx;
    copse_status status = COPSE_OK;
    if (out->json) {
        copse_output_begin_member(out, NULL);
        copse_output_text_bytes(out, "path", field->path);
    } else {
        copse_output_format(out, "    %c ", copse_change_sign(field->kind));
        copse_output_bytes(out, field->path);
        copse_output_format(out, ": ");
    }
    if (field->before.ptr != NULL) {
        status = out->json ? copse_output_ext_json(out, "before", field->before, err)
                           : copse_output_value_ext_json(out, field->before, err);
    }
    if (status == COPSE_OK && !out->json && field->kind == COPSE_CHANGED) {
        copse_output_format(out, " -> ");
    }
    if (status == COPSE_OK && field->after.ptr != NULL) {
        status = out->json ? copse_output_ext_json(out, "after", field->after, err)
                           : copse_output_value_ext_json(out, field->after, err);
    }
    if (out->json) {
        copse_output_end_member(out);
    } else {
        copse_output_format(out, "\n");
    }
    return status;
}

copse_status copse_change_print_fields(copse_call *call, copse_bytes before, copse_bytes after)
{
    copse_output *out = &call->output;
    if (out->json) {
        copse_output_begin_array(out, "fields");
    } else {
        copse_output_format(out, "\n");
    }
    copse_status status =
        copse_document_fields_diff(&call->env, before, after, change_print_field, out, &call->err);
    if (out->json) {
        copse_output_end_array(out);
    }
    return status;
}
