/* Finding blocks in a view, and writing it down as a snapshot.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "backends/pack/pack_view.h"

#include "base/err.h"
#include "base/loadstore.h"

/* ---- Finding ---- */

copse_status copse_pack_view_find(copse_pack_view *view, const copse_cid *cid,
                                  copse_pack_found *ret_found, copse_pack_file **ret_file,
                                  copse_pack_place *ret_place, copse_block **ret_block,
                                  copse_err *err)
{
    copse_pack_file *file = view->journal;
    copse_status status =
        copse_pack_file_find(file, cid, &view->scratch, ret_found, ret_place, ret_block, err);
    for (size_t i = view->files_count; i-- > 0 && status == COPSE_OK;) {
        if (*ret_found != COPSE_PACK_FOUND_NOTHING) {
            break;
        }
        file = view->files[i];
        if (file->file != NULL) {
            status = copse_pack_file_find(file, cid, &view->scratch, ret_found, ret_place,
                                          ret_block, err);
        }
    }
    *ret_file = file;
    return status;
}

const copse_err *copse_pack_view_damage(const copse_pack_view *view)
{
    if (view->is_damaged) {
        return &view->damage;
    }
    for (size_t i = 0; i < view->files_count; i++) {
        if (view->files[i]->is_damaged) {
            return &view->files[i]->damage;
        }
    }
    return NULL;
}

/* ---- Snapshots ---- */

static copse_status pack_view_write_file(const copse_pack_file *file, copse_buf *buf)
{
    uint8_t bytes[32];
    if (file->id.kind == COPSE_PACK_NAME_PACK) {
        copse_store_u64le(bytes, file->size);
        copse_bytes parts[2] = {{file->id.digest, sizeof file->id.digest}, {bytes, 8}};
        return copse_item_write(buf, COPSE_ITEM_PACK, parts, 2);
    }
    copse_store_u64le(bytes, file->id.generation);
    copse_store_u64le(bytes + 8, file->size);
    copse_store_u64le(bytes + 16, file->index_offset);
    copse_store_u64le(bytes + 24, file->index_size);
    copse_bytes part = {bytes, sizeof bytes};
    return copse_item_write(buf, COPSE_ITEM_JOURNAL, &part, 1);
}

/* Files that are damaged stay named: what they hold may be needed, and fsck tells of them. */
copse_status copse_pack_view_snapshot(const copse_pack_view *view, bool with_journal,
                                      copse_buf *buf, copse_err *err)
{
    uint8_t epoch[8];
    copse_store_u64le(epoch, view->epoch);
    copse_bytes part = {epoch, sizeof epoch};
    copse_status status = copse_item_write(buf, COPSE_ITEM_EPOCH, &part, 1);
    for (size_t i = 0; i < view->refs_count && status == COPSE_OK; i++) {
        const copse_pack_ref *ref = &view->refs[i];
        copse_bytes parts[3] = {
            {&ref->name_size, 1}, {ref->name, ref->name_size}, {ref->cid.bytes, ref->cid.size}};
        status = copse_item_write(buf, COPSE_ITEM_REF, parts, 3);
    }
    for (size_t i = 0; i < view->files_count && status == COPSE_OK; i++) {
        status = pack_view_write_file(view->files[i], buf);
    }
    if (status == COPSE_OK && with_journal) {
        copse_pack_file ended = *view->journal;
        ended.index_offset = view->index_offset;
        ended.index_size = view->index_size;
        status = pack_view_write_file(&ended, buf);
    }
    return status == COPSE_OK
               ? status
               : COPSE_ERR(err, status, "no room for a snapshot of %zu refs", view->refs_count);
}
