/* What a name stands for: its record, as the peers have it.
 *
 *     all peers: GET /ipns/{name}?format=ipns-record ---> refused: GET /routing/v1/ipns/{name}
 *         |                                                             |
 *         v                                                             v
 *     records: verified, valid now ---> the newest of them and of the one that is remembered
 *
 * Invariants:
 *   M1  Nothing is believed but what the name's key signed; which peer gave it is of no account.
 *   M2  What was taken once is remembered, and nothing older is ever taken again, by any process
 *       with the same memory: a peer can withhold what is new, but can't go back behind it. Peers
 *       that try are named.
 *   M3  It ends: with the last answer, or limits.fetch_silence_ms_max after it began, or once a
 *       valid record is here and the others have had as long again as it took, but at least
 *       NAME_GRACE_MS. So a silent peer costs little, and one that is fast and behind does not win
 *       over one that is a little slower.
 *   M4  Two records of one sequence that say different things (a fork: the key was used in two
 *       places, each with a memory of its own) are told of. The one remembered stays.
 *   M5  A record that has ended is refused. Where nobody can be asked at all, the one that is
 *       remembered is given even then, and said to be that.
 *
 * Cost: a request a peer, one round trip; a second where a peer refuses the first. At most
 * COPSE_IPNS_RECORD_SIZE_BYTES_MAX are held for a peer.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/address.h>

#include "base/alloc.h"
#include "base/err.h"
#include "remote/remote_exchange.h"
#include "remote/remote_group.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAME_GRACE_MS = 500 };

_Static_assert(COPSE_REMOTE_PEERS_MAX <= 64, "suspects has a bit for each");

static const char name_record_type[] = "application/vnd.ipfs.ipns-record";

/* What came of asking a peer. */
typedef enum name_answer {
    NAME_NO_ANSWER,
    NAME_REFUSED, /* it was heard, and has none */
    NAME_WRONG,
    NAME_ENDED,
    NAME_VALID
} name_answer;

typedef struct name_peer {
    copse_remote_request request;
    bool is_running;
    bool is_second; /* the request is the second one */
    copse_buf body;
    name_answer answer;
    copse_ipns_record record; /* VALID; borrows from body */
    copse_cid head;           /* likewise */
} name_peer;

/* A record that was remembered. */
typedef struct name_memory {
    copse_buf bytes;
    bool is_there;
    bool is_ended;
    copse_ipns_record record;
    copse_cid head;
    uint64_t seen_ms;
} name_memory;

