/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/sim_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static bool queue_before(const sim_event *a, const sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void queue_swap(sim_queue *queue, size_t a, size_t b)
{
    sim_event kept = queue->events[a];
    queue->events[a] = queue->events[b];
    queue->events[b] = kept;
}

void sim_queue_add(sim_queue *queue, sim_event event)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
        queue->events = realloc(queue->events, queue->capacity * sizeof *queue->events);
        assert_non_null(queue->events);
    }
    event.order = queue->added++;
    size_t at = queue->count++;
    queue->events[at] = event;
    while (at > 0 && queue_before(&queue->events[at], &queue->events[(at - 1) / 2])) {
        queue_swap(queue, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

const sim_event *sim_queue_peek(const sim_queue *queue)
{
    return queue->count > 0 ? &queue->events[0] : NULL;
}

bool sim_queue_take(sim_queue *queue, sim_event *ret_event)
{
    if (queue->count == 0) {
        return false;
    }
    *ret_event = queue->events[0];
    queue->events[0] = queue->events[--queue->count];
    for (size_t at = 0;;) {
        size_t first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < queue->count &&
                queue_before(&queue->events[child], &queue->events[first])) {
                first = child;
            }
        }
        if (first == at) {
            return true;
        }
        queue_swap(queue, at, first);
        at = first;
    }
}

void sim_queue_release(sim_queue *queue)
{
    free(queue->events);
    *queue = (sim_queue){.events = NULL};
}
