/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/byzantine_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/dag_walk.h>
#include <copse/database_check.h>
#include <copse/database_conflicts.h>

/* Fetches all that the head of a machine leads to. */
static void byzantine_complete(byzantine_world *world, byzantine_machine *machine)
{
    bool is_whole = false;
    while (!is_whole) {
        copse_dag_walk walk;
        copse_dag_walk_init(&walk, &machine->env, machine->store, NULL);
        copse_status status = copse_dag_walk_begin(&walk, &machine->head, NULL);
        is_whole = true;
        while (status == COPSE_OK || status == COPSE_NOT_FOUND) {
            copse_block *block = NULL;
            copse_cid missing;
            status = copse_dag_walk_next(&walk, &block, &missing, NULL);
            copse_block_unref(block);
            if (status == COPSE_NOT_FOUND) {
                byzantine_fetch_one(world, machine, &missing);
                is_whole = false;
            }
        }
        assert_int_equal(status, COPSE_END);
        copse_dag_walk_release(&walk);
    }
}

/* ---- The honest ------------------------------------------------------------------------------ */

void byzantine_write(byzantine_world *world)
{
    byzantine_person who = (byzantine_person)byzantine_below(world, BYZANTINE_HONEST);
    byzantine_machine *machine = &world->machines[who];
    byzantine_collection collection =
        (byzantine_collection)byzantine_below(world, BYZANTINE_COPIES);
    int id = (int)who * 24 + (int)byzantine_below(world, BYZANTINE_KEYS);
    bool may_change = who != BYZANTINE_BEN || collection == BYZANTINE_WIKI;
    world->doing = "writing";
    if (world->model[collection][id] >= 0 && !may_change) {
        return;
    }
    byzantine_put(world, machine, collection, id, ++world->fresh);
    copse_tree *tree = byzantine_open(world, machine, &machine->head);
    tree = byzantine_apply(world, machine, who, false, tree);
    machine->head = byzantine_commit(world, machine, who, tree, &machine->head);
    world->model[collection][id] = world->fresh;
}

/* Fails unless a collection of a database is as the model says. */
static void byzantine_compare(byzantine_world *world, byzantine_machine *machine,
                              copse_database *database, byzantine_collection at)
{
    copse_document document = {.block = NULL};
    copse_err err = {0};
    uint64_t count = 0;
    uint64_t expected = 0;
    const copse_collection *collection =
        copse_database_collection(database, byzantine_collection_name(at));
    assert_non_null(collection);
    for (int id = 0; id < BYZANTINE_IDS; id++) {
        const uint8_t item[] = {0x18, (uint8_t)id};
        const copse_bytes key = id < 24 ? (copse_bytes){item + 1, 1} : (copse_bytes){item, 2};
        uint8_t bytes[BYZANTINE_DOCUMENT_SIZE_MAX];
        int n = world->model[at][id];
        copse_status status;
        do {
            status = copse_database_get(database, collection, key, &document, &err);
        } while (byzantine_fetch(world, machine, status));
        bool is_right = n < 0 ? status == COPSE_NOT_FOUND : status == COPSE_OK;
        if (is_right && n >= 0) {
            const copse_bytes right = {bytes, byzantine_document(id, n, bytes)};
            is_right = copse_bytes_equal(right, document.encoded);
        }
        if (!is_right) {
            byzantine_fail(world, "document %d of %s is not as the model says: n = %d", id,
                           (const char *)byzantine_collection_name(at).ptr, n);
        }
        expected += n >= 0;
    }
    copse_document_release(&document);
    byzantine_must(world, copse_database_count(database, collection, &count, &err), &err);
    assert_int_equal(count, expected);
}

static copse_status byzantine_found(void *ctx, const copse_database_defect *defect, copse_err *err)
{
    (void)err;
    byzantine_fail(ctx, "the check finds: %s: %s", copse_database_defect_name(defect->kind),
                   defect->message);
}

