/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "history/milestones.h"

/* Other parents of merges leave room for the line: steps double up to 2^63, and are halved again.
 */
enum { MILESTONES_OTHERS_MAX = COPSE_MILESTONES_MAX - 8 - 2 * 58 };

/* Reads a commit, without its texts. */
static copse_status milestones_load(const copse_env *env, copse_source *source,
                                    const copse_cid *cid, copse_commit *ret_commit, copse_err *err)
{
    copse_block *block = NULL;
    copse_source_begin(source);
    copse_status status = copse_source_get(source, cid, &block, err);
    if (status == COPSE_OK) {
        status = copse_commit_decode(env, block, ret_commit, err);
    }
    copse_block_unref(block);
    return status;
}

/* Whether a line ends so: what is behind is not here, is no commit, or is not there at all. */
static bool milestones_is_end(copse_status status)
{
    return status == COPSE_END || status == COPSE_WANT || status == COPSE_NOT_FOUND ||
           status == COPSE_CORRUPT;
}

/* Adds a commit; WANT: it is not here (N3). */
static copse_status milestones_add_if_here(const copse_env *env, copse_source *source,
                                           const copse_cid *cid, copse_milestones *milestones,
                                           copse_err *err)
{
    copse_commit commit;
    copse_status status = milestones_load(env, source, cid, &commit, err);
    if (status == COPSE_OK) {
        milestones->cids[milestones->count++] = *cid;
    }
    return status;
}

/* Adds the other parents of a commit, if it is a merge (N2, N3). */
static copse_status milestones_add_others(const copse_env *env, copse_source *source,
                                          const copse_commit *commit, copse_milestones *milestones,
                                          copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 1; i < commit->parents_count && status == COPSE_OK &&
                       milestones->count < MILESTONES_OTHERS_MAX;
         i++) {
        status = milestones_add_if_here(env, source, &commit->parents[i], milestones, err);
        status = milestones_is_end(status) ? COPSE_OK : status;
    }
    return status;
}

/* Adds the last commit of a line that has ended, unless it is there already (N4). */
static void milestones_add_last(copse_milestones *milestones, const copse_cid *last)
{
    if (last->size > 0) {
        milestones->cids[milestones->count++] = *last;
    }
}

/* Goes down the line, to *at, the commit COPSE_MILESTONES_NEAR back. END: the line ends before. */
static copse_status milestones_find_near(const copse_env *env, copse_source *source, copse_cid *at,
                                         copse_milestones *milestones, copse_err *err)
{
    copse_cid last = {.size = 0}; /* the commit before *at, if it is not among them */
    for (size_t distance = 0; distance <= COPSE_MILESTONES_NEAR; distance++) {
        copse_commit commit;
        copse_status status = milestones_load(env, source, at, &commit, err);
        if (status != COPSE_OK) {
            milestones_add_last(milestones, &last);
            return milestones_is_end(status) ? COPSE_END : status;
        }
        last = *at;
        if ((distance & (distance - 1)) == 0) {
            milestones->cids[milestones->count++] = *at;
            last.size = 0;
        }
        if (distance < COPSE_MILESTONES_NEAR) {
            status = milestones_add_others(env, source, &commit, milestones, err);
        }
        if (status != COPSE_OK || distance == COPSE_MILESTONES_NEAR) {
            return status;
        }
        if (commit.parents_count == 0) {
            milestones_add_last(milestones, &last);
            return COPSE_END;
        }
        *at = commit.parents[0];
    }
    return COPSE_OK;
}

copse_status copse_milestones_find(const copse_env *env, copse_source *source,
                                   const copse_cid *head, copse_milestones *ret_milestones,
                                   copse_err *err)
{
    copse_cid at = *head;
    bool grows = true;
    ret_milestones->count = 0;
    copse_status status = milestones_find_near(env, source, &at, ret_milestones, err);
    for (uint64_t step = COPSE_MILESTONES_NEAR; status == COPSE_OK && step > 0;) {
        copse_cid next;
        status = copse_commit_ancestor(env, source, &at, step, &next, err);
        if (status == COPSE_OK) {
            status = milestones_add_if_here(env, source, &next, ret_milestones, err);
        }
        if (status == COPSE_OK) {
            at = next;
        } else if (milestones_is_end(status)) {
            grows = false;
            status = COPSE_OK;
        }
        step = grows ? 2 * step : step / 2;
    }
    return status == COPSE_END ? COPSE_OK : status;
}
