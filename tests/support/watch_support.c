/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/watch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <copse/ext_json.h>

void watch_states_close(watch_states *self)
{
    for (size_t i = 0; i < 2; i++) {
        self->databases[i] = copse_database_close(self->databases[i]);
        self->trees[i] = copse_tree_close(self->trees[i]);
    }
}

copse_status watch_states_open(watch_states *self, copse_err *err)
{
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < 2 && status == COPSE_OK; i++) {
        if (self->trees[i] == NULL) {
            status = copse_tree_open(self->cache, &self->roots[i], &self->trees[i], err);
        }
        if (status == COPSE_OK && self->databases[i] == NULL) {
            status = copse_database_open(self->trees[i], &self->databases[i], err);
        }
    }
    return status;
}

copse_status watch_question_prepare(const copse_env *env, const watch_question *asked,
                                    copse_query **ret_query, copse_err *err)
{
    copse_bytes filter = database_world_value(asked->filter);
    const copse_query_options options = {
        .collection = copse_bytes_of_text(asked->collection),
        .filter = filter,
        .hint = copse_bytes_of_text(asked->hint != NULL ? asked->hint : ""),
    };
    copse_status status = copse_query_new(env, &options, ret_query, err);
    database_world_free(filter);
    return status;
}

void watch_told_add(watch_told *self, const copse_watch_change *change)
{
    test_env env;
    copse_buf id;
    test_env_init(&env);
    copse_buf_init(&id, &env.env, SIZE_MAX);
    assert_int_equal(copse_ext_json_from_cbor(&env.env, change->id, false, &id, NULL), COPSE_OK);
    int size = snprintf(self->text + self->len, sizeof self->text - self->len, "%c%.*s ",
                        change->kind == COPSE_ADDED     ? '+'
                        : change->kind == COPSE_REMOVED ? '-'
                                                        : '~',
                        (int)id.len, (const char *)id.ptr);
    assert_true(size > 0 && (size_t)size < sizeof self->text - self->len);
    self->len += (size_t)size;
    assert_int_equal(change->before.len > 0, change->kind != COPSE_ADDED);
    assert_int_equal(change->after.len > 0, change->kind != COPSE_REMOVED);
    copse_buf_release(&id);
}

void watch_told_add_counts(watch_told *self, const copse_watch_counts *counts)
{
    int size = snprintf(self->text + self->len, sizeof self->text - self->len, "+%d ~%d -%d ",
                        (int)counts->added, (int)counts->changed, (int)counts->removed);
    assert_true(size > 0 && (size_t)size < sizeof self->text - self->len);
    self->len += (size_t)size;
}
