/* Any split of the bytes gives the same events (H1), whatever the bytes. The input's first byte
 * seeds the split; limits are small, so that they are met.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/fuzz.h"
#include "support/http_trace.h"
#include "support/test_env.h"

static size_t fuzz_next_size(void *ctx)
{
    return (size_t)test_random_below(ctx, 24);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_buf one;
    copse_buf other;
    uint64_t seed = size > 0 ? data[0] : 0;
    copse_bytes bytes = {size > 0 ? data + 1 : data, size > 0 ? size - 1 : 0};
    copse_env_init(&env);
    env.limits.http_url_bytes_max = 256;
    env.limits.http_head_bytes_max = 512;
    env.limits.http_headers_max = 6;
    env.limits.http_body_bytes_max = 64;
    copse_buf_init(&one, &env, SIZE_MAX / 2);
    copse_buf_init(&other, &env, SIZE_MAX / 2);
    fuzz_must(http_trace(&env, bytes, NULL, NULL, &one) == COPSE_OK);
    fuzz_must(http_trace(&env, bytes, fuzz_next_size, &seed, &other) == COPSE_OK);
    fuzz_must(copse_bytes_equal(copse_buf_view(&one), copse_buf_view(&other)));
    copse_buf_release(&one);
    copse_buf_release(&other);
    return 0;
}
