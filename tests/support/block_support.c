/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/block_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/test_env.h"

copse_status block_support_try(const copse_env *env, uint64_t number, size_t size,
                               copse_block **ret_block)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    uint64_t random = number;
    for (size_t i = 0; i < size; i++) {
        uint64_t value = i < 8 ? number >> (8 * i) : test_random(&random);
        bytes[i] = (uint8_t)value;
    }
    copse_status status =
        copse_block_of_data(env, COPSE_CODEC_RAW, (copse_bytes){bytes, size}, ret_block, NULL);
    free(bytes);
    return status;
}

copse_block *block_support_make(const copse_env *env, uint64_t number, size_t size)
{
    copse_block *block = NULL;
    assert_int_equal(block_support_try(env, number, size, &block), COPSE_OK);
    return block;
}
