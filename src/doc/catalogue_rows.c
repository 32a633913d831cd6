/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/catalogue_rows.h"

#include "base/err.h"

#include <copse/dag_cbor.h>

static const char *const catalogue_forms[] = {
    [COPSE_DOCUMENTS_INLINE] = "inline",
    [COPSE_DOCUMENTS_LINKED] = "linked",
};

static const char *const catalogue_policies[] = {
    [COPSE_MERGE_THREE_WAY] = "three-way",
    [COPSE_MERGE_UNION] = "union",
    [COPSE_MERGE_LWW] = "lww",
    [COPSE_MERGE_FIELD_WISE] = "field-wise",
};

const char *copse_merge_policy_name(copse_merge_policy policy)
{
    return catalogue_policies[policy];
}

bool copse_merge_policy_find(copse_bytes name, copse_merge_policy *ret_policy)
{
    for (copse_merge_policy policy = COPSE_MERGE_THREE_WAY; policy <= COPSE_MERGE_FIELD_WISE;
         policy++) {
        if (copse_bytes_equal(name, copse_bytes_of_text(catalogue_policies[policy]))) {
            *ret_policy = policy;
            return true;
        }
    }
    return false;
}

static copse_status catalogue_write_text(copse_buf *buf, const char *text)
{
    return copse_cbor_write_text(buf, copse_bytes_of_text(text));
}

static copse_status catalogue_write_end(copse_buf *buf, size_t offset, copse_status status)
{
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}

copse_status copse_catalogue_encode_database(copse_buf *buf)
{
    size_t offset = buf->len;
    copse_status status = copse_cbor_write_map(buf, 2);
    if (status == COPSE_OK) {
        status = catalogue_write_text(buf, "Format");
    }
    if (status == COPSE_OK) {
        status = catalogue_write_text(buf, "database");
    }
    if (status == COPSE_OK) {
        status = catalogue_write_text(buf, "Version");
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, COPSE_DATABASE_VERSION);
    }
    return catalogue_write_end(buf, offset, status);
}

static copse_status catalogue_write_pair(copse_buf *buf, const char *name, copse_bytes text)
{
    copse_status status = catalogue_write_text(buf, name);
    return status == COPSE_OK ? copse_cbor_write_text(buf, text) : status;
}

static copse_status catalogue_write_number(copse_buf *buf, const char *name, uint64_t number)
{
    copse_status status = catalogue_write_text(buf, name);
    return status == COPSE_OK ? copse_cbor_write_uint(buf, number) : status;
}

copse_status copse_catalogue_encode_collection(const copse_collection *collection, copse_buf *buf)
{
    size_t offset = buf->len;
    bool has_merge = collection->merge != COPSE_MERGE_THREE_WAY;
    bool has_days = collection->tombstone_days > 0;
    bool has_forgotten = collection->forgotten_ms > 0;
    copse_status status = copse_cbor_write_map(buf, 2U + has_merge + collection->is_signed +
                                                        has_days + has_forgotten);
    if (status == COPSE_OK && has_merge) {
        status = catalogue_write_pair(
            buf, "merge", copse_bytes_of_text(copse_merge_policy_name(collection->merge)));
    }
    if (status == COPSE_OK && collection->is_signed) {
        status = catalogue_write_text(buf, "signed");
    }
    if (status == COPSE_OK && collection->is_signed) {
        status = copse_cbor_write_bool(buf, true);
    }
    if (status == COPSE_OK) {
        status = catalogue_write_pair(buf, "documents",
                                      copse_bytes_of_text(catalogue_forms[collection->documents]));
    }
    if (status == COPSE_OK && has_forgotten) {
        status = catalogue_write_number(buf, "forgotten", collection->forgotten_ms);
    }
    if (status == COPSE_OK) {
        status = catalogue_write_pair(buf, "primaryKey", collection->primary_key);
    }
    if (status == COPSE_OK && has_days) {
        status = catalogue_write_number(buf, "tombstoneDays", collection->tombstone_days);
    }
    return catalogue_write_end(buf, offset, status);
}

/* ---- reading ---- */

/* A key that a row may have. */
typedef struct catalogue_key {
    const char *name;
    bool is_optional;
} catalogue_key;

/* The key of a row that has this name; `count`: none has. */
static size_t catalogue_find_key(const catalogue_key *keys, size_t count, copse_bytes name)
{
    size_t i = 0;
    while (i < count && !copse_bytes_equal(name, copse_bytes_of_text(keys[i].name))) {
        i++;
    }
    return i;
}

/* Reads a map of these keys into `ret_items`; each value is a scalar. One that is not there is
 * null, which no value may be. */
