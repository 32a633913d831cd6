/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/database_sides.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

copse_status database_sides_open(copse_node_cache *cache, const copse_cid roots[3],
                                 database_sides *ret_open)
{
    copse_status status = COPSE_OK;
    *ret_open = (database_sides){.trees = {NULL}};
    for (size_t i = 0; i < 3 && status == COPSE_OK; i++) {
        if (roots[i].size == 0) {
            continue;
        }
        status = copse_tree_open(cache, &roots[i], &ret_open->trees[i], NULL);
        if (status == COPSE_OK) {
            status = copse_database_open(ret_open->trees[i], &ret_open->databases[i], NULL);
        }
    }
    return status;
}

void database_sides_close(database_sides *open)
{
    for (size_t i = 0; i < 3; i++) {
        copse_database_close(open->databases[i]);
        copse_tree_close(open->trees[i]);
    }
}

void database_sides_note(const copse_database_conflict *conflict, char *text, size_t size)
{
    static const char *const kinds[] = {"collection", "index", "document"};
    size_t len = strlen(text);
    len += (size_t)snprintf(text + len, size - len, " %s:%.*s", kinds[conflict->what],
                            (int)conflict->collection.len, (const char *)conflict->collection.ptr);
    if (conflict->what == COPSE_CONFLICT_INDEX) {
        len += (size_t)snprintf(text + len, size - len, ".%.*s", (int)conflict->index.len,
                                (const char *)conflict->index.ptr);
    }
    if (conflict->what == COPSE_CONFLICT_DOCUMENT) {
        copse_cbor_reader reader;
        copse_cbor_item item;
        int64_t id = -1;
        copse_cbor_reader_init(&reader, conflict->id);
        assert_int_equal(copse_cbor_next(&reader, &item, NULL), COPSE_OK);
        assert_int_equal(copse_cbor_item_int64(&item, &id), COPSE_OK);
        assert_true(conflict->ours.len > 0 || conflict->theirs.len > 0);
        assert_false(copse_bytes_equal(conflict->ours, conflict->theirs));
        len += (size_t)snprintf(text + len, size - len, ":%d", (int)id);
    }
    assert_true(len < size);
}
