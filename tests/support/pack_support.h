/* Pack stores for tests: in a folder of their own, on real files.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_PACK_SUPPORT_H
#define COPSE_TESTS_PACK_SUPPORT_H

#include <copse/pack_store.h>

typedef struct pack_folder {
    char path[256]; /* of the store, in a folder of its own; not made */
    copse_pack_options options;
    const copse_env *env; /* for the next open; NULL: one of its own */
    copse_env own;
    copse_os *os;
    copse_pack_db *db;
    copse_store_ops ops; /* of the store that owns its db */
} pack_folder;

/** A new folder below $TMPDIR or /tmp. */
void pack_folder_init(pack_folder *folder);

/** Closes what is open and removes everything. */
void pack_folder_release(pack_folder *folder);

/** Removes the store's folder and all in it. */
void pack_folder_clear(pack_folder *folder);

/** Opens folder->db with folder->options. */
copse_status pack_folder_open(pack_folder *folder, copse_err *err);

/** The same; fails the test if it can't. Returns the db. */
copse_pack_db *pack_folder_must_open(pack_folder *folder);

void pack_folder_close(pack_folder *folder);

/** Opens; closing the store then closes the db. */
copse_store *pack_folder_open_owned_store(pack_folder *folder);

/** Fails the test with the message of `err`. */
void pack_must(copse_status status, const copse_err *err);

#endif
