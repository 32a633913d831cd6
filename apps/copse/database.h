/* An open store, as the commands use it: its blocks, refs, and trees by name.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_DATABASE_H
#define COPSE_APPS_DATABASE_H

#include "command.h"

#include <copse/pack_store.h>
#include <copse/tree.h>

/** The ref that is used where none is named. */
#define COPSE_REF_DEFAULT "main"

typedef enum copse_database_mode {
    COPSE_DATABASE_READ,
    COPSE_DATABASE_WRITE, /**< The store must be there. Takes --durability where there is one. */
    COPSE_DATABASE_CREATE /**< WRITE, and the store is made if it isn't there. */
} copse_database_mode;

typedef struct copse_database {
    copse_call *call;
    const char *path;
    copse_os *os;
    copse_pack_db *db;
    copse_store *store; /**< Of db. */
    copse_refs *refs;   /**< Of db. */
    copse_source *source;
    copse_node_cache *cache;
} copse_database;

/** Opens the store in folder `path`. On failure `database` is zeroed. */
bool copse_database_open(copse_database *database, copse_call *call, const char *path,
                         copse_database_mode mode);

/** Reports why the store in folder `path` could not be opened. */
void copse_database_failure_open(copse_call *call, copse_status status, const char *path);

/** Closes it; what was not committed is dropped. A zeroed one is allowed. */
void copse_database_close(copse_database *database);

/** The CID that `name` is: that of the ref, or else the CID that it spells. */
bool copse_database_resolve(copse_database *database, const char *name, copse_cid *ret_cid);

/** Opens the tree `name`, a ref or a CID. Close it before the database. */
bool copse_database_tree(copse_database *database, const char *name, copse_tree **ret_tree);

/** Opens the tree that a ref holds, or an empty one if there is no such ref; `ret_before` is the
 * ref's CID, of size 0 if it isn't there. */
bool copse_database_tree_of_ref(copse_database *database, const char *ref, copse_cid *ret_before,
                                copse_tree **ret_tree);

/** Whether a ref may have this name. */
bool copse_database_check_ref_name(copse_call *call, const char *name);

/** Moves a ref from `before` (of size 0: not there) to `cid`, with all blocks that were put.
 * CONFLICT is returned, unreported; other failures are reported. */
copse_status copse_database_move_ref(copse_database *database, const char *ref,
                                     const copse_cid *before, const copse_cid *cid);

/** A CID as text, in the caller's buffer. */
const char *copse_cid_show(const copse_cid *cid, char ret_text[COPSE_CID_TEXT_SIZE_MAX]);

/** Reports what a read of `name`, a ref or a CID, failed with; names the block that is missing. */
int copse_database_failure(copse_database *database, copse_status status, const char *name);

#endif
