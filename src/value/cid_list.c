/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/cid_list.h"

#include "base/err.h"

copse_status copse_cid_list_read(copse_cbor_reader *reader, size_t count_max, copse_buf *cids,
                                 copse_err *err)
{
    copse_cbor_item item;
    copse_status status = copse_cbor_next(reader, &item, err);
    if (status == COPSE_OK && item.kind != COPSE_CBOR_ARRAY) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it is no list of links");
    }
    if (status == COPSE_OK && item.arg > count_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "a list of %llu links, more than %zu",
                         (unsigned long long)item.arg, count_max);
    }
    uint64_t count = status == COPSE_OK ? item.arg : 0;
    for (uint64_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_cid cid;
        status = copse_cbor_next(reader, &item, err);
        if (status == COPSE_OK && item.kind != COPSE_CBOR_LINK) {
            return COPSE_ERR(err, COPSE_CORRUPT, "item %llu of the list is no link",
                             (unsigned long long)i);
        }
        if (status == COPSE_OK) {
            status = copse_cid_from_bytes(item.bytes, &cid, err);
        }
        if (status == COPSE_OK &&
            copse_buf_append(cids, (copse_bytes){(const uint8_t *)&cid, sizeof cid}) != COPSE_OK) {
            status = COPSE_ERR_NOMEM(err);
        }
    }
    return status;
}

copse_status copse_cid_list_write(const copse_cid *cids, size_t count, copse_buf *buf)
{
    copse_status status = copse_cbor_write_array(buf, count);
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_cbor_write_link(buf, (copse_bytes){cids[i].bytes, cids[i].size});
    }
    return status;
}
