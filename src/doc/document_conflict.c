/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/document_conflict.h"

#include "base/err.h"
#include "doc/document.h"
#include "history/commit.h"
#include "index/key_space.h"

#include <copse/commit.h>
#include <copse/dag_cbor.h>

#include <string.h>

/* ---- Sides ----------------------------------------------------------------------------------- */

/* The order in which they stand. */
static int conflict_side_place(const copse_conflict_side *a, const copse_conflict_side *b)
{
    int order = copse_cid_compare(&a->commit, &b->commit);
    return order != 0 ? order : copse_bytes_compare(a->document, b->document);
}

/* The order of which the first ones stay. */
static int conflict_side_compare(const copse_conflict_side *a, const copse_conflict_side *b)
{
    int order = copse_commit_time_compare(a->time_ms, a->time_counter, b->time_ms, b->time_counter);
    order = order != 0 ? order : conflict_side_place(a, b);
    return order != 0 ? order : copse_bytes_compare(a->author, b->author);
}

/* The number of the side with this document, from 0; sides_count: none has it. */
static size_t conflict_find_document(const copse_document_conflict *conflict, copse_bytes document)
{
    size_t i = 0;
    while (i < conflict->sides_count && !copse_bytes_equal(conflict->sides[i].document, document)) {
        i++;
    }
    return i;
}

/* ---- Reading: each moves over what it reads, or says no -------------------------------------- */

static bool conflict_take(copse_cbor_reader *reader, copse_cbor_kind kind,
                          copse_cbor_item *ret_item)
{
    return copse_cbor_next(reader, ret_item, NULL) == COPSE_OK && ret_item->kind == kind;
}

/* Moves over `key` if it is next. */
static bool conflict_take_key(copse_cbor_reader *reader, const char *key)
{
    copse_cbor_reader ahead = *reader;
    copse_cbor_item item;
    if (!conflict_take(&ahead, COPSE_CBOR_TEXT, &item) ||
        !copse_bytes_equal(item.bytes, copse_bytes_of_text(key))) {
        return false;
    }
    *reader = ahead;
    return true;
}

static bool conflict_take_uint(copse_cbor_reader *reader, uint64_t max, uint64_t *ret_value)
{
    copse_cbor_item item;
    if (!conflict_take(reader, COPSE_CBOR_INT, &item) || item.negative || item.arg > max) {
        return false;
    }
    *ret_value = item.arg;
    return true;
}

static bool conflict_take_time(copse_cbor_reader *reader, uint64_t *ret_ms, uint32_t *ret_counter)
{
    copse_cbor_item item;
    uint64_t counter = 0;
    if (!conflict_take(reader, COPSE_CBOR_ARRAY, &item) || item.arg != 2 ||
        !conflict_take_uint(reader, INT64_MAX, ret_ms) ||
        !conflict_take_uint(reader, UINT32_MAX, &counter)) {
        return false;
    }
    *ret_counter = (uint32_t)counter;
    return true;
}

/* An author, if there is one. */
static bool conflict_take_author(copse_cbor_reader *reader, copse_bytes *ret_author)
{
    copse_cbor_item item;
    if (!conflict_take_key(reader, "author")) {
        return true;
    }
    if (!conflict_take(reader, COPSE_CBOR_TEXT, &item) || item.bytes.len == 0 ||
        item.bytes.len > COPSE_COMMIT_AUTHOR_SIZE_BYTES_MAX) {
        return false;
    }
    *ret_author = item.bytes;
    return true;
}

/* The CID of a head, as text in its one form. */
static bool conflict_take_commit(copse_cbor_reader *reader, copse_cid *ret_commit)
{
    copse_cbor_item item;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (!conflict_take(reader, COPSE_CBOR_TEXT, &item) ||
        copse_cid_from_text(item.bytes, ret_commit, NULL) != COPSE_OK) {
        return false;
    }
    size_t len = copse_cid_to_text(ret_commit, COPSE_BASE32, text);
    return copse_bytes_equal(item.bytes, (copse_bytes){(const uint8_t *)text, len});
}

