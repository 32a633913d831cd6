/* Where a store was cloned from: a ref and a small block in the store itself, so that it is as
 * durable as the data, and kept by `copse gc` (docs/formats/origin.md).
 *
 *     origin        the peers, the name of the database there, what was cloned of it
 *     origin/main   the last head of it that was pulled to the end
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_ORIGIN_H
#define COPSE_APPS_ORIGIN_H

#include "local.h"

#include <copse/remote.h>
#include <copse/revision.h>

#define COPSE_REF_ORIGIN COPSE_REVISION_ORIGIN
#define COPSE_REF_ORIGIN_HEAD COPSE_REVISION_ORIGIN "/main"

typedef struct copse_origin {
    const char *peers[COPSE_REMOTE_PEERS_MAX]; /**< The first is asked for the head. */
    size_t peers_count;
    const char *name;     /**< Of the database at the first peer; NULL: it has none there. */
    const char *name_key; /**< The IPNS name that it was cloned by, asked of all peers; NULL with no
                               name either: it was cloned by a CID. */
    const char *collection; /**< NULL: everything is here. */
    copse_bytes filter; /**< What a query of the collection needs is here; ptr NULL: all of it. */
    bool is_fork;       /**< main is the store's own: it is merged with what is pulled, and doesn't
                           follow. */
    bool is_partial;    /**< Nothing is here but what was needed until now. */
    copse_block *block; /**< Of one that was read: what the filter borrows from. */
    copse_buf texts;    /**< What was read, with NULs. */
} copse_origin;

/** Reads that of a store. A store without one: true, and `ret_origin` has no peers. Release it. */
bool copse_origin_read(copse_local *local, copse_origin *ret_origin);

/** A zeroed one is allowed. */
void copse_origin_release(copse_origin *origin);

/** Whether the store has one. */
static inline bool copse_origin_is_there(const copse_origin *origin)
{
    return origin->peers_count > 0;
}

/** Whether it may have moved on: it has a name of one kind or the other. */
static inline bool copse_origin_is_named(const copse_origin *origin)
{
    return origin->name != NULL || origin->name_key != NULL;
}

/** Whether parts of the database are left at the origin. */
static inline bool copse_origin_is_sparse(const copse_origin *origin)
{
    return origin->collection != NULL || origin->is_partial;
}

/** Makes the block that the ref names. */
COPSE_MUST_USE copse_status copse_origin_encode(const copse_env *env, const copse_origin *origin,
                                                copse_block **ret_block, copse_err *err);

/** "http://host:4180/blog", "ipns://k51…", or the peer alone: for messages. Returns `ret_text`. */
const char *copse_origin_show(const copse_origin *origin, char *ret_text, size_t size);

#endif
