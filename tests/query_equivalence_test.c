/* The answer does not depend on the index: random documents, indexes and queries against looking
 * at every document, also after random writes, and with the plan written down and run again.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/ext_json.h>

#include "expr/path.h"
#include "query/result.h"
#include "support/query_world.h"

enum { WORLDS = 48, QUERIES = 60, ROUNDS = 2, DISTINCT_MAX = 1024, DISTINCT_BYTES = 1 << 20 };

typedef enum equivalence_kind {
    KIND_NOTHING,
    KIND_DOCUMENTS,
    KIND_PRIMARY,
    KIND_POINTS,
    KIND_INDEX,
    KIND_COVERED,
    KIND_UNION,
    KIND_MERGED,
    KIND_ORDER_KEYS,
    KIND_ORDER_MEMORY,
    KIND_REVERSE,
    KIND_UNIQUE,
    KIND_EXACT,
    KIND_COUNT
} equivalence_kind;

static const char *const kind_names[KIND_COUNT] = {
    "nothing", "documents",     "primary key",     "points",  "index",  "covered", "union",
    "merged",  "order by keys", "order in memory", "reverse", "unique", "exact"};

typedef struct equivalence_world {
    query_world data;
    copse_database *database;
} equivalence_world;

typedef struct equivalence_totals {
    uint64_t kinds[KIND_COUNT];
    uint64_t queries;
    uint64_t some; /* neither none nor all */
} equivalence_totals;

/* ---- A query --------------------------------------------------------------------------------- */

/* Fails with all it takes to see what went wrong. */
static void query_fail(const equivalence_world *world, const query_world_query *query,
                       const copse_result *result, const char *what)
{
    const copse_env *env = database_world_env(&world->data.db);
    copse_buf text;
    copse_buf_init(&text, env, SIZE_MAX);
    copse_buf explained;
    copse_buf_init(&explained, env, SIZE_MAX);
    assert_int_equal(copse_ext_json_from_cbor(env, query->options.filter, false, &text, NULL),
                     COPSE_OK);
    if (query->options.projection.len > 0) {
        assert_int_equal(
            copse_ext_json_from_cbor(env, query->options.projection, false, &text, NULL), COPSE_OK);
    }
    if (result != NULL) {
        assert_int_equal(copse_result_explain(result, &explained, NULL), COPSE_OK);
        assert_int_equal(
            copse_ext_json_from_cbor(env, copse_buf_view(&explained), false, &text, NULL),
            COPSE_OK);
    }
    fail_msg("world %llu: %s: %.*s sort %s skip %llu limit %llu",
             (unsigned long long)world->data.seed, what, (int)text.len, (const char *)text.ptr,
             query->sort_text, (unsigned long long)query->options.skip,
             (unsigned long long)query->options.limit);
}

static void totals_note(equivalence_totals *totals, const copse_result *result)
{
    const copse_plan *plan = &result->planned.plan;
    const copse_access *access = &result->planned.accesses[0];
    bool nothing = copse_planned_is_empty(&result->planned);
    bool documents = !nothing && !plan->is_union && access->definition == NULL;
    bool kinds[KIND_COUNT] = {
        [KIND_NOTHING] = nothing,
        [KIND_DOCUMENTS] = documents && access->fields_used == 0,
        [KIND_PRIMARY] = documents && access->fields_used > 0,
        [KIND_POINTS] = documents && access->points,
        [KIND_INDEX] = !nothing && !plan->is_union && !documents && !plan->covered,
        [KIND_COVERED] = !nothing && plan->covered,
        [KIND_UNION] = plan->is_union,
        [KIND_MERGED] = result->scanner.merges,
        [KIND_ORDER_KEYS] = plan->order == COPSE_ORDERED_KEYS,
        [KIND_ORDER_MEMORY] = plan->order == COPSE_ORDERED_MEMORY,
        [KIND_REVERSE] = access->scan.reverse,
        [KIND_UNIQUE] = plan->unique && !plan->is_union,
        [KIND_EXACT] = !plan->filter && !documents,
    };
    for (size_t i = 0; i < KIND_COUNT; i++) {
        totals->kinds[i] += kinds[i];
    }
}

