/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/byzantine_attack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/byzantine_attack_steps.h"

/* ---- Heads ----------------------------------------------------------------------------------- */

static void attack_no_signature(byzantine_world *world, byzantine_machine *victim)
{
    int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    copse_cid head = byzantine_attack_put(world, victim, BYZANTINE_NOBODY, BYZANTINE_NOTES, id);
    byzantine_attack_refused(world, victim, &head, "the commit is not signed");
}

/* In the name of ANN, signed by STRANGER. */
static void attack_forged_head(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    copse_commit_signature signature;
    char author[COPSE_KEY_TEXT_SIZE_MAX];
    int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    byzantine_put(world, liar, BYZANTINE_NOTES, id, ++world->fresh);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_apply(world, liar, BYZANTINE_NOBODY, true, tree);
    copse_commit commit = byzantine_next(world, liar, copse_tree_root(tree), &victim->head, 1);
    copse_tree_close(tree);
    assert_int_equal(
        copse_commit_sign(&liar->env, &commit, world->keys[BYZANTINE_STRANGER], &signature, NULL),
        COPSE_OK);
    commit.author.len =
        copse_public_key_to_did(copse_key_public(world->keys[BYZANTINE_ANN]), author);
    commit.author.ptr = (const uint8_t *)author;
    copse_cid head = byzantine_put_commit(world, liar, &commit, BYZANTINE_NOBODY);
    byzantine_attack_refused(world, victim, &head, "the signature of the commit is wrong");
}

/* A head that was published before is shown as the newest. */
static void attack_replayed_head(byzantine_world *world, byzantine_machine *victim)
{
    copse_cid before = victim->head;
    const copse_cid *olds[] = {&world->granted, &world->last};
    byzantine_outcome outcome = byzantine_hear(world, victim, olds[byzantine_below(world, 2)]);
    byzantine_attack_expect(world, &outcome, COPSE_HEAD_MERGE_NOTHING, NULL);
    assert_true(copse_cid_equal(&before, &victim->head));
}

/* Two heads of one author, of which each is shown to others first. */
static void attack_two_heads(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    byzantine_machine *other =
        &world->machines[(size_t)(victim - world->machines + 1) % BYZANTINE_HONEST];
    const copse_cid parent = victim->head;
    copse_cid heads[2];
    for (size_t i = 0; i < 2; i++) {
        int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
        copse_tree *tree = byzantine_attack_insert(world, victim, BYZANTINE_NOTES, id);
        world->model[BYZANTINE_NOTES][id] = world->fresh;
        heads[i] = byzantine_commit(world, liar, BYZANTINE_INSERTER, tree, &parent);
    }
    byzantine_attack_taken(world, victim, &heads[0]);
    (void)byzantine_hear(world, other, &parent);
    byzantine_attack_taken(world, other, &heads[1]);
    byzantine_attack_taken(world, victim, &heads[1]);
}

/* Puts what looks like the automatic merge of two heads. */
static copse_cid attack_put_merge(byzantine_world *world, byzantine_machine *liar,
                                  const copse_tree *tree, const copse_cid heads[2])
{
    copse_commit commit;
    copse_status status;
    do {
        copse_source_begin(liar->source);
        status = copse_commit_merge(&liar->env, liar->source, copse_tree_root(tree), heads, 2,
                                    &commit, NULL);
    } while (byzantine_fetch(world, liar, status));
    assert_int_equal(status, COPSE_OK);
    return byzantine_put_commit(world, liar, &commit, BYZANTINE_NOBODY);
}

/* Commits that say nothing, by nobody or a stranger, alone or in what looks like a merge of theirs:
 * they are not taken into the history. */
