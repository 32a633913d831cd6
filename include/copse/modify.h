/* Modifying: updates and deletes by filter, and batches of them with other writes.
 *
 *     copse_modify_new(env, &modify, &err);                                 once
 *     copse_modify_begin(modify, database);
 *     while ((status = copse_modify_run(modify, &options, &result, &err)) == COPSE_WANT) fetch;
 *     copse_write_insert(copse_modify_write(modify), posts, document, NULL, &err);
 *     copse_modify_finish(modify, store, NULL, &tree, &stats, NULL, &err);
 *     then a commit on top (commit.h), and the head moves by compare-and-swap
 *
 * A modification collects operations on one state of a database; each sees what those before it
 * did. At the end there is one new tree, or, after a failure, none: a batch is atomic, and becomes
 * one commit. If somebody else moved the head meanwhile, it is begun again on what that is now: an
 * update is applied to the documents that are there then, and no change of others is lost.
 *
 * Meaning of updates, replacements and upserts: docs/updates.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_MODIFY_H
#define COPSE_MODIFY_H

#include <copse/query.h>
#include <copse/update.h>
#include <copse/write.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to the thread of the database that it was begun on. May be used for any number of
 * databases, one after the other; it keeps its memory, and the catalogue of the tree it made. */
typedef struct copse_modify copse_modify;

/** Makes one. `env` is also the clock of $currentDate; without a clock that is 1970. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_modify_new(const copse_env *env,
                                                       copse_modify **ret_modify, copse_err *err);

/** Frees it; what was not finished is dropped. NULL is allowed. Returns NULL. */
COPSE_API copse_modify *copse_modify_free(copse_modify *modify);

/** Begins on `database`, which must stay open until the modification is finished, freed, or begun
 * again; operations that were not finished are dropped. */
COPSE_API void copse_modify_begin(copse_modify *modify, copse_database *database);

/** The operations until now: operations of write.h may be added to them, but not between a WANT of
 * copse_modify_run and the call that goes on. What these insert and delete, later runs see. Valid
 * until the modification is freed. */
COPSE_API copse_write *copse_modify_write(copse_modify *modify);

/** Which document a single update or delete gives back. */
typedef enum copse_modify_return {
    COPSE_MODIFY_RETURN_NOTHING,
    COPSE_MODIFY_RETURN_BEFORE, /**< As it was. */
    COPSE_MODIFY_RETURN_AFTER   /**< As it is then; of a deleted one as it was. */
} copse_modify_return;

/** Which documents, and what becomes of them. */
typedef struct copse_modify_options {
    copse_bytes collection;
    copse_bytes filter;                  /**< Encoded map (filter.h); len 0: all. */
    const copse_sort_spec *sort;         /**< Without multi: the first by this order; NULL: any. */
    copse_bytes hint;                    /**< As in copse_query_options. */
    copse_update *update;                /**< NULL: they are deleted. */
    bool multi;                          /**< All matches, not one. */
    bool upsert;                         /**< If none matches, a document is inserted. */
    copse_modify_return return_document; /**< Without multi. */
    copse_bytes projection;              /**< Of it; encoded map (projection.h), len 0: whole. */
} copse_modify_options;

typedef struct copse_modify_result {
    uint64_t matched;
    uint64_t modified;    /**< Of these, those that differ now; deleted ones count. */
    bool upserted;        /**< A document was inserted; its primary key is `id`. */
    copse_bytes id;       /**< One item; valid until the next call. */
    copse_bytes document; /**< What return_document asked for; len 0: there is none. Valid until the
                               next call. */
} copse_modify_result;

/** Runs one operation: finds the documents, among those of the database and what the operations
 * before have made of them, and adds the operations that change them. All are found before any is
 * changed. WANT: supply the blocks, and call again with the same options and nothing in between.
 * CORRUPT: filter or projection are none, or the update can't be applied to a document (the message
 * has its primary key). MISUSE: it would change the primary key; a replacement or a sort with
 * multi; an upsert that deletes; a version 1 database; not begun. Else statuses as
 * copse_result_next and copse_update_apply, without END. Whatever is not OK leaves the modification
 * as it was before this operation. */
COPSE_API COPSE_MUST_USE copse_status copse_modify_run(copse_modify *modify,
                                                       const copse_modify_options *options,
                                                       copse_modify_result *ret_result,
                                                       copse_err *err);

/** Applies all operations at once, as copse_write_apply does and with its statuses: the new blocks,
 * those of the new tree alone, go into `store`, and the new tree is opened; nothing was changed,
 * and it has the same root. *ret_failed is the number of an operation of copse_modify_write. On OK
 * the modification has ended; whatever is not OK leaves it as it was. MISUSE: not begun. */
COPSE_API COPSE_MUST_USE copse_status copse_modify_finish(copse_modify *modify, copse_store *store,
                                                          const copse_write_options *options,
                                                          copse_tree **ret_tree,
                                                          copse_write_stats *ret_stats,
                                                          size_t *ret_failed, copse_err *err);

COPSE_EXTERN_C_END

#endif
