/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "place.h"

#include "dropped.h"
#include "failure.h"
#include "fetching_store.h"
#include "union_file.h"

#include <copse/count_store.h>
#include <copse/database_conflicts.h>
#include <copse/history_range.h>
#include <copse/pull.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Opening ---- */

static bool place_is_given_peers(const copse_call *call)
{
    return copse_options_knows(&call->options, "--peer") &&
           copse_options_has(&call->options, "--peer");
}

/* A folder that was cloned may be sparse: what it lacks is fetched from its origin, and kept. Peers
 * are opened when they are needed first. */
static bool place_open_folder(copse_place *place, copse_local_mode mode)
{
    copse_call *call = place->call;
    bool is_given = place_is_given_peers(call);
    if (mode == COPSE_LOCAL_READ && is_given) {
        mode = COPSE_LOCAL_FILL;
    }
    if (!copse_local_open(&place->local, call, place->name, mode) ||
        !copse_origin_read(&place->local, &place->origin)) {
        return false;
    }
    place->has_peers = is_given || copse_origin_is_there(&place->origin);
    if (mode == COPSE_LOCAL_READ && place->has_peers) {
        copse_local_close(&place->local);
        if (!copse_local_open(&place->local, call, place->name, COPSE_LOCAL_FILL)) {
            return false;
        }
    }
    place->keeper = place->local.store;
    place->source = place->local.source;
    place->nodes = place->local.cache;
    return true;
}

/* Makes what reads from `store`. */
static copse_status place_read_from(copse_place *place, copse_store *store)
{
    copse_call *call = place->call;
    copse_status status = copse_source_new(&call->env, store, &place->source, &call->err);
    return status == COPSE_OK
               ? copse_node_cache_new(&call->env, place->source, &place->nodes, &call->err)
               : status;
}

static bool place_open_car(copse_place *place)
{
    copse_call *call = place->call;
    copse_status status = copse_os_posix_new(&call->env, &place->os, &call->err);
    if (status == COPSE_OK) {
        status = copse_car_file_open(&call->env, place->os, place->name, &place->car, &call->err);
    }
    if (status == COPSE_OK) {
        status = copse_count_store_new(&call->env, copse_car_file_store(place->car),
                                       &place->car_store, &call->err);
    }
    if (status == COPSE_OK) {
        status = place_read_from(place, place->car_store);
    }
    if (status == COPSE_CORRUPT && copse_union_file_is(place->name)) {
        (void)copse_failure(call, COPSE_MISUSE, "`copse find`, `count` and `get` ask a union",
                            "'%s' names many databases, and this command takes one", place->name);
    } else if (status == COPSE_CORRUPT) {
        (void)copse_failure(
            call, status,
            "a database is a folder, a CAR file, http://peer/name, an IPNS name, or a CID",
            "'%s' can't be read as a CAR file: %s", place->name, call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be opened", place->name);
    }
    place->has_peers = place_is_given_peers(call);
    return status == COPSE_OK;
}

static bool place_open_remote(copse_place *place)
{
    copse_call *call = place->call;
    place->has_peers = true;
    if (!copse_peers_open(&place->peers, call, place->address.peer, place->keeper)) {
        return false;
    }
    copse_peers_show_progress(&place->peers);
    copse_status status = place_read_from(place, copse_remote_store(place->peers.remote));
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be opened", place->name);
    }
    return status == COPSE_OK;
}

static bool place_open_any(copse_place *place, copse_local_mode mode)
{
    copse_call *call = place->call;
    struct stat info;
    copse_status status = copse_address_parse(&call->env, place->name, &place->address, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure(
            call, status,
            "a database is a folder, a CAR file, http://peer/name, an IPNS name, or a CID",
            "'%s': %s", place->name, call->err.message);
        return false;
    }
    if (mode == COPSE_LOCAL_READ && place->address.kind != COPSE_ADDRESS_PATH) {
        return place_open_remote(place);
    }
    if (mode == COPSE_LOCAL_READ && stat(place->name, &info) == 0 && S_ISREG(info.st_mode)) {
        return place_open_car(place);
    }
    return place_open_folder(place, mode);
}

static bool place_open_or_close(copse_place *place, copse_local_mode mode)
{
    bool opened = place_open_any(place, mode);
    if (!opened) {
        copse_place_close(place);
    }
    return opened;
}

bool copse_place_open(copse_place *place, copse_call *call, copse_local_mode mode)
{
    *place = (copse_place){.call = call, .name = call->options.arguments[0]};
    return place_open_or_close(place, mode);
}

