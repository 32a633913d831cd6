/* Content identifiers (CID): the address of a block.
 *
 * Format: https://github.com/multiformats/cid. CIDv0 is the 34 bytes 12 20 digest (dag-pb,
 * sha2-256); CIDv1 is varint(1) varint(codec) varint(hash code) varint(digest length) digest.
 * Varints are unsigned LEB128, shortest form, at most 9 bytes. Versions 2 and 3 are reserved.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CID_H
#define COPSE_CID_H

#include <copse/bytes.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

enum {
    COPSE_CODEC_RAW = 0x55,
    COPSE_CODEC_DAG_PB = 0x70,
    COPSE_CODEC_DAG_CBOR = 0x71,
    COPSE_CODEC_LIBP2P_KEY = 0x72,
    COPSE_CODEC_DAG_JSON = 0x0129,
    COPSE_HASH_IDENTITY = 0x00,
    COPSE_HASH_SHA2_256 = 0x12,
    COPSE_HASH_SHA2_512 = 0x13
};

/** The longest binary CID that Copse takes; a longer one returns COPSE_LIMIT. */
#define COPSE_CID_SIZE_BYTES_MAX 71
/** Bytes of a CIDv1 with a one-byte codec and sha2-256: those that Copse writes. */
#define COPSE_CID_SHA2_256_SIZE_BYTES 36
/** Characters of the longest text form, with the NUL. */
#define COPSE_CID_TEXT_SIZE_MAX 208

/** A CID in binary form. Plain data: copy it by assignment. The bytes past `size` are zero. A
 * zeroed one is no CID (size 0). */
typedef struct copse_cid {
    uint8_t size;
    uint8_t bytes[COPSE_CID_SIZE_BYTES_MAX];
} copse_cid;

/** The parts of a CID. `digest` borrows from the CID. */
typedef struct copse_cid_parts {
    uint64_t version; /**< 0 or 1. */
    uint64_t codec;
    uint64_t hash;
    copse_bytes digest;
} copse_cid_parts;

/** Text bases of a CIDv1. A CIDv0 is always base58btc without a prefix. */
typedef enum copse_base {
    COPSE_BASE32,   /**< Lower case, no padding, prefix 'b': the default. */
    COPSE_BASE36,   /**< Lower case, prefix 'k'. */
    COPSE_BASE58BTC /**< Prefix 'z'. */
} copse_base;

/** Makes the CIDv1 of `data`: sha2-256. `codec` is a multicodec code. */
COPSE_API void copse_cid_of_data(uint64_t codec, copse_bytes data, copse_cid *ret_cid);

/** Makes a CIDv1 from its parts. LIMIT: it would be longer than COPSE_CID_SIZE_BYTES_MAX. MISUSE: a
 * code above 2^63 - 1, or a digest longer than its hash makes. */
COPSE_API COPSE_MUST_USE copse_status copse_cid_from_parts(uint64_t codec, uint64_t hash,
                                                           copse_bytes digest, copse_cid *ret_cid,
                                                           copse_err *err);

/** Reads one binary CID at the start of `input`; `ret_size` is the number of bytes it takes.
 * CORRUPT: not a CID (truncated, long varint, reserved version, a digest longer than sha2-256's or
 * sha2-512's 32 or 64 bytes). A shorter digest and unknown hashes are read. LIMIT: longer than
 * COPSE_CID_SIZE_BYTES_MAX. */
COPSE_API COPSE_MUST_USE copse_status copse_cid_read(copse_bytes input, copse_cid *ret_cid,
                                                     size_t *ret_size, copse_err *err);

/** Reads a binary CID that fills `input` exactly. Statuses as copse_cid_read. */
COPSE_API COPSE_MUST_USE copse_status copse_cid_from_bytes(copse_bytes input, copse_cid *ret_cid,
                                                           copse_err *err);

/** Reads a CID from text: base58btc v0 ("Qm…"), or v1 with prefix b, k or z, or B or K for the same
 * in upper case. Only what an encoder writes: one case, no padding, unused bits zero, no v0 behind
 * a prefix. CORRUPT names what is wrong. LIMIT: longer than COPSE_CID_SIZE_BYTES_MAX. */
COPSE_API COPSE_MUST_USE copse_status copse_cid_from_text(copse_bytes text, copse_cid *ret_cid,
                                                          copse_err *err);

/** Writes the text form with a NUL into `ret_text` and returns its length without the NUL. A CIDv0
 * is written in base58btc whatever `base` says. A zeroed CID gives an empty string. */
COPSE_API size_t copse_cid_to_text(const copse_cid *cid, copse_base base,
                                   char ret_text[COPSE_CID_TEXT_SIZE_MAX]);

/** The parts; `cid` must hold a CID. `ret_parts->digest` borrows from `cid`. */
COPSE_API void copse_cid_split(const copse_cid *cid, copse_cid_parts *ret_parts);

/** Whether `data` hashes to `cid`; of a digest that was cut short, whether its bytes match. OK;
 * CORRUPT: it doesn't; MISUSE: no data could be verified by this CID, since Copse doesn't compute
 * the hash (only sha2-256, sha2-512 and identity are), or the digest has fewer than 20 bytes. */
COPSE_API COPSE_MUST_USE copse_status copse_cid_verify(const copse_cid *cid, copse_bytes data,
                                                       copse_err *err);

/** Whether both are the same CID, version and codec included. */
COPSE_API bool copse_cid_equal(const copse_cid *a, const copse_cid *b);

/** Order of the binary forms: negative, zero or positive. */
COPSE_API int copse_cid_compare(const copse_cid *a, const copse_cid *b);

COPSE_EXTERN_C_END

#endif
