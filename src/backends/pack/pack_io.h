/* The folder of a store: its files by name, with counts of what is written and synced.
 *
 * All of the store's system calls go through here. Every sync names its place (mutant.h).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BACKENDS_PACK_PACK_IO_H
#define COPSE_BACKENDS_PACK_PACK_IO_H

#include "backends/pack/mutant.h"

#include <copse/sys/os.h>

enum {
    COPSE_PACK_PATH_SIZE_MAX = 4096,
    COPSE_PACK_NAME_SIZE_MAX = 80, /* of a file in the folder, with the NUL */
    COPSE_PACK_DIGEST_SIZE_BYTES = 32
};

/** What a file of the folder is. */
typedef enum copse_pack_name_kind {
    COPSE_PACK_NAME_FOREIGN, /* none of ours */
    COPSE_PACK_NAME_FORMAT,
    COPSE_PACK_NAME_LOCK, /* lock, gc.lock */
    COPSE_PACK_NAME_JOURNAL,
    COPSE_PACK_NAME_PACK,
    COPSE_PACK_NAME_TEMPORARY, /* of whatever was being made */
    COPSE_PACK_NAME_ASIDE      /* a tail that was cut off: pack_aside.h */
} copse_pack_name_kind;

typedef struct copse_pack_name {
    copse_pack_name_kind kind;
    uint64_t generation;                          /* of a journal, or that a tail stood in */
    uint64_t offset;                              /* where the tail stood */
    uint8_t digest[COPSE_PACK_DIGEST_SIZE_BYTES]; /* of a pack */
} copse_pack_name;

/** Belongs to one thread. A zeroed one may be released. */
typedef struct copse_pack_io {
    const copse_env *env;
    copse_os *os;
    char *path;
    size_t path_size; /* with the NUL */
    uint64_t written_bytes;
    uint64_t syncs;
} copse_pack_io;

/** NOMEM; MISUSE: the path is empty or too long. */
COPSE_MUST_USE copse_status copse_pack_io_init(copse_pack_io *io, const copse_env *env,
                                               copse_os *os, const char *path, copse_err *err);
void copse_pack_io_release(copse_pack_io *io);

COPSE_MUST_USE copse_status copse_pack_io_open(copse_pack_io *io, const char *name, unsigned flags,
                                               copse_file **ret_file, copse_err *err);
COPSE_MUST_USE copse_status copse_pack_io_rename(copse_pack_io *io, const char *from,
                                                 const char *to, copse_err *err);
/** A file that is not there is no failure. */
COPSE_MUST_USE copse_status copse_pack_io_remove(copse_pack_io *io, const char *name,
                                                 copse_err *err);
/** Removes what a failure left, if that can be done. */
void copse_pack_io_discard(copse_pack_io *io, const char *name);
COPSE_MUST_USE copse_status copse_pack_io_list(copse_pack_io *io, copse_os_visit_fn visit,
                                               void *ctx, copse_err *err);
COPSE_MUST_USE copse_status copse_pack_io_sync_dir(copse_pack_io *io, copse_pack_site site,
                                                   copse_err *err);
COPSE_MUST_USE copse_status copse_pack_io_sync(copse_pack_io *io, copse_file *file,
                                               copse_pack_site site, copse_err *err);
COPSE_MUST_USE copse_status copse_pack_io_write(copse_pack_io *io, copse_file *file,
                                                uint64_t offset, copse_bytes bytes, copse_err *err);
/** Fills `ret_bytes` whole. CORRUPT: the file ends before; `name` is for the message. */
COPSE_MUST_USE copse_status copse_pack_io_read(copse_file *file, const char *name, uint64_t offset,
                                               void *ret_bytes, size_t size, copse_err *err);

/** Closes; NULL is allowed. Returns NULL. */
copse_file *copse_pack_io_close(copse_file *file);

void copse_pack_name_journal(uint64_t generation, char ret_name[COPSE_PACK_NAME_SIZE_MAX]);
void copse_pack_name_pack(const uint8_t digest[COPSE_PACK_DIGEST_SIZE_BYTES],
                          char ret_name[COPSE_PACK_NAME_SIZE_MAX]);
/** For a tail of a journal that stood at `offset` and hashes to `hash`. */
void copse_pack_name_aside(uint64_t generation, uint64_t offset, uint64_t hash,
                           char ret_name[COPSE_PACK_NAME_SIZE_MAX]);
/** A name that nobody else takes, for a file that will be renamed: from the random source, or
 * without one from `salt`. */
void copse_pack_name_temporary(const copse_pack_io *io, const char *prefix, uint64_t salt,
                               char ret_name[COPSE_PACK_NAME_SIZE_MAX]);
copse_pack_name copse_pack_name_parse(const char *name);

/** 64 bits that nobody can foretell, if the environment has a random source; else from `salt`. */
uint64_t copse_pack_io_random(const copse_pack_io *io, uint64_t salt);

#endif
