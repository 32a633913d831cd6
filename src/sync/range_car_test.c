/* Reading a CAR in ranges: how many, and what becomes of files that lie. Letters and numbers in
 * brackets are those of range_car.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "sync/range_car.h"

#include <copse/dag_cbor.h>

#include "base/loadstore.h"
#include "base/varint.h"
#include "sync/car_places.h"
#include "value/car_header.h"

#include "support/car_memory.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { RANGE_TEST_BLOCKS = 3000, RANGE_TEST_ROUNDS_MAX = 40, RANGE_TEST_SEED = 4 };

typedef struct range_test {
    test_env env;
    copse_buf file;
    uint64_t index; /* its offset */
    copse_range_car *car;
    size_t rounds;
    size_t requests;
    uint64_t bytes;
} range_test;

static void range_test_init(range_test *self)
{
    const copse_car_writer_options options = {.version = 2};
    *self = (range_test){.rounds = 0};
    test_env_init(&self->env);
    copse_buf_init(&self->file, &self->env.env, SIZE_MAX);
    assert_int_equal(car_memory_write(&self->env.env, &options, RANGE_TEST_SEED, RANGE_TEST_BLOCKS,
                                      &self->file, NULL),
                     COPSE_OK);
    self->index = copse_load_u64le(self->file.ptr + 43);
    assert_true(self->index > 2 * COPSE_RANGE_FRONT_BYTES);
}

static void range_test_begin(range_test *self)
{
    assert_int_equal(copse_range_car_new(&self->env.env, NULL, &self->car, NULL), COPSE_OK);
    self->rounds = 0;
    self->requests = 0;
    self->bytes = 0;
}

static void range_test_end(range_test *self)
{
    self->car = copse_range_car_free(self->car);
}

static void range_test_release(range_test *self)
{
    copse_buf_release(&self->file);
    test_env_assert_empty(&self->env);
}

/* Gives all that is asked for: a round. */
static void range_test_serve(range_test *self)
{
    copse_range range;
    size_t before = self->requests;
    while (copse_range_car_ask(self->car, &range)) {
        uint64_t left = self->file.len - range.from;
        const copse_range_answer answer = {.from = range.from,
                                           .size = range.size < left ? range.size : left,
                                           .total = self->file.len};
        assert_true(range.from < self->file.len);
        assert_true(range.from == 0 || range.size <= left); /* (G1) */
        assert_int_equal(copse_range_car_begin(self->car, range.id, &answer, NULL), COPSE_OK);
        assert_int_equal(copse_range_car_receive(
                             self->car, range.id,
                             (copse_bytes){self->file.ptr + range.from, (size_t)answer.size}, NULL),
                         COPSE_OK);
        assert_int_equal(copse_range_car_end(self->car, range.id, NULL), COPSE_OK);
        self->requests++;
        self->bytes += answer.size;
    }
    assert_true(self->requests > before);
    assert_true(++self->rounds <= RANGE_TEST_ROUNDS_MAX);
}

static copse_status range_test_find(range_test *self, const copse_cid *cid, copse_bytes *ret_data)
{
    copse_status status;
    while ((status = copse_range_car_section(self->car, cid, ret_data, NULL)) == COPSE_WANT) {
        range_test_serve(self);
    }
    return status;
}

/* Looks for a block; its data must be right if it is found. */
static copse_status range_test_look(range_test *self, size_t number)
{
    copse_cid cid;
    copse_bytes data;
    uint8_t right[64];
    size_t size = car_memory_block(RANGE_TEST_SEED, number, &cid, right);
    copse_status status = range_test_find(self, &cid, &data);
    if (status == COPSE_OK) {
        assert_true(copse_bytes_equal(data, (copse_bytes){right, size}));
    }
    return status;
}

/* ---- Sound files ---- */

