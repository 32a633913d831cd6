/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/cursor.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/cursor_world.h"
#include "tree/tree.h"

/* What the cursor should do: indexes in the sorted array. */
typedef struct cursor_model {
    const cursor_world *world;
    size_t at; /* SIZE_MAX: nowhere */
    size_t begin;
    size_t end; /* the range holds entries [begin, end) */
    bool has_counts;
} cursor_model;

static copse_status model_go(cursor_model *model, size_t index)
{
    if (index == SIZE_MAX || index < model->begin || index >= model->end) {
        return COPSE_END;
    }
    model->at = index;
    return COPSE_OK;
}

static copse_status model_seek(cursor_model *model, copse_bytes key)
{
    size_t index = cursor_world_rank(model->world, key);
    return model_go(model, index > model->begin ? index : model->begin);
}

static copse_status model_seek_before(cursor_model *model, copse_bytes key)
{
    size_t index = cursor_world_rank(model->world, key);
    index = index < model->end ? index : model->end;
    return model_go(model, index - 1);
}

static copse_status model_next(cursor_model *model)
{
    return model_go(model, model->at == SIZE_MAX ? model->begin : model->at + 1);
}

static copse_status model_prev(cursor_model *model)
{
    return model_go(model, model->at == SIZE_MAX ? model->end - 1 : model->at - 1);
}

/* A key: one of the tree, right behind one, right before one, or any. */
static copse_bytes test_key(const cursor_world *world, uint64_t *random, uint8_t *room)
{
    size_t len = test_random_below(random, 8);
    for (size_t i = 0; i < len; i++) {
        room[i] = (uint8_t)(test_random_below(random, 5) * 64);
    }
    if (world->count > 0 && test_random_below(random, 4) != 0) {
        copse_bytes key = cursor_world_key(world, test_random_below(random, world->count));
        len = key.len;
        memcpy(room, key.ptr, len);
        uint64_t how = test_random_below(random, 3);
        if (how == 0) {
            room[len++] = 0;
        } else if (how == 1 && len > 0) {
            len--;
        }
    }
    return (copse_bytes){room, len};
}

static void test_set_range(cursor_model *model, copse_cursor *cursor, uint64_t *random)
{
    const cursor_world *world = model->world;
    uint8_t from_room[64];
    uint8_t to_room[64];
    copse_bytes from = {NULL, 0};
    copse_bytes to = test_key(world, random, to_room);
    uint64_t how = test_random_below(random, 4);
    if (how != 0) {
        from = test_key(world, random, from_room);
    }
    assert_int_equal(copse_cursor_set_range(cursor, from, how != 1 ? &to : NULL, NULL), COPSE_OK);
    model->begin = cursor_world_rank(world, from);
    model->end = how != 1 ? cursor_world_rank(world, to) : world->count;
    if (model->at < model->begin || model->at >= model->end) {
        model->at = SIZE_MAX;
    }
}

static copse_status test_fill(cursor_model *model, copse_cursor *cursor, uint64_t *random,
                              copse_status *ret_expected)
{
    copse_cursor_entry entries[16];
    size_t count = 0;
    size_t max = 1 + test_random_below(random, 16);
    copse_status status = copse_cursor_fill(cursor, entries, max, &count, NULL);
    if (status != COPSE_OK) {
        *ret_expected = model_next(model);
        return status;
    }
    assert_in_range(count, 1, max);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(model_next(model), COPSE_OK);
        copse_bytes key = cursor_world_key(model->world, model->at);
        assert_true(copse_bytes_equal(entries[i].key, key));
        assert_memory_equal(entries[i].value.ptr, model->world->entries[model->at].value, 9);
    }
    *ret_expected = COPSE_OK;
    return status;
}

/* One random move of both. */
static copse_status test_move(cursor_model *model, copse_cursor *cursor, uint64_t *random,
                              copse_status *ret_expected)
{
    uint8_t room[64];
    copse_bytes key = test_key(model->world, random, room);
    size_t index = 0;
    switch (test_random_below(random, 16)) {
    case 0:
        *ret_expected = model_seek(model, key);
        return copse_cursor_seek(cursor, key, NULL);
    case 1:
        *ret_expected = model_seek_before(model, key);
        return copse_cursor_seek_before(cursor, key, NULL);
    case 2:
        *ret_expected = model_go(model, model->begin);
        return copse_cursor_seek_first(cursor, NULL);
    case 3:
        *ret_expected = model_go(model, model->end - 1);
        return copse_cursor_seek_last(cursor, NULL);
    case 4:
        index = test_random_below(random, model->world->count + 2);
        if (!model->has_counts) {
            break;
        }
        *ret_expected = model_go(model, index);
        return copse_cursor_seek_nth(cursor, index, NULL);
    case 5:
        return test_fill(model, cursor, random, ret_expected);
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
        *ret_expected = model_prev(model);
        return copse_cursor_prev(cursor, NULL);
    default:
        break;
    }
    *ret_expected = model_next(model);
    return copse_cursor_next(cursor, NULL);
}

