/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/document_crash.h"

#include <copse/database_check.h>
#include <copse/history_keep.h>
#include <copse/pack_maintenance.h>
#include <copse/run_file.h>

#include <stdio.h>
#include <stdlib.h>

#include "support/document_actor.h"
#include "support/document_history.h"
#include "support/history_collect.h"
#include "support/os_sim.h"

enum {
    DOCUMENT_CRASH_ROUNDS = 4,
    DOCUMENT_CRASH_COMMITS = 8, /* of a round */
    DOCUMENT_CRASH_STATES = DOCUMENT_CRASH_ROUNDS * DOCUMENT_CRASH_COMMITS + 2
};

/* What a head stands for. */
typedef struct document_crash_state {
    copse_cid head; /* size 0: there is none */
    database_model model;
} document_crash_state;

typedef enum document_crash_kind {
    DOCUMENT_CRASH_NONE,
    DOCUMENT_CRASH_POWER,
    DOCUMENT_CRASH_KILL
} document_crash_kind;

typedef struct document_crash_world {
    uint64_t seed;
    uint64_t random;
    uint64_t env_random;
    uint64_t now_ms; /* goes on with each look at it */
    test_env env;
    os_sim *sim;
    copse_os *os;
    document_actor actor;
    copse_durability durability;
    document_crash_state *states;
    size_t acked;    /* states[acked] is acknowledged */
    bool in_flight;  /* states[acked + 1] may be there */
    size_t durable;  /* power can't take that state away */
    size_t floor;    /* of the states that may be there */
    bool is_unseen;  /* power was lost and nobody has looked yet */
    bool is_created; /* an open has returned OK */
    /* the crash to come */
    document_crash_kind kind;
    uint64_t at; /* the number of a call; with `kinds`: calls of those to go */
    unsigned kinds;
    os_sim *after;
    bool is_killed;
    const char *doing;
    document_crash_counts *counts;
    char *why;
    size_t why_size;
    bool is_broken;
} document_crash_world;

static uint64_t document_crash_below(document_crash_world *world, uint64_t bound)
{
    return test_random_below(&world->random, bound);
}

static bool document_crash_happened(const document_crash_world *world)
{
    return world->after != NULL || world->is_killed;
}

static bool document_crash_goes_on(const document_crash_world *world)
{
    return !document_crash_happened(world) && !world->is_broken;
}

static void document_crash_break(document_crash_world *world, const char *rule, const char *detail)
{
    if (!world->is_broken) {
        (void)snprintf(world->why, world->why_size, "seed %llu, %s: %s: %s",
                       (unsigned long long)world->seed, world->doing, rule, detail);
    }
    world->is_broken = true;
}

/* Whether `status` is OK; anything else breaks `rule`, unless the crash has come. */
static bool document_crash_ok(document_crash_world *world, copse_status status, const char *rule,
                              const copse_err *err)
{
    if (status != COPSE_OK && !document_crash_happened(world)) {
        document_crash_break(world, rule, err->message);
    }
    return status == COPSE_OK;
}

static void document_crash_hook(void *ctx, const os_sim_call *call)
{
    document_crash_world *world = ctx;
    if (world->kind == DOCUMENT_CRASH_NONE || document_crash_happened(world)) {
        return;
    }
    if (world->kinds != 0 ? (world->kinds & OS_SIM_MASK(call->kind)) == 0 || world->at-- > 0
                          : call->number < world->at) {
        return;
    }
    if (world->kind == DOCUMENT_CRASH_POWER) {
        world->after = os_sim_crash(world->sim, test_random(&world->random));
    }
    world->is_killed = true;
    os_sim_kill(world->os);
}

/* ---- What must be there ---- */

static copse_status document_crash_found(void *ctx, const copse_database_defect *defect,
                                         copse_err *err)
{
    (void)err;
    document_crash_break(ctx, copse_database_defect_name(defect->kind), defect->message);
    return COPSE_OK;
}

static void document_crash_check_document(document_crash_world *world, copse_database *database,
                                          const copse_collection *posts,
                                          const database_model_document *expected)
{
    char text[16];
    copse_err err = {0};
    copse_document document = {.block = NULL};
    (void)snprintf(text, sizeof text, "%d", expected->id);
    copse_bytes id = database_world_value(text);
    copse_status status = copse_database_get(database, posts, id, &document, &err);
    if (document_crash_ok(world, status, "D3: a document", &err)) {
        world->counts->documents++;
        if (!copse_bytes_equal(document.encoded, expected->encoded)) {
            document_crash_break(world, "D3", "a document is not the model's");
        }
    }
    copse_document_release(&document);
    database_world_free(id);
}

