/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/test_env.h"
#include "support/update_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_env update_env;

/* ---- Bounds --------------------------------------------------------------------------------- */

/* U5: what is set has its place in the depth, also what is moved. */
static void update_test_depth(void **state)
{
    copse_env shallow = update_env;
    (void)state;
    shallow.limits.cbor_depth_max = 4;
    const struct {
        update_case test;
        copse_status status;
    } rows[] = {
        {{"{\"_id\":1}", "{\"$set\":{\"a.b\":[[]]}}", .answer = NULL}, COPSE_OK},
        {{"{\"_id\":1}", "{\"$set\":{\"a.b\":[[[]]]}}", .answer = NULL}, COPSE_LIMIT},
        {{"{\"_id\":1}", "{\"$set\":{\"a.b.c.d\":1}}", .answer = NULL}, COPSE_OK},
        {{"{\"_id\":1}", "{\"$set\":{\"a.b.c.d.e\":1}}", .answer = NULL}, COPSE_LIMIT},
        {{"{\"_id\":1}", "{\"$push\":{\"a.b\":[]}}", .answer = NULL}, COPSE_OK},
        {{"{\"_id\":1}", "{\"$push\":{\"a.b\":[[]]}}", .answer = NULL}, COPSE_LIMIT},
        {{"{\"_id\":1}", "{\"$addToSet\":{\"a.b\":[[]]}}", .answer = NULL}, COPSE_LIMIT},
        {{"{\"_id\":1,\"a\":[[]]}", "{\"$rename\":{\"a\":\"b.c\"}}", .answer = NULL}, COPSE_OK},
        {{"{\"_id\":1,\"a\":[[]]}", "{\"$rename\":{\"a\":\"b.c.d\"}}", .answer = NULL},
         COPSE_LIMIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        update_case_world world;
        copse_buf out;
        copse_err err = {0};
        bool changed = false;
        update_case_world_init(&world, &update_env, &rows[i].test);
        copse_buf_init(&out, &shallow, 1 << 16);
        copse_status status = update_case_run(&shallow, &world, false, &out, &changed, &err);
        if (status != rows[i].status) {
            fail_msg("%s: %s %s", rows[i].test.update, copse_status_name(status), err.message);
        }
        if (status == COPSE_OK) {
            assert_int_equal(copse_document_check(copse_buf_view(&out), &shallow.limits, NULL),
                             COPSE_OK);
        }
        update_case_world_release(&world);
        copse_buf_release(&out);
    }
}

static void update_test_limits(void **state)
{
    copse_env small = update_env;
    const update_case grow = {"{\"_id\":1,\"a\":[[],[],[],[]]}",
                              "{\"$push\":{\"a.$[]\":\"0123456789012345678901234567\"}}",
                              .answer = NULL};
    const update_case paths = {"{\"_id\":1}", "{\"$set\":{\"a.b.c.d\":1,\"e.f.g.h\":2}}",
                               .answer = NULL};
    update_case_world world;
    copse_buf out;
    copse_err err = {0};
    bool changed = false;
    (void)state;
    copse_buf_init(&out, &update_env, 1 << 16);
    small.limits.document_size_bytes_max = 100;
    update_case_world_init(&world, &update_env, &grow);
    assert_int_equal(update_case_run(&small, &world, false, &out, &changed, &err), COPSE_LIMIT);
    assert_non_null(strstr(err.message, "more than 100 bytes"));
    assert_int_equal(out.len, 0);
    update_case_world_release(&world);
    small.limits.filter_nodes_max = 7;
    update_case_world_init(&world, &update_env, &paths);
    assert_int_equal(update_case_run(&small, &world, false, &out, &changed, &err), COPSE_LIMIT);
    assert_non_null(strstr(err.message, "more than 7 parts"));
    update_case_world_release(&world);
    copse_buf_release(&out);
}

/* ---- A model -------------------------------------------------------------------------------- */

enum { UPDATE_KEYS_MAX = 40 };

/* A document of numbers by key, as a table: what a $set and $unset of random keys make of it. */
typedef struct update_table {
    bool present[UPDATE_KEYS_MAX];
    uint64_t values[UPDATE_KEYS_MAX];
} update_table;

/* Keys of 1 to 3 letters, so that the order of keys is more than that of bytes. */
static void update_table_key(size_t i, char ret_key[8])
{
    static const char *const forms[] = {"%c", "z%c", "%cxx", "k.%c"};
    (void)snprintf(ret_key, 8, i % 4 == 1 ? forms[1] : forms[i % 4], (char)('a' + i / 4));
}

static void update_table_write(const update_table *table, char *ret_text, size_t size)
{
    size_t at = (size_t)snprintf(ret_text, size, "{\"_id\":1,\"k\":{");
    for (int below = 1; below >= 0; below--) {
        const char *comma = below ? "" : ",";
        for (size_t i = 0; i < UPDATE_KEYS_MAX; i++) {
            char key[8];
            update_table_key(i, key);
            if (table->present[i] && (strchr(key, '.') != NULL) == below) {
                at += (size_t)snprintf(ret_text + at, size - at, "%s\"%s\":%llu", comma,
                                       below ? key + 2 : key, (unsigned long long)table->values[i]);
                comma = ",";
            }
        }
        at += (size_t)snprintf(ret_text + at, size - at, "}");
    }
}

static void update_table_change(update_table *table, uint64_t *seed, char *ret_text, size_t size)
{
    char unset[2048] = "";
    size_t unset_at = 0;
    size_t at = (size_t)snprintf(ret_text, size, "{\"$set\":{\"_id\":1");
    for (size_t i = 0; i < UPDATE_KEYS_MAX; i++) {
        char key[8];
        update_table_key(i, key);
        uint64_t dice = test_random_below(seed, 4);
        if (dice == 0) {
            table->present[i] = true;
            table->values[i] = test_random_below(seed, 1000);
            at += (size_t)snprintf(ret_text + at, size - at, ",\"%s\":%llu", key,
                                   (unsigned long long)table->values[i]);
        } else if (dice == 1) {
            table->present[i] = false;
            unset_at += (size_t)snprintf(unset + unset_at, sizeof unset - unset_at, "%s\"%s\":1",
                                         unset_at != 0 ? "," : "", key);
        }
    }
    (void)snprintf(ret_text + at, size - at, "},\"$unset\":{%s}}", unset);
}

/* U1: whatever keys are set and unset, in one update, the document is what a table says. */
static void update_test_model(void **state)
{
    enum { ROUNDS = 300, TEXT_SIZE = 4096 };
    char before[TEXT_SIZE];
    char update[TEXT_SIZE];
    char after[TEXT_SIZE];
    update_table table = {{false}, {0}};
    uint64_t seed = 5;
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        update_table_write(&table, before, sizeof before);
        update_table_change(&table, &seed, update, sizeof update);
        update_table_write(&table, after, sizeof after);
        update_case_check(&update_env, &(update_case){before, update, .answer = after});
    }
}

