/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/car_site.h"

#include "support/car_memory.h"

#include <copse/car_layout.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void car_site_layout(copse_store *store, const copse_cid *head, const copse_cid *tree,
                     copse_buf *buf)
{
    copse_car_layout *layout = NULL;
    car_memory_sink sink = {.buf = buf, .writes_max = SIZE_MAX};
    copse_err err = {0};
    assert_int_equal(copse_car_layout_new(buf->env, store, head, NULL, &layout, &err), COPSE_OK);
    assert_int_equal(copse_car_layout_add(layout, head, true, &err), COPSE_OK);
    assert_int_equal(copse_car_layout_add(layout, tree, false, &err), COPSE_OK);
    assert_int_equal(copse_car_layout_write(layout, car_memory_sink_of(&sink), &err), COPSE_OK);
    copse_car_layout_free(layout);
}

/* Whether `document` is one of those that are expected. */
static bool car_site_expects(const answer_expected *expected, copse_bytes document)
{
    size_t at = 0;
    while (at < expected->documents.len) {
        size_t size = 0;
        memcpy(&size, expected->documents.ptr + at, sizeof size);
        at += sizeof size;
        if (copse_bytes_equal((copse_bytes){expected->documents.ptr + at, size}, document)) {
            return true;
        }
        at += size;
    }
    return false;
}

static void car_site_run(copse_remote *remote, const answer_expected *expected,
                         const copse_query_options *query, car_site_found *found)
{
    const copse_remote_find_options options = {.name = "blog.car", .query = query};
    copse_remote_find *find = NULL;
    copse_bytes document;
    found->status = copse_remote_find_new(remote, &options, &find, &found->err);
    while (found->status == COPSE_OK) {
        found->status = copse_remote_find_next(find, &document, &found->err);
        if (found->status == COPSE_OK) {
            found->count++;
            assert_true(car_site_expects(expected, document));
        }
    }
    if (found->status == COPSE_END) {
        assert_int_equal(found->count, expected->count);
    }
    found->stats = copse_remote_get_stats(remote);
    copse_remote_find_free(find);
}

copse_status car_site_client_init(car_site_client *client, const copse_env *env,
                                  file_transport *transport, copse_err *err)
{
    *client = (car_site_client){.store = NULL};
    copse_status status = copse_memory_store_new(env, &client->store, err);
    const copse_remote_options options = {.peers = &file_transport_url,
                                          .peers_count = 1,
                                          .transport = &transport->base,
                                          .store = client->store,
                                          .store_keeps = true};
    return status == COPSE_OK ? copse_remote_new(env, &options, &client->remote, err) : status;
}

void car_site_client_release(car_site_client *client)
{
    client->remote = copse_remote_free(client->remote);
    client->store = copse_store_close(client->store);
}

car_site_found car_site_find(file_transport *transport, answer_world *world,
                             const copse_query_options *query, const copse_env *env)
{
    car_site_client client;
    answer_expected expected;
    car_site_found found = {.status = COPSE_OK};
    env = env != NULL ? env : database_world_env(&world->db);
    answer_expected_init(&expected, world, query);
    found.status = car_site_client_init(&client, env, transport, &found.err);
    if (found.status == COPSE_OK) {
        car_site_run(client.remote, &expected, query, &found);
    }
    car_site_client_release(&client);
    answer_expected_release(&expected);
    assert_int_equal(file_transport_running(transport), 0);
    return found;
}
