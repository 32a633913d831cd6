/* Documents out of a file: newline-delimited JSON, one JSON array, or CSV.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_APPS_DOCUMENT_READER_H
#define COPSE_APPS_DOCUMENT_READER_H

#include "file_io.h"

#include <copse/csv.h>
#include <copse/ext_json.h>
#include <copse/json_stream.h>

typedef enum copse_document_format {
    COPSE_DOCUMENT_JSON, /**< Lines, values one after the other, or one array. */
    COPSE_DOCUMENT_CSV,  /**< The first record names the fields; `a.b` is the field b in a. */
    COPSE_DOCUMENT_TSV
} copse_document_format;

/** What copse_document_reader_next found. */
typedef enum copse_document_found {
    COPSE_DOCUMENT_NEXT,  /**< A document. */
    COPSE_DOCUMENT_END,   /**< There are no more. */
    COPSE_DOCUMENT_BAD,   /**< What stands there is none: `status` and `problem`; may go on. */
    COPSE_DOCUMENT_FAILED /**< Reported; can't go on. */
} copse_document_found;

typedef struct copse_document_field copse_document_field; /* a column, or an object of columns */

typedef struct copse_document_reader {
    copse_call *call;
    copse_input input;
    copse_document_format format;
    copse_ext_json_mode mode; /**< JSON: VALUE at first, may be changed before the first. */
    bool all_text;            /**< CSV: fields are texts, whatever they look like. */
    copse_json_stream *stream;
    copse_csv *csv;
    copse_ext_json_reader *json;
    copse_buf document;
    copse_document_field *fields; /**< CSV: in the order of the columns. */
    size_t fields_count;
    copse_buf names; /**< CSV: the texts of the field names. */
    uint64_t line;   /**< Where the last document, or what is none, begins. */
    copse_status status;
    char problem[300]; /**< "line 3, column 17: …". */
    uint8_t *piece;
} copse_document_reader;

/** Opens a file; `-` is stdin. `format` as --format gives it, or NULL: by the name's ending, else
 * JSON. On failure (reported) `reader` is zeroed. */
bool copse_document_reader_open(copse_document_reader *reader, copse_call *call, const char *name,
                                const char *format, bool all_text);
void copse_document_reader_close(copse_document_reader *reader);

/** Reads the next document; *ret_document is valid until the next call. */
copse_document_found copse_document_reader_next(copse_document_reader *reader,
                                                copse_bytes *ret_document);

#endif
