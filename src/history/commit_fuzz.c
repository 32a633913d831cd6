/* A commit has one encoding (H1): a block that is accepted encodes again to the same bytes. The
 * decoder allocates nothing, whatever the block.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/commit.h>

#include "support/fuzz.h"

#include <stdlib.h>

static void *fuzz_alloc(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    (void)size_old;
    *(size_t *)ctx += 1;
    if (size_new == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size_new);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t calls = 0;
    copse_env env;
    copse_block *block = NULL;
    copse_block *again = NULL;
    copse_commit commit;
    copse_env_init(&env);
    env.alloc = fuzz_alloc;
    env.alloc_ctx = &calls;
    if (copse_block_of_data(&env, COPSE_CODEC_DAG_CBOR, (copse_bytes){data, size}, &block, NULL) !=
        COPSE_OK) {
        return 0;
    }
    size_t calls_before = calls;
    bool looks = copse_commit_is(block);
    copse_status status = copse_commit_decode(&env, block, &commit, NULL);
    fuzz_must(calls == calls_before);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    if (status == COPSE_OK) {
        fuzz_must(looks);
        fuzz_must(copse_commit_encode(&env, &commit, &again, NULL) == COPSE_OK);
        fuzz_must(copse_cid_equal(copse_block_cid(block), copse_block_cid(again)));
        copse_block_unref(again);
    }
    copse_block_unref(block);
    return 0;
}
