/* A database of posts (posts.h) in memory, indexed as in the comparisons with others: by tag and
 * time, by author and time, by time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_POSTS_WORLD_H
#define COPSE_TESTS_POSTS_WORLD_H

#include "support/database_world.h"
#include "support/posts.h"

typedef struct posts_world_options {
    uint64_t count;
    bool random_ids;
    bool linked;       /* documents in blocks of their own, and links in the index of tags */
    bool has_mentions; /* an index of mentions, of which there are none yet */
} posts_world_options;

/** Its tree is db.tree, its collection "posts". */
typedef struct posts_world {
    posts_world_options options;
    database_world db;
    copse_cid commit;
    char middle[POSTS_ID_SIZE + 1]; /* the id of the post in the middle */
} posts_world;

/** Loads the posts, and makes a commit. */
void posts_world_init(posts_world *world, const posts_world_options *options);

/** Edits each post `edits` times, by a write and a commit of all; the last edit is the text that it
 * had, so that only the history is another. */
void posts_world_edit(posts_world *world, unsigned edits);

void posts_world_release(posts_world *world);

#endif
