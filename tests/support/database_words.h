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
 *     lww-30, field-wise-30    so that deletions are kept for 30 days
 *     index, unique  makes the index by-b on b: plain, or unique
 *     unbuilt, unique-unbuilt  not built
 *     unindex        drops the index by-a
 *     other-index, other-unbuilt, third-index   makes by-a on other fields
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DATABASE_WORDS_H
#define COPSE_TESTS_DATABASE_WORDS_H

#include "support/database_world.h"

/** The root of what comes of the words, with one blank between them, on what stands at `base`. */
copse_cid database_words_done(database_world *db, const copse_cid *base, const char *words);

/** Begins a database with a collection posts and its index by-a on a, and does the words. */
copse_cid database_words_begin(database_world *db, const char *words);

#endif
