/* Checking a whole tree: one pass in key order, a branch before its children.
 *
 *   T1  Each node is read from the source, hashed, and parsed anew.
 *   T2  Its place is judged as on the way down of any read (P1..P4 of tree.h). Below a node that is
 *       out of its place nothing is read: so the nodes that are read have different first keys, and
 *       a tree that links a node a thousand times costs no more than one that links it once.
 *   T3  The levels are compared with the chunking rule as check_level.h says. A branch is given to
 *       its level when it is left, not when it is entered: by then a leaf was seen, and with it the
 *       height that the level's number follows from.
 *
 * Cost: a path of nodes, and a chunk a level; each block is hashed twice.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/check.h>

#include "base/alloc.h"
#include "base/err.h"
#include "tree/check_level.h"
#include "tree/tree.h"

#include <copse/dag_cbor.h>

#include <string.h>

const char *copse_check_kind_name(copse_check_kind kind)
{
    static const char *const names[] = {"MISSING",     "HASH",        "FORMAT",     "KEY_ORDER",
                                        "VALUE",       "PARENT_KEY",  "KEY_RANGE",  "COUNT",
                                        "AHEAD",       "DEPTH",       "EMPTY_NODE", "SINGLE_CHILD",
                                        "EXTRA_LEVEL", "SPLIT_EARLY", "SPLIT_LATE", "FORCED_CUTS"};
    return (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}

typedef struct check_frame {
    copse_node *node;
    uint32_t next; /* child to be read next */
} check_frame;

typedef struct check_pass {
    copse_tree *tree;
    const copse_env *env;
    const copse_check_observer *observer;
    copse_tree_stats *stats;
    size_t height;    /* 0: not known yet */
    size_t gap_depth; /* least depth of a node that was skipped; SIZE_MAX: none */
    uint64_t total;
    size_t depth; /* frames in use */
    check_frame frames[COPSE_TREE_LEVELS_MAX];
    copse_check_level *levels[COPSE_TREE_LEVELS_MAX]; /* by depth */
} check_pass;

static copse_status check_report(void *ctx, copse_check_kind kind, size_t depth,
                                 const copse_cid *cid, const char *message, copse_err *err)
{
    check_pass *pass = ctx;
    pass->stats->findings++;
    if (pass->observer == NULL || pass->observer->finding == NULL) {
        return COPSE_OK;
    }
    const copse_check_finding finding = {kind, cid, depth, message};
    return pass->observer->finding(pass->observer->ctx, &finding, err);
}

static copse_status check_get_level(check_pass *pass, size_t depth, copse_check_level **ret_level,
                                    copse_err *err)
{
    if (pass->levels[depth] == NULL) {
        pass->levels[depth] = copse_check_level_new(pass->env, depth, check_report, pass);
        if (pass->levels[depth] == NULL) {
            return COPSE_ERR_NOMEM(err);
        }
        pass->levels[depth]->gap = depth >= pass->gap_depth;
    }
    *ret_level = pass->levels[depth];
    return COPSE_OK;
}

/* ---- one node ---- */

/* Whether the keys that `reader` stands before are in order. */
static copse_check_kind check_classify_keys(copse_cbor_reader *reader, uint64_t count)
{
    copse_cbor_item key;
    copse_bytes last = {NULL, 0};
    for (uint64_t i = 0; i < count; i++) {
        if (copse_cbor_next(reader, &key, NULL) != COPSE_OK || key.kind != COPSE_CBOR_BYTES) {
            return COPSE_CHECK_FORMAT;
        }
        if (i > 0 && copse_bytes_compare(last, key.bytes) >= 0) {
            return COPSE_CHECK_KEY_ORDER;
        }
        last = key.bytes;
    }
    return COPSE_CHECK_VALUE;
}

