/* Verifying bytes of anyone, and answers from databases of anyone.
 *
 *   byte 0 & 3    what the rest is:
 *       0  the CAR
 *       1  a script that puts a CAR together from the right answer: see fuzz_edit_step
 *       2, 3  a script that changes rows of the database before the answer is made: see fuzz_change
 *   byte 1        the number of the query
 *
 * Whatever comes in: the verifier gives a prefix of the right documents, or of a changed database
 * ends as the maker did; one piece or byte by byte makes no difference; memory is bounded by the
 * size of the CAR.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/answer.h>
#include <copse/batch.h>

#include "query/answer_head.h"
#include "support/answer_support.h"
#include "support/fuzz.h"

#include <stdlib.h>
#include <string.h>

enum {
    FUZZ_DOCUMENTS = 14,
    FUZZ_SECTIONS_MAX = 256,
    FUZZ_OPERATIONS_MAX = 64,
    FUZZ_USES_MAX = 256
};

/* The rest of the input. */
typedef struct fuzz_script {
    const uint8_t *at;
    const uint8_t *end;
} fuzz_script;

static uint8_t fuzz_byte(fuzz_script *script)
{
    return script->at < script->end ? *script->at++ : 0;
}

/* As many bytes as the next one says, or all that are left. */
static copse_bytes fuzz_string(fuzz_script *script)
{
    size_t size = fuzz_byte(script);
    size_t left = (size_t)(script->end - script->at);
    copse_bytes bytes = {script->at, size < left ? size : left};
    script->at += bytes.len;
    return bytes;
}

static void fuzz_query(answer_query *query, uint8_t number)
{
    switch (number % 5) {
    case 0:
        answer_query_init(query, "{\"a\":{\"$gt\":0}}", "a,b", NULL, 0, 3);
        break;
    case 1:
        answer_query_init(query, NULL, "-c", "{\"c\":1}", 1, 0);
        break;
    case 2:
        answer_query_init(query, "{\"$or\":[{\"a\":1},{\"b\":\"x\"}]}", NULL, NULL, 0, 0);
        break;
    case 3:
        answer_query_init(query, "{\"_id\":{\"$in\":[1,5,99]}}", NULL, NULL, 0, 0);
        break;
    default:
        answer_query_init(query, "{\"b\":{\"$gte\":1}}", "b,-c", "{\"b\":1,\"c\":1,\"_id\":0}", 0,
                          2);
        break;
    }
}

/* ---- The right answer, taken apart and put together ------------------------------------------ */

typedef struct fuzz_edit {
    const copse_env *env;
    const answer_query *query;
    copse_bytes right;
    proof_support_section sections[FUZZ_SECTIONS_MAX];
    size_t count;
    size_t next; /* section of the right answer */
    copse_buf *car;
} fuzz_edit;

static void fuzz_append(copse_buf *car, copse_bytes bytes)
{
    fuzz_must(copse_buf_append(car, bytes) == COPSE_OK);
}

/* Appends the section of a block, under its CID. */
static void fuzz_append_block(copse_buf *car, copse_bytes data)
{
    copse_cid cid;
    uint8_t head[10];
    size_t used = 0;
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, data, &cid);
    uint64_t size = cid.size + data.len;
    for (; size >= 0x80; size >>= 7) {
        head[used++] = (uint8_t)(size | 0x80);
    }
    head[used++] = (uint8_t)size;
    fuzz_append(car, (copse_bytes){head, used});
    fuzz_append(car, (copse_bytes){cid.bytes, cid.size});
    fuzz_append(car, data);
}

/* Appends the block that an answer to the query begins with, with `plan` as its plan. */
static void fuzz_append_head(fuzz_edit *edit, copse_bytes plan)
{
    copse_buf query;
    copse_buf block;
    copse_buf_init(&query, edit->env, SIZE_MAX);
    copse_buf_init(&block, edit->env, SIZE_MAX);
    if (copse_dag_cbor_check(plan, &edit->env->limits, COPSE_CBOR_STRICT, NULL) == COPSE_OK) {
        fuzz_must(copse_answer_head_write_query(&edit->query->options, &query, NULL) == COPSE_OK);
        const copse_answer_head head = {plan, copse_buf_view(&query)};
        fuzz_must(copse_answer_head_encode(&head, &block, NULL) == COPSE_OK);
        fuzz_append_block(edit->car, copse_buf_view(&block));
    }
    copse_buf_release(&block);
    copse_buf_release(&query);
}

/* Appends sections [begin, end) of the right answer. */
static void fuzz_append_sections(fuzz_edit *edit, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        const proof_support_section *section = &edit->sections[i];
        fuzz_append(edit->car, (copse_bytes){edit->right.ptr + section->offset, section->size});
    }
}

