/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "argument.h"

#include "failure.h"

#include <copse/order.h>

#include <stdio.h>
#include <string.h>

enum { ARGUMENT_OBJECT_ID_DIGITS = 24 };

/* Reports that what the command line holds is not what it must be; call->err says why. */
static bool argument_report(copse_call *call, copse_status status, const char *what,
                            const char *hint)
{
    if (status == COPSE_CORRUPT || status == COPSE_LIMIT || status == COPSE_MISUSE) {
        (void)copse_failure(call, status, hint, "%s: %s", what, call->err.message);
    } else {
        (void)copse_failure_of(call, status, "%s", what);
    }
    return false;
}

const char *copse_argument_hint_of_json(const char *text)
{
    size_t len = strlen(text);
    if (len > 0 && text[0] == '{' && text[len - 1] != '}') {
        return "its } is missing; for the shell, put '…' around all of it: '{\"tags\":\"cats\"}'";
    }
    /* The shell takes the quotes away where there are none around them. */
    return strchr(text, '"') != NULL
               ? NULL
               : "JSON has \"…\" around every name; for the shell, put '…' around all "
                 "of it: '{\"tags\":\"cats\"}'";
}

bool copse_argument_json(copse_call *call, const char *what, const char *text,
                         copse_ext_json_mode mode, copse_buf *buf)
{
    copse_status status =
        copse_ext_json_to_cbor(&call->env, copse_bytes_of_text(text), mode, buf, &call->err);
    return status == COPSE_OK ||
           argument_report(call, status, what, copse_argument_hint_of_json(text));
}

bool copse_argument_filter(copse_call *call, size_t index, copse_buf *buf)
{
    return call->options.arguments_count <= index ||
           copse_argument_json(call, "the filter", call->options.arguments[index],
                               COPSE_EXT_JSON_QUERY, buf);
}

static bool argument_read_id(copse_call *call, const char *text, copse_buf *buf)
{
    copse_bytes word = copse_bytes_of_text(text);
    char json[64];
    if (word.len == ARGUMENT_OBJECT_ID_DIGITS &&
        strspn(text, "0123456789abcdefABCDEF") == word.len) {
        (void)snprintf(json, sizeof json, "{\"$oid\":\"%s\"}", text);
        return copse_argument_json(call, "the _id", json, COPSE_EXT_JSON_VALUE, buf);
    }
    if (text[0] == '{' || text[0] == '[' || text[0] == '"') {
        return copse_argument_json(call, "the _id", text, COPSE_EXT_JSON_VALUE, buf);
    }
    copse_status status =
        copse_ext_json_to_cbor(&call->env, word, COPSE_EXT_JSON_VALUE, buf, &call->err);
    if (status == COPSE_CORRUPT) {
        status = copse_cbor_write_text(buf, word);
        call->err = (copse_err){0};
    }
    if (status == COPSE_MISUSE) {
        (void)copse_failure(call, status, NULL, "the _id is not UTF-8");
        return false;
    }
    return status == COPSE_OK || argument_report(call, status, "the _id", NULL);
}

bool copse_argument_id(copse_call *call, const char *text, copse_buf *buf)
{
    copse_buf key;
    size_t offset = buf->len;
    if (!argument_read_id(call, text, buf)) {
        return false;
    }
    copse_buf_init(&key, &call->env, SIZE_MAX);
    copse_status status = copse_order_write_primary(
        &key, (copse_bytes){buf->ptr + offset, buf->len - offset}, &call->err);
    copse_buf_release(&key);
    return status == COPSE_OK || argument_report(call, status, "the _id", NULL);
}

bool copse_argument_fields(copse_call *call, const char *what, const char *text, bool arrays,
                           copse_sort_spec *ret_spec)
{
    copse_status status =
        copse_sort_spec_parse(&call->env, copse_bytes_of_text(text), arrays, ret_spec, &call->err);
    return status == COPSE_OK ||
           argument_report(
               call, status, what,
               "fields stand as in 'tags,-createdAt' or '{\"tags\":1,\"createdAt\":-1}'");
}

/* The map {"path":1,…}, of a descending one {"path":0,…}. */
static copse_status argument_write_projection(const copse_sort_spec *spec, copse_buf *buf)
{
    size_t start = buf->len;
    copse_status status = COPSE_OK;
    for (size_t i = 0; i < spec->count && status == COPSE_OK; i++) {
        status = copse_cbor_write_text(buf, spec->fields[i].path);
        if (status == COPSE_OK) {
            status = copse_cbor_write_uint(buf, spec->fields[i].descending ? 0 : 1);
        }
    }
    return status == COPSE_OK ? copse_cbor_finish_map(buf, start, spec->count) : status;
}

bool copse_argument_projection(copse_call *call, const char *text, copse_buf *buf)
{
    copse_sort_spec spec;
    if (text[0] == '{') {
        return copse_argument_json(call, "--project", text, COPSE_EXT_JSON_QUERY, buf);
    }
    if (!copse_argument_fields(call, "--project", text, false, &spec)) {
        return false;
    }
    copse_status status = argument_write_projection(&spec, buf);
    copse_sort_spec_release(&spec);
    if (status != COPSE_OK) {
        (void)copse_failure_of(call, status, "--project");
    }
    return status == COPSE_OK;
}

bool copse_argument_query(copse_call *call, const copse_query_options *options,
                          copse_query **ret_query)
{
    copse_status status = copse_query_new(&call->env, options, ret_query, &call->err);
    return status == COPSE_OK || argument_report(call, status, "the query",
                                                 "`copse find --help` lists what can be asked");
}
