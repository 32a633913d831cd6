/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/scanner.h"

#include "base/alloc.h"
#include "base/err.h"
#include "tree/node_cache.h"

#include <string.h>

/* ---- Streams --------------------------------------------------------------------------------- */

/* The range that a stream is in, in the direction of the scan. */
static const copse_key_range *scanner_range(const copse_scanner *scanner,
                                            const copse_scanner_stream *stream)
{
    size_t at = scanner->reverse ? stream->count - 1 - stream->at : stream->at;
    return &stream->access->scan.ranges[stream->first + at];
}

static copse_status scanner_set_range(const copse_scanner *scanner, copse_scanner_stream *stream,
                                      copse_err *err)
{
    const copse_key_range *range = scanner_range(scanner, stream);
    copse_cursor_release(stream->cursor);
    copse_status status = copse_cursor_set_range(stream->cursor, range->from, &range->to, err);
    stream->ranged = status == COPSE_OK;
    return status;
}

/* Moves a stream to its next entry. END: it has none. */
static copse_status scanner_step(const copse_scanner *scanner, copse_scanner_stream *stream,
                                 copse_err *err)
{
    while (stream->at < stream->count) {
        copse_status status = COPSE_OK;
        if (!stream->ranged) {
            status = scanner_set_range(scanner, stream, err);
        }
        if (status == COPSE_OK && stream->nth > 0) {
            status = copse_cursor_seek_nth(stream->cursor, stream->nth - 1, err);
            stream->nth = status == COPSE_OK ? 0 : stream->nth;
        } else if (status == COPSE_OK) {
            status = scanner->reverse ? copse_cursor_prev(stream->cursor, err)
                                      : copse_cursor_next(stream->cursor, err);
        }
        if (status != COPSE_END) {
            return status;
        }
        stream->at++;
        stream->ranged = false;
    }
    return COPSE_END;
}

/* ---- Merging --------------------------------------------------------------------------------- */

static copse_bytes scanner_tail(const copse_scanner_stream *stream)
{
    copse_bytes key = copse_cursor_key(stream->cursor);
    return (copse_bytes){key.ptr + stream->head, key.len - stream->head};
}

static bool scanner_before(const copse_scanner *scanner, size_t a, size_t b)
{
    int order =
        copse_bytes_compare(scanner_tail(&scanner->streams[a]), scanner_tail(&scanner->streams[b]));
    return order == 0 ? a < b : scanner->reverse ? order > 0 : order < 0;
}

