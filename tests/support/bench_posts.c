/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "support/bench_posts.h"

#include "support/memory_runs.h"

#include <copse/loader.h>
#include <copse/value.h>

enum {
    BENCH_TITLES = 1000000,
    BENCH_TEXT = 250,
    BENCH_AUTHORS = 1000,
    BENCH_TAGS = 200,
    BENCH_TAGS_A_POST = 3,
    BENCH_MEMORY = 256 << 20
};

static void bench_text(copse_buf *buf, const char *text)
{
    bench_check(copse_cbor_write_text(buf, copse_bytes_of_text(text)), NULL);
}

static void bench_name(copse_buf *buf, char kind, uint64_t number)
{
    char name[16];
    size_t size = 0;
    name[size++] = kind;
    for (uint64_t scale = 100000; scale > 0; scale /= 10) {
        name[size++] = (char)('0' + number / scale % 10);
    }
    name[size] = 0;
    bench_text(buf, name);
}

/* The random state of a part of a post: its own unless `edit` changed it. */
static uint64_t bench_part(uint64_t number, bench_posts_edit part, bench_posts_edit edit,
                           uint64_t salt)
{
    return number * 4 + part + (edit == part ? (salt + 1) << 40 : 0);
}

void bench_posts_make(copse_buf *buf, uint64_t number, bench_posts_edit edit, uint64_t salt)
{
    static const char words[] = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do ";
    char text[BENCH_TEXT + 1];
    uint8_t id[12] = {0x65};
    uint64_t all = bench_part(number, BENCH_POSTS_ALL, edit, salt);
    uint64_t author = bench_part(number, BENCH_POSTS_AUTHOR, edit, salt);
    size_t first = edit == BENCH_POSTS_TEXT ? number + salt + 1 : number;
    for (size_t i = 0; i < 8; i++) {
        id[11 - i] = (uint8_t)(number >> (8 * i));
    }
    for (size_t i = 0; i < BENCH_TEXT; i++) {
        text[i] = words[(i + first) % (sizeof words - 1)];
    }
    text[BENCH_TEXT] = 0;
    copse_buf_truncate(buf, 0);
    bench_check(copse_cbor_write_map(buf, 6), NULL);
    bench_text(buf, "at");
    bench_check(
        copse_value_write_date(buf, (int64_t)(1600000000000 + bench_random(&all) % 100000000000)),
        NULL);
    bench_text(buf, "_id");
    bench_check(copse_value_write_object_id(buf, id), NULL);
    bench_text(buf, "tags");
    bench_check(copse_cbor_write_array(buf, BENCH_TAGS_A_POST), NULL);
    for (size_t i = 0; i < BENCH_TAGS_A_POST; i++) {
        bench_name(buf, 't', bench_random(&all) % BENCH_TAGS);
    }
    bench_text(buf, "text");
    bench_text(buf, text);
    bench_text(buf, "title");
    bench_name(buf, 'p', number % BENCH_TITLES);
    bench_text(buf, "author");
    bench_name(buf, 'a', bench_random(&author) % BENCH_AUTHORS);
}

copse_tree *bench_posts_schema(bench_db *db)
{
    static const copse_sort_field fields[3][2] = {
        {{.path = {(const uint8_t *)"tags", 4}, .array = true},
         {.path = {(const uint8_t *)"at", 2}, .descending = true}},
        {{.path = {(const uint8_t *)"at", 2}}},
        {{.path = {(const uint8_t *)"author", 6}},
         {.path = {(const uint8_t *)"at", 2}, .descending = true}},
    };
    static const size_t counts[3] = {2, 1, 2};
    copse_tree_config config;
    copse_tree *empty;
    copse_tree *tree;
    copse_write *write;
    copse_bytes posts = copse_bytes_of_text("posts");
    copse_tree_config_init(&config);
    bench_check(copse_tree_new(db->cache, db->store, &config, &empty, &db->err), &db->err);
    bench_check(copse_write_new(&db->env, &write, &db->err), &db->err);
    bench_check(copse_write_create_collection(write, posts, copse_bytes_of_text("_id"),
                                              COPSE_DOCUMENTS_INLINE, &db->err),
                &db->err);
    for (size_t i = 0; i < 3; i++) {
        const copse_index_definition definition = {.fields = fields[i], .fields_count = counts[i]};
        bench_check(copse_write_create_index(write, posts, &definition, &db->err), &db->err);
    }
    bench_check(copse_write_apply(write, empty, db->store, NULL, &tree, NULL, NULL, &db->err),
                &db->err);
    copse_write_free(write);
    copse_tree_close(empty);
    return tree;
}

copse_tree *bench_posts_load(bench_db *db, size_t count)
{
    memory_runs runs;
    copse_run_store store = memory_runs_init(&runs);
    copse_loader *loader;
    copse_tree *loaded;
    copse_buf post;
    copse_tree *empty = bench_posts_schema(db);
    copse_buf_init(&post, &db->env, SIZE_MAX);
    bench_check(copse_loader_new(empty, db->store, copse_bytes_of_text("posts"),
                                 copse_bytes_of_text("_id"), COPSE_DOCUMENTS_INLINE, BENCH_MEMORY,
                                 &store, &loader, &db->err),
                &db->err);
    for (size_t i = 0; i < count; i++) {
        bench_posts_make(&post, i, BENCH_POSTS_AS_MADE, 0);
        bench_check(copse_loader_add(loader, copse_buf_view(&post), i, &db->err), &db->err);
    }
    bench_check(copse_loader_finish(loader, &loaded, NULL, NULL, &db->err), &db->err);
    copse_loader_free(loader);
    copse_tree_close(empty);
    copse_buf_release(&post);
    return loaded;
}
