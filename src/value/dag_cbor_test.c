/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/dag_cbor.h>

#include <copse/cid.h>

#include "base/varint.h"
#include "support/cbor_random.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Copies the input to the end of an allocation of its own, so that a stray read is seen. */
static copse_status check_copy(copse_bytes input, copse_cbor_mode mode, copse_err *err)
{
    test_env test;
    test_env_init(&test);
    uint8_t *copy = malloc(input.len > 0 ? input.len : 1);
    assert_non_null(copy);
    if (input.len > 0) {
        memcpy(copy, input.ptr, input.len);
    }
    copse_status status =
        copse_dag_cbor_check((copse_bytes){copy, input.len}, &test.env.limits, mode, err);
    free(copy);
    return status;
}

/* Reads item by item and writes the same again. */
static copse_status rewrite(copse_bytes input, copse_buf *buf)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, input);
    copse_status status = copse_cbor_next(&reader, &item, NULL);
    while (status == COPSE_OK) {
        status = copse_cbor_write_item(buf, &item);
        if (status == COPSE_OK) {
            status = copse_cbor_next(&reader, &item, NULL);
        }
    }
    return status == COPSE_END ? COPSE_OK : status;
}

static void assert_rewrites_to_itself(copse_bytes input)
{
    test_env test;
    copse_buf buf;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, input.len);
    assert_int_equal(rewrite(input, &buf), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), input));
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

/* ---- The table ------------------------------------------------------------------------------ */

static size_t hex_decode(const char *hex, size_t hex_len, uint8_t *ret_bytes)
{
    assert_int_equal(hex_len % 2, 0);
    for (size_t i = 0; i < hex_len / 2; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        char *end = NULL;
        ret_bytes[i] = (uint8_t)strtoul(pair, &end, 16);
        assert_ptr_equal(end, pair + 2);
    }
    return hex_len / 2;
}

static copse_status status_of_name(const char *name)
{
    if (strcmp(name, "ok") == 0) {
        return COPSE_OK;
    }
    return strcmp(name, "limit") == 0 ? COPSE_LIMIT : COPSE_CORRUPT;
}

/* Returns whether the row holds; prints how it doesn't. */
static bool run_table_row(char *line, unsigned number)
{
    uint8_t bytes[1024];
    char *fields[5]; /* hex, strict, lax, part of the message, note */
    for (size_t i = 0; i < 5; i++) {
        fields[i] = line;
        line += strcspn(line, "\t");
        if (*line != '\0') {
            *line++ = '\0';
        }
    }
    copse_bytes input = {bytes, hex_decode(fields[0], strlen(fields[0]), bytes)};
    copse_err err = {0};
    copse_status strict = check_copy(input, COPSE_CBOR_STRICT, &err);
    copse_status lax = check_copy(input, COPSE_CBOR_LAX, NULL);
    if (strict != status_of_name(fields[1]) || lax != status_of_name(fields[2])) {
        print_message("row %u, %s (%s): strict %s, lax %s: %s\n", number, fields[0], fields[4],
                      copse_status_name(strict), copse_status_name(lax), err.message);
        return false;
    }
    if (strict == COPSE_OK) {
        assert_rewrites_to_itself(input);
        return true;
    }
    assert_int_equal(err.status, strict);
    if (strstr(err.message, fields[3]) == NULL || strstr(err.message, "byte ") == NULL) {
        print_message("row %u, %s: \"%s\" does not say \"%s\"\n", number, fields[0], err.message,
                      fields[3]);
        return false;
    }
    return true;
}

static void test_table(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_true(test_read_file(COPSE_TEST_DIR "/vectors/dag_cbor.tsv", &bytes, &size));
    unsigned rows = 0;
    unsigned failed = 0;
    unsigned number = 0;
    for (size_t at = 0; at < size; number++) {
        char line[2048];
        size_t len = 0;
        while (at < size && bytes[at] != '\n') {
            assert_true(len < sizeof line - 1);
            line[len++] = (char)bytes[at++];
        }
        at++;
        line[len] = '\0';
        if (line[0] != '#') {
            failed += !run_table_row(line, number + 1);
            rows++;
        }
    }
    free(bytes);
    assert_int_equal(failed, 0);
    assert_true(rows > 200);
}

