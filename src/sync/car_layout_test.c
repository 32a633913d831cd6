/* CARs that are laid out for reading by ranges. Letters and numbers in brackets are those of
 * car_layout.c and car_places.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car_layout.h>
#include <copse/cid_set.h>
#include <copse/dag_walk.h>
#include <copse/memory_store.h>

#include "sync/car_places.h"
#include "sync/range_car.h"

#include "support/answer_support.h"
#include "support/car_memory.h"
#include "support/car_site.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---- Places ---- */

static void test_places(void **state)
{
    (void)state;
    static const copse_car_place places[] = {
        {0, 0}, {59, 1}, {COPSE_CAR_PLACE_OFFSET_MAX, COPSE_CAR_PLACE_SPAN_MAX}, {123456789, 4097}};
    test_env env;
    copse_buf buf;
    size_t count = 99;
    test_env_init(&env);
    copse_buf_init(&buf, &env.env, SIZE_MAX);
    assert_int_equal(copse_car_places_begin(&buf), COPSE_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(copse_car_places_add(&buf, places[i]), COPSE_OK);
    }
    assert_int_equal(
        copse_car_places_add(&buf, (copse_car_place){COPSE_CAR_PLACE_OFFSET_MAX + 1, 5}), COPSE_OK);
    assert_int_equal(buf.len, copse_car_places_size(5));
    assert_true(copse_car_places_are(copse_buf_view(&buf), &count));
    assert_int_equal(count, 5);
    for (size_t i = 0; i < 4; i++) {
        copse_car_place place = copse_car_places_nth(copse_buf_view(&buf), i);
        assert_int_equal(place.offset, places[i].offset);
        assert_int_equal(place.span, places[i].span);
    }
    assert_int_equal(copse_car_places_nth(copse_buf_view(&buf), 4).offset, 0);
    /* (L1) Other bytes are none. */
    for (size_t len = 0; len < buf.len; len++) {
        bool are = len >= 8 && (len - 8) % 8 == 0;
        assert_int_equal(copse_car_places_are((copse_bytes){buf.ptr, len}, &count), are);
    }
    buf.ptr[3] ^= 1;
    assert_false(copse_car_places_are(copse_buf_view(&buf), &count));
    copse_buf_release(&buf);
    test_env_assert_empty(&env);
}

/* ---- Layouts ---- */

typedef struct layout_scan {
    copse_cid_set blocks;
    size_t hints;
    size_t hints_right;
    uint64_t front_end; /* of the last section that is whole in the front */
    size_t branches_in_front;
} layout_scan;

typedef struct layout_link_check {
    const copse_buf *car;
    copse_bytes places;
    size_t at;
    size_t right;
} layout_link_check;

/* Whether the section of this link stands where the places say. */
static copse_status layout_check_link(void *ctx, const copse_cid *cid)
{
    layout_link_check *check = ctx;
    copse_car_place place = copse_car_places_nth(check->places, check->at++);
    if (place.offset > 0) {
        const uint8_t *section = check->car->ptr + COPSE_CAR_START_SIZE_BYTES + place.offset;
        size_t varint = section[0] < 0x80 ? 1 : section[1] < 0x80 ? 2 : 3;
        assert_true(COPSE_CAR_START_SIZE_BYTES + place.offset + place.span <= check->car->len);
        assert_memory_equal(section + varint, cid->bytes, cid->size);
        check->right++;
    }
    return COPSE_OK;
}

static void layout_scan_car(const copse_buf *car, layout_scan *scan)
{
    copse_car_reader *reader = NULL;
    copse_car_item item;
    copse_block *before = NULL;
    copse_status status;
    *scan = (layout_scan){.hints = 0};
    copse_cid_set_init(&scan->blocks, car->env);
    assert_int_equal(copse_car_reader_new(car->env, NULL, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, copse_buf_view(car), NULL), COPSE_OK);
    copse_car_reader_feed_end(reader);
    while ((status = copse_car_reader_next(reader, &item, NULL)) == COPSE_OK) {
        layout_link_check check = {.car = car, .places = item.data};
        size_t count = 0;
        bool added = false;
        if (item.kind != COPSE_CAR_SECTION) {
            continue;
        }
        if (item.cid.bytes[1] == COPSE_CODEC_RAW && copse_car_places_are(item.data, &count)) {
            scan->hints++;
            assert_int_equal(copse_dag_links(car->env, before, layout_check_link, &check, NULL),
                             COPSE_OK);
            assert_int_equal(check.at, count);
            scan->hints_right += check.right;
            scan->branches_in_front += item.offset + item.size <= COPSE_RANGE_FRONT_BYTES;
        } else {
            assert_int_equal(copse_cid_set_add(&scan->blocks, &item.cid, &added), COPSE_OK);
            assert_true(added);
            copse_block_unref(before);
            assert_int_equal(copse_block_new(car->env, &item.cid, item.data, &before, NULL),
                             COPSE_OK);
        }
    }
    assert_int_equal(status, COPSE_END);
    copse_block_unref(before);
    (void)copse_car_reader_free(reader);
}

