/* A request of a transport, and the answer that a service gives to it without a socket; what a
 * lying peer sends instead can be put in its place.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SIM_EXCHANGE_H
#define COPSE_TESTS_SIM_EXCHANGE_H

#include <copse/sys/transport.h>

#include "serve/service.h"

/** What is asked for. Values are bits. */
typedef enum sim_page {
    SIM_PAGE_HEAD = 1,     /**< GET /copse/v1/{name} */
    SIM_PAGE_QUERY = 2,    /**< POST /copse/v1/{name}/query */
    SIM_PAGE_BLOCKS = 4,   /**< POST /copse/v1/blocks */
    SIM_PAGE_BLOCK = 8,    /**< GET /ipfs/{cid} */
    SIM_PAGE_NAME = 16,    /**< GET /ipns/{name}, /routing/v1/ipns/{name} */
    SIM_PAGE_COMMITS = 32, /**< POST /copse/v1/{name}/commits */
    SIM_PAGE_OTHER = 64
} sim_page;

enum { SIM_EXCHANGE_HEADERS = 4 };

/** Stays where it is once it was asked. */
typedef struct sim_exchange {
    sim_page page;
    size_t request_bytes; /* on the wire, with its head */
    /* The request. */
    char *target;
    char *accept;       /* NULL: none */
    char *content_type; /* NULL: a GET */
    copse_buf body;
    copse_http_header headers[SIM_EXCHANGE_HEADERS];
    copse_http_request request;
    /* The answer. */
    copse_service *service;
    copse_http_answer answer;
    bool made;    /* its body is `bytes`, not the service's, */
    bool cut;     /* and breaks off behind them, */
    bool endless; /* or goes on for ever from `bytes_loop` on */
    copse_buf bytes;
    size_t bytes_loop;
    size_t bytes_at; /* pulled until here */
    /* A lie shows in the head, or once more bytes of the body than these, or its end, were taken.
     */
    bool fault_in_head;
    uint64_t fault_from;
} sim_exchange;

/** Copies a request to `host`; fails the test if its URL is not http://host[:80]/…. `env` is for
 * what is made up, and must stay. */
void sim_exchange_init(sim_exchange *exchange, const copse_env *env,
                       const copse_transport_request *request, const char *host);
void sim_exchange_release(sim_exchange *exchange);

/** Has it answered. A body above limits.http_body_bytes_max is refused, as the server does. */
void sim_exchange_ask(sim_exchange *exchange, copse_service *service);

/** Pulls the whole body, so that it can be changed in `bytes`. False: it was cut. */
bool sim_exchange_gather(sim_exchange *exchange);

/** Puts another answer in its place, without headers. */
void sim_exchange_replace(sim_exchange *exchange, unsigned status, copse_bytes body);

/** Puts `value` where the header `name` is. False: there is none; with `add` it is put there. */
bool sim_exchange_set_header(sim_exchange *exchange, const char *name, const char *value, bool add);

/** Writes the bytes of the answer's head into `buf`. */
void sim_exchange_write_head(const sim_exchange *exchange, uint64_t now_ms, copse_buf *buf);

/** Fills in what a HEAD event says; views are into the answer's headers. */
void sim_exchange_read_head(const sim_exchange *exchange, copse_transport_event *event);

/** Appends more of the body: as copse_http_body's pull. */
copse_status sim_exchange_pull(sim_exchange *exchange, copse_buf *buf, size_t size_max);

#endif
