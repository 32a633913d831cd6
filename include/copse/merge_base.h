/* Where two histories part: the newest commits that both heads come from.
 *
 * Usually that is one. It is more where the two were merged into each other crosswise, and none
 * where they never had anything in common.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_MERGE_BASE_H
#define COPSE_MERGE_BASE_H

#include <copse/commit.h>

COPSE_EXTERN_C_BEGIN

/** The most bases that are given: of more, the search fails. */
#define COPSE_MERGE_BASES_MAX 16

/** A search in progress. Belongs to one thread. Holds about 200 bytes for each commit that it has
 * met, and the blocks at its front. */
typedef struct copse_merge_base copse_merge_base;

/** Begins a search between two heads. Reads nothing yet. `source` must outlive it. NOMEM; MISUSE: a
 * zeroed CID. */
COPSE_API COPSE_MUST_USE copse_status copse_merge_base_new(const copse_env *env,
                                                           copse_source *source, const copse_cid *a,
                                                           const copse_cid *b,
                                                           copse_merge_base **ret_search,
                                                           copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_merge_base *copse_merge_base_free(copse_merge_base *search);

/** Searches: OK with the bases, in the order of their CIDs, lent until the search is freed; none of
 * them is an ancestor of another. *ret_count is 0 if there is none, and one of the heads itself if
 * the other comes from it. WANT: supply and call again; it goes on where it was. CORRUPT: a block
 * is no commit, or one that is not older than what was made on it. LIMIT: more than
 * COPSE_MERGE_BASES_MAX. IO, NOMEM. A failure is for ever. */
COPSE_API COPSE_MUST_USE copse_status copse_merge_base_find(copse_merge_base *search,
                                                            const copse_cid **ret_bases,
                                                            size_t *ret_count, copse_err *err);

/** The time, in milliseconds of Unix, of the earliest commit that only one of the heads is or comes
 * from; UINT64_MAX: they are one. Valid after copse_merge_base_find was OK. */
COPSE_API uint64_t copse_merge_base_earliest_ms(const copse_merge_base *search);

/** The commits that were read: those down to the bases, and of histories without one all. */
COPSE_API uint64_t copse_merge_base_commits_read(const copse_merge_base *search);

COPSE_EXTERN_C_END

#endif
