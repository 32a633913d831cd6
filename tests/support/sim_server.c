/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/sim_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <copse/memory_refs.h>

static copse_bytes server_ref(void)
{
    return copse_bytes_of_text("main");
}

void sim_server_init(sim_server *server, const copse_env *env, const char *name, copse_store *store,
                     const copse_cid *head)
{
    *server = (sim_server){.refs = NULL};
    assert_int_equal(copse_memory_refs_new(env, &server->refs, NULL), COPSE_OK);
    assert_int_equal(copse_refs_swap(server->refs, server_ref(), NULL, head, NULL), COPSE_OK);
    assert_int_equal(copse_service_init(&server->service, env, NULL), COPSE_OK);
    const copse_served served = {.name = name, .store = store, .refs = server->refs};
    assert_int_equal(copse_served_list_add(&server->service.databases, &served, NULL), COPSE_OK);
}

void sim_server_move(sim_server *server, const copse_cid *head)
{
    copse_cid before;
    assert_int_equal(copse_refs_get(server->refs, server_ref(), &before, NULL), COPSE_OK);
    assert_int_equal(copse_refs_swap(server->refs, server_ref(), &before, head, NULL), COPSE_OK);
}

void sim_server_release(sim_server *server)
{
    copse_service_release(&server->service);
    server->refs = copse_refs_close(server->refs);
}
