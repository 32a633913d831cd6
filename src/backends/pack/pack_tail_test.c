/* The end of the journal: a commit that is damaged there and looks like a torn write is not lost,
 * whatever writers, collections, repairs and losses of power come after it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/pack_maintenance.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/block_support.h"
#include "support/os_sim.h"
#include "support/pack_small.h"
#include "support/pack_support.h"
#include "support/test_env.h"

static const char tail_journal[] = "/store/journal-0000000000000001";

/* A machine with at most one process that has the store open. */
typedef struct tail_world {
    test_env env; /* of the store */
    test_env own; /* of the test */
    os_sim *sim;
    copse_os *os;
    copse_pack_db *db;
} tail_world;

static copse_status tail_try_open(tail_world *world, copse_err *err)
{
    copse_pack_options options = {.create = true};
    world->os = os_sim_process(world->sim);
    return copse_pack_db_open(&world->env.env, world->os, "/store", &options, &world->db, err);
}

static void tail_open(tail_world *world)
{
    copse_err err = {0};
    pack_must(tail_try_open(world, &err), &err);
}

static void tail_close(tail_world *world)
{
    world->db = copse_pack_db_close(world->db);
    world->os = copse_os_free(world->os);
}

static void tail_kill(tail_world *world)
{
    os_sim_kill(world->os);
    tail_close(world);
}

static void tail_release(tail_world *world)
{
    tail_close(world);
    world->sim = os_sim_free(world->sim);
    test_env_assert_empty(&world->env);
    test_env_assert_empty(&world->own);
}

static copse_cid tail_cid(tail_world *world, uint64_t number, size_t size)
{
    copse_block *block = block_support_make(&world->own.env, number, size);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    return cid;
}

/* Puts blocks `first` to `first + count`, and moves the ref to the first. */
static copse_status tail_try_commit(tail_world *world, const char *ref, uint64_t first,
                                    size_t count, size_t size, copse_err *err)
{
    copse_refs *refs = copse_pack_db_refs(world->db);
    copse_bytes name = copse_bytes_of_text(ref);
    copse_cid now;
    copse_cid cid = tail_cid(world, first, size);
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count && status == COPSE_OK; i++) {
        copse_block *block = block_support_make(&world->own.env, first + i, size);
        status = copse_store_put(copse_pack_db_store(world->db), &block, 1, err);
        copse_block_unref(block);
    }
    if (status != COPSE_OK) {
        return status;
    }
    bool is_there = copse_refs_get(refs, name, &now, NULL) == COPSE_OK;
    return copse_refs_swap(refs, name, is_there ? &now : NULL, &cid, err);
}

static void tail_commit(tail_world *world, const char *ref, uint64_t number)
{
    copse_err err = {0};
    pack_must(tail_try_commit(world, ref, number, 1, 100, &err), &err);
}

static bool tail_has(tail_world *world, uint64_t number, size_t size)
{
    copse_cid cid = tail_cid(world, number, size);
    copse_block *block = NULL;
    bool has = copse_store_get(copse_pack_db_store(world->db), &cid, &block, NULL) == COPSE_OK &&
               copse_block_verify(block, NULL) == COPSE_OK;
    copse_block_unref(block);
    return has;
}

/* Whether the ref names the block with `number`, and that is there. */
static bool tail_is(tail_world *world, const char *ref, uint64_t number, size_t size)
{
    copse_cid cid;
    copse_cid expected = tail_cid(world, number, size);
    return copse_refs_get(copse_pack_db_refs(world->db), copse_bytes_of_text(ref), &cid, NULL) ==
               COPSE_OK &&
           copse_cid_equal(&cid, &expected) && tail_has(world, number, size);
}

static size_t tail_size(const tail_world *world)
{
    copse_bytes content;
    assert_true(os_sim_peek(world->sim, tail_journal, &content));
    return content.len;
}

/* Changes byte `at` of the journal, and cuts it at `end`. */
static void tail_damage(tail_world *world, size_t at, uint8_t mask, size_t end)
{
    copse_bytes content;
    assert_true(os_sim_peek(world->sim, tail_journal, &content));
    uint8_t *bytes = malloc(content.len);
    assert_non_null(bytes);
    memcpy(bytes, content.ptr, content.len);
    bytes[at] ^= mask;
    os_sim_plant(world->sim, tail_journal, (copse_bytes){bytes, end});
    free(bytes);
}