/* ---- Memory --------------------------------------------------------------------------------- */

static copse_status update_sweep(const copse_env *env, void *ctx)
{
    const update_case *test = ctx;
    update_case_world world;
    copse_buf out;
    copse_err err;
    bool changed = false;
    update_case_world_init(&world, &update_env, test);
    copse_buf_init(&out, env, 1 << 16);
    copse_status status = update_case_run(env, &world, test->insert, &out, &changed, &err);
    assert_true(status != COPSE_NOMEM || (err.status == COPSE_NOMEM && out.len == 0 && !changed));
    update_case_world_release(&world);
    copse_buf_release(&out);
    return status;
}

static copse_status update_sweep_upsert(const copse_env *env, void *ctx)
{
    copse_filter *filter = NULL;
    copse_buf out;
    copse_err err;
    copse_buf *encoded = ctx;
    copse_buf_init(&out, env, 1 << 16);
    copse_status status = copse_filter_new(env, copse_buf_view(encoded), &filter, &err);
    if (status == COPSE_OK) {
        status = copse_update_upsert_base(env, filter, &out, &err);
    }
    assert_true(status != COPSE_NOMEM || out.len == 0);
    copse_filter_free(filter);
    copse_buf_release(&out);
    return status;
}

static void update_test_memory(void **state)
{
    update_case tests[] = {
        {"{\"_id\":1,\"a\":[{\"b\":1,\"c\":[3,1]},{\"b\":2,\"c\":[1]}],\"d\":5,\"e\":[1,2],\"f\":{"
         "\"g\":1}}",
         "{\"$set\":{\"x.y\":1,\"a.$.z\":1},\"$push\":{\"a.$[].c\":{\"$each\":[2,0],\"$sort\":{"
         "\"n\":1},\"$slice\":3}},\"$inc\":{\"a.$[x].b\":5},\"$addToSet\":{\"e\":{\"$each\":[3,1]}}"
         ",\"$rename\":{\"f.g\":\"h.i\"},\"$pull\":{\"p\":{\"$gt\":1},\"q\":{\"r\":1},\"s\":1}}",
         .filter = "{\"a.b\":2}", .array_filters = "[{\"x.b\":1}]"},
        {"{\"_id\":1,\"a\":[{\"b\":1,\"c\":[3,1]},{\"b\":2,\"c\":[1]}],\"d\":5,\"e\":[1,2],\"f\":{"
         "\"g\":1}}",
         "{\"$push\":{\"a.$[].c\":{\"$each\":[2,0],\"$sort\":{\"n\":1},\"$slice\":3}},\"$inc\":{"
         "\"a.$[x].b\":5},\"$addToSet\":{\"e\":{\"$each\":[3,1]}},\"$rename\":{\"f.g\":\"h.i\"},"
         "\"$pull\":{\"p\":{\"$gt\":1},\"q\":{\"r\":1},\"s\":1}}",
         .array_filters = "[{\"x.b\":1}]"},
        {"{\"_id\":1,\"a\":[5,6]}", "{\"$set\":{\"a.$\":7}}", .filter = "{\"a\":6}"},
        {"{\"_id\":1,\"a\":[5,6]}", "{\"b\":1}", .answer = NULL},
    };
    copse_buf encoded;
    (void)state;
    for (size_t i = 1; i < sizeof tests / sizeof *tests; i++) {
        assert_true(test_env_sweep(update_sweep, &tests[i], 2000) > 2);
    }
    update_case_check(&update_env,
                      &(update_case){tests[0].document, tests[0].update,
                                     .message = "conflict at 'a'", .filter = tests[0].filter,
                                     .array_filters = tests[0].array_filters});
    (void)update_case_json(&update_env, "{\"a.b\":1,\"c\":{\"$in\":[2]}}", &encoded);
    assert_true(test_env_sweep(update_sweep_upsert, &encoded, 2000) > 2);
    copse_buf_release(&encoded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_test_depth),
        cmocka_unit_test(update_test_limits),
        cmocka_unit_test(update_test_model),
        cmocka_unit_test(update_test_memory),
    };
    copse_env_init(&update_env);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
