/* Expressions without a database: computed values of documents from anywhere.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/expression.h>

#include <stdio.h>

static const char *const documents[] = {
    "{\"title\": \"Moby-Dick\", \"price\": 10, \"discount\": 0.25}",
    "{\"title\": \"Walden\", \"price\": 8}",
    "{\"price\": \"free\"}",
};

static copse_expression *make_expression(const copse_env *env, const char *json,
                                         const copse_expression_variable *variables, size_t count)
{
    copse_err err = {0};
    copse_expression *expression = NULL;
    copse_buf encoded = example_json(env, json);
    example_must(
        copse_expression_new(env, copse_buf_view(&encoded), variables, count, &expression, &err),
        &err);
    copse_buf_release(&encoded);
    return expression;
}

/* Prints the value for each document, and whether a condition would hold; missing, where there is
 * none. */
static void evaluate(const copse_env *env, copse_expression *expression,
                     const copse_expression_variable *variables)
{
    copse_buf value;
    copse_buf_init(&value, env, SIZE_MAX);
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        copse_err err = {0};
        bool missing = false;
        copse_buf document = example_json(env, documents[i]);
        copse_status status = copse_expression_evaluate(expression, copse_buf_view(&document),
                                                        variables, &value, &missing, &err);
        bool is_true = copse_expression_is_true(copse_buf_view(&value), missing);
        if (status == COPSE_CORRUPT) {
            (void)printf("refused: %s\n", err.message);
        } else if (missing) {
            example_must(status, &err);
            (void)printf("missing\n");
        } else {
            example_must(status, &err);
            example_print(env, is_true ? "true: " : "false: ", copse_buf_view(&value));
        }
        copse_buf_truncate(&value, 0);
        copse_buf_release(&document);
    }
    copse_buf_release(&value);
}

int main(void)
{
    copse_env env;
    copse_env_init(&env);
    copse_buf rate = example_json(&env, "1.1");
    copse_expression_variable variables[] = {{copse_bytes_of_text("rate"), copse_buf_view(&rate)}};
    copse_expression *price = make_expression(
        &env,
        "{\"$round\": [{\"$multiply\": [\"$price\", \"$$rate\", {\"$subtract\": [1, "
        "{\"$ifNull\": [\"$discount\", 0]}]}]}, 2]}",
        variables, 1);
    copse_expression *title = make_expression(&env, "\"$title\"", NULL, 0);
    copse_expression *sum = make_expression(&env, "{\"$add\": [1, 2]}", NULL, 0);
    evaluate(&env, price, variables);
    evaluate(&env, title, NULL);
    copse_bytes path = copse_expression_path(title);
    (void)printf("a field: %.*s\n", (int)path.len, (const char *)path.ptr);
    example_print(&env, "a constant: ", copse_expression_constant(sum));
    copse_expression_free(sum);
    copse_expression_free(title);
    copse_expression_free(price);
    copse_buf_release(&rate);
    return 0;
}
