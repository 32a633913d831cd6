/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/seal.h"

#include <sodium/crypto_aead_xchacha20poly1305.h>
#include <sodium/utils.h>

_Static_assert(COPSE_SEAL_KEY_SIZE_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(COPSE_SEAL_NONCE_SIZE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "nonce");
_Static_assert(COPSE_SEAL_EXTRA_SIZE_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");

void copse_seal(const uint8_t key[COPSE_SEAL_KEY_SIZE_BYTES],
                const uint8_t nonce[COPSE_SEAL_NONCE_SIZE_BYTES], copse_bytes clear,
                copse_bytes text, uint8_t *ret_sealed)
{
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(ret_sealed, NULL, text.ptr, text.len,
                                                     clear.ptr, clear.len, NULL, nonce, key);
}

bool copse_seal_open(const uint8_t key[COPSE_SEAL_KEY_SIZE_BYTES],
                     const uint8_t nonce[COPSE_SEAL_NONCE_SIZE_BYTES], copse_bytes clear,
                     copse_bytes sealed, uint8_t *ret_text)
{
    return crypto_aead_xchacha20poly1305_ietf_decrypt(ret_text, NULL, NULL, sealed.ptr, sealed.len,
                                                      clear.ptr, clear.len, nonce, key) == 0;
}

void copse_secret_wipe(void *ptr, size_t size)
{
    sodium_memzero(ptr, size);
}
