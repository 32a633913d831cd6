/* What a signature adds to making a commit, beside what libsodium alone takes for the same bytes;
 * and to verifying one. The two kinds of commits take turns, so that both meet the same machine.
 *
 *     build/release/bench/history-commit_signature
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "crypto/sign.h"
#include "history/commit.h"
#include "support/bench.h"

#include <string.h>

enum { SIGNATURE_ROUNDS = 20, SIGNATURE_COMMITS = 500 };

typedef struct signature_bench {
    copse_env env;
    copse_err err;
    copse_key *key;
    copse_sign_key bare_key;
    copse_commit commit;
    copse_bytes message; /* what is signed: about as long */
} signature_bench;

/* Seconds for one commit, made into a block. */
static double signature_time_make(signature_bench *bench, bool is_signed)
{
    double start = bench_now();
    for (size_t i = 0; i < SIGNATURE_COMMITS; i++) {
        copse_commit commit = bench->commit;
        copse_commit_signature signature;
        copse_block *block = NULL;
        commit.time_ms += i;
        if (is_signed) {
            commit.author.len = 0;
            bench_check(
                copse_commit_sign(&bench->env, &commit, bench->key, &signature, &bench->err),
                &bench->err);
        }
        bench_check(copse_commit_encode(&bench->env, &commit, &block, &bench->err), &bench->err);
        bench_keep(copse_block_data(block).len);
        copse_block_unref(block);
    }
    return (bench_now() - start) / SIGNATURE_COMMITS;
}

static double signature_time_sign(const signature_bench *bench)
{
    double start = bench_now();
    for (size_t i = 0; i < SIGNATURE_COMMITS; i++) {
        uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];
        copse_sign_message(&bench->bare_key, bench->message, signature);
        bench_keep(signature[0]);
    }
    return (bench_now() - start) / SIGNATURE_COMMITS;
}

static double signature_time_verify(signature_bench *bench, const copse_commit *commit)
{
    double start = bench_now();
    for (size_t i = 0; i < SIGNATURE_COMMITS; i++) {
        bench_check(copse_commit_verify(&bench->env, commit, &bench->err), &bench->err);
    }
    return (bench_now() - start) / SIGNATURE_COMMITS;
}

static double signature_time_bare_verify(const signature_bench *bench, const uint8_t *signature)
{
    double start = bench_now();
    for (size_t i = 0; i < SIGNATURE_COMMITS; i++) {
        bench_keep(copse_sign_verify(bench->bare_key.public_key, bench->message, signature));
    }
    return (bench_now() - start) / SIGNATURE_COMMITS;
}

static double signature_least(double a, double b)
{
    return a < b ? a : b;
}

int main(void)
{
    static const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {7};
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    uint8_t bare_signature[COPSE_SIGNATURE_SIZE_BYTES];
    signature_bench bench = {.key = NULL};
    double least[5] = {1, 1, 1, 1, 1};
    copse_env_init(&bench.env);
    bench_check(copse_key_from_seed(&bench.env, seed, &bench.key, &bench.err), &bench.err);
    copse_sign_key_from_seed(seed, &bench.bare_key);
    bench.commit = (copse_commit){.time_ms = 1700000000000,
                                  .generation = 1,
                                  .parents_count = 1,
                                  .message = copse_bytes_of_text("insert 1 document into posts")};
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, bench.commit.message, &bench.commit.tree);
    bench.commit.parents[0] = bench.commit.tree;
    (void)copse_public_key_to_did(copse_key_public(bench.key), did);
    bench.commit.author = copse_bytes_of_text(did);

    copse_buf buf;
    copse_buf_init(&buf, &bench.env, 4096);
    bench_check(copse_buf_append(&buf, copse_bytes_of_text("copse-commit:")), NULL);
    bench_check(copse_commit_write(&bench.commit, &buf, &bench.err), &bench.err);
    bench.message = copse_buf_view(&buf);
    copse_sign_message(&bench.bare_key, bench.message, bare_signature);
    copse_commit signed_commit = bench.commit;
    copse_commit_signature signature;
    bench_check(copse_commit_sign(&bench.env, &signed_commit, bench.key, &signature, &bench.err),
                &bench.err);

    for (size_t i = 0; i < SIGNATURE_ROUNDS; i++) {
        least[0] = signature_least(least[0], signature_time_make(&bench, false));
        least[1] = signature_least(least[1], signature_time_make(&bench, true));
        least[2] = signature_least(least[2], signature_time_sign(&bench));
        least[3] = signature_least(least[3], signature_time_verify(&bench, &signed_commit));
        least[4] = signature_least(least[4], signature_time_bare_verify(&bench, bare_signature));
    }
    bench_row("make a commit", least[0] * 1e6, "us");
    bench_row("make a signed commit", least[1] * 1e6, "us");
    bench_row("libsodium signs the same bytes", least[2] * 1e6, "us");
    bench_row("what a signature adds", (least[1] - least[0]) * 1e6, "us");
    bench_row("what it adds / libsodium", (least[1] - least[0]) / least[2], "times");
    bench_row("verify a commit", least[3] * 1e6, "us");
    bench_row("verify / libsodium", least[3] / least[4], "times");
    copse_buf_release(&buf);
    copse_key_free(bench.key);
    return 0;
}
