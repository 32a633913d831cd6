/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "block/cid_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

enum { MAP_CIDS = 600 };

static const copse_cid *map_cid_of(const void *item)
{
    return item;
}

static copse_cid map_cid(uint64_t number)
{
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){(const uint8_t *)&number, sizeof number},
                      &cid);
    return cid;
}

static copse_status map_random(void *ctx, void *ret_bytes, size_t size)
{
    copse_status status = *(copse_status *)ctx;
    if (status == COPSE_OK) {
        memset(ret_bytes, 0x5c, size);
    }
    return status;
}

/* M1, M2: random insertions and removals against an array. Hashes of two bits, too: everything
 * collides and runs wrap around the end. */
static void map_agrees_with_model(void **state)
{
    (void)state;
    for (uint32_t hash_mask = UINT32_MAX; hash_mask != 0; hash_mask = hash_mask > 3 ? 3 : 0) {
        test_env test;
        test_env_init(&test);
        copse_cid_map map;
        assert_int_equal(copse_cid_map_init(&map, &test.env, NULL), COPSE_OK);
        copse_cid *cids = calloc(MAP_CIDS, sizeof *cids);
        bool present[MAP_CIDS] = {false};
        assert_non_null(cids);
        for (uint64_t i = 0; i < MAP_CIDS; i++) {
            cids[i] = map_cid(i);
        }
        uint64_t random = 3;
        size_t count = 0;
        size_t bound = hash_mask == 3 ? 60 : MAP_CIDS;
        for (int step = 0; step < 20000; step++) {
            size_t i = (size_t)test_random_below(&random, bound);
            /* Odd hashes with the high bits set: the homes are the last slots of any capacity. */
            uint32_t hash = (copse_cid_map_hash(&map, &cids[i]) & hash_mask) | ~hash_mask | 1;
            size_t slot = copse_cid_map_find(&map, hash, &cids[i], map_cid_of);
            assert_int_equal(slot != COPSE_CID_MAP_NONE, present[i]);
            if (present[i]) {
                assert_ptr_equal(map.items[slot], &cids[i]);
                copse_cid_map_remove_at(&map, slot);
                count--;
            } else {
                assert_true(copse_cid_map_reserve(&map, 1));
                copse_cid_map_insert(&map, hash, &cids[i]);
                count++;
            }
            present[i] = !present[i];
            assert_int_equal(map.count, count);
            assert_true(map.count <= map.capacity / 4 * 3);
        }
        copse_cid_map_release(&map);
        free(cids);
        test_env_assert_empty(&test);
    }
}

static void map_reserve_fails_whole(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_cid_map map;
    copse_cid cid = map_cid(7);
    assert_int_equal(copse_cid_map_init(&map, &test.env, NULL), COPSE_OK);
    assert_true(copse_cid_map_reserve(&map, 12));
    assert_int_equal(map.capacity, 16);
    copse_cid_map_insert(&map, copse_cid_map_hash(&map, &cid), &cid);
    for (uint64_t n = 0; n < 2; n++) {
        test.fail_at = test.calls + n;
        assert_false(copse_cid_map_reserve(&map, 12));
        assert_int_equal(map.capacity, 16);
    }
    assert_false(copse_cid_map_reserve(&map, SIZE_MAX));
    assert_true(copse_cid_map_reserve(&map, 12));
    uint32_t hash = copse_cid_map_hash(&map, &cid);
    assert_true(copse_cid_map_find(&map, hash, &cid, map_cid_of) != COPSE_CID_MAP_NONE);
    copse_cid_map_release(&map);
    copse_cid_map_release(&map);
    copse_cid_map_release(NULL);
    test_env_assert_empty(&test);
}

/* The value is the upper half of SipHash-1-3 of the bytes 00…0e under the key 00…0f, from another
 * implementation that gives the authors' vector (a129ca6149be45e5) with two and four rounds. */
static void map_hash_is_seeded(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_cid_map plain;
    copse_cid_map seeded;
    copse_status status = COPSE_OK;
    assert_int_equal(copse_cid_map_init(&plain, &test.env, NULL), COPSE_OK);
    test.env.random = map_random;
    test.env.random_ctx = &status;
    assert_int_equal(copse_cid_map_init(&seeded, &test.env, NULL), COPSE_OK);
    size_t same = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        copse_cid cid = map_cid(i);
        same += copse_cid_map_hash(&plain, &cid) == copse_cid_map_hash(&seeded, &cid);
    }
    assert_true(same < 3);
    status = COPSE_IO;
    copse_cid_map kept = seeded;
    assert_int_equal(copse_cid_map_init(&seeded, &test.env, NULL), COPSE_IO);
    assert_memory_equal(&kept, &seeded, sizeof kept);
    for (size_t i = 0; i < 16; i++) {
        ((uint8_t *)plain.seed)[i] = (uint8_t)i;
    }
    copse_cid cid = {.size = 15};
    for (size_t i = 0; i < 15; i++) {
        cid.bytes[i] = (uint8_t)i;
    }
    assert_int_equal(copse_cid_map_hash(&plain, &cid), 0xd320d86du);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_agrees_with_model),
        cmocka_unit_test(map_reserve_fails_whole),
        cmocka_unit_test(map_hash_is_seeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
