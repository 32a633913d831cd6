/* Updates driven by lines: the side of Copse in comparisons with other programs. Each line of stdin
 * is a JSON object:
 *
 *     {"document": {…}, "update": {…}, "filter": {…}, "arrayFilters": […], "now": milliseconds}
 *
 * (filter and arrayFilters may be left out), each answer a line: {"document": {…}, "changed": true}
 * or {"error": message}.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>
#include <copse/update.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct driver {
    copse_env env;
    copse_err err;
    copse_ext_json_reader *json;
    copse_buf request; /* of the line, as DAG-CBOR */
    copse_buf answer;  /* as DAG-CBOR */
    copse_buf text;
} driver;

static void driver_require(driver *d, copse_status status, const char *what)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "update_driver: %s: %s: %s\n", what, copse_status_name(status),
                      d->err.message);
        exit(1);
    }
}

/* The member `name` of the request, else empty bytes. */
static copse_bytes driver_member(driver *d, const char *name)
{
    copse_cbor_reader reader;
    copse_bytes encoded = {NULL, 0};
    copse_cbor_reader_init(&reader, copse_buf_view(&d->request));
    if (copse_cbor_find_key(&reader, copse_bytes_of_text(name), NULL) == COPSE_OK) {
        driver_require(d, copse_cbor_take(&reader, &encoded, &d->err), name);
    }
    return encoded;
}

static uint64_t driver_number(driver *d, const char *name)
{
    copse_value value;
    driver_require(d, copse_value_read(driver_member(d, name), &value, &d->err), name);
    return value.arg;
}

static void driver_key(driver *d, const char *key)
{
    driver_require(d, copse_cbor_write_text(&d->answer, copse_bytes_of_text(key)), "answer");
}

static copse_status driver_apply(driver *d, copse_update *update, copse_filter *filter)
{
    copse_bytes document = driver_member(d, "document");
    bool match = false;
    bool changed = false;
    copse_status status = COPSE_OK;
    if (filter != NULL) {
        status = copse_filter_match(filter, document, &match, &d->err);
    }
    const copse_update_context context = {.filter = match ? filter : NULL,
                                          .primary_key = copse_bytes_of_text("_id"),
                                          .now_ms = driver_number(d, "now")};
    driver_key(d, "document");
    if (status == COPSE_OK) {
        status = copse_update_apply(update, document, &context, &d->answer, &changed, &d->err);
    }
    if (status == COPSE_OK) {
        driver_key(d, "changed");
        status = copse_cbor_write_bool(&d->answer, changed);
    }
    return status == COPSE_OK ? copse_cbor_finish_map(&d->answer, 0, 2) : status;
}

static copse_status driver_line(driver *d)
{
    copse_update *update = NULL;
    copse_filter *filter = NULL;
    copse_bytes encoded = driver_member(d, "filter");
    copse_buf_truncate(&d->answer, 0);
    copse_status status = copse_update_new(&d->env, driver_member(d, "update"),
                                           driver_member(d, "arrayFilters"), &update, &d->err);
    if (status == COPSE_OK && encoded.len != 0) {
        status = copse_filter_new(&d->env, encoded, &filter, &d->err);
    }
    if (status == COPSE_OK) {
        status = driver_apply(d, update, filter);
    }
    copse_filter_free(filter);
    copse_update_free(update);
    return status;
}

static void driver_answer(driver *d, copse_status status)
{
    if (status != COPSE_OK) {
        copse_buf_truncate(&d->answer, 0);
        driver_key(d, "error");
        driver_key(d, d->err.message);
        driver_require(d, copse_cbor_finish_map(&d->answer, 0, 1), "answer");
    }
    copse_buf_truncate(&d->text, 0);
    driver_require(
        d, copse_ext_json_from_cbor(&d->env, copse_buf_view(&d->answer), false, &d->text, &d->err),
        "answer");
    (void)printf("%.*s\n", (int)d->text.len, (const char *)d->text.ptr);
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
    copse_buf_init(&d.answer, &d.env, 1 << 28);
    copse_buf_init(&d.text, &d.env, 1 << 28);
    driver_require(&d, copse_ext_json_reader_new(&d.env, &d.json, &d.err), "json");
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        copse_buf_truncate(&d.request, 0);
        copse_status status =
            copse_ext_json_read(d.json, (copse_bytes){(const uint8_t *)line, (size_t)size},
                                COPSE_EXT_JSON_QUERY, &d.request, &d.err);
        driver_answer(&d, status == COPSE_OK ? driver_line(&d) : status);
    }
    copse_ext_json_reader_free(d.json);
    copse_buf_release(&d.request);
    copse_buf_release(&d.answer);
    copse_buf_release(&d.text);
    free(line);
    return 0;
}
