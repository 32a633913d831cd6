/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tree/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_env.h"

#define CID_A "01711220aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CID_B "01711220bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LINK_A "d82a582500" CID_A
#define LINK_B "d82a582500" CID_B

static size_t node_unhex(const char *hex, uint8_t *ret_bytes)
{
    size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret_bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return size;
}

static copse_block *node_block(const copse_env *env, const char *hex)
{
    uint8_t bytes[1024];
    copse_block *block = NULL;
    size_t size = node_unhex(hex, bytes);
    assert_int_equal(
        copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, (copse_bytes){bytes, size}, &block, NULL),
        COPSE_OK);
    return block;
}

/* Parses; NULL if it is refused with `expected`. */
static copse_node *node_expect(const copse_env *env, const char *hex, copse_tree_kind kind,
                               copse_status expected)
{
    copse_block *block = node_block(env, hex);
    copse_node *node = NULL;
    copse_err err = {0};
    copse_status status = copse_node_parse(env, block, kind, &node, &err);
    copse_block_unref(block);
    if (status != expected) {
        fail_msg("%s: %s (%s), not %s", hex, copse_status_name(status), err.message,
                 copse_status_name(expected));
    }
    if (status != COPSE_OK) {
        assert_null(node);
        assert_int_equal(err.status, status);
        assert_true(err.message[0] != '\0');
    }
    return node;
}

static copse_bytes node_text(const char *text)
{
    return copse_bytes_of_text(text);
}

static void test_leaf(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    /* [true, ["", "a", "ab"], [null, [1, 2], 'xyz']] */
    copse_node *node = node_expect(&test.env,
                                   "83f5834041614261628"
                                   "3f68201024378797a",
                                   COPSE_TREE_OURS, COPSE_OK);
    assert_true(node->leaf);
    assert_int_equal(node->count, 3);
    assert_int_equal(copse_node_key(node, 0).len, 0);
    assert_true(copse_bytes_equal(copse_node_key(node, 2), node_text("ab")));
    assert_int_equal(copse_node_value(node, 0).len, 1);
    assert_int_equal(copse_node_value(node, 1).len, 3);
    assert_true(copse_bytes_equal(copse_node_value(node, 2), node_text("Cxyz")));
    assert_true(copse_node_has_total(node));
    assert_int_equal(copse_node_total(node), 3);
    assert_int_equal(copse_node_lower(node, node_text("")), 0);
    assert_int_equal(copse_node_upper(node, node_text("")), 1);
    assert_int_equal(copse_node_lower(node, node_text("aa")), 2);
    assert_int_equal(copse_node_upper(node, node_text("a")), 2);
    assert_int_equal(copse_node_lower(node, node_text("b")), 3);
    assert_int_equal(copse_node_upper(node, node_text("b")), 3);
    assert_ptr_equal(copse_node_ref(node), node);
    assert_null(copse_node_unref(&test.env, node));
    copse_node_unref(&test.env, node);
    assert_null(copse_node_unref(&test.env, NULL));
    test_env_assert_empty(&test);
}

static void test_empty_leaf(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_node *node = node_expect(&test.env, "83f58080", COPSE_TREE_OURS, COPSE_OK);
    assert_int_equal(node->count, 0);
    assert_int_equal(copse_node_total(node), 0);
    assert_int_equal(copse_node_lower(node, node_text("x")), 0);
    copse_node_unref(&test.env, node);
    test_env_assert_empty(&test);
}

