/* A transport whose peers do what a test says: each has the blocks of a world (answer_support.h),
 * answers as a server would, and spoils its answers in one way. Time is virtual, and passes only
 * where nothing comes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SCRIPT_TRANSPORT_H
#define COPSE_TESTS_SCRIPT_TRANSPORT_H

#include "support/answer_support.h"

#include <copse/sys/transport.h>

enum { SCRIPT_PEERS_MAX = 3, SCRIPT_HIDDEN_MAX = 64 };

/** Pages, as bits. */
typedef enum script_page {
    SCRIPT_QUERY = 1,
    SCRIPT_BATCH = 2,
    SCRIPT_RAW = 4,
    SCRIPT_HEAD = 8,
    SCRIPT_COMMITS = 16,
    SCRIPT_ALL = 31
} script_page;

/** What a peer does to the answers of some pages. */
typedef enum script_fault {
    SCRIPT_SOUND,
    SCRIPT_REFUSES,    /**< Answers `status`, with a line of text. */
    SCRIPT_AWAY,       /**< There is no connection. */
    SCRIPT_CUT,        /**< The body ends at `at`, as if it were whole. */
    SCRIPT_BREAKS,     /**< The connection breaks there. */
    SCRIPT_STALLS,     /**< Nothing more comes from there on. */
    SCRIPT_TRICKLES,   /**< From there on a byte each 9 seconds. */
    SCRIPT_FLIPS,      /**< The byte there is another one. */
    SCRIPT_PADS,       /**< The body goes on behind its end. */
    SCRIPT_NO_ROOT,    /**< Copse-Root is absent, */
    SCRIPT_WRONG_ROOT, /**< or names the tree, */
    SCRIPT_BAD_ROOT,   /**< or is no CID. */
    SCRIPT_OTHER_TYPE  /**< The answer is HTML. */
} script_fault;

typedef struct script_peer {
    answer_world *world; /* whose blocks it has; NULL: none */
    copse_cid head;      /* of its database "blog"; size 0: it has none */
    script_fault fault;
    unsigned pages; /* that it befalls; 0: all */
    size_t at;
    unsigned status;
    uint64_t blocks_max; /* of an answer; 0: no limit */
    copse_bytes canned;  /* what it answers to queries of `head`; len 0: the truth */
    copse_bytes history; /* what it answers to requests for it; len 0: it has no such page */
    copse_cid hidden[SCRIPT_HIDDEN_MAX]; /* blocks that it has not */
    size_t hidden_count;
    /* What came. */
    size_t queries;
    size_t batches;
    size_t raws;
    size_t heads;
    size_t asked_blocks;
    size_t have_count; /* of the last query */
} script_peer;

typedef struct script_transport script_transport;

script_transport *script_transport_new(size_t peers_count);

/** The transport; freeing it frees all. */
copse_transport *script_transport_base(script_transport *script);

/** Peer number `peer`, at "http://p0" and so on. Lent. */
script_peer *script_transport_peer(script_transport *script, size_t peer);

/** The URLs of all peers. */
extern const char *const script_peers[SCRIPT_PEERS_MAX];

/** Milliseconds since it was made. */
uint64_t script_transport_elapsed_ms(const script_transport *script);

/** Requests under way. */
size_t script_transport_running(const script_transport *script);

#endif
