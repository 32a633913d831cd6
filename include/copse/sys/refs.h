/* Refs: names for roots, the only mutable state. For extenders.
 *
 *   R1  A ref moves by compare-and-swap: from the CID that the caller saw to another, or from not
 *       being there, or to not being there.
 *   R2  When a swap has returned OK, every block that was put into the store of the same database
 *       before it is as durable as the ref.
 *   R3  A reader sees a swap whole or not at all.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYS_REFS_H
#define COPSE_SYS_REFS_H

#include <copse/cid.h>
#include <copse/env.h>
#include <copse/status.h>

COPSE_EXTERN_C_BEGIN

/** The longest name of a ref. Names are UTF-8 without control characters, not empty. */
#define COPSE_REF_NAME_SIZE_BYTES_MAX 255

typedef struct copse_refs copse_refs;

typedef copse_status (*copse_refs_visit_fn)(void *ctx, copse_bytes name, const copse_cid *cid,
                                            copse_err *err);

typedef struct copse_refs_ops {
    copse_status (*get)(copse_refs *refs, copse_bytes name, copse_cid *ret_cid, copse_err *err);
    copse_status (*swap)(copse_refs *refs, copse_bytes name, const copse_cid *expected,
                         const copse_cid *cid, copse_err *err);
    copse_status (*iterate)(copse_refs *refs, copse_refs_visit_fn visit, void *ctx, copse_err *err);
    void (*close)(copse_refs *refs);
} copse_refs_ops;

/** The head of every implementation's own struct. */
struct copse_refs {
    const copse_refs_ops *ops;
};

/** Whether a name is one. */
COPSE_API bool copse_ref_name_is_valid(copse_bytes name);

/** The CID that the ref names. NOT_FOUND, CORRUPT, IO; MISUSE: no valid name. */
COPSE_API COPSE_MUST_USE copse_status copse_refs_get(copse_refs *refs, copse_bytes name,
                                                     copse_cid *ret_cid, copse_err *err);

/** Moves the ref from `expected` (NULL: not there) to `cid` (NULL: remove it). CONFLICT: it names
 * something else; read it again, merge, and try again. LIMIT, CORRUPT, IO, DENIED, NOMEM. MISUSE:
 * no valid name, or both NULL. With `cid` equal to `expected` it stays where it is, and R2 holds.
 */
COPSE_API COPSE_MUST_USE copse_status copse_refs_swap(copse_refs *refs, copse_bytes name,
                                                      const copse_cid *expected,
                                                      const copse_cid *cid, copse_err *err);

/** Visits every ref in the bytewise order of names; any status but OK from `visit` stops it and is
 * returned. The name and the CID are borrowed for the visit, which must not move refs. */
COPSE_API COPSE_MUST_USE copse_status copse_refs_iterate(copse_refs *refs,
                                                         copse_refs_visit_fn visit, void *ctx,
                                                         copse_err *err);

/** Closes; NULL is allowed. Returns NULL. */
COPSE_API copse_refs *copse_refs_close(copse_refs *refs);

COPSE_EXTERN_C_END

#endif