static void test_mixture(copse_tree_kind kind, size_t count, size_t moves, uint64_t seed)
{
    cursor_world world;
    cursor_reader reader;
    uint64_t random = seed;
    size_t ends = 0;
    cursor_world_init(&world, kind, count, seed);
    cursor_model model = {.world = &world, .at = SIZE_MAX, .end = world.count};
    model.has_counts = kind == COPSE_TREE_OURS;
    assert_int_equal(cursor_reader_init(&reader, &world.env.env, world.store), COPSE_OK);
    assert_int_equal(cursor_reader_open(&reader, &world), COPSE_OK);
    for (size_t i = 0; i < moves; i++) {
        copse_status expected = COPSE_OK;
        if (test_random_below(&random, 100) == 0) {
            test_set_range(&model, reader.cursor, &random);
        }
        if (test_random_below(&random, 200) == 0) {
            copse_cursor_release(reader.cursor);
            model.at = SIZE_MAX;
        }
        copse_status status = test_move(&model, reader.cursor, &random, &expected);
        assert_int_equal(status, expected);
        cursor_world_assert_at(&world, reader.cursor, model.at);
        ends += status == COPSE_END;
    }
    if (count > 100) {
        assert_in_range(ends, moves / 50, moves * 3 / 4); /* neither never nor always */
    }
    cursor_reader_release(&reader);
    cursor_world_release(&world);
}

/* Random moves do what they do on a sorted array. */
static void test_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        test_mixture(COPSE_TREE_OURS, seed * 120, 4000, seed);
    }
}

static void test_model_small(void **state)
{
    (void)state;
    for (size_t count = 0; count <= 12; count++) {
        test_mixture(COPSE_TREE_OURS, count, 1500, 100 + count);
        test_mixture(COPSE_TREE_DRAFT, count, 1500, 200 + count);
        test_mixture(COPSE_TREE_GO, count, 1500, 300 + count);
    }
}

static void test_model_foreign(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        test_mixture(COPSE_TREE_DRAFT, seed * 200, 4000, seed);
        test_mixture(COPSE_TREE_GO, seed * 200, 4000, seed);
    }
}

/* Every key of the tree, and what stands right beside it, as the aim of a seek. */
static void test_every_boundary(void **state)
{
    cursor_world world;
    cursor_reader reader;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 600, 7);
    assert_int_equal(cursor_reader_init(&reader, &world.env.env, world.store), COPSE_OK);
    assert_int_equal(cursor_reader_open(&reader, &world), COPSE_OK);
    cursor_model model = {.world = &world, .at = SIZE_MAX, .end = world.count};
    for (size_t i = 0; i < 3 * world.count; i++) {
        uint8_t room[64];
        copse_bytes key = cursor_world_key(&world, i / 3);
        memcpy(room, key.ptr, key.len);
        room[key.len] = 0;
        key.ptr = room;
        key.len += i % 3 == 1;
        key.len -= i % 3 == 2 && key.len > 0;
        assert_int_equal(copse_cursor_seek(reader.cursor, key, NULL), model_seek(&model, key));
        cursor_world_assert_at(&world, reader.cursor, model.at);
        assert_int_equal(copse_cursor_next(reader.cursor, NULL), model_next(&model));
        assert_int_equal(copse_cursor_seek_before(reader.cursor, key, NULL),
                         model_seek_before(&model, key));
        cursor_world_assert_at(&world, reader.cursor, model.at);
        assert_int_equal(copse_cursor_prev(reader.cursor, NULL), model_prev(&model));
        cursor_world_assert_at(&world, reader.cursor, model.at);
    }
    cursor_reader_release(&reader);
    cursor_world_release(&world);
}

