/* Commits: what a head names. A commit names a tree, and the commits that it came from.
 *
 * Format: docs/formats/commit.md. The CID of the tree names the content, the CID of the commit the
 * history. Skip links lead to first-parent ancestors at distances that are powers of two, so that
 * an ancestor is found in a logarithmic number of blocks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_COMMIT_H
#define COPSE_COMMIT_H

#include <copse/key.h>
#include <copse/source.h>

COPSE_EXTERN_C_BEGIN

#define COPSE_COMMIT_PARENTS_MAX 16
/** No generation passes 2^63 - 1, so no more skip links can be right. */
#define COPSE_COMMIT_SKIPS_MAX 62
/** The longest message, in bytes of UTF-8. */
#define COPSE_COMMIT_MESSAGE_SIZE_BYTES_MAX 65536
/** The longest author, in bytes of UTF-8. */
#define COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX 256
/** The longest signature, in bytes. */
#define COPSE_COMMIT_SIGNATURE_SIZE_BYTES_MAX 256

/** A commit. Views borrow from the block it was decoded from, or are the caller's. */
typedef struct copse_commit {
    copse_cid tree;
    copse_cid parents[COPSE_COMMIT_PARENTS_MAX]; /**< Distinct; the first is what was written on. */
    size_t parents_count;
    uint64_t generation; /**< 0 without parents, else 1 + the largest of theirs. */
    /** skips[k]: the first-parent ancestor 2^(k+1) back. A commit with n first-parent ancestors has
     * as many as 2 divides n, at most one in two commits any. */
    copse_cid skips[COPSE_COMMIT_SKIPS_MAX];
    size_t skips_count;
    uint64_t time_ms;      /**< Hybrid logical clock: milliseconds since 1970, below 2^63, and */
    uint32_t time_counter; /**< a counter among equal ones. */
    copse_bytes author;    /**< did:key text; len 0: none. */
    copse_bytes message;   /**< UTF-8; len 0: none. */
    copse_bytes signature; /**< By the author, if it is right; len 0: none. */
} copse_commit;

/** Decodes the block of a commit, which must outlive the views. CORRUPT: it is none, or breaks a
 * rule of the format that the block alone shows. LIMIT: nested too deep. */
COPSE_API COPSE_MUST_USE copse_status copse_commit_decode(const copse_env *env,
                                                          const copse_block *block,
                                                          copse_commit *ret_commit, copse_err *err);

/** Whether a DAG-CBOR block looks like a commit, and not like a tree root: a map with the key
 * "tree". Checks nothing else. */
COPSE_API bool copse_commit_is(const copse_block *block);

/** Makes the block: what copse_commit_decode reads back as an equal commit. MISUSE: the commit
 * breaks a rule that copse_commit_decode checks; the message names it. LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_commit_encode(const copse_env *env,
                                                          const copse_commit *commit,
                                                          copse_block **ret_block, copse_err *err);

/** Where copse_commit_sign writes what the commit then borrows. */
typedef struct copse_commit_signature {
    char author[COPSE_KEY_TEXT_SIZE_MAX];
    uint8_t bytes[COPSE_SIGNATURE_SIZE_BYTES];
} copse_commit_signature;

/** Makes `key` the author of a commit that is ready but for that, and signs it: all of it but the
 * signature. The commit then borrows from `ret_signature`. The same commit and key make the same
 * signature. MISUSE: another author is there, or the commit breaks a rule that copse_commit_encode
 * checks. LIMIT, NOMEM. On failure the commit is unchanged. */
COPSE_API COPSE_MUST_USE copse_status copse_commit_sign(const copse_env *env, copse_commit *commit,
                                                        const copse_key *key,
                                                        copse_commit_signature *ret_signature,
                                                        copse_err *err);

/** Whether a commit is signed by its author. OK. NOT_FOUND: it has no signature. CORRUPT: it has
 * one, but the author is no did:key of an Ed25519 key, or did not sign this. NOMEM; MISUSE, LIMIT
 * of a commit that no block could be. */
COPSE_API COPSE_MUST_USE copse_status copse_commit_verify(const copse_env *env,
                                                          const copse_commit *commit,
                                                          copse_err *err);

/** Fills in parents, generation, skip links and time of a commit of `tree` on top of `parents`
 * (0 to COPSE_COMMIT_PARENTS_MAX, distinct), whose blocks are read through `source`; author,
 * message and signature stay empty. The time is the clock of the env, or just above the parents' if
 * theirs is not below it. Reads the parents and, if 2 divides the number of first-parent ancestors
 * t times, t ancestors more. WANT: supply and call again. MISUSE: no clock, too many parents, or
 * one twice. LIMIT: the parents' generation or time is the last that there is. CORRUPT, IO, NOMEM.
 */
COPSE_API COPSE_MUST_USE copse_status copse_commit_next(const copse_env *env, copse_source *source,
                                                        const copse_cid *tree,
                                                        const copse_cid *parents,
                                                        size_t parents_count,
                                                        copse_commit *ret_commit, copse_err *err);

/** Fills in an automatic merge of `heads` (2 to COPSE_COMMIT_PARENTS_MAX, distinct, in any order):
 * its parents are these by CID, its time is the latest of theirs, and it has no author, message or
 * signature. So whoever merges the same heads to the same tree makes the same commit, whatever
 * clocks say. Reads what copse_commit_next does, with its statuses; needs no clock. */
COPSE_API COPSE_MUST_USE copse_status copse_commit_merge(const copse_env *env, copse_source *source,
                                                         const copse_cid *tree,
                                                         const copse_cid *heads, size_t heads_count,
                                                         copse_commit *ret_commit, copse_err *err);

/** The first-parent ancestor of `commit`, `distance` back (0: itself), by skip links: reads less
 * than 2 log2(distance) + 2 blocks, and not that of the ancestor. NOT_FOUND: history is shorter.
 * WANT: supply and call again. CORRUPT: also a generation that is not below those of its
 * descendants. IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_commit_ancestor(const copse_env *env,
                                                            copse_source *source,
                                                            const copse_cid *commit,
                                                            uint64_t distance, copse_cid *ret_cid,
                                                            copse_err *err);

/** The last first-parent ancestor of `commit` (itself counts) whose time is at most `time_ms`, by
 * skip links: some log2(n)^2 reads of n commits at most. NOT_FOUND: all of them are later. Else as
 * copse_commit_ancestor. */
COPSE_API COPSE_MUST_USE copse_status copse_commit_at(const copse_env *env, copse_source *source,
                                                      const copse_cid *commit, uint64_t time_ms,
                                                      copse_cid *ret_cid, copse_err *err);

COPSE_EXTERN_C_END

#endif
