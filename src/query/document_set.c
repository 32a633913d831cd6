/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/document_set.h"

#include "base/err.h"
#include "expr/path.h"
#include "query/stage.h"
#include "value/dag_cbor_inline.h"

/* Appends the pair that the rest of the path makes of `before` (len 0: nothing). */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the path */
static copse_status document_set_pair(copse_bytes key, copse_bytes before, copse_bytes rest,
                                      copse_bytes value, copse_buf *buf, uint64_t *count,
                                      copse_err *err)
{
    if (value.len == 0 && (rest.len == 0 || before.len == 0)) {
        return COPSE_OK;
    }
    copse_status status = copse_cbor_write_text(buf, key);
    *count += 1;
    if (status != COPSE_OK) {
        return status;
    }
    if (rest.len == 0) {
        return copse_buf_append(buf, value);
    }
    bool is_object = before.len > 0 && copse_path_is_object(before);
    if (!is_object && value.len == 0) {
        return copse_buf_append(buf, before);
    }
    return copse_document_set(is_object ? before : (copse_bytes){NULL, 0}, rest, value, buf, err);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the path */
copse_status copse_document_set(copse_bytes document, copse_bytes path, copse_bytes value,
                                copse_buf *buf, copse_err *err)
{
    copse_bytes rest;
    copse_bytes key = copse_path_first(path, &rest);
    copse_stage_items items = {.left = 0};
    size_t offset = buf->len;
    uint64_t count = 0;
    bool done = false;
    copse_status status = COPSE_OK;
    if (document.len > 0) {
        copse_stage_items_init(&items, document);
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        int order = copse_cbor_key_order(items.key, key);
        if (!done && order >= 0) {
            done = true;
            status = document_set_pair(key, order == 0 ? items.value : (copse_bytes){NULL, 0}, rest,
                                       value, buf, &count, err);
        }
        if (status == COPSE_OK && order != 0) {
            status = copse_cbor_write_text(buf, items.key);
            count++;
            if (status == COPSE_OK) {
                status = copse_buf_append(buf, items.value);
            }
        }
    }
    if (status == COPSE_OK && !done) {
        status = document_set_pair(key, (copse_bytes){NULL, 0}, rest, value, buf, &count, err);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_finish_map(buf, offset, count);
    }
    if (status == COPSE_OK) {
        return copse_path_check_made((copse_bytes){buf->ptr + offset, buf->len - offset},
                                     "the stage", err);
    }
    return status == COPSE_CORRUPT ? status : COPSE_ERR(err, status, "no room for a document");
}

copse_bytes copse_document_at(copse_bytes document, copse_bytes path)
{
    copse_bytes rest = path;
    copse_bytes value = document;
    while (rest.len > 0) {
        copse_bytes key = copse_path_first(rest, &rest);
        if (!copse_path_is_object(value) ||
            copse_path_find_key(value, key, &value, NULL) != COPSE_OK) {
            return (copse_bytes){NULL, 0};
        }
    }
    return value;
}
