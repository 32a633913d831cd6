/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/merge_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char *merge_count_name(merge_count count)
{
    static const char *const names[MERGE_COUNTS] = {
        [MERGE_COUNT_LOST] = "messages lost",
        [MERGE_COUNT_DOUBLED] = "messages doubled",
        [MERGE_COUNT_REORDERED] = "messages overtaken",
        [MERGE_COUNT_CUT] = "messages cut by a partition",
        [MERGE_COUNT_UNREACHABLE] = "blocks out of reach",
        [MERGE_COUNT_CRASH_WRITE] = "crashes in a write",
        [MERGE_COUNT_CRASH_MERGE] = "crashes in a merge",
        [MERGE_COUNT_CLOCK_BACK] = "clocks set back",
        [MERGE_COUNT_WRITES] = "commits",
        [MERGE_COUNT_REFUSED_UNIQUE] = "writes refused as not unique",
        [MERGE_COUNT_SAME_TIME] = "writes at one time, by one name",
        [MERGE_COUNT_RESOLVED] = "conflicts resolved",
        [MERGE_COUNT_MADE] = "merges",
        [MERGE_COUNT_FORWARD] = "heads moved forward",
        [MERGE_COUNT_NOTHING] = "heads that were known",
        [MERGE_COUNT_CROSSWISE] = "merges with several bases",
        [MERGE_COUNT_CHANGED_TWICE] = "three-way: changed on both sides",
        [MERGE_COUNT_CHANGED_DELETED] = "three-way: changed and deleted",
        [MERGE_COUNT_MADE_TWICE] = "three-way: made on both sides",
        [MERGE_COUNT_REFUSED] = "three-way: refused",
        [MERGE_COUNT_ONE_SIDE] = "three-way: settled for one side",
        [MERGE_COUNT_UNION_BOTH] = "union: written on both sides",
        [MERGE_COUNT_LWW_BOTH] = "lww: written on both sides",
        [MERGE_COUNT_LWW_DELETED] = "lww: written and deleted",
        [MERGE_COUNT_FIELDS_SAME] = "field-wise: one field on both sides",
        [MERGE_COUNT_FIELDS_APART] = "field-wise: different fields",
        [MERGE_COUNT_FIELDS_DELETED] = "field-wise: written and deleted",
        [MERGE_COUNT_HIDDEN] = "field-wise: fields hidden",
        [MERGE_COUNT_SHOWN_AGAIN] = "field-wise: fields shown again",
        [MERGE_COUNT_WAITING] = "unique: went to wait",
        [MERGE_COUNT_RETURNED] = "unique: came back",
        [MERGE_COUNT_INDEX_CONFLICT] = "catalogue: indexes refused",
        [MERGE_COUNT_OPTIONS_CONFLICT] = "catalogue: options refused",
        [MERGE_COUNT_UNBUILT] = "catalogue: indexes that came unbuilt",
        [MERGE_COUNT_BUILT] = "catalogue: and were built",
        [MERGE_COUNT_FORGOTTEN] = "deletions forgotten",
        [MERGE_COUNT_TOO_OLD] = "merges refused, as one may not know of these",
        [MERGE_COUNT_CLONED] = "peers that cloned anew",
        [MERGE_COUNT_DROPPED] = "blocks of the past dropped",
        [MERGE_COUNT_BASE_LOST] = "merges without their base",
        [MERGE_COUNT_BASE_REFUSED] = "merges refused for want of it",
        [MERGE_COUNT_CHECKS] = "checks",
        [MERGE_COUNT_SWAPPED] = "merges made the other way round",
        [MERGE_COUNT_MODELLED] = "collections compared with the log",
        [MERGE_COUNT_ORDERS] = "three heads in all orders",
        [MERGE_COUNT_FOUND_LOSERS] = "overwritten documents found in history",
        [MERGE_COUNT_MET] = "times that all heard all heads at once",
        [MERGE_COUNT_CONVERGED] = "times that all had one head",
    };
    return names[count];
}

void merge_counts_print(const uint64_t counts[MERGE_COUNTS])
{
    for (merge_count i = 0; i < MERGE_COUNTS; i++) {
        printf("%8llu %s\n", (unsigned long long)counts[i], merge_count_name(i));
    }
}

bool merge_counts_reach(const uint64_t counts[MERGE_COUNTS], uint64_t least)
{
    for (merge_count i = 0; i < MERGE_COUNTS; i++) {
        if (counts[i] < least) {
            return false;
        }
    }
    return true;
}

void merge_counts_assert(const uint64_t counts[MERGE_COUNTS], uint64_t least)
{
    for (merge_count i = 0; i < MERGE_COUNTS; i++) {
        if (counts[i] < least) {
            fail_msg("%s: %llu, not %llu", merge_count_name(i), (unsigned long long)counts[i],
                     (unsigned long long)least);
        }
    }
}
