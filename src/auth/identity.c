/* The first row of a database with authors: a DAG-CBOR map with exactly these keys, in its order.
 *
 *     "Nonce" bytes(16)  "Format" "database"  "Creator" did:key  "Version" 2  "Signature" bytes(64)
 *
 *   I1  The signature is the creator's, over the prefix "copse-database:" and the map without it.
 *   I2  A row has one encoding; the identity is its CID, signature included.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/identity.h>

#include "base/err.h"
#include "value/cbor_map.h"
#include "value/cbor_writer.h"

#include <string.h>

enum {
    IDENTITY_VERSION = 2, /* of the database: the one that has a creator */
    IDENTITY_SIZE_MAX = 256,
};

static const char identity_prefix[] = "copse-database:";

/* Appends the row, without the signature if `is_signed` is false. */
static copse_status identity_write(const copse_identity *identity, bool is_signed, copse_buf *buf)
{
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    copse_cbor_writer writer = {.buf = buf};
    (void)copse_public_key_to_did(&identity->creator, did);
    copse_cbor_writer_map(&writer, 4U + is_signed);
    copse_cbor_writer_key(&writer, "Nonce");
    copse_cbor_writer_bytes(&writer, (copse_bytes){identity->nonce, sizeof identity->nonce});
    copse_cbor_writer_key(&writer, "Format");
    copse_cbor_writer_key(&writer, "database");
    copse_cbor_writer_key(&writer, "Creator");
    copse_cbor_writer_key(&writer, did);
    copse_cbor_writer_key(&writer, "Version");
    copse_cbor_writer_uint(&writer, IDENTITY_VERSION);
    if (is_signed) {
        copse_cbor_writer_key(&writer, "Signature");
        copse_cbor_writer_bytes(&writer,
                                (copse_bytes){identity->signature, sizeof identity->signature});
    }
    return writer.status;
}

copse_status copse_identity_encode(const copse_identity *identity, copse_buf *ret_buf,
                                   copse_err *err)
{
    size_t start = ret_buf->len;
    copse_status status = identity_write(identity, true, ret_buf);
    if (status != COPSE_OK) {
        copse_buf_truncate(ret_buf, start);
        return COPSE_ERR(err, status, "the identity of a database can't be encoded");
    }
    return COPSE_OK;
}

static copse_status identity_sign(const copse_env *env, const copse_key *key,
                                  copse_identity *identity, copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, env, IDENTITY_SIZE_MAX);
    copse_status status = identity_write(identity, false, &buf);
    if (status == COPSE_OK) {
        status = copse_key_sign(key, copse_bytes_of_text(identity_prefix), copse_buf_view(&buf),
                                identity->signature, err);
    }
    copse_buf_truncate(&buf, 0);
    if (status == COPSE_OK) {
        status = identity_write(identity, true, &buf);
    }
    if (status == COPSE_OK) {
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf), &identity->cid);
    }
    copse_buf_release(&buf);
    return status == COPSE_NOMEM ? COPSE_ERR_NOMEM(err) : status;
}

copse_status copse_identity_new(const copse_env *env, const copse_key *key,
                                copse_identity *ret_identity, copse_err *err)
{
    copse_identity identity = {.creator = *copse_key_public(key)};
    if (env->random == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "a database with a creator needs random bytes, and the env has none");
    }
    copse_status status = env->random(env->random_ctx, identity.nonce, sizeof identity.nonce);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no random bytes for the identity of a database");
    }
    status = identity_sign(env, key, &identity, err);
    if (status == COPSE_OK) {
        *ret_identity = identity;
    }
    return status;
}

static bool identity_take_bytes(copse_cbor_reader *reader, const char *name, uint8_t *ret_bytes,
                                size_t size)
{
    copse_cbor_item item;
    if (!copse_cbor_map_has(reader, name) ||
        !copse_cbor_map_item(reader, COPSE_CBOR_BYTES, &item) || item.bytes.len != size) {
        return false;
    }
    memcpy(ret_bytes, item.bytes.ptr, size);
    return true;
}

static bool identity_take_text(copse_cbor_reader *reader, const char *name, copse_bytes *ret_text)
{
    copse_cbor_item item;
    if (!copse_cbor_map_has(reader, name) || !copse_cbor_map_item(reader, COPSE_CBOR_TEXT, &item)) {
        return false;
    }
    *ret_text = item.bytes;
    return true;
}

static bool identity_take(copse_cbor_reader *reader, copse_identity *identity)
{
    copse_bytes format;
    copse_bytes creator;
    uint64_t version;
    return identity_take_bytes(reader, "Nonce", identity->nonce, sizeof identity->nonce) &&
           identity_take_text(reader, "Format", &format) &&
           copse_bytes_equal(format, copse_bytes_of_text("database")) &&
           identity_take_text(reader, "Creator", &creator) &&
           copse_public_key_from_did(creator, &identity->creator, NULL) == COPSE_OK &&
           copse_cbor_map_has(reader, "Version") && copse_cbor_map_uint(reader, &version) &&
           version == IDENTITY_VERSION &&
           identity_take_bytes(reader, "Signature", identity->signature,
                               sizeof identity->signature) &&
           reader->at == reader->end;
}

copse_status copse_identity_decode(const copse_env *env, copse_bytes encoded,
                                   copse_identity *ret_identity, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item map;
    copse_identity identity = {.cid = {0}};
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, encoded, &env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_cbor_reader at = reader;
    if (copse_cbor_find_key(&at, copse_bytes_of_text("Creator"), NULL) == COPSE_NOT_FOUND &&
        copse_cbor_find_key(&at, copse_bytes_of_text("Format"), NULL) == COPSE_OK) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "the database has no creator");
    }
    if (!copse_cbor_map_item(&reader, COPSE_CBOR_MAP, &map) || !identity_take(&reader, &identity)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not the identity of a database");
    }
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, encoded, &identity.cid);
    *ret_identity = identity;
    return COPSE_OK;
}

copse_status copse_identity_verify(const copse_env *env, const copse_identity *identity,
                                   copse_err *err)
{
    copse_buf buf;
    copse_buf_init(&buf, env, IDENTITY_SIZE_MAX);
    copse_status status = identity_write(identity, false, &buf);
    if (status == COPSE_OK) {
        status =
            copse_public_key_verify(env, &identity->creator, copse_bytes_of_text(identity_prefix),
                                    copse_buf_view(&buf), identity->signature, NULL);
    }
    copse_buf_release(&buf);
    if (status == COPSE_CORRUPT) {
        return COPSE_ERR(err, status, "the identity of the database is not signed by its creator");
    }
    return status == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}