static void attack_empty_head(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    const copse_cid before = victim->head;
    byzantine_person who = byzantine_below(world, 2) == 0 ? BYZANTINE_NOBODY : BYZANTINE_STRANGER;
    copse_tree *tree = byzantine_open(world, liar, &before);
    copse_commit commit = byzantine_next(world, liar, copse_tree_root(tree), &before, 1);
    copse_cid heads[2] = {byzantine_put_commit(world, liar, &commit, who), before};
    if (byzantine_below(world, 2) == 0) {
        heads[0] = attack_put_merge(world, liar, tree, heads);
    }
    copse_tree_close(tree);
    byzantine_outcome outcome = byzantine_hear(world, victim, &heads[0]);
    byzantine_attack_expect(world, &outcome, COPSE_HEAD_MERGE_NOTHING, NULL);
    assert_true(copse_cid_equal(&before, &victim->head));
}

/* What looks like the automatic merge of two heads has a note that neither has. */
static void attack_false_merge(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    const copse_cid heads[2] = {victim->head, world->last};
    byzantine_put(world, liar, BYZANTINE_NOTES, byzantine_attack_fresh_id(world, BYZANTINE_NOTES),
                  ++world->fresh);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_apply(world, liar, BYZANTINE_NOBODY, true, tree);
    copse_cid head = attack_put_merge(world, liar, tree, heads);
    copse_tree_close(tree);
    byzantine_attack_refused(world, victim, &head, "the commit is not signed");
}

static void attack_giant(byzantine_world *world, byzantine_machine *victim)
{
    const copse_cid before = victim->head;
    copse_cid head = byzantine_attack_pile_up(world, &before);
    byzantine_outcome outcome = byzantine_hear(world, victim, &head);
    if (outcome.status != COPSE_LIMIT) {
        byzantine_fail(world, "%s: %s", copse_status_name(outcome.status), outcome.reasons);
    }
    assert_true(copse_cid_equal(&before, &victim->head));
}

/* From a clock that is far ahead: it is taken when it is time. */
static void attack_clock_ahead(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    const copse_cid before = victim->head;
    int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    liar->ahead_ms = 3600000;
    copse_tree *tree = byzantine_attack_insert(world, victim, BYZANTINE_NOTES, id);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_INSERTER, tree, &victim->head);
    liar->ahead_ms = 0;
    byzantine_outcome outcome = byzantine_hear(world, victim, &head);
    byzantine_attack_expect(world, &outcome, COPSE_HEAD_MERGE_HELD, NULL);
    assert_true(copse_cid_equal(&before, &victim->head));
    assert_true(outcome.held_until_ms > world->now_ms);
    world->now_ms = outcome.held_until_ms - 1;
    byzantine_outcome early = byzantine_hear(world, victim, &head);
    byzantine_attack_expect(world, &early, COPSE_HEAD_MERGE_HELD, NULL);
    world->now_ms++;
    byzantine_attack_taken(world, victim, &head);
    world->model[BYZANTINE_NOTES][id] = world->fresh;
    world->now_ms += COPSE_HEAD_MERGE_AHEAD_MS_MAX;
}

/* ---- Rights ---------------------------------------------------------------------------------- */

static void attack_stranger(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_collection collection = (byzantine_collection)byzantine_below(world, 2);
    int id = byzantine_attack_honest_id(world, victim, BYZANTINE_NOTES);
    copse_cid head = byzantine_attack_put(world, victim, BYZANTINE_STRANGER, BYZANTINE_NOTES, id);
    byzantine_attack_refused(world, victim, &head, "has no grant");
    head = byzantine_attack_put(world, victim, BYZANTINE_STRANGER, collection,
                                byzantine_attack_fresh_id(world, collection));
    byzantine_attack_refused(world, victim, &head,
                             collection == BYZANTINE_NOTES ? "has no grant" : "");
}

/* Drops a collection. */
static void attack_catalogue(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    byzantine_person who = byzantine_below(world, 2) == 0 ? BYZANTINE_INSERTER : BYZANTINE_STRANGER;
    assert_int_equal(
        copse_write_drop_collection(liar->write, byzantine_collection_name(BYZANTINE_WIKI), NULL),
        COPSE_OK);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_apply(world, liar, who, true, tree);
    copse_cid head = byzantine_commit(world, liar, who, tree, &victim->head);
    byzantine_attack_refused(world, victim, &head, "has no grant");
}

