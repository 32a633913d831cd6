/* Rows by hand: their bytes, what is refused, and joins and writes that people can read. The laws
 * of joins are in document_version_join_test.c.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/hex.h"
#include "support/test_env.h"
#include "support/version_row.h"

/* ---- Golden bytes ---- */

#define ROW_VERSION "6776657273696f6e83" /* "version": a list of three */
#define ROW_FIELDS "666669656c6473"      /* "fields" */
#define ROW_HIDDEN "6668696464656e"      /* "hidden" */
#define ROW_AT_0 "821b0000018bcfe5680000"
#define ROW_AT_0_1 "821b0000018bcfe5680001"
#define ROW_AT_1 "821b0000018bcfe5680100"
#define ROW_AUTHOR "6a6469643a6b65793a7a36"

static void test_golden(void **state)
{
    const copse_version written = {.time_ms = 1700000000000};
    const copse_version changed = {.time_ms = 1700000000001,
                                   .author = copse_bytes_of_text("did:key:z6")};
    const copse_version_state none = {{NULL, 0}, {NULL, 0}};
    test_env test;
    version_row_state first;
    version_row_state second;
    version_row_state deleted;
    version_row_state joined;
    (void)state;
    test_env_init(&test);
    version_row_state_read(&test.env, "{\"_id\":1,\"a\":1}", "", &first);
    version_row_state_read(&test.env, "{\"_id\":1,\"a\":2}", "", &second);
    version_row_state_read(&test.env, "", "", &deleted);
    version_row_state_read(&test.env, "", "", &joined);
    assert_int_equal(copse_version_write(&test.env, COPSE_MERGE_LWW, version_row_id(), &none,
                                         copse_buf_view(&first.document), true, &written,
                                         &first.row, NULL),
                     COPSE_OK);
    version_row_assert_hex(&first.row, "a1" ROW_VERSION ROW_AT_0 "60f4");
    const copse_version_state before = version_row_view(&first);
    assert_int_equal(copse_version_write(&test.env, COPSE_MERGE_FIELD_WISE, version_row_id(),
                                         &before, copse_buf_view(&second.document), false, &changed,
                                         &second.row, NULL),
                     COPSE_OK);
    version_row_assert_hex(&second.row, "a2" ROW_FIELDS
                                        "a1616182" ROW_AT_1 ROW_AUTHOR ROW_VERSION ROW_AT_0 "60f4");
    assert_int_equal(copse_version_write(&test.env, COPSE_MERGE_FIELD_WISE, version_row_id(),
                                         &before, none.document, true, &written, &deleted.row,
                                         NULL),
                     COPSE_OK);
    version_row_assert_hex(&deleted.row, "a1" ROW_VERSION ROW_AT_0_1 "60f5");
    const copse_version_state a = version_row_view(&second);
    const copse_version_state b = version_row_view(&deleted);
    assert_int_equal(copse_version_join(&test.env, COPSE_MERGE_FIELD_WISE, version_row_id(), &a, &b,
                                        &joined.document, &joined.row, NULL),
                     COPSE_OK);
    assert_int_equal(joined.document.len, 0);
    version_row_assert_hex(&joined.row, "a3" ROW_FIELDS "a1616182" ROW_AT_1 ROW_AUTHOR ROW_HIDDEN
                                        "a1616102" ROW_VERSION ROW_AT_0_1 "60f5");
    version_row_state_release(&first);
    version_row_state_release(&second);
    version_row_state_release(&deleted);
    version_row_state_release(&joined);
    test_env_assert_empty(&test);
}

/* ---- Checks ---- */

#define ROW_DOCUMENT "{\"_id\":1,\"a\":1}"
#define ROW_DELETED "\"version\":[[5,0],\"\",true]}"

typedef struct row_case {
    const char *document;
    const char *row;
    const char *message; /* what the refusal says; NULL: it is a state */
} row_case;

