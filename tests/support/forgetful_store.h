/* A store in memory that lets blocks go by itself, as a bounded cache does: those that came first.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_FORGETFUL_STORE_H
#define COPSE_TESTS_FORGETFUL_STORE_H

#include <copse/sys/store.h>

/** Makes an empty one that keeps `blocks_max` blocks, at least 1. Fails the test if it can't. */
copse_store *forgetful_store_new(const copse_env *env, size_t blocks_max);

#endif