/* Who may only insert changes and deletes: what he inserts is taken. */
static void attack_insert_only(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    int changed = byzantine_attack_honest_id(world, victim, BYZANTINE_NOTES);
    int fresh = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    byzantine_put(world, liar, BYZANTINE_NOTES, changed, ++world->fresh);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    const uint8_t gone = 0x03;
    if (world->model[BYZANTINE_NOTES][3] >= 0 && changed != 3) {
        assert_int_equal(copse_write_delete(liar->write, byzantine_collection_name(BYZANTINE_NOTES),
                                            (copse_bytes){&gone, 1}, NULL),
                         COPSE_OK);
    }
    byzantine_put(world, liar, BYZANTINE_NOTES, fresh, ++world->fresh);
    tree = byzantine_apply(world, liar, BYZANTINE_INSERTER, true, tree);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_INSERTER, tree, &victim->head);
    byzantine_outcome outcome = byzantine_hear(world, victim, &head);
    byzantine_attack_expect(world, &outcome, COPSE_HEAD_MERGE_MADE,
                            "has no grant for this: write in notes");
    world->model[BYZANTINE_NOTES][fresh] = world->fresh;
}

static void attack_expired(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    /* A clock that is set back helps to write, */
    liar->ahead_ms = (int64_t)(BYZANTINE_BEGIN_MS - world->now_ms);
    byzantine_put(world, liar, BYZANTINE_NOTES, id, ++world->fresh);
    copse_tree *tree = byzantine_open(world, liar, &world->last);
    tree = byzantine_apply(world, liar, BYZANTINE_EXPIRED, false, tree);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_EXPIRED, tree, &world->last);
    liar->ahead_ms = 0;
    /* but not with others. */
    byzantine_attack_refused(world, victim, &head, "has a grant that expired");
}

/* Goes on where the revocation is not known, now or with the clock set back; and before that. */
static void attack_revoked(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    const copse_cid *parent = byzantine_below(world, 2) == 0 ? &world->last : &world->granted;
    bool is_backdated = byzantine_below(world, 2) == 0;
    int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    liar->ahead_ms = is_backdated ? (int64_t)(BYZANTINE_BEGIN_MS - world->now_ms) : 0;
    byzantine_put(world, liar, BYZANTINE_NOTES, id, ++world->fresh);
    copse_tree *tree = byzantine_open(world, liar, parent);
    tree = byzantine_apply(world, liar, BYZANTINE_REVOKED, false, tree);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_REVOKED, tree, parent);
    liar->ahead_ms = 0;
    byzantine_attack_refused(world, victim, &head, "was revoked by");
}

const byzantine_attack *byzantine_attack_all(size_t *ret_count)
{
    static const byzantine_attack attacks[] = {
        {"a head without a signature", attack_no_signature},
        {"a forged head", attack_forged_head},
        {"an old head", attack_replayed_head},
        {"two heads of one author", attack_two_heads},
        {"a false automatic merge", attack_false_merge},
        {"a head that says nothing", attack_empty_head},
        {"a giant history", attack_giant},
        {"a clock far ahead", attack_clock_ahead},
        {"a stranger", attack_stranger},
        {"a collection dropped", attack_catalogue},
        {"an insert-only writer who changes", attack_insert_only},
        {"an expired grant", attack_expired},
        {"a revoked writer", attack_revoked},
        {"a cycle of grants", byzantine_attack_cycle},
        {"a chain of nine grants", byzantine_attack_long_chain},
        {"stuffed rows of statements", byzantine_attack_stuffed_rows},
        {"an index without a row", byzantine_attack_missing_row},
        {"an index with a row too many", byzantine_attack_extra_row},
        {"a tree of another shape", byzantine_attack_shape},
        {"a wrong count", byzantine_attack_count},
        {"a forged document", byzantine_attack_forged_document},
        {"a moved document", byzantine_attack_moved_document},
        {"an old document", byzantine_attack_replayed_document},
        {"a letter carried by a stranger", byzantine_attack_carried_document},
        {"a document from the future", byzantine_attack_late_document},
    };
    *ret_count = sizeof attacks / sizeof attacks[0];
    return attacks;
}
