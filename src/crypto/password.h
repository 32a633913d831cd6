/* A key from a passphrase: Argon2id with one lane (RFC 9106), thin over libsodium, as sign.h.
 *
 * Its memory is not the env's: libsodium takes it from the system.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CRYPTO_PASSWORD_H
#define COPSE_CRYPTO_PASSWORD_H

#include <copse/bytes.h>
#include <copse/status.h>

#define COPSE_PASSWORD_SALT_SIZE_BYTES 16
#define COPSE_PASSWORD_KEY_SIZE_BYTES 32
/** What Argon2id needs at least, and libsodium takes at most. */
#define COPSE_PASSWORD_MEMORY_KIB_MIN 8
#define COPSE_PASSWORD_MEMORY_KIB_MAX (UINT32_MAX / 1024)

/** Derives a key from any bytes. `passes` is at least 1, `memory_kib` between the bounds above.
 * NOMEM: the system has not as much memory; ret_key is untouched. */
COPSE_MUST_USE copse_status copse_password_key(copse_bytes passphrase,
                                               const uint8_t salt[COPSE_PASSWORD_SALT_SIZE_BYTES],
                                               uint32_t passes, uint32_t memory_kib,
                                               uint8_t ret_key[COPSE_PASSWORD_KEY_SIZE_BYTES]);

#endif