/* What a check found. */
typedef struct tail_found {
    size_t kinds[4];
    size_t asides;
    size_t refs; /* that were reported and not moved */
} tail_found;

static copse_status tail_note(void *ctx, const copse_pack_finding *finding, copse_err *err)
{
    (void)err;
    tail_found *found = ctx;
    found->kinds[finding->kind]++;
    bool is_aside = strstr(finding->file, ".damaged") != NULL;
    found->asides += is_aside && finding->kind == COPSE_PACK_FINDING_LEFTOVER;
    found->refs += finding->kind == COPSE_PACK_FINDING_TAIL && finding->cid.size > 0;
    return COPSE_OK;
}

static copse_status tail_try_fsck(tail_world *world, bool repair, tail_found *ret_found,
                                  copse_err *err)
{
    copse_pack_fsck_options options = {.repair = repair, .found = tail_note};
    tail_found found = {{0}, 0, 0};
    options.found_ctx = &found;
    copse_os *os = os_sim_process(world->sim);
    copse_status status = copse_pack_fsck(&world->env.env, os, "/store", &options, NULL, err);
    copse_os_free(os);
    *ret_found = found;
    return status;
}

static tail_found tail_fsck(tail_world *world, bool repair)
{
    copse_err err = {0};
    tail_found found;
    pack_must(tail_try_fsck(world, repair, &found, &err), &err);
    return found;
}

/* A store with ref "r" at 1 and then at 2: *ret_from and *ret_to are the place of the second
 * commit. The writer is killed, or closes in good order. */
static void tail_init(tail_world *world, bool is_killed, size_t *ret_from, size_t *ret_to)
{
    memset(world, 0, sizeof *world);
    test_env_init(&world->env);
    test_env_init(&world->own);
    world->sim = os_sim_new();
    tail_open(world);
    tail_commit(world, "r", 1);
    *ret_from = tail_size(world);
    tail_commit(world, "r", 2);
    *ret_to = tail_size(world);
    if (is_killed) {
        tail_kill(world);
    } else {
        tail_close(world);
    }
}

/* ---- One wrong bit ---- */

/* No witness: the writer died. Repaired at once, everything is back, the ref too. */
static void tail_is_mended_to_the_bit(void **state)
{
    (void)state;
    tail_world world;
    size_t from;
    size_t to;
    tail_init(&world, true, &from, &to);
    os_sim *good = world.sim;
    for (size_t at = from; at < to; at++) {
        world.sim = os_sim_copy(good);
        tail_damage(&world, at, (uint8_t)(1u << at % 8), to);
        tail_found found = tail_fsck(&world, false);
        assert_int_equal(found.kinds[COPSE_PACK_FINDING_TAIL], 1);
        assert_int_equal(found.kinds[COPSE_PACK_FINDING_DAMAGE], 0);
        found = tail_fsck(&world, true);
        assert_int_equal(found.refs, 0);
        found = tail_fsck(&world, false);
        assert_int_equal(found.kinds[COPSE_PACK_FINDING_TAIL] + found.asides, 0);
        tail_open(&world);
        assert_true(tail_is(&world, "r", 2, 100));
        tail_close(&world);
        os_sim_free(world.sim);
    }
    world.sim = good;
    tail_release(&world);
}

/* The same, but a writer came first: the blocks are back, and the ref is reported (A1). */
static void tail_survives_the_next_writer(void **state)
{
    (void)state;
    tail_world world;
    size_t from;
    size_t to;
    tail_init(&world, true, &from, &to);
    os_sim *good = world.sim;
    for (size_t at = from; at < to; at += 3) {
        world.sim = os_sim_copy(good);
        tail_damage(&world, at, (uint8_t)(1u << at % 8), to);
        tail_open(&world);
        assert_true(tail_is(&world, "r", 1, 100));
        tail_commit(&world, "s", 3);
        assert_false(tail_has(&world, 2, 100));
        tail_close(&world);
        tail_found found = tail_fsck(&world, false);
        assert_int_equal(found.asides, 1);
        assert_int_equal(found.kinds[COPSE_PACK_FINDING_DAMAGE], 0);
        found = tail_fsck(&world, true);
        assert_int_equal(found.refs, 1);
        tail_open(&world);
        assert_true(tail_has(&world, 2, 100));
        assert_true(tail_is(&world, "s", 3, 100));
        assert_true(tail_is(&world, "r", 1, 100));
        tail_close(&world);
        os_sim_free(world.sim);
    }
    world.sim = good;
    tail_release(&world);
}

