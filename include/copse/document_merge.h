/* Merging a document that two sides have changed, by its fields.
 *
 * What one side changed is taken; what both changed alike is taken once. Objects that both sides
 * have are gone into, so that changes of different fields don't meet. Arrays and other values are
 * taken whole. Where both changed one field differently there is a conflict, and ours stays.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOCUMENT_MERGE_H
#define COPSE_DOCUMENT_MERGE_H

#include <copse/buf.h>
#include <copse/env.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

/** A field that both sides changed, differently. Views are valid for the call that gets them. */
typedef struct copse_field_conflict {
    copse_bytes path; /**< Dotted; empty: the documents themselves. */
    copse_bytes base; /**< One item; empty: it was missing. */
    copse_bytes ours;
    copse_bytes theirs;
} copse_field_conflict;

/** Is told of a conflict. Any status but OK ends the merge, which returns it. */
typedef copse_status (*copse_field_conflict_fn)(void *ctx, const copse_field_conflict *conflict,
                                                copse_err *err);

/** Appends the merge of `ours` and `theirs`, encoded documents, which both come from `base` (len 0:
 * neither does). `visit` is told of each conflict, in the order of the fields; NULL: nobody.
 * *ret_conflicts is their number. Swapping ours and theirs gives the same conflicts, and without
 * any the same document. An object that a merge would leave with a first key that begins with `$`,
 * which is none, is a conflict as a whole, behind those inside. CORRUPT: one is no document. LIMIT:
 * nested too deep; the buf's. NOMEM. On failure the buf is as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_document_merge(const copse_env *env, copse_bytes base,
                                                           copse_bytes ours, copse_bytes theirs,
                                                           copse_field_conflict_fn visit, void *ctx,
                                                           copse_buf *buf, size_t *ret_conflicts,
                                                           copse_err *err);

COPSE_EXTERN_C_END

#endif
