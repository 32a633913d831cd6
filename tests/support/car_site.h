/* A database as a CAR on a web server (file_transport.h), and finds in it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_CAR_SITE_H
#define COPSE_TESTS_CAR_SITE_H

#include "support/answer_support.h"
#include "support/file_transport.h"

#include <copse/remote.h>

/** Lays the database out, `head` (a commit of `tree`) first, as `copse publish --static` does. */
void car_site_layout(copse_store *store, const copse_cid *head, const copse_cid *tree,
                     copse_buf *buf);

/** An empty store, and a remote that reads the file into it. A zeroed one may be released. */
typedef struct car_site_client {
    copse_store *store;
    copse_remote *remote;
} car_site_client;

copse_status car_site_client_init(car_site_client *client, const copse_env *env,
                                  file_transport *transport, copse_err *err);
void car_site_client_release(car_site_client *client);

/** How a find ended. */
typedef struct car_site_found {
    copse_status status; /* END: it was answered */
    uint64_t count;
    copse_remote_stats stats;
    copse_err err;
} car_site_found;

/** Asks `query` of the file with an empty store; fails the test if a document isn't what the query
 * gives on `world`, at END if some are missing, or if a request is left under way. `env` NULL: one
 * that never fails. */
car_site_found car_site_find(file_transport *transport, answer_world *world,
                             const copse_query_options *query, const copse_env *env);

#endif
