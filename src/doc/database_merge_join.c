/* What becomes of one document under the policies that need no base.
 *
 *   J1  They are joins of what ours and theirs have: commutative, associative, idempotent. Base
 *       is asked for nothing but the sides of conflicts, whether a version that gives way was
 *       news to the other side, and what was written before the policy (J2).
 *   J2  What a side wrote before it had the policy, and since the base, counts too. LWW and
 *       FIELD_WISE: what differs from the base without a row of versions gets the least one that
 *       can be made up over what the base has, a deletion, too. It says nothing of the head: a
 *       later one, that has not changed it, may meet the policy elsewhere, when somebody has
 *       already written over it, and what was overwritten must not come back. So writes under
 *       the policy are later; of two without it, the one that the base has not, as in a merge of
 *       three; of what both have written, the greater encoding. UNION: of a document that one
 *       side left as it was in the base the other side's counts, if it has one.
 *   J3  Without a base there is no telling: what has no versions is older than what has. Where
 *       the base is lost nobody may guess: two that differ, one of them a document without
 *       versions, are refused.
 *   J4  What one side has forgotten, the deletions from before some time, the merge forgets: no
 *       collection has the row of a deletion from before its forgotten_ms. So heads come to the
 *       same rows in whatever order they are merged. That both sides knew those deletions, who
 *       merges heads sees to (head_pair.c).
 *   J5  In a collection of signed documents nothing is made that nobody signed: what has no
 *       signature does not count, where it is as the base has it, and else the merge refuses
 *       it. Nothing there was written before the policy (write_catalogue.c).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/err.h"
#include "doc/document_signature.h"

#include <copse/document_merge.h>

/* ---- The past -------------------------------------------------------------------------------- */

/* Whether the base says what was written before the policy was set (J2). */
static bool merge_has_past(const copse_database_merge *merge)
{
    return merge->databases[COPSE_MERGE_BASE] != NULL && !merge->is_taken_whole &&
           merge->policy == merge->agreed->merge;
}

/* Whether the base had another policy, or one without versions. */
static bool merge_is_policy_new(const copse_database_merge *merge)
{
    const copse_collection *base = merge->collections[COPSE_MERGE_BASE];
    return base != NULL &&
           (copse_merge_has_versions(merge->policy) ? !copse_merge_has_versions(base->merge)
                                                    : base->merge != merge->policy);
}

/* The document of the base, which the streams of a join don't give; *ret_document is as before if
 * there is none. */
