/* copse insert and replace: documents from the command line or stdin, in one commit.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "argument.h"
#include "command.h"
#include "document_reader.h"
#include "documents.h"
#include "failure.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { INSERT_PLACE_SIZE = 64 };

typedef struct insert {
    copse_call *call;
    const char *collection;
    bool replaces;   /* The command is replace. */
    copse_buf ids;   /* Of what was inserted, one item after the other. */
    copse_buf lines; /* A uint64_t for each document: its line of stdin; 0: an argument. */
} insert;

/* ---- One document ---- */

/* Names where document number `index` came from. */
static const char *insert_place(const insert *self, size_t index, char *ret_text)
{
    uint64_t line = 0;
    memcpy(&line, self->lines.ptr + index * sizeof line, sizeof line);
    if (line > 0) {
        (void)snprintf(ret_text, INSERT_PLACE_SIZE, "stdin, line %" PRIu64, line);
    } else if (self->call->options.arguments_count > 3) {
        (void)snprintf(ret_text, INSERT_PLACE_SIZE, "document %zu", index + 1);
    } else {
        (void)snprintf(ret_text, INSERT_PLACE_SIZE, "the document");
    }
    return ret_text;
}

static const char *insert_nothing(const insert *self)
{
    return self->replaces ? "nothing was replaced" : "nothing was inserted";
}

/* Adds a document; `line` of stdin, 0: an argument. */
static int insert_add(insert *self, copse_write *write, copse_bytes document, uint64_t line)
{
    copse_call *call = self->call;
    copse_bytes collection = copse_bytes_of_text(self->collection);
    copse_status status =
        copse_buf_append(&self->lines, (copse_bytes){(const uint8_t *)&line, sizeof line});
    if (status != COPSE_OK) {
        return copse_failure_of(call, status, "%s", insert_nothing(self));
    }
    status = self->replaces
                 ? copse_write_replace(write, collection, document,
                                       copse_options_has(&call->options, "--upsert"), &call->err)
                 : copse_write_insert(write, collection, document, &self->ids, &call->err);
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
        char place[INSERT_PLACE_SIZE];
        size_t index = self->lines.len / sizeof line - 1;
        return copse_failure(call, status, insert_nothing(self), "%s: %s",
                             insert_place(self, index, place), call->err.message);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK
                              : copse_failure_of(call, status, "%s", insert_nothing(self));
}

static int insert_word(insert *self, copse_write *write, const char *word)
{
    copse_call *call = self->call;
    char place[INSERT_PLACE_SIZE] = "the document";
    copse_buf document;
    int code = COPSE_EXIT_FAILED;
    if (call->options.arguments_count > 3) {
        (void)snprintf(place, sizeof place, "document %zu", self->lines.len / sizeof(uint64_t) + 1);
    }
    copse_buf_init(&document, &call->env, call->env.limits.document_size_bytes_max);
    if (copse_argument_json(call, place, word, COPSE_EXT_JSON_VALUE, &document)) {
        code = insert_add(self, write, copse_buf_view(&document), 0);
    }
    copse_buf_release(&document);
    return code;
}

static int insert_stdin(insert *self, copse_write *write)
{
    copse_call *call = self->call;
    copse_document_reader reader;
    copse_document_found found = COPSE_DOCUMENT_NEXT;
    copse_bytes document;
    int code = COPSE_EXIT_OK;
    if (!copse_document_reader_open(&reader, call, "-", "json", false)) {
        return COPSE_EXIT_FAILED;
    }
    while (code == COPSE_EXIT_OK &&
           (found = copse_document_reader_next(&reader, &document)) == COPSE_DOCUMENT_NEXT) {
        code = insert_add(self, write, document, reader.line);
    }
    if (found == COPSE_DOCUMENT_BAD) {
        code =
            copse_failure(call, reader.status, insert_nothing(self), "stdin, %s", reader.problem);
    } else if (found == COPSE_DOCUMENT_FAILED) {
        code = COPSE_EXIT_FAILED;
    }
    copse_document_reader_close(&reader);
    return code;
}

/* ---- The change ---- */

static int insert_fill(void *ctx, copse_documents *documents, copse_write *write)
{
    insert *self = ctx;
    const copse_options *options = &self->call->options;
    int code = COPSE_EXIT_OK;
    (void)documents;
    for (size_t i = 2; i < options->arguments_count && code == COPSE_EXIT_OK; i++) {
        const char *word = options->arguments[i];
        code = strcmp(word, "-") == 0 ? insert_stdin(self, write) : insert_word(self, write, word);
    }
    return code;
}

/* Whether there was a document with the _id of number `index`. */
static bool insert_is_there(insert *self, copse_documents *documents, size_t index)
{
    copse_cbor_reader reader;
    copse_bytes id = {NULL, 0};
    copse_document document = {.block = NULL};
    const copse_collection *collection =
        copse_database_collection(documents->database, copse_bytes_of_text(self->collection));
    copse_cbor_reader_init(&reader, copse_buf_view(&self->ids));
    copse_status status = collection != NULL ? COPSE_OK : COPSE_NOT_FOUND;
    for (size_t i = 0; i <= index && status == COPSE_OK; i++) {
        status = copse_cbor_take(&reader, &id, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_database_get(documents->database, collection, id, &document, NULL);
    }
    copse_document_release(&document);
    return status == COPSE_OK;
}

static int insert_refused(void *ctx, copse_documents *documents, copse_status status, size_t failed)
{
    insert *self = ctx;
    char place[INSERT_PLACE_SIZE];
    const char *hint = insert_nothing(self);
    if (status == COPSE_CONFLICT && !self->replaces && insert_is_there(self, documents, failed)) {
        hint = "nothing was inserted; `copse replace` puts documents in the place of those there";
    } else if (status == COPSE_NOT_FOUND) {
        hint = "nothing was replaced; --upsert inserts what isn't there";
    }
    return copse_failure(self->call, status, hint, "%s: %s", insert_place(self, failed, place),
                         self->call->err.message);
}

static void insert_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                            size_t size)
{
    insert *self = ctx;
    char count[64];
    (void)snprintf(
        ret_message, size, "%s %s %s %s", self->replaces ? "replace" : "insert",
        copse_documents_plural(stats->inserted + stats->replaced, "document", count, sizeof count),
        self->replaces ? "in" : "into", self->collection);
}

