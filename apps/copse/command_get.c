/* copse get: documents by their _ids.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "union_search.h"

#include <copse/database_conflicts.h>
#include <copse/value.h>

#include <stdio.h>
#include <string.h>

static const copse_option get_options[] = {
    {"--canonical", NULL, COPSE_OPTION_FLAG, "write every number with its type", 0},
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_UNION,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Whether a merge has left the document out of the collection. Fetches; what can't be read is no
 * reason for another failure. */
static bool get_is_waiting(copse_documents *documents, copse_bytes id)
{
    copse_err *err = &documents->call->err;
    copse_database_conflicts *conflicts = NULL;
    const copse_document_conflict *conflict = NULL;
    int order = 1;
    copse_status status = copse_database_conflicts_new(
        documents->database, copse_bytes_of_text(documents->call->options.arguments[1]), &conflicts,
        err);
    if (status == COPSE_OK) {
        status = copse_database_conflicts_seek(conflicts, id, err);
    }
    if (status == COPSE_OK) {
        do {
            status = copse_database_conflicts_next(conflicts, &conflict, err);
        } while (copse_place_fetch(&documents->place, status));
    }
    if (status == COPSE_OK && conflict->waiting.document.len > 0) {
        status = copse_value_compare(conflict->id, id, &order, err);
    }
    copse_database_conflicts_free(conflicts);
    return status == COPSE_OK && order == 0;
}

/* Says also what the word was taken as: 17 is not "17". */
static int get_report_missing(copse_documents *documents, const char *word, copse_bytes id)
{
    copse_call *call = documents->call;
    copse_value value = {.type = COPSE_VALUE_NULL};
    char hint[256] = "`copse find DB COLL --project _id --limit 5` shows some";
    copse_status status = copse_value_read(id, &value, &call->err);
    if (get_is_waiting(documents, id)) {
        (void)snprintf(hint, sizeof hint,
                       "a merge left it waiting: `copse conflicts DB COLL` says for what");
    } else if (status == COPSE_OK && value.type != COPSE_VALUE_TEXT && word[0] != '{') {
        (void)snprintf(hint, sizeof hint, "%s was taken as %s; '\"%s\"' is the text", word,
                       copse_value_type_name(value.type), word);
    }
    return copse_failure(call, COPSE_NOT_FOUND, hint, "there is no document %s in '%s'", word,
                         call->options.arguments[1]);
}

static int get_one(copse_documents *documents, const copse_collection *collection, const char *word,
                   copse_buf *id, copse_document *document)
{
    copse_call *call = documents->call;
    copse_buf_truncate(id, 0);
    if (!copse_argument_id(call, word, id)) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status;
    do {
        status = copse_database_get(documents->database, collection, copse_buf_view(id), document,
                                    &call->err);
    } while (copse_place_fetch(&documents->place, status));
    if (status == COPSE_OK) {
        status =
            copse_output_document(&call->output, document->encoded,
                                  copse_options_has(&call->options, "--canonical"), &call->err);
    } else if (status == COPSE_NOT_FOUND) {
        return get_report_missing(documents, word, copse_buf_view(id));
    }
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_documents_failure(documents, status, word);
}

/* All that are there are printed. */
static int get_all(copse_documents *documents)
{
    const copse_options *options = &documents->call->options;
    const copse_collection *collection =
        copse_documents_collection(documents, options->arguments[1]);
    copse_document document = {.block = NULL};
    copse_buf id;
    int code = collection != NULL ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
    copse_buf_init(&id, &documents->call->env, documents->call->env.limits.json_size_bytes_max);
    for (size_t i = 2; i < options->arguments_count && collection != NULL; i++) {
        int one = get_one(documents, collection, options->arguments[i], &id, &document);
        code = one != COPSE_EXIT_OK ? one : code;
    }
    copse_buf_release(&id);
    copse_document_release(&document);
    return code;
}

static int get_run(copse_call *call)
{
    copse_documents documents;
    if (copse_union_is_named(call)) {
        return copse_union_get(call);
    }
    if (!copse_union_check_none(call)) {
        return COPSE_EXIT_USAGE;
    }
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    int code = get_all(&documents);
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_get = {
    .name = "get",
    .arguments = "DB COLL ID...",
    .summary = "Print the documents with these _ids",
    .details =
        "24 hexadecimal digits are an ObjectId; otherwise ID is JSON, such as 17, or\n"
        "'{\"$date\":\"2026-01-31T00:00:00Z\"}'; and what is no JSON is text: fig is the same "
        "as\n"
        "'\"fig\"'. Exit code 1 if one of them isn't there. Of a union (`copse union`), all that "
        "its\n"
        "databases have with these _ids.\n",
    .options = get_options,
    .examples = "copse get blog.copse posts 1\n"
                "copse get blog.copse posts 69141fa2b5c1d1a7e0f3b2c4 hello-world",
    .run = get_run,
};
