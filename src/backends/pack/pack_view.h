/* What a process knows of a store: the journal in use as far as it was read, the refs, and the
 * files that older blocks are in.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_VIEW_H
#define COPSE_BACKENDS_PACK_PACK_VIEW_H

#include "backends/pack/journal_reader.h"
#include "backends/pack/pack_file.h"

#include <copse/sys/refs.h>

typedef struct copse_pack_ref {
    uint8_t name_size;
    uint8_t name[COPSE_REF_NAME_SIZE_BYTES_MAX];
    bool is_unsure; /* a damaged frame behind it may have moved it */
    copse_cid cid;
} copse_pack_ref;

/** Belongs to one thread. A zeroed one may be released. */
typedef struct copse_pack_view {
    copse_pack_io *io;
    copse_journal_header header;
    copse_pack_file *journal; /* the one in use */
    uint64_t tail;            /* where its next frame goes */
    uint64_t sequence;        /* of its last frame */
    uint64_t checksum;
    uint64_t synced;  /* so much of it is known to be durable */
    bool is_unsynced; /* the last frame was written with durability off */
    bool is_last;     /* that frame was its last */
    bool is_dirty;    /* bytes behind tail that are no frame, when it was last looked at */
    bool is_stale;    /* a failure left it behind the file: load again */
    bool is_damaged;  /* J2 */
    copse_err damage;
    uint64_t index_offset; /* of a last frame */
    uint64_t index_size;
    uint64_t epoch;
    copse_pack_ref *refs; /* by name */
    size_t refs_count;
    size_t refs_capacity;
    copse_pack_file **files; /* in the order in which the journal names them */
    size_t files_count;
    size_t files_capacity;
    copse_journal_reader reader;
    copse_buf scratch;
} copse_pack_view;

/** Loads the newest journal of the folder. CORRUPT: the message names the file and the place. IO,
 * DENIED, NOMEM. */
COPSE_MUST_USE copse_status copse_pack_view_load(copse_pack_io *io, copse_pack_view *ret_view,
                                                 copse_err *err);
void copse_pack_view_release(copse_pack_view *view);

/** Reads what was written since. `is_locked`: nobody can be writing now, so what is no frame is a
 * torn tail or damage: is_dirty, is_damaged. On failure the view is as it was, or stale. */
COPSE_MUST_USE copse_status copse_pack_view_catch_up(copse_pack_view *view, bool is_locked,
                                                     copse_err *err);

/** Applies a frame whose payload stands at `offset` of the journal. A failure makes it stale. */
COPSE_MUST_USE copse_status copse_pack_view_apply(copse_pack_view *view, const copse_frame *frame,
                                                  copse_bytes payload, uint64_t offset,
                                                  copse_err *err);

/** Looks through journal and files, the newest first. What a damaged file may hide is NOTHING. */
COPSE_MUST_USE copse_status copse_pack_view_find(copse_pack_view *view, const copse_cid *cid,
                                                 copse_pack_found *ret_found,
                                                 copse_pack_file **ret_file,
                                                 copse_pack_place *ret_place,
                                                 copse_block **ret_block, copse_err *err);

/** The damage that a block or ref which is not found may be in, or NULL. */
const copse_err *copse_pack_view_damage(const copse_pack_view *view);

/** The place of a name among the refs; *ret_found says whether it is there. */
size_t copse_pack_view_ref(const copse_pack_view *view, copse_bytes name, bool *ret_found);

/** Applies a REF or an UNREF. NOMEM. */
COPSE_MUST_USE copse_status copse_pack_view_move_ref(copse_pack_view *view, const copse_item *item,
                                                     copse_err *err);

/** The highest generation among the folder's journals; 0: there is none. */
COPSE_MUST_USE copse_status copse_pack_view_newest(copse_pack_io *io, uint64_t *ret_generation,
                                                   copse_err *err);

/** Appends the items of a snapshot: epoch, refs, files; the journal in use, which has ended, if
 * `with_journal`. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_pack_view_snapshot(const copse_pack_view *view, bool with_journal,
                                                     copse_buf *buf, copse_err *err);

#endif
