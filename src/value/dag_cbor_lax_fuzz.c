/* Lax mode: what is accepted can be read to its end and skipped to the same end, each key of each
 * map is found, and nothing is allocated. Bytes that are refused are read too: the reader says
 * CORRUPT or ends, inside the input.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/dag_cbor.h>

#include "support/fuzz.h"

/* Standing before a map of a few pairs: finds each key, and behind it the value that follows. */
static void fuzz_find(const copse_cbor_reader *map)
{
    copse_cbor_reader walk = *map;
    copse_cbor_item head;
    fuzz_must(copse_cbor_next(&walk, &head, NULL) == COPSE_OK);
    for (uint64_t i = 0; i < head.arg && i < 16; i++) {
        copse_cbor_reader found = *map;
        copse_cbor_item key;
        fuzz_must(copse_cbor_next(&walk, &key, NULL) == COPSE_OK);
        fuzz_must(key.kind == COPSE_CBOR_TEXT);
        fuzz_must(copse_cbor_find_key(&found, key.bytes, NULL) == COPSE_OK);
        fuzz_must(found.at == walk.at);
        fuzz_must(copse_cbor_skip(&walk, NULL) == COPSE_OK);
    }
}

static void fuzz_read(copse_bytes input, bool valid)
{
    copse_cbor_reader reader;
    copse_cbor_item item;
    copse_cbor_reader_init_lax(&reader, input);
    for (size_t i = 0; i <= input.len; i++) {
        copse_cbor_reader before = reader;
        copse_status status = copse_cbor_next(&reader, &item, NULL);
        if (status != COPSE_OK) {
            fuzz_must(status == COPSE_END || (status == COPSE_CORRUPT && !valid));
            return;
        }
        fuzz_must(reader.at > before.at && reader.at <= reader.end);
        if (valid && item.kind == COPSE_CBOR_MAP) {
            fuzz_find(&before);
        }
    }
    fuzz_fail(__FILE__, __LINE__, "no more items than bytes");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_limits limits;
    copse_limits_init(&limits);
    copse_bytes input = {data, size};
    size_t item_size = 0;
    fuzz_read(input, false);
    if (copse_dag_cbor_item_size(input, &limits, COPSE_CBOR_LAX, &item_size, NULL) != COPSE_OK) {
        return 0;
    }
    fuzz_must(item_size > 0 && item_size <= size);
    copse_cbor_reader reader;
    copse_cbor_reader_init_lax(&reader, input);
    fuzz_must(copse_cbor_skip(&reader, NULL) == COPSE_OK && reader.at == data + item_size);
    fuzz_read((copse_bytes){data, item_size}, true);
    return 0;
}
