/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <copse/identity.h>
#include <copse/statement.h>

#include "support/hex.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STATEMENT_VECTORS COPSE_TEST_DIR "/vectors/statement.tsv"

enum { STATEMENT_KEYS = 4, STATEMENT_TIME = 1800000 };

/* The key whose seed is 32 times `byte`. */
static copse_key *statement_key(const copse_env *env, uint8_t byte)
{
    uint8_t seed[COPSE_KEY_SEED_SIZE_BYTES];
    copse_key *key = NULL;
    memset(seed, byte, sizeof seed);
    return copse_key_from_seed(env, seed, &key, NULL) == COPSE_OK ? key : NULL;
}

static copse_cid statement_cid_of(uint8_t byte)
{
    copse_cid cid;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, (copse_bytes){&byte, 1}, &cid);
    return cid;
}

/* A grant by key 1 to key 2. */
static copse_statement statement_grant(const copse_env *env)
{
    copse_key *to = statement_key(env, 2);
    copse_statement statement = {.kind = COPSE_STATEMENT_GRANT,
                                 .to = *copse_key_public(to),
                                 .database = statement_cid_of(0),
                                 .time_ms = STATEMENT_TIME,
                                 .items_count = 1,
                                 .can = {{COPSE_RIGHT_WRITE, copse_bytes_of_text("posts")}}};
    copse_key_free(to);
    return statement;
}

/* ---- Vectors ---- */

/* What was read is made again by the key that made it, to the same bytes (S1). */
static void statement_check_made(const copse_env *env, const copse_statement *statement,
                                 copse_bytes encoded, const char *cid_text, const char *note)
{
    copse_buf buf;
    copse_cid cid;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    bool is_made = false;
    for (uint8_t byte = 1; byte < STATEMENT_KEYS; byte++) {
        copse_key *key = statement_key(env, byte);
        copse_buf_init(&buf, env, COPSE_STATEMENT_SIZE_BYTES_MAX);
        if (copse_public_key_equal(copse_key_public(key), &statement->by)) {
            assert_int_equal(copse_statement_make(key, statement, &buf, NULL), COPSE_OK);
            is_made = copse_bytes_equal(copse_buf_view(&buf), encoded);
        }
        copse_buf_release(&buf);
        copse_key_free(key);
    }
    if (!is_made) {
        fail_msg("%s: made otherwise", note);
    }
    copse_statement_cid(encoded, &cid);
    (void)copse_cid_to_text(&cid, COPSE_BASE32, text);
    assert_string_equal(text, cid_text);
}

static void statement_check_identity(const copse_env *env, const copse_identity *identity,
                                     copse_bytes encoded, const char *cid_text)
{
    copse_buf buf;
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_buf_init(&buf, env, 1024);
    assert_int_equal(copse_identity_encode(identity, &buf, NULL), COPSE_OK);
    assert_true(copse_bytes_equal(copse_buf_view(&buf), encoded));
    copse_buf_release(&buf);
    (void)copse_cid_to_text(&identity->cid, COPSE_BASE32, text);
    assert_true(cid_text[0] == '\0' || strcmp(text, cid_text) == 0);
}

