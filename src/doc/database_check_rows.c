/* Checking the rows behind the catalogue: documents and indexes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_check.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/siphash.h"
#include "doc/write_unique.h"
#include "doc/writers.h"

#include <string.h>

enum {
    DBCHECK_PROGRESS_ROWS = 65536,
    DBCHECK_END_OF_NAME = 0x00,
    DBCHECK_STATEMENTS = 0x01, /* behind the first 00 */
    DBCHECK_ENTRIES = 0x01     /* behind the name of an index: its entries; 00: its marks */
};

/* ---- keys ---- */

typedef enum dbcheck_row_kind {
    DBCHECK_ROW_OTHER,
    DBCHECK_ROW_CONFLICT,
    DBCHECK_ROW_DOCUMENT,
    DBCHECK_ROW_INDEX,
    DBCHECK_ROW_STATEMENTS,
    DBCHECK_ROW_VERSION
} dbcheck_row_kind;

/* A key, taken apart. */
typedef struct dbcheck_row {
    dbcheck_row_kind kind;
    copse_bytes key;
    copse_bytes value;
    copse_bytes collection;
    copse_bytes index; /* DBCHECK_ROW_INDEX */
    bool is_entry;
    size_t tail; /* where order(pk) begins; DBCHECK_ROW_INDEX: 0 */
} dbcheck_row;

/* An index's name and what kind of row it is, behind `at`. */
static void dbcheck_split_index(dbcheck_row *row, size_t at)
{
    const uint8_t *end = memchr(row->key.ptr + at, DBCHECK_END_OF_NAME, row->key.len - at);
    size_t kind = end != NULL ? (size_t)(end - row->key.ptr) + 1 : row->key.len;
    if (kind >= row->key.len || row->key.ptr[kind] > DBCHECK_ENTRIES) {
        return;
    }
    row->index = (copse_bytes){row->key.ptr + at, kind - 1 - at};
    if (copse_name_check(row->index, "an index", NULL) == COPSE_OK) {
        row->kind = DBCHECK_ROW_INDEX;
        row->is_entry = row->key.ptr[kind] == DBCHECK_ENTRIES;
    }
}

static dbcheck_row dbcheck_split_row(copse_bytes key, copse_bytes value)
{
    dbcheck_row row = {.kind = DBCHECK_ROW_OTHER, .key = key, .value = value};
    if (key.len < 2 || key.ptr[0] != 0) {
        return row;
    }
    if (key.ptr[1] == DBCHECK_STATEMENTS) {
        row.kind = DBCHECK_ROW_STATEMENTS;
        return row;
    }
    const uint8_t *end = memchr(key.ptr + 1, DBCHECK_END_OF_NAME, key.len - 1);
    if (end == NULL) {
        return row;
    }
    copse_bytes name = {key.ptr + 1, (size_t)(end - key.ptr) - 1};
    size_t at = (size_t)(end - key.ptr) + 1;
    if (copse_name_check(name, "a collection", NULL) != COPSE_OK || at + 2 > key.len ||
        key.ptr[at + 1] != 0) {
        return row;
    }
    row.collection = name;
    if (key.ptr[at] == 'i') {
        dbcheck_split_index(&row, at + 2);
        return row;
    }
    row.kind = key.ptr[at] == 'c'   ? DBCHECK_ROW_CONFLICT
               : key.ptr[at] == 'd' ? DBCHECK_ROW_DOCUMENT
               : key.ptr[at] == 'v' ? DBCHECK_ROW_VERSION
                                    : DBCHECK_ROW_OTHER;
    row.tail = at + 2;
    return row;
}

/* ---- sums ---- */

void copse_dbcheck_sum_add(const copse_dbcheck_run *run, copse_dbcheck_sum *sum, copse_bytes key,
                           copse_bytes value)
{
    for (size_t i = 0; i < 2; i++) {
        const uint64_t seed[2] = {run->seeds[i][0], copse_siphash(run->seeds[i], key)};
        sum->words[i] += copse_siphash(seed, value);
    }
}

static bool dbcheck_sum_equal(const copse_dbcheck_sum *a, const copse_dbcheck_sum *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1];
}

/* ---- a collection ---- */

static void dbcheck_leave(copse_dbcheck_run *run)
{
    if (run->collection != NULL) {
        size_t count = run->collection->collection.indexes_count;
        for (size_t i = 0; i < count; i++) {
            copse_buf_release(&run->indexes[i].unique);
        }
        copse_free_array(run->env, run->indexes, count, sizeof *run->indexes);
    }
    run->collection = NULL;
    run->indexes = NULL;
}