/* The documents, one by one and by their number (D3). */
static void document_crash_check_documents(document_crash_world *world, const database_model *model)
{
    copse_err err = {0};
    copse_database *database = NULL;
    uint64_t count = 0;
    if (!document_crash_ok(world, copse_database_open(world->actor.tree, &database, &err), "D3",
                           &err)) {
        return;
    }
    const copse_collection *posts =
        copse_database_collection(database, copse_bytes_of_text("posts"));
    if ((posts != NULL) != model->exists) {
        document_crash_break(world, "D3", "the collection");
    } else if (posts != NULL &&
               document_crash_ok(world, copse_database_count(database, posts, &count, &err), "D3",
                                 &err) &&
               count != model->documents_count) {
        document_crash_break(world, "D3", "the number of documents");
    }
    for (size_t i = 0; i < model->documents_count && document_crash_goes_on(world); i++) {
        document_crash_check_document(world, database, posts, &model->documents[i]);
    }
    copse_database_close(database);
}

/* All of the state that is there (D3, D4, D5). */
static void document_crash_check_state(document_crash_world *world, const database_model *model)
{
    char what[64];
    copse_err err = {0};
    document_crash_check_documents(world, model);
    if (!document_crash_goes_on(world) || world->actor.head.size == 0) {
        return;
    }
    copse_database_check_options options = {.found = document_crash_found, .found_ctx = world};
    copse_status status =
        copse_database_check(&world->env.env, document_actor_store(&world->actor),
                             copse_tree_root(world->actor.tree), &options, NULL, &err);
    if (document_crash_ok(world, status, "D4", &err) && !world->is_broken) {
        (void)snprintf(what, sizeof what, "seed %llu", (unsigned long long)world->seed);
        database_model_assert_root(model, world->actor.tree, what);
    }
    if (document_crash_goes_on(world) &&
        !history_is_told(&world->env.env, world->actor.pack, &err) &&
        document_crash_goes_on(world)) {
        document_crash_break(world, "D5", err.message);
    }
}

/* Finds which state is there (D2), looks at it, and goes on from it. */
static void document_crash_look(document_crash_world *world)
{
    size_t at = world->acked + (world->in_flight ? 1 : 0);
    while (at > world->floor && !copse_cid_equal(&world->states[at].head, &world->actor.head)) {
        at--;
    }
    if (!copse_cid_equal(&world->states[at].head, &world->actor.head)) {
        char detail[96];
        (void)snprintf(detail, sizeof detail, "none of %zu to %zu, durability %d", world->floor,
                       world->acked + (world->in_flight ? 1 : 0), (int)world->durability);
        document_crash_break(world, "D2: the head", detail);
        return;
    }
    document_crash_check_state(world, &world->states[at].model);
    if (!document_crash_goes_on(world)) {
        return;
    }
    world->counts->lost += at < world->acked ? world->acked - at : 0;
    world->counts->in_flight_seen += at > world->acked;
    for (size_t i = at + 1; i <= world->acked + 1; i++) {
        database_model_release(&world->states[i].model);
    }
    world->durable = world->is_unseen ? at : world->durable;
    world->acked = at;
    world->floor = at;
    world->in_flight = false;
    world->is_unseen = false;
}

/* ---- Writing ---- */

/* Commits `tree`, which it takes, as states[acked + 1]. */
static void document_crash_commit(document_crash_world *world, copse_tree *tree)
{
    copse_err err = {0};
    document_crash_state *next = &world->states[world->acked + 1];
    if (!document_crash_ok(world,
                           document_actor_make_commit(&world->actor, tree, &next->head, &err),
                           "making a commit", &err)) {
        copse_tree_close(tree);
        database_model_release(&next->model);
        return;
    }
    world->in_flight = true;
    if (!document_crash_ok(world, document_actor_move(&world->actor, tree, &next->head, &err),
                           "a swap", &err)) {
        copse_tree_close(tree);
        return;
    }
    world->in_flight = false;
    world->acked++;
    world->floor = world->acked;
    if (world->durability == COPSE_DURABILITY_FULL) {
        world->durable = world->acked;
    }
    world->counts->commits++;
}

