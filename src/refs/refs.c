/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/sys/refs.h>

#include "base/err.h"
#include "value/utf8.h"

/* The wrappers check what a caller gives, so that an implementation need not. */

static bool ref_name_has_control(copse_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.ptr[i];
        bool is_c1 = byte == 0xc2 && i + 1 < name.len && name.ptr[i + 1] < 0xa0; /* U+0080–9F */
        if (byte < 0x20 || byte == 0x7f || is_c1) {
            return true;
        }
    }
    return false;
}

bool copse_ref_name_is_valid(copse_bytes name)
{
    return name.ptr != NULL && name.len > 0 && name.len <= COPSE_REF_NAME_SIZE_BYTES_MAX &&
           copse_utf8_valid(name) && !ref_name_has_control(name);
}

static copse_status refs_check_name(const copse_refs *refs, copse_bytes name, copse_err *err)
{
    if (refs == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "a call on refs needs refs");
    }
    if (!copse_ref_name_is_valid(name)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "a ref's name is 1 to %d bytes of UTF-8 without control characters",
                         COPSE_REF_NAME_SIZE_BYTES_MAX);
    }
    return COPSE_OK;
}

static bool refs_is_cid(const copse_cid *cid)
{
    return cid->size > 0 && cid->size <= COPSE_CID_SIZE_BYTES_MAX;
}

copse_status copse_refs_get(copse_refs *refs, copse_bytes name, copse_cid *ret_cid, copse_err *err)
{
    copse_status status = refs_check_name(refs, name, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (ret_cid == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "getting a ref needs a place for the CID");
    }
    return refs->ops->get(refs, name, ret_cid, err);
}

copse_status copse_refs_swap(copse_refs *refs, copse_bytes name, const copse_cid *expected,
                             const copse_cid *cid, copse_err *err)
{
    copse_status status = refs_check_name(refs, name, err);
    if (status != COPSE_OK) {
        return status;
    }
    if ((expected == NULL && cid == NULL) || (expected != NULL && !refs_is_cid(expected)) ||
        (cid != NULL && !refs_is_cid(cid))) {
        return COPSE_ERR(err, COPSE_MISUSE, "moving a ref needs CIDs that are not empty");
    }
    return refs->ops->swap(refs, name, expected, cid, err);
}

copse_status copse_refs_iterate(copse_refs *refs, copse_refs_visit_fn visit, void *ctx,
                                copse_err *err)
{
    if (refs == NULL || visit == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "visiting refs needs refs and a function");
    }
    return refs->ops->iterate(refs, visit, ctx, err);
}

copse_refs *copse_refs_close(copse_refs *refs)
{
    if (refs != NULL) {
        refs->ops->close(refs);
    }
    return NULL;
}
