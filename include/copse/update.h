/* Updates: MongoDB's update language, compiled once, applied to many documents.
 *
 *     {"$set": {"a.b": 1}, "$inc": {"n": 1}, "$push": {"tags": {"$each": ["x"], "$slice": -5}}}
 *     {"title": "whole new content"}                                     a replacement
 *
 * Operators and their meaning: docs/updates.md; MongoDB's manual decides. An update is a function
 * of the document, the filter that matched it and the time alone: who applies it again gets the
 * same.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_UPDATE_H
#define COPSE_UPDATE_H

#include <copse/filter.h>

COPSE_EXTERN_C_BEGIN

/** A compiled update. Belongs to one thread. */
typedef struct copse_update copse_update;

/** Compiles `update`, one strict DAG-CBOR map (copied): operators only, or a replacement without
 * any. `array_filters`: an encoded array of filters for `$[name]`, or empty bytes. CORRUPT: it is
 * none; the message names operator and path ("unknown update operator $foo, did you mean …",
 * "updating the path 'a.b' would create a conflict at 'a'", "$push of 'a': $slice must be a whole
 * number"). LIMIT: limits.filter_nodes_max parts of paths; nested too deep. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_update_new(const copse_env *env, copse_bytes update,
                                                       copse_bytes array_filters,
                                                       copse_update **ret_update, copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_update *copse_update_free(copse_update *update);

COPSE_API bool copse_update_is_replacement(const copse_update *update);

/** What an update is applied with. */
typedef struct copse_update_context {
    const copse_filter *filter; /**< Has just matched the document, for `$`; NULL: none did. */
    copse_bytes primary_key;    /**< The field that must not change: "_id". */
    uint64_t now_ms;            /**< For $currentDate. */
    bool insert;                /**< The document is a new one, by upsert: $setOnInsert counts. */
} copse_update_context;

/** Appends the changed document, one strict map, to `buf`; *ret_changed: whether it differs from
 * `document`. CORRUPT: the update can't be applied to this document (a path through a number, $inc
 * of a text, $ without a matched array, …), as MongoDB refuses it, or it is no document. MISUSE:
 * the primary key would change. LIMIT: the document grows past limits.document_size_bytes_max.
 * NOMEM. Whatever is not OK leaves `buf` as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_update_apply(copse_update *update, copse_bytes document,
                                                         const copse_update_context *context,
                                                         copse_buf *buf, bool *ret_changed,
                                                         copse_err *err);

/** Appends the document that an upsert begins with: what the equalities of `filter` (also inside of
 * $and, $eq, $in or $all with one value) say, as MongoDB does. CORRUPT: two are about one path, or
 * one's path begins with the other's. LIMIT, NOMEM; then `buf` is as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_update_upsert_base(const copse_env *env,
                                                               const copse_filter *filter,
                                                               copse_buf *buf, copse_err *err);

COPSE_EXTERN_C_END

#endif
