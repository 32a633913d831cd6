/* One request and its answer, waited for: a head, an answer to a query, or history.
 *
 * Deadlines: a peer that sends nothing for limits.fetch_silence_ms_max has failed, and so has one
 * that takes longer in all than twice that and a millisecond for each byte: so nobody can hold an
 * exchange up by trickling.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_REMOTE_EXCHANGE_H
#define COPSE_REMOTE_REMOTE_EXCHANGE_H

#include "remote/remote_request.h"

/** Zeroed: none. Stays where it is while it is under way. */
typedef struct copse_remote_exchange {
    copse_remote *remote;
    copse_remote_request request;
    bool is_running;
    uint64_t begun_ms;
    uint64_t heard_ms;
    uint64_t received_bytes;
} copse_remote_exchange;

/** Begins one; another that is under way ends. The parameters and statuses as
 * copse_remote_request_start. */
COPSE_MUST_USE copse_status copse_remote_exchange_begin(copse_remote_exchange *exchange,
                                                        copse_remote *remote, size_t peer,
                                                        const char *url, const char *type,
                                                        copse_bytes body, copse_err *err);

/** Waits for what comes next: never HEARD_NOTHING. HEAD and BODY: *ret_event, valid until the next
 * call on the transport. REFUSED, FAILED: the reason is noted for the peer. FAILED also after it
 * has ended. IO, NOMEM: the transport's; the exchange has ended. */
COPSE_MUST_USE copse_status copse_remote_exchange_next(copse_remote_exchange *exchange,
                                                       copse_remote_heard *ret_heard,
                                                       copse_transport_event *ret_event,
                                                       copse_err *err);

/** For who waits for several: takes an event, or (NULL) looks whether its time is over, which is at
 * copse_remote_exchange_until. NOTHING: it was not of this exchange, or only goes on; FAILED also
 * after it has ended. */
copse_remote_heard copse_remote_exchange_hear(copse_remote_exchange *exchange,
                                              const copse_transport_event *event);
uint64_t copse_remote_exchange_until(const copse_remote_exchange *exchange);

/** Notes for the peer that what it sent is not what was asked for; the exchange goes on, if it
 * hasn't ended. */
void copse_remote_exchange_note_lie(copse_remote_exchange *exchange, const char *format, ...)
    COPSE_PRINTF(2, 3);

/** Ends it; a zeroed or ended one is allowed. */
void copse_remote_exchange_end(copse_remote_exchange *exchange);

/** Ends the one that is under way, if any: something else asks peers now. */
void copse_remote_exchange_interrupt(copse_remote *remote);

#endif