/* Ends the collection at hand: compares what differs. */
static copse_status dbcheck_finish(copse_dbcheck_run *run, copse_err *err)
{
    copse_status status = COPSE_OK;
    size_t count = run->collection != NULL ? run->collection->collection.indexes_count : 0;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        if (!dbcheck_sum_equal(&run->indexes[i].derived, &run->indexes[i].stored)) {
            status = copse_dbcheck_compare_index(run, i, err);
        }
    }
    dbcheck_leave(run);
    return status;
}

static copse_status dbcheck_enter(copse_dbcheck_run *run, copse_catalogue_collection *collection,
                                  copse_err *err)
{
    size_t count = collection->collection.indexes_count;
    run->indexes = copse_alloc_array(run->env, count, sizeof *run->indexes);
    if (run->indexes == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; i < count; i++) {
        run->indexes[i] = (copse_dbcheck_index){.derived = {{0}}};
        copse_buf_init(&run->indexes[i].unique, run->env, COPSE_KEY_SIZE_BYTES_MAX);
    }
    run->collection = collection;
    return COPSE_OK;
}

/* ---- documents ---- */

/* What a derive is for. */
typedef struct dbcheck_deriving {
    copse_dbcheck_run *run;
    copse_dbcheck_index *index;
} dbcheck_deriving;

static copse_status dbcheck_on_derived(void *ctx, const copse_index_row *row, copse_err *err)
{
    dbcheck_deriving *deriving = ctx;
    (void)err;
    copse_dbcheck_sum_add(deriving->run, &deriving->index->derived, row->key, row->value);
    return COPSE_OK;
}

static copse_status dbcheck_derive(copse_dbcheck_run *run, const dbcheck_row *row,
                                   const copse_dbcheck_document *document, copse_err *err)
{
    const copse_catalogue_collection *collection = run->collection;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < collection->collection.indexes_count && status == COPSE_OK; i++) {
        dbcheck_deriving deriving = {run, &run->indexes[i]};
        copse_err detail = {0};
        status =
            copse_index_derive(collection->derivers[i], document->document.encoded, document->id,
                               document->link, dbcheck_on_derived, &deriving, &detail);
        if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
            copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_PARALLEL_ARRAYS,
                                            .collection = collection->collection.name,
                                            .index = collection->collection.indexes[i].name,
                                            .id = document->id,
                                            .key = row->key};
            status = copse_dbcheck_tell(run, &defect, &detail, err);
        } else if (status != COPSE_OK) {
            status = COPSE_ERR(err, status, "%s", detail.message);
        }
    }
    return status;
}

/* Whether the key is the one of the document's primary key. */
static copse_status dbcheck_primary(copse_dbcheck_run *run, const dbcheck_row *row, copse_bytes id,
                                    copse_err *err)
{
    copse_err detail = {0};
    copse_buf_truncate(&run->key, 0);
    copse_status status = copse_order_write_primary(&run->key, id, &detail);
    if (status == COPSE_NOMEM) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_bytes tail = {row->key.ptr + row->tail, row->key.len - row->tail};
    if (status == COPSE_OK && copse_bytes_equal(tail, copse_buf_view(&run->key))) {
        return COPSE_OK;
    }
    copse_database_defect defect = {
        .kind = COPSE_DATABASE_DEFECT_PRIMARY_KEY,
        .collection = row->collection,
        .id = id,
        .key = row->key,
        .message = status == COPSE_OK ? "its key is not the one of its primary key" : NULL};
    return copse_dbcheck_tell(run, &defect, &detail, err);
}

/* Whether the key ends in one part. Which value it is can't be asked of the key: a primary key has
 * no trailer, without which a decimal that is no float has no encoding. */
static copse_status dbcheck_key(const dbcheck_row *row, copse_err *detail)
{
    copse_bytes rest = {row->key.ptr + row->tail, row->key.len - row->tail};
    copse_status status = copse_order_skip(&rest, false, detail);
    return status == COPSE_OK && rest.len > 0
               ? COPSE_ERR(detail, COPSE_CORRUPT, "bytes behind the primary key")
               : status;
}

/* Checks that; *ret_usable: its end is one. */
static copse_status dbcheck_check_key(copse_dbcheck_run *run, const dbcheck_row *row,
                                      bool *ret_usable, copse_err *err)
{
    copse_err detail = {0};
    copse_status status = dbcheck_key(row, &detail);
    *ret_usable = status == COPSE_OK;
    if (status != COPSE_CORRUPT) {
        return status == COPSE_OK ? COPSE_OK : COPSE_ERR(err, status, "%s", detail.message);
    }
    copse_database_defect defect = {
        .kind = COPSE_DATABASE_DEFECT_KEY, .collection = row->collection, .key = row->key};
    return copse_dbcheck_tell(run, &defect, &detail, err);
}

