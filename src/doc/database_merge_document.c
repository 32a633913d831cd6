/* What becomes of one document, by its rows in the three databases and the policy of its
 * collection (database_merge.h, M2 and M3).
 *
 *   D1  Three-way compares documents, not rows: one that went to wait, or came back, on one side
 *       has not changed.
 *   D2  The other policies are joins (database_merge_join.c).
 *   D3  All reads of a document are one operation on the source: one want list has all that is
 *       known to be needed. What joins need of the base is, once the sides are there.
 *   D4  A conflict of the base that both sides settled, differently, is one again: also where the
 *       base is a merge of several, which nobody has seen (head_merge.h, B1). So two people who
 *       decide the same conflict each in his way don't lose a decision.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/err.h"
#include "history/commit.h"

#include <copse/document_merge.h>

/* ---- Three-way ------------------------------------------------------------------------------- */

static int merge_compare_heads(const copse_merge_head *a, const copse_merge_head *b)
{
    int order = copse_commit_time_compare(a->time_ms, a->time_counter, b->time_ms, b->time_counter);
    return order != 0 ? order : copse_cid_compare(&a->commit, &b->commit);
}

const copse_merge_head *copse_merge_get_head(const copse_database_merge *merge,
                                             copse_merge_side side)
{
    return side == COPSE_MERGE_OURS ? &merge->options.ours_head : &merge->options.theirs_head;
}

/* The side whose value counts where both changed one thing. */
static copse_merge_side merge_prevailing(const copse_database_merge *merge)
{
    const copse_database_merge_options *options = &merge->options;
    bool is_theirs = options->conflicts == COPSE_MERGE_CONFLICTS_THEIRS ||
                     (options->conflicts == COPSE_MERGE_CONFLICTS_RECORD &&
                      merge_compare_heads(&options->ours_head, &options->theirs_head) < 0);
    return is_theirs ? COPSE_MERGE_THEIRS : COPSE_MERGE_OURS;
}

void copse_merge_decide_origin(copse_database_merge *merge, copse_merge_origin origin)
{
    merge->verdict.origin = origin;
    merge->verdict.is_there =
        origin == COPSE_MERGE_FROM_BOTH ||
        copse_merge_document_row(merge, origin == COPSE_MERGE_FROM_OURS ? COPSE_MERGE_OURS
                                                                        : COPSE_MERGE_THEIRS)
                .len > 0;
}

/* What is in merge->merged was made of both: where it is what one side has, it is that side's. */
void copse_merge_decide_made(copse_database_merge *merge,
                             const copse_bytes documents[COPSE_MERGE_SIDES])
{
    copse_bytes made = copse_buf_view(&merge->merged);
    copse_merge_decide_origin(
        merge, copse_bytes_equal(made, documents[COPSE_MERGE_OURS])     ? COPSE_MERGE_FROM_OURS
               : copse_bytes_equal(made, documents[COPSE_MERGE_THEIRS]) ? COPSE_MERGE_FROM_THEIRS
                                                                        : COPSE_MERGE_FROM_BOTH);
}

/* One side of a conflict as its row has it. */
static copse_status merge_record_side(copse_database_merge *merge, const copse_merge_head *head,
                                      copse_bytes document, copse_document_conflict *conflict,
                                      copse_err *err)
{
    copse_document_conflict one = {.sides_count = 1};
    one.sides[0] = (copse_conflict_side){.time_ms = head->time_ms,
                                         .time_counter = head->time_counter,
                                         .author = head->author,
                                         .commit = head->commit};
    copse_status status = copse_merge_store_document(merge, document, &one.sides[0].document, err);
    if (status == COPSE_OK) {
        copse_conflict_unite(conflict, &one);
    }
    return status;
}

/* The base of a conflict as its row has it: of one over another it is the other's, since what the
 * base has in the collection is but what that was shown as. */
static copse_status merge_record_base(copse_database_merge *merge, copse_bytes document,
                                      copse_bytes *ret_base, copse_err *err)
{
    const copse_document_conflict *open = merge->verdict.conflict.sides_count > 0
                                              ? &merge->verdict.conflict
                                              : &merge->conflicts[COPSE_MERGE_BASE];
    if (open->sides_count > 0) {
        *ret_base = open->base;
        return COPSE_OK;
    }
    return copse_merge_store_document(merge, document, ret_base, err);
}

