/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/dag_pb.h"

#include "base/err.h"
#include "base/protobuf.h"

enum { DAG_PB_FIELDS_MAX = 3 };

/* Takes a field off `rest`. END: nothing is left. */
static copse_status dag_pb_take_field(copse_bytes *rest, copse_protobuf_field *ret_field,
                                      copse_err *err)
{
    copse_status status = copse_protobuf_next(rest, ret_field);
    return status == COPSE_CORRUPT ? COPSE_ERR(err, status, "dag-pb: no field where one must stand")
                                   : status;
}

/* ---- Links ---- */

static copse_status dag_pb_read_link(copse_bytes encoded, copse_dag_pb_link *ret_link,
                                     copse_err *err)
{
    copse_dag_pb_link link = {.name = {NULL, 0}};
    bool seen[DAG_PB_FIELDS_MAX + 1] = {false};
    copse_status status = COPSE_OK;
    for (;;) {
        copse_protobuf_field field;
        status = dag_pb_take_field(&encoded, &field, err);
        if (status != COPSE_OK) {
            break;
        }
        if (field.number < 1 || field.number > DAG_PB_FIELDS_MAX || seen[field.number] ||
            field.is_bytes != (field.number != 3)) {
            return COPSE_ERR(err, COPSE_CORRUPT, "dag-pb: a link with a field that it can't have");
        }
        seen[field.number] = true;
        if (field.number == 1) {
            status = copse_cid_from_bytes(field.bytes, &link.cid, err);
            if (status != COPSE_OK) {
                return status;
            }
        } else if (field.number == 2) {
            link.name = field.bytes;
        }
    }
    if (status == COPSE_END && !seen[1]) {
        return COPSE_ERR(err, COPSE_CORRUPT, "dag-pb: a link without a CID");
    }
    if (status == COPSE_END) {
        *ret_link = link;
    }
    return status == COPSE_END ? COPSE_OK : status;
}

void copse_dag_pb_reader_init(copse_dag_pb_reader *reader, copse_bytes node)
{
    *reader = (copse_dag_pb_reader){.rest = node};
}

copse_status copse_dag_pb_next(copse_dag_pb_reader *reader, copse_dag_pb_link *ret_link,
                               copse_err *err)
{
    for (;;) {
        copse_protobuf_field field;
        copse_status status = dag_pb_take_field(&reader->rest, &field, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (field.number == 2 && field.is_bytes) {
            return dag_pb_read_link(field.bytes, ret_link, err);
        }
        if (field.number != 1 || !field.is_bytes || reader->has_data) {
            return COPSE_ERR(err, COPSE_CORRUPT, "dag-pb: a node with a field that it can't have");
        }
        reader->data = field.bytes;
        reader->has_data = true;
    }
}

/* ---- UnixFS ---- */

copse_status copse_unixfs_kind_of(copse_bytes node, copse_unixfs_kind *ret_kind, copse_err *err)
{
    static const copse_unixfs_kind kinds[] = {
        COPSE_UNIXFS_FILE /* raw */, COPSE_UNIXFS_FOLDER, COPSE_UNIXFS_FILE,
        COPSE_UNIXFS_OTHER,          COPSE_UNIXFS_OTHER,  COPSE_UNIXFS_SHARD,
    };
    copse_dag_pb_reader reader;
    copse_dag_pb_link link;
    copse_protobuf_field field;
    copse_status status = COPSE_OK;
    copse_dag_pb_reader_init(&reader, node);
    while (status == COPSE_OK) {
        status = copse_dag_pb_next(&reader, &link, err);
    }
    if (status != COPSE_END) {
        return status;
    }
    bool has_type = copse_protobuf_next(&reader.data, &field) == COPSE_OK && field.number == 1 &&
                    !field.is_bytes;
    *ret_kind = has_type && field.varint < sizeof kinds / sizeof kinds[0] ? kinds[field.varint]
                                                                          : COPSE_UNIXFS_OTHER;
    return COPSE_OK;
}
