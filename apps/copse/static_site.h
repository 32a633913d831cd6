/* A static site: a database as files that any web server can host (docs/static.md).
 *
 *     DIR/blog.car          a CAR that is read by ranges (car_layout.h)
 *     DIR/blog.json         what is in it, for people and programs
 *
 *     DIR/ipfs/bafyrei…     or a file for each block, where a gateway has its pages,
 *     DIR/copse/v1/blog     and the head, where a peer has it: DAG-CBOR
 *     DIR/blog.json
 *
 * Each file is written beside its name and put there when it is whole and on the disk; heads come
 * after what they name. So whoever reads meanwhile, or after a crash, finds the old database or the
 * new one. Files of blocks that are there stay; none is taken away.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_STATIC_SITE_H
#define COPSE_APPS_STATIC_SITE_H

#include "local.h"
#include "progress.h"

#include <copse/car_layout.h>

typedef struct copse_static_site {
    copse_call *call;
    const char *folder;
    const char *name;  /**< A segment of a path. */
    bool as_blocks;    /**< Else as a CAR. */
    bool with_history; /**< What is before the head too. */
    copse_cid head;
    copse_cid tree; /**< Of size 0: the head is no commit. */
    copse_progress progress;
    copse_car_layout_stats stats; /**< Of what was written. */
    uint64_t file_bytes;          /**< Of the CAR. */
    uint64_t files_written;       /**< Of blocks. */
    uint64_t files_bytes;
} copse_static_site;

/** Writes the site of `head`, a commit or the root of a tree, out of the local's store, in the form
 * that the options --blocks and --history say. The folder is made if it isn't there. `folder` and
 * `name` must outlive it. */
bool copse_static_site_write(copse_static_site *site, copse_local *local, const char *folder,
                             const char *name, const copse_cid *head);

/** Tells what was written: the members of a JSON object, or lines. */
void copse_static_site_report(const copse_static_site *site);

#endif