/* A few operations, applied and committed; or refused where the model refuses them. */
static void document_crash_write(document_crash_world *world)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_tree *tree = NULL;
    database_model *model = &world->states[world->acked + 1].model;
    uint64_t count = 1 + document_crash_below(world, 8);
    copse_status expected = copse_write_new(&world->env.env, &write, &err);
    database_model_copy(&world->states[world->acked].model, model);
    while (count-- > 0 && expected == COPSE_OK) {
        expected =
            document_history_operate(&world->random, write, model, &world->counts->index_builds);
    }
    copse_status status =
        copse_write_apply(write, world->actor.tree, document_actor_store(&world->actor), NULL,
                          &tree, NULL, NULL, &err);
    if (status != expected && !document_crash_happened(world)) {
        document_crash_break(world, "the model expects another status", err.message);
    }
    if (status == COPSE_OK && expected == COPSE_OK) {
        document_crash_commit(world, tree);
    } else {
        world->counts->refused += status == expected;
        copse_tree_close(tree);
        database_model_release(model);
    }
    copse_write_free(write);
}

/* ---- Importing ---- */

/* Imports into the collection, which is empty or not there, and commits. */
static void document_crash_import_into(document_crash_world *world, copse_run_file *file)
{
    enum { MEMORY = 64 * 1024 };
    copse_err err = {0};
    copse_loader *loader = NULL;
    copse_tree *tree = NULL;
    copse_run_store runs = copse_run_file_store(file);
    database_model *model = &world->states[world->acked + 1].model;
    database_model_copy(&world->states[world->acked].model, model);
    copse_status status = copse_loader_new(world->actor.tree, document_actor_store(&world->actor),
                                           copse_bytes_of_text("posts"), copse_bytes_of_text("_id"),
                                           COPSE_DOCUMENTS_INLINE, MEMORY, &runs, &loader, &err);
    if (status == COPSE_OK) {
        status = document_history_load(&world->random, loader, model, &err);
    }
    if (status == COPSE_OK) {
        status = copse_loader_finish(loader, &tree, NULL, NULL, &err);
    }
    if (status == COPSE_OK) {
        document_crash_commit(world, tree);
    } else {
        (void)document_crash_ok(world, status, "an import", &err);
        database_model_release(model);
    }
    copse_loader_free(loader);
    world->counts->spilled += copse_run_file_peak_bytes(file);
}

/* A unique index may refuse what an import brings: that is document_crash_write's to meet. */
static bool document_crash_can_import(const database_model *model)
{
    bool has_unique = false;
    for (size_t i = 0; i < model->indexes_count; i++) {
        has_unique |= model->indexes[i].options[0] == 'u';
    }
    return model->documents_count == 0 && !has_unique;
}

static void document_crash_run_import(document_crash_world *world)
{
    copse_err err = {0};
    copse_run_file *file = NULL;
    world->doing = "import";
    copse_status status = copse_run_file_new(&world->env.env, world->os, "/", &file, &err);
    if (status == COPSE_OK) {
        status = copse_pack_db_begin_bulk(world->actor.pack, &err);
    }
    if (document_crash_ok(world, status, "an import", &err)) {
        document_crash_import_into(world, file);
    }
    copse_run_file_free(file);
    world->counts->in_import += document_crash_happened(world);
}

/* ---- A life ---- */

static void document_crash_open(document_crash_world *world)
{
    static const uint64_t journal_sizes[] = {3000, 12000, 0};
    copse_err err = {0};
    copse_pack_options options = {.create = !world->is_created,
                                  .durability = world->durability,
                                  .journal_size_bytes_max =
                                      journal_sizes[document_crash_below(world, 3)]};
    if (document_crash_ok(
            world, document_actor_open(&world->actor, &world->env.env, world->os, &options, &err),
            "D1: it doesn't open", &err)) {
        world->is_created = true;
        document_crash_look(world);
    }
}

/* Collects: what no ref reaches, or with it trees of the past, by how long they are kept. */
static copse_status document_crash_gc(document_crash_world *world, copse_err *err)
{
    copse_pack_db *pack = world->actor.pack;
    const copse_env *env = &world->env.env;
    uint64_t before_ms = 0;
    if (document_crash_below(world, 3) == 0) {
        return copse_pack_gc(pack, NULL, NULL, err);
    }
    uint64_t keep_ms = document_crash_below(world, 2) == 0 ? 0 : document_crash_below(world, 8);
    copse_status status = copse_history_keep_before(
        env, copse_pack_db_refs(pack), copse_pack_db_store(pack), keep_ms, &before_ms, err);
    world->counts->drops++;
    return status == COPSE_OK ? history_collect(env, pack, before_ms, err) : status;
}

