/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/database_plant.h"

#include <copse/cursor.h>
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/document.h"
#include "doc/document_conflict.h"
#include "doc/write.h"
#include "index/key_space.h"
#include "support/fault_store.h"
#include "support/sparse_cache.h"

enum { PLANT_CHUNKED = 2500000 };

static void database_plant_insert_chunked(plant_world *plant)
{
    char *json = malloc(PLANT_CHUNKED + 64);
    assert_non_null(json);
    int head = sprintf(json, "{\"_id\":1,\"text\":\"");
    memset(json + head, 'x', PLANT_CHUNKED);
    memcpy(json + head + PLANT_CHUNKED, "\"}", 3);
    database_world_insert(&plant->db, "large", json);
    free(json);
}

/* Collection notes: documents 1 and 2, 3 that was deleted, and 4 that waits. */
static void database_plant_insert_notes(plant_world *plant)
{
    database_world *db = &plant->db;
    const copse_bytes notes = copse_bytes_of_text("notes");
    copse_document_conflict conflict = {.waiting = {.index = copse_bytes_of_text("n")}};
    copse_bytes id = database_world_value("4");
    copse_buf row;
    copse_buf_init(&row, database_world_env(db), SIZE_MAX);
    database_world_create(db, "notes", "_id", COPSE_DOCUMENTS_LINKED);
    assert_int_equal(copse_write_set_merge(db->write, notes, COPSE_MERGE_FIELD_WISE, 30, NULL),
                     COPSE_OK);
    for (int i = 1; i <= 4; i++) {
        char json[32];
        (void)snprintf(json, sizeof json, "{\"_id\":%d}", i);
        database_world_insert(db, "notes", json);
    }
    database_world_commit(db);
    database_world_delete(db, "notes", "3");
    database_world_commit(db);
    conflict.waiting.document = database_world_value("{\"_id\":4}");
    assert_int_equal(copse_conflict_encode(&conflict, &row, NULL), COPSE_OK);
    assert_int_equal(copse_write_put_row(db->write, COPSE_WRITE_CONFLICT_ROW, notes, id,
                                         copse_buf_view(&row), NULL, NULL),
                     COPSE_OK);
    assert_int_equal(copse_write_delete(db->write, notes, id, NULL), COPSE_OK);
    db->options.is_merge = true;
    database_world_commit(db);
    db->options.is_merge = false;
    database_world_free(conflict.waiting.document);
    database_world_free(id);
    copse_buf_release(&row);
}