/* What a document's row is in an inline collection (document.h, D1 to D3). */
static bool conflict_take_document(copse_cbor_reader *reader, copse_bytes *ret_document)
{
    copse_cbor_reader ahead = *reader;
    copse_cbor_item item;
    if (copse_cbor_next(&ahead, &item, NULL) != COPSE_OK ||
        copse_cbor_take(reader, ret_document, NULL) != COPSE_OK) {
        return false;
    }
    if (item.kind == COPSE_CBOR_MAP) {
        return ret_document->len <= COPSE_DOCUMENT_INLINE_SIZE_BYTES_MAX;
    }
    bool is_list = item.kind == COPSE_CBOR_ARRAY && item.arg >= 2;
    for (uint64_t i = 0; is_list && i < item.arg; i++) {
        copse_cbor_item link;
        is_list = conflict_take(&ahead, COPSE_CBOR_LINK, &link);
    }
    return is_list || item.kind == COPSE_CBOR_LINK;
}

/* A document, if the key is there. */
static bool conflict_take_optional(copse_cbor_reader *reader, const char *key,
                                   copse_bytes *ret_document)
{
    return !conflict_take_key(reader, key) || conflict_take_document(reader, ret_document);
}

/* The number of keys of the map that is next. */
static bool conflict_take_map(copse_cbor_reader *reader, uint64_t *ret_keys)
{
    copse_cbor_item item;
    bool is_map = conflict_take(reader, COPSE_CBOR_MAP, &item);
    *ret_keys = is_map ? item.arg : 0;
    return is_map;
}

static bool conflict_take_side(copse_cbor_reader *reader, copse_conflict_side *side)
{
    uint64_t keys = 0;
    *side = (copse_conflict_side){.time_ms = 0};
    return conflict_take_map(reader, &keys) && conflict_take_key(reader, "time") &&
           conflict_take_time(reader, &side->time_ms, &side->time_counter) &&
           conflict_take_author(reader, &side->author) && conflict_take_key(reader, "commit") &&
           conflict_take_commit(reader, &side->commit) &&
           conflict_take_optional(reader, "document", &side->document) &&
           keys == 2u + (side->author.len > 0) + (side->document.len > 0);
}

/* C2 */
static bool conflict_take_sides(copse_cbor_reader *reader, copse_document_conflict *conflict)
{
    copse_cbor_item item;
    if (!conflict_take_key(reader, "sides")) {
        return true;
    }
    if (!conflict_take(reader, COPSE_CBOR_ARRAY, &item) || item.arg < 2 ||
        item.arg > COPSE_CONFLICT_SIDES_MAX) {
        return false;
    }
    for (; conflict->sides_count < item.arg; conflict->sides_count++) {
        copse_conflict_side *side = &conflict->sides[conflict->sides_count];
        if (!conflict_take_side(reader, side) ||
            conflict_find_document(conflict, side->document) < conflict->sides_count ||
            (conflict->sides_count > 0 && conflict_side_place(&side[-1], side) >= 0)) {
            return false;
        }
    }
    return true;
}

static bool conflict_take_waiting(copse_cbor_reader *reader, copse_conflict_waiting *waiting)
{
    uint64_t keys = 0;
    copse_cbor_item item;
    if (!conflict_take_key(reader, "waiting")) {
        return true;
    }
    if (!conflict_take_map(reader, &keys) || !conflict_take_key(reader, "clock") ||
        !conflict_take_time(reader, &waiting->time_ms, &waiting->time_counter) ||
        !conflict_take_key(reader, "index") || !conflict_take(reader, COPSE_CBOR_TEXT, &item) ||
        copse_name_check(item.bytes, "an index", NULL) != COPSE_OK ||
        !conflict_take_author(reader, &waiting->author) || !conflict_take_key(reader, "document")) {
        return false;
    }
    waiting->index = item.bytes;
    return conflict_take_document(reader, &waiting->document) &&
           keys == 3u + (waiting->author.len > 0);
}

