/* Ed25519 signatures, thin over libsodium.
 *
 * Why libsodium, and what it costs: docs/decisions/0015-keys-libsodium.md. It is never initialized
 * here: what is called does without, and that would draw random bytes and look at the processor.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CRYPTO_SIGN_H
#define COPSE_CRYPTO_SIGN_H

#include <copse/bytes.h>

#define COPSE_SIGN_SEED_SIZE_BYTES 32
#define COPSE_SIGN_PUBLIC_SIZE_BYTES 32
#define COPSE_SIGN_SIGNATURE_SIZE_BYTES 64

/** A key that signs: a seed (RFC 8032's private key), then its public key. Wiping it is the
 * caller's. */
typedef struct copse_sign_key {
    uint8_t seed[COPSE_SIGN_SEED_SIZE_BYTES];
    uint8_t public_key[COPSE_SIGN_PUBLIC_SIZE_BYTES];
} copse_sign_key;

/** The key of a seed. */
void copse_sign_key_from_seed(const uint8_t seed[COPSE_SIGN_SEED_SIZE_BYTES],
                              copse_sign_key *ret_key);

/** The signature of `message`; it is a function of key and message. */
void copse_sign_message(const copse_sign_key *key, copse_bytes message,
                        uint8_t ret_signature[COPSE_SIGN_SIGNATURE_SIZE_BYTES]);

/** Whether `signature` is one of `message` by the key. No two signatures differ only in form, and
 * no signature is by a key of small order, of which anybody could make it. */
bool copse_sign_verify(const uint8_t public_key[COPSE_SIGN_PUBLIC_SIZE_BYTES], copse_bytes message,
                       const uint8_t signature[COPSE_SIGN_SIGNATURE_SIZE_BYTES]);

#endif
