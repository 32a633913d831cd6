/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/sign.h"

#include <sodium/crypto_sign_ed25519.h>

_Static_assert(COPSE_SIGN_SEED_SIZE_BYTES == crypto_sign_ed25519_SEEDBYTES, "seed");
_Static_assert(COPSE_SIGN_PUBLIC_SIZE_BYTES == crypto_sign_ed25519_PUBLICKEYBYTES, "public key");
_Static_assert(COPSE_SIGN_SIGNATURE_SIZE_BYTES == crypto_sign_ed25519_BYTES, "signature");
_Static_assert(sizeof(copse_sign_key) == crypto_sign_ed25519_SECRETKEYBYTES,
               "libsodium's secret key is the seed and the public key");

void copse_sign_key_from_seed(const uint8_t seed[COPSE_SIGN_SEED_SIZE_BYTES],
                              copse_sign_key *ret_key)
{
    uint8_t public_key[COPSE_SIGN_PUBLIC_SIZE_BYTES];
    (void)crypto_sign_ed25519_seed_keypair(public_key, (uint8_t *)ret_key, seed);
}

void copse_sign_message(const copse_sign_key *key, copse_bytes message,
                        uint8_t ret_signature[COPSE_SIGN_SIGNATURE_SIZE_BYTES])
{
    (void)crypto_sign_ed25519_detached(ret_signature, NULL, message.ptr, message.len,
                                       (const uint8_t *)key);
}

bool copse_sign_verify(const uint8_t public_key[COPSE_SIGN_PUBLIC_SIZE_BYTES], copse_bytes message,
                       const uint8_t signature[COPSE_SIGN_SIGNATURE_SIZE_BYTES])
{
    return crypto_sign_ed25519_verify_detached(signature, message.ptr, message.len, public_key) ==
           0;
}
