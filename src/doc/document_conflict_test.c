/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "doc/document_conflict.h"

#include <copse/dag_cbor.h>
#include <copse/dag_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/hex.h"
#include "support/test_env.h"

/* CIDs of commits in the order of their bytes. */
#define CONFLICT_A "\"bafyreiahpjczwr3sz75p3lun7zs6j56x7ird2zplzhxrxm24vmfuogfxce\""
#define CONFLICT_B "\"bafyreiaosndh7lf2fxuwe4jch2qe5hjd743xasws64y6xpzvi7r3uvde6m\""
#define CONFLICT_SIDE_A "{\"commit\":" CONFLICT_A ",\"time\":[1,0]}"
#define CONFLICT_SIDE_B "{\"commit\":" CONFLICT_B ",\"document\":{\"_id\":1},\"time\":[2,0]}"
#define CONFLICT_LINK "{\"/\":\"bafyreiahpjczwr3sz75p3lun7zs6j56x7ird2zplzhxrxm24vmfuogfxce\"}"

/* A row from its DAG-JSON, in `buf`. */
static copse_bytes conflict_row(copse_buf *buf, const copse_env *env, const char *json)
{
    copse_err err = {.message = ""};
    copse_buf_init(buf, env, SIZE_MAX);
    if (copse_dag_json_to_cbor(env, copse_bytes_of_text(json), buf, &err) != COPSE_OK) {
        fail_msg("%s: %s", json, err.message);
    }
    return copse_buf_view(buf);
}

/* ---- Encoding ---------------------------------------------------------------------------------
 */

typedef struct conflict_good {
    const char *json;
    size_t sides;
    bool is_waiting;
} conflict_good;

static const conflict_good conflict_goods[] = {
    {"{\"sides\":[" CONFLICT_SIDE_A "," CONFLICT_SIDE_B "]}", 2, false},
    {"{\"base\":{\"_id\":1},\"sides\":[{\"author\":\"did:key:zA\",\"commit\":" CONFLICT_A
     ",\"document\":{\"_id\":1,\"a\":1},\"time\":[1000,0]}," CONFLICT_SIDE_B "]}",
     2, false},
    {"{\"waiting\":{\"author\":\"did:key:zA\",\"clock\":[7,0],\"document\":{\"_id\":1,\"e\":5},"
     "\"index\":\"e\"}}",
     0, true},
    {"{\"base\":" CONFLICT_LINK ",\"sides\":[" CONFLICT_SIDE_A ",{\"commit\":" CONFLICT_B
     ",\"document\":[" CONFLICT_LINK "," CONFLICT_LINK "],\"time\":[9223372036854775807,4294967295]"
     "}],\"waiting\":{\"clock\":[0,0],\"document\":" CONFLICT_LINK ",\"index\":\"e\"}}",
     2, true},
};

static void test_rows_are_read_and_written(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof conflict_goods / sizeof conflict_goods[0]; i++) {
        copse_buf row;
        copse_buf again;
        copse_document_conflict conflict;
        copse_bytes bytes = conflict_row(&row, &test.env, conflict_goods[i].json);
        assert_int_equal(copse_conflict_decode(bytes, &conflict, NULL), COPSE_OK);
        assert_int_equal(conflict.sides_count, conflict_goods[i].sides);
        assert_int_equal(conflict.waiting.document.len > 0, conflict_goods[i].is_waiting);
        copse_buf_init(&again, &test.env, SIZE_MAX);
        assert_int_equal(copse_conflict_encode(&conflict, &again, NULL), COPSE_OK);
        assert_true(copse_bytes_equal(copse_buf_view(&again), bytes));
        copse_buf_release(&row);
        copse_buf_release(&again);
    }
    test_env_assert_empty(&test);
}

/* As another encoder makes it. */
static void test_the_format_is_frozen(void **state)
{
    (void)state;
    static const char golden[] = "a16777616974696e67a465636c6f636b82070065696e6465786165"
                                 "66617574686f726a6469643a6b65793a7a4168646f63756d656e74"
                                 "a2616505635f696401";
    uint8_t bytes[128];
    test_env test;
    copse_buf row;
    copse_document_conflict conflict = {.sides_count = 0};
    test_env_init(&test);
    copse_buf_init(&row, &test.env, SIZE_MAX);
    assert_int_equal(copse_conflict_encode(&conflict, &row, NULL), COPSE_OK);
    assert_int_equal(row.len, 0);
    const copse_bytes expected = hex_parse(golden, bytes, sizeof bytes);
    static const uint8_t document[] = {0xa2, 0x61, 'e', 5, 0x63, '_', 'i', 'd', 1};
    conflict.waiting = (copse_conflict_waiting){.index = copse_bytes_of_text("e"),
                                                .time_ms = 7,
                                                .author = copse_bytes_of_text("did:key:zA"),
                                                .document = {document, sizeof document}};
    assert_int_equal(copse_conflict_encode(&conflict, &row, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&row), expected));
    copse_buf_release(&row);
    test_env_assert_empty(&test);
}

