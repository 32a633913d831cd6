/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/cid.h>

#include "crypto/hash.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) ((copse_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})
#define DIGEST20 "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"
#define DIGEST32 DIGEST20 "\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20"

static copse_cid cid_of_text(const char *text)
{
    copse_cid cid;
    copse_err err = {0};
    if (copse_cid_from_text(copse_bytes_of_text(text), &cid, &err) != COPSE_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return cid;
}

/* ---- Text ----------------------------------------------------------------------------------- */

/* One CID in all its forms, from the CID specification's own example and public tools. */
static void test_text_forms(void **state)
{
    (void)state;
    copse_cid empty;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_cid_of_data(COPSE_CODEC_RAW, BYTES(""), &empty);
    assert_int_equal(copse_cid_to_text(&empty, COPSE_BASE32, text), 59);
    assert_string_equal(text, "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    copse_cid map;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, BYTES("\xa0"), &map);
    assert_int_equal(copse_cid_to_text(&map, COPSE_BASE32, text), 59);
    assert_string_equal(text, "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua");
    const copse_base bases[] = {COPSE_BASE32, COPSE_BASE36, COPSE_BASE58BTC};
    const char prefixes[] = {'b', 'k', 'z'};
    for (size_t i = 0; i < 3; i++) {
        size_t len = copse_cid_to_text(&map, bases[i], text);
        assert_int_equal(text[0], prefixes[i]);
        assert_int_equal(strlen(text), len);
        copse_cid back = cid_of_text(text);
        assert_true(copse_cid_equal(&back, &map));
        if (bases[i] != COPSE_BASE58BTC) {
            for (size_t at = 0; at < len; at++) {
                text[at] = (char)(text[at] >= 'a' && text[at] <= 'z' ? text[at] - 32 : text[at]);
            }
            back = cid_of_text(text);
            assert_true(copse_cid_equal(&back, &map));
        }
    }
    copse_cid none = {0};
    assert_int_equal(copse_cid_to_text(&none, COPSE_BASE32, text), 0);
    assert_string_equal(text, "");
}

static void test_v0(void **state)
{
    (void)state;
    static const char v0[] = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"; /* empty directory */
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_cid_parts parts;
    copse_cid cid = cid_of_text(v0);
    assert_int_equal(cid.size, 34);
    copse_cid_split(&cid, &parts);
    assert_true(parts.version == 0 && parts.codec == COPSE_CODEC_DAG_PB &&
                parts.hash == COPSE_HASH_SHA2_256 && parts.digest.len == 32);
    assert_int_equal(copse_cid_to_text(&cid, COPSE_BASE32, text), 46);
    assert_string_equal(text, v0);
    assert_int_equal(copse_cid_verify(&cid, BYTES("\x0a\x02\x08\x01"), NULL), COPSE_OK);
    copse_cid v1;
    assert_int_equal(copse_cid_from_parts(parts.codec, parts.hash, parts.digest, &v1, NULL),
                     COPSE_OK);
    assert_int_equal(copse_cid_to_text(&v1, COPSE_BASE32, text), 59);
    assert_string_equal(text, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
    assert_false(copse_cid_equal(&cid, &v1));
}

static void test_text_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "b",
        "Qm",
        "x",
        /* v0 behind a prefix; v0 with a wrong checksum of a character outside the alphabet */
        "zQmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",
        "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3N0",
        "Qm11111111111111111111111111111111111111111111",
        /* cut, too long, unused bits, mixed case, a base that CIDs don't use, spaces */
        "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swu",
        "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swuaaa",
        "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swub",
        "bAfyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
        "BAfyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
        "mAXESIMGaeX+h/VkGzS5tCx1F8kbiobIoJcL4dAS4HcNFx6Vq",
        " bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua",
        "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua=",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        copse_cid cid = {.size = 99};
        copse_err err = {0};
        assert_int_equal(copse_cid_from_text(copse_bytes_of_text(texts[i]), &cid, &err),
                         COPSE_CORRUPT);
        assert_int_equal(cid.size, 99);
        assert_true(err.message[0] != '\0');
    }
    char text[400];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < 3; i++) {
        copse_cid cid;
        text[0] = "bkz"[i];
        assert_int_equal(
            copse_cid_from_text((copse_bytes){(const uint8_t *)text, sizeof text}, &cid, NULL),
            COPSE_LIMIT);
    }
}

