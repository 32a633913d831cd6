/* Random batches of updates, deletes and writes, done to a plain list of documents as well: by
 * looking at every document, and by updates that are written out anew.
 *
 * After each batch the database has the documents of the list, and copse_database_check finds
 * nothing; after one that was refused it is the tree that it was.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>
#include <copse/modify.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr/path.h"
#include "support/query_world.h"

enum { MODEL_SEEDS = 60, MODEL_BATCHES = 12, MODEL_OPERATIONS = 8, MODEL_IDS = 75 };

static const char *const model_fields[] = {"a", "b", "c", "d"};

/* What the batches met. */
typedef struct model_counts {
    uint64_t runs;
    uint64_t refused_runs;
    uint64_t partial; /* runs on more than none, but not all */
    uint64_t sorted;
    uint64_t upserts;
    uint64_t on_pending; /* runs that changed what an operation before had */
    uint64_t commits;
    uint64_t refused_commits;
    uint64_t same; /* commits of batches that changed nothing in the end */
} model_counts;

typedef struct model {
    query_world world;
    copse_database *database;
    copse_modify *modify;
    query_brute_documents before; /* the batch */
    bool touched[MODEL_IDS];      /* by an operation of the batch */
    bool doomed;                  /* an operation of the batch can't be done */
    model_counts *counts;
} model;

static const copse_env *model_env(const model *self)
{
    return database_world_env(&self->world.db);
}

static uint64_t model_below(model *self, uint64_t bound)
{
    return test_random_below(&self->world.state, bound);
}

static uint64_t model_id(copse_bytes document)
{
    copse_bytes id;
    copse_value value;
    assert_int_equal(copse_path_find_key(document, copse_bytes_of_text("_id"), &id, NULL),
                     COPSE_OK);
    assert_int_equal(copse_value_read(id, &value, NULL), COPSE_OK);
    return value.arg;
}

/* ---- updates, written out ---- */

typedef enum model_kind {
    MODEL_SET,
    MODEL_UNSET,
    MODEL_REPLACE,
    MODEL_INC,
    MODEL_DELETE,
    MODEL_KINDS
} model_kind;

/* An update; `update` is what the library is given. */
typedef struct model_update {
    model_kind kind;
    const char *field;
    copse_buf value;  /* an item; REPLACE: a document without _id */
    copse_buf update; /* DELETE: empty */
} model_update;

static void model_must(copse_status status)
{
    assert_int_equal(status, COPSE_OK);
}

/* Appends the pairs of the map `document` but `without`, and counts them. */
static uint64_t model_copy_pairs(copse_bytes document, const char *without, copse_buf *buf)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_item key;
    copse_bytes value;
    uint64_t count = 0;
    copse_cbor_reader_init(&reader, document);
    model_must(copse_cbor_next(&reader, &item, NULL));
    for (uint64_t i = 0; i < item.arg; i++) {
        model_must(copse_cbor_next(&reader, &key, NULL));
        model_must(copse_cbor_take(&reader, &value, NULL));
        if (!copse_bytes_equal(key.bytes, copse_bytes_of_text(without))) {
            model_must(copse_cbor_write_text(buf, key.bytes));
            model_must(copse_buf_append(buf, value));
            count++;
        }
    }
    return count;
}

/* Writes {name: {field: value}}. */
static void model_write_operator(copse_buf *buf, const char *name, const char *field,
                                 copse_bytes value)
{
    model_must(copse_cbor_write_map(buf, 1));
    model_must(copse_cbor_write_text(buf, copse_bytes_of_text(name)));
    model_must(copse_cbor_write_map(buf, 1));
    model_must(copse_cbor_write_text(buf, copse_bytes_of_text(field)));
    model_must(copse_buf_append(buf, value));
}

