/* Merging two heads, stage after stage.
 *
 *   F1  A deletion that was forgotten shows nowhere that there was something to delete. A side may
 *       have forgotten those from before its forgotten_ms, and what it merges from then on. A
 *       commit is no earlier than what it wrote, unless a clock was wrong. So two are merged only
 *       if each comes from all commits of the other from before that time: then both knew what was
 *       deleted, and whoever merges either later finds the same. Where they parted says less: an
 *       old branch may have been merged into one side since.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/head_pair.h"

#include <copse/merge_base.h>

#include "base/alloc.h"
#include "base/err.h"
#include "doc/catalogue.h"
#include "doc/database_merge.h"
#include "doc/head_review.h"
#include "history/commit.h"

typedef enum head_pair_stage {
    HEAD_PAIR_BASES, /* are looked for */
    HEAD_PAIR_OURS,  /* comes before theirs: is it a database with a creator? */
    HEAD_PAIR_OPEN,
    HEAD_PAIR_DOCUMENTS,
    HEAD_PAIR_APPLY,
    HEAD_PAIR_COMMIT,
    HEAD_PAIR_DONE
} head_pair_stage;

struct copse_head_pair {
    const copse_env *env;
    copse_head_merge_options options;
    head_pair_stage stage;
    copse_merge_base *search;
    copse_cid base;      /* in the place of the bases; of size 0: none */
    copse_cid base_tree; /* that theirs is compared with; of size 0: none */
    copse_head_merge_commit ours;
    copse_head_merge_commit theirs;
    copse_head_merge_sides sides;
    bool is_forward; /* the base is ours, and theirs is to be reviewed */
    copse_head_review *review;
    bool is_by_writer; /* who signed theirs may write something, or it is an automatic merge */
    bool is_empty;     /* theirs is not, and changes nothing */
    copse_database_merge *documents;
    copse_cid tree; /* of the merge */
    copse_head_merge_result result;
    copse_err failure; /* what it failed with, and does again */
};

/* ---- Life ------------------------------------------------------------------------------------ */

