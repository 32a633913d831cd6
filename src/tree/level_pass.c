/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/level_pass.h"

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

/* L6: the first time in a range, and from then on. */
enum { PASS_HINTS = 3, PASS_HINTS_FAR = 8 };

/* The range that is being taken in. */
typedef struct pass_range {
    copse_tree *tree;
    copse_bytes from;
    copse_bytes to;
    bool has_to;
    bool is_last; /* nothing follows it */
} pass_range;

/* ---- output ---- */

static copse_status pass_append(copse_level_pass *pass, const copse_piece *piece, copse_err *err)
{
    void *out = pass->out;
    bool grown = copse_array_grow(pass->env, &out, &pass->out_capacity, pass->out_count + 1,
                                  sizeof *pass->out);
    pass->out = out;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    pass->out[pass->out_count++] = *piece;
    return COPSE_OK;
}

static copse_status pass_dup(copse_level_pass *pass, copse_bytes *bytes, copse_err *err)
{
    *bytes = copse_arena_dup(pass->arena, *bytes);
    return bytes->ptr != NULL ? COPSE_OK : COPSE_ERR_NOMEM(err);
}

static copse_status pass_on_chunk(void *ctx, const copse_chunk *chunk, copse_err *err)
{
    copse_level_pass *pass = ctx;
    const copse_cid *cid = copse_block_cid(chunk->block);
    copse_piece piece = {.key = chunk->first_key,
                         .value = {cid->bytes, cid->size},
                         .count = chunk->count,
                         .ahead = chunk->ahead,
                         .entries = chunk->entries};
    copse_status status = pass_dup(pass, &piece.key, err);
    if (status == COPSE_OK) {
        piece.block = chunk->block;
        status = pass_append(pass, &piece, err);
    }
    if (status == COPSE_OK) {
        (void)copse_block_ref(chunk->block);
    }
    return status;
}

static void pass_drop_last(copse_level_pass *pass)
{
    copse_block_unref(pass->out[--pass->out_count].block);
}

void copse_level_pass_init(copse_level_pass *pass, const copse_env *env, copse_arena *arena,
                           const copse_tree_config *config, size_t level)
{
    memset(pass, 0, sizeof *pass);
    pass->env = env;
    pass->arena = arena;
    pass->level = level;
    copse_chunker_init(&pass->chunker, env, config, (uint32_t)level, pass_on_chunk, pass);
}

void copse_level_pass_release(copse_level_pass *pass)
{
    if (pass->env == NULL) {
        return;
    }
    while (pass->out_count > 0) {
        pass_drop_last(pass);
    }
    copse_free_array(pass->env, pass->out, pass->out_capacity, sizeof *pass->out);
    copse_walk_release(&pass->walk);
    copse_chunker_release(&pass->chunker);
}

/* ---- taking nodes over whole ---- */

/* L2: moves the walk back from the node that holds range->to, or begins there, to the last node
 * that the range may be left at. `floor`: not before the node that begins there. */
static copse_status pass_look_back(copse_level_pass *pass, const pass_range *range,
                                   copse_bytes floor, copse_err *err)
{
    copse_walk *walk = &pass->walk;
    copse_node *node;
    uint64_t place = 0; /* of range->to, counted from the walk's node */
    copse_status status = COPSE_OK;
    if (copse_walk_ahead(walk) == 0) {
        return COPSE_OK;
    }
    if (copse_bytes_compare(copse_walk_key(walk), range->to) < 0) {
        status = copse_walk_load(walk, &node, err);
        if (status != COPSE_OK) {
            return status;
        }
        place = copse_node_lower(node, range->to);
        copse_node_unref(pass->env, node);
    }
    while (place < copse_walk_ahead(walk) && copse_bytes_compare(copse_walk_key(walk), floor) > 0) {
        status = copse_walk_prev(walk, err);
        if (status == COPSE_OK) {
            status = copse_walk_load(walk, &node, err);
        }
        if (status != COPSE_OK) {
            return status;
        }
        place += node->count;
        copse_node_unref(pass->env, node);
    }
    return COPSE_OK;
}

