/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/byzantine_attack_steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/byzantine_rows.h"

/* ---- Statements ------------------------------------------------------------------------------ */

/* A statement by a person, encoded. */
static copse_buf attack_state(byzantine_world *world, byzantine_person by,
                              copse_statement statement)
{
    copse_buf encoded;
    copse_buf_init(&encoded, &world->test.env, SIZE_MAX);
    statement.database = world->identity.cid;
    assert_int_equal(copse_statement_make(world->keys[by], &statement, &encoded, NULL), COPSE_OK);
    return encoded;
}

/* The victim's tree with a grant by each of `count` persons for the next one, from BYZANTINE_CHAIN
 * on; the last one's is for the first if it `is_cycle`. */
static copse_tree *attack_chain(byzantine_world *world, const byzantine_machine *victim,
                                byzantine_person first, size_t count, bool is_cycle)
{
    copse_tree *tree = byzantine_open(world, byzantine_liar(world), &victim->head);
    for (size_t i = 0; i < count; i++) {
        byzantine_person by = (byzantine_person)(first + i);
        byzantine_person to =
            is_cycle && i + 1 == count ? first : (byzantine_person)(first + i + 1);
        copse_buf encoded =
            attack_state(world, by, byzantine_grant(world, to, COPSE_RIGHT_ADMIN, ""));
        const copse_bytes statement = copse_buf_view(&encoded);
        tree = byzantine_put_statements(world, tree, to, &statement, 1);
        copse_buf_release(&encoded);
    }
    return tree;
}

/* Puts a note by who has such a chain, and has the victim refuse it. */
static void attack_by_chain(byzantine_world *world, byzantine_machine *victim, copse_tree *tree,
                            byzantine_person who, const char *reason)
{
    byzantine_machine *liar = byzantine_liar(world);
    const copse_cid before = victim->head;
    byzantine_put(world, liar, BYZANTINE_NOTES, byzantine_attack_fresh_id(world, BYZANTINE_NOTES),
                  ++world->fresh);
    tree = byzantine_apply(world, liar, who, true, tree);
    copse_cid head = byzantine_commit(world, liar, who, tree, &before);
    byzantine_outcome outcome = byzantine_hear(world, victim, &head);
    byzantine_attack_expect(world, &outcome,
                            outcome.kind == COPSE_HEAD_MERGE_MADE ? COPSE_HEAD_MERGE_MADE
                                                                  : COPSE_HEAD_MERGE_REFUSED,
                            reason);
}

void byzantine_attack_cycle(byzantine_world *world, byzantine_machine *victim)
{
    copse_tree *tree = attack_chain(world, victim, BYZANTINE_CYCLE, 3, true);
    attack_by_chain(world, victim, tree, BYZANTINE_CYCLE, "who may not give it");
}

/* The creator makes one admin, and from there on it goes nine links far. */
void byzantine_attack_long_chain(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *creator = &world->machines[BYZANTINE_CREATOR];
    const byzantine_person first = BYZANTINE_CHAIN;
    copse_statement grant = byzantine_grant(world, first, COPSE_RIGHT_ADMIN, "");
    (void)byzantine_state(world, creator, BYZANTINE_CREATOR, &grant);
    copse_tree *tree = byzantine_open(world, creator, &creator->head);
    tree = byzantine_apply(world, creator, BYZANTINE_CREATOR, false, tree);
    creator->head = byzantine_commit(world, creator, BYZANTINE_CREATOR, tree, &creator->head);
    (void)byzantine_hear(world, victim, &creator->head);
    tree = attack_chain(world, victim, first, 8, false);
    attack_by_chain(world, victim, tree, (byzantine_person)(first + 8), "chain is too long");
}

/* Fills the row about ANN with what a stranger says, and rows about others: nothing of it counts,
 * and the creator can still say something about her. */
