/* IPNS records: what a key says that its name now stands for.
 *
 * A record is signed by the key whose name it is for, so that it may come from anybody. It holds a
 * value (of a database: /ipfs/ and the CID of the head's commit), a sequence, which tells the newer
 * of two, and the time at which it ends.
 *
 * Format: docs/formats/ipns.md; https://specs.ipfs.tech/ipns/ipns-record/. Written with both
 * signatures (V1 and V2), as old readers want it; read by the second alone, which covers all.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_IPNS_H
#define COPSE_IPNS_H

#include <copse/buf.h>
#include <copse/cid.h>
#include <copse/key.h>

COPSE_EXTERN_C_BEGIN

/** A longer record is not read, and not written. */
#define COPSE_IPNS_RECORD_SIZE_BYTES_MAX 10240
/** Bytes of the key under which records are kept in a DHT. */
#define COPSE_IPNS_ROUTING_KEY_SIZE_BYTES 44
/** Characters of the longest value that names a CID, with the NUL. */
#define COPSE_IPNS_VALUE_TEXT_SIZE_MAX (6 + COPSE_CID_TEXT_SIZE_MAX)

/** What a record says. Plain data, but that `value` borrows: from the record that it was read from,
 * or from the caller. */
typedef struct copse_ipns_record {
    copse_bytes value; /**< A path, such as /ipfs/bafyrei…: what the name stands for. */
    uint64_t sequence; /**< The record with the larger one is the newer. */
    uint64_t eol_ms;   /**< From then on it is no longer valid: milliseconds since 1970, */
    uint32_t eol_ns;   /**< and nanoseconds on top, below 1,000,000. */
    uint64_t ttl_ns;   /**< How long a reader may go without asking for a newer one. */
} copse_ipns_record;

/** Signs `record` with `key` and appends it to `ret_buf`. The same record gives the same bytes.
 * MISUSE: the value does not begin with a slash, eol_ms lies after the year 9999, or eol_ns is
 * 1,000,000 or more. LIMIT: it would be longer than COPSE_IPNS_RECORD_SIZE_BYTES_MAX, or ret_buf's
 * maximum is passed. NOMEM. On failure the buf is as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_ipns_make(const copse_key *key,
                                                      const copse_ipns_record *record,
                                                      copse_buf *ret_buf, copse_err *err);

/** Verifies that `encoded` is a record of `name` that is valid at `time_ms` (milliseconds since
 * 1970; 0: whenever), and reads it; `ret_record->value` borrows from `encoded`. CORRUPT: it is no
 * record, not signed by the key of `name`, or its two halves disagree. DENIED: it was good, but has
 * ended; the message says when. LIMIT: longer than COPSE_IPNS_RECORD_SIZE_BYTES_MAX. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_ipns_verify(const copse_env *env, copse_bytes encoded,
                                                        const copse_public_key *name,
                                                        uint64_t time_ms,
                                                        copse_ipns_record *ret_record,
                                                        copse_err *err);

/** Which of two records of a name is the newer, by sequence, then by the time at which they end:
 * positive: `a`, negative: `b`, zero: neither. */
COPSE_API int copse_ipns_compare(const copse_ipns_record *a, const copse_ipns_record *b);

/** The key under which records of `name` are kept in a DHT: /ipns/ and the multihash. */
COPSE_API void copse_ipns_routing_key(const copse_public_key *name,
                                      uint8_t ret_key[COPSE_IPNS_ROUTING_KEY_SIZE_BYTES]);

/** Writes the value that names `cid`, /ipfs/ and its text in base32, with a NUL; returns its length
 * without the NUL. */
COPSE_API size_t copse_ipns_value_of_cid(const copse_cid *cid,
                                         char ret_text[COPSE_IPNS_VALUE_TEXT_SIZE_MAX]);

/** Reads the CID that a value names. CORRUPT: the value is not exactly /ipfs/ and a CID (but one
 * slash may follow). LIMIT: the CID is too long. */
COPSE_API COPSE_MUST_USE copse_status copse_ipns_value_to_cid(copse_bytes value, copse_cid *ret_cid,
                                                              copse_err *err);

COPSE_EXTERN_C_END

#endif
