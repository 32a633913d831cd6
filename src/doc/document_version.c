/* The state of a document is a function: it gives every name of a field a version and a value, or
 * none. It is kept in two places, the document and its row:
 *
 *     {"fields": {name: [[ms, counter], author], …}, "hidden": {name: value, …},
 *      "version": [[ms, counter], author, deleted, signature or nothing]}
 *
 * "version" is the floor. The version of a field is the one in "fields", or else the floor's; its
 * value the one in the document, or else in "hidden", or else none. The join of two states is the
 * greater floor (at equal ones, present above deleted), and for each name the greater version (at
 * equal ones, a value above none, then the greater encoding). That is a maximum in a product of
 * total orders, thus commutative, associative and idempotent on any functions; what remains is that
 * each function that can come out has exactly one document and row:
 *
 *     V1  A version: ms below 2^63, counter below 2^32, an author of at most 256 bytes.
 *     V2  "fields" and "hidden" are absent, or not empty. A row that says no more than its absence
 *         does (the version is zero, and nothing else is there) is absent.
 *     V3  What "fields" lists is above the floor. No version is below it: of the two that a join
 *         compares, one is of the side with the greater floor.
 *     V4  The document is there unless the floor is a deletion; without a row, nothing is deleted.
 *     V5  A value is hidden exactly if the document can't show it: all are while it is deleted;
 *         else those whose names begin with `$` and come before all fields of the document, as
 *         none may begin so. A join that brings a field to lead them shows them again.
 *     V6  The primary key is in each document, never listed and never hidden. So its version is the
 *         floor's: a write that changes its encoding (1, 1.0) is one of the whole document.
 *     V7  A signature is of 64 bytes, in a row without "fields" and "hidden": it is one of a state
 *         that was written as a whole. FIELD_WISE knows none, as its joins make states that nobody
 *         wrote; LWW keeps the row that it takes as it is.
 *
 * Documents, "fields" and "hidden" are sorted by the same order of keys: all is done in one walk
 * over them side by side, in time linear in their bytes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <copse/commit.h>
#include <copse/key.h>
#include <copse/value.h>

#include "base/err.h"
#include "doc/document_version_walk.h"
#include "history/commit.h"

int copse_version_compare(const copse_version *a, const copse_version *b)
{
    int order = copse_commit_time_compare(a->time_ms, a->time_counter, b->time_ms, b->time_counter);
    return order != 0 ? order : copse_bytes_compare(a->author, b->author);
}

bool copse_version_is_zero(const copse_version *version)
{
    return version->time_ms == 0 && version->time_counter == 0 && version->author.len == 0;
}

bool copse_version_is_made(const copse_version *version)
{
    return version->author.len == 0 &&
           (copse_version_is_zero(version) || version->time_counter == COPSE_VERSION_MADE_COUNTER);
}

copse_status copse_version_make(copse_bytes row, copse_version *ret_version, copse_err *err)
{
    copse_version latest;
    copse_status status = copse_version_latest(row, &latest, err);
    if (status != COPSE_OK) {
        return status;
    }
    bool is_next_ms = latest.time_counter > COPSE_VERSION_MADE_COUNTER ||
                      (latest.time_counter == COPSE_VERSION_MADE_COUNTER && latest.author.len > 0);
    if (is_next_ms && latest.time_ms == INT64_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a document has the last version that there is");
    }
    *ret_version = (copse_version){.time_ms = latest.time_ms + is_next_ms,
                                   .time_counter = COPSE_VERSION_MADE_COUNTER};
    return COPSE_OK;
}

/* ---- Reading a row ---- */

static bool version_take(copse_cbor_reader *reader, copse_cbor_kind kind, copse_cbor_item *ret_item)
{
    return copse_cbor_next(reader, ret_item, NULL) == COPSE_OK && ret_item->kind == kind;
}

static bool version_take_uint(copse_cbor_reader *reader, uint64_t max, uint64_t *ret_value)
{
    copse_cbor_item item;
    if (!version_take(reader, COPSE_CBOR_INT, &item) || item.negative || item.arg > max) {
        return false;
    }
    *ret_value = item.arg;
    return true;
}

/* What stands behind the author in the version of a whole row. */
static copse_status version_read_end(copse_cbor_reader *reader, bool is_signed,
                                     copse_version_row *row, copse_err *err)
{
    copse_cbor_item item;
    if (!version_take(reader, COPSE_CBOR_BOOL, &item)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a version does not say whether it is a deletion");
    }
    row->is_deleted = item.boolean;
    if (is_signed) {
        if (!version_take(reader, COPSE_CBOR_BYTES, &item) ||
            item.bytes.len != COPSE_SIGNATURE_SIZE_BYTES || row->fields.len > 0 ||
            row->hidden.len > 0) {
            return COPSE_ERR(err, COPSE_CORRUPT, "a version has a signature that is none");
        }
        row->signature = item.bytes;
    }
    return COPSE_OK;
}