/* Why the strict parser refused a node: KEY_ORDER, VALUE, or FORMAT for all else. */
static copse_check_kind check_classify(copse_bytes data, const copse_limits *limits)
{
    copse_cbor_reader reader;
    copse_cbor_item tuple;
    copse_cbor_item leaf;
    copse_cbor_item list;
    copse_cbor_reader_init_lax(&reader, data);
    if (copse_cbor_next(&reader, &tuple, NULL) != COPSE_OK || tuple.kind != COPSE_CBOR_ARRAY ||
        copse_cbor_next(&reader, &leaf, NULL) != COPSE_OK || leaf.kind != COPSE_CBOR_BOOL ||
        copse_cbor_next(&reader, &list, NULL) != COPSE_OK || list.kind != COPSE_CBOR_ARRAY) {
        return COPSE_CHECK_FORMAT;
    }
    copse_check_kind kind = check_classify_keys(&reader, list.arg);
    if (kind != COPSE_CHECK_VALUE || !leaf.boolean ||
        copse_cbor_next(&reader, &list, NULL) != COPSE_OK || list.kind != COPSE_CBOR_ARRAY) {
        return kind == COPSE_CHECK_VALUE ? COPSE_CHECK_FORMAT : kind;
    }
    for (uint64_t i = 0; i < list.arg && reader.at < reader.end; i++) {
        copse_bytes rest = {reader.at, (size_t)(reader.end - reader.at)};
        size_t size;
        if (copse_dag_cbor_item_size(rest, limits, COPSE_CBOR_STRICT, &size, NULL) != COPSE_OK) {
            return COPSE_CHECK_VALUE;
        }
        reader.at += size;
    }
    return COPSE_CHECK_FORMAT;
}

/* T1. Reports what is wrong; *ret_node stays NULL then. */
static copse_status check_load(check_pass *pass, copse_bytes cid_bytes, size_t depth,
                               copse_node **ret_node, copse_err *err)
{
    copse_cid cid;
    copse_block *block;
    copse_err why = {0};
    copse_status status = copse_cid_from_bytes(cid_bytes, &cid, &why);
    if (status != COPSE_OK) {
        return check_report(pass, COPSE_CHECK_FORMAT, depth, &pass->tree->top, why.message, err);
    }
    status = copse_source_get(pass->tree->cache->source, &cid, &block, &why);
    if (status == COPSE_WANT) {
        return check_report(pass, COPSE_CHECK_MISSING, depth, &cid, "the block is not there", err);
    }
    if (status == COPSE_CORRUPT) {
        return check_report(pass, COPSE_CHECK_HASH, depth, &cid, why.message, err);
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "%s", why.message);
    }
    copse_check_kind kind = COPSE_CHECK_HASH;
    status = copse_block_verify(block, &why);
    if (status == COPSE_OK) {
        status = copse_node_parse(pass->env, block, pass->tree->kind, ret_node, &why);
        if (status == COPSE_CORRUPT || status == COPSE_LIMIT) {
            kind = check_classify(copse_block_data(block), &pass->env->limits);
        } else if (status == COPSE_OK) {
            kind = COPSE_CHECK_FORMAT;
            status = copse_tree_check_node(pass->tree, *ret_node, &why);
            if (status != COPSE_OK) {
                *ret_node = copse_node_unref(pass->env, *ret_node);
            }
        }
    }
    if (status != COPSE_OK && status != COPSE_NOMEM) {
        status = check_report(pass, kind, depth, &cid, why.message, err);
    } else if (status == COPSE_NOMEM) {
        status = COPSE_ERR_NOMEM(err);
    }
    copse_block_unref(block);
    return status;
}

/* What bounds the keys below child `index` of the last frame: in trees with first keys from above,
 * in those with last keys from below. */
static bool check_bound(const check_pass *pass, uint32_t index, copse_bytes *ret_bound)
{
    bool go = pass->tree->kind == COPSE_TREE_GO;
    for (size_t i = pass->depth; i-- > 0;) {
        const check_frame *frame = &pass->frames[i];
        uint32_t at = i + 1 == pass->depth ? index : frame->next - 1;
        if (go ? at > 0 : at + 1 < frame->node->count) {
            *ret_bound = copse_node_key(frame->node, go ? at - 1 : at + 1);
            return true;
        }
    }
    return false;
}

