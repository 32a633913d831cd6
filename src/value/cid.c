/* CIDs: parsing, making, text forms, verification.
 *
 *     CIDv0   12 20 digest(32)                                      always dag-pb and sha2-256
 *     CIDv1   varint 1, varint codec, varint hash, varint n, digest(n)
 *
 *   I1  A CID has one binary form: varints are of the shortest form, and what is not CIDv0 or
 *       CIDv1 is no CID. A first byte of 12 is a CIDv0 or nothing, since versions stop at 1.
 *   I2  The digest of a known hash is at most as long as the hash's. It may be shorter (the Go
 *       prolly trees cut sha2-256 to 20 bytes); such a CID is read, and verified by comparing what
 *       is there, from CID_DIGEST_VERIFIED_MIN bytes on: below that, data to fit can be searched.
 *   I3  Text decodes to a CID only if it is a form that some encoder writes: one case throughout,
 *       no unused bits, and a CIDv0 only as bare base58btc.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/cid.h>

#include "base/err.h"
#include "base/varint.h"
#include "crypto/hash.h"
#include "value/cid_parse.h"
#include "value/multibase.h"

#include <assert.h>
#include <string.h>

enum {
    CID_V0_SIZE = 34,
    CID_V0_TEXT_SIZE = 46,
    CID_DIGEST_VERIFIED_MIN = 20,
};

_Static_assert(COPSE_CID_SIZE_BYTES_MAX <= COPSE_RADIX_BYTES_MAX, "a CID must fit base58btc");

/* ---- Binary form ---------------------------------------------------------------------------- */

static copse_status cid_fail(copse_status status, const char *why, const char **ret_why)
{
    if (ret_why != NULL) {
        *ret_why = why;
    }
    return status;
}

/* The longest digest of a hash; SIZE_MAX where Copse doesn't know. */
static size_t cid_digest_size_max(uint64_t hash)
{
    switch (hash) {
    case COPSE_HASH_SHA2_256:
        return COPSE_SHA2_256_SIZE_BYTES;
    case COPSE_HASH_SHA2_512:
        return COPSE_SHA2_512_SIZE_BYTES;
    default:
        return SIZE_MAX;
    }
}

static copse_status cid_parse_v0(copse_bytes input, copse_cid_parts *ret_parts, size_t *ret_size,
                                 const char **ret_why)
{
    if (input.len < CID_V0_SIZE) {
        return cid_fail(COPSE_CORRUPT, "the CID is cut off", ret_why);
    }
    if (input.ptr[1] != COPSE_SHA2_256_SIZE_BYTES) {
        return cid_fail(COPSE_CORRUPT, "a CIDv0 has a digest of 32 bytes", ret_why);
    }
    *ret_parts = (copse_cid_parts){
        .version = 0,
        .codec = COPSE_CODEC_DAG_PB,
        .hash = COPSE_HASH_SHA2_256,
        .digest = {input.ptr + 2, COPSE_SHA2_256_SIZE_BYTES},
    };
    *ret_size = CID_V0_SIZE;
    return COPSE_OK;
}

static copse_status cid_parse_digest(copse_bytes input, uint64_t digest_size, size_t head_size,
                                     uint64_t hash, const char **ret_why)
{
    if (digest_size > cid_digest_size_max(hash)) {
        return cid_fail(COPSE_CORRUPT, "the digest is longer than its hash makes", ret_why);
    }
    if (digest_size > input.len - head_size) {
        return cid_fail(COPSE_CORRUPT, "the CID is cut off", ret_why);
    }
    if (digest_size > COPSE_CID_SIZE_BYTES_MAX - head_size) {
        return cid_fail(COPSE_LIMIT, "the CID is longer than Copse takes", ret_why);
    }
    return COPSE_OK;
}