/* Every CID has its text in every base, up to the longest. */
static void test_text_round_trip(void **state)
{
    (void)state;
    uint64_t random = 3;
    for (unsigned round = 0; round < 500; round++) {
        uint8_t digest[COPSE_CID_SIZE_BYTES_MAX - 4];
        char text[COPSE_CID_TEXT_SIZE_MAX];
        copse_cid cid;
        size_t len = round == 0 ? sizeof digest : (size_t)test_random_below(&random, sizeof digest);
        for (size_t i = 0; i < len; i++) {
            digest[i] = (uint8_t)(round == 0 ? 0xff : test_random(&random));
        }
        assert_int_equal(copse_cid_from_parts(COPSE_CODEC_RAW, COPSE_HASH_IDENTITY,
                                              (copse_bytes){digest, len}, &cid, NULL),
                         COPSE_OK);
        const copse_base bases[] = {COPSE_BASE32, COPSE_BASE36, COPSE_BASE58BTC};
        for (size_t i = 0; i < 3; i++) {
            size_t text_len = copse_cid_to_text(&cid, bases[i], text);
            assert_true(text_len < sizeof text);
            copse_cid back = cid_of_text(text);
            assert_true(copse_cid_equal(&back, &cid));
        }
    }
}

/* ---- Binary --------------------------------------------------------------------------------- */