static copse_status tail_pass(void *ctx, copse_bytes name, const copse_cid *cid, copse_err *err)
{
    (void)ctx;
    (void)name;
    (void)cid;
    (void)err;
    return COPSE_OK;
}

/* J4: a writer that closed left a witness. No later one cuts the commit off. */
static void tail_with_a_witness_is_damage(void **state)
{
    (void)state;
    tail_world world;
    size_t from;
    size_t to;
    copse_err err = {0};
    tail_init(&world, false, &from, &to);
    os_sim *good = world.sim;
    size_t end = tail_size(&world);
    assert_true(end > to);
    for (size_t at = from; at < end; at += 3) {
        world.sim = os_sim_copy(good);
        tail_damage(&world, at, (uint8_t)(1u << at % 8), end);
        tail_found found = tail_fsck(&world, false);
        assert_int_equal(found.kinds[COPSE_PACK_FINDING_DAMAGE], at < to);
        assert_int_equal(found.kinds[COPSE_PACK_FINDING_TAIL], at >= to);
        tail_open(&world);
        copse_refs *refs = copse_pack_db_refs(world.db);
        copse_status status = copse_refs_iterate(refs, tail_pass, NULL, &err);
        assert_int_equal(status, at < to ? COPSE_CORRUPT : COPSE_OK);
        status = tail_try_commit(&world, "s", 3, 1, 100, &err);
        assert_int_equal(status, at < to ? COPSE_CORRUPT : COPSE_OK);
        tail_close(&world);
        (void)tail_fsck(&world, true);
        tail_open(&world);
        assert_true(tail_is(&world, "r", 2, 100));
        tail_close(&world);
        found = tail_fsck(&world, false);
        assert_int_equal(found.kinds[COPSE_PACK_FINDING_DAMAGE], 0);
        assert_int_equal(found.kinds[COPSE_PACK_FINDING_TAIL], 0);
        assert_int_equal(found.asides, 0);
        os_sim_free(world.sim);
    }
    world.sim = good;
    tail_release(&world);
}

/* A frame that is too long to look for a bit in, and damaged twice. */
static void tail_of_many_blocks_loses_the_damaged_ones_only(void **state)
{
    (void)state;
    enum { COUNT = 40, SIZE = 4000 };
    tail_world world;
    size_t from;
    size_t to;
    copse_err err = {0};
    tail_init(&world, false, &from, &to);
    from = tail_size(&world);
    tail_open(&world);
    pack_must(tail_try_commit(&world, "r", 100, COUNT, SIZE, &err), &err);
    to = tail_size(&world);
    tail_kill(&world);
    tail_damage(&world, from + 20 * SIZE, 0xff, to);
    tail_damage(&world, from + 30 * SIZE, 0xff, to);
    tail_open(&world);
    tail_commit(&world, "s", 3);
    tail_close(&world);
    tail_found found = tail_fsck(&world, true);
    assert_int_equal(found.refs, 1);
    tail_open(&world);
    size_t salvaged = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        salvaged += tail_has(&world, 100 + i, SIZE);
    }
    assert_int_equal(salvaged, COUNT - 2);
    tail_close(&world);
    tail_release(&world);
}

/* ---- What stays, and for how long ---- */

