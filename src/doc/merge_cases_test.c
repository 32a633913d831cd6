/* Merging as others document theirs, case by case: the tables of conflicts of Dolt
 * (docs.dolthub.com/concepts/dolt/git/conflicts), and what `git merge` tells of paths.
 * docs/merging.md has them for users. Rows of a table are documents, its columns their fields,
 * files are documents too. Not here is what Copse has nothing of: types and constraints of columns,
 * foreign keys, tables without a primary key, renamed files.
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

#include "support/database_words.h"
#include "support/merge_pair.h"

typedef enum case_outcome { CASE_MERGES, CASE_CONFLICTS } case_outcome;

typedef struct merge_case {
    const char *name;   /* as others have it */
    case_outcome other; /* what they say comes of it */
    const char *base;
    const char *ours; /* since base; see database_words.h */
    const char *theirs;
    const char *merged;    /* since base; NULL: conflicts */
    const char *conflicts; /* as database_sides_note has them */
    const char *differs;   /* why it is other here; NULL: it is not */
} merge_case;

static const merge_case merge_cases_rows[] = {
    {"row: changed on one side", CASE_MERGES, "+1={\"a\":1}", "", "+1={\"a\":2}", "+1={\"a\":2}",
     "", NULL},
    {"row: added on one side", CASE_MERGES, "", "+2={\"a\":2}", "+1={\"a\":1}",
     "+1={\"a\":1} +2={\"a\":2}", "", NULL},
    {"row: deleted on one side", CASE_MERGES, "+1={\"a\":1}", "+2={\"a\":2}", "-1",
     "-1 +2={\"a\":2}", "", NULL},
    {"row: added on both, the same", CASE_MERGES, "", "+1={\"a\":1}", "+1={\"a\":1}",
     "+1={\"a\":1}", "", NULL},
    {"row: added on both, different", CASE_CONFLICTS, "", "+1={\"a\":1}", "+1={\"a\":2}", NULL,
     " document:posts:1", NULL},
    {"row: deleted on both", CASE_MERGES, "+1={\"a\":1}", "-1", "-1", "-1", "", NULL},
    {"row: changed, deleted", CASE_CONFLICTS, "+1={\"a\":1}", "+1={\"a\":2}", "-1", NULL,
     " document:posts:1", NULL},
    {"row: different columns changed", CASE_MERGES, "+1={\"a\":1,\"b\":1}", "+1={\"a\":2,\"b\":1}",
     "+1={\"a\":1,\"b\":2}", "+1={\"a\":2,\"b\":2}", "", NULL},
    {"row: one column changed, the same", CASE_MERGES, "+1={\"a\":1,\"b\":1}",
     "+1={\"a\":2,\"b\":1}", "+1={\"a\":2,\"b\":1}", "+1={\"a\":2,\"b\":1}", "", NULL},
    {"row: one column changed, different", CASE_CONFLICTS, "+1={\"a\":1}", "+1={\"a\":2}",
     "+1={\"a\":3}", NULL, " document:posts:1", NULL},
    {"row: different keys of a JSON column", CASE_MERGES, "+1={\"a\":{\"x\":1,\"y\":1}}",
     "+1={\"a\":{\"x\":2,\"y\":1}}", "+1={\"a\":{\"x\":1,\"y\":2}}", "+1={\"a\":{\"x\":2,\"y\":2}}",
     "", NULL},
    {"row: one key of a JSON column", CASE_CONFLICTS, "+1={\"a\":{\"x\":1}}",
     "+1={\"a\":{\"x\":2}}", "+1={\"a\":{\"x\":3}}", NULL, " document:posts:1", NULL},
    {"row: one value of a unique key on both", CASE_CONFLICTS, "unique", "+1={\"b\":1}",
     "+2={\"b\":1}", "+1={\"b\":1}", "",
     "the later one waits in a row of conflicts, and the merge is made"},
};

