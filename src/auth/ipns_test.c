/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/ipns.h>

#include "support/hex.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IPNS_VECTORS COPSE_TEST_DIR "/vectors/ipns.tsv"
#define IPNS_VALUE "/ipfs/bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"

enum { IPNS_EOL_MS = 1000000, IPNS_SIGNATURE_V1_SIZE = 64 };

static copse_key *ipns_key(const copse_env *env)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {0};
    copse_key *key = NULL;
    return copse_key_from_seed(env, seed, &key, NULL) == COPSE_OK ? key : NULL;
}

/* A record of the key of zeros. */
typedef struct ipns_world {
    test_env test;
    copse_key *key;
    copse_ipns_record record;
    copse_buf buf;
} ipns_world;

static void ipns_world_init(ipns_world *world)
{
    test_env_init(&world->test);
    world->key = ipns_key(&world->test.env);
    world->record = (copse_ipns_record){.value = copse_bytes_of_text(IPNS_VALUE),
                                        .sequence = 1795396383621,
                                        .eol_ms = IPNS_EOL_MS,
                                        .ttl_ns = 300000000000};
    copse_buf_init(&world->buf, &world->test.env, 1 << 20);
    assert_int_equal(copse_ipns_make(world->key, &world->record, &world->buf, NULL), COPSE_OK);
}

static void ipns_world_release(ipns_world *world)
{
    copse_buf_release(&world->buf);
    copse_key_free(world->key);
    test_env_assert_empty(&world->test);
}

static copse_status ipns_world_verify(const ipns_world *world, copse_bytes encoded,
                                      uint64_t time_ms, copse_ipns_record *ret_record)
{
    return copse_ipns_verify(&world->test.env, encoded, copse_key_public(world->key), time_ms,
                             ret_record, NULL);
}

/* ---- Vectors ---- */

static uint64_t ipns_number(const char *text)
{
    return strtoull(text, NULL, 10);
}

