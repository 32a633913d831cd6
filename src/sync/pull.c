/* The pull: a diff (diff.h) for each range, and the links of the entries that it gives.
 *
 *     parts      | ended | current | peeked | peeked | not begun |
 *     wants      what the diffs need next, in that order
 *     links      of entries that were given, to blocks that were missing then
 *
 * The current part is read entry by entry. Where it lacks a node, the parts behind it are asked for
 * their first entry, so that what they lack comes in the same round; an entry that is there is kept
 * until its part is current. Links are gathered until they fill a want list, and go along with the
 * nodes before.
 *
 * The diffs and the estimates clear the source's want list whenever they are called. So it is
 * written last, by hints, which pass over what has come meanwhile and what is on the list already.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/pull.h>

#include <copse/dag_cbor.h>
#include <copse/diff.h>

#include "base/alloc.h"
#include "base/err.h"
#include "tree/estimate.h"

#include <string.h>

enum { PULL_STEP_ENTRIES = 1024 }; /* after so many a call returns, to show how far it is */

typedef struct pull_part {
    copse_diff *diff;
    copse_key_range range; /* a copy of the caller's, one piece of memory */
    uint64_t total;        /* entries of the new tree in it */
    bool is_exact;         /* total */
    bool has_change;
    bool has_ended;
    copse_change change; /* its views are good until the diff is asked for more */
} pull_part;

/* A growing array. */
typedef struct pull_list {
    copse_cid *cids;
    size_t count;
    size_t capacity;
} pull_list;

struct copse_pull {
    const copse_env *env;
    copse_tree *after;
    copse_source *source;
    pull_part *parts;
    size_t parts_count;
    size_t current;
    copse_pull_slots_fn slots; /* NULL: a value is the one slot */
    pull_list wants;
    pull_list links;
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX]; /* the last one of the new tree that was given */
    size_t key_size;
    bool has_key;    /* of the current part */
    uint64_t given;  /* entries of the new tree */
    uint64_t linked; /* links of the entry at hand */
    copse_pull_stats stats;
};

/* ---- Beginning ---- */

static size_t pull_range_size(const copse_key_range *range)
{
    return range->from.len + range->to.len + 1; /* so that no bound is at NULL */
}

static copse_status pull_part_init(pull_part *part, copse_tree *before, copse_tree *after,
                                   const copse_pull_range *range, copse_err *err)
{
    copse_bytes to = range->to != NULL ? *range->to : (copse_bytes){NULL, 0};
    copse_diff_options options = {.from = range->from, .to = range->to};
    copse_key_range sizes = {range->from, to};
    uint8_t *bytes = copse_alloc(after->env, pull_range_size(&sizes));
    if (bytes == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    if (range->from.len > 0) {
        memcpy(bytes, range->from.ptr, range->from.len);
    }
    if (to.len > 0) {
        memcpy(bytes + range->from.len, to.ptr, to.len);
    }
    part->range.from = (copse_bytes){bytes, range->from.len};
    part->range.to = (copse_bytes){range->to != NULL ? bytes + range->from.len : NULL, to.len};
    return copse_diff_new(before, after, &options, &part->diff, err);
}

/* Whether the range number `index` begins where the one before it ends, or later. */
static bool pull_range_is_in_order(const copse_pull_range *ranges, size_t index)
{
    return index == 0 || (ranges[index - 1].to != NULL &&
                          copse_bytes_compare(*ranges[index - 1].to, ranges[index].from) <= 0);
}

copse_status copse_pull_new(copse_tree *before, copse_tree *after,
                            const copse_pull_options *options, copse_pull **ret_pull,
                            copse_err *err)
{
    static const copse_pull_range all = {{NULL, 0}, NULL};
    bool is_all = options == NULL || options->ranges_count == 0;
    const copse_pull_range *ranges = is_all ? &all : options->ranges;
    size_t count = is_all ? 1 : options->ranges_count;
    copse_status status = COPSE_OK;
    if (after->env->limits.wants_max == 0) {
        return COPSE_ERR(err, COPSE_MISUSE, "a pull needs a limits.wants_max of 1 at least");
    }
    copse_pull *pull = copse_alloc_zeroed(after->env, sizeof *pull);
    if (pull == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    pull->env = after->env;
    pull->after = after;
    pull->source = copse_node_cache_source(copse_tree_cache(after));
    pull->slots = options != NULL ? options->slots : NULL;
    pull->parts = copse_alloc_array(after->env, count, sizeof *pull->parts);
    if (pull->parts != NULL) {
        pull->parts_count = count;
        memset(pull->parts, 0, count * sizeof *pull->parts);
    } else {
        status = COPSE_ERR_NOMEM(err);
    }
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        status = pull_range_is_in_order(ranges, i)
                     ? pull_part_init(&pull->parts[i], before, after, &ranges[i], err)
                     : COPSE_ERR(err, COPSE_MISUSE, "the ranges of a pull are not in order");
    }
    if (status != COPSE_OK) {
        copse_pull_free(pull);
        return status;
    }
    *ret_pull = pull;
    return COPSE_OK;
}

static void pull_list_release(const copse_env *env, pull_list *list)
{
    copse_free_array(env, list->cids, list->capacity, sizeof *list->cids);
}

copse_pull *copse_pull_free(copse_pull *pull)
{
    if (pull == NULL) {
        return NULL;
    }
    const copse_env *env = pull->env;
    for (size_t i = 0; i < pull->parts_count; i++) {
        const copse_key_range *range = &pull->parts[i].range;
        copse_diff_free(pull->parts[i].diff);
        copse_free(env, (void *)range->from.ptr, pull_range_size(range));
    }
    copse_free_array(env, pull->parts, pull->parts_count, sizeof *pull->parts);
    pull_list_release(env, &pull->wants);
    pull_list_release(env, &pull->links);
    copse_free(env, pull, sizeof *pull);
    return NULL;
}

/* ---- Lists ---- */

static copse_status pull_list_add(copse_pull *pull, pull_list *list, const copse_cid *cid,
                                  copse_err *err)
{
    void *cids = list->cids;
    bool grown =
        copse_array_grow(pull->env, &cids, &list->capacity, list->count + 1, sizeof *list->cids);
    list->cids = cids;
    if (!grown) {
        return COPSE_ERR_NOMEM(err);
    }
    list->cids[list->count++] = *cid;
    return COPSE_OK;
}

/* Appends what the last call of a diff wanted. */
static copse_status pull_gather(copse_pull *pull, copse_err *err)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(pull->source, &count);
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < count; i++) {
        status = pull_list_add(pull, &pull->wants, &wants[i], err);
    }
    return status;
}

