/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/tree_attack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tree/chunker.h"
#include "tree/config.h"

const char *attack_name(attack_kind kind)
{
    static const char *const names[ATTACK_COUNT] = {
        "none",    "suppress", "suppress+1", "huge entry", "around max", "prefix",
        "longest", "force",    "force+1",    "band",       "monotone"};
    return names[kind];
}

/* ---- ground keys ---- */

enum { ATTACK_VALUE_SIZE = 86, ATTACK_ENTRY_SIZE = 11 + 2 + ATTACK_VALUE_SIZE, ATTACK_CHILD = 52 };

/* The draws that a ground key may have at level 0 and at level 1: [low, high). */
typedef struct attack_band {
    uint64_t low;
    uint64_t high;
    uint64_t branch_low;
    uint64_t branch_high;
} attack_band;

static const uint64_t attack_all = 1ull << 32;

/* The chance, of 2^32, that C1 ends a chunk at a sum of `size` by an entry of `entry`. */
static uint64_t attack_chance(const copse_tree_config *config, uint64_t size, uint64_t entry)
{
    copse_u128 lambda = config->lambda_bytes;
    copse_u128 s = size > entry ? size : entry;
    copse_u128 before = s - entry;
    copse_u128 d = s * s * s * s - before * before * before * before;
    return (uint64_t)((d << 32) / (lambda * lambda * lambda * lambda + d));
}

static attack_band attack_band_of(attack_kind kind, const copse_tree_config *config, uint64_t place)
{
    attack_band band = {0, attack_all, 0, attack_all};
    uint64_t max = config->size_bytes_max;
    uint64_t early = config->size_bytes_min + ATTACK_ENTRY_SIZE;
    uint64_t ring = 512; /* of monotone draws */
    early = early > config->lambda_bytes / 5 ? early : config->lambda_bytes / 5;
    switch (kind) {
    case ATTACK_SUPPRESS_BOTH:
        band.branch_low = attack_chance(config, max, ATTACK_CHILD);
        band.low = attack_chance(config, max, ATTACK_ENTRY_SIZE);
        break;
    case ATTACK_SUPPRESS:
        band.low = attack_chance(config, max, ATTACK_ENTRY_SIZE);
        break;
    case ATTACK_FORCE_BOTH:
        band.branch_high = attack_chance(config, config->lambda_bytes / 2, ATTACK_CHILD);
        band.high = attack_chance(config, config->lambda_bytes / 2, ATTACK_ENTRY_SIZE);
        break;
    case ATTACK_FORCE:
        band.high = attack_chance(config, early, ATTACK_ENTRY_SIZE);
        break;
    case ATTACK_BAND:
        band.low = attack_chance(config, config->lambda_bytes * 3ull / 4, ATTACK_ENTRY_SIZE);
        band.high = attack_chance(config, config->lambda_bytes * 3ull / 4 + ATTACK_ENTRY_SIZE,
                                  ATTACK_ENTRY_SIZE);
        break;
    case ATTACK_MONOTONE:
        band.low = attack_chance(config, max, ATTACK_ENTRY_SIZE);
        band.high = (attack_all - band.low) / ring;
        band.low += place / 2 % ring * band.high;
        band.high += band.low;
        break;
    default:
        break;
    }
    return band;
}

static bool attack_fits(const attack_band *band, copse_bytes key)
{
    uint32_t draw = copse_chunk_draw(key, 0);
    if (draw < band->low || draw >= band->high) {
        return false;
    }
    draw = copse_chunk_draw(key, 1);
    return draw >= band->branch_low && draw < band->branch_high;
}

/* The key of a place: 6 bytes of place, then 4 ground ones; in the kinds that are about the length
 * of keys, behind a prefix. Returns the tries. */
static uint64_t attack_key(attack_kind kind, const copse_tree_config *config, uint64_t place,
                           tree_key *ret_key)
{
    attack_band band = attack_band_of(kind, config, place);
    size_t prefix = kind == ATTACK_PREFIX    ? copse_tree_config_key_size_max(config) / 2
                    : kind == ATTACK_LONGEST ? copse_tree_config_key_size_max(config) - 10
                                             : 0;
    memset(ret_key->bytes, 'p', prefix);
    ret_key->len = prefix + 10;
    for (size_t i = 0; i < 6; i++) {
        ret_key->bytes[prefix + i] = (uint8_t)(place >> (8 * (5 - i)));
    }
    for (uint32_t suffix = (uint32_t)place * 2654435761u, tries = 1;; suffix++, tries++) {
        for (size_t i = 0; i < 4; i++) {
            ret_key->bytes[prefix + 6 + i] = (uint8_t)(suffix >> (8 * (3 - i)));
        }
        if (attack_fits(&band, tree_key_view(ret_key))) {
            return tries;
        }
    }
}

static size_t attack_value_size(attack_kind kind, const copse_tree_config *config, uint64_t place)
{
    if (kind == ATTACK_HUGE_ENTRY && place == 200) {
        return 900 * 1024;
    }
    if (kind == ATTACK_AROUND_MAX) {
        return config->size_bytes_max - 20 + place / 2 % 12;
    }
    return ATTACK_VALUE_SIZE;
}

static uint64_t attack_put(attack_kind kind, const copse_tree_config *config, uint64_t place,
                           tree_model *model)
{
    tree_key key;
    size_t len;
    uint64_t tries = attack_key(kind, config, place, &key);
    uint8_t *value = tree_value_bytes(attack_value_size(kind, config, place), 'v', &len);
    tree_model_put(model, tree_key_view(&key), (copse_bytes){value, len});
    free(value);
    return tries;
}