/* Reads [[ms, counter], author], or, where `row` is not NULL, that of a whole row, which goes on
 * with a bool, and a signature or nothing (V1, V7). */
static copse_status version_read(copse_bytes encoded, copse_version *ret_version,
                                 copse_version_row *row, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    uint64_t counter;
    uint64_t size = row != NULL ? 3 : 2;
    copse_cbor_reader_init(&reader, encoded);
    if (!version_take(&reader, COPSE_CBOR_ARRAY, &item) ||
        (item.arg != size && (row == NULL || item.arg != size + 1))) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a version is no list of %u", (unsigned)size);
    }
    bool is_signed = item.arg > size;
    if (!version_take(&reader, COPSE_CBOR_ARRAY, &item) || item.arg != 2 ||
        !version_take_uint(&reader, INT64_MAX, &ret_version->time_ms) ||
        !version_take_uint(&reader, UINT32_MAX, &counter)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a version has no time");
    }
    ret_version->time_counter = (uint32_t)counter;
    if (!version_take(&reader, COPSE_CBOR_TEXT, &item) ||
        item.bytes.len > COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a version has no author");
    }
    ret_version->author = item.bytes;
    return row != NULL ? version_read_end(&reader, is_signed, row, err) : COPSE_OK;
}

static bool version_is_map(copse_bytes encoded)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, encoded);
    return version_take(&reader, COPSE_CBOR_MAP, &item) && item.arg > 0;
}

/* Takes the value of `key` if that is next; else leaves *value as it is. */
static copse_status version_take_key(copse_document_member *member, const char *key,
                                     copse_bytes *value, copse_err *err)
{
    if (member->key.ptr == NULL || !copse_bytes_equal(member->key, copse_bytes_of_text(key))) {
        return COPSE_OK;
    }
    *value = member->value;
    return copse_document_member_next(member, err);
}

copse_status copse_version_row_read(copse_bytes encoded, copse_version_row *row, copse_err *err)
{
    copse_document_member member;
    copse_bytes version = {NULL, 0};
    if (encoded.len == 0) {
        return COPSE_OK;
    }
    if (!version_is_map(encoded)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a row of versions is no map");
    }
    copse_status status = copse_document_member_first(encoded, &member, err);
    if (status == COPSE_OK) {
        status = version_take_key(&member, "fields", &row->fields, err);
    }
    if (status == COPSE_OK) {
        status = version_take_key(&member, "hidden", &row->hidden, err);
    }
    if (status == COPSE_OK) {
        status = version_take_key(&member, "version", &version, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (member.key.ptr != NULL || version.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a row of versions has a wrong key, or lacks one");
    }
    if ((row->fields.len > 0 && !version_is_map(row->fields)) ||
        (row->hidden.len > 0 && !version_is_map(row->hidden))) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a row of versions lists no fields");
    }
    status = version_read(version, &row->version, row, err);
    if (status == COPSE_OK && row->fields.len == 0 && row->hidden.len == 0 &&
        copse_version_is_zero(&row->version)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a row of versions says nothing");
    }
    return status;
}

copse_status copse_version_is_deleted(copse_bytes row, bool *ret_deleted, copse_err *err)
{
    copse_version_row read = {.is_deleted = false};
    copse_status status = copse_version_row_read(row, &read, err);
    if (status == COPSE_OK) {
        *ret_deleted = read.is_deleted;
    }
    return status;
}

copse_status copse_version_latest(copse_bytes row, copse_version *ret_version, copse_err *err)
{
    copse_version_row read = {.is_deleted = false};
    copse_document_member field = {.key = {NULL, 0}};
    copse_version latest;
    copse_status status = copse_version_row_read(row, &read, err);
    latest = read.version;
    if (status == COPSE_OK && read.fields.len > 0) {
        status = copse_document_member_first(read.fields, &field, err);
    }
    while (status == COPSE_OK && field.key.ptr != NULL) {
        copse_version version;
        status = version_read(field.value, &version, NULL, err);
        if (status == COPSE_OK) {
            latest = copse_version_compare(&version, &latest) > 0 ? version : latest;
            status = copse_document_member_next(&field, err);
        }
    }
    if (status == COPSE_OK) {
        *ret_version = latest;
    }
    return status;
}

/* ---- Walking over the fields of a state ---- */

bool copse_version_is_hidden(const copse_version_shown *shown, copse_bytes name)
{
    return shown->is_deleted || (!shown->is_led && name.len > 0 && name.ptr[0] == '$');
}

/* Checks where the present field's value stands (V5, V6). */
static copse_status version_walk_check(copse_version_walk *walk, bool is_listed, bool is_shown,
                                       bool is_hidden, copse_err *err)
{
    const copse_version_field *field = &walk->field;
    if (copse_bytes_equal(field->name, walk->primary_key)) {
        walk->has_primary_key = is_shown;
        if (is_listed || is_hidden) {
            return COPSE_ERR(err, COPSE_CORRUPT, "a row of versions lists the primary key");
        }
    }
    bool must_hide = copse_version_is_hidden(&walk->shown, field->name);
    if (is_shown && (is_hidden || must_hide)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document shows a field that is hidden");
    }
    if (is_hidden && !must_hide) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a row of versions hides a field without need");
    }
    walk->shown.is_led = walk->shown.is_led || is_shown;
    return is_hidden ? copse_value_check(field->value, &walk->env->limits, err) : COPSE_OK;
}

