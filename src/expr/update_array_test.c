/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/update_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static copse_env update_env;

/* ---- Arrays --------------------------------------------------------------------------------- */

static const update_case update_pushes[] = {
    {"{\"_id\":1,\"a\":[1]}", "{\"$push\":{\"a\":2}}", .answer = "{\"_id\":1,\"a\":[1,2]}"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$push\":{\"a\":[2]}}", .answer = "{\"_id\":1,\"a\":[1,[2]]}"},
    {"{\"_id\":1}", "{\"$push\":{\"a\":2,\"b.c\":{\"$each\":[]}}}",
     .answer = "{\"_id\":1,\"a\":[2],\"b\":{\"c\":[]}}"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$push\":{\"a\":{\"$each\":[2,{\"x\":3}]}}}",
     .answer = "{\"_id\":1,\"a\":[1,2,{\"x\":3}]}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$push\":{\"a\":{\"$each\":[8,9],\"$position\":1}}}",
     .answer = "{\"_id\":1,\"a\":[1,8,9,2,3]}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$push\":{\"a\":{\"$each\":[8,9],\"$position\":-1}}}",
     .answer = "{\"_id\":1,\"a\":[1,2,8,9,3]}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$push\":{\"a\":{\"$each\":[8],\"$position\":-9}}}",
     .answer = "{\"_id\":1,\"a\":[8,1,2,3]}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$push\":{\"a\":{\"$each\":[8],\"$position\":9}}}",
     .answer = "{\"_id\":1,\"a\":[1,2,3,8]}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$push\":{\"a\":{\"$each\":[4],\"$slice\":-2}}}",
     .answer = "{\"_id\":1,\"a\":[3,4]}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$push\":{\"a\":{\"$each\":[4],\"$slice\":2}}}",
     .answer = "{\"_id\":1,\"a\":[1,2]}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$push\":{\"a\":{\"$each\":[4],\"$slice\":0}}}",
     .answer = "{\"_id\":1,\"a\":[]}"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$push\":{\"a\":{\"$each\":[],\"$slice\":-9}}}",
     .answer = "{\"_id\":1,\"a\":[1,2,3]}"},
    {"{\"_id\":1,\"a\":[3,\"x\",1]}", "{\"$push\":{\"a\":{\"$each\":[2,null],\"$sort\":1}}}",
     .answer = "{\"_id\":1,\"a\":[null,1,2,3,\"x\"]}"},
    {"{\"_id\":1,\"a\":[3,1]}", "{\"$push\":{\"a\":{\"$each\":[2],\"$sort\":-1,\"$slice\":2}}}",
     .answer = "{\"_id\":1,\"a\":[3,2]}"},
    {"{\"_id\":1,\"a\":[{\"s\":2,\"n\":1},{\"s\":1,\"n\":2},{\"s\":2,\"n\":3}]}",
     "{\"$push\":{\"a\":{\"$each\":[{\"s\":1,\"n\":4},7],\"$sort\":{\"s\":-1}}}}",
     .answer = "{\"_id\":1,\"a\":[{\"s\":2,\"n\":1},{\"s\":2,\"n\":3},{\"s\":1,\"n\":2},{\"s\":1,"
               "\"n\":4},7]"
               "}"},
    {"{\"_id\":1,\"a\":[{\"s\":2,\"n\":1},{\"s\":1,\"n\":2},{\"s\":2,\"n\":3}]}",
     "{\"$push\":{\"a\":{\"$each\":[],\"$sort\":[[\"s\",1],[\"n\",-1]]}}}",
     .answer = "{\"_id\":1,\"a\":[{\"s\":1,\"n\":2},{\"s\":2,\"n\":3},{\"s\":2,\"n\":1}]}"},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$each\":[],\"$sort\":{\"s\":1,\"n\":-1}}}}",
     .message = "list of pairs"},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$each\":[],\"$sort\":2}}}",
     .message = "$sort takes 1, -1"},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$each\":[],\"$sort\":\"x\"}}}",
     .message = "$sort takes 1, -1"},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$each\":[],\"$sort\":{\"s\":3}}}}",
     .message = "$push of 'a': "},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$each\":1}}}", .message = "$each takes a list"},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$slice\":1}}}", .message = "need $each"},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$each\":[],\"$slice\":1.5}}}",
     .message = "$slice must be a whole number"},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$each\":[],\"$position\":\"0\"}}}",
     .message = "$position must be a whole number"},
    {"{\"_id\":1,\"a\":[]}", "{\"$push\":{\"a\":{\"$each\":[],\"$foo\":0}}}",
     .message = "nothing else"},
    {"{\"_id\":1,\"a\":5}", "{\"$push\":{\"a\":1}}",
     .message = "$push of 'a': the field must be an array, it is int"},
    {"{\"_id\":1,\"a\":[{\"b\":1}]}", "{\"$push\":{\"a.b\":1}}",
     .message = "cannot create field 'b'"},
};