static const row_case row_cases[] = {
    {"", "", NULL},
    {ROW_DOCUMENT, "", NULL},
    {"", "{" ROW_DELETED, NULL},
    {ROW_DOCUMENT, "{" VERSION_ROW_PRESENT, NULL},
    {ROW_DOCUMENT, "{\"version\":[[9223372036854775807,4294967295],\"\",false]}", NULL},
    {ROW_DOCUMENT, "{\"fields\":{\"\":[[5,0],\"z\"],\"a\":[[5,1],\"\"]}," VERSION_ROW_PRESENT,
     NULL},
    {"", "{\"fields\":{\"x\":[[6,0],\"\"]}," ROW_DELETED, NULL},
    {"", "{\"hidden\":{\"x\":7}," ROW_DELETED, NULL},
    {"", "{\"hidden\":{\"x\":7},\"version\":[[0,0],\"\",true]}", NULL},
    {ROW_DOCUMENT, "{\"hidden\":{\"$\":7}," VERSION_ROW_PRESENT, NULL},
    {"{\"_id\":1,\"$long\":1}", "{\"hidden\":{\"$x\":7}," VERSION_ROW_PRESENT, NULL},
    /* no row */
    {"", "[[5,0],\"\",true]", "no map"},
    {"", "{}", "no map"},
    {"", "{\"x\":1," ROW_DELETED, "wrong key"},
    {"", "{\"versions\":1," ROW_DELETED, "wrong key"},
    {"", "{\"fields\":{\"a\":[[6,0],\"\"]}}", "lacks one"},
    /* V1 */
    {"", "{\"version\":7}", "no list"},
    {"", "{\"version\":[[5,0],\"\"]}", "no list"},
    {"", "{\"version\":[[5,0],\"\",true,1]}", "a signature that is none"},
    {"", "{\"version\":[[5,0],\"\",true,1,1]}", "no list"},
    {"", "{\"version\":[5,\"\",true]}", "no time"},
    {"", "{\"version\":[[5],\"\",true]}", "no time"},
    {"", "{\"version\":[[5,0,0],\"\",true]}", "no time"},
    {"", "{\"version\":[[-1,0],\"\",true]}", "no time"},
    {"", "{\"version\":[[5.0,0],\"\",true]}", "no time"},
    {"", "{\"version\":[[9223372036854775808,0],\"\",true]}", "no time"},
    {"", "{\"version\":[[5,4294967296],\"\",true]}", "no time"},
    {"", "{\"version\":[[5,0],null,true]}", "no author"},
    {"", "{\"version\":[[5,0],\"\",1]}", "deletion"},
    {ROW_DOCUMENT, "{\"fields\":{\"a\":[[6,0],\"\",false]}," VERSION_ROW_PRESENT, "no list"},
    {ROW_DOCUMENT, "{\"fields\":{\"a\":[6,\"\"]}," VERSION_ROW_PRESENT, "no time"},
    /* V2 */
    {"", "{\"fields\":{}," ROW_DELETED, "lists no fields"},
    {"", "{\"fields\":[]," ROW_DELETED, "lists no fields"},
    {"", "{\"hidden\":{}," ROW_DELETED, "lists no fields"},
    {"", "{\"version\":[[0,0],\"\",true]}", "says nothing"},
    {ROW_DOCUMENT, "{\"version\":[[0,0],\"\",false]}", "says nothing"},
    /* V3 */
    {ROW_DOCUMENT, "{\"fields\":{\"a\":[[5,0],\"\"]}," VERSION_ROW_PRESENT, "not above"},
    {ROW_DOCUMENT, "{\"fields\":{\"x\":[[4,9],\"z\"]}," VERSION_ROW_PRESENT, "not above"},
    {"", "{\"fields\":{\"x\":[[5,0],\"\"]},\"hidden\":{\"x\":7}," ROW_DELETED, "not above"},
    /* V4 */
    {ROW_DOCUMENT, "{" ROW_DELETED, "is deleted"},
    {"", "{" VERSION_ROW_PRESENT, "without its document"},
    /* V5 */
    {ROW_DOCUMENT, "{\"hidden\":{\"x\":7}," VERSION_ROW_PRESENT, "without need"},
    {ROW_DOCUMENT, "{\"hidden\":{\"$x\":7}," VERSION_ROW_PRESENT, "without need"},
    {ROW_DOCUMENT, "{\"hidden\":{\"a\":7}," VERSION_ROW_PRESENT, "that is hidden"},
    {"{\"$\":1,\"_id\":1}", "{" VERSION_ROW_PRESENT, "that is hidden"},
    {"", "{\"hidden\":{\"x\":{\"$date\":\"now\"}}," ROW_DELETED, "no stored form"},
    /* V6 */
    {ROW_DOCUMENT, "{\"fields\":{\"_id\":[[6,0],\"\"]}," VERSION_ROW_PRESENT, "primary key"},
    {"", "{\"fields\":{\"_id\":[[6,0],\"\"]}," ROW_DELETED, "primary key"},
    {"", "{\"hidden\":{\"_id\":1}," ROW_DELETED, "primary key"},
    {"{\"a\":1}", "{" VERSION_ROW_PRESENT, "primary key"},
    {"{\"a\":1}", "", "primary key"},
};

