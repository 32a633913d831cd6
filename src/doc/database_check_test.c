/* The check finds each planted damage by its name, and nothing else.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_check.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_plant.h"
#include "support/fault_store.h"

enum { FOUND_TEXT = 2000, PLANT_CHUNKED = 2500000 };

/* ---- what was found ---- */

/* A line for each finding: name, collection, index, _id. */
typedef struct found_defects {
    const copse_env *env;
    char text[FOUND_TEXT];
    size_t count;
    copse_status answer; /* what the callback returns */
    bool named[COPSE_DATABASE_DEFECT_CONFLICT + 1];
} found_defects;

static void found_append(found_defects *found, copse_bytes bytes)
{
    size_t used = strlen(found->text);
    (void)snprintf(found->text + used, sizeof found->text - used, " %.*s", (int)bytes.len,
                   (const char *)bytes.ptr);
}

static copse_status found_defect(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    (void)err;
    found_defects *found = ctx;
    copse_buf json;
    size_t used = strlen(found->text);
    copse_buf_init(&json, found->env, SIZE_MAX);
    assert_non_null(defect->message);
    assert_true(strlen(defect->message) > 0);
    (void)snprintf(found->text + used, sizeof found->text - used, "%s%s", used > 0 ? "\n" : "",
                   copse_database_defect_name(defect->kind));
    if (defect->collection.len > 0) {
        found_append(found, defect->collection);
    }
    if (defect->index.len > 0) {
        found_append(found, defect->index);
    }
    if (defect->id.len > 0) {
        assert_int_equal(copse_ext_json_from_cbor(found->env, defect->id, false, &json, NULL),
                         COPSE_OK);
        found_append(found, copse_buf_view(&json));
    }
    copse_buf_release(&json);
    found->count++;
    found->named[defect->kind] = true;
    return found->answer;
}

static copse_status found_check(const copse_env *env, copse_store *store, const copse_cid *root,
                                found_defects *found, copse_database_check_stats *ret_stats)
{
    const copse_database_check_options options = {.found = found_defect, .found_ctx = found};
    found->env = env;
    return copse_database_check(env, store, root, &options, ret_stats, NULL);
}

/* ---- damages ---- */

static void damage_tree_node(plant_world *plant)
{
    plant->target = *copse_tree_top(plant->db.tree);
}

static void damage_tree_missing(plant_world *plant)
{
    plant->target = *copse_tree_top(plant->db.tree);
    plant->is_hidden = true;
}

static void damage_header_missing(plant_world *plant)
{
    database_plant_delete(plant, (plant_bytes){.bytes = {0, 0}, .len = 2});
}

static void damage_header_version(plant_world *plant)
{
    database_plant_put(plant, (plant_bytes){.bytes = {0, 0}, .len = 2},
                       database_plant_value("{\"Format\":\"database\",\"Version\":3}"));
}

static void damage_key_first(plant_world *plant)
{
    database_plant_put_raw(plant, "", 0);
}

static void damage_key_last(plant_world *plant)
{
    database_plant_put_raw(plant, "\x01", 1);
}

static void damage_key_reserved(plant_world *plant)
{
    database_plant_put_raw(plant, "\0\1x", 3);
}

static void damage_key_catalogue(plant_world *plant)
{
    database_plant_put_raw(plant, "\0\0a\0b\0c", 7);
}

static void damage_key_kind(plant_world *plant)
{
    database_plant_put_raw(plant, "\0posts\0x\0y", 10);
}

static void damage_key_index(plant_world *plant)
{
    database_plant_put_raw(plant, "\0posts\0i\0odd\0\2", 14);
}

static void damage_key_document(plant_world *plant)
{
    database_plant_put_raw(plant, "\0posts\0d\0\xff\xff", 11);
}

static void damage_collection(plant_world *plant)
{
    database_plant_put(plant, database_plant_catalogue_key(plant, "posts", NULL),
                       database_plant_value("{\"documents\":1}"));
}

static void damage_index(plant_world *plant)
{
    database_plant_put(plant, database_plant_catalogue_key(plant, "posts", "tags"),
                       database_plant_value("{\"fields\":1}"));
}

