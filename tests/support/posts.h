/* Posts as in the workloads that Copse is compared with others by: the same documents, made here.
 *
 * {_id, author, createdAt, text, tags}: ids of 24 hex digits that ascend with the time, or random
 * ones; 200 tags, of which the n-th is met in proportion to 1/n ("cats" is the fifth); an author
 * for 50 posts; times spread evenly over 36 months; about 200 bytes of text. An edit changes the
 * text alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_POSTS_H
#define COPSE_TESTS_POSTS_H

#include <copse/buf.h>

enum { POSTS_ID_SIZE = 24 };

/** One month of the 36, [from, to), in milliseconds since 1970. */
#define POSTS_MONTH_FROM INT64_C(1653523200000)
#define POSTS_MONTH_TO INT64_C(1656115200000)

typedef struct posts posts;

/** `count` posts, one after the other. Fails the test if there is no memory. */
posts *posts_new(uint64_t count, bool random_ids);
void posts_free(posts *self);

/** Begins anew. */
void posts_rewind(posts *self);

/** Appends the next post, edited so often; false: there was the last one. */
bool posts_next(posts *self, unsigned edits, copse_buf *buf);

/** The id of the last one that posts_next gave. */
const char *posts_id(const posts *self);

#endif