static copse_status pull_hint_all(copse_pull *pull, const pull_list *list, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < list->count; i++) {
        status = copse_source_hint(pull->source, &list->cids[i], err);
    }
    return status;
}

static copse_status pull_is_missing(copse_pull *pull, const copse_cid *cid, bool *ret_missing,
                                    copse_err *err)
{
    size_t count = 0;
    copse_source_begin(pull->source);
    copse_status status = copse_source_hint(pull->source, cid, err);
    (void)copse_source_wants(pull->source, &count);
    *ret_missing = count > 0;
    return status;
}

/* Drops the links to blocks that have come. */
static copse_status pull_settle_links(copse_pull *pull, copse_err *err)
{
    pull_list *links = &pull->links;
    copse_status status = COPSE_OK;
    size_t kept = 0;
    for (size_t i = 0; i < links->count; i++) {
        bool missing = true;
        if (status == COPSE_OK) {
            status = pull_is_missing(pull, &links->cids[i], &missing, err);
        }
        if (missing || status != COPSE_OK) {
            links->cids[kept++] = links->cids[i];
        }
    }
    links->count = kept;
    return status;
}

/* ---- Entries ---- */

/* I4: whether what stands in a slot leads to blocks of its own. */
static bool pull_slot_is_links(copse_bytes slot)
{
    copse_cbor_item item;
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, slot);
    if (copse_cbor_next(&reader, &item, NULL) != COPSE_OK) {
        return false;
    }
    if (item.kind != COPSE_CBOR_ARRAY || item.arg == 0) {
        return item.kind == COPSE_CBOR_LINK;
    }
    while (copse_cbor_next(&reader, &item, NULL) == COPSE_OK) {
        copse_cid cid;
        copse_cid_parts parts = {.codec = 0};
        if (item.kind == COPSE_CBOR_LINK && copse_cid_from_bytes(item.bytes, &cid, NULL) == 0) {
            copse_cid_split(&cid, &parts);
        }
        if (parts.codec != COPSE_CODEC_RAW) {
            return false;
        }
    }
    return true;
}

/* A CID that holds its own bytes has no block. */
static bool pull_has_block(const copse_cid *cid)
{
    copse_cid_parts parts;
    copse_cid_split(cid, &parts);
    return parts.hash != COPSE_HASH_IDENTITY;
}

static copse_status pull_follow_link(copse_pull *pull, copse_bytes link, copse_err *err)
{
    copse_cid cid;
    bool missing = false;
    copse_status status = copse_cid_from_bytes(link, &cid, err);
    if (status == COPSE_OK && pull_has_block(&cid)) {
        status = pull_is_missing(pull, &cid, &missing, err);
    }
    return status == COPSE_OK && missing ? pull_list_add(pull, &pull->links, &cid, err) : status;
}