static void row_check_case(const copse_env *env, const row_case *row)
{
    version_row_state state;
    copse_err err = {.message = ""};
    version_row_state_read(env, row->document, row->row, &state);
    const copse_version_state view = version_row_view(&state);
    copse_status status = copse_version_check(env, version_row_id(), &view, &err);
    if (status != (row->message != NULL ? COPSE_CORRUPT : COPSE_OK) ||
        (row->message != NULL && strstr(err.message, row->message) == NULL)) {
        fail_msg("%s %s: %s", row->document, row->row, err.message);
    }
    version_row_state_release(&state);
}

static void test_check(void **state)
{
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof row_cases / sizeof row_cases[0]; i++) {
        row_check_case(&test.env, &row_cases[i]);
    }
    test_env_assert_empty(&test);
}

/* Joins and writes refuse what the check does. */
static void test_no_states_are_refused(void **state)
{
    test_env test;
    version_row_state good;
    version_row_state out;
    (void)state;
    test_env_init(&test);
    version_row_state_read(&test.env, ROW_DOCUMENT, "{" VERSION_ROW_PRESENT, &good);
    const copse_version_state right = version_row_view(&good);
    for (size_t i = 0; i < sizeof row_cases / sizeof row_cases[0]; i++) {
        static const copse_merge_policy policies[] = {COPSE_MERGE_LWW, COPSE_MERGE_FIELD_WISE};
        copse_status expected = row_cases[i].message != NULL ? COPSE_CORRUPT : COPSE_OK;
        version_row_state bad;
        version_row_state_read(&test.env, row_cases[i].document, row_cases[i].row, &bad);
        const copse_version_state left = version_row_view(&bad);
        for (size_t j = 0; j < 2; j++) {
            version_row_state_read(&test.env, "9", "8", &out);
            assert_int_equal(copse_version_join(&test.env, policies[j], version_row_id(), &left,
                                                &right, &out.document, &out.row, NULL),
                             expected);
            assert_int_equal(copse_version_join(&test.env, policies[j], version_row_id(), &right,
                                                &left, &out.document, &out.row, NULL),
                             expected);
            if (expected != COPSE_OK) {
                version_row_assert_json(&test.env, &out.document, "9");
                version_row_assert_json(&test.env, &out.row, "8");
            }
            version_row_state_release(&out);
        }
        version_row_state_release(&bad);
    }
    version_row_state_release(&good);
    test_env_assert_empty(&test);
}

