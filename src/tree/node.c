/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/node.h"

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/err.h"
#include "value/dag_cbor_inline.h"

#include <copse/dag_cbor.h>

#include <stdio.h>
#include <string.h>

/* Where the parser stands. */
typedef struct node_parser {
    const copse_env *env;
    const uint8_t *data;
    size_t size;
    size_t at;
    copse_tree_kind kind;
    copse_err *err;
} node_parser;

static copse_status node_corrupt(const node_parser *parser, const char *what)
{
    return COPSE_ERR(parser->err, COPSE_CORRUPT, "%s at byte %zu", what, parser->at);
}

/* Reads a head of major type `major`; its argument is returned. */
static copse_status node_head(node_parser *parser, uint8_t major, uint64_t *ret_arg,
                              const char *what)
{
    copse_cbor_head head;
    if (!copse_cbor_head_read(parser->data + parser->at, parser->data + parser->size, &head) ||
        head.major != major) {
        return node_corrupt(parser, what);
    }
    parser->at += head.size;
    *ret_arg = head.arg;
    return COPSE_OK;
}

/* The head of a list whose every element takes at least `element` bytes. */
static copse_status node_list(node_parser *parser, size_t element, uint32_t *ret_count,
                              const char *what)
{
    uint64_t count = 0;
    copse_status status = node_head(parser, 4, &count, what);
    if (status != COPSE_OK) {
        return status;
    }
    if (count > (parser->size - parser->at) / element) {
        return node_corrupt(parser, "a list is longer than the block");
    }
    *ret_count = (uint32_t)count;
    return COPSE_OK;
}

static copse_status node_same_count(node_parser *parser, const copse_node *node, size_t element,
                                    const char *what)
{
    uint32_t count = 0;
    copse_status status = node_list(parser, element, &count, what);
    if (status == COPSE_OK && count != node->count) {
        return node_corrupt(parser, "the lists differ in length");
    }
    return status;
}

static copse_status node_parse_keys(node_parser *parser, copse_node *node)
{
    const uint8_t *data = parser->data;
    const uint8_t *last = NULL;
    size_t last_len = 0;
    size_t at = parser->at;
    for (uint32_t i = 0; i < node->count; i++) {
        copse_cbor_head head;
        parser->at = at;
        if (!copse_cbor_head_read(data + at, data + parser->size, &head) || head.major != 2 ||
            head.arg > parser->size - at - head.size) {
            return node_corrupt(parser, "a key is not a byte string");
        }
        if (head.arg > COPSE_KEY_SIZE_BYTES_MAX &&
            (parser->kind == COPSE_TREE_OURS || head.arg > UINT16_MAX)) {
            return COPSE_ERR(parser->err, COPSE_LIMIT, "a key of %llu bytes at byte %zu",
                             (unsigned long long)head.arg, at);
        }
        const uint8_t *key = data + at + head.size;
        size_t key_len = (size_t)head.arg;
        if (key_len > node->key_size_max) {
            node->key_size_max = (uint32_t)key_len;
        }
        if (last != NULL && !copse_key_below(last, last_len, key, key_len)) {
            return node_corrupt(parser, "keys are not in ascending order");
        }
        node->keys[i] = (uint32_t)at;
        last = key;
        last_len = key_len;
        at += head.size + key_len;
    }
    node->keys[node->count] = (uint32_t)at;
    parser->at = at;
    return COPSE_OK;
}

/* The first 8 bytes, big-endian, padded with 0. */
COPSE_INLINE uint64_t node_prefix(const uint8_t *key, size_t len)
{
    if (COPSE_LIKELY(len >= 8)) {
        return copse_load_u64be(key);
    }
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++) {
        prefix = prefix << 8 | (i < len ? key[i] : 0);
    }
    return prefix;
}

/* Keys are sorted, so what the first and the last share, all share. */
static void node_index_keys(copse_node *node)
{
    if (node->count == 0) {
        return;
    }
    copse_bytes first = copse_node_key(node, 0);
    copse_bytes last = copse_node_key(node, node->count - 1);
    uint32_t shared = 0;
    while (shared < first.len && shared < last.len && first.ptr[shared] == last.ptr[shared]) {
        shared++;
    }
    node->shared = shared;
    for (uint32_t i = 0; i < node->count; i++) {
        copse_bytes key = copse_node_key(node, i);
        node->prefixes[i] = node_prefix(key.ptr + shared, key.len - shared);
    }
}