static void statement_check_vector(const copse_env *env, char *line)
{
    static uint8_t bytes[2 * COPSE_STATEMENT_SIZE_BYTES_MAX];
    char *columns[5];
    copse_statement statement;
    copse_identity identity;
    copse_err err = {0};
    hex_split_columns(line, columns, 5);
    copse_bytes encoded = hex_parse(columns[0], bytes, sizeof bytes);
    const char *note = columns[4];
    bool is_identity = strncmp(note, "an identity", 11) == 0;
    copse_status status = is_identity ? copse_identity_decode(env, encoded, &identity, &err)
                                      : copse_statement_decode(env, encoded, &statement, &err);
    const char *name = copse_status_name(status);
    if (status == COPSE_OK) {
        status = is_identity ? copse_identity_verify(env, &identity, &err)
                             : copse_statement_verify(env, &statement, &err);
        name = status == COPSE_CORRUPT ? "SIGNATURE" : copse_status_name(status);
        if (is_identity) {
            statement_check_identity(env, &identity, encoded, columns[3]);
        } else if (status == COPSE_OK) {
            statement_check_made(env, &statement, encoded, columns[3], note);
        }
    } else if (strstr(err.message, columns[2]) == NULL) {
        fail_msg("%s: %s lacks %s", note, err.message, columns[2]);
    }
    if (strcmp(name, columns[1]) != 0) {
        fail_msg("%s: %s %s", note, name, err.message);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    assert_in_range(test_env_each_line(STATEMENT_VECTORS, statement_check_vector), 80, 100);
}

/* S2: whatever bit is flipped, the statement is refused. */
static void test_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    test_env test;
    copse_buf buf;
    test_env_init(&test);
    copse_key *key = statement_key(&test.env, 1);
    copse_statement statement = statement_grant(&test.env);
    statement.expires_ms = STATEMENT_TIME;
    copse_buf_init(&buf, &test.env, COPSE_STATEMENT_SIZE_BYTES_MAX);
    assert_int_equal(copse_statement_make(key, &statement, &buf, NULL), COPSE_OK);
    for (size_t bit = 0; bit < 8 * buf.len; bit++) {
        copse_statement read;
        buf.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
        copse_status status = copse_statement_decode(&test.env, copse_buf_view(&buf), &read, NULL);
        if (status == COPSE_OK) {
            status = copse_statement_verify(&test.env, &read, NULL);
        }
        if (status != COPSE_CORRUPT) {
            fail_msg("bit %zu: %s", bit, copse_status_name(status));
        }
        buf.ptr[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    copse_buf_release(&buf);
    copse_key_free(key);
    test_env_assert_empty(&test);
}

/* ---- Making ---- */

/* S1: items may come in any order, and twice. */
static void test_items_are_sorted(void **state)
{
    (void)state;
    static const copse_right rights[] = {COPSE_RIGHT_ADMIN, COPSE_RIGHT_WRITE, COPSE_RIGHT_INSERT};
    static const char *const names[] = {"", "a", "b", "aa"};
    test_env test;
    copse_buf first;
    uint64_t seed = 9;
    test_env_init(&test);
    copse_key *key = statement_key(&test.env, 1);
    copse_buf_init(&first, &test.env, COPSE_STATEMENT_SIZE_BYTES_MAX);
    for (int run = 0; run < 50; run++) {
        copse_statement statement = statement_grant(&test.env);
        copse_statement read;
        copse_buf buf;
        statement.items_count = 14;
        for (size_t i = 0; i < 14; i++) { /* all 12, and two again */
            size_t item = i < 12 ? i : test_random_below(&seed, 12);
            size_t at = test_random_below(&seed, i + 1);
            statement.can[i] = statement.can[at];
            statement.can[at] =
                (copse_capability){rights[item / 4], copse_bytes_of_text(names[item % 4])};
        }
        copse_buf_init(&buf, &test.env, COPSE_STATEMENT_SIZE_BYTES_MAX);
        assert_int_equal(copse_statement_make(key, &statement, &buf, NULL), COPSE_OK);
        assert_int_equal(copse_statement_decode(&test.env, copse_buf_view(&buf), &read, NULL),
                         COPSE_OK);
        assert_int_equal(read.items_count, 12);
        for (size_t i = 0; i < 12; i++) {
            assert_int_equal(read.can[i].right, rights[i / 4]);
            assert_true(
                copse_bytes_equal(read.can[i].collection, copse_bytes_of_text(names[i % 4])));
        }
        assert_true(run == 0 || copse_bytes_equal(copse_buf_view(&buf), copse_buf_view(&first)));
        if (run == 0) {
            assert_int_equal(copse_buf_append(&first, copse_buf_view(&buf)), COPSE_OK);
        }
        copse_buf_release(&buf);
    }
    copse_buf_release(&first);
    copse_key_free(key);
    test_env_assert_empty(&test);
}

static void statement_check_misuse(const copse_key *key, const copse_statement *statement,
                                   copse_buf *buf, const char *part)
{
    copse_err err = {0};
    size_t len = buf->len;
    assert_int_equal(copse_statement_make(key, statement, buf, &err), COPSE_MISUSE);
    assert_int_equal(buf->len, len);
    assert_true(strstr(err.message, part) != NULL);
}

static void test_what_breaks_a_rule_is_not_made(void **state)
{
    (void)state;
    test_env test;
    copse_buf buf;
    test_env_init(&test);
    copse_key *key = statement_key(&test.env, 1);
    copse_statement statement = statement_grant(&test.env);
    copse_buf_init(&buf, &test.env, 100);
    assert_int_equal(copse_statement_make(key, &statement, &buf, NULL), COPSE_LIMIT);
    assert_int_equal(buf.len, 0);
    buf.max = 2 * COPSE_STATEMENT_SIZE_BYTES_MAX;
    assert_int_equal(copse_statement_make(key, &statement, &buf, NULL), COPSE_OK);
    statement.items_count = 0;
    statement_check_misuse(key, &statement, &buf, "no items");
    statement.items_count = COPSE_STATEMENT_ITEMS_MAX + 1;
    statement_check_misuse(key, &statement, &buf, "too many");
    statement.items_count = 1;
    statement.can[0].collection = copse_bytes_of_text("\xff");
    assert_int_equal(copse_statement_make(key, &statement, &buf, NULL), COPSE_MISUSE);
    statement.can[0].collection = copse_bytes_of_text("a\nb");
    statement_check_misuse(key, &statement, &buf, "no name");
    statement.kind = COPSE_STATEMENT_REVOCATION;
    statement_check_misuse(key, &statement, &buf, "no CID of a statement");
    statement.database.size = 0;
    statement_check_misuse(key, &statement, &buf, "no CID of an identity");
    static char name[COPSE_STATEMENT_COLLECTION_SIZE_BYTES_MAX + 1];
    memset(name, 'n', sizeof name - 1);
    statement = statement_grant(&test.env);
    statement.items_count = COPSE_STATEMENT_ITEMS_MAX;
    char names[COPSE_STATEMENT_ITEMS_MAX][sizeof name];
    for (size_t i = 0; i < COPSE_STATEMENT_ITEMS_MAX; i++) {
        memcpy(names[i], name, sizeof name);
        names[i][i] = 'm';
        statement.can[i] = (copse_capability){COPSE_RIGHT_WRITE, copse_bytes_of_text(names[i])};
    }
    assert_int_equal(copse_statement_make(key, &statement, &buf, NULL), COPSE_LIMIT);
    copse_buf_release(&buf);
    copse_key_free(key);
    test_env_assert_empty(&test);
}

static copse_status statement_run(const copse_env *env, void *ctx)
{
    copse_buf buf;
    copse_statement read;
    copse_key *key = statement_key(env, 1);
    copse_buf_init(&buf, env, COPSE_STATEMENT_SIZE_BYTES_MAX);
    copse_status status = key != NULL ? copse_statement_make(key, ctx, &buf, NULL) : COPSE_NOMEM;
    if (status != COPSE_OK) {
        assert_int_equal(buf.len, 0);
    } else {
        assert_int_equal(copse_statement_decode(env, copse_buf_view(&buf), &read, NULL), COPSE_OK);
        status = copse_statement_verify(env, &read, NULL);
    }
    copse_buf_release(&buf);
    copse_key_free(key);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    test_env test;
    test_env_init(&test);
    copse_statement statement = statement_grant(&test.env);
    assert_in_range(test_env_sweep(statement_run, &statement, 60), 6, 50);
}

/* ---- Identities ---- */

static copse_status statement_random(void *ctx, void *ret_bytes, size_t size)
{
    memset(ret_bytes, ++*(uint8_t *)ctx, size);
    return COPSE_OK;
}

static void test_each_identity_is_another(void **state)
{
    (void)state;
    test_env test;
    uint8_t random = 0;
    copse_identity a;
    copse_identity b;
    test_env_init(&test);
    copse_key *key = statement_key(&test.env, 1);
    assert_int_equal(copse_identity_new(&test.env, key, &a, NULL), COPSE_MISUSE);
    test.env.random = statement_random;
    test.env.random_ctx = &random;
    assert_int_equal(copse_identity_new(&test.env, key, &a, NULL), COPSE_OK);
    assert_int_equal(copse_identity_new(&test.env, key, &b, NULL), COPSE_OK);
    assert_int_equal(copse_identity_verify(&test.env, &a, NULL), COPSE_OK);
    assert_false(copse_cid_equal(&a.cid, &b.cid));
    copse_key_free(key);
    test_env_assert_empty(&test);
}

static copse_status statement_identity_run(const copse_env *env, void *ctx)
{
    copse_env with_random = *env;
    copse_identity identity;
    uint8_t random = 0;
    (void)ctx;
    with_random.random = statement_random;
    with_random.random_ctx = &random;
    copse_key *key = statement_key(&with_random, 1);
    copse_status status =
        key != NULL ? copse_identity_new(&with_random, key, &identity, NULL) : COPSE_NOMEM;
    if (status == COPSE_OK) {
        status = copse_identity_verify(&with_random, &identity, NULL);
    }
    copse_key_free(key);
    return status;
}

static void test_identity_out_of_memory(void **state)
{
    (void)state;
    assert_in_range(test_env_sweep(statement_identity_run, NULL, 40), 4, 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_items_are_sorted),
        cmocka_unit_test(test_what_breaks_a_rule_is_not_made),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_each_identity_is_another),
        cmocka_unit_test(test_identity_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
