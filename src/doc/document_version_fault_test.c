/* Versions at their limits, and calls that fail.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <copse/commit.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "support/version_row.h"

enum { ROW_SWEEP_MAX = 200 };

static void test_a_write_has_a_version(void **state)
{
    static const uint8_t wrong[] = {0xff};
    static uint8_t long_author[COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX + 1];
    const copse_version_state none = {{NULL, 0}, {NULL, 0}};
    test_env test;
    copse_buf row;
    (void)state;
    memset(long_author, 'a', sizeof long_author);
    copse_version version = {.author = {long_author, sizeof long_author}};
    test_env_init(&test);
    copse_buf_init(&row, &test.env, SIZE_MAX);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(copse_version_write(&test.env, COPSE_MERGE_LWW, version_row_id(), &none,
                                             none.document, true, &version, &row, NULL),
                         COPSE_MISUSE);
        version = i == 0 ? (copse_version){.author = {wrong, sizeof wrong}}
                         : (copse_version){.time_ms = (uint64_t)INT64_MAX + 1};
    }
    version = (copse_version){.author = {long_author, COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX}};
    assert_int_equal(copse_version_write(&test.env, COPSE_MERGE_LWW, version_row_id(), &none,
                                         none.document, true, &version, &row, NULL),
                     COPSE_OK);
    copse_version_state written = {.row = copse_buf_view(&row)};
    assert_int_equal(copse_version_check(&test.env, version_row_id(), &written, NULL), COPSE_OK);
    copse_buf_release(&row);
    test_env_assert_empty(&test);
}

/* V1, at its ends. */
static void test_authors_have_a_size(void **state)
{
    copse_env env;
    (void)state;
    copse_env_init(&env);
    for (int size = COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX;
         size < 2 + COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX; size++) {
        char json[VERSION_ROW_SIZE];
        copse_buf row;
        (void)snprintf(json, sizeof json, "{\"version\":[[5,0],\"%0*d\",true]}", size, 0);
        version_row_read(&env, json, &row);
        const copse_version_state view = {.row = copse_buf_view(&row)};
        assert_int_equal(copse_version_check(&env, version_row_id(), &view, NULL),
                         size > COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX ? COPSE_CORRUPT : COPSE_OK);
        copse_buf_release(&row);
    }
}

static void test_there_is_a_last_version(void **state)
{
    const copse_version version = {.time_ms = 1};
    test_env test;
    copse_buf row;
    (void)state;
    test_env_init(&test);
    version_row_read(&test.env, "{\"version\":[[9223372036854775807,4294967295],\"\",true]}", &row);
    const copse_version_state last = {.row = copse_buf_view(&row)};
    size_t len = row.len;
    assert_int_equal(copse_version_write(&test.env, COPSE_MERGE_LWW, version_row_id(), &last,
                                         last.document, true, &version, &row, NULL),
                     COPSE_LIMIT);
    assert_int_equal(row.len, len);
    copse_buf_release(&row);
    test_env_assert_empty(&test);
}

/* What a row hides is one level deeper there than in a document. */
static void test_hidden_values_are_not_too_deep(void **state)
{
    copse_env env;
    version_row_state present;
    version_row_state deleted;
    version_row_state out;
    (void)state;
    copse_env_init(&env);
    version_row_state_read(&env, "{\"_id\":1,\"a\":[[[1]]]}",
                           "{\"fields\":{\"a\":[[9,0],\"\"]}," VERSION_ROW_PRESENT, &present);
    version_row_state_read(&env, "", "{\"version\":[[8,0],\"\",true]}", &deleted);
    version_row_state_read(&env, "", "", &out);
    const copse_version_state a = version_row_view(&present);
    const copse_version_state b = version_row_view(&deleted);
    env.limits.cbor_depth_max = 4;
    assert_int_equal(copse_version_check(&env, version_row_id(), &a, NULL), COPSE_OK);
    assert_int_equal(copse_version_join(&env, COPSE_MERGE_FIELD_WISE, version_row_id(), &a, &b,
                                        &out.document, &out.row, NULL),
                     COPSE_LIMIT);
    assert_int_equal(out.row.len, 0);
    env.limits.cbor_depth_max = 5;
    assert_int_equal(copse_version_join(&env, COPSE_MERGE_FIELD_WISE, version_row_id(), &a, &b,
                                        &out.document, &out.row, NULL),
                     COPSE_OK);
    version_row_state_release(&present);
    version_row_state_release(&deleted);
    version_row_state_release(&out);
}

