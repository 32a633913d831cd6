/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "query/project_tree.h"

#include "base/err.h"
#include "expr/path.h"
#include "value/dag_cbor_inline.h"

#include <string.h>

/* ---- Compiling ------------------------------------------------------------------------------- */

typedef struct project_parser {
    copse_stage_parser *stage;
    copse_project_tree *tree;
    copse_project_mode mode;
    bool keeps; /* a field but _id is kept or computed */
    bool drops; /* one is dropped */
    bool keeps_id;
} project_parser;

static copse_status project_collides(copse_stage_parser *parser, copse_bytes path)
{
    enum { SHOWN_MAX = 80 };
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "\"%.*s\" collides with another path",
                     path.len < SHOWN_MAX ? (int)path.len : SHOWN_MAX, (const char *)path.ptr);
}

/* Where `key` is among the children, or would be. */
static size_t project_lower(const copse_project_node *node, copse_bytes key)
{
    size_t at = node->count;
    while (at > 0 && copse_cbor_key_order(node->children[at - 1]->key, key) >= 0) {
        at--;
    }
    return at;
}

static copse_status project_insert(copse_stage_parser *parser, copse_project_node *node, size_t at,
                                   const copse_project_node *child)
{
    void *children = node->children;
    copse_project_node *kept = copse_stage_alloc(parser, sizeof *kept);
    copse_status status = kept != NULL ? COPSE_OK : COPSE_NOMEM;
    if (status == COPSE_OK) {
        status = copse_stage_grow(parser, &children, &node->capacity, node->count,
                                  sizeof *node->children);
    }
    if (status == COPSE_OK) {
        *kept = *child;
        node->children = children;
        memmove(node->children + at + 1, node->children + at,
                (node->count - at) * sizeof *node->children);
        node->children[at] = kept;
        node->count++;
    }
    return status;
}

/* Adds `leaf` at `path`. CORRUPT: it collides with another. */
static copse_status project_add(copse_stage_parser *parser, copse_project_tree *tree,
                                copse_bytes path, const copse_project_node *leaf)
{
    copse_project_node *node = &tree->root;
    copse_bytes rest = path;
    copse_status status = copse_path_check(path, parser->err);
    while (status == COPSE_OK && rest.len > 0) {
        copse_project_node child = {.kind = COPSE_PROJECT_KEYS};
        copse_bytes key = copse_path_first(rest, &rest);
        size_t at = project_lower(node, key);
        bool is_there = at < node->count && copse_bytes_equal(node->children[at]->key, key);
        node->computes |= leaf->computes;
        if (is_there && (rest.len == 0 || node->children[at]->kind != COPSE_PROJECT_KEYS)) {
            return project_collides(parser, path);
        }
        if (!is_there) {
            child = rest.len == 0 ? *leaf : child;
            child.key = key;
            status = project_insert(parser, node, at, &child);
        }
        node = status == COPSE_OK ? node->children[at] : node;
    }
    return status;
}

copse_status copse_project_tree_drop(copse_stage_parser *parser, copse_project_tree *tree,
                                     copse_bytes path)
{
    const copse_project_node leaf = {.kind = COPSE_PROJECT_DROP};
    return project_add(parser, tree, path, &leaf);
}

static copse_status project_add_switch(project_parser *parser, copse_bytes path, bool keep)
{
    const copse_project_node leaf = {.kind = keep ? COPSE_PROJECT_KEEP : COPSE_PROJECT_DROP};
    if (copse_bytes_equal(path, copse_bytes_of_text("_id"))) {
        parser->keeps_id |= keep;
    } else {
        parser->keeps |= keep;
        parser->drops |= !keep;
    }
    return project_add(parser->stage, parser->tree, path, &leaf);
}

static copse_status project_add_expression(project_parser *parser, copse_bytes path,
                                           copse_bytes encoded)
{
    copse_project_node leaf = {.kind = COPSE_PROJECT_COMPUTE, .computes = true};
    copse_status status = copse_stage_operand_parse(parser->stage, encoded, &leaf.operand);
    parser->keeps = true;
    return status == COPSE_OK ? project_add(parser->stage, parser->tree, path, &leaf) : status;
}

/* Whether the map is neither an expression nor a form of another type. */
static bool project_is_nested(copse_bytes encoded)
{
    copse_stage_items items;
    copse_stage_items_init(&items, encoded);
    return items.kind == COPSE_CBOR_MAP && copse_stage_items_next(&items) &&
           (items.key.len == 0 || items.key.ptr[0] != '$');
}

static copse_status project_parse_fields(project_parser *parser, copse_bytes prefix,
                                         copse_bytes fields);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the encoding */
