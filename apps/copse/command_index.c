/* copse index: makes an index over the documents that there are.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "progress.h"
#include "text.h"

#include <copse/run_file.h>

#include <stdio.h>
#include <string.h>

static const copse_option index_options[] = {
    {"--name", "NAME", COPSE_OPTION_TEXT, "its name, instead of its fields", 0},
    {"--unique", NULL, COPSE_OPTION_FLAG, "refuse documents with equal values in all fields", 0},
    {"--where", "FILTER", COPSE_OPTION_TEXT, "only documents that the filter matches", 0},
    {"--include", "FIELDS", COPSE_OPTION_TEXT,
     "keep these fields too: queries for them read no documents", 0},
    {"--link", NULL, COPSE_OPTION_FLAG, "entries lead straight to documents (linked ones)", 0},
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

typedef struct index_call {
    copse_call *call;
    copse_sort_spec fields;
    copse_sort_spec included;
    copse_bytes include[COPSE_SORT_FIELDS_MAX];
    copse_buf filter;
    copse_index_definition definition;
    copse_buf name; /* of the index that is made */
    copse_progress progress;
    bool makes_collection;
} index_call;

/* Reads the command line into the definition. */
static bool index_prepare(index_call *self)
{
    copse_call *call = self->call;
    const copse_options *options = &call->options;
    const char *where = copse_options_text(options, "--where", NULL);
    const char *include = copse_options_text(options, "--include", NULL);
    if (!copse_argument_fields(call, "the fields", options->arguments[2], true, &self->fields) ||
        (include != NULL &&
         !copse_argument_fields(call, "--include", include, false, &self->included)) ||
        (where != NULL &&
         !copse_argument_json(call, "--where", where, COPSE_EXT_JSON_QUERY, &self->filter))) {
        return false;
    }
    for (size_t i = 0; i < self->included.count; i++) {
        if (self->included.fields[i].descending) {
            (void)copse_failure_usage(call, "--include takes fields without a direction");
            return false;
        }
        self->include[i] = self->included.fields[i].path;
    }
    self->definition = (copse_index_definition){
        .name = copse_bytes_of_text(copse_options_text(options, "--name", "")),
        .fields = self->fields.fields,
        .fields_count = self->fields.count,
        .unique = copse_options_has(options, "--unique"),
        .link = copse_options_has(options, "--link"),
        .filter = copse_buf_view(&self->filter),
        .include = self->include,
        .include_count = self->included.count,
    };
    return true;
}

/* Whether the index has the fields, and the name if one was given. */
static bool index_is_meant(const index_call *self, const copse_index_definition *index)
{
    const copse_index_definition *wanted = &self->definition;
    bool same = index->fields_count == wanted->fields_count &&
                (wanted->name.len == 0 || copse_bytes_equal(index->name, wanted->name));
    for (size_t i = 0; i < wanted->fields_count && same; i++) {
        same = copse_bytes_equal(index->fields[i].path, wanted->fields[i].path) &&
               index->fields[i].descending == wanted->fields[i].descending;
    }
    return same;
}

/* The index that is there, but not built, and is meant by its fields alone; NULL: none is. */
static const copse_index_definition *index_unbuilt(const index_call *self,
                                                   const copse_collection *collection)
{
    const copse_index_definition *wanted = &self->definition;
    bool is_plain =
        !wanted->unique && !wanted->link && wanted->filter.len == 0 && wanted->include_count == 0;
    for (size_t i = 0; is_plain && i < collection->indexes_count; i++) {
        if (collection->indexes[i].is_unbuilt && index_is_meant(self, &collection->indexes[i])) {
            return &collection->indexes[i];
        }
    }
    return NULL;
}

/* Adds the index to the write: what was asked for, or the one that is to be built. */
static copse_status index_add(index_call *self, const copse_collection *collection,
                              copse_write *write)
{
    copse_call *call = self->call;
    const copse_index_definition *present =
        collection != NULL ? index_unbuilt(self, collection) : NULL;
    copse_index_definition definition = present != NULL ? *present : self->definition;
    copse_status status = COPSE_OK;
    definition.is_unbuilt = false;
    if (present != NULL) { /* the catalogue goes, and with it the name */
        copse_buf_truncate(&self->name, 0);
        status = copse_buf_append(&self->name, present->name);
        self->definition.name = copse_buf_view(&self->name);
    }
    return status == COPSE_OK
               ? copse_write_create_index(write, copse_bytes_of_text(call->options.arguments[1]),
                                          &definition, &call->err)
               : status;
}

static int index_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    index_call *self = ctx;
    copse_call *call = self->call;
    const char *word = call->options.arguments[1];
    const copse_bytes name = copse_bytes_of_text(word);
    char near[COPSE_DOCUMENTS_NAME_SIZE];
    copse_status status = COPSE_OK;
    const copse_collection *collection = copse_database_collection(documents->database, name);
    self->makes_collection = collection == NULL;
    if (self->makes_collection && copse_documents_near_name(documents, word, near)[0] != '\0') {
        (void)copse_documents_collection(documents, word);
        return COPSE_EXIT_FAILED;
    }
    if (self->makes_collection) {
        status = copse_write_create_collection(write, name, copse_bytes_of_text("_id"),
                                               COPSE_DOCUMENTS_INLINE, &call->err);
    }
    if (status == COPSE_OK) {
        status = index_add(self, collection, write);
    }
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT || status == COPSE_MISUSE) {
        return copse_failure(call, status, "`copse index --help` has examples", "the index: %s",
                             call->err.message);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_failure_of(call, status, "the index");
}

