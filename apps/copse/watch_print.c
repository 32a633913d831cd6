/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "watch_print.h"

#include "change_print.h"
#include "failure.h"

#include <stdio.h>

static const char *watch_print_word(copse_change_kind kind)
{
    return kind == COPSE_ADDED ? "new" : kind == COPSE_REMOVED ? "gone" : "changed";
}

static copse_status watch_print_json(const copse_watch_print *print,
                                     const copse_watch_change *change, const copse_cid *commit)
{
    copse_call *call = print->call;
    copse_output *out = &call->output;
    copse_bytes document = change->kind == COPSE_REMOVED ? change->before : change->after;
    copse_output_begin(out);
    copse_output_text(out, "change", watch_print_word(change->kind));
    copse_status status = copse_output_ext_json(out, "_id", change->id, &call->err);
    if (status == COPSE_OK) {
        status = copse_output_ext_json(out, "document", document, &call->err);
    }
    if (status == COPSE_OK && change->kind == COPSE_CHANGED) {
        status = copse_change_print_fields(call, change->before, change->after);
    }
    copse_output_cid(out, "commit", commit);
    copse_output_end(out);
    return status;
}

static copse_status watch_print_line(const copse_watch_print *print,
                                     const copse_watch_change *change)
{
    copse_call *call = print->call;
    copse_output *out = &call->output;
    copse_output_format(out, "%c %s ", copse_change_sign(change->kind), print->collection);
    copse_status status = copse_output_value_ext_json(out, change->id, &call->err);
    if (status == COPSE_OK && change->kind == COPSE_CHANGED) {
        return copse_change_print_fields(call, change->before, change->after);
    }
    copse_output_format(out, "  ");
    if (status == COPSE_OK) {
        status = copse_output_value_ext_json(
            out, change->kind == COPSE_ADDED ? change->after : change->before, &call->err);
    }
    copse_output_format(out, "\n");
    return status;
}

copse_status copse_watch_print_change(const copse_watch_print *print,
                                      const copse_watch_change *change, const copse_cid *commit)
{
    return print->call->output.json ? watch_print_json(print, change, commit)
                                    : watch_print_line(print, change);
}

void copse_watch_print_add_counts(copse_watch_print *print, const copse_watch_counts *counts)
{
    print->counts.added += counts->added;
    print->counts.changed += counts->changed;
    print->counts.removed += counts->removed;
}

void copse_watch_print_counts(const copse_watch_print *print)
{
    const copse_watch_counts *counts = &print->counts;
    copse_output *out = &print->call->output;
    if (out->json) {
        copse_output_begin(out);
        copse_output_number(out, "new", counts->added);
        copse_output_number(out, "changed", counts->changed);
        copse_output_number(out, "gone", counts->removed);
        copse_output_end(out);
    } else {
        copse_output_format(out, "new\t%llu\nchanged\t%llu\ngone\t%llu\n",
                            (unsigned long long)counts->added, (unsigned long long)counts->changed,
                            (unsigned long long)counts->removed);
    }
}

void copse_watch_print_cost(const copse_watch_print *print, const copse_place *place)
{
    copse_output *out = &print->call->output;
    bool has_index = print->index[0] != '\0';
    uint64_t blocks = copse_place_blocks_read(place);
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "compared", has_index ? "index" : "documents");
        copse_output_text(out, "index", print->index);
        copse_output_number(out, "rows", print->stats.rows);
        copse_output_number(out, "documents", print->stats.documents);
        copse_output_number(out, "blocks_read", blocks);
    } else {
        copse_output_format(out, "compared  %s%s; rows that differ: %llu; documents loaded: %llu\n",
                            has_index ? "the index " : "documents", print->index,
                            (unsigned long long)print->stats.rows,
                            (unsigned long long)print->stats.documents);
        copse_output_format(out, "blocks    %llu read\n", (unsigned long long)blocks);
    }
    if (place->peers.remote != NULL) {
        copse_peers_print(&place->peers);
    }
    if (out->json) {
        copse_output_end(out);
    }
}

void copse_watch_print_add_cost(copse_watch_print *print, const copse_watch *watch)
{
    copse_bytes index = copse_watch_index(watch);
    copse_watch_stats stats = copse_watch_get_stats(watch);
    (void)snprintf(print->index, sizeof print->index, "%.*s", (int)index.len,
                   index.len > 0 ? (const char *)index.ptr : "");
    print->stats.rows += stats.rows;
    print->stats.documents += stats.documents;
}

void copse_watch_print_jump(const copse_watch_print *print, const copse_cid *before,
                            const copse_cid *after, bool is_older)
{
    copse_output *out = &print->call->output;
    if (print->only_counts) {
        return;
    }
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "change", "jump");
        copse_output_cid(out, "from", before);
        copse_output_cid(out, "commit", after);
        copse_output_end(out);
        return;
    }
    copse_note(print->call, "copse: the head %s; what differs is told all the same",
               is_older ? "went back, or to another past"
                        : "does not follow from the one that was seen last");
}
