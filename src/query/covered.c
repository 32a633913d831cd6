/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/covered.h"

#include "base/err.h"
#include "expr/projection_node.h"
#include "value/dag_cbor_inline.h"

#include <string.h>

enum { COVERED_PAIRS_SMALL = 24 }; /* fewer stand in the first byte of a map */

static bool covered_any_below(const copse_bytes *paths, size_t count, copse_bytes parent)
{
    for (size_t i = 0; i < count; i++) {
        if (copse_access_path_below(paths[i], parent)) {
            return true;
        }
    }
    return false;
}

/* Whether the query looks at `path` or below it. */
static bool covered_is_needed(const copse_planned *planned, copse_bytes path)
{
    const copse_query *query = planned->query;
    const copse_bytes *paths = NULL;
    size_t count = 0;
    if (planned->need == COPSE_NEED_DOCUMENTS &&
        copse_projection_paths(query->projection, &paths, &count) &&
        covered_any_below(paths, count, path)) {
        return true;
    }
    if (planned->plan.filter &&
        covered_any_below(query->filter_paths, query->filter_paths_count, path)) {
        return true;
    }
    for (size_t i = 0; planned->plan.order == COPSE_ORDERED_MEMORY && i < query->sort.count; i++) {
        if (copse_access_path_below(query->sort.fields[i].path, path)) {
            return true;
        }
    }
    return planned->plan.order == COPSE_ORDERED_MEMORY &&
           copse_bytes_equal(path, planned->collection->primary_key);
}

