/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/password.h"

#include "crypto/seal.h"

#include <assert.h>
#include <string.h>

#include <sodium/crypto_pwhash_argon2id.h>

_Static_assert(COPSE_PASSWORD_SALT_SIZE_BYTES == crypto_pwhash_argon2id_SALTBYTES, "salt");

copse_status copse_password_key(copse_bytes passphrase,
                                const uint8_t salt[COPSE_PASSWORD_SALT_SIZE_BYTES], uint32_t passes,
                                uint32_t memory_kib, uint8_t ret_key[COPSE_PASSWORD_KEY_SIZE_BYTES])
{
    assert(passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN);
    assert(memory_kib >= COPSE_PASSWORD_MEMORY_KIB_MIN &&
           memory_kib <= COPSE_PASSWORD_MEMORY_KIB_MAX);
    uint8_t key[COPSE_PASSWORD_KEY_SIZE_BYTES];
    const char *text = passphrase.len > 0 ? (const char *)passphrase.ptr : "";
    if (crypto_pwhash_argon2id(key, sizeof key, text, passphrase.len, salt, passes,
                               (size_t)memory_kib * 1024,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
        return COPSE_NOMEM;
    }
    memcpy(ret_key, key, sizeof key);
    copse_secret_wipe(key, sizeof key);
    return COPSE_OK;
}
