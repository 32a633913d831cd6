/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/car_header.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/loadstore.h"
#include "base/varint.h"

#include <copse/dag_cbor.h>

#include <string.h>

/* The length 10 and {"version": 2} in DAG-CBOR: fixed bytes, by the format. */
static const uint8_t car_pragma[COPSE_CAR_PRAGMA_SIZE_BYTES] = {0x0a, 0xa1, 0x67, 'v', 'e', 'r',
                                                                's',  'i',  'o',  'n', 0x02};

void copse_car_roots_release(copse_car_roots *roots, const copse_env *env)
{
    copse_free_array(env, roots->cids, roots->capacity, sizeof *roots->cids);
    *roots = (copse_car_roots){0};
}

static copse_status car_roots_add(copse_car_roots *roots, const copse_env *env, copse_bytes cid,
                                  copse_err *err)
{
    void *cids = roots->cids;
    if (!copse_array_grow(env, &cids, &roots->capacity, roots->count + 1, sizeof *roots->cids)) {
        return COPSE_ERR_NOMEM(err);
    }
    roots->cids = cids;
    copse_status status = copse_cid_from_bytes(cid, &roots->cids[roots->count], err);
    if (status == COPSE_OK) {
        roots->count++;
    }
    return status;
}

static copse_status car_roots_parse(const copse_env *env, copse_cbor_reader *reader,
                                    copse_car_roots *roots, copse_err *err)
{
    copse_cbor_item item;
    copse_status status = copse_cbor_next(reader, &item, err);
    if (status == COPSE_OK && item.kind != COPSE_CBOR_ARRAY) {
        return COPSE_ERR(err, COPSE_CORRUPT, "CAR header: the roots are not an array");
    }
    if (status == COPSE_OK && item.arg > env->limits.car_roots_max) {
        return COPSE_ERR(err, COPSE_LIMIT, "CAR header: %llu roots, the limit is %zu",
                         (unsigned long long)item.arg, env->limits.car_roots_max);
    }
    uint64_t count = status == COPSE_OK ? item.arg : 0;
    for (uint64_t i = 0; i < count && status == COPSE_OK; i++) {
        status = copse_cbor_next(reader, &item, err);
        if (status == COPSE_OK && item.kind != COPSE_CBOR_LINK) {
            return COPSE_ERR(err, COPSE_CORRUPT, "CAR header: root %llu is not a link",
                             (unsigned long long)i);
        }
        if (status == COPSE_OK) {
            status = car_roots_add(roots, env, item.bytes, err);
        }
    }
    return status;
}

/* Reads the value of one key; sets *version or fills `roots`, and says which of them it was. */
static copse_status car_header_parse_pair(const copse_env *env, copse_cbor_reader *reader,
                                          uint64_t *version, bool *has_roots,
                                          copse_car_roots *roots, copse_err *err)
{
    copse_cbor_item item;
    copse_status status = copse_cbor_next(reader, &item, err);
    if (status != COPSE_OK) {
        return status;
    }
    if (copse_bytes_equal(item.bytes, copse_bytes_of_text("roots"))) {
        *has_roots = true;
        return car_roots_parse(env, reader, roots, err);
    }
    if (!copse_bytes_equal(item.bytes, copse_bytes_of_text("version"))) {
        return copse_cbor_skip(reader, err);
    }
    status = copse_cbor_next(reader, &item, err);
    if (status == COPSE_OK && (item.kind != COPSE_CBOR_INT || item.negative)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "CAR header: the version is not a number");
    }
    if (status == COPSE_OK) {
        *version = item.arg;
    }
    return status;
}

copse_status copse_car_header_parse(const copse_env *env, copse_bytes body, uint64_t *ret_version,
                                    copse_car_roots *roots, copse_err *err)
{
    copse_cbor_reader reader;
    copse_cbor_item item = {0};
    copse_status status =
        copse_cbor_reader_init_untrusted(&reader, body, &env->limits, COPSE_CBOR_LAX, err);
    if (status == COPSE_OK) {
        status = copse_cbor_next(&reader, &item, err);
    }
    if (status == COPSE_OK && item.kind != COPSE_CBOR_MAP) {
        return COPSE_ERR(err, COPSE_CORRUPT, "not a CAR: its header is not a map");
    }
    uint64_t version = 0;
    bool has_roots = false;
    for (uint64_t i = 0; i < item.arg && status == COPSE_OK; i++) {
        status = car_header_parse_pair(env, &reader, &version, &has_roots, roots, err);
    }
    if (status != COPSE_OK) {
        return status;
    }
    if (version != 2 && !(version == 1 && has_roots)) {
        return COPSE_ERR(err, COPSE_CORRUPT,
                         version == 1 ? "CAR header: there are no roots"
                                      : "not a CAR: its version is neither 1 nor 2");
    }
    *ret_version = version;
    return COPSE_OK;
}

