/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/os_sim_turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <pthread.h>

#include "support/os_sim_disk.h"
#include "support/test_env.h"

enum { TURNS_TASKS_MAX = 16, TURNS_NONE = TURNS_TASKS_MAX };

typedef struct turns turns;

typedef struct turns_seat {
    turns *all;
    size_t index;
    os_sim_task *task;
    copse_os *os;
    bool is_done;
} turns_seat;

struct turns {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t now; /* whose turn it is; TURNS_NONE: the caller's, all are done */
    size_t count;
    uint64_t random;
    os_sim_hook_fn hook; /* that the machine had */
    void *hook_ctx;
    turns_seat seats[TURNS_TASKS_MAX];
};

/* Of those that are not done; not `index` if another can go on. */
static size_t turns_next(turns *all, size_t index, bool others_only)
{
    size_t ready[TURNS_TASKS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (!all->seats[i].is_done && !(others_only && i == index)) {
            ready[count++] = i;
        }
    }
    if (count == 0) {
        return all->seats[index].is_done ? TURNS_NONE : index;
    }
    return ready[test_random_below(&all->random, count)];
}

static void turns_give(turns *all, size_t next)
{
    all->now = next;
    (void)pthread_cond_broadcast(&all->changed);
}

static void turns_await(turns *all, size_t index)
{
    while (all->now != index) {
        (void)pthread_cond_wait(&all->changed, &all->mutex);
    }
}

/* Runs on the thread of the call, which has the mutex, as its turn it is. */
static void turns_on_call(void *ctx, const os_sim_call *call)
{
    turns *all = ctx;
    if (all->hook != NULL) {
        all->hook(all->hook_ctx, call);
    }
    for (size_t i = 0; i < all->count; i++) {
        if (all->seats[i].os == call->process) {
            turns_give(all, turns_next(all, i, call->is_waiting));
            turns_await(all, i);
        }
    }
}

static void *turns_run(void *ctx)
{
    turns_seat *seat = ctx;
    turns *all = seat->all;
    (void)pthread_mutex_lock(&all->mutex);
    turns_await(all, seat->index);
    seat->task->status = seat->task->run(seat->task->ctx, seat->os);
    seat->is_done = true;
    turns_give(all, turns_next(all, seat->index, true));
    (void)pthread_mutex_unlock(&all->mutex);
    return NULL;
}

void os_sim_take_turns(os_sim *sim, os_sim_task *tasks, size_t count, uint64_t seed)
{
    pthread_t threads[TURNS_TASKS_MAX];
    turns all = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                 .changed = PTHREAD_COND_INITIALIZER,
                 .now = TURNS_NONE,
                 .count = count,
                 .random = seed,
                 .hook = sim->hook,
                 .hook_ctx = sim->hook_ctx};
    assert_true(count > 0 && count <= TURNS_TASKS_MAX);
    os_sim_set_hook(sim, turns_on_call, &all);
    for (size_t i = 0; i < count; i++) {
        all.seats[i] = (turns_seat){&all, i, &tasks[i], os_sim_process(sim), false};
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, turns_run, &all.seats[i]), 0);
    }
    (void)pthread_mutex_lock(&all.mutex);
    turns_give(&all, turns_next(&all, 0, false));
    turns_await(&all, TURNS_NONE);
    (void)pthread_mutex_unlock(&all.mutex);
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
        copse_os_free(all.seats[i].os);
    }
    os_sim_set_hook(sim, all.hook, all.hook_ctx);
    (void)pthread_mutex_destroy(&all.mutex);
    (void)pthread_cond_destroy(&all.changed);
}
