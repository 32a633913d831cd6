/* DAG-CBOR, keys out of order: sorting them, for writing a map and for finding one that stands
 * twice. A heap sort: in place, the same cost on whatever a peer may send.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/dag_cbor_inline.h"

/* The keys that are sorted. */
typedef struct cbor_keys {
    const uint8_t *base;
    const uint8_t *end;
    uint32_t *offsets;
} cbor_keys;

static size_t cbor_key_size(const uint8_t *key, const uint8_t *end)
{
    copse_cbor_head head;
    return copse_cbor_head_read(key, end, &head) ? head.size + (size_t)head.arg : 0;
}

static int cbor_keys_compare(const uint8_t *base, const uint8_t *end, uint32_t a, uint32_t b)
{
    const uint8_t *first = base + (a < b ? a : b);
    const uint8_t *second = base + (a < b ? b : a);
    int order = copse_cbor_key_compare(first, cbor_key_size(first, end), second,
                                       cbor_key_size(second, end), end);
    return a < b ? order : -order;
}

/* Moves the element at `at` down until no child is greater. */
static void cbor_keys_sift(const cbor_keys *keys, size_t at, size_t count)
{
    uint32_t moved = keys->offsets[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && cbor_keys_compare(keys->base, keys->end, keys->offsets[child],
                                                   keys->offsets[child + 1]) < 0) {
            child++;
        }
        if (cbor_keys_compare(keys->base, keys->end, keys->offsets[child], moved) <= 0) {
            break;
        }
        keys->offsets[at] = keys->offsets[child];
        at = child;
    }
    keys->offsets[at] = moved;
}

void copse_cbor_sort_keys(const uint8_t *base, const uint8_t *end, uint32_t *offsets, size_t count)
{
    cbor_keys keys = {base, end, offsets};
    for (size_t i = count / 2; i > 0; i--) {
        cbor_keys_sift(&keys, i - 1, count);
    }
    for (size_t last = count; last > 1; last--) {
        uint32_t greatest = offsets[0];
        offsets[0] = offsets[last - 1];
        offsets[last - 1] = greatest;
        cbor_keys_sift(&keys, 0, last - 1);
    }
}

bool copse_cbor_find_equal_keys(const uint8_t *base, const uint8_t *end, const uint32_t *offsets,
                                size_t count, size_t *ret_at)
{
    for (size_t i = 1; i < count; i++) {
        if (cbor_keys_compare(base, end, offsets[i - 1], offsets[i]) == 0) {
            *ret_at = offsets[i] > offsets[i - 1] ? offsets[i] : offsets[i - 1];
            return true;
        }
    }
    return false;
}
