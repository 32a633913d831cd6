/* The members of an object, one after the other: for walks over several documents side by side.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DOCUMENT_MEMBER_H
#define COPSE_DOC_DOCUMENT_MEMBER_H

#include <copse/dag_cbor.h>

/** A member of an object, or the end. Borrows the encoding. Zeroed: of an object without any. */
typedef struct copse_document_member {
    copse_cbor_reader reader;
    copse_bytes key; /**< ptr NULL: there are no more. */
    copse_bytes value;
} copse_document_member;

/** The first member of an encoded map. CORRUPT. */
COPSE_MUST_USE copse_status copse_document_member_first(copse_bytes map,
                                                        copse_document_member *ret_member,
                                                        copse_err *err);

/** Goes on to the next one. CORRUPT. */
COPSE_MUST_USE copse_status copse_document_member_next(copse_document_member *member,
                                                       copse_err *err);

/** Which of two members comes first: negative, `a`; zero: their keys are equal, or both have ended.
 * What has ended comes last. */
int copse_document_member_compare(const copse_document_member *a, const copse_document_member *b);

#endif