static copse_status project_parse_field(project_parser *parser, copse_bytes path,
                                        copse_bytes encoded)
{
    copse_value value;
    if (project_is_nested(encoded)) {
        return project_parse_fields(parser, path, encoded);
    }
    if (parser->mode == COPSE_PROJECT_SWITCHES && encoded.len > 0 && encoded.ptr[0] != 0xa0 &&
        copse_value_read(encoded, &value, NULL) == COPSE_OK &&
        (value.type == COPSE_VALUE_BOOL || value.type == COPSE_VALUE_INT ||
         value.type == COPSE_VALUE_FLOAT || value.type == COPSE_VALUE_DECIMAL)) {
        return project_add_switch(parser, path, copse_expression_is_true(encoded, false));
    }
    if (encoded.len == 1 && encoded.ptr[0] == 0xa0 && parser->mode == COPSE_PROJECT_SWITCHES) {
        return COPSE_ERR(parser->stage->err, COPSE_CORRUPT, "an empty object says nothing");
    }
    return project_add_expression(parser, path, encoded);
}

/* Reads the fields of one object; `prefix` is the path to it. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the encoding */
static copse_status project_parse_fields(project_parser *parser, copse_bytes prefix,
                                         copse_bytes fields)
{
    copse_stage_items items;
    copse_status status = COPSE_OK;
    copse_stage_items_init(&items, fields);
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        copse_bytes path = items.key;
        if (prefix.len > 0) {
            size_t size = prefix.len + 1 + items.key.len;
            uint8_t *joined = copse_stage_alloc(parser->stage, size);
            if (joined == NULL) {
                return COPSE_NOMEM;
            }
            memcpy(joined, prefix.ptr, prefix.len);
            joined[prefix.len] = '.';
            memcpy(joined + prefix.len + 1, items.key.ptr, items.key.len);
            path = (copse_bytes){joined, size};
        }
        status = project_parse_field(parser, path, items.value);
    }
    return status;
}

/* What follows from all fields together. */
static copse_status project_settle(project_parser *parser)
{
    copse_project_node *root = &parser->tree->root;
    const copse_project_node leaf = {.kind = COPSE_PROJECT_KEEP};
    copse_bytes id = copse_bytes_of_text("_id");
    if (root->count == 0) {
        return COPSE_ERR(parser->stage->err, COPSE_CORRUPT, "there is no field");
    }
    if (parser->mode == COPSE_PROJECT_VALUES) {
        return COPSE_OK;
    }
    if (parser->keeps && parser->drops) {
        return COPSE_ERR(parser->stage->err, COPSE_CORRUPT,
                         "fields that are kept or computed and fields that are left out don't mix");
    }
    parser->tree->only_named = parser->keeps || (parser->keeps_id && !parser->drops);
    size_t at = project_lower(root, id);
    bool names_id = at < root->count && copse_bytes_equal(root->children[at]->key, id);
    return parser->tree->only_named && !names_id
               ? project_add(parser->stage, parser->tree, id, &leaf)
               : COPSE_OK;
}

copse_status copse_project_tree_parse(copse_stage_parser *parser, copse_bytes fields,
                                      copse_project_mode mode, copse_project_tree *ret_tree)
{
    copse_project_tree tree = {.only_named = false};
    project_parser project = {.stage = parser, .tree = &tree, .mode = mode};
    copse_status status = copse_stage_want_object(parser, fields);
    if (status == COPSE_OK) {
        status = project_parse_fields(&project, (copse_bytes){NULL, 0}, fields);
    }
    if (status == COPSE_OK) {
        status = project_settle(&project);
    }
    if (status == COPSE_OK) {
        *ret_tree = tree;
    }
    return status;
}

/* ---- Applied --------------------------------------------------------------------------------- */

typedef struct project_run {
    const copse_project_tree *tree;
    const copse_stage_chain *chain;
    copse_bytes document;
    copse_buf *scratch;
    copse_buf *buf;
    copse_err *err;
} project_run;

static copse_status project_object(const project_run *run, const copse_project_node *node,
                                   copse_bytes object);

/* Appends an expression's value; *ret_kept: it is not missing. */
static copse_status project_compute(const project_run *run, const copse_project_node *node,
                                    bool *ret_kept)
{
    copse_bytes value;
    copse_buf_truncate(run->scratch, 0);
    copse_status status = copse_stage_operand_value(run->chain, &node->operand, run->document,
                                                    run->scratch, &value, run->err);
    *ret_kept = value.len > 0;
    return status == COPSE_OK && *ret_kept ? copse_buf_append(run->buf, value) : status;
}

/* Appends what a path that goes on leaves of a value; len 0: there is none. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status project_below(const project_run *run, const copse_project_node *node,
                                  copse_bytes value, bool *ret_kept)
{
    copse_stage_items items;
    size_t offset = run->buf->len;
    uint64_t count = 0;
    copse_status status = COPSE_OK;
    *ret_kept = true;
    if (value.len > 0 && copse_path_is_object(value)) {
        return project_object(run, node, value);
    }
    if (value.len == 0 || !copse_path_is_array(value)) {
        if (node->computes) { /* J2 */
            return project_object(run, node, (copse_bytes){NULL, 0});
        }
        *ret_kept = value.len > 0 && !run->tree->only_named;
        return *ret_kept ? copse_buf_append(run->buf, value) : COPSE_OK;
    }
    copse_stage_items_init(&items, value);
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        bool kept = false;
        status = project_below(run, node, items.value, &kept);
        count += kept;
    }
    return status == COPSE_OK ? copse_cbor_finish_array(run->buf, offset, count) : status;
}

