/* A file that is elsewhere, as far as it is known here: pieces of it, in memory or on their way.
 *
 *     0      32 KiB                                     the file's end
 *     |======|       |====|      |~~~~|   ....   |
 *      here           here        asked   wanted
 *
 *   P1  Pieces overlap only where the gap between two that became one was known, or an answer
 *       brings more than was asked for. Bytes that are here are read where they are here.
 *   P2  What is read and not here becomes wanted, once. Before it is asked for, wanted pieces that
 *       lie near each other become one (COPSE_RANGE_GAP_BYTES): a request costs more than the bytes
 *       between.
 *   P3  Memory is taken for bytes that came, up to what was asked for.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_RANGE_PIECES_H
#define COPSE_SYNC_RANGE_PIECES_H

#include <copse/buf.h>

enum {
    COPSE_RANGE_GAP_BYTES = 2 << 10,
    COPSE_RANGE_JOINED_BYTES_MAX = 256 << 10, /* of pieces that become one */
};

typedef enum copse_range_state {
    COPSE_RANGE_WANTED,
    COPSE_RANGE_ASKED,
    COPSE_RANGE_HERE
} copse_range_state;

typedef struct copse_range_piece {
    copse_range_state state;
    uint64_t id; /**< Of what was asked for; never used again. */
    uint64_t from;
    uint64_t size;
    copse_buf bytes;
} copse_range_piece;

/** Stays where it is while it is used. */
typedef struct copse_range_pieces {
    const copse_env *env;
    copse_range_piece *pieces;
    size_t count;
    size_t capacity;
    uint64_t id_last;
    uint64_t held_bytes; /**< Of pieces that are here. */
} copse_range_pieces;

void copse_range_pieces_init(copse_range_pieces *self, const copse_env *env);

/** Forgets all pieces; ids stay used. */
void copse_range_pieces_clear(copse_range_pieces *self);

/** Frees what it holds. */
void copse_range_pieces_release(copse_range_pieces *self);

/** Wants the bytes of [from, from + size) that are neither here nor on their way. NOMEM. */
COPSE_MUST_USE copse_status copse_range_pieces_want(copse_range_pieces *self, uint64_t from,
                                                    uint64_t size);

/** Copies bytes out. False: not all are here. */
bool copse_range_pieces_read(const copse_range_pieces *self, uint64_t from, size_t size,
                             uint8_t *ret_bytes);

/** Gives the next range to ask for. False: all that is wanted was asked for. */
bool copse_range_pieces_ask(copse_range_pieces *self, uint64_t *ret_id, uint64_t *ret_from,
                            uint64_t *ret_size);

/** The piece that was asked for by this id and is not here yet; NULL: none. Valid until the pieces
 * change. */
copse_range_piece *copse_range_pieces_find(copse_range_pieces *self, uint64_t id);

/** Takes bytes of an answer. CORRUPT: more than was asked for. NOMEM. */
COPSE_MUST_USE copse_status copse_range_pieces_receive(copse_range_piece *piece, copse_bytes bytes,
                                                       copse_err *err);

/** An answer is whole: its piece is here. CORRUPT: bytes lack. */
COPSE_MUST_USE copse_status copse_range_pieces_settle(copse_range_pieces *self,
                                                      copse_range_piece *piece, copse_err *err);

/** Forgets a piece. */
void copse_range_pieces_drop(copse_range_pieces *self, copse_range_piece *piece);

/** Bytes that are wanted or asked for, and not here yet. */
uint64_t copse_range_pieces_coming(const copse_range_pieces *self);

/** Forgets what is wanted and not asked for, and of what is here the pieces that came first, down
 * to `held_bytes_max`; never the one that begins at 0. */
void copse_range_pieces_trim(copse_range_pieces *self, uint64_t held_bytes_max);

#endif
