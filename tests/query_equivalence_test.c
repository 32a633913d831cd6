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
#include "support/database_world.h"
#include "support/query_brute.h"
#include "support/query_random.h"

enum {
    WORLDS = 48,
    DOCUMENTS = 60,
    QUERIES = 60,
    ROUNDS = 2,
    INDEXES_MAX = 5,
    DISTINCT_MAX = 1024,
    DISTINCT_BYTES = 1 << 20
};

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
    database_world db;
    copse_database *database;
    query_brute_documents documents;
    query_random_shape shape;
    uint64_t state;
    uint64_t seed;
    bool linked;
} equivalence_world;

typedef struct equivalence_totals {
    uint64_t kinds[KIND_COUNT];
    uint64_t queries;
    uint64_t some; /* neither none nor all */
} equivalence_totals;

/* ---- The world ------------------------------------------------------------------------------- */

/* Puts a random document under `id`, unless an index can't hold it. */
static void world_put(equivalence_world *world, uint64_t id)
{
    copse_buf buf;
    copse_buf_init(&buf, database_world_env(&world->db), SIZE_MAX);
    query_random_document(&world->state, &world->shape, id, &buf);
    assert_int_equal(copse_write_replace(world->db.write, copse_bytes_of_text("posts"),
                                         copse_buf_view(&buf), true, NULL),
                     COPSE_OK);
    copse_status status = database_world_apply(&world->db);
    if (status == COPSE_OK) {
        query_brute_put(&world->documents, id, copse_buf_view(&buf));
    } else {
        assert_int_equal(status, COPSE_CORRUPT); /* parallel arrays */
        copse_write_clear(world->db.write);
    }
    copse_buf_release(&buf);
}

static void world_add_index(equivalence_world *world, size_t number)
{
    char name[8];
    char fields[64];
    char options[96];
    (void)snprintf(name, sizeof name, "i%zu", number);
    query_random_index(&world->state, world->linked, fields, options);
    database_world_index(&world->db, "posts", name, fields, options);
    if (database_world_apply(&world->db) != COPSE_OK) {
        assert_int_equal(world->db.err.status, COPSE_CORRUPT); /* parallel arrays */
        copse_write_clear(world->db.write);
    }
}

static void world_init(equivalence_world *world, uint64_t seed)
{
    *world = (equivalence_world){.seed = seed, .state = seed};
    world->linked = seed % 4 == 3;
    world->shape.depth_max = (unsigned)(seed % 3);
    world->shape.has_long = seed % 5 == 1;
    database_world_init(&world->db, NULL);
    database_world_create(&world->db, "posts", "_id",
                          world->linked ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE);
    database_world_commit(&world->db);
    size_t indexes = test_random_below(&world->state, INDEXES_MAX + 1);
    size_t before = test_random_below(&world->state, indexes + 1);
    for (size_t i = 0; i < before; i++) {
        world_add_index(world, i);
    }
    for (uint64_t id = 0; id < DOCUMENTS; id++) {
        world_put(world, id);
    }
    for (size_t i = before; i < indexes; i++) {
        world_add_index(world, i);
    }
}

/* Replaces, adds and deletes. */
static void world_change(equivalence_world *world)
{
    for (size_t i = 0; i < DOCUMENTS / 4; i++) {
        uint64_t id = test_random_below(&world->state, DOCUMENTS + DOCUMENTS / 4);
        if (test_random_below(&world->state, 3) > 0) {
            world_put(world, id);
            continue;
        }
        char text[24];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)id);
        database_world_delete(&world->db, "posts", text);
        database_world_commit(&world->db);
        query_brute_delete(&world->documents, id);
    }
}

static void world_release(equivalence_world *world)
{
    query_brute_release(&world->documents);
    database_world_release(&world->db);
}

/* ---- A query --------------------------------------------------------------------------------- */

typedef struct equivalence_query {
    copse_buf filter;
    copse_buf projection;
    copse_sort_spec sort;
    char sort_text[64];
    copse_query_options options;
} equivalence_query;

static void query_make(equivalence_world *world, equivalence_query *query)
{
    const copse_env *env = database_world_env(&world->db);
    *query = (equivalence_query){.options.collection = copse_bytes_of_text("posts")};
    copse_buf_init(&query->filter, env, SIZE_MAX);
    copse_buf_init(&query->projection, env, SIZE_MAX);
    query_random_filter(&world->state, &query->filter);
    query->options.filter = copse_buf_view(&query->filter);
    const char *sort = query_random_sort(&world->state, query->sort_text);
    if (sort != NULL) {
        assert_int_equal(
            copse_sort_spec_parse(env, copse_bytes_of_text(sort), false, &query->sort, NULL),
            COPSE_OK);
        query->options.sort = &query->sort;
    }
    if (query_random_projection(&world->state, &query->projection)) {
        query->options.projection = copse_buf_view(&query->projection);
    }
    if (test_random_below(&world->state, 2) == 0) {
        query->options.limit = 1 + test_random_below(&world->state, 12);
        query->options.skip = test_random_below(&world->state, 8);
    }
}

