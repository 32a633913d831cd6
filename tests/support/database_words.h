/* What is done to a database, in words: for tables of cases.
 *
 *     +3={"a":1}     puts the document {"_id":3,"a":1} into posts; no blanks inside
 *     -3             deletes it
 *     drop           the collection posts
 *     anew           makes posts with the primary key `key`
 *     make           makes the collection more, with a document
 *     make-linked    makes more, its documents linked
 *     drop-more
 *     union, lww     sets the policy of posts
 *     lww-30         so that deletions are kept for 30 days
 *     index, unique, unbuilt   makes the index by-b on b: plain, unique, or not built
 *     unindex        drops the index by-a
 *     other-index, third-index   makes by-a on other fields
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DATABASE_WORDS_H
#define COPSE_TESTS_DATABASE_WORDS_H

#include "support/database_world.h"

#include <copse/database_merge.h>

/** Makes db->tree the tree with this root; NULL: an empty one. */
void database_words_reopen(database_world *db, const copse_cid *root);

/** The root of what comes of the words, with one blank between them, on what stands at `base`. */
copse_cid database_words_done(database_world *db, const copse_cid *base, const char *words);

/** Begins a database with a collection posts and its index by-a on a, and does the words. */
copse_cid database_words_begin(database_world *db, const char *words);

/** Opens the databases of three roots over a cache; size 0: none. OK, WANT, or what a read fails
 * with: what is open then is in *ret_open. Close it. */
typedef struct database_words_sides {
    copse_tree *trees[3];
    copse_database *databases[3];
} database_words_sides;

copse_status database_words_open(copse_node_cache *cache, const copse_cid roots[3],
                                 database_words_sides *ret_open);
void database_words_close(database_words_sides *open);

/** Appends " collection:posts", " index:posts.by-a" or " document:posts:3", for _ids that are
 * integers, to a text. */
void database_words_note(const copse_database_conflict *conflict, char *text, size_t size);

#endif
