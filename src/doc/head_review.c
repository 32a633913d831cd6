/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/head_review.h"

#include "base/alloc.h"
#include "base/err.h"
#include "doc/writers.h"
#include "history/commit.h"
#include "index/key_space.h"

#include <copse/merge_base.h>

#include <string.h>

/* The last answer about a right, so that not each document costs a walk over the grants. */
typedef struct head_review_answer {
    bool is_known;
    bool is_yes;
    copse_public_key who;
    char collection[COPSE_NAME_SIZE_BYTES_MAX];
    size_t collection_size;
    char reason[COPSE_AUTHORITY_REASON_SIZE_MAX];
} head_review_answer;

/* Last commits, of which it is known whether the head is in their past. */
typedef struct head_review_lasts {
    copse_cid *cids;
    size_t count;
    size_t capacity;
} head_review_lasts;

/* A collection of which has_refused is true. */
typedef struct head_review_collection {
    copse_bytes name;
    const struct head_review_collection *next;
} head_review_collection;

struct copse_head_review {
    const copse_env *env;
    copse_source *source;
    bool is_last_lost;
    copse_authority *authority;
    copse_cid commit;
    uint64_t commit_ms;
    uint32_t commit_counter;
    uint64_t time_ms; /* the later of the commit's and the clock's */
    bool is_signed;
    copse_public_key signer;
    const char *unsigned_reason;
    copse_merge_base
        *search; /* of the head in the past of a last commit; NULL: none is under way */
    bool wants_last;
    head_review_lasts reaching;
    head_review_lasts others;
    head_review_answer answers[COPSE_RIGHT_ADMIN + 1]; /* by right */
    copse_head_refusals refusals;
    const head_review_collection *collections; /* in the arena of the refusals */
};

/* ---- Life ------------------------------------------------------------------------------------ */

copse_status copse_head_review_hold(const copse_env *env, uint64_t time_ms, uint64_t *ret_until_ms,
                                    copse_err *err)
{
    if (env->clock == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "a database with a creator is merged by a clock, and the env has none");
    }
    uint64_t now_ms = env->clock(env->clock_ctx);
    bool is_ahead = time_ms > now_ms && time_ms - now_ms > COPSE_HEAD_MERGE_AHEAD_MS_MAX;
    *ret_until_ms = is_ahead ? time_ms - COPSE_HEAD_MERGE_AHEAD_MS_MAX : 0;
    return COPSE_OK;
}

/* Finds out who signed the head (R1). */
static copse_status head_review_read_commit(copse_head_review *review, const copse_block *block,
                                            copse_err *err)
{
    copse_commit commit;
    copse_status status = copse_commit_decode(review->env, block, &commit, err);
    if (status != COPSE_OK) {
        return status;
    }
    review->commit = *copse_block_cid(block);
    review->commit_ms = commit.time_ms;
    review->commit_counter = commit.time_counter;
    review->time_ms = review->env->clock(review->env->clock_ctx);
    if (review->time_ms < commit.time_ms) {
        review->time_ms = commit.time_ms;
    }
    status = copse_commit_verify(review->env, &commit, err);
    if (status == COPSE_OK) {
        status = copse_public_key_from_did(commit.author, &review->signer, err);
        review->is_signed = status == COPSE_OK;
        return status;
    }
    review->unsigned_reason = status == COPSE_NOT_FOUND ? "the commit is not signed"
                                                        : "the signature of the commit is wrong";
    return status == COPSE_NOT_FOUND || status == COPSE_CORRUPT ? COPSE_OK : status;
}

static copse_status head_review_add_row(void *ctx, const copse_public_key *to, copse_bytes row,
                                        copse_err *err)
{
    copse_status status = copse_authority_add_row(ctx, to, row, err);
    return status == COPSE_CORRUPT ? COPSE_OK : status; /* the merge leaves it out, too */
}

