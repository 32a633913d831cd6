/* What of a head is whose: the commits that have to be judged one by one, each by who signed it.
 *
 * A head is merged by its signer's rights, for whoever commits on top of others' work vouches for
 * it. Where these are not enough, and where the head is an automatic merge, which is nobody's word,
 * its frontier says what is to be merged instead. It is made of the commits that `theirs` comes
 * from and `ours` does not, but for automatic merges (copse_commit_merge). They are taken in runs:
 * lines, as a rule, of commits that one signer made on his own. The last commit of each run is in
 * the frontier:
 *
 *     ours <- a1 <- a2 <- b1 <- a3 <- theirs     a2, b1 and a3, by Ann, Bob and Ann
 *                    \<- c1 <- c2 <-/             and c2, by Carol
 *
 *   R1  A commit is in it if it is no automatic merge, unless all commits that were made on it are
 *       of one run by who signed it: then it is of that run.
 *   R2  Ancestors stand before what was made on them; those of one generation stand by CID.
 *   R3  So if they are merged into ours in turn, what each brings that ours has not yet is by its
 *       signer alone, or was merged automatically; and in the end nothing is left.
 *   R4  What a run brings is what it differs by from what it was made on (`base`), and not from
 *       where its history parted from ours: a commit of which we took a part alone may be there,
 *       and what was refused of it is in no other tree than its own.
 *   R5  What has no signature, or a wrong one, is nobody's: all nobody's commits have one signer.
 *
 * What an automatic merge of theirs holds beyond what was merged is in none of the commits: the
 * merge that is made last shows it, by another tree.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_HEAD_FRONTIER_H
#define COPSE_HEAD_FRONTIER_H

#include <copse/commit.h>

COPSE_EXTERN_C_BEGIN

/** The most links to parents that are followed on their side. */
#define COPSE_HEAD_FRONTIER_LINKS_MAX 100000
/** The most commits whose signatures are checked, and so the most in a frontier. */
#define COPSE_HEAD_FRONTIER_MAX 16384
/** The most bytes of commits that wait to be walked. */
#define COPSE_HEAD_FRONTIER_SIZE_BYTES_MAX ((size_t)64 << 20)

/** Whose a commit is. */
typedef enum copse_head_signer {
    COPSE_HEAD_SIGNED,   /**< The signer's. */
    COPSE_HEAD_UNSIGNED, /**< Nobody's, and nobody says otherwise. */
    COPSE_HEAD_FORGED    /**< Nobody's: the signature is not by its author. */
} copse_head_signer;

typedef struct copse_head_frontier_commit {
    copse_cid cid;
    copse_head_signer kind;
    copse_public_key signer; /**< SIGNED; else zeroed. */
    copse_cid base;          /**< What the run was made on (R4), if each of its commits has one
                                  parent; else zeroed. */
} copse_head_frontier_commit;

/** A search in progress. Belongs to one thread. Holds about 200 bytes for each commit that it has
 * met, and the blocks at its front. */
typedef struct copse_head_frontier copse_head_frontier;

/** Begins with two commits. Reads nothing yet. `source` must outlive it. NOMEM; MISUSE: a zeroed
 * CID. */
COPSE_API COPSE_MUST_USE copse_status copse_head_frontier_new(
    const copse_env *env, copse_source *source, const copse_cid *ours, const copse_cid *theirs,
    copse_head_frontier **ret_frontier, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_head_frontier *copse_head_frontier_free(copse_head_frontier *frontier);

/** Searches: OK with the commits, in the order in which they are to be merged (R2), lent until the
 * frontier is freed. *ret_count is 0 if ours comes from theirs, or from all that automatic merges
 * made it of. WANT: supply and call again; it goes on where it was. LIMIT: too many links,
 * signatures or bytes; the message says which. CORRUPT: a block is no commit, or one that is not
 * older than what was made on it. IO, NOMEM. A failure is for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_head_frontier_find(
    copse_head_frontier *frontier, const copse_head_frontier_commit **ret_commits,
    size_t *ret_count, copse_err *err);

COPSE_EXTERN_C_END

#endif
