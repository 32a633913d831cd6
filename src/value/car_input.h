/* Bytes that arrive in pieces and are taken in pieces of other sizes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef COPSE_VALUE_CAR_INPUT_H
#define COPSE_VALUE_CAR_INPUT_H

#include <copse/buf.h>

#include <stdbool.h>

/** A take gives a view of the fed bytes if they hold all of it, else of `carry`, where it gathers
 * over several feeds.
 *
 * (C1) offset counts the bytes that left `fed`, those in `carry` among them.
 * (C2) `carry` holds the beginning of exactly one take, fewer bytes than it needs, or (given) the
 *      last one that it completed.
 * (C3) `carry` grows as bytes arrive: a size alone makes nobody allocate. */
typedef struct copse_car_input {
    copse_bytes fed; /**< Set it when it is empty, to bytes that stay until it is empty again. */
    uint64_t offset;
    copse_buf carry;
    bool given;
} copse_car_input;

/** No take asks for more than `size_bytes_max`. */
void copse_car_input_init(copse_car_input *input, const copse_env *env, size_t size_bytes_max);

void copse_car_input_release(copse_car_input *input);

/** Whether no take has begun that is not complete. */
bool copse_car_input_is_between(copse_car_input *input);

/** The next `size` bytes, all of them in `fed`. */
copse_bytes copse_car_input_take_fed(copse_car_input *input, size_t size);

/** The next `size` bytes in one piece, valid until the next take. WANT: set `fed` and call again,
 * with the same size. NOMEM, LIMIT from the carry. */
COPSE_MUST_USE copse_status copse_car_input_take(copse_car_input *input, size_t size,
                                                 copse_bytes *ret_view);

/** The varint that comes next. *offset is that of its first byte, also if it is not complete, and
 * is kept by the caller until then. WANT as above. CORRUPT: not a varint. NOMEM. */
COPSE_MUST_USE copse_status copse_car_input_take_varint(copse_car_input *input, uint64_t *offset,
                                                        uint64_t *ret_value);

/** Drops bytes up to `offset`, which is not behind. WANT as above. */
COPSE_MUST_USE copse_status copse_car_input_skip_to(copse_car_input *input, uint64_t offset);

#endif
