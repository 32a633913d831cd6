/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/update_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_env update_env;

/* ---- $set, $unset and paths ----------------------------------------------------------------- */

static const update_case update_fields[] = {
    {"{\"_id\":1,\"a\":1}", "{\"$set\":{\"a\":2}}", .answer = "{\"_id\":1,\"a\":2}"},
    {"{\"_id\":1,\"a\":1}", "{\"$set\":{\"a\":1.0}}", .answer = "{\"_id\":1,\"a\":1.0}"},
    {"{\"_id\":1,\"a\":1}", "{\"$set\":{\"a\":1}}", .answer = "{\"_id\":1,\"a\":1}"},
    {"{\"_id\":1,\"a\":1}", "{\"$set\":{}}", .answer = "{\"_id\":1,\"a\":1}"},
    {"{\"_id\":1}", "{\"$set\":{\"b\":1,\"a\":2,\"aa\":3,\"zzzz\":4}}",
     .answer = "{\"_id\":1,\"a\":2,\"b\":1,\"aa\":3,\"zzzz\":4}"},
    {"{\"_id\":1}", "{\"$set\":{\"a.b.c\":1}}", .answer = "{\"_id\":1,\"a\":{\"b\":{\"c\":1}}}"},
    {"{\"_id\":1,\"a\":{\"b\":1}}", "{\"$set\":{\"a.c\":2,\"a.a\":0}}",
     .answer = "{\"_id\":1,\"a\":{\"a\":0,\"b\":1,\"c\":2}}"},
    {"{\"_id\":1}", "{\"$set\":{\"a.0\":1}}", .answer = "{\"_id\":1,\"a\":{\"0\":1}}"},
    {"{\"_id\":1,\"a\":[5]}", "{\"$set\":{\"a.0\":1}}", .answer = "{\"_id\":1,\"a\":[1]}"},
    {"{\"_id\":1,\"a\":[5]}", "{\"$set\":{\"a.3\":1}}",
     .answer = "{\"_id\":1,\"a\":[5,null,null,1]}"},
    {"{\"_id\":1,\"a\":[]}", "{\"$set\":{\"a.1\":1,\"a.3.b\":2}}",
     .answer = "{\"_id\":1,\"a\":[null,1,null,{\"b\":2}]}"},
    {"{\"_id\":1,\"a\":[0,1,2,3,4,5,6,7,8,9,10,11]}", "{\"$set\":{\"a.2\":\"x\",\"a.11\":\"y\"}}",
     .answer = "{\"_id\":1,\"a\":[0,1,\"x\",3,4,5,6,7,8,9,10,\"y\"]}"},
    {"{\"_id\":1,\"a\":[{\"b\":1},{\"b\":2}]}", "{\"$set\":{\"a.1.b\":3}}",
     .answer = "{\"_id\":1,\"a\":[{\"b\":1},{\"b\":3}]}"},
    {"{\"_id\":1,\"a\":{\"b\":1,\"c\":2}}", "{\"$unset\":{\"a.b\":\"\"}}",
     .answer = "{\"_id\":1,\"a\":{\"c\":2}}"},
    {"{\"_id\":1,\"a\":{\"b\":1}}", "{\"$unset\":{\"a.b\":1}}", .answer = "{\"_id\":1,\"a\":{}}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$unset\":{\"a.1\":1}}",
     .answer = "{\"_id\":1,\"a\":[1,null,3]}"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$unset\":{\"a.7\":1,\"a.x\":1,\"b\":1,\"_id.x\":1,\"c.d\":1}}",
     .answer = "{\"_id\":1,\"a\":[1]}"},
    {"{\"_id\":1,\"a\":5}", "{\"$set\":{\"a.b\":1}}",
     .message = "cannot create field 'b' in 'a', which is int"},
    {"{\"_id\":1,\"a\":null}", "{\"$set\":{\"a.b\":1}}", .message = "which is null"},
    {"{\"_id\":1,\"a\":[]}", "{\"$set\":{\"a.b\":1}}", .message = "which is array"},
    {"{\"_id\":1,\"a\":{\"$date\":{\"$numberLong\":\"1\"}}}", "{\"$set\":{\"a.b\":1}}",
     .message = "which is date"},
    {"{\"_id\":1,\"a\":[]}", "{\"$set\":{\"a.1500001\":1}}", .message = "at most 1500000 nulls",
     .status = COPSE_LIMIT},
    {"{\"_id\":1,\"a\":[]}", "{\"$unset\":{\"a.1500001\":1}}", .answer = "{\"_id\":1,\"a\":[]}"},
    /* U5 */
    {"{\"_id\":1,\"r\":{\"a\":1,\"$x\":2}}", "{\"$unset\":{\"r.a\":1}}",
     .message = "begins with $"},
    {"{\"_id\":1,\"r\":{\"a\":1,\"$date\":2}}", "{\"$unset\":{\"r.a\":1}}",
     .message = "begins with $"},
    {"{\"_id\":1,\"r\":{\"$ref\":\"c\",\"$id\":2}}", "{\"$set\":{\"r.x\":1}}",
     .answer = "{\"_id\":1,\"r\":{\"$ref\":\"c\",\"$id\":2,\"x\":1}}"},
    {"{\"_id\":1,\"r\":{\"$ref\":\"c\",\"$id\":2}}", "{\"$set\":{\"r.long\":1}}",
     .message = "begins with $"},
    {"{\"_id\":1,\"r\":{\"$ref\":\"c\",\"$id\":2}}", "{\"$unset\":{\"r.none\":1}}",
     .answer = "{\"_id\":1,\"r\":{\"$ref\":\"c\",\"$id\":2}}"},
};