/* Bytes of a CBOR head. */
static uint64_t car_cbor_head_size(uint64_t value)
{
    if (value < 24) {
        return 1;
    }
    if (value <= UINT8_MAX) {
        return 2;
    }
    if (value <= UINT16_MAX) {
        return 3;
    }
    return value <= UINT32_MAX ? 5 : 9;
}

static uint64_t car_header_body_size(const copse_cid *roots, size_t roots_count)
{
    /* map head, "roots", array head, links, "version", 1 */
    uint64_t size = 1 + 6 + car_cbor_head_size(roots_count) + 8 + 1;
    for (size_t i = 0; i < roots_count; i++) {
        /* tag 42, byte string of 00 and the CID */
        size += 2 + car_cbor_head_size(roots[i].size + 1u) + 1 + roots[i].size;
    }
    return size;
}

uint64_t copse_car_header_size(const copse_cid *roots, size_t roots_count)
{
    uint64_t size = car_header_body_size(roots, roots_count);
    return copse_varint_size(size) + size;
}

static copse_status car_header_write_body(const copse_cid *roots, size_t roots_count,
                                          copse_buf *buf)
{
    copse_status status = copse_cbor_write_map(buf, 2);
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("roots"));
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_array(buf, roots_count);
    }
    for (size_t i = 0; i < roots_count && status == COPSE_OK; i++) {
        status = copse_cbor_write_link(buf, (copse_bytes){roots[i].bytes, roots[i].size});
    }
    if (status == COPSE_OK) {
        status = copse_cbor_write_text(buf, copse_bytes_of_text("version"));
    }
    return status == COPSE_OK ? copse_cbor_write_uint(buf, 1) : status;
}

copse_status copse_car_header_write(const copse_cid *roots, size_t roots_count, copse_buf *buf,
                                    copse_err *err)
{
    uint8_t size[COPSE_VARINT_SIZE_BYTES_MAX];
    uint64_t body = car_header_body_size(roots, roots_count);
    copse_status status =
        copse_buf_append(buf, (copse_bytes){size, copse_varint_write(body, size)});
    size_t start = buf->len;
    if (status == COPSE_OK) {
        status = car_header_write_body(roots, roots_count, buf);
    }
    if (status == COPSE_OK && buf->len - start != body) {
        status = COPSE_MISUSE;
    }
    if (status != COPSE_OK) {
        return COPSE_ERR(err, status, "a CAR header for %zu roots could not be written",
                         roots_count);
    }
    return COPSE_OK;
}

bool copse_car_is_pragma(copse_bytes bytes)
{
    return copse_bytes_has_prefix(bytes, (copse_bytes){car_pragma, sizeof car_pragma});
}

copse_status copse_car_v2_header_parse(const uint8_t bytes[COPSE_CAR_V2_HEADER_SIZE_BYTES],
                                       copse_car_header *header, copse_err *err)
{
    uint64_t data_offset = copse_load_u64le(bytes + 16);
    uint64_t data_size = copse_load_u64le(bytes + 24);
    uint64_t index_offset = copse_load_u64le(bytes + 32);
    if (data_offset == 0 && data_size == 0) {
        return COPSE_ERR(err, COPSE_CORRUPT, "CARv2 header: zeros, its writer did not finish");
    }
    if (data_offset < COPSE_CAR_START_SIZE_BYTES || data_size >= UINT64_MAX - data_offset) {
        return COPSE_ERR(err, COPSE_CORRUPT, "CARv2 header: a payload of %llu bytes at %llu",
                         (unsigned long long)data_size, (unsigned long long)data_offset);
    }
    if (index_offset != 0 && index_offset < data_offset + data_size) {
        return COPSE_ERR(err, COPSE_CORRUPT, "CARv2 header: the index at %llu is in the payload",
                         (unsigned long long)index_offset);
    }
    memcpy(header->characteristics, bytes, sizeof header->characteristics);
    header->data_offset = data_offset;
    header->data_size = data_size;
    header->index_offset = index_offset;
    return COPSE_OK;
}

void copse_car_v2_start_write(uint64_t data_size, bool with_index,
                              uint8_t ret_start[COPSE_CAR_START_SIZE_BYTES])
{
    uint64_t data_offset = COPSE_CAR_START_SIZE_BYTES;
    uint8_t *header = ret_start + COPSE_CAR_PRAGMA_SIZE_BYTES;
    memset(ret_start, 0, COPSE_CAR_START_SIZE_BYTES);
    memcpy(ret_start, car_pragma, sizeof car_pragma);
    copse_store_u64le(header + 16, data_offset);
    copse_store_u64le(header + 24, data_size);
    copse_store_u64le(header + 32, with_index ? data_offset + data_size : 0);
}
