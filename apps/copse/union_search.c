/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "union_search.h"

#include "failure.h"
#include "open_files.h"

#include <copse/database.h>

#include <stdlib.h>
#include <string.h>

/* ---- Places ---------------------------------------------------------------------------------- */

/* What a place failed with was reported. False: that ends the command. */
static bool union_leave_out(copse_union_search *search, copse_union_place *place)
{
    place->is_out = true;
    search->has_failed = true;
    return search->call->warns;
}

/* Opens a folder or a CAR file. */
static bool union_open_here(copse_union_place *place)
{
    copse_call *call = place->search->call;
    copse_place *here = &place->place;
    if (!copse_place_open_name(here, call, place->entry->path) ||
        !copse_place_tree(here, COPSE_REF_DEFAULT, &place->tree)) {
        return false;
    }
    copse_status status;
    do {
        status = copse_database_open(place->tree, &place->database, &call->err);
    } while (copse_place_fetch(here, status));
    if (status != COPSE_OK) {
        (void)copse_place_failure(here, status, place->entry->name);
    }
    return status == COPSE_OK;
}

static bool union_open_far(copse_union_place *place)
{
    copse_union_search *search = place->search;
    copse_call *call = search->call;
    copse_status status =
        copse_address_parse(&call->env, place->entry->path, &place->address, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "'%s'", place->entry->name);
        return false;
    }
    if (place->address.kind == COPSE_ADDRESS_CID) {
        place->root = place->address.cid;
    }
    return copse_peers_open_beside(&place->peers, call, place->address.peer, &search->peers) &&
           (place->address.kind != COPSE_ADDRESS_NAME ||
            copse_peers_can_resolve(&place->peers, place->entry->name));
}

static bool union_is_far(const copse_union_place *place)
{
    return place->entry->kind != COPSE_ADDRESS_PATH;
}

/* Takes what a name stands for. False: reported; with --strict what was remembered won't do, unless
 * nobody is to be asked. */
static bool union_take_name(copse_union_place *place, const copse_remote_one *one)
{
    copse_call *call = place->search->call;
    const char *name = place->entry->name;
    if (one->status != COPSE_OK) {
        (void)copse_failure(call, one->status, NULL, "%s: %s", name, one->err.message);
        return false;
    }
    if (one->resolved.peer == SIZE_MAX && !call->warns && !place->peers.is_offline) {
        (void)copse_failure(call, COPSE_IO, NULL, "%s can't be looked up: %s", name,
                            copse_remote_reason(place->peers.remote, SIZE_MAX, 0));
        return false;
    }
    place->root = one->resolved.head;
    copse_peers_note_name(&place->peers, &one->resolved, name);
    return true;
}

/* Finds out what names stand for, all at the same time. */
static bool union_resolve(copse_union_search *search)
{
    copse_call *call = search->call;
    size_t count = 0;
    for (size_t i = 0; i < search->file.count; i++) {
        const copse_union_place *place = &search->places[i];
        if (place->entry->kind == COPSE_ADDRESS_NAME && !place->is_out) {
            search->numbers[count] = i;
            search->ones[count++] =
                (copse_remote_one){.remote = place->peers.remote, .key = &place->address.key};
        }
    }
    copse_status status = copse_remote_resolve_all(search->ones, count, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "names can't be looked up");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        copse_union_place *place = &search->places[search->numbers[i]];
        copse_remote_one *one = &search->ones[i];
        if (!union_take_name(place, one) && !union_leave_out(search, place)) {
            return false;
        }
    }
    return true;
}

static bool union_open_places(copse_union_search *search)
{
    for (size_t i = 0; i < search->file.count; i++) {
        copse_union_place *place = &search->places[i];
        *place = (copse_union_place){.search = search, .entry = &search->file.entries[i]};
        bool opened = union_is_far(place) ? union_open_far(place) : union_open_here(place);
        if (!opened && (search->call->misused || !union_leave_out(search, place))) {
            return false;
        }
    }
    return union_resolve(search);
}

bool copse_union_search_open(copse_union_search *search, copse_call *call)
{
    enum { OTHER_FILES = 64 };
    search->call = call;
    if (!copse_union_file_read(&search->file, call, call->options.arguments[0])) {
        return false;
    }
    size_t count = search->file.count + 1;
    search->places = calloc(count, sizeof *search->places);
    search->numbers = calloc(count, sizeof *search->numbers);
    search->ones = calloc(count, sizeof *search->ones);
    if (search->places == NULL || search->numbers == NULL || search->ones == NULL) {
        (void)copse_failure(call, COPSE_NOMEM, NULL, "out of memory");
        return false;
    }
    (void)copse_open_files_raise(OTHER_FILES + 8 * count); /* a store has several */
    if (!copse_peers_open_all(&search->peers, call, NULL, 0, NULL)) {
        return false;
    }
    call->warns = !copse_options_has(&call->options, "--strict");
    return union_open_places(search);
}

