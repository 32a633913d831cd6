/* Rows of documents: in key order and each once, and read back as what they were made of. That they
 * are the right ones is tested against the model in doc/write_test.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "index/entries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_model.h"

#include "index/definition.h"

/* ---- helpers ---- */

static copse_index_deriver *make_deriver(const copse_env *env, const char *fields, bool unique,
                                         const char *include, const char *filter)
{
    copse_err err;
    copse_sort_spec spec;
    copse_index_deriver *deriver = NULL;
    copse_bytes path = copse_bytes_of_text(include != NULL ? include : "");
    copse_bytes encoded = filter != NULL ? database_world_value(filter) : (copse_bytes){NULL, 0};
    assert_int_equal(copse_sort_spec_parse(env, copse_bytes_of_text(fields), true, &spec, NULL),
                     COPSE_OK);
    copse_index_definition definition = {.name = copse_bytes_of_text("i"),
                                         .fields = spec.fields,
                                         .fields_count = spec.count,
                                         .unique = unique,
                                         .filter = encoded,
                                         .include = &path,
                                         .include_count = include != NULL};
    if (copse_index_deriver_new(env, copse_bytes_of_text("c"), &definition, &deriver, &err) !=
        COPSE_OK) {
        fail_msg("%s", err.message);
    }
    copse_sort_spec_release(&spec);
    database_world_free(encoded);
    return deriver;
}

enum { ROWS_MAX = 1100 };

typedef struct seen_row {
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX];
    size_t key_len;
    uint8_t value[64];
    size_t value_len;
    size_t unique_size;
    bool is_mark;
} seen_row;

typedef struct seen_rows {
    size_t count;
    seen_row rows[ROWS_MAX];
} seen_rows;

static copse_status see_row(void *ctx, const copse_index_row *row, copse_err *err)
{
    seen_rows *rows = ctx;
    (void)err;
    assert_true(rows->count < ROWS_MAX && row->value.len <= sizeof rows->rows[0].value);
    seen_row *seen = &rows->rows[rows->count++];
    memcpy(seen->key, row->key.ptr, row->key.len);
    memcpy(seen->value, row->value.ptr, row->value.len);
    seen->key_len = row->key.len;
    seen->value_len = row->value.len;
    seen->unique_size = row->unique_size;
    seen->is_mark = row->is_mark;
    return COPSE_OK;
}

static copse_bytes seen_key(const seen_row *row)
{
    return (copse_bytes){row->key, row->key_len};
}

static copse_status derive_json(copse_index_deriver *deriver, const char *json, seen_rows *rows,
                                copse_err *err)
{
    static const uint8_t id = 7;
    copse_bytes document = database_world_value(json);
    rows->count = 0;
    copse_status status = copse_index_derive(deriver, document, (copse_bytes){&id, 1},
                                             (copse_bytes){NULL, 0}, see_row, rows, err);
    database_world_free(document);
    return status;
}

/* ---- tests ---- */

/* E1, E2 */
static void test_order(void **state)
{
    (void)state;
    static const char *const fields[] = {"a", "-a,b", "b,-c,d", "a[],-d", "a.b"};
    copse_env env;
    uint64_t seed = 3;
    size_t marks = 0;
    size_t entries = 0;
    seen_rows *rows = malloc(sizeof *rows);
    assert_non_null(rows);
    copse_env_init(&env);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        copse_index_deriver *deriver = make_deriver(&env, fields[i], i % 2 == 0, NULL, NULL);
        copse_bytes prefix = copse_index_deriver_prefix(deriver);
        for (unsigned n = 0; n < 300; n++) {
            char *json = database_model_random_document(&seed, 7, 0);
            assert_int_equal(derive_json(deriver, json, rows, NULL), COPSE_OK);
            assert_true(rows->count > 0);
            for (size_t r = 0; r < rows->count; r++) {
                const seen_row *row = &rows->rows[r];
                assert_true(r == 0 || copse_bytes_compare(seen_key(row - 1), seen_key(row)) < 0);
                assert_int_equal(row->is_mark, !copse_bytes_has_prefix(seen_key(row), prefix));
                assert_true(row->unique_size == 0 || (i % 2 == 0 && !row->is_mark));
                marks += row->is_mark;
                entries += !row->is_mark;
            }
            free(json);
        }
        copse_index_deriver_free(deriver);
    }
    assert_true(marks > 100 && entries > 1500);
    free(rows);
}

