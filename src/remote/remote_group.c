/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "remote/remote_group.h"

#include "base/alloc.h"

copse_remote_task *copse_remote_group_new(const copse_remote_one *ones, size_t count)
{
    copse_remote_task *tasks = copse_alloc_array(ones[0].remote->env, count, sizeof *tasks);
    for (size_t i = 0; i < count && tasks != NULL; i++) {
        tasks[i] = (copse_remote_task){.ops = NULL};
    }
    return tasks;
}

void copse_remote_group_free(copse_remote_task *tasks, const copse_remote_one *ones, size_t count)
{
    copse_free_array(ones[0].remote->env, tasks, count, sizeof *tasks);
}

static void remote_group_end(copse_remote_task *task, copse_status status)
{
    if (status != COPSE_END) {
        task->ops->stop(task->ctx);
    }
    task->status = status == COPSE_END ? COPSE_OK : status;
    task->is_running = false;
}

/* Lets those that may go on go on (G1). False: none runs any more. */
static bool remote_group_go(copse_remote_task *tasks, size_t count, uint64_t now_ms,
                            uint64_t *ret_until_ms)
{
    bool is_running = false;
    *ret_until_ms = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        copse_remote_task *task = &tasks[i];
        if (task->is_running && (task->is_due || task->until_ms <= now_ms)) {
            copse_status status = task->ops->go(task->ctx, &task->until_ms, task->err);
            task->is_due = false;
            if (status != COPSE_WANT) {
                remote_group_end(task, status);
            }
        }
        if (task->is_running) {
            is_running = true;
            *ret_until_ms = task->until_ms < *ret_until_ms ? task->until_ms : *ret_until_ms;
        }
    }
    return is_running;
}

static void remote_group_hear(copse_remote_task *tasks, size_t count,
                              const copse_transport_event *event)
{
    for (size_t i = 0; i < count; i++) {
        copse_remote_task *task = &tasks[i];
        if (task->is_running) {
            bool heard = false;
            copse_status status = task->ops->hear(task->ctx, event, &heard, task->err);
            task->is_due = task->is_due || heard;
            if (status != COPSE_OK) {
                remote_group_end(task, status);
            }
        }
    }
}

copse_status copse_remote_group_run(copse_remote_task *tasks, size_t count,
                                    copse_transport *transport, copse_err *err)
{
    copse_status status = COPSE_OK;
    copse_transport_event event;
    uint64_t until_ms;
    for (size_t i = 0; i < count; i++) {
        tasks[i].is_running = tasks[i].ops != NULL;
        tasks[i].is_due = true;
    }
    while (status >= 0 &&
           remote_group_go(tasks, count, transport->ops->now(transport), &until_ms)) {
        status = transport->ops->wait(transport, until_ms, &event, err);
        if (status == COPSE_OK) {
            remote_group_hear(tasks, count, &event);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].is_running) {
            remote_group_end(&tasks[i], status);
        }
    }
    return status < 0 ? status : COPSE_OK;
}