static copse_status covered_add(copse_covered *covered, copse_planned *planned, copse_bytes name,
                                size_t part, bool descending, copse_err *err)
{
    copse_buf *buf = &planned->scratch;
    copse_buf_truncate(buf, 0);
    if (copse_cbor_write_text(buf, name) != COPSE_OK) {
        return COPSE_ERR_NOMEM(err);
    }
    copse_bytes key = copse_arena_dup(&planned->arena, copse_buf_view(buf));
    if (key.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    name = (copse_bytes){key.ptr + key.len - name.len, name.len};
    size_t at = covered->fields_count++;
    while (at > 0 && copse_cbor_key_order(covered->fields[at - 1].name, name) > 0) {
        covered->fields[at] = covered->fields[at - 1];
        at--;
    }
    covered->fields[at] = (copse_covered_field){name, key, part, descending};
    return COPSE_OK;
}

static bool covered_has(const copse_covered *covered, copse_bytes name)
{
    for (size_t i = 0; i < covered->fields_count; i++) {
        if (copse_bytes_equal(covered->fields[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool covered_is_top_level(copse_bytes path)
{
    return path.len > 0 && memchr(path.ptr, '.', path.len) == NULL;
}

/* Whether nothing but top-level fields is projected and nothing else is looked at: then the parts
 * that are taken are the answer. */
static void covered_find_answer(copse_covered *covered, const copse_planned *planned)
{
    const copse_bytes *paths = NULL;
    size_t count = 0;
    if (planned->need != COPSE_NEED_DOCUMENTS || planned->plan.filter ||
        planned->plan.order == COPSE_ORDERED_MEMORY ||
        !copse_projection_paths(planned->query->projection, &paths, &count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (!covered_is_top_level(paths[i])) {
            return;
        }
    }
    covered->is_answer = true;
    covered->kept = paths;
    covered->kept_count = count;
}

copse_status copse_covered_init(copse_covered *covered, copse_planned *planned, copse_err *err)
{
    const copse_access *access = &planned->accesses[0];
    const copse_index_definition *definition = access->definition;
    const copse_access_marks *marks = &planned->marks[access->position];
    copse_bytes primary = planned->collection->primary_key;
    size_t last = definition->fields_count;
    copse_status status = COPSE_OK;
    *covered = (copse_covered){.fields_count = 0};
    if (covered_is_needed(planned, primary)) {
        status = covered_add(covered, planned, primary, last,
                             definition->fields[last - 1].descending, err);
    }
    for (size_t i = 0; i < last && status == COPSE_OK; i++) {
        const copse_sort_field *field = &definition->fields[i];
        if (!field->array && !marks->multikey[i] && !marks->cut[i] &&
            covered_is_top_level(field->path) && !covered_has(covered, field->path) &&
            covered_is_needed(planned, field->path)) {
            status = covered_add(covered, planned, field->path, i, field->descending, err);
        }
    }
    covered_find_answer(covered, planned);
    covered->pairs_max = covered->fields_count + definition->include_count;
    if (status == COPSE_OK) {
        copse_buf_init(&covered->values, planned->query->env, SIZE_MAX);
    }
    return status;
}

void copse_covered_release(copse_covered *covered)
{
    copse_buf_release(&covered->values);
}

/* ---- Making a document ----------------------------------------------------------------------- */

/* What is included, pair by pair. */
typedef struct covered_pairs {
    const copse_covered *covered;
    copse_cbor_reader reader;
    uint64_t left;
    copse_bytes name; /* of the present pair */
    copse_bytes encoded;
    bool there;
} covered_pairs;

static bool covered_keeps(const copse_covered *covered, copse_bytes name)
{
    bool kept = covered->kept == NULL;
    for (size_t i = 0; i < covered->kept_count && !kept; i++) {
        kept = copse_bytes_equal(covered->kept[i], name);
    }
    return kept && !covered_has(covered, name);
}

/* Goes to the next pair that is taken over. */
static copse_status covered_next_pair(covered_pairs *pairs, copse_err *err)
{
    pairs->there = false;
    while (pairs->left > 0 && !pairs->there) {
        copse_cbor_item key;
        const uint8_t *start = pairs->reader.at;
        copse_status status = copse_cbor_next(&pairs->reader, &key, err);
        if (status == COPSE_OK) {
            status = copse_cbor_skip(&pairs->reader, err);
        }
        if (status != COPSE_OK) {
            return status == COPSE_END
                       ? COPSE_ERR(err, COPSE_CORRUPT, "an entry's included fields end early")
                       : status;
        }
        pairs->left--;
        pairs->name = key.bytes;
        pairs->encoded = (copse_bytes){start, (size_t)(pairs->reader.at - start)};
        pairs->there = covered_keeps(pairs->covered, key.bytes);
    }
    return COPSE_OK;
}

static copse_status covered_begin_pairs(covered_pairs *pairs, copse_bytes include, copse_err *err)
{
    copse_cbor_item head;
    if (include.len == 0) {
        return COPSE_OK;
    }
    copse_cbor_reader_init(&pairs->reader, include);
    copse_status status = copse_cbor_next(&pairs->reader, &head, err);
    if (status != COPSE_OK) {
        return status;
    }
    pairs->left = head.kind == COPSE_CBOR_MAP ? head.arg : 0;
    return covered_next_pair(pairs, err);
}

/* Appends the pairs of included fields that stand before `name` (NULL: all). */
static copse_status covered_copy_pairs(covered_pairs *pairs, const copse_bytes *name,
                                       copse_buf *buf, uint64_t *count, copse_err *err)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && pairs->there &&
           (name == NULL || copse_cbor_key_order(pairs->name, *name) < 0)) {
        status = copse_buf_append(buf, pairs->encoded);
        if (status == COPSE_OK) {
            *count += 1;
            status = covered_next_pair(pairs, err);
        }
    }
    return status;
}

/* Appends the value that a part of the entry stands for (V1). */
static copse_status covered_append_part(const copse_covered *covered,
                                        const copse_covered_field *field, copse_buf *buf,
                                        copse_order_decoded *ret_part, copse_err *err)
{
    if (covered->entry.trailer.len == 0) {
        return copse_order_decode(covered->entry.parts[field->part], &field->descending, 1, buf,
                                  ret_part, err);
    }
    const copse_order_decoded *part = &covered->parts[field->part];
    *ret_part = *part;
    return copse_buf_append(buf, (copse_bytes){covered->values.ptr + part->offset, part->size});
}

/* Appends a field, unless it is missing. */
static copse_status covered_append_field(const copse_covered *covered,
                                         const copse_covered_field *field, copse_buf *buf,
                                         uint64_t *count, copse_err *err)
{
    copse_order_decoded part;
    size_t offset = buf->len;
    copse_status status = copse_buf_append(buf, field->key);
    if (status == COPSE_OK) {
        status = covered_append_part(covered, field, buf, &part, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (part.kind == COPSE_ORDER_MISSING) {
        copse_buf_truncate(buf, offset);
        return COPSE_OK;
    }
    if (part.cut || part.kind != COPSE_ORDER_VALUE) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         "an entry of an index is cut or of an array, and has no mark");
    }
    *count += 1;
    return COPSE_OK;
}

static copse_status covered_write(const copse_covered *covered, copse_buf *buf, uint64_t *count,
                                  copse_err *err)
{
    covered_pairs pairs = {.covered = covered};
    copse_status status = covered_begin_pairs(&pairs, covered->entry.include, err);
    for (size_t i = 0; i < covered->fields_count && status == COPSE_OK; i++) {
        const copse_covered_field *field = &covered->fields[i];
        status = covered_copy_pairs(&pairs, &field->name, buf, count, err);
        if (status == COPSE_OK) {
            status = covered_append_field(covered, field, buf, count, err);
        }
    }
    return status == COPSE_OK ? covered_copy_pairs(&pairs, NULL, buf, count, err) : status;
}

/* Writes the map of the entry at hand: its head is put in afterwards. */
static copse_status covered_write_map(const copse_covered *covered, copse_buf *buf, copse_err *err)
{
    uint64_t count = 0;
    size_t offset = buf->len;
    if (covered->pairs_max >= COVERED_PAIRS_SMALL) {
        copse_status status = covered_write(covered, buf, &count, err);
        return status == COPSE_OK ? copse_cbor_finish_map(buf, offset, count) : status;
    }
    copse_status status = copse_cbor_write_map(buf, 0);
    if (status == COPSE_OK) {
        status = covered_write(covered, buf, &count, err);
    }
    if (status == COPSE_OK && count > covered->pairs_max) {
        status = COPSE_ERR(err, COPSE_CORRUPT, "an entry includes more than its index says");
    }
    if (status == COPSE_OK) {
        buf->ptr[offset] = (uint8_t)(buf->ptr[offset] + count);
    }
    return status;
}

copse_status copse_covered_make(copse_covered *covered, const copse_index_deriver *deriver,
                                copse_bytes key, copse_bytes value, copse_buf *buf, copse_err *err)
{
    size_t offset = buf->len;
    copse_status status = copse_index_entry_read(deriver, key, value, &covered->entry, err);
    if (status == COPSE_OK && covered->entry.trailer.len > 0) {
        copse_buf_truncate(&covered->values, 0);
        status = copse_index_entry_decode_key(deriver, key, &covered->values, covered->parts, err);
    }
    if (status == COPSE_OK) {
        status = covered_write_map(covered, buf, err);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        return status == COPSE_NOMEM || status == COPSE_LIMIT
                   ? COPSE_ERR(err, status, "no room for a document")
                   : status;
    }
    return COPSE_OK;
}
