/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/blame_world.h"

#include <stdio.h>
#include <string.h>

#include "support/head_world.h"

size_t blame_world_leaves(const blame_world_document *document, size_t id,
                          blame_world_leaf ret_leaves[BLAME_LEAVES])
{
    size_t count = 0;
    if (document->a >= 0) {
        ret_leaves[count++] = (blame_world_leaf){"a", document->a};
    }
    if (document->o == 2) {
        ret_leaves[count++] = (blame_world_leaf){"o", 7};
    } else if (document->o == 1 && document->x < 0 && document->y < 0) {
        ret_leaves[count++] = (blame_world_leaf){"o", -1};
    }
    if (document->o == 1 && document->x >= 0) {
        ret_leaves[count++] = (blame_world_leaf){"o.x", document->x};
    }
    if (document->o == 1 && document->y >= 0) {
        ret_leaves[count++] = (blame_world_leaf){"o.y", document->y};
    }
    ret_leaves[count++] = (blame_world_leaf){"_id", (int)id};
    if (document->long_number >= 0) {
        ret_leaves[count++] = (blame_world_leaf){"long", document->long_number};
    }
    return count;
}

static void blame_world_json(const blame_world_document *document, size_t id, char *json,
                             size_t size)
{
    size_t at = (size_t)snprintf(json, size, "{\"_id\":%zu", id);
    if (document->a >= 0) {
        at += (size_t)snprintf(json + at, size - at, ",\"a\":%d", document->a);
    }
    if (document->o == 2) {
        at += (size_t)snprintf(json + at, size - at, ",\"o\":7");
    }
    if (document->o == 1) {
        at += (size_t)snprintf(json + at, size - at, ",\"o\":{");
        if (document->x >= 0) {
            at += (size_t)snprintf(json + at, size - at, "\"x\":%d", document->x);
        }
        if (document->y >= 0) {
            at += (size_t)snprintf(json + at, size - at, "%s\"y\":%d",
                                   json[at - 1] == '{' ? "" : ",", document->y);
        }
        at += (size_t)snprintf(json + at, size - at, "}");
    }
    if (document->long_number >= 0) {
        at += (size_t)snprintf(json + at, size - at, ",\"long\":\"%0*d\"", BLAME_PAD,
                               document->long_number);
    }
    (void)snprintf(json + at, size - at, "}");
}

/* ---- histories ---- */

static int blame_world_random_choice(uint64_t *seed, int from_a_parent)
{
    return test_random_below(seed, 4) != 0 ? from_a_parent : (int)test_random_below(seed, 4) - 1;
}

/* Each field as in some parent, or new. */
static blame_world_document blame_world_random_document(const blame_world *world,
                                                        const blame_world_commit *commit, size_t id,
                                                        uint64_t *seed)
{
    blame_world_document made = {.a = -1, .x = -1, .y = -1, .long_number = -1};
    const blame_world_document *from[5];
    for (size_t i = 0; i < 5; i++) {
        from[i] = &made;
        if (commit->parents_count > 0) {
            size_t parent = commit->parents[test_random_below(seed, commit->parents_count)];
            from[i] = &world->commits[parent].documents[id];
        }
    }
    blame_world_document document = {
        .is_there = commit->parents_count > 0 && test_random_below(seed, 5) != 0
                        ? from[0]->is_there
                        : test_random_below(seed, 3) != 0,
        .a = blame_world_random_choice(seed, from[1]->a),
        .x = blame_world_random_choice(seed, from[2]->x),
        .y = blame_world_random_choice(seed, from[3]->y),
        .o = test_random_below(seed, 5) != 0 ? from[3]->o : (int)test_random_below(seed, 3),
        .long_number = blame_world_random_choice(seed, from[4]->long_number),
    };
    return document.is_there ? document : made;
}

