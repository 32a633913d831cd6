/* Revisions: how a user names a place in history.
 *
 *     HEAD   HEAD~3      the head, and the commit three first parents before it
 *     draft  draft~1     a ref, likewise
 *     bafyrei…  bafyrei…~2     a commit or tree by its CID
 *     2026-11-22   2026-11-22T10:00:00Z     what the head was then (a day: when it ended, UTC)
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REVISION_H
#define COPSE_REVISION_H

#include <copse/bytes.h>
#include <copse/cid.h>
#include <copse/status.h>

#include <stdbool.h>

COPSE_EXTERN_C_BEGIN

/** What stands before the name of a tag, as a ref. */
#define COPSE_REVISION_TAGS "tags/"

/** The ref that says where a clone came from; below it are the heads there. */
#define COPSE_REVISION_ORIGIN "origin"

/** The ref that says whom this database follows; below it are the heads taken there
 * (follow_list.h).
 */
#define COPSE_REVISION_FOLLOWING "following"

/** The ref that says what of the past was dropped (history_keep.h). */
#define COPSE_REVISION_DROPPED "dropped-history"

typedef enum copse_revision_kind {
    COPSE_REVISION_HEAD, /**< HEAD. */
    COPSE_REVISION_REF,
    COPSE_REVISION_CID,
    COPSE_REVISION_TIME
} copse_revision_kind;

/** Borrows from the text. */
typedef struct copse_revision {
    copse_revision_kind kind;
    copse_bytes name; /**< REF. */
    copse_cid cid;    /**< CID. */
    uint64_t time_ms; /**< TIME: that of the last commit is at most this. */
    uint64_t back;    /**< First parents to go back from there. */
} copse_revision;

/** Reads `text`. What is neither HEAD, nor a CID, nor begins like a date, is the name of a ref;
 * whether it is there is for the caller to see. CORRUPT: a date that isn't one, nothing before the
 * `~`, no number behind it. */
COPSE_API COPSE_MUST_USE copse_status copse_revision_parse(copse_bytes text,
                                                           copse_revision *ret_revision,
                                                           copse_err *err);

/** Whether a user may give a branch or a tag this name: copse_revision_parse reads it as the ref of
 * this name, and it is neither `origin` or `following` nor below these, nor `dropped-history`, nor
 * does it begin as the ref of a tag.
 * MISUSE: not; `err` says why. */
COPSE_API COPSE_MUST_USE copse_status copse_revision_check_name(copse_bytes name, copse_err *err);

/** Whether a ref of this name says something of the store, and names no commit or tree: `origin`,
 * `following`, `dropped-history`. */
COPSE_API bool copse_revision_is_note(copse_bytes name);

COPSE_EXTERN_C_END

#endif
