/* copse update: changes the documents that a filter matches, or gives one back and changes it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "explanation.h"
#include "failure.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static const copse_option update_options[] = {
    {"--multi", NULL, COPSE_OPTION_FLAG, "all that match, not only the first met", 0},
    {"--upsert", NULL, COPSE_OPTION_FLAG, "insert a document if none matches", 0},
    {"--array-filters", "JSON", COPSE_OPTION_TEXT, "'[{\"x.n\":{\"$gt\":5}}]' for $[x] in paths",
     0},
    {"--sort", "FIELDS", COPSE_OPTION_TEXT, "of those that match, the first in this order", 0},
    {"--return", "before|after", COPSE_OPTION_CHOICE, "print the document as it was, or is then",
     0},
    {"--project", "FIELDS", COPSE_OPTION_TEXT, "of it, these: title,author.name or -body", 0},
    COPSE_OPTION_HINT,
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct update_call {
    copse_call *call;
    copse_buf filter;
    copse_buf projection;
    copse_sort_spec sort;
    copse_update *update;
    copse_modify_options options;
    copse_modify_result result; /* What it borrows is in the bufs. */
    copse_buf id;
    copse_buf document;
} update_call;

/* ---- The command line ---- */

/* Compiles the update. */
static bool update_compile(update_call *self)
{
    copse_call *call = self->call;
    const char *filters = copse_options_text(&call->options, "--array-filters", NULL);
    copse_buf update;
    copse_buf array_filters;
    bool good = false;
    copse_buf_init(&update, &call->env, call->env.limits.json_size_bytes_max);
    copse_buf_init(&array_filters, &call->env, call->env.limits.json_size_bytes_max);
    if (copse_argument_json(call, "the update", call->options.arguments[3], COPSE_EXT_JSON_QUERY,
                            &update) &&
        (filters == NULL || copse_argument_json(call, "--array-filters", filters,
                                                COPSE_EXT_JSON_QUERY, &array_filters))) {
        copse_status status =
            copse_update_new(&call->env, copse_buf_view(&update), copse_buf_view(&array_filters),
                             &self->update, &call->err);
        good = status == COPSE_OK;
        if (!good) {
            (void)copse_failure(call, status, "`copse update --help` has examples",
                                "the update: %s", call->err.message);
        }
    }
    copse_buf_release(&update);
    copse_buf_release(&array_filters);
    return good;
}

/* What makes no sense together. Returns an exit code. */
static int update_check_options(update_call *self)
{
    copse_call *call = self->call;
    const copse_options *options = &call->options;
    bool returns = copse_options_has(options, "--return");
    if (!copse_options_has(options, "--multi")) {
        return returns || !copse_options_has(options, "--project")
                   ? COPSE_EXIT_OK
                   : copse_failure_usage(call, "--project is for --return");
    }
    if (returns || copse_options_has(options, "--sort")) {
        return copse_failure_usage(call, "%s is for one document, not with --multi",
                                   returns ? "--return" : "--sort");
    }
    return copse_update_is_replacement(self->update)
               ? copse_failure_usage(call, "a replacement is of one document, not with --multi; "
                                           "'{\"$set\":{…}}' changes fields")
               : COPSE_EXIT_OK;
}

/* Reads the command line into the options. */
static bool update_read(update_call *self)
{
    copse_call *call = self->call;
    const copse_options *options = &call->options;
    const char *sort = copse_options_text(options, "--sort", NULL);
    const char *projection = copse_options_text(options, "--project", NULL);
    const char *give = copse_options_text(options, "--return", "");
    if (!copse_argument_filter(call, 2, &self->filter) || !update_compile(self) ||
        (sort != NULL && !copse_argument_fields(call, "--sort", sort, false, &self->sort)) ||
        (projection != NULL && !copse_argument_projection(call, projection, &self->projection))) {
        return false;
    }
    self->options = (copse_modify_options){
        .collection = copse_bytes_of_text(options->arguments[1]),
        .filter = copse_buf_view(&self->filter),
        .sort = &self->sort,
        .hint = copse_bytes_of_text(copse_options_text(options, "--hint", "")),
        .update = self->update,
        .multi = copse_options_has(options, "--multi"),
        .upsert = copse_options_has(options, "--upsert"),
        .return_document = strcmp(give, "before") == 0  ? COPSE_MODIFY_RETURN_BEFORE
                           : strcmp(give, "after") == 0 ? COPSE_MODIFY_RETURN_AFTER
                                                        : COPSE_MODIFY_RETURN_NOTHING,
        .projection = copse_buf_view(&self->projection),
    };
    return true;
}

