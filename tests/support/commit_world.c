/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/commit_world.h"

#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t commit_clock(void *ctx)
{
    return *(uint64_t *)ctx;
}

const copse_cid *commit_world_tree(void)
{
    static copse_cid tree;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("tree"), &tree);
    return &tree;
}

void commit_world_init(commit_world *world)
{
    copse_store *memory = NULL;
    test_env_init(&world->test);
    world->now = 1000;
    world->test.env.clock = commit_clock;
    world->test.env.clock_ctx = &world->now;
    assert_int_equal(copse_memory_store_new(&world->test.env, &memory, NULL), COPSE_OK);
    world->store = fault_store_new(&world->test.env, memory);
    assert_int_equal(copse_source_new(&world->test.env, world->store, &world->source, NULL),
                     COPSE_OK);
}

void commit_world_release(commit_world *world)
{
    copse_source_free(world->source);
    copse_store_close(world->store);
    test_env_assert_empty(&world->test);
}

copse_cid commit_world_put(commit_world *world, const copse_commit *commit)
{
    copse_block *block = NULL;
    copse_err err = {0};
    if (copse_commit_encode(&world->test.env, commit, &block, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(copse_store_put(world->store, &block, 1, NULL), COPSE_OK);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    return cid;
}

copse_commit commit_world_next(commit_world *world, const copse_cid *parents, size_t count)
{
    copse_commit commit;
    copse_err err = {0};
    copse_status status = copse_commit_next(&world->test.env, world->source, commit_world_tree(),
                                            parents, count, &commit, &err);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err.message);
    }
    return commit;
}

size_t commit_world_gets(commit_world *world)
{
    size_t count;
    fault_store_gets(world->store, &count);
    return count;
}

static uint32_t commit_world_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

void commit_world_init_random(commit_world *world, size_t count, uint32_t seed)
{
    commit_world_init(world);
    for (size_t n = 0; n < count; n++) {
        copse_cid parents[3];
        size_t parents_count = 0;
        for (size_t tries = n > 0 ? 1 + commit_world_random(&seed) % 3 : 0; tries > 0; tries--) {
            size_t back = 1 + commit_world_random(&seed) % (n < 8 ? n : 8);
            bool is_new = true;
            for (size_t i = 0; i < parents_count; i++) {
                is_new = is_new && !copse_cid_equal(&parents[i], &world->cids[n - back]);
            }
            if (is_new) {
                parents[parents_count++] = world->cids[n - back];
            }
        }
        world->now += commit_world_random(&seed) % 3; /* often two at the same time */
        char message[24];
        copse_commit commit = commit_world_next(world, parents, parents_count);
        (void)snprintf(message, sizeof message, "%zu", n);
        commit.message = copse_bytes_of_text(message); /* else two may be the same */
        world->cids[n] = commit_world_put(world, &commit);
    }
}

bool commit_world_reaches(commit_world *world, const copse_cid *from, const copse_cid *to)
{
    copse_block *block = NULL;
    copse_commit commit;
    if (copse_cid_equal(from, to)) {
        return true;
    }
    assert_int_equal(copse_store_get(world->store, from, &block, NULL), COPSE_OK);
    assert_int_equal(copse_commit_decode(&world->test.env, block, &commit, NULL), COPSE_OK);
    copse_block_unref(block);
    for (size_t i = 0; i < commit.parents_count; i++) {
        if (commit_world_reaches(world, &commit.parents[i], to)) {
            return true;
        }
    }
    return false;
}
