/* Golden roots: tests/vectors/tree.tsv, which other implementations can check themselves against.
 * The entries are made by the formulas of docs/formats/tree.md, "Test vectors".
 * COPSE_GOLDEN_WRITE=1 prints the file as it should be now instead of comparing.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/memory_store.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tree_model.h"
#include "tree/chunker.h"
#include "tree/config.h"

#define GOLDEN_FILE COPSE_TEST_DIR "/vectors/tree.tsv"

enum { GOLDEN_LINE = 512 };

typedef struct golden_case {
    const char *name;
    size_t entries;
} golden_case;

static const golden_case golden_cases[] = {{"random", 0},    {"random", 1},      {"random", 10},
                                           {"random", 1000}, {"random", 100000}, {"oversized", 200},
                                           {"ground", 1000}, {"prefixes", 300},  {"example", 7}};

/* All cases but the example are built with the first two, the example with the third. */
static const copse_tree_config golden_configs[] = {{0, 0, 0}, {32, 1024, 128}, {0, 256, 16}};

static void golden_store_be(uint8_t *at, size_t size, uint64_t number)
{
    for (size_t i = size; i-- > 0; number >>= 8) {
        at[i] = (uint8_t)number;
    }
}

static void golden_add(copse_builder *builder, copse_bytes key, size_t size, uint8_t fill)
{
    uint8_t *bytes = malloc(size + 1);
    copse_err err = {0};
    assert_non_null(bytes);
    memset(bytes, fill, size);
    if (copse_builder_add_bytes(builder, key, (copse_bytes){bytes, size}, &err) != COPSE_OK) {
        fail_msg("%s", err.message);
    }
    free(bytes);
}

static int golden_compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* "random" and "oversized": splitmix64 from state 0. */
static void golden_add_random(copse_builder *builder, const copse_tree_config *config, size_t count,
                              bool oversized)
{
    uint64_t *numbers = calloc(count + 1, sizeof *numbers);
    uint64_t state = 0;
    uint64_t large[3] = {0};
    size_t large_count = 0;
    assert_non_null(numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = test_random(&state);
        if (i == 50 || i == 51 || i == 150) {
            large[large_count++] = numbers[i];
        }
    }
    qsort(numbers, count, sizeof *numbers, golden_compare);
    for (size_t i = 0; i < count; i++) {
        uint64_t x = numbers[i];
        uint8_t key[8];
        size_t size = (size_t)(x % 101);
        golden_store_be(key, 8, x);
        if (oversized && (x == large[0] || x == large[1] || x == large[2])) {
            size = config->size_bytes_max * 3u / 2;
        }
        golden_add(builder, (copse_bytes){key, 8}, size, (uint8_t)(x >> 8));
    }
    free(numbers);
}

/* "ground": no boundary by C1 at level 0, so that all cuts are forced. */
static void golden_add_ground(copse_builder *builder, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t key[8];
        uint32_t j = 0;
        golden_store_be(key, 4, i);
        do {
            golden_store_be(key + 4, 4, j++);
        } while (copse_chunk_draw((copse_bytes){key, 8}, 0) < 0xfff00000u);
        golden_add(builder, (copse_bytes){key, 8}, 86, 'v');
    }
}

/* "prefixes": the empty key, then k, kk, kkk ... of at most the longest key, then as they come. */
static void golden_add_prefixes(copse_builder *builder, const copse_tree_config *config,
                                size_t count)
{
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX];
    size_t longest = copse_tree_config_key_size_max(config);
    size_t few = count <= longest ? count : longest + 1;
    memset(key, 'k', sizeof key);
    for (size_t i = 0; i < few; i++) {
        golden_add(builder, (copse_bytes){key, i}, i % 7, (uint8_t)i);
    }
}

/* "example": keys a, b, c ... of one byte, values of ten bytes that repeat the key. */
static void golden_add_example(copse_builder *builder, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t key = (uint8_t)('a' + i);
        golden_add(builder, (copse_bytes){&key, 1}, 10, key);
    }
}

