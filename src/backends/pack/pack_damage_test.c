/* Damaged stores: flipped bits and files that are cut short or missing are found and named, the
 * rest is still read, nothing wrong is answered, and repair mends what can be mended.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/pack_small.h"

/* Copies the machine and changes `path`: byte `at` flipped, or cut there. */
static os_sim *damage_make(const pack_small *small, const char *path, size_t at, bool is_cut)
{
    copse_bytes content;
    os_sim *sim = os_sim_copy(small->sim);
    assert_true(os_sim_peek(sim, path, &content));
    uint8_t *bytes = malloc(content.len + 1);
    assert_non_null(bytes);
    memcpy(bytes, content.ptr, content.len);
    if (!is_cut) {
        bytes[at] ^= (uint8_t)(1u << at % 8);
    }
    os_sim_plant(sim, path, (copse_bytes){bytes, is_cut ? at : content.len});
    free(bytes);
    return sim;
}

/* Flips or cuts every `stride`-th byte of every file. Data of the pack's large blocks is long and
 * all alike: there it takes larger steps. */
static void damage_sweep(size_t stride, bool is_cut)
{
    pack_small small;
    size_t tried = 0;
    size_t blocks_right = 0;
    size_t refs_right = 0;
    size_t opened = 0;
    pack_small_init(&small);
    for (size_t f = 0; f < small.files_count; f++) {
        copse_bytes content;
        const char *path = small.files[f];
        assert_true(os_sim_peek(small.sim, path, &content));
        for (size_t at = stride / 3; at < content.len; at += stride) {
            bool is_bulk = content.len > 100000 && at > 200 && at + 1000 < content.len;
            os_sim *sim = damage_make(&small, path, at, is_cut);
            pack_small_result result = pack_small_examine(&small, sim, path, tried % 16 == 0);
            os_sim_free(sim);
            if (result.findings == 0) {
                fail_msg("%s: damage at byte %zu was not found", path, at);
            }
            assert_int_equal(result.findings_elsewhere, 0);
            tried++;
            opened += result.opened;
            blocks_right += result.blocks_right;
            refs_right += result.refs_right;
            at += is_bulk ? stride * 3001 : 0;
        }
    }
    print_message("%zu damages, %zu stores opened, %zu of %zu blocks read, %zu of %zu refs\n",
                  tried, opened, blocks_right, tried * small.blocks_count, refs_right,
                  tried * PACK_SMALL_REFS);
    assert_true(opened > tried / 2);
    assert_true(blocks_right > tried * small.blocks_count / 2);
    pack_small_release(&small);
}

static void damage_flipped_bits_are_found(void **state)
{
    (void)state;
    damage_sweep(13, false);
}

static void damage_cut_files_are_found(void **state)
{
    (void)state;
    damage_sweep(29, true);
}

static void damage_missing_files_are_named(void **state)
{
    (void)state;
    pack_small small;
    copse_err err = {0};
    pack_small_init(&small);
    for (size_t f = 0; f < small.files_count; f++) {
        os_sim *sim = os_sim_copy(small.sim);
        copse_os *os = os_sim_process(sim);
        assert_int_equal(os->ops->remove(os, small.files[f], &err), COPSE_OK);
        copse_os_free(os);
        if (strstr(small.files[f], "pack-") != NULL) {
            pack_small_result result = pack_small_examine(&small, sim, small.files[f], true);
            assert_true(result.opened);
            assert_int_equal(result.findings, 1);
            assert_true(result.blocks_right > 0);
        }
        os_sim_free(sim);
    }
    pack_small_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_flipped_bits_are_found),
        cmocka_unit_test(damage_cut_files_are_found),
        cmocka_unit_test(damage_missing_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
