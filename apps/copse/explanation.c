/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "explanation.h"

#include "failure.h"
#include "progress.h"
#include "text.h"

#include <copse/dag_cbor.h>

#include <stdio.h>
#include <string.h>

enum { EXPLANATION_PLAN_SIZE_MAX = 1 << 20, EXPLANATION_KEY_SIZE = 32 };

void copse_explanation_init(copse_explanation *explanation, copse_documents *documents)
{
    *explanation = (copse_explanation){.documents = documents, .seconds = copse_progress_now()};
    copse_buf_init(&explanation->plan, &documents->call->env, EXPLANATION_PLAN_SIZE_MAX);
}

void copse_explanation_release(copse_explanation *explanation)
{
    copse_buf_release(&explanation->plan);
}

/* ---- The plan's map ---- */

/* The item under `key`, encoded; empty if there is none. */
static copse_bytes explanation_item(const copse_explanation *explanation, const char *key)
{
    copse_cbor_reader reader;
    copse_bytes encoded = {NULL, 0};
    copse_cbor_reader_init(&reader, copse_buf_view(&explanation->plan));
    if (copse_cbor_find_key(&reader, copse_bytes_of_text(key), NULL) == COPSE_OK) {
        (void)!copse_cbor_take(&reader, &encoded, NULL);
    }
    return encoded;
}

/* The text under `key`; empty if there is none. */
static copse_bytes explanation_text(const copse_explanation *explanation, const char *key)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, explanation_item(explanation, key));
    bool found = copse_cbor_next(&reader, &item, NULL) == COPSE_OK && item.kind == COPSE_CBOR_TEXT;
    return found ? item.bytes : (copse_bytes){NULL, 0};
}

/* ---- Peers ---- */

static const struct {
    const char *name;
    const char *people;
} explanation_ways[] = {
    [COPSE_REMOTE_NOT_YET] = {"none", "nobody was asked"},
    [COPSE_REMOTE_LOCAL] = {"local", "by blocks that were here: nobody was asked"},
    [COPSE_REMOTE_ANSWER] = {"answer", "a peer's answer, with its proof"},
    [COPSE_REMOTE_MIXED] = {"mixed", "a peer's answer as far as it went, then block by block"},
    [COPSE_REMOTE_BLOCKS] = {"blocks", "block by block"},
};

/* Whether peers were opened: for all that is not here, or for what a folder lacks. */
static bool explanation_is_remote(const copse_explanation *explanation)
{
    return explanation->documents->place.peers.remote != NULL;
}

static copse_remote_way explanation_way(const copse_explanation *explanation)
{
    const copse_remote *remote = explanation->documents->place.peers.remote;
    return explanation->way != COPSE_REMOTE_NOT_YET    ? explanation->way
           : copse_remote_get_stats(remote).blocks > 0 ? COPSE_REMOTE_BLOCKS
                                                       : COPSE_REMOTE_LOCAL;
}

/* ---- For programs ---- */

