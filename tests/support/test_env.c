/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The size stands before each allocation, so that a wrong size_old is seen. */
enum { TEST_ENV_HEAD = 16 };

static void *test_env_alloc(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    test_env *test = ctx;
    uint8_t *old = ptr != NULL ? (uint8_t *)ptr - TEST_ENV_HEAD : NULL;
    size_t size_real = 0;
    if (old != NULL) {
        memcpy(&size_real, old, sizeof size_real);
    }
    if (size_real != size_old) {
        fail_msg("size given back is %zu, the allocation has %zu", size_old, size_real);
    }
    if (size_new > size_old && test->calls++ == test->fail_at) {
        test->failed = true;
        return NULL;
    }
    test->size_bytes += size_new;
    test->size_bytes -= size_old;
    if (test->size_bytes > test->peak_bytes) {
        test->peak_bytes = test->size_bytes;
    }
    if (size_new == 0) {
        test->blocks -= old != NULL;
        free(old);
        return NULL;
    }
    /* Always moves, so that a stale pointer is found by AddressSanitizer. */
    uint8_t *grown = malloc(size_new + TEST_ENV_HEAD);
    if (grown == NULL) {
        fail_msg("the machine is out of memory");
        return NULL;
    }
    memcpy(grown, &size_new, sizeof size_new);
    memset(grown + TEST_ENV_HEAD, 0xa5, size_new);
    if (old != NULL) {
        memcpy(grown + TEST_ENV_HEAD, ptr, size_old < size_new ? size_old : size_new);
        free(old);
    } else {
        test->blocks++;
    }
    return grown + TEST_ENV_HEAD;
}

void test_env_init(test_env *test)
{
    *test = (test_env){.fail_at = UINT64_MAX};
    copse_env_init(&test->env);
    test->env.alloc = test_env_alloc;
    test->env.alloc_ctx = test;
}

void test_env_assert_empty(const test_env *test)
{
    if (test->blocks != 0 || test->size_bytes != 0) {
        fail_msg("%zu allocations (%zu bytes) were not freed", test->blocks, test->size_bytes);
    }
}

uint64_t test_env_sweep(copse_status (*run)(const copse_env *env, void *ctx), void *ctx,
                        uint64_t runs_max)
{
    for (uint64_t n = 0; n < runs_max; n++) {
        test_env test;
        test_env_init(&test);
        test.fail_at = n;
        copse_status status = run(&test.env, ctx);
        test_env_assert_empty(&test);
        if (!test.failed) {
            if (status != COPSE_OK) {
                fail_msg("no allocation failed, and it returned %s", copse_status_name(status));
            }
            return test.calls;
        }
        if (status != COPSE_NOMEM) {
            fail_msg("allocation %llu failed, and it returned %s", (unsigned long long)n,
                     copse_status_name(status));
        }
    }
    fail_msg("still failing after %llu runs", (unsigned long long)runs_max);
    return 0;
}

uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t test_random_below(uint64_t *state, uint64_t bound)
{
    return test_random(state) % bound;
}

bool test_read_file(const char *path, uint8_t **ret_bytes, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    size_t size = 0;
    size_t room = 1 << 16;
    uint8_t *bytes = malloc(room);
    size_t got;
    while (bytes != NULL && (got = fread(bytes + size, 1, room - size, file)) > 0) {
        size += got;
        if (size == room) {
            room *= 2;
            uint8_t *grown = realloc(bytes, room);
            if (grown == NULL) {
                free(bytes);
            }
            bytes = grown;
        }
    }
    (void)fclose(file);
    if (bytes == NULL) {
        return false;
    }
    *ret_bytes = bytes;
    *ret_size = size;
    return true;
}

size_t test_env_each_line(const char *path, void (*check)(const copse_env *env, char *line))
{
    test_env test;
    uint8_t *file = NULL;
    size_t size = 0;
    size_t count = 0;
    test_env_init(&test);
    assert_true(test_read_file(path, &file, &size));
    assert_int_equal(file[size - 1], '\n');
    file[size - 1] = '\0';
    for (char *line = strtok((char *)file, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (line[0] != '#') {
            check(&test.env, line);
            count++;
        }
    }
    free(file);
    test_env_assert_empty(&test);
    return count;
}

const char *test_vector_path(const char *name)
{
    static char path[1024];
    const char *folder = getenv("COPSE_VECTORS");
    (void)snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : COPSE_TEST_VECTORS, name);
    return path;
}