/* Reads what both sides say (R2). */
static copse_status head_review_read_statements(copse_head_review *review, copse_database *ours,
                                                copse_database *theirs, copse_err *err)
{
    copse_status status = copse_writers_authority(ours, &review->authority, err);
    return status == COPSE_OK
               ? copse_writers_walk(theirs, head_review_add_row, review->authority, err)
               : status;
}

copse_status copse_head_review_new(const copse_env *env, const copse_head_review_options *options,
                                   copse_head_review **ret_review, copse_err *err)
{
    uint64_t until_ms;
    copse_status status = copse_head_review_hold(env, 0, &until_ms, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_head_review *review = copse_alloc_zeroed(env, sizeof *review);
    if (review == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    review->env = env;
    review->source = options->source;
    review->is_last_lost = options->is_last_lost;
    copse_head_refusals_init(&review->refusals, env);
    status = head_review_read_commit(review, options->commit, err);
    if (status == COPSE_OK) {
        status = head_review_read_statements(review, options->ours, options->theirs, err);
    }
    if (status != COPSE_OK) {
        copse_head_review_free(review);
        return status;
    }
    *ret_review = review;
    return COPSE_OK;
}

copse_head_review *copse_head_review_free(copse_head_review *review)
{
    if (review != NULL) {
        copse_merge_base_free(review->search);
        copse_authority_free(review->authority);
        copse_free_array(review->env, review->reaching.cids, review->reaching.capacity,
                         sizeof *review->reaching.cids);
        copse_free_array(review->env, review->others.cids, review->others.capacity,
                         sizeof *review->others.cids);
        copse_head_refusals_release(&review->refusals);
        copse_free(review->env, review, sizeof *review);
    }
    return NULL;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static copse_status head_review_add_last(const copse_head_review *review, head_review_lasts *lasts,
                                         const copse_cid *last, copse_err *err)
{
    void *cids = lasts->cids;
    bool is_grown = copse_array_grow(review->env, &cids, &lasts->capacity, lasts->count + 1,
                                     sizeof *lasts->cids);
    lasts->cids = cids;
    if (!is_grown) {
        return COPSE_ERR_NOMEM(err);
    }
    lasts->cids[lasts->count++] = *last;
    return COPSE_OK;
}

/* Finds out whether `last` is the head, or came from it (R3). What is no commit did not. */
static copse_status head_review_find_last(copse_head_review *review, const copse_cid *last,
                                          copse_err *err)
{
    const copse_cid *bases = NULL;
    size_t count = 0;
    copse_status status = COPSE_OK;
    if (review->search == NULL) {
        status = copse_merge_base_new(review->env, review->source, &review->commit, last,
                                      &review->search, err);
    }
    if (status == COPSE_OK) {
        status = copse_merge_base_find(review->search, &bases, &count, err);
    }
    review->wants_last = status == COPSE_WANT && !review->is_last_lost;
    bool is_found = status == COPSE_OK && count == 1 && copse_cid_equal(&bases[0], &review->commit);
    bool is_decided = status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT ||
                      (status == COPSE_WANT && review->is_last_lost);
    if (is_decided) {
        review->search = copse_merge_base_free(review->search);
        status =
            head_review_add_last(review, is_found ? &review->reaching : &review->others, last, err);
    }
    return status;
}

static copse_status head_review_ask_authority(copse_head_review *review,
                                              const copse_public_key *who, copse_right right,
                                              copse_bytes collection,
                                              copse_authority_answer *ret_answer, copse_err *err)
{
    copse_status status = COPSE_OK;
    do {
        const copse_authority_question question = {
            .who = *who,
            .right = right,
            .collection = collection,
            .time_ms = review->time_ms,
            .reaching = review->reaching.cids,
            .reaching_count = review->reaching.count,
            .others = review->others.cids,
            .others_count = review->others.count,
        };
        status = copse_authority_can(review->authority, &question, ret_answer, err);
        if (status == COPSE_OK && ret_answer->verdict == COPSE_AUTHORITY_UP_TO) {
            status = head_review_find_last(review, &ret_answer->last, err);
        }
    } while (status == COPSE_OK && ret_answer->verdict == COPSE_AUTHORITY_UP_TO);
    return status;
}

static bool head_review_is_answer(const head_review_answer *answer, const copse_public_key *who,
                                  copse_bytes collection)
{
    const copse_bytes name = {(const uint8_t *)answer->collection, answer->collection_size};
    return answer->is_known && copse_public_key_equal(&answer->who, who) &&
           copse_bytes_equal(name, collection);
}

static void head_review_keep_answer(head_review_answer *answer, const copse_public_key *who,
                                    copse_bytes collection, const copse_authority_answer *given)
{
    answer->is_known = collection.len > 0 && collection.len <= sizeof answer->collection;
    answer->is_yes = given->verdict == COPSE_AUTHORITY_YES;
    answer->who = *who;
    if (answer->is_known) {
        memcpy(answer->collection, collection.ptr, collection.len);
        answer->collection_size = collection.len;
    }
    memcpy(answer->reason, given->reason, sizeof answer->reason);
}

copse_status copse_head_review_ask(copse_head_review *review, const copse_public_key *signer,
                                   copse_right right, copse_bytes collection, copse_err *err)
{
    const copse_public_key *who = signer != NULL ? signer : &review->signer;
    head_review_answer *answer = &review->answers[right];
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    copse_status status = COPSE_OK;
    if (signer == NULL && !review->is_signed) {
        return COPSE_ERR(err, COPSE_DENIED, "%s", review->unsigned_reason);
    }
    if (!head_review_is_answer(answer, who, collection)) {
        copse_authority_answer given;
        status = head_review_ask_authority(review, who, right, collection, &given, err);
        if (status == COPSE_OK) {
            head_review_keep_answer(answer, who, collection, &given);
        }
    }
    if (status == COPSE_OK && !answer->is_yes) {
        (void)copse_public_key_to_did(who, did);
        status = COPSE_ERR(err, COPSE_DENIED, "%s %s", did, answer->reason);
    }
    return status;
}

copse_status copse_head_review_check_time(const copse_head_review *review, uint64_t time_ms,
                                          uint32_t time_counter, copse_err *err)
{
    return copse_commit_time_compare(time_ms, time_counter, review->commit_ms,
                                     review->commit_counter) <= 0
               ? COPSE_OK
               : COPSE_ERR(err, COPSE_DENIED, "its time is later than that of the commit");
}

bool copse_head_review_wants_last(const copse_head_review *review)
{
    return review->wants_last;
}

/* ---- What was left out ----------------------------------------------------------------------- */

static bool head_review_note_collection(copse_head_review *review, copse_bytes name)
{
    copse_arena *arena = &review->refusals.arena;
    head_review_collection *noted = copse_arena_alloc(arena, sizeof *noted);
    copse_bytes copy = copse_arena_dup(arena, name);
    if (noted == NULL || copy.ptr == NULL) {
        return false;
    }
    *noted = (head_review_collection){copy, review->collections};
    review->collections = noted;
    return true;
}

copse_status copse_head_review_refuse(copse_head_review *review, const copse_head_refusal *refusal,
                                      copse_err *err)
{
    return refusal->what != COPSE_CONFLICT_COLLECTION ||
                   head_review_note_collection(review, refusal->collection)
               ? copse_head_refusals_add(&review->refusals, refusal, err)
               : COPSE_ERR_NOMEM(err);
}

bool copse_head_review_has_refused(const copse_head_review *review, copse_bytes collection)
{
    const head_review_collection *at = review->collections;
    while (at != NULL && !copse_bytes_equal(at->name, collection)) {
        at = at->next;
    }
    return at != NULL;
}

const copse_head_refusals *copse_head_review_refusals(const copse_head_review *review)
{
    return &review->refusals;
}
