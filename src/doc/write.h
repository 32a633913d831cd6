/* The inside of a write: its operations, and a run that applies them.
 *
 * A run goes through the operations in order. Operations on documents only collect *changes*; what
 * changes the catalogue is done at once, on the write's catalogue and in the batch. A change is
 * settled when the run ends, or before its collection's catalogue changes:
 *
 *   W1  Changes are grouped by the document's key. A group takes the document that is in the tree
 *       through all its changes; only the first and the last version make rows, and only rows that
 *       differ go into the batch.
 *   W2  All documents of a settling, and their versions, are looked up before anything else, in one
 *       operation on the source, so that one want list names all the blocks that are missing.
 *   W3  Every version, also one in between, must be one that its indexes can hold, and is checked
 *       for uniqueness at its time (write_unique.h). Of several operations that fail, the first in
 *       the order of the operations is reported.
 *   W4  One batch and one apply do it all, unless an index is built: that needs the tree of what is
 *       before it.
 *   W5  The blocks of linked documents are put after the tree was applied, so that nothing is put
 *       when blocks are wanted.
 *   W6  Of the operations of a merge on one document only the last one is looked at.
 *   W7  While a document is in the collection, one that waits in its conflict's row is none. So
 *       who deletes it ends that too, or the next merge would bring back what was written over.
 *   W8  In a database with a creator each operation that is not a merge's is one that its author
 *       may do, by the statements in the tree that is written to and those that operations
 *       before it added (write_authority.c).
 *
 *   W9  In a collection of signed documents the author signs each version that a run makes; by W8
 *       there is a key. A merge says what a collection is, whatever it was: a SET_MERGE of one
 *       takes the option away, and a SET_SIGNED does not ask what the collection holds.
 *
 * The write keeps the catalogue of the last tree that it read or made, with its derivers, and the
 * authority: a commit of one document then reads neither.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_WRITE_H
#define COPSE_DOC_WRITE_H

#include "doc/catalogue.h"
#include "doc/document.h"

#include <copse/authority.h>
#include <copse/batch.h>
#include <copse/write.h>

typedef enum copse_write_kind {
    COPSE_WRITE_CREATE_DATABASE,
    COPSE_WRITE_CREATE_COLLECTION,
    COPSE_WRITE_DROP_COLLECTION,
    COPSE_WRITE_CREATE_INDEX,
    COPSE_WRITE_DROP_INDEX,
    COPSE_WRITE_SET_MERGE,
    COPSE_WRITE_SET_SIGNED,
    COPSE_WRITE_FORGET_DELETED,
    COPSE_WRITE_ADD_STATEMENT,
    COPSE_WRITE_PUT_STATEMENTS,
    COPSE_WRITE_PUT_ROW,
    COPSE_WRITE_RESOLVE,
    COPSE_WRITE_INSERT,
    COPSE_WRITE_REPLACE,
    COPSE_WRITE_UPSERT,
    COPSE_WRITE_DELETE
} copse_write_kind;

/** A row that a document may have besides its own. */
typedef enum copse_write_row {
    COPSE_WRITE_VERSION_ROW, /**< document_version.h */
    COPSE_WRITE_CONFLICT_ROW
} copse_write_row;

/** Bytes of copse_write.bytes. */
typedef struct copse_write_span {
    size_t offset;
    size_t len;
} copse_write_span;

typedef struct copse_write_op {
    copse_write_kind kind;
    copse_documents_form documents; /**< CREATE_COLLECTION. */
    copse_merge_policy merge;       /**< SET_MERGE, with tombstone_days. */
    uint32_t tombstone_days;
    copse_write_row row; /**< PUT_ROW; its value is `item`. */
    bool is_by_fields;   /**< REPLACE: of those fields that differ. */
    uint64_t before_ms;  /**< FORGET_DELETED; SET_MERGE: what was forgotten elsewhere. */
    size_t blocks_first; /**< PUT_ROW: of copse_write.blocks. */
    size_t blocks_count;
    copse_write_span collection;
    copse_write_span name; /**< The index; CREATE_COLLECTION: the primary key. */
    copse_write_span item; /**< The document, the row of the definition, of statements or of the
                                database, the statement, or DELETE: the primary key. */
    copse_write_span id;   /**< INSERT, UPSERT: the `_id` that a document without one gets; PUT_ROW:
                                the primary key; PUT_STATEMENTS: the row's key. */
} copse_write_op;