/* What stands in an entry is what the document has. */
static void test_decode(void **state)
{
    (void)state;
    copse_env env;
    copse_buf buf;
    copse_index_entry entry;
    copse_bytes unique;
    copse_bytes primary;
    seen_rows *rows = malloc(sizeof *rows);
    assert_non_null(rows);
    copse_env_init(&env);
    copse_buf_init(&buf, &env, SIZE_MAX);
    copse_index_deriver *deriver = make_deriver(&env, "a,-b", true, "c", NULL);
    assert_int_equal(derive_json(deriver, "{\"_id\":7,\"a\":[1.0,[]],\"c\":true}", rows, NULL),
                     COPSE_OK);
    assert_int_equal(rows->count, 3); /* a mark, 1.0, and [] as a value */
    assert_true(rows->rows[0].is_mark);
    const seen_row *row = &rows->rows[1];
    const copse_bytes value = {row->value, row->value_len};
    copse_order_decoded parts[COPSE_ORDER_PARTS_MAX];
    assert_int_equal(copse_index_entry_read(deriver, seen_key(row), value, &entry, NULL), COPSE_OK);
    assert_int_equal(copse_index_entry_decode_key(deriver, seen_key(row), &buf, parts, NULL),
                     COPSE_OK);
    copse_bytes one = database_world_value("1.0");
    copse_bytes include = database_world_value("{\"c\":true}");
    assert_true(copse_bytes_equal((copse_bytes){buf.ptr + parts[0].offset, parts[0].size}, one));
    assert_int_equal(parts[1].kind, COPSE_ORDER_MISSING);
    assert_int_equal(buf.ptr[parts[2].offset], 7);
    assert_true(entry.trailer.len > 0); /* 1.0 is no integer, and b is missing */
    assert_ptr_equal(entry.parts[1].ptr, entry.parts[0].ptr + entry.parts[0].len);
    assert_ptr_equal(entry.trailer.ptr, entry.parts[2].ptr + entry.parts[2].len);
    assert_true(copse_bytes_equal(entry.include, include));
    assert_int_equal(entry.link.len, 0);
    assert_int_equal(row->unique_size, 0); /* b is missing */
    assert_int_equal(copse_index_entry_split(deriver, seen_key(row), &unique, &primary, NULL),
                     COPSE_OK);
    assert_ptr_equal(primary.ptr, unique.ptr + unique.len);
    copse_buf_truncate(&buf, 0);
    copse_buf order;
    uint8_t id = 7;
    copse_buf_init(&order, &env, SIZE_MAX);
    assert_int_equal(copse_order_write_primary(&order, (copse_bytes){&id, 1}, NULL), COPSE_OK);
    assert_int_equal(copse_index_entry_primary(deriver, seen_key(row), &buf, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), copse_buf_view(&order)));
    database_world_free(one);
    database_world_free(include);
    copse_buf_release(&order);
    copse_buf_release(&buf);
    copse_index_deriver_free(deriver);
    free(rows);
}

