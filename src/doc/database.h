/* An open database, for the layers above.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DATABASE_H
#define COPSE_DOC_DATABASE_H

#include "index/entries.h"

#include <copse/database.h>

/** The deriver of index number `position` of `collection`, one of those that the database lends;
 * valid until it is closed. It has scratch memory: derive nothing inside a derive with the same. */
copse_index_deriver *copse_database_deriver(const copse_database *database,
                                            const copse_collection *collection, size_t position);

#endif
