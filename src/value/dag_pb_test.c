/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "value/dag_pb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define RAW_CID "\x01\x55\x00\x01x" /* an identity CID of "x" */

#define BYTES(literal) ((copse_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

/* Reads all links; returns how many, or -1 for CORRUPT. */
static int count_links(copse_bytes node)
{
    copse_dag_pb_reader reader;
    copse_dag_pb_link link;
    copse_status status;
    int count = 0;
    copse_dag_pb_reader_init(&reader, node);
    while ((status = copse_dag_pb_next(&reader, &link, NULL)) == COPSE_OK) {
        assert_int_equal(link.cid.size, 5);
        count++;
    }
    assert_true(status == COPSE_END || status == COPSE_CORRUPT);
    return status == COPSE_END ? count : -1;
}

static void test_links(void **state)
{
    copse_bytes node = BYTES("\x12\x0e\x0a\x05" RAW_CID "\x12\x03"
                             "one\x18\x09"
                             "\x12\x07\x0a\x05" RAW_CID "\x0a\x02\x08\x01");
    copse_dag_pb_reader reader;
    copse_dag_pb_link link;
    (void)state;
    copse_dag_pb_reader_init(&reader, node);
    assert_int_equal(copse_dag_pb_next(&reader, &link, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(link.name, copse_bytes_of_text("one")));
    assert_memory_equal(link.cid.bytes, RAW_CID, 5);
    assert_int_equal(copse_dag_pb_next(&reader, &link, NULL), COPSE_OK);
    assert_int_equal(link.name.len, 0);
    assert_int_equal(copse_dag_pb_next(&reader, &link, NULL), COPSE_END);
    assert_true(reader.has_data && copse_bytes_equal(reader.data, BYTES("\x08\x01")));
    assert_int_equal(count_links(BYTES("")), 0);
    assert_int_equal(count_links(BYTES("\x0a\x00\x12\x07\x0a\x05" RAW_CID)), 1); /* data first */
}

/* E1 */
static void test_refuses(void **state)
{
    const copse_bytes broken[] = {
        BYTES("\x12"),                                        /* no length */
        BYTES("\x12\x08\x0a\x05" RAW_CID),                    /* past the end */
        BYTES("\x12\x02\x12\x00"),                            /* no CID */
        BYTES("\x12\x02\x0a\x00"),                            /* an empty one */
        BYTES("\x12\x0e\x0a\x05" RAW_CID "\x0a\x05" RAW_CID), /* two */
        BYTES("\x12\x09\x0a\x05" RAW_CID "\x22\x00"),         /* field 4 of a link */
        BYTES("\x12\x09\x0a\x05" RAW_CID "\x10\x00"),         /* a varint as name */
        BYTES("\x12\x08\x0a\x06" RAW_CID "x"),                /* bytes behind the CID */
        BYTES("\x0a\x00\x0a\x00"),                            /* data twice */
        BYTES("\x08\x01"),                                    /* a varint as data */
        BYTES("\x1a\x00"),                                    /* field 3 */
        BYTES("\x0d\x00\x00\x00\x00"),                        /* another wire type */
        BYTES("\x12\x87\x00\x0a\x05" RAW_CID),                /* a length in two bytes */
    };
    copse_unixfs_kind kind = COPSE_UNIXFS_SHARD;
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(count_links(broken[i]), -1);
        assert_int_equal(copse_unixfs_kind_of(broken[i], &kind, NULL), COPSE_CORRUPT);
        assert_int_equal(kind, COPSE_UNIXFS_SHARD);
    }
}

static void test_kinds(void **state)
{
    const struct {
        copse_bytes node;
        copse_unixfs_kind kind;
    } cases[] = {
        {BYTES("\x0a\x02\x08\x00"), COPSE_UNIXFS_FILE},
        {BYTES("\x0a\x02\x08\x01"), COPSE_UNIXFS_FOLDER},
        {BYTES("\x0a\x04\x08\x02\x18\x05"), COPSE_UNIXFS_FILE},
        {BYTES("\x0a\x02\x08\x03"), COPSE_UNIXFS_OTHER},
        {BYTES("\x0a\x02\x08\x04"), COPSE_UNIXFS_OTHER},
        {BYTES("\x0a\x02\x08\x05"), COPSE_UNIXFS_SHARD},
        {BYTES("\x0a\x02\x08\x06"), COPSE_UNIXFS_OTHER},
        {BYTES("\x0a\x02\x12\x00"), COPSE_UNIXFS_OTHER},
        {BYTES("\x0a\x01\xff"), COPSE_UNIXFS_OTHER},
        {BYTES("\x0a\x00"), COPSE_UNIXFS_OTHER},
        {BYTES(""), COPSE_UNIXFS_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        copse_unixfs_kind kind = COPSE_UNIXFS_SHARD;
        assert_int_equal(copse_unixfs_kind_of(cases[i].node, &kind, NULL), COPSE_OK);
        assert_int_equal(kind, cases[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
