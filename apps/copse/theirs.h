/* What another branch, or another database, has: what is merged into a database, or picked from.
 * `mine` reads both from then on, by copse_place_fetch of its place.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_THEIRS_H
#define COPSE_APPS_THEIRS_H

#include "documents.h"

/** Stays where it is while it is open. A zeroed one may be closed. */
typedef struct copse_theirs {
    copse_documents *mine;
    const char *name;  /**< As it was written. */
    copse_place place; /**< Of a database elsewhere; else zeroed. */
    copse_cid head;    /**< Of that, asked once; else of size 0. */
    bool may_lack;     /**< Blocks of theirs may be missing in mine. */
} copse_theirs;

/** Opens what `name` names: a revision of the database itself; or else a database that is
 * elsewhere (address.h), whose head is asked for. One that is both is told. */
bool copse_theirs_open(copse_theirs *theirs, copse_documents *mine, const char *name);

/** Opens the database elsewhere that `name` names. */
bool copse_theirs_open_place(copse_theirs *theirs, copse_documents *mine, const char *name);

/** As copse_theirs_open_place, where it is known what the head is: nobody is asked for it. */
bool copse_theirs_open_head(copse_theirs *theirs, copse_documents *mine, const char *name,
                            const copse_cid *head);

/** Closes it, before `mine`. */
void copse_theirs_close(copse_theirs *theirs);

/** The commit that is merged: a revision counts from mine's head as it is now. */
bool copse_theirs_commit(copse_theirs *theirs, copse_cid *ret_commit);

/** The commit that `revision` names, of theirs if that is elsewhere, else of mine. */
bool copse_theirs_revision(copse_theirs *theirs, const char *revision, copse_cid *ret_commit);

/** As JSON, prints what was asked of peers, if anything was (copse_peers_print): of those that have
 * theirs, or else of mine's. */
void copse_theirs_print(const copse_theirs *theirs);

/** Brings all that `commit` of theirs leads to into mine, but for what mine's head leads to. A
 * sparse clone is left without what its origin has. */
bool copse_theirs_keep(copse_theirs *theirs, const copse_cid *commit);

#endif
