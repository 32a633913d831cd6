/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "name_peer.h"

#include <copse/address.h>
#include <copse/dag_cbor.h>
#include <copse/dag_json.h>

#include <string.h>

enum { NAME_PEER_WAIT_MS = 2000, NAME_PEER_LIST_SIZE_MAX = 4 << 20 };

/* ---- Asking ---- */

/* The body of the answer. False: there is none, or it isn't 200. */
static bool name_peer_get(const copse_peers *peers, copse_transport *transport, const char *url,
                          copse_buf *ret_body)
{
    copse_err *err = &peers->call->err;
    const copse_transport_request request = {.url = url, .accept = "application/json"};
    copse_transport_event event = {.status = 0};
    uint64_t until_ms = transport->ops->now(transport) + NAME_PEER_WAIT_MS;
    uint64_t id = 0;
    bool done = false;
    copse_status status = transport->ops->start(transport, &request, &id, err);
    bool is_running = status == COPSE_OK;
    while (status == COPSE_OK && !done) {
        status = transport->ops->wait(transport, until_ms, &event, err);
        if (status != COPSE_OK || event.request != id) {
            continue;
        }
        if (event.kind == COPSE_TRANSPORT_BODY) {
            status = copse_buf_append(ret_body, event.body);
        } else if (event.kind == COPSE_TRANSPORT_END) {
            done = true;
        } else if (event.kind == COPSE_TRANSPORT_FAILED || event.status != 200) {
            status = COPSE_IO;
        }
    }
    if (is_running) {
        transport->ops->cancel(transport, id);
    }
    return done;
}

/* ---- Reading ---- */

/* The text `key` of the map at the reader, which stays; empty: there is none. */
static copse_bytes name_peer_text(copse_cbor_reader reader, const char *key)
{
    copse_cbor_item item;
    bool has = copse_cbor_find_key(&reader, copse_bytes_of_text(key), NULL) == COPSE_OK &&
               copse_cbor_next(&reader, &item, NULL) == COPSE_OK && item.kind == COPSE_CBOR_TEXT;
    return has ? item.bytes : (copse_bytes){NULL, 0};
}

/* The name of the database that is served under the name `key`; empty: none is. */
static copse_bytes name_peer_pick(const copse_env *env, copse_bytes list, const char *key)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_bytes name = {NULL, 0};
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, list, &env->limits, COPSE_CBOR_STRICT, NULL);
    if (status == COPSE_OK) {
        status = copse_cbor_find_key(&reader, copse_bytes_of_text("databases"), NULL);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &item, NULL);
    }
    uint64_t count = status == COPSE_OK && item.kind == COPSE_CBOR_ARRAY ? item.arg : 0;
    for (uint64_t i = 0; i < count && name.len == 0 && status == COPSE_OK; i++) {
        if (copse_bytes_equal(name_peer_text(reader, "name-key"), copse_bytes_of_text(key))) {
            name = name_peer_text(reader, "name");
        }
        status = copse_cbor_skip(&reader, NULL);
    }
    bool is_text = name.len > 0 && memchr(name.ptr, '\0', name.len) == NULL;
    return is_text ? name : (copse_bytes){NULL, 0};
}

/* ---- All ---- */

/* Whether this peer serves it; then its name is appended. */
static bool name_peer_ask(const copse_peers *peers, copse_transport *transport, const char *url,
                          const char *key, copse_buf *ret_name)
{
    const copse_env *env = &peers->call->env;
    copse_buf page;
    copse_buf json;
    copse_buf cbor;
    bool found = false;
    copse_buf_init(&page, env, NAME_PEER_LIST_SIZE_MAX);
    copse_buf_init(&json, env, NAME_PEER_LIST_SIZE_MAX);
    copse_buf_init(&cbor, env, NAME_PEER_LIST_SIZE_MAX);
    if (copse_address_page(url, "/", "", "", &page) == COPSE_OK &&
        name_peer_get(peers, transport, (const char *)page.ptr, &json) &&
        copse_dag_json_to_cbor(env, copse_buf_view(&json), &cbor, NULL) == COPSE_OK) {
        copse_bytes name = name_peer_pick(env, copse_buf_view(&cbor), key);
        found = name.len > 0 && copse_buf_append(ret_name, name) == COPSE_OK &&
                copse_buf_append_byte(ret_name, '\0') == COPSE_OK;
    }
    copse_buf_release(&cbor);
    copse_buf_release(&json);
    copse_buf_release(&page);
    return found;
}

const char *copse_name_peer_find(const copse_peers *peers, copse_transport *transport,
                                 const copse_public_key *key, copse_buf *ret_name)
{
    char text[COPSE_KEY_TEXT_SIZE_MAX];
    const char *url = NULL;
    (void)copse_public_key_to_name(key, text);
    for (size_t i = 0; (url = copse_remote_peer(peers->remote, i)) != NULL; i++) {
        copse_buf_truncate(ret_name, 0);
        if (!copse_address_is_car(copse_bytes_of_text(url)) &&
            name_peer_ask(peers, transport, url, text, ret_name)) {
            return url;
        }
    }
    return NULL;
}
