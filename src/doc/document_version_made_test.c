/* Versions that merges make up for what was written without: which one, and which of two is later.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "support/version_row.h"

/* ---- Which one --------------------------------------------------------------------------------
 */

typedef struct made_version {
    const char *row;
    uint64_t time_ms;
    copse_status status;
} made_version;

static void test_the_least_that_is_later(void **state)
{
    static const made_version versions[] = {
        {"", 0, COPSE_OK},
        {"{\"version\":[[5,7],\"x\",true]}", 5, COPSE_OK},
        {"{\"version\":[[5,2147483647],\"x\",true]}", 5, COPSE_OK},
        {"{\"version\":[[5,2147483648],\"\",true]}", 5, COPSE_OK}, /* it is one */
        {"{\"version\":[[5,2147483648],\"x\",true]}", 6, COPSE_OK},
        {"{\"version\":[[5,2147483649],\"\",true]}", 6, COPSE_OK},
        {"{\"fields\":{\"a\":[[9,0],\"x\"]},\"version\":[[5,0],\"\",false]}", 9, COPSE_OK},
        {"{\"version\":[[9223372036854775807,2147483647],\"x\",true]}", INT64_MAX, COPSE_OK},
        {"{\"version\":[[9223372036854775807,2147483649],\"x\",true]}", 0, COPSE_LIMIT},
    };
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        copse_buf row;
        copse_version latest;
        copse_version version = {.time_ms = 99};
        version_row_read(&test.env, versions[i].row, &row);
        assert_int_equal(copse_version_latest(copse_buf_view(&row), &latest, NULL), COPSE_OK);
        copse_status status = copse_version_make(copse_buf_view(&row), &version, NULL);
        assert_int_equal(status, versions[i].status);
        if (status == COPSE_OK) {
            int order = copse_version_compare(&version, &latest);
            bool is_one = copse_version_is_made(&latest) && latest.time_counter > 0;
            assert_true(copse_version_is_made(&version) && (is_one ? order == 0 : order > 0));
            assert_int_equal(version.time_ms, versions[i].time_ms);
        } else {
            assert_int_equal(version.time_ms, 99);
        }
        copse_buf_release(&row);
    }
    test_env_assert_empty(&test);
}

/* ---- Which is later ---------------------------------------------------------------------------
 */

/* The base tells; without it, the greater one is the join. */
typedef struct made_join {
    copse_merge_policy policy;
    const char *base;
    const char *documents[4]; /* of a, of b, joined since the base, and without */
    const char *rows[4];
} made_join;

#define MADE_WHOLE "\"version\":[[0,2147483648],\"\",false]}"
#define MADE_FIELD(name) "\"" name "\":[[0,2147483648],\"\"]"
#define MADE_FLOOR "\"version\":[[0,0],\"\",false]}"