copse_status copse_cid_parse(copse_bytes input, copse_cid_parts *ret_parts, size_t *ret_size,
                             const char **ret_why)
{
    if (input.len == 0) {
        return cid_fail(COPSE_CORRUPT, "the CID is cut off", ret_why);
    }
    if (input.ptr[0] == COPSE_HASH_SHA2_256) {
        return cid_parse_v0(input, ret_parts, ret_size, ret_why);
    }
    uint64_t fields[4] = {0}; /* version, codec, hash, digest size */
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t size = 0;
        copse_bytes rest = {input.ptr + at, input.len - at};
        copse_status status = copse_varint_read(rest, &fields[i], &size);
        if (status != COPSE_OK) {
            return cid_fail(COPSE_CORRUPT,
                            status == COPSE_END ? "the CID is cut off"
                                                : "a varint of the CID is not of the shortest form",
                            ret_why);
        }
        if (i == 0 && fields[0] != 1) {
            return cid_fail(COPSE_CORRUPT, "the CID's version is not 0 or 1", ret_why);
        }
        at += size;
    }
    copse_status status = cid_parse_digest(input, fields[3], at, fields[2], ret_why);
    if (status != COPSE_OK) {
        return status;
    }
    *ret_parts = (copse_cid_parts){
        .version = fields[0],
        .codec = fields[1],
        .hash = fields[2],
        .digest = {input.ptr + at, (size_t)fields[3]},
    };
    *ret_size = at + (size_t)fields[3];
    return COPSE_OK;
}

/* Copies a binary CID whose size was checked. */
static void cid_set(copse_cid *ret_cid, const uint8_t *bytes, size_t size)
{
    assert(size <= COPSE_CID_SIZE_BYTES_MAX);
    copse_cid cid = {.size = (uint8_t)size};
    memcpy(cid.bytes, bytes, size);
    *ret_cid = cid;
}

copse_status copse_cid_read(copse_bytes input, copse_cid *ret_cid, size_t *ret_size, copse_err *err)
{
    copse_cid_parts parts;
    size_t size = 0;
    const char *why = "";
    copse_status status = copse_cid_parse(input, &parts, &size, &why);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "%s", why);
    }
    cid_set(ret_cid, input.ptr, size);
    *ret_size = size;
    return COPSE_OK;
}

copse_status copse_cid_from_bytes(copse_bytes input, copse_cid *ret_cid, copse_err *err)
{
    copse_cid_parts parts;
    size_t size = 0;
    const char *why = "";
    copse_status status = copse_cid_parse(input, &parts, &size, &why);
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "%s", why);
    }
    if (size != input.len) {
        return COPSE_ERR(err, COPSE_CORRUPT, "%zu bytes follow the CID", input.len - size);
    }
    cid_set(ret_cid, input.ptr, size);
    return COPSE_OK;
}

/* ---- Making --------------------------------------------------------------------------------- */

/* Writes what stands before the digest of a CIDv1; returns its size. */
static size_t cid_write_head(uint64_t codec, uint64_t hash, size_t digest_size,
                             uint8_t ret_head[1 + 3 * COPSE_VARINT_SIZE_BYTES_MAX])
{
    size_t size = 0;
    ret_head[size++] = 1;
    size += copse_varint_write(codec, ret_head + size);
    size += copse_varint_write(hash, ret_head + size);
    size += copse_varint_write(digest_size, ret_head + size);
    return size;
}

void copse_cid_of_data(uint64_t codec, copse_bytes data, copse_cid *ret_cid)
{
    assert(codec <= COPSE_VARINT_MAX);
    copse_cid cid = {0};
    size_t head = cid_write_head(codec, COPSE_HASH_SHA2_256, COPSE_SHA2_256_SIZE_BYTES, cid.bytes);
    copse_sha2_256(data, cid.bytes + head);
    cid.size = (uint8_t)(head + COPSE_SHA2_256_SIZE_BYTES);
    *ret_cid = cid;
}

