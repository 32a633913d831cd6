/* The network is the database: one thread serves it, the other has nothing but its address, asks,
 * and loads only what the question touches. Each block is verified; what came is kept in a folder,
 * `cache`.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/address.h>
#include <copse/block_cache.h>
#include <copse/commit.h>
#include <copse/history_log.h>
#include <copse/memory_refs.h>
#include <copse/remote.h>
#include <copse/server.h>
#include <copse/sys/transport.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { POSTS = 500, COMMITS = 100, CACHE_SIZE_BYTES = 16 << 20 };

/* ---- The side that has the database ---- */

static void fill(example_db *example)
{
    copse_err err = {0};
    copse_write *write = NULL;
    const copse_sort_field author = {.path = copse_bytes_of_text("author")};
    const copse_index_definition index = {.fields = &author, .fields_count = 1};
    example_must(copse_write_new(&example->env, &write, &err), &err);
    for (int i = 0; i < POSTS; i++) {
        char json[96];
        (void)snprintf(json, sizeof json,
                       "{\"_id\": %d, \"author\": \"author %d\", \"text\": \"%d\"}", i, i % 50,
                       i * i);
        copse_buf post = example_json(&example->env, json);
        example_must(copse_write_insert(write, copse_bytes_of_text("posts"), copse_buf_view(&post),
                                        NULL, &err),
                     &err);
        copse_buf_release(&post);
    }
    example_must(copse_write_create_index(write, copse_bytes_of_text("posts"), &index, &err), &err);
    example_apply(example, write);
    copse_write_free(write);
}

static void *serve(void *server)
{
    copse_err err = {0};
    example_must(copse_server_run(server, &err), &err);
    return NULL;
}

/* ---- The side that asks ---- */

typedef struct client {
    copse_env env;
    copse_os *os;
    copse_transport *transport;
    copse_block_cache *cache;
    copse_address address;
    copse_remote *remote;
} client;

static copse_status get_head(void *cache, const char *address, copse_cid *ret_head,
                             uint64_t *ret_seen_ms, copse_err *err)
{
    return copse_block_cache_get_head(cache, address, ret_head, ret_seen_ms, err);
}

static copse_status set_head(void *cache, const char *address, const copse_cid *head,
                             copse_err *err)
{
    return copse_block_cache_set_head(cache, address, head, err);
}

static void client_open(client *self, const char *url)
{
    copse_err err = {0};
    copse_env_init(&self->env);
    copse_env_init_posix(&self->env);
    example_must(copse_os_posix_new(&self->env, &self->os, &err), &err);
    copse_status cleared = copse_block_cache_clear(&self->env, self->os, "cache", &err);
    example_must(cleared == COPSE_NOT_FOUND ? COPSE_OK : cleared, &err);
    example_must(copse_transport_http_new(&self->env, &self->transport, &err), &err);
    example_must(
        copse_block_cache_open(&self->env, self->os, "cache", CACHE_SIZE_BYTES, &self->cache, &err),
        &err);
    example_must(copse_address_parse(&self->env, url, &self->address, &err), &err);
    if (copse_address_is_car(copse_bytes_of_text(url))) {
        (void)printf("a file on a web server, read by ranges\n");
    }
    const char *peers[] = {self->address.peer};
    const copse_remote_heads heads = {.get = get_head, .set = set_head, .ctx = self->cache};
    const copse_remote_options options = {
        .peers = peers,
        .peers_count = 1,
        .transport = self->transport,
        .store = copse_block_cache_store(self->cache),
        .heads = &heads,
    };
    example_must(copse_remote_new(&self->env, &options, &self->remote, &err), &err);
}

static void client_close(client *self)
{
    copse_remote_free(self->remote);
    copse_address_release(&self->address);
    copse_block_cache_close(self->cache);
    copse_transport_free(self->transport);
    copse_os_free(self->os);
}

static void print_stats(const client *self, const char *label)
{
    copse_remote_stats stats = copse_remote_get_stats(self->remote);
    (void)printf("  %s: %d blocks until now, %d round trips\n", label, (int)stats.blocks,
                 (int)stats.round_trips);
}