/* Whether filter and projection are right, before anything is opened. */
static bool update_check_query(update_call *self)
{
    copse_query *query = NULL;
    const copse_query_options options = {.filter = self->options.filter,
                                         .projection = self->options.projection};
    bool good = copse_argument_query(self->call, &options, &query);
    copse_query_free(query);
    return good;
}

/* ---- The change ---- */

/* Keeps what the result lends, until it is printed. */
static copse_status update_keep(update_call *self)
{
    copse_buf_truncate(&self->id, 0);
    copse_buf_truncate(&self->document, 0);
    copse_status status = copse_buf_append(&self->id, self->result.id);
    return status == COPSE_OK ? copse_buf_append(&self->document, self->result.document) : status;
}

static int update_refused(void *ctx, copse_documents *documents, copse_status status, size_t failed)
{
    update_call *self = ctx;
    (void)documents;
    (void)failed;
    return copse_failure(self->call, status, "nothing was changed", "%s", self->call->err.message);
}

static int update_find(void *ctx, copse_documents *documents, copse_modify *modify)
{
    update_call *self = ctx;
    copse_call *call = self->call;
    const char *name = call->options.arguments[1];
    const copse_collection *collection =
        copse_database_collection(documents->database, copse_bytes_of_text(name));
    if (collection == NULL && !self->options.upsert) {
        (void)copse_documents_collection(documents, name);
        return COPSE_EXIT_FAILED;
    }
    copse_status status = copse_documents_modify(documents, modify, &self->options, &self->result);
    if (status == COPSE_OK) {
        status = update_keep(self);
        return status == COPSE_OK ? COPSE_EXIT_OK
                                  : copse_failure_of(call, status, "nothing was changed");
    }
    bool is_refusal = status == COPSE_CORRUPT || status == COPSE_LIMIT || status == COPSE_MISUSE;
    return is_refusal ? update_refused(self, documents, status, 0)
           : collection != NULL
               ? copse_explanation_failure(documents, collection, status, "nothing was changed")
               : copse_documents_failure(documents, status, "nothing was changed");
}

static void update_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                            size_t size)
{
    update_call *self = ctx;
    char count[64];
    const char *collection = self->call->options.arguments[1];
    if (self->result.upserted) {
        (void)snprintf(ret_message, size, "upsert 1 document into %s", collection);
    } else {
        (void)snprintf(ret_message, size, "update %s in %s",
                       copse_documents_plural(stats->replaced, "document", count, sizeof count),
                       collection);
    }
}

/* ---- What is printed ---- */

static copse_status update_print_json(update_call *self, const copse_documents *documents)
{
    copse_call *call = self->call;
    copse_output *out = &call->output;
    copse_status status = COPSE_OK;
    copse_output_begin(out);
    copse_output_number(out, "matched", self->result.matched);
    copse_output_number(out, "modified", self->result.modified);
    if (self->result.upserted) {
        status = copse_output_ext_json(out, "upserted", copse_buf_view(&self->id), &call->err);
    }
    if (status == COPSE_OK && self->options.return_document != COPSE_MODIFY_RETURN_NOTHING) {
        status =
            copse_output_ext_json(out, "document", copse_buf_view(&self->document), &call->err);
    }
    copse_documents_print_head(documents);
    copse_output_end(out);
    return status;
}

