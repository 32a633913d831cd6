/* Secrets: sealing bytes with a key (XChaCha20-Poly1305), and wiping them. Thin over libsodium, as
 * sign.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CRYPTO_SEAL_H
#define COPSE_CRYPTO_SEAL_H

#include <copse/bytes.h>

#define COPSE_SEAL_KEY_SIZE_BYTES 32
#define COPSE_SEAL_NONCE_SIZE_BYTES 24
/** What a sealed text is longer than the text. */
#define COPSE_SEAL_EXTRA_SIZE_BYTES 16

/** Seals `text` into text.len + COPSE_SEAL_EXTRA_SIZE_BYTES bytes. `clear` is not hidden, but must
 * be the same when it is opened. A key may seal any number of texts, each with a nonce of its own;
 * random nonces do not meet. */
void copse_seal(const uint8_t key[COPSE_SEAL_KEY_SIZE_BYTES],
                const uint8_t nonce[COPSE_SEAL_NONCE_SIZE_BYTES], copse_bytes clear,
                copse_bytes text, uint8_t *ret_sealed);

/** Opens what copse_seal made into sealed.len - COPSE_SEAL_EXTRA_SIZE_BYTES bytes. False: key,
 * nonce, clear or sealed text are not those; then ret_text holds nothing of it. */
bool copse_seal_open(const uint8_t key[COPSE_SEAL_KEY_SIZE_BYTES],
                     const uint8_t nonce[COPSE_SEAL_NONCE_SIZE_BYTES], copse_bytes clear,
                     copse_bytes sealed, uint8_t *ret_text);

/** Zeroes memory that held a secret, also where a compiler sees that nobody reads it again. */
void copse_secret_wipe(void *ptr, size_t size);

#endif
