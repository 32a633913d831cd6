/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/http_clients.h"

#include "base/alloc.h"

/* Where the client is linked, or would be. A bad hash costs an attacker's own connections: a chain
 * is no longer than they are many. */
static copse_http_client **http_clients_slot(copse_http_clients *clients,
                                             const copse_http_address *group)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < sizeof group->bytes; i++) {
        hash = (hash ^ group->bytes[i]) * 16777619U;
    }
    copse_http_client **slot = &clients->buckets[(hash ^ hash >> 16) % COPSE_HTTP_CLIENTS_BUCKETS];
    while (*slot != NULL && !copse_http_address_equal(&(*slot)->group, group)) {
        slot = &(*slot)->next;
    }
    return slot;
}

copse_http_client *copse_http_clients_hold(copse_http_clients *clients,
                                           const copse_http_address *address)
{
    copse_http_address group = copse_http_address_group(address);
    copse_http_client **slot = http_clients_slot(clients, &group);
    if (*slot == NULL) {
        copse_http_client *client = copse_alloc_zeroed(clients->env, sizeof *client);
        if (client == NULL) {
            return NULL;
        }
        client->group = group;
        *slot = client;
    }
    (*slot)->holds++;
    return *slot;
}

copse_http_client *copse_http_clients_let_go(copse_http_clients *clients, copse_http_client *client)
{
    if (client != NULL && --client->holds == 0) {
        copse_http_client **slot = http_clients_slot(clients, &client->group);
        *slot = client->next;
        copse_free(clients->env, client, sizeof *client);
    }
    return NULL;
}