static copse_cid golden_root(const golden_case *which, const copse_tree_config *config,
                             size_t *ret_levels, uint64_t *ret_count)
{
    tree_world world;
    copse_builder *builder = NULL;
    copse_cid root = {0};
    tree_world_init(&world);
    assert_int_equal(copse_builder_new(&world.test.env, world.store, config, &builder, NULL),
                     COPSE_OK);
    if (strcmp(which->name, "ground") == 0) {
        golden_add_ground(builder, which->entries);
    } else if (strcmp(which->name, "example") == 0) {
        golden_add_example(builder, which->entries);
    } else if (strcmp(which->name, "prefixes") == 0) {
        golden_add_prefixes(builder, config, which->entries);
    } else {
        golden_add_random(builder, config, which->entries, strcmp(which->name, "oversized") == 0);
    }
    assert_int_equal(copse_builder_finish(builder, &root, NULL), COPSE_OK);
    copse_builder_free(builder);
    copse_tree *tree = tree_world_open(&world, &root);
    assert_int_equal(copse_tree_height(tree, ret_levels, NULL), COPSE_OK);
    assert_int_equal(copse_tree_count(tree, ret_count, NULL), COPSE_OK);
    copse_tree_close(tree);
    tree_world_release(&world);
    return root;
}

/* The line of a case, without its end. */
static void golden_line(const golden_case *which, copse_tree_config config,
                        char ret_line[GOLDEN_LINE])
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    size_t levels = 0;
    uint64_t count = 0;
    if (config.size_bytes_max == 0) {
        copse_tree_config_init(&config);
    }
    copse_cid root = golden_root(which, &config, &levels, &count);
    (void)copse_cid_to_text(&root, COPSE_BASE32, text);
    (void)snprintf(ret_line, GOLDEN_LINE, "%s\t%zu\t%u\t%u\t%u\t%llu\t%zu\t%s", which->name,
                   which->entries, config.size_bytes_min, config.size_bytes_max,
                   config.lambda_bytes, (unsigned long long)count, levels, text);
}

static const char golden_header[] = "# Golden roots of trees; docs/formats/tree.md, \"Test "
                                    "vectors\", says how the entries are made.\n"
                                    "# case\tn\tmin\tmax\tlambda\tentries\tlevels\troot\n";

static void test_golden_roots(void **state)
{
    (void)state;
    bool write = getenv("COPSE_GOLDEN_WRITE") != NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    size_t found = 0;
    if (write) {
        (void)fputs(golden_header, stdout);
    } else if (!test_read_file(GOLDEN_FILE, &bytes, &size)) {
        fail_msg("%s is not there", GOLDEN_FILE);
    }
    for (size_t i = 0; i < sizeof golden_cases / sizeof *golden_cases; i++) {
        for (size_t c = 0; c < sizeof golden_configs / sizeof *golden_configs; c++) {
            char line[GOLDEN_LINE];
            if ((strcmp(golden_cases[i].name, "example") == 0) != (c == 2)) {
                continue;
            }
            golden_line(&golden_cases[i], golden_configs[c], line);
            if (write) {
                (void)printf("%s\n", line);
                continue;
            }
            (void)strncat(line, "\n", sizeof line - strlen(line) - 1);
            if (memmem(bytes, size, line, strlen(line)) == NULL) {
                fail_msg("not in %s: %s", GOLDEN_FILE, line);
            }
            found++;
        }
    }
    size_t lines = 0;
    for (size_t i = 0; i < size; i++) {
        lines += bytes[i] == '\n';
    }
    free(bytes);
    assert_true(write || lines == found + 2);
}

int main(void)
{
    if (getenv("COPSE_GOLDEN_WRITE") != NULL) {
        test_golden_roots(NULL);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_roots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