copse_status copse_cid_from_parts(uint64_t codec, uint64_t hash, copse_bytes digest,
                                  copse_cid *ret_cid, copse_err *err)
{
    if (codec > COPSE_VARINT_MAX || hash > COPSE_VARINT_MAX) {
        return COPSE_ERR(err, COPSE_MISUSE, "a codec or hash code above 2^63 - 1");
    }
    if (digest.len > cid_digest_size_max(hash)) {
        return COPSE_ERR(err, COPSE_MISUSE, "a digest of %zu bytes is longer than its hash makes",
                         digest.len);
    }
    copse_cid cid = {0};
    if (digest.len > sizeof cid.bytes) {
        return COPSE_ERR(err, COPSE_LIMIT, "a CID is at most %d bytes", COPSE_CID_SIZE_BYTES_MAX);
    }
    uint8_t head[1 + 3 * COPSE_VARINT_SIZE_BYTES_MAX];
    size_t head_size = cid_write_head(codec, hash, digest.len, head);
    if (digest.len > sizeof cid.bytes - head_size) {
        return COPSE_ERR(err, COPSE_LIMIT, "a CID is at most %d bytes", COPSE_CID_SIZE_BYTES_MAX);
    }
    memcpy(cid.bytes, head, head_size);
    if (digest.len > 0) {
        memcpy(cid.bytes + head_size, digest.ptr, digest.len);
    }
    cid.size = (uint8_t)(head_size + digest.len);
    *ret_cid = cid;
    return COPSE_OK;
}

/* ---- Text form ------------------------------------------------------------------------------ */

/* Decodes the text behind a multibase prefix. COPSE_CID_SIZE_BYTES_MAX bytes or fewer. */
static copse_status cid_decode_base(uint8_t prefix, copse_bytes text,
                                    uint8_t ret_bytes[COPSE_RADIX_BYTES_MAX], size_t *ret_size,
                                    copse_err *err)
{
    copse_status status;
    switch (prefix) {
    case 'b':
    case 'B':
        *ret_size = copse_base32_bytes_size(text.len);
        if (*ret_size > COPSE_RADIX_BYTES_MAX) {
            return COPSE_ERR(err, COPSE_LIMIT, "the text is too long for a CID");
        }
        status = copse_base32_decode(text, prefix == 'B', ret_bytes);
        break;
    case 'k':
    case 'K':
        status = copse_base36_decode(text, prefix == 'K', ret_bytes, ret_size);
        break;
    case 'z':
        status = copse_base58btc_decode(text, ret_bytes, ret_size);
        break;
    default:
        return COPSE_ERR(err, COPSE_CORRUPT, "the first character names no base that CIDs use");
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status,
                         status == COPSE_LIMIT ? "the text is too long for a CID"
                                               : "the text is not valid in the base of prefix '%c'",
                         prefix);
    }
    return COPSE_OK;
}

static copse_status cid_from_text_v0(copse_bytes text, copse_cid *ret_cid, copse_err *err)
{
    uint8_t bytes[COPSE_RADIX_BYTES_MAX];
    size_t size = 0;
    if (copse_base58btc_decode(text, bytes, &size) != COPSE_OK || size != CID_V0_SIZE ||
        bytes[0] != COPSE_HASH_SHA2_256 || bytes[1] != COPSE_SHA2_256_SIZE_BYTES) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a text that begins with Qm is no CIDv0");
    }
    cid_set(ret_cid, bytes, size);
    return COPSE_OK;
}

copse_status copse_cid_from_text(copse_bytes text, copse_cid *ret_cid, copse_err *err)
{
    if (text.len < 2) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the text is too short for a CID");
    }
    if (text.len == CID_V0_TEXT_SIZE && text.ptr[0] == 'Q' && text.ptr[1] == 'm') {
        return cid_from_text_v0(text, ret_cid, err);
    }
    uint8_t bytes[COPSE_RADIX_BYTES_MAX];
    size_t size = 0;
    copse_bytes rest = {text.ptr + 1, text.len - 1};
    copse_status status = cid_decode_base(text.ptr[0], rest, bytes, &size, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (size > 0 && bytes[0] != 1) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the text is not that of a CIDv1");
    }
    return copse_cid_from_bytes((copse_bytes){bytes, size}, ret_cid, err);
}

