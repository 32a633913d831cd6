/* The inside of os_sim.h: what is on the disk, and what a loss of power may take.
 *
 *     node: file   now      what processes read
 *                  durable  what the last sync left
 *                  changes  writes and truncates since, in order
 *           folder names_now, names_durable, name_changes: likewise
 *
 *   N1  durable with all changes applied in order is now; the same of names.
 *   N2  A node lives as long as a name (now, durable, or in a change) or an open file holds it.
 *   N3  A write that is stuck (a sync failed with it) is never made durable by a sync. What a later
 *       synced change covers is cut out of it, so that D4 holds whatever its fate.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_OS_SIM_DISK_H
#define COPSE_TESTS_OS_SIM_DISK_H

#include "support/os_sim.h"

typedef struct sim_node sim_node;

typedef struct sim_content {
    uint8_t *ptr;
    size_t len;
    size_t capacity;
} sim_content;

typedef struct sim_change {
    bool is_truncate;
    bool is_stuck;   /* N3 */
    uint64_t offset; /* truncate: the new size */
    size_t len;
    uint8_t *data;
} sim_change;

typedef struct sim_changes {
    sim_change *items;
    size_t count;
    size_t capacity;
} sim_changes;

typedef struct sim_name {
    char *text;
    sim_node *node;
} sim_name;

typedef struct sim_names {
    sim_name *items;
    size_t count;
    size_t capacity;
} sim_names;

/* from NULL: new; to NULL: removed; else renamed. */
typedef struct sim_name_change {
    char *from;
    char *to;
    sim_node *node; /* NULL if removed */
} sim_name_change;

struct sim_node {
    unsigned refs;
    bool is_dir;
    struct os_sim *sim; /* whose size_bytes it counts for */
    sim_content now;
    sim_content durable;
    sim_changes changes;
    sim_names names_now;
    sim_names names_durable;
    sim_name_change *name_changes;
    size_t name_changes_count;
    size_t name_changes_capacity;
};

typedef struct sim_file sim_file;

enum { OS_SIM_DROPS_MAX = 8 };

struct os_sim {
    sim_node *root;
    uint64_t size_bytes; /* of all nodes' now */
    sim_file *files;     /* open ones, newest first */
    size_t processes_count;
    os_sim_hook_fn hook;
    void *hook_ctx;
    unsigned fail_kinds;
    uint64_t fail_in; /* calls of these kinds before it fails */
    int fail_error;
    bool fail_lasting;
    uint64_t failed;
    uint64_t space_max;
    bool is_read_only;
    struct {
        char part[64];
        bool is_dir;
    } drops[OS_SIM_DROPS_MAX];
    size_t drops_count;
    uint64_t dropped_syncs;
    uint64_t calls;
    os_sim_counts counts;
    os_sim_fates fates;
};

/* ---- memory: fails the test if there is none ---- */

void *sim_alloc(size_t size);
char *sim_dup_text(const char *text);
/** Room for one more. */
void sim_grow(void **items, size_t *capacity, size_t count, size_t item_size);

/* ---- content ---- */

/** Zeros in new bytes. */
void sim_content_resize(sim_content *content, uint64_t size);
/** Grows it if it must. */
void sim_content_write(sim_content *content, uint64_t offset, const uint8_t *bytes, size_t len);

/* ---- names ---- */

sim_node *sim_names_find(const sim_names *names, const char *text);
/** Takes references. `node` loses any other name it has there. */
void sim_names_apply(sim_names *names, const sim_name_change *change);
void sim_names_release(sim_names *names);

/* ---- nodes ---- */

/** One reference. */
sim_node *sim_node_new(os_sim *sim, bool is_dir);
sim_node *sim_node_ref(sim_node *node);
void sim_node_unref(sim_node *node);
void sim_node_write(sim_node *node, uint64_t offset, const uint8_t *bytes, size_t len);
void sim_node_truncate(sim_node *node, uint64_t size);
/** `failed`: D4. */
void sim_node_sync(sim_node *node, bool failed);
/** Changes a folder; see sim_name_change. */
void sim_node_change_name(sim_node *dir, const char *from, const char *to, sim_node *node);
void sim_node_sync_dir(sim_node *dir);

/** The folder of `path`, and its last part in ret_name (empty: the root). NULL: not there, with
 * *ret_error ENOENT, ENOTDIR or ENAMETOOLONG. */
enum { SIM_NAME_SIZE = 256 };
sim_node *sim_find_folder(const os_sim *sim, const char *path, char ret_name[SIM_NAME_SIZE],
                          int *ret_error);
/** The node of `path`, or NULL as above. Borrowed. */
sim_node *sim_find(const os_sim *sim, const char *path, int *ret_error);

#endif