static void model_update_init(model *self, model_update *made, bool multi)
{
    copse_buf document;
    copse_bytes value = {NULL, 0};
    made->kind = (model_kind)model_below(self, MODEL_KINDS);
    if (multi && (made->kind == MODEL_REPLACE || model_below(self, 3) > 0)) {
        made->kind = MODEL_SET; /* else there would soon be nothing left */
    }
    made->field = model_fields[model_below(self, 4)];
    copse_buf_init(&made->value, model_env(self), SIZE_MAX);
    copse_buf_init(&made->update, model_env(self), SIZE_MAX);
    copse_buf_init(&document, model_env(self), SIZE_MAX);
    do { /* a document that has the field gives its value */
        copse_buf_truncate(&document, 0);
        query_random_document(&self->world.state, &self->world.shape, 0, &document);
    } while (copse_path_find_key(copse_buf_view(&document), copse_bytes_of_text(made->field),
                                 &value, NULL) != COPSE_OK);
    if (made->kind == MODEL_REPLACE) {
        uint64_t count = model_copy_pairs(copse_buf_view(&document), "_id", &made->value);
        model_must(copse_cbor_finish_map(&made->value, 0, count));
        model_must(copse_buf_append(&made->update, copse_buf_view(&made->value)));
    } else if (made->kind == MODEL_INC) {
        model_must(copse_cbor_write_uint(&made->value, model_below(self, 3)));
        model_write_operator(&made->update, "$inc", made->field, copse_buf_view(&made->value));
    } else if (made->kind != MODEL_DELETE) {
        model_must(copse_buf_append(&made->value, value));
        model_write_operator(&made->update, made->kind == MODEL_SET ? "$set" : "$unset",
                             made->field, value);
    }
    copse_buf_release(&document);
}

static void model_update_release(model_update *made)
{
    copse_buf_release(&made->value);
    copse_buf_release(&made->update);
}

/* Appends what becomes of `document`; nothing if it is deleted. The library's own $inc is believed.
 */
static copse_status model_update_apply(const model *self, const model_update *made,
                                       copse_bytes document, copse_buf *buf)
{
    uint64_t count;
    copse_bytes id;
    if (made->kind == MODEL_INC) {
        bool changed;
        copse_update *update = NULL;
        const copse_update_context context = {.primary_key = copse_bytes_of_text("_id")};
        model_must(copse_update_new(model_env(self), copse_buf_view(&made->update),
                                    (copse_bytes){NULL, 0}, &update, NULL));
        copse_status status = copse_update_apply(update, document, &context, buf, &changed, NULL);
        copse_update_free(update);
        return status;
    }
    if (made->kind == MODEL_DELETE) {
        return COPSE_OK;
    }
    if (made->kind == MODEL_REPLACE) {
        model_must(copse_path_find_key(document, copse_bytes_of_text("_id"), &id, NULL));
        count = model_copy_pairs(copse_buf_view(&made->value), "", buf) + 1;
        model_must(copse_cbor_write_text(buf, copse_bytes_of_text("_id")));
        model_must(copse_buf_append(buf, id));
        return copse_cbor_finish_map(buf, 0, count);
    }
    count = model_copy_pairs(document, made->field, buf);
    if (made->kind == MODEL_SET) {
        model_must(copse_cbor_write_text(buf, copse_bytes_of_text(made->field)));
        model_must(copse_buf_append(buf, copse_buf_view(&made->value)));
        count++;
    }
    return copse_cbor_finish_map(buf, 0, count);
}

/* ---- the list ---- */

static void model_copy(const query_brute_documents *from, query_brute_documents *to)
{
    for (uint64_t id = 0; id < MODEL_IDS; id++) {
        query_brute_delete(to, id);
        if (from->encoded[id].len > 0) {
            query_brute_put(to, id, from->encoded[id]);
        }
    }
}

static void model_put(model *self, uint64_t id, copse_bytes document)
{
    self->touched[id] = true;
    if (document.len > 0) {
        query_brute_put(&self->world.documents, id, document);
    } else {
        query_brute_delete(&self->world.documents, id);
    }
}

/* ---- runs ---- */

/* A run: what the library is asked, and what it must do. */
typedef struct model_run {
    query_world_query query;
    model_update made;
    copse_modify_options options;
    query_brute_answer answer; /* the matches, in order */
} model_run;

