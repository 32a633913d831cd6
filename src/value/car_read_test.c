/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/car.h>

#include <copse/buf.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Helpers ---- */

/* What a CAR holds, so that two readings can be compared. */
typedef struct car_summary {
    copse_status status;
    uint64_t version;
    size_t roots;
    size_t sections;
    uint64_t digest;     /* of all kinds, CIDs, offsets and data */
    uint64_t data_bytes; /* of blocks */
    uint64_t index_bytes;
    copse_err err;
} car_summary;

static void summary_mix(car_summary *summary, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++) {
        summary->digest = (summary->digest ^ p[i]) * 0x100000001b3u;
    }
}

static void summary_add(car_summary *summary, const copse_car_item *item)
{
    if (item->kind == COPSE_CAR_HEADER) {
        summary->version = item->header->version;
        summary->roots = item->header->roots_count;
        for (size_t i = 0; i < item->header->roots_count; i++) {
            summary_mix(summary, item->header->roots[i].bytes, item->header->roots[i].size);
        }
    } else if (item->kind == COPSE_CAR_SECTION) {
        summary->sections++;
        summary->data_bytes += item->data.len;
        summary_mix(summary, &item->offset, sizeof item->offset);
        summary_mix(summary, &item->size, sizeof item->size);
        summary_mix(summary, item->cid.bytes, item->cid.size);
        summary_mix(summary, item->data.ptr, item->data.len);
        if (item->verified) {
            assert_int_equal(copse_cid_verify(&item->cid, item->data, NULL), COPSE_OK);
        }
    } else {
        summary->index_bytes += item->data.len;
        summary_mix(summary, item->data.ptr, item->data.len);
    }
}

/* Reads a CAR that is fed in chunks, each at the end of an allocation of its own, which is freed
 * when the reader asks for the next. */
static car_summary read_chunked(const copse_env *env, copse_bytes car, size_t chunk_size,
                                const copse_car_reader_options *options)
{
    car_summary summary = {.digest = 0xcbf29ce484222325u};
    copse_car_reader *reader = NULL;
    copse_car_item item;
    size_t at = 0;
    uint8_t *chunk = NULL;
    summary.status = copse_car_reader_new(env, options, &reader, &summary.err);
    while (summary.status == COPSE_OK) {
        summary.status = copse_car_reader_next(reader, &item, &summary.err);
        if (summary.status == COPSE_OK) {
            summary_add(&summary, &item);
        } else if (summary.status == COPSE_WANT) {
            free(chunk);
            size_t size = car.len - at < chunk_size ? car.len - at : chunk_size;
            chunk = malloc(size != 0 ? size : 1);
            assert_non_null(chunk);
            memcpy(chunk, car.ptr + at, size);
            at += size;
            summary.status =
                copse_car_reader_feed(reader, (copse_bytes){chunk, size}, &summary.err);
            if (size == 0) {
                copse_car_reader_feed_end(reader);
            }
        }
    }
    free(chunk);
    (void)copse_car_reader_free(reader);
    return summary;
}

static car_summary read_whole(copse_bytes car, const copse_car_reader_options *options)
{
    test_env test;
    test_env_init(&test);
    car_summary summary = read_chunked(&test.env, car, car.len != 0 ? car.len : 1, options);
    test_env_assert_empty(&test);
    return summary;
}

/* Loads a vector, or skips the test. */
static copse_bytes load_vector(const char *name)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!test_read_file(test_vector_path(name), &bytes, &size)) {
        print_message("no foreign vectors here\n");
        skip();
    }
    return (copse_bytes){bytes, size};
}

static void free_vector(copse_bytes vector)
{
    /* The only place that casts away const: load_vector allocated it. */
    union {
        const uint8_t *view;
        void *owned;
    } bytes = {.view = vector.ptr};
    free(bytes.owned);
}

/* The number after "name": at or behind *at, which moves behind it. */
static bool next_number(const char *json, const char *name, size_t *at, uint64_t *ret_value)
{
    const char *found = strstr(json + *at, name);
    if (found == NULL) {
        return false;
    }
    *ret_value = strtoull(found + strlen(name), NULL, 10);
    *at = (size_t)(found - json) + strlen(name);
    return true;
}

/* ---- Foreign files ---- */