/* The peer answers, with a proof, in one round trip. */
static void find(client *self)
{
    copse_err err = {0};
    copse_buf filter = example_json(&self->env, "{\"author\": \"author 7\"}");
    const copse_query_options query = {
        .collection = copse_bytes_of_text("posts"), .filter = copse_buf_view(&filter), .limit = 3};
    const copse_remote_find_options options = {.name = self->address.name, .query = &query};
    copse_remote_find *find = NULL;
    copse_bytes document;
    copse_status status;
    copse_buf plan;
    copse_buf_init(&plan, &self->env, SIZE_MAX);
    example_must(copse_remote_find_new(self->remote, &options, &find, &err), &err);
    while ((status = copse_remote_find_next(find, &document, &err)) == COPSE_OK) {
        example_print(&self->env, "  ", document);
    }
    if (status != COPSE_END) { /* who was asked, and what each said */
        (void)printf("  %s: %s\n", copse_remote_peer(self->remote, 0),
                     copse_remote_reason(self->remote, SIZE_MAX, 0));
        example_must(status, &err);
    }
    example_must(copse_remote_find_explain(find, &plan, &err), &err);
    copse_cid root = copse_remote_find_root(find);
    (void)printf("  %d keys were looked at, by %s; the root has %d bytes\n",
                 (int)copse_remote_find_stats(find).keys_examined,
                 copse_remote_find_way(find) == COPSE_REMOTE_ANSWER ? "a peer's answer" : "blocks",
                 root.size);
    print_stats(self, "find");
    copse_buf_release(&plan);
    copse_remote_find_free(find);
    copse_buf_release(&filter);
}

/* What a call that returned WANT needs is fetched; then it is called again. */
static bool fetched(client *self, copse_source *source, copse_status status)
{
    copse_err err = {0};
    if (status != COPSE_WANT) {
        return false;
    }
    status = copse_remote_fetch(self->remote, source, &err);
    if (status != COPSE_OK) {
        size_t count;
        const copse_cid *missing = copse_remote_missing(self->remote, &count);
        (void)printf("  %zu blocks can't be had%s\n", count, missing != NULL ? "" : " now");
        example_must(status, &err);
    }
    return true;
}

/* Everything else that reads runs here, over blocks that are fetched as they are needed. */
static void count(client *self)
{
    copse_err err = {0};
    copse_source *source = NULL;
    copse_node_cache *nodes = NULL;
    copse_tree *tree = NULL;
    copse_database *database = NULL;
    copse_cid head;
    uint64_t documents = 0;
    copse_status status;
    example_must(copse_remote_head(self->remote, self->address.name, &head, &err), &err);
    example_must(copse_source_new(&self->env, copse_remote_store(self->remote), &source, &err),
                 &err);
    example_must(copse_node_cache_new(&self->env, source, &nodes, &err), &err);
    do { /* here the head is a tree; it may be a commit, too (commit.h) */
        status = copse_tree_open(nodes, &head, &tree, &err);
    } while (fetched(self, source, status));
    example_must(status, &err);
    do {
        status = copse_database_open(tree, &database, &err);
    } while (fetched(self, source, status));
    example_must(status, &err);
    const copse_collection *posts =
        copse_database_collection(database, copse_bytes_of_text("posts"));
    do {
        status = copse_database_count(database, posts, &documents, &err);
    } while (fetched(self, source, status));
    example_must(status, &err);
    (void)printf("  %d posts\n", (int)documents);
    print_stats(self, "count");
    copse_database_close(database);
    copse_tree_close(tree);
    copse_node_cache_free(nodes);
    copse_source_free(source);
}

