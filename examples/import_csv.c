/* CSV in pieces, as documents: the first record names the fields, quoted fields are text, others
 * are numbers where they look like one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/csv.h>

#include <stdio.h>

enum { FIELDS_MAX = 8, NAME_SIZE_MAX = 32, PIECE = 10 };

static const char text[] = "name,people,code\r\n"
                           "Lyon,522250,\"69001\"\r\n"
                           "\"Saint-\"\"Test\"\"\",17,\"\"\r\n"
                           "Nowhere\r\n";

/* The names of the fields, copied: those of a record live until the next one. */
typedef struct header {
    char names[FIELDS_MAX][NAME_SIZE_MAX];
    size_t count;
} header;

static void read_header(header *names, const copse_csv_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names->names[i], NAME_SIZE_MAX, "%.*s", (int)fields[i].text.len,
                       (const char *)fields[i].text.ptr);
    }
    names->count = count;
}

/* Whole numbers only; a program that needs more reads the field as Extended JSON. */
static bool read_number(copse_bytes digits, int64_t *ret_number)
{
    int64_t number = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9' || i == 18) {
            return false;
        }
        number = 10 * number + (digits.ptr[i] - '0');
    }
    *ret_number = number;
    return digits.len > 0;
}

static copse_status write_field(copse_buf *document, const char *name, const copse_csv_field *field)
{
    int64_t number;
    copse_status status = copse_cbor_write_text(document, copse_bytes_of_text(name));
    if (status != COPSE_OK) {
        return status;
    }
    return !field->quoted && read_number(field->text, &number)
               ? copse_cbor_write_int(document, number)
               : copse_cbor_write_text(document, field->text);
}

/* Inserts a record; pairs may be written in any order, finish_map sorts them. */
static void insert(example_db *example, copse_write *write, const header *names,
                   const copse_csv_field *fields)
{
    copse_err err = {0};
    copse_buf document;
    copse_buf id;
    copse_buf_init(&document, &example->env, SIZE_MAX);
    copse_buf_init(&id, &example->env, SIZE_MAX);
    for (size_t i = 0; i < names->count; i++) {
        example_must(write_field(&document, names->names[i], &fields[i]), &err);
    }
    example_must(copse_cbor_finish_map(&document, 0, names->count), &err);
    example_must(copse_write_insert(write, copse_bytes_of_text("cities"), copse_buf_view(&document),
                                    &id, &err),
                 &err);
    example_print(&example->env, "", copse_buf_view(&document));
    example_print(&example->env, "  gets the _id ", copse_buf_view(&id));
    copse_buf_release(&document);
    copse_buf_release(&id);
}

int main(void)
{
    example_db example;
    copse_err err = {0};
    copse_csv *csv = NULL;
    copse_write *write = NULL;
    copse_bytes rest = copse_bytes_of_text(text);
    const copse_csv_field *fields;
    size_t count;
    uint64_t line;
    copse_status status;
    header names = {.count = 0};
    example_open(&example);
    example_must(copse_csv_new(&example.env, ',', 4096, FIELDS_MAX, &csv, &err), &err);
    example_must(copse_write_new(&example.env, &write, &err), &err);
    while ((status = copse_csv_next(csv, &fields, &count, &line, &err)) != COPSE_END) {
        if (status == COPSE_WANT) {
            copse_bytes piece = {rest.ptr, rest.len < PIECE ? rest.len : PIECE};
            rest = (copse_bytes){rest.ptr + piece.len, rest.len - piece.len};
            example_must(copse_csv_feed(csv, piece, &err), &err); /* empty: the end */
            continue;
        }
        example_must(status, &err);
        if (names.count == 0) {
            read_header(&names, fields, count);
        } else if (count != names.count) {
            (void)printf("line %d has %zu fields and is left out\n", (int)line, count);
        } else {
            insert(&example, write, &names, fields);
        }
    }
    (void)printf("%zu documents\n", copse_write_count(write));
    example_apply(&example, write);
    copse_write_free(write);
    copse_csv_free(csv);
    example_close(&example);
    return 0;
}
