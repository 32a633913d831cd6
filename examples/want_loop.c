/* Peer to peer in one page: a database of which nothing is here but the CID of its root is queried.
 * The query says which blocks it wants; they are fetched from a peer, verified, and it goes on.
 * What it doesn't touch is never fetched, and a peer that sends something else is found out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/memory_store.h>
#include <copse/query.h>

#include <stdio.h>

enum { CITIES = 5000 };

/* The peer: a database with an index. */
static void make_peer(example_db *peer)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_sort_field fields[] = {{.path = copse_bytes_of_text("people"), .descending = true}};
    copse_index_definition people = {.fields = fields, .fields_count = 1};
    example_open(peer);
    example_must(copse_write_new(&peer->env, &write, &err), &err);
    for (int i = 0; i < CITIES; i++) {
        char json[96];
        (void)snprintf(json, sizeof json, "{\"_id\": %d, \"name\": \"city %d\", \"people\": %d}", i,
                       i, i * 7919 % 100003);
        copse_buf city = example_json(&peer->env, json);
        example_must(copse_write_insert(write, copse_bytes_of_text("cities"), copse_buf_view(&city),
                                        NULL, &err),
                     &err);
        copse_buf_release(&city);
    }
    example_must(copse_write_create_index(write, copse_bytes_of_text("cities"), &people, &err),
                 &err);
    example_apply(peer, write);
    copse_write_free(write);
}

/* This side: no store at all, only what is supplied. */
typedef struct remote_reader {
    copse_env env;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_database *database;
    copse_result *result;
} remote_reader;

/* Goes on from wherever it stands, until the next document, the end, or a want. */
static copse_status read_next(remote_reader *reader, const copse_cid *root, copse_query *query,
                              copse_bytes *ret_document, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (reader->tree == NULL) {
        status = copse_tree_open(reader->cache, root, &reader->tree, err);
    }
    if (status == COPSE_OK && reader->database == NULL) {
        status = copse_database_open(reader->tree, &reader->database, err);
    }
    if (status == COPSE_OK && reader->result == NULL) {
        status = copse_result_open(query, reader->database, &reader->result, err);
    }
    return status == COPSE_OK ? copse_result_next(reader->result, ret_document, err) : status;
}

/* Fetches what is wanted; a program would ask several peers at once. Returns how many. */
static size_t fetch(copse_source *source, copse_store *peer)
{
    copse_err err = {0};
    size_t count;
    const copse_cid *wants = copse_source_wants(source, &count);
    for (size_t i = 0; i < count; i++) {
        copse_block *block = NULL;
        example_must(copse_store_get(peer, &wants[i], &block, &err), &err);
        copse_bytes data = copse_block_data(block);
        /* All but the last byte: a lie is CORRUPT, and the block stays wanted. */
        copse_bytes lie = {data.ptr, data.len - 1};
        if (copse_source_supply(source, &wants[i], lie, NULL) != COPSE_CORRUPT) {
            example_must(COPSE_MISUSE, &err);
        }
        example_must(copse_source_supply(source, &wants[i], data, &err), &err);
        copse_block_unref(block);
    }
    return count;
}

static void read_all(remote_reader *reader, const copse_cid *root, copse_query *query,
                     copse_store *peer)
{
    copse_err err = {0};
    copse_bytes document;
    copse_status status;
    size_t fetched = 0;
    size_t round_trips = 0;
    while ((status = read_next(reader, root, query, &document, &err)) != COPSE_END) {
        if (status == COPSE_WANT) {
            fetched += fetch(reader->source, peer);
            round_trips++;
        } else {
            example_must(status, &err);
            example_print(&reader->env, "", document);
        }
    }
    (void)printf("%zu of %zu blocks in %zu round trips\n", fetched,
                 copse_memory_store_block_count(peer), round_trips);
}

int main(void)
{
    example_db peer;
    remote_reader reader = {.source = NULL};
    copse_err err = {0};
    copse_query *query = NULL;
    make_peer(&peer);
    copse_env_init(&reader.env);
    example_must(copse_source_new(&reader.env, NULL, &reader.source, &err), &err);
    example_must(copse_node_cache_new(&reader.env, reader.source, &reader.cache, &err), &err);
    copse_buf filter = example_json(&reader.env, "{\"people\": {\"$gte\": 99900}}");
    copse_query_options options = {
        .collection = copse_bytes_of_text("cities"), .filter = copse_buf_view(&filter), .limit = 3};
    example_must(copse_query_new(&reader.env, &options, &query, &err), &err);

    read_all(&reader, copse_tree_root(peer.tree), query, peer.store);

    copse_result_close(reader.result);
    copse_query_free(query);
    copse_buf_release(&filter);
    copse_database_close(reader.database);
    copse_tree_close(reader.tree);
    copse_node_cache_free(reader.cache);
    copse_source_free(reader.source);
    example_close(&peer);
    return 0;
}