/** An operation on a document, on its way. */
typedef struct copse_write_change {
    copse_catalogue_collection *collection;
    size_t op;            /**< Its number. */
    copse_bytes key;      /**< Of the document's row; in the run's arena. */
    copse_bytes id;       /**< Its primary key, one item. */
    copse_bytes document; /**< DELETE: len 0. */
} copse_write_change;

/** A document that can't be in its collection beside the others, since one of its values in an
 * index is that of others too, or since the index can't hold it. Views. */
typedef struct copse_write_clash {
    copse_bytes collection;
    copse_bytes index;
    copse_bytes key; /**< order(pk) of the document. */
    size_t value;    /**< Numbers the values, from 0; all documents of one are told in a row. */
    bool is_unfit;   /**< The index can't hold the document: the value is nobody else's. */
} copse_write_clash;

/** Is told of each such document. Any status but OK ends the apply, which returns it. */
typedef copse_status (*copse_write_clash_fn)(void *ctx, const copse_write_clash *clash,
                                             copse_err *err);

struct copse_write {
    const copse_env *env;
    copse_write_clash_fn clash; /**< NULL: the first one is a failure. */
    void *clash_ctx;
    copse_buf bytes;         /**< What the operations' spans are of. */
    copse_block_list blocks; /**< Those of the operations' rows. */
    copse_write_op *ops;
    size_t ops_count;
    size_t ops_capacity;
    copse_catalogue catalogue;  /**< Of the tree `catalogue_root`. */
    copse_cid catalogue_root;   /**< Size 0: of none. */
    copse_tree *index_rows;     /**< Of a merge: what an index that is made takes its rows from, and
                                     its documents are not read; NULL: none. */
    bool leaves_indexes;        /**< Of a merge: it is made, but stays unbuilt, instead. */
    bool has_taken_indexes;     /**< An apply took rows from index_rows. */
    copse_authority *authority; /**< Of the same; NULL: it was not read. */
    copse_batch *batch;         /**< Empty between runs. */
    copse_write_change *changes;
    size_t changes_capacity;
};

/** An apply. */
typedef struct copse_write_run {
    copse_write *write;
    const copse_env *env;
    copse_store *store;
    copse_write_options options;
    copse_tree *base; /**< The tree that was given. */
    copse_tree *tree; /**< The present one: the base, or one of the run's own. */
    char author[COPSE_KEY_TEXT_SIZE_MAX]; /**< Of options.key. */
    copse_arena arena;
    copse_block_list blocks; /**< Of linked documents, to be put. */
    size_t changes_count;
    copse_buf scratch;
    copse_write_stats stats;
    size_t failed;  /**< The operation that failed; SIZE_MAX: none. */
    size_t clashes; /**< The values of documents that clash, if those are told. */
    bool has_right; /**< The author has `right` in the collection `right_in`. */
    copse_right right;
    copse_bytes right_in;
    bool has_time;
    uint64_t time_ms; /**< Of the versions that the run makes (write_version.h). */
} copse_write_run;

static inline copse_bytes copse_write_bytes(const copse_write *write, copse_write_span span)
{
    return (copse_bytes){write->bytes.ptr + span.offset, span.len};
}

/** Forgets the operations from number `count` on. */
void copse_write_rewind(copse_write *write, size_t count);

/** Adds an operation: as copse_write_set_merge, of a collection whose deletions from before
 * `forgotten_ms` have been forgotten elsewhere. */
COPSE_MUST_USE copse_status copse_write_set_options(copse_write *write, copse_bytes collection,
                                                    copse_merge_policy policy,
                                                    uint32_t tombstone_days, uint64_t forgotten_ms,
                                                    copse_err *err);

/** Adds an operation, as those of write.h: replaces a document that is there; in a FIELD_WISE
 * collection only the fields that differ are written by it. */
COPSE_MUST_USE copse_status copse_write_replace_fields(copse_write *write, copse_bytes collection,
                                                       copse_bytes document, copse_err *err);

/** Adds an operation: the document with the primary key `id`, one item, gets a row of this kind
 * with this value, one item; len 0: it loses the one it has. `blocks` (NULL: none): those that the
 * value links to, which are put as well. NOT_FOUND (at apply): no such collection. */
COPSE_MUST_USE copse_status copse_write_put_row(copse_write *write, copse_write_row row,
                                                copse_bytes collection, copse_bytes id,
                                                copse_bytes value, const copse_block_list *blocks,
                                                copse_err *err);

/** Adds an operation of a merge: the row of statements of that key becomes `row`; len 0: none. */
COPSE_MUST_USE copse_status copse_write_put_statements(copse_write *write, copse_bytes key,
                                                       copse_bytes row, copse_err *err);

