/* Processes that take turns: every interleaving can come up, and each comes from its seed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/os_sim_turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TASKS = 3, ROUNDS = 5 };

typedef struct turns_counter {
    bool locks;
    uint8_t *log; /* who wrote, in order */
    size_t *log_count;
    uint8_t name;
} turns_counter;

static copse_status turns_add_one(const turns_counter *counter, copse_file *file)
{
    uint8_t value = 0;
    size_t got = 0;
    copse_status status = COPSE_OK;
    if (counter->locks) {
        status = file->ops->lock(file, COPSE_LOCK_EXCLUSIVE, true, NULL);
    }
    status = status != COPSE_OK ? status : file->ops->read_at(file, 0, &value, 1, &got, NULL);
    value++;
    copse_bytes part = {&value, 1};
    status = status != COPSE_OK ? status : file->ops->write_at(file, 0, &part, 1, NULL);
    counter->log[(*counter->log_count)++] = counter->name;
    if (status == COPSE_OK && counter->locks) {
        status = file->ops->lock(file, COPSE_LOCK_NONE, false, NULL);
    }
    return status;
}

static copse_status turns_count(void *ctx, copse_os *os)
{
    copse_file *file = NULL;
    copse_status status = os->ops->open(os, "f", COPSE_OPEN_WRITE | COPSE_OPEN_CREATE, &file, NULL);
    for (int i = 0; status == COPSE_OK && i < ROUNDS; i++) {
        status = turns_add_one(ctx, file);
    }
    if (file != NULL) {
        file->ops->close(file);
    }
    return status;
}

/* What stands in the file in the end. */
static unsigned turns_run_all(bool locks, uint64_t seed, uint8_t log[TASKS * ROUNDS])
{
    size_t log_count = 0;
    turns_counter counters[TASKS];
    os_sim_task tasks[TASKS];
    copse_bytes content = {NULL, 0};
    os_sim *sim = os_sim_new();
    for (size_t i = 0; i < TASKS; i++) {
        counters[i] = (turns_counter){locks, log, &log_count, (uint8_t)('a' + i)};
        tasks[i] = (os_sim_task){.run = turns_count, .ctx = &counters[i]};
    }
    os_sim_take_turns(sim, tasks, TASKS, seed);
    for (size_t i = 0; i < TASKS; i++) {
        assert_int_equal(tasks[i].status, COPSE_OK);
    }
    assert_int_equal(log_count, TASKS * ROUNDS);
    assert_true(os_sim_peek(sim, "f", &content) && content.len == 1);
    unsigned value = content.ptr[0];
    os_sim_free(sim);
    return value;
}

static void turns_exclude_by_locks(void **state)
{
    (void)state;
    uint8_t log[TASKS * ROUNDS];
    for (uint64_t seed = 0; seed < 50; seed++) {
        assert_int_equal(turns_run_all(true, seed, log), TASKS * ROUNDS);
    }
}

/* Without a lock updates are lost; so the tasks do get into each other's way. */
static void turns_interleave(void **state)
{
    (void)state;
    unsigned lost = 0;
    uint8_t log[2][TASKS * ROUNDS];
    for (uint64_t seed = 0; seed < 50; seed++) {
        unsigned value = turns_run_all(false, seed, log[0]);
        lost += value < TASKS * ROUNDS;
        assert_int_equal(turns_run_all(false, seed, log[1]), value);
        assert_memory_equal(log[0], log[1], sizeof log[0]);
    }
    print_message("updates were lost with %u of 50 seeds\n", lost);
    assert_true(lost > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_exclude_by_locks),
        cmocka_unit_test(turns_interleave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