static void update_test_fields(void **state)
{
    (void)state;
    UPDATE_CASES_CHECK(&update_env, update_fields);
}

static const update_case update_others[] = {
    {"{\"_id\":1,\"a\":1}", "{\"$setOnInsert\":{\"a\":2,\"b.c\":1,\"a.x\":3}}",
     .message = "would create a conflict at 'a'"},
    {"{\"_id\":1,\"a\":1}", "{\"$setOnInsert\":{\"b.c\":1}}", .answer = "{\"_id\":1,\"a\":1}"},
    {"{\"_id\":1,\"a\":1}", "{\"$setOnInsert\":{\"a.b\":1}}", .answer = "{\"_id\":1,\"a\":1}"},
    {"{\"_id\":1}", "{\"$setOnInsert\":{\"b.c\":1}}", .answer = "{\"_id\":1,\"b\":{\"c\":1}}",
     .insert = true},
    {"{\"_id\":1,\"a\":5,\"b\":5}", "{\"$min\":{\"a\":3,\"b\":7},\"$max\":{\"c\":1}}",
     .answer = "{\"_id\":1,\"a\":3,\"b\":5,\"c\":1}"},
    {"{\"_id\":1,\"a\":5,\"b\":5}", "{\"$max\":{\"a\":3,\"b\":7.5}}",
     .answer = "{\"_id\":1,\"a\":5,\"b\":7.5}"},
    {"{\"_id\":1,\"a\":5,\"b\":\"x\",\"c\":null}", "{\"$max\":{\"a\":5.0,\"b\":9,\"c\":0}}",
     .answer = "{\"_id\":1,\"a\":5,\"b\":\"x\",\"c\":0}"},
    {"{\"_id\":1}",
     "{\"$currentDate\":{\"a\":true,\"b\":{\"$type\":\"date\"},\"c\":{\"$type\":"
     "\"timestamp\"}}}",
     .answer =
         "{\"_id\":1,\"a\":{\"$date\":{\"$numberLong\":\"1700000000123\"}},\"b\":{\"$date\":{"
         "\"$numberLong\":\"1700000000123\"}},\"c\":{\"$timestamp\":{\"t\":1700000000,\"i\":1}}}"},
    {"{\"_id\":1}", "{\"$currentDate\":{\"a\":1}}", .message = "takes true, {\"$type\": \"date\"}"},
    {"{\"_id\":1}", "{\"$currentDate\":{\"a\":{\"$type\":\"day\"}}}", .message = "takes true"},
    {"{\"_id\":1,\"a\":{\"b\":1}}", "{\"$rename\":{\"a.b\":\"c.d\"}}",
     .answer = "{\"_id\":1,\"a\":{},\"c\":{\"d\":1}}"},
    {"{\"_id\":1,\"a\":1,\"b\":2}", "{\"$rename\":{\"a\":\"b\"}}", .answer = "{\"_id\":1,\"b\":1}"},
    {"{\"_id\":1,\"b\":2}", "{\"$rename\":{\"a\":\"b\",\"x.y\":\"b2.c\"}}",
     .answer = "{\"_id\":1,\"b\":2}"},
    {"{\"_id\":1,\"a\":1,\"b\":2}", "{\"$rename\":{\"a\":\"b\",\"b\":\"c\"}}",
     .message = "conflict at 'b'"},
    {"{\"_id\":1,\"a\":1}", "{\"$rename\":{\"a\":\"a\"}}", .message = "must differ"},
    {"{\"_id\":1,\"a\":1}", "{\"$rename\":{\"a\":\"a.b\"}}", .message = "conflict at 'a'"},
    {"{\"_id\":1,\"a\":1}", "{\"$rename\":{\"a\":5}}", .message = "the new path is a text"},
    {"{\"_id\":1,\"a\":1}", "{\"$rename\":{\"a\":\"b.$[]\"}}", .message = "may be dynamic"},
    {"{\"_id\":1,\"a\":1}", "{\"$rename\":{\"a.$[]\":\"b\"}}", .message = "may be dynamic"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$rename\":{\"a.0\":\"b\"}}", .message = "through an array"},
    {"{\"_id\":1,\"a\":[1],\"b\":1}", "{\"$rename\":{\"b\":\"a.0\"}}",
     .message = "through an array"},
    {"{\"_id\":1,\"a\":5}", "{\"$rename\":{\"a.b\":\"c\"}}", .message = "that is no object"},
    {"{\"_id\":1,\"a\":5,\"b\":1}", "{\"$rename\":{\"b\":\"a.b\"}}",
     .message = "cannot create field 'b' in 'a'"},
    {"{\"_id\":1,\"a\":5}", "{\"$rename\":{\"b\":\"a.b\"}}", .answer = "{\"_id\":1,\"a\":5}"},
};

