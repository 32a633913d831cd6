/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/compress.h"

#include "base/alloc.h"
#include "serve/reply.h"

#define ZSTD_STATIC_LINKING_ONLY /* for an allocator of one's own */
#include <zlib.h>
#include <zstd.h>

enum {
    COMPRESS_INPUT_SIZE_BYTES = 16 << 10,
    COMPRESS_OUTPUT_SIZE_BYTES = 8 << 10,
    /* A pull ends at so many bytes of output, or of input, as it takes long however well that
     * packs. */
    COMPRESS_PIECE_SIZE_BYTES = 16 << 10,
    COMPRESS_PULLED_SIZE_BYTES = 256 << 10,
    COMPRESS_GZIP_LEVEL = 5,
    COMPRESS_GZIP_WINDOW = 15 + 16, /* zlib: a window of 2^15, in the format of gzip */
    COMPRESS_GZIP_MEMORY = 8,
    COMPRESS_ZSTD_LEVEL = 3,
    COMPRESS_ZSTD_WINDOW = 20 /* 2^20: all blocks of one level or document are near each other */
};

typedef enum compress_kind { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_ZSTD } compress_kind;

typedef struct compress_body {
    const copse_env *env;
    compress_kind kind;
    copse_http_body inner;
    copse_buf input;
    size_t input_at;
    size_t pulled; /* input that the present pull took */
    bool begun;
    bool input_ended;
    ZSTD_CCtx *zstd;
    z_stream gzip;
} compress_body;

/* Room for compressed bytes; `len` is how much there is, and then how much was taken. */
typedef struct compress_output {
    size_t len;
    uint8_t bytes[COMPRESS_OUTPUT_SIZE_BYTES];
} compress_output;

/* ---- Memory ---- */

static void *compress_alloc(void *ctx, size_t size)
{
    return copse_alloc_self_sized(ctx, size);
}

static void *compress_alloc_array(void *ctx, unsigned count, unsigned size)
{
    return copse_alloc_self_sized(ctx, (size_t)count * size);
}

static void compress_free(void *ctx, void *ptr)
{
    copse_free_self_sized(ctx, ptr);
}

/* ---- The body ---- */

/* Whether what there is of the input goes out now: a pull gives a byte at least. */
static bool compress_flushes(const compress_body *body)
{
    return body->pulled >= COMPRESS_PULLED_SIZE_BYTES;
}

/* Makes the compressor when the first byte is needed: a HEAD never does. */
static copse_status compress_begin(compress_body *body)
{
    body->begun = true;
    if (body->kind == COMPRESS_GZIP) {
        body->gzip = (z_stream){
            .zalloc = compress_alloc_array, .zfree = compress_free, .opaque = (void *)body->env};
        return deflateInit2(&body->gzip, COMPRESS_GZIP_LEVEL, Z_DEFLATED, COMPRESS_GZIP_WINDOW,
                            COMPRESS_GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK
                   ? COPSE_OK
                   : COPSE_NOMEM;
    }
    body->zstd = ZSTD_createCCtx_advanced(
        (ZSTD_customMem){compress_alloc, compress_free, (void *)body->env});
    if (body->zstd == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(body->zstd, ZSTD_c_compressionLevel,
                                            COMPRESS_ZSTD_LEVEL)) != 0 ||
        ZSTD_isError(ZSTD_CCtx_setParameter(body->zstd, ZSTD_c_windowLog, COMPRESS_ZSTD_WINDOW)) !=
            0) {
        return COPSE_NOMEM;
    }
    return COPSE_OK;
}

static copse_status compress_gzip(compress_body *body, compress_output *out)
{
    z_stream *gzip = &body->gzip;
    gzip->next_in = body->input.ptr + body->input_at;
    gzip->avail_in = (uInt)(body->input.len - body->input_at);
    gzip->next_out = out->bytes;
    gzip->avail_out = (uInt)out->len;
    int code = deflate(gzip, body->input_ended        ? Z_FINISH
                             : compress_flushes(body) ? Z_SYNC_FLUSH
                                                      : Z_NO_FLUSH);
    body->input_at = body->input.len - gzip->avail_in;
    out->len -= gzip->avail_out;
    return code == Z_STREAM_END                  ? COPSE_END
           : code == Z_OK || code == Z_BUF_ERROR ? COPSE_OK
                                                 : COPSE_NOMEM;
}

