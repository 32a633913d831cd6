/* Pipelines by hand: what each stage and accumulator gives, what is refused, and which of it the
 * query does.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/ext_json.h>

#include "support/pipeline_world.h"

static const char *const test_posts[] = {
    "{\"_id\":1,\"author\":\"ann\",\"tags\":[\"a\",\"b\"],\"score\":5,\"at\":{\"x\":1,\"y\":2}}",
    "{\"_id\":2,\"author\":\"bob\",\"tags\":[\"b\"],\"score\":7}",
    "{\"_id\":3,\"author\":\"ann\",\"tags\":[],\"score\":2.5,\"at\":[{\"x\":3},4,{\"x\":5}]}",
    "{\"_id\":4,\"author\":null,\"score\":null}",
    "{\"_id\":5,\"tags\":\"c\",\"score\":\"high\"}",
    "{\"_id\":6,\"author\":\"bob\",\"tags\":[\"b\",\"c\"],\"score\":-1,\"at\":9}",
};

static const char *const test_people[] = {
    "{\"_id\":\"ann\",\"age\":30,\"likes\":[1,2]}",
    "{\"_id\":\"bob\",\"age\":25,\"likes\":[3]}",
    "{\"_id\":\"cy\",\"age\":40}",
};

static void test_world_init(database_world *db, bool has_indexes)
{
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(db, "people", "_id", COPSE_DOCUMENTS_INLINE);
    if (has_indexes) {
        database_world_index(db, "posts", "author", "author", NULL);
        database_world_index(db, "posts", "late", "score,n", "unbuilt");
        database_world_index(db, "posts", "score", "-score,author", NULL);
        database_world_index(db, "posts", "tags", "tags[]", NULL);
        database_world_index(db, "people", "likes", "likes[]", NULL);
    }
    for (size_t i = 0; i < sizeof test_posts / sizeof *test_posts; i++) {
        database_world_insert(db, "posts", test_posts[i]);
    }
    for (size_t i = 0; i < sizeof test_people / sizeof *test_people; i++) {
        database_world_insert(db, "people", test_people[i]);
    }
    database_world_commit(db);
}

typedef struct pipeline_case {
    const char *stages;
    const char *answer;
} pipeline_case;

static const pipeline_case pipeline_cases[] = {
    {"[]", NULL},
    /* $match, $sort, $skip, $limit */
    {"[{'$match':{'author':'ann'}},{'$sort':{'score':-1}},{'$project':{'score':1}}]",
     "[{'_id':1,'score':5},{'_id':3,'score':2.5}]"},
    {"[{'$sort':{'author':1,'score':-1}},{'$skip':2},{'$limit':3},{'$project':{'_id':1}}]",
     "[{'_id':1},{'_id':3},{'_id':2}]"},
    {"[{'$sort':{'author':-1,'_id':1}},{'$limit':2},{'$project':{'_id':1}}]",
     "[{'_id':2},{'_id':6}]"},
    {"[{'$sort':{'_id':-1}},{'$limit':3},{'$skip':1},{'$limit':5},{'$project':{'_id':1}}]",
     "[{'_id':5},{'_id':4}]"},
    {"[{'$skip':6}]", "[]"},
    {"[{'$match':{'score':{'$gt':1}}},{'$match':{'author':'bob'}},{'$project':{'_id':1}}]",
     "[{'_id':2}]"},
    /* $project, $addFields, $unset */
    {"[{'$match':{'_id':1}},{'$project':{'_id':0,'at.x':1,'z':'$score'}}]",
     "[{'z':5,'at':{'x':1}}]"},
    {"[{'$match':{'_id':3}},{'$project':{'at.x':1}}]", "[{'_id':3,'at':[{'x':3},{'x':5}]}]"},
    {"[{'$match':{'_id':3}},{'$project':{'at.n':'$score'}}]",
     "[{'_id':3,'at':[{'n':2.5},{'n':2.5},{'n':2.5}]}]"},
    {"[{'$match':{'_id':2}},{'$project':{'a':{'b':'$author','c':{'d':{'$literal':1}}}}}]",
     "[{'_id':2,'a':{'b':'bob','c':{'d':1}}}]"},
    {"[{'$match':{'_id':6}},{'$project':{'tags':0,'author':0}}]", "[{'_id':6,'at':9,'score':-1}]"},
    {"[{'$match':{'_id':6}},{'$project':{'_id':false}},{'$unset':['tags','at']}]",
     "[{'score':-1,'author':'bob'}]"},
    {"[{'$match':{'_id':1}},{'$addFields':{'at.x':7,'at.z':'$_id','no':'$none'}},"
     "{'$unset':'tags'}]",
     "[{'_id':1,'at':{'x':7,'y':2,'z':1},'score':5,'author':'ann'}]"},
    {"[{'$match':{'_id':6}},{'$set':{'at.x':1}},{'$project':{'at':1}}]",
     "[{'_id':6,'at':{'x':1}}]"},
    {"[{'$match':{'_id':4}},{'$set':{'a.b':'$none','_id':'$author'}}]",
     "[{'_id':null,'a':{},'score':null,'author':null}]"},
    /* $match moves before what leaves its fields alone, and stays behind what doesn't */
    {"[{'$addFields':{'k':1}},{'$match':{'author':'ann'}},{'$count':'n'}]", "[{'n':2}]"},
    {"[{'$addFields':{'author':'zed'}},{'$match':{'author':'zed'}},{'$count':'n'}]", "[{'n':6}]"},
    {"[{'$limit':1},{'$match':{'_id':2}}]", "[]"},
    {"[{'$project':{'at.x':1}},{'$match':{'at':9}},{'$count':'n'}]", "[]"},
    /* $expr */
    {"[{'$match':{'$expr':{'$gt':['$score',3]},'tags':'b'}},{'$project':{'_id':1}}]",
     "[{'_id':1},{'_id':2}]"},
    {"[{'$match':{'$and':[{'$expr':{'$eq':['$author','bob']}},{'score':7}]}},"
     "{'$project':{'_id':1}}]",
     "[{'_id':2}]"},
    /* $replaceRoot */
    {"[{'$match':{'_id':1}},{'$replaceRoot':{'newRoot':'$at'}}]", "[{'x':1,'y':2}]"},
    {"[{'$match':{'_id':2}},{'$replaceWith':{'a':'$author','b':{'c':'$score'}}}]",
     "[{'a':'bob','b':{'c':7}}]"},
    /* $count */
    {"[{'$count':'all'}]", "[{'all':6}]"},
    {"[{'$match':{'author':'ann'}},{'$count':'n'}]", "[{'n':2}]"},
    {"[{'$match':{'author':'none'}},{'$count':'n'}]", "[]"},
    {"[{'$sort':{'score':1}},{'$skip':4},{'$count':'n'}]", "[{'n':2}]"},
    {"[{'$group':{'_id':null,'n':{'$sum':1},'m':{'$count':{}}}}]", "[{'_id':null,'m':6,'n':6}]"},
    {"[{'$match':{'_id':77}},{'$group':{'_id':null,'n':{'$sum':1}}}]", "[]"},
    {"[{'$unwind':'$tags'},{'$count':'n'}]", "[{'n':6}]"},
    /* $group: in the order of _id; null and missing are one */
    {"[{'$group':{'_id':'$author','n':{'$sum':1},'sum':{'$sum':'$score'},"
     "'avg':{'$avg':'$score'}}}]",
     "[{'_id':null,'n':2,'avg':null,'sum':0},{'_id':'ann','n':2,'avg':3.75,'sum':7.5},"
     "{'_id':'bob','n':2,'avg':3.0,'sum':6}]"},
    {"[{'$sort':{'_id':1}},{'$group':{'_id':'$author','lo':{'$min':'$score'},'hi':{'$max':'$score'}"
     ","
     "'f':{'$first':'$_id'},'l':{'$last':'$_id'}}}]",
     "[{'_id':null,'f':4,'l':5,'hi':'high','lo':'high'},{'_id':'ann','f':1,'l':3,'hi':5,'lo':2.5},{"
     "'_id':'bob','f':2,'l':6,'hi':7,'lo':-1}]"},
    {"[{'$sort':{'_id':1}},{'$group':{'_id':'$author','s':{'$push':'$tags'},"
     "'t':{'$addToSet':'$author'}}}]",
     "[{'_id':null,'s':['c'],'t':[null]},{'_id':'ann','s':[['a','b'],[]],'t':['ann']},"
     "{'_id':'bob','s':[['b'],['b','c']],'t':['bob']}]"},
    {"[{'$group':{'_id':{'a':'$author'},'n':{'$sum':1}}},{'$match':{'_id.a':'ann'}}]",
     "[{'_id':{'a':'ann'},'n':2}]"},
    {"[{'$sort':{'_id':1}},{'$group':{'_id':0,'f':{'$firstN':{'input':'$author','n':4}},"
     "'l':{'$lastN':{'input':'$_id','n':2}},'lo':{'$minN':{'input':'$score','n':2}},"
     "'hi':{'$maxN':{'input':'$score','n':3}}}}]",
     "[{'_id':0,'f':['ann','bob','ann',null],'l':[5,6],'hi':['high',7,5],'lo':[-1,2.5]}]"},
    {"[{'$match':{'score':{'$type':'number'}}},{'$group':{'_id':null,"
     "'t':{'$top':{'sortBy':{'score':-1},'output':'$_id'}},"
     "'b':{'$bottom':{'sortBy':{'score':-1},'output':'$_id'}},"
     "'tn':{'$topN':{'n':2,'sortBy':{'author':-1,'score':1},'output':['$author','$score']}},"
     "'bn':{'$bottomN':{'n':2,'sortBy':{'score':1},'output':'$at.y'}}}}]",
     "[{'_id':null,'b':6,'t':2,'bn':[2,null],'tn':[['bob',-1],['bob',7]]}]"},
    {"[{'$sort':{'_id':1}},{'$match':{'_id':{'$in':[1,2]}}},{'$group':{'_id':null,"
     "'m':{'$mergeObjects':{'x':'$_id','t':'$at.x'}},'e':{'$mergeObjects':'$none'}}}]",
     "[{'_id':null,'e':{},'m':{'t':1,'x':2}}]"},
    {"[{'$match':{'score':{'$type':'number'}}},{'$group':{'_id':null,'p':{'$stdDevPop':'$_id'},"
     "'s':{'$stdDevSamp':'$none'}}}]",
     "[{'_id':null,'p':1.8708286933869707,'s':null}]"},
    /* the edges of indexes: not null, not missing; of arrays the whole */
    {"[{'$group':{'_id':null,'lo':{'$min':'$score'},'hi':{'$max':'$score'}}}]",
     "[{'_id':null,'hi':'high','lo':-1}]"},
    {"[{'$match':{'score':{'$lt':6}}},{'$group':{'_id':0,'lo':{'$min':'$author'},"
     "'hi':{'$max':'$score'},'id':{'$max':'$_id'}}}]",
     "[{'_id':0,'hi':5,'id':6,'lo':'ann'}]"},
    {"[{'$group':{'_id':null,'lo':{'$min':'$tags'},'hi':{'$max':'$tags'}}}]",
     "[{'_id':null,'hi':['b','c'],'lo':'c'}]"},
    {"[{'$match':{'_id':4}},{'$group':{'_id':null,'lo':{'$min':'$score'}}}]",
     "[{'_id':null,'lo':null}]"},
    {"[{'$match':{'_id':77}},{'$group':{'_id':null,'lo':{'$min':'$score'}}}]", "[]"},
    {"[{'$sortByCount':'$author'}]",
     "[{'_id':'bob','count':2},{'_id':'ann','count':2},{'_id':null,'count':2}]"},
    /* $unwind */
    {"[{'$unwind':'$tags'},{'$project':{'tags':1}}]",
     "[{'_id':1,'tags':'a'},{'_id':1,'tags':'b'},{'_id':2,'tags':'b'},{'_id':5,'tags':'c'},"
     "{'_id':6,'tags':'b'},{'_id':6,'tags':'c'}]"},
    {"[{'$unwind':{'path':'$tags','includeArrayIndex':'i','preserveNullAndEmptyArrays':true}},"
     "{'$project':{'tags':1,'i':1}},{'$match':{'_id':{'$in':[2,3,4,5]}}}]",
     "[{'_id':2,'i':0,'tags':'b'},{'_id':3,'i':null},{'_id':4,'i':null},{'_id':5,'i':null,'tags':'"
     "c'}]"},
    /* $lookup */
    {"[{'$match':{'_id':{'$in':[1,5]}}},{'$lookup':{'from':'people','localField':'author',"
     "'foreignField':'_id','as':'who'}},{'$project':{'who':1}}]",
     "[{'_id':1,'who':[{'_id':'ann','age':30,'likes':[1,2]}]},{'_id':5,'who':[]}]"},
    {"[{'$match':{'_id':{'$lte':3}}},{'$lookup':{'from':'people','localField':'_id',"
     "'foreignField':'likes','as':'a.fans'}},{'$project':{'a.fans._id':1}}]",
     "[{'_id':1,'a':{'fans':[{'_id':'ann'}]}},{'_id':2,'a':{'fans':[{'_id':'ann'}]}},{'_id':3,'a':{"
     "'fans':[{'_id':'bob'}]}}]"},
    {"[{'$match':{'_id':2}},{'$lookup':{'from':'people','let':{'s':'$score'},"
     "'pipeline':[{'$match':{'$expr':{'$gt':['$age',{'$add':['$$s',20]}]}}},"
     "{'$sort':{'_id':-1}},{'$project':{'age':1,'s':'$$s'}}],'as':'old'}},{'$project':{'old':1}}]",
     "[{'_id':2,'old':[{'_id':'cy','s':7,'age':40},{'_id':'ann','s':7,'age':30}]}]"},
    {"[{'$match':{'_id':2}},{'$lookup':{'from':'people','localField':'author',"
     "'foreignField':'_id','pipeline':[{'$count':'n'}],'as':'c'}},{'$project':{'c':1}}]",
     "[{'_id':2,'c':[{'n':1}]}]"},
    {"[{'$limit':1},{'$lookup':{'from':'nowhere','pipeline':[],'as':'c'}},{'$project':{'c':1}}]",
     "[{'_id':1,'c':[]}]"},
    /* $unionWith */
    {"[{'$match':{'_id':1}},{'$project':{'_id':1}},{'$unionWith':'people'},{'$project':{'_id':1}},"
     "{'$sort':{'_id':-1}}]",
     "[{'_id':'cy'},{'_id':'bob'},{'_id':'ann'},{'_id':1}]"},
    {"[{'$match':{'_id':1}},{'$unionWith':{'coll':'people','pipeline':[{'$count':'n'}]}},"
     "{'$count':'all'}]",
     "[{'all':2}]"},
    /* $facet */
    {"[{'$match':{'score':{'$type':'number'}}},{'$facet':{'n':[{'$count':'n'}],"
     "'first':[{'$sort':{'_id':1}},{'$limit':1},{'$project':{'_id':1}}],"
     "'tags':[{'$unwind':'$tags'},{'$sortByCount':'$tags'}],'none':[{'$match':{'x':1}}]}}]",
     "[{'n':[{'n':4}],'none':[],'tags':[{'_id':'b','count':3},{'_id':'c','count':1},"
     "{'_id':'a','count':1}],'first':[{'_id':1}]}]"},
    {"[{'$facet':{'a':[{'$lookup':{'from':'people','localField':'author','foreignField':'_id',"
     "'as':'w'}},{'$unwind':'$w'},{'$group':{'_id':'$w.age','n':{'$sum':1}}}]}}]",
     "[{'a':[{'_id':25,'n':2},{'_id':30,'n':2}]}]"},
};