static void test_binary(void **state)
{
    (void)state;
    static const struct {
        copse_status status;
        copse_bytes input;
    } rows[] = {
#define ROW(status, literal)                                                                       \
    {                                                                                              \
        status,                                                                                    \
        {                                                                                          \
            (const uint8_t *)(literal), sizeof(literal) - 1                                        \
        }                                                                                          \
    }
        ROW(COPSE_OK, "\x01\x71\x12\x20" DIGEST32),
        ROW(COPSE_OK, "\x01\x71\x12\x14" DIGEST20), /* cut to 20, as in Go's trees */
        ROW(COPSE_OK, "\x01\x71\x12\x00"),
        ROW(COPSE_OK, "\x01\xa9\x02\x12\x20" DIGEST32),
        ROW(COPSE_OK, "\x12\x20" DIGEST32),
        ROW(COPSE_OK, "\x01\x55\x00\x00"),
        ROW(COPSE_OK, "\x01\x55\x1e\x20" DIGEST32), /* a hash that Copse doesn't compute */
        ROW(COPSE_CORRUPT, ""),
        ROW(COPSE_CORRUPT, "\x01"),
        ROW(COPSE_CORRUPT, "\x01\x71\x12"),
        ROW(COPSE_CORRUPT, "\x01\x71\x12\x20" DIGEST20),
        ROW(COPSE_CORRUPT, "\x01\x71\x12\x21" DIGEST32 "\x21"),
        ROW(COPSE_CORRUPT, "\x01\x71\x12\x20" DIGEST32 "\x00"),
        ROW(COPSE_CORRUPT, "\x00\x71\x12\x20" DIGEST32),
        ROW(COPSE_CORRUPT, "\x02\x71\x12\x20" DIGEST32),
        ROW(COPSE_CORRUPT, "\x03\x71\x12\x20" DIGEST32),
        ROW(COPSE_CORRUPT, "\x81\x00\x71\x12\x20" DIGEST32),
        ROW(COPSE_CORRUPT, "\x01\xf1\x00\x12\x20" DIGEST32),
        ROW(COPSE_CORRUPT, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x00"),
        ROW(COPSE_CORRUPT, "\x12\x20" DIGEST20),
        ROW(COPSE_CORRUPT, "\x12\x14" DIGEST32),
        ROW(COPSE_CORRUPT, "\x12\x20" DIGEST32 "\x00"),
        ROW(COPSE_CORRUPT, "\x01\x55\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        copse_cid cid = {.size = 99};
        copse_err err = {0};
        if (copse_cid_from_bytes(rows[i].input, &cid, &err) != rows[i].status) {
            fail_msg("row %zu: %s", i, err.message);
        }
        assert_int_equal(cid.size, rows[i].status == COPSE_OK ? rows[i].input.len : 99);
    }
}

static void test_read(void **state)
{
    (void)state;
    uint8_t bytes[COPSE_CID_SIZE_BYTES_MAX + 2] = {0x01, 0x55, 0x00, COPSE_CID_SIZE_BYTES_MAX - 4};
    copse_cid cid;
    size_t size = 0;
    assert_int_equal(copse_cid_read((copse_bytes){bytes, sizeof bytes}, &cid, &size, NULL),
                     COPSE_OK);
    assert_int_equal(size, COPSE_CID_SIZE_BYTES_MAX);
    assert_int_equal(cid.size, size);
    bytes[3]++;
    assert_int_equal(copse_cid_read((copse_bytes){bytes, sizeof bytes}, &cid, &size, NULL),
                     COPSE_LIMIT);
    assert_int_equal(copse_cid_read(BYTES("\x12\x20" DIGEST32 "rest"), &cid, &size, NULL),
                     COPSE_OK);
    assert_int_equal(size, 34);
    for (size_t i = size; i < sizeof cid.bytes; i++) {
        assert_int_equal(cid.bytes[i], 0);
    }
}

static void test_from_parts(void **state)
{
    (void)state;
    static const uint8_t digest[200] = {0};
    copse_cid cid;
    copse_cid_parts parts;
    copse_bytes fits = {digest, COPSE_CID_SIZE_BYTES_MAX - 4};
    copse_bytes more = {digest, COPSE_CID_SIZE_BYTES_MAX - 3};
    copse_bytes sha = {digest, 33};
    assert_int_equal(copse_cid_from_parts(0x55, 0, fits, &cid, NULL), COPSE_OK);
    copse_cid_split(&cid, &parts);
    assert_true(parts.version == 1 && parts.codec == 0x55 && parts.hash == 0 &&
                copse_bytes_equal(parts.digest, fits));
    assert_int_equal(copse_cid_from_parts(0x55, 0, more, &cid, NULL), COPSE_LIMIT);
    assert_int_equal(copse_cid_from_parts(0x55, 0, (copse_bytes){digest, 200}, &cid, NULL),
                     COPSE_LIMIT);
    assert_int_equal(copse_cid_from_parts(0x55, COPSE_HASH_SHA2_256, sha, &cid, NULL),
                     COPSE_MISUSE);
    assert_int_equal(copse_cid_from_parts(UINT64_MAX, 0, fits, &cid, NULL), COPSE_MISUSE);
}

static void test_verify(void **state)
{
    (void)state;
    uint8_t digest[COPSE_SHA2_512_SIZE_BYTES];
    copse_cid cid;
    copse_sha2_256(BYTES("data"), digest);
    for (size_t len = 0; len <= COPSE_SHA2_256_SIZE_BYTES; len++) {
        assert_int_equal(
            copse_cid_from_parts(0x71, COPSE_HASH_SHA2_256, (copse_bytes){digest, len}, &cid, NULL),
            COPSE_OK);
        copse_status expected = len < 20 ? COPSE_MISUSE : COPSE_OK;
        assert_int_equal(copse_cid_verify(&cid, BYTES("data"), NULL), expected);
        expected = len < 20 ? COPSE_MISUSE : COPSE_CORRUPT;
        assert_int_equal(copse_cid_verify(&cid, BYTES("date"), NULL), expected);
    }
    copse_sha2_512(BYTES("data"), digest);
    copse_bytes whole = {digest, sizeof digest};
    assert_int_equal(copse_cid_from_parts(0x71, COPSE_HASH_SHA2_512, whole, &cid, NULL), COPSE_OK);
    assert_int_equal(copse_cid_verify(&cid, BYTES("data"), NULL), COPSE_OK);
    assert_int_equal(copse_cid_verify(&cid, BYTES(""), NULL), COPSE_CORRUPT);
    assert_int_equal(copse_cid_from_parts(0x55, COPSE_HASH_IDENTITY, BYTES("data"), &cid, NULL),
                     COPSE_OK);
    assert_int_equal(copse_cid_verify(&cid, BYTES("data"), NULL), COPSE_OK);
    assert_int_equal(copse_cid_verify(&cid, BYTES("dat"), NULL), COPSE_CORRUPT);
    assert_int_equal(copse_cid_from_parts(0x55, 0x1e, BYTES(DIGEST32), &cid, NULL), COPSE_OK);
    assert_int_equal(copse_cid_verify(&cid, BYTES("data"), NULL), COPSE_MISUSE);
    cid = (copse_cid){0};
    assert_int_equal(copse_cid_verify(&cid, BYTES("data"), NULL), COPSE_MISUSE);
}

static void test_order(void **state)
{
    (void)state;
    copse_cid a = cid_of_text("bafkqaaa");
    copse_cid b;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, BYTES("\xa0"), &b);
    assert_true(copse_cid_compare(&a, &b) < 0 && copse_cid_compare(&b, &a) > 0);
    assert_int_equal(copse_cid_compare(&a, &a), 0);
    assert_true(copse_cid_equal(&a, &a) && !copse_cid_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_forms),   cmocka_unit_test(test_v0),
        cmocka_unit_test(test_text_refused), cmocka_unit_test(test_text_round_trip),
        cmocka_unit_test(test_binary),       cmocka_unit_test(test_read),
        cmocka_unit_test(test_from_parts),   cmocka_unit_test(test_verify),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