/* L1: standing at the begin of a node with an empty queue, takes over as many nodes as it may and
 * moves the walk to the first that it may not. *ret_taken: whether it took any; *ret_ended: whether
 * nothing of the range is left. */
static copse_status pass_take_whole(copse_level_pass *pass, const pass_range *range,
                                    bool *ret_taken, bool *ret_ended, copse_err *err)
{
    copse_walk *walk = &pass->walk;
    copse_piece piece = {.tree = range->tree, .has_to = true};
    bool to_end = !range->has_to && range->is_last;
    *ret_taken = false;
    *ret_ended = false;
    if (walk->depth == 0 && (!to_end || range->tree->empty)) {
        return COPSE_OK; /* the only node of its level is open, or there is nothing in it */
    }
    if (walk->depth > 0) {
        piece.from = copse_walk_key(walk);
    }
    copse_status status = pass_dup(pass, &piece.from, err);
    if (status == COPSE_OK && to_end) { /* L4 */
        piece.has_to = false;
        *ret_taken = true;
        *ret_ended = true;
        return pass_append(pass, &piece, err);
    }
    if (status == COPSE_OK) {
        status =
            range->has_to ? copse_walk_seek(walk, range->to, err) : copse_walk_seek_last(walk, err);
    }
    if (status == COPSE_OK && range->has_to) {
        status = pass_look_back(pass, range, piece.from, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    piece.to = copse_walk_key(walk);
    if (copse_bytes_compare(piece.to, piece.from) <= 0) {
        return copse_walk_seek(walk, piece.from, err);
    }
    *ret_taken = true;
    *ret_ended = range->has_to && copse_bytes_compare(piece.to, range->to) >= 0;
    status = pass_dup(pass, &piece.to, err);
    copse_chunker_reset(&pass->chunker, copse_walk_ahead(walk));
    pass->fed = 0;
    pass->rewound = 0;
    pass->marks_count = 0;
    return status == COPSE_OK ? pass_append(pass, &piece, err) : status;
}

/* ---- feeding ---- */

/* How many nodes before the walk's the node begins that the queue begins with; false if none of
 * those fed last does. */
static bool pass_find_mark(const copse_level_pass *pass, uint64_t begin, size_t *ret_back)
{
    for (size_t back = 0; back < pass->marks_count && back < COPSE_PASS_MARKS_MAX; back++) {
        uint64_t mark = pass->marks[(pass->marks_count - 1 - back) % COPSE_PASS_MARKS_MAX];
        if (mark <= begin) {
            *ret_back = back;
            return mark == begin;
        }
    }
    return false;
}

/* Moves the walk by `count` nodes, which are there. */
static copse_status pass_move(copse_level_pass *pass, size_t count, bool forward, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        status = forward ? copse_walk_next(&pass->walk, err) : copse_walk_prev(&pass->walk, err);
    }
    return status;
}

/* L3: after a forced cut, the queue holds the entries fed last. If they begin at a node's begin,
 * the walk goes back there. */
static copse_status pass_rewind(copse_level_pass *pass, bool *ret_rewound, copse_err *err)
{
    copse_chunker *chunker = &pass->chunker;
    uint64_t begin = pass->fed - chunker->count;
    size_t back;
    if (chunker->count > pass->fed || begin < pass->rewound || pass->walk.depth == 0 ||
        !pass_find_mark(pass, begin, &back)) {
        return COPSE_OK;
    }
    copse_status status = pass_move(pass, back, false, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_walk_ahead(&pass->walk) != chunker->ahead ||
        !copse_bytes_equal(copse_walk_key(&pass->walk), copse_chunker_first_key(chunker))) {
        return pass_move(pass, back, true, err);
    }
    copse_chunker_reset(chunker, chunker->ahead);
    pass->fed = begin;
    pass->rewound = begin + 1;
    pass->marks_count -= back + 1;
    *ret_rewound = true;
    return COPSE_OK;
}

/* Feeds the node that the walk stands on, as far as it is in the range. *ret_left: the range ends
 * in it. *ret_rewound: the walk went back (L3). */
static copse_status pass_feed_node(copse_level_pass *pass, const pass_range *range, bool *ret_left,
                                   bool *ret_rewound, copse_err *err)
{
    copse_node *node;
    copse_status status = copse_walk_load(&pass->walk, &node, err);
    if (status != COPSE_OK) {
        return status;
    }
    uint32_t begin = copse_node_lower(node, range->from);
    uint32_t end = range->has_to ? copse_node_lower(node, range->to) : node->count;
    pass->nodes_read++;
    if (begin == 0) {
        pass->marks[pass->marks_count++ % COPSE_PASS_MARKS_MAX] = pass->fed;
    }
    *ret_rewound = false;
    for (uint32_t i = begin; status == COPSE_OK && i < end && !*ret_rewound; i++) {
        uint64_t forced = pass->chunker.forced;
        status = copse_chunker_add_from(&pass->chunker, node, i, err);
        pass->fed++;
        if (status == COPSE_OK && pass->chunker.forced != forced && pass->chunker.count > 0) {
            status = pass_rewind(pass, ret_rewound, err);
        }
    }
    *ret_left = end < node->count;
    copse_node_unref(pass->env, node);
    return status;
}

/* Whether the range begins at or before the begin of the node that the walk stands on. */
static copse_status pass_at_begin(copse_level_pass *pass, const pass_range *range, bool *ret_begin,
                                  copse_err *err)
{
    if (range->from.len == 0) {
        *ret_begin = true; /* below every key; the walk stands on the first node */
        return COPSE_OK;
    }
    if (pass->walk.depth > 0) {
        *ret_begin = copse_bytes_compare(range->from, copse_walk_key(&pass->walk)) <= 0;
        return COPSE_OK;
    }
    copse_node *node;
    copse_status status = copse_walk_load(&pass->walk, &node, err);
    if (status == COPSE_OK) {
        *ret_begin =
            node->count == 0 || copse_bytes_compare(range->from, copse_node_key(node, 0)) <= 0;
        copse_node_unref(pass->env, node);
    }
    return status;
}

static copse_status pass_add_range(copse_level_pass *pass, const pass_range *range, copse_err *err)
{
    copse_walk *walk = &pass->walk;
    bool begin;
    copse_status status = copse_walk_seek(walk, range->from, err);
    if (status == COPSE_OK) {
        status = pass_at_begin(pass, range, &begin, err);
    }
    pass->fed = 0;
    pass->rewound = 0;
    pass->marks_count = 0;
    while (status == COPSE_OK) {
        bool taken;
        bool ended = false;
        bool left;
        bool rewound;
        if (begin && pass->chunker.count == 0 && pass->chunker.ahead == copse_walk_ahead(walk)) {
            status = pass_take_whole(pass, range, &taken, &ended, err);
        }
        if (status != COPSE_OK || ended ||
            (begin && walk->depth > 0 && range->has_to &&
             copse_bytes_compare(copse_walk_key(walk), range->to) >= 0)) {
            break;
        }
        status = pass_feed_node(pass, range, &left, &rewound, err);
        begin = true;
        if (status == COPSE_OK && !rewound) {
            status = left ? COPSE_END : copse_walk_next(walk, err);
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

/* Above its top a tree has one entry, the top. */
static copse_status pass_add_top(copse_level_pass *pass, const pass_range *range, copse_err *err)
{
    copse_node *top;
    copse_status status = copse_tree_load_top(range->tree, &top, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (top->count > 0) {
        copse_bytes key = copse_node_key(top, 0);
        if (copse_bytes_compare(range->from, key) <= 0 &&
            (!range->has_to || copse_bytes_compare(key, range->to) < 0)) {
            const copse_cid *cid = &range->tree->top;
            status =
                copse_chunker_add_child(&pass->chunker, key, (copse_bytes){cid->bytes, cid->size},
                                        copse_node_total(top), 0, err);
        }
    }
    copse_node_unref(pass->env, top);
    return status;
}

static copse_status pass_add_entry(copse_level_pass *pass, const copse_piece *piece, copse_err *err)
{
    if (pass->level == 0) {
        return copse_chunker_add(&pass->chunker, piece->key, piece->value, err);
    }
    return copse_chunker_add_child(&pass->chunker, piece->key, piece->value, piece->count,
                                   piece->ahead, err);
}

/* L5, L6 */
static copse_status pass_starve(copse_level_pass *pass, copse_status status, copse_err *err)
{
    if (status != COPSE_WANT) {
        return status;
    }
    pass->starved = true;
    copse_chunker_reset(&pass->chunker, 0);
    size_t hints = pass->marks_count > 1 ? PASS_HINTS_FAR : PASS_HINTS;
    return pass->fed > 0 ? copse_walk_hint_next(&pass->walk, hints, err) : COPSE_OK;
}

copse_status copse_level_pass_add(copse_level_pass *pass, const copse_piece *piece, bool is_last,
                                  copse_err *err)
{
    if (piece->tree == NULL) {
        return pass_add_entry(pass, piece, err);
    }
    pass_range range = {piece->tree, piece->from, piece->to, piece->has_to, is_last};
    if (pass->level >= piece->tree->height) {
        return pass_starve(pass, pass_add_top(pass, &range, err), err);
    }
    if (pass->walk.tree != piece->tree) {
        copse_walk_release(&pass->walk);
        copse_walk_init(&pass->walk, piece->tree, pass->level);
    }
    return pass_starve(pass, pass_add_range(pass, &range, err), err);
}

/* ---- the end of the level ---- */

/* The chunk before the last: made by this pass, or the last node of a range. Taken out of `out`. */
static copse_status pass_take_back(copse_level_pass *pass, copse_node **ret_node,
                                   uint32_t *ret_ahead, copse_err *err)
{
    copse_piece *last = &pass->out[pass->out_count - 1];
    if (last->tree == NULL) {
        copse_status status =
            copse_node_parse(pass->env, last->block, COPSE_TREE_OURS, ret_node, err);
        if (status == COPSE_OK) {
            *ret_ahead = last->ahead;
            pass_drop_last(pass);
        }
        return status;
    }
    copse_walk walk;
    copse_walk_init(&walk, last->tree, pass->level);
    copse_status status = copse_walk_seek(&walk, last->to, err);
    if (status == COPSE_OK && copse_bytes_compare(copse_walk_key(&walk), last->to) >= 0) {
        status = copse_walk_prev(&walk, err);
    }
    if (status == COPSE_OK) {
        status = copse_walk_load(&walk, ret_node, err);
    }
    if (status == COPSE_OK) {
        *ret_ahead = copse_walk_ahead(&walk);
        last->to = copse_walk_key(&walk);
        bool empty = copse_bytes_compare(last->from, last->to) >= 0;
        status = pass_dup(pass, &last->to, err);
        if (empty) {
            pass_drop_last(pass);
        }
        if (status != COPSE_OK) {
            copse_node_unref(pass->env, *ret_node);
        }
    }
    copse_walk_release(&walk);
    return status;
}

copse_status copse_level_pass_finish(copse_level_pass *pass, copse_err *err)
{
    copse_status status = COPSE_OK;
    if (pass->starved) {
        return COPSE_WANT;
    }
    if (pass->level > 0 && pass->chunker.count == 1 && pass->out_count > 0) {
        copse_node *node;
        uint32_t ahead;
        status = pass_take_back(pass, &node, &ahead, err);
        if (status == COPSE_OK) {
            status = copse_chunker_join(&pass->chunker, node, ahead, err);
            copse_node_unref(pass->env, node);
        }
    }
    if (status == COPSE_OK) {
        status = copse_chunker_flush(&pass->chunker, pass->level == 0 && pass->out_count == 0, err);
    }
    return status;
}
