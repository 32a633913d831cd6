/* copse export: the documents of a collection as a file, one a line.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "failure.h"
#include "file_io.h"
#include "progress.h"
#include "search.h"
#include "text.h"

#include <stdio.h>

typedef struct document_export {
    copse_call *call;
    copse_search search;
    copse_file_output file;
    copse_car_sink sink;
    copse_progress progress;
    copse_buf text;
    bool canonical;
    uint64_t count;
} document_export;

static const copse_option export_options[] = {
    {"--output", "FILE", COPSE_OPTION_TEXT, "write to FILE instead of stdout", 'o'},
    {"--where", "FILTER", COPSE_OPTION_TEXT, "only documents that match", 0},
    {"--canonical", NULL, COPSE_OPTION_FLAG,
     "canonical Extended JSON, where each number says its type", 0},
    COPSE_OPTION_HEAD,
    COPSE_OPTION_PROGRESS,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static bool export_document(document_export *export, copse_bytes document)
{
    copse_call *call = export->call;
    copse_buf_truncate(&export->text, 0);
    copse_status status = copse_ext_json_from_cbor(&call->env, document, export->canonical,
                                                   &export->text, &call->err);
    if (status == COPSE_OK) {
        status = copse_buf_append_byte(&export->text, '\n');
    }
    if (status == COPSE_OK) {
        status = export->sink.write(export->sink.ctx, copse_buf_view(&export->text), &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the documents can't be written");
        return false;
    }
    export->count++;
    copse_progress_update(&export->progress, export->count, export->count);
    return true;
}

/* How many documents there are, where that is known before: of all, when they are here. */
static uint64_t export_total(document_export *export)
{
    copse_search *search = &export->search;
    uint64_t total = 0;
    bool knows = search->find == NULL && !copse_options_has(&export->call->options, "--where");
    return knows &&
                   copse_documents_count(&search->documents, search->collection, &total) == COPSE_OK
               ? total
               : 0;
}

static bool export_all(document_export *export)
{
    copse_bytes document;
    bool written = true;
    copse_status status = COPSE_OK;
    copse_progress_init(&export->progress, export->call, "export", export_total(export),
                        "documents");
    while (status == COPSE_OK && written) {
        status = copse_search_next(&export->search, &document);
        if (status == COPSE_OK) {
            written = export_document(export, document);
        }
    }
    (void)copse_progress_end(&export->progress);
    return written && copse_search_finish(&export->search, status, "exporting") == COPSE_EXIT_OK;
}

/* Opens what is exported. All of a collection comes fastest from several peers at once. */
static bool export_open(document_export *export)
{
    copse_call *call = export->call;
    const char *where = copse_options_text(&call->options, "--where", NULL);
    copse_buf filter;
    copse_buf_init(&filter, &call->env, call->env.limits.json_size_bytes_max);
    bool opened =
        where == NULL || copse_argument_json(call, "--where", where, COPSE_EXT_JSON_QUERY, &filter);
    if (opened) {
        const copse_query_options options = {.collection =
                                                 copse_bytes_of_text(call->options.arguments[1]),
                                             .filter = copse_buf_view(&filter)};
        opened = copse_search_open(&export->search, call, &options,
                                   where == NULL ? COPSE_SEARCH_BLOCKS : COPSE_SEARCH_ANSWER);
    }
    copse_buf_release(&filter);
    return opened;
}

static int export_run(copse_call *call)
{
    document_export export = {.call = call,
                              .canonical = copse_options_has(&call->options, "--canonical")};
    const char *name = copse_options_text(&call->options, "--output", "-");
    bool done = false;
    copse_buf_init(&export.text, &call->env, SIZE_MAX / 2);
    if (export_open(&export) && copse_file_output_open(&export.file, call, name)) {
        export.sink = copse_file_output_sink(&export.file);
        done = export_all(&export) && copse_file_output_finish(&export.file);
    }
    copse_file_output_release(&export.file);
    copse_search_close(&export.search);
    copse_buf_release(&export.text);
    if (done) {
        char text[COPSE_TEXT_NUMBER_SIZE + 16];
        copse_note(call, "copse: exported %s",
                   copse_documents_plural(export.count, "document", text, sizeof text));
    }
    return done ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

const copse_command copse_command_export = {
    .name = "export",
    .arguments = "DB COLL",
    .summary = "Write the documents of a collection as newline-delimited JSON",
    .details = "One document a line, in the order of the primary key, as relaxed Extended JSON;\n"
               "`copse import` reads it back to the same collection, and the same root. A file is\n"
               "there when it is whole.\n",
    .options = export_options,
    .examples =
        "copse export blog.copse posts -o posts.ndjson\n"
        "copse export blog.copse posts --where '{\"tags\":\"cats\"}' | gzip >cats.ndjson.gz",
    .run = export_run,
};
