/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "backends/pack/journal_reader.h"

#include "base/err.h"

enum { JOURNAL_WINDOW_BYTES = 1 << 18 };

void copse_journal_reader_init(copse_journal_reader *reader, const copse_env *env)
{
    *reader = (copse_journal_reader){.env = env};
    copse_buf_init(&reader->window, env, SIZE_MAX);
}

void copse_journal_reader_release(copse_journal_reader *reader)
{
    copse_buf_release(&reader->window);
    *reader = (copse_journal_reader){0};
}

void copse_journal_reader_reset(copse_journal_reader *reader, copse_file *file, uint64_t salt)
{
    if (reader->window.cap > JOURNAL_WINDOW_BYTES) {
        copse_buf_release(&reader->window); /* grown for one large frame */
        copse_buf_init(&reader->window, reader->env, SIZE_MAX);
    }
    copse_buf_truncate(&reader->window, 0);
    reader->file = file;
    reader->salt = salt;
    reader->window_offset = 0;
}

/* Makes the window hold `size` bytes from `offset` on, or all up to the end of the file. */
static copse_status journal_reader_fill(copse_journal_reader *reader, uint64_t offset, size_t size,
                                        copse_bytes *ret_bytes, copse_err *err)
{
    copse_buf *window = &reader->window;
    uint64_t end = reader->window_offset + window->len;
    if (offset < reader->window_offset || offset > end || end - offset < size) {
        size_t want = size > JOURNAL_WINDOW_BYTES ? size : JOURNAL_WINDOW_BYTES;
        size_t got = 0;
        copse_buf_truncate(window, 0);
        if (copse_buf_reserve(window, want) != COPSE_OK) {
            return COPSE_ERR_NOMEM(err);
        }
        copse_status status =
            reader->file->ops->read_at(reader->file, offset, window->ptr, want, &got, err);
        if (status != COPSE_OK) {
            return status;
        }
        window->len = got;
        reader->window_offset = offset;
    }
    size_t at = (size_t)(offset - reader->window_offset);
    *ret_bytes = (copse_bytes){window->ptr + at, window->len - at};
    return COPSE_OK;
}

/* Whether the file has `size` bytes from `offset` on: asked before memory is taken for them. */
static copse_status journal_reader_has(const copse_journal_reader *reader, uint64_t offset,
                                       uint64_t size, bool *ret_has, copse_err *err)
{
    uint64_t file_size = 0;
    copse_status status = reader->file->ops->size(reader->file, &file_size, err);
    *ret_has = status == COPSE_OK && file_size >= offset && file_size - offset >= size;
    return status;
}

copse_status copse_journal_reader_at(copse_journal_reader *reader, uint64_t offset,
                                     copse_frame *ret_frame, copse_bytes *ret_payload,
                                     copse_err *err)
{
    copse_bytes bytes;
    copse_frame frame;
    copse_status status =
        journal_reader_fill(reader, offset, COPSE_FRAME_HEADER_SIZE_BYTES, &bytes, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (bytes.len == 0) {
        return COPSE_END;
    }
    copse_status found = copse_frame_read(bytes, reader->salt, &frame);
    if (found == COPSE_END && bytes.len >= COPSE_FRAME_HEADER_SIZE_BYTES) {
        bool has = false;
        status = journal_reader_has(reader, offset, copse_frame_size(&frame), &has, err);
        if (status == COPSE_OK && has) {
            status =
                journal_reader_fill(reader, offset, (size_t)copse_frame_size(&frame), &bytes, err);
        }
        if (status != COPSE_OK) {
            return status;
        }
        found = has ? copse_frame_read(bytes, reader->salt, &frame) : COPSE_END;
    }
    if (found != COPSE_OK) {
        return COPSE_CORRUPT;
    }
    *ret_frame = frame;
    *ret_payload = (copse_bytes){bytes.ptr + COPSE_FRAME_HEADER_SIZE_BYTES, frame.payload_size};
    return COPSE_OK;
}

copse_status copse_journal_reader_search(copse_journal_reader *reader, uint64_t *offset,
                                         copse_frame *ret_frame, copse_bytes *ret_payload,
                                         copse_err *err)
{
    uint64_t at = *offset;
    for (;;) {
        copse_bytes bytes;
        copse_status status =
            journal_reader_fill(reader, at, COPSE_FRAME_HEADER_SIZE_BYTES, &bytes, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (bytes.len < COPSE_FRAME_HEADER_SIZE_BYTES) {
            return COPSE_END;
        }
        size_t found = copse_frame_search(bytes, 0);
        if (found == bytes.len) {
            at += bytes.len - COPSE_FRAME_HEADER_SIZE_BYTES + 1;
            continue;
        }
        at += found;
        status = copse_journal_reader_at(reader, at, ret_frame, ret_payload, err);
        if (status != COPSE_CORRUPT && status != COPSE_END) {
            *offset = at;
            return status;
        }
        at++;
    }
}
