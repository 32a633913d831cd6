/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/alloc.h"

#include <stdalign.h>
#include <string.h>

/* Before memory that knows its size. */
typedef struct alloc_head {
    alignas(max_align_t) size_t size; /* with this */
} alloc_head;

void *copse_alloc(const copse_env *env, size_t size)
{
    return env->alloc(env->alloc_ctx, NULL, 0, size != 0 ? size : 1);
}

void *copse_alloc_zeroed(const copse_env *env, size_t size)
{
    void *ptr = copse_alloc(env, size);
    if (ptr != NULL) {
        memset(ptr, 0, size != 0 ? size : 1);
    }
    return ptr;
}

void *copse_alloc_array(const copse_env *env, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    return copse_alloc(env, count * size);
}

void *copse_realloc(const copse_env *env, void *ptr, size_t size_old, size_t size_new)
{
    if (ptr == NULL) {
        return copse_alloc(env, size_new);
    }
    return env->alloc(env->alloc_ctx, ptr, size_old != 0 ? size_old : 1,
                      size_new != 0 ? size_new : 1);
}

void copse_free(const copse_env *env, void *ptr, size_t size)
{
    if (ptr != NULL) {
        (void)env->alloc(env->alloc_ctx, ptr, size != 0 ? size : 1, 0);
    }
}

void copse_free_array(const copse_env *env, void *ptr, size_t count, size_t size)
{
    copse_free(env, ptr, count * size);
}

void *copse_alloc_self_sized(const copse_env *env, size_t size)
{
    size_t whole = sizeof(alloc_head) + size;
    alloc_head *head = whole > size ? copse_alloc(env, whole) : NULL;
    if (head == NULL) {
        return NULL;
    }
    head->size = whole;
    return head + 1;
}

void copse_free_self_sized(const copse_env *env, void *ptr)
{
    if (ptr != NULL) {
        alloc_head *head = (alloc_head *)ptr - 1;
        copse_free(env, head, head->size);
    }
}

bool copse_array_grow(const copse_env *env, void **array, size_t *capacity, size_t need,
                      size_t size)
{
    if (need <= *capacity) {
        return true;
    }
    size_t count = *capacity < 8 ? 8 : *capacity * 2;
    if (count < need) {
        count = need;
    }
    if (count > SIZE_MAX / size / 2) {
        return false;
    }
    void *grown = copse_realloc(env, *array, *capacity * size, count * size);
    if (grown == NULL) {
        return false;
    }
    *array = grown;
    *capacity = count;
    return true;
}
