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
        .document_size_bytes_max = (size_t)128 << 20,
        .filter_nodes_max = 16384,
        .expression_steps_max = (uint64_t)1 << 26,
        .index_entries_max = 1000,
        .query_memory_bytes_max = (size_t)256 << 20,
        .regex_steps_max = 1000000,
        .http_head_bytes_max = (size_t)16 << 10,
        .http_url_bytes_max = (size_t)4 << 10,
        .http_headers_max = 64,
        .http_body_bytes_max = (size_t)1 << 20,
        .http_connections_max = 8192,
        .http_address_connections_max = 256,
        .http_address_answers_max = 128,
        .serve_watchers_max = 4096,
        .serve_records_max = 1024,
        .serve_memory_bytes_max = (size_t)256 << 20,
        .serve_cache_bytes_max = (size_t)64 << 20,
        .http_request_ms_max = 10000,
        .http_idle_ms_max = 60000,
        .http_write_ms_max = 20000,
        .http_stop_ms_max = 10000,
        .answer_blocks_max = 16384,
        .answer_size_bytes_max = (size_t)64 << 20,
        .answer_memory_bytes_max = (size_t)96 << 20,
        .answer_ms_max = 10000,
        .key_memory_bytes_max = (size_t)256 << 20,
        .key_passes_max = 16,
        .fetch_silence_ms_max = 10000,
    };
}

void copse_env_init(copse_env *env)
{
    *env = (copse_env){.alloc = env_libc_alloc};
    copse_limits_init(&env->limits);
}
