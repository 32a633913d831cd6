/* The next commit on top of others, and the way back along first parents.
 *
 * Skip links: number the commits of a first-parent line from its root, 0. Number n has the links to
 * n - 2, n - 4, … n - 2^t, where 2^t is the largest power of two that divides n; 0 has none.
 *
 *      0 <- 1 <- 2 <- 3 <- 4 <- 5 <- 6 <- 7 <- 8
 *      |<--------|<--------|<--------|<--------|     2 back
 *      |<------------------|<------------------|     4 back
 *      |<--------------------------------------|     8 back
 *
 * The number itself is not stored (the generation is another one below merges); whether a link
 * exists shows from the links of the commits before: see commit_fill_skips.
 *
 *   H4  An ancestor d back has a generation at least d lower. A walk checks it at each step, so
 *       that a wrong link is met with CORRUPT and not with a longer walk.
 *
 * Cost: the ancestor d back takes fewer than 2 log2(d) + 2 blocks: steps of growing powers of two,
 * then of falling ones. A commit has one skip link on average, and making it reads two blocks on
 * average (why not a link for each power: docs/decisions/0013-commit-skip-links.md).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "history/commit.h"

#include "base/err.h"
#include "block/block.h"

/* Reads a commit through the source, without its texts, which would borrow the block. */
static copse_status commit_load(const copse_env *env, copse_source *source, const copse_cid *cid,
                                copse_commit *ret_commit, copse_err *err)
{
    copse_block *block = NULL;
    copse_status status = copse_source_get(source, cid, &block, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_commit_decode(env, block, ret_commit, err);
    copse_block_unref(block);
    if (status == COPSE_OK) {
        ret_commit->author = ret_commit->message = ret_commit->signature = (copse_bytes){NULL, 0};
    }
    return status;
}

copse_status copse_commit_find_tree(const copse_env *env, copse_source *source,
                                    const copse_cid *root, copse_cid *ret_tree, copse_err *err)
{
    copse_block *block = NULL;
    copse_commit commit = {.tree = *root};
    copse_source_begin(source);
    copse_status status = copse_source_get(source, root, &block, err);
    if (status == COPSE_OK && copse_commit_is(block)) {
        status = copse_commit_decode(env, block, &commit, err);
    }
    copse_block_unref(block);
    if (status == COPSE_OK) {
        *ret_tree = commit.tree;
    }
    return status;
}

/* Raises the commit's generation above the parent's, and its time to at least the parent's. */
static void commit_follow(copse_commit *commit, const copse_commit *parent)
{
    if (commit->generation <= parent->generation) {
        commit->generation = parent->generation + 1;
    }
    if (copse_commit_time_compare(parent->time_ms, parent->time_counter, commit->time_ms,
                                  commit->time_counter) > 0) {
        commit->time_ms = parent->time_ms;
        commit->time_counter = parent->time_counter;
    }
}

/* Reads the parents, asking for all that are missing at once. `first` (written if there is one)
 * gets the first. */
static copse_status commit_load_parents(const copse_env *env, copse_source *source,
                                        copse_commit *commit, copse_commit *first, copse_err *err)
{
    copse_status result = COPSE_OK;
    for (size_t i = 0; i < commit->parents_count; i++) {
        copse_commit parent;
        copse_status status = commit_load(env, source, &commit->parents[i], &parent, err);
        if (status == COPSE_WANT) {
            result = status;
            continue;
        }
        if (status != COPSE_OK) {
            return status;
        }
        commit_follow(commit, &parent);
        if (i == 0) {
            *first = parent;
        }
    }
    return result;
}

/* The links of commit n. It is even if its parent, n - 1, has none and is not the root. Then 2^k
 * divides n, and n - 2^k is skips[k - 1]; 2^(k+1) divides n too exactly if that one's links end
 * with the one over 2^k, which leads to n - 2^(k+1). */
static copse_status commit_fill_skips(const copse_env *env, copse_source *source,
                                      const copse_commit *parent, copse_commit *commit,
                                      copse_err *err)
{
    if (parent->skips_count > 0 || parent->parents_count == 0) {
        return COPSE_OK;
    }
    commit->skips[0] = parent->parents[0];
    commit->skips_count = 1;
    while (commit->skips_count < COPSE_COMMIT_SKIPS_MAX) {
        size_t k = commit->skips_count;
        copse_commit ancestor;
        copse_status status = commit_load(env, source, &commit->skips[k - 1], &ancestor, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (ancestor.skips_count != k) {
            break;
        }
        commit->skips[k] = ancestor.skips[k - 1];
        commit->skips_count++;
    }
    return COPSE_OK;
}

/* Sets the time: now, or just above the parents' latest, which stands there. */
static void commit_tick(const copse_env *env, copse_commit *commit)
{
    uint64_t now = env->clock(env->clock_ctx);
    if (commit->parents_count == 0 || now > commit->time_ms) {
        commit->time_ms = now;
        commit->time_counter = 0;
    } else if (commit->time_counter < UINT32_MAX) {
        commit->time_counter++;
    } else {
        commit->time_ms++;
        commit->time_counter = 0;
    }
}

/* Makes a commit of `tree` on `parents`: all but the time, which is the parents' latest. */
static copse_status commit_on_parents(const copse_env *env, copse_source *source,
                                      const copse_cid *tree, const copse_cid *parents,
                                      size_t parents_count, copse_commit *ret_commit,
                                      copse_err *err)
{
    copse_commit commit = {0};
    copse_commit first = {0};
    if (env == NULL || source == NULL || !copse_block_cid_is_valid(tree) || ret_commit == NULL ||
        (parents == NULL && parents_count > 0) || parents_count > COPSE_COMMIT_PARENTS_MAX) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: an argument is NULL, or too many parents");
    }
    commit.tree = *tree;
    commit.parents_count = parents_count;
    for (size_t i = 0; i < parents_count; i++) {
        commit.parents[i] = parents[i];
    }
    commit.generation = parents_count > 0;
    const char *fault = copse_commit_fault(&commit);
    if (fault != NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: %s", fault);
    }
    copse_source_begin(source);
    copse_status status = commit_load_parents(env, source, &commit, &first, err);
    if (status == COPSE_OK) {
        status = commit_fill_skips(env, source, &first, &commit, err);
    }
    if (status == COPSE_OK) {
        *ret_commit = commit;
    }
    return status;
}

/* Gives out a commit that is filled in, unless there can be none. */
static copse_status commit_give(const copse_commit *commit, copse_commit *ret_commit,
                                copse_err *err)
{
    if (commit->generation > INT64_MAX || commit->time_ms > INT64_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "commit: nothing comes after its parents");
    }
    const char *fault = copse_commit_fault(commit);
    if (fault != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "commit: after its parents, %s", fault);
    }
    *ret_commit = *commit;
    return COPSE_OK;
}

