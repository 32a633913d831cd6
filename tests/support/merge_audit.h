/* Looking at the outcome of merges in a merge_world, over its archive. Each fails the test, with
 * the trace, where a promise is broken.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_AUDIT_H
#define COPSE_TESTS_MERGE_AUDIT_H

#include "support/merge_peer.h"

/** copse_database_check finds nothing in the tree of a commit. `store` NULL: the archive. */
void merge_audit_check(merge_world *world, size_t commit, copse_store *store);

/** Whoever merges the same heads the other way round makes the same commit. */
void merge_audit_swapped(merge_world *world, const merge_request *request,
                         const merge_outcome *outcome);

/** A merge that was refused is refused the other way round, too. */
void merge_audit_refused(merge_world *world, const merge_request *request);

/** What a merge of two commits has made of collections that need no base, and in which they have
 * seen different things, is what the log says. */
void merge_audit_model(merge_world *world, const size_t sides[2], size_t merged);

/** No acknowledged write to the three-way collection is lost: what it wrote is there, or was
 * overwritten or settled by somebody who had seen it, or is in a conflict. And nothing is back that
 * was overwritten so. */
void merge_audit_three_way(merge_world *world, size_t commit);

/** Some write that a commit comes from, and what it wrote, is found in the commit's history. */
void merge_audit_loser(merge_world *world, size_t commit);

/** Three commits, merged in all orders, are the same where no base is needed; merged once more,
 * nothing changes. */
void merge_audit_orders(merge_world *world, const size_t commits[3]);

/** The collections that need no base are the same in two trees. */
void merge_audit_same(merge_world *world, const copse_cid *a, const copse_cid *b, const char *what);

/** Counts what met in a merge. */
void merge_audit_count(merge_world *world, const size_t sides[2], size_t merged,
                       const merge_outcome *outcome);

#endif
