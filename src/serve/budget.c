/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "serve/budget.h"

static void *budget_alloc(void *ctx, void *ptr, size_t size_old, size_t size_new)
{
    copse_budget *budget = ctx;
    if (size_new > size_old && size_new - size_old > budget->size_bytes_max - budget->size_bytes) {
        return NULL;
    }
    void *got = budget->inner->alloc(budget->inner->alloc_ctx, ptr, size_old, size_new);
    if (got != NULL || size_new == 0) {
        budget->size_bytes = budget->size_bytes - size_old + size_new;
    }
    return got;
}

void copse_budget_init(copse_budget *budget, const copse_env *inner, size_t size_bytes_max)
{
    *budget = (copse_budget){.env = *inner, .inner = inner, .size_bytes_max = size_bytes_max};
    budget->env.alloc = budget_alloc;
    budget->env.alloc_ctx = budget;
}
