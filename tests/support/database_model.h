/* A plain model of a database: documents in arrays, all rows derived anew by the simplest means.
 *
 * Nothing here uses the derivers or the writer: entries are the product of all values of all
 * fields, told apart by looking at each other. The model's memory comes from malloc.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_DATABASE_MODEL_H
#define COPSE_TESTS_DATABASE_MODEL_H

#include "support/database_world.h"

enum { DATABASE_MODEL_INDEXES_MAX = 8, DATABASE_MODEL_DOCUMENTS_MAX = 512 };

typedef struct database_model_index {
    char name[32];
    char fields[64];  /* as for database_world_index */
    char options[96]; /* likewise */
    size_t array;     /* the array field; SIZE_MAX: none */
    bool is_unbuilt; /* "unbuilt" leads the options that it is made with, and is left out of them */
} database_model_index;

typedef struct database_model_document {
    int id;
    copse_bytes encoded; /* malloc'ed */
} database_model_document;

/** One collection `posts` with integers as `_id`. */
typedef struct database_model {
    bool exists;
    copse_documents_form documents_form;
    database_model_document documents[DATABASE_MODEL_DOCUMENTS_MAX]; /* by id */
    size_t documents_count;
    database_model_index indexes[DATABASE_MODEL_INDEXES_MAX];
    size_t indexes_count;
} database_model;

/** A zeroed model is an empty database. */
void database_model_release(database_model *model);

/** Makes a zeroed `copy` equal to `model`. */
void database_model_copy(const database_model *model, database_model *copy);

/* Each does one operation, and answers as the library must: OK, CONFLICT, NOT_FOUND, CORRUPT. */

copse_status database_model_create(database_model *model, copse_documents_form form);
copse_status database_model_drop(database_model *model);
copse_status database_model_put(database_model *model, int id, copse_bytes encoded, bool may_exist,
                                bool may_lack);
void database_model_delete(database_model *model, int id);
copse_status database_model_create_index(database_model *model, const char *name,
                                         const char *fields, const char *options);
copse_status database_model_drop_index(database_model *model, const char *name);

/** Puts all rows of the database into an empty tree model. */
void database_model_rows(const database_model *model, tree_model *rows);

/** Fails the test, naming `what`, unless the tree has the root of the plain build of all rows. */
void database_model_assert_root(const database_model *model, copse_tree *tree, const char *what);

/** A random document with this `_id`, as JSON: fields a, b, c and d of all kinds, absent, null,
 * arrays (in at most one field, but for one in `parallel` documents; 0: in none), and values that
 * are cut. malloc'ed. */
char *database_model_random_document(uint64_t *seed, int id, unsigned parallel);

#endif
