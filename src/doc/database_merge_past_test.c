/* What was written before a policy was set (database_merge_join.c, J2): documents one by one, also
 * without a base, and under the same policy with another one in between.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_merge.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doc/write.h"
#include "support/merge_pair.h"

enum { PAST_JSON_SIZE = 64 };

typedef struct past_world {
    database_world db;
    copse_documents_form form;
    copse_cid base; /* an empty collection */
    uint64_t now_ms;
} past_world;

static uint64_t past_clock(void *ctx)
{
    return ((past_world *)ctx)->now_ms;
}

static void past_set(past_world *world, copse_merge_policy policy)
{
    assert_int_equal(
        copse_write_set_merge(world->db.write, copse_bytes_of_text("posts"), policy, 0, NULL),
        COPSE_OK);
    database_world_commit(&world->db);
}

/* Steps, one character each: L, W, U, T sets lww, field-wise, union, three-way; 1 to 9 writes
 * {"_id":1,"f":N}; d deletes it; X drops the collection and makes it again. */
typedef struct past_row {
    const char *name;
    const char *base;
    const char *ours;   /* by a head of 400 ms */
    const char *theirs; /* of 500 ms */
    const char *merged; /* the document; NULL: none */
    bool is_without_base;
} past_row;

static const past_row past_rows[] = {
    {"union: what one side wrote counts, whatever the bytes", "9", "U", "2", "{\"_id\":1,\"f\":2}",
     false},
    {"union: that side has it", "9", "U2", "", "{\"_id\":1,\"f\":2}", false},
    {"union: before it had", "9", "2U", "U", "{\"_id\":1,\"f\":2}", false},
    {"union: both wrote", "9", "U2", "3", "{\"_id\":1,\"f\":3}", false},
    {"union: nothing is deleted", "9", "U", "d", "{\"_id\":1,\"f\":9}", false},
    {"union: nothing of what was written since", "9", "U2", "d", "{\"_id\":1,\"f\":2}", false},
    {"union: a policy that was there joins by bytes", "U9", "2", "", "{\"_id\":1,\"f\":9}", false},
    {"union: no base", "9", "U2", "U", "{\"_id\":1,\"f\":9}", true},
    {"from union to lww", "U9", "L", "2", "{\"_id\":1,\"f\":2}", false},
    {"from union to lww, deleted", "U9", "L", "d", NULL, false},
    {"from lww to union", "L9", "U", "2", "{\"_id\":1,\"f\":2}", false},
    {"from lww to field-wise", "L9", "W", "2", "{\"_id\":1,\"f\":2}", false},
    {"three-way in between", "L9", "T2L", "", "{\"_id\":1,\"f\":2}", false},
    {"three-way in between, and written under the policy", "L9", "T2L", "3", "{\"_id\":1,\"f\":3}",
     false},
    {"three-way in between, on the other side", "W9", "3", "T2W", "{\"_id\":1,\"f\":3}", false},
    {"three-way in between, on the other side alone", "W9", "", "T2W", "{\"_id\":1,\"f\":2}",
     false},
    {"three-way in between, and nothing written", "L9", "TL", "2", "{\"_id\":1,\"f\":2}", false},
    {"three-way in between, and deleted", "L9", "TdL", "", NULL, false},
    {"three-way in between, and deleted, by others", "L9", "", "TdL", NULL, false},
    {"three-way in between, deleted, and written under the policy", "L9", "2", "TdL",
     "{\"_id\":1,\"f\":2}", false},
    {"three-way in between, deleted and written later", "L9", "TdL", "T2L", "{\"_id\":1,\"f\":2}",
     false},
    {"three-way in between, deleted, and a field written later", "W9", "TdW", "T2W", NULL, false},
    {"union in between, and deleted", "W9", "UdW", "", NULL, false},
    {"made again", "L9", "XL", "", NULL, false},
    {"made again by others", "W9", "", "XW", NULL, false},
    {"made again by others, and written", "W9", "2", "XW", "{\"_id\":1,\"f\":2}", false},
    {"made again, and written later", "L9", "XL", "T2L", "{\"_id\":1,\"f\":2}", false},
    {"made again with it", "L9", "XL2", "", "{\"_id\":1,\"f\":2}", false},
    {"lww: no base, versions count", "9", "L2", "L", "{\"_id\":1,\"f\":2}", true},
    {"lww: no base, no versions", "9", "2L", "L", "{\"_id\":1,\"f\":9}", true},
};