static copse_status merge_load_base(copse_database_merge *merge, copse_bytes *ret_document,
                                    copse_err *err)
{
    const copse_merge_kind kinds[2] = {COPSE_MERGE_DOCUMENT_ROW, COPSE_MERGE_CONFLICT_ROW};
    copse_status missing = COPSE_OK;
    if (merge->collections[COPSE_MERGE_BASE] == NULL) {
        return COPSE_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        copse_bytes *row = &merge->rows.values[kinds[i]][COPSE_MERGE_BASE];
        copse_status status = copse_merge_find(merge, kinds[i], COPSE_MERGE_BASE, row, err);
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    if (missing == COPSE_OK) {
        missing = copse_merge_read_conflicts(merge, err);
    }
    return missing == COPSE_OK ? copse_merge_load(merge, COPSE_MERGE_BASE, ret_document, err)
                               : missing;
}

/* ---- Union ----------------------------------------------------------------------------------- */

copse_status copse_merge_decide_union(copse_database_merge *merge, copse_err *err)
{
    copse_bytes documents[COPSE_MERGE_SIDES];
    copse_bytes base = copse_merge_nothing;
    copse_status status = copse_merge_load_all(merge, COPSE_MERGE_OURS, documents, err);
    if (merge_has_past(merge) && merge_is_policy_new(merge) &&
        (status == COPSE_OK || status == COPSE_WANT)) {
        copse_status loaded = merge_load_base(merge, &base, err);
        status = loaded == COPSE_OK ? status : loaded;
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes ours = documents[COPSE_MERGE_OURS];
    copse_bytes theirs = documents[COPSE_MERGE_THEIRS];
    bool is_ours = copse_bytes_compare(ours, theirs) >= 0;
    if (base.len > 0 && ours.len > 0 && theirs.len > 0) { /* J2 */
        is_ours = copse_bytes_equal(theirs, base) || (is_ours && !copse_bytes_equal(ours, base));
    }
    copse_merge_decide_origin(merge, is_ours ? COPSE_MERGE_FROM_OURS : COPSE_MERGE_FROM_THEIRS);
    return COPSE_OK;
}

/* ---- Versions -------------------------------------------------------------------------------- */

/* Says whose signature is wrong, in CORRUPT. */
static copse_status merge_refuse_signature(const copse_database_merge *merge, copse_bytes row,
                                           const char *message, copse_err *err)
{
    enum { KEY_TEXT_MAX = 16 };
    static const char digits[] = "0123456789abcdef";
    char hex[2 * KEY_TEXT_MAX + 1];
    copse_bytes key = merge->rows.key;
    copse_version version = {.author = copse_merge_nothing};
    size_t size = key.len < KEY_TEXT_MAX ? key.len : KEY_TEXT_MAX;
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[key.ptr[i] >> 4];
        hex[2 * i + 1] = digits[key.ptr[i] & 15];
    }
    hex[2 * size] = '\0';
    copse_status status = copse_version_latest(row, &version, err);
    return status != COPSE_OK
               ? status
               : COPSE_ERR(err, COPSE_CORRUPT,
                           "%.*s: the document with the primary key %s: %s: %.*s",
                           (int)merge->name.len, (const char *)merge->name.ptr, hex, message,
                           (int)version.author.len, (const char *)version.author.ptr);
}

/* What a side has without a signature where all of it must have one (J5). */
static copse_status merge_drop_unsigned(copse_database_merge *merge, copse_merge_side side,
                                        copse_version_state *state, const char *message,
                                        copse_err *err)
{
    copse_bytes *rows = merge->rows.values[COPSE_MERGE_VERSION_ROW];
    copse_bytes base = copse_merge_nothing;
    copse_status status = merge_load_base(merge, &base, err);
    if (status == COPSE_OK && merge->collections[COPSE_MERGE_BASE] != NULL) {
        status = copse_merge_find(merge, COPSE_MERGE_VERSION_ROW, COPSE_MERGE_BASE,
                                  &rows[COPSE_MERGE_BASE], err);
    }
    if (status == COPSE_OK && (!copse_bytes_equal(state->document, base) ||
                               !copse_bytes_equal(rows[side], rows[COPSE_MERGE_BASE]))) {
        return merge_refuse_signature(merge, state->row, message, err);
    }
    if (status == COPSE_OK) {
        *state = (copse_version_state){copse_merge_nothing, copse_merge_nothing};
    }
    return status;
}

/* A state that somebody signed must be right: whose it is said to be is nobody's to make up. */
static copse_status merge_check_signature(copse_database_merge *merge, copse_merge_side side,
                                          copse_version_state *state, copse_err *err)
{
    const copse_identity *identity = copse_database_identity(merge->databases[side]);
    const copse_document_place place = {identity != NULL ? &identity->cid : NULL, merge->name,
                                        merge->rows.key};
    copse_err detail = {0};
    copse_status status =
        copse_document_check_signature(merge->env, merge->agreed, &place, state, &detail);
    if (status == COPSE_NOT_FOUND) {
        return merge_drop_unsigned(merge, side, state, detail.message, err);
    }
    if (status == COPSE_CORRUPT) {
        return merge_refuse_signature(merge, state->row, detail.message, err);
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "%s", detail.message);
}

copse_status copse_merge_load_state(copse_database_merge *merge, copse_merge_side side,
                                    copse_version_state *ret_state, copse_err *err)
{
    bool is_deleted = false;
    copse_version_state state = {copse_merge_nothing, copse_merge_nothing};
    copse_status status = copse_merge_load_version(merge, side, &state.row, err);
    if (status == COPSE_OK && copse_merge_is_waiting(merge, side)) {
        status = copse_version_is_deleted(state.row, &is_deleted, err);
    }
    if (status == COPSE_OK && !is_deleted) {
        status = copse_merge_load(merge, side, &state.document, err);
    }
    if (status == COPSE_OK) {
        *ret_state = state;
    }
    return status;
}

/* Likewise; it is signed as it must be. */
static copse_status merge_read_state(copse_database_merge *merge, copse_merge_side side,
                                     copse_version_state *ret_state, copse_err *err)
{
    bool is_checked = merge->is_checked && side == COPSE_MERGE_THEIRS;
    copse_status status = copse_merge_load_state(merge, side, ret_state, err);
    return status == COPSE_OK && !is_checked ? merge_check_signature(merge, side, ret_state, err)
                                             : status;
}

/* Whether something of a version gave way that the other side had not seen: both sides wrote since
 * the base, and what they wrote does not go together. */
static copse_status merge_decide_superseded(copse_database_merge *merge,
                                            const copse_version_state states[COPSE_MERGE_SIDES],
                                            copse_err *err)
{
    const copse_bytes *rows = merge->rows.values[COPSE_MERGE_VERSION_ROW];
    copse_merge_rows *all = &merge->rows;
    copse_bytes base = copse_merge_nothing;
    size_t conflicts = 1;
    bool has_base = merge->collections[COPSE_MERGE_BASE] != NULL;
    if (states[COPSE_MERGE_OURS].row.len == 0 || states[COPSE_MERGE_THEIRS].row.len == 0 ||
        copse_bytes_equal(states[COPSE_MERGE_OURS].document, states[COPSE_MERGE_THEIRS].document)) {
        return COPSE_OK;
    }
    copse_status status = COPSE_OK;
    if (has_base) {
        status = copse_merge_find(merge, COPSE_MERGE_VERSION_ROW, COPSE_MERGE_BASE,
                                  &all->values[COPSE_MERGE_VERSION_ROW][COPSE_MERGE_BASE], err);
    }
    base = rows[COPSE_MERGE_BASE];
    if (status != COPSE_OK ||
        (base.len > 0 && (copse_bytes_equal(base, rows[COPSE_MERGE_OURS]) ||
                          copse_bytes_equal(base, rows[COPSE_MERGE_THEIRS])))) {
        return status;
    }
    base = copse_merge_nothing;
    if (merge->policy == COPSE_MERGE_FIELD_WISE && states[COPSE_MERGE_OURS].document.len > 0 &&
        states[COPSE_MERGE_THEIRS].document.len > 0) {
        copse_buf both;
        copse_buf_init(&both, merge->env, SIZE_MAX);
        if (has_base) {
            status =
                copse_merge_find(merge, COPSE_MERGE_DOCUMENT_ROW, COPSE_MERGE_BASE,
                                 &all->values[COPSE_MERGE_DOCUMENT_ROW][COPSE_MERGE_BASE], err);
        }
        if (status == COPSE_OK) {
            status = copse_merge_load(merge, COPSE_MERGE_BASE, &base, err);
        }
        if (status == COPSE_OK) {
            status = copse_document_merge(merge->env, base, states[COPSE_MERGE_OURS].document,
                                          states[COPSE_MERGE_THEIRS].document, NULL, NULL, &both,
                                          &conflicts, err);
        }
        copse_buf_release(&both);
    }
    merge->verdict.is_superseded = status == COPSE_OK && conflicts > 0;
    return status;
}

/* A join that only the base could have decided. */
static copse_status merge_refuse_unsure(const copse_database_merge *merge, copse_err *err)
{
    return COPSE_ERR(err, COPSE_CONFLICT,
                     "%.*s: documents from before its policy differ, and the state where both "
                     "sides parted is not to be had",
                     (int)merge->name.len, (const char *)merge->name.ptr);
}

/* Joins the states to merge->merged and a row; the base is only read if it is to tell (J2, J3). */
static copse_status merge_join_states(copse_database_merge *merge,
                                      const copse_version_state states[COPSE_MERGE_SIDES],
                                      copse_buf *row, copse_err *err)
{
    copse_version_base base = {.is_known = false};
    copse_status status;
    bool is_again = false;
    do {
        base.is_missed = false;
        status = copse_version_join_since(merge->env, merge->policy, merge->agreed->primary_key,
                                          &base, &states[COPSE_MERGE_OURS],
                                          &states[COPSE_MERGE_THEIRS], &merge->merged, row, err);
        if (status == COPSE_OK && base.is_missed && merge->options.is_base_lost) {
            status = merge_refuse_unsure(merge, err);
        }
        is_again = status == COPSE_OK && base.is_missed && merge_has_past(merge);
        if (is_again) {
            status = merge_load_base(merge, &base.document, err);
            base.is_known = status == COPSE_OK;
        }
        if (is_again || status != COPSE_OK) {
            copse_buf_truncate(&merge->merged, 0);
            copse_buf_truncate(row, 0);
        }
    } while (status == COPSE_OK && is_again);
    return status;
}

/* Joins the states of both sides; the versions of the join go to the verdict. */
static copse_status merge_join(copse_database_merge *merge,
                               const copse_version_state states[COPSE_MERGE_SIDES], copse_err *err)
{
    const copse_bytes documents[COPSE_MERGE_SIDES] = {copse_merge_nothing,
                                                      states[COPSE_MERGE_OURS].document,
                                                      states[COPSE_MERGE_THEIRS].document};
    copse_buf row;
    copse_buf_init(&row, merge->env, SIZE_MAX);
    copse_status status = merge_join_states(merge, states, &row, err);
    if (status == COPSE_OK) {
        status = copse_version_latest(copse_buf_view(&row), &merge->verdict.written, err);
    }
    if (status == COPSE_OK) {
        copse_bytes author = copse_arena_dup(&merge->arena, merge->verdict.written.author);
        merge->verdict.written.author = author;
        status = author.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    bool is_forgotten =
        merge->merged.len == 0 && merge->verdict.written.time_ms < merge->forgotten_ms;
    if (status == COPSE_OK && !is_forgotten) { /* J4 */
        status =
            copse_merge_store_document(merge, copse_buf_view(&row), &merge->verdict.version, err);
    }
    copse_buf_release(&row);
    if (status == COPSE_OK) {
        copse_merge_decide_made(merge, documents);
        merge->verdict.is_there = merge->merged.len > 0;
    }
    return status;
}

/* The row of what a side wrote without one over what the base has (J2): of this a merge may have
 * made a row, too, which the base has, or the other side, who left it as it was. */
static copse_status merge_make_version(copse_database_merge *merge, const copse_version_state *base,
                                       const copse_version_state *other, copse_version_state *state,
                                       copse_err *err)
{
    copse_version latest;
    copse_version version;
    copse_version_state before = *base;
    bool is_others = base->row.len == 0 && copse_bytes_equal(other->document, base->document);
    copse_bytes over = is_others ? other->row : base->row;
    copse_buf row;
    copse_buf_init(&row, merge->env, SIZE_MAX);
    copse_status status = copse_version_latest(over, &latest, err);
    if (status == COPSE_OK) {
        bool is_made = copse_version_is_made(&latest);
        before.row = is_made ? copse_merge_nothing : base->row;
        status = copse_version_make(is_made ? over : base->row, &version, err);
    }
    if (status == COPSE_OK) {
        status = copse_version_write(merge->env, merge->policy, merge->agreed->primary_key, &before,
                                     state->document, false, &version, &row, err);
    }
    if (status == COPSE_OK) {
        state->row = copse_arena_dup(&merge->arena, copse_buf_view(&row));
        status = state->row.ptr == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    }
    copse_buf_release(&row);
    return status;
}

/* The state of the base, as far as it is one under the policy. */
static copse_status merge_load_base_state(copse_database_merge *merge,
                                          copse_version_state *ret_state, copse_err *err)
{
    bool is_deleted = false;
    *ret_state = (copse_version_state){copse_merge_nothing, copse_merge_nothing};
    copse_status status = merge_load_base(merge, &ret_state->document, err);
    if (status == COPSE_OK && merge->collections[COPSE_MERGE_BASE] != NULL) {
        status =
            copse_merge_find(merge, COPSE_MERGE_VERSION_ROW, COPSE_MERGE_BASE,
                             &merge->rows.values[COPSE_MERGE_VERSION_ROW][COPSE_MERGE_BASE], err);
        if (status == COPSE_OK) {
            status = copse_merge_load_version(merge, COPSE_MERGE_BASE, &ret_state->row, err);
        }
    }
    if (status == COPSE_OK) {
        status = copse_version_is_deleted(ret_state->row, &is_deleted, err);
    }
    if (status == COPSE_OK && is_deleted) {
        ret_state->document = copse_merge_nothing; /* it waits */
    }
    return status;
}

/* Whether only the base could tell which of the two counts (J3). */
static bool merge_is_unsure(const copse_version_state *ours, const copse_version_state *theirs)
{
    bool ours_lacks = ours->row.len == 0 && ours->document.len > 0;
    bool theirs_lacks = theirs->row.len == 0 && theirs->document.len > 0;
    return (ours_lacks || theirs_lacks) && !copse_bytes_equal(ours->document, theirs->document);
}

/* Versions for what sides wrote, or deleted, without them (J2, J3). */
static copse_status merge_make_versions(copse_database_merge *merge,
                                        copse_version_state states[COPSE_MERGE_SIDES],
                                        copse_err *err)
{
    const copse_version_state *ours = &states[COPSE_MERGE_OURS];
    const copse_version_state *theirs = &states[COPSE_MERGE_THEIRS];
    copse_version_state base;
    bool is_all = ours->row.len > 0 && theirs->row.len > 0;
    bool is_alike = ours->row.len == 0 && theirs->row.len == 0 &&
                    copse_bytes_equal(ours->document, theirs->document);
    if (merge->options.is_base_lost && !merge->is_taken_whole && merge_is_unsure(ours, theirs)) {
        return merge_refuse_unsure(merge, err);
    }
    if (is_all || is_alike || merge->agreed->is_signed || !merge_has_past(merge)) { /* J5 */
        return COPSE_OK;
    }
    copse_status status = merge_load_base_state(merge, &base, err);
    for (copse_merge_side side = COPSE_MERGE_OURS; side < COPSE_MERGE_SIDES && status == COPSE_OK;
         side++) {
        const copse_version_state *other = side == COPSE_MERGE_OURS ? theirs : ours;
        if (states[side].row.len == 0 && !copse_bytes_equal(states[side].document, base.document)) {
            status = merge_make_version(merge, &base, other, &states[side], err);
        }
    }
    return status;
}

copse_status copse_merge_decide_join(copse_database_merge *merge, copse_err *err)
{
    copse_version_state states[COPSE_MERGE_SIDES] = {{.document = {NULL, 0}}};
    copse_status missing = copse_merge_know(merge, COPSE_MERGE_VERSION_ROW, err);
    for (copse_merge_side side = COPSE_MERGE_OURS; side < COPSE_MERGE_SIDES; side++) {
        copse_status status = missing == COPSE_OK || missing == COPSE_WANT
                                  ? merge_read_state(merge, side, &states[side], err)
                                  : missing;
        missing = status == COPSE_OK ? missing : status;
    }
    if (missing == COPSE_OK) {
        missing = merge_make_versions(merge, states, err);
    }
    if (missing == COPSE_OK) {
        missing = merge_decide_superseded(merge, states, err);
    }
    return missing == COPSE_OK ? merge_join(merge, states, err) : missing;
}
