/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/pack_crash.h"

#include <copse/dag_cbor.h>
#include <copse/pack_maintenance.h>
#include <copse/pack_store.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/os_sim.h"
#include "support/test_env.h"

enum {
    CRASH_PROCESSES = 2,
    CRASH_REFS = 3,
    CRASH_ROUNDS = 4,
    CRASH_OPERATIONS = 14,
    CRASH_STATES = CRASH_ROUNDS * CRASH_OPERATIONS + 2,
    CRASH_BLOCKS = 8 /* of a commit */
};

/* A value that a ref had, and the blocks that belong to it. */
typedef struct crash_tree {
    copse_cid cids[CRASH_BLOCKS]; /* the first is the root */
    size_t count;
} crash_tree;

/* The refs after a commit: indexes of trees, or -1. */
typedef struct crash_state {
    int refs[CRASH_REFS];
} crash_state;

typedef enum crash_kind { CRASH_NONE, CRASH_POWER, CRASH_KILL } crash_kind;

typedef struct crash_world {
    uint64_t seed;
    uint64_t random;
    test_env env;
    os_sim *sim;
    copse_os *os[CRASH_PROCESSES];
    copse_pack_db *db[CRASH_PROCESSES];
    copse_durability durability;
    crash_tree *trees;
    size_t trees_count;
    crash_state states[CRASH_STATES];
    size_t acked;      /* states[acked] is acknowledged */
    bool is_under_way; /* states[acked + 1] may be there */
    size_t durable;    /* power can't take that state away */
    bool is_unchecked; /* power was lost and nobody has looked yet */
    bool is_created;   /* an open has returned OK */
    bool is_loose;     /* written with durability off, and not synced since: no promise */
    copse_cid flushed[16];
    size_t flushed_count;
    /* the crash to come */
    crash_kind kind;
    uint64_t at; /* the number of a call; with `kinds`: calls of those to go */
    unsigned kinds;
    os_sim *after;
    copse_os *killed;
    const char *doing;
    pack_crash_counts *counts;
    char *why;
    size_t why_size;
    bool is_broken;
} crash_world;

static uint64_t crash_below(crash_world *world, uint64_t bound)
{
    return test_random_below(&world->random, bound);
}

static void crash_break(crash_world *world, const char *what, const char *detail)
{
    if (!world->is_broken) {
        (void)snprintf(world->why, world->why_size, "seed %llu, %s: %s %s",
                       (unsigned long long)world->seed, world->doing, what, detail);
    }
    world->is_broken = true;
}

static copse_status crash_random_bytes(void *ctx, void *ret_bytes, size_t size)
{
    uint64_t *random = ctx;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)ret_bytes)[i] = (uint8_t)test_random(random);
    }
    return COPSE_OK;
}

/* ---- The machine ---- */

static void crash_hook(void *ctx, const os_sim_call *call)
{
    crash_world *world = ctx;
    if (world->kind == CRASH_NONE || world->after != NULL || world->killed != NULL) {
        return;
    }
    if (world->kinds != 0 ? (world->kinds & OS_SIM_MASK(call->kind)) == 0 || world->at-- > 0
                          : call->number < world->at) {
        return;
    }
    if (world->kind == CRASH_KILL) {
        world->killed = call->process;
        os_sim_kill(call->process);
        return;
    }
    world->after = os_sim_crash(world->sim, test_random(&world->random));
    for (size_t i = 0; i < CRASH_PROCESSES; i++) {
        os_sim_kill(world->os[i]);
    }
}

static bool crash_happened(const crash_world *world)
{
    return world->after != NULL || world->killed != NULL;
}

static copse_status crash_open(crash_world *world, size_t process, bool create, copse_err *err)
{
    static const uint64_t journal_sizes[] = {3000, 12000, 0};
    copse_pack_options options = {.create = create,
                                  .durability = world->durability,
                                  .journal_size_bytes_max = journal_sizes[crash_below(world, 3)]};
    return copse_pack_db_open(&world->env.env, world->os[process], "/store", &options,
                              &world->db[process], err);
}

