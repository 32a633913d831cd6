/* Documents as they are kept: inline, linked, or in chunks.
 *
 * Format: docs/formats/database.md, "Documents".
 *
 *     D1  The row of a document in an inline collection is its map if that has at most
 *         COPSE_DOCUMENT_INLINE_SIZE_BYTES_MAX bytes. All other documents are linked.
 *     D2  The row of a linked document of up to COPSE_DOCUMENT_CHUNK_SIZE_BYTES is the link to its
 *         block.
 *     D3  The row of a larger one is the list of links to raw blocks that hold its encoding, each
 *         but the last of exactly COPSE_DOCUMENT_CHUNK_SIZE_BYTES.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DOCUMENT_H
#define COPSE_DOC_DOCUMENT_H

#include <copse/database.h>

/** The most bytes of a document in one block, and the size of a chunk of a larger one. */
#define COPSE_DOCUMENT_CHUNK_SIZE_BYTES ((size_t)1 << 20)

/** Blocks to be put, a reference each. A zeroed one is empty, but needs `env` before the first. */
typedef struct copse_block_list {
    const copse_env *env;
    copse_block **blocks;
    size_t count;
    size_t capacity;
    uint64_t size_bytes; /**< Of their data. */
} copse_block_list;

/** Gives back all blocks but the first `count`; keeps the memory. */
void copse_block_list_truncate(copse_block_list *list, size_t count);

/** Gives back all blocks and the memory. */
void copse_block_list_release(copse_block_list *list);

/** Appends a reference to each of the blocks. NOMEM: nothing was appended. */
COPSE_MUST_USE copse_status copse_block_list_append(copse_block_list *list,
                                                    copse_block *const *blocks, size_t count,
                                                    copse_err *err);

/** Appends the value of the row of the document `encoded` to `value`, and the blocks that it leads
 * to, if any, to `blocks`. LIMIT: limits.document_size_bytes_max. NOMEM; `value` and `blocks` are
 * then as before. */
COPSE_MUST_USE copse_status copse_document_store(copse_documents_form form, copse_bytes encoded,
                                                 copse_buf *value, copse_block_list *blocks,
                                                 copse_err *err);

/** The binary CID that the value of a document's row is a link to (D2); len 0: it is none. */
copse_bytes copse_document_row_link(copse_bytes value);

/** As copse_document_load within an operation on the source that was begun before: adds to its want
 * list. */
COPSE_MUST_USE copse_status copse_document_load_within(copse_source *source, const copse_env *env,
                                                       copse_bytes value, copse_document *document,
                                                       copse_err *err);

/** The item of the field `primary_key` of `document`, borrowed from it. NOT_FOUND: it has none.
 * CORRUPT: no document. */
COPSE_MUST_USE copse_status copse_document_primary(copse_bytes document, copse_bytes primary_key,
                                                   copse_bytes *ret_id, copse_err *err);

/** Appends `document`, which has no `_id`, with `id` as its `_id`. CORRUPT, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_document_write_with_id(copse_buf *buf, copse_bytes document,
                                                         copse_bytes id, copse_err *err);

#endif