static void model_run_init(model *self, model_run *run)
{
    copse_update *update = NULL;
    bool multi = model_below(self, 3) == 0;
    query_world_query_init(&self->world, &run->query);
    model_update_init(self, &run->made, multi);
    if (run->made.kind != MODEL_DELETE) {
        model_must(copse_update_new(model_env(self), copse_buf_view(&run->made.update),
                                    (copse_bytes){NULL, 0}, &update, NULL));
    }
    if (model_below(self, 4) == 0) { /* one that is there, or may be inserted */
        copse_buf_truncate(&run->query.filter, 0);
        model_must(copse_cbor_write_map(&run->query.filter, 1));
        model_must(copse_cbor_write_text(&run->query.filter, copse_bytes_of_text("_id")));
        model_must(copse_cbor_write_uint(&run->query.filter, model_below(self, MODEL_IDS)));
        run->query.options.filter = copse_buf_view(&run->query.filter);
        run->options.upsert = update != NULL && model_below(self, 2) == 0;
    }
    run->options.collection = run->query.options.collection;
    run->options.filter = run->query.options.filter;
    run->options.sort = multi ? NULL : run->query.options.sort;
    run->options.update = update;
    run->options.multi = multi;
    run->options.return_document = COPSE_MODIFY_RETURN_BEFORE;
}

static void model_run_release(model_run *run)
{
    query_brute_answer_release(&run->answer);
    copse_update_free(run->options.update);
    model_update_release(&run->made);
    query_world_query_release(&run->query);
}

/* Does the update to the matches [first, end). OK, or what it fails with; then nothing was done. */
static copse_status model_change(model *self, const model_run *run, size_t first, size_t end,
                                 uint64_t *ret_modified)
{
    copse_buf changed[MODEL_IDS];
    copse_status status = COPSE_OK;
    uint64_t modified = 0;
    for (size_t i = first; i < end; i++) {
        copse_buf_init(&changed[i], model_env(self), SIZE_MAX);
        if (status == COPSE_OK) {
            status = model_update_apply(self, &run->made, run->answer.rows[i], &changed[i]);
        }
    }
    for (size_t i = first; i < end; i++) {
        uint64_t id = model_id(run->answer.rows[i]);
        bool differs = !copse_bytes_equal(copse_buf_view(&changed[i]), run->answer.rows[i]);
        if (status == COPSE_OK && differs) {
            self->counts->on_pending += self->touched[id];
            modified++;
            model_put(self, id, copse_buf_view(&changed[i]));
        }
        copse_buf_release(&changed[i]);
    }
    *ret_modified = modified;
    return status;
}

/* The number of the match that the library took. */
static size_t model_taken(const model_run *run, const copse_modify_result *result)
{
    size_t taken = 0;
    if (run->options.sort != NULL) {
        return 0;
    }
    while (taken < run->answer.count &&
           !copse_bytes_equal(run->answer.rows[taken], result->document)) {
        taken++;
    }
    return taken;
}

static void model_upsert(model *self, const model_run *run, const copse_modify_result *result)
{
    copse_buf inserted;
    uint64_t id = model_id(run->query.options.filter);
    copse_buf_init(&inserted, model_env(self), SIZE_MAX);
    model_must(model_update_apply(self, &run->made, run->query.options.filter, &inserted));
    assert_true(result->upserted);
    model_put(self, id, copse_buf_view(&inserted));
    self->counts->upserts++;
    copse_buf_release(&inserted);
}

