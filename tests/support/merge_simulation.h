/* Many peers that write and merge one database, with clocks that are wrong, partitions, crashes,
 * and messages that are lost, doubled, late and out of order: all of it from one seed.
 *
 * In a step somebody writes, resolves, makes or drops an index, forgets deletions, drops the past,
 * tells others his head, or hears of one and merges it; who is refused for what is forgotten or
 * dropped clones anew. What comes of each merge is looked at (merge_audit.h). Now and then all is
 * healed, everybody hears of everybody's head, and until nobody has anything new to tell:
 *
 *     H1  Who has seen the same heads has the same documents, versions and conflicts in collections
 *         that are a union, lww or field-wise: those that the log of writes says.
 *     H2  Nobody merges for ever: soon all have the same head.
 *     H3  No acknowledged write to a three-way collection is lost, and none that was overwritten is
 *         back.
 *     H4  `check` finds nothing, and a peer that fetches everything has everything.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_SIMULATION_H
#define COPSE_TESTS_MERGE_SIMULATION_H

#include "support/merge_world.h"

/** What happened over many seeds. Zeroed at first. */
typedef struct merge_simulation_totals {
    uint64_t seeds;
    uint64_t counts[MERGE_COUNTS];
    uint64_t trace; /**< A hash of all that was done. */
} merge_simulation_totals;

/** Runs the seeds [first, first + count); fails the test, with the seed and all steps, where a
 * promise is broken. */
void merge_simulation_run(uint64_t first, uint64_t count, merge_simulation_totals *totals);

/** Runs `count` seeds from `first` on, and more, up to three times as many, until every kind of
 * fault and conflict was met at least `least` times: what a seed meets depends on every block that
 * somebody asks for. Prints what happened, and fails the test if something is still too rare. */
void merge_simulation_run_until(uint64_t first, uint64_t count, uint64_t least);

void merge_simulation_print(const merge_simulation_totals *totals);

/** For the `main` of a test that may be given a seed: runs that alone, and prints what happened. If
 * a collection (t, u, l, f) and a primary key follow, a failure also says what became of that
 * document. False: no seed was given. */
bool merge_simulation_replay(int argc, char **argv);

#endif
