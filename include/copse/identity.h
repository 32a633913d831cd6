/* The identity of a database: what its creator signed when it was made.
 *
 * The first row of a database with authors says who made it. The CID of that row is the database's
 * identity, in which statements (copse/statement.h) are about it and nothing else: a copy keeps it,
 * another database by the same creator has another one.
 *
 * Format: docs/formats/database.md, "The identity".
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_IDENTITY_H
#define COPSE_IDENTITY_H

#include <copse/buf.h>
#include <copse/cid.h>
#include <copse/key.h>

COPSE_EXTERN_C_BEGIN

#define COPSE_IDENTITY_NONCE_SIZE_BYTES 16

/** Who made a database, and which. Plain data. */
typedef struct copse_identity {
    copse_public_key creator;
    uint8_t nonce[COPSE_IDENTITY_NONCE_SIZE_BYTES];
    uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];
    copse_cid cid; /**< The identity itself. */
} copse_identity;

/** Makes the identity of a new database by `key`, with random bytes of the env. MISUSE: the env has
 * no random source. NOMEM; whatever the random source returns. */
COPSE_API COPSE_MUST_USE copse_status copse_identity_new(const copse_env *env, const copse_key *key,
                                                         copse_identity *ret_identity,
                                                         copse_err *err);

/** Appends the row. LIMIT, NOMEM: the buf is as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_identity_encode(const copse_identity *identity,
                                                            copse_buf *ret_buf, copse_err *err);

/** Reads a row, and looks at its form alone. NOT_FOUND: it is the row of a database without a
 * creator. CORRUPT: it is no first row of a database. */
COPSE_API COPSE_MUST_USE copse_status copse_identity_decode(const copse_env *env,
                                                            copse_bytes encoded,
                                                            copse_identity *ret_identity,
                                                            copse_err *err);

/** Whether the identity is signed by its creator. OK; CORRUPT: it is not. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_identity_verify(const copse_env *env,
                                                            const copse_identity *identity,
                                                            copse_err *err);

COPSE_EXTERN_C_END

#endif