/* The history of another database of that peer: all its commits come at once. */
static void walk_history(client *self)
{
    copse_err err = {0};
    copse_source *source = NULL;
    copse_history_log *log = NULL;
    copse_remote_history history = {.limit = 0};
    const copse_cid *cid;
    const copse_commit *commit;
    copse_cid head;
    size_t commits = 0;
    copse_status status;
    example_must(copse_remote_head(self->remote, "diary", &head, &err), &err);
    example_must(copse_source_new(&self->env, copse_remote_store(self->remote), &source, &err),
                 &err);
    example_must(copse_history_log_new(&self->env, source, &head, 1, &log, &err), &err);
    while ((status = copse_history_log_next(log, &cid, &commit, &err)) != COPSE_END) {
        if (status == COPSE_WANT) {
            status = copse_remote_fetch_history(self->remote, source, &history, &err);
        } else {
            commits++;
        }
        example_must(status, &err);
    }
    (void)printf("  %zu commits\n", commits);
    print_stats(self, "history");
    copse_history_log_free(log);
    copse_source_free(source);
}

static void ask(const char *url)
{
    client self = {.os = NULL};
    copse_block_cache_stats stats;
    copse_err err = {0};
    copse_buf page;
    client_open(&self, url);
    copse_buf_init(&page, &self.env, SIZE_MAX);
    example_must(copse_address_peer(self.address.peer, &page, &err), &err);
    copse_buf_truncate(&page, 0);
    example_must(copse_address_page(self.address.peer, "/copse/v1/", self.address.name, "", &page),
                 &err);
    (void)printf("  its head is at %s\n", page.len > 0 ? "/copse/v1/blog" : "nowhere");
    copse_buf_release(&page);
    find(&self);
    find(&self); /* the same again: the blocks are here, and are not sent */
    count(&self);
    walk_history(&self);
    example_must(copse_block_cache_get_stats(self.cache, &stats, &err), &err);
    (void)printf("  in the cache: %d blocks, %d head\n", (int)stats.blocks, (int)stats.heads);
    client_close(&self);
}

/* A line of commits, all of one tree. */
static copse_cid write_diary(example_db *example)
{
    copse_err err = {0};
    copse_cid head = {.size = 0};
    for (int i = 0; i < COMMITS; i++) {
        copse_commit commit;
        copse_block *block = NULL;
        example_must(copse_commit_next(&example->env, example->source,
                                       copse_tree_root(example->tree), &head, head.size > 0,
                                       &commit, &err),
                     &err);
        example_must(copse_commit_encode(&example->env, &commit, &block, &err), &err);
        example_must(copse_store_put(example->store, &block, 1, &err), &err);
        head = *copse_block_cid(block);
        copse_block_unref(block);
    }
    return head;
}

int main(void)
{
    example_db example;
    copse_err err = {0};
    copse_refs *refs = NULL;
    copse_refs *diary_refs = NULL;
    copse_server *server = NULL;
    pthread_t thread;
    char url[64];
    (void)signal(SIGPIPE, SIG_IGN);
    example_open(&example);
    fill(&example);
    example_must(copse_memory_refs_new(&example.env, &refs, &err), &err);
    example_must(copse_refs_swap(refs, copse_bytes_of_text("main"), NULL,
                                 copse_tree_root(example.tree), &err),
                 &err);
    const copse_cid diary = write_diary(&example);
    example_must(copse_memory_refs_new(&example.env, &diary_refs, &err), &err);
    example_must(copse_refs_swap(diary_refs, copse_bytes_of_text("main"), NULL, &diary, &err),
                 &err);
    /* Any free port, on 127.0.0.1. Several processes may share one, and memory of so many bytes for
     * their counts; here there is one. */
    void *counts = calloc(1, copse_server_counts_size(1));
    const copse_server_options options = {
        .port = 0, .shared_counts = counts, .servers_count = 1, .server_number = 0};
    example_must(copse_server_new(&example.env, &options, &server, &err), &err);
    const copse_served served = {.name = "blog", .store = example.store, .refs = refs};
    example_must(copse_server_add(server, &served, &err), &err);
    const copse_served also = {.name = "diary", .store = example.store, .refs = diary_refs};
    example_must(copse_server_add(server, &also, &err), &err);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/blog", copse_server_port(server));
    if (pthread_create(&thread, NULL, serve, server) != 0) {
        return 1;
    }
    ask(url);
    copse_server_stop(server);
    (void)pthread_join(thread, NULL);
    copse_server_free(server);
    free(counts);
    copse_refs_close(diary_refs);
    copse_refs_close(refs);
    example_close(&example);
    return 0;
}
