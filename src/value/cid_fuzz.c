/* A CID that is read has one binary form and one text in each base. The input is taken as a binary
 * CID and as text.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/cid.h>

#include "support/fuzz.h"

#include <string.h>

static void fuzz_texts(const copse_cid *cid)
{
    const copse_base bases[] = {COPSE_BASE32, COPSE_BASE36, COPSE_BASE58BTC};
    for (size_t i = 0; i < 3; i++) {
        char text[COPSE_CID_TEXT_SIZE_MAX];
        copse_cid back;
        size_t len = copse_cid_to_text(cid, bases[i], text);
        fuzz_must(len < sizeof text && strlen(text) == len);
        fuzz_must(copse_cid_from_text(copse_bytes_of_text(text), &back, NULL) == COPSE_OK);
        fuzz_must(copse_cid_equal(&back, cid));
    }
}

static void fuzz_parts(const copse_cid *cid)
{
    copse_cid_parts parts;
    copse_cid back;
    copse_cid_split(cid, &parts);
    if (parts.version == 1) {
        fuzz_must(copse_cid_from_parts(parts.codec, parts.hash, parts.digest, &back, NULL) ==
                  COPSE_OK);
        fuzz_must(copse_cid_equal(&back, cid));
    }
}

/* Text that is accepted is what the encoder writes, or the same in upper case. */
static void fuzz_text_input(copse_bytes input)
{
    copse_cid cid;
    if (copse_cid_from_text(input, &cid, NULL) != COPSE_OK) {
        return;
    }
    char text[COPSE_CID_TEXT_SIZE_MAX];
    uint8_t prefix = input.ptr[0];
    bool upper = prefix == 'B' || prefix == 'K';
    copse_base base = prefix == 'k' || prefix == 'K' ? COPSE_BASE36
                      : prefix == 'z'                ? COPSE_BASE58BTC
                                                     : COPSE_BASE32;
    fuzz_must(copse_cid_to_text(&cid, base, text) == input.len);
    for (size_t i = 0; i < input.len; i++) {
        bool lower = text[i] >= 'a' && text[i] <= 'z';
        fuzz_must(input.ptr[i] == (uint8_t)(upper && lower ? text[i] - 'a' + 'A' : text[i]));
    }
    fuzz_texts(&cid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_bytes input = {data, size};
    copse_cid cid;
    size_t cid_size = 0;
    if (copse_cid_read(input, &cid, &cid_size, NULL) == COPSE_OK) {
        fuzz_must(cid_size == cid.size && cid_size <= size);
        fuzz_must(memcmp(cid.bytes, data, cid_size) == 0);
        fuzz_must(copse_cid_verify(&cid, input, NULL) != COPSE_LIMIT);
        fuzz_texts(&cid);
        fuzz_parts(&cid);
    }
    fuzz_text_input(input);
    return 0;
}
