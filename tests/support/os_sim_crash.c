/* A loss of power: which of the changes that were not synced are there afterwards.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/os_sim_disk.h"

#include "support/test_env.h"

#include <stdlib.h>
#include <string.h>

enum { SIM_SECTOR_SIZE = 512, SIM_CHANGES_SHUFFLED_MAX = 4096 };

/* How the changes of one file or folder fare together. */
typedef enum sim_mood {
    SIM_MOOD_EACH, /* each by itself */
    SIM_MOOD_NONE,
    SIM_MOOD_ALL,
    SIM_MOOD_PREFIX, /* the first so many, and a part of the next */
    SIM_MOOD_ALL_BUT_ONE,
    SIM_MOOD_ONLY_ONE
} sim_mood;

typedef enum sim_fate { SIM_DROPPED, SIM_KEPT, SIM_TORN, SIM_GARBLED } sim_fate;

/* One crash. `data` and `names` are what all files and all folders share, EACH: nothing. */
typedef struct sim_crash {
    os_sim *after;
    uint64_t random;
    sim_mood data;
    sim_mood names;
} sim_crash;

static uint64_t sim_crash_below(sim_crash *crash, uint64_t bound)
{
    return test_random_below(&crash->random, bound);
}

static sim_mood sim_crash_mood(sim_crash *crash, sim_mood shared)
{
    static const sim_mood moods[] = {SIM_MOOD_EACH,   SIM_MOOD_EACH,        SIM_MOOD_EACH,
                                     SIM_MOOD_EACH,   SIM_MOOD_NONE,        SIM_MOOD_ALL,
                                     SIM_MOOD_PREFIX, SIM_MOOD_ALL_BUT_ONE, SIM_MOOD_ONLY_ONE};
    sim_mood drawn = moods[sim_crash_below(crash, sizeof moods / sizeof *moods)];
    return shared != SIM_MOOD_EACH ? shared : drawn;
}

/* The fate of change `index`; `chosen` is the one that a mood singles out. */
static sim_fate sim_crash_fate(sim_crash *crash, sim_mood mood, size_t index, size_t chosen)
{
    static const sim_fate fates[] = {SIM_KEPT,    SIM_KEPT, SIM_KEPT, SIM_DROPPED,
                                     SIM_DROPPED, SIM_TORN, SIM_TORN, SIM_GARBLED};
    sim_fate drawn = fates[sim_crash_below(crash, sizeof fates / sizeof *fates)];
    switch (mood) {
    case SIM_MOOD_NONE:
        return SIM_DROPPED;
    case SIM_MOOD_ALL:
        return SIM_KEPT;
    case SIM_MOOD_PREFIX:
        return index < chosen ? SIM_KEPT : index == chosen ? drawn : SIM_DROPPED;
    case SIM_MOOD_ALL_BUT_ONE:
        return index == chosen ? (drawn == SIM_KEPT ? SIM_DROPPED : drawn) : SIM_KEPT;
    case SIM_MOOD_ONLY_ONE:
        return index == chosen ? SIM_KEPT : SIM_DROPPED;
    case SIM_MOOD_EACH:
        break;
    }
    return drawn;
}

/* ---- data ---- */

/* D1: parts of a write. A write of one byte can't be torn: it is not there. */
static void sim_crash_tear(sim_crash *crash, sim_content *content, const sim_change *change)
{
    size_t len = change->len;
    size_t a = (size_t)sim_crash_below(crash, len);
    size_t b = a + (size_t)sim_crash_below(crash, len - a);
    crash->after->fates.torn++;
    switch (sim_crash_below(crash, len > SIM_SECTOR_SIZE ? 6 : 3)) {
    case 0: /* a begin */
        sim_content_write(content, change->offset, change->data, a);
        return;
    case 1: /* an end */
        sim_content_write(content, change->offset + a + 1, change->data + a + 1, len - a - 1);
        return;
    case 2: /* all but a middle */
        sim_content_write(content, change->offset, change->data, a);
        sim_content_write(content, change->offset + b + 1, change->data + b + 1, len - b - 1);
        return;
    default:
        break;
    }
    size_t at = 0;
    while (at < len) { /* sectors of the disk */
        size_t size = SIM_SECTOR_SIZE - (size_t)((change->offset + at) % SIM_SECTOR_SIZE);
        size = size < len - at ? size : len - at;
        if (sim_crash_below(crash, 2) == 0) {
            sim_content_write(content, change->offset + at, change->data + at, size);
        }
        at += size;
    }
}

static void sim_crash_garble(sim_crash *crash, sim_content *content, const sim_change *change)
{
    size_t from = (size_t)sim_crash_below(crash, change->len);
    size_t len = 1 + (size_t)sim_crash_below(crash, change->len - from);
    bool zeros = sim_crash_below(crash, 2) == 0;
    crash->after->fates.garbled++;
    sim_content_write(content, change->offset, change->data, change->len);
    uint8_t *bytes = content->ptr + change->offset + from;
    for (size_t i = 0; i < len; i++) {
        bytes[i] = zeros ? 0 : (uint8_t)test_random(&crash->random);
    }
}

static void sim_crash_apply(sim_crash *crash, sim_content *content, const sim_change *change,
                            sim_fate fate)
{
    if (fate == SIM_DROPPED || (!change->is_truncate && change->len == 0)) {
        crash->after->fates.dropped++;
    } else if (change->is_truncate) {
        crash->after->fates.kept++;
        sim_content_resize(content, change->offset);
    } else if (fate == SIM_KEPT) {
        crash->after->fates.kept++;
        sim_content_write(content, change->offset, change->data, change->len);
    } else if (fate == SIM_TORN) {
        sim_crash_tear(crash, content, change);
    } else {
        sim_crash_garble(crash, content, change);
    }
}