/* Fails unless the head of a machine is what it should be. */
static void byzantine_audit(byzantine_world *world, byzantine_machine *machine)
{
    const copse_database_check_options options = {.found = byzantine_found, .found_ctx = world};
    copse_database *database = NULL;
    copse_database_conflicts *conflicts = NULL;
    const copse_document_conflict *conflict;
    copse_err err = {0};
    byzantine_complete(world, machine);
    copse_tree *tree = byzantine_open(world, machine, &machine->head);
    byzantine_must(world, copse_database_open(tree, &database, &err), &err);
    for (byzantine_collection at = 0; at < BYZANTINE_COLLECTIONS; at++) {
        byzantine_compare(world, machine, database, at);
    }
    byzantine_must(world,
                   copse_database_conflicts_new(database, (copse_bytes){NULL, 0}, &conflicts, &err),
                   &err);
    assert_int_equal(copse_database_conflicts_next(conflicts, &conflict, &err), COPSE_END);
    copse_database_conflicts_free(conflicts);
    byzantine_must(world,
                   copse_database_check(&machine->env, machine->store, copse_tree_root(tree),
                                        &options, NULL, &err),
                   &err);
    copse_database_close(database);
    copse_tree_close(tree);
}

void byzantine_settle(byzantine_world *world)
{
    size_t sweeps = 0;
    bool is_new = true;
    world->doing = "settling";
    while (is_new) {
        is_new = false;
        for (size_t i = 0; i < BYZANTINE_HONEST * BYZANTINE_HONEST; i++) {
            byzantine_machine *to = &world->machines[i / BYZANTINE_HONEST];
            const copse_cid before = to->head;
            const copse_cid theirs = world->machines[i % BYZANTINE_HONEST].head;
            byzantine_outcome outcome = byzantine_hear(world, to, &theirs);
            if (outcome.status != COPSE_OK) {
                byzantine_fail(world, "%s: %s", copse_status_name(outcome.status), outcome.reasons);
            }
            is_new = is_new || !copse_cid_equal(&before, &to->head);
        }
        if (++sweeps == 8) {
            byzantine_fail(world, "they don't come to rest");
        }
    }
    for (size_t i = 0; i < BYZANTINE_HONEST; i++) {
        if (!copse_cid_equal(&world->machines[0].head, &world->machines[i].head)) {
            byzantine_fail(world, "their heads are not one");
        }
        byzantine_audit(world, &world->machines[i]);
    }
}

/* ---- The beginning --------------------------------------------------------------------------- */

static void byzantine_create_collection(byzantine_world *world, byzantine_machine *creator,
                                        byzantine_collection at)
{
    const copse_sort_field field = {.path = {(const uint8_t *)"n", 1}};
    const copse_index_definition index = {
        .name = copse_bytes_of_text("n"), .fields = &field, .fields_count = 1};
    const copse_bytes name = byzantine_collection_name(at);
    copse_err err = {0};
    byzantine_must(world,
                   copse_write_create_collection(creator->write, name, copse_bytes_of_text("_id"),
                                                 COPSE_DOCUMENTS_INLINE, &err),
                   &err);
    if (at != BYZANTINE_NOTES) {
        byzantine_must(world, copse_write_set_merge(creator->write, name, COPSE_MERGE_LWW, 0, &err),
                       &err);
    }
    if (at == BYZANTINE_LETTERS || at == BYZANTINE_COPIES) {
        byzantine_must(world, copse_write_set_signed(creator->write, name, &err), &err);
    }
    byzantine_must(world, copse_write_create_index(creator->write, name, &index, &err), &err);
}

static void byzantine_give(byzantine_world *world, byzantine_person to, copse_right right,
                           const char *collection)
{
    copse_statement grant = byzantine_grant(world, to, right, collection);
    (void)byzantine_state(world, &world->machines[0], BYZANTINE_CREATOR, &grant);
}

/* Applies what the creator's write has to his head. */
static void byzantine_decree(byzantine_world *world, copse_tree *tree)
{
    byzantine_machine *creator = &world->machines[BYZANTINE_CREATOR];
    bool is_first = creator->head.size == 0;
    tree = byzantine_apply(world, creator, BYZANTINE_CREATOR, false, tree);
    creator->head =
        byzantine_commit(world, creator, BYZANTINE_CREATOR, tree, is_first ? NULL : &creator->head);
}

