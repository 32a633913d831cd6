/* The secret of a key, for who seals it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_AUTH_KEY_H
#define COPSE_AUTH_KEY_H

#include <copse/key.h>

/** The COPSE_KEY_SEED_SIZE_BYTES bytes that the key is made of, valid as long as `key`. */
copse_bytes copse_key_seed(const copse_key *key);

#endif
