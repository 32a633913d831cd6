/* Any bytes are refused as the row of a conflict, or are the one encoding of what they say; and
 * uniting and merging rows with themselves changes nothing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "doc/document_conflict.h"

#include <copse/dag_cbor.h>

#include "support/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_document_conflict conflict;
    copse_document_conflict other;
    const copse_document_conflict none = {.sides_count = 0};
    copse_buf row;
    copse_env_init(&env);
    const copse_bytes bytes = {data, size};
    if (copse_dag_cbor_check(bytes, &env.limits, COPSE_CBOR_STRICT, NULL) != COPSE_OK ||
        copse_conflict_decode(bytes, &conflict, NULL) != COPSE_OK) {
        return 0;
    }
    copse_buf_init(&row, &env, SIZE_MAX);
    fuzz_must(copse_conflict_encode(&conflict, &row, NULL) == COPSE_OK);
    fuzz_must(copse_bytes_equal(copse_buf_view(&row), bytes));
    copse_buf_release(&row);
    other = conflict;
    copse_conflict_unite(&other, &conflict);
    fuzz_must(copse_conflict_same_sides(&other, &conflict));
    copse_conflict_merge(&none, &conflict, &none, &other);
    fuzz_must(copse_conflict_same_sides(&other, &conflict) && other.waiting.document.len == 0);
    copse_conflict_merge(&conflict, &conflict, &none, &other);
    fuzz_must(copse_conflict_same_sides(&other, &none));
    return 0;
}
