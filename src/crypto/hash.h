/* SHA-256 and SHA-512, thin over nettle.
 *
 * Why nettle, and what it costs: docs/decisions/0002-sha256-nettle.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CRYPTO_HASH_H
#define COPSE_CRYPTO_HASH_H

#include <copse/bytes.h>

#include <nettle/sha2.h>

#define COPSE_SHA2_256_SIZE_BYTES 32
#define COPSE_SHA2_512_SIZE_BYTES 64

/** A digest in the making. Plain data: a copy is a fork of the stream. Holds what was hashed until
 * digest. */
typedef struct copse_sha2_256_stream {
    struct sha256_ctx nettle;
} copse_sha2_256_stream;

/** As copse_sha2_256_stream. */
typedef struct copse_sha2_512_stream {
    struct sha512_ctx nettle;
} copse_sha2_512_stream;

/** The digest of `data`. */
void copse_sha2_256(copse_bytes data, uint8_t ret_digest[COPSE_SHA2_256_SIZE_BYTES]);
void copse_sha2_512(copse_bytes data, uint8_t ret_digest[COPSE_SHA2_512_SIZE_BYTES]);

void copse_sha2_256_init(copse_sha2_256_stream *stream);
void copse_sha2_256_update(copse_sha2_256_stream *stream, copse_bytes data);
/** The digest of all updates since init; the stream is then as after init. */
void copse_sha2_256_digest(copse_sha2_256_stream *stream,
                           uint8_t ret_digest[COPSE_SHA2_256_SIZE_BYTES]);

void copse_sha2_512_init(copse_sha2_512_stream *stream);
void copse_sha2_512_update(copse_sha2_512_stream *stream, copse_bytes data);
/** As copse_sha2_256_digest. */
void copse_sha2_512_digest(copse_sha2_512_stream *stream,
                           uint8_t ret_digest[COPSE_SHA2_512_SIZE_BYTES]);

#endif
