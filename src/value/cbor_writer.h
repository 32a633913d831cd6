/* A run of DAG-CBOR writes whose status is asked for once: the first failure stays, and whatever
 * comes behind it is left out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CBOR_WRITER_H
#define COPSE_VALUE_CBOR_WRITER_H

#include <copse/cid.h>
#include <copse/dag_cbor.h>

/** Set up as {.buf = buf}. What copse_cbor_write_map and the others say of heads, keys and statuses
 * holds here; the buf holds a part of the run if the status is not OK. */
typedef struct copse_cbor_writer {
    copse_buf *buf;
    copse_status status;
} copse_cbor_writer;

void copse_cbor_writer_map(copse_cbor_writer *writer, uint64_t count);
void copse_cbor_writer_array(copse_cbor_writer *writer, uint64_t count);

/** A text that is the program's own, such as a key. */
void copse_cbor_writer_key(copse_cbor_writer *writer, const char *key);

void copse_cbor_writer_text(copse_cbor_writer *writer, copse_bytes text);
void copse_cbor_writer_bytes(copse_cbor_writer *writer, copse_bytes bytes);
void copse_cbor_writer_uint(copse_cbor_writer *writer, uint64_t value);
void copse_cbor_writer_bool(copse_cbor_writer *writer, bool value);
void copse_cbor_writer_link(copse_cbor_writer *writer, const copse_cid *cid);
void copse_cbor_writer_links(copse_cbor_writer *writer, const copse_cid *cids, size_t count);

#endif