static void update_test_others(void **state)
{
    (void)state;
    UPDATE_CASES_CHECK(&update_env, update_others);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

static const update_case update_numbers[] = {
    {"{\"_id\":1,\"a\":1,\"b\":{\"c\":-5}}", "{\"$inc\":{\"a\":2,\"b.c\":5,\"d\":7}}",
     .answer = "{\"_id\":1,\"a\":3,\"b\":{\"c\":0},\"d\":7}"},
    {"{\"_id\":1,\"a\":1}", "{\"$inc\":{\"a\":0.5}}", .answer = "{\"_id\":1,\"a\":1.5}"},
    {"{\"_id\":1,\"a\":1.5}", "{\"$inc\":{\"a\":1}}", .answer = "{\"_id\":1,\"a\":2.5}"},
    {"{\"_id\":1,\"a\":1}", "{\"$inc\":{\"a\":-1.0}}", .answer = "{\"_id\":1,\"a\":0.0}"},
    {"{\"_id\":1,\"a\":18446744073709551614}", "{\"$inc\":{\"a\":1}}",
     .answer = "{\"_id\":1,\"a\":18446744073709551615}"},
    {"{\"_id\":1,\"a\":18446744073709551615}", "{\"$inc\":{\"a\":1}}",
     .message = "$inc of 'a': the result is no integer of -2^64 to 2^64 - 1"},
    {"{\"_id\":1,\"a\":-18446744073709551616}", "{\"$inc\":{\"a\":-1}}",
     .message = "the result is no"},
    {"{\"_id\":1,\"a\":-18446744073709551616}", "{\"$inc\":{\"a\":18446744073709551615}}",
     .answer = "{\"_id\":1,\"a\":-1}"},
    {"{\"_id\":1,\"a\":-18446744073709551616}", "{\"$mul\":{\"a\":-18446744073709551616}}",
     .message = "the result is no"},
    {"{\"_id\":1,\"a\":-18446744073709551616}", "{\"$mul\":{\"a\":1}}",
     .answer = "{\"_id\":1,\"a\":-18446744073709551616}"},
    {"{\"_id\":1,\"a\":9223372036854775808}", "{\"$mul\":{\"a\":-2}}",
     .answer = "{\"_id\":1,\"a\":-18446744073709551616}"},
    {"{\"_id\":1,\"a\":9223372036854775808}", "{\"$mul\":{\"a\":2}}",
     .message = "the result is no"},
    {"{\"_id\":1,\"a\":3,\"b\":-3}", "{\"$mul\":{\"a\":-4,\"b\":-5}}",
     .answer = "{\"_id\":1,\"a\":-12,\"b\":15}"},
    {"{\"_id\":1,\"a\":0,\"b\":5}", "{\"$mul\":{\"a\":-4,\"b\":0.5}}",
     .answer = "{\"_id\":1,\"a\":0,\"b\":2.5}"},
    {"{\"_id\":1}", "{\"$mul\":{\"a\":4,\"b\":0.5,\"c\":{\"$numberDecimal\":\"2.5\"}}}",
     .answer = "{\"_id\":1,\"a\":0,\"b\":0.0,\"c\":{\"$numberDecimal\":\"0\"}}"},
    {"{\"_id\":1,\"a\":{\"$numberDecimal\":\"0.10\"},\"b\":1}",
     "{\"$inc\":{\"a\":2,\"b\":{\"$numberDecimal\":\"0.2\"}}}",
     .answer =
         "{\"_id\":1,\"a\":{\"$numberDecimal\":\"2.10\"},\"b\":{\"$numberDecimal\":\"1.2\"}}"},
    {"{\"_id\":1,\"a\":1e308}", "{\"$mul\":{\"a\":1e10}}",
     .answer = "{\"_id\":1,\"a\":{\"$numberDouble\":\"Infinity\"}}"},
    {"{\"_id\":1,\"a\":\"x\"}", "{\"$inc\":{\"a\":1}}",
     .message = "$inc of 'a': the field is no number, it is string"},
    {"{\"_id\":1,\"a\":null}", "{\"$mul\":{\"a\":1}}", .message = "it is null"},
    {"{\"_id\":1}", "{\"$inc\":{\"a\":\"1\"}}", .message = "$inc of 'a': takes a number"},
    {"{\"_id\":1,\"a\":13,\"b\":-1}",
     "{\"$bit\":{\"a\":{\"and\":10},\"b\":{\"xor\":5},\"c\":{"
     "\"or\":6}}}",
     .answer = "{\"_id\":1,\"a\":8,\"b\":-6,\"c\":6}"},
    {"{\"_id\":1,\"a\":-18446744073709551616,\"b\":18446744073709551615}",
     "{\"$bit\":{\"a\":{\"or\":18446744073709551615},\"b\":{\"xor\":-1}}}",
     .answer = "{\"_id\":1,\"a\":-1,\"b\":-18446744073709551616}"},
    {"{\"_id\":1,\"a\":1.0}", "{\"$bit\":{\"a\":{\"and\":10}}}",
     .message = "the field is no integer, it is double"},
    {"{\"_id\":1}", "{\"$bit\":{\"a\":{\"and\":1.5}}}", .message = "takes one of"},
    {"{\"_id\":1}", "{\"$bit\":{\"a\":{\"and\":1,\"or\":2}}}", .message = "takes one of"},
    {"{\"_id\":1}", "{\"$bit\":{\"a\":{\"nand\":1}}}", .message = "takes one of"},
    {"{\"_id\":1}", "{\"$bit\":{\"a\":7}}", .message = "takes one of"},
};

static void update_test_numbers(void **state)
{
    (void)state;
    UPDATE_CASES_CHECK(&update_env, update_numbers);
}

/* ---- What is refused, and replacements ------------------------------------------------------ */

static const update_case update_refused[] = {
    {"{\"_id\":1}", "{\"$set\":{\"a\":1,\"a.b\":2}}",
     .message = "updating the path 'a.b' would create a conflict at 'a'"},
    {"{\"_id\":1}", "{\"$set\":{\"a.b\":1},\"$unset\":{\"a\":2}}", .message = "conflict at 'a'"},
    {"{\"_id\":1}", "{\"$set\":{\"a.b\":1},\"$inc\":{\"a.b\":2}}", .message = "conflict at 'a.b'"},
    {"{\"_id\":1}", "{\"$foo\":{\"a\":1}}", .message = "unknown update operator $foo"},
    {"{\"_id\":1}", "{\"$sett\":{\"a\":1}}", .message = "did you mean $set?"},
    {"{\"_id\":1}", "{\"$set\":{\"a\":1},\"b\":2}",
     .message = "\"b\" stands among update operators"},
    {"{\"_id\":1}", "{\"$set\":5}", .message = "$set takes an object of paths"},
    {"{\"_id\":1}", "{\"$set\":{\"a..b\":1}}", .message = "has an empty part"},
    {"{\"_id\":1}", "{\"$set\":{\"a.\":1}}", .message = "has an empty part"},
    {"{\"_id\":1}", "{\"$set\":{\"\":1}}", .message = "has an empty part"},
    {"{\"_id\":1}", "{\"$set\":{\"a\":{\"$gt\":1}}}", .message = "$set of 'a': "},
    {"{\"_id\":1}", "[{\"$set\":{\"a\":1}}]", .message = "pipelines are not supported"},
    {"{\"_id\":1}", "{\"$set\":{\"_id\":2}}", .message = "would modify the immutable field '_id'",
     .status = COPSE_MISUSE},
    {"{\"_id\":1}", "{\"$unset\":{\"_id\":2}}", .message = "immutable", .status = COPSE_MISUSE},
    {"{\"_id\":1}", "{\"$rename\":{\"_id\":\"a\"}}", .message = "immutable",
     .status = COPSE_MISUSE},
    {"{\"_id\":{\"a\":1}}", "{\"$set\":{\"_id.a\":2}}", .message = "immutable",
     .status = COPSE_MISUSE},
    {"{\"a\":1}", "{\"$set\":{\"_id\":2}}", .message = "immutable", .status = COPSE_MISUSE},
    {"{\"a\":1}", "{\"$set\":{\"_id\":2}}", .answer = "{\"_id\":2,\"a\":1}", .insert = true},
    {"{\"_id\":1}", "{\"$set\":{\"_id\":2}}", .message = "immutable", .insert = true,
     .status = COPSE_MISUSE},
    {"{\"_id\":1}", "{\"$set\":{\"_id\":1,\"a\":1}}", .answer = "{\"_id\":1,\"a\":1}"},
    {"[1]", "{\"$set\":{\"a\":1}}", .message = "a document is an object"},
    {"{\"_id\":1,\"a\":2,\"b\":3}", "{\"c\":4}", .answer = "{\"_id\":1,\"c\":4}"},
    {"{\"_id\":1,\"a\":2}", "{}", .answer = "{\"_id\":1}"},
    {"{\"_id\":1,\"a\":2}", "{\"a\":2,\"_id\":1}", .answer = "{\"_id\":1,\"a\":2}"},
    {"{\"_id\":1,\"a\":2}", "{\"_id\":2}", .message = "immutable", .status = COPSE_MISUSE},
    {"{\"a\":2}", "{\"b\":2}", .answer = "{\"b\":2}", .insert = true},
    {"{\"a\":2}", "{\"_id\":7,\"b\":2}", .answer = "{\"_id\":7,\"b\":2}", .insert = true},
    {"{\"_id\":1}", "{\"a\":{\"$gt\":1}}", .message = "a"},
};

static void update_test_refused(void **state)
{
    (void)state;
    UPDATE_CASES_CHECK(&update_env, update_refused);
}

static void update_test_replacement(void **state)
{
    copse_buf buf;
    copse_update *update = NULL;
    (void)state;
    copse_bytes encoded = update_case_json(&update_env, "{\"$set\":{\"a\":1}}", &buf);
    assert_int_equal(copse_update_new(&update_env, encoded, (copse_bytes){NULL, 0}, &update, NULL),
                     COPSE_OK);
    assert_false(copse_update_is_replacement(update));
    copse_update_free(update);
    copse_buf_release(&buf);
    encoded = update_case_json(&update_env, "{\"a\":1}", &buf);
    assert_int_equal(copse_update_new(&update_env, encoded, (copse_bytes){NULL, 0}, &update, NULL),
                     COPSE_OK);
    assert_true(copse_update_is_replacement(update));
    copse_update_free(update);
    copse_buf_release(&buf);
}

/* ---- Upserts -------------------------------------------------------------------------------- */

static const struct {
    const char *filter;
    const char *base; /* NULL: it fails with `message` */
    const char *message;
} update_bases[] = {
    {"{}", "{}", NULL},
    {"{\"_id\":5,\"a.b\":1,\"c\":{\"$eq\":{\"x\":1}}}",
     "{\"_id\":5,\"a\":{\"b\":1},\"c\":{\"x\":1}}", NULL},
    {"{\"$and\":[{\"a\":1},{\"b\":{\"$in\":[2]}},{\"c\":{\"$all\":[3]}}]}",
     "{\"a\":1,\"b\":2,\"c\":3}", NULL},
    {"{\"$or\":[{\"a\":1}],\"n\":null,\"l.0\":1}", "{\"a\":1,\"l\":{\"0\":1},\"n\":null}", NULL},
    {"{\"a\":{\"$gt\":1,\"$lt\":5},\"b\":{\"$in\":[1,2]},\"c\":{\"$ne\":1},\"d\":{\"$exists\":"
     "true},\"e\":{\"$not\":{\"$eq\":1}},\"$or\":[{\"f\":1},{\"g\":1}],\"$nor\":[{\"h\":1}],\"i\":{"
     "\"$elemMatch\":{\"x\":1}},\"j\":{\"$regex\":\"x\"}}",
     "{}", NULL},
    {"{\"a\":1,\"$and\":[{\"a\":2}]}", NULL, "conflict at 'a'"},
    {"{\"a\":{\"x\":1},\"a.b\":2}", NULL, "conflict at 'a'"},
};

static void update_test_upsert(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof update_bases / sizeof *update_bases; i++) {
        copse_buf encoded;
        copse_buf expected;
        copse_buf base;
        copse_filter *filter = NULL;
        copse_err err = {0};
        copse_buf_init(&base, &update_env, 1 << 16);
        assert_int_equal(
            copse_filter_new(&update_env,
                             update_case_json(&update_env, update_bases[i].filter, &encoded),
                             &filter, &err),
            COPSE_OK);
        copse_status status = copse_update_upsert_base(&update_env, filter, &base, &err);
        copse_bytes wanted = update_case_json(&update_env, update_bases[i].base, &expected);
        if (update_bases[i].base == NULL) {
            assert_int_equal(status, COPSE_CORRUPT);
            assert_non_null(strstr(err.message, update_bases[i].message));
        } else if (status != COPSE_OK || !copse_bytes_equal(wanted, copse_buf_view(&base))) {
            fail_msg("%s: %s", update_bases[i].filter, err.message);
        }
        copse_filter_free(filter);
        copse_buf_release(&encoded);
        copse_buf_release(&expected);
        copse_buf_release(&base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_test_fields),      cmocka_unit_test(update_test_others),
        cmocka_unit_test(update_test_numbers),     cmocka_unit_test(update_test_refused),
        cmocka_unit_test(update_test_replacement), cmocka_unit_test(update_test_upsert),
    };
    copse_env_init(&update_env);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
