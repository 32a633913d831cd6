/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/document_merge.h>
#include <copse/ext_json.h>
#include <copse/value.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/document_member.h"
#include "support/test_env.h"
#include "support/value_random.h"

enum { MERGE_TEXT_SIZE = 512, MERGE_RANDOM_RUNS = 6000 };

/* Conflicts as text: "path path". */
typedef struct merge_seen {
    char paths[MERGE_TEXT_SIZE];
    size_t count;
} merge_seen;

static copse_status merge_see(void *ctx, const copse_field_conflict *conflict, copse_err *err)
{
    merge_seen *seen = ctx;
    size_t len = strlen(seen->paths);
    (void)err;
    assert_true(conflict->ours.len > 0 || conflict->theirs.len > 0);
    (void)snprintf(seen->paths + len, sizeof seen->paths - len, "%s%.*s",
                   seen->count++ > 0 ? " " : "", (int)conflict->path.len,
                   (const char *)conflict->path.ptr);
    return COPSE_OK;
}

static void merge_read(const copse_env *env, const char *text, copse_buf *buf)
{
    copse_ext_json_reader *reader = NULL;
    copse_err err;
    copse_buf_init(buf, env, 1 << 20);
    assert_int_equal(copse_ext_json_reader_new(env, &reader, &err), COPSE_OK);
    if (text[0] != '\0') {
        assert_int_equal(
            copse_ext_json_read(reader, copse_bytes_of_text(text), COPSE_EXT_JSON_VALUE, buf, &err),
            COPSE_OK);
    }
    copse_ext_json_reader_free(reader);
}

typedef struct merge_row {
    const char *base;
    const char *ours;
    const char *theirs;
    const char *merged;
    const char *conflicts;
} merge_row;

static const merge_row merge_rows[] = {
    /* M1 */
    {"{\"a\":1}", "{\"a\":1}", "{\"a\":2}", "{\"a\":2}", ""},
    {"{\"a\":1}", "{\"a\":2}", "{\"a\":1}", "{\"a\":2}", ""},
    {"{\"a\":1}", "{\"a\":2}", "{\"a\":2}", "{\"a\":2}", ""},
    {"{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}", "{\"a\":1,\"b\":3}", "{\"a\":2,\"b\":3}", ""},
    {"{\"a\":1,\"b\":1}", "{\"b\":1}", "{\"a\":1}", "{}", ""},
    {"{}", "{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":1}", ""},
    {"", "{\"a\":1,\"c\":2}", "{\"b\":1,\"c\":2}", "{\"a\":1,\"b\":1,\"c\":2}", ""},
    /* M2 */
    {"{\"o\":{\"x\":1,\"y\":1}}", "{\"o\":{\"x\":2,\"y\":1}}", "{\"o\":{\"x\":1,\"y\":2}}",
     "{\"o\":{\"x\":2,\"y\":2}}", ""},
    {"{}", "{\"o\":{\"x\":1}}", "{\"o\":{\"y\":1}}", "{\"o\":{\"x\":1,\"y\":1}}", ""},
    {"{\"o\":7}", "{\"o\":{\"x\":1}}", "{\"o\":{\"y\":1}}", "{\"o\":{\"x\":1,\"y\":1}}", ""},
    /* M3 */
    {"{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":2}", "a"},
    {"{\"a\":1}", "{}", "{\"a\":3}", "{}", "a"},
    {"{\"a\":1}", "{\"a\":3}", "{}", "{\"a\":3}", "a"},
    {"{}", "{\"a\":1}", "{\"a\":1.0}", "{\"a\":1}", "a"},
    {"{\"o\":{\"x\":1,\"y\":1}}", "{\"o\":{\"x\":2,\"y\":1}}", "{\"o\":{\"x\":3,\"y\":2}}",
     "{\"o\":{\"x\":2,\"y\":2}}", "o.x"},
    {"{\"a\":[1,2]}", "{\"a\":[1,2,3]}", "{\"a\":[0,1,2]}", "{\"a\":[1,2,3]}", "a"},
    {"{\"a\":{\"x\":1}}", "{\"a\":[]}", "{\"a\":{\"x\":2}}", "{\"a\":[]}", "a"},
    {"{\"d\":{\"$date\":{\"$numberLong\":\"1\"}}}", "{\"d\":{\"$date\":{\"$numberLong\":\"2\"}}}",
     "{\"d\":{\"$date\":{\"$numberLong\":\"3\"}}}", "{\"d\":{\"$date\":{\"$numberLong\":\"2\"}}}",
     "d"},
    {"{\"a\":1,\"b\":1}", "{\"a\":2}", "{\"a\":3,\"b\":2}", "{\"a\":2}", "a b"},
    /* Nothing leads with a dollar. */
    {"{\"o\":{\"a\":1,\"$x\":1,\"$y\":1}}", "{\"o\":{\"a\":1,\"$x\":2,\"$y\":1}}", "{\"o\":{}}",
     "{\"o\":{\"a\":1,\"$x\":2,\"$y\":1}}", "o.$x o"},
};