static const update_case update_lists[] = {
    {"{\"_id\":1,\"a\":[1,2]}", "{\"$addToSet\":{\"a\":2}}", .answer = "{\"_id\":1,\"a\":[1,2]}"},
    {"{\"_id\":1,\"a\":[1,2]}", "{\"$addToSet\":{\"a\":2.0}}", .answer = "{\"_id\":1,\"a\":[1,2]}"},
    {"{\"_id\":1,\"a\":[1,2]}", "{\"$addToSet\":{\"a\":[1,2]}}",
     .answer = "{\"_id\":1,\"a\":[1,2,[1,2]]}"},
    {"{\"_id\":1,\"a\":[1,1]}", "{\"$addToSet\":{\"a\":{\"$each\":[7,3,7,1,\"x\",3.0,2]}}}",
     .answer = "{\"_id\":1,\"a\":[1,1,7,3,\"x\",2]}"},
    {"{\"_id\":1}", "{\"$addToSet\":{\"a\":{\"$each\":[2,1,2]},\"b\":{\"$each\":[]},\"c\":5}}",
     .answer = "{\"_id\":1,\"a\":[2,1],\"b\":[],\"c\":[5]}"},
    {"{\"_id\":1,\"a\":5}", "{\"$addToSet\":{\"a\":1}}", .message = "must be an array, it is int"},
    {"{\"_id\":1}", "{\"$addToSet\":{\"a\":{\"$each\":5}}}", .message = "takes a value or"},
    {"{\"_id\":1}", "{\"$addToSet\":{\"a\":{\"$each\":[],\"$slice\":1}}}",
     .message = "takes a value or"},
    {"{\"_id\":1}", "{\"$addToSet\":{\"a\":{\"$gt\":5}}}", .message = "$addToSet of 'a'"},
    {"{\"_id\":1,\"a\":[1,2,3],\"b\":[1,2,3],\"c\":[]}", "{\"$pop\":{\"a\":1,\"b\":-1.0,\"c\":1}}",
     .answer = "{\"_id\":1,\"a\":[1,2],\"b\":[2,3],\"c\":[]}"},
    {"{\"_id\":1}", "{\"$pop\":{\"a\":1,\"b.c\":1}}", .answer = "{\"_id\":1}"},
    {"{\"_id\":1,\"a\":5}", "{\"$pop\":{\"a\":1}}", .message = "must be an array"},
    {"{\"_id\":1,\"a\":5}", "{\"$pop\":{\"a.b\":1}}", .message = "cannot create field 'b'"},
    {"{\"_id\":1}", "{\"$pop\":{\"a\":2}}", .message = "takes 1 (the last) or -1 (the first)"},
    {"{\"_id\":1,\"a\":[1,2,1.0,[1],\"1\"]}", "{\"$pull\":{\"a\":1}}",
     .answer = "{\"_id\":1,\"a\":[2,[1],\"1\"]}"},
    {"{\"_id\":1,\"a\":[1,5,\"x\",9]}", "{\"$pull\":{\"a\":{\"$gte\":5}}}",
     .answer = "{\"_id\":1,\"a\":[1,\"x\"]}"},
    {"{\"_id\":1,\"a\":[{\"b\":1,\"c\":2},{\"b\":1,\"c\":3},{\"b\":[1]},1]}",
     "{\"$pull\":{\"a\":{\"b\":1,\"c\":{\"$ne\":3}}}}",
     .answer = "{\"_id\":1,\"a\":[{\"b\":1,\"c\":3},1]}"},
    {"{\"_id\":1,\"a\":[{\"b\":1},{\"b\":2},{\"b\":3},4]}",
     "{\"$pull\":{\"a\":{\"$or\":[{\"b\":1},{\"b\":3}]}}}",
     .answer = "{\"_id\":1,\"a\":[{\"b\":2},4]}"},
    {"{\"_id\":1,\"a\":[{\"b\":1},2,{}]}", "{\"$pull\":{\"a\":{}}}",
     .answer = "{\"_id\":1,\"a\":[2]}"},
    {"{\"_id\":1,\"a\":[\"ab\",\"b\",\"xab\"]}",
     "{\"$pull\":{\"a\":{\"$regularExpression\":{\"pattern\":\"^a\",\"options\":\"\"}}}}",
     .answer = "{\"_id\":1,\"a\":[\"b\",\"xab\"]}"},
    {"{\"_id\":1,\"a\":[null,0]}", "{\"$pull\":{\"a\":null,\"b\":1}}",
     .answer = "{\"_id\":1,\"a\":[0]}"},
    {"{\"_id\":1,\"a\":[[1,2],[1],1]}", "{\"$pull\":{\"a\":[1,2]}}",
     .answer = "{\"_id\":1,\"a\":[[1],1]}"},
    {"{\"_id\":1,\"a\":5}", "{\"$pull\":{\"a\":5}}", .message = "must be an array"},
    {"{\"_id\":1,\"a\":5}", "{\"$pull\":{\"a\":{\"$foo\":5}}}", .message = "unknown operator $foo"},
    {"{\"_id\":1,\"a\":[1,2,3,1.0,{\"x\":1},{\"x\":1,\"y\":2}]}",
     "{\"$pullAll\":{\"a\":[1,{\"x\":1.0},7],\"b\":[1]}}",
     .answer = "{\"_id\":1,\"a\":[2,3,{\"x\":1,\"y\":2}]}"},
    {"{\"_id\":1}", "{\"$pullAll\":{\"a\":1}}", .message = "takes a list"},
};

