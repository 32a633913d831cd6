/* A database that `copse serve` hands out: a store, or a CAR file.
 *
 * Functions that return bool have reported their failure when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_SERVE_DATABASE_H
#define COPSE_APPS_SERVE_DATABASE_H

#include "command.h"
#include "local.h"
#include "publication.h"

#include <copse/car_file.h>
#include <copse/server.h>

typedef struct copse_serve_database {
    const char *path;
    char name[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1]; /**< In URLs. */
    copse_local local;                               /**< Of a store. */
    copse_os *os;                                    /**< Of a CAR file, like these. */
    copse_car_file *car;
    copse_refs *refs;
    copse_publication *publication; /**< NULL: it isn't published. Lent. */
} copse_serve_database;

/** The name that a database of this path is served under: the path's last part, without what tells
 * of its kind. False: it is too long. */
bool copse_serve_database_name(const char *path,
                               char ret_name[COPSE_SERVED_NAME_SIZE_BYTES_MAX + 1]);

/** Opens it to read. Its name is that of the folder or file, without ".copse" or ".car". The head
 * of a CAR file is its first root. On failure it is zeroed. */
bool copse_serve_database_open(copse_serve_database *database, copse_call *call, const char *path);

/** Closes it; a zeroed one is allowed. */
void copse_serve_database_close(copse_serve_database *database);

/** Publishes its head by a publication whose key is open and which outlives it; the database must
 * stay where it is. */
bool copse_serve_database_publish(copse_serve_database *database, copse_publication *publication);

/** What to add to a server: the database must stay where it is. */
copse_served copse_serve_database_served(copse_serve_database *database);

#endif
