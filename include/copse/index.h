/* Definitions of indexes.
 *
 * Format: docs/formats/database.md. An index holds, for each document that its filter matches, one
 * entry: the values of its fields in their order, then the primary key in the direction of the last
 * field. An array makes one entry for each distinct element; a missing field stands where null
 * does.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_INDEX_H
#define COPSE_INDEX_H

#include <copse/sort_spec.h>

COPSE_EXTERN_C_BEGIN

/** What an index is. Borrows: of what a database lends, the catalogue. */
typedef struct copse_index_definition {
    copse_bytes name;               /**< len 0 when it is to be made: "tags,-createdAt". */
    const copse_sort_field *fields; /**< `array`: the one field that may hold arrays freely. */
    size_t fields_count;
    bool unique;                /**< No two documents have equal values in all fields; those that
                                     lack one of the fields are exempt. Writing an explicit null
                                     reads the entries of those. */
    bool link;                  /**< Entries hold the link to the document, if it is linked. */
    copse_bytes filter;         /**< Encoded: only matching documents are in it; len 0: all. */
    const copse_bytes *include; /**< Dotted paths: entries hold what the projection {path: 1, …}
                                     leaves of the document. Not together with `link`. */
    size_t include_count;
    bool is_unbuilt; /**< It came by a merge and has no rows: nothing reads it, until it is made
                          again (copse_write_create_index). */
} copse_index_definition;

COPSE_EXTERN_C_END

#endif