void database_plant_init(plant_world *plant)
{
    char json[2048];
    char text[1200];
    memset(plant, 0, sizeof *plant);
    database_world *db = &plant->db;
    database_world_init(db, NULL);
    database_world_create(db, "links", "_id", COPSE_DOCUMENTS_LINKED);
    database_world_create(db, "pairs", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(db, "links", "n", "n", "link");
    database_world_index(db, "pairs", "ab", "a,b", NULL);
    database_world_index(db, "posts", "tags", "tags[],-n", NULL);
    database_world_index(db, "posts", "n", "n", "include=text unique");
    database_world_index(db, "posts", "odd", "odd", "filter={\"n\":{\"$gte\":20}}");
    for (int i = 1; i <= 60; i++) {
        (void)snprintf(
            json, sizeof json,
            "{\"_id\":%d,\"n\":%d,\"tags\":[\"t%d\",\"t%d\"],\"odd\":%s,\"text\":\"p%d\"}", i, i,
            i % 7, i % 5 + 7, i % 20 == 0 ? "[1,2]" : "1", i);
        database_world_insert(db, "posts", json);
        (void)snprintf(json, sizeof json, "{\"_id\":\"l%02d\",\"n\":%d}", i, i);
        database_world_insert(db, "links", json);
    }
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = 0;
    (void)snprintf(json, sizeof json, "{\"_id\":100,\"n\":100,\"text\":\"%s\"}", text);
    database_world_insert(db, "posts", json);
    database_plant_insert_notes(plant);
    database_world_insert(db, "pairs", "{\"_id\":1,\"a\":1,\"b\":[1,2]}");
    database_world_insert(db, "pairs", "{\"_id\":2,\"a\":[1,2],\"b\":1}");
    database_plant_insert_chunked(plant);
    database_world_commit(db);
    assert_int_equal(copse_batch_new(database_world_env(db), &plant->batch, NULL), COPSE_OK);
}

void database_plant_release(plant_world *plant)
{
    copse_batch_free(plant->batch);
    database_world_release(&plant->db);
}

/* ---- keys ---- */

copse_bytes database_plant_view(const plant_bytes *bytes)
{
    return (copse_bytes){bytes->bytes, bytes->len};
}

static void database_plant_take(plant_bytes *ret_bytes, copse_buf *buf)
{
    assert_true(buf->len <= sizeof ret_bytes->bytes);
    memcpy(ret_bytes->bytes, buf->ptr, buf->len);
    ret_bytes->len = buf->len;
    copse_buf_release(buf);
}

plant_bytes database_plant_value(const char *json)
{
    plant_bytes made;
    copse_bytes value = database_world_value(json);
    assert_true(value.len <= sizeof made.bytes);
    memcpy(made.bytes, value.ptr, value.len);
    made.len = value.len;
    database_world_free(value);
    return made;
}

static plant_bytes database_plant_key(plant_world *plant,
                                      copse_status (*prefix)(copse_buf *buf, copse_bytes name),
                                      const char *collection, const char *id)
{
    copse_buf buf;
    plant_bytes made;
    plant_bytes item = database_plant_value(id);
    copse_buf_init(&buf, database_world_env(&plant->db), SIZE_MAX);
    assert_int_equal(prefix(&buf, copse_bytes_of_text(collection)), COPSE_OK);
    assert_int_equal(copse_order_write_primary(&buf, database_plant_view(&item), NULL), COPSE_OK);
    database_plant_take(&made, &buf);
    return made;
}

plant_bytes database_plant_document_key(plant_world *plant, const char *collection, const char *id)
{
    return database_plant_key(plant, copse_key_write_documents, collection, id);
}

plant_bytes database_plant_version_key(plant_world *plant, const char *collection, const char *id)
{
    return database_plant_key(plant, copse_key_write_versions, collection, id);
}

plant_bytes database_plant_conflict_key(plant_world *plant, const char *collection, const char *id)
{
    return database_plant_key(plant, copse_key_write_conflicts, collection, id);
}

plant_bytes database_plant_catalogue_key(plant_world *plant, const char *collection,
                                         const char *index)
{
    copse_buf buf;
    plant_bytes made;
    copse_bytes name = copse_bytes_of_text(collection);
    copse_buf_init(&buf, database_world_env(&plant->db), SIZE_MAX);
    assert_int_equal(index != NULL ? copse_key_write_index(&buf, name, copse_bytes_of_text(index))
                                   : copse_key_write_collection(&buf, name),
                     COPSE_OK);
    database_plant_take(&made, &buf);
    return made;
}

/* Row number `number` of an index (marks come first), and its value. */
plant_bytes database_plant_row(plant_world *plant, const char *collection, const char *index,
                               uint64_t number, bool entries, plant_bytes *ret_value)
{
    copse_buf buf;
    plant_bytes made;
    copse_cursor *cursor = NULL;
    copse_bytes names[] = {copse_bytes_of_text(collection), copse_bytes_of_text(index)};
    copse_buf_init(&buf, database_world_env(&plant->db), SIZE_MAX);
    assert_int_equal(entries ? copse_key_write_entries(&buf, names[0], names[1])
                             : copse_key_write_index_rows(&buf, names[0], names[1]),
                     COPSE_OK);
    assert_int_equal(copse_cursor_new(plant->db.tree, &cursor, NULL), COPSE_OK);
    assert_int_equal(copse_cursor_seek(cursor, copse_buf_view(&buf), NULL), COPSE_OK);
    for (uint64_t i = 0; i < number; i++) {
        assert_int_equal(copse_cursor_next(cursor, NULL), COPSE_OK);
    }
    assert_true(copse_bytes_has_prefix(copse_cursor_key(cursor), copse_buf_view(&buf)));
    copse_bytes value = copse_cursor_value(cursor);
    if (ret_value != NULL) {
        memcpy(ret_value->bytes, value.ptr, value.len);
        ret_value->len = value.len;
    }
    copse_buf_truncate(&buf, 0);
    assert_int_equal(copse_buf_append(&buf, copse_cursor_key(cursor)), COPSE_OK);
    database_plant_take(&made, &buf);
    copse_cursor_free(cursor);
    return made;
}

void database_plant_put(plant_world *plant, plant_bytes key, plant_bytes value)
{
    assert_int_equal(
        copse_batch_put(plant->batch, database_plant_view(&key), database_plant_view(&value), NULL),
        COPSE_OK);
}

void database_plant_put_raw(plant_world *plant, const char *key, size_t size)
{
    plant_bytes made = {.len = size};
    memcpy(made.bytes, key, size);
    database_plant_put(plant, made, database_plant_value("null"));
}

void database_plant_delete(plant_world *plant, plant_bytes key)
{
    assert_int_equal(copse_batch_delete(plant->batch, database_plant_view(&key), NULL), COPSE_OK);
}

/* The value of a document's row. */
plant_bytes database_plant_get(plant_world *plant, plant_bytes key)
{
    copse_bytes value;
    plant_bytes made;
    assert_int_equal(copse_tree_get(plant->db.tree, database_plant_view(&key), &value, NULL),
                     COPSE_OK);
    memcpy(made.bytes, value.ptr, value.len);
    made.len = value.len;
    return made;
}

/* Stores `data` and appends the link to it. */
void database_plant_link(plant_world *plant, uint64_t codec, copse_bytes data, plant_bytes *value)
{
    copse_block *block = NULL;
    copse_buf buf;
    copse_buf_init(&buf, database_world_env(&plant->db), SIZE_MAX);
    assert_int_equal(copse_block_of_data(database_world_env(&plant->db), codec, data, &block, NULL),
                     COPSE_OK);
    assert_int_equal(copse_store_put(plant->db.world.store, &block, 1, NULL), COPSE_OK);
    const copse_cid *cid = copse_block_cid(block);
    assert_int_equal(copse_cbor_write_link(&buf, (copse_bytes){cid->bytes, cid->size}), COPSE_OK);
    memcpy(value->bytes + value->len, buf.ptr, buf.len);
    value->len += buf.len;
    copse_buf_release(&buf);
    copse_block_unref(block);
}

void database_plant_target_document(plant_world *plant, const char *collection, const char *id)
{
    plant_bytes value =
        database_plant_get(plant, database_plant_document_key(plant, collection, id));
    copse_bytes link = copse_document_row_link(database_plant_view(&value));
    assert_int_equal(copse_cid_from_bytes(link, &plant->target, NULL), COPSE_OK);
}

/* ---- the damaged database ---- */

/* Applies the damage and gives the root and the store of what is damaged. */
copse_cid database_plant_apply(plant_world *plant)
{
    copse_store *memory = NULL;
    copse_tree *tree = NULL;
    const copse_env *env = database_world_env(&plant->db);
    assert_int_equal(
        copse_tree_apply(plant->db.tree, plant->batch, plant->db.world.store, &tree, NULL, NULL),
        COPSE_OK);
    copse_cid root = *copse_tree_root(tree);
    copse_tree_close(tree);
    assert_int_equal(copse_memory_store_new(env, &memory, NULL), COPSE_OK);
    assert_int_equal(sparse_cache_copy(plant->db.world.store, memory, NULL, 0), COPSE_OK);
    plant->damaged = fault_store_new(env, memory);
    if (plant->target.size > 0 && plant->is_hidden) {
        fault_store_hide(plant->damaged, &plant->target);
    } else if (plant->target.size > 0) {
        fault_store_garble(plant->damaged, &plant->target);
    }
    return root;
}