/* Collects, and opens again: a head that was read before a collection can't be moved. */
static void document_crash_collect(document_crash_world *world)
{
    copse_err err = {0};
    world->doing = "gc";
    document_actor_close(&world->actor);
    document_crash_open(world);
    if (!document_crash_goes_on(world) || world->actor.head.size == 0) {
        return;
    }
    (void)document_crash_ok(world, document_crash_gc(world, &err), "a collection", &err);
    document_actor_close(&world->actor);
    if (document_crash_goes_on(world)) {
        document_crash_open(world);
    }
    world->counts->in_gc += document_crash_happened(world);
}

static void document_crash_session(document_crash_world *world)
{
    world->os = os_sim_process(world->sim);
    os_sim_set_hook(world->sim, document_crash_hook, world);
    world->doing = "open";
    document_crash_open(world);
    for (size_t i = 0; i < DOCUMENT_CRASH_COMMITS && document_crash_goes_on(world); i++) {
        if (document_crash_below(world, 8) == 0) {
            document_crash_collect(world);
        } else if (document_crash_can_import(&world->states[world->acked].model) &&
                   document_crash_below(world, 2) == 0) {
            document_crash_run_import(world);
        } else {
            world->doing = "write";
            document_crash_write(world);
        }
    }
    world->doing = "close"; /* which writes too */
    document_actor_close(&world->actor);
    world->os = copse_os_free(world->os);
}

static void document_crash_choose(document_crash_world *world)
{
    uint64_t choice = document_crash_below(world, 10);
    world->durability =
        document_crash_below(world, 3) > 0 ? COPSE_DURABILITY_FULL : COPSE_DURABILITY_NORMAL;
    world->kind = choice < 6   ? DOCUMENT_CRASH_POWER
                  : choice < 9 ? DOCUMENT_CRASH_KILL
                               : DOCUMENT_CRASH_NONE;
    if (document_crash_below(world, 2) == 0) {
        world->kinds = OS_SIM_MASK_SYNCS;
        world->at = document_crash_below(world, 12);
    } else {
        world->kinds = 0;
        world->at = os_sim_calls(world->sim) + document_crash_below(world, 120);
    }
}

/* Goes on with the machine as the crash left it. */
static void document_crash_recover(document_crash_world *world)
{
    world->counts->in_flight += world->in_flight;
    if (world->after != NULL) {
        os_sim_free(world->sim);
        world->sim = world->after;
        world->floor = world->durable;
        world->is_unseen = true;
        world->counts->crashes++;
        world->counts->torn += os_sim_get_fates(world->sim)->torn;
    } else {
        world->counts->kills += world->is_killed;
    }
    world->after = NULL;
    world->is_killed = false;
}

static void document_crash_live(document_crash_world *world)
{
    for (size_t round = 0; round < DOCUMENT_CRASH_ROUNDS && !world->is_broken; round++) {
        document_crash_choose(world);
        document_crash_session(world);
        document_crash_recover(world);
    }
    if (!world->is_broken) {
        world->kind = DOCUMENT_CRASH_NONE;
        world->os = os_sim_process(world->sim);
        world->doing = "last open";
        document_crash_open(world);
        document_actor_close(&world->actor);
        world->os = copse_os_free(world->os);
    }
}

static uint64_t document_crash_clock(void *ctx)
{
    return ++*(uint64_t *)ctx;
}

bool document_crash_run(uint64_t seed, const char *unsynced, document_crash_counts *counts,
                        char *ret_why, size_t why_size)
{
    document_crash_world world = {.seed = seed,
                                  .random = seed * 0x9e3779b97f4a7c15u + 1,
                                  .now_ms = 1767225600000,
                                  .counts = counts,
                                  .why = ret_why,
                                  .why_size = why_size};
    world.states = calloc(DOCUMENT_CRASH_STATES, sizeof *world.states);
    if (world.states == NULL) {
        abort();
    }
    test_env_init(&world.env);
    database_world_give_random(&world.env.env, &world.env_random);
    world.env.env.clock = document_crash_clock;
    world.env.env.clock_ctx = &world.now_ms;
    world.sim = os_sim_new();
    if (unsynced != NULL) {
        os_sim_drop_sync(world.sim, unsynced, false);
    }
    document_crash_live(&world);
    os_sim_free(world.sim);
    if (!world.is_broken && world.env.blocks != 0) {
        document_crash_break(&world, "memory", "leaked");
    }
    for (size_t i = 0; i < DOCUMENT_CRASH_STATES; i++) {
        database_model_release(&world.states[i].model);
    }
    free(world.states);
    return !world.is_broken;
}
