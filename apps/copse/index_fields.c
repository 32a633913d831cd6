/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "index_fields.h"

copse_status copse_index_fields_write(const copse_index_definition *index, copse_buf *buf)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < index->fields_count && status == COPSE_OK; i++) {
        const copse_sort_field *field = &index->fields[i];
        const char *before = field->descending ? ",-" : ",";
        status = copse_buf_append(buf, copse_bytes_of_text(i == 0 ? before + 1 : before));
        if (status == COPSE_OK) {
            status = copse_buf_append(buf, field->path);
        }
        if (status == COPSE_OK && field->array) {
            status = copse_buf_append(buf, copse_bytes_of_text("[]"));
        }
    }
    return status;
}
