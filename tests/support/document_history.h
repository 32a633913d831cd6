/* Random writes to a database of documents, done to a plain model as well.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DOCUMENT_HISTORY_H
#define COPSE_TESTS_DOCUMENT_HISTORY_H

#include <copse/loader.h>

#include "support/database_model.h"

/** Adds one operation to `write`, and does it to the model: mostly an insert, replacement or
 * delete, else an index made or dropped, or the collection dropped. Returns what the model says of
 * it, which is what applying must return. `index_builds` counts indexes made over documents. */
copse_status document_history_operate(uint64_t *random, copse_write *write, database_model *model,
                                      uint64_t *index_builds);

/** Adds documents to a loader and to the model: few, or more than 64 KiB of sorter hold, or more
 * than the pack store keeps in a journal. */
copse_status document_history_load(uint64_t *random, copse_loader *loader, database_model *model,
                                   copse_err *err);

#endif