static void test_check_takes_any_bytes(void **state)
{
    static const char *const rows[] = {
        "a1" ROW_VERSION "82050060",                         /* ends too early */
        "a1" ROW_VERSION "82050060f500",                     /* and more */
        "a1" ROW_VERSION "8218050060f5",                     /* a long head */
        "a2" ROW_VERSION "82050060f5" ROW_HIDDEN "a1617801", /* out of order */
        "a2" ROW_VERSION "82050060f5" ROW_VERSION "82050060f5",
    };
    copse_env env;
    uint8_t bytes[VERSION_ROW_SIZE];
    (void)state;
    copse_env_init(&env);
    copse_version_state view = {
        .row = hex_parse("a1" ROW_VERSION "82050060f5", bytes, VERSION_ROW_SIZE)};
    assert_int_equal(copse_version_check(&env, version_row_id(), &view, NULL), COPSE_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        view.row = hex_parse(rows[i], bytes, VERSION_ROW_SIZE);
        assert_int_equal(copse_version_check(&env, version_row_id(), &view, NULL), COPSE_CORRUPT);
    }
    view.row = hex_parse("a1" ROW_VERSION "82050060f5", bytes, VERSION_ROW_SIZE);
    for (size_t size = 1; size < view.row.len; size++) {
        const copse_version_state cut = {.row = {view.row.ptr, size}};
        assert_int_equal(copse_version_check(&env, version_row_id(), &cut, NULL), COPSE_CORRUPT);
    }
}

/* ---- Reading ---- */

typedef struct row_reading {
    const char *row;
    const char *author;
    uint64_t time_ms;
    uint32_t time_counter;
    bool is_deleted;
} row_reading;

static void test_latest_and_deleted(void **state)
{
    static const row_reading readings[] = {
        {"", "", 0, 0, false},
        {"{" ROW_DELETED, "", 5, 0, true},
        {"{" VERSION_ROW_PRESENT, "", 5, 0, false},
        {"{\"fields\":{\"a\":[[6,2],\"y\"],\"b\":[[6,2],\"z\"],\"c\":[[6,1],\"zz\"]}," ROW_DELETED,
         "z", 6, 2, true},
        {"{\"hidden\":{\"a\":[[6,2],\"y\"]}," ROW_DELETED, "", 5, 0, true},
    };
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        const row_reading *expected = &readings[i];
        copse_buf row;
        copse_version version = {.time_ms = 99};
        bool is_deleted = !expected->is_deleted;
        version_row_read(&test.env, expected->row, &row);
        assert_int_equal(copse_version_latest(copse_buf_view(&row), &version, NULL), COPSE_OK);
        assert_int_equal(copse_version_is_deleted(copse_buf_view(&row), &is_deleted, NULL),
                         COPSE_OK);
        assert_int_equal(version.time_ms, expected->time_ms);
        assert_int_equal(version.time_counter, expected->time_counter);
        assert_true(copse_bytes_equal(version.author, copse_bytes_of_text(expected->author)));
        assert_true(is_deleted == expected->is_deleted);
        copse_buf_release(&row);
    }
    test_env_assert_empty(&test);
}

static void test_what_is_no_row_is_not_read(void **state)
{
    copse_env env;
    copse_buf row;
    copse_version version = {.time_ms = 99};
    bool is_deleted = true;
    (void)state;
    copse_env_init(&env);
    version_row_read(&env, "{\"fields\":{\"a\":[6,\"\"]}," VERSION_ROW_PRESENT, &row);
    assert_int_equal(copse_version_latest(copse_buf_view(&row), &version, NULL), COPSE_CORRUPT);
    copse_buf_release(&row);
    version_row_read(&env, "{\"version\":[[5,0],\"\",0]}", &row);
    assert_int_equal(copse_version_is_deleted(copse_buf_view(&row), &is_deleted, NULL),
                     COPSE_CORRUPT);
    assert_int_equal(version.time_ms, 99);
    assert_true(is_deleted);
    copse_buf_release(&row);
}

/* ---- Joins, as people read them ---- */

typedef struct row_join {
    const char *documents[3]; /* of a, of b, joined */
    const char *rows[3];
} row_join;

