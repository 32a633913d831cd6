/* What a writer has seen is older than what he writes, whatever his clock says: write_version.h,
 * V2.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/versions_world.h"

enum { VERSIONS_IDS = 12, VERSIONS_BATCHES = 120 };

/* What is there of a document. */
typedef struct versions_seen {
    copse_buf document;
    copse_buf row;
} versions_seen;

static void versions_look(versions_world *world, int id, versions_seen *seen)
{
    char text[16];
    snprintf(text, sizeof text, "%d", id);
    versions_get(world, 'd', text, &seen->document);
    versions_get(world, 'v', text, &seen->row);
}

/* What was written is later than what was there: whoever joins them gets what was written. */
static void versions_assert_later(versions_world *world, copse_merge_policy policy,
                                  const versions_seen *before, const versions_seen *after)
{
    const copse_env *env = database_world_env(&world->db);
    const copse_version_state states[2] = {
        {copse_buf_view(&before->document), copse_buf_view(&before->row)},
        {copse_buf_view(&after->document), copse_buf_view(&after->row)}};
    copse_buf document;
    copse_buf row;
    copse_buf_init(&document, env, SIZE_MAX);
    copse_buf_init(&row, env, SIZE_MAX);
    for (size_t i = 0; i < 2; i++) {
        copse_buf_truncate(&document, 0);
        copse_buf_truncate(&row, 0);
        assert_int_equal(copse_version_join(env, policy, copse_bytes_of_text("_id"), &states[i],
                                            &states[1 - i], &document, &row, NULL),
                         COPSE_OK);
        assert_true(copse_bytes_equal(copse_buf_view(&document), states[1].document));
        assert_true(copse_bytes_equal(copse_buf_view(&row), states[1].row));
    }
    copse_buf_release(&document);
    copse_buf_release(&row);
}

static void versions_random_operation(versions_world *world, uint64_t *seed)
{
    char json[128];
    int id = (int)test_random_below(seed, VERSIONS_IDS);
    snprintf(json, sizeof json, "{\"_id\":%d,\"%c\":%d,\"%c\":%d}", id,
             (char)('a' + test_random_below(seed, 2)), (int)test_random_below(seed, 3),
             (char)('c' + test_random_below(seed, 2)), (int)test_random_below(seed, 3));
    uint64_t kind = test_random_below(seed, 10);
    if (kind < 2) {
        snprintf(json, sizeof json, "%d", id);
        database_world_delete(&world->db, "posts", json);
    } else if (kind < 6) {
        database_world_replace(&world->db, "posts", json, true);
    } else {
        copse_buf present;
        char text[16];
        snprintf(text, sizeof text, "%d", id);
        copse_buf_init(&present, database_world_env(&world->db), SIZE_MAX);
        if (copse_write_count(world->db.write) == 0 && versions_get(world, 'd', text, &present)) {
            versions_replace_fields(world, json);
        }
        copse_buf_release(&present);
    }
}

/* *ret_written: documents that changed. */
static void versions_run_history(copse_merge_policy policy, uint64_t seed, unsigned *ret_written)
{
    versions_world world;
    versions_seen seen[VERSIONS_IDS];
    versions_seen after;
    versions_init(&world, policy);
    const copse_env *env = database_world_env(&world.db);
    copse_buf_init(&after.document, env, SIZE_MAX);
    copse_buf_init(&after.row, env, SIZE_MAX);
    for (int id = 0; id < VERSIONS_IDS; id++) {
        copse_buf_init(&seen[id].document, env, SIZE_MAX);
        copse_buf_init(&seen[id].row, env, SIZE_MAX);
    }
    for (unsigned batch = 0; batch < VERSIONS_BATCHES; batch++) {
        world.now_ms = 1000 + test_random_below(&seed, 50); /* also back */
        world.db.options.author =
            copse_bytes_of_text(test_random_below(&seed, 2) == 0 ? "did:key:a" : "did:key:b");
        for (uint64_t i = test_random_below(&seed, 4); i-- > 0;) {
            versions_random_operation(&world, &seed);
        }
        database_world_commit(&world.db);
        for (int id = 0; id < VERSIONS_IDS; id++) {
            versions_look(&world, id, &after);
            bool same = copse_bytes_equal(copse_buf_view(&after.document),
                                          copse_buf_view(&seen[id].document));
            bool same_row =
                copse_bytes_equal(copse_buf_view(&after.row), copse_buf_view(&seen[id].row));
            assert_int_equal(same, same_row); /* V1 */
            versions_assert_later(&world, policy, &seen[id], &after);
            *ret_written += !same;
            versions_look(&world, id, &seen[id]);
        }
    }
    for (int id = 0; id < VERSIONS_IDS; id++) {
        copse_buf_release(&seen[id].document);
        copse_buf_release(&seen[id].row);
    }
    copse_buf_release(&after.document);
    copse_buf_release(&after.row);
    versions_release(&world);
}

static void test_a_later_write_wins(void **state)
{
    (void)state;
    unsigned written[2] = {0, 0};
    for (uint64_t seed = 1; seed <= 4; seed++) {
        versions_run_history(COPSE_MERGE_LWW, seed, &written[0]);
        versions_run_history(COPSE_MERGE_FIELD_WISE, seed, &written[1]);
    }
    print_message("%u and %u documents written\n", written[0], written[1]);
    assert_true(written[0] > 300 && written[1] > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_later_write_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
