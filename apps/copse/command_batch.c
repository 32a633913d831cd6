/* copse batch: inserts, updates, deletes and indexes out of a file, in one commit.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "batch_operation.h"
#include "command.h"
#include "document_reader.h"
#include "failure.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const copse_option batch_options[] = {
    COPSE_OPTION_REF,
    COPSE_OPTIONS_COMMIT,
    COPSE_OPTION_DURABILITY,
    COPSE_OPTION_JSON,
    {NULL, NULL, COPSE_OPTION_FLAG, NULL, 0},
};

/* Where an operation came from, and where it begins in the write. */
typedef struct batch_place {
    uint64_t line;
    uint64_t first;
} batch_place;

typedef struct batch {
    copse_call *call;
    const char *file;
    copse_buf operations; /* one item after the other */
    copse_buf places;     /* a batch_place each */
    size_t count;
    copse_batch_counts counts;
    copse_buf made; /* collections, each with a NUL behind it */
} batch;

/* ---- Reading ---- */

static bool batch_keep(batch *self, copse_bytes operation, uint64_t line)
{
    const batch_place place = {.line = line};
    copse_status status = copse_buf_append(&self->operations, operation);
    if (status == COPSE_OK) {
        status =
            copse_buf_append(&self->places, (copse_bytes){(const uint8_t *)&place, sizeof place});
    }
    self->count += status == COPSE_OK;
    return status == COPSE_OK || copse_failure_of(self->call, status, "the batch") == COPSE_EXIT_OK;
}

/* Reads all operations, which may have to be done more than once. */
static bool batch_read_all(batch *self)
{
    copse_call *call = self->call;
    copse_document_reader reader;
    copse_document_found found;
    copse_bytes operation;
    bool good = true;
    if (!copse_document_reader_open(&reader, call, call->options.arguments[1], "json", false)) {
        return false;
    }
    reader.mode = COPSE_EXT_JSON_QUERY;
    do {
        found = copse_document_reader_next(&reader, &operation);
        if (found == COPSE_DOCUMENT_NEXT) {
            good = batch_keep(self, operation, reader.line);
        }
    } while (found == COPSE_DOCUMENT_NEXT && good);
    if (found == COPSE_DOCUMENT_BAD) {
        (void)copse_failure(call, reader.status, "nothing was changed", "%s, %s", self->file,
                            reader.problem);
    }
    copse_document_reader_close(&reader);
    return good && found == COPSE_DOCUMENT_END;
}

/* ---- The change ---- */

static batch_place batch_get_place(const batch *self, size_t index)
{
    batch_place place;
    memcpy(&place, self->places.ptr + index * sizeof place, sizeof place);
    return place;
}

static int batch_fail(batch *self, size_t index, const char *name, copse_status status)
{
    copse_call *call = self->call;
    return copse_failure(call, status, "nothing was changed", "%s, line %" PRIu64 "%s%s: %s",
                         self->file, batch_get_place(self, index).line, name != NULL ? ", " : "",
                         name != NULL ? name : "", call->err.message);
}

/* What the operation number `index` is called; NULL: it is none. */
static const char *batch_name(const batch *self, size_t index)
{
    copse_cbor_reader reader;
    copse_bytes operation = {NULL, 0};
    copse_status status = COPSE_OK;
    copse_cbor_reader_init(&reader, copse_buf_view(&self->operations));
    for (size_t i = 0; i <= index && status == COPSE_OK; i++) {
        status = copse_cbor_take(&reader, &operation, NULL);
    }
    return status == COPSE_OK ? copse_batch_operation_name(operation) : NULL;
}

/* Operation number `failed` of the write is one that the last line which begins before it made. */
static int batch_refused(void *ctx, copse_documents *documents, copse_status status, size_t failed)
{
    batch *self = ctx;
    size_t index = self->count - 1;
    (void)documents;
    while (index > 0 && batch_get_place(self, index).first > failed) {
        index--;
    }
    return batch_fail(self, index, batch_name(self, index), status);
}

static int batch_do_all(void *ctx, copse_documents *documents, copse_modify *modify)
{
    batch *self = ctx;
    copse_cbor_reader reader;
    copse_bytes operation;
    self->counts = (copse_batch_counts){.inserted = 0};
    copse_buf_truncate(&self->made, 0);
    copse_cbor_reader_init(&reader, copse_buf_view(&self->operations));
    for (size_t i = 0; i < self->count; i++) {
        batch_place place = batch_get_place(self, i);
        place.first = copse_write_count(copse_modify_write(modify));
        memcpy(self->places.ptr + i * sizeof place, &place, sizeof place);
        copse_status status = copse_cbor_take(&reader, &operation, &self->call->err);
        if (status == COPSE_OK) {
            status =
                copse_batch_operation_run(documents, modify, operation, &self->counts, &self->made);
        }
        if (status == COPSE_WANT || status == COPSE_IO || status == COPSE_NOMEM) {
            return copse_documents_failure(documents, status, "nothing was changed");
        }
        if (status != COPSE_OK) {
            return batch_fail(self, i, copse_batch_operation_name(operation), status);
        }
    }
    return COPSE_EXIT_OK;
}