static copse_status compress_zstd(compress_body *body, compress_output *out)
{
    ZSTD_inBuffer from = {body->input.ptr, body->input.len, body->input_at};
    ZSTD_outBuffer to = {out->bytes, out->len, 0};
    size_t left = ZSTD_compressStream2(body->zstd, &to, &from,
                                       body->input_ended        ? ZSTD_e_end
                                       : compress_flushes(body) ? ZSTD_e_flush
                                                                : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) {
        return COPSE_NOMEM; /* the only failure of valid calls */
    }
    body->input_at = from.pos;
    out->len = to.pos;
    return body->input_ended && left == 0 ? COPSE_END : COPSE_OK;
}

/* Compresses what there is of the input into `buf`. END: nothing follows. */
static copse_status compress_step(compress_body *body, copse_buf *buf, size_t size_max)
{
    compress_output out;
    out.len = size_max < sizeof out.bytes ? size_max : sizeof out.bytes;
    copse_status status =
        body->kind == COMPRESS_ZSTD ? compress_zstd(body, &out) : compress_gzip(body, &out);
    if (status == COPSE_OK || status == COPSE_END) {
        copse_status appended = copse_buf_append(buf, (copse_bytes){out.bytes, out.len});
        status = appended == COPSE_OK ? status : appended;
    }
    return status;
}

static copse_status compress_fill(compress_body *body, copse_err *err)
{
    copse_buf_truncate(&body->input, 0);
    body->input_at = 0;
    copse_status status =
        body->inner.pull(body->inner.ctx, &body->input, COMPRESS_INPUT_SIZE_BYTES, err);
    body->input_ended = status == COPSE_END;
    body->pulled += body->input.len;
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status compress_pull(void *ctx, copse_buf *buf, size_t size_max, copse_err *err)
{
    compress_body *body = ctx;
    size_t start = buf->len;
    size_t size = size_max < COMPRESS_PIECE_SIZE_BYTES ? size_max : COMPRESS_PIECE_SIZE_BYTES;
    copse_status status = body->begun ? COPSE_OK : compress_begin(body);
    body->pulled = 0;
    while (status == COPSE_OK && buf->len - start < size &&
           (buf->len == start || !compress_flushes(body))) {
        if (body->input_at == body->input.len && !body->input_ended) {
            status = compress_fill(body, err);
        }
        if (status == COPSE_OK) {
            status = compress_step(body, buf, size - (buf->len - start));
        }
    }
    return status;
}

static void compress_body_free(void *ctx)
{
    compress_body *body = ctx;
    if (body->begun && body->kind == COMPRESS_GZIP) {
        (void)deflateEnd(&body->gzip);
    }
    (void)ZSTD_freeCCtx(body->zstd);
    copse_buf_release(&body->input);
    body->inner.free(body->inner.ctx);
    copse_free(body->env, body, sizeof *body);
}

/* ---- The choice ---- */

static compress_kind compress_choose(const copse_http_request *request)
{
    compress_kind best = COMPRESS_NONE;
    copse_bytes list;
    copse_bytes element;
    for (size_t i = 0; copse_http_request_header(request, "accept-encoding", i, &list); i++) {
        while (copse_http_list_next(&list, &element)) {
            copse_bytes rest = element;
            copse_bytes name = {NULL, 0};
            compress_kind kind = COMPRESS_NONE;
            if (copse_http_parts_next(&rest, &name) && copse_http_element_weight(element) > 0) {
                kind = copse_http_name_equal(name, copse_bytes_of_text("zstd"))   ? COMPRESS_ZSTD
                       : copse_http_name_equal(name, copse_bytes_of_text("gzip")) ? COMPRESS_GZIP
                                                                                  : COMPRESS_NONE;
            }
            best = kind > best ? kind : best;
        }
    }
    return best;
}

void copse_compress_answer(const copse_env *env, const copse_http_request *request,
                           copse_http_answer *answer)
{
    compress_kind kind = compress_choose(request);
    copse_reply_header(answer, "Vary", "Accept, Accept-Encoding");
    if (kind == COMPRESS_NONE || answer->body.pull == NULL ||
        answer->length < COPSE_COMPRESS_SIZE_BYTES_MIN) {
        return;
    }
    compress_body *body = copse_alloc_zeroed(env, sizeof *body);
    if (body == NULL) {
        return;
    }
    body->env = env;
    body->kind = kind;
    body->inner = answer->body;
    copse_buf_init(&body->input, env, COMPRESS_INPUT_SIZE_BYTES);
    answer->body = (copse_http_body){compress_pull, compress_body_free, body};
    answer->is_slow = true;
    answer->length = COPSE_HTTP_LENGTH_UNKNOWN;
    copse_reply_header(answer, "Content-Encoding", "%s", kind == COMPRESS_ZSTD ? "zstd" : "gzip");
}