static const made_join made_joins[] = {
    /* Who wrote over the other's. */
    {COPSE_MERGE_LWW,
     "{\"_id\":1,\"a\":3}",
     {"{\"_id\":1,\"a\":3}", "{\"_id\":1,\"a\":2}", "{\"_id\":1,\"a\":2}", "{\"_id\":1,\"a\":3}"},
     {"{" MADE_WHOLE, "{" MADE_WHOLE, "{" MADE_WHOLE, "{" MADE_WHOLE}},
    {COPSE_MERGE_LWW,
     "{\"_id\":1,\"a\":3}",
     {"{\"_id\":1,\"a\":3}", "", "", "{\"_id\":1,\"a\":3}"},
     {"{" MADE_WHOLE, "{\"version\":[[0,2147483648],\"\",true]}",
      "{\"version\":[[0,2147483648],\"\",true]}", "{" MADE_WHOLE}},
    /* Both wrote. */
    {COPSE_MERGE_LWW,
     "{\"_id\":1}",
     {"{\"_id\":1,\"a\":3}", "{\"_id\":1,\"a\":2}", "{\"_id\":1,\"a\":3}", "{\"_id\":1,\"a\":3}"},
     {"{" MADE_WHOLE, "{" MADE_WHOLE, "{" MADE_WHOLE, "{" MADE_WHOLE}},
    /* Of each field; one that b changed back to what it was before all is not listed. */
    {COPSE_MERGE_FIELD_WISE,
     "{\"_id\":1,\"a\":3,\"b\":3}",
     {"{\"_id\":1,\"a\":3,\"b\":3}", "{\"_id\":1,\"a\":2,\"b\":1}", "{\"_id\":1,\"a\":2,\"b\":1}",
      "{\"_id\":1,\"a\":3,\"b\":3}"},
     {"{\"fields\":{" MADE_FIELD("a") "," MADE_FIELD("b") "}," MADE_FLOOR,
      "{\"fields\":{" MADE_FIELD("a") "}," MADE_FLOOR,
      "{\"fields\":{" MADE_FIELD("a") "," MADE_FIELD("b") "}," MADE_FLOOR,
      "{\"fields\":{" MADE_FIELD("a") "," MADE_FIELD("b") "}," MADE_FLOOR}},
    /* Deleted, and put anew with a field of before. */
    {COPSE_MERGE_FIELD_WISE,
     "",
     {"", "{\"_id\":1,\"a\":1}", "{\"_id\":1,\"a\":1}", ""},
     {"{\"version\":[[0,2147483648],\"\",true]}", "{\"fields\":{" MADE_FIELD("a") "}," MADE_FLOOR,
      "{" MADE_WHOLE, "{\"hidden\":{\"a\":1},\"version\":[[0,2147483648],\"\",true]}"}},
    /* The base has no say in what others wrote at the same time. */
    {COPSE_MERGE_LWW,
     "{\"_id\":1,\"a\":3}",
     {"{\"_id\":1,\"a\":3}", "{\"_id\":1,\"a\":2}", "{\"_id\":1,\"a\":3}", "{\"_id\":1,\"a\":3}"},
     {"{" VERSION_ROW_PRESENT, "{" VERSION_ROW_PRESENT, "{" VERSION_ROW_PRESENT,
      "{" VERSION_ROW_PRESENT}},
};

static void made_join_check(const test_env *test, const made_join *made, bool is_known,
                            bool is_swapped)
{
    version_row_state in[4];
    version_row_state base;
    version_row_state out;
    for (size_t i = 0; i < 4; i++) {
        version_row_state_read(&test->env, made->documents[i], made->rows[i], &in[i]);
    }
    version_row_state_read(&test->env, made->base, "", &base);
    version_row_state_read(&test->env, "", "", &out);
    const copse_version_state a = version_row_view(&in[is_swapped]);
    const copse_version_state b = version_row_view(&in[!is_swapped]);
    const version_row_state *expected = &in[is_known ? 2 : 3];
    copse_version_base since = {.is_known = is_known, .document = copse_buf_view(&base.document)};
    assert_int_equal(copse_version_join_since(&test->env, made->policy, version_row_id(), &since,
                                              &a, &b, &out.document, &out.row, NULL),
                     COPSE_OK);
    if (!copse_bytes_equal(copse_buf_view(&out.document), copse_buf_view(&expected->document)) ||
        !copse_bytes_equal(copse_buf_view(&out.row), copse_buf_view(&expected->row))) {
        fail_msg("the join of %s and %s, known %d", made->documents[0], made->documents[1],
                 is_known);
    }
    assert_true(since.is_missed == (!is_known && strstr(made->rows[0], "2147483648") != NULL));
    for (size_t i = 0; i < 4; i++) {
        version_row_state_release(&in[i]);
    }
    version_row_state_release(&base);
    version_row_state_release(&out);
}

static void test_the_base_tells(void **state)
{
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof made_joins / sizeof made_joins[0]; i++) {
        for (unsigned turn = 0; turn < 4; turn++) {
            made_join_check(&test, &made_joins[i], (turn & 1) != 0, turn >= 2);
        }
    }
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_least_that_is_later),
        cmocka_unit_test(test_the_base_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
