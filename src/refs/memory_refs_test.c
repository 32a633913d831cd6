/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/memory_refs.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/refs_conformance.h"
#include "support/test_env.h"

static void memory_refs_conform(void **state)
{
    (void)state;
    test_env test;
    copse_refs *refs = NULL;
    test_env_init(&test);
    assert_int_equal(copse_memory_refs_new(&test.env, &refs, NULL), COPSE_OK);
    refs_conformance_run(&(refs_conformance_world){.refs = refs, .other = refs});
    assert_null(copse_refs_close(refs));
    test_env_assert_empty(&test);
    assert_int_equal(copse_memory_refs_new(&test.env, NULL, NULL), COPSE_MISUSE);
    assert_int_equal(copse_memory_refs_new(NULL, &refs, NULL), COPSE_MISUSE);
}

/* A message shows whole characters of a long name. */
static void memory_refs_cut_names(void **state)
{
    (void)state;
    copse_env env;
    copse_err err;
    copse_cid cid;
    copse_refs *refs = NULL;
    char name[COPSE_REF_NAME_SIZE_BYTES_MAX] = "";
    for (size_t i = 0; i < sizeof name; i++) {
        name[i] = "\xe6\xb0\xb4"[i % 3];
    }
    copse_env_init(&env);
    assert_int_equal(copse_memory_refs_new(&env, &refs, NULL), COPSE_OK);
    assert_int_equal(
        copse_refs_get(refs, (copse_bytes){(const uint8_t *)name, sizeof name}, &cid, &err),
        COPSE_NOT_FOUND);
    assert_int_equal(strlen(err.message), strlen("there is no ref ''") + 126);
    copse_refs_close(refs);
}

/* Makes and moves 20 refs; those whose swap failed are not there. */
static copse_status memory_refs_sweep(const copse_env *env, void *ctx)
{
    copse_refs *refs = NULL;
    copse_cid cid;
    copse_cid got;
    char name[8];
    size_t made = 0;
    (void)ctx;
    copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){NULL, 0}, &cid);
    copse_status status = copse_memory_refs_new(env, &refs, NULL);
    while (status == COPSE_OK && made < 20) {
        (void)snprintf(name, sizeof name, "%zu", made);
        status = copse_refs_swap(refs, copse_bytes_of_text(name), NULL, &cid, NULL);
        made += status == COPSE_OK;
    }
    for (size_t i = 0; i < 20 && refs != NULL; i++) {
        (void)snprintf(name, sizeof name, "%zu", i);
        assert_int_equal(copse_refs_get(refs, copse_bytes_of_text(name), &got, NULL),
                         i < made ? COPSE_OK : COPSE_NOT_FOUND);
    }
    copse_refs_close(refs);
    return status;
}

static void memory_refs_survive_failing_allocations(void **state)
{
    (void)state;
    /* The refs, 20 names, and the array at 8, 16 and 32. */
    assert_int_equal(test_env_sweep(memory_refs_sweep, NULL, 100), 24);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_refs_conform),
        cmocka_unit_test(memory_refs_cut_names),
        cmocka_unit_test(memory_refs_survive_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
