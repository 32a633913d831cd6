/* A database in a folder: opened or made, written, committed, queried. Complete in itself.
 *
 *     first_database [FOLDER]
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/commit.h>
#include <copse/ext_json.h>
#include <copse/pack_store.h>
#include <copse/query.h>
#include <copse/write.h>

#include <stdio.h>
#include <stdlib.h>

/* What an open database consists of. */
typedef struct blog_db {
    copse_env env;
    copse_os *os;
    copse_pack_db *db; /* the folder: blocks, and the refs that name some of them */
    copse_source *source;
    copse_node_cache *cache;
    copse_tree *tree;
    copse_cid head; /* the commit that the ref names; size 0 at first */
} blog_db;

static void blog_must(copse_status status, const copse_err *err)
{
    if (status != COPSE_OK) {
        (void)fprintf(stderr, "%s: %s\n", copse_status_name(status), err->message);
        exit(EXIT_FAILURE);
    }
}

static copse_bytes blog_ref(void)
{
    return copse_bytes_of_text("main");
}

/* The ref names a commit, the commit a tree. */
static void blog_open_head(blog_db *blog)
{
    copse_err err = {0};
    copse_block *block = NULL;
    copse_commit commit;
    blog_must(copse_store_get(copse_pack_db_store(blog->db), &blog->head, &block, &err), &err);
    blog_must(copse_commit_decode(&blog->env, block, &commit, &err), &err);
    blog_must(copse_tree_open(blog->cache, &commit.tree, &blog->tree, &err), &err);
    copse_block_unref(block);
}

static void blog_open(blog_db *blog, const char *folder)
{
    copse_err err = {0};
    copse_pack_options options = {.create = true, .durability = COPSE_DURABILITY_FULL};
    copse_env_init(&blog->env);
    copse_env_init_posix(&blog->env);
    blog_must(copse_os_posix_new(&blog->env, &blog->os, &err), &err);
    blog_must(copse_pack_db_open(&blog->env, blog->os, folder, &options, &blog->db, &err), &err);
    copse_store *store = copse_pack_db_store(blog->db);
    blog_must(copse_source_new(&blog->env, store, &blog->source, &err), &err);
    blog_must(copse_node_cache_new(&blog->env, blog->source, &blog->cache, &err), &err);
    copse_status status =
        copse_refs_get(copse_pack_db_refs(blog->db), blog_ref(), &blog->head, &err);
    if (status == COPSE_NOT_FOUND) {
        copse_tree_config config;
        copse_tree_config_init(&config);
        status = copse_tree_new(blog->cache, store, &config, &blog->tree, &err);
    } else if (status == COPSE_OK) {
        blog_open_head(blog);
    }
    blog_must(status, &err);
}

static void blog_close(blog_db *blog)
{
    copse_tree_close(blog->tree);
    copse_node_cache_free(blog->cache);
    copse_source_free(blog->source);
    copse_pack_db_close(blog->db);
    copse_os_free(blog->os);
}

/* Makes a commit of the tree, and moves the ref to it: from here on the write is durable. */
static void blog_commit(blog_db *blog, const char *message)
{
    copse_err err = {0};
    copse_commit commit;
    copse_block *block = NULL;
    bool is_first = blog->head.size == 0;
    blog_must(copse_commit_next(&blog->env, blog->source, copse_tree_root(blog->tree), &blog->head,
                                is_first ? 0 : 1, &commit, &err),
              &err);
    commit.message = copse_bytes_of_text(message);
    blog_must(copse_commit_encode(&blog->env, &commit, &block, &err), &err);
    blog_must(copse_store_put(copse_pack_db_store(blog->db), &block, 1, &err), &err);
    /* CONFLICT: another process was faster. Then read the head again, and apply again. */
    blog_must(copse_refs_swap(copse_pack_db_refs(blog->db), blog_ref(),
                              is_first ? NULL : &blog->head, copse_block_cid(block), &err),
              &err);
    blog->head = *copse_block_cid(block);
    copse_block_unref(block);
}

/* Inserts a document without an _id: it gets a new ObjectId. */
static void blog_insert(blog_db *blog, const char *json)
{
    copse_err err = {0};
    copse_write *write = NULL;
    copse_tree *next = NULL;
    copse_buf document;
    copse_buf_init(&document, &blog->env, SIZE_MAX);
    blog_must(copse_ext_json_to_cbor(&blog->env, copse_bytes_of_text(json), COPSE_EXT_JSON_VALUE,
                                     &document, &err),
              &err);
    blog_must(copse_write_new(&blog->env, &write, &err), &err);
    blog_must(copse_write_insert(write, copse_bytes_of_text("posts"), copse_buf_view(&document),
                                 NULL, &err),
              &err);
    blog_must(copse_write_apply(write, blog->tree, copse_pack_db_store(blog->db), NULL, &next, NULL,
                                NULL, &err),
              &err);
    copse_tree_close(blog->tree);
    blog->tree = next;
    copse_write_free(write);
    copse_buf_release(&document);
}

/* Prints all posts. */
static void blog_find(blog_db *blog)
{
    copse_err err = {0};
    copse_database *database = NULL;
    copse_query *query = NULL;
    copse_result *result = NULL;
    copse_bytes document;
    copse_status status;
    copse_query_options options = {.collection = copse_bytes_of_text("posts")};
    blog_must(copse_database_open(blog->tree, &database, &err), &err);
    blog_must(copse_query_new(&blog->env, &options, &query, &err), &err);
    blog_must(copse_result_open(query, database, &result, &err), &err);
    while ((status = copse_result_next(result, &document, &err)) == COPSE_OK) {
        copse_buf json;
        copse_buf_init(&json, &blog->env, SIZE_MAX);
        blog_must(copse_ext_json_from_cbor(&blog->env, document, false, &json, &err), &err);
        (void)printf("%.*s\n", (int)json.len, (const char *)json.ptr);
        copse_buf_release(&json);
    }
    blog_must(status == COPSE_END ? COPSE_OK : status, &err);
    copse_result_close(result);
    copse_query_free(query);
    copse_database_close(database);
}

int main(int argc, char **argv)
{
    blog_db blog = {.os = NULL};
    blog_open(&blog, argc > 1 ? argv[1] : "first.copse");
    blog_insert(&blog, "{\"text\": \"hello\", \"tags\": [\"first\"]}");
    blog_commit(&blog, "a post");
    blog_find(&blog);
    blog_close(&blog);
    return 0;
}
