/* The walk over the documents of a collection: diffs of its rows, side by side by primary key.
 *
 *   K1  Three-way, what theirs changed since the base is met with what ours changed; what only
 *       ours changed stays as it is. Joins, and three-way without a base, need only what
 *       differs between ours and theirs; so do forward merges (V4), and no conflicts of ours.
 *   K2  Where anything differs in a collection, an index too, all conflicts of ours are gone
 *       through: whoever waits may come back. Of a collection where nothing differs nothing is
 *       read.
 *   K3  A row that no diff gave is the same on all sides; the conflicts of ours, which are read
 *       in full, say what a row of a conflict is where no diff gave it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/database_merge.h"

#include "base/err.h"
#include "index/key_space.h"

/* ---- Streams --------------------------------------------------------------------------------- */

static copse_tree *merge_tree(const copse_database_merge *merge, copse_merge_side side)
{
    return merge->collections[side] != NULL ? copse_database_tree(merge->databases[side]) : NULL;
}

/* Appends the prefix of the rows of a kind, and behind it the end of their range. */
static copse_status merge_write_range(const copse_database_merge *merge, copse_merge_kind kind,
                                      copse_buf *buf, size_t *ret_prefix_size, copse_err *err)
{
    copse_status status = copse_merge_write_prefix(buf, merge->name, kind, err);
    *ret_prefix_size = buf->len;
    if (status == COPSE_OK && copse_key_write_range_end(buf, 0) != COPSE_OK) {
        status = COPSE_ERR_NOMEM(err);
    }
    return status;
}

/* Begins a stream of rows of a kind from one side to another. `before` may lack the collection;
 * `after` not. */
static copse_status merge_stream_begin(const copse_database_merge *merge, copse_merge_kind kind,
                                       copse_merge_side before, copse_merge_side after,
                                       copse_merge_stream *stream, copse_err *err)
{
    copse_buf range;
    size_t size = 0;
    copse_buf_init(&range, merge->env, SIZE_MAX);
    copse_status status = merge_write_range(merge, kind, &range, &size, err);
    if (status == COPSE_OK) {
        const copse_bytes end = {range.ptr + size, range.len - size};
        const copse_diff_options options = {.from = {range.ptr, size}, .to = &end};
        stream->prefix_size = size;
        status = copse_diff_new(merge_tree(merge, before), merge_tree(merge, after), &options,
                                &stream->diff, err);
    }
    copse_buf_release(&range);
    return status;
}

/* The next row that differs, in `change`, or has_ended. A stream that never began has ended. */
static copse_status merge_stream_fill(copse_merge_stream *stream, copse_err *err)
{
    if (stream->has_change || stream->has_ended) {
        return COPSE_OK;
    }
    copse_status status =
        stream->diff != NULL ? copse_diff_next(stream->diff, &stream->change, err) : COPSE_END;
    stream->has_change = status == COPSE_OK;
    stream->has_ended = status == COPSE_END;
    return status == COPSE_END ? COPSE_OK : status;
}

/* order(pk) of the row at hand; ptr NULL: none. */
static copse_bytes merge_stream_key(const copse_merge_stream *stream)
{
    return stream->has_change ? (copse_bytes){stream->change.key.ptr + stream->prefix_size,
                                              stream->change.key.len - stream->prefix_size}
                              : (copse_bytes){NULL, 0};
}

static bool merge_stream_is_at(const copse_merge_stream *stream, copse_bytes key)
{
    return stream->has_change && copse_bytes_equal(merge_stream_key(stream), key);
}

/* Passes over what is below `key`. */
static copse_status merge_stream_seek(copse_merge_stream *stream, copse_bytes key, copse_err *err)
{
    copse_status status = merge_stream_fill(stream, err);
    while (status == COPSE_OK && stream->has_change &&
           copse_bytes_compare(merge_stream_key(stream), key) < 0) {
        stream->has_change = false;
        status = merge_stream_fill(stream, err);
    }
    return status;
}

/* ---- The walk -------------------------------------------------------------------------------- */

void copse_merge_walk_release(copse_merge_walk *walk)
{
    for (size_t kind = 0; kind < COPSE_MERGE_KINDS; kind++) {
        copse_diff_free(walk->theirs[kind].diff);
        copse_diff_free(walk->ours[kind].diff);
    }
    copse_cursor_free(walk->conflicts);
    *walk = (copse_merge_walk){.conflicts = NULL};
}

bool copse_merge_is_three_way(const copse_database_merge *merge)
{
    return merge->policy == COPSE_MERGE_THREE_WAY && merge->collections[COPSE_MERGE_BASE] != NULL &&
           !merge->is_taken_whole && !merge->is_forward;
}

