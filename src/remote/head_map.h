/* The map that tells of a head, as peers send it (docs/formats/http.md).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_REMOTE_HEAD_MAP_H
#define COPSE_REMOTE_HEAD_MAP_H

#include <copse/cid.h>
#include <copse/env.h>

/** No map is longer. */
#define COPSE_HEAD_MAP_SIZE_BYTES_MAX 4096

/** Reads one, strict DAG-CBOR of anyone; `ret_tree` of size 0: it names none. CORRUPT: it is none.
 */
COPSE_MUST_USE copse_status copse_head_map_read(const copse_env *env, copse_bytes encoded,
                                                copse_cid *ret_head, copse_cid *ret_tree);

/** As copse_head_map_read, of DAG-JSON. NOMEM. */
COPSE_MUST_USE copse_status copse_head_map_read_json(const copse_env *env, copse_bytes text,
                                                     copse_cid *ret_head, copse_cid *ret_tree);

#endif
