/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "follow_round.h"

#include "failure.h"
#include "history_copy.h"
#include "merging.h"
#include "review_print.h"
#include "theirs.h"

#include <copse/head_fold.h>

enum { FOLLOW_ROUND_TRIES_MAX = 100 };

typedef struct follow_round {
    copse_call *call;
    copse_documents documents; /* mine */
    copse_follow_list *list;   /* as it was when the round began */
    copse_follow_news *news;
    copse_head_relation relations[COPSE_FOLLOW_MAX]; /* of the head taken last to the news */
    bool is_here[COPSE_FOLLOW_MAX];                  /* good, and all of it is in the store */
    bool is_known[COPSE_FOLLOW_MAX];                 /* it is the head taken last */
    size_t count;
    copse_merge_conflicts conflicts;
} follow_round;

const char *copse_follow_state_text(copse_follow_state state)
{
    static const char *const texts[] = {"followed", "rolled back", "forked"};
    return texts[state];
}

/* ---- One head -------------------------------------------------------------------------------- */

/* R1 */
static copse_status round_compare(follow_round *round, const copse_cid *last, const copse_cid *head,
                                  copse_head_relation *ret_relation)
{
    copse_call *call = round->call;
    copse_place *place = &round->documents.place;
    copse_head_order *order = NULL;
    *ret_relation = COPSE_HEADS_SAME;
    if (last->size == 0 || copse_cid_equal(last, head)) {
        return COPSE_OK;
    }
    (void)copse_place_fetch_history(place, last, head); /* what it lacks of it is asked for below */
    copse_status status =
        copse_head_order_new(&call->env, place->source, last, head, &order, &call->err);
    if (status == COPSE_OK) {
        do {
            status = copse_head_order_find(order, ret_relation, &call->err);
        } while (copse_place_fetch(place, status));
    }
    copse_head_order_free(order);
    return status;
}

static void round_warn(follow_round *round, const copse_follow_news *news, copse_follow_state state)
{
    char head[COPSE_CID_TEXT_SIZE_MAX];
    copse_warn(round->call,
               "%s %s: its head is %s, %s it had; nothing more is taken from there until `copse "
               "follow %s %s --accept`",
               news->address, state == COPSE_FOLLOW_FORKED ? "has forked" : "was rolled back",
               copse_cid_show(&news->head, head),
               state == COPSE_FOLLOW_FORKED ? "which has other commits than those"
                                            : "which lacks commits that",
               round->documents.place.name, news->address);
}

/* Looks at a head through `theirs`, and brings what is new of it. */
static void round_look(follow_round *round, size_t i, copse_theirs *theirs)
{
    copse_follow_news *news = &round->news[i];
    copse_local *local = &round->documents.place.local;
    copse_cid last;
    copse_cid commit;
    if (!copse_following_head(local, news->address, &last) ||
        !copse_theirs_commit(theirs, &commit)) {
        return;
    }
    round->is_known[i] = copse_cid_equal(&last, &commit);
    copse_status status = round_compare(round, &last, &commit, &round->relations[i]);
    if (status != COPSE_OK) {
        (void)copse_place_failure(&round->documents.place, status, news->address);
        return;
    }
    size_t at = copse_follow_list_find(round->list, news->address);
    copse_follow_state state =
        copse_follow_list_hear(round->list, at, &commit, round->relations[i], news->sequence, 0);
    if (state != COPSE_FOLLOW_GOING) {
        news->outcome = COPSE_FOLLOW_REFUSED;
        round_warn(round, news, state);
        return;
    }
    round->is_here[i] = copse_theirs_keep(theirs, &commit); /* R2 */
}

static void round_visit(follow_round *round, size_t i)
{
    copse_follow_news *news = &round->news[i];
    copse_theirs theirs;
    size_t at = copse_follow_list_find(round->list, news->address);
    round->relations[i] = COPSE_HEADS_SAME;
    if (at == SIZE_MAX) {
        news->outcome = COPSE_FOLLOW_REMOVED;
        return;
    }
    const copse_follow_source *source = copse_follow_list_at(round->list, at);
    if (source->state != COPSE_FOLLOW_GOING) {
        news->outcome = COPSE_FOLLOW_REFUSED;
        round_warn(round, news, source->state);
        return;
    }
    news->outcome = COPSE_FOLLOW_LATER;
    if (copse_theirs_open_head(&theirs, &round->documents, news->address, &news->head)) {
        round_look(round, i, &theirs);
        copse_theirs_close(&theirs);
    }
}

/* ---- Folding --------------------------------------------------------------------------------- */

/* Which news a head is; count: none, but a merge. */
static size_t round_find(const follow_round *round, const copse_cid *head)
{
    size_t i = 0;
    while (i < round->count &&
           !(round->is_here[i] && copse_cid_equal(&round->news[i].head, head))) {
        i++;
    }
    return i;
}

