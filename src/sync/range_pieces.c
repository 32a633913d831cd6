/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/range_pieces.h"

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

void copse_range_pieces_init(copse_range_pieces *self, const copse_env *env)
{
    *self = (copse_range_pieces){.env = env};
}

void copse_range_pieces_clear(copse_range_pieces *self)
{
    for (size_t i = 0; i < self->count; i++) {
        copse_buf_release(&self->pieces[i].bytes);
    }
    self->count = 0;
    self->held_bytes = 0;
}

void copse_range_pieces_release(copse_range_pieces *self)
{
    copse_range_pieces_clear(self);
    copse_free_array(self->env, self->pieces, self->capacity, sizeof self->pieces[0]);
    copse_range_pieces_init(self, self->env);
}

/* ---- Looking --------------------------------------------------------------------------------- */

static uint64_t range_piece_end(const copse_range_piece *piece)
{
    return piece->from + piece->size;
}

/* The piece that holds the byte `at`; else NULL, and *ret_end, at most what it was, is where the
 * next one begins. One that is here goes first. */
static const copse_range_piece *range_pieces_at(const copse_range_pieces *self, uint64_t at,
                                                uint64_t *ret_end)
{
    const copse_range_piece *found = NULL;
    uint64_t end = *ret_end;
    for (size_t i = 0; i < self->count; i++) {
        const copse_range_piece *piece = &self->pieces[i];
        if (at >= piece->from && at < range_piece_end(piece)) {
            found = found == NULL || piece->state == COPSE_RANGE_HERE ? piece : found;
        } else if (piece->from > at && piece->from < end) {
            end = piece->from;
        }
    }
    if (found == NULL) {
        *ret_end = end;
    }
    return found;
}

bool copse_range_pieces_read(const copse_range_pieces *self, uint64_t from, size_t size,
                             uint8_t *ret_bytes)
{
    uint64_t end = from + size;
    while (from < end) {
        uint64_t next = end;
        const copse_range_piece *piece = range_pieces_at(self, from, &next);
        if (piece == NULL || piece->state != COPSE_RANGE_HERE) {
            return false;
        }
        next = range_piece_end(piece) < end ? range_piece_end(piece) : end;
        memcpy(ret_bytes, piece->bytes.ptr + (from - piece->from), (size_t)(next - from));
        ret_bytes += next - from;
        from = next;
    }
    return true;
}

copse_range_piece *copse_range_pieces_find(copse_range_pieces *self, uint64_t id)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->pieces[i].state == COPSE_RANGE_ASKED && self->pieces[i].id == id) {
            return &self->pieces[i];
        }
    }
    return NULL;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static copse_status range_pieces_add(copse_range_pieces *self, uint64_t from, uint64_t size)
{
    void *pieces = self->pieces;
    if (!copse_array_grow(self->env, &pieces, &self->capacity, self->count + 1,
                          sizeof self->pieces[0])) {
        return COPSE_NOMEM;
    }
    self->pieces = pieces;
    copse_range_piece *piece = &self->pieces[self->count++];
    *piece = (copse_range_piece){.state = COPSE_RANGE_WANTED, .from = from, .size = size};
    copse_buf_init(&piece->bytes, self->env, (size_t)size);
    return COPSE_OK;
}

copse_status copse_range_pieces_want(copse_range_pieces *self, uint64_t from, uint64_t size)
{
    uint64_t end = from + size;
    copse_status status = COPSE_OK;
    while (from < end && status == COPSE_OK) {
        uint64_t next = end;
        const copse_range_piece *piece = range_pieces_at(self, from, &next);
        if (piece != NULL) {
            next = range_piece_end(piece);
        } else {
            status = range_pieces_add(self, from, next - from);
        }
        from = next;
    }
    return status;
}

void copse_range_pieces_drop(copse_range_pieces *self, copse_range_piece *piece)
{
    size_t at = (size_t)(piece - self->pieces);
    self->held_bytes -= piece->state == COPSE_RANGE_HERE ? piece->size : 0;
    copse_buf_release(&piece->bytes);
    self->count--;
    memmove(piece, piece + 1, (self->count - at) * sizeof *piece);
}

uint64_t copse_range_pieces_coming(const copse_range_pieces *self)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->count; i++) {
        bytes += self->pieces[i].state != COPSE_RANGE_HERE ? self->pieces[i].size : 0;
    }
    return bytes;
}

/* A wanted piece that `piece` can take in (P2), or NULL. */
static copse_range_piece *range_pieces_near(copse_range_pieces *self,
                                            const copse_range_piece *piece)
{
    for (size_t i = 0; i < self->count; i++) {
        copse_range_piece *other = &self->pieces[i];
        const copse_range_piece *low = other->from < piece->from ? other : piece;
        const copse_range_piece *high = low == piece ? other : piece;
        if (other != piece && other->state == COPSE_RANGE_WANTED &&
            high->from <= range_piece_end(low) + COPSE_RANGE_GAP_BYTES &&
            range_piece_end(high) - low->from <= COPSE_RANGE_JOINED_BYTES_MAX) {
            return other;
        }
    }
    return NULL;
}

/* The first wanted piece; NULL: none. */
static copse_range_piece *range_pieces_wanted(copse_range_pieces *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->pieces[i].state == COPSE_RANGE_WANTED) {
            return &self->pieces[i];
        }
    }
    return NULL;
}

bool copse_range_pieces_ask(copse_range_pieces *self, uint64_t *ret_id, uint64_t *ret_from,
                            uint64_t *ret_size)
{
    copse_range_piece *piece = range_pieces_wanted(self);
    copse_range_piece *other = NULL;
    if (piece == NULL) {
        return false;
    }
    while ((other = range_pieces_near(self, piece)) != NULL) {
        uint64_t from = other->from < piece->from ? other->from : piece->from;
        uint64_t end = range_piece_end(other) > range_piece_end(piece) ? range_piece_end(other)
                                                                       : range_piece_end(piece);
        piece->from = from;
        piece->size = end - from;
        piece->bytes.max = (size_t)piece->size;
        bool is_before = other < piece;
        copse_range_pieces_drop(self, other);
        piece -= is_before;
    }
    piece->state = COPSE_RANGE_ASKED;
    piece->id = ++self->id_last;
    *ret_id = piece->id;
    *ret_from = piece->from;
    *ret_size = piece->size;
    return true;
}

/* ---- What comes ------------------------------------------------------------------------------ */

copse_status copse_range_pieces_receive(copse_range_piece *piece, copse_bytes bytes, copse_err *err)
{
    if (bytes.len > piece->size - piece->bytes.len) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it sent more of the file than was asked for");
    }
    return copse_buf_append(&piece->bytes, bytes) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

copse_status copse_range_pieces_settle(copse_range_pieces *self, copse_range_piece *piece,
                                       copse_err *err)
{
    if (piece->bytes.len < piece->size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "it sent less of the file than it said");
    }
    piece->state = COPSE_RANGE_HERE;
    self->held_bytes += piece->size;
    return COPSE_OK;
}

void copse_range_pieces_trim(copse_range_pieces *self, uint64_t held_bytes_max)
{
    for (size_t i = 0; i < self->count;) {
        copse_range_piece *piece = &self->pieces[i];
        bool is_old = piece->state == COPSE_RANGE_HERE && piece->from > 0 &&
                      self->held_bytes > held_bytes_max;
        if (is_old || piece->state == COPSE_RANGE_WANTED) {
            copse_range_pieces_drop(self, piece);
        } else {
            i++;
        }
    }
}
