/* A cursor: a position in the entries of a tree, in key order, ours or a foreign tree.
 *
 *     copse_cursor_new(tree, &cursor, &err);
 *     while ((status = copse_cursor_next(cursor, &err)) == COPSE_OK) {
 *         use(copse_cursor_key(cursor), copse_cursor_value(cursor));
 *     }
 *     if (status == COPSE_WANT) fetch, supply (source.h), and call copse_cursor_next again
 *
 * A cursor stands on an entry or nowhere, at first nowhere. On any status but COPSE_OK a move
 * leaves it, and the views it gave out, as they were; so a move that returned COPSE_WANT is simply
 * made again. Moves ask for all the blocks that the branches at hand say the scan will come to, up
 * to limits.wants_max: bounded by the range, and by the limit if one is set.
 *
 * All moves return, besides what they say: WANT; CORRUPT, naming the block; LIMIT: a tree of more
 * levels than limits.tree_levels_max, or a foreign node that is too large; IO; NOMEM. A cursor
 * belongs to the thread of its tree. It keeps the blocks alive that it stands on.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_CURSOR_H
#define COPSE_CURSOR_H

#include <copse/tree.h>

COPSE_EXTERN_C_BEGIN

typedef struct copse_cursor copse_cursor;

/** An entry as views. */
typedef struct copse_cursor_entry {
    copse_bytes key;
    copse_bytes value; /**< One encoded DAG-CBOR item. */
} copse_cursor_entry;

/** Makes a cursor over `tree`, which must stay open until it is freed. Reads nothing. NOMEM. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_new(copse_tree *tree, copse_cursor **ret_cursor,
                                                       copse_err *err);

/** Frees it; NULL is allowed. Returns NULL. */
COPSE_API copse_cursor *copse_cursor_free(copse_cursor *cursor);

/** Confines the cursor to the keys in [from, to); `to` NULL: to the end. Outside, there is nothing
 * for any move. The bounds are copied. A cursor that stands on an entry outside then stands
 * nowhere. NOMEM, or LIMIT: a bound over 64 KiB; the range is then as before. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_set_range(copse_cursor *cursor, copse_bytes from,
                                                             const copse_bytes *to, copse_err *err);

/** Says how many entries will be read from each seek on; 0: no limit, as at first. It bounds only
 * what is asked for in advance: reading on is allowed. */
COPSE_API void copse_cursor_set_limit(copse_cursor *cursor, uint64_t entries);

/** Lets go of the position and of the blocks it keeps: the cursor stands nowhere. Ends the life of
 * its views. The range and the limit stay. */
COPSE_API void copse_cursor_release(copse_cursor *cursor);

/** Moves to the first entry whose key is not below `key`. END: there is none in the range. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_seek(copse_cursor *cursor, copse_bytes key,
                                                        copse_err *err);

/** Moves to the first entry of the range. END: the range is empty. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_seek_first(copse_cursor *cursor, copse_err *err);

/** Moves to the last entry of the range, to scan backwards. END: the range is empty. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_seek_last(copse_cursor *cursor, copse_err *err);

/** Moves to the last entry whose key is below `key`, to scan backwards. END: there is none in the
 * range. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_seek_before(copse_cursor *cursor,
                                                               copse_bytes key, copse_err *err);

/** Moves to entry number `index` of the whole tree, from 0. END: the tree has fewer entries, or it
 * is outside the range. MISUSE: the nodes of this foreign tree have no counts. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_seek_nth(copse_cursor *cursor, uint64_t index,
                                                            copse_err *err);

/** Moves to the next entry; from nowhere to the first. END: there is none in the range. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_next(copse_cursor *cursor, copse_err *err);

/** Moves to the entry before; from nowhere to the last. END: there is none in the range. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_prev(copse_cursor *cursor, copse_err *err);

/** The key of the entry that the cursor stands on, valid until the next move that returns OK, until
 * the range is set, or until the cursor is released or freed. Empty (ptr NULL) if it stands
 * nowhere. */
COPSE_API copse_bytes copse_cursor_key(const copse_cursor *cursor);

/** The encoded value of that entry; valid as long as its key. */
COPSE_API copse_bytes copse_cursor_value(const copse_cursor *cursor);

/** As copse_cursor_next, `count_max` times (at least once) or to the end of the present block if
 * that comes first: fills `ret_entries` and stands on the last of them. All the views are valid as
 * for copse_cursor_key. OK: *ret_count is at least 1. MISUSE: count_max is 0. */
COPSE_API COPSE_MUST_USE copse_status copse_cursor_fill(copse_cursor *cursor,
                                                        copse_cursor_entry *ret_entries,
                                                        size_t count_max, size_t *ret_count,
                                                        copse_err *err);

COPSE_EXTERN_C_END

#endif
