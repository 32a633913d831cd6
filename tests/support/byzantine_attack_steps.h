/* What attacks are made of, and those on the content of a database.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_BYZANTINE_ATTACK_STEPS_H
#define COPSE_TESTS_BYZANTINE_ATTACK_STEPS_H

#include "support/byzantine_attack.h"

/** Fails unless a head ended like this, and each reason says `reason` (NULL: there is none). */
void byzantine_attack_expect(byzantine_world *world, const byzantine_outcome *outcome,
                             copse_head_merge_kind kind, const char *reason);

/** Has the victim hear of a head, which is to be refused. */
void byzantine_attack_refused(byzantine_world *world, byzantine_machine *victim,
                              const copse_cid *head, const char *reason);

/** Has the victim hear of a head, which is to be taken whole. */
void byzantine_attack_taken(byzantine_world *world, byzantine_machine *victim,
                            const copse_cid *head);

/** A document of those who are not honest that is not there. */
int byzantine_attack_fresh_id(const byzantine_world *world, byzantine_collection collection);

/** A document of the victim's owner; he writes until there is one. */
int byzantine_attack_honest_id(byzantine_world *world, const byzantine_machine *victim,
                               byzantine_collection collection);

/** A commit on the victim's head with one document, without asking for rights. */
copse_cid byzantine_attack_put(byzantine_world *world, const byzantine_machine *victim,
                               byzantine_person who, byzantine_collection collection, int id);

/** The victim's tree with a document that INSERTER may insert. */
copse_tree *byzantine_attack_insert(byzantine_world *world, const byzantine_machine *victim,
                                    byzantine_collection collection, int id);

/** A commit of a tree on the victim's head. */
copse_cid byzantine_attack_commit_root(byzantine_world *world, const byzantine_machine *victim,
                                       const copse_cid *root, byzantine_person who);

/** Commits that change nothing and each come from all of the layer below, on top of a head: more of
 * them than are looked at. */
copse_cid byzantine_attack_pile_up(byzantine_world *world, const copse_cid *head);

/* Attacks: see the table in byzantine_attack.c. */

void byzantine_attack_cycle(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_long_chain(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_stuffed_rows(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_missing_row(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_extra_row(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_shape(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_count(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_forged_document(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_moved_document(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_replayed_document(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_carried_document(byzantine_world *world, byzantine_machine *victim);
void byzantine_attack_late_document(byzantine_world *world, byzantine_machine *victim);

#endif
