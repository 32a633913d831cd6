/* Versions of the documents that a run writes (document_version.h has their rules).
 *
 *   V1  A document of an LWW or FIELD_WISE collection that a run inserts, changes or deletes gets a
 *       version; one that is in the end what it was before gets none, and neither does one that was
 *       not there and is not there.
 *   V2  All versions of a run have one time: the clock's, when the first was made. Where a
 *       document's row has that time or a later one, the counter makes the new version later: what
 *       a writer has seen is always older than what he writes, also with a clock that goes back.
 *   V3  Operations of a merge bring their own rows (copse_write_put_row).
 *   V4  Who takes a deletion away takes what waits under its key with it: without the version
 *       it would be a document again.
 *   V5  Where deletions were forgotten, all versions are later than these: whoever writes had seen
 *       them, and no row says so any more.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_WRITE_VERSION_H
#define COPSE_DOC_WRITE_VERSION_H

#include "doc/document_version.h"
#include "doc/write.h"

/** Whether the run makes versions for documents of this collection. */
bool copse_write_makes_versions(const copse_write_run *run, const copse_collection *collection);

/** Makes run->scratch the key of the version row of a change's document; *ret_order: order(pk), at
 * its end, of the change's key. LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_write_version_key(copse_write_run *run,
                                                    const copse_write_change *change,
                                                    copse_bytes *ret_order, copse_err *err);

/** Puts the version row of `after` (len 0: it is deleted), written over `before`, into the batch,
 * and its blocks into run->blocks. MISUSE: no clock. CORRUPT, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_write_put_version(copse_write_run *run,
                                                    const copse_write_change *change,
                                                    const copse_version_state *before,
                                                    copse_bytes after, bool is_whole,
                                                    copse_err *err);

/** Puts the end of those documents into the batch that wait in rows of conflicts, and whose
 * versions say that they were deleted before `before_ms` (V4). WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_write_end_deleted(copse_write_run *run,
                                                    const copse_collection *collection,
                                                    uint64_t before_ms, copse_err *err);

/** Does so, and puts the deletion of those version rows of a collection into the batch that are of
 * documents which were deleted before `before_ms`, and counts them. WANT, CORRUPT, IO, NOMEM. */
COPSE_MUST_USE copse_status copse_write_forget_rows(copse_write_run *run,
                                                    const copse_collection *collection,
                                                    uint64_t before_ms, copse_err *err);

#endif
