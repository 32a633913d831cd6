/* An automaton over bytes; runs of ordinary ones are passed over together. The content of a
 * record's fields is gathered without a gap, so that the fields follow from their sizes when the
 * record ends.
 *
 *     state     at                          a separator  a line end  a quote    else
 *     BEGIN     a record's first byte       field        (passed)    QUOTED     PLAIN
 *     FIELD     another field's first byte  field        record      QUOTED     PLAIN
 *     PLAIN     in a field without quotes   field        record      CORRUPT    PLAIN
 *     QUOTED    in a field with quotes      QUOTED       QUOTED      CLOSED     QUOTED
 *     CLOSED    behind a quote in QUOTED    field        record      QUOTED     CORRUPT
 *
 * A line end is LF or CRLF; a CR without LF is a character like others, but none may follow CLOSED.
 *
 * (C1) The records do not depend on how the input is cut into pieces.
 * (C2) No more is held than one record, within the limits that csv_new was given.
 * (C3) After a failure reading goes on behind the line in which it showed.
 * (C4) Out of memory changes nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/csv.h>

#include "base/alloc.h"
#include "base/err.h"
#include "value/utf8.h"

#include <string.h>

enum { CSV_MARK_SIZE = 3, CSV_FIELDS_MIN = 16 };

static const uint8_t csv_mark[CSV_MARK_SIZE] = {0xef, 0xbb, 0xbf}; /* byte order mark in UTF-8 */

typedef enum csv_state {
    CSV_MARK, /* in the byte order mark, if it is one */
    CSV_BEGIN,
    CSV_FIELD,
    CSV_PLAIN,
    CSV_QUOTED,
    CSV_CLOSED,
    CSV_SKIP /* to the end of the line */
} csv_state;

struct copse_csv {
    const copse_env *env;
    uint8_t separator;
    size_t fields_max;
    copse_buf content; /* of all the record's fields */
    copse_csv_field *fields;
    size_t count;
    size_t capacity;
    size_t field_start; /* of the field that is read, in the content */
    const uint8_t *at;
    const uint8_t *end;
    bool fed;      /* there is a piece that is not used up */
    bool finished; /* there are no more pieces */
    bool given;    /* the record was */
    bool after_cr; /* a CR was passed over, which is a line end if LF comes next */
    csv_state state;
    size_t mark_size;    /* bytes of the mark that were passed over */
    uint64_t offset;     /* of `at` in the input */
    uint64_t line;       /* of `at` */
    uint64_t line_start; /* its offset */
    uint64_t record_line;
};

copse_status copse_csv_new(const copse_env *env, char separator, size_t record_size_bytes_max,
                           size_t fields_max, copse_csv **ret_csv, copse_err *err)
{
    uint8_t byte = (uint8_t)separator;
    if (byte == 0 || byte > 0x7f || byte == '"' || byte == '\n' || byte == '\r') {
        return COPSE_ERR(err, COPSE_MISUSE, "byte %02x can't separate fields", byte);
    }
    copse_csv *csv = copse_alloc_zeroed(env, sizeof *csv);
    if (csv == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    csv->env = env;
    csv->separator = byte;
    csv->fields_max = fields_max;
    csv->line = 1;
    copse_buf_init(&csv->content, env, record_size_bytes_max);
    *ret_csv = csv;
    return COPSE_OK;
}

copse_csv *copse_csv_free(copse_csv *csv)
{
    if (csv != NULL) {
        copse_buf_release(&csv->content);
        copse_free_array(csv->env, csv->fields, csv->capacity, sizeof *csv->fields);
        copse_free(csv->env, csv, sizeof *csv);
    }
    return NULL;
}

copse_status copse_csv_feed(copse_csv *csv, copse_bytes piece, copse_err *err)
{
    if (csv->fed || csv->finished) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         csv->fed ? "the last piece has not been used up"
                                  : "there was an end of the input");
    }
    csv->fed = piece.len > 0;
    csv->finished = piece.len == 0;
    csv->at = piece.ptr;
    csv->end = piece.len > 0 ? piece.ptr + piece.len : piece.ptr;
    return COPSE_OK;
}

/* ---- Places and failures ---- */

/* Moves over the next byte. */
static void csv_pass(copse_csv *csv)
{
    csv->offset++;
    if (*csv->at++ == '\n') {
        csv->line++;
        csv->line_start = csv->offset;
    }
}

static void csv_reset_record(copse_csv *csv)
{
    copse_buf_truncate(&csv->content, 0);
    csv->count = 0;
    csv->field_start = 0;
    csv->after_cr = false;
    csv->given = false;
}

