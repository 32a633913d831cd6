/* The parts of DAG-CBOR that hot loops inline: heads, the commonest items, the order of keys.
 *
 * Also used by the node parser of the tree, which walks lists of byte strings itself.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_DAG_CBOR_INLINE_H
#define COPSE_VALUE_DAG_CBOR_INLINE_H

#include <copse/bytes.h>
#include <copse/status.h>

#include "base/compiler.h"
#include "base/loadstore.h"
#include "value/utf8.h"

#include <string.h>

/* Major types: the upper three bits of a head. */
enum {
    COPSE_CBOR_MAJOR_UINT = 0,
    COPSE_CBOR_MAJOR_NEGATIVE = 1,
    COPSE_CBOR_MAJOR_BYTES = 2,
    COPSE_CBOR_MAJOR_TEXT = 3,
    COPSE_CBOR_MAJOR_ARRAY = 4,
    COPSE_CBOR_MAJOR_MAP = 5,
    COPSE_CBOR_MAJOR_TAG = 6,
    COPSE_CBOR_MAJOR_SIMPLE = 7
};

/* First bytes of major type 7. */
enum {
    COPSE_CBOR_FALSE = 0xf4,
    COPSE_CBOR_TRUE = 0xf5,
    COPSE_CBOR_NIL = 0xf6,
    COPSE_CBOR_UNDEFINED = 0xf7,
    COPSE_CBOR_SIMPLE_ONE_BYTE = 0xf8,
    COPSE_CBOR_F16 = 0xf9,
    COPSE_CBOR_F32 = 0xfa,
    COPSE_CBOR_F64 = 0xfb
};

#define COPSE_CBOR_HEAD_SIZE_BYTES_MAX 9
/** A link to a CIDv1 with a one-byte codec and sha2-256. */
#define COPSE_CBOR_LINK_SIZE_BYTES 41
#define COPSE_CBOR_TAG_LINK 42

/** The head of an item. Of a float, `arg` is its bits. */
typedef struct copse_cbor_head {
    uint64_t arg;
    uint8_t major;
    uint8_t size; /**< Bytes of the head itself. */
} copse_cbor_head;

/** As copse_cbor_head_read for heads of two bytes and more, near the end of the input. */
bool copse_cbor_head_read_careful(const uint8_t *at, const uint8_t *end, copse_cbor_head *ret_head);

/** Writes the head of major type 0 to 6 and returns its size. */
size_t copse_cbor_head_store(uint8_t ret_head[COPSE_CBOR_HEAD_SIZE_BYTES_MAX], uint8_t major,
                             uint64_t arg);

/** The least argument that needs 1, 2, 4 and 8 bytes. */
extern const uint64_t copse_cbor_arg_min[4];

/** Reads the head at `at`. False: `end` comes first, the argument is not in the shortest form, or
 * it is a reserved or indefinite one. */
COPSE_INLINE bool copse_cbor_head_read(const uint8_t *at, const uint8_t *end,
                                       copse_cbor_head *ret_head)
{
    if (COPSE_UNLIKELY(at >= end)) {
        return false;
    }
    uint8_t major = *at >> 5;
    unsigned info = *at & 0x1f;
    if (COPSE_LIKELY(info < 24)) {
        *ret_head = (copse_cbor_head){.arg = info, .major = major, .size = 1};
        return true;
    }
    unsigned width = info - 24; /* 0 to 3: 1, 2, 4 or 8 bytes, without a branch on which */
    if (COPSE_LIKELY(width < 4 && end - at >= COPSE_CBOR_HEAD_SIZE_BYTES_MAX)) {
        uint64_t arg = copse_load_u64be(at + 1) >> (64 - (8u << width));
        *ret_head = (copse_cbor_head){arg, major, (uint8_t)(1 + (1u << width))};
        return arg >= copse_cbor_arg_min[width] || *at > COPSE_CBOR_SIMPLE_ONE_BYTE;
    }
    return copse_cbor_head_read_careful(at, end, ret_head);
}

/** Whether the 41 bytes of the commonest link stand at `at`: d8 2a 58 25 00 01 codec 12 20 and the
 * digest. Any codec of one byte. */