static copse_status merge_record(copse_database_merge *merge,
                                 const copse_bytes documents[COPSE_MERGE_SIDES], copse_err *err)
{
    copse_document_conflict conflict = {.sides_count = 0};
    copse_status status =
        merge_record_base(merge, documents[COPSE_MERGE_BASE], &conflict.base, err);
    if (status == COPSE_OK) {
        status = merge_record_side(merge, &merge->options.ours_head, documents[COPSE_MERGE_OURS],
                                   &conflict, err);
    }
    if (status == COPSE_OK) {
        status = merge_record_side(merge, &merge->options.theirs_head,
                                   documents[COPSE_MERGE_THEIRS], &conflict, err);
    }
    if (status == COPSE_OK) {
        copse_conflict_unite(&merge->verdict.conflict, &conflict);
        merge->verdict.is_recorded = true;
    }
    return status;
}

/* Both sides changed the document, differently, and that is a conflict. merge->merged is what its
 * fields make, if both have it. */
static copse_status merge_decide_conflict(copse_database_merge *merge,
                                          const copse_bytes documents[COPSE_MERGE_SIDES],
                                          copse_err *err)
{
    copse_merge_conflicts mode = merge->options.conflicts;
    bool has_ours = documents[COPSE_MERGE_OURS].len > 0;
    bool has_theirs = documents[COPSE_MERGE_THEIRS].len > 0;
    if (mode == COPSE_MERGE_CONFLICTS_REFUSE) {
        merge->verdict.is_refused = true;
        copse_merge_decide_origin(merge, COPSE_MERGE_FROM_OURS);
        return COPSE_OK;
    }
    if (has_ours && has_theirs) {
        copse_merge_decide_made(merge, documents);
    } else if (mode == COPSE_MERGE_CONFLICTS_RECORD) {
        copse_merge_decide_origin(merge,
                                  has_ours ? COPSE_MERGE_FROM_OURS : COPSE_MERGE_FROM_THEIRS);
    } else {
        copse_merge_decide_origin(merge, mode == COPSE_MERGE_CONFLICTS_OURS
                                             ? COPSE_MERGE_FROM_OURS
                                             : COPSE_MERGE_FROM_THEIRS);
    }
    merge->verdict.is_settled = mode != COPSE_MERGE_CONFLICTS_RECORD;
    return merge->verdict.is_settled ? COPSE_OK : merge_record(merge, documents, err);
}

/* Both sides changed it, differently, or settled a conflict of the base differently: then the
 * base's document is nothing that both would have begun with (D4). */