/* Fails at the place that was come to, and leaves the record. */
static copse_status csv_fail(copse_csv *csv, copse_status status, const char *why, copse_err *err)
{
    if (status == COPSE_NOMEM) {
        return COPSE_ERR_NOMEM(err);
    }
    csv_reset_record(csv);
    csv->state = csv->finished ? CSV_BEGIN : CSV_SKIP;
    return COPSE_ERR(err, status, "line %llu, column %llu: %s", (unsigned long long)csv->line,
                     (unsigned long long)(csv->offset - csv->line_start + 1), why);
}

/* ---- Content ---- */

static copse_status csv_append(copse_csv *csv, const uint8_t *bytes, size_t size, copse_err *err)
{
    copse_status status = copse_buf_append(&csv->content, (copse_bytes){bytes, size});
    return status == COPSE_OK ? status : csv_fail(csv, status, "the record is too long", err);
}

/* Takes the bytes up to `run_end` as content: as many as fit, whatever the pieces (C1). */
static copse_status csv_take_run(copse_csv *csv, const uint8_t *run_end, copse_err *err)
{
    size_t size = (size_t)(run_end - csv->at);
    size_t room = csv->content.max - csv->content.len;
    size_t part = size < room ? size : room;
    copse_status status = csv_append(csv, csv->at, part, err);
    for (size_t i = 0; status == COPSE_OK && i < part; i++) {
        csv_pass(csv);
    }
    if (status == COPSE_OK && part < size) {
        return csv_fail(csv, COPSE_LIMIT, "the record is too long", err);
    }
    return status;
}

/* Ends the field that is read. */
static copse_status csv_end_field(copse_csv *csv, bool quoted, copse_err *err)
{
    if (csv->count == csv->fields_max) {
        return csv_fail(csv, COPSE_LIMIT, "the record has too many fields", err);
    }
    void *fields = csv->fields;
    size_t need = csv->count < CSV_FIELDS_MIN ? CSV_FIELDS_MIN : csv->count + 1;
    if (!copse_array_grow(csv->env, &fields, &csv->capacity, need, sizeof *csv->fields)) {
        return COPSE_ERR_NOMEM(err);
    }
    csv->fields = fields;
    csv->fields[csv->count++] = (copse_csv_field){
        .text = {.ptr = NULL, .len = csv->content.len - csv->field_start}, .quoted = quoted};
    csv->field_start = csv->content.len;
    csv->state = CSV_FIELD;
    return COPSE_OK;
}

/* Gives the record whose fields have ended. */
static copse_status csv_give(copse_csv *csv, const copse_csv_field **ret_fields, size_t *ret_count,
                             uint64_t *ret_line, copse_err *err)
{
    static const uint8_t nothing[1];
    const uint8_t *at = csv->content.len > 0 ? csv->content.ptr : nothing;
    csv->state = CSV_BEGIN;
    for (size_t i = 0; i < csv->count; i++) {
        csv->fields[i].text.ptr = at;
        at += csv->fields[i].text.len;
        if (!copse_utf8_valid(csv->fields[i].text)) {
            size_t field = i + 1;
            csv_reset_record(csv);
            return COPSE_ERR(err, COPSE_CORRUPT, "line %llu, column 1: field %zu is not UTF-8",
                             (unsigned long long)csv->record_line, field);
        }
    }
    csv->given = true;
    *ret_fields = csv->fields;
    *ret_count = csv->count;
    *ret_line = csv->record_line;
    return COPSE_OK;
}

/* ---- The automaton. Each returns OK to go on, END if a record has ended. ---- */

/* Ends the last field of a record. */
static copse_status csv_end_record(copse_csv *csv, copse_err *err)
{
    copse_status status = csv_end_field(csv, csv->state == CSV_CLOSED, err);
    return status == COPSE_OK ? COPSE_END : status;
}

/* A byte outside of quotes that means something: a separator or a line end. NOT_FOUND: none. */
static copse_status csv_step_mark(copse_csv *csv, uint8_t byte, copse_err *err)
{
    copse_status status = COPSE_NOT_FOUND;
    if (byte == '\n') {
        status = csv->state == CSV_BEGIN ? COPSE_OK : csv_end_record(csv, err);
    } else if (csv->after_cr && csv->state == CSV_CLOSED) {
        return csv_fail(csv, COPSE_CORRUPT, "a quoted field goes on behind its quote", err);
    } else if (csv->after_cr) {
        /* It was no line end: a character. */
        status = csv_append(csv, (const uint8_t *)"\r", 1, err);
        if (status == COPSE_OK) {
            csv->after_cr = false;
            csv->state = CSV_PLAIN;
        }
        return status;
    } else if (byte == '\r') {
        csv->after_cr = true;
        status = COPSE_OK;
    } else if (byte == csv->separator) {
        status = csv_end_field(csv, csv->state == CSV_CLOSED, err);
    }
    if (status == COPSE_OK || status == COPSE_END) {
        csv->after_cr = byte == '\r';
        csv_pass(csv);
    }
    return status;
}