static copse_status update_print_text(update_call *self, const copse_documents *documents)
{
    copse_call *call = self->call;
    copse_output *out = &call->output;
    char matched[64];
    char modified[COPSE_TEXT_NUMBER_SIZE];
    copse_status status = COPSE_OK;
    if (self->options.return_document != COPSE_MODIFY_RETURN_NOTHING) {
        return self->document.len == 0
                   ? COPSE_OK
                   : copse_output_document(out, copse_buf_view(&self->document), false, &call->err);
    }
    copse_output_format(
        out, "matched %s, modified %s",
        copse_documents_plural(self->result.matched, "document", matched, sizeof matched),
        copse_text_of_count(self->result.modified, modified));
    if (self->result.upserted) {
        const copse_collection *collection =
            copse_database_collection(documents->database, self->options.collection);
        copse_output_format(out, ", inserted ");
        copse_output_bytes(out, collection->primary_key);
        copse_output_format(out, " ");
        status = copse_output_value_ext_json(out, copse_buf_view(&self->id), &call->err);
    }
    copse_output_format(out, "\n");
    return status;
}

static int update_documents(update_call *self, copse_documents *documents)
{
    copse_call *call = self->call;
    copse_write_stats stats;
    const copse_documents_change change = {
        .run = update_find,
        .refused = update_refused,
        .describe = update_describe,
        .ctx = self,
    };
    bool is_new = copse_database_collection(documents->database, self->options.collection) == NULL;
    int code = copse_documents_write(documents, &change, &stats);
    if (code != COPSE_EXIT_OK) {
        return code;
    }
    copse_status status =
        call->output.json ? update_print_json(self, documents) : update_print_text(self, documents);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "the documents were changed, but");
    }
    if (is_new && self->result.upserted) {
        (void)copse_output_flush(&call->output);
        copse_note(call, "copse: made the collection '%s'", call->options.arguments[1]);
    }
    return COPSE_EXIT_OK;
}

static int update_run(copse_call *call)
{
    update_call self = {.call = call};
    copse_documents documents;
    size_t max = call->env.limits.json_size_bytes_max;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&self.filter, &call->env, max);
    copse_buf_init(&self.projection, &call->env, max);
    copse_buf_init(&self.id, &call->env, SIZE_MAX);
    copse_buf_init(&self.document, &call->env, SIZE_MAX);
    if (update_read(&self) && update_check_query(&self)) {
        code = update_check_options(&self);
    }
    if (code == COPSE_EXIT_OK) {
        code = COPSE_EXIT_FAILED;
        if (copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
            code = update_documents(&self, &documents);
            copse_documents_close(&documents);
        }
    }
    copse_update_free(self.update);
    copse_sort_spec_release(&self.sort);
    copse_buf_release(&self.filter);
    copse_buf_release(&self.projection);
    copse_buf_release(&self.id);
    copse_buf_release(&self.document);
    return code;
}

const copse_command copse_command_update = {
    .name = "update",
    .arguments = "DB COLL FILTER UPDATE",
    .summary = "Change a document that a filter matches, or all",
    .details =
        "FILTER as for `copse find`. UPDATE has operators such as $set, $inc and $push, or is a\n"
        "whole document, which takes the place of the one that is there. At most one document,\n"
        "without --multi. All or none, in one commit; an update that changes nothing makes none.\n"
        "If others write meanwhile, it is applied to what is there then. Prints how many matched\n"
        "and how many differ now; with --return the one document, or nothing if there is none.\n",
    .options = update_options,
    .examples =
        "copse update blog.copse posts '{\"_id\":1}' '{\"$set\":{\"title\":\"Hello\"}}'\n"
        "copse update blog.copse posts '{\"tags\":\"cats\"}' '{\"$addToSet\":{\"tags\":\"pets\"}}' "
        "--multi\n"
        "copse update blog.copse counters '{\"_id\":\"visits\"}' '{\"$inc\":{\"n\":1}}' --upsert "
        "--return after\n"
        "copse update blog.copse jobs '{\"done\":false}' '{\"$set\":{\"done\":true}}' --sort at "
        "--return after",
    .run = update_run,
};