typedef struct name_round {
    copse_remote *remote;
    const copse_public_key *name;
    char text[COPSE_KEY_TEXT_SIZE_MAX];
    uint64_t time_ms; /* of day */
    uint64_t begun_ms;
    uint64_t until_ms;
    name_peer *peers; /* NULL: not begun */
    name_memory memory;
} name_round;

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Reads what is remembered; what is no record is as if nothing were. NOMEM. */
static copse_status name_remember(name_round *round, copse_err *err)
{
    copse_remote *remote = round->remote;
    name_memory *memory = &round->memory;
    copse_err why;
    if (remote->records.get == NULL) {
        return COPSE_OK;
    }
    copse_status status = remote->records.get(remote->records.ctx, round->name, &memory->bytes,
                                              &memory->seen_ms, &why);
    if (status == COPSE_OK) {
        status = copse_ipns_verify(remote->env, copse_buf_view(&memory->bytes), round->name, 0,
                                   &memory->record, &why);
    }
    if (status == COPSE_OK) {
        status = copse_ipns_value_to_cid(memory->record.value, &memory->head, &why);
    }
    memory->is_there = status == COPSE_OK;
    memory->is_ended = memory->is_there && memory->record.eol_ms <= round->time_ms;
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : COPSE_OK;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static copse_status name_ask(name_round *round, size_t number, const char *before,
                             const char *after, copse_err *err)
{
    copse_remote *remote = round->remote;
    name_peer *peer = &round->peers[number];
    copse_buf_truncate(&remote->url, 0);
    copse_buf_truncate(&peer->body, 0);
    if (copse_address_page(remote->peers[number], before, round->text, after, &remote->url) !=
        COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status =
        copse_remote_request_start(remote, number, (const char *)remote->url.ptr, name_record_type,
                                   (copse_bytes){NULL, 0}, &peer->request, err);
    peer->is_running = status == COPSE_OK;
    return status;
}

static copse_status name_ask_all(name_round *round, copse_err *err)
{
    copse_remote *remote = round->remote;
    copse_status status = COPSE_OK;
    copse_remote_exchange_interrupt(remote);
    round->begun_ms = remote->transport->ops->now(remote->transport);
    round->until_ms = round->begun_ms + remote->env->limits.fetch_silence_ms_max;
    for (size_t i = 0; i < remote->peers_count && status == COPSE_OK; i++) {
        copse_buf_init(&round->peers[i].body, remote->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
        if (remote->cars[i] == NULL) {
            status = name_ask(round, i, "/ipns/", "?format=ipns-record", err);
        }
    }
    return status;
}

/* ---- Hearing --------------------------------------------------------------------------------- */

/* What a whole answer is. NOMEM. */
static copse_status name_judge(name_round *round, size_t number, copse_err *err)
{
    copse_remote *remote = round->remote;
    name_peer *peer = &round->peers[number];
    copse_err why = {.message = ""};
    copse_status status = copse_ipns_verify(remote->env, copse_buf_view(&peer->body), round->name,
                                            round->time_ms, &peer->record, &why);
    if (status == COPSE_OK) {
        status = copse_ipns_value_to_cid(peer->record.value, &peer->head, &why);
    }
    if (status == COPSE_OK) {
        uint64_t now_ms = remote->transport->ops->now(remote->transport);
        uint64_t took_ms = now_ms - round->begun_ms;
        uint64_t until_ms = now_ms + (took_ms > NAME_GRACE_MS ? took_ms : NAME_GRACE_MS); /* M3 */
        round->until_ms = round->until_ms < until_ms ? round->until_ms : until_ms;
        peer->answer = NAME_VALID;
        remote->has_given[number] = true;
        return COPSE_OK;
    }
    peer->answer = status == COPSE_DENIED ? NAME_ENDED : NAME_WRONG;
    copse_remote_note_reason(remote, number, "gave a record that is not valid: %s", why.message);
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : COPSE_OK;
}

/* A peer without gateway may still have the pages of delegated routing. */
static copse_status name_refused(name_round *round, size_t number, copse_err *err)
{
    name_peer *peer = &round->peers[number];
    peer->answer = NAME_REFUSED;
    copse_remote_note_reason(round->remote, number, "answered %u: %s", peer->request.status,
                             peer->request.reason);
    if (peer->is_second) {
        return COPSE_OK;
    }
    peer->is_second = true;
    return name_ask(round, number, "/routing/v1/ipns/", "", err);
}

static copse_status name_add_body(name_round *round, size_t number, copse_bytes body,
                                  copse_err *err)
{
    copse_remote *remote = round->remote;
    name_peer *peer = &round->peers[number];
    copse_status status = copse_buf_append(&peer->body, body);
    if (status == COPSE_LIMIT) {
        copse_remote_request_stop(remote, &peer->request);
        peer->is_running = false;
        peer->answer = NAME_WRONG;
        copse_remote_note_reason(remote, number, "sent more than a record can be");
        return COPSE_OK;
    }
    return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
}

static copse_status name_hear(name_round *round, size_t number, const copse_transport_event *event,
                              copse_err *err)
{
    name_peer *peer = &round->peers[number];
    switch (copse_remote_request_hear(round->remote, &peer->request, event)) {
    case COPSE_REMOTE_HEARD_BODY:
        return name_add_body(round, number, event->body, err);
    case COPSE_REMOTE_HEARD_END:
        peer->is_running = false;
        return name_judge(round, number, err);
    case COPSE_REMOTE_HEARD_REFUSED:
        peer->is_running = false;
        return name_refused(round, number, err);
    case COPSE_REMOTE_HEARD_FAILED:
        peer->is_running = false;
        copse_remote_note_reason(round->remote, number, "%s", peer->request.reason);
        return COPSE_OK;
    default:
        return COPSE_OK;
    }
}

/* The peer whose request it is, or peers_count: nobody's. */
static size_t name_peer_of(const name_round *round, uint64_t request)
{
    size_t i = 0;
    while (i < round->remote->peers_count &&
           !(round->peers[i].is_running && round->peers[i].request.id == request)) {
        i++;
    }
    return i;
}

static bool name_is_waiting(const name_round *round)
{
    bool is_waiting = false;
    for (size_t i = 0; i < round->remote->peers_count; i++) {
        is_waiting = is_waiting || round->peers[i].is_running;
    }
    return is_waiting;
}

/* copse_remote_task_ops.hear of a round */
static copse_status name_hear_event(void *ctx, const copse_transport_event *event, bool *ret_heard,
                                    copse_err *err)
{
    name_round *round = ctx;
    size_t number = name_peer_of(round, event->request);
    *ret_heard = number < round->remote->peers_count;
    return *ret_heard ? name_hear(round, number, event, err) : COPSE_OK;
}

/* copse_remote_task_ops.stop: ends what still runs. */
static void name_stop(void *ctx)
{
    name_round *round = ctx;
    for (size_t i = 0; i < round->remote->peers_count; i++) {
        if (round->peers[i].is_running) {
            copse_remote_request_stop(round->remote, &round->peers[i].request);
            round->peers[i].is_running = false;
            copse_remote_note_reason(round->remote, i, "did not answer in time");
        }
    }
}

/* copse_remote_task_ops.go */
static copse_status name_go(void *ctx, uint64_t *ret_until_ms, copse_err *err)
{
    name_round *round = ctx;
    copse_transport *transport = round->remote->transport;
    (void)err;
    if (name_is_waiting(round) && transport->ops->now(transport) < round->until_ms) {
        *ret_until_ms = round->until_ms;
        return COPSE_WANT;
    }
    name_stop(round);
    return COPSE_END;
}

static const copse_remote_task_ops name_ops = {name_go, name_hear_event, name_stop};

/* ---- Choosing -------------------------------------------------------------------------------- */

static bool name_is_fork(const copse_ipns_record *a, const copse_ipns_record *b)
{
    return a->sequence == b->sequence && !copse_bytes_equal(a->value, b->value);
}

/* The peer with the newest record; peers_count: none has one. */
static size_t name_newest(const name_round *round)
{
    size_t best = round->remote->peers_count;
    for (size_t i = 0; i < round->remote->peers_count; i++) {
        const name_peer *peer = &round->peers[i];
        if (peer->answer == NAME_VALID &&
            (best == round->remote->peers_count ||
             copse_ipns_compare(&peer->record, &round->peers[best].record) > 0)) {
            best = i;
        }
    }
    return best;
}

/* Whether what is remembered stays: it is newer, or a fork of what came (M2, M4). */
static bool name_memory_stays(const name_round *round, size_t best)
{
    const name_memory *memory = &round->memory;
    if (!memory->is_there || best == round->remote->peers_count) {
        return memory->is_there;
    }
    const copse_ipns_record *came = &round->peers[best].record;
    return copse_ipns_compare(&memory->record, came) > 0 ||
           (name_is_fork(&memory->record, came) && !memory->is_ended);
}

/* The first peer that says the same as what is remembered, only not for as long; SIZE_MAX: none. */
static size_t name_agreeing(const name_round *round)
{
    const copse_ipns_record *had = &round->memory.record;
    for (size_t i = 0; i < round->remote->peers_count; i++) {
        const name_peer *peer = &round->peers[i];
        if (peer->answer == NAME_VALID && peer->record.sequence == had->sequence &&
            copse_bytes_equal(peer->record.value, had->value)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Names the peers that have given what they should not have; `taken` is the record that is taken,
 * NULL: none. */
static uint64_t name_suspect(const name_round *round, const copse_ipns_record *taken)
{
    const name_memory *memory = &round->memory;
    uint64_t suspects = 0;
    for (size_t i = 0; i < round->remote->peers_count; i++) {
        const name_peer *peer = &round->peers[i];
        uint64_t sequence = peer->record.sequence;
        bool is_valid = peer->answer == NAME_VALID;
        bool is_older = is_valid && memory->is_there && sequence < memory->record.sequence;
        bool is_fork = is_valid && taken != NULL && name_is_fork(&peer->record, taken);
        if (is_older) {
            copse_remote_note_reason(round->remote, i,
                                     "gave an older record than one that was seen before: its "
                                     "sequence is %" PRIu64 ", that one's %" PRIu64,
                                     sequence, memory->record.sequence);
        } else if (is_fork) {
            copse_remote_note_reason(round->remote, i,
                                     "gave another record of sequence %" PRIu64
                                     ": the key was used in two places",
                                     sequence);
        }
        if (is_older || is_fork || peer->answer == NAME_WRONG || peer->answer == NAME_ENDED) {
            suspects |= (uint64_t)1 << i;
        }
    }
    return suspects;
}

/* Whether any peer was heard at all. */
static bool name_is_reached(const name_round *round)
{
    bool is_reached = false;
    for (size_t i = 0; i < round->remote->peers_count; i++) {
        is_reached = is_reached || round->peers[i].answer != NAME_NO_ANSWER;
    }
    return is_reached;
}

/* There is nothing to take: why. */
static copse_status name_fail(const name_round *round, copse_err *err)
{
    static const struct {
        copse_status status;
        const char *what;
    } failures[] = {
        [NAME_NO_ANSWER] = {COPSE_IO, "the record of the name could not be had"},
        [NAME_REFUSED] = {COPSE_NOT_FOUND, "no peer has a record of the name"},
        [NAME_WRONG] = {COPSE_CORRUPT, "no peer has a valid record of the name"},
        [NAME_ENDED] = {COPSE_DENIED, "the record of the name has ended"},
        [NAME_VALID] = {COPSE_CONFLICT, "the record of the name that was seen before has ended, "
                                        "and the peers have only an older one"},
    };
    name_answer answer = NAME_NO_ANSWER;
    for (size_t i = 0; i < round->remote->peers_count; i++) {
        answer = round->peers[i].answer > answer ? round->peers[i].answer : answer;
    }
    return copse_remote_fail(round->remote, failures[answer].status, SIZE_MAX,
                             failures[answer].what, err);
}

static copse_status name_take_memory(name_round *round, copse_remote_name *ret_name, copse_err *err)
{
    const name_memory *memory = &round->memory;
    uint64_t suspects = name_suspect(round, &memory->record);
    if (memory->is_ended && name_is_reached(round)) {
        return name_fail(round, err);
    }
    *ret_name = (copse_remote_name){
        .head = memory->head,
        .sequence = memory->record.sequence,
        .eol_ms = memory->record.eol_ms,
        .peer = name_agreeing(round),
        .seen_ms = memory->seen_ms,
        .is_ended = memory->is_ended,
        .suspects = suspects,
    };
    return COPSE_OK;
}

/* Another process has remembered a newer record since: that one counts (M2). CONFLICT, with `err`
 * as it was: it is gone again. */
static copse_status name_yield(name_round *round, copse_remote_name *ret_name, copse_err *err)
{
    copse_buf_truncate(&round->memory.bytes, 0);
    copse_status status = name_remember(round, err);
    if (status == COPSE_OK && !round->memory.is_there) {
        return COPSE_CONFLICT;
    }
    return status == COPSE_OK ? name_take_memory(round, ret_name, err) : status;
}

/* Takes the record of a peer, and remembers it. */
static copse_status name_take(name_round *round, size_t number, copse_remote_name *ret_name,
                              copse_err *err)
{
    copse_remote *remote = round->remote;
    const name_peer *peer = &round->peers[number];
    copse_status status = COPSE_OK;
    uint64_t suspects = name_suspect(round, &peer->record);
    if (remote->records.set != NULL) {
        status =
            remote->records.set(remote->records.ctx, round->name, copse_buf_view(&peer->body), err);
    }
    if (status == COPSE_CONFLICT) {
        return name_yield(round, ret_name, err);
    }
    if (status == COPSE_OK) {
        *ret_name = (copse_remote_name){
            .head = peer->head,
            .sequence = peer->record.sequence,
            .eol_ms = peer->record.eol_ms,
            .peer = number,
            .suspects = suspects,
        };
    }
    return status;
}

static copse_status name_settle(name_round *round, copse_remote_name *ret_name, copse_err *err)
{
    size_t best = name_newest(round);
    if (name_memory_stays(round, best)) {
        return name_take_memory(round, ret_name, err);
    }
    if (best < round->remote->peers_count) {
        return name_take(round, best, ret_name, err);
    }
    (void)name_suspect(round, NULL);
    return name_fail(round, err);
}

/* ---- All ------------------------------------------------------------------------------------- */

/* Asks the peers. *ret_task without ops: none can be asked. */
static copse_status name_begin(name_round *round, copse_remote_one *one,
                               copse_remote_task *ret_task)
{
    copse_remote *remote = one->remote;
    const copse_env *env = remote->env;
    *round = (name_round){.remote = remote, .name = one->key};
    if (env->clock == NULL) {
        return COPSE_ERR(&one->err, COPSE_MISUSE, "whether a record is valid needs a clock");
    }
    /* One at least, so that it shows whether the round was begun. */
    round->peers = copse_alloc_zeroed(env, (remote->peers_count + 1) * sizeof(name_peer));
    if (round->peers == NULL) {
        return COPSE_ERR_NOMEM(&one->err);
    }
    round->time_ms = env->clock(env->clock_ctx);
    (void)copse_public_key_to_name(one->key, round->text);
    copse_buf_init(&round->memory.bytes, env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    copse_status status = name_remember(round, &one->err);
    copse_remote_forget_reasons(remote);
    if (status == COPSE_OK && remote->transport != NULL) {
        status = name_ask_all(round, &one->err);
        if (status == COPSE_OK) {
            *ret_task = (copse_remote_task){.ops = &name_ops, .ctx = round, .err = &one->err};
        } else {
            name_stop(round);
        }
    }
    return status;
}

static void name_end(name_round *round)
{
    copse_remote *remote = round->remote;
    if (round->peers != NULL) {
        for (size_t i = 0; i < remote->peers_count; i++) {
            copse_buf_release(&round->peers[i].body);
        }
        copse_buf_release(&round->memory.bytes);
        copse_free(remote->env, round->peers, (remote->peers_count + 1) * sizeof(name_peer));
    }
}

static copse_status name_resolve_all(name_round *rounds, copse_remote_one *ones,
                                     copse_remote_task *tasks, size_t count, copse_err *err)
{
    copse_transport *transport = NULL;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count; i++) {
        ones[i].status = name_begin(&rounds[i], &ones[i], &tasks[i]);
        transport = tasks[i].ops != NULL ? ones[i].remote->transport : transport;
    }
    if (transport != NULL) {
        status = copse_remote_group_run(tasks, count, transport, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].ops != NULL) {
            ones[i].status = tasks[i].status;
        }
        if (ones[i].status == COPSE_OK) {
            ones[i].status = name_settle(&rounds[i], &ones[i].resolved, &ones[i].err);
        }
        name_end(&rounds[i]);
    }
    return status;
}

copse_status copse_remote_resolve_all(copse_remote_one *ones, size_t count, copse_err *err)
{
    if (count == 0) {
        return COPSE_OK;
    }
    const copse_env *env = ones[0].remote->env;
    copse_remote_task *tasks = copse_remote_group_new(ones, count);
    name_round *rounds = copse_alloc_array(env, count, sizeof *rounds);
    copse_status status = tasks != NULL && rounds != NULL
                              ? name_resolve_all(rounds, ones, tasks, count, err)
                              : COPSE_ERR_NOMEM(err);
    copse_free_array(env, rounds, count, sizeof *rounds);
    copse_remote_group_free(tasks, ones, count);
    return status;
}

copse_status copse_remote_resolve(copse_remote *remote, const copse_public_key *name,
                                  copse_remote_name *ret_name, copse_err *err)
{
    copse_remote_one one = {.remote = remote, .key = name};
    copse_status status = copse_remote_resolve_all(&one, 1, err);
    if (status == COPSE_OK && one.status != COPSE_OK) {
        status = COPSE_ERR(err, one.status, "%s", one.err.message);
    }
    if (status == COPSE_OK) {
        *ret_name = one.resolved;
    }
    return status;
}
