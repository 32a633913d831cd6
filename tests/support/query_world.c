/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/query_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { QUERY_WORLD_INDEXES_MAX = 5 };

/* Puts a random document under `id`, unless an index can't hold it. */
static void world_put(query_world *world, uint64_t id)
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

static void world_add_index(query_world *world, size_t number)
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

void query_world_init(query_world *world, uint64_t seed)
{
    *world = (query_world){.seed = seed, .state = seed};
    world->linked = seed % 4 == 3;
    world->shape.depth_max = (unsigned)(seed % 3);
    world->shape.has_long = seed % 5 == 1;
    database_world_init(&world->db, NULL);
    database_world_create(&world->db, "posts", "_id",
                          world->linked ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE);
    database_world_commit(&world->db);
    size_t indexes = test_random_below(&world->state, QUERY_WORLD_INDEXES_MAX + 1);
    size_t before = test_random_below(&world->state, indexes + 1);
    for (size_t i = 0; i < before; i++) {
        world_add_index(world, i);
    }
    for (uint64_t id = 0; id < QUERY_WORLD_DOCUMENTS; id++) {
        world_put(world, id);
    }
    for (size_t i = before; i < indexes; i++) {
        world_add_index(world, i);
    }
}

/* Replaces, adds and deletes. */
void query_world_change(query_world *world)
{
    for (size_t i = 0; i < QUERY_WORLD_DOCUMENTS / 4; i++) {
        uint64_t id =
            test_random_below(&world->state, QUERY_WORLD_DOCUMENTS + QUERY_WORLD_DOCUMENTS / 4);
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

void query_world_release(query_world *world)
{
    query_brute_release(&world->documents);
    database_world_release(&world->db);
}

/* ---- Queries --------------------------------------------------------------------------------- */

void query_world_query_init(query_world *world, query_world_query *query)
{
    const copse_env *env = database_world_env(&world->db);
    *query = (query_world_query){.options.collection = copse_bytes_of_text("posts")};
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

void query_world_query_release(query_world_query *query)
{
    copse_sort_spec_release(&query->sort);
    copse_buf_release(&query->filter);
    copse_buf_release(&query->projection);
}