/* Compares what a result gives with the answer: in order, or as any of the matches. */
static void query_compare(const equivalence_world *world, const query_world_query *query,
                          copse_result *result, const query_brute_answer *answer)
{
    query_brute_check *check = malloc(sizeof *check);
    assert_non_null(check);
    query_brute_check_init(check, answer, &query->options);
    copse_bytes row;
    copse_err err;
    copse_status status;
    while ((status = copse_result_next(result, &row, &err)) == COPSE_OK) {
        if (!query_brute_check_take(check, row)) {
            query_fail(world, query, result, "another document");
        }
    }
    if (status != COPSE_END) {
        query_fail(world, query, result, err.message);
    }
    if (check->count != check->expected) {
        query_fail(world, query, result, "another number of documents");
    }
    free(check);
}

static void query_compare_count(const equivalence_world *world, const query_world_query *query,
                                copse_query *prepared, const query_brute_answer *answer)
{
    uint64_t count = 0;
    uint64_t expected =
        answer->count > query->options.skip ? answer->count - query->options.skip : 0;
    if (query->options.limit > 0 && query->options.limit < expected) {
        expected = query->options.limit;
    }
    assert_int_equal(copse_query_count(prepared, world->database, &count, NULL, NULL, NULL),
                     COPSE_OK);
    if (count != expected) {
        const copse_result_options options = {.need = COPSE_NEED_COUNT};
        copse_result *result = NULL;
        assert_int_equal(copse_result_open_with(prepared, world->database, &options, &result, NULL),
                         COPSE_OK);
        query_fail(world, query, result, "another count");
    }
}

/* Order keys of values, each once. */
typedef struct distinct_keys {
    copse_buf bytes;
    copse_bytes keys[DISTINCT_MAX];
    size_t count;
} distinct_keys;

/* Appends the order key of a value to bytes that don't move. */
static copse_bytes distinct_keys_write(distinct_keys *found, copse_bytes encoded)
{
    const copse_order_part part = {.encoded = encoded};
    size_t offset = found->bytes.len;
    assert_int_equal(copse_order_write(&found->bytes, &part, NULL), COPSE_OK);
    assert_true(found->bytes.len <= DISTINCT_BYTES);
    return (copse_bytes){found->bytes.ptr + offset, found->bytes.len - offset};
}

static copse_status distinct_keys_add(void *ctx, copse_order_kind kind, copse_bytes encoded,
                                      copse_err *err)
{
    distinct_keys *found = ctx;
    (void)err;
    if (kind != COPSE_ORDER_VALUE) {
        return COPSE_OK;
    }
    copse_bytes key = distinct_keys_write(found, encoded);
    for (size_t i = 0; i < found->count; i++) {
        if (copse_bytes_equal(found->keys[i], key)) {
            return COPSE_OK;
        }
    }
    assert_true(found->count < DISTINCT_MAX);
    found->keys[found->count++] = key;
    return COPSE_OK;
}

static int distinct_keys_compare(const void *a, const void *b)
{
    return copse_bytes_compare(*(const copse_bytes *)a, *(const copse_bytes *)b);
}

/* Whether the array `values` holds one value for each of the keys, in their order. */
static bool distinct_keys_equal(distinct_keys *expected, copse_bytes values)
{
    copse_cbor_reader reader;
    copse_cbor_item head;
    copse_cbor_reader_init(&reader, values);
    assert_int_equal(copse_cbor_next(&reader, &head, NULL), COPSE_OK);
    bool equal = head.arg == expected->count;
    for (size_t i = 0; equal && i < expected->count; i++) {
        const uint8_t *start = reader.at;
        assert_int_equal(copse_cbor_skip(&reader, NULL), COPSE_OK);
        copse_bytes value = {start, (size_t)(reader.at - start)};
        equal = copse_bytes_equal(distinct_keys_write(expected, value), expected->keys[i]);
    }
    return equal;
}