static void test_damaged_entries(void **state)
{
    (void)state;
    static const uint8_t null = 0xf6;
    static const uint8_t map = 0xa0;
    copse_env env;
    copse_buf buf;
    copse_index_entry entry;
    copse_bytes unique;
    copse_bytes primary;
    seen_rows *rows = malloc(sizeof *rows);
    assert_non_null(rows);
    copse_env_init(&env);
    copse_buf_init(&buf, &env, SIZE_MAX);
    copse_index_deriver *deriver = make_deriver(&env, "a", false, NULL, NULL);
    assert_int_equal(derive_json(deriver, "{\"a\":\"xyz\"}", rows, NULL), COPSE_OK);
    copse_bytes key = seen_key(&rows->rows[0]);
    size_t prefix = copse_index_deriver_prefix(deriver).len;
    assert_int_equal(copse_index_entry_read(deriver, key, (copse_bytes){&map, 1}, &entry, NULL),
                     COPSE_CORRUPT);
    for (size_t len = 0; len < key.len; len++) {
        copse_bytes cut = {key.ptr, len};
        assert_int_equal(
            copse_index_entry_read(deriver, cut, (copse_bytes){&null, 1}, &entry, NULL),
            COPSE_CORRUPT);
        copse_status status = copse_index_entry_split(deriver, cut, &unique, &primary, NULL);
        assert_true(status == COPSE_CORRUPT);
        assert_int_equal(copse_index_entry_primary(deriver, cut, &buf, NULL), COPSE_CORRUPT);
        assert_int_equal(buf.len, 0);
    }
    rows->rows[0].key[prefix - 2] ^= 1; /* of another index */
    assert_int_equal(copse_index_entry_split(deriver, key, &unique, &primary, NULL), COPSE_CORRUPT);
    copse_buf_release(&buf);
    copse_index_deriver_free(deriver);
    free(rows);
}

static void test_partial(void **state)
{
    (void)state;
    copse_env env;
    seen_rows *rows = malloc(sizeof *rows);
    assert_non_null(rows);
    copse_env_init(&env);
    copse_index_deriver *deriver = make_deriver(&env, "a", false, NULL, "{\"b\":{\"$gt\":3}}");
    assert_non_null(copse_index_deriver_filter(deriver));
    assert_int_equal(derive_json(deriver, "{\"a\":1,\"b\":3}", rows, NULL), COPSE_OK);
    assert_int_equal(rows->count, 0);
    assert_int_equal(derive_json(deriver, "{\"a\":1,\"b\":4}", rows, NULL), COPSE_OK);
    assert_int_equal(rows->count, 1);
    copse_index_deriver_free(deriver);
    free(rows);
}

static void test_limits(void **state)
{
    (void)state;
    copse_env env;
    copse_err err;
    char json[8192] = "{\"a\":[";
    seen_rows *rows = malloc(sizeof *rows);
    assert_non_null(rows);
    copse_env_init(&env);
    copse_index_deriver *deriver = make_deriver(&env, "a", false, NULL, NULL);
    for (unsigned i = 0; i <= 1000; i++) {
        snprintf(json + strlen(json), sizeof json - strlen(json), "%s%u", i == 0 ? "" : ",", i);
    }
    size_t len = strlen(json);
    snprintf(json + len, sizeof json - len, "]}");
    assert_int_equal(derive_json(deriver, json, rows, &err), COPSE_LIMIT);
    assert_non_null(strstr(err.message, "1001 entries in the index i"));
    snprintf(json + len - 4, sizeof json - len + 4, "999]}"); /* 999 twice: 1,000 distinct ones */
    assert_int_equal(derive_json(deriver, json, rows, NULL), COPSE_OK);
    assert_int_equal(rows->count, 1000 + 1);
    copse_index_deriver_free(deriver);
    deriver = make_deriver(&env, "a,b,c,d,e", false, NULL, NULL);
    snprintf(json, sizeof json,
             "{\"a\":\"%0300d\",\"b\":\"%0300d\",\"c\":\"%0300d\",\"d\":\"%0300d\"}", 1, 2, 3, 4);
    assert_int_equal(derive_json(deriver, json, rows, &err), COPSE_LIMIT);
    assert_non_null(strstr(err.message, "index i: the key of the document with _id 7"));
    copse_index_deriver_free(deriver);
    free(rows);
}

static copse_status count_row(void *ctx, const copse_index_row *row, copse_err *err)
{
    size_t *size = ctx;
    (void)err;
    *size += row->key.len + row->value.len;
    return COPSE_OK;
}

