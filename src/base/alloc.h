/* Memory from a copse_env.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BASE_ALLOC_H
#define COPSE_BASE_ALLOC_H

#include <copse/env.h>

#include <stdbool.h>

/** `size` bytes (at least 1 is asked for), not cleared. NULL if there is no memory. */
void *copse_alloc(const copse_env *env, size_t size);

/** As copse_alloc, cleared. */
void *copse_alloc_zeroed(const copse_env *env, size_t size);

/** `count` elements of `size` bytes, not cleared; NULL also if the product overflows. */
void *copse_alloc_array(const copse_env *env, size_t count, size_t size);

/** Resizes; on NULL the old memory is as it was. */
void *copse_realloc(const copse_env *env, void *ptr, size_t size_old, size_t size_new);

/** Gives back what was got with `size`. NULL is allowed. */
void copse_free(const copse_env *env, void *ptr, size_t size);

/** As copse_free, for copse_alloc_array. */
void copse_free_array(const copse_env *env, void *ptr, size_t count, size_t size);

/** As copse_alloc, for a library that gives memory back without its size: only by
 * copse_free_self_sized. */
void *copse_alloc_self_sized(const copse_env *env, size_t size);

/** Gives back what copse_alloc_self_sized gave. NULL is allowed. */
void copse_free_self_sized(const copse_env *env, void *ptr);

/** Grows an array so that it holds at least `need` elements of `size` bytes, doubling: updates
 * *array and *capacity. False if there is no memory; then nothing changed. */
bool copse_array_grow(const copse_env *env, void **array, size_t *capacity, size_t need,
                      size_t size);

#endif
