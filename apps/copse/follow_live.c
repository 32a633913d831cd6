/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "follow_live.h"

#include "failure.h"
#include "head_source.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FOLLOW_LIVE_HEAR_MS = 20 }; /* the least that a connection is given in a tick */

/* Somebody who is followed. */
typedef struct follow_peer {
    char address[COPSE_FOLLOW_ADDRESS_SIZE_BYTES_MAX + 1]; /* "": nobody */
    bool is_refused;
    bool is_open;
    copse_place place;
    copse_head_source source;
    copse_cid known;   /* the head taken last; size 0: none */
    copse_cid pending; /* what is to be taken; size 0: nothing */
    uint64_t sequence;
    copse_follow_pause pause;
} follow_peer;

struct copse_follow_live {
    copse_call *call;
    copse_merge_conflicts conflicts;
    copse_local local; /* the database that follows, to read */
    copse_cid list;    /* what was followed when it was looked at last */
    follow_peer peers[COPSE_FOLLOW_MAX];
    size_t count;
};

/* ---- Peers ----------------------------------------------------------------------------------- */

static void follow_peer_close(follow_peer *peer)
{
    if (peer->is_open) {
        copse_head_source_close(&peer->source);
        copse_place_close(&peer->place);
    }
    peer->is_open = false;
}

/* Opens it again after a failure only when the pause is over. */
static bool follow_peer_open(copse_follow_live *live, follow_peer *peer)
{
    if (peer->is_open) {
        return true;
    }
    if (!copse_place_open_name(&peer->place, live->call, peer->address)) {
        return false;
    }
    peer->is_open = copse_head_source_open(&peer->source, &peer->place, NULL);
    if (!peer->is_open) {
        copse_place_close(&peer->place);
    }
    return peer->is_open;
}

static follow_peer *follow_find_peer(copse_follow_live *live, const char *address)
{
    for (size_t i = 0; i < live->count; i++) {
        if (strcmp(live->peers[i].address, address) == 0) {
            return &live->peers[i];
        }
    }
    return NULL;
}

/* Closes those that are followed no more. */
static void follow_drop_peers(copse_follow_live *live, const copse_follow_list *list)
{
    for (size_t i = 0; i < live->count; i++) {
        follow_peer *peer = &live->peers[i];
        if (copse_follow_list_find(list, peer->address) == SIZE_MAX) {
            follow_peer_close(peer);
            *peer = (follow_peer){.address = ""};
        }
    }
}

/* A place for a peer that is new; there is one, since those who left were dropped. */
static follow_peer *follow_add_peer(copse_follow_live *live, const char *address)
{
    follow_peer *peer = follow_find_peer(live, "");
    if (peer == NULL) {
        peer = &live->peers[live->count++];
    }
    *peer = (follow_peer){.place = {.call = NULL}};
    (void)strncpy(peer->address, address, sizeof peer->address - 1);
    return peer;
}

/* Takes over the list as it is now, if it is another one than before. */
static bool follow_look_at_list(copse_follow_live *live)
{
    copse_follow_list *list = NULL;
    copse_cid now = {.size = 0};
    copse_status status = copse_local_ref_now(&live->local, COPSE_FOLLOW_REF, &now);
    if (status != COPSE_OK) {
        (void)copse_failure_of(live->call, status, "the list of whom '%s' follows",
                               live->local.path);
        return false;
    }
    if (copse_cid_equal(&now, &live->list)) {
        return true;
    }
    if (!copse_following_read(&live->local, &list, &live->list)) {
        return false;
    }
    follow_drop_peers(live, list);
    bool good = true;
    for (size_t i = 0; i < copse_follow_list_count(list) && good; i++) {
        const copse_follow_source *source = copse_follow_list_at(list, i);
        follow_peer *peer = follow_find_peer(live, source->address);
        peer = peer != NULL ? peer : follow_add_peer(live, source->address);
        bool was_refused = peer->is_refused;
        peer->is_refused = source->state != COPSE_FOLLOW_GOING;
        good = copse_following_head(&live->local, source->address, &peer->known);
        if (was_refused && !peer->is_refused) {
            follow_peer_close(peer); /* so that its head is told again */
        }
    }
    copse_follow_list_free(list);
    return good;
}

/* ---- Life ------------------------------------------------------------------------------------ */

copse_follow_live *copse_follow_live_new(copse_call *call, copse_merge_conflicts conflicts)
{
    copse_follow_live *live = calloc(1, sizeof *live);
    if (live == NULL) {
        (void)copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
        return NULL;
    }
    live->call = call;
    live->conflicts = conflicts;
    if (!copse_local_open(&live->local, call, call->options.arguments[0], COPSE_LOCAL_READ) ||
        !follow_look_at_list(live)) {
        copse_follow_live_free(live);
        return NULL;
    }
    if (live->count == 0) {
        (void)copse_failure(call, COPSE_NOT_FOUND, "`copse follow DB ADDRESS` begins",
                            "'%s' follows nobody", live->local.path);
        copse_follow_live_free(live);
        return NULL;
    }
    return live;
}

