/* A plain model of databases that many write and merge: the log of all acknowledged writes, and for
 * each commit which of them it has seen. What a document is by the policies that need no base
 * (database_merge.h) follows from the set of writes alone, and is computed here by going through
 * all of them. Nothing of the library's versions or merges is used.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_MERGE_LOG_H
#define COPSE_TESTS_MERGE_LOG_H

#include <copse/buf.h>
#include <copse/cid.h>
#include <copse/database.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One collection for each policy. */
typedef enum merge_collection {
    MERGE_THREE_WAY,
    MERGE_UNION,
    MERGE_LWW,
    MERGE_FIELD_WISE,
    MERGE_COLLECTIONS
} merge_collection;

/** The fields of all documents besides `_id`. */
typedef enum merge_field {
    MERGE_N, /**< Unique in each collection. */
    MERGE_A, /**< These three get a value that was never there before. */
    MERGE_B,
    MERGE_C,
    MERGE_TAGS, /**< An array, which has an index. */
    MERGE_BIG,  /**< A text that makes the document a linked one. */
    MERGE_FIELDS
} merge_field;

enum {
    MERGE_KEYS = 7,           /**< Primary keys are 0 … 6, and one for each peer behind them. */
    MERGE_KEYS_ALL = 16,      /**< With those. */
    MERGE_LOG_WRITES = 2048,  /**< The most. */
    MERGE_LOG_COMMITS = 4096, /**< Likewise. */
    MERGE_LOG_WORDS = MERGE_LOG_WRITES / 64
};

/** A document: for each field a number that stands for its value; -1: it lacks the field. */
typedef struct merge_document {
    bool is_there;
    int fields[MERGE_FIELDS];
} merge_document;

/** When and by whom; zeroed: before all others. */
typedef struct merge_version {
    uint64_t time_ms;
    uint32_t counter;
    const char *author; /**< NULL: nobody. */
} merge_version;

typedef enum merge_write_kind {
    MERGE_WRITE_WHOLE,  /**< Of a document. */
    MERGE_WRITE_FIELDS, /**< Of those of its fields that differ. */
    MERGE_WRITE_DELETE,
    MERGE_WRITE_SETTLE /**< Of whatever was open about it: a decision of somebody who had seen. */
} merge_write_kind;

typedef struct merge_write {
    merge_write_kind kind;
    merge_collection collection;
    int id;
    merge_document before;
    merge_document after;
    merge_version version;
    size_t commit; /**< The number of the commit that brought it. */
} merge_write;

typedef struct merge_commit {
    copse_cid cid;
    copse_cid tree;
    bool is_merge;
    uint64_t forgotten_ms[MERGE_COLLECTIONS]; /**< Deletions from before then are forgotten. */
    uint64_t seen[MERGE_LOG_WORDS];           /**< The writes, its own too. */
} merge_commit;

typedef struct merge_log {
    merge_write writes[MERGE_LOG_WRITES];
    size_t writes_count;
    merge_commit commits[MERGE_LOG_COMMITS];
    size_t commits_count;
} merge_log;

/** What a document is by a set of writes. */
typedef struct merge_state {
    merge_document document;
    merge_version latest; /**< Of all that was written of it. */
    bool was_written;
    int hidden[MERGE_FIELDS]; /**< It is deleted, and this was written later; -1: nothing. */
} merge_state;

/** The collection's name and policy. */
const char *merge_collection_name(merge_collection collection);
copse_merge_policy merge_collection_policy(merge_collection collection);

/* ---- Documents ---- */

/** Appends the encoding of a document. */
void merge_document_encode(const merge_document *document, int id, copse_buf *buf);

/** Reads one back; len 0: there is none. Fails the test on what was not made by the above. */
merge_document merge_document_decode(copse_bytes encoded);

bool merge_document_same(const merge_document *a, const merge_document *b);

/** By their encodings, bytewise; one that is not there is least. */
int merge_document_compare(const merge_document *a, const merge_document *b);

/** Negative, zero, positive: by clock, then author. */
int merge_version_compare(const merge_version *a, const merge_version *b);

/* ---- The log ---- */

/** The number of a commit; fails the test if there is none. */
size_t merge_log_find(const merge_log *log, const copse_cid *cid);

/** Whether the commit is there; its number. */
bool merge_log_has(const merge_log *log, const copse_cid *cid, size_t *ret_commit);

/** Adds a commit that has seen what its parents (of numbers `parents`) have seen. */
size_t merge_log_commit(merge_log *log, const copse_cid *cid, const copse_cid *tree,
                        const size_t *parents, size_t parents_count);

/** Adds a write that this commit, the last, has brought. */
void merge_log_write(merge_log *log, const merge_write *write);

/** Notes that a commit has forgotten deletions of a collection. */
void merge_log_forget(merge_log *log, size_t commit, merge_collection collection,
                      uint64_t before_ms);

bool merge_log_has_seen(const merge_log *log, size_t commit, size_t write);

/** Whether write `later` was made by somebody who had seen `write`. */
bool merge_log_is_after(const merge_log *log, size_t later, size_t write);

/** What a document is by all writes that a commit has seen; not for three-way. */
merge_state merge_log_state(const merge_log *log, size_t commit, merge_collection collection,
                            int id);

/** Which of the documents are in the collection, and not waiting, if those with one value of the
 * unique field are let in one after the other by version and primary key. */
void merge_log_admit(const merge_state states[MERGE_KEYS_ALL], merge_collection collection,
                     bool ret_admitted[MERGE_KEYS_ALL]);

#endif
