/* Joins and writes: both make a state field by field, in the order of the names. The invariants V1
 * to V6 stand in document_version.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <copse/commit.h>

#include "base/err.h"
#include "doc/document.h"
#include "doc/document_version_walk.h"
#include "value/utf8.h"

static const copse_bytes version_nothing = {NULL, 0};

/* ---- Making a state ---- */

/* Pairs of a map, in the order of their keys. */
typedef struct version_pairs {
    copse_buf buf;
    uint64_t count;
} version_pairs;

typedef struct version_maker {
    const copse_version *floor;
    copse_version_shown shown;
    version_pairs document;
    version_pairs fields;
    version_pairs hidden;
} version_maker;

static void version_maker_init(version_maker *maker, const copse_env *env,
                               const copse_version *floor, bool is_deleted)
{
    *maker = (version_maker){.floor = floor, .shown = {.is_deleted = is_deleted}};
    copse_buf_init(&maker->document.buf, env, env->limits.document_size_bytes_max);
    copse_buf_init(&maker->fields.buf, env, env->limits.document_size_bytes_max);
    copse_buf_init(&maker->hidden.buf, env, env->limits.document_size_bytes_max);
}

static void version_maker_release(version_maker *maker)
{
    copse_buf_release(&maker->document.buf);
    copse_buf_release(&maker->fields.buf);
    copse_buf_release(&maker->hidden.buf);
}

/* Writes [[ms, counter], author and, where it is not NULL, `is_deleted`]. */
static copse_status version_write(copse_buf *buf, const copse_version *version,
                                  const bool *is_deleted)
{
    copse_status status = copse_cbor_write_array(buf, is_deleted != NULL ? 3 : 2);
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, 2);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, version->time_ms);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(buf, version->time_counter);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, version->author);
    }
    return status == COPSE_OK && is_deleted != NULL ? copse_cbor_write_bool(buf, *is_deleted)
                                                    : status;
}

/* Lists the field if its version is above the floor. */
static copse_status version_maker_list(version_maker *maker, copse_bytes name,
                                       const copse_version *version)
{
    if (copse_version_compare(version, maker->floor) <= 0) {
        return COPSE_OK;
    }
    maker->fields.count++;
    copse_status status = copse_cbor_write_text(&maker->fields.buf, name);
    return status == COPSE_OK ? version_write(&maker->fields.buf, version, NULL) : status;
}

/* Puts the field's value, if it has one, where it belongs. */
static copse_status version_maker_put(version_maker *maker, const copse_version_field *field)
{
    if (field->value.ptr == NULL) {
        return COPSE_OK;
    }
    bool is_hidden = copse_version_is_hidden(&maker->shown, field->name);
    version_pairs *pairs = is_hidden ? &maker->hidden : &maker->document;
    maker->shown.is_led = maker->shown.is_led || !is_hidden;
    pairs->count++;
    copse_status status = copse_cbor_write_text(&pairs->buf, field->name);
    return status == COPSE_OK ? copse_cbor_write_encoded(&pairs->buf, field->value) : status;
}

static copse_status version_pairs_write(const version_pairs *pairs, copse_buf *buf)
{
    copse_status status = copse_cbor_write_map(buf, pairs->count);
    return status == COPSE_OK ? copse_buf_append(buf, copse_buf_view(&pairs->buf)) : status;
}

/* Writes the pairs as a map behind their key, if there are any. */
static copse_status version_pairs_write_member(const version_pairs *pairs, const char *key,
                                               copse_buf *buf)
{
    copse_status status =
        pairs->count > 0 ? copse_cbor_write_text(buf, copse_bytes_of_text(key)) : COPSE_OK;
    return status == COPSE_OK && pairs->count > 0 ? version_pairs_write(pairs, buf) : status;
}

/* Writes the row, or nothing (V2). What is not OK may leave a part of it. */
static copse_status version_maker_write_row(const version_maker *maker, copse_buf *buf)
{
    uint64_t members = (uint64_t)(maker->fields.count > 0) + (maker->hidden.count > 0);
    if (members == 0 && copse_version_is_zero(maker->floor)) {
        return COPSE_OK;
    }
    copse_status status = copse_cbor_write_map(buf, members + 1);
    if (status == COPSE_OK) {
        status = version_pairs_write_member(&maker->fields, "fields", buf);
    }
    if (status == COPSE_OK) {
        status = version_pairs_write_member(&maker->hidden, "hidden", buf);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("version"));
    }
    return status == COPSE_OK ? version_write(buf, maker->floor, &maker->shown.is_deleted) : status;
}

/* ---- Joins ---- */

/* The order of two values, of which each may be missing. */
static int version_value_compare(copse_bytes a, copse_bytes b)
{
    int presence = (a.ptr != NULL) - (b.ptr != NULL);
    return presence != 0 ? presence : copse_bytes_compare(a, b);
}