/* Two states of which the join has fields of both, listed and hidden. */
typedef struct row_pair {
    version_row_state a;
    version_row_state b;
} row_pair;

static void row_pair_read(const copse_env *env, row_pair *ret_pair)
{
    version_row_state_read(
        env, "{\"_id\":1,\"a\":1,\"$x\":2,\"b\":3}",
        "{\"fields\":{\"$x\":[[6,0],\"\"],\"b\":[[6,0],\"y\"]}," VERSION_ROW_PRESENT, &ret_pair->a);
    version_row_state_read(
        env, "{\"_id\":1}",
        "{\"fields\":{\"a\":[[7,0],\"\"],\"b\":[[7,0],\"\"]}," VERSION_ROW_PRESENT, &ret_pair->b);
}

static copse_status row_pair_run(const copse_env *env, void *ctx)
{
    static const copse_version version = {.time_ms = 9};
    const row_pair *pair = ctx;
    const copse_version_state a = version_row_view(&pair->a);
    const copse_version_state b = version_row_view(&pair->b);
    copse_buf document;
    copse_buf row;
    copse_buf_init(&document, env, SIZE_MAX);
    copse_buf_init(&row, env, SIZE_MAX);
    copse_status status = copse_version_join(env, COPSE_MERGE_FIELD_WISE, version_row_id(), &a, &b,
                                             &document, &row, NULL);
    if (status == COPSE_OK) {
        version_row_assert_json(pair->a.row.env, &document, "{\"_id\":1}");
        copse_buf_truncate(&row, 0);
        copse_buf_truncate(&document, 0);
        status = copse_version_join(env, COPSE_MERGE_LWW, version_row_id(), &a, &b, &document, &row,
                                    NULL);
    }
    assert_true(status == COPSE_OK || document.len + row.len == 0);
    size_t len = row.len;
    if (status == COPSE_OK) {
        status = copse_version_write(env, COPSE_MERGE_FIELD_WISE, version_row_id(), &a, b.document,
                                     false, &version, &row, NULL);
    }
    assert_true(status == COPSE_OK || row.len == len);
    copse_buf_release(&document);
    copse_buf_release(&row);
    return status;
}

static void test_failing_allocations(void **state)
{
    test_env test;
    row_pair pair;
    (void)state;
    test_env_init(&test);
    row_pair_read(&test.env, &pair);
    assert_true(test_env_sweep(row_pair_run, &pair, ROW_SWEEP_MAX) >= 5);
    version_row_state_release(&pair.a);
    version_row_state_release(&pair.b);
    test_env_assert_empty(&test);
}

static void test_full_bufs_stay_as_they_are(void **state)
{
    test_env test;
    row_pair pair;
    copse_status status = COPSE_LIMIT;
    (void)state;
    test_env_init(&test);
    row_pair_read(&test.env, &pair);
    const copse_version_state a = version_row_view(&pair.a);
    const copse_version_state b = version_row_view(&pair.b);
    for (size_t room = 1; status == COPSE_LIMIT; room++) {
        version_row_state out;
        copse_buf_init(&out.document, &test.env, SIZE_MAX);
        copse_buf_init(&out.row, &test.env, room);
        assert_int_equal(copse_buf_append_byte(&out.document, 7), COPSE_OK);
        assert_int_equal(copse_buf_append_byte(&out.row, 7), COPSE_OK);
        status = copse_version_join(&test.env, COPSE_MERGE_FIELD_WISE, version_row_id(), &a, &b,
                                    &out.document, &out.row, NULL);
        assert_true(status == COPSE_OK ||
                    (status == COPSE_LIMIT && out.document.len == 1 && out.row.len == 1));
        assert_true(status == COPSE_LIMIT || room > 40);
        version_row_state_release(&out);
    }
    version_row_state_release(&pair.a);
    version_row_state_release(&pair.b);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_write_has_a_version),
        cmocka_unit_test(test_authors_have_a_size),
        cmocka_unit_test(test_there_is_a_last_version),
        cmocka_unit_test(test_hidden_values_are_not_too_deep),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_full_bufs_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