static copse_status node_parse_values(node_parser *parser, copse_node *node)
{
    copse_status status = node_same_count(parser, node, 1, "values are not a list");
    if (status != COPSE_OK) {
        return status;
    }
    const uint8_t *data = parser->data;
    size_t at = parser->at;
    for (uint32_t i = 0; i < node->count; i++) {
        copse_cbor_head head;
        size_t size;
        node->values[i] = (uint32_t)at;
        if (COPSE_LIKELY(copse_cbor_head_read(data + at, data + parser->size, &head) &&
                         head.major == 2 && head.arg <= parser->size - at - head.size)) {
            at += head.size + (size_t)head.arg;
            continue;
        }
        status =
            copse_dag_cbor_item_size((copse_bytes){data + at, parser->size - at},
                                     &parser->env->limits, COPSE_CBOR_STRICT, &size, parser->err);
        if (status != COPSE_OK) {
            return status;
        }
        at += size;
    }
    node->values[node->count] = (uint32_t)at;
    parser->at = at;
    return COPSE_OK;
}

/* The links of a branch of ours: all of one size and prefix. */
static copse_status node_parse_links(node_parser *parser, copse_node *node)
{
    static const uint8_t prefix[] = {0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01, 0x71, 0x12, 0x20};
    copse_status status =
        node_same_count(parser, node, COPSE_LINK_SIZE_BYTES, "links are not a list");
    if (status != COPSE_OK) {
        return status;
    }
    node->links = (uint32_t)parser->at;
    for (uint32_t i = 0; i < node->count; i++) {
        if (memcmp(parser->data + parser->at, prefix, sizeof prefix) != 0) {
            return node_corrupt(parser, "a child is not a dag-cbor sha2-256 link");
        }
        parser->at += COPSE_LINK_SIZE_BYTES;
    }
    return COPSE_OK;
}

/* The links of a foreign branch. */
static copse_status node_parse_foreign_links(node_parser *parser, copse_node *node)
{
    copse_status status = node_same_count(parser, node, 5, "links are not a list");
    for (uint32_t i = 0; status == COPSE_OK && i < node->count; i++) {
        size_t size;
        copse_bytes rest = {parser->data + parser->at, parser->size - parser->at};
        node->values[i] = (uint32_t)parser->at;
        status = copse_dag_cbor_item_size(rest, &parser->env->limits, COPSE_CBOR_STRICT, &size,
                                          parser->err);
        if (status == COPSE_OK && rest.ptr[0] != 0xd8) {
            status = node_corrupt(parser, "a child is not a link");
        }
        if (status == COPSE_OK) {
            parser->at += size;
        }
    }
    if (status == COPSE_OK) {
        node->values[node->count] = (uint32_t)parser->at;
    }
    return status;
}

static copse_status node_parse_counts(node_parser *parser, copse_node *node)
{
    copse_status status = node_same_count(parser, node, 1, "counts are not a list");
    uint64_t sum = 0;
    for (uint32_t i = 0; status == COPSE_OK && i < node->count; i++) {
        uint64_t count = 0;
        status = node_head(parser, 0, &count, "a count is not an unsigned integer");
        if (status == COPSE_OK && (count == 0 || count > UINT64_MAX - sum)) {
            status = node_corrupt(parser, "a count is out of range");
        }
        node->sums[i] = sum;
        sum += count;
    }
    node->sums[node->count] = sum;
    return status;
}

/* The fourth list of the Go implementation's nodes (1 an entry in a leaf): checked for its form,
 * and not used. */
static copse_status node_skip_counts(node_parser *parser, const copse_node *node)
{
    copse_status status = node_same_count(parser, node, 1, "counts are not a list");
    for (uint32_t i = 0; status == COPSE_OK && i < node->count; i++) {
        uint64_t count = 0;
        status = node_head(parser, 0, &count, "a count is not an unsigned integer");
    }
    return status;
}

static copse_status node_parse_aheads(node_parser *parser, copse_node *node)
{
    copse_status status = node_same_count(parser, node, 1, "aheads are not a list");
    for (uint32_t i = 0; status == COPSE_OK && i < node->count; i++) {
        uint64_t ahead = 0;
        status = node_head(parser, 0, &ahead, "an ahead is not an unsigned integer");
        if (status == COPSE_OK && ahead > UINT32_MAX) {
            status = node_corrupt(parser, "an ahead is out of range");
        }
        node->aheads[i] = (uint32_t)ahead;
        if (node->aheads[i] > node->ahead_max) {
            node->ahead_max = node->aheads[i];
        }
    }
    if (status == COPSE_OK && node->ahead_max == 0) {
        status = node_corrupt(parser, "a list of aheads that are all 0");
    }
    return status;
}

