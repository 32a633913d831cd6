/* What every decorator must do besides being a store: rules S2, S3 and S7 through it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DECORATOR_CONFORMANCE_H
#define COPSE_TESTS_DECORATOR_CONFORMANCE_H

#include <copse/sys/store.h>

/** Makes the decorator over `inner`: its maker's status. */
typedef copse_status (*decorator_make_fn)(void *ctx, const copse_env *env, copse_store *inner,
                                          copse_store **ret_store);

/** Runs, within the test that calls it, over a memory store and a fault store below it: the suite
 * of store_conformance.h; each failing status of the inner store for each operation, passed on
 * unchanged with outputs untouched; failing allocations; and who owns the inner store. */
void decorator_conformance_run(decorator_make_fn make, void *ctx);

#endif
