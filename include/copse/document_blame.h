/* Who last changed each field of a document, and when.
 *
 * Walks back from a head. A field's value comes from the first parent that has an equal one, and so
 * on, through merges too, until no parent has: that commit gave the field its value. Of each commit
 * on the way the block is read, and the path to the document's row in its tree; where the row is
 * the one of the commit before, the document is not looked at.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOCUMENT_BLAME_H
#define COPSE_DOCUMENT_BLAME_H

#include <copse/commit.h>
#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

/** A field, and the commit that gave it its value; or, of a document that is not there, the commit
 * that took it away. Views are valid as long as the blame. */
typedef struct copse_blame_line {
    copse_bytes path;  /**< Dotted. */
    copse_bytes value; /**< One item; an object is gone into unless it is empty, an array is not;
                            len 0: the document was deleted. */
    copse_cid commit;
    bool is_older;       /**< Not known yet: the commit has the value from one before it. */
    uint64_t time_ms;    /**< Of the commit, as are */
    copse_bytes author;  /**< did:key text; len 0: none. */
    copse_bytes message; /**< UTF-8; len 0: none. */
} copse_blame_line;

/** Belongs to one thread. Holds the document, and the commits that it named. */
typedef struct copse_document_blame copse_document_blame;

/** Begins at the commit `head` with the document of `collection` whose primary key is `id`, one
 * item; both are copied. Reads nothing yet. `cache` must outlive it. CORRUPT: a name or `id` that
 * can't be one. LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status
copse_document_blame_new(copse_node_cache *cache, const copse_cid *head, copse_bytes collection,
                         copse_bytes id, copse_document_blame **ret_blame, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_document_blame *copse_document_blame_free(copse_document_blame *blame);

/** Finds all lines. WANT: supply the blocks and call again; nothing is lost, and the blocks that
 * were used may go. If they can't be had, the lines say how far it came. NOT_FOUND: no commit that
 * `head` comes from has the document. CORRUPT: also a commit that is not older than what was made
 * on it. MISUSE: a tree that is no database of version
 * 2. LIMIT, IO, NOMEM: it may be called again. */
COPSE_API COPSE_MUST_USE copse_status copse_document_blame_run(copse_document_blame *blame,
                                                               copse_err *err);

/** The lines, in the order of the document's fields: all known after a run that was OK, none before
 * the document was read. Of one that is not there a single line, once it is known: of the deletions
 * that `head` comes from, the last by generation. Lent until the next run. */
COPSE_API const copse_blame_line *copse_document_blame_lines(const copse_document_blame *blame,
                                                             size_t *ret_count);

COPSE_EXTERN_C_END

#endif