static void damage_no_collection_index(plant_world *plant)
{
    database_plant_put(
        plant, database_plant_catalogue_key(plant, "ghost", "n"),
        database_plant_get(plant, database_plant_catalogue_key(plant, "links", "n")));
}

static void damage_no_collection(plant_world *plant)
{
    for (int i = 0; i < 3; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        database_plant_put(plant, database_plant_document_key(plant, "ghost", id),
                           database_plant_value("{\"_id\":1}"));
    }
}

static void damage_no_index(plant_world *plant)
{
    database_plant_delete(plant, database_plant_catalogue_key(plant, "posts", "tags"));
}

static void damage_no_rows(plant_world *plant)
{
    database_plant_put(plant, database_plant_catalogue_key(plant, "posts", "n"),
                       database_plant_value("{\"kind\":\"ordered\",\"fields\":[[\"n\",-1]],"
                                            "\"version\":1,\"built\":false}"));
}

static void damage_form_linked(plant_world *plant)
{
    plant_bytes key = database_plant_document_key(plant, "posts", "5");
    plant_bytes document = database_plant_get(plant, key);
    plant_bytes link = {.len = 0};
    database_plant_link(plant, COPSE_CODEC_DAG_CBOR, database_plant_view(&document), &link);
    database_plant_put(plant, key, link);
}

static void damage_form_inline(plant_world *plant)
{
    plant_bytes document = database_plant_value("{\"_id\":\"l07\",\"n\":7}");
    database_plant_put(plant, database_plant_document_key(plant, "links", "\"l07\""), document);
}

static void damage_form_codec(plant_world *plant)
{
    plant_bytes document = database_plant_value("{\"_id\":\"l07\",\"n\":7}");
    plant_bytes link = {.len = 0};
    database_plant_link(plant, COPSE_CODEC_RAW, database_plant_view(&document), &link);
    database_plant_put(plant, database_plant_document_key(plant, "links", "\"l07\""), link);
}

static void damage_form_chunks(plant_world *plant)
{
    plant_bytes document = database_plant_value("{\"_id\":\"l07\",\"n\":7}");
    plant_bytes list = {.bytes = {0x81}, .len = 1};
    database_plant_link(plant, COPSE_CODEC_RAW, database_plant_view(&document), &list);
    database_plant_put(plant, database_plant_document_key(plant, "links", "\"l07\""), list);
}

static void damage_block_missing(plant_world *plant)
{
    database_plant_target_document(plant, "posts", "100");
    plant->is_hidden = true;
}

static void damage_block_garbled(plant_world *plant)
{
    database_plant_target_document(plant, "links", "\"l30\"");
}

static void damage_value_scalar(plant_world *plant)
{
    database_plant_put(plant, database_plant_document_key(plant, "posts", "5"),
                       database_plant_value("5"));
}

static void damage_value_form(plant_world *plant)
{
    database_plant_put(plant, database_plant_document_key(plant, "posts", "5"),
                       database_plant_value("{\"_id\":5,\"n\":5,\"x\":{\"$what\":1}}"));
}

static void damage_chunks_few(plant_world *plant)
{
    plant_bytes key = database_plant_document_key(plant, "large", "1");
    plant_bytes list = database_plant_get(plant, key);
    assert_int_equal(list.bytes[0], 0x83);
    list.bytes[0] = 0x82;
    list.len -= 41;
    database_plant_put(plant, key, list);
}

static void damage_chunks_size(plant_world *plant)
{
    copse_buf buf;
    plant_bytes key = database_plant_document_key(plant, "large", "1");
    plant_bytes list = {.bytes = {0x82}, .len = 1};
    copse_buf_init(&buf, database_world_env(&plant->db), SIZE_MAX);
    assert_int_equal(copse_cbor_write_map(&buf, 2), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(&buf, copse_bytes_of_text("_id")), COPSE_OK);
    assert_int_equal(copse_cbor_write_int(&buf, 1), COPSE_OK);
    assert_int_equal(copse_cbor_write_text(&buf, copse_bytes_of_text("text")), COPSE_OK);
    uint8_t *text = malloc(PLANT_CHUNKED);
    assert_non_null(text);
    memset(text, 'x', PLANT_CHUNKED);
    assert_int_equal(copse_cbor_write_text(&buf, (copse_bytes){text, PLANT_CHUNKED}), COPSE_OK);
    free(text);
    database_plant_link(plant, COPSE_CODEC_RAW, (copse_bytes){buf.ptr, 1200000}, &list);
    database_plant_link(plant, COPSE_CODEC_RAW, (copse_bytes){buf.ptr + 1200000, buf.len - 1200000},
                        &list);
    copse_buf_release(&buf);
    database_plant_put(plant, key, list);
}

