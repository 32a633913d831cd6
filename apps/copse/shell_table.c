/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "shell_table.h"

#include "table.h"
#include "text.h"

#include <copse/dag_cbor.h>
#include <copse/ext_json.h>

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SHELL_TABLE_ROWS_MAX = 1000, SHELL_TABLE_CELL_MIN = 6 };

/* ---- Taking lines ---- */

static size_t shell_table_terminal_width(void)
{
    struct winsize size;
    uint64_t columns = 0;
    const char *text = getenv("COLUMNS");
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return text != NULL && copse_text_to_count(text, &columns) && columns < 10000 ? (size_t)columns
                                                                                  : 0;
}

void copse_shell_table_init(copse_shell_table *table, copse_output *out)
{
    *table =
        (copse_shell_table){.env = out->env, .out = out, .width_max = shell_table_terminal_width()};
    copse_buf_init(&table->line, out->env, out->env->limits.json_size_bytes_max);
    copse_buf_init(&table->documents, out->env, out->env->limits.query_memory_bytes_max);
}

void copse_shell_table_release(copse_shell_table *table)
{
    copse_buf_release(&table->line);
    copse_buf_release(&table->documents);
}

/* Keeps a line that is an object as a row. False: it is none, or there is no memory. */
static bool shell_table_keep(copse_shell_table *table, copse_bytes line)
{
    if (line.len == 0 || line.ptr[0] != '{' ||
        copse_ext_json_to_cbor(table->env, line, COPSE_EXT_JSON_QUERY, &table->documents, NULL) !=
            COPSE_OK) {
        return false;
    }
    table->rows++;
    return true;
}

/* Takes the line that is at its end. */
static void shell_table_take_line(copse_shell_table *table)
{
    copse_bytes line = copse_buf_view(&table->line);
    if (!shell_table_keep(table, line)) {
        copse_shell_table_end(table);
        copse_output_raw(table->out, line);
        copse_output_format(table->out, "\n");
    }
    copse_buf_truncate(&table->line, 0);
    if (table->rows == SHELL_TABLE_ROWS_MAX) {
        copse_shell_table_end(table);
    }
}

void copse_shell_table_take(copse_shell_table *table, copse_bytes piece)
{
    while (piece.len > 0) {
        const uint8_t *end = memchr(piece.ptr, '\n', piece.len);
        size_t size = end != NULL ? (size_t)(end - piece.ptr) : piece.len;
        if (copse_buf_append(&table->line, (copse_bytes){piece.ptr, size}) != COPSE_OK) {
            /* A line past all bounds is no row: it goes by as it is. */
            copse_shell_table_end(table);
            copse_output_raw(table->out, copse_buf_view(&table->line));
            copse_output_raw(table->out, (copse_bytes){piece.ptr, size});
            copse_buf_truncate(&table->line, 0);
        }
        if (end != NULL) {
            shell_table_take_line(table);
            size++;
        }
        piece = (copse_bytes){piece.ptr + size, piece.len - size};
    }
}

/* ---- The table ---- */

/* The columns: `_id`, if the first row has it, then fields in the order in which they are met. */
typedef struct shell_table_columns {
    copse_bytes names[COPSE_TABLE_COLUMNS_MAX];
    bool texts[COPSE_TABLE_COLUMNS_MAX]; /* something that is no number stands in it */
    size_t count;
    size_t count_max;
    bool is_full; /* fields were left out */
} shell_table_columns;

static void shell_table_add_column(shell_table_columns *columns, copse_bytes name, bool is_text)
{
    size_t i = 0;
    while (i < columns->count && !copse_bytes_equal(columns->names[i], name)) {
        i++;
    }
    if (i == columns->count_max) {
        columns->is_full = true;
        return;
    }
    if (i == columns->count) {
        columns->names[columns->count++] = name;
    }
    columns->texts[i] = columns->texts[i] || is_text;
}

/* Puts `_id` in front. */
static void shell_table_begin_columns(const copse_shell_table *self, shell_table_columns *columns)
{
    copse_cbor_reader reader;
    copse_cbor_item value;
    copse_bytes name = copse_bytes_of_text("_id");
    copse_cbor_reader_init(&reader, copse_buf_view(&self->documents));
    if (copse_cbor_find_key(&reader, name, NULL) == COPSE_OK &&
        copse_cbor_next(&reader, &value, NULL) == COPSE_OK) {
        shell_table_add_column(columns, name, false);
    }
}

/* Adds the columns of one document. */
static copse_status shell_table_scan(shell_table_columns *columns, copse_bytes document)
{
    copse_cbor_reader reader;
    copse_cbor_item map;
    copse_cbor_item name;
    copse_cbor_item value;
    copse_cbor_reader_init(&reader, document);
    copse_status status = copse_cbor_next(&reader, &map, NULL);
    for (uint64_t i = 0; status == COPSE_OK && i < map.arg; i++) {
        status = copse_cbor_next(&reader, &name, NULL);
        copse_cbor_reader at = reader;
        if (status == COPSE_OK) {
            status = copse_cbor_next(&at, &value, NULL);
        }
        if (status == COPSE_OK) {
            bool is_number = value.kind == COPSE_CBOR_INT || value.kind == COPSE_CBOR_FLOAT;
            shell_table_add_column(columns, name.bytes, !is_number);
            status = copse_cbor_skip(&reader, NULL);
        }
    }
    return status;
}

