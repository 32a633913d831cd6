/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/history_range.h>

#include "base/alloc.h"
#include "base/err.h"
#include "history/marked_walk.h"

/* A commit that is had, and so all that it comes from, is done with (marked_walk.h). */
enum { HISTORY_RANGE_WANTED = 1 };

struct copse_history_range {
    const copse_env *env;
    copse_marked_walk *walk;
};

copse_status copse_history_range_new(const copse_env *env, copse_source *source,
                                     const copse_cid *want, size_t want_count,
                                     const copse_cid *have, size_t have_count,
                                     copse_history_range **ret_range, copse_err *err)
{
    size_t count = want_count + have_count;
    if (want_count == 0 || count < have_count) {
        return COPSE_ERR(err, COPSE_MISUSE, "history: nothing is wanted");
    }
    copse_marked_head *heads = copse_alloc_array(env, count, sizeof *heads);
    copse_history_range *range = copse_alloc_zeroed(env, sizeof *range);
    copse_status status = heads != NULL && range != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        heads[i] = i < want_count ? (copse_marked_head){want[i], HISTORY_RANGE_WANTED}
                                  : (copse_marked_head){have[i - want_count], COPSE_MARK_DONE};
    }
    if (status == COPSE_OK) {
        range->env = env;
        status = copse_marked_walk_new(env, source, heads, count, &range->walk, err);
    }
    copse_free_array(env, heads, count, sizeof *heads);
    if (status != COPSE_OK) {
        copse_free(env, range, sizeof *range);
        return status;
    }
    *ret_range = range;
    return COPSE_OK;
}

copse_history_range *copse_history_range_free(copse_history_range *range)
{
    if (range != NULL) {
        copse_marked_walk_free(range->walk);
        copse_free(range->env, range, sizeof *range);
    }
    return NULL;
}

copse_status copse_history_range_next(copse_history_range *range, const copse_cid **ret_cid,
                                      const copse_commit **ret_commit, copse_err *err)
{
    copse_status status;
    unsigned marks;
    do {
        status = copse_marked_walk_next(range->walk, ret_cid, ret_commit, &marks, err);
    } while (status == COPSE_OK && marks != HISTORY_RANGE_WANTED);
    return status;
}

uint64_t copse_history_range_commits_read(const copse_history_range *range)
{
    return copse_marked_walk_commits_read(range->walk);
}
