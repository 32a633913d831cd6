/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/proof_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

/* A key of the tree, or one that is likely not in it, in `room`. */
static copse_bytes support_key(uint64_t *random, const tree_fixture *fixture, uint8_t room[16])
{
    if (fixture->count == 0 || test_random_below(random, 3) == 0) {
        return tree_fixture_random_key(random, 0, room);
    }
    copse_bytes key = tree_fixture_key(fixture, test_random_below(random, fixture->count));
    memcpy(room, key.ptr, key.len);
    return (copse_bytes){room, key.len};
}

static void support_random_range(uint64_t *random, const tree_fixture *fixture,
                                 proof_support_query *ret)
{
    copse_proof_query *query = &ret->query;
    query->kind = COPSE_PROOF_RANGE;
    query->limit = test_random_below(random, 2) == 0 ? UINT64_MAX : test_random_below(random, 40);
    query->reverse = test_random_below(random, 2) == 0;
    if (test_random_below(random, 6) != 0) {
        query->from = support_key(random, fixture, ret->bytes[0]);
    }
    if (test_random_below(random, 6) == 0) {
        return;
    }
    ret->to = support_key(random, fixture, ret->bytes[1]);
    if (fixture->count > 0 && test_random_below(random, 2) == 0) {
        /* a few entries */
        size_t at = tree_fixture_lower(fixture, query->from) + test_random_below(random, 30);
        copse_bytes key = tree_fixture_key(fixture, at < fixture->count ? at : fixture->count - 1);
        memcpy(ret->bytes[1], key.ptr, key.len);
        ret->to.len = key.len;
    }
    query->to = &ret->to;
}

void proof_support_random_query(uint64_t *random, const tree_fixture *fixture,
                                proof_support_query *ret_query)
{
    memset(ret_query, 0, sizeof *ret_query);
    if (test_random_below(random, 2) == 0) {
        support_random_range(random, fixture, ret_query);
        return;
    }
    copse_proof_query *query = &ret_query->query;
    query->kind = COPSE_PROOF_KEYS;
    query->keys = ret_query->keys;
    query->keys_count = test_random_below(random, 13);
    for (size_t i = 0; i < query->keys_count; i++) {
        ret_query->keys[i] = support_key(random, fixture, ret_query->bytes[i]);
    }
}

static copse_status support_write(void *ctx, copse_bytes bytes, copse_err *err)
{
    (void)err;
    return copse_buf_append(ctx, bytes);
}

copse_car_sink proof_support_sink(copse_buf *buf)
{
    return (copse_car_sink){.write = support_write, .ctx = buf};
}

copse_proof_stats proof_support_write(const tree_fixture *fixture, const copse_proof_query *query,
                                      copse_buf *buf)
{
    copse_proof_stats stats;
    copse_err err = {0};
    copse_buf_init(buf, fixture->env, SIZE_MAX);
    copse_status status =
        copse_proof_write(fixture->tree, query, proof_support_sink(buf), &stats, &err);
    if (status != COPSE_OK) {
        fail_msg("no proof: %s, %s", copse_status_name(status), err.message);
    }
    assert_int_equal(stats.size_bytes, buf->len);
    return stats;
}

/* ---- the answer ---- */

/* The entries of a range, [*ret_begin, *ret_end), before the limit. */
static void support_range(const tree_fixture *fixture, const copse_proof_query *query,
                          size_t *ret_begin, size_t *ret_end)
{
    *ret_begin = tree_fixture_lower(fixture, query->from);
    *ret_end = query->to != NULL ? tree_fixture_lower(fixture, *query->to) : fixture->count;
    if (*ret_end < *ret_begin) {
        *ret_end = *ret_begin;
    }
}

uint64_t proof_support_rows(const tree_fixture *fixture, const copse_proof_query *query)
{
    size_t begin;
    size_t end;
    if (query->kind == COPSE_PROOF_KEYS) {
        return query->keys_count;
    }
    support_range(fixture, query, &begin, &end);
    return end - begin < query->limit ? end - begin : query->limit;
}

typedef struct support_check {
    const tree_fixture *fixture;
    const copse_proof_query *query;
    uint64_t rows;
    copse_bytes last; /* KEYS: the row before; points into the query */
} support_check;

static void support_check_key(support_check *check, const copse_proof_row *row)
{
    assert_true(row->index < check->query->keys_count);
    assert_true(copse_bytes_equal(check->query->keys[row->index], row->key));
    assert_true(check->rows == 0 || copse_bytes_compare(check->last, row->key) <= 0);
    check->last = check->query->keys[row->index];
    size_t at = tree_fixture_lower(check->fixture, row->key);
    bool present = at < check->fixture->count &&
                   copse_bytes_equal(tree_fixture_key(check->fixture, at), row->key);
    assert_int_equal(row->present, present);
    if (present) {
        assert_true(copse_bytes_equal(tree_fixture_value(check->fixture, at), row->value));
    } else {
        assert_int_equal(row->value.len, 0);
    }
}

static copse_status support_row(void *ctx, const copse_proof_row *row, copse_err *err)
{
    (void)err;
    support_check *check = ctx;
    if (check->query->kind == COPSE_PROOF_KEYS) {
        support_check_key(check, row);
    } else {
        size_t begin;
        size_t end;
        support_range(check->fixture, check->query, &begin, &end);
        assert_int_equal(row->index, check->rows);
        assert_true(check->rows < end - begin && check->rows < check->query->limit);
        size_t at = check->query->reverse ? end - 1 - check->rows : begin + check->rows;
        assert_true(row->present);
        assert_true(copse_bytes_equal(tree_fixture_key(check->fixture, at), row->key));
        assert_true(copse_bytes_equal(tree_fixture_value(check->fixture, at), row->value));
    }
    check->rows++;
    return COPSE_OK;
}

copse_status proof_support_verify(const tree_fixture *fixture, const copse_proof_query *query,
                                  copse_bytes proof, copse_err *err)
{
    support_check check = {.fixture = fixture, .query = query};
    copse_status status =
        copse_proof_verify(fixture->env, &fixture->root, query, proof, support_row, &check, err);
    if (status == COPSE_OK) {
        assert_int_equal(check.rows, proof_support_rows(fixture, query));
    }
    return status;
}

size_t proof_support_sections(const copse_env *env, copse_bytes proof,
                              proof_support_section *ret_sections, size_t max)
{
    copse_car_reader *reader;
    copse_car_item item;
    size_t count = 0;
    assert_int_equal(copse_car_reader_new(env, NULL, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, proof, NULL), COPSE_OK);
    copse_car_reader_feed_end(reader);
    while (copse_car_reader_next(reader, &item, NULL) == COPSE_OK) {
        if (item.kind == COPSE_CAR_SECTION) {
            assert_true(count < max);
            ret_sections[count++] =
                (proof_support_section){(size_t)item.offset, (size_t)item.size, item.cid};
        }
    }
    copse_car_reader_free(reader);
    return count;
}
