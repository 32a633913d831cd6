/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/byzantine_simulation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/byzantine_attack.h"

enum { SIMULATION_ATTACKS_MAX = 64 };

static void simulation_exchange(byzantine_world *world)
{
    byzantine_machine *to = &world->machines[byzantine_below(world, BYZANTINE_HONEST)];
    const copse_cid theirs = world->machines[byzantine_below(world, BYZANTINE_HONEST)].head;
    world->doing = "exchanging";
    byzantine_outcome outcome = byzantine_hear(world, to, &theirs);
    if (outcome.status != COPSE_OK) {
        byzantine_fail(world, "%s: %s", copse_status_name(outcome.status), outcome.reasons);
    }
}

/* What the honest do between two attacks. */
static void simulation_go_on(byzantine_world *world)
{
    for (uint64_t steps = byzantine_below(world, 5); steps > 0; steps--) {
        world->now_ms += byzantine_below(world, 3) * 500;
        if (byzantine_below(world, 100) < 60) {
            byzantine_write(world);
        } else {
            simulation_exchange(world);
        }
    }
}

static void simulation_run_seed(uint64_t seed, bool is_told,
                                uint64_t counts[SIMULATION_ATTACKS_MAX])
{
    static byzantine_world world;
    size_t count = 0;
    size_t order[SIMULATION_ATTACKS_MAX];
    const byzantine_attack *attacks = byzantine_attack_all(&count);
    assert_true(count <= SIMULATION_ATTACKS_MAX);
    byzantine_world_init(&world, seed, is_told);
    for (size_t i = 0; i < count; i++) {
        size_t at = byzantine_below(&world, i + 1);
        order[i] = order[at];
        order[at] = i;
    }
    for (size_t i = 0; i < count; i++) {
        simulation_go_on(&world);
        byzantine_machine *victim = &world.machines[byzantine_below(&world, BYZANTINE_HONEST)];
        world.doing = attacks[order[i]].name;
        attacks[order[i]].run(&world, victim);
        counts[order[i]]++;
    }
    simulation_go_on(&world);
    byzantine_settle(&world);
    byzantine_world_release(&world);
}

static void simulation_run(uint64_t first, uint64_t count, bool is_told)
{
    uint64_t counts[SIMULATION_ATTACKS_MAX] = {0};
    size_t attacks_count = 0;
    const byzantine_attack *attacks = byzantine_attack_all(&attacks_count);
    for (uint64_t seed = first; seed < first + count; seed++) {
        simulation_run_seed(seed, is_told, counts);
    }
    for (size_t i = 0; i < attacks_count; i++) {
        print_message("%6llu  %s\n", (unsigned long long)counts[i], attacks[i].name);
        assert_true(counts[i] >= 1);
    }
}

void byzantine_simulation_run(uint64_t first, uint64_t count)
{
    simulation_run(first, count, false);
}

bool byzantine_simulation_replay(int argc, char **argv)
{
    if (argc > 1) {
        simulation_run(strtoull(argv[1], NULL, 10), 1, true);
    }
    return argc > 1;
}
