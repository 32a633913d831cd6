/* Key files.
 *
 *     [head, sealed]    strict DAG-CBOR
 *
 *     head     {"salt": bytes(16), "nonce": bytes(24), "format": "copse-key", "memory": KiB,
 *              "passes": int, "public": bytes(32), "version": 1}
 *     sealed   bytes(48): XChaCha20-Poly1305 of the seed(32), under the key that Argon2id (version
 *              1.3, one lane, 32 bytes out) makes of passphrase, salt, passes and memory; the
 *              encoding of head is authenticated with it
 *
 *   F1  A file is exactly this: each bit of it is either fixed or authenticated.
 *   F2  Nothing is spent on a file before its cost is checked against the limits.
 *   F3  A key that is opened is the one whose public key the file names.
 *   F4  Every file has a salt and a nonce of its own.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/key_file.h>

#include "auth/key.h"
#include "base/err.h"
#include "crypto/password.h"
#include "crypto/seal.h"

#include <copse/dag_cbor.h>

#include <string.h>

enum {
    KEY_FILE_VERSION = 1,
    KEY_FILE_HEAD_PAIRS = 7,
    KEY_FILE_SEALED_SIZE = COPSE_KEY_SEED_SIZE_BYTES + COPSE_SEAL_EXTRA_SIZE_BYTES,
};

_Static_assert(COPSE_PASSWORD_KEY_SIZE_BYTES == COPSE_SEAL_KEY_SIZE_BYTES, "key");

static const char key_file_format[] = "copse-key";

/* A file in parts. The bytes borrow from it. */
typedef struct key_file {
    copse_bytes salt;
    copse_bytes nonce;
    copse_bytes public_key;
    copse_key_file_cost cost;
    copse_bytes head; /* encoded */
    copse_bytes sealed;
} key_file;

void copse_key_file_cost_init(copse_key_file_cost *cost)
{
    *cost = (copse_key_file_cost){.passes = 3, .memory_kib = 64 << 10};
}

/* F2 */
static copse_status key_file_check_cost(const copse_env *env, const copse_key_file_cost *cost,
                                        copse_err *err)
{
    if (cost->passes > env->limits.key_passes_max ||
        cost->memory_kib > env->limits.key_memory_bytes_max / 1024 ||
        cost->memory_kib > COPSE_PASSWORD_MEMORY_KIB_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT,
                         "%u passes over %u KiB are more than a key file may take",
                         (unsigned)cost->passes, (unsigned)cost->memory_kib);
    }
    return COPSE_OK;
}

static copse_status key_file_check_passphrase(copse_bytes passphrase, copse_err *err)
{
    if (passphrase.len > COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a passphrase has at most %d bytes",
                         COPSE_KEY_FILE_PASSPHRASE_SIZE_BYTES_MAX);
    }
    return COPSE_OK;
}

/* ---- Sealing -------------------------------------------------------------------------------- */

static copse_status key_file_write_text(copse_buf *buf, const char *text)
{
    return copse_cbor_write_text(buf, copse_bytes_of_text(text));
}

static copse_status key_file_write_bytes(copse_buf *buf, const char *key, copse_bytes value)
{
    copse_status status = key_file_write_text(buf, key);
    return status == COPSE_OK ? copse_cbor_write_bytes(buf, value) : status;
}

static copse_status key_file_write_uint(copse_buf *buf, const char *key, uint64_t value)
{
    copse_status status = key_file_write_text(buf, key);
    return status == COPSE_OK ? copse_cbor_write_uint(buf, value) : status;
}

static copse_status key_file_write_head(copse_buf *buf, const key_file *file)
{
    copse_status status = copse_cbor_write_map(buf, KEY_FILE_HEAD_PAIRS);
    if (status == COPSE_OK) {
        status = key_file_write_bytes(buf, "salt", file->salt);
    }
    if (status == COPSE_OK) {
        status = key_file_write_bytes(buf, "nonce", file->nonce);
    }
    if (status == COPSE_OK) {
        status = key_file_write_text(buf, "format");
    }
    if (status == COPSE_OK) {
        status = key_file_write_text(buf, key_file_format);
    }
    if (status == COPSE_OK) {
        status = key_file_write_uint(buf, "memory", file->cost.memory_kib);
    }
    if (status == COPSE_OK) {
        status = key_file_write_uint(buf, "passes", file->cost.passes);
    }
    if (status == COPSE_OK) {
        status = key_file_write_bytes(buf, "public", file->public_key);
    }
    if (status == COPSE_OK) {
        status = key_file_write_uint(buf, "version", KEY_FILE_VERSION);
    }
    return status;
}

