/* Documents as a table for reading: what a command prints is taken, and its lines of JSON objects
 * become rows, a column for each field. Other lines are printed as they are.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_TABLE_H
#define COPSE_APPS_SHELL_TABLE_H

#include "output.h"

typedef struct copse_shell_table {
    const copse_env *env;
    copse_output *out;
    size_t width_max;    /**< Of the terminal; 0: nothing is cut. */
    copse_buf line;      /**< Not at its end yet. */
    copse_buf documents; /**< Rows that wait, encoded one after the other. */
    size_t rows;
} copse_shell_table;

/** Begins; the width is that of the terminal, or what $COLUMNS says. Release it at the end. */
void copse_shell_table_init(copse_shell_table *table, copse_output *out);
void copse_shell_table_release(copse_shell_table *table);

/** Takes a piece of output. A table is printed at the latest when it has a thousand rows. */
void copse_shell_table_take(copse_shell_table *table, copse_bytes piece);

/** Prints what waits. */
void copse_shell_table_end(copse_shell_table *table);

#endif
