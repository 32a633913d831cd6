/* copse indexes and drop-index.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "command.h"
#include "documents.h"
#include "failure.h"
#include "index_fields.h"
#include "table.h"

#include <copse/ext_json.h>

#include <stdio.h>

/* ---- drop-index ---- */

static const copse_option drop_index_options[] = {
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int drop_index_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    copse_call *call = ctx;
    char **words = call->options.arguments;
    const copse_collection *collection = copse_documents_collection(documents, words[1]);
    if (collection == NULL || copse_documents_index(documents, collection, words[2]) == NULL) {
        return COPSE_EXIT_FAILED;
    }
    copse_status status = copse_write_drop_index(write, copse_bytes_of_text(words[1]),
                                                 copse_bytes_of_text(words[2]), &call->err);
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_failure_of(call, status, "nothing was dropped");
}

static void drop_index_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                                size_t size)
{
    const copse_call *call = ctx;
    (void)stats;
    (void)snprintf(ret_message, size, "drop the index %s of %s", call->options.arguments[2],
                   call->options.arguments[1]);
}

static int drop_index_run(copse_call *call)
{
    copse_documents documents;
    copse_write_stats stats;
    const copse_documents_change change = {
        .fill = drop_index_fill,
        .describe = drop_index_describe,
        .ctx = call,
        .depends = true,
    };
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        return COPSE_EXIT_FAILED;
    }
    int code = copse_documents_write(&documents, &change, &stats);
    if (code == COPSE_EXIT_OK && call->output.json) {
        copse_output_begin(&call->output);
        copse_output_text(&call->output, "dropped", call->options.arguments[2]);
        copse_documents_print_head(&documents);
        copse_output_end(&call->output);
    }
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_drop_index = {
    .name = "drop-index",
    .arguments = "DB COLL INDEX",
    .summary = "Take an index away",
    .details = "Queries that used it give the same answers, more slowly.\n",
    .options = drop_index_options,
    .examples = "copse drop-index blog.copse posts tags,-createdAt",
    .run = drop_index_run,
};

/* ---- indexes ---- */

