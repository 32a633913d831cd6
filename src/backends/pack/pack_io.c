/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/pack_io.h"

#include "base/alloc.h"
#include "base/err.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdio.h>
#include <string.h>

copse_status copse_pack_io_init(copse_pack_io *io, const copse_env *env, copse_os *os,
                                const char *path, copse_err *err)
{
    size_t size = strlen(path) + 1;
    if (size == 1 || size > COPSE_PACK_PATH_SIZE_MAX - COPSE_PACK_NAME_SIZE_MAX - 1) {
        return COPSE_ERR(err, COPSE_MISUSE, "the path of a store is empty or too long");
    }
    char *copy = copse_alloc(env, size);
    if (copy == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    memcpy(copy, path, size);
    *io = (copse_pack_io){.env = env, .os = os, .path = copy, .path_size = size};
    return COPSE_OK;
}

void copse_pack_io_release(copse_pack_io *io)
{
    if (io->env != NULL) {
        copse_free(io->env, io->path, io->path_size);
        *io = (copse_pack_io){0};
    }
}

static void pack_io_path(const copse_pack_io *io, const char *name,
                         char ret_path[COPSE_PACK_PATH_SIZE_MAX])
{
    (void)snprintf(ret_path, COPSE_PACK_PATH_SIZE_MAX, "%s/%s", io->path, name);
}

copse_status copse_pack_io_open(copse_pack_io *io, const char *name, unsigned flags,
                                copse_file **ret_file, copse_err *err)
{
    char path[COPSE_PACK_PATH_SIZE_MAX];
    pack_io_path(io, name, path);
    return io->os->ops->open(io->os, path, flags, ret_file, err);
}

copse_status copse_pack_io_rename(copse_pack_io *io, const char *from, const char *to,
                                  copse_err *err)
{
    char path_from[COPSE_PACK_PATH_SIZE_MAX];
    char path_to[COPSE_PACK_PATH_SIZE_MAX];
    pack_io_path(io, from, path_from);
    pack_io_path(io, to, path_to);
    return io->os->ops->rename(io->os, path_from, path_to, err);
}

copse_status copse_pack_io_remove(copse_pack_io *io, const char *name, copse_err *err)
{
    char path[COPSE_PACK_PATH_SIZE_MAX];
    copse_err detail;
    pack_io_path(io, name, path);
    copse_status status = io->os->ops->remove(io->os, path, &detail);
    if (status == COPSE_NOT_FOUND) {
        return COPSE_OK;
    }
    if (status != COPSE_OK && err != NULL) {
        *err = detail;
    }
    return status;
}

void copse_pack_io_discard(copse_pack_io *io, const char *name)
{
    copse_status status = copse_pack_io_remove(io, name, NULL);
    (void)status; /* what stays is removed with the next garbage */
}

copse_status copse_pack_io_list(copse_pack_io *io, copse_os_visit_fn visit, void *ctx,
                                copse_err *err)
{
    return io->os->ops->list_dir(io->os, io->path, visit, ctx, err);
}

copse_status copse_pack_io_sync_dir(copse_pack_io *io, copse_pack_site site, copse_err *err)
{
    if (copse_pack_mutant(site)) {
        return COPSE_OK;
    }
    io->syncs++;
    return io->os->ops->sync_dir(io->os, io->path, err);
}

copse_status copse_pack_io_sync(copse_pack_io *io, copse_file *file, copse_pack_site site,
                                copse_err *err)
{
    if (copse_pack_mutant(site)) {
        return COPSE_OK;
    }
    io->syncs++;
    return file->ops->sync(file, err);
}

copse_status copse_pack_io_write(copse_pack_io *io, copse_file *file, uint64_t offset,
                                 copse_bytes bytes, copse_err *err)
{
    io->written_bytes += bytes.len;
    return file->ops->write_at(file, offset, &bytes, 1, err);
}

copse_status copse_pack_io_read(copse_file *file, const char *name, uint64_t offset,
                                void *ret_bytes, size_t size, copse_err *err)
{
    size_t got = 0;
    copse_status status = file->ops->read_at(file, offset, ret_bytes, size, &got, err);
    if (status == COPSE_OK && got != size) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "%s is cut short: it ends at byte %llu, inside %zu "
                         "bytes from %llu on",
                         name, (unsigned long long)(offset + got), size,
                         (unsigned long long)offset);
    }
    return status;
}

copse_file *copse_pack_io_close(copse_file *file)
{
    if (file != NULL) {
        file->ops->close(file);
    }
    return NULL;
}

/* ---- Names ---- */

static const char pack_name_hex[] = "0123456789abcdef";

void copse_pack_name_journal(uint64_t generation, char ret_name[COPSE_PACK_NAME_SIZE_MAX])
{
    (void)snprintf(ret_name, COPSE_PACK_NAME_SIZE_MAX, "journal-%016llx",
                   (unsigned long long)generation);
}