/* P4. False: the node is not looked at. */
static bool check_depth(check_pass *pass, const copse_node *node, const char **ret_message)
{
    size_t depth = pass->depth;
    if (node->leaf && pass->height == 0) {
        pass->height = depth + 1;
    }
    if (pass->height != 0 && node->leaf != (depth + 1 == pass->height)) {
        *ret_message = "leaves stand at different depths";
        return false;
    }
    if (depth + 1 >= COPSE_TREE_LEVELS_MAX || depth >= pass->env->limits.tree_levels_max) {
        *ret_message = "the tree has too many levels";
        return false;
    }
    return true;
}

/* P1 and P2. The kind of what is wrong, or FORMAT if nothing is. */
static copse_check_kind check_keys(const check_pass *pass, const copse_node *node, uint32_t index)
{
    copse_bytes named = copse_node_key(pass->frames[pass->depth - 1].node, index);
    copse_bytes first = copse_node_key(node, 0);
    copse_bytes last = copse_node_key(node, node->count - 1);
    bool go = pass->tree->kind == COPSE_TREE_GO;
    copse_bytes bound;
    if (!copse_bytes_equal(go ? last : first, named)) {
        return COPSE_CHECK_PARENT_KEY;
    }
    if (check_bound(pass, index, &bound) &&
        (go ? copse_bytes_compare(bound, first) >= 0 : copse_bytes_compare(last, bound) >= 0)) {
        return COPSE_CHECK_KEY_RANGE;
    }
    return COPSE_CHECK_FORMAT;
}

/* T2, for a node below the top. *ret_fits: whether it is in its place, so that what is below it is
 * looked at. */
static copse_status check_place(check_pass *pass, const copse_node *node, uint32_t index,
                                bool *ret_fits, copse_err *err)
{
    const copse_node *parent = pass->frames[pass->depth - 1].node;
    const copse_cid *cid = copse_block_cid(node->block);
    *ret_fits = false;
    if (node->count == 0) {
        return check_report(pass, COPSE_CHECK_EMPTY_NODE, pass->depth, cid,
                            "an empty node below the top", err);
    }
    copse_check_kind kind = check_keys(pass, node, index);
    if (kind != COPSE_CHECK_FORMAT) {
        return check_report(pass, kind, pass->depth, cid,
                            kind == COPSE_CHECK_PARENT_KEY
                                ? "its parent's key for it is not its own"
                                : "its keys reach into those of its neighbour",
                            err);
    }
    *ret_fits = true;
    copse_status status = COPSE_OK;
    if (parent->sums != NULL && copse_node_total(node) != copse_node_child_count(parent, index)) {
        status = check_report(pass, COPSE_CHECK_COUNT, pass->depth, cid,
                              "its entries are not as many as its parent counts", err);
    }
    if (status == COPSE_OK && pass->tree->kind == COPSE_TREE_OURS && !node->leaf &&
        node->count == 1) {
        status = check_report(pass, COPSE_CHECK_SINGLE_CHILD, pass->depth, cid,
                              "a branch with one child", err);
    }
    return status;
}

static copse_status check_place_of_top(check_pass *pass, const copse_node *node, copse_err *err)
{
    pass->total = copse_node_has_total(node) ? copse_node_total(node) : 0;
    if (node->leaf || node->count > 1 || pass->tree->kind != COPSE_TREE_OURS) {
        return COPSE_OK;
    }
    return check_report(pass, COPSE_CHECK_EXTRA_LEVEL, 0, copse_block_cid(node->block),
                        "the top is a branch with one child", err);
}

/* ---- the pass ---- */

/* A node at pass->depth is not there, and with it all below it (K3). */
static copse_status check_skip(check_pass *pass, copse_err *err)
{
    copse_status status = COPSE_OK;
    pass->gap_depth = pass->depth < pass->gap_depth ? pass->depth : pass->gap_depth;
    for (size_t i = pass->depth; status == COPSE_OK && i < COPSE_TREE_LEVELS_MAX; i++) {
        if (pass->levels[i] != NULL) {
            status = copse_check_level_skip(pass->levels[i], err);
        }
    }
    return status;
}