static void test_finds(void **state)
{
    (void)state;
    range_test self;
    copse_cid root;
    copse_cid first;
    copse_cid absent;
    copse_bytes data;
    uint8_t bytes[64];
    range_test_init(&self);
    range_test_begin(&self);
    (void)car_memory_block(RANGE_TEST_SEED, 0, &first, bytes);
    assert_int_equal(copse_range_car_root(self.car, &root, NULL), COPSE_WANT);
    range_test_serve(&self);
    assert_int_equal(copse_range_car_root(self.car, &root, NULL), COPSE_OK);
    assert_true(copse_cid_equal(&root, &first));
    assert_int_equal(self.bytes, COPSE_RANGE_FRONT_BYTES);
    /* What is in the front takes no request; what is behind it, one to three. */
    assert_int_equal(range_test_look(&self, 5), COPSE_OK);
    assert_int_equal(self.requests, 1);
    for (size_t number = 2000; number < RANGE_TEST_BLOCKS; number += 100) {
        size_t before = self.rounds;
        assert_int_equal(range_test_look(&self, number), COPSE_OK);
        assert_true(self.rounds <= before + (number == 2000 ? 4 : 3));
    }
    assert_true(self.bytes < self.file.len);
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("absent"), &absent);
    assert_int_equal(range_test_find(&self, &absent, &data), COPSE_NOT_FOUND);
    range_test_end(&self);
    range_test_release(&self);
}

/* (G3) What many looks lack is asked for together: no more round trips than one look takes. */
static void test_many_at_once(void **state)
{
    (void)state;
    range_test self;
    size_t found = 0;
    range_test_init(&self);
    range_test_begin(&self);
    while (found < 50) {
        found = 0;
        for (size_t i = 0; i < 50; i++) {
            copse_cid cid;
            copse_bytes data;
            uint8_t right[64];
            (void)car_memory_block(RANGE_TEST_SEED, 1500 + 29 * i, &cid, right);
            copse_status status = copse_range_car_section(self.car, &cid, &data, NULL);
            assert_true(status == COPSE_OK || status == COPSE_WANT);
            found += status == COPSE_OK;
        }
        if (found < 50) {
            range_test_serve(&self);
        }
    }
    assert_true(self.rounds <= 5);
    /* (G4) Then only so much is kept. */
    copse_range_car_rest(self.car);
    assert_true(self.env.size_bytes < COPSE_RANGE_HELD_BYTES_MAX + (2 << 20));
    range_test_end(&self);
    range_test_release(&self);
}

/* ---- Files that lie ---- */

typedef struct range_lie {
    const char *what;
    uint64_t at;   /* from the begin of the index */
    uint64_t size; /* of what is put there: 4 or 8 bytes */
    uint64_t value;
    copse_status status; /* of a look behind the front */
} range_lie;

/* 2 codec, 4 hash codes, 8 hash code, 4 widths, 4 width, 8 bytes of the table: 30. */
static const range_lie range_lies[] = {
    {"no hash codes", 2, 4, 0, COPSE_NOT_FOUND},
    {"too many hash codes", 2, 4, 1 << 20, COPSE_LIMIT},
    {"fewer than none", 2, 4, UINT32_MAX, COPSE_CORRUPT},
    {"another hash code", 6, 8, 0x13, COPSE_NOT_FOUND},
    {"too many widths", 14, 4, 65, COPSE_LIMIT},
    {"no width", 18, 4, 0, COPSE_CORRUPT},
    {"too small a width", 18, 4, 7, COPSE_CORRUPT},
    {"another width", 18, 4, 20, COPSE_NOT_FOUND},
    {"a width that doesn't divide", 18, 4, 41, COPSE_CORRUPT},
    {"a table beyond the file", 22, 8, UINT64_C(40) << 40, COPSE_CORRUPT},
    {"no records", 22, 8, 0, COPSE_NOT_FOUND},
};

static void test_lies_of_the_index(void **state)
{
    (void)state;
    range_test self;
    range_test_init(&self);
    for (size_t i = 0; i < sizeof range_lies / sizeof range_lies[0]; i++) {
        const range_lie *lie = &range_lies[i];
        uint8_t before[8];
        uint8_t put[8];
        uint8_t *at = self.file.ptr + self.index + lie->at;
        memcpy(before, at, sizeof before);
        copse_store_u64le(put, lie->value);
        memcpy(at, put, (size_t)lie->size);
        range_test_begin(&self);
        copse_status status = range_test_look(&self, 2500);
        if (status != lie->status) {
            fail_msg("%s: %s", lie->what, copse_status_name(status));
        }
        assert_int_equal(range_test_look(&self, 7), COPSE_OK); /* in the front */
        range_test_end(&self);
        memcpy(at, before, sizeof before);
    }
    range_test_release(&self);
}

