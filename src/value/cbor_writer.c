/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/cbor_writer.h"

#include "value/cid_list.h"

void copse_cbor_writer_map(copse_cbor_writer *writer, uint64_t count)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_map(writer->buf, count);
    }
}

void copse_cbor_writer_array(copse_cbor_writer *writer, uint64_t count)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_array(writer->buf, count);
    }
}

void copse_cbor_writer_key(copse_cbor_writer *writer, const char *key)
{
    copse_cbor_writer_text(writer, copse_bytes_of_text(key));
}

void copse_cbor_writer_text(copse_cbor_writer *writer, copse_bytes text)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_text(writer->buf, text);
    }
}

void copse_cbor_writer_bytes(copse_cbor_writer *writer, copse_bytes bytes)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_bytes(writer->buf, bytes);
    }
}

void copse_cbor_writer_uint(copse_cbor_writer *writer, uint64_t value)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_uint(writer->buf, value);
    }
}

void copse_cbor_writer_bool(copse_cbor_writer *writer, bool value)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_bool(writer->buf, value);
    }
}

void copse_cbor_writer_link(copse_cbor_writer *writer, const copse_cid *cid)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_link(writer->buf, (copse_bytes){cid->bytes, cid->size});
    }
}

void copse_cbor_writer_links(copse_cbor_writer *writer, const copse_cid *cids, size_t count)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cid_list_write(cids, count, writer->buf);
    }
}
