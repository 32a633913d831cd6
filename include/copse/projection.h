/* Projections: which fields of a document an answer has.
 *
 *     {"title": 1, "author.name": 1}   {"body": 0}   {"comments": {"$slice": 3}}
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_PROJECTION_H
#define COPSE_PROJECTION_H

#include <copse/filter.h>

COPSE_EXTERN_C_BEGIN

/** Belongs to one thread. */
typedef struct copse_projection copse_projection;

/** Compiles `projection`, one strict DAG-CBOR map (copied): inclusion or exclusion of dotted paths,
 * `$slice`, `$elemMatch`, and the positional `path.$`, as docs/queries.md says. CORRUPT: it is
 * none, with the reason (inclusion mixed with exclusion, two paths that collide, …). LIMIT, NOMEM.
 */
COPSE_API COPSE_MUST_USE copse_status copse_projection_new(const copse_env *env,
                                                           copse_bytes projection,
                                                           copse_projection **ret_projection,
                                                           copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_projection *copse_projection_free(copse_projection *projection);

/** The projection as it was given; valid until it is freed. */
COPSE_API copse_bytes copse_projection_encoded(const copse_projection *projection);

/** Appends what is left of `document` to `buf`: one strict map. `filter`, which has just matched
 * the document, is used by the positional projection only (NULL allowed otherwise). MISUSE: the
 * positional projection, and no array took part in the match; an object would be left whose first
 * key begins with "$". CORRUPT: no document. LIMIT, NOMEM. Whatever is not OK leaves `buf` as it
 * was. */
COPSE_API COPSE_MUST_USE copse_status copse_projection_apply(copse_projection *projection,
                                                             copse_bytes document,
                                                             const copse_filter *filter,
                                                             copse_buf *buf, copse_err *err);

COPSE_EXTERN_C_END

#endif