static void test_stages(void **state)
{
    (void)state;
    for (int has_indexes = 0; has_indexes < 2; has_indexes++) {
        database_world db;
        copse_buf answer;
        test_world_init(&db, has_indexes);
        copse_buf_init(&answer, database_world_env(&db), SIZE_MAX);
        for (size_t i = 0; i < sizeof pipeline_cases / sizeof *pipeline_cases; i++) {
            const pipeline_case *test = &pipeline_cases[i];
            const pipeline_world_options options = {.collection = "posts", .stages = test->stages};
            copse_err err = {.message = ""};
            copse_buf_truncate(&answer, 0);
            copse_status status = pipeline_world_run(&db, &options, &answer, NULL, &err);
            if (status != COPSE_END) {
                fail_msg("%s: %s", test->stages, err.message);
            }
            char *json = pipeline_world_json(&db, copse_buf_view(&answer));
            if (test->answer != NULL && strcmp(json, test->answer) != 0) {
                fail_msg("%s\n gives %s\n not   %s", test->stages, json, test->answer);
            }
            free(json);
        }
        copse_buf_release(&answer);
        database_world_release(&db);
    }
}

/* ---- What is refused --------------------------------------------------------------------------
 */

static void test_refuses(void **state)
{
    (void)state;
    static const pipeline_case cases[] = {
        {"{}", "a pipeline is an array of stages"},
        {"[7]", "stage 1: a stage is an object of one pair"},
        {"[{'$match':{},'$limit':1}]", "stage 1: a stage is an object of one pair"},
        {"[{'$limit':1},{'$mtach':{}}]", "unknown stage \"$mtach\", did you mean $match"},
        {"[{'$sample':{'size':1}}]", "$sample is random"},
        {"[{'$out':'x'}]", "$out writes"},
        {"[{'$bucketAuto':{}}]", "$bucketAuto is not supported"},
        {"[{'$match':7}]", "stage 1, $match: it takes an object"},
        {"[{'$match':{'a':{'$foo':1}}}]", "stage 1, $match: "},
        {"[{'$match':{'$or':[{'$expr':true}]}}]", "stage 1, $match: "},
        {"[{'$match':{'$and':{'x':{'$expr':true}}}}]", "stage 1, $match: "},
        {"[{'$limit':0}]", "stage 1, $limit: its argument must be a whole number above 0"},
        {"[{'$skip':-1}]", "stage 1, $skip: its argument must be a whole number, 0 or more"},
        {"[{'$count':'a.b'}]", "is no name of a field"},
        {"[{'$sort':{}}]", "there is no field to sort by"},
        {"[{'$sort':{'a':2}}]", "stage 1, $sort: "},
        {"[{'$project':{}}]", "stage 1, $project: there is no field"},
        {"[{'$project':{'a':1,'b':0}}]", "don't mix"},
        {"[{'$project':{'a':1,'a.b':1}}]", "collides"},
        {"[{'$project':{'a.b':1,'a':1}}]", "collides"},
        {"[{'$project':{'a':{}}}]", "an empty object says nothing"},
        {"[{'$project':{'a':{'$ad':[1]}}}]", "unknown expression operator"},
        {"[{'$unset':[]}]", "there is no field"},
        {"[{'$unset':7}]", "must be a text"},
        {"[{'$replaceRoot':{'root':'$a'}}]", "it takes {\"newRoot\": …}"},
        {"[{'$group':{'n':{'$sum':1}}}]", "there is no _id to group by"},
        {"[{'$group':{'_id':1,'n':7}}]", "a field takes one accumulator"},
        {"[{'$group':{'_id':1,'n':{'$summ':1}}}]", "did you mean $sum"},
        {"[{'$group':{'_id':1,'a.b':{'$sum':1}}}]", "is no name of a field"},
        {"[{'$group':{'_id':1,'n':{'$firstN':{'input':'$a'}}}}]",
         "$firstN takes an object with \"n\""},
        {"[{'$group':{'_id':1,'n':{'$top':{'output':'$a'}}}}]",
         "$top takes an object with \"sortBy\""},
        {"[{'$group':{'_id':1,'n':{'$count':1}}}]", "$count takes {}"},
        {"[{'$unwind':'tags'}]", "must be a path"},
        {"[{'$unwind':{'includeArrayIndex':'i'}}]", "there is no path"},
        {"[{'$unwind':{'path':'$a','x':1}}]", "there is no option \"x\""},
        {"[{'$lookup':{'from':'a','as':'b'}}]", "it needs \"localField\""},
        {"[{'$lookup':{'localField':'a','foreignField':'b','as':'c'}}]",
         "it needs \"from\" and \"as\""},
        {"[{'$lookup':{'from':'a','as':'b','let':{'X':1},'pipeline':[]}}]", "a variable's name"},
        {"[{'$lookup':{'from':'a','as':'b','pipeline':[{'$limit':0}]}}]",
         "stage 1, $lookup: stage 1, $limit"},
        {"[{'$match':{'$expr':'$$x'}}]", "$$x"},
        {"[{'$unionWith':{'pipeline':[]}}]", "it needs \"coll\""},
        {"[{'$facet':{}}]", "there is no pipeline"},
        {"[{'$facet':{'a':[{'$facet':{'b':[]}}]}}]", "it can't stand in another $facet"},
        {"[{'$sortByCount':7}]", "stage 1, $sortByCount: it takes an expression"},
    };
    copse_env env;
    copse_env_init(&env);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pipeline_world_options options = {.collection = "posts", .stages = cases[i].stages};
        copse_pipeline *pipeline = NULL;
        copse_err err = {.message = ""};
        assert_int_equal(pipeline_world_prepare(&env, &options, &pipeline, &err), COPSE_CORRUPT);
        assert_null(pipeline);
        if (strstr(err.message, cases[i].answer) == NULL) {
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].stages, err.message, cases[i].answer);
        }
    }
}