static void query_end(equivalence_query *query)
{
    copse_sort_spec_release(&query->sort);
    copse_buf_release(&query->filter);
    copse_buf_release(&query->projection);
}

/* Fails with all it takes to see what went wrong. */
static void query_fail(const equivalence_world *world, const equivalence_query *query,
                       const copse_result *result, const char *what)
{
    const copse_env *env = database_world_env(&world->db);
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
    fail_msg("world %llu: %s: %.*s sort %s skip %llu limit %llu", (unsigned long long)world->seed,
             what, (int)text.len, (const char *)text.ptr, query->sort_text,
             (unsigned long long)query->options.skip, (unsigned long long)query->options.limit);
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

/* Takes one row that equals `row` out of those of `left`. */
static bool answer_take(query_brute_answer *left, copse_bytes row)
{
    for (size_t i = 0; i < left->count; i++) {
        if (copse_bytes_equal(left->rows[i], row)) {
            copse_bytes taken = left->rows[i];
            left->rows[i] = left->rows[--left->count];
            left->rows[left->count] = taken;
            return true;
        }
    }
    return false;
}

/* Compares what a result gives with the answer: in order, or as any of the matches. */
static void query_compare(const equivalence_world *world, const equivalence_query *query,
                          copse_result *result, const query_brute_answer *answer)
{
    const copse_query_options *options = &query->options;
    query_brute_answer *left = malloc(sizeof *left);
    assert_non_null(left);
    *left = *answer;
    size_t skip = options->skip < answer->count ? (size_t)options->skip : answer->count;
    size_t expected = answer->count - skip;
    if (options->limit > 0 && options->limit < expected) {
        expected = (size_t)options->limit;
    }
    copse_bytes row;
    copse_err err;
    size_t count = 0;
    copse_status status = copse_result_next(result, &row, &err);
    for (; status == COPSE_OK; count++) {
        bool right = options->sort != NULL
                         ? count < expected && copse_bytes_equal(row, answer->rows[skip + count])
                         : answer_take(left, row);
        if (!right) {
            query_fail(world, query, result, "another document");
        }
        status = copse_result_next(result, &row, &err);
    }
    if (status != COPSE_END) {
        query_fail(world, query, result, err.message);
    }
    if (count != expected) {
        query_fail(world, query, result, "another number of documents");
    }
    free(left);
}

static void query_compare_count(const equivalence_world *world, const equivalence_query *query,
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
static void query_compare_distinct(equivalence_world *world, const equivalence_query *query,
                                   copse_query *prepared)
{
    static const char *const paths[] = {"a", "b", "c", "a.b", "_id"};
    const copse_env *env = database_world_env(&world->db);
    const copse_query_options options = {.filter = query->options.filter};
    copse_bytes path =
        copse_bytes_of_text(paths[test_random_below(&world->state, sizeof paths / sizeof *paths)]);
    query_brute_answer *matches = malloc(sizeof *matches);
    distinct_keys *expected = calloc(1, sizeof *expected);
    assert_true(matches != NULL && expected != NULL);
    copse_buf values;
    copse_buf_init(&values, env, SIZE_MAX);
    copse_buf_init(&expected->bytes, env, SIZE_MAX);
    assert_int_equal(copse_buf_reserve(&expected->bytes, DISTINCT_BYTES), COPSE_OK);
    assert_int_equal(query_brute_run(env, &world->documents, &options, matches), COPSE_OK);
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
static void query_compare_plan(const equivalence_world *world, const equivalence_query *query,
                               copse_query *prepared, const query_brute_answer *answer)
{
    copse_buf plan;
    copse_result *result = NULL;
    copse_err err;
    copse_buf_init(&plan, database_world_env(&world->db), SIZE_MAX);
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
    const copse_env *env = database_world_env(&world->db);
    equivalence_query query;
    copse_query *prepared = NULL;
    copse_result *result = NULL;
    query_brute_answer *answer = malloc(sizeof *answer);
    assert_non_null(answer);
    query_make(world, &query);
    copse_status status = query_brute_run(env, &world->documents, &query.options, answer);
    copse_status compiled = copse_query_new(env, &query.options, &prepared, NULL);
    if (status == COPSE_OK) {
        const copse_result_options options = {.recheck_entries = world->seed % 2 == 0};
        assert_int_equal(compiled, COPSE_OK);
        assert_int_equal(copse_result_open_with(prepared, world->database, &options, &result, NULL),
                         COPSE_OK);
        totals_note(totals, result);
        totals->queries++;
        totals->some += answer->count > 0 && answer->count < world->documents.count;
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
    query_end(&query);
    free(answer);
}

static void test_equivalence(void **state)
{
    (void)state;
    equivalence_totals totals = {.queries = 0};
    for (uint64_t seed = 0; seed < WORLDS; seed++) {
        equivalence_world world;
        world_init(&world, seed);
        for (int round = 0; round < ROUNDS; round++) {
            assert_int_equal(copse_database_open(world.db.tree, &world.database, NULL), COPSE_OK);
            for (size_t i = 0; i < QUERIES; i++) {
                query_check(&world, &totals);
            }
            copse_database_close(world.database);
            world_change(&world);
        }
        world_release(&world);
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
