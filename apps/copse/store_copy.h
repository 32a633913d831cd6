/* Copying what a root leads to from a store into a folder, block by block.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_STORE_COPY_H
#define COPSE_APPS_STORE_COPY_H

#include "local.h"
#include "progress.h"

#include <copse/dag_walk.h>

/** Several roots may be copied one after the other. Stays where it is. */
typedef struct copse_store_copy {
    copse_local *to;
    copse_dag_walk walk;
    copse_progress progress;
    uint64_t blocks;   /**< That were copied. */
    uint64_t absent;   /**< Links to what is not there. */
    copse_cid missing; /**< The first of these. */
} copse_store_copy;

/** Begins to copy from `from` into the store `to`; both must outlive it. NOMEM, IO, DENIED. */
COPSE_MUST_USE copse_status copse_store_copy_begin(copse_store_copy *copy, copse_store *from,
                                                   copse_local *to);

/** Copies all that `root` leads to and that was not copied before. CORRUPT, NOMEM, the stores'
 * failures. */
COPSE_MUST_USE copse_status copse_store_copy_root(copse_store_copy *copy, const copse_cid *root);

/** Ends; what was copied is durable with the next move of a ref. */
void copse_store_copy_end(copse_store_copy *copy);

#endif
