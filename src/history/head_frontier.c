/* Both histories are walked at once (marked_walk.h), and commits come after all that were made on
 * them. What `ours` comes from is done with. A commit of theirs alone comes with the code of the
 * run above it: the place of its last commit in `commits`, in one half of the bits as it is, and in
 * the other half inverted. So of several runs above, some bit comes both set and cleared, as it
 * does below an automatic merge, and without a commit above there is no code.
 *
 * Cost: as copse_merge_base_find. A signature is checked only where a run may end: below a commit
 * that was signed by the same author, it may be wrong, for that one vouches for what it was made
 * on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/head_frontier.h>

#include "base/alloc.h"
#include "base/err.h"
#include "history/commit.h"
#include "history/marked_walk.h"

enum {
    HEAD_FRONTIER_CODE_BITS = 14,
    HEAD_FRONTIER_CODE_MASK = (1 << HEAD_FRONTIER_CODE_BITS) - 1,
    HEAD_FRONTIER_SEVERAL = (1 << 2 * HEAD_FRONTIER_CODE_BITS) - 1 /* no code */
};

_Static_assert(COPSE_HEAD_FRONTIER_MAX == 1 << HEAD_FRONTIER_CODE_BITS, "each run has a code");

struct copse_head_frontier {
    const copse_env *env;
    copse_marked_walk *walk;
    copse_head_frontier_commit *commits; /* descendants first until it is done */
    size_t count;
    size_t capacity;
    uint64_t links;
    size_t judged; /* commits whose signatures were looked at */
    bool is_done;
    copse_err failure; /* what it failed with, and does again */
};

copse_status copse_head_frontier_new(const copse_env *env, copse_source *source,
                                     const copse_cid *ours, const copse_cid *theirs,
                                     copse_head_frontier **ret_frontier, copse_err *err)
{
    const copse_marked_head heads[2] = {{*ours, COPSE_MARK_DONE}, {*theirs, 0}};
    copse_head_frontier *frontier = copse_alloc_zeroed(env, sizeof *frontier);
    if (frontier == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    frontier->env = env;
    copse_status status = copse_marked_walk_new(env, source, heads, 2, &frontier->walk, err);
    if (status != COPSE_OK) {
        copse_head_frontier_free(frontier);
        return status;
    }
    *ret_frontier = frontier;
    return COPSE_OK;
}

copse_head_frontier *copse_head_frontier_free(copse_head_frontier *frontier)
{
    if (frontier != NULL) {
        copse_marked_walk_free(frontier->walk);
        copse_free_array(frontier->env, frontier->commits, frontier->capacity,
                         sizeof *frontier->commits);
        copse_free(frontier->env, frontier, sizeof *frontier);
    }
    return NULL;
}

static unsigned head_frontier_code(size_t at)
{
    unsigned code = (unsigned)at;
    return (~code & HEAD_FRONTIER_CODE_MASK) << HEAD_FRONTIER_CODE_BITS | code;
}

/* The run above a commit, by its last one; NULL: there are several, or none. */
static copse_head_frontier_commit *head_frontier_above(copse_head_frontier *frontier,
                                                       unsigned marks)
{
    unsigned code = marks & HEAD_FRONTIER_CODE_MASK;
    return marks != 0 && marks == head_frontier_code(code) ? &frontier->commits[code] : NULL;
}

static bool head_frontier_same_signer(const copse_head_frontier_commit *a,
                                      const copse_head_frontier_commit *b)
{
    bool is_somebody = a->kind == COPSE_HEAD_SIGNED;
    return is_somebody == (b->kind == COPSE_HEAD_SIGNED) &&
           (!is_somebody || copse_public_key_equal(&a->signer, &b->signer));
}

/* What a commit was made on, if that is one commit; else zeroed. */
static copse_cid head_frontier_base(const copse_commit *commit)
{
    return commit->parents_count == 1 ? commit->parents[0] : (copse_cid){.size = 0};
}

/* Whose a commit says that it is, as if it were the last of a run. */
static copse_head_frontier_commit head_frontier_claim(const copse_cid *cid,
                                                      const copse_commit *commit)
{
    copse_head_frontier_commit claim = {
        .cid = *cid, .kind = COPSE_HEAD_UNSIGNED, .base = head_frontier_base(commit)};
    if (commit->signature.len > 0) {
        claim.kind = copse_public_key_from_did(commit->author, &claim.signer, NULL) == COPSE_OK
                         ? COPSE_HEAD_SIGNED
                         : COPSE_HEAD_FORGED;
    }
    return claim;
}

/* Takes a commit into the run above it (R4). */
static void head_frontier_extend(copse_head_frontier_commit *run, const copse_cid *cid,
                                 const copse_commit *commit)
{
    if (copse_cid_equal(&run->base, cid)) {
        run->base = head_frontier_base(commit);
    }
}

/* Appends the last commit of a run, and hands its code down. */
static copse_status head_frontier_add(copse_head_frontier *frontier,
                                      const copse_head_frontier_commit *commit, copse_err *err)
{
    void *commits = frontier->commits;
    if (!copse_array_grow(frontier->env, &commits, &frontier->capacity, frontier->count + 1,
                          sizeof *frontier->commits)) {
        return COPSE_ERR_NOMEM(err);
    }
    frontier->commits = commits;
    frontier->commits[frontier->count] = *commit;
    copse_marked_walk_set_marks(frontier->walk, head_frontier_code(frontier->count++));
    return COPSE_OK;
}

/* R1, R5 */
static copse_status head_frontier_judge(copse_head_frontier *frontier, const copse_cid *cid,
                                        const copse_commit *commit, unsigned marks, copse_err *err)
{
    copse_head_frontier_commit *above = head_frontier_above(frontier, marks);
    copse_head_frontier_commit judged = head_frontier_claim(cid, commit);
    if (above != NULL && head_frontier_same_signer(above, &judged)) {
        head_frontier_extend(above, cid, commit);
        return COPSE_OK; /* with the code of the run that it came with */
    }
    if (++frontier->judged > COPSE_HEAD_FRONTIER_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "more than %d commits have to be judged one by one",
                         COPSE_HEAD_FRONTIER_MAX);
    }
    copse_status status = judged.kind == COPSE_HEAD_SIGNED
                              ? copse_commit_verify(frontier->env, commit, err)
                              : COPSE_OK;
    if (status == COPSE_CORRUPT) {
        judged.kind = COPSE_HEAD_FORGED;
        judged.signer = (copse_public_key){{0}};
    } else if (status != COPSE_OK) {
        return status;
    }
    if (above != NULL && head_frontier_same_signer(above, &judged)) {
        head_frontier_extend(above, cid, commit);
        return COPSE_OK;
    }
    return head_frontier_add(frontier, &judged, err);
}