/* Sections have the places, sizes and CIDs that the fixture's description lists. */
static void check_fixture(const char *car_name, const char *json_name, size_t sections)
{
    char car_path[64];
    (void)snprintf(car_path, sizeof car_path, "%s", car_name);
    copse_bytes car = load_vector(car_path);
    copse_bytes description = load_vector(json_name);
    char *json = calloc(description.len + 1, 1);
    test_env test;
    copse_car_reader *reader = NULL;
    copse_car_item item;
    size_t at = 0;
    size_t count = 0;
    assert_non_null(json);
    memcpy(json, description.ptr, description.len);
    test_env_init(&test);
    assert_int_equal(copse_car_reader_new(&test.env, NULL, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, car, NULL), COPSE_OK);
    copse_car_reader_feed_end(reader);
    while (copse_car_reader_next(reader, &item, NULL) == COPSE_OK) {
        char text[COPSE_CID_TEXT_SIZE_MAX];
        uint64_t block_length = 0;
        uint64_t block_offset = 0;
        uint64_t length = 0;
        uint64_t offset = 0;
        if (item.kind != COPSE_CAR_SECTION) {
            continue;
        }
        assert_true(next_number(json, "\"blockLength\": ", &at, &block_length));
        assert_true(next_number(json, "\"blockOffset\": ", &at, &block_offset));
        (void)copse_cid_to_text(&item.cid, COPSE_BASE32, text);
        assert_memory_equal(strstr(json + at, "\"/\": \"") + 6, text, strlen(text));
        assert_true(next_number(json, "\"length\": ", &at, &length));
        assert_true(next_number(json, "\"offset\": ", &at, &offset));
        assert_int_equal(item.offset, offset);
        assert_int_equal(item.size, length);
        assert_int_equal(item.data.len, block_length);
        assert_int_equal(item.data.ptr - car.ptr, block_offset);
        assert_true(item.verified);
        count++;
    }
    assert_int_equal(count, sections);
    (void)copse_car_reader_free(reader);
    test_env_assert_empty(&test);
    free(json);
    free_vector(description);
    free_vector(car);
}

static void test_fixtures(void **state)
{
    (void)state;
    check_fixture("car/carv1-basic.car", "car/carv1-basic.json", 8);
    check_fixture("car/carv2-basic.car", "car/carv2-basic.json", 5);
}

static void test_foreign_files(void **state)
{
    static const struct {
        const char *name;
        uint64_t version;
        size_t roots;
        size_t sections;
        uint64_t index_bytes;
    } rows[] = {
        {"dag-cbor/codec-fixtures.car", 1, 0, 273, 0},
        {"gateway/gateway-raw-block.car", 1, 1, 3, 0},
        {"go-ipld-prolly-trees/1RandPairs.tree.car", 1, 1, 3, 0},
        {"go-ipld-prolly-trees/5RandPairs.tree.car", 1, 1, 3, 0},
        {"ipld-prolly-indexer/init.car", 2, 1, 7, 226},
        {"car/carv2-basic.car", 2, 1, 5, 216},
    };
    copse_car_reader_options options = {.verify = COPSE_CAR_VERIFY_KNOWN, .index = true};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_bytes car = load_vector(rows[i].name);
        car_summary summary = read_whole(car, &options);
        if (summary.status != COPSE_END) {
            fail_msg("%s: %s", rows[i].name, summary.err.message);
        }
        print_message("%s: %zu roots, %zu sections, %llu bytes\n", rows[i].name, summary.roots,
                      summary.sections, (unsigned long long)summary.data_bytes);
        assert_int_equal(summary.version, rows[i].version);
        assert_int_equal(summary.roots, rows[i].roots);
        assert_int_equal(summary.sections, rows[i].sections);
        assert_int_equal(summary.index_bytes, rows[i].index_bytes);
        free_vector(car);
    }
}

/* ---- Feeding, cutting, changing ---- */

static void test_every_chunk_size(void **state)
{
    static const char *const names[] = {"car/carv1-basic.car", "car/carv2-basic.car"};
    copse_car_reader_options options = {.index = true};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        copse_bytes car = load_vector(names[i]);
        car_summary whole = read_whole(car, &options);
        for (size_t size = 1; size <= car.len; size++) {
            test_env test;
            test_env_init(&test);
            car_summary summary = read_chunked(&test.env, car, size, &options);
            assert_int_equal(summary.status, COPSE_END);
            assert_int_equal(summary.digest, whole.digest);
            assert_int_equal(summary.sections, whole.sections);
            test_env_assert_empty(&test);
        }
        free_vector(car);
    }
}

