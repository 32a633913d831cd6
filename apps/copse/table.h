/* A table for people: columns as wide as what stands in them.
 *
 *     copse_table_init(&table, env, "name|#documents|form");    # before a title: to the right
 *     copse_table_text(&table, "posts");                        cell by cell
 *     copse_table_count(&table, 1234567);                       "1,234,567"
 *     copse_table_text(&table, "inline");
 *     status = copse_table_print(&table, out);                  nothing if there are no rows
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_TABLE_H
#define COPSE_APPS_TABLE_H

#include "output.h"

/** The most columns. */
#define COPSE_TABLE_COLUMNS_MAX 32

typedef struct copse_table {
    copse_buf cells; /**< Each with a NUL behind it, titles first. */
    size_t columns;
    bool right[COPSE_TABLE_COLUMNS_MAX]; /**< Numbers. */
    size_t width_max;    /**< The widest cells are cut so that rows fit in it; 0: they are not. */
    copse_status status; /**< Of the first cell that found no memory. */
} copse_table;

/** Begins a table with these titles, `|` between them. */
void copse_table_init(copse_table *table, const copse_env *env, const char *titles);
void copse_table_release(copse_table *table);

/** The next cell. Control characters and the like are shown escaped when it is printed. */
void copse_table_bytes(copse_table *table, copse_bytes text);
void copse_table_text(copse_table *table, const char *text);
void copse_table_count(copse_table *table, uint64_t count);

/** Prints it. NOMEM: nothing was printed. */
COPSE_MUST_USE copse_status copse_table_print(const copse_table *table, copse_output *out);

#endif
