/* A life of a document database in a pack store on a simulated disk: random inserts, replacements,
 * deletes, index builds, imports and garbage collections with a commit each, power lost or the
 * process killed in the middle of any call, and on again.
 *
 * After each crash:
 *   D1  The database opens, if its creation had been acknowledged.
 *   D2  Its head is the last acknowledged commit or the one under way; with durability normal
 *       and power lost, at least the last that was acknowledged with durability full.
 *   D3  Its documents are those of a plain model at that commit, and its tree is the one that
 *       the model's documents and indexes make. D4 copse_database_check finds nothing.
 *   D5  Each commit that the head comes from is there, and its tree too, whole, or it is told
 *       that a collection dropped it (history_keep.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DOCUMENT_CRASH_H
#define COPSE_TESTS_DOCUMENT_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the lives met: a suite that met none of one kind has shown little. */
typedef struct document_crash_counts {
    uint64_t crashes;
    uint64_t kills;
    uint64_t commits;
    uint64_t in_flight;      /* crashes with a commit under way… */
    uint64_t in_flight_seen; /* … that was there afterwards */
    uint64_t lost;           /* commits that durability normal allowed to lose */
    uint64_t in_import;
    uint64_t in_gc;
    uint64_t drops;        /* collections that dropped trees of the past */
    uint64_t index_builds; /* over documents that there were */
    uint64_t refused;      /* writes that failed as the model said */
    uint64_t spilled;      /* bytes that imports put into temporary files */
    uint64_t documents;    /* compared after crashes */
    uint64_t torn;         /* un-synced writes of which a part was there */
} document_crash_counts;

/** Lives one life. False: a rule was broken, and `ret_why` says which and where. A tree that is not
 * the model's fails the test (cmocka). `unsynced`: syncs of files with this in their path do
 * nothing, which must break a rule sooner or later; NULL: of none. */
bool document_crash_run(uint64_t seed, const char *unsynced, document_crash_counts *counts,
                        char *ret_why, size_t why_size);

#endif
