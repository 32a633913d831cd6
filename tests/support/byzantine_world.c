/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/byzantine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/dag_cbor.h>
#include <copse/memory_store.h>

#include "support/authority_world.h"

uint64_t byzantine_below(byzantine_world *world, uint64_t bound)
{
    return test_random_below(&world->random, bound);
}

void byzantine_say(byzantine_world *world, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (world->is_told) {
        print_message("%s: %s\n", world->doing, line);
    }
}

void byzantine_fail(byzantine_world *world, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fail_msg("seed %llu, %s: %s", (unsigned long long)world->seed, world->doing, line);
    abort(); /* fail_msg does not return */
}

void byzantine_must(byzantine_world *world, copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        byzantine_fail(world, "%s: %s", copse_status_name(status), err->message);
    }
}

copse_bytes byzantine_collection_name(byzantine_collection collection)
{
    static const char *const names[] = {"notes", "wiki", "letters", "copies"};
    return copse_bytes_of_text(names[collection]);
}

size_t byzantine_document(int id, int n, uint8_t ret_document[BYZANTINE_DOCUMENT_SIZE_MAX])
{
    uint8_t *at = ret_document;
    const uint8_t head[] = {0xa2, 0x61, 'n', 0x19, (uint8_t)(n >> 8), (uint8_t)n};
    const uint8_t name[] = {0x63, '_', 'i', 'd'};
    assert_true(n >= 256 && n < 65536 && id >= 0 && id < 256);
    memcpy(at, head, sizeof head);
    at += sizeof head;
    memcpy(at, name, sizeof name);
    at += sizeof name;
    if (id >= 24) {
        *at++ = 0x18;
    }
    *at++ = (uint8_t)id;
    return (size_t)(at - ret_document);
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

void byzantine_fetch_one(byzantine_world *world, byzantine_machine *machine, const copse_cid *cid)
{
    copse_block *block = NULL;
    copse_err err = {0};
    for (size_t i = 0; i < BYZANTINE_MACHINES && block == NULL; i++) {
        copse_status status = copse_store_get(world->machines[i].store, cid, &block, NULL);
        assert_true(status == COPSE_OK || status == COPSE_NOT_FOUND);
    }
    if (block == NULL) {
        byzantine_fail(world, "a block that nobody has is wanted");
    }
    byzantine_must(world, copse_store_put(machine->store, &block, 1, &err), &err);
    copse_block_unref(block);
}

bool byzantine_fetch(byzantine_world *world, byzantine_machine *machine, copse_status status)
{
    size_t count = 0;
    const copse_cid *wants = copse_source_wants(machine->source, &count);
    for (size_t i = 0; i < count && status == COPSE_WANT; i++) {
        byzantine_fetch_one(world, machine, &wants[i]);
    }
    assert_true(status != COPSE_WANT || count > 0);
    return status == COPSE_WANT;
}

/* ---- Machines -------------------------------------------------------------------------------- */

static uint64_t byzantine_clock(void *ctx)
{
    const byzantine_machine *machine = ctx;
    return *machine->now_ms + (uint64_t)machine->ahead_ms;
}

static copse_status byzantine_random(void *ctx, void *ret_bytes, size_t size)
{
    uint8_t *bytes = ret_bytes;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)test_random(ctx);
    }
    return COPSE_OK;
}

static void byzantine_start(byzantine_world *world, byzantine_machine *machine)
{
    *machine = (byzantine_machine){.now_ms = &world->now_ms, .env = world->test.env};
    machine->env.clock = byzantine_clock;
    machine->env.clock_ctx = machine;
    machine->env.random = byzantine_random;
    machine->env.random_ctx = &world->random_bytes;
    assert_int_equal(copse_memory_store_new(&machine->env, &machine->store, NULL), COPSE_OK);
    assert_int_equal(copse_source_new(&machine->env, machine->store, &machine->source, NULL),
                     COPSE_OK);
    assert_int_equal(copse_node_cache_new(&machine->env, machine->source, &machine->cache, NULL),
                     COPSE_OK);
    assert_int_equal(copse_write_new(&machine->env, &machine->write, NULL), COPSE_OK);
}

static void byzantine_stop(byzantine_machine *machine)
{
    copse_write_free(machine->write);
    copse_node_cache_free(machine->cache);
    copse_source_free(machine->source);
    copse_store_close(machine->store);
}

byzantine_machine *byzantine_liar(byzantine_world *world)
{
    return &world->machines[BYZANTINE_LIAR];
}

