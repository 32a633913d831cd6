/* The three databases of a merge, and what is in conflict in them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DATABASE_SIDES_H
#define COPSE_TESTS_DATABASE_SIDES_H

#include <copse/database_merge.h>

/** What is not there is NULL. */
typedef struct database_sides {
    copse_tree *trees[3];
    copse_database *databases[3];
} database_sides;

/** Opens the databases of three roots over a cache; size 0: none. OK, WANT, or what a read fails
 * with: what is open then is in *ret_open. Close it. */
copse_status database_sides_open(copse_node_cache *cache, const copse_cid roots[3],
                                 database_sides *ret_open);
void database_sides_close(database_sides *open);

/** Appends " collection:posts", " index:posts.by-a" or " document:posts:3", for _ids that are
 * integers, to a text. */
void database_sides_note(const copse_database_conflict *conflict, char *text, size_t size);

#endif