/* ---- Fixtures of other implementations ------------------------------------------------------ */

/* The next section of a CARv1; false at its end. */
static bool car_next(copse_bytes *car, copse_bytes *ret_section)
{
    uint64_t len = 0;
    size_t head = 0;
    if (car->len == 0) {
        return false;
    }
    assert_int_equal(copse_varint_read(*car, &len, &head), COPSE_OK);
    assert_true(len <= car->len - head);
    *ret_section = (copse_bytes){car->ptr + head, (size_t)len};
    *car = (copse_bytes){car->ptr + head + len, car->len - head - (size_t)len};
    return true;
}

/* Every dag-cbor block of the suite is read, written again, and hashes to its CID. */
static void test_fixtures(void **state)
{
    (void)state;
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (!test_read_file(test_vector_path("dag-cbor/codec-fixtures.car"), &bytes, &size)) {
        print_message("no vectors of other projects here\n");
        skip();
    }
    copse_bytes car = {bytes, size};
    copse_bytes section;
    unsigned count = 0;
    assert_true(car_next(&car, &section));
    while (car_next(&car, &section)) {
        copse_cid cid;
        copse_cid_parts parts;
        size_t cid_size = 0;
        assert_int_equal(copse_cid_read(section, &cid, &cid_size, NULL), COPSE_OK);
        copse_cid_split(&cid, &parts);
        if (parts.codec == COPSE_CODEC_DAG_CBOR) {
            copse_bytes block = {section.ptr + cid_size, section.len - cid_size};
            assert_int_equal(copse_cid_verify(&cid, block, NULL), COPSE_OK);
            assert_int_equal(check_copy(block, COPSE_CBOR_STRICT, NULL), COPSE_OK);
            assert_int_equal(check_copy(block, COPSE_CBOR_LAX, NULL), COPSE_OK);
            assert_rewrites_to_itself(block);
            count++;
        }
    }
    free(bytes);
    assert_int_equal(count, 128);
}

/* ---- Properties ----------------------------------------------------------------------------- */

/* One encoding per value: whatever a changed byte makes is refused, or is read and written as it
 * stands. */
static void assert_mutants_fail_or_stay(uint8_t *bytes, size_t size, uint64_t *random,
                                        unsigned *ret_accepted)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t kept = bytes[i];
        bytes[i] = (uint8_t)(kept + 1 + test_random_below(random, 255));
        copse_bytes mutant = {bytes, size};
        if (check_copy(mutant, COPSE_CBOR_STRICT, NULL) == COPSE_OK) {
            assert_rewrites_to_itself(mutant);
            (*ret_accepted)++;
        }
        (void)check_copy(mutant, COPSE_CBOR_LAX, NULL);
        bytes[i] = kept;
    }
}

static void test_random_values(void **state)
{
    (void)state;
    unsigned accepted = 0;
    unsigned mutants = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        test_env test;
        copse_buf buf;
        uint64_t random = seed;
        test_env_init(&test);
        copse_buf_init(&buf, &test.env, 1 << 20);
        assert_int_equal(cbor_random_item(&random, 5, &buf), COPSE_OK);
        assert_int_equal(check_copy(copse_buf_view(&buf), COPSE_CBOR_STRICT, NULL), COPSE_OK);
        assert_int_equal(check_copy(copse_buf_view(&buf), COPSE_CBOR_LAX, NULL), COPSE_OK);
        assert_rewrites_to_itself(copse_buf_view(&buf));
        if (buf.len < 600) {
            for (size_t len = 0; len < buf.len; len++) {
                copse_bytes cut = {buf.ptr, len};
                assert_int_equal(check_copy(cut, COPSE_CBOR_STRICT, NULL), COPSE_CORRUPT);
                assert_int_equal(check_copy(cut, COPSE_CBOR_LAX, NULL), COPSE_CORRUPT);
            }
            assert_mutants_fail_or_stay(buf.ptr, buf.len, &random, &accepted);
            mutants += (unsigned)buf.len;
        }
        copse_buf_release(&buf);
        test_env_assert_empty(&test);
    }
    print_message("%u of %u mutants accepted\n", accepted, mutants);
    assert_true(accepted > mutants / 10 && accepted < mutants);
}

