/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/database_damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DAMAGE_CHUNKED = 2500000 };

/* ---- the tree, keys, the catalogue, documents, indexes ---- */

static void damage_put(plant_world *plant, plant_bytes key, const char *json)
{
    database_plant_put(plant, key, database_plant_value(json));
}

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
    damage_put(plant, database_plant_catalogue_key(plant, "posts", NULL), "{\"documents\":1}");
}

static void damage_index(plant_world *plant)
{
    damage_put(plant, database_plant_catalogue_key(plant, "posts", "tags"), "{\"fields\":1}");
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
        damage_put(plant, database_plant_document_key(plant, "ghost", id), "{\"_id\":1}");
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
    damage_put(plant, database_plant_document_key(plant, "posts", "5"), "5");
}

static void damage_value_form(plant_world *plant)
{
    damage_put(plant, database_plant_document_key(plant, "posts", "5"),
               "{\"_id\":5,\"n\":5,\"x\":{\"$what\":1}}");
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
    uint8_t *text = malloc(DAMAGE_CHUNKED);
    assert_non_null(text);
    memset(text, 'x', DAMAGE_CHUNKED);
    assert_int_equal(copse_cbor_write_text(&buf, (copse_bytes){text, DAMAGE_CHUNKED}), COPSE_OK);
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
    damage_put(plant, database_plant_document_key(plant, "posts", "5"), "{\"n\":5}");
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
    damage_put(plant, database_plant_document_key(plant, "pairs", "3"),
               "{\"_id\":3,\"a\":[1,2],\"b\":[1]}");
}

/* ---- versions and conflicts ---- */

static void damage_version_of_none(plant_world *plant)
{
    damage_put(plant, database_plant_version_key(plant, "posts", "1"),
               "{\"version\":[[5,0],\"\",false]}");
}

static void damage_version_form(plant_world *plant)
{
    damage_put(plant, database_plant_version_key(plant, "notes", "1"),
               "{\"version\":[[5],\"\",false]}");
}

