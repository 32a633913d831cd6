/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "theirs.h"

#include "failure.h"
#include "history_copy.h"
#include "progress.h"

#include <string.h>
#include <sys/stat.h>

/* So many rounds of fetching, of at most limits.wants_max blocks each, are in memory before they
 * are flushed. */
enum { THEIRS_ROUNDS = 64 };

/* ---- Names ---- */

/* Whether `name` names something in mine. */
static bool theirs_is_revision(const copse_theirs *theirs)
{
    copse_revision revision;
    copse_cid cid;
    return copse_revision_parse(copse_bytes_of_text(theirs->name), &revision, NULL) == COPSE_OK &&
           (revision.kind != COPSE_REVISION_REF ||
            copse_past_find_name(&theirs->mine->place, revision.name, &cid));
}

/* What makes `name` the address of a database elsewhere beyond doubt; NULL: it can't be one. A path
 * must be there. */
static const char *theirs_prefix(const copse_theirs *theirs)
{
    struct stat info;
    copse_address address;
    if (copse_address_parse(&theirs->mine->call->env, theirs->name, &address, NULL) != COPSE_OK) {
        return ""; /* which is reported when it is opened */
    }
    copse_address_kind kind = address.kind;
    copse_address_release(&address);
    switch (kind) {
    case COPSE_ADDRESS_PATH:
        return stat(theirs->name, &info) == 0 ? "./" : NULL;
    case COPSE_ADDRESS_NAME:
        return "ipns://";
    case COPSE_ADDRESS_CID:
        return NULL;
    case COPSE_ADDRESS_URL:
        break;
    }
    return "";
}

static bool theirs_same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

/* Whether mine was cloned from there. */
static bool theirs_is_origin(const copse_theirs *theirs)
{
    const copse_origin *origin = &theirs->mine->place.origin;
    const copse_address *address = &theirs->place.address;
    char name_key[COPSE_KEY_TEXT_SIZE_MAX];
    if (address->kind == COPSE_ADDRESS_NAME) {
        (void)copse_public_key_to_name(&address->key, name_key);
        return origin->name_key != NULL && strcmp(origin->name_key, name_key) == 0;
    }
    return address->kind == COPSE_ADDRESS_URL && copse_origin_is_there(origin) &&
           origin->name_key == NULL && strcmp(origin->peers[0], address->peer) == 0 &&
           theirs_same_text(origin->name, address->name);
}

/* Whether it is a path, of something that isn't there. */
static bool theirs_is_lost(const copse_theirs *theirs)
{
    copse_address address;
    if (copse_address_parse(&theirs->mine->call->env, theirs->name, &address, NULL) != COPSE_OK) {
        return false;
    }
    bool is_path = address.kind == COPSE_ADDRESS_PATH;
    copse_address_release(&address);
    return is_path && theirs_prefix(theirs) == NULL;
}

static const char *const theirs_places =
    "a database elsewhere is a folder, a CAR file, http://peer/name, or an IPNS name";

/* ---- Life ---- */

bool copse_theirs_open_head(copse_theirs *theirs, copse_documents *mine, const char *name,
                            const copse_cid *head)
{
    *theirs = (copse_theirs){.mine = mine, .name = name, .head = *head};
    if (theirs_is_lost(theirs)) {
        (void)copse_failure(mine->call, COPSE_NOT_FOUND, theirs_places, "there is no store '%s'",
                            name);
        return false;
    }
    if (!copse_place_open_beside(&mine->place, name, &theirs->place)) {
        return false;
    }
    theirs->may_lack = !copse_origin_is_sparse(&mine->place.origin) || !theirs_is_origin(theirs);
    return true;
}

bool copse_theirs_open_place(copse_theirs *theirs, copse_documents *mine, const char *name)
{
    return copse_theirs_open_head(theirs, mine, name, &(copse_cid){.size = 0}) &&
           copse_place_resolve(&theirs->place, COPSE_REF_DEFAULT, &theirs->head);
}

bool copse_theirs_open(copse_theirs *theirs, copse_documents *mine, const char *name)
{
    *theirs = (copse_theirs){.mine = mine, .name = name};
    bool is_revision = theirs_is_revision(theirs);
    const char *prefix = theirs_prefix(theirs);
    if (is_revision && prefix != NULL) {
        copse_note(mine->call, "copse: '%s' is taken as a revision of '%s'; the other one is %s%s",
                   name, mine->place.name, prefix, name);
    }
    if (!is_revision && prefix != NULL) {
        return copse_theirs_open_place(theirs, mine, name);
    }
    if (!is_revision && theirs_is_lost(theirs)) {
        (void)copse_failure(mine->call, COPSE_NOT_FOUND, theirs_places,
                            "'%s' is neither a ref of '%s' nor a CID, nor a path that is there",
                            name, mine->place.name);
        return false;
    }
    /* What a CID leads to may have come from peers, or come now, and not all of it. */
    copse_cid cid;
    theirs->may_lack = mine->place.has_peers &&
                       copse_cid_from_text(copse_bytes_of_text(name), &cid, NULL) == COPSE_OK;
    return true;
}