static void test_branch(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_node *node = node_expect(&test.env, "84f48240616182", COPSE_TREE_OURS, COPSE_CORRUPT);
    assert_null(node);
    node = node_expect(&test.env,
                       "84f482404161"
                       "82" LINK_A LINK_B "820519012c",
                       COPSE_TREE_OURS, COPSE_OK);
    assert_false(node->leaf);
    assert_int_equal(node->count, 2);
    assert_null(node->aheads);
    assert_int_equal(copse_node_ahead(node, 1), 0);
    assert_int_equal(copse_node_child_count(node, 0), 5);
    assert_int_equal(copse_node_child_count(node, 1), 300);
    assert_int_equal(copse_node_total(node), 305);
    assert_int_equal(copse_node_link(node, 1).len, 36);
    assert_int_equal(copse_node_link(node, 1).ptr[4], 0xbb);
    copse_node_unref(&test.env, node);
    node = node_expect(&test.env,
                       "85f482404161"
                       "82" LINK_A LINK_B "820102"
                       "820007",
                       COPSE_TREE_OURS, COPSE_OK);
    assert_int_equal(copse_node_ahead(node, 0), 0);
    assert_int_equal(copse_node_ahead(node, 1), 7);
    copse_node_unref(&test.env, node);
    test_env_assert_empty(&test);
}

/* Each of these breaks one rule. */
static const char *const node_refused[] = {
    /* the shape */
    "", "80", "a0", "82f580", "84f5808080", "83f48080", "83f68080", "8300", "83f5", "83f580",
    "83f5808000", "9803f58080", "83f5a080", "83f580a0", "83f5980080",
    "86f482404161"
    "82" LINK_A LINK_B "820102"
    "820001"
    "820001",
    /* N1 */
    "83f582416141618200"
    "00",
    "83f582416241618200"
    "00",
    "83f58242616141618200"
    "00",
    "83f5816161"
    "8100",
    "83f5815801"
    "61"
    "8100",
    "83f5815fff8100", "83f58141", "83f5815901008100",
    /* N2 */
    "83f581416180",
    "83f581416182"
    "0000",
    "83f5808100", "84f4808080",
    "84f482404161"
    "81" LINK_A "820102",
    "84f482404161"
    "82" LINK_A LINK_B "8101",
    "85f482404161"
    "82" LINK_A LINK_B "820102"
    "8101",
    "83f59affffffff80", "83f59bffffffffffffffff80",
    /* N3 */
    "83f581416181"
    "1800",
    "83f581416181"
    "c100",
    "83f581416181"
    "5f4101ff",
    "83f581416181"
    "fb7ff8000000000000",
    "83f581416181"
    "a2616200616100",
    "83f581416181"
    "41",
    "84f482404161"
    "82"
    "00"
    "00"
    "820102",
    "84f482404161"
    "82" LINK_A "d82a582500"
    "01551220"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    "820102",
    "84f482404161"
    "82" LINK_A "d82a582500"
    "01711320"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
    "820102",
    /* N4 */
    "84f482404161"
    "82" LINK_A LINK_B "820100",
    "84f482404161"
    "82" LINK_A LINK_B "820120",
    "84f482404161"
    "82" LINK_A LINK_B "82011801",
    "84f482404161"
    "82" LINK_A LINK_B "821bffffffffffffffff01",
    /* N5 */
    "85f482404161"
    "82" LINK_A LINK_B "820102"
    "820000",
    "85f482404161"
    "82" LINK_A LINK_B "820102"
    "82001b0000000100000000",
    "85f482404161"
    "82" LINK_A LINK_B "820102"
    "820040"};

static void test_refused(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof node_refused / sizeof *node_refused; i++) {
        assert_null(node_expect(&test.env, node_refused[i], COPSE_TREE_OURS, COPSE_CORRUPT));
    }
    test_env_assert_empty(&test);
}

/* Every cut of a good node is refused, and never read past its end (AddressSanitizer). */
static void test_truncated(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    char hex[] = "85f482404161"
                 "82" LINK_A LINK_B "820102"
                 "820007";
    for (size_t len = strlen(hex); len > 2; len -= 2) {
        hex[len - 2] = '\0';
        assert_null(node_expect(&test.env, hex, COPSE_TREE_OURS, COPSE_CORRUPT));
    }
    test_env_assert_empty(&test);
}