/* Records in no order, and offsets that lead nowhere, or to another section. */
static void test_lies_of_records(void **state)
{
    (void)state;
    range_test self;
    uint64_t seed = 9;
    for (int kind = 0; kind < 4; kind++) {
        range_test_init(&self);
        uint8_t *records = self.file.ptr + self.index + 30;
        for (size_t i = 0; i < RANGE_TEST_BLOCKS; i++) {
            uint8_t *record = records + 40 * i;
            if (kind == 0) {
                uint8_t other[40];
                size_t j = (size_t)test_random_below(&seed, RANGE_TEST_BLOCKS);
                memcpy(other, record, sizeof other);
                memmove(record, records + 40 * j, sizeof other);
                memcpy(records + 40 * j, other, sizeof other);
            } else {
                copse_store_u64le(record + 32, kind == 1   ? UINT64_MAX
                                               : kind == 2 ? self.index - 52
                                                           : 59);
            }
        }
        range_test_begin(&self);
        for (size_t number = 2000; number < RANGE_TEST_BLOCKS; number += 200) {
            copse_status status = range_test_look(&self, number);
            assert_true(status == COPSE_NOT_FOUND || (kind == 0 && status == COPSE_OK) ||
                        (kind == 1 && status == COPSE_CORRUPT));
        }
        range_test_end(&self);
        range_test_release(&self);
    }
}

/* Headers whose places are outside of the file, or contradict each other. */
static void test_lies_of_the_header(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint64_t value;
    } lies[] = {{27, UINT64_MAX}, {27, 0},       {27, 1 << 30}, {35, UINT64_MAX}, {35, 1 << 30},
                {43, UINT64_MAX}, {43, 1 << 30}, {43, 1},       {35, 0}};
    range_test self;
    range_test_init(&self);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t before[8];
        memcpy(before, self.file.ptr + lies[i].at, sizeof before);
        copse_store_u64le(self.file.ptr + lies[i].at, lies[i].value);
        range_test_begin(&self);
        copse_status status = range_test_look(&self, 2500);
        assert_true(status == COPSE_CORRUPT || status == COPSE_LIMIT || status == COPSE_NOT_FOUND);
        range_test_end(&self);
        memcpy(self.file.ptr + lies[i].at, before, sizeof before);
    }
    range_test_release(&self);
}

/* ---- Answers that lie ---- */

