/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/car_places.h"

#include "base/loadstore.h"

#include <string.h>

static const uint8_t car_places_magic[COPSE_CAR_PLACES_HEAD_BYTES] = {'p', 'l', 'a', 'c',
                                                                      'e', 's', 0,   1};

copse_status copse_car_places_begin(copse_buf *buf)
{
    return copse_buf_append(buf, (copse_bytes){car_places_magic, sizeof car_places_magic});
}

copse_status copse_car_places_add(copse_buf *buf, copse_car_place place)
{
    uint8_t bytes[COPSE_CAR_PLACE_BYTES];
    uint64_t span = place.span < COPSE_CAR_PLACE_SPAN_MAX ? place.span : COPSE_CAR_PLACE_SPAN_MAX;
    uint64_t both = place.offset > COPSE_CAR_PLACE_OFFSET_MAX ? 0 : place.offset | span << 40;
    copse_store_u64le(bytes, both);
    return copse_buf_append(buf, (copse_bytes){bytes, sizeof bytes});
}

bool copse_car_places_are(copse_bytes data, size_t *ret_count)
{
    bool are = data.len >= sizeof car_places_magic &&
               memcmp(data.ptr, car_places_magic, sizeof car_places_magic) == 0 &&
               (data.len - sizeof car_places_magic) % COPSE_CAR_PLACE_BYTES == 0;
    if (are) {
        *ret_count = (data.len - sizeof car_places_magic) / COPSE_CAR_PLACE_BYTES;
    }
    return are;
}

copse_car_place copse_car_places_nth(copse_bytes data, size_t index)
{
    uint64_t both = copse_load_u64le(data.ptr + copse_car_places_size(index));
    return (copse_car_place){both & COPSE_CAR_PLACE_OFFSET_MAX, (uint32_t)(both >> 40)};
}