static const merge_case merge_cases_columns[] = {
    {"column: deleted on both", CASE_MERGES, "+1={\"a\":1,\"b\":1}", "+1={\"b\":1}", "+1={\"b\":1}",
     "+1={\"b\":1}", "", NULL},
    {"column: deleted on one side, rows added on the other", CASE_MERGES, "+1={\"a\":1,\"b\":1}",
     "+2={\"a\":1,\"b\":1}", "+1={\"b\":1}", "+1={\"b\":1} +2={\"a\":1,\"b\":1}", "", NULL},
    {"column: changed, deleted", CASE_CONFLICTS, "+1={\"a\":1,\"b\":1}", "+1={\"a\":2,\"b\":1}",
     "+1={\"b\":1}", NULL, " document:posts:1", NULL},
    {"column: added on both, the same data", CASE_MERGES, "+1={\"a\":1}", "+1={\"a\":1,\"b\":2}",
     "+1={\"a\":1,\"b\":2}", "+1={\"a\":1,\"b\":2}", "", NULL},
    {"column: added on both, different data", CASE_CONFLICTS, "+1={\"a\":1}",
     "+1={\"a\":1,\"b\":2}", "+1={\"a\":1,\"b\":3}", NULL, " document:posts:1", NULL},
    {"column: added on both, of different types", CASE_CONFLICTS, "+1={\"a\":1} +2={\"a\":1}",
     "+1={\"a\":1,\"b\":2}", "+2={\"a\":1,\"b\":\"2\"}",
     "+1={\"a\":1,\"b\":2} +2={\"a\":1,\"b\":\"2\"}", "",
     "fields have no type: they conflict in a document, or not at all"},
    {"column: of different types in one row", CASE_CONFLICTS, "+1={\"a\":1}",
     "+1={\"a\":1,\"b\":2}", "+1={\"a\":1,\"b\":\"2\"}", NULL, " document:posts:1", NULL},
    {"column: changed on both, the same data", CASE_MERGES, "+1={\"a\":1}", "+1={\"a\":\"1\"}",
     "+1={\"a\":\"1\"}", "+1={\"a\":\"1\"}", "", NULL},
    {"column: changed on both, to types that don't fit", CASE_CONFLICTS, "+1={\"a\":1}",
     "+1={\"a\":\"1\"}", "+1={\"a\":true}", NULL, " document:posts:1", NULL},
};

static const merge_case merge_cases_tables[] = {
    {"table: added on one side", CASE_MERGES, "", "+1={\"a\":1}", "make", "make +1={\"a\":1}", "",
     NULL},
    {"table: added on both, the same", CASE_MERGES, "", "make", "make", "make", "", NULL},
    {"table: added on both, different", CASE_CONFLICTS, "", "make", "make-linked", NULL,
     " collection:more", NULL},
    {"table: deleted on one side", CASE_MERGES, "make", "+1={\"a\":1}", "drop-more",
     "drop-more +1={\"a\":1}", "", NULL},
    {"table: deleted on both", CASE_MERGES, "make", "drop-more", "drop-more", "drop-more", "",
     NULL},
    {"table: schema changed, deleted", CASE_CONFLICTS, "", "index", "drop", NULL,
     " collection:posts", NULL},
    {"table: rows changed, deleted", CASE_CONFLICTS, "+1={\"a\":1}", "+1={\"a\":2}", "drop", NULL,
     " collection:posts", NULL},
    {"table: changed on both, the same", CASE_MERGES, "", "union", "union", "union", "", NULL},
    {"table: changed on both, different", CASE_CONFLICTS, "", "union", "lww", NULL,
     " collection:posts", NULL},
    {"table: changed on one side, rows on the other", CASE_MERGES, "+1={\"a\":1}", "+1={\"a\":2}",
     "union", "union +1={\"a\":2}", "", NULL},
};

static const merge_case merge_cases_indexes[] = {
    {"index: added on one side", CASE_MERGES, "", "+1={\"b\":1}", "index", "unbuilt +1={\"b\":1}",
     "", NULL},
    {"index: added on both, the same", CASE_MERGES, "+1={\"b\":1}", "index", "index", "index", "",
     NULL},
    {"index: added on both, different", CASE_CONFLICTS, "", "index", "unique", NULL,
     " index:posts.by-b", NULL},
    {"index: deleted on one side", CASE_MERGES, "+1={\"a\":1}", "+2={\"a\":1}", "unindex",
     "unindex +2={\"a\":1}", "", NULL},
    {"index: deleted on both", CASE_MERGES, "+1={\"a\":1}", "unindex", "unindex", "unindex", "",
     NULL},
    {"index: changed, deleted", CASE_CONFLICTS, "", "unindex other-index", "unindex", NULL,
     " index:posts.by-a", NULL},
    {"index: changed on both, the same", CASE_MERGES, "+1={\"a\":1}", "unindex other-index",
     "unindex other-index", "unindex other-index", "", NULL},
    {"index: changed on both, different", CASE_CONFLICTS, "", "unindex other-index",
     "unindex third-index", NULL, " index:posts.by-a", NULL},
};

