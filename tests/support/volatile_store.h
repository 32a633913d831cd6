/* A store of a machine that may stop: what was put since the last flush may be lost then.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_VOLATILE_STORE_H
#define COPSE_TESTS_VOLATILE_STORE_H

#include <copse/sys/store.h>

#include <stdbool.h>

/** Makes an empty one, in memory. A flush moves what was put to what is durable, and tells `kept`
 * (NULL: nobody) of each block. Fails the test if it can't. */
copse_store *volatile_store_new(const copse_env *env, copse_store_visit_fn kept, void *kept_ctx);

/** The machine stops at the `calls`-th get or put from now (1: the next): from then on all fail
 * with IO. 0: it does not. */
void volatile_store_stop_in(copse_store *store, uint64_t calls);

/** Whether it came to that. */
bool volatile_store_has_stopped(const copse_store *store);

/** The machine starts again: of what was not flushed, the blocks whose number has its bit in `torn`
 * were written nevertheless. */
void volatile_store_restart(copse_store *store, uint64_t torn);

/** The part that is durable: what others may get of this machine. */
copse_store *volatile_store_durable(copse_store *store);

#endif
