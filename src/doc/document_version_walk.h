/* Walking over the fields of a state: a document and its row of versions, side by side. The
 * invariants V1 to V6 stand in document_version.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_DOC_DOCUMENT_VERSION_WALK_H
#define COPSE_DOC_DOCUMENT_VERSION_WALK_H

#include "doc/document_member.h"
#include "doc/document_version.h"

/** A row, taken apart; views. */
typedef struct copse_version_row {
    copse_version version; /**< The floor. */
    bool is_deleted;
    copse_bytes fields; /**< Maps; len 0: absent. */
    copse_bytes hidden;
    copse_bytes signature; /**< len 0: absent. Whether it is right, document_signature.h says. */
} copse_version_row;

/** Reads a row (len 0: there is none). What is not there stays as it is in `row`: without a row,
 * all of it. CORRUPT: `row` has no meaning. */
COPSE_MUST_USE copse_status copse_version_row_read(copse_bytes encoded, copse_version_row *row,
                                                   copse_err *err);

/** Whether it is before all others, that of documents without a row. */
bool copse_version_is_zero(const copse_version *version);

/** What of a document tells whether the value of its next field, in order, is hidden. */
typedef struct copse_version_shown {
    bool is_deleted;
    bool is_led; /**< A field was shown before. */
} copse_version_shown;

/** V5. */
bool copse_version_is_hidden(const copse_version_shown *shown, copse_bytes name);

/** What a state has of one field. */
typedef struct copse_version_field {
    copse_bytes name; /**< ptr NULL: there are no more fields. */
    copse_version version;
    copse_bytes value; /**< ptr NULL: none. */
} copse_version_field;

/** A position in a state, which it borrows. */
typedef struct copse_version_walk {
    const copse_env *env;
    copse_bytes primary_key;
    copse_version_row row;
    copse_version_field field; /**< The present one. */
    copse_document_member document;
    copse_document_member fields;
    copse_document_member hidden;
    copse_version_shown shown;
    bool has_primary_key;
} copse_version_walk;

/** Stands at the first field that has a value or is listed. CORRUPT: it is no state. LIMIT: a
 * hidden value is nested too deep. */
COPSE_MUST_USE copse_status copse_version_walk_begin(copse_version_walk *walk, const copse_env *env,
                                                     copse_bytes primary_key,
                                                     const copse_version_state *state,
                                                     copse_err *err);

/** Goes on to the next one; a walk that came to its end has checked all of the state. Statuses as
 * copse_version_walk_begin. */
COPSE_MUST_USE copse_status copse_version_walk_next(copse_version_walk *walk, copse_err *err);

/** Walks over all of a state. */
COPSE_MUST_USE copse_status copse_version_walk_all(const copse_env *env, copse_bytes primary_key,
                                                   const copse_version_state *state,
                                                   copse_err *err);

#endif
