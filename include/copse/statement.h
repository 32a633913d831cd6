/* Statements: what a key says about who may write a database.
 *
 * A grant gives somebody rights; a revocation takes grants back. Both are signed by who makes them,
 * so that they may come from anybody; whether they count, copse/authority.h finds out. The name of
 * a statement is the CID of its encoding.
 *
 * Format: docs/formats/authority.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_STATEMENT_H
#define COPSE_STATEMENT_H

#include <copse/buf.h>
#include <copse/cid.h>
#include <copse/key.h>

COPSE_EXTERN_C_BEGIN

/** The longest statement. */
#define COPSE_STATEMENT_SIZE_BYTES_MAX 8192
/** Rights of one grant, and grants of one revocation. */
#define COPSE_STATEMENT_ITEMS_MAX 64
/** The longest name of a collection in a grant. */
#define COPSE_STATEMENT_COLLECTION_SIZE_BYTES_MAX 128
/** Statements about one key in a database, and bytes of their row. */
#define COPSE_STATEMENT_ROW_MAX 64
#define COPSE_STATEMENT_ROW_SIZE_BYTES_MAX 32768

/** Rights, each of which includes those before it. */
typedef enum copse_right {
    COPSE_RIGHT_INSERT, /**< To add documents, and change none. */
    COPSE_RIGHT_WRITE,  /**< To add, change and delete documents. */
    COPSE_RIGHT_ADMIN   /**< To write, also the catalogue's row, and to grant rights. */
} copse_right;

/** A right in one collection, or in all of a database (empty). */
typedef struct copse_capability {
    copse_right right;
    copse_bytes collection;
} copse_capability;

typedef enum copse_statement_kind {
    COPSE_STATEMENT_GRANT,
    COPSE_STATEMENT_REVOCATION
} copse_statement_kind;

/** A statement. What borrows does so from the encoding, or from the caller. */
typedef struct copse_statement {
    copse_statement_kind kind;
    copse_public_key by;
    copse_public_key to;
    copse_cid database;  /**< The identity of the database that it is about. */
    uint64_t time_ms;    /**< When it was made: milliseconds since 1970, below 2^63. */
    uint64_t expires_ms; /**< GRANT: the last millisecond that it counts; 0: it doesn't end. */
    copse_cid last;      /**< REVOCATION: the last commit by `to` that still counts, with all that
                              it came from; zeroed: none does. */
    size_t items_count;  /**< Of the next two the one of its kind: 1 to
                              COPSE_STATEMENT_ITEMS_MAX. */
    copse_capability can[COPSE_STATEMENT_ITEMS_MAX]; /**< GRANT: sorted, distinct. */
    copse_cid grants[COPSE_STATEMENT_ITEMS_MAX];     /**< REVOCATION: sorted, distinct. */
    uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];   /**< By `by`. */
} copse_statement;

/** "insert", "write" or "admin". */
COPSE_API const char *copse_right_name(copse_right right);

/** Finds the right of that name; false: there is none. */
COPSE_API bool copse_right_find(copse_bytes name, copse_right *ret_right);

/** Signs a statement and appends its encoding to `ret_buf`. `by` and `signature` are the key's,
 * whatever stands there; items may stand in any order, and twice. The same statement is always the
 * same bytes. MISUSE: it breaks a rule that copse_statement_decode checks; the message names it.
 * LIMIT: it would be longer than COPSE_STATEMENT_SIZE_BYTES_MAX, or ret_buf's maximum is passed.
 * NOMEM. On failure the buf is as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_statement_make(const copse_key *key,
                                                           const copse_statement *statement,
                                                           copse_buf *ret_buf, copse_err *err);

/** Reads a statement, and looks at its form alone. `ret_statement` borrows from `encoded`.
 * CORRUPT: it is none. LIMIT: longer than COPSE_STATEMENT_SIZE_BYTES_MAX. Allocates nothing. */
COPSE_API COPSE_MUST_USE copse_status copse_statement_decode(const copse_env *env,
                                                             copse_bytes encoded,
                                                             copse_statement *ret_statement,
                                                             copse_err *err);

/** Whether a statement that was read is signed by its `by`. OK; CORRUPT: it is not. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_statement_verify(const copse_env *env,
                                                             const copse_statement *statement,
                                                             copse_err *err);

/** The name of a statement. */
COPSE_API void copse_statement_cid(copse_bytes encoded, copse_cid *ret_cid);

/* ---- Rows ----------------------------------------------------------------------------------- */

/* A database keeps the statements about one key (`to`) in one row: a list, sorted by bytes. */

/** Whether `row` is a row of statements about `to`, each of right form and well signed. OK;
 * CORRUPT: the message says which is wrong. LIMIT: more or longer than a row may be. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_statement_row_check(const copse_env *env,
                                                                const copse_public_key *to,
                                                                copse_bytes row, copse_err *err);

/** Appends to `ret_row` the row of all statements about `to` of `rows` (1 to 16; empty bytes: none)
 * that are of right form and well signed; the others are left out, and a row that is no list gives
 * none. The order of rows doesn't matter. NOT_FOUND: none is left; nothing is appended. LIMIT: they
 * don't fit in a row. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_statement_row_union(const copse_env *env,
                                                                const copse_public_key *to,
                                                                const copse_bytes *rows,
                                                                size_t rows_count,
                                                                copse_buf *ret_row, copse_err *err);

/** Lends the statements of a row, encoded, in their order; looks at none of them. CORRUPT: the row
 * is no list. LIMIT: more or longer than a row may be. */
COPSE_API COPSE_MUST_USE copse_status copse_statement_row_read(
    const copse_env *env, copse_bytes row, copse_bytes ret_statements[COPSE_STATEMENT_ROW_MAX],
    size_t *ret_count, copse_err *err);

COPSE_EXTERN_C_END

#endif