static void tail_files_are_bounded_and_collected(void **state)
{
    (void)state;
    tail_world world;
    size_t from;
    size_t to;
    copse_err err = {0};
    copse_pack_gc_stats stats;
    tail_init(&world, true, &from, &to);
    for (uint64_t i = 0; i < 12; i++) {
        tail_open(&world);
        tail_commit(&world, "r", 10 + i); /* cuts off what the one before left */
        size_t begin = tail_size(&world);
        tail_commit(&world, "s", 30 + i);
        size_t end = tail_size(&world);
        tail_kill(&world);
        tail_damage(&world, begin + 60, 1, end - 1);
    }
    assert_int_equal(tail_fsck(&world, false).asides, 8);
    tail_open(&world); /* with a tail of its own, which the collection itself cuts off */
    pack_must(copse_pack_gc(world.db, NULL, &stats, &err), &err);
    assert_int_equal(stats.tails, 0);
    assert_int_equal(tail_fsck(&world, false).asides, 8);
    pack_must(copse_pack_gc(world.db, NULL, &stats, &err), &err);
    assert_int_equal(stats.tails, 8);
    assert_int_equal(tail_fsck(&world, false).asides, 0);
    tail_close(&world);
    tail_release(&world);
}

/* A3: zeros, and what a torn witness leaves. */
static void tail_without_content_is_not_kept(void **state)
{
    (void)state;
    tail_world world;
    size_t from;
    size_t to;
    for (int with_zeros = 0; with_zeros < 2; with_zeros++) {
        tail_init(&world, false, &from, &to);
        copse_bytes content;
        assert_true(os_sim_peek(world.sim, tail_journal, &content));
        uint8_t *bytes = calloc(content.len + 1000, 1);
        assert_non_null(bytes);
        memcpy(bytes, content.ptr, content.len);
        size_t size = with_zeros ? content.len + 1000 : content.len - 1;
        os_sim_plant(world.sim, tail_journal, (copse_bytes){bytes, size});
        free(bytes);
        tail_open(&world);
        tail_commit(&world, "s", 3);
        assert_true(tail_is(&world, "r", 2, 100));
        tail_close(&world);
        assert_int_equal(tail_fsck(&world, false).asides, 0);
        tail_release(&world);
    }
}

/* ---- Crashes ---- */

/* Loses power before the n-th call. */
typedef struct tail_power {
    os_sim *sim;
    uint64_t calls_left;
    uint64_t seed;
    os_sim *after;
} tail_power;

static void tail_power_hook(void *ctx, const os_sim_call *call)
{
    tail_power *power = ctx;
    if (power->after == NULL && power->calls_left-- == 0) {
        power->after = os_sim_crash(power->sim, power->seed);
        os_sim_kill(call->process);
    }
}

static copse_status tail_cut_and_go_on(tail_world *world)
{
    copse_status status = tail_try_open(world, NULL);
    if (status == COPSE_OK) {
        status = tail_try_commit(world, "s", 3, 1, 100, NULL);
    }
    tail_close(world);
    return status;
}

static copse_status tail_repair(tail_world *world)
{
    tail_found found;
    return tail_try_fsck(world, true, &found, NULL);
}

/* Damages the last commit of a store, runs `act` with power lost before each of its calls, under
 * `seeds` seeds each; then repairs, and the commit is back. */
static void tail_crash_in(copse_status (*act)(tail_world *world), bool is_killed, uint64_t seeds)
{
    tail_world world;
    size_t from;
    size_t to;
    bool is_over = false;
    uint64_t crashes = 0;
    tail_init(&world, is_killed, &from, &to);
    os_sim *good = world.sim;
    for (uint64_t n = 0; !is_over; n++) {
        for (uint64_t seed = 1; seed <= seeds && !is_over; seed++) {
            world.sim = os_sim_copy(good);
            tail_damage(&world, (from + to) / 2, 4, tail_size(&world));
            tail_power power = {world.sim, n, seed * 7919 + n, NULL};
            os_sim_set_hook(world.sim, tail_power_hook, &power);
            copse_status status = act(&world);
            is_over = power.after == NULL;
            os_sim_set_hook(world.sim, NULL, NULL);
            if (!is_over) {
                os_sim_free(world.sim);
                world.sim = power.after;
                crashes++;
            }
            (void)tail_fsck(&world, true);
            tail_open(&world);
            if (!tail_has(&world, 2, 100) ||
                (!tail_is(&world, "r", 2, 100) && !tail_is(&world, "r", 1, 100)) ||
                (status == COPSE_OK && is_over && act == tail_cut_and_go_on && is_killed &&
                 !tail_is(&world, "s", 3, 100))) {
                fail_msg("call %llu, seed %llu: a commit is lost", (unsigned long long)n,
                         (unsigned long long)seed);
            }
            tail_commit(&world, "t", 4);
            tail_close(&world);
            tail_found found = tail_fsck(&world, false);
            assert_int_equal(found.kinds[COPSE_PACK_FINDING_DAMAGE], 0);
            os_sim_free(world.sim);
        }
    }
    print_message("%llu crashes\n", (unsigned long long)crashes);
    assert_true(crashes > 10 * seeds);
    world.sim = good;
    tail_release(&world);
}