static void scanner_sift(copse_scanner *scanner, size_t at)
{
    size_t *heap = scanner->heap;
    size_t moved = heap[at];
    for (size_t child = 2 * at + 1; child < scanner->heap_count; child = 2 * at + 1) {
        child += child + 1 < scanner->heap_count &&
                 scanner_before(scanner, heap[child + 1], heap[child]);
        if (!scanner_before(scanner, heap[child], moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* What several operations want. */
typedef struct scanner_wants {
    const copse_env *env;
    copse_cid *cids;
    size_t count;
    size_t capacity;
} scanner_wants;

static copse_status scanner_collect_wants(scanner_wants *wants, copse_source *source,
                                          copse_err *err)
{
    size_t count = 0;
    const copse_cid *cids = copse_source_wants(source, &count);
    void *grown = wants->cids;
    if (!copse_array_grow(wants->env, &grown, &wants->capacity, wants->count + count,
                          sizeof *wants->cids)) {
        return COPSE_ERR_NOMEM(err);
    }
    wants->cids = grown;
    if (count > 0) {
        memcpy(wants->cids + wants->count, cids, count * sizeof *cids);
        wants->count += count;
    }
    return COPSE_OK;
}

/* S2: moves all streams to their first entries. */
static copse_status scanner_start(copse_scanner *scanner, copse_err *err)
{
    copse_source *source = copse_node_cache_source(copse_tree_cache(scanner->tree));
    scanner_wants wants = {.env = scanner->env};
    copse_status status = COPSE_OK;
    bool wanted = false;
    for (size_t i = 0; i < scanner->streams_count && status == COPSE_OK; i++) {
        copse_scanner_stream *stream = &scanner->streams[i];
        if (copse_cursor_key(stream->cursor).ptr != NULL || stream->at == stream->count) {
            continue;
        }
        status = scanner_step(scanner, stream, err);
        if (status == COPSE_WANT) {
            wanted = true;
            status = scanner_collect_wants(&wants, source, err);
        } else if (status == COPSE_END) {
            status = COPSE_OK;
        }
    }
    if (status == COPSE_OK && wanted) {
        copse_source_begin(source);
        for (size_t i = 0; i < wants.count && status == COPSE_OK; i++) {
            status = copse_source_hint(source, &wants.cids[i], err);
        }
        status = status == COPSE_OK ? COPSE_WANT : status;
    }
    copse_free_array(scanner->env, wants.cids, wants.capacity, sizeof *wants.cids);
    return status;
}

static void scanner_make_heap(copse_scanner *scanner)
{
    for (size_t i = 0; i < scanner->streams_count; i++) {
        if (copse_cursor_key(scanner->streams[i].cursor).ptr != NULL) {
            scanner->heap[scanner->heap_count++] = i;
        }
    }
    for (size_t i = scanner->heap_count / 2; i > 0; i--) {
        scanner_sift(scanner, i - 1);
    }
}

static copse_status scanner_next_merged(copse_scanner *scanner,
                                        const copse_scanner_stream **ret_stream, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (scanner->started == 0) {
        status = scanner_start(scanner, err);
        if (status != COPSE_OK) {
            return status;
        }
        scanner->started = scanner->streams_count;
        scanner_make_heap(scanner);
    }
    if (scanner->gave) {
        status = scanner_step(scanner, &scanner->streams[scanner->heap[0]], err);
        if (status == COPSE_END) {
            scanner->heap[0] = scanner->heap[--scanner->heap_count];
        } else if (status != COPSE_OK) {
            return status;
        }
        scanner->gave = false;
        if (scanner->heap_count > 0) {
            scanner_sift(scanner, 0);
        }
    }
    if (scanner->heap_count == 0) {
        return COPSE_END;
    }
    scanner->gave = true;
    *ret_stream = &scanner->streams[scanner->heap[0]];
    return COPSE_OK;
}

/* ---- The scanner ----------------------------------------------------------------------------- */

/* Adds a stream of ranges [first, first + count) of `access`. */
static copse_status scanner_add(copse_scanner *scanner, const copse_access *access, size_t first,
                                size_t count, copse_err *err)
{
    copse_scanner_stream stream = {.access = access, .first = first, .count = count};
    copse_buf_init(&stream.place, scanner->env, SIZE_MAX);
    bool shares = !scanner->merges && scanner->streams_count > 0;
    stream.head = count > 0 ? access->heads[first] : 0;
    copse_status status = COPSE_OK;
    if (shares) {
        stream.cursor = scanner->streams[0].cursor;
    } else {
        status = copse_cursor_new(scanner->tree, &stream.cursor, err);
    }
    if (status == COPSE_OK) {
        scanner->streams[scanner->streams_count++] = stream;
    }
    return status;
}

static bool scanner_same_head(const copse_access *access, size_t a, size_t b)
{
    return access->heads[a] == access->heads[b] &&
           memcmp(access->scan.ranges[a].from.ptr, access->scan.ranges[b].from.ptr,
                  access->heads[a]) == 0;
}

static copse_status scanner_add_access(copse_scanner *scanner, const copse_access *access,
                                       copse_err *err)
{
    size_t first = 0;
    copse_status status = COPSE_OK;
    if (!scanner->merges) {
        return scanner_add(scanner, access, 0, access->scan.ranges_count, err);
    }
    for (size_t i = 1; i <= access->scan.ranges_count && status == COPSE_OK; i++) {
        if (i == access->scan.ranges_count || !scanner_same_head(access, first, i)) {
            status = scanner_add(scanner, access, first, i - first, err);
            first = i;
        }
    }
    return status;
}

copse_status copse_scanner_init(copse_scanner *scanner, const copse_planned *planned,
                                copse_err *err)
{
    size_t streams = 0;
    size_t count = planned->plan.scans_count;
    *scanner =
        (copse_scanner){.env = planned->query->env, .tree = copse_database_tree(planned->database)};
    for (size_t i = 0; i < count; i++) {
        streams += planned->accesses[i].streams;
    }
    scanner->merges = planned->plan.order == COPSE_ORDERED_KEYS && streams > 1;
    scanner->reverse = count > 0 && planned->accesses[0].scan.reverse;
    scanner->streams_max = streams;
    scanner->streams = copse_alloc_array(scanner->env, streams, sizeof *scanner->streams);
    scanner->heap = copse_alloc_array(scanner->env, streams, sizeof *scanner->heap);
    copse_status status =
        scanner->streams == NULL || scanner->heap == NULL ? COPSE_ERR_NOMEM(err) : COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        status = scanner_add_access(scanner, &planned->accesses[i], err);
    }
    if (status != COPSE_OK) {
        copse_scanner_release(scanner);
    }
    return status;
}

/* The number of streams that have a cursor of their own: if they are not merged, all use that of
 * the first. */
static size_t scanner_cursors(const copse_scanner *scanner)
{
    return scanner->merges || scanner->streams_count == 0 ? scanner->streams_count : 1;
}

void copse_scanner_release(copse_scanner *scanner)
{
    for (size_t i = 0; i < scanner_cursors(scanner); i++) {
        copse_cursor_free(scanner->streams[i].cursor);
        copse_buf_release(&scanner->streams[i].place);
    }
    if (scanner->env != NULL) {
        copse_free_array(scanner->env, scanner->streams, scanner->streams_max,
                         sizeof *scanner->streams);
        copse_free_array(scanner->env, scanner->heap, scanner->streams_max, sizeof *scanner->heap);
    }
    *scanner = (copse_scanner){.env = NULL};
}

/* ---- Suspending (S4) ------------------------------------------------------------------------- */

/* The stream that moves the cursor of stream `number`; NULL: all have ended. */
static copse_scanner_stream *scanner_mover(const copse_scanner *scanner, size_t number)
{
    size_t mover = scanner->merges ? number : scanner->now;
    return mover < scanner->streams_count ? &scanner->streams[mover] : NULL;
}

static void scanner_set_cursor(copse_scanner *scanner, size_t number, copse_cursor *cursor)
{
    size_t end = scanner->merges ? number + 1 : scanner->streams_count;
    for (size_t i = number; i < end; i++) {
        scanner->streams[i].cursor = cursor;
    }
}

copse_status copse_scanner_suspend(copse_scanner *scanner, copse_err *err)
{
    for (size_t i = 0; i < scanner_cursors(scanner); i++) {
        copse_scanner_stream *stream = &scanner->streams[i];
        copse_bytes key = copse_cursor_key(stream->cursor);
        const copse_scanner_stream *mover = scanner_mover(scanner, i);
        if (key.ptr != NULL && mover != NULL && mover->ranged) {
            copse_buf_truncate(&stream->place, 0); /* one that was not sought yet has no key */
            if (copse_buf_append(&stream->place, key) != COPSE_OK) {
                return COPSE_ERR_NOMEM(err);
            }
            scanner->strays = true;
        }
        scanner_set_cursor(scanner, i, copse_cursor_free(stream->cursor));
    }
    for (size_t i = 0; i < scanner->streams_count; i++) {
        scanner->streams[i].ranged = false;
    }
    scanner->tree = NULL;
    return COPSE_OK;
}

copse_status copse_scanner_resume(copse_scanner *scanner, copse_tree *tree, copse_err *err)
{
    copse_status status = COPSE_OK;
    scanner->tree = tree;
    for (size_t i = 0; i < scanner_cursors(scanner) && status == COPSE_OK; i++) {
        copse_cursor *cursor = NULL;
        status = copse_cursor_new(tree, &cursor, err);
        scanner_set_cursor(scanner, i, cursor);
    }
    return status;
}

/* Seeks the places. */
static copse_status scanner_return(copse_scanner *scanner, copse_err *err)
{
    for (size_t i = 0; i < scanner_cursors(scanner); i++) {
        copse_scanner_stream *owner = &scanner->streams[i];
        if (owner->place.len == 0) {
            continue;
        }
        copse_status status = scanner_set_range(scanner, scanner_mover(scanner, i), err);
        if (status == COPSE_OK) {
            status = copse_cursor_seek(owner->cursor, copse_buf_view(&owner->place), err);
        }
        if (status != COPSE_OK) {
            return status;
        }
        copse_buf_truncate(&owner->place, 0);
    }
    scanner->strays = false;
    return COPSE_OK;
}

/* ---- Reading --------------------------------------------------------------------------------- */

void copse_scanner_set_limit(copse_scanner *scanner, uint64_t entries)
{
    for (size_t i = 0; i < scanner->streams_count; i++) {
        copse_cursor_set_limit(scanner->streams[i].cursor, entries);
    }
}

/* Passes over whole ranges of `stream`, and into one by its number in the tree. */
static copse_status scanner_pass_stream(copse_scanner *scanner, copse_scanner_stream *stream,
                                        uint64_t *left, copse_err *err)
{
    while (stream->at<stream->count && * left> 0) {
        copse_key_range both[2];
        uint64_t counts[2];
        both[0] = (copse_key_range){{NULL, 0}, scanner_range(scanner, stream)->from};
        both[0].from.ptr = (const uint8_t *)"";
        both[1] = *scanner_range(scanner, stream);
        copse_status status = copse_tree_count_ranges(scanner->tree, both, 2, counts, err);
        if (status != COPSE_OK) {
            return status;
        }
        if (*left < counts[1]) {
            uint64_t index =
                scanner->reverse ? counts[0] + counts[1] - 1 - *left : counts[0] + *left;
            stream->nth = index + 1;
            *left = 0;
            return COPSE_OK;
        }
        *left -= counts[1];
        stream->at++;
    }
    return COPSE_OK;
}

copse_status copse_scanner_pass(copse_scanner *scanner, uint64_t count, uint64_t *ret_passed,
                                copse_err *err)
{
    uint64_t left = count;
    size_t now = scanner->now;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < scanner->streams_count; i++) {
        scanner->streams[i].at = 0; /* after a WANT from the begin */
    }
    while (now < scanner->streams_count && left > 0 && status == COPSE_OK) {
        status = scanner_pass_stream(scanner, &scanner->streams[now++], &left, err);
    }
    if (status == COPSE_OK) {
        *ret_passed = count - left;
    }
    return status;
}

copse_status copse_scanner_next(copse_scanner *scanner, copse_scanner_entry *ret_entry,
                                copse_err *err)
{
    const copse_scanner_stream *stream = NULL;
    copse_status status = COPSE_END;
    if (scanner->strays) {
        status = scanner_return(scanner, err);
        if (status != COPSE_OK) {
            return status;
        }
        status = COPSE_END;
    }
    if (scanner->merges) {
        status = scanner_next_merged(scanner, &stream, err);
    }
    while (!scanner->merges && status == COPSE_END && scanner->now < scanner->streams_count) {
        stream = &scanner->streams[scanner->now];
        status = scanner_step(scanner, &scanner->streams[scanner->now], err);
        scanner->now += status == COPSE_END;
    }
    if (status == COPSE_OK) {
        *ret_entry = (copse_scanner_entry){stream->access, copse_cursor_key(stream->cursor),
                                           copse_cursor_value(stream->cursor)};
    }
    return status;
}
