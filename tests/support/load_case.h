/* Bulk loads of documents of all sorts.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_LOAD_CASE_H
#define COPSE_TESTS_LOAD_CASE_H

#include "support/database_world.h"
#include "support/memory_runs.h"

#include <copse/loader.h>

enum { LOADER_DOCUMENT_SIZE = 4096, LOADER_MEMORY = 65536 };

/** What a load is made of. */
typedef struct load_case {
    const char *collection;
    copse_documents_form documents;
    size_t memory;
    memory_runs *runs; /* NULL: it has nothing to spill to */
} load_case;

/** Begins it; what copse_loader_new returns. */
copse_status load_case_begin(copse_tree *tree, copse_store *store, const load_case *load,
                             copse_loader **ret_loader, copse_err *err);

/** Adds a document; what copse_loader_add returns. */
copse_status load_case_try(copse_loader *loader, const char *json, uint64_t tag, copse_err *err);

/** Adds a document; fails the test if it is refused. */
void load_case_add(copse_loader *loader, const char *json, uint64_t tag);

/** Document number `number`: all sorts of values in the fields that the indexes of load_case_index
 * have. Numbers that differ have keys that differ, in another order. */
void load_case_document(uint64_t number, char ret_json[LOADER_DOCUMENT_SIZE]);

/** Makes indexes of all sorts; `linked`: one of links, too. */
void load_case_index(database_world *db, const char *collection, bool linked);

#endif
