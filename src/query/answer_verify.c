/* Verifying answers. answer_run.h has the run that maker and verifier share, and its order.
 *
 *   F1  The run's source holds nothing but blocks that the run wanted, each compared with the CID
 *       that was wanted before it is hashed, and hashed before it is parsed. So what the run finds
 *       is what the root contains.
 *   F2  Each block of the CAR behind the first is the one that the run wants next; at the run's end
 *       the CAR ends.
 *   F3  The plan is looked at when the catalogue is known: it must be what its choices make of this
 *       query (planner.h, L1).
 *   F4  Memory is the blocks that came, what is decoded of them, and what the query may hold.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <copse/answer.h>

#include "base/alloc.h"
#include "base/err.h"
#include "query/answer_head.h"
#include "query/answer_run.h"
#include "query/plan.h"

typedef enum answer_verify_stage {
    ANSWER_VERIFY_HEADER,
    ANSWER_VERIFY_HEAD, /* the first block */
    ANSWER_VERIFY_RUN,
    ANSWER_VERIFY_TAIL, /* the run has ended: nothing may follow */
    ANSWER_VERIFY_ENDED
} answer_verify_stage;

struct copse_answer_verifier {
    const copse_env *env;
    copse_answer_run run;
    copse_store *store; /* borrowed; may be NULL */
    copse_status (*block)(void *ctx, copse_block *block, copse_err *err);
    void *block_ctx;
    copse_buf query; /* encoded */
    copse_buf plan;
    copse_car_reader *reader;
    answer_verify_stage stage;
    copse_cid want; /* size 0: the run is not waiting for a block */
    bool ended;     /* no more bytes come; the reader is told when it has read all others */
    copse_status failed;
    copse_answer_fault fault;
    copse_answer_stats stats;
};

/* ---- Beginning ------------------------------------------------------------------------------- */

static copse_status answer_verifier_init(copse_answer_verifier *verifier, const copse_cid *root,
                                         const copse_query_options *query,
                                         const copse_answer_verifier_options *options,
                                         copse_err *err)
{
    static const copse_car_reader_options reading = {.verify = COPSE_CAR_VERIFY_NONE};
    const copse_env *env = verifier->env;
    copse_buf_init(&verifier->query, env, SIZE_MAX);
    copse_buf_init(&verifier->plan, env, SIZE_MAX);
    verifier->store = options->store;
    verifier->block = options->block;
    verifier->block_ctx = options->block_ctx;
    copse_status status = copse_answer_run_init(&verifier->run, env, root, query, options->have,
                                                options->have_count, err);
    if (status == COPSE_OK) {
        status = copse_answer_head_write_query(query, &verifier->query, err);
    }
    return status == COPSE_OK ? copse_car_reader_new(env, &reading, &verifier->reader, err)
                              : status;
}

copse_status copse_answer_verifier_new(const copse_env *env, const copse_cid *root,
                                       const copse_query_options *query,
                                       const copse_answer_verifier_options *options,
                                       copse_answer_verifier **ret_verifier, copse_err *err)
{
    const copse_answer_verifier_options none = {.have = NULL};
    options = options != NULL ? options : &none;
    if (copse_cid_verify(root, (copse_bytes){NULL, 0}, err) == COPSE_MISUSE) {
        return COPSE_MISUSE;
    }
    if (options->have_count > 0 && options->store == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "blocks to have, and no store to take them from");
    }
    copse_answer_verifier *verifier = copse_alloc_zeroed(env, sizeof *verifier);
    if (verifier == NULL) {
        return COPSE_ERR_NOMEM(err);
    }
    verifier->env = env;
    copse_status status = answer_verifier_init(verifier, root, query, options, err);
    if (status != COPSE_OK) {
        copse_answer_verifier_free(verifier);
        return status;
    }
    *ret_verifier = verifier;
    return COPSE_OK;
}

copse_answer_verifier *copse_answer_verifier_free(copse_answer_verifier *verifier)
{
    if (verifier != NULL) {
        copse_answer_run_release(&verifier->run);
        copse_car_reader_free(verifier->reader);
        copse_buf_release(&verifier->query);
        copse_buf_release(&verifier->plan);
        copse_free(verifier->env, verifier, sizeof *verifier);
    }
    return NULL;
}

copse_status copse_answer_verifier_feed(copse_answer_verifier *verifier, copse_bytes bytes,
                                        copse_err *err)
{
    if (verifier->ended) {
        return COPSE_ERR(err, COPSE_MISUSE, "bytes after the announced end of the answer");
    }
    return copse_car_reader_feed(verifier->reader, bytes, err);
}

void copse_answer_verifier_feed_end(copse_answer_verifier *verifier)
{
    verifier->ended = true;
}

