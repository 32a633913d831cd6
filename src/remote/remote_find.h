/* The inside of a query on a remote (remote_find.c).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_FIND_H
#define COPSE_REMOTE_REMOTE_FIND_H

#include "query/answer_request.h"
#include "remote/remote.h"
#include "remote/remote_answer.h"
#include "remote/remote_run.h"

typedef enum copse_find_stage {
    FIND_BEGUN,
    FIND_ASKING,
    FIND_ANSWER,
    FIND_RUNNING,
    FIND_ENDED
} copse_find_stage;

struct copse_remote_find {
    copse_remote *remote;
    copse_buf name; /* with a NUL; empty: none */
    copse_cid root; /* size 0: not known yet */
    bool blocks_only;
    copse_buf encoded;            /* the query: */
    copse_answer_request request; /* borrows from `encoded` */
    copse_find_stage stage;
    copse_status failed;
    copse_remote_run run;
    copse_remote_notes notes;
    copse_cid tried;  /* the root that the query was tried on; size 0: none */
    bool is_here;     /* and came to its end */
    bool must_settle; /* the root is a head that was not remembered yet */
    bool not_asked[COPSE_REMOTE_PEERS_MAX];
    copse_remote_answer answer; /* the last; stays for explain if it was complete */
    bool was_answered;          /* in part */
    uint64_t blocks_before;     /* that the remote had fetched when the find was made */
    copse_buf plan;             /* that an answer followed; empty: none */
    uint64_t given;             /* documents */
    uint64_t passed;            /* documents still to be passed over (Q1) */
};

/** The name that is asked; NULL: none. */
const char *copse_remote_find_name(const copse_remote_find *find);

/** Tries the query on the blocks that are here, of a name on the head seen before, and notes what
 * it reads. Of a root that is known, the run's failures or END; else NOMEM alone. */
COPSE_MUST_USE copse_status copse_remote_find_try(copse_remote_find *find, copse_err *err);

/** Asks `peer` for the answer. */
COPSE_MUST_USE copse_status copse_remote_find_ask_peer(copse_remote_find *find, size_t peer,
                                                       copse_err *err);

/** Remembers the head that an answer was of, if that is to be done. */
COPSE_MUST_USE copse_status copse_remote_find_settle(copse_remote_find *find, copse_err *err);

#endif
