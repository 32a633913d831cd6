/* The inside of a check.
 *
 * After the tree and the catalogue, all other rows are read once, in key order: of each collection
 * what merges left open, then the documents, the rows of the indexes, and the versions.
 *
 *   K1  Each document is read as a reader would, without trust, and made anew: its row must be
 *       the one that writing it makes, so that form, sizes, codecs and CIDs are right together.
 *   K2  The rows that documents make in an index, and those that are there, are added up apart,
 *       each as two keyed 64-bit hashes of key and value, modulo 2^64. The key is random: who
 *       wrote the tree can't make two sets of rows of one sum.
 *   K3  Only an index whose sums differ is gone through row by row: each row that a document
 *       makes is looked up, and each row that is there is looked for among those of its
 *       document. So the memory does not grow with the database.
 *   K4  What a defect makes impossible to say is not said: no rows are missed of a document
 *       that can't be read, none of a collection or index whose definition can't.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DATABASE_CHECK_H
#define COPSE_DOC_DATABASE_CHECK_H

#include "doc/catalogue.h"
#include "doc/document.h"

#include <copse/cursor.h>
#include <copse/database_check.h>

/** A row of the catalogue that can't be used. */
typedef struct copse_dbcheck_bad {
    copse_bytes collection;
    copse_bytes index; /**< len 0: all of the collection. */
} copse_dbcheck_bad;

/** A sum of rows (K2). */
typedef struct copse_dbcheck_sum {
    uint64_t words[2];
} copse_dbcheck_sum;

/** An index of the collection at hand. */
typedef struct copse_dbcheck_index {
    copse_dbcheck_sum derived;
    copse_dbcheck_sum stored;
    copse_buf unique; /**< The unique part of the last entry that is not exempt. */
} copse_dbcheck_index;

typedef struct copse_dbcheck_run {
    const copse_env *env;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    const copse_database_check_options *options;
    copse_database_check_stats stats;
    uint64_t seeds[2][2];
    bool is_unreadable; /**< The tree check found what makes reading it senseless. */
    copse_catalogue catalogue;
    copse_arena arena; /**< Of the list's names. */
    copse_dbcheck_bad *bad;
    size_t bad_count;
    size_t bad_capacity;
    uint64_t rows_done;
    uint64_t rows_total;
    /* The collection at hand. */
    copse_catalogue_collection *collection;
    copse_dbcheck_index *indexes;
    copse_buf key;
    copse_buf value;
} copse_dbcheck_run;

/** Counts a defect and tells of it; `defect->message` may be NULL: then it is what `detail` says.
 * What the caller's function returned. */
COPSE_MUST_USE copse_status copse_dbcheck_tell(copse_dbcheck_run *run,
                                               copse_database_defect *defect,
                                               const copse_err *detail, copse_err *err);

/** Whether a status is about the data, and so a finding, rather than about the check. */
bool copse_dbcheck_is_finding(copse_status status);

/** Whether this collection, or this index of it, has a row that can't be used. */
bool copse_dbcheck_is_bad(const copse_dbcheck_run *run, copse_bytes collection, copse_bytes index);

/** Notes that. NOMEM. */
COPSE_MUST_USE copse_status copse_dbcheck_note_bad(copse_dbcheck_run *run, copse_bytes collection,
                                                   copse_bytes index, copse_err *err);

/** Checks the catalogue, and fills run->catalogue with what of it is right. */
COPSE_MUST_USE copse_status copse_dbcheck_catalogue(copse_dbcheck_run *run, copse_err *err);

/** Checks all rows behind the catalogue. */
COPSE_MUST_USE copse_status copse_dbcheck_rows(copse_dbcheck_run *run, copse_err *err);

/** A document as it was read for the check. Zeroed at first; release it. */
typedef struct copse_dbcheck_document {
    copse_document document;
    copse_block_list blocks; /**< What writing it makes (K1). */
    copse_buf value;
    copse_bytes id;   /**< Its primary key, borrowed from the document. */
    copse_bytes link; /**< As its row has it, or must have it. */
} copse_dbcheck_document;

void copse_dbcheck_document_release(copse_dbcheck_document *document);

/** Reads the document of a row, kept in this form, and checks all of it but its key; defects are
 * told only if `tell`. NOT_FOUND: it can't be used. */
COPSE_MUST_USE copse_status copse_dbcheck_read_document(copse_dbcheck_run *run, copse_bytes key,
                                                        copse_bytes value,
                                                        copse_documents_form form, bool tell,
                                                        copse_dbcheck_document *document,
                                                        copse_err *err);

/** Reads a row that is no document, but kept as one of an inline collection: it must be the one
 * that writing it makes; what is in it is not looked at. NOT_FOUND: it can't be used, which was
 * told. */
COPSE_MUST_USE copse_status copse_dbcheck_read_row(copse_dbcheck_run *run, copse_bytes key,
                                                   copse_bytes value,
                                                   copse_dbcheck_document *document,
                                                   copse_err *err);

/** Checks the row of a conflict in run->collection; order(pk) begins at `tail`. */
COPSE_MUST_USE copse_status copse_dbcheck_conflict(copse_dbcheck_run *run, copse_bytes key,
                                                   size_t tail, copse_bytes value, copse_err *err);

/** Likewise a row of versions. *ret_past is set where the collection has none: its rows are to be
 * passed over. */
COPSE_MUST_USE copse_status copse_dbcheck_version(copse_dbcheck_run *run, copse_bytes key,
                                                  size_t tail, copse_bytes value, bool *ret_past,
                                                  copse_err *err);

/** Where run->collection asks for signatures: whether the document of that key, whose order(pk)
 * begins at `tail`, has a row of versions, which is checked at its place. `id` may have len 0. */
COPSE_MUST_USE copse_status copse_dbcheck_has_version(copse_dbcheck_run *run, copse_bytes key,
                                                      size_t tail, copse_bytes id, copse_err *err);

/** As copse_dbcheck_tell for a row of index number `position` of run->collection: adds whose it is.
 */
COPSE_MUST_USE copse_status copse_dbcheck_tell_of_entry(copse_dbcheck_run *run, size_t position,
                                                        copse_database_defect *defect,
                                                        const copse_err *detail, copse_err *err);

/** Adds a row to a sum. */
void copse_dbcheck_sum_add(const copse_dbcheck_run *run, copse_dbcheck_sum *sum, copse_bytes key,
                           copse_bytes value);

/** Compares index number `position` of run->collection with the documents row by row (K3). */
COPSE_MUST_USE copse_status copse_dbcheck_compare_index(copse_dbcheck_run *run, size_t position,
                                                        copse_err *err);

#endif