/* An item's size does not depend on what follows it. */
static void test_item_size(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (uint64_t seed = 0; seed < 500; seed++) {
        copse_buf buf;
        uint64_t random = seed;
        size_t size = 0;
        copse_buf_init(&buf, &test.env, 1 << 20);
        assert_int_equal(cbor_random_item(&random, 3, &buf), COPSE_OK);
        size_t first = buf.len;
        assert_int_equal(cbor_random_item(&random, 3, &buf), COPSE_OK);
        assert_int_equal(copse_dag_cbor_item_size(copse_buf_view(&buf), &test.env.limits,
                                                  COPSE_CBOR_STRICT, &size, NULL),
                         COPSE_OK);
        assert_int_equal(size, first);
        copse_buf_release(&buf);
    }
    test_env_assert_empty(&test);
}

/* ---- Bounds --------------------------------------------------------------------------------- */

static void test_depth_limit(void **state)
{
    (void)state;
    static uint8_t nested[COPSE_CBOR_DEPTH_MAX + 2];
    memset(nested, 0x81, sizeof nested);
    copse_limits limits = {.cbor_depth_max = SIZE_MAX};
    nested[COPSE_CBOR_DEPTH_MAX] = 0;
    copse_bytes input = {nested, COPSE_CBOR_DEPTH_MAX + 1};
    assert_int_equal(copse_dag_cbor_check(input, &limits, COPSE_CBOR_STRICT, NULL), COPSE_OK);
    nested[COPSE_CBOR_DEPTH_MAX] = 0x80;
    assert_int_equal(copse_dag_cbor_check(input, &limits, COPSE_CBOR_STRICT, NULL), COPSE_LIMIT);
    limits.cbor_depth_max = 0;
    input = (copse_bytes){(const uint8_t *)"\x80", 1};
    assert_int_equal(copse_dag_cbor_check(input, &limits, COPSE_CBOR_STRICT, NULL), COPSE_LIMIT);
    input = (copse_bytes){(const uint8_t *)"\x00", 1};
    assert_int_equal(copse_dag_cbor_check(input, &limits, COPSE_CBOR_STRICT, NULL), COPSE_OK);
}

/* A map of `count` keys of 4 digits, descending; the last may repeat the one in the middle. */
static void write_descending(copse_buf *buf, unsigned count, bool twice)
{
    copse_buf_truncate(buf, 0);
    assert_int_equal(copse_cbor_write_map(buf, count), COPSE_OK);
    for (unsigned i = count; i > 0; i--) {
        char key[16];
        (void)snprintf(key, sizeof key, "%04u", twice && i == 1 ? count / 2 : i);
        assert_int_equal(copse_cbor_write_text(buf, copse_bytes_of_text(key)), COPSE_OK);
        assert_int_equal(copse_cbor_write_null(buf), COPSE_OK);
    }
}

static void test_lax_unsorted(void **state)
{
    (void)state;
    test_env test;
    copse_buf buf;
    test_env_init(&test);
    copse_buf_init(&buf, &test.env, 1 << 20);
    for (unsigned count = 3; count < 300; count++) {
        write_descending(&buf, count, false);
        assert_int_equal(check_copy(copse_buf_view(&buf), COPSE_CBOR_LAX, NULL), COPSE_OK);
        write_descending(&buf, count, count > 3);
        assert_int_equal(check_copy(copse_buf_view(&buf), COPSE_CBOR_LAX, NULL),
                         count > 3 ? COPSE_CORRUPT : COPSE_OK);
    }
    write_descending(&buf, COPSE_CBOR_UNSORTED_PAIRS_MAX, false);
    assert_int_equal(check_copy(copse_buf_view(&buf), COPSE_CBOR_LAX, NULL), COPSE_OK);
    write_descending(&buf, COPSE_CBOR_UNSORTED_PAIRS_MAX + 1, false);
    assert_int_equal(check_copy(copse_buf_view(&buf), COPSE_CBOR_LAX, NULL), COPSE_LIMIT);
    copse_buf_release(&buf);
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_random_values), cmocka_unit_test(test_item_size),
        cmocka_unit_test(test_depth_limit),   cmocka_unit_test(test_lax_unsorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
