/* Strict mode: what is accepted is read and written again as the same bytes, is accepted by lax
 * mode and skipped to the same end; and a map of its pairs in any order is that map.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_cbor.h>

#include "support/fuzz.h"

#include <string.h>

static void fuzz_rewrite(const copse_env *env, copse_bytes input)
{
    copse_buf buf;
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_buf_init(&buf, env, input.len); /* the bound on memory */
    copse_cbor_reader_init(&reader, input);
    copse_status status;
    while ((status = copse_cbor_next(&reader, &item, NULL)) == COPSE_OK) {
        fuzz_must(copse_cbor_write_item(&buf, &item) == COPSE_OK);
    }
    fuzz_must(status == COPSE_END);
    fuzz_must(copse_bytes_equal(copse_buf_view(&buf), input));
    copse_buf_release(&buf);
}

/* Takes a map apart, pair by pair from the last to the first, and lets the writer sort them. */
static void fuzz_sort(const copse_env *env, copse_bytes input)
{
    enum { PAIRS_MAX = 64 };
    copse_bytes pairs[PAIRS_MAX];
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init(&reader, input);
    fuzz_must(copse_cbor_next(&reader, &item, NULL) == COPSE_OK);
    if (item.kind != COPSE_CBOR_MAP || item.arg > PAIRS_MAX) {
        return;
    }
    for (size_t i = 0; i < item.arg; i++) {
        copse_bytes value;
        fuzz_must(copse_cbor_take(&reader, &pairs[i], NULL) == COPSE_OK);
        fuzz_must(copse_cbor_take(&reader, &value, NULL) == COPSE_OK);
        pairs[i].len += value.len;
    }
    copse_buf buf;
    copse_buf_init(&buf, env, input.len);
    for (size_t i = (size_t)item.arg; i > 0; i--) {
        fuzz_must(copse_buf_append(&buf, pairs[i - 1]) == COPSE_OK);
    }
    fuzz_must(copse_cbor_finish_map(&buf, 0, item.arg) == COPSE_OK);
    fuzz_must(copse_bytes_equal(copse_buf_view(&buf), input));
    copse_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_env_init(&env);
    copse_bytes input = {data, size};
    size_t item_size = 0;
    if (copse_dag_cbor_item_size(input, &env.limits, COPSE_CBOR_STRICT, &item_size, NULL) !=
        COPSE_OK) {
        return 0;
    }
    fuzz_must(item_size > 0 && item_size <= size);
    input.len = item_size;
    copse_cbor_reader reader;
    copse_cbor_reader_init(&reader, (copse_bytes){data, size});
    fuzz_must(copse_cbor_skip(&reader, NULL) == COPSE_OK && reader.at == data + item_size);
    fuzz_must(copse_dag_cbor_check(input, &env.limits, COPSE_CBOR_STRICT, NULL) == COPSE_OK);
    fuzz_must(copse_dag_cbor_check(input, &env.limits, COPSE_CBOR_LAX, NULL) == COPSE_OK);
    fuzz_rewrite(&env, input);
    fuzz_sort(&env, input);
    return 0;
}
