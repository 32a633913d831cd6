/* All blocks of the databases that are served, as one store that can't be written.
 *
 * A block is looked for in each database, then among what needs no store: the digest of an identity
 * CID, and the config of trees with default settings, which is built into Copse and which other
 * software asks for. Where it is in none, databases that others may have written to are refreshed,
 * at most every COPSE_SERVED_REFRESH_MS, and asked again.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_SERVED_STORE_H
#define COPSE_SERVE_SERVED_STORE_H

#include <copse/server.h>

enum { COPSE_SERVED_REFRESH_MS = 100 };

/** The databases. Belongs to one thread. */
typedef struct copse_served_list {
    const copse_env *env;
    copse_served *items; /**< name and ref are owned. */
    size_t count;
    size_t capacity;
} copse_served_list;

/** Adds one: statuses as copse_server_add. */
COPSE_MUST_USE copse_status copse_served_list_add(copse_served_list *list,
                                                  const copse_served *served, copse_err *err);

void copse_served_list_release(copse_served_list *list);

/** The database `name`, lent; NULL: there is none. */
const copse_served *copse_served_list_find(const copse_served_list *list, copse_bytes name);

/** Makes the store; `list` must outlive it. NOMEM. */
COPSE_MUST_USE copse_status copse_served_store_new(const copse_env *env,
                                                   const copse_served_list *list,
                                                   copse_store **ret_store, copse_err *err);

#endif
