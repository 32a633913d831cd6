/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "support/tree_naive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

/* One entry of a level. */
typedef struct naive_entry {
    copse_bytes key;
    copse_bytes value; /* encoded */
    uint8_t link[41];  /* where `value` points in a branch */
    uint64_t count;
    uint32_t ahead;
    size_t t;
    uint32_t u;
} naive_entry;

typedef struct naive_buf {
    uint8_t *bytes;
    size_t len;
    size_t room;
} naive_buf;

static void naive_put(naive_buf *buf, const void *bytes, size_t len)
{
    if (buf->len + len > buf->room) {
        buf->room = 2 * (buf->len + len);
        buf->bytes = realloc(buf->bytes, buf->room);
        assert_non_null(buf->bytes);
    }
    if (len > 0) {
        memcpy(buf->bytes + buf->len, bytes, len);
    }
    buf->len += len;
}

/* A CBOR head in its shortest form. */
static void naive_put_head(naive_buf *buf, unsigned major, uint64_t arg)
{
    unsigned more = arg < 24 ? 0 : arg < 256 ? 1 : arg < 65536 ? 2 : arg >> 32 == 0 ? 4 : 8;
    unsigned info = more == 0   ? (unsigned)arg
                    : more == 1 ? 24
                    : more == 2 ? 25
                    : more == 4 ? 26
                                : 27;
    uint8_t head[9] = {(uint8_t)(major * 32 + info)};
    for (unsigned i = 0; i < more; i++) {
        head[1 + i] = (uint8_t)(arg >> (8 * (more - 1 - i)));
    }
    naive_put(buf, head, 1 + more);
}

static void naive_put_bytes(naive_buf *buf, copse_bytes bytes)
{
    naive_put_head(buf, 2, bytes.len);
    naive_put(buf, bytes.ptr, bytes.len);
}

/* d8 2a 58 25 00 CID */
static void naive_put_link(naive_buf *buf, const copse_cid *cid)
{
    static const uint8_t head[] = {0xd8, 0x2a, 0x58, 0x25, 0x00};
    naive_put(buf, head, sizeof head);
    naive_put(buf, cid->bytes, cid->size);
}

static size_t naive_head_size(size_t len)
{
    return len < 24 ? 1 : len < 256 ? 2 : 3;
}

/* u, and t */
static void naive_measure(naive_entry *entry, unsigned level)
{
    entry->u = (uint32_t)(XXH3_64bits_withSeed(entry->key.ptr, entry->key.len, level) >> 32);
    entry->t =
        naive_head_size(entry->key.len) + entry->key.len + (level == 0 ? entry->value.len : 41);
}

static copse_u128 naive_power4(size_t s)
{
    copse_u128 square = (copse_u128)s * s;
    return square * square;
}

/* ---- the rule ---- */

/* Whether the entry at `place` of a chunk, with a sum of `s` after it, may end the chunk at all. */
static bool naive_may_end(const copse_tree_config *config, unsigned level, size_t place, size_t s)
{
    return s >= config->size_bytes_min && (level == 0 || place >= 1);
}

/* C1 */
static bool naive_ends(const copse_tree_config *config, size_t s, const naive_entry *entry)
{
    copse_u128 d = naive_power4(s) - naive_power4(s - entry->t);
    return entry->u * (naive_power4(config->lambda_bytes) + d) < (d << 32);
}

/* The chunk that begins at entries[0] of `count` that are left. *ret_looked: how many of them the
 * cut was decided upon, if that is more than the chunk holds. */
static tree_naive_chunk naive_next_chunk(const copse_tree_config *config, unsigned level,
                                         const naive_entry *entries, size_t count,
                                         size_t *ret_looked)
{
    size_t s = 0;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 && entries[0].t > config->size_bytes_max) { /* C3 */
            return (tree_naive_chunk){.entries = 1, .oversized = true};
        }
        if (s + entries[i].t > config->size_bytes_max) { /* C2 */
            size_t best = i - 1;
            bool found = false;
            size_t sum = 0;
            for (size_t j = 0; j < i; j++) {
                sum += entries[j].t;
                if (naive_may_end(config, level, j, sum) &&
                    (!found || entries[j].u <= entries[best].u)) {
                    best = j;
                    found = true;
                }
            }
            *ret_looked = i + 1;
            return (tree_naive_chunk){.entries = best + 1, .forced = true};
        }
        s += entries[i].t;
        if (naive_may_end(config, level, i, s) && naive_ends(config, s, &entries[i])) {
            return (tree_naive_chunk){.entries = i + 1};
        }
    }
    return (tree_naive_chunk){.entries = count};
}

/* ---- nodes ---- */

static void naive_encode(const naive_entry *entries, tree_naive_chunk *chunk, unsigned level)
{
    naive_buf buf = {0};
    bool aheads = false;
    for (size_t i = 0; i < chunk->entries; i++) {
        chunk->count += entries[i].count;
        chunk->size += entries[i].t;
        aheads = aheads || entries[i].ahead != 0;
    }
    naive_put_head(&buf, 4, level == 0 ? 3 : aheads ? 5 : 4);
    naive_put(&buf, level == 0 ? "\xf5" : "\xf4", 1);
    naive_put_head(&buf, 4, chunk->entries);
    for (size_t i = 0; i < chunk->entries; i++) {
        naive_put_bytes(&buf, entries[i].key);
    }
    naive_put_head(&buf, 4, chunk->entries);
    for (size_t i = 0; i < chunk->entries; i++) {
        naive_put(&buf, entries[i].value.ptr, entries[i].value.len);
    }
    for (int list = 0; level > 0 && list < (aheads ? 2 : 1); list++) {
        naive_put_head(&buf, 4, chunk->entries);
        for (size_t i = 0; i < chunk->entries; i++) {
            naive_put_head(&buf, 0, list == 0 ? entries[i].count : entries[i].ahead);
        }
    }
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){buf.bytes, buf.len}, &chunk->cid);
    chunk->node_size = buf.len;
    free(buf.bytes);
}

