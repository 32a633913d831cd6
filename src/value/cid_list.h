/* DAG-CBOR lists of links, as copse_cid after copse_cid.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CID_LIST_H
#define COPSE_VALUE_CID_LIST_H

#include <copse/cid.h>
#include <copse/dag_cbor.h>

/** Appends the CIDs of the list that the reader stands before, and moves behind it. CORRUPT: it is
 * no list of links. LIMIT: it has more than `count_max`; found before any is appended. NOMEM. */
COPSE_MUST_USE copse_status copse_cid_list_read(copse_cbor_reader *reader, size_t count_max,
                                                copse_buf *cids, copse_err *err);

/** Writes a list of links. MISUSE: a zeroed CID. NOMEM, LIMIT: from the buf, which may then hold a
 * part of it. */
COPSE_MUST_USE copse_status copse_cid_list_write(const copse_cid *cids, size_t count,
                                                 copse_buf *buf);

#endif
