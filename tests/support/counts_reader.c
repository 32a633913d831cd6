/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/counts_reader.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void counts_reader_init(counts_reader *reader, database_world *full)
{
    const copse_env *env = database_world_env(full);
    *reader = (counts_reader){.full = full};
    assert_int_equal(copse_source_new(env, NULL, &reader->source, NULL), COPSE_OK);
    assert_int_equal(copse_node_cache_new(env, reader->source, &reader->cache, NULL), COPSE_OK);
}

void counts_reader_release(counts_reader *reader)
{
    copse_node_cache_free(reader->cache);
    copse_source_free(reader->source);
}

bool counts_reader_supply(counts_reader *reader, copse_status status)
{
    size_t count;
    const copse_cid *wants = copse_source_wants(reader->source, &count);
    for (size_t i = 0; status == COPSE_WANT && i < count; i++) {
        copse_block *block = NULL;
        assert_int_equal(copse_store_get(reader->full->world.store, &wants[i], &block, NULL),
                         COPSE_OK);
        assert_int_equal(copse_source_supply_block(reader->source, block, NULL), COPSE_OK);
        reader->cost.blocks++;
        reader->cost.bytes += copse_block_data(block).len;
        copse_block_unref(block);
    }
    reader->cost.round_trips += status == COPSE_WANT;
    return status == COPSE_WANT;
}

copse_database *counts_reader_open(counts_reader *reader, const copse_cid *root,
                                   copse_tree **ret_tree)
{
    copse_database *database = NULL;
    copse_status status;
    do {
        status = copse_tree_open(reader->cache, root, ret_tree, NULL);
    } while (counts_reader_supply(reader, status));
    assert_int_equal(status, COPSE_OK);
    do {
        status = copse_database_open(*ret_tree, &database, NULL);
    } while (counts_reader_supply(reader, status));
    assert_int_equal(status, COPSE_OK);
    return database;
}
