/* The heads of a place as they come: of a folder by looking at its ref, of a database that a peer
 * serves by the peer's events (head_stream.h), of other names by asking from time to time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_HEAD_SOURCE_H
#define COPSE_APPS_HEAD_SOURCE_H

#include "place.h"

#include <copse/head_stream.h>

/** Stays where it is while it is open. A zeroed one may be closed. */
typedef struct copse_head_source {
    copse_place *place;
    copse_transport *transport; /* of its own: that of the place fetches meanwhile */
    copse_head_stream *stream;  /* NULL: it is looked at, or asked for */
    bool is_in_trouble;         /* and that was told */
} copse_head_source;

/** Opens it; `known` (NULL: none) is the head that need not be told. False: reported; also a place
 * that never changes. */
bool copse_head_source_open(copse_head_source *source, copse_place *place, const copse_cid *known);

void copse_head_source_close(copse_head_source *source);

/** Waits for a head that is not `known` (NULL: any), for as long as it takes; meanwhile tells on
 * stderr when the peer can't be heard. False: reported. */
bool copse_head_source_next(copse_head_source *source, const copse_cid *known, copse_cid *ret_head);

/** Waits so long before something is tried again with *head; a head that comes meanwhile and is
 * another one takes its place, and ends the wait. False: reported. */
bool copse_head_source_pause(copse_head_source *source, unsigned ms, copse_cid *head);

#endif