copse_status copse_conflict_decode(copse_bytes row, copse_document_conflict *ret_conflict,
                                   copse_err *err)
{
    copse_document_conflict conflict = {.sides_count = 0};
    copse_cbor_reader reader;
    uint64_t keys = 0;
    copse_cbor_reader_init(&reader, row);
    const char *fault =
        !conflict_take_map(&reader, &keys)                         ? "it is no map"
        : !conflict_take_optional(&reader, "base", &conflict.base) ? "its base is no document"
        : !conflict_take_sides(&reader, &conflict)                 ? "its sides are malformed"
        : !conflict_take_waiting(&reader, &conflict.waiting)       ? "what is waiting is malformed"
                                                                   : NULL;
    if (fault == NULL && reader.at != reader.end) {
        fault = "it has a key that means nothing";
    }
    if (fault == NULL && conflict.sides_count == 0 &&
        (conflict.base.len > 0 || conflict.waiting.document.len == 0)) { /* C1 */
        fault = "it has no sides";
    }
    if (fault != NULL) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not the row of a conflict: %s", fault);
    }
    *ret_conflict = conflict;
    return COPSE_OK;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Keeps the first failure; after one nothing is written. */
typedef struct conflict_writer {
    copse_buf *buf;
    copse_status status;
} conflict_writer;

static void conflict_write_map(conflict_writer *writer, uint64_t keys)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_map(writer->buf, keys);
    }
}

static void conflict_write_text(conflict_writer *writer, copse_bytes text)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_text(writer->buf, text);
    }
}

static void conflict_write_key(conflict_writer *writer, const char *key)
{
    conflict_write_text(writer, copse_bytes_of_text(key));
}

static void conflict_write_time(conflict_writer *writer, const char *key, uint64_t time_ms,
                                uint32_t time_counter)
{
    conflict_write_key(writer, key);
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_array(writer->buf, 2);
    }
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_uint(writer->buf, time_ms);
    }
    if (writer->status == COPSE_OK) {
        writer->status = copse_cbor_write_uint(writer->buf, time_counter);
    }
}

static void conflict_write_author(conflict_writer *writer, copse_bytes author)
{
    if (author.len > 0) {
        conflict_write_key(writer, "author");
        conflict_write_text(writer, author);
    }
}

static void conflict_write_document(conflict_writer *writer, const char *key, copse_bytes document)
{
    if (document.len > 0) {
        conflict_write_key(writer, key);
        if (writer->status == COPSE_OK) {
            writer->status = copse_cbor_write_encoded(writer->buf, document);
        }
    }
}

static void conflict_write_side(conflict_writer *writer, const copse_conflict_side *side)
{
    char commit[COPSE_CID_TEXT_SIZE_MAX];
    (void)copse_cid_to_text(&side->commit, COPSE_BASE32, commit);
    conflict_write_map(writer, 2u + (side->author.len > 0) + (side->document.len > 0));
    conflict_write_time(writer, "time", side->time_ms, side->time_counter);
    conflict_write_author(writer, side->author);
    conflict_write_key(writer, "commit");
    conflict_write_key(writer, commit);
    conflict_write_document(writer, "document", side->document);
}

static void conflict_write_sides(conflict_writer *writer, const copse_document_conflict *conflict)
{
    if (conflict->sides_count > 0) {
        conflict_write_key(writer, "sides");
        if (writer->status == COPSE_OK) {
            writer->status = copse_cbor_write_array(writer->buf, conflict->sides_count);
        }
    }
    for (size_t i = 0; i < conflict->sides_count; i++) {
        conflict_write_side(writer, &conflict->sides[i]);
    }
}

static void conflict_write_waiting(conflict_writer *writer, const copse_conflict_waiting *waiting)
{
    if (waiting->document.len > 0) {
        conflict_write_key(writer, "waiting");
        conflict_write_map(writer, 3u + (waiting->author.len > 0));
        conflict_write_time(writer, "clock", waiting->time_ms, waiting->time_counter);
        conflict_write_key(writer, "index");
        conflict_write_text(writer, waiting->index);
        conflict_write_author(writer, waiting->author);
        conflict_write_document(writer, "document", waiting->document);
    }
}