static void past_make(past_world *world)
{
    database_world_create(&world->db, "posts", "_id", world->form);
    database_world_index(&world->db, "posts", "e", "e", "unique");
}

static void past_make_again(past_world *world)
{
    assert_int_equal(
        copse_write_drop_collection(world->db.write, copse_bytes_of_text("posts"), NULL), COPSE_OK);
    database_world_commit(&world->db);
    past_make(world);
}

static void past_steps(past_world *world, const char *steps)
{
    static const char letters[] = "TULW";
    for (; *steps != '\0'; steps++) {
        const char *letter = strchr(letters, *steps);
        char json[PAST_JSON_SIZE];
        (void)snprintf(json, sizeof json, "{\"_id\":1,\"f\":%c}", *steps);
        world->now_ms++;
        if (letter != NULL) {
            past_set(world, (copse_merge_policy)(letter - letters));
        } else if (*steps == 'd') {
            database_world_delete(&world->db, "posts", "1");
        } else if (*steps == 'X') {
            past_make_again(world);
        } else {
            database_world_replace(&world->db, "posts", json, true);
        }
        database_world_commit(&world->db);
    }
}

static copse_cid past_stepped(past_world *world, const copse_cid *base, const char *steps)
{
    database_world_reopen(&world->db, base);
    past_steps(world, steps);
    return *copse_tree_root(world->db.tree);
}

/* A world with an empty collection; its root is in base. */
static void past_world_init(past_world *world, copse_documents_form form)
{
    *world = (past_world){.form = form, .now_ms = 100};
    database_world_init(&world->db, NULL);
    world->db.world.test.env.clock = past_clock;
    world->db.world.test.env.clock_ctx = world;
    past_make(world);
    world->base = merge_pair_commit(&world->db);
}

static void past_row_run(const past_row *row, copse_documents_form form)
{
    past_world world;
    merge_pair_outcome outcome;
    past_world_init(&world, form);
    copse_cid base = past_stepped(&world, &world.base, row->base);
    copse_cid ours = past_stepped(&world, &base, row->ours);
    copse_cid theirs = past_stepped(&world, &base, row->theirs);
    const merge_pair_case merge = {.base = row->is_without_base ? NULL : &base,
                                   .ours = &ours,
                                   .theirs = &theirs,
                                   .ours_head = {.time_ms = 400, .commit = ours},
                                   .theirs_head = {.time_ms = 500, .commit = theirs}};
    merge_pair_run(&world.db, &merge, &outcome);
    assert_string_equal(outcome.conflicts, "");
    (void)merge_pair_fetch(&world.db, &merge, &outcome);
    database_world_reopen(&world.db, &outcome.root);
    char *found = database_world_get(&world.db, "posts", "1");
    const char *merged = row->merged != NULL ? row->merged : "nothing";
    if (strcmp(found != NULL ? found : "nothing", merged) != 0) {
        fail_msg("%s: %s, and not %s", row->name, found != NULL ? found : "nothing", merged);
    }
    free(found);
    database_world_release(&world.db);
}

static void test_single_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof past_rows / sizeof past_rows[0]; i++) {
        past_row_run(&past_rows[i], COPSE_DOCUMENTS_INLINE);
        past_row_run(&past_rows[i], COPSE_DOCUMENTS_LINKED);
    }
}

/* Both made it, and set the policy behind what they wrote: all of that is since the base, and of
 * what both wrote the greater one stays, whoever's head is later. */