static int index_refused(void *ctx, copse_documents *documents, copse_status status, size_t failed)
{
    index_call *self = ctx;
    (void)documents;
    (void)failed;
    return copse_failure(self->call, status, "no index was made", "%s", self->call->err.message);
}

static void index_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                           size_t size)
{
    index_call *self = ctx;
    const copse_options *options = &self->call->options;
    (void)stats;
    (void)snprintf(ret_message, size, "index %s by %s", options->arguments[1],
                   options->arguments[2]);
}

static void index_progress(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    index_call *self = ctx;
    copse_progress_phase(&self->progress, self->call, what, done, total);
}

/* The index with these fields and options, as the catalogue has it now. */
static const copse_index_definition *index_find(const index_call *self,
                                                const copse_collection *collection)
{
    for (size_t i = 0; i < collection->indexes_count; i++) {
        if (index_is_meant(self, &collection->indexes[i])) {
            return &collection->indexes[i];
        }
    }
    return NULL;
}

static int index_print(index_call *self, copse_documents *documents, double seconds)
{
    copse_call *call = self->call;
    copse_output *out = &call->output;
    uint64_t entries = 0;
    char text[COPSE_TEXT_NUMBER_SIZE];
    copse_status status = COPSE_NOT_FOUND;
    const copse_collection *collection =
        copse_documents_collection(documents, call->options.arguments[1]);
    const copse_index_definition *index = collection != NULL ? index_find(self, collection) : NULL;
    if (index != NULL) {
        status = copse_database_index_count(documents->database, collection, index, &entries,
                                            &call->err);
    }
    if (status != COPSE_OK) {
        return copse_documents_failure(documents, status, "the index can't be read");
    }
    if (out->json) {
        copse_output_begin(out);
        copse_output_text_bytes(out, "index", index->name);
        copse_output_number(out, "entries", entries);
        copse_output_real(out, "seconds", seconds);
        copse_documents_print_head(documents);
        copse_output_end(out);
        return COPSE_EXIT_OK;
    }
    copse_output_bytes(out, index->name);
    copse_output_format(out, "\n");
    (void)copse_output_flush(out);
    if (self->makes_collection) {
        copse_note(call, "copse: made the collection '%s'", call->options.arguments[1]);
    }
    copse_note(call, "copse: the index has %s %s; it took %.2f s",
               copse_text_of_count(entries, text), entries == 1 ? "entry" : "entries", seconds);
    return COPSE_EXIT_OK;
}

static int index_make(index_call *self, copse_documents *documents)
{
    copse_call *call = self->call;
    copse_run_file *run_file = NULL;
    copse_write_stats stats;
    copse_status status = copse_run_file_new(&call->env, documents->place.local.os,
                                             documents->place.local.path, &run_file, &call->err);
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "no index was made");
    }
    copse_run_store runs = copse_run_file_store(run_file);
    const copse_write_options options = {
        .runs = &runs, .progress = index_progress, .progress_ctx = self};
    const copse_documents_change change = {
        .fill = index_fill,
        .refused = index_refused,
        .describe = index_describe,
        .ctx = self,
        .depends = true,
        .options = &options,
    };
    double started = copse_progress_now();
    copse_progress_init(&self->progress, call, "indexing", 0, "documents");
    int code = copse_documents_write(documents, &change, &stats);
    (void)copse_progress_end(&self->progress);
    if (code == COPSE_EXIT_OK) {
        code = index_print(self, documents, copse_progress_now() - started);
    }
    copse_run_file_free(run_file);
    return code;
}

static int index_run(copse_call *call)
{
    index_call self = {.call = call};
    copse_documents documents;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&self.filter, &call->env, call->env.limits.json_size_bytes_max);
    copse_buf_init(&self.name, &call->env, call->env.limits.json_size_bytes_max);
    if (index_prepare(&self) && copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        code = index_make(&self, &documents);
        copse_documents_close(&documents);
    }
    copse_sort_spec_release(&self.fields);
    copse_sort_spec_release(&self.included);
    copse_buf_release(&self.filter);
    copse_buf_release(&self.name);
    return code;
}

const copse_command copse_command_index = {
    .name = "index",
    .arguments = "DB COLL FIELDS",
    .summary = "Make an index, over the documents that there are",
    .details =
        "FIELDS is a list such as tags,-createdAt: - before a field puts large values first, [] "
        "behind\n"
        "it says that it may hold arrays, each element of which gets an entry of its own; where\n"
        "documents have arrays already, that is seen. Prints the index's name. Which indexes "
        "there\n"
        "are changes how fast queries are, never what they answer.\n"
        "\n"
        "An index that came by a merge is not built (`copse indexes` says so). Its fields alone, "
        "or\n"
        "with its name, build it.\n",
    .options = index_options,
    .examples = "copse index blog.copse posts tags,-createdAt\n"
                "copse index blog.copse users email --unique\n"
                "copse index blog.copse posts -createdAt --where '{\"draft\":false}'\n"
                "copse index blog.copse posts author,-createdAt --include text,title",
    .run = index_run,
};