/* Every truncation is CORRUPT, but for those of a CARv1 between two sections, which can't be told,
 * and those of a CARv2 inside its index, which the reader doesn't judge. */
static void test_truncations(void **state)
{
    copse_bytes v1 = load_vector("car/carv1-basic.car");
    copse_bytes v2 = load_vector("car/carv2-basic.car");
    size_t complete = 0;
    (void)state;
    for (size_t len = 0; len < v1.len; len++) {
        car_summary summary = read_whole((copse_bytes){v1.ptr, len}, NULL);
        complete += summary.status == COPSE_END;
        assert_true(summary.status == COPSE_END || summary.status == COPSE_CORRUPT);
        assert_true(summary.status == COPSE_END ||
                    strstr(summary.err.message, "cut short") != NULL);
    }
    assert_int_equal(complete, 8);
    for (size_t len = 0; len < v2.len; len++) {
        car_summary summary = read_whole((copse_bytes){v2.ptr, len}, NULL);
        assert_int_equal(summary.status, len < 499 ? COPSE_CORRUPT : COPSE_END);
    }
    free_vector(v1);
    free_vector(v2);
}

/* No change of one byte makes it crash, or give a block as verified that isn't (summary_add hashes
 * again). Most are found. */
static void test_mutations(void **state)
{
    static const char *const names[] = {"car/carv1-basic.car", "car/carv2-basic.car"};
    size_t found = 0;
    size_t tried = 0;
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        copse_bytes car = load_vector(names[n]);
        uint8_t *copy = malloc(car.len);
        assert_non_null(copy);
        for (size_t i = 0; i < car.len; i++) {
            for (unsigned change = 1; change < 256; change += change < 8 ? 1 : 31) {
                memcpy(copy, car.ptr, car.len);
                copy[i] = (uint8_t)(copy[i] ^ change);
                car_summary summary = read_whole((copse_bytes){copy, car.len}, NULL);
                tried++;
                found += summary.status != COPSE_END;
            }
        }
        free(copy);
        free_vector(car);
    }
    print_message("%zu of %zu changes found\n", found, tried);
    assert_true(found > tried / 2);
}

/* ---- Small files, byte by byte ---- */

static void assert_reads(const uint8_t *bytes, size_t size, const copse_car_reader_options *options,
                         copse_status expected, size_t sections, const char *message)
{
    car_summary summary = read_whole((copse_bytes){bytes, size}, options);
    if (summary.status != expected || summary.sections != sections ||
        strstr(summary.err.message, message) == NULL) {
        fail_msg("%s, %zu sections, %s", copse_status_name(summary.status), summary.sections,
                 summary.err.message);
    }
}

static void put_bytes(uint8_t *at, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)bytes[i];
    }
}

/* The CAR of bafkqaaa, then as many of its sections as asked for. */
static size_t make_empty(uint8_t *ret_bytes, size_t sections)
{
    static const uint8_t header[26] = {0x19, 0xa2, 0x65, 'r',  'o',  'o',  't', 's', 0x81,
                                       0xd8, 0x2a, 0x45, 0x00, 0x01, 0x55, 0,   0,   0x67,
                                       'v',  'e',  'r',  's',  'i',  'o',  'n', 1};
    static const uint8_t section[5] = {4, 0x01, 0x55, 0, 0};
    memcpy(ret_bytes, header, sizeof header);
    for (size_t i = 0; i < sections; i++) {
        memcpy(ret_bytes + sizeof header + i * sizeof section, section, sizeof section);
    }
    return sizeof header + sections * sizeof section;
}