/* ---- What comes ------------------------------------------------------------------------------ */

/* Notes why the answer is refused. */
static copse_status answer_refuse(copse_answer_verifier *verifier, copse_answer_fault fault)
{
    verifier->fault = fault;
    return COPSE_CORRUPT;
}

/* The next item of the CAR. WANT; END: there are no more. */
static copse_status answer_read(copse_answer_verifier *verifier, copse_car_item *ret_item,
                                copse_err *err)
{
    copse_status status = copse_car_reader_next(verifier->reader, ret_item, err);
    copse_answer_fault fault = COPSE_ANSWER_NO_CAR;
    if (status == COPSE_WANT && verifier->ended) {
        copse_car_reader_feed_end(verifier->reader);
        status = copse_car_reader_next(verifier->reader, ret_item, err);
        fault = COPSE_ANSWER_CUT_SHORT;
    }
    if (status == COPSE_OK) {
        verifier->stats.size_bytes += ret_item->size;
        verifier->stats.blocks += ret_item->kind == COPSE_CAR_SECTION;
    }
    return status == COPSE_CORRUPT ? answer_refuse(verifier, fault) : status;
}

static copse_status answer_refuse_short(copse_answer_verifier *verifier, const copse_cid *want,
                                        copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX] = "with the plan";
    if (want != NULL) {
        copse_cid_to_text(want, COPSE_BASE32, text);
    }
    (void)COPSE_ERR(
        err, COPSE_CORRUPT, "the answer is cut short after %llu blocks: the query needs %s%s next",
        (unsigned long long)verifier->stats.blocks, want != NULL ? "" : "the block ", text);
    return answer_refuse(verifier, COPSE_ANSWER_CUT_SHORT);
}

static copse_status answer_check_header(copse_answer_verifier *verifier, copse_err *err)
{
    char texts[2][COPSE_CID_TEXT_SIZE_MAX];
    copse_car_item item;
    copse_status status = answer_read(verifier, &item, err);
    if (status != COPSE_OK) {
        return status == COPSE_END ? answer_refuse_short(verifier, NULL, err) : status;
    }
    if (item.header->version != 1 || item.header->roots_count != 1) {
        (void)COPSE_ERR(err, COPSE_CORRUPT, "a CAR of version %llu with %zu roots is no answer",
                        (unsigned long long)item.header->version, item.header->roots_count);
        return answer_refuse(verifier, COPSE_ANSWER_NO_CAR);
    }
    if (!copse_cid_equal(&item.header->roots[0], &verifier->run.root)) {
        copse_cid_to_text(&item.header->roots[0], COPSE_BASE32, texts[0]);
        copse_cid_to_text(&verifier->run.root, COPSE_BASE32, texts[1]);
        (void)COPSE_ERR(err, COPSE_CORRUPT, "the answer is of another root, %s instead of %s",
                        texts[0], texts[1]);
        return answer_refuse(verifier, COPSE_ANSWER_OTHER_ROOT);
    }
    return COPSE_OK;
}

static copse_status answer_refuse_damaged(copse_answer_verifier *verifier, copse_err *err)
{
    (void)COPSE_ERR(err, COPSE_CORRUPT, "block %llu of the answer does not hash to its CID",
                    (unsigned long long)verifier->stats.blocks);
    return answer_refuse(verifier, COPSE_ANSWER_DAMAGED_BLOCK);
}

/* Checks that the block of `item`, which the root leads to, is what its CID says. */
static copse_status answer_check_hash(copse_answer_verifier *verifier, const copse_car_item *item,
                                      copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_status status = copse_cid_verify(&item->cid, item->data, err);
    if (status == COPSE_CORRUPT) {
        return answer_refuse_damaged(verifier, err);
    }
    if (status == COPSE_MISUSE) {
        copse_cid_to_text(&item->cid, COPSE_BASE32, text);
        (void)COPSE_ERR(err, COPSE_CORRUPT, "the root leads to %s, a hash that isn't known here",
                        text);
        return answer_refuse(verifier, COPSE_ANSWER_BROKEN_ROOT);
    }
    return status;
}

/* ---- The first block ------------------------------------------------------------------------- */

static copse_status answer_check_query(copse_answer_verifier *verifier, copse_bytes query,
                                       copse_err *err)
{
    copse_bytes asked = copse_buf_view(&verifier->query);
    if (copse_bytes_equal(asked, query)) {
        return COPSE_OK;
    }
    const char *field = copse_answer_head_difference(asked, query);
    if (field == NULL) {
        (void)COPSE_ERR(err, COPSE_CORRUPT, "the answer says no query that it is for");
        return answer_refuse(verifier, COPSE_ANSWER_NO_ANSWER);
    }
    (void)COPSE_ERR(err, COPSE_CORRUPT, "the answer is to another query: its %s is another", field);
    return answer_refuse(verifier, COPSE_ANSWER_OTHER_QUERY);
}

