/* copse find: the documents that a filter matches.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "explanation.h"
#include "failure.h"
#include "question.h"

static const copse_option find_options[] = {
    COPSE_OPTIONS_QUESTION,
    {"--canonical", NULL, COPSE_OPTION_FLAG, "write every number with its type", 0},
    COPSE_OPTION_HINT,
    COPSE_OPTION_EXPLAIN,
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct find {
    copse_call *call;
    copse_documents documents;
    const copse_collection *collection;
    copse_query *query;
} find;

/* Prints the answer, or with --explain only how it was found. */
static int find_answer(find *self, copse_result *result, copse_explanation *explanation)
{
    copse_call *call = self->call;
    bool explains = copse_options_has(&call->options, "--explain");
    bool canonical = copse_options_has(&call->options, "--canonical");
    copse_bytes document;
    copse_status status = COPSE_OK;
    while (!call->output.failed &&
           (status = copse_result_next(result, &document, &call->err)) == COPSE_OK) {
        if (!explains) {
            status = copse_output_document(&call->output, document, canonical, &call->err);
            if (status != COPSE_OK) {
                break;
            }
        }
    }
    if (status != COPSE_END && !call->output.failed) {
        return copse_explanation_failure(&self->documents, self->collection, status, "the query");
    }
    if (!explains || call->output.failed) {
        return COPSE_EXIT_OK;
    }
    explanation->stats = copse_result_get_stats(result);
    status = copse_result_explain(result, &explanation->plan, &call->err);
    return status == COPSE_OK ? copse_explanation_print(explanation)
                              : copse_failure_of(call, status, "the plan");
}

static int find_ask(find *self)
{
    copse_call *call = self->call;
    copse_documents *documents = &self->documents;
    copse_result *result = NULL;
    copse_explanation explanation;
    self->collection = copse_documents_collection(documents, call->options.arguments[1]);
    if (self->collection == NULL) {
        return COPSE_EXIT_FAILED;
    }
    copse_explanation_init(&explanation, documents, self->collection);
    copse_status status = copse_result_open(self->query, documents->database, &result, &call->err);
    int code = status == COPSE_OK
                   ? find_answer(self, result, &explanation)
                   : copse_explanation_failure(documents, self->collection, status, "the query");
    copse_result_close(result);
    copse_explanation_release(&explanation);
    return code;
}

static int find_run(copse_call *call)
{
    find self = {.call = call};
    copse_question question;
    int code = copse_question_init(&question, call, 1);
    if (code == COPSE_EXIT_OK) {
        code = copse_argument_query(call, &question.query, &self.query) &&
                       copse_documents_open(&self.documents, call, COPSE_LOCAL_READ)
                   ? find_ask(&self)
                   : COPSE_EXIT_FAILED;
    }
    copse_query_free(self.query);
    copse_documents_close(&self.documents);
    copse_question_release(&question);
    return code;
}

const copse_command copse_command_find = {
    .name = "find",
    .arguments = "DB COLL [FILTER]",
    .summary = "Print the documents that a filter matches",
    .details =
        "One document a line, as MongoDB Extended JSON; without FILTER all of them. FILTER is\n"
        "JSON in MongoDB's query language: {\"field\":value}, or in place of the value any of\n"
        "  $eq $ne $gt $gte $lt $lte $in $nin $not $exists $type $mod $regex $all $elemMatch\n"
        "  $size $bitsAllSet $bitsAllClear $bitsAnySet $bitsAnyClear\n"
        "and around filters $and $or $nor. \"author.name\" is a field of a field.\n"
        "Without --sort, documents come in any order. Which indexes there are never changes\n"
        "the answer; --explain says which were used, and which would help.\n",
    .options = find_options,
    .examples = "copse find blog.copse posts '{\"tags\":\"cats\"}' --sort -createdAt --limit 32\n"
                "copse find blog.copse posts "
                "'{\"createdAt\":{\"$gte\":{\"$date\":\"2026-01-01T00:00:00Z\"}}}'\n"
                "copse find blog.copse posts '{\"text\":{\"$regex\":\"^hi\"}}' --project "
                "title,author.name\n"
                "copse find blog.copse posts '{\"tags\":\"cats\"}' --explain",
    .run = find_run,
};