/** Lets indexes that are made over documents that are there, by a merge, take their rows from a
 * tree of the same node cache, which must stay open; NULL: lets them stay unbuilt. */
void copse_write_take_indexes(copse_write *write, copse_tree *rows);

/** Makes applies of a merge (options.is_merge) tell `visit` of all documents that clash, before
 * they fail with CONFLICT. */
void copse_write_on_clash(copse_write *write, copse_write_clash_fn visit, void *ctx);

/** Whether a run tells of documents that clash. */
static inline bool copse_write_tells(const copse_write_run *run)
{
    return run->options.is_merge && run->write->clash != NULL;
}

/** Tells of a document, by the key of its row, that has the value number run->clashes in an index;
 * of one that is_unfit, and goes on to the next number. NOMEM; what the visitor returned. */
COPSE_MUST_USE copse_status copse_write_tell(copse_write_run *run,
                                             const copse_collection *collection, copse_bytes index,
                                             copse_bytes document, bool is_unfit, copse_err *err);

/** Whether a failure is about the operation at hand, so that one of an earlier operation comes
 * before it; the others are about the world. */
static inline bool copse_write_is_refusal(copse_status status)
{
    return status == COPSE_CONFLICT || status == COPSE_NOT_FOUND || status == COPSE_CORRUPT ||
           status == COPSE_LIMIT || status == COPSE_DENIED;
}

/** Whether the author may do an operation, as far as is known before the document is read (W8).
 * DENIED; WANT, CORRUPT, LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_write_check_operation(copse_write_run *run,
                                                        const copse_write_op *op, copse_err *err);

/** Whether the author has a right in a collection. As copse_write_check_operation. */
COPSE_MUST_USE copse_status copse_write_check_right(copse_write_run *run, copse_right right,
                                                    copse_bytes collection, copse_err *err);

/** Does an ADD_STATEMENT, or a PUT_STATEMENTS. Statuses of write.h. */
COPSE_MUST_USE copse_status copse_write_run_statement(copse_write_run *run,
                                                      const copse_write_op *op, copse_err *err);

/** Puts the deletion of the row of the conflict of the document `id` into the batch. *ret_waited: a
 * document waited in it, which is none in the collection. NOT_FOUND: there is none. WANT, CORRUPT,
 * IO, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_write_resolve_row(copse_write_run *run,
                                                    const copse_collection *collection,
                                                    copse_bytes id, bool *ret_waited,
                                                    copse_err *err);

/** The row of the conflict of the document `id`, in run->arena; len 0: there is none. Part of an
 * operation on the source that was begun before; run->scratch is its key. WANT, CORRUPT, IO, NOMEM.
 */
COPSE_MUST_USE copse_status copse_write_find_conflict(copse_write_run *run,
                                                      const copse_collection *collection,
                                                      copse_bytes id, copse_bytes *ret_row,
                                                      copse_err *err);

/** Puts that row into the batch without the document that waits in it, if one does (W7). CORRUPT,
 * NOMEM. */
COPSE_MUST_USE copse_status copse_write_end_waiting(copse_write_run *run,
                                                    const copse_collection *collection,
                                                    copse_bytes id, copse_bytes row,
                                                    copse_err *err);

/** Settles all changes: puts the rows of their documents and indexes into the batch, and the blocks
 * of documents into run->blocks. CONFLICT and NOT_FOUND set run->failed. */
COPSE_MUST_USE copse_status copse_write_settle(copse_write_run *run, copse_err *err);

/** Makes the index `definition`, which is not in the catalogue yet, over the documents of the
 * collection in run->tree: puts its rows and its definition into the batch, and adds it to the
 * catalogue. *ret_built: the tree that the batch takes the rows from, to be closed after the apply;
 * NULL if there are no rows. */
COPSE_MUST_USE copse_status copse_write_build_index(copse_write_run *run,
                                                    copse_catalogue_collection *collection,
                                                    const copse_index_definition *definition,
                                                    copse_tree **ret_built, copse_err *err);

/** Settles and applies all that is pending. Statuses of copse_write_settle and copse_tree_apply. */
COPSE_MUST_USE copse_status copse_write_flush(copse_write_run *run, copse_err *err);

/** Does so if any of the changes is one of `collection`. */
COPSE_MUST_USE copse_status copse_write_flush_collection(
    copse_write_run *run, const copse_catalogue_collection *collection, copse_err *err);

#endif
