/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "search.h"

#include "argument.h"
#include "failure.h"

#include <string.h>

/* ---- Opening ---- */

/* Looks the collection up; in a remote place at `head`, the root that was asked. */
static bool search_find_collection(copse_search *search, const copse_cid *head)
{
    copse_documents *documents = &search->documents;
    if (documents->database == NULL && !copse_documents_open_head(documents, head)) {
        return false;
    }
    search->collection = copse_documents_collection(documents, search->call->options.arguments[1]);
    return search->collection != NULL;
}

/* Names a head and asks nobody for it, or names a root. */
static bool search_open_find(copse_search *search, const copse_query_options *query,
                             copse_search_way way)
{
    copse_call *call = search->call;
    copse_place *place = &search->documents.place;
    const char *ref = copse_place_ref(call);
    copse_cid root;
    copse_remote_find_options options = {.query = query, .blocks_only = way == COPSE_SEARCH_BLOCKS};
    bool is_past =
        copse_options_knows(&call->options, "--at") && copse_options_has(&call->options, "--at");
    if (place->address.kind == COPSE_ADDRESS_URL && strcmp(ref, COPSE_REF_DEFAULT) == 0 &&
        !is_past) {
        options.name = place->address.name;
    } else if (copse_place_resolve(place, ref, &root) && copse_past_take_at(place, &root)) {
        options.root = &root;
    } else {
        return false;
    }
    copse_status status =
        copse_remote_find_new(place->peers.remote, &options, &search->find, &call->err);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "the query");
    }
    return status == COPSE_OK;
}

static bool search_open_result(copse_search *search)
{
    copse_documents *documents = &search->documents;
    copse_status status;
    if (!search_find_collection(search, NULL)) {
        return false;
    }
    do {
        status = copse_result_open(search->query, documents->database, &search->result,
                                   &search->call->err);
    } while (copse_place_fetch(&documents->place, status));
    if (status != COPSE_OK) {
        (void)copse_explanation_failure(documents, search->collection, status, "the query");
    }
    return status == COPSE_OK;
}

bool copse_search_open(copse_search *search, copse_call *call, const copse_query_options *query,
                       copse_search_way way)
{
    *search = (copse_search){.call = call};
    return copse_argument_query(call, query, &search->query) &&
           copse_documents_open_place(&search->documents, call) &&
           (copse_place_is_remote(&search->documents.place) ? search_open_find(search, query, way)
                                                            : search_open_result(search));
}

void copse_search_close(copse_search *search)
{
    copse_result_close(search->result);
    copse_remote_find_free(search->find);
    copse_query_free(search->query);
    copse_documents_close(&search->documents);
}

/* ---- Searching ---- */

copse_status copse_search_next(copse_search *search, copse_bytes *ret_document)
{
    copse_place *place = &search->documents.place;
    copse_err *err = &search->call->err;
    copse_status status;
    if (search->find != NULL) {
        status = copse_remote_find_next(search->find, ret_document, err);
        copse_peers_wipe_progress(&place->peers);
    } else {
        do {
            status = copse_result_next(search->result, ret_document, err);
        } while (copse_place_fetch(place, status));
    }
    search->returned += status == COPSE_OK;
    return status;
}

/* Whether nothing was missing, but an index of the name that --hint says. */
static bool search_is_hint_unknown(const copse_search *search, copse_status status)
{
    const copse_call *call = search->call;
    size_t missing = 0;
    (void)copse_remote_missing(search->documents.place.peers.remote, &missing);
    return status == COPSE_MISUSE || (status == COPSE_NOT_FOUND && missing == 0 &&
                                      copse_remote_find_root(search->find).size > 0 &&
                                      copse_options_knows(&call->options, "--hint") &&
                                      copse_options_has(&call->options, "--hint"));
}

/* An answer of no documents does not say whether there is such a collection; its blocks do. */
static int search_finish_find(copse_search *search, copse_status status, const char *what)
{
    copse_documents *documents = &search->documents;
    copse_peers *peers = &documents->place.peers;
    copse_err err = search->call->err;
    copse_cid root = copse_remote_find_root(search->find);
    copse_peers_note_head(peers, documents->place.name);
    bool is_hint_unknown = search_is_hint_unknown(search, status);
    if ((is_hint_unknown || (status == COPSE_END && search->returned == 0)) &&
        !search_find_collection(search, &root)) {
        return COPSE_EXIT_FAILED;
    }
    search->call->err = err;
    return status == COPSE_END ? COPSE_EXIT_OK
           : (status == COPSE_NOT_FOUND || status == COPSE_IO) && !is_hint_unknown
               ? copse_peers_failure(peers, status, what)
               : copse_explanation_failure(documents, search->collection, status, what);
}

int copse_search_finish(copse_search *search, copse_status status, const char *what)
{
    int code = COPSE_EXIT_OK;
    if (search->find != NULL) {
        code = search_finish_find(search, status, what);
    } else if (status != COPSE_END) {
        code = copse_explanation_failure(&search->documents, search->collection, status, what);
    }
    return code;
}

bool copse_search_explain(copse_search *search, copse_explanation *explanation)
{
    copse_err *err = &search->call->err;
    copse_status status;
    if (search->find != NULL) {
        explanation->way = copse_remote_find_way(search->find);
        explanation->stats = copse_remote_find_stats(search->find);
        status = copse_remote_find_explain(search->find, &explanation->plan, err);
    } else {
        explanation->stats = copse_result_get_stats(search->result);
        status = copse_result_explain(search->result, &explanation->plan, err);
    }
    if (status != COPSE_OK) {
        (void)copse_failure_of(search->call, status, "the plan");
    }
    return status == COPSE_OK;
}