/* What the first bytes say: which of the arrays the node needs. */
typedef struct node_shape {
    uint32_t count;
    bool leaf;
    bool values;
    bool sums;
    bool aheads;
} node_shape;

static copse_status node_parse_shape(node_parser *parser, node_shape *ret_shape)
{
    uint64_t arity = 0;
    copse_status status = node_head(parser, 4, &arity, "not a tuple");
    if (status != COPSE_OK) {
        return status;
    }
    if (parser->at == parser->size ||
        (parser->data[parser->at] != 0xf4 && parser->data[parser->at] != 0xf5)) {
        return node_corrupt(parser, "isLeaf is not a boolean");
    }
    node_shape shape = {.leaf = parser->data[parser->at++] == 0xf5};
    bool ours = parser->kind == COPSE_TREE_OURS;
    bool arity_fits = parser->kind == COPSE_TREE_GO      ? arity == 4
                      : parser->kind == COPSE_TREE_DRAFT ? arity == 3
                      : shape.leaf                       ? arity == 3
                                                         : arity == 4 || arity == 5;
    if (!arity_fits) {
        return node_corrupt(parser, "wrong number of elements in a node");
    }
    shape.values = shape.leaf || !ours;
    shape.sums = !shape.leaf && ours;
    shape.aheads = arity == 5;
    /* What an entry takes at least, so that no count makes the arrays large beside the block: a
     * key, and a value, or a link and a count. */
    size_t entry = shape.leaf ? 2 : ours ? 1 + COPSE_LINK_SIZE_BYTES + 1 : 6;
    status = node_list(parser, entry, &shape.count, "keys are not a list");
    if (status == COPSE_OK && !shape.leaf && shape.count == 0) {
        status = node_corrupt(parser, "a branch without children");
    }
    *ret_shape = shape;
    return status;
}

/* One allocation: the node, then its arrays, the widest first. */
static copse_node *node_alloc(const copse_env *env, const node_shape *shape)
{
    size_t slots = (size_t)shape->count + 1;
    size_t sums = shape->sums ? slots * sizeof(uint64_t) : 0;
    size_t offsets = slots * sizeof(uint32_t);
    size_t checked = shape->leaf ? 0 : (slots + 7) / 8;
    size_t children = shape->leaf ? 0 : shape->count * sizeof(copse_node *);
    size_t prefixes = shape->count * sizeof(uint64_t);
    size_t size = sizeof(copse_node) + prefixes + sums + offsets + (shape->values ? offsets : 0) +
                  (shape->aheads ? offsets : 0) + children + checked;
    uint8_t *memory = copse_alloc(env, size);
    if (memory == NULL) {
        return NULL;
    }
    copse_node *node = (copse_node *)(void *)memory;
    *node = (copse_node){.count = shape->count, .leaf = shape->leaf, .refs = 1};
    node->alloc_size = size;
    memory += sizeof(copse_node);
    node->prefixes = (uint64_t *)(void *)memory;
    memory += prefixes;
    if (children != 0) {
        node->children = (copse_node **)(void *)memory;
        memset(memory, 0, children);
        memory += children;
    }
    if (shape->sums) {
        node->sums = (uint64_t *)(void *)memory;
        memory += sums;
    }
    node->keys = (uint32_t *)(void *)memory;
    memory += offsets;
    if (shape->values) {
        node->values = (uint32_t *)(void *)memory;
        memory += offsets;
    }
    if (shape->aheads) {
        node->aheads = (uint32_t *)(void *)memory;
        memory += offsets;
    }
    if (checked != 0) {
        node->checked = memory;
        memset(memory, 0, checked);
    }
    return node;
}

static copse_status node_parse_lists(node_parser *parser, copse_node *node)
{
    copse_status status = node_parse_keys(parser, node);
    if (status != COPSE_OK) {
        return status;
    }
    if (node->leaf) {
        status = node_parse_values(parser, node);
    } else {
        status = parser->kind == COPSE_TREE_OURS ? node_parse_links(parser, node)
                                                 : node_parse_foreign_links(parser, node);
    }
    if (status == COPSE_OK && node->sums != NULL) {
        status = node_parse_counts(parser, node);
    }
    if (status == COPSE_OK && node->aheads != NULL) {
        status = node_parse_aheads(parser, node);
    }
    if (status == COPSE_OK && parser->kind == COPSE_TREE_GO) {
        status = node_skip_counts(parser, node);
    }
    if (status == COPSE_OK && parser->at != parser->size) {
        status = node_corrupt(parser, "bytes after the node");
    }
    return status;
}

