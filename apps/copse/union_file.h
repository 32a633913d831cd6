/* A union: a small file that names databases, one address a line behind a first line that says what
 * it is. `copse find`, `count` and `get` ask all of them as one.
 *
 *     copse-union 1
 *     http://peer.example:4180/blog
 *     k51…
 *     notes.copse
 *
 * A path that is not absolute counts from the file's folder.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false, but
 * copse_union_file_is.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_UNION_FILE_H
#define COPSE_APPS_UNION_FILE_H

#include "command.h"

#include <copse/address.h>
#include <copse/union.h>

typedef struct copse_union_entry {
    char *name; /**< As it was written. */
    char *path; /**< What is opened: of a path, from where the command runs. */
    copse_address_kind kind;
} copse_union_entry;

/** Zeroed: none was read. */
typedef struct copse_union_file {
    copse_call *call;
    const char *path;
    copse_union_entry entries[COPSE_UNION_SOURCES_MAX];
    size_t count;
} copse_union_file;

/** Whether `path` is a file that begins as a union does. */
bool copse_union_file_is(const char *path);

/** Reads it. Release it in any case. It is large: the caller allocates it. */
bool copse_union_file_read(copse_union_file *file, copse_call *call, const char *path);

/** A zeroed one is allowed. */
void copse_union_file_release(copse_union_file *file);

/** Adds an address of the command line to a union that was read, or begun: `call` and `path` set,
 * the rest zeroed. A path must be there. One that is in it already stays. */
bool copse_union_file_add(copse_union_file *file, const char *address);

/** Takes one away. */
bool copse_union_file_remove(copse_union_file *file, const char *address);

/** Writes it, whole or not at all. */
bool copse_union_file_write(const copse_union_file *file);

#endif
