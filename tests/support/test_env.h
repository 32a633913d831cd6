/* A copse_env for tests: counts allocations, checks the sizes given back, and can fail the n-th.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_TEST_ENV_H
#define COPSE_TESTS_TEST_ENV_H

#include <copse/env.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct test_env {
    copse_env env;     /* give &test_env.env to Copse */
    uint64_t calls;    /* allocations and growing resizes asked for */
    uint64_t fail_at;  /* fail the call with this number, from 0; UINT64_MAX: none */
    bool failed;       /* whether it came to that */
    size_t size_bytes; /* held now */
    size_t peak_bytes; /* held at most */
    size_t blocks;     /* allocations held now */
} test_env;

/** Never fails an allocation. */
void test_env_init(test_env *test);

/** Fails the test (cmocka) unless everything was given back. */
void test_env_assert_empty(const test_env *test);

/** Runs `run` with the allocation fail_at = 0, 1, 2… failing, until one run sees no failure. Each
 * run gets a fresh env and must return COPSE_NOMEM if its allocation failed and COPSE_OK if none
 * did, with everything freed. At most `runs_max` runs. Returns the number of allocations of the
 * clean run. */
uint64_t test_env_sweep(copse_status (*run)(const copse_env *env, void *ctx), void *ctx,
                        uint64_t runs_max);

/** A small deterministic generator (splitmix64). */
uint64_t test_random(uint64_t *state);

/** Below `bound` (not 0), from the same generator. */
uint64_t test_random_below(uint64_t *state, uint64_t bound);

/** Reads a whole file of ../shared/vectors or tests/; false if it is not there. *ret_bytes is
 * malloc'ed. `path` is relative to the project's top. */
bool test_read_file(const char *path, uint8_t **ret_bytes, size_t *ret_size);

/** Gives each line of a file (as test_read_file) that doesn't begin with # to `check`, which may
 * change it, with one env, that has to be empty at the end. Returns how many there were. */
size_t test_env_each_line(const char *path, void (*check)(const copse_env *env, char *line));

/** The path of a file in the shared vectors, from the environment variable COPSE_VECTORS or the
 * folder shared/vectors beside the checkout. Static storage; overwritten by the next call. */
const char *test_vector_path(const char *name);

#endif
