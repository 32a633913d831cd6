/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/byzantine_attack_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <copse/head_frontier.h>

/* ---- What becomes of it ---------------------------------------------------------------------- */

void byzantine_attack_expect(byzantine_world *world, const byzantine_outcome *outcome,
                             copse_head_merge_kind kind, const char *reason)
{
    if (outcome->status != COPSE_OK || outcome->kind != kind) {
        byzantine_fail(world, "status %s, kind %d, %s", copse_status_name(outcome->status),
                       (int)outcome->kind, outcome->reasons);
    }
    if ((reason == NULL) != (outcome->refused == 0)) {
        byzantine_fail(world, "%d refusals: %s", (int)outcome->refused, outcome->reasons);
    }
    for (const char *line = outcome->reasons; reason != NULL && *line != 0;
         line = strchr(line, '\n') + 1) {
        const char *found = strstr(line, reason);
        if (found == NULL || found > strchr(line, '\n')) {
            byzantine_fail(world, "not for that: %s", outcome->reasons);
        }
    }
}

void byzantine_attack_refused(byzantine_world *world, byzantine_machine *victim,
                              const copse_cid *head, const char *reason)
{
    copse_cid before = victim->head;
    byzantine_outcome outcome = byzantine_hear(world, victim, head);
    byzantine_attack_expect(world, &outcome, COPSE_HEAD_MERGE_REFUSED, reason);
    assert_true(copse_cid_equal(&before, &victim->head));
}

void byzantine_attack_taken(byzantine_world *world, byzantine_machine *victim,
                            const copse_cid *head)
{
    byzantine_outcome outcome = byzantine_hear(world, victim, head);
    byzantine_attack_expect(world, &outcome,
                            outcome.kind == COPSE_HEAD_MERGE_MADE ? COPSE_HEAD_MERGE_MADE
                                                                  : COPSE_HEAD_MERGE_FORWARD,
                            NULL);
}

/* ---- What liars do --------------------------------------------------------------------------- */

int byzantine_attack_fresh_id(const byzantine_world *world, byzantine_collection collection)
{
    int id = BYZANTINE_FOREIGN;
    while (id < BYZANTINE_IDS && world->model[collection][id] >= 0) {
        id++;
    }
    assert_true(id < BYZANTINE_IDS);
    return id;
}

int byzantine_attack_honest_id(byzantine_world *world, const byzantine_machine *victim,
                               byzantine_collection collection)
{
    int who = (int)(victim - world->machines);
    for (;;) {
        for (int id = who * 24; id < who * 24 + BYZANTINE_KEYS; id++) {
            if (world->model[collection][id] >= 0) {
                return id;
            }
        }
        const char *doing = world->doing;
        byzantine_write(world);
        world->doing = doing;
    }
}

copse_cid byzantine_attack_put(byzantine_world *world, const byzantine_machine *victim,
                               byzantine_person who, byzantine_collection collection, int id)
{
    byzantine_machine *liar = byzantine_liar(world);
    byzantine_put(world, liar, collection, id, ++world->fresh);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_apply(world, liar, who, true, tree);
    return byzantine_commit(world, liar, who, tree, &victim->head);
}

copse_tree *byzantine_attack_insert(byzantine_world *world, const byzantine_machine *victim,
                                    byzantine_collection collection, int id)
{
    byzantine_machine *liar = byzantine_liar(world);
    byzantine_put(world, liar, collection, id, ++world->fresh);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    return byzantine_apply(world, liar, BYZANTINE_INSERTER, false, tree);
}

copse_cid byzantine_attack_commit_root(byzantine_world *world, const byzantine_machine *victim,
                                       const copse_cid *root, byzantine_person who)
{
    byzantine_machine *liar = byzantine_liar(world);
    copse_commit commit = byzantine_next(world, liar, root, &victim->head, 1);
    return byzantine_put_commit(world, liar, &commit, who);
}

enum { ATTACK_WIDTH = COPSE_COMMIT_PARENTS_MAX };

copse_cid byzantine_attack_pile_up(byzantine_world *world, const copse_cid *head)
{
    byzantine_machine *liar = byzantine_liar(world);
    const size_t layers_count = COPSE_HEAD_FRONTIER_LINKS_MAX / ATTACK_WIDTH / ATTACK_WIDTH + 4;
    copse_cid layers[2][ATTACK_WIDTH];
    copse_tree *tree = byzantine_open(world, liar, head);
    for (size_t i = 0; i < layers_count; i++) {
        copse_commit commit =
            byzantine_next(world, liar, copse_tree_root(tree), i > 0 ? layers[(i - 1) % 2] : head,
                           i > 0 ? ATTACK_WIDTH : 1);
        commit.skips_count = 0;
        for (uint32_t k = 0; k < ATTACK_WIDTH; k++) {
            commit.time_counter = k;
            layers[i % 2][k] = byzantine_put_commit(world, liar, &commit, BYZANTINE_NOBODY);
        }
    }
    copse_tree_close(tree);
    return layers[(layers_count - 1) % 2][0];
}
