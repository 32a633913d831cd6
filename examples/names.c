/* Names: a head is published under a key, a server that need not be trusted passes its record on,
 * and a reader that knows the name alone finds out what it stands for, and believes nothing older.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/publisher.h>
#include <copse/remote.h>
#include <copse/server.h>
#include <copse/sys/os.h>
#include <copse/sys/transport.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

/* ---- The author ---- */

typedef struct author {
    copse_env env;
    copse_os *os;
    copse_key *key;
    copse_publisher *publisher;
    copse_cid head; /* of a database */
} author;

/* What is to be published: in a program with a store, what its ref is now. */
static copse_status read_head(void *ctx, copse_cid *ret_head, copse_err *err)
{
    const author *self = ctx;
    (void)err;
    *ret_head = self->head;
    return COPSE_OK;
}

static void move_head(author *self, const char *content)
{
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text(content), &self->head);
}

static void author_open(author *self)
{
    copse_err err = {0};
    copse_env_init(&self->env);
    copse_env_init_posix(&self->env);
    example_must(copse_os_posix_new(&self->env, &self->os, &err), &err);
    example_must(copse_key_new(&self->env, &self->key, &err), &err);
    (void)remove("author.sequence"); /* of the key of the last run */
    const copse_publisher_options options = {.os = self->os,
                                             .folder = ".", /* author.sequence is made there */
                                             .name = "author",
                                             .key = self->key,
                                             .head = read_head,
                                             .ctx = self};
    example_must(copse_publisher_open(&self->env, &options, &self->publisher, &err), &err);
}

static void author_close(author *self)
{
    copse_publisher_close(self->publisher);
    copse_key_free(self->key);
    copse_os_free(self->os);
}

/* A record of the head as it is now. A server of the author's own would call this itself, by
 * copse_served.record; another is handed it. */
static void publish(author *self, copse_server *server)
{
    copse_err err = {0};
    copse_bytes record;
    copse_ipns_record said;
    example_must(copse_publisher_record(self->publisher, &record, &said, &err), &err);
    example_must(copse_server_put_record(server, copse_key_public(self->key), record, &err), &err);
    (void)printf("published %.18s…\n", (const char *)said.value.ptr);
}

/* ---- The server ---- */

static void *serve(void *server)
{
    copse_err err = {0};
    example_must(copse_server_run(server, &err), &err);
    return NULL;
}

/* ---- The reader ---- */

/* The newest record that was seen: a program keeps it where it lasts. */
typedef struct memory {
    copse_buf record;
    uint64_t seen_ms;
} memory;

static copse_status get_record(void *ctx, const copse_public_key *name, copse_buf *ret_record,
                               uint64_t *ret_seen_ms, copse_err *err)
{
    const memory *self = ctx;
    (void)name;
    (void)err;
    *ret_seen_ms = self->seen_ms;
    return self->record.len > 0 ? copse_buf_append(ret_record, copse_buf_view(&self->record))
                                : COPSE_NOT_FOUND;
}

static copse_status set_record(void *ctx, const copse_public_key *name, copse_bytes record,
                               copse_err *err)
{
    memory *self = ctx;
    (void)name;
    (void)err;
    copse_buf_truncate(&self->record, 0);
    return copse_buf_append(&self->record, record);
}

static void resolve(const copse_env *env, memory *seen, const char *peer,
                    const copse_public_key *key)
{
    copse_err err = {0};
    copse_transport *transport = NULL;
    copse_remote *remote = NULL;
    copse_remote_name name;
    char head[COPSE_CID_TEXT_SIZE_MAX];
    const copse_remote_records records = {get_record, set_record, seen};
    example_must(copse_transport_http_new(env, &transport, &err), &err);
    const copse_remote_options options = {
        .peers = &peer, .peers_count = 1, .transport = transport, .records = &records};
    example_must(copse_remote_new(env, &options, &remote, &err), &err);
    example_must(copse_remote_resolve(remote, key, &name, &err), &err);
    (void)copse_cid_to_text(&name.head, COPSE_BASE32, head);
    (void)printf("the name stands for %.12s…, says %s\n", head,
                 name.peer == SIZE_MAX ? "what was seen before" : "the peer");
    /* Many names, each of peers of its own, are asked for at the same time. */
    copse_remote_one ones[] = {{.remote = remote, .key = key}};
    example_must(copse_remote_resolve_all(ones, sizeof ones / sizeof ones[0], &err), &err);
    example_must(ones[0].status, &ones[0].err);
    (void)printf("its sequence is %d\n", (int)ones[0].resolved.sequence);
    copse_remote_free(remote);
    copse_transport_free(transport);
}

int main(void)
{
    copse_err err = {0};
    author writer = {.os = NULL};
    copse_server *server = NULL;
    const copse_server_options options = {.port = 0};
    memory seen = {.seen_ms = 0};
    char peer[64];
    pthread_t thread;
    (void)signal(SIGPIPE, SIG_IGN);
    author_open(&writer);
    example_must(copse_server_new(&writer.env, &options, &server, &err), &err);
    move_head(&writer, "the first version");
    publish(&writer, server);
    move_head(&writer, "the second version");
    publish(&writer, server);
    if (pthread_create(&thread, NULL, serve, server) != 0) {
        return 1;
    }
    copse_buf_init(&seen.record, &writer.env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    (void)snprintf(peer, sizeof peer, "http://127.0.0.1:%d", copse_server_port(server));
    resolve(&writer.env, &seen, peer, copse_key_public(writer.key));
    copse_server_stop(server);
    (void)pthread_join(thread, NULL);
    copse_server_free(server);
    resolve(&writer.env, &seen, peer, copse_key_public(writer.key));
    copse_buf_release(&seen.record);
    author_close(&writer);
    return 0;
}