/* Whether the base tells which of two different things is later, as both versions are made up; if
 * it is not known, it is missed. */
static bool version_base_tells(copse_version_base *base, const copse_version *a,
                               const copse_version *b)
{
    bool is_asked = base != NULL && copse_version_is_made(a) && copse_version_is_made(b);
    if (is_asked && !base->is_known) {
        base->is_missed = true;
    }
    return is_asked && base->is_known;
}

/* The value of a field of the base; ptr NULL: none. */
static copse_status version_base_find(const copse_version_base *base, copse_bytes name,
                                      copse_bytes *ret_value, copse_err *err)
{
    copse_document_member member = {.key = {NULL, 0}};
    copse_status status = base->document.len > 0
                              ? copse_document_member_first(base->document, &member, err)
                              : COPSE_OK;
    while (status == COPSE_OK && member.key.ptr != NULL && !copse_bytes_equal(member.key, name)) {
        status = copse_document_member_next(&member, err);
    }
    if (status == COPSE_OK) {
        *ret_value = member.key.ptr != NULL ? member.value : version_nothing;
    }
    return status;
}

/* The order of a field in two states. The primary key is in each document, whoever had deleted it
 * (V6). */
static copse_status version_field_compare(const copse_version_field *a,
                                          const copse_version_field *b, copse_bytes primary_key,
                                          copse_version_base *base, int *ret_order, copse_err *err)
{
    copse_bytes before = version_nothing;
    bool is_primary = copse_bytes_equal(a->name, primary_key);
    int order = is_primary ? (a->value.ptr != NULL) - (b->value.ptr != NULL) : 0;
    order = order != 0 ? order : copse_version_compare(&a->version, &b->version);
    *ret_order = order != 0 ? order : version_value_compare(a->value, b->value);
    if (is_primary || version_value_compare(a->value, b->value) == 0 ||
        !version_base_tells(base, &a->version, &b->version)) {
        return COPSE_OK;
    }
    copse_status status = version_base_find(base, a->name, &before, err);
    bool is_b = status == COPSE_OK && version_value_compare(a->value, before) == 0;
    bool is_a = status == COPSE_OK && version_value_compare(b->value, before) == 0;
    *ret_order = is_a ? 1 : is_b ? -1 : *ret_order;
    return status;
}

/* Takes the next name of both, and of what they have there the greater. */
static copse_status version_join_next(copse_version_walk *a, copse_version_walk *b,
                                      copse_version_base *base, copse_version_field *ret_field,
                                      copse_err *err)
{
    int greater = 0;
    const copse_document_member at_a = {.key = a->field.name};
    const copse_document_member at_b = {.key = b->field.name};
    int order = copse_document_member_compare(&at_a, &at_b);
    const copse_version_field in_a =
        order <= 0 ? a->field
                   : (copse_version_field){b->field.name, a->row.version, version_nothing};
    const copse_version_field in_b =
        order >= 0 ? b->field
                   : (copse_version_field){a->field.name, b->row.version, version_nothing};
    copse_status status = version_field_compare(&in_a, &in_b, a->primary_key, base, &greater, err);
    const copse_version_field *other = greater >= 0 ? &in_b : &in_a;
    *ret_field = greater >= 0 ? in_a : in_b;
    if (copse_version_compare(&other->version, &ret_field->version) > 0) { /* the base told */
        ret_field->version = other->version;
    }
    if (status == COPSE_OK && order <= 0) {
        status = copse_version_walk_next(a, err);
    }
    return status == COPSE_OK && order >= 0 ? copse_version_walk_next(b, err) : status;
}

static copse_status version_join_fields(copse_version_walk *a, copse_version_walk *b,
                                        copse_version_base *base, version_maker *maker,
                                        copse_err *err)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && (a->field.name.ptr != NULL || b->field.name.ptr != NULL)) {
        copse_version_field field;
        status = version_join_next(a, b, base, &field, err);
        if (status == COPSE_OK) {
            status = version_maker_list(maker, field.name, &field.version);
            bool is_shown =
                !maker->shown.is_deleted || !copse_bytes_equal(field.name, a->primary_key);
            if (status == COPSE_OK && is_shown) {
                status = version_maker_put(maker, &field);
            }
            status = status == COPSE_OK ? COPSE_OK
                                        : COPSE_ERR(err, status, "no room for a joined document");
        }
    }
    return status;
}