copse_tree *byzantine_open(byzantine_world *world, byzantine_machine *machine,
                           const copse_cid *commit)
{
    copse_block *block = NULL;
    copse_commit decoded;
    copse_tree *tree = NULL;
    copse_err err = {0};
    copse_status status;
    do {
        copse_source_begin(machine->source);
        status = copse_source_get(machine->source, commit, &block, &err);
    } while (byzantine_fetch(world, machine, status));
    byzantine_must(world, status, &err);
    byzantine_must(world, copse_commit_decode(&machine->env, block, &decoded, &err), &err);
    do {
        status = copse_tree_open(machine->cache, &decoded.tree, &tree, &err);
    } while (byzantine_fetch(world, machine, status));
    byzantine_must(world, status, &err);
    copse_block_unref(block);
    return tree;
}

void byzantine_put(byzantine_world *world, byzantine_machine *machine,
                   byzantine_collection collection, int id, int n)
{
    uint8_t bytes[BYZANTINE_DOCUMENT_SIZE_MAX];
    const copse_bytes document = {bytes, byzantine_document(id, n, bytes)};
    copse_err err = {0};
    byzantine_say(world, "n = %d in document %d of %s", n, id,
                  (const char *)byzantine_collection_name(collection).ptr);
    byzantine_must(world,
                   copse_write_replace(machine->write, byzantine_collection_name(collection),
                                       document, true, &err),
                   &err);
}

copse_cid byzantine_state(byzantine_world *world, byzantine_machine *machine, byzantine_person by,
                          copse_statement *statement)
{
    copse_cid name;
    copse_buf encoded;
    copse_err err = {0};
    copse_buf_init(&encoded, &machine->env, SIZE_MAX);
    statement->database = world->identity.cid;
    byzantine_must(world, copse_statement_make(world->keys[by], statement, &encoded, &err), &err);
    copse_statement_cid(copse_buf_view(&encoded), &name);
    byzantine_must(world, copse_write_add_statement(machine->write, copse_buf_view(&encoded), &err),
                   &err);
    copse_buf_release(&encoded);
    return name;
}

copse_statement byzantine_grant(const byzantine_world *world, byzantine_person to,
                                copse_right right, const char *collection)
{
    return (copse_statement){.kind = COPSE_STATEMENT_GRANT,
                             .to = *copse_key_public(world->keys[to]),
                             .time_ms = world->now_ms,
                             .items_count = 1,
                             .can = {{right, copse_bytes_of_text(collection)}}};
}

copse_tree *byzantine_apply(byzantine_world *world, byzantine_machine *machine,
                            byzantine_person person, bool is_forced, copse_tree *tree)
{
    const copse_write_options options = {
        .key = person != BYZANTINE_NOBODY ? world->keys[person] : NULL, .is_merge = is_forced};
    copse_tree *next = NULL;
    copse_err err = {0};
    copse_status status;
    do {
        status = copse_write_apply(machine->write, tree, machine->store, &options, &next, NULL,
                                   NULL, &err);
    } while (byzantine_fetch(world, machine, status));
    byzantine_must(world, status, &err);
    copse_write_clear(machine->write);
    copse_tree_close(tree);
    return next;
}

copse_commit byzantine_next(byzantine_world *world, byzantine_machine *machine,
                            const copse_cid *tree, const copse_cid *parents, size_t count)
{
    copse_commit commit;
    copse_err err = {0};
    copse_status status;
    do {
        copse_source_begin(machine->source);
        status =
            copse_commit_next(&machine->env, machine->source, tree, parents, count, &commit, &err);
    } while (byzantine_fetch(world, machine, status));
    byzantine_must(world, status, &err);
    return commit;
}

copse_cid byzantine_put_commit(byzantine_world *world, byzantine_machine *machine,
                               copse_commit *commit, byzantine_person person)
{
    copse_commit_signature signature;
    copse_block *block = NULL;
    copse_err err = {0};
    if (person != BYZANTINE_NOBODY) {
        byzantine_must(
            world, copse_commit_sign(&machine->env, commit, world->keys[person], &signature, &err),
            &err);
    }
    byzantine_must(world, copse_commit_encode(&machine->env, commit, &block, &err), &err);
    byzantine_must(world, copse_store_put(machine->store, &block, 1, &err), &err);
    copse_cid cid = *copse_block_cid(block);
    copse_block_unref(block);
    byzantine_say(world, "commit %02x%02x by %d on %02x%02x", cid.bytes[4], cid.bytes[5],
                  (int)person, commit->parents[0].bytes[4], commit->parents[0].bytes[5]);
    return cid;
}

