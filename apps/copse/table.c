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

/* The places that the character at `cell` takes when it is printed: one, or those of its escape;
 * *ret_size is its size. */
static size_t table_char(const char *cell, size_t *ret_size)
{
    uint32_t code = 0;
    size_t size = strnlen(cell, 4);
    *ret_size = copse_text_utf8_char((copse_bytes){(const uint8_t *)cell, size}, &code);
    if (*ret_size == 0) {
        *ret_size = 1;
        return 4;
    }
    if (code == '\\' || code == '\t' || code == '\n' || code == '\r') {
        return 2;
    }
    return code < 0x20 || (code >= 0x7f && code < 0xa0) ? 4 * *ret_size : 1;
}

static size_t table_width(const char *cell)
{
    size_t width = 0;
    for (size_t size = 0; *cell != '\0'; cell += size) {
        width += table_char(cell, &size);
    }
    return width;
}

/* Prints a cell, cut to `width` places; returns how many it takes. */
static size_t table_print_text(copse_output *out, const char *cell, size_t width)
{
    bool is_cut = table_width(cell) > width;
    size_t room = width - is_cut;
    size_t used = 0;
    size_t len = 0;
    size_t size = 0;
    while (cell[len] != '\0' && used + table_char(cell + len, &size) <= room) {
        used += table_char(cell + len, &size);
        len += size;
    }
    copse_output_bytes(out, (copse_bytes){(const uint8_t *)cell, len});
    copse_output_format(out, is_cut ? "…" : "");
    return used + is_cut;
}

/* Prints a cell behind `gap` spaces; returns the spaces to the next one, which are printed only if
 * something follows. */
static size_t table_print_cell(copse_output *out, const char *cell, size_t gap, size_t width,
                               bool right)
{
    size_t natural = table_width(cell);
    size_t padding = natural < width ? width - natural : 0;
    if (*cell == '\0') {
        return gap + width + 2;
    }
    gap += right ? padding : 0;
    copse_output_format(out, "%*s", (int)gap, "");
    size_t used = table_print_text(out, cell, width);
    return (right ? 0 : width - used) + 2;
}

/* Makes the widest columns narrower until a row fits, but none narrower than a few places. */
static void table_fit(const copse_table *table, size_t *widths)
{
    enum { WIDTH_MIN = 4 };
    size_t total = 2 * (table->columns - 1);
    for (size_t i = 0; i < table->columns; i++) {
        widths[i] = widths[i] < table->width_max ? widths[i] : table->width_max;
        total += widths[i];
    }
    while (total > table->width_max) {
        size_t widest = 0;
        for (size_t i = 1; i < table->columns; i++) {
            widest = widths[i] > widths[widest] ? i : widest;
        }
        if (widths[widest] <= WIDTH_MIN) {
            break;
        }
        widths[widest]--;
        total--;
    }
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
    if (table->width_max > 0) {
        table_fit(table, widths);
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