/* Makes commit number `at` from the state of `from`. */
static void blame_world_random_commit(blame_world *world, size_t at, uint64_t *seed)
{
    blame_world_commit *commit = &world->commits[at];
    copse_cid parents[3];
    char json[BLAME_PAD + 200];
    *commit = (blame_world_commit){.parents_count = 0};
    size_t wanted = at == 0 ? 0 : test_random_below(seed, 12) == 0 ? 0 : 1 + at % 3;
    for (size_t tries = 0; tries < 8 && commit->parents_count < wanted; tries++) {
        size_t recent = at < 6 ? at : 6;
        size_t parent = at - 1 - test_random_below(seed, recent);
        bool again = false;
        for (size_t i = 0; i < commit->parents_count; i++) {
            again = again || commit->parents[i] == parent;
        }
        if (!again) {
            parents[commit->parents_count] = world->commits[parent].cid;
            commit->parents[commit->parents_count++] = parent;
            uint64_t generation = world->commits[parent].generation + 1;
            commit->generation = generation > commit->generation ? generation : commit->generation;
        }
    }
    for (size_t id = 0; id < BLAME_DOCUMENTS; id++) {
        commit->documents[id] = blame_world_random_document(world, commit, id, seed);
        (void)snprintf(json, sizeof json, "%zu", id);
        if (commit->documents[id].is_there) {
            blame_world_json(&commit->documents[id], id, json, sizeof json);
            database_world_replace(&world->db, "posts", json, true);
        } else {
            database_world_delete(&world->db, "posts", json);
        }
    }
    (void)snprintf(json, sizeof json, "{\"_id\":\"%zu\"}", at); /* no commit is another */
    database_world_replace(&world->db, "posts", json, true);
    database_world_commit(&world->db);
    (void)snprintf(json, sizeof json, "of %zu", commit->parents_count);
    commit->cid = head_world_commit_tree(&world->db, parents, commit->parents_count, json);
}

void blame_world_init(blame_world *world, uint64_t seed)
{
    database_world_init(&world->db, NULL);
    database_world_create(&world->db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
    for (size_t i = 0; i < BLAME_COMMITS; i++) {
        blame_world_random_commit(world, i, &seed);
    }
}

/* ---- the definition ---- */

static bool blame_world_has_leaf(const blame_world_document *document, size_t id,
                                 const blame_world_leaf *leaf)
{
    blame_world_leaf leaves[BLAME_LEAVES];
    size_t count = document->is_there ? blame_world_leaves(document, id, leaves) : 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(leaves[i].path, leaf->path) == 0 && leaves[i].value == leaf->value) {
            return true;
        }
    }
    return false;
}

size_t blame_world_blame(const blame_world *world, size_t at, size_t id,
                         const blame_world_leaf *leaf)
{
    const blame_world_commit *commit = &world->commits[at];
    for (size_t i = 0; i < commit->parents_count; i++) {
        if (blame_world_has_leaf(&world->commits[commit->parents[i]].documents[id], id, leaf)) {
            return blame_world_blame(world, commit->parents[i], id, leaf);
        }
    }
    return at;
}

/* Marks the deletions that a commit without the document comes from. */
static void blame_world_find_deletions(const blame_world *world, size_t at, size_t id,
                                       bool ret_marked[BLAME_COMMITS])
{
    const blame_world_commit *commit = &world->commits[at];
    bool is_deletion = commit->parents_count > 0;
    for (size_t i = 0; i < commit->parents_count; i++) {
        if (!world->commits[commit->parents[i]].documents[id].is_there) {
            is_deletion = false;
            blame_world_find_deletions(world, commit->parents[i], id, ret_marked);
        }
    }
    ret_marked[at] = ret_marked[at] || is_deletion;
}

size_t blame_world_deletion(const blame_world *world, size_t at, size_t id)
{
    bool marked[BLAME_COMMITS] = {false};
    size_t best = SIZE_MAX;
    blame_world_find_deletions(world, at, id, marked);
    for (size_t i = 0; i < BLAME_COMMITS; i++) {
        const blame_world_commit *one = &world->commits[i];
        const blame_world_commit *other = best != SIZE_MAX ? &world->commits[best] : NULL;
        if (marked[i] && (other == NULL || one->generation > other->generation ||
                          (one->generation == other->generation &&
                           copse_cid_compare(&one->cid, &other->cid) > 0))) {
            best = i;
        }
    }
    return best;
}
