/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/update_case.h"

#include <copse/ext_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

copse_bytes update_case_json(const copse_env *env, const char *text, copse_buf *buf)
{
    copse_err err = {0};
    copse_buf_init(buf, env, 1 << 24);
    if (text != NULL && copse_ext_json_to_cbor(env, copse_bytes_of_text(text), COPSE_EXT_JSON_QUERY,
                                               buf, &err) != COPSE_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return copse_buf_view(buf);
}

void update_case_world_init(update_case_world *world, const copse_env *env, const update_case *test)
{
    (void)update_case_json(env, test->document, &world->document);
    (void)update_case_json(env, test->update, &world->update);
    (void)update_case_json(env, test->filter, &world->filter);
    (void)update_case_json(env, test->array_filters, &world->array_filters);
    (void)update_case_json(env, test->answer, &world->expected);
}

void update_case_world_release(update_case_world *world)
{
    copse_buf_release(&world->document);
    copse_buf_release(&world->update);
    copse_buf_release(&world->filter);
    copse_buf_release(&world->array_filters);
    copse_buf_release(&world->expected);
}

copse_status update_case_run(const copse_env *env, const update_case_world *world, bool insert,
                             copse_buf *out, bool *ret_changed, copse_err *err)
{
    copse_update *update = NULL;
    copse_filter *filter = NULL;
    copse_bytes document = copse_buf_view(&world->document);
    bool match = false;
    copse_status status = copse_update_new(env, copse_buf_view(&world->update),
                                           copse_buf_view(&world->array_filters), &update, err);
    if (status == COPSE_OK && world->filter.len != 0) {
        status = copse_filter_new(env, copse_buf_view(&world->filter), &filter, err);
    }
    if (status == COPSE_OK && filter != NULL) {
        status = copse_filter_match(filter, document, &match, err);
        assert_true(status != COPSE_OK || match);
    }
    copse_update_context context = {.filter = filter,
                                    .primary_key = copse_bytes_of_text("_id"),
                                    .now_ms = 1700000000123,
                                    .insert = insert};
    if (status == COPSE_OK) {
        status = copse_update_apply(update, document, &context, out, ret_changed, err);
    }
    copse_filter_free(filter);
    copse_update_free(update);
    return status;
}

static void update_case_show(const copse_env *env, copse_bytes cbor, char *ret_text, size_t size)
{
    copse_buf text;
    copse_buf_init(&text, env, 1 << 24);
    assert_int_equal(copse_ext_json_from_cbor(env, cbor, false, &text, NULL), COPSE_OK);
    (void)snprintf(ret_text, size, "%.*s", (int)text.len, (const char *)text.ptr);
    copse_buf_release(&text);
}

void update_case_check(const copse_env *env, const update_case *test)
{
    enum { SHOWN_SIZE = 4096 };
    char shown[SHOWN_SIZE];
    update_case_world world;
    copse_buf out;
    copse_err err = {0};
    bool changed = false;
    copse_buf_init(&out, env, 1 << 24);
    assert_int_equal(copse_buf_append_byte(&out, 0x77), COPSE_OK); /* stays */
    update_case_world_init(&world, env, test);
    copse_status status = update_case_run(env, &world, test->insert, &out, &changed, &err);
    copse_bytes answer = {out.ptr + 1, out.len - 1};
    if (test->answer == NULL) {
        copse_status wanted = test->status != COPSE_OK ? test->status : COPSE_CORRUPT;
        if (status != wanted || err.status != wanted ||
            strstr(err.message, test->message) == NULL) {
            fail_msg("%s on %s: %s %s", test->update, test->document, copse_status_name(status),
                     err.message);
        }
        assert_int_equal(out.len, 1);
    } else if (status != COPSE_OK) {
        fail_msg("%s on %s: %s", test->update, test->document, err.message);
    } else {
        update_case_show(env, answer, shown, sizeof shown);
        if (!copse_bytes_equal(answer, copse_buf_view(&world.expected))) {
            fail_msg("%s on %s: %s, not %s", test->update, test->document, shown, test->answer);
        }
        assert_int_equal(copse_document_check(answer, &env->limits, NULL), COPSE_OK);
        assert_int_equal(changed, !copse_bytes_equal(answer, copse_buf_view(&world.document)));
    }
    update_case_world_release(&world);
    copse_buf_release(&out);
}

void update_cases_check(const copse_env *env, const update_case *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        update_case_check(env, &tests[i]);
    }
}
