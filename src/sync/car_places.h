/* Places: where in a CAR the blocks stand that a block links to. A CAR that is laid out for reading
 * by ranges (car_layout.h) has, right behind each section whose block has links, a section with a
 * raw block of these bytes:
 *
 *     offset  size
 *     0       8     "places\0\1"
 *     8 + 8i        for link number i of the block before, in the order in which links stand in it:
 *             5     offset of that block's section from the start of the payload, little-endian;
 *                   0: it is not in the CAR
 *             3     bytes to read from there: that section, and its places behind it; 2^24 - 1: as
 *                   many or more
 *
 *   L1  Places are a claim that nobody has to believe: whoever reads at a place compares the CID
 *       and verifies the block, and looks into the index where it is another one.
 *
 * They spare a look into the index for each block: one round trip for each level of a tree, instead
 * of two or three. They cost 8 bytes for each link (a link takes 41), and some 50 for each block
 * with links.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_SYNC_CAR_PLACES_H
#define COPSE_SYNC_CAR_PLACES_H

#include <copse/buf.h>

#include "base/compiler.h"

#include <stdbool.h>

enum {
    COPSE_CAR_PLACES_HEAD_BYTES = 8,
    COPSE_CAR_PLACE_BYTES = 8,
    COPSE_CAR_PLACE_SPAN_MAX = (1 << 24) - 1
};

#define COPSE_CAR_PLACE_OFFSET_MAX ((UINT64_C(1) << 40) - 1)

typedef struct copse_car_place {
    uint64_t offset; /**< 0: none. */
    uint32_t span;
} copse_car_place;

/** Bytes of a block of places for so many links. */
COPSE_INLINE size_t copse_car_places_size(size_t links)
{
    return COPSE_CAR_PLACES_HEAD_BYTES + links * COPSE_CAR_PLACE_BYTES;
}

/** Appends what stands before the places. NOMEM, LIMIT: the buf's. */
COPSE_MUST_USE copse_status copse_car_places_begin(copse_buf *buf);

/** Appends a place; one that doesn't fit is written as none. NOMEM, LIMIT: the buf's. */
COPSE_MUST_USE copse_status copse_car_places_add(copse_buf *buf, copse_car_place place);

/** Whether `data` are places; *ret_count of them. */
bool copse_car_places_are(copse_bytes data, size_t *ret_count);

/** Place number `index` of those. */
copse_car_place copse_car_places_nth(copse_bytes data, size_t index);

#endif
