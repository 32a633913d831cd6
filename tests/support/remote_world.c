/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/remote_world.h"

#include <copse/commit.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void remote_must(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err->message);
    }
}

/* ---- The world ------------------------------------------------------------------------------- */

void remote_world_init(remote_world *world)
{
    copse_err err = {0};
    copse_commit commit;
    copse_block *block = NULL;
    answer_world_init_posts(&world->world, 300);
    database_world *db = &world->world.db;
    world->older = world->world.commit;
    remote_must(copse_commit_next(database_world_env(db), db->world.source,
                                  copse_tree_root(db->tree), &world->older, 1, &commit, &err),
                &err);
    remote_must(copse_commit_encode(database_world_env(db), &commit, &block, &err), &err);
    remote_must(copse_store_put(db->world.store, &block, 1, &err), &err);
    world->newer = *copse_block_cid(block);
    copse_block_unref(block);
}

void remote_world_release(remote_world *world)
{
    answer_world_release(&world->world);
}

/* ---- Heads ----------------------------------------------------------------------------------- */

static copse_status remote_heads_get(void *ctx, const char *address, copse_cid *ret_head,
                                     uint64_t *ret_seen_ms, copse_err *err)
{
    const remote_heads *heads = ctx;
    (void)err;
    if (heads->head.size == 0 || strcmp(address, heads->address) != 0) {
        return COPSE_NOT_FOUND;
    }
    *ret_head = heads->head;
    *ret_seen_ms = heads->seen_ms;
    return COPSE_OK;
}

static copse_status remote_heads_set(void *ctx, const char *address, const copse_cid *head,
                                     copse_err *err)
{
    remote_heads *heads = ctx;
    (void)err;
    (void)snprintf(heads->address, sizeof heads->address, "%s", address);
    heads->head = *head;
    heads->seen_ms++;
    return COPSE_OK;
}

void remote_heads_init(remote_heads *heads)
{
    *heads = (remote_heads){.heads = {remote_heads_get, remote_heads_set, heads}};
}

/* ---- A client -------------------------------------------------------------------------------- */

copse_status remote_client_init(remote_client *client, remote_world *world,
                                const remote_setup *setup)
{
    copse_err err = {0};
    *client = (remote_client){.script = script_transport_new(setup->peers_count)};
    const copse_remote_options options = {
        .peers = script_peers,
        .peers_count = setup->peers_count,
        .transport = setup->offline ? NULL : script_transport_base(client->script),
        .store = setup->store,
        .store_keeps = setup->store_keeps,
        .heads = setup->heads != NULL ? &setup->heads->heads : NULL,
    };
    for (size_t i = 0; i < setup->peers_count; i++) {
        *script_transport_peer(client->script, i) =
            (script_peer){.world = &world->world, .head = world->newer};
    }
    copse_status status = copse_remote_new(setup->env, &options, &client->remote, &err);
    if (status != COPSE_NOMEM) {
        remote_must(status, &err);
    }
    return status;
}

void remote_client_release(remote_client *client)
{
    copse_remote_free(client->remote);
    assert_int_equal(script_transport_running(client->script), 0);
    copse_transport_free(script_transport_base(client->script));
}

/* ---- Queries --------------------------------------------------------------------------------- */

/* Takes the document from what is expected: the next, or with `anywhere` the first equal one. */
static void remote_check_document(copse_bytes expected, uint64_t count, bool *seen, uint64_t given,
                                  bool anywhere, copse_bytes document)
{
    copse_bytes rest = expected;
    for (uint64_t i = 0; i < count; i++) {
        size_t size;
        memcpy(&size, rest.ptr, sizeof size);
        const copse_bytes right = {rest.ptr + sizeof size, size};
        rest.ptr += sizeof size + size;
        if (!seen[i] && (anywhere || i == given) && copse_bytes_equal(right, document)) {
            seen[i] = true;
            return;
        }
    }
    fail_msg("document %llu is not one of the answer", (unsigned long long)given);
}

static copse_remote_stats remote_stats_since(const copse_remote *remote,
                                             const copse_remote_stats *before)
{
    copse_remote_stats stats = copse_remote_get_stats(remote);
    stats.blocks -= before->blocks;
    stats.block_bytes -= before->block_bytes;
    stats.answers -= before->answers;
    stats.requests -= before->requests;
    stats.received_bytes -= before->received_bytes;
    stats.sent_bytes -= before->sent_bytes;
    stats.round_trips -= before->round_trips;
    stats.refused -= before->refused;
    stats.had -= before->had;
    return stats;
}

/* The limit may pick any: what is expected without one. */
static void remote_expect(answer_expected *expected, remote_world *world,
                          const copse_query_options *query)
{
    copse_query_options any = *query;
    if (query->sort == NULL) {
        any.limit = 0;
        any.skip = 0;
    }
    answer_expected_init(expected, &world->world, &any);
}

static void remote_run_find(remote_client *client, remote_world *world,
                            const copse_query_options *query, copse_remote_find *find,
                            remote_found *found)
{
    answer_expected expected;
    copse_bytes document;
    remote_expect(&expected, world, query);
    bool *seen = calloc(expected.count + 1, sizeof *seen);
    assert_non_null(seen);
    while ((found->status = copse_remote_find_next(find, &document, &found->err)) == COPSE_OK) {
        assert_true(found->count < expected.count);
        remote_check_document(copse_buf_view(&expected.documents), expected.count, seen,
                              found->count, query->sort == NULL, document);
        found->count++;
    }
    if (found->status == COPSE_END) {
        uint64_t rest = expected.count;
        if (query->sort == NULL) {
            rest = rest > query->skip ? rest - query->skip : 0;
            rest = query->limit > 0 && query->limit < rest ? query->limit : rest;
        }
        assert_int_equal(found->count, rest);
        assert_int_equal(copse_remote_find_stats(find).returned, rest);
    }
    assert_int_equal(copse_remote_find_next(find, &document, NULL), found->status);
    free(seen);
    answer_expected_release(&expected);
    (void)client;
}

remote_found remote_client_find(remote_client *client, remote_world *world,
                                const copse_query_options *query, const copse_cid *root,
                                bool blocks_only)
{
    remote_found found = {.count = 0};
    copse_remote_find *find = NULL;
    const copse_remote_stats before = copse_remote_get_stats(client->remote);
    const copse_remote_find_options options = {.name = root == NULL ? "blog" : NULL,
                                               .root = root,
                                               .query = query,
                                               .blocks_only = blocks_only};
    found.status = copse_remote_find_new(client->remote, &options, &find, &found.err);
    if (found.status == COPSE_OK) {
        assert_int_equal(copse_remote_find_way(find), COPSE_REMOTE_NOT_YET);
        remote_run_find(client, world, query, find, &found);
        found.way = copse_remote_find_way(find);
        found.root = copse_remote_find_root(find);
        found.result = copse_remote_find_stats(find);
    }
    copse_remote_find_free(find);
    found.stats = remote_stats_since(client->remote, &before);
    return found;
}
