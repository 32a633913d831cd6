/* Pipelines as JSON: a map does not keep the order of its keys, and sort orders are maps. So the
 * text is rewritten before it is read: {"a": 1, "b": -1} becomes [["a", 1], ["b", -1]].
 *
 *   N1  A sort order is the object under "$sort", and that under "sortBy" in an operator that has
 *       one. Neither can be a field or a value there.
 *   N2  Only brackets, colons and commas change, so that what is wrong with the text is still wrong
 *       with it: who reads it says what.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "base/alloc.h"
#include "base/err.h"
#include "value/json_token.h"

#include <copse/ext_json.h>
#include <copse/pipeline.h>

/* An object or array that is open. */
typedef struct pipeline_json_frame {
    copse_bytes owner; /* the key that the object stands under; len 0: none */
    bool is_object;
    bool is_sort;
    bool expects_key;
} pipeline_json_frame;

typedef struct pipeline_json_rewriter {
    const copse_env *env;
    pipeline_json_frame *frames;
    size_t depth;
    size_t capacity;
    copse_bytes key; /* the last key, if its value is next */
    copse_buf *buf;
} pipeline_json_rewriter;

static bool pipeline_json_is(copse_bytes key, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (copse_bytes_equal(key, copse_bytes_of_text(*names))) {
            return true;
        }
    }
    return false;
}

/* Whether the object under the last key is a sort order (N1). */
static bool pipeline_json_is_sort(const pipeline_json_rewriter *self)
{
    static const char *const sorts[] = {"$sort", NULL};
    static const char *const sort_bys[] = {"sortBy", NULL};
    static const char *const owners[] = {
        "$top", "$topN", "$bottom", "$bottomN", "$sortArray", "$setWindowFields", NULL};
    return pipeline_json_is(self->key, sorts) ||
           (pipeline_json_is(self->key, sort_bys) && self->depth > 0 &&
            pipeline_json_is(self->frames[self->depth - 1].owner, owners));
}

static copse_status pipeline_json_put(pipeline_json_rewriter *self, const char *text)
{
    return copse_buf_append(self->buf, copse_bytes_of_text(text));
}

static copse_status pipeline_json_open(pipeline_json_rewriter *self, bool is_object, bool is_empty)
{
    void *frames = self->frames;
    bool is_sort = is_object && pipeline_json_is_sort(self);
    if (!copse_array_grow(self->env, &frames, &self->capacity, self->depth + 1,
                          sizeof *self->frames)) {
        return COPSE_NOMEM;
    }
    self->frames = frames;
    self->frames[self->depth++] = (pipeline_json_frame){
        .owner = self->key, .is_object = is_object, .is_sort = is_sort, .expects_key = is_object};
    self->key = (copse_bytes){NULL, 0};
    return pipeline_json_put(self, !is_object ? "[" : !is_sort ? "{" : is_empty ? "[" : "[[");
}

static copse_status pipeline_json_close(pipeline_json_rewriter *self, const char *bracket,
                                        bool is_empty)
{
    bool is_sort = self->depth > 0 && self->frames[self->depth - 1].is_sort && bracket[0] == '}';
    self->depth -= self->depth > 0;
    return pipeline_json_put(self, !is_sort ? bracket : is_empty ? "]" : "]]");
}

/* A comma or colon. */
static copse_status pipeline_json_mark(pipeline_json_rewriter *self, char mark)
{
    pipeline_json_frame *frame = self->depth > 0 ? &self->frames[self->depth - 1] : NULL;
    bool is_sort = frame != NULL && frame->is_sort;
    if (frame != NULL && frame->is_object) {
        frame->expects_key = mark == ',';
    }
    return pipeline_json_put(self, mark == ':' ? (is_sort ? "," : ":") : (is_sort ? "],[" : ","));
}

/* A string with its quotes; returns behind it. */
static const uint8_t *pipeline_json_string(pipeline_json_rewriter *self, const uint8_t *at,
                                           const uint8_t *end)
{
    copse_json_string string;
    const uint8_t *close = copse_json_string_scan(at + 1, end, &string);
    bool is_key = self->depth > 0 && self->frames[self->depth - 1].expects_key;
    self->key = is_key ? string.raw : (copse_bytes){NULL, 0};
    return close < end ? close + 1 : end;
}

/* The byte behind `at` and white space; 0: none. */
static uint8_t pipeline_json_peek(const uint8_t *at, const uint8_t *end)
{
    at = copse_json_skip_space(at, end);
    return at < end ? *at : 0;
}

static copse_status pipeline_json_rewrite(pipeline_json_rewriter *self, copse_bytes text)
{
    const uint8_t *at = text.ptr;
    const uint8_t *end = text.ptr + text.len;
    uint8_t before = 0; /* the last byte that is no white space */
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && at < end) {
        const uint8_t *next = at + 1;
        switch (*at) {
        case '"':
            next = pipeline_json_string(self, at, end);
            status = copse_buf_append(self->buf, (copse_bytes){at, (size_t)(next - at)});
            break;
        case '{':
        case '[':
            status = pipeline_json_open(self, *at == '{', pipeline_json_peek(next, end) == '}');
            break;
        case '}':
        case ']':
            status = pipeline_json_close(self, *at == '}' ? "}" : "]", before == '{');
            break;
        case ':':
        case ',':
            status = pipeline_json_mark(self, (char)*at);
            break;
        default:
            status = copse_buf_append_byte(self->buf, *at);
        }
        before = copse_json_is_space(*at) ? before : *at;
        at = next;
    }
    return status;
}

copse_status copse_pipeline_read_json(const copse_env *env, copse_bytes text, copse_buf *buf,
                                      copse_err *err)
{
    copse_buf rewritten;
    copse_buf_init(&rewritten, env, SIZE_MAX);
    pipeline_json_rewriter self = {.env = env, .buf = &rewritten};
    copse_status status = pipeline_json_rewrite(&self, text);
    copse_free_array(env, self.frames, self.capacity, sizeof *self.frames);
    status = status == COPSE_OK ? copse_ext_json_to_cbor(env, copse_buf_view(&rewritten),
                                                         COPSE_EXT_JSON_QUERY, buf, err)
                                : COPSE_ERR_NOMEM(err);
    copse_buf_release(&rewritten);
    return status;
}
