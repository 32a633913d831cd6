/* Key files: a secret key, sealed with a passphrase.
 *
 * Format: docs/formats/key.md. The passphrase becomes a key by Argon2id, with the memory and the
 * passes that the file names; the seed is sealed with it by XChaCha20-Poly1305. The public key
 * stands beside it in the clear, so that keys can be listed without their passphrases.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_KEY_FILE_H
#define COPSE_KEY_FILE_H

#include <copse/buf.h>
#include <copse/key.h>

COPSE_EXTERN_C_BEGIN

/** A longer file is not read; one of Copse's has some 230 bytes. */
#define COPSE_KEY_FILE_SIZE_BYTES_MAX 1024
/** A longer passphrase is not taken. */
#define COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX 4096

/** What it costs to try a passphrase. */
typedef struct copse_key_file_cost {
    uint32_t passes;     /**< Over the memory: 1 to limits->key_passes_max. */
    uint32_t memory_kib; /**< From 8 to limits->key_memory_bytes_max / 1024. */
} copse_key_file_cost;

/** Sets `cost` to 3 passes over 64 MiB: RFC 9106's second recommendation, but with one lane. */
COPSE_API void copse_key_file_cost_init(copse_key_file_cost *cost);

/** Seals `key` with `passphrase` (any bytes; empty ones protect nothing) and appends the file to
 * `ret_buf`. `env` gives the limits, the salt and the nonce. MISUSE: no random source, or a cost of
 * no passes or less than 8 KiB. LIMIT: a cost above the limits, a passphrase of more than
 * COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX, or ret_buf's maximum. NOMEM; whatever the random source
 * returns. On failure the buf is as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_key_file_seal(const copse_env *env,
                                                          const copse_key *key,
                                                          copse_bytes passphrase,
                                                          const copse_key_file_cost *cost,
                                                          copse_buf *ret_buf, copse_err *err);

/** Opens the key in `file`; `env` must outlive it. DENIED: the passphrase is another, or the file
 * was changed, which can't be told apart. CORRUPT: it is no key file. LIMIT: longer than
 * COPSE_KEY_FILE_SIZE_BYTES_MAX, or it asks for more passes or memory than the limits allow:
 * nothing of it was spent; also a passphrase that is too long. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_key_file_open(const copse_env *env, copse_bytes file,
                                                          copse_bytes passphrase,
                                                          copse_key **ret_key, copse_err *err);

/** Reads the public key that a file names, and not whether it is that of the secret key.
 * CORRUPT, LIMIT as copse_key_file_open. */
COPSE_API COPSE_MUST_USE copse_status copse_key_file_public(const copse_env *env, copse_bytes file,
                                                            copse_public_key *ret_key,
                                                            copse_err *err);

COPSE_EXTERN_C_END

#endif