static void crash_start(crash_world *world)
{
    for (size_t i = 0; i < CRASH_PROCESSES; i++) {
        world->os[i] = os_sim_process(world->sim);
    }
    os_sim_set_hook(world->sim, crash_hook, world);
}

static void crash_close(crash_world *world)
{
    for (size_t i = 0; i < CRASH_PROCESSES; i++) {
        world->db[i] = copse_pack_db_close(world->db[i]);
    }
}

static void crash_stop(crash_world *world)
{
    crash_close(world);
    for (size_t i = 0; i < CRASH_PROCESSES; i++) {
        world->os[i] = copse_os_free(world->os[i]);
    }
}

/* ---- What must be there ---- */

static void crash_name(size_t ref, char ret_name[8])
{
    (void)snprintf(ret_name, 8, "ref-%zu", ref);
}

static bool crash_state_is(crash_world *world, const copse_cid *cids, const crash_state *state)
{
    for (size_t i = 0; i < CRASH_REFS; i++) {
        bool is_there = state->refs[i] >= 0;
        if (is_there != (cids[i].size > 0) ||
            (is_there && !copse_cid_equal(&cids[i], &world->trees[state->refs[i]].cids[0]))) {
            return false;
        }
    }
    return true;
}

static void crash_check_block(crash_world *world, copse_store *store, const copse_cid *cid)
{
    copse_block *block = NULL;
    copse_err err = {0};
    copse_status status = copse_store_get(store, cid, &block, &err);
    if (crash_happened(world)) {
        /* In the middle of looking: the next round looks again. */
    } else if (status != COPSE_OK) {
        crash_break(world, "C4: a block:", err.message);
    } else if (copse_block_verify(block, &err) != COPSE_OK) {
        crash_break(world, "C4: a wrong block:", err.message);
    }
    copse_block_unref(block);
}

/* Which tree has this root; -1: none. */
static int crash_tree_of(const crash_world *world, const copse_cid *cid)
{
    for (size_t i = 0; i < world->trees_count && cid->size > 0; i++) {
        if (copse_cid_equal(&world->trees[i].cids[0], cid)) {
            return (int)i;
        }
    }
    return -1;
}

/* Finds which state is there (C2, C3), and looks at its blocks (C4). */
static void crash_check(crash_world *world, copse_pack_db *db)
{
    copse_cid cids[CRASH_REFS] = {{0}};
    copse_err err = {0};
    size_t last = world->acked + (world->is_under_way ? 1 : 0);
    for (size_t i = 0; i < CRASH_REFS; i++) {
        char name[8];
        crash_name(i, name);
        copse_status status =
            copse_refs_get(copse_pack_db_refs(db), copse_bytes_of_text(name), &cids[i], &err);
        if (crash_happened(world)) {
            return;
        }
        if (status != COPSE_OK && status != COPSE_NOT_FOUND) {
            crash_break(world, "C2: a ref:", err.message);
            return;
        }
    }
    size_t at = last;
    size_t floor = world->is_unchecked ? world->durable : world->acked;
    while (!crash_state_is(world, cids, &world->states[at])) {
        if (at == floor) {
            char detail[160];
            (void)snprintf(detail, sizeof detail,
                           "from %zu to %zu, acknowledged %zu; durability %d, trees %d %d %d",
                           floor, last, world->acked, (int)world->durability,
                           crash_tree_of(world, &cids[0]), crash_tree_of(world, &cids[1]),
                           crash_tree_of(world, &cids[2]));
            crash_break(world, "C3: the refs are not those of a commit that may be there:", detail);
            return;
        }
        at--;
    }
    world->counts->lost += at < world->acked ? world->acked - at : 0;
    for (size_t i = 0; i < CRASH_REFS; i++) {
        int tree = world->states[at].refs[i];
        for (size_t k = 0; tree >= 0 && k < world->trees[tree].count; k++) {
            crash_check_block(world, copse_pack_db_store(db), &world->trees[tree].cids[k]);
        }
    }
    for (size_t i = 0; i < world->flushed_count; i++) {
        crash_check_block(world, copse_pack_db_store(db), &world->flushed[i]);
    }
    if (!crash_happened(world)) {
        world->durable = world->is_unchecked ? at : world->durable;
        world->acked = at;
        world->is_unchecked = false;
        world->is_under_way = false;
    }
}