/* All blocks of the database, once; the hints are right (Y1); branches come first (Y2). */
static void test_layout(void **state)
{
    (void)state;
    for (int linked = 0; linked < 2; linked++) {
        answer_world world;
        copse_buf car;
        copse_buf again;
        layout_scan scan;
        copse_dag_walk walk;
        if (linked != 0) {
            answer_world_init_linked_posts(&world, 1200);
        } else {
            answer_world_init_posts(&world, 1200);
        }
        const copse_env *env = database_world_env(&world.db);
        copse_buf_init(&car, env, SIZE_MAX);
        copse_buf_init(&again, env, SIZE_MAX);
        car_site_layout(world.db.world.store, &world.commit, copse_tree_root(world.db.tree), &car);
        car_site_layout(world.db.world.store, &world.commit, copse_tree_root(world.db.tree),
                        &again);
        assert_true(copse_bytes_equal(copse_buf_view(&car), copse_buf_view(&again)));
        layout_scan_car(&car, &scan);
        copse_dag_walk_init(&walk, env, world.db.world.store, NULL);
        assert_int_equal(copse_dag_walk_run(&walk, copse_tree_root(world.db.tree), NULL), COPSE_OK);
        assert_int_equal(scan.blocks.count, walk.seen.count + 1); /* the commit */
        assert_true(scan.hints_right >= scan.blocks.count - 1);
        assert_true(scan.branches_in_front >= 8);
        copse_dag_walk_release(&walk);
        copse_cid_set_release(&scan.blocks);
        copse_buf_release(&again);
        copse_buf_release(&car);
        answer_world_release(&world);
    }
}

/* A chain of diamonds has a path for each way through: each block is planned once. */
static void test_diamonds(void **state)
{
    (void)state;
    test_env env;
    copse_store *store = NULL;
    copse_cid below;
    copse_buf car;
    layout_scan scan;
    test_env_init(&env);
    assert_int_equal(copse_memory_store_new(&env.env, &store, NULL), COPSE_OK);
    copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){NULL, 0}, &below);
    for (uint8_t i = 0; i < 60; i++) {
        copse_block *block = NULL;
        copse_buf buf;
        copse_buf_init(&buf, &env.env, SIZE_MAX);
        if (i > 0) {
            /* [below, below]: 82 d82a5825 00 CID, twice */
            uint8_t bytes[1 + 2 * 41] = {0x82};
            for (size_t j = 0; j < 2; j++) {
                memcpy(bytes + 1 + 41 * j, "\xd8\x2a\x58\x25\x00", 5);
                memcpy(bytes + 6 + 41 * j, below.bytes, 36);
            }
            assert_int_equal(copse_block_of_data(&env.env, COPSE_CODEC_DAG_CBOR,
                                                 (copse_bytes){bytes, sizeof bytes}, &block, NULL),
                             COPSE_OK);
        } else {
            assert_int_equal(copse_block_of_data(&env.env, COPSE_CODEC_RAW, (copse_bytes){NULL, 0},
                                                 &block, NULL),
                             COPSE_OK);
        }
        assert_int_equal(copse_store_put(store, &block, 1, NULL), COPSE_OK);
        below = *copse_block_cid(block);
        copse_block_unref(block);
        copse_buf_release(&buf);
    }
    copse_buf_init(&car, &env.env, SIZE_MAX);
    car_site_layout(store, &below, &below, &car);
    layout_scan_car(&car, &scan);
    assert_int_equal(scan.blocks.count, 60);
    copse_cid_set_release(&scan.blocks);
    copse_buf_release(&car);
    copse_store_close(store);
    test_env_assert_empty(&env);
}

static void test_missing(void **state)
{
    (void)state;
    test_env env;
    copse_store *store = NULL;
    copse_car_layout *layout = NULL;
    copse_cid none;
    copse_err err = {0};
    test_env_init(&env);
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("none"), &none);
    assert_int_equal(copse_memory_store_new(&env.env, &store, NULL), COPSE_OK);
    assert_int_equal(copse_car_layout_new(&env.env, store, &none, NULL, &layout, NULL), COPSE_OK);
    assert_int_equal(copse_car_layout_add(layout, &none, false, &err), COPSE_NOT_FOUND);
    assert_true(strlen(err.message) > 0);
    copse_car_layout_free(layout);
    copse_store_close(store);
    test_env_assert_empty(&env);
}

/* ---- No memory ---- */

typedef struct layout_sweep {
    copse_store *store;
    copse_cid root;
} layout_sweep;

static copse_status layout_drop(void *ctx, copse_bytes bytes, copse_err *err)
{
    (void)ctx;
    (void)bytes;
    (void)err;
    return COPSE_OK;
}

static copse_status layout_sweep_run(const copse_env *env, void *ctx)
{
    const layout_sweep *sweep = ctx;
    copse_car_layout *layout = NULL;
    copse_status status =
        copse_car_layout_new(env, sweep->store, &sweep->root, NULL, &layout, NULL);
    if (status == COPSE_OK) {
        status = copse_car_layout_add(layout, &sweep->root, false, NULL);
    }
    if (status == COPSE_OK) {
        status = copse_car_layout_write(layout, (copse_car_sink){layout_drop, NULL}, NULL);
    }
    if (status == COPSE_OK) {
        assert_int_equal(copse_car_layout_write(layout, (copse_car_sink){layout_drop, NULL}, NULL),
                         COPSE_MISUSE);
        assert_int_equal(copse_car_layout_add(layout, &sweep->root, false, NULL), COPSE_MISUSE);
    }
    copse_car_layout_free(layout);
    return status;
}

static void test_memory(void **state)
{
    (void)state;
    answer_world world;
    answer_world_init_posts(&world, 40);
    layout_sweep sweep = {world.db.world.store, *copse_tree_root(world.db.tree)};
    assert_true(test_env_sweep(layout_sweep_run, &sweep, 2000) > 5);
    answer_world_release(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),   cmocka_unit_test(test_layout),
        cmocka_unit_test(test_diamonds), cmocka_unit_test(test_missing),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
