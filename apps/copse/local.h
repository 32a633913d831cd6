/* An open store, as the commands use it: its blocks, refs, and trees by name.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_LOCAL_H
#define COPSE_APPS_LOCAL_H

#include "command.h"

#include <copse/commit.h>
#include <copse/pack_store.h>
#include <copse/tree.h>

/** The ref that is used where none is named. */
#define COPSE_REF_DEFAULT "main"

typedef enum copse_local_mode {
    COPSE_LOCAL_READ,
    COPSE_LOCAL_FILL,  /**< READ, and takes in blocks of it that were fetched. */
    COPSE_LOCAL_WRITE, /**< The store must be there. Takes --durability where there is one. */
    COPSE_LOCAL_CREATE /**< WRITE, and the store is made if it isn't there. */
} copse_local_mode;

typedef struct copse_local {
    copse_call *call;
    const char *path;
    copse_os *os;
    copse_pack_db *db;
    copse_store *store; /**< That of db, with what is read of it counted (count_store.h). */
    copse_refs *refs;   /**< Of db. */
    copse_source *source;
    copse_node_cache *cache;
    bool made; /**< It wasn't there before. */
} copse_local;

/** Opens the store in folder `path`; refuses other addresses. On failure `local` is zeroed. */
bool copse_local_open(copse_local *local, copse_call *call, const char *path,
                      copse_local_mode mode);

/** Whether `path` is none of the other kinds of address; reports them, a URL with its hint, or
 * NULL: how to clone it. */
bool copse_local_check_path(copse_call *call, const char *path, const char *hint_of_url);

/** Reports why the store in folder `path` could not be opened. */
void copse_local_failure_open(copse_call *call, copse_status status, const char *path);

/** Closes it; what was not committed is dropped. A zeroed one is allowed. */
void copse_local_close(copse_local *local);

/** The CID that `name` is: that of the ref, or else the CID that it spells. */
bool copse_local_resolve(copse_local *local, const char *name, copse_cid *ret_cid);

/** Opens the tree `name`, a ref or a CID. Close it before the local. */
bool copse_local_tree(copse_local *local, const char *name, copse_tree **ret_tree);

/** Reads the block `cid`, and if it is a commit decodes it: `ret_commit` borrows from *ret_block.
 * If it is none, `ret_commit` names it as the tree, and *ret_block is NULL. Statuses as
 * copse_source_get, CORRUPT, LIMIT; unreported. */
copse_status copse_local_commit(copse_local *local, const copse_cid *cid, copse_commit *ret_commit,
                                copse_block **ret_block);

/** As copse_local_commit, through any source. */
copse_status copse_commit_read(copse_call *call, copse_source *source, const copse_cid *cid,
                               copse_commit *ret_commit, copse_block **ret_block);

/** Whether `before`, which the ref names (of size 0: nothing), may be replaced by a bare tree: not
 * if it is a commit, whose documents and history that would take away. */
bool copse_local_check_replaceable(copse_local *local, const char *ref, const copse_cid *before);

/** Opens the tree that a ref holds, to change it, or an empty one if there is no such ref;
 * `ret_before` is the ref's CID, of size 0 if it isn't there. Refuses commits. */
bool copse_local_tree_of_ref(copse_local *local, const char *ref, copse_cid *ret_before,
                             copse_tree **ret_tree);

/** Whether a user may give a ref this name, or write to it (revision.h). */
bool copse_local_check_ref_name(copse_call *call, const char *name);

/** Takes a ref away, whatever it is now, and tells what it was; never the database itself, which is
 * main. Returns an exit code. */
int copse_local_delete_ref(copse_local *local, const char *ref);

/** As copse_refs_get; `ret_cid` of size 0: there is no such ref. */
copse_status copse_local_get_ref(const copse_local *local, const char *ref, copse_cid *ret_cid);

/** As copse_local_get_ref, of the store as it is now. */
copse_status copse_local_ref_now(copse_local *local, const char *ref, copse_cid *ret_cid);

/** The blocks that were read from the store since it was opened. */
uint64_t copse_local_blocks_read(const copse_local *local);

/** Moves a ref from `before` (of size 0: not there) to `cid`, with all blocks that were put.
 * CONFLICT is returned, unreported; other failures are reported. */
copse_status copse_local_move_ref(copse_local *local, const char *ref, const copse_cid *before,
                                  const copse_cid *cid);

/** A CID as text, in the caller's buffer. */
const char *copse_cid_show(const copse_cid *cid, char ret_text[COPSE_CID_TEXT_SIZE_MAX]);

/** Reports what a read of `name`, a ref or a CID, failed with; names the block that is missing, or
 * tells that it was dropped (dropped.h). */
int copse_local_failure(copse_local *local, copse_status status, const char *name);

#endif