static void test_lies_of_answers(void **state)
{
    (void)state;
    range_test self;
    copse_range range;
    copse_cid root;
    range_test_init(&self);
    const uint64_t total = self.file.len;
    const uint64_t front = COPSE_RANGE_FRONT_BYTES;
    const struct {
        copse_range_answer answer;
        copse_status status;
    } cases[] = {
        {{.from = 0, .size = front, .total = 0}, COPSE_CORRUPT},
        {{.from = 0, .size = 0, .total = total}, COPSE_CORRUPT},
        {{.from = 1, .size = front - 1, .total = total}, COPSE_CORRUPT},
        {{.from = 0, .size = front + 1, .total = total}, COPSE_CORRUPT},
        {{.from = 0, .size = front - 1, .total = total}, COPSE_CORRUPT},
        {{.is_whole = true, .total = 0}, COPSE_LIMIT},
        {{.is_whole = true, .total = COPSE_RANGE_WHOLE_BYTES_MAX + 1}, COPSE_LIMIT},
        {{.is_whole = true, .total = total}, COPSE_OK},
        {{.from = 0, .size = front, .total = total}, COPSE_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        range_test_begin(&self);
        assert_int_equal(copse_range_car_root(self.car, &root, NULL), COPSE_WANT);
        assert_true(copse_range_car_ask(self.car, &range));
        assert_int_equal(copse_range_car_begin(self.car, range.id, &cases[i].answer, NULL),
                         cases[i].status);
        /* More than it said. */
        if (cases[i].status == COPSE_OK) {
            uint64_t size = cases[i].answer.is_whole ? total : front;
            assert_int_equal(copse_range_car_receive(self.car, range.id,
                                                     (copse_bytes){self.file.ptr, (size_t)size},
                                                     NULL),
                             COPSE_OK);
            assert_int_equal(
                copse_range_car_receive(self.car, range.id, (copse_bytes){self.file.ptr, 1}, NULL),
                COPSE_CORRUPT);
        }
        assert_int_equal(copse_range_car_end(self.car, range.id, NULL), COPSE_OK); /* forgotten */
        assert_int_equal(copse_range_car_root(self.car, &root, NULL), COPSE_WANT);
        range_test_end(&self);
    }
    range_test_release(&self);
}

/* ---- Places that lie ---- */

enum { RANGE_FAKE_LINKS = 200, RANGE_FAKE_LARGE = 3 << 20 };

static const uint64_t range_fake_payload = UINT64_C(3) << 30;

static void range_fake_cid(size_t number, copse_cid *ret_cid)
{
    copse_cid_of_data(COPSE_CODEC_RAW, (copse_bytes){(const uint8_t *)&number, sizeof number},
                      ret_cid);
}

static void range_fake_section(copse_buf *buf, const copse_cid *cid, copse_bytes data, size_t size)
{
    uint8_t length[COPSE_VARINT_SIZE_BYTES_MAX];
    size_t length_size = copse_varint_write(cid->size + size, length);
    assert_int_equal(copse_buf_append(buf, (copse_bytes){length, length_size}), COPSE_OK);
    assert_int_equal(copse_buf_append(buf, (copse_bytes){cid->bytes, cid->size}), COPSE_OK);
    assert_int_equal(copse_buf_append(buf, data), COPSE_OK);
}

/* The front of a file of gigabytes: a block with links, and behind it places, which say that 4 MiB
 * are to be read for each. */
static void range_fake_begin(range_test *self)
{
    uint8_t start[51] = "\x0a\xa1\x67version\x02";
    copse_buf block;
    copse_buf places;
    copse_cid root;
    copse_cid cid;
    *self = (range_test){.rounds = 0};
    test_env_init(&self->env);
    copse_buf_init(&self->file, &self->env.env, SIZE_MAX);
    copse_buf_init(&block, &self->env.env, SIZE_MAX);
    copse_buf_init(&places, &self->env.env, SIZE_MAX);
    copse_store_u64le(start + 27, sizeof start);
    copse_store_u64le(start + 35, range_fake_payload);
    copse_store_u64le(start + 43, sizeof start + range_fake_payload);
    assert_int_equal(copse_cbor_write_array(&block, RANGE_FAKE_LINKS), COPSE_OK);
    assert_int_equal(copse_car_places_begin(&places), COPSE_OK);
    for (size_t i = 0; i < RANGE_FAKE_LINKS; i++) {
        const copse_car_place place = {.offset = (i + 1) * (5 << 20), .span = 4 << 20};
        range_fake_cid(i, &cid);
        assert_int_equal(copse_cbor_write_link(&block, (copse_bytes){cid.bytes, cid.size}),
                         COPSE_OK);
        assert_int_equal(copse_car_places_add(&places, place), COPSE_OK);
    }
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_buf_view(&block), &root);
    copse_cid_of_data(COPSE_CODEC_RAW, copse_buf_view(&places), &cid);
    assert_int_equal(copse_buf_append(&self->file, (copse_bytes){start, sizeof start}), COPSE_OK);
    assert_int_equal(copse_car_header_write(&root, 1, &self->file, NULL), COPSE_OK);
    range_fake_section(&self->file, &root, copse_buf_view(&block), block.len);
    range_fake_section(&self->file, &cid, copse_buf_view(&places), places.len);
    while (self->file.len < COPSE_RANGE_FRONT_BYTES) {
        assert_int_equal(copse_buf_append_byte(&self->file, 0), COPSE_OK);
    }
    copse_buf_release(&block);
    copse_buf_release(&places);
    range_test_begin(self);
}

