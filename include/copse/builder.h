/* Building a tree from sorted entries: one pass, memory for one chunk a level.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_BUILDER_H
#define COPSE_BUILDER_H

#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_builder copse_builder;

/** Makes a builder that puts its blocks into `store`, a few at a time. `config` NULL: the default.
 * MISUSE: a config out of its ranges. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_builder_new(const copse_env *env, copse_store *store,
                                                        const copse_tree_config *config,
                                                        copse_builder **ret_builder,
                                                        copse_err *err);

/** Frees it, finished or not; NULL is allowed. Returns NULL. Blocks already put stay. */
COPSE_API copse_builder *copse_builder_free(copse_builder *builder);

/** Adds the next entry: `key` above all before it, `value` one strict DAG-CBOR item. MISUSE: the
 * key is not above the last. CORRUPT: the value is no strict item. LIMIT: key or entry too large.
 * After MISUSE, CORRUPT or LIMIT the builder goes on without the entry; after NOMEM or a failure of
 * the store it is poisoned and repeats that failure. */
COPSE_API COPSE_MUST_USE copse_status copse_builder_add(copse_builder *builder, copse_bytes key,
                                                        copse_bytes value, copse_err *err);

/** As copse_builder_add for a value that is a byte string: encodes it. */
COPSE_API COPSE_MUST_USE copse_status copse_builder_add_bytes(copse_builder *builder,
                                                              copse_bytes key, copse_bytes bytes,
                                                              copse_err *err);

/** Ends the tree: puts the last blocks and gives the root CID. The builder can then only be freed.
 * NOMEM and the store's failures. */
COPSE_API COPSE_MUST_USE copse_status copse_builder_finish(copse_builder *builder,
                                                           copse_cid *ret_root, copse_err *err);

COPSE_EXTERN_C_END

#endif
