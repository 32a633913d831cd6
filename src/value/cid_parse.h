/* Reading a binary CID in place.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CID_PARSE_H
#define COPSE_VALUE_CID_PARSE_H

#include <copse/cid.h>

/** Reads one binary CID at the start of `input` without copying it: `ret_parts->digest` borrows
 * from `input`, `ret_size` is the number of bytes that the CID takes. Statuses as copse_cid_read;
 * on failure `ret_why` (NULL allowed) is a reason for people, in static storage. */
COPSE_MUST_USE copse_status copse_cid_parse(copse_bytes input, copse_cid_parts *ret_parts,
                                            size_t *ret_size, const char **ret_why);

/** Whether `cid` is of the one form that Copse gives to blocks of DAG-CBOR: version 1 and sha2-256,
 * all of it. */
bool copse_cid_is_dag_cbor(const copse_cid *cid);

#endif
