/* Being told what is new: the matches of a filter that differ between what was seen last and what
 * is there now, the place that was seen, kept in a folder, and the heads of a peer as they come.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/head_stream.h>
#include <copse/memory_refs.h>
#include <copse/server.h>
#include <copse/watch.h>
#include <copse/watch_state.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

enum { WAIT_MS = 10000 };

static const char filter_text[] = "{\"tags\": \"cats\"}";

/* ---- Two states ---- */

static void write_posts(example_db *example)
{
    static const char *const posts[] = {"{\"_id\": 1, \"tags\": [\"cats\"]}",
                                        "{\"_id\": 2, \"tags\": [\"dogs\"]}",
                                        "{\"_id\": 3, \"tags\": [\"cats\"]}"};
    example_insert(example, "posts", posts, sizeof posts / sizeof posts[0]);
}

static void change_posts(example_db *example)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_bytes name = copse_bytes_of_text("posts");
    copse_buf second = example_json(&example->env, "{\"_id\": 2, \"tags\": [\"cats\", \"dogs\"]}");
    copse_buf third = example_json(&example->env, "{\"_id\": 3, \"tags\": [\"birds\"]}");
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_replace(write, name, copse_buf_view(&second), false, &err), &err);
    example_must(copse_write_replace(write, name, copse_buf_view(&third), false, &err), &err);
    example_apply(example, write);
    copse_write_free(write);
    copse_buf_release(&second);
    copse_buf_release(&third);
}

/* ---- What differs ---- */

