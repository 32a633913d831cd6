/* copse diff and show: what differs between two states of a database.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "change_print.h"
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "past.h"

#include <copse/document_diff.h>

#include <stdio.h>

static const copse_option diff_options[] = {
    {"--ids", NULL, COPSE_OPTION_FLAG, "only which documents differ, not how", 0},
    {"--count", NULL, COPSE_OPTION_FLAG, "only how many documents, collections and indexes", 0},
    {"--ref", "NAME|CID", COPSE_OPTION_TEXT, "what HEAD is, instead of the ref main", 0},
    COPSE_OPTIONS_PEERS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static const char *const diff_words[] = {
    [COPSE_ADDED] = "added", [COPSE_REMOVED] = "removed", [COPSE_CHANGED] = "changed"};

/* ---- One change ---- */

/* What became of a document: its fields, or all of it. */
static copse_status diff_print_content(copse_call *call, const copse_document_change *change)
{
    copse_output *out = &call->output;
    if (change->kind == COPSE_CHANGED) {
        return copse_change_print_fields(call, change->before, change->after);
    }
    copse_bytes document = change->kind == COPSE_ADDED ? change->after : change->before;
    if (out->json) {
        return copse_output_ext_json(out, "document", document, &call->err);
    }
    copse_output_format(out, "  ");
    copse_status status = copse_output_value_ext_json(out, document, &call->err);
    copse_output_format(out, "\n");
    return status;
}

static copse_status diff_print_document(copse_call *call, const copse_document_change *change)
{
    copse_output *out = &call->output;
    copse_status status;
    if (out->json) {
        status = copse_output_ext_json(out, "_id", change->id, &call->err);
    } else {
        copse_output_format(out, " ");
        status = copse_output_value_ext_json(out, change->id, &call->err);
    }
    if (status == COPSE_OK && !copse_options_has(&call->options, "--ids")) {
        return diff_print_content(call, change);
    }
    if (!out->json) {
        copse_output_format(out, "\n");
    }
    return status;
}

static copse_status diff_print(copse_call *call, const copse_document_change *change)
{
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "change", diff_words[change->kind]);
        copse_output_text_bytes(out, "collection", change->collection);
    } else {
        copse_output_format(out, "%c ", copse_change_sign(change->kind));
        copse_output_bytes(out, change->collection);
    }
    if (change->what == COPSE_CHANGE_DOCUMENT) {
        status = diff_print_document(call, change);
    } else if (change->what == COPSE_CHANGE_INDEX && out->json) {
        copse_output_text_bytes(out, "index", change->index);
    } else if (change->what == COPSE_CHANGE_INDEX) {
        copse_output_format(out, ": index ");
        copse_output_bytes(out, change->index);
        copse_output_format(out, "\n");
    } else if (!out->json) {
        copse_output_format(out, ": the collection\n");
    }
    if (out->json) {
        copse_output_end(out);
    }
    return status;
}

/* ---- All of them ---- */

/* How many documents of each kind of change, and how many collections and indexes changed. */
typedef struct diff_counts {
    uint64_t documents[3];
    uint64_t collections;
    uint64_t indexes;
} diff_counts;

static void diff_count(diff_counts *counts, const copse_document_change *change)
{
    counts->documents[change->kind] += change->what == COPSE_CHANGE_DOCUMENT;
    counts->collections += change->what == COPSE_CHANGE_COLLECTION;
    counts->indexes += change->what == COPSE_CHANGE_INDEX;
}

static void diff_print_count(copse_output *out, const char *word, uint64_t count)
{
    if (out->json) {
        copse_output_number(out, word, count);
    } else {
        copse_output_format(out, "%s\t%llu\n", word, (unsigned long long)count);
    }
}

static void diff_print_counts(copse_output *out, const diff_counts *counts)
{
    static const copse_change_kind order[3] = {COPSE_ADDED, COPSE_REMOVED, COPSE_CHANGED};
    if (out->json) {
        copse_output_begin(out);
    }
    for (size_t i = 0; i < 3; i++) {
        diff_print_count(out, diff_words[order[i]], counts->documents[order[i]]);
    }
    diff_print_count(out, "collections", counts->collections);
    diff_print_count(out, "indexes", counts->indexes);
    if (out->json) {
        copse_output_end(out);
    }
}

/* Whether one of the states has the collection, if one is named. */
static bool diff_check_collection(copse_documents *documents, const copse_past *before,
                                  const copse_past *after, const char *name)
{
    copse_bytes bytes = copse_bytes_of_text(name);
    if (name[0] == '\0' || copse_database_collection(before->database, bytes) != NULL ||
        copse_database_collection(after->database, bytes) != NULL) {
        return true;
    }
    if (copse_documents_collection(documents, name) != NULL) {
        (void)copse_failure(documents->call, COPSE_NOT_FOUND,
                            "`copse collections DB --at REVISION` lists what a state has",
                            "neither of the two states has a collection '%s'", name);
    }
    return false;
}

