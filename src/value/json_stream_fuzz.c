/* A stream of JSON from a stranger. The first byte chooses how it is cut into pieces.
 *
 * Asserts that the values, their places and the failures do not depend on the pieces; that values
 * lie where their places say; that every line of good NDJSON is given; and that no more is held
 * than the longest value.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/json_stream.h>

#include "support/fuzz.h"
#include "support/test_env.h"

#include <stdlib.h>
#include <string.h>

enum { FUZZ_VALUE_MAX = 256, FUZZ_EVENTS_MAX = 4096 };

typedef struct fuzz_event {
    copse_status status;
    uint64_t line;
    uint64_t offset;
    size_t size;
} fuzz_event;

typedef struct fuzz_events {
    fuzz_event at[FUZZ_EVENTS_MAX];
    size_t count;
} fuzz_events;

/* Takes what there is; false at the end, or if a failure repeats. */
static bool fuzz_take(copse_json_stream *stream, copse_bytes input, fuzz_events *events)
{
    for (;;) {
        copse_bytes text = {0};
        copse_json_place place = {0};
        copse_status status = copse_json_stream_next(stream, &text, &place, NULL);
        if (status == COPSE_WANT || status == COPSE_END || events->count == FUZZ_EVENTS_MAX) {
            return status == COPSE_WANT;
        }
        fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
        if (status == COPSE_OK) {
            fuzz_must(text.len > 0 && text.len <= FUZZ_VALUE_MAX);
            fuzz_must(place.offset <= input.len && text.len <= input.len - place.offset);
            fuzz_must(memcmp(input.ptr + place.offset, text.ptr, text.len) == 0);
        }
        events->at[events->count++] = (fuzz_event){status, place.line, place.offset, text.len};
    }
}

static void fuzz_run(copse_bytes input, size_t step, fuzz_events *events)
{
    test_env test;
    copse_json_stream *stream = NULL;
    test_env_init(&test);
    events->count = 0;
    fuzz_must(copse_json_stream_new(&test.env, FUZZ_VALUE_MAX, &stream, NULL) == COPSE_OK);
    for (size_t at = 0; fuzz_take(stream, input, events); at += step) {
        size_t size = at >= input.len ? 0 : input.len - at < step ? input.len - at : step;
        copse_bytes piece = {size > 0 ? input.ptr + at : NULL, size};
        fuzz_must(copse_json_stream_feed(stream, piece, NULL) == COPSE_OK);
    }
    fuzz_must(test.peak_bytes <= 2 * FUZZ_VALUE_MAX + 1024);
    (void)copse_json_stream_free(stream);
    fuzz_must(test.blocks == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_events *whole = malloc(2 * sizeof *whole);
    fuzz_events *cut = whole + 1;
    if (whole == NULL || size == 0) {
        free(whole);
        return 0;
    }
    copse_bytes input = {data + 1, size - 1};
    fuzz_run(input, input.len + 1, whole);
    fuzz_run(input, 1u + data[0] % 32u, cut);
    fuzz_must(whole->count == cut->count);
    for (size_t i = 0; i < whole->count; i++) {
        const fuzz_event *a = &whole->at[i];
        const fuzz_event *b = &cut->at[i];
        fuzz_must(a->status == b->status && a->line == b->line && a->offset == b->offset &&
                  a->size == b->size);
    }
    free(whole);
    return 0;
}