/* Tells what of a head was not taken. One that is held is heard again later. */
static void round_review(follow_round *round, const copse_cid *theirs,
                         const copse_head_merge_result *result)
{
    size_t i = round_find(round, theirs);
    copse_review_warn(round->call, i < round->count ? round->news[i].address : "a merge", result);
    for (; result->kind == COPSE_HEAD_MERGE_HELD && i < round->count;
         i = round_find(round, theirs)) {
        round->is_here[i] = false;
    }
}

/* Merges two of the heads. */
static copse_status round_merge(follow_round *round, const copse_cid *ours, const copse_cid *theirs,
                                copse_cid *ret_head)
{
    copse_call *call = round->call;
    copse_merging merging = {
        .documents = &round->documents,
        .ours = *ours,
        .theirs = *theirs,
        .policy = COPSE_MERGE_THREE_WAY,
        .conflicts = round->conflicts,
        .author = NULL,
        .message = "",
    };
    copse_status status = copse_merging_run(&merging);
    if (status == COPSE_OK) {
        round_review(round, theirs, &merging.result);
    }
    if (status == COPSE_OK && merging.result.stats.conflicts > 0) {
        char count[64];
        call->err = (copse_err){.status = COPSE_CONFLICT};
        (void)copse_failure(call, COPSE_CONFLICT, "without --conflicts refuse they are recorded",
                            "%s: main was not moved",
                            copse_documents_plural(merging.result.stats.conflicts, "conflict",
                                                   count, sizeof count));
        return COPSE_CONFLICT;
    }
    if (status != COPSE_OK) {
        (void)copse_place_failure(&round->documents.place, status, "the merge");
    }
    *ret_head = merging.head;
    copse_merging_close(&merging);
    return status;
}

/* In a database with a creator, each head is reviewed by itself: which stand for others says the
 * merge. Likewise. */
static copse_status round_review_heads(follow_round *round, copse_cid *heads, size_t count,
                                       copse_cid *ret_head)
{
    copse_cid head = heads[0];
    copse_status status = COPSE_OK;
    for (size_t i = 2; i < count; i++) { /* by CID: the order in which one hears plays no part */
        for (size_t k = i; k > 1 && copse_cid_compare(&heads[k], &heads[k - 1]) < 0; k--) {
            const copse_cid later = heads[k - 1];
            heads[k - 1] = heads[k];
            heads[k] = later;
        }
    }
    for (size_t i = 1; i < count && status == COPSE_OK; i++) {
        copse_cid merged;
        status = round_merge(round, &head, &heads[i], &merged);
        head = status == COPSE_OK ? merged : head;
    }
    if (status == COPSE_OK) {
        *ret_head = head;
    }
    return status;
}

/* Folds some heads, of which the first is main. Reported where it fails. */
static copse_status round_fold_heads(follow_round *round, copse_cid *heads, size_t count,
                                     copse_cid *ret_head)
{
    copse_call *call = round->call;
    if (copse_database_identity(round->documents.database) != NULL) {
        return round_review_heads(round, heads, count, ret_head);
    }
    copse_place *place = &round->documents.place;
    copse_head_fold *fold = NULL;
    const copse_cid *ours = NULL;
    const copse_cid *theirs = NULL;
    bool is_told = false;
    copse_status status =
        copse_head_fold_new(&call->env, place->source, heads, count, &fold, &call->err);
    while (status == COPSE_OK) {
        do {
            status = copse_head_fold_next(fold, &ours, &theirs, &call->err);
        } while (copse_place_fetch(place, status));
        if (status == COPSE_OK) {
            copse_cid head;
            status = round_merge(round, ours, theirs, &head);
            is_told = status != COPSE_OK;
            if (status == COPSE_OK) {
                copse_head_fold_merged(fold, &head);
            }
        }
    }
    if (status == COPSE_END) {
        *ret_head = *copse_head_fold_head(fold);
    } else if (!is_told) {
        (void)copse_place_failure(place, status, "what was heard");
    }
    copse_head_fold_free(fold);
    return status == COPSE_END ? COPSE_OK : status;
}

/* What main becomes: all heads that are here folded with it (R3); or, where not all of them can be
 * merged, those of which each alone can be. */
static bool round_fold(follow_round *round, copse_cid *ret_head)
{
    copse_cid heads[COPSE_FOLLOW_MAX + 1] = {round->documents.head};
    size_t count = 1;
    for (size_t i = 0; i < round->count; i++) {
        if (round->is_here[i]) {
            heads[count++] = round->news[i].head;
        }
    }
    copse_cid main = round->documents.head;
    *ret_head = main;
    if (count == 1 || round_fold_heads(round, heads, count, ret_head) == COPSE_OK) {
        return true;
    }
    bool is_any = false;
    for (size_t i = 0; i < round->count; i++) {
        if (round->is_here[i]) {
            copse_cid two[2] = {main, round->news[i].head};
            round->is_here[i] = count > 2 && round_fold_heads(round, two, 2, &main) == COPSE_OK;
            is_any |= round->is_here[i];
        }
    }
    *ret_head = main;
    return is_any;
}

