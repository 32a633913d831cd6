/* Updates for tests, as JSON, with what they are applied to and what must come out.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_TESTS_UPDATE_CASE_H
#define COPSE_TESTS_UPDATE_CASE_H

#include <copse/update.h>

typedef struct update_case {
    const char *document;
    const char *update;
    const char *answer;        /**< NULL: it fails with `message`. */
    const char *message;       /**< A part of it. */
    const char *filter;        /**< That the document matches. NULL: none. */
    const char *array_filters; /**< NULL: none. */
    bool insert;
    copse_status status; /**< Of the failure; OK: CORRUPT. */
} update_case;

/** A case, encoded. */
typedef struct update_case_world {
    copse_buf document;
    copse_buf update;
    copse_buf filter;
    copse_buf array_filters;
    copse_buf expected;
} update_case_world;

/** Sets `buf` up and encodes `text` into it, if it is not NULL; fails the test if it can't be. */
copse_bytes update_case_json(const copse_env *env, const char *text, copse_buf *buf);

void update_case_world_init(update_case_world *world, const copse_env *env,
                            const update_case *test);
void update_case_world_release(update_case_world *world);

/** Compiles and applies the update, both with `env`, at 1,700,000,000,123 ms; the primary key is
 * `_id`. */
copse_status update_case_run(const copse_env *env, const update_case_world *world, bool insert,
                             copse_buf *out, bool *ret_changed, copse_err *err);

/** Fails the test (cmocka) unless the case comes out as it says, as a document, with the right word
 * on whether it changed, and a failure leaves no trace. */
void update_case_check(const copse_env *env, const update_case *test);

void update_cases_check(const copse_env *env, const update_case *tests, size_t count);

#define UPDATE_CASES_CHECK(env, tests)                                                             \
    update_cases_check((env), (tests), sizeof(tests) / sizeof *(tests))

#endif
