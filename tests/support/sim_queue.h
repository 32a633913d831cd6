/* What will happen in a simulation, by its time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_SIM_QUEUE_H
#define COPSE_TESTS_SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sim_event {
    uint64_t at_us;
    uint64_t order; /* among those of one time: as they were added; set by sim_queue_add */
    unsigned kind;
    uint64_t subject; /* whom it is about */
    void *data;       /* owned by whoever takes it out */
} sim_event;

/** A binary heap. Zeroed at first. Its memory comes from malloc. */
typedef struct sim_queue {
    sim_event *events;
    size_t count;
    size_t capacity;
    uint64_t added;
} sim_queue;

void sim_queue_add(sim_queue *queue, sim_event event);

/** The next event, lent; NULL: there is none. */
const sim_event *sim_queue_peek(const sim_queue *queue);

/** Takes the next event out. False: there is none. */
bool sim_queue_take(sim_queue *queue, sim_event *ret_event);

/** Frees its memory; the events' data must be gone. */
void sim_queue_release(sim_queue *queue);

#endif