/* All blocks are here; elsewhere copse_watch_next may return WANT, as queries do (want_loop.c). */
static void tell(example_db *example, copse_watch *watch)
{
    static const char *const words[] = {
        [COPSE_ADDED] = "new: ", [COPSE_REMOVED] = "gone: ", [COPSE_CHANGED] = "changed: "};
    copse_err err = {0};
    copse_watch_change change;
    copse_status status;
    while ((status = copse_watch_next(watch, &change, &err)) == COPSE_OK) {
        example_print(&example->env, words[change.kind],
                      change.kind == COPSE_REMOVED ? change.before : change.after);
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    (void)printf("%d rows differ; compared were %s\n", (int)copse_watch_get_stats(watch).rows,
                 copse_watch_index(watch).len > 0 ? "entries of an index" : "documents");
}

/* How many are new; with an index that decides the filter alone, no document is loaded for that. */
static void count(example_db *example, copse_watch *watch)
{
    copse_err err = {0};
    copse_watch_counts counts;
    (void)example;
    example_must(copse_watch_count(watch, &counts, &err), &err);
    (void)printf("unread: %d\n", (int)counts.added);
}

/* Watches from the state that was seen to the one that is there. */
static void compare(example_db *example, const copse_cid *seen, bool membership_only,
                    void (*use)(example_db *example, copse_watch *watch))
{
    copse_err err = {0};
    copse_tree *tree = NULL;
    copse_database *before = NULL;
    copse_database *after = NULL;
    copse_query *query = NULL;
    copse_watch *watch = NULL;
    copse_buf filter = example_json(&example->env, filter_text);
    const copse_query_options options = {.collection = copse_bytes_of_text("posts"),
                                         .filter = copse_buf_view(&filter)};
    example_must(copse_tree_open(example->cache, seen, &tree, &err), &err);
    example_must(copse_database_open(tree, &before, &err), &err);
    example_must(copse_database_open(example->tree, &after, &err), &err);
    example_must(copse_query_new(&example->env, &options, &query, &err), &err);
    example_must(copse_watch_new(query, before, after, membership_only, &watch, &err), &err);
    use(example, watch);
    copse_watch_free(watch);
    copse_query_free(query);
    copse_database_close(after);
    copse_database_close(before);
    copse_tree_close(tree);
    copse_buf_release(&filter);
}

/* ---- What was seen ---- */

static copse_status show_reader(void *ctx, const copse_watch_reader *reader,
                                const copse_watch_state *state, copse_err *err)
{
    (void)ctx;
    if (reader == NULL) {
        (void)printf("left out: %s\n", err->message);
    } else {
        (void)printf("%s has read %s%s\n", reader->name, reader->collection,
                     state->seen.size > 0 ? "" : ", nothing of it");
    }
    return COPSE_OK;
}

/* Kept once what differs was told: who is killed before is told again. */
static void remember(example_db *example, const copse_cid *head)
{
    copse_err err = {0};
    copse_os *os = NULL;
    copse_buf filter = example_json(&example->env, filter_text);
    const copse_watch_reader reader = {.database = "example",
                                       .collection = "posts",
                                       .filter = copse_buf_view(&filter),
                                       .name = "default"};
    copse_watch_state state = {.seen = *head};
    example_must(copse_os_posix_new(&example->env, &os, &err), &err);
    example_must(copse_watch_state_write(&example->env, os, "seen", &reader, &state, &err), &err);
    example_must(copse_watch_state_read(&example->env, os, "seen", &reader, &state, &err), &err);
    (void)printf("%s\n", copse_cid_equal(&state.seen, head) ? "remembered" : "another head");
    example_must(copse_watch_state_list(&example->env, os, "seen", show_reader, NULL, &err), &err);
    copse_os_free(os);
    copse_buf_release(&filter);
}

/* ---- Heads as they come ---- */

static void *serve(void *server)
{
    copse_err err = {0};
    example_must(copse_server_run(server, &err), &err);
    return NULL;
}

/* Waits for the first head; a program that follows asks for the next, without end. */
static void listen_to(const copse_env *env, const char *peer, const copse_cid *expected)
{
    copse_err err = {0};
    copse_transport *transport = NULL;
    copse_head_stream *stream = NULL;
    copse_cid head;
    example_must(copse_transport_http_new(env, &transport, &err), &err);
    const copse_head_stream_options options = {
        .peer = peer, .name = "blog", .transport = transport};
    example_must(copse_head_stream_new(env, &options, &stream, &err), &err);
    uint64_t until_ms = transport->ops->now(transport) + WAIT_MS;
    copse_status status = copse_head_stream_next(stream, until_ms, &head, &err);
    if (status == COPSE_END) {
        (void)printf("no head came: %s\n", copse_head_stream_is_unknown(stream)
                                               ? "there is no such database"
                                               : copse_head_stream_trouble(stream));
    }
    example_must(status, &err);
    (void)printf("%s\n", copse_cid_equal(&head, expected) ? "its head came" : "another head");
    copse_head_stream_free(stream);
    copse_transport_free(transport);
}

static int serve_and_listen(example_db *example)
{
    copse_err err = {0};
    copse_refs *refs = NULL;
    copse_server *server = NULL;
    pthread_t thread;
    char peer[64];
    copse_env env; /* that of the other thread */
    const copse_cid *head = copse_tree_root(example->tree);
    copse_env_init(&env);
    copse_env_init_posix(&env);
    example_must(copse_memory_refs_new(&example->env, &refs, &err), &err);
    example_must(copse_refs_swap(refs, copse_bytes_of_text("main"), NULL, head, &err), &err);
    const copse_server_options options = {.port = 0};
    example_must(copse_server_new(&example->env, &options, &server, &err), &err);
    const copse_served served = {.name = "blog", .store = example->store, .refs = refs};
    example_must(copse_server_add(server, &served, &err), &err);
    (void)snprintf(peer, sizeof peer, "http://127.0.0.1:%d", copse_server_port(server));
    if (pthread_create(&thread, NULL, serve, server) != 0) {
        return 1;
    }
    listen_to(&env, peer, head);
    copse_server_stop(server);
    (void)pthread_join(thread, NULL);
    copse_server_free(server);
    copse_refs_close(refs);
    return 0;
}

int main(void)
{
    example_db example;
    (void)signal(SIGPIPE, SIG_IGN);
    example_open(&example);
    write_posts(&example);
    const copse_cid seen = *copse_tree_root(example.tree);
    change_posts(&example);
    compare(&example, &seen, false, tell);
    compare(&example, &seen, true, count);
    remember(&example, copse_tree_root(example.tree));
    int code = serve_and_listen(&example);
    example_close(&example);
    return code;
}
