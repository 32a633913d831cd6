/* The blocks that are here, as sources of a remote see them: the store of its options, read-only,
 * with what is read of it counted and, for a query that is tried here first, noted.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_STORE_H
#define COPSE_REMOTE_REMOTE_STORE_H

#include <copse/cid_set.h>
#include <copse/remote.h>

/** Blocks that were read, each once. */
typedef struct copse_remote_notes {
    copse_cid cids[COPSE_REMOTE_HAVE_MAX];
    size_t count;
    bool full; /**< More were asked for, and not given. */
} copse_remote_notes;

/** Adds a CID, once. False: there is no room for it. */
bool copse_remote_notes_add(copse_remote_notes *notes, const copse_cid *cid);

/** Begins with the store that it is. */
typedef struct copse_remote_store_view {
    copse_store store;
    copse_store *inner;        /* borrowed; NULL: there is none */
    copse_cid_set counted;     /* bounded: emptied when it is full */
    uint64_t had;              /* blocks read; each counts once while it is in `counted` */
    copse_remote_notes *notes; /* NULL: nothing is noted */
} copse_remote_store_view;

void copse_remote_store_init(copse_remote_store_view *view, const copse_env *env,
                             copse_store *inner);
void copse_remote_store_release(copse_remote_store_view *view);

/** Notes what is read from now on. When the notes are full, other blocks are NOT_FOUND, so that
 * whoever reads stops. NULL: no more. */
void copse_remote_store_note(copse_remote_store_view *view, copse_remote_notes *notes);

#endif
