/* Verifying 10,000 signed documents, beside what libsodium alone takes for as many signatures of
 * messages as long as what is signed. The two take turns, so that both meet the same machine.
 *
 *     build/release/bench/doc-document_signature
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "crypto/sign.h"
#include "doc/document_signature.h"
#include "support/bench.h"

#include <copse/value.h>

#include <string.h>

enum {
    SIGNATURE_ROUNDS = 5,
    SIGNATURE_DOCUMENTS = 10000,
    SIGNATURE_TEXT_SIZE = 200,
    SIGNATURE_MESSAGE_SIZE = 160, /* prefix, two links, collection, key and time */
};

typedef struct signature_bench {
    copse_env env;
    copse_err err;
    copse_key *key;
    copse_cid database;
    copse_document_place place;
    copse_buf documents[SIGNATURE_DOCUMENTS];
    copse_buf rows[SIGNATURE_DOCUMENTS];
} signature_bench;

/* Number `i` is {"_id": i, "text": 200 bytes}. */
static void signature_make_document(signature_bench *bench, size_t i)
{
    static const uint8_t text[SIGNATURE_TEXT_SIZE] = {'a'};
    copse_buf *document = &bench->documents[i];
    copse_buf_init(document, &bench->env, SIZE_MAX);
    bench_check(copse_cbor_write_map(document, 2), NULL);
    bench_check(copse_cbor_write_text(document, copse_bytes_of_text("_id")), NULL);
    bench_check(copse_cbor_write_uint(document, i), NULL);
    bench_check(copse_cbor_write_text(document, copse_bytes_of_text("text")), NULL);
    bench_check(copse_cbor_write_text(document, (copse_bytes){text, sizeof text}), NULL);
}

static void signature_make_row(signature_bench *bench, const copse_version *version, size_t i)
{
    const copse_version_state before = {.row = {NULL, 0}};
    copse_buf bare;
    copse_buf_init(&bare, &bench->env, SIZE_MAX);
    copse_buf_init(&bench->rows[i], &bench->env, SIZE_MAX);
    bench_check(copse_version_write(&bench->env, COPSE_MERGE_LWW, copse_bytes_of_text("_id"),
                                    &before, copse_buf_view(&bench->documents[i]), true, version,
                                    &bare, &bench->err),
                &bench->err);
    const copse_version_state state = {copse_buf_view(&bench->documents[i]), copse_buf_view(&bare)};
    bench_check(copse_document_sign(&bench->env, bench->key, &bench->place, &state, &bench->rows[i],
                                    &bench->err),
                &bench->err);
    copse_buf_release(&bare);
}

/* Seconds for one document. */
static double signature_time_verify(signature_bench *bench)
{
    double start = bench_now();
    for (size_t i = 0; i < SIGNATURE_DOCUMENTS; i++) {
        const copse_version_state state = {copse_buf_view(&bench->documents[i]),
                                           copse_buf_view(&bench->rows[i])};
        bench_check(copse_document_verify(&bench->env, &bench->place, &state, NULL, &bench->err),
                    &bench->err);
    }
    return (bench_now() - start) / SIGNATURE_DOCUMENTS;
}

static double signature_time_bare(const copse_sign_key *key)
{
    static const uint8_t message[SIGNATURE_MESSAGE_SIZE] = {1};
    uint8_t signature[COPSE_SIGN_SIGNATURE_SIZE_BYTES];
    copse_sign_message(key, (copse_bytes){message, sizeof message}, signature);
    double start = bench_now();
    for (size_t i = 0; i < SIGNATURE_DOCUMENTS; i++) {
        bench_keep(
            copse_sign_verify(key->public_key, (copse_bytes){message, sizeof message}, signature));
    }
    return (bench_now() - start) / SIGNATURE_DOCUMENTS;
}

int main(void)
{
    static const uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES] = {7};
    static const uint8_t primary[] = {0x2e, 0x81};
    static signature_bench bench;
    char did[COPSE_KEY_TEXT_SIZE_MAX];
    copse_sign_key bare_key;
    double least[2] = {1, 1};
    copse_env_init(&bench.env);
    bench_check(copse_key_from_seed(&bench.env, seed, &bench.key, &bench.err), &bench.err);
    copse_sign_key_from_seed(seed, &bare_key);
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, copse_bytes_of_text("database"), &bench.database);
    bench.place = (copse_document_place){
        &bench.database, copse_bytes_of_text("posts"), {primary, sizeof primary}};
    (void)copse_public_key_to_did(copse_key_public(bench.key), did);
    const copse_version version = {.time_ms = 1700000000000, .author = copse_bytes_of_text(did)};
    for (size_t i = 0; i < SIGNATURE_DOCUMENTS; i++) {
        signature_make_document(&bench, i);
        signature_make_row(&bench, &version, i);
    }
    for (size_t round = 0; round < SIGNATURE_ROUNDS; round++) {
        double verify = signature_time_verify(&bench);
        double bare = signature_time_bare(&bare_key);
        least[0] = verify < least[0] ? verify : least[0];
        least[1] = bare < least[1] ? bare : least[1];
    }
    bench_row("verify a signed document", least[0] * 1e6, "us");
    bench_row("libsodium verifies as long a message", least[1] * 1e6, "us");
    bench_row("document / libsodium", least[0] / least[1], "times");
    for (size_t i = 0; i < SIGNATURE_DOCUMENTS; i++) {
        copse_buf_release(&bench.documents[i]);
        copse_buf_release(&bench.rows[i]);
    }
    copse_key_free(bench.key);
    return 0;
}
