/* A life of a pack store on a simulated disk: commits, flushes, loads and garbage collections by
 * two processes, power lost or a process killed in the middle of any call, and on again.
 *
 * After each crash:
 *   C1  The store opens, if its creation had been acknowledged.
 *   C2  The refs are those after some commit n: none is half seen.
 *   C3  n is the last acknowledged commit or the one under way; with durability normal at least the
 *       last that was flushed; after a kill nothing that was acknowledged is missing.
 *   C4  Every block of the refs is there and verifies, and every one that was flushed and not
 *       collected.
 *   C5  In the end a check finds no damage: what a crash leaves looks like a torn tail at most,
 *       whatever witnesses (J4) say.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_PACK_CRASH_H
#define COPSE_TESTS_PACK_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the runs met: a suite that met none of one kind has shown little. */
typedef struct pack_crash_counts {
    uint64_t crashes;
    uint64_t kills;
    uint64_t commits;
    uint64_t half_way; /* crashes with an operation under way */
    uint64_t lost;     /* commits that durability normal allowed to lose */
    uint64_t torn;     /* un-synced writes of which a part was there */
    uint64_t in_creation;
    uint64_t in_bulk;
    uint64_t in_gc;
    uint64_t journals; /* that were begun */
    uint64_t packs;
    uint64_t asides; /* files with tails that were put aside, in the end */
} pack_crash_counts;

/** Lives one life. False: a rule was broken, and `ret_why` says which and where. */
bool pack_crash_run(uint64_t seed, pack_crash_counts *counts, char *ret_why, size_t why_size);

#endif