static void damage_primary_key(plant_world *plant)
{
    plant_bytes key = database_plant_document_key(plant, "posts", "5");
    database_plant_put(plant, database_plant_document_key(plant, "posts", "5000"),
                       database_plant_get(plant, key));
    database_plant_delete(plant, key);
}

static void damage_primary_key_missing(plant_world *plant)
{
    database_plant_put(plant, database_plant_document_key(plant, "posts", "5"),
                       database_plant_value("{\"n\":5}"));
}

static void damage_entry_missing(plant_world *plant)
{
    database_plant_delete(plant, database_plant_row(plant, "posts", "n", 4, true, NULL));
}

static void damage_entry_extra(plant_world *plant)
{
    plant_bytes value;
    plant_bytes key = database_plant_row(plant, "links", "n", 10, true, &value);
    plant_bytes next = database_plant_row(plant, "links", "n", 11, true, NULL);
    /* The field of the one with the primary key of the other. */
    size_t tail = strlen("x") + 4;
    memcpy(key.bytes + key.len - tail, next.bytes + next.len - tail, tail);
    database_plant_put(plant, key, value);
}

static void damage_entry_of_nobody(plant_world *plant)
{
    database_plant_delete(plant, database_plant_document_key(plant, "pairs", "2"));
}

static void damage_entry_garbage(plant_world *plant)
{
    database_plant_put_raw(plant, "\0posts\0i\0odd\0\1\xff", 15);
}

/* Of no document: a number that only decimals are, whose trailer no entry has. */
static void damage_entry_decimal(plant_world *plant)
{
    static const char key[] =
        "\0posts\0i\0odd\0\1\x18" /* null */
        "\x72\x99\xcd\x67\x33\x99\xcd\x67\x33\x99\xcd\x67\x33\x99\xcd\x67\x33\x99";
    database_plant_put_raw(plant, key, sizeof key - 1);
}

static void damage_entry_value(plant_world *plant)
{
    database_plant_put(plant, database_plant_row(plant, "posts", "n", 4, true, NULL),
                       database_plant_value("{\"text\":\"other\"}"));
}

static void damage_mark_missing(plant_world *plant)
{
    database_plant_delete(plant, database_plant_row(plant, "posts", "odd", 0, false, NULL));
}

static void damage_mark_extra(plant_world *plant)
{
    plant_bytes value;
    plant_bytes mark = database_plant_row(plant, "posts", "odd", 0, false, &value);
    plant_bytes mine = database_plant_document_key(plant, "posts", "20");
    plant_bytes other = database_plant_document_key(plant, "posts", "21");
    size_t prefix = strlen("x") + strlen("posts") + strlen("xdx");
    size_t tail = mine.len - prefix;
    assert_int_equal(mine.len, other.len);
    assert_memory_equal(mark.bytes + mark.len - tail, mine.bytes + prefix, tail);
    memcpy(mark.bytes + mark.len - tail, other.bytes + prefix, tail);
    database_plant_put(plant, mark, value);
}

/* The definition becomes that of a unique index. */
static void damage_unique(plant_world *plant)
{
    database_world db;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&db, "posts", "odd", "odd", "unique filter={\"n\":{\"$gte\":20}}");
    database_world_commit(&db);
    plant_bytes key = database_plant_catalogue_key(plant, "posts", "odd");
    copse_bytes value;
    plant_bytes made;
    assert_int_equal(copse_tree_get(db.tree, database_plant_view(&key), &value, NULL), COPSE_OK);
    memcpy(made.bytes, value.ptr, value.len);
    made.len = value.len;
    database_plant_put(plant, key, made);
    database_world_release(&db);
}

static void damage_parallel_arrays(plant_world *plant)
{
    database_plant_put(plant, database_plant_document_key(plant, "pairs", "3"),
                       database_plant_value("{\"_id\":3,\"a\":[1,2],\"b\":[1]}"));
}