/* Compares what the library did with what it must have done. */
static void model_check_run(model *self, const model_run *run, copse_status status,
                            const copse_modify_result *result)
{
    const query_brute_answer *answer = &run->answer;
    uint64_t modified = 0;
    size_t first = run->options.multi ? 0 : model_taken(run, result);
    size_t end = run->options.multi ? answer->count : first + 1;
    if (answer->count == 0) {
        model_must(status);
        assert_int_equal(result->matched, 0);
        if (run->options.upsert) {
            model_upsert(self, run, result);
        }
        return;
    }
    if (status != COPSE_OK) { /* which one it was is not said */
        assert_true(status == COPSE_CORRUPT || status == COPSE_LIMIT);
        bool fails = false;
        for (size_t i = 0; i < answer->count; i++) {
            copse_buf unused;
            copse_buf_init(&unused, model_env(self), SIZE_MAX);
            fails =
                fails || model_update_apply(self, &run->made, answer->rows[i], &unused) == status;
            copse_buf_release(&unused);
        }
        assert_true(fails);
        self->counts->refused_runs++;
        return;
    }
    assert_true(first < answer->count);
    assert_true(run->options.multi || copse_bytes_equal(answer->rows[first], result->document));
    model_must(model_change(self, run, first, end, &modified));
    assert_int_equal(result->matched, end - first);
    assert_int_equal(result->modified, modified);
    self->counts->sorted += run->options.sort != NULL;
    self->counts->partial += answer->count < self->world.documents.count;
}

static void model_operate_run(model *self)
{
    model_run run = {.options = {.multi = false}};
    copse_modify_result result = {.matched = 0};
    model_run_init(self, &run);
    copse_query_options options = {.filter = run.options.filter, .sort = run.options.sort};
    size_t count = copse_write_count(copse_modify_write(self->modify));
    copse_status expected =
        query_brute_run(model_env(self), &self->world.documents, &options, &run.answer);
    copse_status status = copse_modify_run(self->modify, &run.options, &result, NULL);
    if (expected != COPSE_OK) {
        assert_int_equal(status, expected);
    } else {
        self->counts->runs++;
        model_check_run(self, &run, status, &result);
    }
    if (status != COPSE_OK) {
        assert_int_equal(copse_write_count(copse_modify_write(self->modify)), count);
    }
    model_run_release(&run);
}

/* ---- writes ---- */

static void model_operate_write(model *self)
{
    copse_buf document;
    copse_bytes posts = copse_bytes_of_text("posts");
    copse_write *write = copse_modify_write(self->modify);
    uint64_t id = model_below(self, MODEL_IDS);
    bool present = self->world.documents.encoded[id].len > 0;
    copse_buf_init(&document, model_env(self), SIZE_MAX);
    if (model_below(self, 3) == 0) {
        model_must(copse_cbor_write_uint(&document, id));
        model_must(copse_write_delete(write, posts, copse_buf_view(&document), NULL));
        model_put(self, id, (copse_bytes){NULL, 0});
    } else {
        query_random_document(&self->world.state, &self->world.shape, id, &document);
        bool inserts = model_below(self, 2) == 0 && (!present || model_below(self, 20) == 0);
        model_must(inserts
                       ? copse_write_insert(write, posts, copse_buf_view(&document), NULL, NULL)
                       : copse_write_replace(write, posts, copse_buf_view(&document), true, NULL));
        self->doomed = self->doomed || (inserts && present);
        model_put(self, id, copse_buf_view(&document));
    }
    copse_buf_release(&document);
}

/* The collection goes, or goes and comes again; its indexes are gone. */
static void model_operate_drop(model *self)
{
    copse_bytes posts = copse_bytes_of_text("posts");
    copse_write *write = copse_modify_write(self->modify);
    model_must(copse_write_drop_collection(write, posts, NULL));
    model_must(copse_write_create_collection(
        write, posts, copse_bytes_of_text("_id"),
        self->world.linked ? COPSE_DOCUMENTS_LINKED : COPSE_DOCUMENTS_INLINE, NULL));
    for (uint64_t id = 0; id < MODEL_IDS; id++) {
        query_brute_delete(&self->world.documents, id);
    }
}

/* ---- batches ---- */

