/* A tree's config: the block that says how the tree is cut, ours or a foreign one.
 *
 * Ours is the draft's tuple with a strategy of our own:
 *   [min, max, 1, 0x71, 0x12, null, {"weibull": [4, lambda, 0xb3e3]}]
 * The shape of the config decides what the nodes look like, never the arity of a node:
 *   7 elements, strategy "weibull" as above   COPSE_TREE_OURS
 *   7 elements, another strategy              COPSE_TREE_DRAFT: branches hold first keys, no counts
 *   9 elements                                COPSE_TREE_GO: branches hold last keys; a fourth list
 * The last two are read and never written; they have no counts that Copse relies on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TREE_CONFIG_H
#define COPSE_TREE_CONFIG_H

#include <copse/buf.h>
#include <copse/tree.h>

typedef enum copse_tree_kind { COPSE_TREE_OURS, COPSE_TREE_DRAFT, COPSE_TREE_GO } copse_tree_kind;

/** Whether the fields are in their ranges: MISUSE with the field's name if not. */
COPSE_MUST_USE copse_status copse_tree_config_check(const copse_tree_config *config,
                                                    copse_err *err);

/** Appends the encoding to `buf`. NOMEM, LIMIT. */
COPSE_MUST_USE copse_status copse_tree_config_encode(const copse_tree_config *config,
                                                     copse_buf *buf, copse_err *err);

/** The CID of the config's block. */
COPSE_MUST_USE copse_status copse_tree_config_cid(const copse_env *env,
                                                  const copse_tree_config *config,
                                                  copse_cid *ret_cid, copse_err *err);

/** Decodes a config block. `ret_config` is written only for COPSE_TREE_OURS. CORRUPT: no config, or
 * one of ours out of its ranges. */
COPSE_MUST_USE copse_status copse_tree_config_decode(copse_bytes data, const copse_limits *limits,
                                                     copse_tree_kind *ret_kind,
                                                     copse_tree_config *ret_config, copse_err *err);

/** The longest key that a tree of this config takes. */
size_t copse_tree_config_key_size_max(const copse_tree_config *config);

/** Whether an entry with an encoded value of `value_len` bytes may stand in the tree: LIMIT if its
 * key is too long, or a node that holds it alone would be over the block limit. */
COPSE_MUST_USE copse_status copse_tree_check_entry(const copse_env *env,
                                                   const copse_tree_config *config, copse_bytes key,
                                                   size_t value_len, copse_err *err);

#endif