static int diff_states(copse_past *before, copse_past *after, const char *collection)
{
    copse_place *place = after->place;
    copse_call *call = place->call;
    bool only_count = copse_options_has(&call->options, "--count");
    const copse_document_diff_options options = {
        .collection = copse_bytes_of_text(collection),
        .ids_only = only_count || copse_options_has(&call->options, "--ids"),
    };
    copse_document_diff *diff = NULL;
    copse_document_change change;
    diff_counts counts = {.collections = 0};
    copse_status status =
        copse_document_diff_new(before->database, after->database, &options, &diff, &call->err);
    while (status == COPSE_OK && !call->output.failed) {
        do {
            status = copse_document_diff_next(diff, &change, &call->err);
        } while (copse_place_fetch(place, status));
        if (status == COPSE_OK && only_count) {
            diff_count(&counts, &change);
        } else if (status == COPSE_OK) {
            status = diff_print(call, &change);
        }
    }
    copse_document_diff_free(diff);
    if (status != COPSE_END && !call->output.failed) {
        return copse_place_failure(place, status, "the difference");
    }
    if (only_count) {
        diff_print_counts(&call->output, &counts);
    }
    return COPSE_EXIT_OK;
}

/* Opens both states and compares them; `before` NULL: that of nothing. */
static int diff_cids(copse_documents *documents, const copse_cid *before, const copse_cid *after,
                     const char *collection)
{
    copse_place *place = &documents->place;
    copse_past states[2] = {{.place = NULL}, {.place = NULL}};
    int code = COPSE_EXIT_FAILED;
    if ((before == NULL || copse_past_open(&states[0], place, before, "the state before")) &&
        copse_past_open(&states[1], place, after, "the state after") &&
        diff_check_collection(documents, &states[0], &states[1], collection)) {
        code = diff_states(&states[0], &states[1], collection);
    }
    copse_past_close(&states[1]);
    copse_past_close(&states[0]);
    return code;
}

/* Whether the second state is one, and no collection that was written in its place. */
static bool diff_check_state(copse_documents *documents, const char *name)
{
    copse_bytes bytes = copse_bytes_of_text(name);
    copse_cid cid;
    if (copse_database_collection(documents->database, bytes) == NULL ||
        copse_past_find_name(&documents->place, bytes, &cid)) {
        return true;
    }
    char hint[256];
    (void)snprintf(hint, sizeof hint, "both states stand before it: `copse diff DB %s HEAD %s`",
                   documents->call->options.arguments[1], name);
    (void)copse_failure(documents->call, COPSE_MISUSE, hint, "'%s' is a collection", name);
    return false;
}

static int diff_run(copse_call *call)
{
    copse_documents documents;
    copse_cid before;
    copse_cid after;
    char **arguments = call->options.arguments;
    size_t count = call->options.arguments_count;
    int code = COPSE_EXIT_FAILED;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    const char *second = count > 2 ? arguments[2] : "HEAD";
    if (copse_past_resolve(&documents.place, &documents.head, arguments[1], &before) &&
        diff_check_state(&documents, second) &&
        copse_past_resolve(&documents.place, &documents.head, second, &after)) {
        code = diff_cids(&documents, &before, &after, count > 3 ? arguments[3] : "");
    }
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_diff = {
    .name = "diff",
    .arguments = "DB A [B] [COLL]",
    .summary = "Print what is different in B: documents and fields",
    .details =
        "A and B name states: HEAD~3, a branch, a tag, a commit, or a day such as 2026-11-22;\n"
        "B is HEAD if it is not said. A line is a sign, the collection and the document:\n"
        "  +  only B has it      -  only A has it      ~  both have it; its fields follow\n"
        "The work follows the difference, not the size.\n",
    .options = diff_options,
    .examples = "copse diff blog.copse HEAD~1\n"
                "copse diff blog.copse 2026-11-01 2026-11-22 posts --ids\n"
                "copse diff blog.copse main draft --count",
    .run = diff_run,
};

/* ---- show ---- */

static int show_commit(copse_documents *documents, const copse_cid *cid)
{
    copse_call *call = documents->call;
    copse_past past;
    if (!copse_past_open(&past, &documents->place, cid, "the commit")) {
        return COPSE_EXIT_FAILED;
    }
    if (past.block == NULL) {
        copse_past_close(&past);
        return copse_failure(call, COPSE_MISUSE, "`copse log DB` lists commits",
                             "this is a tree, and no commit");
    }
    if (call->output.json) {
        copse_output_begin(&call->output);
    }
    copse_past_print(call, cid, &past.commit);
    if (call->output.json) {
        copse_output_end(&call->output);
    }
    copse_cid parent = past.commit.parents[0];
    bool is_first = past.commit.parents_count == 0;
    copse_past_close(&past);
    return diff_cids(documents, is_first ? NULL : &parent, cid, "");
}

static int show_run(copse_call *call)
{
    copse_documents documents;
    copse_cid cid;
    int code = COPSE_EXIT_FAILED;
    const char *revision = call->options.arguments_count > 1 ? call->options.arguments[1] : "HEAD";
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    if (copse_past_resolve(&documents.place, &documents.head, revision, &cid)) {
        code = show_commit(&documents, &cid);
    }
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_show = {
    .name = "show",
    .arguments = "DB [REVISION]",
    .summary = "Print a commit and what it changed",
    .details = "Without REVISION the last one. What it changed is told as by `copse diff`, from "
               "its first\n"
               "parent.\n",
    .options = diff_options,
    .examples = "copse show blog.copse\n"
                "copse show blog.copse HEAD~2 --ids",
    .run = show_run,
};
