/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/commit.h>
#include <copse/memory_store.h>

#include "support/merge_actor.h"
#include "support/volatile_store.h"

enum { WORLD_LINE = 400 };

/* ---- Chance, and what is said ---------------------------------------------------------------- */

uint64_t merge_world_below(merge_world *world, uint64_t bound)
{
    return test_random_below(&world->random, bound);
}

bool merge_world_chance(merge_world *world, uint64_t percent)
{
    return merge_world_below(world, 100) < percent;
}

void merge_world_say(merge_world *world, const char *format, ...)
{
    char line[WORLD_LINE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t size = len < (int)sizeof line ? (size_t)len : sizeof line - 1;
    assert_int_equal(copse_buf_append(&world->trace, (copse_bytes){(uint8_t *)line, size}),
                     COPSE_OK);
    assert_int_equal(copse_buf_append_byte(&world->trace, '\n'), COPSE_OK);
}

void merge_world_fail(merge_world *world, const char *format, ...)
{
    char line[WORLD_LINE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)fwrite(world->trace.ptr, 1, world->trace.len, stderr);
    (void)fprintf(stderr, "seed %llu, step %llu: %s\n", (unsigned long long)world->seed,
                  (unsigned long long)world->step, line);
    fail();
    abort(); /* fail() does not return */
}

void merge_world_must(merge_world *world, copse_status status, const char *what,
                      const copse_err *err)
{
    if (status != COPSE_OK) {
        merge_world_fail(world, "%s: %s: %s", what, copse_status_name(status), err->message);
    }
}

/* ---- Views ----------------------------------------------------------------------------------- */

void merge_view_close(merge_view *view)
{
    view->database = copse_database_close(view->database);
    view->tree = copse_tree_close(view->tree);
}

void merge_world_open(merge_world *world, size_t commit, merge_view *view)
{
    copse_err err = {0};
    *view = (merge_view){.tree = NULL};
    copse_status status =
        copse_tree_open(world->archive_cache, &world->log->commits[commit].tree, &view->tree, &err);
    if (status == COPSE_OK) {
        status = copse_database_open(view->tree, &view->database, &err);
    }
    merge_world_must(world, status, "opening a database in the archive", &err);
}

const copse_collection *merge_view_collection(const merge_view *view, merge_collection collection)
{
    const copse_collection *found = copse_database_collection(
        view->database, copse_bytes_of_text(merge_collection_name(collection)));
    assert_non_null(found);
    return found;
}

/* ---- The beginning --------------------------------------------------------------------------- */

static copse_status world_keep(void *ctx, copse_block *block, copse_err *err)
{
    merge_world *world = ctx;
    return copse_store_put(world->archive, &block, 1, err);
}

static void world_add_index(merge_world *world, copse_write *write, const char *collection,
                            const char *fields, bool unique)
{
    copse_sort_spec spec;
    copse_err err = {0};
    merge_world_must(
        world,
        copse_sort_spec_parse(&world->test.env, copse_bytes_of_text(fields), true, &spec, &err),
        "an index", &err);
    const copse_index_definition definition = {
        .fields = spec.fields, .fields_count = spec.count, .unique = unique};
    merge_world_must(
        world, copse_write_create_index(write, copse_bytes_of_text(collection), &definition, &err),
        "an index", &err);
    copse_sort_spec_release(&spec);
}

/* The operations that make the collections. Documents of the union are linked. */
static void world_make_collections(merge_world *world, copse_write *write)
{
    for (merge_collection at = 0; at < MERGE_COLLECTIONS; at++) {
        const char *name = merge_collection_name(at);
        copse_err err = {0};
        merge_world_must(world,
                         copse_write_create_collection(
                             write, copse_bytes_of_text(name), copse_bytes_of_text("_id"),
                             at == MERGE_UNION ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE,
                             &err),
                         "a collection", &err);
        merge_world_must(world,
                         copse_write_set_merge(write, copse_bytes_of_text(name),
                                               merge_collection_policy(at), 0, &err),
                         "a policy", &err);
        world_add_index(world, write, name, "n", true);
        world_add_index(world, write, name, "tags[]", false);
    }
}

/* An empty tree of small nodes, as a commit that all peers have as their head. */
static void world_begin(merge_world *world)
{
    const copse_tree_config config = {32, 8 * COPSE_KEY_SIZE_BYTES_MAX, 256};
    merge_peer *first = &world->peers[0];
    merge_view empty = {.tree = NULL};
    assert_int_equal(copse_tree_new(first->cache, first->store, &config, &empty.tree, NULL),
                     COPSE_OK);
    world_make_collections(world, first->write);
    assert_int_equal(merge_peer_commit(world, first, &empty, NULL, 0), MERGE_PEER_DONE);
    assert_int_equal(merge_actor_fill(world, first), MERGE_PEER_DONE);
    for (size_t i = 1; i < world->peers_count; i++) {
        world->peers[i].head = first->head;
    }
}

/* Who the peers are: nobody, all the same, or each another. */
static void world_init_peer(merge_world *world, size_t number, uint64_t manners)
{
    static const char *const names[MERGE_PEERS_MAX] = {
        "did:key:zAnna", "did:key:zBert", "did:key:zCleo", "did:key:zDora", "did:key:zEmil"};
    merge_peer *peer = &world->peers[number];
    *peer = (merge_peer){.number = number,
                         .env = world->test.env,
                         .now_ms = UINT64_C(1767225600000) +
                                   (world->is_coarse ? 0 : merge_world_below(world, 200)),
                         .author = manners == 0   ? NULL
                                   : manners == 1 ? names[0]
                                                  : names[number],
                         .is_full = merge_world_chance(world, 40),
                         .reaches = UINT32_MAX};
    merge_peer_give_clock(peer);
    peer->store = volatile_store_new(&world->test.env, world_keep, world);
    merge_peer_start(peer);
}

void merge_world_init(merge_world *world, uint64_t seed)
{
    *world = (merge_world){.seed = seed, .random = seed};
    test_env_init(&world->test);
    copse_buf_init(&world->trace, &world->test.env, SIZE_MAX);
    world->log = calloc(1, sizeof *world->log);
    assert_non_null(world->log);
    world->archive_env = world->test.env;
    const copse_env *env = &world->archive_env;
    assert_int_equal(copse_memory_store_new(env, &world->archive, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(env, world->archive, &world->archive_source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, world->archive_source, &world->archive_cache, NULL),
                     COPSE_OK);
    world->peers_count = 3 + (size_t)merge_world_chance(world, 20) +
                         (size_t)merge_world_chance(world, 10); /* more cost more */
    world->is_coarse = merge_world_chance(world, 30);
    world->joins_only = merge_world_chance(world, 20);
    uint64_t manners = merge_world_below(world, 4);
    for (size_t i = 0; i < world->peers_count; i++) {
        world_init_peer(world, i, manners);
    }
    world_begin(world);
}

void merge_world_release(merge_world *world)
{
    for (size_t i = 0; i < world->peers_count; i++) {
        merge_peer_stop(&world->peers[i]);
        copse_store_close(world->peers[i].store);
    }
    copse_node_cache_free(world->archive_cache);
    copse_source_free(world->archive_source);
    copse_store_close(world->archive);
    copse_buf_release(&world->trace);
    free(world->log);
    test_env_assert_empty(&world->test);
}
