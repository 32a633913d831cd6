/* Uniqueness of what a settling writes.
 *
 * Each version of a document claims its values in unique indexes from the operation that made it
 * until the one that takes its place. Claims and releases are collected while versions are derived,
 * in any order, then gone through value by value in the order of the operations, beginning with the
 * document that has the value in the tree:
 *
 *     U1  A claim of a value that another document has then is a conflict.
 *     U2  Documents that lack a field of the index claim nothing; in the tree they are known by the
 *         trailers of their entries, since a missing field stands where null does.
 *     U3  Values that are cut are the same if their bytes are: 128 bits of SHA-256 stand for the
 *         rest (docs/decisions/0011-missing-fields-and-marks.md).
 *     U4  With options.is_merge or is_unique_in_the_end all releases come before all claims: what
 *         counts is who has a value in the end. All documents that have one together are told to a
 *         merge that asked for it (copse_write_on_clash).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_WRITE_UNIQUE_H
#define COPSE_DOC_WRITE_UNIQUE_H

#include "doc/write.h"

/** A claim or a release; the bytes are in the run's arena. */
typedef struct copse_unique_event {
    const copse_catalogue_collection *collection;
    size_t index;         /**< The position of the index. */
    copse_bytes document; /**< The key of the document's row. */
    copse_bytes entry;    /**< The key of the entry. */
    size_t unique_size;   /**< Of it, what is unique. */
    size_t op;
    bool is_claim;
} copse_unique_event;

/** A zeroed one is empty; release it. */
typedef struct copse_unique_events {
    copse_unique_event *events;
    size_t count;
    size_t capacity;
} copse_unique_events;

void copse_unique_events_release(copse_unique_events *events, const copse_env *env);

/** Adds an event; copies the entry's key into the run's arena. NOMEM. */
COPSE_MUST_USE copse_status copse_unique_events_add(copse_unique_events *events,
                                                    copse_write_run *run,
                                                    const copse_unique_event *event,
                                                    copse_err *err);

/** Goes through all events. CONFLICT, of the first operation with one, if that is before
 * run->failed, which it then becomes. Where clashes are told, none: run->clashes counts them. WANT,
 * CORRUPT, IO, LIMIT, NOMEM. */
COPSE_MUST_USE copse_status copse_unique_events_check(copse_unique_events *events,
                                                      copse_write_run *run, copse_err *err);

/** Fills `err` with CONFLICT: the documents of the two entries have equal values. */
copse_status copse_unique_conflict(const copse_env *env, copse_bytes collection,
                                   const copse_index_deriver *deriver, copse_bytes entry,
                                   copse_bytes other, copse_err *err);

/** Whether the document of this entry lacks a field of the index (U2). CORRUPT, NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_unique_is_exempt(const copse_env *env,
                                                   const copse_index_deriver *deriver,
                                                   copse_bytes entry, bool *ret_exempt,
                                                   copse_err *err);

#endif
