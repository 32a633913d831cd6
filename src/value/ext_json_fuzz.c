/* Extended JSON from a stranger, in both modes, and DAG-CBOR to be written as Extended JSON: the
 * input is taken as all of them.
 *
 * Asserts that what is accepted is strict DAG-CBOR, in VALUE mode a value on all its levels, and
 * that both of its texts read back as the same; that yajl takes each text that we take; that a
 * failure appends nothing; and that memory stays in proportion to the input.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ext_json.h>

#include "support/fuzz.h"
#include "support/test_env.h"
#include "support/yajl.h"

enum { FUZZ_TEXT_MAX = 1 << 26 };

/* Writes `cbor` and reads it back: the same. LIMIT: it has the form of a link. */
static copse_status fuzz_round_trip(const copse_env *env, copse_bytes cbor, bool canonical,
                                    copse_ext_json_mode mode)
{
    copse_buf text;
    copse_buf again;
    copse_buf_init(&text, env, FUZZ_TEXT_MAX);
    copse_buf_init(&again, env, FUZZ_TEXT_MAX);
    copse_status status = copse_ext_json_from_cbor(env, cbor, canonical, &text, NULL);
    if (status == COPSE_OK) {
        fuzz_must(copse_ext_json_to_cbor(env, copse_buf_view(&text), mode, &again, NULL) ==
                  COPSE_OK);
        fuzz_must(copse_bytes_equal(cbor, copse_buf_view(&again)));
    } else {
        fuzz_must(text.len == 0);
    }
    copse_buf_release(&text);
    copse_buf_release(&again);
    return status;
}

static void fuzz_text(const copse_env *env, copse_bytes text, copse_ext_json_mode mode)
{
    copse_buf cbor;
    copse_buf_init(&cbor, env, FUZZ_TEXT_MAX);
    if (copse_ext_json_to_cbor(env, text, mode, &cbor, NULL) == COPSE_OK) {
        copse_bytes view = copse_buf_view(&cbor);
        fuzz_must(copse_dag_cbor_check(view, &env->limits, COPSE_CBOR_STRICT, NULL) == COPSE_OK);
        fuzz_must(mode == COPSE_EXT_JSON_QUERY ||
                  copse_value_check(view, &env->limits, NULL) == COPSE_OK);
        fuzz_must(fuzz_round_trip(env, view, true, mode) == COPSE_OK);
        fuzz_must(fuzz_round_trip(env, view, false, mode) == COPSE_OK);
        fuzz_must(test_yajl_takes(text, false));
    } else {
        fuzz_must(cbor.len == 0);
    }
    copse_buf_release(&cbor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env test;
    copse_bytes input = {data, size};
    test_env_init(&test);
    fuzz_text(&test.env, input, COPSE_EXT_JSON_VALUE);
    fuzz_text(&test.env, input, COPSE_EXT_JSON_QUERY);
    if (copse_value_check(input, &test.env.limits, NULL) == COPSE_OK) {
        for (int canonical = 0; canonical <= 1; canonical++) {
            copse_status status =
                fuzz_round_trip(&test.env, input, canonical, COPSE_EXT_JSON_VALUE);
            fuzz_must(status == COPSE_OK || status == COPSE_LIMIT);
        }
    }
    fuzz_must(test.blocks == 0);
    fuzz_must(test.peak_bytes <= 65536 + 80 * size);
    return 0;
}
