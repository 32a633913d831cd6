/* The commits and databases of a merge of heads, and what several bases make together.
 *
 *   B1  Several bases are merged two by two, in the order of their CIDs, as heads are: what
 *       they become is the commit of their automatic merge, with conflicts recorded, so that
 *       the next one finds where it parted from all of those before it. Where somebody did that
 *       merge, its commit is the same.
 *   B2  Collections and indexes that can't be merged stay as the first has them.
 *   B3  A history that was made up may have bases of bases of bases: more merges than any real
 *       one needs end with LIMIT.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_HEAD_MERGE_H
#define COPSE_DOC_HEAD_MERGE_H

#include <copse/head_merge.h>

/* What is needed of a commit. Zeroed: nothing was read. */
typedef struct copse_head_merge_commit {
    copse_block *block; /* whose author `head` borrows */
    copse_cid tree;
    copse_merge_head head;
} copse_head_merge_commit;

/* The three databases of a merge. Zeroed: none are open. */
typedef struct copse_head_merge_sides {
    copse_tree *trees[3]; /* base, ours, theirs */
    copse_database *databases[3];
    size_t levels; /* that the catalogues were followed down from the tops */
} copse_head_merge_sides;

/** Closes what is open. */
void copse_head_merge_close(copse_head_merge_sides *sides);

/** Opens the databases of three roots (base, ours, theirs); of size 0: none. WANT: for all of
 * them; what is open stays open. CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_head_merge_open(const copse_head_merge_options *options,
                                                  const copse_cid roots[3],
                                                  copse_head_merge_sides *sides, copse_err *err);

/** Reads a commit, unless it was read. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_head_merge_read(const copse_env *env,
                                                  const copse_head_merge_options *options,
                                                  const copse_cid *cid,
                                                  copse_head_merge_commit *commit, copse_err *err);

/** Makes it as if it was never read. */
void copse_head_merge_forget(copse_head_merge_commit *commit);

/** The tree of the bases, merged if they are several (B1); of size 0: there is none. Begins anew
 * after a WANT. LIMIT: bases of bases more than 16 deep. CORRUPT, IO, NOMEM, the store's failures.
 */
COPSE_MUST_USE copse_status copse_head_merge_base_tree(const copse_env *env,
                                                       const copse_head_merge_options *options,
                                                       const copse_cid *bases, size_t count,
                                                       copse_cid *ret_tree, copse_err *err);

#endif
