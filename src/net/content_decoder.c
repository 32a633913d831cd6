/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "net/content_decoder.h"

#include "base/alloc.h"
#include "base/err.h"
#include "proto/http_request.h"

#define ZSTD_STATIC_LINKING_ONLY /* for an allocator of one's own */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum { CONTENT_DECODER_GZIP_WINDOW = 15 + 16 }; /* zlib: a window of 2^15, in the format of gzip */

struct copse_content_decoder {
    const copse_env *env;
    copse_content_coding coding;
    bool is_whole;
    z_stream gzip;
    ZSTD_DCtx *zstd;
};

bool copse_content_coding_find(copse_bytes name, copse_content_coding *ret_coding)
{
    static const struct {
        const char *name;
        copse_content_coding coding;
    } codings[] = {{"zstd", COPSE_CONTENT_ZSTD},
                   {"gzip", COPSE_CONTENT_GZIP},
                   {"x-gzip", COPSE_CONTENT_GZIP},
                   {"identity", COPSE_CONTENT_IDENTITY}};
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        if (copse_http_name_equal(name, copse_bytes_of_text(codings[i].name))) {
            *ret_coding = codings[i].coding;
            return true;
        }
    }
    return false;
}

/* ---- Memory ---- */

static void *content_decoder_alloc(void *ctx, size_t size)
{
    return copse_alloc_self_sized(ctx, size);
}

static void *content_decoder_alloc_array(void *ctx, unsigned count, unsigned size)
{
    return copse_alloc_self_sized(ctx, (size_t)count * size);
}

static void content_decoder_dealloc(void *ctx, void *ptr)
{
    copse_free_self_sized(ctx, ptr);
}

/* ---- Life ---- */

static bool content_decoder_begin(copse_content_decoder *decoder)
{
    void *ctx = (void *)decoder->env;
    if (decoder->coding == COPSE_CONTENT_GZIP) {
        decoder->gzip = (z_stream){
            .zalloc = content_decoder_alloc_array, .zfree = content_decoder_dealloc, .opaque = ctx};
        return inflateInit2(&decoder->gzip, CONTENT_DECODER_GZIP_WINDOW) == Z_OK;
    }
    decoder->zstd = ZSTD_createDCtx_advanced(
        (ZSTD_customMem){content_decoder_alloc, content_decoder_dealloc, ctx});
    return decoder->zstd != NULL &&
           ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax,
                                               COPSE_CONTENT_ZSTD_WINDOW_BITS_MAX)) == 0;
}

copse_status copse_content_decoder_new(const copse_env *env, copse_content_coding coding,
                                       copse_content_decoder **ret_decoder, copse_err *err)
{
    copse_content_decoder *decoder = copse_alloc_zeroed(env, sizeof *decoder);
    if (decoder == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    *decoder = (copse_content_decoder){.env = env, .coding = coding, .is_whole = true};
    if (!content_decoder_begin(decoder)) {
        (void)copse_content_decoder_free(decoder);
        return COPSE_ERR_NOMEM(err);
    }
    *ret_decoder = decoder;
    return COPSE_OK;
}

copse_content_decoder *copse_content_decoder_free(copse_content_decoder *decoder)
{
    if (decoder != NULL) {
        if (decoder->coding == COPSE_CONTENT_GZIP) {
            (void)inflateEnd(&decoder->gzip);
        }
        (void)ZSTD_freeDCtx(decoder->zstd);
        copse_free(decoder->env, decoder, sizeof *decoder);
    }
    return NULL;
}

/* ---- Decoding ---- */

/* zlib counts in unsigned; what doesn't fit waits for the next turn. */
static uInt content_decoder_clip(size_t size)
{
    return size < UINT32_MAX ? (uInt)size : UINT32_MAX;
}

/* One turn of inflate. A gzip body may be several members, one after the other. */
static copse_status content_decoder_inflate(copse_content_decoder *decoder, ZSTD_inBuffer *from,
                                            ZSTD_outBuffer *to, copse_err *err)
{
    z_stream *gzip = &decoder->gzip;
    const uInt input_len = content_decoder_clip(from->size - from->pos);
    const uInt room = content_decoder_clip(to->size - to->pos);
    gzip->next_in = (Bytef *)from->src + from->pos;
    gzip->avail_in = input_len;
    gzip->next_out = (Bytef *)to->dst + to->pos;
    gzip->avail_out = room;
    int code = inflate(gzip, Z_NO_FLUSH);
    from->pos += input_len - gzip->avail_in;
    to->pos += room - gzip->avail_out;
    if (code == Z_STREAM_END) {
        decoder->is_whole = true;
        code = inflateReset(gzip);
    } else if (gzip->avail_in < input_len) {
        decoder->is_whole = false;
    }
    return code == Z_OK || code == Z_BUF_ERROR ? COPSE_OK
           : code == Z_MEM_ERROR               ? COPSE_ERR_NOMEM(err)
                                               : COPSE_ERR(err, COPSE_CORRUPT, "not gzip");
}

/* Whether a frame may begin with this byte: one of zstd, or one to be skipped. The library may also
 * read the formats from before zstd 1.0, by code that takes memory of its own. */
static bool content_decoder_is_zstd(uint8_t first)
{
    return first == 0x28 || (first & 0xf0) == 0x50;
}

/* One turn of zstd, which ends at the end of a frame. */
static copse_status content_decoder_unzstd(copse_content_decoder *decoder, ZSTD_inBuffer *from,
                                           ZSTD_outBuffer *to, copse_err *err)
{
    const size_t moved_before = from->pos + to->pos;
    if (decoder->is_whole && from->pos < from->size &&
        !content_decoder_is_zstd(((const uint8_t *)from->src)[from->pos])) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not zstd");
    }
    size_t left = ZSTD_decompressStream(decoder->zstd, to, from);
    if (ZSTD_isError(left) != 0) {
        ZSTD_ErrorCode code = ZSTD_getErrorCode(left);
        return code == ZSTD_error_memory_allocation ? COPSE_ERR_NOMEM(err)
               : code == ZSTD_error_frameParameter_windowTooLarge
                   ? COPSE_ERR(err, COPSE_LIMIT, "zstd with too long a window")
                   : COPSE_ERR(err, COPSE_CORRUPT, "not zstd");
    }
    if (from->pos + to->pos > moved_before) {
        decoder->is_whole = left == 0;
    }
    return COPSE_OK;
}

copse_status copse_content_decoder_step(copse_content_decoder *decoder, copse_bytes *input,
                                        uint8_t *ret_bytes, size_t size, size_t *ret_len,
                                        copse_err *err)
{
    ZSTD_inBuffer from = {input->ptr, input->len, 0};
    ZSTD_outBuffer to = {.size = size};
    size_t moved_before = 0;
    to.dst = ret_bytes;
    do {
        moved_before = from.pos + to.pos;
        copse_status status = decoder->coding == COPSE_CONTENT_GZIP
                                  ? content_decoder_inflate(decoder, &from, &to, err)
                                  : content_decoder_unzstd(decoder, &from, &to, err);
        if (status != COPSE_OK) {
            return status;
        }
    } while (to.pos < to.size && from.pos < from.size && from.pos + to.pos > moved_before);
    if (to.pos < to.size && from.pos < from.size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the compressed bytes lead nowhere");
    }
    *input = (copse_bytes){input->ptr + from.pos, input->len - from.pos};
    *ret_len = to.pos;
    return COPSE_OK;
}

bool copse_content_decoder_is_whole(const copse_content_decoder *decoder)
{
    return decoder->is_whole;
}