/* What stands in each is wrong, and the message names the part. */
static const struct {
    const char *json;
    const char *part;
} conflict_bads[] = {
    {"[1]", "map"},
    {"{}", "sides"},
    {"{\"base\":{\"_id\":1}}", "sides"},
    {"{\"base\":1,\"sides\":[" CONFLICT_SIDE_A "," CONFLICT_SIDE_B "]}", "base"},
    {"{\"base\":{\"_id\":1},\"waiting\":{\"clock\":[0,0],\"document\":{\"_id\":1},"
     "\"index\":\"e\"}}",
     "sides"},
    {"{\"sides\":[" CONFLICT_SIDE_A "]}", "sides"},
    {"{\"sides\":[" CONFLICT_SIDE_B "," CONFLICT_SIDE_A "]}", "sides"},
    {"{\"sides\":[" CONFLICT_SIDE_A "," CONFLICT_SIDE_A "]}", "sides"},
    {"{\"sides\":[" CONFLICT_SIDE_A ",{\"commit\":" CONFLICT_B ",\"time\":[2,0]}]}", "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A
     ",\"document\":{\"_id\":1},\"time\":[1,0]}," CONFLICT_SIDE_B "]}",
     "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A ",\"time\":[1,0],\"x\":1}," CONFLICT_SIDE_B "]}",
     "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A "}," CONFLICT_SIDE_B "]}", "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A ",\"time\":[-1,0]}," CONFLICT_SIDE_B "]}", "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A ",\"time\":[9223372036854775808,0]}," CONFLICT_SIDE_B
     "]}",
     "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A ",\"time\":[0,4294967296]}," CONFLICT_SIDE_B "]}",
     "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A ",\"time\":[0]}," CONFLICT_SIDE_B "]}", "sides"},
    {"{\"sides\":[{\"author\":\"\",\"commit\":" CONFLICT_A ",\"time\":[1,0]}," CONFLICT_SIDE_B "]}",
     "sides"},
    {"{\"sides\":[{\"commit\":\"bafy\",\"time\":[1,0]}," CONFLICT_SIDE_B "]}", "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_LINK ",\"time\":[1,0]}," CONFLICT_SIDE_B "]}", "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A ",\"document\":1,\"time\":[1,0]}," CONFLICT_SIDE_B "]}",
     "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A ",\"document\":[" CONFLICT_LINK
     "],\"time\":[1,0]}," CONFLICT_SIDE_B "]}",
     "sides"},
    {"{\"sides\":[{\"commit\":" CONFLICT_A ",\"document\":[1,2],\"time\":[1,0]}," CONFLICT_SIDE_B
     "]}",
     "sides"},
    {"{\"waiting\":{\"clock\":[0,0],\"index\":\"e\"}}", "waiting"},
    {"{\"waiting\":{\"clock\":[0,0],\"document\":{\"_id\":1}}}", "waiting"},
    {"{\"waiting\":{\"clock\":[0,0],\"document\":{\"_id\":1},\"index\":\"\"}}", "waiting"},
    {"{\"waiting\":{\"clock\":[0,0],\"document\":{\"_id\":1},\"index\":\"e\",\"x\":1}}", "waiting"},
    {"{\"waiting\":{\"clock\":[0,0],\"document\":{\"_id\":1},\"index\":\"e\"},\"x\":1}", "a key"},
};

static void test_other_rows_are_refused(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof conflict_bads / sizeof conflict_bads[0]; i++) {
        copse_buf row;
        copse_err err = {.message = ""};
        copse_document_conflict conflict;
        copse_bytes bytes = conflict_row(&row, &test.env, conflict_bads[i].json);
        if (copse_conflict_decode(bytes, &conflict, &err) != COPSE_CORRUPT ||
            strstr(err.message, conflict_bads[i].part) == NULL) {
            fail_msg("%s: %s", conflict_bads[i].json, err.message);
        }
        copse_buf_release(&row);
    }
    test_env_assert_empty(&test);
}

