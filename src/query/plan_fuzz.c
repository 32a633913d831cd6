/* Plans from strangers: what is accepted is written again as the same bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "query/plan.h"

#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_arena arena;
    copse_buf again;
    copse_plan plan;
    copse_err err;
    copse_env_init(&env);
    copse_arena_init(&arena, &env);
    copse_buf_init(&again, &env, SIZE_MAX);
    if (copse_plan_decode(&arena, (copse_bytes){data, size}, &env.limits, &plan, &err) ==
        COPSE_OK) {
        fuzz_must(copse_plan_encode(&plan, &again, &err) == COPSE_OK);
        fuzz_must(copse_bytes_equal(copse_buf_view(&again), (copse_bytes){data, size}));
    }
    fuzz_must(arena.size_bytes <= 64 * size + 4096);
    copse_buf_release(&again);
    copse_arena_release(&arena);
    return 0;
}
