/* The inside of copse/writers.h: the rows of statements in a tree.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_WRITERS_H
#define COPSE_DOC_WRITERS_H

#include <copse/writers.h>

/** Appends the key of the row about `to`. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_writers_key(copse_buf *buf, const copse_public_key *to,
                                              copse_err *err);

/** Whom the row of that key is about. CORRUPT: it is none of a row of statements. NOMEM. */
COPSE_MUST_USE copse_status copse_writers_key_read(const copse_env *env, copse_bytes key,
                                                   copse_public_key *ret_to, copse_err *err);

/* The value of such a row is one byte string, whose content is the row of statements: their links
 * name what need not be in a store, and who walks over a tree must not follow them. */

/** Lends the row of a value. CORRUPT: it is no byte string. */
COPSE_MUST_USE copse_status copse_writers_row_read(const copse_env *env, copse_bytes value,
                                                   copse_bytes *ret_row, copse_err *err);

/** Appends the value of the row about `to` that has all statements of these two values (len 0:
 * none); what is no row in them gives none. NOT_FOUND: none is left. LIMIT: they don't fit. NOMEM.
 * On failure nothing is appended. */
COPSE_MUST_USE copse_status copse_writers_row_union(const copse_env *env,
                                                    const copse_public_key *to,
                                                    const copse_bytes values[2],
                                                    copse_buf *ret_value, copse_err *err);

/** As copse_writers_authority, of the database in `tree`, which has this identity. */
COPSE_MUST_USE copse_status copse_writers_authority_of(copse_tree *tree,
                                                       const copse_identity *identity,
                                                       copse_authority **ret_authority,
                                                       copse_err *err);

/** Whether `who` has a right now, by the clock of the env. DENIED: not; the message has `what` it
 * was asked for, "write", and why not. */
COPSE_MUST_USE copse_status copse_writers_ask(const copse_env *env, copse_authority *authority,
                                              const copse_public_key *who, copse_right right,
                                              copse_bytes collection, const char *what,
                                              copse_err *err);

#endif
