/* Versions: when a document, or each of its fields, was written, and by whom.
 *
 * Format: docs/formats/database.md, "Versions". A document with its row of versions is a *state*.
 * A write makes a later state of it; a merge joins two states. A join is commutative, associative
 * and idempotent, and the join of a state with one that was written on top of it is the latter: so
 * peers that have seen the same states hold the same one, whatever the order.
 *
 *     LWW         A state is the version of the whole document; the later one is the join. It may
 *                 be signed (document_signature.h), and stays so: the row is taken as it is.
 *     FIELD_WISE  A state gives each field of the document itself (not of objects in it) a version
 *                 and a value, or none. The row's *floor* is the version of all fields that it does
 *                 not list: that of the last write of the whole document. A join takes for each
 *                 field the later one, and the later floor says whether the document is there. What
 *                 a state has and its document can't show is *hidden* in the row: all values while
 *                 the document is deleted, and values that would make `$…` its first field.
 *
 * What was written before there were versions a merge gives one without an author, which may be
 * that of another write, too: of these the state that both sides come from says which is later
 * (copse_version_join_since).
 *
 * A version is later by its clock, then by its author's bytes; of two that are equal, a value (or a
 * document that is there) is above none, and of two values the one whose encoding is greater.
 *
 * A row is a map, and is kept as documents of an inline collection are (document.h): hidden values
 * may make it large. Here it is always the map itself. Both policies read each other's rows. Where
 * there is no row the version is zero. Rows and documents are strict DAG-CBOR, checked before, but
 * for copse_version_check.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DOCUMENT_VERSION_H
#define COPSE_DOC_DOCUMENT_VERSION_H

#include <copse/buf.h>
#include <copse/database.h>

/** When and by whom. Zeroed: before all others. */
typedef struct copse_version {
    uint64_t time_ms; /**< Below 2^63, as a commit's. */
    uint32_t time_counter;
    copse_bytes author; /**< UTF-8, at most COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX; len 0: none. */
} copse_version;

/** The counter of a version that a merge made up. Its author has len 0. No clock gives it. */
#define COPSE_VERSION_MADE_COUNTER UINT32_C(0x80000000)

/** Whether a merge made it up, or it is zero. */
bool copse_version_is_made(const copse_version *version);

/** The least version that a merge may make up for what was written over a row (len 0: none), or the
 * row's latest if that is made up. CORRUPT. LIMIT: there is no later version. */
COPSE_MUST_USE copse_status copse_version_make(copse_bytes row, copse_version *ret_version,
                                               copse_err *err);

/** A document and its row of versions; views. */
typedef struct copse_version_state {
    copse_bytes document; /**< One map; len 0: there is none. */
    copse_bytes row;      /**< One map; len 0: there is none. */
} copse_version_state;

/** Negative, zero, positive: by clock, then author. */
int copse_version_compare(const copse_version *a, const copse_version *b);

/** Checks a row of any bytes against its document, which is there or not, and which has passed
 * copse_document_check. CORRUPT: the message says what is wrong. LIMIT: nested too deep. */
COPSE_MUST_USE copse_status copse_version_check(const copse_env *env, copse_bytes primary_key,
                                                const copse_version_state *state, copse_err *err);

/** The latest version in a row (len 0: a zeroed one), of the whole document and all fields; its
 * author borrows from the row. CORRUPT. */
COPSE_MUST_USE copse_status copse_version_latest(copse_bytes row, copse_version *ret_version,
                                                 copse_err *err);

/** Whether a row (len 0: false) says that the document was deleted. CORRUPT. */
COPSE_MUST_USE copse_status copse_version_is_deleted(copse_bytes row, bool *ret_deleted,
                                                     copse_err *err);

/** Appends the row of `after` (len 0: the document is deleted), written over `before` at `version`,
 * or just above what `before` has if that is not below it. FIELD_WISE, not `is_whole`, and both
 * documents are there: only the top-level fields that differ get the version, and without a
 * difference the row (or nothing) stays as it is; else all of them do, and hidden values are gone.
 * CORRUPT: `before` is no state. LIMIT: also, there is no later version. NOMEM. MISUSE: `version`
 * is none. On failure the buf is as before. */
COPSE_MUST_USE copse_status copse_version_write(const copse_env *env, copse_merge_policy policy,
                                                copse_bytes primary_key,
                                                const copse_version_state *before,
                                                copse_bytes after, bool is_whole,
                                                const copse_version *version, copse_buf *ret_row,
                                                copse_err *err);

/** What both sides of a join come from. */
typedef struct copse_version_base {
    bool is_known;
    copse_bytes document; /**< len 0: there was none. */
    bool is_missed;       /**< It was not known, and would have told. */
} copse_version_base;

/** Appends the document (nothing: there is none) and the row (nothing: neither has one) of the join
 * of two states of one primary key. `base` (NULL: there is none) tells of two that are
 * made up: what differs from it is later. CORRUPT: one is no
 * state. NOMEM, LIMIT. On failure the bufs are as before. */
COPSE_MUST_USE copse_status copse_version_join_since(
    const copse_env *env, copse_merge_policy policy, copse_bytes primary_key,
    copse_version_base *base, const copse_version_state *a, const copse_version_state *b,
    copse_buf *ret_document, copse_buf *ret_row, copse_err *err);

/** The same without a base. */
COPSE_MUST_USE copse_status copse_version_join(const copse_env *env, copse_merge_policy policy,
                                               copse_bytes primary_key,
                                               const copse_version_state *a,
                                               const copse_version_state *b,
                                               copse_buf *ret_document, copse_buf *ret_row,
                                               copse_err *err);

#endif
