/* Any bytes, decoded in pieces: the step's promises hold, memory stays within the longest window,
 * and the pieces' sizes change nothing about what comes out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "net/content_decoder.h"

#include "support/fuzz.h"
#include "support/test_env.h"

enum {
    MEMORY_SIZE_BYTES_MAX = (1 << COPSE_CONTENT_ZSTD_WINDOW_BITS_MAX) + (1 << 20),
    DECODED_SIZE_BYTES_MAX = 4 << 20
};

typedef struct decoded {
    copse_status status;
    bool whole;
    uint64_t len;
    uint64_t sum;
} decoded;

static decoded decode(copse_content_coding coding, copse_bytes input, size_t input_size,
                      size_t size)
{
    static uint8_t piece[4096];
    test_env env;
    copse_content_decoder *decoder = NULL;
    decoded result = {.len = 0};
    bool holds = false;
    test_env_init(&env);
    result.status = copse_content_decoder_new(&env.env, coding, &decoder, NULL);
    while (result.status == COPSE_OK && (input.len > 0 || holds) &&
           result.len < DECODED_SIZE_BYTES_MAX) {
        size_t given = input_size < input.len ? input_size : input.len;
        copse_bytes part = {input.ptr, given};
        size_t len = 0;
        result.status = copse_content_decoder_step(decoder, &part, piece, size, &len, NULL);
        fuzz_must(len <= size && part.len <= given);
        fuzz_must(result.status != COPSE_OK || len == size || part.len == 0);
        fuzz_must(result.status == COPSE_OK || result.status == COPSE_CORRUPT ||
                  result.status == COPSE_LIMIT);
        holds = len == size;
        input.ptr += given - part.len;
        input.len -= given - part.len;
        for (size_t i = 0; i < len; i++) {
            result.sum = result.sum * 31 + piece[i];
        }
        result.len += len;
    }
    result.whole = copse_content_decoder_is_whole(decoder);
    (void)copse_content_decoder_free(decoder);
    fuzz_must(env.peak_bytes < MEMORY_SIZE_BYTES_MAX && env.blocks == 0);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    copse_content_coding coding = data[0] % 2 == 0 ? COPSE_CONTENT_GZIP : COPSE_CONTENT_ZSTD;
    copse_bytes input = {data + 2, size - 2};
    decoded at_once = decode(coding, input, SIZE_MAX, 4096);
    decoded in_pieces = decode(coding, input, 1 + (size_t)data[1] % 16, 1 + (size_t)data[1] * 16);
    if (at_once.status == COPSE_OK && at_once.len < DECODED_SIZE_BYTES_MAX) {
        fuzz_must(in_pieces.status == COPSE_OK && in_pieces.len == at_once.len);
        fuzz_must(in_pieces.sum == at_once.sum && in_pieces.whole == at_once.whole);
    }
    return 0;
}
