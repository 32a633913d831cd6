/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/database_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DATABASE_WORDS_SIZE = 3000 };

static void database_words_set_merge(database_world *db, copse_merge_policy policy, uint32_t days)
{
    assert_int_equal(
        copse_write_set_merge(db->write, copse_bytes_of_text("posts"), policy, days, NULL),
        COPSE_OK);
}

static void database_words_drop(database_world *db, const char *collection)
{
    assert_int_equal(copse_write_drop_collection(db->write, copse_bytes_of_text(collection), NULL),
                     COPSE_OK);
}

static void database_words_put(database_world *db, const char *word)
{
    char json[DATABASE_WORDS_SIZE];
    const char *document = strchr(word, '=') + 1;
    (void)snprintf(json, sizeof json, "{\"_id\":%.*s%s%s", (int)(document - 1 - word), word,
                   document[1] == '}' ? "" : ",", document + 1);
    database_world_replace(db, "posts", json, true);
}

/* False: it is none of those that make or drop an index. */
static bool database_words_do_index(database_world *db, const char *word)
{
    static const char *const made[][4] = {
        {"index", "by-b", "b", NULL},          {"unique", "by-b", "b", "unique"},
        {"unbuilt", "by-b", "b", "unbuilt"},   {"unique-unbuilt", "by-b", "b", "unique unbuilt"},
        {"other-index", "by-a", "a,b", NULL},  {"other-unbuilt", "by-a", "a,b", "unbuilt"},
        {"third-index", "by-a", "a,-b", NULL},
    };
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++) {
        if (strcmp(word, made[i][0]) == 0) {
            database_world_index(db, "posts", made[i][1], made[i][2], made[i][3]);
            return true;
        }
    }
    if (strcmp(word, "unindex") != 0) {
        return false;
    }
    assert_int_equal(copse_write_drop_index(db->write, copse_bytes_of_text("posts"),
                                            copse_bytes_of_text("by-a"), NULL),
                     COPSE_OK);
    return true;
}

static void database_words_do(database_world *db, const char *word)
{
    if (word[0] == '+') {
        database_words_put(db, word + 1);
    } else if (word[0] == '-') {
        database_world_delete(db, "posts", word + 1);
    } else if (strcmp(word, "drop") == 0) {
        database_words_drop(db, "posts");
    } else if (strcmp(word, "anew") == 0) {
        database_world_create(db, "posts", "key", COPSE_DOCUMENTS_INLINE);
        database_world_insert(db, "posts", "{\"_id\":1,\"key\":1}");
    } else if (strcmp(word, "make") == 0) {
        database_world_create(db, "more", "_id", COPSE_DOCUMENTS_INLINE);
        database_world_insert(db, "more", "{\"_id\":1,\"a\":1}");
    } else if (strcmp(word, "make-linked") == 0) {
        database_world_create(db, "more", "_id", COPSE_DOCUMENTS_LINKED);
    } else if (strcmp(word, "drop-more") == 0) {
        database_words_drop(db, "more");
    } else if (strcmp(word, "union") == 0) {
        database_words_set_merge(db, COPSE_MERGE_UNION, 0);
    } else if (strcmp(word, "lww") == 0) {
        database_words_set_merge(db, COPSE_MERGE_LWW, 0);
    } else if (strcmp(word, "lww-30") == 0) {
        database_words_set_merge(db, COPSE_MERGE_LWW, 30);
    } else if (strcmp(word, "field-wise-30") == 0) {
        database_words_set_merge(db, COPSE_MERGE_FIELD_WISE, 30);
    } else if (!database_words_do_index(db, word)) {
        fail_msg("no word %s", word);
    }
}

copse_cid database_words_done(database_world *db, const copse_cid *base, const char *all)
{
    char words[DATABASE_WORDS_SIZE];
    (void)snprintf(words, sizeof words, "%s", all);
    database_world_reopen(db, base);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        database_words_do(db, word);
    }
    database_world_commit(db);
    return *copse_tree_root(db->tree);
}

copse_cid database_words_begin(database_world *db, const char *all)
{
    database_world_init(db, NULL);
    database_world_create(db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    database_world_index(db, "posts", "by-a", "a", NULL);
    database_world_commit(db);
    copse_cid root = *copse_tree_root(db->tree);
    return database_words_done(db, &root, all);
}
