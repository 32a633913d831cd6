/* A question to somebody who isn't trusted: they answer with a stream of blocks that proves the
 * answer under a root CID that the asker knows. A stream that lies is refused where it does.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/answer.h>

#include <stdio.h>

enum { PIECE = 100 };

static const char *const posts[] = {
    "{\"_id\": 1, \"author\": \"ada\", \"text\": \"on engines\"}",
    "{\"_id\": 2, \"author\": \"grace\", \"text\": \"on compilers\"}",
    "{\"_id\": 3, \"author\": \"ada\", \"text\": \"on numbers\"}",
};

/* What the maker's bytes go into; a server would send them. */
static copse_status keep(void *ctx, copse_bytes bytes, copse_err *err)
{
    (void)err;
    return copse_buf_append(ctx, bytes);
}

/* The side that has the database. */
static copse_buf make(example_db *example, const copse_query_options *query)
{
    copse_err err = {0};
    copse_database *database = NULL;
    copse_answer_maker *maker = NULL;
    copse_status status;
    copse_buf car;
    copse_buf_init(&car, &example->env, SIZE_MAX);
    example_must(copse_database_open(example->tree, &database, &err), &err);
    example_must(copse_answer_maker_new(database, NULL, query, NULL,
                                        (copse_car_sink){.write = keep, .ctx = &car}, &maker, &err),
                 &err);
    while ((status = copse_answer_maker_next(maker, &err)) == COPSE_OK) {
        /* A block at a time: here a server sends what has come together. */
    }
    example_must(status == COPSE_END ? COPSE_OK : status, &err);
    copse_answer_stats stats = copse_answer_maker_stats(maker);
    (void)printf("made: %d documents, %d blocks, %d bytes\n", (int)stats.documents,
                 (int)stats.blocks, (int)stats.size_bytes);
    copse_answer_maker_free(maker);
    copse_database_close(database);
    return car;
}

/* What was verified: the plan, which can be run again elsewhere, and what running it took. */
static void explain(const copse_env *env, const copse_answer_verifier *verifier)
{
    copse_err err = {0};
    copse_buf text;
    copse_result_stats stats = copse_answer_verifier_result_stats(verifier);
    copse_buf_init(&text, env, SIZE_MAX);
    example_must(copse_answer_verifier_explain(verifier, &text, &err), &err);
    example_print(env, "  plan: ", copse_buf_view(&text));
    (void)printf("  complete: %d documents of %d keys, by a plan of %d bytes\n",
                 (int)copse_answer_verifier_stats(verifier).documents, (int)stats.keys_examined,
                 (int)copse_answer_verifier_plan(verifier).len);
    copse_buf_release(&text);
}

/* The side that has the root's CID only. */
static void verify(const copse_env *env, const copse_cid *root, const copse_query_options *query,
                   copse_bytes car)
{
    copse_err err = {0};
    copse_answer_verifier *verifier = NULL;
    copse_bytes document;
    copse_status status;
    example_must(copse_answer_verifier_new(env, root, query, NULL, &verifier, &err), &err);
    while ((status = copse_answer_verifier_next(verifier, &document, &err)) >= COPSE_OK &&
           status != COPSE_END) {
        if (status == COPSE_OK) {
            example_print(env, "  ", document);
        } else if (car.len > 0) {
            copse_bytes piece = {car.ptr, car.len < PIECE ? car.len : PIECE};
            car = (copse_bytes){car.ptr + piece.len, car.len - piece.len};
            example_must(copse_answer_verifier_feed(verifier, piece, &err), &err);
        } else {
            copse_answer_verifier_feed_end(verifier);
        }
    }
    if (status == COPSE_CORRUPT) {
        (void)printf("  refused, %s: %s\n",
                     copse_answer_fault_name(copse_answer_verifier_fault(verifier)), err.message);
    } else {
        example_must(status == COPSE_END ? COPSE_OK : status, &err);
        explain(env, verifier);
    }
    copse_answer_verifier_free(verifier);
}

int main(void)
{
    example_db example;
    copse_env asker;
    example_open(&example);
    copse_env_init(&asker);
    example_insert(&example, "posts", posts, sizeof posts / sizeof *posts);
    copse_buf filter = example_json(&asker, "{\"author\": \"ada\"}");
    copse_query_options query = {.collection = copse_bytes_of_text("posts"),
                                 .filter = copse_buf_view(&filter)};
    copse_cid root = *copse_tree_root(example.tree);

    copse_buf car = make(&example, &query);
    verify(&asker, &root, &query, copse_buf_view(&car));
    (void)printf("one byte changed:\n");
    car.ptr[car.len - 20] ^= 1;
    verify(&asker, &root, &query, copse_buf_view(&car));

    copse_buf_release(&car);
    copse_buf_release(&filter);
    example_close(&example);
    return 0;
}
