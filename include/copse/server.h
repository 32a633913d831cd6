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

#include <copse/ipns.h>
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
    /** Gives the record that the head is published by, as copse_publisher_record does; NULL: it
     * isn't published. */
    copse_status (*record)(void *ctx, copse_bytes *ret_record, copse_ipns_record *ret_said,
                           copse_err *err);
    copse_public_key key; /**< With `record`: the name that it is published under. */
    void *ctx;
} copse_served;

/** A request that was answered; lent. */
typedef struct copse_server_request {
    const char *peer;   /**< The client's address. */
    copse_bytes method; /**< Empty: it was refused before it was read. */
    copse_bytes target; /**< Path and query as they were sent; likewise. */
    unsigned status;
    uint64_t sent_bytes;  /**< With heads and framing. */
    uint64_t duration_ms; /**< From the whole request to the end of the answer. */
    bool cut;             /**< The client did not get all of it. */
} copse_server_request;

typedef struct copse_server_options {
    const char *address; /**< An IP address; NULL: 127.0.0.1. */
    uint16_t port;       /**< 0: a free one. */
    /** Other processes listen there too, and say so: the system deals the connections out. */
    bool shares_port;
    /** Memory that those processes share, zeroed at first, of copse_server_counts_size bytes, and
     * which of the servers this one is: so that what one of them counts is the sum. NULL: it counts
     * for itself. */
    void *shared_counts;
    size_t servers_count;
    size_t server_number;
    /** IP addresses of proxies that are trusted to name the client they speak for, in
     * X-Forwarded-For or Forwarded: it then counts for limits and logs. */
    const char *const *proxies;
    size_t proxies_count;
    /** Told of each request; NULL: nobody. */
    void (*log)(void *ctx, const copse_server_request *request);
    void *log_ctx;
    /** Where it is reached, for peers that ask who has a block: multiaddrs, or
     * http(s)://HOST[:PORT]. None: where their requests came to. */
    const char *const *announce;
    size_t announce_count;
    bool accepts_records; /**< Anybody may put records of names here (limits.serve_records_max). */
} copse_server_options;

/** Belongs to one thread. */
typedef struct copse_server copse_server;

/** Makes a server that listens from now on and answers once it runs. `env` must outlive it.
 * MISUSE: no IP address here or of a proxy, an env without a clock, or an address to announce that
 * is none. IO (os_errno), DENIED: the address can't be had. NOMEM, LIMIT: more to announce than
 * 16 KiB. */
COPSE_API COPSE_MUST_USE copse_status copse_server_new(const copse_env *env,
                                                       const copse_server_options *options,
                                                       copse_server **ret_server, copse_err *err);

/** Frees it, closing its connections; NULL is allowed. Returns NULL. */
COPSE_API copse_server *copse_server_free(copse_server *server);

/** Serves a database too. CONFLICT: one of that name is served. MISUSE: the name can't be one.
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_server_add(copse_server *server,
                                                       const copse_served *served, copse_err *err);

/** Serves a record of anybody too, as long as it is valid, in place of an older one of its name.
 * OK, also if it is the one that is there. CORRUPT, DENIED (it has ended), LIMIT: as
 * copse_ipns_verify; LIMIT also: there are limits.serve_records_max that were put so; those that
 * anybody put, which end within 366 days, make room. CONFLICT: the one that is there is newer, or
 * as new and another. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_server_put_record(copse_server *server,
                                                              const copse_public_key *name,
                                                              copse_bytes record, copse_err *err);

/** The size of the counts that so many servers share. */
COPSE_API size_t copse_server_counts_size(size_t servers_count);

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
