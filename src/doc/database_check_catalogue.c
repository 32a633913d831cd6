/* Checking the catalogue: row by row, so that one bad row does not hide the others.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_check.h"

#include "base/err.h"

#include <string.h>

/* A row of the catalogue, taken apart. */
typedef struct dbcheck_entry {
    copse_bytes key;
    copse_bytes value;
    copse_bytes collection; /* len 0: the row of the database */
    copse_bytes index;
    bool is_index;
} dbcheck_entry;

/* CORRUPT: the key is none of the catalogue. */
static copse_status dbcheck_split(dbcheck_entry *entry, copse_err *err)
{
    static const uint8_t first[] = {0, 0};
    if (!copse_bytes_has_prefix(entry->key, (copse_bytes){first, sizeof first})) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a key before the row of the database");
    }
    copse_bytes name = {entry->key.ptr + sizeof first, entry->key.len - sizeof first};
    if (name.len == 0) {
        return COPSE_OK;
    }
    const uint8_t *end = memchr(name.ptr, 0, name.len);
    entry->collection = name;
    copse_status status = COPSE_OK;
    if (end != NULL) {
        entry->is_index = true;
        entry->collection.len = (size_t)(end - name.ptr);
        entry->index = (copse_bytes){end + 1, name.len - entry->collection.len - 1};
        status = copse_name_check(entry->index, "an index", err);
    }
    return status == COPSE_OK ? copse_name_check(entry->collection, "a collection", err) : status;
}

/* Tells of a row, and notes that what it defines can't be used. */
static copse_status dbcheck_refuse(copse_dbcheck_run *run, const dbcheck_entry *entry,
                                   copse_database_defect_kind kind, const copse_err *detail,
                                   copse_err *err)
{
    copse_database_defect defect = {kind,      entry->collection, entry->index,
                                    {NULL, 0}, entry->key,        NULL};
    copse_status status = COPSE_OK;
    if (kind == COPSE_DATABASE_DEFECT_COLLECTION || kind == COPSE_DATABASE_DEFECT_INDEX) {
        status = copse_dbcheck_note_bad(run, entry->collection, entry->index, err);
    }
    return status == COPSE_OK ? copse_dbcheck_tell(run, &defect, detail, err) : status;
}

static copse_status dbcheck_read(copse_dbcheck_run *run, const dbcheck_entry *entry, copse_err *err)
{
    copse_err detail = {0};
    copse_status status =
        copse_catalogue_read_row(&run->catalogue, entry->key, entry->value, &detail);
    if (status == COPSE_OK && entry->collection.len == 0 && run->catalogue.has_identity) {
        status = copse_identity_verify(run->env, &run->catalogue.identity, &detail);
    }
    if (status == COPSE_OK) {
        run->stats.collections += entry->collection.len > 0 && !entry->is_index;
        run->stats.indexes += entry->is_index;
        return COPSE_OK;
    }
    if (!copse_dbcheck_is_finding(status)) {
        return COPSE_ERR(err, status, "%s", detail.message);
    }
    copse_database_defect_kind kind = entry->collection.len == 0 ? COPSE_DATABASE_DEFECT_HEADER
                                      : entry->is_index          ? COPSE_DATABASE_DEFECT_INDEX
                                                                 : COPSE_DATABASE_DEFECT_COLLECTION;
    return dbcheck_refuse(run, entry, kind, &detail, err);
}

static copse_status dbcheck_catalogue_row(copse_dbcheck_run *run, copse_bytes key,
                                          copse_bytes value, copse_err *err)
{
    copse_err detail = {0};
    dbcheck_entry entry = {.key = key, .value = value};
    if (dbcheck_split(&entry, &detail) != COPSE_OK) {
        copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_KEY, .key = key};
        return copse_dbcheck_tell(run, &defect, &detail, err);
    }
    if (entry.collection.len > 0 && !run->catalogue.has_header) {
        copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_HEADER,
                                        .message = "there is no row of the database"};
        run->catalogue.has_header = true;
        copse_status status = copse_dbcheck_tell(run, &defect, NULL, err);
        if (status != COPSE_OK) {
            return status;
        }
    }
    if (entry.is_index && copse_dbcheck_is_bad(run, entry.collection, (copse_bytes){NULL, 0})) {
        return COPSE_OK; /* K4 */
    }
    if (entry.is_index && copse_catalogue_find(&run->catalogue, entry.collection) == NULL) {
        (void)COPSE_ERR(&detail, COPSE_CORRUPT, "an index of a collection that isn't there");
        return dbcheck_refuse(run, &entry, COPSE_DATABASE_DEFECT_NO_COLLECTION, &detail, err);
    }
    return dbcheck_read(run, &entry, err);
}

copse_status copse_dbcheck_catalogue(copse_dbcheck_run *run, copse_err *err)
{
    static const uint8_t after[] = {0, 1};
    const copse_bytes to = {after, sizeof after};
    copse_cursor *cursor;
    copse_status status = copse_cursor_new(run->tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_cursor_set_range(cursor, (copse_bytes){NULL, 0}, &to, err);
    while (status == COPSE_OK) {
        status = copse_cursor_next(cursor, err);
        if (status == COPSE_OK) {
            run->rows_done++;
            status = dbcheck_catalogue_row(run, copse_cursor_key(cursor),
                                           copse_cursor_value(cursor), err);
        }
    }
    copse_cursor_free(cursor);
    if (status != COPSE_END) {
        return status;
    }
    if (!run->catalogue.has_header && run->rows_total > 0) {
        copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_HEADER,
                                        .message = "there is no row of the database"};
        return copse_dbcheck_tell(run, &defect, NULL, err);
    }
    return COPSE_OK;
}