static copse_status merge_decide_both(copse_database_merge *merge, bool was_open, copse_err *err)
{
    copse_bytes documents[COPSE_MERGE_SIDES];
    size_t conflicts = 1;
    copse_merge_side first = merge_prevailing(merge);
    copse_merge_side second = first == COPSE_MERGE_OURS ? COPSE_MERGE_THEIRS : COPSE_MERGE_OURS;
    copse_status status = copse_merge_load_all(merge, COPSE_MERGE_BASE, documents, err);
    if (was_open) {
        documents[COPSE_MERGE_BASE] = copse_merge_nothing;
    }
    if (status == COPSE_OK && documents[COPSE_MERGE_OURS].len > 0 &&
        documents[COPSE_MERGE_THEIRS].len > 0) {
        status =
            copse_document_merge(merge->env, documents[COPSE_MERGE_BASE], documents[first],
                                 documents[second], NULL, NULL, &merge->merged, &conflicts, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (conflicts > 0 || documents[COPSE_MERGE_BASE].len == 0) {
        return merge_decide_conflict(merge, documents, err);
    }
    copse_merge_decide_made(merge, documents);
    return COPSE_OK;
}

static copse_version merge_waiting_version(const copse_conflict_waiting *waiting)
{
    return (copse_version){waiting->time_ms, waiting->time_counter, waiting->author};
}

/* When a side wrote its document: what waits says it. */
static copse_version merge_written_by(const copse_database_merge *merge, copse_merge_side side)
{
    const copse_merge_head *head = copse_merge_get_head(merge, side);
    return copse_merge_is_waiting(merge, side)
               ? merge_waiting_version(&merge->conflicts[side].waiting)
               : (copse_version){head->time_ms, head->time_counter, head->author};
}

static copse_version merge_later(copse_version a, copse_version b)
{
    return copse_version_compare(&a, &b) < 0 ? b : a;
}

/* When the document was written: by the sides that changed it; if none did, what waits says it, and
 * what is in the collection comes before all. */
static void merge_decide_written(copse_database_merge *merge, bool is_ours_changed,
                                 bool is_theirs_changed)
{
    const bool changed[COPSE_MERGE_SIDES] = {false, is_ours_changed, is_theirs_changed};
    copse_version written = {.time_ms = 0};
    for (copse_merge_side side = COPSE_MERGE_OURS; side < COPSE_MERGE_SIDES; side++) {
        bool is_told = changed[side] || (!is_ours_changed && !is_theirs_changed &&
                                         copse_merge_is_waiting(merge, side));
        written = is_told ? merge_later(written, merge_written_by(merge, side)) : written;
    }
    merge->verdict.written = written;
}

/* Whether the base had a conflict that both sides have settled since (D4). */
static bool merge_was_open(const copse_database_merge *merge)
{
    const copse_document_conflict *conflicts = merge->conflicts;
    return conflicts[COPSE_MERGE_BASE].sides_count > 0 &&
           conflicts[COPSE_MERGE_OURS].sides_count == 0 &&
           conflicts[COPSE_MERGE_THEIRS].sides_count == 0;
}

static copse_status merge_decide_three_way(copse_database_merge *merge, copse_err *err)
{
    bool is_ours_same = false;
    bool is_theirs_same = false;
    bool is_alike = false;
    copse_status status = copse_merge_is_same_document(merge, COPSE_MERGE_BASE, COPSE_MERGE_THEIRS,
                                                       &is_theirs_same, err);
    if (status == COPSE_OK) {
        status = copse_merge_is_same_document(merge, COPSE_MERGE_BASE, COPSE_MERGE_OURS,
                                              &is_ours_same, err);
    }
    if (status == COPSE_OK) {
        status = copse_merge_is_same_document(merge, COPSE_MERGE_OURS, COPSE_MERGE_THEIRS,
                                              &is_alike, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    bool was_open = merge_was_open(merge) && !is_alike;
    merge_decide_written(merge, was_open || !is_ours_same, was_open || !is_theirs_same);
    if (was_open || (!is_alike && !is_ours_same && !is_theirs_same)) {
        return merge_decide_both(merge, was_open, err);
    }
    copse_merge_decide_origin(merge, is_alike || is_theirs_same ? COPSE_MERGE_FROM_OURS
                                                                : COPSE_MERGE_FROM_THEIRS);
    return COPSE_OK;
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* Base and sides of the row of its conflict. */
static copse_status merge_decide_sides(copse_database_merge *merge, copse_err *err)
{
    copse_document_conflict *conflicts = merge->conflicts;
    copse_status status = COPSE_OK;
    bool has_sides = conflicts[COPSE_MERGE_OURS].sides_count > 0 ||
                     conflicts[COPSE_MERGE_THEIRS].sides_count > 0;
    if (has_sides && merge->policy != COPSE_MERGE_THREE_WAY &&
        merge->collections[COPSE_MERGE_BASE] != NULL) {
        copse_bytes row = copse_merge_nothing;
        status = copse_merge_find(merge, COPSE_MERGE_CONFLICT_ROW, COPSE_MERGE_BASE, &row, err);
        if (status == COPSE_OK && row.len > 0) {
            status = copse_conflict_decode(row, &conflicts[COPSE_MERGE_BASE], err);
        }
    }
    if (status == COPSE_OK) {
        copse_conflict_merge(&conflicts[COPSE_MERGE_BASE], &conflicts[COPSE_MERGE_OURS],
                             &conflicts[COPSE_MERGE_THEIRS], &merge->verdict.conflict);
    }
    return status;
}

copse_status copse_merge_decide_policy(copse_database_merge *merge, copse_err *err)
{
    copse_status status = copse_merge_read_conflicts(merge, err);
    if (status == COPSE_OK && merge->is_forward) {
        return copse_merge_decide_forward(merge, err);
    }
    bool is_waited_for = merge->conflicts[COPSE_MERGE_OURS].waiting.document.len > 0 ||
                         merge->conflicts[COPSE_MERGE_THEIRS].waiting.document.len > 0 ||
                         copse_merge_has_versions(merge->policy);
    if (status == COPSE_OK && is_waited_for) {
        status = copse_merge_know(merge, COPSE_MERGE_DOCUMENT_ROW, err);
    }
    if (status == COPSE_OK) {
        status = merge_decide_sides(merge, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    switch (merge->policy) {
    case COPSE_MERGE_THREE_WAY:
        return merge_decide_three_way(merge, err);
    case COPSE_MERGE_UNION:
        return copse_merge_decide_union(merge, err);
    default:
        return copse_merge_decide_join(merge, err);
    }
}