static copse_status merge_walk_begin_conflicts(copse_database_merge *merge, copse_err *err)
{
    copse_merge_walk *walk = &merge->walk;
    copse_cursor *cursor = NULL;
    copse_buf range;
    copse_buf_init(&range, merge->env, SIZE_MAX);
    copse_status status =
        merge_write_range(merge, COPSE_MERGE_CONFLICT_ROW, &range, &walk->prefix_size, err);
    if (status == COPSE_OK) {
        status = copse_cursor_new(merge_tree(merge, COPSE_MERGE_OURS), &cursor, err);
    }
    if (status == COPSE_OK) {
        const copse_bytes end = {range.ptr + walk->prefix_size, range.len - walk->prefix_size};
        status =
            copse_cursor_set_range(cursor, (copse_bytes){range.ptr, walk->prefix_size}, &end, err);
    }
    copse_buf_release(&range);
    if (status == COPSE_OK) {
        walk->conflicts = cursor;
    } else {
        copse_cursor_free(cursor);
    }
    return status;
}

/* Begins all streams, unless they are begun. */
static copse_status merge_walk_begin(copse_database_merge *merge, copse_err *err)
{
    copse_merge_walk *walk = &merge->walk;
    bool is_three_way = copse_merge_is_three_way(merge);
    copse_merge_side before = is_three_way ? COPSE_MERGE_BASE : COPSE_MERGE_OURS;
    copse_status status = COPSE_OK;
    if (walk->conflicts == NULL && !merge->is_taken_whole && !merge->is_forward) {
        status = merge_walk_begin_conflicts(merge, err);
    }
    for (copse_merge_kind kind = 0; kind < COPSE_MERGE_KINDS && status == COPSE_OK; kind++) {
        bool is_there = kind != COPSE_MERGE_VERSION_ROW || copse_merge_has_versions(merge->policy);
        if (is_there && walk->theirs[kind].diff == NULL) {
            status = merge_stream_begin(merge, kind, before, COPSE_MERGE_THEIRS,
                                        &walk->theirs[kind], err);
        }
        if (is_there && is_three_way && status == COPSE_OK && walk->ours[kind].diff == NULL) {
            status =
                merge_stream_begin(merge, kind, before, COPSE_MERGE_OURS, &walk->ours[kind], err);
        }
    }
    return status;
}

/* Fills all streams. WANT: for all of them. */
static copse_status merge_walk_fill(copse_merge_stream streams[COPSE_MERGE_KINDS], bool *ret_any,
                                    copse_err *err)
{
    copse_status missing = COPSE_OK;
    *ret_any = false;
    for (size_t kind = 0; kind < COPSE_MERGE_KINDS; kind++) {
        copse_status status = merge_stream_fill(&streams[kind], err);
        *ret_any = *ret_any || streams[kind].has_change;
        if (status == COPSE_WANT) {
            missing = status;
        } else if (status != COPSE_OK) {
            return status;
        }
    }
    return missing;
}

static copse_status merge_walk_next_conflict(copse_merge_walk *walk, copse_err *err)
{
    copse_status status = walk->conflicts != NULL && !walk->has_ended && !walk->has_conflict
                              ? copse_cursor_next(walk->conflicts, err)
                              : COPSE_OK;
    if (status == COPSE_END) {
        walk->has_ended = true;
        return COPSE_OK;
    }
    walk->has_conflict = status == COPSE_OK && walk->conflicts != NULL && !walk->has_ended;
    return status;
}

/* Fills the streams of theirs; those of ours too if theirs have nothing. Where theirs have to wait,
 * all that will be needed next is wanted with them. */
static copse_status merge_walk_fill_all(copse_database_merge *merge, bool *ret_any, copse_err *err)
{
    copse_merge_walk *walk = &merge->walk;
    bool is_any_ours = false;
    copse_source_begin_several(copse_merge_source(merge));
    copse_status status = merge_walk_fill(walk->theirs, ret_any, err);
    bool is_waiting = status == COPSE_WANT;
    if (is_waiting || (status == COPSE_OK && !*ret_any && !walk->is_touched)) {
        status = merge_walk_fill(walk->ours, &is_any_ours, err);
        *ret_any = *ret_any || is_any_ours;
        is_waiting = is_waiting || status == COPSE_WANT;
    }
    if (is_waiting && (status == COPSE_OK || status == COPSE_WANT)) {
        status = merge_walk_next_conflict(walk, err);
    }
    copse_source_end_several(copse_merge_source(merge));
    return status == COPSE_OK && is_waiting ? COPSE_WANT : status;
}

static copse_bytes merge_walk_conflict_key(const copse_merge_walk *walk)
{
    if (!walk->has_conflict) {
        return (copse_bytes){NULL, 0};
    }
    copse_bytes key = copse_cursor_key(walk->conflicts);
    return (copse_bytes){key.ptr + walk->prefix_size, key.len - walk->prefix_size};
}