static const row_join row_joins[] = {
    /* Two fields, two writers. */
    {{"{\"_id\":1,\"a\":2,\"b\":1}", "{\"_id\":1,\"a\":1,\"b\":2}", "{\"_id\":1,\"a\":2,\"b\":2}"},
     {"{\"fields\":{\"a\":[[6,0],\"x\"]}," VERSION_ROW_PRESENT,
      "{\"fields\":{\"b\":[[6,0],\"y\"]}," VERSION_ROW_PRESENT,
      "{\"fields\":{\"a\":[[6,0],\"x\"],\"b\":[[6,0],\"y\"]},\"version\":[[5,0],\"\",false]}"}},
    /* One field: the later one; a removal is a write too. */
    {{"{\"_id\":1,\"a\":2}", "{\"_id\":1}", "{\"_id\":1}"},
     {"{\"fields\":{\"a\":[[6,0],\"x\"]}," VERSION_ROW_PRESENT,
      "{\"fields\":{\"a\":[[6,0],\"y\"]}," VERSION_ROW_PRESENT,
      "{\"fields\":{\"a\":[[6,0],\"y\"]},\"version\":[[5,0],\"\",false]}"}},
    /* A later insert takes away what was before, and keeps what is after. */
    {{"{\"_id\":1,\"a\":2,\"b\":3}", "{\"_id\":1,\"c\":4}", "{\"_id\":1,\"b\":3,\"c\":4}"},
     {"{\"fields\":{\"a\":[[6,0],\"\"],\"b\":[[8,0],\"\"]}," VERSION_ROW_PRESENT,
      "{\"version\":[[7,0],\"\",false]}",
      "{\"fields\":{\"b\":[[8,0],\"\"]},\"version\":[[7,0],\"\",false]}"}},
    /* Nobody has written since: the fields of both. */
    {{"{\"_id\":1,\"a\":1,\"b\":3}", "{\"_id\":1,\"a\":2}", "{\"_id\":1,\"a\":2,\"b\":3}"},
     {"", "", ""}},
    {{"", "", ""}, {"", "", ""}},
    /* A deletion hides later writes, and an insert at its version is above it. */
    {{"{\"_id\":1,\"a\":2}", "", ""},
     {"{\"fields\":{\"a\":[[8,0],\"\"]}," VERSION_ROW_PRESENT, "{\"version\":[[7,0],\"\",true]}",
      "{\"fields\":{\"a\":[[8,0],\"\"]},\"hidden\":{\"a\":2},\"version\":[[7,0],\"\",true]}"}},
    {{"", "{\"_id\":1,\"b\":1}", "{\"_id\":1,\"a\":2,\"b\":1}"},
     {"{\"fields\":{\"a\":[[8,0],\"\"]},\"hidden\":{\"a\":2},\"version\":[[7,0],\"\",true]}",
      "{\"version\":[[7,0],\"\",false]}",
      "{\"fields\":{\"a\":[[8,0],\"\"]},\"version\":[[7,0],\"\",false]}"}},
    /* A write at the deletion's version is hidden, but not listed. */
    {{"{\"_id\":1,\"a\":2}", "", ""},
     {"{\"fields\":{\"a\":[[7,0],\"\"]}," VERSION_ROW_PRESENT, "{\"version\":[[7,0],\"\",true]}",
      "{\"hidden\":{\"a\":2},\"version\":[[7,0],\"\",true]}"}},
    /* Without "a" the document would begin with a dollar; with "b" it does not. */
    {{"{\"_id\":1,\"a\":1,\"$x\":2}", "{\"_id\":1}", "{\"_id\":1}"},
     {"{\"fields\":{\"$x\":[[6,0],\"\"]}," VERSION_ROW_PRESENT,
      "{\"fields\":{\"a\":[[6,0],\"\"]}," VERSION_ROW_PRESENT,
      "{\"fields\":{\"a\":[[6,0],\"\"],\"$x\":[[6,0],\"\"]},\"hidden\":{\"$x\":2},"
      "\"version\":[[5,0],\"\",false]}"}},
    {{"{\"_id\":1}", "{\"_id\":1,\"b\":3}", "{\"$x\":2,\"_id\":1,\"b\":3}"},
     {"{\"hidden\":{\"$x\":2}," VERSION_ROW_PRESENT,
      "{\"fields\":{\"b\":[[6,0],\"\"]}," VERSION_ROW_PRESENT,
      "{\"fields\":{\"b\":[[6,0],\"\"]},\"version\":[[5,0],\"\",false]}"}},
};