/* What a value's JSON is shown as: of {"$date":"2026-01-01T00:00:00Z"} the text alone. */
static copse_bytes shell_table_plain(copse_bytes json)
{
    const copse_bytes wrapper = {(const uint8_t *)"{\"$", 3};
    const uint8_t *colon = memchr(json.ptr, ':', json.len);
    size_t start = colon != NULL ? (size_t)(colon - json.ptr) + 2 : json.len;
    bool is_text = copse_bytes_has_prefix(json, wrapper) && start + 2 <= json.len &&
                   colon[1] == '"' && json.ptr[json.len - 2] == '"' &&
                   memchr(json.ptr + start, '"', json.len - start) == json.ptr + json.len - 2;
    return is_text ? (copse_bytes){json.ptr + start, json.len - 2 - start} : json;
}

/* Adds the cell of a value: a text as it is, else its JSON. */
static copse_status shell_table_cell(copse_shell_table *self, copse_table *table, copse_bytes value)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_buf json;
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cbor_next(&reader, &item, NULL);
    if (status == COPSE_OK && item.kind == COPSE_CBOR_TEXT) {
        copse_table_bytes(table, item.bytes);
        return COPSE_OK;
    }
    copse_buf_init(&json, self->env, self->env->limits.json_size_bytes_max);
    status = copse_ext_json_from_cbor(self->env, value, false, &json, NULL);
    if (status == COPSE_OK) {
        copse_table_bytes(table, shell_table_plain(copse_buf_view(&json)));
    }
    copse_buf_release(&json);
    return status;
}

static copse_status shell_table_row(copse_shell_table *self, copse_table *table,
                                    const shell_table_columns *columns, copse_bytes document)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < columns->count && status == COPSE_OK; i++) {
        copse_cbor_reader reader;
        copse_bytes value;
        copse_cbor_reader_init(&reader, document);
        status = copse_cbor_find_key(&reader, columns->names[i], NULL);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &value, NULL);
            status = status == COPSE_OK ? shell_table_cell(self, table, value) : status;
        } else if (status == COPSE_NOT_FOUND) {
            copse_table_text(table, "");
            status = COPSE_OK;
        }
    }
    return status;
}

/* Finds the columns of all rows, or with a table fills in their cells. */
static copse_status shell_table_fill(copse_shell_table *self, copse_table *table,
                                     shell_table_columns *columns)
{
    copse_cbor_reader reader;
    copse_bytes document;
    copse_status status = COPSE_OK;
    copse_cbor_reader_init(&reader, copse_buf_view(&self->documents));
    while (status == COPSE_OK && (status = copse_cbor_take(&reader, &document, NULL)) == COPSE_OK) {
        status = table == NULL ? shell_table_scan(columns, document)
                               : shell_table_row(self, table, columns, document);
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status shell_table_print(copse_shell_table *self, shell_table_columns *columns)
{
    copse_table table;
    copse_table_init(&table, self->env, "");
    table.columns = columns->count;
    table.width_max = self->width_max;
    for (size_t i = 0; i < columns->count; i++) {
        table.right[i] = !columns->texts[i];
        copse_table_bytes(&table, columns->names[i]);
    }
    copse_status status = shell_table_fill(self, &table, columns);
    if (status == COPSE_OK) {
        status = copse_table_print(&table, self->out);
    }
    copse_table_release(&table);
    return status;
}

void copse_shell_table_end(copse_shell_table *table)
{
    shell_table_columns columns = {.count_max = COPSE_TABLE_COLUMNS_MAX};
    size_t fitting = (table->width_max + 2) / (SHELL_TABLE_CELL_MIN + 2);
    if (table->rows == 0) {
        return;
    }
    if (table->width_max > 0 && fitting < columns.count_max) {
        columns.count_max = fitting > 0 ? fitting : 1;
    }
    shell_table_begin_columns(table, &columns);
    copse_status status = shell_table_fill(table, NULL, &columns);
    if (status == COPSE_OK && columns.count == 0) {
        copse_output_format(table->out, "{}\n");
    } else if (status == COPSE_OK) {
        status = shell_table_print(table, &columns);
    }
    if (status != COPSE_OK) {
        copse_output_format(table->out, "copse: these documents can't be shown as a table; `.mode "
                                        "json` shows them\n");
    } else if (columns.is_full) {
        copse_output_format(table->out, "… there are more fields than fit; `.mode json` or "
                                        ".project(…) shows them\n");
    }
    copse_buf_truncate(&table->documents, 0);
    table->rows = 0;
    (void)copse_output_flush(table->out);
}