static copse_status dbcheck_document(copse_dbcheck_run *run, const dbcheck_row *row, copse_err *err)
{
    copse_dbcheck_document document = {.id = {NULL, 0}};
    copse_status status = copse_dbcheck_read_document(
        run, row->key, row->value, run->collection->collection.documents, true, &document, err);
    if (status == COPSE_OK) {
        status = dbcheck_primary(run, row, document.id, err);
    }
    if (status == COPSE_OK) {
        status = dbcheck_derive(run, row, &document, err);
    }
    if (status == COPSE_OK) {
        status = copse_dbcheck_has_version(run, row->key, row->tail, document.id, err);
    }
    copse_dbcheck_document_release(&document);
    return status == COPSE_NOT_FOUND ? COPSE_OK : status; /* told already */
}

/* A row that there may be one of for each primary key. */
static copse_status dbcheck_keyed_row(copse_dbcheck_run *run, const dbcheck_row *row,
                                      bool *ret_past, copse_err *err)
{
    bool is_usable;
    run->stats.documents += row->kind == DBCHECK_ROW_DOCUMENT;
    copse_status status = dbcheck_check_key(run, row, &is_usable, err);
    if (status != COPSE_OK || !is_usable) {
        return status;
    }
    switch (row->kind) {
    case DBCHECK_ROW_CONFLICT:
        return copse_dbcheck_conflict(run, row->key, row->tail, row->value, err);
    case DBCHECK_ROW_VERSION:
        return copse_dbcheck_version(run, row->key, row->tail, row->value, ret_past, err);
    default:
        return dbcheck_document(run, row, err);
    }
}

/* ---- index rows ---- */

static copse_status dbcheck_unique(copse_dbcheck_run *run, const dbcheck_row *row, size_t position,
                                   copse_err *err)
{
    const copse_index_deriver *deriver = run->collection->derivers[position];
    copse_buf *last = &run->indexes[position].unique;
    copse_bytes unique;
    copse_bytes primary;
    copse_err detail = {0};
    bool is_exempt = false;
    copse_status status = copse_index_entry_split(deriver, row->key, &unique, &primary, &detail);
    if (status == COPSE_OK) {
        status = copse_unique_is_exempt(run->env, deriver, row->key, &is_exempt, &detail);
    }
    if (status == COPSE_CORRUPT || is_exempt) {
        return COPSE_OK; /* no entry: the sums differ, and the comparison will name it */
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "%s", detail.message);
    }
    if (copse_bytes_equal(unique, copse_buf_view(last))) {
        copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_UNIQUE,
                                        .collection = row->collection,
                                        .index = row->index,
                                        .key = row->key,
                                        .message = "another document has the same values"};
        return copse_dbcheck_tell_of_entry(run, position, &defect, NULL, err);
    }
    copse_buf_truncate(last, 0);
    return copse_buf_append(last, unique) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

/* *ret_past: a row of an index that isn't there, or isn't built; its rows are to be passed over. */
static copse_status dbcheck_index_row(copse_dbcheck_run *run, const dbcheck_row *row,
                                      bool *ret_past, copse_err *err)
{
    size_t position = copse_catalogue_find_index(run->collection, row->index);
    if (position == SIZE_MAX || run->collection->collection.indexes[position].is_unbuilt) {
        *ret_past = true;
        if (copse_dbcheck_is_bad(run, row->collection, row->index)) {
            return COPSE_OK; /* K4 */
        }
        copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_NO_INDEX,
                                        .collection = row->collection,
                                        .index = row->index,
                                        .key = row->key,
                                        .message = position == SIZE_MAX
                                                       ? "rows of an index that isn't there"
                                                       : "rows of an index that isn't built"};
        return copse_dbcheck_tell(run, &defect, NULL, err);
    }
    run->stats.index_rows++;
    copse_dbcheck_sum_add(run, &run->indexes[position].stored, row->key, row->value);
    if (row->is_entry && run->collection->collection.indexes[position].unique) {
        return dbcheck_unique(run, row, position, err);
    }
    return COPSE_OK;
}

/* ---- all rows ---- */

/* Writes the first key behind all rows of an index, or of a collection if there is no index. */
static copse_status dbcheck_write_past(copse_buf *buf, const dbcheck_row *row, bool of_index)
{
    copse_buf_truncate(buf, 0);
    copse_status status = of_index ? copse_key_write_index_rows(buf, row->collection, row->index)
                                   : copse_key_write_data(buf, row->collection);
    return status == COPSE_OK ? copse_order_prefix_end(buf, 0) : status;
}