static void test_small_files(void **state)
{
    uint8_t bytes[64];
    (void)state;
    size_t size = make_empty(bytes, 0);
    assert_reads(bytes, size, NULL, COPSE_END, 0, "");
    size = make_empty(bytes, 2);
    assert_reads(bytes, size, NULL, COPSE_END, 2, "");
    /* padding */
    bytes[size] = 0;
    bytes[size + 1] = 0;
    assert_reads(bytes, size + 2, NULL, COPSE_CORRUPT, 2, "byte 36: a section of length zero");
    assert_reads(bytes, size + 2, &(copse_car_reader_options){.padding = true}, COPSE_END, 2, "");
    /* trailing garbage */
    bytes[size] = 0x80;
    assert_reads(bytes, size + 2, NULL, COPSE_CORRUPT, 2, "byte 36: not a length");
    bytes[size] = 2;
    bytes[size + 1] = 0xff;
    bytes[size + 2] = 0xff;
    assert_reads(bytes, size + 3, NULL, COPSE_CORRUPT, 2, "byte 36: the section's CID");
    /* not CARs */
    assert_reads((const uint8_t *)"", 0, NULL, COPSE_CORRUPT, 0, "cut short");
    assert_reads((const uint8_t *)"\0", 1, NULL, COPSE_CORRUPT, 0, "header is empty");
    assert_reads((const uint8_t *)"hello, world", 12, NULL, COPSE_CORRUPT, 0, "cut short");
    assert_reads((const uint8_t *)"\x01\x80", 2, NULL, COPSE_CORRUPT, 0, "not a map");
    assert_reads((const uint8_t *)"\x0a\xa1gversion\x01", 11, NULL, COPSE_CORRUPT, 0, "no roots");
    assert_reads((const uint8_t *)"\x0a\xa1gversion\x03", 11, NULL, COPSE_CORRUPT, 0, "version");
    /* no roots, keys in the other order, an unknown key */
    static const uint8_t lax[] = "\x14\xa3gversion\x01"
                                 "eroots\x80"
                                 "ax\xf6";
    assert_reads(lax, sizeof lax - 1, NULL, COPSE_END, 0, "");
}

/* A length that begins inside the payload of a CARv2 and ends behind it is CORRUPT however it comes
 * in. */
static void test_length_across_payload_end(void **state)
{
    uint8_t bytes[128] = "\x0a\xa1gversion\x02";
    size_t size = COPSE_CAR_START_SIZE_BYTES;
    (void)state;
    size += make_empty(bytes + size, 1);
    bytes[size++] = 0x84;
    bytes[27] = COPSE_CAR_START_SIZE_BYTES;
    bytes[35] = (uint8_t)(size - COPSE_CAR_START_SIZE_BYTES);
    bytes[43] = (uint8_t)size;
    bytes[size++] = 0x01;
    for (size_t chunk = 1; chunk <= size; chunk++) {
        test_env test;
        test_env_init(&test);
        car_summary summary = read_chunked(&test.env, (copse_bytes){bytes, size}, chunk, NULL);
        assert_int_equal(summary.status, COPSE_CORRUPT);
        assert_int_equal(summary.sections, 1);
        test_env_assert_empty(&test);
    }
}

/* A hash that Copse doesn't compute. */
static void test_unknown_hash(void **state)
{
    uint8_t bytes[128];
    size_t size = make_empty(bytes, 1);
    (void)state;
    /* CIDv1 raw sha1, twenty zero bytes; then an identity section again */
    static const uint8_t sha1[] = {0x19, 0x01, 0x55, 0x11, 0x14};
    memcpy(bytes + size, sha1, sizeof sha1);
    memset(bytes + size + sizeof sha1, 0, 21);
    size += sizeof sha1 + 21;
    put_bytes(bytes + size, "\x04\x01\x55\0\0", 5);
    size += 5;
    car_summary all = read_whole((copse_bytes){bytes, size}, NULL);
    assert_int_equal(all.status, COPSE_MISUSE);
    assert_int_equal(all.sections, 1);
    copse_car_reader_options known = {.verify = COPSE_CAR_VERIFY_KNOWN};
    assert_reads(bytes, size, &known, COPSE_END, 3, "");
    /* VERIFY_ALL goes on behind it */
    test_env test;
    copse_car_reader *reader = NULL;
    copse_car_item item;
    static const copse_status expected[] = {COPSE_OK, COPSE_OK, COPSE_MISUSE, COPSE_OK, COPSE_END};
    test_env_init(&test);
    assert_int_equal(copse_car_reader_new(&test.env, NULL, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, (copse_bytes){bytes, size}, NULL), COPSE_OK);
    copse_car_reader_feed_end(reader);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(copse_car_reader_next(reader, &item, NULL), expected[i]);
    }
    (void)copse_car_reader_free(reader);
    test_env_assert_empty(&test);
}

