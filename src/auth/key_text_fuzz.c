/* A text that names a key is the text of that key (K1), but for the base of an IPNS name. The input
 * is taken as each kind of text.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/key.h>

#include "support/fuzz.h"

#include <string.h>

static bool fuzz_is_text(copse_bytes input, const char *text, size_t len)
{
    return copse_bytes_equal(input, (copse_bytes){(const uint8_t *)text, len});
}

static void fuzz_name(copse_bytes input, const copse_public_key *key)
{
    char text[COPSE_KEY_TEXT_SIZE_MAX];
    copse_cid cid;
    copse_cid back;
    copse_public_key_to_cid(key, &cid);
    if (fuzz_is_text(input, text, copse_public_key_to_peer_id(key, text)) ||
        fuzz_is_text(input, text, copse_public_key_to_name(key, text))) {
        return;
    }
    fuzz_must(copse_cid_from_text(input, &back, NULL) == COPSE_OK && copse_cid_equal(&back, &cid));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_bytes input = {data, size};
    char text[COPSE_KEY_TEXT_SIZE_MAX];
    copse_public_key key;
    copse_public_key back;
    if (copse_public_key_from_did(input, &key, NULL) == COPSE_OK) {
        fuzz_must(fuzz_is_text(input, text, copse_public_key_to_did(&key, text)));
    }
    if (copse_public_key_from_name(input, &key, NULL) == COPSE_OK) {
        fuzz_name(input, &key);
    }
    if (size == sizeof key.bytes) {
        memcpy(key.bytes, data, size);
        size_t len = copse_public_key_to_name(&key, text);
        fuzz_must(len == strlen(text) && len < sizeof text);
        fuzz_must(copse_public_key_from_name(copse_bytes_of_text(text), &back, NULL) == COPSE_OK);
        fuzz_must(copse_public_key_equal(&key, &back));
        len = copse_public_key_to_did(&key, text);
        fuzz_must(copse_public_key_from_did((copse_bytes){(const uint8_t *)text, len}, &back,
                                            NULL) == COPSE_OK);
        fuzz_must(copse_public_key_equal(&key, &back));
    }
    return 0;
}
