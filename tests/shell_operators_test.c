/* The operators that Tab offers in `copse shell` are operators.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "../apps/copse/shell_operators.c"

#include "expr/expression_private.h"

#include <copse/ext_json.h>
#include <copse/pipeline.h>
#include <copse/update.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What compiles `json`, whose message is then in `err`. */
typedef copse_status (*compile_fn)(const copse_env *env, copse_bytes encoded, copse_err *err);

static copse_status compile_filter(const copse_env *env, copse_bytes encoded, copse_err *err)
{
    copse_filter *filter = NULL;
    copse_status status = copse_filter_new(env, encoded, &filter, err);
    copse_filter_free(filter);
    return status;
}

static copse_status compile_update(const copse_env *env, copse_bytes encoded, copse_err *err)
{
    copse_update *update = NULL;
    copse_status status = copse_update_new(env, encoded, (copse_bytes){NULL, 0}, &update, err);
    copse_update_free(update);
    return status;
}

static copse_status compile_pipeline(const copse_env *env, copse_bytes encoded, copse_err *err)
{
    copse_pipeline *pipeline = NULL;
    const copse_pipeline_options options = {.collection = copse_bytes_of_text("c"),
                                            .stages = encoded};
    copse_status status = copse_pipeline_new(env, &options, &pipeline, err);
    copse_pipeline_free(pipeline);
    return status;
}

/* Whether `name`, put in place of the % of `format`, is compiled, or refused for what it is given
 * and not for its name. */
static bool is_known(compile_fn compile, const char *format, const char *name)
{
    char json[256];
    copse_env env;
    copse_err err = {0};
    copse_buf encoded;
    size_t before = strcspn(format, "%");
    copse_env_init(&env);
    copse_buf_init(&encoded, &env, SIZE_MAX);
    (void)snprintf(json, sizeof json, "%.*s%s%s", (int)before, format, name, format + before + 1);
    assert_int_equal(copse_ext_json_to_cbor(&env, copse_bytes_of_text(json), COPSE_EXT_JSON_QUERY,
                                            &encoded, NULL),
                     COPSE_OK);
    copse_status status = compile(&env, copse_buf_view(&encoded), &err);
    copse_buf_release(&encoded);
    return status == COPSE_OK ||
           (strstr(err.message, "unknown") == NULL && strstr(err.message, "nothing else") == NULL);
}

static void assert_known(compile_fn compile, const char *format, const char *const *names)
{
    assert_false(is_known(compile, format, "$unheard"));
    for (; *names != NULL; names++) {
        if (!is_known(compile, format, *names)) {
            fail_msg("%s is offered and not known", *names);
        }
    }
}

static void test_of_filters(void **state)
{
    (void)state;
    for (const char *const *name = copse_shell_filter_operators; *name != NULL; name++) {
        assert_true(is_known(compile_filter, "{\"a\":{\"%\":1}}", *name) ||
                    is_known(compile_filter, "{\"%\":[]}", *name));
    }
    assert_false(is_known(compile_filter, "{\"a\":{\"%\":1}}", "$unheard"));
    assert_false(is_known(compile_filter, "{\"%\":[]}", "$unheard"));
}

static void test_of_updates(void **state)
{
    (void)state;
    assert_known(compile_update, "{\"%\":{\"a\":1}}", copse_shell_update_operators);
    assert_known(compile_update, "{\"$push\":{\"a\":{\"$each\":[],\"%\":1}}}",
                 copse_shell_push_operators + 1);
}

static void test_of_pipelines(void **state)
{
    (void)state;
    assert_known(compile_pipeline, "[{\"%\":1}]", copse_shell_stages);
    assert_known(compile_pipeline, "[{\"$group\":{\"_id\":1,\"a\":{\"%\":1}}}]",
                 copse_shell_accumulators);
}

static void test_of_expressions(void **state)
{
    (void)state;
    for (const char *const *name = copse_shell_expression_operators; *name != NULL; name++) {
        if (copse_expression_operator_find(copse_bytes_of_text(*name)) == NULL) {
            fail_msg("%s is offered and not known", *name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_filters),
        cmocka_unit_test(test_of_updates),
        cmocka_unit_test(test_of_pipelines),
        cmocka_unit_test(test_of_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