/* ---- What is printed ---- */

static copse_status insert_print_ids(insert *self)
{
    copse_output *out = &self->call->output;
    copse_err *err = &self->call->err;
    copse_cbor_reader reader;
    copse_bytes id;
    copse_status status = COPSE_OK;
    copse_cbor_reader_init(&reader, copse_buf_view(&self->ids));
    while (status == COPSE_OK && (status = copse_cbor_take(&reader, &id, err)) == COPSE_OK) {
        status = out->json ? copse_output_ext_json(out, NULL, id, err)
                           : copse_output_document(out, id, false, err);
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static int insert_print(insert *self, const copse_documents *documents,
                        const copse_write_stats *stats)
{
    copse_output *out = &self->call->output;
    copse_status status = COPSE_OK;
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "collection", self->collection);
        copse_output_number(out, "inserted", stats->inserted);
        if (self->replaces) {
            copse_output_number(out, "replaced", stats->replaced);
        } else {
            copse_output_begin_array(out, "ids");
            status = insert_print_ids(self);
            copse_output_end_array(out);
        }
        copse_documents_print_head(documents);
        copse_output_end(out);
    } else if (self->replaces) {
        char count[64];
        char more[64] = "";
        char number[COPSE_TEXT_NUMBER_SIZE];
        if (stats->inserted > 0) {
            (void)snprintf(more, sizeof more, ", inserted %s",
                           copse_text_of_count(stats->inserted, number));
        }
        copse_output_format(
            out, "replaced %s%s\n",
            copse_documents_plural(stats->replaced, "document", count, sizeof count), more);
    } else {
        status = insert_print_ids(self);
    }
    return status == COPSE_OK ? COPSE_EXIT_OK : copse_failure_of(self->call, status, "the _ids");
}

static int insert_into(insert *self, copse_documents *documents)
{
    copse_call *call = self->call;
    copse_write_stats stats;
    copse_bytes name = copse_bytes_of_text(self->collection);
    const copse_documents_change change = {
        .fill = insert_fill,
        .refused = insert_refused,
        .describe = insert_describe,
        .ctx = self,
    };
    bool creates = !self->replaces || copse_options_has(&call->options, "--upsert");
    bool made = copse_database_collection(documents->database, name) == NULL;
    if (!creates && copse_documents_collection(documents, self->collection) == NULL) {
        return COPSE_EXIT_FAILED;
    }
    int code = copse_documents_write(documents, &change, &stats);
    if (code == COPSE_EXIT_OK) {
        code = insert_print(self, documents, &stats);
    }
    if (code == COPSE_EXIT_OK && made &&
        copse_database_collection(documents->database, name) != NULL) {
        (void)copse_output_flush(&call->output);
        copse_note(call, "copse: made the collection '%s'", self->collection);
    }
    return code;
}

static int insert_start(copse_call *call, bool replaces)
{
    copse_documents documents;
    insert self = {.call = call, .collection = call->options.arguments[1], .replaces = replaces};
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&self.ids, &call->env, SIZE_MAX / 2);
    copse_buf_init(&self.lines, &call->env, SIZE_MAX / 2);
    if (copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        code = insert_into(&self, &documents);
    }
    copse_documents_close(&documents);
    copse_buf_release(&self.ids);
    copse_buf_release(&self.lines);
    return code;
}

/* ---- insert ---- */

static const copse_option insert_options[] = {
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int insert_run(copse_call *call)
{
    return insert_start(call, false);
}

const copse_command copse_command_insert = {
    .name = "insert",
    .arguments = "DB COLL DOC...",
    .summary = "Insert documents, all or none, in one commit",
    .details =
        "A document is a JSON object (MongoDB Extended JSON); `-` reads stdin, one document "
        "after\n"
        "the other. A document without _id gets a new ObjectId. Prints the _ids, one a line. "
        "The\n"
        "collection is made if it isn't there. `copse import` takes files of any size.\n",
    .options = insert_options,
    .examples = "copse insert blog.copse posts '{\"_id\":1,\"text\":\"hi\",\"tags\":[\"cats\"]}'\n"
                "copse insert blog.copse posts '{\"at\":{\"$date\":\"2026-01-31T12:00:00Z\"}}' "
                "'{\"n\":2}'\n"
                "copse insert blog.copse posts - < more.ndjson",
    .run = insert_run,
};

/* ---- replace ---- */

static const copse_option replace_options[] = {
    {"--upsert", NULL, COPSE_OPTION_FLAG, "insert a document whose _id isn't there", 0},
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

static int replace_run(copse_call *call)
{
    return insert_start(call, true);
}

const copse_command copse_command_replace = {
    .name = "replace",
    .arguments = "DB COLL DOC...",
    .summary = "Put documents in the place of those with their _ids",
    .details = "All or none, in one commit. DOC as for `copse insert`, with its _id. The whole "
               "document\n"
               "is replaced: fields that the new one lacks are gone.\n",
    .options = replace_options,
    .examples = "copse replace blog.copse posts '{\"_id\":1,\"text\":\"hello\"}'\n"
                "copse replace blog.copse posts - --upsert < changed.ndjson",
    .run = replace_run,
};
