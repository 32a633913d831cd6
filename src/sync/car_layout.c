/* Planning and writing a CAR that is read by ranges.
 *
 *     | roots | way to the first leaf | upper branches |  the rest, depth first          | index
 *     |<-------- a reader's first range (32 KiB) ----->|
 *
 *     each block with links:   | section | its places |
 *
 * Invariants:
 *   Y1  A block has its place in the file once it was planned: the sizes of sections, and of the
 *       places behind them, are known without knowing what the places are.
 *   Y2  The order depends on the blocks alone: depth first from what was added, up to
 *       LAYOUT_WAY_BYTES; then breadth first, as far as the front has room; then depth first.
 *   Y3  Nothing is written that was not planned: a store that changes meanwhile is noticed.
 *
 * The way is enough for the nodes of a tree of five levels, which has tens of millions of
 * documents; upper branches take the rest. Finds of five million documents take a round trip more
 * if the way takes 16 KiB of the front; four more, of one million, if the front has 16 and the way
 * 6; none less with a front of 64 or 128.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car_layout.h>

#include <copse/buf.h>
#include <copse/dag_walk.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "block/block.h"
#include "block/cid_map.h"
#include "sync/car_places.h"
#include "sync/range_car.h"

#include <string.h>

enum { LAYOUT_WAY_BYTES = 12 << 10 };

/* A block that has its place. */
typedef struct layout_block {
    struct layout_block *next; /* in the file */
    copse_cid cid;
    uint32_t size; /* of its data */
    uint32_t links;
    uint64_t offset; /* in the payload */
    bool is_spread;  /* what it links to was looked at breadth first, */
    bool is_passed;  /* and to the end, depth first */
} layout_block;

struct copse_car_layout {
    const copse_env *env;
    copse_dag_walk walk; /* for its blocks; it does not walk */
    copse_cid root;
    copse_car_layout_observer observer;
    copse_arena arena;
    copse_cid_map map;
    layout_block *first;
    layout_block **end;
    copse_buf stack; /* of copse_cid: still to be looked at */
    copse_car_layout_stats stats;
    bool is_written;
};

/* ---- Life ------------------------------------------------------------------------------------ */

