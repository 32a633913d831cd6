/* Blocks for tests.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BLOCK_SUPPORT_H
#define COPSE_TESTS_BLOCK_SUPPORT_H

#include <copse/block.h>

/** A raw block of `size` bytes that differ with `number`; size is at least 8. Fails the test if it
 * can't be made. */
copse_block *block_support_make(const copse_env *env, uint64_t number, size_t size);

/** The same, with the status of copse_block_of_data instead. */
copse_status block_support_try(const copse_env *env, uint64_t number, size_t size,
                               copse_block **ret_block);

#endif