static const copse_option indexes_options[] = {
    COPSE_OPTION_HEAD,
    COPSE_OPTION_JSON,
    COPSE_OPTIONS_PEERS,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Text being put together; `status` is that of the first piece that failed. */
typedef struct indexes_text {
    copse_buf buf;
    copse_status status;
} indexes_text;

static void indexes_append(indexes_text *text, copse_bytes piece)
{
    if (text->status == COPSE_OK) {
        text->status = copse_buf_append(&text->buf, piece);
    }
}

static void indexes_append_word(indexes_text *text, const char *word)
{
    indexes_append(text, copse_bytes_of_text(word));
}

static void indexes_append_fields(indexes_text *text, const copse_index_definition *index)
{
    if (text->status == COPSE_OK) {
        text->status = copse_index_fields_write(index, &text->buf);
    }
}

/* The options as they are written, one space before each. */
static void indexes_append_options(indexes_text *text, const copse_index_definition *index)
{
    indexes_append_word(text, index->unique ? " --unique" : "");
    indexes_append_word(text, index->link ? " --link" : "");
    for (size_t i = 0; i < index->include_count; i++) {
        indexes_append_word(text, i > 0 ? "," : " --include ");
        indexes_append(text, index->include[i]);
    }
    indexes_append_word(text, index->filter.len > 0 ? " --where '" : "");
    if (index->filter.len > 0 && text->status == COPSE_OK) {
        text->status =
            copse_ext_json_from_cbor(text->buf.env, index->filter, false, &text->buf, NULL);
    }
    indexes_append_word(text, index->filter.len > 0 ? "'" : "");
}

static copse_status indexes_json(copse_output *out, const copse_collection *collection,
                                 const copse_index_definition *index, uint64_t entries,
                                 copse_bytes fields, copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_output_begin(out);
    copse_output_text_bytes(out, "collection", collection->name);
    copse_output_text_bytes(out, "index", index->name);
    copse_output_text_bytes(out, "fields", fields);
    copse_output_number(out, "entries", entries);
    copse_output_bool(out, "built", !index->is_unbuilt);
    copse_output_bool(out, "unique", index->unique);
    copse_output_bool(out, "link", index->link);
    copse_output_begin_array(out, "include");
    for (size_t i = 0; i < index->include_count; i++) {
        copse_output_text_bytes(out, NULL, index->include[i]);
    }
    copse_output_end_array(out);
    if (index->filter.len > 0) {
        status = copse_output_ext_json(out, "where", index->filter, err);
    }
    copse_output_end(out);
    return status;
}

/* A row of the table. */
static copse_status indexes_row(copse_table *table, const copse_collection *collection,
                                const copse_index_definition *index, uint64_t entries,
                                indexes_text *text)
{
    copse_table_bytes(table, collection->name);
    copse_table_bytes(table, index->name);
    copse_table_bytes(table, copse_buf_view(&text->buf));
    if (index->is_unbuilt) {
        copse_table_text(table, "not built");
    } else {
        copse_table_count(table, entries);
    }
    copse_buf_truncate(&text->buf, 0);
    indexes_append_options(text, index);
    copse_bytes options = copse_buf_view(&text->buf);
    if (options.len > 0) {
        options = (copse_bytes){options.ptr + 1, options.len - 1};
    }
    copse_table_bytes(table, options);
    return text->status;
}

static copse_status indexes_of(copse_documents *documents, const copse_collection *collection,
                               copse_table *table)
{
    copse_call *call = documents->call;
    copse_status status = COPSE_OK;
    indexes_text text = {.status = COPSE_OK};
    copse_buf_init(&text.buf, &call->env, call->env.limits.json_size_bytes_max);
    for (size_t i = 0; i < collection->indexes_count && status == COPSE_OK; i++) {
        const copse_index_definition *index = &collection->indexes[i];
        uint64_t entries = 0;
        copse_buf_truncate(&text.buf, 0);
        indexes_append_fields(&text, index);
        status = copse_documents_index_count(documents, collection, index, &entries);
        if (status == COPSE_OK && call->output.json) {
            status = indexes_json(&call->output, collection, index, entries,
                                  copse_buf_view(&text.buf), &call->err);
        } else if (status == COPSE_OK) {
            status = indexes_row(table, collection, index, entries, &text);
        }
    }
    copse_buf_release(&text.buf);
    return status;
}

static int indexes_print(copse_documents *documents)
{
    copse_call *call = documents->call;
    const copse_options *options = &call->options;
    copse_table table;
    size_t count = 0;
    copse_status status = COPSE_OK;
    const copse_collection *all = copse_database_collections(documents->database, &count);
    if (options->arguments_count > 1) {
        all = copse_documents_collection(documents, options->arguments[1]);
        count = 1;
    }
    if (all == NULL && options->arguments_count > 1) {
        return COPSE_EXIT_FAILED;
    }
    copse_table_init(&table, &call->env, "collection|index|fields|#entries|options");
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = indexes_of(documents, &all[i], &table);
    }
    if (status == COPSE_OK && !call->output.json) {
        status = copse_table_print(&table, &call->output);
    }
    copse_table_release(&table);
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_documents_failure(documents, status, "the indexes");
}

static int indexes_run(copse_call *call)
{
    copse_documents documents;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    int code = indexes_print(&documents);
    copse_documents_close(&documents);
    return code;
}

const copse_command copse_command_indexes = {
    .name = "indexes",
    .arguments = "DB [COLL]",
    .summary = "List the indexes, with their fields and entries",
    .options = indexes_options,
    .examples = "copse indexes blog.copse\n"
                "copse indexes blog.copse posts --json",
    .run = indexes_run,
};