/* Enters the row's collection. *ret_past: it isn't there. */
static copse_status dbcheck_turn_to(copse_dbcheck_run *run, const dbcheck_row *row, bool *ret_past,
                                    copse_err *err)
{
    copse_status status = dbcheck_finish(run, err);
    copse_catalogue_collection *collection = copse_catalogue_find(&run->catalogue, row->collection);
    if (status != COPSE_OK || collection != NULL) {
        return status == COPSE_OK ? dbcheck_enter(run, collection, err) : status;
    }
    *ret_past = true;
    if (copse_dbcheck_is_bad(run, row->collection, (copse_bytes){NULL, 0})) {
        return COPSE_OK; /* K4 */
    }
    copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_NO_COLLECTION,
                                    .collection = row->collection,
                                    .key = row->key,
                                    .message = "data of a collection that isn't there"};
    return copse_dbcheck_tell(run, &defect, NULL, err);
}

/* A row of statements; only a database with a creator has such. */
static copse_status dbcheck_statements(copse_dbcheck_run *run, const dbcheck_row *row,
                                       copse_err *err)
{
    copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_KEY, .key = row->key};
    copse_bytes statements;
    copse_public_key to;
    copse_err detail = {0};
    copse_status status = copse_writers_key_read(run->env, row->key, &to, &detail);
    if (status == COPSE_OK && !run->catalogue.has_identity) {
        status = COPSE_ERR(&detail, COPSE_CORRUPT, "statements of a database without a creator");
    }
    if (status == COPSE_OK) {
        defect.kind = COPSE_DATABASE_DEFECT_STATEMENTS;
        status = copse_writers_row_read(run->env, row->value, &statements, &detail);
    }
    if (status == COPSE_OK) {
        status = copse_statement_row_check(run->env, &to, statements, &detail);
    }
    if (status == COPSE_OK) {
        return COPSE_OK;
    }
    return copse_dbcheck_is_finding(status) ? copse_dbcheck_tell(run, &defect, &detail, err)
                                            : COPSE_ERR(err, status, "%s", detail.message);
}

/* *ret_past: run->key has the key to go on from. */
static copse_status dbcheck_data_row(copse_dbcheck_run *run, const dbcheck_row *row, bool *ret_past,
                                     copse_err *err)
{
    copse_status status = COPSE_OK;
    bool of_index = false;
    if (row->collection.len > 0 &&
        (run->collection == NULL ||
         !copse_bytes_equal(run->collection->collection.name, row->collection))) {
        status = dbcheck_turn_to(run, row, ret_past, err);
    }
    if (status == COPSE_OK && row->kind == DBCHECK_ROW_STATEMENTS) {
        status = dbcheck_statements(run, row, err);
    } else if (status == COPSE_OK && !*ret_past && row->kind == DBCHECK_ROW_OTHER) {
        copse_database_defect defect = {.kind = COPSE_DATABASE_DEFECT_KEY,
                                        .collection = row->collection,
                                        .key = row->key,
                                        .message = "a key that is none of a database"};
        status = copse_dbcheck_tell(run, &defect, NULL, err);
    } else if (status == COPSE_OK && !*ret_past && row->kind == DBCHECK_ROW_INDEX) {
        status = dbcheck_index_row(run, row, ret_past, err);
        of_index = true;
    } else if (status == COPSE_OK && !*ret_past) {
        status = dbcheck_keyed_row(run, row, ret_past, err);
    }
    if (status == COPSE_OK && *ret_past &&
        dbcheck_write_past(&run->key, row, of_index) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    return status;
}

static copse_status dbcheck_walk(copse_dbcheck_run *run, copse_cursor *cursor, copse_err *err)
{
    copse_status status = copse_cursor_next(cursor, err);
    while (status == COPSE_OK) {
        bool past = false;
        dbcheck_row row = dbcheck_split_row(copse_cursor_key(cursor), copse_cursor_value(cursor));
        status = dbcheck_data_row(run, &row, &past, err);
        if (++run->rows_done % DBCHECK_PROGRESS_ROWS == 0 && run->options->progress != NULL) {
            run->options->progress(run->options->progress_ctx, "rows", run->rows_done,
                                   run->rows_total);
        }
        if (status == COPSE_OK) {
            status = past ? copse_cursor_seek(cursor, copse_buf_view(&run->key), err)
                          : copse_cursor_next(cursor, err);
        }
    }
    return status == COPSE_END ? dbcheck_finish(run, err) : status;
}

copse_status copse_dbcheck_rows(copse_dbcheck_run *run, copse_err *err)
{
    static const uint8_t first[] = {0, 1};
    copse_cursor *cursor;
    copse_status status = copse_cursor_new(run->tree, &cursor, err);
    if (status != COPSE_OK) {
        return status;
    }
    status = copse_cursor_set_range(cursor, (copse_bytes){first, sizeof first}, NULL, err);
    if (status == COPSE_OK) {
        status = dbcheck_walk(run, cursor, err);
    }
    dbcheck_leave(run);
    copse_cursor_free(cursor);
    return status;
}