/* Ends what is being asked. */
static void union_end(copse_union_search *search)
{
    search->all = copse_union_free(search->all);
    for (size_t i = 0; i < search->file.count; i++) {
        search->places[i].find = copse_remote_find_free(search->places[i].find);
        search->places[i].source = NULL;
    }
}

void copse_union_search_close(copse_union_search *search)
{
    if (search->places != NULL) {
        union_end(search);
    }
    for (size_t i = 0; i < search->file.count && search->places != NULL; i++) {
        copse_union_place *place = &search->places[i];
        copse_database_close(place->database);
        copse_tree_close(place->tree);
        if (place->place.call != NULL) {
            copse_place_close(&place->place);
        }
        copse_address_release(&place->address);
        copse_peers_close(&place->peers);
    }
    copse_peers_close(&search->peers);
    copse_union_file_release(&search->file);
    free(search->places);
    free(search->numbers);
    free(search->ones);
    *search = (copse_union_search){.call = NULL};
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* copse_union_source.open */
static copse_status union_open_source(void *ctx, copse_database **ret_database, copse_err *err)
{
    copse_union_place *place = ctx;
    copse_database *database = place->database;
    copse_status status =
        place->find != NULL ? copse_remote_find_database(place->find, &database, err) : COPSE_OK;
    if (status == COPSE_OK) {
        copse_union_search *search = place->search;
        search->has_collection = search->has_collection ||
                                 copse_database_collection(database, search->collection) != NULL;
        *ret_database = database;
    }
    return status;
}

/* So many documents each peer is asked for at first: twice its share. */
static uint64_t union_share(const copse_union_search *search, const copse_query_options *query)
{
    uint64_t needed = query->limit > UINT64_MAX - query->skip ? 0 : query->limit + query->skip;
    uint64_t share = 2 * (needed / search->file.count + 1);
    return query->limit == 0 || needed == 0 ? 0 : share < needed ? share : needed;
}

static bool union_begin_find(copse_union_place *place, const copse_query_options *query,
                             bool by_blocks)
{
    copse_call *call = place->search->call;
    const copse_remote_find_options options = {
        .name = place->root.size == 0 ? place->address.name : NULL,
        .root = place->root.size > 0 ? &place->root : NULL,
        .query = query,
        .blocks_only = by_blocks,
    };
    copse_status status =
        copse_remote_find_new(place->peers.remote, &options, &place->find, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the query");
    }
    return status == COPSE_OK;
}

/* Says what there is to say of a head that was asked for now. False: with --strict one of before
 * won't do, unless nobody is to be asked. */
static bool union_take_head(copse_union_place *place, const copse_cid *head)
{
    copse_call *call = place->search->call;
    copse_remote_stats stats = copse_remote_get_stats(place->peers.remote);
    bool is_known = place->root.size > 0;
    place->root = *head;
    if (!is_known && stats.is_stale && !call->warns && !place->peers.is_offline) {
        (void)copse_failure(call, COPSE_IO, NULL, "%s can't be asked: %s", place->entry->name,
                            copse_remote_reason(place->peers.remote, SIZE_MAX, 0));
        return false;
    }
    if (!is_known) {
        copse_peers_note_head(&place->peers, place->entry->name);
    }
    return true;
}

/* Asks the peers, all at the same time, for what each place has of the answer. */
static bool union_ask_peers(copse_union_search *search, const copse_query_options *query,
                            bool by_blocks)
{
    copse_call *call = search->call;
    size_t count = 0;
    copse_query_options each = *query;
    each.skip = 0;
    each.limit = union_share(search, query);
    each.projection = (copse_bytes){NULL, 0};
    for (size_t i = 0; i < search->file.count; i++) {
        copse_union_place *place = &search->places[i];
        if (!place->is_out && union_is_far(place)) {
            if (!union_begin_find(place, &each, by_blocks)) {
                return false;
            }
            search->numbers[count] = i;
            search->ones[count++] = (copse_remote_one){.find = place->find};
        }
    }
    copse_status status = copse_remote_find_all(search->ones, count, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "peers can't be asked");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        copse_union_place *place = &search->places[search->numbers[i]];
        const copse_remote_one *one = &search->ones[i];
        place->source = one->source;
        if (one->status == COPSE_OK && union_take_head(place, &one->head)) {
            continue;
        }
        if (one->status != COPSE_OK) {
            call->err = one->err;
            (void)copse_peers_failure(&place->peers, one->status, place->entry->name);
        }
        if (!union_leave_out(search, place)) {
            return false;
        }
    }
    return true;
}

