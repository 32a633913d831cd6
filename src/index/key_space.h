/* The keys of a database: where collections, documents and index entries stand in its tree.
 *
 * Format: docs/formats/database.md. All keys begin with 00. Names hold no control characters, so a
 * 00 ends them.
 *
 *     00 00                                       {"Format": "database", "Version": 2}
 *     00 00 name                                  a collection
 *     00 00 name 00 index-name                    an index's definition
 *     00 01 order(did)                            the statements about a key (copse/writers.h)
 *     00 name 00 'c' 00 order(pk)                 what a merge left open about a document
 *     00 name 00 'd' 00 order(pk)                 a document, or where it is
 *     00 name 00 'i' 00 index-name 00 00 why order(field) order(pk)  a document that limits what
 *                                                 the index may be used for: why: 'a' or 'l'
 *     00 name 00 'i' 00 index-name 00 01 order(values…, pk) trailer  an entry
 *     00 name 00 'v' 00 order(pk)                 when a document was written, and by whom
 *
 * Each call appends to `buf`; LIMIT and NOMEM from the buf, which is then as before. The names must
 * have passed copse_name_check, the field of a mark copse_path_check.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_INDEX_KEY_SPACE_H
#define COPSE_INDEX_KEY_SPACE_H

#include <copse/order.h>

/** The longest name of a collection or index, in bytes. */
#define COPSE_NAME_SIZE_BYTES_MAX 128

/** Why a document stands in the rows before an index's entries. */
typedef enum copse_index_mark {
    COPSE_INDEX_MARK_ARRAY = 'a', /**< It has an array at a field that the definition does not name
                                       as its array field. */
    COPSE_INDEX_MARK_LONG = 'l'   /**< Its value of the field is cut in the entry. */
} copse_index_mark;

/** Whether `name` may name a collection or an index: UTF-8 of 1 to COPSE_NAME_SIZE_BYTES_MAX bytes
 * without control characters. CORRUPT says what is wrong. */
COPSE_MUST_USE copse_status copse_name_check(copse_bytes name, const char *what, copse_err *err);

COPSE_MUST_USE copse_status copse_key_write_database(copse_buf *buf);
COPSE_MUST_USE copse_status copse_key_write_collection(copse_buf *buf, copse_bytes collection);
COPSE_MUST_USE copse_status copse_key_write_index(copse_buf *buf, copse_bytes collection,
                                                  copse_bytes index);

/** What all rows of statements begin with; order(did) follows. */
COPSE_MUST_USE copse_status copse_key_write_statements(copse_buf *buf);

/** What all documents of the collection begin with; order(pk) follows. */
COPSE_MUST_USE copse_status copse_key_write_documents(copse_buf *buf, copse_bytes collection);

/** What all rows of conflicts and of versions of the collection begin with; order(pk) follows. */
COPSE_MUST_USE copse_status copse_key_write_conflicts(copse_buf *buf, copse_bytes collection);
COPSE_MUST_USE copse_status copse_key_write_versions(copse_buf *buf, copse_bytes collection);

/** Whether this is the key of a conflict. */
bool copse_key_is_conflict(copse_bytes key);

/** What all rows of data of a collection begin with: documents and all indexes. */
COPSE_MUST_USE copse_status copse_key_write_data(copse_buf *buf, copse_bytes collection);

/** What all rows of an index begin with (marks and entries), what its entries do, and what the
 * marks of one kind for one field do: order(pk), ascending, follows, so that their number is one
 * range count. The field stands there as a part of an order key, cut if it is long. */
COPSE_MUST_USE copse_status copse_key_write_index_rows(copse_buf *buf, copse_bytes collection,
                                                       copse_bytes index);
COPSE_MUST_USE copse_status copse_key_write_entries(copse_buf *buf, copse_bytes collection,
                                                    copse_bytes index);
COPSE_MUST_USE copse_status copse_key_write_marks(copse_buf *buf, copse_bytes collection,
                                                  copse_bytes index, copse_index_mark why,
                                                  copse_bytes field);

/** Appends the end of the range of keys that begin with the bytes from `offset` on: the lowest
 * bytes above all of them. */
COPSE_MUST_USE copse_status copse_key_write_range_end(copse_buf *buf, size_t offset);

#endif
