/* The machine, its processes, and the calls on names. Files are in os_sim_file.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/os_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "support/os_sim_process.h"
#include "support/test_env.h"

/* ---- every call ---- */

static bool sim_fails_now(os_sim *sim, os_sim_kind kind)
{
    if ((sim->fail_kinds & OS_SIM_MASK(kind)) == 0) {
        return false;
    }
    if (sim->fail_in > 0) {
        sim->fail_in--;
        return false;
    }
    sim->failed++;
    if (!sim->fail_lasting) {
        sim->fail_kinds = 0;
    }
    return true;
}

static void sim_call_hook(sim_process *process, const os_sim_call *call)
{
    const os_sim *sim = process->sim;
    if (sim->hook != NULL && !process->is_in_hook) {
        process->is_in_hook = true;
        sim->hook(sim->hook_ctx, call);
        process->is_in_hook = false;
    }
}

int sim_begin(sim_process *process, os_sim_call call)
{
    os_sim *sim = process->sim;
    call.process = &process->os;
    call.number = sim->calls;
    sim_call_hook(process, &call);
    if (process->is_dead) {
        return SIM_KILLED;
    }
    if (call.is_waiting) {
        return 0;
    }
    sim->calls++;
    sim->counts.calls[call.kind]++;
    return sim_fails_now(sim, call.kind) ? sim->fail_error : 0;
}

bool sim_drops_sync(os_sim *sim, const char *path, bool is_dir)
{
    for (size_t i = 0; i < sim->drops_count; i++) {
        if (sim->drops[i].is_dir == is_dir && strstr(path, sim->drops[i].part) != NULL) {
            sim->dropped_syncs++;
            return true;
        }
    }
    return false;
}

/* ---- names ---- */

static int sim_begin_change(sim_process *process, os_sim_kind kind, const char *path)
{
    int error = sim_begin(process, (os_sim_call){.kind = kind, .path = path});
    return error == 0 && process->sim->is_read_only ? EROFS : error;
}

static copse_status sim_rename(copse_os *os, const char *from, const char *to, copse_err *err)
{
    sim_process *process = (sim_process *)os;
    char name_from[SIM_NAME_SIZE];
    char name_to[SIM_NAME_SIZE];
    sim_node *node = NULL;
    sim_node *folder = NULL;
    int error = sim_begin_change(process, OS_SIM_RENAME, from);
    if (error == 0) {
        folder = sim_find_folder(process->sim, from, name_from, &error);
    }
    if (error == 0) {
        sim_node *folder_to = sim_find_folder(process->sim, to, name_to, &error);
        error = error == 0 && folder_to != folder ? EXDEV : error;
    }
    if (error == 0) {
        node = sim_names_find(&folder->names_now, name_from);
        const sim_node *old = sim_names_find(&folder->names_now, name_to);
        error = node == NULL                                                  ? ENOENT
                : old != NULL && old != node && (old->is_dir || node->is_dir) ? EISDIR
                                                                              : 0;
    }
    if (error != 0) {
        return SIM_ERR(err, error, "rename", from);
    }
    if (strcmp(name_from, name_to) != 0) {
        sim_node_change_name(folder, name_from, name_to, node);
    }
    return COPSE_OK;
}

/* remove and remove_dir. */
static copse_status sim_remove_node(sim_process *process, const char *path, bool is_dir,
                                    copse_err *err)
{
    char name[SIM_NAME_SIZE];
    sim_node *folder = NULL;
    int error = sim_begin_change(process, is_dir ? OS_SIM_REMOVE_DIR : OS_SIM_REMOVE, path);
    if (error == 0) {
        folder = sim_find_folder(process->sim, path, name, &error);
    }
    if (error == 0) {
        const sim_node *node = sim_names_find(&folder->names_now, name);
        error = node == NULL                          ? ENOENT
                : node->is_dir != is_dir              ? (is_dir ? ENOTDIR : EISDIR)
                : is_dir && node->names_now.count > 0 ? ENOTEMPTY
                                                      : 0;
    }
    if (error != 0) {
        return SIM_ERR(err, error, "remove", path);
    }
    sim_node_change_name(folder, name, NULL, NULL);
    return COPSE_OK;
}