/* Contracts at the edges. */
static void test_edges(void **state)
{
    cursor_world world;
    cursor_reader reader;
    copse_cursor_entry entry;
    copse_err err = {0};
    size_t count = 77;
    (void)state;
    assert_null(copse_cursor_free(NULL));
    cursor_world_init(&world, COPSE_TREE_DRAFT, 50, 3);
    assert_int_equal(cursor_reader_init(&reader, &world.env.env, world.store), COPSE_OK);
    assert_int_equal(cursor_reader_open(&reader, &world), COPSE_OK);
    assert_int_equal(copse_cursor_seek_nth(reader.cursor, 0, &err), COPSE_MISUSE);
    assert_int_equal(err.status, COPSE_MISUSE);
    assert_int_equal(copse_cursor_fill(reader.cursor, &entry, 0, &count, NULL), COPSE_MISUSE);
    assert_int_equal(count, 77);
    cursor_world_assert_at(&world, reader.cursor, SIZE_MAX);

    /* A bound that is too long leaves the range as it was. */
    static const uint8_t long_key[65537];
    copse_bytes to = {long_key, sizeof long_key};
    copse_bytes last = cursor_world_key(&world, world.count - 1);
    assert_int_equal(copse_cursor_set_range(reader.cursor, last, NULL, NULL), COPSE_OK);
    assert_int_equal(copse_cursor_set_range(reader.cursor, to, &to, NULL), COPSE_LIMIT);
    assert_int_equal(copse_cursor_next(reader.cursor, NULL), COPSE_OK);
    cursor_world_assert_at(&world, reader.cursor, world.count - 1);

    /* An END leaves the position; a range that excludes it takes it away. */
    assert_int_equal(copse_cursor_next(reader.cursor, NULL), COPSE_END);
    cursor_world_assert_at(&world, reader.cursor, world.count - 1);
    assert_int_equal(copse_cursor_set_range(reader.cursor, (copse_bytes){NULL, 0}, &last, NULL), 0);
    cursor_world_assert_at(&world, reader.cursor, SIZE_MAX);

    /* The cursor's own key may be the aim of a seek. */
    assert_int_equal(copse_cursor_next(reader.cursor, NULL), COPSE_OK);
    assert_int_equal(copse_cursor_seek(reader.cursor, copse_cursor_key(reader.cursor), NULL), 0);
    cursor_world_assert_at(&world, reader.cursor, 0);
    cursor_reader_release(&reader);
    cursor_world_release(&world);
}

/* The position outlives other readers of the cache, and the cache's letting go of its nodes. */
static void test_evicting_cache(void **state)
{
    cursor_world world;
    cursor_reader reader;
    uint64_t random = 5;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, 500, 11);
    world.env.env.limits.node_cache_bytes_max = 1;
    assert_int_equal(cursor_reader_init(&reader, &world.env.env, world.store), COPSE_OK);
    assert_int_equal(cursor_reader_open(&reader, &world), COPSE_OK);
    for (size_t i = 0; i < world.count; i++) {
        copse_bytes value;
        copse_bytes key = cursor_world_key(&world, test_random_below(&random, world.count));
        assert_int_equal(copse_cursor_next(reader.cursor, NULL), COPSE_OK);
        assert_int_equal(copse_tree_get(reader.tree, key, &value, NULL), COPSE_OK);
        cursor_world_assert_at(&world, reader.cursor, i);
    }
    cursor_reader_release(&reader);
    cursor_world_release(&world);
}

/* Reads entries in order; returns the bytes of the nodes that had to be read for it. */
static uint64_t test_scan(cursor_reader *reader, const cursor_world *world, size_t from, size_t to)
{
    copse_node_cache *cache = reader->tree->cache;
    uint64_t before = cache->read_bytes;
    assert_int_equal(copse_cursor_seek(reader->cursor, cursor_world_key(world, from), NULL),
                     COPSE_OK);
    for (size_t i = from; i < to; i++) {
        cursor_world_assert_at(world, reader->cursor, i);
        assert_true(cache->size_bytes <= world->env.env.limits.node_cache_bytes_max + 4096);
        assert_int_equal(copse_cursor_next(reader->cursor, NULL),
                         i + 1 < world->count ? COPSE_OK : COPSE_END);
    }
    return cache->read_bytes - before;
}

/* U6: a scan that is longer than the cache leaves most of what was there; one that fits in finds
 * all of it after a few times, though another had filled the cache. */
static void test_long_scans(void **state)
{
    enum { COUNT = 3000, FROM = 1000, TO = 1400, CACHE = 60000 };
    cursor_world world;
    cursor_reader reader;
    (void)state;
    cursor_world_init(&world, COPSE_TREE_OURS, COUNT, 11);
    world.env.env.limits.node_cache_bytes_max = CACHE;
    assert_int_equal(cursor_reader_init(&reader, &world.env.env, world.store), COPSE_OK);
    assert_int_equal(cursor_reader_open(&reader, &world), COPSE_OK);
    assert_true(test_scan(&reader, &world, 0, world.count) > 3 * CACHE);
    uint64_t part = test_scan(&reader, &world, FROM, TO);
    assert_in_range(part, CACHE / 4, CACHE);
    for (size_t i = 0; i < 10; i++) {
        (void)test_scan(&reader, &world, FROM, TO);
    }
    assert_int_equal(test_scan(&reader, &world, FROM, TO), 0);
    assert_true(test_scan(&reader, &world, 0, world.count) > 2 * CACHE);
    assert_in_range(test_scan(&reader, &world, FROM, TO), 0, CACHE / 4);
    cursor_reader_release(&reader);
    cursor_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),         cmocka_unit_test(test_model_small),
        cmocka_unit_test(test_model_foreign), cmocka_unit_test(test_every_boundary),
        cmocka_unit_test(test_edges),         cmocka_unit_test(test_evicting_cache),
        cmocka_unit_test(test_long_scans),
    };
    return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
