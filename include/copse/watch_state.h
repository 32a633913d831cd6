/* What a reader of a watched query has seen, kept in a folder, a file each. Format:
 * docs/formats/watch.md.
 *
 *   Z1  A write is there whole or not at all, also after a loss of power, and durable when it has
 *       returned OK: the file is written beside its name, synced, renamed, and the folder synced.
 *   Z2  Writers of one folder wait for each other, by a lock.
 *   Z3  A file says whose it is, and is read for nobody else. Its name follows from that.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_WATCH_STATE_H
#define COPSE_WATCH_STATE_H

#include <copse/cid.h>
#include <copse/sys/os.h>

COPSE_EXTERN_C_BEGIN

/** Who watches what. */
typedef struct copse_watch_reader {
    const char *database; /**< Its address, the same each time. */
    const char *collection;
    copse_bytes filter; /**< Encoded, as it was compiled; len 0: {}. */
    const char *name;   /**< Of the reader. */
} copse_watch_reader;

/** What was seen. */
typedef struct copse_watch_state {
    copse_cid seen;   /**< The head up to which all was seen; of size 0: nothing was. */
    copse_cid toward; /**< The head on the way to which `told` changes were seen; of size 0: none.
                       */
    uint64_t told;    /**< In the order in which copse_watch_next gives them. */
    bool membership_only; /**< With toward: `told` counts new and gone ones only. */
    uint64_t time_ms;     /**< When that was. Set by copse_watch_state_write. */
} copse_watch_state;

/** Reads it. NOT_FOUND: there is none. CORRUPT: what is there is no such file, or another
 * reader's. LIMIT: it is too long. IO, DENIED, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_watch_state_read(const copse_env *env, copse_os *os,
                                                             const char *folder,
                                                             const copse_watch_reader *reader,
                                                             copse_watch_state *ret_state,
                                                             copse_err *err);

/** Writes it (Z1), in the place of what is there. The folder is made, those that it stands in are
 * not. MISUSE: no clock. LIMIT: a filter or name is too long. NOT_FOUND, IO, DENIED, NOMEM: the
 * old state is there, or, after a sync that failed, perhaps the new one. */
COPSE_API COPSE_MUST_USE copse_status copse_watch_state_write(const copse_env *env, copse_os *os,
                                                              const char *folder,
                                                              const copse_watch_reader *reader,
                                                              const copse_watch_state *state,
                                                              copse_err *err);

/** Gets what one file says, lent for the call. `reader` NULL: it says nothing that can be read;
 * *err, which is never NULL then, has its name and why. Any status but OK ends the listing. */
typedef copse_status (*copse_watch_state_visit_fn)(void *ctx, const copse_watch_reader *reader,
                                                   const copse_watch_state *state, copse_err *err);

/** Calls `visit` for each state that is kept in the folder, of all readers, in no order. A folder
 * that isn't there has none. IO, DENIED, NOMEM; what `visit` returned. */
COPSE_API COPSE_MUST_USE copse_status copse_watch_state_list(const copse_env *env, copse_os *os,
                                                             const char *folder,
                                                             copse_watch_state_visit_fn visit,
                                                             void *ctx, copse_err *err);

COPSE_EXTERN_C_END

#endif