copse_status copse_car_layout_new(const copse_env *env, copse_store *store, const copse_cid *root,
                                  const copse_car_layout_observer *observer,
                                  copse_car_layout **ret_layout, copse_err *err)
{
    copse_car_layout *layout = copse_alloc_zeroed(env, sizeof *layout);
    if (layout == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    layout->env = env;
    layout->root = *root;
    layout->end = &layout->first;
    if (observer != NULL) {
        layout->observer = *observer;
    }
    copse_dag_walk_init(&layout->walk, env, store, NULL);
    copse_arena_init(&layout->arena, env);
    copse_buf_init(&layout->stack, env, SIZE_MAX / 2);
    layout->stats.payload_bytes = copse_car_header_size(root, 1);
    copse_status status = copse_cid_map_init(&layout->map, env, err);
    if (status != COPSE_OK) {
        copse_car_layout_free(layout);
        return status;
    }
    *ret_layout = layout;
    return COPSE_OK;
}

copse_car_layout *copse_car_layout_free(copse_car_layout *layout)
{
    if (layout != NULL) {
        copse_dag_walk_release(&layout->walk);
        copse_cid_map_release(&layout->map);
        copse_arena_release(&layout->arena);
        copse_buf_release(&layout->stack);
        copse_free(layout->env, layout, sizeof *layout);
    }
    return NULL;
}

copse_car_layout_stats copse_car_layout_get_stats(const copse_car_layout *layout)
{
    return layout->stats;
}

static copse_status layout_tell(copse_car_layout *layout, copse_err *err)
{
    const copse_car_layout_observer *observer = &layout->observer;
    return observer->step != NULL ? observer->step(observer->ctx, &layout->stats, err) : COPSE_OK;
}

/* ---- Blocks and their places ----------------------------------------------------------------- */

static const copse_cid *layout_cid_of(const void *item)
{
    return &((const layout_block *)item)->cid;
}

/* The planned block of this CID; NULL: none. */
static layout_block *layout_find(const copse_car_layout *layout, const copse_cid *cid)
{
    size_t slot =
        copse_cid_map_find(&layout->map, copse_cid_map_hash(&layout->map, cid), cid, layout_cid_of);
    return slot != COPSE_CID_MAP_NONE ? layout->map.items[slot] : NULL;
}

/* Bytes that the section takes, with the places behind it. */
static uint64_t layout_span(const copse_cid *cid, size_t size, size_t links)
{
    static const copse_cid raw = {.size = COPSE_CID_SHA2_256_SIZE_BYTES,
                                  .bytes = {1, COPSE_CODEC_RAW, COPSE_HASH_SHA2_256, 32}};
    return copse_car_section_size(cid, size) +
           (links > 0 ? copse_car_section_size(&raw, copse_car_places_size(links)) : 0);
}

static uint64_t layout_span_of(const layout_block *block)
{
    return layout_span(&block->cid, block->size, block->links);
}

static copse_status layout_place(copse_car_layout *layout, const copse_block *block, size_t links,
                                 layout_block **ret_placed, copse_err *err)
{
    size_t size = copse_block_data_inline(block).len;
    const copse_cid *cid = copse_block_cid_inline(block);
    layout_block *placed = copse_arena_alloc(&layout->arena, sizeof *placed);
    if (placed == NULL || !copse_cid_map_reserve(&layout->map, 1)) {
        return COPSE_ERR_NOMEM(err);
    }
    *placed = (layout_block){.cid = *cid,
                             .size = (uint32_t)size,
                             .links = (uint32_t)links,
                             .offset = layout->stats.payload_bytes};
    copse_cid_map_insert(&layout->map, copse_cid_map_hash(&layout->map, cid), placed);
    *layout->end = placed;
    layout->end = &placed->next;
    layout->stats.blocks++;
    layout->stats.block_bytes += size;
    layout->stats.payload_bytes += layout_span_of(placed);
    *ret_placed = placed;
    return layout_tell(layout, err);
}

/* ---- Going through the DAG ------------------------------------------------------------------- */

static copse_status layout_push(void *ctx, const copse_cid *cid)
{
    copse_car_layout *layout = ctx;
    return copse_buf_append(&layout->stack, (copse_bytes){(const uint8_t *)cid, sizeof *cid});
}

static copse_cid layout_stacked(const copse_car_layout *layout, size_t at)
{
    copse_cid cid;
    memcpy(&cid, layout->stack.ptr + at, sizeof cid);
    return cid;
}

/* Turns around what was pushed from `start` on, so that the first comes off first. */
static void layout_turn(copse_car_layout *layout, size_t start)
{
    size_t low = start;
    size_t high = layout->stack.len;
    while (low + sizeof(copse_cid) < high) {
        high -= sizeof(copse_cid);
        copse_cid first = layout_stacked(layout, low);
        copse_cid last = layout_stacked(layout, high);
        memcpy(layout->stack.ptr + low, &last, sizeof last);
        memcpy(layout->stack.ptr + high, &first, sizeof first);
        low += sizeof(copse_cid);
    }
}

/* Gets a block and pushes its links, counting them. An identity CID is its block. */
static copse_status layout_load(copse_car_layout *layout, const copse_cid *cid,
                                copse_block **ret_block, size_t *ret_links, copse_err *err)
{
    size_t before = layout->stack.len;
    copse_cid_parts parts;
    copse_block *block = NULL;
    copse_cid_split(cid, &parts);
    copse_status status = parts.hash == COPSE_HASH_IDENTITY
                              ? copse_block_new(layout->env, cid, parts.digest, &block, err)
                              : copse_dag_walk_load(&layout->walk, cid, &block, err);
    if (status == COPSE_OK) {
        status = copse_dag_links(layout->env, block, layout_push, layout, err);
    }
    if (status != COPSE_OK) {
        copse_block_unref(block);
        return status;
    }
    *ret_links = (layout->stack.len - before) / sizeof *cid;
    *ret_block = block;
    return COPSE_OK;
}

static bool layout_is_identity(const copse_cid *cid)
{
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    return parts.hash == COPSE_HASH_IDENTITY;
}

/* Looks at the CID on top of the stack; its links take its place. `is_last`: to the end, so that
 * what has its place is looked at too, once. */
static copse_status layout_step_down(copse_car_layout *layout, bool is_last, copse_err *err)
{
    size_t top = layout->stack.len - sizeof(copse_cid);
    copse_cid cid = layout_stacked(layout, top);
    layout_block *placed = layout_find(layout, &cid);
    copse_block *block = NULL;
    size_t links = 0;
    copse_buf_truncate(&layout->stack, top);
    if (placed != NULL && (placed->is_passed || !is_last)) {
        return COPSE_OK;
    }
    copse_status status = layout_load(layout, &cid, &block, &links, err);
    if (status == COPSE_OK && placed == NULL && !layout_is_identity(&cid)) {
        status = layout_place(layout, block, links, &placed, err);
    }
    if (status == COPSE_OK && placed != NULL) {
        placed->is_passed = is_last;
    }
    if (status == COPSE_OK) {
        layout_turn(layout, top);
    }
    copse_block_unref(block);
    return status;
}

/* Depth first from `root`, until the payload has `end` bytes. */
static copse_status layout_descend(copse_car_layout *layout, const copse_cid *root, uint64_t end,
                                   copse_err *err)
{
    copse_buf_truncate(&layout->stack, 0);
    copse_status status = layout_push(layout, root) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
    while (status == COPSE_OK && layout->stack.len > 0 && layout->stats.payload_bytes < end) {
        status = layout_step_down(layout, end == UINT64_MAX, err);
    }
    return status;
}

/* Breadth first from `root`: the stack is a queue, which is read at *at. False: the next one has no
 * room before `end`. */
static copse_status layout_step_across(copse_car_layout *layout, size_t *at, uint64_t end,
                                       bool *ret_has_room, copse_err *err)
{
    copse_cid cid = layout_stacked(layout, *at);
    layout_block *placed = layout_find(layout, &cid);
    copse_block *block = NULL;
    size_t links = 0;
    *at += sizeof cid;
    if (placed != NULL && placed->is_spread) {
        return COPSE_OK;
    }
    copse_status status = layout_load(layout, &cid, &block, &links, err);
    if (status == COPSE_OK && placed == NULL && !layout_is_identity(&cid)) {
        uint64_t span = layout_span(&cid, copse_block_data_inline(block).len, links);
        *ret_has_room = span <= end - layout->stats.payload_bytes;
        status = *ret_has_room ? layout_place(layout, block, links, &placed, err) : COPSE_OK;
    }
    if (status == COPSE_OK && placed != NULL) {
        placed->is_spread = true;
    }
    copse_block_unref(block);
    return status;
}

static copse_status layout_spread(copse_car_layout *layout, const copse_cid *root, uint64_t end,
                                  copse_err *err)
{
    size_t at = 0;
    bool has_room = layout->stats.payload_bytes < end;
    copse_buf_truncate(&layout->stack, 0);
    copse_status status = layout_push(layout, root) == COPSE_OK ? COPSE_OK : COPSE_ERR_NOMEM(err);
    while (status == COPSE_OK && at < layout->stack.len && has_room) {
        status = layout_step_across(layout, &at, end, &has_room, err);
    }
    return status;
}

copse_status copse_car_layout_add(copse_car_layout *layout, const copse_cid *cid, bool alone,
                                  copse_err *err)
{
    const uint64_t front = COPSE_RANGE_FRONT_BYTES - COPSE_CAR_START_SIZE_BYTES;
    if (layout->is_written) {
        return COPSE_ERR(err, COPSE_MISUSE, "the CAR was written");
    }
    if (alone) {
        copse_buf_truncate(&layout->stack, 0);
        copse_status status = layout_push(layout, cid);
        return status == COPSE_OK ? layout_step_down(layout, false, err) : COPSE_ERR_NOMEM(err);
    }
    copse_status status = layout_descend(layout, cid, LAYOUT_WAY_BYTES, err);
    if (status == COPSE_OK) {
        status = layout_spread(layout, cid, front, err);
    }
    return status == COPSE_OK ? layout_descend(layout, cid, UINT64_MAX, err) : status;
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* A block as it was planned. */
static copse_status layout_get(copse_car_layout *layout, const layout_block *placed,
                               copse_block **ret_block, copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_block *block = NULL;
    copse_status status = copse_dag_walk_load(&layout->walk, &placed->cid, &block, err);
    if (status == COPSE_OK && copse_block_data_inline(block).len != placed->size) {
        copse_block_unref(block);
        return COPSE_ERR(err, COPSE_CORRUPT, "block %s changed while it was written",
                         copse_block_cid_text(&placed->cid, text)); /* Y3 */
    }
    if (status == COPSE_OK) {
        *ret_block = block;
    }
    return status;
}

/* Places that are written. */
typedef struct layout_places {
    copse_car_layout *layout;
    copse_buf bytes;
} layout_places;

static copse_status layout_write_place(void *ctx, const copse_cid *cid)
{
    layout_places *places = ctx;
    const layout_block *placed = layout_find(places->layout, cid);
    copse_car_place place = {.offset = 0};
    if (placed != NULL) {
        uint64_t span = layout_span_of(placed);
        place.offset = placed->offset;
        place.span = span < COPSE_CAR_PLACE_SPAN_MAX ? (uint32_t)span : COPSE_CAR_PLACE_SPAN_MAX;
    }
    return copse_car_places_add(&places->bytes, place);
}

static copse_status layout_write_places(copse_car_layout *layout, const copse_block *block,
                                        copse_car_writer *writer, copse_err *err)
{
    layout_places places = {.layout = layout};
    copse_cid cid;
    copse_buf_init(&places.bytes, layout->env, SIZE_MAX);
    copse_status status = copse_car_places_begin(&places.bytes);
    status = status == COPSE_OK
                 ? copse_dag_links(layout->env, block, layout_write_place, &places, err)
                 : COPSE_ERR_NOMEM(err);
    if (status == COPSE_OK) {
        copse_cid_of_data(COPSE_CODEC_RAW, copse_buf_view(&places.bytes), &cid);
        status = copse_car_writer_put(writer, &cid, copse_buf_view(&places.bytes), err);
    }
    copse_buf_release(&places.bytes);
    return status;
}

static copse_status layout_write_block(copse_car_layout *layout, const layout_block *placed,
                                       copse_car_writer *writer, copse_err *err)
{
    copse_block *block = NULL;
    copse_status status = layout_get(layout, placed, &block, err);
    if (status == COPSE_OK) {
        status = copse_car_writer_put(writer, &placed->cid, copse_block_data_inline(block), err);
    }
    if (status == COPSE_OK && placed->links > 0) {
        status = layout_write_places(layout, block, writer, err);
    }
    copse_block_unref(block);
    if (status == COPSE_OK) {
        layout->stats.written_bytes = placed->offset + layout_span_of(placed);
        status = layout_tell(layout, err);
    }
    return status;
}

copse_status copse_car_layout_write(copse_car_layout *layout, copse_car_sink sink, copse_err *err)
{
    const copse_car_writer_options options = {
        .version = 2, .data_size = layout->stats.payload_bytes, .fully_indexed = true};
    copse_car_writer *writer = NULL;
    if (layout->is_written) {
        return COPSE_ERR(err, COPSE_MISUSE, "the CAR was written");
    }
    layout->is_written = true;
    copse_status status =
        copse_car_writer_new(layout->env, &options, sink, &layout->root, 1, &writer, err);
    for (const layout_block *at = layout->first; at != NULL && status == COPSE_OK; at = at->next) {
        status = layout_write_block(layout, at, writer, err);
    }
    if (status == COPSE_OK) {
        status = copse_car_writer_finish(writer, NULL, err);
    }
    (void)copse_car_writer_free(writer);
    return status;
}

copse_status copse_car_layout_visit(copse_car_layout *layout,
                                    copse_status (*visit)(void *ctx, copse_block *block,
                                                          copse_err *err),
                                    void *ctx, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (const layout_block *at = layout->first; at != NULL && status == COPSE_OK; at = at->next) {
        copse_block *block = NULL;
        status = layout_get(layout, at, &block, err);
        if (status == COPSE_OK) {
            status = visit(ctx, block, err);
        }
        copse_block_unref(block);
    }
    return status;
}