static copse_status catalogue_read_keys(copse_bytes value, const catalogue_key *keys, size_t count,
                                        const char *what, copse_cbor_item *ret_items,
                                        copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item map;
    for (size_t i = 0; i < count; i++) {
        ret_items[i] = (copse_cbor_item){.kind = COPSE_CBOR_NULL};
    }
    copse_cbor_reader_init(&reader, value);
    copse_status status = copse_cbor_next(&reader, &map, err);
    if (status == COPSE_OK && map.kind != COPSE_CBOR_MAP) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "the row of %s is no map", what);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < map.arg; i++) {
        copse_cbor_item name;
        status = copse_cbor_next(&reader, &name, err);
        size_t at = status == COPSE_OK ? catalogue_find_key(keys, count, name.bytes) : count;
        if (status == COPSE_OK && at == count) {
            status = COPSE_ERR(err, COPSE_CORRUPT,
                               "the row of %s has \"%.*s\", which this version of Copse doesn't "
                               "know",
                               what, (int)(name.bytes.len < 64 ? name.bytes.len : 64),
                               (const char *)name.bytes.ptr);
        }
        if (status == COPSE_OK) {
            status = copse_cbor_next(&reader, &ret_items[at], err);
        }
        if (status == COPSE_OK && ret_items[at].kind == COPSE_CBOR_NULL) {
            status = COPSE_ERR(err, COPSE_CORRUPT, "the row of %s has null", what);
        }
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        if (ret_items[i].kind == COPSE_CBOR_NULL && !keys[i].is_optional) {
            status =
                COPSE_ERR(err, COPSE_CORRUPT, "the row of %s lacks \"%s\"", what, keys[i].name);
        }
    }
    return status;
}

static bool catalogue_is_text(const copse_cbor_item *item, const char *text)
{
    return item->kind == COPSE_CBOR_TEXT &&
           copse_bytes_equal(item->bytes, copse_bytes_of_text(text));
}

/* What the row of a database says besides what every such row does. */
static copse_status catalogue_read_identity(copse_catalogue *catalogue, copse_bytes value,
                                            copse_err *err)
{
    copse_status status = copse_identity_decode(catalogue->env, value, &catalogue->identity, err);
    catalogue->has_identity = status == COPSE_OK;
    return status == COPSE_NOT_FOUND
               ? COPSE_ERR(err, COPSE_CORRUPT, "the row of the database lacks \"Creator\"")
               : status;
}

copse_status copse_catalogue_decode_database(copse_catalogue *catalogue, copse_bytes value,
                                             copse_err *err)
{
    static const catalogue_key keys[] = {{.name = "Format"},
                                         {.name = "Version"},
                                         {.name = "Creator", .is_optional = true},
                                         {.name = "Nonce", .is_optional = true},
                                         {.name = "Signature", .is_optional = true}};
    copse_cbor_item items[5];
    copse_status status = catalogue_read_keys(value, keys, 5, "the database", items, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (!catalogue_is_text(&items[0], "database")) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not a database");
    }
    if (items[1].kind != COPSE_CBOR_INT || items[1].negative ||
        items[1].arg != COPSE_DATABASE_VERSION) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "a database of version %llu; this version of Copse knows version %d",
                         (unsigned long long)items[1].arg, COPSE_DATABASE_VERSION);
    }
    for (size_t i = 2; i < 5; i++) {
        if (items[i].kind != COPSE_CBOR_NULL) {
            return catalogue_read_identity(catalogue, value, err);
        }
    }
    return COPSE_OK;
}

/* Whether that is a number from 1 to `most`, or nothing, which leaves *ret_number. */
static bool catalogue_read_number(const copse_cbor_item *item, uint64_t most, uint64_t *ret_number)
{
    if (item->kind == COPSE_CBOR_NULL) {
        return true;
    }
    *ret_number = item->arg;
    return item->kind == COPSE_CBOR_INT && !item->negative && item->arg > 0 && item->arg <= most;
}

copse_status copse_catalogue_decode_collection(copse_bytes value, copse_collection *ret_collection,
                                               copse_err *err)
{
    static const catalogue_key keys[] = {{.name = "documents"},
                                         {.name = "primaryKey"},
                                         {.name = "merge", .is_optional = true},
                                         {.name = "tombstoneDays", .is_optional = true},
                                         {.name = "forgotten", .is_optional = true},
                                         {.name = "signed", .is_optional = true}};
    copse_cbor_item items[6];
    copse_status status = catalogue_read_keys(value, keys, 6, "a collection", items, err);
    if (status != COPSE_OK) {
        return status;
    }
    const copse_cbor_item *merge = &items[2];
    const copse_cbor_item *is_signed = &items[5];
    uint64_t days = 0;
    bool is_linked = catalogue_is_text(&items[0], catalogue_forms[COPSE_DOCUMENTS_LINKED]);
    bool is_right =
        items[1].kind == COPSE_CBOR_TEXT &&
        (is_linked || catalogue_is_text(&items[0], catalogue_forms[COPSE_DOCUMENTS_INLINE]));
    copse_collection read = {.primary_key = items[1].bytes,
                             .documents =
                                 is_linked ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE};
    if (merge->kind != COPSE_CBOR_NULL) { /* the defaults don't stand there */
        is_right = is_right && merge->kind == COPSE_CBOR_TEXT &&
                   copse_merge_policy_find(merge->bytes, &read.merge) &&
                   read.merge != COPSE_MERGE_THREE_WAY;
    }
    is_right = is_right && catalogue_read_number(&items[3], COPSE_TOMBSTONE_DAYS_MAX, &days) &&
               catalogue_read_number(&items[4], INT64_MAX, &read.forgotten_ms);
    read.tombstone_days = (uint32_t)days;
    if (is_signed->kind != COPSE_CBOR_NULL) {
        is_right = is_right && is_signed->kind == COPSE_CBOR_BOOL && is_signed->boolean &&
                   read.merge == COPSE_MERGE_LWW;
        read.is_signed = true;
    }
    if (!is_right) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the row of a collection has a value that is none");
    }
    *ret_collection = read;
    return COPSE_OK;
}