copse_status copse_conflict_encode(const copse_document_conflict *conflict, copse_buf *buf,
                                   copse_err *err)
{
    conflict_writer writer = {buf, COPSE_OK};
    size_t offset = buf->len;
    uint64_t keys = (uint64_t)(conflict->base.len > 0) + (conflict->sides_count > 0) +
                    (conflict->waiting.document.len > 0);
    if (keys == 0) {
        return COPSE_OK;
    }
    conflict_write_map(&writer, keys);
    conflict_write_document(&writer, "base", conflict->base);
    conflict_write_sides(&writer, conflict);
    conflict_write_waiting(&writer, &conflict->waiting);
    if (writer.status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
        return COPSE_ERR(err, writer.status, "no room for a conflict's row");
    }
    return COPSE_OK;
}

/* ---- Merging --------------------------------------------------------------------------------- */

static bool conflict_same_side(const copse_conflict_side *a, const copse_conflict_side *b)
{
    return a->time_ms == b->time_ms && a->time_counter == b->time_counter &&
           copse_bytes_equal(a->author, b->author) && copse_cid_equal(&a->commit, &b->commit) &&
           copse_bytes_equal(a->document, b->document);
}

bool copse_conflict_same_sides(const copse_document_conflict *a, const copse_document_conflict *b)
{
    bool same = a->sides_count == b->sides_count && copse_bytes_equal(a->base, b->base);
    for (size_t i = 0; same && i < a->sides_count; i++) {
        same = conflict_same_side(&a->sides[i], &b->sides[i]);
    }
    return same;
}

/* Puts a side where it belongs; there is room. */
static void conflict_insert_side(copse_document_conflict *conflict, copse_conflict_side side)
{
    size_t at = conflict->sides_count++;
    for (; at > 0 && conflict_side_place(&side, &conflict->sides[at - 1]) < 0; at--) {
        conflict->sides[at] = conflict->sides[at - 1];
    }
    conflict->sides[at] = side;
}

static void conflict_take_out_side(copse_document_conflict *conflict, size_t at)
{
    conflict->sides_count--;
    memmove(&conflict->sides[at], &conflict->sides[at + 1],
            (conflict->sides_count - at) * sizeof conflict->sides[0]);
}

/* C3 */
static void conflict_add_side(copse_document_conflict *conflict, const copse_conflict_side *side)
{
    size_t out = conflict_find_document(conflict, side->document);
    if (out == COPSE_CONFLICT_SIDES_MAX) {
        out = 0; /* the last one */
        for (size_t i = 1; i < COPSE_CONFLICT_SIDES_MAX; i++) {
            out = conflict_side_compare(&conflict->sides[i], &conflict->sides[out]) > 0 ? i : out;
        }
    }
    if (out < conflict->sides_count) {
        if (conflict_side_compare(side, &conflict->sides[out]) >= 0) {
            return;
        }
        conflict_take_out_side(conflict, out);
    }
    conflict_insert_side(conflict, *side);
}

void copse_conflict_unite(copse_document_conflict *conflict, const copse_document_conflict *from)
{
    if (copse_bytes_compare(from->base, conflict->base) > 0) {
        conflict->base = from->base;
    }
    for (size_t i = 0; i < from->sides_count; i++) {
        conflict_add_side(conflict, &from->sides[i]);
    }
}

void copse_conflict_merge(const copse_document_conflict *base, const copse_document_conflict *ours,
                          const copse_document_conflict *theirs,
                          copse_document_conflict *ret_merged)
{
    bool is_kept = copse_conflict_same_sides(base, ours);
    bool is_taken = copse_conflict_same_sides(base, theirs);
    copse_document_conflict merged = is_kept ? *theirs : *ours;
    if (!is_kept && !is_taken) {
        copse_conflict_unite(&merged, theirs);
    }
    merged.waiting = (copse_conflict_waiting){.time_ms = 0};
    *ret_merged = merged;
}