static void merge_check_row(const copse_env *env, const merge_row *row)
{
    copse_buf in[4];
    copse_buf out;
    merge_seen seen = {.count = 0};
    size_t conflicts = 77;
    copse_err err;
    merge_read(env, row->base, &in[0]);
    merge_read(env, row->ours, &in[1]);
    merge_read(env, row->theirs, &in[2]);
    merge_read(env, row->merged, &in[3]);
    copse_buf_init(&out, env, 1 << 20);
    assert_int_equal(copse_document_merge(env, copse_buf_view(&in[0]), copse_buf_view(&in[1]),
                                          copse_buf_view(&in[2]), merge_see, &seen, &out,
                                          &conflicts, &err),
                     COPSE_OK);
    if (!copse_bytes_equal(copse_buf_view(&out), copse_buf_view(&in[3])) ||
        strcmp(seen.paths, row->conflicts) != 0) {
        fail_msg("%s | %s | %s: conflicts '%s'", row->base, row->ours, row->theirs, seen.paths);
    }
    assert_int_equal(conflicts, seen.count);
    copse_buf_release(&out);
    for (size_t i = 0; i < 4; i++) {
        copse_buf_release(&in[i]);
    }
}

static void test_rows(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof merge_rows / sizeof merge_rows[0]; i++) {
        merge_check_row(&test.env, &merge_rows[i]);
    }
    test_env_assert_empty(&test);
}

/* ---- Random documents ---- */

typedef struct merge_result {
    copse_buf merged;
    merge_seen seen;
    size_t conflicts;
} merge_result;

static void merge_run(const copse_env *env, const copse_buf *base, const copse_buf *ours,
                      const copse_buf *theirs, merge_result *ret_result)
{
    copse_err err;
    *ret_result = (merge_result){.conflicts = 77};
    copse_buf_init(&ret_result->merged, env, 1 << 20);
    assert_int_equal(copse_document_merge(env, copse_buf_view(base), copse_buf_view(ours),
                                          copse_buf_view(theirs), merge_see, &ret_result->seen,
                                          &ret_result->merged, &ret_result->conflicts, &err),
                     COPSE_OK);
    assert_int_equal(ret_result->conflicts, ret_result->seen.count);
    assert_int_equal(copse_dag_cbor_check(copse_buf_view(&ret_result->merged), &env->limits,
                                          COPSE_CBOR_STRICT, &err),
                     COPSE_OK);
}

static void merge_expect(const copse_env *env, const copse_buf *base, const copse_buf *ours,
                         const copse_buf *theirs, const copse_buf *merged)
{
    merge_result result;
    merge_run(env, base, ours, theirs, &result);
    assert_int_equal(result.conflicts, 0);
    assert_true(copse_bytes_equal(copse_buf_view(&result.merged), copse_buf_view(merged)));
    copse_buf_release(&result.merged);
}

/* Appends an object with some members of `map` taken away, replaced or changed inside. */
static copse_status merge_mutate(uint64_t *random, copse_bytes map, copse_buf *buf)
{
    copse_document_member member;
    size_t start = buf->len;
    uint64_t count = 0;
    assert_int_equal(copse_document_member_first(map, &member, NULL), COPSE_OK);
    while (member.key.ptr != NULL) {
        copse_value value;
        uint64_t fate = test_random_below(random, 8);
        bool is_kept = fate > 0 || copse_bytes_equal(member.key, copse_bytes_of_text("_id"));
        assert_int_equal(copse_value_read(member.value, &value, NULL), COPSE_OK);
        if (is_kept) {
            assert_int_equal(copse_cbor_write_text(buf, member.key), COPSE_OK);
            assert_int_equal(value.type == COPSE_VALUE_OBJECT && fate < 5
                                 ? merge_mutate(random, member.value, buf)
                             : fate == 1 ? value_random_item(random, 1, buf)
                                         : copse_cbor_write_encoded(buf, member.value),
                             COPSE_OK);
            count++;
        }
        assert_int_equal(copse_document_member_next(&member, NULL), COPSE_OK);
    }
    return copse_cbor_finish_map(buf, start, count);
}

