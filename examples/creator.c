/* Who may write: a database whose identity its creator signed, a commit that its author signed, and
 * an authority that knows what the creator granted, and took back. Dates of this example are small
 * numbers.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/authority.h>
#include <copse/commit.h>

#include <stdio.h>
#include <string.h>

/* An application gives the env random bytes that nobody can foresee. */
static copse_status not_random(void *ctx, void *ret_bytes, size_t size)
{
    memset(ret_bytes, ++*(int *)ctx, size);
    return COPSE_OK;
}

static void make_database(example_db *example, const copse_key *creator)
{
    copse_err err = {0};
    copse_identity identity;
    copse_write *write = NULL;
    example_must(copse_identity_new(&example->env, creator, &identity, &err), &err);
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_create_database(write, &identity, &err), &err);
    example_apply(example, write);
    copse_write_free(write);
}

/* Returns the CID of a first commit by `author`. */
static copse_cid commit(example_db *example, const copse_key *author)
{
    copse_err err = {0};
    copse_commit made = {.tree = *copse_tree_root(example->tree), .time_ms = 1000};
    copse_commit_signature signature;
    copse_block *block = NULL;
    example_must(copse_commit_sign(&example->env, &made, author, &signature, &err), &err);
    example_must(copse_commit_encode(&example->env, &made, &block, &err), &err);
    example_must(copse_store_put(example->store, &block, 1, &err), &err);
    copse_cid cid = *copse_block_cid(block);
    /* Whoever gets it finds out whether its author wrote it. */
    example_must(copse_commit_verify(&example->env, &made, &err), &err);
    copse_block_unref(block);
    return cid;
}

static copse_authority *read_authority(const example_db *example, copse_cid *ret_identity)
{
    copse_err err = {0};
    copse_database *database = NULL;
    copse_authority *authority = NULL;
    example_must(copse_database_open(example->tree, &database, &err), &err);
    const copse_identity *identity = copse_database_identity(database);
    example_must(copse_authority_new(&example->env, identity, &authority, &err), &err);
    *ret_identity = identity->cid;
    copse_database_close(database);
    return authority;
}

/* Signs a statement, tells the authority, and writes it into the database for everybody. */
static copse_cid say(example_db *example, const copse_key *by, const copse_statement *statement,
                     copse_authority *authority)
{
    copse_err err = {0};
    copse_cid name;
    copse_write *write = NULL;
    copse_buf buf;
    copse_buf_init(&buf, &example->env, COPSE_STATEMENT_SIZE_BYTES_MAX);
    example_must(copse_statement_make(by, statement, &buf, &err), &err);
    example_must(copse_authority_add(authority, copse_buf_view(&buf), &err), &err);
    example_must(copse_write_new(&example->env, &write, &err), &err);
    example_must(copse_write_add_statement(write, copse_buf_view(&buf), &err), &err);
    example_apply(example, write);
    copse_write_free(write);
    copse_statement_cid(copse_buf_view(&buf), &name);
    copse_buf_release(&buf);
    return name;
}

static void ask(copse_authority *authority, const copse_key *who, uint64_t time_ms)
{
    static const char *const verdicts[] = {"no", "up to a commit", "yes"};
    copse_err err = {0};
    copse_authority_answer answer;
    const copse_authority_question question = {.who = *copse_key_public(who),
                                               .right = COPSE_RIGHT_WRITE,
                                               .collection = copse_bytes_of_text("posts"),
                                               .time_ms = time_ms};
    example_must(copse_authority_can(authority, &question, &answer, &err), &err);
    (void)printf("at %llu: %s: %s\n", (unsigned long long)time_ms, verdicts[answer.verdict],
                 answer.reason);
}

int main(void)
{
    int numbers = 0;
    example_db example;
    copse_err err = {0};
    copse_key *creator = NULL;
    copse_key *friend_key = NULL;
    copse_cid identity;
    example_open(&example);
    example.env.random = not_random;
    example.env.random_ctx = &numbers;
    example_must(copse_key_new(&example.env, &creator, &err), &err);
    example_must(copse_key_new(&example.env, &friend_key, &err), &err);
    make_database(&example, creator);
    copse_authority *authority = read_authority(&example, &identity);

    ask(authority, friend_key, 1000);
    copse_statement grant = {.kind = COPSE_STATEMENT_GRANT,
                             .to = *copse_key_public(friend_key),
                             .database = identity,
                             .time_ms = 1000,
                             .expires_ms = 5000,
                             .items_count = 1,
                             .can = {{COPSE_RIGHT_WRITE, copse_bytes_of_text("posts")}}};
    copse_cid name = say(&example, creator, &grant, authority);
    ask(authority, friend_key, 5000);
    ask(authority, friend_key, 5001);

    copse_statement revocation = {.kind = COPSE_STATEMENT_REVOCATION,
                                  .to = grant.to,
                                  .database = identity,
                                  .time_ms = 2000,
                                  .last = commit(&example, friend_key),
                                  .items_count = 1,
                                  .grants = {name}};
    (void)say(&example, creator, &revocation, authority);
    ask(authority, friend_key, 2000); /* whoever judges an older commit may still say yes */

    copse_authority_free(authority);
    copse_key_free(creator);
    copse_key_free(friend_key);
    example_close(&example);
    return 0;
}
