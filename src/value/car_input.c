/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/car_input.h"

#include "base/varint.h"

#include <string.h>

void copse_car_input_init(copse_car_input *input, const copse_env *env, size_t size_bytes_max)
{
    *input = (copse_car_input){0};
    copse_buf_init(&input->carry, env, size_bytes_max);
}

void copse_car_input_release(copse_car_input *input)
{
    copse_buf_release(&input->carry);
    *input = (copse_car_input){0};
}

/* Empties the carry if the last take was given from it. */
static void car_input_reuse_carry(copse_car_input *input)
{
    if (input->given) {
        copse_buf_truncate(&input->carry, 0);
        input->given = false;
    }
}

bool copse_car_input_is_between(copse_car_input *input)
{
    car_input_reuse_carry(input);
    return input->carry.len == 0;
}

copse_bytes copse_car_input_take_fed(copse_car_input *input, size_t size)
{
    copse_bytes taken = {input->fed.ptr, size};
    if (size != 0) {
        input->fed.ptr += size;
        input->fed.len -= size;
        input->offset += size;
    }
    return taken;
}

/* Moves the next `size` fed bytes into the carry. */
static copse_status car_input_carry(copse_car_input *input, size_t size)
{
    copse_status status = copse_buf_append(&input->carry, (copse_bytes){input->fed.ptr, size});
    if (status == COPSE_OK) {
        (void)copse_car_input_take_fed(input, size);
    }
    return status;
}

copse_status copse_car_input_take(copse_car_input *input, size_t size, copse_bytes *ret_view)
{
    car_input_reuse_carry(input);
    if (input->carry.len == 0 && input->fed.len >= size) {
        *ret_view = copse_car_input_take_fed(input, size);
        return COPSE_OK;
    }
    size_t missing = size - input->carry.len;
    size_t taken = input->fed.len < missing ? input->fed.len : missing;
    copse_status status = taken != 0 ? car_input_carry(input, taken) : COPSE_OK;
    if (status != COPSE_OK) {
        return status;
    }
    if (taken < missing) {
        return COPSE_WANT;
    }
    *ret_view = copse_buf_view(&input->carry);
    input->given = true;
    return COPSE_OK;
}

copse_status copse_car_input_take_varint(copse_car_input *input, uint64_t *offset,
                                         uint64_t *ret_value)
{
    uint8_t bytes[COPSE_VARINT_SIZE_BYTES_MAX];
    size_t size = 0;
    car_input_reuse_carry(input);
    size_t carried = input->carry.len;
    if (carried == 0) {
        *offset = input->offset;
    } else {
        memcpy(bytes, input->carry.ptr, carried);
    }
    size_t fresh = sizeof bytes - carried;
    fresh = input->fed.len < fresh ? input->fed.len : fresh;
    if (fresh != 0) {
        memcpy(bytes + carried, input->fed.ptr, fresh);
    }
    copse_status status =
        copse_varint_read((copse_bytes){bytes, carried + fresh}, ret_value, &size);
    if (status == COPSE_OK) {
        (void)copse_car_input_take_fed(input, size - carried);
        copse_buf_truncate(&input->carry, 0);
        return COPSE_OK;
    }
    if (status != COPSE_END) {
        return COPSE_CORRUPT;
    }
    status = fresh != 0 ? car_input_carry(input, fresh) : COPSE_OK;
    return status == COPSE_OK ? COPSE_WANT : status;
}

copse_status copse_car_input_skip_to(copse_car_input *input, uint64_t offset)
{
    car_input_reuse_carry(input);
    uint64_t missing = offset - input->offset;
    if (input->fed.len < missing) {
        (void)copse_car_input_take_fed(input, input->fed.len);
        return COPSE_WANT;
    }
    (void)copse_car_input_take_fed(input, (size_t)missing);
    return COPSE_OK;
}
