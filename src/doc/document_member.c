/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/document_member.h"

#include "value/dag_cbor_inline.h"

copse_status copse_document_member_next(copse_document_member *member, copse_err *err)
{
    copse_cbor_item key;
    member->key = (copse_bytes){NULL, 0};
    copse_status status = copse_cbor_next(&member->reader, &key, err);
    if (status == COPSE_END) {
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = copse_cbor_take(&member->reader, &member->value, err);
    }
    if (status == COPSE_OK) {
        member->key = key.bytes;
    }
    return status;
}

copse_status copse_document_member_first(copse_bytes map, copse_document_member *ret_member,
                                         copse_err *err)
{
    copse_cbor_item item;
    copse_cbor_reader_init(&ret_member->reader, map);
    copse_status status = copse_cbor_next(&ret_member->reader, &item, err);
    return status == COPSE_OK ? copse_document_member_next(ret_member, err) : status;
}

int copse_document_member_compare(const copse_document_member *a, const copse_document_member *b)
{
    if (a->key.ptr == NULL || b->key.ptr == NULL) {
        return (a->key.ptr == NULL) - (b->key.ptr == NULL);
    }
    return copse_cbor_key_order(a->key, b->key);
}