void copse_follow_live_free(copse_follow_live *live)
{
    if (live == NULL) {
        return;
    }
    for (size_t i = 0; i < live->count; i++) {
        follow_peer_close(&live->peers[i]);
    }
    copse_local_close(&live->local);
    free(live);
}

/* ---- Rounds ---------------------------------------------------------------------------------- */

static uint64_t follow_now(const copse_follow_live *live)
{
    return live->call->env.clock(live->call->env.clock_ctx);
}

static void follow_postpone(copse_follow_live *live, follow_peer *peer)
{
    copse_follow_pause_grow(&peer->pause, follow_now(live));
    copse_note(live->call, "copse: %s is tried again in %llu s", peer->address,
               (unsigned long long)(peer->pause.length_ms / 1000));
}

/* What became of a head. */
static void follow_settle(copse_follow_live *live, const copse_follow_news *news)
{
    follow_peer *peer = follow_find_peer(live, news->address);
    if (news->outcome == COPSE_FOLLOW_LATER) {
        follow_postpone(live, peer);
        return;
    }
    peer->pending = (copse_cid){.size = 0};
    peer->pause = (copse_follow_pause){.until_ms = 0};
    peer->known = news->outcome == COPSE_FOLLOW_TAKEN ? news->head : peer->known;
    peer->is_refused = news->outcome == COPSE_FOLLOW_REFUSED;
}

/* A round of all that is pending, if anything is. False: it failed, which was reported. `ret_late`:
 * how many were not taken. */
static bool follow_run_round(copse_follow_live *live, size_t *ret_late)
{
    copse_follow_news news[COPSE_FOLLOW_MAX];
    size_t count = 0;
    uint64_t now = follow_now(live);
    for (size_t i = 0; i < live->count; i++) {
        const follow_peer *peer = &live->peers[i];
        if (peer->pending.size > 0 && now >= peer->pause.until_ms) {
            news[count++] = (copse_follow_news){.address = peer->address,
                                                .head = peer->pending,
                                                .sequence = peer->sequence,
                                                .outcome = COPSE_FOLLOW_LATER};
        }
    }
    bool done = count == 0 || copse_follow_round_run(live->call, news, count, live->conflicts);
    for (size_t i = 0; i < count; i++) {
        follow_settle(live, &news[i]);
        *ret_late += news[i].outcome != COPSE_FOLLOW_TAKEN;
    }
    return done;
}

int copse_follow_live_once(copse_follow_live *live)
{
    size_t late = 0;
    size_t heard = 0;
    for (size_t i = 0; i < live->count; i++) {
        follow_peer *peer = &live->peers[i];
        copse_cid head;
        if (!follow_peer_open(live, peer) || !copse_head_source_ask(&peer->source, &head)) {
            late++;
        } else if (peer->is_refused || !copse_cid_equal(&head, &peer->known)) {
            peer->pending = head;
            peer->sequence = peer->source.sequence;
            heard++;
        }
        follow_peer_close(peer);
    }
    bool done = follow_run_round(live, &late);
    if (done && heard + late == 0) {
        copse_note(live->call, "copse: nothing is new");
    }
    return done && late == 0 ? COPSE_EXIT_OK : COPSE_EXIT_FAILED;
}

static void follow_listen(copse_follow_live *live, follow_peer *peer, unsigned ms)
{
    const copse_cid *last = peer->pending.size > 0 ? &peer->pending : &peer->known;
    copse_cid head;
    if (peer->address[0] == '\0' || peer->is_refused ||
        (!peer->is_open && follow_now(live) < peer->pause.until_ms)) {
        return;
    }
    if (!follow_peer_open(live, peer)) {
        follow_postpone(live, peer);
        return;
    }
    if (copse_head_source_poll(&peer->source, ms, last, &head)) {
        peer->pending = head;
        peer->sequence = peer->source.sequence;
        peer->pause.until_ms = 0; /* it may have what the last one lacked */
    }
}

bool copse_follow_live_tick(copse_follow_live *live, unsigned ms)
{
    struct timespec rest = {.tv_nsec = (long)ms * 1000000 / 2};
    unsigned each = ms / 2 / (unsigned)live->count;
    size_t late = 0;
    if (!follow_look_at_list(live)) {
        return false;
    }
    for (size_t i = 0; i < live->count; i++) {
        follow_listen(live, &live->peers[i],
                      each > FOLLOW_LIVE_HEAR_MS ? each : FOLLOW_LIVE_HEAR_MS);
    }
    (void)follow_run_round(live, &late); /* what could not be done now is tried again */
    (void)nanosleep(&rest, NULL);
    return true;
}
