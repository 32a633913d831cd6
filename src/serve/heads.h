/* The heads of the databases that are watched, as events.
 *
 *   E1  A head is looked at when somebody asks and COPSE_HEADS_LOOK_MS have passed since it was
 *       last: so it costs the same for one watcher as for all of them, and nothing for none.
 *   E2  A ref that did not move costs the reading of the ref: no block is read.
 *   E3  The event of a head is made once for all watchers, who take it from here.
 *   E4  What can't be read now is as it was when it was read last: the next look may do better.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_HEADS_H
#define COPSE_SERVE_HEADS_H

#include <copse/buf.h>
#include <copse/cid.h>

struct copse_service;

enum { COPSE_HEADS_LOOK_MS = 200 };

/** The head of one database. */
typedef struct copse_watched_head {
    copse_cid cid;      /**< Of size 0: there was none yet. */
    copse_buf event;    /**< What tells of it (docs/formats/http.md); empty: likewise. */
    uint64_t looked_ms; /**< 0: never. */
} copse_watched_head;

/** Zeroed at first. Belongs to one thread. */
typedef struct copse_heads {
    copse_watched_head *items; /**< Of each database that is served, by its number. */
    size_t capacity;
    size_t watchers; /**< Event streams that are open. */
} copse_heads;

void copse_heads_release(struct copse_service *service);

/** The head of database number `index` of the service, looked at if it is time (E1); lent until the
 * next call. NULL: no memory. */
const copse_watched_head *copse_heads_look(struct copse_service *service, size_t index);

#endif