static void test_wrong_hash_poisons(void **state)
{
    copse_bytes car = load_vector("car/carv1-basic.car");
    test_env test;
    copse_car_reader *reader = NULL;
    copse_car_item item;
    copse_err err = {0};
    uint8_t *copy = malloc(car.len);
    (void)state;
    assert_non_null(copy);
    memcpy(copy, car.ptr, car.len);
    copy[150] ^= 1;
    test_env_init(&test);
    assert_int_equal(copse_car_reader_new(&test.env, NULL, &reader, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, (copse_bytes){copy, car.len}, NULL), COPSE_OK);
    assert_int_equal(copse_car_reader_feed(reader, car, NULL), COPSE_MISUSE);
    assert_null(copse_car_reader_header(reader));
    assert_int_equal(copse_car_reader_next(reader, &item, &err), COPSE_OK);
    assert_ptr_equal(copse_car_reader_header(reader), item.header);
    assert_int_equal(copse_car_reader_next(reader, &item, &err), COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "byte 100"));
    assert_int_equal(copse_car_reader_next(reader, &item, &err), COPSE_CORRUPT);
    assert_non_null(strstr(err.message, "failed before"));
    (void)copse_car_reader_free(reader);
    test_env_assert_empty(&test);
    free(copy);
    free_vector(car);
}

/* ---- Limits and memory ---- */

/* A length alone is refused before it costs memory; below the limit, memory follows the bytes. */
static void test_memory(void **state)
{
    uint8_t bytes[64];
    test_env test;
    (void)state;
    size_t size = make_empty(bytes, 0);
    put_bytes(bytes + size, "\xff\xff\xff\xff\x7f", 5);
    test_env_init(&test);
    car_summary summary = read_chunked(&test.env, (copse_bytes){bytes, size + 5}, 1, NULL);
    assert_int_equal(summary.status, COPSE_LIMIT);
    assert_in_range(test.peak_bytes, 0, 4096);
    /* 2 MiB promised, few bytes delivered */
    put_bytes(bytes + size, "\x80\x80\x80\x01", 4);
    test_env_init(&test);
    summary = read_chunked(&test.env, (copse_bytes){bytes, size + 20}, 1, NULL);
    assert_int_equal(summary.status, COPSE_CORRUPT);
    assert_in_range(test.peak_bytes, 0, 4096);
    /* a header above the limit */
    put_bytes(bytes, "\x81\x80\x40", 3);
    summary = read_chunked(&test.env, (copse_bytes){bytes, 3}, 1, NULL);
    assert_int_equal(summary.status, COPSE_LIMIT);
    test_env_assert_empty(&test);
}

static void test_roots_limit(void **state)
{
    copse_bytes car = load_vector("car/carv1-basic.car");
    test_env test;
    (void)state;
    test_env_init(&test);
    test.env.limits.car_roots_max = 1;
    car_summary summary = read_chunked(&test.env, car, car.len, NULL);
    assert_int_equal(summary.status, COPSE_LIMIT);
    test_env_assert_empty(&test);
    free_vector(car);
}

/* codec-fixtures.car in pieces of 1,000 bytes takes the size of its largest section, not its own;
 * in one piece it takes nothing beyond the reader and its roots. */
static void test_memory_of_streaming(void **state)
{
    copse_bytes car = load_vector("dag-cbor/codec-fixtures.car");
    copse_car_reader_options options = {.verify = COPSE_CAR_VERIFY_KNOWN};
    test_env test;
    (void)state;
    test_env_init(&test);
    car_summary whole = read_chunked(&test.env, car, car.len, &options);
    print_message("whole: at most %zu bytes\n", test.peak_bytes);
    assert_int_equal(whole.status, COPSE_END);
    assert_in_range(test.peak_bytes, 0, 8192);
    test_env_init(&test);
    car_summary pieces = read_chunked(&test.env, car, 1000, &options);
    print_message("pieces: at most %zu bytes\n", test.peak_bytes);
    assert_int_equal(pieces.digest, whole.digest);
    assert_in_range(test.peak_bytes, 0, car.len / 2);
    free_vector(car);
}

static copse_status sweep_read(const copse_env *env, void *ctx)
{
    const copse_bytes *car = ctx;
    car_summary summary = read_chunked(env, *car, 7, NULL);
    return summary.status == COPSE_END ? COPSE_OK : summary.status;
}

static void test_fault_sweep(void **state)
{
    copse_bytes car = load_vector("car/carv2-basic.car");
    (void)state;
    assert_in_range(test_env_sweep(sweep_read, &car, 100), 3, 20);
    free_vector(car);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_foreign_files),
        cmocka_unit_test(test_every_chunk_size),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_small_files),
        cmocka_unit_test(test_length_across_payload_end),
        cmocka_unit_test(test_unknown_hash),
        cmocka_unit_test(test_wrong_hash_poisons),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_roots_limit),
        cmocka_unit_test(test_memory_of_streaming),
        cmocka_unit_test(test_fault_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