copse_status copse_commit_next(const copse_env *env, copse_source *source, const copse_cid *tree,
                               const copse_cid *parents, size_t parents_count,
                               copse_commit *ret_commit, copse_err *err)
{
    copse_commit commit;
    if (env == NULL || env->clock == NULL || ret_commit == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: an argument is NULL, or there is no clock");
    }
    copse_status status =
        commit_on_parents(env, source, tree, parents, parents_count, &commit, err);
    if (status != COPSE_OK) {
        return status;
    }
    commit_tick(env, &commit);
    return commit_give(&commit, ret_commit, err);
}

copse_status copse_commit_merge(const copse_env *env, copse_source *source, const copse_cid *tree,
                                const copse_cid *heads, size_t heads_count,
                                copse_commit *ret_commit, copse_err *err)
{
    copse_cid sorted[COPSE_COMMIT_PARENTS_MAX];
    copse_commit commit;
    if (heads == NULL || ret_commit == NULL || heads_count < 2 ||
        heads_count > COPSE_COMMIT_PARENTS_MAX) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: an argument is NULL, or not 2 to %d heads",
                         COPSE_COMMIT_PARENTS_MAX);
    }
    for (size_t i = 0; i < heads_count; i++) {
        size_t at = i;
        while (at > 0 && copse_cid_compare(&heads[i], &sorted[at - 1]) < 0) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = heads[i];
    }
    copse_status status = commit_on_parents(env, source, tree, sorted, heads_count, &commit, err);
    return status == COPSE_OK ? commit_give(&commit, ret_commit, err) : status;
}

