/* Merging under a review (head_review.h): what theirs may change in ours.
 *
 *   V1  Asked is for what theirs changed since the base (joins: what it has otherwise than ours)
 *       where the merge would change ours by it. What is not allowed, or is not valid, counts as
 *       the base has it (joins: as ours has it): ours stays.
 *   V2  INSERT is enough for a document that the base has not; all else of documents and their
 *       conflicts asks for WRITE. Where there is no base, ours is looked at instead.
 *   V3  The catalogue asks for ADMIN in the collection. An index that is no longer built there
 *       asks for nothing, as in all merges of two that differ about it (X2). To stand against
 *       the drop of a collection, who changed it must have INSERT.
 *   V4  Where ours is the base, the merge is *forward*: theirs is taken row by row, as it stands,
 *       by no policy. If nothing is refused, the tree that comes of it is the one of theirs, or
 *       else indexes, counts or form are not right there. Rows of an index that theirs built
 *       are taken, too, if that is so; else it is unbuilt. Of versions those count that are the
 *       join of both; that one is there no more asks for ADMIN.
 *   V5  A document with a signature of its own is asked for of its signer. No version may be
 *       later than the head.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/err.h"
#include "doc/document_signature.h"
#include "tree/tree.h"

/* Whether two trees are cut into nodes alike, so that one can take rows of the other. */
static bool merge_review_is_cut_alike(const copse_tree *a, const copse_tree *b)
{
    copse_tree_config configs[2];
    return copse_tree_get_config(a, &configs[0], NULL) == COPSE_OK &&
           copse_tree_get_config(b, &configs[1], NULL) == COPSE_OK &&
           configs[0].size_bytes_min == configs[1].size_bytes_min &&
           configs[0].size_bytes_max == configs[1].size_bytes_max &&
           configs[0].lambda_bytes == configs[1].lambda_bytes;
}

void copse_database_merge_review(copse_database_merge *merge, copse_head_review *review,
                                 bool is_forward)
{
    copse_tree *ours = copse_database_tree(merge->databases[COPSE_MERGE_OURS]);
    copse_tree *theirs = copse_database_tree(merge->databases[COPSE_MERGE_THEIRS]);
    merge->review = review;
    merge->is_forward = is_forward;
    if (is_forward) {
        bool is_alike = merge_review_is_cut_alike(ours, theirs);
        copse_write_take_indexes(merge->write, is_alike ? theirs : NULL);
    }
}

bool copse_database_merge_leave_indexes(copse_database_merge *merge)
{
    bool has_taken = merge->write->has_taken_indexes && merge->write->index_rows != NULL;
    if (has_taken) {
        copse_write_take_indexes(merge->write, NULL);
    }
    return has_taken;
}

/* ---- The catalogue --------------------------------------------------------------------------- */

/* Asks for a right in the present collection; what is denied is noted. */
static copse_status merge_review_ask(copse_database_merge *merge, copse_right right,
                                     copse_database_conflict_what what, copse_bytes index,
                                     copse_err *err)
{
    copse_err detail = {.status = COPSE_OK};
    copse_status status = copse_head_review_ask(merge->review, NULL, right, merge->name, &detail);
    if (status != COPSE_DENIED) {
        return copse_err_keep(&detail, status, err);
    }
    const copse_head_refusal refusal = {
        .what = what, .collection = merge->name, .index = index, .reason = detail.message};
    status = copse_head_review_refuse(merge->review, &refusal, err);
    return status == COPSE_OK ? COPSE_DENIED : status;
}

/* Whether theirs made something of the present collection that would change ours. */
static bool merge_review_is_collection_changed(const copse_database_merge *merge)
{
    const copse_collection *base = merge->collections[COPSE_MERGE_BASE];
    const copse_collection *ours = merge->collections[COPSE_MERGE_OURS];
    const copse_collection *theirs = merge->collections[COPSE_MERGE_THEIRS];
    if (ours == NULL || theirs == NULL) {
        return (theirs != NULL && base == NULL) || (ours != NULL && base != NULL);
    }
    return !copse_merge_has_same_options(base != NULL ? base : ours, theirs) ||
           theirs->forgotten_ms > ours->forgotten_ms;
}

