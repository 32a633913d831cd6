/* Many databases asked as one: two that a server has, over the network and at the same time, and
 * one that is here.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/memory_refs.h>
#include <copse/remote.h>
#include <copse/server.h>
#include <copse/sys/transport.h>
#include <copse/union.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

enum { PEOPLE = 3, SERVED = 2, NEWEST = 4 };

static const char *const people[PEOPLE] = {"anna", "bert", "cleo"};

/* ---- The databases ---- */

static void write_posts(example_db *example, int person)
{
    copse_err err = {0};
    copse_write *write = NULL;
    example_open(example);
    example_must(copse_write_new(&example->env, &write, &err), &err);
    for (int i = 0; i < 10; i++) {
        char json[96];
        (void)snprintf(json, sizeof json, "{\"_id\": %d, \"at\": %d, \"by\": \"%s\"}", i,
                       10 * i + person, people[person]);
        copse_buf post = example_json(&example->env, json);
        example_must(copse_write_insert(write, copse_bytes_of_text("posts"), copse_buf_view(&post),
                                        NULL, &err),
                     &err);
        copse_buf_release(&post);
    }
    example_apply(example, write);
    copse_write_free(write);
}

static copse_refs *serve_posts(copse_server *server, example_db *example, const char *name)
{
    copse_err err = {0};
    copse_refs *refs = NULL;
    example_must(copse_memory_refs_new(&example->env, &refs, &err), &err);
    example_must(copse_refs_swap(refs, copse_bytes_of_text("main"), NULL,
                                 copse_tree_root(example->tree), &err),
                 &err);
    const copse_served served = {.name = name, .store = example->store, .refs = refs};
    example_must(copse_server_add(server, &served, &err), &err);
    return refs;
}

static void *serve(void *server)
{
    copse_err err = {0};
    example_must(copse_server_run(server, &err), &err);
    return NULL;
}

/* ---- The side that asks ---- */

/* One that is far. Each has a remote of its own, and may have peers of its own; the transport is
 * one, so that all of them can be waited for together. */
typedef struct far_one {
    copse_remote *remote;
    copse_remote_find *find;
    copse_source *source;
} far_one;

/* copse_union_source.open */
static copse_status open_far(void *ctx, copse_database **ret_database, copse_err *err)
{
    const far_one *far = ctx;
    return copse_remote_find_database(far->find, ret_database, err);
}

/* Where the heads are now, which needs no query. */
static void print_heads(far_one *far)
{
    copse_err err = {0};
    copse_remote_one ones[SERVED];
    for (int i = 0; i < SERVED; i++) {
        ones[i] = (copse_remote_one){.remote = far[i].remote, .name = people[i]};
    }
    example_must(copse_remote_head_all(ones, SERVED, &err), &err);
    for (int i = 0; i < SERVED; i++) {
        (void)printf("%s has %s head\n", people[i], ones[i].status == COPSE_OK ? "a" : "no");
    }
}

/* Asks both for the answer, of which all that is found comes here with its proof. */
static void begin_far(const copse_env *env, copse_transport *transport, const char *peer,
                      const copse_query_options *query, far_one *ret_far)
{
    copse_err err = {0};
    copse_remote_one ones[SERVED];
    const copse_remote_options options = {.peers = &peer, .peers_count = 1, .transport = transport};
    for (int i = 0; i < SERVED; i++) {
        const copse_remote_find_options find = {.name = people[i], .query = query};
        example_must(copse_remote_new(env, &options, &ret_far[i].remote, &err), &err);
        example_must(copse_remote_find_new(ret_far[i].remote, &find, &ret_far[i].find, &err), &err);
        ones[i] = (copse_remote_one){.find = ret_far[i].find};
    }
    print_heads(ret_far);
    example_must(copse_remote_find_all(ones, SERVED, &err), &err);
    for (int i = 0; i < SERVED; i++) {
        example_must(ones[i].status, &ones[i].err); /* a program may go on without this one */
        ret_far[i].source = ones[i].source;
    }
}

/* Fetches for all that wait, at the same time; who can't be served is left out. */
static void fetch(copse_union *all, far_one *far)
{
    copse_err err = {0};
    copse_remote_one ones[SERVED];
    size_t numbers[SERVED];
    size_t count = 0;
    for (size_t i = 0; i < SERVED; i++) {
        if (copse_union_is_waiting(all, i)) {
            numbers[count] = i;
            ones[count++] = (copse_remote_one){.remote = far[i].remote, .source = far[i].source};
        }
    }
    example_must(copse_remote_fetch_all(ones, count, &err), &err);
    for (size_t i = 0; i < count; i++) {
        if (ones[i].status != COPSE_OK) {
            (void)printf("without %s: %s\n", people[numbers[i]], ones[i].err.message);
            copse_union_leave_out(all, numbers[i]);
        }
    }
}

