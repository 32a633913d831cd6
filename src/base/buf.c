/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/buf.h>

#include "base/alloc.h"

#include <string.h>

void copse_buf_init(copse_buf *buf, const copse_env *env, size_t size_bytes_max)
{
    *buf = (copse_buf){.env = env, .max = size_bytes_max};
}

void copse_buf_release(copse_buf *buf)
{
    if (buf == NULL || buf->env == NULL) {
        return;
    }
    copse_free(buf->env, buf->ptr, buf->cap);
    *buf = (copse_buf){0};
}

copse_status copse_buf_reserve(copse_buf *buf, size_t extra)
{
    if (extra <= buf->cap - buf->len) {
        return COPSE_OK;
    }
    if (extra > buf->max - buf->len) {
        return COPSE_LIMIT;
    }
    size_t cap = buf->cap < 64 ? 64 : buf->cap * 2;
    if (cap < buf->len + extra) {
        cap = buf->len + extra;
    }
    if (cap > buf->max) {
        cap = buf->max;
    }
    uint8_t *ptr = copse_realloc(buf->env, buf->ptr, buf->cap, cap);
    if (ptr == NULL) {
        return COPSE_NOMEM;
    }
    buf->ptr = ptr;
    buf->cap = cap;
    return COPSE_OK;
}

copse_status copse_buf_append(copse_buf *buf, copse_bytes bytes)
{
    copse_status status = copse_buf_reserve(buf, bytes.len);
    if (status != COPSE_OK || bytes.len == 0) {
        return status;
    }
    memcpy(buf->ptr + buf->len, bytes.ptr, bytes.len);
    buf->len += bytes.len;
    return COPSE_OK;
}

copse_status copse_buf_append_byte(copse_buf *buf, uint8_t byte)
{
    return copse_buf_append(buf, (copse_bytes){&byte, 1});
}

void copse_buf_truncate(copse_buf *buf, size_t len)
{
    if (len < buf->len) {
        buf->len = len;
    }
}

copse_bytes copse_buf_view(const copse_buf *buf)
{
    return (copse_bytes){buf->ptr, buf->len};
}
