/* Records that anybody puts, whatever they are: what is taken is given out byte for byte, is valid,
 * and is never older than what was there; the rest leaves everything as it was.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "serve/relayed_records.h"

#include "support/fuzz.h"

/* The name of a record in the corpus: anybody may put a record of it once more, or a damaged one.
 */
static const char fuzz_name[] = "k51qzi5uqu5dit2ku9mutlfgwyz8u730on38kd10m97m36bjt66my99hb6103f";

static uint64_t fuzz_clock(void *ctx)
{
    (void)ctx;
    return 1700000000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_public_key name;
    copse_ipns_record said;
    copse_bytes record = {data, size};
    copse_env_init(&env);
    env.clock = fuzz_clock;
    copse_relayed_records records = {.env = &env};
    fuzz_must(copse_public_key_from_name(copse_bytes_of_text(fuzz_name), &name, NULL) == COPSE_OK);
    copse_status status = copse_relayed_records_put(&records, &name, record, true, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_DENIED ||
              status == COPSE_LIMIT);
    const copse_relayed_record *found = copse_relayed_records_find(&records, &name);
    fuzz_must((found != NULL) == (status == COPSE_OK));
    if (found != NULL) {
        fuzz_must(copse_bytes_equal(copse_buf_view(&found->bytes), record));
        fuzz_must(copse_ipns_verify(&env, record, &name, fuzz_clock(NULL), &said, NULL) ==
                  COPSE_OK);
        fuzz_must(copse_ipns_compare(&said, &found->said) == 0 &&
                  copse_bytes_equal(said.value, found->said.value));
        fuzz_must(size <= COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
        fuzz_must(copse_relayed_records_put(&records, &name, record, true, NULL) == COPSE_OK);
    }
    fuzz_must(records.count <= 1);
    copse_relayed_records_release(&records);
    return 0;
}
