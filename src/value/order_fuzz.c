/* Order keys: what is taken for a key of three parts decodes to values whose key is the same bytes,
 * and skipping agrees. What is taken for two values compares as their keys do.
 *
 * The first byte says which of the two, and which parts are descending.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/order.h>

#include "support/fuzz.h"

#include <string.h>

enum { FUZZ_PARTS = 3, FUZZ_VALUES = 0x80 };

/* Writes a part again; of one that is cut, only the bytes are known. */
static void fuzz_write_part(copse_buf *again, const copse_order_part *part, copse_bytes original)
{
    if (part->cut) {
        fuzz_must(copse_buf_append(again, original) == COPSE_OK);
    } else {
        fuzz_must(copse_order_write(again, part, NULL) == COPSE_OK);
    }
}

static void fuzz_key(const copse_env *env, copse_bytes key, unsigned directions)
{
    copse_order_decoded decoded[FUZZ_PARTS];
    copse_order_part parts[FUZZ_PARTS];
    bool descending[FUZZ_PARTS];
    copse_buf items;
    copse_buf again;
    copse_bytes rest = key;
    for (size_t i = 0; i < FUZZ_PARTS; i++) {
        descending[i] = (directions >> i & 1) != 0;
    }
    copse_buf_init(&items, env, 64 + 40 * key.len); /* the bound on memory */
    copse_buf_init(&again, env, key.len);
    fuzz_must(copse_buf_reserve(&items, 1) == COPSE_OK);
    if (copse_order_decode(key, descending, FUZZ_PARTS, &items, decoded, NULL) == COPSE_OK) {
        for (size_t i = 0; i < FUZZ_PARTS; i++) {
            copse_bytes before = rest;
            parts[i] = (copse_order_part){
                .kind = decoded[i].kind,
                .descending = descending[i],
                .cut = decoded[i].cut,
                .encoded = {items.ptr + decoded[i].offset, decoded[i].size},
            };
            fuzz_must(copse_order_skip(&rest, descending[i], NULL) == COPSE_OK);
            fuzz_write_part(&again, &parts[i], (copse_bytes){before.ptr, before.len - rest.len});
        }
        fuzz_must(copse_order_write_trailer(&again, parts, FUZZ_PARTS, NULL) == COPSE_OK);
        fuzz_must(copse_bytes_equal(copse_buf_view(&again), key));
    } else {
        fuzz_must(items.len == 0);
    }
    copse_buf_release(&items);
    copse_buf_release(&again);
}

static int fuzz_sign(int order)
{
    return (order > 0) - (order < 0);
}

static void fuzz_values(const copse_env *env, copse_bytes input)
{
    size_t size = 0;
    if (copse_dag_cbor_item_size(input, &env->limits, COPSE_CBOR_STRICT, &size, NULL) != COPSE_OK) {
        return;
    }
    copse_bytes values[2] = {{input.ptr, size}, {input.ptr + size, input.len - size}};
    copse_buf keys[2];
    for (size_t i = 0; i < 2; i++) {
        if (copse_value_check(values[i], &env->limits, NULL) != COPSE_OK) {
            return;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        const copse_order_part part = {.kind = COPSE_ORDER_VALUE, .encoded = values[i]};
        copse_buf_init(&keys[i], env, 64 + 20 * input.len);
        fuzz_must(copse_order_write(&keys[i], &part, NULL) == COPSE_OK);
    }
    int order = 0;
    fuzz_must(copse_value_compare(values[0], values[1], &order, NULL) == COPSE_OK);
    fuzz_must(fuzz_sign(order) ==
              fuzz_sign(copse_bytes_compare(copse_buf_view(&keys[0]), copse_buf_view(&keys[1]))));
    copse_buf_release(&keys[0]);
    copse_buf_release(&keys[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    if (size == 0) {
        return 0;
    }
    copse_env_init(&env);
    copse_bytes input = {data + 1, size - 1};
    if ((data[0] & FUZZ_VALUES) != 0) {
        fuzz_values(&env, input);
    } else {
        fuzz_key(&env, input, data[0]);
    }
    return 0;
}
