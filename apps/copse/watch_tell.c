/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "watch_tell.h"

#include "failure.h"

enum { WATCH_CHECKPOINT = 1000 /* changes between two writes of the state */ };

/* ---- A head that does not follow ------------------------------------------------------------- */

/* Whether what was seen is the head's parent, or among its first parents. */
static copse_status watch_tell_follows(copse_watch_tell *tell, const copse_past *before,
                                       const copse_past *after, bool *ret_follows)
{
    copse_place *place = tell->place;
    copse_cid found;
    for (size_t i = 0; i < after->commit.parents_count; i++) {
        if (copse_cid_equal(&after->commit.parents[i], &before->cid)) {
            *ret_follows = true;
            return COPSE_OK;
        }
    }
    copse_status status;
    do {
        status = copse_commit_at(&tell->call->env, place->source, &after->cid,
                                 before->commit.time_ms, &found, &tell->call->err);
    } while (copse_place_fetch(place, status));
    *ret_follows = status == COPSE_OK && copse_cid_equal(&found, &before->cid);
    return status == COPSE_NOT_FOUND ? COPSE_OK : status;
}

static copse_status watch_tell_check_order(copse_watch_tell *tell, const copse_past *before,
                                           const copse_past *after)
{
    bool follows = true;
    copse_status status = COPSE_OK;
    if (before->block != NULL && after->block != NULL && tell->reader->state.told == 0) {
        status = watch_tell_follows(tell, before, after, &follows);
    }
    if (status == COPSE_OK && !follows) {
        copse_watch_print_jump(&tell->print, &before->cid, &after->cid,
                               after->commit.generation <= before->commit.generation);
    }
    return status;
}

/* ---- Telling --------------------------------------------------------------------------------- */

void copse_watch_tell_leave_way(copse_watch_tell *tell)
{
    tell->reader->state.toward = (copse_cid){.size = 0};
    tell->reader->state.told = 0;
}

/* Hands what was printed over, and remembers it. */
static bool watch_tell_settle(copse_watch_tell *tell)
{
    return tell->print.only_counts ||
           (copse_output_flush(&tell->call->output) && copse_reader_save(tell->reader));
}

static copse_status watch_tell_next(copse_watch_tell *tell, copse_watch *watch,
                                    copse_watch_change *change)
{
    copse_status status;
    do {
        status = copse_watch_next(watch, change, &tell->call->err);
    } while (copse_place_fetch(tell->place, status));
    return status;
}

/* Counts those that are left. END: that is all. */
static copse_status watch_tell_count(copse_watch_tell *tell, copse_watch *watch)
{
    copse_watch_counts counts;
    copse_status status;
    do {
        status = copse_watch_count(watch, &counts, &tell->call->err);
    } while (copse_place_fetch(tell->place, status));
    if (status != COPSE_OK) {
        return status;
    }
    counts.changed = tell->membership_only ? 0 : counts.changed;
    copse_watch_print_add_counts(&tell->print, &counts);
    return COPSE_END;
}

/* Tells the changes behind those that were told; END: all of them are; OK: enough. */
static copse_status watch_tell_changes(copse_watch_tell *tell, copse_watch *watch)
{
    copse_watch_change change;
    copse_status status = COPSE_OK;
    for (uint64_t i = 0; i < tell->reader->state.told && status == COPSE_OK; i++) {
        status = watch_tell_next(tell, watch, &change);
    }
    if (status == COPSE_OK && tell->print.only_counts) {
        return watch_tell_count(tell, watch);
    }
    while (status == COPSE_OK && tell->told < tell->told_max && !tell->call->output.failed) {
        status = watch_tell_next(tell, watch, &change);
        if (status == COPSE_OK) {
            status = copse_watch_print_change(&tell->print, &change, &tell->reader->state.toward);
        }
        if (status == COPSE_OK) {
            tell->told++;
            tell->reader->state.told++;
        }
        if (status == COPSE_OK && tell->reader->state.told % WATCH_CHECKPOINT == 0 &&
            !watch_tell_settle(tell)) {
            return COPSE_OK;
        }
    }
    return status;
}

/* Whether what was not fetched may be had later: peers can be down, or announce a head before its
 * blocks, or one that is none. */
static bool watch_tell_may_come(const copse_watch_tell *tell)
{
    const copse_place *place = tell->place;
    return copse_place_is_remote(place) &&
           (place->failed == COPSE_IO || place->failed == COPSE_NOT_FOUND);
}

/* What a status that is no end came to; reported. */
static copse_watch_outcome watch_tell_fail(copse_watch_tell *tell, copse_status status,
                                           const char *what)
{
    bool waits = status == COPSE_WANT && watch_tell_may_come(tell);
    (void)copse_place_failure(tell->place, status, what);
    return waits ? COPSE_WATCH_LATER : COPSE_WATCH_FAILED;
}

