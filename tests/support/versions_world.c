/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/versions_world.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint64_t versions_clock(void *ctx)
{
    versions_world *world = ctx;
    uint64_t now_ms = world->now_ms;
    world->now_ms += world->step_ms;
    return now_ms;
}

copse_bytes versions_name(void)
{
    return copse_bytes_of_text("posts");
}

void versions_set(versions_world *world, copse_merge_policy policy, uint32_t days)
{
    assert_int_equal(copse_write_set_merge(world->db.write, versions_name(), policy, days, NULL),
                     COPSE_OK);
}

void versions_commit_nothing(versions_world *world)
{
    copse_cid before = *copse_tree_root(world->db.tree);
    database_world_commit(&world->db);
    assert_true(copse_cid_equal(&before, copse_tree_root(world->db.tree)));
}

void versions_init_as(versions_world *world, copse_merge_policy policy, copse_documents_form form)
{
    *world = (versions_world){.now_ms = 1000};
    database_world_init(&world->db, NULL);
    world->db.world.test.env.clock = versions_clock;
    world->db.world.test.env.clock_ctx = world;
    world->db.options.author = copse_bytes_of_text("did:key:a");
    database_world_create(&world->db, "posts", "_id", form);
    versions_set(world, policy, 0);
    database_world_commit(&world->db);
}

void versions_init(versions_world *world, copse_merge_policy policy)
{
    versions_init_as(world, policy, COPSE_DOCUMENTS_INLINE);
}

void versions_release(versions_world *world)
{
    database_world_release(&world->db);
}

void versions_replace_fields(versions_world *world, const char *json)
{
    copse_bytes document = database_world_value(json);
    assert_int_equal(copse_write_replace_fields(world->db.write, versions_name(), document, NULL),
                     COPSE_OK);
    database_world_free(document);
}

/* ---- what is there ---- */

bool versions_get(versions_world *world, char kind, const char *id, copse_buf *ret_value)
{
    const copse_env *env = database_world_env(&world->db);
    copse_bytes name = versions_name();
    copse_bytes item = database_world_value(id);
    copse_document document = {.block = NULL};
    copse_buf key;
    copse_bytes value;
    copse_buf_init(&key, env, SIZE_MAX);
    copse_buf_truncate(ret_value, 0);
    assert_int_equal(kind == 'v'   ? copse_key_write_versions(&key, name)
                     : kind == 'c' ? copse_key_write_conflicts(&key, name)
                                   : copse_key_write_documents(&key, name),
                     COPSE_OK);
    assert_int_equal(copse_order_write_primary(&key, item, NULL), COPSE_OK);
    copse_status status = copse_tree_get(world->db.tree, copse_buf_view(&key), &value, NULL);
    if (status == COPSE_OK) {
        copse_source *source = copse_node_cache_source(copse_tree_cache(world->db.tree));
        copse_source_begin(source);
        assert_int_equal(copse_document_load_within(source, env, value, &document, NULL), COPSE_OK);
        assert_int_equal(copse_buf_append(ret_value, document.encoded), COPSE_OK);
    } else {
        assert_int_equal(status, COPSE_NOT_FOUND);
    }
    copse_document_release(&document);
    copse_buf_release(&key);
    database_world_free(item);
    return status == COPSE_OK;
}

void versions_expect(versions_world *world, char kind, const char *id, const char *expected)
{
    const copse_env *env = database_world_env(&world->db);
    copse_buf row;
    copse_buf json;
    copse_buf_init(&row, env, SIZE_MAX);
    copse_buf_init(&json, env, SIZE_MAX);
    bool found = versions_get(world, kind, id, &row);
    if (found) {
        assert_int_equal(copse_ext_json_from_cbor(env, copse_buf_view(&row), false, &json, NULL),
                         COPSE_OK);
    }
    assert_int_equal(copse_buf_append_byte(&json, 0), COPSE_OK);
    assert_string_equal((const char *)json.ptr, expected != NULL ? expected : "");
    copse_buf_release(&row);
    copse_buf_release(&json);
}