/* Gives a node to its level. */
static copse_status check_feed(check_pass *pass, const copse_node *node, size_t depth,
                               copse_err *err)
{
    copse_check_level *level = NULL;
    copse_status status = check_get_level(pass, depth, &level, err);
    if (status != COPSE_OK || pass->tree->kind != COPSE_TREE_OURS) {
        return status;
    }
    if (pass->height == 0) { /* nothing below it could be read */
        return copse_check_level_skip(level, err);
    }
    const check_frame *parent = depth > 0 ? &pass->frames[depth - 1] : NULL;
    uint32_t ahead = parent != NULL ? copse_node_ahead(parent->node, parent->next - 1) : 0;
    return copse_check_level_feed(level, &pass->tree->config, (uint32_t)(pass->height - 1 - depth),
                                  node, ahead, err);
}

static copse_status check_leaf(check_pass *pass, const copse_node *leaf, copse_err *err)
{
    copse_tree_stats *stats = pass->stats;
    for (uint32_t i = 0; i < leaf->count; i++) {
        stats->key_size_bytes += copse_node_key(leaf, i).len;
        stats->value_size_bytes += copse_node_value(leaf, i).len;
    }
    stats->entries += leaf->count;
    copse_status status = check_feed(pass, leaf, pass->depth, err);
    if (status == COPSE_OK && pass->observer != NULL && pass->observer->progress != NULL) {
        status = pass->observer->progress(pass->observer->ctx, stats->entries, pass->total, err);
    }
    return status;
}

/* Uses a node that is in its place: takes over the reference. */
static copse_status check_enter(check_pass *pass, copse_node *node, copse_err *err)
{
    copse_check_level *level = NULL;
    copse_status status = check_get_level(pass, pass->depth, &level, err);
    if (status == COPSE_OK) {
        copse_check_level_count(level, node);
    }
    if (status == COPSE_OK && !node->leaf) {
        pass->frames[pass->depth++] = (check_frame){.node = node};
        return COPSE_OK;
    }
    if (status == COPSE_OK) {
        status = check_leaf(pass, node, err);
    }
    copse_node_unref(pass->env, node);
    return status;
}

/* Reads the node `cid`, child `index` of the last frame, or the top. */
static copse_status check_visit(check_pass *pass, copse_bytes cid, uint32_t index, copse_err *err)
{
    copse_node *node = NULL;
    const char *message;
    bool fits = false;
    copse_status status = check_load(pass, cid, pass->depth, &node, err);
    if (status == COPSE_OK && node != NULL) {
        if (!check_depth(pass, node, &message)) {
            status = check_report(pass, COPSE_CHECK_DEPTH, pass->depth,
                                  copse_block_cid(node->block), message, err);
        } else if (pass->depth > 0) {
            status = check_place(pass, node, index, &fits, err);
        } else {
            fits = true;
            status = check_place_of_top(pass, node, err);
        }
    }
    if (status == COPSE_OK && fits) {
        return check_enter(pass, node, err);
    }
    copse_node_unref(pass->env, node);
    return status == COPSE_OK ? check_skip(pass, err) : status;
}

static copse_status check_run(check_pass *pass, copse_err *err)
{
    const copse_cid *top = &pass->tree->top;
    copse_status status = check_visit(pass, (copse_bytes){top->bytes, top->size}, 0, err);
    while (status == COPSE_OK && pass->depth > 0) {
        check_frame *frame = &pass->frames[pass->depth - 1];
        if (frame->next < frame->node->count) {
            uint32_t index = frame->next++;
            status = check_visit(pass, copse_node_link(frame->node, index), index, err);
            continue;
        }
        pass->depth--;
        status = check_feed(pass, frame->node, pass->depth, err);
        copse_node_unref(pass->env, frame->node);
    }
    return status;
}

/* Ends the levels, and sums up. */
static copse_status check_finish(check_pass *pass, copse_err *err)
{
    copse_tree_stats *stats = pass->stats;
    stats->levels = pass->height;
    for (size_t depth = 0; depth < COPSE_TREE_LEVELS_MAX; depth++) {
        copse_check_level *level = pass->levels[depth];
        if (level == NULL) {
            continue;
        }
        copse_status status = copse_check_level_finish(level, err);
        if (status != COPSE_OK) {
            return status;
        }
        stats->nodes += level->stats.nodes;
        stats->size_bytes += level->stats.size_bytes;
        if (depth < pass->height) {
            stats->level[pass->height - 1 - depth] = level->stats;
        }
    }
    return COPSE_OK;
}