bool copse_place_open_name(copse_place *place, copse_call *call, const char *name)
{
    *place = (copse_place){.call = call, .name = name};
    return place_open_or_close(place, COPSE_LOCAL_READ);
}

bool copse_place_open_beside(copse_place *place, const char *name, copse_place *beside)
{
    copse_call *call = place->call;
    copse_status status = COPSE_OK;
    *beside = (copse_place){.call = call, .name = name, .keeper = place->keeper};
    bool opened = place_open_any(beside, COPSE_LOCAL_READ);
    if (opened && beside->address.kind == COPSE_ADDRESS_PATH) {
        status = copse_fetching_store_new(beside, &place->beside_store, &call->err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s' can't be opened", name);
    }
    if (!opened || status != COPSE_OK) {
        copse_place_close(beside);
        return false;
    }
    place->beside = beside;
    return true;
}

void copse_place_leave_beside(copse_place *place)
{
    place->beside_store = copse_store_close(place->beside_store);
    place->beside = NULL;
}

void copse_place_close(copse_place *place)
{
    copse_place_leave_beside(place);
    if (place->local.db == NULL) {
        copse_node_cache_free(place->nodes);
        copse_source_free(place->source);
    } else if (place->peers.remote != NULL &&
               copse_store_flush(place->local.store, &place->call->err) != COPSE_OK) {
        copse_note(place->call, "copse: what was fetched is not kept: %s",
                   place->call->err.message);
    }
    copse_peers_close(&place->peers);
    copse_store_close(place->car_store);
    copse_car_file_close(place->car);
    copse_os_free(place->os);
    copse_local_close(&place->local);
    copse_origin_release(&place->origin);
    copse_address_release(&place->address);
    *place = (copse_place){.call = NULL};
}

bool copse_place_is_remote(const copse_place *place)
{
    return place->address.kind != COPSE_ADDRESS_PATH;
}

bool copse_place_is_served(const copse_place *place)
{
    return place->address.kind == COPSE_ADDRESS_URL &&
           !copse_address_is_car(copse_bytes_of_text(place->name));
}

/* ---- Fetching ---- */

static bool place_open_peers(copse_place *place)
{
    const copse_origin *origin = &place->origin;
    if (place->peers.remote == NULL &&
        !copse_peers_open_all(&place->peers, place->call, origin->peers, origin->peers_count,
                              place->local.store)) {
        place->has_peers = false; /* that was reported */
        return false;
    }
    copse_peers_show_progress(&place->peers);
    return true;
}

/* Asks peers for what is wanted, and if `history` is not NULL for what that comes from. */
static copse_status place_ask(copse_place *place, copse_peers *peers, copse_remote_history *history)
{
    copse_err *err = &place->call->err;
    copse_status status =
        history != NULL ? copse_remote_fetch_history(peers->remote, place->source, history, err)
                        : copse_remote_fetch(peers->remote, place->source, err);
    if (status == COPSE_LIMIT && !place->is_begun_anew) {
        /* A long operation: what it needs again of this is cached. */
        copse_source_unpin(place->source);
        status = copse_remote_fetch(peers->remote, place->source, err);
    }
    copse_peers_wipe_progress(peers);
    return status;
}

/* Copies what is wanted, as far as the store beside has it. NOT_FOUND: not what is most urgent. */
static copse_status place_copy(copse_place *place)
{
    copse_err *err = &place->call->err;
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(place->source, &count);
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_block *block = NULL;
        status = copse_store_get(place->beside_store, &wants[i], &block, err);
        if (status == COPSE_OK) {
            status = copse_store_put(place->local.store, &block, 1, err);
        } else if (status == COPSE_NOT_FOUND && i > 0) {
            status = COPSE_OK;
        }
        copse_block_unref(block);
    }
    return status;
}

static bool place_fetch(copse_place *place, copse_status status, copse_remote_history *history)
{
    if (status != COPSE_WANT) {
        return false;
    }
    if (place->beside != NULL) {
        place->failed = place->beside_store != NULL
                            ? place_copy(place)
                            : place_ask(place, &place->beside->peers, history);
        if (place->failed == COPSE_OK) {
            return true;
        }
    }
    if (!place->has_peers || (place->peers.remote == NULL && !place_open_peers(place))) {
        return false;
    }
    place->failed = place_ask(place, &place->peers, history);
    return place->failed == COPSE_OK;
}

