/* The catalogue in a run: its rows, and the operations on it. They are done at once, on the write's
 * catalogue and in the batch, after the changes of the collection that they are about are applied.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_WRITE_CATALOGUE_H
#define COPSE_DOC_WRITE_CATALOGUE_H

#include "doc/write.h"

/** Puts the row that every database has into the batch. NOMEM. */
COPSE_MUST_USE copse_status copse_write_put_header(copse_write_run *run, copse_err *err);

/** Puts the row of an index's definition into the batch. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_write_put_definition(copse_write_run *run,
                                                       const copse_collection *collection,
                                                       const copse_index_definition *definition,
                                                       copse_err *err);

/** Makes a collection that is not there yet. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_write_add_collection(copse_write_run *run, copse_bytes name,
                                                       copse_bytes primary_key,
                                                       copse_documents_form documents,
                                                       copse_catalogue_collection **ret_collection,
                                                       copse_err *err);

/** Puts the collection's row into the batch, as one whose deletions from before that time have been
 * forgotten. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_write_note_forgotten(copse_write_run *run,
                                                       copse_catalogue_collection *collection,
                                                       uint64_t before_ms, copse_err *err);

/** The collection of an operation; the catalogue's. NOT_FOUND: there is none. */
COPSE_MUST_USE copse_status copse_write_need_collection(const copse_write_run *run,
                                                        const copse_write_op *op,
                                                        copse_catalogue_collection **ret_collection,
                                                        copse_err *err);

/** Does an operation that makes, changes or drops a collection or an index. CONFLICT: it is there
 * already, or it is another one. NOT_FOUND: it is not there. Statuses of copse_write_flush. */
COPSE_MUST_USE copse_status copse_write_change_catalogue(copse_write_run *run,
                                                         const copse_write_op *op, copse_err *err);

#endif
