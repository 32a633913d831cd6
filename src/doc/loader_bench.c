/* Loading posts of about 400 bytes with three indexes, and checking them: JSON is not part of it.
 * COPSE_BENCH_POSTS: how many, a million if it is not set.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/database_check.h>
#include <copse/loader.h>

#include "support/bench.h"
#include "support/memory_runs.h"

#include <stdlib.h>
#include <string.h>

enum {
    BENCH_POSTS = 1000000,
    BENCH_MEMORY = 256 << 20,
    BENCH_TEXT = 250,
    BENCH_AUTHORS = 1000,
    BENCH_TAGS = 200,
    BENCH_TAGS_A_POST = 3
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

/* {"at": date, "_id": ObjectId, "tags": [3], "text": 250, "title", "author"} */
static void bench_post(copse_buf *buf, uint64_t number, uint64_t *random)
{
    static const char words[] = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do ";
    char text[BENCH_TEXT + 1];
    uint8_t id[12] = {0x65};
    for (size_t i = 0; i < 8; i++) {
        id[11 - i] = (uint8_t)(number >> (8 * i));
    }
    for (size_t i = 0; i < BENCH_TEXT; i++) {
        text[i] = words[(i + number) % (sizeof words - 1)];
    }
    text[BENCH_TEXT] = 0;
    copse_buf_truncate(buf, 0);
    bench_check(copse_cbor_write_map(buf, 6), NULL);
    bench_text(buf, "at");
    bench_check(
        copse_value_write_date(buf, (int64_t)(1600000000000 + bench_random(random) % 100000000000)),
        NULL);
    bench_text(buf, "_id");
    bench_check(copse_value_write_object_id(buf, id), NULL);
    bench_text(buf, "tags");
    bench_check(copse_cbor_write_array(buf, BENCH_TAGS_A_POST), NULL);
    for (size_t i = 0; i < BENCH_TAGS_A_POST; i++) {
        bench_name(buf, 't', bench_random(random) % BENCH_TAGS);
    }
    bench_text(buf, "text");
    bench_text(buf, text);
    bench_text(buf, "title");
    bench_name(buf, 'p', number % BENCH_POSTS);
    bench_text(buf, "author");
    bench_name(buf, 'a', bench_random(random) % BENCH_AUTHORS);
}

static copse_tree *bench_schema(bench_db *db)
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

int main(void)
{
    const char *wish = getenv("COPSE_BENCH_POSTS");
    size_t count = wish != NULL ? strtoul(wish, NULL, 10) : BENCH_POSTS;
    bench_db db;
    memory_runs runs;
    copse_run_store store = memory_runs_init(&runs);
    copse_loader *loader;
    copse_tree *loaded;
    copse_write_stats stats;
    copse_buf post;
    uint64_t random = 7;
    uint64_t size = 0;
    double adding = 0;
    bench_db_open(&db);
    copse_tree *tree = bench_schema(&db);
    copse_buf_init(&post, &db.env, SIZE_MAX);
    bench_check(copse_loader_new(tree, db.store, copse_bytes_of_text("posts"),
                                 copse_bytes_of_text("_id"), COPSE_DOCUMENTS_INLINE, BENCH_MEMORY,
                                 &store, &loader, &db.err),
                &db.err);
    for (size_t i = 0; i < count; i++) {
        bench_post(&post, i, &random);
        double start = bench_now();
        bench_check(copse_loader_add(loader, copse_buf_view(&post), i, &db.err), &db.err);
        adding += bench_now() - start;
        size += post.len;
    }
    double start = bench_now();
    bench_check(copse_loader_finish(loader, &loaded, &stats, NULL, &db.err), &db.err);
    double finishing = bench_now() - start;
    bench_row("bytes a post", (double)size / (double)count, "B");
    bench_row("index rows a post", (double)stats.index_rows_added / (double)count, "");
    bench_row("adding", adding * 1e6 / (double)count, "us/post");
    bench_row("building", finishing * 1e6 / (double)count, "us/post");
    bench_row("together", (double)count / (adding + finishing), "posts/s");
    copse_loader_free(loader);
    copse_database_check_stats checked;
    start = bench_now();
    bench_check(
        copse_database_check(&db.env, db.store, copse_tree_root(loaded), NULL, &checked, &db.err),
        &db.err);
    bench_row("checking", (bench_now() - start) * 1e6 / (double)count, "us/post");
    if (checked.defects > 0 || checked.documents != count) {
        bench_fail("the check found defects");
    }
    copse_tree_close(loaded);
    copse_tree_close(tree);
    copse_buf_release(&post);
    bench_db_close(&db);
    return 0;
}