copse_status copse_merge_walk_next(copse_database_merge *merge, copse_bytes *ret_key,
                                   copse_err *err)
{
    copse_merge_walk *walk = &merge->walk;
    bool is_any = false;
    copse_status status = merge_walk_begin(merge, err);
    if (status == COPSE_OK) {
        status = merge_walk_fill_all(merge, &is_any, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    walk->is_touched = walk->is_touched || is_any;
    if (!walk->is_touched) { /* K2 */
        return COPSE_END;
    }
    status = merge_walk_next_conflict(walk, err);
    copse_bytes least = merge_walk_conflict_key(walk);
    for (size_t kind = 0; kind < COPSE_MERGE_KINDS; kind++) {
        copse_bytes key = merge_stream_key(&walk->theirs[kind]);
        least = least.ptr == NULL || (key.ptr != NULL && copse_bytes_compare(key, least) < 0)
                    ? key
                    : least;
    }
    *ret_key = least;
    return status == COPSE_OK && least.ptr == NULL ? COPSE_END : status;
}

void copse_merge_walk_pass(copse_merge_walk *walk, copse_bytes key)
{
    walk->has_conflict =
        walk->has_conflict && !copse_bytes_equal(merge_walk_conflict_key(walk), key);
    for (size_t kind = 0; kind < COPSE_MERGE_KINDS; kind++) {
        if (merge_stream_is_at(&walk->theirs[kind], key)) {
            walk->theirs[kind].has_change = false;
        }
    }
}

/* The rows of one kind: of theirs and, three-way, of ours from the streams (K3). */
static void merge_walk_read_kind(const copse_database_merge *merge, copse_merge_kind kind,
                                 copse_merge_rows *rows)
{
    const copse_merge_stream *theirs = &merge->walk.theirs[kind];
    const copse_merge_stream *ours = &merge->walk.ours[kind];
    copse_bytes *values = rows->values[kind];
    bool is_theirs = merge_stream_is_at(theirs, rows->key);
    bool is_ours = merge_stream_is_at(ours, rows->key);
    copse_bytes before = values[COPSE_MERGE_OURS]; /* of a conflict that no stream is at */
    before = is_ours ? ours->change.before : is_theirs ? theirs->change.before : before;
    values[COPSE_MERGE_BASE] = before;
    values[COPSE_MERGE_OURS] = is_ours ? ours->change.after : before;
    values[COPSE_MERGE_THEIRS] = is_theirs ? theirs->change.after : before;
    rows->is_known[kind] = is_theirs || is_ours || kind == COPSE_MERGE_CONFLICT_ROW;
    if (!copse_merge_is_three_way(merge)) {
        values[COPSE_MERGE_BASE] = (copse_bytes){NULL, 0};
    }
}

copse_status copse_merge_walk_read(copse_database_merge *merge, copse_bytes key, copse_err *err)
{
    copse_merge_walk *walk = &merge->walk;
    copse_merge_rows *rows = &merge->rows;
    copse_status status = COPSE_OK;
    copse_merge_begin_document(merge);
    rows->key = key;
    for (size_t kind = 0; kind < COPSE_MERGE_KINDS && status == COPSE_OK; kind++) {
        status = merge_stream_seek(&walk->ours[kind], key, err);
    }
    if (status == COPSE_OK && copse_bytes_equal(merge_walk_conflict_key(walk), key)) {
        rows->values[COPSE_MERGE_CONFLICT_ROW][COPSE_MERGE_OURS] =
            copse_cursor_value(walk->conflicts);
    }
    for (copse_merge_kind kind = 0; kind < COPSE_MERGE_KINDS && status == COPSE_OK; kind++) {
        merge_walk_read_kind(merge, kind, rows);
    }
    return status;
}

copse_status copse_merge_is_same_kind(copse_database_merge *merge, copse_merge_kind kind,
                                      copse_merge_side a, copse_merge_side b, bool *ret_same,
                                      copse_err *err)
{
    copse_merge_stream stream = {.diff = NULL};
    copse_status status = merge_stream_begin(merge, kind, a, b, &stream, err);
    if (status == COPSE_OK) {
        status = merge_stream_fill(&stream, err);
    }
    *ret_same = !stream.has_change;
    copse_diff_free(stream.diff);
    return status;
}

copse_status copse_merge_is_same(copse_database_merge *merge, copse_merge_side a,
                                 copse_merge_side b, bool *ret_same, copse_err *err)
{
    copse_status status = COPSE_OK;
    *ret_same = true;
    for (copse_merge_kind kind = 0; kind < COPSE_MERGE_KINDS && status == COPSE_OK && *ret_same;
         kind++) {
        status = copse_merge_is_same_kind(merge, kind, a, b, ret_same, err);
    }
    return status;
}