/* After a call on the union: whether to call it again. */
static bool goes_on(copse_union *all, far_one *far, copse_status status, const copse_err *err)
{
    size_t failed = copse_union_failed(all);
    if (status == COPSE_WANT) {
        fetch(all, far);
    } else if (status < 0 && failed != SIZE_MAX) { /* that one is out now */
        (void)printf("without %s: %s\n", people[failed], err->message);
    } else if (status < 0) {
        example_must(status, err);
    }
    return status == COPSE_WANT || status < 0;
}

static copse_union *begin_union(const copse_env *env, const copse_query_options *query,
                                far_one *far, copse_database *near)
{
    copse_err err = {0};
    copse_union *all = NULL;
    example_must(copse_union_new(env, query, &all, &err), &err);
    for (int i = 0; i < SERVED; i++) {
        const copse_union_source source = {.open = open_far, .ctx = &far[i], .is_foreign = true};
        example_must(copse_union_add(all, &source, &err), &err);
    }
    example_must(copse_union_add_database(all, near, &err), &err);
    return all;
}

static void ask(example_db *near, copse_transport *transport, const char *peer)
{
    copse_err err = {0};
    const copse_env *env = &near->env;
    far_one far[SERVED];
    copse_database *database = NULL;
    copse_sort_spec sort;
    copse_bytes document;
    size_t source;
    uint64_t count = 0;
    copse_status status;
    example_must(copse_sort_spec_parse(env, copse_bytes_of_text("-at"), false, &sort, &err), &err);
    copse_query_options query = {
        .collection = copse_bytes_of_text("posts"), .sort = &sort, .limit = NEWEST};
    example_must(copse_database_open(near->tree, &database, &err), &err);
    begin_far(env, transport, peer, &query, far);

    copse_union *all = begin_union(env, &query, far, database);
    do {
        status = copse_union_next(all, &document, &source, &err);
        if (status == COPSE_OK) {
            (void)printf("%s: ", people[source]);
            example_print(env, "", document);
        }
    } while (status == COPSE_OK || goes_on(all, far, status, &err));
    (void)printf("of %s were %d documents looked at\n", people[0],
                 (int)copse_union_get_stats(all, 0).documents_examined);
    copse_union_free(all);

    query.limit = 0;
    all = begin_union(env, &query, far, database);
    do {
        status = copse_union_count(all, &count, &err);
    } while (goes_on(all, far, status, &err));
    (void)printf("%d posts in all\n", (int)count);
    copse_union_free(all);

    for (int i = 0; i < SERVED; i++) {
        copse_remote_find_free(far[i].find);
        copse_remote_free(far[i].remote);
    }
    copse_database_close(database);
    copse_sort_spec_release(&sort);
}

int main(void)
{
    example_db databases[PEOPLE];
    copse_refs *refs[SERVED];
    copse_err err = {0};
    copse_server *server = NULL;
    copse_transport *transport = NULL;
    pthread_t thread;
    char peer[64];
    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < PEOPLE; i++) {
        write_posts(&databases[i], i);
    }
    const copse_server_options options = {.port = 0}; /* any free port, on 127.0.0.1 */
    example_must(copse_server_new(&databases[0].env, &options, &server, &err), &err);
    for (int i = 0; i < SERVED; i++) {
        refs[i] = serve_posts(server, &databases[i], people[i]);
    }
    (void)snprintf(peer, sizeof peer, "http://127.0.0.1:%d", copse_server_port(server));
    if (pthread_create(&thread, NULL, serve, server) != 0) {
        return 1;
    }
    example_must(copse_transport_http_new(&databases[SERVED].env, &transport, &err), &err);
    ask(&databases[SERVED], transport, peer);
    copse_transport_free(transport);
    copse_server_stop(server);
    (void)pthread_join(thread, NULL);
    copse_server_free(server);
    for (int i = 0; i < PEOPLE; i++) {
        if (i < SERVED) {
            copse_refs_close(refs[i]);
        }
        example_close(&databases[i]);
    }
    return 0;
}
