/* Databases of version 1, as ipld-prolly-indexer (Go) writes them: read only, by scanning.
 *
 * Keys of a tree of the Go implementation:
 *
 *     ff 00                             {"Format": "database", "Version": 1}
 *     00 name 00 'd' 00 record-id       a link to the record's block
 *     00 name 00 00 'i' 00 …            an index's definition
 *     00 name 00 'i' 00 …               an index's entries
 *
 * The record id is the CBOR of the list of the primary key's values, or the record's CID if the
 * collection has no primary key. Which fields that key has stands nowhere. Indexes are not used:
 * those of records that were there before the index are missing in them.
 *
 * A record is a block of CBOR with its keys in any order, or of JSON; here it becomes a document: a
 * strict map, re-encoded in memory.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_VERSION1_H
#define COPSE_DOC_VERSION1_H

#include <copse/cursor.h>
#include <copse/database.h>

/** Whether `tree` is a database of version 1: a foreign tree with the entry ff 00 that says so.
 * WANT, CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_version1_is(copse_tree *tree, bool *ret_is, copse_err *err);

/** Told of a collection's name, which is borrowed for the call. */
typedef copse_status (*copse_version1_name_fn)(void *ctx, copse_bytes name, copse_err *err);

/** Calls `found` for each collection that has documents, in the order of the names: one seek each.
 * WANT: before any call. CORRUPT: a key that is none of the key space. LIMIT, IO, NOMEM; what
 * `found` returned. */
COPSE_MUST_USE copse_status copse_version1_collections(copse_tree *tree,
                                                       copse_version1_name_fn found, void *ctx,
                                                       copse_err *err);

/** Appends what the keys of a collection's documents begin with; the record id follows. LIMIT,
 * NOMEM. */
COPSE_MUST_USE copse_status copse_version1_write_documents(copse_buf *buf, copse_bytes collection);

/** Counts the documents of a collection by passing over them: the tree's own counts are not
 * trusted. WANT, CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_version1_count(copse_tree *tree, copse_bytes collection,
                                                 uint64_t *ret_count, copse_err *err);

/** Appends the record id of a document whose primary key is the one value `id`, to look it up.
 * LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_version1_write_record_id(copse_buf *buf, copse_bytes id);

/** Appends the item that stands for the primary key of a row, `record_id` being what is behind the
 * prefix of its key: the value of a key of one field, the list of several, or the bytes of the
 * CID. It differs in all rows. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_version1_write_id(const copse_env *env, copse_bytes record_id,
                                                    copse_buf *buf, copse_err *err);

/** As copse_document_load_within for the row value `value` of version 1, a link. CORRUPT also: a
 * record that is no document (no map, text that is not UTF-8, a map that begins with "$" and is no
 * form). */
COPSE_MUST_USE copse_status copse_version1_load_within(copse_source *source, const copse_env *env,
                                                       copse_bytes value, copse_document *document,
                                                       copse_err *err);

#endif
