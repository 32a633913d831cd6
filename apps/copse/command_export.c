/* copse export: the documents of a collection as a file, one a line.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "file_io.h"
#include "progress.h"
#include "text.h"

#include <copse/ext_json.h>
#include <copse/query.h>

#include <stdio.h>

typedef struct document_export {
    copse_call *call;
    copse_documents documents;
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

static bool export_all(document_export *export, copse_query *query)
{
    copse_call *call = export->call;
    copse_result *result = NULL;
    copse_bytes document;
    bool written = true;
    copse_status status = copse_result_open(query, export->documents.database, &result, &call->err);
    while (status == COPSE_OK && written) {
        status = copse_result_next(result, &document, &call->err);
        if (status == COPSE_OK) {
            written = export_document(export, document);
        }
    }
    copse_result_close(result);
    if (status != COPSE_OK && status != COPSE_END) {
        (void)copse_documents_failure(&export->documents, status, "exporting");
        return false;
    }
    return written;
}

static bool export_query(document_export *export, const copse_collection *collection)
{
    copse_call *call = export->call;
    const char *where = copse_options_text(&call->options, "--where", NULL);
    copse_buf filter;
    copse_query *query = NULL;
    uint64_t total = 0;
    bool done = false;
    copse_buf_init(&filter, &call->env, call->env.limits.json_size_bytes_max);
    copse_status status =
        where == NULL
            ? copse_database_count(export->documents.database, collection, &total, &call->err)
            : copse_ext_json_to_cbor(&call->env, copse_bytes_of_text(where), COPSE_EXT_JSON_QUERY,
                                     &filter, &call->err);
    if (status == COPSE_OK) {
        copse_query_options options = {.collection = collection->name,
                                       .filter = copse_buf_view(&filter)};
        status = copse_query_new(&call->env, &options, &query, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, where == NULL ? "exporting" : "--where");
    } else {
        copse_progress_init(&export->progress, call, "export", total, "documents");
        done = export_all(export, query);
        (void)copse_progress_end(&export->progress);
    }
    copse_query_free(query);
    copse_buf_release(&filter);
    return done;
}

static int export_run(copse_call *call)
{
    document_export export = {.call = call,
                              .canonical = copse_options_has(&call->options, "--canonical")};
    const char *name = copse_options_text(&call->options, "--output", "-");
    const copse_collection *collection = NULL;
    bool done = false;
    copse_buf_init(&export.text, &call->env, SIZE_MAX / 2);
    if (copse_documents_open(&export.documents, call, COPSE_LOCAL_READ)) {
        collection = copse_documents_collection(&export.documents, call->options.arguments[1]);
    }
    if (collection != NULL && copse_file_output_open(&export.file, call, name)) {
        export.sink = copse_file_output_sink(&export.file);
        done = export_query(&export, collection) && copse_file_output_finish(&export.file);
    }
    copse_file_output_release(&export.file);
    copse_documents_close(&export.documents);
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