/* Keeps the plan, if it is one; whether it is right is seen later (F3). */
static copse_status answer_keep_plan(copse_answer_verifier *verifier, copse_bytes encoded,
                                     copse_err *err)
{
    copse_arena arena;
    copse_plan plan;
    copse_arena_init(&arena, verifier->env);
    copse_status status = copse_plan_decode(&arena, encoded, &verifier->env->limits, &plan, err);
    copse_arena_release(&arena);
    if (status == COPSE_CORRUPT) {
        return answer_refuse(verifier, COPSE_ANSWER_WRONG_PLAN);
    }
    if (status == COPSE_OK) {
        status = copse_buf_append(&verifier->plan, encoded);
        status = status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
    }
    verifier->run.plan = copse_buf_view(&verifier->plan);
    return status;
}

static copse_status answer_check_head(copse_answer_verifier *verifier, copse_err *err)
{
    copse_car_item item;
    copse_answer_head head;
    copse_cid cid;
    copse_err why;
    copse_status status = answer_read(verifier, &item, err);
    if (status != COPSE_OK) {
        return status == COPSE_END ? answer_refuse_short(verifier, NULL, err) : status;
    }
    copse_cid_of_data(COPSE_CODEC_DAG_CBOR, item.data, &cid);
    if (!copse_cid_equal(&cid, &item.cid)) {
        return answer_refuse_damaged(verifier, err);
    }
    status = copse_answer_head_decode(item.data, &verifier->env->limits, &head, &why);
    if (status != COPSE_OK) {
        (void)COPSE_ERR(err, status, "the first block is not that of an answer: %s", why.message);
        return status == COPSE_CORRUPT ? answer_refuse(verifier, COPSE_ANSWER_NO_ANSWER) : status;
    }
    status = answer_check_query(verifier, head.query, err);
    return status == COPSE_OK ? answer_keep_plan(verifier, head.plan, err) : status;
}

/* ---- The blocks of the database -------------------------------------------------------------- */

/* Gives the run a block that the asker has. */
static copse_status answer_supply_own(copse_answer_verifier *verifier, const copse_cid *want,
                                      copse_err *err)
{
    copse_block *block = NULL;
    copse_status status = copse_store_get(verifier->store, want, &block, err);
    if (status == COPSE_OK) {
        status = copse_source_supply_block(verifier->run.source, block, err);
        copse_block_unref(block);
    }
    if (status == COPSE_OK) {
        verifier->stats.had++;
    }
    return status;
}

/* Gives the run a block that came (F1). */
static copse_status answer_supply_item(copse_answer_verifier *verifier, const copse_car_item *item,
                                       copse_err *err)
{
    copse_block *block = NULL;
    copse_status status = copse_block_new(verifier->env, &item->cid, item->data, &block, err);
    if (status == COPSE_OK) {
        status = copse_source_supply_block(verifier->run.source, block, err);
    }
    if (status == COPSE_OK && verifier->block != NULL) {
        status = verifier->block(verifier->block_ctx, block, err);
        if (status > 0) {
            status = COPSE_ERR(err, COPSE_MISUSE, "a receiver of blocks answered %s",
                               copse_status_name(status));
        }
    }
    copse_block_unref(block);
    return status;
}

/* F2 */
static copse_status answer_supply(copse_answer_verifier *verifier, const copse_cid *want,
                                  copse_err *err)
{
    char texts[2][COPSE_CID_TEXT_SIZE_MAX];
    copse_car_item item;
    if (copse_cid_set_has(&verifier->run.have, want)) {
        return answer_supply_own(verifier, want, err);
    }
    copse_status status = answer_read(verifier, &item, err);
    if (status != COPSE_OK) {
        return status == COPSE_END ? answer_refuse_short(verifier, want, err) : status;
    }
    if (!copse_cid_equal(&item.cid, want)) {
        copse_cid_to_text(&item.cid, COPSE_BASE32, texts[0]);
        copse_cid_to_text(want, COPSE_BASE32, texts[1]);
        (void)COPSE_ERR(err, COPSE_CORRUPT,
                        "block %llu of the answer is %s, but the query needs %s",
                        (unsigned long long)verifier->stats.blocks, texts[0], texts[1]);
        return answer_refuse(verifier, COPSE_ANSWER_OTHER_BLOCK);
    }
    status = answer_check_hash(verifier, &item, err);
    return status == COPSE_OK ? answer_supply_item(verifier, &item, err) : status;
}

