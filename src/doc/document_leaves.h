/* The leaves of a document, beside another document: what is no object with members in it. Arrays
 * are leaves.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DOCUMENT_LEAVES_H
#define COPSE_DOC_DOCUMENT_LEAVES_H

#include <copse/bytes.h>
#include <copse/env.h>

/** A leaf; borrowed for the call. */
typedef struct copse_document_leaf {
    copse_bytes path;  /**< Dotted. */
    copse_bytes value; /**< One item. */
    copse_bytes other; /**< What the other document has there, one item; len 0: nothing. */
} copse_document_leaf;

typedef copse_status (*copse_document_leaf_fn)(void *ctx, const copse_document_leaf *leaf,
                                               copse_err *err);

/** Calls `visit` for each leaf of `document` in its order. Both are maps that were checked before;
 * `other` of len 0: none. Any status but OK from it ends the walk and is returned. CORRUPT, NOMEM.
 */
COPSE_MUST_USE copse_status copse_document_leaves(const copse_env *env, copse_bytes document,
                                                  copse_bytes other, copse_document_leaf_fn visit,
                                                  void *ctx, copse_err *err);

#endif
