/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "head_source.h"

#include "failure.h"
#include "name_peer.h"

#include <string.h>
#include <time.h>

enum {
    HEAD_SOURCE_LOOK_MS = 200,
    HEAD_SOURCE_ASK_MS = 2000,
    HEAD_SOURCE_TROUBLE_MS = 1000,
    HEAD_SOURCE_SURE_MS = 60000 /* a record is asked for that often, whatever is heard */
};

static void head_source_sleep(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

/* ---- Opening ---- */

static copse_status head_source_open_stream(copse_head_source *source, const char *peer,
                                            const char *name, const copse_cid *known)
{
    copse_call *call = source->place->call;
    const copse_head_stream_options options = {
        .peer = peer,
        .name = name,
        .transport = source->transport,
        .known = known,
    };
    return copse_head_stream_new(&call->env, &options, &source->stream, &call->err);
}

bool copse_head_source_open(copse_head_source *source, copse_place *place, const copse_cid *known)
{
    copse_call *call = place->call;
    *source = (copse_head_source){.place = place};
    if (place->car != NULL || place->address.kind == COPSE_ADDRESS_CID) {
        (void)copse_failure(call, COPSE_MISUSE, "--once and --unread tell what is in it",
                            "'%s' never changes", place->name);
        return false;
    }
    if (place->local.db != NULL) {
        return true;
    }
    if (place->peers.is_offline) {
        (void)copse_failure(call, COPSE_MISUSE, NULL, "--offline hears of no new head");
        return false;
    }
    source->is_of_name = place->address.kind == COPSE_ADDRESS_NAME &&
                         strcmp(copse_place_ref(call), COPSE_REF_DEFAULT) == 0;
    if (source->is_of_name && !copse_peers_can_resolve(&place->peers, place->name)) {
        return false;
    }
    if (!source->is_of_name && !copse_place_is_served(place)) {
        return true;
    }
    copse_status status = copse_transport_http_new(&call->env, &source->transport, &call->err);
    if (status == COPSE_OK && !source->is_of_name) {
        status = head_source_open_stream(source, place->address.peer, place->address.name, known);
    }
    if (status != COPSE_OK) {
        copse_head_source_close(source);
        (void)copse_failure_of(call, status, "'%s' can't be watched", place->name);
    }
    return status == COPSE_OK;
}

void copse_head_source_close(copse_head_source *source)
{
    copse_head_stream_free(source->stream);
    copse_transport_free(source->transport);
    *source = (copse_head_source){.place = NULL};
}

/* ---- Waiting ---- */

static bool head_source_is_new(const copse_cid *head, const copse_cid *known)
{
    return head->size > 0 && (known == NULL || !copse_cid_equal(head, known));
}

static bool head_source_look(copse_head_source *source, const copse_cid *known, copse_cid *ret_head)
{
    copse_place *place = source->place;
    copse_cid head = {.size = 0};
    copse_status status = copse_local_ref_now(&place->local, copse_place_ref(place->call), &head);
    while (status == COPSE_OK && !head_source_is_new(&head, known)) {
        head_source_sleep(HEAD_SOURCE_LOOK_MS);
        status = copse_local_ref_now(&place->local, copse_place_ref(place->call), &head);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(place->call, status, "the head of '%s'", place->name);
    }
    *ret_head = head;
    return status == COPSE_OK;
}

/* What can't be had now was reported, and may be had later; but the first time it must be. */
static bool head_source_ask(copse_head_source *source, const copse_cid *known, copse_cid *ret_head)
{
    const char *ref = copse_place_ref(source->place->call);
    copse_cid head = {.size = 0};
    bool good = copse_place_resolve(source->place, ref, &head);
    while ((good || known != NULL) && !head_source_is_new(&head, known)) {
        head_source_sleep(HEAD_SOURCE_ASK_MS);
        good = copse_place_resolve(source->place, ref, &head);
    }
    *ret_head = head;
    return good;
}

/* Tells once that the peers can't be heard, `trouble` being why ("": they can), and once that they
 * can again. */
static void head_source_note_trouble(copse_head_source *source, const char *trouble)
{
    bool is_in_trouble = trouble[0] != '\0';
    if (is_in_trouble && !source->is_in_trouble) {
        copse_note(source->place->call, "copse: %s: %s; it is tried again", source->place->name,
                   trouble);
    } else if (!is_in_trouble && source->is_in_trouble) {
        copse_note(source->place->call, "copse: %s is heard again", source->place->name);
        source->find_ms = 0;
    }
    source->is_in_trouble = is_in_trouble;
}

static bool head_source_listen(copse_head_source *source, const copse_cid *known,
                               copse_cid *ret_head)
{
    copse_call *call = source->place->call;
    copse_cid head = {.size = 0};
    copse_status status = COPSE_END;
    bool was_there = source->has_told || (known != NULL && known->size > 0);
    while (status == COPSE_END || (status == COPSE_OK && !head_source_is_new(&head, known))) {
        uint64_t now = source->transport->ops->now(source->transport);
        status =
            copse_head_stream_next(source->stream, now + HEAD_SOURCE_TROUBLE_MS, &head, &call->err);
        if (!was_there && copse_head_stream_is_unknown(source->stream)) {
            return copse_place_resolve(source->place, copse_place_ref(call), ret_head);
        }
        head_source_note_trouble(source, copse_head_stream_trouble(source->stream));
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the head of '%s'", source->place->name);
    }
    source->has_told = true;
    *ret_head = head;
    return status == COPSE_OK;
}

/* ---- Names ---- */

/* Asks for the record. False: none can be had now, which was told. */
static bool head_source_ask_name(copse_head_source *source, copse_cid *ret_head)
{
    copse_place *place = source->place;
    copse_remote_name name;
    char trouble[COPSE_PEERS_TROUBLE_SIZE];
    copse_status status =
        copse_peers_hear(&place->peers, &place->address.key, &name, trouble, sizeof trouble);
    head_source_note_trouble(source, trouble);
    if (status == COPSE_OK) {
        *ret_head = name.head;
        source->sequence = name.sequence;
    }
    return status == COPSE_OK;
}

/* Begins to hear a peer that serves the name, if it is time to look for one. */
static void head_source_find_peer(copse_head_source *source)
{
    copse_place *place = source->place;
    uint64_t now = source->transport->ops->now(source->transport);
    copse_buf name;
    if (source->stream != NULL || now < source->find_ms) {
        return;
    }
    source->find_ms = now + HEAD_SOURCE_SURE_MS;
    copse_buf_init(&name, &place->call->env, SIZE_MAX);
    const char *peer =
        copse_name_peer_find(&place->peers, source->transport, &place->address.key, &name);
    if (peer != NULL) {
        /* Without it the record is asked for more often: no failure. */
        (void)head_source_open_stream(source, peer, (const char *)name.ptr, NULL);
    }
    copse_buf_release(&name);
}

static bool head_source_is_heard(const copse_head_source *source)
{
    return source->stream != NULL && copse_head_stream_trouble(source->stream)[0] == '\0';
}

/* Waits until the record should be asked for again, but at most for `ms`; `head` is what it said
 * last. False: reported. */
static bool head_source_await_name(copse_head_source *source, const copse_cid *head, uint64_t ms)
{
    copse_call *call = source->place->call;
    copse_transport *transport = source->transport;
    head_source_find_peer(source);
    bool is_heard = head_source_is_heard(source);
    bool is_behind = source->announced.size > 0 && !copse_cid_equal(&source->announced, head);
    uint64_t wait_ms = is_heard && !is_behind ? HEAD_SOURCE_SURE_MS : HEAD_SOURCE_ASK_MS;
    wait_ms = wait_ms < ms ? wait_ms : ms;
    if (source->stream == NULL) {
        head_source_sleep((unsigned)wait_ms);
        return true;
    }
    uint64_t now = transport->ops->now(transport);
    uint64_t until_ms = now + wait_ms;
    copse_status status;
    do {
        uint64_t step_ms = now + HEAD_SOURCE_TROUBLE_MS;
        status = copse_head_stream_next(source->stream, step_ms < until_ms ? step_ms : until_ms,
                                        &source->announced, &call->err);
        now = transport->ops->now(transport);
    } while (status == COPSE_END && now < until_ms && (!is_heard || head_source_is_heard(source)));
    if (status != COPSE_OK && status != COPSE_END) {
        (void)copse_failure_of(call, status, "the head of '%s'", source->place->name);
    }
    return status == COPSE_OK || status == COPSE_END;
}

static bool head_source_follow_name(copse_head_source *source, const copse_cid *known,
                                    copse_cid *ret_head)
{
    const char *ref = copse_place_ref(source->place->call);
    copse_cid head = {.size = 0};
    if (known == NULL) {
        return copse_place_resolve(source->place, ref, ret_head); /* at first it must be had */
    }
    while (!head_source_ask_name(source, &head) || !head_source_is_new(&head, known)) {
        if (!head_source_await_name(source, &head, HEAD_SOURCE_SURE_MS)) {
            return false;
        }
    }
    *ret_head = head;
    return true;
}

bool copse_head_source_next(copse_head_source *source, const copse_cid *known, copse_cid *ret_head)
{
    return source->is_of_name                ? head_source_follow_name(source, known, ret_head)
           : source->stream != NULL          ? head_source_listen(source, known, ret_head)
           : source->place->local.db != NULL ? head_source_look(source, known, ret_head)
                                             : head_source_ask(source, known, ret_head);
}

bool copse_head_source_pause(copse_head_source *source, unsigned ms, copse_cid *head)
{
    copse_call *call = source->place->call;
    copse_cid now = *head;
    copse_status status = COPSE_OK;
    if (source->is_of_name) {
        bool done = head_source_await_name(source, head, ms);
        (void)head_source_ask_name(source, head);
        return done;
    }
    if (source->stream == NULL) {
        head_source_sleep(ms);
        if (copse_place_resolve(source->place, copse_place_ref(call), &now)) {
            *head = now;
        }
        return true;
    }
    uint64_t until_ms = source->transport->ops->now(source->transport) + ms;
    while (status == COPSE_OK && copse_cid_equal(&now, head)) {
        status = copse_head_stream_next(source->stream, until_ms, &now, &call->err);
        head_source_note_trouble(source, copse_head_stream_trouble(source->stream));
    }
    if (status != COPSE_OK && status != COPSE_END) {
        (void)copse_failure_of(call, status, "the head of '%s'", source->place->name);
        return false;
    }
    *head = now;
    return true;
}

/* ---- Many ---- */

/* A folder's head. */
static bool head_source_read_ref(copse_head_source *source, copse_cid *ret_head)
{
    copse_place *place = source->place;
    copse_cid head = {.size = 0};
    copse_status status = copse_local_ref_now(&place->local, copse_place_ref(place->call), &head);
    bool is_there = status == COPSE_OK && head.size > 0;
    head_source_note_trouble(source, is_there             ? ""
                                     : status == COPSE_OK ? "it has no head"
                                                          : place->call->err.message);
    if (is_there) {
        *ret_head = head;
    }
    return is_there;
}

/* The head that the peer names now. */
static bool head_source_ask_peer(copse_head_source *source, copse_cid *ret_head)
{
    copse_place *place = source->place;
    copse_remote *remote = place->peers.remote;
    copse_cid head;
    copse_status status = copse_remote_head(remote, place->address.name, &head, &place->call->err);
    copse_peers_wipe_progress(&place->peers);
    if (status == COPSE_OK && !copse_remote_get_stats(remote).is_stale) {
        head_source_note_trouble(source, "");
        *ret_head = head;
        return true;
    }
    const char *reason = copse_remote_reason(remote, SIZE_MAX, 0);
    head_source_note_trouble(source, reason[0] != '\0' ? reason : place->call->err.message);
    return false;
}

bool copse_head_source_ask(copse_head_source *source, copse_cid *ret_head)
{
    return source->place->local.db != NULL ? head_source_read_ref(source, ret_head)
           : source->is_of_name            ? head_source_ask_name(source, ret_head)
                                           : head_source_ask_peer(source, ret_head);
}

/* Hears the peer for so long. Whether there was an event. */
static bool head_source_hear(copse_head_source *source, unsigned ms, copse_cid *ret_head)
{
    copse_call *call = source->place->call;
    uint64_t until_ms = source->transport->ops->now(source->transport) + ms;
    copse_status status = copse_head_stream_next(source->stream, until_ms, ret_head, &call->err);
    if (!source->is_of_name) {
        head_source_note_trouble(source, status == COPSE_OK || status == COPSE_END
                                             ? copse_head_stream_trouble(source->stream)
                                             : call->err.message);
    }
    return status == COPSE_OK;
}

bool copse_head_source_poll(copse_head_source *source, unsigned ms, const copse_cid *known,
                            copse_cid *ret_head)
{
    copse_env *env = &source->place->call->env;
    copse_cid head;
    if (source->is_of_name) {
        head_source_find_peer(source);
    }
    if (source->stream != NULL && !source->is_of_name) {
        bool came = head_source_hear(source, ms, &head) && head_source_is_new(&head, known);
        *ret_head = came ? head : *ret_head;
        return came;
    }
    if (source->stream != NULL && head_source_hear(source, ms, &source->announced)) {
        source->ask_ms = 0;
    }
    uint64_t now = env->clock(env->clock_ctx);
    if (source->place->local.db == NULL && now < source->ask_ms) {
        return false;
    }
    bool done = copse_head_source_ask(source, &head);
    bool is_behind =
        source->announced.size > 0 && !(done && copse_cid_equal(&source->announced, &head));
    source->ask_ms = now + (head_source_is_heard(source) && !is_behind ? HEAD_SOURCE_SURE_MS
                                                                       : HEAD_SOURCE_ASK_MS);
    if (!done || !head_source_is_new(&head, known)) {
        return false;
    }
    *ret_head = head;
    return true;
}