/* Appends the pair that `child` makes of a value; len 0: there is none. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status project_pair(const project_run *run, const copse_project_node *child,
                                 copse_bytes value, uint64_t *count)
{
    size_t offset = run->buf->len;
    bool kept = false;
    if (child->kind == COPSE_PROJECT_DROP || (value.len == 0 && !child->computes)) {
        return COPSE_OK;
    }
    copse_status status = copse_cbor_write_text(run->buf, child->key);
    if (status == COPSE_OK && child->kind == COPSE_PROJECT_COMPUTE) {
        status = project_compute(run, child, &kept);
    } else if (status == COPSE_OK && child->kind == COPSE_PROJECT_KEEP) {
        kept = true;
        status = copse_buf_append(run->buf, value);
    } else if (status == COPSE_OK) {
        status = project_below(run, child, value, &kept);
    }
    if (status == COPSE_OK && !kept) {
        copse_buf_truncate(run->buf, offset);
    }
    *count += kept;
    return status;
}

/* Appends the pairs of the children that stand before `key` (NULL: all that are left), for which
 * there is no value. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree */
static copse_status project_missing(const project_run *run, const copse_project_node *node,
                                    const copse_bytes *key, size_t *at, uint64_t *count)
{
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && *at < node->count &&
           (key == NULL || copse_cbor_key_order(node->children[*at]->key, *key) < 0)) {
        status = project_pair(run, node->children[*at], (copse_bytes){NULL, 0}, count);
        *at += 1;
    }
    return status;
}

/* Appends what is left of an object (len 0: an empty one). */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the document */
static copse_status project_object(const project_run *run, const copse_project_node *node,
                                   copse_bytes object)
{
    copse_stage_items items = {.left = 0};
    size_t offset = run->buf->len;
    uint64_t count = 0;
    size_t at = 0;
    copse_status status = COPSE_OK;
    if (object.len > 0) {
        copse_stage_items_init(&items, object);
    }
    while (status == COPSE_OK && copse_stage_items_next(&items)) {
        const copse_project_node *child = NULL;
        status = project_missing(run, node, &items.key, &at, &count);
        if (at < node->count && copse_bytes_equal(node->children[at]->key, items.key)) {
            child = node->children[at++];
        }
        if (status == COPSE_OK && child != NULL) {
            status = project_pair(run, child, items.value, &count);
        } else if (status == COPSE_OK && !run->tree->only_named) {
            status = copse_cbor_write_text(run->buf, items.key);
            if (status == COPSE_OK) {
                status = copse_buf_append(run->buf, items.value);
            }
            count++;
        }
    }
    if (status == COPSE_OK) {
        status = project_missing(run, node, NULL, &at, &count);
    }
    if (status == COPSE_OK) {
        status = copse_cbor_finish_map(run->buf, offset, count);
    }
    return status == COPSE_OK ? copse_path_check_made(
                                    (copse_bytes){run->buf->ptr + offset, run->buf->len - offset},
                                    "the stage", run->err)
                              : status;
}

copse_status copse_project_tree_apply(const copse_project_tree *tree,
                                      const copse_stage_chain *chain, copse_bytes document,
                                      copse_buf *scratch, copse_buf *buf, copse_err *err)
{
    const project_run run = {tree, chain, document, scratch, buf, err};
    size_t offset = buf->len;
    copse_status status = project_object(&run, &tree->root, document);
    if (status != COPSE_OK) {
        copse_buf_truncate(buf, offset);
    }
    return status;
}

/* ---- What it reads and leaves alone ---------------------------------------------------------- */

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tree */
static copse_status project_needs_node(const copse_project_node *node, copse_stage_needs *needs)
{
    copse_status status = COPSE_OK;
    if (node->kind == COPSE_PROJECT_COMPUTE) {
        status = copse_stage_needs_expression(needs, node->operand.encoded);
    }
    for (size_t i = 0; status == COPSE_OK && i < node->count; i++) {
        status = project_needs_node(node->children[i], needs);
    }
    return status;
}

copse_status copse_project_tree_needs(const copse_project_tree *tree, copse_stage_needs *needs,
                                      bool *ret_ends)
{
    copse_status status = project_needs_node(&tree->root, needs);
    for (size_t i = 0; status == COPSE_OK && tree->only_named && i < tree->root.count; i++) {
        const copse_project_node *child = tree->root.children[i];
        if (child->kind == COPSE_PROJECT_KEEP || child->kind == COPSE_PROJECT_KEYS) {
            status = copse_stage_needs_path(needs, child->key);
        }
    }
    *ret_ends = tree->only_named;
    return status;
}

bool copse_project_tree_passes(const copse_project_tree *tree, copse_bytes path)
{
    copse_bytes rest;
    copse_bytes key = copse_path_first(path, &rest);
    size_t at = project_lower(&tree->root, key);
    bool is_named = at < tree->root.count && copse_bytes_equal(tree->root.children[at]->key, key);
    return tree->only_named ? is_named && tree->root.children[at]->kind == COPSE_PROJECT_KEEP
                            : !is_named;
}