/* Root tuple and config: their hashes. What they say was read when the tree was opened. */
static copse_status check_root(check_pass *pass, copse_err *err)
{
    const copse_cid *cids[] = {&pass->tree->root, &pass->tree->config_cid};
    copse_tree_config config;
    copse_cid known;
    copse_tree_config_init(&config);
    copse_status status = copse_tree_config_cid(pass->env, &config, &known, err);
    for (size_t i = 0; status == COPSE_OK && i < 2; i++) {
        copse_block *block = NULL;
        if (i == 1 && copse_cid_equal(cids[1], &known)) {
            break;
        }
        copse_err why = {0};
        status = copse_source_get(pass->tree->cache->source, cids[i], &block, &why);
        if (status == COPSE_OK) {
            status = copse_block_verify(block, &why);
            copse_block_unref(block);
        }
        if (status == COPSE_WANT) {
            status =
                check_report(pass, COPSE_CHECK_MISSING, 0, cids[i], "the block is not there", err);
        } else if (status == COPSE_CORRUPT || status == COPSE_MISUSE) {
            status = check_report(pass, COPSE_CHECK_HASH, 0, cids[i], why.message, err);
        } else if (status != COPSE_OK) {
            status = COPSE_ERR(err, status, "%s", why.message);
        }
    }
    return status;
}

copse_status copse_tree_check(copse_tree *tree, const copse_check_observer *observer,
                              copse_tree_stats *ret_stats, copse_err *err)
{
    copse_tree_stats stats = {0};
    check_pass pass = {.tree = tree,
                       .env = tree->env,
                       .observer = observer,
                       .stats = &stats,
                       .gap_depth = SIZE_MAX};
    copse_source_begin(tree->cache->source);
    copse_status status = check_root(&pass, err);
    if (status == COPSE_OK) {
        status = check_run(&pass, err);
    }
    if (status == COPSE_OK) {
        status = check_finish(&pass, err);
    }
    while (pass.depth > 0) {
        copse_node_unref(pass.env, pass.frames[--pass.depth].node);
    }
    for (size_t i = 0; i < COPSE_TREE_LEVELS_MAX; i++) {
        copse_check_level_free(pass.levels[i]);
    }
    if (status == COPSE_OK && ret_stats != NULL) {
        *ret_stats = stats;
    }
    return status;
}

/* ---- statistics ---- */

/* Missing blocks are remembered, so that all are wanted at once. */
static copse_status check_stat_finding(void *ctx, const copse_check_finding *finding,
                                       copse_err *err)
{
    bool *missing = ctx;
    switch (finding->kind) {
    case COPSE_CHECK_MISSING:
        *missing = true;
        return COPSE_OK;
    case COPSE_CHECK_AHEAD:
    case COPSE_CHECK_SINGLE_CHILD:
    case COPSE_CHECK_EXTRA_LEVEL:
    case COPSE_CHECK_SPLIT_EARLY:
    case COPSE_CHECK_SPLIT_LATE:
    case COPSE_CHECK_FORCED_CUTS:
        return COPSE_OK;
    default:
        return COPSE_ERR(err, COPSE_CORRUPT, "%s: %s", copse_check_kind_name(finding->kind),
                         finding->message);
    }
}

copse_status copse_tree_stat(copse_tree *tree, copse_tree_stats *ret_stats, copse_err *err)
{
    bool missing = false;
    copse_tree_stats stats;
    const copse_check_observer observer = {.finding = check_stat_finding, .ctx = &missing};
    copse_status status = copse_tree_check(tree, &observer, &stats, err);
    if (status == COPSE_OK && missing) {
        status = COPSE_WANT;
    }
    if (status == COPSE_OK) {
        *ret_stats = stats;
    }
    return status;
}
