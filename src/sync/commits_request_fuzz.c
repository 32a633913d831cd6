/* Requests from strangers: what is accepted is written again as the same bytes, in memory bounded
 * by its size.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "sync/commits_request.h"

#include "support/fuzz.h"
#include "support/test_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env test;
    copse_buf again;
    copse_commits_request request = {.limit = 0};
    test_env_init(&test);
    copse_buf_init(&again, &test.env, SIZE_MAX);
    copse_status status =
        copse_commits_request_decode(&test.env, (copse_bytes){data, size}, &request, NULL);
    /* A link of 10 bytes becomes a copse_cid, in a buf that doubles. */
    fuzz_must(test.peak_bytes <= 4096 + 32 * size);
    if (status == COPSE_OK) {
        fuzz_must(copse_commits_request_encode((const copse_cid *)(const void *)request.want.ptr,
                                               request.want.len / sizeof(copse_cid),
                                               (const copse_cid *)(const void *)request.have.ptr,
                                               request.have.len / sizeof(copse_cid), request.limit,
                                               &again, NULL) == COPSE_OK);
        fuzz_must(copse_bytes_equal(copse_buf_view(&again), (copse_bytes){data, size}));
    }
    fuzz_must(status != COPSE_NOMEM && status <= COPSE_OK);
    copse_buf_release(&again);
    copse_commits_request_release(&request);
    fuzz_must(test.size_bytes == 0);
    return 0;
}
