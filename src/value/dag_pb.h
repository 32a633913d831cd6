/* DAG-PB: the blocks of IPFS files and folders (UnixFS). Only read: which blocks they link to, by
 * which names.
 *
 * A block is two fields of protocol buffers, a link one of three. Links stand first, the data last;
 * old writers put the data first.
 *
 *     node   1 bytes   data, of UnixFS: 1 varint type, …    at most once
 *            2 bytes   a link                                any number, in their order
 *     link   1 bytes   the CID                               once
 *            2 bytes   the name, UTF-8                       at most once
 *            3 varint  the size of what is below it          at most once
 *
 *   E1  Nothing else is a node: other fields and wire types, a field twice, lengths past the end,
 *       links without a CID.
 *   E2  Links come in the order in which they stand. Reading copies and allocates nothing.
 *
 * Source: https://ipld.io/specs/codecs/dag-pb/spec/, https://specs.ipfs.tech/unixfs/
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_DAG_PB_H
#define COPSE_VALUE_DAG_PB_H

#include <copse/cid.h>

typedef struct copse_dag_pb_link {
    copse_cid cid;
    copse_bytes name; /**< Empty: it has none. Borrows the block. */
} copse_dag_pb_link;

/** A position in a node, before a link. Plain data; borrows the block. */
typedef struct copse_dag_pb_reader {
    copse_bytes rest;
    copse_bytes data; /**< Of the node, once it was passed. */
    bool has_data;
} copse_dag_pb_reader;

/** Stands before the first link of `node`. */
void copse_dag_pb_reader_init(copse_dag_pb_reader *reader, copse_bytes node);

/** Reads the next link. END: there is none, and `reader->data` is the node's. CORRUPT (E1), LIMIT:
 * a CID that is too long. */
COPSE_MUST_USE copse_status copse_dag_pb_next(copse_dag_pb_reader *reader,
                                              copse_dag_pb_link *ret_link, copse_err *err);

/** What a node is to UnixFS. */
typedef enum copse_unixfs_kind {
    COPSE_UNIXFS_FOLDER, /**< Its links are named after what is in it. */
    COPSE_UNIXFS_FILE,   /**< Its links are the pieces of a file. */
    COPSE_UNIXFS_SHARD,  /**< A part of a folder that is spread over many nodes by hashes. */
    COPSE_UNIXFS_OTHER   /**< A symbolic link, metadata, or no UnixFS at all. */
} copse_unixfs_kind;

/** Reads all of `node`. CORRUPT, LIMIT: as copse_dag_pb_next. */
COPSE_MUST_USE copse_status copse_unixfs_kind_of(copse_bytes node, copse_unixfs_kind *ret_kind,
                                                 copse_err *err);

#endif
