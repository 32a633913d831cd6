/* A store that hashes every block that passes through it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VERIFY_STORE_H
#define COPSE_VERIFY_STORE_H

#include <copse/sys/store.h>

COPSE_EXTERN_C_BEGIN

/** Makes a store that reads and writes through `inner`, which it owns from then on (S7), and
 * verifies each block: what get, get_many and iterate hand out and what put takes. A block that is
 * not what its CID says is CORRUPT, with the CID in the message, and so is a block that `inner`
 * gives for another's CID. A put of several stores none if one of them is wrong. A block whose hash
 * Copse doesn't compute can't be verified: MISUSE, as of copse_cid_verify. A `has` doesn't verify.
 *
 * NOMEM and MISUSE leave *ret_store untouched and `inner` the caller's. */
COPSE_API COPSE_MUST_USE copse_status copse_verify_store_new(const copse_env *env,
                                                             copse_store *inner,
                                                             copse_store **ret_store,
                                                             copse_err *err);

COPSE_EXTERN_C_END

#endif
