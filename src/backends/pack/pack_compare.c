/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_compare.h"

#include "base/err.h"

#include <copse/car.h>

#include <stddef.h>
#include <string.h>

static copse_pack_compare *pack_compare_of_file(copse_file *file)
{
    return (copse_pack_compare *)(void *)((char *)file - offsetof(copse_pack_compare, file));
}

static void pack_compare_differs(copse_pack_compare *compare, uint64_t offset)
{
    if (!compare->differs || offset < compare->offset) {
        compare->offset = offset;
    }
    compare->differs = true;
}

/* ---- A file that compares ---- */

static copse_status pack_compare_write_part(copse_pack_compare *compare, uint64_t offset,
                                            copse_bytes part, copse_err *err)
{
    copse_file *real = compare->pack->file;
    size_t got = 0;
    copse_buf_truncate(&compare->scratch, 0);
    if (copse_buf_reserve(&compare->scratch, part.len) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_status status =
        real->ops->read_at(real, offset, compare->scratch.ptr, part.len, &got, err);
    if (status != COPSE_OK) {
        return status;
    }
    size_t same = 0;
    while (same < got && compare->scratch.ptr[same] == part.ptr[same]) {
        same++;
    }
    if (same < part.len) {
        pack_compare_differs(compare, offset + same);
    }
    return COPSE_OK;
}

static copse_status pack_compare_write_at(copse_file *file, uint64_t offset,
                                          const copse_bytes *parts, size_t count, copse_err *err)
{
    copse_pack_compare *compare = pack_compare_of_file(file);
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_bytes part = parts[i];
        if (offset == 0 && part.len > COPSE_CAR_START_SIZE_BYTES) {
            /* The first time the start is zeros; at the end it is written alone. */
            offset += COPSE_CAR_START_SIZE_BYTES;
            part.ptr += COPSE_CAR_START_SIZE_BYTES;
            part.len -= COPSE_CAR_START_SIZE_BYTES;
        }
        status = pack_compare_write_part(compare, offset, part, err);
        offset += part.len;
    }
    compare->end = offset > compare->end ? offset : compare->end;
    return status;
}

static copse_status pack_compare_read_at(copse_file *file, uint64_t offset, void *ret_bytes,
                                         size_t size, size_t *ret_got, copse_err *err)
{
    copse_file *real = pack_compare_of_file(file)->pack->file;
    return real->ops->read_at(real, offset, ret_bytes, size, ret_got, err);
}

static void pack_compare_close(copse_file *file)
{
    (void)file;
}

static const copse_file_ops pack_compare_file_ops = {
    .read_at = pack_compare_read_at,
    .write_at = pack_compare_write_at,
    .close = pack_compare_close,
};

static copse_status pack_compare_open(copse_os *os, const char *path, unsigned flags,
                                      copse_file **ret_file, copse_err *err)
{
    (void)path;
    (void)flags;
    (void)err;
    *ret_file = &((copse_pack_compare *)os)->file;
    return COPSE_OK;
}

static copse_status pack_compare_rename(copse_os *os, const char *from, const char *to,
                                        copse_err *err)
{
    (void)os;
    (void)from;
    (void)to;
    (void)err;
    return COPSE_OK;
}

static copse_status pack_compare_remove(copse_os *os, const char *path, copse_err *err)
{
    (void)os;
    (void)path;
    (void)err;
    return COPSE_OK;
}

static const copse_os_ops pack_compare_os_ops = {
    .open = pack_compare_open,
    .rename = pack_compare_rename,
    .remove = pack_compare_remove,
};

/* ---- The comparison ---- */

copse_status copse_pack_compare_init(copse_pack_compare *compare, const copse_pack_file *pack,
                                     copse_err *err)
{
    *compare = (copse_pack_compare){
        .os = {&pack_compare_os_ops}, .file = {&pack_compare_file_ops}, .pack = pack};
    copse_buf_init(&compare->scratch, pack->env, SIZE_MAX);
    copse_status status = copse_pack_io_init(&compare->io, pack->env, &compare->os, "-", err);
    if (status == COPSE_OK) {
        copse_pack_writer_init(&compare->writer, &compare->io);
    }
    return status;
}

void copse_pack_compare_release(copse_pack_compare *compare)
{
    copse_pack_writer_release(&compare->writer);
    copse_pack_io_release(&compare->io);
    copse_buf_release(&compare->scratch);
}

copse_status copse_pack_compare_put(copse_pack_compare *compare, const copse_cid *cid,
                                    copse_bytes data, copse_err *err)
{
    return copse_pack_writer_put(&compare->writer, cid, data, err);
}

copse_status copse_pack_compare_finish(copse_pack_compare *compare, copse_err *err)
{
    uint8_t digest[COPSE_PACK_DIGEST_SIZE_BYTES];
    uint64_t size = 0;
    uint64_t real = 0;
    copse_file *file = compare->pack->file;
    copse_status status = file->ops->size(file, &real, err);
    if (status == COPSE_OK && compare->writer.count == 0) {
        pack_compare_differs(compare, 0); /* there is no pack without blocks */
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = copse_pack_writer_finish(&compare->writer, false, digest, &size, err);
    }
    if (status == COPSE_OK && size != real) {
        pack_compare_differs(compare, size < real ? size : real);
    }
    if (status == COPSE_OK && !compare->differs &&
        memcmp(digest, compare->pack->id.digest, sizeof digest) != 0) {
        pack_compare_differs(compare, 0);
    }
    return status;
}