void copse_pack_name_pack(const uint8_t digest[COPSE_PACK_DIGEST_SIZE_BYTES],
                          char ret_name[COPSE_PACK_NAME_SIZE_MAX])
{
    char hex[2 * COPSE_PACK_DIGEST_SIZE_BYTES + 1] = {0};
    for (size_t i = 0; i < COPSE_PACK_DIGEST_SIZE_BYTES; i++) {
        hex[2 * i] = pack_name_hex[digest[i] >> 4];
        hex[2 * i + 1] = pack_name_hex[digest[i] & 15];
    }
    (void)snprintf(ret_name, COPSE_PACK_NAME_SIZE_MAX, "pack-%s.car", hex);
}

void copse_pack_name_aside(uint64_t generation, uint64_t offset, uint64_t hash,
                           char ret_name[COPSE_PACK_NAME_SIZE_MAX])
{
    (void)snprintf(ret_name, COPSE_PACK_NAME_SIZE_MAX, "journal-%016llx-%016llx-%016llx.damaged",
                   (unsigned long long)generation, (unsigned long long)offset,
                   (unsigned long long)hash);
}

uint64_t copse_pack_io_random(const copse_pack_io *io, uint64_t salt)
{
    uint64_t value = 0;
    if (io->env->random != NULL &&
        io->env->random(io->env->random_ctx, &value, sizeof value) == COPSE_OK) {
        return value;
    }
    uint64_t now = io->env->clock != NULL ? io->env->clock(io->env->clock_ctx) : 0;
    return XXH3_64bits_withSeed(&now, sizeof now, salt);
}

void copse_pack_name_temporary(const copse_pack_io *io, const char *prefix, uint64_t salt,
                               char ret_name[COPSE_PACK_NAME_SIZE_MAX])
{
    (void)snprintf(ret_name, COPSE_PACK_NAME_SIZE_MAX, "%.20s-%016llx.tmp", prefix,
                   (unsigned long long)copse_pack_io_random(io, salt));
}

/* Reads `count` bytes written as lower-case hexadecimal digits. */
static bool pack_name_read_hex(const char *text, size_t count, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < 2 * count; i++) {
        const char *digit = text[i] != 0 ? strchr(pack_name_hex, text[i]) : NULL;
        if (digit == NULL) {
            return false;
        }
        unsigned value = (unsigned)(digit - pack_name_hex);
        ret_bytes[i / 2] = (uint8_t)(i % 2 == 0 ? value << 4 : ret_bytes[i / 2] | value);
    }
    return true;
}

/* Reads 16 hexadecimal digits. */
static bool pack_name_read_number(const char *text, uint64_t *ret_number)
{
    uint8_t bytes[8];
    uint64_t number = 0;
    if (!pack_name_read_hex(text, sizeof bytes, bytes)) {
        return false;
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        number = number << 8 | bytes[i];
    }
    *ret_number = number;
    return true;
}

static bool pack_name_is_aside(const char *name, size_t size, copse_pack_name *parsed)
{
    uint64_t hash;
    return size == 66 && memcmp(name, "journal-", 8) == 0 && name[24] == '-' && name[41] == '-' &&
           strcmp(name + 58, ".damaged") == 0 &&
           pack_name_read_number(name + 8, &parsed->generation) &&
           pack_name_read_number(name + 25, &parsed->offset) &&
           pack_name_read_number(name + 42, &hash);
}

copse_pack_name copse_pack_name_parse(const char *name)
{
    copse_pack_name parsed = {.kind = COPSE_PACK_NAME_FOREIGN};
    size_t size = strlen(name);
    if (strcmp(name, "format") == 0) {
        parsed.kind = COPSE_PACK_NAME_FORMAT;
    } else if (strcmp(name, "lock") == 0 || strcmp(name, "gc.lock") == 0) {
        parsed.kind = COPSE_PACK_NAME_LOCK;
    } else if (size == 24 && memcmp(name, "journal-", 8) == 0 &&
               pack_name_read_number(name + 8, &parsed.generation)) {
        parsed.kind = COPSE_PACK_NAME_JOURNAL;
    } else if (pack_name_is_aside(name, size, &parsed)) {
        parsed.kind = COPSE_PACK_NAME_ASIDE;
    } else if (size == 73 && memcmp(name, "pack-", 5) == 0 && strcmp(name + 69, ".car") == 0 &&
               pack_name_read_hex(name + 5, COPSE_PACK_DIGEST_SIZE_BYTES, parsed.digest)) {
        parsed.kind = COPSE_PACK_NAME_PACK;
    } else if (size > 4 && strcmp(name + size - 4, ".tmp") == 0 &&
               (strncmp(name, "journal-", 8) == 0 || strncmp(name, "pack-", 5) == 0 ||
                strncmp(name, "format-", 7) == 0)) {
        parsed.kind = COPSE_PACK_NAME_TEMPORARY;
    }
    return parsed;
}