static copse_watch_outcome watch_tell_between(copse_watch_tell *tell, copse_past *before,
                                              copse_past *after)
{
    copse_watch *watch = NULL;
    bool is_in_order = before->place == NULL || tell->print.only_counts;
    copse_status status = is_in_order ? COPSE_OK : watch_tell_check_order(tell, before, after);
    if (status == COPSE_OK) {
        status = copse_watch_new(tell->query, before->database, after->database,
                                 tell->reader->state.membership_only, &watch, &tell->call->err);
    }
    if (status == COPSE_OK) {
        status = watch_tell_changes(tell, watch);
        copse_watch_print_add_cost(&tell->print, watch);
    }
    copse_watch_free(watch);
    if (status != COPSE_OK && status != COPSE_END) {
        return watch_tell_fail(tell, status, "the changes");
    }
    if (status == COPSE_END) {
        tell->reader->state.seen = tell->reader->state.toward;
        copse_watch_tell_leave_way(tell);
    }
    if (!watch_tell_settle(tell)) {
        return COPSE_WATCH_FAILED;
    }
    return status == COPSE_END ? COPSE_WATCH_TOLD : COPSE_WATCH_ENOUGH;
}

/* A collection may come later; but its name may be a slip. */
static void watch_tell_note_collection(copse_watch_tell *tell, const copse_past *after)
{
    copse_bytes name = copse_bytes_of_text(tell->reader->key.collection);
    if (!tell->is_missed && copse_database_collection(after->database, name) == NULL) {
        tell->is_missed = true;
        copse_note(tell->call, "copse: there is no collection '%s' now",
                   tell->reader->key.collection);
    }
}

/* Tells what differs on the way to `head`. */
static copse_watch_outcome watch_tell_toward(copse_watch_tell *tell, const copse_cid *head)
{
    copse_place *place = tell->place;
    copse_past before = {.place = NULL};
    copse_past after = {.place = NULL};
    copse_watch_outcome outcome = COPSE_WATCH_FAILED;
    tell->reader->state.toward = *head;
    if (tell->reader->state.told == 0) {
        tell->reader->state.membership_only = tell->membership_only;
    }
    place->failed = COPSE_OK;
    if ((tell->reader->state.seen.size == 0 ||
         copse_past_open(&before, place, &tell->reader->state.seen, "what was seen last")) &&
        copse_past_open(&after, place, head, "the head")) {
        watch_tell_note_collection(tell, &after);
        outcome = watch_tell_between(tell, &before, &after);
    } else if (watch_tell_may_come(tell) && (place->failed == COPSE_IO || before.place != NULL ||
                                             tell->reader->state.seen.size == 0)) {
        outcome = COPSE_WATCH_LATER;
    } else if (tell->reader->state.seen.size > 0 && before.place == NULL) {
        copse_note(tell->call, "copse: %s", copse_reader_hint(tell->reader));
    }
    copse_past_close(&after);
    copse_past_close(&before);
    copse_source_unpin(place->source);
    return outcome;
}

/* The head that was half told may be gone, such as by a reset and a collection of garbage. */
static void watch_tell_check_way(copse_watch_tell *tell)
{
    copse_place *place = tell->place;
    copse_commit commit;
    copse_block *block = NULL;
    place->failed = COPSE_OK;
    copse_status status = copse_place_commit(place, &tell->reader->state.toward, &commit, &block);
    copse_block_unref(block);
    copse_source_unpin(place->source);
    bool is_nowhere = !place->has_peers || place->failed == COPSE_NOT_FOUND;
    if (status == COPSE_NOT_FOUND || (status == COPSE_WANT && is_nowhere)) {
        if (tell->reader->state.told > 0) {
            copse_note(tell->call, "copse: a head that was told in part is gone: what differs "
                                   "from what was seen before it is told, some of it again");
        }
        copse_watch_tell_leave_way(tell);
    }
}

copse_watch_outcome copse_watch_tell_all(copse_watch_tell *tell, const copse_cid *head)
{
    copse_watch_outcome outcome = COPSE_WATCH_TOLD;
    if (tell->reader->state.toward.size > 0) {
        watch_tell_check_way(tell);
    }
    copse_cid toward = tell->reader->state.toward;
    if (toward.size > 0) {
        outcome = watch_tell_toward(tell, &toward);
    }
    if (outcome == COPSE_WATCH_TOLD && head->size > 0 &&
        !copse_cid_equal(&tell->reader->state.seen, head)) {
        outcome = watch_tell_toward(tell, head);
    }
    return outcome;
}
