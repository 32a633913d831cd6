/* The durable store: a folder of pack files and a journal, with its refs.
 *
 * Many processes may have it open. Readers never wait. Writers take turns a commit at a time.
 * docs/formats/pack.md describes the files; docs/decisions/0006-pack-store.md says why.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PACK_STORE_H
#define COPSE_PACK_STORE_H

#include <copse/sys/os.h>
#include <copse/sys/refs.h>
#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** What a commit that was acknowledged may lose with the machine's power. Nothing is ever lost with
 * the process. */
typedef enum copse_durability {
    COPSE_DURABILITY_FULL,   /**< Nothing: one fdatasync before each acknowledgement. */
    COPSE_DURABILITY_NORMAL, /**< The last commits: what is left is a prefix of them. */
    COPSE_DURABILITY_OFF     /**< No promise. */
} copse_durability;

typedef struct copse_pack_options {
    bool create;    /**< Make the store if the folder is not there or empty. */
    bool read_only; /**< Never write, not even to mend a torn tail. */
    copse_durability durability;
    uint64_t
        journal_size_bytes_max; /**< A longer journal is sealed and a new one begun; 0: 64 MiB. */
} copse_pack_options;

typedef struct copse_pack_db copse_pack_db;

/** Opens the store in folder `path`; `env` and `os` must outlive it. NOT_FOUND: there is none and
 * `create` is not set. CORRUPT: the message names the file and the place. DENIED, IO, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_pack_db_open(const copse_env *env, copse_os *os,
                                                         const char *path,
                                                         const copse_pack_options *options,
                                                         copse_pack_db **ret_db, copse_err *err);

/** Closes it. What was put and not flushed or committed is dropped. Behind a commit that was synced
 * it leaves a few bytes that witness it, so that damage to it is never taken for a torn write. NULL
 * is allowed. Returns NULL. */
COPSE_API copse_pack_db *copse_pack_db_close(copse_pack_db *db);

/** The blocks. Owned by the db. put collects; flush and a swap of a ref write. */
COPSE_API copse_store *copse_pack_db_store(copse_pack_db *db);

/** The refs. Owned by the db. */
COPSE_API copse_refs *copse_pack_db_refs(copse_pack_db *db);

/** Sees what other processes have committed since open or the last refresh; a swap does so too. */
COPSE_API COPSE_MUST_USE copse_status copse_pack_db_refresh(copse_pack_db *db, copse_err *err);

/** From here to the next flush or swap, blocks go straight into a new pack file instead of the
 * journal: for loads. */
COPSE_API COPSE_MUST_USE copse_status copse_pack_db_begin_bulk(copse_pack_db *db, copse_err *err);

/** Sizes and counts of the files. */
typedef struct copse_pack_stat {
    uint64_t packs;
    uint64_t blocks;
    uint64_t size_bytes;         /**< Of all files. */
    uint64_t journal_size_bytes; /**< Of the journal in use. */
    uint64_t written_bytes;      /**< Passed to write_at since open. */
    uint64_t syncs;              /**< sync and sync_dir since open. */
} copse_pack_stat;

COPSE_API void copse_pack_db_stat(const copse_pack_db *db, copse_pack_stat *ret_stat);

COPSE_EXTERN_C_END

#endif
