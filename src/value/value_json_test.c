/* The tables of docs/formats/values.md, "Extended JSON": tests/vectors/ext_json.tsv both ways, and
 * that it has every example of the document.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>

#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { JSON_FIELDS = 5, JSON_ROWS_MAX = 200, JSON_SIZE_MAX = 1 << 16 };

typedef struct json_row {
    const char *fields[JSON_FIELDS]; /* "" where there are fewer */
} json_row;

typedef struct json_table {
    char *text;
    size_t count;
    json_row rows[JSON_ROWS_MAX];
} json_table;

/* Reads a file as text, which the caller frees. */
static char *read_text(const char *path)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    assert_true(test_read_file(path, &bytes, &size));
    char *text = realloc(bytes, size + 1);
    assert_non_null(text);
    text[size] = '\0';
    return text;
}

/* Ends the line at `at` with NUL and returns the next one. */
static char *split_line(char *at)
{
    at += strcspn(at, "\n");
    if (*at != '\0') {
        *at++ = '\0';
    }
    return at;
}

static void json_table_init(json_table *table)
{
    table->count = 0;
    table->text = read_text(COPSE_TEST_DIR "/vectors/ext_json.tsv");
    for (char *line = table->text; *line != '\0';) {
        char *next = split_line(line);
        if (*line != '#') {
            assert_true(table->count < JSON_ROWS_MAX);
            json_row *row = &table->rows[table->count++];
            for (size_t i = 0; i < JSON_FIELDS; i++) {
                row->fields[i] = line;
                line += strcspn(line, "\t");
                if (*line != '\0') {
                    *line++ = '\0';
                }
            }
        }
        line = next;
    }
}

static copse_bytes decode_hex(const char *hex, uint8_t ret_bytes[256])
{
    size_t size = strlen(hex) / 2;
    assert_true(size <= 256);
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret_bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return (copse_bytes){ret_bytes, size};
}

static void check_read(const copse_env *env, const char *text, copse_ext_json_mode mode,
                       copse_bytes item)
{
    copse_buf buf;
    copse_err err = {0};
    copse_buf_init(&buf, env, JSON_SIZE_MAX);
    if (copse_ext_json_to_cbor(env, copse_bytes_of_text(text), mode, &buf, &err) != COPSE_OK ||
        !copse_bytes_equal(copse_buf_view(&buf), item)) {
        fail_msg("%s: not read as the item: %s", text, err.message);
    }
    copse_buf_release(&buf);
}

static void check_refused(const copse_env *env, const char *text, copse_ext_json_mode mode,
                          const char *expected, const char *why)
{
    copse_buf buf;
    copse_err err = {0};
    copse_buf_init(&buf, env, JSON_SIZE_MAX);
    copse_status status = copse_ext_json_to_cbor(env, copse_bytes_of_text(text), mode, &buf, &err);
    if (strcmp(copse_status_name(status), expected) != 0 || strstr(err.message, why) == NULL) {
        fail_msg("%s: %s, %s; not: %s", text, copse_status_name(status), err.message, why);
    }
    assert_int_equal(buf.len, 0);
    copse_buf_release(&buf);
}

/* Writes the item: as `expected`, which reads back. */
static void check_written(const copse_env *env, copse_bytes item, bool canonical,
                          const char *expected)
{
    copse_buf buf;
    copse_err err = {0};
    copse_buf_init(&buf, env, JSON_SIZE_MAX);
    if (copse_ext_json_from_cbor(env, item, canonical, &buf, &err) != COPSE_OK ||
        !copse_bytes_equal(copse_buf_view(&buf), copse_bytes_of_text(expected))) {
        fail_msg("%s: written as %.*s: %s", expected, (int)buf.len, (const char *)buf.ptr,
                 err.message);
    }
    check_read(env, expected, COPSE_EXT_JSON_VALUE, item);
    check_read(env, expected, COPSE_EXT_JSON_QUERY, item);
    copse_buf_release(&buf);
}

static void check_unwritable(const copse_env *env, const json_row *row)
{
    uint8_t bytes[256];
    copse_buf buf;
    copse_err err = {0};
    copse_bytes item = decode_hex(row->fields[1], bytes);
    for (int canonical = 0; canonical <= 1; canonical++) {
        copse_buf_init(&buf, env, JSON_SIZE_MAX);
        copse_status status = copse_ext_json_from_cbor(env, item, canonical, &buf, &err);
        if (strcmp(copse_status_name(status), row->fields[2]) != 0 ||
            strstr(err.message, row->fields[3]) == NULL) {
            fail_msg("%s: %s, %s", row->fields[1], copse_status_name(status), err.message);
        }
        assert_int_equal(buf.len, 0);
        copse_buf_release(&buf);
    }
}

static void check_row(const copse_env *env, const json_row *row)
{
    const char *const *fields = row->fields;
    uint8_t bytes[256];
    if (strcmp(fields[0], "value") == 0) {
        copse_bytes item = decode_hex(fields[2], bytes);
        assert_int_equal(copse_value_check(item, &env->limits, NULL), COPSE_OK);
        check_read(env, fields[1], COPSE_EXT_JSON_VALUE, item);
        check_read(env, fields[1], COPSE_EXT_JSON_QUERY, item);
        check_written(env, item, false, fields[3]);
        check_written(env, item, true, fields[4]);
    } else if (strcmp(fields[0], "query") == 0) {
        copse_bytes item = decode_hex(fields[2], bytes);
        check_read(env, fields[1], COPSE_EXT_JSON_QUERY, item);
        check_refused(env, fields[1], COPSE_EXT_JSON_VALUE, "CORRUPT", fields[3]);
    } else if (strcmp(fields[0], "refused") == 0) {
        check_refused(env, fields[1], COPSE_EXT_JSON_VALUE, fields[2], fields[3]);
        check_refused(env, fields[1], COPSE_EXT_JSON_QUERY, fields[2], fields[3]);
    } else {
        assert_string_equal(fields[0], "unwritable");
        check_unwritable(env, row);
    }
}

static void test_table(void **state)
{
    (void)state;
    test_env test;
    json_table table;
    test_env_init(&test);
    json_table_init(&table);
    for (size_t i = 0; i < table.count; i++) {
        check_row(&test.env, &table.rows[i]);
    }
    assert_true(table.count > 80);
    free(table.text);
    test_env_assert_empty(&test);
}

static bool json_table_has(const json_table *table, const char *example)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t k = 1; k < JSON_FIELDS; k++) {
            if (strcmp(table->rows[i].fields[k], example) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The code in a row of a table of the document. Returns its number of examples. */
static unsigned check_document_row(const json_table *table, char *line)
{
    unsigned examples = 0;
    for (char *at = strchr(line, '`'); at != NULL; at = strchr(at, '`')) {
        char *example = at + 1;
        at = strchr(example, '`');
        assert_non_null(at);
        *at++ = '\0';
        examples++;
        if (!json_table_has(table, example)) {
            fail_msg("values.md has an example that is not checked: %s", example);
        }
    }
    return examples;
}

/* Each example in the tables of "Extended JSON" is one of the table. */
static void test_document(void **state)
{
    (void)state;
    json_table table;
    unsigned examples = 0;
    json_table_init(&table);
    char *text = read_text(COPSE_TEST_DIR "/../docs/formats/values.md");
    char *line = strstr(text, "\n## Extended JSON");
    assert_non_null(line);
    for (line++; *line != '\0';) {
        char *next = split_line(line);
        if (*line == '|') {
            examples += check_document_row(&table, line);
        }
        line = next;
    }
    assert_true(examples > 40);
    free(text);
    free(table.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