/* REVOKED writes a note that counts, and is revoked. */
static void byzantine_revoke(byzantine_world *world, const copse_cid *grant)
{
    byzantine_machine *creator = &world->machines[BYZANTINE_CREATOR];
    byzantine_machine *liar = byzantine_liar(world);
    copse_statement revocation = {.kind = COPSE_STATEMENT_REVOCATION,
                                  .to = *copse_key_public(world->keys[BYZANTINE_REVOKED]),
                                  .time_ms = world->now_ms,
                                  .items_count = 1,
                                  .grants = {*grant}};
    byzantine_put(world, liar, BYZANTINE_NOTES, BYZANTINE_FOREIGN, ++world->fresh);
    world->model[BYZANTINE_NOTES][BYZANTINE_FOREIGN] = world->fresh;
    copse_tree *tree = byzantine_open(world, liar, &creator->head);
    tree = byzantine_apply(world, liar, BYZANTINE_REVOKED, false, tree);
    world->granted = creator->head;
    world->last = byzantine_commit(world, liar, BYZANTINE_REVOKED, tree, &creator->head);
    assert_int_equal(byzantine_hear(world, creator, &world->last).kind, COPSE_HEAD_MERGE_FORWARD);
    revocation.last = world->last;
    (void)byzantine_state(world, creator, BYZANTINE_CREATOR, &revocation);
    byzantine_decree(world, byzantine_open(world, creator, &creator->head));
}

void byzantine_found_database(byzantine_world *world)
{
    /* Small nodes, so that a few dozen documents make a tree of several levels. */
    const copse_tree_config config = {
        .size_bytes_min = 64, .size_bytes_max = 1024 * 8, .lambda_bytes = 256};
    copse_tree *tree = NULL;
    byzantine_machine *creator = &world->machines[BYZANTINE_CREATOR];
    assert_int_equal(
        copse_identity_new(&creator->env, world->keys[BYZANTINE_CREATOR], &world->identity, NULL),
        COPSE_OK);
    assert_int_equal(copse_tree_new(creator->cache, creator->store, &config, &tree, NULL),
                     COPSE_OK);
    assert_int_equal(copse_write_create_database(creator->write, &world->identity, NULL), COPSE_OK);
    for (byzantine_collection at = 0; at < BYZANTINE_COLLECTIONS; at++) {
        byzantine_create_collection(world, creator, at);
    }
    byzantine_give(world, BYZANTINE_ANN, COPSE_RIGHT_WRITE, "");
    byzantine_give(world, BYZANTINE_BEN, COPSE_RIGHT_WRITE, "wiki");
    byzantine_give(world, BYZANTINE_BEN, COPSE_RIGHT_INSERT, "notes");
    byzantine_give(world, BYZANTINE_BEN, COPSE_RIGHT_INSERT, "letters");
    byzantine_give(world, BYZANTINE_INSERTER, COPSE_RIGHT_INSERT, "notes");
    byzantine_give(world, BYZANTINE_INSERTER, COPSE_RIGHT_INSERT, "letters");
    byzantine_give(world, BYZANTINE_INSERTER, COPSE_RIGHT_INSERT, "copies");
    copse_statement grant = byzantine_grant(world, BYZANTINE_EXPIRED, COPSE_RIGHT_WRITE, "");
    grant.expires_ms = BYZANTINE_EXPIRY_MS;
    (void)byzantine_state(world, creator, BYZANTINE_CREATOR, &grant);
    grant = byzantine_grant(world, BYZANTINE_REVOKED, COPSE_RIGHT_WRITE, "");
    copse_cid name = byzantine_state(world, creator, BYZANTINE_CREATOR, &grant);
    byzantine_decree(world, tree);
    byzantine_revoke(world, &name);
    for (size_t i = 1; i < BYZANTINE_MACHINES; i++) {
        world->machines[i].head = creator->head;
    }
    world->now_ms += 1000000;
}