/* Puts the node's CID in front of the message of a failure that its bytes are to blame for. */
static copse_status node_name_failure(const copse_block *block, copse_status status, copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    char message[sizeof err->message];
    if (err != NULL && (status == COPSE_CORRUPT || status == COPSE_LIMIT)) {
        memcpy(message, err->message, sizeof message);
        copse_cid_to_text(copse_block_cid(block), COPSE_BASE32, text);
        (void)snprintf(err->message, sizeof err->message, "node %.*s: %.*s",
                       (int)sizeof err->message / 2, text, (int)sizeof err->message / 3, message);
    }
    return status;
}

copse_status copse_node_parse(const copse_env *env, copse_block *block, copse_tree_kind kind,
                              copse_node **ret_node, copse_err *err)
{
    copse_bytes data = copse_block_data(block);
    node_parser parser = {.env = env, .data = data.ptr, .size = data.len, .kind = kind, .err = err};
    size_t size_max = kind == COPSE_TREE_OURS ? env->limits.block_size_bytes_max
                                              : env->limits.foreign_size_bytes_max;
    node_shape shape = {0};
    if (data.len > size_max) {
        COPSE_ERR(err, COPSE_LIMIT, "%zu bytes; the limit is %zu", data.len, size_max);
        return node_name_failure(block, COPSE_LIMIT, err);
    }
    copse_status status = node_parse_shape(&parser, &shape);
    if (status != COPSE_OK) {
        return node_name_failure(block, status, err);
    }
    copse_node *node = node_alloc(env, &shape);
    if (node == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    node->kind = kind;
    node->data = data.ptr;
    status = node_parse_lists(&parser, node);
    if (status != COPSE_OK) {
        copse_free(env, node, node->alloc_size);
        return node_name_failure(block, status, err);
    }
    node_index_keys(node);
    node->block = copse_block_ref(block);
    node->cid = *copse_block_cid(block);
    *ret_node = node;
    return COPSE_OK;
}

copse_node *copse_node_unref(const copse_env *env, copse_node *node)
{
    if (node == NULL || --node->refs > 0) {
        return NULL;
    }
    if (node->place != NULL) {
        *node->place = NULL;
    }
    for (uint32_t i = 0; !node->leaf && i < node->count; i++) {
        if (node->children[i] != NULL) {
            node->children[i]->place = NULL;
        }
    }
    copse_block_unref(node->block);
    copse_free(env, node, node->alloc_size);
    return NULL;
}

void copse_node_remember_child(copse_node *parent, uint32_t index, copse_node *child)
{
    if (child->place != NULL) {
        *child->place = NULL;
    }
    if (parent->children[index] != NULL) {
        parent->children[index]->place = NULL;
    }
    child->place = &parent->children[index];
    parent->children[index] = child;
}

/* The first of the sorted prefixes that is not below `prefix`; without a branch that can be
 * mispredicted. */
COPSE_INLINE uint32_t node_search_prefixes(const uint64_t *prefixes, uint32_t count,
                                           uint64_t prefix)
{
    const uint64_t *base = prefixes;
    while (count > 1) {
        uint32_t half = count / 2;
        base += base[half - 1] < prefix ? half : 0;
        count -= half;
    }
    return (uint32_t)(base - prefixes) + (count == 1 && *base < prefix);
}

/* The first index whose key is not below `key`, or with `above` is above it. */
COPSE_INLINE uint32_t node_search(const copse_node *node, copse_bytes key, bool above)
{
    uint32_t shared = node->shared;
    if (shared > 0) {
        copse_bytes first = copse_node_key(node, 0);
        size_t len = key.len < shared ? key.len : shared;
        int order = len > 0 ? memcmp(key.ptr, first.ptr, len) : 0;
        if (order != 0 || key.len < shared) {
            return order <= 0 ? 0 : node->count;
        }
    }
    /* an empty key may have no pointer, to which nothing may be added */
    const uint8_t *rest = key.len > shared ? key.ptr + shared : key.ptr;
    uint64_t prefix = node_prefix(rest, key.len - shared);
    uint32_t low = node_search_prefixes(node->prefixes, node->count, prefix);
    uint32_t high = low;
    while (high < node->count && node->prefixes[high] == prefix) {
        high++;
    }
    while (low < high) { /* by the rest of the key among those that share the prefix */
        uint32_t middle = low + (high - low) / 2;
        int order = copse_bytes_compare(copse_node_key(node, middle), key);
        if (above ? order <= 0 : order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t copse_node_lower(const copse_node *node, copse_bytes key)
{
    return node_search(node, key, false);
}

uint32_t copse_node_upper(const copse_node *node, copse_bytes key)
{
    return node_search(node, key, true);
}
