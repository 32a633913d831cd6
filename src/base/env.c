/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/env.h>

#include <stdlib.h>

static void *env_libc_alloc(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    (void)ctx;
    (void)size_old;
    if (size_new == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size_new);
}

void copse_limits_init(copse_limits *limits)
{
    *limits = (copse_limits){
        .block_size_bytes_max = (size_t)1 << 20,
        .foreign_size_bytes_max = (size_t)2 << 20,
        .cbor_depth_max = 128,
        .json_size_bytes_max = (size_t)128 << 20,
        .car_header_bytes_max = (size_t)1 << 20,
        .car_roots_max = 16384,
        .tree_levels_max = 48,
        .forced_cuts_run_max = 16,
        .wants_max = 1024,
        .pinned_size_bytes_max = (size_t)256 << 20,
        .node_cache_bytes_max = (size_t)256 << 20,
        .sort_memory_bytes_max = (size_t)64 << 20,
    };
}

void copse_env_init(copse_env *env)
{
    *env = (copse_env){.alloc = env_libc_alloc};
    copse_limits_init(&env->limits);
}