bool copse_place_lacks(const copse_place *place, const copse_cid *cid)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(place->source, &count);
    if (place->failed != COPSE_NOT_FOUND) {
        return false;
    }
    if (count > 0 && copse_cid_equal(&wants[0], cid)) {
        return true;
    }
    /* What a store beside has was not looked for behind the first. */
    return place->beside_store == NULL &&
           copse_peers_lack(place->peers.remote != NULL || place->beside == NULL
                                ? &place->peers
                                : &place->beside->peers,
                            cid);
}

bool copse_place_fetch(copse_place *place, copse_status status)
{
    return place_fetch(place, status, NULL);
}

bool copse_place_fetch_commits(copse_place *place, copse_status status,
                               copse_remote_history *history)
{
    return place_fetch(place, status, history);
}

bool copse_place_fetch_history(copse_place *place, const copse_cid *ours, const copse_cid *theirs)
{
    copse_call *call = place->call;
    copse_remote_history history = {.ours = *ours};
    copse_history_range *range = NULL;
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status = copse_history_range_new(&call->env, place->source, theirs, 1, ours,
                                                  ours->size > 0, &range, &call->err);
    while (status == COPSE_OK) {
        do {
            status = copse_history_range_next(range, &cid, &commit, &call->err);
        } while (copse_place_fetch_commits(place, status, &history));
    }
    copse_history_range_free(range);
    return status == COPSE_END;
}

copse_status copse_place_fetch_all(copse_place *place, copse_tree *tree)
{
    copse_err *err = &place->call->err;
    copse_pull *pull = NULL;
    const copse_pull_options options = {.slots = copse_database_row_slots};
    copse_status status = copse_pull_new(NULL, tree, &options, &pull, err);
    while (status == COPSE_OK || copse_place_fetch(place, status)) {
        status = copse_pull_next(pull, err);
    }
    copse_pull_free(pull);
    return status == COPSE_END ? COPSE_OK : status;
}

uint64_t copse_place_blocks_read(const copse_place *place)
{
    copse_store_counts counts = {.get = {.calls = 0}};
    if (copse_place_is_remote(place)) {
        copse_remote_stats stats = copse_remote_get_stats(place->peers.remote);
        return stats.had + stats.blocks;
    }
    if (place->car != NULL) {
        copse_count_store_snapshot(place->car_store, &counts);
        return counts.get.blocks + counts.get_many.blocks;
    }
    return copse_local_blocks_read(&place->local);
}

/* ---- Names ---- */

const char *copse_place_ref(const copse_call *call)
{
    return copse_options_knows(&call->options, "--ref")
               ? copse_options_text(&call->options, "--ref", COPSE_REF_DEFAULT)
               : COPSE_REF_DEFAULT;
}

/* The head that the first peer names. */
static bool place_resolve_head(copse_place *place, copse_cid *ret_cid)
{
    copse_peers *peers = &place->peers;
    copse_status status =
        copse_remote_head(peers->remote, place->address.name, ret_cid, &place->call->err);
    copse_peers_wipe_progress(peers);
    if (status != COPSE_OK) {
        (void)copse_peers_failure(peers, status, place->name);
        return false;
    }
    copse_peers_note_head(peers, place->name);
    return true;
}

/* What a name stands for now. */
static bool place_resolve_name(copse_place *place, copse_cid *ret_cid)
{
    copse_remote_name name;
    bool done = copse_peers_resolve(&place->peers, &place->address.key, place->name, &name);
    if (done) {
        *ret_cid = name.head;
    }
    return done;
}

static bool place_resolve_default(copse_place *place, copse_cid *ret_cid)
{
    size_t count = 0;
    if (place->address.kind == COPSE_ADDRESS_NAME) {
        return place_resolve_name(place, ret_cid);
    }
    if (place->address.kind == COPSE_ADDRESS_URL) {
        return place_resolve_head(place, ret_cid);
    }
    if (place->address.kind == COPSE_ADDRESS_CID) {
        *ret_cid = place->address.cid;
        return true;
    }
    const copse_cid *roots = copse_car_file_roots(place->car, &count);
    if (count == 0) {
        (void)copse_failure(place->call, COPSE_NOT_FOUND, "--ref CID names one",
                            "the CAR file '%s' has no root", place->name);
        return false;
    }
    *ret_cid = roots[0];
    return true;
}

bool copse_place_resolve(copse_place *place, const char *name, copse_cid *ret_cid)
{
    if (place->local.db != NULL) {
        return copse_local_resolve(&place->local, name, ret_cid);
    }
    if (strcmp(name, COPSE_REF_DEFAULT) == 0) {
        return place_resolve_default(place, ret_cid);
    }
    if (copse_cid_from_text(copse_bytes_of_text(name), ret_cid, NULL) != COPSE_OK) {
        (void)copse_failure(place->call, COPSE_NOT_FOUND, "refs are names within a folder",
                            "'%s' is no CID, and '%s' is no folder", name, place->name);
        return false;
    }
    return true;
}