static void test_joins(void **state)
{
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof row_joins / sizeof row_joins[0]; i++) {
        version_row_state in[3];
        version_row_state out;
        for (size_t j = 0; j < 3; j++) {
            version_row_state_read(&test.env, row_joins[i].documents[j], row_joins[i].rows[j],
                                   &in[j]);
        }
        version_row_state_read(&test.env, "", "", &out);
        const copse_version_state a = version_row_view(&in[0]);
        const copse_version_state b = version_row_view(&in[1]);
        assert_int_equal(copse_version_join(&test.env, COPSE_MERGE_FIELD_WISE, version_row_id(), &a,
                                            &b, &out.document, &out.row, NULL),
                         COPSE_OK);
        if (!copse_bytes_equal(copse_buf_view(&out.document), copse_buf_view(&in[2].document)) ||
            !copse_bytes_equal(copse_buf_view(&out.row), copse_buf_view(&in[2].row))) {
            fail_msg("join %zu is not %s %s", i, row_joins[i].documents[2], row_joins[i].rows[2]);
        }
        version_row_state_release(&out);
        for (size_t j = 0; j < 3; j++) {
            version_row_state_release(&in[j]);
        }
    }
    test_env_assert_empty(&test);
}

/* ---- Writes ---- */

typedef struct row_write {
    const char *before;
    uint64_t time_ms;
    uint32_t time_counter;
    const char *author;
    const char *row; /* of the document's deletion */
} row_write;

static void test_writes_are_above_all(void **state)
{
    static const row_write writes[] = {
        {"", 0, 0, "", "{\"version\":[[0,1],\"\",true]}"},
        {"", 0, 0, "y", "{\"version\":[[0,0],\"y\",true]}"},
        {"{\"version\":[[5,7],\"x\",false]}", 6, 0, "", "{\"version\":[[6,0],\"\",true]}"},
        {"{\"version\":[[5,7],\"x\",false]}", 5, 7, "y", "{\"version\":[[5,7],\"y\",true]}"},
        {"{\"version\":[[5,7],\"x\",false]}", 5, 7, "x", "{\"version\":[[5,8],\"x\",true]}"},
        {"{\"version\":[[5,7],\"x\",false]}", 5, 7, "", "{\"version\":[[5,8],\"\",true]}"},
        {"{\"version\":[[5,7],\"x\",false]}", 4, 9, "y", "{\"version\":[[5,8],\"y\",true]}"},
        {"{\"version\":[[5,4294967295],\"x\",false]}", 5, 0, "y",
         "{\"version\":[[6,0],\"y\",true]}"},
        {"{\"fields\":{\"a\":[[8,1],\"z\"]},\"version\":[[5,0],\"\",false]}", 6, 0, "y",
         "{\"version\":[[8,2],\"y\",true]}"},
    };
    test_env test;
    (void)state;
    test_env_init(&test);
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        const copse_version version = {writes[i].time_ms, writes[i].time_counter,
                                       copse_bytes_of_text(writes[i].author)};
        version_row_state before;
        copse_buf row;
        version_row_state_read(&test.env, ROW_DOCUMENT, writes[i].before, &before);
        copse_buf_init(&row, &test.env, SIZE_MAX);
        const copse_version_state view = version_row_view(&before);
        assert_int_equal(copse_version_write(&test.env, COPSE_MERGE_FIELD_WISE, version_row_id(),
                                             &view, (copse_bytes){NULL, 0}, false, &version, &row,
                                             NULL),
                         COPSE_OK);
        version_row_assert_json(&test.env, &row, writes[i].row);
        copse_buf_release(&row);
        version_row_state_release(&before);
    }
    test_env_assert_empty(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_no_states_are_refused),
        cmocka_unit_test(test_check_takes_any_bytes),
        cmocka_unit_test(test_latest_and_deleted),
        cmocka_unit_test(test_what_is_no_row_is_not_read),
        cmocka_unit_test(test_joins),
        cmocka_unit_test(test_writes_are_above_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
