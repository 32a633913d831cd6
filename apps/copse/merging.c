/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "merging.h"

#include "dropped.h"

/* Runs the merge to its end. */
static copse_status merging_run_all(copse_merging *merging, copse_head_merge *merge)
{
    copse_call *call = merging->documents->call;
    copse_database_conflict conflict;
    copse_status status = COPSE_OK;
    merging->print = (copse_merge_print){.call = call};
    while (status == COPSE_OK) {
        do {
            status = copse_head_merge_next(merge, &conflict, &call->err);
        } while (copse_place_fetch(&merging->documents->place, status));
        if (status == COPSE_OK) {
            status = copse_merge_print_conflict(&merging->print, &conflict);
        }
    }
    copse_merge_print_end(&merging->print);
    return status == COPSE_END ? COPSE_OK : status;
}

/* Puts the commit of a merge that was made. */
static copse_status merging_put_commit(copse_merging *merging)
{
    copse_call *call = merging->documents->call;
    copse_block *block = NULL;
    const copse_commit *commit = &merging->result.commit;
    bool is_decided = merging->result.stats.settled > 0 && merging->author != NULL;
    copse_status status = is_decided ? copse_author_commit(merging->author, call, commit, &block)
                                     : copse_commit_encode(&call->env, commit, &block, &call->err);
    if (status == COPSE_OK) {
        merging->head = *copse_block_cid(block);
        status = copse_store_put(merging->documents->place.local.store, &block, 1, &call->err);
    }
    copse_block_unref(block);
    return status;
}

/* Notes what was wanted of the base, or of a last commit, if whoever could be asked has it not. */
static void merging_note_lost(copse_merging *merging, const copse_head_merge *merge)
{
    copse_place *place = &merging->documents->place;
    char text[COPSE_DROPPED_TEXT_SIZE];
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(place->source, &count);
    if (count == 0 || (place->failed != COPSE_OK && place->failed != COPSE_NOT_FOUND)) {
        return;
    }
    if (copse_head_merge_wants_last(merge)) {
        merging->is_last_lost = true;
        return;
    }
    merging->base = wants[0];
    merging->is_base_lost = copse_head_merge_wants_base(merge) ||
                            copse_dropped_show(&place->local, &merging->base, text) != NULL;
}

/* Where there are no conflicts `head` is the merge. */
static copse_status merging_try(copse_merging *merging)
{
    copse_documents *documents = merging->documents;
    copse_place *place = &documents->place;
    copse_call *call = documents->call;
    const copse_head_merge_options options = {
        .cache = place->nodes,
        .store = place->local.store,
        .ours = merging->ours,
        .theirs = merging->theirs,
        .is_base_lost = merging->is_base_lost,
        .is_last_lost = merging->is_last_lost,
        .policy = merging->policy,
        .conflicts = merging->conflicts,
        .author = copse_bytes_of_text(merging->author != NULL ? merging->author->did : ""),
        .message = copse_bytes_of_text(merging->message),
        .key = merging->author != NULL ? merging->author->key : NULL,
    };
    if (place->beside != NULL || place->has_peers) {
        /* What it lacks of it is asked for by who needs it. */
        (void)copse_place_fetch_history(place, &merging->ours, &merging->theirs);
    }
    copse_merging_close(merging);
    copse_status status = copse_head_merge_new(&call->env, &options, &merging->merge, &call->err);
    if (status == COPSE_OK) {
        status = merging_run_all(merging, merging->merge);
        merging->result = *copse_head_merge_get_result(merging->merge);
    }
    if (status == COPSE_WANT && !merging->is_base_lost) {
        merging_note_lost(merging, merging->merge);
    }
    if (status == COPSE_OK) {
        merging->head =
            merging->result.kind == COPSE_HEAD_MERGE_FORWARD ? merging->result.head : merging->ours;
    }
    if (status == COPSE_OK && merging->result.stats.conflicts == 0 &&
        merging->result.kind == COPSE_HEAD_MERGE_MADE) {
        status = merging_put_commit(merging);
    }
    return status;
}

void copse_merging_close(copse_merging *merging)
{
    merging->merge = copse_head_merge_free(merging->merge);
}

copse_status copse_merging_run(copse_merging *merging)
{
    copse_status status;
    bool is_more;
    merging->is_base_lost = false;
    merging->is_last_lost = false;
    do { /* Without what both were, what depends on it is refused; so it is without a last commit.
          */
        bool was_base_lost = merging->is_base_lost;
        bool was_last_lost = merging->is_last_lost;
        status = merging_try(merging);
        is_more = status == COPSE_WANT && (merging->is_base_lost != was_base_lost ||
                                           merging->is_last_lost != was_last_lost);
    } while (is_more);
    return status;
}