/* Each element has a copy of what is included. */
static void test_limit_of_all_rows(void **state)
{
    (void)state;
    enum { ELEMENTS = 40, INCLUDED = 512 };
    copse_env env;
    copse_err err = {0};
    char json[2048] = "{\"a\":[";
    size_t size = 0;
    size_t less = 0;
    copse_env_init(&env);
    for (unsigned i = 0; i < ELEMENTS; i++) {
        snprintf(json + strlen(json), sizeof json - strlen(json), "%s%u", i == 0 ? "" : ",", i);
    }
    size_t len = strlen(json);
    snprintf(json + len, sizeof json - len, "],\"b\":\"%0*d\"}", INCLUDED, 1);
    copse_bytes document = database_world_value(json);
    copse_bytes id = database_world_value("7");
    copse_bytes none = {NULL, 0};
    copse_index_deriver *deriver = make_deriver(&env, "a", false, "b", NULL);
    assert_int_equal(copse_index_derive(deriver, document, id, none, count_row, &size, &err),
                     COPSE_OK);
    assert_true(size > ELEMENTS * INCLUDED);
    env.limits.block_size_bytes_max = (size - 1) / COPSE_INDEX_ROWS_BLOCKS_MAX;
    assert_int_equal(copse_index_derive(deriver, document, id, none, count_row, &less, &err),
                     COPSE_LIMIT);
    assert_true(less < size);
    assert_non_null(strstr(err.message, "index i: the rows of the document with _id 7"));
    env.limits.block_size_bytes_max++;
    assert_int_equal(copse_index_derive(deriver, document, id, none, count_row, &less, &err),
                     COPSE_OK);
    copse_index_deriver_free(deriver);
    database_world_free(document);
    database_world_free(id);
}

static void test_default_names(void **state)
{
    (void)state;
    copse_env env;
    copse_sort_spec spec;
    copse_buf name;
    copse_env_init(&env);
    copse_buf_init(&name, &env, 14);
    assert_int_equal(
        copse_sort_spec_parse(&env, copse_bytes_of_text("-a.b,c[],-d"), true, &spec, NULL),
        COPSE_OK);
    copse_index_definition definition = {.fields = spec.fields, .fields_count = spec.count};
    assert_int_equal(copse_index_definition_write_name(&definition, &name), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&name), copse_bytes_of_text("-a.b,c,-d")));
    assert_int_equal(copse_index_definition_write_name(&definition, &name), COPSE_LIMIT);
    assert_int_equal(name.len, 9);
    copse_buf_release(&name);
    copse_sort_spec_release(&spec);
}

/* Making a deriver and deriving with it. */
static copse_status sweep_derive(const copse_env *env, void *ctx)
{
    static const copse_sort_field fields[] = {{{(const uint8_t *)"a", 1}, false, false},
                                              {{(const uint8_t *)"b", 1}, true, false}};
    static const uint8_t id = 7;
    const copse_bytes include = copse_bytes_of_text("b");
    copse_bytes *values = ctx;
    seen_rows rows = {.count = 0};
    copse_index_deriver *deriver;
    copse_index_definition definition = {.name = copse_bytes_of_text("i"),
                                         .fields = fields,
                                         .fields_count = 2,
                                         .filter = values[1],
                                         .include = &include,
                                         .include_count = 1};
    copse_status status =
        copse_index_deriver_new(env, copse_bytes_of_text("c"), &definition, &deriver, NULL);
    if (status == COPSE_OK) {
        status = copse_index_derive(deriver, values[0], (copse_bytes){&id, 1},
                                    (copse_bytes){NULL, 0}, see_row, &rows, NULL);
        copse_index_deriver_free(deriver);
    }
    return status;
}

static void test_allocations_fail(void **state)
{
    (void)state;
    copse_bytes values[] = {database_world_value("{\"a\":[1,2,3,\"x\"],\"b\":true}"),
                            database_world_value("{\"b\":true}")};
    assert_true(test_env_sweep(sweep_derive, values, 1000) > 10);
    database_world_free(values[0]);
    database_world_free(values[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),           cmocka_unit_test(test_decode),
        cmocka_unit_test(test_damaged_entries), cmocka_unit_test(test_partial),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_limit_of_all_rows),
        cmocka_unit_test(test_default_names),   cmocka_unit_test(test_allocations_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