/* ---- Operations ---- */

static bool crash_put_block(crash_world *world, copse_store *store, size_t size, copse_cid *ret_cid)
{
    uint8_t *bytes = malloc(size);
    copse_block *block = NULL;
    if (bytes == NULL) {
        abort();
    }
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = test_random(&world->random);
        memcpy(bytes + i, &word, size - i < 8 ? size - i : 8);
    }
    copse_status status = copse_block_of_data(&world->env.env, COPSE_CODEC_RAW,
                                              (copse_bytes){bytes, size}, &block, NULL);
    if (status == COPSE_OK) {
        *ret_cid = *copse_block_cid(block);
        status = copse_store_put(store, &block, 1, NULL);
    }
    copse_block_unref(block);
    free(bytes);
    return status == COPSE_OK;
}

/* The links of a tree's root: a DAG-CBOR list, so that garbage collection finds them. */
static bool crash_put_root(crash_world *world, copse_store *store, crash_tree *tree)
{
    copse_buf buf;
    copse_block *block = NULL;
    copse_status status;
    copse_buf_init(&buf, &world->env.env, 4096);
    status = copse_cbor_write_array(&buf, tree->count);
    if (status == COPSE_OK) {
        status = copse_cbor_write_uint(&buf, test_random(&world->random));
    }
    for (size_t i = 1; i < tree->count && status == COPSE_OK; i++) {
        status =
            copse_cbor_write_link(&buf, (copse_bytes){tree->cids[i].bytes, tree->cids[i].size});
    }
    if (status == COPSE_OK) {
        status = copse_block_of_data(&world->env.env, COPSE_CODEC_DAG_CBOR, copse_buf_view(&buf),
                                     &block, NULL);
    }
    if (status == COPSE_OK) {
        tree->cids[0] = *copse_block_cid(block);
        status = copse_store_put(store, &block, 1, NULL);
    }
    copse_block_unref(block);
    copse_buf_release(&buf);
    return status == COPSE_OK;
}

/* Puts the blocks of a new tree; some belong to the tree that the ref has now. */
static bool crash_put_tree(crash_world *world, copse_store *store, bool is_bulk, int old,
                           crash_tree *tree)
{
    tree->count = 2 + (size_t)crash_below(world, CRASH_BLOCKS - 2);
    for (size_t i = 1; i < tree->count; i++) {
        if (old >= 0 && i < world->trees[old].count && crash_below(world, 2) == 0) {
            tree->cids[i] = world->trees[old].cids[i];
            continue;
        }
        size_t size = is_bulk ? 150000 + (size_t)crash_below(world, 300000)
                              : 1 + (size_t)crash_below(world, 700);
        if (!crash_put_block(world, store, size, &tree->cids[i])) {
            return false;
        }
    }
    return crash_put_root(world, store, tree);
}

static void crash_commit(crash_world *world, size_t process, bool is_bulk)
{
    copse_pack_db *db = world->db[process];
    size_t ref = (size_t)crash_below(world, CRASH_REFS);
    const crash_state *now = &world->states[world->acked];
    int old = now->refs[ref];
    bool is_removal = old >= 0 && !is_bulk && crash_below(world, 8) == 0;
    crash_tree *tree = &world->trees[world->trees_count];
    copse_err err = {0};
    char name[8];
    crash_name(ref, name);
    bool is_done = copse_pack_db_refresh(db, NULL) == COPSE_OK;
    if (is_done && is_bulk) {
        is_done = copse_pack_db_begin_bulk(db, NULL) == COPSE_OK;
    }
    if (is_done && !is_removal) {
        is_done = crash_put_tree(world, copse_pack_db_store(db), is_bulk, old, tree);
    }
    if (!is_done) {
        return;
    }
    world->states[world->acked + 1] = *now;
    world->states[world->acked + 1].refs[ref] = is_removal ? -1 : (int)world->trees_count;
    world->trees_count++;
    world->is_under_way = true;
    copse_status status = copse_refs_swap(copse_pack_db_refs(db), copse_bytes_of_text(name),
                                          old >= 0 ? &world->trees[old].cids[0] : NULL,
                                          is_removal ? NULL : &tree->cids[0], &err);
    if (status == COPSE_OK) {
        world->acked++;
        world->is_under_way = false;
        if (world->durability == COPSE_DURABILITY_FULL) {
            world->durable = world->acked;
            world->is_loose = false;
        }
        world->counts->commits++;
    } else if (!crash_happened(world)) {
        crash_break(world, "a commit failed:", err.message);
    }
}

