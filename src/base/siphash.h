/* SipHash-1-3: a hash for tables whose keys come from strangers. Who does not know the seed can't
 * make keys that collide.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BASE_SIPHASH_H
#define COPSE_BASE_SIPHASH_H

#include <copse/bytes.h>

uint64_t copse_siphash(const uint64_t seed[2], copse_bytes bytes);

#endif