/* Writes both. A row with hidden values is nested deeper than the document was. */
static copse_status version_join_finish(const copse_env *env, const version_maker *maker,
                                        copse_buf *document, copse_buf *row, copse_err *err)
{
    size_t start = row->len;
    copse_status status =
        maker->shown.is_deleted ? COPSE_OK : version_pairs_write(&maker->document, document);
    if (status == COPSE_OK) {
        status = version_maker_write_row(maker, row);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "no room for a joined document");
    }
    if (maker->hidden.count == 0) {
        return COPSE_OK; /* there may be no row */
    }
    const copse_bytes written = {row->ptr + start, row->len - start};
    return copse_dag_cbor_check(written, &env->limits, COPSE_CBOR_STRICT, err);
}

/* Whether the floor of the join is a deletion. */
static bool version_join_is_deleted(const copse_version_row *a, const copse_version_row *b,
                                    copse_version_base *base)
{
    int order = copse_version_compare(&a->version, &b->version);
    if (a->is_deleted != b->is_deleted && version_base_tells(base, &a->version, &b->version)) {
        return base->document.len > 0;
    }
    return order < 0 ? b->is_deleted : order > 0 ? a->is_deleted : a->is_deleted && b->is_deleted;
}

static copse_status version_join_field_wise(const copse_env *env, copse_bytes primary_key,
                                            copse_version_base *base, const copse_version_state *a,
                                            const copse_version_state *b, copse_buf *document,
                                            copse_buf *row, copse_err *err)
{
    copse_version_walk walk_a;
    copse_version_walk walk_b;
    version_maker maker;
    copse_status status = copse_version_walk_begin(&walk_a, env, primary_key, a, err);
    if (status == COPSE_OK) {
        status = copse_version_walk_begin(&walk_b, env, primary_key, b, err);
    }
    if (status == COPSE_OK && (walk_a.row.signature.len > 0 || walk_b.row.signature.len > 0)) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "a signed document is joined by fields");
    }
    if (status != COPSE_OK) {
        return status;
    }
    int order = copse_version_compare(&walk_a.row.version, &walk_b.row.version);
    version_maker_init(&maker, env, order < 0 ? &walk_b.row.version : &walk_a.row.version,
                       version_join_is_deleted(&walk_a.row, &walk_b.row, base));
    status = version_join_fields(&walk_a, &walk_b, base, &maker, err);
    if (status == COPSE_OK) {
        status = version_join_finish(env, &maker, document, row, err);
    }
    version_maker_release(&maker);
    return status;
}

/* The later state as it is. Of equal ones the order goes on to the bytes of the row, so that it is
 * total, also where rows list fields. */
