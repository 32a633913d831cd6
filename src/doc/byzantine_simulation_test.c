/* Honest peers under attack (byzantine_simulation.h): a few seeds. With a number as its argument:
 * that seed alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/byzantine_attack_steps.h"
#include "support/byzantine_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_seeds(void **state)
{
    (void)state;
    byzantine_simulation_run(1, 2);
}

/* A history that is too large to be judged commit by commit is taken on the creator's word alone.
 */
static void test_giant_history_of_the_creator(void **state)
{
    (void)state;
    static byzantine_world world;
    byzantine_world_init(&world, 1, false);
    byzantine_machine *peer = &world.machines[BYZANTINE_BEN];
    copse_cid before = peer->head;
    copse_cid top = byzantine_attack_pile_up(&world, &before);
    const byzantine_person signers[] = {BYZANTINE_ANN, BYZANTINE_CREATOR};
    for (size_t i = 0; i < 2; i++) {
        copse_tree *tree = byzantine_open(&world, peer, &before);
        copse_cid head = byzantine_commit(&world, byzantine_liar(&world), signers[i], tree, &top);
        byzantine_outcome outcome = byzantine_hear(&world, peer, &head);
        assert_int_equal(outcome.status, i == 0 ? COPSE_LIMIT : COPSE_OK);
        assert_true(copse_cid_equal(&peer->head, i == 0 ? &before : &head));
    }
    byzantine_world_release(&world);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_giant_history_of_the_creator),
    };
    return byzantine_simulation_replay(argc, argv) ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
