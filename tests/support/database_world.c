/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/database_world.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the world ---- */

static uint64_t world_clock(void *ctx)
{
    (void)ctx;
    return 1767225600000;
}

static copse_status world_random(void *ctx, void *ret_bytes, size_t size)
{
    uint8_t *bytes = ret_bytes;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)test_random(ctx);
    }
    return COPSE_OK;
}

void database_world_give_random(copse_env *env, uint64_t *state)
{
    env->clock = world_clock;
    env->random = world_random;
    env->random_ctx = state;
}

void database_world_init(database_world *db, const copse_tree_config *config)
{
    /* Small nodes, but room for the longest keys. */
    const copse_tree_config small = {32, 8 * COPSE_KEY_SIZE_BYTES_MAX, 256};
    *db = (database_world){.failed = SIZE_MAX};
    tree_world_init(&db->world);
    database_world_give_random(&db->world.test.env, &db->random);
    assert_int_equal(copse_tree_new(db->world.cache, db->world.store,
                                    config != NULL ? config : &small, &db->tree, NULL),
                     COPSE_OK);
    assert_int_equal(copse_write_new(database_world_env(db), &db->write, NULL), COPSE_OK);
}

void database_world_release(database_world *db)
{
    copse_write_free(db->write);
    copse_tree_close(db->tree);
    tree_world_release(&db->world);
}

copse_bytes database_world_value(const char *json)
{
    copse_env env;
    copse_buf buf;
    copse_err err;
    copse_env_init(&env);
    copse_buf_init(&buf, &env, SIZE_MAX);
    copse_status status =
        copse_ext_json_to_cbor(&env, copse_bytes_of_text(json), COPSE_EXT_JSON_QUERY, &buf, &err);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", json, err.message);
    }
    uint8_t *bytes = malloc(buf.len + 1);
    assert_non_null(bytes);
    memcpy(bytes, buf.ptr, buf.len);
    copse_bytes value = {bytes, buf.len};
    copse_buf_release(&buf);
    return value;
}

void database_world_free(copse_bytes value)
{
    free((void *)(uintptr_t)value.ptr);
}

/* ---- operations ---- */

static void world_added(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), err->message);
    }
}

void database_world_create(database_world *db, const char *name, const char *primary_key,
                           copse_documents_form documents)
{
    copse_err err;
    world_added(copse_write_create_collection(db->write, copse_bytes_of_text(name),
                                              copse_bytes_of_text(primary_key), documents, &err),
                &err);
}

void database_world_insert(database_world *db, const char *collection, const char *json)
{
    copse_err err;
    copse_bytes document = database_world_value(json);
    world_added(
        copse_write_insert(db->write, copse_bytes_of_text(collection), document, NULL, &err), &err);
    database_world_free(document);
}

void database_world_replace(database_world *db, const char *collection, const char *json,
                            bool upsert)
{
    copse_err err;
    copse_bytes document = database_world_value(json);
    world_added(
        copse_write_replace(db->write, copse_bytes_of_text(collection), document, upsert, &err),
        &err);
    database_world_free(document);
}

void database_world_delete(database_world *db, const char *collection, const char *id)
{
    copse_err err;
    copse_bytes value = database_world_value(id);
    world_added(copse_write_delete(db->write, copse_bytes_of_text(collection), value, &err), &err);
    database_world_free(value);
}

enum { WORLD_INCLUDE_MAX = 8 };

/* Cuts `text` at its commas; the parts borrow it. */
static size_t world_split(char *text, copse_bytes parts[WORLD_INCLUDE_MAX])
{
    size_t count = 0;
    for (char *part = strtok(text, ","); part != NULL; part = strtok(NULL, ",")) {
        assert_true(count < WORLD_INCLUDE_MAX);
        parts[count++] = copse_bytes_of_text(part);
    }
    return count;
}

void database_world_index(database_world *db, const char *collection, const char *name,
                          const char *fields, const char *options)
{
    copse_err err;
    copse_sort_spec spec;
    copse_bytes include[WORLD_INCLUDE_MAX];
    char *text = strdup(options != NULL ? options : "");
    char *list = NULL;
    copse_index_definition definition = {.name = copse_bytes_of_text(name)};
    assert_non_null(text);
    for (char *option = text; *option != '\0';) {
        size_t len = strcspn(option, " ");
        char *next = option[len] == '\0' ? option + len : option + len + 1;
        option[len] = '\0';
        definition.unique |= strcmp(option, "unique") == 0;
        definition.link |= strcmp(option, "link") == 0;
        definition.is_unbuilt |= strcmp(option, "unbuilt") == 0;
        if (strncmp(option, "filter=", 7) == 0) {
            definition.filter = database_world_value(option + 7);
        }
        list = strncmp(option, "include=", 8) == 0 ? option + 8 : list;
        option = next;
    }
    if (list != NULL) {
        definition.include = include;
        definition.include_count = world_split(list, include);
    }
    world_added(copse_sort_spec_parse(database_world_env(db), copse_bytes_of_text(fields), true,
                                      &spec, &err),
                &err);
    definition.fields = spec.fields;
    definition.fields_count = spec.count;
    world_added(
        copse_write_create_index(db->write, copse_bytes_of_text(collection), &definition, &err),
        &err);
    copse_sort_spec_release(&spec);
    database_world_free(definition.filter);
    free(text);
}

