/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "writers.h"

#include "failure.h"

#include <stdio.h>
#include <string.h>

const copse_identity *copse_writers_identity(copse_documents *documents)
{
    const copse_identity *identity = copse_database_identity(documents->database);
    if (identity == NULL) {
        (void)copse_failure(documents->call, COPSE_NOT_FOUND,
                            "`copse init DB --creator KEY` makes one with a creator",
                            "'%s' has no creator: everybody may write it", documents->place.name);
    }
    return identity;
}

void copse_writers_show_right(const copse_capability *can, char *ret_text, size_t size)
{
    (void)snprintf(ret_text, size, "%s%s%.*s", copse_right_name(can->right),
                   can->collection.len > 0 ? " " : "", (int)can->collection.len,
                   (const char *)can->collection.ptr);
}

void copse_writers_show_rights(const copse_statement *grant, char *ret_text, size_t size)
{
    size_t len = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < grant->items_count && len + 2 < size; i++) {
        len += (size_t)snprintf(ret_text + len, size - len, "%s", i > 0 ? ", " : "");
        copse_writers_show_right(&grant->can[i], ret_text + len, size - len);
        len += strlen(ret_text + len);
    }
}
