/* The readers that are kept for one database: of which queries, and what each has seen.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_READER_LIST_H
#define COPSE_APPS_READER_LIST_H

#include "reader.h"

/** Stays where it is while it is open. */
typedef struct copse_reader_list {
    copse_reader *reader;
    const char *name; /**< Of the only reader that counts; NULL: all. */
    copse_buf bytes;  /**< What the items lie in. */
    struct copse_reader_item *items;
    size_t count;
    size_t items_max;
} copse_reader_list;

/** Finds those of the database that `reader`, which is open, was opened for, in the order of
 * collections, filters and names; warns of files that can't be read. False: reported. A zeroed list
 * may be closed, and so may one that failed to open. */
bool copse_reader_list_open(copse_reader_list *list, copse_reader *reader, const char *name);

void copse_reader_list_close(copse_reader_list *list);

/** Makes the reader that with this number; what it borrows is the list's. */
void copse_reader_list_take(copse_reader_list *list, size_t index);

#endif
