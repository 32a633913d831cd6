/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "sync/fetch_answer.h"

#include "base/err.h"

copse_status copse_fetch_answer_init(copse_fetch_answer *answer, const copse_env *env,
                                     const copse_cid *cid, copse_err *err)
{
    *answer = (copse_fetch_answer){.reader = NULL};
    if (cid == NULL) {
        return copse_car_reader_new(env, NULL, &answer->reader, err);
    }
    answer->cid = *cid;
    copse_buf_init(&answer->buf, env, env->limits.foreign_size_bytes_max);
    return COPSE_OK;
}

void copse_fetch_answer_release(copse_fetch_answer *answer)
{
    answer->reader = copse_car_reader_free(answer->reader);
    copse_buf_release(&answer->buf);
    *answer = (copse_fetch_answer){.reader = NULL};
}

copse_status copse_fetch_answer_feed(copse_fetch_answer *answer, copse_bytes bytes, copse_err *err)
{
    if (answer->reader != NULL) {
        return copse_car_reader_feed(answer->reader, bytes, err);
    }
    copse_status status = copse_buf_append(&answer->buf, bytes);
    if (status == COPSE_LIMIT) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the answer is longer than a block may be, %zu bytes",
                         answer->buf.max);
    }
    return status == COPSE_OK ? status : COPSE_ERR_NOMEM(err);
}

void copse_fetch_answer_feed_end(copse_fetch_answer *answer)
{
    answer->ended = true;
    if (answer->reader != NULL) {
        copse_car_reader_feed_end(answer->reader);
    }
}

/* Only the header that the format names: there is nothing else to believe in it. */
static copse_status fetch_answer_check_header(const copse_car_header *header, copse_err *err)
{
    static const copse_cid marker = {.size = 4, .bytes = {1, COPSE_CODEC_RAW, 0, 0}};
    if (header->version != 1 || header->roots_count != 1 ||
        !copse_cid_equal(&header->roots[0], &marker)) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the CAR's header is not that of a batch");
    }
    return COPSE_OK;
}

static copse_status fetch_answer_next_section(copse_fetch_answer *answer, copse_cid *ret_cid,
                                              copse_bytes *ret_data, copse_err *err)
{
    copse_car_item item = {.kind = COPSE_CAR_HEADER};
    copse_status status = COPSE_OK;
    while (status == COPSE_OK && item.kind != COPSE_CAR_SECTION) {
        status = copse_car_reader_next(answer->reader, &item, err);
        if (status == COPSE_OK && item.kind == COPSE_CAR_HEADER) {
            status = fetch_answer_check_header(item.header, err);
        }
    }
    if (status == COPSE_LIMIT || status == COPSE_MISUSE) {
        return COPSE_ERR(err, COPSE_CORRUPT, "the CAR holds what was not asked for: %s",
                         status == COPSE_LIMIT ? "a section that is too long" : "an unknown hash");
    }
    if (status == COPSE_OK) {
        *ret_cid = item.cid;
        *ret_data = item.data;
    }
    return status;
}

copse_status copse_fetch_answer_next(copse_fetch_answer *answer, copse_cid *ret_cid,
                                     copse_bytes *ret_data, copse_err *err)
{
    if (answer->reader != NULL) {
        return fetch_answer_next_section(answer, ret_cid, ret_data, err);
    }
    if (!answer->ended || answer->is_read) {
        return answer->ended ? COPSE_END : COPSE_WANT;
    }
    copse_bytes data = copse_buf_view(&answer->buf);
    copse_status status = copse_cid_verify(&answer->cid, data, err);
    if (status == COPSE_OK) {
        answer->is_read = true;
        *ret_cid = answer->cid;
        *ret_data = data;
    }
    return status;
}