copse_status copse_merge_review_collection(copse_database_merge *merge, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (copse_head_review_has_refused(merge->review, merge->name)) {
        status = COPSE_DENIED;
    } else if (merge_review_is_collection_changed(merge)) {
        status = merge_review_ask(merge, COPSE_RIGHT_ADMIN, COPSE_CONFLICT_COLLECTION,
                                  copse_merge_nothing, err);
    }
    if (status != COPSE_DENIED) {
        return status;
    }
    copse_merge_enter_collection(merge, merge->name);
    const copse_collection *ours = merge->collections[COPSE_MERGE_OURS];
    const copse_collection *theirs = merge->collections[COPSE_MERGE_THEIRS];
    bool is_like = ours != NULL && theirs != NULL && copse_merge_is_like(ours, theirs);
    return is_like ? COPSE_OK : COPSE_DENIED;
}

copse_status copse_merge_review_survival(copse_database_merge *merge, copse_err *err)
{
    return merge_review_ask(merge, COPSE_RIGHT_INSERT, COPSE_CONFLICT_COLLECTION,
                            copse_merge_nothing, err);
}

copse_status copse_merge_review_index(copse_database_merge *merge, copse_bytes name, copse_err *err)
{
    return merge_review_ask(merge, COPSE_RIGHT_ADMIN, COPSE_CONFLICT_INDEX, name, err);
}

/* ---- Whether what theirs has is valid -------------------------------------------------------- */

/* Who signed the document itself, if somebody did. */
static copse_status merge_review_check_signature(copse_database_merge *merge,
                                                 const copse_version_state *state, copse_err *err)
{
    const copse_identity *identity = copse_database_identity(merge->databases[COPSE_MERGE_OURS]);
    const copse_document_place place = {&identity->cid, merge->name, merge->rows.key};
    if (merge->policy != COPSE_MERGE_LWW || merge->agreed->merge != COPSE_MERGE_LWW) {
        return copse_document_check_signature(merge->env, merge->agreed, &place, state, err);
    }
    bool is_there = state->row.len > 0 || state->document.len > 0;
    copse_status status = copse_document_verify(merge->env, &place, state, &merge->signer, err);
    merge->is_signed = status == COPSE_OK;
    return status == COPSE_NOT_FOUND && !(merge->agreed->is_signed && is_there) ? COPSE_OK : status;
}

static copse_status merge_review_check_version(copse_database_merge *merge, copse_err *err)
{
    copse_version_state state;
    copse_version latest;
    copse_status status = copse_merge_load_state(merge, COPSE_MERGE_THEIRS, &state, err);
    if (status == COPSE_OK && state.row.len > 0) {
        status = copse_version_check(merge->env, merge->agreed->primary_key, &state, err);
    }
    if (status == COPSE_OK) {
        status = copse_version_latest(state.row, &latest, err);
    }
    if (status == COPSE_OK) {
        status = merge_review_check_signature(merge, &state, err);
    }
    return status == COPSE_OK ? copse_head_review_check_time(merge->review, latest.time_ms,
                                                             latest.time_counter, err)
                              : status;
}

/* What is known only now may be wrong, and is nobody's failure: CORRUPT, LIMIT, NOT_FOUND, DENIED
 * say that. */
static copse_status merge_review_check_rows(copse_database_merge *merge, copse_err *err)
{
    copse_document_conflict *conflict = &merge->conflicts[COPSE_MERGE_THEIRS];
    copse_bytes row = merge->rows.values[COPSE_MERGE_CONFLICT_ROW][COPSE_MERGE_THEIRS];
    copse_bytes document;
    copse_status status = row.len > 0 ? copse_conflict_decode(row, conflict, err) : COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_merge_hold_conflict(merge, conflict, err);
        copse_block_list_truncate(&merge->blocks, 0);
    }
    if (status == COPSE_OK) {
        status = copse_merge_load(merge, COPSE_MERGE_THEIRS, &document, err);
    }
    if (status == COPSE_OK && document.len > 0) {
        status = copse_document_check(document, &merge->env->limits, err);
    }
    return status == COPSE_OK && copse_merge_has_versions(merge->policy)
               ? merge_review_check_version(merge, err)
               : status;
}

