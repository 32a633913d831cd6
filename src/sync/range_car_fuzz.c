/* A hostile CAR behind a server: any bytes as its front and as what stands behind it, where its
 * index is.
 *
 *     2 bytes: how many of the others are the front | the front | the rest, from byte 32 KiB on
 *
 * Looks for what the front names, and for digests that stand in the rest. Asserts that each look
 * ends, within a bounded number of requests; that no byte is asked for outside of the file; that a
 * section that is found lies in the file under its CID; that memory is bounded, and all given back.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "sync/range_car.h"

#include "support/fuzz.h"
#include "support/test_env.h"

#include <stdlib.h>
#include <string.h>

enum {
    FUZZ_CAR_CIDS = 12,
    FUZZ_CAR_ROUNDS = 200,
    FUZZ_CAR_MEMORY = 16 << 20,
    FUZZ_CAR_RECORD = 40
};

typedef struct fuzz_car {
    test_env test;
    copse_range_car *car;
    uint8_t *file;
    size_t size;
    copse_cid cids[FUZZ_CAR_CIDS];
    size_t count;
} fuzz_car;

/* Puts the input together as a file. */
static void fuzz_car_make(fuzz_car *self, const uint8_t *data, size_t size)
{
    size_t front = size >= 2 ? (size_t)(data[0] | data[1] << 8) : 0;
    data += size >= 2 ? 2 : 0;
    size -= size >= 2 ? 2 : 0;
    front = front < size ? front : size;
    self->size = size > front ? COPSE_RANGE_FRONT_BYTES + (size - front) : front;
    self->file = calloc(self->size + 1, 1);
    fuzz_must(self->file != NULL);
    memcpy(self->file, data, front < COPSE_RANGE_FRONT_BYTES ? front : COPSE_RANGE_FRONT_BYTES);
    if (size > front) {
        memcpy(self->file + COPSE_RANGE_FRONT_BYTES, data + front, size - front);
    }
}

/* Chooses what to look for. */
static void fuzz_car_choose(fuzz_car *self)
{
    copse_cid root;
    copse_bytes digest;
    if (copse_range_car_root(self->car, &root, NULL) == COPSE_OK) {
        self->cids[self->count++] = root;
    }
    for (size_t at = COPSE_RANGE_FRONT_BYTES; at + 32 <= self->size && self->count < 8; at++) {
        digest = (copse_bytes){self->file + at, 32};
        if (at % FUZZ_CAR_RECORD < 4 &&
            copse_cid_from_parts(COPSE_CODEC_DAG_CBOR, COPSE_HASH_SHA2_256, digest,
                                 &self->cids[self->count], NULL) == COPSE_OK) {
            self->count++;
        }
    }
    copse_cid_of_data(COPSE_CODEC_RAW, copse_bytes_of_text("absent"), &self->cids[self->count++]);
}

/* Gives what is asked for. */
static bool fuzz_car_serve(fuzz_car *self)
{
    copse_range range;
    bool asked = false;
    while (copse_range_car_ask(self->car, &range)) {
        asked = true;
        fuzz_must(range.size > 0 && range.from <= self->size);
        fuzz_must(range.from == 0 || range.size <= self->size - range.from);
        uint64_t left = self->size - range.from;
        const copse_range_answer answer = {.from = range.from,
                                           .size = range.size < left ? range.size : left,
                                           .total = self->size,
                                           .etag = copse_bytes_of_text("\"x\"")};
        if (copse_range_car_begin(self->car, range.id, &answer, NULL) != COPSE_OK) {
            copse_range_car_fail(self->car, range.id);
            continue;
        }
        fuzz_must(
            copse_range_car_receive(self->car, range.id,
                                    (copse_bytes){self->file + range.from, (size_t)answer.size},
                                    NULL) == COPSE_OK);
        fuzz_must(copse_range_car_end(self->car, range.id, NULL) == COPSE_OK);
    }
    return asked;
}

static void fuzz_car_open(fuzz_car *self)
{
    copse_cid root;
    copse_status status;
    for (int i = 0; (status = copse_range_car_root(self->car, &root, NULL)) == COPSE_WANT; i++) {
        fuzz_must(i < FUZZ_CAR_ROUNDS && fuzz_car_serve(self));
    }
}

static void fuzz_car_look(fuzz_car *self, const copse_cid *cid)
{
    copse_bytes data;
    copse_status status;
    for (int i = 0; (status = copse_range_car_section(self->car, cid, &data, NULL)) == COPSE_WANT;
         i++) {
        fuzz_must(i < FUZZ_CAR_ROUNDS && fuzz_car_serve(self));
    }
    fuzz_must(status == COPSE_OK || status == COPSE_NOT_FOUND || status == COPSE_CORRUPT ||
              status == COPSE_LIMIT);
    if (status == COPSE_OK) {
        fuzz_must(data.len <= self->size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_car self = {.count = 0};
    test_env_init(&self.test);
    fuzz_car_make(&self, data, size);
    if (self.size > 0 && copse_range_car_new(&self.test.env, NULL, &self.car, NULL) == COPSE_OK) {
        fuzz_car_open(&self);
        fuzz_car_choose(&self);
        for (size_t i = 0; i < self.count; i++) {
            fuzz_car_look(&self, &self.cids[i]);
        }
        copse_range_car_rest(self.car);
    }
    copse_range_car_free(self.car);
    fuzz_must(self.test.blocks == 0);
    fuzz_must(self.test.peak_bytes <= FUZZ_CAR_MEMORY);
    free(self.file);
    return 0;
}