static void update_test_arrays(void **state)
{
    (void)state;
    UPDATE_CASES_CHECK(&update_env, update_pushes);
    UPDATE_CASES_CHECK(&update_env, update_lists);
}

/* ---- Positions ------------------------------------------------------------------------------ */

static const update_case update_positions[] = {
    {"{\"_id\":1,\"a\":[5,6,7]}", "{\"$set\":{\"a.$\":0}}", .answer = "{\"_id\":1,\"a\":[5,0,7]}",
     .filter = "{\"a\":6}"},
    {"{\"_id\":1,\"a\":[{\"b\":1},{\"b\":2}]}", "{\"$inc\":{\"a.$.b\":5,\"a.0.b\":1}}",
     .answer = "{\"_id\":1,\"a\":[{\"b\":2},{\"b\":7}]}", .filter = "{\"a.b\":2}"},
    {"{\"_id\":1,\"a\":[{\"b\":1},{\"b\":2}]}", "{\"$inc\":{\"a.$.b\":5,\"a.0.b\":1}}",
     .message = "would create a conflict at 'a.$.b'", .filter = "{\"a.b\":1}"},
    {"{\"_id\":1,\"a\":[{\"b\":1},{\"b\":2}]}", "{\"$set\":{\"a.$.b\":5,\"a.0.c\":1}}",
     .answer = "{\"_id\":1,\"a\":[{\"b\":5,\"c\":1},{\"b\":2}]}", .filter = "{\"a.b\":1}"},
    {"{\"_id\":1,\"a\":[5]}", "{\"$set\":{\"a.$\":0}}", .message = "did not find the match"},
    {"{\"_id\":1,\"a\":5}", "{\"$set\":{\"a.$\":0}}", .message = "did not find the match",
     .filter = "{\"a\":5}"},
    {"{\"_id\":1}", "{\"$set\":{\"a.$.b.$\":0}}", .message = "more than one positional"},
    {"{\"_id\":1}", "{\"$set\":{\"$\":0}}", .message = "begins with a positional part"},
    {"{\"_id\":1}", "{\"$set\":{\"$[].a\":0}}", .message = "begins with a positional part"},
    {"{\"_id\":1}", "{\"$set\":{\"a.$x\":0}}", .message = "begins with $"},
    {"{\"_id\":1,\"a\":[1,2,3]}", "{\"$inc\":{\"a.$[]\":10}}",
     .answer = "{\"_id\":1,\"a\":[11,12,13]}"},
    {"{\"_id\":1,\"a\":[{\"b\":1},{}]}", "{\"$set\":{\"a.$[].b\":5}}",
     .answer = "{\"_id\":1,\"a\":[{\"b\":5},{\"b\":5}]}"},
    {"{\"_id\":1,\"a\":[[1,2],[],[3]]}", "{\"$mul\":{\"a.$[].$[]\":2}}",
     .answer = "{\"_id\":1,\"a\":[[2,4],[],[6]]}"},
    {"{\"_id\":1,\"a\":[1,2]}", "{\"$unset\":{\"a.$[]\":1}}",
     .answer = "{\"_id\":1,\"a\":[null,null]}"},
    {"{\"_id\":1}", "{\"$set\":{\"a.$[]\":1}}", .message = "the path 'a' must exist"},
    {"{\"_id\":1,\"a\":5}", "{\"$set\":{\"a.$[]\":1}}", .message = "to the non-array element 'a'"},
    {"{\"_id\":1,\"a\":[5,15,25]}", "{\"$set\":{\"a.$[big]\":10}}",
     .answer = "{\"_id\":1,\"a\":[5,10,10]}", .array_filters = "[{\"big\":{\"$gt\":10}}]"},
    /* U4 */
    {"{\"_id\":1,\"a\":[{\"s\":1,\"m\":1},{\"s\":2,\"m\":1}]}",
     "{\"$inc\":{\"a.$[x].m\":5,\"a.$[].s\":1}}",
     .answer = "{\"_id\":1,\"a\":[{\"s\":2,\"m\":1},{\"s\":3,\"m\":6}]}",
     .array_filters = "[{\"x.s\":2,\"x.m\":1}]"},
    {"{\"_id\":1,\"a\":[{\"s\":1},{\"s\":2}]}", "{\"$inc\":{\"a.$[x].s\":5,\"a.$[].s\":1}}",
     .message = "would create a conflict at", .array_filters = "[{\"x.s\":2}]"},
    {"{\"_id\":1,\"a\":[{\"s\":1},{\"s\":2}]}", "{\"$inc\":{\"a.$[x].s\":5,\"a.$[].s\":1}}",
     .answer = "{\"_id\":1,\"a\":[{\"s\":2},{\"s\":3}]}", .array_filters = "[{\"x.s\":7}]"},
    {"{\"_id\":1,\"a\":[[1,9],[9,2]]}", "{\"$set\":{\"a.$[].$[x]\":0,\"a.$[y].$[z]\":5}}",
     .answer = "{\"_id\":1,\"a\":[[1,0],[0,5]]}",
     .array_filters = "[{\"x\":9},{\"y\":{\"$size\":2},\"$or\":[{\"y\":2}]},{\"z\":2}]"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$set\":{\"a.$[x]\":0}}",
     .message = "no array filter found for identifier 'x' in path 'a.$[x]'"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$set\":{\"a.$[]\":0}}",
     .message = "the array filter for identifier 'x' was not used", .array_filters = "[{\"x\":9}]"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$set\":{\"a.$[x]\":0}}", .message = "same identifier 'x'",
     .array_filters = "[{\"x\":9},{\"x.y\":2}]"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$set\":{\"a.$[x]\":0}}", .message = "is of one identifier",
     .array_filters = "[{\"x\":9,\"y\":2}]"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$set\":{\"a.$[x]\":0}}", .message = "is of one identifier",
     .array_filters = "[{}]"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$set\":{\"a.$[X]\":0}}",
     .message = "begins with a lowercase letter", .array_filters = "[{\"X\":9}]"},
    {"{\"_id\":1,\"a\":[1]}", "{\"$set\":{\"a.$[x]\":0}}", .message = "are a list",
     .array_filters = "{\"x\":9}"},
    /* U2 */
    {"{\"_id\":1,\"a\":[1]}", "{\"$set\":{\"a.$[]\":0,\"a.0\":1}}", .message = "conflict at 'a'"},
};