COPSE_INLINE bool copse_cbor_is_plain_link(const uint8_t *at, const uint8_t *end)
{
    return end - at >= COPSE_CBOR_LINK_SIZE_BYTES &&
           (copse_load_u64be(at) & 0xffffffffffff80ffu) == 0xd82a582500010012u && at[8] == 0x20;
}

/** The end of the item at `at` if it is one of the commonest kinds and valid in strict mode:
 * integer, null, bool, byte string, text, plain link. NULL: not decided here. */
COPSE_INLINE const uint8_t *copse_cbor_item_end_fast(const uint8_t *at, const uint8_t *end)
{
    if (COPSE_UNLIKELY(at >= end)) {
        return NULL;
    }
    uint8_t first = *at;
    if ((first & 0xdf) < 0x18) {
        return at + 1; /* 0 to 23 and -24 to -1: tested by a branch, so that a run of them is not a
                        * chain of loads */
    }
    copse_cbor_head head;
    if (COPSE_UNLIKELY(!copse_cbor_head_read(at, end, &head))) {
        return NULL;
    }
    const uint8_t *content = at + head.size;
    switch (head.major) {
    case COPSE_CBOR_MAJOR_UINT:
    case COPSE_CBOR_MAJOR_NEGATIVE:
        return content;
    case COPSE_CBOR_MAJOR_BYTES:
        return head.arg <= (size_t)(end - content) ? content + head.arg : NULL;
    case COPSE_CBOR_MAJOR_TEXT:
        return head.arg <= (size_t)(end - content) &&
                       copse_utf8_valid_within(content, (size_t)head.arg, end)
                   ? content + head.arg
                   : NULL;
    case COPSE_CBOR_MAJOR_TAG:
        return copse_cbor_is_plain_link(at, end) ? at + COPSE_CBOR_LINK_SIZE_BYTES : NULL;
    case COPSE_CBOR_MAJOR_SIMPLE:
        return first >= COPSE_CBOR_FALSE && first <= COPSE_CBOR_NIL ? content : NULL;
    default:
        return NULL;
    }
}

/** The order of two keys of a map, as texts: shorter before longer, then bytewise. */
COPSE_INLINE int copse_cbor_key_order(copse_bytes a, copse_bytes b)
{
    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }
    return a.len == 0 ? 0 : memcmp(a.ptr, b.ptr, a.len);
}

/** The order of two encoded keys, heads included: shorter before longer, then bytewise. `a` stands
 * before `b` in memory, and bytes up to `end` may be read. */
COPSE_INLINE int copse_cbor_key_compare(const uint8_t *a, size_t a_size, const uint8_t *b,
                                        size_t b_size, const uint8_t *end)
{
    size_t size = a_size < b_size ? a_size : b_size;
    size_t same = 0;
    if (COPSE_LIKELY(end - b >= 8)) {
        /* Heads are of the shortest form, so keys of different sizes differ in their heads. */
        unsigned drop = size < 8 ? (unsigned)(64 - 8 * size) : 0;
        uint64_t a_bits = copse_load_u64be(a) >> drop;
        uint64_t b_bits = copse_load_u64be(b) >> drop;
        if (a_bits != b_bits) {
            return a_bits < b_bits ? -1 : 1;
        }
        same = size < 8 ? size : 8;
    }
    return size == same ? 0 : memcmp(a + same, b + same, size - same);
}

/** The end of the item at `at` with all that is in it; NULL if it passes `end`, a head is bad, or
 * `at` is NULL (so that calls nest). Checks nothing else. Needs no stack. */
const uint8_t *copse_cbor_item_skip(const uint8_t *at, const uint8_t *end);

/** Sorts the encoded keys at base + offsets[i], all before `end`, whose heads were checked. Never
 * takes memory or more than O(n log n) comparisons. */
void copse_cbor_sort_keys(const uint8_t *base, const uint8_t *end, uint32_t *offsets, size_t count);

/** Whether two neighbours of the sorted keys are the same; *ret_at is then the offset of one. */
bool copse_cbor_find_equal_keys(const uint8_t *base, const uint8_t *end, const uint32_t *offsets,
                                size_t count, size_t *ret_at);

#endif
