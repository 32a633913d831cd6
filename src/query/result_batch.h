/* The batches of a running query: entries, and the documents that they lead to.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_QUERY_RESULT_BATCH_H
#define COPSE_QUERY_RESULT_BATCH_H

#include "query/result.h"

/** Says how far the scanner may look ahead. */
void copse_result_set_look_ahead(copse_result *result);

/** The next entry that leads to a document which was not met before. END, WANT, and failures. */
COPSE_MUST_USE copse_status copse_result_next_entry(copse_result *result,
                                                    copse_scanner_entry *ret_entry, copse_err *err);

/** The next document that was found, lent until the next call. END, WANT; CORRUPT: also an entry
 * whose document is missing, or does not have it; LIMIT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_result_next_row(copse_result *result,
                                                  const copse_result_row **ret_row,
                                                  copse_bytes *ret_document, copse_err *err);

/** The item that stands for the primary key of a row of a database of version 1; valid until the
 * next call. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_result_version1_id(copse_result *result,
                                                     const copse_result_row *row,
                                                     copse_bytes *ret_id, copse_err *err);

#endif