void copse_theirs_close(copse_theirs *theirs)
{
    if (theirs->place.call != NULL) {
        copse_place_leave_beside(&theirs->mine->place);
        copse_place_close(&theirs->place);
    }
    *theirs = (copse_theirs){.mine = NULL};
}

/* ---- Commits ---- */

/* Whether it is a commit, which is looked at through mine. */
static bool theirs_check_commit(copse_theirs *theirs, const char *name, const copse_cid *cid)
{
    copse_place *place = &theirs->mine->place;
    copse_block *block = NULL;
    copse_commit commit;
    copse_status status = copse_place_commit(place, cid, &commit, &block);
    bool is_commit = block != NULL;
    copse_block_unref(block);
    if (status != COPSE_OK) {
        (void)copse_place_failure(place, status, name);
    } else if (!is_commit) {
        (void)copse_failure(theirs->mine->call, COPSE_MISUSE,
                            "`copse branch DB` and `copse log DB` list what there is",
                            "'%s' is no commit", name);
    }
    return is_commit;
}

bool copse_theirs_commit(copse_theirs *theirs, copse_cid *ret_commit)
{
    copse_documents *mine = theirs->mine;
    copse_cid cid = theirs->head;
    if ((cid.size == 0 && !copse_past_resolve(&mine->place, &mine->head, theirs->name, &cid)) ||
        !theirs_check_commit(theirs, theirs->name, &cid)) {
        return false;
    }
    *ret_commit = cid;
    return true;
}

bool copse_theirs_revision(copse_theirs *theirs, const char *revision, copse_cid *ret_commit)
{
    copse_documents *mine = theirs->mine;
    bool is_elsewhere = theirs->head.size > 0;
    copse_cid cid;
    if (!copse_past_resolve(is_elsewhere ? &theirs->place : &mine->place,
                            is_elsewhere ? &theirs->head : &mine->head, revision, &cid) ||
        !theirs_check_commit(theirs, revision, &cid)) {
        return false;
    }
    *ret_commit = cid;
    return true;
}

void copse_theirs_print(const copse_theirs *theirs)
{
    const copse_peers *own = &theirs->mine->place.peers;
    const copse_peers *peers = theirs->place.peers.remote != NULL ? &theirs->place.peers : own;
    if (theirs->mine->call->output.json && peers->remote != NULL) {
        copse_peers_print(peers);
    }
}

/* ---- Copying ---- */

typedef struct theirs_copy {
    copse_history_copy history;
    copse_place *place; /* of mine */
    copse_progress progress;
    uint64_t rounds;
} theirs_copy;

/* As copse_place_fetch; flushes now and then, so that not all of it is in memory, and that it goes
 * on where it was broken off. */
static bool theirs_fetched(void *ctx, copse_status *status)
{
    theirs_copy *copy = ctx;
    copse_place *place = copy->place;
    if (!copse_place_fetch(place, *status)) {
        return false;
    }
    copy->progress.calls |= 255; /* called seldom: look at the clock each time */
    copse_progress_update(&copy->progress, copy->history.commits, copy->history.commits);
    if (++copy->rounds % THEIRS_ROUNDS == 0) {
        copse_status flushed = copse_store_flush(place->local.store, &place->call->err);
        *status = flushed != COPSE_OK ? flushed : *status;
        return flushed == COPSE_OK;
    }
    return true;
}

static bool theirs_lacks(void *ctx, const copse_cid *cid)
{
    const theirs_copy *copy = ctx;
    return copse_place_lacks(copy->place, cid);
}

bool copse_theirs_keep(copse_theirs *theirs, const copse_cid *commit)
{
    copse_place *place = &theirs->mine->place;
    theirs_copy copy = {
        .history = {.call = place->call,
                    .local = &place->local,
                    .nodes = place->nodes,
                    .fetched = theirs_fetched,
                    .lacks = theirs_lacks,
                    .lot = place->beside_store != NULL ? COPSE_HISTORY_COPY_LOT_NEAR
                                                       : COPSE_HISTORY_COPY_LOT_FAR},
        .place = place,
    };
    if (!theirs->may_lack) {
        return true;
    }
    copy.history.ctx = &copy;
    copse_progress_init(&copy.progress, place->call, "commits", 0, "commits");
    copse_status status = copse_history_copy_run(&copy.history, commit, &theirs->mine->head);
    (void)copse_progress_end(&copy.progress);
    if (status != COPSE_OK) {
        (void)copse_place_failure(place, status, "what is new there can't be copied");
    }
    return status == COPSE_OK;
}
