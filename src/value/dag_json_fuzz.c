/* JSON from a stranger, and DAG-CBOR to be written as JSON: the input is taken as both.
 *
 * Asserts that what is accepted is strict DAG-CBOR with a canonical text that reads back as the
 * same, and that memory stays within what dag_json.h promises.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_json.h>

#include "support/fuzz.h"
#include "support/test_env.h"

#include <string.h>

/* Text: read, write, read: the same. */
static void fuzz_text(const copse_env *env, copse_bytes text)
{
    copse_buf cbor;
    copse_buf canonical;
    copse_buf again;
    copse_buf_init(&cbor, env, 1 << 26);
    copse_buf_init(&canonical, env, 1 << 26);
    copse_buf_init(&again, env, 1 << 26);
    if (copse_dag_json_to_cbor(env, text, &cbor, NULL) == COPSE_OK) {
        copse_bytes view = copse_buf_view(&cbor);
        fuzz_must(copse_dag_cbor_check(view, &env->limits, COPSE_CBOR_STRICT, NULL) == COPSE_OK);
        fuzz_must(copse_dag_json_from_cbor(env, view, COPSE_CBOR_STRICT, &canonical, NULL) ==
                  COPSE_OK);
        fuzz_must(copse_dag_json_to_cbor(env, copse_buf_view(&canonical), &again, NULL) ==
                  COPSE_OK);
        fuzz_must(copse_bytes_equal(view, copse_buf_view(&again)));
    } else {
        fuzz_must(cbor.len == 0);
    }
    copse_buf_release(&cbor);
    copse_buf_release(&canonical);
    copse_buf_release(&again);
}

/* DAG-CBOR: if it can be written, it reads back as the same. */
static void fuzz_cbor(const copse_env *env, copse_bytes cbor)
{
    copse_buf text;
    copse_buf again;
    copse_buf_init(&text, env, 1 << 26);
    copse_buf_init(&again, env, 1 << 26);
    copse_status lax = copse_dag_json_from_cbor(env, cbor, COPSE_CBOR_LAX, &text, NULL);
    fuzz_must(lax == COPSE_OK || text.len == 0);
    copse_buf_truncate(&text, 0);
    if (copse_dag_json_from_cbor(env, cbor, COPSE_CBOR_STRICT, &text, NULL) == COPSE_OK) {
        fuzz_must(copse_dag_json_to_cbor(env, copse_buf_view(&text), &again, NULL) == COPSE_OK);
        fuzz_must(copse_bytes_equal(copse_buf_view(&again), cbor));
    } else {
        fuzz_must(text.len == 0);
    }
    copse_buf_release(&text);
    copse_buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env test;
    copse_bytes input = {data, size};
    test_env_init(&test);
    fuzz_text(&test.env, input);
    fuzz_cbor(&test.env, input);
    fuzz_must(test.blocks == 0);
    fuzz_must(test.peak_bytes <= 65536 + 80 * size);
    return 0;
}
