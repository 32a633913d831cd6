/* Projections applied: a walk over the document and the tree of keys side by side, both in the
 * order of keys.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/projection.h>

#include "base/alloc.h"
#include "base/err.h"
#include "expr/path.h"
#include "expr/projection_node.h"
#include "expr/projection_private.h"
#include "value/dag_cbor_inline.h"

#include <string.h>

/* ---- One of them ------------------------------------------------------------------------------
 */

static copse_status projection_compile(copse_projection *projection, copse_bytes encoded,
                                       copse_err *err)
{
    static const uint8_t empty_map[] = {0xa0};
    if (encoded.len == 0) {
        encoded = (copse_bytes){empty_map, sizeof empty_map};
    }
    copse_status status =
        copse_dag_cbor_check(encoded, &projection->env->limits, COPSE_CBOR_STRICT, err);
    if (status != COPSE_OK) {
        return status;
    }
    projection->encoded = copse_arena_dup(&projection->arena, encoded);
    if (projection->encoded.ptr == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    return copse_projection_parse(projection, err);
}

copse_status copse_projection_new(const copse_env *env, copse_bytes encoded,
                                  copse_projection **ret_projection, copse_err *err)
{
    copse_projection *projection = copse_alloc_zeroed(env, sizeof *projection);
    if (projection == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    projection->env = env;
    copse_arena_init(&projection->arena, env);
    copse_status status = projection_compile(projection, encoded, err);
    if (status != COPSE_OK) {
        (void)copse_projection_free(projection);
        return status;
    }
    *ret_projection = projection;
    return COPSE_OK;
}

copse_projection *copse_projection_free(copse_projection *projection)
{
    if (projection != NULL) {
        const copse_projection_node *node = projection->filters;
        for (; node != NULL; node = node->next_filter) {
            (void)copse_filter_free(node->filter);
        }
        copse_arena_release(&projection->arena);
        copse_free(projection->env, projection, sizeof *projection);
    }
    return NULL;
}

copse_bytes copse_projection_encoded(const copse_projection *projection)
{
    return projection->encoded;
}

bool copse_projection_paths(const copse_projection *projection, const copse_bytes **ret_paths,
                            size_t *ret_count)
{
    if (!projection->plain) {
        return false;
    }
    *ret_paths = projection->paths;
    *ret_count = projection->paths_count;
    return true;
}

/* ---- Applied ----------------------------------------------------------------------------------
 */

typedef struct projection_run {
    copse_projection *projection;
    copse_bytes document;
    const copse_filter *filter;
    copse_buf *buf;
    copse_err *err;
} projection_run;

static copse_status projection_value(const projection_run *run, const copse_projection_node *node,
                                     copse_bytes value, bool *ret_kept);

/* Reads the head of a container; the reader stands behind it. */
static copse_status projection_open(copse_bytes container, copse_cbor_reader *ret_reader,
                                    uint64_t *ret_count, copse_err *err)
{
    copse_cbor_item head;
    copse_cbor_reader_init(ret_reader, container);
    copse_status status = copse_cbor_next(ret_reader, &head, err);
    if (status == COPSE_OK) {
        *ret_count = head.arg;
    }
    return status;
}

/* The child for `key`, at or behind *at; moves *at there. */
static const copse_projection_node *projection_child(const copse_projection_node *node,
                                                     copse_bytes key, size_t *at)
{
    while (*at < node->count) {
        int order = copse_cbor_key_order(node->children[*at]->key, key);
        if (order >= 0) {
            return order == 0 ? node->children[*at] : NULL;
        }
        ++*at;
    }
    return NULL;
}

/* One pair of an object: appends it, or what is left of it, or nothing. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status projection_pair(const projection_run *run, const copse_projection_node *child,
                                    copse_bytes key, copse_bytes value, uint64_t *count)
{
    size_t offset = run->buf->len;
    bool kept = !run->projection->inclusion;
    if (child == NULL && !kept) {
        return COPSE_OK;
    }
    copse_status status = copse_cbor_write_text(run->buf, key);
    if (status == COPSE_OK) {
        status = child != NULL ? projection_value(run, child, value, &kept)
                               : copse_buf_append(run->buf, value);
    }
    if (!kept) {
        copse_buf_truncate(run->buf, offset);
    }
    *count += kept;
    return status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status projection_object(const projection_run *run, const copse_projection_node *node,
                                      copse_bytes object)
{
    copse_cbor_reader reader;
    uint64_t pairs = 0;
    uint64_t kept = 0;
    size_t at = 0;
    size_t offset = run->buf->len;
    copse_status status = projection_open(object, &reader, &pairs, run->err);
    for (uint64_t i = 0; status == COPSE_OK && i < pairs; i++) {
        copse_cbor_item key;
        copse_bytes value;
        status = copse_cbor_next(&reader, &key, run->err);
        if (status == COPSE_OK) {
            status = copse_cbor_take(&reader, &value, run->err);
        }
        if (status == COPSE_OK) {
            const copse_projection_node *child = projection_child(node, key.bytes, &at);
            status = projection_pair(run, child, key.bytes, value, &kept);
        }
    }
    if (status == COPSE_OK) {
        status = copse_cbor_finish_map(run->buf, offset, kept);
    }
    copse_bytes left = {run->buf->ptr + offset, run->buf->len - offset};
    if (status == COPSE_OK && !copse_path_is_object(left)) {
        return COPSE_ERR(run->err, COPSE_MISUSE,
                         "the projection leaves an object whose first key begins with $");
    }
    return status;
}

/* What a path that goes on leaves of a value: of what is no object or array, all or nothing. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status projection_below(const projection_run *run, const copse_projection_node *node,
                                     copse_bytes value, bool *ret_kept)
{
    *ret_kept = true;
    if (copse_path_is_object(value)) {
        return projection_object(run, node, value);
    }
    if (!copse_path_is_array(value)) {
        *ret_kept = !run->projection->inclusion;
        return *ret_kept ? copse_buf_append(run->buf, value) : COPSE_OK;
    }
    copse_cbor_reader reader;
    uint64_t elements = 0;
    uint64_t count = 0;
    size_t offset = run->buf->len;
    copse_status status = projection_open(value, &reader, &elements, run->err);
    for (uint64_t i = 0; status == COPSE_OK && i < elements; i++) {
        copse_bytes element;
        bool kept = false;
        status = copse_cbor_take(&reader, &element, run->err);
        if (status == COPSE_OK) {
            status = projection_below(run, node, element, &kept);
        }
        count += kept;
    }
    return status == COPSE_OK ? copse_cbor_finish_array(run->buf, offset, count) : status;
}

/* Appends the array of the `count` elements from `first` on, all of which are there. */
static copse_status projection_elements(const projection_run *run, copse_bytes array,
                                        uint64_t first, uint64_t count)
{
    copse_cbor_reader reader;
    uint64_t elements = 0;
    copse_status status = projection_open(array, &reader, &elements, run->err);
    for (uint64_t i = 0; status == COPSE_OK && i < first; i++) {
        status = copse_cbor_skip(&reader, run->err);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(run->buf, count);
    }
    for (uint64_t i = 0; status == COPSE_OK && i < count; i++) {
        copse_bytes element;
        status = copse_cbor_take(&reader, &element, run->err);
        if (status == COPSE_OK) {
            status = copse_buf_append(run->buf, element);
        }
    }
    return status;
}

static copse_status projection_slice(const projection_run *run, const copse_projection_node *node,
                                     copse_bytes array)
{
    copse_cbor_reader reader;
    uint64_t elements = 0;
    copse_status status = projection_open(array, &reader, &elements, run->err);
    if (status != COPSE_OK) {
        return status;
    }
    int64_t skip = node->skips ? node->skip : node->limit < 0 ? node->limit : 0;
    uint64_t first = (uint64_t)skip;
    if (skip < 0) {
        uint64_t back = 0 - (uint64_t)skip;
        first = back < elements ? elements - back : 0;
    }
    first = first < elements ? first : elements;
    uint64_t count = elements - first;
    if (node->limit >= 0 && (uint64_t)node->limit < count) {
        count = (uint64_t)node->limit;
    }
    return projection_elements(run, array, first, count);
}

/* The first element that matches, as an array of one. */
static copse_status projection_elem_match(const projection_run *run,
                                          const copse_projection_node *node, copse_bytes array,
                                          bool *ret_kept)
{
    bool match = false;
    uint64_t index = 0;
    copse_status status = copse_filter_match(node->filter, run->document, &match, run->err);
    *ret_kept =
        status == COPSE_OK && match && copse_filter_position(node->filter, &index) == COPSE_OK;
    return *ret_kept ? projection_elements(run, array, index, 1) : status;
}

/* The element that made the filter match, as an array of one. */
static copse_status projection_position(const projection_run *run, copse_bytes array)
{
    copse_cbor_reader reader;
    uint64_t elements = 0;
    uint64_t index = 0;
    copse_status status = projection_open(array, &reader, &elements, run->err);
    if (status == COPSE_OK &&
        (copse_filter_position(run->filter, &index) != COPSE_OK || index >= elements)) {
        status = COPSE_ERR(run->err, COPSE_MISUSE,
                           "a positional projection, and the filter matched by another array");
    }
    return status == COPSE_OK ? projection_elements(run, array, index, 1) : status;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status projection_value(const projection_run *run, const copse_projection_node *node,
                                     copse_bytes value, bool *ret_kept)
{
    bool array = copse_path_is_array(value);
    *ret_kept = true;
    switch (node->kind) {
    case COPSE_PROJECTION_KEYS:
        return projection_below(run, node, value, ret_kept);
    case COPSE_PROJECTION_EXCLUDE:
        *ret_kept = false;
        return COPSE_OK;
    case COPSE_PROJECTION_SLICE:
        return array ? projection_slice(run, node, value) : copse_buf_append(run->buf, value);
    case COPSE_PROJECTION_ELEM_MATCH:
        return projection_elem_match(run, node, value, ret_kept);
    case COPSE_PROJECTION_POSITION:
        return array ? projection_position(run, value) : copse_buf_append(run->buf, value);
    default:
        return copse_buf_append(run->buf, value);
    }
}

copse_status copse_projection_apply(copse_projection *projection, copse_bytes document,
                                    const copse_filter *filter, copse_buf *buf, copse_err *err)
{
    projection_run run = {projection, document, filter, buf, err};
    size_t offset = buf->len;
    uint64_t index = 0;
    if (projection->position &&
        (filter == NULL || copse_filter_position(filter, &index) != COPSE_OK)) {
        return COPSE_ERR(err, COPSE_MISUSE,
                         "a positional projection, and no array made the filter match");
    }
    if (!copse_path_is_object(document)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "a document is an object");
    }
    copse_status status = projection_object(&run, &projection->root, document);
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status == COPSE_END ? COPSE_ERR(err, COPSE_CORRUPT, "a document breaks DAG-CBOR")
                               : status;
}
