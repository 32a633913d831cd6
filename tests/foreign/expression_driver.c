/* Expressions driven by lines: the side of Copse in comparisons with other programs. Each line of
 * stdin is {"expression": …, "document": {…}}, each answer {"value": …}, {"missing": true} or
 * {"error": message, "compile": whether it is no expression}, a line.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/expression.h>
#include <copse/ext_json.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct driver {
    copse_env env;
    copse_err err;
    copse_ext_json_reader *json;
    copse_buf request; /* of the line, as DAG-CBOR */
    copse_buf value;
    copse_buf text;
} driver;

static void driver_require(const driver *d, copse_status status, const char *what)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "expression_driver: %s: %s: %s\n", what, copse_status_name(status),
                      d->err.message);
        exit(1);
    }
}

static copse_bytes driver_member(driver *d, const char *name)
{
    copse_cbor_reader reader;
    copse_bytes encoded = {NULL, 0};
    copse_cbor_reader_init(&reader, copse_buf_view(&d->request));
    driver_require(d, copse_cbor_find_key(&reader, copse_bytes_of_text(name), &d->err), name);
    driver_require(d, copse_cbor_take(&reader, &encoded, &d->err), name);
    return encoded;
}

/* Sets d->text to the value as JSON. */
static copse_status driver_evaluate(driver *d, bool *ret_compile, bool *ret_missing)
{
    copse_expression *expression = NULL;
    copse_status status = copse_expression_new(&d->env, driver_member(d, "expression"), NULL, 0,
                                               &expression, &d->err);
    *ret_compile = status != COPSE_OK;
    if (status == COPSE_OK) {
        status = copse_expression_evaluate(expression, driver_member(d, "document"), NULL,
                                           &d->value, ret_missing, &d->err);
    }
    if (status == COPSE_OK && !*ret_missing) {
        driver_require(d, copse_value_check(copse_buf_view(&d->value), &d->env.limits, &d->err),
                       "what came out is no value");
        driver_require(
            d,
            copse_ext_json_from_cbor(&d->env, copse_buf_view(&d->value), false, &d->text, &d->err),
            "value");
    }
    copse_expression_free(expression);
    return status;
}

/* Sets d->text to the message as JSON. */
static void driver_message(driver *d)
{
    copse_buf_truncate(&d->value, 0);
    driver_require(d, copse_cbor_write_text(&d->value, copse_bytes_of_text(d->err.message)),
                   "message");
    driver_require(
        d, copse_ext_json_from_cbor(&d->env, copse_buf_view(&d->value), false, &d->text, &d->err),
        "message");
}

static void driver_line(driver *d)
{
    bool compile = false;
    bool missing = false;
    copse_buf_truncate(&d->value, 0);
    copse_buf_truncate(&d->text, 0);
    copse_status status = driver_evaluate(d, &compile, &missing);
    if (status != COPSE_OK) {
        driver_message(d);
        (void)printf("{\"error\":%.*s,\"compile\":%s}\n", (int)d->text.len,
                     (const char *)d->text.ptr, compile ? "true" : "false");
    } else if (missing) {
        (void)printf("{\"missing\":true}\n");
    } else {
        (void)printf("{\"value\":%.*s}\n", (int)d->text.len, (const char *)d->text.ptr);
    }
    (void)fflush(stdout);
}

int main(void)
{
    static driver d;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    copse_env_init(&d.env);
    copse_buf_init(&d.request, &d.env, 1 << 28);
    copse_buf_init(&d.value, &d.env, 1 << 28);
    copse_buf_init(&d.text, &d.env, 1 << 28);
    driver_require(&d, copse_ext_json_reader_new(&d.env, &d.json, &d.err), "json");
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        copse_buf_truncate(&d.request, 0);
        driver_require(&d,
                       copse_ext_json_read(d.json,
                                           (copse_bytes){(const uint8_t *)line, (size_t)size},
                                           COPSE_EXT_JSON_QUERY, &d.request, &d.err),
                       "line");
        driver_line(&d);
    }
    free(line);
    copse_ext_json_reader_free(d.json);
    copse_buf_release(&d.request);
    copse_buf_release(&d.value);
    copse_buf_release(&d.text);
    return 0;
}
