/* The review of a head: who brings it, and what he may change.
 *
 * A database with a creator takes from a head only what the statements about it allow. Its merge
 * (database_merge_review.c) asks here for each change of theirs that would change ours, and tells
 * what it left out.
 *
 *   R1  Whoever signed the head is asked, of all that it brings; of a document with a signature of
 *       its own he who signed that. A head that nobody signed, or not well, brings only those.
 *   R2  Statements of both sides count, as the merge unites them. What has expired by the head's
 *       time or by the own clock, whichever is later, does not.
 *   R3  What a revocation lets stand up to its last commit stands if the head is that commit, or
 *       that commit came from it.
 *   R4  A head whose time is ahead of the own clock is not looked at until it no longer is, but for
 *       COPSE_HEAD_MERGE_AHEAD_MS_MAX.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_HEAD_REVIEW_H
#define COPSE_DOC_HEAD_REVIEW_H

#include "doc/head_refusals.h"

#include <copse/authority.h>

typedef struct copse_head_review_options {
    copse_source *source; /**< That history is read through. */
    copse_database *ours;
    copse_database *theirs;
    const copse_block *commit; /**< Of theirs. */
    bool is_last_lost;         /**< As copse_head_merge_options.is_last_lost. */
} copse_head_review_options;

/** Belongs to the thread of the databases. */
typedef struct copse_head_review copse_head_review;

/** When a head of this time is held no more (R4); 0: it is not held. MISUSE: the env has no clock.
 */
COPSE_MUST_USE copse_status copse_head_review_hold(const copse_env *env, uint64_t time_ms,
                                                   uint64_t *ret_until_ms, copse_err *err);

/** Begins: finds out who signed, and reads all statements. What the options name must outlive it.
 * WANT: supply and call again. MISUSE: the env has no clock. CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_head_review_new(const copse_env *env,
                                                  const copse_head_review_options *options,
                                                  copse_head_review **ret_review, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
copse_head_review *copse_head_review_free(copse_head_review *review);

/** Whether `signer` (NULL: who signed the head) may do this in a collection. DENIED: not; the
 * message says why. WANT: of history; supply and ask again. IO, NOMEM. */
COPSE_MUST_USE copse_status copse_head_review_ask(copse_head_review *review,
                                                  const copse_public_key *signer, copse_right right,
                                                  copse_bytes collection, copse_err *err);

/** DENIED: what was written at this time can't be in a head that is older. */
COPSE_MUST_USE copse_status copse_head_review_check_time(const copse_head_review *review,
                                                         uint64_t time_ms, uint32_t time_counter,
                                                         copse_err *err);

/** Notes what was left out, copied, and why. NOMEM: nothing was noted. */
COPSE_MUST_USE copse_status copse_head_review_refuse(copse_head_review *review,
                                                     const copse_head_refusal *refusal,
                                                     copse_err *err);

/** Whether what theirs made of a collection itself, not of its documents, was left out. */
bool copse_head_review_has_refused(const copse_head_review *review, copse_bytes collection);

/** All that was noted. */
const copse_head_refusals *copse_head_review_refusals(const copse_head_review *review);

/** Whether the last WANT was about a revocation's last commit. */
bool copse_head_review_wants_last(const copse_head_review *review);

#endif
