/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/version_row.h"

#include <copse/dag_json.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/hex.h"

void version_row_read(const copse_env *env, const char *json, copse_buf *buf)
{
    copse_err err;
    copse_buf_init(buf, env, SIZE_MAX);
    if (json[0] != '\0' &&
        copse_dag_json_to_cbor(env, copse_bytes_of_text(json), buf, &err) != COPSE_OK) {
        fail_msg("%s: %s", json, err.message);
    }
}

void version_row_state_read(const copse_env *env, const char *document, const char *row,
                            version_row_state *ret_state)
{
    version_row_read(env, document, &ret_state->document);
    version_row_read(env, row, &ret_state->row);
}

void version_row_state_release(version_row_state *state)
{
    copse_buf_release(&state->document);
    copse_buf_release(&state->row);
}

copse_version_state version_row_view(const version_row_state *state)
{
    return (copse_version_state){copse_buf_view(&state->document), copse_buf_view(&state->row)};
}

copse_bytes version_row_id(void)
{
    return copse_bytes_of_text("_id");
}

void version_row_assert_hex(const copse_buf *buf, const char *hex)
{
    uint8_t bytes[VERSION_ROW_SIZE];
    copse_bytes expected = hex_parse(hex, bytes, sizeof bytes);
    assert_int_equal(buf->len, expected.len);
    assert_memory_equal(buf->ptr, expected.ptr, expected.len);
}

void version_row_assert_json(const copse_env *env, const copse_buf *buf, const char *json)
{
    copse_buf text;
    copse_buf_init(&text, env, SIZE_MAX);
    if (buf->len > 0) {
        assert_int_equal(
            copse_dag_json_from_cbor(env, copse_buf_view(buf), COPSE_CBOR_STRICT, &text, NULL),
            COPSE_OK);
    }
    assert_int_equal(copse_buf_append_byte(&text, 0), COPSE_OK);
    assert_string_equal((const char *)text.ptr, json);
    copse_buf_release(&text);
}
