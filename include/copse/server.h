/* An HTTP server that hands databases out: their blocks, and what their heads are. It never writes.
 *
 * docs/serving.md shows how to use it, docs/formats/http.md specifies what it answers.
 *
 *     copse_server_new(&env, &options, &server, &err);
 *     copse_server_add(server, &(copse_served){.name = "blog", .store = store, .refs = refs},
 * &err); copse_server_run(server, &err);   until copse_server_stop, from a signal handler say
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVER_H
#define COPSE_SERVER_H

#include <copse/sys/refs.h>
#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** The longest name of a database that is served, in bytes. */
#define COPSE_SERVED_NAME_SIZE_BYTES_MAX 128

/** A database to serve. What it points to must outlive the server, and is used on the server's
 * thread only. */
typedef struct copse_served {
    const char *name; /**< In URLs: UTF-8 without control characters and '/'; copied. */
    copse_store *store;
    copse_refs *refs;
    const char *ref; /**< The one that is the head; NULL: "main"; copied. */
    /** Sees what others have written since; called before a head is read, and where a block is
     * missing. NULL: nobody else writes. */
    copse_status (*refresh)(void *ctx, copse_err *err);
    void *ctx;
} copse_served;

typedef struct copse_server_options {
    const char *address; /**< An IP address; NULL: 127.0.0.1. */
    uint16_t port;       /**< 0: a free one. */
    /** Told of each request, as a line without its end; NULL: nobody. The line is lent. */
    void (*log)(void *ctx, const char *line);
    void *log_ctx;
} copse_server_options;

/** Belongs to one thread. */
typedef struct copse_server copse_server;

/** Makes a server that listens from now on and answers once it runs. `env` must outlive it.
 * MISUSE: no IP address, or an env without a clock. IO (os_errno), DENIED: the address can't be
 * had. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_server_new(const copse_env *env,
                                                       const copse_server_options *options,
                                                       copse_server **ret_server, copse_err *err);

/** Frees it, closing its connections; NULL is allowed. Returns NULL. */
COPSE_API copse_server *copse_server_free(copse_server *server);

/** Serves a database too. CONFLICT: one of that name is served. MISUSE: the name can't be one.
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_server_add(copse_server *server,
                                                       const copse_served *served, copse_err *err);

/** The port that it listens on. */
COPSE_API uint16_t copse_server_port(const copse_server *server);

/** Answers requests until copse_server_stop. The program should ignore SIGPIPE. OK; IO. */
COPSE_API COPSE_MUST_USE copse_status copse_server_run(copse_server *server, copse_err *err);

/** Begins to stop: no more requests are taken, answers that run get limits.http_stop_ms_max, then
 * copse_server_run returns. May be called on any thread and from a signal handler, between new and
 * free. */
COPSE_API void copse_server_stop(copse_server *server);

COPSE_EXTERN_C_END

#endif
