/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "head_source.h"

#include "failure.h"

#include <time.h>

enum { HEAD_SOURCE_LOOK_MS = 200, HEAD_SOURCE_ASK_MS = 2000, HEAD_SOURCE_TROUBLE_MS = 1000 };

static void head_source_sleep(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    (void)nanosleep(&time, NULL);
}

/* ---- Opening ---- */

static copse_status head_source_open_stream(copse_head_source *source, const copse_cid *known)
{
    copse_call *call = source->place->call;
    copse_status status = copse_transport_http_new(&call->env, &source->transport, &call->err);
    if (status == COPSE_OK) {
        const copse_head_stream_options options = {
            .peer = source->place->address.peer,
            .name = source->place->address.name,
            .transport = source->transport,
            .known = known,
        };
        status = copse_head_stream_new(&call->env, &options, &source->stream, &call->err);
    }
    return status;
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
    if (!copse_place_is_served(place)) {
        return true;
    }
    copse_status status = head_source_open_stream(source, known);
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

/* Tells once that the peer can't be heard, and once that it can again. */
static void head_source_note_trouble(copse_head_source *source)
{
    const char *trouble = copse_head_stream_trouble(source->stream);
    bool is_in_trouble = trouble[0] != '\0';
    if (is_in_trouble && !source->is_in_trouble) {
        copse_note(source->place->call, "copse: %s: %s; it is tried again", source->place->name,
                   trouble);
    } else if (!is_in_trouble && source->is_in_trouble) {
        copse_note(source->place->call, "copse: %s is heard again", source->place->name);
    }
    source->is_in_trouble = is_in_trouble;
}

static bool head_source_listen(copse_head_source *source, const copse_cid *known,
                               copse_cid *ret_head)
{
    copse_call *call = source->place->call;
    copse_cid head = {.size = 0};
    copse_status status = COPSE_END;
    while (status == COPSE_END || (status == COPSE_OK && !head_source_is_new(&head, known))) {
        uint64_t now = source->transport->ops->now(source->transport);
        status =
            copse_head_stream_next(source->stream, now + HEAD_SOURCE_TROUBLE_MS, &head, &call->err);
        head_source_note_trouble(source);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the head of '%s'", source->place->name);
    }
    *ret_head = head;
    return status == COPSE_OK;
}

bool copse_head_source_next(copse_head_source *source, const copse_cid *known, copse_cid *ret_head)
{
    return source->stream != NULL            ? head_source_listen(source, known, ret_head)
           : source->place->local.db != NULL ? head_source_look(source, known, ret_head)
                                             : head_source_ask(source, known, ret_head);
}

bool copse_head_source_pause(copse_head_source *source, unsigned ms, copse_cid *head)
{
    copse_call *call = source->place->call;
    copse_cid now = *head;
    copse_status status = COPSE_OK;
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
        head_source_note_trouble(source);
    }
    if (status != COPSE_OK && status != COPSE_END) {
        (void)copse_failure_of(call, status, "the head of '%s'", source->place->name);
        return false;
    }
    *head = now;
    return true;
}
