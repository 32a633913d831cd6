/* Random histories of documents, and by definition which commits they come from.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BLAME_WORLD_H
#define COPSE_TESTS_BLAME_WORLD_H

#include "support/database_world.h"

enum { BLAME_COMMITS = 24, BLAME_DOCUMENTS = 3, BLAME_LEAVES = 6, BLAME_PAD = 1100 };

typedef struct blame_world_leaf {
    char path[8];
    int value;
} blame_world_leaf;

typedef struct blame_world_document {
    bool is_there;
    int a;    /* -1: missing */
    int x, y; /* of the object o */
    int o;    /* 0: missing, 1: the object, 2: a number */
    int long_number;
} blame_world_document;

typedef struct blame_world_commit {
    copse_cid cid;
    size_t parents[3];
    size_t parents_count;
    uint64_t generation;
    blame_world_document documents[BLAME_DOCUMENTS];
} blame_world_commit;

typedef struct blame_world {
    database_world db;
    blame_world_commit commits[BLAME_COMMITS];
} blame_world;

/** Makes a history of BLAME_COMMITS of the documents 0, 1 and 2 in posts; what was made earlier has
 * the lower number. */
void blame_world_init(blame_world *world, uint64_t seed);

/** The fields of a document that is there, in the order of DAG-CBOR: shorter keys first. */
size_t blame_world_leaves(const blame_world_document *document, size_t id,
                          blame_world_leaf ret_leaves[BLAME_LEAVES]);

/** The commit that gave a leaf, which document `id` has in commit number `at`, its value. */
size_t blame_world_blame(const blame_world *world, size_t at, size_t id,
                         const blame_world_leaf *leaf);

/** The last of the deletions that a commit without the document comes from; SIZE_MAX: none. */
size_t blame_world_deletion(const blame_world *world, size_t at, size_t id);

#endif