static void test_random_documents_merge_by_the_laws(void **state)
{
    (void)state;
    test_env test;
    uint64_t random = 7;
    uint64_t id = 1;
    size_t clean = 0;
    size_t changed = 0;
    test_env_init(&test);
    const copse_env *env = &test.env;
    for (int run = 0; run < MERGE_RANDOM_RUNS; run++) {
        copse_buf in[3];
        merge_result there;
        merge_result back;
        for (size_t i = 0; i < 3; i++) {
            copse_buf_init(&in[i], env, 1 << 20);
            assert_int_equal(i == 0 || run % 4 == 0
                                 ? value_random_document(&random, 2, &id, &in[i])
                                 : merge_mutate(&random, copse_buf_view(&in[0]), &in[i]),
                             COPSE_OK);
        }
        merge_expect(env, &in[0], &in[0], &in[1], &in[1]);
        merge_expect(env, &in[0], &in[1], &in[0], &in[1]);
        merge_expect(env, &in[0], &in[1], &in[1], &in[1]);
        merge_run(env, &in[0], &in[1], &in[2], &there);
        merge_run(env, &in[0], &in[2], &in[1], &back);
        assert_string_equal(there.seen.paths, back.seen.paths);
        if (there.conflicts == 0) {
            assert_true(
                copse_bytes_equal(copse_buf_view(&there.merged), copse_buf_view(&back.merged)));
            /* What came out is as far as each side is concerned: merging it again changes nothing.
             */
            merge_expect(env, &in[1], &in[1], &there.merged, &there.merged);
            clean++;
            changed += !copse_bytes_equal(copse_buf_view(&there.merged), copse_buf_view(&in[1])) &&
                       !copse_bytes_equal(copse_buf_view(&there.merged), copse_buf_view(&in[2]));
        }
        copse_buf_release(&there.merged);
        copse_buf_release(&back.merged);
        for (size_t i = 0; i < 3; i++) {
            copse_buf_release(&in[i]);
        }
    }
    print_message("%zu of %d without conflict, %zu of these of both\n", clean, MERGE_RANDOM_RUNS,
                  changed);
    assert_true(clean > MERGE_RANDOM_RUNS / 4 && clean < MERGE_RANDOM_RUNS * 3 / 4);
    assert_true(changed > MERGE_RANDOM_RUNS / 8);
    test_env_assert_empty(&test);
}

/* ---- Failures ---- */

static copse_status merge_sweep(const copse_env *env, void *ctx)
{
    const copse_buf *in = ctx;
    copse_buf out;
    size_t conflicts = 77;
    merge_seen seen = {.count = 0};
    copse_buf_init(&out, env, 1 << 20);
    copse_status status =
        copse_document_merge(env, copse_buf_view(&in[0]), copse_buf_view(&in[1]),
                             copse_buf_view(&in[2]), merge_see, &seen, &out, &conflicts, NULL);
    assert_true(status == COPSE_OK || (out.len == 0 && conflicts == 77));
    copse_buf_release(&out);
    return status;
}

static copse_status merge_refuse(void *ctx, const copse_field_conflict *conflict, copse_err *err)
{
    (void)ctx;
    (void)conflict;
    (void)err;
    return COPSE_CONFLICT;
}

static void test_failures_leave_the_buf(void **state)
{
    (void)state;
    test_env test;
    copse_buf in[3];
    copse_buf out;
    size_t conflicts = 77;
    test_env_init(&test);
    merge_read(&test.env, "{\"o\":{\"x\":1,\"y\":[1]},\"b\":1}", &in[0]);
    merge_read(&test.env, "{\"o\":{\"x\":2,\"y\":[1]},\"c\":1}", &in[1]);
    merge_read(&test.env, "{\"o\":{\"x\":3,\"y\":[2]},\"d\":1}", &in[2]);
    assert_true(test_env_sweep(merge_sweep, in, 100) > 1);
    copse_buf_init(&out, &test.env, 1 << 20);
    assert_int_equal(copse_buf_append(&out, copse_bytes_of_text("kept")), COPSE_OK);
    assert_int_equal(copse_document_merge(&test.env, copse_buf_view(&in[0]), copse_buf_view(&in[1]),
                                          copse_buf_view(&in[2]), merge_refuse, NULL, &out,
                                          &conflicts, NULL),
                     COPSE_CONFLICT);
    copse_env shallow = test.env;
    shallow.limits.cbor_depth_max = 0;
    assert_int_equal(copse_document_merge(&shallow, copse_buf_view(&in[0]), copse_buf_view(&in[1]),
                                          copse_buf_view(&in[2]), NULL, NULL, &out, &conflicts,
                                          NULL),
                     COPSE_LIMIT);
    assert_true(copse_bytes_equal(copse_buf_view(&out), copse_bytes_of_text("kept")));
    assert_int_equal(conflicts, 77);
    copse_buf_release(&out);
    for (size_t i = 0; i < 3; i++) {
        copse_buf_release(&in[i]);
    }
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_random_documents_merge_by_the_laws),
        cmocka_unit_test(test_failures_leave_the_buf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