/* A map of more than what stands inline is a link, and an author is no longer than a commit's. */
static void test_what_is_too_long_is_refused(void **state)
{
    (void)state;
    static char text[2048];
    static char json[4096];
    test_env test;
    copse_buf row;
    copse_document_conflict conflict;
    test_env_init(&test);
    for (size_t extra = 0; extra < 2; extra++) {
        size_t len = 1024 - 11 + extra; /* {"_id":1,"a":text} */
        memset(text, 'x', len);
        text[len] = '\0';
        (void)snprintf(json, sizeof json,
                       "{\"waiting\":{\"clock\":[0,0],\"document\":{\"_id\":1,\"a\":\"%s\"},"
                       "\"index\":\"e\"}}",
                       text);
        copse_bytes bytes = conflict_row(&row, &test.env, json);
        assert_int_equal(copse_conflict_decode(bytes, &conflict, NULL),
                         extra == 0 ? COPSE_OK : COPSE_CORRUPT);
        copse_buf_release(&row);
        text[256 + extra] = '\0';
        (void)snprintf(json, sizeof json,
                       "{\"waiting\":{\"author\":\"%s\",\"clock\":[0,0],\"document\":{\"_id\":1},"
                       "\"index\":\"e\"}}",
                       text);
        bytes = conflict_row(&row, &test.env, json);
        assert_int_equal(copse_conflict_decode(bytes, &conflict, NULL),
                         extra == 0 ? COPSE_OK : COPSE_CORRUPT);
        copse_buf_release(&row);
    }
    test_env_assert_empty(&test);
}

/* ---- Merging ----------------------------------------------------------------------------------
 */

enum { CONFLICT_HEADS = 24, CONFLICT_VALUES = 20 };

/* What head number `head` made of the document; the last ones made what the first ones did. */
static copse_conflict_side conflict_side(uint8_t head)
{
    static const uint8_t documents[CONFLICT_VALUES] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                                       10, 11, 12, 13, 14, 15, 16, 17, 18, 19};
    copse_conflict_side side = {.time_ms = head % 7};
    if (head % CONFLICT_VALUES > 0) {
        side.document = (copse_bytes){&documents[head % CONFLICT_VALUES], 1};
    }
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){&head, 1}, &side.commit);
    return side;
}

/* The sides of the heads whose numbers are set in `heads`; each says the same everywhere. */
static copse_document_conflict conflict_of(uint32_t heads)
{
    static const uint8_t base[1] = {0xa0};
    copse_document_conflict conflict = {.sides_count = 0};
    for (uint8_t i = 0; i < CONFLICT_HEADS; i++) {
        if (heads >> i & 1) {
            copse_document_conflict one = {.base = {base, 1}, .sides_count = 1};
            one.sides[0] = conflict_side(i);
            copse_conflict_unite(&conflict, &one);
        }
    }
    return conflict;
}

/* The heads that it has sides of, as above. */
static uint32_t conflict_heads(const copse_document_conflict *conflict)
{
    uint32_t heads = 0;
    for (uint8_t i = 0; i < CONFLICT_HEADS; i++) {
        copse_cid commit = conflict_side(i).commit;
        for (size_t k = 0; k < conflict->sides_count; k++) {
            heads |= (uint32_t)copse_cid_equal(&conflict->sides[k].commit, &commit) << i;
        }
    }
    return heads;
}

/* How many of the heads are before `head`: all of them, or those that made the same. */
static size_t conflict_count_before(uint32_t heads, uint8_t head, bool made_the_same)
{
    copse_conflict_side side = conflict_side(head);
    size_t count = 0;
    for (uint8_t i = 0; i < CONFLICT_HEADS; i++) {
        copse_conflict_side other = conflict_side(i);
        bool is_before = other.time_ms != side.time_ms
                             ? other.time_ms < side.time_ms
                             : copse_cid_compare(&other.commit, &side.commit) < 0;
        bool is_same = i % CONFLICT_VALUES == head % CONFLICT_VALUES;
        count += (heads >> i & 1) && is_before && (is_same || !made_the_same);
    }
    return count;
}

/* The heads whose sides stay of `heads` (C3). */
static uint32_t conflict_staying(uint32_t heads)
{
    uint32_t distinct = 0;
    uint32_t staying = 0;
    for (uint8_t i = 0; i < CONFLICT_HEADS; i++) {
        bool stays = (heads >> i & 1) && conflict_count_before(heads, i, true) == 0;
        distinct |= (uint32_t)stays << i;
    }
    for (uint8_t i = 0; i < CONFLICT_HEADS; i++) {
        bool stays = (distinct >> i & 1) &&
                     conflict_count_before(distinct, i, false) < COPSE_CONFLICT_SIDES_MAX;
        staying |= (uint32_t)stays << i;
    }
    return staying;
}

static void conflict_expect_same(const copse_document_conflict *a, const copse_document_conflict *b)
{
    bool is_same = conflict_heads(a) == conflict_heads(b);
    assert_true(is_same);
    assert_true(copse_conflict_same_sides(a, b));
}