static void update_test_positions(void **state)
{
    (void)state;
    UPDATE_CASES_CHECK(&update_env, update_positions);
}

/* U3: one update, documents that matched in different places; and what failed leaves no trace. */
static void update_test_again(void **state)
{
    static const char *const documents[][2] = {
        {"{\"_id\":1,\"a\":[1,5]}", "{\"_id\":1,\"a\":[1,0]}"},
        {"{\"_id\":1,\"a\":[5,1]}", "{\"_id\":1,\"a\":[0,1]}"},
        {"{\"_id\":1,\"a\":5}", NULL},
        {"{\"_id\":1,\"a\":[5]}", "{\"_id\":1,\"a\":[0]}"},
        {"{\"_id\":1,\"a\":[1,2,5]}", "{\"_id\":1,\"a\":[1,2,0]}"},
    };
    copse_buf update_buf;
    copse_buf filter_buf;
    copse_update *update = NULL;
    copse_filter *filter = NULL;
    (void)state;
    assert_int_equal(
        copse_update_new(&update_env,
                         update_case_json(&update_env, "{\"$set\":{\"a.$\":0}}", &update_buf),
                         (copse_bytes){NULL, 0}, &update, NULL),
        COPSE_OK);
    assert_int_equal(copse_filter_new(&update_env,
                                      update_case_json(&update_env, "{\"a\":5}", &filter_buf),
                                      &filter, NULL),
                     COPSE_OK);
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        copse_update_context context = {.filter = filter};
        copse_buf document;
        copse_buf expected;
        copse_buf out;
        bool match = false;
        bool changed = false;
        copse_buf_init(&out, &update_env, 1 << 16);
        copse_bytes encoded = update_case_json(&update_env, documents[i][0], &document);
        assert_int_equal(copse_filter_match(filter, encoded, &match, NULL), COPSE_OK);
        copse_status status = copse_update_apply(update, encoded, &context, &out, &changed, NULL);
        copse_bytes wanted = update_case_json(&update_env, documents[i][1], &expected);
        assert_int_equal(status, documents[i][1] != NULL ? COPSE_OK : COPSE_CORRUPT);
        assert_true(copse_bytes_equal(wanted, copse_buf_view(&out)));
        copse_buf_release(&document);
        copse_buf_release(&expected);
        copse_buf_release(&out);
    }
    copse_filter_free(filter);
    copse_update_free(update);
    copse_buf_release(&update_buf);
    copse_buf_release(&filter_buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_test_arrays),
        cmocka_unit_test(update_test_positions),
        cmocka_unit_test(update_test_again),
    };
    copse_env_init(&update_env);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
