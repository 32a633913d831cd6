/* The heads of a place as they come: of a folder by looking at its ref, of a database that a peer
 * serves by the peer's events (head_stream.h), of the rest by asking from time to time.
 *
 * What a name stands for is in its record alone, signed. So where one of the peers serves the name,
 * its events only say when to ask all of them for the record: at each event, once a minute in
 * between, and every two seconds while there are no events, or the record is behind them.
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
    bool is_of_name;            /* then the stream is of the peer that serves the name */
    copse_cid announced;        /* by that; size 0: nothing was */
    uint64_t find_ms;           /* when such a peer is looked for */
    uint64_t ask_ms;            /* polled: when it is asked again */
    uint64_t sequence;          /* of the record that named the last head; 0: none did */
    bool has_told;              /* a head */
    bool is_in_trouble;         /* and that was told */
} copse_head_source;

/** Opens it; `known` (NULL: none) is the head that need not be told. False: reported; also a place
 * that never changes. */
bool copse_head_source_open(copse_head_source *source, copse_place *place, const copse_cid *known);

void copse_head_source_close(copse_head_source *source);

/** Waits for a head that is not `known` (NULL: any), for as long as it takes; meanwhile tells on
 * stderr when the peer can't be heard. False: reported. */
bool copse_head_source_next(copse_head_source *source, const copse_cid *known, copse_cid *ret_head);

/** Asks for the head, once. False: it can't be had now, which is told when that is new. */
bool copse_head_source_ask(copse_head_source *source, copse_cid *ret_head);

/** As copse_head_source_next, for who has many to listen to: waits for `ms` at most, asks seldom,
 * and false: there is no other head, or it can't be had now, which is told when that is new. */
bool copse_head_source_poll(copse_head_source *source, unsigned ms, const copse_cid *known,
                            copse_cid *ret_head);

/** Waits so long before something is tried again with *head; a head that comes meanwhile and is
 * another one takes its place, and ends the wait. False: reported. */
bool copse_head_source_pause(copse_head_source *source, unsigned ms, copse_cid *head);

#endif