/* Appends the file of the seed. */
static copse_status key_file_write(copse_buf *buf, const key_file *file, copse_bytes seed,
                                   copse_bytes passphrase)
{
    uint8_t seal_key[COPSE_SEAL_KEY_SIZE_BYTES];
    uint8_t sealed[KEY_FILE_SEALED_SIZE];
    copse_status status = copse_cbor_write_array(buf, 2);
    size_t head_at = buf->len;
    if (status == COPSE_OK) {
        status = key_file_write_head(buf, file);
    }
    if (status == COPSE_OK) {
        status = copse_password_key(passphrase, file->salt.ptr, file->cost.passes,
                                    file->cost.memory_kib, seal_key);
    }
    if (status != COPSE_OK) {
        return status;
    }
    copse_bytes head = {buf->ptr + head_at, buf->len - head_at};
    copse_seal(seal_key, file->nonce.ptr, head, seed, sealed);
    copse_secret_wipe(seal_key, sizeof seal_key);
    return copse_cbor_write_bytes(buf, (copse_bytes){sealed, sizeof sealed});
}

copse_status copse_key_file_seal(const copse_env *env, const copse_key *key, copse_bytes passphrase,
                                 const copse_key_file_cost *cost, copse_buf *ret_buf,
                                 copse_err *err)
{
    uint8_t random[COPSE_PASSWORD_SALT_SIZE_BYTES + COPSE_SEAL_NONCE_SIZE_BYTES]; /* F4 */
    if (env->random == NULL || cost->passes == 0 ||
        cost->memory_kib < COPSE_PASSWORD_MEMORY_KIB_MIN) {
        return COPSE_ERR(err, COPSE_MISUSE, "a key file needs random bytes and a cost");
    }
    copse_status status = key_file_check_cost(env, cost, err);
    if (status == COPSE_OK) {
        status = key_file_check_passphrase(passphrase, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    status = env->random(env->random_ctx, random, sizeof random);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no random bytes for a key file");
    }
    key_file file = {
        .salt = {random, COPSE_PASSWORD_SALT_SIZE_BYTES},
        .nonce = {random + COPSE_PASSWORD_SALT_SIZE_BYTES, COPSE_SEAL_NONCE_SIZE_BYTES},
        .public_key = {copse_key_public(key)->bytes, COPSE_PUBLIC_KEY_SIZE_BYTES},
        .cost = *cost,
    };
    size_t start = ret_buf->len;
    status = key_file_write(ret_buf, &file, copse_key_seed(key), passphrase);
    if (status != COPSE_OK) {
        copse_buf_truncate(ret_buf, start);
        return COPSE_ERR(err, status, "the key can't be sealed");
    }
    return COPSE_OK;
}

/* ---- Opening -------------------------------------------------------------------------------- */

static copse_status key_file_fail(copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "not a key file");
}

/* Takes a key and its value off a map: exactly `key`, and a value of `kind`. */
static copse_status key_file_take(copse_cbor_reader *reader, const char *key, copse_cbor_kind kind,
                                  copse_cbor_item *ret_value)
{
    copse_cbor_item item;
    copse_cbor_item value;
    if (copse_cbor_next(reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_TEXT ||
        !copse_bytes_equal(item.bytes, copse_bytes_of_text(key)) ||
        copse_cbor_next(reader, &value, NULL) != COPSE_OK || value.kind != kind) {
        return COPSE_CORRUPT;
    }
    *ret_value = value;
    return COPSE_OK;
}

static copse_status key_file_take_bytes(copse_cbor_reader *reader, const char *key, size_t size,
                                        copse_bytes *ret_bytes)
{
    copse_cbor_item item;
    copse_status status = key_file_take(reader, key, COPSE_CBOR_BYTES, &item);
    if (status != COPSE_OK || item.bytes.len != size) {
        return COPSE_CORRUPT;
    }
    *ret_bytes = item.bytes;
    return COPSE_OK;
}

static copse_status key_file_take_uint(copse_cbor_reader *reader, const char *key, uint64_t min,
                                       uint32_t *ret_value)
{
    copse_cbor_item item;
    copse_status status = key_file_take(reader, key, COPSE_CBOR_INT, &item);
    if (status != COPSE_OK || item.negative || item.arg < min || item.arg > UINT32_MAX) {
        return COPSE_CORRUPT;
    }
    *ret_value = (uint32_t)item.arg;
    return COPSE_OK;
}

static copse_status key_file_read_head(key_file *file)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    uint32_t version = 0;
    copse_cbor_reader_init(&reader, file->head);
    copse_status status = copse_cbor_next(&reader, &item, NULL);
    if (status != COPSE_OK || item.kind != COPSE_CBOR_MAP || item.arg != KEY_FILE_HEAD_PAIRS) {
        return COPSE_CORRUPT;
    }
    status = key_file_take_bytes(&reader, "salt", COPSE_PASSWORD_SALT_SIZE_BYTES, &file->salt);
    if (status == COPSE_OK) {
        status = key_file_take_bytes(&reader, "nonce", COPSE_SEAL_NONCE_SIZE_BYTES, &file->nonce);
    }
    if (status == COPSE_OK) {
        status = key_file_take(&reader, "format", COPSE_CBOR_TEXT, &item);
    }
    if (status == COPSE_OK &&
        !copse_bytes_equal(item.bytes, copse_bytes_of_text(key_file_format))) {
        status = COPSE_CORRUPT;
    }
    if (status == COPSE_OK) {
        status = key_file_take_uint(&reader, "memory", COPSE_PASSWORD_MEMORY_KIB_MIN,
                                    &file->cost.memory_kib);
    }
    if (status == COPSE_OK) {
        status = key_file_take_uint(&reader, "passes", 1, &file->cost.passes);
    }
    if (status == COPSE_OK) {
        status =
            key_file_take_bytes(&reader, "public", COPSE_PUBLIC_KEY_SIZE_BYTES, &file->public_key);
    }
    if (status == COPSE_OK) {
        status = key_file_take_uint(&reader, "version", KEY_FILE_VERSION, &version);
    }
    return status == COPSE_OK && version == KEY_FILE_VERSION ? COPSE_OK : COPSE_CORRUPT;
}