/* The database has exactly the documents of the list. */
static void model_check_documents(model *self)
{
    copse_database *database = NULL;
    uint64_t count = 0;
    copse_database_check_stats stats;
    model_must(copse_database_open(self->world.db.tree, &database, NULL));
    const copse_collection *posts =
        copse_database_collection(database, copse_bytes_of_text("posts"));
    model_must(copse_database_count(database, posts, &count, NULL));
    assert_int_equal(count, self->world.documents.count);
    for (uint64_t id = 0; id < MODEL_IDS; id++) {
        copse_bytes expected = self->world.documents.encoded[id];
        copse_document document = {.block = NULL};
        copse_buf key;
        copse_buf_init(&key, model_env(self), SIZE_MAX);
        model_must(copse_cbor_write_uint(&key, id));
        copse_status status =
            copse_database_get(database, posts, copse_buf_view(&key), &document, NULL);
        assert_int_equal(status, expected.len > 0 ? COPSE_OK : COPSE_NOT_FOUND);
        assert_true(copse_bytes_equal(document.encoded, expected));
        copse_document_release(&document);
        copse_buf_release(&key);
    }
    copse_database_close(database);
    model_must(copse_database_check(model_env(self), self->world.db.world.store,
                                    copse_tree_root(self->world.db.tree), NULL, &stats, NULL));
    assert_int_equal(stats.defects, 0);
}

static void model_finish(model *self)
{
    copse_tree *next = NULL;
    copse_err err;
    size_t failed = SIZE_MAX;
    size_t count = copse_write_count(copse_modify_write(self->modify));
    copse_status status = copse_modify_finish(self->modify, self->world.db.world.store, NULL, &next,
                                              NULL, &failed, &err);
    self->database = copse_database_close(self->database);
    if (status == COPSE_OK) {
        assert_false(self->doomed);
        self->counts->commits++;
        self->counts->same +=
            copse_cid_equal(copse_tree_root(next), copse_tree_root(self->world.db.tree));
        copse_tree_close(self->world.db.tree);
        self->world.db.tree = next;
    } else { /* also arrays in two fields of an index */
        assert_true(status == COPSE_CORRUPT || (status == COPSE_CONFLICT && self->doomed));
        assert_true(failed < count);
        self->counts->refused_commits++;
        model_copy(&self->before, &self->world.documents);
    }
    model_check_documents(self);
}

static void model_batch(model *self)
{
    size_t operations = 1 + model_below(self, MODEL_OPERATIONS);
    model_must(copse_database_open(self->world.db.tree, &self->database, NULL));
    copse_modify_begin(self->modify, self->database);
    model_copy(&self->world.documents, &self->before);
    memset(self->touched, 0, sizeof self->touched);
    self->doomed = false;
    for (size_t i = 0; i < operations; i++) {
        uint64_t choice = model_below(self, 200);
        if (choice == 0) {
            model_operate_drop(self);
        } else if (choice < 70) {
            model_operate_write(self);
        } else {
            model_operate_run(self);
        }
    }
    model_finish(self);
}

static void modify_does_what_a_list_does(void **state)
{
    (void)state;
    model_counts counts = {0};
    for (uint64_t seed = 0; seed < MODEL_SEEDS; seed++) {
        model *self = calloc(1, sizeof *self);
        assert_non_null(self);
        self->counts = &counts;
        query_world_init(&self->world, seed);
        model_must(copse_modify_new(model_env(self), &self->modify, NULL));
        for (size_t i = 0; i < MODEL_BATCHES; i++) {
            model_batch(self);
        }
        copse_modify_free(self->modify);
        query_brute_release(&self->before);
        query_world_release(&self->world);
        free(self);
    }
    print_message("%llu runs (%llu refused, %llu on some documents, %llu sorted, %llu on pending "
                  "ones), %llu upserts, %llu commits (%llu the same), %llu refused\n",
                  (unsigned long long)counts.runs, (unsigned long long)counts.refused_runs,
                  (unsigned long long)counts.partial, (unsigned long long)counts.sorted,
                  (unsigned long long)counts.on_pending, (unsigned long long)counts.upserts,
                  (unsigned long long)counts.commits, (unsigned long long)counts.same,
                  (unsigned long long)counts.refused_commits);
    assert_true(counts.partial * 10 > counts.runs * 3);
    assert_true(counts.refused_runs > 0 && counts.sorted > 0 && counts.upserts > 0);
    assert_true(counts.on_pending > 0 && counts.same > 0 && counts.refused_commits > 0);
    assert_true(counts.commits > counts.refused_commits * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modify_does_what_a_list_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
