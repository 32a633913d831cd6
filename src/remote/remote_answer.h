/* A peer's answer to a query (answer.h), verified while it arrives.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_ANSWER_H
#define COPSE_REMOTE_REMOTE_ANSWER_H

#include "remote/remote_exchange.h"

#include <copse/answer.h>

/** What came of it. All but DOCUMENT end it; the reason is noted for the peer. */
typedef enum copse_remote_came {
    COPSE_REMOTE_CAME_DOCUMENT,
    COPSE_REMOTE_CAME_ALL,     /**< The answer is complete. */
    COPSE_REMOTE_CAME_CUT,     /**< As far as the peer's limits, or ours, went. */
    COPSE_REMOTE_CAME_REFUSAL, /**< The peer does not answer this. */
    COPSE_REMOTE_CAME_LESS,    /**< The peer vanished. */
    COPSE_REMOTE_CAME_LIE,     /**< Something else than the answer. */
    COPSE_REMOTE_CAME_BROKEN   /**< It is right, but the root is no sound database; err says why. */
} copse_remote_came;

typedef struct copse_remote_question {
    const char *name; /**< Of a database of the peer; NULL: asked for by its root. */
    copse_cid root;   /**< Size 0: what the peer says that the name's head is. */
    const copse_query_options *query; /**< Must stay. */
    copse_remote_notes *have; /**< Must stay; their blocks are in the remote's store. What comes is
                                   added, for whoever is asked next. */
    copse_source *source;     /**< Gets the blocks. */
} copse_remote_question;

/** A zeroed one may be released. Stays where it is. */
typedef struct copse_remote_answer {
    copse_remote *remote;
    copse_remote_question question; /* its root is known once the answer has begun */
    copse_remote_exchange exchange;
    copse_answer_verifier *verifier; /* NULL: the answer has not begun */
    copse_buf piece;                 /* of the body, being verified */
    uint64_t blocks;                 /* that came */
    bool is_over;                    /* nothing more comes: */
    copse_remote_came came;          /* why */
} copse_remote_answer;

/** Asks a peer. IO: the transport failed. NOMEM. Release it in any case. */
COPSE_MUST_USE copse_status copse_remote_answer_begin(copse_remote_answer *answer,
                                                      copse_remote *remote, size_t peer,
                                                      const copse_remote_question *question,
                                                      copse_err *err);

/** Ends it. */
void copse_remote_answer_release(copse_remote_answer *answer);

/** Waits for the next document, lent until the next call, or the end. OK: *ret_came. IO: the
 * transport or the store failed. NOMEM, and other failures of the store. */
COPSE_MUST_USE copse_status copse_remote_answer_next(copse_remote_answer *answer,
                                                     copse_remote_came *ret_came,
                                                     copse_bytes *ret_document, copse_err *err);

/** For who waits for several: verifies what is here. Statuses as copse_remote_answer_next, or WANT:
 * more must come. */
COPSE_MUST_USE copse_status copse_remote_answer_verify(copse_remote_answer *answer,
                                                       copse_remote_came *ret_came,
                                                       copse_bytes *ret_document, copse_err *err);

/** Takes an event, or (NULL) looks whether the answer's time is over, after a WANT.
 * *ret_heard: it can be verified further. NOMEM, or the store's failure. */
COPSE_MUST_USE copse_status copse_remote_answer_hear(copse_remote_answer *answer,
                                                     const copse_transport_event *event,
                                                     bool *ret_heard, copse_err *err);

#endif