/* D2: mostly in order; else shuffled. */
static size_t *sim_crash_order(sim_crash *crash, sim_mood mood, size_t count)
{
    size_t *order = sim_alloc(count * sizeof *order);
    bool shuffles = mood == SIM_MOOD_EACH && count > 1 && count <= SIM_CHANGES_SHUFFLED_MAX &&
                    sim_crash_below(crash, 3) == 0;
    crash->after->fates.reordered += shuffles;
    for (size_t i = 0; i < count; i++) {
        size_t at = shuffles ? (size_t)sim_crash_below(crash, i + 1) : i;
        order[i] = order[at];
        order[at] = i;
    }
    return order;
}

static void sim_crash_file(sim_crash *crash, const sim_node *before, sim_node *after)
{
    sim_content *content = &after->now;
    size_t count = before->changes.count;
    sim_content_write(content, 0, before->durable.ptr, before->durable.len);
    if (count > 0) {
        sim_mood mood = sim_crash_mood(crash, crash->data);
        size_t chosen = (size_t)sim_crash_below(crash, count);
        size_t *order = sim_crash_order(crash, mood, count);
        uint64_t size_max = before->now.len;
        for (size_t i = 0; i < count; i++) {
            const sim_change *change = &before->changes.items[order[i]];
            sim_crash_apply(crash, content, change, sim_crash_fate(crash, mood, order[i], chosen));
        }
        free(order);
        if (content->len < size_max && mood != SIM_MOOD_ALL && sim_crash_below(crash, 3) == 0) {
            sim_content_resize(content, size_max);
            crash->after->fates.zero_filled++;
        }
    }
    sim_content_write(&after->durable, 0, content->ptr, content->len);
    crash->after->size_bytes += content->len;
}

/* ---- names ---- */

static void sim_crash_names(sim_crash *crash, const sim_node *before, sim_names *ret_names)
{
    size_t count = before->name_changes_count;
    for (size_t i = 0; i < before->names_durable.count; i++) {
        const sim_name *name = &before->names_durable.items[i];
        sim_names_apply(ret_names, &(sim_name_change){.to = name->text, .node = name->node});
    }
    if (count == 0) {
        return;
    }
    sim_mood mood = sim_crash_mood(crash, crash->names);
    size_t chosen = (size_t)sim_crash_below(crash, count);
    for (size_t i = 0; i < count; i++) {
        sim_fate fate = sim_crash_fate(crash, mood, i, chosen);
        if (fate == SIM_KEPT || fate == SIM_TORN) { /* by half: evens the odds, D3 */
            sim_names_apply(ret_names, &before->name_changes[i]);
            crash->after->fates.names_kept++;
        } else {
            crash->after->fates.names_dropped++;
        }
    }
}

static void sim_crash_node(sim_crash *crash, const sim_node *before, sim_node *after);

static void sim_crash_dir(sim_crash *crash, const sim_node *before, sim_node *after)
{
    sim_names names = {0};
    sim_crash_names(crash, before, &names);
    for (size_t i = 0; i < names.count; i++) {
        sim_node *node = sim_node_new(crash->after, names.items[i].node->is_dir);
        sim_crash_node(crash, names.items[i].node, node);
        sim_node_change_name(after, NULL, names.items[i].text, node);
        sim_node_unref(node);
    }
    sim_node_sync_dir(after);
    sim_names_release(&names);
}

static void sim_crash_node(sim_crash *crash, const sim_node *before, sim_node *after)
{
    if (before->is_dir) {
        sim_crash_dir(crash, before, after);
    } else {
        sim_crash_file(crash, before, after);
    }
}

/* ---- the crash ---- */

static os_sim *sim_crash_run(const os_sim *sim, sim_crash *crash)
{
    crash->after = os_sim_new();
    sim_crash_node(crash, sim->root, crash->after->root);
    memcpy(crash->after->drops, sim->drops, sizeof sim->drops);
    crash->after->drops_count = sim->drops_count;
    return crash->after;
}

os_sim *os_sim_crash(const os_sim *sim, uint64_t seed)
{
    /* A third of the crashes are of one kind throughout. */
    static const sim_mood shared[][2] = {
        {SIM_MOOD_NONE, SIM_MOOD_NONE}, {SIM_MOOD_NONE, SIM_MOOD_ALL},
        {SIM_MOOD_ALL, SIM_MOOD_NONE},  {SIM_MOOD_ALL, SIM_MOOD_EACH},
        {SIM_MOOD_EACH, SIM_MOOD_ALL},  {SIM_MOOD_EACH, SIM_MOOD_NONE}};
    enum { SHARED_COUNT = sizeof shared / sizeof *shared };
    sim_crash crash = {.random = seed};
    size_t kind = (size_t)sim_crash_below(&crash, 3 * SHARED_COUNT);
    if (kind < SHARED_COUNT) {
        crash.data = shared[kind][0];
        crash.names = shared[kind][1];
    }
    return sim_crash_run(sim, &crash);
}

os_sim *os_sim_copy(const os_sim *sim)
{
    sim_crash crash = {.data = SIM_MOOD_ALL, .names = SIM_MOOD_ALL};
    os_sim *after = sim_crash_run(sim, &crash);
    after->fates = (os_sim_fates){0};
    return after;
}
