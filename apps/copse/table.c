/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "table.h"

#include "text.h"

#include <string.h>

enum { TABLE_SIZE_MAX = 1 << 28 };

void copse_table_init(copse_table *table, const copse_env *env, const char *titles)
{
    *table = (copse_table){.status = COPSE_OK};
    copse_buf_init(&table->cells, env, TABLE_SIZE_MAX);
    while (table->columns < COPSE_TABLE_COLUMNS_MAX && *titles != '\0') {
        table->right[table->columns++] = *titles == '#';
        titles += *titles == '#';
        size_t len = strcspn(titles, "|");
        copse_table_bytes(table, (copse_bytes){(const uint8_t *)titles, len});
        titles += len + (titles[len] == '|');
    }
}

void copse_table_release(copse_table *table)
{
    copse_buf_release(&table->cells);
}

void copse_table_bytes(copse_table *table, copse_bytes text)
{
    /* A NUL would end the cell; there is none in what names are made of. */
    const uint8_t *end = text.len > 0 ? memchr(text.ptr, '\0', text.len) : NULL;
    text.len = end != NULL ? (size_t)(end - text.ptr) : text.len;
    if (table->status == COPSE_OK) {
        table->status = copse_buf_append(&table->cells, text);
    }
    if (table->status == COPSE_OK) {
        table->status = copse_buf_append_byte(&table->cells, 0);
    }
}

void copse_table_text(copse_table *table, const char *text)
{
    copse_table_bytes(table, copse_bytes_of_text(text));
}

void copse_table_count(copse_table *table, uint64_t count)
{
    char text[COPSE_TEXT_NUMBER_SIZE];
    copse_table_text(table, copse_text_of_count(count, text));
}

/* Characters, each of which is taken to be one place wide. */
static size_t table_width(const char *cell)
{
    size_t width = 0;
    for (; *cell != '\0'; cell++) {
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    }
    return width;
}

/* Prints a cell behind `gap` spaces; returns the spaces to the next one, which are printed only if
 * something follows. */
static size_t table_print_cell(copse_output *out, const char *cell, size_t gap, size_t width,
                               bool right)
{
    size_t padding = width - table_width(cell);
    gap += right ? padding : 0;
    if (*cell == '\0') {
        return gap + width + 2;
    }
    copse_output_format(out, "%*s", (int)gap, "");
    copse_output_bytes(out, copse_bytes_of_text(cell));
    return (right ? 0 : padding) + 2;
}

copse_status copse_table_print(const copse_table *table, copse_output *out)
{
    size_t widths[COPSE_TABLE_COLUMNS_MAX] = {0};
    const char *end = (const char *)table->cells.ptr + table->cells.len;
    size_t index = 0;
    if (table->status != COPSE_OK) {
        return table->status;
    }
    for (const char *cell = (const char *)table->cells.ptr; cell < end; cell += strlen(cell) + 1) {
        size_t width = table_width(cell);
        size_t column = index++ % table->columns;
        widths[column] = width > widths[column] ? width : widths[column];
    }
    if (index <= table->columns) {
        return COPSE_OK;
    }
    size_t gap = 0;
    index = 0;
    for (const char *cell = (const char *)table->cells.ptr; cell < end; cell += strlen(cell) + 1) {
        size_t column = index++ % table->columns;
        gap = table_print_cell(out, cell, gap, widths[column], table->right[column]);
        if (column + 1 == table->columns) {
            copse_output_format(out, "\n");
            gap = 0;
        }
    }
    return COPSE_OK;
}
