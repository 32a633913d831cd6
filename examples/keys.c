/* Keys: making one, its names, signing and verifying; a file for it that a passphrase opens; and a
 * record that says, to whoever asks, what its name stands for now.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "example.h"

#include <copse/ipns.h>
#include <copse/key_file.h>
#include <copse/sys/os.h>

#include <stdio.h>

/* A day, in the units of a record. */
#define DAY_MS 86400000u
#define MINUTE_NS 60000000000u

/* The texts that name the public key, and the key that each of them names. */
static void show_names(const copse_public_key *key)
{
    copse_err err;
    char text[COPSE_KEY_TEXT_SIZE_MAX];
    copse_public_key back;
    copse_cid cid;
    size_t len = copse_public_key_to_did(key, text);
    (void)printf("an author:   %.14s…, %zu characters\n", text, len);
    example_must(copse_public_key_from_did(copse_bytes_of_text(text), &back, &err), &err);
    len = copse_public_key_to_name(key, text);
    (void)printf("a name:      %.12s…, %zu characters\n", text, len);
    example_must(copse_public_key_from_name(copse_bytes_of_text(text), &back, &err), &err);
    len = copse_public_key_to_peer_id(key, text);
    (void)printf("a peer:      %.8s…, %zu characters\n", text, len);
    copse_public_key_to_cid(key, &cid);
    example_must(copse_public_key_from_cid(&cid, &back, &err), &err);
    (void)printf("all the same: %s\n", copse_public_key_equal(key, &back) ? "yes" : "no");
}

/* A signature holds for the prefix that it was made with. */
static void show_signature(const copse_env *env, const copse_key *key)
{
    copse_err err;
    uint8_t signature[COPSE_SIGNATURE_SIZE_BYTES];
    copse_bytes message = copse_bytes_of_text("all cats are grey");
    copse_bytes prefix = copse_bytes_of_text("example-statement:");
    example_must(copse_key_sign(key, prefix, message, signature, &err), &err);
    example_must(
        copse_public_key_verify(env, copse_key_public(key), prefix, message, signature, &err),
        &err);
    copse_status status = copse_public_key_verify(
        env, copse_key_public(key), copse_bytes_of_text("example-joke:"), message, signature, &err);
    (void)printf("as a joke:   %s\n", copse_status_name(status));
}

/* The key goes into a file and comes back; without the passphrase only its public key does. */
static void show_file(const copse_env *env, const copse_key *key)
{
    copse_err err;
    copse_buf file;
    copse_key *opened = NULL;
    copse_public_key public_key;
    copse_key_file_cost cost;
    copse_key_file_cost_init(&cost);
    cost.memory_kib = 1024; /* for an example only: a guess must cost something */
    copse_buf_init(&file, env, COPSE_KEY_FILE_SIZE_BYTES_MAX);
    example_must(
        copse_key_file_seal(env, key, copse_bytes_of_text("correct horse"), &cost, &file, &err),
        &err);
    copse_bytes bytes = copse_buf_view(&file);
    example_must(copse_key_file_public(env, bytes, &public_key, &err), &err);
    copse_status status =
        copse_key_file_open(env, bytes, copse_bytes_of_text("incorrect horse"), &opened, &err);
    (void)printf("wrong guess: %s\n", copse_status_name(status));
    example_must(
        copse_key_file_open(env, bytes, copse_bytes_of_text("correct horse"), &opened, &err), &err);
    (void)printf("the same key: %s\n",
                 copse_public_key_equal(&public_key, copse_key_public(opened)) ? "yes" : "no");
    copse_key_free(opened);
    copse_buf_release(&file);
}

/* Appends the record that the head is `cid`. Whoever publishes keeps the sequence on a disk. */
static void make_record(const copse_key *key, const copse_cid *cid, uint64_t sequence,
                        uint64_t now_ms, copse_buf *buf)
{
    copse_err err;
    char value[COPSE_IPNS_VALUE_TEXT_SIZE_MAX];
    (void)copse_ipns_value_of_cid(cid, value);
    copse_ipns_record record = {.value = copse_bytes_of_text(value),
                                .sequence = sequence,
                                .eol_ms = now_ms + DAY_MS,
                                .ttl_ns = MINUTE_NS};
    example_must(copse_ipns_make(key, &record, buf, &err), &err);
}

/* A reader that knows the name alone takes the newer of two records, from wherever. */
static void show_records(const copse_env *env, const copse_key *key)
{
    copse_err err;
    copse_cid head;
    copse_buf old;
    copse_buf new;
    copse_ipns_record said_before;
    copse_ipns_record said;
    uint8_t place[COPSE_IPNS_ROUTING_KEY_SIZE_BYTES];
    const copse_public_key *name = copse_key_public(key);
    uint64_t now_ms = env->clock(env->clock_ctx);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("\xa0"), &head);
    copse_buf_init(&old, env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    copse_buf_init(&new, env, COPSE_IPNS_RECORD_SIZE_BYTES_MAX);
    make_record(key, &head, 1, now_ms, &old);
    make_record(key, &head, 2, now_ms, &new);
    example_must(copse_ipns_verify(env, copse_buf_view(&old), name, now_ms, &said_before, &err),
                 &err);
    example_must(copse_ipns_verify(env, copse_buf_view(&new), name, now_ms, &said, &err), &err);
    (void)printf("the second is newer: %s\n",
                 copse_ipns_compare(&said, &said_before) > 0 ? "yes" : "no");
    example_must(copse_ipns_value_to_cid(said.value, &head, &err), &err);
    (void)printf("it says %.*s\n", (int)said.value.len, (const char *)said.value.ptr);
    copse_ipns_routing_key(name, place);
    (void)printf("a DHT keeps it under %.6s and %zu bytes\n", (const char *)place,
                 sizeof place - 6);
    copse_status status =
        copse_ipns_verify(env, copse_buf_view(&new), name, now_ms + DAY_MS, &said, &err);
    (void)printf("in a day:    %s\n", copse_status_name(status));
    copse_buf_release(&old);
    copse_buf_release(&new);
}

int main(void)
{
    static const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {1, 2, 3};
    copse_err err;
    copse_env env;
    copse_key *key = NULL;
    copse_key *other = NULL;
    copse_env_init(&env);
    copse_env_init_posix(&env);
    example_must(copse_key_new(&env, &key, &err), &err);
    example_must(copse_key_from_seed(&env, seed, &other, &err), &err); /* of bytes of one's own */
    show_names(copse_key_public(key));
    show_signature(&env, key);
    show_file(&env, other);
    show_records(&env, key);
    copse_key_free(key);
    copse_key_free(other);
    return 0;
}