/* ---- versions and conflicts ---- */

static void damage_version_of_none(plant_world *plant)
{
    database_plant_put(plant, database_plant_version_key(plant, "posts", "1"),
                       database_plant_value("{\"version\":[[5,0],\"\",false]}"));
}

static void damage_version_form(plant_world *plant)
{
    database_plant_put(plant, database_plant_version_key(plant, "notes", "1"),
                       database_plant_value("{\"version\":[[5],\"\",false]}"));
}

static void damage_version_deleted(plant_world *plant)
{
    database_plant_put(plant, database_plant_version_key(plant, "notes", "1"),
                       database_plant_value("{\"version\":[[5,0],\"\",true]}"));
}

static void damage_version_lost(plant_world *plant)
{
    database_plant_delete(plant, database_plant_document_key(plant, "notes", "1"));
}

static void damage_version_waiting(plant_world *plant)
{
    database_plant_delete(plant, database_plant_conflict_key(plant, "notes", "4"));
}

static void damage_version_linked(plant_world *plant)
{
    plant_bytes row = database_plant_value("{\"version\":[[5,0],\"\",false]}");
    plant_bytes value = {.len = 0};
    database_plant_link(plant, COPSE_CODEC_DAG_CBOR, database_plant_view(&row), &value);
    database_plant_put(plant, database_plant_version_key(plant, "notes", "1"), value);
}

static void damage_version_key(plant_world *plant)
{
    database_plant_put_raw(plant, "\0notes\0v\0\xff", 10);
}

static void damage_conflict_form(plant_world *plant)
{
    database_plant_put(plant, database_plant_conflict_key(plant, "posts", "1"),
                       database_plant_value("{\"x\":1}"));
}

static void damage_conflict_other(plant_world *plant)
{
    database_plant_put(plant, database_plant_conflict_key(plant, "posts", "5"),
                       database_plant_get(plant, database_plant_conflict_key(plant, "notes", "4")));
}

static void damage_conflict_key(plant_world *plant)
{
    database_plant_put_raw(plant, "\0notes\0c\0", 9);
}

typedef struct damage {
    const char *name;
    void (*plant)(plant_world *plant);
    const char *expected; /* NULL: only the first word is looked at, of `kind` */
    copse_database_defect_kind kind;
} damage;

