/* Documents and their rows of versions, as text.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_VERSION_ROW_H
#define COPSE_TESTS_VERSION_ROW_H

#include "doc/document_version.h"

enum { VERSION_ROW_SIZE = 512 };

/** What ends the row of a document that was written whole at 5 and is there. */
#define VERSION_ROW_PRESENT "\"version\":[[5,0],\"\",false]}"

typedef struct version_row_state {
    copse_buf document;
    copse_buf row;
} version_row_state;

/** Makes *buf what the DAG-JSON stands for; empty if that is. */
void version_row_read(const copse_env *env, const char *json, copse_buf *buf);

/** Reads a document and its row. */
void version_row_state_read(const copse_env *env, const char *document, const char *row,
                            version_row_state *ret_state);
void version_row_state_release(version_row_state *state);
copse_version_state version_row_view(const version_row_state *state);

/** The primary key of the documents. */
copse_bytes version_row_id(void);

/* Fail the test unless the bytes are those; as JSON, "" for none. */

void version_row_assert_hex(const copse_buf *buf, const char *hex);
void version_row_assert_json(const copse_env *env, const copse_buf *buf, const char *json);

#endif