/* The members of the map, "plan" and "index" before the others. */
static copse_status explanation_json_plan(const copse_explanation *explanation, copse_output *out,
                                          copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_bytes value;
    char name[EXPLANATION_KEY_SIZE];
    copse_status status =
        copse_output_ext_json(out, "plan", explanation_item(explanation, "plan"), err);
    if (status == COPSE_OK) {
        status = copse_output_ext_json(out, "index", explanation_item(explanation, "index"), err);
    }
    copse_cbor_reader_init(&reader, copse_buf_view(&explanation->plan));
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &item, err);
    }
    while (status == COPSE_OK && (status = copse_cbor_next(&reader, &item, err)) == COPSE_OK &&
           (status = copse_cbor_take(&reader, &value, err)) == COPSE_OK) {
        (void)snprintf(name, sizeof name, "%.*s", (int)item.bytes.len,
                       (const char *)item.bytes.ptr);
        if (strcmp(name, "plan") != 0 && strcmp(name, "index") != 0) {
            status = copse_output_ext_json(out, name, value, err);
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status explanation_json(const copse_explanation *explanation, copse_output *out,
                                     copse_err *err)
{
    copse_output_begin(out);
    copse_status status = explanation_json_plan(explanation, out, err);
    copse_output_number(out, "keys_examined", explanation->stats.keys_examined);
    copse_output_number(out, "documents_examined", explanation->stats.documents_examined);
    if (explanation->count != NULL) {
        copse_output_number(out, "count", *explanation->count);
    }
    copse_output_number(out, "returned", explanation->stats.returned);
    copse_output_number(out, "sorted", explanation->stats.sorted);
    copse_output_number(out, "blocks_read", explanation->blocks_read);
    if (explanation_is_remote(explanation)) {
        copse_output_text(out, "way", explanation_ways[explanation_way(explanation)].name);
        copse_peers_print(&explanation->documents->place.peers);
    }
    copse_output_real(out, "milliseconds", explanation->seconds * 1e3);
    copse_output_end(out);
    return status;
}

/* ---- For people ---- */

/* A line with a label; nothing if there is nothing behind it. */
static void explanation_line(copse_output *out, const char *label, copse_bytes text)
{
    if (text.len > 0) {
        copse_output_format(out, "%-10s", label);
        copse_output_bytes(out, text);
        copse_output_format(out, "\n");
    }
}

/* What is under `key`, if it says anything: text as it is, other values as JSON. */
static copse_status explanation_value(copse_output *out, const char *label, copse_bytes encoded,
                                      copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, encoded);
    copse_status status = copse_cbor_next(&reader, &item, NULL);
    bool empty = (item.kind == COPSE_CBOR_MAP || item.kind == COPSE_CBOR_ARRAY) && item.arg == 0;
    if (status != COPSE_OK || empty || item.kind == COPSE_CBOR_NULL) {
        return COPSE_OK;
    }
    if (item.kind == COPSE_CBOR_TEXT) {
        explanation_line(out, label, item.bytes);
        return COPSE_OK;
    }
    copse_output_format(out, "%-10s", label);
    return copse_output_document(out, encoded, false, err);
}

/* Each range on a line of its own, the first few of many. */
static copse_status explanation_ranges(const copse_explanation *explanation, copse_output *out,
                                       copse_err *err)
{
    enum { SHOWN_MAX = 5 };
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_bytes range;
    copse_cbor_reader_init(&reader, explanation_item(explanation, "ranges"));
    copse_status status = copse_cbor_next(&reader, &item, err);
    uint64_t count = status == COPSE_OK && item.kind == COPSE_CBOR_ARRAY ? item.arg : 0;
    status = COPSE_OK;
    for (uint64_t i = 0; i < count && i < SHOWN_MAX && status == COPSE_OK; i++) {
        status = copse_cbor_take(&reader, &range, err);
        if (status == COPSE_OK) {
            status = explanation_value(out, i == 0 ? "ranges" : "", range, err);
        }
    }
    if (status == COPSE_OK && count > SHOWN_MAX) {
        copse_output_format(out, "          … and %llu more\n",
                            (unsigned long long)(count - SHOWN_MAX));
    }
    return status;
}

/* A word as the shell must be given it. */
static void explanation_shell_word(copse_output *out, copse_bytes word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_,.-/+:@";
    bool quoted = word.len == 0;
    for (size_t i = 0; i < word.len; i++) {
        quoted = quoted || strchr(plain, word.ptr[i]) == NULL;
    }
    copse_output_format(out, quoted ? " '" : " ");
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '\'') {
            copse_output_format(out, "'\\''");
        } else {
            copse_output_raw(out, (copse_bytes){word.ptr + i, 1});
        }
    }
    copse_output_format(out, quoted ? "'" : "");
}

