/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/os_sim_disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

/* ---- memory ---- */

void *sim_alloc(size_t size)
{
    void *ptr = calloc(1, size > 0 ? size : 1);
    if (ptr == NULL) {
        fail_msg("the machine is out of memory");
        abort();
    }
    return ptr;
}

char *sim_dup_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(sim_alloc(size), text, size);
}

void sim_grow(void **items, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity) {
        return;
    }
    size_t capacity_new = *capacity == 0 ? 8 : 2 * *capacity;
    void *grown = realloc(*items, capacity_new * item_size);
    if (grown == NULL) {
        fail_msg("the machine is out of memory");
        abort();
    }
    *items = grown;
    *capacity = capacity_new;
}

/* ---- content ---- */

void sim_content_resize(sim_content *content, uint64_t size)
{
    size_t len = (size_t)size;
    if (len > content->capacity) {
        size_t capacity = 2 * content->capacity > len ? 2 * content->capacity : len;
        uint8_t *grown = realloc(content->ptr, capacity);
        if (grown == NULL) {
            fail_msg("the machine is out of memory: a file of %zu bytes", len);
            abort();
        }
        content->ptr = grown;
        content->capacity = capacity;
    }
    if (len > content->len) {
        memset(content->ptr + content->len, 0, len - content->len);
    }
    content->len = len;
}

void sim_content_write(sim_content *content, uint64_t offset, const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return;
    }
    if (offset + len > content->len) {
        sim_content_resize(content, offset + len);
    }
    memcpy(content->ptr + offset, bytes, len);
}

/* ---- names ---- */

static size_t sim_names_index(const sim_names *names, const char *text)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->items[i].text, text) != 0) {
        i++;
    }
    return i;
}

sim_node *sim_names_find(const sim_names *names, const char *text)
{
    size_t i = sim_names_index(names, text);
    return i < names->count ? names->items[i].node : NULL;
}

static void sim_names_remove_at(sim_names *names, size_t i)
{
    sim_name gone = names->items[i];
    names->items[i] = names->items[--names->count];
    free(gone.text);
    sim_node_unref(gone.node);
}

void sim_names_apply(sim_names *names, const sim_name_change *change)
{
    sim_node *node = change->node != NULL ? sim_node_ref(change->node) : NULL;
    for (size_t i = names->count; i-- > 0;) {
        const sim_name *name = &names->items[i];
        if ((change->from != NULL && strcmp(name->text, change->from) == 0) ||
            (change->to != NULL && strcmp(name->text, change->to) == 0) ||
            (node != NULL && name->node == node)) {
            sim_names_remove_at(names, i);
        }
    }
    if (change->to != NULL) {
        sim_grow((void **)&names->items, &names->capacity, names->count, sizeof *names->items);
        names->items[names->count++] = (sim_name){sim_dup_text(change->to), node};
    }
}

void sim_names_release(sim_names *names)
{
    while (names->count > 0) {
        sim_names_remove_at(names, names->count - 1);
    }
    free(names->items);
}

/* ---- nodes ---- */

sim_node *sim_node_new(os_sim *sim, bool is_dir)
{
    sim_node *node = sim_alloc(sizeof *node);
    node->refs = 1;
    node->is_dir = is_dir;
    node->sim = sim;
    return node;
}

sim_node *sim_node_ref(sim_node *node)
{
    node->refs++;
    return node;
}

static void sim_node_forget_name_changes(sim_node *node)
{
    for (size_t i = 0; i < node->name_changes_count; i++) {
        free(node->name_changes[i].from);
        free(node->name_changes[i].to);
        if (node->name_changes[i].node != NULL) {
            sim_node_unref(node->name_changes[i].node);
        }
    }
    node->name_changes_count = 0;
}

void sim_node_unref(sim_node *node)
{
    if (--node->refs > 0) {
        return;
    }
    node->sim->size_bytes -= node->now.len;
    for (size_t i = 0; i < node->changes.count; i++) {
        free(node->changes.items[i].data);
    }
    sim_node_forget_name_changes(node);
    sim_names_release(&node->names_now);
    sim_names_release(&node->names_durable);
    free(node->changes.items);
    free(node->name_changes);
    free(node->now.ptr);
    free(node->durable.ptr);
    free(node);
}

static void sim_changes_insert(sim_changes *changes, size_t at, sim_change change)
{
    sim_grow((void **)&changes->items, &changes->capacity, changes->count, sizeof *changes->items);
    memmove(&changes->items[at + 1], &changes->items[at],
            (changes->count - at) * sizeof *changes->items);
    changes->items[at] = change;
    changes->count++;
}

void sim_node_write(sim_node *node, uint64_t offset, const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return;
    }
    node->sim->size_bytes -= node->now.len;
    sim_content_write(&node->now, offset, bytes, len);
    node->sim->size_bytes += node->now.len;
    sim_changes_insert(
        &node->changes, node->changes.count,
        (sim_change){.offset = offset, .len = len, .data = memcpy(sim_alloc(len), bytes, len)});
}