/* Cuts a level. */
static void naive_cut(const copse_tree_config *config, unsigned level, const naive_entry *entries,
                      size_t count, tree_naive_level *out)
{
    size_t at = 0;
    size_t seen = 0; /* entries below this index were looked at by a forced cut before `at` */
    out->chunks = calloc(count + 1, sizeof *out->chunks);
    assert_non_null(out->chunks);
    while (at < count || out->count == 0) {
        size_t looked = 0;
        tree_naive_chunk chunk = naive_next_chunk(config, level, entries + at, count - at, &looked);
        chunk.first = at;
        chunk.ahead = seen > at ? (uint32_t)(seen - at) : 0;
        if (at + looked > seen) {
            seen = at + looked;
        }
        at += chunk.entries;
        if (level > 0 && chunk.entries == 1 && at == count && out->count > 0) { /* C5 */
            out->chunks[out->count - 1].entries++;
            out->chunks[out->count - 1].joined = true;
            break;
        }
        out->chunks[out->count++] = chunk;
    }
    for (size_t i = 0; i < out->count; i++) {
        naive_encode(entries + out->chunks[i].first, &out->chunks[i], level);
    }
}

/* The entries of the level above. */
static naive_entry *naive_children(const naive_entry *below, const tree_naive_level *level,
                                   unsigned number)
{
    naive_entry *entries = calloc(level->count, sizeof *entries);
    assert_non_null(entries);
    for (size_t i = 0; i < level->count; i++) {
        const tree_naive_chunk *chunk = &level->chunks[i];
        naive_buf link = {0};
        naive_put_link(&link, &chunk->cid);
        assert_int_equal(link.len, sizeof entries[i].link);
        memcpy(entries[i].link, link.bytes, link.len);
        free(link.bytes);
        entries[i].key = below[chunk->first].key;
        entries[i].value = (copse_bytes){entries[i].link, sizeof entries[i].link};
        entries[i].count = chunk->count;
        entries[i].ahead = chunk->ahead;
        naive_measure(&entries[i], number);
    }
    return entries;
}

static void naive_root(const copse_tree_config *config, const copse_cid *top, copse_cid *ret_root)
{
    naive_buf buf = {0};
    copse_cid config_cid;
    const uint64_t head[] = {config->size_bytes_min, config->size_bytes_max, 1, 0x71, 0x12};
    naive_put_head(&buf, 4, 7);
    for (size_t i = 0; i < 5; i++) {
        naive_put_head(&buf, 0, head[i]);
    }
    naive_put(&buf, "\xf6\xa1\x67weibull\x83\x04", 12);
    naive_put_head(&buf, 0, config->lambda_bytes);
    naive_put_head(&buf, 0, 0xb3e3);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){buf.bytes, buf.len}, &config_cid);
    buf.len = 0;
    naive_put_head(&buf, 4, 2);
    naive_put_link(&buf, &config_cid);
    naive_put_link(&buf, top);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){buf.bytes, buf.len}, ret_root);
    free(buf.bytes);
}

void tree_naive_build(const tree_model *model, const copse_tree_config *config, tree_naive *tree)
{
    size_t count = model->count;
    naive_entry *entries = calloc(count + 1, sizeof *entries);
    assert_non_null(entries);
    *tree = (tree_naive){0};
    for (size_t i = 0; i < count; i++) {
        entries[i].key = model->entries[i].key;
        entries[i].value = model->entries[i].value;
        entries[i].count = 1;
        naive_measure(&entries[i], 0);
    }
    do {
        tree_naive_level *level = &tree->levels[tree->height];
        naive_cut(config, (unsigned)tree->height, entries, count, level);
        tree->height++;
        naive_entry *above = naive_children(entries, level, (unsigned)tree->height);
        free(entries);
        entries = above;
        count = level->count;
    } while (count > 1);
    free(entries);
    naive_root(config, &tree->levels[tree->height - 1].chunks[0].cid, &tree->root);
}

void tree_naive_release(tree_naive *tree)
{
    for (size_t i = 0; i < tree->height; i++) {
        free(tree->levels[i].chunks);
    }
    *tree = (tree_naive){0};
}

tree_naive_features tree_naive_survey(const tree_naive *tree)
{
    tree_naive_features sum = {0};
    for (size_t i = 0; i < tree->height; i++) {
        for (size_t j = 0; j < tree->levels[i].count; j++) {
            const tree_naive_chunk *chunk = &tree->levels[i].chunks[j];
            sum.nodes++;
            sum.forced += chunk->forced;
            sum.oversized += chunk->oversized;
            sum.joined += chunk->joined;
            sum.aheads += chunk->ahead != 0;
            sum.size_bytes += chunk->node_size;
            if (chunk->node_size > sum.node_size_max) {
                sum.node_size_max = chunk->node_size;
            }
        }
    }
    return sum;
}