/* A sort order of several fields as a map has lost its order. */
static void test_refuses_unordered_sort(void **state)
{
    (void)state;
    copse_env env;
    copse_buf stages;
    copse_err err = {.message = ""};
    copse_pipeline *pipeline = NULL;
    copse_env_init(&env);
    copse_buf_init(&stages, &env, SIZE_MAX);
    assert_int_equal(copse_ext_json_to_cbor(&env,
                                            copse_bytes_of_text("[{\"$sort\":{\"b\":1,\"a\":1}}]"),
                                            COPSE_EXT_JSON_QUERY, &stages, &err),
                     COPSE_OK);
    const copse_pipeline_options options = {.collection = copse_bytes_of_text("posts"),
                                            .stages = copse_buf_view(&stages)};
    assert_int_equal(copse_pipeline_new(&env, &options, &pipeline, &err), COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "does not keep the order"));
    copse_buf_release(&stages);
}

/* ---- What fails on a document ------------------------------------------------------------------
 */

static void test_fails(void **state)
{
    (void)state;
    static const pipeline_case cases[] = {
        {"[{'$unionWith':'odd'},{'$unset':'d.a'}]",
         "stage 2, $unset: the stage leaves an object whose first key begins with $"},
        {"[{'$unionWith':'odd'},{'$project':{'d.$date':1}}]", "begins with $"},
        {"[{'$unionWith':'odd'},{'$unwind':{'path':'$h.b','preserveNullAndEmptyArrays':true}}]",
         "stage 2, $unwind: the stage leaves an object whose first key begins with $"},
        {"[{'$sort':{'_id':1}},{'$replaceRoot':{'newRoot':'$score'}}]",
         "stage 2, $replaceRoot: a document can't become int"},
        {"[{'$replaceWith':'$none'}]", "stage 1, $replaceWith: a document has no value"},
        {"[{'$group':{'_id':null,'m':{'$mergeObjects':'$score'}}}]",
         "stage 1, $group: $mergeObjects takes objects, not "},
        {"[{'$facet':{'a':[{'$replaceWith':'$none'}]}}]",
         "stage 1, $facet: stage 1, $replaceWith: "},
    };
    database_world db;
    copse_buf answer;
    test_world_init(&db, false);
    /* Objects, as "a" and "b" come before what begins with $. */
    database_world_insert(&db, "odd",
                          "{\"_id\":1,\"d\":{\"a\":1,\"$date\":5},\"h\":{\"b\":[],"
                          "\"$date\":7}}");
    database_world_commit(&db);
    copse_buf_init(&answer, database_world_env(&db), SIZE_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pipeline_world_options options = {.collection = "posts", .stages = cases[i].stages};
        copse_err err = {.message = ""};
        assert_int_equal(pipeline_world_run(&db, &options, &answer, NULL, &err), COPSE_CORRUPT);
        if (strstr(err.message, cases[i].answer) == NULL) {
            fail_msg("%s: \"%s\", not \"%s\"", cases[i].stages, err.message, cases[i].answer);
        }
    }
    copse_buf_release(&answer);
    database_world_release(&db);
}

