/* IPNS records of names of others, given out as they came.
 *
 *   R1  Each was valid when it came, and is given out only while it is.
 *   R2  Of a name the newest that came is kept; an older one is refused, which says so.
 *   R3  There are at most limits.serve_records_max. One that has ended makes room; else that of
 *       anybody which was asked for least recently, so that records of keys that nobody reads
 *       can't fill the place. Those of the server's owner stay.
 *   R4  One of anybody ends within 366 days, as those do that a publisher makes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_RELAYED_RECORDS_H
#define COPSE_SERVE_RELAYED_RECORDS_H

#include <copse/ipns.h>

typedef struct copse_relayed_record {
    copse_public_key name;
    copse_buf bytes;
    copse_ipns_record said; /**< Its value borrows from bytes. */
    bool is_owned;          /**< The server's owner has put one of this name. */
    uint64_t asked;         /**< When it came or was asked for last: the count of that. */
} copse_relayed_record;

/** Zeroed but for the env, which has a clock. Belongs to one thread. */
typedef struct copse_relayed_records {
    const copse_env *env;
    copse_relayed_record *items;
    size_t count;
    size_t capacity;
    uint64_t asked; /**< How often any came or was asked for. */
} copse_relayed_records;

void copse_relayed_records_release(copse_relayed_records *records);

/** Takes a record, of the server's owner or of anybody: statuses as copse_server_put_record. On
 * failure nothing has changed. */
COPSE_MUST_USE copse_status copse_relayed_records_put(copse_relayed_records *records,
                                                      const copse_public_key *name,
                                                      copse_bytes record, bool is_owned,
                                                      copse_err *err);

/** The record of `name`, lent until the next put; NULL: there is none that is valid. */
const copse_relayed_record *copse_relayed_records_find(copse_relayed_records *records,
                                                       const copse_public_key *name);

#endif