/* Folds, and moves main; again on what it is then where somebody else moves it. */
static bool round_move(follow_round *round, copse_cid *ret_before)
{
    copse_documents *documents = &round->documents;
    copse_cid head;
    copse_status status = COPSE_CONFLICT;
    for (int i = 0; status == COPSE_CONFLICT && i < FOLLOW_ROUND_TRIES_MAX; i++) {
        if (i > 0 && !copse_documents_refresh(documents)) {
            return false;
        }
        *ret_before = documents->head;
        if (!round_fold(round, &head)) {
            return true; /* nothing came of it, which was reported */
        }
        if (copse_cid_equal(&head, &documents->head)) {
            return true;
        }
        status =
            copse_local_move_ref(&documents->place.local, documents->ref, &documents->head, &head);
    }
    if (status == COPSE_CONFLICT) {
        (void)copse_failure_of(round->call, status, "'%s'", documents->ref);
    }
    documents->head = status == COPSE_OK ? head : documents->head;
    return status == COPSE_OK;
}

/* ---- Afterwards ------------------------------------------------------------------------------ */

static bool round_note(void *ctx, copse_follow_list *list)
{
    follow_round *round = ctx;
    uint64_t now = round->call->env.clock(round->call->env.clock_ctx);
    for (size_t i = 0; i < round->count; i++) {
        const copse_follow_news *news = &round->news[i];
        size_t at = copse_follow_list_find(list, news->address);
        bool is_heard =
            round->is_here[i] ? !round->is_known[i] : news->outcome == COPSE_FOLLOW_REFUSED;
        if (at != SIZE_MAX && is_heard) {
            (void)copse_follow_list_hear(list, at, &news->head, round->relations[i], news->sequence,
                                         now);
        }
    }
    return true;
}

/* R4 */
static bool round_keep(follow_round *round)
{
    copse_local *local = &round->documents.place.local;
    for (size_t i = 0; i < round->count; i++) {
        copse_follow_news *news = &round->news[i];
        if (round->is_here[i]) {
            news->outcome = COPSE_FOLLOW_TAKEN;
            if (!round->is_known[i] &&
                !copse_following_set_head(local, news->address, &news->head)) {
                return false;
            }
        }
    }
    return copse_following_edit(local, round_note, round);
}

static void round_tell_one(copse_output *out, const char *event, const char *address,
                           const copse_cid *cid)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (out->json) {
        copse_output_begin(out);
        copse_output_text(out, "event", event);
        if (address != NULL) {
            copse_output_text(out, "address", address);
        }
        copse_output_cid(out, "head", cid);
        copse_output_end(out);
    } else {
        copse_output_format(out, "%s  %s%s%s\n", event, copse_cid_show(cid, text),
                            address != NULL ? "  " : "", address != NULL ? address : "");
    }
}

static void round_tell(follow_round *round, const copse_cid *before)
{
    copse_output *out = &round->call->output;
    for (size_t i = 0; i < round->count; i++) {
        if (round->is_here[i] && !round->is_known[i]) {
            round_tell_one(out, "took", round->news[i].address, &round->news[i].head);
        }
    }
    if (!copse_cid_equal(before, &round->documents.head)) {
        round_tell_one(out, "main", NULL, &round->documents.head);
    }
    (void)copse_output_flush(out);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static bool round_run(follow_round *round)
{
    copse_documents *documents = &round->documents;
    copse_cid before;
    if (!documents->has_history) {
        (void)copse_failure(round->call, COPSE_MISUSE, "`copse init DB` makes a database",
                            "'%s' is a tree without history", documents->ref);
        return false;
    }
    if (!copse_following_read(&documents->place.local, &round->list, NULL)) {
        return false;
    }
    for (size_t i = 0; i < round->count; i++) {
        round_visit(round, i);
    }
    if (!round_move(round, &before) || !round_keep(round)) {
        return false;
    }
    round_tell(round, &before);
    return true;
}

bool copse_follow_round_run(copse_call *call, copse_follow_news *news, size_t count,
                            copse_merge_conflicts conflicts)
{
    follow_round round = {.call = call, .news = news, .count = count, .conflicts = conflicts};
    call->env.limits.wants_max = COPSE_HISTORY_COPY_WANTS;
    if (!copse_documents_open(&round.documents, call, COPSE_LOCAL_WRITE)) {
        return false;
    }
    bool done = round_run(&round);
    copse_follow_list_free(round.list);
    copse_documents_close(&round.documents);
    return done;
}