static void batch_describe(void *ctx, const copse_write_stats *stats, char *ret_message,
                           size_t size)
{
    batch *self = ctx;
    char count[64];
    (void)stats;
    (void)snprintf(ret_message, size, "batch of %s",
                   copse_documents_plural(self->count, "operation", count, sizeof count));
}

/* ---- The command ---- */

static void batch_print(batch *self, const copse_documents *documents)
{
    copse_output *out = &self->call->output;
    const copse_batch_counts *counts = &self->counts;
    char text[4][COPSE_TEXT_NUMBER_SIZE];
    if (out->json) {
        copse_output_begin(out);
        copse_output_number(out, "operations", self->count);
        copse_output_number(out, "inserted", counts->inserted);
        copse_output_number(out, "matched", counts->matched);
        copse_output_number(out, "modified", counts->modified);
        copse_output_number(out, "deleted", counts->deleted);
        copse_documents_print_head(documents);
        copse_output_end(out);
    } else {
        copse_output_format(out, "inserted %s, matched %s, modified %s, deleted %s\n",
                            copse_text_of_count(counts->inserted, text[0]),
                            copse_text_of_count(counts->matched, text[1]),
                            copse_text_of_count(counts->modified, text[2]),
                            copse_text_of_count(counts->deleted, text[3]));
    }
    (void)copse_output_flush(out);
    for (size_t at = 0; at < self->made.len;) {
        const char *name = (const char *)self->made.ptr + at;
        copse_note(self->call, "copse: made the collection '%s'", name);
        at += strlen(name) + 1;
    }
}

static int batch_run(copse_call *call)
{
    const char *name = call->options.arguments[1];
    batch self = {.call = call, .file = strcmp(name, "-") == 0 ? "stdin" : name};
    copse_documents documents;
    copse_write_stats stats;
    int code = COPSE_EXIT_FAILED;
    copse_buf_init(&self.operations, &call->env, SIZE_MAX / 2);
    copse_buf_init(&self.places, &call->env, SIZE_MAX / 2);
    copse_buf_init(&self.made, &call->env, SIZE_MAX / 2);
    const copse_documents_change change = {
        .run = batch_do_all,
        .refused = batch_refused,
        .describe = batch_describe,
        .ctx = &self,
    };
    if (batch_read_all(&self) && copse_documents_open(&documents, call, COPSE_LOCAL_WRITE)) {
        code = copse_documents_write(&documents, &change, &stats);
        if (code == COPSE_EXIT_OK) {
            batch_print(&self, &documents);
        }
        copse_documents_close(&documents);
    }
    copse_buf_release(&self.operations);
    copse_buf_release(&self.places);
    copse_buf_release(&self.made);
    return code;
}

const copse_command copse_command_batch = {
    .name = "batch",
    .arguments = "DB FILE",
    .summary = "Do many inserts, updates and deletes, all or none, in one commit",
    .details =
        "FILE holds operations, one a line or in one JSON array; `-` is stdin:\n"
        "  {\"insertOne\":{\"collection\":C,\"document\":DOC}}\n"
        "  {\"updateOne\":{\"collection\":C,\"filter\":F,\"update\":U}}          or updateMany\n"
        "  {\"replaceOne\":{\"collection\":C,\"filter\":F,\"replacement\":DOC}}\n"
        "  {\"deleteOne\":{\"collection\":C,\"filter\":F}}                     or deleteMany\n"
        "  {\"createIndex\":{\"collection\":C,\"fields\":\"tags,-createdAt\"}}\n"
        "Updates and replaceOne take \"upsert\":true; updates \"arrayFilters\"; those of one "
        "document\n"
        "\"sort\":\"-createdAt\"; all with a filter \"hint\"; createIndex \"name\", \"unique\", "
        "\"link\",\n"
        "\"where\" and \"include\". Each sees what those before it did; "
        "insertOne\n"
        "and an upsert make a collection that isn't there. If one can't be done, nothing is "
        "changed,\n"
        "and its line is named.\n",
    .options = batch_options,
    .examples = "copse batch blog.copse changes.ndjson\n"
                "copse batch blog.copse - -m 'daily fix' < changes.ndjson",
    .run = batch_run,
};