void byzantine_attack_stuffed_rows(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    byzantine_machine *creator = &world->machines[BYZANTINE_CREATOR];
    copse_buf encoded[COPSE_STATEMENT_ROW_MAX];
    copse_bytes row[COPSE_STATEMENT_ROW_MAX];
    copse_statement grant = byzantine_grant(world, BYZANTINE_ANN, COPSE_RIGHT_ADMIN, "");
    for (size_t i = 0; i < COPSE_STATEMENT_ROW_MAX; i++) {
        grant.time_ms = i;
        encoded[i] = attack_state(world, BYZANTINE_STRANGER, grant);
        row[i] = copse_buf_view(&encoded[i]);
        for (size_t at = i; at > 0 && copse_bytes_compare(row[at], row[at - 1]) < 0; at--) {
            const copse_bytes later = row[at - 1];
            row[at - 1] = row[at];
            row[at] = later;
        }
    }
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_put_statements(world, tree, BYZANTINE_ANN, row, COPSE_STATEMENT_ROW_MAX);
    tree = byzantine_put_statements(world, tree, BYZANTINE_STRANGER, row, 3); /* about another */
    const uint8_t junk[] = {0x63, 'o', 'd', 'd'};
    tree = byzantine_put_statements(world, tree, BYZANTINE_BEN,
                                    &(const copse_bytes){junk, sizeof junk}, 1);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_STRANGER, tree, &victim->head);
    byzantine_outcome outcome = byzantine_hear(world, victim, &head);
    if (outcome.status != COPSE_OK) {
        byzantine_fail(world, "%s: %s", copse_status_name(outcome.status), outcome.reasons);
    }
    (void)byzantine_hear(world, creator, &victim->head);
    copse_statement said = byzantine_grant(world, BYZANTINE_ANN, COPSE_RIGHT_WRITE, "copies");
    (void)byzantine_state(world, creator, BYZANTINE_CREATOR, &said);
    tree = byzantine_open(world, creator, &creator->head);
    tree = byzantine_apply(world, creator, BYZANTINE_CREATOR, false, tree);
    creator->head = byzantine_commit(world, creator, BYZANTINE_CREATOR, tree, &creator->head);
    for (size_t i = 0; i < COPSE_STATEMENT_ROW_MAX; i++) {
        copse_buf_release(&encoded[i]);
    }
}

/* ---- Trees ----------------------------------------------------------------------------------- */

/* Has the victim hear of a head whose tree has a right note and a wrong form: the note is taken. */
static void attack_form(byzantine_world *world, byzantine_machine *victim, const copse_cid *head,
                        int id)
{
    byzantine_outcome outcome = byzantine_hear(world, victim, head);
    byzantine_attack_expect(world, &outcome, COPSE_HEAD_MERGE_MADE, NULL);
    if (!outcome.is_form_wrong) {
        byzantine_fail(world, "nobody saw it");
    }
    world->model[BYZANTINE_NOTES][id] = world->fresh;
}

static void attack_index(byzantine_world *world, byzantine_machine *victim, bool is_missing)
{
    byzantine_machine *liar = byzantine_liar(world);
    int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    copse_tree *tree = byzantine_attack_insert(world, victim, BYZANTINE_NOTES, id);
    tree = byzantine_break_index(world, tree, BYZANTINE_NOTES, is_missing);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_INSERTER, tree, &victim->head);
    attack_form(world, victim, &head, id);
}

void byzantine_attack_missing_row(byzantine_world *world, byzantine_machine *victim)
{
    attack_index(world, victim, true);
}

void byzantine_attack_extra_row(byzantine_world *world, byzantine_machine *victim)
{
    attack_index(world, victim, false);
}

void byzantine_attack_shape(byzantine_world *world, byzantine_machine *victim)
{
    int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    copse_tree *tree = byzantine_attack_insert(world, victim, BYZANTINE_NOTES, id);
    copse_cid root = byzantine_recut(world, tree, false);
    copse_cid head = byzantine_attack_commit_root(world, victim, &root, BYZANTINE_INSERTER);
    attack_form(world, victim, &head, id);
}

/* Whether the count is met on the way depends on what is read of the tree. */
void byzantine_attack_count(byzantine_world *world, byzantine_machine *victim)
{
    const copse_cid before = victim->head;
    int id = byzantine_attack_fresh_id(world, BYZANTINE_NOTES);
    copse_tree *tree = byzantine_attack_insert(world, victim, BYZANTINE_NOTES, id);
    int n = world->fresh;
    copse_cid root = byzantine_recut(world, tree, true);
    copse_cid head = byzantine_attack_commit_root(world, victim, &root, BYZANTINE_INSERTER);
    byzantine_outcome outcome = byzantine_hear(world, victim, &head);
    if (outcome.status == COPSE_CORRUPT) {
        assert_true(copse_cid_equal(&before, &victim->head));
        return;
    }
    byzantine_attack_expect(world, &outcome, COPSE_HEAD_MERGE_MADE, NULL);
    if (!outcome.is_form_wrong) {
        byzantine_fail(world, "nobody saw it");
    }
    world->model[BYZANTINE_NOTES][id] = n;
}

