/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/memory_runs.h"

#include <stdlib.h>
#include <string.h>

/* Where a run stands; a call out of order ends the program. */
typedef enum memory_run_stage { RUN_WRITTEN, RUN_FINISHED, RUN_OPEN } memory_run_stage;

typedef struct memory_run {
    memory_run_stage stage;
    uint8_t *bytes;
    size_t size;
    size_t room;
    size_t at;
} memory_run;

static copse_status memory_runs_call(memory_runs *runs, copse_err *err)
{
    if (runs->calls++ != runs->fail_at) {
        return COPSE_OK;
    }
    runs->failed = true;
    if (err != NULL) {
        *err = (copse_err){.status = COPSE_IO, .os_errno = 5};
    }
    return COPSE_IO;
}

static void memory_run_expect(bool condition)
{
    if (!condition) {
        abort();
    }
}

static copse_status memory_run_create(void *ctx, void **ret_run, copse_err *err)
{
    memory_runs *runs = ctx;
    copse_status status = memory_runs_call(runs, err);
    if (status != COPSE_OK) {
        return status;
    }
    memory_run *run = calloc(1, sizeof *run);
    memory_run_expect(run != NULL);
    runs->live++;
    runs->live_max = runs->live > runs->live_max ? runs->live : runs->live_max;
    *ret_run = run;
    return COPSE_OK;
}

static copse_status memory_run_append(void *ctx, void *handle, copse_bytes bytes, copse_err *err)
{
    memory_run *run = handle;
    memory_run_expect(run->stage == RUN_WRITTEN);
    copse_status status = memory_runs_call(ctx, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (run->room - run->size < bytes.len) {
        run->room = (run->size + bytes.len) * 2;
        run->bytes = realloc(run->bytes, run->room);
        memory_run_expect(run->bytes != NULL);
    }
    memcpy(run->bytes + run->size, bytes.ptr, bytes.len);
    run->size += bytes.len;
    return COPSE_OK;
}

static copse_status memory_run_finish(void *ctx, void *handle, copse_err *err)
{
    memory_run *run = handle;
    memory_run_expect(run->stage == RUN_WRITTEN);
    copse_status status = memory_runs_call(ctx, err);
    if (status == COPSE_OK) {
        run->stage = RUN_FINISHED;
    }
    return status;
}

static copse_status memory_run_open(void *ctx, void *handle, copse_err *err)
{
    memory_runs *runs = ctx;
    memory_run *run = handle;
    memory_run_expect(run->stage == RUN_FINISHED);
    copse_status status = memory_runs_call(runs, err);
    if (status == COPSE_OK) {
        run->stage = RUN_OPEN;
        runs->open++;
        runs->open_max = runs->open > runs->open_max ? runs->open : runs->open_max;
    }
    return status;
}

static copse_status memory_run_read(void *ctx, void *handle, uint8_t *ret_bytes, size_t size,
                                    size_t *ret_size, copse_err *err)
{
    memory_runs *runs = ctx;
    memory_run *run = handle;
    memory_run_expect(run->stage == RUN_OPEN && size > 0);
    copse_status status = memory_runs_call(runs, err);
    if (status != COPSE_OK) {
        return status;
    }
    size = size < runs->read_size_max ? size : runs->read_size_max;
    size = size < run->size - run->at ? size : run->size - run->at;
    if (size > 0) {
        memcpy(ret_bytes, run->bytes + run->at, size);
        if (runs->reads++ == runs->garble_read) {
            ret_bytes[size / 2] ^= 4;
            runs->garbled = true;
        }
    }
    run->at += size;
    *ret_size = size;
    return COPSE_OK;
}

static copse_status memory_run_remove(void *ctx, void *handle, copse_err *err)
{
    memory_runs *runs = ctx;
    memory_run *run = handle;
    runs->live--;
    runs->open -= run->stage == RUN_OPEN;
    free(run->bytes);
    free(run);
    return memory_runs_call(runs, err);
}

static const copse_run_store_ops memory_run_ops = {memory_run_create, memory_run_append,
                                                   memory_run_finish, memory_run_open,
                                                   memory_run_read,   memory_run_remove};

copse_run_store memory_runs_init(memory_runs *runs)
{
    *runs =
        (memory_runs){.fail_at = UINT64_MAX, .garble_read = UINT64_MAX, .read_size_max = SIZE_MAX};
    return (copse_run_store){&memory_run_ops, runs};
}

void *memory_runs_make(memory_runs *runs, copse_bytes bytes)
{
    void *run = NULL;
    memory_run_expect(memory_run_create(runs, &run, NULL) == COPSE_OK);
    if (bytes.len > 0) {
        memory_run_expect(memory_run_append(runs, run, bytes, NULL) == COPSE_OK);
    }
    memory_run_expect(memory_run_finish(runs, run, NULL) == COPSE_OK);
    return run;
}

copse_bytes memory_runs_bytes(const void *run)
{
    const memory_run *memory = run;
    return (copse_bytes){memory->bytes, memory->size};
}
