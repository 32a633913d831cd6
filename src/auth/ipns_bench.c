/* What it costs to sign, to verify, and to open a key. The limit of signing and verifying is
 * libsodium's own call on the same bytes, in the same run; that of the rest is those two.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/ipns.h>
#include <copse/key_file.h>
#include <copse/sys/os.h>

#include "support/bench.h"

#include <stdio.h>

#include <sodium/crypto_sign_ed25519.h>

enum { BENCH_ROUNDS = 2000, BENCH_OPENS = 5, BENCH_MESSAGE_SIZE = 167 /* of a record's data */ };

typedef struct bench_world {
    copse_env env;
    copse_err err;
    copse_key *key;
    copse_buf record;
    copse_buf file;
    uint8_t message[BENCH_MESSAGE_SIZE];
    uint8_t secret[crypto_sign_ed25519_SECRETKEYBYTES];
    uint8_t public_key[crypto_sign_ed25519_PUBLICKEYBYTES];
    uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];
} bench_world;

static const copse_bytes bench_none = {NULL, 0};

static void bench_sign_libsodium(bench_world *world)
{
    (void)crypto_sign_ed25519_detached(world->signature, NULL, world->message,
                                       sizeof world->message, world->secret);
}

static void bench_verify_libsodium(bench_world *world)
{
    if (crypto_sign_ed25519_verify_detached(world->signature, world->message, sizeof world->message,
                                            world->public_key) != 0) {
        bench_fail("no signature");
    }
}

static void bench_sign(bench_world *world)
{
    bench_check(copse_key_sign(world->key, bench_none,
                               (copse_bytes){world->message, sizeof world->message},
                               world->signature, &world->err),
                &world->err);
}

static void bench_verify(bench_world *world)
{
    bench_check(copse_public_key_verify(&world->env, copse_key_public(world->key), bench_none,
                                        (copse_bytes){world->message, sizeof world->message},
                                        world->signature, &world->err),
                &world->err);
}

static void bench_make_record(bench_world *world)
{
    copse_ipns_record record = {
        .value = copse_bytes_of_text(
            "/ipfs/bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"),
        .sequence = 1795396383621,
        .eol_ms = 1795396383621 + 86400000,
        .ttl_ns = 300000000000};
    copse_buf_truncate(&world->record, 0);
    bench_check(copse_ipns_make(world->key, &record, &world->record, &world->err), &world->err);
}

static void bench_verify_record(bench_world *world)
{
    copse_ipns_record record;
    bench_check(copse_ipns_verify(&world->env, copse_buf_view(&world->record),
                                  copse_key_public(world->key), 1795396383621, &record,
                                  &world->err),
                &world->err);
}

static void bench_open_file(bench_world *world)
{
    copse_key *key = NULL;
    bench_check(copse_key_file_open(&world->env, copse_buf_view(&world->file), bench_none, &key,
                                    &world->err),
                &world->err);
    copse_key_free(key);
}

/* The best of `rounds`, in microseconds. */
static double bench_best(bench_world *world, void (*run)(bench_world *world), size_t rounds)
{
    double best = 1e9;
    for (size_t i = 0; i < rounds; i++) {
        double start = bench_now();
        run(world);
        double taken = bench_now() - start;
        best = taken < best ? taken : best;
    }
    return best * 1e6;
}

static void bench_world_init(bench_world *world)
{
    static const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {7};
    copse_key_file_cost cost;
    *world = (bench_world){.key = NULL};
    copse_env_init(&world->env);
    copse_env_init_posix(&world->env);
    copse_key_file_cost_init(&cost);
    bench_check(copse_key_from_seed(&world->env, seed, &world->key, &world->err), &world->err);
    (void)crypto_sign_ed25519_seed_keypair(world->public_key, world->secret, seed);
    copse_buf_init(&world->record, &world->env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    copse_buf_init(&world->file, &world->env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    bench_check(
        copse_key_file_seal(&world->env, world->key, bench_none, &cost, &world->file, &world->err),
        &world->err);
}

int main(void)
{
    static bench_world world;
    bench_world_init(&world);
    double sign_limit = bench_best(&world, bench_sign_libsodium, BENCH_ROUNDS);
    double verify_limit = bench_best(&world, bench_verify_libsodium, BENCH_ROUNDS);
    bench_row("sign, libsodium's own call", sign_limit, "us");
    bench_row("sign", bench_best(&world, bench_sign, BENCH_ROUNDS), "us");
    bench_row("verify, libsodium's own call", verify_limit, "us");
    bench_row("verify", bench_best(&world, bench_verify, BENCH_ROUNDS), "us");
    bench_row("make a record: two signatures", bench_best(&world, bench_make_record, BENCH_ROUNDS),
              "us");
    bench_row("verify a record", bench_best(&world, bench_verify_record, BENCH_ROUNDS), "us");
    bench_row("open a key file", bench_best(&world, bench_open_file, BENCH_OPENS) / 1000, "ms");
    copse_buf_release(&world.record);
    copse_buf_release(&world.file);
    copse_key_free(world.key);
    return 0;
}