/* ---- Signed documents ------------------------------------------------------------------------ */

/* Something else under the signature of its author. */
void byzantine_attack_forged_document(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    byzantine_place place = {BYZANTINE_LETTERS,
                             byzantine_attack_honest_id(world, victim, BYZANTINE_LETTERS)};
    copse_tree *from = byzantine_open(world, liar, &victim->head);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_copy_document(world, from, place, tree, place, ++world->fresh);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_INSERTER, tree, &victim->head);
    copse_tree_close(from);
    byzantine_attack_refused(world, victim, &head, "not signed by");
}

/* A document of somebody, with his signature, where he did not write it. */
void byzantine_attack_moved_document(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    byzantine_place place = {BYZANTINE_LETTERS,
                             byzantine_attack_honest_id(world, victim, BYZANTINE_LETTERS)};
    byzantine_place to = {BYZANTINE_COPIES, place.id};
    copse_tree *from = byzantine_open(world, liar, &victim->head);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_copy_document(world, from, place, tree, to, 0);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_INSERTER, tree, &victim->head);
    copse_tree_close(from);
    byzantine_attack_refused(world, victim, &head, "not signed by");
}

/* An older version of a document, with its signature, in place of the newer one. */
void byzantine_attack_replayed_document(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    byzantine_machine *ann = &world->machines[BYZANTINE_ANN];
    byzantine_place place = {BYZANTINE_LETTERS, 24 + BYZANTINE_KEYS - 1};
    copse_cid heads[2];
    for (size_t i = 0; i < 2; i++) {
        byzantine_put(world, ann, place.collection, place.id, ++world->fresh);
        copse_tree *tree = byzantine_open(world, ann, &ann->head);
        tree = byzantine_apply(world, ann, BYZANTINE_ANN, false, tree);
        ann->head = heads[i] = byzantine_commit(world, ann, BYZANTINE_ANN, tree, &ann->head);
        world->model[place.collection][place.id] = world->fresh;
    }
    byzantine_outcome outcome = byzantine_hear(world, victim, &heads[1]);
    assert_int_equal(outcome.status, COPSE_OK);
    copse_tree *from = byzantine_open(world, liar, &heads[0]);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_copy_document(world, from, place, tree, place, 0);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_INSERTER, tree, &victim->head);
    copse_tree_close(from);
    byzantine_attack_refused(world, victim, &head, "older than what it replaces");
}

/* No attack: a letter that its author signed may be brought by anybody. */
void byzantine_attack_carried_document(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    size_t who =
        (size_t)(victim - world->machines) == BYZANTINE_ANN ? BYZANTINE_CREATOR : BYZANTINE_ANN;
    byzantine_machine *author = &world->machines[who];
    const byzantine_place place = {BYZANTINE_LETTERS, (int)who * 24 + BYZANTINE_KEYS - 2};
    byzantine_put(world, author, place.collection, place.id, ++world->fresh);
    copse_tree *from = byzantine_open(world, author, &author->head);
    from = byzantine_apply(world, author, (byzantine_person)who, false, from);
    author->head = byzantine_commit(world, author, (byzantine_person)who, from, &author->head);
    world->model[place.collection][place.id] = world->fresh;
    world->now_ms++; /* who brings it writes later */
    from = byzantine_open(world, liar, &author->head);
    copse_tree *tree = byzantine_open(world, liar, &victim->head);
    tree = byzantine_copy_document(world, from, place, tree, place, 0);
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_STRANGER, tree, &victim->head);
    copse_tree_close(from);
    byzantine_outcome outcome = byzantine_hear(world, victim, &head);
    byzantine_attack_expect(world, &outcome, COPSE_HEAD_MERGE_MADE, NULL); /* with its index rows */
}

/* A document from the future in a commit of today. */
void byzantine_attack_late_document(byzantine_world *world, byzantine_machine *victim)
{
    byzantine_machine *liar = byzantine_liar(world);
    int id = byzantine_attack_fresh_id(world, BYZANTINE_LETTERS);
    liar->ahead_ms = 60000;
    copse_tree *tree = byzantine_attack_insert(world, victim, BYZANTINE_LETTERS, id);
    liar->ahead_ms = 0;
    copse_cid head = byzantine_commit(world, liar, BYZANTINE_INSERTER, tree, &victim->head);
    byzantine_attack_refused(world, victim, &head, "later than that of the commit");
}