/* N4: what V1 and V2 readers both take is made again from what it says. */
static void ipns_check_made(const copse_env *env, const copse_ipns_record *record,
                            copse_bytes encoded, const char *note)
{
    copse_buf buf;
    copse_key *key = ipns_key(env);
    copse_buf_init(&buf, env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    assert_int_equal(copse_ipns_make(key, record, &buf, NULL), COPSE_OK);
    if (strncmp(note, "V1 and V2", 9) == 0) {
        assert_true(copse_bytes_equal(copse_buf_view(&buf), encoded));
    }
    copse_buf_release(&buf);
    copse_key_free(key);
}

static void ipns_check_vector(const copse_env *env, char *line)
{
    char *columns[10];
    static uint8_t bytes[COPSE_IPNS_RECORD_SIZE_BYTES_MAX];
    copse_public_key name;
    copse_ipns_record record;
    copse_err err = {0};
    hex_split_columns(line, columns, 10);
    const char *note = columns[9];
    copse_bytes encoded = hex_parse(columns[0], bytes, sizeof bytes);
    assert_int_equal(copse_public_key_from_name(copse_bytes_of_text(columns[1]), &name, NULL),
                     COPSE_OK);
    copse_status status =
        copse_ipns_verify(env, encoded, &name, ipns_number(columns[2]), &record, &err);
    if (strcmp(copse_status_name(status), columns[3]) != 0) {
        fail_msg("%s: %s %s", note, copse_status_name(status), err.message);
    }
    if (status != COPSE_OK) {
        return;
    }
    assert_true(copse_bytes_equal(record.value, copse_bytes_of_text(columns[4])));
    assert_true(record.sequence == ipns_number(columns[5]));
    assert_true(record.eol_ms == ipns_number(columns[6]));
    assert_true(record.eol_ns == ipns_number(columns[7]));
    assert_true(record.ttl_ns == ipns_number(columns[8]));
    ipns_check_made(env, &record, encoded, note);
}

static void test_vectors(void **state)
{
    (void)state;
    assert_in_range(test_env_each_line(IPNS_VECTORS, ipns_check_vector), 50, 70);
}

/* The records of the gateways' conformance tests: good are exactly those that say so. */
static void test_records_of_the_conformance_tests(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *version;
        copse_status status;
        const char *value;
    } cases[] = {
        {"k51qzi5uqu5dit2ku9mutlfgwyz8u730on38kd10m97m36bjt66my99hb6103f", "v2", COPSE_OK,
         "/ipfs/bafkqadtwgiww63tmpeqhezldn5zgi"},
        {"k51qzi5uqu5dlkw8pxuw9qmqayfdeh4kfebhmreauqdc6a7c3y7d5i9fi8mk9w", "v1-v2", COPSE_OK,
         "/ipfs/bafkqaddwgevxmmraojswg33smq"},
        {"k51qzi5uqu5dlmit2tuwdvnx4sbnyqgmvbxftl0eo3f33wwtb9gr7yozae9kpw", "v1-v2-broken-v1-value",
         COPSE_CORRUPT, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        test_env test;
        uint8_t *bytes = NULL;
        size_t size = 0;
        copse_public_key name;
        copse_ipns_record record;
        (void)snprintf(path, sizeof path, "ipns/%s_%s.ipns-record", cases[i].name,
                       cases[i].version);
        if (!test_read_file(test_vector_path(path), &bytes, &size)) {
            print_message("skipped: there is no %s\n", test_vector_path(path));
            skip();
        }
        test_env_init(&test);
        assert_int_equal(
            copse_public_key_from_name(copse_bytes_of_text(cases[i].name), &name, NULL), COPSE_OK);
        assert_int_equal(copse_ipns_verify(&test.env, (copse_bytes){bytes, size}, &name,
                                           1795396383621, &record, NULL),
                         cases[i].status);
        if (cases[i].status == COPSE_OK) {
            assert_true(copse_bytes_equal(record.value, copse_bytes_of_text(cases[i].value)));
            assert_int_equal(record.sequence, 0);
        }
        free(bytes);
        test_env_assert_empty(&test);
    }
}

/* ---- Damage ---- */

/* N1, N2 */
static void test_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    ipns_world world;
    ipns_world_init(&world);
    copse_bytes encoded = copse_buf_view(&world.buf);
    /* Field 1 is the value, with a head of two bytes; then field 2, likewise, is signatureV1. */
    size_t signature_at = 2 + world.record.value.len + 2;
    size_t passed = 0;
    for (size_t bit = 0; bit < 8 * encoded.len; bit++) {
        copse_ipns_record record = {.sequence = 7};
        size_t at = bit / 8;
        bool is_v1 = at >= signature_at && at < signature_at + IPNS_SIGNATURE_V1_SIZE;
        world.buf.ptr[at] ^= (uint8_t)(1 << bit % 8);
        copse_status status = ipns_world_verify(&world, encoded, 0, &record);
        if (status != (is_v1 ? COPSE_OK : COPSE_CORRUPT)) {
            fail_msg("bit %zu: %s", bit, copse_status_name(status));
        }
        assert_true(status == COPSE_OK || record.sequence == 7);
        passed += status == COPSE_OK;
        world.buf.ptr[at] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(passed, 8 * IPNS_SIGNATURE_V1_SIZE);
    for (size_t len = 0; len < encoded.len; len++) {
        copse_ipns_record record;
        copse_bytes cut = {encoded.ptr, len};
        assert_int_equal(ipns_world_verify(&world, cut, 0, &record), COPSE_CORRUPT);
    }
    ipns_world_release(&world);
}

/* ---- Limits ---- */

static void test_times(void **state)
{
    (void)state;
    ipns_world world;
    copse_ipns_record record;
    copse_err err = {0};
    ipns_world_init(&world);
    copse_bytes encoded = copse_buf_view(&world.buf);
    assert_int_equal(ipns_world_verify(&world, encoded, IPNS_EOL_MS - 1, &record), COPSE_OK);
    assert_int_equal(record.eol_ms, IPNS_EOL_MS);
    assert_int_equal(ipns_world_verify(&world, encoded, IPNS_EOL_MS, &record), COPSE_DENIED);
    assert_int_equal(copse_ipns_verify(&world.test.env, encoded, copse_key_public(world.key),
                                       UINT64_MAX, &record, &err),
                     COPSE_DENIED);
    assert_string_equal(err.message, "the IPNS record ended at 1970-01-01T00:16:40.000000000Z");
    size_t len = world.buf.len;
    world.record.eol_ns = 1000000;
    assert_int_equal(copse_ipns_make(world.key, &world.record, &world.buf, NULL), COPSE_MISUSE);
    world.record.eol_ns = 0;
    world.record.eol_ms = 253402300800000; /* 10000-01-01 */
    assert_int_equal(copse_ipns_make(world.key, &world.record, &world.buf, NULL), COPSE_MISUSE);
    world.record.eol_ms = UINT64_MAX;
    assert_int_equal(copse_ipns_make(world.key, &world.record, &world.buf, NULL), COPSE_MISUSE);
    assert_int_equal(world.buf.len, len);
    ipns_world_release(&world);
}

/* N3 */
static void test_a_value_begins_with_a_slash(void **state)
{
    (void)state;
    ipns_world world;
    ipns_world_init(&world);
    size_t len = world.buf.len;
    world.record.value = copse_bytes_of_text("ipns-signature:");
    assert_int_equal(copse_ipns_make(world.key, &world.record, &world.buf, NULL), COPSE_MISUSE);
    world.record.value.len = 0;
    assert_int_equal(copse_ipns_make(world.key, &world.record, &world.buf, NULL), COPSE_MISUSE);
    assert_int_equal(world.buf.len, len);
    ipns_world_release(&world);
}

/* The longest record is made and read; one byte more is neither. */
static void test_sizes(void **state)
{
    (void)state;
    static uint8_t value[COPSE_IPNS_RECORD_SIZE_BYTES_MAX];
    ipns_world world;
    copse_ipns_record record;
    size_t made = 0;
    ipns_world_init(&world);
    memset(value, '/', sizeof value);
    for (size_t len = 4900; len < 5100; len++) {
        copse_buf_truncate(&world.buf, 0);
        world.record.value = (copse_bytes){value, len};
        copse_status status = copse_ipns_make(world.key, &world.record, &world.buf, NULL);
        if (status != COPSE_OK) {
            assert_int_equal(status, COPSE_LIMIT);
            assert_int_equal(world.buf.len, 0);
            break;
        }
        made = world.buf.len;
        assert_int_equal(ipns_world_verify(&world, copse_buf_view(&world.buf), 0, &record),
                         COPSE_OK);
        assert_int_equal(record.value.len, len);
    }
    assert_in_range(made, COPSE_IPNS_RECORD_SIZE_BYTES_MAX - 2, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    static uint8_t zeros[COPSE_IPNS_RECORD_SIZE_BYTES_MAX + 1];
    assert_int_equal(ipns_world_verify(&world, (copse_bytes){zeros, sizeof zeros}, 0, &record),
                     COPSE_LIMIT);
    assert_int_equal(ipns_world_verify(&world, (copse_bytes){zeros, sizeof zeros - 1}, 0, &record),
                     COPSE_CORRUPT);
    copse_buf small;
    copse_buf_init(&small, &world.test.env, 300);
    world.record.value = copse_bytes_of_text(IPNS_VALUE);
    assert_int_equal(copse_ipns_make(world.key, &world.record, &small, NULL), COPSE_LIMIT);
    assert_int_equal(small.len, 0);
    copse_buf_release(&small);
    ipns_world_release(&world);
}

static copse_status ipns_run(const copse_env *env, void *ctx)
{
    copse_ipns_record record = {.value = copse_bytes_of_text(IPNS_VALUE), .eol_ms = IPNS_EOL_MS};
    copse_ipns_record back;
    copse_buf buf;
    copse_key *key = ipns_key(env);
    (void)ctx;
    copse_buf_init(&buf, env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    copse_status status = key != NULL ? copse_ipns_make(key, &record, &buf, NULL) : COPSE_NOMEM;
    if (status == COPSE_OK) {
        status =
            copse_ipns_verify(env, copse_buf_view(&buf), copse_key_public(key), 0, &back, NULL);
    } else {
        assert_int_equal(buf.len, 0);
    }
    copse_buf_release(&buf);
    copse_key_free(key);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    assert_in_range(test_env_sweep(ipns_run, NULL, 40), 6, 30);
}

/* ---- Use ---- */

static void test_the_newer_of_two(void **state)
{
    (void)state;
    /* From the oldest to the newest. */
    static const copse_ipns_record records[] = {
        {.sequence = 1, .eol_ms = 9},
        {.sequence = 2, .eol_ms = 1},
        {.sequence = 2, .eol_ms = 1, .eol_ns = 1},
        {.sequence = 2, .eol_ms = 2},
        {.sequence = UINT64_MAX, .eol_ms = 0},
    };
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        for (size_t j = 0; j < sizeof records / sizeof *records; j++) {
            int order = copse_ipns_compare(&records[i], &records[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static void test_routing_key(void **state)
{
    (void)state;
    ipns_world world;
    uint8_t key[COPSE_IPNS_ROUTING_KEY_SIZE_BYTES];
    uint8_t expected[COPSE_IPNS_ROUTING_KEY_SIZE_BYTES];
    ipns_world_init(&world);
    copse_ipns_routing_key(copse_key_public(world.key), key);
    (void)hex_parse(
        "2f69706e732f0024080112203b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a1"
        "8b59da29",
        expected, sizeof expected);
    assert_memory_equal(key, expected, sizeof key);
    ipns_world_release(&world);
}

static void test_values_of_cids(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/",
        "/ipfs/",
        "/ipfs//",
        IPNS_VALUE "/posts",
        IPNS_VALUE "//",
        "/ipns/k51",
        "ipfs://bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
    };
    char text[COPSE_IPNS_VALUE_TEXT_SIZE_MAX];
    copse_cid cid;
    copse_cid first;
    assert_int_equal(copse_ipns_value_to_cid(copse_bytes_of_text(IPNS_VALUE), &first, NULL),
                     COPSE_OK);
    assert_int_equal(copse_ipns_value_of_cid(&first, text), strlen(IPNS_VALUE));
    assert_string_equal(text, IPNS_VALUE);
    assert_int_equal(copse_ipns_value_to_cid(copse_bytes_of_text(IPNS_VALUE "/"), &cid, NULL),
                     COPSE_OK);
    assert_true(copse_cid_equal(&cid, &first));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (copse_ipns_value_to_cid(copse_bytes_of_text(bad[i]), &cid, NULL) != COPSE_CORRUPT) {
            fail_msg("read: %s", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_records_of_the_conformance_tests),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_a_value_begins_with_a_slash),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_the_newer_of_two),
        cmocka_unit_test(test_routing_key),
        cmocka_unit_test(test_values_of_cids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
