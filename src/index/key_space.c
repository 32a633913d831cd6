/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "index/key_space.h"

#include "base/err.h"
#include "value/utf8.h"

#include <string.h>

/* The byte after the first 00: 00 of the catalogue, 01 of statements, or the first of a name. */
enum {
    KEY_SPACE_FIRST = 0x00,
    KEY_SPACE_CATALOGUE = 0x00,
    KEY_SPACE_STATEMENTS = 0x01, /* no name begins with it */
    KEY_SPACE_END_OF_NAME = 0x00,
    KEY_SPACE_MARKS = 0x00,
    KEY_SPACE_ENTRIES = 0x01,
    KEY_SPACE_CONFLICTS = 'c',
    KEY_SPACE_DOCUMENTS = 'd',
    KEY_SPACE_INDEXES = 'i',
    KEY_SPACE_VERSIONS = 'v',
    KEY_SPACE_DELETE = 0x7f
};

copse_status copse_name_check(copse_bytes name, const char *what, copse_err *err)
{
    if (name.len == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the name of %s is empty", what);
    }
    if (name.len > COPSE_NAME_SIZE_BYTES_MAX) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the name of %s has %zu bytes, more than %d", what,
                         name.len, COPSE_NAME_SIZE_BYTES_MAX);
    }
    if (!copse_utf8_valid(name)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the name of %s is not UTF-8", what);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] < 0x20 || name.ptr[i] == KEY_SPACE_DELETE) {
            return COPSE_ERR(err, COPSE_CORRUPT, "the name of %s has a control character", what);
        }
    }
    return COPSE_OK;
}

/* A key in the making: the first failure takes everything back and stays. */
typedef struct key_writer {
    copse_buf *buf;
    size_t offset;
    copse_status status;
} key_writer;

static void key_writer_byte(key_writer *writer, uint8_t byte)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_buf_append_byte(writer->buf, byte);
    }
}

static void key_writer_name(key_writer *writer, copse_bytes name)
{
    if (writer->status == COPSE_OK) {
        writer->status = copse_buf_append(writer->buf, name);
    }
}

static copse_status key_writer_end(key_writer *writer)
{
    if (writer->status != COPSE_OK) {
        copse_buf_truncate(writer->buf, writer->offset);
    }
    return writer->status;
}

static key_writer key_writer_catalogue(copse_buf *buf)
{
    key_writer writer = {buf, buf->len, COPSE_OK};
    key_writer_byte(&writer, KEY_SPACE_FIRST);
    key_writer_byte(&writer, KEY_SPACE_CATALOGUE);
    return writer;
}

static key_writer key_writer_data(copse_buf *buf, copse_bytes collection)
{
    key_writer writer = {buf, buf->len, COPSE_OK};
    key_writer_byte(&writer, KEY_SPACE_FIRST);
    key_writer_name(&writer, collection);
    key_writer_byte(&writer, KEY_SPACE_END_OF_NAME);
    return writer;
}

static key_writer key_writer_index(copse_buf *buf, copse_bytes collection, copse_bytes index)
{
    key_writer writer = key_writer_data(buf, collection);
    key_writer_byte(&writer, KEY_SPACE_INDEXES);
    key_writer_byte(&writer, KEY_SPACE_END_OF_NAME);
    key_writer_name(&writer, index);
    key_writer_byte(&writer, KEY_SPACE_END_OF_NAME);
    return writer;
}

copse_status copse_key_write_database(copse_buf *buf)
{
    key_writer writer = key_writer_catalogue(buf);
    return key_writer_end(&writer);
}

copse_status copse_key_write_collection(copse_buf *buf, copse_bytes collection)
{
    key_writer writer = key_writer_catalogue(buf);
    key_writer_name(&writer, collection);
    return key_writer_end(&writer);
}

copse_status copse_key_write_index(copse_buf *buf, copse_bytes collection, copse_bytes index)
{
    key_writer writer = key_writer_catalogue(buf);
    key_writer_name(&writer, collection);
    key_writer_byte(&writer, KEY_SPACE_END_OF_NAME);
    key_writer_name(&writer, index);
    return key_writer_end(&writer);
}