/* DENIED, in merge->denial: what theirs has is not valid. */
static copse_status merge_review_check(copse_database_merge *merge, copse_err *err)
{
    copse_err detail = {.status = COPSE_OK};
    copse_status status = copse_merge_know(merge, COPSE_MERGE_DOCUMENT_ROW, err);
    if (status == COPSE_OK && copse_merge_has_versions(merge->policy)) {
        status = copse_merge_know(merge, COPSE_MERGE_VERSION_ROW, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    merge->is_signed = false;
    status = merge_review_check_rows(merge, &detail);
    switch (status) {
    case COPSE_DENIED:
        merge->denial = detail;
        break;
    case COPSE_CORRUPT:
    case COPSE_LIMIT:
    case COPSE_NOT_FOUND:
        status = COPSE_ERR(&merge->denial, COPSE_DENIED, "it is not valid: %s", detail.message);
        break;
    default:
        status = copse_err_keep(&detail, status, err);
        break;
    }
    merge->is_checked = status == COPSE_OK;
    return status;
}

/* ---- Whether theirs may ---------------------------------------------------------------------- */

/* The side from which theirs changed something (V1). */
static copse_merge_side merge_review_reference(const copse_database_merge *merge)
{
    return copse_merge_is_three_way(merge) ? COPSE_MERGE_BASE : COPSE_MERGE_OURS;
}

/* Whether theirs has a row otherwise. */
static bool merge_review_is_different(const copse_database_merge *merge)
{
    copse_merge_side reference = merge_review_reference(merge);
    bool is_different = false;
    for (size_t kind = 0; kind < COPSE_MERGE_KINDS; kind++) {
        const copse_bytes *values = merge->rows.values[kind];
        is_different =
            is_different || (merge->rows.is_known[kind] &&
                             !copse_bytes_equal(values[reference], values[COPSE_MERGE_THEIRS]));
    }
    return is_different;
}

/* Whether what was decided changes ours for the sake of theirs. */
static bool merge_review_is_ours_changed(copse_database_merge *merge)
{
    const copse_merge_verdict *verdict = &merge->verdict;
    const copse_document_conflict *ours = &merge->conflicts[COPSE_MERGE_OURS];
    const copse_document_conflict *conflict =
        merge->is_taken_whole ? &merge->conflicts[COPSE_MERGE_THEIRS] : &verdict->conflict;
    const uint64_t *counter = copse_merge_counter(merge);
    bool is_kept = verdict->is_there && verdict->origin == COPSE_MERGE_FROM_OURS;
    return merge->is_forward || verdict->is_refused ||
           (counter != NULL && counter != &merge->stats.returned) ||
           (copse_merge_has_versions(merge->policy) &&
            !copse_bytes_equal(verdict->version,
                               merge->rows.values[COPSE_MERGE_VERSION_ROW][COPSE_MERGE_OURS])) ||
           !copse_conflict_same_sides(conflict, ours) ||
           (merge->is_taken_whole && conflict->waiting.document.len > 0) ||
           (copse_merge_is_waiting(merge, COPSE_MERGE_OURS) && !is_kept);
}

/* Makes the rows of the base known where a join has no use for them. */
static copse_status merge_review_find_base(copse_database_merge *merge,
                                           copse_bytes ret_rows[COPSE_MERGE_KINDS], copse_err *err)
{
    const copse_merge_kind kinds[2] = {COPSE_MERGE_DOCUMENT_ROW, COPSE_MERGE_CONFLICT_ROW};
    bool is_ours = merge->is_forward || merge->databases[COPSE_MERGE_BASE] == NULL;
    copse_merge_side side = is_ours ? COPSE_MERGE_OURS : COPSE_MERGE_BASE;
    copse_status missing = COPSE_OK;
    for (size_t i = 0; i < 2; i++) {
        copse_status status = COPSE_OK;
        ret_rows[kinds[i]] = merge->rows.values[kinds[i]][side];
        if (!is_ours && !copse_merge_is_three_way(merge)) {
            ret_rows[kinds[i]] = copse_merge_nothing;
            status = merge->collections[side] != NULL
                         ? copse_merge_find(merge, kinds[i], side, &ret_rows[kinds[i]], err)
                         : COPSE_OK;
        }
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    return missing;
}

/* Whether theirs only adds the document (V2). */
static copse_status merge_review_is_insert(copse_database_merge *merge, bool *ret_insert,
                                           copse_err *err)
{
    copse_bytes rows[COPSE_MERGE_KINDS];
    copse_document_conflict before = {.sides_count = 0};
    bool has_theirs = copse_merge_document_row(merge, COPSE_MERGE_THEIRS).len > 0;
    bool is_waiting = copse_merge_is_waiting(merge, COPSE_MERGE_THEIRS);
    copse_status status = merge_review_find_base(merge, rows, err);
    if (status != COPSE_OK) {
        return status;
    }
    bool is_known =
        rows[COPSE_MERGE_CONFLICT_ROW].len == 0 ||
        copse_conflict_decode(rows[COPSE_MERGE_CONFLICT_ROW], &before, NULL) == COPSE_OK;
    *ret_insert = has_theirs && is_known && rows[COPSE_MERGE_DOCUMENT_ROW].len == 0 &&
                  !(is_waiting && before.waiting.document.len > 0) &&
                  copse_conflict_same_sides(&before, &merge->conflicts[COPSE_MERGE_THEIRS]);
    return COPSE_OK;
}

/* Whether a forward merge would take a version that is older than ours, or lose one (V4). DENIED:
 * the former. */
static copse_status merge_review_compare_versions(copse_database_merge *merge, bool *ret_lost,
                                                  copse_err *err)
{
    copse_version_state ours;
    copse_version_state theirs;
    copse_buf document;
    copse_buf row;
    *ret_lost = false;
    copse_buf_init(&document, merge->env, SIZE_MAX);
    copse_buf_init(&row, merge->env, SIZE_MAX);
    copse_status status = copse_merge_load_state(merge, COPSE_MERGE_OURS, &ours, err);
    if (status == COPSE_OK) {
        status = copse_merge_load_state(merge, COPSE_MERGE_THEIRS, &theirs, err);
    }
    if (status == COPSE_OK) {
        *ret_lost = ours.row.len > 0 && theirs.row.len == 0;
        status = copse_version_join(merge->env, merge->policy, merge->agreed->primary_key, &ours,
                                    &theirs, &document, &row, err);
    }
    if (status == COPSE_OK && theirs.row.len > 0 &&
        (!copse_bytes_equal(copse_buf_view(&document), theirs.document) ||
         !copse_bytes_equal(copse_buf_view(&row), theirs.row))) {
        status = COPSE_ERR(err, COPSE_DENIED, "it is older than what it replaces");
    }
    copse_buf_release(&document);
    copse_buf_release(&row);
    return status;
}

/* Whether theirs may do what was decided. DENIED: not. */
static copse_status merge_review_ask_document(copse_database_merge *merge, copse_err *err)
{
    const copse_public_key *signer = merge->is_signed ? &merge->signer : NULL;
    copse_head_review *review = merge->review;
    bool is_lost = false;
    bool is_insert = false;
    copse_status status = COPSE_OK;
    if (merge->is_forward && copse_merge_has_versions(merge->policy)) {
        status = merge_review_compare_versions(merge, &is_lost, err);
    }
    if (status != COPSE_OK || is_lost) {
        return status != COPSE_OK
                   ? status
                   : copse_head_review_ask(review, signer, COPSE_RIGHT_ADMIN, merge->name, err);
    }
    status = copse_head_review_ask(review, signer, COPSE_RIGHT_WRITE, merge->name, err);
    if (status != COPSE_DENIED) {
        return status;
    }
    copse_status found = merge_review_is_insert(merge, &is_insert, err);
    if (found != COPSE_OK) {
        return found;
    }
    return is_insert ? copse_head_review_ask(review, signer, COPSE_RIGHT_INSERT, merge->name, err)
                     : status;
}

/* Makes it as if theirs had not changed the document (V1). */
static void merge_review_undo(copse_database_merge *merge)
{
    copse_merge_side reference = merge_review_reference(merge);
    for (size_t kind = 0; kind < COPSE_MERGE_KINDS; kind++) {
        copse_bytes *values = merge->rows.values[kind];
        values[COPSE_MERGE_THEIRS] = values[reference];
    }
    copse_document_release(&merge->documents[COPSE_MERGE_THEIRS]);
    merge->is_loaded[COPSE_MERGE_THEIRS] = false;
    merge->conflicts[COPSE_MERGE_THEIRS] = (copse_document_conflict){.sides_count = 0};
    merge->is_checked = false;
    merge->verdict = (copse_merge_verdict){.is_there = false};
    copse_buf_truncate(&merge->merged, 0);
    copse_buf_truncate(&merge->row, 0);
    copse_block_list_truncate(&merge->blocks, 0);
}

/* ---- Deciding -------------------------------------------------------------------------------- */

copse_status copse_merge_decide_forward(copse_database_merge *merge, copse_err *err)
{
    copse_merge_verdict *verdict = &merge->verdict;
    const copse_bytes *documents = merge->rows.values[COPSE_MERGE_DOCUMENT_ROW];
    const copse_bytes *versions = merge->rows.values[COPSE_MERGE_VERSION_ROW];
    bool is_same = copse_bytes_equal(documents[COPSE_MERGE_OURS], documents[COPSE_MERGE_THEIRS]);
    copse_bytes row;
    copse_status status = COPSE_OK;
    verdict->origin = is_same ? COPSE_MERGE_FROM_OURS : COPSE_MERGE_FROM_THEIRS;
    verdict->is_there = documents[COPSE_MERGE_THEIRS].len > 0;
    verdict->version = versions[COPSE_MERGE_OURS];
    verdict->conflict = merge->conflicts[COPSE_MERGE_THEIRS];
    if (!is_same) {
        const copse_merge_head *head = &merge->options.theirs_head;
        verdict->written = (copse_version){head->time_ms, head->time_counter, head->author};
    }
    if (copse_merge_has_versions(merge->policy) &&
        !copse_bytes_equal(versions[COPSE_MERGE_OURS], versions[COPSE_MERGE_THEIRS])) {
        status = copse_merge_load_version(merge, COPSE_MERGE_THEIRS, &row, err);
        if (status == COPSE_OK) {
            status = copse_version_latest(row, &verdict->written, err);
        }
        if (status == COPSE_OK) {
            status = copse_merge_store_document(merge, row, &verdict->version, err);
        }
    }
    return status;
}

/* The answer where both were asked for all that they need: WANT if either does. */
static copse_status merge_review_both(copse_status first, copse_status second)
{
    return first == COPSE_WANT && second != COPSE_NOMEM && second != COPSE_IO ? first : second;
}

copse_status copse_merge_decide(copse_database_merge *merge, copse_err *err)
{
    copse_err detail = {.status = COPSE_OK};
    if (merge->review == NULL || !merge_review_is_different(merge)) {
        return copse_merge_decide_policy(merge, err);
    }
    copse_status status = merge_review_check(merge, err);
    if (status == COPSE_OK || status == COPSE_WANT) {
        status = merge_review_both(status, copse_merge_decide_policy(merge, err));
    }
    if (status == COPSE_OK && merge_review_is_ours_changed(merge)) {
        status = merge_review_ask_document(merge, &detail);
        merge->denial = status == COPSE_DENIED ? detail : merge->denial;
        status = status == COPSE_DENIED ? status : copse_err_keep(&detail, status, err);
    }
    if (status == COPSE_DENIED) {
        merge_review_undo(merge);
        status = copse_merge_decide_policy(merge, err);
        merge->verdict.is_denied = true;
    }
    return status;
}
