/* A list that is read encodes again to the same bytes (L3), and costs no more than itself.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/follow_list.h>

#include "support/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FUZZ_HELD_MAX = 1 << 18 };

/* Counts what is held; more than the bound of a list is refused. */
static void *fuzz_alloc(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    size_t *held = ctx;
    *held += size_new - size_old;
    if (*held > FUZZ_HELD_MAX) {
        abort();
    }
    if (size_new == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size_new);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t held = 0;
    copse_env env;
    copse_buf again;
    copse_follow_list *list = NULL;
    copse_env_init(&env);
    env.alloc = fuzz_alloc;
    env.alloc_ctx = &held;
    copse_status status = copse_follow_list_decode(&env, (copse_bytes){data, size}, &list, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    if (status == COPSE_OK) {
        copse_buf_init(&again, &env, size);
        fuzz_must(copse_follow_list_encode(list, &again, NULL) == COPSE_OK);
        fuzz_must(again.len == size && memcmp(again.ptr, data, size) == 0);
        copse_buf_release(&again);
        for (size_t i = 0; i < copse_follow_list_count(list); i++) {
            const copse_follow_source *source = copse_follow_list_at(list, i);
            fuzz_must((source->state == COPSE_FOLLOW_GOING) == (source->refused.size == 0));
            fuzz_must(copse_follow_list_find(list, source->address) == i);
        }
    }
    copse_follow_list_free(list);
    fuzz_must(held == 0);
    return 0;
}
