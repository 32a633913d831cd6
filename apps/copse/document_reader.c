/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "document_reader.h"

#include "failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    READER_PIECE_SIZE = 1 << 18,
    READER_TEXT_SIZE_MAX =
        512 << 20, /* of one document; base64 and escapes are longer than bytes */
    READER_FIELDS_MAX = 4096,
    READER_PARTS_MAX = 64 /* of a field's name */
};

/* A column of a CSV file: where it goes. Columns are sorted by their paths, so that those of one
 * object stand together. */
struct copse_document_field {
    copse_bytes path;
    size_t column;
};

/* ---- Opening ---- */

static bool reader_ends_with(const char *name, const char *ending)
{
    size_t size = strlen(name);
    size_t end = strlen(ending);
    return size > end && strcmp(name + size - end, ending) == 0;
}

static copse_document_format reader_format(const char *name, const char *format)
{
    if (format != NULL) {
        return strcmp(format, "csv") == 0   ? COPSE_DOCUMENT_CSV
               : strcmp(format, "tsv") == 0 ? COPSE_DOCUMENT_TSV
                                            : COPSE_DOCUMENT_JSON;
    }
    return reader_ends_with(name, ".csv")                                     ? COPSE_DOCUMENT_CSV
           : reader_ends_with(name, ".tsv") || reader_ends_with(name, ".tab") ? COPSE_DOCUMENT_TSV
                                                                              : COPSE_DOCUMENT_JSON;
}

