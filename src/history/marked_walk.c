/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "history/marked_walk.h"

#include "base/alloc.h"
#include "base/err.h"
#include "block/cid_map.h"
#include "history/history_log.h"

/* A commit that was met, and has not yet come. */
typedef struct marked_commit {
    copse_cid cid;
    unsigned marks;
} marked_commit;

struct copse_marked_walk {
    const copse_env *env;
    copse_history_log *log;
    copse_cid_map map;         /* of marked_commit */
    size_t open_count;         /* of these, without COPSE_MARK_DONE (K2) */
    const copse_commit *given; /* whose marks are still to be handed down; lent by the log */
    unsigned given_marks;
    uint64_t commits_read;
    copse_err failure; /* what it failed with, and does again */
};

static const copse_cid *marked_commit_cid(const void *item)
{
    return &((const marked_commit *)item)->cid;
}

static bool marked_is_open(unsigned marks)
{
    return (marks & COPSE_MARK_DONE) == 0;
}

static copse_status marked_add(copse_marked_walk *walk, const copse_cid *cid, unsigned marks,
                               copse_err *err)
{
    uint32_t hash = copse_cid_map_hash(&walk->map, cid);
    size_t slot = copse_cid_map_find(&walk->map, hash, cid, marked_commit_cid);
    marked_commit *commit = slot != COPSE_CID_MAP_NONE ? walk->map.items[slot] : NULL;
    if (commit != NULL) {
        walk->open_count -= marked_is_open(commit->marks);
    } else {
        commit =
            copse_cid_map_reserve(&walk->map, 1) ? copse_alloc(walk->env, sizeof *commit) : NULL;
        if (commit == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        *commit = (marked_commit){.cid = *cid};
        copse_cid_map_insert(&walk->map, hash, commit);
    }
    commit->marks |= marks;
    walk->open_count += marked_is_open(commit->marks);
    return COPSE_OK;
}

/* Takes a commit that has come out of the map. */
static unsigned marked_take(copse_marked_walk *walk, const copse_cid *cid)
{
    uint32_t hash = copse_cid_map_hash(&walk->map, cid);
    size_t slot = copse_cid_map_find(&walk->map, hash, cid, marked_commit_cid);
    marked_commit *commit = walk->map.items[slot];
    unsigned marks = commit->marks;
    walk->open_count -= marked_is_open(marks);
    copse_cid_map_remove_at(&walk->map, slot);
    copse_free(walk->env, commit, sizeof *commit);
    return marks;
}

copse_status copse_marked_walk_new(const copse_env *env, copse_source *source,
                                   const copse_marked_head *heads, size_t count,
                                   copse_marked_walk **ret_walk, copse_err *err)
{
    copse_cid *cids = copse_alloc_array(env, count, sizeof *cids);
    copse_marked_walk *walk = copse_alloc_zeroed(env, sizeof *walk);
    copse_status status =
        walk != NULL && (cids != NULL || count == 0) ? COPSE_OK : COPSE_ERR_NOMEM(err);
    if (status == COPSE_OK) {
        walk->env = env;
        status = copse_cid_map_init(&walk->map, env, err);
    }
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        cids[i] = heads[i].cid;
    }
    if (status == COPSE_OK) {
        status = copse_history_log_new_by(env, source, cids, count, COPSE_HISTORY_BY_GENERATION,
                                          &walk->log, err);
    }
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = marked_add(walk, &heads[i].cid, heads[i].marks, err);
    }
    copse_free_array(env, cids, count, sizeof *cids);
    if (status != COPSE_OK) {
        if (walk != NULL && walk->env == NULL) {
            copse_free(env, walk, sizeof *walk);
        } else {
            copse_marked_walk_free(walk);
        }
        return status;
    }
    *ret_walk = walk;
    return COPSE_OK;
}

copse_marked_walk *copse_marked_walk_free(copse_marked_walk *walk)
{
    if (walk != NULL) {
        for (size_t i = 0; i < walk->map.capacity; i++) {
            if (walk->map.hashes[i] != 0) {
                copse_free(walk->env, walk->map.items[i], sizeof(marked_commit));
            }
        }
        copse_cid_map_release(&walk->map);
        copse_history_log_free(walk->log);
        copse_free(walk->env, walk, sizeof *walk);
    }
    return NULL;
}

/* Hands the marks of the commit that was given last to its parents. */
static copse_status marked_hand_down(copse_marked_walk *walk, copse_err *err)
{
    const copse_commit *given = walk->given;
    copse_status status = COPSE_OK;
    walk->given = NULL;
    for (size_t i = 0; given != NULL && i < given->parents_count && status == COPSE_OK; i++) {
        status = marked_add(walk, &given->parents[i], walk->given_marks, err);
    }
    return status;
}

static copse_status marked_step(copse_marked_walk *walk, const copse_cid **ret_cid, copse_err *err)
{
    copse_status status = marked_hand_down(walk, err);
    if (status != COPSE_OK || walk->open_count == 0) {
        return status == COPSE_OK ? COPSE_END : status;
    }
    status = copse_history_log_next(walk->log, ret_cid, &walk->given, err);
    if (status == COPSE_END) {
        /* A mark that nothing comes for: its commit came before one that was made on it. */
        return COPSE_ERR(err, COPSE_CORRUPT, "commit: a generation that its descendants deny");
    }
    if (status == COPSE_OK) {
        walk->given_marks = marked_take(walk, *ret_cid);
        walk->commits_read++;
    }
    return status;
}

copse_status copse_marked_walk_next(copse_marked_walk *walk, const copse_cid **ret_cid,
                                    const copse_commit **ret_commit, unsigned *ret_marks,
                                    copse_err *err)
{
    const copse_cid *cid = NULL;
    copse_status status = walk->failure.status;
    if (status == COPSE_OK) {
        status = marked_step(walk, &cid, &walk->failure);
    }
    status = copse_err_keep(&walk->failure, status, err);
    if (status == COPSE_OK) {
        *ret_cid = cid;
        *ret_commit = walk->given;
        *ret_marks = walk->given_marks;
    }
    return status;
}

void copse_marked_walk_add_marks(copse_marked_walk *walk, unsigned marks)
{
    walk->given_marks |= marks;
}

void copse_marked_walk_set_marks(copse_marked_walk *walk, unsigned marks)
{
    walk->given_marks = marks;
}

uint64_t copse_marked_walk_commits_read(const copse_marked_walk *walk)
{
    return walk->commits_read;
}

size_t copse_marked_walk_front_size_bytes(const copse_marked_walk *walk)
{
    return copse_history_log_front_size_bytes(walk->log);
}
