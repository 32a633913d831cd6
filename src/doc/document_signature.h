/* Signatures of documents: who wrote a state of a document, whoever brings it.
 *
 * Format: docs/formats/database.md, "Signatures". The author of a version signs where the document
 * is, when it was written and what it says, or that it was deleted: so a signature is of no use for
 * another document, another collection, another time, or a copy under another identity.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DOCUMENT_SIGNATURE_H
#define COPSE_DOC_DOCUMENT_SIGNATURE_H

#include "doc/document_version.h"

#include <copse/cid.h>
#include <copse/key.h>

/** Where a document is; views. */
typedef struct copse_document_place {
    const copse_cid *database; /**< The identity; NULL: it has none, and no signature is right. */
    copse_bytes collection;
    copse_bytes key; /**< order(pk) */
} copse_document_place;

/** Appends the row of a state that was just written under LWW, with the signature of its version by
 * `key`; one that it has is left out. MISUSE: the version's author is not the key's did:key text.
 * CORRUPT: there is no row, or it lists fields. NOMEM, LIMIT. On failure the buf is as before. */
COPSE_MUST_USE copse_status copse_document_sign(const copse_env *env, const copse_key *key,
                                                const copse_document_place *place,
                                                const copse_version_state *state,
                                                copse_buf *ret_row, copse_err *err);

/** Who signed a state's version: *ret_signer (NULL allowed) is the key of its author. NOT_FOUND:
 * the row has no signature, or there is none. CORRUPT: the author is no did:key of Ed25519, the
 * signature is not one by it of this state in this place, or the row is none. NOMEM. */
COPSE_MUST_USE copse_status copse_document_verify(const copse_env *env,
                                                  const copse_document_place *place,
                                                  const copse_version_state *state,
                                                  copse_public_key *ret_signer, copse_err *err);

/** Whether a state is signed as its collection, that of the place, asks. As copse_document_verify,
 * but OK also if there is no state, or if there is no signature and none is asked for; CORRUPT:
 * also, there is one in a collection whose policy is not LWW. */
COPSE_MUST_USE copse_status copse_document_check_signature(const copse_env *env,
                                                           const copse_collection *collection,
                                                           const copse_document_place *place,
                                                           const copse_version_state *state,
                                                           copse_err *err);

#endif