static copse_status pull_follow_slot(void *ctx, copse_bytes slot, copse_err *err)
{
    copse_pull *pull = ctx;
    copse_cbor_reader reader;
    copse_cbor_item item;
    if (!pull_slot_is_links(slot)) {
        return COPSE_OK;
    }
    copse_cbor_reader_init(&reader, slot);
    copse_status status = copse_cbor_next(&reader, &item, err);
    while (status == COPSE_OK) {
        if (item.kind == COPSE_CBOR_LINK) {
            pull->linked++;
            status = pull_follow_link(pull, item.bytes, err);
        }
        status = status == COPSE_OK ? copse_cbor_next(&reader, &item, err) : status;
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status pull_follow(copse_pull *pull, copse_bytes key, copse_bytes value,
                                copse_err *err)
{
    size_t before = pull->links.count;
    pull->linked = 0;
    copse_status status = pull->slots != NULL ? pull->slots(key, value, pull_follow_slot, pull, err)
                                              : pull_follow_slot(pull, value, err);
    if (status != COPSE_OK) {
        pull->links.count = before; /* I7 */
        return status;
    }
    pull->stats.linked += pull->linked;
    return COPSE_OK;
}

/* Makes the next change of a part known. */
static copse_status pull_peek(pull_part *part, copse_err *err)
{
    if (part->has_change || part->has_ended) {
        return COPSE_OK;
    }
    copse_status status = copse_diff_next(part->diff, &part->change, err);
    part->has_change = status == COPSE_OK;
    part->has_ended = status == COPSE_END;
    return status == COPSE_END ? COPSE_OK : status;
}

static copse_status pull_take(copse_pull *pull, pull_part *part, copse_err *err)
{
    const copse_change *change = &part->change;
    if (change->after.ptr != NULL) {
        copse_status status = pull_follow(pull, change->key, change->after, err);
        if (status != COPSE_OK) {
            return status;
        }
        pull->given++;
        pull->has_key = true;
        pull->key_size = change->key.len;
        if (change->key.len > 0) {
            memcpy(pull->key, change->key.ptr, change->key.len);
        }
    }
    part->has_change = false;
    return COPSE_OK;
}

/* ---- Going on ---- */

/* The current part lacks nodes: asks what those behind it lack (I5). */
static copse_status pull_look_ahead(copse_pull *pull, copse_err *err)
{
    copse_status status = pull_gather(pull, err);
    for (size_t i = pull->current + 1; status == COPSE_OK && i < pull->parts_count &&
                                       pull->wants.count < pull->env->limits.wants_max;
         i++) {
        status = pull_peek(&pull->parts[i], err);
        if (status == COPSE_WANT) {
            status = pull_gather(pull, err);
        }
    }
    return status;
}

/* Up to PULL_STEP_ENTRIES entries. WANT: what is in `wants` and `links`. */
static copse_status pull_step(copse_pull *pull, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; status == COPSE_OK && i < PULL_STEP_ENTRIES; i++) {
        if (pull->links.count >= pull->env->limits.wants_max) {
            return COPSE_WANT;
        }
        if (pull->current == pull->parts_count) {
            return pull->links.count > 0 ? COPSE_WANT : COPSE_END;
        }
        pull_part *part = &pull->parts[pull->current];
        status = pull_peek(part, err);
        if (status == COPSE_WANT) {
            copse_status ahead = pull_look_ahead(pull, err);
            return ahead == COPSE_OK ? COPSE_WANT : ahead;
        }
        if (status == COPSE_OK && part->has_change) {
            status = pull_take(pull, part, err);
        } else if (status == COPSE_OK) {
            pull->current++;
            pull->has_key = false;
        }
    }
    return status;
}

/* Counts how far it is, in the nodes that are present. */
static copse_status pull_measure(copse_pull *pull, copse_err *err)
{
    copse_pull_stats *stats = &pull->stats;
    copse_status status = COPSE_OK;
    uint64_t done = 0;
    stats->entries_total = 0;
    for (size_t i = 0; status == COPSE_OK && i < pull->parts_count; i++) {
        pull_part *part = &pull->parts[i];
        if (!part->is_exact) {
            status = copse_tree_estimate(pull->after, &part->range, SIZE_MAX, &part->total,
                                         &part->is_exact, err);
        }
        stats->entries_total += part->total;
        done += i < pull->current ? part->total : 0;
    }
    if (status == COPSE_OK && pull->has_key) {
        copse_key_range range = {pull->parts[pull->current].range.from,
                                 {pull->key, pull->key_size}};
        uint64_t below = 0;
        bool is_exact = false;
        status = copse_tree_estimate(pull->after, &range, SIZE_MAX, &below, &is_exact, err);
        done += below + 1;
    }
    stats->entries = done < stats->entries_total ? done : stats->entries_total;
    stats->entries_same = stats->entries > pull->given ? stats->entries - pull->given : 0;
    return status;
}

copse_status copse_pull_next(copse_pull *pull, copse_err *err)
{
    pull->wants.count = 0;
    copse_status status = pull_settle_links(pull, err);
    if (status == COPSE_OK) {
        status = pull_step(pull, err);
    }
    if (status < 0) {
        return status;
    }
    copse_status measured = pull_measure(pull, err);
    if (measured != COPSE_OK || status != COPSE_WANT) {
        return measured != COPSE_OK ? measured : status;
    }
    size_t count = 0;
    copse_source_begin(pull->source);
    status = pull_hint_all(pull, &pull->wants, err);
    if (status == COPSE_OK) {
        status = pull_hint_all(pull, &pull->links, err);
    }
    (void)copse_source_wants(pull->source, &count);
    return status == COPSE_OK && count > 0 ? COPSE_WANT : status;
}

copse_pull_stats copse_pull_get_stats(const copse_pull *pull)
{
    return pull->stats;
}
