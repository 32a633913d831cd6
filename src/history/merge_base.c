/* Both histories are walked at once, by generation, the highest first. Each commit carries from
 * which of the heads it is reached; what both reach is a base, and what a base comes from is older
 * than one. Since a commit comes after all that were made on it, its marks are complete when it
 * comes.
 *
 *   M1  A commit that comes with both marks, and without that of being older, is a base.
 *   M2  The walk ends when all that is left at its front is older than a base: what is behind it
 *       can be no base.
 *
 * Cost: the commits that one of the heads alone reaches, the bases, and of what is older than these
 * what has a higher generation than another commit at the front.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/merge_base.h>

#include "base/alloc.h"
#include "base/err.h"
#include "block/cid_map.h"
#include "history/history_log.h"

enum {
    MERGE_BASE_OF_A = 1,
    MERGE_BASE_OF_B = 2,
    MERGE_BASE_OF_BOTH = MERGE_BASE_OF_A | MERGE_BASE_OF_B,
    MERGE_BASE_OLDER = 4 /* than a base */
};

/* A commit that was met, and is not yet passed. */
typedef struct merge_base_mark {
    copse_cid cid;
    unsigned marks;
} merge_base_mark;

struct copse_merge_base {
    const copse_env *env;
    copse_history_log *log;
    copse_cid_map map;  /* of merge_base_mark */
    size_t young_count; /* of these, not older than a base (M2) */
    uint64_t commits_read;
    copse_status failed; /* what it failed with, and does again */
    copse_err failure;
    copse_cid bases[COPSE_MERGE_BASES_MAX];
    size_t bases_count;
};

static const copse_cid *merge_base_cid_of(const void *item)
{
    return &((const merge_base_mark *)item)->cid;
}

/* ---- Marks ---- */

static copse_status merge_base_add(copse_merge_base *search, const copse_cid *cid, unsigned marks,
                                   copse_err *err)
{
    uint32_t hash = copse_cid_map_hash(&search->map, cid);
    size_t slot = copse_cid_map_find(&search->map, hash, cid, merge_base_cid_of);
    merge_base_mark *mark = NULL;
    if (slot != COPSE_CID_MAP_NONE) {
        mark = search->map.items[slot];
        search->young_count -= (mark->marks & MERGE_BASE_OLDER) == 0;
    } else {
        mark =
            copse_cid_map_reserve(&search->map, 1) ? copse_alloc(search->env, sizeof *mark) : NULL;
        if (mark == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        *mark = (merge_base_mark){.cid = *cid};
        copse_cid_map_insert(&search->map, hash, mark);
    }
    mark->marks |= marks;
    search->young_count += (mark->marks & MERGE_BASE_OLDER) == 0;
    return COPSE_OK;
}

/* Takes the marks of a commit that has come. */
static unsigned merge_base_take(copse_merge_base *search, const copse_cid *cid)
{
    uint32_t hash = copse_cid_map_hash(&search->map, cid);
    size_t slot = copse_cid_map_find(&search->map, hash, cid, merge_base_cid_of);
    merge_base_mark *mark = search->map.items[slot];
    unsigned marks = mark->marks;
    search->young_count -= (marks & MERGE_BASE_OLDER) == 0;
    copse_cid_map_remove_at(&search->map, slot);
    copse_free(search->env, mark, sizeof *mark);
    return marks;
}

/* ---- Life ---- */

copse_status copse_merge_base_new(const copse_env *env, copse_source *source, const copse_cid *a,
                                  const copse_cid *b, copse_merge_base **ret_search, copse_err *err)
{
    copse_cid heads[2] = {*a, *b};
    copse_merge_base *search = copse_alloc_zeroed(env, sizeof *search);
    if (search == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    search->env = env;
    copse_status status = copse_cid_map_init(&search->map, env, err);
    if (status == COPSE_OK) {
        status = copse_history_log_new_by(env, source, heads, 2, COPSE_HISTORY_BY_GENERATION,
                                          &search->log, err);
    }
    if (status == COPSE_OK) {
        status = merge_base_add(search, a, MERGE_BASE_OF_A, err);
    }
    if (status == COPSE_OK) {
        status = merge_base_add(search, b, MERGE_BASE_OF_B, err);
    }
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
        for (size_t i = 0; i < search->map.capacity; i++) {
            if (search->map.hashes[i] != 0) {
                copse_free(search->env, search->map.items[i], sizeof(merge_base_mark));
            }
        }
        copse_cid_map_release(&search->map);
        copse_history_log_free(search->log);
        copse_free(search->env, search, sizeof *search);
    }
    return NULL;
}

/* ---- Searching ---- */

static copse_status merge_base_found(copse_merge_base *search, const copse_cid *cid, copse_err *err)
{
    if (search->bases_count == COPSE_MERGE_BASES_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "the two histories have more than %d merge bases",
                         COPSE_MERGE_BASES_MAX);
    }
    size_t at = search->bases_count++;
    while (at > 0 && copse_cid_compare(cid, &search->bases[at - 1]) < 0) {
        search->bases[at] = search->bases[at - 1];
        at--;
    }
    search->bases[at] = *cid;
    return COPSE_OK;
}

/* Hands the marks of a commit on to its parents. */
static copse_status merge_base_pass(copse_merge_base *search, const copse_cid *cid,
                                    const copse_commit *commit, copse_err *err)
{
    copse_status status = COPSE_OK;
    unsigned marks = merge_base_take(search, cid);
    search->commits_read++;
    if (marks == MERGE_BASE_OF_BOTH) {
        status = merge_base_found(search, cid, err);
        marks |= MERGE_BASE_OLDER;
    }
    for (size_t i = 0; i < commit->parents_count && status == COPSE_OK; i++) {
        status = merge_base_add(search, &commit->parents[i], marks, err);
    }
    return status;
}

static copse_status merge_base_step(copse_merge_base *search, copse_err *err)
{
    const copse_cid *cid;
    const copse_commit *commit;
    copse_status status = copse_history_log_next(search->log, &cid, &commit, err);
    if (status == COPSE_END) {
        /* A mark that nothing comes for: its commit came before one that was made on it. */
        return COPSE_ERR(err, COPSE_CORRUPT, "commit: a generation that its descendants deny");
    }
    return status == COPSE_OK ? merge_base_pass(search, cid, commit, err) : status;
}

copse_status copse_merge_base_find(copse_merge_base *search, const copse_cid **ret_bases,
                                   size_t *ret_count, copse_err *err)
{
    copse_status status = search->failed;
    while (status == COPSE_OK && search->young_count > 0) {
        status = merge_base_step(search, &search->failure);
    }
    if (status < COPSE_OK) {
        search->failed = status;
        if (err != NULL) {
            *err = search->failure;
        }
    }
    if (status == COPSE_OK) {
        *ret_bases = search->bases;
        *ret_count = search->bases_count;
    }
    return status;
}

uint64_t copse_merge_base_commits_read(const copse_merge_base *search)
{
    return search->commits_read;
}
