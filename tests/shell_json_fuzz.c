/* What somebody types in `copse shell` where JSON is read.
 *
 * Asserts (J1) that what is Extended JSON is accepted and stands for the same value, (J2) that what
 * is written is JSON to yajl, if it is UTF-8, and is written again as it is, (J3) the bound of its
 * size; and that what is refused is refused for a reason, at a place in the text.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "../apps/copse/shell_json.c"

#include "support/fuzz.h"
#include "support/test_env.h"
#include "support/yajl.h"
#include "value/utf8.h"

#include <copse/ext_json.h>

enum { FUZZ_TEXT_MAX = 1 << 26 };

/* Reads the one value that `text` is; false: it is none. */
static bool fuzz_read(copse_bytes text, copse_buf *out)
{
    copse_shell_json reader = {.text = text, .out = out, .now_ms = 1700000000000};
    bool is_value = copse_shell_json_value(&reader);
    fuzz_must(reader.at <= text.len);
    fuzz_must(is_value == (reader.problem == NULL));
    return is_value && copse_shell_json_peek(&reader) == 0 && reader.at == text.len;
}

static void fuzz_value(const copse_env *env, copse_bytes text)
{
    copse_buf json;
    copse_buf again;
    copse_buf cbor;
    copse_buf_init(&json, env, FUZZ_TEXT_MAX);
    copse_buf_init(&again, env, FUZZ_TEXT_MAX);
    copse_buf_init(&cbor, env, FUZZ_TEXT_MAX);
    bool is_ext_json =
        copse_ext_json_to_cbor(env, text, COPSE_EXT_JSON_QUERY, &cbor, NULL) == COPSE_OK;
    bool is_read = fuzz_read(text, &json);
    copse_bytes view = copse_buf_view(&json);
    fuzz_must(is_read || !is_ext_json);
    fuzz_must(json.len <= 32 * text.len + 64);
    if (is_read) {
        fuzz_must(test_yajl_takes(view, false) || !copse_utf8_valid(text));
        fuzz_must(fuzz_read(view, &again));
        fuzz_must(copse_bytes_equal(view, copse_buf_view(&again)));
        copse_buf_truncate(&again, 0);
    }
    if (is_ext_json) {
        fuzz_must(copse_ext_json_to_cbor(env, view, COPSE_EXT_JSON_QUERY, &again, NULL) ==
                  COPSE_OK);
        fuzz_must(copse_bytes_equal(copse_buf_view(&cbor), copse_buf_view(&again)));
    }
    copse_buf_release(&cbor);
    copse_buf_release(&again);
    copse_buf_release(&json);
}

/* The other two readers: of names and of texts. */
static void fuzz_parts(const copse_env *env, copse_bytes text)
{
    copse_buf out;
    copse_buf_init(&out, env, FUZZ_TEXT_MAX);
    copse_shell_json name = {.text = text, .out = &out};
    fuzz_must(copse_shell_json_name(&name) == (name.problem == NULL) && name.at <= text.len);
    copse_shell_json quoted = {.text = text, .out = &out};
    fuzz_must(copse_shell_json_text(&quoted) == (quoted.problem == NULL) && quoted.at <= text.len);
    fuzz_must(out.len == 0 || memchr(out.ptr, 0, out.len) == NULL);
    copse_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env test;
    test_env_init(&test);
    fuzz_value(&test.env, (copse_bytes){data, size});
    fuzz_parts(&test.env, (copse_bytes){data, size});
    fuzz_must(test.blocks == 0);
    return 0;
}
