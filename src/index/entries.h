/* The rows that a document has in an index.
 *
 * A pure function of the definition and the document: whoever has both derives the same rows, on a
 * write, when an index is built, and when an index is checked or a foreign answer is.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_INDEX_ENTRIES_H
#define COPSE_INDEX_ENTRIES_H

#include "index/key_space.h"

#include <copse/filter.h>
#include <copse/index.h>

/** An index ready for deriving rows. Belongs to one thread. */
typedef struct copse_index_deriver copse_index_deriver;

/** Makes one for the index `definition` of `collection`; both are copied. CORRUPT: the definition
 * is none (no field, a field twice, two array fields, a bad path or filter, too many fields).
 * NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_index_deriver_new(const copse_env *env, copse_bytes collection,
                                                    const copse_index_definition *definition,
                                                    copse_index_deriver **ret_deriver,
                                                    copse_err *err);
copse_index_deriver *copse_index_deriver_free(copse_index_deriver *deriver);

/** The definition, and what its entries begin with; valid until it is freed. */
const copse_index_definition *copse_index_deriver_definition(const copse_index_deriver *deriver);
copse_bytes copse_index_deriver_prefix(const copse_index_deriver *deriver);

/** The compiled filter of a partial index, lent; NULL: it holds all documents. */
copse_filter *copse_index_deriver_filter(const copse_index_deriver *deriver);

/** What the marks of one kind for field number `field` begin with: one range count says whether a
 * document has any. Valid until the deriver is freed. */
copse_bytes copse_index_deriver_marks(const copse_index_deriver *deriver, size_t field,
                                      copse_index_mark why);

/** A row that a document has: an entry or a mark. All is borrowed for the call. */
typedef struct copse_index_row {
    copse_bytes key;
    copse_bytes value; /**< One item: null, what the projection {path: 1, …, "_id": 0} makes of the
                            document (with `_id` if it is included), or the link. */
    size_t unique_size; /**< Entry of a unique index that is not exempt: key[0 .. unique_size) is
                             what no other document may have; else 0. */
    bool is_mark;
} copse_index_row;

/** The keys and values of a document's rows in one index are at most this often
 * limits.block_size_bytes_max: every entry has a copy of what is included. */
#define COPSE_INDEX_ROWS_BLOCKS_MAX 16

typedef copse_status (*copse_index_row_fn)(void *ctx, const copse_index_row *row, copse_err *err);

/** Calls `visit` for each row of `document`, in key order, each key once; none if the filter
 * doesn't match, and none of an index that is not built. `id`: the primary key, one item. `link`:
 * binary CID of the document, if it is linked; else empty. CORRUPT: arrays in two fields ("cannot
 * index parallel arrays a and b", as MongoDB), no document. LIMIT: limits.index_entries_max, a key
 * over COPSE_KEY_SIZE_BYTES_MAX, rows over COPSE_INDEX_ROWS_BLOCKS_MAX (the message names index and
 * _id). NOMEM; what `visit` returned.
 */
COPSE_MUST_USE copse_status copse_index_derive(copse_index_deriver *deriver, copse_bytes document,
                                               copse_bytes id, copse_bytes link,
                                               copse_index_row_fn visit, void *ctx, copse_err *err);

/** An entry taken apart, nothing of it decoded. The views borrow its key and value. */
typedef struct copse_index_entry {
    copse_bytes parts[COPSE_ORDER_PARTS_MAX]; /**< Fields, then the primary key. */
    copse_bytes trailer;                      /**< len 0: each part says by itself what it was. */
    copse_bytes include; /**< What is included of the document; len 0: nothing. */
    copse_bytes link;    /**< Binary CID; len 0: none. */
} copse_index_entry;

/** Takes an entry apart. CORRUPT: it is none; then what is in *ret_entry means nothing. */
COPSE_MUST_USE copse_status copse_index_entry_read(const copse_index_deriver *deriver,
                                                   copse_bytes key, copse_bytes value,
                                                   copse_index_entry *ret_entry, copse_err *err);

/** Decodes the parts of a key, fields, then the primary key: appends the items of their values to
 * `buf`. CORRUPT: it is none. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status
copse_index_entry_decode_key(const copse_index_deriver *deriver, copse_bytes key, copse_buf *buf,
                             copse_order_decoded ret_parts[COPSE_ORDER_PARTS_MAX], copse_err *err);

/** Splits the key of an entry: what a unique index tells apart (with the prefix), and the primary
 * key's part in the direction of the last field. Views into `key`. CORRUPT: it is none. */
COPSE_MUST_USE copse_status copse_index_entry_split(const copse_index_deriver *deriver,
                                                    copse_bytes key, copse_bytes *ret_unique,
                                                    copse_bytes *ret_primary, copse_err *err);

/** Appends order(pk), ascending, of the entry `key`: what stands behind the prefix of the
 * document's key. Decodes nothing. CORRUPT, NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_index_entry_primary(const copse_index_deriver *deriver,
                                                      copse_bytes key, copse_buf *buf,
                                                      copse_err *err);

#endif