/* The config decides what a node may look like. */
static void test_kinds(void **state)
{
    (void)state;
    static const char draft[] = "83f48141"
                                "61"
                                "81" LINK_A;
    static const char go[] = "84f5814161810181"
                             "01";
    static const char ours[] = "84f482404161"
                               "82" LINK_A LINK_B "820102";
    test_env test;
    test_env_init(&test);
    copse_node *node = node_expect(&test.env, draft, COPSE_TREE_DRAFT, COPSE_OK);
    assert_false(copse_node_has_total(node));
    assert_int_equal(copse_node_link(node, 0).len, 36);
    assert_int_equal(copse_node_link(node, 0).ptr[0], 1);
    copse_node_unref(&test.env, node);
    node = node_expect(&test.env, go, COPSE_TREE_GO, COPSE_OK);
    assert_true(node->leaf);
    copse_node_unref(&test.env, node);
    (void)node_expect(&test.env, draft, COPSE_TREE_OURS, COPSE_CORRUPT);
    (void)node_expect(&test.env, draft, COPSE_TREE_GO, COPSE_CORRUPT);
    (void)node_expect(&test.env, go, COPSE_TREE_OURS, COPSE_CORRUPT);
    (void)node_expect(&test.env, go, COPSE_TREE_DRAFT, COPSE_CORRUPT);
    (void)node_expect(&test.env, ours, COPSE_TREE_DRAFT, COPSE_CORRUPT);
    /* A link with a digest of 20 bytes, as the Go implementation makes them. */
    node = node_expect(&test.env,
                       "84f4814161"
                       "81"
                       "d82a581900"
                       "01711214"
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                       "8101",
                       COPSE_TREE_GO, COPSE_OK);
    assert_int_equal(copse_node_link(node, 0).len, 24);
    assert_int_equal(copse_node_link(node, 0).ptr[0], 1);
    copse_node_unref(&test.env, node);
    test_env_assert_empty(&test);
}

static copse_status node_parse_size(const copse_env *env, size_t key_len, size_t value_len)
{
    size_t size = key_len + value_len + 12;
    uint8_t *bytes = calloc(1, size);
    copse_block *block = NULL;
    copse_node *node = NULL;
    uint8_t head[] = {0x83, 0xf5, 0x81, 0x59, (uint8_t)(key_len >> 8), (uint8_t)key_len};
    uint8_t *at = bytes;
    assert_non_null(bytes);
    memcpy(at, head, sizeof head);
    at += sizeof head + key_len;
    uint8_t tail[] = {0x81,
                      0x5a,
                      (uint8_t)(value_len >> 24),
                      (uint8_t)(value_len >> 16),
                      (uint8_t)(value_len >> 8),
                      (uint8_t)value_len};
    memcpy(at, tail, sizeof tail);
    assert_int_equal(
        copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, (copse_bytes){bytes, size}, &block, NULL),
        COPSE_OK);
    copse_status status = copse_node_parse(env, block, COPSE_TREE_OURS, &node, NULL);
    copse_node_unref(env, node);
    copse_block_unref(block);
    free(bytes);
    return status;
}

static void test_limits(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    assert_int_equal(node_parse_size(&test.env, 1024, 100000), COPSE_OK);
    assert_int_equal(node_parse_size(&test.env, 1025, 100000), COPSE_LIMIT);
    size_t most = test.env.limits.block_size_bytes_max - 12 - 1024;
    assert_int_equal(node_parse_size(&test.env, 1024, most), COPSE_OK);
    assert_int_equal(node_parse_size(&test.env, 1024, most + 1), COPSE_LIMIT);
    test_env_assert_empty(&test);
}

static copse_status node_run(const copse_env *env, void *ctx)
{
    copse_block *block = NULL;
    copse_node *node = NULL;
    uint8_t bytes[512];
    size_t size = node_unhex(ctx, bytes);
    copse_status status =
        copse_block_of_data(env, COPSE_CODEC_DAG_CBOR, (copse_bytes){bytes, size}, &block, NULL);
    if (status == COPSE_OK) {
        status = copse_node_parse(env, block, COPSE_TREE_OURS, &node, NULL);
    }
    copse_node_unref(env, node);
    copse_block_unref(block);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    char hex[] = "85f482404161"
                 "82" LINK_A LINK_B "820102"
                 "820007";
    assert_int_equal(test_env_sweep(node_run, hex, 10), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaf),      cmocka_unit_test(test_empty_leaf),
        cmocka_unit_test(test_branch),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
