/* The blocks of a place as a store that waits: what is not there is fetched before get returns. For
 * what reads through a store of its own, and can't be called again after a COPSE_WANT.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_FETCHING_STORE_H
#define COPSE_APPS_FETCHING_STORE_H

#include "place.h"

/** Makes it; read-only; the place must outlive it. Where the place has nobody to ask, or whoever
 * was asked lacks the block, get is NOT_FOUND; where they can't be asked, IO. NOMEM. */
COPSE_MUST_USE copse_status copse_fetching_store_new(copse_place *place, copse_store **ret_store,
                                                     copse_err *err);

#endif
