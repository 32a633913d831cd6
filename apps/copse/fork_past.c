/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "fork_past.h"

#include "failure.h"
#include "local.h"

#include <copse/history_range.h>

/* Of peers: the head, and what is next before it. */
enum { FORK_PAST_OF_PEERS = 2 };

typedef struct fork_past {
    copse_call *call;
    copse_source *source;
    copse_peers *peers;
    copse_status failed; /* what the last fetch ended with */
} fork_past;

/* What every call that may return WANT is followed by. */
static bool fork_past_fetched(fork_past *past, copse_status status)
{
    if (status != COPSE_WANT || past->peers == NULL) {
        return false;
    }
    past->failed = copse_remote_fetch(past->peers->remote, past->source, &past->call->err);
    return past->failed == COPSE_OK;
}

static copse_status fork_past_walk(fork_past *past, const copse_cid *head)
{
    copse_call *call = past->call;
    copse_history_range *range = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    uint64_t left = past->peers != NULL ? FORK_PAST_OF_PEERS : UINT64_MAX;
    copse_status status =
        copse_history_range_new(&call->env, past->source, head, 1, NULL, 0, &range, &call->err);
    for (; status == COPSE_OK && left > 0; left--) {
        do {
            status = copse_history_range_next(range, &cid, &commit, &call->err);
        } while (fork_past_fetched(past, status));
    }
    copse_history_range_free(range);
    return status == COPSE_END ? COPSE_OK : status;
}

/* Of a bare tree there is no history that could be lacking. */
static copse_status fork_past_run(fork_past *past, const copse_cid *head)
{
    copse_commit commit;
    copse_block *block = NULL;
    copse_status status;
    do {
        status = copse_commit_read(past->call, past->source, head, &commit, &block);
    } while (fork_past_fetched(past, status));
    bool is_commit = block != NULL;
    copse_block_unref(block);
    return status == COPSE_OK && is_commit ? fork_past_walk(past, head) : status;
}

bool copse_fork_check_past(copse_call *call, copse_source *source, copse_peers *peers,
                           const copse_cid *head, const char *from)
{
    fork_past past = {.call = call, .source = source, .peers = peers};
    copse_status status = fork_past_run(&past, head);
    if (status == COPSE_WANT && (peers == NULL || past.failed == COPSE_NOT_FOUND)) {
        (void)copse_failure(call, COPSE_NOT_FOUND,
                            peers == NULL
                                ? "`copse publish --history` writes a CAR with all that was before"
                                : "`copse clone` follows it as it is; `copse publish --history` "
                                  "writes all that was before too",
                            "'%s' can't be forked: it is without its history, which a fork goes "
                            "on from",
                            from);
    } else if (status == COPSE_WANT) {
        (void)copse_peers_failure(peers, past.failed, from);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be forked", from);
    }
    return status == COPSE_OK;
}

bool copse_fork_check_peers(copse_call *call, copse_peers *peers, const copse_cid *head,
                            const char *from)
{
    copse_source *source = NULL;
    copse_status status =
        copse_source_new(&call->env, copse_remote_store(peers->remote), &source, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be forked", from);
        return false;
    }
    bool checked = copse_fork_check_past(call, source, peers, head, from);
    copse_source_free(source);
    return checked;
}
