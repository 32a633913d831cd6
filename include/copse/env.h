/* The process as Copse sees it: allocator, clock, random source and limits, all given by the
 * caller. Copse keeps no globals and no thread-local state.
 *
 * Process-global state of the libraries below Copse, which no copse_env reaches:
 *   nettle   chooses its SHA-256 code for the processor once, at load; allocates nothing here
 *   libsodium  none: it is never initialized here, so that it chooses no code for the processor and
 *            opens no random source; a program that calls sodium_init gets a faster Argon2id. That
 *            one, run for key files only, takes its memory from the system (mmap or malloc)
 *   xxHash   header only; none
 *   PCRE2    none without its JIT, which is never asked for; takes our allocator
 *   libc     opendir takes its buffer from malloc while a folder is listed (os/posix)
 *   libuv    a server's event loop takes its tables from malloc; SIGPIPE is the program's to ignore
 *   libcurl  copse_transport_http_new initializes it for the process, and freeing that transport
 *            ends this: both are counted, and safe on any thread where libcurl is built so (as it
 *            is since 7.84). It takes its memory from malloc: curl_global_init_mem, the hook that
 *            it has, holds for the whole process, so that is the program's to call, before. It
 *            reads the variables http_proxy, https_proxy, all_proxy and no_proxy, and looks names
 *            up on threads of its own. Where SSL_CERT_FILE is set, it names the certificates
 *            that are trusted, instead of the system's. With TLS it may raise SIGPIPE, which is
 *            the program's to ignore.
 *   zlib     none; takes our allocator
 *   zstd     none; takes our allocator
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_ENV_H
#define COPSE_ENV_H

#include <copse/compiler.h>
#include <copse/status.h>

#include <stddef.h>
#include <stdint.h>

COPSE_EXTERN_C_BEGIN

/** Bounds on whatever a peer or a user can make grow. Passing one returns COPSE_LIMIT. */
typedef struct copse_limits {
    size_t block_size_bytes_max;    /**< A block that Copse writes or takes as its own: 1 MiB. */
    size_t foreign_size_bytes_max;  /**< A block of a foreign codec or writer: 2 MiB. */
    size_t cbor_depth_max;          /**< Nested arrays and maps in one CBOR or JSON item: 128. */
    size_t json_size_bytes_max;     /**< One DAG-JSON text: 128 MiB. */
    size_t car_header_bytes_max;    /**< The header of a CAR: 1 MiB. */
    size_t car_roots_max;           /**< Roots of a CAR: 16,384. */
    size_t tree_levels_max;         /**< Levels of a tree: 48. */
    size_t forced_cuts_run_max;     /**< Forced cuts in a row in a foreign tree: 16. */
    size_t wants_max;               /**< CIDs in one COPSE_WANT: 1,024. */
    size_t pinned_size_bytes_max;   /**< Supplied blocks held by one source: 256 MiB. */
    size_t node_cache_bytes_max;    /**< Decoded nodes that one node cache keeps: 256 MiB. */
    size_t sort_memory_bytes_max;   /**< Entries that a sorter holds before it spills: 64 MiB. */
    size_t document_size_bytes_max; /**< One document: 128 MiB. */
    size_t filter_nodes_max;        /**< Tests and operators in one filter: 16,384. */
    uint64_t expression_steps_max;  /**< Steps of an expression on one document: each use of an
                                          operator is one, large arguments are more: 2^26. */
    size_t index_entries_max;       /**< Entries of one document in one index: 1,000. */
    size_t query_memory_bytes_max;  /**< What a query may hold to sort or to tell documents apart:
                                         256 MiB. */
    uint32_t regex_steps_max;       /**< Backtracking of one regex on one text: 1,000,000. */
    size_t http_head_bytes_max;     /**< Request line and headers of one HTTP request: 16 KiB. */
    size_t http_url_bytes_max;      /**< The request line alone: 4 KiB. */
    size_t http_headers_max;        /**< Headers of one HTTP request: 64. */
    size_t http_body_bytes_max;     /**< The body of one HTTP request: 1 MiB. */
    size_t http_connections_max;    /**< Connections that an HTTP server holds: 8,192. */
    size_t http_address_connections_max; /**< Those of one address, or IPv6 /64: 256. */
    size_t http_address_answers_max;     /**< Answers on their way to one address: 128. */
    size_t serve_watchers_max;           /**< Event streams of heads that a server holds: 4,096. */
    size_t serve_records_max;      /**< IPNS records of others that a server gives out: 1,024. */
    size_t serve_memory_bytes_max; /**< What all answers of one server hold together: 256 MiB. */
    size_t serve_cache_bytes_max;  /**< Blocks that a server keeps beside that: 64 MiB. */
    uint32_t http_request_ms_max;  /**< From the first byte of a request to its last: 10 s. */
    uint32_t http_idle_ms_max;     /**< Between two requests of a connection: 60 s. */
    uint32_t http_write_ms_max;    /**< To take 64 KiB of an answer: 20 s. */
    uint32_t http_stop_ms_max;     /**< To finish the answers that run at a shutdown: 10 s. */
    uint64_t answer_blocks_max; /**< Blocks of an answer to a query, or with history, that a server
                                     makes, and of the latter a client takes: 16,384. */
    size_t answer_size_bytes_max;   /**< Bytes of it: 64 MiB. */
    size_t answer_memory_bytes_max; /**< What a server holds for one: 96 MiB. */
    uint32_t answer_ms_max;         /**< Time that it works on one: 10 s. */
    size_t key_memory_bytes_max;    /**< What a key file may ask for to be opened: 256 MiB. */
    uint32_t key_passes_max;        /**< Passes over it: 16. */
    uint32_t fetch_silence_ms_max;  /**< That a peer may be silent while it is asked: 10 s. */
} copse_limits;

/** Allocates (ptr NULL, size_old 0), resizes, or frees (size_new 0, returns NULL). Returns NULL if
 * there is no memory, and then leaves `ptr` as it was. The memory is aligned for any type. Copse
 * always passes the size it asked for last. */
typedef void *(*copse_alloc_fn)(void *ctx, void *ptr, size_t size_old, size_t size_new);

/** Milliseconds since 1970-01-01 UTC. */
typedef uint64_t (*copse_clock_fn)(void *ctx);

/** Fills `size` bytes with random ones fit for keys. */
typedef copse_status (*copse_random_fn)(void *ctx, void *ret_bytes, size_t size);

/** What a library instance runs in. The caller owns it, and keeps it unchanged and alive for as
 * long as any object made with it. Objects made with one env may be used on different threads if
 * the functions here may be called from different threads. */
typedef struct copse_env {
    copse_alloc_fn alloc;
    void *alloc_ctx;
    copse_clock_fn clock; /**< NULL: calls that need the time return COPSE_MISUSE. */
    void *clock_ctx;
    copse_random_fn random; /**< NULL: calls that need randomness return COPSE_MISUSE. */
    void *random_ctx;
    copse_limits limits;
} copse_env;

/** Sets `env` to the C library's allocator, default limits, no clock and no random source. */
COPSE_API void copse_env_init(copse_env *env);

/** Sets `limits` to the defaults named above. */
COPSE_API void copse_limits_init(copse_limits *limits);

COPSE_EXTERN_C_END

#endif