static void tail_survives_a_crash_while_it_is_cut(void **state)
{
    (void)state;
    tail_crash_in(tail_cut_and_go_on, true, 40);
}

static void tail_survives_a_crash_of_its_repair(void **state)
{
    (void)state;
    tail_crash_in(tail_repair, true, 20);
}

/* The damaged frame has a witness, so that the whole store is made anew. */
static void tail_survives_a_crash_of_a_whole_repair(void **state)
{
    (void)state;
    tail_crash_in(tail_repair, false, 20);
}

/* Every call and every allocation of a cut and of both repairs fails once: a second repair brings
 * the commit back. */
static void tail_survives_failures(void **state)
{
    (void)state;
    copse_status (*const acts[])(tail_world *) = {tail_cut_and_go_on, tail_repair, tail_repair};
    size_t failures = 0;
    for (size_t a = 0; a < 6; a++) {
        bool is_call = a % 2 == 0;
        bool fired = true;
        tail_world world;
        size_t from;
        size_t to;
        tail_init(&world, a / 2 != 2, &from, &to);
        tail_damage(&world, (from + to) / 2, 4, tail_size(&world));
        os_sim *good = world.sim;
        for (uint64_t n = 0; fired; n++) {
            world.sim = os_sim_copy(good);
            test_env_assert_empty(&world.env);
            test_env_init(&world.env);
            os_sim_fail(world.sim, is_call ? OS_SIM_MASK_ALL : 0, n, EIO, false);
            world.env.fail_at = is_call ? UINT64_MAX : n;
            copse_status status = acts[a / 2](&world);
            fired = is_call ? os_sim_failed(world.sim) > 0 : world.env.failed;
            world.env.fail_at = UINT64_MAX;
            os_sim_fail(world.sim, 0, 0, 0, false);
            if (status != COPSE_OK) {
                assert_true(fired);
                assert_int_equal(status, is_call ? COPSE_IO : COPSE_NOMEM);
                failures++;
            }
            (void)tail_fsck(&world, true);
            tail_open(&world);
            assert_true(tail_has(&world, 2, 100));
            assert_true(tail_is(&world, "r", 2, 100) || tail_is(&world, "r", 1, 100));
            tail_close(&world);
            os_sim_free(world.sim);
        }
        world.sim = good;
        tail_release(&world);
    }
    print_message("%zu failures reported\n", failures);
    assert_true(failures > 100);
}

/* ---- Repairs beside others ---- */

/* Who has the store open while it is mended doesn't go on in a file that is gone. */
static void tail_repair_stops_those_who_have_it_open(void **state)
{
    (void)state;
    tail_world world;
    size_t from;
    size_t to;
    copse_err err = {0};
    tail_init(&world, false, &from, &to);
    tail_open(&world);
    tail_commit(&world, "s", 3);
    tail_damage(&world, from + 60, 1, tail_size(&world));
    (void)tail_fsck(&world, true);
    copse_status status = tail_try_commit(&world, "t", 4, 1, 100, &err);
    if (status == COPSE_CONFLICT) {
        status = tail_try_commit(&world, "t", 4, 1, 100, &err); /* its blocks may be gone: D5 */
    }
    pack_must(status, &err);
    tail_close(&world);
    tail_open(&world);
    assert_true(tail_is(&world, "r", 2, 100));
    assert_true(tail_is(&world, "s", 3, 100));
    assert_true(tail_is(&world, "t", 4, 100));
    tail_close(&world);
    tail_release(&world);
}

/* A process that slept while others ended its journal, whose last frame was then damaged, doesn't
 * take that for a torn tail and go on there. */
