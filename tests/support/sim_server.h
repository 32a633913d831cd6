/* A peer's side of a simulated network: a database that a service hands out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SIM_SERVER_H
#define COPSE_TESTS_SIM_SERVER_H

#include "serve/service.h"

/** Stays where it is. */
typedef struct sim_server {
    copse_refs *refs; /* its head is "main" */
    copse_service service;
} sim_server;

/** Serves `store` under `name`. `env` has the network's clock; both must outlive it. Fails the test
 * if it can't. */
void sim_server_init(sim_server *server, const copse_env *env, const char *name, copse_store *store,
                     const copse_cid *head);

/** Moves the head. */
void sim_server_move(sim_server *server, const copse_cid *head);

/** The network must be gone. */
void sim_server_release(sim_server *server);

#endif