void database_world_reopen(database_world *db, const copse_cid *root)
{
    copse_tree *tree = root != NULL ? tree_world_open(&db->world, root) : NULL;
    copse_tree_config config;
    assert_int_equal(copse_tree_get_config(db->tree, &config, NULL), COPSE_OK);
    if (tree == NULL) {
        assert_int_equal(copse_tree_new(db->world.cache, db->world.store, &config, &tree, NULL),
                         COPSE_OK);
    }
    copse_tree_close(db->tree);
    db->tree = tree;
}

copse_status database_world_apply(database_world *db)
{
    copse_tree *next;
    db->failed = SIZE_MAX;
    copse_status status = copse_write_apply(db->write, db->tree, db->world.store, &db->options,
                                            &next, &db->stats, &db->failed, &db->err);
    if (status == COPSE_OK) {
        copse_tree_close(db->tree);
        db->tree = next;
    }
    copse_write_clear(db->write);
    return status;
}

void database_world_commit(database_world *db)
{
    copse_status status = database_world_apply(db);
    if (status != COPSE_OK) {
        fail_msg("%s: %s", copse_status_name(status), db->err.message);
    }
}

/* ---- reading ---- */

static copse_database *world_open(database_world *db)
{
    copse_err err;
    copse_database *database;
    world_added(copse_database_open(db->tree, &database, &err), &err);
    return database;
}

char *database_world_get(database_world *db, const char *collection, const char *id)
{
    copse_err err;
    copse_document document = {.block = NULL};
    copse_buf text;
    char *json = NULL;
    copse_bytes value = database_world_value(id);
    copse_database *database = world_open(db);
    const copse_collection *found =
        copse_database_collection(database, copse_bytes_of_text(collection));
    assert_non_null(found);
    copse_status status = copse_database_get(database, found, value, &document, &err);
    if (status != COPSE_NOT_FOUND) {
        world_added(status, &err);
        copse_buf_init(&text, database_world_env(db), SIZE_MAX);
        world_added(
            copse_ext_json_from_cbor(database_world_env(db), document.encoded, false, &text, &err),
            &err);
        json = malloc(text.len + 1);
        assert_non_null(json);
        memcpy(json, text.ptr, text.len);
        json[text.len] = '\0';
        copse_buf_release(&text);
    }
    copse_document_release(&document);
    copse_database_close(database);
    database_world_free(value);
    return json;
}

uint64_t database_world_count(database_world *db, const char *collection)
{
    copse_err err;
    uint64_t count;
    copse_database *database = world_open(db);
    const copse_collection *found =
        copse_database_collection(database, copse_bytes_of_text(collection));
    assert_non_null(found);
    world_added(copse_database_count(database, found, &count, &err), &err);
    copse_database_close(database);
    return count;
}

uint64_t database_world_index_count(database_world *db, const char *collection, const char *index)
{
    copse_err err;
    uint64_t count = 0;
    bool any = false;
    copse_database *database = world_open(db);
    const copse_collection *found =
        copse_database_collection(database, copse_bytes_of_text(collection));
    assert_non_null(found);
    for (size_t i = 0; i < found->indexes_count; i++) {
        if (copse_bytes_equal(found->indexes[i].name, copse_bytes_of_text(index))) {
            any = true;
            world_added(
                copse_database_index_count(database, found, &found->indexes[i], &count, &err),
                &err);
        }
    }
    assert_true(any);
    copse_database_close(database);
    return count;
}

size_t database_world_conflicts(database_world *db, const char *collection,
                                database_world_conflict_fn visit, void *ctx)
{
    const copse_bytes name =
        collection != NULL ? copse_bytes_of_text(collection) : (copse_bytes){NULL, 0};
    copse_database *database = NULL;
    copse_database_conflicts *conflicts = NULL;
    const copse_document_conflict *conflict = NULL;
    copse_status status;
    size_t count = 0;
    assert_int_equal(copse_database_open(db->tree, &database, NULL), COPSE_OK);
    assert_int_equal(copse_database_conflicts_new(database, name, &conflicts, NULL), COPSE_OK);
    while ((status = copse_database_conflicts_next(conflicts, &conflict, NULL)) == COPSE_OK) {
        if (visit != NULL) {
            visit(ctx, conflict);
        }
        count++;
    }
    assert_int_equal(status, COPSE_END);
    copse_database_conflicts_free(conflicts);
    copse_database_close(database);
    return count;
}