static const damage damages[] = {
    {"a garbled node", damage_tree_node, "tree", COPSE_DATABASE_DEFECT_TREE},
    {"a missing node", damage_tree_missing, "tree", COPSE_DATABASE_DEFECT_TREE},
    {"no header", damage_header_missing, "header", COPSE_DATABASE_DEFECT_HEADER},
    {"another version", damage_header_version, "header", COPSE_DATABASE_DEFECT_HEADER},
    {"the empty key", damage_key_first, "key", COPSE_DATABASE_DEFECT_KEY},
    {"a key at the end", damage_key_last, "key", COPSE_DATABASE_DEFECT_KEY},
    {"a reserved key", damage_key_reserved, "key", COPSE_DATABASE_DEFECT_KEY},
    {"a key in the catalogue", damage_key_catalogue, "key", COPSE_DATABASE_DEFECT_KEY},
    {"no kind of row", damage_key_kind, "key posts", COPSE_DATABASE_DEFECT_KEY},
    {"no kind of index row", damage_key_index, "key posts", COPSE_DATABASE_DEFECT_KEY},
    {"no primary key", damage_key_document, "key posts", COPSE_DATABASE_DEFECT_KEY},
    {"a collection's row", damage_collection, "collection posts", COPSE_DATABASE_DEFECT_COLLECTION},
    {"a definition", damage_index, "index posts tags", COPSE_DATABASE_DEFECT_INDEX},
    {"an index of nothing", damage_no_collection_index, "no-collection ghost n",
     COPSE_DATABASE_DEFECT_NO_COLLECTION},
    {"data of nothing", damage_no_collection, "no-collection ghost",
     COPSE_DATABASE_DEFECT_NO_COLLECTION},
    {"rows of no index", damage_no_index, "no-index posts tags", COPSE_DATABASE_DEFECT_NO_INDEX},
    {"rows of one not built", damage_no_rows, "no-index posts n", COPSE_DATABASE_DEFECT_NO_INDEX},
    {"linked, to be inline", damage_form_linked, "document-form posts 5",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM},
    {"inline, to be linked", damage_form_inline, "document-form links \"l07\"",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM},
    {"another codec", damage_form_codec, "document-form links \"l07\"",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM},
    {"a small one in chunks", damage_form_chunks, "document-form links \"l07\"",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM},
    {"a missing document", damage_block_missing, "document-block posts",
     COPSE_DATABASE_DEFECT_DOCUMENT_BLOCK},
    {"a garbled document", damage_block_garbled, "document-block links",
     COPSE_DATABASE_DEFECT_DOCUMENT_BLOCK},
    {"a number", damage_value_scalar, "document-value posts", COPSE_DATABASE_DEFECT_DOCUMENT_VALUE},
    {"no form of value", damage_value_form, "document-value posts",
     COPSE_DATABASE_DEFECT_DOCUMENT_VALUE},
    {"too few chunks", damage_chunks_few, "document-chunks large",
     COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS},
    {"chunks of other sizes", damage_chunks_size, "document-chunks large 1",
     COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS},
    {"another's key", damage_primary_key, "primary-key posts 5", COPSE_DATABASE_DEFECT_PRIMARY_KEY},
    {"no primary key in it", damage_primary_key_missing, "primary-key posts",
     COPSE_DATABASE_DEFECT_PRIMARY_KEY},
    {"a lost entry", damage_entry_missing, "entry-missing posts n 5",
     COPSE_DATABASE_DEFECT_ENTRY_MISSING},
    {"a made-up entry", damage_entry_extra, "entry-extra links n \"l12\"",
     COPSE_DATABASE_DEFECT_ENTRY_EXTRA},
    {"a lost document", damage_entry_of_nobody,
     "mark-extra pairs ab 2\nentry-extra pairs ab 2\n"
     "entry-extra pairs ab 2",
     COPSE_DATABASE_DEFECT_ENTRY_EXTRA},
    {"an entry that is none", damage_entry_garbage, "entry-extra posts odd",
     COPSE_DATABASE_DEFECT_ENTRY_EXTRA},
    {"an entry of a decimal", damage_entry_decimal,
     "entry-extra posts odd {\"$numberDecimal\":\"0.1\"}", COPSE_DATABASE_DEFECT_ENTRY_EXTRA},
    {"another value", damage_entry_value, "entry-value posts n 5",
     COPSE_DATABASE_DEFECT_ENTRY_VALUE},
    {"a lost mark", damage_mark_missing, "mark-missing posts odd 20",
     COPSE_DATABASE_DEFECT_MARK_MISSING},
    {"a made-up mark", damage_mark_extra, "mark-extra posts odd 21",
     COPSE_DATABASE_DEFECT_MARK_EXTRA},
    {"not unique", damage_unique, NULL, COPSE_DATABASE_DEFECT_UNIQUE},
    {"parallel arrays", damage_parallel_arrays, "parallel-arrays pairs ab 3",
     COPSE_DATABASE_DEFECT_PARALLEL_ARRAYS},
    {"versions of a collection without", damage_version_of_none, "version posts",
     COPSE_DATABASE_DEFECT_VERSION},
    {"no version", damage_version_form, "version notes 1", COPSE_DATABASE_DEFECT_VERSION},
    {"a deleted one that is there", damage_version_deleted, "version notes 1",
     COPSE_DATABASE_DEFECT_VERSION},
    {"a version of nothing", damage_version_lost, "version notes", COPSE_DATABASE_DEFECT_VERSION},
    {"of one that waited", damage_version_waiting, "version notes", COPSE_DATABASE_DEFECT_VERSION},
    {"a linked version", damage_version_linked, "document-form notes",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM},
    {"a version of no key", damage_version_key, "key notes", COPSE_DATABASE_DEFECT_KEY},
    {"no conflict", damage_conflict_form, "conflict posts", COPSE_DATABASE_DEFECT_CONFLICT},
    {"another's conflict", damage_conflict_other, "conflict posts 4",
     COPSE_DATABASE_DEFECT_CONFLICT},
    {"a conflict of no key", damage_conflict_key, "key notes", COPSE_DATABASE_DEFECT_KEY},
};