/* One operation: 0: the next section; 1: all that are left; 2: the one with this number; 3: that,
 * with a bit flipped; 4: bytes; 5: a block of bytes; 6: a first block with bytes as its plan; 7:
 * the next section is passed over. */
static void fuzz_edit_step(fuzz_edit *edit, fuzz_script *script)
{
    uint8_t operation = fuzz_byte(script) % 8;
    size_t index = operation == 2 || operation == 3 ? fuzz_byte(script) % edit->count : edit->next;
    size_t end = operation == 1 || index == edit->count ? edit->count : index + 1;
    if (operation <= 3) {
        fuzz_append_sections(edit, index, end);
    }
    if (operation == 3) {
        size_t back = 1 + fuzz_byte(script) % edit->sections[index].size;
        edit->car->ptr[edit->car->len - back] ^= (uint8_t)(1u << fuzz_byte(script) % 8);
    } else if (operation == 4) {
        fuzz_append(edit->car, fuzz_string(script));
    } else if (operation == 5) {
        fuzz_append_block(edit->car, fuzz_string(script));
    } else if (operation == 6) {
        fuzz_append_head(edit, fuzz_string(script));
    }
    if (operation <= 1 || operation == 7) {
        edit->next = end;
    }
}

static void fuzz_put_together(fuzz_script *script, const answer_world *world,
                              const answer_query *query, copse_bytes right, copse_buf *car)
{
    fuzz_edit edit = {database_world_env(&world->db), query, right, .car = car};
    edit.count = proof_support_sections(edit.env, right, edit.sections, FUZZ_SECTIONS_MAX);
    fuzz_append(car, (copse_bytes){right.ptr, edit.sections[0].offset});
    for (size_t i = 0; i < FUZZ_OPERATIONS_MAX && script->at < script->end; i++) {
        fuzz_edit_step(&edit, script);
    }
}

/* ---- A database of anyone -------------------------------------------------------------------- */

/* One change: 0: a row is removed; 1: another value under its key; 2: the value of another row; 3:
 * a key and a value; 4: bits of the key are changed, and its row doubled so. */
static void fuzz_change(fuzz_script *script, copse_tree *tree, uint64_t count, copse_batch *batch)
{
    uint8_t key[COPSE_KEY_SIZE_BYTES_MAX];
    uint8_t operation = fuzz_byte(script) % 5;
    copse_bytes from = {NULL, 0};
    copse_bytes value = {NULL, 0};
    fuzz_must(copse_tree_nth(tree, fuzz_byte(script) % count, &from, &value, NULL) == COPSE_OK);
    memcpy(key, from.ptr, from.len);
    copse_bytes to = {key, from.len};
    if (operation == 1) {
        value = fuzz_string(script);
    } else if (operation == 2) {
        fuzz_must(copse_tree_nth(tree, fuzz_byte(script) % count, &from, &value, NULL) == COPSE_OK);
    } else if (operation == 3) {
        to = fuzz_string(script);
        value = fuzz_string(script);
    } else if (operation == 4) {
        size_t at = fuzz_byte(script) % to.len;
        key[at] ^= fuzz_byte(script);
    }
    copse_status status = operation == 0 ? copse_batch_delete(batch, to, NULL)
                                         : copse_batch_put(batch, to, value, NULL);
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
}

/* `changed` becomes the world with the script's changes; its tree and database are to be closed.
 * False: it is no database. */
static bool fuzz_change_world(fuzz_script *script, const answer_world *world, answer_world *changed)
{
    copse_batch *batch;
    uint64_t count = 0;
    *changed = *world;
    changed->db.tree = NULL;
    changed->database = NULL;
    fuzz_must(copse_tree_count(world->db.tree, &count, NULL) == COPSE_OK);
    fuzz_must(copse_batch_new(database_world_env(&world->db), &batch, NULL) == COPSE_OK);
    for (size_t i = 0; i < FUZZ_OPERATIONS_MAX && script->at < script->end; i++) {
        fuzz_change(script, world->db.tree, count, batch);
    }
    copse_status status = copse_tree_apply(world->db.tree, batch, world->db.world.store,
                                           &changed->db.tree, NULL, NULL);
    copse_batch_free(batch);
    if (status == COPSE_OK) {
        status = copse_database_open(changed->db.tree, &changed->database, NULL);
    }
    fuzz_must(status == COPSE_OK || status == COPSE_CORRUPT || status == COPSE_LIMIT);
    return status == COPSE_OK;
}

/* ---- Verifying ------------------------------------------------------------------------------- */