static void damage_version_deleted(plant_world *plant)
{
    damage_put(plant, database_plant_version_key(plant, "notes", "1"),
               "{\"version\":[[5,0],\"\",true]}");
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
    damage_put(plant, database_plant_conflict_key(plant, "posts", "1"), "{\"x\":1}");
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

static const database_damage damages[] = {
    {"a garbled node", damage_tree_node, "tree", COPSE_DATABASE_DEFECT_TREE, false},
    {"a missing node", damage_tree_missing, "tree", COPSE_DATABASE_DEFECT_TREE, false},
    {"no header", damage_header_missing, "header", COPSE_DATABASE_DEFECT_HEADER, false},
    {"another version", damage_header_version, "header", COPSE_DATABASE_DEFECT_HEADER, false},
    {"the empty key", damage_key_first, "key", COPSE_DATABASE_DEFECT_KEY, false},
    {"a key at the end", damage_key_last, "key", COPSE_DATABASE_DEFECT_KEY, false},
    {"a reserved key", damage_key_reserved, "key", COPSE_DATABASE_DEFECT_KEY, false},
    {"a key in the catalogue", damage_key_catalogue, "key", COPSE_DATABASE_DEFECT_KEY, false},
    {"no kind of row", damage_key_kind, "key posts", COPSE_DATABASE_DEFECT_KEY, false},
    {"no kind of index row", damage_key_index, "key posts", COPSE_DATABASE_DEFECT_KEY, false},
    {"no primary key", damage_key_document, "key posts", COPSE_DATABASE_DEFECT_KEY, false},
    {"a collection's row", damage_collection, "collection posts", COPSE_DATABASE_DEFECT_COLLECTION,
     false},
    {"a definition", damage_index, "index posts tags", COPSE_DATABASE_DEFECT_INDEX, false},
    {"an index of nothing", damage_no_collection_index, "no-collection ghost n",
     COPSE_DATABASE_DEFECT_NO_COLLECTION, false},
    {"data of nothing", damage_no_collection, "no-collection ghost",
     COPSE_DATABASE_DEFECT_NO_COLLECTION, false},
    {"rows of no index", damage_no_index, "no-index posts tags", COPSE_DATABASE_DEFECT_NO_INDEX,
     false},
    {"rows of one not built", damage_no_rows, "no-index posts n", COPSE_DATABASE_DEFECT_NO_INDEX,
     false},
    {"linked, to be inline", damage_form_linked, "document-form posts 5",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM, false},
    {"inline, to be linked", damage_form_inline, "document-form links \"l07\"",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM, false},
    {"another codec", damage_form_codec, "document-form links \"l07\"",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM, false},
    {"a small one in chunks", damage_form_chunks, "document-form links \"l07\"",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM, false},
    {"a missing document", damage_block_missing, "document-block posts",
     COPSE_DATABASE_DEFECT_DOCUMENT_BLOCK, false},
    {"a garbled document", damage_block_garbled, "document-block links",
     COPSE_DATABASE_DEFECT_DOCUMENT_BLOCK, false},
    {"a number", damage_value_scalar, "document-value posts", COPSE_DATABASE_DEFECT_DOCUMENT_VALUE,
     false},
    {"no form of value", damage_value_form, "document-value posts",
     COPSE_DATABASE_DEFECT_DOCUMENT_VALUE, false},
    {"too few chunks", damage_chunks_few, "document-chunks large",
     COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS, false},
    {"chunks of other sizes", damage_chunks_size, "document-chunks large 1",
     COPSE_DATABASE_DEFECT_DOCUMENT_CHUNKS, false},
    {"another's key", damage_primary_key, "primary-key posts 5", COPSE_DATABASE_DEFECT_PRIMARY_KEY,
     false},
    {"no primary key in it", damage_primary_key_missing, "primary-key posts",
     COPSE_DATABASE_DEFECT_PRIMARY_KEY, false},
    {"a lost entry", damage_entry_missing, "entry-missing posts n 5",
     COPSE_DATABASE_DEFECT_ENTRY_MISSING, false},
    {"a made-up entry", damage_entry_extra, "entry-extra links n \"l12\"",
     COPSE_DATABASE_DEFECT_ENTRY_EXTRA, false},
    {"a lost document", damage_entry_of_nobody,
     "mark-extra pairs ab 2\nentry-extra pairs ab 2\n"
     "entry-extra pairs ab 2",
     COPSE_DATABASE_DEFECT_ENTRY_EXTRA, true},
    {"an entry that is none", damage_entry_garbage, "entry-extra posts odd",
     COPSE_DATABASE_DEFECT_ENTRY_EXTRA, false},
    {"an entry of a decimal", damage_entry_decimal,
     "entry-extra posts odd {\"$numberDecimal\":\"0.1\"}", COPSE_DATABASE_DEFECT_ENTRY_EXTRA,
     false},
    {"another value", damage_entry_value, "entry-value posts n 5",
     COPSE_DATABASE_DEFECT_ENTRY_VALUE, false},
    {"a lost mark", damage_mark_missing, "mark-missing posts odd 20",
     COPSE_DATABASE_DEFECT_MARK_MISSING, false},
    {"a made-up mark", damage_mark_extra, "mark-extra posts odd 21",
     COPSE_DATABASE_DEFECT_MARK_EXTRA, false},
    {"not unique", damage_unique, NULL, COPSE_DATABASE_DEFECT_UNIQUE, false},
    {"parallel arrays", damage_parallel_arrays, "parallel-arrays pairs ab 3",
     COPSE_DATABASE_DEFECT_PARALLEL_ARRAYS, false},
    {"versions of a collection without", damage_version_of_none, "version posts",
     COPSE_DATABASE_DEFECT_VERSION, false},
    {"no version", damage_version_form, "version notes 1", COPSE_DATABASE_DEFECT_VERSION, false},
    {"a deleted one that is there", damage_version_deleted, "version notes 1",
     COPSE_DATABASE_DEFECT_VERSION, false},
    {"a version of nothing", damage_version_lost, "version notes", COPSE_DATABASE_DEFECT_VERSION,
     false},
    {"of one that waited", damage_version_waiting, "version notes", COPSE_DATABASE_DEFECT_VERSION,
     false},
    {"a linked version", damage_version_linked, "document-form notes",
     COPSE_DATABASE_DEFECT_DOCUMENT_FORM, false},
    {"a version of no key", damage_version_key, "key notes", COPSE_DATABASE_DEFECT_KEY, false},
    {"no conflict", damage_conflict_form, "conflict posts", COPSE_DATABASE_DEFECT_CONFLICT, false},
    {"another's conflict", damage_conflict_other, "conflict posts 4",
     COPSE_DATABASE_DEFECT_CONFLICT, false},
    {"a conflict of no key", damage_conflict_key, "key notes", COPSE_DATABASE_DEFECT_KEY, false},
};

const database_damage *database_damage_all(size_t *ret_count)
{
    *ret_count = sizeof damages / sizeof damages[0];
    return damages;
}

void database_damage_plant(plant_world *plant, const char *name)
{
    size_t i = 0;
    while (strcmp(damages[i].name, name) != 0) {
        i++;
    }
    damages[i].plant(plant);
}