static void explanation_suggestion(const copse_explanation *explanation, copse_output *out)
{
    copse_bytes fields = explanation_text(explanation, "suggestion");
    const copse_place *place = &explanation->documents->place;
    char **arguments = explanation->documents->call->options.arguments;
    if (fields.len > 0 && place->local.db == NULL) {
        copse_output_format(out, "faster    an index on");
        explanation_shell_word(out, fields);
        copse_output_format(out, ", which only who writes the database can make\n");
    } else if (fields.len > 0) {
        copse_output_format(out, "faster    copse index");
        explanation_shell_word(out, copse_bytes_of_text(place->name));
        explanation_shell_word(out, copse_bytes_of_text(arguments[1]));
        explanation_shell_word(out, fields);
        copse_output_format(out, "\n");
    }
}

static void explanation_costs(const copse_explanation *explanation, copse_output *out)
{
    char texts[4][64];
    const copse_result_stats *stats = &explanation->stats;
    copse_output_format(
        out, "examined  %s, %s; %s read\n",
        copse_documents_plural(stats->keys_examined, "key", texts[0], sizeof texts[0]),
        copse_documents_plural(stats->documents_examined, "document", texts[1], sizeof texts[1]),
        copse_documents_plural(explanation->blocks_read, "block", texts[2], sizeof texts[2]));
    if (stats->sorted > 0) {
        copse_output_format(
            out, "sorted    %s in memory\n",
            copse_documents_plural(stats->sorted, "document", texts[0], sizeof texts[0]));
    }
    if (explanation->count != NULL) {
        copse_output_format(out, "counted   %s",
                            copse_text_of_count(*explanation->count, texts[0]));
    } else {
        copse_output_format(
            out, "returned  %s",
            copse_documents_plural(stats->returned, "document", texts[0], sizeof texts[0]));
    }
    copse_output_format(out, " in %.1f ms\n", explanation->seconds * 1e3);
}

static copse_status explanation_people(const copse_explanation *explanation, copse_output *out,
                                       copse_err *err)
{
    copse_bytes index = explanation_text(explanation, "index");
    copse_output_format(out, "plan      ");
    copse_output_bytes(out, explanation_text(explanation, "plan"));
    if (index.len > 0) {
        copse_output_format(out, " of '");
        copse_output_bytes(out, index);
        copse_output_format(out, "'");
    }
    copse_output_format(out, "\n");
    explanation_line(out, "why", explanation_text(explanation, "why"));
    copse_status status = explanation_ranges(explanation, out, err);
    if (status == COPSE_OK) {
        status = explanation_value(out, "checked", explanation_item(explanation, "filter"), err);
    }
    explanation_costs(explanation, out);
    if (explanation_is_remote(explanation)) {
        explanation_line(
            out, "way", copse_bytes_of_text(explanation_ways[explanation_way(explanation)].people));
        copse_peers_print(&explanation->documents->place.peers);
    }
    explanation_suggestion(explanation, out);
    return status;
}

int copse_explanation_print(copse_explanation *explanation)
{
    copse_call *call = explanation->documents->call;
    copse_output *out = &call->output;
    explanation->seconds = copse_progress_now() - explanation->seconds;
    explanation->blocks_read = copse_place_blocks_read(&explanation->documents->place);
    copse_status status =
        (out->json ? explanation_json : explanation_people)(explanation, out, &call->err);
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_failure_of(call, status, "the plan");
}

int copse_explanation_failure(copse_documents *documents, const copse_collection *collection,
                              copse_status status, const char *what)
{
    copse_call *call = documents->call;
    if (status == COPSE_NOT_FOUND || status == COPSE_MISUSE) {
        const char *hint = copse_options_text(&call->options, "--hint", "");
        if (status == COPSE_NOT_FOUND &&
            copse_documents_index(documents, collection, hint) == NULL) {
            return COPSE_EXIT_FAILED;
        }
        return copse_failure(call, status,
                             hint[0] != '\0' ? "without --hint the best index is chosen" : NULL,
                             "%s: %s", what, call->err.message);
    }
    if (status == COPSE_LIMIT) {
        return copse_failure(call, status, NULL, "%s: %s", what, call->err.message);
    }
    return copse_documents_failure(documents, status, what);
}

void copse_explanation_note_partial(const copse_call *call, uint64_t printed)
{
    if (printed > 0) {
        copse_note(call, "       the documents printed above are in the database; nothing says "
                         "that they are all");
    }
}