copse_status copse_head_pair_new(const copse_env *env, const copse_head_merge_options *options,
                                 copse_head_pair **ret_pair, copse_err *err)
{
    copse_head_pair *pair = copse_alloc_zeroed(env, sizeof *pair);
    if (pair == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    pair->env = env;
    pair->options = *options;
    copse_status status =
        copse_merge_base_new(env, copse_node_cache_source(options->cache), &options->ours,
                             &options->theirs, &pair->search, err);
    if (status != COPSE_OK) {
        copse_head_pair_free(pair);
        return status;
    }
    *ret_pair = pair;
    return COPSE_OK;
}

copse_head_pair *copse_head_pair_free(copse_head_pair *pair)
{
    if (pair != NULL) {
        copse_database_merge_free(pair->documents);
        copse_head_review_free(pair->review);
        copse_head_merge_close(&pair->sides);
        copse_head_merge_forget(&pair->ours);
        copse_head_merge_forget(&pair->theirs);
        copse_merge_base_free(pair->search);
        copse_free(pair->env, pair, sizeof *pair);
    }
    return NULL;
}

void copse_head_pair_set_base(copse_head_pair *pair, const copse_cid *base)
{
    pair->base = *base;
}

const copse_head_merge_result *copse_head_pair_get_result(const copse_head_pair *pair)
{
    return &pair->result;
}

bool copse_head_pair_wants_base(const copse_head_pair *pair)
{
    return pair->stage == HEAD_PAIR_OPEN && !pair->options.is_base_lost && pair->result.bases > 0 &&
           pair->sides.databases[0] == NULL;
}

bool copse_head_pair_wants_last(const copse_head_pair *pair)
{
    return pair->review != NULL && copse_head_review_wants_last(pair->review);
}

/* ---- Stages: each moves to the next one when it is OK ---------------------------------------- */

static copse_status head_pair_find_bases(copse_head_pair *pair, copse_err *err)
{
    const copse_head_merge_options *options = &pair->options;
    const copse_cid *bases = NULL;
    copse_status status = copse_merge_base_find(pair->search, &bases, &pair->result.bases, err);
    if (status != COPSE_OK) {
        return status;
    }
    pair->stage = HEAD_PAIR_OPEN;
    if (pair->result.bases == 1 && copse_cid_equal(&bases[0], &options->theirs)) {
        pair->result.kind = COPSE_HEAD_MERGE_NOTHING;
        pair->stage = HEAD_PAIR_DONE;
    } else if (pair->result.bases == 1 && copse_cid_equal(&bases[0], &options->ours)) {
        pair->result.kind = COPSE_HEAD_MERGE_FORWARD;
        pair->stage = HEAD_PAIR_OURS;
    } else {
        pair->result.kind = COPSE_HEAD_MERGE_MADE;
    }
    return COPSE_OK;
}

/* Theirs comes from ours: in a database without a creator it is the merge. */
static copse_status head_pair_look_at_ours(copse_head_pair *pair, copse_err *err)
{
    const copse_head_merge_options *options = &pair->options;
    copse_cid roots[3] = {{.size = 0}};
    copse_status status =
        copse_head_merge_read(pair->env, options, &options->ours, &pair->ours, err);
    if (status == COPSE_OK) {
        roots[1] = pair->ours.tree;
        status = copse_head_merge_open(options, roots, &pair->sides, err);
    }
    if (status == COPSE_OK) {
        pair->is_forward = copse_database_identity(pair->sides.databases[1]) != NULL;
        pair->stage = pair->is_forward ? HEAD_PAIR_OPEN : HEAD_PAIR_DONE;
        pair->result.head = pair->is_forward ? pair->result.head : options->theirs;
    }
    return status;
}

/* F1 */
static copse_status head_pair_check_forgotten(const copse_head_pair *pair, copse_err *err)
{
    uint64_t earliest_ms = copse_merge_base_earliest_ms(pair->search);
    for (size_t side = 1; side < 3 && pair->result.bases > 0; side++) {
        size_t count = 0;
        const copse_collection *collections =
            copse_database_collections(pair->sides.databases[side], &count);
        for (size_t i = 0; i < count; i++) {
            const copse_collection *collection = &collections[i];
            if (copse_merge_has_versions(collection->merge) &&
                earliest_ms < collection->forgotten_ms) {
                return COPSE_ERR(err, COPSE_CONFLICT,
                                 "%.*s: deletions were forgotten that were made before all was "
                                 "merged: the side that has not forgotten them, or is the older "
                                 "one, has to be cloned anew",
                                 (int)collection->name.len, (const char *)collection->name.ptr);
            }
        }
    }
    return COPSE_OK;
}

static copse_status head_pair_open_sides(copse_head_pair *pair, copse_err *err)
{
    const copse_head_merge_options *options = &pair->options;
    copse_cid roots[3] = {{.size = 0}};
    const copse_cid *bases = NULL;
    size_t count = 0;
    bool has_other_base = !pair->is_forward;
    copse_status status = copse_merge_base_find(pair->search, &bases, &count, err);
    if (status == COPSE_OK && pair->base.size > 0) {
        bases = &pair->base;
        count = 1;
    }
    if (status == COPSE_OK && has_other_base && !options->is_base_lost) {
        status = copse_head_merge_base_tree(pair->env, options, bases, count, &roots[0], err);
    }
    if (status == COPSE_OK) {
        status = copse_head_merge_read(pair->env, &pair->options, &options->ours, &pair->ours, err);
    }
    if (status == COPSE_OK) {
        status =
            copse_head_merge_read(pair->env, &pair->options, &options->theirs, &pair->theirs, err);
    }
    if (status == COPSE_OK) {
        roots[1] = pair->ours.tree;
        roots[2] = pair->theirs.tree;
        pair->base_tree = has_other_base ? roots[0] : pair->ours.tree;
        status = copse_head_merge_open(options, roots, &pair->sides, err);
    }
    return status == COPSE_OK && has_other_base ? head_pair_check_forgotten(pair, err) : status;
}

/* Begins the review of theirs, in a database with a creator. END: theirs is held. */
static copse_status head_pair_begin_review(copse_head_pair *pair, copse_err *err)
{
    copse_head_merge_result *result = &pair->result;
    const copse_head_review_options options = {
        .source = copse_node_cache_source(pair->options.cache),
        .ours = pair->sides.databases[1],
        .theirs = pair->sides.databases[2],
        .commit = pair->theirs.block,
        .is_last_lost = pair->options.is_last_lost,
    };
    if (copse_database_identity(options.ours) == NULL) {
        return COPSE_OK;
    }
    copse_status status =
        copse_head_review_hold(pair->env, pair->theirs.head.time_ms, &result->held_until_ms, err);
    if (status == COPSE_OK && result->held_until_ms > 0) {
        result->kind = COPSE_HEAD_MERGE_HELD;
        return COPSE_END;
    }
    return status == COPSE_OK && pair->review == NULL
               ? copse_head_review_new(pair->env, &options, &pair->review, err)
               : status;
}

/* Finds out whether who made theirs may write something. */
static copse_status head_pair_find_writer(copse_head_pair *pair, copse_err *err)
{
    size_t count = 0;
    const copse_collection *collections =
        copse_database_collections(pair->sides.databases[1], &count);
    copse_commit commit;
    copse_status status = copse_commit_decode(pair->env, pair->theirs.block, &commit, err);
    pair->is_by_writer = status == COPSE_OK && copse_commit_is_automatic(&commit);
    for (size_t i = 0; i <= count && status == COPSE_OK && !pair->is_by_writer; i++) {
        copse_err denial = {.status = COPSE_OK};
        copse_bytes name = i < count ? collections[i].name : copse_merge_nothing; /* in all */
        status = copse_head_review_ask(pair->review, NULL, COPSE_RIGHT_INSERT, name, &denial);
        pair->is_by_writer = status == COPSE_OK;
        status = status == COPSE_DENIED ? COPSE_OK : copse_err_keep(&denial, status, err);
    }
    return status;
}

static copse_status head_pair_begin_documents(copse_head_pair *pair, copse_err *err)
{
    copse_status status = head_pair_open_sides(pair, err);
    if (status == COPSE_OK) {
        status = head_pair_begin_review(pair, err);
    }
    if (status == COPSE_OK && pair->review != NULL) {
        status = head_pair_find_writer(pair, err);
    }
    if (status == COPSE_END) {
        pair->stage = HEAD_PAIR_DONE;
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        const copse_database_merge_options of = {
            .base = pair->sides.databases[pair->is_forward ? 1 : 0],
            .ours = pair->sides.databases[1],
            .theirs = pair->sides.databases[2],
            .is_base_lost = pair->options.is_base_lost && pair->result.bases > 0,
            .ours_head = pair->ours.head,
            .theirs_head = pair->theirs.head,
            .policy = pair->is_forward ? COPSE_MERGE_THREE_WAY : pair->options.policy,
            .conflicts = pair->options.conflicts,
        };
        status = copse_database_merge_new(&of, &pair->documents, err);
    }
    if (status == COPSE_OK && pair->review != NULL) {
        copse_database_merge_review(pair->documents, pair->review, pair->is_forward);
    }
    pair->stage = status == COPSE_OK ? HEAD_PAIR_DOCUMENTS : pair->stage;
    return status;
}

/* What came of a review: the stage and kind after the apply. */
static void head_pair_conclude_review(copse_head_pair *pair)
{
    copse_head_merge_result *result = &pair->result;
    const copse_head_refusals *refusals = copse_head_review_refusals(pair->review);
    result->refused = refusals->count;
    result->refusals = refusals->kept;
    result->refusals_count = refusals->kept_count;
    bool is_theirs = copse_cid_equal(&pair->tree, &pair->theirs.tree);
    bool is_ours = copse_cid_equal(&pair->tree, &pair->ours.tree);
    pair->is_empty =
        is_ours && !pair->is_by_writer && copse_cid_equal(&pair->theirs.tree, &pair->base_tree);
    if (pair->is_empty) {
        result->kind = COPSE_HEAD_MERGE_NOTHING;
        pair->stage = HEAD_PAIR_DONE;
    } else if (pair->is_forward && result->refused == 0 && is_theirs) {
        result->head = pair->options.theirs;
        result->stats = (copse_database_merge_stats){.inserted = 0}; /* as without a review */
        pair->stage = HEAD_PAIR_DONE;
    } else if (pair->is_forward && copse_database_merge_leave_indexes(pair->documents)) {
        pair->stage = HEAD_PAIR_APPLY; /* without the index rows of theirs */
    } else if (result->refused > 0 && is_ours && result->stats.conflicts == 0) {
        result->kind = COPSE_HEAD_MERGE_REFUSED;
        pair->stage = HEAD_PAIR_DONE;
    } else {
        result->kind = COPSE_HEAD_MERGE_MADE;
        result->is_form_wrong = pair->is_forward && result->refused == 0;
    }
}

static copse_status head_pair_apply(copse_head_pair *pair, copse_err *err)
{
    copse_tree *tree = NULL;
    copse_status status = copse_database_merge_apply(pair->documents, pair->options.store, &tree,
                                                     &pair->result.written, err);
    if (status == COPSE_OK) {
        pair->tree = *copse_tree_root(tree);
        pair->stage = HEAD_PAIR_COMMIT;
        pair->result.stats = copse_database_merge_get_stats(pair->documents);
    }
    copse_tree_close(tree);
    if (status == COPSE_OK && pair->review != NULL) {
        head_pair_conclude_review(pair);
    }
    return status;
}

static copse_status head_pair_finish(copse_head_pair *pair, copse_err *err)
{
    const copse_cid heads[2] = {pair->options.ours, pair->options.theirs};
    copse_source *source = copse_node_cache_source(pair->options.cache);
    copse_commit *commit = &pair->result.commit;
    bool is_decided = pair->result.stats.settled > 0;
    copse_status status =
        is_decided ? copse_commit_next(pair->env, source, &pair->tree, heads, 2, commit, err)
                   : copse_commit_merge(pair->env, source, &pair->tree, heads, 2, commit, err);
    if (status == COPSE_OK && is_decided) {
        commit->author = pair->options.author;
        commit->message = pair->options.message;
    }
    pair->stage = status == COPSE_OK ? HEAD_PAIR_DONE : pair->stage;
    return status;
}

/* OK with *ret_is_conflict: a conflict; without: a stage is done. */
static copse_status head_pair_step(copse_head_pair *pair, bool *ret_is_conflict,
                                   copse_database_conflict *ret_conflict, copse_err *err)
{
    copse_status status = COPSE_END;
    *ret_is_conflict = false;
    switch (pair->stage) {
    case HEAD_PAIR_BASES:
        return head_pair_find_bases(pair, err);
    case HEAD_PAIR_OURS:
        return head_pair_look_at_ours(pair, err);
    case HEAD_PAIR_OPEN:
        return head_pair_begin_documents(pair, err);
    case HEAD_PAIR_DOCUMENTS:
        status = copse_database_merge_next(pair->documents, ret_conflict, err);
        *ret_is_conflict = status == COPSE_OK;
        pair->stage = status == COPSE_END ? HEAD_PAIR_APPLY : pair->stage;
        return status == COPSE_END ? COPSE_OK : status;
    case HEAD_PAIR_APPLY:
        return head_pair_apply(pair, err);
    case HEAD_PAIR_COMMIT:
        return head_pair_finish(pair, err);
    case HEAD_PAIR_DONE:
        break;
    }
    return status;
}

copse_status copse_head_pair_next(copse_head_pair *pair, copse_database_conflict *ret_conflict,
                                  copse_err *err)
{
    copse_database_conflict conflict;
    bool is_conflict = false;
    copse_status status = pair->failure.status;
    while (status == COPSE_OK && !is_conflict) {
        status = head_pair_step(pair, &is_conflict, &conflict, &pair->failure);
    }
    status = copse_err_keep(&pair->failure, status, err);
    if (status == COPSE_OK) {
        *ret_conflict = conflict;
    }
    return status;
}

bool copse_head_pair_is_empty(const copse_head_pair *pair)
{
    return pair->is_empty;
}

bool copse_head_pair_is_reviewed(const copse_head_pair *pair)
{
    return pair->review != NULL && !pair->is_empty &&
           pair->result.kind != COPSE_HEAD_MERGE_FORWARD &&
           pair->result.kind != COPSE_HEAD_MERGE_HELD;
}
