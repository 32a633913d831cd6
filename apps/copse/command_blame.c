/* copse blame: who last changed each field of a document.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "table.h"

#include <copse/document_blame.h>
#include <copse/ext_json.h>
#include <copse/history_log.h>

#include <stdio.h>
#include <string.h>

enum {
    BLAME_VALUE_SIZE_MAX = 48,
    BLAME_AHEAD = 64 /* commits that are fetched with those at hand */
};

static const copse_option blame_options[] = {
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* ---- Printing ---- */

static copse_status blame_json(copse_output *out, const copse_blame_line *line, copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_output_begin(out);
    if (line->value.len > 0) {
        copse_output_text_bytes(out, "field", line->path);
        status = copse_output_ext_json(out, "value", line->value, err);
    } else {
        copse_output_bool(out, "deleted", true);
    }
    copse_output_cid(out, "commit", &line->commit);
    if (line->is_older) {
        copse_output_bool(out, "older", true);
    }
    copse_output_number(out, "time_ms", line->time_ms);
    if (line->author.len > 0) {
        copse_output_text_bytes(out, "author", line->author);
    }
    copse_output_text_bytes(out, "message", line->message);
    copse_output_end(out);
    return status;
}

/* A cell with the value, cut if it is long. */
static copse_status blame_value(copse_table *table, const copse_blame_line *line, copse_err *err)
{
    copse_buf json;
    copse_buf_init(&json, table->cells.env, SIZE_MAX);
    copse_status status = copse_ext_json_from_cbor(json.env, line->value, false, &json, err);
    size_t cut = BLAME_VALUE_SIZE_MAX;
    if (status == COPSE_OK && json.len > cut) {
        while (cut > 0 && (json.ptr[cut] & 0xc0) == 0x80) {
            cut--; /* to the beginning of a character */
        }
        copse_buf_truncate(&json, cut);
        status = copse_buf_append(&json, copse_bytes_of_text("…"));
    }
    if (status == COPSE_OK) {
        copse_table_bytes(table, copse_buf_view(&json));
    }
    copse_buf_release(&json);
    return status;
}

static copse_status blame_row(copse_table *table, const copse_blame_line *line, bool has_authors,
                              copse_err *err)
{
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    char time[COPSE_PAST_TIME_SIZE];
    char when[COPSE_PAST_TIME_SIZE + 16];
    const uint8_t *end =
        line->message.len > 0 ? memchr(line->message.ptr, '\n', line->message.len) : NULL;
    size_t size = end != NULL ? (size_t)(end - line->message.ptr) : line->message.len;
    copse_table_bytes(table, line->path);
    copse_status status = blame_value(table, line, err);
    (void)snprintf(when, sizeof when, "%s%s", copse_past_time(line->time_ms, time),
                   line->is_older ? " or before" : "");
    copse_table_text(table, when);
    copse_table_text(table, copse_cid_show(&line->commit, cid));
    if (has_authors) {
        copse_table_bytes(table, line->author);
    }
    copse_table_bytes(table, (copse_bytes){line->message.ptr, size});
    return status;
}

static copse_status blame_table(copse_call *call, const copse_blame_line *lines, size_t count)
{
    copse_table table;
    copse_status status = COPSE_OK;
    bool has_authors = false;
    for (size_t i = 0; i < count; i++) {
        has_authors = has_authors || lines[i].author.len > 0;
    }
    copse_table_init(&table, &call->env,
                     has_authors ? "field|value|time|commit|author|message"
                                 : "field|value|time|commit|message");
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = blame_row(&table, &lines[i], has_authors, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_table_print(&table, &call->output);
    }
    copse_table_release(&table);
    return status;
}

/* A document that is not there, and the commit that took it away. */
static void blame_deleted(copse_call *call, const copse_blame_line *line)
{
    copse_output *out = &call->output;
    char cid[COPSE_CID_TEXT_SIZE_MAX];
    char time[COPSE_PAST_TIME_SIZE];
    copse_output_format(out, "deleted %s in %s\n", copse_past_time(line->time_ms, time),
                        copse_cid_show(&line->commit, cid));
    if (line->message.len > 0) {
        copse_output_format(out, "  ");
        copse_output_bytes(out, line->message);
        copse_output_format(out, "\n");
    }
    if (line->author.len > 0) {
        copse_output_format(out, "  by ");
        copse_output_bytes(out, line->author);
        copse_output_format(out, "\n");
    }
}

static copse_status blame_print(copse_call *call, const copse_document_blame *blame)
{
    size_t count;
    copse_status status = COPSE_OK;
    const copse_blame_line *lines = copse_document_blame_lines(blame, &count);
    if (!call->output.json && count == 1 && lines[0].value.len == 0) {
        blame_deleted(call, &lines[0]);
        return COPSE_OK;
    }
    for (size_t i = 0; i < count && call->output.json && status == COPSE_OK; i++) {
        status = blame_json(&call->output, &lines[i], &call->err);
    }
    return call->output.json ? status : blame_table(call, lines, count);
}

/* ---- Running ---- */

static int blame_report_missing(copse_documents *documents)
{
    copse_call *call = documents->call;
    char **words = call->options.arguments;
    if (copse_documents_collection(documents, words[1]) == NULL) {
        return COPSE_EXIT_FAILED;
    }
    return copse_failure(call, COPSE_NOT_FOUND, "`copse get --help` says how _ids are written",
                         "there is no document %s in '%s', nor was there one", words[2], words[1]);
}

/* Has the next commits fetched, if anybody can be asked: one by one they would take a round trip
 * each, and together what their trees have of the document comes at once too. What can't be had
 * here is no failure. */
static void blame_fetch_ahead(copse_documents *documents, copse_history_log *log,
                              copse_remote_history *history)
{
    copse_status status = documents->place.has_peers ? COPSE_OK : COPSE_END;
    for (int i = 0; i < BLAME_AHEAD && status == COPSE_OK; i++) {
        const copse_cid *cid;
        const copse_commit *commit;
        do {
            status = copse_history_log_next(log, &cid, &commit, NULL);
        } while (copse_place_fetch_commits(&documents->place, status, history));
    }
}

static copse_status blame_walk(copse_documents *documents, copse_document_blame *blame)
{
    copse_call *call = documents->call;
    copse_place *place = &documents->place;
    copse_history_log *log = NULL;
    copse_remote_history history = {.limit = BLAME_AHEAD};
    copse_status status =
        copse_history_log_new(&call->env, place->source, &documents->head, 1, &log, &call->err);
    while (status == COPSE_OK) {
        status = copse_document_blame_run(blame, &call->err);
        if (!copse_place_fetch(place, status)) {
            break;
        }
        blame_fetch_ahead(documents, log, &history);
        status = COPSE_OK;
    }
    copse_history_log_free(log);
    return status;
}

static int blame_find(copse_documents *documents, copse_document_blame *blame)
{
    copse_call *call = documents->call;
    copse_status printed = COPSE_OK;
    copse_status status = blame_walk(documents, blame);
    if (status == COPSE_NOT_FOUND) {
        return blame_report_missing(documents);
    }
    if (status == COPSE_OK || status == COPSE_WANT) { /* then as far as it came */
        printed = blame_print(call, blame);
    }
    if (printed != COPSE_OK) {
        return copse_failure_of(call, printed, "the fields");
    }
    return status == COPSE_OK
               ? COPSE_EXIT_OK
               : copse_place_failure(&documents->place, status, "the history of the document");
}

static int blame_document(copse_documents *documents)
{
    copse_call *call = documents->call;
    char **words = call->options.arguments;
    int code = COPSE_EXIT_FAILED;
    copse_document_blame *blame = NULL;
    copse_buf id;
    if (!documents->has_history) {
        return copse_failure(call, COPSE_NOT_FOUND, "the first `copse insert` or import makes one",
                             "'%s' is a tree without history", documents->ref);
    }
    copse_buf_init(&id, &call->env, call->env.limits.json_size_bytes_max);
    if (copse_argument_id(call, words[2], &id)) {
        copse_status status = copse_document_blame_new(documents->place.nodes, &documents->head,
                                                       copse_bytes_of_text(words[1]),
                                                       copse_buf_view(&id), &blame, &call->err);
        code = status == COPSE_OK ? blame_find(documents, blame)
                                  : copse_failure_of(call, status, "%s", words[2]);
        copse_document_blame_free(blame);
    }
    copse_buf_release(&id);
    return code;
}

static int blame_run(copse_call *call)
{
    copse_documents documents;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    int code = blame_document(&documents);
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_blame = {
    .name = "blame",
    .arguments = "DB COLL ID",
    .summary = "Print who last changed each field of a document",
    .details =
        "For each field the commit that gave it its value, through merges the one on the side "
        "that\n"
        "it came from. Of a document that was deleted, when that was. ID is as for `copse get`.\n",
    .options = blame_options,
    .examples = "copse blame blog.copse posts 1\n"
                "copse blame blog.copse posts 1 --at HEAD~3 --json\n"
                "copse blame http://127.0.0.1:4180/blog posts hello-world",
    .run = blame_run,
};