static copse_status head_frontier_visit(copse_head_frontier *frontier, const copse_cid *cid,
                                        const copse_commit *commit, unsigned marks, copse_err *err)
{
    size_t waiting_bytes = copse_marked_walk_front_size_bytes(frontier->walk);
    if ((marks & COPSE_MARK_DONE) != 0) {
        return COPSE_OK;
    }
    frontier->links += commit->parents_count;
    if (frontier->links > COPSE_HEAD_FRONTIER_LINKS_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "its new history has more than %d links to parents",
                         COPSE_HEAD_FRONTIER_LINKS_MAX);
    }
    if (waiting_bytes > COPSE_HEAD_FRONTIER_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "its new history has over %zu bytes of commits abreast",
                         COPSE_HEAD_FRONTIER_SIZE_BYTES_MAX);
    }
    if (copse_commit_is_automatic(commit)) {
        copse_marked_walk_set_marks(frontier->walk, HEAD_FRONTIER_SEVERAL);
        return COPSE_OK;
    }
    return head_frontier_judge(frontier, cid, commit, marks, err);
}

/* R2: commits come by generation and CID, the greatest first. */
static void head_frontier_reverse(copse_head_frontier *frontier)
{
    for (size_t i = 0; i < frontier->count / 2; i++) {
        copse_head_frontier_commit *other = &frontier->commits[frontier->count - 1 - i];
        copse_head_frontier_commit swapped = frontier->commits[i];
        frontier->commits[i] = *other;
        *other = swapped;
    }
}

copse_status copse_head_frontier_find(copse_head_frontier *frontier,
                                      const copse_head_frontier_commit **ret_commits,
                                      size_t *ret_count, copse_err *err)
{
    const copse_cid *cid;
    const copse_commit *commit;
    unsigned marks;
    copse_status status = frontier->failure.status;
    while (status == COPSE_OK && !frontier->is_done) {
        status = copse_marked_walk_next(frontier->walk, &cid, &commit, &marks, &frontier->failure);
        if (status == COPSE_OK) {
            status = head_frontier_visit(frontier, cid, commit, marks, &frontier->failure);
        } else if (status == COPSE_END) {
            head_frontier_reverse(frontier);
            frontier->is_done = true;
            status = COPSE_OK;
        }
    }
    status = copse_err_keep(&frontier->failure, status, err);
    if (status == COPSE_OK) {
        *ret_commits = frontier->commits;
        *ret_count = frontier->count;
    }
    return status;
}
