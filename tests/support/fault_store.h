/* A store for tests that fails, hides, garbles and records, over any other store.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_FAULT_STORE_H
#define COPSE_TESTS_FAULT_STORE_H

#include <copse/sys/store.h>

/** Makes a store over `inner`, which it owns (S7). Its own memory comes from malloc, so that it
 * does not disturb a sweep over allocations; it can't fail. Garbled blocks are made with `env`. */
copse_store *fault_store_new(const copse_env *env, copse_store *inner);

/** Makes the n-th call from now, counted from 0 over all operations, return `status` without
 * reaching the inner store; only a put stores the first half of its blocks before. */
void fault_store_fail_at(copse_store *store, uint64_t n, copse_status status);

/** Whether the call that was to fail has come. */
bool fault_store_has_failed(const copse_store *store);

/** Calls since the store was made. */
uint64_t fault_store_calls(const copse_store *store);

/** Makes the block absent for get, get_many, has and iterate. */
void fault_store_hide(copse_store *store, const copse_cid *cid);

/** Makes get, get_many and iterate hand out the block with one bit wrong (or, if it is empty, a
 * byte longer). */
void fault_store_garble(copse_store *store, const copse_cid *cid);

/** Ends what fault_store_hide, _garble and _fail_at asked for. */
void fault_store_heal(copse_store *store);

/** The CIDs that get and get_many were asked for, in order, since the store was made or
 * fault_store_forget. Valid until the next call. */
const copse_cid *fault_store_gets(const copse_store *store, size_t *ret_count);

/** Empties that record. */
void fault_store_forget(copse_store *store);

#endif
