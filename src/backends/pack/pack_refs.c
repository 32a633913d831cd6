/* The refs of a pack database: the slots of <copse/sys/refs.h>.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_db.h"

#include "base/err.h"

#include <stddef.h>

static copse_pack_db *pack_refs_db(copse_refs *refs)
{
    return (copse_pack_db *)(void *)((char *)refs - offsetof(copse_pack_db, refs));
}

static copse_status pack_refs_unsure(const copse_pack_db *db, copse_bytes name, copse_err *err)
{
    return COPSE_ERR(err, COPSE_CORRUPT, "ref %.*s may have moved in what is damaged: %.150s",
                     (int)(name.len < 60 ? name.len : 60), (const char *)name.ptr,
                     db->view.damage.message);
}

static copse_status pack_refs_get(copse_refs *refs, copse_bytes name, copse_cid *ret_cid,
                                  copse_err *err)
{
    copse_pack_db *db = pack_refs_db(refs);
    bool found;
    copse_status status =
        db->view.is_stale ? copse_pack_view_catch_up(&db->view, false, err) : COPSE_OK;
    if (status != COPSE_OK) {
        return status;
    }
    size_t at = copse_pack_view_ref(&db->view, name, &found);
    if (db->view.is_damaged && (!found || db->view.refs[at].is_unsure)) {
        return pack_refs_unsure(db, name, err);
    }
    if (!found) {
        return COPSE_ERR(err, COPSE_NOT_FOUND, "there is no ref %.*s", (int)name.len,
                         (const char *)name.ptr);
    }
    *ret_cid = db->view.refs[at].cid;
    return COPSE_OK;
}

static copse_status pack_refs_swap(copse_refs *refs, copse_bytes name, const copse_cid *expected,
                                   const copse_cid *cid, copse_err *err)
{
    copse_pack_db *db = pack_refs_db(refs);
    copse_pack_move move = {name, expected, cid};
    if (db->options.read_only) {
        return COPSE_ERR(err, COPSE_DENIED, "%s was opened for reading only", db->io.path);
    }
    return copse_pack_db_commit(db, &move, false, err);
}

static copse_status pack_refs_iterate(copse_refs *refs, copse_refs_visit_fn visit, void *ctx,
                                      copse_err *err)
{
    copse_pack_db *db = pack_refs_db(refs);
    copse_status status =
        db->view.is_stale ? copse_pack_view_catch_up(&db->view, false, err) : COPSE_OK;
    for (size_t i = 0; i < db->view.refs_count && status == COPSE_OK; i++) {
        const copse_pack_ref *ref = &db->view.refs[i];
        copse_bytes name = {ref->name, ref->name_size};
        status =
            ref->is_unsure ? pack_refs_unsure(db, name, err) : visit(ctx, name, &ref->cid, err);
    }
    if (status == COPSE_OK && db->view.is_damaged) { /* which may hide others */
        return COPSE_ERR(err, COPSE_CORRUPT, "%s", db->view.damage.message);
    }
    return status;
}

/* The db owns its refs: closing them closes nothing. */
static void pack_refs_close(copse_refs *refs)
{
    (void)refs;
}

const copse_refs_ops copse_pack_refs_ops = {
    .get = pack_refs_get,
    .swap = pack_refs_swap,
    .iterate = pack_refs_iterate,
    .close = pack_refs_close,
};