enum { DAMAGES = sizeof damages / sizeof *damages };

static void test_each_damage_is_found_by_its_name(void **state)
{
    (void)state;
    bool planted[COPSE_DATABASE_DEFECT_CONFLICT + 1] = {false};
    for (size_t i = 0; i < DAMAGES; i++) {
        plant_world plant;
        found_defects found = {.count = 0};
        copse_database_check_stats stats = {.defects = 0};
        database_plant_init(&plant);
        damages[i].plant(&plant);
        copse_cid root = database_plant_apply(&plant);
        assert_int_equal(
            found_check(database_world_env(&plant.db), plant.damaged, &root, &found, &stats),
            COPSE_OK);
        assert_int_equal(stats.defects, found.count);
        if (damages[i].expected != NULL ? strcmp(found.text, damages[i].expected) != 0
                                        : found.count == 0) {
            fail_msg("%s:\n%s\ninstead of\n%s", damages[i].name, found.text, damages[i].expected);
        }
        for (size_t kind = 0; kind <= COPSE_DATABASE_DEFECT_CONFLICT; kind++) {
            assert_true(!found.named[kind] || kind == damages[i].kind ||
                        damages[i].plant == damage_entry_of_nobody);
        }
        planted[damages[i].kind] = true;
        copse_store_close(plant.damaged);
        database_plant_release(&plant);
    }
    for (size_t kind = 0; kind <= COPSE_DATABASE_DEFECT_CONFLICT; kind++) {
        assert_true(planted[kind]);
        assert_string_not_equal(copse_database_defect_name((copse_database_defect_kind)kind), "");
    }
    assert_true(DAMAGES >= 20);
}

static void test_what_is_right_is_found_right(void **state)
{
    (void)state;
    plant_world plant;
    found_defects found = {.count = 0};
    copse_database_check_stats stats = {.defects = 7};
    database_plant_init(&plant);
    assert_int_equal(found_check(database_world_env(&plant.db), plant.db.world.store,
                                 copse_tree_root(plant.db.tree), &found, &stats),
                     COPSE_OK);
    assert_string_equal(found.text, "");
    assert_int_equal(stats.defects, 0);
    assert_int_equal(stats.collections, 5);
    assert_int_equal(stats.indexes, 5);
    assert_int_equal(stats.documents, 60 + 60 + 1 + 2 + 1 + 2);
    /* posts: tags 2 a document, n, odd from 20 on; links; pairs */
    assert_true(stats.index_rows > 60 * 4 + 40);
    database_plant_release(&plant);
}

/* A key has no trailer, so that of a decimal that is no float stands for no encoding of its own. */
static void test_every_primary_key_is_found_right(void **state)
{
    (void)state;
    static const char *const ids[] = {"null",
                                      "true",
                                      "1.5",
                                      "{\"$numberDouble\":\"-0.0\"}",
                                      "{\"$numberDouble\":\"NaN\"}",
                                      "{\"$numberDecimal\":\"0.1\"}",
                                      "{\"$numberDecimal\":\"1E+6144\"}",
                                      "18446744073709551615",
                                      "\"a\\u0000\"",
                                      "{\"a\":[{\"$numberDecimal\":\"0.10\"},1.0]}",
                                      "{\"$date\":{\"$numberLong\":\"-1\"}}",
                                      "{\"$oid\":\"000000000000000000000000\"}",
                                      "{\"$timestamp\":{\"t\":1,\"i\":2}}",
                                      "{\"$binary\":{\"base64\":\"AA==\",\"subType\":\"04\"}}",
                                      "{\"$minKey\":1}",
                                      "{\"$maxKey\":1}"};
    const size_t count = sizeof ids / sizeof *ids;
    database_world db;
    found_defects found = {.count = 0};
    copse_database_check_stats stats;
    database_world_init(&db, NULL);
    database_world_create(&db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(&db, "posts", "a", "-a", "unique");
    for (size_t i = 0; i < count; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "{\"_id\":%s,\"a\":%zu}", ids[i], i);
        database_world_insert(&db, "posts", text);
    }
    database_world_commit(&db);
    assert_int_equal(found_check(database_world_env(&db), db.world.store, copse_tree_root(db.tree),
                                 &found, &stats),
                     COPSE_OK);
    assert_string_equal(found.text, "");
    assert_int_equal(stats.documents, count);
    assert_int_equal(stats.index_rows, count);
    database_world_release(&db);
}

