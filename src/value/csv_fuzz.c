/* CSV from a stranger. The first byte chooses how it is cut into pieces.
 *
 * Asserts that records and failures do not depend on the pieces; that a record that was read, when
 * it is written with all its fields in quotes, reads back as the same; and that no more is held
 * than the limits allow.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/csv.h>

#include "support/fuzz.h"
#include "support/test_env.h"

#include <string.h>

enum { FUZZ_RECORD_MAX = 256, FUZZ_FIELDS_MAX = 32, FUZZ_QUOTED_MAX = 1024 };

static copse_csv *fuzz_open(const test_env *test)
{
    copse_csv *csv = NULL;
    fuzz_must(copse_csv_new(&test->env, ',', FUZZ_RECORD_MAX, FUZZ_FIELDS_MAX, &csv, NULL) ==
              COPSE_OK);
    return csv;
}

/* Feeds the next `step` bytes. */
static void fuzz_feed(copse_csv *csv, copse_bytes input, size_t *at, size_t step)
{
    size_t size = *at >= input.len ? 0 : input.len - *at < step ? input.len - *at : step;
    copse_bytes piece = {size > 0 ? input.ptr + *at : NULL, size};
    fuzz_must(copse_csv_feed(csv, piece, NULL) == COPSE_OK);
    *at += size;
}

typedef struct fuzz_record {
    copse_status status;
    const copse_csv_field *fields;
    size_t count;
    uint64_t line;
} fuzz_record;

/* The next record or failure, or the end. */
static fuzz_record fuzz_next(copse_csv *csv, copse_bytes input, size_t *at, size_t step)
{
    for (;;) {
        fuzz_record record = {0};
        record.status = copse_csv_next(csv, &record.fields, &record.count, &record.line, NULL);
        if (record.status != COPSE_WANT) {
            return record;
        }
        fuzz_feed(csv, input, at, step);
    }
}

static void fuzz_require_equal(const fuzz_record *a, const fuzz_record *b, bool also_quoted)
{
    fuzz_must(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        fuzz_must(copse_bytes_equal(a->fields[i].text, b->fields[i].text));
        fuzz_must(!also_quoted || a->fields[i].quoted == b->fields[i].quoted);
    }
}

/* Writes the record with its fields in quotes and reads it back. */
static void fuzz_requote(const test_env *test, const fuzz_record *record)
{
    uint8_t text[FUZZ_QUOTED_MAX];
    size_t size = 0;
    size_t at = 0;
    for (size_t i = 0; i < record->count; i++) {
        copse_bytes field = record->fields[i].text;
        text[size++] = '"';
        for (size_t j = 0; j < field.len; j++) {
            text[size++] = field.ptr[j];
            if (field.ptr[j] == '"') {
                text[size++] = '"';
            }
        }
        text[size++] = '"';
        text[size++] = i + 1 < record->count ? ',' : '\n';
    }
    copse_csv *csv = fuzz_open(test);
    copse_bytes input = {text, size};
    fuzz_record back = fuzz_next(csv, input, &at, size);
    fuzz_must(back.status == COPSE_OK);
    fuzz_require_equal(record, &back, false);
    (void)copse_csv_free(csv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env test;
    size_t whole_at = 0;
    size_t cut_at = 0;
    if (size == 0) {
        return 0;
    }
    test_env_init(&test);
    copse_bytes input = {data + 1, size - 1};
    copse_csv *whole = fuzz_open(&test);
    copse_csv *cut = fuzz_open(&test);
    for (;;) {
        fuzz_record a = fuzz_next(whole, input, &whole_at, input.len + 1);
        fuzz_record b = fuzz_next(cut, input, &cut_at, 1u + data[0] % 32u);
        fuzz_must(a.status == b.status && a.line == b.line);
        if (a.status == COPSE_END) {
            break;
        }
        if (a.status == COPSE_OK) {
            fuzz_require_equal(&a, &b, true);
            fuzz_requote(&test, &a);
        } else {
            fuzz_must(a.status == COPSE_CORRUPT || a.status == COPSE_LIMIT);
        }
    }
    fuzz_must(test.peak_bytes <= 8192);
    (void)copse_csv_free(whole);
    (void)copse_csv_free(cut);
    fuzz_must(test.blocks == 0);
    return 0;
}
