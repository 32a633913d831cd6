/* Keys of authors and publishers (Ed25519), and the texts that name them.
 *
 * A name is its public key: whoever has it can verify what the key signed, and asks nobody. The
 * same 32 bytes have three text forms:
 *
 *     did:key:z6Mk…    base58btc of ed 01 and the key: the author of a commit
 *     k51qzi5uqu5d…    base36 of a CIDv1: codec libp2p-key, identity hash of 08 01 12 20 and the
 * key: the IPNS name; in base32 (bafzaajaiaejc…) where addresses fold case 12D3KooW… base58btc of
 * that hash alone: the id of a libp2p peer
 *
 * Every kind of signature has its own prefix, which stands before the message and is signed with
 * it, so that no signature can be shown as one of another kind.
 *
 * Source: RFC 8032; https://w3c-ccg.github.io/did-key-spec/;
 * https://specs.ipfs.tech/ipns/ipns-record/; https://github.com/libp2p/specs/tree/master/peer-ids
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_KEY_H
#define COPSE_KEY_H

#include <copse/bytes.h>
#include <copse/cid.h>
#include <copse/env.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

#define COPSE_KEY_SEED_SIZE_BYTES 32
#define COPSE_PUBLIC_KEY_SIZE_BYTES 32
#define COPSE_SIGNATURE_SIZE_BYTES 64

/** Characters of the longest text form of a public key, with the NUL. */
#define COPSE_KEY_TEXT_SIZE_MAX 72

/** A public key. Plain data: copy it by assignment. */
typedef struct copse_public_key {
    uint8_t bytes[COPSE_PUBLIC_KEY_SIZE_BYTES];
} copse_public_key;

/** A secret key. It never changes, so that several threads may sign with it. */
typedef struct copse_key copse_key;

/* ---- Secret keys ---------------------------------------------------------------------------- */

/** Makes a key of random bytes of the env, which must outlive it. MISUSE: the env has no random
 * source. NOMEM; whatever the random source returns. */
COPSE_API COPSE_MUST_USE copse_status copse_key_new(const copse_env *env, copse_key **ret_key,
                                                    copse_err *err);

/** Makes the key of a seed (RFC 8032's private key), which is copied: wiping its own is the
 * caller's. `env` must outlive the key. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status
copse_key_from_seed(const copse_env *env, const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES],
                    copse_key **ret_key, copse_err *err);

/** Wipes and frees the key. NULL is allowed. Returns NULL. */
COPSE_API copse_key *copse_key_free(copse_key *key);

/** The public key, valid as long as `key`. */
COPSE_API const copse_public_key *copse_key_public(const copse_key *key);

/** Signs `prefix` and `message`, one behind the other. The same are always signed by the same
 * bytes. NOMEM: both are copied for it. */
COPSE_API COPSE_MUST_USE copse_status
copse_key_sign(const copse_key *key, copse_bytes prefix, copse_bytes message,
               uint8_t ret_signature[COPSE_SIGNATURE_SIZE_BYTES], copse_err *err);

/* ---- Public keys ---------------------------------------------------------------------------- */

/** Whether `signature` is one by `key` of `prefix` and `message`. OK; CORRUPT: it is not, or `key`
 * is no point of the curve that anybody could sign for. NOMEM: prefix and message are copied. */
COPSE_API COPSE_MUST_USE copse_status copse_public_key_verify(
    const copse_env *env, const copse_public_key *key, copse_bytes prefix, copse_bytes message,
    const uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES], copse_err *err);

/** Whether both are the same key. */
COPSE_API bool copse_public_key_equal(const copse_public_key *a, const copse_public_key *b);

/** Writes did:key text with a NUL and returns its length without the NUL. */
COPSE_API size_t copse_public_key_to_did(const copse_public_key *key,
                                         char ret_text[COPSE_KEY_TEXT_SIZE_MAX]);

/** Writes the IPNS name in base36 with a NUL and returns its length without the NUL. For the other
 * bases, copse_public_key_to_cid and copse_cid_to_text. */
COPSE_API size_t copse_public_key_to_name(const copse_public_key *key,
                                          char ret_text[COPSE_KEY_TEXT_SIZE_MAX]);

/** Writes the id of the libp2p peer with a NUL and returns its length without the NUL. */
COPSE_API size_t copse_public_key_to_peer_id(const copse_public_key *key,
                                             char ret_text[COPSE_KEY_TEXT_SIZE_MAX]);

/** Makes the CID that is the IPNS name. */
COPSE_API void copse_public_key_to_cid(const copse_public_key *key, copse_cid *ret_cid);

/** Reads did:key text. CORRUPT: it is none, or one of a key that is not Ed25519. That the bytes are
 * a point of the curve shows when a signature is verified; so it does of the next two. */
COPSE_API COPSE_MUST_USE copse_status copse_public_key_from_did(copse_bytes text,
                                                                copse_public_key *ret_key,
                                                                copse_err *err);

/** Reads an IPNS name: a CIDv1 in any base that copse_cid_from_text reads, or the bare base58btc
 * of a peer id. Nothing stands before it, no /ipns/ either. CORRUPT: it is none, or one of a key
 * that is not Ed25519 (such as Qm…, which holds a hash in place of a key). */
COPSE_API COPSE_MUST_USE copse_status copse_public_key_from_name(copse_bytes text,
                                                                 copse_public_key *ret_key,
                                                                 copse_err *err);

/** Reads the CID that is an IPNS name. CORRUPT as copse_public_key_from_name. */
COPSE_API COPSE_MUST_USE copse_status copse_public_key_from_cid(const copse_cid *cid,
                                                                copse_public_key *ret_key,
                                                                copse_err *err);

COPSE_EXTERN_C_END

#endif