copse_status copse_key_write_statements(copse_buf *buf)
{
    key_writer writer = {buf, buf->len, COPSE_OK};
    key_writer_byte(&writer, KEY_SPACE_FIRST);
    key_writer_byte(&writer, KEY_SPACE_STATEMENTS);
    return key_writer_end(&writer);
}

/* What the rows of one kind begin with, of those that have one for each primary key. */
static copse_status key_write_kind(copse_buf *buf, copse_bytes collection, uint8_t kind)
{
    key_writer writer = key_writer_data(buf, collection);
    key_writer_byte(&writer, kind);
    key_writer_byte(&writer, KEY_SPACE_END_OF_NAME);
    return key_writer_end(&writer);
}

copse_status copse_key_write_conflicts(copse_buf *buf, copse_bytes collection)
{
    return key_write_kind(buf, collection, KEY_SPACE_CONFLICTS);
}

bool copse_key_is_conflict(copse_bytes key)
{
    const uint8_t *end =
        key.len > 2 && key.ptr[0] == KEY_SPACE_FIRST && key.ptr[1] != KEY_SPACE_CATALOGUE
            ? memchr(key.ptr + 1, KEY_SPACE_END_OF_NAME, key.len - 1)
            : NULL;
    return end != NULL && key.ptr + key.len - end > 2 && end[1] == KEY_SPACE_CONFLICTS &&
           end[2] == KEY_SPACE_END_OF_NAME;
}

copse_status copse_key_write_documents(copse_buf *buf, copse_bytes collection)
{
    return key_write_kind(buf, collection, KEY_SPACE_DOCUMENTS);
}

copse_status copse_key_write_versions(copse_buf *buf, copse_bytes collection)
{
    return key_write_kind(buf, collection, KEY_SPACE_VERSIONS);
}

copse_status copse_key_write_data(copse_buf *buf, copse_bytes collection)
{
    key_writer writer = key_writer_data(buf, collection);
    return key_writer_end(&writer);
}

copse_status copse_key_write_index_rows(copse_buf *buf, copse_bytes collection, copse_bytes index)
{
    key_writer writer = key_writer_index(buf, collection, index);
    return key_writer_end(&writer);
}

copse_status copse_key_write_entries(copse_buf *buf, copse_bytes collection, copse_bytes index)
{
    key_writer writer = key_writer_index(buf, collection, index);
    key_writer_byte(&writer, KEY_SPACE_ENTRIES);
    return key_writer_end(&writer);
}

/* The field as a part that is cut like all parts, so that a long path leaves room for a primary
 * key. */
static copse_status key_write_field(copse_buf *buf, copse_bytes field)
{
    copse_buf text;
    copse_buf_init(&text, buf->env, SIZE_MAX);
    copse_status status = copse_cbor_write_text(&text, field);
    if (status == COPSE_OK) {
        copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = copse_buf_view(&text)};
        status = copse_order_write_cut(buf, &part, NULL, NULL);
    }
    copse_buf_release(&text);
    return status;
}

copse_status copse_key_write_marks(copse_buf *buf, copse_bytes collection, copse_bytes index,
                                   copse_index_mark why, copse_bytes field)
{
    key_writer writer = key_writer_index(buf, collection, index);
    key_writer_byte(&writer, KEY_SPACE_MARKS);
    key_writer_byte(&writer, (uint8_t)why);
    if (writer.status == COPSE_OK) {
        writer.status = key_write_field(buf, field);
    }
    return key_writer_end(&writer);
}

copse_status copse_key_write_range_end(copse_buf *buf, size_t offset)
{
    size_t len = buf->len;
    copse_status status = copse_buf_reserve(buf, len - offset); /* the source must not move */
    if (status == COPSE_OK) {
        status = copse_buf_append(buf, (copse_bytes){buf->ptr + offset, len - offset});
    }
    if (status == COPSE_OK) {
        status = copse_order_prefix_end(buf, len);
    }
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, len);
    }
    return status;
}
