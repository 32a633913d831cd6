/* A database of documents, as the commands use it: where it is, its head, the tree of that, the
 * collections in it, and the cycle of a write.
 *
 * A write is made on the head as it is, becomes a commit, and moves the head by compare-and-swap.
 * If another process moved it meanwhile, the write is made again on what it is now. So a command's
 * changes are there all or none, and nobody's are lost.
 *
 * Functions that return bool have reported their failure (failure.h) when it is false; those that
 * return int return an exit code, and have reported it if it is none of COPSE_EXIT_OK.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_DOCUMENTS_H
#define COPSE_APPS_DOCUMENTS_H

#include "author.h"
#include "past.h"
#include "place.h"

#include <copse/modify.h>

/** Which database a command reads: COPSE_OPTION_HEAD; writes: COPSE_OPTION_REF. */
#define COPSE_OPTION_HEAD                                                                          \
    {"--ref", "NAME|CID", COPSE_OPTION_TEXT, "the database to read instead of the ref main", 0},   \
        COPSE_OPTION_AT

/** What a command that writes is told of its commit. */
#define COPSE_OPTIONS_COMMIT                                                                       \
    {"--message", "TEXT", COPSE_OPTION_TEXT, "what the commit says, instead of what was done",     \
     'm'},                                                                                         \
        COPSE_OPTIONS_KEY

/** Stays where it is while it is open. */
typedef struct copse_documents {
    copse_call *call;
    copse_place place;        /**< Reads are followed by copse_place_fetch. */
    const char *ref;          /**< The head's name, or the CID that --ref gave. */
    copse_cid head;           /**< What it names; of size 0: it isn't there yet. */
    bool has_history;         /**< The head is a commit, not a bare tree. */
    copse_author author;      /**< Who writes, once copse_documents_author was asked. */
    copse_tree *tree;         /**< Of the head. */
    copse_database *database; /**< In tree. */
} copse_documents;

/** Opens the database that the first argument and --ref of the command name. READ: any address, and
 * --ref may be a CID. WRITE: the head must be there. CREATE: what isn't there, store or head, is
 * empty at first. On failure `documents` is zeroed. */
bool copse_documents_open(copse_documents *documents, copse_call *call, copse_local_mode mode);

/** As copse_documents_open to READ, but opens the place alone and no head, so that no peer has to
 * be asked. */
bool copse_documents_open_place(copse_documents *documents, copse_call *call);

/** Opens the database that `head`, a commit or a tree, names; NULL: what --ref names there. False:
 * reported, and all that may be done is to close. */
bool copse_documents_open_head(copse_documents *documents, const copse_cid *head);

/** Closes it; queries on it must be gone. A zeroed one is allowed. */
void copse_documents_close(copse_documents *documents);

/** Opens what the head is now; `database` and what it lent are new. False: reported, and all that
 * may be done is to close. */
bool copse_documents_refresh(copse_documents *documents);

/** As copse_documents_refresh, but opens the commit that copse_documents_commit has just made, also
 * where others have moved the head since. */
bool copse_documents_reopen(copse_documents *documents);

/** The collection `name`, lent until the database is closed or refreshed. NULL: there is none;
 * reported, with the name that is nearest. */
const copse_collection *copse_documents_collection(copse_documents *documents, const char *name);

/** The name of a collection, in a NUL-terminated text. */
enum { COPSE_DOCUMENTS_NAME_SIZE = 129 };

/** Finds the name that `name` may be a slip of; "": no collection has one. Returns `ret_text`. */
const char *copse_documents_near_name(copse_documents *documents, const char *name,
                                      char ret_text[COPSE_DOCUMENTS_NAME_SIZE]);

/** The index `name` of a collection; NULL: reported, with the name that is nearest. */
const copse_index_definition *copse_documents_index(copse_documents *documents,
                                                    const copse_collection *collection,
                                                    const char *name);

/** As copse_database_count and copse_database_index_count; fetch. */
copse_status copse_documents_count(copse_documents *documents, const copse_collection *collection,
                                   uint64_t *ret_count);
copse_status copse_documents_index_count(copse_documents *documents,
                                         const copse_collection *collection,
                                         const copse_index_definition *index, uint64_t *ret_count);

/** Reports what a read or a query failed with, behind `what` was being done. */
int copse_documents_failure(copse_documents *documents, copse_status status, const char *what);

/** Reports, likewise, that who writes may not, and how to say who does. */
int copse_documents_denied(copse_documents *documents, const char *what);

/** Who writes; lent until the database is closed. NULL: reported. */
const copse_author *copse_documents_author(copse_documents *documents);

/** Makes a commit of the tree `root` by --message, or else `message`, on top of `parent` (of size
 * 0: none), and puts it; no ref moves. Failures are reported. */
COPSE_MUST_USE copse_status copse_documents_put_commit(copse_documents *documents,
                                                       const copse_cid *parent,
                                                       const copse_cid *root, const char *message,
                                                       copse_cid *ret_commit);

/** Makes the tree `root`, whose blocks are in the store, the head's content: a commit of it with
 * `message`, on top of the head as it was opened. OK: `head` names it, but what is open is still
 * what was (copse_documents_reopen). CONFLICT is returned unreported: another process has moved the
 * head. Other failures are reported. */
copse_status copse_documents_commit(copse_documents *documents, const copse_cid *root,
                                    const char *message);

/** As copse_modify_run, begun on the head that is open; fetches. */
copse_status copse_documents_modify(copse_documents *documents, copse_modify *modify,
                                    const copse_modify_options *options,
                                    copse_modify_result *ret_result);

/** What a command changes. */
typedef struct copse_documents_change {
    /** Adds the operations. An exit code; reports. */
    int (*fill)(void *ctx, copse_documents *documents, copse_write *write);
    /** Instead of `fill`, for what finds documents in the head: on another one it is done anew. */
    int (*run)(void *ctx, copse_documents *documents, copse_modify *modify);
    /** Reports why operation number `failed`, from 0, can't be: call->err says. Returns an exit
     * code. NULL: it is reported like other failures. */
    int (*refused)(void *ctx, copse_documents *documents, copse_status status, size_t failed);
    /** Prints the commit's message, at most `size` bytes with the NUL. */
    void (*describe)(void *ctx, const copse_write_stats *stats, char *ret_message, size_t size);
    void *ctx;
    bool depends; /**< What is filled in depends on the head: on another one it is done anew. */
    const copse_write_options *options; /**< NULL: none. */
} copse_documents_change;

/** Makes the change, in the cycle above, and reopens `documents`. A change that leaves the
 * content as it was makes no commit, unless the head isn't there. */
int copse_documents_write(copse_documents *documents, const copse_documents_change *change,
                          copse_write_stats *ret_stats);

/** The members "commit" and "tree" of the head, for what a command prints as JSON. */
void copse_documents_print_head(const copse_documents *documents);

/** "1 document", "1,234 documents": a number and the word with its plural's s. */
const char *copse_documents_plural(uint64_t count, const char *word, char *ret_text, size_t size);

#endif