static copse_status sim_remove(copse_os *os, const char *path, copse_err *err)
{
    return sim_remove_node((sim_process *)os, path, false, err);
}

static copse_status sim_remove_dir(copse_os *os, const char *path, copse_err *err)
{
    return sim_remove_node((sim_process *)os, path, true, err);
}

static copse_status sim_make_dir(copse_os *os, const char *path, copse_err *err)
{
    sim_process *process = (sim_process *)os;
    char name[SIM_NAME_SIZE];
    sim_node *folder = NULL;
    int error = sim_begin_change(process, OS_SIM_MAKE_DIR, path);
    if (error == 0) {
        folder = sim_find_folder(process->sim, path, name, &error);
    }
    if (error == 0 && (name[0] == '\0' || sim_names_find(&folder->names_now, name) != NULL)) {
        error = EEXIST;
    }
    if (error != 0) {
        return SIM_ERR(err, error, "make folder", path);
    }
    sim_node *node = sim_node_new(process->sim, true);
    sim_node_change_name(folder, NULL, name, node);
    sim_node_unref(node);
    return COPSE_OK;
}

static sim_node *sim_find_dir(const os_sim *sim, const char *path, int *ret_error)
{
    sim_node *node = sim_find(sim, path, ret_error);
    if (node != NULL && !node->is_dir) {
        *ret_error = ENOTDIR;
        return NULL;
    }
    return node;
}

/* Of the names at its begin, in an order that differs each time. */
static copse_status sim_list_dir(copse_os *os, const char *path, copse_os_visit_fn visit, void *ctx,
                                 copse_err *err)
{
    sim_process *process = (sim_process *)os;
    const sim_node *dir = NULL;
    int error = sim_begin(process, (os_sim_call){.kind = OS_SIM_LIST_DIR, .path = path});
    if (error == 0) {
        dir = sim_find_dir(process->sim, path, &error);
    }
    if (error != 0) {
        return SIM_ERR(err, error, "list", path);
    }
    size_t count = dir->names_now.count;
    char **names = sim_alloc(count * sizeof *names);
    uint64_t random = process->sim->calls;
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)test_random_below(&random, i + 1);
        names[i] = names[at];
        names[at] = sim_dup_text(dir->names_now.items[i].text);
    }
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < count; i++) {
        status = status == COPSE_OK ? visit(ctx, names[i], err) : status;
        free(names[i]);
    }
    free(names);
    return status;
}

static copse_status sim_sync_dir(copse_os *os, const char *path, copse_err *err)
{
    sim_process *process = (sim_process *)os;
    sim_node *dir = NULL;
    int error = sim_begin(process, (os_sim_call){.kind = OS_SIM_SYNC_DIR, .path = path});
    if (error == 0) {
        dir = sim_find_dir(process->sim, path, &error);
    }
    if (error != 0) {
        return SIM_ERR(err, error, "sync folder", path);
    }
    if (!sim_drops_sync(process->sim, path, true)) {
        sim_node_sync_dir(dir);
    }
    return COPSE_OK;
}

/* ---- processes ---- */

static void sim_free(copse_os *os)
{
    sim_process *process = (sim_process *)os;
    for (const sim_file *file = process->sim->files; file != NULL; file = file->next) {
        if (file->process == process) {
            fail_msg("'%s' is still open while its process ends", file->path);
        }
    }
    process->sim->processes_count--;
    free(process);
}

static const copse_os_ops sim_ops = {
    .open = sim_file_open,
    .rename = sim_rename,
    .remove = sim_remove,
    .make_dir = sim_make_dir,
    .remove_dir = sim_remove_dir,
    .list_dir = sim_list_dir,
    .sync_dir = sim_sync_dir,
    .free = sim_free,
};

