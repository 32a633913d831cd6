/* What every store must do: rules S1 to S5 of <copse/sys/store.h> against a model.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_STORE_CONFORMANCE_H
#define COPSE_TESTS_STORE_CONFORMANCE_H

#include <copse/sys/store.h>

/** Opens an empty store for one run; fails the test (cmocka) if it can't. */
typedef copse_store *(*store_conformance_make_fn)(void *ctx, const copse_env *env);

/** Opens the store that the last make or reopen opened, and that was flushed and closed since, with
 * its blocks. */
typedef copse_store *(*store_conformance_reopen_fn)(void *ctx, const copse_env *env);

/** What a run does. Zeroed members take the values named here. */
typedef struct store_conformance_options {
    store_conformance_make_fn make;
    store_conformance_reopen_fn reopen; /* NULL: the store does not outlive close */
    void *ctx;                          /* for make and reopen */
    uint64_t seed;                      /* of the random operations; 0: 1 */
    size_t operations;                  /* 0: 5,000 */
    size_t block_size_bytes_max;        /* of the largest block put; 0: 1 MiB */
} store_conformance_options;

/** Runs the suite within the test that calls it: argument checks, an empty store, then random
 * operations compared with a model after each. Everything that the store took from the `env` it was
 * given must be back after close. A failure prints the seed and the number of the operation. */
void store_conformance_run_with(const store_conformance_options *options);

/** The same with two seeds and defaults. */
void store_conformance_run(store_conformance_make_fn make, void *ctx);

#endif
