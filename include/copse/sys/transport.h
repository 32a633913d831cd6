/* The transport interface: how requests reach peers. For extenders: libcurl is one (net), a
 * browser's fetch another, and tests have a simulated network (tests/support/sim_network.h).
 *
 * Requests are HTTP's: a method, a URL, a body; what comes back are events, one request's in their
 * order: HEAD, then any number of BODY, then END; or at any point FAILED instead. Several requests
 * run at once. Nothing happens but in wait.
 *
 *   T1  After END, FAILED or cancel a request has no more events, and its id is never used again.
 *   T2  Bodies come decoded (Content-Encoding), in pieces of at most COPSE_TRANSPORT_PIECE_MAX
 *       bytes, however much they were compressed; a transport reads on only when it is waited for.
 *   T3  A transport has no time limits but that of connecting: who asks cancels.
 *   T4  Redirects are not followed; certificates are checked.
 *   T5  A request for a range asks for no Content-Encoding, and an answer that has one fails.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYS_TRANSPORT_H
#define COPSE_SYS_TRANSPORT_H

#include <copse/bytes.h>
#include <copse/env.h>
#include <copse/status.h>

#include <stdbool.h>

COPSE_EXTERN_C_BEGIN

/** The longest piece of a body. */
#define COPSE_TRANSPORT_PIECE_MAX (64u << 10)

typedef struct copse_transport copse_transport;

/** A request. Everything is copied. */
typedef struct copse_transport_request {
    const char *url;           /**< Absolute, http: or https:, percent-encoded. */
    const char *accept;        /**< The header's value; NULL: any type. */
    const char *last_event_id; /**< The header's value; NULL: there is none. */
    const char *content_type;  /**< Of the body; NULL: the request is a GET. */
    bool is_put;               /**< With a content_type: a PUT in place of a POST. */
    copse_bytes body;          /**< Of either. */
    uint64_t range_from;       /**< With range_size: the bytes that are asked for, by Range. */
    uint64_t range_size;       /**< 0: all. Else the answer may still be all of them (200). */
} copse_transport_request;

typedef enum copse_transport_event_kind {
    COPSE_TRANSPORT_HEAD,  /**< The answer begins. */
    COPSE_TRANSPORT_BODY,  /**< More of its body. */
    COPSE_TRANSPORT_END,   /**< It is whole. */
    COPSE_TRANSPORT_FAILED /**< There was no connection, or it broke, or what came is no HTTP. */
} copse_transport_event_kind;

/** Views are valid until the next call on the transport. */
typedef struct copse_transport_event {
    copse_transport_event_kind kind;
    uint64_t request;         /**< Its id. */
    unsigned status;          /**< HEAD: of HTTP. */
    uint32_t retry_after_ms;  /**< HEAD: Retry-After; 0: there was none, or none in seconds. */
    copse_bytes content_type; /**< HEAD: without parameters; empty: none. */
    copse_bytes copse_root;   /**< HEAD: Copse-Root (docs/formats/http.md), else empty. */
    copse_bytes etag;         /**< HEAD: as it came, else empty. */
    uint64_t range_from;      /**< HEAD: with range_size: what Content-Range says is in the body. */
    uint64_t range_size;      /**< HEAD: 0: it is not said, or nonsense. */
    uint64_t total_size; /**< HEAD: of all, by Content-Range or, with 200, Content-Length; 0: it
                              is not said. */
    copse_bytes body;    /**< BODY. */
    const char *reason;  /**< FAILED: one line for people, such as "connection refused". */
} copse_transport_event;

/** Bytes on the wire, heads, framing and request lines included, after Content-Encoding; without
 * TLS and what is below. They are counted as they are sent and read: what a peer had on its way
 * when it was cancelled is not. */
typedef struct copse_transport_stats {
    uint64_t requests;
    uint64_t connections; /**< Opened. */
    uint64_t sent_bytes;
    uint64_t received_bytes;
} copse_transport_stats;

typedef struct copse_transport_ops {
    /** Begins a request. MISUSE: the URL is none, or has a user in it; a header's value is more
     * than a line. NOMEM. What else may go wrong comes as FAILED. */
    copse_status (*start)(copse_transport *transport, const copse_transport_request *request,
                          uint64_t *ret_request, copse_err *err);
    /** Ends it at once (T1); unknown ids are passed over. */
    void (*cancel)(copse_transport *transport, uint64_t request);
    /** Gives the next event, waiting for it until `until_ms`, also while no request runs. OK; END:
     * none came until then, or with UINT64_MAX none can come. IO: the transport itself failed.
     * NOMEM: likewise, or there is none to decode a body, and its request then has FAILED as its
     * next event. */
    copse_status (*wait)(copse_transport *transport, uint64_t until_ms,
                         copse_transport_event *ret_event, copse_err *err);
    /** Milliseconds on a clock that never goes back; its zero is anywhere. */
    uint64_t (*now)(copse_transport *transport);
    copse_transport_stats (*stats)(const copse_transport *transport);
    /** Cancels what runs, closes its connections and frees it. */
    void (*free)(copse_transport *transport);
} copse_transport_ops;

/** The head of every transport; an implementation's struct begins with it. Belongs to one thread.
 */
struct copse_transport {
    const copse_transport_ops *ops;
};

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_transport *copse_transport_free(copse_transport *transport);

/** A transport over libcurl: HTTP/1.1, and HTTP/2 where TLS offers it; bodies in zstd or gzip.
 * Connections are kept and used again; over HTTP/1.1 there are as many as requests run at once. A
 * request whose kept connection turns out to be closed is sent again on a new one. Connecting, with
 * the look-up of the name, fails after 5 s; a head of over 64 KiB or 256 lines fails too. The
 * proxies of the environment are used (http_proxy, https_proxy, all_proxy, no_proxy), but never to
 * localhost, 127.0.0.0/8 and ::1. Over HTTP/2 bytes are counted as HTTP/1.1 would send them. `env`
 * must outlive it. The program should ignore SIGPIPE. IO: libcurl can't begin. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_transport_http_new(const copse_env *env,
                                                               copse_transport **ret_transport,
                                                               copse_err *err);

COPSE_EXTERN_C_END

#endif