static void test_an_empty_tree_is_a_database(void **state)
{
    (void)state;
    database_world db;
    found_defects found = {.count = 0};
    database_world_init(&db, NULL);
    assert_int_equal(found_check(database_world_env(&db), db.world.store, copse_tree_root(db.tree),
                                 &found, NULL),
                     COPSE_OK);
    assert_int_equal(found.count, 0);
    database_world_release(&db);
}

static void test_the_caller_ends_the_check(void **state)
{
    (void)state;
    plant_world plant;
    found_defects found = {.answer = COPSE_DENIED};
    copse_database_check_stats stats = {.defects = 7};
    database_plant_init(&plant);
    damage_key_last(&plant);
    damage_primary_key(&plant);
    copse_cid root = database_plant_apply(&plant);
    assert_int_equal(
        found_check(database_world_env(&plant.db), plant.damaged, &root, &found, &stats),
        COPSE_DENIED);
    assert_int_equal(found.count, 1);
    assert_int_equal(stats.defects, 7);
    copse_store_close(plant.damaged);
    database_plant_release(&plant);
}

static void test_a_root_that_is_not_there(void **state)
{
    (void)state;
    database_world db;
    copse_cid cid;
    copse_block *block = NULL;
    database_world_init(&db, NULL);
    const copse_env *env = database_world_env(&db);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("?"), &cid);
    assert_int_equal(copse_database_check(env, db.world.store, &cid, NULL, NULL, NULL),
                     COPSE_NOT_FOUND);
    assert_int_equal(
        copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("`"), &block, NULL),
        COPSE_OK);
    assert_int_equal(copse_store_put(db.world.store, &block, 1, NULL), COPSE_OK);
    cid = *copse_block_cid(block);
    copse_block_unref(block);
    assert_int_equal(copse_database_check(env, db.world.store, &cid, NULL, NULL, NULL),
                     COPSE_CORRUPT);
    database_world_release(&db);
}

/* ---- faults ---- */

typedef struct check_sweep {
    copse_store *store;
    copse_cid root;
} check_sweep;

static copse_status check_once(const copse_env *env, void *ctx)
{
    check_sweep *sweep = ctx;
    copse_database_check_stats stats = {.defects = 0};
    copse_status status = copse_database_check(env, sweep->store, &sweep->root, NULL, &stats, NULL);
    assert_int_equal(stats.defects, status == COPSE_OK ? 2 : 0);
    return status;
}

static void test_allocations_and_reads_may_fail(void **state)
{
    (void)state;
    plant_world plant;
    check_sweep sweep;
    database_plant_init(&plant);
    damage_entry_missing(&plant);
    damage_mark_extra(&plant);
    /* Without the large document: the sweep would be long. */
    database_plant_delete(&plant, database_plant_document_key(&plant, "large", "1"));
    sweep.root = database_plant_apply(&plant);
    sweep.store = plant.damaged;
    assert_true(test_env_sweep(check_once, &sweep, 100000) > 50);
    bool failed = true;
    for (uint64_t n = 0; failed; n++) {
        fault_store_fail_at(plant.damaged, n, COPSE_IO);
        copse_status status = check_once(database_world_env(&plant.db), &sweep);
        failed = fault_store_has_failed(plant.damaged);
        assert_int_equal(status, failed ? COPSE_IO : COPSE_OK);
        fault_store_heal(plant.damaged);
        assert_true(failed || n > 50);
    }
    copse_store_close(plant.damaged);
    database_plant_release(&plant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_damage_is_found_by_its_name),
        cmocka_unit_test(test_what_is_right_is_found_right),
        cmocka_unit_test(test_every_primary_key_is_found_right),
        cmocka_unit_test(test_an_empty_tree_is_a_database),
        cmocka_unit_test(test_the_caller_ends_the_check),
        cmocka_unit_test(test_a_root_that_is_not_there),
        cmocka_unit_test(test_allocations_and_reads_may_fail),
    };
    return cmocka_run_group_tests_name("database_check", tests, NULL, NULL);
}
