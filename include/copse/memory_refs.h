/* Refs in memory: for a database that lives in the process only, and for tests.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_MEMORY_REFS_H
#define COPSE_MEMORY_REFS_H

#include <copse/sys/refs.h>

COPSE_EXTERN_C_BEGIN

/** Makes refs that are all not there. They belong to one thread and are as durable as a memory
 * store's blocks: gone with the process. Nothing bounds their number but the allocator. `env` must
 * outlive them. NOMEM, MISUSE; *ret_refs is then untouched. Close them with copse_refs_close. */
COPSE_API COPSE_MUST_USE copse_status copse_memory_refs_new(const copse_env *env,
                                                            copse_refs **ret_refs, copse_err *err);

COPSE_EXTERN_C_END

#endif
