/* The documents and conflicts of a collection of a merge_world, read back.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_CONTENTS_H
#define COPSE_TESTS_MERGE_CONTENTS_H

#include <copse/database_conflicts.h>

#include "support/merge_peer.h"

/** What is open about a document. */
typedef struct merge_open {
    bool has_base;
    merge_document sides[COPSE_CONFLICT_SIDES_MAX];
    size_t sides_count;
    merge_document waiting;
} merge_open;

typedef struct merge_contents {
    merge_document documents[MERGE_KEYS_ALL];
    merge_open open[MERGE_KEYS_ALL];
} merge_contents;

/** Reads one document of an open database. `peer` fetches what is wanted; NULL: nothing may be. */
copse_status merge_contents_read_document(merge_world *world, merge_peer *peer,
                                          const merge_view *view, merge_collection collection,
                                          int id, merge_document *ret_document, copse_err *err);

/** Reads a collection, likewise. */
copse_status merge_contents_read(merge_world *world, merge_peer *peer, const merge_view *view,
                                 merge_collection collection, merge_contents *ret_contents,
                                 copse_err *err);

/** That of a commit in the archive. */
void merge_contents_of(merge_world *world, size_t commit, merge_collection collection,
                       merge_contents *ret_contents);

/** Says in the trace what the document that is watched is in a commit. */
void merge_contents_say(merge_world *world, size_t commit, const char *what);

#endif
