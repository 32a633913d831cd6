/* The order of an answer: fields, each upwards or downwards.
 *
 * As text `tags,-createdAt`, as JSON {"tags": 1, "createdAt": -1}. Field order matters and DAG-CBOR
 * maps have none, so the encoded form is an array of pairs: [["tags", 1], ["createdAt", -1]].
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SORT_SPEC_H
#define COPSE_SORT_SPEC_H

#include <copse/value.h>

COPSE_EXTERN_C_BEGIN

/** At most this many fields, as in MongoDB. */
#define COPSE_SORT_FIELDS_MAX 32

typedef struct copse_sort_field {
    copse_bytes path; /**< Dotted. */
    bool descending;
    bool array; /**< Written `tags[]`: only where the call that took the text allows it. */
} copse_sort_field;

/** A list of fields. Owns its text. A zeroed one is empty and may be released. */
typedef struct copse_sort_spec {
    copse_sort_field fields[COPSE_SORT_FIELDS_MAX];
    size_t count;
    copse_buf text; /**< What the paths point into. */
} copse_sort_spec;

/** Reads `text`, blanks around names left out: `a,-b.c` or, if it begins with a brace, JSON with 1
 * and -1. `arrays`: whether `path[]` is allowed. On OK the caller releases it. CORRUPT: what is
 * wrong, a field twice, an empty part of a path, one that begins with "$", `a:1` in a list. LIMIT:
 * COPSE_SORT_FIELDS_MAX. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_sort_spec_parse(const copse_env *env, copse_bytes text,
                                                            bool arrays, copse_sort_spec *ret_spec,
                                                            copse_err *err);

/** Reads the encoded form, as copse_sort_spec_parse. */
COPSE_API COPSE_MUST_USE copse_status copse_sort_spec_decode(const copse_env *env,
                                                             copse_bytes encoded,
                                                             copse_sort_spec *ret_spec,
                                                             copse_err *err);

/** Appends the encoded form, which does not say `array`. LIMIT, NOMEM; then `buf` is as it was. */
COPSE_API COPSE_MUST_USE copse_status copse_sort_spec_encode(const copse_sort_spec *spec,
                                                             copse_buf *buf);

/** Frees and zeroes it; NULL and a zeroed one are allowed. */
COPSE_API void copse_sort_spec_release(copse_sort_spec *spec);

/** Appends the sort key of `document`: bytes whose order is that of the answer. Of an array a field
 * takes the lowest element, or the highest if it is descending; of a missing field, null. Behind
 * the fields stands the primary key `id` (one item) in the direction of the last field (upwards if
 * there is none). Never cut. CORRUPT, LIMIT, NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_sort_spec_key(const copse_sort_spec *spec,
                                                          copse_bytes document, copse_bytes id,
                                                          copse_buf *buf, copse_err *err);

COPSE_EXTERN_C_END

#endif