/* The distinct values at a path are those of the matches, in order. */
static void query_compare_distinct(equivalence_world *world, const query_world_query *query,
                                   copse_query *prepared)
{
    static const char *const paths[] = {"a", "b", "c", "a.b", "_id"};
    const copse_env *env = database_world_env(&world->data.db);
    const copse_query_options options = {.filter = query->options.filter};
    copse_bytes path = copse_bytes_of_text(
        paths[test_random_below(&world->data.state, sizeof paths / sizeof *paths)]);
    query_brute_answer *matches = malloc(sizeof *matches);
    distinct_keys *expected = calloc(1, sizeof *expected);
    assert_true(matches != NULL && expected != NULL);
    copse_buf values;
    copse_buf_init(&values, env, SIZE_MAX);
    copse_buf_init(&expected->bytes, env, SIZE_MAX);
    assert_int_equal(copse_buf_reserve(&expected->bytes, DISTINCT_BYTES), COPSE_OK);
    assert_int_equal(query_brute_run(env, &world->data.documents, &options, matches), COPSE_OK);
    for (size_t i = 0; i < matches->count; i++) {
        bool array = false;
        assert_int_equal(
            copse_path_visit(matches->rows[i], path, distinct_keys_add, expected, &array, NULL),
            COPSE_OK);
    }
    qsort(expected->keys, expected->count, sizeof *expected->keys, distinct_keys_compare);
    assert_int_equal(copse_query_distinct(prepared, world->database, path, &values, NULL),
                     COPSE_OK);
    if (!distinct_keys_equal(expected, copse_buf_view(&values))) {
        query_fail(world, query, NULL, "other distinct values");
    }
    query_brute_answer_release(matches);
    copse_buf_release(&expected->bytes);
    copse_buf_release(&values);
    free(expected);
    free(matches);
}

/* The plan, written down, gives the same documents. */
static void query_compare_plan(const equivalence_world *world, const query_world_query *query,
                               copse_query *prepared, const query_brute_answer *answer)
{
    copse_buf plan;
    copse_result *result = NULL;
    copse_err err;
    copse_buf_init(&plan, database_world_env(&world->data.db), SIZE_MAX);
    assert_int_equal(copse_query_plan(prepared, world->database, &plan, NULL), COPSE_OK);
    if (copse_result_open_plan(prepared, world->database, copse_buf_view(&plan), &result, &err) !=
        COPSE_OK) {
        query_fail(world, query, NULL, err.message);
    }
    query_compare(world, query, result, answer);
    copse_result_close(result);
    copse_buf_release(&plan);
}

static void query_check(equivalence_world *world, equivalence_totals *totals)
{
    const copse_env *env = database_world_env(&world->data.db);
    query_world_query query;
    copse_query *prepared = NULL;
    copse_result *result = NULL;
    query_brute_answer *answer = malloc(sizeof *answer);
    assert_non_null(answer);
    query_world_query_init(&world->data, &query);
    copse_status status = query_brute_run(env, &world->data.documents, &query.options, answer);
    copse_status compiled = copse_query_new(env, &query.options, &prepared, NULL);
    if (status == COPSE_OK) {
        const copse_result_options options = {.recheck_entries = world->data.seed % 2 == 0};
        assert_int_equal(compiled, COPSE_OK);
        assert_int_equal(copse_result_open_with(prepared, world->database, &options, &result, NULL),
                         COPSE_OK);
        totals_note(totals, result);
        totals->queries++;
        totals->some += answer->count > 0 && answer->count < world->data.documents.count;
        query_compare(world, &query, result, answer);
        copse_result_close(result);
        query_compare_count(world, &query, prepared, answer);
        query_compare_plan(world, &query, prepared, answer);
        query_compare_distinct(world, &query, prepared);
        query_brute_answer_release(answer);
    } else {
        assert_int_equal(compiled, status);
    }
    copse_query_free(prepared);
    query_world_query_release(&query);
    free(answer);
}

static void test_equivalence(void **state)
{
    (void)state;
    equivalence_totals totals = {.queries = 0};
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        equivalence_world world;
        query_world_init(&world.data, seed);
        for (int round = 0; round < ROUNDS; round++) {
            assert_int_equal(copse_database_open(world.data.db.tree, &world.database, NULL),
                             COPSE_OK);
            for (size_t i = 0; i < QUERIES; i++) {
                query_check(&world, &totals);
            }
            copse_database_close(world.database);
            query_world_change(&world.data);
        }
        query_world_release(&world.data);
    }
    print_message("%llu queries, %llu%% with neither none nor all documents\n",
                  (unsigned long long)totals.queries,
                  (unsigned long long)(100 * totals.some / totals.queries));
    for (size_t i = 0; i < KIND_COUNT; i++) {
        print_message("  %-16s %llu\n", kind_names[i], (unsigned long long)totals.kinds[i]);
        assert_true(totals.kinds[i] > 0);
    }
    assert_true(100 * totals.some >= 30 * totals.queries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equivalence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
