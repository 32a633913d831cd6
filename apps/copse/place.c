/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "place.h"

#include "failure.h"

#include <copse/count_store.h>
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
    if (status == COPSE_CORRUPT) {
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
    if (!copse_peers_open(&place->peers, call, place->address.peer, NULL)) {
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

bool copse_place_open(copse_place *place, copse_call *call, copse_local_mode mode)
{
    *place = (copse_place){.call = call, .name = call->options.arguments[0]};
    if (!place_open_any(place, mode)) {
        copse_place_close(place);
        return false;
    }
    return true;
}

void copse_place_close(copse_place *place)
{
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

bool copse_place_fetch(copse_place *place, copse_status status)
{
    copse_call *call = place->call;
    if (status != COPSE_WANT || !place->has_peers ||
        (place->peers.remote == NULL && !place_open_peers(place))) {
        return false;
    }
    place->failed = copse_remote_fetch(place->peers.remote, place->source, &call->err);
    if (place->failed == COPSE_LIMIT && !place->is_begun_anew) {
        /* A long operation: what it needs again of this is cached. */
        copse_source_unpin(place->source);
        place->failed = copse_remote_fetch(place->peers.remote, place->source, &call->err);
    }
    copse_peers_wipe_progress(&place->peers);
    return place->failed == COPSE_OK;
}

copse_status copse_place_fetch_all(copse_place *place, copse_tree *tree)
{
    copse_err *err = &place->call->err;
    copse_pull *pull = NULL;
    copse_status status = copse_pull_new(NULL, tree, NULL, &pull, err);
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

static int place_report_missing(copse_place *place, const char *what)
{
    copse_call *call = place->call;
    size_t count = 0;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    const copse_cid *wants = copse_source_wants(place->source, &count);
    return copse_failure(call, COPSE_WANT, "--peer URL fetches what a CAR file lacks",
                         "%s: the block %s is not in '%s'", what,
                         count > 0 ? copse_cid_show(&wants[0], text) : "that is needed next",
                         place->name);
}

int copse_place_failure(copse_place *place, copse_status status, const char *what)
{
    if (status == COPSE_WANT && place->peers.remote != NULL) {
        return copse_peers_failure(&place->peers, place->failed, what);
    }
    if (status == COPSE_WANT && place->car != NULL) {
        return place_report_missing(place, what);
    }
    if (status == COPSE_CORRUPT && copse_place_is_remote(place)) {
        return copse_failure(place->call, status,
                             "every block is what its CID says: who made this root is to blame",
                             "%s: %s", what, place->call->err.message);
    }
    return place->local.db != NULL ? copse_local_failure(&place->local, status, what)
                                   : copse_failure_of(place->call, status, "%s", what);
}
