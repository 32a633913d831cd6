/* The rows of the catalogue: their values. Those of indexes are in index/definition.h.
 *
 * Format: docs/formats/database.md, "The catalogue".
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_CATALOGUE_ROWS_H
#define COPSE_DOC_CATALOGUE_ROWS_H

#include "doc/catalogue.h"

/** Append the values of the rows of the database and of a collection. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_catalogue_encode_database(copse_buf *buf);
COPSE_MUST_USE copse_status copse_catalogue_encode_collection(const copse_collection *collection,
                                                              copse_buf *buf);

/** Reads who made the database into `catalogue`, if the row says so. CORRUPT: that is no row of a
 * database, or of one of another version. */
COPSE_MUST_USE copse_status copse_catalogue_decode_database(copse_catalogue *catalogue,
                                                            copse_bytes value, copse_err *err);

/** Reads what a collection's row says, but for its name and indexes; borrows from it. CORRUPT. */
COPSE_MUST_USE copse_status copse_catalogue_decode_collection(copse_bytes value,
                                                              copse_collection *ret_collection,
                                                              copse_err *err);

#endif
