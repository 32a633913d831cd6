/* Who may write a database: the statements that it holds.
 *
 * A database with a creator keeps statements (statement.h) about who may write it in rows of its
 * own. copse_write_add_statement (write.h) adds one, and copse_write_apply keeps to what they say.
 *
 * Format: docs/formats/authority.md, docs/formats/database.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_WRITERS_H
#define COPSE_WRITERS_H

#include <copse/authority.h>
#include <copse/database.h>

COPSE_EXTERN_C_BEGIN

/** Is told of a row of statements (copse_statement_row_read), none of which was looked at, and whom
 * they are about. Views. Any status but OK ends the walk, which returns it. */
typedef copse_status (*copse_writers_fn)(void *ctx, const copse_public_key *to, copse_bytes row,
                                         copse_err *err);

/** Goes through the rows of statements in the order of their keys; one whose key is nobody's is
 * passed over. WANT: supply and call again, from the first row on. CORRUPT, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_writers_walk(copse_database *database,
                                                         copse_writers_fn visit, void *ctx,
                                                         copse_err *err);

/** Makes the authority of a database: its identity, and all statements in it that are well signed
 * and about it. Free it (authority.h). NOT_FOUND: the database has no creator. WANT: supply and
 * call again. CORRUPT: the identity is not signed by its creator, or a row is no list. LIMIT, IO,
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_writers_authority(copse_database *database,
                                                              copse_authority **ret_authority,
                                                              copse_err *err);

COPSE_EXTERN_C_END

#endif
