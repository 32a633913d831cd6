/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "merge_print.h"

enum { MERGE_PRINT_CONFLICTS_MAX = 20 };

/* ---- Conflicts ---- */

static copse_status merge_print_json(copse_call *call, const copse_database_conflict *conflict)
{
    static const char *const kinds[] = {"collection", "index", "document"};
    const copse_bytes sides[3] = {conflict->base, conflict->ours, conflict->theirs};
    static const char *const names[3] = {"base", "ours", "theirs"};
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    copse_output_begin(out);
    copse_output_text(out, "conflict", kinds[conflict->what]);
    copse_output_text_bytes(out, "collection", conflict->collection);
    if (conflict->what == COPSE_CONFLICT_INDEX) {
        copse_output_text_bytes(out, "index", conflict->index);
    }
    if (conflict->what == COPSE_CONFLICT_DOCUMENT) {
        status = copse_output_ext_json(out, "_id", conflict->id, &call->err);
    }
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        if (sides[i].len > 0) {
            status = copse_output_ext_json(out, names[i], sides[i], &call->err);
        }
    }
    copse_output_end(out);
    return status;
}

static const char *merge_print_reason(const copse_database_conflict *conflict)
{
    return conflict->ours.len == 0     ? "deleted here, changed there"
           : conflict->theirs.len == 0 ? "changed here, deleted there"
           : conflict->base.len == 0   ? "made on both sides, differently"
                                       : "the same field was changed on both sides";
}

static copse_status merge_print_line(copse_call *call, const copse_database_conflict *conflict)
{
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    copse_output_raw(out, copse_bytes_of_text("conflict\t"));
    copse_output_bytes(out, conflict->collection);
    copse_output_raw(out, copse_bytes_of_text("\t"));
    switch (conflict->what) {
    case COPSE_CONFLICT_COLLECTION:
        copse_output_raw(out, copse_bytes_of_text("dropped, made or changed on both sides"));
        break;
    case COPSE_CONFLICT_INDEX:
        copse_output_bytes(out, conflict->index);
        copse_output_raw(out, copse_bytes_of_text("\tan index that differs on both sides"));
        break;
    case COPSE_CONFLICT_DOCUMENT:
        status = copse_output_value_ext_json(out, conflict->id, &call->err);
        copse_output_format(out, "\t%s", merge_print_reason(conflict));
        break;
    }
    copse_output_raw(out, copse_bytes_of_text("\n"));
    return status;
}

copse_status copse_merge_print_conflict(copse_merge_print *print,
                                        const copse_database_conflict *conflict)
{
    copse_call *call = print->call;
    print->conflicts++;
    print->of_catalogue += conflict->what != COPSE_CONFLICT_DOCUMENT;
    if (call->output.json) {
        return merge_print_json(call, conflict);
    }
    return print->conflicts <= MERGE_PRINT_CONFLICTS_MAX ? merge_print_line(call, conflict)
                                                         : COPSE_OK;
}

void copse_merge_print_end(const copse_merge_print *print)
{
    if (!print->call->output.json && print->conflicts > MERGE_PRINT_CONFLICTS_MAX) {
        copse_output_format(&print->call->output, "… and %llu more\n",
                            (unsigned long long)(print->conflicts - MERGE_PRINT_CONFLICTS_MAX));
    }
}

/* ---- Numbers ---- */

void copse_merge_print_stats(copse_output *out, const copse_database_merge_stats *stats)
{
    if (out->json) {
        copse_output_number(out, "inserted", stats->inserted);
        copse_output_number(out, "replaced", stats->replaced);
        copse_output_number(out, "merged", stats->merged);
        copse_output_number(out, "deleted", stats->deleted);
        return;
    }
    copse_output_format(out, "%llu inserted, %llu replaced, %llu merged by fields, %llu deleted\n",
                        (unsigned long long)stats->inserted, (unsigned long long)stats->replaced,
                        (unsigned long long)stats->merged, (unsigned long long)stats->deleted);
}