bool copse_commit_is_automatic(const copse_commit *commit)
{
    bool is_sorted = commit->parents_count > 1;
    for (size_t i = 1; i < commit->parents_count; i++) {
        is_sorted =
            is_sorted && copse_cid_compare(&commit->parents[i - 1], &commit->parents[i]) < 0;
    }
    return is_sorted && commit->author.len == 0 && commit->message.len == 0 &&
           commit->signature.len == 0;
}

/* The longest step from `commit` towards the ancestor `distance` back, at least 1; 0: there are no
 * parents. */
static uint64_t commit_step(const copse_commit *commit, uint64_t distance,
                            const copse_cid **ret_next)
{
    for (size_t k = commit->skips_count; k-- > 0;) {
        uint64_t step = UINT64_C(2) << k;
        if (step <= distance) {
            *ret_next = &commit->skips[k];
            return step;
        }
    }
    *ret_next = &commit->parents[0];
    return commit->parents_count > 0;
}

copse_status copse_commit_ancestor(const copse_env *env, copse_source *source,
                                   const copse_cid *commit, uint64_t distance, copse_cid *ret_cid,
                                   copse_err *err)
{
    if (env == NULL || source == NULL || !copse_block_cid_is_valid(commit) || ret_cid == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: an argument is NULL");
    }
    copse_cid at = *commit;
    uint64_t generation_max = INT64_MAX;
    copse_source_begin(source);
    while (distance > 0) {
        copse_commit here;
        const copse_cid *next;
        copse_status status = commit_load(env, source, &at, &here, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (here.generation > generation_max) {
            return COPSE_ERR(err, COPSE_CORRUPT, "commit: a generation that its descendants deny");
        }
        uint64_t step = commit_step(&here, distance, &next);
        if (step == 0) {
            return COPSE_ERR(err, COPSE_NOT_FOUND, "history is %llu commits shorter",
                             (unsigned long long)distance);
        }
        generation_max = here.generation - step;
        distance -= step;
        at = *next;
    }
    *ret_cid = at;
    return COPSE_OK;
}

/* Moves from `at`, whose time is too late, to the farthest linked ancestor that is too late as
 * well: OK, with it in both. END: not even its parent is; *ret_parent names that, if there is one.
 */
static copse_status commit_step_later(const copse_env *env, copse_source *source, uint64_t time_ms,
                                      copse_commit *here, copse_cid *ret_parent, copse_err *err)
{
    copse_commit ancestor;
    for (size_t k = here->skips_count + 1; k-- > 0;) {
        const copse_cid *link = k > 0 ? &here->skips[k - 1] : &here->parents[0];
        copse_status status = commit_load(env, source, link, &ancestor, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (ancestor.generation >= here->generation || ancestor.time_ms > here->time_ms) {
            return COPSE_ERR(err, COPSE_CORRUPT,
                             "commit: a generation or time that its descendants deny");
        }
        if (ancestor.time_ms > time_ms) {
            *here = ancestor;
            return COPSE_OK;
        }
    }
    *ret_parent = here->parents[0];
    return COPSE_END;
}

copse_status copse_commit_at(const copse_env *env, copse_source *source, const copse_cid *commit,
                             uint64_t time_ms, copse_cid *ret_cid, copse_err *err)
{
    copse_commit here;
    copse_cid found = {0};
    if (env == NULL || source == NULL || !copse_block_cid_is_valid(commit) || ret_cid == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "commit: an argument is NULL");
    }
    copse_source_begin(source);
    copse_status status = commit_load(env, source, commit, &here, err);
    if (status == COPSE_OK && here.time_ms <= time_ms) {
        *ret_cid = *commit;
        return COPSE_OK;
    }
    while (status == COPSE_OK && here.parents_count > 0) {
        status = commit_step_later(env, source, time_ms, &here, &found, err);
    }
    if (status == COPSE_OK) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "history begins later");
    }
    if (status == COPSE_END) {
        *ret_cid = found;
        return COPSE_OK;
    }
    return status;
}