void sim_node_truncate(sim_node *node, uint64_t size)
{
    node->sim->size_bytes -= node->now.len;
    sim_content_resize(&node->now, size);
    node->sim->size_bytes += node->now.len;
    sim_changes_insert(&node->changes, node->changes.count,
                       (sim_change){.is_truncate = true, .offset = size});
}

/* N3: what is now durable is taken out of the stuck write at `at`. */
static void sim_changes_cut(sim_changes *stuck, size_t at, const sim_change *synced)
{
    sim_change *change = &stuck->items[at];
    uint64_t end = change->offset + change->len;
    uint64_t cut_from = synced->offset > change->offset ? synced->offset : change->offset;
    uint64_t cut_end = synced->is_truncate ? UINT64_MAX : synced->offset + synced->len;
    cut_end = cut_end < end ? cut_end : end;
    if (cut_from >= cut_end) {
        return;
    }
    size_t tail_len = (size_t)(end - cut_end);
    sim_change tail = {.is_stuck = true, .offset = cut_end, .len = tail_len};
    if (tail_len > 0) {
        tail.data =
            memcpy(sim_alloc(tail_len), change->data + (cut_end - change->offset), tail_len);
    }
    change->len = (size_t)(cut_from - change->offset);
    if (tail_len > 0) {
        sim_changes_insert(stuck, at + 1, tail);
    }
}

static void sim_node_sync_change(sim_node *node, sim_change *change, sim_changes *stuck)
{
    if (change->is_stuck) {
        sim_changes_insert(stuck, stuck->count, *change);
        return;
    }
    if (change->is_truncate) {
        sim_content_resize(&node->durable, change->offset);
    } else {
        sim_content_write(&node->durable, change->offset, change->data, change->len);
    }
    for (size_t i = stuck->count; i-- > 0;) {
        sim_changes_cut(stuck, i, change);
    }
    free(change->data);
}

void sim_node_sync(sim_node *node, bool failed)
{
    sim_changes stuck = {0};
    for (size_t i = 0; i < node->changes.count; i++) {
        sim_change *change = &node->changes.items[i];
        if (failed) {
            change->is_stuck = !change->is_truncate;
        } else {
            sim_node_sync_change(node, change, &stuck);
        }
    }
    if (!failed) {
        free(node->changes.items);
        node->changes = stuck;
        sim_content_resize(&node->durable, node->now.len); /* as long as the stuck ones made it */
    }
}

void sim_node_change_name(sim_node *dir, const char *from, const char *to, sim_node *node)
{
    sim_name_change change = {.from = from != NULL ? sim_dup_text(from) : NULL,
                              .to = to != NULL ? sim_dup_text(to) : NULL,
                              .node = node != NULL ? sim_node_ref(node) : NULL};
    sim_names_apply(&dir->names_now, &change);
    sim_grow((void **)&dir->name_changes, &dir->name_changes_capacity, dir->name_changes_count,
             sizeof *dir->name_changes);
    dir->name_changes[dir->name_changes_count++] = change;
}

void sim_node_sync_dir(sim_node *dir)
{
    for (size_t i = 0; i < dir->name_changes_count; i++) {
        sim_names_apply(&dir->names_durable, &dir->name_changes[i]);
    }
    sim_node_forget_name_changes(dir);
}

/* ---- paths ---- */

/* Copies the next part of *path and moves past it; false at the end. */
static bool sim_next_part(const char **path, char ret_part[SIM_NAME_SIZE], int *ret_error)
{
    const char *at = *path;
    size_t len;
    do {
        at += strspn(at, "/");
        len = strcspn(at, "/");
        *path = at + len;
        if (len != 1 || *at != '.') {
            break;
        }
        at += len;
    } while (true);
    if (len >= SIM_NAME_SIZE) {
        *ret_error = ENAMETOOLONG;
        len = 0;
    }
    memcpy(ret_part, at, len);
    ret_part[len] = '\0';
    return len > 0;
}

sim_node *sim_find_folder(const os_sim *sim, const char *path, char ret_name[SIM_NAME_SIZE],
                          int *ret_error)
{
    sim_node *folder = sim->root;
    char part[SIM_NAME_SIZE];
    *ret_error = 0;
    ret_name[0] = '\0';
    while (sim_next_part(&path, part, ret_error)) {
        if (ret_name[0] != '\0') {
            folder = sim_names_find(&folder->names_now, ret_name);
        }
        if (folder == NULL || !folder->is_dir) {
            *ret_error = folder == NULL ? ENOENT : ENOTDIR;
            return NULL;
        }
        memcpy(ret_name, part, sizeof part);
    }
    return *ret_error == 0 ? folder : NULL;
}

sim_node *sim_find(const os_sim *sim, const char *path, int *ret_error)
{
    char name[SIM_NAME_SIZE];
    sim_node *folder = sim_find_folder(sim, path, name, ret_error);
    if (folder == NULL || name[0] == '\0') {
        return folder;
    }
    sim_node *node = sim_names_find(&folder->names_now, name);
    *ret_error = node == NULL ? ENOENT : 0;
    return node;
}