/* ---- What the query does ------------------------------------------------------------------------
 */

#define PIPELINE_LOOKUP(field)                                                                     \
    "[{'$match':{'author':'ann'}},{'$lookup':{'from':'people','localField':'author',"              \
    "'foreignField':'" field "','as':'p'}}]"

static void test_explains(void **state)
{
    (void)state;
    static const pipeline_case cases[] = {
        {"[{'$match':{'author':'ann'}},{'$count':'n'}]", "'by':'count'"},
        {"[{'$match':{'author':'ann'}},{'$count':'n'}]", "'plan':'count'"},
        {"[{'$group':{'_id':'$author','n':{'$sum':1}}}]", "'plan':'covered index scan'"},
        {"[{'$sort':{'score':-1,'author':1}},{'$limit':2}]",
         "'stages':[{'by':'query','stage':'$sort'},{'by':'query','stage':'$limit'}]"},
        {"[{'$sort':{'author':1,'score':-1}},{'$limit':2}]",
         "'stages':[{'in':6,'out':2,'stage':'$sort','spilled_bytes':0},"},
        {"[{'$addFields':{'x':1}},{'$match':{'author':'bob'}}]",
         "'stages':[{'by':'query','stage':'$match'},{'in':2,'out':2,'stage':'$addFields'"},
        {"[{'$unwind':'$tags'},{'$match':{'author':'bob'}}]",
         "'stages':[{'by':'query','stage':'$match'},{'in':2,'out':3,'stage':'$unwind'"},
        {"[{'$group':{'_id':null,'lo':{'$min':'$score'},'hi':{'$max':'$score'}}}]",
         "'stages':[{'by':'edge','stage':'$group'}]"},
        {"[{'$match':{'_id':{'$lt':4}}},{'$group':{'_id':0,'hi':{'$max':'$_id'}}}]",
         "{'by':'edge','stage':'$group'}"},
        {"[{'$group':{'_id':null,'lo':{'$min':'$tags'}}}]", "'in':6,'out':1,'stage':'$group'"},
        {"[{'$group':{'_id':null,'lo':{'$min':'$at'}}}]", "'in':6,'out':1,'stage':'$group'"},
        {"[{'$match':{'author':'ann'}},{'$group':{'_id':null,'lo':{'$min':'$none'}}}]",
         "'in':2,'out':1,'stage':'$group'"},
        {"[{'$unwind':'$tags'},{'$match':{'tags':'b'}}]",
         "'stages':[{'in':6,'out':6,'stage':'$unwind'"},
        {PIPELINE_LOOKUP("_id"), "'queries':2,"},
        {PIPELINE_LOOKUP("_id"), "'plan':'primary key'"},
        {PIPELINE_LOOKUP("_id"), "'keys_examined':2,'spilled_bytes':0,'documents_examined':2}"},
        {PIPELINE_LOOKUP("city"), "'plan':'document scan'"},
        {"[{'$unionWith':'people'},{'$limit':8}]", "'queries':1,"},
        {"[{'$unionWith':{'coll':'people','pipeline':[{'$count':'n'}]}}]", "'plan':'count'"},
        {"[{'$match':{'author':'ann'}},{'$facet':{'a':[{'$lookup':{'from':'people','as':'p',"
         "'pipeline':[{'$lookup':{'from':'posts','as':'q','pipeline':[{'$limit':2}]}}]}}]}}]",
         "'queries':8,"},
    };
    database_world db;
    copse_buf answer;
    copse_buf explain;
    test_world_init(&db, true);
    copse_buf_init(&answer, database_world_env(&db), SIZE_MAX);
    copse_buf_init(&explain, database_world_env(&db), SIZE_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pipeline_world_options options = {.collection = "posts", .stages = cases[i].stages};
        copse_buf_truncate(&explain, 0);
        assert_int_equal(pipeline_world_run(&db, &options, &answer, &explain, NULL), COPSE_END);
        char *json = pipeline_world_json(&db, copse_buf_view(&explain));
        if (strstr(json, cases[i].answer) == NULL) {
            fail_msg("%s: %s lacks %s", cases[i].stages, json, cases[i].answer);
        }
        free(json);
    }
    copse_buf_release(&answer);
    copse_buf_release(&explain);
    database_world_release(&db);
}

static void test_now(void **state)
{
    (void)state;
    const pipeline_world_options options = {.collection = "posts",
                                            .stages = "[{'$limit':1},{'$project':{'_id':0,"
                                                      "'n':'$$NOW'}}]",
                                            .now_ms = 86400000};
    database_world db;
    copse_buf answer;
    test_world_init(&db, false);
    copse_buf_init(&answer, database_world_env(&db), SIZE_MAX);
    assert_int_equal(pipeline_world_run(&db, &options, &answer, NULL, NULL), COPSE_END);
    char *json = pipeline_world_json(&db, copse_buf_view(&answer));
    assert_string_equal(json, "[{'n':{'$date':'1970-01-02T00:00:00Z'}}]");
    free(json);
    copse_buf_release(&answer);
    database_world_release(&db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_unordered_sort),
        cmocka_unit_test(test_fails),
        cmocka_unit_test(test_explains),
        cmocka_unit_test(test_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
