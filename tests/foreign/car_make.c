/* Writes CARs and DAG-JSON for the foreign software to read, and reads what that wrote.
 *
 *   car_make write FOLDER          v1.car, v2.car, cbor.car and cbor.jsonl (a line for each block)
 *   car_make read FILE             prints the roots, then each section's CID and size, verified
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/car.h>
#include <copse/dag_json.h>

#include "support/car_memory.h"
#include "support/cbor_random.h"
#include "support/test_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAKE_SIZE_MAX = 1 << 26, MAKE_BLOCKS = 500 };

static void make_require(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "car_make: %s\n", what);
        exit(1);
    }
}

static void make_save(const char *folder, const char *name, copse_bytes bytes)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    make_require(file != NULL, path);
    make_require(fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len, path);
    make_require(fclose(file) == 0, path);
}

static void make_car(const copse_env *env, const char *folder, uint64_t version)
{
    copse_buf car;
    copse_err err = {0};
    copse_car_writer_options options = {.version = version};
    copse_buf_init(&car, env, MAKE_SIZE_MAX);
    make_require(car_memory_write(env, &options, version, MAKE_BLOCKS, &car, &err) == COPSE_OK,
                 err.message);
    make_save(folder, version == 1 ? "v1.car" : "v2.car", copse_buf_view(&car));
    copse_buf_release(&car);
}

/* Random DAG-CBOR blocks, and the DAG-JSON of each on a line of its own. */
static void make_cbor(const copse_env *env, const char *folder)
{
    uint64_t random = 11;
    copse_buf car;
    copse_buf lines;
    copse_buf block;
    copse_cid cid;
    copse_err err = {0};
    copse_car_writer *writer = NULL;
    copse_car_writer_options options = {.version = 1};
    copse_buf_init(&car, env, MAKE_SIZE_MAX);
    copse_buf_init(&lines, env, MAKE_SIZE_MAX);
    copse_buf_init(&block, env, MAKE_SIZE_MAX);
    car_memory_sink sink = {.buf = &car, .writes_max = SIZE_MAX};
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){(const uint8_t *)"\xf6", 1}, &cid);
    copse_status status =
        copse_car_writer_new(env, &options, car_memory_sink_of(&sink), &cid, 1, &writer, &err);
    for (size_t i = 0; i < MAKE_BLOCKS && status == COPSE_OK; i++) {
        copse_buf_truncate(&block, 0);
        status = cbor_random_item(&random, 4, &block);
        copse_bytes data = copse_buf_view(&block);
        copse_cid_of_data(COPSE_CODEC_DAG_CBOR, data, &cid);
        if (status == COPSE_OK) {
            status = copse_dag_json_from_cbor(env, data, COPSE_CBOR_STRICT, &lines, &err);
        }
        if (status == COPSE_OK) {
            status = copse_buf_append_byte(&lines, '\n');
        }
        if (status == COPSE_OK) {
            status = copse_car_writer_put(writer, &cid, data, &err);
        }
    }
    make_require(status == COPSE_OK, err.message);
    make_require(copse_car_writer_finish(writer, NULL, &err) == COPSE_OK, err.message);
    (void)copse_car_writer_free(writer);
    make_save(folder, "cbor.car", copse_buf_view(&car));
    make_save(folder, "cbor.jsonl", copse_buf_view(&lines));
    copse_buf_release(&car);
    copse_buf_release(&lines);
    copse_buf_release(&block);
}

static void make_print(const copse_car_item *item)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    if (item->kind == COPSE_CAR_SECTION) {
        (void)copse_cid_to_text(&item->cid, COPSE_BASE32, text);
        (void)printf("%s %zu\n", text, item->data.len);
        return;
    }
    for (size_t i = 0; i < item->header->roots_count; i++) {
        (void)copse_cid_to_text(&item->header->roots[i], COPSE_BASE32, text);
        (void)printf("root %s\n", text);
    }
}

static void make_read(const copse_env *env, const char *path)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    copse_car_reader *reader = NULL;
    copse_car_item item;
    copse_err err = {0};
    make_require(test_read_file(path, &bytes, &size), path);
    copse_status status = copse_car_reader_new(env, NULL, &reader, &err);
    make_require(status == COPSE_OK, err.message);
    status = copse_car_reader_feed(reader, (copse_bytes){bytes, size}, &err);
    copse_car_reader_feed_end(reader);
    while (status == COPSE_OK) {
        status = copse_car_reader_next(reader, &item, &err);
        if (status == COPSE_OK) {
            make_print(&item);
        }
    }
    make_require(status == COPSE_END, err.message);
    (void)copse_car_reader_free(reader);
    free(bytes);
}

int main(int argc, char **argv)
{
    copse_env env;
    copse_env_init(&env);
    make_require(argc == 3, "car_make write FOLDER | read FILE");
    if (strcmp(argv[1], "read") == 0) {
        make_read(&env, argv[2]);
        return 0;
    }
    make_car(&env, argv[2], 1);
    make_car(&env, argv[2], 2);
    make_cbor(&env, argv[2]);
    return 0;
}