void attack_fill(attack_kind kind, const copse_tree_config *config, uint64_t first, size_t count,
                 tree_model *model)
{
    for (uint64_t place = first; place < first + count; place++) {
        (void)attack_put(kind, config, place * 2, model);
    }
}

/* ---- edits ---- */

/* A place that edits go to. */
typedef struct attack_site {
    attack_kind kind; /* of the keys there */
    uint64_t first;
    size_t count;
} attack_site;

static void attack_edit(tree_world *world, copse_tree **tree, tree_model *model, copse_bytes key,
                        const copse_bytes *value, attack_result *result)
{
    copse_batch *batch = NULL;
    copse_tree *next = NULL;
    copse_apply_stats stats;
    assert_int_equal(copse_batch_new(&world->test.env, &batch, NULL), COPSE_OK);
    if (value != NULL) {
        assert_int_equal(copse_batch_put(batch, key, *value, NULL), COPSE_OK);
        tree_model_put(model, key, *value);
    } else {
        assert_int_equal(copse_batch_delete(batch, key, NULL), COPSE_OK);
        tree_model_delete(model, key);
    }
    assert_int_equal(copse_tree_apply(*tree, batch, world->store, &next, &stats, NULL), COPSE_OK);
    copse_batch_free(batch);
    copse_tree_close(*tree);
    *tree = next;
    result->written += (double)stats.nodes_written;
    result->read += (double)stats.nodes_read;
    if (result->written_max < stats.nodes_written) {
        result->written_max = stats.nodes_written;
    }
    if (result->read_max < stats.nodes_read) {
        result->read_max = stats.nodes_read;
    }
}

static void attack_edits(tree_world *world, copse_tree **tree, tree_model *model,
                         const copse_tree_config *config, const attack_site *site, size_t edits,
                         attack_result *result)
{
    uint64_t seed = 1;
    for (size_t i = 0; i < edits; i++) {
        uint64_t place = (site->first + test_random_below(&seed, site->count)) * 2;
        tree_key key;
        size_t at;
        size_t len;
        size_t size = attack_value_size(site->kind, config, place + 1);
        uint8_t *bytes = tree_value_bytes(size, 'w', &len);
        copse_bytes value = {bytes, len};
        (void)attack_key(i % 3 == 2 ? ATTACK_NONE : site->kind, config,
                         i % 3 == 1 ? place : place + 1, &key);
        if (i % 3 == 1 && tree_model_find(model, tree_key_view(&key), &at)) {
            attack_edit(world, tree, model, tree_key_view(&key), NULL, result);
        } else {
            attack_edit(world, tree, model, tree_key_view(&key), &value, result);
        }
        free(bytes);
    }
    result->written /= (double)edits;
    result->read /= (double)edits;
}

static void attack_survey(const tree_model *model, const copse_tree_config *config,
                          copse_cid *ret_root, attack_result *result)
{
    tree_naive naive;
    size_t raw = 0;
    tree_naive_build(model, config, &naive);
    tree_naive_features shape = tree_naive_survey(&naive);
    for (size_t i = 0; i < model->count; i++) {
        raw += model->entries[i].key.len + model->entries[i].value.len;
    }
    result->entries = model->count;
    result->height = naive.height;
    result->nodes = shape.nodes;
    result->forced = shape.forced;
    result->node_size_max = shape.node_size_max;
    result->size_ratio = (double)shape.size_bytes / (double)raw;
    *ret_root = naive.root;
    tree_naive_release(&naive);
}

attack_result attack_run(attack_kind kind, const copse_tree_config *config, size_t honest,
                         size_t ground, size_t edits, bool edit_honest)
{
    tree_world world;
    tree_model model = {0};
    attack_result result = {0};
    copse_cid root;
    uint64_t tries = 0;
    attack_site site = {kind, honest, ground};
    if (edit_honest) {
        site = (attack_site){ATTACK_NONE, 0, honest};
    }
    tree_world_init(&world);
    attack_fill(ATTACK_NONE, config, 0, honest, &model);
    for (uint64_t place = honest; place < honest + ground; place++) {
        tries += attack_put(kind, config, place * 2, &model);
    }
    result.tries = (double)tries / (double)ground;
    attack_survey(&model, config, &root, &result);
    copse_tree *tree = tree_model_open(&model, &world, config);
    assert_true(copse_cid_equal(&root, copse_tree_root(tree)));
    attack_edits(&world, &tree, &model, config, &site, edits, &result);
    tree_model_assert_root(&model, tree, attack_name(kind));
    printf(
        "{%u,%u,%u} %-10s %s%5zu+%5zu: height %zu, %5zu nodes, largest %6zu B, size %.2f, forced "
        "%4zu, %6.0f tries/key | an edit writes %5.1f (max %3llu) reads %5.1f (max %3llu)\n",
        config->size_bytes_min, config->size_bytes_max, config->lambda_bytes, attack_name(kind),
        edit_honest ? "outside " : "", honest, ground, result.height, result.nodes,
        result.node_size_max, result.size_ratio, result.forced, result.tries, result.written,
        (unsigned long long)result.written_max, result.read, (unsigned long long)result.read_max);
    tree_model_release(&model);
    copse_tree_close(tree);
    tree_world_release(&world);
    return result;
}