/* Verifies in pieces; folds the documents into a number, and the fault. */
static copse_status fuzz_verify(const copse_cid *root, const answer_query *query, copse_bytes car,
                                size_t piece, uint64_t *ret_sum)
{
    test_env test;
    copse_answer_verifier *verifier;
    copse_bytes document;
    copse_status status = COPSE_WANT;
    uint64_t sum = 0;
    test_env_init(&test);
    fuzz_must(copse_answer_verifier_new(&test.env, root, &query->options, NULL, &verifier, NULL) ==
              COPSE_OK);
    for (size_t at = 0; status == COPSE_WANT; at += piece) {
        if (at < car.len) {
            size_t left = car.len - at;
            const copse_bytes bytes = {car.ptr + at, left < piece ? left : piece};
            fuzz_must(copse_answer_verifier_feed(verifier, bytes, NULL) == COPSE_OK);
        } else {
            copse_answer_verifier_feed_end(verifier);
        }
        while ((status = copse_answer_verifier_next(verifier, &document, NULL)) == COPSE_OK) {
            for (size_t i = 0; i < document.len; i++) {
                sum = (sum ^ document.ptr[i]) * 0x100000001b3u;
            }
        }
    }
    *ret_sum = sum + (uint64_t)copse_answer_verifier_fault(verifier);
    copse_answer_verifier_free(verifier);
    fuzz_must(test.size_bytes == 0);
    /* A running query takes some 200 KiB; then blocks, what is decoded of them, and documents. */
    fuzz_must(test.peak_bytes <= (1 << 19) + 64 * car.len);
    return status;
}

static copse_status fuzz_verify_both(const copse_cid *root, const answer_query *query,
                                     copse_bytes car)
{
    uint64_t sums[2];
    copse_status whole = fuzz_verify(root, query, car, car.len + 1, &sums[0]);
    copse_status bytewise = fuzz_verify(root, query, car, 1, &sums[1]);
    fuzz_must(whole == bytewise && sums[0] == sums[1]);
    fuzz_must(whole == COPSE_END || whole == COPSE_CORRUPT || whole == COPSE_LIMIT);
    return whole;
}

/* Against the fixed database: what is given out is right. */
static void fuzz_run_answer(fuzz_script *script, answer_world *world, const answer_query *query,
                            bool edits)
{
    answer_expected expected;
    copse_buf right;
    copse_buf car;
    const copse_cid *root = copse_tree_root(world->db.tree);
    answer_expected_init(&expected, world, &query->options);
    copse_buf_init(&car, database_world_env(&world->db), SIZE_MAX);
    fuzz_must(answer_support_make(world, NULL, &query->options, NULL, &right, NULL, NULL) ==
              COPSE_END);
    if (edits) {
        fuzz_put_together(script, world, query, copse_buf_view(&right), &car);
    } else {
        fuzz_append(&car, (copse_bytes){script->at, (size_t)(script->end - script->at)});
    }
    copse_status status = fuzz_verify_both(root, query, copse_buf_view(&car));
    answer_verdict verdict =
        answer_support_verify(database_world_env(&world->db), root, &query->options, NULL,
                              copse_buf_view(&car), car.len + 1, &expected);
    fuzz_must(verdict.status == status && verdict.fault != COPSE_ANSWER_BROKEN_ROOT);
    copse_buf_release(&right);
    copse_buf_release(&car);
    answer_expected_release(&expected);
}

/* The verifier of an answer from the world ends as the maker did. */
static void fuzz_run_made(answer_world *world, const answer_query *query)
{
    copse_buf car;
    copse_status status = answer_support_make(world, NULL, &query->options, NULL, &car, NULL, NULL);
    if (car.len > 0) {
        /* WANT: a link to nothing, where the answer is cut short. */
        fuzz_must(fuzz_verify_both(copse_tree_root(world->db.tree), query, copse_buf_view(&car)) ==
                  (status == COPSE_WANT ? COPSE_CORRUPT : status));
    }
    copse_buf_release(&car);
}

static void fuzz_run_changed(fuzz_script *script, const answer_world *world,
                             const answer_query *query)
{
    answer_world changed;
    if (fuzz_change_world(script, world, &changed)) {
        fuzz_run_made(&changed, query);
    }
    copse_database_close(changed.database);
    copse_tree_close(changed.db.tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Made anew now and then, since all changed trees stay in its store. */
    static answer_world world;
    static unsigned uses;
    fuzz_script script = {data, data + size};
    uint8_t kind = fuzz_byte(&script) & 3;
    answer_query query;
    if (uses++ % FUZZ_USES_MAX == 0) {
        if (uses > 1) {
            answer_world_release(&world);
        }
        answer_world_init_random(&world, 3, FUZZ_DOCUMENTS);
    }
    fuzz_query(&query, fuzz_byte(&script));
    if (kind < 2) {
        fuzz_run_answer(&script, &world, &query, kind == 1);
    } else {
        fuzz_run_changed(&script, &world, &query);
    }
    answer_query_release(&query);
    return 0;
}
