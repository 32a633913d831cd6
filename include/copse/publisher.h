/* Publishing under a name: the IPNS records of one key, made anew as what it names moves.
 *
 * A reader believes the record with the greater sequence, for ever. So no two records of a key may
 * have one sequence, whatever crashes and however many processes publish: the greatest that was
 * used stands in a small file beside the key, which is durable before anything is signed
 * (docs/formats/sequence.md). All processes with one folder give the same record, or a newer one.
 *
 *     copse_publisher_open(&env, &options, &publisher, &err);
 *     copse_publisher_record(publisher, &record, &said, &err);     whenever somebody asks
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PUBLISHER_H
#define COPSE_PUBLISHER_H

#include <copse/ipns.h>
#include <copse/sys/os.h>

COPSE_EXTERN_C_BEGIN

/** How long a record is valid if nothing else is said, and how long a reader may keep it. */
#define COPSE_PUBLISHER_VALIDITY_MS ((uint64_t)48 * 3600 * 1000)
#define COPSE_PUBLISHER_TTL_MS ((uint64_t)60 * 1000)
/** A record that is valid for less is no use, and one for longer is no record to take back. */
#define COPSE_PUBLISHER_VALIDITY_MS_MIN ((uint64_t)60 * 1000)
#define COPSE_PUBLISHER_VALIDITY_MS_MAX ((uint64_t)366 * 24 * 3600 * 1000)

typedef struct copse_publisher_options {
    copse_os *os;         /**< Must outlive the publisher. */
    const char *folder;   /**< Where the key's files are; must be there. Copied. */
    const char *name;     /**< Of the key: the file is called this and ".sequence". Copied. */
    const copse_key *key; /**< Must outlive the publisher. */
    uint64_t validity_ms; /**< 0: COPSE_PUBLISHER_VALIDITY_MS. */
    uint64_t ttl_ms;      /**< 0: COPSE_PUBLISHER_TTL_MS. */
    /** Gives what is to be published now, seeing what others have written: a commit. Its failures
     * are copse_publisher_record's. */
    copse_status (*head)(void *ctx, copse_cid *ret_head, copse_err *err);
    void *ctx;
} copse_publisher_options;

/** Belongs to one thread. */
typedef struct copse_publisher copse_publisher;

/** Makes one; reads and writes nothing yet. `env` must outlive it. MISUSE: an env without a clock,
 * a validity outside of its bounds, a ttl longer than it, a name that is no file's or too long.
 * NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_publisher_open(const copse_env *env,
                                                           const copse_publisher_options *options,
                                                           copse_publisher **ret_publisher,
                                                           copse_err *err);

/** NULL is allowed. Returns NULL. */
COPSE_API copse_publisher *copse_publisher_close(copse_publisher *publisher);

/** Gives the record of the head, and what it says; both are lent until the next call. It is the
 * last one while that names the head and half of its time is left, else a new one, with a greater
 * sequence. Waits while another process makes one. Statuses of the options' head; IO, DENIED: the
 * folder can't be read or written. CORRUPT: the file there is damaged, or of another key; the
 * message says what to do. LIMIT: no sequence is left. NOMEM. A failure has given no sequence out,
 * and the next call may do better. */
COPSE_API COPSE_MUST_USE copse_status copse_publisher_record(copse_publisher *publisher,
                                                             copse_bytes *ret_record,
                                                             copse_ipns_record *ret_said,
                                                             copse_err *err);

COPSE_EXTERN_C_END

#endif
