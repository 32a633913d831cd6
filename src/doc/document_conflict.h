/* The rows of conflicts: what merges left open about a document.
 *
 * Format: docs/formats/database.md, "Conflicts". The documents in a row are what a document's row
 * is in an inline collection (document.h), whatever the form of the collection: so rows stay small,
 * and equal documents are equal bytes.
 *
 *     C1  A row has sides, at least two, or a waiting document, or both.
 *     C2  Sides stand in the order of the bytes of their commits (then of their documents, where
 *         somebody made that up), and no two have the same document.
 *     C3  Of sides with one document the earliest stays, by time, then by commit; of more sides
 *         than there may be, the earliest. Both by one order, so that what stays does not depend
 *         on the order in which sides were added.
 *     C4  A conflict has one encoding: what is absent has no key.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DOCUMENT_CONFLICT_H
#define COPSE_DOC_DOCUMENT_CONFLICT_H

#include <copse/buf.h>
#include <copse/database_conflicts.h>

/** Reads a row, one strict item. Its documents are given as they stand there (copse_document_load),
 * collection and id are left empty; views borrow from the row. CORRUPT: the message says what is
 * wrong. */
COPSE_MUST_USE copse_status copse_conflict_decode(copse_bytes row,
                                                  copse_document_conflict *ret_conflict,
                                                  copse_err *err);

/** Appends the row that copse_conflict_decode reads back; nothing if there are neither sides nor a
 * waiting document. NOMEM, LIMIT: the buf is as before. */
COPSE_MUST_USE copse_status copse_conflict_encode(const copse_document_conflict *conflict,
                                                  copse_buf *buf, copse_err *err);

/** Whether both have the same base and sides; waiting documents aside. */
bool copse_conflict_same_sides(const copse_document_conflict *a, const copse_document_conflict *b);

/** Adds the base and sides of `from` to those of `conflict`. Of two bases the one stays whose bytes
 * are greater; of sides as C3 says. The outcome is the same whatever is added to which. */
void copse_conflict_unite(copse_document_conflict *conflict, const copse_document_conflict *from);

/** What becomes of base and sides where two databases merge that both come from `base`: what one
 * of them changed is taken, and of what both changed, the union. A zeroed one: no row. Nothing is
 * waiting in the outcome. */
void copse_conflict_merge(const copse_document_conflict *base, const copse_document_conflict *ours,
                          const copse_document_conflict *theirs,
                          copse_document_conflict *ret_merged);

#endif