/* The member of which `walk` stands at the least name. */
static const copse_document_member *version_walk_least(const copse_version_walk *walk)
{
    const copse_document_member *least = &walk->document;
    least = copse_document_member_compare(&walk->fields, least) < 0 ? &walk->fields : least;
    return copse_document_member_compare(&walk->hidden, least) < 0 ? &walk->hidden : least;
}

copse_status copse_version_walk_next(copse_version_walk *walk, copse_err *err)
{
    const copse_document_member *least = version_walk_least(walk);
    copse_version_field *field = &walk->field;
    *field = (copse_version_field){least->key, walk->row.version, {NULL, 0}};
    if (field->name.ptr == NULL) {
        return walk->row.is_deleted || walk->has_primary_key
                   ? COPSE_OK
                   : COPSE_ERR(err, COPSE_CORRUPT, "a document without its primary key");
    }
    bool is_shown = copse_document_member_compare(&walk->document, least) == 0;
    bool is_listed = copse_document_member_compare(&walk->fields, least) == 0;
    bool is_hidden = copse_document_member_compare(&walk->hidden, least) == 0;
    if (is_shown || is_hidden) {
        field->value = is_shown ? walk->document.value : walk->hidden.value;
    }
    copse_status status = version_walk_check(walk, is_listed, is_shown, is_hidden, err);
    if (status == COPSE_OK && is_listed) {
        status = version_read(walk->fields.value, &field->version, NULL, err);
    }
    if (status == COPSE_OK && is_listed &&
        copse_version_compare(&field->version, &walk->row.version) <= 0) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a field's version is not above the document's");
    }
    if (status == COPSE_OK && is_shown) {
        status = copse_document_member_next(&walk->document, err);
    }
    if (status == COPSE_OK && is_listed) {
        status = copse_document_member_next(&walk->fields, err);
    }
    if (status == COPSE_OK && is_hidden) {
        status = copse_document_member_next(&walk->hidden, err);
    }
    return status;
}

static copse_status version_walk_enter(copse_bytes map, copse_document_member *member,
                                       copse_err *err)
{
    return map.len > 0 ? copse_document_member_first(map, member, err) : COPSE_OK;
}

copse_status copse_version_walk_begin(copse_version_walk *walk, const copse_env *env,
                                      copse_bytes primary_key, const copse_version_state *state,
                                      copse_err *err)
{
    bool is_absent = state->document.len == 0;
    *walk = (copse_version_walk){
        .env = env, .primary_key = primary_key, .row = {.is_deleted = is_absent}};
    copse_status status = copse_version_row_read(state->row, &walk->row, err);
    if (status == COPSE_OK && walk->row.is_deleted != is_absent) {
        status = COPSE_ERR(err, COPSE_CORRUPT,
                           is_absent ? "a row of versions without its document"
                                     : "a document that its row of versions says is deleted");
    }
    walk->shown.is_deleted = is_absent;
    if (status == COPSE_OK) {
        status = version_walk_enter(state->document, &walk->document, err);
    }
    if (status == COPSE_OK) {
        status = version_walk_enter(walk->row.fields, &walk->fields, err);
    }
    if (status == COPSE_OK) {
        status = version_walk_enter(walk->row.hidden, &walk->hidden, err);
    }
    return status == COPSE_OK ? copse_version_walk_next(walk, err) : status;
}

copse_status copse_version_walk_all(const copse_env *env, copse_bytes primary_key,
                                    const copse_version_state *state, copse_err *err)
{
    copse_version_walk walk;
    copse_status status = copse_version_walk_begin(&walk, env, primary_key, state, err);
    while (status == COPSE_OK && walk.field.name.ptr != NULL) {
        status = copse_version_walk_next(&walk, err);
    }
    return status;
}

copse_status copse_version_check(const copse_env *env, copse_bytes primary_key,
                                 const copse_version_state *state, copse_err *err)
{
    copse_status status =
        state->row.len > 0 ? copse_dag_cbor_check(state->row, &env->limits, COPSE_CBOR_STRICT, err)
                           : COPSE_OK;
    return status == COPSE_OK ? copse_version_walk_all(env, primary_key, state, err) : status;
}
