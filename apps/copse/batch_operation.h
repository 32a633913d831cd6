/* One operation of a batch, as a line of `copse batch` has it: an object with the operation's name,
 * and in it what it takes.
 *
 *     {"updateOne": {"collection": "posts", "filter": {"_id": 1}, "update": {"$inc": {"n": 1}}}}
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_BATCH_OPERATION_H
#define COPSE_APPS_BATCH_OPERATION_H

#include "documents.h"

/** What operations did, all together. */
typedef struct copse_batch_counts {
    uint64_t inserted; /**< Upserts too. */
    uint64_t matched;  /**< By updates and replacements. */
    uint64_t modified;
    uint64_t deleted;
} copse_batch_counts;

/** What the operation `encoded`, a strict value, is called; NULL: it is none. Static storage. */
const char *copse_batch_operation_name(copse_bytes encoded);

/** Runs it as a part of `modify`, and adds to the counts; fetches. `made` has the names of the
 * collections that are made, each with a NUL behind it: those of the operations before, to which it
 * adds. CORRUPT, LIMIT, MISUSE, NOT_FOUND: it is no operation, or it can't be done; call->err says
 * why. Else statuses as copse_modify_run. */
copse_status copse_batch_operation_run(copse_documents *documents, copse_modify *modify,
                                       copse_bytes encoded, copse_batch_counts *counts,
                                       copse_buf *made);

#endif
