/* A file costs no more than the limits, whatever it asks for; one that opens has the public key
 * that it names. Reading alone allocates nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/key_file.h>

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
    copse_bytes file = {data, size};
    copse_public_key public_key;
    copse_key *key = NULL;
    copse_env env;
    copse_env_init(&env);
    env.alloc = fuzz_alloc;
    env.alloc_ctx = &calls;
    env.limits.key_passes_max = 2;
    env.limits.key_memory_bytes_max = 16 << 10;
    copse_status status = copse_key_file_public(&env, file, &public_key, NULL);
    fuzz_must(calls == 0);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    copse_status opened = copse_key_file_open(&env, file, (copse_bytes){NULL, 0}, &key, NULL);
    fuzz_must(status == COPSE_OK ? opened == COPSE_OK || opened == COPSE_DENIED : opened == status);
    if (opened == COPSE_OK) {
        fuzz_must(copse_public_key_equal(copse_key_public(key), &public_key));
    }
    copse_key_free(key);
    return 0;
}
