/* What is counted in a merge_world, so that a test shows that it met everything.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_COUNTS_H
#define COPSE_TESTS_MERGE_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

/** What is counted. */
typedef enum merge_count {
    /* Faults. */
    MERGE_COUNT_LOST,
    MERGE_COUNT_DOUBLED,
    MERGE_COUNT_REORDERED,
    MERGE_COUNT_CUT,
    MERGE_COUNT_UNREACHABLE,
    MERGE_COUNT_CRASH_WRITE,
    MERGE_COUNT_CRASH_MERGE,
    MERGE_COUNT_CLOCK_BACK,
    /* Writes. */
    MERGE_COUNT_WRITES,
    MERGE_COUNT_REFUSED_UNIQUE,
    MERGE_COUNT_SAME_TIME,
    MERGE_COUNT_RESOLVED,
    /* Merges. */
    MERGE_COUNT_MADE,
    MERGE_COUNT_FORWARD,
    MERGE_COUNT_NOTHING,
    MERGE_COUNT_CROSSWISE,
    MERGE_COUNT_CHANGED_TWICE,
    MERGE_COUNT_CHANGED_DELETED,
    MERGE_COUNT_MADE_TWICE,
    MERGE_COUNT_REFUSED,
    MERGE_COUNT_ONE_SIDE,
    MERGE_COUNT_UNION_BOTH,
    MERGE_COUNT_LWW_BOTH,
    MERGE_COUNT_LWW_DELETED,
    MERGE_COUNT_FIELDS_SAME,
    MERGE_COUNT_FIELDS_APART,
    MERGE_COUNT_FIELDS_DELETED,
    MERGE_COUNT_HIDDEN,
    MERGE_COUNT_SHOWN_AGAIN,
    MERGE_COUNT_WAITING,
    MERGE_COUNT_RETURNED,
    MERGE_COUNT_INDEX_CONFLICT,
    MERGE_COUNT_OPTIONS_CONFLICT,
    MERGE_COUNT_UNBUILT,
    MERGE_COUNT_BUILT,
    MERGE_COUNT_FORGOTTEN,
    MERGE_COUNT_TOO_OLD,
    MERGE_COUNT_CLONED,
    MERGE_COUNT_DROPPED,
    MERGE_COUNT_BASE_LOST,
    MERGE_COUNT_BASE_REFUSED,
    /* Looks at the outcome. */
    MERGE_COUNT_CHECKS,
    MERGE_COUNT_SWAPPED,
    MERGE_COUNT_MODELLED,
    MERGE_COUNT_ORDERS,
    MERGE_COUNT_FOUND_LOSERS,
    MERGE_COUNT_MET,
    MERGE_COUNT_CONVERGED,
    MERGE_COUNTS
} merge_count;

/** Prints all, a line each. */
void merge_counts_print(const uint64_t counts[MERGE_COUNTS]);

/** Whether everything was counted at least `least` times. */
bool merge_counts_reach(const uint64_t counts[MERGE_COUNTS], uint64_t least);

/** Fails the test, naming what is too rare, unless everything was counted at least `least` times.
 */
void merge_counts_assert(const uint64_t counts[MERGE_COUNTS], uint64_t least);

#endif