copse_cid byzantine_commit(byzantine_world *world, byzantine_machine *machine,
                           byzantine_person person, copse_tree *tree, const copse_cid *parent)
{
    copse_commit commit =
        byzantine_next(world, machine, copse_tree_root(tree), parent, parent != NULL);
    copse_tree_close(tree);
    return byzantine_put_commit(world, machine, &commit, person);
}

/* ---- Hearing --------------------------------------------------------------------------------- */

static void byzantine_note(byzantine_outcome *outcome, const char *reason)
{
    size_t len = strlen(outcome->reasons);
    (void)snprintf(outcome->reasons + len, sizeof outcome->reasons - len, "%s\n", reason);
}

static void byzantine_take(byzantine_world *world, byzantine_machine *machine,
                           const copse_head_merge_result *result, byzantine_outcome *outcome)
{
    outcome->kind = result->kind;
    outcome->is_form_wrong = result->is_form_wrong;
    outcome->refused = result->refused;
    outcome->held_until_ms = result->held_until_ms;
    for (size_t i = 0; i < result->refusals_count; i++) {
        const copse_head_refusal *refusal = &result->refusals[i];
        byzantine_note(outcome, refusal->reason);
        if (refusal->id.len > 0) {
            byzantine_say(world, "%.*s %d is not taken", (int)refusal->collection.len,
                          (const char *)refusal->collection.ptr,
                          refusal->id.ptr[refusal->id.len - 1]);
        }
    }
    if (result->kind == COPSE_HEAD_MERGE_FORWARD) {
        machine->head = result->head;
    } else if (result->kind == COPSE_HEAD_MERGE_MADE) {
        copse_commit commit = result->commit;
        machine->head = byzantine_put_commit(world, machine, &commit, BYZANTINE_NOBODY);
    }
}

byzantine_outcome byzantine_hear(byzantine_world *world, byzantine_machine *machine,
                                 const copse_cid *theirs)
{
    const copse_head_merge_options options = {.cache = machine->cache,
                                              .store = machine->store,
                                              .ours = machine->head,
                                              .theirs = *theirs,
                                              .policy = COPSE_MERGE_THREE_WAY,
                                              .conflicts = COPSE_MERGE_CONFLICTS_RECORD};
    byzantine_outcome outcome = {.status = COPSE_OK};
    copse_head_merge *merge = NULL;
    copse_database_conflict conflict;
    copse_err err = {0};
    copse_status status = copse_head_merge_new(&machine->env, &options, &merge, &err);
    while (status == COPSE_OK || byzantine_fetch(world, machine, status)) {
        status = copse_head_merge_next(merge, &conflict, &err);
        if (status == COPSE_OK) {
            byzantine_fail(world, "a conflict of %.*s", (int)conflict.collection.len,
                           (const char *)conflict.collection.ptr);
        }
    }
    if (status == COPSE_END) {
        byzantine_take(world, machine, copse_head_merge_get_result(merge), &outcome);
    } else {
        outcome.status = status;
        byzantine_note(&outcome, err.message);
    }
    copse_head_merge_free(merge);
    byzantine_say(world, "machine %d hears %02x%02x: %s, kind %d, %d refused, is at %02x%02x",
                  (int)(machine - world->machines), theirs->bytes[4], theirs->bytes[5],
                  copse_status_name(outcome.status), (int)outcome.kind, (int)outcome.refused,
                  machine->head.bytes[4], machine->head.bytes[5]);
    if (outcome.reasons[0] != 0) {
        byzantine_say(world, "%s", outcome.reasons);
    }
    return outcome;
}

/* ---- Life ------------------------------------------------------------------------------------ */

void byzantine_world_init(byzantine_world *world, uint64_t seed, bool is_told)
{
    *world = (byzantine_world){.seed = seed,
                               .random = seed,
                               .now_ms = BYZANTINE_BEGIN_MS,
                               .doing = "beginning",
                               .is_told = is_told,
                               .fresh = 256};
    memset(world->model, -1, sizeof world->model);
    test_env_init(&world->test);
    for (size_t i = 0; i < BYZANTINE_MACHINES; i++) {
        byzantine_start(world, &world->machines[i]);
    }
    for (size_t i = 0; i < BYZANTINE_PERSONS; i++) {
        world->keys[i] = authority_world_key(&world->test.env, i);
        assert_non_null(world->keys[i]);
    }
    byzantine_found_database(world);
}

void byzantine_world_release(byzantine_world *world)
{
    for (size_t i = 0; i < BYZANTINE_MACHINES; i++) {
        byzantine_stop(&world->machines[i]);
    }
    for (size_t i = 0; i < BYZANTINE_PERSONS; i++) {
        copse_key_free(world->keys[i]);
    }
    test_env_assert_empty(&world->test);
}
