/* The entries of a plan's ranges, in the plan's order: one range after the other, or several
 * streams merged.
 *
 *   S1  Streams are merged by the bytes behind what each has in common (access.h, A3): the sort
 *       fields and the primary key, whose directions are the same in all of them.
 *   S2  A merge begins when each stream stands on its first entry; what they lack for that is
 *       wanted together.
 *   S3  On WANT every stream stays where it is; the entry given last stays lent.
 *   S4  A suspended scanner holds nothing of a tree: the keys that its streams stand on. On a
 *       tree of the same root it seeks them before it goes on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_SCANNER_H
#define COPSE_QUERY_SCANNER_H

#include "query/planner.h"

#include <copse/cursor.h>

/** Ranges of one scan that are read one after the other. */
typedef struct copse_scanner_stream {
    const copse_access *access;
    size_t first; /* of the access's ranges */
    size_t count;
    size_t at;   /* ranges done */
    size_t head; /* bytes that its keys have in common */
    copse_cursor *cursor;
    copse_buf place; /* S4: the key that the cursor is to stand on; len 0: none */
    bool ranged;     /* the cursor is set to the present range */
    uint64_t nth;    /* the entry of the tree to begin with, + 1; 0: that of the range */
} copse_scanner_stream;

/** A zeroed one may be released. */
typedef struct copse_scanner {
    const copse_env *env;
    copse_tree *tree;
    copse_scanner_stream *streams;
    size_t streams_count;
    size_t streams_max; /* there is room for */
    size_t *heap;       /* merging: streams by their next entries */
    size_t heap_count;  /* those that have one */
    size_t started;     /* streams that stand on an entry or have ended */
    bool merges;
    bool reverse;
    bool strays; /* S4: there are places to seek */
    bool gave;   /* merging: the top of the heap was given */
    size_t now;  /* one after the other: the stream */
} copse_scanner;

/** An entry, lent until the next call. */
typedef struct copse_scanner_entry {
    const copse_access *access;
    copse_bytes key;
    copse_bytes value;
} copse_scanner_entry;

/** Readies it for the scans of `planned`, which must outlive it. NOMEM. On failure nothing is to be
 * released. */
COPSE_MUST_USE copse_status copse_scanner_init(copse_scanner *scanner, const copse_planned *planned,
                                               copse_err *err);

void copse_scanner_release(copse_scanner *scanner);

/** Lets go of the tree (S4). NOMEM: it can only be released. */
COPSE_MUST_USE copse_status copse_scanner_suspend(copse_scanner *scanner, copse_err *err);

/** Goes on in `tree`, which has the same root. NOMEM: it can only be released. */
COPSE_MUST_USE copse_status copse_scanner_resume(copse_scanner *scanner, copse_tree *tree,
                                                 copse_err *err);

/** Bounds what is asked for in advance; 0: nothing does. */
void copse_scanner_set_limit(copse_scanner *scanner, uint64_t entries);

/** Passes over the first `count` entries by the counts of the tree, before the first is taken;
 * *ret_passed is `count`, or all there are. Only where streams are not merged. WANT: call it again.
 * CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_scanner_pass(copse_scanner *scanner, uint64_t count,
                                               uint64_t *ret_passed, copse_err *err);

/** Moves to the next entry. END; WANT; CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_scanner_next(copse_scanner *scanner,
                                               copse_scanner_entry *ret_entry, copse_err *err);

#endif
