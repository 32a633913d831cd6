/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "auth/key.h"

#include "base/alloc.h"
#include "base/err.h"
#include "crypto/seal.h"
#include "crypto/sign.h"

#include <copse/buf.h>

#include <string.h>

_Static_assert(COPSE_KEY_SEED_SIZE_BYTES == COPSE_SIGN_SEED_SIZE_BYTES, "seed");
_Static_assert(COPSE_PUBLIC_KEY_SIZE_BYTES == COPSE_SIGN_PUBLIC_SIZE_BYTES, "public key");
_Static_assert(COPSE_SIGNATURE_SIZE_BYTES == COPSE_SIGN_SIGNATURE_SIZE_BYTES, "signature");

struct copse_key {
    const copse_env *env;
    copse_sign_key sign_key;
    copse_public_key public_key;
};

/* ---- Secret keys ---------------------------------------------------------------------------- */

copse_status copse_key_new(const copse_env *env, copse_key **ret_key, copse_err *err)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    if (env->random == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a key needs random bytes, and the env has none");
    }
    copse_status status = env->random(env->random_ctx, seed, sizeof seed);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no random bytes for a key");
    }
    status = copse_key_from_seed(env, seed, ret_key, err);
    copse_secret_wipe(seed, sizeof seed);
    return status;
}

copse_status copse_key_from_seed(const copse_env *env,
                                 const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES], copse_key **ret_key,
                                 copse_err *err)
{
    copse_key *key = copse_alloc(env, sizeof *key);
    if (key == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    key->env = env;
    copse_sign_key_from_seed(seed, &key->sign_key);
    memcpy(key->public_key.bytes, key->sign_key.public_key, sizeof key->public_key.bytes);
    *ret_key = key;
    return COPSE_OK;
}

copse_key *copse_key_free(copse_key *key)
{
    if (key != NULL) {
        const copse_env *env = key->env;
        copse_secret_wipe(key, sizeof *key);
        copse_free(env, key, sizeof *key);
    }
    return NULL;
}

const copse_public_key *copse_key_public(const copse_key *key)
{
    return &key->public_key;
}

copse_bytes copse_key_seed(const copse_key *key)
{
    return (copse_bytes){key->sign_key.seed, sizeof key->sign_key.seed};
}

/* ---- Signatures ----------------------------------------------------------------------------- */

/* What is signed, in one piece, as libsodium wants it; released by the caller. */
static copse_status key_join(const copse_env *env, copse_bytes prefix, copse_bytes message,
                             copse_buf *ret_joined, copse_err *err)
{
    if (message.len > SIZE_MAX - prefix.len) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_buf_init(ret_joined, env, prefix.len + message.len);
    copse_status status = copse_buf_reserve(ret_joined, prefix.len + message.len);
    if (status == COPSE_OK) {
        status = copse_buf_append(ret_joined, prefix);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(ret_joined, message);
    }
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

copse_status copse_key_sign(const copse_key *key, copse_bytes prefix, copse_bytes message,
                            uint8_t ret_signature[COPSE_SIGNATURE_SIZE_BYTES], copse_err *err)
{
    copse_buf joined = {0};
    copse_status status = key_join(key->env, prefix, message, &joined, err);
    if (status == COPSE_OK) {
        copse_sign_message(&key->sign_key, copse_buf_view(&joined), ret_signature);
    }
    copse_buf_release(&joined);
    return status;
}

copse_status copse_public_key_verify(const copse_env *env, const copse_public_key *key,
                                     copse_bytes prefix, copse_bytes message,
                                     const uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES],
                                     copse_err *err)
{
    copse_buf joined = {0};
    copse_status status = key_join(env, prefix, message, &joined, err);
    if (status == COPSE_OK && !copse_sign_verify(key->bytes, copse_buf_view(&joined), signature)) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "the signature is not one of the key");
    }
    copse_buf_release(&joined);
    return status;
}

bool copse_public_key_equal(const copse_public_key *a, const copse_public_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