copse_os *os_sim_process(os_sim *sim)
{
    sim_process *process = sim_alloc(sizeof *process);
    *process = (sim_process){.os = {&sim_ops}, .sim = sim};
    sim->processes_count++;
    return &process->os;
}

void os_sim_kill(copse_os *process)
{
    sim_process *killed = (sim_process *)process;
    killed->is_dead = true;
    for (sim_file *file = killed->sim->files; file != NULL; file = file->next) {
        if (file->process == killed) {
            file->lock = COPSE_LOCK_NONE;
        }
    }
}

/* ---- the machine ---- */

os_sim *os_sim_new(void)
{
    os_sim *sim = sim_alloc(sizeof *sim);
    sim->root = sim_node_new(sim, true);
    sim->space_max = UINT64_MAX;
    return sim;
}

os_sim *os_sim_free(os_sim *sim)
{
    if (sim != NULL) {
        if (sim->processes_count > 0) {
            fail_msg("%zu processes still run on a machine that is freed", sim->processes_count);
        }
        sim_node_unref(sim->root);
        free(sim);
    }
    return NULL;
}

void os_sim_set_hook(os_sim *sim, os_sim_hook_fn hook, void *ctx)
{
    sim->hook = hook;
    sim->hook_ctx = ctx;
}

void os_sim_fail(os_sim *sim, unsigned kinds, uint64_t n, int error, bool lasting)
{
    sim->fail_kinds = kinds;
    sim->fail_in = n;
    sim->fail_error = error;
    sim->fail_lasting = lasting;
    sim->failed = 0;
}

uint64_t os_sim_failed(const os_sim *sim)
{
    return sim->failed;
}

void os_sim_set_space(os_sim *sim, uint64_t size_bytes_max)
{
    sim->space_max = size_bytes_max;
}

void os_sim_set_read_only(os_sim *sim, bool read_only)
{
    sim->is_read_only = read_only;
}

void os_sim_drop_sync(os_sim *sim, const char *part, bool is_dir)
{
    if (sim->drops_count == OS_SIM_DROPS_MAX || strlen(part) >= sizeof sim->drops->part) {
        fail_msg("too many syncs to drop, or too long: %s", part);
        return;
    }
    strcpy(sim->drops[sim->drops_count].part, part);
    sim->drops[sim->drops_count++].is_dir = is_dir;
}

uint64_t os_sim_dropped_syncs(const os_sim *sim)
{
    return sim->dropped_syncs;
}

const os_sim_counts *os_sim_get_counts(const os_sim *sim)
{
    return &sim->counts;
}

uint64_t os_sim_calls(const os_sim *sim)
{
    return sim->calls;
}

const os_sim_fates *os_sim_get_fates(const os_sim *sim)
{
    return &sim->fates;
}

uint64_t os_sim_size_bytes(const os_sim *sim)
{
    return sim->size_bytes;
}

bool os_sim_peek(const os_sim *sim, const char *path, copse_bytes *ret_content)
{
    int error;
    const sim_node *node = sim_find(sim, path, &error);
    if (node == NULL || node->is_dir) {
        return false;
    }
    *ret_content = (copse_bytes){node->now.ptr, node->now.len};
    return true;
}

void os_sim_plant(os_sim *sim, const char *path, copse_bytes content)
{
    char name[SIM_NAME_SIZE];
    int error;
    sim_node *folder = sim_find_folder(sim, path, name, &error);
    if (folder == NULL || name[0] == '\0') {
        fail_msg("no folder for a file to plant: %s", path);
        return;
    }
    sim_node *node = sim_names_find(&folder->names_now, name);
    if (node == NULL) {
        node = sim_node_new(sim, false);
        sim_node_change_name(folder, NULL, name, node);
        sim_node_unref(node);
    }
    sim_node_truncate(node, 0);
    sim_node_write(node, 0, content.ptr, content.len);
    sim_node_sync(node, false);
    sim_node_sync_dir(folder);
}
