/* What a fetch holds: wanted blocks, and the requests on their way.
 *
 *     queue     b7 - b8 - b3            wanted, on nobody's way: in the order to ask for them
 *     requests  r1  peer 0  | b1 b2 b4 b5 |     b1 came, b2 was passed over
 *                                  ^ at
 *               r2  peer 2  | b5 b6 |           b5 is hedged: two ways
 *                             ^ at
 *
 * Invariants:
 *   FS1  A block is wanted from copse_fetch_state_add until copse_fetch_block_finish; the map holds
 *        the wanted ones.
 *   FS2  A wanted block is in the queue if and only if it has no ways.
 *   FS3  A request is among the ways of its blocks from `at` on that are wanted, and of no others;
 *        `left_count` is their number. A block has at most COPSE_FETCH_WAYS_MAX, of different
 *        peers.
 *   FS4  A block's refs are the requests that name it, and one while it is wanted.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_FETCH_STATE_H
#define COPSE_SYNC_FETCH_STATE_H

#include "block/cid_map.h"
#include "sync/fetch_answer.h"
#include "sync/fetch_peer.h"

enum {
    COPSE_FETCH_WAYS_MAX = 2,
    COPSE_FETCH_PIECE_MAX = 256 /* blocks of one request */
};

typedef struct copse_fetch_request copse_fetch_request;

/** A block that is or was wanted. Sets of peers are bits, peer 0 the lowest. */
typedef struct copse_fetch_block {
    copse_cid cid;
    struct copse_fetch_block *prev; /* in the queue */
    struct copse_fetch_block *next;
    size_t refs;
    bool is_wanted;
    unsigned failures; /* of requests that count for it */
    unsigned abandons; /* of late requests with it, for a third peer */
    uint64_t lacking;  /* peers that answered without it */
    uint64_t failed;   /* peers of which a request with it failed */
    copse_fetch_request *ways[COPSE_FETCH_WAYS_MAX]; /* packed to the front, then NULL */
} copse_fetch_block;

/** A request on its way. */
struct copse_fetch_request {
    copse_fetch_request *next; /* sent later */
    uint64_t id;
    size_t peer;
    bool is_batch;
    bool is_sample; /* nothing else ran when it was sent, and nothing came yet: tells the latency */
    copse_fetch_block **blocks;
    size_t count;
    size_t at;
    size_t left_count;
    size_t given_count; /* blocks that it delivered */
    bool is_refused;    /* deliver failed: no fault of the peer's */
    bool is_dropped;    /* what it asked for is not wanted any more, whatever comes */
    uint64_t sent_ms;
    uint64_t heard_ms;    /* last sign of life, of it or of what the peer may send before it */
    uint64_t deadline_ms; /* see F5 */
    copse_fetch_answer answer;
};

struct copse_fetch {
    const copse_env *env;
    copse_fetch_options options;
    copse_fetch_peer *peers;
    copse_cid_map wanted;
    copse_fetch_block *first; /* the queue */
    copse_fetch_block *last;
    size_t queue_count;
    copse_fetch_request *requests; /* in the order sent */
    uint64_t request_id;           /* the last that was given */
    bool is_doubtful;              /* blocks of the queue may have nobody left to ask */
    uint64_t now_ms;               /* of the last call */
    uint64_t awaited_ms;           /* up to when the caller waits; else now_ms */
    uint64_t blocks_count;         /* delivered, and their bytes: what to expect of others */
    uint64_t blocks_bytes;
    copse_cid *missing;
    uint64_t *missing_lacking; /* of each missing one: copse_fetch_block.lacking */
    size_t missing_count;
    size_t missing_capacity;
    size_t missing_lacking_capacity;
    copse_cid cids[COPSE_FETCH_PIECE_MAX]; /* of the last step */
};

/** Whether the CID holds its block; then *ret_data borrows it from the CID. */
bool copse_fetch_cid_holds(const copse_cid *cid, copse_bytes *ret_data);

/** The wanted block with this CID; NULL: it is not wanted. */
copse_fetch_block *copse_fetch_state_find(const copse_fetch *fetch, const copse_cid *cid);

/** Wants these too, at the end of the queue, each once; those of identity CIDs are passed over.
 * NOMEM: nothing was added. */
COPSE_MUST_USE copse_status copse_fetch_state_add(copse_fetch *fetch, const copse_cid *cids,
                                                  size_t count, copse_err *err);

/** The block is not wanted any more: it came, or is given up. Others may hold it on. */
void copse_fetch_block_finish(copse_fetch *fetch, copse_fetch_block *block);

/** Wants nothing any more. */
void copse_fetch_state_finish_all(copse_fetch *fetch);

/** Number of requests that it is expected of. */
size_t copse_fetch_block_ways_count(const copse_fetch_block *block);

/** Puts a request for these wanted blocks, which have room for another way, behind the others.
 * NOMEM: nothing changed. */
COPSE_MUST_USE copse_status copse_fetch_request_new(copse_fetch *fetch, size_t peer,
                                                    copse_fetch_block *const *blocks, size_t count,
                                                    uint64_t now_ms,
                                                    copse_fetch_request **ret_request,
                                                    copse_err *err);

/** The request with this id; NULL: there is none. */
copse_fetch_request *copse_fetch_request_find(const copse_fetch *fetch, uint64_t id);

/** Moves `at` to `to`: blocks before it are not expected of this request any more. `is_lacking`:
 * since the peer does not have them. Those without another way go to the front of the queue. */
void copse_fetch_request_pass(copse_fetch *fetch, copse_fetch_request *request, size_t to,
                              bool is_lacking);

/** What was not given has failed (F4): notes it for each block; they go to the end of the queue. */
void copse_fetch_request_fail(copse_fetch *fetch, copse_fetch_request *request);

/** What was not given is left for another peer: counts that for each block. */
void copse_fetch_request_abandon(copse_fetch_request *request);

/** Ends it and frees it; what it has not given goes to the front of the queue. Returns NULL. */
copse_fetch_request *copse_fetch_request_free(copse_fetch *fetch, copse_fetch_request *request);

#endif
