/* What the examples share, so that each shows its own subject only: a database in memory, JSON in
 * and out, and an end of the program where a call fails. first_database.c does without.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_EXAMPLES_EXAMPLE_H
#define COPSE_EXAMPLES_EXAMPLE_H

#include <copse/ext_json.h>
#include <copse/write.h>

/** A database in memory. */
typedef struct example_db {
    copse_env env;
    copse_store *store;
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree; /**< Of the database as it is now. */
} example_db;

/** Makes an empty one. */
void example_open(example_db *example);
void example_close(example_db *example);

/** Prints the failure and ends the program, unless `status` is OK. A library would return. */
void example_must(copse_status status, const copse_err *err);

/** Applies what `write` has collected and forgets it; the tree is then the new one. */
void example_apply(example_db *example, copse_write *write);

/** Inserts the documents, given as JSON, into `collection`. */
void example_insert(example_db *example, const char *collection, const char *const *documents,
                    size_t count);

/** The DAG-CBOR of a filter, projection or value in JSON; the caller releases it. */
copse_buf example_json(const copse_env *env, const char *json);

/** Prints a line: `label`, and the value as JSON. */
void example_print(const copse_env *env, const char *label, copse_bytes value);

#endif
