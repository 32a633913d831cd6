/* Both histories are walked at once (marked_walk.h). Each commit carries from which of the heads it
 * is reached.
 *
 *   M1  A commit that comes with both marks, and not as older than a base, is a base. What it comes
 *       from is older than one, and can't be one.
 *
 * Cost: the commits that one of the heads alone reaches, the bases, and of what is older than these
 * what has a higher generation than another commit at the front.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/merge_base.h>

#include "base/alloc.h"
#include "base/err.h"
#include "history/marked_walk.h"

enum { MERGE_BASE_OF_A = 1, MERGE_BASE_OF_B = 2, MERGE_BASE_OF_BOTH = 3 };

struct copse_merge_base {
    const copse_env *env;
    copse_marked_walk *walk;
    copse_cid bases[COPSE_MERGE_BASES_MAX];
    size_t bases_count;
    uint64_t earliest_ms; /* of what only one of the heads comes from */
    bool is_too_many;
};

copse_status copse_merge_base_new(const copse_env *env, copse_source *source, const copse_cid *a,
                                  const copse_cid *b, copse_merge_base **ret_search, copse_err *err)
{
    const copse_marked_head heads[2] = {{*a, MERGE_BASE_OF_A}, {*b, MERGE_BASE_OF_B}};
    copse_merge_base *search = copse_alloc_zeroed(env, sizeof *search);
    if (search == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    search->env = env;
    search->earliest_ms = UINT64_MAX;
    copse_status status = copse_marked_walk_new(env, source, heads, 2, &search->walk, err);
    if (status != COPSE_OK) {
        copse_merge_base_free(search);
        return status;
    }
    *ret_search = search;
    return COPSE_OK;
}

copse_merge_base *copse_merge_base_free(copse_merge_base *search)
{
    if (search != NULL) {
        copse_marked_walk_free(search->walk);
        copse_free(search->env, search, sizeof *search);
    }
    return NULL;
}

static void merge_base_found(copse_merge_base *search, const copse_cid *cid)
{
    search->is_too_many = search->bases_count == COPSE_MERGE_BASES_MAX;
    if (search->is_too_many) {
        return;
    }
    size_t at = search->bases_count++;
    while (at > 0 && copse_cid_compare(cid, &search->bases[at - 1]) < 0) {
        search->bases[at] = search->bases[at - 1];
        at--;
    }
    search->bases[at] = *cid;
}

copse_status copse_merge_base_find(copse_merge_base *search, const copse_cid **ret_bases,
                                   size_t *ret_count, copse_err *err)
{
    const copse_cid *cid;
    const copse_commit *commit;
    unsigned marks;
    copse_status status = COPSE_OK;
    while (!search->is_too_many && status == COPSE_OK) {
        status = copse_marked_walk_next(search->walk, &cid, &commit, &marks, err);
        if (status == COPSE_OK && marks == MERGE_BASE_OF_BOTH) {
            copse_marked_walk_add_marks(search->walk, COPSE_MARK_DONE);
            merge_base_found(search, cid);
        }
        bool is_of_one =
            status == COPSE_OK && (marks == MERGE_BASE_OF_A || marks == MERGE_BASE_OF_B);
        if (is_of_one && commit->time_ms < search->earliest_ms) {
            search->earliest_ms = commit->time_ms;
        }
    }
    if (search->is_too_many) {
        return COPSE_ERR(err, COPSE_LIMIT, "the two histories have more than %d merge bases",
                         COPSE_MERGE_BASES_MAX);
    }
    if (status != COPSE_END) {
        return status;
    }
    *ret_bases = search->bases;
    *ret_count = search->bases_count;
    return COPSE_OK;
}

uint64_t copse_merge_base_earliest_ms(const copse_merge_base *search)
{
    return search->earliest_ms;
}

uint64_t copse_merge_base_commits_read(const copse_merge_base *search)
{
    return copse_marked_walk_commits_read(search->walk);
}