bool copse_document_reader_open(copse_document_reader *reader, copse_call *call, const char *name,
                                const char *format, bool all_text)
{
    const copse_env *env = &call->env;
    copse_status status = COPSE_NOMEM;
    *reader = (copse_document_reader){.call = call,
                                      .format = reader_format(name, format),
                                      .mode = COPSE_EXT_JSON_VALUE,
                                      .all_text = all_text};
    copse_buf_init(&reader->document, env, env->limits.document_size_bytes_max);
    copse_buf_init(&reader->names, env, 1 << 20);
    if (!copse_input_open(&reader->input, call, name)) {
        *reader = (copse_document_reader){0};
        return false;
    }
    reader->piece = env->alloc(env->alloc_ctx, NULL, 0, READER_PIECE_SIZE);
    if (reader->piece != NULL) {
        status = copse_ext_json_reader_new(env, &reader->json, &call->err);
    }
    if (status == COPSE_OK && reader->format == COPSE_DOCUMENT_JSON) {
        status = copse_json_stream_new(env, READER_TEXT_SIZE_MAX, &reader->stream, &call->err);
    } else if (status == COPSE_OK) {
        status = copse_csv_new(env, reader->format == COPSE_DOCUMENT_CSV ? ',' : '\t',
                               READER_TEXT_SIZE_MAX, READER_FIELDS_MAX, &reader->csv, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s'", name);
        copse_document_reader_close(reader);
    }
    return status == COPSE_OK;
}

void copse_document_reader_close(copse_document_reader *reader)
{
    if (reader->call == NULL) {
        return;
    }
    const copse_env *env = &reader->call->env;
    copse_json_stream_free(reader->stream);
    copse_csv_free(reader->csv);
    copse_ext_json_reader_free(reader->json);
    if (reader->fields != NULL) {
        (void)env->alloc(env->alloc_ctx, reader->fields,
                         reader->fields_count * sizeof *reader->fields, 0);
    }
    if (reader->piece != NULL) {
        (void)env->alloc(env->alloc_ctx, reader->piece, READER_PIECE_SIZE, 0);
    }
    copse_buf_release(&reader->document);
    copse_buf_release(&reader->names);
    copse_input_close(&reader->input);
    *reader = (copse_document_reader){0};
}

/* ---- What is no document ---- */

/* Notes what is wrong with what begins at `line` and `column`: the message of the last call, whose
 * place counts from there if `inside`. */
static copse_document_found reader_bad(copse_document_reader *reader, copse_status status,
                                       uint64_t line, uint64_t column, bool inside)
{
    unsigned long long at_line = 1;
    unsigned long long at_column = 1;
    int size = 0;
    const char *message = reader->call->err.message;
    reader->status = status;
    reader->line = line;
    if (status == COPSE_NOMEM || status == COPSE_IO) {
        (void)copse_failure_of(reader->call, status, "'%s'", reader->input.name);
        return COPSE_DOCUMENT_FAILED;
    }
    /* These are digits that the library wrote. */
    /* NOLINTNEXTLINE(cert-err34-c) */
    int numbers = sscanf(message, "line %llu, column %llu: %n", &at_line, &at_column, &size);
    if (numbers == 2 && size > 0) {
        if (inside) {
            at_column += at_line == 1 ? column - 1 : 0;
            at_line += line - 1;
        }
        message += size;
    } else {
        at_line = line;
        at_column = column;
    }
    reader->line = at_line;
    (void)snprintf(reader->problem, sizeof reader->problem, "line %llu, column %llu: %s", at_line,
                   at_column, message);
    return COPSE_DOCUMENT_BAD;
}

/* ---- JSON ---- */

static copse_document_found reader_next_json(copse_document_reader *reader,
                                             copse_bytes *ret_document)
{
    copse_bytes text;
    copse_json_place place = {0};
    size_t got = 0;
    copse_err *err = &reader->call->err;
    for (;;) {
        copse_status status = copse_json_stream_next(reader->stream, &text, &place, err);
        if (status == COPSE_OK) {
            break;
        }
        if (status == COPSE_END) {
            return COPSE_DOCUMENT_END;
        }
        if (status != COPSE_WANT) {
            return reader_bad(reader, status, place.line, place.column, false);
        }
        if (!copse_input_read(&reader->input, reader->piece, READER_PIECE_SIZE, &got)) {
            return COPSE_DOCUMENT_FAILED;
        }
        status = copse_json_stream_feed(reader->stream, (copse_bytes){reader->piece, got}, err);
        if (status != COPSE_OK) {
            return reader_bad(reader, status, place.line, place.column, false);
        }
    }
    reader->line = place.line;
    copse_buf_truncate(&reader->document, 0);
    copse_status status =
        copse_ext_json_read(reader->json, text, reader->mode, &reader->document, err);
    if (status != COPSE_OK) {
        return reader_bad(reader, status, place.line, place.column, true);
    }
    *ret_document = copse_buf_view(&reader->document);
    return COPSE_DOCUMENT_NEXT;
}

/* ---- CSV ---- */

static copse_document_found reader_fail_header(copse_document_reader *reader, const char *problem,
                                               copse_bytes name)
{
    (void)copse_failure(reader->call, COPSE_CORRUPT,
                        "the first line names the fields; see `copse import --help`",
                        "'%s', line 1: %s '%.*s'", reader->input.name, problem, (int)name.len,
                        (const char *)name.ptr);
    return COPSE_DOCUMENT_FAILED;
}

static int reader_compare_fields(const void *a, const void *b)
{
    const copse_document_field *x = a;
    const copse_document_field *y = b;
    return copse_bytes_compare(x->path, y->path);
}

/* Whether the path `outer` names an object that `inner` is in. */
static bool reader_is_inside(copse_bytes inner, copse_bytes outer)
{
    return inner.len > outer.len && inner.ptr[outer.len] == '.' &&
           copse_bytes_has_prefix(inner, outer);
}

static size_t reader_parts(copse_bytes name)
{
    size_t parts = 1;
    for (size_t i = 0; i < name.len; i++) {
        parts += name.ptr[i] == '.';
    }
    return parts;
}

/* Keeps the names of the columns. Separators in paths sort below all other characters, so that what
 * is in one object stands together. */
static copse_document_found reader_take_header(copse_document_reader *reader,
                                               const copse_csv_field *columns, size_t count)
{
    const copse_env *env = &reader->call->env;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (columns[i].text.len == 0) {
            return reader_fail_header(reader, "a field has no name, the one behind",
                                      i > 0 ? columns[i - 1].text : columns[i].text);
        }
        if (reader_parts(columns[i].text) > READER_PARTS_MAX) {
            return reader_fail_header(reader, "too many points in", columns[i].text);
        }
        if (copse_buf_append(&reader->names, columns[i].text) != COPSE_OK) {
            return reader_fail_header(reader, "too many names, up to", columns[i].text);
        }
    }
    reader->fields = env->alloc(env->alloc_ctx, NULL, 0, count * sizeof *reader->fields);
    if (reader->fields == NULL) {
        (void)copse_failure(reader->call, COPSE_NOMEM, NULL, "out of memory");
        return COPSE_DOCUMENT_FAILED;
    }
    reader->fields_count = count;
    for (size_t i = 0; i < count; i++) {
        reader->fields[i].path = (copse_bytes){reader->names.ptr + at, columns[i].text.len};
        reader->fields[i].column = i;
        at += columns[i].text.len;
    }
    for (size_t i = 0; i < reader->names.len; i++) {
        reader->names.ptr[i] = reader->names.ptr[i] == '.' ? 0 : reader->names.ptr[i];
    }
    qsort(reader->fields, count, sizeof *reader->fields, reader_compare_fields);
    for (size_t i = 0; i < reader->names.len; i++) {
        reader->names.ptr[i] = reader->names.ptr[i] == 0 ? '.' : reader->names.ptr[i];
    }
    for (size_t i = 1; i < count; i++) {
        copse_bytes path = reader->fields[i].path;
        copse_bytes before = reader->fields[i - 1].path;
        if (copse_bytes_equal(path, before)) {
            return reader_fail_header(reader, "two fields have the name", path);
        }
        if (reader_is_inside(path, before)) {
            return reader_fail_header(reader, "a field is at once a value and an object:", before);
        }
    }
    return COPSE_DOCUMENT_NEXT;
}

/* A field's value: without quotes what JSON would read, if it is a number, a truth value or null,
 * else its text. */
