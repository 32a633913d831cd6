/* A database for tests whose clock is set by hand, with one collection, posts, that has a merge
 * policy: what its rows of versions say.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_VERSIONS_WORLD_H
#define COPSE_TESTS_VERSIONS_WORLD_H

#include "doc/write.h"
#include "support/database_world.h"

/** Applies are by db.options, whose author is "did:key:a" at first. */
typedef struct versions_world {
    database_world db;
    uint64_t now_ms;
    uint64_t step_ms; /* that each look at the clock takes */
} versions_world;

/** "posts". */
copse_bytes versions_name(void);

/** The collection with this policy, at 1,000 ms. The world stays where it is. */
void versions_init(versions_world *world, copse_merge_policy policy);
void versions_init_as(versions_world *world, copse_merge_policy policy, copse_documents_form form);

/** Fails the test if an allocation is left. */
void versions_release(versions_world *world);

/** A copse_clock_fn; `ctx` is the world. */
uint64_t versions_clock(void *ctx);

/* Each adds one operation. */

void versions_set(versions_world *world, copse_merge_policy policy, uint32_t days);
void versions_replace_fields(versions_world *world, const char *json);

/** Applies, and fails the test unless the tree stays as it is. */
void versions_commit_nothing(versions_world *world);

/** Copies the row of the document `id` to `ret_value`, wherever its bytes are; false: there is
 * none. `kind`: 'c' conflict, 'd' document, 'v' version. */
bool versions_get(versions_world *world, char kind, const char *id, copse_buf *ret_value);

/** Fails the test unless that is this JSON; NULL: there is no such row. */
void versions_expect(versions_world *world, char kind, const char *id, const char *expected);

#endif