/* Blocks that no ref names, made durable. */
static void crash_flush(crash_world *world, size_t process)
{
    copse_store *store = copse_pack_db_store(world->db[process]);
    copse_cid cid = {0};
    bool has_block = crash_below(world, 2) == 0;
    if (has_block && !crash_put_block(world, store, 50, &cid)) {
        return;
    }
    /* A flush promises for what this process wrote. */
    if (copse_store_flush(store, NULL) == COPSE_OK && world->durability != COPSE_DURABILITY_OFF &&
        has_block) {
        if (world->flushed_count < 16) {
            world->flushed[world->flushed_count++] = cid;
        }
        world->durable = world->acked;
        world->is_loose = false;
    }
}

static void crash_collect(crash_world *world, size_t process)
{
    copse_err err = {0};
    world->flushed_count = 0;
    copse_pack_gc_stats stats;
    copse_status status = copse_pack_gc(world->db[process], NULL, &stats, &err);
    if (status != COPSE_OK && !crash_happened(world)) {
        crash_break(world, "gc failed:", err.message);
    }
}

static void crash_operate(crash_world *world)
{
    size_t process = (size_t)crash_below(world, CRASH_PROCESSES);
    world->is_loose |= world->durability == COPSE_DURABILITY_OFF;
    uint64_t choice = crash_below(world, 20);
    if (choice < 14) {
        world->doing = "commit";
        crash_commit(world, process, false);
    } else if (choice < 16) {
        world->doing = "bulk load";
        crash_commit(world, process, true);
        world->counts->in_bulk += crash_happened(world);
    } else if (choice < 18) {
        world->doing = "flush";
        crash_flush(world, process);
    } else {
        world->doing = "gc";
        crash_collect(world, process);
        world->counts->in_gc += crash_happened(world);
    }
}

/* ---- A life ---- */

/* Opens the store in both processes and looks at it. */
static void crash_open_all(crash_world *world)
{
    for (size_t i = 0; i < CRASH_PROCESSES && !crash_happened(world); i++) {
        copse_err err = {0};
        copse_status status = crash_open(world, i, !world->is_created, &err);
        if (status != COPSE_OK && !crash_happened(world)) {
            crash_break(world, "C1: the store doesn't open:", err.message);
            return;
        }
        if (status == COPSE_OK && !crash_happened(world)) {
            world->is_created = true;
            crash_check(world, world->db[i]);
        }
    }
}

static void crash_choose(crash_world *world)
{
    uint64_t choice = crash_below(world, 10);
    if (world->kind == CRASH_KILL && world->kinds != 0 && crash_below(world, 4) != 0) {
        /* Somebody died before a sync: soon after others have gone on, power is lost. */
        world->kind = CRASH_POWER;
        world->kinds = OS_SIM_MASK(OS_SIM_LOCK);
        world->at = 2 + crash_below(world, 20);
        return;
    }
    world->kind = choice < 5 ? CRASH_POWER : choice < 9 ? CRASH_KILL : CRASH_NONE;
    world->kinds = 0;
    if (crash_below(world, 2) == 0) {
        /* Just before a sync, where it matters that others can see what is not durable. */
        world->kinds =
            crash_below(world, 2) == 0 ? OS_SIM_MASK_SYNCS : OS_SIM_MASK(OS_SIM_SYNC_DIR);
        world->at = crash_below(world, 12);
        return;
    }
    uint64_t spread = crash_below(world, 3) == 0 ? 30 : 300;
    world->at = os_sim_calls(world->sim) + crash_below(world, spread);
}

