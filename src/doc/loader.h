/* The inside of a loader.
 *
 * Rows go through one sorter and, in key order, into one builder. What the builder must not see
 * rides along where the order allows it:
 *
 *     document              documents-prefix order(pk) | number (8 bytes) tag (8 bytes) -> value
 *     version of one        key -> value
 *     entry, unique index   key -> [value, tag, size of the unique part]
 *     all other rows        key -> value
 *
 *   L1  No order(pk) is a prefix of another, so what stands behind it leaves the order as it
 *       is, and documents of one primary key lie beside each other in the order in which they
 *       were added.
 *   L2  Documents come before the rows of all indexes, so no primary key stands twice in those:
 *       their keys differ.
 *   L3  Entries with the same unique part lie beside each other, but for exempt ones among them
 *       (a missing field has the place of null).
 *   L4  The rows of a document go to the sorter together or not at all: they are staged first.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_LOADER_H
#define COPSE_DOC_LOADER_H

#include "doc/catalogue.h"
#include "doc/document.h"

#include <copse/loader.h>

/** Bytes behind the key of a document in the sorter. */
#define COPSE_LOADER_SUFFIX_SIZE_BYTES 16

typedef enum copse_loader_stage {
    LOADER_ADDING,
    LOADER_BUILT, /* `root` is the tree of the collection's data */
    LOADER_ENDED  /* the tree was given out */
} copse_loader_stage;

/** Counts what goes into another store; for a builder, which only puts. */
typedef struct copse_loader_meter {
    copse_store base;
    copse_store *inner;
    uint64_t blocks;
    uint64_t size_bytes;
} copse_loader_meter;

struct copse_loader {
    const copse_env *env;
    copse_tree *tree;
    copse_loader_meter meter;
    copse_tree_config config;
    copse_catalogue catalogue;
    copse_catalogue_collection *target; /* of the catalogue */
    bool is_new;                        /* the tree does not have it */
    copse_sorter *sorter;
    size_t row_size_max;
    copse_loader_stage stage;
    copse_status poisoned;
    uint64_t number;  /* of the next document */
    uint64_t tag;     /* of the one that is being added */
    copse_buf prefix; /* of documents' keys */
    copse_buf author;
    const copse_key *signer; /* the author's; NULL: nobody signs */
    uint64_t time_ms;        /* of the versions, if it has_versions */
    copse_buf version;       /* the row of all documents, but for signatures; len 0: not made yet */
    bool has_versions;
    /* Scratch of an add. */
    copse_buf document; /* with its new _id */
    copse_buf signed_row;
    copse_buf key;
    copse_buf value;
    copse_buf wrapped;
    copse_buf rows; /* staged: sizes, key, value, one after the other */
    size_t rows_count;
    copse_block_list blocks;
    copse_write_stats stats;
    copse_cid root;
};

/** Puts the blocks of linked documents that wait for it. The store's failures. */
COPSE_MUST_USE copse_status copse_loader_flush(copse_loader *loader, copse_err *err);

#endif