size_t copse_cid_to_text(const copse_cid *cid, copse_base base,
                         char ret_text[COPSE_CID_TEXT_SIZE_MAX])
{
    copse_bytes bytes = {cid->bytes, cid->size};
    size_t len = 0;
    if (cid->size == 0) {
        /* No CID: the empty string. */
    } else if (cid->bytes[0] != 1) {
        len = copse_base58btc_encode(bytes, ret_text);
    } else if (base == COPSE_BASE36) {
        ret_text[0] = 'k';
        len = 1 + copse_base36_encode(bytes, ret_text + 1);
    } else if (base == COPSE_BASE58BTC) {
        ret_text[0] = 'z';
        len = 1 + copse_base58btc_encode(bytes, ret_text + 1);
    } else {
        ret_text[0] = 'b';
        len = 1 + copse_base32_encode(bytes, ret_text + 1);
    }
    assert(len < COPSE_CID_TEXT_SIZE_MAX);
    ret_text[len] = '\0';
    return len;
}

/* ---- Use ------------------------------------------------------------------------------------ */

void copse_cid_split(const copse_cid *cid, copse_cid_parts *ret_parts)
{
    size_t size = 0;
    copse_bytes bytes = {cid->bytes, cid->size};
    if (copse_cid_parse(bytes, ret_parts, &size, NULL) != COPSE_OK) {
        assert(false && "a copse_cid that holds no CID");
        *ret_parts = (copse_cid_parts){0};
    }
}

/* Whether `digest`, perhaps cut short, is that of `data`. */
static copse_status cid_verify_sha2(const copse_cid_parts *parts, copse_bytes data, copse_err *err)
{
    if (parts->digest.len < CID_DIGEST_VERIFIED_MIN) {
        return COPSE_ERR(err, COPSE_MISUSE, "a digest of %zu bytes is too short to verify by",
                         parts->digest.len);
    }
    uint8_t digest[COPSE_SHA2_512_SIZE_BYTES];
    if (parts->hash == COPSE_HASH_SHA2_256) {
        copse_sha2_256(data, digest);
    } else {
        copse_sha2_512(data, digest);
    }
    if (memcmp(digest, parts->digest.ptr, parts->digest.len) != 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the data does not hash to its CID");
    }
    return COPSE_OK;
}

copse_status copse_cid_verify(const copse_cid *cid, copse_bytes data, copse_err *err)
{
    copse_cid_parts parts;
    size_t size = 0;
    if (copse_cid_parse((copse_bytes){cid->bytes, cid->size}, &parts, &size, NULL) != COPSE_OK) {
        return COPSE_ERR(err, COPSE_MISUSE, "no CID to verify by");
    }
    switch (parts.hash) {
    case COPSE_HASH_SHA2_256:
    case COPSE_HASH_SHA2_512:
        return cid_verify_sha2(&parts, data, err);
    case COPSE_HASH_IDENTITY:
        if (!copse_bytes_equal(parts.digest, data)) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the data is not what its identity CID holds");
        }
        return COPSE_OK;
    default:
        return COPSE_ERR(err, COPSE_MISUSE, "hash 0x%llx is not one that Copse computes",
                         (unsigned long long)parts.hash);
    }
}

bool copse_cid_is_dag_cbor(const copse_cid *cid)
{
    static const uint8_t head[] = {1, COPSE_CODEC_DAG_CBOR, COPSE_HASH_SHA2_256, 32};
    return cid->size == COPSE_CID_SHA2_256_SIZE_BYTES && memcmp(cid->bytes, head, sizeof head) == 0;
}

bool copse_cid_equal(const copse_cid *a, const copse_cid *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

int copse_cid_compare(const copse_cid *a, const copse_cid *b)
{
    return copse_bytes_compare((copse_bytes){a->bytes, a->size}, (copse_bytes){b->bytes, b->size});
}