/* Goes on after the crash. False: no promise says what is there now. */
static bool crash_recover(crash_world *world, bool is_loose)
{
    bool is_power = world->after != NULL;
    world->counts->half_way += world->is_under_way;
    world->counts->in_creation += !world->is_created;
    crash_stop(world);
    if (is_power) {
        os_sim_free(world->sim);
        world->sim = world->after;
        world->is_unchecked = true;
        world->counts->crashes++;
        world->counts->torn += os_sim_get_fates(world->sim)->torn;
    } else if (world->killed != NULL) {
        world->counts->kills++;
    }
    world->after = NULL;
    world->killed = NULL;
    return !(is_power && is_loose);
}

/* One session: until the crash, or so many operations. */
static void crash_session(crash_world *world)
{
    crash_start(world);
    world->doing = "open";
    crash_open_all(world);
    /* What is there after a crash is durable; an orderly end keeps what it was. */
    for (size_t i = 0; i < CRASH_OPERATIONS && !crash_happened(world) && !world->is_broken; i++) {
        crash_operate(world);
    }
    world->doing = "close"; /* which writes too */
    crash_close(world);
}

static copse_status crash_found(void *ctx, const copse_pack_finding *finding, copse_err *err)
{
    crash_world *world = ctx;
    (void)err;
    if (finding->kind == COPSE_PACK_FINDING_DAMAGE) {
        crash_break(world, "C5: damage:", finding->message);
    }
    world->counts->asides += strstr(finding->file, ".damaged") != NULL;
    return COPSE_OK;
}

/* Looks at every byte (C5). */
static void crash_check_files(crash_world *world)
{
    copse_err err = {0};
    copse_pack_fsck_options options = {.found = crash_found, .found_ctx = world};
    copse_status status =
        copse_pack_fsck(&world->env.env, world->os[0], "/store", &options, NULL, &err);
    if (status != COPSE_OK && (status != COPSE_NOT_FOUND || world->is_created)) {
        crash_break(world, "C5: a check:", err.message);
    }
}

static void crash_live(crash_world *world)
{
    for (size_t round = 0; round < CRASH_ROUNDS && !world->is_broken; round++) {
        uint64_t choice = crash_below(world, 8);
        world->durability = choice < 5   ? COPSE_DURABILITY_FULL
                            : choice < 7 ? COPSE_DURABILITY_NORMAL
                                         : COPSE_DURABILITY_OFF;
        crash_choose(world);
        crash_session(world);
        bool is_off = world->durability == COPSE_DURABILITY_OFF;
        bool is_power = world->after != NULL;
        if (!crash_recover(world, world->is_loose || (is_off && world->is_created))) {
            return;
        }
        if (is_power) {
            world->is_loose = false;
        }
    }
    if (!world->is_broken) {
        world->kind = CRASH_NONE;
        crash_start(world);
        world->doing = "last open";
        crash_open_all(world);
        copse_pack_stat stat = {0};
        if (world->db[0] != NULL) {
            copse_pack_db_stat(world->db[0], &stat);
        }
        world->counts->packs += stat.packs;
        crash_check_files(world);
        crash_stop(world);
    }
}

bool pack_crash_run(uint64_t seed, pack_crash_counts *counts, char *ret_why, size_t why_size)
{
    crash_world *world = calloc(1, sizeof *world);
    uint64_t random = seed * 0x9e3779b97f4a7c15u + 1;
    if (world == NULL) {
        abort();
    }
    world->trees = calloc(CRASH_STATES * 2, sizeof world->trees[0]);
    world->seed = seed;
    world->random = random;
    world->counts = counts;
    world->why = ret_why;
    world->why_size = why_size;
    test_env_init(&world->env);
    world->env.env.random = crash_random_bytes;
    world->env.env.random_ctx = &random;
    for (size_t i = 0; i < CRASH_REFS; i++) {
        world->states[0].refs[i] = -1;
    }
    world->sim = os_sim_new();
    crash_live(world);
    crash_stop(world);
    os_sim_free(world->sim);
    bool is_whole = !world->is_broken;
    if (is_whole && world->env.blocks != 0) {
        (void)snprintf(ret_why, why_size, "seed %llu: memory leaked", (unsigned long long)seed);
        is_whole = false;
    }
    free(world->trees);
    free(world);
    return is_whole;
}