static void tail_of_an_ended_journal_is_not_cut(void **state)
{
    (void)state;
    tail_world world;
    size_t from;
    size_t to;
    copse_err err = {0};
    copse_pack_options options = {.journal_size_bytes_max = 100};
    tail_init(&world, false, &from, &to);
    tail_open(&world);
    tail_world other = {.sim = world.sim, .os = os_sim_process(world.sim)};
    test_env_init(&other.env);
    test_env_init(&other.own);
    pack_must(copse_pack_db_open(&other.env.env, other.os, "/store", &options, &other.db, &err),
              &err);
    tail_commit(&other, "s", 3);
    from = tail_size(&other);
    tail_close(&other);
    tail_damage(&world, from - 20, 1, from);
    tail_commit(&world, "t", 4);
    tail_close(&world);
    tail_open(&world);
    assert_true(tail_is(&world, "s", 3, 100) && tail_is(&world, "t", 4, 100));
    tail_release(&world);
}

/* Somebody who commits before the n-th call of a repair: once in the journal in use, once in a new
 * one. */
typedef struct tail_other {
    tail_world *world;
    uint64_t calls_left;
    bool is_done;
    copse_status status;
} tail_other;

static void tail_other_hook(void *ctx, const os_sim_call *call)
{
    (void)call;
    tail_other *other = ctx;
    tail_world mine = {.sim = other->world->sim};
    if (other->is_done || other->calls_left-- > 0) {
        return;
    }
    other->is_done = true;
    test_env_init(&mine.env);
    test_env_init(&mine.own);
    for (uint64_t i = 0; i < 2; i++) {
        copse_pack_options options = {.journal_size_bytes_max = i == 0 ? 100 : 0};
        mine.os = os_sim_process(mine.sim);
        other->status =
            copse_pack_db_open(&mine.env.env, mine.os, "/store", &options, &mine.db, NULL);
        if (other->status == COPSE_OK) {
            other->status = tail_try_commit(&mine, "t", 3 + i, 1, 100, NULL);
        }
        tail_close(&mine);
    }
}

/* The damage is in a pack, which keeps nobody from writing. */
static void tail_repair_loses_no_commit_beside_it(void **state)
{
    (void)state;
    pack_small small;
    bool is_over = false;
    size_t acknowledged = 0;
    size_t refused = 0;
    pack_small_init(&small);
    for (uint64_t n = 0; !is_over; n++) {
        tail_found found;
        tail_world world = {.sim = os_sim_copy(small.sim)};
        test_env_init(&world.env);
        test_env_init(&world.own);
        pack_small_damage_pack(&small, world.sim);
        tail_other other = {&world, n, false, COPSE_IO};
        os_sim_set_hook(world.sim, tail_other_hook, &other);
        copse_err err = {0};
        copse_status status = tail_try_fsck(&world, true, &found, &err);
        os_sim_set_hook(world.sim, NULL, NULL);
        is_over = !other.is_done;
        if (status != COPSE_CONFLICT) {
            pack_must(status, &err);
        }
        tail_open(&world);
        if (other.status == COPSE_OK && !tail_is(&world, "t", 4, 100)) {
            fail_msg("call %llu of the repair: a commit beside it is lost", (unsigned long long)n);
        }
        acknowledged += other.status == COPSE_OK;
        refused += other.status != COPSE_OK;
        tail_release(&world);
    }
    assert_true(acknowledged > 3 && refused > 3);
    pack_small_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tail_is_mended_to_the_bit),
        cmocka_unit_test(tail_survives_the_next_writer),
        cmocka_unit_test(tail_with_a_witness_is_damage),
        cmocka_unit_test(tail_of_many_blocks_loses_the_damaged_ones_only),
        cmocka_unit_test(tail_files_are_bounded_and_collected),
        cmocka_unit_test(tail_without_content_is_not_kept),
        cmocka_unit_test(tail_survives_a_crash_while_it_is_cut),
        cmocka_unit_test(tail_survives_a_crash_of_its_repair),
        cmocka_unit_test(tail_survives_a_crash_of_a_whole_repair),
        cmocka_unit_test(tail_survives_failures),
        cmocka_unit_test(tail_repair_stops_those_who_have_it_open),
        cmocka_unit_test(tail_of_an_ended_journal_is_not_cut),
        cmocka_unit_test(tail_repair_loses_no_commit_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