bool copse_union_search_ask(copse_union_search *search, const copse_query_options *query,
                            bool by_blocks)
{
    copse_call *call = search->call;
    union_end(search);
    search->sources_count = 0;
    search->collection = query->collection;
    copse_status status = copse_union_new(&call->env, query, &search->all, &call->err);
    if (status != COPSE_OK) {
        call->warns = false;
        (void)copse_failure_of(call, status, "the query");
        return false;
    }
    if (search->file.count > 0 && !union_ask_peers(search, query, by_blocks)) {
        return false;
    }
    for (size_t i = 0; i < search->file.count && status == COPSE_OK; i++) {
        copse_union_place *place = &search->places[i];
        const copse_union_source source = {
            .open = union_open_source, .ctx = place, .is_foreign = place->find != NULL};
        if (!place->is_out) {
            search->numbers[search->sources_count++] = i;
            status = copse_union_add(search->all, &source, &call->err);
        }
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the query");
    }
    return status == COPSE_OK;
}

/* ---- Going on -------------------------------------------------------------------------------- */

/* Leaves a source out, whose failure was reported. OK; or what the command ends with. */
static copse_status union_drop(copse_union_search *search, size_t source, copse_status status)
{
    copse_union_leave_out(search->all, source);
    return union_leave_out(search, &search->places[search->numbers[source]]) ? COPSE_OK : status;
}

/* Fetches what those wait for that wait: from peers all at once. */
static copse_status union_fetch(copse_union_search *search)
{
    size_t sources_count = search->sources_count;
    copse_call *call = search->call;
    size_t count = 0;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < sources_count && status == COPSE_OK; i++) {
        copse_union_place *place = &search->places[search->numbers[i]];
        if (!copse_union_is_waiting(search->all, i)) {
            continue;
        }
        if (place->find != NULL) {
            search->ones[count++] =
                (copse_remote_one){.remote = place->peers.remote, .source = place->source};
        } else if (!copse_place_fetch(&place->place, COPSE_WANT)) {
            (void)copse_place_failure(&place->place, COPSE_WANT, place->entry->name);
            status = union_drop(search, i, COPSE_WANT);
        }
    }
    copse_status fetched = copse_remote_fetch_all(search->ones, count, &call->err);
    if (fetched != COPSE_OK) {
        call->warns = false;
        (void)copse_failure_of(call, fetched, "peers can't be asked");
        return fetched;
    }
    for (size_t i = 0, at = 0; i < sources_count && at < count && status == COPSE_OK; i++) {
        copse_union_place *place = &search->places[search->numbers[i]];
        if (search->ones[at].source != place->source || place->find == NULL) {
            continue;
        }
        const copse_remote_one *one = &search->ones[at++];
        if (one->status != COPSE_OK) {
            call->err = one->err;
            (void)copse_peers_failure(&place->peers, one->status, place->entry->name);
            status = union_drop(search, i, one->status);
        }
    }
    return status;
}

static size_t union_sources_count(const copse_union_search *search)
{
    size_t count = 0;
    for (size_t i = 0; i < search->file.count; i++) {
        count += !search->places[i].is_out;
    }
    return count;
}

/* After a call on the union: OK: it is to be called again. END, failures: it has ended. */
static copse_status union_go_on(copse_union_search *search, copse_status status)
{
    copse_call *call = search->call;
    size_t failed = copse_union_failed(search->all);
    if (status == COPSE_WANT) {
        return union_fetch(search);
    }
    if (status >= 0) {
        return status;
    }
    if (failed == SIZE_MAX) {
        call->warns = false;
        (void)copse_failure_of(call, status, "the query");
        return status;
    }
    (void)copse_failure_of(call, status, "%s", search->places[search->numbers[failed]].entry->name);
    return union_drop(search, failed, status);
}

copse_status copse_union_search_next(copse_union_search *search, copse_bytes *ret_document,
                                     const char **ret_source)
{
    size_t source;
    for (;;) {
        copse_status status =
            copse_union_next(search->all, ret_document, &source, &search->call->err);
        if (status == COPSE_OK) {
            *ret_source = search->places[search->numbers[source]].entry->name;
            return COPSE_OK;
        }
        status = union_go_on(search, status);
        if (status != COPSE_OK) {
            return status;
        }
    }
}

copse_status copse_union_search_count(copse_union_search *search, uint64_t *ret_count)
{
    copse_status status;
    do {
        status = copse_union_count(search->all, ret_count, &search->call->err);
        if (status == COPSE_OK) {
            return COPSE_OK;
        }
        status = union_go_on(search, status);
    } while (status == COPSE_OK);
    return status;
}

int copse_union_search_finish(copse_union_search *search, copse_status status)
{
    copse_call *call = search->call;
    if (status != COPSE_OK && status != COPSE_END) {
        return COPSE_EXIT_FAILED;
    }
    call->warns = false;
    if (union_sources_count(search) == 0 && search->file.count > 0) {
        return copse_failure(call, COPSE_IO, NULL, "none of the databases of '%s' can be had",
                             search->file.path);
    }
    if (!search->has_collection) {
        return copse_failure(call, COPSE_NOT_FOUND, "`copse collections DB` lists what there is",
                             "no database of '%s' has a collection '%.*s'", search->file.path,
                             (int)search->collection.len, (const char *)search->collection.ptr);
    }
    return COPSE_EXIT_OK;
}