/* F1, F2 */
static copse_status key_file_read(const copse_env *env, copse_bytes encoded, key_file *ret_file,
                                  copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    key_file file = {0};
    if (encoded.len > COPSE_KEY_FILE_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a key file has at most %d bytes",
                         COPSE_KEY_FILE_SIZE_BYTES_MAX);
    }
    if (copse_cbor_reader_init_untrusted(&reader, encoded, &env->limits, COPSE_CBOR_STRICT, NULL) !=
            COPSE_OK ||
        copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_ARRAY ||
        item.arg != 2 || copse_cbor_take(&reader, &file.head, NULL) != COPSE_OK ||
        key_file_read_head(&file) != COPSE_OK ||
        copse_cbor_next(&reader, &item, NULL) != COPSE_OK || item.kind != COPSE_CBOR_BYTES ||
        item.bytes.len != KEY_FILE_SEALED_SIZE) {
        return key_file_fail(err);
    }
    file.sealed = item.bytes;
    copse_status status = key_file_check_cost(env, &file.cost, err);
    if (status == COPSE_OK) {
        *ret_file = file;
    }
    return status;
}

/* The key of the seed that is sealed in `file`. */
static copse_status key_file_unseal(const copse_env *env, const key_file *file,
                                    const uint8_t seal_key[COPSE_SEAL_KEY_SIZE_BYTES],
                                    copse_key **ret_key, copse_err *err)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    copse_key *key = NULL;
    if (!copse_seal_open(seal_key, file->nonce.ptr, file->head, file->sealed, seed)) {
        return COPSE_ERR(err, COPSE_DENIED, "the passphrase does not open the key");
    }
    copse_status status = copse_key_from_seed(env, seed, &key, err);
    copse_secret_wipe(seed, sizeof seed);
    if (status == COPSE_OK && memcmp(copse_key_public(key)->bytes, file->public_key.ptr,
                                     COPSE_PUBLIC_KEY_SIZE_BYTES) != 0) { /* F3 */
        status = COPSE_ERR(err, COPSE_CORRUPT, "the key file names another public key");
        key = copse_key_free(key);
    }
    if (status == COPSE_OK) {
        *ret_key = key;
    }
    return status;
}

copse_status copse_key_file_open(const copse_env *env, copse_bytes file, copse_bytes passphrase,
                                 copse_key **ret_key, copse_err *err)
{
    key_file parts = {0};
    uint8_t seal_key[COPSE_SEAL_KEY_SIZE_BYTES];
    copse_status status = key_file_check_passphrase(passphrase, err);
    if (status == COPSE_OK) {
        status = key_file_read(env, file, &parts, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_password_key(passphrase, parts.salt.ptr, parts.cost.passes, parts.cost.memory_kib,
                           seal_key) != COPSE_OK) {
        return COPSE_ERR(err, COPSE_NOMEM, "the system has no %u KiB to open a key",
                         (unsigned)parts.cost.memory_kib);
    }
    status = key_file_unseal(env, &parts, seal_key, ret_key, err);
    copse_secret_wipe(seal_key, sizeof seal_key);
    return status;
}

copse_status copse_key_file_public(const copse_env *env, copse_bytes file,
                                   copse_public_key *ret_key, copse_err *err)
{
    key_file parts = {0};
    copse_status status = key_file_read(env, file, &parts, err);
    if (status == COPSE_OK) {
        memcpy(ret_key->bytes, parts.public_key.ptr, sizeof ret_key->bytes);
    }
    return status;
}
