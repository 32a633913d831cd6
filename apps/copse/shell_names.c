/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_names.h"

#include "documents.h"
#include "shell_child.h"

#include <copse/query.h>
#include <copse/revision.h>
#include <copse/sys/refs.h>

#include <stdio.h>
#include <string.h>

enum { SHELL_NAMES_SAMPLE = 50, SHELL_NAMES_FIELD_DEPTH = 4, SHELL_NAMES_PATH_SIZE = 256 };

/* ---- Reading them, in a process of its own ---- */

/* Prints one; those with control characters can't be typed. */
static void shell_names_print(copse_output *out, copse_shell_name_kind kind, copse_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < 0x20) {
            return;
        }
    }
    copse_output_format(out, "%c", kind);
    copse_output_raw(out, name);
    copse_output_format(out, "\n");
}

static void shell_names_print_indexes(copse_output *out, const copse_collection *collection)
{
    for (size_t i = 0; i < collection->indexes_count; i++) {
        const copse_index_definition *index = &collection->indexes[i];
        shell_names_print(out, COPSE_SHELL_NAME_INDEX, index->name);
        for (size_t j = 0; j < index->fields_count; j++) {
            shell_names_print(out, COPSE_SHELL_NAME_FIELD, index->fields[j].path);
        }
    }
    shell_names_print(out, COPSE_SHELL_NAME_FIELD, collection->primary_key);
}

/* A place in a document: the dotted path to what the reader stands before. */
typedef struct shell_names_path {
    char text[SHELL_NAMES_PATH_SIZE];
    size_t len;
    size_t depth;
} shell_names_path;

static void shell_names_print_fields(copse_output *out, copse_cbor_reader *reader,
                                     const shell_names_path *path);

/* Prints the field that the reader stands before, with those in it, and moves behind it.
 * NOLINTNEXTLINE(misc-no-recursion): at most SHELL_NAMES_FIELD_DEPTH deep */
static copse_status shell_names_print_field(copse_output *out, copse_cbor_reader *reader,
                                            const shell_names_path *path)
{
    shell_names_path inner = *path;
    copse_cbor_item key;
    copse_status status = copse_cbor_next(reader, &key, NULL);
    if (status != COPSE_OK || inner.len + key.bytes.len + 1 >= sizeof inner.text) {
        return status == COPSE_OK ? copse_cbor_skip(reader, NULL) : status;
    }
    if (inner.len > 0) {
        inner.text[inner.len++] = '.';
    }
    memcpy(inner.text + inner.len, key.bytes.ptr, key.bytes.len);
    inner.len += key.bytes.len;
    shell_names_print(out, COPSE_SHELL_NAME_FIELD,
                      (copse_bytes){(const uint8_t *)inner.text, inner.len});
    copse_cbor_reader at = *reader;
    shell_names_print_fields(out, &at, &inner);
    return copse_cbor_skip(reader, NULL);
}

/* Prints the fields of the object that the reader stands before, or of an array's first one.
 * NOLINTNEXTLINE(misc-no-recursion): at most SHELL_NAMES_FIELD_DEPTH deep */
static void shell_names_print_fields(copse_output *out, copse_cbor_reader *reader,
                                     const shell_names_path *path)
{
    shell_names_path here = *path;
    copse_cbor_item item;
    copse_status status = copse_cbor_next(reader, &item, NULL);
    if (status == COPSE_OK && item.kind == COPSE_CBOR_ARRAY && item.arg > 0) {
        status = copse_cbor_next(reader, &item, NULL);
    }
    if (status != COPSE_OK || item.kind != COPSE_CBOR_MAP ||
        here.depth == SHELL_NAMES_FIELD_DEPTH) {
        return;
    }
    here.depth++;
    for (uint64_t i = 0; i < item.arg && status == COPSE_OK; i++) {
        copse_cbor_reader at = *reader;
        copse_cbor_item key;
        status = copse_cbor_next(&at, &key, NULL);
        /* Dates and the like are objects with a name such as $date. */
        if (status == COPSE_OK && key.bytes.len > 0 && key.bytes.ptr[0] == '$') {
            return;
        }
        status = shell_names_print_field(out, reader, &here);
    }
}