static void test_unions_are_the_same_in_any_order(void **state)
{
    (void)state;
    uint64_t random = 4;
    size_t full = 0;
    for (int run = 0; run < 200; run++) {
        uint32_t sets[3];
        for (size_t i = 0; i < 3; i++) {
            sets[i] = (uint32_t)test_random(&random) & 0xffffff;
        }
        copse_document_conflict left = conflict_of(sets[0]);
        copse_document_conflict right = conflict_of(sets[1]);
        const copse_document_conflict a = left;
        const copse_document_conflict b = right;
        const copse_document_conflict c = conflict_of(sets[2]);
        copse_conflict_unite(&left, &b);
        copse_conflict_unite(&left, &c);
        copse_conflict_unite(&right, &c);
        copse_conflict_unite(&right, &a);
        conflict_expect_same(&left, &right);
        assert_int_equal(conflict_heads(&left), conflict_staying(sets[0] | sets[1] | sets[2]));
        copse_conflict_unite(&left, &right);
        conflict_expect_same(&left, &right);
        for (size_t i = 1; i < left.sides_count; i++) { /* C2 */
            assert_true(copse_cid_compare(&left.sides[i - 1].commit, &left.sides[i].commit) < 0);
        }
        assert_true(left.sides_count <= COPSE_CONFLICT_SIDES_MAX);
        full += left.sides_count == COPSE_CONFLICT_SIDES_MAX;
    }
    assert_true(full > 100);
}

/* Rows that merges don't make come from elsewhere: what is made of them can still be read. */
static void test_documents_of_one_commit_stand_in_their_order(void **state)
{
    (void)state;
    copse_document_conflict left = {.sides_count = 2};
    copse_document_conflict right;
    left.sides[0] = left.sides[1] = conflict_side(1);
    left.sides[1].document = conflict_side(2).document;
    right = left;
    right.sides[0].document = conflict_side(0).document;
    const copse_document_conflict first = left;
    copse_conflict_unite(&left, &right);
    copse_conflict_unite(&right, &first);
    assert_true(copse_conflict_same_sides(&left, &right));
    assert_int_equal(left.sides_count, 3);
    assert_int_equal(left.sides[0].document.len, 0);
    assert_int_equal(left.sides[1].document.ptr[0], 1);
}

/* base, ours, theirs, merged: sets of heads. */
static const uint32_t conflict_merges[][4] = {
    {0, 0, 0, 0},
    {0, 3, 0, 3},
    {0, 0, 3, 3},
    {3, 0, 3, 0},
    {3, 3, 0, 0},
    {3, 0, 0, 0},
    {3, 3, 7, 7},
    {3, 0, 7, 7},
    {3, 7, 11, 15},
    {0, 3, 5, 7},
    /* Head 20 made what head 0 did before it: nothing was added, and what is resolved stays so. */
    {3, 0, 0x100003, 0},
};

static void test_sides_merge_three_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conflict_merges / sizeof conflict_merges[0]; i++) {
        copse_document_conflict sides[4];
        copse_document_conflict merged;
        for (size_t k = 0; k < 4; k++) {
            sides[k] = conflict_of(conflict_merges[i][k]);
        }
        sides[1].waiting.document = (copse_bytes){(const uint8_t *)"\xa0", 1};
        copse_conflict_merge(&sides[0], &sides[1], &sides[2], &merged);
        assert_int_equal(conflict_heads(&merged), conflict_merges[i][3]);
        assert_int_equal(merged.waiting.document.len, 0);
        copse_conflict_merge(&sides[0], &sides[2], &sides[1], &merged);
        assert_int_equal(conflict_heads(&merged), conflict_merges[i][3]);
    }
}

static copse_status conflict_sweep_run(const copse_env *env, void *ctx)
{
    copse_document_conflict conflict = conflict_of(*(const uint32_t *)ctx);
    copse_buf row;
    copse_buf_init(&row, env, SIZE_MAX);
    copse_status status = copse_conflict_encode(&conflict, &row, NULL);
    assert_true(status == COPSE_OK || row.len == 0);
    copse_buf_release(&row);
    return status;
}

static void test_encoding_survives_failing_allocations(void **state)
{
    (void)state;
    uint32_t heads = 0xffff;
    assert_true(test_env_sweep(conflict_sweep_run, &heads, 100) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_read_and_written),
        cmocka_unit_test(test_the_format_is_frozen),
        cmocka_unit_test(test_other_rows_are_refused),
        cmocka_unit_test(test_what_is_too_long_is_refused),
        cmocka_unit_test(test_unions_are_the_same_in_any_order),
        cmocka_unit_test(test_documents_of_one_commit_stand_in_their_order),
        cmocka_unit_test(test_sides_merge_three_way),
        cmocka_unit_test(test_encoding_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