/* Runs to the next document, END, or the next want. */
static copse_status answer_run_on(copse_answer_verifier *verifier, copse_bytes *ret_document,
                                  copse_err *err)
{
    copse_status status = copse_answer_run_next(&verifier->run, ret_document, &verifier->want, err);
    if (status == COPSE_CORRUPT) {
        return answer_refuse(verifier, COPSE_ANSWER_BROKEN_ROOT);
    }
    if (status == COPSE_DENIED) {
        if (err != NULL) {
            err->status = COPSE_CORRUPT;
        }
        return answer_refuse(verifier, COPSE_ANSWER_WRONG_PLAN);
    }
    verifier->stats.documents += status == COPSE_OK;
    return status;
}

/* The next document. END: the run has ended. WANT: its next block has not come. */
static copse_status answer_run(copse_answer_verifier *verifier, copse_bytes *ret_document,
                               copse_err *err)
{
    for (;;) {
        copse_status status;
        if (verifier->want.size == 0) {
            status = answer_run_on(verifier, ret_document, err);
            if (status != COPSE_WANT) {
                return status;
            }
        }
        status = answer_supply(verifier, &verifier->want, err);
        if (status != COPSE_OK) {
            return status;
        }
        verifier->want.size = 0;
    }
}

static copse_status answer_check_tail(copse_answer_verifier *verifier, copse_err *err)
{
    char text[COPSE_CID_TEXT_SIZE_MAX];
    copse_car_item item;
    copse_status status = answer_read(verifier, &item, err);
    if (status != COPSE_OK) {
        return status;
    }
    copse_cid_to_text(&item.cid, COPSE_BASE32, text);
    (void)COPSE_ERR(err, COPSE_CORRUPT,
                    "block %llu of the answer, %s, is left over: the query needs no more",
                    (unsigned long long)verifier->stats.blocks, text);
    return answer_refuse(verifier, COPSE_ANSWER_LEFT_OVER);
}

/* What the present stage has to do. OK: it is over; in RUN, there is a document. */
static copse_status answer_verify_step(copse_answer_verifier *verifier, copse_bytes *ret_document,
                                       copse_err *err)
{
    switch (verifier->stage) {
    case ANSWER_VERIFY_HEADER:
        return answer_check_header(verifier, err);
    case ANSWER_VERIFY_HEAD:
        return answer_check_head(verifier, err);
    case ANSWER_VERIFY_RUN:
        return answer_run(verifier, ret_document, err);
    case ANSWER_VERIFY_TAIL:
        return answer_check_tail(verifier, err);
    default:
        return COPSE_END;
    }
}

copse_status copse_answer_verifier_next(copse_answer_verifier *verifier, copse_bytes *ret_document,
                                        copse_err *err)
{
    if (verifier->failed != COPSE_OK) {
        return COPSE_ERR(err, verifier->failed, "the answer was refused before");
    }
    copse_bytes document;
    for (;;) {
        answer_verify_stage stage = verifier->stage;
        copse_status status = answer_verify_step(verifier, &document, err);
        if (status == COPSE_OK && stage == ANSWER_VERIFY_RUN) {
            *ret_document = document;
            return COPSE_OK;
        }
        bool over = status == COPSE_OK || (status == COPSE_END && stage < ANSWER_VERIFY_ENDED);
        if (!over) {
            verifier->failed = status < 0 ? status : COPSE_OK;
            return status;
        }
        verifier->stage = stage + 1;
    }
}

copse_answer_fault copse_answer_verifier_fault(const copse_answer_verifier *verifier)
{
    return verifier->fault;
}

copse_answer_stats copse_answer_verifier_stats(const copse_answer_verifier *verifier)
{
    copse_answer_stats stats = verifier->stats;
    stats.claims = copse_answer_run_uses_index(&verifier->run);
    return stats;
}

/* ---- The verified plan ----------------------------------------------------------------------- */

copse_result_stats copse_answer_verifier_result_stats(const copse_answer_verifier *verifier)
{
    const copse_result *result = verifier->run.result;
    return result != NULL ? copse_result_get_stats(result) : (copse_result_stats){0};
}

copse_bytes copse_answer_verifier_plan(const copse_answer_verifier *verifier)
{
    return verifier->run.result != NULL ? copse_buf_view(&verifier->plan) : (copse_bytes){NULL, 0};
}

copse_status copse_answer_verifier_explain(const copse_answer_verifier *verifier, copse_buf *buf,
                                           copse_err *err)
{
    if (verifier->run.result == NULL) {
        return COPSE_ERR(err, COPSE_MISUSE, "the answer's plan is not verified yet");
    }
    return copse_result_explain(verifier->run.result, buf, err);
}