/* Prints the fields of the first documents. */
static void shell_names_print_sample(copse_documents *documents, const copse_collection *collection)
{
    copse_call *call = documents->call;
    const copse_query_options options = {.collection = collection->name,
                                         .limit = SHELL_NAMES_SAMPLE};
    const shell_names_path root = {.len = 0};
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    copse_status status = copse_query_new(&call->env, &options, &query, NULL);
    if (status == COPSE_OK) {
        status = copse_result_open(query, documents->database, &result, NULL);
    }
    while (status == COPSE_OK &&
           (status = copse_result_next(result, &document, NULL)) == COPSE_OK) {
        copse_cbor_reader reader;
        copse_cbor_reader_init(&reader, document);
        shell_names_print_fields(&call->output, &reader, &root);
    }
    copse_result_close(result);
    copse_query_free(query);
}

static copse_status shell_names_print_ref(void *ctx, copse_bytes name, const copse_cid *cid,
                                          copse_err *err)
{
    const copse_bytes tags = copse_bytes_of_text(COPSE_REVISION_TAGS);
    (void)cid;
    (void)err;
    if (copse_revision_is_note(name)) {
        return COPSE_OK;
    }
    shell_names_print(ctx, COPSE_SHELL_NAME_REF, name);
    if (copse_bytes_has_prefix(name, tags)) {
        shell_names_print(ctx, COPSE_SHELL_NAME_REF,
                          (copse_bytes){name.ptr + tags.len, name.len - tags.len});
    }
    return COPSE_OK;
}

/* Prints all there are. */
static int shell_names_print_all(void *ctx)
{
    copse_shell_names *names = ctx;
    copse_call *call = names->call;
    copse_output *out = &call->output;
    copse_documents documents;
    size_t count = 0;
    if (!copse_documents_open(&documents, call, COPSE_LOCAL_READ)) {
        return COPSE_EXIT_FAILED;
    }
    const copse_collection *all = copse_database_collections(documents.database, &count);
    for (size_t i = 0; i < count; i++) {
        shell_names_print(out, COPSE_SHELL_NAME_COLLECTION, all[i].name);
        if (copse_bytes_equal(all[i].name, copse_buf_view(&names->collection))) {
            shell_names_print_indexes(out, &all[i]);
            if (!documents.place.has_peers) {
                shell_names_print_sample(&documents, &all[i]);
            }
        }
    }
    if (documents.place.local.refs != NULL) {
        /* Without them there is less to complete. */
        copse_status status =
            copse_refs_iterate(documents.place.local.refs, shell_names_print_ref, out, NULL);
        (void)status;
    }
    copse_documents_close(&documents);
    return copse_output_flush(out) ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

/* ---- The list ---- */

void copse_shell_names_init(copse_shell_names *names, copse_call *call)
{
    *names = (copse_shell_names){.call = call};
    copse_buf_init(&names->lines, &call->env, call->env.limits.json_size_bytes_max);
    copse_buf_init(&names->collection, &call->env, call->env.limits.json_size_bytes_max);
}

void copse_shell_names_release(copse_shell_names *names)
{
    copse_buf_release(&names->lines);
    copse_buf_release(&names->collection);
}

void copse_shell_names_forget(copse_shell_names *names)
{
    names->is_filled = false;
}

static void shell_names_take(void *ctx, copse_bytes output)
{
    copse_shell_names *names = ctx;
    if (copse_buf_append(&names->lines, output) != COPSE_OK) {
        copse_buf_truncate(&names->lines, 0);
    }
}

void copse_shell_names_read(copse_shell_names *names, copse_bytes collection)
{
    const copse_shell_child child = {
        .work = shell_names_print_all,
        .ctx = names,
        .take = shell_names_take,
        .take_ctx = names,
        .quiet = true,
    };
    if (names->is_filled && copse_bytes_equal(copse_buf_view(&names->collection), collection)) {
        return;
    }
    copse_buf_truncate(&names->lines, 0);
    copse_buf_truncate(&names->collection, 0);
    names->is_filled = copse_buf_append(&names->collection, collection) == COPSE_OK;
    (void)copse_shell_child_run(&child);
}

bool copse_shell_names_next(const copse_shell_names *names, copse_shell_name_kind kind, size_t *at,
                            copse_bytes *ret_name)
{
    copse_bytes lines = copse_buf_view(&names->lines);
    while (*at < lines.len) {
        const uint8_t *line = lines.ptr + *at;
        const uint8_t *end = memchr(line, '\n', lines.len - *at);
        if (end == NULL) {
            return false;
        }
        *at = (size_t)(end - lines.ptr) + 1;
        if (*line == (uint8_t)kind) {
            *ret_name = (copse_bytes){line + 1, (size_t)(end - line) - 1};
            return true;
        }
    }
    return false;
}