static const merge_case merge_cases_git[] = {
    {"path: changed on one side", CASE_MERGES, "+1={\"a\":1}", "+1={\"a\":2}", "", "+1={\"a\":2}",
     "", NULL},
    {"path: lines apart changed", CASE_MERGES, "+1={\"a\":1,\"b\":1}", "+1={\"a\":2,\"b\":1}",
     "+1={\"a\":1,\"b\":2}", "+1={\"a\":2,\"b\":2}", "", NULL},
    {"path: both modified", CASE_CONFLICTS, "+1={\"a\":1}", "+1={\"a\":2}", "+1={\"a\":3}", NULL,
     " document:posts:1", NULL},
    {"path: neighbouring lines changed", CASE_CONFLICTS, "+1={\"a\":1,\"b\":1}",
     "+1={\"a\":1,\"b\":2}", "+1={\"a\":2,\"b\":1}", "+1={\"a\":2,\"b\":2}", "",
     "fields have no neighbours"},
    {"path: modify/delete", CASE_CONFLICTS, "+1={\"a\":1}", "-1", "+1={\"a\":2}", NULL,
     " document:posts:1", NULL},
    {"path: both deleted", CASE_MERGES, "+1={\"a\":1}", "-1", "-1", "-1", "", NULL},
    {"path: both added, the same", CASE_MERGES, "", "+1={\"a\":1}", "+1={\"a\":1}", "+1={\"a\":1}",
     "", NULL},
    {"path: both added (add/add)", CASE_CONFLICTS, "", "+1={\"a\":1}", "+1={\"a\":2}", NULL,
     " document:posts:1", NULL},
    {"path: both added, lines apart", CASE_CONFLICTS, "", "+1={\"a\":1}", "+1={\"b\":1}", NULL,
     " document:posts:1", NULL},
};

/* ---- Running --------------------------------------------------------------------------------- */

static void merge_cases_resolve(void *ctx, const copse_document_conflict *conflict)
{
    database_world *db = ctx;
    assert_int_equal(copse_write_resolve(db->write, conflict->collection, conflict->id, NULL),
                     COPSE_OK);
}

/* Whether it is what the row says, but for documents that wait. */
static bool merge_cases_is_right(database_world *db, const merge_case *row,
                                 const merge_pair_outcome *result, const copse_cid *merged)
{
    if (row->merged != NULL && result->stats.waiting > 0) {
        database_world_reopen(db, &result->root);
        assert_int_equal(database_world_conflicts(db, NULL, merge_cases_resolve, db),
                         result->stats.waiting);
        database_world_commit(db);
    }
    return strcmp(result->conflicts, row->conflicts) == 0 &&
           (row->merged == NULL ||
            copse_cid_equal(result->stats.waiting > 0 ? copse_tree_root(db->tree) : &result->root,
                            merged));
}

static void merge_cases_run(const merge_case *row)
{
    database_world db;
    merge_pair_outcome result;
    copse_cid base = database_words_begin(&db, row->base);
    copse_cid ours = database_words_done(&db, &base, row->ours);
    copse_cid theirs = database_words_done(&db, &base, row->theirs);
    copse_cid merged =
        row->merged != NULL ? database_words_done(&db, &base, row->merged) : (copse_cid){0};
    merge_pair_case merge = {.base = &base, .ours = &ours, .theirs = &theirs};
    merge.ours_head = (copse_merge_head){.commit = ours, .time_ms = 1};
    merge.theirs_head = (copse_merge_head){.commit = theirs, .time_ms = 1};
    merge_pair_run(&db, &merge, &result);
    if (!merge_cases_is_right(&db, row, &result, &merged)) {
        fail_msg("%s: conflicts '%s'%s", row->name, result.conflicts,
                 row->merged != NULL ? ", or another root" : "");
    }
    /* Others say the same, or it is said why not. */
    case_outcome here = row->merged != NULL ? CASE_MERGES : CASE_CONFLICTS;
    if ((row->other == here) != (row->differs == NULL)) {
        fail_msg("%s: %s", row->name, row->differs != NULL ? row->differs : "differs, untold");
    }
    if (strncmp(row->conflicts, " document", 9) == 0) {
        merge.conflicts = COPSE_MERGE_CONFLICTS_RECORD;
        merge_pair_run(&db, &merge, &result);
        assert_string_equal(result.conflicts, "");
        assert_int_equal(result.stats.recorded, 1);
    }
    database_world_release(&db);
}

static void merge_cases_run_all(const merge_case *rows, size_t count)
{
    size_t conflicts = 0;
    for (size_t i = 0; i < count; i++) {
        merge_cases_run(&rows[i]);
        conflicts += rows[i].merged == NULL;
    }
    assert_true(conflicts > 0 && conflicts < count);
}

#define MERGE_CASES_COUNT(rows) (sizeof(rows) / sizeof(rows)[0])

static void test_rows(void **state)
{
    (void)state;
    merge_cases_run_all(merge_cases_rows, MERGE_CASES_COUNT(merge_cases_rows));
}

static void test_columns(void **state)
{
    (void)state;
    merge_cases_run_all(merge_cases_columns, MERGE_CASES_COUNT(merge_cases_columns));
}

static void test_tables(void **state)
{
    (void)state;
    merge_cases_run_all(merge_cases_tables, MERGE_CASES_COUNT(merge_cases_tables));
}

static void test_indexes(void **state)
{
    (void)state;
    merge_cases_run_all(merge_cases_indexes, MERGE_CASES_COUNT(merge_cases_indexes));
}

static void test_paths_of_git(void **state)
{
    (void)state;
    merge_cases_run_all(merge_cases_git, MERGE_CASES_COUNT(merge_cases_git));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),         cmocka_unit_test(test_columns),
        cmocka_unit_test(test_tables),       cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_paths_of_git),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
