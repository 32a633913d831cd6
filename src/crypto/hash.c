/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crypto/hash.h"

void copse_sha2_256(copse_bytes data, uint8_t ret_digest[COPSE_SHA2_256_SIZE_BYTES])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, data.len, data.ptr);
    sha256_digest(&context, COPSE_SHA2_256_SIZE_BYTES, ret_digest);
}

void copse_sha2_512(copse_bytes data, uint8_t ret_digest[COPSE_SHA2_512_SIZE_BYTES])
{
    struct sha512_ctx context;
    sha512_init(&context);
    sha512_update(&context, data.len, data.ptr);
    sha512_digest(&context, COPSE_SHA2_512_SIZE_BYTES, ret_digest);
}

void copse_sha2_256_init(copse_sha2_256_stream *stream)
{
    sha256_init(&stream->nettle);
}

void copse_sha2_256_update(copse_sha2_256_stream *stream, copse_bytes data)
{
    sha256_update(&stream->nettle, data.len, data.ptr);
}

void copse_sha2_256_digest(copse_sha2_256_stream *stream,
                           uint8_t ret_digest[COPSE_SHA2_256_SIZE_BYTES])
{
    sha256_digest(&stream->nettle, COPSE_SHA2_256_SIZE_BYTES, ret_digest);
}

void copse_sha2_512_init(copse_sha2_512_stream *stream)
{
    sha512_init(&stream->nettle);
}

void copse_sha2_512_update(copse_sha2_512_stream *stream, copse_bytes data)
{
    sha512_update(&stream->nettle, data.len, data.ptr);
}

void copse_sha2_512_digest(copse_sha2_512_stream *stream,
                           uint8_t ret_digest[COPSE_SHA2_512_SIZE_BYTES])
{
    sha512_digest(&stream->nettle, COPSE_SHA2_512_SIZE_BYTES, ret_digest);
}
