/* A reader of a query, as the commands know it: whose it is, and what was seen (watch_state.h).
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_READER_H
#define COPSE_APPS_READER_H

#include "place.h"
#include "state_folder.h"

#include <copse/watch_state.h>

/** Who has seen what it has, where nobody is named. */
#define COPSE_READER_DEFAULT "default"

#define COPSE_OPTION_READER                                                                        \
    {                                                                                              \
        "--as", "NAME", COPSE_OPTION_TEXT, "the reader, who has seen what it has; default", 0      \
    }

enum { COPSE_READER_DATABASE_SIZE = 8192 };

/** Stays where it is while it is open. */
typedef struct copse_reader {
    copse_call *call;
    copse_os *os;
    char folder[COPSE_STATE_FOLDER_SIZE];
    char database[COPSE_READER_DATABASE_SIZE];
    copse_watch_reader key; /**< Whose state it is; the caller sets all but `database`. */
    copse_watch_state state;
} copse_reader;

/** Opens the reader of a place that is open; names the database. A zeroed one may be closed, and so
 * may one that failed to open. */
bool copse_reader_open(copse_reader *reader, copse_place *place);

void copse_reader_close(copse_reader *reader);

/** Reads what was seen into `state`; *ret_found: something was. */
bool copse_reader_load(copse_reader *reader, bool *ret_found);

/** What to do where what was seen is of no use. */
const char *copse_reader_hint(const copse_reader *reader);

/** Keeps `state`. */
bool copse_reader_save(copse_reader *reader);

/** Keeps that all up to this head was seen. */
bool copse_reader_mark(copse_reader *reader, const copse_cid *head);

#endif