/* Answers a range with bytes, and zeros behind them. */
static void range_fake_answer(range_test *self, const copse_range *range, copse_bytes bytes)
{
    static const uint8_t zeros[1 << 16];
    const copse_range_answer answer = {
        .from = range->from, .size = range->size, .total = range_fake_payload + (1 << 20)};
    assert_int_equal(copse_range_car_begin(self->car, range->id, &answer, NULL), COPSE_OK);
    assert_int_equal(copse_range_car_receive(self->car, range->id, bytes, NULL), COPSE_OK);
    for (uint64_t left = range->size - bytes.len; left > 0;) {
        size_t size = left < sizeof zeros ? (size_t)left : sizeof zeros;
        assert_int_equal(
            copse_range_car_receive(self->car, range->id, (copse_bytes){zeros, size}, NULL),
            COPSE_OK);
        left -= size;
    }
    assert_int_equal(copse_range_car_end(self->car, range->id, NULL), COPSE_OK);
}

static void range_fake_open(range_test *self)
{
    copse_cid root;
    copse_range range;
    range_fake_begin(self);
    assert_int_equal(copse_range_car_root(self->car, &root, NULL), COPSE_WANT);
    assert_true(copse_range_car_ask(self->car, &range));
    range_fake_answer(self, &range, copse_buf_view(&self->file));
    assert_int_equal(copse_range_car_root(self->car, &root, NULL), COPSE_OK);
}

/* (G4) Whatever places say, only so much is asked for at once; what was not is later. */
static void test_lies_of_places(void **state)
{
    (void)state;
    range_test self;
    range_fake_open(&self);
    for (int round = 0; round < 2; round++) {
        uint64_t asked[RANGE_FAKE_LINKS];
        size_t count = 0;
        uint64_t bytes = 0;
        copse_range range;
        for (size_t i = 0; i < RANGE_FAKE_LINKS; i++) {
            copse_cid cid;
            copse_bytes data;
            range_fake_cid(i, &cid);
            assert_int_equal(copse_range_car_section(self.car, &cid, &data, NULL), COPSE_WANT);
        }
        while (copse_range_car_ask(self.car, &range)) {
            assert_true(count < RANGE_FAKE_LINKS);
            asked[count++] = range.id;
            bytes += range.size;
        }
        assert_true(bytes > COPSE_RANGE_MEMORY_BYTES_MAX / 2);
        assert_true(bytes <= COPSE_RANGE_MEMORY_BYTES_MAX);
        while (count > 0) {
            copse_range_car_fail(self.car, asked[--count]);
        }
    }
    range_test_end(&self);
    range_test_release(&self);
}

/* A block that is there and too large is not one that lacks. */
static void test_large_blocks(void **state)
{
    (void)state;
    range_test self;
    copse_range range;
    copse_cid cid;
    copse_bytes data;
    copse_buf head;
    range_fake_open(&self);
    copse_buf_init(&head, &self.env.env, SIZE_MAX);
    range_fake_cid(7, &cid);
    range_fake_section(&head, &cid, (copse_bytes){NULL, 0}, RANGE_FAKE_LARGE);
    assert_true(self.env.env.limits.foreign_size_bytes_max < RANGE_FAKE_LARGE);
    assert_int_equal(copse_range_car_section(self.car, &cid, &data, NULL), COPSE_WANT);
    assert_true(copse_range_car_ask(self.car, &range));
    range_fake_answer(&self, &range, copse_buf_view(&head));
    assert_int_equal(copse_range_car_section(self.car, &cid, &data, NULL), COPSE_LIMIT);
    copse_buf_release(&head);
    range_test_end(&self);
    range_test_release(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_lies_of_the_index),
        cmocka_unit_test(test_lies_of_records),
        cmocka_unit_test(test_lies_of_the_header),
        cmocka_unit_test(test_lies_of_answers),
        cmocka_unit_test(test_lies_of_places),
        cmocka_unit_test(test_large_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