static void test_a_collection_that_the_base_lacks(void **state)
{
    (void)state;
    past_world world;
    merge_pair_outcome outcome;
    copse_cid sides[2];
    past_world_init(&world, COPSE_DOCUMENTS_INLINE);
    database_world_reopen(&world.db, NULL);
    database_world_create(&world.db, "others", "_id", COPSE_DOCUMENTS_INLINE);
    copse_cid base = merge_pair_commit(&world.db);
    for (size_t side = 0; side < 2; side++) {
        database_world_reopen(&world.db, &base);
        database_world_create(&world.db, "posts", "_id", COPSE_DOCUMENTS_INLINE);
        past_steps(&world, side == 0 ? "2W" : "9W");
        sides[side] = *copse_tree_root(world.db.tree);
    }
    const merge_pair_case merge = {.base = &base,
                                   .ours = &sides[0],
                                   .theirs = &sides[1],
                                   .ours_head = {.time_ms = 500, .commit = sides[0]},
                                   .theirs_head = {.time_ms = 400, .commit = sides[1]}};
    merge_pair_run(&world.db, &merge, &outcome);
    database_world_reopen(&world.db, &outcome.root);
    char *found = database_world_get(&world.db, "posts", "1");
    assert_string_equal(found, "{\"_id\":1,\"f\":9}");
    free(found);
    database_world_release(&world.db);
}

/* Of two that clash, and have no versions, the first by its key stays, whoever's head is later. */
static void test_who_clashes_by_keys(void **state)
{
    (void)state;
    for (uint64_t theirs_ms = 400; theirs_ms <= 600; theirs_ms += 200) {
        past_world world;
        merge_pair_outcome outcome;
        past_world_init(&world, COPSE_DOCUMENTS_INLINE);
        copse_cid base = world.base;
        database_world_insert(&world.db, "posts", "{\"_id\":1,\"e\":\"x\"}");
        past_set(&world, COPSE_MERGE_LWW);
        copse_cid ours = *copse_tree_root(world.db.tree);
        database_world_reopen(&world.db, &base);
        database_world_insert(&world.db, "posts", "{\"_id\":2,\"e\":\"x\"}");
        copse_cid theirs = merge_pair_commit(&world.db);
        const merge_pair_case merge = {.base = &base,
                                       .ours = &ours,
                                       .theirs = &theirs,
                                       .ours_head = {.time_ms = 500, .commit = ours},
                                       .theirs_head = {.time_ms = theirs_ms, .commit = theirs}};
        merge_pair_run(&world.db, &merge, &outcome);
        database_world_reopen(&world.db, &outcome.root);
        char *found = database_world_get(&world.db, "posts", "1");
        assert_non_null(found);
        assert_int_equal(database_world_count(&world.db, "posts"), 1);
        free(found);
        database_world_release(&world.db);
    }
}

static void test_a_merge_survives_failing_allocations(void **state)
{
    (void)state;
    past_world world;
    merge_pair_outcome outcome;
    past_world_init(&world, COPSE_DOCUMENTS_LINKED);
    copse_cid base = past_stepped(&world, &world.base, "9");
    copse_cid ours = past_stepped(&world, &base, "2W");
    copse_cid theirs = past_stepped(&world, &base, "3");
    const merge_pair_case merge = {.base = &base,
                                   .ours = &ours,
                                   .theirs = &theirs,
                                   .ours_head = {.time_ms = 400, .commit = ours},
                                   .theirs_head = {.time_ms = 500, .commit = theirs}};
    merge_pair_run(&world.db, &merge, &outcome);
    assert_int_equal(outcome.stats.superseded, 1);
    assert_true(merge_pair_sweep(&world.db, &merge, true) > 50);
    database_world_release(&world.db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_documents),
        cmocka_unit_test(test_a_collection_that_the_base_lacks),
        cmocka_unit_test(test_who_clashes_by_keys),
        cmocka_unit_test(test_a_merge_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
