/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_contents.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Whether a call is to be made again. */
static bool contents_again(merge_world *world, merge_peer *peer, copse_status status)
{
    return status == COPSE_WANT && peer != NULL && merge_peer_fetch(world, peer);
}

copse_status merge_contents_read_document(merge_world *world, merge_peer *peer,
                                          const merge_view *view, merge_collection collection,
                                          int id, merge_document *ret_document, copse_err *err)
{
    const uint8_t item = (uint8_t)id; /* a small integer is its own encoding */
    copse_document document = {.block = NULL};
    copse_status status;
    do {
        status = copse_database_get(view->database, merge_view_collection(view, collection),
                                    (copse_bytes){&item, 1}, &document, err);
    } while (contents_again(world, peer, status));
    if (status == COPSE_OK || status == COPSE_NOT_FOUND) {
        *ret_document =
            merge_document_decode(status == COPSE_OK ? document.encoded : (copse_bytes){NULL, 0});
        status = COPSE_OK;
    }
    copse_document_release(&document);
    return status;
}

static void contents_take(merge_contents *contents, const copse_document_conflict *conflict)
{
    assert_true(conflict->id.len == 1 && conflict->id.ptr[0] < MERGE_KEYS_ALL);
    merge_open *open = &contents->open[conflict->id.ptr[0]];
    open->has_base = conflict->base.len > 0;
    open->sides_count = conflict->sides_count;
    open->waiting = merge_document_decode(conflict->waiting.document);
    for (size_t i = 0; i < conflict->sides_count; i++) {
        open->sides[i] = merge_document_decode(conflict->sides[i].document);
    }
}

static copse_status contents_read_conflicts(merge_world *world, merge_peer *peer,
                                            const merge_view *view, merge_collection collection,
                                            merge_contents *contents, copse_err *err)
{
    copse_database_conflicts *conflicts = NULL;
    const copse_document_conflict *conflict;
    copse_status status = copse_database_conflicts_new(
        view->database, copse_bytes_of_text(merge_collection_name(collection)), &conflicts, err);
    while (status == COPSE_OK) {
        do {
            status = copse_database_conflicts_next(conflicts, &conflict, err);
        } while (contents_again(world, peer, status));
        if (status == COPSE_OK) {
            contents_take(contents, conflict);
        }
    }
    copse_database_conflicts_free(conflicts);
    return status == COPSE_END ? COPSE_OK : status;
}

copse_status merge_contents_read(merge_world *world, merge_peer *peer, const merge_view *view,
                                 merge_collection collection, merge_contents *ret_contents,
                                 copse_err *err)
{
    *ret_contents = (merge_contents){.documents = {{.is_there = false}}};
    copse_status status = COPSE_OK;
    for (int id = 0; id < MERGE_KEYS_ALL && status == COPSE_OK; id++) {
        status = merge_contents_read_document(world, peer, view, collection, id,
                                              &ret_contents->documents[id], err);
    }
    return status == COPSE_OK
               ? contents_read_conflicts(world, peer, view, collection, ret_contents, err)
               : status;
}

void merge_contents_of(merge_world *world, size_t commit, merge_collection collection,
                       merge_contents *ret_contents)
{
    merge_view view;
    copse_err err = {0};
    merge_world_open(world, commit, &view);
    merge_world_must(world, merge_contents_read(world, NULL, &view, collection, ret_contents, &err),
                     "reading a collection in the archive", &err);
    merge_view_close(&view);
}

static void contents_say_document(merge_world *world, const char *what,
                                  const merge_document *document)
{
    merge_world_say(world, "    %s: is%s there, a %d b %d c %d n %d", what,
                    document->is_there ? "" : " not", document->fields[MERGE_A],
                    document->fields[MERGE_B], document->fields[MERGE_C],
                    document->fields[MERGE_N]);
}

void merge_contents_say(merge_world *world, size_t commit, const char *what)
{
    merge_contents contents;
    if (!world->watch.is_on) {
        return;
    }
    merge_contents_of(world, commit, world->watch.collection, &contents);
    const merge_open *open = &contents.open[world->watch.id];
    contents_say_document(world, what, &contents.documents[world->watch.id]);
    for (size_t i = 0; i < open->sides_count; i++) {
        contents_say_document(world, "  a side", &open->sides[i]);
    }
    if (open->waiting.is_there) {
        contents_say_document(world, "  waiting", &open->waiting);
    }
}