copse_status copse_place_commit(copse_place *place, const copse_cid *cid, copse_commit *ret_commit,
                                copse_block **ret_block)
{
    copse_status status;
    do {
        status = copse_commit_read(place->call, place->source, cid, ret_commit, ret_block);
    } while (copse_place_fetch(place, status));
    return status;
}

bool copse_place_tree(copse_place *place, const char *name, copse_tree **ret_tree)
{
    copse_call *call = place->call;
    copse_cid cid;
    copse_commit commit;
    copse_block *block = NULL;
    if (!copse_place_resolve(place, name, &cid)) {
        return false;
    }
    copse_status status = copse_place_commit(place, &cid, &commit, &block);
    copse_block_unref(block);
    if (status != COPSE_OK) {
        (void)copse_place_failure(place, status, name);
        return false;
    }
    do {
        status = copse_tree_open(place->nodes, &commit.tree, ret_tree, &call->err);
    } while (copse_place_fetch(place, status));
    if (status == COPSE_CORRUPT) {
        (void)copse_failure(call, status, "`copse block get STORE CID` shows what it is",
                            "%s is not the root of a tree: %s", name, call->err.message);
    } else if (status != COPSE_OK) {
        (void)copse_place_failure(place, status, name);
    }
    return status == COPSE_OK;
}

/* ---- Failures ---- */

/* The block is in none of the places that are files. */
static int place_report_missing(copse_place *place, const copse_place *looked, const char *what)
{
    copse_call *call = place->call;
    size_t count = 0;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    const copse_cid *wants = copse_source_wants(place->source, &count);
    return copse_failure(call, COPSE_WANT,
                         looked->car != NULL ? "--peer URL fetches what a CAR file lacks"
                                             : "`copse fsck STORE` lists what is missing",
                         "%s: the block %s is not in '%s'", what,
                         count > 0 ? copse_cid_show(&wants[0], text) : "that is needed next",
                         looked->name);
}

/* Whether a folder, of which all was asked, dropped what is wanted; then that is reported. */
static bool place_report_dropped(copse_place *place, const char *what)
{
    char text[512];
    size_t count = 0;
    copse_place *beside = place->beside;
    if (place->failed != COPSE_OK && place->failed != COPSE_NOT_FOUND) {
        return false;
    }
    if (place->local.db != NULL && copse_dropped_report_want(&place->local, place->source, what)) {
        return true;
    }
    if (place->failed == COPSE_NOT_FOUND && copse_origin_is_there(&place->origin)) {
        const copse_cid *wants = copse_source_wants(place->source, &count);
        copse_cid cid = count > 0 ? wants[0] : (copse_cid){0};
        return count > 0 && copse_dropped_report_left(&place->local, &cid,
                                                      copse_origin_is_sparse(&place->origin), what);
    }
    if (beside == NULL || beside->local.db == NULL) {
        return false;
    }
    (void)snprintf(text, sizeof text, "%s of '%s'", what, beside->name);
    return copse_dropped_report_want(&beside->local, place->source, text);
}

/* Nobody but the place beside could be asked for what is wanted. */
static int place_report_beside(copse_place *place, const char *what)
{
    if (place->beside_store == NULL) {
        return copse_peers_failure(&place->beside->peers, place->failed, what);
    }
    return place->failed == COPSE_NOT_FOUND
               ? place_report_missing(place, place->beside, what)
               : copse_failure_of(place->call, place->failed, "%s", what);
}

int copse_place_failure(copse_place *place, copse_status status, const char *what)
{
    if (status == COPSE_WANT && place_report_dropped(place, what)) {
        return COPSE_EXIT_FAILED;
    }
    if (status == COPSE_WANT && place->peers.remote != NULL) {
        return copse_peers_failure(&place->peers, place->failed, what);
    }
    if (status == COPSE_WANT && place->beside != NULL) {
        return place_report_beside(place, what);
    }
    if (status == COPSE_WANT && place->car != NULL) {
        return place_report_missing(place, place, what);
    }
    if (status == COPSE_CORRUPT && copse_place_is_remote(place)) {
        return copse_failure(place->call, status,
                             "every block is what its CID says: who made this root is to blame",
                             "%s: %s", what, place->call->err.message);
    }
    return place->local.db != NULL ? copse_local_failure(&place->local, status, what)
                                   : copse_failure_of(place->call, status, "%s", what);
}
