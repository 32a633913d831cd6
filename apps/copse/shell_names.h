/* The names in a database, for Tab: its collections, refs, and of one collection indexes and
 * fields.
 *
 * They are read when they are asked for first, and again after each command. Fields are those of
 * the indexes, and where the database is a folder or a file those of its first documents; of a
 * remote one no more than the catalogue is fetched.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SHELL_NAMES_H
#define COPSE_APPS_SHELL_NAMES_H

#include "command.h"

/** What a name is. */
typedef enum copse_shell_name_kind {
    COPSE_SHELL_NAME_COLLECTION = 'c',
    COPSE_SHELL_NAME_INDEX = 'i',
    COPSE_SHELL_NAME_FIELD = 'f',
    COPSE_SHELL_NAME_REF = 'r'
} copse_shell_name_kind;

/** Names, as lines that begin with their kind. */
typedef struct copse_shell_names {
    copse_call *call; /**< The shell's own: its options say which head. */
    copse_buf lines;
    copse_buf collection; /**< Whose indexes and fields are among them. */
    bool is_filled;
} copse_shell_names;

void copse_shell_names_init(copse_shell_names *names, copse_call *call);
void copse_shell_names_release(copse_shell_names *names);

/** Has them read anew when they are asked for next. */
void copse_shell_names_forget(copse_shell_names *names);

/** Reads the names, with those of `collection`, if that is none none; says nothing if they can't be
 * had. */
void copse_shell_names_read(copse_shell_names *names, copse_bytes collection);

/** The next name of a kind, *at being 0 at first. False: there are no more. */
bool copse_shell_names_next(const copse_shell_names *names, copse_shell_name_kind kind, size_t *at,
                            copse_bytes *ret_name);

#endif