static copse_status reader_write_value(copse_document_reader *reader, const copse_csv_field *field)
{
    copse_buf *buf = &reader->document;
    uint8_t first = field->text.len > 0 ? field->text.ptr[0] : 0;
    bool plain = (first >= '0' && first <= '9') || first == '-' || first == 't' || first == 'f' ||
                 first == 'n';
    if (!reader->all_text && !field->quoted && plain) {
        copse_status status =
            copse_ext_json_read(reader->json, field->text, COPSE_EXT_JSON_VALUE, buf, NULL);
        if (status != COPSE_CORRUPT && status != COPSE_LIMIT) {
            return status;
        }
    }
    return copse_cbor_write_text(buf, field->text);
}

/* Writes the map of the fields [first, end), whose paths are alike up to `depth` bytes. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as a name in the first line has points */
static copse_status reader_write_object(copse_document_reader *reader,
                                        const copse_csv_field *columns, size_t first, size_t end,
                                        size_t depth, bool *ret_empty)
{
    copse_buf *buf = &reader->document;
    size_t start = buf->len;
    uint64_t count = 0;
    copse_status status = COPSE_OK;
    while (first < end && status == COPSE_OK) {
        const copse_document_field *field = &reader->fields[first];
        const uint8_t *name = field->path.ptr + depth;
        size_t rest = field->path.len - depth;
        const uint8_t *dot = memchr(name, '.', rest);
        size_t size = dot != NULL ? (size_t)(dot - name) : rest;
        size_t mark = buf->len;
        size_t next = first + 1;
        bool empty = false;
        copse_bytes prefix = {field->path.ptr, depth + size};
        while (dot != NULL && next < end && reader_is_inside(reader->fields[next].path, prefix)) {
            next++;
        }
        status = copse_cbor_write_text(buf, (copse_bytes){name, size});
        if (status == COPSE_OK && dot != NULL) {
            status = reader_write_object(reader, columns, first, next, depth + size + 1, &empty);
        } else if (status == COPSE_OK) {
            const copse_csv_field *column = &columns[field->column];
            empty = column->text.len == 0 && !column->quoted;
            status = empty ? COPSE_OK : reader_write_value(reader, column);
        }
        if (empty) {
            copse_buf_truncate(buf, mark);
        }
        count += !empty;
        first = next;
    }
    *ret_empty = count == 0 && depth > 0;
    return status == COPSE_OK ? copse_cbor_finish_map(buf, start, count) : status;
}

/* The next record; feeds the file. */
static copse_document_found reader_next_record(copse_document_reader *reader,
                                               const copse_csv_field **ret_columns,
                                               size_t *ret_count)
{
    copse_err *err = &reader->call->err;
    for (;;) {
        size_t got = 0;
        copse_status status =
            copse_csv_next(reader->csv, ret_columns, ret_count, &reader->line, err);
        if (status == COPSE_OK) {
            return COPSE_DOCUMENT_NEXT;
        }
        if (status == COPSE_END) {
            return COPSE_DOCUMENT_END;
        }
        if (status != COPSE_WANT) {
            return reader_bad(reader, status, reader->line, 1, false);
        }
        if (!copse_input_read(&reader->input, reader->piece, READER_PIECE_SIZE, &got)) {
            return COPSE_DOCUMENT_FAILED;
        }
        status = copse_csv_feed(reader->csv, (copse_bytes){reader->piece, got}, err);
        if (status != COPSE_OK) {
            return reader_bad(reader, status, reader->line, 1, false);
        }
    }
}

static copse_document_found reader_next_csv(copse_document_reader *reader,
                                            copse_bytes *ret_document)
{
    const copse_csv_field *columns = NULL;
    size_t count = 0;
    bool empty = false;
    copse_err *err = &reader->call->err;
    copse_document_found found = reader_next_record(reader, &columns, &count);
    if (found == COPSE_DOCUMENT_NEXT && reader->fields == NULL) {
        found = reader_take_header(reader, columns, count);
        if (found == COPSE_DOCUMENT_NEXT) {
            found = reader_next_record(reader, &columns, &count);
        }
    }
    if (found != COPSE_DOCUMENT_NEXT) {
        return found;
    }
    if (count != reader->fields_count) {
        (void)snprintf(err->message, sizeof err->message,
                       "%zu fields, but the first line names %zu", count, reader->fields_count);
        return reader_bad(reader, COPSE_CORRUPT, reader->line, 1, false);
    }
    copse_buf_truncate(&reader->document, 0);
    copse_status status = reader_write_object(reader, columns, 0, reader->fields_count, 0, &empty);
    if (status != COPSE_OK) {
        (void)snprintf(err->message, sizeof err->message, "%s",
                       status == COPSE_LIMIT ? "the document is too large"
                                             : "a name stands twice in one object");
        return reader_bad(reader, status, reader->line, 1, false);
    }
    *ret_document = copse_buf_view(&reader->document);
    return COPSE_DOCUMENT_NEXT;
}

copse_document_found copse_document_reader_next(copse_document_reader *reader,
                                                copse_bytes *ret_document)
{
    return reader->format == COPSE_DOCUMENT_JSON ? reader_next_json(reader, ret_document)
                                                 : reader_next_csv(reader, ret_document);
}