/* The next byte outside of quotes. */
static copse_status csv_step_outside(copse_csv *csv, copse_err *err)
{
    copse_status status = csv_step_mark(csv, *csv->at, err);
    if (status != COPSE_NOT_FOUND) {
        return status;
    }
    if (*csv->at == '"') {
        if (csv->state == CSV_PLAIN) {
            return csv_fail(csv, COPSE_CORRUPT,
                            "a quote in a field that doesn't begin with one: put the field in "
                            "quotes and double this one",
                            err);
        }
        if (csv->state == CSV_CLOSED) {
            status = csv_append(csv, csv->at, 1, err);
            if (status != COPSE_OK) {
                return status;
            }
        }
        csv->state = CSV_QUOTED;
        csv_pass(csv);
        return COPSE_OK;
    }
    if (csv->state == CSV_CLOSED) {
        return csv_fail(csv, COPSE_CORRUPT, "a quoted field goes on behind its quote", err);
    }
    const uint8_t *run = csv->at;
    while (run < csv->end && *run != csv->separator && *run != '\n' && *run != '\r' &&
           *run != '"') {
        run++;
    }
    status = csv_take_run(csv, run, err);
    if (status == COPSE_OK) {
        csv->state = CSV_PLAIN;
    }
    return status;
}

/* The next run of bytes in quotes. */
static copse_status csv_step_quoted(copse_csv *csv, copse_err *err)
{
    size_t left = (size_t)(csv->end - csv->at);
    const uint8_t *quote = memchr(csv->at, '"', left);
    const uint8_t *run = quote != NULL ? quote : csv->end;
    copse_status status = csv_take_run(csv, run, err);
    if (status == COPSE_OK && quote != NULL) {
        csv->state = CSV_CLOSED;
        csv_pass(csv);
    }
    return status;
}

/* The next byte of what may be the byte order mark. */
static copse_status csv_step_start(copse_csv *csv, copse_err *err)
{
    if (*csv->at == csv_mark[csv->mark_size]) {
        csv_pass(csv);
        csv->state = ++csv->mark_size == CSV_MARK_SIZE ? CSV_BEGIN : CSV_MARK;
        return COPSE_OK;
    }
    csv->record_line = 1;
    copse_status status = csv_append(csv, csv_mark, csv->mark_size, err);
    if (status == COPSE_OK) {
        csv->state = csv->mark_size > 0 ? CSV_PLAIN : CSV_BEGIN;
    }
    return status;
}

static copse_status csv_step(copse_csv *csv, copse_err *err)
{
    switch (csv->state) {
    case CSV_MARK:
        return csv_step_start(csv, err);
    case CSV_SKIP:
        csv->state = *csv->at == '\n' ? CSV_BEGIN : CSV_SKIP;
        csv_pass(csv);
        return COPSE_OK;
    case CSV_QUOTED:
        return csv_step_quoted(csv, err);
    case CSV_BEGIN:
        csv->record_line = csv->line;
        return csv_step_outside(csv, err);
    case CSV_FIELD:
    case CSV_PLAIN:
    case CSV_CLOSED:
        break;
    }
    return csv_step_outside(csv, err);
}

/* Behind the last piece: the last record may lack its line end. */
static copse_status csv_step_end(copse_csv *csv, copse_err *err)
{
    if (csv->state == CSV_QUOTED) {
        return csv_fail(csv, COPSE_CORRUPT, "the input ends in a quoted field", err);
    }
    if (csv->state == CSV_MARK && csv->mark_size > 0) {
        return csv_fail(csv, COPSE_CORRUPT, "not UTF-8", err);
    }
    if (csv->state == CSV_MARK || csv->state == CSV_SKIP || csv->state == CSV_BEGIN) {
        csv->state = CSV_BEGIN;
        return COPSE_WANT;
    }
    return csv_end_record(csv, err);
}

copse_status copse_csv_next(copse_csv *csv, const copse_csv_field **ret_fields, size_t *ret_count,
                            uint64_t *ret_line, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (csv->given) {
        csv_reset_record(csv);
    }
    while (status == COPSE_OK) {
        if (csv->at < csv->end) {
            status = csv_step(csv, err);
        } else if (!csv->finished) {
            csv->fed = false;
            return COPSE_WANT;
        } else {
            status = csv_step_end(csv, err);
            if (status == COPSE_WANT) {
                return COPSE_END;
            }
        }
    }
    return status == COPSE_END ? csv_give(csv, ret_fields, ret_count, ret_line, err) : status;
}
