/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/find_case.h"

#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void find_case_connect(find_case *one, size_t peers, unsigned flags)
{
    const remote_setup setup = {.env = &one->env,
                                .peers_count = peers,
                                .offline = (flags & FIND_CASE_OFFLINE) != 0,
                                .store = one->store,
                                .store_keeps = (flags & FIND_CASE_KEEPS) != 0,
                                .heads = &one->heads};
    assert_int_equal(remote_client_init(&one->client, &one->world, &setup), COPSE_OK);
}

void find_case_begin(find_case *one, size_t peers, unsigned flags)
{
    remote_heads_init(&one->heads);
    one->store = NULL;
    if ((flags & (FIND_CASE_STORE | FIND_CASE_KEEPS)) != 0) {
        assert_int_equal(copse_memory_store_new(&one->env, &one->store, NULL), COPSE_OK);
    }
    find_case_connect(one, peers, flags);
}

void find_case_init(find_case *one, size_t peers, unsigned flags)
{
    remote_world_init(&one->world);
    copse_env_init(&one->env);
    answer_query_init(&one->query, "{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 12);
    find_case_begin(one, peers, flags);
}

void find_case_end(find_case *one)
{
    remote_client_release(&one->client);
    copse_store_close(one->store);
}

void find_case_release(find_case *one)
{
    find_case_end(one);
    answer_query_release(&one->query);
    remote_world_release(&one->world);
}

void find_case_renew(find_case *one, size_t peers, unsigned flags)
{
    find_case_end(one);
    find_case_begin(one, peers, flags);
}

void find_case_reconnect(find_case *one, size_t peers, unsigned flags)
{
    remote_client_release(&one->client);
    find_case_connect(one, peers, flags);
}

script_peer *find_case_peer(find_case *one, size_t peer)
{
    return script_transport_peer(one->client.script, peer);
}

remote_found find_case_run(find_case *one, const copse_cid *root, bool blocks_only)
{
    return remote_client_find(&one->client, &one->world, &one->query.options, root, blocks_only);
}

void find_case_assert_ended(const remote_found *found, copse_remote_way way)
{
    if (found->status != COPSE_END) {
        fail_msg("%s: %s", copse_status_name(found->status), found->err.message);
    }
    assert_int_equal(found->way, way);
}

void find_case_assert_said(const find_case *one, size_t peer, const char *text)
{
    const char *reason = copse_remote_reason(one->client.remote, SIZE_MAX, peer);
    if (strstr(reason, text) == NULL) {
        fail_msg("peer %zu said: %s", peer, reason);
    }
}

const find_case_row find_case_rows[FIND_CASE_ROWS_COUNT] = {
    {"{\"tags\":\"t3\"}", "-createdAt", NULL, 0, 12},
    {"{\"tags\":\"t3\"}", "-createdAt", NULL, 4, 9},
    {"{\"createdAt\":{\"$gte\":1100,\"$lt\":1170}}", NULL, NULL, 0, 0},
    {"{\"createdAt\":{\"$gte\":1100}}", NULL, NULL, 7, 40},
    {"{\"createdAt\":{\"$lt\":1200}}", "createdAt", "{\"_id\":0,\"createdAt\":1,\"title\":1}", 3,
     100},
    {"{\"createdAt\":{\"$lt\":1200}}", NULL, "{\"_id\":0,\"createdAt\":1,\"title\":1}", 3, 0},
    {"{\"$or\":[{\"tags\":\"t1\"},{\"createdAt\":{\"$lt\":1020}}]}", NULL, NULL, 0, 0},
    {"{\"$or\":[{\"tags\":\"t1\"},{\"createdAt\":{\"$lt\":1020}}]}", "createdAt", NULL, 2, 20},
    {"{\"_id\":{\"$in\":[3,150,299,1000]}}", "_id", NULL, 0, 0},
    {"{\"tags\":\"u1\"}", "-title", "{\"title\":1}", 0, 5},
    {NULL, NULL, NULL, 0, 0},
};

void find_case_ask(find_case *one, const find_case_row *row)
{
    answer_query_release(&one->query);
    answer_query_init(&one->query, row->filter, row->sort, row->projection, row->skip, row->limit);
}
