/* Whatever is read as a URL is the same address again when it is written (A2).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "support/fuzz.h"

#include <copse/address.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_buf text;
    copse_address address;
    copse_address again;
    copse_env_init(&env);
    copse_buf_init(&text, &env, SIZE_MAX);
    fuzz_must(copse_buf_append(&text, (copse_bytes){data, size}) == COPSE_OK);
    fuzz_must(copse_buf_append_byte(&text, '\0') == COPSE_OK);
    copse_status status = copse_address_parse(&env, (const char *)text.ptr, &address, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT);
    if (status == COPSE_OK && address.kind == COPSE_ADDRESS_URL) {
        bool is_file = copse_address_is_car(copse_bytes_of_text(address.name));
        copse_buf_truncate(&text, 0);
        fuzz_must(is_file
                      ? copse_buf_append(&text, (copse_bytes){(const uint8_t *)address.peer,
                                                              strlen(address.peer) + 1}) == COPSE_OK
                      : copse_address_page(address.peer, "/", address.name, "", &text) == COPSE_OK);
        fuzz_must(strlen((const char *)text.ptr) + 1 == text.len);
        fuzz_must(copse_address_parse(&env, (const char *)text.ptr, &again, NULL) == COPSE_OK);
        fuzz_must(strcmp(address.peer, again.peer) == 0 && strcmp(address.name, again.name) == 0);
        copse_address_release(&again);
    }
    if (status == COPSE_OK) {
        copse_address_release(&address);
    }
    copse_buf_release(&text);
    return 0;
}