static copse_status version_join_lww(const copse_env *env, copse_bytes primary_key,
                                     copse_version_base *base, const copse_version_state *a,
                                     const copse_version_state *b, copse_buf *document,
                                     copse_buf *row, copse_err *err)
{
    copse_version version_a;
    copse_version version_b;
    copse_status status = copse_version_walk_all(env, primary_key, a, err);
    if (status == COPSE_OK) {
        status = copse_version_walk_all(env, primary_key, b, err);
    }
    if (status == COPSE_OK) {
        status = copse_version_latest(a->row, &version_a, err);
    }
    if (status == COPSE_OK) {
        status = copse_version_latest(b->row, &version_b, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    int order = 0;
    if (!copse_bytes_equal(a->document, b->document) &&
        version_base_tells(base, &version_a, &version_b)) {
        order = copse_bytes_equal(b->document, base->document) -
                copse_bytes_equal(a->document, base->document);
    }
    order = order != 0 ? order : copse_version_compare(&version_a, &version_b);
    order = order != 0 ? order : copse_bytes_compare(a->document, b->document);
    order = order != 0 ? order : copse_bytes_compare(a->row, b->row);
    const copse_version_state *later = order >= 0 ? a : b;
    status = copse_buf_append(document, later->document);
    if (status == COPSE_OK) {
        status = copse_buf_append(row, later->row);
    }
    return status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for a joined document");
}

copse_status copse_version_join_since(const copse_env *env, copse_merge_policy policy,
                                      copse_bytes primary_key, copse_version_base *base,
                                      const copse_version_state *a, const copse_version_state *b,
                                      copse_buf *ret_document, copse_buf *ret_row, copse_err *err)
{
    size_t document_len = ret_document->len;
    size_t row_len = ret_row->len;
    copse_status status =
        policy == COPSE_MERGE_LWW
            ? version_join_lww(env, primary_key, base, a, b, ret_document, ret_row, err)
            : version_join_field_wise(env, primary_key, base, a, b, ret_document, ret_row, err);
    if (status != COPSE_OK) {
        copse_buf_truncate(ret_document, document_len);
        copse_buf_truncate(ret_row, row_len);
    }
    return status;
}

copse_status copse_version_join(const copse_env *env, copse_merge_policy policy,
                                copse_bytes primary_key, const copse_version_state *a,
                                const copse_version_state *b, copse_buf *ret_document,
                                copse_buf *ret_row, copse_err *err)
{
    return copse_version_join_since(env, policy, primary_key, NULL, a, b, ret_document, ret_row,
                                    err);
}

/* ---- Writes ---- */

/* The version of a write: the given one, or just above all that the row has. */
static copse_status version_next(copse_bytes row, const copse_version *given,
                                 copse_version *ret_version, copse_err *err)
{
    copse_version latest;
    if (given->time_ms > INT64_MAX || given->author.len > COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX ||
        !copse_utf8_valid(given->author)) {
        return COPSE_ERR(err, COPSE_MISUSE, "a write by no author, or at no time");
    }
    copse_status status = copse_version_latest(row, &latest, err);
    if (status != COPSE_OK) {
        return status;
    }
    *ret_version = *given;
    if (copse_version_compare(given, &latest) > 0) {
        return COPSE_OK;
    }
    if (latest.time_counter == UINT32_MAX && latest.time_ms == INT64_MAX) {
        return COPSE_ERR(err, COPSE_LIMIT, "a document has the last version that there is");
    }
    bool is_full = latest.time_counter == UINT32_MAX;
    ret_version->time_ms = latest.time_ms + is_full;
    ret_version->time_counter = is_full ? 0 : latest.time_counter + 1;
    return COPSE_OK;
}

/* Whether `after` may keep the versions of fields: both documents are there, show all that there is
 * (V5) and have the same primary key (V6). */
static copse_status version_write_is_partial(copse_bytes primary_key,
                                             const copse_version_state *before, copse_bytes after,
                                             bool *ret_partial, copse_err *err)
{
    copse_version_row row = {.is_deleted = false};
    copse_bytes id_before;
    copse_bytes id_after;
    copse_status status = copse_version_row_read(before->row, &row, err);
    *ret_partial = false;
    if (status != COPSE_OK || before->document.len == 0 || after.len == 0 || row.hidden.len > 0) {
        return status;
    }
    status = copse_document_primary(before->document, primary_key, &id_before, err);
    if (status == COPSE_OK) {
        status = copse_document_primary(after, primary_key, &id_after, err);
    }
    if (status == COPSE_NOT_FOUND) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document without its primary key");
    }
    *ret_partial = status == COPSE_OK && copse_bytes_equal(id_before, id_after);
    return status;
}

/* Lists the fields of `before` and `after`; those that differ at `version`. */
static copse_status version_write_fields(copse_version_walk *before, copse_bytes after,
                                         const copse_version *version, version_maker *maker,
                                         copse_err *err)
{
    copse_document_member member;
    copse_status status = copse_document_member_first(after, &member, err);
    while (status == COPSE_OK && (before->field.name.ptr != NULL || member.key.ptr != NULL)) {
        const copse_document_member at = {.key = before->field.name};
        int order = copse_document_member_compare(&at, &member);
        copse_bytes name = order <= 0 ? before->field.name : member.key;
        copse_bytes value = order <= 0 ? before->field.value : version_nothing;
        bool is_same =
            version_value_compare(value, order >= 0 ? member.value : version_nothing) == 0;
        status = version_maker_list(maker, name, is_same ? &before->field.version : version);
        status = status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for versions");
        if (status == COPSE_OK && order <= 0) {
            status = copse_version_walk_next(before, err);
        }
        if (status == COPSE_OK && order >= 0) {
            status = copse_document_member_next(&member, err);
        }
    }
    return status;
}

copse_status copse_version_write(const copse_env *env, copse_merge_policy policy,
                                 copse_bytes primary_key, const copse_version_state *before,
                                 copse_bytes after, bool is_whole, const copse_version *version,
                                 copse_buf *ret_row, copse_err *err)
{
    copse_version_walk walk;
    version_maker maker;
    copse_version next;
    size_t start = ret_row->len;
    bool is_partial = false;
    copse_status status = version_next(before->row, version, &next, err);
    if (status == COPSE_OK && policy == COPSE_MERGE_FIELD_WISE && !is_whole) {
        status = version_write_is_partial(primary_key, before, after, &is_partial, err);
    }
    if (status == COPSE_OK && is_partial) {
        status = copse_version_walk_begin(&walk, env, primary_key, before, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    version_maker_init(&maker, env, is_partial ? &walk.row.version : &next, after.len == 0);
    if (is_partial) {
        status = version_write_fields(&walk, after, &next, &maker, err);
    }
    if (status == COPSE_OK) {
        status = version_maker_write_row(&maker, ret_row);
        status = status == COPSE_OK ? status : COPSE_ERR(err, status, "no room for versions");
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(ret_row, start);
    }
    version_maker_release(&maker);
    return status;
}
