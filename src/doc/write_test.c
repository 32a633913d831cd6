/* Writing, against the model: random histories of operations leave the tree that a plain build of
 * all documents and definitions has, and fail at the operation that the model fails at.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/database_model.h"

enum { WRITE_IDS = 40 };

/* Definitions that histories choose from; the letter of the name is that of the index. */
typedef struct write_choice {
    const char *name;
    const char *fields;
    const char *options;
} write_choice;

static const write_choice write_choices[] = {
    {"a", "a", ""},
    {"ab", "a,-b", ""},
    {"c", "-c[]", ""},
    {"bc", "b,c", "filter={\"a\":{\"$gte\":1}}"},
    {"in", "a.b,d", "include=a,c"},
    {"li", "d", "link"},
    {"ud", "d", "unique"},
    {"uad", "a,-d", "unique"},
    {"a", "-a", ""}, /* another one of a name that is taken */
};

enum { WRITE_CHOICES = sizeof write_choices / sizeof *write_choices };

/* How often a history met what it is to meet. */
typedef struct write_counts {
    unsigned batches;
    unsigned ok;
    unsigned conflicts;
    unsigned not_found;
    unsigned corrupt;
    unsigned builds;
    unsigned late_builds; /* of indexes that were not built */
} write_counts;

static copse_status write_random_document(database_world *db, database_model *model, uint64_t *seed,
                                          unsigned parallel)
{
    int id = (int)test_random_below(seed, WRITE_IDS) - 5;
    uint64_t kind = test_random_below(seed, 10);
    char text[16];
    if (kind < 2) {
        snprintf(text, sizeof text, "%d", id);
        database_world_delete(db, "posts", text);
        database_model_delete(model, id);
        return COPSE_OK;
    }
    char *json = database_model_random_document(seed, id, parallel);
    copse_bytes encoded = database_world_value(json);
    bool exists = false;
    for (size_t i = 0; i < model->documents_count; i++) {
        exists = exists || model->documents[i].id == id;
    }
    /* Mostly what works, so that histories get somewhere. */
    bool upsert = kind < 5;
    bool replace = test_random_below(seed, 60) == 0 ? !exists : exists;
    copse_status status;
    if (upsert || replace) {
        database_world_replace(db, "posts", json, upsert);
        status = database_model_put(model, id, encoded, true, upsert);
    } else {
        database_world_insert(db, "posts", json);
        status = database_model_put(model, id, encoded, false, true);
    }
    database_world_free(encoded);
    free(json);
    return status;
}

static copse_status write_random_index(database_world *db, database_model *model, uint64_t *seed,
                                       write_counts *counts)
{
    const write_choice *choice = &write_choices[test_random_below(seed, WRITE_CHOICES)];
    if (test_random_below(seed, 3) == 0) {
        if (model->indexes_count == 0) {
            return COPSE_OK;
        }
        const char *name = model->indexes[test_random_below(seed, model->indexes_count)].name;
        assert_int_equal(copse_write_drop_index(db->write, copse_bytes_of_text("posts"),
                                                copse_bytes_of_text(name), NULL),
                         COPSE_OK);
        return database_model_drop_index(model, name);
    }
    char options[96];
    bool is_unbuilt = test_random_below(seed, 3) == 0;
    snprintf(options, sizeof options, "%s%s", is_unbuilt ? "unbuilt " : "", choice->options);
    database_world_index(db, "posts", choice->name, choice->fields, options);
    counts->builds += model->documents_count > 0 && !is_unbuilt;
    for (size_t i = 0; i < model->indexes_count && !is_unbuilt; i++) {
        counts->late_builds += model->documents_count > 0 && model->indexes[i].is_unbuilt &&
                               strcmp(model->indexes[i].name, choice->name) == 0;
    }
    return database_model_create_index(model, choice->name, choice->fields, options);
}

static copse_status write_random_operation(database_world *db, database_model *model,
                                           uint64_t *seed, unsigned parallel, write_counts *counts)
{
    uint64_t kind = test_random_below(seed, 100);
    if (kind < 85) {
        return write_random_document(db, model, seed, parallel);
    }
    if (kind < 97) {
        return write_random_index(db, model, seed, counts);
    }
    if (kind < 98) {
        assert_int_equal(copse_write_drop_collection(db->write, copse_bytes_of_text("posts"), NULL),
                         COPSE_OK);
        return database_model_drop(model);
    }
    copse_documents_form form =
        test_random_below(seed, 2) == 0 ? COPSE_DOCUMENTS_INLINE : COPSE_DOCUMENTS_LINKED;
    database_world_create(db, "posts", "_id", form);
    return database_model_create(model, form);
}

/* One batch of operations on the database and a copy of the model; the model takes it over if all
 * went well. */
static void write_random_batch(database_world *db, database_model *model, uint64_t *seed,
                               unsigned parallel, write_counts *counts)
{
    database_model copy;
    copse_status expected = COPSE_OK;
    size_t failed = SIZE_MAX;
    database_model_copy(model, &copy);
    uint64_t count = 1 + test_random_below(seed, test_random_below(seed, 3) == 0 ? 30 : 4);
    for (size_t i = 0; i < count; i++) {
        expected = write_random_operation(db, &copy, seed, parallel, counts);
        if (expected != COPSE_OK) {
            failed = copse_write_count(db->write) - 1;
            break;
        }
    }
    copse_status status = database_world_apply(db);
    if (status != expected || (status != COPSE_OK && db->failed != failed)) {
        fail_msg("%s at %zu (%s), expected %s at %zu", copse_status_name(status), db->failed,
                 db->err.message, copse_status_name(expected), failed);
    }
    counts->batches++;
    counts->ok += status == COPSE_OK;
    counts->conflicts += status == COPSE_CONFLICT;
    counts->not_found += status == COPSE_NOT_FOUND;
    counts->corrupt += status == COPSE_CORRUPT;
    if (status == COPSE_OK) {
        database_model_release(model);
        *model = copy;
    } else {
        database_model_release(&copy);
    }
    if (model->exists) {
        database_model_assert_root(model, db->tree, "after a batch");
    }
}

static void write_run_history(uint64_t seed, unsigned batches, unsigned parallel,
                              write_counts *counts)
{
    database_world db;
    database_model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    database_world_init(&db, NULL);
    for (unsigned i = 0; i < batches; i++) {
        write_random_batch(&db, model, &seed, parallel, counts);
    }
    database_model_release(model);
    free(model);
    database_world_release(&db);
}

static void test_histories(void **state)
{
    (void)state;
    write_counts counts = {0};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        write_run_history(seed, 40, seed % 3 == 0 ? 12 : 0, &counts);
    }
    print_message("%u batches: %u ok, %u conflicts, %u not found, %u parallel arrays; %u builds, "
                  "%u of them late\n",
                  counts.batches, counts.ok, counts.conflicts, counts.not_found, counts.corrupt,
                  counts.builds, counts.late_builds);
    assert_true(counts.ok > counts.batches / 3);
    assert_true(counts.conflicts > 10 && counts.not_found > 3 && counts.corrupt > 3);
    assert_true(counts.builds > 20 && counts.late_builds > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
