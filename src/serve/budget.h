/* An allocator with a bound: what all answers of a server hold together.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SERVE_BUDGET_H
#define COPSE_SERVE_BUDGET_H

#include <copse/env.h>

/** Belongs to one thread; stays where it is while its env is used. */
typedef struct copse_budget {
    copse_env env; /**< Allocates from `inner`, and nothing above the bound. */
    const copse_env *inner;
    size_t size_bytes;
    size_t size_bytes_max;
} copse_budget;

/** `inner` must outlive it. */
void copse_budget_init(copse_budget *budget, const copse_env *inner, size_t size_bytes_max);

#endif
